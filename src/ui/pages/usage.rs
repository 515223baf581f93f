//! The page *Usage*: what was charged in a period, by section and by day, grouped, and down to the intervals and sums behind a number.
//! Every figure comes from core; here they are only laid out.

use super::parts::loaded;
use crate::ui::calls::quotas::get_usage;
use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::{Group, Section as Part, UsageQuery};
use darkroom_core::domain::view::{UsageDay, UsageGroup, UsageInterval, UsagePage, UsageRow, UsageSection};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

/// Usage.
#[component]
pub fn UsageView() -> impl IntoView {
    let query = use_query_map().with_untracked(asked);
    let page = async move { get_usage(query).await };
    view! {
        <Title text="Usage · darkroom"/>
        {loaded(page, |page| view! { <Usage page/> }.into_any())}
    }
}

fn asked(address: &ParamsMap) -> UsageQuery {
    let pairs: Vec<(String, String)> =
        address.clone().into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    UsageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn address(query: &UsageQuery) -> String {
    format!("{}{}", paths::USAGE, query.address())
}

#[component]
fn Usage(page: UsagePage) -> impl IntoView {
    let whose = match page.project_only {
        true => format!("What this project of {} was charged. Its owners see all projects.", page.account),
        false => format!("What {} was charged.", page.account),
    };
    let plain = page.query.whole();
    // Of a section that is shown alone, the files have that section.
    let shown = match page.query.subject {
        Some(_) => plain.address(),
        None => UsageQuery { section: page.query.section, ..plain.clone() }.address(),
    };
    let (csv, json) = (format!("{}{shown}", paths::USAGE_CSV), format!("{}{shown}", paths::USAGE_JSON));
    let last = page.period.until.plus_ms(-1);
    let days = format!("{} to {}, UTC", page.period.from.day(), last.day());
    let only = page.only.clone().map(|name| {
        let all = address(&UsageQuery { only: None, ..plain.clone() });
        let text = format!("{}: {name}. ", page.query.group.word().to_lowercase());
        view! { <p class="soft">"Only " {text} <a href=all>"Show everything"</a></p> }
    });
    let saving = page.saving.map(|(held, paid)| {
        let text = format!(
            "You hold {} of images and pay for {}: what several images share is paid once.",
            size::decimal(held),
            size::decimal(paid)
        );
        view! { <p class="soft">{text}</p> }
    });
    let body = match page.intervals.clone() {
        Some((name, intervals)) => {
            view! { <Intervals name intervals back=address(&plain) symbol=page.symbol.clone()/> }.into_any()
        }
        None if page.sections.is_empty() => view! { <Nothing/> }.into_any(),
        None if page.query.section.is_some() => {
            let (query, symbol, back) = (page.query.clone(), page.symbol.clone(), address(&plain));
            let section = page.sections.into_iter().map(|section| {
                view! { <WholeSection section query=query.clone() symbol=symbol.clone() back=back.clone()/> }
            });
            section.collect_view().into_any()
        }
        None => view! { <Report page=page.clone()/> }.into_any(),
    };
    view! {
        <PageHead title="Usage">
            <p class="soft">{whose}</p>
            <PageActions slot>
                <LinkButton href=csv size=Size::Form icon=IconName::Export>"Export CSV"</LinkButton>
                <LinkButton href=json size=Size::Form icon=IconName::Export>"Export JSON"</LinkButton>
            </PageActions>
        </PageHead>
        <div class="between">
            <Figure value=page.total.display(&page.symbol) caption=days/>
            <PeriodForm query=page.query.clone() from=page.period.from until=last/>
        </div>
        {only}
        {saving}
        {body}
    }
}

#[component]
fn PeriodForm(query: UsageQuery, from: Timestamp, until: Timestamp) -> impl IntoView {
    let now = query.period.clone();
    let choice = |value: &str, label: &str| Choice::new(value, label, Pick::when(now == value));
    let periods = vec![choice("", "This month"), choice("last", "Last month"), choice("days", "These days")];
    let groups =
        Group::ALL.map(|group| Choice::new(group.slug(), group.word(), Pick::when(group == query.group)));
    view! {
        <form method="get" action=paths::USAGE class="cluster">
            <Select id="period" name="period" label="Period" choices=periods/>
            <Field id="from" name="from" label="From day" kind=FieldKind::Day need=Need::Optional value=from.iso_day()/>
            <Field id="until" name="until" label="Until day" kind=FieldKind::Day need=Need::Optional value=until.iso_day()/>
            <Select id="group" name="group" label="Group by" choices=groups.to_vec()/>
            <Button size=Size::Form>"Show"</Button>
        </form>
    }
}

#[component]
fn Nothing() -> impl IntoView {
    view! {
        <EmptyState icon=IconName::Usage title="Nothing was charged">
            <p>"Images, running machines, disks, snapshots and transfers between regions are charged from the second they exist."</p>
        </EmptyState>
    }
}

#[component]
fn Report(page: UsagePage) -> impl IntoView {
    let UsagePage { query, symbol, sections, days, groups, .. } = page;
    // Of one group alone there is nothing to compare.
    let by_group = (!groups.is_empty() && query.only.is_none()).then(|| {
        let (query, symbol) = (query.clone(), symbol.clone());
        view! { <Groups query groups symbol/> }
    });
    let day_query = query.clone();
    let parts: Vec<Part> = sections.iter().map(|section| section.section).collect();
    let each = sections
        .into_iter()
        .map(|section| {
            let (query, symbol) = (query.clone(), symbol.clone());
            view! { <OneSection section query symbol/> }
        })
        .collect_view();
    view! {
        <Section id="days" title="Cost per day"><Chart days parts query=day_query symbol=symbol.clone()/></Section>
        {by_group}
        {each}
    }
}

#[component]
fn Groups(query: UsageQuery, groups: Vec<UsageGroup>, symbol: String) -> impl IntoView {
    let word = query.group.word();
    let columns = vec![Column::text(word), Column::number("Cost")];
    let rows = groups
        .into_iter()
        .map(|UsageGroup { key, name, amount }| {
            let cost = amount.display(&symbol);
            let href = address(&UsageQuery { only: Some(key), ..query.clone() });
            view! { <Row><NameCell name href/><Cell label="Cost" kind=Kind::Number>{cost}</Cell></Row> }
        })
        .collect_view();
    view! {
        <Section id="groups" title=format!("By {}", word.to_lowercase())>
            <Frame><Table caption=format!("Cost by {}", word.to_lowercase()) columns look=TableLook::Plain>{rows}</Table></Frame>
        </Section>
    }
}

#[component]
fn OneSection(section: UsageSection, query: UsageQuery, symbol: String) -> impl IntoView {
    let UsageSection { section: part, amount, rows, others } = section;
    let title = format!("{}, {}", part.word(), amount.display(&symbol));
    let caption = caption(part);
    let n_more = rows.total.saturating_sub(u32::try_from(rows.rows.len()).unwrap_or(u32::MAX));
    let rest = (n_more > 0).then(|| {
        let href = address(&UsageQuery { section: Some(part), page: 2, ..query.clone() });
        let (name, cost) = (format!("{} more", grouped(n_more)), others.display(&symbol));
        view! {
            <Row>
                <NameCell name href/>
                <Cell label="Project" rank=Rank::Low>""</Cell>
                <Cell label="Region" rank=Rank::Low>""</Cell>
                <Cell label="Size" kind=Kind::Number>""</Cell>
                <Cell label="Cost" kind=Kind::Number>{cost}</Cell>
            </Row>
        }
    });
    let lines = usage_lines(rows.rows, part, &query, &symbol);
    view! {
        <Section id=part.slug() title=title>
            <Frame><Table caption columns=columns() look=TableLook::Series>{lines}{rest}</Table></Frame>
        </Section>
    }
}

fn caption(part: Part) -> String {
    format!("What {} cost", part.word().to_lowercase())
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("Name"),
        Column::text("Project").low(),
        Column::text("Region").low(),
        Column::number("Size"),
        Column::number("Cost"),
    ]
}

