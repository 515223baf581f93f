//! The command line, on the real executable: what an operator types and sees, with every exit code that is promised.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]
#![expect(clippy::disallowed_methods, reason = "the tests start the executable")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_darkroom");
/// Generous: the machine that runs the tests may be busy.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// What a command printed and how it ended.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    #[track_caller]
    pub(super) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    #[track_caller]
    pub(super) fn refused(self, code: i32, words: &str) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "{words:?} in {}", self.err);
        self.err
    }
}

pub(super) fn darkroom(arguments: &[&str]) -> Ran {
    darkroom_with(arguments, "")
}

fn darkroom_with(arguments: &[&str], input: &str) -> Ran {
    let mut child = Command::new(EXECUTABLE)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Ran {
        code: status.code().expect("it ended by itself"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A data directory of its own, and the administrator's commands on it.
pub(super) struct Place {
    pub(super) directory: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(super) fn data_text(&self) -> String {
        self.data().to_str().unwrap().to_owned()
    }

    pub(super) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(super) fn run(&self, command: &str, arguments: &[&str]) -> Ran {
        let data = self.data_text();
        darkroom(&[&[command, "--data", &data], arguments].concat())
    }

    pub(super) fn admin(&self, arguments: &[&str]) -> Ran {
        self.run("admin", arguments)
    }

    /// An account, a region and a public image made from a raw disk with some content.
    pub(super) fn with_image(&self) {
        self.admin(&["region", "add", "north-1", "--zones", "a,b"]).ok();
        let disk = self.file("disk.raw", &disk(7));
        self.admin(&["image", "add", "--name", "Tiny", "--region", "north-1", &disk]).ok();
    }

    pub(super) fn serve(&self, arguments: &[&str]) -> Server {
        Server::start(&self.data(), arguments)
    }
}

/// 1 MiB of a disk that does not compress to nothing.
pub(super) fn disk(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..1 << 20).map(|_| next()).collect()
}

/// A running server.
pub(super) struct Server {
    pub(super) child: Child,
    pub(super) url: String,
    lines: mpsc::Receiver<String>,
    pub(super) log: std::thread::JoinHandle<String>,
    pub(super) printed: Vec<String>,
}

impl Server {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(EXECUTABLE)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            stderr.read_to_string(&mut log).unwrap();
            log
        });
        let mut server = Self { child, url: String::new(), lines, log, printed: Vec::new() };
        while server.url.is_empty() {
            match server.lines.recv_timeout(TIMEOUT) {
                Ok(line) => {
                    if let Some((_, url)) = line.split_once("darkroom is ready on http://") {
                        url.clone_into(&mut server.url);
                    }
                    server.printed.push(line);
                }
                Err(_) => {
                    server.child.kill().unwrap();
                    panic!("not ready: {:?}\n{}", server.printed, server.log.join().unwrap());
                }
            }
        }
        server
    }

    pub(super) fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.url).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.url).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Ends it as an operator would; gives the exit code and the log.
    pub(super) fn stop(self) -> (Option<i32>, String) {
        self.signal(rustix::process::Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended; gives the exit code and the log.
    pub(super) fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, self.log.join().unwrap())
    }
}

// ------------------------------------------------------------------------------------------ refusals and exit codes

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_missing() {
    darkroom(&["serve"]).refused(2, "--data");
    darkroom(&["admin", "account", "list"]).refused(2, "--data");
    darkroom(&[
        "admin",
        "--data",
        "/nowhere",
        "user",
        "create",
        "--account",
        "A",
        "a@b.example",
        "--role",
        "p=king",
    ])
    .refused(2, "Roles are owner, member and reader");
}

#[test]
fn help_teaches_with_examples_and_exit_codes() {
    let help = darkroom(&["--help"]).ok();
    assert!(help.contains("darkroom serve --data ./data") && help.contains("Exit codes:"), "{help}");
    assert!(darkroom(&["admin", "--help"]).ok().contains("Examples:"));
}

