//! A task's state and its two actions, the same on every page.

use crate::ui::components::*;
use crate::ui::pages::parts::{CancelButton, RetryButton};
use crate::ui::pages::words::{task_percent, task_title, task_tone, task_word};
use crate::ui::state::blocked;
use darkroom_core::domain::task::State;
use darkroom_core::domain::view::TaskView;
use leptos::prelude::*;

/// Where a task stands, with bar, time left and what went wrong.
#[component]
pub fn TaskStatus(task: TaskView) -> impl IntoView {
    let (tone, icon) = task_tone(task.state);
    let icon = icon.unwrap_or(tone.icon());
    let word = task_word(&task);
    let step = (task.state == State::Running).then(|| task.step.clone());
    let why = task.error.clone().or(step);
    match task_percent(&task) {
        Some(percent) => view! { <Status tone word icon nostrip:why percent/> }.into_any(),
        None => view! { <Status tone word icon nostrip:why/> }.into_any(),
    }
}

/// The button that makes sense for a task now, or why it does not work. Nothing for a task that is over.
#[component]
pub fn TaskButtons(task: TaskView, #[prop(optional)] size: Size) -> impl IntoView {
    let id = task.id;
    let about = task_title(&task);
    let why = format!("why-{id}");
    match (task.state, task.cancel_blocked, task.retry_blocked) {
        (State::Queued | State::Running | State::Undoing, None, _) => {
            view! { <CancelButton id about icon=IconName::Close size/> }.into_any()
        }
        (State::Queued | State::Running | State::Undoing, Some(reason), _) => {
            view! { <BlockedAction id=why label="Cancel" reason=blocked(reason, vec![]) size/> }.into_any()
        }
        (State::Failed | State::Stuck, _, None) => {
            view! { <RetryButton id about icon=IconName::Retry size/> }.into_any()
        }
        (State::Failed | State::Stuck, _, Some(reason)) => {
            view! { <BlockedAction id=why label="Retry" reason=blocked(reason, vec![]) size/> }.into_any()
        }
        (State::Done | State::Cancelled, _, _) => ().into_any(),
    }
}
