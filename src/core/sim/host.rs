//! The host under the simulated program: machines, files and stored contents. It is not the program's memory, so a crash leaves it as it is.
//! Every effect can fail before or after it happened, by chance or as a test says.

use super::content::Content;
use super::dice::Dice;
use super::ports::SimClock;
use crate::domain::ids::{DiskId, InstanceId, RegionId, TaskId};
use crate::domain::image::Consistency;
use crate::domain::time::Timestamp;
use crate::ports::PortError;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long stored content is kept after nobody needs it, in milliseconds.
pub const GRACE_MS: i64 = 3_600_000;

/// Effects that can fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Op {
    /// Create disks.
    Create,
    /// Start a machine.
    Start,
    /// Press the power button.
    Press,
    /// Wait until it is off.
    WaitOff,
    /// Cut the power.
    Cut,
    /// Remove a machine.
    Destroy,
    /// Remove a disk.
    RemoveDisk,
    /// Copy a disk.
    Capture,
    /// Remove a copy.
    Discard,
    /// Look at a machine.
    Power,
    /// Store a copy.
    Ingest,
    /// Prepare a base.
    Base,
    /// Bring a disk to another region.
    Transfer,
    /// Sweep a region.
    Sweep,
}

/// How often effects fail by chance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Failures that may pass, in a thousand calls.
    pub transient: u64,
    /// Failures that do not pass by themselves, in a thousand calls.
    pub lasting: u64,
}

/// Whether a failing effect happened all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// The call failed before it did anything.
    None,
    /// The call did all of it, then failed.
    Whole,
}

struct Script {
    op: Op,
    error: PortError,
    effect: Effect,
    n_left: u32,
}

/// Something that happens in the middle of an effect, such as a person who cancels.
type Hook = (Option<Op>, Box<dyn FnOnce() + Send>);

/// The host.
pub struct Host {
    /// The clock that effects take time on.
    pub clock: Arc<SimClock>,
    state: Mutex<State>,
    hook: Mutex<Option<Hook>>,
}

pub(super) struct State {
    pub(super) dice: Dice,
    rates: Rates,
    scripts: Vec<Script>,
    outage: bool,
    pub(super) n_injected: u32,
    pub(super) n_lasting: u32,
    pub(super) missing: bool,
    pub(super) machines: BTreeMap<InstanceId, Machine>,
    pub(super) files: BTreeMap<String, Content>,
    pub(super) captures: BTreeMap<TaskId, Taken>,
    /// What was on the disks of each machine at each moment between two changes, by fingerprint.
    pub(super) moments: BTreeMap<InstanceId, BTreeSet<Vec<(DiskId, String)>>>,
    pub(super) regions: BTreeMap<RegionId, Region>,
    pub(super) next_port: u16,
    pub(super) broken: Vec<String>,
}

/// What a capture took.
pub(super) struct Taken {
    pub(super) machine: InstanceId,
    pub(super) disks: Vec<(DiskId, String)>,
    pub(super) consistency: Consistency,
}

pub(super) struct Machine {
    pub(super) disks: BTreeMap<DiskId, (Content, Option<String>)>,
    pub(super) port: Option<u16>,
    pub(super) runs_from: Option<DiskId>,
    /// The disks its process was started with.
    pub(super) uses: BTreeSet<DiskId>,
    pub(super) died: Option<String>,
    pub(super) pressed: bool,
    pub(super) deaf: bool,
}

#[derive(Default)]
pub(super) struct Region {
    pub(super) manifests: BTreeMap<String, Manifest>,
    pub(super) bases: BTreeSet<String>,
}

impl Region {
    /// Every block that is stored.
    pub(super) fn blocks(&self) -> BTreeSet<u64> {
        self.manifests.values().flat_map(|m| m.content.blocks.values().copied()).collect()
    }
}

pub(super) struct Manifest {
    pub(super) content: Content,
    pub(super) unneeded_since: Option<Timestamp>,
}

