//! What this computer can run: versions of the programs, and whether KVM really runs a guest.
//!
//! A device file that opens proves nothing: some hosts offer a KVM on which a boot loader or a kernel fails. So a tiny guest is booted under
//! KVM first. Its boot sector (`probe.s`) takes an interrupt return in real mode, goes through protected into long mode with paging, runs
//! the instructions on which emulating KVMs stop, and ends QEMU with a code of its own. Without that proof, guests are translated (TCG).

use super::settings::{Accelerator, QemuSettings};
use crate::server::hypervisor::tool::{self, ToolLimits};
use darkroom_core::ports::HypervisorFacts;
use serde_json::json;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The oldest QEMU whose commands are used here.
const VERSION_MIN: (u32, u32) = (6, 2);
/// The first version of QEMU with a network card that has SR-IOV.
const SRIOV_VERSION_MIN: (u32, u32) = (8, 0);

/// QEMU's exit code when the guest wrote 0x10 to the debug-exit device.
const PROBE_EXIT: &str = "exit code 33";

/// After this, missing programs are looked for again.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The assembled `probe.s`; the rest of the sector is zeros and the boot signature.
const PROBE_SECTOR: &str = concat!(
    "fa31c08ed88ec08ed0bc007c9c0e68127ccffc66bf001000000f22df6631c066b9000c000066f3ab66c7060010032000",
    "0066c70600200330000066c7060030830000000f0116e87c0f20c00c010f22c0ea557c180066b810008ed88ed00f20e0",
    "0d200600000f22e0b9800000c00f320d000100000f300f20c00d0000008083e0fb83c8020f22c0ea8e7c000008004831",
    "c04831d24831db4831c9f0480fc70c25005000000fae0425005200000fae0c2500520000660fefc00fa2b010e6f4f4eb",
    "fd0f1f8000000000000000000000000000000000009a2000ffff00000092cf00ffff0000009acf001f00c87c",
);

/// Remembers what was found out.
#[derive(Default)]
pub struct Probe {
    programs: Mutex<Option<(Instant, Programs)>>,
    kvm: Mutex<Option<bool>>,
    kvm_known: Condvar,
}

#[derive(Clone)]
struct Programs {
    missing: Option<String>,
    version: String,
}

impl Probe {
    /// Whether machines can run here. Never waits for the boot probe: until it has passed, the accelerator is `tcg`.
    pub fn facts(&self, settings: &QemuSettings) -> HypervisorFacts {
        let Programs { missing, version } = self.programs(settings);
        let proven = *self.kvm.lock().unwrap_or_else(PoisonError::into_inner);
        let kvm = match settings.accelerator {
            Accelerator::Kvm => true,
            Accelerator::Tcg => false,
            Accelerator::Auto => proven == Some(true),
        };
        HypervisorFacts { missing, version, accelerator: if kvm { "kvm" } else { "tcg" }.to_owned() }
    }

    /// Why no machine can have a network card with SR-IOV here; `None` when it can.
    pub fn sriov_missing(&self, settings: &QemuSettings) -> Option<String> {
        too_old_for_sriov(&self.programs(settings).version)
    }

    /// Whether guests run under KVM. Waits for the boot probe when it is still under way.
    pub fn kvm(&self, settings: &QemuSettings) -> bool {
        match settings.accelerator {
            Accelerator::Kvm => return true,
            Accelerator::Tcg => return false,
            Accelerator::Auto => {}
        }
        let limit = Duration::from_millis(settings.probe_timeout_ms) + Duration::from_secs(1);
        let known = self.kvm.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, _) = self
            .kvm_known
            .wait_timeout_while(known, limit, |known| known.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *known == Some(true)
    }

