//! Notice and toast. A notice stays where it matters. A toast confirms an action and has the way back in it; it is
//! the first line of the next page without script, and floats for a while with it. Errors are never toasts, which
//! is why a toast takes no tone for them.

use super::icon::{Icon, IconName};
use super::status::Tone;
use super::tabs::Link;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a toast stays when nobody touches it; never under ten seconds.
const TOAST_STAYS: Duration = Duration::from_secs(12);

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
    /// Where to look at it or take it back.
    pub link: Option<Link>,
}

/// Where toasts stand. The shell has one; a page with its own toasts adds them to it through the `flash` of `Shell`.
#[component]
pub fn Toasts(children: Children) -> impl IntoView {
    let floating = RwSignal::new(false);
    Effect::new(move |_| floating.set(true));
    let floats = move || floating.get().then_some("");
    view! { <div class="toasts" role="status" data-floating=floats>{children()}</div> }
}

/// A confirmation. With script it can be closed, goes after a while, and stays as long as it has the focus or the
/// pointer. The children are its button: *Undo*, *Show*.
#[component]
pub fn Toast(
    #[prop(optional)] tone: ToastTone,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let shown = RwSignal::new(true);
    let focused = RwSignal::new(false);
    let hovered = RwSignal::new(false);
    let scripted = RwSignal::new(false);
    Effect::new(move |_| scripted.set(true));
    Effect::new(move |_| {
        if focused.get() || hovered.get() {
            return;
        }
        // Without a timer the toast simply stays until it is closed.
        if let Ok(timer) = set_timeout_with_handle(move || shown.set(false), TOAST_STAYS) {
            on_cleanup(move || timer.clear());
        }
    });
    let tone = match tone {
        ToastTone::Done => Tone::Good,
        ToastTone::Started => Tone::Run,
    };
    view! {
        <div
            class="toast"
            data-is=tone.attribute()
            hidden=move || !shown.get()
            on:focusin=move |_| focused.set(true)
            on:focusout=move |_| focused.set(false)
            on:pointerenter=move |_| hovered.set(true)
            on:pointerleave=move |_| hovered.set(false)
        >
            <Icon name=tone.icon()/>
            <p>{text}</p>
            <div class="toast__acts">
                {children.map(|children| children())}
                <button
                    class="button button--quiet button--icon"
                    type="button"
                    aria-label="Close"
                    hidden=move || !scripted.get()
                    on:click=move |_| shown.set(false)
                >
                    <Icon name=IconName::Close/>
                </button>
            </div>
        </div>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn without_script_a_toast_is_part_of_the_page_and_has_no_dead_button() {
        let toast = html(|| view! { <Toasts><Toast text="It is in the recycle bin."/></Toasts> });
        assert!(!toast.contains("data-floating"), "{toast}");
        let close = toast.split("<button").nth(1).expect("the close button is rendered");
        assert!(close.split('>').next().expect("a tag ends").contains("hidden"), "{toast}");
    }

    #[test]
    fn a_toast_stays_at_least_ten_seconds() {
        assert!(TOAST_STAYS >= Duration::from_secs(10));
    }

    #[test]
    fn only_an_alert_interrupts() {
        assert!(!html(|| view! { <Notice text="Nobody has checked this image."/> }).contains("role="));
        let alert = html(|| view! { <Notice tone=Tone::Bad text="Wrong." urgency=Urgency::Alert/> });
        assert!(alert.contains("role=\"alert\"") && alert.contains("data-is=\"bad\""), "{alert}");
    }
}
