//! The hypervisor against the real QEMU and the real test guest of `end2end/guest`: machines that run, and captures of them. What its other
//! tests share is here too: a host with machines, and somebody at the console. Skipped, saying so, where QEMU is not installed.
#![expect(clippy::unwrap_used, reason = "a failed test should say where")]

use darkroom::server::hypervisor::import::to_raw;
use darkroom::server::hypervisor::qemu::agent::Agent;
use darkroom::server::hypervisor::qemu::qmp::Qmp;
use darkroom::server::hypervisor::qemu::settings::Accelerator;
use darkroom::server::hypervisor::{QemuHypervisor, QemuSettings, tool};
use darkroom_core::domain::format::{FormatKind, FormatLimits};
use darkroom_core::domain::ids::{DiskId, InstanceId, TaskId};
use darkroom_core::ports::{
    BootMode, Captured, Consistency, DiskSpec, Hypervisor, MachineSpec, PortError, Power, Watcher,
};
use serde_json::json;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;
pub(super) const LIMITS: FormatLimits = FormatLimits { virtual_bytes_max: 64 * GIB };

/// Follows work; can cancel it at its first progress, or do something else then.
#[derive(Default)]
pub(super) struct Observer<'a> {
    cancels_at_bytes: Option<u64>,
    on_progress: Option<Box<dyn Fn() + Sync + 'a>>,
    is_cancelled: AtomicBool,
    last: AtomicU64,
    total: AtomicU64,
}

impl Observer<'_> {
    /// Of somebody who has cancelled already.
    pub(super) fn cancelled() -> Self {
        Self { is_cancelled: AtomicBool::new(true), ..Self::default() }
    }
}

impl Watcher for Observer<'_> {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        let before = self.last.swap(done_bytes, Ordering::SeqCst);
        assert!(before <= done_bytes && done_bytes <= total_bytes, "{before} {done_bytes} {total_bytes}");
        self.total.store(total_bytes, Ordering::SeqCst);
        if self.cancels_at_bytes.is_some_and(|at| done_bytes >= at) {
            self.is_cancelled.store(true, Ordering::SeqCst);
        }
        if let Some(act) = &self.on_progress {
            act();
        }
    }

    fn cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::SeqCst)
    }
}

/// A host with machines; ends their processes when the test is over, however it ends.
pub(super) struct Host {
    _temporary: TempDir,
    pub(super) root: PathBuf,
    pub(super) hypervisor: Arc<QemuHypervisor>,
    machines: Mutex<Vec<InstanceId>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        for &id in self.machines.lock().unwrap().iter() {
            self.hypervisor.destroy(id).unwrap();
        }
    }
}

pub(super) fn settings() -> QemuSettings {
    QemuSettings {
        ssh_port_first: 24_000,
        ssh_port_last: 24_999,
        accelerator: Accelerator::Tcg,
        ..QemuSettings::default()
    }
}

/// A host, or `None` with a notice where QEMU is missing. Its folder is deeper than a socket's path may be long.
pub(super) fn host() -> Option<Host> {
    if tool::find_program(&settings().qemu).is_none() {
        println!("skipped: qemu-system-x86_64 is not installed");
        return None;
    }
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("d".repeat(80)).join("e".repeat(80)).join("machines");
    assert!(root.as_os_str().len() > 150);
    let hypervisor = QemuHypervisor::open(&root, settings()).unwrap();
    assert_eq!(hypervisor.facts().missing, None);
    Some(Host { _temporary: temporary, root, hypervisor, machines: Mutex::default() })
}

impl Host {
    pub(super) fn create(&self, n: u128, disks: Vec<DiskSpec>) -> MachineSpec {
        let spec = MachineSpec {
            id: InstanceId(Uuid::from_u128(n)),
            hostname: format!("guest-{n}"),
            // Every second one with several queues.
            n_vcpus: if n % 2 == 1 { 2 } else { 1 },
            memory_mib: 256,
            disks,
            iso: None,
            ssh_keys: vec![
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfd0tqBpYvQ0kLrN1oTz7yJ0lYqkT3kqv3Yw1bJw8Zx ann@desk"
                    .to_owned(),
            ],
            user_data: format!("#!/bin/sh\necho from-user-data-{n} >/root/user-data\n"),
            boot: BootMode::Bios,
            nic_multiqueue: n % 2 == 1,
            sriov: false,
            n_installed: 0,
        };
        self.machines.lock().unwrap().push(spec.id);
        self.hypervisor.create(&spec).unwrap();
        spec
    }

