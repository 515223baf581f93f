//! UEFI against the real QEMU, the distribution's firmware and the real test guest. Skipped, saying so, where QEMU is not installed.

use super::qemu::{GIB, Observer, disk, guest_base, host, started};
use darkroom_core::ports::{BootMode, Hypervisor, MachineSpec};
use std::fs;

/// Says which firmware started the guest. The arithmetic tells it from its own echo.
const FIRMWARE: &str = "[ -d /sys/firmware/efi ] && echo uefi-$((40+2)) || echo bios-$((40+2))";

#[test]
fn a_machine_that_boots_with_uefi_does_and_keeps_what_its_firmware_writes_down() {
    let Some(host) = host() else { return };
    let base = guest_base(host.root.parent().unwrap());
    let bios = host.create(51, vec![disk(511, GIB, Some(&base))]);
    let variables = host.folder(bios.id).join("uefi-vars.fd");
    assert!(!variables.exists(), "a machine with a BIOS has none");

    // The same disk, as after its image was said to boot with UEFI.
    let uefi = MachineSpec { boot: BootMode::Uefi, ..bios };
    host.hypervisor.create(&uefi).unwrap();
    let template = fs::read(&variables).unwrap();
    let mut console = started(&host, &uefi);
    assert!(console.run(FIRMWARE).contains("uefi-42"));
    host.hypervisor.press_power(uefi.id).unwrap();
    assert!(host.hypervisor.wait_off(uefi.id, 40_000, &Observer::default()).unwrap());
    let written = fs::read(&variables).unwrap();
    assert!(written != template, "the firmware writes down what it can boot from");

    // Whoever creates it again, as a step that is repeated does, leaves that as it is.
    host.hypervisor.create(&uefi).unwrap();
    assert!(fs::read(&variables).unwrap() == written);
}
