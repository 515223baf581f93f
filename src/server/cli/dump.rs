//! `darkroom export` and `darkroom import`: all records as text. Disk contents lie as files in `DATA/regions` and are copied as files.

use super::command::AdminCommand;
use super::host::{Wanted, data_directory};
use super::terminal::{Progress, say, warn};
use super::{Code, DataArgs, Failure, seed, socket, start_quiet_log};
use crate::server::open_records;
use clap::Args;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::store::{Store, StoreError, dump};
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const EXPORT_HELP: &str = "\
Works while the server runs (then FILE must be named) and when it does not. The export holds hashes of passwords:
it is written with mode 0600; keep it so. Disk contents are not in it: copy DATA/regions as files, after the export.

Examples:
  darkroom export --data ./data records.jsonl
  darkroom export --data ./data - | gzip > records.jsonl.gz";

const IMPORT_HELP: &str = "\
Needs a data directory without records. Copy the regions folder of the backup into it first or afterwards.

Examples:
  darkroom import --data ./restored records.jsonl
  zcat records.jsonl.gz | darkroom import --data ./restored -";

/// Tries of an export in a server whose records change meanwhile.
const EXPORT_TRIES: u32 = 20;

#[derive(Args)]
#[command(after_help = EXPORT_HELP)]
pub struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The file to write, which must not exist; - for standard output
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

#[derive(Args)]
#[command(after_help = IMPORT_HELP)]
pub struct ImportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// The export to read; - for standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Exports all records.
pub fn export(args: &ExportArgs) -> Result<(), Failure> {
    args.data.settings()?;
    let data = data_directory(&args.data.data, Wanted::Existing)?;
    if args.file.as_os_str() == "-" {
        start_quiet_log();
        let store = open_records(&data).map_err(|error| locked_needs_file(error.into()))?;
        let n_rows = dump::export(store.as_ref(), &mut BufWriter::new(std::io::stdout().lock()))?;
        warn(&format!("Exported {n_rows} records."));
        return Ok(());
    }
    let file = std::path::absolute(&args.file).map_err(|e| {
        Failure::new(Code::Refused, format!("{} is no usable path: {e}.", args.file.display()))
    })?;
    let command = AdminCommand::Export { file: file.clone() };
    let text = match socket::ask(&data, &command, &Progress::new("Exporting"))? {
        Some(reply) => reply?.text,
        None => {
            start_quiet_log();
            export_to(open_records(&data)?.as_ref(), &file)?
        }
    };
    say(&text);
    Ok(())
}

fn locked_needs_file(failure: Failure) -> Failure {
    let message = format!("{} To export from a running server, name a FILE.", failure.message);
    Failure { message, ..failure }
}

/// Exports to a new file that appears under its name when it is complete and durable.
pub fn export_to(store: &dyn Store, file: &Path) -> darkroom_core::domain::Result<String> {
    let refused = |e: std::io::Error| {
        let message =
            format!("{} cannot be written: {e}. Check the path, permissions and space.", file.display());
        Error::new(Kind::Invalid, "file_unwritable", message)
    };
    if file.try_exists().map_err(refused)? {
        let message =
            format!("{} exists already. Name a new file, so that no older backup is lost.", file.display());
        return Err(Error::conflict("file_exists", message));
    }
    let part = file.with_added_extension("part");
    let mut n_tries = 0;
    let written = loop {
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let mut out = BufWriter::new(opened.map_err(refused)?);
        n_tries += 1;
        match dump::export(store, &mut out) {
            Err(StoreError::ChangedDuringExport) if n_tries < EXPORT_TRIES => {}
            result => {
                let flushed = out.flush().and_then(|()| out.get_ref().sync_all());
                break result
                    .map_err(Error::from)
                    .and_then(|n_rows| flushed.map(|()| n_rows).map_err(refused));
            }
        }
    };
    let published = written.and_then(|n_rows| fs::rename(&part, file).map(|()| n_rows).map_err(refused));
    match published {
        Ok(n_rows) => Ok(format!("Exported {n_rows} records to {}.", file.display())),
        Err(error) => {
            if let Err(e) = fs::remove_file(&part) {
                tracing::warn!(path = %part.display(), "an unfinished export could not be removed: {e}");
            }
            Err(error)
        }
    }
}

/// Imports all records into an empty store.
pub fn import(args: &ImportArgs) -> Result<(), Failure> {
    args.data.settings()?;
    start_quiet_log();
    let unreadable = |e: std::io::Error| {
        Failure::new(
            Code::Refused,
            format!("{} cannot be read: {e}. Check the path and permissions.", args.file.display()),
        )
    };
    // The file is opened first: a wrong name must not leave a new data directory behind.
    let mut input: Box<dyn std::io::BufRead> = if args.file.as_os_str() == "-" {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(&args.file).map_err(unreadable)?))
    };
    let data = data_directory(&args.data.data, Wanted::MayCreate)?;
    let store = open_records(&data)?;
    if !seed::is_empty(store.as_ref())? {
        return Err(StoreError::NotEmpty.into());
    }
    let n_rows = dump::import(store.as_ref(), &mut input)?;
    say(&format!(
        "Imported {n_rows} records into {}. Verify them, and the disk contents beside them, with `darkroom check`.",
        data.display()
    ));
    Ok(())
}
