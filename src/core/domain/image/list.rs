//! Searching, filtering and sorting lists of images: the query as it stands in the page's address, and the order it asks for.

use super::tags::TagFilter;
use super::{Image, Kind, Status};
use crate::domain::page::{ROWS_DEFAULT, ROWS_MAX, address};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What to sort by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortBy {
    /// When it was asked for.
    #[default]
    Created,
    /// Its name, without regard to case.
    Name,
    /// The name of the machine it was made from.
    Source,
    /// Stored bytes.
    Size,
    /// Its status.
    Status,
}

impl SortBy {
    /// Every key.
    pub const ALL: [Self; 5] = [Self::Created, Self::Name, Self::Source, Self::Size, Self::Status];

    /// The word in addresses.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Name => "name",
            Self::Source => "source",
            Self::Size => "size",
            Self::Status => "status",
        }
    }
}

/// Which way to sort.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// The most tags that a list is searched by at once.
const TAGS_MAX: usize = 10;

/// A query over a list of images. On the wire a missing part is the default: an empty list of statuses leaves no trace in a form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageQuery {
    /// Text to find in name, source, id and tags; empty finds all.
    pub text: String,
    /// Only these statuses; empty means any.
    pub statuses: Vec<Status>,
    /// Only these kinds; empty means any.
    pub kinds: Vec<Kind>,
    /// Only with all of these tags (A2).
    pub tags: Vec<TagFilter>,
    /// What to sort by.
    pub sort: SortBy,
    /// Which way.
    pub direction: Direction,
    /// Page, from 1.
    pub page: u32,
    /// Rows per page.
    pub size: u32,
}

impl Default for ImageQuery {
    fn default() -> Self {
        Self {
            text: String::new(),
            statuses: vec![],
            kinds: vec![],
            tags: vec![],
            sort: SortBy::Created,
            direction: Direction::Descending,
            page: 1,
            size: ROWS_DEFAULT,
        }
    }
}

impl ImageQuery {
    /// Reads the query from the pairs of an address; what cannot be read falls back to the default, so that an old link still works.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self::default();
        let mut direction = None;
        for (key, value) in pairs {
            match key {
                "q" => query.text = value.trim().chars().take(200).collect(),
                "status" => {
                    query.statuses.extend(
                        value.split(',').filter_map(|v| Status::ALL.into_iter().find(|s| s.slug() == v)),
                    );
                }
                "kind" => {
                    query.kinds.extend(
                        value.split(',').filter_map(|v| Kind::ALL.into_iter().find(|k| k.slug() == v)),
                    );
                }
                "tag" => query.tags.extend(TagFilter::read(value).take(TAGS_MAX)),
                "sort" => {
                    query.sort = SortBy::ALL.into_iter().find(|s| s.slug() == value).unwrap_or_default()
                }
                "dir" => {
                    direction =
                        Some(if value == "asc" { Direction::Ascending } else { Direction::Descending })
                }
                "page" => query.page = value.parse().unwrap_or(1).max(1),
                "rows" => query.size = value.parse().unwrap_or(ROWS_DEFAULT).clamp(1, ROWS_MAX),
                _ => {}
            }
        }
        query.statuses.sort_unstable();
        query.statuses.dedup();
        query.kinds.sort_unstable();
        query.kinds.dedup();
        query.tags.sort_unstable();
        query.tags.dedup();
        query.tags.truncate(TAGS_MAX);
        query.direction = direction.unwrap_or(query.sort_natural());
        query
    }

    /// Newest and largest first; names from A.
    const fn sort_natural(&self) -> Direction {
        match self.sort {
            SortBy::Created | SortBy::Size => Direction::Descending,
            SortBy::Name | SortBy::Source | SortBy::Status => Direction::Ascending,
        }
    }

    /// The pairs of the query's address; none when it is the default. Reading them back gives the same query.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let default = Self::default();
        let mut pairs = Vec::new();
        if !self.text.is_empty() {
            pairs.push(("q", self.text.clone()));
        }
        if !self.statuses.is_empty() {
            let slugs: Vec<&str> = self.statuses.iter().map(|s| s.slug()).collect();
            pairs.push(("status", slugs.join(",")));
        }
        if !self.kinds.is_empty() {
            let slugs: Vec<&str> = self.kinds.iter().map(|k| k.slug()).collect();
            pairs.push(("kind", slugs.join(",")));
        }
        pairs.extend(self.tags.iter().map(|tag| ("tag", tag.to_string())));
        if self.sort != default.sort {
            pairs.push(("sort", self.sort.slug().to_owned()));
        }
        if self.direction != self.sort_natural() {
            let word = if self.direction == Direction::Ascending { "asc" } else { "desc" };
            pairs.push(("dir", word.to_owned()));
        }
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
        }
        if self.size != default.size {
            pairs.push(("rows", self.size.to_string()));
        }
        pairs
    }

    /// The query as `?…`, or nothing when it is the default.
    pub fn address(&self) -> String {
        address(&self.pairs())
    }

    /// Whether `image` passes search and filters. `needle` is the search text in lower case.
    pub fn matches(&self, image: &Image, needle: &str) -> bool {
        let status_ok = self.statuses.is_empty() || self.statuses.contains(&image.status);
        let kind_ok = self.kinds.is_empty() || self.kinds.contains(&image.kind);
        status_ok
            && kind_ok
            && self.tags.iter().all(|tag| tag.holds(&image.tags))
            && (needle.is_empty() || found(image, needle))
    }

    /// What can be compared of an image without looking at it again: most orders are decided by it.
    pub fn rank(&self, image: &Image) -> i64 {
        match self.sort {
            SortBy::Created => image.created.0,
            SortBy::Size => i64::try_from(image.stored_bytes()).unwrap_or(i64::MAX),
            SortBy::Name | SortBy::Source | SortBy::Status => 0,
        }
    }

    /// [`ImageQuery::compare`] for images with their ranks.
    pub fn compare_ranked<I: AsRef<Image>>(&self, a: &(i64, I), b: &(i64, I)) -> Ordering {
        let ranked = a.0.cmp(&b.0);
        let ranked = if self.direction == Direction::Ascending { ranked } else { ranked.reverse() };
        ranked.then_with(|| self.compare(a.1.as_ref(), b.1.as_ref()))
    }

    /// Compares two images in the order asked for; the id breaks ties, so that pages never flicker.
    pub fn compare(&self, a: &Image, b: &Image) -> Ordering {
        let order = match self.sort {
            SortBy::Created => a.created.cmp(&b.created),
            SortBy::Name => compare_text(a.name.as_str(), b.name.as_str()),
            SortBy::Source => compare_text(source(a), source(b)),
            SortBy::Size => a.stored_bytes().cmp(&b.stored_bytes()),
            SortBy::Status => a.status.cmp(&b.status),
        };
        let order = order.then_with(|| a.id.cmp(&b.id));
        if self.direction == Direction::Ascending { order } else { order.reverse() }
    }
}

