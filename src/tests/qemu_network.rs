//! Network cards against the real QEMU and the real test guest: what the guest finds is what its machine was said to have. Skipped, saying
//! so, where QEMU is not installed.

use super::qemu::{GIB, Observer, disk, guest_base, host, started};
use darkroom_core::ports::{Hypervisor, MachineSpec};

/// Vendor, device and number of virtual functions of each device of the guest that has any. The arithmetic tells it from its own echo.
const FUNCTIONS: &str = "for d in /sys/bus/pci/devices/*; do [ -e $d/sriov_totalvfs ] && echo fun-$((40+2)) $(cat $d/vendor $d/device $d/sriov_totalvfs); done";

#[test]
fn a_machine_that_is_said_to_have_sriov_has_a_card_with_virtual_functions_and_others_have_none() {
    let Some(host) = host() else { return };
    let base = guest_base(host.root.parent().unwrap());
    let plain = host.create(31, vec![disk(311, GIB, Some(&base))]);
    let mut console = started(&host, &plain);
    assert!(!console.run(FUNCTIONS).contains("fun-42"), "virtio has no virtual functions here");
    assert!(console.run("cat /sys/class/net/eth0/device/vendor").contains("0x1af4"));
    host.hypervisor.press_power(plain.id).unwrap();
    assert!(host.hypervisor.wait_off(plain.id, 40_000, &Observer::default()).unwrap());

    // The same disk, as after its image was said to have the driver: Intel's 82576, and no other card. It has eight functions on the
    // bus, of which its driver offers seven.
    let direct = MachineSpec { sriov: true, ..plain };
    host.hypervisor.create(&direct).unwrap();
    let mut console = started(&host, &direct);
    let found = console.run(FUNCTIONS);
    assert!(found.contains("fun-42 0x8086 0x10c9 8"), "{found}");
    // The guest's kernel is made for clouds and has no driver of this card: it has no network, which the portal warns of.
    assert!(!console.run("ls /sys/class/net").contains("eth"));
    let used = host.hypervisor.disk_used_bytes(direct.id, direct.disks[0].id).unwrap();
    assert!(used > 0, "it is the machine it was");
}
