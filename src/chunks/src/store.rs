//! The open store: its directory, its lock, what it remembers, and reading. Writing is in `writer` and `ingest`.
//!
//! ```text
//! lock        held exclusively while the store is open
//! format      one line that names the version
//! packs/      00000000.pack, …
//! manifests/  one file per manifest, named by its fingerprint
//! dead        since when chunks and manifests are unreferenced
//! tmp/        files on their way; emptied at open
//! ```

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::chunk::{CHUNK, ChunkId};
use crate::error::{Error, Result, io_error};
use crate::index::{Location, State};
use crate::manifest::{Fingerprint, Manifest};
use crate::pack::{Append, ToDisk, file_name, read_record};
use crate::recover;

/// What an operator may change.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A pack is sealed and a new one begun when it would grow beyond this. At most 2 GiB.
    pub pack_bytes: u64,
    /// A sweep rewrites a pack when at least this share of it, in percent, can be given back.
    pub rewrite_percent: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pack_bytes: 128 * 1024 * 1024, rewrite_percent: 50 }
    }
}

/// What had to be repaired at open. All zero after a clean end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Packs without a usable index, which were scanned record by record. The packs last written to are always among
    /// them.
    pub n_scanned_packs: u64,
    /// Bytes cut off the ends of such packs: records that were never completely written.
    pub cut_bytes: u64,
    /// Packs without a single whole record, which were removed.
    pub n_removed_packs: u64,
}

/// A content-addressed store of chunks and manifests in one directory. Share it between threads by reference or `Arc`.
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub directory: PathBuf,
    pub settings: Settings,
    pub state: Mutex<State>,
    pub packs_directory: File,
    pub append: Box<dyn Append>,
    /// One sweep at a time.
    pub sweep_turn: Mutex<()>,
    /// One writer of the dead marks at a time.
    pub dead_turn: Mutex<()>,
    manifests_directory: File,
    /// The sealed packs read last, newest at the back.
    files: Mutex<VecDeque<(u32, Arc<File>)>>,
    recovery: Recovery,
    /// The operating system lets go of the lock when this is closed.
    _lock: File,
}

/// How many sealed packs are kept open for reading.
const MAX_OPEN_FILES: usize = 32;
const FORMAT: &str = "darkroom chunk store 1\n";

