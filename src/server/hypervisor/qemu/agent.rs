//! The QEMU guest agent: freezes the guest's file systems for the instant of a capture.
//!
//! The agent is guest code and so not trusted: every answer is bounded in time and length, and none changes what darkroom does beyond
//! how consistent it calls a capture.

use super::qmp::{Lines, QmpError};
use serde_json::{Value, json};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Starts an answer to `guest-sync-delimited`; a byte that no JSON text contains.
const SENTINEL: u8 = 0xff;

/// Answers that come from before are skipped, but not for ever.
const N_STALE_ANSWERS_MAX: usize = 64;

static NEXT_SYNC: AtomicU64 = AtomicU64::new(1);

/// A connection to an agent that answers.
pub struct Agent {
    lines: Lines,
}

impl Agent {
    /// Connects and makes sure that the agent answers and that no old answer is in the way.
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, QmpError> {
        Self::over(UnixStream::connect(path)?, timeout)
    }

    /// The same over a connected socket.
    pub fn over(stream: UnixStream, timeout: Duration) -> Result<Self, QmpError> {
        let deadline = Instant::now() + timeout;
        let mut lines = Lines::new(stream);
        // The process id keeps the numbers of two runs of darkroom apart.
        let id = u64::from(std::process::id()) << 24 | NEXT_SYNC.fetch_add(1, Ordering::Relaxed) & 0xff_ffff;
        lines.send(&sync_request(id), deadline)?;
        for _ in 0..N_STALE_ANSWERS_MAX {
            lines.until(SENTINEL, deadline)?;
            let line = lines.until(b'\n', deadline)?;
            let answer: Value = serde_json::from_slice(&line).unwrap_or_default();
            if answer.get("return").and_then(Value::as_u64) == Some(id) {
                return Ok(Self { lines });
            }
        }
        Err(QmpError::Protocol("the guest agent repeats old answers".to_owned()))
    }

    /// Freezes all file systems; returns how many.
    pub fn freeze(&mut self, timeout: Duration) -> Result<u64, QmpError> {
        let answer = self.execute("guest-fsfreeze-freeze", timeout)?;
        answer.as_u64().ok_or_else(|| QmpError::Protocol(answer.to_string()))
    }

    /// Thaws what is frozen; returns how many file systems.
    pub fn thaw(&mut self, timeout: Duration) -> Result<u64, QmpError> {
        let answer = self.execute("guest-fsfreeze-thaw", timeout)?;
        answer.as_u64().ok_or_else(|| QmpError::Protocol(answer.to_string()))
    }

    fn execute(&mut self, command: &str, timeout: Duration) -> Result<Value, QmpError> {
        let deadline = Instant::now() + timeout;
        let line = format!("{}\n", json!({ "execute": command }));
        self.lines.send(line.as_bytes(), deadline)?;
        let line = self.lines.until(b'\n', deadline)?;
        let answer: Value = serde_json::from_slice(&line)
            .map_err(|_| QmpError::Protocol("the guest agent does not speak JSON".to_owned()))?;
        if let Some(error) = answer.get("error") {
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            return Err(QmpError::Refused { class: text("class"), text: text("desc") });
        }
        answer
            .get("return")
            .cloned()
            .ok_or_else(|| QmpError::Protocol("an answer without a result".to_owned()))
    }
}

/// The sentinel first ends whatever half command an earlier connection left in the agent's parser.
fn sync_request(id: u64) -> Vec<u8> {
    let mut request = vec![SENTINEL];
    request.extend(
        format!("{}\n", json!({ "execute": "guest-sync-delimited", "arguments": { "id": id } })).bytes(),
    );
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};

    #[test]
    fn a_sync_request_starts_with_the_sentinel_and_ends_its_line() {
        let request = sync_request(5);
        assert_eq!(request[0], 0xff);
        assert_eq!(&request[1..], b"{\"arguments\":{\"id\":5},\"execute\":\"guest-sync-delimited\"}\n");
    }

    /// An agent that first sends what an earlier conversation left, then answers commands by name.
    fn fake(leftover: &'static [u8], answers: fn(&str) -> Option<&'static str>) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut writer = theirs.try_clone().unwrap();
            writer.write_all(leftover).unwrap();
            let mut reader = BufReader::new(theirs);
            loop {
                let mut line = Vec::new();
                if reader.read_until(b'\n', &mut line).unwrap_or(0) == 0 {
                    return;
                }
                let json = line.strip_prefix(&[SENTINEL]).unwrap_or(&line);
                let request: Value = serde_json::from_slice(json).unwrap();
                let answer = match request["execute"].as_str().unwrap() {
                    "guest-sync-delimited" => format!("\n{{\"return\": {}}}\n", request["arguments"]["id"]),
                    command => answers(command).map(|answer| format!("{answer}\n")).unwrap_or_default(),
                };
                let bytes = answer.strip_prefix('\n').map_or_else(
                    || answer.clone().into_bytes(),
                    |rest| [&[SENTINEL], rest.as_bytes()].concat(),
                );
                writer.write_all(&bytes).unwrap();
            }
        });
        ours
    }

    #[test]
    fn old_answers_in_the_channel_are_skipped() {
        let stream = fake(b"{\"return\": 3}\n\xff{\"return\": 1}\nhalf", |_| Some("{\"return\": 2}"));
        let mut agent = Agent::over(stream, Duration::from_secs(5)).unwrap();
        assert_eq!(agent.freeze(Duration::from_secs(5)).unwrap(), 2);
    }

    #[test]
    fn a_refusal_and_silence_are_told_apart() {
        let answers: fn(&str) -> Option<&'static str> = |command| {
            (command == "guest-fsfreeze-thaw")
                .then_some("{\"error\": {\"class\": \"GenericError\", \"desc\": \"disabled\"}}")
        };
        let mut agent = Agent::over(fake(b"", answers), Duration::from_secs(5)).unwrap();
        assert!(
            matches!(agent.thaw(Duration::from_secs(5)), Err(QmpError::Refused { text, .. }) if text == "disabled")
        );
        assert!(matches!(agent.freeze(Duration::from_millis(50)), Err(QmpError::TimedOut)));
    }

    #[test]
    fn a_guest_without_agent_is_given_up_at_the_deadline() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        assert!(matches!(Agent::over(ours, Duration::from_millis(50)), Err(QmpError::TimedOut)));
    }
}
