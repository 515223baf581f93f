//! Server functions: what the portal asks of the server. Each is a public endpoint under `/ui/` and does nothing but call one use case,
//! which authorizes. No rule may live here.
//!
//! A mutation answers `()`: where to go next is a redirect, which the router follows with script and the browser without. A form that
//! is refused without script is kept for a moment and shown again, filled in, at the address it came from.

pub mod images;
pub mod instances;
pub mod people;
pub mod tasks;

use super::error::{Answer, ApiError, Refused};
use leptos::prelude::*;

/// The form that was refused last without script, once.
#[server(prefix = "/ui", endpoint = "get_refused", output = Answer)]
pub async fn get_refused(token: String) -> Result<Option<Refused>, ApiError> {
    back::refused(token).await
}

/// The server's half of the calls.
#[cfg(feature = "ssr")]
pub(crate) mod back {
    use super::{ApiError, Refused};
    use crate::server::web::caller::{self, Caller};
    use darkroom_core::domain::Result;
    use serde::Serialize;

    /// Runs a read on a blocking thread, as the caller of this request.
    pub async fn read<T: Send + 'static>(
        work: impl FnOnce(&Caller) -> Result<T> + Send + 'static,
    ) -> Result<T, ApiError> {
        caller::run(work).await.map_err(|error| {
            caller::set_status(&error);
            ApiError(error)
        })
    }

    /// Runs a change; on success sends the browser to the address it returns, on refusal shows the form again.
    pub async fn change<F: Serialize + Clone + Send + 'static>(
        form: F,
        work: impl FnOnce(&Caller, &F) -> Result<String> + Send + 'static,
    ) -> Result<(), ApiError> {
        change_keeping(&form.clone(), move |c| work(c, &form)).await
    }

    /// The same for a form of which only `keep` may be kept, because the rest is secret.
    pub async fn change_keeping<K: Serialize>(
        keep: &K,
        work: impl FnOnce(&Caller) -> Result<String> + Send + 'static,
    ) -> Result<(), ApiError> {
        let outcome = caller::run(work).await;
        caller::answer(keep, outcome).await
    }

    /// The refused form kept under `token` for this caller.
    pub async fn refused(token: String) -> Result<Option<Refused>, ApiError> {
        caller::take_refused(&token).await
    }
}
