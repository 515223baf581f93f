//! Starting, watching and ending a machine's process.
//!
//! Every end that darkroom asks for is recorded before it is brought about, and a guest that shuts down leaves its process paused. So a
//! process that is gone without a record has died. All functions but those of the trait expect the machine's lock to be held.

use super::capture::of_qmp;
use super::command::{Launch, arguments, needs_firmware};
use super::folder::{Folder, State, unavailable, write_durably};
use super::gate::lock;
use super::process::Process;
use super::qmp::{Qmp, QmpError};
use super::{Exits, QemuHypervisor, firmware};
use crate::server::hypervisor::tool;
use darkroom_core::domain::ids::InstanceId;
use darkroom_core::ports::{MachineSpec, PortError, Power, Watcher};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often a starting process is tried to be reached; its early end is heard of at once.
const CONNECT_INTERVAL: Duration = Duration::from_millis(10);

/// How often a wait looks whether it was cancelled.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// How long the end of a dead child may take to be known.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a start tries again because its port was taken at the last moment.
const N_LOST_PORTS_MAX: usize = 5;

/// What QEMU says when a port is taken.
const PORT_TAKEN: &str = "Could not set up host forwarding rule";

/// How much of QEMU's log is read for its last words.
const LOG_BYTES_MAX: u64 = 8 * 1024;

/// What a process that runs does with its guest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Guest {
    /// It runs, or will go on when told to.
    Alive,
    /// It is paused and waits to be continued, for example because the host's disk was full.
    Paused,
    /// It shut itself down.
    ShutDown,
    /// The emulation failed or the guest's kernel gave up.
    Broken,
}

