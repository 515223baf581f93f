//! Tasks as data: long work that survives restarts. The plan is fixed at creation; the engine only ever moves the record from one of the
//! states below to the next. Retries are data (`not_before`), not sleeping code.

use super::disk::{DiskKind, DiskRole};
use super::error::Reason;
use super::ids::{AccountId, DiskId, ProjectId, RegionId, Subject, TaskId, UserId};
use super::image::{Consistency, ImageDisk};
use super::time::{Timestamp, span};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a task does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes an image of a machine.
    ImageCreate,
    /// Brings a copy of an image from another region.
    ImageCopy,
    /// Removes an image.
    ImageDelete,
    /// Makes a machine from an image.
    InstanceCreate,
    /// Starts a machine.
    InstanceStart,
    /// Stops a machine.
    InstanceStop,
    /// Restarts a machine.
    InstanceReboot,
    /// Replaces the system disk of a machine by one of another image.
    InstanceReinstall,
    /// Removes a machine.
    InstanceDelete,
    /// Makes a snapshot of a machine's disks.
    SnapshotCreate,
    /// Removes a snapshot.
    SnapshotDelete,
    /// Gives a machine a new data disk.
    DiskAdd,
    /// Removes a data disk of a machine.
    DiskRemove,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::ImageCreate,
        Self::ImageCopy,
        Self::ImageDelete,
        Self::InstanceCreate,
        Self::InstanceStart,
        Self::InstanceStop,
        Self::InstanceReboot,
        Self::InstanceReinstall,
        Self::InstanceDelete,
        Self::SnapshotCreate,
        Self::SnapshotDelete,
        Self::DiskAdd,
        Self::DiskRemove,
    ];

    /// What a person reads in lists.
    pub const fn title(self) -> &'static str {
        match self {
            Self::ImageCreate => "Create image",
            Self::ImageCopy => "Copy image",
            Self::ImageDelete => "Delete image",
            Self::InstanceCreate => "Create instance",
            Self::InstanceStart => "Start instance",
            Self::InstanceStop => "Stop instance",
            Self::InstanceReboot => "Restart instance",
            Self::InstanceReinstall => "Change image",
            Self::InstanceDelete => "Delete instance",
            Self::SnapshotCreate => "Create snapshot",
            Self::SnapshotDelete => "Delete snapshot",
            Self::DiskAdd => "Add disk",
            Self::DiskRemove => "Remove disk",
        }
    }

    /// The steps such a task takes, in order.
    pub const fn plan(self) -> &'static [Step] {
        match self {
            Self::ImageCreate | Self::SnapshotCreate => &[Step::Capture, Step::Store, Step::DiscardCapture],
            Self::ImageCopy => &[Step::Transfer],
            Self::ImageDelete | Self::SnapshotDelete => &[Step::Release],
            Self::InstanceCreate | Self::InstanceStart | Self::InstanceReinstall => {
                &[Step::PrepareBase, Step::CreateDisks, Step::Start]
            }
            Self::InstanceStop => &[Step::PressPower, Step::AwaitOff],
            Self::InstanceReboot => &[Step::PressPower, Step::AwaitOff, Step::Start],
            Self::InstanceDelete => &[Step::Destroy],
            Self::DiskAdd => &[Step::PrepareBase, Step::CreateDisks],
            Self::DiskRemove => &[Step::RemoveDisk],
        }
    }

    /// Whether a failed try is undone. What removes things only goes forward: it is tried until it is done or somebody must look.
    pub const fn undoable(self) -> bool {
        !matches!(self, Self::ImageDelete | Self::InstanceDelete | Self::DiskRemove | Self::SnapshotDelete)
    }

    /// Whether a person may stop it and have everything undone.
    pub const fn cancellable(self) -> bool {
        matches!(
            self,
            Self::ImageCreate
                | Self::ImageCopy
                | Self::InstanceCreate
                | Self::InstanceReinstall
                | Self::DiskAdd
                | Self::SnapshotCreate
        )
    }
}

