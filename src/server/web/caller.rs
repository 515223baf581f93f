//! From a request to a caller and back: cookies become an actor and a place, outcomes become redirects, cookies and refused forms.

use super::Web;
use crate::ui::error::{ApiError, Refused};
use crate::ui::paths;
use crate::ui::state::Theme;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use darkroom_core::domain::actor::Actor;
use darkroom_core::domain::ids::{ProjectId, RegionId, SessionId};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::ctx::{App, Ctx, Place};
use darkroom_core::ops::people;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

const SESSION: &str = "darkroom_session";
const PLACE: &str = "darkroom_place";
const THEME: &str = crate::ui::components::APPEARANCE_COOKIE;
/// How long a browser keeps its preferences, in seconds.
const PREFERENCE_S: u64 = 365 * 86_400;
/// How long a refused form is kept, in milliseconds.
const REFUSED_MS_MAX: i64 = 600_000;
/// Most refused forms kept; beyond it the oldest go.
const REFUSED_FORMS_MAX: usize = 1000;

/// Who asks, and what they look at.
pub struct Caller {
    /// Who, when, with what.
    pub ctx: Ctx,
    /// The project and region in force.
    pub place: Place,
    /// The session that asks, if somebody is signed in.
    pub session: Option<SessionId>,
}

/// Forms that were refused, for as long as somebody may correct them. In memory: they matter for a moment only.
#[derive(Default)]
pub struct RefusedForms(Mutex<BTreeMap<String, Kept>>);

struct Kept {
    session: Option<SessionId>,
    at: Timestamp,
    refused: Refused,
}

impl RefusedForms {
    fn keep(&self, token: String, kept: Kept) {
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        forms.retain(|_, k| kept.at.since_ms(k.at) < REFUSED_MS_MAX);
        if forms.len() >= REFUSED_FORMS_MAX {
            let oldest = forms.iter().min_by_key(|(_, k)| k.at).map(|(t, _)| t.clone());
            oldest.map(|t| forms.remove(&t));
        }
        forms.insert(token, kept);
    }

    /// The form, if it is this session's and not too old. It stays, so that a reload shows it again.
    fn find(&self, token: &str, session: Option<SessionId>, now: Timestamp) -> Option<Refused> {
        let forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept =
            forms.get(token).filter(|k| k.session == session && now.since_ms(k.at) < REFUSED_MS_MAX)?;
        Some(kept.refused.clone())
    }
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    all.flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(k, _)| *k == name)
        .map(|(_, v)| v)
}

fn token(headers: &HeaderMap) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(cookie(headers, SESSION)?).ok()?.try_into().ok()
}

/// The appearance that the browser chose.
pub fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, THEME).map_or(Theme::System, Theme::from_value)
}

fn caller(app: &Arc<App>, token: Option<[u8; 32]>, wanted: Option<&str>) -> Result<Caller> {
    let anonymous = Ctx { app: app.clone(), actor: Actor::Anonymous, now: app.clock.now() };
    let (actor, session) = match token {
        Some(token) => people::recognise(&anonymous, &token)?,
        None => (Actor::Anonymous, None),
    };
    let ctx = Ctx { actor, ..anonymous };
    let (project, region) = wanted.and_then(|w| w.split_once('.')).unwrap_or_default();
    let place = people::place(&ctx, project.parse::<ProjectId>().ok(), Some(&RegionId(region.to_owned())))?;
    Ok(Caller { ctx, place, session })
}

/// Runs `work` on a blocking thread as the caller these headers name.
///
/// # Errors
/// What `work` refuses.
pub async fn run_with<T: Send + 'static>(
    web: &Web,
    headers: &HeaderMap,
    work: impl FnOnce(&Caller) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (app, token) = (web.app.clone(), token(headers));
    let wanted = cookie(headers, PLACE).map(str::to_owned);
    let done = tokio::task::spawn_blocking(move || work(&caller(&app, token, wanted.as_deref())?)).await;
    done.unwrap_or_else(|panic| {
        tracing::error!("a use case ended by a defect: {panic}");
        Err(Error::internal("Something in darkroom is broken. It is in the log; tell your provider."))
    })
}

/// Runs `work` on a blocking thread as the caller of the request being answered.
///
/// # Errors
/// What `work` refuses.
pub async fn run<T: Send + 'static>(work: impl FnOnce(&Caller) -> Result<T> + Send + 'static) -> Result<T> {
    let (web, parts) = request();
    let outcome = run_with(&web, &parts.headers, work).await;
    if let Err(error) = &outcome
        && error.kind.retryable()
    {
        tracing::error!(code = error.code, "{}", error.message);
    }
    outcome
}

