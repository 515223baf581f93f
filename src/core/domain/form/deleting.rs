//! The forms of deleting an image and of taking one out of the recycle bin.

use super::{Faults, known_image};
use crate::domain::error::{Error, Result};
use crate::domain::ids::ImageId;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The dialog that deletes an image.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DeleteImageForm {
    /// The image, a UUID.
    pub image: String,
    /// `yes` when all sharing of it shall end with it.
    pub unshare: String,
    /// `now` or `day`; empty is `now`.
    pub when: String,
    /// The last day, as `2026-11-28`, where it is `day`.
    pub day: String,
}

/// Delete an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeleteImage {
    /// The image.
    pub image: ImageId,
    /// Whether all sharing of it ends with it.
    pub unshare: bool,
    /// From when on it is gone; `None` for at once.
    pub leaves: Option<Timestamp>,
}

impl DeleteImageForm {
    /// The form of who deletes an image at once that is shared with nobody.
    pub fn at_once(image: ImageId) -> Self {
        Self { image: image.to_string(), ..Self::default() }
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<DeleteImage> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let leaves = match self.when.as_str() {
            "" | "now" => Ok(None),
            "day" => Timestamp::after_day(&self.day)
                .map(Some)
                .ok_or_else(|| "A day is missing. Write it as 2026-11-28.".to_owned()),
            _ => Err("Choose when it is deleted.".to_owned()),
        };
        let leaves = faults.take(if self.when == "day" { "day" } else { "when" }, leaves);
        match (image, leaves) {
            (Some(image), Some(leaves)) => Ok(DeleteImage { image, unshare: self.unshare == "yes", leaves }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

/// The dialog that takes an image out of the recycle bin.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreImageForm {
    /// The image, a UUID.
    pub image: String,
    /// The name it comes back under; empty for its own.
    pub name: String,
    /// Version of the price book the form showed; 0 where none was shown, as where a deletion is undone at once.
    pub price_version: u32,
}

/// Take an image out of the recycle bin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RestoreImage {
    /// The image.
    pub image: ImageId,
    /// The name it comes back under; `None` for its own.
    pub name: Option<Name>,
    /// Version of the price book the form showed, if it showed one.
    pub price_version: Option<u32>,
}

impl RestoreImageForm {
    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<RestoreImage> {
        let mut faults = Faults::default();
        let image = faults.take("image", known_image(&self.image));
        let name = match self.name.trim() {
            "" => Ok(None),
            name => Name::parse(name).map(Some),
        };
        let name = faults.take("name", name);
        match (image, name) {
            (Some(image), Some(name)) => Ok(RestoreImage {
                image,
                name,
                price_version: Some(self.price_version).filter(|shown| *shown > 0),
            }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageId {
        uuid::Uuid::from_u128(1).into()
    }

    #[test]
    fn an_image_is_deleted_at_once_unless_a_day_is_chosen() {
        let at_once = DeleteImageForm::at_once(image());
        let parsed = at_once.parse().expect("valid");
        assert_eq!(parsed, DeleteImage { image: image(), unshare: false, leaves: None });
        let form = |when: &str, day: &str| DeleteImageForm {
            when: when.to_owned(),
            day: day.to_owned(),
            unshare: "yes".to_owned(),
            ..DeleteImageForm::at_once(image())
        };
        let parsed = form("day", "2026-11-28").parse().expect("valid");
        assert_eq!((parsed.unshare, parsed.leaves), (true, Timestamp::after_day("2026-11-28")));
        for (when, day, field) in [("day", "", "day"), ("day", "x", "day"), ("later", "2026-11-28", "when")] {
            let refused = form(when, day).parse().expect_err("refused");
            assert_eq!(refused.fields[0].field, field, "{when} {day}");
        }
    }

    #[test]
    fn an_image_comes_back_under_its_own_name_unless_another_is_typed() {
        let form = |name: &str| RestoreImageForm {
            image: image().to_string(),
            name: name.to_owned(),
            price_version: 1,
        };
        assert_eq!(form(" ").parse().expect("valid").name, None);
        assert_eq!(
            form("web-2").parse().expect("valid").name.map(|n| n.to_string()),
            Some("web-2".to_owned())
        );
        assert_eq!(form("a/b").parse().expect_err("refused").fields[0].field, "name");
    }
}
