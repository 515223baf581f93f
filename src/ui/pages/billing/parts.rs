//! What the pages about money have in common: the bar on every page, the balance, the ledger and the list of statements.

use crate::ui::components::*;
use crate::ui::pages::parts::Moment;
use crate::ui::paths;
use darkroom_core::domain::billing::Mode;
use darkroom_core::domain::page::Page;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{Arrears, BillingView, EntryRow, MoneyNotices, StatementRow};
use leptos::prelude::*;

/// What happens on which day, in sentences.
fn arrears_words(arrears: &Arrears) -> String {
    format!(
        "The account is in arrears since {}: nothing new can be made. Machines keep running. On {} images go to the recycle bin; none is removed for good before {}. A top-up ends this and brings everything back that is still there.",
        arrears.since.day(),
        arrears.recycles.day(),
        arrears.purges.day()
    )
}

/// What is to be said about money; nothing when all is well.
#[component]
pub fn MoneyBar(notices: MoneyNotices) -> impl IntoView {
    let show = || view! { <a href=paths::BILLING>"Show billing"</a> };
    let arrears = notices.arrears.map(|arrears| {
        view! { <Notice tone=Tone::Bad text=arrears_words(&arrears)>{show()}</Notice> }
    });
    // Arrears say more.
    let low = notices.low_since.filter(|_| notices.arrears.is_none()).map(|since| {
        let text = format!(
            "The balance of the account is low since {}. Ask your provider for a top-up.",
            since.day()
        );
        view! { <Notice tone=Tone::Warn text>{show()}</Notice> }
    });
    let budget = notices.budget_percent.map(|percent| {
        let text = match percent {
            100 => "The budget of this month is used up. Nothing ends because of it.".to_owned(),
            percent => format!("{percent} % of the budget of this month is used."),
        };
        view! { <Notice tone=Tone::Warn text>{show()}</Notice> }
    });
    view! { {arrears}{low}{budget} }
}

/// How the account pays, in words.
pub fn mode_words(mode: Mode, symbol: &str) -> String {
    match mode {
        Mode::Invoice => "Later, by statement".to_owned(),
        Mode::Prepaid { credit_limit } if credit_limit.0 == 0 => "Before; not below zero".to_owned(),
        Mode::Prepaid { credit_limit } => format!("Before; down to −{}", credit_limit.display(symbol)),
    }
}

/// What the account has, and of what that is made.
#[component]
pub fn Balance(view: BillingView) -> impl IntoView {
    let symbol = view.symbol.clone();
    let since = match view.unbilled_since {
        Some(since) => format!("used since {}", since.day()),
        None => "used so far".to_owned(),
    };
    let low = match (view.mode, view.low_balance) {
        (Mode::Prepaid { .. }, Some(low)) => Some(format!("Below {}", low.display(&symbol))),
        _ => None,
    };
    let low = low.map(|text| view! { <Fact term="Told when it is low">{text}</Fact> });
    let pays = mode_words(view.mode, &symbol);
    view! {
        <Section id="balance" title="Balance">
            <div class="cluster cluster--l">
                <Figure value=view.balance.display(&symbol) caption="balance now"/>
                <Figure value=view.booked.display(&symbol) caption="booked"/>
                <Figure value=view.unbilled.display(&symbol) caption=since/>
            </div>
            <Facts><Fact term="Pays">{pays}</Fact>{low}</Facts>
        </Section>
    }
}

/// The entries of the ledger, latest first. `path` is the page's own.
#[component]
pub fn Ledger(entries: Page<EntryRow>, symbol: String, now: Timestamp, path: String) -> impl IntoView {
    let (previous, next) = crate::ui::state::neighbours(&entries, &path, &[]);
    let range = entries.range();
    let body = if entries.rows.is_empty() {
        view! { <p class="soft">"Nothing was booked yet."</p> }.into_any()
    } else {
        let rows = entries
            .rows
            .into_iter()
            .map(|entry| view! { <EntryLine entry symbol=symbol.clone() now/> })
            .collect::<Vec<_>>();
        let columns = vec![
            Column::text("Entry"),
            Column::text("Reference"),
            Column::text("Booked"),
            Column::text("By").low(),
            Column::number("Amount"),
        ];
        view! {
            <Frame><Table caption="Ledger" columns>{rows}</Table><Pager range previous next/></Frame>
        }
        .into_any()
    };
    view! { <Section id="ledger" title="Ledger">{body}</Section> }
}

#[component]
fn EntryLine(entry: EntryRow, symbol: String, now: Timestamp) -> impl IntoView {
    let of = match (entry.kind.word(), entry.statement) {
        ("Correction", Some(number)) => format!("Of statement {number}. "),
        _ => String::new(),
    };
    let sub = format!("{of}{}", entry.note);
    let name = format!("{}. {}", entry.number, entry.kind.word());
    view! {
        <Row>
            <NameCell name sub/>
            <Cell label="Reference"><span class="break">{entry.reference}</span></Cell>
            <Cell label="Booked" kind=Kind::Short><Moment at=entry.at now/></Cell>
            <Cell label="By" rank=Rank::Low>{entry.by}</Cell>
            <Cell label="Amount" kind=Kind::Number><MoneyText amount=entry.amount.display(&symbol)/></Cell>
        </Row>
    }
}

/// Closed months, latest first.
#[component]
pub fn Statements(statements: Vec<StatementRow>, now: Timestamp) -> impl IntoView {
    let body = if statements.is_empty() {
        view! { <p class="soft">"No month is closed yet. Each is closed by itself a few days after its end."</p> }
            .into_any()
    } else {
        let rows = statements
            .into_iter()
            .map(|statement| {
                let href = paths::statement(statement.account, statement.number);
                let due = statement.due.display(&statement.symbol);
                let name = format!("Statement {}", statement.number);
                view! {
                    <Row>
                        <NameCell name href sub=statement.from.month()/>
                        <Cell label="Closed" kind=Kind::Short><Moment at=statement.closed now/></Cell>
                        <Cell label="Lines" kind=Kind::Number rank=Rank::Low>{statement.n_lines.to_string()}</Cell>
                        <Cell label="To pay" kind=Kind::Number><MoneyText amount=due/></Cell>
                    </Row>
                }
            })
            .collect::<Vec<_>>();
        let columns = vec![
            Column::text("Statement"),
            Column::text("Closed"),
            Column::number("Lines").low(),
            Column::number("To pay"),
        ];
        view! { <Frame><Table caption="Statements" columns>{rows}</Table></Frame> }.into_any()
    };
    view! { <Section id="statements" title="Statements">{body}</Section> }
}
