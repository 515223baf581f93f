//! Calls about machines.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{AddDiskForm, ChangeImageForm, DeployForm, RemoveDiskForm};
use darkroom_core::domain::ids::{DiskId, InstanceId};
use darkroom_core::domain::view::{
    ChangeImageOptions, DeployOptions, DiskOptions, DiskRemoval, InstanceDeletion, InstanceDetail,
    InstanceList,
};
use darkroom_core::ops;
use leptos::prelude::*;

/// Machines of the project and region in force whose name, image or id contains `text`.
pub async fn list_instances(text: String, page: u32) -> Result<InstanceList, ApiError> {
    back::read(move |c| ops::instances::list(&c.ctx, &c.place, &text, page)).await
}

/// A machine in full.
pub async fn get_instance(id: InstanceId) -> Result<InstanceDetail, ApiError> {
    back::read(move |c| ops::instances::detail(&c.ctx, id)).await
}

/// What the page *New instance* offers.
pub async fn get_deploy_options() -> Result<DeployOptions, ApiError> {
    back::read(|c| ops::instances::deploy_options(&c.ctx, &c.place)).await
}

/// Makes a machine from an image.
#[server(prefix = "/ui", endpoint = "create_instance")]
pub async fn create_instance(form: DeployForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::instances::create(&c.ctx, form)?;
        Ok(paths::instance(id))
    })
    .await
}

/// Searches My Images for the page *New instance*: shows the form again with what is typed in it and the images found.
#[server(prefix = "/ui", endpoint = "find_image")]
pub async fn find_image(form: DeployForm, q: String) -> Result<(), ApiError> {
    back::show_again(form, move |c| {
        // Only who may see the page may have a form of it kept.
        ops::instances::deploy_options(&c.ctx, &c.place)?;
        Ok(paths::instance_new_searched(&q))
    })
    .await
}

/// Starts a machine.
#[server(prefix = "/ui", endpoint = "start_instance")]
pub async fn start_instance(id: InstanceId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::instances::start(&c.ctx, *id)?;
        Ok(paths::instance(*id))
    })
    .await
}

/// Stops a machine: presses its power button, and cuts the power if it does not go off in time.
#[server(prefix = "/ui", endpoint = "stop_instance")]
pub async fn stop_instance(id: InstanceId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::instances::stop(&c.ctx, *id)?;
        Ok(paths::instance(*id))
    })
    .await
}

/// Restarts a machine.
#[server(prefix = "/ui", endpoint = "reboot_instance")]
pub async fn reboot_instance(id: InstanceId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::instances::reboot(&c.ctx, *id)?;
        Ok(paths::instance(*id))
    })
    .await
}

/// What the dialog that adds a disk to a machine shows.
pub async fn get_disk_options(id: InstanceId) -> Result<DiskOptions, ApiError> {
    back::read(move |c| ops::disks::options(&c.ctx, id)).await
}

/// Gives a machine that is off a new data disk.
#[server(prefix = "/ui", endpoint = "add_disk")]
pub async fn add_disk(form: AddDiskForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let machine = form.parse()?.instance;
        ops::disks::add(&c.ctx, form)?;
        Ok(paths::instance(machine))
    })
    .await
}

/// What the dialog that removes a disk of a machine shows.
pub async fn get_disk_removal(id: InstanceId, disk: DiskId) -> Result<DiskRemoval, ApiError> {
    back::read(move |c| ops::disks::removal(&c.ctx, id, disk)).await
}

/// Removes a data disk of a machine that is off, with everything on it.
#[server(prefix = "/ui", endpoint = "remove_disk")]
pub async fn remove_disk(form: RemoveDiskForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let machine = form.parse()?.instance;
        ops::disks::remove(&c.ctx, form)?;
        Ok(paths::instance(machine))
    })
    .await
}

/// What the dialog *Change image* shows.
pub async fn get_change_image_options(id: InstanceId) -> Result<ChangeImageOptions, ApiError> {
    back::read(move |c| ops::instances::change_options(&c.ctx, id)).await
}

/// Replaces the system disk of a machine by one of another image.
#[server(prefix = "/ui", endpoint = "change_instance_image")]
pub async fn change_instance_image(form: ChangeImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::instances::change_image(&c.ctx, form)?;
        let id = form.parse()?.instance;
        Ok(format!("{}?done=instance-reinstall", paths::instance(id)))
    })
    .await
}

/// What the dialog that deletes a machine shows.
pub async fn get_instance_deletion(id: InstanceId) -> Result<InstanceDeletion, ApiError> {
    back::read(move |c| ops::instances::deletion(&c.ctx, id)).await
}

/// Deletes a machine with all its disks.
#[server(prefix = "/ui", endpoint = "delete_instance")]
pub async fn delete_instance(id: InstanceId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::instances::delete(&c.ctx, *id)?;
        Ok(format!("{}?done=instance-delete", paths::INSTANCES))
    })
    .await
}
