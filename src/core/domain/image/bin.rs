//! The recycle bin: what a deleted image keeps until its time there is over, what it costs there, and deletions that are planned (A5-4, P7).

use super::{Image, Status, Visibility};
use crate::domain::attribution::{Class, Holder};
use crate::domain::error::Reason;
use crate::domain::ids::Subject;
use crate::domain::meter::{Charge, Labels};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A day, in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// Where a deleted image stands in the recycle bin.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Bin {
    /// When it was deleted.
    pub since: Timestamp,
    /// From when on it is removed for good; until then it can be restored.
    pub until: Timestamp,
    /// Who deleted it, as the audit trail names them.
    pub by: String,
}

impl Bin {
    /// A place in the bin from `now` on, for so many days.
    pub fn from(now: Timestamp, n_days: u32, by: &str) -> Self {
        Self { since: now, until: now.plus_ms(i64::from(n_days).saturating_mul(DAY_MS)), by: by.to_owned() }
    }
}

impl Status {
    /// Whether an image in this status stands in lists, with its name and its slot of the quota. Deleting gives both back, also while the
    /// image is in the recycle bin (P14).
    pub const fn listed(self) -> bool {
        match self {
            Self::Creating | Self::Available | Self::Error => true,
            Self::Recycled | Self::Deleting => false,
        }
    }
}

impl Image {
    /// What is charged for it now: nothing for what the provider offers, and nothing before its size is known (P10).
    pub const fn charge(&self) -> Option<Charge> {
        match (self.visibility, self.status) {
            (Visibility::Private, Status::Available) => Some(Charge::ImageStorage),
            (Visibility::Private, Status::Recycled) => Some(Charge::BinStorage),
            (Visibility::Public, _) | (_, Status::Creating | Status::Error | Status::Deleting) => None,
        }
    }

    /// What intervals of it are sorted by that end now.
    pub fn labels(&self) -> Labels {
        Labels { tags: self.tags.clone(), family: self.family.clone() }
    }

    /// It as what holds its chunks, in a class (`docs/adr/0018-unique-bytes.md`).
    pub fn holder(&self, class: Class) -> Holder {
        let contents = self.disks.iter().map(|disk| disk.fingerprint.clone()).collect();
        Holder { subject: Subject::Image(self.id), class, created: self.created, contents }
    }

    /// Whether it takes one slot of its account's quota. What the provider offers takes none.
    pub fn takes_slot(&self) -> bool {
        self.visibility == Visibility::Private && self.status.listed()
    }

    /// How many days it stays in the bin when it is deleted where images stay for `recycle_days`. What was never made has nothing to bring
    /// back.
    pub const fn days_in_bin(&self, recycle_days: u32) -> u32 {
        match self.status {
            Status::Available => recycle_days,
            Status::Creating | Status::Error | Status::Recycled | Status::Deleting => 0,
        }
    }

    /// Puts it into the bin.
    pub fn recycle(&mut self, bin: Bin) {
        self.status = Status::Recycled;
        self.bin = Some(bin);
        self.leaves = None;
    }

    /// Takes it out of the bin, as it was.
    pub fn restore(&mut self) {
        self.status = Status::Available;
        self.bin = None;
    }

    /// Why it is not shared with anybody anew while its deletion is planned.
    pub(super) fn leaving(&self) -> Result<(), Reason> {
        let Some(at) = self.leaves else { return Ok(()) };
        Err(Reason::new(
            "image_leaving",
            "An image that is going to be deleted is not shared with anybody anew.",
            format!("It will be deleted at the end of {}.", at.plus_ms(-1).day()),
            "Keep the image first.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::super::{Action, life::newest};
    use super::*;
    use proptest::prelude::*;

    fn recycled(n_days: u32) -> Image {
        let mut image = image(Status::Available);
        image.family = "web".to_owned();
        image.recycle(Bin::from(Timestamp(5), n_days, "owner@acme.example"));
        image
    }

    #[test]
    fn what_is_in_the_bin_costs_as_such_and_takes_neither_slot_nor_the_lead_of_its_family() {
        let mut image = recycled(7);
        assert_eq!((image.charge(), image.takes_slot()), (Some(Charge::BinStorage), false));
        assert_eq!(newest([&image], "web"), None);
        assert_eq!(image.bin.as_ref().map(|bin| bin.until), Some(Timestamp(5 + 7 * DAY_MS)));
        image.restore();
        assert_eq!((image.charge(), image.takes_slot()), (Some(Charge::ImageStorage), true));
        assert!(newest([&image], "web").is_some());
        image.visibility = Visibility::Public;
        image.recycle(Bin::from(Timestamp(5), 7, "darkroom"));
        assert_eq!((image.charge(), image.takes_slot()), (None, false), "the provider pays itself nothing");
    }

    #[test]
    fn only_what_was_made_stays_in_the_bin() {
        let days = Status::ALL.map(|status| image(status).days_in_bin(7));
        assert_eq!(days, [0, 7, 0, 0, 0]);
    }

    #[test]
    fn an_image_that_leaves_is_shared_with_nobody_anew_and_is_good_for_everything_else() {
        let mut image = image(Status::Available);
        image.leaves = Timestamp::after_day("2026-11-28");
        let refused = image.can(Action::Share).expect_err("it leaves");
        assert_eq!(
            refused.sentence(),
            "An image that is going to be deleted is not shared with anybody anew. It will be deleted at the end of 28 Nov 2026. Keep the image first."
        );
        for action in [Action::Deploy, Action::Copy, Action::Edit, Action::Delete, Action::Stage] {
            assert!(image.can(action).is_ok(), "{action:?}");
        }
    }

    proptest! {
        #[test]
        fn recycling_and_restoring_is_a_round_trip(n_days in 0u32..1000, now in 0i64..1 << 42, family in "[a-z]{0,8}", protected: bool) {
            let before = Image { family, protected, ..image(Status::Available) };
            let mut after = before.clone();
            after.recycle(Bin::from(Timestamp(now), n_days, "somebody"));
            prop_assert!(after.bin.as_ref().is_some_and(|bin| bin.until >= bin.since));
            after.restore();
            prop_assert_eq!(after, before);
        }
    }
}
