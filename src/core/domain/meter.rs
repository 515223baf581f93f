//! Meters: intervals during which something is charged. They open and close in the same commit as the state change that causes it (D8).

use super::disk::DiskKind;
use super::ids::{AccountId, FlavorId, MeterId, ProjectId, RegionId, Subject};
use super::money::Money;
use super::price::SECONDS_PER_MONTH;
use super::size::GB;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What a meter charges for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Charge {
    /// Keeping an image: `quantity_bytes` × rate per GB and month (P11).
    ImageStorage,
    /// Keeping a disk: `quantity_bytes` × rate per GB and month.
    Disk {
        /// Its kind.
        disk_kind: DiskKind,
    },
    /// Running a machine: rate per hour.
    Running {
        /// Its type.
        flavor: FlavorId,
    },
}

/// An interval during which something is charged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meter {
    /// Its id.
    pub id: MeterId,
    /// What is charged.
    pub subject: Subject,
    /// Its name when the meter opened, so that a bill still reads well after the thing is gone.
    pub name: String,
    /// Who pays.
    pub account: AccountId,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub charge: Charge,
    /// Bytes charged; zero where the charge is per hour.
    pub quantity_bytes: u64,
    /// The rate: per GB and month, or per hour.
    pub rate: Money,
    /// From when, inclusive, counted in whole seconds.
    pub from: Timestamp,
    /// Until when, exclusive; open while `None`.
    pub to: Option<Timestamp>,
}

impl Meter {
    /// What the interval costs up to `now` (P11, P12): to the second, so the last partial hour is charged pro rata; rounded half up once.
    /// A clock that stepped back charges nothing rather than a negative amount.
    pub fn cost(&self, now: Timestamp) -> Money {
        let end = self.to.unwrap_or(now);
        let seconds = u128::try_from(end.seconds().saturating_sub(self.from.seconds())).unwrap_or(0);
        match self.charge {
            Charge::ImageStorage | Charge::Disk { .. } => {
                let bytes = u128::from(self.quantity_bytes);
                self.rate
                    .scaled(bytes.saturating_mul(seconds), u128::from(GB) * u128::from(SECONDS_PER_MONTH))
            }
            Charge::Running { .. } => self.rate.scaled(seconds, 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn meter(quantity_bytes: u64, rate: i64, from_s: i64, to_s: Option<i64>) -> Meter {
        Meter {
            id: MeterId(Uuid::nil()),
            subject: Subject::Image(Uuid::nil().into()),
            name: "web".to_owned(),
            account: Uuid::nil().into(),
            project: Uuid::nil().into(),
            region: "north-1".into(),
            charge: Charge::ImageStorage,
            quantity_bytes,
            rate: Money(rate),
            from: Timestamp::from_seconds(from_s),
            to: to_s.map(Timestamp::from_seconds),
        }
    }

    #[test]
    fn a_month_of_ten_gigabytes_costs_ten_times_the_rate() {
        let month = i64::try_from(SECONDS_PER_MONTH).expect("fits");
        assert_eq!(meter(10 * GB, 50_000, 0, Some(month)).cost(Timestamp(0)), Money(500_000));
    }

    #[test]
    fn the_last_partial_hour_is_charged_pro_rata() {
        let hour = meter(730 * GB, 50_000, 0, Some(3600)).cost(Timestamp(0));
        let half = meter(730 * GB, 50_000, 0, Some(1800)).cost(Timestamp(0));
        assert_eq!((hour, half), (Money(50_000), Money(25_000)));
    }

    #[test]
    fn a_clock_that_stepped_back_charges_nothing() {
        assert_eq!(meter(GB, 50_000, 100, None).cost(Timestamp::from_seconds(50)), Money::ZERO);
    }

    proptest! {
        #[test]
        fn cost_never_falls_as_time_passes(bytes in 0u64..1 << 50, rate in 0i64..10_000_000, a in 0i64..1 << 32, b in 0i64..1 << 32) {
            let m = meter(bytes, rate, 0, None);
            let (early, late) = (a.min(b), a.max(b));
            prop_assert!(m.cost(Timestamp::from_seconds(early)) <= m.cost(Timestamp::from_seconds(late)));
        }
    }
}
