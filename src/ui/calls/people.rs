//! Calls about who is signed in and what they look at.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::PasswordForm;
use darkroom_core::domain::ids::SessionId;
use darkroom_core::domain::view::{AccountView, Overview, Shell};
use darkroom_core::ops;
use leptos::prelude::*;

/// The frame around every page; an `Unauthenticated` error when nobody is signed in.
pub async fn get_shell() -> Result<Shell, ApiError> {
    back::read(|c| ops::people::shell(&c.ctx, &c.place)).await
}

/// The overview.
pub async fn get_overview() -> Result<Overview, ApiError> {
    back::read(|c| ops::people::overview(&c.ctx, &c.place)).await
}

/// The user's account, projects and sessions.
pub async fn get_account() -> Result<AccountView, ApiError> {
    back::read(|c| ops::people::account(&c.ctx, c.session)).await
}

/// Signs in; `next` is the address the person wanted.
#[server(prefix = "/ui", endpoint = "sign_in")]
pub async fn sign_in(email: String, password: String, next: String) -> Result<(), ApiError> {
    crate::server::web::caller::sign_in(email, password, next).await
}

/// Signs out.
#[server(prefix = "/ui", endpoint = "sign_out")]
pub async fn sign_out() -> Result<(), ApiError> {
    crate::server::web::caller::sign_out().await
}

/// Switches to another project or region; an empty word keeps what is in force. `back_to` is where the person was.
#[server(prefix = "/ui", endpoint = "choose_place")]
pub async fn choose_place(project: String, region: String, back_to: String) -> Result<(), ApiError> {
    crate::server::web::caller::choose_place(project, region, back_to).await
}

/// Sets the appearance: `light`, `dark` or `system`. `back_to` is where the person was.
#[server(prefix = "/ui", endpoint = "choose_theme")]
pub async fn choose_theme(theme: String, back_to: String) -> Result<(), ApiError> {
    crate::server::web::caller::choose_theme(theme, back_to).await
}

/// Changes the user's password and ends their other sessions.
#[server(prefix = "/ui", endpoint = "change_password")]
pub async fn change_password(form: PasswordForm) -> Result<(), ApiError> {
    // A refused form is shown again empty: passwords are not kept anywhere.
    back::change_keeping(&PasswordForm::default(), move |c| {
        ops::people::change_password(&c.ctx, c.session, &form)?;
        Ok(format!("{}?done=password", paths::ACCOUNT))
    })
    .await
}

/// Ends one of the user's sessions.
#[server(prefix = "/ui", endpoint = "revoke_session")]
pub async fn revoke_session(id: SessionId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::people::revoke_session(&c.ctx, *id)?;
        Ok(format!("{}?done=session", paths::ACCOUNT))
    })
    .await
}
