//! Keys as bytes whose order is the order of what they are made from, so that a scan lists records as people expect.
//! Encoding only: keys are never parsed back, records carry their own fields.

use uuid::Uuid;

/// First byte of the keys of records.
const TABLES: u8 = b't';
/// First byte of the keys of secondary indexes.
const INDEXES: u8 = b'i';

/// One part of a key. Encodings must keep order, and no encoding may be the beginning of another of the same type.
pub trait KeyPart {
    /// Appends the part.
    fn encode(&self, out: &mut Vec<u8>);
}

impl<T: KeyPart + ?Sized> KeyPart for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

impl KeyPart for Uuid {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
}

impl KeyPart for u64 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl KeyPart for u32 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

impl KeyPart for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
}

impl KeyPart for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        // With the sign bit flipped, negative numbers sort before positive ones.
        out.extend_from_slice(&(self.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(part) => {
                out.push(1);
                part.encode(out);
            }
        }
    }
}

impl KeyPart for [u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        // The terminator 00 00 sorts before every continuation, and a 00 inside becomes 00 FF.
        for &byte in self {
            out.push(byte);
            if byte == 0 {
                out.push(0xFF);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }
}

impl KeyPart for str {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_bytes().encode(out);
    }
}

impl KeyPart for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_bytes().encode(out);
    }
}

/// A whole key or the beginning of one: a part, a tuple of parts, or `()` for a table of one record and for "all of it".
pub trait TableKey {
    /// Appends all parts.
    fn encode_key(&self, out: &mut Vec<u8>);
}

impl<T: KeyPart> TableKey for T {
    fn encode_key(&self, out: &mut Vec<u8>) {
        self.encode(out);
    }
}

impl TableKey for () {
    fn encode_key(&self, _out: &mut Vec<u8>) {}
}

macro_rules! tuples_are_keys {
    ($(($($part:ident $place:tt),+);)+) => {$(
        impl<$($part: KeyPart),+> TableKey for ($($part,)+) {
            fn encode_key(&self, out: &mut Vec<u8>) {
                $(self.$place.encode(out);)+
            }
        }
    )+};
}

tuples_are_keys! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
    (A 0, B 1, C 2, D 3, E 4);
}

/// The key of a record, or the common beginning of several.
pub(crate) fn record_key(table: &str, key: &impl TableKey) -> Vec<u8> {
    named_key(TABLES, table, key)
}

/// The key of an index row, or the common beginning of several.
pub(crate) fn index_key(name: &str, key: &impl TableKey) -> Vec<u8> {
    named_key(INDEXES, name, key)
}

fn named_key(space: u8, name: &str, key: &impl TableKey) -> Vec<u8> {
    assert!(
        !name.is_empty() && !name.contains('\0'),
        "names of tables and indexes are constants without NUL"
    );
    let mut out = Vec::with_capacity(name.len() + 40);
    out.push(space);
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    key.encode_key(&mut out);
    out
}

/// The first key after all keys that start with `prefix`, for the end of a scan.
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < 0xFF {
            end.push(last + 1);
            return end;
        }
    }
    // Only a prefix of nothing but 0xFF has no successor; keys are shorter than this.
    vec![0xFF; super::KEY_BYTES_MAX + 1]
}

/// A key as people can read it: the table, then an id or escaped bytes.
pub(crate) fn show_key(key: &[u8]) -> String {
    let split =
        key.iter().position(|&byte| byte == 0).filter(|_| matches!(key.first(), Some(&(TABLES | INDEXES))));
    let Some(at) = split else { return key.escape_ascii().to_string() };
    let name = key[1..at].escape_ascii();
    let rest = &key[at + 1..];
    match Uuid::from_slice(rest) {
        Ok(id) => format!("{name}/{id}"),
        Err(_) => format!("{name}/{}", rest.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(key: &impl TableKey) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode_key(&mut out);
        out
    }

    /// Few different characters, with NUL and the largest bytes among them, so that common beginnings are common.
    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec(prop_oneof![Just('\0'), Just('\u{1}'), Just('a'), Just('\u{10FFFF}')], 0..5)
            .prop_map(|characters| characters.into_iter().collect())
    }

    fn number() -> impl Strategy<Value = i64> {
        prop_oneof![any::<i64>(), -2..2_i64, Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        #[test]
        fn keys_sort_as_what_they_are_made_from(
            one in (text(), number(), any::<u64>(), text()),
            other in (text(), number(), any::<u64>(), text()),
        ) {
            prop_assert_eq!(encoded(&one).cmp(&encoded(&other)), one.cmp(&other));
        }

        #[test]
        fn parts_sort_as_their_values(a in number(), b in number(), c in any::<u128>(), d in any::<u128>()) {
            prop_assert_eq!(encoded(&a).cmp(&encoded(&b)), a.cmp(&b));
            prop_assert_eq!(encoded(&a.cast_unsigned()).cmp(&encoded(&b.cast_unsigned())), a.cast_unsigned().cmp(&b.cast_unsigned()));
            let (c, d) = (Uuid::from_u128(c), Uuid::from_u128(d));
            prop_assert_eq!(encoded(&c).cmp(&encoded(&d)), c.cmp(&d));
            prop_assert_eq!(encoded(&Some(c)).cmp(&encoded(&Some(d))), c.cmp(&d));
            prop_assert!(encoded(&None::<Uuid>) < encoded(&Some(c)));
        }

        #[test]
        fn bytes_sort_as_bytes(a in proptest::collection::vec(0..4_u8, 0..6), b in proptest::collection::vec(0..4_u8, 0..6)) {
            prop_assert_eq!(encoded(&a.as_slice()).cmp(&encoded(&b.as_slice())), a.cmp(&b));
        }

        #[test]
        fn a_prefix_covers_exactly_the_keys_that_start_with_it(
            first in text(), second in text(), one in number(),
        ) {
            let start = encoded(&(first.as_str(),));
            let end = prefix_end(&start);
            let key = encoded(&(second.as_str(), one));
            prop_assert_eq!(start <= key && key < end, first == second);
        }
    }

    #[test]
    fn the_end_of_a_prefix_carries_over_its_largest_bytes() {
        assert_eq!(prefix_end(b"ab"), b"ac");
        assert_eq!(prefix_end(&[1, 0xFF, 0xFF]), [2]);
        assert!(prefix_end(&[0xFF]) > vec![0xFF; super::super::KEY_BYTES_MAX]);
    }

    #[test]
    fn one_table_is_never_inside_another() {
        let image = record_key("image", &());
        assert!(!record_key("images", &7_u64).starts_with(&image));
        assert!(!index_key("image", &7_u64).starts_with(&image));
        assert!(record_key("image", &7_u64).starts_with(&image));
    }

    #[test]
    fn keys_are_shown_with_table_and_id() {
        let id = Uuid::from_u128(0x0192_4f5e);
        assert_eq!(show_key(&record_key("image", &id)), "image/00000000-0000-0000-0000-000001924f5e");
        assert_eq!(show_key(&index_key("image_by_name", &("db",))), "image_by_name/db\\x00\\x00");
    }
}
