//! Calls about scaling groups.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::GroupForm;
use darkroom_core::domain::ids::GroupId;
use darkroom_core::domain::view::{GroupChange, GroupDeletion, GroupDetail, GroupList, GroupOptions};
use darkroom_core::ops;
use leptos::prelude::*;

/// Groups of the project and region in force whose name or family contains `text`.
pub async fn list_groups(text: String, page: u32) -> Result<GroupList, ApiError> {
    back::read(move |c| ops::groups::list(&c.ctx, &c.place, &text, page)).await
}

/// A group in full.
pub async fn get_group(id: GroupId) -> Result<GroupDetail, ApiError> {
    back::read(move |c| ops::groups::detail(&c.ctx, id)).await
}

/// What the page *New scaling group* offers.
pub async fn get_group_options() -> Result<GroupOptions, ApiError> {
    back::read(|c| ops::groups::options(&c.ctx, &c.place)).await
}

/// What the dialogs that change a group and roll it show.
pub async fn get_group_change(id: GroupId) -> Result<GroupChange, ApiError> {
    back::read(move |c| ops::groups::change(&c.ctx, id)).await
}

/// What the dialog that deletes a group shows.
pub async fn get_group_deletion(id: GroupId) -> Result<GroupDeletion, ApiError> {
    back::read(move |c| ops::groups::deletion(&c.ctx, id)).await
}

/// Makes a group.
#[server(prefix = "/ui", endpoint = "create_group")]
pub async fn create_group(form: GroupForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::groups::create(&c.ctx, form)?;
        Ok(format!("{}?done=group-create", paths::group(id)))
    })
    .await
}

/// Searches My Images for the page *New scaling group*: shows the form again with what is typed in it and the images found.
#[server(prefix = "/ui", endpoint = "find_group_image")]
pub async fn find_group_image(form: GroupForm, q: String) -> Result<(), ApiError> {
    back::show_again(form, move |c| {
        // Only who may see the page may have a form of it kept.
        ops::groups::options(&c.ctx, &c.place)?;
        Ok(paths::group_new_searched(&q))
    })
    .await
}

/// Changes a group.
#[server(prefix = "/ui", endpoint = "edit_group")]
pub async fn edit_group(form: GroupForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::groups::edit(&c.ctx, form)?;
        Ok(format!("{}?done=group-edit", paths::group(id)))
    })
    .await
}

/// Replaces the machines of a group by ones of its newest image.
#[server(prefix = "/ui", endpoint = "roll_group")]
pub async fn roll_group(id: GroupId, price_version: u32) -> Result<(), ApiError> {
    back::change(id, move |c, id| {
        ops::groups::roll(&c.ctx, *id, price_version)?;
        Ok(format!("{}?done=group-roll", paths::group(*id)))
    })
    .await
}

/// Tries again at once what came to nothing.
#[server(prefix = "/ui", endpoint = "retry_group")]
pub async fn retry_group(id: GroupId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::groups::retry(&c.ctx, *id)?;
        Ok(format!("{}?done=group-retry", paths::group(*id)))
    })
    .await
}

/// Deletes a group with all its machines.
#[server(prefix = "/ui", endpoint = "delete_group")]
pub async fn delete_group(id: GroupId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::groups::delete(&c.ctx, *id)?;
        Ok(format!("{}?done=group-delete", paths::GROUPS))
    })
    .await
}
