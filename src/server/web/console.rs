//! The serial console: a bridge between a browser's WebSocket and the UNIX socket of the machine, and the log as a file.

use super::{Web, caller};
use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use darkroom_core::domain::ids::InstanceId;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::instances;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Largest message a browser may send: nobody types more at once.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// How often the right to type is asked again: a session that was ended loses its console.
const RECHECK: Duration = Duration::from_secs(5);

/// The socket of a machine's serial console.
pub async fn socket(State(web): State<Web>, Path(id): Path<String>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    let path = match allowed(&web, &headers, &id).await {
        Ok(path) => path,
        Err(error) => return refusal(&error),
    };
    upgrade.max_message_size(INPUT_BYTES_MAX).on_upgrade(move |socket| bridge(web, headers, id, path, socket))
}

async fn allowed(web: &Web, headers: &HeaderMap, id: &str) -> Result<String> {
    let id: InstanceId = id.parse().map_err(|_| Error::not_found("instance"))?;
    caller::run_with(web, headers, move |c| instances::console_socket(&c.ctx, id)).await
}

fn refusal(error: &Error) -> Response {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, format!("{}\n", error.message)).into_response()
}

/// Copies both ways until one side ends or the right to type is gone.
async fn bridge(web: Web, headers: HeaderMap, id: String, path: String, mut socket: WebSocket) {
    let mut machine = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(instance.id = id, "console not reachable: {error}");
            return close(&mut socket, "The console cannot be reached. The machine may be off, or somebody else has it open.").await;
        }
    };
    tracing::info!(instance.id = id, "console opened");
    let mut buffer = vec![0u8; 16 * 1024];
    let mut recheck = tokio::time::interval(RECHECK);
    recheck.tick().await;
    let why = loop {
        tokio::select! {
            read = machine.read(&mut buffer) => match read {
                Ok(0) | Err(_) => break "The machine closed its console.",
                Ok(n) => if socket.send(Message::Binary(Bytes::copy_from_slice(&buffer[..n]))).await.is_err() { break "" },
            },
            message = socket.recv() => {
                let bytes = match message {
                    Some(Ok(Message::Binary(bytes))) => bytes,
                    Some(Ok(Message::Text(text))) => Bytes::from(text),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break "",
                };
                if machine.write_all(&bytes).await.is_err() { break "The machine closed its console." }
            },
            _ = recheck.tick() => if let Err(error) = allowed(&web, &headers, &id).await {
                tracing::info!(instance.id = id, code = error.code, "console closed: no longer allowed");
                break "You may no longer type here, or the machine is not running.";
            },
        }
    };
    tracing::info!(instance.id = id, "console closed");
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
            let kinds = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
            (kinds, log).into_response()
        }
        Err(error) => refusal(&error),
    }
}