#[test]
fn a_wrong_settings_file_ends_with_3_and_names_file_line_key_and_what_is_allowed() {
    let place = Place::new();
    let config = place.file("bad.toml", b"[tasks]\nworkers = \"many\"\n\n[machines]\nnetwrok = \"open\"\n");
    let said = place
        .run("serve", &["--config", &config])
        .refused(3, "bad.toml:2: tasks.workers: Found the text \"many\"");
    assert!(said.contains("allowed is a whole number from 1 to 64"), "{said}");
    assert!(
        said.contains("bad.toml:5: machines.netwrok: There is no such key."),
        "both mistakes at once: {said}"
    );
    assert!(!place.data().exists(), "nothing is made before the settings are right");
    place.run("serve", &["--config", "/nowhere/x.toml"]).refused(3, "/nowhere/x.toml");
}

#[test]
fn the_printed_settings_are_accepted() {
    let place = Place::new();
    let config = place.file("all.toml", darkroom(&["config"]).ok().as_bytes());
    place.run("admin", &["--config", &config, "account", "create", "Acme"]).ok();
}

#[test]
fn a_wrong_data_directory_ends_with_4() {
    let place = Place::new();
    place.run("check", &[]).refused(4, "There is no darkroom data in");
    place.run("export", &[]).refused(4, "There is no darkroom data in");
    place.admin(&["account", "list"]).refused(4, "There is no darkroom data in");
    assert!(!place.data().exists(), "looking makes nothing");
    let file = place.file("a-file", b"x");
    darkroom(&["serve", "--data", &file]).refused(4, "cannot be used");
    fs::create_dir(place.data()).unwrap();
    fs::write(place.data().join("thesis.txt"), "x").unwrap();
    place.run("serve", &[]).refused(4, "holds other things (thesis.txt)");
    assert_eq!(fs::read_dir(place.data()).unwrap().count(), 1, "somebody else's directory is left alone");
}

