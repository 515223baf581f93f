//! Limits and hard reservations: a counter record is read, judged and rewritten in the same commit as what it counts, so that concurrent
//! requests can never overshoot (P14, U18).

use super::error::{Error, Result};
use super::ids::{AccountId, ProjectId, RegionId};
use super::size::{self, GB};
use super::text::counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an account may have in a region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Limits {
    /// Images, in any state but deleted.
    pub n_images_max: u32,
    /// Machines, in any state.
    pub n_instances_max: u32,
    /// Images being made at the same time, in all projects of the account together.
    pub n_creates_max: u32,
    /// Accepted shares of its images: one that nobody has answered takes nothing (H5).
    pub n_shares_max: u32,
    /// Stored GB (10^9 bytes) of its images, those in the recycle bin included.
    pub stored_gb_max: u32,
    /// Snapshots, of one disk or of all disks of a machine, in any state but deleted.
    pub n_snapshots_max: u32,
}

impl Limits {
    /// The limit of accepted shares where nobody set one.
    pub const N_SHARES_MAX: u32 = 1000;
    /// The limit of stored GB where nobody set one.
    pub const STORED_GB_MAX: u32 = 10_000;

    /// The limit of snapshots where nobody set one.
    pub const N_SNAPSHOTS_MAX: u32 = 200;

    /// `30 images, 20 instances, 40 images being made at once, 1000 shares, 1000 GB of images, 200 snapshots`.
    pub fn words(&self) -> String {
        format!(
            "{}, {}, {} being made at once, {}, {} GB of images, {}",
            counted(self.n_images_max, "image"),
            counted(self.n_instances_max, "instance"),
            counted(self.n_creates_max, "image"),
            counted(self.n_shares_max, "share"),
            self.stored_gb_max,
            counted(self.n_snapshots_max, "snapshot")
        )
    }

    /// What is different from the limits `before`, in a phrase.
    pub fn changes_since(&self, before: &Self) -> Option<String> {
        (self != before).then(|| format!("limits from {} to {}", before.words(), self.words()))
    }
}

/// Whether it is somebody's turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It is.
    Now,
    /// As many as may are at it already.
    Later,
}

/// What an account has in a region.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Counter {
    /// The account.
    pub account: AccountId,
    /// The region.
    pub region: RegionId,
    /// Images, in any state but deleted: those in the recycle bin take no slot.
    pub n_images: u32,
    /// Machines, in any state.
    pub n_instances: u32,
    /// Images being made, by project. A project that makes none is not in it.
    pub creating: BTreeMap<ProjectId, u32>,
    /// Copies that travel here from other regions at this moment; those that wait for their turn are not counted.
    pub n_copies: u32,
    /// Accepted shares of its images (H5), those that ended and were not cleared away yet included. `None` as long as nobody counted them:
    /// a darkroom wrote this that did not count them, or counted waiting ones as well, and the next answer or end counts.
    pub n_shares: Option<u32>,
    /// Bytes that its images hold: stored ones what is stored of them, those being made what they may need at most. `None` as long as nobody
    /// counted them, as with shares.
    pub stored_bytes: Option<u64>,
    /// Snapshots, in any state but deleted.
    pub n_snapshots: u32,
}

impl Counter {
    /// A counter at zero.
    pub fn zero(account: AccountId, region: RegionId) -> Self {
        Self {
            account,
            region,
            n_images: 0,
            n_instances: 0,
            creating: BTreeMap::new(),
            n_copies: 0,
            n_shares: Some(0),
            stored_bytes: Some(0),
            n_snapshots: 0,
        }
    }

    /// Takes one image slot.
    ///
    /// # Errors
    /// `image_limit_reached`, beginning with the words of P15, with the figure and the way out.
    pub fn take_image(&mut self, limits: &Limits) -> Result<()> {
        if self.n_images >= limits.n_images_max {
            return Err(Error::limit(
                "image_limit_reached",
                format!(
                    "Maximum image limit reached. Your limit in {} is {} and you have {}. Delete one or ask your provider for more.",
                    self.region,
                    counted(limits.n_images_max, "image"),
                    self.n_images
                ),
            ));
        }
        self.n_images += 1;
        Ok(())
    }

