//! Images of a real machine while it runs, and how soon a new one has its disk: the whole application over real QEMU.
//! Prints `live_capture_s`, `guest_ping_max_ms`, `second_image_mb` and `prepare_disk_ms`.
//!
//! Arguments: a folder for temporary data, and the disk of the test machine (`end2end/guest/build.sh`).

#[expect(dead_code, reason = "the benches share it, and each takes what it needs")]
mod support;

use darkroom::server::hypervisor::import::to_raw;
use darkroom::server::settings::Settings;
use darkroom::server::workers::Workers;
use darkroom::server::{Open, open};
use darkroom_core::domain::actor::Actor;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::{CreateImageForm, DeployForm};
use darkroom_core::domain::ids::{DiskId, ImageId, InstanceId};
use darkroom_core::domain::image::{BootMode, Image, Os, Status as ImageStatus};
use darkroom_core::domain::instance::{Instance, Status as MachineStatus};
use darkroom_core::domain::project::User;
use darkroom_core::domain::text::Name;
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::{images, instances, people, provider};
use darkroom_core::ports::{DiskSpec, Fingerprint, MachineSpec};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use support::{GIB, Quiet, Scratch, Tenant, figure, folder_bytes, median, ms, note, quantile};

/// Captures with 200 MB of new data each.
const N_CAPTURES: usize = 3;
const N_DISKS: u128 = 25;
/// How often the guest is pinged.
const PING_EVERY: Duration = Duration::from_millis(5);
const IDLE: Duration = Duration::from_secs(4);
/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

fn main() {
    let scratch = Scratch::new("machines");
    let guest =
        support::arguments().get(1).map(PathBuf::from).expect("the second argument is the guest's disk");
    let mut settings = Settings::default();
    // Away from the ports of a darkroom that somebody uses on this machine.
    (settings.qemu.ssh_port_first, settings.qemu.ssh_port_last) = (25_000, 25_099);
    let data = scratch.path("data");
    let Open { app, storage: _storage } = open(&data, &settings).expect("a new data directory");
    let system = app.system();
    let tenant = support::furnish(&system);
    let image = register(&system, &tenant, &guest, &scratch, &settings);
    let fingerprint = Fingerprint(read_image(&system, image).disks[0].fingerprint.clone());
    let workers = Workers::start(&app, settings.workers).expect("threads can be started");

    let owner = owner(&system);
    let machine = deploy(&owner, &tenant, image);
    // Its process would outlive this one.
    let _power = Power { owner: &owner, machine: machine.id };
    let facts = app.hypervisor.facts();
    note(format!("{}, {}, guest with 1 vCPU and 256 MiB", facts.version, facts.accelerator));
    let mut console = Console::connect(&app.hypervisor.console_socket(machine.id).expect("it runs"));
    console.until(":~# ");
    live(&owner, &machine, &mut console, &data.join("regions"));

    instances::delete(&owner, machine.id).expect("it runs");
    wait_for("the machine is gone", || owner.read::<Instance>(&machine.id).expect("readable").is_none());
    prepare(&owner, &tenant, &fingerprint);
    workers.stop();
}

/// Takes the machine away when a measurement fails.
struct Power<'a> {
    owner: &'a Ctx,
    machine: InstanceId,
}

impl Drop for Power<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.owner.app.hypervisor.destroy(self.machine) {
            note(format!("a QEMU process may be left: {error}"));
        }
    }
}

/// The owner, as their browser would be recognised.
fn owner(system: &Ctx) -> Ctx {
    let signed_in =
        people::sign_in(system, support::OWNER, support::PASSWORD, "bench").expect("the password is right");
    let (actor, _) = people::recognise(system, &signed_in.token).expect("the session is new");
    let user = actor.user().expect("a person");
    assert_eq!(actor, Actor::of(&system.read::<User>(&user).expect("readable").expect("there")));
    Ctx { actor, ..system.clone() }
}

/// The same person a moment later: times come from the context.
fn now(ctx: &Ctx) -> Ctx {
    Ctx { now: ctx.app.clock.now(), ..ctx.clone() }
}

fn register(system: &Ctx, tenant: &Tenant, guest: &Path, scratch: &Scratch, settings: &Settings) -> ImageId {
    let raw = to_raw(guest, &scratch.path("guest.raw"), &settings.qemu, &settings.format, &Quiet)
        .expect("the guest's disk is a QCOW2 file");
    let public = PublicImage {
        kind: darkroom_core::domain::image::Kind::System,
        name: Name::parse("guest").expect("valid"),
        os: Os { kind: "linux".to_owned(), version: "Debian 12".to_owned() },
        boot: BootMode::Bios,
        min_vcpus: 0,
        min_memory_mib: 0,
        licence: String::new(),
        account: tenant.account,
        project: tenant.project,
        region: tenant.region.clone(),
    };
    let path = raw.path.to_str().expect("a plain path");
    provider::register_image(system, public, path, &Quiet).expect("the disk has space")
}

