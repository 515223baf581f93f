//! Pages about machines.

mod capture;
mod change;
mod console;
mod delete;
mod detail;
mod disks;
mod list;
pub(super) mod new;
pub(super) mod picker;

pub use capture::CaptureImagePage;
pub use change::ChangeImagePage;
pub use console::ConsolePage;
pub use delete::DeleteInstancePage;
pub use detail::InstancePage;
pub(super) use detail::InstanceSheet;
pub use disks::{AddDiskPage, RemoveDiskPage};
pub use list::InstancesPage;
pub use new::NewInstancePage;

use darkroom_core::domain::ids::InstanceId;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The machine that the address names. One that cannot be read becomes the nil id, which no machine has, so that the server answers 404.
pub(super) fn use_instance_id() -> InstanceId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(InstanceId(uuid::Uuid::nil()))
}

/// The name of the disk at `index` of a machine.
fn disk_name(index: usize) -> String {
    if index == 0 { "system".to_owned() } else { format!("data-{index}") }
}
