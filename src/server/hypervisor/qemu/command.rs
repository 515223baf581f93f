//! The command line of a machine. Pure: the same machine always gives the same arguments.
//!
//! Paths of sockets and logs are relative to the machine's folder, in which the process starts; disks are absolute.

use super::folder::Folder;
use super::settings::GuestNetwork;
use darkroom_core::domain::ids::{DiskId, TaskId};
use darkroom_core::ports::{BootMode, DiskSpec, MachineSpec};
use serde_json::{Value, json};

/// System calls QEMU does not need are forbidden to it: it can start no program and gain no privilege.
const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// Everything a command line depends on.
pub struct Launch<'a> {
    /// The machine.
    pub spec: &'a MachineSpec,
    /// Its folder.
    pub folder: &'a Folder,
    /// The host's port that leads to the guest's SSH.
    pub ssh_port: u16,
    /// The host's address of that port.
    pub ssh_address: &'a str,
    /// What the guest may reach.
    pub network: GuestNetwork,
    /// Whether KVM runs the guest.
    pub kvm: bool,
    /// UEFI's code, for a machine that boots with it.
    pub firmware: Option<&'a str>,
}

/// The name of a disk's block node; QEMU allows 31 characters, so two digits of the id must go.
pub fn disk_node(disk: DiskId) -> String {
    format!("d{}", &disk.0.simple().to_string()[2..])
}

/// The name of the block node that a capture writes its disk number `index` to; one digit of the id more must go for the number, which is
/// below [`darkroom_core::ports::CAPTURE_DISKS_MAX`].
pub fn capture_node(capture: TaskId, index: usize) -> String {
    format!("c{index:x}{}", &capture.0.simple().to_string()[3..])
}

/// The job of a capture for its disk number `index`.
pub fn capture_job(capture: TaskId, index: usize) -> String {
    format!("cap-{capture}-{index}")
}

/// How a disk is opened: formats are pinned and nothing is taken from the file's own header, so nothing a guest wrote can be followed.
pub fn disk_graph(folder: &Folder, disk: &DiskSpec) -> Value {
    let backing = disk.base.as_ref().map_or(Value::Null, |base| {
        json!({
            "driver": "raw", "read-only": true,
            "file": { "driver": "file", "filename": base, "read-only": true },
        })
    });
    json!({
        "driver": "qcow2", "node-name": disk_node(disk.id), "discard": "unmap",
        "file": { "driver": "file", "filename": folder.disk(disk.id), "discard": "unmap" },
        "backing": backing,
    })
}

/// The arguments of QEMU.
pub fn arguments(launch: &Launch<'_>) -> Vec<String> {
    let mut arguments = Arguments(Vec::new());
    machine(&mut arguments, launch);
    disks(&mut arguments, launch);
    network(&mut arguments, launch);
    channels(&mut arguments);
    arguments.0
}

struct Arguments(Vec<String>);

impl Arguments {
    fn flag(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push(name.to_owned());
        self.0.push(value.to_string());
    }
}

fn machine(arguments: &mut Arguments, launch: &Launch<'_>) {
    let spec = launch.spec;
    arguments.add("-name", format!("guest=darkroom-{},debug-threads=on", spec.id));
    arguments.add("-uuid", spec.id);
    arguments.flag("-nodefaults");
    arguments.flag("-no-user-config");
    arguments.add("-display", "none");
    arguments.add("-sandbox", SANDBOX);
    arguments.add("-pidfile", "qemu.pid");
    let firmware = if launch.firmware.is_some() { ",pflash0=uefi-code,pflash1=uefi-vars" } else { "" };
    // The HPET's timer goes on while nobody listens to it: it took half of what the host spends on an idle machine.
    arguments.add("-machine", format!("q35,hpet=off{firmware}"));
    arguments.add("-accel", if launch.kvm { "kvm" } else { "tcg,thread=multi" });
    arguments.add("-cpu", if launch.kvm { "host" } else { "max" });
    arguments.add("-smp", spec.n_vcpus);
    arguments.add("-m", format!("size={}M", spec.memory_mib));
    arguments.add("-rtc", "base=utc");
    // A guest that shuts down leaves its process behind, paused: so a process that is gone without having been told to has died.
    arguments.add("-action", "shutdown=pause,panic=pause");
    arguments.add("-boot", "strict=on");
    if let Some(code) = launch.firmware {
        let vars = launch.folder.path.join("uefi-vars.fd");
        let file = |path: Value| json!({ "driver": "file", "filename": path });
        arguments.add("-blockdev", json!({ "driver": "raw", "node-name": "uefi-code", "read-only": true, "file": file(json!(code)) }));
        arguments.add(
            "-blockdev",
            json!({ "driver": "raw", "node-name": "uefi-vars", "file": file(json!(vars)) }),
        );
    }
}

