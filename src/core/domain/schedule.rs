//! Schedules: when a snapshot of a machine is made by itself, how many of them are kept, and what came of the last try. All times are UTC;
//! nothing here asks what time it is.

use super::error::Reason;
use super::ids::{AccountId, InstanceId, ProjectId, RegionId, ScheduleId, SnapshotId};
use super::instance::Instance;
use super::region::Switch;
use super::snapshot::Which;
use super::text::{Name, counted};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The epoch began on a Thursday; the Monday before it was three days earlier.
const FIRST_MONDAY_MS: i64 = -3 * DAY_MS;

/// Numbers of hours that a day can be divided into.
pub const HOURS: [u32; 7] = [1, 2, 3, 4, 6, 8, 12];
/// Most snapshots of a schedule that are kept.
pub const KEEP_MAX: u32 = 365;

/// A day of the week.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// Every day, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Monday => "Monday",
            Self::Tuesday => "Tuesday",
            Self::Wednesday => "Wednesday",
            Self::Thursday => "Thursday",
            Self::Friday => "Friday",
            Self::Saturday => "Saturday",
            Self::Sunday => "Sunday",
        }
    }

    const fn days_after_monday(self) -> i64 {
        match self {
            Self::Monday => 0,
            Self::Tuesday => 1,
            Self::Wednesday => 2,
            Self::Thursday => 3,
            Self::Friday => 4,
            Self::Saturday => 5,
            Self::Sunday => 6,
        }
    }
}

impl std::str::FromStr for Weekday {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|day| day.word().eq_ignore_ascii_case(text)).ok_or(())
    }
}

/// A time of day in UTC, to the minute.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl TimeOfDay {
    fn ms(self) -> i64 {
        i64::from(self.hour) * HOUR_MS + i64::from(self.minute) * MINUTE_MS
    }
}

impl std::fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl std::str::FromStr for TimeOfDay {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (hour, minute) = text.trim().split_once(':').ok_or(())?;
        let number = |text: &str, most: u8| match text.parse::<u8>() {
            Ok(n) if n <= most && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
            _ => Err(()),
        };
        Ok(Self { hour: number(hour, 23)?, minute: number(minute, 59)? })
    }
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "every", rename_all = "lowercase")]
pub enum Rhythm {
    /// On the full hour, every so many of them from midnight on.
    Hours {
        /// One of [`HOURS`].
        n: u32,
    },
    /// Every day.
    Day {
        /// When.
        at: TimeOfDay,
    },
    /// Every week.
    Week {
        /// On this day.
        on: Weekday,
        /// When.
        at: TimeOfDay,
    },
}

impl Rhythm {
    /// How long it is from one time to the next, and how far the first one lies after the epoch, both in milliseconds.
    fn beat(self) -> (i64, i64) {
        match self {
            Self::Hours { n } => (i64::from(n.clamp(1, 24)) * HOUR_MS, 0),
            Self::Day { at } => (DAY_MS, at.ms()),
            Self::Week { on, at } => {
                (7 * DAY_MS, FIRST_MONDAY_MS + on.days_after_monday() * DAY_MS + at.ms())
            }
        }
    }

    /// The first time after `moment`; never `moment` itself, and never further away than from one time to the next.
    #[must_use]
    pub fn after(self, moment: Timestamp) -> Timestamp {
        let (period, offset) = self.beat();
        let since = moment.0.saturating_sub(offset);
        Timestamp(since.div_euclid(period).saturating_add(1).saturating_mul(period).saturating_add(offset))
    }

    /// Whether `next` is further away than any time can be: then the clock was set back since it was written down.
    pub fn too_far(self, next: Timestamp, now: Timestamp) -> bool {
        next.since_ms(now) > self.beat().0
    }

