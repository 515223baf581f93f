//! Scaling groups and changed images in a simulated world: what people do with them, and what must hold.

use super::bench::Bench;
use super::flows::NAMES;
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::form::{ChangeImageForm, GroupForm};
use crate::domain::group::{Group, Status};
use crate::domain::ids::{DiskId, GroupId, InstanceId, ProjectId};
use crate::domain::instance;
use crate::ops::ctx::Place;
use crate::ops::{groups, instances};
use crate::store::records::index;
use crate::store::{Order, list_index};
use std::collections::{BTreeMap, BTreeSet};

type Happened = (String, String);

/// How an image may refuse.
const IMAGE: [&str; 8] = [
    "image_not_available",
    "group_image_kind",
    "image_is_data",
    "image_disabled",
    "image_recycled",
    "family_empty",
    // An image of a larger disk does not fit on the disk that was thrown.
    "invalid_input",
    "price_changed",
];

impl World {
    /// The image or family that somebody of this project chooses there.
    fn a_choice(&mut self, project: ProjectId, region: &crate::domain::ids::RegionId) -> String {
        let public = self.provider.public[usize::from(region.as_str() != "north-1")];
        let own = self.an_image(project).filter(|i| i.region == *region).map(|i| i.id);
        let given = self.a_given_image(project).filter(|s| s.region == *region).map(|s| s.image);
        if self.dice.chance(200) {
            return "family:web".to_owned();
        }
        own.or(given).filter(|_| self.dice.chance(600)).unwrap_or(public).to_string()
    }

    pub(super) fn changes_image(&mut self) -> Happened {
        let event = "change-image".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let own: Vec<_> = {
            let records = self.bench.witness.records();
            let moving = self.seed.is_multiple_of(5);
            let off = |m: &&instance::Instance| {
                m.project == desk.project
                    && m.status != instance::Status::Running
                    && (moving || !m.status.moving())
            };
            records.instances.all().filter(off).map(|m| (m.id, m.region.clone())).collect()
        };
        let Some((machine, region)) = self.dice.pick(&own).cloned() else {
            return (event, "nothing".to_owned());
        };
        let form = ChangeImageForm {
            instance: machine.to_string(),
            image: self.a_choice(desk.project, &region),
            disk_gib: self.dice.pick(&["", "", "2", "4"]).copied().unwrap_or("").to_owned(),
            sure: "yes".to_owned(),
            price_version: self.price_version(&region),
        };
        let missing = if self.missing { "no_hypervisor" } else { "" };
        let states =
            ["instance_busy", "instance_capturing", "instance_not_stopped", "instance_in_group", missing];
        let result = instances::change_image(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &[&IMAGE[..], &states].concat());
        (event, outcome)
    }

    fn group_form(&mut self, project: ProjectId, region: &crate::domain::ids::RegionId) -> GroupForm {
        GroupForm {
            project: project.to_string(),
            region: region.to_string(),
            name: self.dice.pick(&NAMES).copied().unwrap_or("web").to_owned(),
            wanted: self.dice.pick(&["0", "1", "2", "2", "3"]).copied().unwrap_or("1").to_owned(),
            image: self.a_choice(project, region),
            flavor: if self.dice.chance(700) { "m1.tiny" } else { "m1.small" }.to_owned(),
            zone: "a".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: self.dice.pick(&["1", "2", "4"]).copied().unwrap_or("2").to_owned(),
            price_version: self.price_version(region),
            ..GroupForm::default()
        }
    }

    fn a_group(&mut self, project: ProjectId) -> Option<Group> {
        let own: Vec<Group> = {
            let records = self.bench.witness.records();
            records.groups.all().filter(|g| g.project == project).cloned().collect()
        };
        self.dice.pick(&own).cloned()
    }

    pub(super) fn makes_group(&mut self) -> Happened {
        let event = "make-group".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let region = self.region();
        let form = self.group_form(desk.project, &region);
        let result = groups::create(&desk.ctx, &form);
        let allowed = ["group_name_taken", "group_limit_reached", "image_not_the_projects"];
        let (_, outcome) = self.expect(result, &[&IMAGE[..], &allowed].concat());
        (event, outcome)
    }

