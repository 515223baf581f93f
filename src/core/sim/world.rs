//! One simulated life of a provider: throws the dice, lets something happen, checks the rules, writes the trace, and in the end lets
//! everything come to rest.

use super::bench::{Bench, PASSWORD, Provider};
use super::dice::Dice;
use super::host::{GRACE_MS, Rates};
use super::{Failure, Report, invariants};
use crate::domain::ids::{ImageId, ProjectId, RegionId, SessionId};
use crate::domain::money::Money;
use crate::domain::project::Role;
use crate::domain::task::State;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::Settings;
use crate::ops::{groups, tasks, usage};
use crate::ports::Clock;
use crate::store::{Order, list};
use crate::tasks::sweep;
use std::collections::BTreeMap;

/// A person with a browser or two.
pub(super) struct Person {
    pub(super) email: String,
    pub(super) password: String,
    pub(super) roles: BTreeMap<ProjectId, Role>,
    pub(super) account: Option<usize>,
    pub(super) sessions: Vec<([u8; 32], SessionId)>,
}

pub(super) struct World {
    pub(super) seed: u64,
    pub(super) bench: Bench,
    pub(super) dice: Dice,
    pub(super) provider: Provider,
    /// The provider's disc that installs a system.
    pub(super) disc: ImageId,
    pub(super) people: Vec<Person>,
    pub(super) violation: Option<String>,
    pub(super) missing: bool,
    pub(super) outage: bool,
    /// Injected errors before the event that happens now, of commits and of the host.
    errors_before: (u32, u32),
    /// What everything has cost, and when that was computed; starts again when the clock is set back.
    cost: (Timestamp, Money),
    /// How often meters had been brought to what holds chunks then: that may make things cheaper.
    n_settled: u64,
    trace: Vec<String>,
    tally: BTreeMap<String, u32>,
}

