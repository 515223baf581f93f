//! Prices as people type them: `0.050` becomes 50,000 millionths. No float is involved.

use darkroom_core::domain::money::Money;

/// Parses a price of zero or more, with a point and at most six decimals.
pub fn parse(text: &str) -> Result<Money, String> {
    Money::parse(text)
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
