//! A tenant with 10,000 images, written as the use cases write them: image, name, counter, meter, task and events.

use crate::support::{self, GIB, MIB, Noise, Quiet, Tenant};
use darkroom_core::domain::Result;
use darkroom_core::domain::disk::DiskRole;
use darkroom_core::domain::ids::{ImageId, InstanceId, Subject, TaskId};
use darkroom_core::domain::image::tags::Tags;
use darkroom_core::domain::image::{
    self, BootMode, Consistency, Image, ImageDisk, Os, Source, Status, Visibility,
};
use darkroom_core::domain::meter::Charge;
use darkroom_core::domain::policy::{Act, Resource};
use darkroom_core::domain::quota::Counter;
use darkroom_core::domain::task::{Kind, Outputs, State, Task};
use darkroom_core::domain::text::Name;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ops::audit::{self, Entry};
use darkroom_core::ops::ctx::{Ctx, Permit};
use darkroom_core::ops::ledger::{self, Opening};
use darkroom_core::ports::Stored;
use darkroom_core::store::records::index;
use darkroom_core::store::{Tx, transact};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

pub const N_IMAGES: u32 = 10_000;
/// Every so many images one failed.
const FAILED_EVERY: u32 = 25;
/// How many disks with contents of their own the images share.
const N_CONTENTS: u64 = 12;
const PER_COMMIT: usize = 50;
const MINUTE_MS: i64 = 60_000;

const ROLES: [&str; 12] = [
    "web",
    "db-primary",
    "db-replica",
    "cache",
    "worker",
    "mail",
    "build-runner",
    "gateway",
    "search",
    "metrics",
    "Backup",
    "staging",
];

/// Writes the images of `tenant`, the newest a moment ago, one about every three minutes before.
pub fn write(system: &Ctx, tenant: &Tenant, folder: &Path) {
    let contents = contents(system, tenant, folder);
    let permit =
        system.authorize(Act::ImageCreate, &Resource::Provider, "provider").expect("darkroom itself may");
    let numbers: Vec<u32> = (0..N_IMAGES).collect();
    let mut noise = Noise(3);
    for part in numbers.chunks(PER_COMMIT) {
        let images: Vec<Image> =
            part.iter().map(|number| image(system, tenant, *number, &contents, &mut noise)).collect();
        let written: Result<()> = transact(system.app.store.as_ref(), 3, |tx| {
            images.iter().try_for_each(|image| put(tx, system, &permit, image))?;
            ledger::count(tx, tenant.account, &tenant.region, |counter: &mut Counter| {
                counter.n_images += u32::try_from(images.len()).expect("a part of them");
                Ok(())
            })
        });
        written.expect("the disk has space");
    }
}

/// Disks of different sizes, really stored, so that every image names content that exists.
fn contents(system: &Ctx, tenant: &Tenant, folder: &Path) -> Vec<Stored> {
    let blobs = system.app.storage.region(&tenant.region).expect("it is set up");
    let path = folder.join("content.raw");
    let mut noise = Noise(5);
    let stored = (1..=N_CONTENTS)
        .map(|n| {
            let mut file = File::create(&path).expect("the folder is ours");
            let mut block = vec![0u8; (n * MIB / 3) as usize];
            noise.fill(&mut block);
            file.seek(SeekFrom::Start(MIB)).expect("the file is ours");
            file.write_all(&block).and_then(|()| file.set_len(n * GIB / 16)).expect("the disk has space");
            blobs.ingest(path.to_str().expect("a plain path"), &Quiet).expect("the disk has space")
        })
        .collect();
    std::fs::remove_file(path).expect("a file of ours");
    stored
}

