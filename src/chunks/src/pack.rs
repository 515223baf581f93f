//! The file format of a pack, and one pack that is being written. This file knows bytes and offsets; which chunks are
//! wanted, shared or dead is decided elsewhere.
//!
//! ```text
//! pack    = header (32 bytes) · records · [index · footer (64 bytes), once sealed]
//! header  = magic "DRKPACK1" · version u32 · pack number u32 · zeros · check (8 bytes)
//! record  = magic "CHNK" · coding u8 · zeros (3) · plain length u32 · stored length u32 · name (32)
//!           · check (8 bytes) · the stored bytes
//! index   = per record: name (32) · offset u32 · stored length u32
//! footer  = magic "DRKINDEX" · pack number u32 · entries u32 · index offset u64 · zeros (8) · BLAKE3 of all that (32)
//! ```
//! A check is the start of a BLAKE3 hash over the bytes before it, the pack's number and the offset. A record that
//! was copied from elsewhere, for example because a disk contains a pack, can therefore never pass as one of ours.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::chunk::{CHUNK_BYTES, ChunkId, Coding, Why, unpack};
use crate::error::{Error, Result, io_error};

const PACK_MAGIC: &[u8; 8] = b"DRKPACK1";
const RECORD_MAGIC: &[u8; 4] = b"CHNK";
const INDEX_MAGIC: &[u8; 8] = b"DRKINDEX";
const VERSION: u32 = 1;
/// The length of a pack's header: where its first record begins.
pub(crate) const PACK_HEADER_BYTES: u64 = 32;
/// The length of a record's header.
pub(crate) const RECORD_HEADER_BYTES: usize = 56;
const ENTRY_BYTES: usize = 40;
const FOOTER_BYTES: usize = 64;

/// What the header of a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RecordHeader {
    pub id: ChunkId,
    pub coding: Coding,
    pub plain_bytes: u32,
    pub stored_bytes: u32,
}

impl RecordHeader {
    /// The whole record, header included.
    pub(crate) fn record_bytes(&self) -> u64 {
        RECORD_HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }

    /// The bytes of the header for this place.
    pub(crate) fn encode(&self, pack: u32, offset: u64) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(RECORD_MAGIC);
        bytes[4] = self.coding.to_byte();
        bytes[8..12].copy_from_slice(&self.plain_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.stored_bytes.to_le_bytes());
        bytes[16..48].copy_from_slice(&self.id.0);
        let check = check(&bytes[..48], pack, offset);
        bytes[48..].copy_from_slice(&check);
        bytes
    }

    /// The reverse; `None` for anything that is not a whole header written for this place.
    pub(crate) fn decode(bytes: &[u8], pack: u32, offset: u64) -> Option<Self> {
        let bytes = bytes.first_chunk::<RECORD_HEADER_BYTES>()?;
        if &bytes[..4] != RECORD_MAGIC || bytes[48..] != check(&bytes[..48], pack, offset) {
            return None;
        }
        let mut id = [0; 32];
        id.copy_from_slice(&bytes[16..48]);
        let header = Self {
            id: ChunkId(id),
            coding: Coding::from_byte(bytes[4])?,
            plain_bytes: u32_at(bytes, 8),
            stored_bytes: u32_at(bytes, 12),
        };
        let limit = CHUNK_BYTES as u32;
        (header.plain_bytes <= limit && header.stored_bytes <= limit).then_some(header)
    }
}

/// Where a chunk's record lies in a pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub id: ChunkId,
    pub offset: u32,
    pub stored_bytes: u32,
}

impl Entry {
    /// One past the record's last byte.
    pub(crate) fn end(&self) -> u64 {
        u64::from(self.offset) + RECORD_HEADER_BYTES as u64 + u64::from(self.stored_bytes)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller passes a whole structure"))
}

fn check(bytes: &[u8], pack: u32, offset: u64) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes).update(&pack.to_le_bytes()).update(&offset.to_le_bytes());
    *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
}

/// The file name of a pack.
pub(crate) fn file_name(pack: u32) -> String {
    format!("{pack:08x}.pack")
}

/// The number in the file name of a pack.
pub(crate) fn number_of(file_name: &str) -> Option<u32> {
    let number = file_name.strip_suffix(".pack").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(number, 16).ok()
}

fn encode_pack_header(pack: u32) -> [u8; PACK_HEADER_BYTES as usize] {
    let mut bytes = [0; PACK_HEADER_BYTES as usize];
    bytes[..8].copy_from_slice(PACK_MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&pack.to_le_bytes());
    let check = check(&bytes[..24], pack, 0);
    bytes[24..].copy_from_slice(&check);
    bytes
}

