//! What each step does to the world, through ports. A step is idempotent: its effects are named by ids that were chosen before it ran.
//! It never writes records.

use crate::domain::ids::{DiskId, ImageId, InstanceId, Subject};
use crate::domain::image::{Image, ImageDisk};
use crate::domain::installation::{Installation, Next};
use crate::domain::instance::Instance;
use crate::domain::snapshot::Snapshot;
use crate::domain::task::{Kind, Outputs, Scratch, Step, Task, Transferred};
use crate::ops::ctx::App;
use crate::ports::{Blobs, DiskSpec, Fingerprint, MachineSpec, PortError, Power, StoredSize, Watcher};
use crate::store::read;
use std::sync::Arc;

/// Does one step; gives the outputs of the task so far.
///
/// # Errors
/// The port's error, in words for the person whose task it is.
pub fn run(app: &App, task: &Task, step: Step, watcher: &dyn Watcher) -> Result<Outputs, PortError> {
    let mut outputs = task.outputs.clone();
    match step {
        Step::Capture => capture(app, task, watcher, &mut outputs)?,
        Step::Store => store(app, task, watcher, &mut outputs)?,
        Step::DiscardCapture => app.hypervisor.discard_capture(source(app, task)?.id, task.id)?,
        Step::Transfer => outputs.transferred = Some(transfer(app, task, watcher)?),
        Step::Release => app.board.request_sweep(&task.region),
        Step::PrepareBase => {
            let machine = machine(app, task)?;
            fetch(app, task, &machine, watcher)?;
            outputs.bases = bases(app, &machine, watcher)?;
        }
        Step::CreateDisks => {
            let machine = machine(app, task)?;
            if task.kind == Kind::InstanceReinstall {
                // It is written down as off; a process that runs all the same would go on with the old disk.
                app.hypervisor.cut_power(machine.id)?;
            }
            app.hypervisor.create(&spec(app, task, &machine, watcher)?)?;
        }
        Step::Start => {
            let machine = machine(app, task)?;
            match app.hypervisor.start(&spec(app, task, &machine, watcher)?)? {
                Power::Running { ssh_port } => outputs.ssh_port = Some(ssh_port),
                Power::Off { died } => {
                    let why = died.unwrap_or_else(|| "It went off at once.".to_owned());
                    return Err(PortError::Unavailable(format!("The machine did not start. {why}")));
                }
                Power::Absent => return Err(PortError::Gone("The machine's disks are gone.".to_owned())),
            }
        }
        Step::PressPower => app.hypervisor.press_power(machine(app, task)?.id)?,
        Step::AwaitOff => {
            let id = machine(app, task)?.id;
            if !app.hypervisor.wait_off(id, app.settings.stop_timeout_ms, watcher)? {
                app.hypervisor.cut_power(id)?;
            }
        }
        Step::RemoveDisk => remove_disk(app, task)?,
        Step::Destroy => match task.subject {
            Subject::Instance(id) => app.hypervisor.destroy(id)?,
            _ => return Err(defect(task)),
        },
    }
    Ok(outputs)
}

/// Undoes one step, also one that only half happened or never did.
///
/// # Errors
/// The port's error.
pub fn undo(app: &App, task: &Task, step: Step) -> Result<(), PortError> {
    match (step, task.kind) {
        (Step::Capture, _) => match source(app, task) {
            Ok(machine) => app.hypervisor.discard_capture(machine.id, task.id),
            Err(PortError::Gone(_)) => Ok(()),
            Err(other) => Err(other),
        },
        (Step::CreateDisks | Step::Start, Kind::InstanceCreate) => match task.subject {
            Subject::Instance(id) => app.hypervisor.destroy(id),
            _ => Err(defect(task)),
        },
        (Step::CreateDisks, Kind::DiskAdd) => remove_disk(app, task),
        (Step::CreateDisks, Kind::InstanceReinstall) => put_back(app, task),
        // A machine whose stop or start failed for good is written down as off with an error, so off it must be.
        (Step::PressPower | Step::AwaitOff | Step::Start, _) => match task.subject {
            Subject::Instance(id) => app.hypervisor.cut_power(id),
            _ => Err(defect(task)),
        },
        // What was brought is needed by nobody now.
        (Step::Transfer, _) => {
            app.board.request_sweep(&task.region);
            Ok(())
        }
        (
            Step::Store
            | Step::DiscardCapture
            | Step::Release
            | Step::PrepareBase
            | Step::CreateDisks
            | Step::RemoveDisk
            | Step::Destroy,
            _,
        ) => Ok(()),
    }
}

fn remove_disk(app: &App, task: &Task) -> Result<(), PortError> {
    match (task.subject, task.disk) {
        (Subject::Instance(id), Some(disk)) => app.hypervisor.remove_disk(id, disk),
        _ => Err(defect(task)),
    }
}

