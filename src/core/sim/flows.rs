//! What people do in a simulated world: through the use cases, as the person whom their session's secret proves. Every refusal that a flow
//! may meet is listed with it; any other breaks a rule.

use super::kinds::capture_of;
use super::world::World;
use crate::domain::actor::Actor;
use crate::domain::event::AuditQuery;
use crate::domain::form::{
    CopyImageForm, CreateImageForm, DeleteImageForm, DeployForm, EditImageForm, RestoreImageForm,
};
use crate::domain::ids::{ImageId, InstanceId, ProjectId, RegionId, TaskId};
use crate::domain::image::list::ImageQuery;
use crate::domain::image::{self, Visibility};
use crate::domain::project::Role;
use crate::domain::task::State;
use crate::domain::{Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::{audit, images, instances, people, tasks, usage};
use crate::ports::Clock;

pub(super) type Happened = (String, String);

/// Somebody who may change things in a project, and what is there.
pub(super) struct Desk {
    pub(super) ctx: Ctx,
    pub(super) who: usize,
    pub(super) project: ProjectId,
}

pub(super) const NAMES: [&str; 6] = ["web", "db", "cache", "web-2", "Web", "build"];
pub(super) const MOVING: [&str; 6] = [
    "instance_busy",
    "instance_capturing",
    "instance_running",
    "instance_not_running",
    // A change of image that is tried again.
    "instance_not_stopped",
    "instance_in_group",
];

impl World {
    /// The context that a person's session gives; signs in first when they have none. `None` when an injected error is in the way.
    pub(super) fn ctx_of(&mut self, who: usize) -> Option<Ctx> {
        let now = self.bench.clock.now();
        let anonymous = Ctx { app: self.bench.app.clone(), actor: Actor::Anonymous, now };
        let tokens: Vec<_> = self.people[who].sessions.clone();
        if let Some((token, id)) = self.dice.pick(&tokens).copied() {
            let recognised = people::recognise(&anonymous, &token);
            let (found, _) = self.expect(recognised, &[]);
            let (actor, _) = found?;
            if actor != Actor::Anonymous {
                self.is_they(who, &actor);
                return Some(Ctx { actor, ..anonymous });
            }
            self.people[who].sessions.retain(|(_, s)| *s != id);
        }
        let (email, password) = (self.people[who].email.clone(), self.people[who].password.clone());
        let result = people::sign_in(&anonymous, &email, &password, "sim");
        let (signed_in, _) = self.expect(result, &["sign_in_pause"]);
        let signed_in = signed_in?;
        self.people[who].sessions.push((signed_in.token, signed_in.session));
        let recognised = people::recognise(&anonymous, &signed_in.token);
        let (actor, _) = self.expect(recognised, &[]).0?;
        self.is_they(who, &actor);
        Some(Ctx { actor, ..anonymous })
    }

    /// Nobody is ever taken for somebody else.
    fn is_they(&mut self, who: usize, actor: &Actor) {
        let person = &self.people[who];
        let roles_agree = person.roles.iter().all(|(project, role)| actor.role(*project) == Some(*role));
        if actor.name() != person.email || !roles_agree {
            let what = format!("the session of {} is taken for {actor:?}", person.email);
            self.violate(what);
        }
    }

    pub(super) fn desk(&mut self, may: impl Fn(Role) -> bool) -> Option<Desk> {
        let places: Vec<(usize, ProjectId)> = self
            .people
            .iter()
            .enumerate()
            .flat_map(|(who, p)| p.roles.iter().filter(|(_, r)| may(**r)).map(move |(p, _)| (who, *p)))
            .collect();
        // Mostly where something is, or most flows would find nothing to do.
        let busy: Vec<(usize, ProjectId)> = {
            let records = self.bench.witness.records();
            let used = |p: ProjectId| records.instances.all().any(|i| i.project == p);
            places.iter().copied().filter(|(_, p)| used(*p)).collect()
        };
        let crowded = !busy.is_empty() && self.dice.chance(800);
        let (who, project) = self.dice.pick(if crowded { &busy } else { &places }).copied()?;
        Some(Desk { ctx: self.ctx_of(who)?, who, project })
    }

    /// Somebody who may change things in this project.
    pub(super) fn changer_in(&mut self, project: ProjectId) -> Option<Desk> {
        let people = self.people.iter().enumerate();
        let may = people.filter(|(_, p)| p.roles.get(&project).is_some_and(|role| *role >= Role::Member));
        let who: Vec<usize> = may.map(|(who, _)| who).collect();
        let who = self.dice.pick(&who).copied()?;
        Some(Desk { ctx: self.ctx_of(who)?, who, project })
    }

    pub(super) fn changer(&mut self) -> Option<Desk> {
        self.desk(|role| role >= Role::Member)
    }

    pub(super) fn a_machine(&mut self, project: ProjectId) -> Option<(InstanceId, RegionId)> {
        let own: Vec<(InstanceId, RegionId)> = {
            let records = self.bench.witness.records();
            records
                .instances
                .all()
                .filter(|i| i.project == project)
                .map(|i| (i.id, i.region.clone()))
                .collect()
        };
        self.dice.pick(&own).cloned()
    }

    pub(super) fn an_image(&mut self, project: ProjectId) -> Option<image::Image> {
        let own: Vec<image::Image> = {
            let records = self.bench.witness.records();
            let private = |i: &&image::Image| i.project == project && i.visibility == Visibility::Private;
            records.images.all().filter(private).cloned().collect()
        };
        self.dice.pick(&own).cloned()
    }

    fn a_whole_machine(&mut self, project: ProjectId) -> Option<ImageId> {
        let whole: Vec<ImageId> = {
            let records = self.bench.witness.records();
            let whole = |i: &&image::Image| i.project == project && i.kind == image::Kind::Machine;
            records.images.all().filter(whole).map(|i| i.id).collect()
        };
        self.dice.pick(&whole).copied()
    }

    /// Mostly the version of the prices in force, sometimes the one before.
    pub(super) fn price_version(&mut self, region: &RegionId) -> u32 {
        let history = usage::books(&self.bench.app, region);
        let version = history.in_force(self.bench.clock.now()).map_or(1, |book| book.prices.version);
        if self.dice.chance(50) { version.saturating_sub(1) } else { version }
    }

    pub(super) fn deploys(&mut self) -> Happened {
        let rare = self.a_rare_source().filter(|_| self.dice.chance(200));
        let desk = match &rare {
            Some((project, ..)) => self.changer_in(*project),
            None => self.changer(),
        };
        let Some(desk) = desk else { return ("deploy".to_owned(), "nobody".to_owned()) };
        let (region, event, image) = match rare {
            Some((_, region, event, image)) => (region, event, image),
            None => {
                let region = self.region();
                let (event, image) = self.a_source(desk.project, &region);
                (region, event, image)
            }
        };
        let data = self.dice.chance(400);
        let form = DeployForm {
            project: desk.project.to_string(),
            region: region.to_string(),
            image,
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            flavor: if self.dice.chance(700) { "m1.tiny" } else { "m1.small" }.to_owned(),
            zone: if self.dice.chance(800) { "a" } else { "b" }.to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: self.dice.pick(&["1", "2", "4"]).copied().unwrap_or("2").to_owned(),
            data1_gib: if data { "3" } else { "" }.to_owned(),
            data1_kind: if !data {
                ""
            } else if self.dice.chance(200) {
                "economy"
            } else {
                "ssd"
            }
            .to_owned(),
            data2_gib: if data && self.dice.chance(300) { "1" } else { "" }.to_owned(),
            data2_kind: "ssd".to_owned(),
            price_version: self.price_version(&region),
            ..DeployForm::default()
        };
        let allowed = [
            "instance_limit_reached",
            "instance_name_taken",
            "image_not_available",
            "image_disabled",
            "image_recycled",
            "price_changed",
            // An image of a larger disk does not fit on the disk that was thrown, one of a whole machine not into every zone.
            "invalid_input",
            "image_is_data",
            "family_empty",
            if self.missing { "no_hypervisor" } else { "" },
        ];
        let result = instances::create(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &allowed);
        (event.to_owned(), outcome)
    }

    /// Now and then several in a row, as a script asks: that is how the limit of captures at once is met.
    pub(super) fn captures(&mut self) -> Happened {
        let more = if self.dice.chance(250) { 2 } else { 0 };
        let mut happened = self.captures_one();
        for _ in 0..more {
            happened = self.captures_one();
        }
        happened
    }

    fn captures_one(&mut self) -> Happened {
        let event = "capture".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some((machine, region)) = self.a_machine(desk.project) else {
            return (event, "nothing".to_owned());
        };
        let what = self.part_of(machine);
        let event = capture_of(&what).to_owned();
        let form = CreateImageForm {
            instance: machine.to_string(),
            what,
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            remark: String::new(),
            price_version: self.price_version(&region),
        };
        // Mostly no two machines are the same, or a content would have so many users that none could go.
        let (at, value) = (self.dice.below(6), self.dice.below(1_000_000));
        if self.dice.chance(700) {
            self.bench.host.write(machine, at, value);
        }
        let result = images::create(&desk.ctx, &form);
        let allowed = [
            "image_limit_reached",
            "storage_limit_reached",
            "image_feature_off",
            "image_name_taken",
            "instance_busy",
            "instance_capturing",
            "instance_failed",
            "price_changed",
            "task_limit_reached",
            "no_data_disks",
            "data_disk_kind",
            "snapshot_service_off",
            "snapshot_feature_off",
        ];
        let (_, outcome) = self.expect(result, &allowed);
        (event, outcome)
    }

    /// To any project of the account, into one region or both; sometimes of the provider's public image.
    pub(super) fn copies(&mut self) -> Happened {
        let event = "copy".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let public = self.dice.pick(&self.provider.public.clone()).copied();
        let own = self.an_image(desk.project).map(|i| i.id).filter(|_| self.dice.chance(850));
        // Those of whole machines are rare as well.
        let own = self.a_whole_machine(desk.project).filter(|_| self.dice.chance(400)).or(own);
        // Mostly one that was promised, where there is any: they are rare.
        let kept = self.a_promised_image(desk.project).filter(|_| self.dice.chance(800));
        let target = kept.as_ref().map(|share| share.recipient);
        let given = match kept {
            Some(share) => Some(share.image),
            None => self.a_given_image(desk.project).map(|s| s.image).filter(|_| self.dice.chance(500)),
        };
        let Some(image) = given.or(own).or(public) else { return (event, "nothing".to_owned()) };
        let data = self.dice.chance(600);
        let event = match given {
            Some(_) => "save-as-own".to_owned(),
            None if data && self.is_whole_machine(image) => "copy-whole-machine".to_owned(),
            None => event,
        };
        let projects: Vec<ProjectId> = {
            let roles = &self.people[desk.who].roles;
            roles.iter().filter(|(_, role)| **role >= Role::Member).map(|(project, _)| *project).collect()
        };
        let mut regions = vec![self.region()];
        if self.dice.chance(400) {
            regions.push("south-1".into());
        }
        let target = target.or_else(|| self.dice.pick(&projects).copied());
        let promised = given.is_some() && target.is_some_and(|project| self.is_promised(image, project));
        let event = if promised { "save-as-promised".to_owned() } else { event };
        let form = CopyImageForm {
            image: image.to_string(),
            project: target.map(|project| project.to_string()).unwrap_or_default(),
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            remark: "a copy".to_owned(),
            family: self.dice.chance(700).then(|| "web".to_owned()),
            tags: None,
            data_disks: if data { "yes" } else { "" }.to_owned(),
            price_versions: regions.iter().map(|r| (r.to_string(), self.price_version(r))).collect(),
            regions: regions.iter().map(ToString::to_string).collect(),
        };
        let before = self.n_images();
        let result = images::copy(&desk.ctx, &form);
        let mut allowed = vec![
            "image_limit_reached",
            "storage_limit_reached",
            "image_feature_off",
            "copies_off",
            "image_name_taken",
            "image_not_available",
            "image_recycled",
            "price_changed",
            "shared_elsewhere",
        ];
        if !promised {
            allowed.extend(["image_deprecated", "image_disabled"]);
        }
        let (made, outcome) = self.expect(result, &allowed);
        let after = self.n_images();
        if made.is_none() && outcome != "injected error" && after != before {
            self.violate(format!("a refused copy left {} images more", after - before));
        }
        (event, outcome)
    }

    fn n_images(&self) -> usize {
        self.bench.witness.records().images.all().count()
    }

    fn power(&mut self, event: &str, act: fn(&Ctx, InstanceId) -> Result<TaskId>) -> Happened {
        let Some(desk) = self.changer() else { return (event.to_owned(), "nobody".to_owned()) };
        let Some((machine, _)) = self.a_machine(desk.project) else {
            return (event.to_owned(), "nothing".to_owned());
        };
        let result = act(&desk.ctx, machine);
        let missing = if self.missing { "no_hypervisor" } else { "" };
        let (_, outcome) = self.expect(result, &[&MOVING[..], &[missing]].concat());
        (event.to_owned(), outcome)
    }

    pub(super) fn starts(&mut self) -> Happened {
        self.power("start", instances::start)
    }

    pub(super) fn stops(&mut self) -> Happened {
        self.power("stop", instances::stop)
    }

    pub(super) fn reboots(&mut self) -> Happened {
        self.power("reboot", instances::reboot)
    }

    pub(super) fn deletes_machine(&mut self) -> Happened {
        self.power("delete-machine", instances::delete)
    }

    /// Sometimes with a form that was filled before somebody else's edit, which must be refused and lose nothing.
    pub(super) fn renames(&mut self) -> Happened {
        let event = "rename".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(image) = self.an_image(desk.project) else { return (event, "nothing".to_owned()) };
        let stale = image.revision > 0 && self.dice.chance(300);
        let form = EditImageForm {
            image: image.id.to_string(),
            revision: if stale { image.revision - 1 } else { image.revision },
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            remark: Some(format!("note {}", self.dice.below(4))),
            family: Some(self.dice.pick(&["", "web", "web", "db"]).copied().unwrap_or("").to_owned()),
            ..EditImageForm::default()
        };
        let result = images::update(&desk.ctx, &form);
        if stale {
            return (event, self.expect_refusal(result, Kind::Conflict));
        }
        let (_, outcome) = self.expect(result, &["image_name_taken", "image_deleting", "image_recycled"]);
        (event, outcome)
    }

    fn a_task(&mut self, project: ProjectId, wanted: impl Fn(State) -> bool) -> Option<TaskId> {
        let own: Vec<TaskId> = {
            let records = self.bench.witness.records();
            records.tasks.all().filter(|t| t.project == project && wanted(t.state)).map(|t| t.id).collect()
        };
        self.dice.pick(&own).copied()
    }

    pub(super) fn cancels(&mut self) -> Happened {
        let event = "cancel".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(task) = self.a_task(desk.project, State::active) else {
            return (event, "nothing".to_owned());
        };
        let result = tasks::cancel(&desk.ctx, task);
        let (_, outcome) = self.expect(result, &["task_not_cancellable", "task_cancelling", "task_ended"]);
        (event, outcome)
    }

    pub(super) fn retries(&mut self) -> Happened {
        let event = "retry".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let failed = |state| matches!(state, State::Failed | State::Stuck);
        let Some(task) = self.a_task(desk.project, failed) else { return (event, "nothing".to_owned()) };
        let result = tasks::retry(&desk.ctx, task);
        let allowed = [
            // A disk is added anew.
            "task_not_retryable",
            "image_not_failed",
            "image_feature_off",
            "source_gone",
            "snapshot_not_failed",
            "snapshot_service_off",
            "snapshot_feature_off",
            "data_disk_kind",
            "disk_gone",
            // What is copied again may have been deprecated or disabled meanwhile.
            "image_deprecated",
            "image_disabled",
            "image_recycled",
            "copies_off",
            "image_not_available",
            "instance_failed",
            "task_limit_reached",
            // What failed may be gone by now, and so may a data disk.
            "not_found",
            "no_data_disks",
            "not_a_data_disk",
            // And the machine may have been given more disks.
            "storage_limit_reached",
            if self.missing { "no_hypervisor" } else { "" },
        ];
        let (_, outcome) = self.expect(result, &[&MOVING[..], &allowed].concat());
        (event, outcome)
    }

    /// Opens every page there is.
    pub(super) fn looks(&mut self) -> Happened {
        let event = "look".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let machine = self.a_machine(desk.project).map(|(id, _)| id);
        let image = self.an_image(desk.project).map(|i| i.id);
        let task = self.a_task(desk.project, |_| true);
        let result = look(&desk.ctx, &place, machine, image, task);
        let (_, outcome) = self.expect(result, &[]);
        (event, outcome)
    }

    /// A reader and the provider's own people may look and not change.
    pub(super) fn tries_what_a_role_forbids(&mut self) -> Happened {
        let event = "forbidden".to_owned();
        let Some(owner) = self.desk(|role| role == Role::Reader) else { return (event, "nobody".to_owned()) };
        let ctx = if self.dice.chance(500) { self.ctx_of(0) } else { Some(owner.ctx) };
        let Some(ctx) = ctx else { return (event, "nobody".to_owned()) };
        let Some((machine, region)) = self.a_machine(owner.project) else {
            return (event, "nothing".to_owned());
        };
        let form = CreateImageForm {
            instance: machine.to_string(),
            what: String::new(),
            name: "mine".to_owned(),
            remark: String::new(),
            price_version: self.price_version(&region),
        };
        let copy = self.an_image(owner.project).map(|image| CopyImageForm {
            image: image.id.to_string(),
            project: owner.project.to_string(),
            regions: vec![region.to_string()],
            name: "mine".to_owned(),
            ..CopyImageForm::default()
        });
        let result = match (self.dice.below(5), copy) {
            (0, _) => images::create(&ctx, &form).map(drop),
            (4, Some(copy)) => images::copy(&ctx, &copy).map(drop),
            (1, _) => instances::delete(&ctx, machine).map(drop),
            // Whether machines can run at all is nobody's secret, so `start` would tell that first.
            (2, _) => instances::stop(&ctx, machine).map(drop),
            (_, _) => instances::reboot(&ctx, machine).map(drop),
        };
        (event, self.expect_refusal(result, Kind::Forbidden))
    }

    /// Things of another account do not exist.
    pub(super) fn tries_what_is_of_others(&mut self) -> Happened {
        let event = "of-others".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let mine = self.people[desk.who].account;
        let other = usize::from(mine == Some(0));
        let projects: Vec<ProjectId> = {
            let account = self.provider.accounts[other];
            self.provider.projects.iter().filter(|(a, _)| *a == account).map(|(_, p)| *p).collect()
        };
        let Some(project) = self.dice.pick(&projects).copied() else { return (event, "nothing".to_owned()) };
        let place = Place { project: Some(project), region: self.region() };
        let machine = self.a_machine(project).map(|(id, _)| id);
        let image = self.an_image(project).map(|i| i.id);
        // What was shared with them is no secret any more.
        let given = image.is_some_and(|id| self.is_given(desk.who, id));
        let image = image.filter(|_| !given);
        let task = self.a_task(project, |_| true);
        let ctx = &desk.ctx;
        let own = self.people[desk.who].roles.keys().next().map(ToString::to_string).unwrap_or_default();
        let copy = |image: ImageId, project: String| CopyImageForm {
            image: image.to_string(),
            project,
            regions: vec![place.region.to_string()],
            name: "theirs".to_owned(),
            ..CopyImageForm::default()
        };
        let public = self.provider.public[0];
        let restore =
            |id: ImageId| RestoreImageForm { image: id.to_string(), name: String::new(), price_version: 1 };
        let result = match (self.dice.below(12), machine, image, task) {
            (0, Some(id), ..) => instances::detail(ctx, id).map(drop),
            (1, Some(id), ..) => instances::delete(ctx, id).map(drop),
            (2, Some(id), ..) => instances::console_log(ctx, id).map(drop),
            (3, _, Some(id), _) => images::detail(ctx, &place, id).map(drop),
            (4, _, Some(id), _) => images::delete(ctx, &DeleteImageForm::at_once(id)).map(drop),
            (9, _, Some(id), _) => images::restore(ctx, &restore(id)).map(drop),
            (10, _, Some(id), _) => images::purge(ctx, id).map(drop),
            (7, _, Some(id), _) => images::copy(ctx, &copy(id, own)).map(drop),
            (8, ..) => images::copy(ctx, &copy(public, project.to_string())).map(drop),
            (5, _, _, Some(id)) => tasks::cancel(ctx, id).map(drop),
            (6, _, _, Some(id)) => tasks::detail(ctx, id).map(drop),
            _ => images::list(ctx, &place, ImageQuery::default()).map(drop),
        };
        (event, self.expect_refusal(result, Kind::NotFound))
    }
}

fn look(
    ctx: &Ctx,
    place: &Place,
    machine: Option<InstanceId>,
    image: Option<ImageId>,
    task: Option<TaskId>,
) -> Result<()> {
    people::shell(ctx, place)?;
    people::overview(ctx, place)?;
    people::account(ctx, None)?;
    images::list(ctx, place, ImageQuery::default())?;
    images::list_public(ctx, place)?;
    images::list_bin(ctx, place, ImageQuery::default())?;
    instances::list(ctx, place, "", 1)?;
    tasks::list(ctx, place, vec![], 1)?;
    audit::list(ctx, place, &AuditQuery::default())?;
    if let Some(id) = machine {
        instances::detail(ctx, id)?;
    }
    if let Some(id) = image {
        images::detail(ctx, place, id)?;
        match images::copy_options(ctx, id, None) {
            Err(error) if error.kind == Kind::Forbidden => {}
            shown => drop(shown?),
        }
    }
    if let Some(id) = task {
        tasks::detail(ctx, id)?;
    }
    Ok(())
}
