//! The simulated hypervisor: the port over the model of a host. Idempotent like the real one; leaves behind what a crash would leave.

use super::content::Content;
use super::host::{Host, Machine, Op, Taken, base_path, end};
use crate::domain::ids::{DiskId, InstanceId, TaskId};
use crate::domain::image::Consistency;
use crate::ports::{
    CAPTURE_DISKS_MAX, Captured, Clock, DiskSpec, Hypervisor, HypervisorFacts, MachineSpec, PortError, Power,
    Watcher,
};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) struct SimHypervisor(pub(super) Arc<Host>);

/// What the scratch files of a capture begin with.
fn scratch_path(id: InstanceId, capture: TaskId) -> String {
    format!("scratch/{id}/{capture}/")
}

fn gone() -> PortError {
    PortError::Gone("The machine's disks are gone from the host.".to_owned())
}

impl SimHypervisor {
    /// The content a new disk starts with; the base must be there.
    fn fresh(&self, disk: &DiskSpec) -> Result<Content, PortError> {
        let Some(path) = &disk.base else { return Ok(Content::empty(disk.size_bytes)) };
        let state = self.0.state();
        for (region, store) in &state.regions {
            for print in &store.bases {
                if base_path(region, print) == *path
                    && let Some(manifest) = store.manifests.get(print)
                {
                    let blocks = manifest.content.blocks.clone();
                    return Ok(Content { virtual_bytes: disk.size_bytes, blocks });
                }
            }
        }
        Err(PortError::Unavailable(format!("The base file {path} is not there.")))
    }
}

impl Hypervisor for SimHypervisor {
    fn facts(&self) -> HypervisorFacts {
        let missing =
            self.0.state().missing.then(|| "No program that runs machines is installed.".to_owned());
        HypervisorFacts { missing, version: "sim".to_owned(), accelerator: "sim".to_owned() }
    }

