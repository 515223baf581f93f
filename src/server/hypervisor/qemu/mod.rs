//! Machines as QEMU processes on this computer.
//!
//! A process is detached: it outlives darkroom and is found again by its folder. Everything that must survive is a file in that folder;
//! nothing in memory is needed to re-attach. Must not know users, projects or prices.

pub mod agent;
mod capture;
mod command;
mod folder;
mod gate;
mod power;
mod probe;
mod process;
pub mod qmp;
mod seed;
pub mod settings;

use super::tool;
pub(super) use capture::tool_progress;
pub(super) use folder::remove as remove_file;

use capture::Capture;
use command::{FIRMWARE, needs_firmware};
use darkroom_core::domain::ids::{DiskId, InstanceId, TaskId};
use darkroom_core::ports::{
    CAPTURE_DISKS_MAX, Captured, DiskSpec, Hypervisor, HypervisorFacts, MachineSpec, PortError, Power,
    Watcher,
};
use folder::{Folder, publish, remove, unavailable, write_durably};
use gate::{Captures, Locks, lock};
pub use probe::check_image_tool;
use settings::QemuSettings;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How long clearing up waits for a capture of the same machine to end.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(30);

/// The adapter.
pub struct QemuHypervisor {
    settings: QemuSettings,
    root: PathBuf,
    /// Kept open: sockets are reached through `/proc/self/fd`, as their real paths may be too long.
    root_handle: File,
    probe: probe::Probe,
    locks: Locks,
    captures: Captures,
    ports: Mutex<()>,
    exits: Arc<Exits>,
}

/// The newest process of each machine that this run of darkroom started, by pid, and how it ended; `None` while it runs.
#[derive(Default)]
struct Exits {
    known: Mutex<BTreeMap<InstanceId, (u32, Option<ExitStatus>)>>,
    changed: Condvar,
}

impl QemuHypervisor {
    /// Opens the folder of machines, finishes what an earlier run left half done and starts to find out about KVM.
    pub fn open(root: &Path, settings: QemuSettings) -> Result<Arc<Self>, PortError> {
        let open = || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
            let root = root.canonicalize()?;
            let handle = File::open(&root)?;
            Ok((root, handle))
        };
        let (root, root_handle) = open().map_err(|error: std::io::Error| unavailable(root, &error))?;
        let hypervisor = Arc::new(Self {
            settings,
            root,
            root_handle,
            probe: probe::Probe::default(),
            locks: Locks::default(),
            captures: Captures::default(),
            ports: Mutex::new(()),
            exits: Arc::default(),
        });
        let known = hypervisor.tidy_up()?;
        let background = Arc::clone(&hypervisor);
        // Both may take seconds, and serving must not wait for them.
        std::thread::spawn(move || {
            background.probe.probe_kvm(&background.settings, &background.root);
            background.thaw_all(&known);
        });
        Ok(hypervisor)
    }

    /// Removes what was being destroyed, and returns the machines that are there.
    fn tidy_up(&self) -> Result<Vec<InstanceId>, PortError> {
        let of_root = |error: std::io::Error| unavailable(&self.root, &error);
        let mut known = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(of_root)? {
            let entry = entry.map_err(of_root)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(".trash-") {
                fs::remove_dir_all(entry.path()).map_err(of_root)?;
            } else if name.starts_with(".probe-") {
                remove(&entry.path())?;
            } else if let Ok(id) = name.parse() {
                known.push(id);
            }
        }
        Ok(known)
    }

    fn thaw_all(&self, known: &[InstanceId]) {
        for &id in known {
            let folder = self.folder(id);
            // A capture thaws by itself before it starts.
            if !folder.path.join("frozen").exists() || self.captures.is_active(id) {
                continue;
            }
            let machine = self.locks.of(id);
            let _held = lock(&machine);
            if let Err(error) = capture::thaw_leftover(&self.settings, &folder) {
                tracing::warn!(instance.id = %id, %error, "a guest may be left frozen");
            }
        }
    }

    fn folder(&self, id: InstanceId) -> Folder {
        let short = PathBuf::from(format!("/proc/self/fd/{}/{id}", self.root_handle.as_raw_fd()));
        Folder { id, path: self.root.join(id.to_string()), short }
    }

    fn known(&self, id: InstanceId) -> Result<(Folder, MachineSpec), PortError> {
        let folder = self.folder(id);
        let spec = folder
            .spec()?
            .ok_or_else(|| PortError::Gone(format!("There is no machine {id} on this host.")))?;
        Ok((folder, spec))
    }

    /// The machine's folder and these of its disks, in this order.
    fn disks(&self, id: InstanceId, disks: &[DiskId]) -> Result<(Folder, Vec<DiskSpec>), PortError> {
        let (folder, spec) = self.known(id)?;
        let find = |wanted: &DiskId| spec.disks.iter().find(|disk| disk.id == *wanted).cloned();
        let gone = |disk: &DiskId| PortError::Gone(format!("The machine {id} has no disk {disk}."));
        let found = disks.iter().map(|disk| find(disk).ok_or_else(|| gone(disk)));
        Ok((folder, found.collect::<Result<_, _>>()?))
    }

    fn create_disk(&self, folder: &Folder, disk: &DiskSpec) -> Result<(), PortError> {
        let path = folder.disk(disk.id);
        if path.exists() {
            return Ok(());
        }
        let part = path.with_extension("qcow2.part");
        remove(&part)?;
        let mut arguments: Vec<String> = ["create", "-q", "-f", "qcow2"].map(str::to_owned).into();
        if let Some(base) = &disk.base {
            if !Path::new(base).is_absolute() {
                return Err(PortError::Refused(format!(
                    "The base {base} of a disk must be an absolute path."
                )));
            }
            arguments.extend(["-b".to_owned(), base.clone(), "-F".to_owned(), "raw".to_owned()]);
        }
        arguments.extend([part.display().to_string(), disk.size_bytes.to_string()]);
        tool::run(&self.settings.qemu_img, &arguments, &self.settings.tool, None, &mut |_| {})?;
        let finish = || {
            File::open(&part)?.sync_all()?;
            publish(&part, &path)
        };
        finish().map_err(|error: std::io::Error| unavailable(&path, &error))
    }

    /// The variables of a machine's UEFI start as the distribution's template.
    fn create_firmware(&self, folder: &Folder) -> Result<(), PortError> {
        let vars = folder.path.join("uefi-vars.fd");
        if vars.exists() {
            return Ok(());
        }
        let (_, template) = firmware()?;
        let bytes = fs::read(template).map_err(|error| unavailable(Path::new(template), &error))?;
        write_durably(&vars, &bytes)
    }
}