    /// Gives one image slot back.
    pub fn give_image(&mut self) {
        self.n_images = self.n_images.saturating_sub(1);
    }

    /// Images being made at this moment, in all projects of the account.
    pub fn n_creating(&self) -> u32 {
        self.creating.values().copied().fold(0, u32::saturating_add)
    }

    /// Begins to make an image in a project.
    ///
    /// # Errors
    /// `task_limit_reached` with the figures and the way out, when the account makes as many as it may already, in whichever projects.
    pub fn take_create(&mut self, project: ProjectId, limits: &Limits) -> Result<()> {
        let n = self.n_creating();
        if n >= limits.n_creates_max {
            let made = if n == 1 { "is being made" } else { "are being made" };
            return Err(Error::limit(
                "task_limit_reached",
                format!(
                    "{} {made} in the projects of your account in {}, and {} is the limit. Wait until one is available or ask your provider for more.",
                    counted(n, "image"),
                    self.region,
                    limits.n_creates_max
                ),
            ));
        }
        *self.creating.entry(project).or_default() += 1;
        Ok(())
    }

    /// An image of a project is made, or making it ended in another way.
    pub fn give_create(&mut self, project: ProjectId) {
        match self.creating.get(&project).copied() {
            Some(n @ 2..) => _ = self.creating.insert(project, n - 1),
            Some(_) | None => _ = self.creating.remove(&project),
        }
    }

    /// Gives a copy its turn to travel. Whoever gets none waits; nobody is refused.
    pub fn take_copy(&mut self, n_copies_max: u32) -> Turn {
        if self.n_copies >= n_copies_max {
            return Turn::Later;
        }
        self.n_copies += 1;
        Turn::Now
    }

    /// A copy that had its turn ended.
    pub fn give_copy(&mut self) {
        self.n_copies = self.n_copies.saturating_sub(1);
    }

    /// Takes the slot of a share that becomes accepted. `before` is how many are accepted, for a counter that does not know.
    ///
    /// # Errors
    /// `account_share_limit_reached` with the figures and the way out, which are the sharer's to read.
    pub fn take_share(&mut self, before: u32, limits: &Limits) -> Result<()> {
        let accepted = self.n_shares.unwrap_or(before);
        if accepted >= limits.n_shares_max {
            return Err(Error::limit(
                "account_share_limit_reached",
                format!(
                    "Maximum share limit reached. Your limit in {} is {} and {accepted} are accepted. Stop sharing with some or ask your provider for more.",
                    self.region,
                    counted(limits.n_shares_max, "accepted share"),
                ),
            ));
        }
        self.n_shares = Some(accepted.saturating_add(1));
        Ok(())
    }

    /// Gives the slot of a share back. `before` is how many are accepted, for a counter that does not know.
    pub fn give_share(&mut self, before: u32) {
        self.n_shares = Some(self.n_shares.unwrap_or(before).saturating_sub(1));
    }

    /// An image holds `to` bytes instead of `from`. `before` is how much all of them hold, for a counter that does not know. With `limits`
    /// what becomes more has to fit; without, it is what was taken before and turned out to be less.
    ///
    /// # Errors
    /// `storage_limit_reached` with the figures and the way out.
    pub fn move_stored(&mut self, from: u64, to: u64, before: u64, limits: Option<&Limits>) -> Result<()> {
        let held = self.stored_bytes.unwrap_or(before);
        let after = held.saturating_sub(from).saturating_add(to);
        let most = limits.map_or(u64::MAX, |limits| u64::from(limits.stored_gb_max).saturating_mul(GB));
        if to > from && to > most {
            return Err(Error::limit(
                "storage_limit_reached",
                format!(
                    "Maximum image storage reached. Your limit in {} is {} GB, and this image alone may need up to {}. Ask your provider for more.",
                    self.region,
                    most / GB,
                    size::decimal(to)
                ),
            ));
        }
        if to > from && after > most {
            return Err(Error::limit(
                "storage_limit_reached",
                format!(
                    "Maximum image storage reached. Your limit in {} is {} GB, your images there hold {}, and this one may need up to {}. Delete images and empty the recycle bin, or ask your provider for more.",
                    self.region,
                    most / GB,
                    size::decimal(held),
                    size::decimal(to)
                ),
            ));
        }
        self.stored_bytes = Some(after);
        Ok(())
    }

