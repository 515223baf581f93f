//! Use cases of quotas: what an account may have in a region and how much of it is used, asking for more, and the provider's answer.

use super::audit;
use super::ctx::{Ctx, Permit, Place};
use super::{images, ledger, people, provider, shares};
use crate::domain::actor::Actor;
use crate::domain::form::{QuotaDecisionForm, QuotaRequestForm, ReachForm, Verdict};
use crate::domain::ids::{AccountId, ImageId, RegionId, RequestId};
use crate::domain::image::{self, Image};
use crate::domain::page::{Page, ROWS_DEFAULT, grouped};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project};
use crate::domain::quota::Limits;
use crate::domain::region::Region;
use crate::domain::request::{Decision, QuotaKind, Request, RequestQuery, State, Wish};
use crate::domain::size::{self, GB};
use crate::domain::view::{QuotaPage, QuotaRow, ReachOptions, RequestList, RequestRow};
use crate::domain::{Error, Result};
use crate::store::records::index;
use crate::store::{Order, TableKey, Tx, list_index};

/// Every quota of the account in the region in force, and what was asked for there, newest first.
///
/// # Errors
/// `Unauthenticated`; `NotFound` without a project.
pub fn overview(ctx: &Ctx, place: &Place) -> Result<QuotaPage> {
    let (project, _) = people::project_of(ctx, place, Act::QuotaGet)?;
    let region = people::region_of(ctx, place)?;
    let account = ctx.read::<Account>(&project.account)?.ok_or_else(|| Error::not_found("account"))?;
    let mut asked = newest(ctx, index::REQUEST_BY_PLACE, &account.id)?;
    // One for another region is of both: of where the image is, and of where it is wanted.
    asked.retain(|request| request.region == region.id || request.wish.home() == Some(&region.id));
    asked.sort_by_key(|request| std::cmp::Reverse((request.at, request.id)));
    let requests = asked.into_iter().map(|request| row(request, account.name.to_string())).collect();
    Ok(QuotaPage {
        quotas: quotas(ctx, &project, &region)?,
        account: account.name.to_string(),
        region: region.id,
        requests,
        may_ask: ctx.may(Act::QuotaAsk, &Resource::Account(account.id)),
        wanted_max: ctx.app.settings.quota_request_max,
        now: ctx.now,
    })
}

fn quotas(ctx: &Ctx, project: &Project, region: &Region) -> Result<Vec<QuotaRow>> {
    let (counter, limits) = people::counter(ctx, project.account, region)?;
    let n_shares = shares::n_counted(ctx, &counter);
    let held = counter.stored_bytes.unwrap_or_else(|| ledger::held_by(ctx, project.account, &region.id));
    let n_gb = u32::try_from(held.div_ceil(GB)).unwrap_or(u32::MAX);
    let mut rows = Vec::new();
    for (kind, what, used, counts) in [
        (QuotaKind::Images, "Images", counter.n_images, "; those in the recycle bin do not count"),
        (QuotaKind::Instances, "Instances", counter.n_instances, ", running or not"),
        (
            QuotaKind::Shares,
            "Shares",
            n_shares,
            ", accepted by who receives; those that wait for an answer do not count",
        ),
        (QuotaKind::Snapshots, "Snapshots", counter.n_snapshots, ", of one disk or of a whole machine"),
    ] {
        let limit = kind.limit(&limits);
        let words = format!("{used} of {}{counts}.", kind.counted(limit));
        rows.push(QuotaRow { kind: Some(kind), what: what.to_owned(), used, limit, words });
    }
    let limit = limits.stored_gb_max;
    rows.push(QuotaRow {
        kind: Some(QuotaKind::Storage),
        what: "Storage of images, GB".to_owned(),
        used: n_gb,
        limit,
        words: format!(
            "{} of {} GB; with the recycle bin, and the full size of those being made.",
            size::decimal(held),
            grouped(limit)
        ),
    });
    let (made, here) = (counter.n_creating(), counter.creating.get(&project.id).copied().unwrap_or(0));
    rows.push(QuotaRow {
        kind: Some(QuotaKind::Creates),
        what: "Images being made at once".to_owned(),
        used: made,
        limit: limits.n_creates_max,
        words: format!(
            "{made} of {}, in all projects together; {here} of them in this one. Copies have turns of their own.",
            QuotaKind::Creates.counted(limits.n_creates_max)
        ),
    });
    let (n_copies, n_copies_max) = (counter.n_copies, ctx.app.settings.n_copies_max);
    rows.push(QuotaRow {
        kind: None,
        what: "Copies on their way".to_owned(),
        used: n_copies,
        limit: n_copies_max,
        words: format!(
            "{n_copies} of {} that travel here at once; others wait for their turn.",
            if n_copies_max == 1 { "1 copy".to_owned() } else { format!("{n_copies_max} copies") }
        ),
    });
    Ok(rows)
}