/// Describes the machine as it was again, so that its old system disk is the one in use, and removes the new one.
fn put_back(app: &App, task: &Task) -> Result<(), PortError> {
    let Subject::Instance(id) = task.subject else { return Err(defect(task)) };
    let machine = instance(app, id)?;
    let Some(next) = next(app, task)? else { return Ok(()) };
    let spec = spec_of(app, &machine, installation(app, id)?.n_installed, &Unwatched)?;
    app.hypervisor.create(&spec)?;
    app.hypervisor.remove_disk(id, next.disk.id)
}

/// Undoing is not followed and not cancelled.
struct Unwatched;

impl Watcher for Unwatched {
    fn progress(&self, _done_bytes: u64, _total_bytes: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

fn capture(app: &App, task: &Task, watcher: &dyn Watcher, outputs: &mut Outputs) -> Result<(), PortError> {
    let machine = source(app, task)?;
    let disks = match task.subject {
        Subject::Snapshot(_) => subject_snapshot(app, task)?.takes(&machine),
        _ => subject_image(app, task)?.takes(&machine),
    };
    let ids: Vec<DiskId> = disks.iter().map(|disk| disk.id).collect();
    let captured = app.hypervisor.capture(machine.id, &ids, task.id, watcher)?;
    outputs.consistency = captured.first().map(|c| c.consistency);
    let scratch = disks.iter().zip(captured).map(|(disk, captured)| Scratch {
        path: captured.scratch,
        role: disk.role,
        storage: Some(disk.kind),
        virtual_bytes: captured.virtual_bytes,
    });
    outputs.scratch = scratch.collect();
    outputs.stored = vec![];
    Ok(())
}

/// The progress of one disk as a part of that of all.
struct Part<'a> {
    whole: &'a dyn Watcher,
    before_bytes: u64,
    total_bytes: u64,
}

impl Watcher for Part<'_> {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        let done = |bytes: u64| self.before_bytes.saturating_add(bytes);
        self.whole.progress(done(done_bytes), self.total_bytes.max(done(total_bytes)));
    }

    fn cancelled(&self) -> bool {
        self.whole.cancelled()
    }
}

/// Stores the first captured disk that is not stored yet; the engine writes that down and comes back while there are more.
fn store(app: &App, task: &Task, watcher: &dyn Watcher, outputs: &mut Outputs) -> Result<(), PortError> {
    let (n_stored, sum) = (outputs.stored.len(), |all: &[Scratch]| all.iter().map(|s| s.virtual_bytes).sum());
    let scratch = outputs.scratch.get(n_stored).ok_or_else(|| defect(task))?;
    let part = Part {
        whole: watcher,
        before_bytes: sum(&outputs.scratch[..n_stored]),
        total_bytes: sum(&outputs.scratch),
    };
    let stored = blobs(app, task)?.ingest(&scratch.path, &part)?;
    if stored.virtual_bytes == 0 {
        // P17: nothing of size 0 ever becomes available.
        return Err(PortError::Refused("The copy of the disk is empty.".to_owned()));
    }
    let disk = ImageDisk {
        role: scratch.role,
        storage: scratch.storage,
        fingerprint: stored.fingerprint.0,
        sha256: stored.sha256,
        virtual_bytes: stored.virtual_bytes,
        stored_bytes: stored.stored_bytes,
    };
    outputs.stored.push(disk);
    Ok(())
}

/// Brings the disks of a copy one after the other. They are those the source had when the copy was asked for; the sweep keeps them.
fn transfer(app: &App, task: &Task, watcher: &dyn Watcher) -> Result<Transferred, PortError> {
    let origin = task.origin.as_ref().ok_or_else(|| defect(task))?;
    let mut all = Transferred::default();
    for disk in &origin.disks {
        let fingerprint = Fingerprint(disk.fingerprint.clone());
        let brought = app.storage.transfer(&origin.region, &task.region, &fingerprint, watcher)?;
        all.sent_bytes = all.sent_bytes.saturating_add(brought.sent_bytes);
        all.present_bytes = all.present_bytes.saturating_add(brought.present_bytes);
        let StoredSize { virtual_bytes, stored_bytes } = brought.size;
        all.disks.push(ImageDisk { virtual_bytes, stored_bytes, ..disk.clone() });
    }
    Ok(all)
}

fn blobs(app: &App, task: &Task) -> Result<Arc<dyn Blobs>, PortError> {
    app.storage.region(&task.region)
}

/// Brings what a machine starts as from the region of its image, where that is another one and the content is not here yet (U15). From then
/// on the machine keeps it here.
fn fetch(app: &App, task: &Task, machine: &Instance, watcher: &dyn Watcher) -> Result<(), PortError> {
    // The task and a machine that never ran know where the content is, whatever became of the image. Machines of before did not.
    let known = task.origin.as_ref().map(|origin| &origin.region).or(machine.fetch_from.as_ref());
    let region = match known {
        Some(region) => region.clone(),
        None => match image(app, machine.origin.id) {
            Ok(image) => image.region,
            Err(PortError::Gone(_)) => return Ok(()),
            Err(other) => return Err(other),
        },
    };
    if region == machine.region {
        return Ok(());
    }
    let here = app.storage.region(&machine.region)?;
    for fingerprint in
        machine.disks.iter().filter_map(|disk| disk.base.clone()).chain(machine.iso.clone()).map(Fingerprint)
    {
        match here.size(&fingerprint) {
            Err(PortError::Gone(_)) => {
                app.storage.transfer(&region, &machine.region, &fingerprint, watcher)?;
            }
            known => _ = known?,
        }
    }
    Ok(())
}