    /// Takes one snapshot slot.
    ///
    /// # Errors
    /// `snapshot_limit_reached` with the figure and the way out.
    pub fn take_snapshot(&mut self, limits: &Limits) -> Result<()> {
        if self.n_snapshots >= limits.n_snapshots_max {
            return Err(Error::limit(
                "snapshot_limit_reached",
                format!(
                    "Maximum snapshot limit reached. Your limit in {} is {} and you have {}. Delete one or ask your provider for more.",
                    self.region,
                    counted(limits.n_snapshots_max, "snapshot"),
                    self.n_snapshots
                ),
            ));
        }
        self.n_snapshots += 1;
        Ok(())
    }

    /// Gives one snapshot slot back.
    pub fn give_snapshot(&mut self) {
        self.n_snapshots = self.n_snapshots.saturating_sub(1);
    }

    /// Takes one machine slot.
    ///
    /// # Errors
    /// `instance_limit_reached` with the figure and the way out.
    pub fn take_instance(&mut self, limits: &Limits) -> Result<()> {
        if self.n_instances >= limits.n_instances_max {
            return Err(Error::limit(
                "instance_limit_reached",
                format!(
                    "Maximum instance limit reached. Your limit in {} is {} and you have {}. Delete one or ask your provider for more.",
                    self.region,
                    counted(limits.n_instances_max, "instance"),
                    self.n_instances
                ),
            ));
        }
        self.n_instances += 1;
        Ok(())
    }