impl Host {
    /// A host with empty storage in these regions.
    pub fn new(seed: u64, clock: Arc<SimClock>, regions: &[&str]) -> Self {
        let state = State {
            dice: Dice::new(seed, 4),
            rates: Rates::default(),
            scripts: vec![],
            outage: false,
            n_injected: 0,
            n_lasting: 0,
            missing: false,
            machines: BTreeMap::new(),
            files: BTreeMap::new(),
            captures: BTreeMap::new(),
            moments: BTreeMap::new(),
            regions: regions.iter().map(|r| (RegionId::from(*r), Region::default())).collect(),
            next_port: 20_000,
            broken: vec![],
        };
        Self { clock, state: Mutex::new(state), hook: Mutex::new(None) }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often effects fail by chance from now on.
    pub fn set_rates(&self, rates: Rates) {
        self.state().rates = rates;
    }

    /// The next `n` effects of this kind fail in this way.
    pub fn fail(&self, op: Op, error: PortError, effect: Effect, n: u32) {
        self.state().scripts.push(Script { op, error, effect, n_left: n });
    }

    /// Forgets what [`Host::fail`] said.
    pub fn heal(&self) {
        let mut state = self.state();
        state.scripts.clear();
        state.outage = false;
        state.missing = false;
        drop(state);
        self.forget_interrupt();
    }

    /// What was to happen in the middle of an effect does not: whoever was to do it is gone.
    pub fn forget_interrupt(&self) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// From now on every effect fails, or none does by this.
    pub fn set_outage(&self, outage: bool) {
        self.state().outage = outage;
    }

    /// Whether machines cannot run here at all.
    pub fn set_missing(&self, missing: bool) {
        self.state().missing = missing;
    }

    /// Runs `then` in the middle of the next effect, or of the next one of kind `op`.
    pub fn interrupt(&self, op: Option<Op>, then: impl FnOnce() + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some((op, Box::new(then)));
    }

    /// Puts a file there, such as the raw disk of a public image.
    pub fn put_file(&self, path: &str, content: Content) {
        self.state().files.insert(path.to_owned(), content);
    }

    /// Scratch files that are there now.
    pub fn scratch(&self) -> Vec<String> {
        self.state().files.keys().filter(|path| path.starts_with("scratch/")).cloned().collect()
    }

    /// Machines that have disks here.
    pub fn machines(&self) -> BTreeSet<InstanceId> {
        self.state().machines.keys().copied().collect()
    }

    /// The disks of a machine here.
    pub fn disks(&self, id: InstanceId) -> BTreeSet<DiskId> {
        self.state().machines.get(&id).map(|m| m.disks.keys().copied().collect()).unwrap_or_default()
    }

    /// The disk that the machine's process runs from, while it runs.
    pub fn runs_from(&self, id: InstanceId) -> Option<DiskId> {
        self.state().machines.get(&id).filter(|m| m.port.is_some()).and_then(|m| m.runs_from)
    }

    /// Whether the machine's process runs.
    pub fn runs(&self, id: InstanceId) -> bool {
        self.state().machines.get(&id).is_some_and(|m| m.port.is_some())
    }

    /// Fingerprints stored in a region, and those that have a base file there.
    pub fn stored(&self, region: &RegionId) -> (BTreeSet<String>, BTreeSet<String>) {
        let state = self.state();
        let found = state.regions.get(region);
        found.map_or_else(Default::default, |r| (r.manifests.keys().cloned().collect(), r.bases.clone()))
    }

    /// The blocks of a stored content; none when it is not there.
    pub fn blocks(&self, region: &RegionId, print: &str) -> Vec<u64> {
        let state = self.state();
        let found = state.regions.get(region).and_then(|r| r.manifests.get(print));
        found.map(|m| m.content.blocks.values().copied().collect()).unwrap_or_default()
    }

    /// The fingerprints, disk by disk, and the consistency of the last copy that a task took, at the one instant it took it.
    pub fn captured(&self, task: TaskId) -> Option<(Vec<String>, Consistency)> {
        let state = self.state();
        let taken = state.captures.get(&task)?;
        Some((taken.disks.iter().map(|(_, print)| print.clone()).collect(), taken.consistency))
    }

    /// Whether what a task took was on the disks of the machine at one moment.
    pub fn were_together(&self, task: TaskId) -> bool {
        let state = self.state();
        let Some(taken) = state.captures.get(&task) else { return false };
        let moments = state.moments.get(&taken.machine);
        moments
            .is_some_and(|all| all.iter().any(|moment| taken.disks.iter().all(|disk| moment.contains(disk))))
    }

    /// What must never happen to a host and did.
    pub fn broken(&self) -> Vec<String> {
        self.state().broken.clone()
    }

    /// Errors that were injected so far, and how many of them could not pass by themselves.
    pub fn injected(&self) -> (u32, u32) {
        let state = self.state();
        (state.n_injected, state.n_lasting)
    }

    /// A guest writes to its system disk; nothing happens when it does not run.
    pub fn write(&self, id: InstanceId, at: u64, value: u64) {
        if let Some(machine) = self.state().machines.get_mut(&id).filter(|m| m.port.is_some()) {
            for (content, _) in machine.disks.values_mut() {
                content.blocks.insert(at, value);
            }
        }
        self.state().remember(id);
    }

    /// A machine's process ends by itself: shut down from inside, or dead with last words.
    pub fn go_off(&self, id: InstanceId, died: Option<&str>) {
        if let Some(machine) = self.state().machines.get_mut(&id).filter(|m| m.port.is_some()) {
            machine.port = None;
            machine.died = died.map(str::to_owned);
        }
    }

    /// The guest stops or begins to listen to the power button.
    pub fn set_deaf(&self, id: InstanceId, deaf: bool) {
        if let Some(machine) = self.state().machines.get_mut(&id) {
            machine.deaf = deaf;
        }
    }

    /// Drops base files that no disk stands on: they are a cache.
    pub fn evict_bases(&self) {
        let mut state = self.state();
        let used: BTreeSet<String> =
            state.machines.values().flat_map(|m| m.disks.values().filter_map(|(_, b)| b.clone())).collect();
        for (region, stores) in &mut state.regions {
            stores.bases.retain(|print| used.contains(&base_path(region, print)));
        }
    }

    /// Begins an effect: what happens in its middle happens now, then it fails before it did anything, or the error that it ends with.
    pub(super) fn begin(&self, op: Op) -> Result<Option<PortError>, PortError> {
        let hook = {
            let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
            if hook.as_ref().is_some_and(|(at, _)| at.is_none_or(|at| at == op)) { hook.take() } else { None }
        };
        if let Some((_, then)) = hook {
            then();
        }
        let (error, effect) = match self.state().fault(op) {
            Some(fault) => fault,
            None => return Ok(None),
        };
        match effect {
            Effect::None => Err(error),
            Effect::Whole => Ok(Some(error)),
        }
    }
}

impl State {
    /// Notes what is on the disks of a machine now.
    pub(super) fn remember(&mut self, id: InstanceId) {
        let Some(machine) = self.machines.get(&id) else { return };
        let moment = machine.disks.iter().map(|(id, (content, _))| (*id, content.fingerprint())).collect();
        self.moments.entry(id).or_default().insert(moment);
    }