    /// Sometimes with a form that was filled before somebody else's edit.
    pub(super) fn edits_group(&mut self) -> Happened {
        let event = "edit-group".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(group) = self.a_group(desk.project) else { return (event, "nothing".to_owned()) };
        if self.dice.chance(200) {
            let result = groups::retry(&desk.ctx, group.id);
            let (_, outcome) = self.expect(result, &["group_deleting"]);
            return ("retry-group".to_owned(), outcome);
        }
        let stale = group.revision > 0 && self.dice.chance(100);
        let form = GroupForm {
            group: group.id.to_string(),
            revision: if stale { group.revision - 1 } else { group.revision },
            ..self.group_form(desk.project, &group.region)
        };
        let result = groups::edit(&desk.ctx, &form);
        let allowed = [
            "group_name_taken",
            "group_deleting",
            "image_not_the_projects",
            if stale { "group_changed" } else { "" },
        ];
        let (done, outcome) = self.expect(result, &[&IMAGE[..], &allowed].concat());
        if stale && done.is_some() {
            self.violate("an edit of a group overwrote another".to_owned());
        }
        (event, outcome)
    }

    pub(super) fn rolls_group(&mut self) -> Happened {
        let event = "roll-group".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(group) = self.a_group(desk.project) else { return (event, "nothing".to_owned()) };
        let version = self.price_version(&group.region);
        if self.dice.chance(700) {
            let form = GroupForm {
                group: group.id.to_string(),
                revision: group.revision,
                name: group.name.to_string(),
                wanted: group.wanted.to_string(),
                ..self.group_form(desk.project, &group.region)
            };
            // Whatever it is refused for, the group may be rolled to what it has.
            drop(groups::edit(&desk.ctx, &form));
        }
        let result = groups::roll(&desk.ctx, group.id, version);
        let allowed = [
            "group_rolled",
            "group_deleting",
            "image_not_the_projects",
            // The image of the group is gone, or its share ended.
            "not_found",
        ];
        let (_, outcome) = self.expect(result, &[&IMAGE[..], &allowed].concat());
        (event, outcome)
    }

    pub(super) fn deletes_group(&mut self) -> Happened {
        let event = "delete-group".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let Some(group) = self.a_group(desk.project) else { return (event, "nothing".to_owned()) };
        let result = groups::delete(&desk.ctx, group.id);
        let (_, outcome) = self.expect(result, &["group_deleting"]);
        (event, outcome)
    }

    pub(super) fn looks_at_groups(&mut self) -> Happened {
        let event = "look-groups".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let result = groups::list(&desk.ctx, &place, "", 1);
        let (_, mut outcome) = self.expect(result, &[]);
        if let Some(group) = self.a_group(desk.project) {
            let result = groups::detail(&desk.ctx, group.id);
            (_, outcome) = self.expect(result, &[]);
        }
        (event, outcome)
    }
}

/// Each machine of a group is there, its own, and in no other; the index leads from it to its group and from nothing else. The catalog is
/// what is stored, and no group is larger than may be.
pub(super) fn members_are_there_once(bench: &Bench, records: &Records) -> Checked {
    let mut of: BTreeMap<InstanceId, GroupId> = BTreeMap::new();
    for group in records.groups.all() {
        for member in &group.members {
            let machine = records.instances.get(member.0);
            let own = machine.is_some_and(|m| {
                (m.project, &m.region) == (group.project, &group.region)
                    && m.status != instance::Status::Deleting
            });
            if !own || of.insert(*member, group.id).is_some() {
                return Err(format!("{} has the machine {member}, which is {machine:?}", group.name));
            }
        }
        let n = u32::try_from(group.members.len()).unwrap_or(u32::MAX);
        if n > group.n_made || n > bench.app.settings.group_size_max + 1 {
            return Err(format!("{} has {n} machines and made {}", group.name, group.n_made));
        }
    }
    let rows = list_index::<GroupId>(
        bench.records(),
        index::GROUP_OF_INSTANCE,
        &(),
        Order::Ascending,
        u32::MAX,
        None,
    )
    .map_err(|e| e.to_string())?;
    let listed: Vec<GroupId> = rows.items.into_iter().map(|row| row.value).collect();
    if listed != of.values().copied().collect::<Vec<_>>() {
        return Err(format!("machines lead to the groups {listed:?}, and they are in {of:?}"));
    }
    if !bench.app.groups.all().iter().map(AsRef::as_ref).eq(records.groups.all()) {
        return Err("the catalog of groups differs from the store".to_owned());
    }
    Ok(())
}

