//! Verifies scaling groups and what became of machines' systems: members are there and in one group, and what is being replaced has a task.

use super::{All, Expected};
use crate::domain::instance::Status;
use crate::ops::groups;
use crate::store::index_key;
use crate::store::records::index;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

impl All {
    /// Every group is somebody's, its machines are there and its own, no machine is in two groups, and a system is being replaced exactly
    /// while its machine says so.
    pub(super) fn groups(&mut self) {
        let mut found = Vec::new();
        let mut placed = BTreeSet::new();
        for group in &self.groups {
            let what = format!("The scaling group “{}” ({})", group.name, group.id);
            let owned = self.projects.get(&group.project).is_some_and(|p| p.account == group.account)
                && self.verified.regions.contains(&group.region);
            if !owned {
                found.push(format!("{what} has no account, project or region."));
            }
            for member in &group.members {
                let own = self.instances.get(&member.0).filter(|machine| {
                    machine.status != Status::Deleting
                        && (machine.project, &machine.region) == (group.project, &group.region)
                });
                if own.is_none() {
                    found.push(format!("{what} has the machine {member}, which is not there."));
                }
                if !placed.insert(*member) {
                    found.push(format!(
                        "{what} has the machine {member}, which another group has or it twice."
                    ));
                }
            }
        }
        for installation in self.installations.values() {
            let id = installation.instance;
            match self.instances.get(&id.0) {
                None => found.push(format!(
                    "It is kept what became of the system of the machine {id}, which is not there."
                )),
                Some(machine) if installation.next.is_some() != (machine.status == Status::Reinstalling) => {
                    let word = machine.status.word().to_lowercase();
                    found.push(format!("The instance “{}” ({id}) is {word}, and what its system is being replaced by does not fit.", machine.name));
                }
                Some(_) => {}
            }
        }
        for machine in self.instances.values().filter(|m| m.status == Status::Reinstalling) {
            if !self.installations.contains_key(&machine.id.0) {
                found.push(format!(
                    "The instance “{}” ({}) is being given another image, and nobody knows which.",
                    machine.name, machine.id
                ));
            }
        }
        self.verified.findings.append(&mut found);
    }

    pub(super) fn expect_groups(&self, rows: &mut Expected) {
        let mut places: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for group in &self.groups {
            rows.put(index::GROUP_BY_NAME, &groups::name_key(group), group.id.0);
            let place = (group.project, group.region.clone());
            places.entry(place).or_default().push(group.id.to_string());
            for member in &group.members {
                rows.put(index::GROUP_OF_INSTANCE, member, group.id.0);
            }
        }
        for (place, groups) in places {
            rows.0.insert(index_key(index::GROUP_BY_PLACE, &place), Value::from(groups));
        }
    }
}
