//! darkroom: images of machines for small clouds. The library is the portal (both sides) and, with the feature `ssr`, the server.
//! Features `ssr` and `hydrate` exclude each other: the first makes the executable, the second the browser's half.
#![recursion_limit = "512"]

#[cfg(feature = "ssr")]
pub mod server;
pub mod ui;

/// Makes the page that the server rendered quicker to use; the islands on it follow one by one.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
    ui::browser::start();
}