    /// Finds out whether KVM runs a guest, once. Takes as long as the probe; meant for a thread of its own.
    pub fn probe_kvm(&self, settings: &QemuSettings, folder: &Path) {
        let works =
            settings.accelerator == Accelerator::Auto && kvm_is_offered() && boots(settings, folder, "kvm");
        *self.kvm.lock().unwrap_or_else(PoisonError::into_inner) = Some(works);
        self.kvm_known.notify_all();
        tracing::info!(kvm = works, "found out how machines run here");
    }

    fn programs(&self, settings: &QemuSettings) -> Programs {
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((checked, programs)) = &*programs
            && (programs.missing.is_none() || checked.elapsed() < RECHECK_INTERVAL)
        {
            return programs.clone();
        }
        let found = check_programs(settings);
        *programs = Some((Instant::now(), found.clone()));
        found
    }
}

fn check_programs(settings: &QemuSettings) -> Programs {
    let emulator = check_program(&settings.qemu, "qemu-system-x86");
    let version = emulator.as_ref().map_or_else(|_| String::new(), |version| format!("QEMU {version}"));
    let problems: Vec<String> = [emulator, check_program(&settings.qemu_img, "qemu-utils"), check_prlimit()]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    let missing = (!problems.is_empty()).then(|| problems.join(" "));
    Programs { missing, version }
}

/// Whether disk files can be converted here, or what is wrong with the image tool and how to put it right.
///
/// # Errors
/// A sentence for the operator.
pub fn check_image_tool(settings: &QemuSettings) -> Result<(), String> {
    check_prlimit()?;
    check_program(&settings.qemu_img, "qemu-utils").map(|_version| ())
}

fn check_prlimit() -> Result<String, String> {
    for (program, package) in [("prlimit", "util-linux"), ("setsid", "util-linux")] {
        if tool::find_program(program).is_none() {
            return Err(format!(
                "The program {program} is missing: install it with `apt-get install {package}`."
            ));
        }
    }
    Ok(String::new())
}

/// The version of a program, or what is wrong with it and how to put it right.
fn check_program(program: &str, package: &str) -> Result<String, String> {
    let (major, minor) = VERSION_MIN;
    let advice = format!("install version {major}.{minor} or newer with `apt-get install {package}`");
    let limits = ToolLimits { timeout_ms: 5_000, cpu_seconds: 5, ..ToolLimits::default() };
    let output = tool::run(program, &["--version".to_owned()], &limits, None, &mut |_| {}).map_err(
        |error| match error {
            tool::ToolError::Missing { .. } => format!("The program {program} is missing: {advice}."),
            other => format!("{other}: {advice}."),
        },
    )?;
    match version(&output) {
        None => Err(format!("{program} does not say its version: {advice}.")),
        Some((found, numbers)) if numbers < VERSION_MIN => {
            Err(format!("{program} is version {found}, which is too old: {advice}."))
        }
        Some((found, _)) => Ok(found),
    }
}

/// QEMU's `igb` is younger than what machines need otherwise.
fn too_old_for_sriov(shown: &str) -> Option<String> {
    let (found, numbers) = version(&shown.replace("QEMU ", "version "))?;
    let (major, minor) = SRIOV_VERSION_MIN;
    (numbers < SRIOV_VERSION_MIN).then(|| {
        format!(
            "The network card of this machine has SR-IOV, which needs QEMU {major}.{minor} or newer; the host has {found}. Ask your provider, or choose an image without the driver."
        )
    })
}

/// The version in a line such as `QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)`.
fn version(output: &str) -> Option<(String, (u32, u32))> {
    let words = output.split_once("version ")?.1;
    let version: String = words.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let numbers = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((version, numbers))
}

/// The cheap part of the probe: the processor has the extension and the device opens.
fn kvm_is_offered() -> bool {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let has_extension = flags.split_ascii_whitespace().any(|flag| flag == "vmx" || flag == "svm");
    has_extension && std::fs::File::options().read(true).write(true).open("/dev/kvm").is_ok()
}

