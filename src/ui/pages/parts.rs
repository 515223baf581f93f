//! Pieces that pages share: data that is waited for, the words of a status, the buttons of a task, activity. No rule may live here;
//! reasons and refusals come from core.

use super::problem::Problem;
use super::words::{action_words, image_tone, instance_tone, present_words, with_progress};
use crate::ui::calls::billing::get_ahead;
use crate::ui::calls::tasks::{CancelTask, RetryTask};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::islands::{CheckedField, FieldLook, Rules};
use crate::ui::paths;
use crate::ui::state::{blocked, error_at, use_address};
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::ids::{Subject, TaskId};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::Ahead;
use darkroom_core::domain::text::{NAME_CHARS_MAX, REMARK_CHARS_MAX};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{EventRow, ImageLink, InstanceLink, TaskView};
use darkroom_core::domain::{image, instance, task};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use std::future::Future;

/// What a call answers.
pub type Answer<T> = Result<T, ApiError>;

/// The second line of an item that the user's role forbids.
pub const ROLE_WHY: &str = "Your role in this project may only look. One of its owners can change that.";

/// A page that waits for its data: the view of it, or why there is none.
pub fn loaded<T: 'static>(
    data: impl Future<Output = Answer<T>> + Send + 'static,
    shown: impl FnOnce(T) -> AnyView + Send + 'static,
) -> AnyView {
    Suspend::new(async move {
        match data.await {
            Ok(value) => shown(value),
            Err(error) => view! { <Problem error/> }.into_any(),
        }
    })
    .into_any()
}

/// A view that says what the month comes to; without that for who has no account, as the provider's people.
pub fn with_ahead(shown: impl FnOnce(Option<Ahead>) -> AnyView + Send + 'static) -> AnyView {
    loaded(get_ahead(), shown)
}

/// The price beside a button, and what the month comes to with it.
#[component]
pub fn PriceAhead(
    /// The price, as in [`PriceLine`].
    #[prop(into)]
    headline: String,
    /// How it is reckoned.
    #[prop(into)]
    detail: String,
    /// What is charged a month from then on; less than nothing for what is saved.
    month: Money,
    /// What is charged once.
    #[prop(optional)]
    once: Money,
) -> impl IntoView {
    let ahead = with_ahead(move |ahead| {
        ahead.map(|ahead| view! { <span>{ahead.words(month, once)}</span> }).into_any()
    });
    view! { <PriceLine headline detail>{ahead}</PriceLine> }
}

/// Marks the page while something on it is at work: script asks for it again every second.
#[component]
pub fn Moving(when: bool) -> impl IntoView {
    when.then(|| view! { <span hidden data-moving=""></span> })
}

/// A reason in the form that `BlockedAction` and `Explain` show, with the links that lead out of it.
pub fn explained(rule: Rule) -> Reason {
    let way = match rule.code.as_str() {
        "instance_capturing" | "image_creating" | "instance_busy" => {
            Some(Link::new("Show the tasks", paths::TASKS))
        }
        "image_limit_reached" => Some(Link::new("Show my images", paths::IMAGES)),
        "snapshot_service_off" => Some(Link::new("Show the snapshot service", paths::SNAPSHOT_SERVICE)),
        "in_arrears" | "held_for_arrears" => Some(Link::new("Show billing", paths::BILLING)),
        "snapshot_limit_reached" => Some(Link::new("Show the snapshots", paths::SNAPSHOTS)),
        "instance_limit_reached" => Some(Link::new("Show the instances", paths::INSTANCES)),
        _ => None,
    };
    blocked(rule, way.into_iter().collect())
}

/// The reason of whoever may look but not change.
pub fn role_reason() -> Rule {
    Rule::new(
        "forbidden",
        "Your role does not allow this.",
        "Your role in this project may only look.",
        "One of its owners can change that.",
    )
}

