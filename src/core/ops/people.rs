//! Use cases of people: signing in and out, sessions, passwords, and the project and region a person looks at.

mod pages;

pub use pages::{account, overview, shell};

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit, Place};
use super::prices;
use crate::domain::actor::Actor;
use crate::domain::form::PasswordForm;
use crate::domain::ids::{AccountId, ProjectId, RegionId, SessionId, Subject, UserId};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project, Session, Side, User};
use crate::domain::quota::{Counter, Limits};
use crate::domain::region::Region;
use crate::domain::text;
use crate::domain::time::Timestamp;
use crate::domain::view::ProjectChoice;
use crate::domain::{Error, Kind, Result};
use crate::store::records::index;
use crate::store::{Order, Tx, list, list_index, read_index};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Failed sign-ins by e-mail address; in memory, bounded.
#[derive(Default)]
pub struct SignIns(Mutex<BTreeMap<String, Failures>>);

#[derive(Clone, Copy, Default)]
struct Failures {
    n: u32,
    last: Timestamp,
}

/// Most addresses whose failures are remembered; beyond it the oldest are forgotten.
const ADDRESSES_MAX: usize = 10_000;

impl SignIns {
    fn failures(&self, email: &str, now: Timestamp, pause_ms: i64) -> u32 {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.get(email).is_some_and(|f| now.since_ms(f.last) >= pause_ms) {
            map.remove(email);
        }
        map.get(email).map_or(0, |f| f.n)
    }

    fn fail(&self, email: &str, now: Timestamp) -> u32 {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= ADDRESSES_MAX && !map.contains_key(email) {
            let oldest = map.iter().min_by_key(|(_, f)| f.last).map(|(k, _)| k.clone());
            oldest.map(|k| map.remove(&k));
        }
        let entry = map.entry(email.to_owned()).or_default();
        entry.n += 1;
        entry.last = now;
        entry.n
    }

    fn forget(&self, email: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(email);
    }
}

/// A new session and the secret that goes into its cookie.
pub struct SignedIn {
    /// The session.
    pub session: SessionId,
    /// The secret; it is stored only as a hash.
    pub token: [u8; 32],
}

/// Signs in. `agent` is what the browser calls itself.
///
/// # Errors
/// `wrong_sign_in` with the tries left; `sign_in_pause` with the time to wait. Both are the same for addresses that do not exist.
pub fn sign_in(ctx: &Ctx, email: &str, password: &str, agent: &str) -> Result<SignedIn> {
    let settings = ctx.app.settings;
    // No address is longer; the bound keeps what is remembered of failures small.
    let email: String = email.trim().to_lowercase().chars().take(254).collect();
    let failures = ctx.app.sign_ins.failures(&email, ctx.now, settings.sign_in_pause_ms);
    if failures >= settings.sign_in_failures_max {
        return Err(pause(settings.sign_in_pause_ms));
    }
    let user = by_email(ctx, &email)?;
    // An unknown address costs the same time as a wrong password, so that nobody can find out which addresses exist.
    let hash = user.as_ref().map_or(UNKNOWN_HASH, |u| u.password_hash.as_str());
    let bounded: String = password.chars().take(text::PASSWORD_CHARS_MAX).collect();
    let matches = ctx.app.secrets.verify_password(&bounded, hash)? && bounded == password;
    let Some(user) = user.filter(|_| matches) else {
        let failures = ctx.app.sign_ins.fail(&email, ctx.now);
        return Err(wrong(settings.sign_in_failures_max.saturating_sub(failures), settings.sign_in_pause_ms));
    };
    ctx.app.sign_ins.forget(&email);
    begin_session(ctx, &user, agent)
}

/// A valid argon2id hash of nothing anybody knows, with the same cost as real ones.
pub const UNKNOWN_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn wrong(left: u32, pause_ms: i64) -> Error {
    let rest = match left {
        0 => format!("Wait {} before the next try.", crate::domain::time::span(pause_ms)),
        1 => format!("1 more try, then a pause of {}.", crate::domain::time::span(pause_ms)),
        n => format!("{n} more tries, then a pause of {}.", crate::domain::time::span(pause_ms)),
    };
    Error::new(Kind::Unauthenticated, "wrong_sign_in", format!("E-mail address or password is wrong. {rest}"))
}

fn pause(pause_ms: i64) -> Error {
    let wait = crate::domain::time::span(pause_ms);
    Error::new(
        Kind::Limit,
        "sign_in_pause",
        format!("Too many wrong tries for this address. Wait {wait} and try again."),
    )
}

