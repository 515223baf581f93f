//! The provider's form that switches features of a region on and off, says on which sites it is (H3) and sets its limits (P14, P15, U18).

use super::Faults;
use crate::domain::error::{Error, Result};
use crate::domain::ids::RegionId;
use crate::domain::region::{RECYCLE_DAYS_MAX, Region, Switch};
use crate::domain::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The largest limit that can be set.
pub(super) const LIMIT_MAX: u32 = 1_000_000;

/// The dialog *Change region*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RegionForm {
    /// The region, such as `north-1`.
    pub region: String,
    /// `on` or `off`: whether images can be made (P15).
    pub images: String,
    /// `on` or `off`: whether images can be copied into it.
    pub accepts_copies: String,
    /// Days that deleted images stay in the recycle bin.
    pub recycle_days: String,
    /// Images of an account that has no limits of its own here.
    pub n_images_max: String,
    /// Its machines.
    pub n_instances_max: String,
    /// Images it makes at the same time, in all its projects together.
    pub n_creates_max: String,
    /// Accepted shares of its images.
    pub n_shares_max: String,
    /// Stored GB of its images.
    pub stored_gb_max: String,
    /// The sites it is on, separated by commas.
    pub sites: String,
    /// `on` or `off`: whether accounts can have the snapshot service.
    pub snapshots: String,
    /// Its snapshots.
    pub n_snapshots_max: String,
    /// What the dialog showed, as [`RegionForm::of`] writes it: what was left as it was is not written over what somebody else changed.
    pub shown: String,
}

/// Change a region; `None` leaves a part as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegionEdit {
    /// The region.
    pub region: RegionId,
    images: Option<Switch>,
    accepts_copies: Option<Switch>,
    recycle_days: Option<u32>,
    n_images_max: Option<u32>,
    n_instances_max: Option<u32>,
    n_creates_max: Option<u32>,
    n_shares_max: Option<u32>,
    stored_gb_max: Option<u32>,
    sites: Option<BTreeSet<String>>,
    snapshots: Option<Switch>,
    n_snapshots_max: Option<u32>,
}

impl RegionForm {
    /// The form filled with what holds now.
    pub fn of(region: &Region) -> Self {
        let mut form = Self {
            region: region.id.to_string(),
            images: region.images.word().to_owned(),
            accepts_copies: region.accepts_copies.word().to_owned(),
            recycle_days: region.recycle_days.to_string(),
            n_images_max: region.limits.n_images_max.to_string(),
            n_instances_max: region.limits.n_instances_max.to_string(),
            n_creates_max: region.limits.n_creates_max.to_string(),
            n_shares_max: region.limits.n_shares_max.to_string(),
            stored_gb_max: region.limits.stored_gb_max.to_string(),
            sites: region.sites.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
            snapshots: region.snapshots.word().to_owned(),
            n_snapshots_max: region.limits.n_snapshots_max.to_string(),
            shown: String::new(),
        };
        form.shown = form.typed().join(",");
        form
    }

    fn typed(&self) -> [&str; 11] {
        [
            &self.images,
            &self.accepts_copies,
            &self.recycle_days,
            &self.n_images_max,
            &self.n_instances_max,
            &self.n_creates_max,
            &self.n_shares_max,
            &self.stored_gb_max,
            &self.sites,
            &self.snapshots,
            &self.n_snapshots_max,
        ]
    }

