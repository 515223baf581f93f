//! Captures disks of one machine at one instant into sparse raw files.
//!
//! A running machine: the read-only bases are copied first, outside of the instant; then one `transaction` starts a `blockdev-backup` for each
//! disk, which copies with `sync: top` what the machine itself wrote, as it is when the jobs start. (`sync: full` into a raw file would
//! allocate the whole virtual size.) A stopped machine: `qemu-img` reads each disk, and nothing can change them meanwhile: a machine that is
//! being captured is not started. Only a job's own conclusion proves that a file is complete, so it has a temporary name until then.

use super::agent::Agent;
use super::command::{capture_job, capture_node, disk_graph, disk_node};
use super::folder::{Folder, publish, remove, unavailable, write_durably};
use super::qmp::{Qmp, QmpError};
use super::settings::QemuSettings;
use crate::server::hypervisor::tool;
use darkroom_core::domain::ids::TaskId;
use darkroom_core::ports::{Captured, Consistency, DiskSpec, PortError, Watcher};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for an event of a job before asking for its progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// One capture.
pub struct Capture<'a> {
    /// The adapter's settings.
    pub settings: &'a QemuSettings,
    /// The machine's folder.
    pub folder: &'a Folder,
    /// The disks; one or more.
    pub disks: &'a [DiskSpec],
    /// Names the jobs and the files.
    pub task: TaskId,
    /// Follows and stops it.
    pub watcher: &'a dyn Watcher,
}

/// What to say of a QEMU that does not do its part.
pub fn of_qmp(error: QmpError) -> PortError {
    match error {
        QmpError::Refused { text, .. } if tool::is_no_space(&text) => {
            PortError::NoSpace { place: "scratch".to_owned() }
        }
        error => PortError::Unavailable(format!("QEMU: {error}.")),
    }
}

/// Ends capture jobs that an earlier darkroom left behind and removes their nodes. The caller makes sure that none is wanted.
pub fn clear_leftovers(qmp: &mut Qmp, timeout: Duration) -> Result<(), QmpError> {
    let deadline = Instant::now() + timeout;
    loop {
        let jobs = jobs(qmp)?;
        let Some(job) = jobs.iter().find(|job| job.id.starts_with("cap-")) else { break };
        if job.status == "concluded" {
            qmp.execute("job-dismiss", json!({ "id": job.id }))?;
        } else if Instant::now() >= deadline {
            return Err(QmpError::TimedOut);
        } else {
            // Cancelling twice does no harm; a job that is just ending refuses, and is seen concluded in the next round.
            match qmp.execute("job-cancel", json!({ "id": job.id })) {
                Ok(_) | Err(QmpError::Refused { .. }) => qmp.event(PROGRESS_INTERVAL)?,
                Err(error) => return Err(error),
            };
        }
    }
    let nodes = qmp.execute("query-named-block-nodes", json!({ "flat": true }))?;
    let names = nodes.as_array().into_iter().flatten().filter_map(|node| node["node-name"].as_str());
    for name in names.filter(|name| name.starts_with('c') && name.len() == 31) {
        qmp.execute("blockdev-del", json!({ "node-name": name }))?;
    }
    Ok(())
}

/// Thaws a guest that may have been left frozen: by a darkroom that died, or by an agent that was too slow. The mark stays until the agent
/// answered, and whoever looks at the machine next tries again; a new start of the machine removes it, too.
pub fn thaw_leftover(settings: &QemuSettings, folder: &Folder) -> Result<(), PortError> {
    let mark = folder.path.join("frozen");
    if !mark.exists() {
        return Ok(());
    }
    let timeout = Duration::from_millis(settings.agent_timeout_ms);
    let thaw_timeout = Duration::from_millis(settings.freeze_timeout_ms);
    match Agent::connect(&folder.socket("agent.sock"), timeout).and_then(|mut agent| agent.thaw(thaw_timeout))
    {
        Ok(n_thawed) => {
            tracing::warn!(instance.id = %folder.id, n_thawed, "thawed a guest that was left frozen");
            remove(&mark)
        }
        Err(error) => {
            tracing::warn!(instance.id = %folder.id, %error, "the agent of a guest that may be frozen does not answer");
            Ok(())
        }
    }
}