/// Whether the probe's guest comes to its end under `accelerator`.
fn boots(settings: &QemuSettings, folder: &Path, accelerator: &str) -> bool {
    let disk = folder.join(format!(".probe-{}-{accelerator}.img", std::process::id()));
    let ran = std::fs::write(&disk, probe_disk())
        .map_err(|source| tool::ToolError::Io { program: "probe".to_owned(), source })
        .and_then(|()| {
            let limits = ToolLimits {
                timeout_ms: settings.probe_timeout_ms,
                address_space_bytes: 16 << 30,
                ..ToolLimits::default()
            };
            tool::run(&settings.qemu, &probe_arguments(&disk, accelerator), &limits, None, &mut |_| {})
        });
    if let Err(error) = std::fs::remove_file(&disk) {
        tracing::warn!(%error, "the probe's disk cannot be removed");
    }
    match ran {
        Err(tool::ToolError::Failed { status, .. }) if status == PROBE_EXIT => true,
        Ok(_) => false,
        Err(error) => {
            tracing::warn!(%error, accelerator, "the accelerator is offered but runs no guest");
            false
        }
    }
}

fn probe_arguments(disk: &Path, accelerator: &str) -> Vec<String> {
    let disk = json!({
        "driver": "raw", "node-name": "probe", "read-only": true,
        "file": { "driver": "file", "filename": disk, "read-only": true },
    });
    let fixed = [
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-machine",
        "q35",
        "-m",
        "16",
        "-accel",
        accelerator,
    ];
    let devices = [
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=4",
        "-device",
        "virtio-blk-pci,drive=probe,bootindex=0",
        "-blockdev",
    ];
    let mut arguments: Vec<String> = fixed.into_iter().chain(devices).map(str::to_owned).collect();
    arguments.push(disk.to_string());
    arguments
}

/// A disk of 1 MiB (the BIOS refuses one of a single sector) that starts with the probe's boot sector.
fn probe_disk() -> Vec<u8> {
    let mut disk = vec![0u8; 1 << 20];
    let digits = PROBE_SECTOR.as_bytes();
    for (byte, pair) in disk.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|n| u8::try_from(n).ok())
                .expect("the sector is written in hex")
        };
        *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
    }
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_print() {
        let numbers = |output: &str| version(output).map(|(_, numbers)| numbers);
        assert_eq!(numbers("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"), Some((10, 0)));
        assert_eq!(numbers("qemu-img version 6.1.0"), Some((6, 1)));
        assert_eq!(numbers("something else"), None);
    }

    #[test]
    fn a_qemu_without_the_card_says_so_before_it_is_started() {
        assert_eq!(too_old_for_sriov("QEMU 10.0.2"), None);
        assert_eq!(too_old_for_sriov("QEMU 8.0.0"), None);
        assert!(too_old_for_sriov("QEMU 7.2.4").is_some_and(|why| why.contains("the host has 7.2.4")));
    }

    #[test]
    fn a_missing_or_too_old_program_is_named_with_the_way_out() {
        let missing = check_program("qemu-system-nowhere", "qemu-system-x86").unwrap_err();
        assert_eq!(
            missing,
            "The program qemu-system-nowhere is missing: install version 6.2 or newer with `apt-get install qemu-system-x86`."
        );
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("qemu-img");
        std::fs::write(&old, "#!/bin/sh\necho qemu-img version 5.2.0\n").unwrap();
        std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let too_old = check_program(&old.display().to_string(), "qemu-utils").unwrap_err();
        assert!(
            too_old.contains("is version 5.2.0, which is too old: install version 6.2 or newer"),
            "{too_old}"
        );
    }

    #[test]
    fn the_probes_guest_reaches_its_end_where_guests_run() {
        let settings = QemuSettings::default();
        if tool::find_program(&settings.qemu).is_none() {
            println!("skipped: {} is not installed", settings.qemu);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(boots(&settings, folder.path(), "tcg"));
        assert!(!boots(&settings, folder.path(), "no-such-accelerator"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
