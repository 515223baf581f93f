//! What an image is an image of, and what follows from that. One model: an image has one or more disks, and its kind says which. Must not know
//! how disks are copied or stored.

use super::{BootMode, Image, ImageDisk, Os};
use crate::domain::disk::{DiskKind, DiskRole};
use crate::domain::error::Reason;
use crate::domain::ids::DiskId;
use crate::domain::instance::{Disk, Instance};
use crate::domain::price::{Estimate, PriceBook};
use crate::domain::size;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What an image is an image of (F2, F5, F7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The system disk of a machine.
    #[default]
    System,
    /// One data disk of a machine; machines get new disks from it.
    Data,
    /// All disks of a machine, taken at one instant.
    Machine,
    /// A read-only disc that a machine is installed from.
    Iso,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::System, Self::Data, Self::Machine, Self::Iso];

    /// The words people see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::System => "System disk",
            Self::Data => "Data disk",
            Self::Machine => "Whole machine",
            Self::Iso => "ISO",
        }
    }

    /// The word in addresses and forms.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Data => "data",
            Self::Machine => "machine",
            Self::Iso => "iso",
        }
    }
}

/// Whether making images of this kind needs the snapshot service of the machine's disks (U4).
pub const fn needs_snapshot_service(kind: Kind) -> bool {
    match kind {
        Kind::Machine => true,
        Kind::System | Kind::Data | Kind::Iso => false,
    }
}

/// What of a machine an image is to be made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// Its system disk.
    System,
    /// All its disks, at one instant (U1, U2).
    Machine,
    /// This data disk (F5).
    Disk(DiskId),
}

/// As in forms: `system` or nothing, `machine`, or the id of a data disk.
impl FromStr for What {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "" | "system" => Ok(Self::System),
            "machine" => Ok(Self::Machine),
            id => id.parse().map(Self::Disk).map_err(|_| ()),
        }
    }
}

impl Instance {
    /// A disk as people name it: `system`, or `data-1` and so on in the order of the machine's disks.
    pub fn disk_name(&self, id: DiskId) -> String {
        let before = self.disks.iter().take_while(|disk| disk.id != id);
        let n = before.filter(|disk| disk.role == DiskRole::Data).count() + 1;
        let is_system = self.disks.iter().any(|disk| disk.id == id && disk.role == DiskRole::System);
        if is_system { "system".to_owned() } else { format!("data-{n}") }
    }

    /// A disk in words, such as `data-1, ssd, 10 GiB`.
    pub fn disk_label(&self, disk: &Disk) -> String {
        format!("{}, {}, {}", self.disk_name(disk.id), disk.kind, size::binary(disk.size_bytes))
    }

    /// The kind of the image that `what` of this machine would be, apart from the machine's state and limits.
    ///
    /// # Errors
    /// `no_data_disks`; `data_disk_kind` (U3); `not_a_data_disk`.
    pub fn can_capture(&self, what: What) -> Result<Kind, Reason> {
        let data = || self.disks.iter().filter(|disk| disk.role == DiskRole::Data);
        let wanted: Vec<&Disk> = match what {
            What::System => return Ok(Kind::System),
            What::Machine => data().collect(),
            What::Disk(id) => data().filter(|disk| disk.id == id).collect(),
        };
        if wanted.is_empty() {
            return Err(match what {
                What::Disk(_) => Reason::new(
                    "not_a_data_disk",
                    "Only a data disk that the machine has now can be made an image by itself.",
                    "It has no such data disk.",
                    "Open the machine again and choose one of its disks.",
                ),
                What::System | What::Machine => Reason::new(
                    "no_data_disks",
                    "An image of a whole machine is of its system disk and its data disks.",
                    "This machine has no data disk.",
                    "Choose “system disk only”.",
                ),
            });
        }
        let mut unfit = wanted.iter().filter(|disk| !disk.kind.captures_data()).peekable();
        if unfit.peek().is_some() {
            let named: Vec<String> =
                unfit.map(|disk| format!("{} is on {}", self.disk_name(disk.id), disk.kind)).collect();
            let way_out = match what {
                What::Disk(_) => "Choose a data disk on ssd.",
                What::System | What::Machine => {
                    "Choose “system disk only”, or move the data to a disk on ssd first."
                }
            };
            return Err(Reason::new(
                "data_disk_kind",
                "Data disks on economy or local storage cannot be part of an image.",
                format!("{}.", named.join(", ")),
                way_out,
            ));
        }
        Ok(if what == What::Machine { Kind::Machine } else { Kind::Data })
    }
}

impl Image {
    /// What of its machine it is made of, so that it can be made again.
    pub fn what(&self) -> What {
        match (self.kind, self.source.as_ref().and_then(|source| source.disk)) {
            (Kind::Data, Some(disk)) => What::Disk(disk),
            (Kind::Machine, _) => What::Machine,
            (Kind::System | Kind::Data | Kind::Iso, _) => What::System,
        }
    }

