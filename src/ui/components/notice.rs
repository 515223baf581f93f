//! Notice and toast. A notice stays where it matters. A toast confirms an action and has the way back in it; it is
//! the first line of the next page without script, and floats for a while with it. Errors are never toasts, which
//! is why a toast takes no tone for them.

use super::icon::Icon;
use super::status::Tone;
use super::tabs::Link;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether a notice is read out the moment it appears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    #[default]
    Calm,
    /// The answer to what the user just did.
    Alert,
}

/// A sentence that stays in the page. The children are a button or a link, if there is something to do about it.
#[component]
pub fn Notice(
    #[prop(optional)] tone: Tone,
    #[prop(into)] text: String,
    #[prop(optional)] urgency: Urgency,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let role = (urgency == Urgency::Alert).then_some("alert");
    view! {
        <div class="notice" data-is=tone.attribute() role=role>
            <Icon name=tone.icon()/>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}

/// What a toast may say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToastTone {
    #[default]
    Done,
    /// It was started and still runs.
    Started,
}

/// What one page tells the next after an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    pub tone: ToastTone,
    /// *staging-api-snapshot is in the recycle bin until 27 Nov, 16:12.*
    pub text: String,
    /// Where to look at it.
    pub link: Option<Link>,
    /// Takes it back.
    pub undo: Option<Undo>,
}

/// The form that takes something back: where it is posted, and the one field that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    pub to: String,
    pub name: String,
    pub value: String,
}

/// Where toasts stand. The shell has one.
#[component]
pub fn Toasts(children: Children) -> impl IntoView {
    view! { <div class="toasts" role="status">{children()}</div> }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn only_an_alert_interrupts() {
        assert!(!html(|| view! { <Notice text="Nobody has checked this image."/> }).contains("role="));
        let alert = html(|| view! { <Notice tone=Tone::Bad text="Wrong." urgency=Urgency::Alert/> });
        assert!(alert.contains("role=\"alert\"") && alert.contains("data-is=\"bad\""), "{alert}");
    }
}
