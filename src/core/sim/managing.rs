//! What people do to many images at once in a simulated world: protecting, tagging, deleting, with one result per image; and their lists
//! as files.

use super::world::World;
use crate::domain::event::{AuditQuery, CHARGE};
use crate::domain::form::{BULK_ACTIONS, BulkForm};
use crate::domain::ids::Subject;
use crate::domain::image::Image;
use crate::domain::image::list::ImageQuery;
use crate::domain::image::tags::Tags;
use crate::ops::ctx::Place;
use crate::ops::{audit, images};
use std::collections::BTreeMap;

impl World {
    /// The lists as files, and the trail of a project: as many rows as the pages have together.
    pub(super) fn exports(&mut self) -> (String, String) {
        let event = "export".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let of_project = AuditQuery::about(Subject::Project(desk.project));
        let result = images::export_public(&desk.ctx, &place).and_then(|_| {
            let images = images::list(&desk.ctx, &place, ImageQuery::default())?.page.total;
            let rows = images::export(&desk.ctx, &place, &ImageQuery::default(), &[])?.len();
            // The page shows what is charged to who asks for it, the file has it beside the rest.
            let charges = AuditQuery { action: CHARGE.to_owned(), ..of_project.clone() };
            let events = audit::list(&desk.ctx, &place, &of_project)?.page.total
                + audit::list(&desk.ctx, &place, &charges)?.page.total;
            Ok([(images, rows), (events, audit::export(&desk.ctx, &place, &of_project)?.len())])
        });
        let (counted, outcome) = self.expect(result, &[]);
        for (listed, n) in counted.into_iter().flatten() {
            if u32::try_from(n) != Ok(listed) {
                self.violate(format!("{n} rows are exported, and {listed} listed"));
            }
        }
        (event, outcome)
    }

    /// Picks a few images of a project and does one thing to them. What is told of each line must be what happened to that image.
    pub(super) fn manages(&mut self) -> (String, String) {
        let action = self.dice.pick(&BULK_ACTIONS).copied().unwrap_or("tag");
        let event = format!("bulk-{action}");
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let mut before: BTreeMap<String, Image> = BTreeMap::new();
        for _ in 0..=self.dice.below(3) {
            before.extend(self.an_image(desk.project).map(|image| (image.id.to_string(), image)));
        }
        let form = BulkForm {
            action: action.to_owned(),
            images: before.keys().cloned().collect(),
            tags: self.dice.pick(&["env=prod, web", "env=test", "db"]).copied().unwrap_or("db").to_owned(),
        };
        let result = images::bulk(&desk.ctx, &form);
        if before.is_empty() {
            return (event, self.expect(result, &["invalid_input"]).1);
        }
        let (lines, outcome) = self.expect(result, &[]);
        for line in lines.into_iter().flatten() {
            let image = &before[&line.image.to_string()];
            let now = self.bench.witness.records().images.get(image.id.0).cloned();
            if let Some(broken) = wrong(action, line.refused, image, now.as_ref()) {
                self.violate(format!("bulk {action} of {} said “{}”, but {broken}", image.name, line.text));
            }
        }
        (event, outcome)
    }
}

/// What an image shows that its line denies.
fn wrong(action: &str, refused: bool, before: &Image, now: Option<&Image>) -> Option<&'static str> {
    let Some(now) = now else { return (action != "delete").then_some("the image is gone") };
    let kept = |tags: &Tags| tags.keys().all(|key| before.tags.contains_key(key));
    let ok = match (action, refused) {
        ("delete", true) => now.status == before.status,
        ("delete", false) => !now.status.listed() && (!before.status.listed() || !before.protected),
        (_, true) => now.revision == before.revision,
        ("protect", false) => now.protected,
        ("unprotect", false) => !now.protected,
        ("untag", false) => kept(&now.tags),
        _ => before.tags.keys().all(|key| now.tags.contains_key(key)),
    };
    (!ok).then_some("the image shows something else")
}