fn image(system: &Ctx, tenant: &Tenant, number: u32, contents: &[Stored], noise: &mut Noise) -> Image {
    let role = ROLES[noise.below(ROLES.len() as u64) as usize];
    let created = system.now.plus_ms(-3 * MINUTE_MS * i64::from(N_IMAGES - number));
    let failed = number % FAILED_EVERY == 7;
    let stored = &contents[noise.below(contents.len() as u64) as usize];
    let disk = ImageDisk {
        role: DiskRole::System,
        storage: None,
        fingerprint: stored.fingerprint.0.clone(),
        sha256: stored.sha256.clone(),
        virtual_bytes: stored.virtual_bytes,
        stored_bytes: stored.stored_bytes,
    };
    let machine = Source {
        id: InstanceId(system.app.ids.uuid()),
        name: Name::parse(&format!("{role}-{:02}", noise.below(40))).expect("valid"),
        disk: None,
    };
    Image {
        kind: image::Kind::System,
        zone: None,
        copied_from: None,
        from_snapshot: None,
        id: ImageId(system.app.ids.uuid()),
        account: tenant.account,
        project: tenant.project,
        region: tenant.region.clone(),
        name: Name::parse(&format!("{role}-v{number}")).expect("valid"),
        remark: if number.is_multiple_of(3) {
            "Before the update of the system packages.".to_owned()
        } else {
            String::new()
        },
        status: if failed { Status::Error } else { Status::Available },
        visibility: Visibility::Private,
        protected: number.is_multiple_of(50),
        hidden: false,
        tags: tags(role, number),
        properties: BTreeMap::new(),
        os: Os { kind: "linux".to_owned(), version: "Debian 12".to_owned() },
        architecture: "x86_64".to_owned(),
        boot: BootMode::Bios,
        min_vcpus: 0,
        min_memory_mib: 0,
        max_memory_mib: 0,
        min_disk_bytes: if failed { 0 } else { disk.virtual_bytes },
        parent: None,
        source: Some(machine),
        family: String::new(),
        life: Default::default(),
        licence: String::new(),
        reserved_bytes: 0,
        reaches: [].into(),
        disks: if failed { Vec::new() } else { vec![disk] },
        consistency: (!failed).then_some(Consistency::Frozen),
        error: failed.then(|| "No space left in north-1 storage.".to_owned()),
        task: Some(TaskId(system.app.ids.uuid())),
        created,
        available: (!failed).then(|| created.plus_ms(2_000)),
        bin: None,
        leaves: None,
        nic_multiqueue: false,
        sriov: false,
        revision: 0,
        changed: None,
    }
}

/// Twenty different tags, three of them on each image.
fn tags(role: &str, number: u32) -> Tags {
    let one = |of: [&str; 4], n: u32| of[(n % 4) as usize].to_owned();
    Tags::from_iter([
        ("team".to_owned(), role.to_owned()),
        ("env".to_owned(), one(["prod", "test", "stage", "dev"], number)),
        ("tier".to_owned(), one(["gold", "silver", "bronze", "none"], number / 4)),
    ])
}

fn put(tx: &mut Tx<'_>, system: &Ctx, permit: &Permit, image: &Image) -> Result<()> {
    tx.put(image)?;
    let name = (image.account, image.region.clone(), image.name.as_str().to_lowercase());
    tx.put_index(index::IMAGE_BY_NAME, &name, &image.id)?;
    let then = |at: Timestamp| Ctx { now: at, ..system.clone() };
    let asked = then(image.created);
    put_task(tx, &asked, image)?;
    audit::write(tx, &asked, permit, &entry(image, "image.create"))?;
    let ended = then(image.available.unwrap_or(image.created));
    let Status::Available = image.status else {
        return audit::write(tx, &ended, permit, &entry(image, "image.failed"));
    };
    let meter = Opening {
        subject: Subject::Image(image.id),
        name: image.name.to_string(),
        account: image.account,
        project: image.project,
        region: image.region.clone(),
        charge: Charge::ImageStorage,
        quantity_bytes: image.stored_bytes(),
        virtual_bytes: image.virtual_bytes(),
    };
    ledger::open(tx, &ended, meter)?;
    audit::write(tx, &ended, permit, &entry(image, "image.available"))
}

fn put_task(tx: &mut Tx<'_>, asked: &Ctx, image: &Image) -> Result<()> {
    let id = image.task.expect("every image here has one");
    let finished = asked.now.plus_ms(2_000);
    let mut task = Task {
        disk: None,
        origin: None,
        id,
        kind: Kind::ImageCreate,
        user: None,
        actor: support::OWNER.to_owned(),
        account: image.account,
        project: image.project,
        region: image.region.clone(),
        subject: Subject::Image(image.id),
        name: image.name.to_string(),
        state: if image.error.is_some() { State::Failed } else { State::Done },
        step: 3,
        attempts: 0,
        not_before: asked.now,
        lease: None,
        cancel_requested: false,
        outputs: Outputs::default(),
        error: image.error.clone(),
        log: Vec::new(),
        progress: None,
        created: asked.now,
        started: Some(asked.now),
        finished: Some(finished),
    };
    for text in
        ["Asked for by owner@example.org.", "Copy the disk.", "Store the content.", "Tidy up.", "Done."]
    {
        task.note(finished, text);
    }
    tx.put(&task)?;
    let place = (image.project, image.region.clone(), asked.now.0, id);
    Ok(tx.put_index(index::TASK_BY_PLACE, &place, &id)?)
}

fn entry<'a>(image: &'a Image, action: &'a str) -> Entry<'a> {
    Entry {
        subject: Subject::Image(image.id),
        name: image.name.as_str(),
        account: Some(image.account),
        project: Some(image.project),
        region: Some(&image.region),
        action,
        detail: String::new(),
    }
}
