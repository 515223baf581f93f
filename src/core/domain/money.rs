//! Money in integers. No float may ever touch it.

use serde::{Deserialize, Serialize};
use std::iter::Sum;
use std::ops::{Add, Sub};

/// Millionths in a cent.
const CENT: u128 = 10_000;
const CENT_MILLIONTHS: i64 = 10_000;
/// The most that a person can type, in cents: far from the end of the range, however often it is added.
const CENTS_MAX: i64 = 100_000_000_000;

fn too_much() -> String {
    "This is too much. It is 1000000000 at most.".to_owned()
}
/// Decimals of a millionth.
const DECIMALS_MAX: usize = 6;
/// Most that a rate may be, in whole units: keeps every product of rate, size and time far inside the range.
const UNITS_MAX: i64 = 1_000_000;

/// An amount in millionths of the currency's unit; €0.47 is `Money(470_000)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Reads a price as people type it, zero or more, with a point and at most six decimals: `0.050` is 50,000 millionths. No float is
    /// involved.
    ///
    /// # Errors
    /// What a price is.
    pub fn parse(text: &str) -> Result<Self, String> {
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
        if total > UNITS_MAX * 1_000_000 { Err(wrong()) } else { Ok(Self(total)) }
    }

    /// `self × numerator ÷ denominator`, computed in 128 bits and rounded half up once. Saturates at the ends of the range.
    ///
    /// # Panics
    /// When `denominator` is zero: rates and periods are validated where they are set.
    #[must_use]
    pub fn scaled(self, numerator: u128, denominator: u128) -> Self {
        let product = u128::from(self.0.unsigned_abs()).saturating_mul(numerator);
        let value = Self::half_up(product, denominator);
        if self.0 < 0 { Self(value.0.saturating_neg()) } else { value }
    }

    /// `numerator ÷ denominator` millionths, rounded half up once: for a sum of products that is divided once. Saturates at the ends of
    /// the range.
    ///
    /// # Panics
    /// When `denominator` is zero, as [`Money::scaled`].
    #[must_use]
    pub fn ratio(numerator: i128, denominator: u128) -> Self {
        let value = Self::half_up(numerator.unsigned_abs(), denominator);
        if numerator < 0 { Self(value.0.saturating_neg()) } else { value }
    }

    /// The amount in whole cents, rounded half up once, away from zero: what a statement asks for.
    #[must_use]
    pub fn to_cents(self) -> Self {
        Self(Self::ratio(i128::from(self.0), CENT).0.saturating_mul(CENT_MILLIONTHS))
    }

    /// An amount as a person types it, `12.50`: of zero or more, with a point and at most two decimals.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn of_cents(text: &str) -> Result<Self, String> {
        let wrong = || format!("“{}” is not an amount. Write one such as 12.50.", text.trim());
        let (units, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if units.is_empty() || decimals.len() > 2 || !digits(units) || !digits(decimals) {
            return Err(wrong());
        }
        let cents: i64 = format!("{units}{decimals:0<2}").parse().map_err(|_| too_much())?;
        match cents {
            0..=CENTS_MAX => Ok(Self(cents.saturating_mul(CENT_MILLIONTHS))),
            _ => Err(too_much()),
        }
    }

    /// The amount as a form shows it, `12.50`; cents are rounded half up.
    pub fn typed(self) -> String {
        self.decimals("", 2)
    }

    fn half_up(numerator: u128, denominator: u128) -> Self {
        assert!(denominator > 0, "a rate's denominator is validated where it is set");
        let rounded = numerator.saturating_add(denominator / 2) / denominator;
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// With two decimals and the symbol in front: `€0.47`. Rounds half up for display only. What would round to nothing but is something
    /// is shown with four decimals, `€0.0015`, or as less than the least of those: nobody is told that a cost is zero when it is not.
    pub fn display(self, symbol: &str) -> String {
        match self.0.unsigned_abs() {
            0 | 5_000.. => self.decimals(symbol, 2),
            50.. => self.decimals(symbol, 4),
            _ => format!("under {symbol}0.0001"),
        }
    }

    /// With three decimals, as rates are written: `€0.050`.
    pub fn rate(self, symbol: &str) -> String {
        self.decimals(symbol, 3)
    }

    /// With three decimals, and more of them where there is something that would round to nothing: `€0.006`, `€0.0007`.
    pub fn fine(self, symbol: &str) -> String {
        if (1..5_000).contains(&self.0.unsigned_abs()) { self.display(symbol) } else { self.rate(symbol) }
    }

    /// With as many decimals as it needs, three at least: `€0.050`, `€0.000425`. For records of what was changed.
    pub fn exact(self, symbol: &str) -> String {
        let all = self.decimals(symbol, 6);
        let spare = all.len() - all.trim_end_matches('0').len();
        all[..all.len() - spare.min(3)].to_owned()
    }

    fn decimals(self, symbol: &str, places: u32) -> String {
        let step = 10u64.pow(6u32.saturating_sub(places));
        let sign = if self.0 < 0 { "−" } else { "" };
        let units = self.0.unsigned_abs().saturating_add(step / 2) / step;
        let base = 10u64.pow(places);
        format!("{sign}{symbol}{}.{:0width$}", units / base, units % base, width = places as usize)
    }
}

/// Every month of 28 to 31 days, the one of 730 hours and the hour, in seconds, divide this.
const SECONDS: i128 = 2_381_472_576_000;
/// Both units of bytes divide this.
const BYTES: i128 = (1 << 30) * 1_953_125;
/// What every charge is divided by divides this.
const COMMON: i128 = SECONDS * BYTES;

