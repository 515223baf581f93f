//! The web edge: routes, middleware and files. It translates between HTTP and the use cases and holds no rule of its own.

pub mod assets;
pub mod caller;
pub mod console;
mod export;
mod guard;

use crate::ui::app::{App as Portal, shell};
use crate::ui::paths;
use crate::ui::state::Theme;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use darkroom_core::ops::ctx::App;
use leptos::prelude::*;
use leptos_axum::{generate_route_list, handle_server_fns_with_context};
use std::future::Future;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What the web edge needs beside the application.
#[derive(Clone, Debug, Default)]
pub struct WebSettings {
    /// Cookies are sent back over TLS only. Set it when a proxy in front of darkroom speaks TLS.
    pub secure_cookies: bool,
}

/// What every request is given.
#[derive(Clone)]
pub struct Web {
    /// The application.
    pub app: Arc<App>,
    /// Forms that were refused without script, for a moment.
    pub refused: Arc<caller::RefusedForms>,
    /// Serial consoles that somebody looks at.
    pub consoles: Arc<console::Consoles>,
    /// Settings.
    pub settings: Arc<WebSettings>,
    options: LeptosOptions,
}

impl axum::extract::FromRef<Web> for LeptosOptions {
    fn from_ref(web: &Web) -> Self {
        web.options.clone()
    }
}

/// The whole router. Tests call it without a socket.
pub fn router(app: Arc<App>, settings: WebSettings) -> Router {
    // Nothing is read from the environment or from Cargo.toml.
    let options = LeptosOptions::builder()
        .output_name("darkroom")
        .site_pkg_dir(format!("pkg/{}", assets::version()))
        .env(leptos::config::Env::PROD)
        .build();
    let web =
        Web { app, refused: Arc::default(), consoles: Arc::default(), settings: Arc::new(settings), options };
    let mut router = Router::new();
    for route in generate_route_list(Portal) {
        router = router.route(route.path(), get(page));
    }
    router
        .route("/ui/{*call}", post(server_function))
        .route("/instances/{id}/console/socket", get(console::socket))
        .route("/instances/{id}/console.log", get(console::log))
        .route(paths::IMAGES_CSV, get(export::images))
        .route(paths::IMAGES_PUBLIC_CSV, get(export::public_images))
        .route(paths::AUDIT_CSV, get(export::audit))
        .route("/statements/{account}/{number}/lines.csv", get(export::statement))
        .route(paths::USAGE_CSV, get(export::usage))
        .route(paths::USAGE_JSON, get(export::usage_json))
        .route(paths::REVENUE_CSV, get(export::all_usage_csv))
        .route(paths::REVENUE_JSONL, get(export::all_usage_jsonl))
        .route("/pkg/{version}/{*file}", get(assets::versioned))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .fallback(file_or_not_found)
        .layer(axum::middleware::from_fn_with_state(web.clone(), guard::guard))
        .with_state(web)
}

/// Serves until `shutdown`, then lets open requests finish.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    app: Arc<App>,
    settings: WebSettings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(app, settings)).with_graceful_shutdown(shutdown).await
}

/// What server functions and views find in their context.
fn provide(web: &Web, theme: Theme) {
    provide_context(web.clone());
    provide_context(theme);
}

async fn page(State(web): State<Web>, request: Request) -> Response {
    render(web, request, StatusCode::OK).await
}

async fn render(web: Web, request: Request, status: StatusCode) -> Response {
    let theme = caller::theme(request.headers());
    let options = web.options.clone();
    let console = request.uri().path().ends_with("/console");
    let handler = leptos_axum::render_app_async_with_context(
        move || provide(&web, theme),
        move || {
            if let (Some(nonce), Some(response)) =
                (leptos::nonce::use_nonce(), use_context::<leptos_axum::ResponseOptions>())
            {
                response.insert_header(header::CONTENT_SECURITY_POLICY, guard::policy(&nonce, console));
                if status != StatusCode::OK {
                    response.set_status(status);
                }
            }
            shell(options.clone())
        },
    );
    let mut response = handler(request).await;
    // Pages show what is true now and belong to one person.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn server_function(State(web): State<Web>, request: Request) -> Response {
    let theme = caller::theme(request.headers());
    handle_server_fns_with_context(move || provide(&web, theme), request).await.into_response()
}

async fn file_or_not_found(State(web): State<Web>, request: Request) -> Response {
    match assets::plain(request.uri().path(), request.headers()) {
        Some(file) => file,
        None => render(web, request, StatusCode::NOT_FOUND).await,
    }
}

/// A refusal of what is no page: the sentence as text.
fn refusal(error: &darkroom_core::domain::Error) -> Response {
    let status = StatusCode::from_u16(error.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, format!("{}\n", error.message)).into_response()
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok\n"
}

/// The records can be read and written.
async fn readyz(State(web): State<Web>) -> Response {
    let app = web.app.clone();
    let ready = tokio::task::spawn_blocking(move || {
        // A commit that writes nothing still goes through the engine and fails when nothing can be written any more.
        app.store.commit(darkroom_core::store::Batch::new()).is_ok()
    })
    .await;
    match ready {
        Ok(true) => "ready\n".into_response(),
        Ok(false) | Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "The records cannot be used. See the log.\n").into_response()
        }
    }
}
