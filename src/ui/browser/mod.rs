//! What script adds to every page: dialogs become modal, work at hand keeps the page up to date, and forms are sent without leaving it.
//! All of it makes a working page quicker; nothing here is needed for it to work, and no rule may live here.

mod dialogs;
mod page;
mod send;

use leptos::wasm_bindgen::JsCast;
use leptos::wasm_bindgen::closure::Closure;
use web_sys::{AddEventListenerOptions, Event, EventTarget};

/// Takes over the page that the server rendered. Called once, before its islands are hydrated.
pub fn start() {
    page::clean_address();
    page::know_islands();
    dialogs::arm();
    listen(&page::document(), "cancel", dialogs::on_cancel);
    listen(&page::document(), "submit", send::on_submit);
    listen(&page::window(), "pageshow", send::on_page_shown);
    // The timer lives as long as the page. It asks nothing while nothing moves.
    gloo_timers::callback::Interval::new(page::POLL_MS, page::follow).forget();
}

/// Hears an event wherever on the page it happens, also those that do not bubble, as long as the page lives.
fn listen<E: JsCast + 'static>(at: &EventTarget, name: &str, hear: fn(E)) {
    let heard = Closure::<dyn Fn(Event)>::new(move |event: Event| hear(event.unchecked_into()));
    let options = AddEventListenerOptions::new();
    options.set_capture(true);
    let added = at.add_event_listener_with_callback_and_add_event_listener_options(
        name,
        heard.as_ref().unchecked_ref(),
        &options,
    );
    if added.is_ok() {
        heard.forget();
    }
}
