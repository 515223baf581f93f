//! The provider's pages about accounts: all of them, one in full, its site (H3) and its limits (U18).

use super::{account_entry, accounts, projects, write_limits};
use crate::domain::form::{AccountForm, LimitsForm};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::page::{Page, ROWS_DEFAULT};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project, Side, User};
use crate::domain::region::Region;
use crate::domain::view::{AccountDetail, AccountList, AccountPlace, AccountRow};
use crate::domain::{Error, Result};
use crate::ops::ctx::Ctx;
use crate::ops::{audit, images, ledger, people, shares, usage};
use crate::store::{Order, list};
use std::collections::BTreeMap;

/// Accounts and users that are read at once.
const ROWS: u32 = 100_000;

/// All accounts with what they have, by name.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn rows(ctx: &Ctx) -> Result<Vec<AccountRow>> {
    let all = list::<Project>(ctx.app.store.as_ref(), &(), Order::Ascending, ROWS, None)?.items;
    let regions = people::regions(ctx)?;
    // Looked at once, however many accounts there are.
    let mut held: BTreeMap<AccountId, u64> = BTreeMap::new();
    for image in ctx.app.images.all() {
        let of = held.entry(image.account).or_default();
        *of = of.saturating_add(image.held_bytes());
    }
    let mut rows = Vec::new();
    for account in accounts(ctx)? {
        let own: Vec<ProjectId> = all.iter().filter(|p| p.account == account.id).map(|p| p.id).collect();
        let held_bytes = held.get(&account.id).copied().unwrap_or(0);
        rows.push(row(ctx, account, held_bytes, &own, &regions)?);
    }
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rows)
}

fn row(
    ctx: &Ctx,
    account: Account,
    held_bytes: u64,
    projects: &[ProjectId],
    regions: &[Region],
) -> Result<AccountRow> {
    let groups = || projects.iter().flat_map(|p| regions.iter().map(|r| (*p, r.id.clone())));
    Ok(AccountRow {
        n_projects: u32::try_from(projects.len()).unwrap_or(u32::MAX),
        n_images: groups().map(|g| images::n_listed(ctx, &g)).fold(0, u32::saturating_add),
        n_instances: groups().map(|g| ctx.app.instances.count(&g)).fold(0, u32::saturating_add),
        held_bytes,
        cost: usage::cost_since(ctx, account.id, ctx.now.month_start())?,
        id: account.id,
        name: account.name,
        site: account.site,
    })
}

/// The page *Accounts*.
///
/// # Errors
/// `Forbidden` for who is not the provider's.
pub fn account_list(ctx: &Ctx, page: u32) -> Result<AccountList> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "account")?;
    Ok(AccountList {
        page: Page::cut(rows(ctx)?, page, ROWS_DEFAULT),
        symbol: symbol(&people::regions(ctx)?),
    })
}

fn symbol(regions: &[Region]) -> String {
    regions.first().map(|region| region.prices.symbol.clone()).unwrap_or_default()
}

/// One account in full.
///
/// # Errors
/// `NotFound`; `Forbidden` for who is not the provider's.
pub fn account_detail(ctx: &Ctx, id: AccountId) -> Result<AccountDetail> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "account")?;
    let account = ctx.read::<Account>(&id)?.ok_or_else(|| Error::not_found("account"))?;
    let regions = people::regions(ctx)?;
    let mut places = Vec::new();
    for region in &regions {
        let (counter, limits) = people::counter(ctx, id, region)?;
        places.push(AccountPlace {
            limits,
            own: account.limits.contains_key(&region.id),
            n_images: counter.n_images,
            n_instances: counter.n_instances,
            n_shares: shares::n_counted(ctx, &counter),
            held_bytes: ledger::held_by(ctx, id, &region.id),
            region: region.id.clone(),
        });
    }
    let mut own: Vec<_> = projects(ctx, id)?.into_iter().map(|p| (p.id, p.name)).collect();
    own.sort_by(|a, b| a.1.cmp(&b.1));
    let all = list::<User>(ctx.app.store.as_ref(), &(), Order::Ascending, ROWS, None)?.items;
    let mut users: Vec<(String, u32)> = all.into_iter().filter_map(|user| member(user, id)).collect();
    users.sort();
    Ok(AccountDetail {
        id,
        cost: usage::cost_since(ctx, id, ctx.now.month_start())?,
        symbol: symbol(&regions),
        name: account.name,
        site: account.site,
        created: account.created,
        projects: own,
        users,
        places,
        now: ctx.now,
    })
}

fn member(user: User, of: AccountId) -> Option<(String, u32)> {
    match user.side {
        Side::Tenant { account, roles } if account == of => {
            Some((user.email, u32::try_from(roles.len()).unwrap_or(u32::MAX)))
        }
        Side::Tenant { .. } | Side::Operator => None,
    }
}

/// Moves an account to a site (H3). What is shared stays so; what is shared from then on is judged by the new one.
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `Forbidden` for who is not the provider's.
pub fn edit_account(ctx: &Ctx, form: &AccountForm) -> Result<AccountId> {
    let permit = ctx.authorize(Act::AccountUpdate, &Resource::Provider, "account")?;
    let (id, site) = form.parse()?;
    ctx.transact(&permit, |tx| {
        let mut account = tx.get::<Account>(&id)?.ok_or_else(|| Error::not_found("account"))?;
        if account.site == site {
            return Ok(());
        }
        let detail = format!("Changed the site from {} to {site}.", account.site);
        account.site.clone_from(&site);
        tx.put(&account)?;
        audit::write(tx, ctx, &permit, &account_entry(&account, None, "account.update", detail))
    })?;
    Ok(id)
}

/// Sets what an account may have in a region, or goes back to what holds for everybody there (U18). What exists stays.
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `Forbidden` for who is not the provider's.
pub fn edit_limits(ctx: &Ctx, form: &LimitsForm) -> Result<AccountId> {
    let permit = ctx.authorize(Act::AccountUpdate, &Resource::Provider, "account")?;
    let edit = form.parse()?;
    ctx.transact(&permit, |tx| {
        let region = tx.get::<Region>(&edit.region)?.ok_or_else(|| Error::not_found("region"))?;
        let account = tx.get::<Account>(&edit.account)?.ok_or_else(|| Error::not_found("account"))?;
        let own = account.limits.get(&edit.region).copied();
        let limits = edit.applied(own, region.limits);
        if own == limits {
            return Ok(());
        }
        write_limits(tx, ctx, &permit, edit.account, &edit.region, limits)
    })?;
    Ok(edit.account)
}
