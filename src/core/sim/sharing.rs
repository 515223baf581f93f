//! What people do about sharing in a simulated world, both sides of it. Every refusal that a flow may meet is listed with it.

use super::world::World;
use crate::domain::form::{ShareForm, StageForm, StopSharingForm};
use crate::domain::ids::{ImageId, ProjectId};
use crate::domain::image::life::Stage;
use crate::domain::image::{Image, Status};
use crate::domain::project::Role;
use crate::domain::share::{Action, Share, State};
use crate::ops::ctx::Place;
use crate::ops::{images, shares};
use crate::ports::Clock;

type Happened = (String, String);

impl World {
    /// The shares that `wanted` picks.
    fn shares_of(&mut self, wanted: impl Fn(&Share) -> bool) -> Vec<Share> {
        let records = self.bench.witness.records();
        records.shares.all().filter(|s| wanted(s)).cloned().collect()
    }

    /// Those that give something now: accepted, and of an image that is not in the recycle bin.
    pub(super) fn given(&mut self, wanted: impl Fn(&Share) -> bool) -> Vec<Share> {
        let now = self.bench.clock.now();
        let records = self.bench.witness.records();
        let there = |s: &&Share| {
            let image = records.images.get(s.image.0);
            image.is_some_and(|i| i.status == Status::Available && s.gives(i, now))
        };
        records.shares.all().filter(|s| wanted(s)).filter(there).cloned().collect()
    }

    /// An image that somebody else gave to `project`, in its region.
    pub(super) fn a_given_image(&mut self, project: ProjectId) -> Option<Share> {
        let given = self.given(|s| s.recipient == project);
        self.dice.pick(&given).cloned()
    }

    /// Whether `project` was told that it may save this image until a day to come, and the image is not active any more.
    pub(super) fn is_promised(&mut self, image: ImageId, project: ProjectId) -> bool {
        let given = self.given(|s| s.image == image && s.recipient == project);
        let records = self.bench.witness.records();
        let seen = records.images.get(image.0).filter(|i| i.life.stage != Stage::Active);
        seen.is_some_and(|i| given.iter().any(|share| share.ends_with(i).is_some()))
    }

    /// An image of somebody else that `project` may save whatever its stage.
    pub(super) fn a_promised_image(&mut self, project: ProjectId) -> Option<Share> {
        let mut given = self.given(|s| s.recipient == project);
        given.retain(|share| self.is_promised(share.image, project));
        self.dice.pick(&given).cloned()
    }

    /// An image of `project` that somebody has until a day to come.
    pub(super) fn an_ending_image(&mut self, project: ProjectId) -> Option<Image> {
        let given = self.given(|s| s.project == project);
        let records = self.bench.witness.records();
        let images = given.iter().filter_map(|s| Some((s, records.images.get(s.image.0)?)));
        let ending: Vec<Image> =
            images.filter(|(s, i)| s.ends_with(i).is_some()).map(|(_, i)| i.clone()).collect();
        drop(records);
        self.dice.pick(&ending).cloned()
    }

    /// Whether a project of this person has accepted the image.
    pub(super) fn is_given(&mut self, who: usize, image: ImageId) -> bool {
        let roles = self.people[who].roles.clone();
        !self.given(|s| s.image == image && roles.contains_key(&s.recipient)).is_empty()
    }

    pub(super) fn shares(&mut self) -> Happened {
        let event = "share".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(mut image) = self.an_image(desk.project) else { return (event, "nothing".to_owned()) };
        for _ in 0..2 {
            // Mostly one that can be shared, or little would ever follow.
            let other = self.an_image(desk.project).filter(|_| !image.passed_on());
            image = other.unwrap_or(image);
        }
        let follow = self.dice.chance(if image.family.is_empty() { 100 } else { 800 });
        let event = if follow { "share-follow".to_owned() } else { event };
        let projects = self.provider.projects.iter().map(|(_, project)| *project);
        let projects: Vec<String> =
            projects.filter(|p| !follow || *p != desk.project).map(|p| p.to_string()).collect();
        let mut typed = Vec::new();
        for _ in 0..=self.dice.below(2) {
            typed.extend(self.dice.pick(&projects).cloned());
        }
        if self.dice.chance(50) {
            typed.push("not-an-id".to_owned());
        }
        let form = ShareForm {
            image: image.id.to_string(),
            projects: typed.join("\n"),
            sure: "yes".to_owned(),
            follow: if follow { "yes" } else { "" }.to_owned(),
        };
        let result = shares::share(&desk.ctx, &form);
        let allowed = [
            "share_lines_wrong",
            "share_limit_reached",
            "share_across_sites",
            "share_no_family",
            "follow_limit_reached",
            "image_not_available",
            "image_deprecated",
            "image_disabled",
            "image_recycled",
            "image_leaving",
        ];
        let (_, outcome) = self.expect(result, &allowed);
        (event, outcome)
    }