fn request() -> (Web, Parts) {
    (expect_context::<Web>(), expect_context::<Parts>())
}

/// Gives the answer the status of `error`.
pub fn set_status(error: &Error) {
    if let (Some(response), Ok(status)) =
        (use_context::<ResponseOptions>(), StatusCode::from_u16(error.kind.status()))
    {
        response.set_status(status);
    }
}

/// Answers a change: a redirect when it was done; when it was refused, to a page the address it came from with the form filled in again,
/// and to a program the error.
///
/// # Errors
/// The refusal, for a program.
pub async fn answer<F: Serialize>(form: &F, outcome: Result<String>) -> Result<(), ApiError> {
    let error = match outcome {
        Ok(to) => {
            leptos_axum::redirect(&to);
            return Ok(());
        }
        Err(error) => error,
    };
    if error.kind.retryable() {
        tracing::error!(code = error.code, "{}", error.message);
    }
    let (_, parts) = request();
    let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        set_status(&error);
        return Err(ApiError(error));
    }
    let token = keep(form, Some(ApiError(error))).await?;
    leptos_axum::redirect(&with_token(&came_from(&parts.headers), &token));
    Ok(())
}

/// Shows a form again, with all that is typed in it, at the address that `outcome` gives.
///
/// # Errors
/// The refusal, for a program.
pub async fn show_again<F: Serialize>(form: &F, outcome: Result<String>) -> Result<(), ApiError> {
    let outcome = match outcome {
        Ok(to) => Ok(with_token(&to, &keep(form, None).await?)),
        Err(error) => Err(error),
    };
    answer(form, outcome).await
}

/// Keeps a form for its session; gives the token it is found by.
async fn keep<F: Serialize>(form: &F, error: Option<ApiError>) -> Result<String, ApiError> {
    let (web, parts) = request();
    let session = run_with(&web, &parts.headers, |c| Ok(c.session)).await?;
    let token = URL_SAFE_NO_PAD.encode(web.app.ids.secret());
    let form = serde_json::to_string(form)
        .map_err(|e| ApiError(Error::internal(format!("The form could not be kept: {e}."))))?;
    let kept = Kept { session, at: web.app.clock.now(), refused: Refused { form, error } };
    web.refused.keep(token.clone(), kept);
    Ok(token)
}

/// The address a form came from.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let local = referer
        .split_once("://")
        .and_then(|(_, rest)| rest.find('/').map(|i| &rest[i..]))
        .unwrap_or(paths::OVERVIEW);
    local.split('#').next().filter(|p| is_local(p)).unwrap_or(paths::OVERVIEW).to_owned()
}

/// An address with the token of a kept form.
fn with_token(address: &str, token: &str) -> String {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let lasting = paths::lasting(path, query);
    let joint = if lasting.contains('?') { '&' } else { '?' };
    format!("{lasting}{joint}refused={token}")
}

/// The refused form kept under `token`.
///
/// # Errors
/// When the session cannot be read.
pub async fn find_refused(token: &str) -> Result<Option<Refused>, ApiError> {
    let (web, parts) = request();
    let session = run_with(&web, &parts.headers, |c| Ok(c.session)).await?;
    Ok(web.refused.find(token, session, web.app.clock.now()))
}

/// Whether an address stays on this portal: one leading slash, nothing that a browser could read as another host.
pub fn is_local(address: &str) -> bool {
    address.starts_with('/')
        && !address.starts_with("//")
        && !address.contains('\\')
        && !address.chars().any(char::is_control)
}

fn local_or_overview(address: &str) -> String {
    if is_local(address) { address.to_owned() } else { paths::OVERVIEW.to_owned() }
}

fn set_cookie(web: &Web, name: &str, value: &str, seconds: u64, readable: Readable) {
    let secure = if web.settings.secure_cookies { "; Secure" } else { "" };
    let http_only = match readable {
        Readable::ByServerOnly => "; HttpOnly",
        Readable::ByScriptToo => "",
    };
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax{http_only}{secure}");
    if let (Some(response), Ok(value)) = (use_context::<ResponseOptions>(), HeaderValue::from_str(&line)) {
        response.append_header(header::SET_COOKIE, value);
    }
}

enum Readable {
    ByServerOnly,
    ByScriptToo,
}

#[derive(Serialize)]
struct SignInForm {
    email: String,
    next: String,
}