/// The two fields by which people tell images apart.
#[component]
pub fn NameAndRemark(rules: Rules, name: String, remark: String, error: Option<ApiError>) -> impl IntoView {
    let max = |chars: usize| u32::try_from(chars).ok();
    let name_look = FieldLook {
        label: "Name".to_owned(),
        value: name,
        max_length: max(NAME_CHARS_MAX),
        ..FieldLook::default()
    };
    let remark_look = FieldLook {
        label: "Remark".to_owned(),
        kind: FieldKind::Area,
        need: Need::Optional,
        value: remark,
        hint: Some("What will help you choose this image in a year?".to_owned()),
        max_length: max(REMARK_CHARS_MAX),
        ..FieldLook::default()
    };
    view! {
        <CheckedField rules field="name" look=name_look error=error_at(error.as_ref(), "name")/>
        <CheckedField rules field="remark" look=remark_look error=error_at(error.as_ref(), "remark")/>
    }
}

/// The inside of a dialog whose action is not possible now: why, and the way back.
#[component]
pub fn BlockedDialog(reason: Reason, close: String, label: &'static str) -> impl IntoView {
    view! {
        <div>
            <DialogBody><Explain reason/></DialogBody>
            <DialogFoot><LinkButton href=close size=Size::Form>{label}</LinkButton></DialogFoot>
        </div>
    }
}

/// A moment in a list: the time today, else the day.
#[component]
pub fn Moment(at: Timestamp, now: Timestamp) -> impl IntoView {
    view! { <Time datetime=at.rfc3339() text=at.listed(now)/> }
}

/// How far a task is, in words, with the percentage of its present step: `Creating 62 %, 2 min left`.
fn progress_words(word: &str, task: Option<&TaskView>) -> (String, Option<u8>) {
    let Some(task) = task.filter(|task| task.state.active()) else { return (word.to_owned(), None) };
    if task.cancel_requested || task.state == task::State::Undoing {
        return ("Cancelling".to_owned(), None);
    }
    let percent = task.progress.and_then(|progress| u8::try_from(progress.percent()).ok());
    (with_progress(word, Some(task)), percent)
}

/// The present step of a task: `Step 1 of 3: Copy the disk`; of a copy also what it need not bring, or its place in the line.
fn step_words(task: &TaskView) -> String {
    match (task.queue_place, present_words(task)) {
        (Some(place), _) => format!("Waits for its turn, place {place}"),
        (None, Some(present)) => format!("{}. {present}", task.step),
        (None, None) => format!("Step {} of {}: {}", task.step_number, task.n_steps, task.step),
    }
}

/// A status with the progress of the task behind it.
pub(super) fn moving_status(word: &str, task: Option<&TaskView>) -> AnyView {
    let (words, percent) = progress_words(word, task);
    let why = task.filter(|task| task.state.active()).map(step_words);
    match percent {
        Some(percent) => view! { <Status tone=Tone::Run word=words percent nostrip:why=why/> }.into_any(),
        None => view! { <Status tone=Tone::Run word=words nostrip:why=why/> }.into_any(),
    }
}

/// The status of an image: word, progress or reason.
pub fn image_status(status: image::Status, error: Option<String>, task: Option<&TaskView>) -> AnyView {
    match image_tone(status) {
        Tone::Run => moving_status(status.word(), task),
        tone => view! { <Status tone word=status.word() nostrip:why=error/> }.into_any(),
    }
}

/// The status of a machine: word, progress or reason.
pub fn instance_status(status: instance::Status, error: Option<String>, task: Option<&TaskView>) -> AnyView {
    match instance_tone(status) {
        (Tone::Run, _) => moving_status(status.word(), task),
        (tone, icon) => {
            view! { <Status tone nostrip:icon=icon word=status.word() nostrip:why=error/> }.into_any()
        }
    }
}

/// The button that stops a task and undoes it.
#[component]
pub fn CancelButton(
    id: TaskId,
    /// What the task does, read out where a page has several such buttons.
    #[prop(optional, into)]
    about: Option<String>,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<IconName>,
) -> impl IntoView {
    task_button(CancelTask::url(), "Cancel", id, about, (variant, size, icon))
}

/// The button that does a failed task again.
#[component]
pub fn RetryButton(
    id: TaskId,
    /// What the task does, read out where a page has several such buttons.
    #[prop(optional, into)]
    about: Option<String>,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<IconName>,
) -> impl IntoView {
    task_button(RetryTask::url(), "Retry", id, about, (variant, size, icon))
}

