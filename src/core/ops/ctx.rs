//! What every use case starts from: the application with its ports, who asks, the time, and the two gates `authorize` and `transact`.

use crate::domain::actor::Actor;
use crate::domain::group::Group;
use crate::domain::ids::{ProjectId, RegionId};
use crate::domain::image::Image;
use crate::domain::image::tags::Lengths;
use crate::domain::instance::Instance;
use crate::domain::meter::Meter;
use crate::domain::policy::{Act, Resource, Verdict, decide};
use crate::domain::price::{DatedBook, Month, Unit};
use crate::domain::schedule::Schedule;
use crate::domain::share::Share;
use crate::domain::snapshot::Snapshot;
use crate::domain::time::Timestamp;
use crate::domain::{Error, Kind, Result};
use crate::ports::{Clock, Hypervisor, Ids, PortError, Secrets, Storage};
use crate::store::{ATTEMPTS_MAX, Catalog, Cataloged, Record, Store, StoreError, Tx, read, transact};
use crate::tasks::Board;
use std::sync::Arc;

/// Limits of the program itself; those of tenants are records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How long a machine has to go off by itself before its power is cut, in milliseconds.
    pub stop_timeout_ms: u64,
    /// How long a task may be worked on without word from its worker, in milliseconds.
    pub lease_ms: i64,
    /// How often a running step writes its progress down, in milliseconds.
    pub checkpoint_ms: i64,
    /// Tries of a step whose failure may pass by itself.
    pub attempts_max: u32,
    /// Copies of an account that travel to a region at the same time (A11); the others wait for their turn.
    pub n_copies_max: u32,
    /// Bytes of serial console log on a machine's page.
    pub console_tail_bytes: u64,
    /// Failed sign-ins of one address before a pause.
    pub sign_in_failures_max: u32,
    /// How long that pause is, in milliseconds.
    pub sign_in_pause_ms: i64,
    /// Rows that lists of tasks and events go back at most.
    pub history_rows_max: u32,
    /// Tags of one image (A2).
    pub image_tags_max: u32,
    /// How long the parts of a tag may be (A2, A5).
    pub tag_lengths: Lengths,
    /// Images that one request may do something to.
    pub bulk_images_max: u32,
    /// Projects that may have accepted one image of a system disk or a data disk (H1).
    pub shares_max: u32,
    /// Projects that may have accepted one image of a whole machine (A5-1).
    pub machine_shares_max: u32,
    /// Projects that one request may share an image with.
    pub share_targets_max: u32,
    /// Days that the dialog proposes to leave recipients when sharing stops.
    pub share_grace_days: u32,
    /// Days that recipients must be left at least; 0 lets an owner stop at once.
    pub share_grace_days_min: u32,
    /// Schedules of snapshots that a machine may have.
    pub schedules_max: u32,
    /// How long until a schedule that could not take its snapshot tries again, in milliseconds.
    pub schedule_retry_ms: i64,
    /// The highest limit that can be asked for, and given by answering.
    pub quota_request_max: u32,
    /// Machines that one scaling group may have.
    pub group_size_max: u32,
    /// Scaling groups of a project in a region.
    pub groups_max: u32,
    /// Failed tries of a scaling group in an hour before it waits for the rest of it.
    pub group_failures_max: u32,
    /// Days of arrears after which images go to the recycle bin (A5-3).
    pub arrears_recycle_days: u32,
    /// Days that they stay there at least before they are removed for good.
    pub arrears_purge_days: u32,
    /// Whether those that are protected are removed for good as well.
    pub arrears_purge_protected: bool,
    /// The day of the following month on which a month is closed.
    pub close_day: u32,
    /// Lines of usage that one request for the lines of all accounts is given.
    pub export_lines_max: u32,
    /// Meters that are brought to what holds chunks in one commit.
    pub meters_per_commit: u32,
    /// The unit that bytes are charged in.
    pub unit: Unit,
    /// How long the month of a rate is.
    pub month: Month,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stop_timeout_ms: 30_000,
            lease_ms: 30_000,
            checkpoint_ms: 3_000,
            attempts_max: 5,
            n_copies_max: 5,
            console_tail_bytes: 16 * 1024,
            sign_in_failures_max: 5,
            sign_in_pause_ms: 600_000,
            history_rows_max: 10_000,
            image_tags_max: 10,
            tag_lengths: Lengths::default(),
            bulk_images_max: 1000,
            shares_max: 128,
            machine_shares_max: 10,
            share_targets_max: 100,
            share_grace_days: 7,
            share_grace_days_min: 0,
            schedules_max: 5,
            schedule_retry_ms: 600_000,
            quota_request_max: 10_000,
            group_size_max: 20,
            groups_max: 50,
            group_failures_max: 10,
            arrears_recycle_days: 15,
            arrears_purge_days: 60,
            arrears_purge_protected: false,
            close_day: 3,
            export_lines_max: 10_000,
            meters_per_commit: 200,
            unit: Unit::Gb,
            month: Month::Fixed,
        }
    }
}

