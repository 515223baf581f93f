//! The simulated storage: one content-addressed store per region over the model of a host.

use super::content::{BLOCK_BYTES, Content};
use super::host::{GRACE_MS, Host, Manifest, Op, Region, base_path, end};
use crate::domain::attribution::first_holders;
use crate::domain::ids::RegionId;
use crate::domain::time::Timestamp;
use crate::ports::{Blobs, Fingerprint, PortError, Storage, Stored, StoredSize, Swept, Transferred, Watcher};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) struct SimStorage(pub(super) Arc<Host>);

impl Storage for SimStorage {
    fn region(&self, region: &RegionId) -> Result<Arc<dyn Blobs>, PortError> {
        if !self.0.state().regions.contains_key(region) {
            return Err(PortError::Unavailable(format!("There is no storage in {region}.")));
        }
        Ok(Arc::new(self.blobs(region)))
    }

    fn transfer(
        &self,
        from: &RegionId,
        to: &RegionId,
        fingerprint: &Fingerprint,
        watcher: &dyn Watcher,
    ) -> Result<Transferred, PortError> {
        let ends_with = self.0.begin(Op::Transfer)?;
        let (from, to) = (self.blobs(from), self.blobs(to));
        let read = || {
            let content = from.content(fingerprint);
            if content.is_err() {
                // Nobody asks for a transfer of what was never there.
                let what = format!("{} was swept from {} under a copy", fingerprint.0, from.region);
                self.0.state().broken.push(what);
            }
            content
        };
        let wanted: BTreeSet<u64> = read()?.blocks.into_values().collect();
        let there = to.with(|r| r.blocks())?;
        let sent_bytes = bytes(&wanted.difference(&there).copied().collect());
        for part in 1..=4 {
            self.0.clock.advance(500);
            watcher.progress(sent_bytes / 4 * part, sent_bytes);
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
        }
        // Read to the very end: whoever takes it away meanwhile breaks the copy.
        let content = read()?;
        let size = StoredSize { virtual_bytes: content.virtual_bytes, stored_bytes: content.stored_bytes() };
        to.with(|r| r.manifests.insert(fingerprint.0.clone(), Manifest { content, unneeded_since: None }))?;
        let present_bytes = size.stored_bytes.saturating_sub(sent_bytes);
        end(ends_with, Transferred { size, sent_bytes, present_bytes })
    }
}

impl SimStorage {
    fn blobs(&self, region: &RegionId) -> SimBlobs {
        SimBlobs { host: self.0.clone(), region: region.clone() }
    }
}

struct SimBlobs {
    host: Arc<Host>,
    region: RegionId,
}

impl SimBlobs {
    fn with<T>(&self, use_region: impl FnOnce(&mut Region) -> T) -> Result<T, PortError> {
        let mut state = self.host.state();
        let region = state.regions.get_mut(&self.region);
        region.map(use_region).ok_or_else(|| PortError::Unavailable("The region is gone.".to_owned()))
    }

    fn content(&self, print: &Fingerprint) -> Result<Content, PortError> {
        self.with(|r| r.manifests.get(&print.0).map(|m| m.content.clone()))?
            .ok_or_else(|| PortError::Gone(format!("No content with the fingerprint {} is stored.", print.0)))
    }

    fn blocks(&self, prints: &[Fingerprint]) -> Result<BTreeSet<u64>, PortError> {
        let mut blocks = BTreeSet::new();
        for print in prints {
            blocks.extend(self.content(print)?.blocks.into_values());
        }
        Ok(blocks)
    }
}

fn bytes(blocks: &BTreeSet<u64>) -> u64 {
    BLOCK_BYTES.saturating_mul(u64::try_from(blocks.len()).unwrap_or(u64::MAX))
}

