//! Starts programs: the only place of the adapters that does. No shell, a fixed environment, resource limits and a deadline on every tool.
//!
//! Nothing here knows what a program does; no file that came from outside may be named here before `domain::format` judged it.

use darkroom_core::ports::{PortError, Watcher};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Where programs are looked for that are not named by an absolute path.
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a program says beyond this is dropped.
const OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// How often a running tool is checked for cancellation.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// Limits of one run of a tool, enforced by the kernel (`prlimit`) and by a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToolLimits {
    /// Address space. `qemu-img` itself needs little, but starts up to 64 threads with 8 MiB of stack each; 1 GiB was too little under load.
    pub address_space_bytes: u64,
    /// Processor time.
    pub cpu_seconds: u64,
    /// Size of the largest file it may write.
    pub file_bytes: u64,
    /// Wall time.
    pub timeout_ms: u64,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self {
            address_space_bytes: 4 << 30,
            cpu_seconds: 3600,
            file_bytes: 1 << 44,
            timeout_ms: 2 * 3600 * 1000,
        }
    }
}

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is not installed.
    #[error("{program} is not installed")]
    Missing {
        /// Its name.
        program: String,
    },
    /// It ran and failed.
    #[error("{program} failed ({status}): {words}")]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: String,
        /// The end of what it wrote to its standard error.
        words: String,
    },
    /// It took too long and was killed.
    #[error("{program} did not finish within {timeout_ms} ms and was stopped")]
    TimedOut {
        /// Its name.
        program: String,
        /// The deadline it missed.
        timeout_ms: u64,
    },
    /// The work was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// It could not be started or watched.
    #[error("{program}: {source}")]
    Io {
        /// Its name.
        program: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl From<ToolError> for PortError {
    fn from(error: ToolError) -> Self {
        match error {
            ToolError::Cancelled => Self::Cancelled,
            ToolError::Failed { ref words, .. } if is_no_space(words) => {
                Self::NoSpace { place: "scratch".to_owned() }
            }
            other => Self::Unavailable(format!("{other}.")),
        }
    }
}

/// Whether a program's words say that a file system is full.
pub fn is_no_space(words: &str) -> bool {
    words.contains("No space left on device") || words.contains("Disk quota exceeded")
}

/// The program behind `name`: the path itself when it has a slash, else the first match on `SEARCH_PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let is_program = |path: &Path| path.is_file();
    if name.contains('/') {
        let path = PathBuf::from(name);
        return is_program(&path).then_some(path);
    }
    SEARCH_PATH.split(':').map(|folder| Path::new(folder).join(name)).find(|path| is_program(path))
}

/// A command with an empty environment but for the search path, the untranslated locale, and a bound on the address space that the C
/// library takes per thread (64 MiB each otherwise).
#[expect(clippy::disallowed_methods, reason = "this adapter is where processes are started")]
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C")
        .env("MALLOC_ARENA_MAX", "2")
        .stdin(Stdio::null());
    command
}

/// Runs `program` under `limits` and returns what it printed. `on_output` sees the output as it comes.
pub fn run(
    program: &str,
    arguments: &[String],
    limits: &ToolLimits,
    watcher: Option<&dyn Watcher>,
    on_output: &mut dyn FnMut(&str),
) -> Result<String, ToolError> {
    let found =
        |name: &str| find_program(name).ok_or_else(|| ToolError::Missing { program: name.to_owned() });
    let (path, prlimit) = (found(program)?, found("prlimit")?);
    let io = |source| ToolError::Io { program: program.to_owned(), source };
    let mut child = command(&prlimit)
        .args([
            format!("--as={}", limits.address_space_bytes),
            format!("--cpu={}", limits.cpu_seconds),
            format!("--fsize={}", limits.file_bytes),
            "--core=0".to_owned(),
        ])
        .arg(path)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io)?;
    let (sender, receiver) = sync_channel(64);
    forward(child.stdout.take(), Source::Output, sender.clone());
    forward(child.stderr.take(), Source::Errors, sender);
    let mut heard = Heard::default();
    let ended = listen(&receiver, limits, watcher, &mut heard, on_output);
    if let Err(end) = ended {
        stop(&mut child).map_err(io)?;
        return Err(match end {
            End::Cancelled => ToolError::Cancelled,
            End::TimedOut => {
                ToolError::TimedOut { program: program.to_owned(), timeout_ms: limits.timeout_ms }
            }
        });
    }
    // Both pipes are closed: the program ended or is about to.
    let status = child.wait().map_err(io)?;
    if status.success() {
        return Ok(heard.output);
    }
    Err(ToolError::Failed {
        program: program.to_owned(),
        status: ended_how(status),
        words: last_words(&heard.errors),
    })
}

