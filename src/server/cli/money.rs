//! Prices as people type them: `0.050` becomes 50,000 millionths. No float is involved.

use darkroom_core::domain::money::Money;

/// Decimals of a millionth.
const DECIMALS_MAX: usize = 6;
/// Most that a rate may be, in whole units: keeps every product of rate, size and time far inside the range.
const UNITS_MAX: i64 = 1_000_000;

/// Parses a price of zero or more, with a point and at most six decimals.
pub fn parse(text: &str) -> Result<Money, String> {
    let wrong = || {
        format!(
            "\"{text}\" is not a price. Write an amount such as 0.050, with at most {DECIMALS_MAX} decimals and at most {UNITS_MAX}."
        )
    };
    let (units, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if units.is_empty()
        || units.len() > 7
        || decimals.len() > DECIMALS_MAX
        || !digits(units)
        || !digits(decimals)
    {
        return Err(wrong());
    }
    let units: i64 = units.parse().map_err(|_| wrong())?;
    let millionths: i64 = format!("{decimals:0<DECIMALS_MAX$}").parse().map_err(|_| wrong())?;
    let total = units * 1_000_000 + millionths;
    if total > UNITS_MAX * 1_000_000 { Err(wrong()) } else { Ok(Money(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_read_to_the_millionth() {
        for (text, millionths) in [
            ("0", 0),
            ("0.05", 50_000),
            ("12.000001", 12_000_001),
            ("1.", 1_000_000),
            ("1000000", 1_000_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(Money(millionths)), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in ["", ".5", "-1", "1e3", "0.1234567", "1,5", "1000000.1", "99999999", "٣"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