/// Requests of all accounts, newest first: the provider's view.
///
/// # Errors
/// `NotFound` for anybody else.
pub fn requests(ctx: &Ctx, query: &RequestQuery) -> Result<RequestList> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "request")?;
    let pending = pending(ctx)?;
    let n_pending = pending.len();
    // What waits is looked up by itself: however many there are after it, it must not be lost from sight.
    let all = match query.state {
        Some(State::Pending) => pending,
        wanted => {
            let mut all = newest(ctx, index::REQUEST_BY_TIME, &())?;
            all.retain(|request| wanted.is_none_or(|state| request.state == state));
            all
        }
    };
    let page = Page::cut(all, query.page, ROWS_DEFAULT);
    let mut rows = Vec::new();
    for request in page.rows {
        let account = ctx.read::<Account>(&request.account)?.map(|a| a.name.to_string());
        rows.push(row(request, account.unwrap_or_default()));
    }
    Ok(RequestList {
        page: Page { rows, number: page.number, size: page.size, total: page.total },
        n_pending: u32::try_from(n_pending).unwrap_or(u32::MAX),
        granted_max: ctx.app.settings.quota_request_max,
        now: ctx.now,
    })
}

/// Requests that wait for an answer, newest first.
fn pending(ctx: &Ctx) -> Result<Vec<Request>> {
    let mut open = Vec::new();
    for row in open_ids(ctx)? {
        open.extend(ctx.read::<Request>(&row)?);
    }
    open.sort_by_key(|request| std::cmp::Reverse((request.at, request.id)));
    Ok(open)
}

/// How many requests wait for an answer.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn n_pending(ctx: &Ctx) -> Result<u32> {
    Ok(u32::try_from(open_ids(ctx)?.len()).unwrap_or(u32::MAX))
}

fn open_ids(ctx: &Ctx) -> Result<Vec<RequestId>> {
    let limit = ctx.app.settings.history_rows_max;
    let store = ctx.app.store.as_ref();
    let open = list_index::<RequestId>(store, index::REQUEST_OPEN, &(), Order::Ascending, limit, None)?;
    Ok(open.items.into_iter().map(|row| row.value).collect())
}

/// One request, for the dialog that answers it.
///
/// # Errors
/// `NotFound`; `Forbidden` for who is not the provider's.
pub fn request(ctx: &Ctx, id: RequestId) -> Result<RequestRow> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "request")?;
    let request = ctx.read::<Request>(&id)?.ok_or_else(|| Error::not_found("request"))?;
    let account = ctx.read::<Account>(&request.account)?.map(|a| a.name.to_string());
    Ok(row(request, account.unwrap_or_default()))
}

fn newest(ctx: &Ctx, name: &str, prefix: &impl TableKey) -> Result<Vec<Request>> {
    let limit = ctx.app.settings.history_rows_max;
    let ids =
        list_index::<RequestId>(ctx.app.store.as_ref(), name, prefix, Order::Descending, limit, None)?.items;
    let mut found = Vec::new();
    for id in ids {
        found.extend(ctx.read::<Request>(&id.value)?);
    }
    Ok(found)
}