fn task_button(
    to: &'static str,
    label: &'static str,
    id: TaskId,
    about: Option<String>,
    (variant, size, icon): (Variant, Size, Option<IconName>),
) -> impl IntoView {
    let about = about.map(|about| view! { <span class="visually-hidden">": "{about}</span> });
    view! {
        <PostForm to>
            <input type="hidden" name="id" value=id.to_string()/>
            <input type="hidden" name="back_to" value=use_address()/>
            <Button variant size nostrip:icon=icon>{label}{about}</Button>
        </PostForm>
    }
}

/// A task that runs, as a block with its bar and, where it is possible, *Cancel*.
#[component]
pub fn TaskCard(task: TaskView, may_change: bool) -> impl IntoView {
    let label = format!("{} {}", task.kind.title(), task.name);
    let left = if task.cancel_requested {
        "Cancelling".to_owned()
    } else {
        task.progress.map(|p| p.left()).unwrap_or_default()
    };
    let value = task.progress.map(|p| u64::from(p.percent()));
    let figures = Some(match task.progress {
        Some(p) => format!("{}, {} %", step_words(&task), p.percent()),
        None => step_words(&task),
    });
    let cancel = (may_change && task.cancel_blocked.is_none())
        .then(|| view! { <div class="cluster"><CancelButton id=task.id/></div> });
    view! {
        <div class="panel stack stack--s">
            <TaskProgress label href=paths::task(task.id) left value nostrip:figures=figures/>
            {cancel}
        </div>
    }
}

/// What happened to a thing, newest first.
#[component]
pub fn Activity(events: Vec<EventRow>, about: Subject, now: Timestamp) -> impl IntoView {
    let lines = events.into_iter().map(|event| view! { <ActivityLine event now/> }.into_any()).collect_view();
    view! {
        <Section id="activity" title="Activity" link=Link::new("All", paths::audit_of(&about))>
            <ol class="log panel">{lines}</ol>
        </Section>
    }
}

#[component]
fn ActivityLine(event: EventRow, now: Timestamp) -> impl IntoView {
    let name = action_icon(&event.action);
    let what = action_words(&event.action);
    let detail =
        if event.detail.is_empty() { event.actor } else { format!("{} {}", event.detail, event.actor) };
    view! {
        <li>
            <Moment at=event.at now/>
            <Icon name/>
            <div>
                <p>{what}</p>
                <p class="small break">{detail}</p>
            </div>
        </li>
    }
}

fn action_icon(action: &str) -> IconName {
    match action.rsplit('.').next().unwrap_or_default() {
        "create" => IconName::Plus,
        "update" => IconName::Pencil,
        "delete" => IconName::Trash,
        "start" | "stop" | "reboot" => IconName::Power,
        "retry" => IconName::Retry,
        "cancel" => IconName::Close,
        _ => IconName::Info,
    }
}

/// Machines with their status, as a list of links.
#[component]
pub fn MachineLinks(machines: Vec<InstanceLink>) -> impl IntoView {
    let lines = machines
        .into_iter()
        .map(|machine| {
            view! {
                <li class="between">
                    <a class="break" href=paths::instance(machine.id)>{machine.name.to_string()}</a>
                    {instance_status(machine.status, None, None)}
                </li>
            }
            .into_any()
        })
        .collect_view();
    view! { <ul class="stack stack--s">{lines}</ul> }
}

/// Images with their status, as a list of links.
#[component]
pub fn ImageLinks(images: Vec<ImageLink>) -> impl IntoView {
    let lines = images
        .into_iter()
        .map(|image| {
            view! {
                <li class="between">
                    <a class="break" href=paths::image(image.id)>{image.name.to_string()}</a>
                    {image_status(image.status, None, None)}
                </li>
            }
            .into_any()
        })
        .collect_view();
    view! { <ul class="stack stack--s">{lines}</ul> }
}

/// `1 machine`, `3 machines`.
pub fn counted(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