fn begin_session(ctx: &Ctx, user: &User, agent: &str) -> Result<SignedIn> {
    let as_user = Ctx { app: ctx.app.clone(), actor: Actor::of(user), now: ctx.now };
    let permit = as_user.authorize(Act::SelfUpdate, &Resource::User(user.id), "user")?;
    let token = ctx.app.ids.secret();
    let session = Session {
        id: SessionId(ctx.app.ids.uuid()),
        user: user.id,
        token_hash: ctx.app.secrets.hash_token(&token),
        created: ctx.now,
        last_used: ctx.now,
        agent: agent.chars().filter(|c| !c.is_control()).take(120).collect(),
    };
    as_user.transact(&permit, |tx| {
        // Judged by a password that was changed meanwhile: no session. The user is written, so that a change of the password that listed
        // the sessions before this commit lists them again.
        let now = tx.get::<User>(&user.id)?.filter(|u| u.password_hash == user.password_hash);
        tx.put(&now.ok_or_else(changed_meanwhile)?)?;
        tx.insert(&session)?;
        tx.insert_index(index::SESSION_BY_TOKEN, &session.token_hash, &session.id)?;
        tx.put_index(index::SESSION_BY_USER, &(user.id, session.id), &session.id)?;
        audit::write(tx, &as_user, &permit, &entry(user, "session.create", String::new()))
    })?;
    Ok(SignedIn { session: session.id, token })
}

fn changed_meanwhile() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "wrong_sign_in",
        "The password was changed just now. Sign in with the new one.",
    )
}

/// Who a cookie's secret belongs to; `Anonymous` when it is unknown or its session is over. Notes the use once a minute.
///
/// # Errors
/// When the store cannot be read.
pub fn recognise(ctx: &Ctx, token: &[u8; 32]) -> Result<(Actor, Option<SessionId>)> {
    let hash = ctx.app.secrets.hash_token(token);
    let Some(id) = read_index::<SessionId>(ctx.app.store.as_ref(), index::SESSION_BY_TOKEN, &hash)? else {
        return Ok((Actor::Anonymous, None));
    };
    let Some(session) = ctx.read::<Session>(&id)?.filter(|s| s.live(ctx.now)) else {
        return Ok((Actor::Anonymous, None));
    };
    let Some(user) = ctx.read::<User>(&session.user)? else { return Ok((Actor::Anonymous, None)) };
    let actor = Actor::of(&user);
    if ctx.now.since_ms(session.last_used) >= 60_000 {
        let as_user = Ctx { app: ctx.app.clone(), actor: actor.clone(), now: ctx.now };
        let permit = as_user.authorize(Act::SelfUpdate, &Resource::User(user.id), "user")?;
        let noted = as_user.transact(&permit, |tx| {
            // A session that was revoked meanwhile stays revoked.
            if let Some(mut session) = tx.get::<Session>(&id)? {
                session.last_used = ctx.now;
                tx.put(&session)?;
            }
            Ok(())
        });
        // A full disk must not sign people out: they may still look, and the next request tries again.
        noted.or_else(|e| if e.kind == Kind::Unavailable { Ok(()) } else { Err(e) })?;
    }
    Ok((actor, Some(id)))
}

/// Ends the session that asks.
///
/// # Errors
/// When the store cannot be written.
pub fn sign_out(ctx: &Ctx, session: SessionId) -> Result<()> {
    revoke_session(ctx, session)
}

/// Ends one of the caller's sessions.
///
/// # Errors
/// `NotFound`, also when it is somebody else's.
pub fn revoke_session(ctx: &Ctx, id: SessionId) -> Result<()> {
    let Some(session) = ctx.read::<Session>(&id)? else {
        ctx.authorize(Act::SelfUpdate, &Resource::Provider, "session")?;
        return Err(Error::not_found("session"));
    };
    let permit = own(ctx, session.user, "session")?;
    let user = ctx.read::<User>(&session.user)?.ok_or_else(|| Error::not_found("session"))?;
    ctx.transact(&permit, |tx| {
        end_session(tx, &session);
        audit::write(tx, ctx, &permit, &entry(&user, "session.end", format!("{}.", session.agent)))
    })
}

