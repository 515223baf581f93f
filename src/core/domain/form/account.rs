//! The provider's forms about one account: its site (H3), and its own limits in a region (U18).

use super::Faults;
use super::region::{LIMIT_MAX, number};
use crate::domain::error::{Error, Result};
use crate::domain::ids::{AccountId, RegionId};
use crate::domain::quota::Limits;
use crate::domain::text;
use serde::{Deserialize, Serialize};

/// The dialog *Change account*.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountForm {
    /// The account, a UUID.
    pub account: String,
    /// The site it belongs to.
    pub site: String,
}

impl AccountForm {
    /// Parses the form into the account and its site.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<(AccountId, String)> {
        let mut faults = Faults::default();
        let account = faults.take("account", known(&self.account));
        let site = faults.take("site", text::site(&self.site));
        account.zip(site).ok_or_else(|| Error::invalid(faults.0))
    }
}

/// The dialog *Change limits* of an account in a region.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LimitsForm {
    /// The account, a UUID.
    pub account: String,
    /// The region.
    pub region: String,
    /// `own` for the limits below, `region` for those that hold for everybody there.
    pub whose: String,
    /// Images.
    pub n_images_max: String,
    /// Machines.
    pub n_instances_max: String,
    /// Images being made at the same time, per project.
    pub n_creates_max: String,
    /// Open shares of its images.
    pub n_shares_max: String,
    /// Stored GB of its images.
    pub stored_gb_max: String,
}

/// Limits of an account in a region to be; `None` for those of the region.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitsEdit {
    /// The account.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    /// The limits.
    pub limits: Option<Limits>,
}

impl LimitsForm {
    /// The form filled with what holds now.
    pub fn of(account: AccountId, region: &RegionId, limits: &Limits, own: bool) -> Self {
        Self {
            account: account.to_string(),
            region: region.to_string(),
            whose: if own { "own" } else { "region" }.to_owned(),
            n_images_max: limits.n_images_max.to_string(),
            n_instances_max: limits.n_instances_max.to_string(),
            n_creates_max: limits.n_creates_max.to_string(),
            n_shares_max: limits.n_shares_max.to_string(),
            stored_gb_max: limits.stored_gb_max.to_string(),
        }
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<LimitsEdit> {
        let mut faults = Faults::default();
        let account = faults.take("account", known(&self.account));
        let limits = match self.whose.as_str() {
            "own" => self.limits(&mut faults).map(Some),
            "region" => Some(None),
            _ => faults.take("whose", Err("Choose whose limits hold.".to_owned())),
        };
        match (account, limits) {
            (Some(account), Some(limits)) => {
                Ok(LimitsEdit { account, region: RegionId(self.region.clone()), limits })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }

    fn limits(&self, faults: &mut Faults) -> Option<Limits> {
        let mut limit = |field, text| faults.take(field, number(text, LIMIT_MAX));
        let (n_images_max, n_instances_max) =
            (limit("n_images_max", &self.n_images_max), limit("n_instances_max", &self.n_instances_max));
        let (n_creates_max, n_shares_max) =
            (limit("n_creates_max", &self.n_creates_max), limit("n_shares_max", &self.n_shares_max));
        let stored_gb_max = limit("stored_gb_max", &self.stored_gb_max);
        Some(Limits {
            n_images_max: n_images_max?,
            n_instances_max: n_instances_max?,
            n_creates_max: n_creates_max?,
            n_shares_max: n_shares_max?,
            stored_gb_max: stored_gb_max?,
        })
    }
}

fn known(id: &str) -> Result<AccountId, String> {
    id.parse().map_err(|_| "This account is not known. Open it again.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn own_limits_are_numbers_and_those_of_the_region_need_none() {
        let limits = Limits {
            n_images_max: 1,
            n_instances_max: 2,
            n_creates_max: 3,
            n_shares_max: 4,
            stored_gb_max: 5,
        };
        let form = LimitsForm::of(AccountId(Uuid::nil()), &"north-1".into(), &limits, true);
        assert_eq!(form.parse().map(|edit| edit.limits), Ok(Some(limits)));
        let wrong = LimitsForm { n_images_max: "many".to_owned(), stored_gb_max: "-1".to_owned(), ..form };
        let fields = wrong.parse().expect_err("refused").fields;
        assert_eq!(
            fields.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(),
            ["n_images_max", "stored_gb_max"]
        );
        let back = LimitsForm { whose: "region".to_owned(), ..wrong };
        assert_eq!(back.parse().map(|edit| edit.limits), Ok(None));
        let form = AccountForm { account: Uuid::nil().to_string(), site: "Asia".to_owned() };
        assert_eq!(form.parse().expect_err("refused").fields[0].field, "site");
    }
}