/// Protects chunks and manifests from sweeps until it is dropped: everything an ingest wrote or found with it, and
/// every manifest put with it. Take one before the ingest, drop it when the record that names the manifest is
/// committed. Holds live in memory; after a restart the grace of the sweep protects.
#[must_use = "dropping the hold ends the protection"]
pub struct Hold {
    pub(crate) id: u64,
    inner: Arc<Inner>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.inner.state().release(self.id);
    }
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Hold").field("id", &self.id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Store").field("directory", &self.inner.directory).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a directory, which is created if needed, and takes its lock. Reads the index of every pack;
    /// packs that a crash left without one are scanned and their torn ends cut off.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self> {
        Self::open_with(directory, settings, Box::new(ToDisk))
    }

    pub(crate) fn open_with(directory: &Path, settings: Settings, append: Box<dyn Append>) -> Result<Self> {
        let settings = Settings {
            pack_bytes: settings.pack_bytes.min(1 << 31),
            rewrite_percent: settings.rewrite_percent,
        };
        for name in ["packs", "manifests", "tmp"] {
            let path = directory.join(name);
            fs::create_dir_all(&path).map_err(io_error("create", &path))?;
        }
        let lock = take_lock(directory)?;
        check_format(directory)?;
        empty(&directory.join("tmp"))?;
        let open = |path: PathBuf| File::open(&path).map_err(io_error("open", &path));
        let packs_directory = open(directory.join("packs"))?;
        let manifests_directory = open(directory.join("manifests"))?;
        open(directory.to_owned())?.sync_all().map_err(io_error("sync", directory))?;
        let (state, recovery) = recover::load(directory, &packs_directory)?;
        Ok(Self {
            inner: Arc::new(Inner {
                directory: directory.to_owned(),
                settings,
                state: Mutex::new(state),
                packs_directory,
                append,
                sweep_turn: Mutex::new(()),
                dead_turn: Mutex::new(()),
                manifests_directory,
                files: Mutex::new(VecDeque::new()),
                recovery,
                _lock: lock,
            }),
        })
    }

    /// What had to be repaired when the store was opened.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.inner.recovery
    }

    /// A new hold that protects nothing yet.
    pub fn hold(&self) -> Hold {
        let mut state = self.inner.state();
        state.next_hold += 1;
        let id = state.next_hold;
        state.holds.entry(id).or_default();
        Hold { id, inner: Arc::clone(&self.inner) }
    }

    /// The content of a chunk, verified against its name.
    pub fn read_chunk(&self, id: &ChunkId) -> Result<Vec<u8>> {
        self.inner.read_chunk(id)
    }

    /// Fills a buffer from an offset of a disk, every chunk verified.
    pub fn read_at(&self, manifest: &Manifest, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= manifest.virtual_bytes());
        if end.is_none() {
            let end = offset.saturating_add(buffer.len() as u64);
            return Err(Error::OutOfRange { offset, end, size_bytes: manifest.virtual_bytes() });
        }
        let mut at = offset;
        let mut rest = buffer;
        while !rest.is_empty() {
            let place = u32::try_from(at / CHUNK).expect("the range was checked against the manifest");
            let skip = usize::try_from(at % CHUNK).expect("an offset in a chunk fits in memory");
            let n = rest.len().min(manifest.chunk_len(place) - skip);
            let (part, after) = rest.split_at_mut(n);
            match manifest.chunk_at(place) {
                Some(id) => {
                    let content = self.inner.read_chunk_of(&id, manifest.chunk_len(place))?;
                    part.copy_from_slice(&content[skip..skip + n]);
                }
                None => part.fill(0),
            }
            rest = after;
            at += n as u64;
        }
        Ok(())
    }

    /// Stores a manifest, durable on return, and protects it and its chunks by the hold. All its chunks must be in
    /// the store. Storing the same content again is harmless.
    pub fn put_manifest(&self, manifest: &Manifest, hold: &Hold) -> Result<Fingerprint> {
        let fingerprint = manifest.fingerprint();
        self.inner.hold_all(manifest, fingerprint, hold)?;
        let bytes = manifest.encode();
        let path = self.inner.manifest_path(&fingerprint);
        self.inner.replace(&path, &bytes, &format!("{fingerprint}.{}", hold.id))?;
        self.inner.sync_manifests()?;
        self.inner.save_dead_if_changed()?;
        Ok(fingerprint)
    }

    /// Protects a stored manifest and its chunks by a hold, for a caller that is about to record another reference
    /// to it. After this returned, no sweep removes it before the hold is dropped.
    pub fn protect(&self, fingerprint: &Fingerprint, hold: &Hold) -> Result<Manifest> {
        self.inner.state().hold_manifest(hold.id, *fingerprint);
        let manifest = self.inner.manifest(fingerprint)?;
        self.inner.hold_all(&manifest, *fingerprint, hold)?;
        self.inner.save_dead_if_changed()?;
        Ok(manifest)
    }

    /// The manifest with this fingerprint, verified.
    pub fn manifest(&self, fingerprint: &Fingerprint) -> Result<Manifest> {
        self.inner.manifest(fingerprint)
    }

    /// Removes a manifest now, durable on return. Its chunks go with a later sweep unless something else needs them.
    /// Usually it is better to let the sweep remove what is no longer live.
    pub fn delete_manifest(&self, fingerprint: &Fingerprint) -> Result<()> {
        self.inner.remove_manifest(fingerprint)?;
        self.inner.sync_manifests()
    }

    /// The fingerprints of all manifests, in order.
    pub fn manifests(&self) -> Result<Vec<Fingerprint>> {
        self.inner.manifests()
    }
}

impl Inner {
    /// The lock over everything in memory. Never held while a file is read or written.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }

    pub(crate) fn pack_path(&self, pack: u32) -> PathBuf {
        self.directory.join("packs").join(file_name(pack))
    }

    pub(crate) fn manifest_path(&self, fingerprint: &Fingerprint) -> PathBuf {
        self.directory.join("manifests").join(fingerprint.to_string())
    }

