//! The audit trail: writing an event in the commit of the change it tells of, and reading the trail.

use super::ctx::{Ctx, Permit, Place};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, EventId, ProjectId, RegionId, Subject};
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project};
use crate::domain::view::{AuditList, EventRow};
use crate::domain::{Error, Result};
use crate::store::records::index;
use crate::store::{IndexRow, Order, TableKey, Tx, list_index};
use std::collections::BTreeMap;

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

/// Writes an event in the transaction of its change.
///
/// # Errors
/// When the store cannot be read.
pub fn write(tx: &mut Tx<'_>, ctx: &Ctx, _permit: &Permit, entry: &Entry<'_>) -> Result<()> {
    let id = EventId(ctx.app.ids.uuid());
    let at = ctx.now;
    tx.put(&Event {
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
    })?;
    tx.put_index(index::EVENT_BY_TIME, &(at.0, id), &id)?;
    tx.put_index(index::EVENT_BY_SUBJECT, &(entry.subject.uuid(), at.0, id), &id)?;
    if let Some(account) = entry.account {
        tx.put_index(index::EVENT_BY_ACCOUNT, &(account, at.0, id), &id)?;
    }
    if let Some(project) = entry.project {
        tx.put_index(index::EVENT_BY_PROJECT, &(project, at.0, id), &id)?;
    }
    Ok(())
}

/// One page of the trail the caller may see, newest first: an owner sees the account, others their project, the provider everything.
/// With `subject`, only what is about that.
///
/// # Errors
/// `Unauthenticated`; `NotFound` without a project. A subject of somebody else simply has no events.
pub fn list(ctx: &Ctx, place: &Place, subject: Option<Subject>, page: u32) -> Result<AuditList> {
    let provider = ctx.may(Act::ProviderGet, &Resource::Provider);
    let project = place.project.map(|id| ctx.read::<Project>(&id)).transpose()?.flatten();
    let scope = match &project {
        _ if provider => Scope::All,
        None => {
            ctx.authorize(Act::AuditProject, &Resource::Provider, "audit trail")?;
            return Err(Error::not_found("audit trail"));
        }
        Some(p) if ctx.may(Act::AuditAccount, &Resource::Account(p.account)) => Scope::Account(p.account),
        Some(p) => {
            ctx.authorize(
                Act::AuditProject,
                &Resource::Project { account: p.account, project: p.id },
                "audit trail",
            )?;
            Scope::Project(p.id)
        }
    };
    let visible = |event: &Event| match scope {
        Scope::All => true,
        Scope::Account(account) => event.account == Some(account),
        Scope::Project(project) => event.project == Some(project),
    };
    let ids = match (&subject, &scope) {
        // Judged before counting: not even the number of somebody else's events may show.
        (Some(subject), _) => {
            let mut ids = newest(ctx, index::EVENT_BY_SUBJECT, &subject.uuid())?;
            let mut seen = Vec::new();
            for id in ids.drain(..) {
                if ctx.read::<Event>(&id)?.is_some_and(|e| visible(&e)) {
                    seen.push(id);
                }
            }
            seen
        }
        (None, Scope::All) => newest(ctx, index::EVENT_BY_TIME, &())?,
        (None, Scope::Account(account)) => newest(ctx, index::EVENT_BY_ACCOUNT, account)?,
        (None, Scope::Project(project)) => newest(ctx, index::EVENT_BY_PROJECT, project)?,
    };
    let rows = rows(ctx, Page::cut(ids, page, ROWS_DEFAULT), visible)?;
    let account = match (&scope, &project) {
        (Scope::All, _) | (_, None) => String::new(),
        (_, Some(p)) => ctx.read::<Account>(&p.account)?.map(|a| a.name.to_string()).unwrap_or_default(),
    };
    Ok(AuditList { page: rows, account, project_only: matches!(scope, Scope::Project(_)), now: ctx.now })
}

enum Scope {
    All,
    Account(AccountId),
    Project(ProjectId),
}

/// The latest `n` events about a subject in the project that owns it (`None` for what no project owns), for which the caller was already authorized: what others did with
/// something they were given is theirs.
///
/// # Errors
/// When the store cannot be read.
pub fn about(ctx: &Ctx, subject: Subject, project: Option<ProjectId>, n: u32) -> Result<Vec<EventRow>> {
    let mut ids = Vec::new();
    for id in newest(ctx, index::EVENT_BY_SUBJECT, &subject.uuid())? {
        if ids.len() >= usize::try_from(n).unwrap_or(usize::MAX) {
            break;
        }
        if ctx.read::<Event>(&id)?.is_some_and(|event| event.project == project) {
            ids.push(id);
        }
    }
    Ok(rows(ctx, Page::cut(ids, 1, n), |_| true)?.rows)
}

/// The latest `n` events of a project the caller was already authorized for.
///
/// # Errors
/// When the store cannot be read.
pub fn of_project(ctx: &Ctx, project: ProjectId, n: u32) -> Result<Vec<EventRow>> {
    let found = list_index::<EventId>(
        ctx.app.store.as_ref(),
        index::EVENT_BY_PROJECT,
        &project,
        Order::Descending,
        n,
        None,
    )?;
    let ids = found.items.into_iter().map(|r| r.value).collect();
    Ok(rows(ctx, Page::cut(ids, 1, n), |_| true)?.rows)
}

fn newest(ctx: &Ctx, name: &str, prefix: &impl TableKey) -> Result<Vec<EventId>> {
    let limit = ctx.app.settings.history_rows_max;
    let found = list_index::<EventId>(ctx.app.store.as_ref(), name, prefix, Order::Descending, limit, None)?;
    Ok(found.items.into_iter().map(|r: IndexRow<EventId>| r.value).collect())
}

fn rows(ctx: &Ctx, page: Page<EventId>, visible: impl Fn(&Event) -> bool) -> Result<Page<EventRow>> {
    let mut names: BTreeMap<ProjectId, String> = BTreeMap::new();
    let (number, size, total) = (page.number, page.size, page.total);
    let mut rows = Vec::new();
    for id in page.rows {
        let Some(event) = ctx.read::<Event>(&id)?.filter(|e| visible(e)) else { continue };
        let project = match event.project {
            None => String::new(),
            Some(id) => match names.get(&id) {
                Some(name) => name.clone(),
                None => {
                    let name = ctx.read::<Project>(&id)?.map(|p| p.name.to_string()).unwrap_or_default();
                    names.insert(id, name.clone());
                    name
                }
            },
        };
        rows.push(EventRow {
            at: event.at,
            actor: event.actor,
            action: event.action,
            subject: event.subject,
            name: event.name,
            detail: event.detail,
            project,
        });
    }
    Ok(Page { rows, number, size, total })
}
