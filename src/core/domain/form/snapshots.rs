//! The forms of snapshots: turning the service on and off, making and renaming a snapshot, an image from one, and schedules.

use super::Faults;
use crate::domain::error::{Error, Result};
use crate::domain::ids::{InstanceId, RegionId, ScheduleId, SnapshotId};
use crate::domain::region::Switch;
use crate::domain::schedule::{HOURS, KEEP_MAX, Rhythm, Schedule, TimeOfDay, Weekday};
use crate::domain::snapshot::Which;
use crate::domain::text::{self, Name};
use serde::{Deserialize, Serialize};

/// The dialog that turns the snapshot service on or off.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceForm {
    /// The region, such as `north-1`.
    pub region: String,
    /// `on` or `off`.
    pub turn: String,
    /// Version of the price book the dialog showed; only asked for turning it on.
    pub price_version: u32,
}

/// Turn the snapshot service on or off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceTurn {
    /// The region.
    pub region: RegionId,
    /// What it becomes.
    pub turn: Switch,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl ServiceForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<ServiceTurn> {
        let mut faults = Faults::default();
        match faults.take("turn", switch(&self.turn)) {
            Some(turn) => Ok(ServiceTurn {
                region: RegionId(self.region.clone()),
                turn,
                price_version: self.price_version,
            }),
            None => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog *Create a snapshot*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateSnapshotForm {
    /// The machine, a UUID.
    pub instance: String,
    /// `system`, `all`, or a disk, a UUID; empty for the system disk.
    pub what: String,
    /// The snapshot's name.
    pub name: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

/// Make a snapshot of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateSnapshot {
    /// The machine.
    pub instance: InstanceId,
    /// Which of its disks.
    pub what: Which,
    /// The snapshot's name.
    pub name: Name,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl CreateSnapshotForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<CreateSnapshot> {
        let mut faults = Faults::default();
        let instance = faults.take("instance", known_machine(&self.instance));
        let what = faults.take("what", which(&self.what));
        let name = faults.take("name", Name::parse(&self.name));
        match (instance, what, name) {
            (Some(instance), Some(what), Some(name)) => {
                Ok(CreateSnapshot { instance, what, name, price_version: self.price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog that renames a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RenameSnapshotForm {
    /// The snapshot, a UUID.
    pub snapshot: String,
    /// The revision that the dialog showed.
    pub revision: u32,
    /// Its new name.
    pub name: String,
}

/// Change the name of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenameSnapshot {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The revision that the dialog showed.
    pub revision: u32,
    /// Its new name.
    pub name: Name,
}

impl RenameSnapshotForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<RenameSnapshot> {
        let mut faults = Faults::default();
        let snapshot = faults.take("snapshot", known_snapshot(&self.snapshot));
        let name = faults.take("name", Name::parse(&self.name));
        match (snapshot, name) {
            (Some(snapshot), Some(name)) => Ok(RenameSnapshot { snapshot, revision: self.revision, name }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog that makes an image from a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SnapshotImageForm {
    /// The snapshot, a UUID.
    pub snapshot: String,
    /// The image's name.
    pub name: String,
    /// The remark.
    pub remark: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

/// Make an image from a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotImage {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The image's name.
    pub name: Name,
    /// The remark.
    pub remark: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl SnapshotImageForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<SnapshotImage> {
        let mut faults = Faults::default();
        let snapshot = faults.take("snapshot", known_snapshot(&self.snapshot));
        let name = faults.take("name", Name::parse(&self.name));
        let remark = faults.take("remark", text::remark(&self.remark));
        match (snapshot, name, remark) {
            (Some(snapshot), Some(name), Some(remark)) => {
                Ok(SnapshotImage { snapshot, name, remark, price_version: self.price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog that makes or changes a schedule. Fields of the other rhythms are sent too and not looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleForm {
    /// The schedule, a UUID; empty for a new one.
    pub schedule: String,
    /// The revision that the dialog showed.
    pub revision: u32,
    /// The machine, a UUID; never changed afterwards.
    pub instance: String,
    /// `system`, `all`, or a data disk of the machine, a UUID; empty for the system disk.
    pub what: String,
    /// `hours`, `day` or `week`.
    pub rhythm: String,
    /// Every so many hours.
    pub hours: String,
    /// The time of day in UTC, as `03:30`.
    pub at: String,
    /// The day of the week.
    pub weekday: String,
    /// How many are kept.
    pub keep: String,
    /// `on` or `off`.
    pub on: String,
    /// Version of the price book the form showed.
    pub price_version: u32,
}

/// What a schedule is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScheduleEdit {
    /// The schedule; `None` for a new one.
    pub schedule: Option<ScheduleId>,
    /// The revision that the dialog showed.
    pub revision: u32,
    /// The machine.
    pub instance: InstanceId,
    /// Which of its disks.
    pub what: Which,
    /// How often.
    pub rhythm: Rhythm,
    /// How many are kept.
    pub keep: u32,
    /// Whether it makes any at present.
    pub on: Switch,
    /// Version of the price book the form showed.
    pub price_version: u32,
}

impl ScheduleForm {
    /// The form of a schedule as it is.
    pub fn of(schedule: &Schedule) -> Self {
        let form = Self {
            schedule: schedule.id.to_string(),
            revision: schedule.revision,
            instance: schedule.instance.to_string(),
            what: schedule.what.slug(),
            keep: schedule.keep.to_string(),
            on: schedule.on.word().to_owned(),
            ..Self::usual()
        };
        match schedule.rhythm {
            Rhythm::Hours { n } => Self { rhythm: "hours".to_owned(), hours: n.to_string(), ..form },
            Rhythm::Day { at } => Self { rhythm: "day".to_owned(), at: at.to_string(), ..form },
            Rhythm::Week { on, at } => Self {
                rhythm: "week".to_owned(),
                at: at.to_string(),
                weekday: on.word().to_lowercase(),
                ..form
            },
        }
    }

    /// What the dialog proposes: every night, a week of them.
    pub fn usual() -> Self {
        Self {
            what: "all".to_owned(),
            rhythm: "day".to_owned(),
            hours: "6".to_owned(),
            at: "03:00".to_owned(),
            weekday: "sunday".to_owned(),
            keep: "7".to_owned(),
            on: "on".to_owned(),
            ..Self::default()
        }
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<ScheduleEdit> {
        let mut faults = Faults::default();
        let schedule = match self.schedule.as_str() {
            "" => Ok(None),
            id => id.parse().map(Some).map_err(|_| "This schedule is not known. Open it again.".to_owned()),
        };
        let schedule = faults.take("schedule", schedule);
        let instance = faults.take("instance", known_machine(&self.instance));
        let what = faults.take("what", which(&self.what));
        let rhythm = self.rhythm(&mut faults);
        let keep = faults.take("keep", keep(&self.keep));
        let on = faults.take("on", switch(&self.on));
        match (schedule, instance, what, rhythm, keep, on) {
            (Some(schedule), Some(instance), Some(what), Some(rhythm), Some(keep), Some(on)) => {
                let Self { revision, price_version, .. } = *self;
                Ok(ScheduleEdit { schedule, revision, instance, what, rhythm, keep, on, price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }

    fn rhythm(&self, faults: &mut Faults) -> Option<Rhythm> {
        let at = || {
            self.at
                .parse::<TimeOfDay>()
                .map_err(|()| format!("“{}” is no time of day. Write it as 03:30, in UTC.", self.at.trim()))
        };
        match self.rhythm.as_str() {
            "hours" => {
                let n = self.hours.trim().parse().ok().filter(|n| HOURS.contains(n));
                let n = n.ok_or_else(|| "Choose every 1, 2, 3, 4, 6, 8 or 12 hours.".to_owned());
                faults.take("hours", n).map(|n| Rhythm::Hours { n })
            }
            "day" => faults.take("at", at()).map(|at| Rhythm::Day { at }),
            "week" => {
                let on = self.weekday.parse::<Weekday>().map_err(|()| "Choose a day of the week.".to_owned());
                let (on, at) = (faults.take("weekday", on), faults.take("at", at()));
                on.zip(at).map(|(on, at)| Rhythm::Week { on, at })
            }
            _ => faults.take("rhythm", Err("Choose how often.".to_owned())),
        }
    }
}

fn known_machine(id: &str) -> Result<InstanceId, String> {
    id.parse().map_err(|_| "This machine is not known. Choose one.".to_owned())
}

fn known_snapshot(id: &str) -> Result<SnapshotId, String> {
    id.parse().map_err(|_| "This snapshot is not known. Open it again.".to_owned())
}

fn which(text: &str) -> Result<Which, String> {
    match text {
        "" => Ok(Which::System),
        text => text.parse().map_err(|()| "Choose which disks.".to_owned()),
    }
}

fn switch(text: &str) -> Result<Switch, String> {
    [Switch::On, Switch::Off]
        .into_iter()
        .find(|switch| switch.word() == text)
        .ok_or_else(|| "Choose on or off.".to_owned())
}

fn keep(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(n) if (1..=KEEP_MAX).contains(&n) => Ok(n),
        Ok(n) => Err(format!("{n} is not possible. A schedule keeps 1 to {KEEP_MAX} snapshots.")),
        Err(_) => Err(format!("“{}” is not a whole number from 1 to {KEEP_MAX}.", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(rhythm: &str) -> ScheduleForm {
        let machine = uuid::Uuid::from_u128(1).to_string();
        ScheduleForm { instance: machine, rhythm: rhythm.to_owned(), ..ScheduleForm::usual() }
    }

    fn wrong(form: ScheduleForm) -> Vec<String> {
        form.parse().expect_err("refused").fields.into_iter().map(|f| f.field).collect()
    }

    #[test]
    fn only_the_fields_of_the_chosen_rhythm_are_looked_at() {
        let words = |form: ScheduleForm| form.parse().expect("valid").rhythm.words();
        assert_eq!(words(ScheduleForm { at: "late".to_owned(), ..form("hours") }), "every 6 hours");
        assert_eq!(words(ScheduleForm { hours: "5".to_owned(), ..form("day") }), "every day at 03:00 UTC");
        assert_eq!(words(form("week")), "every Sunday at 03:00 UTC");
        assert_eq!(wrong(ScheduleForm { hours: "5".to_owned(), ..form("hours") }), ["hours"]);
        assert_eq!(
            wrong(ScheduleForm { at: "24:00".to_owned(), weekday: "x".to_owned(), ..form("week") }),
            ["weekday", "at"]
        );
        assert_eq!(wrong(form("")), ["rhythm"]);
    }

    #[test]
    fn a_schedule_keeps_at_least_one_and_says_its_limit() {
        for keep in ["0", "366", "many", ""] {
            assert_eq!(wrong(ScheduleForm { keep: keep.to_owned(), ..form("day") }), ["keep"], "{keep}");
        }
        assert_eq!(form("day").parse().map(|edit| (edit.keep, edit.what)), Ok((7, Which::All)));
    }

    #[test]
    fn a_snapshot_without_a_choice_is_of_the_system_disk() {
        let form = CreateSnapshotForm {
            instance: uuid::Uuid::from_u128(1).to_string(),
            name: "before".to_owned(),
            ..CreateSnapshotForm::default()
        };
        assert_eq!(form.parse().map(|c| c.what), Ok(Which::System));
        let nothing = CreateSnapshotForm { what: "none".to_owned(), ..CreateSnapshotForm::default() };
        let fields = nothing.parse().expect_err("refused").fields;
        assert_eq!(fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), ["instance", "what", "name"]);
        let service = ServiceForm { turn: "maybe".to_owned(), ..ServiceForm::default() };
        assert_eq!(service.parse().expect_err("refused").fields[0].field, "turn");
    }
}