    pub(crate) fn read_chunk(&self, id: &ChunkId) -> Result<Vec<u8>> {
        let mut before = None;
        loop {
            let location =
                self.state().index.get(&id.key()).copied().ok_or(Error::MissingChunk { id: *id })?;
            match self.read_location(id, location) {
                // A sweep may have moved the chunk and removed its pack since; then it has another place now.
                Err(Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && before != Some(location) =>
                {
                    before = Some(location);
                }
                other => return other,
            }
        }
    }

    /// The same, and the content must have the length that the disk asks for.
    pub(crate) fn read_chunk_of(&self, id: &ChunkId, length: usize) -> Result<Vec<u8>> {
        let content = self.read_chunk(id)?;
        if content.len() == length {
            return Ok(content);
        }
        Err(Error::InvalidManifest { why: "a chunk has another length than its place on the disk" })
    }

    pub(crate) fn read_location(&self, id: &ChunkId, location: Location) -> Result<Vec<u8>> {
        let Location { pack, offset, .. } = location;
        let file = self.pack_file(pack)?;
        read_record(&file, pack, offset, location.stored_bytes(), id)
            .map_err(io_error("read", &self.pack_path(pack)))?
            .map_err(|why| Error::CorruptChunk { id: *id, pack, offset: u64::from(offset), why })
    }

    /// The open file of a pack.
    pub(crate) fn pack_file(&self, pack: u32) -> Result<Arc<File>> {
        if let Some(open) = self.state().open.get(&pack) {
            return Ok(Arc::clone(&open.file));
        }
        let mut files = self.files.lock().expect("nothing panics while it holds this lock");
        if let Some(at) = files.iter().position(|(number, _)| *number == pack) {
            let found = files.remove(at).expect("the position was just found");
            let file = Arc::clone(&found.1);
            files.push_back(found);
            return Ok(file);
        }
        let path = self.pack_path(pack);
        let file = Arc::new(File::open(&path).map_err(io_error("open", &path))?);
        if files.len() == MAX_OPEN_FILES {
            files.pop_front();
        }
        files.push_back((pack, Arc::clone(&file)));
        Ok(file)
    }

    /// Removes a pack's file. The caller has taken it out of the state.
    pub(crate) fn remove_pack(&self, pack: u32) -> Result<()> {
        let mut files = self.files.lock().expect("nothing panics while it holds this lock");
        files.retain(|(number, _)| *number != pack);
        drop(files);
        let path = self.pack_path(pack);
        fs::remove_file(&path).map_err(io_error("remove", &path))
    }

    pub(crate) fn sync_packs(&self) -> Result<()> {
        self.packs_directory.sync_all().map_err(io_error("sync", &self.directory.join("packs")))
    }

    pub(crate) fn sync_manifests(&self) -> Result<()> {
        self.manifests_directory.sync_all().map_err(io_error("sync", &self.directory.join("manifests")))
    }

    pub(crate) fn manifests(&self) -> Result<Vec<Fingerprint>> {
        let path = self.directory.join("manifests");
        let mut found = Vec::new();
        for entry in fs::read_dir(&path).map_err(io_error("list", &path))? {
            let entry = entry.map_err(io_error("list", &path))?;
            // A file with another name is not ours: it is neither listed nor removed.
            if let Some(Ok(fingerprint)) = entry.file_name().to_str().map(str::parse) {
                found.push(fingerprint);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    pub(crate) fn manifest(&self, fingerprint: &Fingerprint) -> Result<Manifest> {
        let path = self.manifest_path(fingerprint);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::UnknownManifest { fingerprint: *fingerprint });
            }
            other => other.map_err(io_error("read", &path))?,
        };
        let manifest = match Manifest::decode(&bytes) {
            Err(Error::InvalidManifest { why }) => return Err(Error::CorruptManifest { path, why }),
            other => other?,
        };
        // The checksum of the encoding is the fingerprint, and was verified.
        if bytes[bytes.len() - 32..] != fingerprint.0 {
            return Err(Error::CorruptManifest { path, why: "it is another manifest than its name says" });
        }
        Ok(manifest)
    }

    pub(crate) fn remove_manifest(&self, fingerprint: &Fingerprint) -> Result<()> {
        let path = self.manifest_path(fingerprint);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::UnknownManifest { fingerprint: *fingerprint })
            }
            other => other.map_err(io_error("remove", &path)),
        }
    }

    fn hold_all(&self, manifest: &Manifest, fingerprint: Fingerprint, hold: &Hold) -> Result<()> {
        self.state().hold_manifest(hold.id, fingerprint);
        // In parts, so that a huge manifest does not keep everybody else from the lock.
        for part in manifest.chunks().chunks(4096) {
            let mut state = self.state();
            for (_, id) in part {
                if !state.index.contains_key(&id.key()) {
                    return Err(Error::MissingChunk { id: *id });
                }
                state.hold_chunk(hold.id, id.key());
            }
        }
        Ok(())
    }

    /// Writes a file whole or not at all. The caller syncs the directory.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8], temporary_name: &str) -> Result<()> {
        let temporary = self.directory.join("tmp").join(temporary_name);
        let written = File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let renamed = written
            .map_err(io_error("write", &temporary))
            .and_then(|()| fs::rename(&temporary, path).map_err(io_error("write", path)));
        if renamed.is_err() {
            // The first error is the one to report; what stays is removed at the next open.
            drop(fs::remove_file(&temporary));
        }
        renamed
    }
}

fn take_lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Locked { path: directory.to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
    }
}

fn check_format(directory: &Path) -> Result<()> {
    let path = directory.join("format");
    match fs::read(&path) {
        Ok(found) if found == FORMAT.as_bytes() => Ok(()),
        // A crash right after the first open may leave the file empty.
        Ok(found) if !found.is_empty() => {
            Err(Error::Unsupported { path, why: "its format is of an unknown version" })
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("read", &path)(error)),
        _ => {
            let written = File::create(&path).and_then(|mut file| {
                file.write_all(FORMAT.as_bytes())?;
                file.sync_all()
            });
            written.map_err(io_error("write", &path))
        }
    }
}

fn empty(path: &Path) -> Result<()> {
    for entry in fs::read_dir(path).map_err(io_error("list", path))? {
        let path = entry.map_err(io_error("list", path))?.path();
        fs::remove_file(&path).map_err(io_error("remove", &path))?;
    }
    Ok(())
}