/// Signs in and sets the session's cookie.
///
/// # Errors
/// The refusal, for a script.
pub async fn sign_in(email: String, password: String, next: String) -> Result<(), ApiError> {
    let (web, parts) = request();
    let agent = parts
        .headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("unknown browser")
        .to_owned();
    let form = SignInForm { email: email.clone(), next: next.clone() };
    let outcome = run(move |c| people::sign_in(&c.ctx, &email, &password, &agent)).await;
    let outcome = outcome.map(|signed_in| {
        let value = URL_SAFE_NO_PAD.encode(signed_in.token);
        let seconds = u64::try_from(darkroom_core::domain::project::Session::AGE_MS_MAX / 1000).unwrap_or(0);
        set_cookie(&web, SESSION, &value, seconds, Readable::ByServerOnly);
        local_or_overview(&next)
    });
    answer(&form, outcome).await
}

/// Ends the session and removes its cookie.
///
/// # Errors
/// When the records cannot be written.
pub async fn sign_out() -> Result<(), ApiError> {
    let (web, _) = request();
    let outcome = run(|c| match c.session {
        Some(session) => people::sign_out(&c.ctx, session),
        None => Ok(()),
    })
    .await;
    let outcome = outcome.map(|()| {
        set_cookie(&web, SESSION, "", 0, Readable::ByServerOnly);
        paths::SIGN_IN.to_owned()
    });
    answer(&(), outcome).await
}

/// Remembers the project and region to look at. Only what the caller may see takes effect.
///
/// # Errors
/// When the records cannot be read.
pub async fn choose_place(project: String, region: String, back_to: String) -> Result<(), ApiError> {
    let (web, _) = request();
    let outcome = run(move |c| {
        let project = project.parse::<ProjectId>().ok().or(c.place.project);
        let region = if region.is_empty() { c.place.region.clone() } else { RegionId(region) };
        people::place(&c.ctx, project, Some(&region))
    })
    .await;
    let outcome = outcome.map(|place| {
        let project = place.project.map(|p| p.to_string()).unwrap_or_default();
        set_cookie(&web, PLACE, &format!("{project}.{}", place.region), PREFERENCE_S, Readable::ByServerOnly);
        local_or_overview(&back_to)
    });
    answer(&(), outcome).await
}

/// Remembers the appearance.
///
/// # Errors
/// None: an unknown word means the system's.
pub async fn choose_theme(theme: String, back_to: String) -> Result<(), ApiError> {
    let (web, _) = request();
    let known = if matches!(theme.as_str(), "light" | "dark") { theme.as_str() } else { "system" };
    set_cookie(&web, THEME, known, PREFERENCE_S, Readable::ByScriptToo);
    answer(&(), Ok(local_or_overview(&back_to))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_portal_are_gone_back_to() {
        for (address, fine) in [
            ("/images?q=a", true),
            ("//evil", false),
            ("https://evil", false),
            ("/\\evil", false),
            ("", false),
            ("/a\nb", false),
        ] {
            assert_eq!(is_local(address), fine, "{address:?}");
        }
    }

    #[test]
    fn a_refused_form_goes_back_to_where_it_came_from() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::REFERER,
            HeaderValue::from_static("http://a:3000/images?q=b&refused=old&done=x#top"),
        );
        assert_eq!(with_token(&came_from(&headers), "T"), "/images?q=b&refused=T");
        assert_eq!(with_token(&came_from(&HeaderMap::new()), "T"), "/?refused=T");
    }

    #[test]
    fn a_refused_form_is_shown_for_a_while_and_only_to_its_session() {
        let forms = RefusedForms::default();
        let refused = Refused { form: "{}".to_owned(), error: Some(ApiError(Error::not_found("x"))) };
        let mine = Some(SessionId(uuid::Uuid::from_u128(1)));
        forms.keep("t".to_owned(), Kept { session: mine, at: Timestamp(0), refused });
        let at = Timestamp;
        assert!(forms.find("t", None, at(1)).is_none());
        assert!(forms.find("t", mine, at(1)).is_some());
        assert!(forms.find("t", mine, at(REFUSED_MS_MAX - 1)).is_some(), "a reload shows it again");
        assert!(forms.find("t", mine, at(REFUSED_MS_MAX)).is_none());
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=1; darkroom_place=p.north-1; b=2"));
        assert_eq!(cookie(&headers, PLACE), Some("p.north-1"));
        assert_eq!(cookie(&headers, "c"), None);
    }
}
