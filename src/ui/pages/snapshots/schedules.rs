//! The list of schedules: when each takes its next snapshot, what came of the last try, and how many it keeps.

use super::super::Refusal;
use super::super::parts::{Moment, Moving, ROLE_WHY, loaded};
use super::service::ServiceLine;
use super::tabs;
use crate::ui::calls::snapshots::{RunSchedule, list_schedules};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{ScheduleList, ScheduleRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *Schedules*.
#[component]
pub fn SchedulesPage() -> impl IntoView {
    let refused = use_form();
    let data = async move { Ok((list_schedules().await?, refused.error().await)) };
    loaded(data, |(list, error)| view! { <Refusal error/><SchedulesView list/> }.into_any())
}

/// The list, also underneath the dialogs about schedules.
#[component]
pub(super) fn SchedulesView(list: ScheduleList) -> impl IntoView {
    let n = u32::try_from(list.rows.len()).unwrap_or(u32::MAX);
    let on = list.service.since.is_some();
    let new = (list.may_change && on).then(|| {
        view! { <LinkButton href=paths::SCHEDULE_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"New schedule"</LinkButton> }
    });
    // One that is due is taken in a moment.
    let due = on && list.rows.iter().any(|row| row.next.is_some_and(|at| at <= list.now));
    let tabs = tabs(list.n_snapshots, n);
    let service = list.service.clone();
    let body = if list.rows.is_empty() {
        view! { <NoSchedules list/> }.into_any()
    } else {
        view! { <SchedulesTable list/> }.into_any()
    };
    view! {
        <Title text="Schedules · darkroom"/>
        <Moving when=due/>
        <PageHead title="Snapshots">
            <p class="soft">"A schedule takes snapshots by itself and keeps the newest. All times are UTC."</p>
            <PageActions slot>{new}</PageActions>
        </PageHead>
        <ServiceLine service/>
        <Tabs label="Snapshots and schedules" tabs current=paths::SCHEDULES/>
        {body}
    }
}

#[component]
fn NoSchedules(list: ScheduleList) -> impl IntoView {
    let title = format!("No schedules in {}, {} yet", list.project, list.region);
    let action = (list.may_change && list.service.since.is_some()).then(|| {
        view! { <LinkButton href=paths::SCHEDULE_NEW variant=Variant::Primary size=Size::Form icon=IconName::Plus>"Make the first schedule"</LinkButton> }
    });
    view! {
        <Frame>
            <EmptyState icon=IconName::Clock title>
                <p>"Every night, every few hours or once a week: a schedule takes a snapshot of a machine, and removes its own oldest one when there are more than you want to keep."</p>
                <EmptyActions slot>{action}</EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn SchedulesTable(list: ScheduleList) -> impl IntoView {
    let columns = vec![
        Column::text("Instance"),
        Column::text("How often"),
        Column::number("Kept"),
        Column::text("Next").low(),
        Column::text("Last try"),
        Column::actions(),
    ];
    let (now, may_change) = (list.now, list.may_change);
    let on = list.service.since.is_some();
    let rows = list
        .rows
        .into_iter()
        .map(|row| view! { <ScheduleLine row now may_change on/> }.into_any())
        .collect_view();
    let caption = format!("Schedules in {}", list.region);
    view! { <Frame><Table caption columns>{rows}</Table></Frame> }
}

#[component]
fn ScheduleLine(row: ScheduleRow, now: Timestamp, may_change: bool, on: bool) -> impl IntoView {
    let (name, href) = (row.name.to_string(), row.machine.as_ref().map(|m| paths::instance(m.id)));
    let next = match row.next {
        None if row.gone.is_some() => "Never".into_any(),
        None => "Off".into_any(),
        Some(_) if !on => view! { <span class="soft">"While the service is on"</span> }.into_any(),
        Some(at) if at <= now => "Now".into_any(),
        Some(at) => view! { <Time datetime=at.rfc3339() text=at.minute()/> }.into_any(),
    };
    let last = last_try(&row, now);
    let kept = format!("{} of {}", row.n_made, row.keep);
    let rhythm = {
        let mut letters = row.rhythm.chars();
        letters
            .next()
            .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
    };
    let what = row.what.clone();
    let run = (may_change && on && row.on == Switch::On && row.gone.is_none()).then(|| {
        let about = name.clone();
        view! {
            <PostForm to=RunSchedule::url()>
                <input type="hidden" name="id" value=row.id.to_string()/>
                <Button variant=Variant::Quiet>"Run now"<span class="visually-hidden">": "{about}</span></Button>
            </PostForm>
        }
    });
    let items = match may_change {
        true => view! {
            <MenuLink href=paths::schedule(row.id) icon=IconName::Pencil>"Change"</MenuLink>
            <MenuLink href=paths::schedule_delete(row.id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink>
        }
        .into_any(),
        false => view! { <MenuBlocked label="Change or delete" why=ROLE_WHY/> }.into_any(),
    };
    view! {
        <Row>
            <NameCell name=name.clone() nostrip:href=href sub=what/>
            <Cell label="How often">{rhythm}</Cell>
            <Cell label="Kept" kind=Kind::Number>{kept}</Cell>
            <Cell label="Next" rank=Rank::Low>{next}</Cell>
            <StateCell label="Last try">{last}</StateCell>
            <ActionsCell>
                {run}
                <Menu id=format!("more-{}", row.id) label=format!("More actions for the schedule of {name}")>
                    {items}
                    <MenuLink href=paths::audit_of(&Subject::Schedule(row.id)) icon=IconName::Audit>"Audit"</MenuLink>
                </Menu>
            </ActionsCell>
        </Row>
    }
}

/// What came of the last try: the snapshot, or why there is none.
fn last_try(row: &ScheduleRow, now: Timestamp) -> AnyView {
    if let Some(since) = row.gone {
        let word = format!("Disk gone since {}", since.day());
        let why = "It takes nothing until you choose another disk.";
        return view! { <Status tone=Tone::Bad word why/> }.into_any();
    }
    let Some(at) = row.last else {
        return view! { <span class="soft">"None yet"</span> }.into_any();
    };
    match (&row.trouble, &row.snapshot) {
        (Some(why), _) => {
            let word = format!("Not taken, {}", at.listed(now));
            view! { <Status tone=Tone::Bad word why=why.clone()/> }.into_any()
        }
        (None, Some(snapshot)) => {
            view! { <a class="break" href=paths::snapshot(snapshot.id)>{snapshot.name.to_string()}</a> }
                .into_any()
        }
        (None, None) => view! { <Moment at now/> }.into_any(),
    }
}