#[test]
fn a_locked_data_directory_ends_with_4_and_a_used_port_with_5() {
    let place = Place::new();
    let server = place.serve(&[]);
    place.run("serve", &["--listen", "127.0.0.1:0"]).refused(4, "in use by another process");
    place.run("check", &[]).refused(4, "stop it first");
    place.run("export", &["-"]).refused(4, "name a FILE");
    let other = Place::new();
    other.run("serve", &["--listen", &server.url]).refused(5, "is in use by another program");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_missing_or_old_image_tool_ends_with_6_when_it_is_needed() {
    let place = Place::new();
    place.admin(&["region", "add", "north-1", "--zones", "a"]).ok();
    let old = place.file("old-qemu-img", b"#!/bin/sh\necho 'qemu-img version 2.5.0'\n");
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    let mut qcow2 = vec![0u8; 1 << 18];
    // Version 3, clusters of 64 KiB, 1 MiB, one entry of the first table at cluster 1, references at 2 and 3.
    for (at, bytes) in [
        (0, &b"QFI\xfb"[..]),
        (4, &3u32.to_be_bytes()),
        (20, &16u32.to_be_bytes()),
        (24, &(1u64 << 20).to_be_bytes()),
        (36, &1u32.to_be_bytes()),
        (40, &0x1_0000u64.to_be_bytes()),
        (48, &0x2_0000u64.to_be_bytes()),
        (56, &1u32.to_be_bytes()),
        (96, &4u32.to_be_bytes()),
        (100, &104u32.to_be_bytes()),
    ] {
        qcow2[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let qcow2 = place.file("a.qcow2", &qcow2);
    for (tool, words) in
        [("/nowhere/qemu-img", "is missing"), (old.as_str(), "is version 2.5.0, which is too old")]
    {
        let config = place.file("tool.toml", format!("[machines]\nqemu_img = \"{tool}\"\n").as_bytes());
        let add = |name, file| {
            place.admin(&["--config", &config, "image", "add", "--name", name, "--region", "north-1", file])
        };
        let said = add("Old", &qcow2).refused(6, words);
        assert!(said.contains("apt-get install qemu-utils"), "{said}");
        // A raw disk needs no tool.
        add(&format!("Raw {}", tool.len()), &place.file("disk.raw", &disk(1))).ok();
    }
}

#[test]
fn disk_files_that_are_not_safe_are_refused_and_leave_nothing() {
    let place = Place::new();
    place.admin(&["region", "add", "north-1", "--zones", "a"]).ok();
    let vmdk = place.file("a.vmdk", b"KDMV\x01\0\0\0\x03\0\0\0");
    place.admin(&["image", "add", "--name", "X", "--region", "north-1", &vmdk]).refused(1, "a.vmdk");
    place
        .admin(&["image", "add", "--name", "X", "--region", "south-9", &vmdk])
        .refused(1, "There is no region south-9");
    place
        .admin(&["image", "add", "--name", "X", "--region", "north-1", "/nowhere.raw"])
        .refused(1, "/nowhere.raw cannot be read");
    assert_eq!(fs::read_dir(place.data().join("scratch")).unwrap().count(), 0);
    place.run("check", &[]).ok();
}

// ----------------------------------------------------------------------------------------------- the administrator

/// The same commands, whoever executes them.
fn administer(place: &Place) {
    let admin = |arguments: &[&str]| place.admin(arguments);
    let said = admin(&["operator", "create", "root@example.org", "--generate"]).ok();
    assert!(said.contains("Password, shown only now: "), "{said}");
    admin(&["operator", "create", "ROOT@example.org", "--generate"])
        .refused(1, "There is a user root@example.org already");
    admin(&["account", "create", "Acme"]).ok();
    admin(&["account", "create", "Acme"]).refused(1, "There is an account Acme already");
    admin(&["project", "create", "--account", "Acme", "acme-prod"]).ok();
    admin(&["project", "create", "--account", "Nobody", "x"]).refused(1, "There is no account Nobody");
    assert!(admin(&["project", "list", "--account", "Acme"]).ok().contains("acme-prod"));
    let create = ["user", "create", "--account", "Acme", "ann@acme.example", "--role", "acme-prod=owner"];
    let data = place.data_text();
    let with_password =
        |arguments: &[&str], input| darkroom_with(&[&["admin", "--data", &data], arguments].concat(), input);
    with_password(&create, "short\n").refused(1, "Too short");
    with_password(&create, "correct horse battery\n").ok();
    with_password(&["password", "set", "ann@acme.example"], "another fine secret\n").ok();
    with_password(&["password", "set", "bob@acme.example"], "another fine secret\n")
        .refused(1, "There is no user bob@acme.example");
    admin(&["user", "set-role", "--account", "Acme", "ann@acme.example", "acme-prod=reader"]).ok();
    admin(&["user", "set-role", "--account", "Acme", "ann@acme.example", "acme-prod=none"]).ok();
    admin(&["flavor", "add", "m1.small", "--vcpus", "1", "--memory", "256", "--disks", "ssd,economy"]).ok();
    admin(&["flavor", "add", "m1.small", "--vcpus", "1", "--memory", "256", "--disks", "ssd"])
        .refused(1, "already");
    admin(&[
        "region",
        "add",
        "north-1",
        "--zones",
        "a,b",
        "--price-image",
        "0.050",
        "--price-disk",
        "ssd=0.10",
        "--price-flavor",
        "m1.small=0.008",
    ])
    .ok();
    admin(&["region", "add", "North", "--zones", "a"]).refused(1, "cannot be the name of a region");
    admin(&["region", "set", "north-1", "--images", "off", "--limit-images", "12"]).ok();
    admin(&["region", "set", "north-1", "--price-flavor", "m9.huge=1"])
        .refused(1, "There is no instance type m9.huge");
    let regions = admin(&["region", "list"]).ok();
    for words in ["a,b", "off", "12, 20, 40", "€0.050", "ssd €0.100", "m1.small €0.008"] {
        assert!(regions.contains(words), "{words} in {regions}");
    }
    let set = ["limit", "set", "--account", "Acme", "--region", "north-1", "--images", "3"];
    assert!(admin(&set).ok().contains("Acme may have 3 images and 20 instances in north-1"));
    assert!(admin(&["account", "list"]).ok().contains("north-1"), "own limits are listed");
    admin(&["limit", "reset", "--account", "Acme", "--region", "north-1"]).ok();
    let disk = place.file("disk.raw", &disk(3));
    let add = ["image", "add", "--name", "Tiny", "--region", "north-1", "--os", "Tiny 1", disk.as_str()];
    assert!(admin(&add).ok().contains("Registered the public image Tiny in north-1"));
    admin(&add).refused(1, "There is a public image Tiny in north-1 already");
    assert!(admin(&["flavor", "list"]).ok().contains("m1.small"));
}

#[test]
fn the_administrator_works_while_no_server_runs() {
    let place = Place::new();
    administer(&place);
    place.run("check", &[]).ok();
}

#[test]
fn the_administrator_works_while_the_server_runs_and_no_password_reaches_the_log() {
    let place = Place::new();
    let server = place.serve(&["--log", "json", "--log-level", "trace"]);
    let socket = fs::metadata(place.data().join("admin.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    administer(&place);
    let command_lines: String = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("cmdline")).ok())
        .collect();
    assert!(command_lines.contains("serve"), "the list of processes was read");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("\"command\":\"user create\""), "{log}");
    for secret in ["correct horse", "another fine secret", "ann@acme.example"] {
        assert!(!log.contains(secret) && !command_lines.contains("correct horse"), "{secret} in {log}");
    }
    assert!(!place.data().join("admin.sock").exists(), "it is removed at the end");
    place.run("check", &[]).ok();
}

#[test]
fn requests_on_the_socket_are_bounded() {
    let place = Place::new();
    let config = place.file("small.toml", b"[admin]\nrequest_bytes_max = 4096\nrequest_timeout_ms = 300\n");
    let server = place.serve(&["--config", &config]);
    let ask = |request: &[u8]| {
        let mut stream = std::os::unix::net::UnixStream::connect(place.data().join("admin.sock")).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer
    };
    assert!(ask(&[b'x'; 5000]).contains("longer than 4096 bytes"));
    assert!(ask(b"{\"command\":").contains("not complete within 300 ms"));
    assert!(ask(b"{\"command\":\"format_disks\"}\n").contains("does not know this command"));
    assert!(ask(b"{\"command\":\"account_list\"}\n").contains("done"));
    server.stop();
}

#[test]
fn a_socket_that_a_killed_server_left_behind_is_no_obstacle() {
    let place = Place::new();
    let mut server = place.serve(&[]);
    server.signal(rustix::process::Signal::KILL);
    server.child.wait().unwrap();
    assert!(place.data().join("admin.sock").exists());
    place.admin(&["account", "create", "Acme"]).ok();
    let server = place.serve(&[]);
    assert!(place.admin(&["account", "list"]).ok().contains("Acme"), "through the new socket");
    server.stop();
}

#[test]
fn a_deep_data_directory_is_no_obstacle() {
    let top = tempfile::tempdir().unwrap();
    let deep = top.path().join("d".repeat(80)).join("e".repeat(80));
    let plain = std::os::unix::net::SocketAddr::from_pathname(deep.join("admin.sock"));
    assert!(plain.is_err(), "the path is longer than a socket address");
    let server = Server::start(&deep, &[]);
    let list = darkroom(&["admin", "--data", deep.to_str().unwrap(), "account", "list"]);
    assert!(list.ok().contains("NAME"));
    assert_eq!(server.stop().0, Some(0));
}
