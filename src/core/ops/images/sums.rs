//! What is known of all images of a project and region without looking at them: every page asks for it, and there may be ten thousand.

use crate::domain::ids::{ProjectId, RegionId};
use crate::domain::image::{Image, Status};
use crate::store::Cataloged;
use std::collections::BTreeMap;

/// The images of a project and region, summed up.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Sums {
    /// How many stand in lists: all but deleted ones.
    pub n_listed: u32,
    /// How many are in the recycle bin.
    pub n_recycled: u32,
    virtual_bytes: u128,
    stored_bytes: u128,
    charged_bytes: u128,
    /// How many of those listed have a tag, by key and value.
    tags: BTreeMap<String, BTreeMap<String, u32>>,
}

impl Sums {
    /// Bytes that guests see of those that are Available.
    pub(super) fn virtual_bytes(&self) -> u64 {
        u64::try_from(self.virtual_bytes).unwrap_or(u64::MAX)
    }

    /// Bytes that are stored of those that are Available.
    pub(super) fn stored_bytes(&self) -> u64 {
        u64::try_from(self.stored_bytes).unwrap_or(u64::MAX)
    }

    /// Bytes that are stored of those that are charged for, in the recycle bin or not.
    pub(crate) fn charged_bytes(&self) -> u64 {
        u64::try_from(self.charged_bytes).unwrap_or(u64::MAX)
    }

    /// The tags of those listed, in order.
    pub(super) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tags.iter().flat_map(|(key, values)| values.keys().map(|value| (key.as_str(), value.as_str())))
    }

    fn tag(&mut self, key: &str, value: &str) {
        // A list of thousands has few tags: they are copied when they are new.
        match self.tags.get_mut(key).and_then(|values| values.get_mut(value)) {
            Some(n) => *n += 1,
            None => {
                self.tags.entry(key.to_owned()).or_default().insert(value.to_owned(), 1);
            }
        }
    }

    fn untag(&mut self, key: &str, value: &str) {
        let Some(values) = self.tags.get_mut(key) else { return };
        if let Some(n) = values.get_mut(value) {
            *n -= 1;
            if *n == 0 {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.tags.remove(key);
        }
    }
}

impl Cataloged for Image {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = Sums;

    fn group(&self) -> Self::Group {
        (self.project, self.region.clone())
    }

    /// Most images have one disk, and a list that is decoded has room for four.
    fn shrink(&mut self) {
        self.disks.shrink_to_fit();
    }

    fn count_in(&self, sums: &mut Sums) {
        if self.charge().is_some() {
            sums.charged_bytes += u128::from(self.stored_bytes());
        }
        if self.status == Status::Recycled {
            sums.n_recycled += 1;
            return;
        }
        sums.n_listed += 1;
        if self.status == Status::Available {
            sums.virtual_bytes += u128::from(self.virtual_bytes());
            sums.stored_bytes += u128::from(self.stored_bytes());
        }
        self.tags.iter().for_each(|(key, value)| sums.tag(key, value));
    }

    fn count_out(&self, sums: &mut Sums) {
        if self.charge().is_some() {
            sums.charged_bytes -= u128::from(self.stored_bytes());
        }
        if self.status == Status::Recycled {
            sums.n_recycled -= 1;
            return;
        }
        sums.n_listed -= 1;
        if self.status == Status::Available {
            sums.virtual_bytes -= u128::from(self.virtual_bytes());
            sums.stored_bytes -= u128::from(self.stored_bytes());
        }
        self.tags.iter().for_each(|(key, value)| sums.untag(key, value));
    }
}
