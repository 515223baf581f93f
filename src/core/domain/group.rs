//! Scaling groups: so many machines of one kind, kept by darkroom. The record, and the one decision of the reconciler: what to do next.
//! It must not do anything itself, and not know why an image or a machine is refused.

use super::disk::DiskKind;
use super::error::Reason;
use super::form::ImageChoice;
use super::ids::{AccountId, FlavorId, GroupId, ImageId, InstanceId, ProjectId, RegionId, ZoneId};
use super::instance::{Action, Instance, Status as MachineStatus};
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest name of a group, in characters: those of its machines have a number after it.
pub const NAME_CHARS_MAX: usize = 100;

/// A machine that fails within this time after it was asked for counts as a failed try, in milliseconds; later it is simply replaced.
pub const YOUNG_MS: i64 = 600_000;

/// The window in which failed tries are counted, in milliseconds.
pub const WINDOW_MS: i64 = 3_600_000;

/// Longest wait between two tries as long as the window has tries left, in milliseconds.
const WAIT_MS_MAX: i64 = 600_000;

/// Whether a group is kept or going.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is kept at its count.
    Active,
    /// Its machines are being deleted, and it goes with the last of them.
    Deleting,
}

/// Replacing the machines by ones of another image, one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Roll {
    /// What they are made from.
    pub image: ImageId,
    /// How it is called.
    pub name: Name,
    /// Since when.
    pub since: Timestamp,
}

/// Why the last try to keep the count came to nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trouble {
    /// The code of the refusal, or `member_failed`.
    pub code: String,
    /// The refusal, in words.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// Failed tries, so that there are never more than so many in an hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tries {
    /// When the first of them was.
    pub since: Timestamp,
    /// How many.
    pub n_failed: u32,
    /// No other before this moment.
    pub not_before: Timestamp,
}

/// So many machines of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Who pays.
    pub account: AccountId,
    /// Which project owns it and its machines.
    pub project: ProjectId,
    /// Where they run.
    pub region: RegionId,
    /// In which zone.
    pub zone: ZoneId,
    /// Its name; unique per project and region, whatever the case.
    pub name: Name,
    /// Whether it is kept.
    pub status: Status,
    /// How many machines there shall be.
    pub wanted: u32,
    /// The type of new ones.
    pub flavor: FlavorId,
    /// What new ones are made from.
    pub image: ImageChoice,
    /// The kind of the system disk of new ones.
    pub disk_kind: DiskKind,
    /// Its size in bytes.
    pub disk_bytes: u64,
    /// SSH public keys for new ones.
    pub ssh_keys: Vec<String>,
    /// Cloud-init user data for new ones.
    pub user_data: String,
    /// The machines in it, in the order in which they were made. A machine that is being deleted has left.
    pub members: Vec<InstanceId>,
    /// The number of the last machine that was made: numbers are not used twice.
    pub n_made: u32,
    /// What its machines are being replaced by.
    pub roll: Option<Roll>,
    /// Why the last try came to nothing, until the count is as wanted again.
    pub trouble: Option<Trouble>,
    /// How often tries failed.
    pub tries: Option<Tries>,
    /// When it was made.
    pub created: Timestamp,
    /// Goes up with every change by a person, so that no form overwrites another.
    pub revision: u32,
}

/// A machine of a group, as far as the decision needs it. They are looked at in the order in which they were made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Which.
    pub id: InstanceId,
    /// What it is doing.
    pub status: MachineStatus,
    /// The image it was made from.
    pub image: ImageId,
    /// Whether it can be deleted now.
    pub deletable: bool,
    /// Whether it can be started now.
    pub startable: bool,
}

impl Member {
    /// Of this machine.
    pub fn of(machine: &Instance) -> Self {
        Self {
            id: machine.id,
            status: machine.status,
            image: machine.origin.id,
            deletable: machine.can(Action::Delete).is_ok(),
            startable: machine.can(Action::Start).is_ok(),
        }
    }
}

/// Why a machine of a group is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It is in Error: another takes its place.
    Failed,
    /// There are more than wanted.
    TooMany,
    /// One of the newer image runs in its place.
    Outdated,
    /// The group is being deleted.
    GroupGoes,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Start a machine that is off.
    Start(InstanceId),
    /// Delete one.
    Delete(InstanceId, Why),
    /// Make one more.
    Make,
    /// All are of the image they are rolled to: that is over.
    Rolled,
    /// The count is as wanted again: the trouble is over.
    Well,
    /// The group has no machine left and goes.
    Gone,
}

