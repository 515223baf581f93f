//! What a machine reads, with a button that copies it.

use crate::ui::components::{Icon, IconName};
use leptos::prelude::*;

#[cfg(feature = "hydrate")]
fn write(text: &str) {
    // The promise ends by itself; a refusal leaves the clipboard as it was.
    drop(window().navigator().clipboard().write_text(text));
}

#[cfg(not(feature = "hydrate"))]
fn write(_: &str) {}

/// An ID, a fingerprint or a command: one click selects all of it. The copy button appears with script, where the browser lets a page
/// write to the clipboard.
#[island]
pub fn CopyableId(#[prop(into)] id: String) -> impl IntoView {
    let ready = RwSignal::new(false);
    // Outside a secure context there is no clipboard; the text stays selectable.
    Effect::new(move |_| ready.set(window().is_secure_context()));
    let copied = RwSignal::new(false);
    let text = StoredValue::new(id.clone());
    let copy = move |_| {
        text.with_value(|text| write(text));
        copied.set(true);
    };
    let label = {
        let id = id.clone();
        move || if copied.get() { format!("Copied {id}") } else { format!("Copy {id}") }
    };
    let icon = move || {
        let name = if copied.get() { IconName::Check } else { IconName::Clip };
        view! { <Icon name/> }
    };
    view! {
        <span class="copy">
            <code>{id}</code>
            <button
                type="button"
                aria-label=label
                hidden=move || !ready.get()
                on:click=copy
                on:blur=move |_| copied.set(false)
            >
                {icon}
            </button>
        </span>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn the_copy_button_is_hidden_until_script_is_there() {
        let id = Owner::new().with(|| view! { <CopyableId id="img-5c1e"/> }.to_html());
        let button = id.split("<button").nth(1).expect("there is a button");
        assert!(button.split('>').next().expect("a tag ends").contains("hidden"), "{id}");
        assert!(id.contains("aria-label=\"Copy img-5c1e\"") && id.contains("<code>img-5c1e<"), "{id}");
    }
}
