//! The life of images on real records and real chunks: a copy inside a region, what a second copy to another region moves, and deleting
//! many at once. Prints `copy_in_region_ms`, `second_copy_percent` and `bulk_delete_1000_s`.
//!
//! Arguments: a folder for temporary data.

mod support;
#[path = "support/ten_thousand.rs"]
mod ten_thousand;

use darkroom::server::open;
use darkroom::server::settings::Settings;
use darkroom_core::domain::form::{BulkForm, CopyImageForm};
use darkroom_core::domain::ids::{ImageId, RegionId};
use darkroom_core::domain::image::{Action, BootMode, Os};
use darkroom_core::domain::region::Region;
use darkroom_core::domain::text::Name;
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::images::PublicImage;
use darkroom_core::ops::{images, people, provider};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;
use support::{GIB, MIB, Noise, Quiet, Scratch, Tenant, figure, median, ms, note};

const OTHER_REGION: &str = "south-1";
const N_COPIES: usize = 15;
const N_DELETED: usize = 1000;
/// What the disk of 10 GiB holds.
const CONTENT: u64 = 200 * MIB;
/// What the disk holds that is brought to another region.
const PARENT_CONTENT: u64 = 500 * MIB;

/// A second region like the first.
fn second_region(system: &Ctx) {
    let first = system
        .read::<Region>(&RegionId(support::REGION.to_owned()))
        .expect("readable")
        .expect("it is set up");
    let second = Region { id: RegionId(OTHER_REGION.to_owned()), ..first };
    provider::put_region(system, &second).expect("a new region");
}

fn main() {
    let scratch = Scratch::new("life");
    let opened = open(&scratch.path("data"), &Settings::default()).expect("a new data directory");
    let system = opened.app.system();
    let tenant = support::furnish(&system);
    second_region(&system);
    let signed_in =
        people::sign_in(&system, support::OWNER, support::PASSWORD, "bench").expect("the password is right");
    let (actor, _) = people::recognise(&system, &signed_in.token).expect("the session is new");
    let owner = Ctx { actor, ..system.clone() };
    copies(&system, &owner, &tenant, &scratch);
    deletes(&system, &owner, &tenant, &scratch);
    note(format!("all of it takes {} MB", support::folder_bytes(&scratch.path("data")) / 1_000_000));
}

/// A disk with noise at its start.
fn disk(path: &Path, size: u64, content: u64, noise: &mut Noise) {
    let mut file = File::create(path).expect("the folder is ours");
    let mut block = vec![0u8; MIB as usize];
    for _ in 0..content / MIB {
        noise.fill(&mut block);
        file.write_all(&block).expect("the disk has space");
    }
    file.set_len(size).expect("the disk has space");
}

fn register(system: &Ctx, tenant: &Tenant, name: &str, path: &Path) -> ImageId {
    let public = PublicImage {
        kind: darkroom_core::domain::image::Kind::System,
        name: Name::parse(name).expect("valid"),
        os: Os { kind: "linux".to_owned(), version: "Debian 12".to_owned() },
        boot: BootMode::Bios,
        min_vcpus: 0,
        min_memory_mib: 0,
        licence: String::new(),
        account: tenant.account,
        project: tenant.project,
        region: tenant.region.clone(),
    };
    let path = path.to_str().expect("a plain path");
    provider::register_image(system, public, path, &Quiet).expect("the disk has space")
}

fn copies(system: &Ctx, owner: &Ctx, tenant: &Tenant, scratch: &Scratch) {
    let path = scratch.path("disk.raw");
    let mut noise = Noise(7);
    disk(&path, 10 * GIB, CONTENT, &mut noise);
    let image = register(system, tenant, "ten", &path);
    let took: Vec<f64> = (0..N_COPIES)
        .map(|n| {
            let form = CopyImageForm {
                image: image.to_string(),
                project: tenant.project.to_string(),
                regions: vec![support::REGION.to_owned()],
                name: format!("copy-{n}"),
                price_versions: [(support::REGION.to_owned(), 1)].into(),
                ..CopyImageForm::default()
            };
            let begun = Instant::now();
            let made = images::copy(owner, &form).expect("there is room");
            let took = ms(begun.elapsed());
            let (copy, _) = images::load(owner, made[0], darkroom_core::domain::policy::Act::ImageGet)
                .expect("it was just made");
            copy.can(Action::Deploy).expect("it is available at once");
            assert_eq!(copy.virtual_bytes(), 10 * GIB);
            took
        })
        .collect();
    figure("copy_in_region_ms", median(&took), "ms");

    // The parent travels first; then an image of the same machine, ten pieces of 1 MiB later.
    let (from, to) = (RegionId(support::REGION.to_owned()), RegionId(OTHER_REGION.to_owned()));
    let storage = &system.app.storage;
    let blobs = storage.region(&from).expect("it is set up");
    disk(&path, GIB, PARENT_CONTENT, &mut noise);
    let text = path.to_str().expect("a plain path").to_owned();
    let parent = blobs.ingest(&text, &Quiet).expect("the disk has space");
    let first = storage.transfer(&from, &to, &parent.fingerprint, &Quiet).expect("the disk has space");
    let mut file = File::options().write(true).open(&path).expect("a file of ours");
    let mut block = vec![0u8; MIB as usize];
    for piece in 0..10 {
        noise.fill(&mut block);
        // None where chunks begin.
        file.seek(SeekFrom::Start(piece * 19 * MIB + 4096)).expect("a file of ours");
        file.write_all(&block).expect("the disk has space");
    }
    let child = blobs.ingest(&text, &Quiet).expect("the disk has space");
    let second = storage.transfer(&from, &to, &child.fingerprint, &Quiet).expect("the disk has space");
    let whole = second.sent_bytes + second.present_bytes;
    note(format!(
        "the parent moved {} MB, the second copy {} of {} MB",
        first.sent_bytes / 1_000_000,
        second.sent_bytes / 1_000_000,
        whole / 1_000_000
    ));
    figure("second_copy_percent", second.sent_bytes as f64 * 100.0 / whole as f64, "%");
    std::fs::remove_file(path).expect("a file of ours");
}

fn deletes(system: &Ctx, owner: &Ctx, tenant: &Tenant, scratch: &Scratch) {
    ten_thousand::write(system, tenant, &scratch.path(""));
    let all = system.app.images.group(&(tenant.project, tenant.region.clone()));
    let picked: Vec<String> = all
        .iter()
        .filter(|image| image.can(Action::Delete).is_ok() && image.can(Action::Deploy).is_ok())
        .take(N_DELETED)
        .map(|image| image.id.to_string())
        .collect();
    let form = BulkForm { action: "delete".to_owned(), images: picked, tags: String::new() };
    let begun = Instant::now();
    let lines = images::bulk(owner, &form).expect("the disk has space");
    figure("bulk_delete_1000_s", begun.elapsed().as_secs_f64(), "s");
    assert!(lines.len() == N_DELETED && lines.iter().all(|line| !line.refused), "each is in the recycle bin");
}