impl Group {
    /// What to do next, if anything can be done now. One thing at a time: whoever does it looks again. `makes` is the image that a new
    /// machine would be made from, where that can be told.
    pub fn next(&self, members: &[Member], makes: Option<ImageId>, now: Timestamp) -> Option<Step> {
        if self.status == Status::Deleting {
            let last = members.iter().rev().find(|m| m.deletable);
            let delete = last.map(|m| Step::Delete(m.id, Why::GroupGoes));
            return if members.is_empty() { Some(Step::Gone) } else { delete };
        }
        let failed = members.iter().find(|m| m.status == MachineStatus::Error && m.deletable);
        if let Some(failed) = failed {
            return Some(Step::Delete(failed.id, Why::Failed));
        }
        let may_try = self.tries_again_at(now).is_none();
        let off = members.iter().find(|m| m.status == MachineStatus::Stopped && m.startable && may_try);
        if let Some(off) = off {
            return Some(Step::Start(off.id));
        }
        let outdated = |m: &Member| self.roll.as_ref().is_some_and(|roll| m.image != roll.image);
        if self.roll.is_some() && !members.iter().any(outdated) {
            return Some(Step::Rolled);
        }
        let goal = self.goal(members);
        let n = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let n_running = members.iter().filter(|m| m.status == MachineStatus::Running).count();
        let n_running = u32::try_from(n_running).unwrap_or(u32::MAX);
        if n > goal {
            // Those of another image than is made now go first, then the newest. One that cannot be deleted yet is waited for.
            let other = |m: &Member| makes.is_some_and(|image| m.image != image);
            let (_, victim) = members.iter().enumerate().max_by_key(|(at, m)| (other(m), *at))?;
            return victim.deletable.then_some(Step::Delete(victim.id, Why::TooMany));
        }
        if self.roll.is_some() && n_running > self.wanted {
            let oldest = members.iter().find(|m| outdated(m) && m.deletable);
            return oldest.map(|m| Step::Delete(m.id, Why::Outdated));
        }
        if n < goal {
            return may_try.then_some(Step::Make);
        }
        let well = n_running == self.wanted && self.roll.is_none();
        (well && self.trouble.is_some()).then_some(Step::Well)
    }

    /// How many machines there shall be right now: one more than wanted while they are replaced, so that a new one runs before an old one
    /// goes.
    fn goal(&self, members: &[Member]) -> u32 {
        let outdated = self.roll.as_ref().is_some_and(|roll| members.iter().any(|m| m.image != roll.image));
        self.wanted.saturating_add(u32::from(outdated && self.wanted > 0))
    }

    /// Notes that a try came to nothing. The waits double from 15 seconds to 10 minutes; after `n_max` in an hour none is made until the
    /// hour is over.
    pub fn failed(&mut self, now: Timestamp, code: &str, message: impl Into<String>, n_max: u32) {
        let fresh = Tries { since: now, n_failed: 0, not_before: now };
        let mut tries = self.tries.unwrap_or(fresh);
        // Also when the clock was set back.
        if !(0..WINDOW_MS).contains(&now.since_ms(tries.since)) {
            tries = fresh;
        }
        tries.n_failed = tries.n_failed.saturating_add(1);
        let wait = match tries.n_failed >= n_max {
            true => WINDOW_MS.saturating_sub(now.since_ms(tries.since)),
            false => {
                15_000i64.saturating_mul(1i64 << tries.n_failed.saturating_sub(1).min(10)).min(WAIT_MS_MAX)
            }
        };
        tries.not_before = now.plus_ms(wait);
        self.tries = Some(tries);
        self.trouble = Some(Trouble { code: code.to_owned(), message: message.into(), at: now });
    }

    /// When the next try may be made; `None` for now. A moment further ahead than any wait was written before the clock was set back.
    pub fn tries_again_at(&self, now: Timestamp) -> Option<Timestamp> {
        let at = self.tries?.not_before;
        (now < at && at.since_ms(now) <= WINDOW_MS).then_some(at)
    }