    /// Whether the part at this place was left as it was shown.
    fn kept(&self, place: usize) -> bool {
        self.shown.split(',').nth(place) == Some(self.typed()[place])
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<RegionEdit> {
        let mut faults = Faults::default();
        let images = faults.take("images", switch(&self.images));
        let accepts_copies = faults.take("accepts_copies", switch(&self.accepts_copies));
        let recycle_days = faults.take("recycle_days", number(&self.recycle_days, RECYCLE_DAYS_MAX));
        let mut limit = |field, text| faults.take(field, number(text, LIMIT_MAX));
        let n_images_max = limit("n_images_max", &self.n_images_max);
        let n_instances_max = limit("n_instances_max", &self.n_instances_max);
        let n_creates_max = limit("n_creates_max", &self.n_creates_max);
        let n_shares_max = limit("n_shares_max", &self.n_shares_max);
        let stored_gb_max = limit("stored_gb_max", &self.stored_gb_max);
        let n_snapshots_max = limit("n_snapshots_max", &self.n_snapshots_max);
        let snapshots = faults.take("snapshots", switch(&self.snapshots));
        let sites = faults.take("sites", text::sites(&self.sites));
        match (
            images,
            accepts_copies,
            recycle_days,
            n_images_max,
            n_instances_max,
            n_creates_max,
            n_shares_max,
            stored_gb_max,
            sites,
            snapshots,
            n_snapshots_max,
        ) {
            (
                Some(images),
                Some(accepts_copies),
                Some(recycle_days),
                Some(n_images_max),
                Some(n_instances_max),
                Some(n_creates_max),
                Some(n_shares_max),
                Some(stored_gb_max),
                Some(sites),
                Some(snapshots),
                Some(n_snapshots_max),
            ) => Ok(RegionEdit {
                region: RegionId(self.region.clone()),
                images: (!self.kept(0)).then_some(images),
                accepts_copies: (!self.kept(1)).then_some(accepts_copies),
                recycle_days: (!self.kept(2)).then_some(recycle_days),
                n_images_max: (!self.kept(3)).then_some(n_images_max),
                n_instances_max: (!self.kept(4)).then_some(n_instances_max),
                n_creates_max: (!self.kept(5)).then_some(n_creates_max),
                n_shares_max: (!self.kept(6)).then_some(n_shares_max),
                stored_gb_max: (!self.kept(7)).then_some(stored_gb_max),
                sites: (!self.kept(8)).then_some(sites),
                snapshots: (!self.kept(9)).then_some(snapshots),
                n_snapshots_max: (!self.kept(10)).then_some(n_snapshots_max),
            }),
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

impl RegionEdit {
    /// Writes the change into a region.
    pub fn apply(&self, region: &mut Region) {
        fn put<T: Copy>(place: &mut T, new: Option<T>) {
            *place = new.unwrap_or(*place);
        }
        put(&mut region.images, self.images);
        put(&mut region.accepts_copies, self.accepts_copies);
        put(&mut region.recycle_days, self.recycle_days);
        put(&mut region.limits.n_images_max, self.n_images_max);
        put(&mut region.limits.n_instances_max, self.n_instances_max);
        put(&mut region.limits.n_creates_max, self.n_creates_max);
        put(&mut region.limits.n_shares_max, self.n_shares_max);
        put(&mut region.limits.stored_gb_max, self.stored_gb_max);
        if let Some(sites) = &self.sites {
            region.sites.clone_from(sites);
        }
        put(&mut region.snapshots, self.snapshots);
        put(&mut region.limits.n_snapshots_max, self.n_snapshots_max);
    }
}

fn switch(word: &str) -> Result<Switch, String> {
    [Switch::On, Switch::Off]
        .into_iter()
        .find(|switch| switch.word() == word)
        .ok_or_else(|| format!("“{word}” is neither on nor off. Choose one of them."))
}

pub(super) fn number(text: &str, most: u32) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(n) if n <= most => Ok(n),
        Ok(n) => Err(format!("{n} is too much. It is {most} at most.")),
        Err(_) => Err(format!("“{}” is not a whole number from 0 to {most}.", text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> RegionForm {
        let three = || "3".to_owned();
        RegionForm {
            region: "north-1".to_owned(),
            images: "on".to_owned(),
            accepts_copies: "off".to_owned(),
            recycle_days: "0".to_owned(),
            n_images_max: three(),
            n_instances_max: three(),
            n_creates_max: three(),
            n_shares_max: three(),
            stored_gb_max: three(),
            sites: "main asia".to_owned(),
            snapshots: "on".to_owned(),
            n_snapshots_max: three(),
            shown: "on,on,0,3,3,3,3,3,main,on,3".to_owned(),
        }
    }

    #[test]
    fn only_what_was_changed_in_the_dialog_is_written() {
        let edit = form().parse().expect("valid");
        assert_eq!((edit.images, edit.accepts_copies, edit.n_images_max), (None, Some(Switch::Off), None));
        let unknown = RegionForm { shown: String::new(), ..form() }.parse().expect("valid");
        assert_eq!(edit.sites, Some(text::sites("asia, main").expect("valid")));
        assert_eq!((unknown.images, unknown.recycle_days), (Some(Switch::On), Some(0)));
    }

    #[test]
    fn what_is_wrong_stands_at_its_field_with_its_limit() {
        assert!(form().parse().is_ok());
        let wrong = RegionForm {
            images: "maybe".to_owned(),
            recycle_days: "4000".to_owned(),
            n_shares_max: "-1".to_owned(),
            sites: "main, Asia!".to_owned(),
            ..form()
        };
        let fields = wrong.parse().expect_err("refused").fields;
        assert_eq!(
            fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
            ["images", "recycle_days", "n_shares_max", "sites"]
        );
        assert!(fields[1].message.contains("4000") && fields[1].message.contains("3650"), "{fields:?}");
    }
}
