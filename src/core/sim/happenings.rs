//! What happens in a simulated world, and how often: chooses one event by weight. Here are the events that no tenant causes: work of the
//! engine, time, the host, the provider, crashes. What tenants do is in `flows.rs`.

use super::faults::Crash;
use super::host::GRACE_MS;
use super::world::World;
use crate::domain::form::{AccountForm, DeleteImageForm, LimitsForm, RegionForm};
use crate::domain::ids::{InstanceId, TaskId};
use crate::domain::image::{CopiedFrom, Visibility};
use crate::domain::quota::Limits;
use crate::domain::region::{Region, SITE, Switch};
use crate::domain::task::Kind as TaskKind;
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::snapshots::{schedules, service};
use crate::ops::{attribution, billing, groups, images, people, provider, shares, tasks};
use crate::tasks::{Engine, Outcome, sweep};
use std::sync::Arc;

type Happening = fn(&mut World) -> (String, String);

/// Every event and its weight.
const HAPPENINGS: &[(u64, Happening)] = &[
    (40, World::engine_works),
    (6, World::engine_works_on),
    (18, World::deploys),
    (30, World::captures),
    (11, World::copies),
    (6, World::starts),
    (7, World::stops),
    (4, World::reboots),
    (9, World::deletes_image),
    (6, World::restores_image),
    (3, World::purges_image),
    (2, World::keeps_image),
    (5, World::deletes_machine),
    (9, World::adds_disk),
    (4, World::removes_disk),
    (5, World::changes_image),
    (5, World::makes_group),
    (4, World::edits_group),
    (6, World::rolls_group),
    (2, World::deletes_group),
    (1, World::looks_at_groups),
    (7, World::renames),
    (6, World::manages),
    (6, World::cancels),
    (6, World::retries),
    (8, World::looks),
    (1, World::exports),
    (7, World::stages),
    (2, World::unplans),
    (18, World::shares),
    (12, World::decides),
    (4, World::stops_sharing),
    (1, World::unfollows),
    (3, World::looks_at_shares),
    (5, World::asks_for_more),
    (1, World::withdraws_request),
    (5, World::answers_request),
    (6, World::books),
    (2, World::changes_payment),
    (2, World::sets_budget),
    (5, World::turns_service),
    (8, World::takes_snapshot),
    (2, World::renames_snapshot),
    (4, World::deletes_snapshot),
    (4, World::images_snapshot),
    (5, World::saves_schedule),
    (1, World::deletes_schedule),
    (4, World::nights_pass),
    (3, World::runs_schedule),
    (2, World::looks_at_snapshots),
    (4, World::tries_what_a_role_forbids),
    (5, World::tries_what_is_of_others),
    (3, World::signs_in_wrongly),
    (2, World::signs_out),
    (2, World::changes_password),
    (10, World::time_passes),
    (1, World::clock_steps_back),
    (10, World::guest_writes),
    (3, World::machine_goes_off),
    (1, World::guest_goes_deaf),
    (2, World::outage_changes),
    (1, World::hypervisor_goes_missing),
    (3, World::provider_changes_region),
    (3, World::announces_prices),
    (14, World::sweeps),
    (4, World::interrupts_a_step),
    (3, World::outlives_its_lease),
    (4, World::source_goes_away),
    (4, World::crashes),
];

