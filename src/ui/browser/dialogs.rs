//! Dialogs: the server renders them open in a layer; here they become modal, and Escape follows their close link.

use super::page::{all, document};
use leptos::wasm_bindgen::JsCast;
use web_sys::{Element, Event, HtmlDialogElement, HtmlElement};

/// The first thing in a dialog that wants attention: what is wrong, else the first field.
const FIRST_FIELD: &str = "[aria-invalid='true'], .input:not([readonly])";

/// Makes the dialogs of the page modal that are not yet.
pub fn arm() {
    for dialog in all::<HtmlDialogElement>(&document(), "dialog[open]:not(:modal)") {
        show_modal(&dialog);
    }
}

/// Without taking the focus from who is typing in it.
fn show_modal(dialog: &HtmlDialogElement) {
    let before = document().active_element().filter(|element| dialog.contains(Some(element)));
    // An open dialog refuses to become modal, so it is closed first; both happen before the next paint.
    if dialog.remove_attribute("open").is_err() || dialog.show_modal().is_err() {
        // A browser without modal dialogs keeps the one the server opened.
        dialog.set_open(true);
        return;
    }
    let wanted = before.or_else(|| first_field(dialog));
    focus(wanted);
}

/// The first field of a form or dialog that is wrong, else its first field.
fn first_field(around: &Element) -> Option<Element> {
    around.query_selector(FIRST_FIELD).ok().flatten()
}

/// Puts the focus on what a refusal is about, if it is about a field.
pub fn focus_on_fault() {
    focus(document().query_selector("[aria-invalid='true']").ok().flatten());
}

fn focus(element: Option<Element>) {
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Focus cannot be forced; the browser may refuse while its window is in the background.
        drop(element.focus());
    }
}

/// Escape leaves a dialog as its close link does.
pub fn on_cancel(event: Event) {
    let dialog = event.target().and_then(|target| target.dyn_into::<HtmlDialogElement>().ok());
    let Some(close) = dialog.and_then(|dialog| dialog.query_selector("[data-close]").ok().flatten()) else {
        return;
    };
    event.prevent_default();
    if let Ok(close) = close.dyn_into::<HtmlElement>() {
        close.click();
    }
}
