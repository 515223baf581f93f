//! Which lines of all accounts are asked for by a system that writes invoices: the days, after which line to go on, and how many at most.
//! Lines are in the order of account and meter. That order never changes, so whoever has a line can go on after it at any time.

use super::Period;
use crate::domain::error::{Error, Result};
use crate::domain::ids::{AccountId, MeterId};
use crate::domain::page::address;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The place of a line among all lines: every line has one, and it is the same in every period.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cursor {
    /// Whose line it is.
    pub account: AccountId,
    /// The meter that the line is of.
    pub meter: MeterId,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.account, self.meter)
    }
}

impl FromStr for Cursor {
    type Err = ();
    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (account, meter) = text.split_once('.').ok_or(())?;
        Ok(Self { account: account.parse().map_err(|_| ())?, meter: meter.parse().map_err(|_| ())? })
    }
}

/// What is asked for, as it stands in an address.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportQuery {
    /// The first day, as `2026-11-18`, in UTC.
    pub from: String,
    /// The last day, as `2026-11-18`, in UTC.
    pub until: String,
    /// The cursor of the last line that the caller has; empty to begin.
    pub after: String,
    /// How many lines at most; empty for as many as may be.
    pub limit: String,
}

/// The same, understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Export {
    /// The days.
    pub period: Period,
    /// The last line that the caller has.
    pub after: Option<Cursor>,
    /// How many lines at most; never zero.
    pub limit: u32,
}

impl ExportQuery {
    /// The lines of these days from the first one on.
    pub fn of(period: Period) -> Self {
        let (from, until) = (period.from.iso_day(), period.until.plus_ms(-1).iso_day());
        Self { from, until, ..Self::default() }
    }

    /// Reads the query from the pairs of an address; nothing is put right here, so that what is wrong is refused and not guessed.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (key, value) in pairs {
            match key {
                "from" => value.clone_into(&mut query.from),
                "until" => value.clone_into(&mut query.until),
                "after" => value.clone_into(&mut query.after),
                "limit" => value.clone_into(&mut query.limit),
                _ => {}
            }
        }
        query
    }

    /// The query as `?…`.
    pub fn address(&self) -> String {
        let mut pairs = vec![("from", self.from.clone()), ("until", self.until.clone())];
        let more = [("after", &self.after), ("limit", &self.limit)];
        pairs.extend(more.into_iter().filter(|(_, text)| !text.is_empty()).map(|(k, t)| (k, t.clone())));
        address(&pairs)
    }

    /// Understands it, where one request is given `lines_max` lines at most.
    ///
    /// # Errors
    /// `invalid_input` at `from`, `until`, `after` or `limit`; `usage_range_long` at `until`.
    pub fn parse(&self, lines_max: u32) -> Result<Export> {
        let after = match self.after.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|()| {
                let message = format!(
                    "after: “{text}” is no cursor. Send that of the last line you have, or none to begin."
                );
                Error::field("after", "invalid_input", message)
            })?),
        };
        let limit = match self.limit.as_str() {
            "" => lines_max,
            text => text.parse().ok().filter(|n| (1..=lines_max).contains(n)).ok_or_else(|| {
                let message = format!(
                    "limit: “{text}” is not possible. Allowed is a whole number from 1 to {lines_max}; leave it out for {lines_max}."
                );
                Error::field("limit", "invalid_input", message)
            })?,
        };
        let period = Period::of_days(&self.from, &self.until).map_err(named)?;
        Ok(Export { period, after, limit })
    }
}

/// Programs and the command line read one sentence, so it says what it is about.
fn named(error: Error) -> Error {
    let about = error.fields.first().map(|field| format!("{}: {}", field.field, error.message));
    match about {
        Some(message) => Error { message, ..error },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn query(text: &str) -> ExportQuery {
        ExportQuery::from_pairs(text.split('&').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn an_address_reads_back_and_what_is_wrong_is_refused_by_name() {
        let day = |text| Timestamp::of_day(text).expect("a day");
        let cursor = Cursor { account: Uuid::from_u128(7).into(), meter: Uuid::from_u128(9).into() };
        let days = "from=2028-02-01&until=2028-02-29";
        let whole = query(&format!("{days}&after={cursor}&limit=3"));
        assert_eq!(query(&whole.address()[1..]), whole);
        let period = Period { from: day("2028-02-01"), until: day("2028-03-01") };
        assert_eq!(ExportQuery::of(period), query(days));
        assert_eq!(whole.parse(9), Ok(Export { period, after: Some(cursor), limit: 3 }));
        assert_eq!(query(days).parse(9), Ok(Export { period, after: None, limit: 9 }));
        let said = |text: &str| {
            let error = query(text).parse(9).unwrap_err();
            (error.fields[0].field.clone(), error.message)
        };
        for (text, at, words) in [
            ("", "from", "from: Name a day, such as 2026-11-18."),
            ("from=2028-02-01", "until", "until: Name a day"),
            ("from=2028-02-01&until=2028-01-31", "until", "until: The last day is before the first."),
            ("from=2020-02-01&until=2028-01-31", "until", "until: One report reaches over at most 366 days."),
            (&format!("{days}&after=7"), "after", "after: “7” is no cursor."),
            (
                &format!("{days}&limit=0"),
                "limit",
                "limit: “0” is not possible. Allowed is a whole number from 1 to 9",
            ),
            (&format!("{days}&limit=10"), "limit", "limit: “10” is not possible."),
            (&format!("{days}&limit=many"), "limit", "limit: “many” is not possible."),
        ] {
            let (field, message) = said(text);
            assert!(field == at && message.starts_with(words), "{text}: {field}, {message}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back_and_is_ordered_by_account_and_meter(a: [u128; 2], b: [u128; 2]) {
            let cursor = |n: [u128; 2]| Cursor { account: Uuid::from_u128(n[0]).into(), meter: Uuid::from_u128(n[1]).into() };
            prop_assert_eq!(cursor(a).to_string().parse(), Ok(cursor(a)));
            prop_assert_eq!(cursor(a).cmp(&cursor(b)), a.cmp(&b));
        }
    }
}
