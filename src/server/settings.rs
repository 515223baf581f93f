//! What an operator can set: one TOML file, every key with its default, its range and a sentence of explanation in `settings/table.rs`.
//!
//! Settings come from the file and the command line, never from the environment. A wrong file is refused as a whole, with every mistake at
//! once. Nothing here acts on a setting.

mod entry;
mod table;

use crate::server::blobs::StorageSettings;
use crate::server::hypervisor::QemuSettings;
use darkroom_core::domain::format::FormatLimits;
use entry::{Access, Entry};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use table::ENTRIES;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Everything an operator can set.
#[derive(Clone, PartialEq, Debug)]
pub struct Settings {
    /// Where the web server listens.
    pub listen: SocketAddr,
    /// The address people type, such as `https://images.example.org`, without a slash at its end; `None` when it is the one listened on.
    pub public_url: Option<String>,
    /// Whether cookies are sent over TLS only. Always true when the public address begins with `https://`.
    pub secure_cookies: bool,
    /// How long open requests may take to finish when darkroom is told to end, in milliseconds.
    pub shutdown_timeout_ms: u64,
    /// Tasks that are worked on at the same time.
    pub workers: u32,
    /// How the log looks and what it holds.
    pub log: LogSettings,
    /// Limits of the logic.
    pub limits: darkroom_core::ops::Settings,
    /// Limits of disk files that come from outside.
    pub format: FormatLimits,
    /// The administrator's socket.
    pub admin: AdminSettings,
    /// The chunk stores.
    pub storage: StorageSettings,
    /// Machines.
    pub qemu: QemuSettings,
    /// What only tests may use.
    pub testing: TestingSettings,
}

/// What only tests may use: a darkroom whose bills somebody pays has none of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TestingSettings {
    /// Whether any of it may be used.
    pub allowed: bool,
    /// A file that says by how many milliseconds the clock is ahead; `None` for the machine's own clock.
    pub clock_file: Option<PathBuf>,
}

/// How the log looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// Lines for people or for programs.
    pub format: LogFormat,
    /// The least important level that is written.
    pub level: LogLevel,
}

/// Lines for people or for programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum LogFormat {
    /// One readable line per event.
    Text,
    /// One JSON object per line.
    Json,
}

/// The levels of the log, the most important first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum LogLevel {
    /// What needs a person.
    Error,
    /// What may need a person.
    Warn,
    /// What happened to a resource.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// Limits of the administrator's socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// The longest request that is read, in bytes.
    pub request_bytes_max: u64,
    /// How long a client may take to send its request, in milliseconds.
    pub request_timeout_ms: u64,
    /// Clients at the same time.
    pub n_clients_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            public_url: None,
            secure_cookies: false,
            shutdown_timeout_ms: 10_000,
            workers: 4,
            log: LogSettings { format: LogFormat::Text, level: LogLevel::Info },
            limits: darkroom_core::ops::Settings::default(),
            format: FormatLimits { virtual_bytes_max: 2 << 40 },
            admin: AdminSettings {
                request_bytes_max: 64 * 1024,
                request_timeout_ms: 10_000,
                n_clients_max: 8,
            },
            storage: StorageSettings::default(),
            qemu: QemuSettings::default(),
            testing: TestingSettings::default(),
        }
    }
}

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("{}: the settings file cannot be read. Check that it exists and that this user may read it.", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Lines of it are wrong.
    #[error("{}", join(problems))]
    Wrong {
        /// Every mistake, in the order of the file.
        problems: Vec<Problem>,
    },
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// One mistake in a settings file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key, such as `server.listen`; empty when the line is not TOML at all.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.path.display(), self.line)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl Settings {
    /// Reads a settings file over the defaults.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML, or sets something that does not exist or is out of range: all mistakes at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads the text of a settings file; `path` is for the messages.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut reader =
            Reader { text, path, problems: Vec::new(), places: BTreeMap::new(), settings: Self::default() };
        let (root, mistakes) = DeTable::parse_recoverable(text);
        for mistake in mistakes {
            let at = mistake.span().map_or(0, |span| span.start);
            reader.wrong(at, "", format!("This is not TOML: {}.", mistake.message().replace('\n', ", ")));
        }
        // After a mistake of syntax the tree is a guess; what it seems to say would only confuse.
        if reader.problems.is_empty() {
            reader.sections(root.get_ref());
            reader.contradictions();
        }
        let Reader { mut problems, mut settings, .. } = reader;
        if !problems.is_empty() {
            problems.sort_by_key(|problem| problem.line);
            return Err(ConfigError::Wrong { problems });
        }
        settings.secure_cookies |=
            settings.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        Ok(settings)
    }

    /// A settings file that sets every key to its default, with comments.
    pub fn example() -> String {
        let defaults = Self::default();
        let mut out = String::from(
            "# Settings of darkroom. Every line shows its default; remove the # in front to change it.\n",
        );
        let mut last = "";
        for entry in ENTRIES {
            let (section, name) = entry.split();
            if section != last {
                out.push_str(&format!("\n[{section}]\n"));
                last = section;
            }
            out.push_str(&format!("# {} Allowed: {}.\n", entry.doc, entry.allowed()));
            out.push_str(&format!("#{name} = {}\n", entry.shown(&defaults)));
        }
        out
    }

    /// The same as a table for the documentation: key, default, allowed, what it does.
    pub fn documentation() -> String {
        let defaults = Self::default();
        let mut out = String::from("| key | default | allowed | what it does |\n| --- | --- | --- | --- |\n");
        for entry in ENTRIES {
            let (default, allowed) = (entry.shown(&defaults), entry.allowed().replace('|', "\\|"));
            out.push_str(&format!("| `{}` | `{default}` | {allowed} | {} |\n", entry.key, entry.doc));
        }
        out
    }
}

