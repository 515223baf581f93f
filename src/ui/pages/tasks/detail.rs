//! One task: where it stands, how far it is, what happened, and what can be done about it.

use super::parts::{TaskButtons, TaskStatus};
use crate::ui::calls::tasks::get_task;
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::islands::CopyableId;
use crate::ui::pages::Refusal;
use crate::ui::pages::parts::{Moving, loaded};
use crate::ui::pages::words::{task_figures, task_title, travel_words};
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::Error;
use darkroom_core::domain::ids::TaskId;
use darkroom_core::domain::task::{LogLine, State};
use darkroom_core::domain::time::span;
use darkroom_core::domain::view::TaskView;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// A task with its log, live while it is at work.
#[component]
pub fn TaskPage() -> impl IntoView {
    let id =
        use_params_map().with_untracked(|params| params.get("id").and_then(|id| id.parse::<TaskId>().ok()));
    let refused = use_form();
    let task = async move {
        let id = id.ok_or(ApiError(Error::not_found("task")))?;
        Ok((get_task(id).await?, refused.error().await))
    };
    loaded(task, |(task, refused)| view! { <TaskDetail task refused/> }.into_any())
}

#[component]
fn TaskDetail(task: TaskView, refused: Option<ApiError>) -> impl IntoView {
    let title = task_title(&task);
    let log = task.log.clone();
    // Only the word, so that nobody hears a new percentage every second.
    let live = format!("{title}: {}", task.state.word());
    let status = TaskView { error: None, ..task.clone() };
    let (asked, wrong, far) = (task.clone(), task.clone(), task.clone());
    view! {
        <Title text=format!("{title} · darkroom")/>
        <Moving when=task.state.active()/>
        <Crumbs above=vec![Link::new("Tasks", paths::TASKS)] here=title.clone()/>
        <PageHead title>
            <TaskStatus task=status/>
            <PageActions slot>
                <TaskButtons task=asked size=Size::Form/>
            </PageActions>
        </PageHead>
        <p class="visually-hidden" role="status">{live}</p>
        <Refusal error=refused/>
        <WhatWentWrong task=wrong/>
        <HowFar task=far/>
        <TaskFacts task/>
        <Section id="log" title="What happened">
            <Log log/>
        </Section>
    }
}

/// The error, as a warning while the task is still being tried.
#[component]
fn WhatWentWrong(task: TaskView) -> impl IntoView {
    let tone = if task.state.active() { Tone::Warn } else { Tone::Bad };
    let tried_again = task.state == State::Running || task.state == State::Queued;
    task.error.map(|error| {
        let text = if tried_again { format!("{error} It is tried again.") } else { error };
        view! { <Notice tone text/> }
    })
}

#[component]
fn HowFar(task: TaskView) -> impl IntoView {
    if !task.state.active() {
        return ().into_any();
    }
    let label = format!("Step {} of {}: {}", task.step_number, task.n_steps, task.step);
    let left = task.progress.as_ref().map(|progress| progress.left()).unwrap_or_default();
    let value = task.progress.as_ref().map(|progress| u64::from(progress.percent()));
    let figures = task_figures(&task);
    view! {
        <div class="panel">
            <TaskProgress label left value nostrip:figures=figures/>
        </div>
    }
    .into_any()
}

#[component]
fn TaskFacts(task: TaskView) -> impl IntoView {
    let travelled = travel_words(&task).map(|text| view! { <Fact term="Content">{text}</Fact> });
    let subject = match paths::subject(&task.subject) {
        Some(href) => view! { <a href=href>{task.name}</a> }.into_any(),
        None => task.name.into_any(),
    };
    // A task that is over has no present step.
    let steps = match task.step.as_str() {
        "" => format!("{} of {}", task.step_number, task.n_steps),
        step => format!("{} of {}: {step}", task.step_number, task.n_steps),
    };
    let place = task.queue_place.map(|place| {
        let text = format!("Place {place}. A few copies travel to a region at a time.");
        view! { <Fact term="Waits for its turn">{text}</Fact> }
    });
    let ended = task.finished.map(|at| {
        view! {
            <Fact term="Ended">
                <Time datetime=at.rfc3339() text=at.minute()/>
            </Fact>
            <Fact term="Took">{span(at.since_ms(task.created))}</Fact>
        }
    });
    view! {
        <Facts>
            <Fact term="Works on">{subject}</Fact>
            <Fact term="Step">{steps}</Fact>
            {place}
            {travelled}
            <Fact term="Asked for by">{task.actor}</Fact>
            <Fact term="Asked for">
                <Time datetime=task.created.rfc3339() text=task.created.minute()/>
            </Fact>
            {ended}
            <Fact term="ID">
                <CopyableId id=task.id.to_string()/>
            </Fact>
        </Facts>
    }
}

#[component]
fn Log(log: Vec<LogLine>) -> impl IntoView {
    if log.is_empty() {
        return view! { <p class="soft">"Nothing yet: it has not begun."</p> }.into_any();
    }
    let lines = log
        .into_iter()
        .map(|line| {
            view! {
                <li>
                    <Time datetime=line.at.rfc3339() text=line.at.minute()/>
                    <Icon name=IconName::Right/>
                    <p>{line.text}</p>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="log panel">{lines}</ol> }.into_any()
}
