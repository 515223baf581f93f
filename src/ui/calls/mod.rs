//! What the portal asks of the use cases. Reads are plain functions that pages call while they are rendered. Changes are server
//! functions: each is a public endpoint under `/ui/` that forms post to. Both do nothing but call one use case, which authorizes. No
//! rule may live here.
//!
//! A change answers `()`: where to go next is a redirect. A form that is refused is kept for a moment and shown again, filled in, at
//! the address it came from.

pub mod billing;
pub mod groups;
pub mod images;
pub mod instances;
pub mod people;
pub mod quotas;
pub mod shares;
pub mod snapshots;
pub mod tasks;

use super::error::{ApiError, Refused};

/// The form that was refused under `token`. A token that is too old, or is somebody else's, means an empty form; there is
/// nothing to tell.
pub async fn refused(token: String) -> Option<Refused> {
    if token.is_empty() {
        return None;
    }
    crate::server::web::caller::find_refused(&token).await.ok().flatten()
}

/// The server's half of the calls.
pub(crate) mod back {
    use super::ApiError;
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

    /// Runs a change whose outcome is more than a sentence: on success shows what `work` gives at the address that it gives, on refusal the
    /// form again.
    pub async fn change_and_show<F: Serialize, S: Serialize + Send + 'static>(
        form: F,
        work: impl FnOnce(&Caller) -> Result<(String, S)> + Send + 'static,
    ) -> Result<(), ApiError> {
        match caller::run(work).await {
            Ok((to, shown)) => caller::show_again(&shown, Ok(to)).await,
            Err(error) => caller::answer(&form, Err(error)).await,
        }
    }

    /// Shows a form again as it was sent, at the address that `work` gives.
    pub async fn show_again<F: Serialize>(
        form: F,
        work: impl FnOnce(&Caller) -> Result<String> + Send + 'static,
    ) -> Result<(), ApiError> {
        let outcome = caller::run(work).await;
        caller::show_again(&form, outcome).await
    }
}