/// Walks the parsed file and collects what is wrong.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
    problems: Vec<Problem>,
    /// Where each key was set.
    places: BTreeMap<&'static str, usize>,
    settings: Settings,
}

impl Reader<'_> {
    fn wrong(&mut self, at: usize, key: &str, message: String) {
        let line = self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        self.problems.push(Problem { path: self.path.to_owned(), line, key: key.to_owned(), message });
    }

    fn sections(&mut self, root: &DeTable<'_>) {
        for (section, value) in root {
            let at = section.span().start;
            let section = section.get_ref().as_ref();
            let known = |entry: &&Entry| entry.split().0 == section;
            match value.get_ref() {
                _ if !ENTRIES.iter().any(|entry| known(&entry)) => {
                    let message = if matches!(value.get_ref(), DeValue::Table(_)) {
                        format!("There is no such section. Sections are {}.", words(&sections()))
                    } else {
                        format!(
                            "There is no such key outside a section. Sections are {}.",
                            words(&sections())
                        )
                    };
                    self.wrong(at, section, message);
                }
                DeValue::Table(table) => self.keys(section, table),
                other => {
                    let message = format!(
                        "Found {}; this is a section: write [{section}] and its keys below.",
                        shown(other)
                    );
                    self.wrong(at, section, message);
                }
            }
        }
    }

    fn keys(&mut self, section: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let key = format!("{section}.{}", name.get_ref());
            match ENTRIES.iter().find(|entry| entry.key == key) {
                Some(entry) => self.value(entry, value),
                None => {
                    let siblings: Vec<&str> = ENTRIES
                        .iter()
                        .map(Entry::split)
                        .filter(|(of, _)| *of == section)
                        .map(|(_, name)| name)
                        .collect();
                    self.wrong(
                        name.span().start,
                        &key,
                        format!("There is no such key. [{section}] has {}.", words(&siblings)),
                    );
                }
            }
        }
    }

    /// Values that are allowed by themselves and make no sense together.
    fn contradictions(&mut self) {
        let Settings { limits, qemu, testing, .. } = &self.settings;
        let pairs = [
            (
                qemu.ssh_port_first > qemu.ssh_port_last,
                ["machines.ssh_port_first", "machines.ssh_port_last"],
                format!(
                    "The first port is {} and the last {}; the first may not be larger.",
                    qemu.ssh_port_first, qemu.ssh_port_last
                ),
            ),
            (
                limits.checkpoint_ms.saturating_mul(2) > limits.lease_ms,
                ["tasks.checkpoint_ms", "tasks.lease_ms"],
                format!(
                    "A step gives word every {} ms and its lease ends after {} ms; allow at least twice the checkpoint for the lease.",
                    limits.checkpoint_ms, limits.lease_ms
                ),
            ),
        ];
        let tests = (
            testing.clock_file.is_some() && !testing.allowed,
            ["testing.clock_file", "testing.allowed"],
            "Another clock than the machine's is for tests only: everything is charged by it. Leave it empty, or set testing.allowed = true where nobody pays."
                .to_owned(),
        );
        for (wrong, keys, message) in pairs.into_iter().chain([tests]) {
            let Some((key, at)) = keys.into_iter().find_map(|key| Some((key, *self.places.get(key)?))) else {
                continue;
            };
            if wrong {
                self.wrong(at, key, message);
            }
        }
    }

    fn value(&mut self, entry: &Entry, value: &Spanned<DeValue<'_>>) {
        let done = match (&entry.access, value.get_ref()) {
            (Access::Whole { min, max, set, .. }, DeValue::Integer(found)) => {
                let digits = found.as_str().replace('_', "");
                match u64::from_str_radix(&digits, found.radix()) {
                    Ok(number) if (*min..=*max).contains(&number) => {
                        set(&mut self.settings, number);
                        Ok(())
                    }
                    _ => Err(()),
                }
            }
            (Access::Truth { set, .. }, DeValue::Boolean(found)) => {
                set(&mut self.settings, *found);
                Ok(())
            }
            (Access::Text { set, .. }, DeValue::String(found)) => set(&mut self.settings, found),
            _ => Err(()),
        };
        self.places.insert(entry.key, value.span().start);
        if done.is_err() {
            let message = format!("Found {}; allowed is {}.", shown(value.get_ref()), entry.allowed());
            self.wrong(value.span().start, entry.key, message);
        }
    }
}

