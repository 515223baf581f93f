//! What the present month comes to, said before the click that changes it. The same words in browser and server.

use super::SECONDS_PER_MONTH;
use crate::domain::money::Money;
use serde::{Deserialize, Serialize};

/// The forecast of an account for the present month.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ahead {
    /// What the month comes to as it is.
    pub forecast: Money,
    /// Seconds that are left of it.
    pub left_s: u64,
    /// The currency's symbol.
    pub symbol: String,
}

impl Ahead {
    /// What the month comes to when from now on so much more is charged a month of 730 hours, or less where it is negative.
    pub fn with(&self, month: Money) -> Money {
        self.forecast + month.scaled(self.left_s.into(), SECONDS_PER_MONTH.into())
    }

    /// `This month then comes to about €13.80 instead of €12.34.`, with what is charged `once` on top.
    pub fn words(&self, month: Money, once: Money) -> String {
        let (now, then) =
            (self.forecast.display(&self.symbol), (self.with(month) + once).display(&self.symbol));
        match now == then {
            true => format!("This month still comes to about {now}."),
            false => format!("This month then comes to about {then} instead of {now}."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_month_is_added_or_saved() {
        let ahead =
            Ahead { forecast: Money(12_340_000), left_s: SECONDS_PER_MONTH / 2, symbol: "€".to_owned() };
        assert_eq!(ahead.with(Money(2_920_000)), Money(13_800_000));
        assert_eq!(
            ahead.words(Money(2_920_000), Money::ZERO),
            "This month then comes to about €13.80 instead of €12.34."
        );
        assert_eq!(
            ahead.words(Money(-2_000_000), Money::ZERO),
            "This month then comes to about €11.34 instead of €12.34."
        );
        assert_eq!(ahead.words(Money(10), Money::ZERO), "This month still comes to about €12.34.");
        assert_eq!(
            ahead.words(Money::ZERO, Money(1_000_000)),
            "This month then comes to about €13.34 instead of €12.34."
        );
    }
}
