//! The forms of scaling groups.

use super::deploy::{gib, kind, slug};
use super::{Faults, ImageChoice};
use crate::domain::disk::DiskKind;
use crate::domain::group::{Group, NAME_CHARS_MAX};
use crate::domain::ids::{FlavorId, GroupId, ProjectId, RegionId, ZoneId};
use crate::domain::size::GIB;
use crate::domain::text::{self, Name};
use crate::domain::{Error, Result};
use serde::{Deserialize, Serialize};

/// The page *New scaling group*, and the dialog that changes one: there `group` and `revision` say which, and its zone stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupForm {
    /// The group to change, a UUID; empty for a new one.
    pub group: String,
    /// Its revision as the dialog showed it.
    pub revision: u32,
    /// The project of a new one, a UUID.
    pub project: String,
    /// The region of a new one.
    pub region: String,
    /// The group's name.
    pub name: String,
    /// How many machines there shall be.
    pub wanted: String,
    /// The image, a UUID; or `family:` and the name of a family, for its newest image.
    pub image: String,
    /// The instance type's slug.
    pub flavor: String,
    /// The zone's slug, of a new one.
    pub zone: String,
    /// The system disk's kind.
    pub disk_kind: String,
    /// The system disk's size in GiB.
    pub disk_gib: String,
    /// SSH public keys, one per line.
    pub ssh_keys: String,
    /// Cloud-init user data.
    pub user_data: String,
    /// Version of the price book the page showed.
    pub price_version: u32,
}

/// What the machines of a group shall be from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupEdit {
    /// The group's name.
    pub name: Name,
    /// How many.
    pub wanted: u32,
    /// What new ones are made from.
    pub image: ImageChoice,
    /// The type of new ones.
    pub flavor: FlavorId,
    /// The kind of their system disk.
    pub disk_kind: DiskKind,
    /// Its size in bytes.
    pub disk_bytes: u64,
    /// SSH public keys for new ones.
    pub ssh_keys: Vec<String>,
    /// Cloud-init user data for new ones.
    pub user_data: String,
    /// Version of the price book the page showed.
    pub price_version: u32,
}

/// Where a new group is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupNew {
    /// The project.
    pub project: ProjectId,
    /// The region.
    pub region: RegionId,
    /// The zone.
    pub zone: ZoneId,
}

impl GroupForm {
    /// Parses the form of a new group. `size_max` is the most machines that a group may have.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse_new(&self, size_max: u32) -> Result<(GroupNew, GroupEdit)> {
        let mut faults = Faults::default();
        let project = faults.take(
            "project",
            self.project.parse().map_err(|_| "This project is not known. Open the page again.".to_owned()),
        );
        let zone = faults.take("zone", slug(&self.zone, "A zone is missing. Choose one."));
        let edit = self.machines(&mut faults, size_max);
        match (project, zone, edit) {
            (Some(project), Some(zone), Some(edit)) => {
                let region = RegionId(self.region.clone());
                Ok((GroupNew { project, region, zone: ZoneId(zone) }, edit))
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }

    /// Parses the form that changes a group. `size_max` is the most machines that a group may have.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse_edit(&self, size_max: u32) -> Result<(GroupId, GroupEdit)> {
        let mut faults = Faults::default();
        let group = faults.take(
            "group",
            self.group.parse().map_err(|_| "This group is not known. Open it again.".to_owned()),
        );
        match (group, self.machines(&mut faults, size_max)) {
            (Some(group), Some(edit)) => Ok((group, edit)),
            _ => Err(Error::invalid(faults.0)),
        }
    }

