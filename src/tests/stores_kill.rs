//! Proof that a commit that returned survives `kill -9`: a child process commits from several threads and says so; it is
//! killed at random moments, a hundred times over the same growing directory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::stores::{Chance, N_WRITERS, check_load, write_load};
use darkroom::server::store::SledStore;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const DIRECTORY: &str = "DARKROOM_TEST_KILL_DIRECTORY";
const N_KILLS: u64 = 100;

/// Not a test by itself: does nothing unless the test below starts it.
#[test]
fn child_commits_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let store = SledStore::open(Path::new(&directory)).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..N_WRITERS {
            let store = &store;
            scope.spawn(move || {
                write_load(store, writer, &|_| true, &|count| {
                    // One write per line: a line that arrives whole was acknowledged.
                    let line = format!("acknowledged {writer} {count}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                });
            });
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "the test must kill a process that is not itself")]
fn start_child(directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "stores_kill::child_commits_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs one child, kills it after about `n_commits` more commits, and answers what each writer was told.
fn run_and_kill(directory: &Path, n_commits: u64, delay: Duration) -> Vec<u64> {
    let mut child = start_child(directory);
    let output = BufReader::new(child.stdout.take().unwrap());
    let told: Arc<[AtomicU64]> = (0..N_WRITERS).map(|_| AtomicU64::new(0)).collect();
    let (enough, waits) = mpsc::channel();
    let reader = std::thread::spawn({
        let told = Arc::clone(&told);
        move || {
            let mut n_seen = 0;
            for line in output.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line);
                // The harness writes `test stores_kill::… ... ` before the first line, without a line end.
                let Some((_, numbers)) = line.split_once("acknowledged ") else { continue };
                let (writer, count) = numbers.split_once(' ').expect("a line arrives whole");
                told[writer.parse::<usize>().unwrap()].store(count.parse().unwrap(), Ordering::SeqCst);
                n_seen += 1;
                if n_seen == n_commits {
                    enough.send(()).unwrap();
                }
            }
        }
    });
    // The time also ends a wait for a child that is killed while it still opens the store.
    let wait = if n_commits == 0 { delay } else { Duration::from_secs(20) };
    let seen = waits.recv_timeout(wait);
    assert!(n_commits == 0 || seen.is_ok(), "the child commits");
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    told.iter().map(|count| count.load(Ordering::SeqCst)).collect()
}

#[test]
fn every_acknowledged_commit_survives_a_hundred_kills_and_none_is_half_there() {
    let directory = tempfile::tempdir().unwrap();
    let mut chance = Chance(2);
    let mut acknowledged = vec![0; N_WRITERS as usize];
    for round in 0..N_KILLS {
        // One in eight is killed by the clock, most often while it opens the store and recovers.
        let n_commits = if round % 8 == 7 { 0 } else { 1 + chance.below(150) };
        let told = run_and_kill(directory.path(), n_commits, Duration::from_millis(chance.below(60)));
        acknowledged = acknowledged.iter().zip(&told).map(|(before, told)| *before.max(told)).collect();
        // Every third time the next child has to recover by itself.
        if round % 3 != 2 || round + 1 == N_KILLS {
            let store = SledStore::open(directory.path()).unwrap();
            let there = check_load(&store, &acknowledged)
                .unwrap_or_else(|wrong| panic!("after kill {round}: {wrong}"));
            acknowledged = there;
        }
    }
    assert!(acknowledged.iter().sum::<u64>() > 5 * N_KILLS, "the children did commit: {acknowledged:?}");
}
