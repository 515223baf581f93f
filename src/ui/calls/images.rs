//! Calls about images.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::Error;
use darkroom_core::domain::form::{
    BulkForm, CopyImageForm, CreateImageForm, DeleteImageForm, EditImageForm, RestoreImageForm, StageForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, RegionId};
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{
    BinList, BulkLine, BulkOptions, CaptureOptions, CopyOptions, ImageDeletion, ImageDetail, ImageList,
    ImageRestoration, PublicImages,
};
use darkroom_core::ops;
use darkroom_core::ops::images::{Deleted, Staged};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// My Images of the project and region in force.
pub async fn list_images(query: ImageQuery) -> Result<ImageList, ApiError> {
    back::read(move |c| ops::images::list(&c.ctx, &c.place, query)).await
}

/// The provider's images in the region in force.
pub async fn list_public_images() -> Result<PublicImages, ApiError> {
    back::read(|c| ops::images::list_public(&c.ctx, &c.place)).await
}

/// An image in full.
pub async fn get_image(id: ImageId) -> Result<ImageDetail, ApiError> {
    back::read(move |c| ops::images::detail(&c.ctx, &c.place, id)).await
}

/// What the dialog that makes an image of a machine shows.
pub async fn get_capture_options(instance: InstanceId) -> Result<CaptureOptions, ApiError> {
    back::read(move |c| ops::images::capture_options(&c.ctx, instance)).await
}

/// Makes an image of a machine.
#[server(prefix = "/ui", endpoint = "create_image")]
pub async fn create_image(form: CreateImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::images::create(&c.ctx, form)?;
        Ok(format!("{}?done=image-create", paths::IMAGES))
    })
    .await
}

/// Renames an image and changes its remark.
#[server(prefix = "/ui", endpoint = "update_image")]
pub async fn update_image(form: EditImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::images::update(&c.ctx, form)?;
        Ok(format!("{}?done=image-update", paths::image(id)))
    })
    .await
}

/// Protects an image from deletion, or ends that.
#[server(prefix = "/ui", endpoint = "protect_image")]
pub async fn protect_image(id: ImageId, on: bool) -> Result<(), ApiError> {
    back::change((id, on), |c, (id, on)| {
        let id = ops::images::protect(&c.ctx, *id, *on)?;
        Ok(format!("{}?done={}", paths::image(id), if *on { "image-protect" } else { "image-unprotect" }))
    })
    .await
}

/// What the dialog that does one thing to many images shows; without any that was picked, for all that `query` finds.
pub async fn get_bulk_options(form: BulkForm, query: ImageQuery) -> Result<BulkOptions, ApiError> {
    back::read(move |c| ops::images::bulk_options(&c.ctx, &c.place, &form, &query)).await
}

/// A form about many images, as it is shown again: with one result per image once it is done.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkShown {
    /// The form.
    #[serde(flatten)]
    pub form: BulkForm,
    /// What became of each image; empty before it is done.
    pub lines: Vec<BulkLine>,
}

/// Does one thing to many images, and shows what became of each.
#[server(prefix = "/ui", endpoint = "bulk_images")]
pub async fn bulk_images(form: BulkForm) -> Result<(), ApiError> {
    let asked = form.clone();
    back::change_and_show(form, move |c| {
        let lines = ops::images::bulk(&c.ctx, &asked)?;
        Ok((paths::images_selected(&asked.action), BulkShown { form: asked, lines }))
    })
    .await
}

/// Deprecates, disables or restores an image, now or on a day to come.
#[server(prefix = "/ui", endpoint = "stage_image")]
pub async fn stage_image(form: StageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let staged = ops::images::set_stage(&c.ctx, form)?;
        Ok(format!("/images/{}?done={}", form.image, said(staged)))
    })
    .await
}

/// Takes back what is planned for an image to become.
#[server(prefix = "/ui", endpoint = "unplan_image")]
pub async fn unplan_image(id: ImageId, stage: Stage) -> Result<(), ApiError> {
    back::change((id, stage), |c, (id, stage)| {
        let staged = ops::images::unplan(&c.ctx, *id, *stage)?;
        Ok(format!("{}?done={}", paths::image(*id), said(staged)))
    })
    .await
}