    pub(super) fn decides(&mut self) -> Happened {
        let event = "decide".to_owned();
        // Mostly one that waits for an answer.
        let waiting = self.dice.chance(600);
        let offered = self.shares_of(|s| !waiting || s.state == State::Pending);
        let Some(share) = self.dice.pick(&offered).cloned() else { return (event, "nothing".to_owned()) };
        let Some(desk) = self.changer_in(share.recipient) else { return (event, "nobody".to_owned()) };
        // What is offered of an image in the recycle bin does not exist.
        let refused = [
            "not_found",
            "share_accepted",
            "share_rejected",
            "share_ended",
            "share_limit_reached",
            "share_across_sites",
            "account_share_limit_reached",
        ];
        if self.dice.chance(150) {
            let place = Place { project: Some(desk.project), region: share.region };
            let result = shares::accept_all(&desk.ctx, &place);
            let (lines, outcome) = self.expect(result, &[]);
            let outcome = match lines.unwrap_or_default() {
                lines if lines.iter().any(|line| line.refused) => "refused".to_owned(),
                lines if lines.is_empty() && outcome == "ok" => "nothing".to_owned(),
                _ => outcome,
            };
            return ("accept-all".to_owned(), outcome);
        }
        let action = if self.dice.chance(700) { Action::Accept } else { Action::Reject };
        let result = shares::decide(&desk.ctx, share.image, desk.project, action);
        let (_, outcome) = self.expect(result, &refused);
        (event, outcome)
    }

    pub(super) fn stops_sharing(&mut self) -> Happened {
        let event = "stop-sharing".to_owned();
        // Mostly one that somebody has, which can be left time.
        let had = self.dice.chance(700);
        let own = self.shares_of(|s| !had || s.state == State::Accepted);
        let Some(share) = self.dice.pick(&own).cloned() else { return (event, "nothing".to_owned()) };
        let Some(desk) = self.changer_in(share.project) else { return (event, "nobody".to_owned()) };
        let days = i64::try_from(self.dice.below(4)).unwrap_or(0);
        let later = self.dice.chance(600);
        let form = StopSharingForm {
            image: share.image.to_string(),
            project: share.recipient.to_string(),
            when: if later { "later" } else { "now" }.to_owned(),
            day: desk.ctx.now.plus_ms(days * 86_400_000).iso_day(),
        };
        let result = shares::stop(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &[]);
        // Who stops sharing an image often does so because it is old, and those who are left time save it all the same.
        if later && outcome == "ok" && self.dice.chance(500) {
            let form = StageForm {
                image: share.image.to_string(),
                stage: Stage::Deprecated.slug().to_owned(),
                when: "now".to_owned(),
                ..StageForm::default()
            };
            let result = images::set_stage(&desk.ctx, &form);
            self.expect(result, &["image_not_available", "image_recycled"]);
        }
        (event, outcome)
    }

    /// Opens the pages about sharing, as a person of the project or as one who was given an image of it.
    pub(super) fn looks_at_shares(&mut self) -> Happened {
        let event = "look-at-shares".to_owned();
        let Some(desk) = self.desk(|role| role >= Role::Reader) else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let image = self.an_image(desk.project).map(|i| i.id);
        let given = self.a_given_image(desk.project);
        let result = shares::received(&desk.ctx, &place).and_then(|_| {
            if let Some(image) = image {
                shares::sharing(&desk.ctx, image)?;
            }
            given.map_or(Ok(()), |share| images::detail(&desk.ctx, &place, share.image).map(drop))
        });
        let (_, outcome) = self.expect(result, &[]);
        (event, outcome)
    }
}