fn disks(arguments: &mut Arguments, launch: &Launch<'_>) {
    for (index, disk) in launch.spec.disks.iter().enumerate() {
        let node = disk_node(disk.id);
        let serial = &disk.id.0.simple().to_string()[12..];
        let boot = if index == 0 { ",bootindex=0" } else { "" };
        arguments.add("-blockdev", disk_graph(launch.folder, disk));
        arguments.add("-device", format!("virtio-blk-pci,drive={node},id=disk{index},serial={serial}{boot}"));
    }
    if let Some(iso) = &launch.spec.iso {
        let file = json!({ "driver": "file", "filename": iso, "read-only": true });
        let graph = json!({ "driver": "raw", "node-name": "iso", "read-only": true, "file": file });
        arguments.add("-blockdev", graph);
        // After the system disk: once something is installed there, it starts.
        arguments.add("-device", "ide-cd,drive=iso,id=iso,bootindex=1");
    }
    // Last, so that data disks keep their names in the guest.
    let seed = json!({
        "driver": "raw", "node-name": "seed", "read-only": true,
        "file": { "driver": "file", "filename": launch.folder.path.join("seed.img"), "read-only": true },
    });
    arguments.add("-blockdev", seed);
    arguments.add("-device", "virtio-blk-pci,drive=seed,id=seed,serial=cidata");
}

fn network(arguments: &mut Arguments, launch: &Launch<'_>) {
    let restrict = match launch.network {
        GuestNetwork::Open => "",
        GuestNetwork::Isolated => ",restrict=on",
    };
    arguments.add(
        "-netdev",
        format!("user,id=net0{restrict},hostfwd=tcp:{}:{}-:22", launch.ssh_address, launch.ssh_port),
    );
    let bytes = launch.spec.id.0.as_bytes();
    // 52:54:00 is what QEMU uses; every machine has a network of its own, so three bytes of its id are enough.
    let address = format!("52:54:00:{:02x}:{:02x}:{:02x}", bytes[13], bytes[14], bytes[15]);
    let spec = launch.spec;
    if spec.sriov {
        // Its virtual functions lie on a bus of its own, or there would be no room for their addresses.
        arguments.add("-device", "pcie-root-port,id=direct,chassis=1,slot=1");
        arguments.add("-device", format!("igb,netdev=net0,bus=direct,mac={address},romfile="));
    } else {
        // One queue per processor is all there can be.
        let queues = if spec.nic_multiqueue && spec.n_vcpus > 1 { ",mq=on" } else { "" };
        arguments.add("-device", format!("virtio-net-pci,netdev=net0,mac={address},romfile={queues}"));
    }
    arguments.add("-object", "rng-random,id=rng0,filename=/dev/urandom");
    arguments.add("-device", "virtio-rng-pci,rng=rng0");
}

fn channels(arguments: &mut Arguments) {
    arguments.add(
        "-chardev",
        "socket,id=serial,path=serial.sock,server=on,wait=off,logfile=console.log,logappend=on",
    );
    arguments.add("-serial", "chardev:serial");
    arguments.add("-device", "virtio-serial-pci,id=channels");
    arguments.add("-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off");
    arguments.add("-device", "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0");
    // A monitor serves one client at a time: control, captures and waiting each have their own.
    for name in ["qmp", "cap", "wait"] {
        arguments.add("-chardev", format!("socket,id={name},path={name}.sock,server=on,wait=off"));
        arguments.add("-mon", format!("chardev={name},mode=control"));
    }
}

/// Where distributions put UEFI: code and the template of its variables.
pub const FIRMWARE: [(&str, &str); 3] = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
];

