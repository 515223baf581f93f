//! What goes in comes out, once; accounting; the check finds damage and names whom it hurts.

use super::*;
use crate::{Error, RawFile};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_disk_comes_back_and_equal_chunks_are_stored_once(
        seeds in proptest::collection::vec(0u8..6, 0..8),
        last_bytes in 1..=CHUNK_BYTES,
        at in any::<prop::sample::Index>(),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let bytes = disk(&seeds, last_bytes);
        let hold = store.hold();
        let ingested = ingest(&store, &bytes, &hold).unwrap();
        let parts: Vec<&[u8]> =
            bytes.chunks(CHUNK_BYTES).filter(|part| part.iter().any(|byte| *byte != 0)).collect();
        let different: BTreeSet<&[u8]> = parts.iter().copied().collect();
        prop_assert_eq!(ingested.n_new_chunks, different.len() as u64);
        prop_assert_eq!(ingested.n_dedup_chunks, (parts.len() - different.len()) as u64);
        prop_assert_eq!(ingested.data_bytes, parts.iter().map(|part| part.len() as u64).sum::<u64>());
        prop_assert_eq!(ingested.data_bytes, ingested.manifest.data_bytes());
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        prop_assert_eq!(ingested.sha256, Some(sha256));
        prop_assert_eq!(store.sha256(&ingested.manifest, &|_| {}, &|| false).unwrap(), sha256);
        let print = store.put_manifest(&ingested.manifest, &hold).unwrap();
        drop(hold);
        drop(store);

        let store = open(directory.path());
        let manifest = store.manifest(&print).unwrap();
        prop_assert_eq!(&manifest, &ingested.manifest);
        let path = directory.path().join("disk.raw");
        store.materialise(&manifest, &path, &|_| {}, &|| false).unwrap();
        prop_assert!(fs::read(&path).unwrap() == bytes);
        prop_assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
        if !bytes.is_empty() {
            let start = at.index(bytes.len());
            let mut part = vec![1; (bytes.len() - start).min(CHUNK_BYTES + 77)];
            store.read_at(&manifest, start as u64, &mut part).unwrap();
            prop_assert!(part == bytes[start..start + part.len()]);
        }
        prop_assert_eq!(store.usage(&manifest).unwrap().stored_bytes, ingested.new_stored_bytes);
    }
}

#[test]
fn a_sparse_file_is_read_without_its_holes_and_written_sparse_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let path = directory.path().join("sparse.raw");
    let file = File::create(&path).unwrap();
    let size_bytes = 1000 * CHUNK_BYTES as u64 + 5;
    file.set_len(size_bytes).unwrap();
    file.write_all_at(&content(1, 3 * CHUNK_BYTES / 2), 7 * CHUNK_BYTES as u64 + 4096).unwrap();
    file.write_all_at(b"end", size_bytes - 3).unwrap();
    let hold = store.hold();
    let mut source = RawFile::open(&path).unwrap();
    let ingested = store.ingest(&mut source, &options(&hold)).unwrap();
    assert_eq!(ingested.data_bytes, 2 * CHUNK_BYTES as u64 + 5);
    assert_eq!(ingested.virtual_bytes, size_bytes);
    let out = directory.path().join("out.raw");
    store.materialise(&ingested.manifest, &out, &|_| {}, &|| false).unwrap();
    assert!(fs::metadata(&out).unwrap().blocks() * 512 < 2 * 1024 * 1024);
    assert!(fs::read(&out).unwrap() == fs::read(&path).unwrap());
    let hash = Sha256::digest(fs::read(&path).unwrap());
    assert_eq!(ingested.sha256.unwrap()[..], hash[..]);
}

#[test]
fn a_cancelled_materialise_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("store"));
    let print = put(&store, &whole(&[1, 3, 5]));
    let manifest = store.manifest(&print).unwrap();
    let out = directory.path().join("out");
    fs::create_dir(&out).unwrap();
    let calls = std::cell::Cell::new(0);
    let cancelled = || calls.replace(calls.get() + 1) == 2;
    let result = store.materialise(&manifest, &out.join("disk"), &|_| {}, &cancelled);
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn a_read_beyond_the_end_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let print = put(&store, &disk(&[1], 1000));
    let manifest = store.manifest(&print).unwrap();
    assert!(matches!(store.read_at(&manifest, 999, &mut [0; 2]), Err(Error::OutOfRange { .. })));
    assert!(matches!(store.read_at(&manifest, u64::MAX, &mut [0; 2]), Err(Error::OutOfRange { .. })));
    store.read_at(&manifest, 998, &mut [0; 2]).unwrap();
}

