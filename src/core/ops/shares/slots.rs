//! The slots that accepted shares take among the limits of the account that shares (U18, H5). How many may accept one image is another
//! limit, which the count of that image keeps.

use crate::domain::Error;
use crate::domain::Result;
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::quota::{Counter, Limits};
use crate::domain::region::Region;
use crate::domain::share::{Share, State};
use crate::ops::ctx::Ctx;
use crate::ops::{ledger, people};
use crate::store::Tx;

/// A share of the account was in state `from` and is in state `to` from this commit on; `None` stands for no share. Becoming accepted takes
/// a slot, ceasing to be gives it back, and nothing else moves any.
///
/// # Errors
/// `account_share_limit_reached`, in words for the account that shares.
pub(super) fn moved(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    share: &Share,
    from: Option<State>,
    to: Option<State>,
) -> Result<()> {
    let takes = |state: Option<State>| state.is_some_and(State::takes_slot);
    let (account, region) = (share.account, &share.region);
    match (takes(from), takes(to)) {
        (false, true) => {
            let place = tx.get::<Region>(region)?.ok_or_else(|| Error::not_found("region"))?;
            let limits = ledger::limits(tx, account, &place)?;
            ledger::count(tx, account, region, |counter| counter.take_share(before(ctx, counter), &limits))
        }
        (true, false) => ledger::count(tx, account, region, |counter| {
            counter.give_share(before(ctx, counter));
            Ok(())
        }),
        (true, true) | (false, false) => Ok(()),
    }
}

/// How many shares are accepted, for a counter that does not know. They are not read in the transaction, and need not be: whoever changes
/// one writes the counter, and from then on it knows.
fn before(ctx: &Ctx, counter: &Counter) -> u32 {
    match counter.n_shares {
        Some(_) => 0,
        None => accepted(ctx, counter.account, &counter.region),
    }
}

fn accepted(ctx: &Ctx, account: AccountId, region: &RegionId) -> u32 {
    let shares = ctx.app.shares.all();
    let own = shares.iter().filter(|s| s.account == account && s.region == *region && s.state.takes_slot());
    u32::try_from(own.count()).unwrap_or(u32::MAX)
}

/// Accepted shares as the counter has them, or as they are where it does not know.
pub(crate) fn n_counted(ctx: &Ctx, counter: &Counter) -> u32 {
    counter.n_shares.unwrap_or_else(|| accepted(ctx, counter.account, &counter.region))
}

/// How many shares of an account are accepted in a region, and how many may be.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn used(ctx: &Ctx, account: AccountId, region: &RegionId) -> Result<(u32, u32)> {
    let region = ctx.read::<Region>(region)?.ok_or_else(|| Error::not_found("region"))?;
    let (counter, limits): (Counter, Limits) = people::counter(ctx, account, &region)?;
    Ok((n_counted(ctx, &counter), limits.n_shares_max))
}