    pub(super) fn folder(&self, id: InstanceId) -> PathBuf {
        self.root.join(id.to_string())
    }

    pub(super) fn monitor(&self, id: InstanceId, name: &str) -> Qmp {
        let serial = self.hypervisor.console_socket(id).unwrap();
        Qmp::connect(&Path::new(&serial).with_file_name(name), Duration::from_secs(10)).unwrap()
    }

    fn scratch_names(&self, id: InstanceId) -> Vec<String> {
        let entries = fs::read_dir(self.folder(id).join("scratch"));
        entries
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn capture(&self, spec: &MachineSpec, disk: usize, n: u128) -> Captured {
        self.capture_one(spec.id, spec.disks[disk].id, n, &Observer::default()).unwrap()
    }

    fn capture_one(
        &self,
        id: InstanceId,
        disk: DiskId,
        n: u128,
        watcher: &dyn Watcher,
    ) -> Result<Captured, PortError> {
        let mut captured = self.hypervisor.capture(id, &[disk], TaskId(Uuid::from_u128(n)), watcher)?;
        assert_eq!(captured.len(), 1);
        Ok(captured.remove(0))
    }
}

pub(super) fn disk(n: u128, size_bytes: u64, base: Option<&Path>) -> DiskSpec {
    DiskSpec { id: DiskId(Uuid::from_u128(n)), size_bytes, base: base.map(|base| base.display().to_string()) }
}

pub(super) fn tool_run(program: &str, arguments: &[&str]) -> String {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    tool::run(program, &arguments, &tool::ToolLimits::default(), None, &mut |_| {}).unwrap()
}

/// The serial console, as somebody at a terminal uses it.
pub(super) struct Console {
    stream: UnixStream,
    seen: String,
}

impl Console {
    pub(super) fn connect(host: &Host, id: InstanceId) -> Self {
        let stream = UnixStream::connect(host.hypervisor.console_socket(id).unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        Self { stream, seen: String::new() }
    }

    /// Reads until `text` has come, and forgets everything up to its end.
    pub(super) fn until(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            assert!(Instant::now() < deadline, "the console never said {text:?}; it said:\n{}", self.seen);
            let mut buffer = [0u8; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => panic!("the console is closed; it said:\n{}", self.seen),
                Ok(n) => self.seen.push_str(&String::from_utf8_lossy(&buffer[..n])),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Runs a command at the prompt and returns what it printed.
    pub(super) fn run(&mut self, command: &str) -> String {
        // The arithmetic keeps the echo of the command from looking like its end.
        self.stream.write_all(format!("{command}; echo end-$((40+2))\r").as_bytes()).unwrap();
        self.until("end-42")
    }
}

/// Starts the machine; gives its console at the prompt.
pub(super) fn started(host: &Host, spec: &MachineSpec) -> Console {
    host.hypervisor.start(spec).unwrap();
    let mut console = Console::connect(host, spec.id);
    console.until(&format!("{}:~# ", spec.hostname));
    console
}

/// The test guest's disk as a raw file: what the chunk store would offer as a base.
pub(super) fn guest_base(folder: &Path) -> PathBuf {
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guest/darkroom-linux.qcow2");
    assert!(
        guest.is_file(),
        "QEMU is here but the test guest is not: run end2end/guest/build.sh {}",
        guest.display()
    );
    let imported =
        to_raw(&guest, &folder.join("guest.raw"), &settings(), &LIMITS, &Observer::default()).unwrap();
    assert_eq!((imported.format, imported.virtual_bytes), (FormatKind::Qcow2, GIB));
    imported.path
}

fn contains(path: &str, text: &str) -> bool {
    let bytes = fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_running_machine_is_captured_and_a_second_one_made_of_it_has_its_files() {
    let Some(host) = host() else { return };
    let base = guest_base(host.root.parent().unwrap());
    let first = host.create(1, vec![disk(11, 2 * GIB, Some(&base))]);
    assert!(matches!(host.hypervisor.start(&first).unwrap(), Power::Running { ssh_port: 24_000..=24_999 }));
    let mut console = Console::connect(&host, first.id);
    let ready = console.until("@@READY");
    console.until("host=guest-1 boots=1");
    assert!(!ready.contains("NO-ROOT"));
    console.until("guest-1:~# ");
    assert!(console.run("cat /root/user-data").contains("from-user-data-1"));
    assert!(console.run("cat /root/.ssh/authorized_keys").contains("ann@desk"));
    console.run("echo exposed-in-$((1000+937)) >/root/marker; sync");

    let observer = Observer::default();
    let captured = host.capture_one(first.id, first.disks[0].id, 21, &observer).unwrap();
    assert_eq!((captured.consistency, captured.virtual_bytes), (Consistency::Frozen, 2 * GIB));
    assert_eq!(observer.last.load(Ordering::SeqCst), observer.total.load(Ordering::SeqCst));
    let data = fs::metadata(&captured.scratch).unwrap();
    assert_eq!(data.len(), 2 * GIB);
    assert!(data.blocks() * 512 < 400 * MIB, "not sparse: {} blocks", data.blocks());
    assert!(!host.folder(first.id).join("frozen").exists());
    // The guest goes on: it is not frozen.
    console.run("echo later >/root/later; sync");

    // What a darkroom that died between freezing and thawing leaves; the next one thaws the guest.
    let channel =
        PathBuf::from(host.hypervisor.console_socket(first.id).unwrap()).with_file_name("agent.sock");
    let mut agent = Agent::connect(&channel, Duration::from_secs(10)).unwrap();
    assert_eq!(agent.freeze(Duration::from_secs(10)).unwrap(), 1);
    drop(agent);
    fs::write(host.folder(first.id).join("frozen"), "").unwrap();
    let _reopened = QemuHypervisor::open(&host.root, settings()).unwrap();
    console.run("echo thawed >/root/later; sync");

    // A capture becomes the base of a second machine; there it is somebody else's file.
    let second_base = host.root.parent().unwrap().join("second.raw");
    fs::rename(&captured.scratch, &second_base).unwrap();
    let second = host.create(2, vec![disk(12, 2 * GIB, Some(&second_base)), disk(13, GIB, None)]);
    host.hypervisor.start(&second).unwrap();
    let mut console_2 = Console::connect(&host, second.id);

    // Meanwhile another darkroom takes over the first machine and presses its power button.
    let restarted = QemuHypervisor::open(&host.root, settings()).unwrap();
    assert_eq!(restarted.power(first.id).unwrap(), host.hypervisor.power(first.id).unwrap());
    restarted.press_power(first.id).unwrap();
    assert!(restarted.wait_off(first.id, 40_000, &Observer::default()).unwrap());
    assert_eq!(restarted.power(first.id).unwrap(), Power::Off { died: None });
    let stopped = host.capture(&first, 0, 22);
    assert_eq!(stopped.consistency, Consistency::Stopped);
    assert!(contains(&stopped.scratch, "exposed-in-1937") && contains(&stopped.scratch, "thawed"));
    host.hypervisor.discard_capture(first.id, TaskId(Uuid::from_u128(22))).unwrap();
    assert_eq!(host.scratch_names(first.id), Vec::<String>::new());

    console_2.until("guest-2:~# ");
    assert!(console_2.run("cat /root/marker").contains("exposed-in-1937"));
    assert!(console_2.run("ls /root").contains("marker"));
    assert!(!console_2.run("cat /root/later").contains("later\r\nend"));
    assert!(
        String::from_utf8(host.hypervisor.console_log(second.id, 1 << 20).unwrap())
            .unwrap()
            .contains("host=guest-2")
    );
}

/// A writer counts up on one data disk and then on the other: what is on the first is never behind the second, nor ahead by more than one. Disks
/// captured one after the other break that.
#[test]
fn all_disks_of_a_running_machine_are_captured_at_one_instant() {
    let Some(host) = host() else { return };
    let base = guest_base(host.root.parent().unwrap());
    let disks = vec![disk(141, 2 * GIB, Some(&base)), disk(142, GIB, None), disk(143, 64 * MIB, None)];
    let spec = host.create(14, disks);
    host.hypervisor.start(&spec).unwrap();
    let mut console = Console::connect(&host, spec.id);
    console.until("guest-14:~# ");
    let write = |device: &str| format!("printf %08d $i | dd of=/dev/{device} conv=fsync,notrunc 2>/dev/null");
    console.run(&format!(
        "(i=10; while :; do i=$((i+1)); {}; {}; done) & echo begun",
        write("vdb"),
        write("vdc")
    ));
    let ids: Vec<DiskId> = spec.disks.iter().map(|disk| disk.id).collect();
    let number = |captured: &Captured| {
        let mut bytes = [0u8; 8];
        fs::File::open(&captured.scratch).unwrap().read_exact(&mut bytes).unwrap();
        str::from_utf8(&bytes).unwrap().trim_matches('\0').parse::<u64>().unwrap_or(0)
    };
    let mut last = 0;
    for n in 0..6 {
        let task = TaskId(Uuid::from_u128(150 + n));
        let observer = Observer::default();
        let captured = host.hypervisor.capture(spec.id, &ids, task, &observer).unwrap();
        assert_eq!(captured.len(), 3);
        assert_eq!(observer.last.load(Ordering::SeqCst), observer.total.load(Ordering::SeqCst));
        let sizes: Vec<u64> = captured.iter().map(|c| fs::metadata(&c.scratch).unwrap().len()).collect();
        assert_eq!(sizes, [2 * GIB, GIB, 64 * MIB]);
        assert!(captured.iter().all(|c| c.consistency == captured[0].consistency));
        let (first, second) = (number(&captured[1]), number(&captured[2]));
        assert!(first == second || first == second + 1, "{first} and {second} are not of one instant");
        last = first;
        assert_eq!(host.scratch_names(spec.id).len(), 3);
        host.hypervisor.discard_capture(spec.id, task).unwrap();
        assert_eq!(host.scratch_names(spec.id), Vec::<String>::new());
    }
    assert!(last > 10, "the writer never wrote");

    host.hypervisor.cut_power(spec.id).unwrap();
    let stopped =
        host.hypervisor.capture(spec.id, &ids[1..], TaskId(Uuid::from_u128(160)), &Observer::default());
    let stopped = stopped.unwrap();
    assert!(stopped.iter().all(|c| c.consistency == Consistency::Stopped));
    assert!(number(&stopped[0]) >= last && number(&stopped[0]) - number(&stopped[1]) <= 1);
    // All of a machine's disks or none: one that is not there leaves no file of the others.
    let foreign = [ids[1], DiskId(Uuid::from_u128(999))];
    let refused =
        host.hypervisor.capture(spec.id, &foreign, TaskId(Uuid::from_u128(161)), &Observer::default());
    assert!(matches!(refused, Err(PortError::Gone(_))));
    let refused = host.hypervisor.capture(spec.id, &[], TaskId(Uuid::from_u128(162)), &Observer::default());
    assert!(matches!(refused, Err(PortError::Refused(_))));
    assert_eq!(host.scratch_names(spec.id).len(), 2);
}

#[test]
fn a_system_disk_is_replaced_beside_the_old_one_and_the_data_stays() {
    let Some(host) = host() else { return };
    let base = guest_base(host.root.parent().unwrap());
    let old = host.create(7, vec![disk(71, GIB, Some(&base)), disk(72, 64 * MIB, None)]);
    let (system, data) =
        (host.folder(old.id).join(format!("disks/{}.qcow2", old.disks[0].id)), &old.disks[1]);
    // As somebody who worked on it leaves it.
    tool_run("qemu-io", &["-c", "write -P 0x61 0 4096", &system.display().to_string()]);
    let new = MachineSpec {
        disks: vec![disk(73, 2 * GIB, Some(&base)), data.clone()],
        user_data: "#!/bin/sh\necho again >/root/user-data\n".to_owned(),
        n_installed: 1,
        ..old.clone()
    };
    // Undone before it started: the old system is described again, and the new disk goes.
    host.hypervisor.create(&new).unwrap();
    assert!(system.exists(), "the old disk is there until it is removed");
    let refused = host.hypervisor.remove_disk(new.id, new.disks[0].id).unwrap_err();
    assert!(matches!(refused, PortError::Refused(_)), "{refused}");
    host.hypervisor.create(&old).unwrap();
    host.hypervisor.remove_disk(new.id, new.disks[0].id).unwrap();
    host.hypervisor.remove_disk(new.id, new.disks[0].id).unwrap();
    let kept = host.capture(&old, 0, 74);
    assert_eq!(fs::read(&kept.scratch).unwrap()[..4096], [0x61; 4096], "the old system is as it was");
    host.hypervisor.discard_capture(old.id, TaskId(Uuid::from_u128(74))).unwrap();

    host.hypervisor.create(&new).unwrap();
    host.hypervisor.start(&new).unwrap();
    host.hypervisor.remove_disk(new.id, old.disks[0].id).unwrap();
    assert!(!system.exists());
    let mut console = Console::connect(&host, new.id);
    console.until("host=guest-7 boots=1");
    console.until("guest-7:~# ");
    assert!(console.run("cat /root/user-data").contains("again"), "cloud-init ran on the new system");
    let used = host.hypervisor.disk_used_bytes(new.id, data.id).unwrap();
    assert!(used < MIB, "the data disk is there: {used}");
}

#[test]
fn a_capture_cancelled_in_the_middle_leaves_nothing_and_a_leftover_job_is_cleared() {
    let Some(host) = host() else { return };
    let spec = host.create(5, vec![disk(51, 64 * MIB, None), disk(52, 2 * GIB, None)]);
    let data = host.folder(spec.id).join("disks").join(format!("{}.qcow2", spec.disks[1].id));
    tool_run("qemu-io", &["-f", "qcow2", "-c", "write -P 7 64M 700M", &data.display().to_string()]);
    host.hypervisor.start(&spec).unwrap();
    let (id, disk) = (spec.id, spec.disks[1].id);

    let observer = Observer { cancels_at_bytes: Some(1), ..Observer::default() };
    assert_eq!(host.capture_one(id, disk, 61, &observer), Err(PortError::Cancelled));
    assert_eq!(host.scratch_names(id), Vec::<String>::new());
    let mut qmp = host.monitor(id, "cap.sock");
    assert_eq!(qmp.execute("query-jobs", json!({})).unwrap(), json!([]));
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true })).unwrap().to_string();
    assert!(!nodes.contains(".raw.part"), "{nodes}");

    // What a darkroom that died in the middle leaves: a slow job, its node and its file.
    let task = TaskId(Uuid::from_u128(62));
    let part = host.folder(id).join("scratch").join(format!("{task}-{disk}.raw.part"));
    fs::File::create(&part).unwrap().set_len(2 * GIB).unwrap();
    let node = format!("c0{}", &task.0.simple().to_string()[3..]);
    let file = json!({ "driver": "file", "filename": part });
    qmp.execute("blockdev-add", json!({ "driver": "raw", "node-name": node, "file": file })).unwrap();
    let source = format!("d{}", &disk.0.simple().to_string()[2..]);
    let job = json!({ "job-id": format!("cap-{task}-0"), "device": source, "target": node, "sync": "top", "speed": 65_536, "auto-dismiss": false });
    qmp.execute("blockdev-backup", job).unwrap();
    drop(qmp);
    let captured = host.capture_one(id, disk, 62, &Observer::default()).unwrap();
    // Nobody answers at the agent's channel, as no system runs.
    assert_eq!(captured.consistency, Consistency::Crash);
    let mut file = fs::File::open(&captured.scratch).unwrap();
    let mut bytes = vec![0u8; 66 << 20];
    file.read_exact(&mut bytes).unwrap();
    assert!(
        bytes[..64 << 20].iter().all(|&byte| byte == 0) && bytes[64 << 20..].iter().all(|&byte| byte == 7)
    );
    assert!(file.metadata().unwrap().blocks() * 512 < 800 * MIB);

    host.hypervisor.discard_capture(id, task).unwrap();
    host.hypervisor.discard_capture(id, task).unwrap();
    assert_eq!(host.scratch_names(id), Vec::<String>::new());
}

#[test]
fn a_machine_cannot_start_while_its_disk_is_captured_off() {
    let Some(host) = host() else { return };
    let spec = host.create(6, vec![disk(71, GIB, None)]);
    let path = host.folder(spec.id).join("disks").join(format!("{}.qcow2", spec.disks[0].id));
    tool_run("qemu-io", &["-f", "qcow2", "-c", "write -P 9 0 200M", &path.display().to_string()]);
    let refused = AtomicU64::new(0);
    let start = || {
        assert!(
            matches!(host.hypervisor.start(&spec), Err(PortError::Unavailable(words)) if words.contains("captured"))
        );
        refused.fetch_add(1, Ordering::SeqCst);
    };
    let observer = Observer { on_progress: Some(Box::new(start)), ..Observer::default() };
    let captured = host.capture_one(spec.id, spec.disks[0].id, 72, &observer).unwrap();
    assert_eq!(captured.consistency, Consistency::Stopped);
    assert!(refused.load(Ordering::SeqCst) > 0);
    assert!(host.hypervisor.disk_used_bytes(spec.id, spec.disks[0].id).unwrap() > 200 * MIB);
    assert!(matches!(host.hypervisor.start(&spec).unwrap(), Power::Running { .. }));
}