fn usage_lines(rows: Vec<UsageRow>, part: Part, query: &UsageQuery, symbol: &str) -> impl IntoView + use<> {
    let line = |row: UsageRow| {
        let query = UsageQuery { subject: Some(row.subject), section: Some(part), ..query.whole() };
        view! { <UsageLine row href=address(&query) symbol=symbol.to_owned()/> }
    };
    rows.into_iter().map(line).collect_view()
}

/// All of one section, page by page.
#[component]
fn WholeSection(section: UsageSection, query: UsageQuery, symbol: String, back: String) -> impl IntoView {
    let UsageSection { section: part, amount, rows, .. } = section;
    let title = format!("{}, {}", part.word(), amount.display(&symbol));
    let to = |page| address(&UsageQuery { page, ..query.clone() });
    let previous = (rows.number > 1).then(|| to(rows.number - 1));
    let next = (rows.number < rows.n_pages()).then(|| to(rows.number + 1));
    let range = rows.range();
    let lines = usage_lines(rows.rows, part, &query, &symbol);
    view! {
        <Section id=part.slug() title link=Link::new("All usage", back)>
            <Frame><Table caption=caption(part) columns=columns() look=TableLook::Series>{lines}</Table><Pager range previous next/></Frame>
        </Section>
    }
}

