//! Tags of images (F14): what may stand in one, how people write them, and how a list is searched by them.

use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// How long the parts of a tag may be, in characters; a setting (A2, A5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lengths {
    /// Longest key.
    pub key_max: u32,
    /// Longest value.
    pub value_max: u32,
}

impl Lengths {
    /// What nothing may exceed, whatever is set (A5).
    pub const MOST: Self = Self { key_max: 128, value_max: 128 };
}

impl Default for Lengths {
    fn default() -> Self {
        Self { key_max: 36, value_max: 43 }
    }
}

/// Tags by key; a value may be empty. Kept in a vector in order: ten thousand images with a few tags each are in memory at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Tags(LiteMap<String, String>);

impl Tags {
    /// None.
    pub const fn new() -> Self {
        Self(LiteMap::new())
    }
}

impl Deref for Tags {
    type Target = LiteMap<String, String>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Tags {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl FromIterator<(String, String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(tags: I) -> Self {
        Self(tags.into_iter().collect())
    }
}

impl IntoIterator for Tags {
    type Item = (String, String);
    type IntoIter = <LiteMap<String, String> as IntoIterator>::IntoIter;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// As an object, also when there are none; the vector's own form of that would be a list.
impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Reads tags as people write them: `key` or `key=value`, apart from each other by line ends or commas. A key that stands there twice has
/// the later value.
///
/// # Errors
/// A sentence that names the tag, the rule and the value.
pub fn parse(text: &str, lengths: Lengths) -> Result<Tags, String> {
    let mut tags = Tags::new();
    for word in words(text) {
        let (key, value) = pair(word);
        part(word, "key", key, lengths.key_max)?;
        part(word, "value", value, lengths.value_max)?;
        if key.is_empty() {
            return Err(format!("“{word}” has no key. Write a tag as key or key=value."));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

/// Reads keys of tags, as [`parse`] reads tags, also such as are longer than what may be written now; what stands behind `=` does not matter.
///
/// # Errors
/// As [`parse`].
pub fn parse_keys(text: &str) -> Result<Vec<String>, String> {
    Ok(parse(text, Lengths::MOST)?.into_iter().map(|(key, _)| key).collect())
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', ',', ';']).map(str::trim).filter(|word| !word.is_empty())
}

fn pair(word: &str) -> (&str, &str) {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    (key.trim(), value.trim())
}

fn part(word: &str, what: &str, text: &str, max: u32) -> Result<(), String> {
    if let Some(bad) = text.chars().find(|c| !c.is_alphanumeric() && !matches!(c, '-' | '_')) {
        return Err(format!("“{bad}” is not allowed in the tag “{word}”. Use letters, digits, - and _."));
    }
    match text.chars().count() {
        n if u32::try_from(n).is_ok_and(|n| n <= max) => Ok(()),
        n => Err(format!("The {what} of “{word}” has {n} characters. It has at most {max}.")),
    }
}

/// A tag as people write it.
pub fn label(key: &str, value: &str) -> String {
    if value.is_empty() { key.to_owned() } else { format!("{key}={value}") }
}

/// Tags as people write them, one per line.
pub fn text(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| label(key, value)).collect::<Vec<_>>().join("\n")
}

/// One condition of a search by tags; all of them must hold (A2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct TagFilter {
    /// The key that must be there.
    pub key: String,
    /// The value it must have; `None` for any.
    pub value: Option<String>,
}

impl TagFilter {
    /// The conditions in a text as people write them. What can be no tag is left out, so that an old link still works.
    pub fn read(text: &str) -> impl Iterator<Item = Self> {
        words(text).filter(|word| parse(word, Lengths::MOST).is_ok()).map(|word| {
            let (key, value) = pair(word);
            let value = word.contains('=').then(|| value.to_owned());
            Self { key: key.to_owned(), value }
        })
    }

    /// Whether these tags fulfil it.
    pub fn holds(&self, tags: &Tags) -> bool {
        let found = tags.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }
}

impl fmt::Display for TagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        self.value.as_ref().map_or(Ok(()), |value| write!(f, "={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Tags, String> {
        super::parse(text, Lengths::default())
    }

    #[test]
    fn longer_parts_are_tags_where_the_setting_allows_them_and_can_always_be_found_and_taken_away() {
        let long = format!("{}={}", "k".repeat(128), "v".repeat(128));
        assert!(parse(&long).is_err());
        assert_eq!(super::parse(&long, Lengths::MOST).map(|tags| text(&tags)), Ok(long.clone()));
        assert_eq!(parse_keys(&long), Ok(vec!["k".repeat(128)]));
        assert_eq!(TagFilter::read(&long).count(), 1);
        let short = Lengths { key_max: 2, value_max: 1 };
        assert_eq!(super::parse("ab=c", short).map(|tags| tags.len()), Ok(1));
        assert!(super::parse("abc", short).is_err() && super::parse("a=bc", short).is_err());
        assert!(super::parse(&"k".repeat(129), Lengths::MOST).is_err());
    }

    #[test]
    fn tags_are_read_from_lines_and_commas_and_the_later_value_counts() {
        let tags = parse("env=prod, web\n\nenv = test ; größe=9").expect("tags");
        assert_eq!(text(&tags), "env=test\ngröße=9\nweb");
        assert_eq!(parse(" \n,"), Ok(Tags::new()));
    }

    #[test]
    fn what_can_be_no_tag_is_named_with_its_rule() {
        for (wrong, words) in [
            ("a b", "“ ” is not allowed in the tag “a b”"),
            ("=x", "“=x” has no key"),
            ("a=b=c", "“=” is not allowed"),
            (&*"k".repeat(37), "has 37 characters. It has at most 36"),
            (&*format!("k={}", "v".repeat(44)), "has 44 characters. It has at most 43"),
        ] {
            let refusal = parse(wrong).expect_err("must be refused");
            assert!(refusal.contains(words), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn a_condition_without_value_asks_for_the_key_alone() {
        let tags = parse("env=prod,web").expect("tags");
        let holds = |text: &str| TagFilter::read(text).all(|filter| filter.holds(&tags));
        assert!(holds("env") && holds("env=prod") && holds("web=") && holds("env=prod,web"));
        assert!(!holds("env=test") && !holds("env=") && !holds("db") && !holds("web,db"));
        assert_eq!(TagFilter::read("a b,web").map(|f| f.to_string()).collect::<Vec<_>>(), ["web"]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(tags in proptest::collection::btree_map("[a-zß0-9_-]{1,36}", "[a-z0-9_-]{0,43}", 0..10)) {
            let tags: Tags = tags.into_iter().collect();
            prop_assert_eq!(parse(&text(&tags)), Ok(tags));
        }

        #[test]
        fn reading_never_panics(text in "\\PC*") {
            let _ = (parse(&text).map(|tags| super::text(&tags)), TagFilter::read(&text).count());
        }
    }
}