    /// The image without what only a system disk has: nothing starts from a data disk alone.
    #[must_use]
    pub fn without_system(self) -> Self {
        Self {
            os: Os::default(),
            boot: BootMode::default(),
            nic_multiqueue: false,
            sriov: false,
            min_vcpus: 0,
            min_memory_mib: 0,
            max_memory_mib: 0,
            parent: None,
            licence: String::new(),
            ..self
        }
    }

    /// The size of its first disk: of its system disk, or of its only data disk, in bytes; zero until the disks are stored.
    pub fn first_bytes(&self) -> u64 {
        self.disks.first().map_or(0, |disk| disk.virtual_bytes)
    }

    /// The least size of the disk that is made from its first one, in bytes. A machine that is installed from an ISO has a disk of any size.
    pub fn least_disk_bytes(&self) -> u64 {
        match self.kind {
            Kind::System | Kind::Data | Kind::Machine => self.min_disk_bytes.max(self.first_bytes()),
            Kind::Iso => self.min_disk_bytes,
        }
    }

    /// Whether its disks and its zone are those that its kind has; for an image that has its disks.
    pub fn is_of_its_kind(&self) -> bool {
        let first = self.disks.first().map(|disk| disk.role);
        let n_data = self.disks.iter().filter(|disk| disk.role == DiskRole::Data).count();
        let (n, zone) = (self.disks.len(), self.zone.is_some());
        match self.kind {
            Kind::System | Kind::Iso => (n, first, zone) == (1, Some(DiskRole::System), false),
            Kind::Data => (n, first, zone) == (1, Some(DiskRole::Data), false),
            Kind::Machine => n_data > 0 && (n, first, zone) == (n_data + 1, Some(DiskRole::System), true),
        }
    }

    /// Its data disks, in their order; of a data-disk image none, as its only disk is what a new disk is made from.
    pub fn data_disks(&self) -> impl Iterator<Item = &ImageDisk> {
        let whole = self.kind == Kind::Machine;
        self.disks.iter().skip(1).filter(move |_| whole)
    }

    /// The disks that a copy of this kind has (U10): all of them, or of a whole machine only the system disk.
    pub fn disks_for(&self, kind: Kind) -> Vec<ImageDisk> {
        let n = if self.kind == Kind::Machine && kind != Kind::Machine { 1 } else { self.disks.len() };
        self.disks.iter().take(n).cloned().collect()
    }

    /// Its disks in words, such as `system, 10 GiB` and `data-1, ssd, 5 GiB`.
    pub fn disk_labels(&self) -> Vec<String> {
        let mut n_data = 0;
        let mut label = |disk: &ImageDisk| {
            let name = match disk.role {
                DiskRole::System if self.kind == Kind::Iso => "disc".to_owned(),
                DiskRole::System => "system".to_owned(),
                DiskRole::Data => {
                    n_data += 1;
                    format!("data-{n_data}")
                }
            };
            let storage = disk.storage.map(|kind| format!("{kind}, ")).unwrap_or_default();
            format!("{name}, {storage}{}", size::binary(disk.virtual_bytes))
        };
        self.disks.iter().map(&mut label).collect()
    }

    /// Whether machines are made from it.
    ///
    /// # Errors
    /// `image_is_data` (F5, H17).
    pub fn makes_machines(&self) -> Result<(), Reason> {
        match self.kind {
            Kind::System | Kind::Machine | Kind::Iso => Ok(()),
            Kind::Data => Err(Reason::new(
                "image_is_data",
                "Nothing starts from a data disk, so no machine is made from its image.",
                "This is an image of a data disk.",
                "Stop a machine and add a new disk to it from this image.",
            )),
        }
    }

    /// Whether new disks are made from it; never does it go into a disk that is there (H17).
    ///
    /// # Errors
    /// `image_is_not_data`.
    pub fn makes_disks(&self) -> Result<(), Reason> {
        match self.kind {
            Kind::Data => Ok(()),
            Kind::System | Kind::Machine | Kind::Iso => Err(Reason::new(
                "image_is_not_data",
                "A new disk is made from a data-disk image or empty.",
                format!("This is an image of another kind: {}.", self.kind.word().to_lowercase()),
                "Choose a data-disk image.",
            )),
        }
    }

