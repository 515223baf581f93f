//! Text that people type: names, remarks, tags, host names, e-mail addresses, passwords. Each parser gives the cleaned value or a sentence
//! that starts with what is wrong and ends with what would be right.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Longest name of an image or instance, in characters (A5).
pub const NAME_CHARS_MAX: usize = 128;
/// Longest remark, in characters (A5).
pub const REMARK_CHARS_MAX: usize = 1024;
/// Shortest reason of a request, in characters.
pub const REASON_CHARS_MIN: usize = 10;
/// Longest reason of a request, in characters.
pub const REASON_CHARS_MAX: usize = 500;
/// Shortest password, in characters.
pub const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password, in characters: bounds the work of hashing.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Longest user data, in bytes: what cloud-init accepts.
pub const USER_DATA_BYTES_MAX: usize = 16 * 1024;

/// Longest list of SSH keys, in bytes: it must fit into a machine's record with its user data.
pub const SSH_KEYS_BYTES_MAX: usize = 16 * 1024;

/// A valid name of an image, instance or project (A5): 1 to 128 letters, digits, `-`, `.`, `_` and inner spaces.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Parses a name; surrounding white space is an error, not trimmed, so that what was typed is what is stored.
    ///
    /// # Errors
    /// A sentence that says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let n = text.chars().count();
        if text.is_empty() {
            return Err(
                "A name is missing. Use 1 to 128 letters, digits, dots, dashes, underscores or spaces."
                    .to_owned(),
            );
        }
        if n > NAME_CHARS_MAX {
            return Err(format!("Too long: {n} characters. A name has at most {NAME_CHARS_MAX}."));
        }
        if text != text.trim() {
            return Err("A name cannot start or end with a space. Remove it.".to_owned());
        }
        match text.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ' '))) {
            Some(c) => Err(format!(
                "{} is not allowed in a name. Use letters, digits, dots, dashes, underscores and spaces.",
                shown(c)
            )),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A host name derived from this name (RFC 1123 label): lower case, other characters become `-`, at most 63 bytes.
    pub fn hostname(&self) -> String {
        let mapped: String = self
            .0
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .take(63)
            .collect();
        let label = mapped.trim_matches('-');
        if label.is_empty() { "machine".to_owned() } else { label.to_owned() }
    }

    /// The next free variant to suggest when this name is taken: `web` → `web-2`, `web-v2` → `web-v3`, `web 9` → `web 10`.
    #[must_use]
    pub fn successor(&self) -> String {
        let digits = self.0.chars().rev().take_while(char::is_ascii_digit).count();
        let (stem, tail) = self.0.split_at(self.0.len() - digits);
        match tail.parse::<u64>() {
            Ok(n) if !stem.is_empty() => format!("{stem}{}", n.saturating_add(1)),
            _ => format!("{}-2", self.0),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn shown(c: char) -> String {
    if c.is_control() {
        format!("The control character U+{:04X}", u32::from(c))
    } else {
        format!("“{c}”")
    }
}

/// Longest name of a family, in characters.
pub const FAMILY_CHARS_MAX: usize = 63;

/// Parses the name of a family: empty for none, else at most 63 small letters, digits and dashes, so that it can stand in an address.
///
/// # Errors
/// A sentence that says which rule the text breaks.
pub fn family(text: &str) -> Result<String, String> {
    let n = text.chars().count();
    if n > FAMILY_CHARS_MAX {
        return Err(format!("Too long: {n} characters. A family has at most {FAMILY_CHARS_MAX}."));
    }
    match text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        Some(c) => {
            Err(format!("{} is not allowed in a family. Use small letters, digits and dashes.", shown(c)))
        }
        None => Ok(text.to_owned()),
    }
}

/// Parses the name of a site: 1 to 32 small letters, digits and dashes.
///
/// # Errors
/// A sentence that says which rule the text breaks.
pub fn site(text: &str) -> Result<String, String> {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match (1..=32).contains(&text.len()) && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "“{text}” cannot be the name of a site. Use 1 to 32 small letters, digits and dashes, such as main."
        )),
    }
}