/// The application: ports, catalogs and what lives in memory only.
pub struct App {
    /// Records.
    pub store: Arc<dyn Store>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Hashing.
    pub secrets: Arc<dyn Secrets>,
    /// Disk contents by region.
    pub storage: Arc<dyn Storage>,
    /// Machines.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Limits of the program.
    pub settings: Settings,
    /// All images, by project and region.
    pub images: Arc<Catalog<Image>>,
    /// All machines, by project and region.
    pub instances: Arc<Catalog<Instance>>,
    /// All scaling groups, by project and region.
    pub groups: Arc<Catalog<Group>>,
    /// All meters, by account.
    pub meters: Arc<Catalog<Meter>>,
    /// All price books, by region.
    pub books: Arc<Catalog<DatedBook>>,
    /// All shares, by recipient and region.
    pub shares: Arc<Catalog<Share>>,
    /// All snapshots, by project and region.
    pub snapshots: Arc<Catalog<Snapshot>>,
    /// All schedules of snapshots, by project and region.
    pub schedules: Arc<Catalog<Schedule>>,
    /// Progress and requests to stop of running tasks.
    pub board: Arc<Board>,
    /// Failed sign-ins.
    pub sign_ins: super::people::SignIns,
}

impl Cataloged for Instance {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = ();
    fn group(&self) -> Self::Group {
        (self.project, self.region.clone())
    }
}

impl Cataloged for Group {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = ();
    fn group(&self) -> Self::Group {
        (self.project, self.region.clone())
    }
}

impl Cataloged for Share {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = ();
    fn group(&self) -> Self::Group {
        (self.recipient, self.region.clone())
    }
}

impl Cataloged for Snapshot {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = ();
    fn group(&self) -> Self::Group {
        (self.project, self.region.clone())
    }
}

impl Cataloged for Schedule {
    type Group = (ProjectId, RegionId);
    type Rank = ();
    type Tally = ();
    fn group(&self) -> Self::Group {
        (self.project, self.region.clone())
    }
}

impl Cataloged for DatedBook {
    type Group = RegionId;
    type Rank = ();
    type Tally = ();
    fn group(&self) -> RegionId {
        self.region.clone()
    }
}

/// The ports an [`App`] is built from.
pub struct Parts {
    /// Records.
    pub store: Arc<dyn Store>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Hashing.
    pub secrets: Arc<dyn Secrets>,
    /// Disk contents by region.
    pub storage: Arc<dyn Storage>,
    /// Machines.
    pub hypervisor: Arc<dyn Hypervisor>,
    /// Limits of the program.
    pub settings: Settings,
}

