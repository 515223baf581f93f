//! The form that does one thing to many images.

use super::{Faults, known_image};
use crate::domain::error::{Error, Result};
use crate::domain::ids::ImageId;
use crate::domain::image::tags::{self, Lengths, Tags};
use serde::{Deserialize, Serialize};

/// What can be done to many images at once, by the word in forms.
pub const BULK_ACTIONS: [&str; 5] = ["delete", "tag", "untag", "protect", "unprotect"];

/// The dialog that does one thing to the images that were picked. Boxes of one name: a form without any has no such field.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BulkForm {
    /// One of [`BULK_ACTIONS`].
    pub action: String,
    /// The images, UUIDs.
    pub images: Vec<String>,
    /// The tags to add, or the keys of those to take away.
    pub tags: String,
}

/// Do one thing to many images.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bulk {
    /// What is done.
    pub action: BulkAction,
    /// The images, each once, in the order sent.
    pub images: Vec<ImageId>,
}

/// What is done to each image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BulkAction {
    /// Delete it.
    Delete,
    /// Add these tags; one that is there gets the new value.
    Tag(Tags),
    /// Take away the tags with these keys.
    Untag(Vec<String>),
    /// Protect it from deletion.
    Protect,
    /// End that.
    Unprotect,
}

impl BulkForm {
    /// Parses the form. `n_max` is the most images at once, `lengths` how long the parts of a tag may be.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self, n_max: u32, lengths: Lengths) -> Result<Bulk> {
        let mut faults = Faults::default();
        let images = faults.take("images", self.ids(n_max));
        let action = faults.take("action", self.action(lengths));
        let action = match action {
            Some(parsed) => faults.take("tags", parsed),
            None => None,
        };
        match (images, action) {
            (Some(images), Some(action)) => Ok(Bulk { action, images }),
            _ => Err(Error::invalid(faults.0)),
        }
    }

    fn ids(&self, n_max: u32) -> Result<Vec<ImageId>, String> {
        let mut ids = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for id in self.images.iter().filter(|id| !id.is_empty()) {
            let id = known_image(id)?;
            if seen.insert(id) {
                ids.push(id);
            }
        }
        match ids.len() {
            0 => Err("No image is picked. Pick at least one.".to_owned()),
            n if u32::try_from(n).is_ok_and(|n| n <= n_max) => Ok(ids),
            n => Err(format!("{n} images are too many at once. Pick at most {n_max}, then the others.")),
        }
    }

    /// Two layers: what is wrong with the word, and what is wrong with the tags.
    fn action(&self, lengths: Lengths) -> Result<Result<BulkAction, String>, String> {
        Ok(match self.action.as_str() {
            "delete" => Ok(BulkAction::Delete),
            "protect" => Ok(BulkAction::Protect),
            "unprotect" => Ok(BulkAction::Unprotect),
            "tag" => tags::parse(&self.tags, lengths).and_then(|tags| match tags.is_empty() {
                true => Err("A tag is missing. Write it as key or key=value.".to_owned()),
                false => Ok(BulkAction::Tag(tags)),
            }),
            "untag" => tags::parse_keys(&self.tags).and_then(|keys| match keys.is_empty() {
                true => Err("The key of a tag is missing. Write those to take away.".to_owned()),
                false => Ok(BulkAction::Untag(keys)),
            }),
            _ => return Err("Choose what to do with the images.".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(action: &str, n_images: u128, tags: &str) -> BulkForm {
        BulkForm {
            action: action.to_owned(),
            images: (0..n_images).map(|n| uuid::Uuid::from_u128(n).to_string()).collect(),
            tags: tags.to_owned(),
        }
    }

    #[test]
    fn every_action_is_known_and_each_image_counts_once() {
        for action in BULK_ACTIONS {
            assert!(form(action, 2, "env=prod").parse(2, Lengths::default()).is_ok(), "{action}");
        }
        let mut twice = form("delete", 2, "");
        twice.images.push(twice.images[0].clone());
        assert_eq!(twice.parse(2, Lengths::default()).expect("valid").images.len(), 2);
    }

    #[test]
    fn what_is_wrong_stands_at_its_field() {
        let at = |form: BulkForm| {
            form.parse(3, Lengths::default())
                .expect_err("refused")
                .fields
                .into_iter()
                .map(|f| f.field)
                .collect::<Vec<_>>()
        };
        assert_eq!(at(form("delete", 0, "")), ["images"]);
        assert_eq!(at(form("delete", 4, "")), ["images"]);
        assert_eq!(at(form("explode", 1, "")), ["action"]);
        assert_eq!(at(form("tag", 1, "")), ["tags"]);
        assert_eq!(at(form("untag", 1, "a b")), ["tags"]);
    }
}