/// One idempotent step of a plan.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Copy the disks at one instant into scratch files. Undo: remove them.
    Capture,
    /// Put the chunks of the next scratch file into the region's store, and so on until all are there. Undo: nothing; unnamed chunks are swept.
    Store,
    /// Remove the scratch files.
    DiscardCapture,
    /// Bring what the region does not have from the region of the source. Undo: nothing; what no image needs is swept.
    Transfer,
    /// Let go of the content; what nobody else needs is swept after the grace period.
    Release,
    /// Make sure the read-only base file exists.
    PrepareBase,
    /// Create the machine's disks and seed. Undo: destroy the machine, when this task is making it; remove the disk that it adds, or the new
    /// system disk, when this task replaces it.
    CreateDisks,
    /// Start the machine's process. Undo: cut the power.
    Start,
    /// Press the power button. Undo: cut the power, because a failed stop leaves the machine off.
    PressPower,
    /// Wait until it is off; cut the power after the time allowed. Undo: cut the power.
    AwaitOff,
    /// Remove one disk of the machine.
    RemoveDisk,
    /// Remove everything of the machine.
    Destroy,
}

impl Step {
    /// What a person reads while it runs.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Capture => "Copy the disk",
            Self::Store => "Store the content",
            Self::DiscardCapture => "Tidy up",
            Self::Transfer => "Transfer the content",
            Self::Release => "Release the storage",
            Self::PrepareBase => "Prepare the image",
            Self::CreateDisks => "Create the disks",
            Self::Start => "Start the machine",
            Self::PressPower => "Press the power button",
            Self::AwaitOff => "Wait until it is off",
            Self::RemoveDisk => "Remove the disk",
            Self::Destroy => "Remove the machine",
        }
    }
}

/// Where a task stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No step has begun.
    Queued,
    /// Steps are being done.
    Running,
    /// Steps are being undone after a failure or a cancellation.
    Undoing,
    /// All steps are done.
    Done,
    /// A step failed for good; everything is undone.
    Failed,
    /// A person stopped it; everything is undone.
    Cancelled,
    /// Undoing keeps failing: somebody must look.
    Stuck,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Undoing, Self::Done, Self::Failed, Self::Cancelled, Self::Stuck];

    /// Whether the engine still works on it.
    pub const fn active(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Undoing)
    }

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Undoing => "Undoing",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Stuck => "Stuck",
        }
    }

    /// The word in addresses.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Undoing => "undoing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Stuck => "stuck",
        }
    }
}

/// Who works on a task right now, and until when that holds without word from them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// The worker's run; another after every restart.
    pub owner: Uuid,
    /// Which claim this is: a worker whose lease ran out must not take the next one for itself.
    pub claim: Uuid,
    /// When others may take over.
    pub until: Timestamp,
}

/// What finished steps gave, for the steps after them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Outputs {
    /// The captured scratch files, system disk first; all of one instant.
    pub scratch: Vec<Scratch>,
    /// How consistent the capture is.
    pub consistency: Option<Consistency>,
    /// The disks stored so far, in the order of `scratch`: storing goes on with the first that is not here yet.
    pub stored: Vec<ImageDisk>,
    /// Paths of the base files, one for each disk of the machine that has one, and of its ISO.
    pub bases: Vec<String>,
    /// The port the machine answers on.
    pub ssh_port: Option<u16>,
    /// What was brought from another region.
    pub transferred: Option<Transferred>,
}

impl Outputs {
    /// Whether `step` has to go on although a part of it is done: each disk is stored in a turn of its own, so that none is stored twice.
    pub fn unfinished(&self, step: Step) -> bool {
        step == Step::Store && self.stored.len() < self.scratch.len()
    }
}

/// A captured disk that waits to be stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scratch {
    /// Where its raw file is.
    pub path: String,
    /// Which disk of the machine it was.
    pub role: DiskRole,
    /// What that lived on; `None` for captures of older programs, which did not say.
    pub storage: Option<DiskKind>,
    /// The size the guest saw, in bytes; 0 for captures of older programs.
    pub virtual_bytes: u64,
}

/// What a copy across regions takes, fixed when it is asked for: the image it comes from may be deleted meanwhile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// Where the content is.
    pub region: RegionId,
    /// The disks, system disk first, with their sizes there.
    pub disks: Vec<ImageDisk>,
}

/// What a copy across regions brought. Bytes are compressed bytes of chunks, each counted once for each disk.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Transferred {
    /// The disks, system disk first, with their sizes in the region they were brought to.
    pub disks: Vec<ImageDisk>,
    /// Bytes that travelled, by the last try.
    pub sent_bytes: u64,
    /// Bytes that were there already.
    pub present_bytes: u64,
}