impl Capture<'_> {
    /// Captures the disks of a running machine over its own monitor.
    pub fn running(&self, qmp: &mut Qmp) -> Result<Vec<Captured>, PortError> {
        let timeout = Duration::from_millis(self.settings.command_timeout_ms);
        clear_leftovers(qmp, timeout).map_err(of_qmp)?;
        thaw_leftover(self.settings, self.folder)?;
        let base_bytes = self.copy_bases()?;
        let outcome = self.add_targets(qmp).and_then(|()| self.backup(qmp, base_bytes));
        match outcome {
            Ok(consistency) => self.finish(consistency),
            Err(error) => {
                // The first error is what the task must hear of; what is left is cleared again before the next capture.
                if let Err(error) = clear_leftovers(qmp, timeout) {
                    tracing::warn!(instance.id = %self.folder.id, %error, "a capture's jobs could not be cleared");
                }
                Err(error)
            }
        }
    }

    /// Captures the disks of a machine that is off.
    pub fn stopped(&self) -> Result<Vec<Captured>, PortError> {
        self.new_parts()?;
        let total_bytes = self.disk_bytes();
        let mut done_bytes = 0;
        for disk in self.disks {
            let mut graph = disk_graph(self.folder, disk);
            if let Some(graph) = graph.as_object_mut() {
                graph.remove("node-name");
            }
            let source = ["-O".to_owned(), "raw".to_owned(), format!("json:{graph}")];
            self.convert(disk, &source, done_bytes, disk.size_bytes, total_bytes)?;
            done_bytes += disk.size_bytes;
        }
        self.finish(Consistency::Stopped)
    }

    /// The size of all disks together.
    fn disk_bytes(&self) -> u64 {
        self.disks.iter().map(|disk| disk.size_bytes).fold(0, u64::saturating_add)
    }

    /// Room for scratch files, whatever an earlier try left.
    fn new_parts(&self) -> Result<(), PortError> {
        self.folder.discard_scratch(self.task)?;
        let folder = self.folder.path.join("scratch");
        fs::create_dir_all(&folder).map_err(|error| unavailable(&folder, &error))
    }

    /// Makes the scratch files, each with the content of its base and the size of its disk. Returns the size of all bases.
    fn copy_bases(&self) -> Result<u64, PortError> {
        self.new_parts()?;
        let size = |base: &String| {
            fs::metadata(base).map(|data| data.len()).map_err(|error| unavailable(Path::new(base), &error))
        };
        let bases: Vec<u64> =
            self.disks.iter().map(|disk| disk.base.as_ref().map_or(Ok(0), size)).collect::<Result<_, _>>()?;
        let base_bytes = bases.iter().copied().fold(0, u64::saturating_add);
        let total_bytes = base_bytes.saturating_add(self.disk_bytes());
        let mut done_bytes = 0;
        for (disk, bytes) in self.disks.iter().zip(bases) {
            let part = self.folder.scratch_part(self.task, disk.id);
            if let Some(base) = &disk.base {
                let source = ["-f", "raw", "-O", "raw", base.as_str()].map(str::to_owned);
                self.convert(disk, &source, done_bytes, bytes, total_bytes)?;
                done_bytes += bytes;
            }
            let resize = || {
                File::options().write(true).create(true).truncate(false).open(&part)?.set_len(disk.size_bytes)
            };
            resize().map_err(|error: std::io::Error| unavailable(&part, &error))?;
        }
        Ok(base_bytes)
    }

    /// Runs the image tool into the scratch file of `disk`; its share of the work is `span_bytes` after `done_bytes`.
    fn convert(
        &self,
        disk: &DiskSpec,
        source: &[String],
        done_bytes: u64,
        span_bytes: u64,
        total_bytes: u64,
    ) -> Result<(), PortError> {
        let mut arguments: Vec<String> = ["convert", "-p", "-W", "-S", "4k"].map(str::to_owned).into();
        arguments.extend_from_slice(source);
        arguments.push(self.folder.scratch_part(self.task, disk.id).display().to_string());
        let mut on_output = |text: &str| {
            if let Some(hundredths) = tool_progress(text) {
                self.watcher.progress(done_bytes + scale(span_bytes, hundredths, 10_000), total_bytes);
            }
        };
        let limits = tool::ToolLimits {
            file_bytes: disk.size_bytes.max(span_bytes) + (1 << 20),
            ..self.settings.tool
        };
        tool::run(&self.settings.qemu_img, &arguments, &limits, Some(self.watcher), &mut on_output)?;
        Ok(())
    }

    fn add_targets(&self, qmp: &mut Qmp) -> Result<(), PortError> {
        for (index, disk) in self.disks.iter().enumerate() {
            let target = |direct: bool| {
                json!({
                    "driver": "raw", "node-name": capture_node(self.task, index),
                    "discard": "unmap", "detect-zeroes": "unmap",
                    "file": {
                        "driver": "file", "filename": self.folder.scratch_part(self.task, disk.id), "discard": "unmap",
                        "cache": { "direct": direct },
                    },
                })
            };
            // Past the page cache, so that the guest's own writes do not wait behind it; some file systems cannot.
            match qmp.execute("blockdev-add", target(true)) {
                Err(QmpError::Refused { .. }) => qmp.execute("blockdev-add", target(false)),
                other => other,
            }
            .map_err(of_qmp)?;
        }
        Ok(())
    }

    /// Starts the jobs of all disks in the instant in which the guest is frozen, and follows them to their end. One transaction: between two
    /// separate commands the guest could write to the second disk what it wrote to the first one before.
    fn backup(&self, qmp: &mut Qmp, base_bytes: u64) -> Result<Consistency, PortError> {
        if self.watcher.cancelled() {
            return Err(PortError::Cancelled);
        }
        let frozen = Frozen::try_new(self.settings, self.folder, qmp);
        let jobs = self.disks.iter().enumerate().map(|(index, disk)| {
            json!({
                "type": "blockdev-backup",
                "data": {
                    "job-id": capture_job(self.task, index), "device": disk_node(disk.id),
                    "target": capture_node(self.task, index), "sync": "top", "auto-dismiss": false,
                    "on-source-error": "report", "on-target-error": "report",
                },
            })
        });
        let started = qmp.execute("transaction", json!({ "actions": jobs.collect::<Vec<_>>() }));
        // Whatever came of it, the guest must go on.
        let consistency = frozen.thaw()?;
        started.map_err(of_qmp)?;
        self.follow(qmp, base_bytes)?;
        for index in 0..self.disks.len() {
            let node = json!({ "node-name": capture_node(self.task, index) });
            qmp.execute("blockdev-del", node).map_err(of_qmp)?;
        }
        Ok(consistency)
    }

    /// Waits until all jobs are concluded; the first that failed fails the capture, and who called clears the others.
    fn follow(&self, qmp: &mut Qmp, base_bytes: u64) -> Result<(), PortError> {
        let total_bytes = base_bytes.saturating_add(self.disk_bytes());
        let mut is_cancelled = false;
        loop {
            let all = jobs(qmp).map_err(of_qmp)?;
            let mut done_bytes = base_bytes;
            let mut open = Vec::new();
            for (index, disk) in self.disks.iter().enumerate() {
                let name = capture_job(self.task, index);
                let job = all.iter().find(|job| job.id == name);
                let job =
                    job.ok_or_else(|| PortError::Unavailable("QEMU lost a job of the capture.".to_owned()))?;
                if job.status != "concluded" {
                    done_bytes = done_bytes.saturating_add(scale(disk.size_bytes, job.done, job.total));
                    open.push(name);
                } else if let Some(text) = job.error.clone().filter(|_| !is_cancelled) {
                    return Err(of_qmp(QmpError::Refused { class: String::new(), text }));
                } else {
                    done_bytes = done_bytes.saturating_add(disk.size_bytes);
                }
            }
            if open.is_empty() {
                for index in 0..self.disks.len() {
                    let job = json!({ "id": capture_job(self.task, index) });
                    qmp.execute("job-dismiss", job).map_err(of_qmp)?;
                }
                if is_cancelled {
                    return Err(PortError::Cancelled);
                }
                self.watcher.progress(total_bytes, total_bytes);
                return Ok(());
            }
            if !is_cancelled {
                self.watcher.progress(done_bytes, total_bytes);
            }
            if self.watcher.cancelled() && !is_cancelled {
                is_cancelled = true;
                for name in open {
                    // Refused when the job ends at this very moment: then the next round sees that.
                    match qmp.execute("job-cancel", json!({ "id": name })) {
                        Ok(_) | Err(QmpError::Refused { .. }) => {}
                        Err(error) => return Err(of_qmp(error)),
                    }
                }
            }
            qmp.event(PROGRESS_INTERVAL).map_err(of_qmp)?;
        }
    }

    fn finish(&self, consistency: Consistency) -> Result<Vec<Captured>, PortError> {
        let finish = |disk: &DiskSpec| {
            let scratch = self.folder.scratch(self.task, disk.id);
            publish(&self.folder.scratch_part(self.task, disk.id), &scratch)
                .map_err(|error| unavailable(&scratch, &error))?;
            let scratch = scratch.display().to_string();
            Ok(Captured { scratch, consistency, virtual_bytes: disk.size_bytes })
        };
        self.disks.iter().map(finish).collect()
    }
}

