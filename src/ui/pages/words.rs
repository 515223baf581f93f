//! Words and tones for the states of things, the same on every page. Formatting only.

use crate::ui::components::{IconName, Tone};
use darkroom_core::domain::task::State;
use darkroom_core::domain::view::TaskView;
use darkroom_core::domain::{image, instance, size};

/// The tone of an image's status.
pub const fn image_tone(status: image::Status) -> Tone {
    match status {
        image::Status::Creating | image::Status::Deleting => Tone::Run,
        image::Status::Available => Tone::Good,
        image::Status::Error => Tone::Bad,
        image::Status::Recycled => Tone::Plain,
    }
}

/// The tone of a machine's status, and its icon where the tone's own does not fit.
pub const fn instance_tone(status: instance::Status) -> (Tone, Option<IconName>) {
    match status {
        instance::Status::Running => (Tone::Good, None),
        instance::Status::Stopped => (Tone::Plain, Some(IconName::Power)),
        instance::Status::Error => (Tone::Bad, None),
        instance::Status::Creating
        | instance::Status::Starting
        | instance::Status::Stopping
        | instance::Status::Rebooting
        | instance::Status::Updating
        | instance::Status::Reinstalling
        | instance::Status::Deleting => (Tone::Run, None),
    }
}

/// The tone of a task's state, and its icon where the tone's own does not fit.
pub const fn task_tone(state: State) -> (Tone, Option<IconName>) {
    match state {
        State::Queued => (Tone::Run, Some(IconName::Clock)),
        State::Running => (Tone::Run, None),
        State::Undoing => (Tone::Run, Some(IconName::Undo)),
        State::Done => (Tone::Good, None),
        State::Cancelled => (Tone::Plain, Some(IconName::Off)),
        State::Failed | State::Stuck => (Tone::Bad, None),
    }
}

/// `Create image web-v3`: a task by what it does and to what.
pub fn task_title(task: &TaskView) -> String {
    format!("{} {}", task.kind.title(), task.name)
}

/// `word 62 %, 2 min left`: a state with how far its task is, as far as that can be told.
pub fn with_progress(word: &str, task: Option<&TaskView>) -> String {
    let mut text = word.to_owned();
    if let Some(progress) = task.and_then(|task| task.progress.as_ref()) {
        text.push_str(&format!(" {} %", progress.percent()));
        let left = progress.left();
        if !left.is_empty() {
            text.push_str(", ");
            text.push_str(&left);
        }
    }
    text
}

/// The state of a task in words, with how far it is.
pub fn task_word(task: &TaskView) -> String {
    match task.state {
        State::Queued | State::Running if task.cancel_requested => "Cancelling".to_owned(),
        State::Running => with_progress(task.state.word(), Some(task)),
        state => state.word().to_owned(),
    }
}

/// Percent done, while a task runs and counts.
pub fn task_percent(task: &TaskView) -> Option<u8> {
    let progress = task.progress.as_ref().filter(|_| task.state == State::Running)?;
    u8::try_from(progress.percent()).ok()
}

/// `98 % was already there`: what a copy across regions need not bring.
pub fn present_words(task: &TaskView) -> Option<String> {
    task.present_percent.map(|percent| format!("{percent} % was already there"))
}

/// `19.93 MB travelled, 98 % was already there`: what a copy brought.
pub fn travel_words(task: &TaskView) -> Option<String> {
    let present = present_words(task)?;
    Some(match &task.transferred {
        Some(brought) => format!("{} travelled, {present}", size::decimal(brought.sent_bytes)),
        None => present,
    })
}

/// `62 %, 19.4 GB of 31.3 GB, 120 MB per second`: the figures of a task that counts.
pub fn task_figures(task: &TaskView) -> Option<String> {
    let progress = task.progress.as_ref()?;
    let (done, total) = (size::decimal(progress.done_bytes), size::decimal(progress.total_bytes));
    let mut text = format!("{} %, {done} of {total}", progress.percent());
    if let Some(rate) = progress.rate() {
        text.push_str(&format!(", {} per second", size::decimal(rate)));
    }
    Some(text)
}

/// `image.delete` as people say it: `Delete image`. What happened by itself is said as it was: `Instance died`.
pub fn action_words(action: &str) -> String {
    let (noun, verb) = action.split_once('.').unwrap_or(("", action));
    let words = match verb {
        "available" | "waits" | "scaled" | "reinstalled" | "failed" | "cancelled" | "deleted" | "running"
        | "stopped" | "died" | "lost" => {
            format!("{noun} {verb}")
        }
        // `disk.add_failed` is `add disk failed`.
        "add_failed" | "add_cancelled" => verb.replacen('_', &format!(" {noun} "), 1),
        "reinstall_failed" | "reinstall_cancelled" => {
            "change of image ".to_owned() + &verb.replace("reinstall_", "")
        }
        "reinstall" => "change image".to_owned(),
        "limits" | "password" => format!("change {verb}"),
        _ if noun == "charge" => match verb {
            "begin" => "charge begins",
            "end" => "charge ends",
            "once" => "charged once",
            _ => "charge is set",
        }
        .to_owned(),
        _ if noun == "billing" => match verb {
            "arrears" => "arrears begin",
            "settled" => "arrears end",
            "low" => "balance is low",
            "budget" | "payment" => return format!("Change {verb}"),
            "statement" => "close month",
            // `budget_reached` and `top_up` say it themselves.
            _ => return sentence(&verb.replace('_', " ")),
        }
        .to_owned(),
        // `snapshot_service.on` is a thing of two words that is turned.
        "on" | "off" => format!("turn {} {verb}", noun.replace('_', " ")),
        // `change_password` already says what it is about.
        _ if verb.contains('_') => verb.replace('_', " "),
        _ => format!("{verb} {noun}"),
    };
    sentence(words.trim())
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_said_verb_first() {
        assert_eq!(action_words("image.delete"), "Delete image");
        assert_eq!(action_words("user.change_password"), "Change password");
        assert_eq!(action_words("group.scaled"), "Group scaled");
        assert_eq!(action_words("instance.reinstall_failed"), "Change of image failed");
        assert_eq!(action_words("start"), "Start");
        assert_eq!(action_words("snapshot_service.off"), "Turn snapshot service off");
        assert_eq!(action_words("instance.died"), "Instance died");
        assert_eq!(action_words("disk.add_failed"), "Add disk failed");
        let billing = ["billing.arrears", "billing.budget", "billing.budget_reached", "billing.top_up"]
            .map(action_words);
        assert_eq!(billing, ["Arrears begin", "Change budget", "Budget reached", "Top up"]);
        assert_eq!(action_words(""), "");
    }
}
