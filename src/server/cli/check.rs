//! `darkroom check`: verifies all records, then reads every stored chunk, and names what a damage hurts. Changes no record.

use super::host::{Wanted, data_directory};
use super::terminal::{Progress, say};
use super::{Code, DataArgs, Failure, start_quiet_log};
use crate::server::{open_records, open_storage};
use clap::Args;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::ops::verify::{Needer, Verified, attributed, verify};
use darkroom_core::ports::{PortError, Watcher as _};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

const HELP: &str = "\
The server must be stopped; machines may run. Every record is read and compared with the indexes, counters and meters,
and every stored chunk is read and compared with its hash, which takes as long as reading DATA/regions.
Exit code 0: all is well. 1: damage was found, and the report names it.

Examples:
  darkroom check --data ./data
  darkroom check --data ./data --json | jq .findings";

#[derive(Args)]
#[command(after_help = HELP)]
pub struct CheckArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// The whole report.
#[derive(Serialize)]
struct Report {
    sound: bool,
    n_rows: u64,
    /// What is wrong in the records.
    findings: Vec<String>,
    regions: Vec<RegionReport>,
}

/// What was found in the storage of a region.
#[derive(Default, Serialize)]
struct RegionReport {
    region: String,
    n_chunks: u64,
    n_manifests: u64,
    /// Damaged chunks: where and why.
    bad_chunks: Vec<String>,
    n_missing_chunks: u64,
    /// Images and instances whose content is damaged.
    hurt: Vec<Needer>,
    /// Images and instances whose content is not there at all.
    lost: Vec<Needer>,
    /// Contents that are damaged and that no record needs.
    n_hurt_unneeded: usize,
    /// Why the storage could not be read.
    unreadable: Option<String>,
}

impl RegionReport {
    fn is_sound(&self) -> bool {
        self.bad_chunks.is_empty()
            && self.n_missing_chunks == 0
            && self.hurt.is_empty()
            && self.lost.is_empty()
            && self.n_hurt_unneeded == 0
            && self.unreadable.is_none()
    }
}

/// Checks a data directory.
pub fn run(args: &CheckArgs) -> Result<(), Failure> {
    let settings = args.data.settings()?;
    start_quiet_log();
    let data = data_directory(&args.data.data, Wanted::Existing)?;
    // Held until the end, so that no server starts meanwhile.
    let records = open_records(&data)?;
    let mut verified = verify(records.as_ref())?;
    let storage = open_storage(&data, &settings);
    verified.findings.extend(attributed(&verified, storage.as_ref()));
    let progress = Progress::new("Reading chunks");
    let mut regions = Vec::new();
    for region in regions_of(&data, &verified)? {
        let nothing = BTreeMap::new();
        let needed = verified.needed.get(&region).unwrap_or(&nothing);
        let read = storage.check(&region, &|done, total| progress.progress(done, total));
        let present = read.and_then(|found| Ok((found, storage.fingerprints(&region)?)));
        regions.push(match present {
            Ok((found, present)) => {
                let mut report = judge(needed, &found.hurt, &present);
                report.n_chunks = found.n_chunks;
                report.n_manifests = found.n_manifests;
                report.bad_chunks = found.bad_chunks;
                report.n_missing_chunks = found.n_missing_chunks;
                RegionReport { region: region.to_string(), ..report }
            }
            Err(error) => unreadable(&region, needed, &error),
        });
    }
    progress.finish();
    let sound = verified.findings.is_empty() && regions.iter().all(RegionReport::is_sound);
    let report = Report { sound, n_rows: verified.n_rows, findings: verified.findings, regions };
    if args.json {
        let text = serde_json::to_string_pretty(&report);
        say(&text
            .map_err(|e| Failure::new(Code::Refused, format!("The report could not be written: {e}.")))?);
    } else {
        say(&readable(&report));
    }
    // The report says it all.
    if sound { Ok(()) } else { Err(Failure::new(Code::Refused, "")) }
}

