//! Judges disk files from outside by their first bytes: which format, how large, and whether it is safe to open.
//!
//! Pure: values in, values out. A disk format can name other files, network addresses and absurd sizes, and tools follow them. So nothing is
//! opened by a tool before [`judge`] allowed it. Whatever is not understood completely is refused, with a sentence for the person who sent it.

use super::size::binary;
use std::fmt;

/// How much of a file's beginning [`judge`] wants to see.
pub const HEADER_BYTES: u64 = 64 * 1024;

/// Disks are made of sectors.
const SECTOR_BYTES: u64 = 512;

/// The same limits that QEMU has for the tables of a QCOW2 file.
const L1_BYTES_MAX: u64 = 32 << 20;
const REFCOUNT_TABLE_BYTES_MAX: u64 = 8 << 20;
const N_EXTENSIONS_MAX: usize = 32;

/// A disk file format that darkroom takes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FormatKind {
    /// The disk's bytes themselves.
    Raw,
    /// QEMU's format, version 2 or 3.
    Qcow2,
}

impl FormatKind {
    /// The format's name, as `qemu-img` and image APIs write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

impl fmt::Display for FormatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a file may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatLimits {
    /// The largest disk, as a guest would see it.
    pub virtual_bytes_max: u64,
}

impl Default for FormatLimits {
    fn default() -> Self {
        Self { virtual_bytes_max: super::form::DISK_GIB_MAX * super::size::GIB }
    }
}

/// A disk file that may be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DiskFormat {
    /// Its format.
    pub kind: FormatKind,
    /// The size a guest would see, in bytes; a multiple of 512.
    pub virtual_bytes: u64,
}

/// Why a file is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing is in it.
    #[error("The file is empty.")]
    Empty,
    /// It ends before its header does.
    #[error("The file ends in the middle of its {format} header; it is not complete.")]
    Truncated {
        /// The format it starts like.
        format: &'static str,
    },
    /// A known format that is not taken.
    #[error("The file is {format}, which cannot be imported. {advice}")]
    Unsupported {
        /// The format, with its article where it needs one.
        format: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// It is no disc.
    #[error(
        "The file is not an ISO 9660 image of a CD or DVD: it does not say CD001 at byte 32769. Register a disk without asking for an ISO."
    )]
    NotIso,
    /// The disk would be too large.
    #[error("The disk has {}, and {} is the largest that is allowed.", binary(*virtual_bytes), binary(*limit_bytes))]
    TooLarge {
        /// The size a guest would see.
        virtual_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// Not whole sectors.
    #[error(
        "The disk has {virtual_bytes} bytes, which is not a positive multiple of 512; it is not a whole disk."
    )]
    NotSectors {
        /// The size a guest would see.
        virtual_bytes: u64,
    },
    /// It needs another file.
    #[error(
        "The QCOW2 file needs another file ({what}). Make it stand alone with `qemu-img convert -O qcow2 old new` and send the new file."
    )]
    NeedsAnotherFile {
        /// Which role the other file has.
        what: &'static str,
    },
    /// It is encrypted.
    #[error(
        "The QCOW2 file is encrypted. Decrypt it with `qemu-img convert` before sending it; images are encrypted here by setting."
    )]
    Encrypted,
    /// It has internal snapshots.
    #[error(
        "The QCOW2 file holds {n_snapshots} internal snapshots, which would be lost. Convert the state you want with `qemu-img convert` and send that."
    )]
    Snapshots {
        /// How many.
        n_snapshots: u32,
    },
    /// Its last writer marked it as damaged.
    #[error("The QCOW2 file is marked as damaged. Repair it with `qemu-img check -r all` before sending it.")]
    Damaged,
    /// A version or feature that is not known here.
    #[error("The QCOW2 file uses {what}, which is not known here.")]
    Unknown {
        /// What is not known.
        what: String,
    },
    /// A value that no honest writer produces.
    #[error("The header of the QCOW2 file is not valid: {what}.")]
    Invalid {
        /// Which value.
        what: &'static str,
    },
}

