//! What people do about snapshots in a simulated world: the service, snapshots, images from them, schedules. Every refusal that a flow may meet
//! is listed with it.

use super::flows::{Desk, MOVING, NAMES};
use super::world::World;
use crate::domain::Kind;
use crate::domain::form::{
    CreateSnapshotForm, RenameSnapshotForm, ScheduleForm, ServiceForm, SnapshotImageForm,
};
use crate::domain::ids::{InstanceId, ProjectId};
use crate::domain::project::Role;
use crate::domain::schedule::{Schedule, Weekday};
use crate::domain::snapshot::{Snapshot, Status};
use crate::domain::time::Timestamp;
use crate::ops::ctx::Place;
use crate::ops::snapshots::{self, schedules, service};

type Happened = (String, String);

const SERVICE: [&str; 2] = ["snapshot_service_off", "snapshot_feature_off"];

impl World {
    fn a_snapshot(&mut self, project: ProjectId) -> Option<Snapshot> {
        let own: Vec<Snapshot> = {
            let records = self.bench.witness.records();
            records.snapshots.all().filter(|s| s.project == project).cloned().collect()
        };
        self.dice.pick(&own).cloned()
    }

    fn a_schedule(&mut self, project: ProjectId) -> Option<Schedule> {
        let own: Vec<Schedule> = {
            let records = self.bench.witness.records();
            records.schedules.all().filter(|s| s.project == project).cloned().collect()
        };
        self.dice.pick(&own).cloned()
    }

    /// Mostly on, so that there is something to do.
    pub(super) fn turns_service(&mut self) -> Happened {
        let Some(desk) = self.desk(|role| role == Role::Owner) else {
            return ("service".to_owned(), "nobody".to_owned());
        };
        let place = Place { project: Some(desk.project), region: self.region() };
        let turn = if self.dice.chance(850) { "on" } else { "off" };
        let form = ServiceForm {
            region: place.region.to_string(),
            turn: turn.to_owned(),
            price_version: self.price_version(&place.region),
        };
        let result = service::turn(&desk.ctx, &place, &form);
        let (_, outcome) = self.expect(result, &["snapshot_feature_off", "price_changed"]);
        (format!("service-{turn}"), outcome)
    }

    pub(super) fn takes_snapshot(&mut self) -> Happened {
        let event = "snapshot".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some((machine, region)) = self.a_machine(desk.project) else {
            return (event, "nothing".to_owned());
        };
        let shown = snapshots::options(&desk.ctx, machine);
        let Some(options) = self.expect(shown, &[]).0 else { return (event, "not shown".to_owned()) };
        let what = self.dice.pick(&options.disks).map(|d| d.slug.clone()).unwrap_or_default();
        let form = CreateSnapshotForm {
            instance: machine.to_string(),
            what,
            name: options.suggested_name,
            price_version: self.price_version(&region),
        };
        let result = snapshots::create(&desk.ctx, &form);
        let allowed =
            ["price_changed", "snapshot_limit_reached", "instance_failed", "data_disk_kind", "disk_gone"];
        let (_, outcome) = self.expect(result, &[&MOVING[..], &SERVICE, &allowed].concat());
        (event, outcome)
    }

    pub(super) fn renames_snapshot(&mut self) -> Happened {
        let event = "rename-snapshot".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(snapshot) = self.a_snapshot(desk.project) else { return (event, "nothing".to_owned()) };
        let stale = self.dice.chance(100);
        let form = RenameSnapshotForm {
            snapshot: snapshot.id.to_string(),
            revision: snapshot.revision + u32::from(stale),
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
        };
        let result = snapshots::rename(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &["snapshot_deleting", if stale { "stale" } else { "" }]);
        (event, outcome)
    }

    pub(super) fn deletes_snapshot(&mut self) -> Happened {
        let event = "delete-snapshot".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(snapshot) = self.a_snapshot(desk.project) else { return (event, "nothing".to_owned()) };
        let result = snapshots::delete(&desk.ctx, snapshot.id);
        let (_, outcome) = self.expect(result, &["snapshot_creating", "snapshot_deleting"]);
        (event, outcome)
    }

    pub(super) fn images_snapshot(&mut self) -> Happened {
        let event = "image-of-snapshot".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(snapshot) = self.a_snapshot(desk.project) else { return (event, "nothing".to_owned()) };
        let form = SnapshotImageForm {
            snapshot: snapshot.id.to_string(),
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            remark: String::new(),
            price_version: self.price_version(&snapshot.region),
        };
        let result = snapshots::create_image(&desk.ctx, &form);
        let allowed = [
            "snapshot_not_available",
            "snapshot_deleting",
            "data_disk_kind",
            "image_feature_off",
            "image_limit_reached",
            "image_name_taken",
            "price_changed",
        ];
        let (_, outcome) = self.expect(result, &[&SERVICE[..], &allowed].concat());
        (event, outcome)
    }