fn sections() -> Vec<&'static str> {
    let mut all: Vec<&str> = ENTRIES.iter().map(|entry| entry.split().0).collect();
    all.dedup();
    all
}

fn words(all: &[&str]) -> String {
    match all {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{}\"", text.escape_debug()),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => format!("the time {time}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        match Settings::parse(text, Path::new("darkroom.toml")) {
            Err(ConfigError::Wrong { problems }) => problems.iter().map(Problem::to_string).collect(),
            other => panic!("the file should be refused: {other:?}"),
        }
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        assert_eq!(Settings::parse("", Path::new("x")).unwrap(), Settings::default());
    }

    #[test]
    fn the_example_with_every_line_switched_on_means_the_defaults() {
        let text: String = Settings::example()
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert_eq!(Settings::parse(&text, Path::new("x")).unwrap(), Settings::default(), "{text}");
        assert!(ENTRIES.iter().all(|entry| text.contains(&format!("\n{} = ", entry.split().1))));
    }

    #[test]
    fn every_setting_that_is_written_is_read_back() {
        for entry in ENTRIES {
            let (section, name) = entry.split();
            let other = entry.another(&Settings::default());
            // Its partner, where two keys must fit together.
            let partner = match entry.key {
                "machines.ssh_port_last" => "ssh_port_first = 1024\n",
                "testing.clock_file" => "allowed = true\n",
                "tasks.checkpoint_ms" => "lease_ms = 86400000\n",
                "tasks.lease_ms" => "checkpoint_ms = 100\n",
                _ => "",
            };
            let text = format!("[{section}]\n{name} = {other}\n{partner}");
            let settings = Settings::parse(&text, Path::new("x")).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(entry.shown(&settings), other, "{}", entry.key);
            assert_ne!(settings, Settings::default(), "{}", entry.key);
        }
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_key_and_what_is_allowed() {
        let text = "[server]\nlisten = 80\nprot = 1\n\n[tasks]\nworkers = 0\n[nothing]\n";
        let found = problems(text);
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(
            found[0].starts_with("darkroom.toml:2: server.listen: Found the number 80; allowed is"),
            "{found:#?}"
        );
        assert!(
            found[1].starts_with("darkroom.toml:3: server.prot: There is no such key. [server] has listen,"),
            "{found:#?}"
        );
        assert_eq!(
            found[2],
            "darkroom.toml:6: tasks.workers: Found the number 0; allowed is a whole number from 1 to 64."
        );
        assert!(found[3].starts_with("darkroom.toml:7: nothing: There is no such section."), "{found:#?}");
    }

    #[test]
    fn values_that_contradict_each_other_are_refused() {
        let found = problems("[machines]\nssh_port_first = 30000\n[tasks]\nlease_ms = 5000\n");
        assert!(
            found[0].starts_with(
                "darkroom.toml:2: machines.ssh_port_first: The first port is 30000 and the last 22999"
            ),
            "{found:#?}"
        );
        assert!(
            found[1].starts_with("darkroom.toml:4: tasks.lease_ms: A step gives word every 3000 ms"),
            "{found:#?}"
        );
    }

    #[test]
    fn the_manual_has_the_table_of_settings_as_it_is() {
        let manual = include_str!("../../docs/OPERATIONS.md");
        assert!(
            manual.contains(&Settings::documentation()),
            "put the output of `darkroom config --markdown` into docs/OPERATIONS.md"
        );
    }

    #[test]
    fn broken_toml_names_its_line() {
        let found = problems("[server]\nlisten = \n");
        assert!(found[0].starts_with("darkroom.toml:2: This is not TOML:"), "{found:#?}");
    }

    #[test]
    fn an_https_address_makes_cookies_secure() {
        let text = "[server]\npublic_url = \"https://images.example.org\"\n";
        assert!(Settings::parse(text, Path::new("x")).unwrap().secure_cookies);
    }
}