/// Judges a file by its beginning and its length. `header` has the first [`HEADER_BYTES`], or the whole file when it is shorter.
pub fn judge(header: &[u8], file_bytes: u64, limits: &FormatLimits) -> Result<DiskFormat, Refusal> {
    if file_bytes == 0 || header.is_empty() {
        return Err(Refusal::Empty);
    }
    if header.starts_with(b"QFI\xfb") {
        let virtual_bytes = qcow2(header, file_bytes, limits)?;
        return Ok(DiskFormat { kind: FormatKind::Qcow2, virtual_bytes });
    }
    if let Some((format, advice)) = unsupported(header) {
        return Err(Refusal::Unsupported { format, advice });
    }
    // Whatever has no signature is a plain disk.
    check_size(file_bytes, limits)?;
    Ok(DiskFormat { kind: FormatKind::Raw, virtual_bytes: file_bytes })
}

/// Where every ISO 9660 file system says what it is, and how.
const ISO_AT: usize = 32_769;
const ISO_MAGIC: &[u8] = b"CD001";

/// Judges a file that is to be an ISO 9660 disc, by its beginning and its length, as [`judge`] does a disk. A machine only ever reads it.
///
/// # Errors
/// Why it is not taken.
pub fn judge_iso(header: &[u8], file_bytes: u64, limits: &FormatLimits) -> Result<DiskFormat, Refusal> {
    if file_bytes == 0 || header.is_empty() {
        return Err(Refusal::Empty);
    }
    if !header.get(ISO_AT..).is_some_and(|rest| rest.starts_with(ISO_MAGIC)) {
        return Err(Refusal::NotIso);
    }
    check_size(file_bytes, limits)?;
    Ok(DiskFormat { kind: FormatKind::Raw, virtual_bytes: file_bytes })
}

const CONVERT: &str = "Convert it with `qemu-img convert -O qcow2 old new` and send the new file.";
const UNPACK: &str = "Unpack it first and send the disk file in it.";

/// Where a format shows itself, how, what it is, and what to do about it.
const SIGNATURES: [(usize, &[u8], &str, &str); 19] = [
    (0, b"KDMV", "a VMDK disk", CONVERT),
    (0, b"COWD", "a VMDK disk", CONVERT),
    (0, b"# Disk DescriptorFile", "the description of a VMDK disk, not the disk", CONVERT),
    (0, b"conectix", "a VHD disk", CONVERT),
    (0, b"vhdxfile", "a VHDX disk", CONVERT),
    (64, b"\x7f\x10\xda\xbe", "a VDI disk", CONVERT),
    (0, b"QED\0", "a QED disk", CONVERT),
    (0, b"WithoutFreeSpace", "a Parallels disk", CONVERT),
    (0, b"WithouFreSpacExt", "a Parallels disk", CONVERT),
    (0, b"Bochs Virtual HD Image", "a Bochs disk", CONVERT),
    (
        ISO_AT,
        ISO_MAGIC,
        "an ISO image of a CD or DVD",
        "Register it as an ISO, or send an installed system disk instead.",
    ),
    (257, b"ustar", "an archive (OVA or TAR)", UNPACK),
    (0, b"PK\x03\x04", "a ZIP archive", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (0, b"\x1f\x8b\x08", "compressed with gzip", UNPACK),
    (0, b"BZh", "compressed with bzip2", UNPACK),
    (0, b"\xfd7zXZ\0", "compressed with xz", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    (0, b"\x04\x22\x4d\x18", "compressed with lz4", UNPACK),
];

fn unsupported(header: &[u8]) -> Option<(&'static str, &'static str)> {
    let matches =
        |offset: usize, magic: &[u8]| header.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    SIGNATURES
        .into_iter()
        .find(|(offset, magic, ..)| matches(*offset, magic))
        .map(|(_, _, format, advice)| (format, advice))
}

fn check_size(virtual_bytes: u64, limits: &FormatLimits) -> Result<(), Refusal> {
    if virtual_bytes == 0 || !virtual_bytes.is_multiple_of(SECTOR_BYTES) {
        return Err(Refusal::NotSectors { virtual_bytes });
    }
    if virtual_bytes > limits.virtual_bytes_max {
        return Err(Refusal::TooLarge { virtual_bytes, limit_bytes: limits.virtual_bytes_max });
    }
    Ok(())
}

/// Big-endian numbers at fixed places of a header that may be too short.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&self, offset: usize) -> Result<[u8; N], Refusal> {
        let end = offset.checked_add(N);
        let bytes = end.and_then(|end| self.0.get(offset..end)).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or(Refusal::Truncated { format: "QCOW2" })
    }

    fn u32(&self, offset: usize) -> Result<u32, Refusal> {
        self.bytes(offset).map(u32::from_be_bytes)
    }

    fn u64(&self, offset: usize) -> Result<u64, Refusal> {
        self.bytes(offset).map(u64::from_be_bytes)
    }
}

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION_TYPE: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