fn row(request: Request, account: String) -> RequestRow {
    let Request { id, region, wish, reason, by, at, state, decision, .. } = request;
    let decided = decision.as_ref().map(|d| d.at);
    let (decided_by, note, granted) = decision.map(|d| (d.by, d.note, d.granted)).unwrap_or_default();
    RequestRow { id, account, region, wish, reason, by, at, state, decided_by, decided, note, granted }
}

/// The key that keeps one kind of request from waiting twice.
pub(crate) fn open_key(request: &Request) -> (AccountId, RegionId, String) {
    (request.account, request.region.clone(), request.wish.key())
}

/// Asks the provider for more of something in a region, for the account of whoever asks.
///
/// # Errors
/// `Invalid` with fields; `quota_not_more` at `wanted`; `request_open` while one of the kind waits there; `Forbidden` for who is no owner.
pub fn ask(ctx: &Ctx, form: &QuotaRequestForm) -> Result<RequestId> {
    let Actor::Tenant { account, .. } = &ctx.actor else {
        ctx.authorize(Act::QuotaAsk, &Resource::Provider, "account")?;
        return Err(Error::not_found("account"));
    };
    let permit = ctx.authorize(Act::QuotaAsk, &Resource::Account(*account), "account")?;
    let asked = form.parse(ctx.app.settings.quota_request_max)?;
    let id = RequestId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let (account, region, limits) = party(tx, *account, &asked.region)?;
        let limit = asked.kind.limit(&limits);
        if asked.wanted <= limit {
            let message = format!(
                "Your limit in {} is {} already. Ask for more than that.",
                region.id,
                asked.kind.counted(limit)
            );
            return Err(Error::field("wanted", "quota_not_more", message));
        }
        let wish = Wish::More { kind: asked.kind, limit, wanted: asked.wanted };
        begin(tx, ctx, &permit, id, &account, region.id, wish, &asked.reason)
    })?;
    Ok(id)
}

/// Asks the provider for an image of the caller's account to be deployable in another region (U15).
///
/// # Errors
/// `Invalid` with fields; `reach_known` at `region`; `request_open`; the image's reason; `Forbidden` for who is no owner.
pub fn ask_reach(ctx: &Ctx, form: &ReachForm) -> Result<RequestId> {
    let asked = form.parse()?;
    let (image, _) = images::load(ctx, asked.image, Act::ImageGet)?;
    let permit = ctx.authorize(Act::QuotaAsk, &Resource::Account(image.account), "image")?;
    let id = RequestId(ctx.app.ids.uuid());
    ctx.transact(&permit, |tx| {
        let image = tx.get::<Image>(&image.id)?.ok_or_else(|| Error::not_found("image"))?;
        image.can(image::Action::Copy)?;
        image.can_reach()?;
        let account = tx.get::<Account>(&image.account)?.ok_or_else(|| Error::not_found("account"))?;
        let region = tx.get::<Region>(&asked.region)?.ok_or_else(|| {
            Error::field("region", "invalid_input", "There is no such region. Choose one from the list.")
        })?;
        if image.deploys_in(&region.id, image.account) {
            let message = format!("{} can be deployed in {} already.", image.name, region.id);
            return Err(Error::field("region", "reach_known", message));
        }
        let wish = Wish::Reach { image: image.id, name: image.name.clone(), home: image.region.clone() };
        begin(tx, ctx, &permit, id, &account, region.id, wish, &asked.reason)
    })?;
    Ok(id)
}

