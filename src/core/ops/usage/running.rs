//! What is charged on at present, summed up for each account as meters open, change and close: pages and forecasts ask it all the time, and
//! an account may have tens of thousands of meters. Never a price: those change by themselves.

use crate::domain::ids::{AccountId, ProjectId, RegionId};
use crate::domain::meter::{Charge, Meter};
use crate::domain::price::Basis;
use crate::domain::time::Timestamp;
use crate::store::Cataloged;
use std::collections::BTreeMap;

/// What open meters of one charge have together.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Open {
    /// How many they are.
    pub n: u64,
    quantity_bytes: u128,
    virtual_bytes: u128,
}

impl Open {
    fn add(&mut self, other: Self) {
        self.n += other.n;
        self.quantity_bytes += other.quantity_bytes;
        self.virtual_bytes += other.virtual_bytes;
    }

    /// How much is charged where images are by this basis: bytes, or how many there are where the charge is for time alone.
    pub fn quantity_by(&self, charge: &Charge, basis: Basis) -> u64 {
        let quantity = charge.quantity(basis, self.n.into(), self.quantity_bytes, self.virtual_bytes);
        u64::try_from(quantity).unwrap_or(u64::MAX)
    }
}

/// The open meters of an account, summed up by region, charge and project.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Running(BTreeMap<(RegionId, Charge, ProjectId), Open>);

impl Running {
    /// What is charged for this in a region: in one project, or in all of the account.
    pub(crate) fn of(&self, region: &RegionId, charge: &Charge, project: Option<ProjectId>) -> Open {
        let mut found = Open::default();
        for ((in_region, of, whose), sum) in &self.0 {
            if in_region == region && of == charge && project.is_none_or(|project| project == *whose) {
                found.add(*sum);
            }
        }
        found
    }

    /// What is charged for images, in the recycle bin or not, by project and region: in one project, or in all of the account.
    pub(super) fn of_images(
        &self,
        project: Option<ProjectId>,
    ) -> BTreeMap<(ProjectId, RegionId), Vec<(Charge, Open)>> {
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((region, charge, whose), sum) in &self.0 {
            if charge.of_image() && project.is_none_or(|project| project == *whose) {
                found.entry((*whose, region.clone())).or_default().push((charge.clone(), *sum));
            }
        }
        found
    }

    /// What is charged in each region and for what, whatever the project.
    pub(crate) fn by_charge(&self) -> BTreeMap<(RegionId, Charge), Open> {
        let mut found: BTreeMap<(RegionId, Charge), Open> = BTreeMap::new();
        for ((region, charge, _), sum) in &self.0 {
            found.entry((region.clone(), charge.clone())).or_default().add(*sum);
        }
        found
    }
}

fn place(meter: &Meter) -> (RegionId, Charge, ProjectId) {
    (meter.region.clone(), meter.charge.clone(), meter.project)
}

impl Cataloged for Meter {
    type Group = AccountId;
    /// When it ends, in milliseconds; those that are open come last.
    type Rank = u64;
    type Tally = Running;

    fn group(&self) -> AccountId {
        self.account
    }

    fn rank(&self) -> u64 {
        self.to.map_or(u64::MAX, ended)
    }

    fn count_in(&self, running: &mut Running) {
        if self.to.is_none() {
            running.0.entry(place(self)).or_default().add(Open {
                n: 1,
                quantity_bytes: self.quantity_bytes.into(),
                virtual_bytes: self.virtual_bytes.into(),
            });
        }
    }

    fn count_out(&self, running: &mut Running) {
        let place = place(self);
        if let (None, Some(sum)) = (self.to, running.0.get_mut(&place)) {
            sum.n -= 1;
            sum.quantity_bytes -= u128::from(self.quantity_bytes);
            sum.virtual_bytes -= u128::from(self.virtual_bytes);
            if sum.n == 0 {
                running.0.remove(&place);
            }
        }
    }
}

/// The rank of meters that ended at this moment. Those of before its second charge for nothing from then on.
pub(super) fn ended(at: Timestamp) -> u64 {
    u64::try_from(at.0).unwrap_or(0)
}
