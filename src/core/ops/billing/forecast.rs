//! What the present month costs an account so far, and by its end. Looks at every meter once.

use super::symbol;
use crate::domain::ids::AccountId;
use crate::domain::meter::Meter;
use crate::domain::money::Money;
use crate::domain::policy::Act;
use crate::domain::price::Ahead;
use crate::domain::usage::{self, Period};
use crate::domain::view::MonthCost;
use crate::domain::{Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::people;
use crate::ops::usage::Histories;

/// What runs on and costs the same: one meter that stands for all of them.
struct Alike {
    meter: Meter,
    n: i64,
}

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
    let mut open: Vec<Alike> = Vec::new();
    for meter in ctx.app.meters.group(&account) {
        if !usage::reaches(&meter, month) {
            continue;
        }
        let history = histories.of(&ctx.app, &meter.region)?;
        let so_far = meter.cost_since(history, from, ctx.now);
        cost.so_far = cost.so_far + so_far;
        if meter.charge.of_image() {
            cost.images = cost.images + so_far;
        }
        if meter.to.is_none() {
            add(&mut open, &meter);
        }
    }
    cost.forecast = cost.so_far;
    for alike in open {
        let Alike { mut meter, n } = alike;
        let by_bytes = meter.charge.by_bytes();
        meter.from = ctx.now;
        let rest = meter.cost(histories.of(&ctx.app, &meter.region)?, end);
        cost.forecast = cost.forecast + if by_bytes { rest } else { Money(rest.0.saturating_mul(n)) };
    }
    Ok(cost)
}

fn add(open: &mut Vec<Alike>, meter: &Meter) {
    let same = |known: &&mut Alike| known.meter.charge == meter.charge && known.meter.region == meter.region;
    match open.iter_mut().find(same) {
        Some(known) => {
            known.n += 1;
            known.meter.quantity_bytes = known.meter.quantity_bytes.saturating_add(meter.quantity_bytes);
            known.meter.virtual_bytes = known.meter.virtual_bytes.saturating_add(meter.virtual_bytes);
        }
        None => open.push(Alike { meter: meter.clone(), n: 1 }),
    }
}