#[test]
fn accounting_counts_shared_chunks_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let chunk = CHUNK_BYTES as u64;
    let one = store.manifest(&put(&store, &whole(&[1, 3, 0, 1]))).unwrap();
    let two = store.manifest(&put(&store, &whole(&[3, 5, 7]))).unwrap();
    let usage = store.usage(&one).unwrap();
    assert_eq!((usage.virtual_bytes, usage.stored_bytes, usage.n_chunks), (4 * chunk, 2 * chunk, 2));
    assert_eq!(store.union_stored_bytes(&[&one, &two]).unwrap(), 4 * chunk);
    assert_eq!(store.unique_stored_bytes(&[&one], &[&two]).unwrap(), chunk);
    assert_eq!(store.unique_stored_bytes(&[&two], &[&one]).unwrap(), 2 * chunk);
    assert_eq!(store.unique_stored_bytes(&[&one, &two], &[]).unwrap(), 4 * chunk);
    let stats = store.stats();
    assert_eq!((stats.n_chunks, stats.stored_bytes, stats.n_dead_chunks), (4, 4 * chunk, 0));
    let on_disk: u64 = packs(directory.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert_eq!(stats.pack_bytes, on_disk);
}

#[test]
fn a_manifest_of_unknown_chunks_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let manifest = Manifest::new(1, vec![(0, crate::ChunkId([1; 32]))]).unwrap();
    assert!(matches!(store.put_manifest(&manifest, &store.hold()), Err(Error::MissingChunk { .. })));
    assert_eq!(store.manifests().unwrap(), []);
    assert!(matches!(
        store.manifest(&manifest.fingerprint()),
        Err(Error::UnknownManifest { fingerprint }) if fingerprint == manifest.fingerprint()
    ));
}

#[test]
fn two_processes_cannot_open_one_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    assert!(matches!(Store::open(directory.path(), small()), Err(Error::Locked { .. })));
    drop(store);
    open(directory.path());
}

#[test]
fn a_store_of_another_version_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    put(&open(directory.path()), &whole(&[1]));
    let pack = packs(directory.path()).remove(0);
    let file = File::options().write(true).open(&pack).unwrap();
    file.write_all_at(&[2], 8).unwrap();
    assert!(matches!(Store::open(directory.path(), small()), Err(Error::Unsupported { .. })));
    assert!(pack.exists());
    file.write_all_at(&[1], 8).unwrap();
    open(directory.path());
    fs::write(directory.path().join("format"), "darkroom chunk store 2\n").unwrap();
    assert!(matches!(Store::open(directory.path(), small()), Err(Error::Unsupported { .. })));
}

/// Flips one bit of a file.
fn flip(path: &std::path::Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_a_record_is_found_and_the_hurt_manifests_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), Settings::default()).unwrap();
    // The chunks lie in the order 1, 2, 5: the first only in one disk, the second shared, the third only in the other.
    let one = put(&store, &whole(&[1, 2]));
    let two = put(&store, &whole(&[2, 5]));
    assert!(store.check(&|_, _| {}, &|| false).unwrap().is_clean());
    let pack = packs(directory.path()).remove(0);
    let manifest = store.manifest(&one).unwrap();
    let (first, second) = (manifest.chunks()[0].1, manifest.chunks()[1].1);
    let third = store.manifest(&two).unwrap().chunks()[1].1;
    let begins = 32;
    let middle = begins + 56 + CHUNK_BYTES as u64;
    let last = fs::metadata(&pack).unwrap().len() - 1;
    let mut both = vec![one, two];
    both.sort();
    for (at, id, hurt) in [
        (begins + 20, first, vec![one]),
        (begins + 56, first, vec![one]),
        (middle - 1, first, vec![one]),
        (middle, second, both.clone()),
        (middle + 10, second, both.clone()),
        (middle + 50, second, both.clone()),
        (middle + 60, second, both),
        (last, third, vec![two]),
    ] {
        flip(&pack, at);
        let report = store.check(&|_, _| {}, &|| false).unwrap();
        assert_eq!(report.bad_chunks.iter().map(|bad| bad.id).collect::<Vec<_>>(), [id], "byte {at}");
        assert_eq!(report.hurt_manifests, hurt, "byte {at}");
        assert!(report.missing_chunks.is_empty());
        assert!(store.read_chunk(&id).unwrap_err().is_damage());
        flip(&pack, at);
    }
    assert!(store.check(&|_, _| {}, &|| false).unwrap().is_clean());
    flip(&directory.path().join("manifests").join(two.to_string()), 30);
    assert_eq!(store.check(&|_, _| {}, &|| false).unwrap().hurt_manifests, [two]);
}

#[test]
fn two_ingests_at_once_store_what_they_share_and_both_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let (left, right) = (whole(&[1, 3, 5, 7, 9, 11]), whole(&[5, 3, 13, 1, 11, 15]));
    let prints = std::thread::scope(|scope| {
        let left = scope.spawn(|| put(&store, &left));
        let right = scope.spawn(|| put(&store, &right));
        [left.join().unwrap(), right.join().unwrap()]
    });
    assert_eq!(store.stats().n_chunks, 8);
    drop(store);
    let store = open(directory.path());
    assert_holds(&store, &prints[0], &left);
    assert_holds(&store, &prints[1], &right);
}

#[test]
fn a_chunk_of_the_wrong_length_for_its_place_is_never_served() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let print = put(&store, &disk(&[1], 1000));
    let id = store.manifest(&print).unwrap().chunks()[0].1;
    let crafted = Manifest::new(2 * CHUNK_BYTES as u64, vec![(0, id)]).unwrap();
    assert!(read(&store, &crafted).is_err());
}