/// The virtual size of a QCOW2 file whose whole header is sound.
fn qcow2(header: &[u8], file_bytes: u64, limits: &FormatLimits) -> Result<u64, Refusal> {
    let fields = Fields(header);
    let version = fields.u32(4)?;
    if version != 2 && version != 3 {
        return Err(Refusal::Unknown { what: format!("version {version} of the format") });
    }
    if fields.u64(8)? != 0 || fields.u32(16)? != 0 {
        return Err(Refusal::NeedsAnotherFile { what: "a backing file" });
    }
    let features = if version == 3 { fields.u64(72)? } else { 0 };
    check_features(features)?;
    if fields.u32(32)? != 0 {
        return Err(Refusal::Encrypted);
    }
    match fields.u32(60)? {
        0 => {}
        n_snapshots => return Err(Refusal::Snapshots { n_snapshots }),
    }
    let virtual_bytes = fields.u64(24)?;
    check_size(virtual_bytes, limits)?;
    let cluster_bits = fields.u32(20)?;
    let cluster_bits_min = if features & EXTENDED_L2 == 0 { 9 } else { 14 };
    if !(cluster_bits_min..=21).contains(&cluster_bits) {
        return Err(Refusal::Invalid { what: "its cluster size is out of range" });
    }
    let cluster_bytes = 1u64 << cluster_bits;
    check_tables(&fields, file_bytes, virtual_bytes, cluster_bytes, features)?;
    let header_bytes = if version == 3 { check_version_3(&fields, features, cluster_bytes)? } else { 72 };
    check_extensions(&fields, header_bytes, cluster_bytes)?;
    Ok(virtual_bytes)
}

fn check_features(features: u64) -> Result<(), Refusal> {
    if features & EXTERNAL_DATA != 0 {
        return Err(Refusal::NeedsAnotherFile { what: "an external data file" });
    }
    if features & CORRUPT != 0 {
        return Err(Refusal::Damaged);
    }
    match features & !(DIRTY | COMPRESSION_TYPE | EXTENDED_L2) {
        0 => Ok(()),
        unknown => Err(Refusal::Unknown { what: format!("the incompatible features {unknown:#x}") }),
    }
}

/// A table at `offset` must be aligned to clusters, behind the header and inside the file.
fn check_place(
    offset: u64,
    bytes: u64,
    cluster_bytes: u64,
    file_bytes: u64,
    what: &'static str,
) -> Result<(), Refusal> {
    let is_inside = offset.checked_add(bytes).is_some_and(|end| end <= file_bytes);
    if offset < cluster_bytes || !offset.is_multiple_of(cluster_bytes) || !is_inside {
        return Err(Refusal::Invalid { what });
    }
    Ok(())
}

