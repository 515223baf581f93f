//! A snapshot in full: what it is of, what it holds, what it costs, what was made from it.

use super::super::Refusal;
use super::super::parts::{
    Activity, ImageLinks, Moving, RetryButton, TaskCard, explained, loaded, role_reason,
};
use super::list::ChangeItems;
use super::{snapshot_status, use_snapshot_id};
use crate::ui::calls::snapshots::get_snapshot;
use crate::ui::components::*;
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::size;
use darkroom_core::domain::snapshot::Status as State;
use darkroom_core::domain::view::SnapshotDetail;
use leptos::prelude::*;
use leptos_meta::Title;

/// The page of a snapshot.
#[component]
pub fn SnapshotPage() -> impl IntoView {
    let (id, refused) = (use_snapshot_id(), use_form());
    let data = async move { Ok((get_snapshot(id).await?, refused.error().await)) };
    loaded(data, |(detail, error)| view! { <Refusal error/><SnapshotSheet detail/> }.into_any())
}

/// The snapshot, also underneath the dialogs about it.
#[component]
pub(super) fn SnapshotSheet(detail: SnapshotDetail) -> impl IntoView {
    let name = detail.row.name.clone();
    let moving = matches!(detail.row.status, State::Creating | State::Deleting);
    let (events, now, about) = (detail.events.clone(), detail.now, Subject::Snapshot(detail.id));
    view! {
        <Title text=format!("{name} · darkroom")/>
        <Moving when=moving/>
        <Crumbs above=vec![Link::new("Snapshots", paths::SNAPSHOTS)] here=name/>
        <Head detail=detail.clone()/>
        <Work detail=detail.clone()/>
        <div class="split">
            <div class="stack stack--l">
                <Disks detail=detail.clone()/>
                <Activity events about now/>
            </div>
            <aside class="stack stack--l" aria-label="About this snapshot">
                <Properties detail=detail.clone()/>
                <Cost detail=detail.clone()/>
                <Made detail/>
            </aside>
        </div>
    }
}

#[component]
fn Head(detail: SnapshotDetail) -> impl IntoView {
    let status = snapshot_status(detail.row.status, None, detail.row.task.as_ref());
    let title = detail.row.name.clone();
    let what = format!("{}, of {}", detail.row.kind.word(), detail.row.source);
    view! {
        <PageHead title>
            <div class="cluster">{status}<span class="soft break">{what}</span></div>
            <PageActions slot><HeadActions detail/></PageActions>
        </PageHead>
    }
}

/// The rule that keeps this user from an action now: their role first, then the state of the snapshot.
fn rule(detail: &SnapshotDetail, state: &Option<Rule>) -> Option<Rule> {
    if detail.may_change { state.clone() } else { Some(role_reason()) }
}