    /// `every hour`, `every 6 hours`, `every day at 03:00`, `every Sunday at 03:00`; times are UTC.
    pub fn words(self) -> String {
        match self {
            Self::Hours { n: 1 } => "every hour".to_owned(),
            Self::Hours { n } => format!("every {}", counted(n, "hour")),
            Self::Day { at } => format!("every day at {at} UTC"),
            Self::Week { on, at } => format!("every {} at {at} UTC", on.word()),
        }
    }
}

/// What came of the last try.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastTry {
    /// When.
    pub at: Timestamp,
    /// The snapshot it made, or began to make; that may be gone by now.
    pub snapshot: Option<SnapshotId>,
    /// Why there is none, in words.
    pub trouble: Option<String>,
}

/// A plan that makes snapshots of a machine by itself and keeps the newest of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Who pays for what it makes.
    pub account: AccountId,
    /// Which project owns it.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// The machine.
    pub instance: InstanceId,
    /// That machine's name when the schedule was made.
    pub name: Name,
    /// Which disks.
    pub what: Which,
    /// The one disk it takes, as it was called when that was chosen, such as `data-1, ssd, 10 GiB`; empty for the others.
    pub disk: String,
    /// Since when the machine has that disk no more. It takes nothing from then on, until somebody chooses another.
    pub gone: Option<Timestamp>,
    /// How often.
    pub rhythm: Rhythm,
    /// How many snapshots of its own it keeps.
    pub keep: u32,
    /// Whether it makes any at present.
    pub on: Switch,
    /// When the next one is due.
    pub next: Timestamp,
    /// What came of the last try.
    pub last: Option<LastTry>,
    /// Its available snapshots, oldest first. Read and rewritten with them, so that no two commits keep too many.
    pub made: Vec<SnapshotId>,
    /// Who made it, as the audit trail names them.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// Rises with every edit by a person.
    pub revision: u32,
}

impl Schedule {
    /// `system disk, every day at 03:00 UTC, 7 kept`.
    pub fn words(&self) -> String {
        format!("{}, {}, {} kept", self.disks(), self.rhythm.words(), self.keep)
    }

    /// Which disks, in words.
    pub fn disks(&self) -> String {
        match self.what {
            Which::System => "system disk".to_owned(),
            Which::All => "all disks".to_owned(),
            Which::Disk(_) => self.disk.clone(),
        }
    }

    /// Takes these disks of its machine from now on. Its system disk is that of the role, so that it stays when that is replaced.
    ///
    /// # Errors
    /// What they are refused with ([`Which::of`]).
    pub fn choose(&mut self, what: Which, machine: &Instance) -> Result<(), Reason> {
        what.of(machine)?;
        (self.what, self.disk) = match machine.disks.iter().find(|disk| what == Which::Disk(disk.id)) {
            Some(disk) if disk.id == machine.system_disk().id => (Which::System, String::new()),
            Some(disk) => (what, machine.disk_label(disk)),
            None => (what, String::new()),
        };
        self.gone = None;
        Ok(())
    }

    /// Whether the one disk that it takes is none of its machine's.
    pub fn misses(&self, machine: &Instance) -> bool {
        matches!(self.what, Which::Disk(id) if machine.disks.iter().all(|disk| disk.id != id))
    }

    /// Whether it takes anything at all: it is on, and what it takes is there.
    ///
    /// # Errors
    /// `schedule_off`; `schedule_disk_gone`.
    pub fn works(&self) -> Result<(), Reason> {
        if let Some(since) = self.gone {
            return Err(Reason::new(
                "schedule_disk_gone",
                format!("A schedule takes a disk that {} has.", self.name),
                format!("The disk {} is gone since {}.", self.disk, since.day()),
                "Change the schedule to another disk, or delete it.",
            ));
        }
        match self.on {
            Switch::On => Ok(()),
            Switch::Off => Err(Reason::new(
                "schedule_off",
                "A schedule takes nothing while it is off.",
                format!("That of {} is off.", self.name),
                "Turn it on first.",
            )),
        }
    }

