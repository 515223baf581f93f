//! Sharing an image with another project (H1 to H19, A5-5): the record of one image and one project, its states and what either side may
//! do in each. It must not know who is asking: that is the policy's.

use super::error::Reason;
use super::ids::{AccountId, ImageId, ProjectId, RegionId};
use super::image::{self, Image, Status};
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the recipient decided. Only [`State::Accepted`] gives any access: a waiting share is neither listed nor usable (A5-5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nothing yet (H7).
    Pending,
    /// The image is listed and can be used.
    Accepted,
    /// Not wanted; can be accepted later all the same (H19).
    Rejected,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Accepted, Self::Rejected];

    /// Whether somebody has it or is asked: what was rejected is nobody's.
    pub const fn open(self) -> bool {
        match self {
            Self::Pending | Self::Accepted => true,
            Self::Rejected => false,
        }
    }

    /// Whether it takes a slot of the sharer's quota: not before the recipient has accepted (H5).
    pub const fn takes_slot(self) -> bool {
        match self {
            Self::Accepted => true,
            Self::Pending | Self::Rejected => false,
        }
    }

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "Waiting",
            Self::Accepted => "Accepted",
            Self::Rejected => "Rejected",
        }
    }
}

/// One image offered to one project. Shares reach projects, not people (H16), inside the image's region (H9).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Share {
    /// What is shared.
    pub image: ImageId,
    /// With which project.
    pub recipient: ProjectId,
    /// That project's account.
    pub recipient_account: AccountId,
    /// The image's account.
    pub account: AccountId,
    /// The image's project.
    pub project: ProjectId,
    /// Where the image is, and so where it can be used.
    pub region: RegionId,
    /// What the recipient decided.
    pub state: State,
    /// Since when it is offered.
    pub since: Timestamp,
    /// When the recipient decided last.
    pub decided: Option<Timestamp>,
    /// The end that its owner set; `None` while nobody stops it. What holds is [`Share::ends_with`].
    pub ends: Option<Timestamp>,
}

/// What somebody may do to a share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The recipient takes the image.
    Accept,
    /// The recipient does not want it, or not any more.
    Reject,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 2] = [Self::Accept, Self::Reject];
}

impl Share {
    /// An offer of `image` at `now`, which nobody has answered.
    pub fn offered(
        image: &Image,
        recipient: ProjectId,
        recipient_account: AccountId,
        now: Timestamp,
    ) -> Self {
        Self {
            image: image.id,
            recipient,
            recipient_account,
            account: image.account,
            project: image.project,
            region: image.region.clone(),
            state: State::Pending,
            since: now,
            decided: None,
            ends: None,
        }
    }

    /// From this moment on it gives nothing any more: its own end, or that of `image`, which it is of, when it is going to be deleted
    /// sooner. Planning a deletion and taking it back leaves its own end as it is.
    pub fn ends_with(&self, image: &Image) -> Option<Timestamp> {
        self.ends.into_iter().chain(image.leaves).min()
    }

    /// Whether it still stands at `now`. One that ended is as if it were gone, also before it is cleared away.
    pub fn stands(&self, image: &Image, now: Timestamp) -> bool {
        self.ends_with(image).is_none_or(|end| now < end)
    }

    /// Whether it gives its recipient `image`, which it is of, at `now`. What is in the recycle bin nobody has; restoring brings it back to
    /// all who had it.
    pub fn gives(&self, image: &Image, now: Timestamp) -> bool {
        self.counts_for(image, now) && self.state == State::Accepted
    }

    /// Whether anything can come of it at `now`: it stands, and its image is there.
    pub fn counts_for(&self, image: &Image, now: Timestamp) -> bool {
        self.stands(image, now) && image.status.listed()
    }

    /// Whether its recipient may make a copy of `image`, which it gives, inside its region and as their own.
    ///
    /// Who was told that sharing ends on a day and that they may save the image until then can do so whatever its stage. Deprecating
    /// and disabling say what the image is good for from now on; they are no way to take back at once what was promised until a day, also
    /// where the provider says how long recipients are left. Who wants nobody to have the content any more stops sharing it at once. The
    /// copy keeps the stage, so that what is dangerous to deploy is not deployed unless its new owner says so.
    ///
    /// # Errors
    /// The image's reason, with a way out for who does not own it.
    pub fn can_save(&self, image: &Image) -> Result<(), Reason> {
        match image.can(image::Action::Copy) {
            Err(_) if image.status == Status::Available && self.ends_with(image).is_some() => Ok(()),
            Err(reason) if image.status == Status::Available => {
                Err(Reason { way_out: "Ask its owner to make it active again.".to_owned(), ..reason })
            }
            as_for_anybody => as_for_anybody,
        }
    }

    /// Whether `action` on its share of `image` is possible at `now` (not: whether somebody may).
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn can(&self, action: Action, image: &Image, now: Timestamp) -> Result<(), Reason> {
        if !self.stands(image, now) {
            return Err(Reason::new(
                "share_ended",
                "This image is no longer shared with you.",
                "The owner stopped sharing it.",
                "Ask the owner to share it again.",
            ));
        }
        match (action, self.state) {
            (Action::Accept, State::Pending | State::Rejected)
            | (Action::Reject, State::Pending | State::Accepted) => Ok(()),
            (Action::Accept, State::Accepted) => Err(Reason::new(
                "share_accepted",
                "It is accepted already.",
                "It is Accepted now.",
                "Deploy it, or reject it.",
            )),
            (Action::Reject, State::Rejected) => Err(Reason::new(
                "share_rejected",
                "It is rejected already.",
                "It is Rejected now.",
                "Accept it after all, if you need it.",
            )),
        }
    }
}

