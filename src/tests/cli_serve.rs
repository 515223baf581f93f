//! The command line on the real executable: backup, verification, and a server from its start to its end.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![expect(clippy::disallowed_methods, reason = "the tests start programs")]

use super::cli::{Place, TIMEOUT, darkroom, disk};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

// ------------------------------------------------------------------------------------------------- backup and check

#[test]
fn what_was_exported_and_imported_exports_the_same() {
    let place = Place::new();
    place.with_image();
    let first = place.run("export", &["-"]).ok();
    assert!(first.lines().count() > 5);
    let file = place.file("first.jsonl", first.as_bytes());
    let copy = Place::new();
    copy.run("import", &[&file]).ok();
    let second = copy.run("export", &["-"]).ok();
    let rows = |text: &str| {
        text.lines().filter(|line| line.starts_with("{\"k\"")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows(&first), rows(&second));
    copy.run("import", &[&file]).refused(4, "already has records");
    // Without the regions the contents are missed, by name; with them all is well.
    assert!(copy.run("check", &[]).out.contains("its content is missing: image “Tiny”"));
    fs::remove_dir_all(copy.data().join("regions")).unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(place.data().join("regions")).arg(copy.data()).status().unwrap();
    assert!(copied.success());
    copy.run("check", &[]).ok();
}

#[test]
fn a_running_server_exports_to_a_new_file_only() {
    let place = Place::new();
    place.with_image();
    let server = place.serve(&[]);
    let file = place.directory.path().join("backup.jsonl");
    let name = file.to_str().unwrap();
    place.run("export", &[name]).ok();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    place.run("export", &[name]).refused(1, "exists already");
    server.stop();
    let copy = Place::new();
    copy.run("import", &[name]).ok();
    let cut = fs::read_to_string(&file).unwrap().lines().take(3).collect::<Vec<_>>().join("\n");
    Place::new().run("import", &[&place.file("cut.jsonl", cut.as_bytes())]).refused(1, "cut short");
}

/// The only pack of the only region.
fn pack(place: &Place) -> PathBuf {
    let mut folders = vec![place.data().join("regions")];
    let mut packs = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap().starts_with(b"DRKPACK1") {
                packs.push(path);
            }
        }
    }
    assert_eq!(packs.len(), 1, "{packs:?}");
    packs.remove(0)
}

#[test]
fn check_finds_a_flipped_bit_in_a_pack_and_names_the_image_it_hurts() {
    let place = Place::new();
    place.with_image();
    let other = place.file("other.raw", &[9; 1 << 20]);
    place.admin(&["image", "add", "--name", "Unhurt", "--region", "north-1", &other]).ok();
    assert!(place.run("check", &[]).ok().contains("All is well"));
    let pack = pack(&place);
    let mut bytes = fs::read(&pack).unwrap();
    // Inside the first chunk of the first image.
    bytes[1000] ^= 4;
    fs::write(&pack, bytes).unwrap();
    let report = place.run("check", &[]);
    assert_eq!(report.code, 1);
    assert!(
        report.out.contains("hurt: image “Tiny” (")
            && report.out.contains("in project public-images of Provider"),
        "{}",
        report.out
    );
    assert!(!report.out.contains("Unhurt"), "{}", report.out);
    let json = place.run("check", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["sound"], &json["regions"][0]["hurt"][0]["name"]), (&false.into(), &"Tiny".into()));
}

#[test]
fn check_finds_a_damaged_counter_and_a_row_that_cannot_be_read() {
    let place = Place::new();
    place.with_image();
    let account = darkroom(&["admin", "--data", &place.data_text(), "account", "create", "Acme"]).ok();
    let id = account.split(['(', ')']).nth(1).unwrap().to_owned();
    {
        use darkroom_core::domain::ids::AccountId;
        use darkroom_core::domain::quota::Counter;
        use darkroom_core::store::{Batch, Store, StoreError, transact};
        let store = darkroom::server::store::SledStore::open(&place.data().join("records")).unwrap();
        let account: AccountId = id.parse().unwrap();
        let counter = Counter { n_images: 7, ..Counter::zero(account, "north-1".into()) };
        transact::<_, StoreError>(&store, 5, |tx| tx.put(&counter)).unwrap();
        store.commit(Batch::new().put(*b"tflavor\0m1\0\0", "{")).unwrap();
    }
    let report = place.run("check", &[]);
    assert_eq!(report.code, 1);
    assert!(
        report
            .out
            .contains("The counter of Acme in north-1 says 7 images and 0 instances; there are 0 and 0."),
        "{}",
        report.out
    );
    assert!(report.out.contains("A record is not readable: flavor/"), "{}", report.out);
}

