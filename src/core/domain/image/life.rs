//! The life of an available image: active, deprecated or disabled, what becomes of it by itself and when, and what a family resolves to
//! (A8, A5-8, A5-9).

use super::{Image, Status};
use crate::domain::error::Reason;
use crate::domain::ids::ImageId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// How far an available image may still be used (A5-8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// For everything.
    #[default]
    Active,
    /// Still deployable, with a warning; neither shared nor copied any more, and out of its family.
    Deprecated,
    /// Not deployable; who has a share of it keeps that.
    Disabled,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::Active, Self::Deprecated, Self::Disabled];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Deprecated => "Deprecated",
            Self::Disabled => "Disabled",
        }
    }

    /// The word in forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for Stage {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|stage| stage.slug() == text).ok_or(())
    }
}

/// A change of stage at a moment to come, which a reconciler acts on (A5-9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What it becomes.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
}

impl Plan {
    /// Such as `deprecated on 1 Dec 2026`.
    pub fn words(&self) -> String {
        format!("{} on {}", self.stage.word().to_lowercase(), self.at.day())
    }
}

/// Several plans in a sentence part, such as `deprecated on 1 Dec 2026, disabled on 1 Mar 2027`.
pub fn plans_in_words(plans: &[Plan]) -> String {
    plans.iter().map(Plan::words).collect::<Vec<_>>().join(", ")
}

/// Where an image stands in its life. What is planned is in the order of the days, at most one plan for each stage; the first is for another
/// stage than the present one, so that every plan changes something when its day has come. An active image for which nothing is planned has
/// nothing in its place.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Life {
    /// How far it may be used.
    pub stage: Stage,
    /// What becomes of it by itself, the next change first.
    pub plans: Vec<Plan>,
    /// What to use instead.
    pub replacement: Option<ImageId>,
}

/// What became of the plans when one was added.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Added {
    /// The plan for the same stage that it takes the place of.
    pub instead_of: Option<Plan>,
    /// Plans that are of no use any more.
    pub dropped: Vec<Plan>,
}

impl Life {
    /// Makes it `stage` at once. What is planned stays, but for what that overtakes; gives those plans.
    pub fn change(&mut self, stage: Stage) -> Vec<Plan> {
        let ways = self.ways();
        self.stage = stage;
        self.settle(&ways)
    }

    /// Plans a change. It takes the place of the plan for the same stage, if there is one.
    ///
    /// # Errors
    /// A sentence for the day: another change is planned for it (two on one day have no order), or it is that stage then anyway (A5-9: what is
    /// planned happens, so what cannot happen is not planned).
    pub fn plan(&mut self, plan: Plan) -> Result<Added, String> {
        let mut next = self.clone();
        let at = next.plans.iter().position(|other| other.stage == plan.stage);
        let instead_of = at.map(|at| next.plans.remove(at));
        if let Some(other) = next.plans.iter().find(|other| other.at == plan.at) {
            let taken = other.stage.word().to_lowercase();
            return Err(format!("It becomes {taken} on this day. Choose another day, or remove that first."));
        }
        let place = next.plans.partition_point(|other| other.at < plan.at);
        next.plans.insert(place, plan);
        // What it was meant for itself is said anew.
        let ways: Vec<Way> = self.ways().into_iter().filter(|(stage, _)| *stage != plan.stage).collect();
        let dropped = next.settle(&ways);
        if dropped.contains(&plan) {
            let stage = plan.stage.word().to_lowercase();
            return Err(format!(
                "It is {stage} on that day anyway. Choose another stage, or a day on which it is not."
            ));
        }
        *self = next;
        Ok(Added { instead_of, dropped })
    }

    /// Takes the plan for a stage back. Gives it, and what is of no use without it; `None` when there is no such plan.
    pub fn unplan(&mut self, stage: Stage) -> Option<(Plan, Vec<Plan>)> {
        let ways = self.ways();
        let at = self.plans.iter().position(|plan| plan.stage == stage)?;
        let plan = self.plans.remove(at);
        Some((plan, self.settle(&ways)))
    }

