//! Verifies what is counted: shares by image, and what an account has in a region.

use super::All;
use crate::domain::ids::{AccountId, ImageId, ProjectId, RegionId};
use crate::domain::share::Sharing;
use crate::domain::{image, instance};
use std::collections::BTreeMap;

impl All {
    /// Shares lead from an image to a project, as both are, and are counted.
    pub(super) fn shares(&mut self) {
        let mut recount: BTreeMap<ImageId, Sharing> = BTreeMap::new();
        for share in self.shares.clone() {
            recount.entry(share.image).or_insert(Sharing::none(share.image)).moved(None, Some(share.state));
            let image = self.images.get(&share.image.0);
            let fits = image.is_some_and(|i| {
                (i.account, i.project, &i.region) == (share.account, share.project, &share.region)
            });
            let reaches =
                self.projects.get(&share.recipient).is_some_and(|p| p.account == share.recipient_account);
            if !fits || !reaches {
                self.found(format!(
                    "The share of the image {} with the project {} does not fit to both.",
                    share.image, share.recipient
                ));
            }
        }
        for (image, says) in std::mem::take(&mut self.sharings) {
            let are = recount.remove(&image).unwrap_or(Sharing::none(image));
            if (says.n_accepted, says.n_pending) != (are.n_accepted, are.n_pending) {
                self.found(format!(
                    "The image {image} is written down as accepted by {} and offered to {}; there are {} and {} such shares.",
                    says.n_accepted, says.n_pending, are.n_accepted, are.n_pending
                ));
            }
        }
        for image in recount.into_keys() {
            self.found(format!("The shares of the image {image} are not counted."));
        }
    }

    pub(super) fn counters(&mut self) {
        let mut recount: BTreeMap<(AccountId, RegionId), Recount> = BTreeMap::new();
        for image in self.images.values().filter(|i| i.takes_slot()) {
            let account = recount.entry((image.account, image.region.clone())).or_default();
            account.n_images += 1;
            if image.status == image::Status::Creating && image.copied_from.is_none() {
                *account.creating.entry(image.project).or_default() += 1;
            }
        }
        for image in self.images.values().filter(|i| i.held_bytes() > 0) {
            let of = recount.entry((image.account, image.region.clone())).or_default();
            of.stored_bytes = of.stored_bytes.saturating_add(image.held_bytes());
        }
        for machine in self.instances.values().filter(|i| i.status != instance::Status::Deleting) {
            recount.entry((machine.account, machine.region.clone())).or_default().n_instances += 1;
        }
        for snapshot in self.snapshots.values().filter(|s| s.takes_slot()) {
            recount.entry((snapshot.account, snapshot.region.clone())).or_default().n_snapshots += 1;
        }
        for task in self.tasks.iter().filter(|t| t.has_turn()) {
            recount.entry((task.account, task.region.clone())).or_default().n_copies += 1;
        }
        for share in self.shares.iter().filter(|s| s.state.takes_slot()) {
            recount.entry((share.account, share.region.clone())).or_default().n_shares += 1;
        }
        for counter in std::mem::take(&mut self.counters) {
            let counted = recount.remove(&(counter.account, counter.region.clone())).unwrap_or_default();
            let whose = self.account_name(counter.account);
            if (counter.n_images, counter.n_instances) != (counted.n_images, counted.n_instances) {
                self.found(format!(
                    "The counter of {whose} in {} says {} images and {} instances; there are {} and {}.",
                    counter.region,
                    counter.n_images,
                    counter.n_instances,
                    counted.n_images,
                    counted.n_instances
                ));
            }
            // One of an older darkroom says nothing about them; the next answer or end counts them.
            if let Some(says) = counter.n_shares.filter(|says| *says != counted.n_shares) {
                self.found(format!(
                    "The counter of {whose} in {} says {says} accepted shares; there are {}.",
                    counter.region, counted.n_shares
                ));
            }
            if let Some(says) = counter.stored_bytes.filter(|says| *says != counted.stored_bytes) {
                self.found(format!(
                    "The counter of {whose} in {} says that images hold {says} bytes; they hold {}.",
                    counter.region, counted.stored_bytes
                ));
            }
            if counter.n_snapshots != counted.n_snapshots {
                self.found(format!(
                    "The counter of {whose} in {} says {} snapshots; there are {}.",
                    counter.region, counter.n_snapshots, counted.n_snapshots
                ));
            }
            if counter.n_copies != counted.n_copies {
                self.found(format!(
                    "The counter of {whose} in {} says {} copies on their way; there are {}.",
                    counter.region, counter.n_copies, counted.n_copies
                ));
            }
            if counter.creating != counted.creating {
                let n = |creating: &BTreeMap<ProjectId, u32>| {
                    let of = |(id, n): (&ProjectId, &u32)| {
                        let name =
                            self.projects.get(id).map_or_else(|| id.to_string(), |p| p.name.to_string());
                        format!("{n} in {name}")
                    };
                    let all = creating.iter().map(of).collect::<Vec<_>>().join(", ");
                    if all.is_empty() { "none".to_owned() } else { all }
                };
                let (says, are) = (n(&counter.creating), n(&counted.creating));
                self.found(format!(
                    "The counter of {whose} in {} says that of the images being made there are: {says}; there are: {are}.",
                    counter.region
                ));
            }
        }
        for ((account, region), Recount { n_images, n_instances, .. }) in recount {
            let whose = self.account_name(account);
            self.found(format!(
                "The counter of {whose} in {region} is missing; there are {n_images} images and {n_instances} instances."
            ));
        }
    }
}

/// What an account has in a region, counted again.
#[derive(Default)]
struct Recount {
    n_images: u32,
    n_instances: u32,
    n_copies: u32,
    n_shares: u32,
    stored_bytes: u64,
    n_snapshots: u32,
    creating: BTreeMap<ProjectId, u32>,
}
