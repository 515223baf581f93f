//! What pages about sharing receive.

use crate::domain::error::Reason;
use crate::domain::ids::{ImageId, ProjectId, RegionId};
use crate::domain::image::life::Stage;
use crate::domain::image::tags::Tags;
use crate::domain::price::Estimate;
use crate::domain::share::State;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What would become of one line of the dialog *Share*.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The project will be asked.
    Asked,
    /// Nothing changes: it is shared with this project already.
    Kept,
    /// The line has to be changed; nothing is shared until then.
    Wrong,
}

/// One line of the dialog *Share*, judged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareLine {
    /// As it was typed.
    pub typed: String,
    /// What becomes of it.
    pub verdict: Verdict,
    /// That in words.
    pub text: String,
}

/// The dialog *Share*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareOptions {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// Where it can be used.
    pub region: RegionId,
    /// Projects that have accepted it.
    pub n_accepted: u32,
    /// Projects that may have accepted it at most.
    pub n_accepted_max: u32,
    /// Accepted shares of all images of the account in the region (H5).
    pub n_account: u32,
    /// How many of these there may be.
    pub n_account_max: u32,
    /// Projects per request.
    pub n_targets_max: u32,
    /// What would become of what is typed; empty while nothing is.
    pub lines: Vec<ShareLine>,
    /// The family it is in, whose new images can be shared with it; `None` when it is in none.
    pub family: Option<String>,
    /// Why it cannot be shared; `None` when it can.
    pub blocked: Option<Reason>,
}

/// A project an image is shared with, as the owner sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShareRow {
    /// The project.
    pub project: ProjectId,
    /// Its name, once it has accepted or when it is the owner's own.
    pub name: Option<Name>,
    /// What it decided.
    pub state: State,
    /// Since when it is offered.
    pub since: Timestamp,
    /// When it ends.
    pub ends: Option<Timestamp>,
}

/// A project that gets the new images of a family, as the owner sees it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FollowerRow {
    /// The project.
    pub project: ProjectId,
    /// Its name, once it has accepted an image of the family or when it is the owner's own.
    pub name: Option<Name>,
    /// What it said to the family: accepted ones have new images at once, waiting ones are asked, rejected ones are not.
    pub state: State,
    /// Since when new images reach it.
    pub since: Timestamp,
}

/// With whom what follows in a family is shared.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FamilySharing {
    /// The family's name.
    pub name: String,
    /// The family's project.
    pub project: ProjectId,
    /// Who gets its new images, in the order they were added; empty when nobody does.
    pub followers: Vec<FollowerRow>,
}

/// The page *Sharing* of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImageSharing {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// Where it can be used.
    pub region: RegionId,
    /// All shares: accepted first, then waiting, then rejected; each by date.
    pub rows: Vec<ShareRow>,
    /// The family it is in; `None` when it is in none.
    pub family: Option<FamilySharing>,
    /// Projects that may have accepted it at most.
    pub n_accepted_max: u32,
    /// Why it cannot be shared; `None` when it can.
    pub blocked: Option<Reason>,
    /// Whether the user may share it.
    pub may_share: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// The dialog *Stop sharing*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StopOptions {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// The share.
    pub share: ShareRow,
    /// The family whose new images go on reaching this project, also when this one ends.
    pub follows: Option<String>,
    /// The first day that recipients can be left until, as `2026-11-21`.
    pub first_day: String,
    /// The day that is proposed.
    pub day: String,
    /// Whether it may end at once.
    pub at_once: bool,
}

/// The days that recipients of an image can be left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grace {
    /// The first one possible, as `2026-11-21`.
    pub first_day: String,
    /// The one that is proposed.
    pub day: String,
}

/// What deleting a shared image asks of its owner: *Unshare all and delete*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unsharing {
    /// Why it is not deleted without that.
    pub reason: Reason,
    /// Projects that have it.
    pub n_accepted: u32,
    /// Projects that are asked and have not answered.
    pub n_waiting: u32,
    /// The days that can be left to those who have it.
    pub grace: Grace,
    /// Whether it may be deleted at once.
    pub at_once: bool,
}

/// An image that somebody shares with the project in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReceivedRow {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: Name,
    /// The system inside, in words; empty when unknown.
    pub os: String,
    /// Its owner's tags.
    pub tags: Tags,
    /// Where it is.
    pub region: RegionId,
    /// Whether machines can be made from it now: data disks and disabled images make none.
    pub deploys: bool,
    /// The project that shares it.
    pub from: Name,
    /// That project's id.
    pub from_id: ProjectId,
    /// Stored bytes.
    pub stored_bytes: u64,
    /// Since when it is offered.
    pub since: Timestamp,
    /// What was decided.
    pub state: State,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// The family whose new images are shared with the project too; `None` when only this one is.
    pub follows: Option<String>,
    /// How it is saved with one click, where it ends and can be.
    pub save: Option<Saving>,
}

/// *Save as my own* as one click: the copy as it would be made (D6).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Saving {
    /// How far the image, and so the copy, may be used.
    pub stage: Stage,
    /// A name that is free.
    pub name: String,
    /// What the copy costs.
    pub estimate: Estimate,
    /// The currency's symbol.
    pub symbol: String,
    /// Version of the price book that says so.
    pub price_version: u32,
}

/// The page *Shared with me*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Received {
    /// Shares that wait for a decision, oldest first.
    pub waiting: Vec<ReceivedRow>,
    /// Accepted ones by name, then rejected ones.
    pub decided: Vec<ReceivedRow>,
    /// The project's name.
    pub project: Name,
    /// That project.
    pub project_id: ProjectId,
    /// The region.
    pub region: RegionId,
    /// Whether the user may decide.
    pub may_decide: bool,
    /// The time on the server.
    pub now: Timestamp,
}

/// What a recipient is told on the page of an image.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedBy {
    /// The project that shares it.
    pub from: Name,
    /// That project's id.
    pub from_id: ProjectId,
    /// Since when.
    pub since: Timestamp,
    /// When it ends.
    pub ends: Option<Timestamp>,
}
