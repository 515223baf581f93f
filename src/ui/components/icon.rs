//! Icons: one name per drawing in the sprite. A page never brings a drawing of its own; a missing one is added to
//! `public/icons.svg` and here, and a test holds the two together.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Where the server serves the sprite; the browser fetches it once for all icons of all pages.
pub const SPRITE: &str = "/icons.svg";

macro_rules! icon_names {
    ($($name:ident $id:literal),+ $(,)?) => {
        /// Every drawing there is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum IconName { $($name),+ }

        impl IconName {
            /// All names, for the gallery and for the test that compares them with the sprite.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The id of the symbol in the sprite, without its `i-`.
            #[must_use]
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id),+ }
            }
        }
    };
}

icon_names! {
    Overview "overview", Instance "instance", Image "image", Camera "camera", Task "task", Usage "usage",
    Quota "quota", Audit "audit", Account "account", Key "key", Region "region", Search "search",
    Filter "filter", Down "down", Right "right", Left "left", Up "up", Check "check", Ok "ok", Bad "bad",
    Warn "warn", Info "info", Run "run", Clock "clock", Off "off", Close "x", Trash "trash", Undo "undo",
    Retry "retry", More "more", Clip "clip", Copy "copy", Share "share", Deploy "deploy", Import "import",
    Export "export", Tag "tag", Lock "lock", Plus "plus", Menu "menu", Sort "sort", Terminal "terminal",
    Disk "disk", Bin "bin", Inbox "inbox", Power "power", Pencil "pencil", Money "money", Users "users",
    Branch "branch", Group "group", Theme "theme", Quit "quit", Brand "brand",
}

/// How large an icon is drawn; the stroke stays 1.5 px in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IconSize {
    /// 16 px, beside text.
    #[default]
    Text,
    /// 20 px, alone in a button or in an empty state.
    Large,
}

/// A drawing beside a word. It is hidden from assistive technology: the word says the same.
#[component]
pub fn Icon(name: IconName, #[prop(optional)] size: IconSize) -> impl IntoView {
    let class = match size {
        IconSize::Text => "icon",
        IconSize::Large => "icon icon--l",
    };
    let href = format!("{SPRITE}#i-{}", name.id());
    view! {
        <svg class=class aria-hidden="true">
            <use href=href></use>
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sprite_has_every_named_icon_and_no_other() {
        let sprite = include_str!("../../../public/icons.svg");
        let mut drawn: Vec<&str> =
            sprite.split("<symbol id=\"i-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let mut named: Vec<&str> = IconName::ALL.iter().map(|name| name.id()).collect();
        drawn.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, drawn);
    }
}
