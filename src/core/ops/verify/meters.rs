//! Verifies what is charged: every meter belongs to something, and everything is charged for what it is, once.

use super::All;
use crate::domain::attribution::Holding;
use crate::domain::ids::Subject;
use crate::domain::instance::{self, Instance};
use crate::domain::meter::{Charge, Meter};
use std::collections::BTreeMap;

impl All {
    pub(super) fn meters(&mut self) {
        let mut found = Vec::new();
        let mut open: BTreeMap<Subject, Vec<&Meter>> = BTreeMap::new();
        for meter in self.meters.values() {
            if meter.to.is_some_and(|to| to < meter.from) {
                found.push(format!("The meter {} of “{}” ends before it begins.", meter.id, meter.name));
            }
            if meter.to.is_none() {
                open.entry(meter.subject).or_default().push(meter);
            }
        }
        for (subject, meters) in &open {
            let what = format!("{} “{}” ({})", subject.noun(), meters[0].name, subject.uuid());
            if !self.exists(subject) {
                found.push(format!("The {what} does not exist and is still charged."));
            }
            let twice =
                meters.iter().enumerate().any(|(i, m)| meters[..i].iter().any(|o| o.charge == m.charge));
            if twice {
                found.push(format!("The {what} is charged twice for the same."));
            }
        }
        for image in self.images.values() {
            let charges: Vec<&Charge> = match open.get(&Subject::Image(image.id)) {
                Some(meters) => meters.iter().map(|meter| &meter.charge).collect(),
                None => vec![],
            };
            let what = format!("The image “{}” ({})", image.name, image.id);
            for meter in open.get(&Subject::Image(image.id)).into_iter().flatten() {
                let waits = |h: &Holding| h.account == image.account && h.region == image.region;
                let known = self.attributions.contains_key(&(image.account, image.region.clone()));
                if known && meter.virtual_bytes != image.virtual_bytes() && !self.holdings.iter().any(waits) {
                    found.push(format!(
                        "{what} is charged for {} virtual bytes and has {}.",
                        meter.virtual_bytes,
                        image.virtual_bytes()
                    ));
                }
            }
            match image.charge() {
                Some(due) if charges.is_empty() => found.push(format!(
                    "{what} is {} and not charged for {}.",
                    image.status.word().to_lowercase(),
                    due.words()
                )),
                Some(due) if charges.iter().any(|charge| **charge != due) => {
                    found.push(format!("{what} is charged for something else than {}.", due.words()));
                }
                None if !charges.is_empty() => {
                    found.push(format!("{what} is charged and should not be."));
                }
                Some(_) | None => {}
            }
        }
        for snapshot in self.snapshots.values() {
            let charged = open.contains_key(&Subject::Snapshot(snapshot.id));
            let what = format!("The snapshot “{}” ({})", snapshot.name, snapshot.id);
            match (snapshot.charge(), charged) {
                (Some(_), false) => found.push(format!("{what} is available and not charged.")),
                (None, true) => found.push(format!("{what} is charged and should not be.")),
                (Some(_), true) | (None, false) => {}
            }
        }
        for service in self.services.iter().filter(|s| !open.contains_key(&s.subject())) {
            let whose = self.account_name(service.account);
            found.push(format!(
                "The snapshot service of {whose} in {} is on and not charged.",
                service.region
            ));
        }
        for machine in self.instances.values() {
            found.extend(machine_meters(machine, &open));
        }
        self.verified.findings.append(&mut found);
    }
}

/// While a task moves a machine, its meters may already or still be open; at rest they are exactly as its state says.
fn machine_meters(machine: &Instance, open: &BTreeMap<Subject, Vec<&Meter>>) -> Vec<String> {
    use instance::Status;
    let mut found = Vec::new();
    let what = format!("instance “{}” ({})", machine.name, machine.id);
    let of = |subject| open.get(&subject).map_or(&[][..], Vec::as_slice);
    let own = of(Subject::Instance(machine.id));
    let runs = own.iter().any(|m| m.charge.while_running());
    let at_rest = matches!(machine.status, Status::Stopped | Status::Error | Status::Deleting);
    let due = machine.charges_running();
    if machine.status == Status::Running {
        for due in due.iter().filter(|due| !own.iter().any(|m| m.charge == **due)) {
            found.push(format!("The {what} runs and is not charged for {}.", due.words()));
        }
        for meter in own.iter().filter(|m| !due.contains(&m.charge)) {
            found
                .push(format!("The {what} is charged for {}, which it does not have.", meter.charge.words()));
        }
    }
    if at_rest && runs {
        found.push(format!("The {what} does not run and is charged for running."));
    }
    for disk in &machine.disks {
        let is_charged = !of(Subject::Disk(disk.id)).is_empty();
        for meter in of(Subject::Disk(disk.id)).iter().filter(|m| m.quantity_bytes != disk.size_bytes) {
            let (charged, has) = (meter.quantity_bytes, disk.size_bytes);
            found.push(format!(
                "A disk ({}) of the {what} is charged for {charged} bytes and has {has}.",
                disk.id
            ));
        }
        if machine.status == Status::Running && !is_charged {
            found.push(format!("A disk ({}) of the {what} is not charged.", disk.id));
        }
        if machine.status == Status::Deleting && is_charged {
            found.push(format!("A disk ({}) of the {what} is still charged.", disk.id));
        }
    }
    found
}
