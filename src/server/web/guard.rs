//! What holds for every request and answer: the Origin check, the security headers, one log span per request.

use super::Web;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use leptos::nonce::Nonce;

/// Largest body of any request, in bytes: forms are small.
const BODY_BYTES_MAX: u64 = 256 * 1024;

/// The Content-Security-Policy of a page. The console page alone may write inline styles, because its terminal does; it never has
/// anybody else's markup on it.
pub fn policy(nonce: &Nonce, console: bool) -> HeaderValue {
    let styles = if console { "'self' 'unsafe-inline'" } else { "'self'" };
    let text = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src {styles}; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).expect("a nonce is base64")
}

/// Refuses cross-site writes, adds the headers every answer carries, and logs.
pub async fn guard(State(web): State<Web>, request: Request, next: Next) -> Response {
    let id = web.app.ids.uuid();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if let Some(refusal) = refuse(&method, request.headers()) {
        tracing::warn!(request.id = %id, %method, path, "request refused: it comes from another site or is too large");
        return refusal;
    }
    let begun = std::time::Instant::now();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let nothing = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, nothing);
    }
    let (status, ms) =
        (response.status().as_u16(), u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
    if status >= 500 {
        tracing::error!(request.id = %id, %method, path, status, ms, "request failed");
    } else {
        tracing::debug!(request.id = %id, %method, path, status, ms, "request answered");
    }
    response
}

fn refuse(method: &Method, headers: &HeaderMap) -> Option<Response> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
        && !headers.contains_key(header::UPGRADE)
    {
        return None;
    }
    if !same_site(headers) {
        let words =
            "This request comes from another site, so it was refused. Open darkroom itself and try again.\n";
        return Some((StatusCode::FORBIDDEN, words).into_response());
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if length.is_some_and(|n| n > BODY_BYTES_MAX) {
        let words = format!("This is too large: a form may have {BODY_BYTES_MAX} bytes.\n");
        return Some((StatusCode::PAYLOAD_TOO_LARGE, words).into_response());
    }
    None
}

/// Whether a write comes from darkroom's own pages: browsers send `Origin` with every write, and other programs send none and no cookie.
fn same_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    match (text(header::ORIGIN), text(header::HOST)) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => !headers.contains_key(header::COOKIE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (axum::http::HeaderName::from_static(k), HeaderValue::from_str(v).unwrap()))
            .collect()
    }

    #[test]
    fn writes_come_from_the_same_site_or_are_refused() {
        for (pairs, fine) in [
            (vec![("origin", "http://a:3000"), ("host", "a:3000")], true),
            (vec![("origin", "https://A"), ("host", "a")], true),
            (vec![("origin", "http://evil"), ("host", "a:3000")], false),
            (vec![("origin", "null"), ("host", "a:3000")], false),
            (vec![("origin", "http://a:3000")], false),
            (vec![("host", "a:3000")], true),
            (vec![("host", "a:3000"), ("cookie", "darkroom_session=x")], false),
        ] {
            assert_eq!(same_site(&headers(&pairs)), fine, "{pairs:?}");
        }
    }

    #[test]
    fn reading_needs_no_origin_but_a_socket_does() {
        assert!(refuse(&Method::GET, &headers(&[("cookie", "x=y"), ("host", "a")])).is_none());
        let upgrade =
            headers(&[("upgrade", "websocket"), ("host", "a"), ("cookie", "x=y"), ("origin", "http://evil")]);
        assert!(refuse(&Method::GET, &upgrade).is_some());
    }
}
