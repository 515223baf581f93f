//! The toast: a confirmation with the way back in it. Errors are never toasts, which is why a `Flash` takes no tone for them.

use crate::ui::components::{Flash, Icon, IconName, ToastTone, Tone};
use leptos::prelude::*;
use std::time::Duration;

/// How long a toast stays when nobody touches it; never under ten seconds.
const TOAST_STAYS: Duration = Duration::from_secs(12);

/// A confirmation. Without script it is the first line of the page. With script it floats, can be closed, goes after a while, and stays as
/// long as it has the focus or the pointer.
#[island]
pub fn Toast(flash: Flash) -> impl IntoView {
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
    let tone = match flash.tone {
        ToastTone::Done => Tone::Good,
        ToastTone::Started => Tone::Run,
    };
    let link = flash.link.map(|link| view! { <a class="button" href=link.href>{link.label}</a> });
    let undo = flash.undo.map(|undo| {
        view! {
            <form method="post" action=undo.to data-send="">
                <input type="hidden" name=undo.name value=undo.value/>
                <button class="button" type="submit">
                    <Icon name=IconName::Undo/>
                    "Undo"
                </button>
            </form>
        }
    });
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
            <p>{flash.text}</p>
            <div class="toast__acts">
                {undo}
                {link}
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
    use super::*;

    #[test]
    fn without_script_a_toast_has_no_dead_button() {
        let owner = Owner::new();
        let toast = owner.with(|| {
            let flash =
                Flash { tone: ToastTone::Done, text: "It is saved.".to_owned(), link: None, undo: None };
            view! { <Toast flash/> }.to_html()
        });
        let close = toast.split("<button").nth(1).expect("the close button is rendered");
        assert!(close.split('>').next().expect("a tag ends").contains("hidden"), "{toast}");
    }

    #[test]
    fn a_toast_stays_at_least_ten_seconds() {
        assert!(TOAST_STAYS >= Duration::from_secs(10));
    }
}