#[component]
fn HeadActions(detail: SnapshotDetail) -> impl IntoView {
    let id = detail.id;
    let image = match rule(&detail, &detail.row.image_blocked) {
        None => view! { <LinkButton href=paths::snapshot_image(id) variant=Variant::Primary size=Size::Form icon=IconName::Image>"Create image"</LinkButton> }.into_any(),
        Some(rule) => view! { <BlockedAction id="image-why" label="Create image" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let items = match detail.may_change {
        true => view! { <ChangeItems row=detail.row id/> }.into_any(),
        false => view! { <MenuBlocked label="Use, rename or delete" why=super::super::parts::ROLE_WHY/> }
            .into_any(),
    };
    view! {
        {image}
        <Menu id="more" label="More actions" size=Size::Form variant=Variant::Outline>
            <MenuLink href=paths::audit_of(&Subject::Snapshot(id)) icon=IconName::Audit>"Audit"</MenuLink>
            <MenuLine/>
            {items}
        </Menu>
    }
}

/// What is going on: the task at work, or why it failed and what to do.
#[component]
fn Work(detail: SnapshotDetail) -> impl IntoView {
    let may_change = detail.may_change;
    let failure = (detail.row.status == State::Error).then(|| {
        let text = detail.row.error.clone().unwrap_or_else(|| "It could not be taken.".to_owned());
        let task = detail.row.task.as_ref();
        let show = task.map(|task| view! { <a href=paths::task(task.id)>"Show the task"</a> });
        let retry = task
            .filter(|task| may_change && task.retry_blocked.is_none())
            .map(|task| view! { <RetryButton id=task.id size=Size::Form/> });
        view! { <Notice tone=Tone::Bad text><div class="cluster">{retry}{show}</div></Notice> }
    });
    let card =
        detail.row.task.filter(|task| task.state.active()).map(|task| view! { <TaskCard task may_change/> });
    view! { {failure}{card} }
}

#[component]
fn Disks(detail: SnapshotDetail) -> impl IntoView {
    let columns = vec![Column::text("Disk"), Column::number("Stored")];
    let rows = detail
        .disks
        .into_iter()
        .map(|(words, stored_bytes)| {
            let stored = if stored_bytes == 0 { "–".to_owned() } else { size::decimal(stored_bytes) };
            view! {
                <Row>
                    <NameCell name=words/>
                    <Cell label="Stored" kind=Kind::Number>{stored}</Cell>
                </Row>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <Section id="disks" title="Disks">
            <Frame><Table caption="Disks" columns look=TableLook::Plain>{rows}</Table></Frame>
        </Section>
    }
}

#[component]
fn Properties(detail: SnapshotDetail) -> impl IntoView {
    let source = match &detail.row.machine {
        Some(machine) => {
            view! { <a href=paths::instance(machine.id)>{machine.name.to_string()}</a> }.into_any()
        }
        None => view! { {detail.row.source.clone()}<span class="soft">", deleted since"</span> }.into_any(),
    };
    let consistency =
        detail.consistency.map(|how| view! { <Fact term="Consistency">{how.sentence()}</Fact> });
    let schedule = match (detail.schedule, detail.row.scheduled) {
        (Some(words), _) => {
            Some(view! { <Fact term="Schedule"><a href=paths::SCHEDULES>{words}</a></Fact> }.into_any())
        }
        (None, true) => Some(view! { <Fact term="Schedule">"Deleted since"</Fact> }.into_any()),
        (None, false) => None,
    };
    let available = detail.available.map(|at| view! { <Fact term="Available">{at.minute()}</Fact> });
    view! {
        <Section id="properties" title="Properties">
            <Facts>
                <Fact term="ID"><CopyableId id=detail.id.to_string()/></Fact>
                <Fact term="Instance">{source}</Fact>
                <Fact term="Region">{detail.region.to_string()}</Fact>
                {consistency}
                {schedule}
                <Fact term="Asked for">{detail.row.created.minute()}</Fact>
                {available}
            </Facts>
        </Section>
    }
}

#[component]
fn Cost(detail: SnapshotDetail) -> impl IntoView {
    let symbol = detail.symbol;
    let cost = detail.cost.display(&symbol);
    let rates = detail.estimate.map(|estimate| {
        let month = estimate.month.display(&symbol);
        let how = format!(
            "{} stored, {}. What images and older snapshots hold as well is charged with them.",
            size::decimal(detail.row.stored_bytes),
            detail.rate.words(&symbol)
        );
        view! {
            <Facts><Fact term="Per month">{month}</Fact></Facts>
            <p class="small soft">{how}</p>
        }
    });
    view! {
        <Section id="cost" title="Cost">
            <Figure value=cost caption="so far"/>
            {rates}
        </Section>
    }
}

#[component]
fn Made(detail: SnapshotDetail) -> impl IntoView {
    let body = match detail.images.is_empty() {
        true => view! { <p class="soft">"None yet. An image from it is there at once, and stays when the snapshot goes."</p> }.into_any(),
        false => view! { <ImageLinks images=detail.images/> }.into_any(),
    };
    view! { <Section id="images" title="Images from it">{body}</Section> }
}
