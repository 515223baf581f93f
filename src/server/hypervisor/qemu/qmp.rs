//! The QEMU machine protocol: one JSON object per line over a UNIX socket. Every wait has a deadline and every line a length.
//!
//! Knows nothing about machines. A connection that missed a deadline must be dropped, because its late answer is still to come.

use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// QEMU's longest known answers (the list of block nodes of a machine with many disks) stay far below.
const LINE_BYTES_MAX: usize = 8 << 20;

/// Events kept while nobody asks for them; the oldest are dropped, as every wait also asks for the state itself.
const N_EVENTS_MAX: usize = 256;

/// Why a conversation failed.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The other side is gone.
    #[error("the connection is closed")]
    Closed,
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// QEMU understood and refused.
    #[error("{text}")]
    Refused {
        /// QEMU's error class, such as `GenericError`.
        class: String,
        /// QEMU's words.
        text: String,
    },
    /// Not the protocol.
    #[error("unexpected answer: {0}")]
    Protocol(String),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads lines of bounded length from a socket, with deadlines.
pub struct Lines {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl Lines {
    /// A reader and writer over `stream`.
    pub const fn new(stream: UnixStream) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends everything, or fails at the deadline.
    pub fn send(&mut self, bytes: &[u8], deadline: Instant) -> Result<(), QmpError> {
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        self.stream.write_all(bytes).map_err(of_io)
    }

    /// The next bytes up to `end`, without it.
    pub fn until(&mut self, end: u8, deadline: Instant) -> Result<Vec<u8>, QmpError> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.buffer[searched..].iter().position(|&byte| byte == end) {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + at).collect();
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            if searched > LINE_BYTES_MAX {
                return Err(QmpError::Protocol(format!("a line of more than {LINE_BYTES_MAX} bytes")));
            }
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let mut chunk = [0u8; 16 * 1024];
            match self.stream.read(&mut chunk).map_err(of_io)? {
                0 => return Err(QmpError::Closed),
                n => self.buffer.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

fn left(deadline: Instant) -> Result<Duration, QmpError> {
    match deadline.checked_duration_since(Instant::now()) {
        // A timeout of zero would mean none at all.
        Some(left) if !left.is_zero() => Ok(left.max(Duration::from_millis(1))),
        _ => Err(QmpError::TimedOut),
    }
}

fn of_io(error: std::io::Error) -> QmpError {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => QmpError::TimedOut,
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => QmpError::Closed,
        _ => QmpError::Io(error),
    }
}

/// One line from QEMU, understood.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// The first line.
    Greeting,
    /// The answer to a command, by its id.
    Answer(u64, Value),
    /// A refusal of a command, by its id when it had one.
    Error(Option<u64>, String, String),
    /// Something happened.
    Event(String, Value),
}

/// Understands one line.
pub fn parse(line: &[u8]) -> Result<Message, QmpError> {
    let shown = || String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    let value: Value = serde_json::from_slice(line).map_err(|_| QmpError::Protocol(shown()))?;
    let id = value.get("id").and_then(Value::as_u64);
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(error) = value.get("error") {
        return Ok(Message::Error(id, text(error, "class"), text(error, "desc")));
    }
    if let Some(answer) = value.get("return") {
        return id.map(|id| Message::Answer(id, answer.clone())).ok_or_else(|| QmpError::Protocol(shown()));
    }
    if value.get("event").is_some() {
        return Ok(Message::Event(text(&value, "event"), value.get("data").cloned().unwrap_or(Value::Null)));
    }
    if value.get("QMP").is_some() {
        return Ok(Message::Greeting);
    }
    Err(QmpError::Protocol(shown()))
}

/// An event of QEMU.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its name, such as `SHUTDOWN`.
    pub name: String,
    /// What it carries.
    pub data: Value,
}

/// A connection to QEMU.
pub struct Qmp {
    lines: Lines,
    next_id: u64,
    events: VecDeque<Event>,
    timeout: Duration,
}

impl Qmp {
    /// Connects, reads the greeting and leaves negotiation mode. Every later command may take `timeout`.
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, QmpError> {
        let stream = UnixStream::connect(path)?;
        Self::over(stream, timeout)
    }

