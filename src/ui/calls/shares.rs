//! Calls about sharing.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{ShareForm, StopSharingForm, UnfollowForm};
use darkroom_core::domain::ids::{ImageId, ProjectId};
use darkroom_core::domain::share::Action;
use darkroom_core::domain::view::{BulkLine, ImageSharing, Received, ShareOptions, StopOptions};
use darkroom_core::domain::{Error, Result as Outcome};
use darkroom_core::ops;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// With whom an image is shared.
pub async fn get_sharing(id: ImageId) -> Result<ImageSharing, ApiError> {
    back::read(move |c| ops::shares::sharing(&c.ctx, id)).await
}

/// What the dialog *Share* shows, with a verdict on what is typed.
pub async fn get_share_options(id: ImageId, form: ShareForm) -> Result<ShareOptions, ApiError> {
    back::read(move |c| ops::shares::options(&c.ctx, id, &form)).await
}

/// What the dialog *Stop sharing* shows.
pub async fn get_stop_options(id: ImageId, project: ProjectId) -> Result<StopOptions, ApiError> {
    back::read(move |c| ops::shares::stop_options(&c.ctx, id, project)).await
}

/// What others share with the project in force.
pub async fn list_received() -> Result<Received, ApiError> {
    back::read(|c| ops::shares::received(&c.ctx, &c.place)).await
}

/// Shares an image with projects.
#[server(prefix = "/ui", endpoint = "share_image")]
pub async fn share_image(form: ShareForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::shares::share(&c.ctx, form)?;
        Ok(format!("{}?done=image-share", paths::image_sharing(id)))
    })
    .await
}

/// Judges the lines of the dialog *Share* without sharing anything: shows the dialog again.
#[server(prefix = "/ui", endpoint = "check_share")]
pub async fn check_share(form: ShareForm) -> Result<(), ApiError> {
    back::show_again(form.clone(), move |c| {
        let id: ImageId = form.image.parse().map_err(|_| Error::not_found("image"))?;
        // Only who may see the dialog may have a form of it kept.
        ops::shares::options(&c.ctx, id, &form)?;
        Ok(paths::image_share(id))
    })
    .await
}

/// Stops passing new images of a family on to a project; `image` is the one whose page is open.
#[server(prefix = "/ui", endpoint = "unfollow_family")]
pub async fn unfollow_family(form: UnfollowForm, image: ImageId) -> Result<(), ApiError> {
    back::change((form, image), |c, (form, image)| {
        ops::shares::unfollow(&c.ctx, form)?;
        Ok(format!("{}?done=share-unfollow", paths::image_sharing(*image)))
    })
    .await
}

/// Stops sharing an image with a project.
#[server(prefix = "/ui", endpoint = "stop_sharing")]
pub async fn stop_sharing(form: StopSharingForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::shares::stop(&c.ctx, form)?;
        let done = if form.when == "later" { "share-end" } else { "share-stop" };
        Ok(format!("{}?done={done}", paths::image_sharing(id)))
    })
    .await
}

/// Accepts a shared image for a project.
#[server(prefix = "/ui", endpoint = "accept_share")]
pub async fn accept_share(image: ImageId, project: ProjectId) -> Result<(), ApiError> {
    decide(image, project, Action::Accept, "share-accept").await
}

/// Rejects a shared image for a project.
#[server(prefix = "/ui", endpoint = "reject_share")]
pub async fn reject_share(image: ImageId, project: ProjectId) -> Result<(), ApiError> {
    decide(image, project, Action::Reject, "share-reject").await
}

async fn decide(
    image: ImageId,
    project: ProjectId,
    action: Action,
    done: &'static str,
) -> Result<(), ApiError> {
    let work = move |c: &crate::server::web::caller::Caller, (): &()| -> Outcome<String> {
        ops::shares::decide(&c.ctx, image, project, action)?;
        Ok(format!("{}?done={done}", paths::IMAGES_SHARED))
    };
    back::change((), work).await
}

/// What became of each image that was accepted with the others, as *Shared with me* shows it once.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct AcceptedShown {
    /// One line per image; empty when nothing was.
    pub lines: Vec<BulkLine>,
}

/// Accepts everything that waits for the project in force, and shows what became of each.
#[server(prefix = "/ui", endpoint = "accept_all_shares")]
pub async fn accept_all_shares() -> Result<(), ApiError> {
    back::change_and_show((), |c| {
        let lines = ops::shares::accept_all(&c.ctx, &c.place)?;
        Ok((paths::IMAGES_SHARED.to_owned(), AcceptedShown { lines }))
    })
    .await
}
