//! Proof that a commit that returned survives `kill -9`: a child process commits and says so; it is killed at random moments, a hundred times
//! over the same growing directory. Which rows they are is said by a [`Load`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::stores::{Chance, Load, Synthetic};
use darkroom::server::store::SledStore;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

const DIRECTORY: &str = "DARKROOM_TEST_KILL_DIRECTORY";
const N_KILLS: u64 = 100;

/// Not a test by itself: does nothing unless the test below starts it.
#[test]
fn child_commits_until_it_is_killed() {
    commit_until_killed(DIRECTORY, || Synthetic);
}

/// What a child does, where the variable names its directory.
pub fn commit_until_killed<L: Load>(variable: &str, load: impl FnOnce() -> L) {
    let Some(directory) = std::env::var_os(variable) else { return };
    let load = load();
    let store = SledStore::open(Path::new(&directory)).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..load.n_writers() {
            let (store, load) = (&store, &load);
            scope.spawn(move || {
                load.write(store, writer, &|_| true, &|count| {
                    // One write per line: a line that arrives whole was acknowledged.
                    let line = format!("acknowledged {writer} {count}\n");
                    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                });
            });
        }
    });
    // One that has nothing left to write waits to be killed.
    loop {
        std::thread::park();
    }
}

/// How a child is started: the test that it runs, and what it is told.
pub struct Start<'a> {
    pub test: &'a str,
    pub directory: &'a str,
    pub more: &'a [(&'a str, PathBuf)],
}

impl Start<'_> {
    #[expect(clippy::disallowed_methods, reason = "the test must kill a process that is not itself")]
    fn child(&self, directory: &Path) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", self.test, "--nocapture", "--test-threads=1"])
            .env(self.directory, directory)
            .envs(self.more.iter().map(|(name, path)| (name, path)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs one child, kills it after about `n_commits` more commits, and answers what each writer was told.
    fn run_and_kill(&self, directory: &Path, n_writers: u64, n_commits: u64, delay: Duration) -> Vec<u64> {
        let mut child = self.child(directory);
        let output = BufReader::new(child.stdout.take().unwrap());
        let told: Arc<[AtomicU64]> = (0..n_writers).map(|_| AtomicU64::new(0)).collect();
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
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(n_commits == 0 || seen.is_ok(), "the child commits");
        reader.join().unwrap();
        told.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// Kills a hundred children, each after at most so many commits, and checks what they leave. Gives how many commits there were.
    pub fn survives(&self, load: &dyn Load, n_commits_max: u64) -> u64 {
        let mut directory = tempfile::tempdir().unwrap();
        let mut chance = Chance(2);
        let nothing = vec![0; usize::try_from(load.n_writers()).unwrap()];
        let (mut acknowledged, mut n_all) = (nothing.clone(), 0);
        for round in 0..N_KILLS {
            // One in eight is killed by the clock, most often while it opens the store and recovers.
            let left = load.n_commits_max() - acknowledged.iter().max().unwrap();
            let n_commits = if round % 8 == 7 { 0 } else { (1 + chance.below(n_commits_max)).min(left) };
            let delay = Duration::from_millis(chance.below(60));
            let told = self.run_and_kill(directory.path(), load.n_writers(), n_commits, delay);
            acknowledged = acknowledged.iter().zip(&told).map(|(before, told)| *before.max(told)).collect();
            // Every third time the next child has to recover by itself; of what has an end it must be known how much is left.
            let ends = load.n_commits_max() < u64::MAX;
            if round % 3 != 2 || ends || round + 1 == N_KILLS {
                let store = SledStore::open(directory.path()).unwrap();
                let there = load.check(&store, &acknowledged);
                acknowledged = there.unwrap_or_else(|wrong| panic!("after kill {round}: {wrong}"));
            }
            if acknowledged.iter().any(|n| *n >= load.n_commits_max()) {
                n_all += acknowledged.iter().sum::<u64>();
                (directory, acknowledged) = (tempfile::tempdir().unwrap(), nothing.clone());
            }
        }
        n_all + acknowledged.iter().sum::<u64>()
    }
}

#[test]
fn every_acknowledged_commit_survives_a_hundred_kills_and_none_is_half_there() {
    let start =
        Start { test: "stores_kill::child_commits_until_it_is_killed", directory: DIRECTORY, more: &[] };
    let n_commits = start.survives(&Synthetic, 150);
    assert!(n_commits > 5 * N_KILLS, "the children did commit: {n_commits}");
}
