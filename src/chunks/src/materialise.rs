//! Writing a disk out again: a sparse raw file, every chunk verified, whole or not at all.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use crate::chunk::CHUNK;
use crate::error::{Error, Result, io_error};
use crate::manifest::Manifest;
use crate::store::Store;

impl Store {
    /// Writes the disk to a sparse, read-only raw file, durable on return. The file appears under its name only when
    /// it is complete; a file that was there is replaced. Progress counts bytes of the disk.
    pub fn materialise(
        &self,
        manifest: &Manifest,
        path: &Path,
        on_progress: &dyn Fn(u64),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        let name = path.file_name().ok_or_else(|| Error::Io {
            action: "write to",
            path: path.to_owned(),
            source: std::io::ErrorKind::InvalidInput.into(),
        })?;
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(".tmp");
        let temporary = path.with_file_name(temporary_name);
        let written = self.write_disk(manifest, &temporary, on_progress, cancelled).and_then(|()| {
            fs::rename(&temporary, path).map_err(io_error("write", path))?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let directory = File::open(parent).map_err(io_error("open", parent))?;
            directory.sync_all().map_err(io_error("sync", parent))
        });
        if written.is_err() {
            // The first error is the one to report. The name is fixed, so a later attempt removes what stays.
            drop(fs::remove_file(&temporary));
        }
        written
    }

    fn write_disk(
        &self,
        manifest: &Manifest,
        path: &Path,
        on_progress: &dyn Fn(u64),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error("remove", path)(error));
            }
            _ => {}
        }
        let file = File::options().write(true).create_new(true).open(path);
        let file = file.map_err(io_error("create", path))?;
        file.set_len(manifest.virtual_bytes()).map_err(io_error("write", path))?;
        for (place, id) in manifest.chunks() {
            if cancelled() {
                return Err(Error::Cancelled);
            }
            let content = self.inner.read_chunk_of(id, manifest.chunk_len(*place))?;
            let offset = u64::from(*place) * CHUNK;
            file.write_all_at(&content, offset).map_err(io_error("write", path))?;
            on_progress(offset + content.len() as u64);
        }
        file.set_permissions(Permissions::from_mode(0o444)).map_err(io_error("protect", path))?;
        file.sync_all().map_err(io_error("sync", path))?;
        on_progress(manifest.virtual_bytes());
        Ok(())
    }
}
