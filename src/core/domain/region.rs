//! Regions: a location with its own storage, prices, limits and switches.

use super::error::Reason;
use super::ids::{RegionId, ZoneId};
use super::price::PriceBook;
use super::text::counted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The site of everything that names no other.
pub const SITE: &str = "main";

/// Most days that deleted images can stay in a recycle bin.
pub const RECYCLE_DAYS_MAX: u32 = 3650;

/// A region as the operator set it up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Region {
    /// Its slug, such as `north-1`.
    pub id: RegionId,
    /// Zones inside it.
    pub zones: Vec<ZoneId>,
    /// Whether the image feature is on (P15).
    pub images: Switch,
    /// Whether images can be copied into it.
    pub accepts_copies: Switch,
    /// The sites it is on (H3).
    pub sites: BTreeSet<String>,
    /// Whether accounts can have the snapshot service, and with it snapshots and machine images (U4).
    pub snapshots: Switch,
    /// Days that deleted images stay in the recycle bin; 0 removes them for good at once.
    pub recycle_days: u32,
    /// Prices in force.
    pub prices: PriceBook,
    /// Limits that hold for an account that has none of its own here.
    pub limits: super::quota::Limits,
}

impl Region {
    /// What is said while the image feature is off here (P15).
    pub fn images_off(&self) -> Reason {
        Reason::new(
            "image_feature_off",
            format!("Image feature is not enabled in {}.", self.id),
            "",
            "Ask your provider to enable it, or use another region.",
        )
    }

    /// Whether an account of the site `own` can share an image here with one of the site `other` (H3): inside a site always, across sites
    /// where the region is on both.
    ///
    /// # Errors
    /// The rule, the sites and the way out.
    pub fn shares_across(&self, own: &str, other: &str) -> Result<(), Reason> {
        if own == other || [own, other].iter().all(|site| self.sites.contains(*site)) {
            return Ok(());
        }
        Err(Reason::new(
            "share_across_sites",
            "With another site an image is shared only in a region that is on both.",
            format!(
                "This project is on the site {other}, your account is on {own}, and {} is on {}.",
                self.id,
                self.site_names()
            ),
            format!("Copy the image to a region that is on both {own} and {other}, and share the copy."),
        ))
    }

    /// Its sites, separated by commas; `no site` when there is none.
    pub fn site_names(&self) -> String {
        match self.sites.is_empty() {
            true => "no site".to_owned(),
            false => self.sites.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        }
    }

    /// What is said while the provider does not offer the snapshot service here.
    pub fn snapshots_off(&self) -> Reason {
        Reason::new(
            "snapshot_feature_off",
            format!("The snapshot service is not offered in {}.", self.id),
            "",
            "Ask your provider to enable it, or use another region.",
        )
    }

    /// What is different from how the region was `before`, in a sentence; empty when nothing is.
    pub fn changes_since(&self, before: &Self) -> String {
        let zones = |region: &Self| region.zones.iter().map(ZoneId::as_str).collect::<Vec<_>>().join(", ");
        let mut changes = Vec::new();
        if self.zones != before.zones {
            changes.push(format!("zones from {} to {}", zones(before), zones(self)));
        }
        if self.images != before.images {
            changes.push(format!("image feature {}", self.images.word()));
        }
        if self.accepts_copies != before.accepts_copies {
            changes.push(format!("copies of images {}", self.accepts_copies.word()));
        }
        if self.sites != before.sites {
            changes.push(format!("sites from {} to {}", before.site_names(), self.site_names()));
        }
        if self.snapshots != before.snapshots {
            changes.push(format!("snapshot service {}", self.snapshots.word()));
        }
        if self.recycle_days != before.recycle_days {
            let days = |region: &Self| counted(region.recycle_days, "day");
            changes.push(format!("time in the recycle bin from {} to {}", days(before), days(self)));
        }
        changes.extend(self.limits.changes_since(&before.limits));
        let prices = self.prices.changes_since(&before.prices);
        if !prices.is_empty() {
            changes.push(format!("prices (version {}): {}", self.prices.version, prices.join(", ")));
        }
        if changes.is_empty() { String::new() } else { format!("Changed {}.", changes.join("; ")) }
    }
}

impl Switch {
    /// `on` or `off`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

/// Whether a feature is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}
