//! Regions: a location with its own storage, prices, limits and switches.

use super::ids::{RegionId, ZoneId};
use super::price::PriceBook;
use serde::{Deserialize, Serialize};

/// A region as the operator set it up.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Region {
    /// Its slug, such as `north-1`.
    pub id: RegionId,
    /// Zones inside it.
    pub zones: Vec<ZoneId>,
    /// Whether the image feature is on (P15).
    pub images: Switch,
    /// Prices in force.
    pub prices: PriceBook,
    /// Limits that hold for an account that has none of its own here.
    pub limits: super::quota::Limits,
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
