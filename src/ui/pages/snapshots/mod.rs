//! Snapshots: the list, one in full, the service that keeps them, and schedules. A file each.

mod create;
mod delete;
mod derive;
mod detail;
mod list;
mod rename;
mod schedule;
mod schedules;
mod service;

pub use create::{NewSnapshotPage, TakeSnapshotPage};
pub use delete::DeleteSnapshotPage;
pub use derive::{DiskFromSnapshotPage, ImageFromSnapshotPage};
pub use detail::SnapshotPage;
pub use list::SnapshotsPage;
pub use rename::RenameSnapshotPage;
pub use schedule::{DeleteSchedulePage, EditSchedulePage, NewSchedulePage};
pub use schedules::SchedulesPage;
pub use service::ServicePage;

use super::parts::moving_status;
use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::ids::{ScheduleId, SnapshotId};
use darkroom_core::domain::snapshot::Status as State;
use darkroom_core::domain::view::TaskView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The snapshot that the address names. One that cannot be read becomes the nil id, which none has, so that the server answers 404.
fn use_snapshot_id() -> SnapshotId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(SnapshotId(uuid::Uuid::nil()))
}

/// The schedule that the address names, likewise.
fn use_schedule_id() -> ScheduleId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(ScheduleId(uuid::Uuid::nil()))
}

/// The two lists.
fn tabs(n_snapshots: u32, n_schedules: u32) -> Vec<Tab> {
    let count = |n: u32| TabNote::Count(u64::from(n));
    vec![
        Tab::new("Snapshots", paths::SNAPSHOTS, count(n_snapshots)),
        Tab::new("Schedules", paths::SCHEDULES, count(n_schedules)),
    ]
}

/// The status of a snapshot: word, progress or reason.
fn snapshot_status(status: State, error: Option<String>, task: Option<&TaskView>) -> AnyView {
    match status {
        State::Creating | State::Deleting => moving_status(status.word(), task),
        State::Available => view! { <Status tone=Tone::Good word=status.word()/> }.into_any(),
        State::Error => view! { <Status tone=Tone::Bad word=status.word() nostrip:why=error/> }.into_any(),
    }
}
