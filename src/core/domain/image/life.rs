//! The life of an available image: active, deprecated or disabled, what becomes of it by itself and when, and what a family resolves to
//! (A8, A5-8, A5-9).

use super::{Image, Status};
use crate::domain::error::Reason;
use crate::domain::ids::ImageId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How far an available image may still be used (A5-8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// For everything.
    #[default]
    Active,
    /// Still deployable, with a warning; neither shared nor copied any more, and out of its family.
    Deprecated,
    /// Not deployable; who has a share of it keeps that.
    Disabled,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 3] = [Self::Active, Self::Deprecated, Self::Disabled];

    /// The word people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Deprecated => "Deprecated",
            Self::Disabled => "Disabled",
        }
    }

    /// The word in forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Disabled => "disabled",
        }
    }
}

impl std::str::FromStr for Stage {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|stage| stage.slug() == text).ok_or(())
    }
}

/// A change of stage at a moment to come, which a reconciler acts on (A5-9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What it becomes.
    pub stage: Stage,
    /// When.
    pub at: Timestamp,
}

/// Where an image stands in its life.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Life {
    /// How far it may be used.
    pub stage: Stage,
    /// What becomes of it by itself.
    pub plan: Option<Plan>,
    /// What to use instead.
    pub replacement: Option<ImageId>,
}

impl Image {
    /// Whether its stage lets it be deployed.
    ///
    /// # Errors
    /// `image_disabled`.
    pub fn stage_deploys(&self) -> Result<(), Reason> {
        match self.life.stage {
            Stage::Active | Stage::Deprecated => Ok(()),
            Stage::Disabled => Err(Reason::new(
                "image_disabled",
                "A disabled image cannot be deployed.",
                "It is disabled now.",
                "Choose another image, or have its owner make it active again.",
            )),
        }
    }

    /// Whether its stage lets it be passed on: shared or copied.
    ///
    /// # Errors
    /// `image_deprecated`; `image_disabled`.
    pub fn stage_spreads(&self) -> Result<(), Reason> {
        let (code, rule) = match self.life.stage {
            Stage::Active => return Ok(()),
            Stage::Deprecated => ("image_deprecated", "A deprecated image is neither shared nor copied."),
            Stage::Disabled => ("image_disabled", "A disabled image is neither shared nor copied."),
        };
        let now = format!("It is {} now.", self.life.stage.word().to_lowercase());
        Err(Reason::new(code, rule, now, "Make it active again first."))
    }

    /// Whether it stands for its family: available, active, not hidden, and something that machines are made from.
    fn leads(&self, family: &str) -> bool {
        !family.is_empty()
            && self.family == family
            && self.status == Status::Available
            && self.life.stage == Stage::Active
            && !self.hidden
            && self.makes_machines().is_ok()
    }
}

/// The image a family stands for: the newest that is available and active, by the moment it was asked for, then by id, so that there is
/// never a tie (A8).
pub fn newest<'a>(images: impl IntoIterator<Item = &'a Image>, family: &str) -> Option<&'a Image> {
    images.into_iter().filter(|image| image.leads(family)).max_by_key(|image| (image.created, image.id))
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn member(number: u128, created: i64, stage: Stage) -> Image {
        let mut image = image(Status::Available);
        image.id = Uuid::from_u128(number).into();
        image.created = Timestamp(created);
        image.family = "web".to_owned();
        image.life.stage = stage;
        image
    }

    #[test]
    fn deprecating_the_newest_rolls_back_and_restoring_it_rolls_forward() {
        let mut images = vec![member(1, 10, Stage::Active), member(2, 20, Stage::Active)];
        let leader = |images: &[Image]| newest(images, "web").map(|image| image.id.0.as_u128());
        assert_eq!(leader(&images), Some(2));
        images[1].life.stage = Stage::Deprecated;
        assert_eq!(leader(&images), Some(1));
        images[1].life.stage = Stage::Active;
        assert_eq!(leader(&images), Some(2));
        images[0].created = Timestamp(20);
        assert_eq!(leader(&images), Some(2), "the id breaks the tie");
        assert_eq!(newest(&images, "").map(|image| image.id), None, "no family is no family");
    }

    proptest! {
        #[test]
        fn a_family_resolves_to_its_newest_active_image_in_whatever_order(
            members in proptest::collection::vec((0i64..5, proptest::sample::select(Stage::ALL.to_vec())), 0..12),
            seed in any::<usize>(),
        ) {
            let mut images: Vec<Image> =
                (1u128..).zip(&members).map(|(number, (created, stage))| member(number, *created, *stage)).collect();
            let expected = images
                .iter()
                .filter(|i| i.life.stage == Stage::Active)
                .map(|i| (i.created, i.id))
                .max()
                .map(|(_, id)| id);
            if !images.is_empty() {
                let by = seed % images.len();
                images.rotate_left(by);
            }
            prop_assert_eq!(newest(&images, "web").map(|image| image.id), expected);
        }
    }
}
