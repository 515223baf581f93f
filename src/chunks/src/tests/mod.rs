//! Tests of the whole store on real files, through its public calls; faults are injected where bytes enter packs.

mod crash;
mod faults;
mod fetch;
mod round_trip;
mod sweep;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::chunk::CHUNK_BYTES;
use crate::{
    ContentHash, Fingerprint, Hold, IngestOptions, Ingested, Manifest, Result, Settings, Source, Store,
    SweepOptions, SweepReport,
};

/// Packs that hold two or three chunks of noise, so that every test rotates.
fn small() -> Settings {
    Settings { pack_bytes: 700 * 1024, rewrite_percent: 50 }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, small()).unwrap()
}

/// The content of a chunk by its seed: zero, noise (odd), or text that compresses (even).
fn content(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if seed != 0 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[seed]);
        let n_noise = if seed % 2 == 1 { length } else { length.min(64) };
        hasher.finalize_xof().fill(&mut bytes[..n_noise]);
    }
    bytes
}

/// A disk of one chunk per seed, the last one perhaps short.
fn disk(seeds: &[u8], last_bytes: usize) -> Vec<u8> {
    let length = |at| if at + 1 == seeds.len() { last_bytes } else { CHUNK_BYTES };
    seeds.iter().enumerate().flat_map(|(at, seed)| content(*seed, length(at))).collect()
}

fn whole(seeds: &[u8]) -> Vec<u8> {
    disk(seeds, CHUNK_BYTES)
}

fn options(hold: &Hold) -> IngestOptions<'_> {
    IngestOptions { content_hash: ContentHash::Now, on_progress: &|_| {}, cancelled: &|| false, hold }
}

fn ingest(store: &Store, mut bytes: &[u8], hold: &Hold) -> Result<Ingested> {
    store.ingest(&mut bytes, &options(hold))
}

/// Ingests and records, as a caller that then lets go of its hold.
fn put(store: &Store, bytes: &[u8]) -> Fingerprint {
    let hold = store.hold();
    let ingested = ingest(store, bytes, &hold).unwrap();
    store.put_manifest(&ingested.manifest, &hold).unwrap()
}

fn read(store: &Store, manifest: &Manifest) -> Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(manifest.virtual_bytes()).unwrap()];
    store.read_at(manifest, 0, &mut bytes)?;
    Ok(bytes)
}

fn assert_holds(store: &Store, fingerprint: &Fingerprint, bytes: &[u8]) {
    let manifest = store.manifest(fingerprint).unwrap();
    assert!(read(store, &manifest).unwrap() == bytes, "the disk reads back as it was");
}

fn sweep_at(store: &Store, live: &[Fingerprint], now_s: u64, grace_s: u64) -> SweepReport {
    let live = |print: &Fingerprint| live.contains(print);
    store.sweep(&SweepOptions { live: &live, now_s, grace_s, keep_going: &|| true }).unwrap()
}

/// A copy of a store as a crash would leave it: everything but the lock.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The packs of a store, in order.
fn packs(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> =
        fs::read_dir(directory.join("packs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// A disk in memory that calls a function before each read, with the offset.
struct Hooked<'a> {
    bytes: &'a [u8],
    hook: &'a mut dyn FnMut(u64) -> io::Result<()>,
}

impl Source for Hooked<'_> {
    fn size_bytes(&self) -> u64 {
        self.bytes.size_bytes()
    }

    fn next_data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        self.bytes.next_data(from)
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        (self.hook)(offset)?;
        self.bytes.read_exact_at(buffer, offset)
    }
}