/// The toast of a change of stage.
const fn said(staged: Staged) -> &'static str {
    match staged {
        Staged::Done => "image-stage",
        Staged::Planned => "image-plan",
        Staged::Moved => "image-replan",
        Staged::Unplanned => "image-unplan",
        Staged::Overtaken => "image-overtake",
    }
}

/// What the dialog that copies an image shows.
pub async fn get_copy_options(id: ImageId) -> Result<CopyOptions, ApiError> {
    back::read(move |c| ops::images::copy_options(&c.ctx, id, c.place.project)).await
}

/// Copies an image into a project, in one region or several.
#[server(prefix = "/ui", endpoint = "copy_image")]
pub async fn copy_image(form: CopyImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let made = ops::images::copy(&c.ctx, form)?;
        // One copy is shown; of several, where they are made stands in the list.
        Ok(match made[..] {
            [one] => format!("{}?done=image-copy", paths::image(one)),
            _ => format!("{}?done=image-copies", paths::IMAGES),
        })
    })
    .await
}

/// What the dialog that deletes an image shows.
pub async fn get_image_deletion(id: ImageId) -> Result<ImageDeletion, ApiError> {
    back::read(move |c| ops::images::deletion(&c.ctx, id)).await
}

/// Deletes an image: into the recycle bin, on a day to come, or for good where there is no bin.
#[server(prefix = "/ui", endpoint = "delete_image")]
pub async fn delete_image(form: DeleteImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        Ok(match ops::images::delete(&c.ctx, form)? {
            Deleted::Recycled(_) => format!("{}?done=image-recycle&undo={}", paths::IMAGES, form.image),
            Deleted::Leaves(_) => format!("/images/{}?done=image-leaves", form.image),
            Deleted::Removed(_) => format!("{}?done=image-delete", paths::IMAGES),
        })
    })
    .await
}

/// Takes a planned deletion back.
#[server(prefix = "/ui", endpoint = "keep_image")]
pub async fn keep_image(id: ImageId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        let id = ops::images::keep(&c.ctx, *id)?;
        Ok(format!("{}?done=image-keep", paths::image(id)))
    })
    .await
}

/// The recycle bin of the project and region in force.
pub async fn get_bin(query: ImageQuery) -> Result<BinList, ApiError> {
    back::read(move |c| ops::images::list_bin(&c.ctx, &c.place, query)).await
}

/// What the dialog that takes an image out of the recycle bin shows.
pub async fn get_restoration(id: ImageId) -> Result<ImageRestoration, ApiError> {
    back::read(move |c| ops::images::restoration(&c.ctx, id)).await
}

/// Takes an image out of the recycle bin.
#[server(prefix = "/ui", endpoint = "restore_image")]
pub async fn restore_image(form: RestoreImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let restored = ops::images::restore(&c.ctx, form);
        // Where no name was asked for there is no field to say it at.
        let id = restored.map_err(|error| match form.name.is_empty() {
            true => Error { fields: vec![], ..error },
            false => error,
        })?;
        Ok(format!("{}?done=image-restore", paths::image(id)))
    })
    .await
}

/// Removes an image from the recycle bin for good.
#[server(prefix = "/ui", endpoint = "purge_image")]
pub async fn purge_image(id: ImageId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::images::purge(&c.ctx, *id)?;
        Ok(format!("{}?done=image-purge", paths::IMAGES_BIN))
    })
    .await
}

/// Empties the recycle bin of a project in a region of what was in it when it was `shown`.
#[server(prefix = "/ui", endpoint = "empty_bin")]
pub async fn empty_bin(project: ProjectId, region: RegionId, shown: Timestamp) -> Result<(), ApiError> {
    back::change((project, region, shown), |c, (project, region, shown)| {
        ops::images::purge_all(&c.ctx, *project, region, *shown)?;
        Ok(format!("{}?done=bin-empty", paths::IMAGES_BIN))
    })
    .await
}
