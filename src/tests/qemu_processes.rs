//! The processes of machines against the real QEMU: who is told that one ended, how and why, and what is refused before one begins. Skipped,
//! saying so, where QEMU is not installed.

use super::qemu::{GIB, MIB, Observer, disk, host, settings, tool_run};
use darkroom::server::hypervisor::QemuHypervisor;
use darkroom_core::domain::ids::InstanceId;
use darkroom_core::ports::{Hypervisor, PortError, Power};
use std::fs;
use std::path::Path;
use uuid::Uuid;

#[test]
fn a_killed_process_is_reported_as_died_and_a_cut_one_is_not() {
    let Some(host) = host() else { return };
    let spec = host.create(3, vec![disk(31, 64 * MIB, None)]);
    assert_eq!(host.hypervisor.power(spec.id).unwrap(), Power::Off { died: None });
    assert_eq!(host.hypervisor.power(InstanceId(Uuid::from_u128(99))).unwrap(), Power::Absent);
    let running = host.hypervisor.start(&spec).unwrap();
    // It leads a session of its own: neither a terminal nor a signal to darkroom's group reaches it.
    let pid = fs::read_to_string(host.folder(spec.id).join("qemu.pid")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!((fields[2], fields[3]), (pid.trim(), pid.trim()));
    // Starting again finds it; the port stays.
    assert_eq!(host.hypervisor.start(&spec).unwrap(), running);
    host.hypervisor.reset(spec.id).unwrap();
    assert!(!host.hypervisor.wait_off(spec.id, 300, &Observer::default()).unwrap());
    let cancelled = Observer::cancelled();
    assert_eq!(host.hypervisor.wait_off(spec.id, 60_000, &cancelled), Err(PortError::Cancelled));

    tool_run("kill", &["-KILL", pid.trim()]);
    assert!(host.hypervisor.wait_off(spec.id, 20_000, &Observer::default()).unwrap());
    let Power::Off { died: Some(reason) } = host.hypervisor.power(spec.id).unwrap() else {
        panic!("not died")
    };
    assert!(reason.contains("killed by signal 9"), "{reason}");
    // Another darkroom hears the same.
    let restarted = QemuHypervisor::open(&host.root, settings()).unwrap();
    assert_eq!(restarted.power(spec.id).unwrap(), Power::Off { died: Some(reason) });

    assert_eq!(restarted.start(&spec).unwrap(), running);
    host.hypervisor.cut_power(spec.id).unwrap();
    assert_eq!(restarted.power(spec.id).unwrap(), Power::Off { died: None });
    // A port that somebody else took meanwhile is given up for another one.
    let Power::Running { ssh_port: taken } = running else { panic!("not running") };
    let _listener = std::net::TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let Power::Running { ssh_port } = host.hypervisor.start(&spec).unwrap() else { panic!("not running") };
    assert_ne!(ssh_port, taken);
    host.hypervisor.destroy(spec.id).unwrap();
    assert_eq!(restarted.power(spec.id).unwrap(), Power::Absent);
    assert!(!host.folder(spec.id).exists());
}

#[test]
fn a_process_that_dies_while_nobody_watches_is_reported_with_its_last_words() {
    let Some(host) = host() else { return };
    let spec = host.create(4, vec![disk(41, 64 * MIB, None)]);
    host.hypervisor.start(&spec).unwrap();
    let restarted = QemuHypervisor::open(&host.root, settings()).unwrap();
    let pid = fs::read_to_string(host.folder(spec.id).join("qemu.pid")).unwrap();
    // QEMU says on its way out who asked for it.
    tool_run("kill", &["-TERM", pid.trim()]);
    assert!(restarted.wait_off(spec.id, 20_000, &Observer::default()).unwrap());
    let Power::Off { died: Some(reason) } = restarted.power(spec.id).unwrap() else { panic!("not died") };
    assert!(
        reason.contains("while darkroom was not running") && reason.contains("terminating on signal 15"),
        "{reason}"
    );
}

#[test]
fn a_base_that_is_not_absolute_and_a_machine_that_is_not_there_are_refused() {
    let Some(host) = host() else { return };
    let mut spec = host.create(8, Vec::new());
    spec.disks = vec![disk(81, GIB, Some(Path::new("json:{}")))];
    assert!(matches!(host.hypervisor.create(&spec), Err(PortError::Refused(_))));
    spec.id = InstanceId(Uuid::from_u128(9));
    assert!(matches!(host.hypervisor.start(&spec), Err(PortError::Gone(_))));
    assert!(matches!(host.hypervisor.console_log(spec.id, 10), Err(PortError::Gone(_))));
    host.hypervisor.destroy(spec.id).unwrap();
}
