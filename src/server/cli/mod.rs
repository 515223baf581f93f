//! The command line: what the operator types. It translates arguments into typed commands and outcomes into sentences and exit codes, and
//! holds no rule of its own.

mod admin;
mod check;
mod command;
mod dump;
mod host;
mod money;
mod provider;
mod seed;
mod serve;
mod socket;
mod terminal;
mod usage;

use crate::server::StartError;
use crate::server::settings::{ConfigError, LogFormat, LogLevel, LogSettings, Settings};
use clap::{Args, Parser, Subcommand};
use darkroom_core::store::StoreError;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

const EXAMPLES: &str = "\
Examples:
  darkroom serve --data ./data                          serve on http://127.0.0.1:3000
  darkroom admin --data ./data operator create you@example.org --generate
  darkroom admin --data ./data region add north-1 --zones a,b --images on
  darkroom admin --data ./data image add --name \"Debian 12\" --region north-1 debian.qcow2
  darkroom export --data ./data records.jsonl           a backup of all records
  darkroom check --data ./data                          verify records and disk contents
  darkroom config > darkroom.toml                       every setting with its default

Exit codes:
  0  done
  1  refused or failed; for check: damage was found
  2  the command line is wrong
  3  the settings file is wrong
  4  the data directory is missing, in use, or cannot be used
  5  the address to listen on is in use or cannot be used
  6  a program that the command needs is missing or too old

docs/OPERATIONS.md explains running, backup and recovery.";

/// Images of machines for small clouds: make, keep, share and deploy them, and see what they cost.
#[derive(Parser)]
#[command(name = "darkroom", version, after_help = EXAMPLES, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the portal, work on tasks and look after machines
    Serve(serve::ServeArgs),
    /// Set up accounts, people, regions, instance types and public images
    Admin(Box<admin::AdminArgs>),
    /// Write all records as text that any version can import
    Export(dump::ExportArgs),
    /// Read an export into an empty data directory
    Import(dump::ImportArgs),
    /// Verify records, indexes, counters, meters and every stored chunk
    Check(check::CheckArgs),
    /// Print a settings file with every setting, its default and its range
    Config(ConfigArgs),
}

#[derive(Args)]
struct ConfigArgs {
    /// Print the settings as a Markdown table
    #[arg(long)]
    markdown: bool,
}

/// Which data and which settings a command works with.
#[derive(Args)]
struct DataArgs {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The settings file; `darkroom config` prints one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DataArgs {
    fn settings(&self) -> Result<Settings, Failure> {
        Ok(self.config.as_deref().map(Settings::load).transpose()?.unwrap_or_default())
    }
}

/// How a command ends when it does not succeed. The numbers are promised in the help and in OPERATIONS.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Code {
    Refused = 1,
    Usage = 2,
    Config = 3,
    Data = 4,
    Port = 5,
    Tool = 6,
}

/// Why a command did not succeed: a sentence that says what, and one that says what to do.
#[derive(Debug)]
struct Failure {
    code: Code,
    message: String,
}

impl Failure {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// A sentence followed by its technical causes in parentheses, which help when the sentence does not.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        // Some errors already quote their cause.
        let said = next.to_string();
        if !text.contains(&said) {
            write!(text, " ({said})").expect("writing to a string never fails");
        }
        cause = next.source();
    }
    text
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let advice =
            "\nNothing was started. Mend the settings file; `darkroom config` prints one with every setting.";
        Self::new(Code::Config, with_causes(&error) + advice)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(Code::Data, with_causes(&error))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotEmpty => Self::new(
                Code::Data,
                "The data directory already has records, and an import would mix them. Name an empty directory with --data.",
            ),
            StoreError::ChangedDuringExport => Self::new(
                Code::Refused,
                "Records kept changing during the export, so its parts would not belong together. Try again in a quieter moment, or stop the server for the export.",
            ),
            StoreError::Dump { .. } => Self::new(
                Code::Refused,
                format!(
                    "The file cannot be imported: {error}. What was read before that line is in the data directory: remove it and start over."
                ),
            ),
            other => Self::new(
                Code::Data,
                format!(
                    "The records could not be used: {}. Run `darkroom check`, and see \"Recover\" in docs/OPERATIONS.md.",
                    with_causes(&other)
                ),
            ),
        }
    }
}

impl From<darkroom_core::domain::Error> for Failure {
    fn from(error: darkroom_core::domain::Error) -> Self {
        let code = if error.code == host::TOOL_MISSING { Code::Tool } else { Code::Refused };
        Self::new(code, error.message)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Admin(args) => admin::run(*args),
        Command::Export(args) => dump::export(&args),
        Command::Import(args) => dump::import(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => {
            terminal::say(&if args.markdown { Settings::documentation() } else { Settings::example() });
            Ok(())
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                terminal::warn(&format!("darkroom: {}", failure.message));
            }
            ExitCode::from(failure.code as u8)
        }
    }
}

/// Sends the log to standard error, so that standard output holds nothing but answers. Called once per process.
fn start_log(log: LogSettings) {
    let own = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // The libraries below speak of their own affairs at every level.
    let which = Targets::new().with_default(own.min(LevelFilter::WARN)).with_target("darkroom", own);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(which)).init();
}

/// For commands that end: only what needs a person.
fn start_quiet_log() {
    start_log(LogSettings { format: LogFormat::Text, level: LogLevel::Warn });
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }
}