impl Transferred {
    /// How much was there already, in whole percent, 0 to 100; an empty disk was there as a whole.
    pub fn present_percent(&self) -> u32 {
        let all = u128::from(self.sent_bytes) + u128::from(self.present_bytes);
        if all == 0 {
            return 100;
        }
        u32::try_from(u128::from(self.present_bytes) * 100 / all).unwrap_or(100)
    }
}

/// A line of a task's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
}

/// How far the present step is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// When the step began.
    pub since: Timestamp,
    /// When this was reported.
    pub at: Timestamp,
}

impl Progress {
    /// Whole percent, 0 to 100.
    pub fn percent(&self) -> u32 {
        let share = u128::from(self.done_bytes) * 100 / u128::from(self.total_bytes.max(1));
        u32::try_from(share.min(100)).unwrap_or(100)
    }

    /// Bytes per second since the step began; `None` before a quarter of a second has passed.
    pub fn rate(&self) -> Option<u64> {
        let elapsed_ms = u128::try_from(self.at.since_ms(self.since)).ok().filter(|ms| *ms >= 250)?;
        u64::try_from(u128::from(self.done_bytes) * 1000 / elapsed_ms).ok().filter(|r| *r > 0)
    }

    /// The time left in words, such as `2 min left`; empty while it cannot be told.
    pub fn left(&self) -> String {
        let rest = self.total_bytes.saturating_sub(self.done_bytes);
        match self.rate() {
            Some(rate) if rest > 0 => {
                let seconds = rest.div_ceil(rate);
                format!("{} left", span(i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)))
            }
            _ => String::new(),
        }
    }
}

/// Long work that survives restarts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Its id; also names its effects, so that a step can run again.
    pub id: TaskId,
    /// What it does.
    pub kind: Kind,
    /// Who asked.
    pub user: Option<UserId>,
    /// How the audit trail names them.
    pub actor: String,
    /// Who pays.
    pub account: AccountId,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// The image or instance it works on.
    pub subject: Subject,
    /// The subject's name then.
    pub name: String,
    /// The disk of the machine that it adds or removes; `None` for every other kind.
    pub disk: Option<DiskId>,
    /// What it copies or fetches; only where that is in another region.
    pub origin: Option<Origin>,
    /// Where it stands.
    pub state: State,
    /// Steps done, counted from the start of the plan. While undoing: steps that may still have effects.
    pub step: u32,
    /// Failed tries of the present step.
    pub attempts: u32,
    /// Not to be touched before this moment.
    pub not_before: Timestamp,
    /// Who works on it.
    pub lease: Option<Lease>,
    /// A person asked to stop it.
    pub cancel_requested: bool,
    /// Results of steps.
    pub outputs: Outputs,
    /// Why it failed, or why it is being tried again.
    pub error: Option<String>,
    /// What happened, oldest first; bounded.
    pub log: Vec<LogLine>,
    /// The last checkpoint of progress.
    pub progress: Option<Progress>,
    /// When it was asked for.
    pub created: Timestamp,
    /// When its first step began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

/// What a person may do to a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Stop it and undo it.
    Cancel,
    /// Do the same again.
    Retry,
}

impl Task {
    /// Most lines kept in a log; the first is always kept.
    pub const LOG_LINES_MAX: usize = 200;
    /// Most bytes of text kept in a log: a task must always fit into a record, whatever a program said before it failed.
    pub const LOG_BYTES_MAX: usize = 16 * 1024;

    /// Whether it is a copy that nobody works on yet. Only so many of an account travel to a region at once; it waits for its turn, unless it
    /// is cancelled.
    pub fn waits_for_turn(&self) -> bool {
        self.kind == Kind::ImageCopy && self.state == State::Queued && !self.cancel_requested
    }

    /// Whether it is a copy that has its turn, from when its step begins until it ends.
    pub fn has_turn(&self) -> bool {
        self.kind == Kind::ImageCopy && self.state.active() && self.started.is_some()
    }

    /// How much of what it copies was there already, in whole percent; `None` while that is not known. `progress` is of the present step,
    /// and counts only what has to travel. Of several disks it is known when all of them are there.
    pub fn present_percent(&self, progress: Option<&Progress>) -> Option<u32> {
        if let Some(transferred) = &self.outputs.transferred {
            return Some(transferred.present_percent());
        }
        let origin = self.origin.as_ref().filter(|_| self.kind == Kind::ImageCopy)?;
        let [disk] = &origin.disks[..] else { return None };
        let sent_bytes = progress?.total_bytes;
        let present_bytes = disk.stored_bytes.saturating_sub(sent_bytes);
        Some(Transferred { disks: vec![], sent_bytes, present_bytes }.present_percent())
    }

