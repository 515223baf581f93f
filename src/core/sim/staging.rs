//! The stages of images in a simulated world: what people do and plan, often several changes of one image, and what must hold of plans after
//! every event and in every commit.

use super::flows::{Desk, Happened};
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::form::StageForm;
use crate::domain::ids::{ImageId, Subject};
use crate::domain::image::Image;
use crate::domain::image::life::Stage;
use crate::ops::images::{self, Staged};
use crate::store::{Batch, Version};
use std::collections::BTreeSet;

impl World {
    /// Deprecates, disables or restores, at once or some days ahead.
    pub(super) fn stages(&mut self) -> Happened {
        let Some(desk) = self.changer() else { return ("stage".to_owned(), "nobody".to_owned()) };
        let ending = self.an_ending_image(desk.project).filter(|_| self.dice.chance(500));
        let Some(image) = ending.or_else(|| self.an_image(desk.project)) else {
            return ("stage".to_owned(), "nothing".to_owned());
        };
        // Mostly back to active, or little could be done with images in the end.
        let stages = [Stage::Active, Stage::Active, Stage::Deprecated, Stage::Disabled];
        let stage = self.dice.pick(&stages).copied().unwrap_or_default();
        if self.dice.chance(500) {
            return self.stage(&desk, image.id, stage, None);
        }
        // One after the other, each some days after the one before: mostly a line that retires the image.
        let line = match self.dice.chance(700) {
            true => [Stage::Deprecated, Stage::Disabled, Stage::Active],
            false => [stage, Stage::Deprecated, Stage::Disabled],
        };
        let (mut days, mut last) = (0, ("stage-planned".to_owned(), "nothing".to_owned()));
        let n = usize::try_from(self.dice.below(3)).unwrap_or(0) + 1;
        for stage in line.into_iter().take(n) {
            days += i64::try_from(self.dice.below(3)).unwrap_or(0) + 1;
            last = self.stage(&desk, image.id, stage, Some(days));
        }
        last
    }

    /// Makes or plans an image to be of a stage. The event says how many plans are alive after it, where that is more than one.
    fn stage(&mut self, desk: &Desk, image: ImageId, stage: Stage, days: Option<i64>) -> Happened {
        let other = self.an_image(desk.project).filter(|_| self.dice.chance(400)).map(|other| other.id);
        let event = match (days, other) {
            (_, Some(_)) if stage != Stage::Active => "stage-replaced",
            (None, _) => "stage",
            (Some(_), _) => "stage-planned",
        };
        let form = StageForm {
            image: image.to_string(),
            stage: stage.slug().to_owned(),
            when: if days.is_some() { "later" } else { "now" }.to_owned(),
            day: desk.ctx.now.plus_ms(days.unwrap_or(0) * 86_400_000).iso_day(),
            replacement: other.map(|other| other.to_string()).unwrap_or_default(),
        };
        let result = images::set_stage(&desk.ctx, &form);
        // What stands in for it has to be another one of its region that can be used; two plans are not for one day, and none is for what
        // the image is then anyway.
        let refused = if other.is_some() || days.is_some() { "invalid_input" } else { "" };
        let (staged, outcome) = self.expect(result, &["image_not_available", "image_recycled", refused]);
        let n_alive =
            self.bench.witness.records().images.get(image.0).map_or(0, |image| image.life.plans.len());
        match staged {
            Some(Staged::Overtaken) => ("stage-overtakes".to_owned(), outcome),
            Some(Staged::Moved) => ("stage-moved".to_owned(), outcome),
            Some(_) if n_alive > 1 => (format!("stage-{n_alive}-plans"), outcome),
            _ => (event.to_owned(), outcome),
        }
    }

    /// Takes a plan back: mostly one that there is.
    pub(super) fn unplans(&mut self) -> Happened {
        let event = "unplan".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let planned: Vec<Image> = {
            let records = self.bench.witness.records();
            let own = |image: &&Image| image.project == desk.project && !image.life.plans.is_empty();
            records.images.all().filter(own).cloned().collect()
        };
        let Some(image) = self.dice.pick(&planned).cloned() else { return (event, "nothing".to_owned()) };
        let one = self.dice.pick(&image.life.plans).map(|plan| plan.stage);
        let stage = one.filter(|_| self.dice.chance(800)).unwrap_or_default();
        let result = images::unplan(&desk.ctx, image.id, stage);
        let (_, outcome) =
            self.expect(result, &["plan_gone", "image_not_available", "image_recycled", "image_deleting"]);
        (event, outcome)
    }
}

impl Records {
    /// No plan is lost: what is not planned any more happened on its day or later, or the trail of the image says that it is not.
    pub(super) fn judge_plans(&mut self, version: Version, batch: &Batch) {
        let mut broken = Vec::new();
        let events = self.events.new_in(batch);
        for image in self.images.put_in(batch) {
            let Some(before) = self.images.get(image.id.0) else { continue };
            let about = |subject| subject == Subject::Image(image.id);
            for plan in before.life.plans.iter().filter(|plan| !image.life.plans.contains(plan)) {
                let told = events.iter().filter(|event| about(event.subject)).any(|event| {
                    let happened = event.detail == "As planned." && plan.at <= event.at;
                    happened && event.action == images::life::done(plan.stage)
                        || event.detail.contains(&plan.at.day())
                });
                if !told {
                    broken.push(format!("commit {version} lost a plan of {}: {plan:?}", image.id));
                }
            }
        }
        self.broken.append(&mut broken);
    }
}

/// Plans are in the order of their days, one for each stage, and each changes something; nothing stands in for an image that is for everything
/// and stays so.
pub(super) fn plans_are_in_order(records: &Records) -> Checked {
    for image in records.images.all() {
        let life = &image.life;
        let stages: BTreeSet<Stage> = life.plans.iter().map(|plan| plan.stage).collect();
        let once = stages.len() == life.plans.len();
        let in_order = life.plans.windows(2).all(|pair| pair[0].at < pair[1].at);
        let changes = life.plans.first().is_none_or(|plan| plan.stage != life.stage);
        let idle = life.stage == Stage::Active && life.plans.is_empty() && life.replacement.is_some();
        if !once || !in_order || !changes || idle {
            return Err(format!("the life of {} is out of order: {life:?}", image.id));
        }
    }
    Ok(())
}