impl App {
    /// Opens the application over its ports; reads the catalogs.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn open(parts: Parts) -> Result<Arc<Self>> {
        // The two long ones at the same time: somebody waits for the first page.
        let (images, meters) = std::thread::scope(|scope| {
            let meters = scope.spawn(|| Catalog::open(parts.store.as_ref()));
            let images = Catalog::open(parts.store.as_ref());
            (images, meters.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (images, meters) = (images?, meters?);
        let instances = Catalog::open(parts.store.as_ref())?;
        let groups = Catalog::open(parts.store.as_ref())?;
        let books = Catalog::open(parts.store.as_ref())?;
        let shares = Catalog::open(parts.store.as_ref())?;
        let snapshots = Catalog::open(parts.store.as_ref())?;
        let schedules = Catalog::open(parts.store.as_ref())?;
        let board = Arc::new(Board::default());
        parts.store.watch(board.clone());
        Ok(Arc::new(Self {
            store: parts.store,
            clock: parts.clock,
            ids: parts.ids,
            secrets: parts.secrets,
            storage: parts.storage,
            hypervisor: parts.hypervisor,
            settings: parts.settings,
            images,
            instances,
            groups,
            meters,
            books,
            shares,
            snapshots,
            schedules,
            board,
            sign_ins: super::people::SignIns::default(),
        }))
    }

    /// The context of darkroom itself: reconcilers, the engine, the administrator's own command line.
    pub fn system(self: &Arc<Self>) -> Ctx {
        Ctx { app: self.clone(), actor: Actor::System, now: self.clock.now() }
    }
}

/// The project and region a person looks at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The project; `None` when the person has none.
    pub project: Option<ProjectId>,
    /// The region.
    pub region: RegionId,
}

/// Who asks, when.
#[derive(Clone)]
pub struct Ctx {
    /// The application.
    pub app: Arc<App>,
    /// Who.
    pub actor: Actor,
    /// When; taken once per request, step or sweep.
    pub now: Timestamp,
}

/// The proof that an act was authorized. Changing anything needs one, so forgetting to ask does not compile.
#[derive(Debug)]
pub struct Permit {
    /// The act that was allowed.
    pub act: Act,
}

impl Ctx {
    /// Asks the policy.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden`, or `NotFound` naming `noun` when the caller may not even know of it.
    pub fn authorize(&self, act: Act, resource: &Resource, noun: &str) -> Result<Permit> {
        match decide(&self.actor, act, resource) {
            Verdict::Allow => Ok(Permit { act }),
            Verdict::Forbid => Err(Error::forbidden(format!(
                "Your role does not allow this ({}). Ask an owner of the project for a higher role.",
                act.name()
            ))),
            Verdict::Hide => Err(Error::not_found(noun)),
            Verdict::SignIn => Err(Error::new(
                Kind::Unauthenticated,
                "sign_in",
                "You are not signed in. Sign in and try again.",
            )),
        }
    }

    /// Whether the policy would allow it.
    pub fn may(&self, act: Act, resource: &Resource) -> bool {
        decide(&self.actor, act, resource) == Verdict::Allow
    }

    /// Commits one change as a whole. The closure runs again when somebody else changed what it read.
    ///
    /// # Errors
    /// What the closure refuses, or what the store could not do; then nothing was changed.
    pub fn transact<T>(&self, _permit: &Permit, run: impl FnMut(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        transact(self.app.store.as_ref(), ATTEMPTS_MAX, run)
    }

    /// Reads one record.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn read<R: Record>(&self, key: &R::Key) -> Result<Option<R>> {
        Ok(read(self.app.store.as_ref(), key)?)
    }
}

/// Works on each of `items` by itself, so that one that cannot be worked on holds up no other. Gives how much was done in sum.
///
/// # Errors
/// The first failure, when all the others have been worked on.
pub(crate) fn each<T>(
    items: impl IntoIterator<Item = T>,
    mut work: impl FnMut(T) -> Result<u32>,
) -> Result<u32> {
    let mut n = 0;
    let mut failed = Ok(());
    for item in items {
        match work(item) {
            Ok(done) => n += done,
            Err(error) => failed = failed.and(Err(error)),
        }
    }
    failed.map(|()| n)
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { .. } => Self::unavailable(
                "no_space",
                "No space is left for darkroom's records. Nothing was changed; tell your provider.",
            ),
            StoreError::Contended { .. } => Self::conflict(
                "contended",
                "Too many changes to the same thing at once. Nothing was changed; try again.",
            ),
            StoreError::ReadOnly { .. } | StoreError::Closed => {
                Self::unavailable("read_only", format!("Nothing can be changed now: {error}."))
            }
            other => Self::internal(format!("darkroom's records could not be used: {other}.")),
        }
    }
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        match &error {
            PortError::Unavailable(_) => Self::unavailable("unavailable", error.to_string()),
            PortError::NoSpace { .. } => Self::unavailable("no_space", error.to_string()),
            PortError::Gone(_) => Self::conflict("gone", error.to_string()),
            PortError::Refused(_) => Self::new(Kind::Invalid, "refused", error.to_string()),
            PortError::Cancelled => Self::conflict("cancelled", error.to_string()),
            PortError::Corrupt(_) => Self::internal(error.to_string()),
        }
    }
}