    /// The step being done or next to do.
    pub fn current(&self) -> Option<Step> {
        usize::try_from(self.step).ok().and_then(|i| self.kind.plan().get(i)).copied()
    }

    /// Appends a line to the log, dropping the second-oldest when it is full.
    pub fn note(&mut self, at: Timestamp, text: impl Into<String>) {
        self.log.push(LogLine { at, text: bounded(&text.into()) });
        let n_bytes = |log: &[LogLine]| log.iter().map(|l| l.text.len()).fold(0, usize::saturating_add);
        while self.log.len() > Self::LOG_LINES_MAX
            || self.log.len() > 2 && n_bytes(&self.log) > Self::LOG_BYTES_MAX
        {
            self.log.remove(1);
        }
    }

    /// Whether `action` is possible now (not: whether somebody may).
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn can(&self, action: Action) -> Result<(), Reason> {
        let now = format!("It is {} now.", self.state.word());
        match action {
            Action::Cancel if !self.kind.cancellable() => Err(Reason::new(
                "task_not_cancellable",
                "Only making or copying an image, making an instance, changing its image and adding a disk can be cancelled.",
                format!("This task is “{}”.", self.kind.title()),
                "Wait until it is done.",
            )),
            Action::Cancel if self.cancel_requested && self.state.active() => {
                Err(Reason::new("task_cancelling", "It is being cancelled already.", "", ""))
            }
            Action::Cancel => match self.state {
                State::Queued | State::Running => Ok(()),
                State::Undoing | State::Done | State::Failed | State::Cancelled | State::Stuck => {
                    Err(Reason::new("task_ended", "Only a queued or running task can be cancelled.", now, ""))
                }
            },
            Action::Retry if self.kind == Kind::DiskAdd && self.state == State::Failed => Err(Reason::new(
                "task_not_retryable",
                "Adding a disk is asked for anew: its size and content are forgotten.",
                now,
                "Add the disk again on the machine's page.",
            )),
            Action::Retry => match self.state {
                State::Failed | State::Stuck => Ok(()),
                State::Queued | State::Running | State::Undoing | State::Done | State::Cancelled => {
                    Err(Reason::new("task_not_failed", "Only a failed task can be retried.", now, ""))
                }
            },
        }
    }
}

/// A message as it is kept: at most 1,000 characters, control characters left out, so that no record outgrows what the store takes.
pub fn bounded(message: &str) -> String {
    let mut chars = message.chars().filter(|c| !c.is_control() || *c == '\n');
    let mut kept: String = chars.by_ref().take(1000).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}

/// How long to wait before try number `attempts` + 1 of a step, in milliseconds: 1 s, 2 s, 4 s … 60 s.
pub fn backoff_ms(attempts: u32) -> i64 {
    1000i64.saturating_mul(1i64 << attempts.saturating_sub(1).min(10)).min(60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done_bytes: u64, ms: i64) -> Progress {
        Progress { done_bytes, total_bytes: 1000, since: Timestamp(0), at: Timestamp(ms) }
    }

    #[test]
    fn progress_tells_percent_rate_and_time_left() {
        let p = progress(620, 1000);
        assert_eq!((p.percent(), p.rate(), p.left().as_str()), (62, Some(620), "1 s left"));
        assert_eq!(progress(100, 100).left(), "", "too early to tell");
        assert_eq!(progress(2000, 1000).percent(), 100);
    }

    #[test]
    fn a_transfer_tells_how_much_was_there_already() {
        let percent = |sent_bytes, present_bytes| {
            Transferred { disks: vec![], sent_bytes, present_bytes }.present_percent()
        };
        assert_eq!([percent(0, 0), percent(0, 9), percent(9, 0), percent(1, 2)], [100, 100, 0, 66]);
        assert_eq!(percent(u64::MAX, u64::MAX), 50);
    }

    #[test]
    fn waits_double_up_to_a_minute() {
        assert_eq!([1, 2, 3, 7, 40].map(backoff_ms), [1000, 2000, 4000, 60_000, 60_000]);
    }

    #[test]
    fn every_plan_has_steps() {
        assert!(Kind::ALL.iter().all(|k| !k.plan().is_empty()));
    }
}