/// A sum of fractions of millionths, kept exactly and rounded once: whole millionths, and a rest over one common denominator that is always
/// less than a millionth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exact {
    whole: i128,
    rest: i128,
}

impl Exact {
    /// `numerator ÷ (bytes × seconds)` millionths. Exact where `bytes` is 1 or a unit of price books and `seconds` is 1, an hour or a month of
    /// any kind, which is all there is; anything else is rounded down to a part of a millionth that no sum ever sees.
    ///
    /// # Panics
    /// When the denominator is zero: what books are divided by are constants.
    pub fn of(numerator: i128, bytes: u64, seconds: u64) -> Self {
        let denominator = i128::from(bytes) * i128::from(seconds);
        assert!(denominator > 0, "units and months are never empty");
        let whole = numerator.div_euclid(denominator);
        // The product is near enough when it saturates: then the sum is far beyond any money.
        let rest = numerator.saturating_sub(whole.saturating_mul(denominator));
        Self { whole, rest: rest.saturating_mul(COMMON / denominator) }
    }

    /// Adds another sum to it. Nothing is divided, so a long row of equal steps is quick.
    pub fn add(&mut self, more: Self) {
        self.whole = self.whole.saturating_add(more.whole);
        self.rest += more.rest;
        if self.rest >= COMMON {
            self.rest -= COMMON;
            self.whole = self.whole.saturating_add(1);
        }
    }

    /// The sum, rounded half up. Saturates at the ends of the range.
    pub fn rounded(self) -> Money {
        let sum = self.whole.saturating_add(i128::from(self.rest >= COMMON / 2));
        Money(i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_round_half_up_once() {
        assert_eq!(Money(1).scaled(1, 2), Money(1));
        assert_eq!(Money(1).scaled(1, 3), Money(0));
        assert_eq!(Money(-1).scaled(1, 2), Money(-1));
        assert_eq!(Money(50_000).scaled(9_410_000_000, 1_000_000_000), Money(470_500));
    }

    #[test]
    fn amounts_are_written_with_the_symbol_in_front() {
        assert_eq!(Money(470_500).display("€"), "€0.47");
        assert_eq!(Money(475_000).display("€"), "€0.48");
        assert_eq!(Money(50_000).rate("€"), "€0.050");
        assert_eq!(Money(-1_500_000).display("€"), "−€1.50");
        assert_eq!(Money::ZERO.display("€"), "€0.00");
        assert_eq!(
            [50_000, 425, 0, 1_234_560].map(|m| Money(m).exact("€")),
            ["€0.050", "€0.000425", "€0.000", "€1.23456"]
        );
    }

    #[test]
    fn a_cost_below_half_a_cent_is_not_shown_as_nothing() {
        assert_eq!(Money(4_999).display("€"), "€0.0050");
        assert_eq!(Money(1_500).display("€"), "€0.0015");
        assert_eq!(Money(49).display("€"), "under €0.0001");
    }

    #[test]
    fn amounts_are_typed_in_units_and_cents() {
        for (text, millionths) in [
            ("12.50", 12_500_000),
            (" 3 ", 3_000_000),
            ("0.5", 500_000),
            ("0", 0),
            ("1000000000", 1_000_000_000_000_000),
        ] {
            assert_eq!(Money::of_cents(text), Ok(Money(millionths)), "{text}");
        }
        for text in ["", ".5", "-1", "1,5", "1.234", "1e3", "1000000000.01", "99999999999999999999"] {
            assert!(Money::of_cents(text).is_err(), "{text}");
        }
        assert_eq!(
            [4_999, 5_000, -5_000, 12_344_999].map(|m| Money(m).to_cents().0),
            [0, 10_000, -10_000, 12_340_000]
        );
        assert_eq!(Money(12_500_000).typed(), "12.50");
    }

    #[test]
    fn months_of_all_lengths_add_up_exactly() {
        let mut sum = Exact::default();
        for days in [28, 29, 30, 31] {
            sum.add(Exact::of(i128::from(days * 86_400) * 1_000_000_000, 1_000_000_000, days * 86_400));
        }
        sum.add(Exact::of(2_628_000 << 30, 1 << 30, 2_628_000));
        sum.add(Exact::of(3600, 1, 3600));
        assert_eq!((sum.rounded(), sum.rest), (Money(6), 0));
        let mut thirds = Exact::default();
        (0..3).for_each(|_| thirds.add(Exact::of(28 * 86_400, 1_000_000_000, 29 * 86_400)));
        assert_eq!(thirds.rounded(), Money(0));
        for denominator in [28, 29, 30, 31].map(|days| days * 86_400).into_iter().chain([2_628_000, 3600]) {
            assert_eq!(SECONDS % denominator, 0);
        }
        assert_eq!((BYTES % 1_000_000_000, BYTES % (1 << 30)), (0, 0));
    }

    proptest! {
        #[test]
        fn what_is_shown_in_a_form_is_read_back(cents in 0i64..=CENTS_MAX) {
            let money = Money(cents * 10_000);
            prop_assert_eq!(Money::of_cents(&money.typed()), Ok(money));
            prop_assert_eq!(money.to_cents(), money);
        }

        #[test]
        fn scaling_never_errs_by_more_than_half_a_millionth(amount in 0i64..1_000_000_000_000, n in 0u64..1_000_000, d in 1u64..1_000_000) {
            let exact = i128::from(amount) * i128::from(n);
            let got = i128::from(Money(amount).scaled(u128::from(n), u128::from(d)).0) * i128::from(d);
            prop_assert!((exact - got).abs() * 2 <= i128::from(d));
        }
    }
}
