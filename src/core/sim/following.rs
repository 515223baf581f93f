//! Sharing what follows in a simulated world: what people do about it, and what each commit must do for those who follow.

use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::following::Following;
use crate::domain::form::UnfollowForm;
use crate::domain::ids::{ImageId, ProjectId, Subject};
use crate::domain::image::Image;
use crate::ops::shares;
use crate::store::{Batch, Version};
use std::collections::BTreeSet;

impl World {
    pub(super) fn unfollows(&mut self) -> (String, String) {
        let event = "unfollow".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let own: Vec<Following> = {
            let records = self.bench.witness.records();
            records.followings.all().filter(|f| f.project == desk.project).cloned().collect()
        };
        let Some(following) = self.dice.pick(&own).cloned() else { return (event, "nothing".to_owned()) };
        let Some(follower) = self.dice.pick(&following.recipients).cloned() else {
            return (event, "nothing".to_owned());
        };
        let form = UnfollowForm {
            owner: following.project.to_string(),
            region: following.region.to_string(),
            family: following.family,
            project: follower.project.to_string(),
        };
        let result = shares::unfollow(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &[]);
        (event, outcome)
    }
}

impl Records {
    /// An image that can be shared from this commit on reaches in this commit everybody who follows its family, or their owner is told why
    /// not; and no share that they have vanishes but by a person's hand.
    pub(super) fn judge_following(&mut self, version: Version, batch: &Batch) {
        let mut broken = Vec::new();
        let refused: BTreeSet<(ImageId, String)> = self
            .events
            .new_in(batch)
            .into_iter()
            .filter(|event| event.action == "share.follow_refused")
            .filter_map(|event| match event.subject {
                Subject::Image(id) => Some((id, event.detail)),
                _ => None,
            })
            .collect();
        let told = |image, project: ProjectId| {
            refused.iter().any(|(id, why)| *id == image && why.contains(&project.to_string()))
        };
        for image in self.images.put_in(batch).into_iter().filter(Image::passed_on) {
            let before = self.images.get(image.id.0);
            if before.is_some_and(|old| old.passed_on() && old.family == image.family) {
                continue;
            }
            for project in self.due(batch, &image) {
                let outcome = match self.shares.after(batch, &(image.id, project)) {
                    Some(share) => share.state.word(),
                    None if told(image.id, project) => "refused",
                    None => {
                        broken.push(format!("commit {version} did not pass {} on to {project}", image.id));
                        continue;
                    }
                };
                *self.passed_on.entry(format!("passed-on: {outcome}")).or_default() += 1;
            }
        }
        // One with an end of its own was stopped before.
        for share in self.shares.gone_in(batch).into_iter().filter(|share| share.ends.is_none()) {
            let Some(image) = self.images.after(batch, &share.image).filter(Image::passed_on) else {
                continue;
            };
            if self.due(batch, &image).contains(&share.recipient) {
                broken.push(format!("commit {version} took what follows away again: {share:?}"));
            }
        }
        self.broken.append(&mut broken);
    }

    /// Who gets this image by following.
    fn due(&self, batch: &Batch, image: &Image) -> Vec<ProjectId> {
        let following = image.family_key().and_then(|key| self.followings.after(batch, &key));
        let stopped = self.sharings.after(batch, &image.id).map_or_else(BTreeSet::new, |s| s.stopped);
        following.iter().flat_map(|f| f.due(&stopped)).map(|follower| follower.project).collect()
    }

    /// Each follower is there once and is not the family's own project, and there are no more than may be.
    pub(super) fn followings_are_in_order(&self, n_max: u32) -> Checked {
        for following in self.followings.all() {
            let projects: BTreeSet<ProjectId> = following.recipients.iter().map(|f| f.project).collect();
            let n = projects.len();
            let once = n == following.recipients.len() && n > 0 && !projects.contains(&following.project);
            if !once || u32::try_from(n).is_ok_and(|n| n > n_max) {
                return Err(format!("the family is followed by {n} of {n_max}: {following:?}"));
            }
        }
        Ok(())
    }
}