    /// The disks of `machine` that a capture for this image takes, system disk first; empty when the data disk it is of is gone.
    pub fn takes<'a>(&self, machine: &'a Instance) -> Vec<&'a Disk> {
        let of_image = self.source.as_ref().and_then(|source| source.disk);
        let takes = |disk: &&Disk| match self.kind {
            Kind::System | Kind::Iso => disk.role == DiskRole::System,
            Kind::Machine => true,
            Kind::Data => of_image == Some(disk.id),
        };
        machine.disks.iter().filter(takes).collect()
    }

    /// Bytes that an image of `machine` may need at most: its disks at their full size. What is stored of them is compressed and never more.
    pub fn may_need(&self, machine: &Instance) -> u64 {
        self.takes(machine).iter().map(|disk| disk.size_bytes).fold(0, u64::saturating_add)
    }

    /// What a copy of the kind `kind` costs that shares nothing with another image.
    pub fn estimate_for(&self, kind: Kind, prices: &PriceBook) -> Estimate {
        let virtual_bytes =
            self.disks_for(kind).iter().map(|disk| disk.virtual_bytes).fold(0, u64::saturating_add);
        prices.image(prices.counted(self.stored_bytes_for(kind), virtual_bytes))
    }

    /// Bytes that are stored of the disks that a copy of the kind `kind` takes.
    pub fn stored_bytes_for(&self, kind: Kind) -> u64 {
        self.disks_for(kind).iter().map(|disk| disk.stored_bytes).fold(0, u64::saturating_add)
    }
}

impl DiskKind {
    /// Whether a data disk of this kind can be part of an image (U3).
    pub const fn captures_data(self) -> bool {
        match self {
            Self::Ssd => true,
            Self::Economy | Self::Local => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Source, Status, tests::image};
    use super::*;
    use crate::domain::instance::{Status as Doing, tests::instance};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn machine(kinds: &[DiskKind]) -> Instance {
        let mut machine = instance(Doing::Running);
        for (n, kind) in kinds.iter().enumerate() {
            machine.disks.push(Disk {
                id: Uuid::from_u128(40 + n as u128).into(),
                role: DiskRole::Data,
                kind: *kind,
                size_bytes: 5 << 30,
                base: None,
            });
        }
        machine
    }

    #[test]
    fn what_of_a_machine_can_be_captured_is_as_agreed() {
        use DiskKind::{Economy, Local, Ssd};
        let machines: [&[DiskKind]; 4] = [&[], &[Ssd], &[Ssd, Economy], &[Local, Economy, Ssd]];
        let mut table = String::new();
        for kinds in machines {
            let machine = machine(kinds);
            let whats = [What::System, What::Machine].into_iter().map(|what| (format!("{what:?}"), what));
            let disks = machine.disks.iter().map(|d| (machine.disk_name(d.id), What::Disk(d.id)));
            for (name, what) in whats.chain(disks) {
                let verdict = match machine.can_capture(what) {
                    Ok(kind) => kind.word().to_owned(),
                    Err(reason) => format!("{}: {}", reason.code, reason.sentence()),
                };
                table += &format!("{kinds:?} {name}: {verdict}\n");
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn an_image_takes_the_disks_of_its_kind_and_says_so_when_it_is_made_again() {
        let machine = machine(&[DiskKind::Ssd, DiskKind::Ssd]);
        let ids = |kind, disk: Option<DiskId>| -> Vec<u128> {
            let source = Source { id: machine.id, name: machine.name.clone(), disk };
            let image = Image { kind, source: Some(source), ..image(Status::Creating) };
            assert_eq!(machine.can_capture(image.what()).ok(), Some(kind));
            image.takes(&machine).iter().map(|disk| disk.id.0.as_u128()).collect()
        };
        assert_eq!(ids(Kind::System, None), [4]);
        assert_eq!(ids(Kind::Machine, None), [4, 40, 41]);
        assert_eq!(ids(Kind::Data, Some(machine.disks[2].id)), [41]);
    }

    #[test]
    fn only_data_images_make_disks_and_all_others_make_machines() {
        for kind in Kind::ALL {
            let image = Image { kind, ..image(Status::Available) };
            assert_ne!(image.makes_machines().is_ok(), image.makes_disks().is_ok(), "{kind:?}");
            assert_eq!(needs_snapshot_service(kind), kind == Kind::Machine);
        }
    }

    proptest! {
        #[test]
        fn a_copy_of_a_machine_has_all_disks_or_the_system_disk(n_data in 0u64..4) {
            let disk = |n: u64| ImageDisk {
                role: if n == 0 { DiskRole::System } else { DiskRole::Data },
                storage: Some(DiskKind::Ssd),
                fingerprint: format!("{n:064x}"),
                sha256: String::new(),
                virtual_bytes: (n + 1) << 30,
                stored_bytes: n,
            };
            let whole = Image { kind: Kind::Machine, disks: (0..=n_data).map(disk).collect(), ..image(Status::Available) };
            prop_assert_eq!(&whole.disks_for(Kind::Machine), &whole.disks);
            let system = whole.disks_for(Kind::System);
            prop_assert_eq!(system.as_slice(), &whole.disks[..1]);
            prop_assert_eq!(whole.data_disks().count(), whole.disks.len() - 1);
            prop_assert_eq!(whole.disk_labels().len(), whole.disks.len());
        }
    }
}
