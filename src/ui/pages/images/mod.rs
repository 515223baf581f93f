//! Pages about images.

mod delete;
mod detail;
mod edit;
mod list;
mod public;

pub use delete::DeleteImagePage;
pub use detail::ImagePage;
pub use edit::EditImagePage;
pub use list::ImagesPage;
pub use public::PublicImagesPage;

use crate::ui::components::{Tab, TabNote};
use crate::ui::paths;
use darkroom_core::domain::ids::ImageId;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The image that the address names. One that cannot be read becomes the nil id, which no image has, so that the server answers 404.
fn use_image_id() -> ImageId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(ImageId(uuid::Uuid::nil()))
}

/// The two lists of images.
fn tabs(n_mine: Option<u32>) -> Vec<Tab> {
    let note = n_mine.map_or(TabNote::None, |n| TabNote::Count(u64::from(n)));
    vec![Tab::new("My Images", paths::IMAGES, note), Tab::new("Public", paths::IMAGES_PUBLIC, TabNote::None)]
}
