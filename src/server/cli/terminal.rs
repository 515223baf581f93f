//! What a person sees and types: output that survives a closed pipe, progress on one line, passwords that are not echoed.
//! A password is never an argument: other users of the machine could read it in the list of processes.

use super::{Code, Failure};
use darkroom_core::domain::text;
use darkroom_core::ports::{Ids, Watcher};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// The longest line that is read as a password, in bytes; beyond it the parser refuses anyway.
const PASSWORD_LINE_BYTES_MAX: u64 = 4096;
/// Characters of generated passwords: no two that look alike.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a generated password, five bits each.
const GENERATED_CHARS: usize = 20;

/// A password on its way. It never appears in a log or a debug print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Prints an answer to standard output; gives whether somebody still reads it. A reader that went away, such as `head`, is no failure.
pub fn say(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write!(out, "{text}{end}").and_then(|()| out.flush()).is_ok()
}

/// Prints a warning or refusal to standard error.
pub fn warn(text: &str) {
    // As above: there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A new password of 100 random bits.
pub fn generate(ids: &dyn Ids) -> Password {
    let secret = ids.secret();
    Password(
        secret.iter().take(GENERATED_CHARS).map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect(),
    )
}

/// Reads a password: without echo and twice from a terminal, else the first line of standard input.
pub fn read_password(email: &str) -> Result<Password, Failure> {
    let stdin = std::io::stdin();
    let password = if stdin.is_terminal() {
        let first = prompt(&format!("Password for {email}: "))?;
        if prompt("The same again: ")? != first {
            return Err(Failure::new(
                Code::Refused,
                "The two passwords differ. Nothing was changed; try again.",
            ));
        }
        first
    } else {
        read_line(&mut stdin.lock())?
    };
    text::password(&password).map_err(|why| {
        Failure::new(Code::Refused, format!("{why} Give it on standard input, or use --generate."))
    })?;
    Ok(Password(password))
}

fn prompt(question: &str) -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let unusable = |e: rustix::io::Errno| {
        Failure::new(Code::Refused, format!("The terminal cannot hide what you type ({e}). Use --generate."))
    };
    let before = tcgetattr(&stdin).map_err(unusable)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).map_err(unusable)?;
    let asked = write!(std::io::stderr(), "{question}").and_then(|()| std::io::stderr().flush());
    let line = read_line(&mut stdin.lock());
    tcsetattr(&stdin, OptionalActions::Flush, &before).map_err(unusable)?;
    asked.map_err(|e| Failure::new(Code::Refused, format!("The terminal cannot be written to: {e}.")))?;
    line
}

fn read_line(input: &mut impl BufRead) -> Result<String, Failure> {
    let mut line = String::new();
    input.take(PASSWORD_LINE_BYTES_MAX).read_line(&mut line).map_err(|e| {
        Failure::new(
            Code::Refused,
            format!("The password could not be read from standard input: {e}. Use --generate."),
        )
    })?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Progress in whole percent on one line of the terminal; silent when standard error is not one.
pub struct Progress {
    label: &'static str,
    shown: bool,
    last_percent: AtomicU64,
}

impl Progress {
    /// Progress of what `label` names, such as `Storing`.
    pub fn new(label: &'static str) -> Self {
        Self { label, shown: std::io::stderr().is_terminal(), last_percent: AtomicU64::new(u64::MAX) }
    }

    /// Ends the line.
    pub fn finish(&self) {
        if self.shown && self.last_percent.load(Ordering::Relaxed) != u64::MAX {
            warn("");
        }
    }
}

impl Watcher for Progress {
    fn progress(&self, done_bytes: u64, total_bytes: u64) {
        let percent = done_bytes.saturating_mul(100).checked_div(total_bytes).unwrap_or(100).min(100);
        if self.shown && self.last_percent.swap(percent, Ordering::Relaxed) != percent {
            let mut terminal = std::io::stderr().lock();
            // A terminal that cannot be written to misses the progress and nothing else.
            let _ = write!(terminal, "\r{}: {percent} %", self.label).and_then(|()| terminal.flush());
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Rows in columns, as wide as their widest cell.
pub fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::system::RandomIds;

    #[test]
    fn generated_passwords_are_valid_and_differ() {
        let (one, other) = (generate(&RandomIds), generate(&RandomIds));
        assert_ne!(one, other);
        assert_eq!(one.0.len(), GENERATED_CHARS);
        text::password(&one.0).unwrap();
    }

    #[test]
    fn a_password_never_prints() {
        assert!(!format!("{:?}", Password("hunter2hunter2".into())).contains("hunter2"));
    }

    #[test]
    fn only_the_first_line_is_the_password() {
        assert_eq!(read_line(&mut &b"one two\r\nthree\n"[..]).unwrap(), "one two");
        assert_eq!(read_line(&mut &b"no line end"[..]).unwrap(), "no line end");
    }
}
