//! Where an ingest reads a disk from. Sources know about holes, so that what was never written is not read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// A disk that can be read from start to end.
pub trait Source {
    /// The size of the disk in bytes. It does not change.
    fn size_bytes(&self) -> u64;

    /// The next range at or after `from` that may hold something else than zeros; `None` when only zeros follow.
    /// Ranges may begin and end anywhere, and saying "all of it" is always correct.
    fn next_data(&mut self, from: u64) -> io::Result<Option<Range<u64>>>;

    /// Fills the buffer from an offset. Holes read as zeros.
    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// A raw disk file (or block device): its bytes are the disk. Holes of a sparse file are not read.
#[derive(Debug)]
pub struct RawFile {
    file: File,
    size_bytes: u64,
    finds_holes: bool,
}

impl RawFile {
    /// Opens the file for reading.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::from_file(File::open(path)?)
    }

    /// Reads from an open file. Its size is taken now.
    pub fn from_file(file: File) -> io::Result<Self> {
        // Seeking to the end also tells the size of a block device, whose metadata says zero.
        let size_bytes = rustix::fs::seek(&file, SeekFrom::End(0))?;
        Ok(Self { file, size_bytes, finds_holes: true })
    }
}

impl Source for RawFile {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn next_data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        if from >= self.size_bytes {
            return Ok(None);
        }
        if !self.finds_holes {
            return Ok(Some(from..self.size_bytes));
        }
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(None),
            // Block devices and some file systems cannot tell: then everything is read.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                self.finds_holes = false;
                return Ok(Some(from..self.size_bytes));
            }
            Err(errno) => return Err(errno.into()),
        };
        if start >= self.size_bytes {
            return Ok(None);
        }
        let end = rustix::fs::seek(&self.file, SeekFrom::Hole(start))?;
        Ok(Some(start..end.min(self.size_bytes)))
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// A disk in memory.
impl Source for &[u8] {
    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }

    fn next_data(&mut self, from: u64) -> io::Result<Option<Range<u64>>> {
        Ok((from < self.size_bytes()).then(|| from..self.size_bytes()))
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