/// How often an image is shared: what its limit and its deletion go by. Its own record, so that parallel decisions never overshoot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sharing {
    /// The image.
    pub image: ImageId,
    /// Accepted shares: the ones that count against the limit (H1, H5).
    pub n_accepted: u32,
    /// Shares that wait for a decision.
    pub n_pending: u32,
    /// Projects that follow its family and for which somebody stopped this image: only a person shares it with these again.
    pub stopped: BTreeSet<ProjectId>,
}

impl Sharing {
    /// No shares.
    pub const fn none(image: ImageId) -> Self {
        Self { image, n_accepted: 0, n_pending: 0, stopped: BTreeSet::new() }
    }

    /// Shares that somebody has or waits for: rejected ones are nobody's.
    pub const fn n_open(&self) -> u32 {
        self.n_accepted.saturating_add(self.n_pending)
    }

    /// Counts a share that was in state `from` and is in state `to` now; `None` stands for no share.
    pub fn moved(&mut self, from: Option<State>, to: Option<State>) {
        for (state, by) in [(from, -1), (to, 1)] {
            let n = match state {
                Some(State::Accepted) => &mut self.n_accepted,
                Some(State::Pending) => &mut self.n_pending,
                Some(State::Rejected) | None => continue,
            };
            *n = n.saturating_add_signed(by);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::image::life::Stage;
    use super::super::image::tests::image;
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    pub(crate) fn share(state: State) -> Share {
        Share {
            image: Uuid::from_u128(1).into(),
            recipient: ProjectId(Uuid::from_u128(21)),
            recipient_account: AccountId(Uuid::from_u128(20)),
            account: AccountId(Uuid::from_u128(10)),
            project: ProjectId(Uuid::from_u128(11)),
            region: "north-1".into(),
            state,
            since: Timestamp(1_000),
            decided: None,
            ends: None,
        }
    }

    #[test]
    fn what_can_be_done_in_each_state_is_as_agreed() {
        let mut table = format!("{:<12}{:<22}reject\n", "", "accept");
        for state in State::ALL {
            for (ended, name) in [(None, state.word()), (Some(Timestamp(5)), "  ended")] {
                table += &format!("{name:<12}");
                for action in Action::ALL {
                    let mut share = share(state);
                    share.ends = ended;
                    let cell = share
                        .can(action, &image(Status::Available), Timestamp(10))
                        .map_or_else(|reason| reason.code, |()| "yes".to_owned());
                    table += &format!("{cell:<22}");
                }
                table = table.trim_end().to_owned() + "\n";
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_share_ends_at_its_very_moment() {
        let mut share = share(State::Accepted);
        share.ends = Some(Timestamp(100));
        let image = image(Status::Available);
        assert!(share.gives(&image, Timestamp(99)) && !share.gives(&image, Timestamp(100)));
    }

    #[test]
    fn a_share_ends_with_its_image_or_before_it() {
        let mut image = image(Status::Available);
        for (own, leaves, ends) in [
            (None, None, None),
            (Some(5), None, Some(5)),
            (None, Some(5), Some(5)),
            (Some(5), Some(7), Some(5)),
            (Some(7), Some(5), Some(5)),
        ] {
            let share = Share { ends: own.map(Timestamp), ..share(State::Accepted) };
            image.leaves = leaves.map(Timestamp);
            assert_eq!(share.ends_with(&image), ends.map(Timestamp), "{own:?} {leaves:?}");
            assert_eq!(share.gives(&image, Timestamp(5)), ends.is_none());
        }
    }

    #[test]
    fn a_share_of_an_image_in_the_recycle_bin_gives_nothing() {
        let share = share(State::Accepted);
        let gives = Status::ALL.map(|status| share.gives(&image(status), Timestamp(5)));
        assert_eq!(gives, [true, true, true, false, false]);
    }

    #[test]
    fn what_is_promised_until_a_day_can_be_saved_until_then_whatever_its_stage() {
        let mut image = image(Status::Available);
        let mut share = share(State::Accepted);
        for stage in Stage::ALL {
            image.life.stage = stage;
            for (ends, leaves) in [(None, None), (Some(5), None), (None, Some(5)), (Some(5), Some(7))] {
                (share.ends, image.leaves) = (ends.map(Timestamp), leaves.map(Timestamp));
                let promised = ends.or(leaves).is_some();
                match share.can_save(&image) {
                    Ok(()) => assert!(promised || stage == Stage::Active, "{stage:?}"),
                    Err(reason) => {
                        assert!(!promised, "{stage:?}");
                        assert_eq!(reason.way_out, "Ask its owner to make it active again.");
                    }
                }
            }
        }
        image.status = Status::Creating;
        assert!(share.can_save(&image).is_err(), "there is nothing to save yet");
    }

    proptest! {
        #[test]
        fn counting_moves_is_counting_shares(moves in proptest::collection::vec((0usize..4, 0usize..4), 0..40)) {
            let states = [None, Some(State::Pending), Some(State::Accepted), Some(State::Rejected)];
            let mut shares = [None; 4];
            let mut sharing = Sharing::none(Uuid::from_u128(1).into());
            for (which, to) in moves {
                sharing.moved(shares[which], states[to]);
                shares[which] = states[to];
            }
            let count = |state| u32::try_from(shares.iter().filter(|s| **s == Some(state)).count()).unwrap_or(0);
            prop_assert_eq!((sharing.n_accepted, sharing.n_pending), (count(State::Accepted), count(State::Pending)));
        }
    }
}