/// Parses names of sites that are separated by commas or spaces; none is none.
///
/// # Errors
/// As [`site`], of the first that breaks a rule.
pub fn sites(text: &str) -> Result<BTreeSet<String>, String> {
    text.split([',', ' ']).filter(|part| !part.is_empty()).map(site).collect()
}

/// A figure with its noun: `1 image`, `3 images`.
pub fn counted(n: u32, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Parses a remark (A5): at most 1024 characters, no `<`, `>` and no control character but the line feed. CR LF of browsers becomes LF.
///
/// # Errors
/// A sentence that says which rule the text breaks.
pub fn remark(text: &str) -> Result<String, String> {
    prose(text, "remark", REMARK_CHARS_MAX)
}

/// Parses what goes with a request for more or with the answer to it: at most 500 characters, written like a remark.
///
/// # Errors
/// A sentence that says which rule the text breaks.
pub fn note(text: &str) -> Result<String, String> {
    prose(text.trim(), "note", REASON_CHARS_MAX)
}

/// Parses what a request is needed for, or why it is declined: a note of at least 10 characters.
///
/// # Errors
/// A sentence that says which rule the text breaks.
pub fn reason(text: &str) -> Result<String, String> {
    let text = note(text)?;
    match text.chars().count() {
        0 => Err(format!(
            "A reason is missing. Say it in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters."
        )),
        n if n < REASON_CHARS_MIN => Err(format!(
            "Too short: {n} characters. Say it in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters."
        )),
        _ => Ok(text),
    }
}

fn prose(text: &str, noun: &str, n_max: usize) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    let n = text.chars().count();
    if n > n_max {
        return Err(format!("Too long: {n} characters. A {noun} has at most {n_max}."));
    }
    match text.chars().find(|c| matches!(c, '<' | '>') || (c.is_control() && *c != '\n')) {
        Some(c) => Err(format!("{} is not allowed in a {noun}. Remove it.", shown(c))),
        None => Ok(text),
    }
}

/// Parses an e-mail address well enough to sign in with it, in lower case.
///
/// # Errors
/// A sentence that says what is missing.
pub fn email(text: &str) -> Result<String, String> {
    let text = text.trim().to_lowercase();
    let valid = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, host)| {
            !local.is_empty()
                && !host.is_empty()
                && !host.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
        })
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if valid {
        Ok(text)
    } else {
        Err("This is not an e-mail address. Use the form name@example.org.".to_owned())
    }
}

/// Judges a new password: 10 to 256 characters.
///
/// # Errors
/// A sentence with the limit.
pub fn password(text: &str) -> Result<(), String> {
    match text.chars().count() {
        0 => Err("A password is missing.".to_owned()),
        n if n < PASSWORD_CHARS_MIN => {
            Err(format!("Too short: {n} characters. A password has at least {PASSWORD_CHARS_MIN}."))
        }
        n if n > PASSWORD_CHARS_MAX => {
            Err(format!("Too long: {n} characters. A password has at most {PASSWORD_CHARS_MAX}."))
        }
        _ => Ok(()),
    }
}