/// A guest that is frozen, or is not because its agent does not answer.
struct Frozen<'a> {
    settings: &'a QemuSettings,
    folder: &'a Folder,
    agent: Option<Agent>,
    is_frozen: bool,
}

impl<'a> Frozen<'a> {
    fn try_new(settings: &'a QemuSettings, folder: &'a Folder, qmp: &mut Qmp) -> Self {
        let mut frozen = Self { settings, folder, agent: None, is_frozen: false };
        if !agent_is_open(qmp) {
            return frozen;
        }
        let answering =
            Agent::connect(&folder.socket("agent.sock"), Duration::from_millis(settings.agent_timeout_ms));
        let Ok(mut agent) = answering else { return frozen };
        // If darkroom dies from here on, the mark makes the next one thaw the guest.
        if let Err(error) = write_durably(&folder.path.join("frozen"), b"") {
            tracing::warn!(instance.id = %folder.id, %error, "not freezing: the mark cannot be written");
            return frozen;
        }
        let freezing = agent.freeze(Duration::from_millis(settings.freeze_timeout_ms));
        frozen.is_frozen = matches!(freezing, Ok(n_frozen) if n_frozen > 0);
        // After a missed deadline the late answer is still in this connection: thawing takes a new one.
        frozen.agent = (!matches!(freezing, Err(QmpError::TimedOut))).then_some(agent);
        if let Err(error) = freezing {
            tracing::info!(instance.id = %folder.id, %error, "the guest was not frozen");
        }
        frozen
    }