/// What the dialog that asks for an image in another region shows.
///
/// # Errors
/// `NotFound`; `Forbidden` for who is no owner.
pub fn reach_options(ctx: &Ctx, id: ImageId) -> Result<ReachOptions> {
    let (image, _) = images::load(ctx, id, Act::ImageGet)?;
    ctx.authorize(Act::QuotaAsk, &Resource::Account(image.account), "image")?;
    let all = people::regions(ctx)?.into_iter().map(|region| region.id);
    Ok(ReachOptions {
        blocked: image.can(image::Action::Copy).and_then(|()| image.can_reach()).err(),
        regions: all.filter(|region| !image.deploys_in(region, image.account)).collect(),
        image: id,
        name: image.name,
        home: image.region,
    })
}

#[expect(clippy::too_many_arguments, reason = "each is another part of the record that begins here")]
fn begin(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    id: RequestId,
    account: &Account,
    region: RegionId,
    wish: Wish,
    reason: &str,
) -> Result<()> {
    let request = Request {
        id,
        account: account.id,
        region,
        wish,
        reason: reason.to_owned(),
        by: ctx.actor.name().to_owned(),
        at: ctx.now,
        state: State::Pending,
        decision: None,
    };
    refuse_second(tx, &request)?;
    tx.insert(&request)?;
    tx.put_index(index::REQUEST_OPEN, &open_key(&request), &id)?;
    tx.put_index(index::REQUEST_BY_TIME, &(request.at.0, id), &id)?;
    let place = (request.account, request.region.clone(), request.at.0, id);
    tx.put_index(index::REQUEST_BY_PLACE, &place, &id)?;
    let detail = format!("{}: {}", request.words(), request.reason);
    tell(tx, ctx, permit, account, &request, "quota.ask", detail)
}

fn refuse_second(tx: &mut Tx<'_>, new: &Request) -> Result<()> {
    let Some(open) = tx.get_index::<RequestId>(index::REQUEST_OPEN, &open_key(new))? else { return Ok(()) };
    let open = tx.get::<Request>(&open)?.ok_or_else(|| Error::not_found("request"))?;
    let message = match (&new.wish, &open.wish) {
        (Wish::More { kind, .. }, Wish::More { wanted, .. }) => format!(
            "You can ask once at a time for more {} in {}. Your request of {} for {wanted} waits for an answer. Withdraw it to ask for something else.",
            kind.noun(),
            new.region,
            open.at.day()
        ),
        _ => format!("This was asked for on {} already and waits for an answer.", open.at.day()),
    };
    Err(Error::conflict("request_open", message))
}

/// Who asks, where, and what holds there now.
fn party(tx: &mut Tx<'_>, account: AccountId, region: &RegionId) -> Result<(Account, Region, Limits)> {
    let account = tx.get::<Account>(&account)?.ok_or_else(|| Error::not_found("account"))?;
    let region = tx.get::<Region>(region)?.ok_or_else(|| Error::not_found("region"))?;
    let limits = ledger::limits(tx, account.id, &region)?;
    Ok((account, region, limits))
}

/// Takes a request back.
///
/// # Errors
/// `NotFound`; `request_ended`; `Forbidden` for who is no owner.
pub fn withdraw(ctx: &Ctx, id: RequestId) -> Result<()> {
    let permit = match ctx.read::<Request>(&id)? {
        Some(request) => ctx.authorize(Act::QuotaAsk, &Resource::Account(request.account), "request")?,
        None => {
            ctx.authorize(Act::QuotaAsk, &Resource::Provider, "request")?;
            return Err(Error::not_found("request"));
        }
    };
    ctx.transact(&permit, |tx| {
        let mut request = tx.get::<Request>(&id)?.ok_or_else(|| Error::not_found("request"))?;
        let (account, ..) = party(tx, request.account, &request.region)?;
        end(tx, ctx, &mut request, State::Withdrawn, "", None)?;
        tell(tx, ctx, &permit, &account, &request, "quota.withdraw", format!("{}.", request.words()))
    })
}