    /// Whether a person may change it.
    ///
    /// # Errors
    /// `group_deleting`.
    pub fn kept(&self) -> Result<(), Reason> {
        match self.status {
            Status::Active => Ok(()),
            Status::Deleting => Err(Reason::new(
                "group_deleting",
                "A group that is being deleted cannot be changed.",
                "It is being deleted now.",
                "Make a new one.",
            )),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn image(n: u128) -> ImageId {
        ImageId(Uuid::from_u128(n))
    }

    pub(crate) fn group(wanted: u32) -> Group {
        Group {
            id: Uuid::from_u128(1).into(),
            account: Uuid::from_u128(2).into(),
            project: Uuid::from_u128(3).into(),
            region: "north-1".into(),
            zone: "a".into(),
            name: Name::parse("web").expect("valid"),
            status: Status::Active,
            wanted,
            flavor: "m1.tiny".into(),
            image: ImageChoice::Family("web".to_owned()),
            disk_kind: DiskKind::Ssd,
            disk_bytes: 1 << 30,
            ssh_keys: vec![],
            user_data: String::new(),
            members: vec![],
            n_made: 0,
            roll: None,
            trouble: None,
            tries: None,
            created: Timestamp(0),
            revision: 0,
        }
    }

    fn member(n: u128, status: MachineStatus, of: u128) -> Member {
        Member {
            id: Uuid::from_u128(n).into(),
            status,
            image: image(of),
            deletable: matches!(
                status,
                MachineStatus::Running | MachineStatus::Stopped | MachineStatus::Error
            ),
            startable: matches!(status, MachineStatus::Stopped | MachineStatus::Error),
        }
    }

    fn rolling(wanted: u32, to: u128) -> Group {
        let roll = Roll { image: image(to), name: Name::parse("v2").expect("valid"), since: Timestamp(0) };
        Group { roll: Some(roll), ..group(wanted) }
    }

    #[test]
    fn what_is_done_next_is_as_agreed() {
        use MachineStatus::{Creating, Error, Running, Stopped};
        let id = |n: u128| InstanceId(Uuid::from_u128(n));
        let troubled = Group {
            trouble: Some(Trouble { code: "x".into(), message: "x".into(), at: Timestamp(0) }),
            ..group(1)
        };
        let waiting = Group {
            tries: Some(Tries { since: Timestamp(0), n_failed: 1, not_before: Timestamp(15_000) }),
            ..group(1)
        };
        let going = Group { status: Status::Deleting, ..group(2) };
        let (run, off, bad, new) = (
            |n, of| member(n, Running, of),
            |n| member(n, Stopped, 1),
            |n| member(n, Error, 1),
            |n, of| member(n, Creating, of),
        );
        for (what, group, members, next) in [
            ("too few", group(2), vec![run(1, 1)], Some(Step::Make)),
            ("as wanted", group(1), vec![run(1, 1)], None),
            (
                "the newest goes",
                group(1),
                vec![run(1, 1), run(2, 1)],
                Some(Step::Delete(id(2), Why::TooMany)),
            ),
            (
                "but an older image first",
                group(1),
                vec![run(1, 9), run(2, 1)],
                Some(Step::Delete(id(1), Why::TooMany)),
            ),
            ("what is being made is waited for", group(1), vec![run(1, 1), new(2, 1)], None),
            ("in Error", group(2), vec![run(1, 1), bad(2)], Some(Step::Delete(id(2), Why::Failed))),
            ("off", group(1), vec![off(1)], Some(Step::Start(id(1)))),
            ("off, and too soon", waiting.clone(), vec![off(1)], None),
            ("too few, and too soon", waiting, vec![], None),
            ("trouble over", troubled.clone(), vec![run(1, 1)], Some(Step::Well)),
            ("trouble lasts", troubled, vec![new(1, 1)], None),
            ("one more before an old one goes", rolling(2, 2), vec![run(1, 1), run(2, 1)], Some(Step::Make)),
            ("the new one does not run yet", rolling(2, 2), vec![run(1, 1), run(2, 1), new(3, 2)], None),
            (
                "now the oldest goes",
                rolling(2, 2),
                vec![run(1, 1), run(2, 1), run(3, 2)],
                Some(Step::Delete(id(1), Why::Outdated)),
            ),
            ("the next", rolling(2, 2), vec![run(2, 1), run(3, 2)], Some(Step::Make)),
            ("all are new", rolling(2, 2), vec![run(3, 2), run(4, 2)], Some(Step::Rolled)),
            ("none is wanted", rolling(0, 2), vec![run(3, 1)], Some(Step::Delete(id(3), Why::TooMany))),
            ("going", going.clone(), vec![run(1, 1), new(2, 1)], Some(Step::Delete(id(1), Why::GroupGoes))),
            ("going, and it must wait", going.clone(), vec![new(2, 1)], None),
            ("gone", going, vec![], Some(Step::Gone)),
        ] {
            assert_eq!(group.next(&members, Some(image(1)), Timestamp(10)), next, "{what}");
        }
    }

    #[test]
    fn tries_become_rare_and_stop_for_the_rest_of_the_hour() {
        let mut group = group(1);
        let mut now = Timestamp(0);
        let mut waits = vec![];
        for _ in 0..8 {
            group.failed(now, "instance_limit_reached", "Full.", 8);
            let at = group.tries_again_at(now).expect("not at once");
            waits.push(at.since_ms(now) / 1000);
            now = at;
        }
        assert_eq!(waits[..7], [15, 30, 60, 120, 240, 480, 600]);
        assert_eq!(now, Timestamp(WINDOW_MS), "the hour is over");
        group.failed(now, "instance_limit_reached", "Full.", 8);
        assert_eq!(group.tries.map(|t| t.n_failed), Some(1), "another hour begins");
        let back = now.plus_ms(-3 * WINDOW_MS);
        assert_eq!(group.tries_again_at(back), None, "a clock that was set back holds nothing up");
    }

    proptest! {
        /// Whatever fails whenever, no hour has more tries than may be.
        #[test]
        fn no_hour_has_more_failed_tries_than_may_be(n_max in 1u32..20, gaps in proptest::collection::vec(0i64..900_000, 1..80)) {
            let mut group = group(1);
            let (mut now, mut failures) = (Timestamp(0), vec![]);
            for gap in gaps {
                now = now.plus_ms(gap);
                if group.tries_again_at(now).is_none() {
                    group.failed(now, "x", "x", n_max);
                    failures.push(now);
                    let since = group.tries.expect("it failed").since;
                    let n = failures.iter().filter(|at| at.since_ms(since) >= 0).count();
                    prop_assert!(n <= usize::try_from(n_max).expect("small"));
                }
            }
        }

        /// Doing what is said next, again and again, comes to the wanted count and to rest; while rolling, never fewer than wanted run.
        #[test]
        fn every_group_comes_to_its_count(wanted in 0u32..6, olds in proptest::collection::vec(0usize..4, 0..8), rolls in any::<bool>()) {
            use MachineStatus::{Creating, Error, Running, Stopped};
            let mut group = if rolls { rolling(wanted, 2) } else { group(wanted) };
            let statuses = [Running, Stopped, Error, Creating];
            let mut members: Vec<Member> =
                olds.iter().zip(1u128..).map(|(s, n)| member(n, statuses[*s], 1)).collect();
            let mut n = 100;
            let mut reached = false;
            for _ in 0..200 {
                let running = |members: &[Member]| members.iter().filter(|m| m.status == Running).count();
                reached |= running(&members) >= usize::try_from(wanted).expect("small");
                match group.next(&members, Some(image(2)), Timestamp(10)) {
                    Some(Step::Make) => {
                        n += 1;
                        members.push(member(n, Creating, 2));
                    }
                    Some(Step::Delete(id, why)) => {
                        let gone = members.iter().position(|m| m.id == id).expect("it is there");
                        members.remove(gone);
                        let enough = running(&members) >= usize::try_from(wanted).expect("small");
                        prop_assert!(why != Why::Outdated || !reached || enough, "too few run");
                    }
                    Some(Step::Start(id)) => {
                        members.iter_mut().filter(|m| m.id == id).for_each(|m| *m = Member { status: Running, ..*m });
                    }
                    Some(Step::Rolled) => group.roll = None,
                    Some(Step::Well) => group.trouble = None,
                    Some(Step::Gone) => prop_assert!(false, "nobody deletes it"),
                    None => match members.iter_mut().find(|m| m.status == Creating) {
                        Some(made) => *made = Member { status: Running, deletable: true, ..*made },
                        None => break,
                    },
                }
            }
            prop_assert_eq!(members.len(), usize::try_from(wanted).expect("small"));
            prop_assert!(members.iter().all(|m| m.status == Running) && group.roll.is_none());
            prop_assert!(!rolls || members.iter().all(|m| m.image == image(2)));
        }
    }
}
