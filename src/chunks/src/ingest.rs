//! Taking a whole disk in. One thread reads in order and feeds SHA-256 or names; one names what has no name yet, compresses and appends; one
//! starts syncing early. On return every chunk of the manifest is durable, also those that were already there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use sha2::{Digest, Sha256};

use crate::chunk::{CHUNK_BYTES, ChunkId, Packer, ZEROS, chunk_len, chunks_of, is_zero};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::source::Source;
use crate::store::{Hold, Store};
use crate::writer::{Stored, Writer, work};

/// How many chunks may wait between reading and storing: enough to even out, little enough to stay in the cache.
const QUEUE_CHUNKS: usize = 8;
/// With so many chunks waiting to be stored, reading is ahead of storing.
const AHEAD_CHUNKS: usize = 2;
/// How many zero chunks are hashed between two reports of progress.
const ZEROS_PER_REPORT: u32 = 16;

/// When the SHA-256 of the whole disk is computed.
///
/// SHA-256 cannot skip zeros: it takes about 0.8 s per GiB of them on a processor with instructions for it, when
/// storing them takes nothing. With dense data it costs nothing, because storing the data takes longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContentHash {
    /// While the disk is read.
    Now,
    /// Not by the ingest. [`Store::sha256`] computes it from the chunks.
    Later,
}

/// How to take a disk in.
pub struct IngestOptions<'a> {
    /// Whether to compute the SHA-256 as well.
    pub content_hash: ContentHash,
    /// Called on the calling thread with the bytes of the disk that are done.
    pub on_progress: &'a dyn Fn(u64),
    /// Asked often; `true` stops the ingest and takes everything back.
    pub cancelled: &'a dyn Fn() -> bool,
    /// Protects the chunks from sweeps until the caller has recorded the manifest.
    pub hold: &'a Hold,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// What the disk contains. It is not stored yet: see [`Store::put_manifest`].
    pub manifest: Manifest,
    /// SHA-256 of the whole disk, zeros included, if it was asked for.
    pub sha256: Option<[u8; 32]>,
    /// The size of the disk.
    pub virtual_bytes: u64,
    /// The plain bytes of the chunks that are not all zero.
    pub data_bytes: u64,
    /// What this ingest added to the packs, compressed and without the headers of records.
    pub new_stored_bytes: u64,
    /// The chunks that the store did not have.
    pub n_new_chunks: u64,
    /// The chunks that it had, and those that occur again within the disk.
    pub n_dedup_chunks: u64,
}

/// A chunk on its way from reading to storing.
struct Work {
    place: u32,
    /// Its name, when the reading thread had time for it.
    id: Option<ChunkId>,
    content: Vec<u8>,
}

#[derive(Default)]
struct Tally {
    chunks: Vec<(u32, ChunkId)>,
    data_bytes: u64,
    new_stored_bytes: u64,
    n_new_chunks: u64,
    n_dedup_chunks: u64,
}

impl Store {
    /// Reads a disk from start to end and stores its chunks. On success all of them are durable; on failure or
    /// cancellation nothing of it stays, except chunks that another ingest has come to rely on meanwhile.
    pub fn ingest(&self, source: &mut dyn Source, options: &IngestOptions<'_>) -> Result<Ingested> {
        let virtual_bytes = source.size_bytes();
        chunks_of(virtual_bytes)?;
        let mut writer = Writer::new(&self.inner, options.hold.id);
        let packer = Packer::new().map_err(|error| Error::Io {
            action: "prepare compression for",
            path: self.inner.directory.clone(),
            source: error,
        })?;
        let waiting = AtomicUsize::new(0);
        let (sha256, tally) = std::thread::scope(|scope| {
            let (jobs_in, jobs_out) = channel();
            let (work_in, work_out) = sync_channel(QUEUE_CHUNKS);
            let (free_in, free_out) = channel();
            writer.set_jobs(Some(jobs_in));
            let inner = &*self.inner;
            let syncing = scope.spawn(move || work(inner, &jobs_out));
            let writer = &mut writer;
            let waiting = &waiting;
            let storing = scope.spawn(move || {
                let stored = store_all(writer, packer, &work_out, waiting, &free_in);
                // Hanging up ends the syncing thread.
                writer.set_jobs(None);
                stored
            });
            let read = read_all(source, virtual_bytes, options, work_in, waiting, &free_out);
            let stored = storing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            // When storing failed, reading failed too, for want of a listener: the cause goes first.
            let tally = stored?;
            let sha256 = read?;
            synced?;
            Ok::<_, Error>((sha256, tally))
        })?;
        writer.finish()?;
        (options.on_progress)(virtual_bytes);
        Ok(Ingested {
            manifest: Manifest::new(virtual_bytes, tally.chunks)?,
            sha256,
            virtual_bytes,
            data_bytes: tally.data_bytes,
            new_stored_bytes: tally.new_stored_bytes,
            n_new_chunks: tally.n_new_chunks,
            n_dedup_chunks: tally.n_dedup_chunks,
        })
    }
}