/// How a process ended, in words.
pub fn ended_how(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "unknown end".to_owned(),
    }
}

/// The last few lines of a log, on one line, fit for a message.
pub fn last_words(log: &str) -> String {
    let lines: Vec<&str> = log.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(3)..];
    let text: String = tail.join(" / ").chars().filter(|c| !c.is_control()).collect();
    text.chars().take(500).collect()
}

#[derive(Default)]
struct Heard {
    output: String,
    errors: String,
}

#[derive(Clone, Copy)]
enum Source {
    Output,
    Errors,
}

enum End {
    Cancelled,
    TimedOut,
}

/// Reads a pipe to its end on a thread, so that neither pipe can fill up and stop the program.
fn forward(pipe: Option<impl Read + Send + 'static>, source: Source, sender: SyncSender<(Source, String)>) {
    let Some(mut pipe) = pipe else { return };
    std::thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                    if sender.send((source, text)).is_err() {
                        return;
                    }
                }
            }
        }
    });
}

fn listen(
    receiver: &Receiver<(Source, String)>,
    limits: &ToolLimits,
    watcher: Option<&dyn Watcher>,
    heard: &mut Heard,
    on_output: &mut dyn FnMut(&str),
) -> Result<(), End> {
    let deadline = Instant::now() + Duration::from_millis(limits.timeout_ms);
    loop {
        match receiver.recv_timeout(WATCH_INTERVAL) {
            Ok((Source::Output, text)) => {
                on_output(&text);
                keep(&mut heard.output, &text);
            }
            Ok((Source::Errors, text)) => keep(&mut heard.errors, &text),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if watcher.is_some_and(Watcher::cancelled) {
            return Err(End::Cancelled);
        }
        if Instant::now() >= deadline {
            return Err(End::TimedOut);
        }
    }
}

fn keep(kept: &mut String, text: &str) {
    if kept.len() + text.len() <= OUTPUT_BYTES_MAX {
        kept.push_str(text);
    }
}

fn stop(child: &mut Child) -> std::io::Result<()> {
    child.kill()?;
    child.wait().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Never;
    impl Watcher for Never {
        fn progress(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            false
        }
    }

    struct Always;
    impl Watcher for Always {
        fn progress(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }

    fn tool(
        program: &str,
        arguments: &[&str],
        timeout_ms: u64,
        watcher: &dyn Watcher,
    ) -> Result<String, ToolError> {
        let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
        let limits = ToolLimits { timeout_ms, ..ToolLimits::default() };
        run(program, &arguments, &limits, Some(watcher), &mut |_| {})
    }

    #[test]
    fn a_tool_gives_its_output_or_says_why_it_failed() {
        assert_eq!(tool("printf", &["a%sc", "b"], 5000, &Never).unwrap(), "abc");
        let error = tool("ls", &["/nowhere at all"], 5000, &Never).unwrap_err();
        assert!(
            error.to_string().contains("exit code 2") && error.to_string().contains("nowhere at all"),
            "{error}"
        );
        assert!(matches!(tool("no-such-program", &[], 5000, &Never), Err(ToolError::Missing { .. })));
    }

    #[test]
    fn a_tool_is_stopped_at_its_deadline_and_when_cancelled() {
        let started = Instant::now();
        assert!(matches!(tool("sleep", &["20"], 150, &Never), Err(ToolError::TimedOut { .. })));
        assert!(matches!(tool("sleep", &["20"], 15_000, &Always), Err(ToolError::Cancelled)));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_kernel_enforces_the_limit_on_written_files() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("big").display().to_string();
        let limits = ToolLimits { file_bytes: 1000, ..ToolLimits::default() };
        let arguments = ["if=/dev/zero", &format!("of={target}"), "bs=4096", "count=1"].map(str::to_owned);
        assert!(run("dd", &arguments, &limits, None, &mut |_| {}).is_err());
        assert!(std::fs::metadata(&target).unwrap().len() <= 1000);
    }

    #[test]
    fn last_words_are_the_last_lines_without_control_characters() {
        assert_eq!(last_words("a\nb\n\nc\x1b\nd\n"), "b / c / d");
    }
}