    fn fault(&mut self, op: Op) -> Option<(PortError, Effect)> {
        if let Some(script) = self.scripts.iter_mut().find(|s| s.op == op && s.n_left > 0) {
            script.n_left -= 1;
            return Some((script.error.clone(), script.effect));
        }
        let Rates { transient, lasting } = self.rates;
        let effect = if self.dice.chance(500) { Effect::None } else { Effect::Whole };
        if self.outage {
            self.n_injected += 1;
            self.n_lasting += 1;
            return Some((PortError::Unavailable("The host does not answer.".to_owned()), Effect::None));
        }
        if self.dice.chance(transient) {
            self.n_injected += 1;
            return Some((PortError::Unavailable("The host was busy.".to_owned()), effect));
        }
        if self.dice.chance(lasting) {
            self.n_injected += 1;
            self.n_lasting += 1;
            let error = match op {
                Op::Create | Op::Capture | Op::Ingest | Op::Base | Op::Transfer => {
                    PortError::NoSpace { place: "north-1".to_owned() }
                }
                Op::Destroy | Op::RemoveDisk | Op::Discard | Op::Cut | Op::Power | Op::Sweep => return None,
                Op::Start | Op::Press | Op::WaitOff => {
                    PortError::Refused("The host refuses this.".to_owned())
                }
            };
            return Some((error, effect));
        }
        None
    }
}

/// Where the base file of a fingerprint is.
pub(super) fn base_path(region: &RegionId, print: &str) -> String {
    format!("bases/{region}/{print}")
}

/// Ends an effect: its value, unless it ends with an error.
pub(super) fn end<T>(ends_with: Option<PortError>, value: T) -> Result<T, PortError> {
    match ends_with {
        Some(error) => Err(error),
        None => Ok(value),
    }
}
