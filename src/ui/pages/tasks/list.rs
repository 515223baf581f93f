//! The list of tasks: filtered and paged by the address, live while something runs.

use super::parts::{TaskActions, TaskButtons, TaskStatus};
use crate::ui::browser::poll_while;
use crate::ui::calls::tasks::list_tasks;
use crate::ui::components::*;
use crate::ui::error::{ApiError, errors};
use crate::ui::pages::words::task_title;
use crate::ui::pages::{Loading, Problem, Refusal};
use crate::ui::paths;
use crate::ui::state::{
    address_with, neighbours, refresh_frame_after, use_address, use_form, use_page_number, use_word,
};
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

/// What was asked for: states and page.
type Asked = (String, u32);

/// All tasks of project and region.
#[component]
pub fn TasksPage() -> impl IntoView {
    let states = use_word("state");
    let number = use_page_number();
    let asked = Memo::new(move |_| (states.get(), number.get()));
    let actions = TaskActions::new();
    let refused = use_form();
    let tasks = Resource::new_blocking(
        move || (asked.get(), actions.version()),
        async |((states, number), _): (Asked, usize)| {
            let list = list_tasks(states.clone(), number).await?;
            Ok::<_, ApiError>(((states, number), list))
        },
    );
    let active = move || tasks.with(|answer| matches!(answer, Some(Ok((_, list))) if list.active));
    poll_while(Signal::derive(active), move || tasks.refetch());
    refresh_frame_after(move || actions.version());
    let page = move || {
        Suspend::new(async move {
            let refused = refused.error().await;
            match tasks.await {
                Ok((answered, list)) => view! { <TasksView asked answered list actions refused/> }.into_any(),
                Err(error) => view! { <Problem error/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Tasks · darkroom"/>
        <Transition fallback=Loading>{page}</Transition>
    }
}

#[component]
fn TasksView(
    asked: Memo<Asked>,
    answered: Asked,
    list: TaskList,
    actions: TaskActions,
    refused: Option<ApiError>,
) -> impl IntoView {
    let errors = errors(move || actions.refusal(), refused);
    let address = |states: &str| address_with(paths::TASKS, &[("state", states)]);
    let tabs = FILTERS.map(|(label, states)| Tab::new(label, address(states), TabNote::None)).to_vec();
    let current = address(&answered.0);
    // Only the word, so that nobody hears a new percentage every second.
    let live = if list.active { "Tasks are running." } else { "No task is running." };
    let body = if list.page.rows.is_empty() {
        view! { <NoTasks filtered=!answered.0.is_empty()/> }.into_any()
    } else {
        view! { <TaskTable asked answered list actions/> }.into_any()
    };
    view! {
        <PageHead title="Tasks">
            <p class="soft">"Longer work: what runs, what is done, and what went wrong."</p>
        </PageHead>
        <Refusal errors/>
        <Tabs label="Tasks by state" tabs current/>
        <p class="visually-hidden" role="status">{live}</p>
        {body}
    }
}

#[component]
fn TaskTable(asked: Memo<Asked>, answered: Asked, list: TaskList, actions: TaskActions) -> impl IntoView {
    let (previous, next) = neighbours(&list.page, paths::TASKS, &[("state", &answered.0)]);
    let range = list.page.range();
    let caption = format!("{} tasks", grouped(list.page.total));
    let loading = Signal::derive(move || {
        let loads = asked.with(|asked| *asked != answered);
        loads.then(|| "Loading tasks".to_owned())
    });
    let columns = vec![
        Column::text("Task"),
        Column::text("State"),
        Column::text("Asked for by").low(),
        Column::text("Asked for").low(),
        Column::actions(),
    ];
    let back_to = use_address();
    let now = list.now;
    let rows =
        list.page.rows.into_iter().map(|task| view! { <TaskRow task now actions back_to/> }).collect_view();
    view! {
        <Frame loading>
            <Table caption columns>
                {rows}
            </Table>
            <Pager range previous next/>
        </Frame>
    }
}

#[component]
fn TaskRow(task: TaskView, now: Timestamp, actions: TaskActions, back_to: Memo<String>) -> impl IntoView {
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
                <TaskButtons task actions back_to/>
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
