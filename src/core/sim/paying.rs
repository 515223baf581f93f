//! What happens in a simulated world between accounts and their provider: bookings, ways to pay, budgets; and what must hold of ledgers and
//! of arrears, commit by commit and after every event.

use super::bench::Bench;
use super::invariants::Checked;
use super::witness::Records;
use super::world::World;
use crate::domain::billing::{EntryKind, Held};
use crate::domain::form::{BookForm, BudgetForm, PaymentForm};
use crate::domain::ids::{AccountId, Subject};
use crate::domain::image::bin::DAY_MS;
use crate::domain::image::{Image, Status};
use crate::domain::money::Money;
use crate::ops::billing;
use crate::ops::billing::link;
use crate::ops::ctx::{Place, Settings};
use crate::ports::Clock;
use crate::store::{Batch, Version};

impl World {
    fn an_account(&mut self) -> AccountId {
        self.provider.accounts[usize::from(self.dice.chance(500))]
    }

    /// The provider books what an account paid, or gives it something; now and then the same twice.
    pub(super) fn books(&mut self) -> (String, String) {
        let kind = if self.dice.chance(700) { EntryKind::TopUp } else { EntryKind::Credit };
        let form = BookForm {
            account: self.an_account().to_string(),
            kind: kind.slug().to_owned(),
            amount: self.dice.pick(&["0.01", "1", "25.50", "1000"]).copied().unwrap_or("1").to_owned(),
            reference: format!("R-{}", self.dice.below(40)),
            ..BookForm::default()
        };
        let ctx = self.bench.app.system();
        let result = billing::book(&ctx, &form);
        let (first, outcome) = self.expect(result, &["reference_used"]);
        if first.is_some() && self.dice.chance(300) {
            let again = billing::book(&ctx, &form);
            let (again, _) = self.expect(again, &[]);
            if again.is_some() && again != first {
                self.violate(format!("{} was booked as {first:?} and as {again:?}", form.reference));
            }
        }
        (format!("book-{}", kind.slug()), outcome)
    }

    pub(super) fn changes_payment(&mut self) -> (String, String) {
        let mode = if self.dice.chance(700) { "prepaid" } else { "invoice" };
        let form = PaymentForm {
            account: self.an_account().to_string(),
            mode: mode.to_owned(),
            credit_limit: self.dice.pick(&["", "0.05", "10"]).copied().unwrap_or("").to_owned(),
            low_balance: self.dice.pick(&["", "1"]).copied().unwrap_or("").to_owned(),
        };
        let result = billing::set_payment(&self.bench.app.system(), &form);
        (format!("payment-{mode}"), self.expect(result, &[]).1)
    }

    pub(super) fn sets_budget(&mut self) -> (String, String) {
        let event = "budget".to_owned();
        let Some(desk) = self.changer() else { return (event, "nobody".to_owned()) };
        let place = Place { project: Some(desk.project), region: self.region() };
        let form =
            BudgetForm { budget: self.dice.pick(&["", "0.01", "5"]).copied().unwrap_or("").to_owned() };
        let result = billing::set_budget(&desk.ctx, &place, &form);
        (event, self.expect(result, &["forbidden"]).1)
    }

    /// Whether somebody may be refused because of arrears.
    pub(super) fn somebody_is_in_arrears(&self) -> bool {
        self.bench.witness.records().billings.all().any(|billing| billing.negative_since.is_some())
    }

    /// Whether somebody may be refused because the clock was set back over a month that is closed.
    pub(super) fn somebodys_month_is_ahead(&self) -> bool {
        let now = self.bench.clock.now();
        self.bench.witness.records().ledgers.all().any(|head| head.closed_to.is_some_and(|to| now < to))
    }

    /// Everybody pays later from now on, so that nothing is held back any more.
    pub(super) fn arrears_end(&mut self) -> crate::domain::Result<()> {
        for account in &self.provider.accounts {
            let form = PaymentForm {
                account: account.to_string(),
                mode: "invoice".to_owned(),
                ..PaymentForm::default()
            };
            billing::set_payment(&self.bench.app.system(), &form)?;
        }
        billing::sweep(&self.bench.app).map(drop)
    }
}