/// A session of another user is hidden, also from the provider's people.
fn own(ctx: &Ctx, user: UserId, noun: &str) -> Result<Permit> {
    match ctx.authorize(Act::SelfUpdate, &Resource::User(user), noun) {
        Err(e) if e.kind == Kind::Forbidden => Err(Error::not_found(noun)),
        other => other,
    }
}

pub(crate) fn end_session(tx: &mut Tx<'_>, session: &Session) {
    tx.delete::<Session>(&session.id);
    tx.delete_index(index::SESSION_BY_TOKEN, &session.token_hash);
    tx.delete_index(index::SESSION_BY_USER, &(session.user, session.id));
}

/// Ends all sessions of a user but one. Reads them in the transaction, which must also have read the user: see [`begin_session`].
pub(crate) fn end_sessions(tx: &mut Tx<'_>, user: UserId, keep: Option<SessionId>) -> Result<()> {
    let ids = tx.scan_index::<SessionId>(index::SESSION_BY_USER, &user, Order::Ascending, u32::MAX, None)?;
    for row in ids.items.into_iter().filter(|row| Some(row.value) != keep) {
        if let Some(session) = tx.get::<Session>(&row.value)? {
            end_session(tx, &session);
        }
    }
    Ok(())
}

/// Changes the caller's password and ends their other sessions.
///
/// # Errors
/// `Invalid` with fields.
pub fn change_password(ctx: &Ctx, keep: Option<SessionId>, form: &PasswordForm) -> Result<()> {
    let Some(id) = ctx.actor.user() else {
        ctx.authorize(Act::SelfUpdate, &Resource::Provider, "user")?;
        return Err(Error::not_found("user"));
    };
    let permit = ctx.authorize(Act::SelfUpdate, &Resource::User(id), "user")?;
    form.parse()?;
    let user = ctx.read::<User>(&id)?.ok_or_else(|| Error::not_found("user"))?;
    if !ctx.app.secrets.verify_password(&form.current, &user.password_hash)? {
        return Err(Error::field("current", "wrong_password", "This is not your present password."));
    }
    let hash = ctx.app.secrets.hash_password(&form.new)?;
    let judged = user.password_hash;
    ctx.transact(&permit, |tx| {
        let mut user = tx.get::<User>(&id)?.ok_or_else(|| Error::not_found("user"))?;
        if user.password_hash != judged {
            return Err(Error::field("current", "wrong_password", "Your password was changed just now."));
        }
        user.password_hash.clone_from(&hash);
        tx.put(&user)?;
        end_sessions(tx, id, keep)?;
        audit::write(tx, ctx, &permit, &entry(&user, "user.password", "Other sessions ended.".to_owned()))
    })
}

fn sessions_of(ctx: &Ctx, user: UserId) -> Result<Vec<Session>> {
    let ids = list_index::<SessionId>(
        ctx.app.store.as_ref(),
        index::SESSION_BY_USER,
        &user,
        Order::Ascending,
        1000,
        None,
    )?;
    let mut found = Vec::new();
    for row in ids.items {
        found.extend(ctx.read::<Session>(&row.value)?);
    }
    Ok(found)
}

/// Removes sessions that are over. A reconciler.
///
/// # Errors
/// When the store cannot be used.
pub fn sweep_sessions(ctx: &Ctx) -> Result<u32> {
    let permit = ctx.authorize(Act::ProviderGet, &Resource::Provider, "sessions")?;
    let mut n = 0;
    for session in list::<Session>(ctx.app.store.as_ref(), &(), Order::Ascending, u32::MAX, None)?.items {
        if !session.live(ctx.now) {
            ctx.transact(&permit, |tx| {
                end_session(tx, &session);
                Ok(())
            })?;
            n += 1;
        }
    }
    Ok(n)
}

/// The user of an address, which is in lower case.
pub(crate) fn by_email(ctx: &Ctx, email: &str) -> Result<Option<User>> {
    match read_index::<UserId>(ctx.app.store.as_ref(), index::USER_BY_EMAIL, &email)? {
        Some(id) => ctx.read::<User>(&id),
        None => Ok(None),
    }
}

/// An audit entry about a user.
pub(crate) fn entry<'a>(user: &'a User, action: &'a str, detail: String) -> Entry<'a> {
    let account = match &user.side {
        Side::Operator => None,
        Side::Tenant { account, .. } => Some(*account),
    };
    Entry {
        subject: Subject::User(user.id),
        name: &user.email,
        account,
        project: None,
        region: None,
        action,
        detail,
    }
}