    /// The same over a connected socket.
    pub fn over(stream: UnixStream, timeout: Duration) -> Result<Self, QmpError> {
        let mut qmp = Self { lines: Lines::new(stream), next_id: 1, events: VecDeque::new(), timeout };
        let deadline = Instant::now() + timeout;
        match parse(&qmp.lines.until(b'\n', deadline)?)? {
            Message::Greeting => {}
            other => return Err(QmpError::Protocol(format!("{other:?} instead of a greeting"))),
        }
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and returns its answer. Events that come in between are kept.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        let deadline = Instant::now() + self.timeout;
        let id = self.next_id;
        self.next_id += 1;
        let mut line = json!({ "execute": command, "arguments": arguments, "id": id }).to_string();
        line.push('\n');
        self.lines.send(line.as_bytes(), deadline)?;
        loop {
            match parse(&self.lines.until(b'\n', deadline)?)? {
                Message::Answer(of, answer) if of == id => return Ok(answer),
                Message::Error(of, class, text) if of.is_none() || of == Some(id) => {
                    return Err(QmpError::Refused { class, text });
                }
                Message::Event(name, data) => self.keep(Event { name, data }),
                other => return Err(QmpError::Protocol(format!("{other:?} while waiting for {command}"))),
            }
        }
    }

    /// The next event, waiting for `timeout` at most; `None` when there was none.
    pub fn event(&mut self, timeout: Duration) -> Result<Option<Event>, QmpError> {
        if let Some(event) = self.events.pop_front() {
            return Ok(Some(event));
        }
        match self.lines.until(b'\n', Instant::now() + timeout) {
            Err(QmpError::TimedOut) => Ok(None),
            Err(error) => Err(error),
            Ok(line) => match parse(&line)? {
                Message::Event(name, data) => Ok(Some(Event { name, data })),
                other => Err(QmpError::Protocol(format!("{other:?} without a command"))),
            },
        }
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() == N_EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn every_kind_of_line_is_understood() {
        let check = |line: &str, expected: Message| assert_eq!(parse(line.as_bytes()).unwrap(), expected);
        check(r#"{"QMP":{"version":{},"capabilities":["oob"]}}"#, Message::Greeting);
        check(r#"{"return":{"status":"running"},"id":7}"#, Message::Answer(7, json!({"status": "running"})));
        check(
            r#"{"id":3,"error":{"class":"GenericError","desc":"No."}}"#,
            Message::Error(Some(3), "GenericError".to_owned(), "No.".to_owned()),
        );
        check(
            r#"{"event":"SHUTDOWN","data":{"guest":true}}"#,
            Message::Event("SHUTDOWN".to_owned(), json!({"guest": true})),
        );
        for line in ["", "{", "[]", "{}", r#"{"return":{}}"#, "\u{1b}[0m"] {
            assert!(matches!(parse(line.as_bytes()), Err(QmpError::Protocol(_))), "{line}");
        }
    }

    /// A QEMU that answers each command with the next of `answers`.
    fn fake(answers: Vec<&'static str>) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let mut writer = theirs.try_clone().unwrap();
            writer.write_all(b"{\"QMP\":{}}\r\n").unwrap();
            let mut reader = BufReader::new(theirs);
            for answer in answers {
                reader.read_line(&mut String::new()).unwrap();
                writer.write_all(answer.as_bytes()).unwrap();
            }
            // Keeps the socket open, silent, until the client hangs up.
            reader.read_to_end(&mut Vec::new()).unwrap();
        });
        ours
    }

    #[test]
    fn events_that_come_before_an_answer_are_not_lost() {
        let hello = "{\"return\":{},\"id\":1}\r\n";
        let stream =
            fake(vec![hello, "{\"event\":\"STOP\"}\r\n{\"event\":\"RESUME\"}\n{\"return\":42,\"id\":2}\n"]);
        let mut qmp = Qmp::over(stream, Duration::from_secs(5)).unwrap();
        assert_eq!(qmp.execute("query", json!({})).unwrap(), json!(42));
        let mut next = || qmp.event(Duration::from_millis(20)).unwrap().map(|event| event.name);
        assert_eq!((next(), next(), next()), (Some("STOP".to_owned()), Some("RESUME".to_owned()), None));
    }

    #[test]
    fn a_silent_qemu_is_given_up_at_the_deadline() {
        let stream = fake(vec!["{\"return\":{},\"id\":1}\n"]);
        let mut qmp = Qmp::over(stream, Duration::from_millis(80)).unwrap();
        let started = Instant::now();
        assert!(matches!(qmp.execute("query", json!({})), Err(QmpError::TimedOut)));
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        std::thread::spawn(move || {
            let chunk = vec![b'x'; 1 << 20];
            // Ends when the client hangs up.
            while theirs.write_all(&chunk).is_ok() {}
        });
        assert!(matches!(Qmp::over(ours, Duration::from_secs(20)), Err(QmpError::Protocol(_))));
    }
}
