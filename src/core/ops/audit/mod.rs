//! The audit trail: writing an event in the commit of the change it tells of, chained to the one before it, and reading the trail.

pub(crate) mod chain;
mod read;

pub use read::{AuditExportRow, about, export, list, of_project};

use super::ctx::{Ctx, Permit};
use crate::domain::Result;
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, EventId, ProjectId, RegionId, Subject};
use crate::domain::meter::Meter;
use crate::store::Tx;
use crate::store::records::index;

/// What an event tells.
pub struct Entry<'a> {
    /// What it is about.
    pub subject: Subject,
    /// The subject's name.
    pub name: &'a str,
    /// The account concerned.
    pub account: Option<AccountId>,
    /// The project concerned.
    pub project: Option<ProjectId>,
    /// The region concerned.
    pub region: Option<&'a RegionId>,
    /// What was done, such as `image.delete`.
    pub action: &'a str,
    /// The change in a sentence.
    pub detail: String,
}

/// Writes an event in the transaction of its change, as the next one of the chain of its account. Of two commits that do so at once, one
/// is run again.
///
/// # Errors
/// When the store cannot be read.
pub fn write(tx: &mut Tx<'_>, ctx: &Ctx, _permit: &Permit, entry: &Entry<'_>) -> Result<()> {
    append(tx, ctx, entry)
}

/// Tells of a meter, which opens, ends or is divided because of a change that somebody was allowed to make.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn charge(tx: &mut Tx<'_>, ctx: &Ctx, meter: &Meter, action: &str) -> Result<()> {
    let entry = Entry {
        subject: meter.subject,
        name: &meter.name,
        account: Some(meter.account),
        project: Some(meter.project),
        region: Some(&meter.region),
        action,
        detail: meter.told(),
    };
    append(tx, ctx, &entry)
}

fn append(tx: &mut Tx<'_>, ctx: &Ctx, entry: &Entry<'_>) -> Result<()> {
    let id = EventId(ctx.app.ids.uuid());
    let at = ctx.now;
    let event = Event {
        id,
        at,
        user: ctx.actor.user(),
        actor: ctx.actor.name().to_owned(),
        account: entry.account,
        project: entry.project,
        region: entry.region.cloned(),
        subject: entry.subject,
        name: entry.name.to_owned(),
        action: entry.action.to_owned(),
        detail: entry.detail.clone(),
        number: 0,
        hash: String::new(),
    };
    let by = Indexes::of(event.of_charge());
    chain::append(tx, ctx, event)?;
    tx.put_index(by.time, &(at.0, id), &id)?;
    tx.put_index(by.subject, &(entry.subject.uuid(), at.0, id), &id)?;
    if let Some(account) = entry.account {
        tx.put_index(by.account, &(account, at.0, id), &id)?;
    }
    if let Some(project) = entry.project {
        tx.put_index(by.project, &(project, at.0, id), &id)?;
    }
    Ok(())
}

/// The indexes that an event is in: what is charged has its own, because it follows from what is told beside it and would hide that.
pub(crate) struct Indexes {
    pub(crate) time: &'static str,
    pub(crate) subject: &'static str,
    pub(crate) account: &'static str,
    pub(crate) project: &'static str,
}

impl Indexes {
    pub(crate) const fn of(charge: bool) -> Self {
        if charge {
            return Self {
                time: index::CHARGE_BY_TIME,
                subject: index::CHARGE_BY_SUBJECT,
                account: index::CHARGE_BY_ACCOUNT,
                project: index::CHARGE_BY_PROJECT,
            };
        }
        Self {
            time: index::EVENT_BY_TIME,
            subject: index::EVENT_BY_SUBJECT,
            account: index::EVENT_BY_ACCOUNT,
            project: index::EVENT_BY_PROJECT,
        }
    }
}
