//! Turns a disk file from outside into a raw file. Our own header judge looks first; no tool opens a file that it refused.

use super::qemu::settings::QemuSettings;
use super::tool;
use darkroom_core::domain::format::{
    DiskFormat, FormatKind, FormatLimits, HEADER_BYTES, Refusal, judge, judge_iso,
};
use darkroom_core::ports::{PortError, Watcher};
use serde_json::json;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// A raw disk, ready to be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Imported {
    /// The raw file: the given one itself when it was raw, else the scratch file.
    pub path: PathBuf,
    /// The size a guest sees, in bytes.
    pub virtual_bytes: u64,
    /// The format it came in.
    pub format: FormatKind,
}

/// Judges a file and, when it is not raw, converts it into `scratch`. The scratch file exists only after success.
pub fn to_raw(
    path: &Path,
    scratch: &Path,
    settings: &QemuSettings,
    limits: &FormatLimits,
    watcher: &dyn Watcher,
) -> Result<Imported, PortError> {
    let of_path = |error: std::io::Error| PortError::Unavailable(format!("{}: {error}.", path.display()));
    // An absolute path cannot be taken for a protocol such as `nbd:` or `json:`.
    let path = path.canonicalize().map_err(of_path)?;
    let format = judge_file(&path, limits, judge)?;
    if format.kind == FormatKind::Raw {
        return Ok(Imported { path, virtual_bytes: format.virtual_bytes, format: format.kind });
    }
    let part = scratch.with_extension("part");
    let converted = convert(&path, &part, &format, settings, watcher).and_then(|()| {
        fs::rename(&part, scratch)
            .map_err(|error| PortError::Unavailable(format!("{}: {error}.", scratch.display())))
    });
    if let Err(error) = converted {
        super::qemu::remove_file(&part)?;
        return Err(error);
    }
    Ok(Imported { path: scratch.to_owned(), virtual_bytes: format.virtual_bytes, format: format.kind })
}

/// Judges a file that is to be an ISO. It is stored as it is: no tool opens it.
pub fn iso(path: &Path, limits: &FormatLimits) -> Result<Imported, PortError> {
    let of_path = |error: std::io::Error| PortError::Unavailable(format!("{}: {error}.", path.display()));
    let path = path.canonicalize().map_err(of_path)?;
    let format = judge_file(&path, limits, judge_iso)?;
    Ok(Imported { path, virtual_bytes: format.virtual_bytes, format: format.kind })
}

/// What judges a header.
type Judge = fn(&[u8], u64, &FormatLimits) -> Result<DiskFormat, Refusal>;

fn judge_file(path: &Path, limits: &FormatLimits, judge: Judge) -> Result<DiskFormat, PortError> {
    let of_path = |error: std::io::Error| PortError::Unavailable(format!("{}: {error}.", path.display()));
    let file = File::open(path).map_err(of_path)?;
    let data = file.metadata().map_err(of_path)?;
    if !data.is_file() {
        return Err(PortError::Refused(format!("{} is not an ordinary file.", path.display())));
    }
    let mut header = Vec::new();
    file.take(HEADER_BYTES).read_to_end(&mut header).map_err(of_path)?;
    judge(&header, data.len(), limits).map_err(|refusal| PortError::Refused(refusal.to_string()))
}

fn convert(
    path: &Path,
    part: &Path,
    format: &DiskFormat,
    settings: &QemuSettings,
    watcher: &dyn Watcher,
) -> Result<(), PortError> {
    // The header was judged, and still the tool is told to follow nothing.
    let graph = json!({
        "driver": "qcow2", "backing": null, "read-only": true,
        "file": { "driver": "file", "filename": path, "read-only": true },
    });
    let mut arguments: Vec<String> =
        ["convert", "-p", "-W", "-S", "4k", "-O", "raw"].map(str::to_owned).into();
    arguments.extend([format!("json:{graph}"), part.display().to_string()]);
    let mut on_output = |text: &str| {
        if let Some(hundredths) = super::qemu::tool_progress(text) {
            watcher.progress(format.virtual_bytes / 10_000 * hundredths, format.virtual_bytes);
        }
    };
    let tool_limits = tool::ToolLimits { file_bytes: format.virtual_bytes + (1 << 20), ..settings.tool };
    tool::run(&settings.qemu_img, &arguments, &tool_limits, Some(watcher), &mut on_output)?;
    Ok(())
}
