//! The little that components do in the browser once it hydrates them. Everything here makes a working page
//! quicker; nothing here is needed for it to work. On the server each function does nothing.

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::html;
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use web_sys::{Element, HtmlElement};

    /// The first thing in a dialog that wants attention: what is wrong, else the first field.
    const FIRST_FIELD: &str = "[aria-invalid='true'], .input:not([readonly])";

    /// Turns a dialog that the server opened into a modal one, without taking the focus from who is typing in it.
    pub fn show_modal(dialog: &web_sys::HtmlDialogElement) {
        let before = document().active_element().filter(|element| dialog.contains(Some(element)));
        // An open dialog refuses to become modal, so it is closed first; both happen before the next paint.
        if dialog.remove_attribute("open").is_err() || dialog.show_modal().is_err() {
            // A browser without modal dialogs keeps the one the server opened.
            dialog.set_open(true);
            return;
        }
        let wanted = before.or_else(|| dialog.query_selector(FIRST_FIELD).ok().flatten());
        if let Some(field) = wanted.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
            focus(&field);
        }
    }

    /// Follows a link as a click would, so that the router sees it.
    pub fn follow(link: NodeRef<html::A>) {
        if let Some(link) = link.get_untracked() {
            link.click();
        }
    }

    /// Closes the popover around a link that was followed: the page changes, the menu must not stay.
    pub fn close_popover_after_link(event: &leptos::ev::MouseEvent) {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let link = target.and_then(|element| element.closest("a[href]").ok().flatten());
        let popover = link.and_then(|link| link.closest("[popover]").ok().flatten());
        let Some(popover) = popover.and_then(|element| element.dyn_into::<HtmlElement>().ok()) else {
            return;
        };
        // A sidebar that is not open as a drawer refuses to hide, which is as it should be.
        drop(popover.hide_popover());
    }

    /// Puts text on the clipboard. Outside a secure context there is none, and the text stays selectable.
    pub fn copy(text: &str) {
        if window().is_secure_context() {
            // The promise ends by itself; a refusal leaves the clipboard as it was.
            drop(window().navigator().clipboard().write_text(text));
        }
    }

    /// Whether this page may use the clipboard.
    pub fn can_copy() -> bool {
        window().is_secure_context()
    }

    /// Puts the focus on an element.
    pub fn focus(element: &HtmlElement) {
        // Focus cannot be forced; the browser may refuse while its window is in the background.
        drop(element.focus());
    }
}

#[cfg(not(feature = "hydrate"))]
mod browser {
    use leptos::html;
    use leptos::prelude::*;

    pub fn show_modal(_dialog: &leptos::web_sys::HtmlDialogElement) {}

    pub fn follow(_link: NodeRef<html::A>) {}

    pub fn close_popover_after_link(_event: &leptos::ev::MouseEvent) {}

    pub fn copy(_text: &str) {}

    pub fn focus(_element: &leptos::web_sys::HtmlElement) {}

    pub fn can_copy() -> bool {
        false
    }
}

pub use browser::{can_copy, close_popover_after_link, copy, focus, follow, show_modal};