    /// Whether it is due at `now`.
    pub fn due(&self, now: Timestamp) -> bool {
        self.works().is_ok() && (self.next <= now || self.rhythm.too_far(self.next, now))
    }

    /// Takes a new snapshot in and gives those that are too many now, oldest first.
    pub fn keep_new(&mut self, new: SnapshotId) -> Vec<SnapshotId> {
        self.made.push(new);
        let keep = usize::try_from(self.keep.max(1)).unwrap_or(usize::MAX);
        let n_old = self.made.len().saturating_sub(keep);
        self.made.drain(..n_old).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::DiskRole;
    use super::super::ids::DiskId;
    use super::super::instance::{Disk, Status, tests::instance};
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn rhythms() -> impl Strategy<Value = Rhythm> {
        let at = || (0u8..24, 0u8..60).prop_map(|(hour, minute)| TimeOfDay { hour, minute });
        prop_oneof![
            select(HOURS.to_vec()).prop_map(|n| Rhythm::Hours { n }),
            at().prop_map(|at| Rhythm::Day { at }),
            (select(Weekday::ALL.to_vec()), at()).prop_map(|(on, at)| Rhythm::Week { on, at }),
        ]
    }

    fn after(rhythm: Rhythm, seconds: i64) -> String {
        rhythm.after(Timestamp::from_seconds(seconds)).rfc3339()
    }

    #[test]
    fn times_are_what_the_calendar_says() {
        // Wednesday, 18 November 2026, 15:58:03 UTC.
        let now = 1_795_017_483;
        let at = TimeOfDay { hour: 3, minute: 30 };
        assert_eq!(after(Rhythm::Hours { n: 1 }, now), "2026-11-18T16:00:00Z");
        assert_eq!(after(Rhythm::Hours { n: 6 }, now), "2026-11-18T18:00:00Z");
        assert_eq!(after(Rhythm::Day { at }, now), "2026-11-19T03:30:00Z");
        assert_eq!(after(Rhythm::Week { on: Weekday::Sunday, at }, now), "2026-11-22T03:30:00Z");
        assert_eq!(after(Rhythm::Week { on: Weekday::Wednesday, at }, now), "2026-11-25T03:30:00Z");
        let later = TimeOfDay { hour: 15, minute: 59 };
        assert_eq!(after(Rhythm::Week { on: Weekday::Wednesday, at: later }, now), "2026-11-18T15:59:00Z");
    }

    #[test]
    fn times_of_day_are_read_as_they_are_written() {
        for text in ["00:00", "03:05", "23:59"] {
            assert_eq!(text.parse::<TimeOfDay>().map(|at| at.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "24:00", "1:60", "-1:00", "1200", "001:00", "+1:00"] {
            assert_eq!(text.parse::<TimeOfDay>(), Err(()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_next_time_is_after_now_and_no_further_than_one_period(rhythm in rhythms(), now in -1i64 << 42..1i64 << 42) {
            let next = rhythm.after(Timestamp(now));
            prop_assert!(next.0 > now && next.0 - now <= rhythm.beat().0);
            prop_assert!(!rhythm.too_far(next, Timestamp(now)));
            prop_assert!(rhythm.too_far(next, Timestamp(now - rhythm.beat().0)));
        }

        #[test]
        fn no_time_lies_between_one_and_the_next(rhythm in rhythms(), now in -1i64 << 42..1i64 << 42, part in 0i64..1000) {
            let one = rhythm.after(Timestamp(now));
            let two = rhythm.after(one);
            prop_assert_eq!(two.0 - one.0, rhythm.beat().0);
            let between = one.plus_ms((two.0 - one.0 - 1) * part / 1000);
            prop_assert_eq!(rhythm.after(between), two, "however long nobody looked, one is due and not many");
        }

        #[test]
        fn a_rhythm_falls_on_its_time_of_day(rhythm in rhythms(), now in 0i64..1i64 << 41) {
            let clock = rhythm.after(Timestamp(now)).0.rem_euclid(DAY_MS);
            match rhythm {
                Rhythm::Hours { n } => prop_assert_eq!(clock % (i64::from(n) * HOUR_MS), 0),
                Rhythm::Day { at } | Rhythm::Week { at, .. } => prop_assert_eq!(clock, at.ms()),
            }
        }

        #[test]
        fn the_newest_are_kept_and_only_the_oldest_go(keep in 1u32..9, n in 0u128..30) {
            let mut schedule = schedule(keep);
            let mut gone = Vec::new();
            for id in 0..n {
                gone.extend(schedule.keep_new(uuid::Uuid::from_u128(id).into()));
                prop_assert!(schedule.made.len() <= usize::try_from(keep).expect("small"));
            }
            gone.extend(schedule.made);
            prop_assert!(gone.iter().map(|id| id.0.as_u128()).eq(0..n));
        }
    }

    fn schedule(keep: u32) -> Schedule {
        let id = uuid::Uuid::nil();
        Schedule {
            id: id.into(),
            account: id.into(),
            project: id.into(),
            region: "north-1".into(),
            instance: id.into(),
            name: Name::parse("web").expect("valid"),
            what: Which::System,
            disk: String::new(),
            gone: None,
            rhythm: Rhythm::Hours { n: 1 },
            keep,
            on: Switch::On,
            next: Timestamp(0),
            last: None,
            made: vec![],
            by: "owner".to_owned(),
            created: Timestamp(0),
            revision: 0,
        }
    }

    #[test]
    fn one_that_is_off_is_never_due_and_a_clock_that_was_set_back_makes_nobody_wait() {
        let mut schedule = Schedule { next: Timestamp(50 * HOUR_MS), ..schedule(1) };
        assert!(schedule.due(Timestamp(50 * HOUR_MS)) && !schedule.due(Timestamp(50 * HOUR_MS - 1)));
        assert!(schedule.due(Timestamp(0)), "two days ahead of an hourly one");
        schedule.on = Switch::Off;
        assert!(!schedule.due(Timestamp(50 * HOUR_MS)));
        assert_eq!(schedule.words(), "system disk, every hour, 1 kept");
    }

    #[test]
    fn one_whose_disk_is_gone_takes_nothing_until_another_is_chosen() {
        let mut machine = instance(Status::Stopped);
        let disk = |id| Disk { id, role: DiskRole::Data, base: None, ..machine.disks[0].clone() };
        let (first, second) = (DiskId(uuid::Uuid::from_u128(41)), DiskId(uuid::Uuid::from_u128(42)));
        let (one, two) = (disk(first), disk(second));
        machine.disks.extend([one, two]);
        let mut schedule = schedule(1);
        schedule.choose(Which::Disk(second), &machine).expect("it is there");
        assert_eq!(schedule.words(), "data-2, ssd, 1 GiB, every hour, 1 kept");
        assert!(schedule.due(Timestamp(0)) && !schedule.misses(&machine));
        machine.disks.truncate(2);
        assert!(schedule.misses(&machine));
        schedule.gone = Some(Timestamp(5));
        assert!(!schedule.due(Timestamp(HOUR_MS)));
        assert_eq!(schedule.works().map_err(|reason| reason.code), Err("schedule_disk_gone".to_owned()));
        let refused = schedule.choose(Which::Disk(second), &machine).expect_err("gone");
        assert_eq!((refused.code.as_str(), schedule.gone), ("disk_gone", Some(Timestamp(5))));
        // The system disk is the one that the machine starts from, whichever that is.
        schedule.choose(Which::Disk(machine.disks[0].id), &machine).expect("it is there");
        assert_eq!((schedule.what, schedule.gone, schedule.disk.as_str()), (Which::System, None, ""));
        machine.disks[0].id = second;
        assert!(!schedule.misses(&machine));
    }
}