fn check_tables(
    fields: &Fields<'_>,
    file_bytes: u64,
    virtual_bytes: u64,
    cluster_bytes: u64,
    features: u64,
) -> Result<(), Refusal> {
    let l2_entry_bytes = if features & EXTENDED_L2 == 0 { 8 } else { 16 };
    // At most 2^21 * 2^18: no overflow.
    let l1_entry_covers = cluster_bytes * (cluster_bytes / l2_entry_bytes);
    let n_l1_needed = virtual_bytes.div_ceil(l1_entry_covers);
    let n_l1 = u64::from(fields.u32(36)?);
    if n_l1 < n_l1_needed {
        return Err(Refusal::Invalid { what: "its first table is too small for the disk" });
    }
    let l1_bytes = n_l1 * 8;
    if l1_bytes > L1_BYTES_MAX {
        return Err(Refusal::Invalid { what: "its first table is absurdly large" });
    }
    check_place(
        fields.u64(40)?,
        l1_bytes,
        cluster_bytes,
        file_bytes,
        "its first table is not inside the file",
    )?;
    let refcount_bytes = u64::from(fields.u32(56)?) * cluster_bytes;
    if refcount_bytes == 0 || refcount_bytes > REFCOUNT_TABLE_BYTES_MAX {
        return Err(Refusal::Invalid { what: "its reference count table has no believable size" });
    }
    check_place(
        fields.u64(48)?,
        refcount_bytes,
        cluster_bytes,
        file_bytes,
        "its reference count table is not inside the file",
    )
}

/// What only version 3 has. Returns the length of the header.
fn check_version_3(fields: &Fields<'_>, features: u64, cluster_bytes: u64) -> Result<usize, Refusal> {
    if fields.u32(96)? > 6 {
        return Err(Refusal::Invalid { what: "its reference counts are too wide" });
    }
    let header_bytes = fields.u32(100)?;
    if header_bytes < 104 || !header_bytes.is_multiple_of(8) || u64::from(header_bytes) > cluster_bytes {
        return Err(Refusal::Invalid { what: "the length of the header is out of range" });
    }
    if features & COMPRESSION_TYPE != 0 {
        let [compression] = if header_bytes > 104 { fields.bytes(104)? } else { [0] };
        // 0 is zlib, 1 is zstd; with zlib the feature must not be set.
        if compression != 1 {
            return Err(Refusal::Unknown { what: format!("the compression type {compression}") });
        }
    }
    usize::try_from(header_bytes)
        .map_err(|_| Refusal::Invalid { what: "the length of the header is out of range" })
}

