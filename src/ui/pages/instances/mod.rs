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
use darkroom_core::domain::size;
use darkroom_core::domain::view::DiskView;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The machine that the address names. One that cannot be read becomes the nil id, which no machine has, so that the server answers 404.
pub(super) fn use_instance_id() -> InstanceId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(InstanceId(uuid::Uuid::nil()))
}

/// `data-1, ssd, 5 GiB`.
fn disk_words(disk: &DiskView) -> String {
    format!("{}, {}, {}", disk.name, disk.kind, size::binary(disk.size_bytes))
}