/// Parses pasted SSH public keys, one per line; empty lines are skipped.
///
/// # Errors
/// A sentence that names the line.
pub fn ssh_keys(text: &str) -> Result<Vec<String>, String> {
    const KINDS: [&str; 5] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "sk-ssh-ed25519@openssh.com",
    ];
    let mut keys = Vec::new();
    for (i, line) in text.lines().map(str::trim).enumerate().filter(|(_, l)| !l.is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let kind_known = words.next().is_some_and(|k| KINDS.contains(&k));
        let body_plausible = words.next().is_some_and(|b| {
            b.len() >= 32 && b.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='))
        });
        if !kind_known || !body_plausible || line.len() > 8192 || line.chars().any(char::is_control) {
            return Err(format!(
                "Line {} is not an SSH public key. Paste the one line of a .pub file; it starts with ssh-ed25519, ssh-rsa or ecdsa-sha2.",
                i + 1
            ));
        }
        keys.push(line.to_owned());
    }
    if keys.len() > 20 {
        return Err(format!("{} keys. A machine takes at most 20.", keys.len()));
    }
    let n_bytes: usize = keys.iter().map(String::len).sum();
    if n_bytes > SSH_KEYS_BYTES_MAX {
        return Err(format!(
            "Too long: {n_bytes} bytes. All keys together have at most {SSH_KEYS_BYTES_MAX}."
        ));
    }
    Ok(keys)
}

/// Judges cloud-init user data: at most 16 KiB. CR LF of browsers becomes LF, or a script would not run.
///
/// # Errors
/// A sentence with the limit.
pub fn user_data(text: &str) -> Result<String, String> {
    let text = text.replace("\r\n", "\n");
    if text.len() > USER_DATA_BYTES_MAX {
        return Err(format!("Too long: {} bytes. User data has at most {USER_DATA_BYTES_MAX}.", text.len()));
    }
    // A control character takes six bytes in a record, which the longest user data would then outgrow.
    match text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        Some(c) => Err(format!("{} is not allowed in user data. Use plain text.", shown(c))),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_follow_the_canonical_rule() {
        for good in ["a", "production-web-server-v2", "Über 1.0_x", &"x".repeat(128)] {
            assert_eq!(Name::parse(good).as_ref().map(Name::as_str), Ok(good));
        }
        for (bad, word) in
            [("", "missing"), (" a", "space"), ("a/b", "“/”"), ("a\nb", "U+000A"), (&"x".repeat(129), "129")]
        {
            assert!(Name::parse(bad).expect_err("must be refused").contains(word), "{bad:?}");
        }
    }

    #[test]
    fn a_taken_name_suggests_its_successor() {
        for (name, next) in [("web", "web-2"), ("web-v2", "web-v3"), ("web 9", "web 10"), ("2026", "2026-2")]
        {
            assert_eq!(Name::parse(name).expect("valid").successor(), next);
        }
    }

    #[test]
    fn remarks_keep_line_feeds_and_refuse_markup() {
        assert_eq!(remark("a\r\nb").as_deref(), Ok("a\nb"));
        assert!(remark("<b>").expect_err("refused").contains("“<”"));
        assert!(remark(&"x".repeat(1025)).expect_err("refused").contains("1025"));
    }

    #[test]
    fn pasted_keys_are_checked_line_by_line() {
        let key = format!("ssh-ed25519 {} me@host", "A".repeat(68));
        assert_eq!(ssh_keys(&format!("\n{key}\n")), Ok(vec![key.clone()]));
        assert!(ssh_keys(&format!("{key}\nhello")).expect_err("refused").starts_with("Line 2"));
    }

    #[test]
    fn what_would_not_fit_into_a_record_is_refused_at_its_field() {
        let key = format!("ssh-rsa {}", "A".repeat(7000));
        assert!(ssh_keys(&[key.as_str(); 3].join("\n")).expect_err("refused").starts_with("Too long: 21024"));
        assert!(user_data("#!/bin/sh\n\techo\n").is_ok());
        assert!(user_data("a\u{1}b").expect_err("refused").contains("U+0001"));
    }

    proptest! {
        #[test]
        fn a_host_name_is_always_a_valid_label(text in "\\PC{1,128}") {
            if let Ok(name) = Name::parse(&text) {
                let host = name.hostname();
                prop_assert!(!host.is_empty() && host.len() <= 63);
                prop_assert!(!host.starts_with('-') && !host.ends_with('-'));
                prop_assert!(host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = (Name::parse(&text).map(|n| n.successor()), remark(&text), email(&text), ssh_keys(&text), user_data(&text));
        }
    }
}