    /// Whether something is planned whose moment has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.plans.first().is_some_and(|plan| plan.at <= now)
    }

    /// Does what is planned and due, one after the other; gives it.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Plan> {
        let n_due = self.plans.iter().take_while(|plan| plan.at <= now).count();
        let due: Vec<Plan> = self.plans.drain(..n_due).collect();
        self.stage = due.last().map_or(self.stage, |plan| plan.stage);
        self.let_go();
        due
    }

    /// Whether each plan withdraws the image or gives it back, compared to what it is before.
    fn ways(&self) -> Vec<Way> {
        let before = std::iter::once(self.stage).chain(self.plans.iter().map(|plan| plan.stage));
        self.plans.iter().zip(before).map(|(plan, before)| (plan.stage, plan.stage.cmp(&before))).collect()
    }

    /// Drops the plans that were overtaken, and gives them: those that would change nothing, and those that would lead the other way than
    /// they were meant to by `ways`. An image that was disabled in a hurry does not become deployable again because it was to be deprecated
    /// some day.
    fn settle(&mut self, ways: &[Way]) -> Vec<Plan> {
        let mut before = self.stage;
        let (mut kept, mut dropped) = (Vec::new(), Vec::new());
        for plan in std::mem::take(&mut self.plans) {
            let way = plan.stage.cmp(&before);
            let meant = ways.iter().find(|(stage, _)| *stage == plan.stage).map_or(way, |(_, way)| *way);
            if way == Ordering::Equal || way != meant {
                dropped.push(plan);
            } else {
                before = plan.stage;
                kept.push(plan);
            }
        }
        self.plans = kept;
        self.let_go();
        dropped
    }

    /// An image that is for everything, and stays so as far as anybody planned, needs no other in its place.
    fn let_go(&mut self) {
        if self.stage == Stage::Active && self.plans.is_empty() {
            self.replacement = None;
        }
    }
}

/// A stage that is planned, and whether that withdraws the image (`Greater`) or gives it back (`Less`).
type Way = (Stage, Ordering);

impl Image {
    /// Whether its stage lets it be deployed.
    ///
    /// # Errors
    /// `image_disabled`.
    pub fn stage_deploys(&self) -> Result<(), Reason> {
        match self.life.stage {
            Stage::Active | Stage::Deprecated => Ok(()),
            Stage::Disabled => Err(Reason::new(
                "image_disabled",
                "A disabled image cannot be deployed.",
                "It is disabled now.",
                "Choose another image, or have its owner make it active again.",
            )),
        }
    }

    /// Whether its stage lets it be passed on: shared or copied.
    ///
    /// # Errors
    /// `image_deprecated`; `image_disabled`.
    pub fn stage_spreads(&self) -> Result<(), Reason> {
        let (code, rule) = match self.life.stage {
            Stage::Active => return Ok(()),
            Stage::Deprecated => ("image_deprecated", "A deprecated image is neither shared nor copied."),
            Stage::Disabled => ("image_disabled", "A disabled image is neither shared nor copied."),
        };
        let now = format!("It is {} now.", self.life.stage.word().to_lowercase());
        Err(Reason::new(code, rule, now, "Make it active again first."))
    }

    /// Whether it stands for its family: available, active, not hidden, and something that machines are made from.
    fn leads(&self, family: &str) -> bool {
        !family.is_empty()
            && self.family == family
            && self.status == Status::Available
            && self.life.stage == Stage::Active
            && !self.hidden
            && self.makes_machines().is_ok()
    }
}