/// The host's UEFI files.
fn firmware() -> Result<(&'static str, &'static str), PortError> {
    let found =
        FIRMWARE.into_iter().find(|(code, vars)| Path::new(code).is_file() && Path::new(vars).is_file());
    found.ok_or_else(|| {
        PortError::Unavailable(
            "This machine boots with UEFI, whose files are missing here: `apt-get install ovmf`.".to_owned(),
        )
    })
}

impl Hypervisor for QemuHypervisor {
    fn facts(&self) -> HypervisorFacts {
        self.probe.facts(&self.settings)
    }

    fn create(&self, spec: &MachineSpec) -> Result<(), PortError> {
        let seed = seed::image(spec)?;
        let machine = self.locks.of(spec.id);
        let _held = lock(&machine);
        let folder = self.folder(spec.id);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder.path.join("disks"))
            .map_err(|error| unavailable(&folder.path, &error))?;
        for disk in &spec.disks {
            self.create_disk(&folder, disk)?;
        }
        if needs_firmware(spec) {
            self.create_firmware(&folder)?;
        }
        write_durably(&folder.path.join("seed.img"), &seed)?;
        // Last: a machine exists once it has a description.
        folder.write_spec(spec)
    }

    fn start(&self, spec: &MachineSpec) -> Result<Power, PortError> {
        self.start_machine(spec)
    }

    fn press_power(&self, id: InstanceId) -> Result<(), PortError> {
        self.tell(id, "system_powerdown")
    }

    fn wait_off(&self, id: InstanceId, timeout_ms: u64, watcher: &dyn Watcher) -> Result<bool, PortError> {
        self.wait_until_off(id, Duration::from_millis(timeout_ms), watcher)
    }

    fn cut_power(&self, id: InstanceId) -> Result<(), PortError> {
        let machine = self.locks.of(id);
        let _held = lock(&machine);
        self.cut(&self.folder(id))
    }

    fn reset(&self, id: InstanceId) -> Result<(), PortError> {
        self.tell(id, "system_reset")
    }

    fn power(&self, id: InstanceId) -> Result<Power, PortError> {
        let machine = self.locks.of(id);
        let _held = lock(&machine);
        self.power_of(&self.folder(id))
    }

    fn remove_disk(&self, id: InstanceId, disk: DiskId) -> Result<(), PortError> {
        let machine = self.locks.of(id);
        let _held = lock(&machine);
        let folder = self.folder(id);
        let Some(mut spec) = folder.spec()? else { return Ok(()) };
        if spec.disks.first().is_some_and(|first| first.id == disk) {
            return Err(PortError::Refused("A machine cannot be without its system disk.".to_owned()));
        }
        if matches!(self.power_of(&folder)?, Power::Running { .. }) {
            return Err(PortError::Refused("A disk of a running machine cannot be removed.".to_owned()));
        }
        if self.captures.is_active(id) {
            return Err(PortError::Unavailable("A disk of this machine is being captured.".to_owned()));
        }
        // First: a disk that is described is there.
        spec.disks.retain(|known| known.id != disk);
        folder.write_spec(&spec)?;
        remove(&folder.disk(disk))
    }

    fn destroy(&self, id: InstanceId) -> Result<(), PortError> {
        let machine = self.locks.of(id);
        let _held = lock(&machine);
        let folder = self.folder(id);
        if !folder.path.exists() {
            return Ok(());
        }
        self.cut(&folder)?;
        // Renamed first: a machine is there as a whole or not at all.
        let trash = self.root.join(format!(".trash-{id}"));
        let remove_all = || {
            if trash.exists() {
                fs::remove_dir_all(&trash)?;
            }
            fs::rename(&folder.path, &trash)?;
            self.root_handle.sync_all()?;
            fs::remove_dir_all(&trash)
        };
        remove_all().map_err(|error: std::io::Error| unavailable(&folder.path, &error))?;
        lock(&self.exits.known).remove(&id);
        Ok(())
    }

    fn capture(
        &self,
        id: InstanceId,
        disks: &[DiskId],
        capture: TaskId,
        watcher: &dyn Watcher,
    ) -> Result<Vec<Captured>, PortError> {
        if disks.is_empty() || disks.len() > CAPTURE_DISKS_MAX {
            let words = format!("{} disks cannot be captured together.", disks.len());
            return Err(PortError::Refused(words));
        }
        let (folder, disks) = self.disks(id, disks)?;
        let pass = self.captures.enter(id, capture, self.settings.n_captures_at_once, watcher)?;
        let watched = pass.watch(watcher);
        let work = Capture {
            settings: &self.settings,
            folder: &folder,
            disks: &disks,
            task: capture,
            watcher: &watched,
        };
        let captured = match self.monitor_for_capture(&folder)? {
            Some(mut qmp) => work.running(&mut qmp),
            None => work.stopped(),
        };
        if captured.is_err() {
            folder.discard_scratch(capture)?;
        }
        captured
    }

    fn discard_capture(&self, id: InstanceId, capture: TaskId) -> Result<(), PortError> {
        let folder = self.folder(id);
        if !folder.path.exists() {
            return Ok(());
        }
        let _pass = self.captures.take_over(id, capture, TAKE_OVER_TIMEOUT)?;
        if let Some(mut qmp) = self.monitor_for_capture(&folder)? {
            let timeout = Duration::from_millis(self.settings.command_timeout_ms);
            capture::clear_leftovers(&mut qmp, timeout).map_err(capture::of_qmp)?;
            capture::thaw_leftover(&self.settings, &folder)?;
        }
        folder.discard_scratch(capture)
    }

    fn disk_used_bytes(&self, id: InstanceId, disk: DiskId) -> Result<u64, PortError> {
        let (folder, _) = self.disks(id, &[disk])?;
        let path = folder.disk(disk);
        // POSIX counts blocks of 512 bytes, whatever the file system's own are.
        fs::metadata(&path).map(|data| data.blocks() * 512).map_err(|error| unavailable(&path, &error))
    }

    fn console_log(&self, id: InstanceId, limit_bytes: u64) -> Result<Vec<u8>, PortError> {
        let (folder, _) = self.known(id)?;
        folder.trim_console(self.settings.console_log_bytes)?;
        folder.tail("console.log", limit_bytes)
    }

    fn console_socket(&self, id: InstanceId) -> Result<String, PortError> {
        let (folder, _) = self.known(id)?;
        Ok(folder.socket("serial.sock").display().to_string())
    }
}
