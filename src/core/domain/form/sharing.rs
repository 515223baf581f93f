//! The forms of sharing: offering an image to projects with or without what follows, stopping that, and ending a following.

use super::{Faults, known_image};
use crate::domain::error::{Error, Result};
use crate::domain::ids::{ImageId, ProjectId, RegionId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The dialog *Share*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ShareForm {
    /// The image, a UUID.
    pub image: String,
    /// Ids of projects, apart from each other by line ends, spaces or commas.
    pub projects: String,
    /// `yes` when the person confirms that the image holds nothing the recipients must not see (H14).
    pub sure: String,
    /// `yes` when these projects are to get new images of its family too, by themselves.
    pub follow: String,
}

/// Share an image with projects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The image.
    pub image: ImageId,
    /// What was typed, each once, in the order typed.
    pub targets: Vec<String>,
    /// Whether the new images of its family are shared with them too.
    pub follow: bool,
}

impl ShareForm {
    /// The ids that are typed, each once, whatever stands between them.
    pub fn targets(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for word in
            self.projects.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|w| !w.is_empty())
        {
            if !seen.iter().any(|s: &String| s.eq_ignore_ascii_case(word)) {
                seen.push(word.to_owned());
            }
        }
        seen
    }

    /// Parses the form. `n_max` is the most projects at once.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, n_max: u32) -> Result<Share> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let targets = self.targets();
        let n = targets.len();
        let number = match u32::try_from(n) {
            Ok(0) => Err("The id of a project is missing. Put at least one here.".to_owned()),
            Ok(n) if n <= n_max => Ok(()),
            _ => Err(format!(
                "{n} projects are too many at once. Share with at most {n_max}, then with the others."
            )),
        };
        let number = faults.take("projects", number);
        let sure = match self.sure.as_str() {
            "yes" => Ok(()),
            _ => Err("Confirm that the image holds nothing these projects must not see.".to_owned()),
        };
        let sure = faults.take("sure", sure);
        match (image, number, sure) {
            (Some(image), Some(()), Some(())) => Ok(Share { image, targets, follow: self.follow == "yes" }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog *Stop sharing*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StopSharingForm {
    /// The image, a UUID.
    pub image: String,
    /// The recipient's project, a UUID.
    pub project: String,
    /// `now` or `later`.
    pub when: String,
    /// The last day, as `2026-11-28`, where it is `later`.
    pub day: String,
}

/// Stop sharing an image with a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StopSharing {
    /// The image.
    pub image: ImageId,
    /// The recipient.
    pub project: ProjectId,
    /// From when on; `None` for at once.
    pub ends: Option<Timestamp>,
}

impl StopSharingForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<StopSharing> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let project = faults.take("project", known_project(&self.project));
        let ends = match self.when.as_str() {
            "now" => Ok(None),
            "later" => Timestamp::after_day(&self.day)
                .map(Some)
                .ok_or_else(|| "A day is missing. Write it as 2026-11-28.".to_owned()),
            _ => Err("Choose when it ends.".to_owned()),
        };
        let ends = faults.take(if self.when == "later" { "day" } else { "when" }, ends);
        match (image, project, ends) {
            (Some(image), Some(project), Some(ends)) => Ok(StopSharing { image, project, ends }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The button that stops sharing what follows: new images of a family no longer reach a project.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UnfollowForm {
    /// The family's project, a UUID.
    pub owner: String,
    /// The family's region.
    pub region: String,
    /// The family's name.
    pub family: String,
    /// The recipient's project, a UUID.
    pub project: String,
}

/// Stop sharing what follows in a family with a project.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfollow {
    /// The family's project.
    pub owner: ProjectId,
    /// The family's region.
    pub region: RegionId,
    /// The family's name.
    pub family: String,
    /// The recipient.
    pub project: ProjectId,
}

impl UnfollowForm {
    /// Parses the form. Whether there is such a family is seen later.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<Unfollow> {
        let mut faults = Faults::default();
        let owner = faults.take("owner", known_project(&self.owner));
        let project = faults.take("project", known_project(&self.project));
        match (owner, project) {
            (Some(owner), Some(project)) => Ok(Unfollow {
                owner,
                region: self.region.as_str().into(),
                family: self.family.clone(),
                project,
            }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

fn known_project(id: &str) -> Result<ProjectId, String> {
    id.parse().map_err(|_| "This project is not known. Open the image again.".to_owned())
}
