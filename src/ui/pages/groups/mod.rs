//! Pages about scaling groups.

mod delete;
mod detail;
mod edit;
mod list;
mod new;
mod roll;

pub use delete::DeleteGroupPage;
pub use detail::GroupPage;
pub use edit::EditGroupPage;
pub use list::GroupsPage;
pub use new::NewGroupPage;
pub use roll::RollGroupPage;

use crate::ui::components::{IconName, Status, Tone};
use darkroom_core::domain::ids::GroupId;
use darkroom_core::domain::view::Health;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The group that the address names. One that cannot be read becomes the nil id, which no group has, so that the server answers 404.
fn use_group_id() -> GroupId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(GroupId(uuid::Uuid::nil()))
}

/// How a group is doing, in a word.
const fn health_words(health: Health) -> (Tone, &'static str) {
    match health {
        Health::Well => (Tone::Good, "As wanted"),
        Health::Rolling => (Tone::Run, "Rolling"),
        Health::Changing => (Tone::Run, "Changing"),
        Health::Troubled => (Tone::Warn, "Waiting"),
        Health::Deleting => (Tone::Run, "Deleting"),
    }
}

/// The same as a status.
fn health_status(health: Health) -> AnyView {
    let (tone, word) = health_words(health);
    view! { <Status tone word/> }.into_any()
}

/// Whether something happens to the group by itself right now.
const fn moves(health: Health) -> bool {
    matches!(health, Health::Rolling | Health::Changing | Health::Deleting)
}

/// The icon of everything about groups.
const ICON: IconName = IconName::Group;