/// Disks on the host belong to their machine: it has them, is getting them, or had them.
pub(super) fn disks_are_known(bench: &Bench, records: &Records) -> Checked {
    for machine in records.instances.all() {
        let mut known: BTreeSet<DiskId> = machine.disks.iter().map(|d| d.id).collect();
        let installation = records.installations.get(machine.id.0);
        known.extend(installation.iter().flat_map(|i| i.leftovers.iter().copied()));
        known.extend(installation.and_then(|i| i.next.as_ref()).map(|next| next.disk.id));
        let has = bench.host.disks(machine.id);
        if !has.is_subset(&known) {
            return Err(format!("{} has the disks {has:?} on the host, and {known:?} are known", machine.id));
        }
        let replacing = installation.is_some_and(|i| i.next.is_some());
        if replacing != (machine.status == instance::Status::Reinstalling) {
            return Err(format!(
                "{} is {:?}, and being given another image: {replacing}",
                machine.id, machine.status
            ));
        }
    }
    Ok(())
}

/// At rest nothing is left of what was replaced, and what runs runs from its system disk.
pub(super) fn disks_are_exact(bench: &Bench, records: &Records) -> Checked {
    for machine in records.instances.all() {
        let own: BTreeSet<DiskId> = machine.disks.iter().map(|d| d.id).collect();
        let has = bench.host.disks(machine.id);
        if !has.is_subset(&own) {
            return Err(format!("{} has the disks {has:?} at rest, and should have {own:?}", machine.id));
        }
        let runs_from = bench.host.runs_from(machine.id);
        if runs_from.is_some_and(|disk| disk != machine.system_disk().id) {
            return Err(format!("{} runs from {runs_from:?}, which is not its system disk", machine.id));
        }
    }
    match records.installations.all().find(|i| !i.leftovers.is_empty()) {
        Some(left) => Err(format!("replaced disks are left at rest: {left:?}")),
        None => Ok(()),
    }
}

/// At rest as many run as wanted, or the group says why not, and what it says is true.
pub(super) fn groups_are_at_their_count(records: &Records) -> Checked {
    for group in records.groups.all() {
        let what = format!("{} of {:?} at rest, {:?}", group.name, group.members, group.trouble);
        if group.status == Status::Deleting {
            return Err(format!("{what}: it is still being deleted"));
        }
        let running = |id: &&InstanceId| {
            records.instances.get(id.0).is_some_and(|m| m.status == instance::Status::Running)
        };
        let n = group.members.iter().filter(running).count();
        let all_run = u32::try_from(n) == Ok(group.wanted) && n == group.members.len();
        let trouble = match &group.trouble {
            None if all_run && group.roll.is_none() => continue,
            None => return Err(format!("{what}: {n} of {} run, and it does not say why", group.wanted)),
            Some(trouble) => trouble.code.as_str(),
        };
        let full = || {
            let limits = records.limits(group.account.0, &group.region);
            records.counters.all().any(|c| {
                (c.account, &c.region) == (group.account, &group.region)
                    && limits.is_some_and(|l| c.n_instances >= l.n_instances_max)
            })
        };
        let holds = match trouble {
            "instance_limit_reached" => full(),
            "not_found" | "image_not_the_projects" | "family_changed" => true,
            code => IMAGE.contains(&code),
        };
        if !holds {
            return Err(format!("{what}: that is no reason"));
        }
    }
    Ok(())
}