/// Events of the trace that a failure shows.
const TAIL: usize = 40;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        // So few turns that copies wait for each other, although few images fit into an account.
        let settings = Settings { n_copies_max: 1, ..Settings::default() };
        let bench = Bench::with(seed, settings);
        let provider = bench.provider().expect("the small provider can be set up");
        let disc = bench.disc(&provider).expect("a disc can be registered");
        let people = people(&provider);
        // In every second world the accounts begin with the snapshot service, or little could be taken.
        if seed.is_multiple_of(2) {
            for (n, owner) in [(0, "owner@acme.example"), (2, "owner@bolt.example")] {
                let ctx = bench.user(owner).expect("the small provider has this person");
                bench.service_on(&ctx, provider.projects[n].1).expect("the service can be turned on");
            }
        }
        let mut dice = Dice::new(seed, 5);
        // Every third world has errors that do not pass by themselves.
        let lasting = if seed.is_multiple_of(3) { 8 } else { 0 };
        bench.host.set_rates(Rates { transient: dice.below(60), lasting });
        bench.faults.set_rate(dice.below(12));
        Self {
            seed,
            bench,
            dice,
            provider,
            disc,
            people,
            violation: None,
            missing: false,
            outage: false,
            errors_before: (0, 0),
            cost: (Timestamp(i64::MIN), Money::ZERO),
            n_settled: 0,
            trace: vec![],
            tally: BTreeMap::new(),
        }
    }

    pub(super) fn run(mut self, n_steps: u32) -> std::result::Result<Report, Failure> {
        for step in 0..n_steps {
            let before = self.bench.clock.now();
            self.errors_before = (self.bench.faults.n_fired(), self.bench.host.injected().0);
            let (event, outcome) = self.something_happens();
            self.note(step, before, &event, &outcome);
            if self.bench.faults.dead() {
                let outcome = self.restart();
                self.note(step, before, "restart", &outcome);
            }
            self.check(step)?;
        }
        self.come_to_rest(n_steps)?;
        Ok(Report { seed: self.seed, trace: self.trace, tally: self.tally })
    }

    fn note(&mut self, step: u32, at: Timestamp, event: &str, outcome: &str) {
        self.trace.push(format!("{step:>4} {} {event}: {outcome}", at.rfc3339()));
        *self.tally.entry(format!("{}: {outcome}", event.split(' ').next().unwrap_or(event))).or_default() +=
            1;
    }

    fn check(&mut self, step: u32) -> std::result::Result<(), Failure> {
        let passed_on = std::mem::take(&mut self.bench.witness.records().passed_on);
        for (outcome, n) in passed_on {
            *self.tally.entry(outcome).or_default() += n;
        }
        let broken = self.violation.take().or_else(|| self.bench.witness.broken().into_iter().next());
        let checked = match broken {
            Some(what) => Err(what),
            None => invariants::check(&self.bench),
        };
        checked.and_then(|()| self.cost_is_monotone()).map_err(|what| self.failure(step, what))
    }

    fn failure(&self, step: u32, what: String) -> Failure {
        let from = self.trace.len().saturating_sub(TAIL);
        let tail = self.trace.get(from..).unwrap_or_default().to_vec();
        Failure { seed: self.seed, step, what, tail }
    }

    /// What everything costs only grows, as long as the clock goes forward.
    fn cost_is_monotone(&mut self) -> invariants::Checked {
        let now = self.bench.clock.now();
        let mut cost = Money::ZERO;
        for meter in self.bench.app.meters.all() {
            let history = usage::history(&self.bench.app, &meter.region).map_err(|e| e.to_string())?;
            cost = cost + meter.cost(&history, now);
        }
        let (then, before) = self.cost;
        self.cost = (now, cost);
        let n_settled = std::mem::replace(&mut self.n_settled, self.bench.recount.n_settled());
        if now >= then && cost < before && n_settled == self.n_settled {
            return Err(format!("everything cost {before:?} and now costs {cost:?}"));
        }
        Ok(())
    }

    /// Whether an error was injected while the present event happened.
    pub(super) fn excused(&self) -> bool {
        self.errors_before != (self.bench.faults.n_fired(), self.bench.host.injected().0)
    }

    /// The value, or `None` and the code of a refusal that this event may meet. Any other error breaks a rule, unless one was injected.
    pub(super) fn expect<T>(&mut self, result: Result<T>, allowed: &[&str]) -> (Option<T>, String) {
        match result {
            Ok(value) => (Some(value), "ok".to_owned()),
            Err(error) if allowed.contains(&error.code.as_str()) => (None, error.code),
            Err(error) if error.code == "in_arrears" && self.somebody_is_in_arrears() => (None, error.code),
            Err(error) if error.code == "clock_behind" && self.somebodys_month_is_ahead() => {
                (None, error.code)
            }
            Err(error) if self.excused() && matches!(error.kind, Kind::Internal | Kind::Unavailable) => {
                (None, "injected error".to_owned())
            }
            Err(error) => {
                self.violate(format!("an unexpected refusal: {} ({})", error.message, error.code));
                (None, error.code)
            }
        }
    }

    /// This must have been refused in this way.
    pub(super) fn expect_refusal<T>(&mut self, result: Result<T>, kind: Kind) -> String {
        match result {
            Err(error) if error.kind == kind => "refused".to_owned(),
            Err(error) if self.excused() && matches!(error.kind, Kind::Internal | Kind::Unavailable) => {
                "injected error".to_owned()
            }
            Err(error) => {
                self.violate(format!("refused as {:?} instead of {kind:?}: {}", error.kind, error.message));
                "refused wrongly".to_owned()
            }
            Ok(_) => {
                self.violate(format!("allowed what must be {kind:?}"));
                "allowed wrongly".to_owned()
            }
        }
    }

    pub(super) fn violate(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// The program ends and starts again.
    pub(super) fn restart(&mut self) -> String {
        self.other_settings();
        for _ in 0..50 {
            match self.bench.restart() {
                Ok(_) => {
                    let leased = self.bench.witness.records().tasks.all().any(|t| t.lease.is_some());
                    if leased {
                        self.violate("a task is leased right after the start".to_owned());
                    }
                    return "ok".to_owned();
                }
                Err(error) if !self.excused() => {
                    self.violate(format!("darkroom does not start: {}", error.message))
                }
                Err(_) => {}
            }
        }
        self.violate("darkroom does not start".to_owned());
        "gave up".to_owned()
    }

    pub(super) fn region(&mut self) -> RegionId {
        let at = usize::from(self.dice.chance(300));
        self.provider.regions[at].clone()
    }

    /// Faults end, all tasks end, people look at what is stuck, the sweeps run: then nothing may be left over.
    fn come_to_rest(&mut self, step: u32) -> std::result::Result<(), Failure> {
        self.bench.faults.calm();
        self.bench.host.set_rates(Rates::default());
        self.bench.host.heal();
        if self.bench.faults.dead() {
            self.restart();
        }
        let rested = self.finish().map_err(|error| error.message);
        let checked = rested.and_then(|()| invariants::check_at_rest(&self.bench));
        let broken = self.violation.take().or_else(|| self.bench.witness.broken().into_iter().next());
        checked.and(broken.map_or(Ok(()), Err)).map_err(|what| self.failure(step, format!("at rest: {what}")))
    }

    fn finish(&mut self) -> Result<()> {
        self.bench.work()?;
        let stuck =
            list::<crate::domain::task::Task>(self.bench.records(), &(), Order::Ascending, u32::MAX, None)?;
        for task in stuck.items.iter().filter(|t| t.state == State::Stuck) {
            tasks::retry(&self.bench.app.system(), task.id)?;
        }
        self.bench.work()?;
        self.arrears_end()?;
        // Nothing begins before a month that is closed, and what was noted for the grace period lies in the future.
        self.bench.clock.set_right();
        sweep::machines(&self.bench.app)?;
        self.groups_rest()?;
        sweep::leftovers(&self.bench.app)?;
        for _ in 0..2 {
            for region in self.provider.regions.clone() {
                sweep::storage(&self.bench.app, &region)?;
            }
            self.bench.clock.advance(GRACE_MS + 1);
        }
        match sweep::machines(&self.bench.app)? {
            0 => Ok(()),
            n => Err(Error::internal(format!("a second sweep still changed {n} machines"))),
        }
    }
}