fn bases(app: &App, machine: &Instance, watcher: &dyn Watcher) -> Result<Vec<String>, PortError> {
    let blobs = app.storage.region(&machine.region)?;
    machine
        .disks
        .iter()
        .filter_map(|d| d.base.as_ref())
        .chain(&machine.iso)
        .map(|base| blobs.base(&Fingerprint(base.clone()), watcher))
        .collect()
}

/// The machine as the hypervisor sees it when the task is done.
fn spec(app: &App, task: &Task, machine: &Instance, watcher: &dyn Watcher) -> Result<MachineSpec, PortError> {
    let n_installed = installation(app, machine.id)?.n_installed;
    let replaces = u32::from(task.kind == Kind::InstanceReinstall);
    spec_of(app, machine, n_installed.saturating_add(replaces), watcher)
}

/// Asks for the bases again: they are a cache that may have been emptied since the step before.
fn spec_of(
    app: &App,
    machine: &Instance,
    n_installed: u32,
    watcher: &dyn Watcher,
) -> Result<MachineSpec, PortError> {
    let mut bases = bases(app, machine, watcher)?.into_iter();
    let disks = machine
        .disks
        .iter()
        .map(|d| DiskSpec {
            id: d.id,
            size_bytes: d.size_bytes,
            base: d.base.as_ref().and_then(|_| bases.next()),
        })
        .collect();
    // After those of the disks.
    let iso = machine.iso.as_ref().and_then(|_| bases.next());
    Ok(MachineSpec {
        id: machine.id,
        hostname: machine.name.hostname(),
        n_vcpus: machine.n_vcpus,
        memory_mib: machine.memory_mib,
        disks,
        iso,
        ssh_keys: machine.ssh_keys.clone(),
        user_data: machine.user_data.clone(),
        boot: machine.boot,
        nic_multiqueue: machine.nic_multiqueue,
        sriov: machine.sriov,
        n_installed,
    })
}

/// The machine the task is about; with its new system, when the task replaces that.
fn machine(app: &App, task: &Task) -> Result<Instance, PortError> {
    let Subject::Instance(id) = task.subject else { return Err(defect(task)) };
    let machine = instance(app, id)?;
    Ok(next(app, task)?.map_or(machine.clone(), |next| next.applied(&machine)))
}

/// What the task replaces the system of its machine by; `None` when it is of another kind.
fn next(app: &App, task: &Task) -> Result<Option<Next>, PortError> {
    match (task.kind, task.subject) {
        (Kind::InstanceReinstall, Subject::Instance(id)) => {
            let next = installation(app, id)?.next.filter(|next| next.task == task.id);
            next.map(Some).ok_or_else(|| defect(task))
        }
        _ => Ok(None),
    }
}

fn installation(app: &App, id: InstanceId) -> Result<Installation, PortError> {
    let found =
        read::<Installation>(app.store.as_ref(), &id).map_err(|e| PortError::Unavailable(e.to_string()))?;
    Ok(found.unwrap_or(Installation::first(id)))
}

/// The image the task is about.
fn subject_image(app: &App, task: &Task) -> Result<Image, PortError> {
    let Subject::Image(id) = task.subject else { return Err(defect(task)) };
    image(app, id)
}

/// The snapshot the task is about.
fn subject_snapshot(app: &App, task: &Task) -> Result<Snapshot, PortError> {
    let Subject::Snapshot(id) = task.subject else { return Err(defect(task)) };
    let found =
        read::<Snapshot>(app.store.as_ref(), &id).map_err(|e| PortError::Unavailable(e.to_string()))?;
    found.ok_or_else(|| PortError::Gone("The snapshot is gone.".to_owned()))
}

/// The machine an image or a snapshot is being made of.
fn source(app: &App, task: &Task) -> Result<Instance, PortError> {
    let id = match task.subject {
        Subject::Snapshot(_) => subject_snapshot(app, task)?.source.id,
        _ => subject_image(app, task)?.source.ok_or_else(|| defect(task))?.id,
    };
    instance(app, id)
}

fn image(app: &App, id: ImageId) -> Result<Image, PortError> {
    let found = read::<Image>(app.store.as_ref(), &id).map_err(|e| PortError::Unavailable(e.to_string()))?;
    found.ok_or_else(|| PortError::Gone("The image is gone.".to_owned()))
}

fn instance(app: &App, id: InstanceId) -> Result<Instance, PortError> {
    let found =
        read::<Instance>(app.store.as_ref(), &id).map_err(|e| PortError::Unavailable(e.to_string()))?;
    found.ok_or_else(|| PortError::Gone("The machine is gone.".to_owned()))
}

fn defect(task: &Task) -> PortError {
    PortError::Refused(format!(
        "This task cannot do its step “{}”. This is a defect of darkroom.",
        task.current().map_or("?", Step::title)
    ))
}
