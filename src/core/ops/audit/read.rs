//! Reading the audit trail: as much of it as the caller may see, searched, page by page or as a whole for a file.

use super::Indexes;
use crate::domain::event::{AuditQuery, CHARGE, Event};
use crate::domain::ids::{AccountId, EventId, ProjectId, Subject};
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project};
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use crate::domain::view::{AuditList, EventRow};
use crate::domain::{Error, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::provider;
use crate::store::records::index;
use crate::store::{IndexRow, KeyPart, Order, TableKey, index_key, list_index};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What the caller sees.
enum Scope {
    All,
    Account(AccountId),
    Project(ProjectId),
}

impl Scope {
    fn shows(&self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Account(account) => event.account == Some(*account),
            Self::Project(project) => event.project == Some(*project),
        }
    }
}

/// An owner sees the account, others their project, the provider everything.
fn scope(ctx: &Ctx, place: &Place) -> Result<(Scope, Option<Project>)> {
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
    Ok((scope, project))
}

/// One page of the trail the caller may see, newest first: an owner sees the account, others their project, the provider everything. Of
/// that, what the query asks for.
///
/// # Errors
/// `Unauthenticated`; `NotFound` without a project. A subject of somebody else simply has no events.
pub fn list(ctx: &Ctx, place: &Place, query: &AuditQuery) -> Result<AuditList> {
    let (scope, project) = scope(ctx, place)?;
    let page = Page::cut(found(ctx, &scope, query)?, query.page, ROWS_DEFAULT);
    let rows = rows(ctx, page, |event| scope.shows(event))?;
    let account = match (&scope, &project) {
        (Scope::All, _) | (_, None) => String::new(),
        (_, Some(p)) => ctx.read::<Account>(&p.account)?.map(|a| a.name.to_string()).unwrap_or_default(),
    };
    let (projects, accounts) = parts(ctx, &scope)?;
    Ok(AuditList {
        page: rows,
        account,
        project_only: matches!(scope, Scope::Project(_)),
        narrowed: narrowed(ctx, &scope, query)?,
        projects,
        accounts,
        now: ctx.now,
    })
}

/// What the trail can be narrowed to, by name: an owner's to a project of the account, the provider's to an account.
type Parts = (Vec<(ProjectId, Name)>, Vec<(AccountId, Name)>);

fn parts(ctx: &Ctx, scope: &Scope) -> Result<Parts> {
    let (mut projects, mut accounts) = (Vec::new(), Vec::new());
    match scope {
        Scope::All => accounts.extend(provider::accounts(ctx)?.into_iter().map(|a| (a.id, a.name))),
        Scope::Account(id) => {
            projects.extend(provider::projects(ctx, *id)?.into_iter().map(|p| (p.id, p.name)))
        }
        Scope::Project(_) => {}
    }
    projects.sort_by(|a, b| a.1.cmp(&b.1));
    accounts.sort_by(|a, b| a.1.cmp(&b.1));
    Ok((projects, accounts))
}

/// What it is narrowed to, in words; `None` where it is not, and where there is no such thing for the caller.
fn narrowed(ctx: &Ctx, scope: &Scope, query: &AuditQuery) -> Result<Option<String>> {
    if let Some(id) = query.project {
        let project = ctx.read::<Project>(&id)?.filter(|project| match scope {
            Scope::All => true,
            Scope::Account(account) => project.account == *account,
            Scope::Project(own) => project.id == *own,
        });
        return Ok(project.map(|project| format!("project {}", project.name)));
    }
    let Some(id) = query.account else { return Ok(None) };
    let account = match scope {
        Scope::All => ctx.read::<Account>(&id)?,
        Scope::Account(own) if *own == id => ctx.read::<Account>(&id)?,
        Scope::Account(_) | Scope::Project(_) => None,
    };
    Ok(account.map(|account| format!("account {}", account.name)))
}

/// What the query asks for of what the caller may see, newest first. Going back ends after as many events as lists go back.
fn found(ctx: &Ctx, scope: &Scope, query: &AuditQuery) -> Result<Vec<EventId>> {
    let (end, by) = (query.end(), Indexes::of(query.of_charges()));
    // The index that goes back furthest for it; what is found there is judged by the scope all the same.
    let ids = match (&query.subject, &query.project, &query.account, scope) {
        (Some(subject), ..) => newest(ctx, by.subject, &subject.uuid(), end)?,
        (_, Some(project), ..) | (.., Scope::Project(project)) => newest(ctx, by.project, project, end)?,
        (_, _, Some(account), _) | (.., Scope::Account(account)) => newest(ctx, by.account, account, end)?,
        (None, None, None, Scope::All) => newest(ctx, by.time, &(), end)?,
    };
    if !query.narrows() {
        return Ok(ids);
    }
    // Judged before counting: not even the number of somebody else's events may show.
    let passes = query.filter();
    let mut seen = Vec::new();
    for id in ids {
        if ctx.read::<Event>(&id)?.is_some_and(|event| scope.shows(&event) && passes(&event)) {
            seen.push(id);
        }
    }
    Ok(seen)
}

