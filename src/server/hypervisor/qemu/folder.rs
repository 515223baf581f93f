//! A machine's folder and the durable small files in it.
//!
//! `spec.json` says what the machine is, `state.json` what was last asked of it, `ssh-port` where its SSH appears, `frozen` that the guest's
//! file systems may be frozen. Sockets are reached through a short path, because a socket's path may have 107 bytes at most.

use darkroom_core::domain::ids::{DiskId, InstanceId, TaskId};
use darkroom_core::ports::{MachineSpec, PortError};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What was last asked of a machine. A process that is gone although it was started has died.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The process was started.
    Started,
    /// The process was told to end, or was seen dead.
    Off {
        /// Why it ended, when nobody asked it to.
        died: Option<String>,
    },
}

/// Where the things of one machine are.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Names the machine.
    pub id: InstanceId,
    /// The folder, absolute.
    pub path: PathBuf,
    /// The same folder through an open descriptor: short enough for sockets.
    pub short: PathBuf,
}

impl Folder {
    /// The file of a disk.
    pub fn disk(&self, disk: DiskId) -> PathBuf {
        self.path.join("disks").join(format!("{disk}.qcow2"))
    }

    /// The finished file of one disk of a capture.
    pub fn scratch(&self, capture: TaskId, disk: DiskId) -> PathBuf {
        self.path.join("scratch").join(format!("{capture}-{disk}.raw"))
    }

    /// The same file while it is not finished.
    pub fn scratch_part(&self, capture: TaskId, disk: DiskId) -> PathBuf {
        self.path.join("scratch").join(format!("{capture}-{disk}.raw.part"))
    }

    /// Removes all files of a capture, finished or not, also those of a darkroom that named them in another way.
    pub fn discard_scratch(&self, capture: TaskId) -> Result<(), PortError> {
        let (folder, begins) = (self.path.join("scratch"), capture.to_string());
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(unavailable(&folder, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unavailable(&folder, &error))?;
            if entry.file_name().to_string_lossy().starts_with(&begins) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The path of one of the machine's sockets, short enough to connect to.
    pub fn socket(&self, name: &str) -> PathBuf {
        self.short.join(name)
    }

    /// The machine's description; `None` when there is no such machine.
    pub fn spec(&self) -> Result<Option<MachineSpec>, PortError> {
        self.read_json("spec.json")
    }

    /// Writes the description durably, unless it is there already.
    pub fn write_spec(&self, spec: &MachineSpec) -> Result<(), PortError> {
        if self.spec()?.as_ref() == Some(spec) {
            return Ok(());
        }
        self.write_json("spec.json", spec)
    }

    /// What was last asked of the machine.
    pub fn state(&self) -> Result<State, PortError> {
        Ok(self.read_json("state.json")?.unwrap_or(State::Off { died: None }))
    }

    /// Records durably what is asked of the machine.
    pub fn write_state(&self, state: &State) -> Result<(), PortError> {
        self.write_json("state.json", state)
    }

    /// The port of the machine's SSH, once chosen.
    pub fn ssh_port(&self) -> Option<u16> {
        fs::read_to_string(self.path.join("ssh-port")).ok()?.trim().parse().ok()
    }

    /// At most `limit_bytes` from the end of a file of the machine; empty when there is none.
    pub fn tail(&self, name: &str, limit_bytes: u64) -> Result<Vec<u8>, PortError> {
        let path = self.path.join(name);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unavailable(&path, &error)),
        };
        let mut read = || {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(limit_bytes)))?;
            let mut tail = Vec::new();
            (&mut file).take(limit_bytes).read_to_end(&mut tail)?;
            Ok(tail)
        };
        read().map_err(|error: std::io::Error| unavailable(&path, &error))
    }

    /// Cuts the console's log to the newer half of `limit_bytes` once it is longer. QEMU appends, so it goes on writing at the new end; what
    /// it writes in the instant between reading and cutting is lost.
    pub fn trim_console(&self, limit_bytes: u64) -> Result<(), PortError> {
        let path = self.path.join("console.log");
        if fs::metadata(&path).map_or(0, |data| data.len()) <= limit_bytes {
            return Ok(());
        }
        let tail = self.tail("console.log", limit_bytes / 2)?;
        let cut = || {
            let mut file = File::options().append(true).open(&path)?;
            file.set_len(0)?;
            file.write_all(&tail)
        };
        cut().map_err(|error: std::io::Error| unavailable(&path, &error))
    }

    fn read_json<T: for<'a> Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, PortError> {
        let path = self.path.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unavailable(&path, &error)),
        };
        let value = serde_json::from_slice(&bytes);
        value
            .map(Some)
            .map_err(|error| PortError::Corrupt(format!("{} cannot be read: {error}.", path.display())))
    }

    fn write_json<T: Serialize>(&self, name: &str, value: &T) -> Result<(), PortError> {
        let bytes = serde_json::to_vec_pretty(value).expect("these types have only string keys");
        write_durably(&self.path.join(name), &bytes)
    }
}

/// Replaces a file in one step; it is on the disk when this returns.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), PortError> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        publish(&part, path)
    };
    write().map_err(|error| unavailable(path, &error))
}

/// Gives a finished file its name, durably.
pub fn publish(part: &Path, path: &Path) -> std::io::Result<()> {
    fs::rename(part, path)?;
    let parent = path.parent().expect("a file is in a folder");
    File::open(parent)?.sync_all()
}

/// Removes a file that may not be there.
pub fn remove(path: &Path) -> Result<(), PortError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unavailable(path, &error)),
        _ => Ok(()),
    }
}

/// An I/O error as a port's error.
pub fn unavailable(path: &Path, error: &std::io::Error) -> PortError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            PortError::NoSpace { place: "machine".to_owned() }
        }
        _ => PortError::Unavailable(format!("{}: {error}.", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn folder(path: &Path) -> Folder {
        Folder { id: InstanceId(Uuid::from_u128(1)), path: path.to_owned(), short: path.to_owned() }
    }

    #[test]
    fn a_state_is_read_back_and_a_torn_one_is_called_corrupt() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = folder(temporary.path());
        assert_eq!(folder.state().unwrap(), State::Off { died: None });
        folder.write_state(&State::Started).unwrap();
        assert_eq!(folder.state().unwrap(), State::Started);
        fs::write(temporary.path().join("state.json"), "{").unwrap();
        assert!(matches!(folder.state(), Err(PortError::Corrupt(_))));
    }

    #[test]
    fn a_long_console_log_is_cut_to_its_end_while_a_writer_appends() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = folder(temporary.path());
        let path = temporary.path().join("console.log");
        let mut writer = File::options().append(true).create(true).open(&path).unwrap();
        writer.write_all(&[b'a'; 1000]).unwrap();
        writer.write_all(&[b'b'; 60]).unwrap();
        folder.trim_console(2000).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 1060);
        folder.trim_console(200).unwrap();
        writer.write_all(b"c").unwrap();
        let log = fs::read(&path).unwrap();
        assert_eq!(log, [vec![b'a'; 40], vec![b'b'; 60], vec![b'c']].concat());
        assert_eq!(folder.tail("console.log", 2).unwrap(), b"bc");
    }
}
