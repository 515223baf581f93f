//! Sharing a family: the owner's wish that every new image of a family reaches some projects, and what each of these said to the family.
//! It must not know who is asking, nor share anything itself: what reaches whom are shares, one for each image.

use super::ids::{AccountId, ProjectId, RegionId};
use super::image::{Action, Image};
use super::share::State;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who follows a family. One record for all of them: an image that becomes available reads it in its own commit, so nobody who begins to
/// follow in that moment is passed over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Following {
    /// The family's account.
    pub account: AccountId,
    /// The family's project.
    pub project: ProjectId,
    /// Where the family is.
    pub region: RegionId,
    /// Its name.
    pub family: String,
    /// Who gets new images of it, in the order they were added. Never empty.
    pub recipients: Vec<Follower>,
}

/// A project that gets the new images of a family.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Follower {
    /// The project.
    pub project: ProjectId,
    /// That project's account.
    pub account: AccountId,
    /// Since when new images reach it.
    pub since: Timestamp,
    /// What it said to the family: [`State::Accepted`] once it has accepted an image of it, [`State::Rejected`] when it wants none.
    pub state: State,
}

/// The key of a family: names are a project's own, and so is every region's family of that name.
pub type FamilyKey = (ProjectId, RegionId, String);

impl Image {
    /// The family it is in, if it is in one.
    pub fn family_key(&self) -> Option<FamilyKey> {
        (!self.family.is_empty()).then(|| (self.project, self.region.clone(), self.family.clone()))
    }

    /// Whether it is passed on to who follows its family: what may not be shared by a person is not shared by itself either (A5-8).
    pub fn passed_on(&self) -> bool {
        !self.family.is_empty() && self.can(Action::Share).is_ok()
    }
}

impl Following {
    /// The wish for the family of this image, with nobody in it yet.
    pub fn none(image: &Image) -> Self {
        Self {
            account: image.account,
            project: image.project,
            region: image.region.clone(),
            family: image.family.clone(),
            recipients: vec![],
        }
    }

    /// The follower of this project.
    pub fn follower(&self, project: ProjectId) -> Option<&Follower> {
        self.recipients.iter().find(|follower| follower.project == project)
    }

    /// The follower of this project, to be changed.
    pub fn follower_mut(&mut self, project: ProjectId) -> Option<&mut Follower> {
        self.recipients.iter_mut().find(|follower| follower.project == project)
    }

    /// Who gets an image of the family by following: not who rejected the family, nor for whom this image was stopped.
    pub fn due(&self, stopped: &BTreeSet<ProjectId>) -> impl Iterator<Item = &Follower> {
        self.recipients.iter().filter(move |f| f.state.open() && !stopped.contains(&f.project))
    }
}

impl Follower {
    /// Takes note of what its project said to an image of the family. `has_other` is whether it has another one: rejecting one version
    /// rejects the family only when it is the last they have. Who comes back follows from then on.
    pub fn answered(&mut self, state: State, has_other: HasOther, now: Timestamp) {
        match (state, has_other) {
            (State::Rejected, HasOther::Yes) | (State::Pending, _) => {}
            (State::Rejected, HasOther::No) => self.state = State::Rejected,
            (State::Accepted, _) => {
                if self.state == State::Rejected {
                    self.since = now;
                }
                self.state = State::Accepted;
            }
        }
    }
}

/// Whether a project has another image of a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HasOther {
    /// It has accepted another one.
    Yes,
    /// It has no other.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn follower(state: State) -> Follower {
        Follower {
            project: ProjectId(Uuid::from_u128(21)),
            account: AccountId(Uuid::from_u128(20)),
            since: Timestamp(1),
            state,
        }
    }

    #[test]
    fn only_rejecting_the_last_one_rejects_the_family_and_coming_back_begins_anew() {
        let mut one = follower(State::Accepted);
        one.answered(State::Rejected, HasOther::Yes, Timestamp(5));
        assert_eq!((one.state, one.since), (State::Accepted, Timestamp(1)));
        one.answered(State::Rejected, HasOther::No, Timestamp(6));
        assert_eq!((one.state, one.since), (State::Rejected, Timestamp(1)));
        one.answered(State::Accepted, HasOther::No, Timestamp(7));
        assert_eq!((one.state, one.since), (State::Accepted, Timestamp(7)));
    }

    #[test]
    fn who_rejected_the_family_or_was_to_lose_an_image_does_not_get_it() {
        for (state, stopped, due) in [
            (State::Accepted, false, 1),
            (State::Pending, false, 1),
            (State::Rejected, false, 0),
            (State::Accepted, true, 0),
        ] {
            let one = follower(state);
            let marks: BTreeSet<ProjectId> = stopped.then_some(one.project).into_iter().collect();
            let following = Following {
                account: AccountId(Uuid::from_u128(10)),
                project: ProjectId(Uuid::from_u128(11)),
                region: "north-1".into(),
                family: "web".to_owned(),
                recipients: vec![one],
            };
            assert_eq!(following.due(&marks).count(), due, "{state:?} {stopped}");
        }
    }
}