#[component]
fn UsageLine(row: UsageRow, href: String, symbol: String) -> impl IntoView {
    let size = row.quantity_bytes.map(size::decimal);
    view! {
        <Row>
            <NameCell name=row.name href/>
            <Cell label="Project" rank=Rank::Low>{row.project}</Cell>
            <Cell label="Region" rank=Rank::Low>{row.region.to_string()}</Cell>
            <Cell label="Size" kind=Kind::Number>{size}</Cell>
            <Cell label="Cost" kind=Kind::Number>{row.amount.display(&symbol)}</Cell>
        </Row>
    }
}

/// The intervals behind a number, each with its sum.
#[component]
fn Intervals(name: String, intervals: Vec<UsageInterval>, back: String, symbol: String) -> impl IntoView {
    let columns = vec![
        Column::text("For"),
        Column::text("From"),
        Column::text("Until"),
        Column::text("Sum"),
        Column::number("Cost"),
    ];
    let total: Money = intervals.iter().map(|interval| interval.amount).sum();
    let rows = intervals
        .into_iter()
        .map(|interval| {
            let sums = interval.formulas.into_iter().map(|sum| view! { <div>{sum}</div> }).collect_view();
            let (from, until) = (interval.from, interval.until);
            let cost = interval.amount.exact(&symbol);
            view! {
                <Row>
                    <NameCell name=interval.what/>
                    <Cell label="From" kind=Kind::Short><Time datetime=from.rfc3339() text=from.minute()/></Cell>
                    <Cell label="Until" kind=Kind::Short><Time datetime=until.rfc3339() text=until.minute()/></Cell>
                    <Cell label="Sum">{sums}</Cell>
                    <Cell label="Cost" kind=Kind::Number>{cost}</Cell>
                </Row>
            }
        })
        .collect_view();
    let title = format!("{name}, {}", total.exact(&symbol));
    view! {
        <Section id="intervals" title link=Link::new("All usage", back)>
            <p class="small soft">"Each interval is rounded once, to the millionth. All times are UTC."</p>
            <Frame><Table caption="The intervals behind this number" columns>{rows}</Table></Frame>
        </Section>
    }
}

/// Height of the drawing, in its own units.
const HEIGHT: i64 = 1600;

