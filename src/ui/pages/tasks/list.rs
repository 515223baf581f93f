//! The list of tasks: filtered and paged by the address, live while something runs.

use super::parts::{TaskButtons, TaskStatus};
use crate::ui::calls::tasks::list_tasks;
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::pages::Refusal;
use crate::ui::pages::parts::{Moving, loaded};
use crate::ui::pages::words::task_title;
use crate::ui::paths;
use crate::ui::state::{address_with, neighbours, use_form, use_page_number, use_word};
use darkroom_core::domain::view::{TaskList, TaskView};
use darkroom_core::domain::{page::grouped, time::Timestamp};
use leptos::prelude::*;
use leptos_meta::Title;

/// The tabs: what they are called and which states they show.
const FILTERS: [(&str, &str); 5] = [
    ("All", ""),
    ("At work", "queued,running,undoing"),
    ("Done", "done"),
    ("Failed", "failed,stuck"),
    ("Cancelled", "cancelled"),
];

/// All tasks of project and region.
#[component]
pub fn TasksPage() -> impl IntoView {
    let (states, number, refused) = (use_word("state"), use_page_number(), use_form());
    let tasks = async move {
        let list = list_tasks(states.clone(), number).await?;
        Ok((states, list, refused.error().await))
    };
    view! {
        <Title text="Tasks · darkroom"/>
        {loaded(tasks, |(states, list, refused)| view! { <TasksView states list refused/> }.into_any())}
    }
}

#[component]
fn TasksView(states: String, list: TaskList, refused: Option<ApiError>) -> impl IntoView {
    let address = |states: &str| address_with(paths::TASKS, &[("state", states)]);
    let tabs = FILTERS.map(|(label, states)| Tab::new(label, address(states), TabNote::None)).to_vec();
    let current = address(&states);
    // Only the word, so that nobody hears a new percentage every second.
    let live = if list.active { "Tasks are running." } else { "No task is running." };
    let moving = list.active;
    let body = if list.page.rows.is_empty() {
        view! { <NoTasks filtered=!states.is_empty()/> }.into_any()
    } else {
        view! { <TaskTable states list/> }.into_any()
    };
    view! {
        <PageHead title="Tasks">
            <p class="soft">"Longer work: what runs, what is done, and what went wrong."</p>
        </PageHead>
        <Moving when=moving/>
        <Refusal error=refused/>
        <Tabs label="Tasks by state" tabs current/>
        <p class="visually-hidden" role="status">{live}</p>
        {body}
    }
}

#[component]
fn TaskTable(states: String, list: TaskList) -> impl IntoView {
    let (previous, next) = neighbours(&list.page, paths::TASKS, &[("state", &states)]);
    let range = list.page.range();
    let caption = format!("{} tasks", grouped(list.page.total));
    let columns = vec![
        Column::text("Task"),
        Column::text("State"),
        Column::text("Asked for by").low(),
        Column::text("Asked for").low(),
        Column::actions(),
    ];
    let now = list.now;
    let rows = list.page.rows.into_iter().map(|task| view! { <TaskRow task now/> }).collect_view();
    view! {
        <Frame>
            <Table caption columns>
                {rows}
            </Table>
            <Pager range previous next/>
        </Frame>
    }
}

#[component]
fn TaskRow(task: TaskView, now: Timestamp) -> impl IntoView {
    let (status, actor) = (task.clone(), task.actor.clone());
    let (name, href, created) = (task_title(&task), paths::task(task.id), task.created);
    view! {
        <Row>
            <NameCell name href/>
            <StateCell label="State">
                <TaskStatus task=status/>
            </StateCell>
            <Cell label="Asked for by" rank=Rank::Low>
                {actor}
            </Cell>
            <Cell label="Asked for" kind=Kind::Short rank=Rank::Low>
                <Time datetime=created.rfc3339() text=created.listed(now)/>
            </Cell>
            <ActionsCell>
                <TaskButtons task/>
            </ActionsCell>
        </Row>
    }
}

#[component]
fn NoTasks(filtered: bool) -> impl IntoView {
    if filtered {
        return view! {
            <EmptyState icon=IconName::Task title="No task in this state">
                <p>"Tasks in other states may be there."</p>
                <EmptyActions slot>
                    <LinkButton href=paths::TASKS size=Size::Form>"Show all tasks"</LinkButton>
                </EmptyActions>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState icon=IconName::Task title="No tasks here yet">
            <p>
                "Making an image, starting or deleting a machine takes a while. Each such work is a task: here you follow it, cancel it, and see why it failed."
            </p>
            <EmptyActions slot>
                <LinkButton href=paths::INSTANCE_NEW variant=Variant::Primary size=Size::Form>
                    "Deploy an instance"
                </LinkButton>
            </EmptyActions>
        </EmptyState>
    }
    .into_any()
}