    fn create(&self, spec: &MachineSpec) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::Create)?;
        let mut disks = BTreeMap::new();
        for disk in &spec.disks {
            disks.insert(disk.id, (self.fresh(disk)?, disk.base.clone()));
        }
        let mut state = self.0.state();
        let deaf = state.dice.chance(200);
        let machine = state.machines.entry(spec.id).or_insert_with(|| Machine {
            disks: BTreeMap::new(),
            port: None,
            died: None,
            pressed: false,
            deaf,
        });
        for (id, disk) in disks {
            machine.disks.entry(id).or_insert(disk);
        }
        state.remember(spec.id);
        end(ends_with, ())
    }

    fn start(&self, spec: &MachineSpec) -> Result<Power, PortError> {
        let ends_with = self.0.begin(Op::Start)?;
        let mut state = self.0.state();
        let port = state.next_port;
        let Some(machine) = state.machines.get_mut(&spec.id) else { return end(ends_with, Power::Absent) };
        if machine.port.is_none() {
            machine.port = Some(port);
            machine.died = None;
            machine.pressed = false;
            state.next_port = if port == u16::MAX { 20_000 } else { port + 1 };
        }
        let ssh_port = state.machines.get(&spec.id).and_then(|m| m.port).unwrap_or(port);
        end(ends_with, Power::Running { ssh_port })
    }

    fn press_power(&self, id: InstanceId) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::Press)?;
        if let Some(machine) = self.0.state().machines.get_mut(&id) {
            machine.pressed = machine.port.is_some();
        }
        end(ends_with, ())
    }

    fn wait_off(&self, id: InstanceId, timeout_ms: u64, watcher: &dyn Watcher) -> Result<bool, PortError> {
        let ends_with = self.0.begin(Op::WaitOff)?;
        let slices = 8;
        for _ in 0..slices {
            if let Some(machine) = self.0.state().machines.get_mut(&id)
                && machine.port.is_some()
            {
                if machine.pressed && !machine.deaf {
                    machine.port = None;
                    machine.pressed = false;
                    break;
                }
            } else {
                break;
            }
            self.0.clock.advance(i64::try_from(timeout_ms / slices).unwrap_or(i64::MAX));
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
        }
        end(ends_with, !self.0.runs(id))
    }

    fn cut_power(&self, id: InstanceId) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::Cut)?;
        self.0.go_off(id, None);
        end(ends_with, ())
    }

    fn reset(&self, _id: InstanceId) -> Result<(), PortError> {
        Ok(())
    }

    fn power(&self, id: InstanceId) -> Result<Power, PortError> {
        let ends_with = self.0.begin(Op::Power)?;
        let power = match self.0.state().machines.get(&id) {
            None => Power::Absent,
            Some(Machine { port: Some(ssh_port), .. }) => Power::Running { ssh_port: *ssh_port },
            Some(machine) => Power::Off { died: machine.died.clone() },
        };
        end(ends_with, power)
    }

    fn remove_disk(&self, id: InstanceId, disk: DiskId) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::RemoveDisk)?;
        let mut state = self.0.state();
        if let Some(machine) = state.machines.get_mut(&id) {
            if machine.port.is_some() {
                return Err(PortError::Refused("A disk of a running machine cannot be removed.".to_owned()));
            }
            machine.disks.remove(&disk);
        }
        state.remember(id);
        drop(state);
        end(ends_with, ())
    }

    fn destroy(&self, id: InstanceId) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::Destroy)?;
        let mut state = self.0.state();
        state.machines.remove(&id);
        state.files.retain(|path, _| !path.starts_with(&format!("scratch/{id}/")));
        end(ends_with, ())
    }

    fn capture(
        &self,
        id: InstanceId,
        disks: &[DiskId],
        capture: TaskId,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Captured>, PortError> {
        if disks.is_empty() || disks.len() > CAPTURE_DISKS_MAX {
            return Err(PortError::Refused("These disks cannot be captured together.".to_owned()));
        }
        let (contents, consistency) = {
            let state = self.0.state();
            let machine = state.machines.get(&id).ok_or_else(gone)?;
            let content = |disk| machine.disks.get(disk).map(|(content, _)| content.clone()).ok_or_else(gone);
            let contents = disks.iter().map(content).collect::<Result<Vec<_>, _>>()?;
            let how = if machine.port.is_some() { Consistency::Crash } else { Consistency::Stopped };
            (contents, how)
        };
        let ends_with = self.0.begin(Op::Capture)?;
        let total = contents.iter().map(|c| c.virtual_bytes).fold(0, u64::saturating_add);
        for part in 1..=4 {
            let pause_ms = self.0.state().dice.below(2000);
            self.0.clock.advance(i64::try_from(pause_ms).unwrap_or(0));
            watcher.progress(total / 4 * part, total);
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
        }
        let mut state = self.0.state();
        let prints =
            disks.iter().zip(&contents).map(|(disk, content)| (*disk, content.fingerprint())).collect();
        state.captures.insert(capture, Taken { machine: id, disks: prints, consistency });
        let mut captured = Vec::new();
        for (disk, content) in disks.iter().zip(contents) {
            let scratch = format!("{}{disk}", scratch_path(id, capture));
            let virtual_bytes = content.virtual_bytes;
            state.files.insert(scratch.clone(), content);
            captured.push(Captured { scratch, consistency, virtual_bytes });
        }
        end(ends_with, captured)
    }

    fn discard_capture(&self, id: InstanceId, capture: TaskId) -> Result<(), PortError> {
        let ends_with = self.0.begin(Op::Discard)?;
        let begins = scratch_path(id, capture);
        self.0.state().files.retain(|path, _| !path.starts_with(&begins));
        end(ends_with, ())
    }

    fn disk_used_bytes(&self, id: InstanceId, disk: DiskId) -> Result<u64, PortError> {
        let state = self.0.state();
        let machine = state.machines.get(&id).ok_or_else(gone)?;
        machine.disks.get(&disk).map(|(content, _)| content.stored_bytes()).ok_or_else(gone)
    }

    fn console_log(&self, id: InstanceId, _limit_bytes: u64) -> Result<Vec<u8>, PortError> {
        Ok(format!("{} booted at {}\n", id, self.0.clock.now().rfc3339()).into_bytes())
    }

    fn console_socket(&self, id: InstanceId) -> Result<String, PortError> {
        Ok(format!("sockets/{id}"))
    }
}