    /// What the fields say by themselves, whatever group they are for and however large it may be: for messages as one types.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn judged(&self) -> Result<GroupEdit> {
        let mut faults = Faults::default();
        let edit = self.machines(&mut faults, u32::MAX);
        edit.ok_or_else(|| Error::invalid(faults.0))
    }

    /// The form that changes this group, as it is now.
    pub fn of(group: &Group) -> Self {
        Self {
            group: group.id.to_string(),
            revision: group.revision,
            project: group.project.to_string(),
            region: group.region.to_string(),
            name: group.name.to_string(),
            wanted: group.wanted.to_string(),
            image: group.image.to_string(),
            flavor: group.flavor.to_string(),
            zone: group.zone.to_string(),
            disk_kind: group.disk_kind.to_string(),
            disk_gib: group.disk_bytes.div_ceil(GIB).to_string(),
            ssh_keys: group.ssh_keys.join("\n"),
            user_data: group.user_data.clone(),
            price_version: 0,
        }
    }

    fn machines(&self, faults: &mut Faults, size_max: u32) -> Option<GroupEdit> {
        let name = faults.take("name", name(&self.name));
        let wanted = faults.take("wanted", wanted(&self.wanted, size_max));
        let image = faults
            .take("image", self.image.parse().map_err(|()| "An image is missing. Choose one.".to_owned()));
        let flavor = faults.take("flavor", slug(&self.flavor, "An instance type is missing. Choose one."));
        let disk_kind = faults.take("disk_kind", kind(&self.disk_kind));
        let disk_bytes = faults.take("disk_gib", gib(&self.disk_gib));
        let ssh_keys = faults.take("ssh_keys", text::ssh_keys(&self.ssh_keys));
        let user_data = faults.take("user_data", text::user_data(&self.user_data));
        Some(GroupEdit {
            name: name?,
            wanted: wanted?,
            image: image?,
            flavor: FlavorId(flavor?),
            disk_kind: disk_kind?,
            disk_bytes: disk_bytes?,
            ssh_keys: ssh_keys?,
            user_data: user_data?,
            price_version: self.price_version,
        })
    }

    /// The kind and size of the system disk as far as they can be read: for the price before the click.
    pub fn disk_so_far(&self) -> Option<(DiskKind, u64)> {
        Some((kind(&self.disk_kind).ok()?, gib(&self.disk_gib).ok()?))
    }
}

fn name(text: &str) -> Result<Name, String> {
    let name = Name::parse(text)?;
    match text.chars().count() {
        n if n > NAME_CHARS_MAX => Err(format!(
            "Too long: {n} characters. A group has at most {NAME_CHARS_MAX}, because the names of its machines are longer."
        )),
        _ => Ok(name),
    }
}

/// How many machines, as somebody typed it.
///
/// # Errors
/// A sentence with the most there may be.
pub fn wanted(text: &str, size_max: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(n) if n <= size_max => Ok(n),
        Ok(n) => Err(format!(
            "{n} machines are too many. A group has 0 to {size_max}; make another group for more."
        )),
        Err(_) => Err(format!("A whole number is missing. A group has 0 to {size_max} machines.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> GroupForm {
        GroupForm {
            project: "00000000-0000-0000-0000-000000000001".to_owned(),
            region: "north-1".to_owned(),
            name: "web".to_owned(),
            wanted: "3".to_owned(),
            image: "family:web".to_owned(),
            flavor: "m1.tiny".to_owned(),
            zone: "a".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "1".to_owned(),
            price_version: 1,
            ..GroupForm::default()
        }
    }

    #[test]
    fn every_fault_of_a_new_group_is_told_at_its_field_at_once() {
        form().parse_new(20).expect("valid");
        let wrong = GroupForm {
            name: "x".repeat(101),
            wanted: "21".to_owned(),
            image: String::new(),
            zone: String::new(),
            ..form()
        };
        let refused = wrong.parse_new(20).expect_err("refused");
        let fields: Vec<&str> = refused.fields.iter().map(|f| f.field.as_str()).collect();
        assert_eq!(fields, ["zone", "name", "wanted", "image"]);
        assert!(refused.message.contains("21 machines are too many. A group has 0 to 20"), "{refused}");
    }

    #[test]
    fn a_change_says_of_which_group_it_is() {
        let refused = form().parse_edit(20).expect_err("refused");
        assert_eq!(refused.fields[0].field, "group");
        let edit = GroupForm { group: form().project, wanted: " 0 ".to_owned(), ..form() };
        assert_eq!(edit.parse_edit(20).expect("valid").1.wanted, 0);
    }
}