impl Store {
    /// The SHA-256 of a whole disk, zeros included, computed from its chunks, which are verified on the way.
    /// Progress counts bytes of the disk.
    pub fn sha256(
        &self,
        manifest: &Manifest,
        on_progress: &dyn Fn(u64),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<[u8; 32]> {
        let mut sha256 = Sha256::new();
        let mut chunks = manifest.chunks().iter().peekable();
        for place in 0..chunks_of(manifest.virtual_bytes())? {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let length = manifest.chunk_len(place);
            match chunks.next_if(|(at, _)| *at == place) {
                Some((_, id)) => sha256.update(self.inner.read_chunk_of(id, length)?),
                None => sha256.update(&ZEROS[..length]),
            }
            on_progress(u64::from(place) * CHUNK_BYTES as u64 + length as u64);
        }
        Ok(sha256.finalize().into())
    }
}

/// Reads in order on the calling thread. Only chunks that are not zero go on to be stored.
fn read_all(
    source: &mut dyn Source,
    virtual_bytes: u64,
    options: &IngestOptions<'_>,
    work: SyncSender<Work>,
    waiting: &AtomicUsize,
    free: &Receiver<Vec<u8>>,
) -> Result<Option<[u8; 32]>> {
    let mut sha256 = (options.content_hash == ContentHash::Now).then(Sha256::new);
    let mut data = Some(0..0);
    let mut n_zeros = 0;
    let mut n_buffers = 1;
    let mut buffer = vec![0; CHUNK_BYTES];
    for place in 0..chunks_of(virtual_bytes)? {
        let start = u64::from(place) * CHUNK_BYTES as u64;
        let length = chunk_len(virtual_bytes, place);
        let end = start + length as u64;
        let fail = |error| Error::Source { offset: start, source: error };
        while let Some(range) = &data
            && range.end <= start
        {
            data = source.next_data(start).map_err(fail)?;
        }
        let is_hole = data.as_ref().is_none_or(|range| range.start >= end);
        if !is_hole {
            buffer.truncate(length);
            source.read_exact_at(&mut buffer, start).map_err(fail)?;
        }
        if let Some(sha256) = &mut sha256 {
            sha256.update(if is_hole { &ZEROS[..length] } else { &buffer });
        }
        if is_hole || is_zero(&buffer) {
            n_zeros += 1;
            if n_zeros % ZEROS_PER_REPORT != 0 {
                continue;
            }
        } else {
            // Buffers come back when their content is stored; there are never more than fit into the queue.
            let next = match free.try_recv() {
                Ok(next) => next,
                Err(_) if n_buffers < QUEUE_CHUNKS + 2 => {
                    n_buffers += 1;
                    vec![0; CHUNK_BYTES]
                }
                // Nobody gives them back when storing has failed; its error is the one that is reported.
                Err(_) => free.recv().map_err(|_| Error::Cancelled)?,
            };
            let content = std::mem::replace(&mut buffer, next);
            // Whoever has time names: the reader while there is enough to store, else who would wait for it. With SHA-256 the reader
            // never has time.
            let ahead = waiting.fetch_add(1, Ordering::Relaxed) >= AHEAD_CHUNKS;
            let id = (ahead && sha256.is_none()).then(|| ChunkId::of(&content));
            work.send(Work { place, id, content }).map_err(|_| Error::Cancelled)?;
        }
        (options.on_progress)(end);
        if (options.cancelled)() {
            return Err(Error::Cancelled);
        }
    }
    Ok(sha256.map(|sha256| sha256.finalize().into()))
}

fn store_all(
    writer: &mut Writer<'_>,
    mut packer: Packer,
    work: &Receiver<Work>,
    waiting: &AtomicUsize,
    free: &Sender<Vec<u8>>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    for Work { place, id, content } in work {
        waiting.fetch_sub(1, Ordering::Relaxed);
        let id = id.unwrap_or_else(|| ChunkId::of(&content));
        match writer.store(&id, &content, &mut packer)? {
            Stored::New { stored_bytes } => {
                tally.n_new_chunks += 1;
                tally.new_stored_bytes += u64::from(stored_bytes);
            }
            Stored::Known => tally.n_dedup_chunks += 1,
        }
        tally.data_bytes += content.len() as u64;
        tally.chunks.push((place, id));
        // The reader may be done already and not want it back.
        let _: std::result::Result<(), _> = free.send(content);
    }
    Ok(tally)
}
