//! The administrator's socket `DATA/admin.sock`: a server executes commands for `darkroom admin` while it has the data directory open.
//!
//! One JSON line goes in; JSON lines come back: progress, then one outcome. Only the user who runs the server can connect (mode 0600, made in
//! a directory of mode 0700). Requests are bounded in size and time, and clients in number. Passwords pass through and are never logged.

use super::command::{AdminCommand, Reply};
use super::host::Host;
use super::{Code, Failure};
use darkroom_core::domain::{Error, Kind, Result as CoreResult};
use darkroom_core::ports::Watcher;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const NAME: &str = "admin.sock";
/// The longest answer a client reads.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How long a client waits for the next line of an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(600);
/// How long writing a line may take before the other side counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// At most one line of progress in this time.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// After a failure to accept, such as no free file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// A line of the answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Progress { done_bytes: u64, total_bytes: u64 },
    Done(Reply),
    Failed(Error),
}

/// A path to `name` in `directory` that fits a socket address however deep the directory lies: the system resolves the number of the open
/// directory. The file must stay open while the path is used.
fn short_path(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let opened = File::open(directory)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", opened.as_raw_fd()));
    Ok((opened, path))
}

fn send(stream: &mut UnixStream, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    stream.write_all(&text)
}

// ------------------------------------------------------------------------------------------------------------- client

/// Asks the server that has `data` open. `None` when there is none.
pub fn ask(
    data: &Path,
    command: &AdminCommand,
    watcher: &dyn Watcher,
) -> Result<Option<CoreResult<Reply>>, Failure> {
    let unusable = |e: io::Error| {
        let advice = "Run the command as the user who runs the server, or stop the server first.";
        Failure::new(
            Code::Data,
            format!("The server's socket {} cannot be used: {e}. {advice}", data.join(NAME).display()),
        )
    };
    let (_open, path) = short_path(data, NAME).map_err(unusable)?;
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        // A server that was killed leaves its socket behind; nobody listens on it.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(e) => return Err(unusable(e)),
    };
    let lost = |_| {
        let message =
            "The server ended before it answered. Look whether the change was made, then try again.";
        Failure::new(Code::Data, message)
    };
    stream.set_write_timeout(Some(WRITE_TIMEOUT)).map_err(unusable)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(unusable)?;
    send(&mut stream, command).map_err(lost)?;
    let mut answer = BufReader::new(stream.take(ANSWER_BYTES_MAX));
    loop {
        let mut text = String::new();
        answer.read_line(&mut text).map_err(lost)?;
        match serde_json::from_str(&text).map_err(|e| lost(e.into()))? {
            Line::Progress { done_bytes, total_bytes } => watcher.progress(done_bytes, total_bytes),
            Line::Done(reply) => return Ok(Some(Ok(reply))),
            Line::Failed(error) => return Ok(Some(Err(error))),
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- server

struct Shared {
    host: Arc<Host>,
    stopping: AtomicBool,
    n_clients: Mutex<u32>,
    client_left: Condvar,
}

/// The listening socket.
pub struct AdminSocket {
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl AdminSocket {
    /// Listens. The caller holds the lock of the records, so a socket that is there is a leftover and is replaced.
    pub fn start(host: &Arc<Host>) -> io::Result<Self> {
        let private = host.scratch();
        let (_open, path) = short_path(&private, NAME)?;
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        fs::rename(private.join(NAME), host.data.join(NAME))?;
        let shared = Arc::new(Shared {
            host: host.clone(),
            stopping: AtomicBool::new(false),
            n_clients: Mutex::new(0),
            client_left: Condvar::new(),
        });
        let accepting = std::thread::Builder::new().name("admin-socket".to_owned()).spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        })?;
        Ok(Self { shared, accepting })
    }

    /// Stops listening, cancels long commands, and waits for clients until `deadline`.
    pub fn stop(self, deadline: Instant) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // The listener wakes up for a connection and sees that it is to stop.
        if let Ok((_open, path)) = short_path(&self.shared.host.data, NAME)
            && UnixStream::connect(path).is_ok()
            && self.accepting.join().is_err()
        {
            tracing::error!("the administrator's socket ended by a defect");
        }
        if let Err(e) = fs::remove_file(self.shared.host.data.join(NAME)) {
            tracing::debug!("the administrator's socket was gone already: {e}");
        }
        let mut n_clients = self.shared.n_clients();
        while *n_clients > 0 {
            let Some(rest) = deadline.checked_duration_since(Instant::now()) else { return };
            let waited = self.shared.client_left.wait_timeout(n_clients, rest);
            n_clients = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn n_clients(&self) -> std::sync::MutexGuard<'_, u32> {
        self.n_clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the places for clients.
    fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut n_clients = self.n_clients();
        if *n_clients >= self.host.settings.admin.n_clients_max {
            return None;
        }
        *n_clients += 1;
        Some(Place(self.clone()))
    }
}

/// A client's place, given back however its thread ends.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.n_clients() -= 1;
        self.0.client_left.notify_all();
    }
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let served = stream.and_then(|mut stream| {
            stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
            let Some(place) = shared.enter() else {
                let message = "The server is busy with other commands. Try again in a moment.";
                return send(&mut stream, &Line::Failed(Error::unavailable("busy", message)));
            };
            std::thread::Builder::new()
                .name("admin-client".to_owned())
                .spawn(move || serve(stream, &place.0))
                .map(|_| ())
        });
        if let Err(e) = served {
            tracing::warn!("a client of the administrator's socket could not be served: {e}");
            std::thread::park_timeout(ACCEPT_PAUSE);
        }
    }
}

