//! What the present month costs an account so far, and by its end. Looks once at every meter that reaches into the month.

use super::symbol;
use crate::domain::ids::AccountId;
use crate::domain::money::Exact;
use crate::domain::policy::Act;
use crate::domain::price::Ahead;
use crate::domain::usage::Period;
use crate::domain::view::MonthCost;
use crate::domain::{Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::people;
use crate::ops::usage::{Histories, Running, meters_since};

/// What the present month comes to for the account of the project in force, for dialogs that are about to change it; `None` for who has no
/// project, as the provider's people.
///
/// # Errors
/// When the store cannot be read; `Unauthenticated`.
pub fn ahead(ctx: &Ctx, place: &Place) -> Result<Option<Ahead>> {
    let project = match people::project_of(ctx, place, Act::BillingGet) {
        Ok((project, _)) => project,
        Err(error) if matches!(error.kind, Kind::NotFound | Kind::Forbidden) => return Ok(None),
        Err(error) => return Err(error),
    };
    let left_s = ctx.now.next_month().seconds().saturating_sub(ctx.now.seconds());
    Ok(Some(Ahead {
        forecast: month(ctx, project.account)?.forecast,
        left_s: u64::try_from(left_s).unwrap_or(0),
        symbol: symbol(ctx)?,
    }))
}

/// What the month costs, if everything that is charged now goes on until its end.
///
/// What goes on is added up before it is priced, so the forecast is rounded once for each price and region and not for each meter.
///
/// # Errors
/// When the store cannot be read.
pub fn month(ctx: &Ctx, account: AccountId) -> Result<MonthCost> {
    let month = Period::month(ctx.now);
    let (from, end) = (month.from, month.until);
    let mut histories = Histories::default();
    let mut cost = MonthCost::default();
    for meter in meters_since(&ctx.app, account, from) {
        let so_far = meter.cost_since(histories.of(&ctx.app, &meter.region)?, from, ctx.now);
        cost.so_far = cost.so_far + so_far;
        if meter.charge.of_image() {
            cost.images = cost.images + so_far;
        }
    }
    cost.forecast = cost.so_far;
    for ((region, charge), sum) in ctx.app.meters.tally(&account, Running::by_charge) {
        let mut rest = Exact::default();
        for part in histories.of(&ctx.app, &region)?.parts(&charge, ctx.now, end) {
            rest.add(charge.owed(&part, sum.quantity_by(&charge, part.basis), part.seconds()));
        }
        cost.forecast = cost.forecast + rest.rounded();
    }
    Ok(cost)
}
