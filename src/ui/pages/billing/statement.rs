//! The page of a statement: printable, with its lines, its hash and how to verify it.

use crate::ui::calls::billing::get_statement;
use crate::ui::components::*;
use crate::ui::pages::parts::loaded;
use crate::ui::paths;
use crate::ui::state::use_shell;
use darkroom_core::domain::ids::AccountId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::size;
use darkroom_core::domain::statement::{Line, Statement};
use darkroom_core::domain::time::span;
use darkroom_core::domain::view::{EntryRow, StatementView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The page of a statement.
#[component]
pub fn StatementPage() -> impl IntoView {
    let (account, number) = use_params_map().with_untracked(|params| {
        let account = params.get_str("account").and_then(|id| id.parse().ok());
        let number = params.get_str("number").and_then(|number| number.parse().ok());
        (account.unwrap_or(AccountId(uuid::Uuid::nil())), number.unwrap_or(0))
    });
    loaded(get_statement(account, number), |view| view! { <StatementSheet view/> }.into_any())
}

#[component]
fn StatementSheet(view: StatementView) -> impl IntoView {
    let StatementView { statement, lines, sums, corrections, holds } = view;
    let title = format!("Statement {}", statement.number);
    let above = match use_shell().operator {
        true => Link::new("Billing", paths::account_billing(statement.account)),
        false => Link::new("Billing", paths::BILLING),
    };
    let file = paths::statement_csv(statement.account, statement.number);
    let (symbol, n_lines) = (statement.symbol.clone(), statement.n_lines);
    let sub = format!("{}, {}", statement.name, statement.from.month());
    let of = statement.clone();
    view! {
        <Title text=format!("{title} · darkroom")/>
        <Crumbs above=vec![above] here=title.clone()/>
        <PageHead title>
            <p class="soft">{sub}</p>
            <PageActions slot>
                <LinkButton href=file size=Size::Form icon=IconName::Export>"Lines as CSV"</LinkButton>
            </PageActions>
        </PageHead>
        <div class="stack stack--l">
            <Sum statement=of sums/>
            <Corrections corrections symbol=symbol.clone()/>
            <Lines lines n_lines symbol/>
            <Proof statement holds/>
        </div>
    }
}

#[component]
fn Sum(statement: Statement, sums: Vec<(String, Money)>) -> impl IntoView {
    let symbol = statement.symbol.clone();
    let sums = sums
        .into_iter()
        .map(|(what, sum)| {
            let (what, sum) = (sentence(&what), sum.exact(&symbol));
            view! { <Fact term=what>{sum}</Fact> }
        })
        .collect_view();
    let period = format!("{} to {}, UTC", statement.from.day(), statement.to.plus_ms(-1).day());
    view! {
        <Section id="sum" title="To pay">
            <Figure value=statement.due.display(&symbol) caption="rounded to whole cents once"/>
            <Facts>
                <Fact term="Period">{period}</Fact>
                <Fact term="Closed">{statement.closed.minute()}" UTC"</Fact>
                {sums}
                <Fact term="Sum of the lines">{statement.total.exact(&symbol)}</Fact>
            </Facts>
        </Section>
    }
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[component]
fn Corrections(corrections: Vec<EntryRow>, symbol: String) -> impl IntoView {
    let rows = corrections
        .into_iter()
        .map(|entry| {
            let words = format!(
                "{} on {}, {}. {}",
                entry.amount.display(&symbol),
                entry.at.day(),
                entry.reference,
                entry.note
            );
            view! { <li>{words}</li> }
        })
        .collect::<Vec<_>>();
    (!rows.is_empty()).then(|| {
        view! {
            <Section id="corrections" title="Given back since">
                <p class="soft">"A statement is never changed. What was wrong in it is given back in the ledger."</p>
                <ul>{rows}</ul>
            </Section>
        }
    })
}

#[component]
fn Lines(lines: Vec<Line>, n_lines: u64, symbol: String) -> impl IntoView {
    if lines.is_empty() {
        let words = format!("It has {n_lines} lines, too many for a page. All of them are in the CSV file.");
        return view! { <Section id="lines" title="Lines"><p class="soft">{words}</p></Section> }.into_any();
    }
    let columns = vec![
        Column::text("What"),
        Column::text("Region"),
        Column::number("Quantity").low(),
        Column::text("From").low(),
        Column::number("For"),
        Column::number("Cost"),
    ];
    let rows = lines
        .into_iter()
        .map(|line| view! { <StatementLine line symbol=symbol.clone()/> })
        .collect::<Vec<_>>();
    view! { <Section id="lines" title="Lines"><Frame><Table caption="Lines" columns>{rows}</Table></Frame></Section> }
        .into_any()
}

#[component]
fn StatementLine(line: Line, symbol: String) -> impl IntoView {
    let of = if line.of.is_empty() { String::new() } else { format!(", {}", line.of) };
    let sub = format!("{}: {}{of}", sentence(line.subject.noun()), line.what);
    let quantity = if line.quantity_bytes > 0 { size::decimal(line.quantity_bytes) } else { String::new() };
    view! {
        <Row>
            <NameCell name=line.name sub/>
            <Cell label="Region">{line.region.to_string()}</Cell>
            <Cell label="Quantity" kind=Kind::Number rank=Rank::Low>{quantity}</Cell>
            <Cell label="From" kind=Kind::Short rank=Rank::Low>
                <Time datetime=line.from.rfc3339() text=line.from.minute()/>
            </Cell>
            <Cell label="For" kind=Kind::Number>{span(line.to.since_ms(line.from))}</Cell>
            <Cell label="Cost" kind=Kind::Number><MoneyText amount=line.amount.exact(&symbol)/></Cell>
        </Row>
    }
}

/// The hash, and whether it is what was written.
#[component]
fn Proof(statement: Statement, holds: Option<bool>) -> impl IntoView {
    let checked = match holds {
        Some(true) => view! { <Status tone=Tone::Good word="Lines, sum and hash are what was written"/> }.into_any(),
        Some(false) => {
            view! { <Notice tone=Tone::Bad text="This is not what was written when the month was closed. Tell your provider."/> }
                .into_any()
        }
        None => view! { <p class="soft">"Too many lines to verify on a page. The command darkroom check verifies all of them."</p> }.into_any(),
    };
    let previous =
        if statement.previous.is_empty() { "None, it is the first".to_owned() } else { statement.previous };
    view! {
        <Section id="proof" title="Proof">
            <div>{checked}</div>
            <Facts>
                <Fact term="Hash"><code class="break">{statement.hash}</code></Fact>
                <Fact term="Hash of the lines"><code class="break">{statement.lines_hash}</code></Fact>
                <Fact term="Hash of the statement before"><code class="break">{previous}</code></Fact>
            </Facts>
            <p class="small soft">
                "Each line is written as its first twelve columns of the CSV file, each as the count of its bytes, a colon, the text and a comma; the SHA-256 of all lines one after the other is the hash of the lines. The hash of the statement is made in the same way of the hash before it, number, account, name, the first moment of the month, of the next, and of closing in milliseconds, lines, sum and amount to pay in millionths, currency and the hash of the lines."
            </p>
        </Section>
    }
}
