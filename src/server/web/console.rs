//! The serial console: a bridge between a browser's WebSocket and the UNIX socket of the machine, and the log as a file.

use super::{Web, caller, refusal};
use axum::body::Bytes;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use darkroom_core::domain::ids::InstanceId;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::instances;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{broadcast, mpsc};

/// Largest message a browser may send: nobody types more at once.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// How often the right to type is asked again: a session that was ended loses its console.
const RECHECK: Duration = Duration::from_secs(5);
/// How often a line is closed that nobody looks at.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// Machine consoles that somebody looks at. A machine has one serial line, so all who look share one connection to it, which is always
/// read: a line that nobody reads would stall the guest.
#[derive(Default)]
pub struct Consoles(Mutex<BTreeMap<InstanceId, Line>>);

/// One shared connection.
#[derive(Clone)]
struct Line {
    output: broadcast::Sender<Bytes>,
    input: mpsc::Sender<Bytes>,
}

/// Pieces of output kept for a viewer that is slow; it then misses some rather than holding up the machine.
const OUTPUT_PIECES_MAX: usize = 1024;
/// Pieces of input kept for a machine that is slow.
const INPUT_PIECES_MAX: usize = 64;
/// Bytes of the log that a new viewer sees first.
const TAIL_BYTES: usize = 8 * 1024;

impl Consoles {
    /// Joins the line of a machine, or opens it.
    async fn join(
        self: &Arc<Self>,
        id: InstanceId,
        path: &str,
    ) -> std::io::Result<(broadcast::Receiver<Bytes>, mpsc::Sender<Bytes>)> {
        if let Some(line) = self.open(id) {
            return Ok((line.output.subscribe(), line.input));
        }
        let machine = UnixStream::connect(path).await?;
        let (output, receiver) = broadcast::channel(OUTPUT_PIECES_MAX);
        let (input, typed) = mpsc::channel(INPUT_PIECES_MAX);
        let line = Line { output, input: input.clone() };
        {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Somebody else opened it in between: QEMU would keep our connection waiting, so theirs is used.
            if let Some(other) = lines.get(&id) {
                return Ok((other.output.subscribe(), other.input.clone()));
            }
            lines.insert(id, line.clone());
        }
        tokio::spawn(carry(self.clone(), id, machine, line.output, typed));
        Ok((receiver, input))
    }

    fn open(&self, id: InstanceId) -> Option<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Closes a line unless somebody joined it meanwhile.
    fn leave(&self, id: InstanceId, output: &broadcast::Sender<Bytes>) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = output.receiver_count() == 0;
        if unused {
            lines.remove(&id);
        }
        unused
    }

    fn drop_line(&self, id: InstanceId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }
}

/// Reads and writes one machine's line until it closes or nobody looks any more.
async fn carry(
    consoles: Arc<Consoles>,
    id: InstanceId,
    mut machine: UnixStream,
    output: broadcast::Sender<Bytes>,
    mut typed: mpsc::Receiver<Bytes>,
) {
    let mut buffer = vec![0u8; 16 * 1024];
    let mut idle = tokio::time::interval(IDLE_CHECK);
    loop {
        tokio::select! {
            read = machine.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break consoles.drop_line(id),
                // Nobody may be looking at this very moment; the log has it.
                Ok(n) => drop(output.send(Bytes::copy_from_slice(&buffer[..n]))),
            },
            Some(bytes) = typed.recv() => if machine.write_all(&bytes).await.is_err() { break consoles.drop_line(id) },
            _ = idle.tick() => if consoles.leave(id, &output) { break },
        }
    }
}

/// The socket of a machine's serial console.
pub async fn socket(
    State(web): State<Web>,
    Path(id): Path<String>,
    headers: HeaderMap,
    upgrade: std::result::Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(id) = id.parse::<InstanceId>() else { return refusal(&Error::not_found("instance")) };
    let path = match allowed(&web, &headers, id).await {
        Ok(path) => path,
        Err(error) => return refusal(&error),
    };
    let log = caller::run_with(&web, &headers, move |c| instances::console_log(&c.ctx, id))
        .await
        .unwrap_or_default();
    let tail = Bytes::copy_from_slice(&log[log.len().saturating_sub(TAIL_BYTES)..]);
    // Asked for last, so that a refusal says why rather than that a WebSocket was expected.
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    upgrade
        .max_message_size(INPUT_BYTES_MAX)
        .on_upgrade(move |socket| view(web, headers, id, path, tail, socket))
}

async fn allowed(web: &Web, headers: &HeaderMap, id: InstanceId) -> Result<String> {
    caller::run_with(web, headers, move |c| instances::console_socket(&c.ctx, id)).await
}

/// Copies both ways for one viewer until one side ends or the right to type is gone.
async fn view(
    web: Web,
    headers: HeaderMap,
    id: InstanceId,
    path: String,
    tail: Bytes,
    mut socket: WebSocket,
) {
    let (mut output, input) = match web.consoles.join(id, &path).await {
        Ok(line) => line,
        Err(error) => {
            tracing::warn!(instance.id = %id, "console not reachable: {error}");
            return close(&mut socket, "The console cannot be reached. The machine may be off.").await;
        }
    };
    tracing::info!(instance.id = %id, "console opened");
    if socket.send(Message::Binary(tail)).await.is_err() {
        return;
    }
    let mut recheck = tokio::time::interval(RECHECK);
    recheck.tick().await;
    let why = loop {
        tokio::select! {
            piece = output.recv() => match piece {
                Ok(bytes) => if socket.send(Message::Binary(bytes)).await.is_err() { break "" },
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => break "The machine closed its console.",
            },
            message = socket.recv() => {
                let bytes = match message {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break "",
                };
                if input.send(bytes).await.is_err() { break "The machine closed its console." }
            },
            _ = recheck.tick() => if let Err(error) = allowed(&web, &headers, id).await {
                tracing::info!(instance.id = %id, code = error.code, "console closed: no longer allowed");
                break "You may no longer type here, or the machine is not running.";
            },
        }
    };
    tracing::info!(instance.id = %id, "console closed");
    close(&mut socket, why).await;
}

async fn close(socket: &mut WebSocket, why: &'static str) {
    // The browser may be gone already; there is nobody to tell then.
    drop(socket.send(Message::Close(Some(CloseFrame { code: 1000, reason: why.into() }))).await);
}

/// The whole log of the serial console that is kept.
pub async fn log(State(web): State<Web>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let Ok(id) = id.parse::<InstanceId>() else { return refusal(&Error::not_found("instance")) };
    match caller::run_with(&web, &headers, move |c| instances::console_log(&c.ctx, id)).await {
        Ok(log) => {
            let name = format!("attachment; filename=\"console-{id}.log\"");
            let kinds = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (kinds, log).into_response()
        }
        Err(error) => refusal(&error),
    }
}
