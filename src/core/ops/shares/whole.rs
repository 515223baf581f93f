//! What becomes of all shares of an image at once when the image is deleted, comes back, or is going to be deleted. Part of those use
//! cases, in their transactions.

use super::{Side, all, both, count, judge_end, remove, shared};
use crate::domain::Result;
use crate::domain::actor::Actor;
use crate::domain::image::Image;
use crate::domain::share::{Share, Sharing, State};
use crate::domain::time::Timestamp;
use crate::ops::ctx::{Ctx, Permit};
use crate::store::Tx;

/// What the owner says about those who have the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Consent {
    /// Nothing: then there must be nobody.
    None,
    /// Sharing may end for all of them.
    Unshare,
}

/// Refuses to take away an image that others have or are asked about, unless the owner said that sharing ends (A5-4); and, even then, to
/// take it sooner than recipients are left. Clears away what has ended already.
///
/// # Errors
/// `image_shared` with the figure and the way out; `share_grace_too_short` at `when` or `day`.
pub(crate) fn may_leave(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &Image,
    consent: Consent,
    leaves: Option<Timestamp>,
) -> Result<()> {
    clear_ended(tx, ctx, permit, image)?;
    let sharing = count(tx, image.id)?;
    if sharing.n_open() > 0 && consent == Consent::None {
        return Err(shared(sharing.n_open()).into());
    }
    // Who has not accepted loses nothing, so nobody has to be left time.
    if leaves.is_none() && sharing.n_accepted == 0 {
        return Ok(());
    }
    judge_end(ctx, leaves)
}

/// Clears away the shares of the image that have ended.
pub(crate) fn clear_ended(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    for share in all(tx, image.id)?.iter().filter(|share| !share.stands(image, ctx.now)) {
        ended(tx, ctx, permit, image, share)?;
    }
    Ok(())
}

/// Removes a share that has ended and tells both sides. Whoever came upon it did not end it, so it is told as what happened by itself.
pub(super) fn ended(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image, share: &Share) -> Result<()> {
    remove(tx, ctx, share)?;
    let by_itself = Ctx { actor: Actor::System, ..ctx.clone() };
    both(tx, &by_itself, permit, image, share, Side::Owner, "share.ended", "Ended for", "Ended by")
}

/// The image goes to the recycle bin: the shares stay and give nothing, and both sides are told.
pub(crate) fn suspend(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    for share in open(tx, ctx, image)? {
        let (own, other) = ("Suspended with the image for", "Suspended with the image by");
        both(tx, ctx, permit, image, &share, Side::Owner, "share.suspend", own, other)?;
    }
    Ok(())
}

/// The image is back, and with it the shares that still stand.
pub(crate) fn resume(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    for share in open(tx, ctx, image)? {
        let (own, other) = ("Back with the image for", "Back with the image by");
        both(tx, ctx, permit, image, &share, Side::Owner, "share.resume", own, other)?;
    }
    Ok(())
}

/// The image goes for good, and all its shares with it.
pub(crate) fn end_all(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    if tx.get::<Sharing>(&image.id)?.is_none() {
        return Ok(());
    }
    for share in open(tx, ctx, image)? {
        both(tx, ctx, permit, image, &share, Side::Owner, "share.stop", "Stopped for", "Stopped by")?;
    }
    for share in all(tx, image.id)? {
        remove(tx, ctx, &share)?;
    }
    tx.delete::<Sharing>(&image.id);
    Ok(())
}

/// The image is going to be deleted at `end`, where `image` says what was planned before: who has it keeps it until then, or until an
/// earlier end; nobody else is asked any more.
pub(crate) fn end_at(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &Image,
    end: Timestamp,
) -> Result<()> {
    for share in all(tx, image.id)? {
        let (action, own, other) = match share.state {
            State::Accepted => {
                // An end of its own holds if it is sooner, and is not touched.
                let at = share.ends.map_or(end, |own| own.min(end));
                if share.ends_with(image) == Some(at) {
                    continue;
                }
                let day = at.plus_ms(-1).day();
                ("share.end", format!("Ends on {day} for"), format!("Ends on {day}, set by"))
            }
            State::Pending => {
                remove(tx, ctx, &share)?;
                ("share.stop", "Withdrawn from".to_owned(), "Withdrawn by".to_owned())
            }
            // Nobody's; it could only be accepted without an end.
            State::Rejected => {
                remove(tx, ctx, &share)?;
                continue;
            }
        };
        both(tx, ctx, permit, image, &share, Side::Owner, action, &own, &other)?;
    }
    Ok(())
}

/// The image, which was to be deleted at `end`, stays after all: the shares that were to end with it go on, to an end of their own if they
/// have one.
pub(crate) fn go_on(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    image: &Image,
    end: Timestamp,
) -> Result<()> {
    let went_too = |share: &Share| share.state == State::Accepted && share.ends.is_none_or(|own| own > end);
    for share in all(tx, image.id)?.into_iter().filter(went_too) {
        let (own, other) = match share.ends {
            None => ("Goes on for".to_owned(), "Goes on, set by".to_owned()),
            Some(own) => {
                let day = own.plus_ms(-1).day();
                (format!("Goes on until {day} for"), format!("Goes on until {day}, set by"))
            }
        };
        both(tx, ctx, permit, image, &share, Side::Owner, "share.keep", &own, &other)?;
    }
    Ok(())
}

/// Shares that somebody has or is asked about.
fn open(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image) -> Result<Vec<Share>> {
    let mut found = all(tx, image.id)?;
    found.retain(|share| share.stands(image, ctx.now) && share.state != State::Rejected);
    Ok(found)
}
