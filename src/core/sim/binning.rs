//! What people do about deleting images and the recycle bin in a simulated world. Every refusal that a flow may meet is listed with it.

use super::flows::{Desk, NAMES};
use super::world::World;
use crate::domain::form::{DeleteImageForm, RestoreImageForm};
use crate::domain::ids::{ImageId, ProjectId};
use crate::domain::image::{Image, Status, Visibility};
use crate::ops::ctx::Place;
use crate::ops::images::{self, Deleted};

type Happened = (String, String);

impl World {
    /// At once or on a day to come, with or without the consent that sharing ends.
    pub(super) fn deletes_image(&mut self) -> Happened {
        let event = "delete-image".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(image) = self.an_image(desk.project) else { return (event, "nothing".to_owned()) };
        let days = i64::try_from(self.dice.below(4)).unwrap_or(0);
        let form = DeleteImageForm {
            image: image.id.to_string(),
            unshare: if self.dice.chance(500) { "yes" } else { "" }.to_owned(),
            when: if self.dice.chance(700) { "now" } else { "day" }.to_owned(),
            day: desk.ctx.now.plus_ms(days * 86_400_000).iso_day(),
        };
        let result = images::delete(&desk.ctx, &form);
        let failed = image.status == Status::Error && form.when == "day";
        let allowed = [
            "image_creating",
            "image_deleting",
            "image_protected",
            "image_recycled",
            "image_shared",
            if failed { "invalid_input" } else { "" },
        ];
        let (done, outcome) = self.expect(result, &allowed);
        let outcome = match done {
            Some(Deleted::Recycled(_)) => "recycled".to_owned(),
            Some(Deleted::Leaves(_)) => "leaves".to_owned(),
            Some(Deleted::Removed(_)) => "removed".to_owned(),
            None => outcome,
        };
        (event, outcome)
    }

    /// Mostly one that is in the recycle bin.
    fn a_deleted_image(&mut self, wanted: impl Fn(&Image) -> bool) -> Option<Image> {
        let all: Vec<Image> = {
            let records = self.bench.witness.records();
            let private = |i: &&Image| i.visibility == Visibility::Private && wanted(i);
            records.images.all().filter(private).cloned().collect()
        };
        let binned: Vec<Image> = all.iter().filter(|i| i.status == Status::Recycled).cloned().collect();
        // What arrears put away is rare, and everybody's wish to have back.
        let held: Vec<Image> = {
            let records = self.bench.witness.records();
            let ids: Vec<ImageId> = records.held.all().map(|held| held.image).collect();
            binned.iter().filter(|i| ids.contains(&i.id)).cloned().collect()
        };
        if !held.is_empty() && self.dice.chance(900) {
            return self.dice.pick(&held).cloned();
        }
        let any = binned.is_empty() || self.dice.chance(50);
        self.dice.pick(if any { &all } else { &binned }).cloned()
    }

    /// Somebody who may change a project of which arrears put images away.
    fn who_lost_images(&mut self) -> Option<Desk> {
        let projects: Vec<ProjectId> = {
            let records = self.bench.witness.records();
            let images = records.held.all().filter_map(|held| records.images.get(held.image.0));
            images.map(|image| image.project).collect()
        };
        let project = self.dice.pick(&projects).copied()?;
        self.changer_in(project)
    }

    /// Under its own name or another; by whoever may in its project.
    pub(super) fn restores_image(&mut self) -> Happened {
        let event = "restore-image".to_owned();
        let Some(desk) = self.who_lost_images().or_else(|| self.changer()) else {
            return (event, "nobody".to_owned());
        };
        let own = self.a_deleted_image(|i| i.project == desk.project);
        let Some(image) = own else { return (event, "nothing".to_owned()) };
        let renamed = self.dice.chance(400);
        let name = self.dice.pick(&NAMES).copied().filter(|_| renamed).unwrap_or("");
        let price_version = self.price_version(&image.region);
        let form = RestoreImageForm { image: image.id.to_string(), name: name.to_owned(), price_version };
        let before = self.n_shares(&image);
        let result = images::restore(&desk.ctx, &form);
        let allowed = [
            "image_not_recycled",
            "image_deleting",
            "image_limit_reached",
            "image_name_taken",
            "image_feature_off",
            "held_for_arrears",
            "price_changed",
        ];
        let (done, outcome) = self.expect(result, &allowed);
        // Who follows its family since may have it anew.
        if done.is_some() && self.n_shares(&image) < before {
            self.violate(format!("restoring {} lost shares", image.id));
        }
        (event, outcome)
    }

    fn n_shares(&self, image: &Image) -> usize {
        self.bench.witness.records().shares.all().filter(|s| s.image == image.id).count()
    }

    /// One, or now and then all of them.
    pub(super) fn purges_image(&mut self) -> Happened {
        let Some(desk) = self.changer() else { return ("purge-image".to_owned(), "nobody".to_owned()) };
        if self.dice.chance(200) {
            let place = Place { project: Some(desk.project), region: self.region() };
            let result = images::purge_all(&desk.ctx, desk.project, &place.region, desk.ctx.now);
            let (_, outcome) = self.expect(result, &[]);
            return ("empty-bin".to_owned(), outcome);
        }
        let event = "purge-image".to_owned();
        let own = self.a_deleted_image(|i| i.project == desk.project);
        let Some(image) = own else { return (event, "nothing".to_owned()) };
        let result = images::purge(&desk.ctx, image.id);
        let (_, outcome) = self.expect(result, &["image_not_recycled", "image_deleting"]);
        (event, outcome)
    }

    pub(super) fn keeps_image(&mut self) -> Happened {
        let event = "keep-image".to_owned();
        let leaving: Vec<Image> = {
            let records = self.bench.witness.records();
            records.images.all().filter(|i| i.leaves.is_some()).cloned().collect()
        };
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let own: Vec<Image> = leaving.into_iter().filter(|i| i.project == desk.project).collect();
        let Some(image) = self.dice.pick(&own).cloned() else { return (event, "nothing".to_owned()) };
        let result = images::keep(&desk.ctx, image.id);
        let (_, outcome) = self.expect(result, &[]);
        (event, outcome)
    }
}
