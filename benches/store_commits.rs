//! How fast commits are durable: 64 threads with three 400-byte records each, and one thread against a bare append.
//! Prints `store_commits_64 <per second>` and `store_commit_1_ratio <x>`; the directory to use may be given as argument.

use darkroom::server::store::SledStore;
use darkroom_core::store::{Batch, Store};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const N_THREADS: u64 = 64;
const N_RECORDS: u64 = 3;
const RECORD_BYTES: usize = 400;
const LENGTH: Duration = Duration::from_secs(5);
const N_SINGLE_BLOCKS: u64 = 10;
const N_SINGLE_BLOCK: u64 = 200;

fn main() {
    let parent = std::env::args().nth(1);
    let parent = parent.map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = parent.join(format!("store-commits-{}", std::process::id()));
    let store = SledStore::open(&directory.join("records")).expect("the directory is new");
    println!("store_commits_64 {:.0}", commits_per_second(&store));
    println!("store_commit_1_ratio {:.2}", single_ratio(&store, &directory));
    drop(store);
    std::fs::remove_dir_all(&directory).expect("the directory is ours");
}

/// Three records of a fresh commit; random-looking bytes, because real ones are not all alike.
fn batch(number: u64) -> Batch {
    (0..N_RECORDS).fold(Batch::new(), |batch, record| {
        // Ids are random in real life, so neighbours in time are not neighbours in the tree.
        let mut seed = (number * N_RECORDS + record).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66;
        let key = [b"tbench\0".as_slice(), &seed.to_be_bytes()].concat();
        let value = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed.to_be_bytes()[0]
        });
        batch.put(key, value.take(RECORD_BYTES).collect::<Vec<_>>())
    })
}

fn commits_per_second(store: &SledStore) -> f64 {
    let start = Instant::now();
    let n_commits: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..N_THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let mut n_commits = 0;
                    while start.elapsed() < LENGTH {
                        store.commit(batch(thread << 40 | n_commits)).expect("the disk works");
                        n_commits += 1;
                    }
                    n_commits
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    n_commits as f64 / start.elapsed().as_secs_f64()
}

/// Medians of commits and of bare appends of the same bytes, in blocks by turns: both meet the same moods of the disk, and
/// neither pays for what the other has just left to be written.
fn single_ratio(store: &SledStore, directory: &Path) -> f64 {
    let mut file = File::create(directory.join("bare")).expect("the directory is there");
    let (mut commits, mut appends) = (Vec::new(), Vec::new());
    for block in 0..N_SINGLE_BLOCKS {
        let batches = || (0..N_SINGLE_BLOCK).map(|number| batch(N_THREADS << 40 | block << 20 | number));
        for batch in batches() {
            let start = Instant::now();
            store.commit(batch).expect("the disk works");
            commits.push(start.elapsed());
        }
        for batch in batches() {
            let bytes: Vec<u8> =
                batch.puts.into_iter().flat_map(|(key, value)| [key, value].concat()).collect();
            let start = Instant::now();
            file.write_all(&bytes).and_then(|()| file.sync_data()).expect("the disk works");
            appends.push(start.elapsed());
        }
    }
    commits.sort();
    appends.sort();
    let (commit, append) = (commits[commits.len() / 2], appends[appends.len() / 2]);
    eprintln!("one thread: a commit takes {commit:?}, a bare append and fdatasync {append:?} (medians)");
    commit.as_secs_f64() / append.as_secs_f64()
}
