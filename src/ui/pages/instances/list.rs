//! The list of machines with search and pages, all in the address.

use super::super::parts::{Moment, Moving, ROLE_WHY, instance_status, loaded};
use crate::ui::calls::instances::list_instances;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{neighbours, use_page_number, use_word};
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::image::list::percent;
use darkroom_core::domain::instance::Status as State;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{InstanceList, InstanceRow};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page *Instances*.
#[component]
pub fn InstancesPage() -> impl IntoView {
    let data = list_instances(use_word("q"), use_page_number());
    let shown = |list: InstanceList| view! { <Moving when=moving(&list)/><InstancesView list/> }.into_any();
    view! {
        <Title text="Instances · darkroom"/>
        {loaded(data, shown)}
    }
}

fn moving(list: &InstanceList) -> bool {
    list.page.rows.iter().any(|row| row.status.moving() || row.capturing)
}

#[component]
fn InstancesView(list: InstanceList) -> impl IntoView {
    let n_all = list.n_all;
    let line = (n_all > 0).then(|| {
        let machines =
            if n_all == 1 { "1 machine".to_owned() } else { format!("{} machines", grouped(n_all)) };
        view! { <p class="soft">{format!("{machines} in {}, {}.", list.project, list.region)}</p> }
    });
    let new = list.may_change.then(|| {
        view! { <LinkButton href=paths::INSTANCE_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"New instance"</LinkButton> }
    });
    let body = if n_all == 0 {
        view! { <NoInstances list/> }.into_any()
    } else {
        view! { <InstancesTable list/> }.into_any()
    };
    view! {
        <PageHead title="Instances">
            {line}
            <PageActions slot>{new}</PageActions>
        </PageHead>
        {body}
    }
}

#[component]
fn NoInstances(list: InstanceList) -> impl IntoView {
    let title = format!("No machines in {}, {} yet", list.project, list.region);
    view! {
        <Frame>
            <EmptyState icon=IconName::Instance title>
                <p>"A machine is made from an image in about a minute. Choose a public image or one of yours, a type and a name."</p>
                <p class="soft">"The price per hour and per month is shown before you make it."</p>
                <EmptyActions slot>
                    <LinkButton href=paths::INSTANCE_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"Make the first machine"</LinkButton>
                    <LinkButton href=paths::IMAGES_PUBLIC size=Size::Form>"Show public images"</LinkButton>
                </EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn InstancesTable(list: InstanceList) -> impl IntoView {
    let caption = format!("Instances in {}", list.region);
    let text = percent(&list.text);
    let (previous, next) = neighbours(&list.page, paths::INSTANCES, &[("q", &text)]);
    let range = list.page.range();
    let columns = vec![
        Column::text("Name"),
        Column::text("Status"),
        Column::text("Type"),
        Column::text("Zone").low(),
        Column::text("Image").low(),
        Column::text("Created").low(),
        Column::number("Per month"),
        Column::actions(),
    ];
    let (symbol, now, may_change) = (list.symbol, list.now, list.may_change);
    let no_match =
        list.page.rows.is_empty().then(|| view! { <NoMatch text=list.text.clone() n_all=list.n_all/> });
    let rows = list
        .page
        .rows
        .into_iter()
        .map(|row| view! { <InstanceLine row symbol=symbol.clone() now may_change/> }.into_any())
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
                <form method="get" action=paths::INSTANCES>
                    <SearchBox id="q" label="Search instances" placeholder="Name, image or ID" value=list.text/>
                    <Button>"Search"</Button>
                </form>
            </FrameBar>
            {table}
            {no_match}
        </Frame>
    }
}

#[component]
fn NoMatch(text: String, n_all: u32) -> impl IntoView {
    let machines = if n_all == 1 { "1 machine".to_owned() } else { format!("{} machines", grouped(n_all)) };
    view! {
        <EmptyState icon=IconName::Search title=format!("No machine matches “{text}”")>
            <p>{format!("Searched in names, images and IDs of {machines}.")}</p>
            <EmptyActions slot><LinkButton href=paths::INSTANCES size=Size::Form>"Show all machines"</LinkButton></EmptyActions>
        </EmptyState>
    }
}

#[component]
fn InstanceLine(row: InstanceRow, symbol: String, now: Timestamp, may_change: bool) -> impl IntoView {
    let (name, href) = (row.name.to_string(), paths::instance(row.id));
    let status = instance_status(row.status, row.error.clone(), row.task.as_ref());
    let capturing = row.capturing.then(|| view! { <Status tone=Tone::Run word="Being captured"/> });
    let month = row.month.map_or_else(|| "–".to_owned(), |month| month.display(&symbol));
    let capture = (may_change && matches!(row.status, State::Running | State::Stopped) && !row.capturing).then(|| {
        view! { <LinkButton href=paths::instance_image(row.id) variant=Variant::Quiet icon=IconName::Camera>"Image"</LinkButton> }
    });
    let (flavor, zone, image, created) =
        (row.flavor.clone(), row.zone.clone(), row.image.to_string(), row.created);
    view! {
        <Row>
            <NameCell name href/>
            <StateCell>{status}{capturing}</StateCell>
            <Cell label="Type">{flavor}</Cell>
            <Cell label="Zone" rank=Rank::Low>{zone}</Cell>
            <Cell label="Image" rank=Rank::Low><span class="break">{image}</span></Cell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=created now/></Cell>
            <Cell label="Per month" kind=Kind::Number><MoneyText amount=month/></Cell>
            <ActionsCell>
                {capture}
                <RowMenu row may_change/>
            </ActionsCell>
        </Row>
    }
}

#[component]
fn RowMenu(row: InstanceRow, may_change: bool) -> impl IntoView {
    let id = row.id;
    let console = (row.status == State::Running && may_change).then(|| {
        view! { <MenuLink href=paths::instance_console(id) icon=IconName::Terminal>"Console"</MenuLink> }
    });
    let task = row.task.as_ref().map(
        |task| view! { <MenuLink href=paths::task(task.id) icon=IconName::Task>"Show the task"</MenuLink> },
    );
    let delete = if may_change {
        view! { <MenuLink href=paths::instance_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any()
    } else {
        view! { <MenuBlocked label="Delete" why=ROLE_WHY/> }.into_any()
    };
    view! {
        <Menu id=format!("more-{id}") label=format!("More actions for {}", row.name)>
            {console}
            {task}
            <MenuLink href=paths::audit_of(&Subject::Instance(id)) icon=IconName::Audit>"Audit"</MenuLink>
            <MenuLine/>
            {delete}
        </Menu>
    }
}
