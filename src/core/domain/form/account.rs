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
    /// Images being made at the same time, in all projects together.
    pub n_creates_max: String,
    /// Accepted shares of its images.
    pub n_shares_max: String,
    /// Stored GB of its images.
    pub stored_gb_max: String,
    /// Snapshots.
    pub n_snapshots_max: String,
    /// What the dialog showed, as [`LimitsForm::of`] writes it: what was left as it was is not written over what somebody else changed.
    pub shown: String,
}

/// Limits of an account in a region to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LimitsEdit {
    /// The account.
    pub account: AccountId,
    /// Where.
    pub region: RegionId,
    whose: Whose,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Whose {
    /// Nothing was changed.
    Unchanged,
    /// Those of the region.
    Region,
    /// Its own, with these figures changed, in the order of [`LimitsForm::FIGURES`].
    Own([Option<u32>; 6]),
}

impl LimitsForm {
    /// The fields with figures, in their order.
    const FIGURES: [&str; 6] = [
        "n_images_max",
        "n_instances_max",
        "n_creates_max",
        "n_shares_max",
        "stored_gb_max",
        "n_snapshots_max",
    ];

    /// The form filled with what holds now.
    pub fn of(account: AccountId, region: &RegionId, limits: &Limits, own: bool) -> Self {
        let mut form = Self {
            account: account.to_string(),
            region: region.to_string(),
            whose: if own { "own" } else { "region" }.to_owned(),
            n_images_max: limits.n_images_max.to_string(),
            n_instances_max: limits.n_instances_max.to_string(),
            n_creates_max: limits.n_creates_max.to_string(),
            n_shares_max: limits.n_shares_max.to_string(),
            stored_gb_max: limits.stored_gb_max.to_string(),
            n_snapshots_max: limits.n_snapshots_max.to_string(),
            shown: String::new(),
        };
        form.shown = format!("{},{}", form.whose, form.typed().join(","));
        form
    }

    fn typed(&self) -> [&str; 6] {
        [
            &self.n_images_max,
            &self.n_instances_max,
            &self.n_creates_max,
            &self.n_shares_max,
            &self.stored_gb_max,
            &self.n_snapshots_max,
        ]
    }

    /// Parses the form.
    ///
    /// # Errors
    /// `Invalid`, with one entry per field that breaks a rule.
    pub fn parse(&self) -> Result<LimitsEdit> {
        let mut faults = Faults::default();
        let account = faults.take("account", known(&self.account));
        let shown: Vec<&str> = self.shown.split(',').collect();
        let mut figures = [None; 6];
        for (place, (field, typed)) in Self::FIGURES.into_iter().zip(self.typed()).enumerate() {
            if shown.get(place + 1) == Some(&typed) {
                continue;
            }
            figures[place] = match self.whose.as_str() {
                "region" => faults
                    .take(field, Err("Choose limits of its own above for a figure of its own.".to_owned())),
                _ => faults.take(field, number(typed, LIMIT_MAX)),
            };
        }
        let whose = match self.whose.as_str() {
            "own" => Some(Whose::Own(figures)),
            "region" if shown.first() == Some(&"region") => Some(Whose::Unchanged),
            "region" => Some(Whose::Region),
            _ => faults.take("whose", Err("Choose whose limits hold.".to_owned())),
        };
        match (account, whose) {
            (Some(account), Some(whose)) if faults.0.is_empty() => {
                Ok(LimitsEdit { account, region: RegionId(self.region.clone()), whose })
            }
            _ => Err(Error::invalid(faults.0)),
        }
    }
}

impl LimitsEdit {
    /// The account's own limits after the edit, where it has `own` ones or else those of its region now; `None` for none of its own.
    pub fn applied(&self, own: Option<Limits>, of_region: Limits) -> Option<Limits> {
        match &self.whose {
            Whose::Unchanged => own,
            Whose::Region => None,
            Whose::Own(figures) => {
                let mut limits = own.unwrap_or(of_region);
                let places = [
                    &mut limits.n_images_max,
                    &mut limits.n_instances_max,
                    &mut limits.n_creates_max,
                    &mut limits.n_shares_max,
                    &mut limits.stored_gb_max,
                    &mut limits.n_snapshots_max,
                ];
                for (place, figure) in places.into_iter().zip(figures) {
                    *place = figure.unwrap_or(*place);
                }
                Some(limits)
            }
        }
    }
}

fn known(id: &str) -> Result<AccountId, String> {
    id.parse().map_err(|_| "This account is not known. Open it again.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const LIMITS: Limits = Limits {
        n_images_max: 1,
        n_instances_max: 2,
        n_creates_max: 3,
        n_shares_max: 4,
        stored_gb_max: 5,
        n_snapshots_max: 6,
    };

    fn form(own: bool) -> LimitsForm {
        LimitsForm::of(AccountId(Uuid::nil()), &"north-1".into(), &LIMITS, own)
    }

    #[test]
    fn only_figures_that_were_changed_are_written() {
        let edit = LimitsForm { stored_gb_max: "2000".to_owned(), ..form(true) }.parse().expect("valid");
        let meanwhile = Limits { n_images_max: 50, ..LIMITS };
        assert_eq!(edit.applied(Some(meanwhile), LIMITS), Some(Limits { stored_gb_max: 2000, ..meanwhile }));
        let untouched = form(false).parse().expect("valid");
        assert_eq!(untouched.applied(Some(meanwhile), LIMITS), Some(meanwhile), "nor is whose they are");
        let back = LimitsForm { whose: "region".to_owned(), ..form(true) }.parse().expect("valid");
        assert_eq!(back.applied(Some(meanwhile), LIMITS), None);
        let own = LimitsForm { whose: "own".to_owned(), n_images_max: "9".to_owned(), ..form(false) };
        assert_eq!(
            own.parse().expect("valid").applied(None, LIMITS),
            Some(Limits { n_images_max: 9, ..LIMITS })
        );
    }

    #[test]
    fn what_cannot_be_is_said_at_its_field() {
        let fields = |form: LimitsForm| {
            let refused = form.parse().expect_err("refused").fields;
            refused.into_iter().map(|fault| fault.field).collect::<Vec<_>>()
        };
        let wrong =
            LimitsForm { n_images_max: "many".to_owned(), stored_gb_max: "-1".to_owned(), ..form(true) };
        assert_eq!(fields(wrong.clone()), ["n_images_max", "stored_gb_max"]);
        let lost = LimitsForm { whose: "region".to_owned(), n_images_max: "9".to_owned(), ..form(false) };
        assert_eq!(fields(lost), ["n_images_max"], "a figure that would be lost");
        let account = AccountForm { account: Uuid::nil().to_string(), site: "Asia".to_owned() };
        assert_eq!(account.parse().expect_err("refused").fields[0].field, "site");
    }
}
