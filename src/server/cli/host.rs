//! A data directory in use by this process: finds and opens it, and imports disk files into it.
//! It must not decide anything about records.

use super::terminal::Password;
use super::{Code, Failure};
use crate::server::settings::Settings;
use crate::server::{Open, check_image_tool, open, raw_disk, raw_iso};
use darkroom_core::domain::format::{FormatKind, HEADER_BYTES, judge};
use darkroom_core::domain::{Error, Kind, Result};
use darkroom_core::ports::{PortError, Watcher};
use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The code of errors that say which program is missing or too old.
pub const TOOL_MISSING: &str = "tool_missing";
/// What may lie in a data directory; anything else in one without records means that it is somebody else's.
const OWN_NAMES: [&str; 7] =
    ["records", "regions", "machines", "scratch", "admin.sock", "lost+found", ".gitignore"];

/// Whether a command may make a data directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// It must have records.
    Existing,
    /// It is made when it is missing.
    MayCreate,
}

/// Finds the data directory, and makes it where that is wanted.
pub fn data_directory(path: &Path, wanted: Wanted) -> Result<PathBuf, Failure> {
    let shown = path.display();
    let unusable = |e: std::io::Error| {
        let advice = "Check the path, that this user may write there, and that the disk has space.";
        Failure::new(Code::Data, format!("The data directory {shown} cannot be used: {e}. {advice}"))
    };
    let records = path.join("records").try_exists().map_err(unusable)?;
    if !records && wanted == Wanted::Existing {
        return Err(Failure::new(
            Code::Data,
            format!(
                "There is no darkroom data in {shown}. Check --data; `darkroom serve --data DIR` begins a new one."
            ),
        ));
    }
    if !records && path.try_exists().map_err(unusable)? {
        for entry in fs::read_dir(path).map_err(unusable)? {
            let name = entry.map_err(unusable)?.file_name();
            if !OWN_NAMES.iter().any(|own| name == *own) {
                let name = name.to_string_lossy();
                return Err(Failure::new(
                    Code::Data,
                    format!(
                        "{shown} holds other things ({name}) and no darkroom data. Name an empty or a new directory with --data."
                    ),
                ));
            }
        }
    }
    // What tenants keep is nobody else's business on this machine.
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    path.canonicalize().map_err(unusable)
}

/// An open data directory and its settings.
pub struct Host {
    /// The application and the chunk stores.
    pub open: Open,
    /// Settings.
    pub settings: Settings,
    /// The data directory, absolute.
    pub data: PathBuf,
}

impl Host {
    /// Opens a data directory that [`data_directory`] found. Files that an interrupted import left are removed.
    pub fn open(data: &Path, settings: Settings) -> Result<Self, Failure> {
        let open = open(data, &settings)?;
        let host = Self { open, settings, data: data.to_owned() };
        host.clear_scratch().map_err(|e| {
            let path = host.scratch();
            Failure::new(
                Code::Data,
                format!("{} cannot be used: {e}. Check that this user may write there.", path.display()),
            )
        })?;
        Ok(host)
    }

    /// A private directory for files that do not outlive this process.
    pub fn scratch(&self) -> PathBuf {
        self.data.join("scratch")
    }

    fn clear_scratch(&self) -> std::io::Result<()> {
        match fs::remove_dir_all(self.scratch()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        DirBuilder::new().recursive(true).mode(0o700).create(self.scratch())
    }

    /// Gives `use_raw` the path of a raw disk with the content of `file`, which is judged first and converted if need be.
    pub fn with_raw_disk<T>(
        &self,
        file: &Path,
        watcher: &dyn Watcher,
        use_raw: impl FnOnce(&str) -> Result<T>,
    ) -> Result<T> {
        if self.judge(file)? != FormatKind::Raw {
            check_image_tool(&self.settings.qemu)
                .map_err(|why| Error::new(Kind::Unavailable, TOOL_MISSING, why))?;
        }
        let scratch = self.scratch().join(format!("import-{}.raw", self.open.app.ids.uuid()));
        let imported = raw_disk(&self.settings, file, &scratch, watcher);
        let result = imported.map_err(Error::from).and_then(|imported| use_raw(in_words(&imported.path)?));
        match fs::remove_file(&scratch) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                // The next start removes it; the outcome of the import is not touched by it.
                tracing::warn!(path = %scratch.display(), "an imported disk could not be removed: {e}");
            }
            _ => {}
        }
        result
    }

    /// Gives `use_raw` the path of an ISO, which is judged first and used as it is.
    pub fn with_iso<T>(&self, file: &Path, use_raw: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        use_raw(in_words(&raw_iso(&self.settings, file).map_err(Error::from)?.path)?)
    }

    fn judge(&self, file: &Path) -> Result<FormatKind> {
        let unreadable = |e: std::io::Error| {
            let message = format!(
                "{} cannot be read: {e}. Check the path, and that the user who runs darkroom may read it.",
                file.display()
            );
            Error::new(Kind::Invalid, "file_unreadable", message)
        };
        // Asked before it is opened: opening a pipe would wait for its writer.
        let data = fs::metadata(file).map_err(unreadable)?;
        if !data.is_file() {
            return Err(PortError::Refused(format!("{} is not an ordinary file.", file.display())).into());
        }
        let mut header = Vec::new();
        File::open(file)
            .map_err(unreadable)?
            .take(HEADER_BYTES)
            .read_to_end(&mut header)
            .map_err(unreadable)?;
        let format = judge(&header, data.len(), &self.settings.format).map_err(|refusal| {
            Error::new(Kind::Invalid, "disk_refused", format!("{}: {refusal}", file.display()))
        })?;
        Ok(format.kind)
    }

    /// A new password.
    pub fn password(&self) -> Password {
        super::terminal::generate(self.open.app.ids.as_ref())
    }
}

/// A path as the ports take it.
fn in_words(path: &Path) -> Result<&str> {
    let refused =
        || Error::new(Kind::Invalid, "path", "The path of the file is not UTF-8. Rename it and try again.");
    path.to_str().ok_or_else(refused)
}
