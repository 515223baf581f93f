//! What pages about tasks receive.

use crate::domain::error::Reason;
use crate::domain::ids::{Subject, TaskId};
use crate::domain::page::Page;
use crate::domain::task;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A task as lists and details show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// What it does.
    pub kind: task::Kind,
    /// What it works on.
    pub subject: Subject,
    /// The subject's name.
    pub name: String,
    /// Where it stands.
    pub state: task::State,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// The present step in words.
    pub step: String,
    /// The present step, from 1.
    pub step_number: u32,
    /// Steps in all.
    pub n_steps: u32,
    /// Bytes of the present step, if it counts them.
    pub progress: Option<task::Progress>,
    /// The place of a copy that waits for its turn, 1 for the next; `None` when it waits for none.
    pub queue_place: Option<u32>,
    /// What a copy across regions brought; `None` until it is there.
    pub transferred: Option<task::Transferred>,
    /// How much of what is copied was there already, in whole percent; `None` until that is known, which is soon after the transfer began.
    pub present_percent: Option<u32>,
    /// Why it failed, or is being tried again.
    pub error: Option<String>,
    /// What happened, oldest first; empty in lists.
    pub log: Vec<task::LogLine>,
    /// Who asked.
    pub actor: String,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Why it cannot be cancelled; `None` when it can.
    pub cancel_blocked: Option<Reason>,
    /// Why it cannot be retried; `None` when it can.
    pub retry_blocked: Option<Reason>,
}

/// The list of tasks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TaskList {
    /// The rows asked for, newest first.
    pub page: Page<TaskView>,
    /// Only these states; empty means any.
    pub states: Vec<task::State>,
    /// Whether any task of the project and region is at work.
    pub active: bool,
    /// Whether the user may cancel and retry here.
    pub may_change: bool,
    /// The time on the server.
    pub now: Timestamp,
}