/// Whether `spec` needs UEFI's files.
pub fn needs_firmware(spec: &MachineSpec) -> bool {
    spec.boot == BootMode::Uefi
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::ids::InstanceId;
    use std::path::PathBuf;
    use uuid::Uuid;

    fn spec() -> MachineSpec {
        let disk = |n: u128, base: Option<&str>| DiskSpec {
            id: DiskId(Uuid::from_u128(n)),
            size_bytes: 1 << 30,
            base: base.map(str::to_owned),
        };
        MachineSpec {
            id: InstanceId(Uuid::from_u128(0xabcdef)),
            hostname: "first-light".to_owned(),
            n_vcpus: 2,
            memory_mib: 512,
            disks: vec![disk(1, Some("/bases/a, \"b\".raw")), disk(2, None)],
            iso: None,
            ssh_keys: Vec::new(),
            user_data: String::new(),
            boot: BootMode::Bios,
            nic_multiqueue: false,
            sriov: false,
            n_installed: 0,
        }
    }

    fn lines(change: impl FnOnce(&mut Launch<'_>)) -> String {
        let folder = Folder {
            id: spec().id,
            path: PathBuf::from("/data/m"),
            short: PathBuf::from("/proc/self/fd/9/m"),
        };
        let spec = spec();
        let mut launch = Launch {
            spec: &spec,
            folder: &folder,
            ssh_port: 22_007,
            ssh_address: "127.0.0.1",
            network: GuestNetwork::Open,
            kvm: false,
            firmware: None,
        };
        change(&mut launch);
        arguments(&launch).join("\n").replace("\n-", "\n\u{0}-").replace('\n', " ").replace(" \u{0}", "\n")
    }

    #[test]
    fn the_command_line_of_a_machine_is_exactly_this() {
        insta::assert_snapshot!(lines(|_| {}));
    }

    #[test]
    fn settings_change_only_their_own_arguments() {
        let plain = lines(|_| {});
        let added = |change: fn(&mut Launch<'_>)| {
            let changed = lines(change);
            changed.lines().filter(|line| !plain.lines().any(|p| p == *line)).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(added(|launch| launch.kvm = true), "-accel kvm\n-cpu host");
        assert_eq!(
            added(|launch| launch.network = GuestNetwork::Isolated),
            "-netdev user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:22007-:22"
        );
        let queues = added(|launch| {
            launch.spec = Box::leak(Box::new(MachineSpec { nic_multiqueue: true, ..spec() }));
        });
        assert!(queues.starts_with("-device virtio-net-pci,") && queues.ends_with(",mq=on"), "{queues}");
        let direct = added(|launch| {
            launch.spec = Box::leak(Box::new(MachineSpec { sriov: true, nic_multiqueue: true, ..spec() }));
        });
        assert_eq!(
            direct,
            "-device pcie-root-port,id=direct,chassis=1,slot=1\n-device igb,netdev=net0,bus=direct,mac=52:54:00:ab:cd:ef,romfile="
        );
        let disc = added(|launch| {
            launch.spec = Box::leak(Box::new(MachineSpec { iso: Some("/bases/c.raw".to_owned()), ..spec() }));
        });
        assert!(
            disc.contains("/bases/c.raw") && disc.ends_with("ide-cd,drive=iso,id=iso,bootindex=1"),
            "{disc}"
        );
        let firmware = added(|launch| launch.firmware = Some("/fw/code.fd"));
        assert!(
            firmware.starts_with("-machine q35,hpet=off,pflash0=uefi-code,pflash1=uefi-vars"),
            "{firmware}"
        );
        assert!(firmware.contains("/fw/code.fd") && firmware.contains("/data/m/uefi-vars.fd"), "{firmware}");
    }

    #[test]
    fn node_names_fit_into_qemus_limit() {
        let id = Uuid::from_u128(u128::MAX);
        assert_eq!(disk_node(DiskId(id)).len(), 31);
        assert_eq!(capture_node(TaskId(id), 0).len(), 31);
        assert_eq!(capture_node(TaskId(id), darkroom_core::ports::CAPTURE_DISKS_MAX - 1).len(), 31);
    }
}