/// The project in force, if the caller may see it, and what the policy is asked about it.
///
/// # Errors
/// `Unauthenticated`; `NotFound` with a sentence when the caller has no project.
pub(crate) fn project_of(ctx: &Ctx, place: &Place, act: Act) -> Result<(Project, Resource)> {
    let found = match place.project {
        Some(id) => ctx.read::<Project>(&id)?,
        None => None,
    };
    let Some(project) = found else {
        ctx.authorize(act, &Resource::PublicImage, "project")
            .or_else(|e| if e.kind == Kind::Unauthenticated { Err(e) } else { Ok(Permit { act }) })?;
        return Err(Error::new(
            Kind::NotFound,
            "no_project",
            "You have no project yet. Ask an owner of your account to add you to one.",
        ));
    };
    let resource = Resource::Project { account: project.account, project: project.id };
    ctx.authorize(act, &resource, "project")?;
    Ok((project, resource))
}

/// A region by its id.
///
/// # Errors
/// `NotFound`.
pub(crate) fn region(ctx: &Ctx, id: &RegionId) -> Result<Region> {
    let region = ctx.read::<Region>(id)?.ok_or_else(|| Error::not_found("region"))?;
    Ok(prices::at_present(ctx, region))
}

/// The region in force. Anybody who is signed in may know the regions.
///
/// # Errors
/// `NotFound`.
pub(crate) fn region_of(ctx: &Ctx, place: &Place) -> Result<Region> {
    region(ctx, &place.region)
}

/// What an account has in a region, and what it may have.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn counter(ctx: &Ctx, account: AccountId, region: &Region) -> Result<(Counter, Limits)> {
    let counter = ctx
        .read::<Counter>(&(account, region.id.clone()))?
        .unwrap_or_else(|| Counter::zero(account, region.id.clone()));
    let own = ctx.read::<Account>(&account)?.and_then(|a| a.limits.get(&region.id).copied());
    Ok((counter, own.unwrap_or(region.limits)))
}

/// A project in the switcher.
pub(crate) fn choice(ctx: &Ctx, project: &Project) -> Result<ProjectChoice> {
    let account = ctx.read::<Account>(&project.account)?.ok_or_else(|| Error::not_found("account"))?;
    Ok(ProjectChoice { id: project.id, name: project.name.clone(), account: account.name })
}

/// Projects the caller may look at, by account and name.
///
/// # Errors
/// When the store cannot be read.
pub fn projects(ctx: &Ctx) -> Result<Vec<Project>> {
    let mut found: Vec<Project> = match &ctx.actor {
        Actor::Anonymous => vec![],
        Actor::Operator { .. } | Actor::System => {
            list::<Project>(ctx.app.store.as_ref(), &(), Order::Ascending, 10_000, None)?.items
        }
        Actor::Tenant { roles, .. } => {
            let mut own = Vec::new();
            for id in roles.keys() {
                own.extend(ctx.read::<Project>(id)?);
            }
            own
        }
    };
    found.sort_by(|a, b| a.account.cmp(&b.account).then_with(|| a.name.cmp(&b.name)));
    Ok(found)
}

/// The regions, by id.
///
/// # Errors
/// When the store cannot be read.
pub fn regions(ctx: &Ctx) -> Result<Vec<Region>> {
    let all = list::<Region>(ctx.app.store.as_ref(), &(), Order::Ascending, 1000, None)?.items;
    Ok(all.into_iter().map(|region| prices::at_present(ctx, region)).collect())
}

/// Where the caller looks: what they asked for if they may, else their first project and the first region.
///
/// # Errors
/// `Unavailable` when no region is set up yet.
pub fn place(ctx: &Ctx, project: Option<ProjectId>, wanted: Option<&RegionId>) -> Result<Place> {
    let regions = regions(ctx)?;
    let region = regions.iter().find(|r| Some(&r.id) == wanted).or_else(|| regions.first());
    let Some(region) = region else {
        return Err(Error::unavailable(
            "no_region",
            "No region is set up yet. Run `darkroom admin region add` first.",
        ));
    };
    let visible = match project {
        Some(id) => ctx
            .read::<Project>(&id)?
            .filter(|p| ctx.may(Act::ProjectGet, &Resource::Project { account: p.account, project: p.id })),
        None => None,
    };
    let project = match visible {
        Some(p) => Some(p.id),
        None => projects(ctx)?.first().map(|p| p.id),
    };
    Ok(Place { project, region: region.id.clone() })
}
