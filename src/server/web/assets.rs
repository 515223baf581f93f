//! The files of the portal, embedded in the executable. In debug builds they are read from `target/site` instead.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;

/// Filled by the build before the server is compiled.
#[derive(RustEmbed)]
#[folder = "target/site/"]
#[allow_missing = true]
struct Site;

/// Names the present files: a folder in addresses, so that they can be cached for ever. Changes whenever a file does.
pub fn version() -> &'static str {
    option_env!("DARKROOM_SITE_DIGEST").unwrap_or("dev")
}

/// Whether the portal's files are there; a server without them warns at its start, because debug builds of tests have none.
pub fn complete() -> bool {
    // Their names alone: a file is unpacked when it is asked for first.
    ["pkg/darkroom_bg.wasm", "pkg/darkroom.css"].iter().all(|wanted| Site::iter().any(|file| file == *wanted))
}

/// A file below `/pkg/<version>/`.
pub async fn versioned(Path((_, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    answer(&format!("pkg/{file}"), &headers, "public, max-age=31536000, immutable")
        .unwrap_or_else(|| (StatusCode::NOT_FOUND, "There is no such file.\n").into_response())
}

/// A file at the top, such as `/icons.svg`.
pub fn plain(path: &str, headers: &HeaderMap) -> Option<Response> {
    let path = path.trim_start_matches('/');
    if path.starts_with("pkg/") { None } else { answer(path, headers, "no-cache") }
}

fn answer(path: &str, headers: &HeaderMap, cache: &str) -> Option<Response> {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let brotli = accepts.split(',').any(|e| e.trim().split(';').next() == Some("br"));
    let packed = if brotli { Site::get(&format!("{path}.br")) } else { None };
    let is_packed = packed.is_some();
    let file = packed.or_else(|| Site::get(path))?;
    let tag = format!("\"{}{}\"", hex(&file.metadata.sha256_hash()[..12]), if is_packed { "b" } else { "" });
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, mime(path))
        .header(header::CACHE_CONTROL, cache)
        .header(header::VARY, "accept-encoding")
        .header(header::ETAG, tag);
    if is_packed {
        response = response.header(header::CONTENT_ENCODING, "br");
    }
    let body = match file.data {
        Cow::Borrowed(bytes) => Body::from(bytes),
        Cow::Owned(bytes) => Body::from(bytes),
    };
    Some(response.body(body).expect("every header is plain ASCII"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn mime(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    }
}
