//! Sharing across sites (H3): accounts belong to a site, regions are on some, and an image crosses only where its region is on both.

use crate::domain::Result;
use crate::domain::error::{Error, Reason};
use crate::domain::ids::AccountId;
use crate::domain::image::Image;
use crate::domain::project::{Account, Project};
use crate::domain::region::Region;
use crate::domain::view::{ShareLine, Verdict};
use crate::store::Tx;

/// Where an image is shared from.
pub(super) struct Place {
    region: Region,
    site: String,
}

/// Where `image` is shared from.
pub(super) fn of(tx: &mut Tx<'_>, image: &Image) -> Result<Place> {
    let region = tx.get::<Region>(&image.region)?.ok_or_else(|| Error::not_found("region"))?;
    let account = tx.get::<Account>(&image.account)?.ok_or_else(|| Error::not_found("account"))?;
    Ok(Place { region, site: account.site })
}

impl Place {
    /// Why the image cannot be shared with a project of this account; `None` when it can.
    pub(super) fn refuses(&self, tx: &mut Tx<'_>, account: AccountId) -> Result<Option<Reason>> {
        let account = tx.get::<Account>(&account)?.ok_or_else(|| Error::not_found("account"))?;
        Ok(self.region.shares_across(&self.site, &account.site).err())
    }

    /// The line of a project that would be asked, or why it cannot be.
    pub(super) fn judge(&self, tx: &mut Tx<'_>, project: &Project, line: ShareLine) -> Result<ShareLine> {
        Ok(match self.refuses(tx, project.account)? {
            None => line,
            Some(reason) => ShareLine { verdict: Verdict::Wrong, text: reason.sentence(), ..line },
        })
    }
}