/// Answers a request: gives a new limit, which holds from this commit on, or declines.
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `request_ended`; `quota_not_more` at `granted`.
pub fn decide(ctx: &Ctx, form: &QuotaDecisionForm) -> Result<()> {
    let permit = ctx.authorize(Act::QuotaDecide, &Resource::Provider, "request")?;
    let asked = match form.request.parse::<RequestId>() {
        Ok(id) => ctx.read::<Request>(&id)?,
        Err(_) => None,
    };
    let kind = asked.and_then(|request| match request.wish {
        Wish::More { kind, .. } => Some(kind),
        Wish::Reach { .. } => None,
    });
    let decision = form.parse(kind, ctx.app.settings.quota_request_max)?;
    ctx.transact(&permit, |tx| {
        let mut request = tx.get::<Request>(&decision.request)?.ok_or_else(|| Error::not_found("request"))?;
        let (account, region, limits) = party(tx, request.account, &request.region)?;
        let note = if decision.note.is_empty() { ".".to_owned() } else { format!(": {}", decision.note) };
        match (decision.verdict, request.wish.clone()) {
            (Verdict::Decline, _) => {
                end(tx, ctx, &mut request, State::Declined, &decision.note, None)?;
                let detail = format!("{}: {}", request.words(), decision.note);
                tell(tx, ctx, &permit, &account, &request, "quota.decline", detail)
            }
            (Verdict::Approve(granted), Wish::More { kind, .. }) => {
                let granted = granted.ok_or_else(|| {
                    Error::field("granted", "invalid_input", "A number is missing. Write the new limit.")
                })?;
                end(tx, ctx, &mut request, State::Approved, &decision.note, Some(granted))?;
                give_more(tx, ctx, &permit, &account, &region, limits, (kind, granted))?;
                let detail = format!("{} for {}{note}", kind.counted(granted), request.words());
                tell(tx, ctx, &permit, &account, &request, "quota.approve", detail)
            }
            (Verdict::Approve(_), Wish::Reach { image, .. }) => {
                end(tx, ctx, &mut request, State::Approved, &decision.note, None)?;
                give_reach(tx, ctx, &permit, image, &region)?;
                let detail = format!("{}{note}", request.words());
                tell(tx, ctx, &permit, &account, &request, "quota.approve", detail)
            }
        }
    })
}

fn give_more(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    account: &Account,
    region: &Region,
    limits: Limits,
    (kind, granted): (QuotaKind, u32),
) -> Result<()> {
    let limit = kind.limit(&limits);
    if granted <= limit {
        let message = format!(
            "The limit of {} in {} is {} already. Give more than that, or decline.",
            account.name,
            region.id,
            kind.counted(limit)
        );
        return Err(Error::field("granted", "quota_not_more", message));
    }
    let limits = kind.with_limit(limits, granted);
    provider::write_limits(tx, ctx, permit, account.id, &region.id, Some(limits))
}

/// Makes an image deployable in a region from this commit on (U15).
fn give_reach(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: ImageId, region: &Region) -> Result<()> {
    let Some(mut image) = tx.get::<Image>(&image)?.filter(|image| image.status.listed()) else {
        let message = "The image was deleted since it was asked for. Decline the request.";
        return Err(Error::conflict("image_gone", message));
    };
    image.reaches.insert(region.id.clone());
    tx.put(&image)?;
    let detail = format!("Can be deployed in {}.", region.id);
    audit::write(tx, ctx, permit, &images::entry(&image, "image.reach", detail))
}

fn end(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    request: &mut Request,
    state: State,
    note: &str,
    granted: Option<u32>,
) -> Result<()> {
    let by = ctx.actor.name().to_owned();
    request.end(state, Decision { by, at: ctx.now, note: note.to_owned(), granted })?;
    tx.delete_index(index::REQUEST_OPEN, &open_key(request));
    Ok(tx.put(request)?)
}

fn tell(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    account: &Account,
    request: &Request,
    action: &str,
    detail: String,
) -> Result<()> {
    let entry = provider::account_entry(account, Some(&request.region), action, detail);
    audit::write(tx, ctx, permit, &entry)
}
