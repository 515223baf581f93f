//! What things cost, computed from meters: nothing is ever stored that could be computed.

use super::ctx::Ctx;
use crate::domain::ids::{AccountId, Subject};
use crate::domain::meter::{Charge, Meter};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
use std::sync::Arc;

/// What `subject` has cost its account so far.
pub fn cost_of(ctx: &Ctx, account: AccountId, subject: Subject) -> Money {
    ctx.app.meters.group(&account).iter().filter(|m| m.subject == subject).map(|m| m.cost(ctx.now)).sum()
}

/// What an account has cost between `from` and `until`, all charges and images alone.
pub fn cost_between(ctx: &Ctx, account: AccountId, from: Timestamp, until: Timestamp) -> (Money, Money) {
    let mut all = Money::ZERO;
    let mut images = Money::ZERO;
    for meter in ctx.app.meters.group(&account) {
        let cost = within(&meter, from, until);
        all = all + cost;
        if meter.charge == Charge::ImageStorage {
            images = images + cost;
        }
    }
    (all, images)
}

/// The part of a meter's cost that falls between two moments.
fn within(meter: &Arc<Meter>, from: Timestamp, until: Timestamp) -> Money {
    let start = meter.from.max(from);
    let end = meter.to.unwrap_or(until).min(until);
    if end <= start {
        return Money::ZERO;
    }
    let part = Meter { from: start, to: Some(end), ..Meter::clone(meter) };
    part.cost(until)
}