/// How bytes get into a pack. The one implementation outside the tests writes to the file; tests put a full disk here.
pub(crate) trait Append: Send + Sync {
    /// Writes both parts, one after the other, at the offset.
    fn append(&self, file: &File, offset: u64, parts: [&[u8]; 2]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// Writes to the file.
pub(crate) struct ToDisk;

impl Append for ToDisk {
    fn append(&self, file: &File, mut offset: u64, parts: [&[u8]; 2]) -> io::Result<()> {
        let mut slices = parts.map(IoSlice::new);
        let mut rest = &mut slices[..];
        while rest.iter().any(|slice| !slice.is_empty()) {
            let n = match rustix::io::pwritev(file, rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => n,
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            offset += n as u64;
            IoSlice::advance_slices(&mut rest, n);
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// A pack that is not sealed, or sealed but perhaps not durable yet. One ingest at a time appends to it.
pub(crate) struct OpenPack {
    pub number: u32,
    pub path: PathBuf,
    pub file: Arc<File>,
    /// The end of what was completely written. After a failed write the file may be longer, by bytes that mean nothing.
    end: AtomicU64,
    /// Every record in the pack, for the index at its end.
    entries: Mutex<Vec<Entry>>,
    sealed: AtomicBool,
    /// Up to where the records are durable. Read without waiting for a sync that runs.
    synced_end: AtomicU64,
    /// A sync failed.
    failed: AtomicBool,
    /// Taken for the length of a sync or a cut; says whether the file's name is durable.
    sync_turn: Mutex<bool>,
}

/// Whether a pack that is opened for writing is on the storage already, name included.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsDurable {
    Yes,
    No,
}

impl OpenPack {
    /// Makes a new, empty pack.
    pub(crate) fn create(directory: &Path, number: u32, append: &dyn Append) -> Result<Self> {
        let path = directory.join(file_name(number));
        let open = File::options().read(true).write(true).create_new(true).open(&path);
        let file = open.map_err(io_error("create", &path))?;
        if let Err(error) = append.append(&file, 0, [&encode_pack_header(number), &[]]) {
            // The first error is the one to report; an empty pack that stays is removed at the next open.
            drop(std::fs::remove_file(&path));
            return Err(io_error("write", &path)(error));
        }
        let nothing = Scan { entries: Vec::new(), end: PACK_HEADER_BYTES };
        Ok(Self::adopt(number, path, file, nothing, IsDurable::No))
    }

    /// Continues a pack that was found unsealed. The caller has made durable what the scan found, and cut the rest.
    pub(crate) fn resume(number: u32, path: PathBuf, file: File, scan: Scan) -> Self {
        Self::adopt(number, path, file, scan, IsDurable::Yes)
    }

    fn adopt(number: u32, path: PathBuf, file: File, scan: Scan, durable: IsDurable) -> Self {
        let is_durable = durable == IsDurable::Yes;
        Self {
            synced_end: AtomicU64::new(if is_durable { scan.end } else { 0 }),
            failed: AtomicBool::new(false),
            sync_turn: Mutex::new(is_durable),
            number,
            path,
            file: Arc::new(file),
            end: AtomicU64::new(scan.end),
            entries: Mutex::new(scan.entries),
            sealed: AtomicBool::new(false),
        }
    }

    /// The records from an offset on.
    pub(crate) fn entries_from(&self, offset: u64) -> Vec<Entry> {
        let entries = self.entries();
        let first = entries.partition_point(|entry| u64::from(entry.offset) < offset);
        entries[first..].to_vec()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().expect("nothing panics while it holds this lock")
    }

    /// Whether the index is written.
    pub(crate) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// One past the last byte that counts.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    fn sync_turn(&self) -> MutexGuard<'_, bool> {
        self.sync_turn.lock().expect("nothing panics while it holds this lock")
    }

    /// Up to where the pack is durable.
    pub(crate) fn synced_end(&self) -> u64 {
        self.synced_end.load(Ordering::Acquire)
    }

    /// Whether an earlier sync failed, after which the kernel may have dropped what was written.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Nothing more may be written here or reported durable.
    pub(crate) fn mark_failed(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Appends a record and returns its offset. Only the ingest that owns the pack may call this.
    pub(crate) fn append(&self, header: &RecordHeader, stored: &[u8], append: &dyn Append) -> Result<u32> {
        let offset = self.end();
        let place = u32::try_from(offset).expect("packs are sealed long before 4 GiB");
        let head = header.encode(self.number, offset);
        append.append(&self.file, offset, [&head, stored]).map_err(io_error("write", &self.path))?;
        self.entries().push(Entry { id: header.id, offset: place, stored_bytes: header.stored_bytes });
        self.end.store(offset + header.record_bytes(), Ordering::Release);
        Ok(place)
    }

    /// Makes the records durable, then writes the index, in this order: whoever finds an index may trust the records
    /// to be on the storage. The index itself need not be; without it the pack is scanned.
    pub(crate) fn seal(&self, directory: &File, append: &dyn Append) -> Result<()> {
        self.sync(directory, append)?;
        let offset = self.end();
        let tail = encode_index(self.number, offset, &self.entries());
        append.append(&self.file, offset, [&tail, &[]]).map_err(io_error("write", &self.path))?;
        self.end.store(offset + tail.len() as u64, Ordering::Release);
        self.sealed.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes everything written so far durable, and the file's name too. A failure is remembered: the kernel reports
    /// it once and then forgets the pages, so a later success would mean nothing.
    pub(crate) fn sync(&self, directory: &File, append: &dyn Append) -> Result<()> {
        let mut is_named = self.sync_turn();
        if self.has_failed() {
            return Err(Error::SyncFailed { path: self.path.clone() });
        }
        let end = self.end();
        if self.synced_end() < end
            && let Err(error) = append.sync(&self.file)
        {
            self.mark_failed();
            return Err(io_error("sync", &self.path)(error));
        }
        if !*is_named {
            directory.sync_all().map_err(io_error("sync the directory of", &self.path))?;
            *is_named = true;
        }
        self.synced_end.store(end, Ordering::Release);
        Ok(())
    }

    /// Forgets everything from `end` on, a seal included.
    pub(crate) fn cut(&self, end: u64) -> Result<()> {
        let _turn = self.sync_turn();
        if let Err(error) = self.file.set_len(end) {
            self.mark_failed();
            return Err(io_error("truncate", &self.path)(error));
        }
        self.entries().retain(|entry| entry.end() <= end);
        self.end.store(end, Ordering::Release);
        self.sealed.store(false, Ordering::Release);
        self.synced_end.fetch_min(end, Ordering::AcqRel);
        Ok(())
    }
}

fn encode_index(pack: u32, offset: u64, entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * ENTRY_BYTES + FOOTER_BYTES);
    for entry in entries {
        bytes.extend_from_slice(&entry.id.0);
        bytes.extend_from_slice(&entry.offset.to_le_bytes());
        bytes.extend_from_slice(&entry.stored_bytes.to_le_bytes());
    }
    let n_entries = u32::try_from(entries.len()).expect("a pack below 4 GiB has fewer records than that");
    bytes.extend_from_slice(INDEX_MAGIC);
    bytes.extend_from_slice(&pack.to_le_bytes());
    bytes.extend_from_slice(&n_entries.to_le_bytes());
    bytes.extend_from_slice(&offset.to_le_bytes());
    bytes.extend_from_slice(&[0; 8]);
    let hash = blake3::hash(&bytes);
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// Reads the index of a sealed pack; `None` when there is none, or none that can be trusted.
pub(crate) fn read_index(file: &File, pack: u32, length: u64) -> io::Result<Option<Vec<Entry>>> {
    let Some(footer_at) =
        length.checked_sub(FOOTER_BYTES as u64).filter(|footer_at| *footer_at >= PACK_HEADER_BYTES)
    else {
        return Ok(None);
    };
    let mut footer = [0; FOOTER_BYTES];
    file.read_exact_at(&mut footer, footer_at)?;
    let n_entries = u32_at(&footer, 12) as usize;
    let index_at = u64::from(u32_at(&footer, 16)) | u64::from(u32_at(&footer, 20)) << 32;
    let fits = index_at.checked_add((n_entries * ENTRY_BYTES) as u64) == Some(footer_at);
    if &footer[..8] != INDEX_MAGIC || u32_at(&footer, 8) != pack || !fits || index_at < PACK_HEADER_BYTES {
        return Ok(None);
    }
    let mut index = vec![0; n_entries * ENTRY_BYTES];
    file.read_exact_at(&mut index, index_at)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&index).update(&footer[..32]);
    if hasher.finalize().as_bytes() != &footer[32..] {
        return Ok(None);
    }
    let entries = index.chunks_exact(ENTRY_BYTES).map(|bytes| Entry {
        id: ChunkId(*bytes.first_chunk().expect("an entry has 40 bytes")),
        offset: u32_at(bytes, 32),
        stored_bytes: u32_at(bytes, 36),
    });
    Ok(Some(entries.collect()))
}

/// A record as it is in its pack.
pub(crate) struct Record {
    pub header: RecordHeader,
    pub stored: Vec<u8>,
}

/// Reads one record and verifies its header; the content is not looked at.
pub(crate) fn read_raw(
    file: &File,
    pack: u32,
    offset: u32,
    stored_bytes: u32,
) -> io::Result<std::result::Result<Record, Why>> {
    let mut stored = vec![0; RECORD_HEADER_BYTES + stored_bytes as usize];
    match file.read_exact_at(&mut stored, u64::from(offset)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Ok(Err("the pack ends too early"));
        }
        Err(error) => return Err(error),
    }
    let Some(header) = RecordHeader::decode(&stored, pack, u64::from(offset)) else {
        return Ok(Err("its header does not match its checksum"));
    };
    if header.stored_bytes != stored_bytes {
        return Ok(Err("another record is in its place"));
    }
    stored.drain(..RECORD_HEADER_BYTES);
    Ok(Ok(Record { header, stored }))
}

/// Reads one record and verifies its header and content.
pub(crate) fn read_record(
    file: &File,
    pack: u32,
    offset: u32,
    stored_bytes: u32,
    id: &ChunkId,
) -> io::Result<std::result::Result<Vec<u8>, Why>> {
    let record = read_raw(file, pack, offset, stored_bytes)?;
    Ok(record.and_then(|Record { header, stored }| {
        if header.id != *id {
            return Err("another chunk is in its place");
        }
        unpack(id, header.coding, header.plain_bytes as usize, stored)
    }))
}

/// What a scan of an unsealed pack found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The records that are whole and verified.
    pub entries: Vec<Entry>,
    /// One past the last of them.
    pub end: u64,
}

/// Finds the whole records of a pack that has no index. Every record is read and verified: after a crash a header can
/// be on disk while its content is not. Damage in the middle is stepped over, so that records after it, which may
/// have been reported durable, are never lost to it.
pub(crate) fn scan(file: &File, pack: u32, length: u64) -> io::Result<Scan> {
    let mut found = Scan { entries: Vec::new(), end: PACK_HEADER_BYTES };
    let mut at = PACK_HEADER_BYTES;
    while let Some(header) = next_header(file, pack, &mut at, length)? {
        let Ok(offset) = u32::try_from(at) else { break };
        let entry = Entry { id: header.id, offset, stored_bytes: header.stored_bytes };
        let whole = entry.end() <= length
            && read_record(file, pack, offset, header.stored_bytes, &header.id)?.is_ok();
        if whole {
            at = entry.end();
            found.end = at;
            found.entries.push(entry);
        } else {
            at += RECORD_MAGIC.len() as u64;
        }
    }
    Ok(found)
}

/// The first good header at or after `at`, which moves to it.
fn next_header(file: &File, pack: u32, at: &mut u64, length: u64) -> io::Result<Option<RecordHeader>> {
    const WINDOW: usize = 64 * 1024;
    let mut head = [0; RECORD_HEADER_BYTES];
    if *at + RECORD_HEADER_BYTES as u64 <= length {
        file.read_exact_at(&mut head, *at)?;
        if let Some(header) = RecordHeader::decode(&head, pack, *at) {
            return Ok(Some(header));
        }
    }
    let mut window = vec![0; WINDOW];
    while *at + RECORD_HEADER_BYTES as u64 <= length {
        let n = usize::try_from((length - *at).min(WINDOW as u64)).expect("a window fits in memory");
        file.read_exact_at(&mut window[..n], *at)?;
        let last = n - RECORD_HEADER_BYTES;
        for place in 0..=last {
            if window[place] == RECORD_MAGIC[0]
                && let Some(header) = RecordHeader::decode(&window[place..n], pack, *at + place as u64)
            {
                *at += place as u64;
                return Ok(Some(header));
            }
        }
        *at += last as u64 + 1;
    }
    Ok(None)
}

/// Whether the header is of a version this program does not know; a torn header is not that.
pub(crate) fn is_foreign(file: &File, length: u64) -> io::Result<bool> {
    let mut bytes = [0; PACK_HEADER_BYTES as usize];
    if length < PACK_HEADER_BYTES {
        return Ok(false);
    }
    file.read_exact_at(&mut bytes, 0)?;
    Ok(&bytes[..7] == b"DRKPACK" && bytes[..12] != encode_pack_header(0)[..12] && bytes[8..12] != [0; 4])
}