    /// Makes one, or changes one that is there.
    pub(super) fn saves_schedule(&mut self) -> Happened {
        let event = "schedule".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some((machine, _)) = self.a_machine(desk.project) else {
            return (event, "nothing".to_owned());
        };
        let Some(region) = self.bench.app.instances.get(&machine).map(|machine| machine.region.clone())
        else {
            return (event, "nothing".to_owned());
        };
        let known = self.a_schedule(desk.project).filter(|_| self.dice.chance(400));
        let base = known.as_ref().map_or_else(ScheduleForm::usual, ScheduleForm::of);
        let instance = known.as_ref().map_or(machine, |s| s.instance);
        let what = self.disks_of(instance);
        let one = what != "system" && what != "all";
        let form = ScheduleForm {
            instance: instance.to_string(),
            what,
            rhythm: self.dice.pick(&["hours", "hours", "day", "week"]).copied().unwrap_or("day").to_owned(),
            hours: self.dice.pick(&["1", "6"]).copied().unwrap_or("1").to_owned(),
            weekday: self.dice.pick(&Weekday::ALL).map_or("", |d| d.word()).to_owned(),
            keep: (self.dice.below(3) + 1).to_string(),
            on: if self.dice.chance(850) { "on" } else { "off" }.to_owned(),
            price_version: self.price_version(&region),
            ..base
        };
        let result = schedules::save(&desk.ctx, &form);
        let allowed =
            ["schedule_limit_reached", "instance_busy", "data_disk_kind", "price_changed", "disk_gone"];
        let (_, outcome) = self.expect(result, &[&SERVICE[..], &allowed].concat());
        let event = match (known, one) {
            (Some(_), _) => "change-schedule".to_owned(),
            (None, true) => "schedule-one-disk".to_owned(),
            (None, false) => event,
        };
        (event, outcome)
    }

    /// Which disks of a machine a schedule is to take, as a form sends it.
    fn disks_of(&mut self, machine: InstanceId) -> String {
        let data: Vec<String> = {
            let records = self.bench.witness.records();
            let disks = records.instances.get(machine.0).map(|m| m.disks.clone()).unwrap_or_default();
            disks.iter().skip(1).map(|disk| disk.id.to_string()).collect()
        };
        let one = self.dice.pick(&data).cloned().filter(|_| self.dice.chance(600));
        one.unwrap_or_else(|| self.dice.pick(&["system", "all"]).copied().unwrap_or("all").to_owned())
    }

    pub(super) fn deletes_schedule(&mut self) -> Happened {
        let Some(desk) = self.changer() else { return ("delete-schedule".to_owned(), "nobody".to_owned()) };
        let Some(schedule) = self.a_schedule(desk.project) else {
            return ("delete-schedule".to_owned(), "nothing".to_owned());
        };
        let result = schedules::delete(&desk.ctx, schedule.id);
        let (_, outcome) = self.expect(result, &[]);
        ("delete-schedule".to_owned(), outcome)
    }

    /// Some times come at which a schedule is due, and somebody looks each time.
    pub(super) fn nights_pass(&mut self) -> Happened {
        let event = "nights".to_owned();
        for _ in 0..self.dice.below(6) {
            let due: Option<Timestamp> = {
                let records = self.bench.witness.records();
                records.schedules.all().filter(|s| s.works().is_ok()).map(|s| s.next).min()
            };
            let Some(due) = due else { return (event, "nothing".to_owned()) };
            self.bench.clock.reach(due);
            let result = schedules::sweep_due(&self.bench.app);
            self.expect(result, &[]);
            for _ in 0..3 {
                self.engine_works_on();
            }
        }
        (event, "ok".to_owned())
    }

    pub(super) fn runs_schedule(&mut self) -> Happened {
        let Some(desk) = self.changer() else { return ("run-schedule".to_owned(), "nobody".to_owned()) };
        let Some(schedule) = self.a_schedule(desk.project) else {
            return ("run-schedule".to_owned(), "nothing".to_owned());
        };
        let result = schedules::run(&desk.ctx, schedule.id);
        let (_, outcome) =
            self.expect(result, &[&SERVICE[..], &["schedule_off", "schedule_disk_gone"]].concat());
        ("run-schedule".to_owned(), outcome)
    }

    /// Opens every page about them there is.
    pub(super) fn looks_at_snapshots(&mut self) -> Happened {
        let event = "look-snapshots".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let listed = snapshots::list(&desk.ctx, &place, "", None, 1);
        let Some(list) = self.expect(listed, &[]).0 else { return (event, "injected error".to_owned()) };
        let shown = schedules::list(&desk.ctx, &place);
        let (_, outcome) = self.expect(shown, &[]);
        let charged = list.page.rows.iter().filter(|r| r.month.is_some());
        if charged.into_iter().any(|row| row.status != Status::Available) {
            self.violate("a snapshot is shown with a price before it is available".to_owned());
        }
        for id in list.page.rows.iter().filter_map(|row| row.id) {
            let shown = snapshots::detail(&desk.ctx, id);
            self.expect(shown, &["not_found"]);
        }
        if let Some(refused) = self.tries_one_of_others(&desk) {
            return ("of-others".to_owned(), refused);
        }
        (event, outcome)
    }

    /// Snapshots of another account do not exist.
    fn tries_one_of_others(&mut self, desk: &Desk) -> Option<String> {
        let own = self.provider.projects.iter().find(|(_, p)| *p == desk.project).map(|(a, _)| *a)?;
        let theirs: Vec<Snapshot> = {
            let records = self.bench.witness.records();
            records.snapshots.all().filter(|s| s.account != own).cloned().collect()
        };
        let id = self.dice.pick(&theirs).map(|s| s.id)?;
        let result = match self.dice.below(3) {
            0 => snapshots::delete(&desk.ctx, id).map(drop),
            1 => snapshots::image_options(&desk.ctx, id).map(drop),
            _ => snapshots::detail(&desk.ctx, id).map(drop),
        };
        Some(self.expect_refusal(result, Kind::NotFound))
    }
}