/// The image a family stands for: the newest that is available and active, by the moment it was asked for, then by id, so that there is
/// never a tie (A8).
pub fn newest<'a>(images: impl IntoIterator<Item = &'a Image>, family: &str) -> Option<&'a Image> {
    images.into_iter().filter(|image| image.leads(family)).max_by_key(|image| (image.created, image.id))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::image;
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn member(number: u128, created: i64, stage: Stage) -> Image {
        let mut image = image(Status::Available);
        image.id = Uuid::from_u128(number).into();
        image.created = Timestamp(created);
        image.family = "web".to_owned();
        image.life.stage = stage;
        image
    }

    #[test]
    fn deprecating_the_newest_rolls_back_and_restoring_it_rolls_forward() {
        let mut images = vec![member(1, 10, Stage::Active), member(2, 20, Stage::Active)];
        let leader = |images: &[Image]| newest(images, "web").map(|image| image.id.0.as_u128());
        assert_eq!(leader(&images), Some(2));
        images[1].life.stage = Stage::Deprecated;
        assert_eq!(leader(&images), Some(1));
        images[1].life.stage = Stage::Active;
        assert_eq!(leader(&images), Some(2));
        images[0].created = Timestamp(20);
        assert_eq!(leader(&images), Some(2), "the id breaks the tie");
        assert_eq!(newest(&images, "").map(|image| image.id), None, "no family is no family");
    }

    const DAY_MS: i64 = 86_400_000;

    /// A life as `active: deprecated 3, disabled 5`: the stage, and what is planned for which day.
    fn words(life: &Life) -> String {
        let plans = life.plans.iter().map(|plan| format!("{} {}", plan.stage.slug(), plan.at.0 / DAY_MS));
        format!("{}: {}", life.stage.slug(), plans.collect::<Vec<_>>().join(", ")).trim_end().to_owned()
    }

    fn stage(word: &str) -> Stage {
        word.parse().expect("a stage")
    }

    fn life(text: &str) -> Life {
        let (now, plans) = text.split_once(':').expect("a colon");
        let plans = plans.split(',').filter_map(|plan| plan.trim().split_once(' ')).map(|(word, day)| Plan {
            stage: stage(word),
            at: Timestamp(day.parse::<i64>().expect("a day") * DAY_MS),
        });
        Life { stage: stage(now), plans: plans.collect(), replacement: None }
    }

    #[test]
    fn an_immediate_change_drops_only_what_it_overtakes() {
        let check = |before: &str, becomes: &str, after: &str| {
            let mut now = life(before);
            let mut gone = now.plans.clone();
            let dropped = now.change(stage(becomes));
            assert_eq!(words(&now), after, "{before}, now {becomes}");
            gone.retain(|plan| !now.plans.contains(plan));
            assert_eq!(dropped, gone, "{before}, now {becomes}");
        };
        check("active: deprecated 3, disabled 5", "deprecated", "deprecated: disabled 5");
        check("active: deprecated 3, disabled 5", "disabled", "disabled:");
        check("active: deprecated 3, disabled 5", "active", "active: deprecated 3, disabled 5");
        check("active: deprecated 3, active 5", "disabled", "disabled: active 5");
        check("deprecated: active 3, disabled 5", "active", "active: disabled 5");
        check("deprecated: disabled 3, active 5", "active", "active: disabled 3, active 5");
        check("disabled: deprecated 3, active 5", "active", "active:");
        check("disabled: deprecated 3, active 5", "deprecated", "deprecated: active 5");
    }

    #[test]
    fn a_plan_takes_its_place_in_the_order_of_the_days() {
        let check = |before: &str, plan: &str, after: &str| {
            let mut now = life(before);
            let plan = life(&format!("active: {plan}")).plans[0];
            match now.plan(plan) {
                Ok(added) => {
                    let old = life(before).plans.into_iter().find(|old| old.stage == plan.stage);
                    assert_eq!(added.instead_of, old, "{before} and {plan:?}");
                    assert_eq!(words(&now), after, "{before} and {plan:?}");
                }
                Err(refusal) => {
                    assert_eq!(refusal, after);
                    assert_eq!(words(&now), before, "a refusal changes nothing");
                }
            }
        };
        check("active: disabled 5", "deprecated 3", "active: deprecated 3, disabled 5");
        check("active: deprecated 3", "disabled 5", "active: deprecated 3, disabled 5");
        check("active: deprecated 3, disabled 5", "deprecated 4", "active: deprecated 4, disabled 5");
        check("active: deprecated 3, disabled 5", "active 9", "active: deprecated 3, disabled 5, active 9");
        // Moved past another plan, it comes after it; what made sense only in between goes.
        check("active: deprecated 3, disabled 5", "deprecated 7", "active: disabled 5, deprecated 7");
        check("active: deprecated 3, active 5", "deprecated 7", "active: deprecated 7");
        check("active: deprecated 7", "disabled 5", "active: disabled 5");
        let taken = "It becomes disabled on this day. Choose another day, or remove that first.";
        check("active: disabled 5", "deprecated 5", taken);
        let anyway = "It is active on that day anyway. Choose another stage, or a day on which it is not.";
        check("active:", "active 3", anyway);
        check("active: deprecated 3, active 5", "active 2", anyway);
    }

    #[test]
    fn a_plan_is_taken_back_with_what_needs_it() {
        let check = |before: &str, without: &str, after: &str| {
            let mut now = life(before);
            assert!(now.unplan(stage(without)).is_some());
            assert_eq!(words(&now), after, "{before} without {without}");
        };
        check("active: deprecated 3, disabled 5", "deprecated", "active: disabled 5");
        check("active: deprecated 3, disabled 5", "disabled", "active: deprecated 3");
        check("active: deprecated 3, active 5", "deprecated", "active:");
        check("active: disabled 3, deprecated 5", "disabled", "active:");
        assert_eq!(life("active: deprecated 3").unplan(Stage::Disabled), None);
    }

    #[test]
    fn what_stands_in_for_an_image_stays_until_nobody_needs_it() {
        let mut now = life("deprecated: active 3, disabled 5");
        now.replacement = Some(Uuid::from_u128(7).into());
        assert_eq!(now.advance(Timestamp(3 * DAY_MS - 1)), []);
        assert_eq!(
            (now.advance(Timestamp(3 * DAY_MS)).len(), words(&now)),
            (1, "active: disabled 5".to_owned())
        );
        assert!(now.replacement.is_some(), "it is disabled later");
        now.unplan(Stage::Disabled);
        assert_eq!(now, Life::default());
        let mut late = life("active: deprecated 3, disabled 5");
        assert_eq!((late.advance(Timestamp(9 * DAY_MS)).len(), words(&late)), (2, "disabled:".to_owned()));
    }

    /// A change by hand, a plan for a day, a plan taken back, or a day that comes.
    fn deed() -> impl Strategy<Value = (u8, Stage, i64)> {
        (0u8..4, proptest::sample::select(Stage::ALL.to_vec()), 1i64..9)
    }

    /// An image that mostly is of the family `web` and can be used. Moments are few, so that many are the same.
    fn anything() -> impl Strategy<Value = Image> {
        let stage = proptest::sample::select(Stage::ALL.to_vec());
        let status =
            prop_oneof![3 => Just(Status::Available), 1 => proptest::sample::select(Status::ALL.to_vec())];
        let kind = proptest::sample::select(Kind::ALL.to_vec());
        let family = proptest::sample::select(vec!["web", "web", "web", "db", "", "Web"]);
        (0i64..5, stage, status, kind, proptest::bool::weighted(0.2), family).prop_map(
            |(created, stage, status, kind, hidden, family)| {
                let mut image = member(1, created, stage);
                (image.status, image.kind, image.hidden, image.family) =
                    (status, kind, hidden, family.to_owned());
                image
            },
        )
    }

    fn numbered(images: Vec<Image>) -> Vec<Image> {
        (1u128..)
            .zip(images)
            .map(|(number, image)| Image { id: Uuid::from_u128(number).into(), ..image })
            .collect()
    }

    proptest! {
        #[test]
        fn every_plan_changes_something_whatever_people_do(deeds in proptest::collection::vec(deed(), 0..20)) {
            let mut now = Life::default();
            let mut today = 0;
            for (deed, stage, days) in deeds {
                let at = Timestamp((today + days) * DAY_MS);
                match deed {
                    0 => drop(now.change(stage)),
                    1 => {
                        let plan = Plan { stage, at };
                        let planned = now.plan(plan);
                        prop_assert!(planned.is_err() || now.plans.contains(&plan));
                    }
                    2 => drop(now.unplan(stage)),
                    _ => {
                        today += days;
                        now.advance(at);
                    }
                }
                prop_assert!(now.plans.iter().all(|plan| plan.at.0 > today * DAY_MS), "what is due is done");
                prop_assert!(now.plans.windows(2).all(|pair| pair[0].at < pair[1].at), "in order: {now:?}");
                let mut stages: Vec<Stage> = now.plans.iter().map(|plan| plan.stage).collect();
                prop_assert!(stages.first() != Some(&now.stage), "the first changes something: {now:?}");
                stages.sort_unstable();
                stages.dedup();
                prop_assert_eq!(stages.len(), now.plans.len(), "one for each stage");
            }
        }

        #[test]
        fn a_family_resolves_to_its_newest_usable_image_in_whatever_order(
            mut images in proptest::collection::vec(anything(), 0..12).prop_map(numbered),
            seed in any::<usize>(),
        ) {
            let usable = |i: &&Image| {
                i.family == "web"
                    && i.status == Status::Available
                    && i.life.stage == Stage::Active
                    && !i.hidden
                    && i.kind != Kind::Data
            };
            let mut line: Vec<(Timestamp, ImageId)> = images.iter().filter(usable).map(|i| (i.created, i.id)).collect();
            line.sort_unstable();
            if !images.is_empty() {
                let by = seed % images.len();
                images.rotate_left(by);
            }
            // Deprecating the newest rolls back, again and again; restoring each makes it the newest again (A8).
            let leader = |images: &[Image]| newest(images, "web").map(|image| image.id);
            for (_, id) in line.iter().rev() {
                prop_assert_eq!(leader(&images), Some(*id));
                images.iter_mut().filter(|i| i.id == *id).for_each(|i| i.life.stage = Stage::Deprecated);
            }
            prop_assert_eq!(leader(&images), None);
            for (_, id) in &line {
                images.iter_mut().filter(|i| i.id == *id).for_each(|i| i.life.stage = Stage::Active);
                prop_assert_eq!(leader(&images), Some(*id));
            }
        }
    }
}