    /// Lets the guest go on, and says how consistent what happened meanwhile is.
    fn thaw(mut self) -> Result<Consistency, PortError> {
        let mark = self.folder.path.join("frozen");
        if !mark.exists() {
            return Ok(Consistency::Crash);
        }
        let timeout = Duration::from_millis(self.settings.freeze_timeout_ms);
        let thawed = match self.agent.as_mut() {
            Some(agent) => agent.thaw(timeout),
            None => Err(QmpError::TimedOut),
        };
        match thawed {
            Ok(n_thawed) => {
                remove(&mark)?;
                // A guest that thawed by itself meanwhile (some agents have a timer) was not frozen at the instant.
                Ok(if self.is_frozen && n_thawed > 0 { Consistency::Frozen } else { Consistency::Crash })
            }
            // Drops the connection first: the agent's channel has room for one.
            Err(_) => {
                self.agent = None;
                thaw_leftover(self.settings, self.folder)?;
                Ok(Consistency::Crash)
            }
        }
    }
}

/// Whether a program in the guest has opened the agent's channel: without, there is nobody to wait for.
fn agent_is_open(qmp: &mut Qmp) -> bool {
    let Ok(devices) = qmp.execute("query-chardev", json!({})) else { return false };
    let is_open = |device: &Value| device["label"] == "agent" && device["frontend-open"] == true;
    devices.as_array().is_some_and(|devices| devices.iter().any(is_open))
}

struct Job {
    id: String,
    status: String,
    done: u64,
    total: u64,
    error: Option<String>,
}

fn jobs(qmp: &mut Qmp) -> Result<Vec<Job>, QmpError> {
    let answer = qmp.execute("query-jobs", json!({}))?;
    let text = |job: &Value, key: &str| job[key].as_str().unwrap_or_default().to_owned();
    let job = |job: &Value| Job {
        id: text(job, "id"),
        status: text(job, "status"),
        done: job["current-progress"].as_u64().unwrap_or(0),
        total: job["total-progress"].as_u64().unwrap_or(0),
        error: job["error"].as_str().map(str::to_owned),
    };
    Ok(answer.as_array().into_iter().flatten().map(job).collect())
}

/// `span * part / whole`, never more than `span`.
fn scale(span: u64, part: u64, whole: u64) -> u64 {
    let scaled = u128::from(span) * u128::from(part) / u128::from(whole.max(1));
    u64::try_from(scaled).unwrap_or(span).min(span)
}

/// The last progress in what `qemu-img -p` prints, such as `(12.34/100%)`, in hundredths of a percent.
pub fn tool_progress(text: &str) -> Option<u64> {
    let percent = text.rsplit_once("/100%")?.0.rsplit_once('(')?.1;
    let (whole, rest) = percent.split_once('.')?;
    Some(whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(rest.parse::<u64>().ok()?)?.min(10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_tools_progress_is_read_in_hundredths_of_a_percent() {
        for (text, expected) in [
            ("    (0.00/100%)\r    (12.34/100%)\r", Some(1234)),
            ("(100.00/100%)\r", Some(10_000)),
            ("(1", None),
            ("", None),
            ("(x.y/100%)", None),
        ] {
            assert_eq!(tool_progress(text), expected, "{text}");
        }
    }

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let refused = |text: &str| of_qmp(QmpError::Refused { class: String::new(), text: text.to_owned() });
        assert_eq!(refused("No space left on device"), PortError::NoSpace { place: "scratch".to_owned() });
        assert!(refused("Input/output error").retryable());
    }

    #[test]
    fn progress_never_leaves_its_span() {
        assert_eq!((scale(1000, 1, 4), scale(1000, 9, 4), scale(1000, 0, 0)), (250, 1000, 0));
        assert_eq!(scale(u64::MAX, u64::MAX, 1), u64::MAX);
    }
}