impl QemuHypervisor {
    pub(super) fn start_machine(&self, spec: &MachineSpec) -> Result<Power, PortError> {
        if let Some(missing) = self.facts_missing() {
            return Err(PortError::Unavailable(missing));
        }
        if let Some(missing) = self.probe.sriov_missing(&self.settings).filter(|_| spec.sriov) {
            return Err(PortError::Refused(missing));
        }
        let kvm = self.probe.kvm(&self.settings);
        let machine = self.locks.of(spec.id);
        let _held = lock(&machine);
        let (folder, _) = self.known(spec.id)?;
        if let Power::Running { ssh_port } = self.power_of(&folder)? {
            self.resume(&folder)?;
            return Ok(Power::Running { ssh_port });
        }
        if self.captures.is_active(spec.id) {
            return Err(PortError::Unavailable(
                "A disk of this machine is being captured while it is off.".to_owned(),
            ));
        }
        for disk in &spec.disks {
            if !folder.disk(disk.id).exists() {
                return Err(PortError::Gone(format!("The file of disk {} is missing.", disk.id)));
            }
        }
        folder.write_spec(spec)?;
        let firmware = if needs_firmware(spec) { Some(firmware()?.0) } else { None };
        let mut lost_ports = BTreeSet::new();
        loop {
            let ssh_port = self.choose_port(&folder, &lost_ports)?;
            let launch = Launch {
                spec,
                folder: &folder,
                ssh_port,
                ssh_address: &self.settings.ssh_address,
                network: self.settings.network,
                kvm,
                firmware,
            };
            match self.launch(&folder, &arguments(&launch)) {
                Ok(()) => {
                    tracing::info!(instance.id = %spec.id, ssh_port, kvm, "started a machine");
                    return Ok(Power::Running { ssh_port });
                }
                // Somebody took the port between the choice and QEMU's own bind.
                Err(_)
                    if lost_ports.len() < N_LOST_PORTS_MAX
                        && self.last_words(&folder).contains(PORT_TAKEN) =>
                {
                    lost_ports.insert(ssh_port);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn facts_missing(&self) -> Option<String> {
        self.probe.facts(&self.settings).missing
    }

    fn launch(&self, folder: &Folder, arguments: &[String]) -> Result<(), PortError> {
        for name in ["qmp.sock", "cap.sock", "wait.sock", "agent.sock", "serial.sock", "qemu.pid", "frozen"] {
            super::remove(&folder.path.join(name))?;
        }
        folder.trim_console(self.settings.console_log_bytes)?;
        folder.write_state(&State::Started)?;
        let started = self.spawn(folder, arguments).and_then(|ended| self.await_monitor(folder, &ended));
        if started.is_err() {
            folder.write_state(&State::Off { died: None })?;
        }
        started
    }

    /// Starts the process in a session of its own, so that no terminal and no end of darkroom takes it along.
    fn spawn(&self, folder: &Folder, arguments: &[String]) -> Result<Receiver<ExitStatus>, PortError> {
        let missing = |name: &str| PortError::Unavailable(format!("The program {name} is missing."));
        let setsid = tool::find_program("setsid").ok_or_else(|| missing("setsid"))?;
        let qemu = tool::find_program(&self.settings.qemu).ok_or_else(|| missing(&self.settings.qemu))?;
        let of_folder = |error: std::io::Error| unavailable(&folder.path, &error);
        let log = File::create(folder.path.join("qemu.log")).map_err(of_folder)?;
        let child = tool::command(&setsid)
            .arg(qemu)
            .args(arguments)
            .current_dir(&folder.path)
            .stdout(log.try_clone().map_err(of_folder)?)
            .stderr(log)
            .spawn()
            .map_err(of_folder)?;
        lock(&self.exits.known).insert(folder.id, (child.id(), None));
        Ok(watch(child, folder.id, Arc::clone(&self.exits)))
    }

    /// Waits until the process answers.
    fn await_monitor(&self, folder: &Folder, ended: &Receiver<ExitStatus>) -> Result<(), PortError> {
        let deadline = Instant::now() + Duration::from_millis(self.settings.start_timeout_ms);
        loop {
            match Qmp::connect(&folder.socket("qmp.sock"), self.command_timeout()) {
                Ok(_) => return Ok(()),
                Err(QmpError::Io(error))
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
                Err(QmpError::Closed) => {}
                Err(error) => return self.give_up(folder, &error.to_string()),
            }
            match ended.recv_timeout(CONNECT_INTERVAL) {
                Ok(status) => return Err(refused_to_start(&self.last_words(folder), status)),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => return self.give_up(folder, "no answer in time"),
            }
        }
    }

    fn give_up(&self, folder: &Folder, why: &str) -> Result<(), PortError> {
        if let Some(process) = Process::find(&folder.path.join("qemu.pid"), folder.id) {
            self.kill(folder, &process)?;
        }
        Err(PortError::Unavailable(format!("QEMU was started but cannot be talked to: {why}.")))
    }

    /// The machine's own port when it is free, else a free one of the range.
    fn choose_port(&self, folder: &Folder, lost: &BTreeSet<u16>) -> Result<u16, PortError> {
        let _held = lock(&self.ports);
        let is_free = |port: u16| {
            !lost.contains(&port) && TcpListener::bind((self.settings.ssh_address.as_str(), port)).is_ok()
        };
        if let Some(port) = folder.ssh_port().filter(|&port| is_free(port)) {
            return Ok(port);
        }
        // Also not the ports of machines that are off: they keep theirs for as long as they can.
        let mut taken: BTreeSet<u16> = BTreeSet::new();
        for entry in fs::read_dir(&self.root).map_err(|error| unavailable(&self.root, &error))?.flatten() {
            let id: Option<InstanceId> = entry.file_name().to_string_lossy().parse().ok();
            taken.extend(id.and_then(|id| self.folder(id).ssh_port()));
        }
        let range = self.settings.ssh_port_first..=self.settings.ssh_port_last;
        // From a place of its own, so that machines that start together do not want the same one.
        let skipped = usize::from(folder.id.0.as_bytes()[14]) << 8 | usize::from(folder.id.0.as_bytes()[15]);
        let n_ports = range.len().max(1);
        let mut candidates = range.clone().cycle().skip(skipped % n_ports).take(n_ports);
        let port = candidates.find(|port| !taken.contains(port) && is_free(*port)).ok_or_else(|| {
            let (first, last) = (range.start(), range.end());
            PortError::Unavailable(format!("No port from {first} to {last} is free for the machine's SSH."))
        })?;
        write_durably(&folder.path.join("ssh-port"), port.to_string().as_bytes())?;
        Ok(port)
    }

    pub(super) fn power_of(&self, folder: &Folder) -> Result<Power, PortError> {
        if folder.spec()?.is_none() {
            return Ok(Power::Absent);
        }
        let Some(process) = Process::find(&folder.path.join("qemu.pid"), folder.id) else {
            return self.off(folder);
        };
        folder.trim_console(self.settings.console_log_bytes)?;
        if !self.captures.is_active(folder.id) {
            super::capture::thaw_leftover(&self.settings, folder)?;
        }
        match self.guest(folder) {
            // A monitor that is busy or slow says nothing about the guest.
            Ok(Guest::Alive | Guest::Paused) | Err(_) if !process.ended(Duration::ZERO) => {
                let ssh_port = folder
                    .ssh_port()
                    .ok_or_else(|| PortError::Corrupt("The file ssh-port is missing.".to_owned()))?;
                Ok(Power::Running { ssh_port })
            }
            Ok(Guest::ShutDown) => {
                folder.write_state(&State::Off { died: None })?;
                // A capture of the disk goes on in a process whose guest is off; whoever comes after it ends the process.
                if !self.captures.is_active(folder.id) {
                    self.end(folder, &process)?;
                }
                Ok(Power::Off { died: None })
            }
            Ok(Guest::Broken) => {
                let died = Some("The guest stopped with an internal error or a kernel panic.".to_owned());
                folder.write_state(&State::Off { died: died.clone() })?;
                self.end(folder, &process)?;
                Ok(Power::Off { died })
            }
            Ok(Guest::Alive | Guest::Paused) | Err(_) => self.off(folder),
        }
    }

    /// A machine without a process: off as recorded, or dead.
    fn off(&self, folder: &Folder) -> Result<Power, PortError> {
        match folder.state()? {
            State::Off { died } => Ok(Power::Off { died }),
            State::Started => {
                let mut died = match self.exit_of(folder.id) {
                    Some(status) => format!("QEMU ended by itself ({}).", tool::ended_how(status)),
                    None => "QEMU ended while darkroom was not running.".to_owned(),
                };
                let words = self.last_words(folder);
                if !words.is_empty() {
                    died.push_str(&format!(" Its last words: {words}"));
                }
                tracing::warn!(instance.id = %folder.id, died, "a machine died");
                let died = Some(died);
                folder.write_state(&State::Off { died: died.clone() })?;
                Ok(Power::Off { died })
            }
        }
    }

    /// How the process ended, when this run of darkroom started it. The thread that waits for it may be a moment late.
    fn exit_of(&self, id: InstanceId) -> Option<ExitStatus> {
        let known = lock(&self.exits.known);
        let waited = self
            .exits
            .changed
            .wait_timeout_while(known, EXIT_TIMEOUT, |known| matches!(known.get(&id), Some((_, None))));
        let (known, _) = waited.unwrap_or_else(PoisonError::into_inner);
        known.get(&id).and_then(|(_, status)| *status)
    }

    fn last_words(&self, folder: &Folder) -> String {
        // A log that cannot be read has no words.
        let log = folder.tail("qemu.log", LOG_BYTES_MAX).unwrap_or_default();
        tool::last_words(&String::from_utf8_lossy(&log))
    }

    fn command_timeout(&self) -> Duration {
        Duration::from_millis(self.settings.command_timeout_ms)
    }

    fn control(&self, folder: &Folder) -> Result<Qmp, QmpError> {
        Qmp::connect(&folder.socket("qmp.sock"), self.command_timeout())
    }

    fn guest(&self, folder: &Folder) -> Result<Guest, QmpError> {
        guest_state(&mut self.control(folder)?)
    }

    fn resume(&self, folder: &Folder) -> Result<(), PortError> {
        let mut qmp = self.control(folder).map_err(of_qmp)?;
        if guest_state(&mut qmp).map_err(of_qmp)? == Guest::Paused {
            qmp.execute("cont", json!({})).map_err(of_qmp)?;
        }
        Ok(())
    }

    /// Sends a command without arguments to a machine that runs; one that is off stays off.
    pub(super) fn tell(&self, id: InstanceId, command: &str) -> Result<(), PortError> {
        let machine = self.locks.of(id);
        let _held = lock(&machine);
        let (folder, _) = self.known(id)?;
        match self.power_of(&folder)? {
            Power::Running { .. } => self
                .control(&folder)
                .and_then(|mut qmp| qmp.execute(command, json!({})))
                .map(|_| ())
                .map_err(of_qmp),
            Power::Off { .. } | Power::Absent => Ok(()),
        }
    }

    pub(super) fn cut(&self, folder: &Folder) -> Result<(), PortError> {
        match Process::find(&folder.path.join("qemu.pid"), folder.id) {
            Some(process) => {
                folder.write_state(&State::Off { died: None })?;
                self.end(folder, &process)
            }
            // Records how it died, if it did.
            None => self.power_of(folder).map(|_| ()),
        }
    }

    /// Ends a process whose end is recorded: asks it to flush and quit, and kills it when it does not.
    fn end(&self, folder: &Folder, process: &Process) -> Result<(), PortError> {
        let asked = self.control(folder).and_then(|mut qmp| qmp.execute("quit", json!({})));
        let patience = Duration::from_millis(self.settings.quit_timeout_ms);
        match asked {
            Ok(_) | Err(QmpError::Closed) if process.ended(patience) => return Ok(()),
            Ok(_) => tracing::warn!(instance.id = %folder.id, "QEMU did not quit in time and is killed"),
            Err(error) => {
                tracing::warn!(instance.id = %folder.id, %error, "QEMU cannot be asked to quit and is killed")
            }
        }
        self.kill(folder, process)
    }

    fn kill(&self, folder: &Folder, process: &Process) -> Result<(), PortError> {
        process.kill().map_err(|error| unavailable(&folder.path, &error))?;
        if process.ended(Duration::from_millis(self.settings.quit_timeout_ms)) {
            return Ok(());
        }
        Err(PortError::Unavailable(
            "The machine's process was killed and does not end: it waits for a device of the host."
                .to_owned(),
        ))
    }

    pub(super) fn wait_until_off(
        &self,
        id: InstanceId,
        timeout: Duration,
        watcher: &dyn Watcher,
    ) -> Result<bool, PortError> {
        let deadline = Instant::now() + timeout;
        let (folder, _) = self.known(id)?;
        loop {
            {
                let machine = self.locks.of(id);
                let _held = lock(&machine);
                if !matches!(self.power_of(&folder)?, Power::Running { .. }) {
                    return Ok(true);
                }
            }
            // Its own monitor, so that nobody waits behind this. A failure means that the process ends or that somebody else waits.
            let quiet = self.await_change(&folder, deadline, watcher)?;
            if quiet && Instant::now() >= deadline {
                return Ok(false);
            }
        }
    }

    /// Waits for the guest's end, the deadline or a lost connection. Returns whether there was nothing but time passing.
    fn await_change(
        &self,
        folder: &Folder,
        deadline: Instant,
        watcher: &dyn Watcher,
    ) -> Result<bool, PortError> {
        let left = || deadline.saturating_duration_since(Instant::now());
        let mut qmp =
            Qmp::connect(&folder.socket("wait.sock"), self.command_timeout().min(left().max(WATCH_INTERVAL)))
                .ok();
        loop {
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
            // After connecting, in case the guest ended before anybody listened.
            let is_alive = match qmp.as_mut().map(guest_state) {
                Some(Ok(guest)) => matches!(guest, Guest::Alive | Guest::Paused),
                Some(Err(_)) => return Ok(false),
                None => false,
            };
            if !is_alive {
                let Some(process) = Process::find(&folder.path.join("qemu.pid"), folder.id) else {
                    return Ok(false);
                };
                // Waits on the process itself when its monitor is taken.
                return Ok(qmp.is_none() && !process.ended(WATCH_INTERVAL.min(left())));
            }
            if left().is_zero() {
                return Ok(true);
            }
            if let Some(Err(_)) = qmp.as_mut().map(|qmp| qmp.event(WATCH_INTERVAL.min(left()))) {
                return Ok(false);
            }
        }
    }

    /// A monitor for capturing the machine's disks, or `None` when its disks are nobody's.
    pub(super) fn monitor_for_capture(&self, folder: &Folder) -> Result<Option<Qmp>, PortError> {
        let machine = self.locks.of(folder.id);
        let _held = lock(&machine);
        match Process::find(&folder.path.join("qemu.pid"), folder.id) {
            None => Ok(None),
            Some(process) => {
                let is_over = self.guest(folder).is_ok_and(|guest| matches!(guest, Guest::ShutDown));
                if is_over {
                    folder.write_state(&State::Off { died: None })?;
                    self.end(folder, &process)?;
                    return Ok(None);
                }
                Qmp::connect(&folder.socket("cap.sock"), self.command_timeout()).map(Some).map_err(of_qmp)
            }
        }
    }
}

fn guest_state(qmp: &mut Qmp) -> Result<Guest, QmpError> {
    let answer = qmp.execute("query-status", json!({}))?;
    Ok(match answer["status"].as_str().unwrap_or_default() {
        "shutdown" => Guest::ShutDown,
        "internal-error" | "guest-panicked" => Guest::Broken,
        "paused" | "io-error" | "prelaunch" => Guest::Paused,
        _ => Guest::Alive,
    })
}

/// Waits for the end of a child on a thread of its own, so that it is never left unburied and its end is known.
fn watch(mut child: Child, id: InstanceId, exits: Arc<Exits>) -> Receiver<ExitStatus> {
    let (sender, receiver) = channel();
    let pid = child.id();
    std::thread::spawn(move || match child.wait() {
        Ok(status) => {
            // Unless the machine was started again meanwhile.
            if let Some((_, ended)) = lock(&exits.known).get_mut(&id).filter(|(newest, _)| *newest == pid) {
                *ended = Some(status);
            }
            exits.changed.notify_all();
            // Nobody listens any more once the start is over.
            let _ = sender.send(status);
        }
        Err(error) => tracing::error!(instance.id = %id, %error, "a process cannot be waited for"),
    });
    receiver
}

fn refused_to_start(words: &str, status: ExitStatus) -> PortError {
    if words.contains("Failed to get") && words.contains("lock") {
        return PortError::Unavailable(
            "A disk of this machine is in use, for example by a capture.".to_owned(),
        );
    }
    if tool::is_no_space(words) {
        return PortError::NoSpace { place: "machine".to_owned() };
    }
    PortError::Unavailable(format!("QEMU did not start ({}): {words}", tool::ended_how(status)))
}
