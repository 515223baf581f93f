//! Status: icon, word, colour, in that order. Colour never stands alone, so every tone has an icon.

use super::gauge::Progress;
use super::icon::{Icon, IconName};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What a line means; the only way components take a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// Says something without judging.
    #[default]
    Plain,
    /// In progress: the safelight.
    Run,
    /// As it should be.
    Good,
    /// Still works, needs attention.
    Warn,
    /// Failed, refused or deletes.
    Bad,
}

impl Tone {
    /// The value of `data-is`, which the style sheet reads.
    #[must_use]
    pub const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Run => Some("run"),
            Self::Good => Some("ok"),
            Self::Warn => Some("warn"),
            Self::Bad => Some("bad"),
        }
    }

    /// The icon that goes with the colour unless a page names a better one.
    #[must_use]
    pub const fn icon(self) -> IconName {
        match self {
            Self::Plain => IconName::Info,
            Self::Run => IconName::Run,
            Self::Good => IconName::Ok,
            Self::Warn => IconName::Warn,
            Self::Bad => IconName::Bad,
        }
    }
}

/// A state in a row or beside a title, with its reason and its progress where it has them.
#[component]
pub fn Status(
    tone: Tone,
    /// What it is, for instance *Creating 62 %, 2 min left*.
    #[prop(into)]
    word: String,
    /// Instead of the icon of the tone.
    #[prop(optional)]
    icon: Option<IconName>,
    /// The small second line: why, or what to do instead.
    #[prop(optional, into)]
    why: Option<String>,
    /// Percent done; shows the 4 px bar. Its label is the word.
    #[prop(optional)]
    percent: Option<u8>,
) -> impl IntoView {
    let name = icon.unwrap_or(tone.icon());
    let label = word.clone();
    let line = view! {
        <span class="status" data-is=tone.attribute()>
            <Icon name/>
            {word}
        </span>
    };
    if why.is_none() && percent.is_none() {
        return line.into_any();
    }
    let bar = percent.map(|value| view! { <Progress label value=Some(u64::from(value)) max=100/> });
    let why = why.map(|text| view! { <span class="why">{text}</span> });
    view! { <div class="status-cell">{line}{bar}{why}</div> }.into_any()
}
