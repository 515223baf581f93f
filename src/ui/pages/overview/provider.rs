//! What only the provider's people see on the overview.

use crate::ui::components::*;
use crate::ui::pages::accounts::AccountTable;
use darkroom_core::domain::view::AccountRow;
use leptos::prelude::*;

/// What is missing on this machine, where it can be read before a customer finds it.
#[component]
pub fn Missing(missing: Vec<String>) -> impl IntoView {
    if missing.is_empty() {
        return ().into_any();
    }
    let notices = missing.into_iter().map(|text| view! { <Notice tone=Tone::Warn text/> }).collect_view();
    view! { <Section id="missing" title="Missing on this machine">{notices}</Section> }.into_any()
}

/// All tenant accounts with what they have and what it costs.
#[component]
pub fn Accounts(accounts: Vec<AccountRow>, symbol: String) -> impl IntoView {
    let body = if accounts.is_empty() {
        view! { <p class="soft">"No accounts yet. The command darkroom admin makes them."</p> }.into_any()
    } else {
        view! { <Frame><AccountTable accounts symbol/></Frame> }.into_any()
    };
    view! { <Section id="accounts" title="Accounts">{body}</Section> }
}
