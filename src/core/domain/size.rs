//! Sizes in bytes and how they are written. Decimal units are labelled kB, MB, GB; binary ones KiB, MiB, GiB.

/// One GB, 10^9 bytes: the unit of prices.
pub const GB: u64 = 1_000_000_000;
/// One GiB, 2^30 bytes: the unit of disk and memory sizes.
pub const GIB: u64 = 1 << 30;
/// One MiB, 2^20 bytes.
pub const MIB: u64 = 1 << 20;

/// Bytes in decimal units with at most two decimals: `9.41 GB`, `640 MB`, `512 B`. Rounds half up.
pub fn decimal(bytes: u64) -> String {
    scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Bytes in binary units with at most two decimals: `1 GiB`, `40 GiB`, `512 MiB`. Rounds half up.
pub fn binary(bytes: u64) -> String {
    scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
}

fn scaled(bytes: u64, base: u64, units: [&str; 6]) -> String {
    let mut unit = 1u64;
    let mut index = 0;
    // `>= base` after rounding would print 1000.00 kB instead of 1 MB, so the comparison allows for the rounding.
    while index + 1 < units.len() && hundredths(bytes, unit) >= u128::from(base) * 100 {
        unit *= base;
        index += 1;
    }
    let h = hundredths(bytes, unit);
    let (whole, rest) = (h / 100, h % 100);
    match rest {
        0 => format!("{whole} {}", units[index]),
        _ if rest % 10 == 0 => format!("{whole}.{} {}", rest / 10, units[index]),
        _ => format!("{whole}.{rest:02} {}", units[index]),
    }
}

fn hundredths(bytes: u64, unit: u64) -> u128 {
    (u128::from(bytes) * 100 + u128::from(unit) / 2) / u128::from(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_carry_their_unit_and_no_useless_zeros() {
        for (bytes, words) in [
            (0, "0 B"),
            (512, "512 B"),
            (999_999, "1 MB"),
            (9_410_000_000, "9.41 GB"),
            (40_000_000_000, "40 GB"),
            (19_400_000_000, "19.4 GB"),
        ] {
            assert_eq!(decimal(bytes), words);
        }
        assert_eq!(binary(GIB), "1 GiB");
        assert_eq!(binary(3 * GIB / 2), "1.5 GiB");
        assert_eq!(decimal(u64::MAX), "18446.74 PB");
    }
}
