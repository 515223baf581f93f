//! Processes of machines: found again by pid file and identity, waited for and killed through a descriptor that a recycled pid cannot fool.

use darkroom_core::domain::ids::InstanceId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A running QEMU of ours.
pub struct Process {
    handle: OwnedFd,
}

impl Process {
    /// The process that the pid file names, if it runs and is the machine `id`.
    pub fn find(pid_file: &Path, id: InstanceId) -> Option<Self> {
        let pid: i32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
        let handle = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        let process = Self { handle };
        // The command line is read after the descriptor was opened and before it is seen alive: it cannot belong to a later process.
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        (is_machine(&command_line, id) && !process.ended(Duration::ZERO)).then_some(process)
    }

    /// Waits for the end of the process; returns whether it came in time.
    pub fn ended(&self, timeout: Duration) -> bool {
        let seconds = i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX);
        let timeout = Timespec { tv_sec: seconds, tv_nsec: timeout.subsec_nanos().into() };
        let mut fds = [PollFd::new(&self.handle, PollFlags::IN)];
        loop {
            match poll(&mut fds, Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => {}
                result => return result.is_ok_and(|n| n > 0),
            }
        }
    }

    /// Ends the process at once. One that ended by itself meanwhile is fine.
    pub fn kill(&self) -> std::io::Result<()> {
        match pidfd_send_signal(&self.handle, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a command line (arguments that end with NUL) has `-uuid` followed by the machine's id.
fn is_machine(command_line: &[u8], id: InstanceId) -> bool {
    let id = id.to_string();
    let arguments: Vec<&[u8]> = command_line.split(|&byte| byte == 0).collect();
    arguments.windows(2).any(|pair| pair[0] == b"-uuid" && pair[1] == id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::hypervisor::tool;
    use std::io::Read;
    use uuid::Uuid;

    #[test]
    fn a_recycled_pid_is_never_taken_for_a_machine() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        fs::write(&file, std::process::id().to_string()).unwrap();
        assert!(Process::find(&file, InstanceId(Uuid::from_u128(1))).is_none());
        fs::write(&file, "not a pid").unwrap();
        assert!(Process::find(&file, InstanceId(Uuid::from_u128(1))).is_none());
    }

    #[test]
    fn a_machine_is_found_by_its_id_and_ends_when_killed() {
        let (id, other) = (InstanceId(Uuid::from_u128(1)), InstanceId(Uuid::from_u128(2)));
        let shell = tool::find_program("sh").unwrap();
        let mut child = tool::command(&shell)
            .args(["-c", "echo ready; read line", "x", "-uuid", &id.to_string()])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // A process that has just been started may not have its command line yet; a machine writes its pid file long after that.
        child.stdout.as_mut().unwrap().read_exact(&mut [0u8; 6]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        fs::write(&file, format!("{}\n", child.id())).unwrap();
        assert!(Process::find(&file, other).is_none());
        let process = Process::find(&file, id).unwrap();
        assert!(!process.ended(Duration::from_millis(20)));
        process.kill().unwrap();
        assert!(process.ended(Duration::from_secs(10)));
        // A dead child that nobody waited for yet still has its pid, and is not running.
        assert!(Process::find(&file, id).is_none());
        child.wait().unwrap();
    }
}
