//! What the provider's page *Prices* of a region receives.

use crate::domain::form::PricesForm;
use crate::domain::ids::RegionId;
use crate::domain::price::PriceBook;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a version stands now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BookState {
    /// It is to come.
    Announced,
    /// It holds.
    InForce,
    /// It held.
    Past,
    /// It was withdrawn before it held.
    Withdrawn,
}

/// A version of the prices.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BookRow {
    /// Its number.
    pub version: u32,
    /// From when on it holds, held or was to hold.
    pub from: Timestamp,
    /// Where it stands.
    pub state: BookState,
    /// What is different from the version before it that counts, a phrase each; empty for the first.
    pub changes: Vec<String>,
}

/// The page *Prices*.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PricesPage {
    /// The region.
    pub region: RegionId,
    /// What holds now.
    pub prices: PriceBook,
    /// The versions, the newest first.
    pub books: Vec<BookRow>,
    /// The dialog for new ones, as the latest are.
    pub form: PricesForm,
    /// The present moment.
    pub now: Timestamp,
}
