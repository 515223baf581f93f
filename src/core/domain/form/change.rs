//! The dialog *Change image* of a machine.

use super::deploy::gib;
use super::{Faults, ImageChoice};
use crate::domain::ids::InstanceId;
use crate::domain::{Error, Result};
use serde::{Deserialize, Serialize};

/// The dialog as it was filled in.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ChangeImageForm {
    /// The machine, a UUID.
    pub instance: String,
    /// The image, a UUID; or `family:` and the name of a family, for its newest image.
    pub image: String,
    /// The size of the new system disk in GiB; empty for that of the old one.
    pub disk_gib: String,
    /// `yes`: everything on the system disk may go.
    pub sure: String,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

/// Replace the system of a machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeImage {
    /// The machine.
    pub instance: InstanceId,
    /// The image.
    pub image: ImageChoice,
    /// The size of the new system disk in bytes; `None` for that of the old one.
    pub disk_bytes: Option<u64>,
    /// Version of the price book the dialog showed.
    pub price_version: u32,
}

impl ChangeImageForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<ChangeImage> {
        let mut faults = Faults::default();
        let instance = faults.take(
            "instance",
            self.instance.parse().map_err(|_| "This machine is not known. Open it again.".to_owned()),
        );
        let image = faults
            .take("image", self.image.parse().map_err(|()| "An image is missing. Choose one.".to_owned()));
        let disk_bytes = match self.disk_gib.trim() {
            "" => Ok(None),
            size => gib(size).map(Some),
        };
        let disk_bytes = faults.take("disk_gib", disk_bytes);
        let sure = match self.sure.as_str() {
            "yes" => Ok(()),
            _ => Err("Say that everything on the system disk may be lost.".to_owned()),
        };
        match (instance, image, disk_bytes, faults.take("sure", sure)) {
            (Some(instance), Some(image), Some(disk_bytes), Some(())) => {
                Ok(ChangeImage { instance, image, disk_bytes, price_version: self.price_version })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::size::GIB;

    fn form() -> ChangeImageForm {
        ChangeImageForm {
            instance: "00000000-0000-0000-0000-000000000001".to_owned(),
            image: "family:web".to_owned(),
            disk_gib: String::new(),
            sure: "yes".to_owned(),
            price_version: 3,
        }
    }

    #[test]
    fn an_empty_size_keeps_that_of_the_old_disk() {
        let parsed = form().parse().expect("valid");
        assert_eq!((parsed.disk_bytes, &parsed.image), (None, &ImageChoice::Family("web".to_owned())));
        let larger = ChangeImageForm { disk_gib: "4".to_owned(), ..form() }.parse().expect("valid");
        assert_eq!(larger.disk_bytes, Some(4 * GIB));
    }

    #[test]
    fn nothing_is_replaced_without_being_sure() {
        let refused = ChangeImageForm { sure: String::new(), image: String::new(), ..form() }.parse();
        let fields: Vec<String> = refused.expect_err("refused").fields.into_iter().map(|f| f.field).collect();
        assert_eq!(fields, ["image", "sure"]);
    }
}
