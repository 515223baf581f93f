//! An application over fakes, with a small provider in it: what the simulator drives, and what tests of use cases and tasks start from.

use super::content::Content;
use super::faults::StoreFaults;
use super::host::Host;
use super::hypervisor::SimHypervisor;
use super::ports::{SimClock, SimIds, SimSecrets};
use super::recount::Recount;
use super::storage::SimStorage;
use super::witness::Witness;
use crate::domain::disk::DiskKind;
use crate::domain::flavor::Flavor;
use crate::domain::form::{
    CopyImageForm, CreateImageForm, CreateSnapshotForm, DeleteImageForm, DeployForm, ServiceForm,
};
use crate::domain::ids::{AccountId, ImageId, InstanceId, ProjectId, RegionId, SnapshotId, TaskId};
use crate::domain::image::{self, BootMode, Os};
use crate::domain::money::Money;
use crate::domain::price::PriceBook;
use crate::domain::project::{Role, Side};
use crate::domain::quota::Limits;
use crate::domain::region::{Region, SITE, Switch};
use crate::domain::size::GIB;
use crate::domain::snapshot::Snapshot;
use crate::domain::text::Name;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Result};
use crate::ops::ctx::{App, Ctx, Parts, Place, Settings};
use crate::ops::images::{Deleted, PublicImage};
use crate::ops::snapshots::service;
use crate::ops::{attribution, images, instances, people, prices, provider, snapshots};
use crate::ports::{Clock, Ids, Watcher};
use crate::store::{MemoryStore, Store};
use crate::tasks::{Engine, Outcome, sweep};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// So few that the limit is met.
pub(super) const SHARES_MAX: u32 = 2;

/// The password of every user of the small provider.
pub const PASSWORD: &str = "correct horse battery";

/// The small provider: two regions, a tiny type and a small one, two accounts with two projects each, limits so small that they bite.
#[derive(Clone, Debug)]
pub struct Provider {
    /// `north-1` and `south-1`.
    pub regions: Vec<RegionId>,
    /// A public image in each region.
    pub public: Vec<ImageId>,
    /// The accounts Acme and Bolt.
    pub accounts: Vec<AccountId>,
    /// Two projects of each account, in order.
    pub projects: Vec<(AccountId, ProjectId)>,
    /// E-mail addresses: an owner, a member and a reader for each account, and the operator.
    pub users: Vec<String>,
}

/// An application over fakes.
pub struct Bench {
    /// The application.
    pub app: Arc<App>,
    /// Its engine.
    pub engine: Arc<Engine>,
    /// The owner of the engine's leases.
    pub owner: Uuid,
    /// Time.
    pub clock: Arc<SimClock>,
    /// The host.
    pub host: Arc<Host>,
    /// Which commits fail.
    pub faults: Arc<StoreFaults>,
    /// The records.
    pub store: Arc<MemoryStore>,
    /// What was committed, decoded.
    pub witness: Arc<Witness>,
    pub(super) recount: Arc<Recount>,
    /// The limits of the program from its next start on.
    pub next: Settings,
    ids: Arc<SimIds>,
    secrets: Arc<SimSecrets>,
}

/// Nobody watches.
struct Unwatched;

impl Watcher for Unwatched {
    fn progress(&self, _done_bytes: u64, _total_bytes: u64) {}
    fn cancelled(&self) -> bool {
        false
    }
}

