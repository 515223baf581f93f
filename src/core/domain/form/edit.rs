//! The form that changes what an image is called, how it is found, and what machines made from it get (U8, F9, F14).

use super::{Faults, known_image};
use crate::domain::error::{Error, Result};
use crate::domain::ids::ImageId;
use crate::domain::image::BootMode;
use crate::domain::image::tags::{self, Lengths, Tags};
use crate::domain::text::{self, Name};
use serde::{Deserialize, Serialize};

/// Most memory that a limit of an image can name, in MiB: 16 TiB.
pub const MEMORY_MIB_MAX: u64 = 16 * 1024 * 1024;

/// The dialog *Edit image*. What a form does not send at all stays as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EditImageForm {
    /// The image, a UUID.
    pub image: String,
    /// The revision the form was filled from.
    pub revision: u32,
    /// The new name.
    pub name: String,
    /// The new remark.
    pub remark: Option<String>,
    /// The family it belongs to; empty for none.
    pub family: Option<String>,
    /// All its tags: `key` or `key=value`, one per line or with commas.
    pub tags: Option<String>,
    /// Least memory in MiB; empty or 0 for no limit.
    pub min_memory_mib: Option<String>,
    /// Most memory in MiB; empty or 0 for no limit.
    pub max_memory_mib: Option<String>,
    /// `bios` or `uefi`.
    pub boot: Option<String>,
    /// `on` where the network card shall offer several queues, else `off`.
    pub nic_multiqueue: Option<String>,
    /// `on` where the image has the driver of cards that are shared by hardware, else `off`.
    pub sriov: Option<String>,
}

/// Change an image; `None` leaves a part as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EditImage {
    /// The image.
    pub image: ImageId,
    /// The revision the form was filled from.
    pub revision: u32,
    /// The new name.
    pub name: Name,
    /// The new remark.
    pub remark: Option<String>,
    /// The family it belongs to; empty for none.
    pub family: Option<String>,
    /// All its tags.
    pub tags: Option<Tags>,
    /// Least memory in MiB; 0 for no limit.
    pub min_memory_mib: Option<u64>,
    /// Most memory in MiB; 0 for no limit.
    pub max_memory_mib: Option<u64>,
    /// How machines made from it start.
    pub boot: Option<BootMode>,
    /// Whether network cards offer several queues.
    pub nic_multiqueue: Option<bool>,
    /// Whether it has the driver for SR-IOV.
    pub sriov: Option<bool>,
}

impl EditImageForm {
    /// Parses the form. `lengths` is how long the parts of a tag may be.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, lengths: Lengths) -> Result<EditImage> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let name = faults.take("name", Name::parse(&self.name));
        let remark = faults.take("remark", given(self.remark.as_deref(), text::remark));
        let family = faults.take("family", given(self.family.as_deref(), text::family));
        let tags = faults.take("tags", given(self.tags.as_deref(), |text| tags::parse(text, lengths)));
        let least = faults.take("min_memory_mib", given(self.min_memory_mib.as_deref(), memory));
        let most = faults.take("max_memory_mib", given(self.max_memory_mib.as_deref(), memory));
        let most = match (least.flatten(), most.flatten()) {
            (Some(least), Some(most)) if most > 0 && most < least => faults.take(
                "max_memory_mib",
                Err(format!(
                    "{most} MiB is less than the least memory, {least} MiB. Raise it or leave it empty."
                )),
            ),
            _ => Some(most.flatten()),
        };
        let boot = faults.take("boot", given(self.boot.as_deref(), boot));
        let queues = faults.take("nic_multiqueue", given(self.nic_multiqueue.as_deref(), switch));
        let sriov = faults.take("sriov", given(self.sriov.as_deref(), switch));
        match (image, name, remark, family, tags, least, most, boot, queues, sriov) {
            (
                Some(image),
                Some(name),
                Some(remark),
                Some(family),
                Some(tags),
                Some(min_memory_mib),
                Some(max_memory_mib),
                Some(boot),
                Some(nic_multiqueue),
                Some(sriov),
            ) if faults.0.is_empty() => Ok(EditImage {
                image,
                revision: self.revision,
                name,
                remark,
                family,
                tags,
                min_memory_mib,
                max_memory_mib,
                boot,
                nic_multiqueue,
                sriov,
            }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

fn given<T>(text: Option<&str>, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    text.map(parse).transpose()
}

fn memory(text: &str) -> Result<u64, String> {
    match text.trim() {
        "" => Ok(0),
        digits => match digits.parse() {
            Ok(mib) if mib <= MEMORY_MIB_MAX => Ok(mib),
            Ok(mib) => Err(format!("{mib} MiB is too much. A limit has at most {MEMORY_MIB_MAX} MiB.")),
            Err(_) => Err(format!(
                "“{digits}” is not a whole number of MiB, such as 2048. Leave it empty for no limit."
            )),
        },
    }
}

fn boot(text: &str) -> Result<BootMode, String> {
    match text {
        "bios" => Ok(BootMode::Bios),
        "uefi" => Ok(BootMode::Uefi),
        other => Err(format!("“{other}” is no boot mode. Choose bios or uefi.")),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!("“{other}” is neither on nor off. Choose one of them.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> EditImageForm {
        EditImageForm {
            image: uuid::Uuid::from_u128(1).to_string(),
            name: "web".to_owned(),
            ..EditImageForm::default()
        }
    }

    #[test]
    fn what_is_not_sent_stays_as_it_is() {
        let edit = form().parse(Lengths::default()).expect("valid");
        assert_eq!((edit.remark, edit.tags, edit.boot, edit.min_memory_mib), (None, None, None, None));
        let sent = EditImageForm { min_memory_mib: Some(String::new()), tags: Some(String::new()), ..form() };
        let edit = sent.parse(Lengths::default()).expect("valid");
        assert_eq!((edit.min_memory_mib, edit.tags), (Some(0), Some(Tags::new())), "empty is sent");
    }

    #[test]
    fn limits_of_memory_are_numbers_in_order() {
        let limits = |least: &str, most: &str| {
            let sent = EditImageForm {
                min_memory_mib: Some(least.to_owned()),
                max_memory_mib: Some(most.to_owned()),
                ..form()
            };
            sent.parse(Lengths::default()).map_err(|error| error.fields[0].clone())
        };
        assert!(limits("512", "").is_ok() && limits("512", "0").is_ok() && limits("", "512").is_ok());
        let wrong = limits("1024", "512").expect_err("refused");
        assert_eq!(wrong.field, "max_memory_mib");
        assert!(wrong.message.contains("512 MiB") && wrong.message.contains("1024 MiB"));
        assert_eq!(limits("2 GB", "").expect_err("refused").field, "min_memory_mib");
        assert!(limits("99999999", "").expect_err("refused").message.contains("16777216"));
    }
}