fn events(ctx: &Ctx, scope: &Scope, query: &AuditQuery) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for id in found(ctx, scope, query)? {
        events.extend(ctx.read::<Event>(&id)?.filter(|event| scope.shows(event)));
    }
    Ok(events)
}

/// An event in an exported trail; empty text where there is nothing to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditExportRow {
    /// When, as RFC 3339.
    pub when: String,
    /// Who.
    pub actor: String,
    /// What was done, such as `image.delete`.
    pub action: String,
    /// What kind of thing it is about, such as `image`.
    pub subject_kind: &'static str,
    /// That thing's id.
    pub subject_id: String,
    /// Its name then.
    pub name: String,
    /// The change in a sentence.
    pub detail: String,
    /// The project's name, where one is concerned.
    pub project: String,
    /// The region, where one is concerned.
    pub region: String,
    /// Its place in the chain of its account, from 1; 0 for what is older than the chain.
    pub number: u64,
    /// Its hash in that chain.
    pub hash: String,
}

/// Everything that the query finds of what the caller may see, newest first, and what was charged beside it. All pages, as far as lists go
/// back.
///
/// # Errors
/// As for [`list`].
pub fn export(ctx: &Ctx, place: &Place, query: &AuditQuery) -> Result<Vec<AuditExportRow>> {
    let (scope, _) = scope(ctx, place)?;
    let whole = !matches!(scope, Scope::Project(_));
    let mut names = Names::default();
    let mut rows = Vec::new();
    let mut events = events(ctx, &scope, query)?;
    if query.action.is_empty() {
        let charges = AuditQuery { action: CHARGE.to_owned(), ..query.clone() };
        let charged = self::events(ctx, &scope, &charges)?;
        // Where either goes back no further, nor does the file: a chain with gaps could not be recomputed.
        let limit = usize::try_from(ctx.app.settings.history_rows_max).unwrap_or(usize::MAX);
        let cut_at = |some: &Vec<Event>| some.last().filter(|_| some.len() >= limit).map(|event| event.at);
        let from = cut_at(&events).max(cut_at(&charged));
        events.extend(charged);
        events.retain(|event| from.is_none_or(|from| event.at >= from));
        events.sort_by_key(|event| Reverse((event.at, event.number, event.id)));
    }
    for event in events {
        rows.push(AuditExportRow {
            when: event.at.rfc3339(),
            project: names.of(ctx, event.project)?,
            actor: event.actor,
            action: event.action,
            subject_kind: event.subject.kind(),
            subject_id: event.subject.uuid().to_string(),
            name: event.name,
            detail: event.detail,
            region: event.region.map(|region| region.to_string()).unwrap_or_default(),
            // Numbers of a chain count what its readers of one project must not know of.
            number: if whole { event.number } else { 0 },
            hash: if whole { event.hash } else { String::new() },
        });
    }
    Ok(rows)
}

/// The latest `n` events about a subject in the project that owns it (`None` for what no project owns), for which the caller was already
/// authorized: what others did with something they were given is theirs.
///
/// # Errors
/// When the store cannot be read.
pub fn about(ctx: &Ctx, subject: Subject, project: Option<ProjectId>, n: u32) -> Result<Vec<EventRow>> {
    let mut ids = Vec::new();
    for id in newest(ctx, index::EVENT_BY_SUBJECT, &subject.uuid(), None)? {
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

/// The newest events of an index before `end`. The moment follows the prefix in its keys, so that days long gone are found at once.
fn newest(ctx: &Ctx, name: &str, prefix: &impl TableKey, end: Option<Timestamp>) -> Result<Vec<EventId>> {
    let limit = ctx.app.settings.history_rows_max;
    let before = end.map(|end| {
        let mut key = index_key(name, prefix);
        end.0.encode(&mut key);
        key
    });
    let found = list_index::<EventId>(
        ctx.app.store.as_ref(),
        name,
        prefix,
        Order::Descending,
        limit,
        before.as_deref(),
    )?;
    Ok(found.items.into_iter().map(|r: IndexRow<EventId>| r.value).collect())
}

/// Names of projects, each read once.
#[derive(Default)]
struct Names(BTreeMap<ProjectId, String>);

impl Names {
    fn of(&mut self, ctx: &Ctx, project: Option<ProjectId>) -> Result<String> {
        let Some(id) = project else { return Ok(String::new()) };
        if let Some(name) = self.0.get(&id) {
            return Ok(name.clone());
        }
        let name = ctx.read::<Project>(&id)?.map(|p| p.name.to_string()).unwrap_or_default();
        self.0.insert(id, name.clone());
        Ok(name)
    }
}

fn rows(ctx: &Ctx, page: Page<EventId>, visible: impl Fn(&Event) -> bool) -> Result<Page<EventRow>> {
    let mut names = Names::default();
    let (number, size, total) = (page.number, page.size, page.total);
    let mut rows = Vec::new();
    for id in page.rows {
        let Some(event) = ctx.read::<Event>(&id)?.filter(|e| visible(e)) else { continue };
        rows.push(EventRow {
            at: event.at,
            project: names.of(ctx, event.project)?,
            actor: event.actor,
            action: event.action,
            subject: event.subject,
            name: event.name,
            detail: event.detail,
        });
    }
    Ok(Page { rows, number, size, total })
}
