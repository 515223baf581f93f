//! How fast disks become durable chunks, against the tools that people would use instead, by turns in one run.
//! Prints `ingest_random_ratio`, `ingest_sparse_ratio` and, for information, `ingest_sparse_sha256_ratio`.
#![expect(clippy::disallowed_methods, reason = "the tools it is compared with are processes")]

#[expect(dead_code, reason = "the benches share it, and each takes what it needs")]
mod support;

use darkroom::server::blobs::{LocalStorage, StorageSettings};
use darkroom_chunks::{ContentHash, IngestOptions, RawFile, Settings, Store};
use darkroom_core::ports::Storage;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{GIB, MIB, Noise, Quiet, Scratch, figure, median, note};

const N_ROUNDS: usize = 5;
/// The mostly empty disk: pieces of data, evenly spread.
const N_PIECES: u64 = 13;
const PIECE_BYTES: u64 = 4 * MIB;

fn main() {
    let scratch = Scratch::new("disks");
    dense(&scratch);
    sparse(&scratch);
}

/// The same as a capture does with a full disk, which includes the SHA-256 of the content, against `dd`.
fn dense(scratch: &Scratch) {
    let source = scratch.path("random.raw");
    disk(&source, GIB, 0);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..N_ROUNDS {
        theirs.push(clean(scratch, "copy.raw", |copy| {
            let (from, to) = (format!("if={}", source.display()), format!("of={}", copy.display()));
            run("dd", &[&from, &to, "bs=1M", "conv=fsync", "status=none"])
        }));
        ours.push(clean(scratch, "regions", |root| product(root, &source)));
        note(format!("random disk, round {round}: dd {:.2} s, darkroom {:.2} s", theirs[round], ours[round]));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    let rate = |seconds: f64| GIB as f64 / 1e6 / seconds;
    note(format!("medians: dd {:.0} MB/s, darkroom {:.0} MB/s", rate(theirs), rate(ours)));
    figure("ingest_random_ratio", theirs / ours, "x");
    fs::remove_file(source).expect("a file of ours");
}

/// Durable chunks against `qemu-img convert`, which neither hashes nor syncs; then the same with the content's SHA-256,
/// which the product adds before the image is available and which has to hash every zero.
fn sparse(scratch: &Scratch) {
    let source = scratch.path("sparse.raw");
    disk(&source, PIECE_BYTES, GIB / N_PIECES / MIB * MIB);
    let (mut ours, mut hashed, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..N_ROUNDS {
        theirs.push(clean(scratch, "copy.qcow2", |copy| {
            let (from, to) = (source.display().to_string(), copy.display().to_string());
            run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", &from, &to])
        }));
        ours.push(clean(scratch, "chunks", |root| chunks(root, &source)));
        hashed.push(clean(scratch, "regions", |root| product(root, &source)));
        let (theirs, ours, hashed) = (theirs[round], ours[round], hashed[round]);
        note(format!(
            "empty disk, round {round}: qemu-img {theirs:.2} s, darkroom {ours:.2} s, with SHA-256 {hashed:.2} s"
        ));
    }
    let theirs = median(&theirs);
    figure("ingest_sparse_ratio", median(&ours) / theirs, "x");
    figure("ingest_sparse_sha256_ratio", median(&hashed) / theirs, "x");
}

/// A disk of 1 GiB with `piece_bytes` of random bytes every `step_bytes`; the rest are holes.
fn disk(path: &Path, piece_bytes: u64, step_bytes: u64) {
    let mut file = File::create(path).expect("the folder is ours");
    let mut noise = Noise(7);
    let mut block = vec![0u8; MIB as usize];
    let n_pieces = if step_bytes == 0 { 1 } else { N_PIECES };
    for piece in 0..n_pieces {
        file.seek(SeekFrom::Start(piece * step_bytes)).expect("the file is ours");
        for _ in 0..piece_bytes / MIB {
            noise.fill(&mut block);
            file.write_all(&block).expect("the disk has space");
        }
    }
    file.set_len(GIB).and_then(|()| file.sync_all()).expect("the disk has space");
}

/// Seconds that `work` says it took to make `name`. Nothing of an earlier turn waits to be written meanwhile.
fn clean(scratch: &Scratch, name: &str, work: impl FnOnce(&Path) -> Duration) -> f64 {
    rustix::fs::sync();
    let path = scratch.path(name);
    let took = work(&path);
    if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.expect("it is ours");
    took.as_secs_f64()
}

fn run(program: &str, arguments: &[&str]) -> Duration {
    let begun = Instant::now();
    let status = Command::new(program).args(arguments).status().expect("the program is installed");
    let took = begun.elapsed();
    assert!(status.success(), "{program} failed");
    took
}

/// The adapter that captures go through.
fn product(root: &Path, source: &Path) -> Duration {
    let storage = LocalStorage::new(root.to_owned(), StorageSettings::default());
    let blobs = storage.region(&support::REGION.into()).expect("a new region");
    let begun = Instant::now();
    let stored = blobs.ingest(source.to_str().expect("a plain path"), &Quiet).expect("the disk has space");
    let took = begun.elapsed();
    assert_eq!((stored.virtual_bytes, stored.sha256.len()), (GIB, 64));
    took
}

/// The chunk store alone, without the SHA-256 of the whole.
fn chunks(root: &Path, source: &Path) -> Duration {
    let store = Store::open(root, Settings::default()).expect("a new store");
    let hold = store.hold();
    let options = IngestOptions {
        content_hash: ContentHash::Later,
        on_progress: &|_| {},
        cancelled: &|| false,
        hold: &hold,
    };
    let begun = Instant::now();
    let mut file = RawFile::open(source).expect("the disk is there");
    let ingested = store.ingest(&mut file, &options).expect("the disk has space");
    store.put_manifest(&ingested.manifest, &hold).expect("the disk has space");
    let took = begun.elapsed();
    assert_eq!(ingested.data_bytes, N_PIECES * PIECE_BYTES);
    took
}