impl World {
    pub(super) fn something_happens(&mut self) -> (String, String) {
        let total: u64 = HAPPENINGS.iter().map(|(weight, _)| weight).sum();
        let mut at = self.dice.below(total);
        for (weight, happening) in HAPPENINGS {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return happening(self),
            }
        }
        unreachable!("a number below the sum of weights falls into one of them")
    }

    fn engine_works(&mut self) -> (String, String) {
        let result = self.bench.engine.run_once();
        let (moved, outcome) = self.expect(result, &[]);
        let outcome = match moved {
            Some(Outcome::Worked(_)) => "moved a task".to_owned(),
            Some(Outcome::Idle(_)) => "nothing is due".to_owned(),
            None => outcome,
        };
        ("engine".to_owned(), outcome)
    }

    /// Several steps without anything in between, letting time pass to where the next one is due.
    pub(super) fn engine_works_on(&mut self) -> (String, String) {
        for _ in 0..self.dice.below(12) {
            let result = self.bench.engine.run_once();
            match self.expect(result, &[]).0 {
                Some(Outcome::Idle(Some(due))) => self.bench.clock.reach(due),
                Some(Outcome::Idle(None)) => break,
                Some(Outcome::Worked(_)) | None => {}
            }
        }
        ("engine-on".to_owned(), "ok".to_owned())
    }

    fn time_passes(&mut self) -> (String, String) {
        let spans = [1, 50, 900, 5_000, 31_000, 600_000, 3_600_000, 86_400_000, 15 * 86_400_000];
        let ms = self.dice.pick(&spans).copied().unwrap_or(1);
        self.bench.clock.advance(ms);
        ("time".to_owned(), format!("+{ms} ms"))
    }

    fn clock_steps_back(&mut self) -> (String, String) {
        // The longest goes over a month that is closed.
        let spans = [2_000, 2_000, 120_000, 120_000, 3_600_000, 3_600_000, 20 * 86_400_000];
        let ms = self.dice.pick(&spans).copied().unwrap_or(1);
        self.bench.clock.advance(-ms);
        ("time-back".to_owned(), format!("-{ms} ms"))
    }

    fn any_machine(&mut self) -> Option<InstanceId> {
        let all: Vec<InstanceId> = self.bench.host.machines().into_iter().collect();
        self.dice.pick(&all).copied()
    }

    fn guest_writes(&mut self) -> (String, String) {
        let (at, value) = (self.dice.below(6), self.dice.below(1000));
        if let Some(id) = self.any_machine() {
            self.bench.host.write(id, at, value);
        }
        ("guest-writes".to_owned(), "ok".to_owned())
    }

    fn machine_goes_off(&mut self) -> (String, String) {
        let died = self.dice.chance(500).then_some("Signal 9.");
        if let Some(id) = self.any_machine() {
            self.bench.host.go_off(id, died);
        }
        ("machine-off".to_owned(), if died.is_some() { "died" } else { "shut down" }.to_owned())
    }

    fn guest_goes_deaf(&mut self) -> (String, String) {
        let deaf = self.dice.chance(500);
        if let Some(id) = self.any_machine() {
            self.bench.host.set_deaf(id, deaf);
        }
        self.bench.host.evict_bases();
        ("guest-deaf".to_owned(), deaf.to_string())
    }

    /// Only in worlds where lasting errors happen.
    fn outage_changes(&mut self) -> (String, String) {
        self.outage = !self.outage && self.seed.is_multiple_of(3);
        self.bench.host.set_outage(self.outage);
        ("outage".to_owned(), self.outage.to_string())
    }

    fn hypervisor_goes_missing(&mut self) -> (String, String) {
        // Mostly it is there, or little could be done.
        self.missing = !self.missing && self.dice.chance(500);
        self.bench.host.set_missing(self.missing);
        ("hypervisor-missing".to_owned(), self.missing.to_string())
    }

    fn provider_changes_region(&mut self) -> (String, String) {
        let (region, ctx) = (self.region(), self.bench.app.system());
        let Some(operator) = self.ctx_of(0) else { return ("provider".to_owned(), "nobody".to_owned()) };
        let (what, result) = match self.dice.below(4) {
            3 => ("site", self.moves_an_account(&operator)),
            0 => {
                let reprice = self.reprice();
                let result = provider::change_region(&ctx, &region, |r| {
                    reprice(&mut r.prices);
                    Ok(())
                });
                ("prices", result)
            }
            1 => {
                let n = u32::try_from(self.dice.below(4)).unwrap_or(0) + 1;
                let account = self.provider.accounts[usize::from(self.dice.chance(500))];
                let n_creates_max = n.div_ceil(2);
                let stored_gb_max = if self.dice.chance(450) { n * 2 } else { 100 };
                let limits = Limits {
                    n_images_max: n,
                    n_instances_max: n + 1,
                    n_creates_max,
                    n_shares_max: n.div_ceil(2),
                    stored_gb_max,
                    n_snapshots_max: n,
                };
                let shown = LimitsForm::of(account, &region, &limits, true);
                let form = match self.dice.chance(700) {
                    // Nothing was shown, so that every figure counts.
                    true => LimitsForm { shown: String::new(), ..shown },
                    false => LimitsForm { whose: "region".to_owned(), ..shown },
                };
                ("limits", provider::edit_limits(&operator, &form).map(drop))
            }
            _ => {
                let images = if self.dice.chance(300) { Switch::Off } else { Switch::On };
                let accepts_copies = if self.dice.chance(300) { Switch::Off } else { Switch::On };
                let snapshots = if self.dice.chance(150) { Switch::Off } else { Switch::On };
                let recycle_days = self.dice.pick(&[0, 1, 7, 7]).copied().unwrap_or(7);
                let asia = if self.dice.chance(500) { ",asia" } else { "" };
                let result = operator.read::<Region>(&region).and_then(|now| {
                    let now = now.ok_or_else(|| Error::not_found("region"))?;
                    let form = RegionForm {
                        images: images.word().to_owned(),
                        accepts_copies: accepts_copies.word().to_owned(),
                        recycle_days: recycle_days.to_string(),
                        sites: format!("{SITE}{asia}"),
                        snapshots: snapshots.word().to_owned(),
                        ..RegionForm::of(&now)
                    };
                    provider::edit_region(&operator, &form).map(drop)
                });
                ("switch", result)
            }
        };
        let (_, outcome) = self.expect(result, &["prices_announced"]);
        (format!("provider-{what}"), outcome)
    }

    /// Mostly all accounts are on one site.
    fn moves_an_account(&mut self, operator: &Ctx) -> Result<()> {
        let account = self.provider.accounts[usize::from(self.dice.chance(500))].to_string();
        let site = if self.dice.chance(250) { "asia" } else { SITE }.to_owned();
        provider::edit_account(operator, &AccountForm { account, site }).map(drop)
    }

    fn sweeps(&mut self) -> (String, String) {
        let app = self.bench.app.clone();
        let (what, result) = match self.dice.below(31) {
            25..=28 => ("attribution", attribution::sweep(&app)),
            9..=12 => ("groups", groups::sweep(&app)),
            13 => ("leftovers", sweep::leftovers(&app)),
            14 | 15 => ("schedules", schedules::sweep_due(&app)),
            16 => ("services", service::sweep_ended(&app)),
            8 | 17 => ("bin", images::sweep_bin(&app)),
            7 | 18 => ("leaving", images::sweep_leaving(&app)),
            6 | 19 => ("plans", images::sweep_plans(&app)),
            5 | 20 => ("shares", shares::sweep_ended(&app)),
            21..=24 | 29 | 30 => ("billing", billing::sweep(&app)),
            0 | 1 => ("machines", sweep::machines(&app)),
            2 => ("sessions", people::sweep_sessions(&app.system())),
            _ => ("storage", sweep::storage(&app, &self.region()).map(|_| 0)),
        };
        let (n, outcome) = self.expect(result, &[]);
        let outcome = if n.is_some_and(|n| n > 0) { "moved".to_owned() } else { outcome };
        (format!("sweep-{what}"), outcome)
    }

    fn active_task(&mut self) -> Option<TaskId> {
        let active: Vec<TaskId> = {
            let records = self.bench.witness.records();
            records.tasks.all().filter(|t| t.state.active()).map(|t| t.id).collect()
        };
        self.dice.pick(&active).copied()
    }

    /// In the middle of the next step, somebody cancels a task.
    fn interrupts_a_step(&mut self) -> (String, String) {
        if let Some(task) = self.active_task() {
            let app = self.bench.app.clone();
            self.bench.host.interrupt(None, move || {
                // Refused when it cannot be cancelled; that is as good an event as any.
                drop(tasks::cancel(&app.system(), task));
            });
        }
        self.engine_works_on();
        ("cancel-in-a-step".to_owned(), "ok".to_owned())
    }

    /// The next step that takes long outlives its lease, and another process, which knows only the lease, does it meanwhile; or another
    /// worker of this one, which must find that somebody is at it.
    fn outlives_its_lease(&mut self) -> (String, String) {
        let op = self
            .dice
            .pick(&[super::Op::Capture, super::Op::Ingest, super::Op::Transfer, super::Op::WaitOff])
            .copied();
        let (app, owner, clock) = (self.bench.app.clone(), self.bench.owner, self.bench.clock.clone());
        let n = self.dice.below(4) + 1;
        let same = self.dice.chance(500).then(|| self.bench.engine.clone());
        self.bench.host.interrupt(op, move || {
            clock.advance(app.settings.lease_ms + 1);
            let other = same.unwrap_or_else(|| Arc::new(Engine::new(Arc::clone(&app), owner)));
            for _ in 0..n {
                // An injected error ends this worker's try as it would any other's.
                drop(other.run_once());
            }
        });
        self.engine_works_on();
        ("outlived-lease".to_owned(), "ok".to_owned())
    }

    /// While the next copy travels, its source is deleted, and what nobody needs is swept until long after the grace.
    fn source_goes_away(&mut self) -> (String, String) {
        let event = "source-goes".to_owned();
        let sources: Vec<CopiedFrom> = {
            let records = self.bench.witness.records();
            let copies = records.tasks.all().filter(|t| t.kind == TaskKind::ImageCopy && t.state.active());
            let from = copies.filter_map(|t| records.images.get(t.subject.uuid())?.copied_from.clone());
            // A public image is protected.
            let private = |from: &CopiedFrom| {
                records.images.get(from.id.0).is_some_and(|i| i.visibility == Visibility::Private)
            };
            from.filter(private).collect()
        };
        let Some(from) = self.dice.pick(&sources).cloned() else {
            return (event, "nothing travels".to_owned());
        };
        let (app, clock, engine) =
            (self.bench.app.clone(), self.bench.clock.clone(), self.bench.engine.clone());
        self.bench.host.interrupt(Some(super::Op::Transfer), move || {
            // Each of these may be refused or meet an injected error; that is as good an event as any.
            drop(images::delete(&app.system(), &DeleteImageForm::at_once(from.id)));
            drop(images::purge(&app.system(), from.id));
            for _ in 0..12 {
                drop(engine.run_once());
            }
            for _ in 0..3 {
                drop(sweep::storage(&app, &from.region));
                clock.advance(GRACE_MS + 1);
            }
        });
        self.engine_works_on();
        (event, "ok".to_owned())
    }

    /// The program ends now, or at one of the next commits.
    fn crashes(&mut self) -> (String, String) {
        match self.dice.below(3) {
            0 => {
                let outcome = self.restart();
                ("crash now".to_owned(), outcome)
            }
            at => {
                let crash = if at == 1 { Crash::Before } else { Crash::After };
                self.bench.faults.crash_after(self.dice.below(6), crash);
                ("crash soon".to_owned(), "ok".to_owned())
            }
        }
    }
}
