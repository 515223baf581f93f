//! The slots that open shares take among the limits of the account that shares (U18). How many may accept one image is another limit, and
//! goes by accepted shares alone (H5).

use crate::domain::Error;
use crate::domain::Result;
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::Image;
use crate::domain::quota::Counter;
use crate::domain::region::Region;
use crate::domain::share::Share;
use crate::ops::ctx::Ctx;
use crate::ops::ledger;
use crate::store::Tx;

/// Takes a slot for each of `n` more shares of the image.
///
/// # Errors
/// `account_share_limit_reached`.
pub(super) fn take(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, n: u32) -> Result<()> {
    let region = tx.get::<Region>(&image.region)?.ok_or_else(|| Error::not_found("region"))?;
    let limits = ledger::limits(tx, image.account, &region)?;
    ledger::count(tx, image.account, &image.region, |counter| {
        let before = before(ctx, counter);
        counter.take_shares(n, before, &limits)
    })
}

/// Gives the slot of a share back.
pub(super) fn give(tx: &mut Tx<'_>, ctx: &Ctx, share: &Share) -> Result<()> {
    ledger::count(tx, share.account, &share.region, |counter| {
        let before = before(ctx, counter);
        counter.give_shares(1, before);
        Ok(())
    })
}

/// How many shares are open, for a counter that does not know. They are not read in the transaction, and need not be: whoever changes one
/// writes the counter, and from then on it knows.
fn before(ctx: &Ctx, counter: &Counter) -> u32 {
    match counter.n_shares {
        Some(_) => 0,
        None => open(ctx, counter.account, &counter.region),
    }
}

fn open(ctx: &Ctx, account: AccountId, region: &RegionId) -> u32 {
    let shares = ctx.app.shares.all();
    let own = shares.iter().filter(|s| s.account == account && s.region == *region && s.state.open());
    u32::try_from(own.count()).unwrap_or(u32::MAX)
}

/// Open shares as the counter has them, or as they are where it does not know.
pub(crate) fn n_counted(ctx: &Ctx, counter: &Counter) -> u32 {
    counter.n_shares.unwrap_or_else(|| open(ctx, counter.account, &counter.region))
}