impl Bench {
    /// An application without any records.
    ///
    /// # Panics
    /// Never: an empty memory store opens.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Settings::default())
    }

    /// The same with these limits of the program.
    ///
    /// # Panics
    /// Never: an empty memory store opens.
    pub fn with(seed: u64, settings: Settings) -> Self {
        let clock = Arc::new(SimClock::new(Timestamp::from_seconds(1_795_000_000)));
        let host = Arc::new(Host::new(seed, clock.clone(), &["north-1", "south-1"]));
        let faults = Arc::new(StoreFaults::new(seed));
        let store = Arc::new(MemoryStore::with_faults(faults.clone()));
        let (ids, secrets) = (Arc::new(SimIds::new(seed)), Arc::new(SimSecrets::default()));
        let recount = Arc::new(Recount::new(clock.clone()));
        let settings = Settings {
            sign_in_pause_ms: 60_000,
            shares_max: SHARES_MAX,
            machine_shares_max: 1,
            meters_per_commit: 2,
            ..settings
        };
        Self::open(clock, host, faults, store, recount, ids, secrets, settings)
    }

    #[expect(clippy::too_many_arguments, reason = "all that outlives a restart, once each")]
    fn open(
        clock: Arc<SimClock>,
        host: Arc<Host>,
        faults: Arc<StoreFaults>,
        store: Arc<MemoryStore>,
        recount: Arc<Recount>,
        ids: Arc<SimIds>,
        secrets: Arc<SimSecrets>,
        settings: Settings,
    ) -> Self {
        let witness = Witness::open(store.as_ref());
        store.watch(recount.clone());
        let parts = Parts {
            store: store.clone(),
            clock: clock.clone(),
            ids: ids.clone(),
            secrets: secrets.clone(),
            storage: Arc::new(SimStorage(host.clone())),
            hypervisor: Arc::new(SimHypervisor(host.clone())),
            settings,
        };
        let app = App::open(parts).expect("the memory store can always be read");
        let owner = ids.uuid();
        let engine = Arc::new(Engine::new(app.clone(), owner));
        Self {
            app,
            engine,
            owner,
            clock,
            host,
            faults,
            store,
            witness,
            recount,
            next: settings,
            ids,
            secrets,
        }
    }

    /// The program ends and starts again: memory is lost, commits and the host are as they were.
    ///
    /// # Errors
    /// When the first thing the program does at start fails.
    pub fn restart(&mut self) -> Result<u32> {
        self.faults.revive();
        self.host.forget_interrupt();
        let store = Arc::new(self.store.snapshot());
        *self = Self::open(
            self.clock.clone(),
            self.host.clone(),
            self.faults.clone(),
            store,
            self.recount.clone(),
            self.ids.clone(),
            self.secrets.clone(),
            self.next,
        );
        prices::align(&self.app)?;
        attribution::adopt(&self.app)?;
        sweep::licences(&self.app)?;
        self.engine.recover()
    }

    /// Sets the small provider up.
    ///
    /// # Errors
    /// When a use case refuses, which would be a defect.
    pub fn provider(&self) -> Result<Provider> {
        let ctx = self.app.system();
        let mut made = Provider {
            regions: vec!["north-1".into(), "south-1".into()],
            public: vec![],
            accounts: vec![],
            projects: vec![],
            users: vec!["op@provider.example".to_owned()],
        };
        for (id, n_vcpus, memory_mib) in [("m1.tiny", 1, 256), ("m1.small", 2, 512)] {
            let disk_kinds = vec![DiskKind::Ssd, DiskKind::Economy];
            provider::put_flavor(&ctx, &Flavor { id: id.into(), n_vcpus, memory_mib, disk_kinds })?;
        }
        for region in &made.regions {
            provider::put_region(&ctx, &small_region(region))?;
        }
        provider::create_user(&ctx, &made.users[0], PASSWORD, Side::Operator)?;
        for account in ["acme", "bolt"] {
            self.account(&ctx, account, &mut made)?;
        }
        let own = provider::create_account(&ctx, "provider")?;
        let images = provider::create_project(&ctx, own, "images")?;
        for region in &made.regions {
            made.public.push(self.public_image(&ctx, region, (own, images), image::Kind::System)?);
        }
        Ok(made)
    }

    fn account(&self, ctx: &Ctx, name: &str, made: &mut Provider) -> Result<()> {
        let account = provider::create_account(ctx, name)?;
        made.accounts.push(account);
        let mut own = Vec::new();
        for project in ["web", "lab"] {
            let id = provider::create_project(ctx, account, project)?;
            made.projects.push((account, id));
            own.push(provider::project_by_name(ctx, account, project)?);
        }
        for (user, roles) in [
            ("owner", vec![Role::Owner, Role::Owner]),
            ("member", vec![Role::Member, Role::Member]),
            ("reader", vec![Role::Reader]),
        ] {
            let email = format!("{user}@{name}.example");
            let side = Side::Tenant { account, roles: BTreeMap::new() };
            provider::create_user(ctx, &email, PASSWORD, side)?;
            for (project, role) in own.iter().zip(roles) {
                provider::set_role(ctx, &email, project, Some(role))?;
            }
            made.users.push(email);
        }
        Ok(())
    }

    /// Registers a disc of the provider that installs a system, in the first region.
    ///
    /// # Errors
    /// What the use case refuses.
    pub(super) fn disc(&self, provider: &Provider) -> Result<ImageId> {
        let ctx = self.app.system();
        let guest =
            ctx.read::<image::Image>(&provider.public[0])?.ok_or_else(|| Error::not_found("image"))?;
        self.public_image(&ctx, &guest.region, (guest.account, guest.project), image::Kind::Iso)
    }

    fn public_image(
        &self,
        ctx: &Ctx,
        region: &RegionId,
        of: (AccountId, ProjectId),
        kind: image::Kind,
    ) -> Result<ImageId> {
        let (name, content) = match kind {
            image::Kind::Iso => ("disc", Content { virtual_bytes: 40_960, blocks: [(0, 9)].into() }),
            _ => ("guest", Content { virtual_bytes: GIB, blocks: [(0, 7), (1, 8)].into() }),
        };
        let file = format!("files/{name}.raw");
        self.host.put_file(&file, content);
        let public = PublicImage {
            kind,
            name: Name::parse(name).map_err(Error::internal)?,
            os: Os::default(),
            boot: BootMode::Bios,
            min_vcpus: 0,
            min_memory_mib: 0,
            licence: "GPL".to_owned(),
            account: of.0,
            project: of.1,
            region: region.clone(),
        };
        provider::register_image(ctx, public, &file, &Unwatched)
    }

    /// The context of the user with this e-mail address, as a session would give it.
    ///
    /// # Errors
    /// When signing in fails.
    pub fn user(&self, email: &str) -> Result<Ctx> {
        let anonymous = Ctx {
            app: self.app.clone(),
            actor: crate::domain::actor::Actor::Anonymous,
            now: self.clock.now(),
        };
        let signed_in = people::sign_in(&anonymous, email, PASSWORD, "sim")?;
        let (actor, _) = people::recognise(&anonymous, &signed_in.token)?;
        Ok(Ctx { actor, ..anonymous })
    }

    /// `ctx` at the present moment: a context is of one moment.
    pub fn at_present(&self, ctx: &Ctx) -> Ctx {
        Ctx { app: self.app.clone(), actor: ctx.actor.clone(), now: self.clock.now() }
    }

    /// A filled form *New instance* for the public image of the first region.
    pub fn deploy_form(&self, provider: &Provider, project: ProjectId, name: &str) -> DeployForm {
        DeployForm {
            project: project.to_string(),
            region: "north-1".to_owned(),
            image: provider.public.first().map(ToString::to_string).unwrap_or_default(),
            name: name.to_owned(),
            flavor: "m1.tiny".to_owned(),
            zone: "a".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "2".to_owned(),
            price_version: 1,
            ..DeployForm::default()
        }
    }

    /// Deploys a machine and works until it runs.
    ///
    /// # Errors
    /// What the use case or the engine refuses.
    pub fn machine(
        &self,
        ctx: &Ctx,
        provider: &Provider,
        project: ProjectId,
        name: &str,
    ) -> Result<InstanceId> {
        let ctx = self.at_present(ctx);
        let id = instances::create(&ctx, &self.deploy_form(provider, project, name))?;
        self.work()?;
        Ok(id)
    }

    /// Asks for an image of a machine; gives the image and its task.
    ///
    /// # Errors
    /// What the use case refuses.
    pub fn capture(&self, ctx: &Ctx, machine: InstanceId, name: &str) -> Result<(ImageId, TaskId)> {
        let form = CreateImageForm {
            instance: machine.to_string(),
            what: String::new(),
            name: name.to_owned(),
            remark: String::new(),
            price_version: 1,
        };
        let ctx = self.at_present(ctx);
        let id = images::create(&ctx, &form)?;
        let image = ctx.read::<crate::domain::image::Image>(&id)?;
        let task = image.and_then(|i| i.task).ok_or_else(|| Error::internal("The image has no task."))?;
        Ok((id, task))
    }

    /// Turns the snapshot service of the account of a project on.
    ///
    /// # Errors
    /// What the use case refuses.
    pub fn service_on(&self, ctx: &Ctx, project: ProjectId) -> Result<()> {
        let ctx = self.at_present(ctx);
        let place = Place { project: Some(project), region: "north-1".into() };
        let shown = service::service(&ctx, &place)?;
        let form = ServiceForm {
            region: "north-1".to_owned(),
            turn: "on".to_owned(),
            price_version: shown.price_version,
        };
        service::turn(&ctx, &place, &form)
    }

    /// Asks for a snapshot of a machine; gives the snapshot and its task.
    ///
    /// # Errors
    /// What the use case refuses.
    pub fn snapshot(
        &self,
        ctx: &Ctx,
        machine: InstanceId,
        what: &str,
        name: &str,
    ) -> Result<(SnapshotId, TaskId)> {
        let ctx = self.at_present(ctx);
        let form = CreateSnapshotForm {
            instance: machine.to_string(),
            what: what.to_owned(),
            name: name.to_owned(),
            price_version: snapshots::options(&ctx, machine)?.service.price_version,
        };
        let id = snapshots::create(&ctx, &form)?;
        let task = ctx.read::<Snapshot>(&id)?.and_then(|s| s.task);
        Ok((id, task.ok_or_else(|| Error::internal("The snapshot has no task."))?))
    }

    /// Deletes an image and removes it from the recycle bin; gives the task that does.
    ///
    /// # Errors
    /// What the use case refuses.
    pub fn remove(&self, ctx: &Ctx, image: ImageId) -> Result<TaskId> {
        let ctx = self.at_present(ctx);
        match images::delete(&ctx, &DeleteImageForm::at_once(image))? {
            Deleted::Removed(task) => Ok(task),
            Deleted::Recycled(_) | Deleted::Leaves(_) => images::purge(&ctx, image),
        }
    }

    /// Copies an image into these regions; gives each new image and its task, if it has one.
    ///
    /// # Errors
    /// What the use case refuses.
    pub fn copy(
        &self,
        ctx: &Ctx,
        image: ImageId,
        project: ProjectId,
        regions: &[&str],
        name: &str,
    ) -> Result<Vec<(ImageId, Option<TaskId>)>> {
        let ctx = self.at_present(ctx);
        let regions: Vec<String> = regions.iter().map(|r| (*r).to_owned()).collect();
        let mut price_versions = BTreeMap::new();
        for region in people::regions(&ctx)? {
            price_versions.insert(region.id.to_string(), region.prices.version);
        }
        let form = CopyImageForm {
            image: image.to_string(),
            project: project.to_string(),
            regions,
            name: name.to_owned(),
            remark: String::new(),
            family: None,
            tags: None,
            data_disks: String::new(),
            price_versions,
        };
        let made = images::copy(&ctx, &form)?;
        let task = |id: &ImageId| ctx.read::<crate::domain::image::Image>(id).map(|i| i.and_then(|i| i.task));
        made.into_iter().map(|id| Ok((id, task(&id)?))).collect()
    }

    /// Works until no task is left, letting time pass while all of them wait; then charges for what holds chunks.
    ///
    /// # Errors
    /// When the store cannot be used, or when there is no end to it.
    pub fn work(&self) -> Result<u32> {
        for n in 0..20_000 {
            match self.engine.run_once()? {
                Outcome::Worked(_) => {}
                Outcome::Idle(Some(due)) => self.clock.reach(due),
                Outcome::Idle(None) => {
                    attribution::sweep(&self.app)?;
                    return Ok(n);
                }
            }
        }
        Err(Error::internal("The engine comes to no end."))
    }

    /// The records behind the application, for reading.
    pub fn records(&self) -> &dyn Store {
        self.store.as_ref()
    }
}

fn small_region(id: &RegionId) -> Region {
    let zones = if id.as_str() == "north-1" { vec!["a".into(), "b".into()] } else { vec!["a".into()] };
    Region {
        id: id.clone(),
        zones,
        images: Switch::On,
        accepts_copies: Switch::On,
        sites: [SITE.to_owned()].into(),
        snapshots: Switch::On,
        recycle_days: 7,
        prices: PriceBook {
            version: 1,
            symbol: "€".to_owned(),
            image_gb_month: Money(50_000),
            bin_gb_month: Money(20_000),
            snapshot_service_month: Money(730_000),
            snapshot_gb_month: Money(30_000),
            disk_gb_month: [(DiskKind::Ssd, Money(80_000)), (DiskKind::Economy, Money(30_000))].into(),
            flavor_hour: [("m1.tiny".into(), Money(4_000)), ("m1.small".into(), Money(9_000))].into(),
            ..PriceBook::default()
        },
        limits: Limits {
            n_images_max: 3,
            n_instances_max: 4,
            n_creates_max: 2,
            n_shares_max: 5,
            stored_gb_max: 1000,
            n_snapshots_max: 4,
        },
    }
}
