//! What only the provider's people see on the overview.

use crate::ui::components::*;
use darkroom_core::domain::page::grouped;
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
    let columns = vec![
        Column::text("Account"),
        Column::number("Projects").low(),
        Column::number("Instances"),
        Column::number("Images"),
        Column::number("Cost this month"),
    ];
    let rows = accounts
        .into_iter()
        .map(|account| view! { <Account account symbol=symbol.clone()/> })
        .collect::<Vec<_>>();
    let body = if rows.is_empty() {
        view! { <p class="soft">"No accounts yet. The command darkroom admin makes them."</p> }.into_any()
    } else {
        view! { <Frame><Table caption="Accounts" columns>{rows}</Table></Frame> }.into_any()
    };
    view! { <Section id="accounts" title="Accounts">{body}</Section> }
}

#[component]
fn Account(account: AccountRow, symbol: String) -> impl IntoView {
    view! {
        <Row>
            <NameCell name=account.name.to_string()/>
            <Cell label="Projects" kind=Kind::Number rank=Rank::Low>
                {grouped(account.n_projects)}
            </Cell>
            <Cell label="Instances" kind=Kind::Number>
                {grouped(account.n_instances)}
            </Cell>
            <Cell label="Images" kind=Kind::Number>
                {grouped(account.n_images)}
            </Cell>
            <Cell label="Cost this month" kind=Kind::Number>
                <MoneyText amount=account.cost.display(&symbol)/>
            </Cell>
        </Row>
    }
}
