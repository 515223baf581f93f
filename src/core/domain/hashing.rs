//! What is hashed in chains, written so that no two different things are ever written the same. Hashing itself is done where records are
//! written.

/// Fields one after the other: each as the count of its bytes in decimal, a colon, its text in UTF-8, and a comma; one that is `None` as a
/// minus sign and a comma.
pub fn written<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut text = String::new();
    for field in fields {
        match field {
            Some(value) => text.push_str(&format!("{}:{value},", value.len())),
            None => text.push_str("-,"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_field_is_counted() {
        assert_eq!(written([Some("ab"), None, Some(""), Some("c,")]), "2:ab,-,0:,2:c,,");
    }

    proptest! {
        #[test]
        fn different_fields_are_written_differently(
            a in proptest::collection::vec(proptest::option::of("[0-9:,-]{0,4}"), 0..4),
            b in proptest::collection::vec(proptest::option::of("[0-9:,-]{0,4}"), 0..4),
        ) {
            let text = |fields: &[Option<String>]| written(fields.iter().map(Option::as_deref));
            prop_assert_eq!(a == b, text(&a) == text(&b));
        }
    }
}
