//! The list of scaling groups with search and pages, all in the address.

use super::super::parts::{Moment, Moving, loaded};
use super::{ICON, health_status, moves};
use crate::ui::calls::groups::list_groups;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{neighbours, use_page_number, use_word};
use darkroom_core::domain::image::list::percent;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::text::counted;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{GroupList, GroupRow};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page *Scaling groups*.
#[component]
pub fn GroupsPage() -> impl IntoView {
    let data = list_groups(use_word("q"), use_page_number());
    view! {
        <Title text="Scaling groups · darkroom"/>
        {loaded(data, |list| view! { <GroupsView list/> }.into_any())}
    }
}

#[component]
fn GroupsView(list: GroupList) -> impl IntoView {
    let moving = list.page.rows.iter().any(|row| moves(row.health));
    let line = (list.n_all > 0).then(|| {
        let groups = counted(list.n_all, "group");
        view! { <p class="soft">{format!("{groups} in {}, {}. Each keeps its machines at a count.", list.project, list.region)}</p> }
    });
    let new = list.may_change.then(|| {
        view! { <LinkButton href=paths::GROUP_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"New scaling group"</LinkButton> }
    });
    let body = if list.n_all == 0 {
        view! { <NoGroups list/> }.into_any()
    } else {
        view! { <GroupsTable list/> }.into_any()
    };
    view! {
        <Moving when=moving/>
        <PageHead title="Scaling groups">
            {line}
            <PageActions slot>{new}</PageActions>
        </PageHead>
        {body}
    }
}

#[component]
fn NoGroups(list: GroupList) -> impl IntoView {
    let title = format!("No scaling groups in {}, {} yet", list.project, list.region);
    let new = list.may_change.then(|| {
        view! { <LinkButton href=paths::GROUP_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"Make the first group"</LinkButton> }
    });
    view! {
        <Frame>
            <EmptyState icon=ICON title>
                <p>"A group keeps as many machines of one image as you want: it makes what is missing, replaces what fails and rolls all of them to a newer image."</p>
                <p class="soft">"The price of all of them is shown before you make it."</p>
                <EmptyActions slot>{new}</EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn GroupsTable(list: GroupList) -> impl IntoView {
    let caption = format!("Scaling groups in {}", list.region);
    let text = percent(&list.text);
    let (previous, next) = neighbours(&list.page, paths::GROUPS, &[("q", &text)]);
    let range = list.page.range();
    let columns = vec![
        Column::text("Name"),
        Column::text("Status"),
        Column::text("Machines"),
        Column::text("Image"),
        Column::text("Type").low(),
        Column::text("Created").low(),
        Column::number("Per month"),
    ];
    let (symbol, now) = (list.symbol, list.now);
    let no_match = list.page.rows.is_empty().then(|| {
        let title = format!("No group matches “{}”", list.text);
        view! {
            <EmptyState icon=IconName::Search title>
                <p>{format!("Searched in names and families of {} groups.", grouped(list.n_all))}</p>
                <EmptyActions slot><LinkButton href=paths::GROUPS size=Size::Form>"Show all groups"</LinkButton></EmptyActions>
            </EmptyState>
        }
    });
    let rows = list
        .page
        .rows
        .into_iter()
        .map(|row| view! { <GroupLine row symbol=symbol.clone() now/> }.into_any())
        .collect::<Vec<_>>();
    let table = (!rows.is_empty()).then(|| {
        view! {
            <Table caption columns>{rows}</Table>
            <Pager range previous next/>
        }
    });
    view! {
        <Frame>
            <FrameBar>
                <form method="get" action=paths::GROUPS>
                    <SearchBox id="q" label="Search groups" placeholder="Name or family" value=list.text/>
                    <Button>"Search"</Button>
                </form>
            </FrameBar>
            {table}
            {no_match}
        </Frame>
    }
}

#[component]
fn GroupLine(row: GroupRow, symbol: String, now: Timestamp) -> impl IntoView {
    let (name, href) = (row.name.to_string(), paths::group(row.id));
    let month = row.month.map_or_else(|| "–".to_owned(), |month| month.display(&symbol));
    let machines = format!("{} of {} running", row.n_running, row.wanted);
    let (status, image, flavor, created) =
        (health_status(row.health), row.image.clone(), row.flavor.clone(), row.created);
    view! {
        <Row>
            <NameCell name href/>
            <StateCell>{status}</StateCell>
            <Cell label="Machines" kind=Kind::Short>{machines}</Cell>
            <Cell label="Image"><span class="break">{image}</span></Cell>
            <Cell label="Type" rank=Rank::Low>{flavor}</Cell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=created now/></Cell>
            <Cell label="Per month" kind=Kind::Number><MoneyText amount=month/></Cell>
        </Row>
    }
}