/// Regions of the records, and folders of regions that no record names.
fn regions_of(data: &Path, verified: &Verified) -> Result<BTreeSet<RegionId>, Failure> {
    let mut all: BTreeSet<RegionId> =
        verified.regions.iter().chain(verified.needed.keys()).cloned().collect();
    let folder = data.join("regions");
    let unusable = |e: std::io::Error| {
        Failure::new(
            Code::Data,
            format!("{} cannot be read: {e}. Check permissions and the disk.", folder.display()),
        )
    };
    if folder.try_exists().map_err(unusable)? {
        for entry in std::fs::read_dir(&folder).map_err(unusable)? {
            let entry = entry.map_err(unusable)?;
            if entry.path().is_dir() {
                all.insert(RegionId(entry.file_name().to_string_lossy().into_owned()));
            }
        }
    }
    Ok(all)
}

/// Whom damaged contents hurt, and whose contents are not there.
fn judge(needed: &BTreeMap<String, Vec<Needer>>, hurt: &[String], present: &[String]) -> RegionReport {
    let present: BTreeSet<&String> = present.iter().collect();
    let hurt: BTreeSet<&String> = hurt.iter().collect();
    let mut report = RegionReport {
        n_hurt_unneeded: hurt.iter().filter(|f| !needed.contains_key(**f)).count(),
        ..RegionReport::default()
    };
    for (fingerprint, needers) in needed {
        if hurt.contains(fingerprint) {
            report.hurt.extend(needers.iter().cloned());
        } else if !present.contains(fingerprint) {
            report.lost.extend(needers.iter().cloned());
        }
    }
    report
}

fn unreadable(region: &RegionId, needed: &BTreeMap<String, Vec<Needer>>, error: &PortError) -> RegionReport {
    RegionReport {
        region: region.to_string(),
        hurt: needed.values().flatten().cloned().collect(),
        unreadable: Some(error.to_string()),
        ..RegionReport::default()
    }
}

fn readable(report: &Report) -> String {
    let mut out = String::new();
    let mut line = |text: String| writeln!(out, "{text}").expect("writing to a string never fails");
    line(format!("Records: {} rows, {} findings.", report.n_rows, report.findings.len()));
    for finding in &report.findings {
        line(format!("  - {finding}"));
    }
    for region in &report.regions {
        let RegionReport { region: name, n_chunks, n_manifests, .. } = region;
        let state = if region.is_sound() { "sound" } else { "DAMAGED" };
        line(format!("Storage of {name}: {n_chunks} chunks, {n_manifests} disks, {state}."));
        if let Some(why) = &region.unreadable {
            line(format!("  - {why}"));
        }
        for chunk in &region.bad_chunks {
            line(format!("  - damaged: {chunk}"));
        }
        if region.n_missing_chunks > 0 {
            line(format!("  - {} chunks are missing", region.n_missing_chunks));
        }
        for needer in &region.hurt {
            line(format!("  - hurt: {needer}"));
        }
        for needer in &region.lost {
            line(format!("  - its content is missing: {needer}"));
        }
        if region.n_hurt_unneeded > 0 {
            line(format!(
                "  - {} damaged disks that no record needs; they will be swept",
                region.n_hurt_unneeded
            ));
        }
    }
    line(if report.sound {
        "All is well.".to_owned()
    } else {
        "Damage was found. See \"Recover\" in docs/OPERATIONS.md.".to_owned()
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_loss_and_from_what_nobody_needs() {
        let needer = |name: &str| Needer {
            kind: "image",
            name: name.to_owned(),
            id: uuid::Uuid::nil(),
            project: "p".to_owned(),
            account: "a".to_owned(),
        };
        let needed: BTreeMap<String, Vec<Needer>> = [("a", "sound"), ("b", "damaged"), ("c", "gone")]
            .map(|(f, name)| (f.to_owned(), vec![needer(name)]))
            .into();
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let report = judge(&needed, &texts(&["b", "x"]), &texts(&["a", "b", "x"]));
        assert_eq!(
            (report.hurt, report.lost, report.n_hurt_unneeded),
            (vec![needer("damaged")], vec![needer("gone")], 1)
        );
    }
}