impl World {
    /// Groups are brought to their count, waiting as long as they wait for another try.
    fn groups_rest(&mut self) -> Result<()> {
        for _ in 0..60 {
            let n = groups::sweep(&self.bench.app)?;
            self.bench.work()?;
            if n == 0 && !self.bench.app.groups.all().iter().any(|g| g.trouble.is_some()) {
                return Ok(());
            }
            if n == 0 {
                self.bench.clock.advance(crate::domain::group::WINDOW_MS / 6);
            }
        }
        Ok(())
    }
}

fn people(provider: &Provider) -> Vec<Person> {
    let mut people = Vec::new();
    for (n, email) in provider.users.iter().enumerate() {
        let account = n.checked_sub(1).map(|n| n / 3);
        let own =
            provider.projects.iter().filter(|(a, _)| account.is_some_and(|n| provider.accounts[n] == *a));
        let roles = match email.split('@').next() {
            Some("owner") => own.map(|(_, p)| (*p, Role::Owner)).collect(),
            Some("member") => own.map(|(_, p)| (*p, Role::Member)).collect(),
            Some("reader") => own.take(1).map(|(_, p)| (*p, Role::Reader)).collect(),
            _ => BTreeMap::new(),
        };
        people.push(Person {
            email: email.clone(),
            password: PASSWORD.to_owned(),
            roles,
            account,
            sessions: vec![],
        });
    }
    people
}
