//! The mark of a store that is being filled with a provider to try things out.

use super::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The mark: while it is there, everything else was put there by the filling and may be thrown away.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Seeding {
    /// When the filling began.
    pub began: Timestamp,
}