/// Walks the extensions behind the header: some name other files.
fn check_extensions(fields: &Fields<'_>, header_bytes: usize, cluster_bytes: u64) -> Result<(), Refusal> {
    let mut offset = header_bytes;
    for _ in 0..N_EXTENSIONS_MAX {
        // They end with the first cluster, which is where QEMU stops, too.
        if u64::try_from(offset).is_ok_and(|offset| offset + 8 > cluster_bytes) {
            return Ok(());
        }
        let (kind, length) = (fields.u32(offset)?, fields.u32(offset + 4)?);
        match kind {
            0 => return Ok(()),
            0xe279_2aca => return Err(Refusal::NeedsAnotherFile { what: "the format of a backing file" }),
            0x4441_5441 => return Err(Refusal::NeedsAnotherFile { what: "an external data file" }),
            0x0537_be77 => return Err(Refusal::Encrypted),
            // Names of features, and dirty bitmaps, which mean nothing for the content.
            0x6803_f857 | 0x2385_2875 => {}
            unknown => return Err(Refusal::Unknown { what: format!("the header extension {unknown:#x}") }),
        }
        let next = usize::try_from(length)
            .ok()
            .and_then(|length| length.checked_next_multiple_of(8))
            .and_then(|length| length.checked_add(offset + 8));
        match next {
            Some(next) if u64::try_from(next).is_ok_and(|next| next <= cluster_bytes) => offset = next,
            _ => return Err(Refusal::Invalid { what: "a header extension is longer than the header" }),
        }
    }
    Err(Refusal::Invalid { what: "it has too many header extensions" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: FormatLimits = FormatLimits { virtual_bytes_max: 1 << 40 };
    const FILE_BYTES: u64 = 1 << 20;

    /// A sound version 3 header of a disk of 1 GiB.
    fn sound() -> Vec<u8> {
        let mut header = vec![0u8; 65_536];
        header[..4].copy_from_slice(b"QFI\xfb");
        for (offset, value) in [(4, 3u32), (20, 16), (36, 2), (56, 1), (96, 4), (100, 112)] {
            put32(&mut header, offset, value);
        }
        for (offset, value) in [(24, 1u64 << 30), (40, 3 << 16), (48, 1 << 16)] {
            put64(&mut header, offset, value);
        }
        header
    }

    fn put32(header: &mut [u8], offset: usize, value: u32) {
        header[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
    }

    fn put64(header: &mut [u8], offset: usize, value: u64) {
        header[offset..offset + 8].copy_from_slice(&value.to_be_bytes());
    }

    fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<DiskFormat, Refusal> {
        let mut header = sound();
        change(&mut header);
        judge(&header, FILE_BYTES, &LIMITS)
    }

    #[test]
    fn an_iso_is_known_by_its_mark_and_nothing_else_is_one() {
        let limits = FormatLimits::default();
        let mut disc = vec![0u8; 40_960];
        assert_eq!(judge_iso(&disc, 40_960, &limits), Err(Refusal::NotIso));
        disc[32_769..32_774].copy_from_slice(b"CD001");
        let taken = DiskFormat { kind: FormatKind::Raw, virtual_bytes: 40_960 };
        assert_eq!(judge_iso(&disc, 40_960, &limits), Ok(taken));
        assert!(matches!(judge_iso(&disc, 40_961, &limits), Err(Refusal::NotSectors { .. })));
        assert_eq!(judge_iso(&disc[..32_772], 32_772, &limits), Err(Refusal::NotIso));
        assert_eq!(judge_iso(&[], 0, &limits), Err(Refusal::Empty));
        assert_eq!(judge_iso(b"QFI\xfb", 4, &limits), Err(Refusal::NotIso));
    }

    #[test]
    fn sound_files_are_taken_with_their_virtual_size() {
        assert_eq!(changed(|_| {}), Ok(DiskFormat { kind: FormatKind::Qcow2, virtual_bytes: 1 << 30 }));
        assert_eq!(
            judge(&[0xeb; 512], 4096, &LIMITS),
            Ok(DiskFormat { kind: FormatKind::Raw, virtual_bytes: 4096 })
        );
        let version_2 = changed(|h| {
            put32(h, 4, 2);
            // In version 2 the extensions start where version 3 has its features.
            put32(h, 96, 0);
            put32(h, 100, 0);
        });
        assert_eq!(version_2.map(|f| f.virtual_bytes), Ok(1 << 30));
        let zstd_with_subclusters = changed(|h| {
            put64(h, 72, COMPRESSION_TYPE | EXTENDED_L2 | DIRTY);
            h[104] = 1;
            put32(h, 36, 4);
        });
        assert!(zstd_with_subclusters.is_ok());
        let with_bitmaps = changed(|h| {
            put32(h, 112, 0x2385_2875);
            put32(h, 116, 24);
        });
        assert!(with_bitmaps.is_ok());
    }

    #[test]
    fn files_that_lead_to_other_files_are_refused() {
        for result in [
            changed(|h| put64(h, 8, 600)),
            changed(|h| put32(h, 16, 11)),
            changed(|h| put64(h, 72, EXTERNAL_DATA)),
            changed(|h| put32(h, 112, 0xe279_2aca)),
            changed(|h| put32(h, 112, 0x4441_5441)),
        ] {
            assert!(matches!(result, Err(Refusal::NeedsAnotherFile { .. })), "{result:?}");
        }
    }

    #[test]
    fn every_unsafe_or_absurd_header_is_refused_with_its_reason() {
        let check = |change: fn(&mut Vec<u8>), words: &str| {
            let sentence = changed(change).unwrap_err().to_string();
            assert!(sentence.contains(words), "{sentence:?} should say {words:?}");
        };
        check(|h| put32(h, 4, 4), "version 4");
        check(|h| put32(h, 4, 1), "version 1");
        check(|h| put32(h, 32, 1), "encrypted");
        check(|h| put32(h, 112, 0x0537_be77), "encrypted");
        check(|h| put32(h, 60, 3), "3 internal snapshots");
        check(|h| put64(h, 72, CORRUPT), "damaged");
        check(|h| put64(h, 72, 1 << 40), "0x10000000000");
        check(|h| put64(h, 24, 1 << 41), "The disk has 2 TiB, and 1 TiB");
        check(|h| put64(h, 24, 0), "multiple of 512");
        check(|h| put64(h, 24, 1000), "1000 bytes");
        check(|h| put32(h, 20, 8), "cluster size");
        check(|h| put32(h, 20, 200), "cluster size");
        check(|h| put32(h, 36, 1), "too small");
        check(|h| put32(h, 36, u32::MAX), "absurdly large");
        check(|h| put64(h, 40, u64::MAX - 65_535), "first table is not inside");
        check(|h| put64(h, 40, 0), "first table is not inside");
        check(|h| put64(h, 48, 7), "count table is not inside");
        check(|h| put32(h, 56, 0), "believable");
        check(|h| put32(h, 56, 129), "believable");
        check(|h| put32(h, 96, 7), "too wide");
        check(|h| put32(h, 100, 100), "length of the header");
        check(|h| put64(h, 72, COMPRESSION_TYPE), "compression type 0");
        check(|h| put32(h, 112, 0x1234), "extension 0x1234");
        check(
            |h| {
                put32(h, 112, 0x6803_f857);
                put32(h, 116, u32::MAX);
            },
            "longer than the header",
        );
        check(|h| h.truncate(90), "not complete");
    }

    #[test]
    fn other_formats_are_recognised_and_refused_with_advice() {
        let check = |offset: usize, magic: &[u8], words: &str| {
            let mut header = vec![0u8; 65_536];
            header[offset..offset + magic.len()].copy_from_slice(magic);
            let refusal = judge(&header, FILE_BYTES, &LIMITS).unwrap_err().to_string();
            assert!(refusal.contains(words), "{refusal}");
        };
        for (offset, magic, format, advice) in SIGNATURES {
            check(offset, magic, format);
            check(offset, magic, advice);
        }
        assert_eq!(judge(&[], 0, &LIMITS), Err(Refusal::Empty));
        assert_eq!(judge(b"hello", 5, &LIMITS), Err(Refusal::NotSectors { virtual_bytes: 5 }));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_every_yes_is_within_the_limits(
            body in proptest::collection::vec(any::<u8>(), 0..300),
            is_qcow2 in any::<bool>(),
            version in 0u32..5,
            file_bytes in any::<u64>(),
        ) {
            let mut header = body;
            if is_qcow2 && header.len() >= 8 {
                header[..4].copy_from_slice(b"QFI\xfb");
                put32(&mut header, 4, version);
            }
            if let Ok(format) = judge(&header, file_bytes, &LIMITS) {
                prop_assert!(format.virtual_bytes > 0 && format.virtual_bytes <= LIMITS.virtual_bytes_max);
                prop_assert_eq!(format.virtual_bytes % SECTOR_BYTES, 0);
            }
        }

        #[test]
        fn a_sound_header_with_a_few_wrong_bytes_never_leads_to_another_file(
            changes in proptest::collection::vec((0usize..200, any::<u8>()), 1..4),
        ) {
            let mut header = sound();
            for (offset, byte) in changes {
                header[offset] = byte;
            }
            if judge(&header, FILE_BYTES, &LIMITS).is_ok_and(|format| format.kind == FormatKind::Qcow2) {
                prop_assert_eq!(&header[8..20], &[0u8; 12][..]);
                prop_assert_eq!(header[32..36].iter().max(), Some(&0));
                if header[7] == 3 {
                    prop_assert_eq!(header[79] & 4, 0);
                }
            }
        }
    }
}