// ----------------------------------------------------------------------------------------------------- the server

#[test]
fn the_demonstration_is_seeded_once_and_its_image_is_real() {
    let place = Place::new();
    let image = place.file("demo.raw", &disk(5));
    let server = place.serve(&["--seed-demo", &image]);
    let sign_ins: Vec<&String> = server.printed.iter().filter(|line| line.starts_with("sign-in: ")).collect();
    let labels: Vec<&str> = sign_ins.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(labels, ["operator", "acme-owner", "acme-member", "acme-reader", "globex-owner"]);
    assert!(sign_ins.iter().all(|line| line.split(' ').count() == 4));
    let password = sign_ins[1].split(' ').nth(3).unwrap().to_owned();
    let regions = place.admin(&["region", "list"]).ok();
    assert!(regions.contains("north-1  a,b") && regions.contains("south-1  a"), "{regions}");
    assert_eq!(place.admin(&["flavor", "list"]).ok().lines().count(), 6);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!log.contains(&password) && !log.contains("WARN public image"), "{log}");
    // The file may be gone by then.
    let again = place.serve(&["--seed-demo", "/nowhere.qcow2"]);
    assert!(!again.printed.iter().any(|line| line.contains("sign-in")));
    again.stop();
    let report = place.run("check", &[]).ok();
    assert!(
        report.contains("north-1: 4 chunks, 1 disks") && report.contains("south-1: 4 chunks, 1 disks"),
        "{report}"
    );
    let fresh = Place::new();
    fresh
        .run("serve", &["--listen", "127.0.0.1:0", "--seed-demo", "/nowhere.qcow2"])
        .refused(2, "/nowhere.qcow2");
    assert!(fresh.run("check", &[]).ok().contains("Records: 0 rows"), "a refused seed leaves no records");
}

#[test]
fn without_qemu_it_serves_and_says_once_what_is_missing() {
    let place = Place::new();
    let config =
        place.file("none.toml", b"[machines]\nqemu = \"/nowhere/qemu\"\nqemu_img = \"/nowhere/qemu-img\"\n");
    let server = place.serve(&["--config", &config]);
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    assert!(server.get("/readyz").starts_with("HTTP/1.1 200"));
    let (_, log) = server.stop();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("/nowhere/qemu")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("WARN") && lines[0].contains("apt-get install qemu-system-x86"), "{log}");
}

#[test]
fn told_to_end_it_finishes_open_requests_and_ends_with_0() {
    let place = Place::new();
    let server = place.serve(&[]);
    // A request that has begun when the signal comes is still answered.
    let mut stream = TcpStream::connect(&server.url).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {}\r\n", server.url).unwrap();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"), "the one before it was accepted");
    let url = server.url.clone();
    server.signal(rustix::process::Signal::TERM);
    // It stops accepting while that request is open.
    let mut n_tries = 0;
    while TcpStream::connect(&url).is_ok() {
        n_tries += 1;
        assert!(n_tries < 10_000, "it still accepts");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    write!(stream, "Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("machines keep running"), "{log}");
}

#[test]
fn a_request_that_never_ends_is_cut_off_at_the_deadline() {
    let place = Place::new();
    let config = place.file("quick.toml", b"[server]\nshutdown_timeout_ms = 300\n");
    let server = place.serve(&["--config", &config]);
    let mut stream = TcpStream::connect(&server.url).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\n").unwrap();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("were cut off"), "{log}");
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    let mut stream = TcpStream::connect(&server.url).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\n").unwrap();
    assert!(server.get("/healthz").starts_with("HTTP/1.1 200"));
    server.signal(rustix::process::Signal::INT);
    while TcpStream::connect(&server.url).is_ok() {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    server.signal(rustix::process::Signal::INT);
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
    assert!(server.log.join().unwrap().contains("ended at once by a second signal"));
    assert!(place.run("check", &[]).ok().contains("All is well"));
}

#[test]
fn a_used_port_is_found_before_anything_is_seeded() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let image = place.file("demo.raw", &disk(5));
    let ran = place.run("serve", &["--listen", &address, "--seed-demo", &image]);
    assert!(!ran.out.contains("sign-in"));
    ran.refused(5, "in use");
    assert!(place.run("check", &[]).ok().contains("Records: 0 rows"));
}