/// Cost per day, stacked by section; the table beneath has the same numbers.
#[component]
fn Chart(days: Vec<UsageDay>, parts: Vec<Part>, query: UsageQuery, symbol: String) -> impl IntoView {
    let sum = |day: &UsageDay| day.sections.iter().copied().sum::<Money>();
    let most = days.iter().map(sum).max().unwrap_or_default().0.max(1);
    let scaled = |amount: Money| {
        i64::try_from(i128::from(amount.0) * i128::from(HEIGHT) / i128::from(most)).unwrap_or(0)
    };
    let mut bars = Vec::new();
    for (n, day) in days.iter().enumerate() {
        let mut below = Money::ZERO;
        for part in &parts {
            let amount = day.sections.get(part.index()).copied().unwrap_or_default();
            let (low, high) = (scaled(below), scaled(below + amount));
            below = below + amount;
            if high > low {
                let (class, x) = (format!("s{}", part.index()), n * 10 + 1);
                bars.push(view! { <rect class=class x=x.to_string() y=(HEIGHT - high).to_string() width="8" height=(high - low).to_string()/> });
            }
        }
    }
    let width = days.len() * 10;
    let (first, last) = (days.first().map(|day| day.from.day()), days.last().map(|day| day.from.day()));
    let label = format!(
        "Cost per day from {} to {}, at most {} on a day. The table beneath has the same numbers.",
        first.clone().unwrap_or_default(),
        last.clone().unwrap_or_default(),
        Money(most).display(&symbol)
    );
    let legend = parts.iter().map(|part| {
        let class = format!("s{}", part.index());
        view! { <li><svg viewBox="0 0 12 12" aria-hidden="true"><rect class=class width="12" height="12"/></svg>{part.word()}</li> }
    });
    let legend = legend.collect_view();
    let view_box = format!("0 0 {} {HEIGHT}", width.max(10));
    let ends = (first != last).then(|| last.clone());
    let base = HEIGHT.to_string();
    view! {
        <div class="chart">
            <div class="chart__y" aria-hidden="true"><span>{Money(most).display(&symbol)}</span><span>{Money::ZERO.display(&symbol)}</span></div>
            <svg viewBox=view_box preserveAspectRatio="none" role="img" aria-label=label>
                {bars}
                <line class="axis" vector-effect="non-scaling-stroke" x1="0" x2=width.to_string() y1=base.clone() y2=base/>
            </svg>
            <div class="chart__ends" aria-hidden="true"><span>{first}</span><span>{ends}</span></div>
        </div>
        <ul class="legend">{legend}</ul>
        <DayTable days parts query symbol/>
    }
}

#[component]
fn DayTable(days: Vec<UsageDay>, parts: Vec<Part>, query: UsageQuery, symbol: String) -> impl IntoView {
    let mut columns = vec![Column::text("Day")];
    columns.extend(parts.iter().map(|part| Column::number(part.word())));
    columns.push(Column::number("Total"));
    let rows = days
        .into_iter()
        .map(|day| {
            let cells = parts
                .iter()
                .map(|part| {
                    let amount = day.sections.get(part.index()).copied().unwrap_or_default();
                    let cost = amount.display(&symbol);
                    view! { <Cell label=part.word() kind=Kind::Number>{cost}</Cell> }
                })
                .collect_view();
            let total = day.sections.iter().copied().sum::<Money>().display(&symbol);
            let href = address(&query.on(day.from));
            view! {
                <Row>
                    <NameCell name=day.from.day() href/>
                    {cells}
                    <Cell label="Total" kind=Kind::Number>{total}</Cell>
                </Row>
            }
        })
        .collect_view();
    view! {
        <details class="disclose">
            <summary><Icon name=IconName::Right/>"The chart as a table"</summary>
            <Frame><Table caption="Cost per day by section" columns>{rows}</Table></Frame>
        </details>
    }
}