impl Records {
    /// Entries and statements are only added, each to the end of its chain; nothing is begun in arrears; and what they hold back is removed by people, or
    /// when its time is over.
    pub(super) fn judge_paying(&mut self, version: Version, batch: &Batch) {
        let mut broken = Vec::new();
        let mut new = self.entries.new_in(batch);
        if new.len() != self.entries.put_in(batch).len() || !self.entries.gone_in(batch).is_empty() {
            broken.push(format!("commit {version} changed or removed an entry of a ledger"));
        }
        new.sort_unstable_by_key(|entry| (entry.account, entry.number));
        for entry in new {
            let last = self.entries.all().filter(|e| e.account == entry.account).last();
            let (n, hash) = last.map_or((0, String::new()), |e| (e.number, e.hash.clone()));
            let head = self.ledgers.after(batch, &entry.account);
            let says = head.is_some_and(|head| (head.n_entries, &head.hash) == (entry.number, &entry.hash));
            if entry.number != n + 1 || entry.hash != link(&hash, &entry) || !says {
                broken.push(format!(
                    "commit {version} wrote an entry, which does not follow on {n}: {entry:?}"
                ));
            }
        }
        let mut made = self.statements.new_in(batch);
        made.sort_unstable_by_key(|statement| statement.number);
        let mut n = self.statements.all().map(|statement| statement.number).max().unwrap_or(0);
        if made.len() != self.statements.put_in(batch).len() || !self.statements.gone_in(batch).is_empty() {
            broken.push(format!("commit {version} changed or removed a statement"));
        }
        for statement in made {
            let own = self.statements.all().filter(|s| s.account == statement.account);
            let last = own.max_by_key(|s| s.number);
            let follows =
                last.is_none_or(|last| last.hash == statement.previous && last.to <= statement.from);
            if statement.number != n + 1 || !follows || statement.due != statement.total.to_cents() {
                broken.push(format!(
                    "commit {version} made a statement that does not follow on {n}: {statement:?}"
                ));
            }
            n = statement.number;
            *self.passed_on.entry("statement: closed".to_owned()).or_default() += 1;
        }
        let blocked = |account: AccountId| {
            self.billings.after(batch, &account).is_some_and(|b| b.negative_since.is_some())
        };
        let begun = self.images.new_in(batch).into_iter().map(|i| i.account);
        let begun = begun.chain(self.instances.new_in(batch).into_iter().map(|m| m.account));
        for account in begun.chain(self.snapshots.new_in(batch).into_iter().map(|s| s.account)) {
            if blocked(account) {
                broken
                    .push(format!("commit {version} began something new for {account}, which is in arrears"));
            }
        }
        let settings = Settings::default();
        for held in self.held.gone_in(batch) {
            let Some(image) = self.images.after(batch, &held.image) else {
                broken.push(format!("commit {version} removed an image that is held back: {held:?}"));
                continue;
            };
            let day = i64::from(settings.arrears_purge_days) * DAY_MS;
            let events = self.events.new_in(batch);
            let swept =
                events.iter().find(|e| e.subject == Subject::Image(image.id) && e.detail.contains("is over"));
            if swept.is_some_and(|e| e.at.since_ms(held.since) < day || image.protected) {
                broken.push(format!("commit {version} removed {held:?} before its day, or protected"));
            }
            if image.status == Status::Available && blocked(held.account) {
                broken.push(format!("commit {version} gave {held:?} back in arrears"));
            }
        }
        self.broken.append(&mut broken);
    }

    /// Images that this commit takes out of the recycle bin because arrears are over; their slots are theirs whatever the limit is.
    pub(super) fn n_given_back(&self, batch: &Batch, account: AccountId) -> u32 {
        let back = |held: &&&Held| {
            let image: Option<Image> = self.images.after(batch, &held.image);
            held.account == account && image.is_some_and(|image| image.status == Status::Available)
        };
        u32::try_from(self.held.gone_in(batch).iter().filter(back).count()).unwrap_or(u32::MAX)
    }
}

/// Balances are what counting everything again gives, and what is held back is in the recycle bin.
pub(super) fn balances_equal_a_recount(bench: &Bench, records: &Records) -> Checked {
    for held in records.held.all() {
        let there = records.images.get(held.image.0).is_some_and(|image| image.status == Status::Recycled);
        if !there {
            return Err(format!("{held:?} is not in the recycle bin"));
        }
    }
    let ctx = bench.app.system();
    for head in records.ledgers.all() {
        let own = || records.entries.all().filter(|entry| entry.account == head.account);
        let booked: Money = own().filter(|e| e.kind != EntryKind::Charge).map(|e| e.amount).sum();
        let mut used = Some(Money::ZERO);
        for meter in records.meters.all().filter(|meter| meter.account == head.account) {
            used = used.zip(bench.recount.cost(meter.id)).map(|(sum, cost)| sum + cost);
        }
        let Some(used) = used else { continue };
        // A statement asks for whole cents.
        let rounded: Money = records
            .statements
            .all()
            .filter(|statement| statement.account == head.account)
            .map(|statement| statement.total - statement.due)
            .sum();
        let says = billing::balance(&ctx, head.account).map_err(|e| e.message)?.total();
        if says != booked - used + rounded {
            return Err(format!(
                "{} has {says:?}, and a recount gives {booked:?} without {used:?}",
                head.account
            ));
        }
    }
    Ok(())
}
