//! The table of all settings: key, explanation, range, and how to read and write each. The file, the example and the documentation are made
//! from it, so that they cannot disagree.

use super::entry::{Access, Entry};
use super::{LogFormat, LogLevel};
use crate::server::hypervisor::qemu::settings::{Accelerator, GuestNetwork};
use darkroom_core::domain::price::{Month, Unit};
use std::net::{IpAddr, SocketAddr};

/// A whole number in the field `$field` of type `$type`.
macro_rules! whole {
    ($key:literal, $min:expr, $max:expr, $type:ty, $($field:ident).+, $doc:literal) => {
        Entry {
            key: $key,
            doc: $doc,
            access: Access::Whole {
                min: $min,
                max: $max,
                get: |settings| u64::try_from(settings.$($field).+).expect("the range holds no negative number"),
                set: |settings, number| {
                    settings.$($field).+ = <$type>::try_from(number).expect("the range fits the field");
                },
            },
        }
    };
}

/// The `const` table needs plain function pointers; a choice is a text with a closed list.
macro_rules! choice {
    ($key:literal, $($field:ident).+, [$($word:literal => $value:path),+], $allowed:literal, $another:literal, $doc:literal) => {
        Entry {
            key: $key,
            doc: $doc,
            access: Access::Text {
                allowed: $allowed,
                another: $another,
                get: |settings| match settings.$($field).+ { $($value => $word.to_owned()),+ },
                set: |settings, text| {
                    settings.$($field).+ = match text { $($word => $value,)+ _ => return Err(()) };
                    Ok(())
                },
            },
        }
    };
}

/// A text in the field `$field` that is any non-empty word without spaces.
macro_rules! program {
    ($key:literal, $($field:ident).+, $doc:literal) => {
        Entry {
            key: $key,
            doc: $doc,
            access: Access::Text {
                allowed: "the name of a program or its absolute path",
                another: "/opt/tools/program",
                get: |settings| settings.$($field).+.clone(),
                set: |settings, text| {
                    let relative = text.contains('/') && !text.starts_with('/');
                    if text.is_empty() || relative || text.contains(['"', '\\']) {
                        return Err(());
                    }
                    text.clone_into(&mut settings.$($field).+);
                    Ok(())
                },
            },
        }
    };
}

const DAY_MS: u64 = 24 * 3600 * 1000;
const TIB: u64 = 1 << 40;

