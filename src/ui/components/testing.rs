//! Renders a component to HTML for the unit tests of this folder, as the server would.

use leptos::prelude::*;

/// The HTML of a view, with an owner of its own.
pub fn html<V: IntoView>(view: impl FnOnce() -> V) -> String {
    Owner::new().with(|| view().into_view().to_html())
}