fn source(image: &Image) -> &str {
    image.source.as_ref().map_or("", |s| s.name.as_str())
}

fn compare_text(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        // The same order, without the tables of Unicode: a list is compared thousands of times for a page.
        let (a, b) = (a.bytes(), b.bytes());
        return a.map(|byte| byte.to_ascii_lowercase()).cmp(b.map(|byte| byte.to_ascii_lowercase()));
    }
    a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
}

fn found(image: &Image, needle: &str) -> bool {
    let has = |text: &str| contains(text, needle);
    has(image.name.as_str())
        || has(source(image))
        || image.tags.iter().any(|(k, v)| has(k) || has(v))
        || (needle.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
            && image.id.to_string().contains(needle))
}

/// Whether `text` contains `needle`, which is in lower case, in whatever case.
pub(crate) fn contains(text: &str, needle: &str) -> bool {
    if text.is_ascii() {
        let mut places = text.as_bytes().windows(needle.len().max(1));
        return places.any(|place| place.eq_ignore_ascii_case(needle.as_bytes()));
    }
    text.to_lowercase().contains(needle)
}

/// Percent-encodes text for the value of a query pair.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tests::image;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn search_looks_in_name_and_id() {
        let i = image(Status::Available);
        let q = ImageQuery::default();
        assert!(q.matches(&i, "web") && q.matches(&i, "0000-000000000001") && !q.matches(&i, "nothing"));
    }

    #[test]
    fn a_filter_by_kind_finds_only_those() {
        let i = image(Status::Available);
        let of = |word| ImageQuery::from_pairs([("kind", word)].into_iter());
        assert!(of("system,iso").matches(&i, "") && !of("data").matches(&i, ""));
    }

    #[test]
    fn an_unreadable_address_falls_back_to_the_default() {
        let q = ImageQuery::from_pairs(
            [("page", "x"), ("sort", "?"), ("status", "gone"), ("rows", "9999")].into_iter(),
        );
        assert_eq!(q, ImageQuery { size: ROWS_MAX, ..ImageQuery::default() });
    }

    proptest! {
        #[test]
        fn plain_text_is_compared_and_searched_as_any_other(
            a in "[a-cA-CäÄ-]{0,6}", b in "[a-cA-CäÄ-]{0,6}", needle in "[a-cä-]{1,3}",
        ) {
            let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<String>();
            prop_assert_eq!(compare_text(&a, &b), lower(&a).cmp(&lower(&b)));
            prop_assert_eq!(contains(&a, &needle), a.to_lowercase().contains(&needle));
        }

        #[test]
        fn an_address_reads_back_as_the_same_query(
            text in "[a-z0-9&=%+ äß-]{0,20}", statuses in proptest::sample::subsequence(Status::ALL.to_vec(), 0..=5),
            kinds in proptest::sample::subsequence(Kind::ALL.to_vec(), 0..=4),
            tags in proptest::collection::btree_set(proptest::sample::select(vec!["env", "env=prod", "web="]), 0..3),
            sort in proptest::sample::select(SortBy::ALL.to_vec()), asc in any::<bool>(), page in 1u32..50, size in 1u32..=ROWS_MAX,
        ) {
            let direction = if asc { Direction::Ascending } else { Direction::Descending };
            let mut tags: Vec<TagFilter> = tags.into_iter().flat_map(TagFilter::read).collect();
            tags.sort_unstable();
            let query = ImageQuery { text: text.trim().to_owned(), statuses, kinds, tags, sort, direction, page, size };
            let address = query.address();
            let decoded: Vec<(String, String)> = address.trim_start_matches('?').split('&').filter_map(|p| p.split_once('='))
                .map(|(k, v)| (k.to_owned(), unpercent(v))).collect();
            prop_assert_eq!(ImageQuery::from_pairs(decoded.iter().map(|(k, v)| (k.as_str(), v.as_str()))), query);
        }
    }

    fn unpercent(text: &str) -> String {
        let bytes = text.as_bytes();
        let (mut out, mut i) = (Vec::new(), 0);
        while i < bytes.len() {
            if bytes[i] == b'%' {
                out.push(u8::from_str_radix(&text[i + 1..i + 3], 16).expect("hex"));
                i += 3;
            } else {
                out.push(bytes[i]);
                i += 1;
            }
        }
        String::from_utf8(out).expect("UTF-8")
    }
}
