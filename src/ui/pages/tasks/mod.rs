//! Stub.
use leptos::prelude::*;
#[component]
pub fn TasksPage() -> impl IntoView { view! { <h1>"TasksPage"</h1> } }
#[component]
pub fn TaskPage() -> impl IntoView { view! { <h1>"TaskPage"</h1> } }