    /// Gives one machine slot back.
    pub fn give_instance(&mut self) {
        self.n_instances = self.n_instances.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    const LIMITS: Limits = Limits {
        n_images_max: 3,
        n_instances_max: 2,
        n_creates_max: 40,
        n_shares_max: 2,
        stored_gb_max: 2,
        n_snapshots_max: 1,
    };

    fn counter() -> Counter {
        Counter::zero(AccountId(Uuid::nil()), "north-1".into())
    }

    #[test]
    fn the_refusal_begins_with_the_words_users_know() {
        let mut c = counter();
        c.n_images = 3;
        let refusal = c.take_image(&LIMITS).expect_err("the limit holds");
        assert!(refusal.message.starts_with("Maximum image limit reached"), "{}", refusal.message);
        assert!(refusal.message.contains("3 images and you have 3"));
        assert_eq!(refusal.code, "image_limit_reached");
    }

    #[test]
    fn one_is_written_in_the_singular() {
        let one = Limits { n_images_max: 1, n_instances_max: 1, n_creates_max: 1, n_shares_max: 1, ..LIMITS };
        let full = Counter { n_images: 1, n_instances: 1, n_snapshots: 1, ..counter() };
        let words = [
            full.clone().take_image(&one),
            full.clone().take_instance(&one),
            full.clone().take_snapshot(&one),
        ]
        .map(|refused| refused.expect_err("the limit holds").message);
        assert!(words[0].contains("is 1 image and you have 1."), "{words:?}");
        assert!(words[1].contains("is 1 instance and you have 1."), "{words:?}");
        assert!(words[2].starts_with("Maximum snapshot limit reached"), "{words:?}");
        assert!(words[2].contains("is 1 snapshot and you have 1."), "{words:?}");
    }

    #[test]
    fn the_refusal_of_one_more_create_counts_in_words_that_fit() {
        let project = |n| ProjectId(Uuid::from_u128(n));
        let limits = |n_creates_max| Limits { n_creates_max, ..LIMITS };
        let mut c = counter();
        c.take_create(project(1), &limits(1)).expect("room for one");
        let refusal = c.take_create(project(1), &limits(1)).expect_err("the limit holds");
        assert_eq!(
            (refusal.code.as_str(), refusal.message.as_str()),
            (
                "task_limit_reached",
                "1 image is being made in the projects of your account in north-1, and 1 is the limit. Wait until one is available or ask your provider for more."
            )
        );
        c.take_create(project(2), &limits(1)).expect_err("in whichever project");
        c.take_create(project(2), &limits(2)).expect("room for two");
        let refusal = c.take_create(project(1), &limits(2)).expect_err("the limit holds");
        assert!(refusal.message.starts_with("2 images are being made"), "{}", refusal.message);
        c.take_create(project(1), &limits(3)).expect("room for three");
        c.give_create(project(1));
        assert_eq!((c.n_creating(), &c.creating), (2, &[(project(1), 1), (project(2), 1)].into()));
        c.give_create(project(1));
        c.give_create(project(1));
        assert_eq!(c.creating, [(project(2), 1)].into(), "a project that makes none is not in it");
    }

    #[test]
    fn so_many_copies_travel_at_once_and_the_next_waits() {
        let mut c = counter();
        let turns: Vec<Turn> = (0..3).map(|_| c.take_copy(2)).collect();
        assert_eq!((turns, c.n_copies), (vec![Turn::Now, Turn::Now, Turn::Later], 2));
        c.give_copy();
        assert_eq!(c.take_copy(2), Turn::Now);
        assert_eq!(c.take_copy(1), Turn::Later, "also when the setting was lowered meanwhile");
    }

    #[test]
    fn a_share_takes_a_slot_and_a_counter_that_does_not_know_is_told() {
        let mut c = counter();
        c.take_share(9, &LIMITS).expect("it knows that there is none");
        c.take_share(9, &LIMITS).expect("room for two");
        let refusal = c.take_share(0, &LIMITS).expect_err("the limit holds");
        assert_eq!(refusal.code, "account_share_limit_reached");
        assert!(refusal.message.contains("is 2 accepted shares and 2 are accepted."), "{refusal}");
        c.give_share(0);
        assert_eq!(c.n_shares, Some(1));
        let mut older = Counter { n_shares: None, ..counter() };
        older.take_share(2, &LIMITS).expect_err("what is there counts, counted or not");
        assert_eq!(older.n_shares, None, "a refusal changes nothing");
        older.give_share(2);
        assert_eq!(older.n_shares, Some(1), "from now on it is counted");
    }

    #[test]
    fn storage_is_held_from_the_beginning_and_given_back_when_less_was_needed() {
        let mut c = counter();
        c.move_stored(0, 3 * GB / 2, 0, Some(&LIMITS)).expect("room for 1.5 GB");
        let refusal = c.move_stored(0, GB, 0, Some(&LIMITS)).expect_err("2 GB is the limit");
        assert_eq!(refusal.code, "storage_limit_reached");
        assert!(
            refusal
                .message
                .contains("is 2 GB, your images there hold 1.5 GB, and this one may need up to 1 GB."),
            "{refusal}"
        );
        c.move_stored(3 * GB / 2, GB / 2, 0, None).expect("less is always possible");
        c.move_stored(0, 3 * GB / 2, 0, Some(&LIMITS)).expect("exactly the limit");
        assert_eq!(c.stored_bytes, Some(2 * GB));
        let mut older = Counter { stored_bytes: None, ..counter() };
        older.move_stored(0, 1, 2 * GB, Some(&LIMITS)).expect_err("what is there counts, counted or not");
        older.move_stored(GB, 0, 2 * GB, Some(&LIMITS)).expect("less is always possible");
        assert_eq!(older.stored_bytes, Some(GB), "from now on it is counted");
    }

    /// What is counted, one by one: what a recount of everything would find.
    #[derive(Clone, Default, PartialEq, Debug)]
    struct Things {
        images: u32,
        instances: u32,
        snapshots: u32,
        shares: u32,
        copies: u32,
        creating: [u32; 2],
        held: [u64; 3],
    }

    impl Things {
        fn of(&self, what: u8) -> u32 {
            match what {
                0 => self.images,
                1 => self.instances,
                2 => self.snapshots,
                3 => self.shares,
                4 => self.copies,
                5 | 6 => self.creating.iter().sum(),
                _ => u32::try_from(self.held.iter().sum::<u64>().div_ceil(GB)).expect("a few"),
            }
        }

        fn limit(limits: &Limits, n_copies_max: u32, what: u8) -> u32 {
            match what {
                0 => limits.n_images_max,
                1 => limits.n_instances_max,
                2 => limits.n_snapshots_max,
                3 => limits.n_shares_max,
                4 => n_copies_max,
                5 | 6 => limits.n_creates_max,
                _ => limits.stored_gb_max,
            }
        }

        /// The one of these that `what` stands for; bytes are moved in another way.
        fn slot(&mut self, what: u8) -> &mut u32 {
            match what {
                0 => &mut self.images,
                1 => &mut self.instances,
                2 => &mut self.snapshots,
                3 => &mut self.shares,
                4 => &mut self.copies,
                n => &mut self.creating[usize::from(n - 5)],
            }
        }
    }

    /// One more of it, or one less, as the counter has it. Gives whether it did.
    fn moves(
        c: &mut Counter,
        things: &Things,
        what: u8,
        take: bool,
        limits: &Limits,
        n_copies_max: u32,
    ) -> bool {
        let project = ProjectId(Uuid::from_u128(u128::from(what)));
        match (what, take) {
            (0, true) => return c.take_image(limits).is_ok(),
            (1, true) => return c.take_instance(limits).is_ok(),
            (2, true) => return c.take_snapshot(limits).is_ok(),
            (3, true) => return c.take_share(things.shares, limits).is_ok(),
            (4, true) => return c.take_copy(n_copies_max) == Turn::Now,
            (_, true) => return c.take_create(project, limits).is_ok(),
            (0, false) => c.give_image(),
            (1, false) => c.give_instance(),
            (2, false) => c.give_snapshot(),
            (3, false) => c.give_share(things.shares),
            (4, false) => c.give_copy(),
            (_, false) => c.give_create(project),
        }
        true
    }

    proptest! {
        /// Whatever is taken and given back in whatever order, under limits that change and with figures that are forgotten: no commit goes
        /// over the limit that holds then, nothing goes below zero, and a recount agrees.
        #[test]
        fn no_counter_overshoots_or_goes_below_zero_and_a_recount_agrees(
            steps in proptest::collection::vec((0u8..10, 0u8..8, 0u32..4, any::<bool>()), 0..200),
        ) {
            let (mut c, mut things) = (counter(), Things::default());
            for (what, forget, max, take) in steps {
                let limits = Limits {
                    n_images_max: max, n_instances_max: max, n_creates_max: max, n_shares_max: max,
                    stored_gb_max: max, n_snapshots_max: max,
                };
                // As one of a darkroom before it.
                if forget == 0 {
                    (c.n_shares, c.stored_bytes) = (None, None);
                }
                let before = things.clone();
                let did = if what < 7 {
                    let did = moves(&mut c, &things, what, take, &limits, max);
                    let n = things.slot(what);
                    *n = match (did, take) {
                        (true, true) => *n + 1,
                        (true, false) => n.saturating_sub(1),
                        (false, _) => *n,
                    };
                    did
                } else {
                    let all: u64 = things.held.iter().sum();
                    let held = &mut things.held[usize::from(what - 7)];
                    let (to, judged) = if take { (*held + GB, Some(&limits)) } else { (*held / 2, None) };
                    let did = c.move_stored(*held, to, all, judged).is_ok();
                    if did {
                        *held = to;
                    }
                    did
                };
                let limit = Things::limit(&limits, max, what);
                prop_assert!(did || take, "giving back is always possible");
                prop_assert_eq!(did, !take || before.of(what) < limit, "{:?} {}", before, what);
                prop_assert!(did || before == things, "a refusal changes nothing");
                let counted = Things {
                    images: c.n_images,
                    instances: c.n_instances,
                    snapshots: c.n_snapshots,
                    shares: c.n_shares.unwrap_or(things.shares),
                    copies: c.n_copies,
                    creating: [5u128, 6].map(|n| c.creating.get(&ProjectId(Uuid::from_u128(n))).copied().unwrap_or(0)),
                    held: things.held,
                };
                prop_assert_eq!(&counted, &things);
                prop_assert!(c.stored_bytes.is_none_or(|all| all == things.held.iter().sum::<u64>()));
                prop_assert!(c.creating.values().all(|n| *n > 0), "a project that makes none is not in it");
            }
        }
    }
}
