//! Pages about images.

mod bin;
mod copy;
mod delete;
mod detail;
mod edit;
mod list;
mod public;
mod reach;
mod received;
mod selected;
mod sharing;
mod stage;
mod toolbar;

pub use bin::{BinPage, EmptyBinPage, PurgeImagePage, RestoreImagePage};
pub use copy::CopyImagePage;
pub use delete::DeleteImagePage;
pub use detail::ImagePage;
pub use edit::EditImagePage;
pub use list::ImagesPage;
pub use public::PublicImagesPage;
pub use reach::ReachImagePage;
pub use received::ReceivedPage;
pub(super) use received::ending_words;
pub use selected::SelectedImagesPage;
pub use sharing::{ShareImagePage, SharingPage, StopSharingPage};
pub use stage::StageImagePage;

use crate::ui::components::{Tab, TabNote};
use crate::ui::paths;
use crate::ui::state::use_shell;
use darkroom_core::domain::ids::ImageId;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

/// The image that the address names. One that cannot be read becomes the nil id, which no image has, so that the server answers 404.
fn use_image_id() -> ImageId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(ImageId(uuid::Uuid::nil()))
}

/// The lists of images. What others share has its dot while something waits for a decision (H7).
fn tabs() -> Vec<Tab> {
    let shell = use_shell();
    let waiting = match shell.n_waiting {
        0 => TabNote::None,
        n => TabNote::New(u64::from(n)),
    };
    let bin = match shell.n_in_bin {
        0 => TabNote::None,
        n => TabNote::Count(u64::from(n)),
    };
    let public = Tab::new("Public", paths::IMAGES_PUBLIC, TabNote::None);
    if shell.project.is_none() {
        return vec![public];
    }
    vec![
        Tab::new("My Images", paths::IMAGES, TabNote::Count(u64::from(shell.n_images))),
        Tab::new("Shared with me", paths::IMAGES_SHARED, waiting),
        public,
        Tab::new("Recycle bin", paths::IMAGES_BIN, bin),
    ]
}
