//! Sharing across sites (H3): accounts belong to a site, regions are on some, and an image crosses only where its region is on both. What
//! is shared already stays so, whatever the provider moves.

use crate::domain::Result;
use crate::domain::error::{Error, Reason};
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::image::Image;
use crate::domain::project::{Account, Project};
use crate::domain::region::Region;
use crate::domain::view::{ShareLine, Verdict};
use crate::ops::ctx::Ctx;
use crate::store::Tx;

/// Where records are read from: the transaction of a change, or the store for a page.
pub(super) trait Records {
    fn account(&mut self, id: AccountId) -> Result<Option<Account>>;
    fn region(&mut self, id: &RegionId) -> Result<Option<Region>>;
}

impl Records for Tx<'_> {
    fn account(&mut self, id: AccountId) -> Result<Option<Account>> {
        Ok(self.get::<Account>(&id)?)
    }

    fn region(&mut self, id: &RegionId) -> Result<Option<Region>> {
        Ok(self.get::<Region>(id)?)
    }
}

impl Records for &Ctx {
    fn account(&mut self, id: AccountId) -> Result<Option<Account>> {
        self.read::<Account>(&id)
    }

    fn region(&mut self, id: &RegionId) -> Result<Option<Region>> {
        self.read::<Region>(id)
    }
}

/// Why `image` cannot be shared with a project of the account `other`; `None` when it can.
pub(super) fn refuses(records: &mut impl Records, image: &Image, other: AccountId) -> Result<Option<Reason>> {
    if image.account == other {
        return Ok(None);
    }
    let gone = |noun| move || Error::not_found(noun);
    let own = records.account(image.account)?.ok_or_else(gone("account"))?;
    let other = records.account(other)?.ok_or_else(gone("account"))?;
    let region = records.region(&image.region)?.ok_or_else(gone("region"))?;
    Ok(region.shares_across(&own.site, &other.site).err())
}

/// The line of a project, or why it cannot be asked.
pub(super) fn judge(
    records: &mut impl Records,
    image: &Image,
    project: Option<&Project>,
    line: ShareLine,
) -> Result<ShareLine> {
    let Some(project) = project.filter(|_| line.verdict == Verdict::Asked) else { return Ok(line) };
    Ok(match refuses(records, image, project.account)? {
        None => line,
        Some(reason) => ShareLine { verdict: Verdict::Wrong, text: reason.sentence(), ..line },
    })
}
