//! The provider's page *Revenue*: what all accounts were charged by region and month, who was charged most, what is stored against what is
//! billed, and the files for a system that writes invoices. Every figure comes from core; here they are only laid out.

use super::parts::{counted, loaded};
use crate::ui::calls::billing::get_revenue;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_word;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::price::Basis;
use darkroom_core::domain::size;
use darkroom_core::domain::usage::ExportQuery;
use darkroom_core::domain::view::{RegionStorage, RevenueMonth, RevenuePage, TopAccount};
use leptos::prelude::*;
use leptos_meta::Title;

/// Revenue.
#[component]
pub fn RevenueView() -> impl IntoView {
    let month = use_word("month");
    view! {
        <Title text="Revenue · darkroom"/>
        {loaded(async move { get_revenue(month).await }, |page| view! { <Revenue page/> }.into_any())}
    }
}

#[component]
fn Revenue(page: RevenuePage) -> impl IntoView {
    let RevenuePage { symbol, regions, months, chosen, total, n_lines, lines_max, storage, .. } =
        page.clone();
    let query = ExportQuery::of(chosen).address();
    let (csv, jsonl) = (format!("{}{query}", paths::REVENUE_CSV), format!("{}{query}", paths::REVENUE_JSONL));
    let last = chosen.until.plus_ms(-1).min(page.now);
    let days = format!("{} to {}, UTC", chosen.from.day(), last.day());
    let long = (n_lines > lines_max).then(|| {
        let text = format!(
            "This month has {} lines of usage. A file has {} at most: the command darkroom admin usage writes all of them, and a program goes on after the last line it has.",
            grouped(n_lines),
            grouped(lines_max)
        );
        view! { <Notice text/> }
    });
    let nothing = months.iter().all(|month| month.total == Money::ZERO);
    let choices = month_choices(&months, &page);
    let body = if nothing {
        view! {
            <EmptyState icon=IconName::Money title="Nothing was charged in these twelve months">
                <p>"Images, running machines, disks, snapshots and transfers of all accounts are added up here from the second they are charged."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <TopAccounts page symbol=symbol.clone()/><Months regions months symbol=symbol.clone()/> }
            .into_any()
    };
    view! {
        <PageHead title="Revenue">
            <p class="soft">"What all accounts were charged, before payments and corrections."</p>
            <PageActions slot>
                <LinkButton href=csv size=Size::Form icon=IconName::Export>"Export CSV"</LinkButton>
                <LinkButton href=jsonl size=Size::Form icon=IconName::Export>"Export JSON lines"</LinkButton>
            </PageActions>
        </PageHead>
        <div class="between">
            <Figure value=total.display(&symbol) caption=days/>
            <form method="get" action=paths::REVENUE class="cluster">
                <Select id="month" name="month" label="Month" choices/>
                <Button size=Size::Form>"Show"</Button>
            </form>
        </div>
        {long}
        {body}
        <Storage storage/>
    }
}

fn month_choices(months: &[RevenueMonth], page: &RevenuePage) -> Vec<Choice> {
    let choice = |month: &RevenueMonth| {
        let pick = Pick::when(month.from == page.chosen.from);
        Choice::new(month.from.iso_month(), month.from.month_words(), pick)
    };
    months.iter().map(choice).collect()
}

#[component]
fn TopAccounts(page: RevenuePage, symbol: String) -> impl IntoView {
    let month = page.chosen.from.month_words();
    let title = format!("Accounts in {month}");
    if page.top.is_empty() {
        return view! { <Section id="accounts" title><p class="soft">"No account was charged anything."</p></Section> }
            .into_any();
    }
    let columns = vec![Column::text("Account"), Column::number("Share"), Column::number("Charged")];
    let rows =
        page.top.into_iter().map(|account| view! { <TopLine account symbol=symbol.clone()/> }).collect_view();
    let rest = (page.n_more > 0).then(|| {
        let (name, cost) = (counted(page.n_more as usize, "more account"), page.more.display(&symbol));
        view! {
            <Row>
                <NameCell name/>
                <Cell label="Share" kind=Kind::Number>""</Cell>
                <Cell label="Charged" kind=Kind::Number>{cost}</Cell>
            </Row>
        }
    });
    let caption = format!("What accounts were charged in {month}");
    view! {
        <Section id="accounts" title link=Link::new("All accounts", paths::ACCOUNTS)>
            <Frame><Table caption columns>{rows}{rest}</Table></Frame>
        </Section>
    }
    .into_any()
}

