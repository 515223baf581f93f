//! Moments and how they are written. The clock itself is a port; nothing here asks what time it is.

use jiff::{Timestamp as Jiff, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl Timestamp {
    /// A moment from whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the epoch, rounded down. Charges are computed on these.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment `ms` milliseconds later (or earlier, when negative).
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this moment; negative when `earlier` is later.
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn civil(self) -> jiff::civil::DateTime {
        Jiff::from_millisecond(self.0).unwrap_or_default().to_zoned(TimeZone::UTC).datetime()
    }

    /// `2026-11-18T15:58:03Z`: for machines and the `datetime` attribute.
    pub fn rfc3339(self) -> String {
        let c = self.civil();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            c.year(),
            c.month(),
            c.day(),
            c.hour(),
            c.minute(),
            c.second()
        )
    }

    /// `2026-11-18T15:58:03.120Z`: the same to the millisecond.
    pub fn rfc3339_ms(self) -> String {
        let whole = self.rfc3339();
        format!("{}.{:03}Z", whole.trim_end_matches('Z'), self.0.rem_euclid(1000))
    }

    /// `18 Nov 2026`: a day as the portal writes it, in UTC.
    pub fn day(self) -> String {
        let c = self.civil();
        let month = usize::try_from(c.month() - 1).ok().and_then(|i| MONTHS.get(i)).copied().unwrap_or("?");
        format!("{} {} {}", c.day(), month, c.year())
    }

    /// `18 Nov 2026, 15:58`: a minute as the portal writes it, in UTC.
    pub fn minute(self) -> String {
        let c = self.civil();
        format!("{}, {:02}:{:02}", self.day(), c.hour(), c.minute())
    }

    /// `2026-11-18-1558`: a minute in UTC as part of a name.
    pub fn stamp(self) -> String {
        let c = self.civil();
        format!("{}-{:02}{:02}", c.date(), c.hour(), c.minute())
    }

    /// `Today, 15:58` on the day of `now`, else the day: for lists.
    pub fn listed(self, now: Self) -> String {
        let (c, n) = (self.civil(), now.civil());
        if c.date() == n.date() { format!("Today, {:02}:{:02}", c.hour(), c.minute()) } else { self.day() }
    }

    /// `2026-11-18`: this moment's day in UTC, as forms send it.
    pub fn iso_day(self) -> String {
        self.civil().date().to_string()
    }

    /// The first moment of the day that a form sent as `2026-11-18`, in UTC; `None` when that is no day.
    pub fn of_day(text: &str) -> Option<Self> {
        midnight(text.trim().parse().ok()?)
    }

    /// The first moment after the day that a form sent as `2026-11-18`, in UTC; `None` when that is no day.
    pub fn after_day(text: &str) -> Option<Self> {
        let day: jiff::civil::Date = text.trim().parse().ok()?;
        midnight(day.tomorrow().ok()?)
    }

    /// The first moment of this moment's month, in UTC.
    #[must_use]
    pub fn month_start(self) -> Self {
        self.month().0
    }

    /// The first moment of this moment's month and that of the next one, in UTC.
    pub fn month(self) -> (Self, Self) {
        let first = self.civil().date().first_of_month();
        let next = first.last_of_month().tomorrow().ok().and_then(midnight);
        (midnight(first).unwrap_or(self), next.unwrap_or(Self(i64::MAX)))
    }

    /// The first moment of the month after this moment's, in UTC.
    #[must_use]
    pub fn next_month(self) -> Self {
        self.month().1
    }

    /// `Nov 2026`: a month as the portal writes it, in UTC.
    pub fn month_words(self) -> String {
        let day = self.day();
        day.split_once(' ').map(|(_, month)| month.to_owned()).unwrap_or(day)
    }

    /// `2026-11`: a month in UTC, for file names and addresses.
    pub fn iso_month(self) -> String {
        let c = self.civil();
        format!("{:04}-{:02}", c.year(), c.month())
    }
}

fn midnight(day: jiff::civil::Date) -> Option<Timestamp> {
    let moment = day.at(0, 0, 0, 0).to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp(moment.timestamp().as_millisecond()))
}

/// A length of time in words: `4 s`, `2 min`, `3 h`, `48 days`. Negative lengths count as zero.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds / 60),
        3600..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let t = Timestamp::from_seconds(1_795_017_483);
        assert_eq!(t.rfc3339(), "2026-11-18T15:58:03Z");
        assert_eq!(t.minute(), "18 Nov 2026, 15:58");
        assert_eq!(t.stamp(), "2026-11-18-1558");
        assert_eq!(t.listed(t.plus_ms(60_000)), "Today, 15:58");
        assert_eq!(t.listed(t.plus_ms(86_400_000)), "18 Nov 2026");
        assert_eq!(t.month_start().rfc3339(), "2026-11-01T00:00:00Z");
        assert_eq!(t.next_month().rfc3339(), "2026-12-01T00:00:00Z");
        assert_eq!((t.month_words().as_str(), t.iso_month().as_str()), ("Nov 2026", "2026-11"));
        let month = |day: &str| Timestamp::of_day(day).expect("a day").month();
        let days = |day: &str| month(day).1.since_ms(month(day).0) / 86_400_000;
        assert_eq!(
            ["2026-11-30", "2026-12-31", "2027-02-01", "2028-02-29", "2100-02-28", "2000-02-28"].map(days),
            [30, 31, 28, 29, 28, 29]
        );
    }

    #[test]
    fn a_day_reads_back_and_ends_at_midnight() {
        let t = Timestamp::from_seconds(1_795_017_483);
        assert_eq!(t.iso_day(), "2026-11-18");
        assert_eq!(
            Timestamp::after_day(&t.iso_day()).map(Timestamp::rfc3339).as_deref(),
            Some("2026-11-19T00:00:00Z")
        );
        assert_eq!(
            Timestamp::of_day(&t.iso_day()).map(Timestamp::rfc3339).as_deref(),
            Some("2026-11-18T00:00:00Z")
        );
        for text in ["", "18.11.2026", "2026-13-01", "tomorrow"] {
            assert_eq!(Timestamp::after_day(text), None, "{text}");
        }
    }

    #[test]
    fn months_follow_one_another_through_leap_years() {
        let mut month = Timestamp::of_day("2027-12-01").expect("a day");
        for expected in ["2028-01-01", "2028-02-01", "2028-03-01", "2028-04-01"] {
            month = month.next_month();
            assert_eq!(month.iso_day(), expected);
            assert_eq!(month.plus_ms(-1).next_month(), month);
        }
    }

    #[test]
    fn a_moment_before_the_epoch_rounds_down() {
        assert_eq!(Timestamp(-1).seconds(), -1);
        assert_eq!(Timestamp(-1).rfc3339(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn spans_use_the_largest_fitting_unit() {
        for (ms, words) in
            [(-5, "0 s"), (4_200, "4 s"), (130_000, "2 min"), (7_300_000, "2 h"), (4_147_200_000, "48 days")]
        {
            assert_eq!(span(ms), words);
        }
    }
}
