//! Taking a disk over from another store. Only the chunks that are missing here travel, each verified against its name before it is stored;
//! the machinery is that of an ingest: on return every chunk is durable, and a failed or cancelled try leaves nothing.

use std::collections::HashSet;
use std::sync::mpsc::channel;

use crate::chunk::{ChunkId, Packer};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::store::{Hold, Store};
use crate::writer::{Writer, work};

/// How to take a disk over.
pub struct FetchOptions<'a> {
    /// Called on the calling thread with the bytes that have travelled, and with all that must.
    pub on_progress: &'a dyn Fn(u64, u64),
    /// Asked before every chunk; `true` stops and takes everything back.
    pub cancelled: &'a dyn Fn() -> bool,
    /// A hold of this store: protects the chunks from sweeps until the caller has recorded the manifest.
    pub hold: &'a Hold,
}

/// What came of it. Bytes are those of the stored (compressed) chunks, each chunk counted once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fetched {
    /// What travelled.
    pub sent_bytes: u64,
    /// What was here already.
    pub present_bytes: u64,
    /// The chunks that travelled.
    pub n_sent_chunks: u64,
    /// The chunks that were here already.
    pub n_present_chunks: u64,
}

/// The different chunks of a manifest, with what each takes in the store they come from.
struct Wanted {
    chunks: Vec<(u32, ChunkId, u64)>,
    missing_bytes: u64,
}

impl Store {
    /// Brings the chunks of a manifest of another store here. The caller protects the manifest there for as long, and records it here
    /// with [`Store::put_manifest`] afterwards. Doing it again is harmless, and nothing travels twice.
    ///
    /// Damage ([`Error::is_damage`]) is always that of the other store: nothing is read from this one.
    pub fn fetch_from(
        &self,
        other: &Store,
        manifest: &Manifest,
        options: &FetchOptions<'_>,
    ) -> Result<Fetched> {
        let Wanted { chunks, missing_bytes } = self.wanted(other, manifest)?;
        let mut writer = Writer::new(&self.inner, options.hold.id);
        let mut packer = Packer::new().map_err(|error| Error::Io {
            action: "prepare compression for",
            path: self.inner.directory.clone(),
            source: error,
        })?;
        (options.on_progress)(0, missing_bytes);
        let fetched = std::thread::scope(|scope| {
            let (jobs_in, jobs_out) = channel();
            writer.set_jobs(Some(jobs_in));
            let inner = &*self.inner;
            let syncing = scope.spawn(move || work(inner, &jobs_out));
            let fetched =
                fetch_all(&mut writer, &mut packer, other, manifest, &chunks, missing_bytes, options);
            // Hanging up ends the syncing thread.
            writer.set_jobs(None);
            let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let fetched = fetched?;
            synced?;
            Ok::<_, Error>(fetched)
        })?;
        writer.finish()?;
        (options.on_progress)(missing_bytes, missing_bytes);
        Ok(fetched)
    }

    /// One lock after the other and never both: two stores that fetch from each other must not wait for each other.
    fn wanted(&self, other: &Store, manifest: &Manifest) -> Result<Wanted> {
        let mut seen = HashSet::with_capacity(manifest.chunks().len());
        let mut wanted = Wanted { chunks: Vec::new(), missing_bytes: 0 };
        // In parts, so that a huge manifest does not keep everybody else from the lock.
        for part in manifest.chunks().chunks(4096) {
            let first = wanted.chunks.len();
            {
                let state = other.inner.state();
                for (place, id) in part.iter().filter(|(_, id)| seen.insert(id.key())) {
                    let location = state.index.get(&id.key()).ok_or(Error::MissingChunk { id: *id })?;
                    wanted.chunks.push((*place, *id, location.stored_bytes() as u64));
                }
            }
            let state = self.inner.state();
            let missing =
                wanted.chunks[first..].iter().filter(|(_, id, _)| !state.index.contains_key(&id.key()));
            wanted.missing_bytes += missing.map(|(_, _, stored_bytes)| stored_bytes).sum::<u64>();
        }
        Ok(wanted)
    }
}

fn fetch_all(
    writer: &mut Writer<'_>,
    packer: &mut Packer,
    other: &Store,
    manifest: &Manifest,
    chunks: &[(u32, ChunkId, u64)],
    missing_bytes: u64,
    options: &FetchOptions<'_>,
) -> Result<Fetched> {
    let mut fetched = Fetched::default();
    for (place, id, stored_bytes) in chunks {
        if (options.cancelled)() {
            return Err(Error::Cancelled);
        }
        if writer.rely_on_known(id)? {
            fetched.n_present_chunks += 1;
            fetched.present_bytes += stored_bytes;
            continue;
        }
        let plain = other.inner.read_chunk_of(id, manifest.chunk_len(*place))?;
        writer.store(id, &plain, packer)?;
        fetched.n_sent_chunks += 1;
        fetched.sent_bytes += stored_bytes;
        // A sweep here may have taken a chunk that was counted as present before it was held.
        (options.on_progress)(fetched.sent_bytes.min(missing_bytes), missing_bytes);
    }
    Ok(fetched)
}