impl Blobs for SimBlobs {
    fn ingest(&self, scratch: &str, watcher: &dyn Watcher) -> Result<Stored, PortError> {
        let ends_with = self.host.begin(Op::Ingest)?;
        let found = self.host.state().files.get(scratch).cloned();
        let content = found.ok_or_else(|| PortError::Gone(format!("{scratch} is not there.")))?;
        for part in 1..=4 {
            self.host.clock.advance(500);
            watcher.progress(content.virtual_bytes / 4 * part, content.virtual_bytes);
            if watcher.cancelled() {
                return Err(PortError::Cancelled);
            }
        }
        let print = content.fingerprint();
        let stored_bytes = content.stored_bytes();
        let stored = Stored {
            fingerprint: Fingerprint(print.clone()),
            sha256: content.sha256(),
            virtual_bytes: content.virtual_bytes,
            stored_bytes,
            new_bytes: stored_bytes,
        };
        // Stored anew: its grace starts again, whatever an earlier sweep had noted.
        self.with(|r| r.manifests.insert(print, Manifest { content, unneeded_since: None }))?;
        end(ends_with, stored)
    }

    fn base(&self, fingerprint: &Fingerprint, watcher: &dyn Watcher) -> Result<String, PortError> {
        let ends_with = self.host.begin(Op::Base)?;
        if watcher.cancelled() {
            return Err(PortError::Cancelled);
        }
        self.content(fingerprint)?;
        self.with(|r| r.bases.insert(fingerprint.0.clone()))?;
        end(ends_with, base_path(&self.region, &fingerprint.0))
    }

    fn size(&self, fingerprint: &Fingerprint) -> Result<StoredSize, PortError> {
        let content = self.content(fingerprint)?;
        Ok(StoredSize { virtual_bytes: content.virtual_bytes, stored_bytes: content.stored_bytes() })
    }

    fn unique_bytes(&self, fingerprint: &Fingerprint, others: &[Fingerprint]) -> Result<u64, PortError> {
        let (own, rest) = (self.blocks(std::slice::from_ref(fingerprint))?, self.blocks(others)?);
        Ok(bytes(&own.difference(&rest).copied().collect()))
    }

    fn union_bytes(&self, fingerprints: &[Fingerprint]) -> Result<u64, PortError> {
        Ok(bytes(&self.blocks(fingerprints)?))
    }

    fn attribute(&self, groups: &[Vec<Fingerprint>]) -> Result<Vec<u64>, PortError> {
        let blocks = |group: &Vec<Fingerprint>| self.blocks(group);
        let groups: Vec<BTreeSet<u64>> = groups.iter().map(blocks).collect::<Result<_, _>>()?;
        let sized = |group: BTreeSet<u64>| group.into_iter().map(|block| (block, BLOCK_BYTES)).collect();
        Ok(first_holders(groups.into_iter().map(sized)))
    }

    fn sweep(&self, live: &[Fingerprint], now: Timestamp) -> Result<Swept, PortError> {
        let ends_with = self.host.begin(Op::Sweep)?;
        let live: BTreeSet<&str> = live.iter().map(|f| f.0.as_str()).collect();
        let mut n_chunks = 0;
        let mut lost = Vec::new();
        self.with(|region| {
            region.manifests.retain(|print, manifest| {
                if live.contains(print.as_str()) {
                    manifest.unneeded_since = None;
                    return true;
                }
                let since = *manifest.unneeded_since.get_or_insert(now);
                let keep = now.since_ms(since) <= GRACE_MS;
                if !keep {
                    n_chunks += 1;
                    lost.push(print.clone());
                }
                keep
            });
            region.bases.retain(|print| !lost.contains(print));
        })?;
        let mut state = self.host.state();
        for print in lost {
            let path = base_path(&self.region, &print);
            let standing = state
                .machines
                .iter()
                .find(|(_, m)| m.disks.values().any(|(_, base)| base.as_deref() == Some(path.as_str())));
            if let Some((id, _)) = standing {
                let what = format!("the sweep removed {print}, on which the disk of {id} stands");
                state.broken.push(what);
            }
        }
        drop(state);
        end(ends_with, Swept { n_chunks, freed_bytes: n_chunks.saturating_mul(BLOCK_BYTES) })
    }

    fn stored_bytes(&self) -> Result<u64, PortError> {
        Ok(bytes(&self.with(|r| r.blocks())?))
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(1 << 40)
    }
}