fn serve(mut stream: UnixStream, shared: &Shared) {
    let outcome = match read_request(&stream, shared) {
        Ok(command) => {
            tracing::info!(command = command.name(), "an administrator's command");
            let watcher = ToClient { stream: &stream, shared, state: Mutex::new(ToClientState::default()) };
            command.execute(&shared.host, &watcher)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = &outcome
        && error.kind == Kind::Internal
    {
        tracing::error!(code = error.code, "an administrator's command failed: {}", error.message);
    }
    let line = outcome.map_or_else(Line::Failed, Line::Done);
    if let Err(e) = send(&mut stream, &line) {
        tracing::warn!("the outcome of an administrator's command could not be told: {e}");
    }
}

fn read_request(mut stream: &UnixStream, shared: &Shared) -> CoreResult<AdminCommand> {
    let settings = &shared.host.settings.admin;
    let deadline = Instant::now() + Duration::from_millis(settings.request_timeout_ms);
    let refused = |message: String| Error::new(Kind::Invalid, "bad_request", message);
    let mut request = Vec::new();
    let mut part = [0u8; 4096];
    while !request.ends_with(b"\n") {
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(refused(format!(
                "The request was not complete within {} ms.",
                settings.request_timeout_ms
            )));
        }
        let read = stream.set_read_timeout(Some(rest)).and_then(|()| stream.read(&mut part));
        match read {
            Ok(0) => return Err(refused("The request ends in the middle.".to_owned())),
            Ok(n) => request.extend_from_slice(&part[..n]),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) => {}
            Err(e) => return Err(refused(format!("The request could not be read: {e}."))),
        }
        if request.len() as u64 > settings.request_bytes_max {
            return Err(refused(format!("The request is longer than {} bytes.", settings.request_bytes_max)));
        }
    }
    // What the parser says could quote a password.
    serde_json::from_slice(&request).map_err(|_| {
        refused(
            "The server does not know this command. Use the darkroom of the same version as the server."
                .to_owned(),
        )
    })
}

#[derive(Default)]
struct ToClientState {
    last: Option<Instant>,
    gone: bool,
}

/// Tells the client of progress; a client that went away cancels the work.
struct ToClient<'a> {
    stream: &'a UnixStream,
    shared: &'a Shared,
    state: Mutex<ToClientState>,
}

impl Watcher for ToClient<'_> {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.gone || state.last.is_some_and(|last| last.elapsed() < PROGRESS_EVERY) {
            return;
        }
        state.last = Some(Instant::now());
        let sent = self
            .stream
            .try_clone()
            .and_then(|mut stream| send(&mut stream, &Line::Progress { done_bytes, total_bytes }));
        state.gone = sent.is_err();
    }

    fn cancelled(&self) -> bool {
        self.shared.stopping.load(Ordering::SeqCst)
            || self.state.lock().unwrap_or_else(PoisonError::into_inner).gone
    }
}
