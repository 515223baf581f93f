//! A task's state and its two actions, the same on every page.

use crate::ui::calls::tasks::{CancelTask, RetryTask};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::pages::words::{task_percent, task_title, task_tone, task_word};
use crate::ui::state::blocked;
use darkroom_core::domain::ids::TaskId;
use darkroom_core::domain::task::State;
use darkroom_core::domain::view::TaskView;
use leptos::form::ActionForm;
use leptos::prelude::*;

/// Cancel and retry, as a page needs them: one pair for all its tasks.
#[derive(Clone, Copy)]
pub struct TaskActions {
    cancel: ServerAction<CancelTask>,
    retry: ServerAction<RetryTask>,
}

impl TaskActions {
    /// The pair.
    pub fn new() -> Self {
        Self { cancel: ServerAction::new(), retry: ServerAction::new() }
    }

    /// Changes with each answer: part of what a page's resource depends on.
    pub fn version(self) -> usize {
        self.cancel.version().get() + self.retry.version().get()
    }

    /// The last answer that was a refusal, for `errors()`.
    pub fn refusal(self) -> Option<Result<(), ApiError>> {
        let refused = |answer: Option<Result<(), ApiError>>| answer.filter(Result::is_err);
        let answers = [self.cancel.value().get(), self.retry.value().get()];
        answers.into_iter().find_map(refused)
    }
}

impl Default for TaskActions {
    fn default() -> Self {
        Self::new()
    }
}

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
pub fn TaskButtons(
    task: TaskView,
    actions: TaskActions,
    /// The address of the page.
    #[prop(into)]
    back_to: Signal<String>,
    #[prop(optional)] size: Size,
) -> impl IntoView {
    let id = task.id;
    let about = task_title(&task);
    let why = format!("why-{id}");
    match (task.state, task.cancel_blocked, task.retry_blocked) {
        (State::Queued | State::Running | State::Undoing, None, _) => {
            let action = actions.cancel;
            let sent =
                move || action.input().with(|input| input.as_ref().is_some_and(|input| input.id == id));
            let pending = Signal::derive(move || action.pending().get() && sent());
            view! {
                <ActionForm action>
                    <TaskButton id back_to label="Cancel" about icon=IconName::Close size pending/>
                </ActionForm>
            }
            .into_any()
        }
        (State::Queued | State::Running | State::Undoing, Some(reason), _) => {
            view! { <BlockedAction id=why label="Cancel" reason=blocked(reason, vec![]) size/> }.into_any()
        }
        (State::Failed | State::Stuck, _, None) => {
            let action = actions.retry;
            let sent =
                move || action.input().with(|input| input.as_ref().is_some_and(|input| input.id == id));
            let pending = Signal::derive(move || action.pending().get() && sent());
            view! {
                <ActionForm action>
                    <TaskButton id back_to label="Retry" about icon=IconName::Retry size pending/>
                </ActionForm>
            }
            .into_any()
        }
        (State::Failed | State::Stuck, _, Some(reason)) => {
            view! { <BlockedAction id=why label="Retry" reason=blocked(reason, vec![]) size/> }.into_any()
        }
        (State::Done | State::Cancelled, _, _) => ().into_any(),
    }
}

/// The fields and the button of a form about one task.
#[component]
fn TaskButton(
    id: TaskId,
    back_to: Signal<String>,
    label: &'static str,
    /// Only read out, because every row has such a button.
    about: String,
    icon: IconName,
    size: Size,
    pending: Signal<bool>,
) -> impl IntoView {
    view! {
        <input type="hidden" name="id" value=id.to_string()/>
        <input type="hidden" name="back_to" value=move || back_to.get()/>
        <Button icon size pending>
            {label}
            <span class="visually-hidden">": "{about}</span>
        </Button>
    }
}
