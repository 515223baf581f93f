//! The list of snapshots: those of their own, and the data disks of machine images, which are kept and charged with their image.

use super::super::Refusal;
use super::super::parts::{CancelButton, Moment, Moving, ROLE_WHY, RetryButton, explained, loaded};
use super::service::ServiceLine;
use super::{snapshot_status, tabs};
use crate::ui::calls::snapshots::list_snapshots;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{neighbours, use_form, use_page_number, use_word};
use darkroom_core::domain::ids::{SnapshotId, Subject};
use darkroom_core::domain::image::list::percent;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::snapshot::Status as State;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{SnapshotList, SnapshotRow};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page *Snapshots*.
#[component]
pub fn SnapshotsPage() -> impl IntoView {
    let (text, number, refused) = (use_word("q"), use_page_number(), use_form());
    let machine = use_word("instance").parse().ok();
    let data = async move { Ok((list_snapshots(text, machine, number).await?, refused.error().await)) };
    loaded(data, |(list, error)| view! { <Refusal error/><SnapshotsView list/> }.into_any())
}

fn moving(list: &SnapshotList) -> bool {
    list.page.rows.iter().any(|row| matches!(row.status, State::Creating | State::Deleting))
}

/// The list, also underneath the dialogs about the service and about a new one.
#[component]
pub(super) fn SnapshotsView(list: SnapshotList) -> impl IntoView {
    let on = list.service.since.is_some();
    let totals = (list.stored_bytes > 0).then(|| {
        let paid = match list.charged_bytes < list.stored_bytes {
            true => format!(" and pay for {}", size::decimal(list.charged_bytes)),
            false => String::new(),
        };
        let stored = format!("You hold {}{paid}. ", size::decimal(list.stored_bytes));
        let month = format!("{} per month", list.month.display(&list.service.symbol));
        let rate = format!(" at {}.", list.service.rate.words(&list.service.symbol));
        view! { <p class="soft">{stored}<strong>{month}</strong>{rate}</p> }
    });
    let new = (list.may_change && on).then(|| {
        view! { <LinkButton href=paths::SNAPSHOT_NEW variant=Variant::Primary size=Size::Form icon=IconName::Camera>"New snapshot"</LinkButton> }
    });
    let (service, tabs) = (list.service.clone(), tabs(list.n_all, list.n_schedules));
    let busy = moving(&list);
    let body = if list.n_all == 0 {
        view! { <NoSnapshots list/> }.into_any()
    } else {
        view! { <SnapshotsTable list/> }.into_any()
    };
    view! {
        <Title text="Snapshots · darkroom"/>
        <Moving when=busy/>
        <PageHead title="Snapshots">
            {totals}
            <PageActions slot>{new}</PageActions>
        </PageHead>
        <ServiceLine service/>
        <Tabs label="Snapshots and schedules" tabs current=paths::SNAPSHOTS/>
        {body}
    }
}