#[component]
fn TopLine(account: TopAccount, symbol: String) -> impl IntoView {
    let share = percent(account.per_mille);
    view! {
        <Row>
            <NameCell name=account.name href=paths::account(account.id)/>
            <Cell label="Share" kind=Kind::Number>{share}</Cell>
            <Cell label="Charged" kind=Kind::Number>{account.amount.display(&symbol)}</Cell>
        </Row>
    }
}

/// `12.5 %`.
fn percent(per_mille: u32) -> String {
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

#[component]
fn Months(regions: Vec<RegionId>, months: Vec<RevenueMonth>, symbol: String) -> impl IntoView {
    let mut columns = vec![Column::text("Month")];
    columns.extend(regions.iter().map(|region| Column::number(region.to_string())));
    columns.push(Column::number("All regions"));
    let sums: Vec<Money> =
        (0..regions.len()).map(|n| months.iter().map(|month| month.by_region[n]).sum()).collect();
    let total = months.iter().map(|month| month.total).sum();
    let rows = months
        .into_iter()
        .enumerate()
        .map(|(n, month)| {
            let href = format!("{}?month={}", paths::REVENUE, month.from.iso_month());
            let words = month.from.month_words();
            // The first one is the present one.
            let name = if n == 0 { format!("{words}, until now") } else { words };
            let cells = amounts(&regions, &month.by_region, month.total, &symbol);
            view! { <Row><NameCell name href/>{cells}</Row> }
        })
        .collect_view();
    let sum = amounts(&regions, &sums, total, &symbol);
    view! {
        <Section id="months" title="By month and region">
            <Frame>
                <Table caption="What was charged by month and region" columns>
                    {rows}
                    <TableFoot slot><Row><NameCell name="Twelve months"/>{sum}</Row></TableFoot>
                </Table>
            </Frame>
        </Section>
    }
}

fn amounts(regions: &[RegionId], by_region: &[Money], total: Money, symbol: &str) -> impl IntoView + use<> {
    let cells = regions
        .iter()
        .zip(by_region)
        .map(|(region, amount)| {
            let (label, cost) = (region.to_string(), amount.display(symbol));
            view! { <Cell label kind=Kind::Number>{cost}</Cell> }
        })
        .collect_view();
    let total = total.display(symbol);
    view! { {cells}<Cell label="All regions" kind=Kind::Number>{total}</Cell> }
}

#[component]
fn Storage(storage: Vec<RegionStorage>) -> impl IntoView {
    let facts = storage
        .into_iter()
        .map(|row| {
            let (term, text) = (row.region.to_string(), stored_words(&row));
            view! { <Fact term>{text}</Fact> }
        })
        .collect_view();
    view! {
        <Section id="storage" title="Stored and billed now">
            <p class="small soft">"Stored is what lies in the region’s storage, each chunk once. Billed is what accounts are charged for: images, the recycle bin and snapshots."</p>
            <Facts>{facts}</Facts>
        </Section>
    }
}

fn stored_words(row: &RegionStorage) -> String {
    let billed = match row.basis {
        Basis::Unique => size::decimal(row.billed_bytes),
        Basis::Virtual => format!("{} by virtual size", size::decimal(row.billed_bytes)),
    };
    match &row.stored {
        Err(why) => format!("This region bills {billed}. What it stores is not known now: {why}"),
        Ok(held) => {
            let public = match held.public_bytes {
                0 => "there are no public images.".to_owned(),
                bytes => format!("{} of public images are billed to nobody.", size::decimal(bytes)),
            };
            format!("This region stores {} and bills {billed}; {public}", size::decimal(held.stored_bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::view::StoredBytes;

    #[test]
    fn what_is_stored_and_billed_is_one_plain_sentence() {
        let row = |stored, basis| RegionStorage {
            region: "north-1".into(),
            stored,
            billed_bytes: 380_000_000_000,
            basis,
        };
        let held = |public_bytes| Ok(StoredBytes { stored_bytes: 410_000_000_000, public_bytes });
        assert_eq!(
            stored_words(&row(held(60_000_000_000), Basis::Unique)),
            "This region stores 410 GB and bills 380 GB; 60 GB of public images are billed to nobody."
        );
        assert_eq!(
            stored_words(&row(held(0), Basis::Virtual)),
            "This region stores 410 GB and bills 380 GB by virtual size; there are no public images."
        );
        assert_eq!(
            stored_words(&row(Err("It is away.".to_owned()), Basis::Unique)),
            "This region bills 380 GB. What it stores is not known now: It is away."
        );
        assert_eq!([percent(1_000), percent(125), percent(4)], ["100.0 %", "12.5 %", "0.4 %"]);
    }
}
