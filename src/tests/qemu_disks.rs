//! Kinds of image against the real QEMU: a whole machine captured and made again, a new disk with the content of another machine's, a disk
//! removed, and a disc in the drive. Skipped, saying so, where QEMU is not installed.
#![expect(clippy::unwrap_used, reason = "a failed test should say where")]

use super::qemu::{Console, GIB, MIB, Observer, disk, guest_base, host};
use darkroom_core::domain::ids::{DiskId, TaskId};
use darkroom_core::ports::{Captured, Consistency, Hypervisor, MachineSpec, PortError, Power};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Moves a captured disk to where bases are, as the chunk store would offer it.
fn as_base(captured: &Captured, folder: &Path, name: &str) -> PathBuf {
    let base = folder.join(name);
    fs::rename(&captured.scratch, &base).unwrap();
    base
}

#[test]
fn a_whole_machine_is_made_again_and_a_new_disk_has_the_content_of_its_image() {
    let Some(host) = host() else { return };
    let folder = host.root.parent().unwrap().to_owned();
    let base = guest_base(&folder);
    let first = host.create(21, vec![disk(211, 2 * GIB, Some(&base)), disk(212, 64 * MIB, None)]);
    host.hypervisor.start(&first).unwrap();
    let mut console = Console::connect(&host, first.id);
    console.until("guest-21:~# ");
    console.run("echo on-system >/root/marker; printf on-data- | dd of=/dev/vdb conv=notrunc,fsync; sync");
    let ids: Vec<DiskId> = first.disks.iter().map(|disk| disk.id).collect();
    let task = TaskId(Uuid::from_u128(220));
    let captured = host.hypervisor.capture(first.id, &ids, task, &Observer::default()).unwrap();
    assert!(captured.iter().all(|disk| disk.consistency == Consistency::Frozen));
    // The guest goes on, which changes nothing about the image.
    console.run("echo later >/root/marker; printf later--- | dd of=/dev/vdb conv=notrunc,fsync; sync");
    let (system, data) =
        (as_base(&captured[0], &folder, "system.raw"), as_base(&captured[1], &folder, "data.raw"));
    host.hypervisor.destroy(first.id).unwrap();

    // The disks of the image, the second one larger than it was.
    let second = host.create(22, vec![disk(221, 2 * GIB, Some(&system)), disk(222, 128 * MIB, Some(&data))]);
    // Added while it is off, from the image of the data disk alone.
    let mut more = MachineSpec { disks: second.disks.clone(), ..second.clone() };
    more.disks.push(disk(223, 64 * MIB, Some(&data)));
    host.hypervisor.create(&more).unwrap();
    host.hypervisor.start(&more).unwrap();
    let mut console = Console::connect(&host, second.id);
    console.until("guest-22:~# ");
    assert!(console.run("cat /root/marker").contains("on-system"));
    for device in ["vdb", "vdc"] {
        let said = console.run(&format!("dd if=/dev/{device} bs=8 count=1 2>/dev/null"));
        assert!(said.contains("on-data-"), "{device}: {said}");
    }

    let running = host.hypervisor.remove_disk(second.id, more.disks[2].id);
    assert!(matches!(running, Err(PortError::Refused(_))));
    host.hypervisor.cut_power(second.id).unwrap();
    let file = host.folder(second.id).join("disks").join(format!("{}.qcow2", more.disks[2].id));
    assert!(file.exists());
    host.hypervisor.remove_disk(second.id, more.disks[2].id).unwrap();
    host.hypervisor.remove_disk(second.id, more.disks[2].id).unwrap();
    assert!(!file.exists());
    let system = host.hypervisor.remove_disk(second.id, more.disks[0].id);
    assert!(matches!(system, Err(PortError::Refused(_))));
    assert!(matches!(host.hypervisor.start(&second).unwrap(), Power::Running { .. }));
}

#[test]
fn a_machine_with_a_disc_has_it_in_a_drive_that_only_reads() {
    let Some(host) = host() else { return };
    let disc = host.root.parent().unwrap().join("disc.iso");
    let mut bytes = vec![0u8; 40_960];
    bytes[32_769..32_774].copy_from_slice(b"CD001");
    fs::write(&disc, bytes).unwrap();
    let mut spec = host.create(23, vec![disk(231, 64 * MIB, None)]);
    spec.iso = Some(disc.display().to_string());
    host.hypervisor.create(&spec).unwrap();
    host.hypervisor.start(&spec).unwrap();
    let mut qmp = host.monitor(spec.id, "qmp.sock");
    let blocks = qmp.execute("query-block", json!({})).unwrap();
    let all = blocks.as_array().unwrap();
    let drive = all.iter().find(|block| block["inserted"]["node-name"] == "iso").unwrap();
    assert_eq!((&drive["inserted"]["ro"], &drive["removable"]), (&json!(true), &json!(true)));
    assert_eq!(drive["inserted"]["image"]["virtual-size"], json!(40_960));
    // Without it the machine starts as well.
    drop(qmp);
    host.hypervisor.cut_power(spec.id).unwrap();
    spec.iso = None;
    assert!(matches!(host.hypervisor.start(&spec).unwrap(), Power::Running { .. }));
}