/// Every setting, section by section.
pub const ENTRIES: &[Entry] = &[
    Entry {
        key: "server.listen",
        doc: "Address and port of the web server; port 0 takes a free one.",
        access: Access::Text {
            allowed: "an address with a port, such as \"127.0.0.1:3000\" or \"[::]:3000\"",
            another: "127.0.0.1:3001",
            get: |settings| settings.listen.to_string(),
            set: |settings, text| {
                settings.listen = text.parse::<SocketAddr>().map_err(|_| ())?;
                Ok(())
            },
        },
    },
    Entry {
        key: "server.public_url",
        doc: "The address people type when a proxy stands in front; empty when it is the one listened on.",
        access: Access::Text {
            allowed: "empty, or http:// or https:// and a host, without a path",
            another: "http://images.example.org",
            get: |settings| settings.public_url.clone().unwrap_or_default(),
            set: |settings, text| {
                settings.public_url = public_url(text)?;
                Ok(())
            },
        },
    },
    Entry {
        key: "server.secure_cookies",
        doc: "Send cookies over TLS only; an https public_url switches this on by itself.",
        access: Access::Truth {
            get: |settings| settings.secure_cookies,
            set: |settings, truth| settings.secure_cookies = truth,
        },
    },
    whole!(
        "server.shutdown_timeout_ms",
        100,
        600_000,
        u64,
        shutdown_timeout_ms,
        "How long open requests and running steps may take to finish when darkroom is told to end, in milliseconds."
    ),
    choice!("log.format", log.format, ["text" => LogFormat::Text, "json" => LogFormat::Json], "\"text\" or \"json\"", "json",
        "Lines for people, or one JSON object per line."),
    choice!("log.level", log.level,
        ["error" => LogLevel::Error, "warn" => LogLevel::Warn, "info" => LogLevel::Info, "debug" => LogLevel::Debug, "trace" => LogLevel::Trace],
        "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"", "warn",
        "The least important level that is written."),
    whole!("tasks.workers", 1, 64, u32, workers, "Tasks that are worked on at the same time."),
    whole!(
        "tasks.attempts_max",
        1,
        100,
        u32,
        limits.attempts_max,
        "Tries of a step whose failure may pass by itself."
    ),
    whole!(
        "tasks.n_copies_max",
        1,
        64,
        u32,
        limits.n_copies_max,
        "Copies of an account that travel to a region at the same time; the others wait for their turn."
    ),
    whole!(
        "tasks.lease_ms",
        5_000,
        DAY_MS,
        i64,
        limits.lease_ms,
        "After this long without word from its worker a task is taken over by another, in milliseconds."
    ),
    whole!(
        "tasks.checkpoint_ms",
        100,
        600_000,
        i64,
        limits.checkpoint_ms,
        "How often a running step writes its progress down, in milliseconds."
    ),
    whole!(
        "tasks.history_rows_max",
        100,
        1_000_000,
        u32,
        limits.history_rows_max,
        "Rows that lists of tasks and events go back at most."
    ),
    whole!("images.tags_max", 1, 20, u32, limits.image_tags_max, "Tags of one image."),
    whole!(
        "images.tag_key_chars_max",
        1,
        128,
        u32,
        limits.tag_lengths.key_max,
        "Characters of the key of a tag."
    ),
    whole!(
        "images.tag_value_chars_max",
        1,
        128,
        u32,
        limits.tag_lengths.value_max,
        "Characters of the value of a tag."
    ),
    whole!(
        "images.bulk_max",
        1,
        10_000,
        u32,
        limits.bulk_images_max,
        "Images that one request may do something to."
    ),
    whole!(
        "sharing.projects_max",
        1,
        100_000,
        u32,
        limits.shares_max,
        "Projects that may have accepted one image of a system disk or a data disk."
    ),
    whole!(
        "sharing.machine_projects_max",
        1,
        100_000,
        u32,
        limits.machine_shares_max,
        "Projects that may have accepted one image of a whole machine."
    ),
    whole!(
        "sharing.request_projects_max",
        1,
        1_000,
        u32,
        limits.share_targets_max,
        "Projects that one request may share an image with."
    ),
    whole!(
        "sharing.grace_days",
        0,
        365,
        u32,
        limits.share_grace_days,
        "Days that are proposed to leave a recipient when an owner stops sharing."
    ),
    whole!(
        "sharing.grace_days_min",
        0,
        365,
        u32,
        limits.share_grace_days_min,
        "Days that a recipient must be left at least; 0 lets an owner stop at once."
    ),
    whole!(
        "snapshots.schedules_max",
        1,
        100,
        u32,
        limits.schedules_max,
        "Schedules of snapshots that a machine may have."
    ),
    whole!(
        "snapshots.schedule_retry_ms",
        10_000,
        DAY_MS,
        i64,
        limits.schedule_retry_ms,
        "How long until a schedule that could not take its snapshot tries again, in milliseconds."
    ),
    whole!(
        "quotas.request_max",
        1,
        1_000_000,
        u32,
        limits.quota_request_max,
        "The highest limit that can be asked for, and given as the answer."
    ),
    whole!(
        "groups.size_max",
        1,
        1_000,
        u32,
        limits.group_size_max,
        "Machines that one scaling group may have."
    ),
    whole!(
        "groups.project_max",
        1,
        10_000,
        u32,
        limits.groups_max,
        "Scaling groups of a project in a region."
    ),
    whole!(
        "groups.failures_max",
        1,
        1_000,
        u32,
        limits.group_failures_max,
        "Failed tries of a scaling group in an hour before it waits for the rest of it."
    ),
    choice!(
        "prices.unit",
        limits.unit,
        ["GB" => Unit::Gb, "GiB" => Unit::Gib],
        "\"GB\" or \"GiB\"",
        "GiB",
        "The unit that bytes are charged in: GB is 10^9 bytes, GiB is 2^30. A change holds from the next start on, never backwards."
    ),
    choice!(
        "prices.month",
        limits.month,
        ["730h" => Month::Fixed, "calendar" => Month::Calendar],
        "\"730h\" or \"calendar\"",
        "calendar",
        "How long the month of a rate is: 730 hours, or the month of the calendar in UTC. A change holds from the next start on, never backwards."
    ),
    whole!(
        "billing.recycle_after_days",
        1,
        3_650,
        u32,
        limits.arrears_recycle_days,
        "Days of arrears after which the images of an account go to the recycle bin."
    ),
    whole!(
        "billing.purge_after_days",
        1,
        3_650,
        u32,
        limits.arrears_purge_days,
        "Days that images stay in the recycle bin because of arrears, at least, before they are removed for good."
    ),
    Entry {
        key: "billing.purge_protected",
        doc: "Remove protected images for good as well when their time in the recycle bin because of arrears is over.",
        access: Access::Truth {
            get: |settings| settings.limits.arrears_purge_protected,
            set: |settings, truth| settings.limits.arrears_purge_protected = truth,
        },
    },
    whole!(
        "billing.close_day",
        1,
        28,
        u32,
        limits.close_day,
        "The day of the following month, in UTC, on which a month is closed and its statements are made."
    ),
    whole!(
        "billing.export_lines_max",
        1,
        100_000,
        u32,
        limits.export_lines_max,
        "Lines that one request for the usage of all accounts gets at most, and when it does not say how many."
    ),
    whole!(
        "billing.meters_per_commit",
        1,
        10_000,
        u32,
        limits.meters_per_commit,
        "Meters that are brought to what holds chunks in one commit. The store takes about 0.1 MB of memory for each meanwhile."
    ),
    whole!(
        "sign_in.failures_max",
        1,
        1000,
        u32,
        limits.sign_in_failures_max,
        "Failed sign-ins of one address before a pause."
    ),
    whole!(
        "sign_in.pause_ms",
        1_000,
        DAY_MS,
        i64,
        limits.sign_in_pause_ms,
        "How long that pause is, in milliseconds."
    ),
    whole!(
        "import.virtual_bytes_max",
        1 << 20,
        64 * TIB,
        u64,
        format.virtual_bytes_max,
        "The largest disk that a file from outside may hold, as a guest sees it, in bytes."
    ),
    whole!(
        "admin.request_bytes_max",
        4096,
        1 << 24,
        u64,
        admin.request_bytes_max,
        "The longest request on the administrator's socket, in bytes."
    ),
    whole!(
        "admin.request_timeout_ms",
        100,
        600_000,
        u64,
        admin.request_timeout_ms,
        "How long a client of the administrator's socket may take to send its request, in milliseconds."
    ),
    whole!(
        "admin.clients_max",
        1,
        64,
        u32,
        admin.n_clients_max,
        "Clients of the administrator's socket at the same time."
    ),
    whole!(
        "storage.grace_s",
        0,
        366 * 24 * 3600,
        u64,
        storage.grace_s,
        "How long chunks that no image needs are kept before they are removed, in seconds."
    ),
    whole!(
        "storage.pack_bytes",
        1 << 20,
        1 << 31,
        u64,
        storage.pack_bytes,
        "Chunks are appended to packs of about this size, in bytes."
    ),
    whole!(
        "storage.rewrite_percent",
        1,
        100,
        u8,
        storage.rewrite_percent,
        "A pack is rewritten when at least this share of it can be given back, in percent."
    ),
    program!("machines.qemu", qemu.qemu, "The emulator."),
    program!("machines.qemu_img", qemu.qemu_img, "The tool that converts disk files."),
    choice!("machines.accelerator", qemu.accelerator,
        ["auto" => Accelerator::Auto, "tcg" => Accelerator::Tcg, "kvm" => Accelerator::Kvm],
        "\"auto\", \"tcg\" or \"kvm\"", "tcg",
        "What runs guests: auto takes KVM when a probe shows that it works, else TCG, which is slow and works everywhere."),
    choice!("machines.network", qemu.network, ["open" => GuestNetwork::Open, "isolated" => GuestNetwork::Isolated],
        "\"open\" or \"isolated\"", "isolated",
        "What guests may reach: whatever this machine reaches, or nothing but the way in through SSH."),
    Entry {
        key: "machines.ssh_address",
        doc: "The address of this machine where the SSH ports of guests appear.",
        access: Access::Text {
            allowed: "an IP address of this machine",
            another: "127.0.0.2",
            get: |settings| settings.qemu.ssh_address.clone(),
            set: |settings, text| {
                settings.qemu.ssh_address = text.parse::<IpAddr>().map_err(|_| ())?.to_string();
                Ok(())
            },
        },
    },
    whole!(
        "machines.ssh_port_first",
        1024,
        65_535,
        u16,
        qemu.ssh_port_first,
        "The first port for the SSH of guests."
    ),
    whole!(
        "machines.ssh_port_last",
        1024,
        65_535,
        u16,
        qemu.ssh_port_last,
        "The last port for the SSH of guests."
    ),
    whole!(
        "machines.stop_timeout_ms",
        1_000,
        3_600_000,
        u64,
        limits.stop_timeout_ms,
        "How long a machine has to go off by itself before its power is cut, in milliseconds."
    ),
    whole!(
        "machines.start_timeout_ms",
        1_000,
        600_000,
        u64,
        qemu.start_timeout_ms,
        "How long QEMU may take from its start to answering, in milliseconds."
    ),
    whole!(
        "machines.command_timeout_ms",
        100,
        600_000,
        u64,
        qemu.command_timeout_ms,
        "How long a command to QEMU may take, in milliseconds."
    ),
    whole!(
        "machines.quit_timeout_ms",
        100,
        600_000,
        u64,
        qemu.quit_timeout_ms,
        "How long QEMU may take to end when told to, before it is killed, in milliseconds."
    ),
    whole!(
        "machines.agent_timeout_ms",
        100,
        60_000,
        u64,
        qemu.agent_timeout_ms,
        "How long the agent in a guest may take to answer, in milliseconds."
    ),
    whole!(
        "machines.freeze_timeout_ms",
        100,
        60_000,
        u64,
        qemu.freeze_timeout_ms,
        "How long the agent may take to freeze file systems, in milliseconds."
    ),
    whole!(
        "machines.probe_timeout_ms",
        1_000,
        120_000,
        u64,
        qemu.probe_timeout_ms,
        "How long the boot that probes KVM may take, in milliseconds."
    ),
    whole!(
        "machines.console_log_bytes",
        64 << 10,
        1 << 30,
        u64,
        qemu.console_log_bytes,
        "The log of a serial console is cut to half of this when it grows beyond, in bytes."
    ),
    whole!(
        "machines.console_tail_bytes",
        1 << 10,
        1 << 20,
        u64,
        limits.console_tail_bytes,
        "The end of that log shown on a machine's page, in bytes."
    ),
    whole!(
        "machines.captures_at_once",
        1,
        64,
        u32,
        qemu.n_captures_at_once,
        "Disks that are captured at the same time."
    ),
    whole!(
        "tools.address_space_bytes",
        256 << 20,
        TIB,
        u64,
        qemu.tool.address_space_bytes,
        "Address space of one run of the image tool, in bytes."
    ),
    whole!(
        "tools.cpu_seconds",
        10,
        7 * 24 * 3600,
        u64,
        qemu.tool.cpu_seconds,
        "Processor time of one run of the image tool, in seconds."
    ),
    whole!(
        "tools.file_bytes",
        1 << 20,
        64 * TIB,
        u64,
        qemu.tool.file_bytes,
        "The largest file the image tool may write, in bytes."
    ),
    whole!(
        "tools.timeout_ms",
        10_000,
        7 * DAY_MS,
        u64,
        qemu.tool.timeout_ms,
        "How long one run of the image tool may take, in milliseconds."
    ),
    Entry {
        key: "testing.allowed",
        doc: "Allow what only tests may use; never where somebody pays.",
        access: Access::Truth {
            get: |settings| settings.testing.allowed,
            set: |settings, truth| settings.testing.allowed = truth,
        },
    },
    Entry {
        key: "testing.clock_file",
        doc: "A file that says by how many milliseconds darkroom's clock is ahead of the machine's, read whenever it asks for the time; needs testing.allowed.",
        access: Access::Text {
            allowed: "empty, or an absolute path",
            another: "/tmp/clock",
            get: |settings| {
                settings
                    .testing
                    .clock_file
                    .as_ref()
                    .map(|file| file.display().to_string())
                    .unwrap_or_default()
            },
            set: |settings, text| {
                if !text.is_empty() && (!text.starts_with('/') || text.contains(['"', '\\'])) {
                    return Err(());
                }
                settings.testing.clock_file = (!text.is_empty()).then(|| text.into());
                Ok(())
            },
        },
    },
];

fn public_url(text: &str) -> Result<Option<String>, ()> {
    if text.is_empty() {
        return Ok(None);
    }
    let text = text.strip_suffix('/').unwrap_or(text);
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(())?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(());
    }
    Ok(Some(text.to_owned()))
}