fn deploy(owner: &Ctx, tenant: &Tenant, image: ImageId) -> Instance {
    let form = DeployForm {
        project: tenant.project.to_string(),
        region: tenant.region.to_string(),
        image: image.to_string(),
        name: "measured".to_owned(),
        flavor: support::FLAVOR.to_owned(),
        zone: "a".to_owned(),
        disk_kind: DiskKind::Ssd.as_str().to_owned(),
        disk_gib: "1".to_owned(),
        price_version: 1,
        ..DeployForm::default()
    };
    let id = instances::create(&now(owner), &form).expect("everything is there");
    let machine = || owner.read::<Instance>(&id).expect("readable").expect("there");
    wait_for("the machine runs", || {
        assert_ne!(machine().status, MachineStatus::Error, "{:?}", machine().error);
        machine().status == MachineStatus::Running
    });
    machine()
}

fn read_image(ctx: &Ctx, id: ImageId) -> Image {
    ctx.read::<Image>(&id).expect("readable").expect("there")
}

fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Captures of 200 MB that nobody has seen before, with a ping all the while; then one more after a small change.
fn live(owner: &Ctx, machine: &Instance, console: &mut Console, regions: &Path) {
    let banner = machine.ssh_port.expect("it runs");
    console.run("while read -r n; do test -z \"$n\" && break; echo pong-$n; done");
    let idle = with_pings(console, banner, || std::thread::park_timeout(IDLE)).1;
    idle.tell("idle");
    let (mut seconds, mut worst) = (Vec::new(), 0f64);
    for n in 0..N_CAPTURES {
        console.end_pings();
        // The same place on the disk again, so that the disk always holds 200 MB.
        console.run_to_end("dd if=/dev/urandom of=/root/data bs=1M count=200 conv=notrunc,fsync 2>/dev/null");
        console.run("while read -r n; do test -z \"$n\" && break; echo pong-$n; done");
        let (took, pings) = with_pings(console, banner, || capture(owner, machine, &format!("full-{n}")));
        pings.tell(&format!("capture {n}, available after {took:.2} s"));
        seconds.push(took);
        worst = worst.max(pings.worst());
    }
    console.end_pings();
    // 10 MB, as programs write: pieces here and there within the file, none of them where chunks begin.
    console.run_to_end(
        "for i in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/urandom of=/root/data bs=64k count=16 seek=$((i*301)) conv=notrunc 2>/dev/null; done; sync",
    );
    let before = folder_bytes(&regions.join(support::REGION).join("chunks"));
    let took = capture(owner, machine, "changed");
    let grown = folder_bytes(&regions.join(support::REGION).join("chunks")).saturating_sub(before);
    note(format!("image after 10 MB of change: available after {took:.2} s"));
    figure("live_capture_s", median(&seconds), "s");
    figure("guest_ping_max_ms", worst, "ms");
    figure("second_image_mb", grown as f64 / 1e6, "MB");
}

/// Seconds from asking for an image until it is available.
fn capture(owner: &Ctx, machine: &Instance, name: &str) -> f64 {
    let form = CreateImageForm {
        what: String::new(),
        instance: machine.id.to_string(),
        name: name.to_owned(),
        remark: String::new(),
        price_version: 1,
    };
    let begun = Instant::now();
    let id = images::create(&now(owner), &form).expect("the machine runs");
    wait_for("the image is available", || {
        let image = read_image(owner, id);
        assert_ne!(image.status, ImageStatus::Error, "{:?}", image.error);
        image.status == ImageStatus::Available
    });
    let took = begun.elapsed().as_secs_f64();
    let image = read_image(owner, id);
    assert!(image.virtual_bytes() == GIB && image.stored_bytes() > 200_000_000, "{image:?}");
    note(format!("{name}: {:?}, {:.0} MB stored", image.consistency, image.stored_bytes() as f64 / 1e6));
    // The machine is free for the next one in the same commit.
    took
}

/// How long the guest took to answer, in milliseconds.
struct Pings {
    /// A line to a shell in the guest through the serial console, and its answer.
    line: Vec<f64>,
    /// A connection to the guest's SSH server, until it says its name.
    banner: Vec<f64>,
}

impl Pings {
    fn worst(&self) -> f64 {
        quantile(&self.line, 1.0).max(quantile(&self.banner, 1.0))
    }