#[component]
fn NoSnapshots(list: SnapshotList) -> impl IntoView {
    let title = format!("No snapshots in {}, {} yet", list.project, list.region);
    let on = list.service.since.is_some() && list.may_change;
    let action = on.then(|| {
        view! { <LinkButton href=paths::SNAPSHOT_NEW variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Choose an instance"</LinkButton> }
    });
    view! {
        <Frame>
            <EmptyState icon=IconName::Disk title>
                <p>"A snapshot keeps a disk as it is now, or all disks of a machine at one instant. An image or a new disk can be made from it."</p>
                <p class="soft">"Only what is really on the disk is stored, and what two snapshots have in common is stored once."</p>
                <EmptyActions slot>
                    {action}
                    <LinkButton href=paths::SCHEDULES size=Size::Form>"Show schedules"</LinkButton>
                </EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn SnapshotsTable(list: SnapshotList) -> impl IntoView {
    let caption = format!("Snapshots in {}", list.region);
    let text = percent(&list.text);
    let of = list.instance.as_ref().map(|m| m.id.to_string()).unwrap_or_default();
    let (previous, next) = neighbours(&list.page, paths::SNAPSHOTS, &[("q", &text), ("instance", &of)]);
    let range = list.page.range();
    let columns = vec![
        Column::text("Name"),
        Column::text("Source Instance").low(),
        Column::text("What"),
        Column::number("Size (virtual / stored)"),
        Column::text("Status"),
        Column::text("Created").low(),
        Column::number("Per month"),
        Column::actions(),
    ];
    let (symbol, now, may_change) = (list.service.symbol.clone(), list.now, list.may_change);
    let none = list.page.rows.is_empty().then(|| {
        let all = grouped(list.n_all);
        let title = match list.instance.as_ref().filter(|_| list.text.is_empty()) {
            Some(machine) => format!("No snapshot of {}", machine.name),
            None => format!("No snapshot matches “{}”", list.text),
        };
        view! {
            <EmptyState icon=IconName::Search title>
                <p>{format!("Searched in names and machines of {all} in {}.", list.region)}</p>
                <EmptyActions slot><LinkButton href=paths::SNAPSHOTS size=Size::Form>"Show all snapshots"</LinkButton></EmptyActions>
            </EmptyState>
        }
    });
    let rows = list
        .page
        .rows
        .into_iter()
        .map(|row| view! { <SnapshotLine row symbol=symbol.clone() now may_change/> }.into_any())
        .collect::<Vec<_>>();
    let table = (!rows.is_empty()).then(|| {
        view! {
            <Table caption columns>{rows}</Table>
            <Pager range previous next/>
        }
    });
    let kept = (!of.is_empty()).then(|| view! { <input type="hidden" name="instance" value=of/> });
    let chip = list.instance.map(|machine| {
        let chips =
            vec![Chip { label: format!("Of {}", machine.name), remove_href: paths::SNAPSHOTS.to_owned() }];
        view! { <FilterChips chips/> }
    });
    view! {
        <Frame>
            <FrameBar>
                <form method="get" action=paths::SNAPSHOTS>
                    {kept}
                    <SearchBox id="q" label="Search snapshots" placeholder="Name or instance" value=list.text/>
                    <Button>"Search"</Button>
                </form>
                {chip}
            </FrameBar>
            {table}
            {none}
        </Frame>
    }
}

#[component]
fn SnapshotLine(row: SnapshotRow, symbol: String, now: Timestamp, may_change: bool) -> impl IntoView {
    let href = match (row.id, &row.image) {
        (Some(id), _) => Some(paths::snapshot(id)),
        (None, Some(image)) => Some(paths::image(image.id)),
        (None, None) => None,
    };
    let sub = match &row.image {
        Some(image) => Some(format!("Belongs to {}", image.name)),
        None => row.scheduled.then(|| "By a schedule".to_owned()),
    };
    let source = match &row.machine {
        Some(machine) => {
            view! { <a class="break" href=paths::instance(machine.id)>{machine.name.to_string()}</a> }
                .into_any()
        }
        None => view! { <span class="soft break">{row.source.clone()}</span> }.into_any(),
    };
    let status = snapshot_status(row.status, row.error.clone(), row.task.as_ref());
    let stored_size = if row.stored_bytes == 0 { "–".to_owned() } else { size::decimal(row.stored_bytes) };
    let virtual_size = size::binary(row.size_bytes);
    let month = row.month.map_or_else(|| "–".to_owned(), |month| month.display(&symbol));
    let (what, name, created) = (row.what.clone(), row.name.clone(), row.created);
    let actions = match row.id {
        Some(id) => {
            view! { {first_action(&row, id, may_change)}<RowMenu row=row.clone() id may_change/> }.into_any()
        }
        None => {
            let why = row.delete_blocked.clone().map(explained);
            let at = format!("keeps-{}", row.image.as_ref().map(|i| i.id.to_string()).unwrap_or_default());
            let at = format!("{at}-{}", row.name.rsplit(' ').next().unwrap_or_default());
            why.map(|reason| view! { <BlockedAction id=at label="Delete" reason align=Align::End/> })
                .into_any()
        }
    };
    view! {
        <Row>
            <NameCell name nostrip:href=href nostrip:sub=sub/>
            <Cell label="Source Instance" rank=Rank::Low>{source}</Cell>
            <Cell label="What">{what}</Cell>
            <Cell label="Size (virtual / stored)" kind=Kind::Number><SizePair virtual_size stored_size/></Cell>
            <StateCell>{status}</StateCell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=created now/></Cell>
            <Cell label="Per month" kind=Kind::Number><MoneyText amount=month/></Cell>
            <ActionsCell>{actions}</ActionsCell>
        </Row>
    }
}

/// The action that follows from the status: Create image, Cancel or Retry.
fn first_action(row: &SnapshotRow, id: SnapshotId, may_change: bool) -> Option<AnyView> {
    if !may_change {
        return None;
    }
    let task = row.task.as_ref();
    match row.status {
        State::Available if row.image_blocked.is_none() => {
            Some(view! { <LinkButton href=paths::snapshot_image(id) variant=Variant::Quiet>"Create image"</LinkButton> }.into_any())
        }
        State::Creating => task
            .filter(|task| task.cancel_blocked.is_none())
            .map(|task| view! { <CancelButton id=task.id variant=Variant::Quiet/> }.into_any()),
        State::Error => task
            .filter(|task| task.retry_blocked.is_none())
            .map(|task| view! { <RetryButton id=task.id variant=Variant::Quiet/> }.into_any()),
        State::Available | State::Deleting => None,
    }
}

#[component]
fn RowMenu(row: SnapshotRow, id: SnapshotId, may_change: bool) -> impl IntoView {
    let label = format!("More actions for {}", row.name);
    let task = row.task.as_ref().map(
        |task| view! { <MenuLink href=paths::task(task.id) icon=IconName::Task>"Show the task"</MenuLink> },
    );
    let items = match may_change {
        true => view! { <ChangeItems row id/> }.into_any(),
        false => view! { <MenuBlocked label="Use, rename or delete" why=ROLE_WHY/> }.into_any(),
    };
    view! {
        <Menu id=format!("more-{id}") label>
            {task}
            {items}
            <MenuLink href=paths::audit_of(&Subject::Snapshot(id)) icon=IconName::Audit>"Audit"</MenuLink>
        </Menu>
    }
}

/// The items that use or change it, each possible or with its reason.
#[component]
pub(super) fn ChangeItems(row: SnapshotRow, id: SnapshotId) -> impl IntoView {
    let disk = match row.disk_blocked {
        None => view! { <MenuLink href=paths::snapshot_disk(id) icon=IconName::Disk>"New disk"</MenuLink> }
            .into_any(),
        Some(rule) => view! { <MenuBlocked label="New disk" why=rule.sentence()/> }.into_any(),
    };
    let rename = (row.status != State::Deleting)
        .then(|| view! { <MenuLink href=paths::snapshot_edit(id) icon=IconName::Pencil>"Rename"</MenuLink> });
    let delete = match row.delete_blocked {
        None => view! { <MenuLink href=paths::snapshot_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any(),
        Some(rule) => view! { <MenuBlocked label="Delete" why=rule.sentence()/> }.into_any(),
    };
    view! { {disk}{rename}{delete} }
}
