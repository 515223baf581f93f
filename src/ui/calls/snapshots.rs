//! Calls about snapshots, their schedules and the service that keeps them.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{
    AddDiskForm, CreateSnapshotForm, RenameSnapshotForm, ScheduleForm, ServiceForm, SnapshotImageForm,
};
use darkroom_core::domain::ids::{InstanceId, ScheduleId, SnapshotId};
use darkroom_core::domain::view::{
    ScheduleList, ScheduleOptions, ScheduleRow, ServiceView, SnapshotDetail, SnapshotDiskOptions,
    SnapshotImageOptions, SnapshotList, SnapshotOptions,
};
use darkroom_core::ops::snapshots::{self, schedules, service};
use darkroom_core::ops::{disks, instances};
use leptos::prelude::*;

/// Snapshots of the project and region in force whose name or machine contains `text`; of one machine where that is named.
pub async fn list_snapshots(
    text: String,
    instance: Option<InstanceId>,
    page: u32,
) -> Result<SnapshotList, ApiError> {
    back::read(move |c| snapshots::list(&c.ctx, &c.place, &text, instance, page)).await
}

/// A snapshot in full.
pub async fn get_snapshot(id: SnapshotId) -> Result<SnapshotDetail, ApiError> {
    back::read(move |c| snapshots::detail(&c.ctx, id)).await
}

/// The service of the account in force.
pub async fn get_service() -> Result<ServiceView, ApiError> {
    back::read(|c| service::service(&c.ctx, &c.place)).await
}

/// Turns the service on or off.
#[server(prefix = "/ui", endpoint = "turn_service")]
pub async fn turn_service(form: ServiceForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        service::turn(&c.ctx, &c.place, form)?;
        Ok(format!("{}?done=service-{}", paths::SNAPSHOTS, form.turn))
    })
    .await
}

/// What the dialog that takes a snapshot of a machine shows.
pub async fn get_snapshot_options(id: InstanceId) -> Result<SnapshotOptions, ApiError> {
    back::read(move |c| snapshots::options(&c.ctx, id)).await
}

/// Takes a snapshot of a machine.
#[server(prefix = "/ui", endpoint = "create_snapshot")]
pub async fn create_snapshot(form: CreateSnapshotForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        snapshots::create(&c.ctx, form)?;
        Ok(format!("{}?done=snapshot-create", paths::SNAPSHOTS))
    })
    .await
}

/// Changes the name of a snapshot.
#[server(prefix = "/ui", endpoint = "rename_snapshot")]
pub async fn rename_snapshot(form: RenameSnapshotForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = snapshots::rename(&c.ctx, form)?;
        Ok(format!("{}?done=snapshot-rename", paths::snapshot(id)))
    })
    .await
}

/// Deletes a snapshot.
#[server(prefix = "/ui", endpoint = "delete_snapshot")]
pub async fn delete_snapshot(id: SnapshotId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        snapshots::delete(&c.ctx, *id)?;
        Ok(format!("{}?done=snapshot-delete", paths::SNAPSHOTS))
    })
    .await
}

/// What the dialog that makes an image from a snapshot shows.
pub async fn get_snapshot_image(id: SnapshotId) -> Result<SnapshotImageOptions, ApiError> {
    back::read(move |c| snapshots::image_options(&c.ctx, id)).await
}

/// Makes an image from a snapshot.
#[server(prefix = "/ui", endpoint = "image_from_snapshot")]
pub async fn image_from_snapshot(form: SnapshotImageForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = snapshots::create_image(&c.ctx, form)?;
        Ok(format!("{}?done=snapshot-image", paths::image(id)))
    })
    .await
}

/// What the dialog that makes a new disk from a snapshot shows.
pub async fn get_snapshot_disk(id: SnapshotId) -> Result<SnapshotDiskOptions, ApiError> {
    back::read(move |c| snapshots::disk_options(&c.ctx, id)).await
}

/// Gives a machine a new disk with the content of a snapshot.
#[server(prefix = "/ui", endpoint = "disk_from_snapshot")]
pub async fn disk_from_snapshot(form: AddDiskForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        disks::add(&c.ctx, form)?;
        // The form was read already, so the machine it names is one.
        let machine = form.parse()?.instance;
        instances::detail(&c.ctx, machine)?;
        Ok(format!("{}?done=snapshot-disk", paths::instance(machine)))
    })
    .await
}

/// Schedules of the project and region in force.
pub async fn list_schedules() -> Result<ScheduleList, ApiError> {
    back::read(|c| schedules::list(&c.ctx, &c.place)).await
}

/// What the dialog that makes a schedule, or changes one, shows.
pub async fn get_schedule_options(id: Option<ScheduleId>) -> Result<ScheduleOptions, ApiError> {
    back::read(move |c| schedules::options(&c.ctx, &c.place, id)).await
}

/// One schedule.
pub async fn get_schedule(id: ScheduleId) -> Result<ScheduleRow, ApiError> {
    back::read(move |c| schedules::get(&c.ctx, id)).await
}

/// Makes a schedule, or changes one.
#[server(prefix = "/ui", endpoint = "save_schedule")]
pub async fn save_schedule(form: ScheduleForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        schedules::save(&c.ctx, form)?;
        Ok(format!("{}?done=schedule-save", paths::SCHEDULES))
    })
    .await
}

/// Lets a schedule take its next snapshot now.
#[server(prefix = "/ui", endpoint = "run_schedule")]
pub async fn run_schedule(id: ScheduleId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        schedules::run(&c.ctx, *id)?;
        Ok(format!("{}?done=schedule-run", paths::SCHEDULES))
    })
    .await
}

/// Deletes a schedule.
#[server(prefix = "/ui", endpoint = "delete_schedule")]
pub async fn delete_schedule(id: ScheduleId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        schedules::delete(&c.ctx, *id)?;
        Ok(format!("{}?done=schedule-delete", paths::SCHEDULES))
    })
    .await
}