    fn tell(&self, when: &str) {
        let show = |values: &[f64]| {
            let at = |part| quantile(values, part);
            format!(
                "{} times, median {:.1}, 99 % {:.1}, max {:.1} ms",
                values.len(),
                at(0.5),
                at(0.99),
                at(1.0)
            )
        };
        note(format!("{when}: ping by line {}; by SSH banner {}", show(&self.line), show(&self.banner)));
    }
}

/// Pings the guest in two ways until `work` is done.
fn with_pings<T>(console: &mut Console, port: u16, work: impl FnOnce() -> T) -> (T, Pings) {
    let done = Arc::new(AtomicBool::new(false));
    let (lines, banners) = (done.clone(), done.clone());
    let (ready, started) = mpsc::channel();
    std::thread::scope(|scope| {
        let line_ready = ready.clone();
        let line = scope.spawn(move || {
            pings(&lines, &line_ready, |n| {
                console.write(&format!("{n}\r"));
                console.until(&format!("pong-{n}\r\n"));
            })
        });
        let banner = scope.spawn(move || {
            pings(&banners, &ready, |_| {
                let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the port is forwarded");
                let mut name = [0u8; 8];
                stream.read_exact(&mut name).expect("the guest has an SSH server");
                assert_eq!(&name, b"SSH-2.0-");
            })
        });
        // Both ping before the work begins.
        started.recv().and_then(|()| started.recv()).expect("the threads run");
        let result = work();
        done.store(true, Ordering::SeqCst);
        let line = line.join().expect("the guest answers");
        (result, Pings { line, banner: banner.join().expect("the guest answers") })
    })
}

fn pings(done: &AtomicBool, ready: &mpsc::Sender<()>, mut ping: impl FnMut(u64)) -> Vec<f64> {
    let mut took = Vec::new();
    while !done.load(Ordering::SeqCst) {
        let begun = Instant::now();
        ping(1_000_000 + took.len() as u64);
        took.push(ms(begun.elapsed()));
        if took.len() == 1 {
            ready.send(()).expect("somebody waits");
        }
        std::thread::park_timeout(PING_EVERY.saturating_sub(begun.elapsed()));
    }
    took
}

/// The serial console, as somebody at a terminal uses it.
struct Console {
    stream: UnixStream,
    seen: String,
}

impl Console {
    fn connect(socket: &str) -> Self {
        let stream = UnixStream::connect(socket).expect("QEMU listens");
        stream.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket");
        Self { stream, seen: String::new() }
    }

    fn write(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("QEMU listens");
    }

    /// Reads until `text` has come, and forgets everything up to its end.
    fn until(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
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

    /// Starts a command.
    fn run(&mut self, command: &str) {
        self.write(&format!("{command}\r"));
    }

    /// Runs a command and waits for its end.
    fn run_to_end(&mut self, command: &str) {
        // The arithmetic keeps the echo of the command from looking like its end.
        self.write(&format!("{command}; echo end-$((40+2))\r"));
        self.until("end-42");
        self.until(":~# ");
    }

    /// Ends the loop that answers pings.
    fn end_pings(&mut self) {
        self.write("\r");
        self.until(":~# ");
    }
}

/// From a warm base to a disk that a machine can start from.
fn prepare(owner: &Ctx, tenant: &Tenant, fingerprint: &Fingerprint) {
    let blobs = owner.app.storage.region(&tenant.region).expect("it is set up");
    blobs.base(fingerprint, &Quiet).expect("the content is there");
    let mut took = Vec::new();
    for n in 0..N_DISKS {
        let id = InstanceId(uuid::Uuid::from_u128(n + 1));
        let begun = Instant::now();
        let base = blobs.base(fingerprint, &Quiet).expect("the content is there");
        let disks =
            vec![DiskSpec { id: DiskId(uuid::Uuid::from_u128(n + 1)), size_bytes: GIB, base: Some(base) }];
        let spec = MachineSpec {
            iso: None,
            id,
            hostname: "measured".to_owned(),
            n_vcpus: 1,
            memory_mib: 256,
            disks,
            ssh_keys: Vec::new(),
            user_data: String::new(),
            boot: BootMode::Bios,
            nic_multiqueue: false,
            sriov: false,
            n_installed: 0,
        };
        owner.app.hypervisor.create(&spec).expect("the disk has space");
        took.push(ms(begun.elapsed()));
        owner.app.hypervisor.destroy(id).expect("it is ours");
    }
    note(format!("disks: median {:.1} ms, max {:.1} ms", median(&took), quantile(&took, 1.0)));
    figure("prepare_disk_ms", median(&took), "ms");
}
