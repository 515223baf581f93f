//! The simulator: the real use cases, engine and reconcilers over a memory store, fake storage and a fake hypervisor, driven by one seed.
//! People do weighted random things, the provider changes its mind, time passes, machines die, ports and commits fail, and the whole
//! program crashes and starts again. After every event the rules of `invariants.rs` are checked; a failure names the seed that repeats it.
//!
//! Nothing here may ask the real clock, real randomness or the order of a hash map: the same seed gives the same trace.

mod bench;
mod binning;
mod charging;
mod content;
mod dice;
mod faults;
mod flows;
mod following;
mod grouping;
mod happenings;
mod host;
mod hypervisor;
mod invariants;
mod keeping;
mod kinds;
mod managing;
mod paying;
mod ports;
mod quotas;
mod recount;
mod replay;
mod sessions;
mod sharing;
mod staging;
mod storage;
mod witness;
mod world;

#[cfg(test)]
mod tests;

pub use bench::{Bench, PASSWORD, Provider};
pub use content::Content;
pub use dice::Dice;
pub use faults::{Crash, StoreFaults};
pub use host::{Effect, GRACE_MS, Host, Op, Rates};
pub use invariants::{Checked, check, check_at_rest};
pub use ports::{SimClock, SimIds, SimSecrets};
pub use witness::Witness;

use std::collections::BTreeMap;
use std::fmt;

/// What a run without a failure did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Every event in a line.
    pub trace: Vec<String>,
    /// How often each event ended how, such as `capture: ok`.
    pub tally: BTreeMap<String, u32>,
}

/// A rule was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The seed that repeats it.
    pub seed: u64,
    /// The event after which it was seen; the last one is the check at rest.
    pub step: u32,
    /// The rule and the value that breaks it.
    pub what: String,
    /// The last events before it.
    pub tail: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.tail {
            writeln!(f, "  {line}")?;
        }
        writeln!(f, "seed {} broke a rule at event {}: {}", self.seed, self.step, self.what)?;
        write!(f, "repeat it with: DARKROOM_SIM_SEED={} make sim", self.seed)
    }
}

/// Runs one seed for `n_steps` events, then lets everything come to rest.
///
/// # Errors
/// The first rule that was broken.
pub fn run(seed: u64, n_steps: u32) -> Result<Report, Failure> {
    world::World::new(seed).run(n_steps)
}
