//! One setting: its key, what it does, how it is read and written, and how it stands in the file and the documentation. Which settings there
//! are is the table's.

use super::Settings;

/// One setting.
pub struct Entry {
    /// Section and name, such as `server.listen`.
    pub key: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// How it is read and written.
    pub access: Access,
}

/// How a setting is read and written.
pub enum Access {
    /// A whole number in a range.
    Whole {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
        /// Reads it.
        get: fn(&Settings) -> u64,
        /// Writes it; the number is in range.
        set: fn(&mut Settings, u64),
    },
    /// True or false.
    Truth {
        /// Reads it.
        get: fn(&Settings) -> bool,
        /// Writes it.
        set: fn(&mut Settings, bool),
    },
    /// A text.
    Text {
        /// What is allowed, in words.
        allowed: &'static str,
        /// Another allowed value than the default, for the test that every setting arrives.
        #[cfg_attr(not(test), expect(dead_code, reason = "only the test writes every setting"))]
        another: &'static str,
        /// Reads it.
        get: fn(&Settings) -> String,
        /// Writes it, or refuses it.
        set: fn(&mut Settings, &str) -> Result<(), ()>,
    },
}

impl Entry {
    /// Section and name.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').expect("every key has a section")
    }

    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match &self.access {
            Access::Whole { min, max, .. } => format!("a whole number from {min} to {max}"),
            Access::Truth { .. } => "true or false".to_owned(),
            Access::Text { allowed, .. } => (*allowed).to_owned(),
        }
    }

    /// Its value as TOML.
    pub fn shown(&self, settings: &Settings) -> String {
        match &self.access {
            Access::Whole { get, .. } => get(settings).to_string(),
            Access::Truth { get, .. } => get(settings).to_string(),
            Access::Text { get, .. } => format!("\"{}\"", get(settings)),
        }
    }

    /// An allowed value other than the present one, as TOML.
    #[cfg(test)]
    pub fn another(&self, settings: &Settings) -> String {
        match &self.access {
            Access::Whole { min, max, get, .. } => {
                (if get(settings) == *min { *max } else { *min }).to_string()
            }
            Access::Truth { get, .. } => (!get(settings)).to_string(),
            Access::Text { another, .. } => format!("\"{another}\""),
        }
    }
}
