//! What a person may do to an image in each of its states, apart from who the person is: that is the policy's.

use super::{Image, Status, Visibility};
use crate::domain::error::Reason;

/// What a person may do to an image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Make a machine from it.
    Deploy,
    /// Make a new disk of a machine from it.
    MakeDisk,
    /// Copy it to a project or region.
    Copy,
    /// Change its name or remark.
    Edit,
    /// Remove it.
    Delete,
    /// Try to make it again.
    Retry,
    /// Stop making it.
    Cancel,
    /// Share it with other projects.
    Share,
    /// Deprecate it, disable it, or make it active again.
    Stage,
    /// Take it out of the recycle bin.
    Restore,
    /// Remove it from the recycle bin for good.
    Purge,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 11] = [
        Self::Deploy,
        Self::MakeDisk,
        Self::Copy,
        Self::Edit,
        Self::Delete,
        Self::Retry,
        Self::Cancel,
        Self::Share,
        Self::Stage,
        Self::Restore,
        Self::Purge,
    ];
}

impl Image {
    /// Whether `action` is possible in the image's present state (not: whether somebody may).
    ///
    /// # Errors
    /// The rule, the current value and the way out.
    pub fn can(&self, action: Action) -> Result<(), Reason> {
        use Status::{Available, Creating, Deleting, Error, Recycled};
        let now = format!("It is {} now.", self.status.word());
        let refuse =
            |code: &str, rule: &str, way_out: &str| Err(Reason::new(code, rule, now.clone(), way_out));
        match (action, self.status) {
            (Action::Restore | Action::Purge, Recycled) => Ok(()),
            (Action::Delete, Recycled) => refuse(
                "image_recycled",
                "It is in the recycle bin already.",
                "Restore it, or remove it for good there.",
            ),
            (_, Recycled) => refuse(
                "image_recycled",
                "A deleted image cannot be used or changed.",
                "Restore it from the recycle bin first.",
            ),
            (Action::Purge | Action::Delete, Deleting) => refuse(
                "image_deleting",
                "It is being deleted already.",
                "There is nothing to do; it goes by itself.",
            ),
            (Action::Restore, Deleting) => refuse(
                "image_deleting",
                "An image that is being removed for good cannot be restored.",
                "Make a new image of the machine, or use a copy.",
            ),
            (Action::Restore | Action::Purge, Creating | Available | Error) => refuse(
                "image_not_recycled",
                "This is only for images in the recycle bin.",
                "Delete it first, if that is what you want.",
            ),
            (Action::Share, _) if self.visibility == Visibility::Public => Err(Reason::new(
                "image_public",
                "A public image is everybody's already.",
                "It is public.",
                "There is nothing to do: every project can deploy it.",
            )),
            (Action::Deploy, Available) => self.makes_machines().and_then(|()| self.stage_deploys()),
            (Action::MakeDisk, Available) => self.makes_disks().and_then(|()| self.stage_deploys()),
            (Action::Share, Available) => self.stage_spreads().and_then(|()| self.leaving()),
            (Action::Copy, Available) => self.stage_spreads(),
            (Action::Stage, Available)
            | (Action::Edit, Creating | Available | Error)
            | (Action::Retry, Error)
            | (Action::Cancel, Creating) => Ok(()),
            (Action::Delete, Available | Error) if self.protected => Err(Reason::new(
                "image_protected",
                "A protected image cannot be deleted.",
                "Protection is on.",
                "Turn protection off first.",
            )),
            (Action::Delete, Available | Error) => Ok(()),
            (Action::Deploy | Action::MakeDisk, Creating) => refuse(
                "image_not_available",
                "Only an available image can be deployed.",
                "Wait until it is available.",
            ),
            (Action::Deploy | Action::MakeDisk, Error) => {
                refuse("image_not_available", "Only an available image can be deployed.", "Retry making it.")
            }
            (Action::Deploy | Action::MakeDisk, Deleting) => refuse(
                "image_not_available",
                "Only an available image can be deployed.",
                "Choose another image.",
            ),
            (Action::Stage, Creating | Error | Deleting) => refuse(
                "image_not_available",
                "Only an available image can be deprecated or disabled.",
                self.becoming_available(),
            ),
            (Action::Share, Creating | Error | Deleting) => refuse(
                "image_not_available",
                "Only an available image can be shared.",
                self.becoming_available(),
            ),
            (Action::Copy, Creating) => refuse(
                "image_not_available",
                "Only an available image can be copied.",
                "Wait until it is available.",
            ),
            (Action::Copy, Error) => {
                refuse("image_not_available", "Only an available image can be copied.", "Retry making it.")
            }
            (Action::Copy, Deleting) => refuse(
                "image_not_available",
                "Only an available image can be copied.",
                "Choose another image.",
            ),
            (Action::Edit, Deleting) => refuse(
                "image_deleting",
                "An image that is being deleted cannot be changed.",
                "Choose another image.",
            ),
            (Action::Delete, Creating) => refuse(
                "image_creating",
                "An image that is being made cannot be deleted.",
                "Cancel making it instead.",
            ),
            (Action::Retry, Creating | Available | Deleting) => refuse(
                "image_not_failed",
                "Only a failed image can be retried.",
                "Reload the page to see how it is now.",
            ),
            (Action::Cancel, Available | Error | Deleting) => refuse(
                "image_not_creating",
                "Only an image that is being made can be cancelled.",
                "Delete it, if you do not want it.",
            ),
        }
    }

    /// What to do about an image that is not available yet or any more.
    const fn becoming_available(&self) -> &'static str {
        match self.status {
            Status::Creating | Status::Available => "Wait until it is available.",
            Status::Error => "Retry making it.",
            Status::Recycled | Status::Deleting => "Choose another image.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::*;

    #[test]
    fn every_refusal_says_what_is_now_and_what_to_do() {
        for (status, protected, visibility) in Status::ALL
            .into_iter()
            .flat_map(|s| [false, true].map(|p| (s, p)))
            .flat_map(|(s, p)| [Visibility::Private, Visibility::Public].map(|v| (s, p, v)))
        {
            let image = Image { protected, visibility, ..image(status) };
            for reason in Action::ALL.into_iter().filter_map(|action| image.can(action).err()) {
                assert!(!reason.now.is_empty() && !reason.way_out.is_empty(), "{status:?}: {reason:?}");
            }
        }
    }

    #[test]
    fn the_table_of_states_and_actions_is_as_agreed() {
        let mut table = String::new();
        for status in Status::ALL {
            for action in Action::ALL {
                let verdict = match image(status).can(action) {
                    Ok(()) => "yes".to_owned(),
                    Err(r) => format!("no: {}", r.sentence()),
                };
                table += &format!("{:<10} {:<8} {verdict}\n", status.word(), format!("{action:?}"));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn a_protected_image_is_not_deleted() {
        let mut i = image(Status::Available);
        i.protected = true;
        assert_eq!(i.can(Action::Delete).expect_err("protected").code, "image_protected");
    }
}
