//! Which usage is asked for: the query as it stands in the page's address, and the period it means.

use super::{Period, Section};
use crate::domain::error::{Error, Result};
use crate::domain::ids::Subject;
use crate::domain::page::address;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Most days of one report.
pub const DAYS_MAX: usize = 366;

/// What amounts are added up by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// By section alone.
    #[default]
    None,
    /// By project.
    Project,
    /// By region.
    Region,
    /// By the tags of images, all of them together, so that every amount is counted once: those they have, and of what has ended those they had.
    Tag,
    /// By the family of images, in the same way.
    Family,
}

impl Group {
    /// Every way to group.
    pub const ALL: [Self; 5] = [Self::None, Self::Project, Self::Region, Self::Tag, Self::Family];

    /// Its word in addresses; empty for none.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Project => "project",
            Self::Region => "region",
            Self::Tag => "tag",
            Self::Family => "family",
        }
    }

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "Section",
            Self::Project => "Project",
            Self::Region => "Region",
            Self::Tag => "Tags",
            Self::Family => "Family",
        }
    }
}

/// A query over usage. What cannot be read is the default: this month, by section, everything.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UsageQuery {
    /// `last` for last month, `days` for the days below, empty for this month.
    pub period: String,
    /// The first day, as `2026-11-18`, in UTC.
    pub from: String,
    /// The last day, as `2026-11-18`, in UTC.
    pub until: String,
    /// What amounts are added up by.
    pub group: Group,
    /// Only what is in this one group, by its [`key`](crate::domain::view::UsageGroup::key).
    pub only: Option<String>,
    /// The one thing whose intervals are shown.
    pub subject: Option<Subject>,
    /// In which section; without a thing, all of that section is shown.
    pub section: Option<Section>,
    /// Which page of that section, from 1.
    pub page: u32,
}

impl UsageQuery {
    /// Reads the query from the pairs of an address.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        for (key, value) in pairs {
            let day = || Timestamp::of_day(value).map(Timestamp::iso_day).unwrap_or_default();
            match key {
                "period" if matches!(value, "last" | "days") => value.clone_into(&mut query.period),
                "from" => query.from = day(),
                "until" => query.until = day(),
                "group" => {
                    query.group = Group::ALL.into_iter().find(|g| g.slug() == value).unwrap_or_default()
                }
                "only" => query.only = Some(value.to_owned()),
                "page" => query.page = value.parse().unwrap_or(1),
                "section" => query.section = Section::ALL.into_iter().find(|s| s.slug() == value),
                kind => query.subject = Subject::read(kind, value).or(query.subject),
            }
        }
        query.only.take_if(|_| query.group == Group::None);
        query
    }

    /// The same of everything, and not of one thing or section alone.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self { subject: None, section: None, page: 0, ..self.clone() }
    }

    /// The same of the one day, in UTC, that this moment is in.
    #[must_use]
    pub fn on(&self, moment: Timestamp) -> Self {
        let (from, until) = (moment.iso_day(), moment.iso_day());
        Self { period: "days".to_owned(), from, until, ..self.whole() }
    }

    /// The query as `?…`, or nothing when it is the default.
    pub fn address(&self) -> String {
        let mut pairs = Vec::new();
        let texts = [("period", self.period.as_str()), ("group", self.group.slug())];
        pairs.extend(texts.into_iter().filter(|(_, text)| !text.is_empty()).map(|(k, t)| (k, t.to_owned())));
        if self.period == "days" {
            pairs.extend([("from", self.from.clone()), ("until", self.until.clone())]);
        }
        pairs.extend(self.only.clone().map(|key| ("only", key)));
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        pairs.extend(self.section.map(|section| ("section", section.slug().to_owned())));
        pairs.extend(self.subject.map(|subject| (subject.kind(), subject.uuid().to_string())));
        address(&pairs)
    }

    /// The period it means at this moment.
    ///
    /// # Errors
    /// `invalid_input` at `from` or `until`; `usage_range_long` at `until`.
    pub fn period(&self, now: Timestamp) -> Result<Period> {
        match self.period.as_str() {
            "last" => Ok(Period::month_before(now)),
            "days" => Period::of_days(&self.from, &self.until),
            _ => Ok(Period::month(now)),
        }
    }
}

impl Period {
    /// The days from one to another, both as `2026-11-18` in UTC and both within it.
    ///
    /// # Errors
    /// `invalid_input` at `from` or `until`; `usage_range_long` at `until`.
    pub fn of_days(from: &str, until: &str) -> Result<Self> {
        let wrong = |field: &str| Error::field(field, "invalid_input", "Name a day, such as 2026-11-18.");
        let from = Timestamp::of_day(from).ok_or_else(|| wrong("from"))?;
        let until = Timestamp::after_day(until).ok_or_else(|| wrong("until"))?;
        if until <= from {
            return Err(Error::field(
                "until",
                "invalid_input",
                "The last day is before the first. Swap them.",
            ));
        }
        let period = Self { from, until };
        if until.since_ms(from) > i64::try_from(DAYS_MAX).unwrap_or(i64::MAX).saturating_mul(86_400_000) {
            let message = format!("One report reaches over at most {DAYS_MAX} days. Name a later first day.");
            return Err(Error::field("until", "usage_range_long", message));
        }
        Ok(period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_means_a_period() {
        let now = Timestamp::of_day("2028-03-10").expect("a day");
        let read = |text: &str| {
            let pairs: Vec<(&str, &str)> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
            UsageQuery::from_pairs(pairs.into_iter())
        };
        let shown = |text: &str| read(text).period(now).map(|p| (p.from.iso_day(), p.until.iso_day()));
        let days = |from: &str, until: &str| Ok((from.to_owned(), until.to_owned()));
        assert_eq!(shown("period=mad"), days("2028-03-01", "2028-04-01"));
        assert_eq!(shown("period=last"), days("2028-02-01", "2028-03-01"));
        assert_eq!(shown("period=days&from=2028-02-28&until=2028-02-29"), days("2028-02-28", "2028-03-01"));
        let refused = |text: &str| shown(text).unwrap_err().code;
        assert_eq!(refused("period=days&from=2028-02-28"), "invalid_input");
        assert_eq!(refused("period=days&from=2028-02-28&until=2028-02-27"), "invalid_input");
        assert_eq!(refused("period=days&from=2020-02-28&until=2028-02-27"), "usage_range_long");
        let id = "00000000-0000-0000-0000-000000000001";
        let whole =
            format!("period=days&group=tag&from=2028-02-01&until=2028-02-02&section=recycle-bin&image={id}");
        let query = UsageQuery { only: Some("env=prod".to_owned()), page: 3, ..read(&whole) };
        let read_back = read(&query.address()[1..].replace("%3D", "="));
        assert_eq!(read_back, query);
        assert_eq!(read("only=web").only, None, "of which groups is not said");
        assert!(query.subject.is_some() && query.section == Some(Section::RecycleBin));
        assert_eq!(UsageQuery::default().address(), "");
    }
}
