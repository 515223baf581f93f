//! Lists on the wire: what part of a list is asked for, in the address of the page, and what comes back.

use super::image::list::percent;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Rows on a page when the address does not say.
pub const ROWS_DEFAULT: u32 = 25;
/// Most rows on a page.
pub const ROWS_MAX: u32 = 100;

/// One page of a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Which page, from 1.
    pub number: u32,
    /// Rows per page.
    pub size: u32,
    /// Rows on all pages together, after search and filters.
    pub total: u32,
}

impl<T> Page<T> {
    /// Cuts page `number` (from 1) of `size` rows out of `all`; a page past the end becomes the last one.
    pub fn cut(all: Vec<T>, number: u32, size: u32) -> Self {
        let size = size.clamp(1, ROWS_MAX);
        let total = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let last = total.div_ceil(size).max(1);
        let number = number.clamp(1, last);
        let skip = usize::try_from((number - 1).saturating_mul(size)).unwrap_or(usize::MAX);
        let rows = all.into_iter().skip(skip).take(usize::try_from(size).unwrap_or(usize::MAX)).collect();
        Self { rows, number, size, total }
    }

    /// Cuts the same page as if `all` were sorted by `compare`, but sorts no other rows: of a list of thousands, only a few are shown.
    /// No two rows may be equal, else pages would flicker.
    pub fn cut_ordered(
        mut all: Vec<T>,
        number: u32,
        size: u32,
        mut compare: impl FnMut(&T, &T) -> Ordering,
    ) -> Self {
        let place = Page::cut(vec![(); all.len()], number, size);
        let total = place.total;
        let skip = usize::try_from((place.number - 1).saturating_mul(place.size)).unwrap_or(usize::MAX);
        let end = skip.saturating_add(place.rows.len());
        if end < all.len() {
            all.select_nth_unstable_by(end, &mut compare);
            all.truncate(end);
        }
        if (1..all.len()).contains(&skip) {
            all.select_nth_unstable_by(skip, &mut compare);
        }
        let mut rows = all.split_off(skip.min(all.len()));
        rows.sort_unstable_by(compare);
        Self { rows, number: place.number, size: place.size, total }
    }

    /// Pages in all, at least 1.
    pub fn n_pages(&self) -> u32 {
        self.total.div_ceil(self.size.max(1)).max(1)
    }

    /// The same page with each row turned into something else.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page {
            rows: self.rows.into_iter().map(f).collect(),
            number: self.number,
            size: self.size,
            total: self.total,
        }
    }

    /// The same where a row may fail to become something else.
    ///
    /// # Errors
    /// The first failure.
    pub fn try_map<U, E>(self, f: impl FnMut(T) -> Result<U, E>) -> Result<Page<U>, E> {
        let rows = self.rows.into_iter().map(f).collect::<Result<_, E>>()?;
        Ok(Page { rows, number: self.number, size: self.size, total: self.total })
    }

    /// `26 to 50 of 10,000`, or `0 of 0`.
    pub fn range(&self) -> String {
        let first = (self.number.saturating_sub(1)).saturating_mul(self.size);
        let last = first.saturating_add(u32::try_from(self.rows.len()).unwrap_or(0));
        if self.rows.is_empty() {
            "0 of 0".to_owned()
        } else {
            format!("{} to {} of {}", grouped(first + 1), grouped(last), grouped(self.total))
        }
    }
}

/// The query of an address as `?…`, or nothing without pairs.
pub fn address(pairs: &[(&str, String)]) -> String {
    let mut address = String::new();
    for (name, value) in pairs {
        address.push(if address.is_empty() { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        address.push_str(&percent(value));
    }
    address
}

/// A whole number with commas between thousands: `10,000`.
pub fn grouped(n: u32) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_page_cut_from_unsorted_rows_is_the_page_of_the_sorted_ones(
            rows in proptest::collection::hash_set(0u32..1000, 0..120), number in 0u32..9, size in 0u32..40,
        ) {
            let all: Vec<u32> = rows.into_iter().collect();
            let mut sorted = all.clone();
            sorted.sort_by(|a, b| b.cmp(a));
            prop_assert_eq!(Page::cut_ordered(all, number, size, |a, b| b.cmp(a)), Page::cut(sorted, number, size));
        }
    }

    #[test]
    fn a_page_past_the_end_is_the_last_one() {
        let page = Page::cut((0..60).collect(), 9, 25);
        assert_eq!((page.number, page.rows.len(), page.n_pages()), (3, 10, 3));
        assert_eq!(page.range(), "51 to 60 of 60");
        assert_eq!(Page::<u8>::cut(vec![], 1, 25).range(), "0 of 0");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [grouped(7), grouped(1000), grouped(10_000), grouped(1_234_567)],
            ["7", "1,000", "10,000", "1,234,567"]
        );
    }
}
