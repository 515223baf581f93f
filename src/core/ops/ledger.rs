//! Opening and closing meters and moving quota counters, inside the transaction of the state change that causes it (D8).
//! The index of open meters is read and rewritten with them, so no meter is ever opened twice or left open by a race.

use super::ctx::Ctx;
use super::{attribution, audit};
use crate::domain::Result;
use crate::domain::attribution::{Class, Holder};
use crate::domain::billing::Ledger;
use crate::domain::ids::{AccountId, MeterId, ProjectId, RegionId, Subject};
use crate::domain::image::Image;
use crate::domain::meter::{Charge, Labels, Meter};
use crate::domain::project::Account;
use crate::domain::quota::{Counter, Limits};
use crate::domain::region::Region;
use crate::domain::snapshot::{Snapshot, SnapshotService};
use crate::domain::time::Timestamp;
use crate::store::Tx;
use crate::store::records::index;

/// What a new meter charges.
pub struct Opening {
    /// What is charged.
    pub subject: Subject,
    /// Its name.
    pub name: String,
    /// Who pays.
    pub account: AccountId,
    /// In which project.
    pub project: ProjectId,
    /// Where.
    pub region: RegionId,
    /// For what.
    pub charge: Charge,
    /// Bytes charged; zero where the charge is for time alone.
    pub quantity_bytes: u64,
    /// Bytes charged of an image where virtual bytes are.
    pub virtual_bytes: u64,
}

impl Opening {
    fn meter(self, id: MeterId, from: Timestamp, to: Option<Timestamp>) -> Meter {
        let Self { subject, name, account, project, region, charge, quantity_bytes, virtual_bytes } = self;
        let labels = None;
        Meter {
            id,
            subject,
            name,
            account,
            project,
            region,
            charge,
            quantity_bytes,
            virtual_bytes,
            from,
            to,
            labels,
        }
    }
}

/// Opens a meter, unless one with the same charge is open on the subject.
///
/// # Errors
/// When the store cannot be read.
pub fn open(tx: &mut Tx<'_>, ctx: &Ctx, opening: Opening) -> Result<()> {
    let now = moment(tx, ctx, opening.account)?;
    open_from(tx, ctx, opening, now)
}

/// Now, as far as an account's meters are concerned: never before the end of the last month that is closed. After a clock was set back over
/// it, that month is charged already and its statement frozen, so nothing may begin or end in it any more.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn moment(tx: &mut Tx<'_>, ctx: &Ctx, account: AccountId) -> Result<Timestamp> {
    let closed_to = tx.get::<Ledger>(&account)?.and_then(|head| head.closed_to);
    Ok(closed_to.map_or(ctx.now, |closed_to| closed_to.max(ctx.now)))
}

fn open_from(tx: &mut Tx<'_>, ctx: &Ctx, opening: Opening, from: Timestamp) -> Result<()> {
    let key = opening.subject.uuid();
    let mut open: Vec<MeterId> = tx.get_index(index::METER_OPEN, &key)?.unwrap_or_default();
    for id in &open {
        if tx.get::<Meter>(id)?.is_some_and(|m| m.charge == opening.charge) {
            return Ok(());
        }
    }
    let id = MeterId(ctx.app.ids.uuid());
    keep(tx, ctx, &opening.meter(id, from, None), "charge.begin")?;
    open.push(id);
    Ok(tx.put_index(index::METER_OPEN, &key, &open)?)
}

/// Charges an image for what it is now and for nothing else (P10): what it was charged for before ends in the moment in which the next
/// begins. Public images are the provider's and not charged.
///
/// # Errors
/// When the store cannot be read.
pub fn charge_image(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image) -> Result<()> {
    let due = image.charge();
    holder_changes(tx, ctx, Subject::Image(image.id), due.as_ref(), |class| {
        ((image.account, &image.region), image.holder(class))
    })?;
    let ended = close(tx, ctx, Subject::Image(image.id), |charge| Some(charge) != due.as_ref())?;
    let Some(charge) = due else { return Ok(()) };
    let now = moment(tx, ctx, image.account)?;
    open_from(
        tx,
        ctx,
        Opening {
            subject: Subject::Image(image.id),
            name: image.name.to_string(),
            account: image.account,
            project: image.project,
            region: image.region.clone(),
            charge,
            quantity_bytes: image.stored_bytes(),
            virtual_bytes: image.virtual_bytes(),
        },
        // After a clock was set back, what was closed ends in the future; the next must not overlap it.
        ended.map_or(now, |ended| ended.max(now)),
    )
}

/// How long a meter lasts at least before it is divided because its image is sorted in another way: each is rounded by itself, and nobody
/// shall get a price by sorting an image every second.
const SORTED_MS: i64 = 3_600_000;

/// An image that is charged for is sorted in another way from now on: what it cost until now stays under what it was before, but for what
/// is less than an hour old.
///
/// # Errors
/// When the store cannot be read.
pub fn relabel(tx: &mut Tx<'_>, ctx: &Ctx, image: &Image, before: &Labels) -> Result<()> {
    if image.labels() == *before {
        return Ok(());
    }
    let key = image.id.0;
    let now = moment(tx, ctx, image.account)?;
    // What is not charged for, such as a public image, has none.
    let Some(mut open) = tx.get_index::<Vec<MeterId>>(index::METER_OPEN, &key)? else { return Ok(()) };
    for id in &mut open {
        let Some(meter) = tx.get::<Meter>(id)?.filter(|m| now.since_ms(m.from) >= SORTED_MS) else {
            continue;
        };
        *id = MeterId(ctx.app.ids.uuid());
        let next = Meter { id: *id, name: image.name.to_string(), from: now, ..meter.clone() };
        let ended = Meter { to: Some(now), labels: Some(Box::new(before.clone())), ..meter };
        keep(tx, ctx, &ended, "charge.end")?;
        keep(tx, ctx, &next, "charge.begin")?;
    }
    Ok(tx.put_index(index::METER_OPEN, &key, &open)?)
}

/// Notes that what is charged for an image or a snapshot is about to become `due`, when it holds its chunks as something else than before
/// (`docs/adr/0018-unique-bytes.md`). Until the sweep has asked the storage, a new meter has all bytes; then it has its own from its very
/// beginning.
fn holder_changes<'a>(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    subject: Subject,
    due: Option<&Charge>,
    holder: impl Fn(Class) -> ((AccountId, &'a RegionId), Holder),
) -> Result<()> {
    let mut before = None;
    for id in tx.get_index::<Vec<MeterId>>(index::METER_OPEN, &subject.uuid())?.unwrap_or_default() {
        before = before.or(tx.get::<Meter>(&id)?.as_ref().and_then(|meter| Class::of(&meter.charge)));
    }
    let after = due.and_then(Class::of);
    let Some(class) = after.or(before).filter(|_| before != after) else { return Ok(()) };
    let (place, holder) = holder(class);
    attribution::note(tx, ctx, place, holder, before)
}

/// Charges bytes of an image that came from another region, once, to whoever has the image.
///
/// # Errors
/// When the store cannot be read.
pub fn charge_transfer(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    image: &Image,
    from: &RegionId,
    sent_bytes: u64,
) -> Result<()> {
    if sent_bytes == 0 {
        return Ok(());
    }
    let opening = Opening {
        subject: Subject::Image(image.id),
        name: image.name.to_string(),
        account: image.account,
        project: image.project,
        region: from.clone(),
        charge: Charge::Transfer { to: image.region.clone() },
        quantity_bytes: sent_bytes,
        virtual_bytes: 0,
    };
    let now = moment(tx, ctx, image.account)?;
    let meter = opening.meter(MeterId(ctx.app.ids.uuid()), now, Some(now));
    keep(tx, ctx, &Meter { labels: Some(Box::new(image.labels())), ..meter }, "charge.once")
}

/// Writes a meter, and tells the audit trail: a bill follows from that alone.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn keep(tx: &mut Tx<'_>, ctx: &Ctx, meter: &Meter, action: &str) -> Result<()> {
    tx.put(meter)?;
    audit::charge(tx, ctx, meter, action)
}

/// Charges a snapshot for what it is now.
///
/// # Errors
/// When the store cannot be read.
pub fn charge_snapshot(tx: &mut Tx<'_>, ctx: &Ctx, snapshot: &Snapshot) -> Result<()> {
    let subject = Subject::Snapshot(snapshot.id);
    let due = snapshot.charge();
    holder_changes(tx, ctx, subject, due.as_ref(), |class| {
        ((snapshot.account, &snapshot.region), snapshot.holder(class))
    })?;
    let Some(charge) = due else {
        close(tx, ctx, subject, |_| true)?;
        return Ok(());
    };
    open(
        tx,
        ctx,
        Opening {
            subject,
            name: snapshot.name.to_string(),
            account: snapshot.account,
            project: snapshot.project,
            region: snapshot.region.clone(),
            charge,
            quantity_bytes: snapshot.stored_bytes(),
            virtual_bytes: snapshot.contents().map(|d| d.virtual_bytes).fold(0, u64::saturating_add),
        },
    )
}

/// Charges the snapshot service of an account in a region from now on.
///
/// # Errors
/// When the store cannot be read.
pub fn charge_service(tx: &mut Tx<'_>, ctx: &Ctx, service: &SnapshotService) -> Result<()> {
    open(
        tx,
        ctx,
        Opening {
            subject: service.subject(),
            name: format!("Snapshot service in {}", service.region),
            account: service.account,
            project: service.project,
            region: service.region.clone(),
            charge: Charge::SnapshotService,
            quantity_bytes: 0,
            virtual_bytes: 0,
        },
    )
}

/// Closes the open meters of `subject` that `which` picks, and gives the moment in which the last of them ends: now, but never before it
/// began nor in a month that is closed.
///
/// # Errors
/// When the store cannot be read.
pub fn close(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    subject: Subject,
    which: impl Fn(&Charge) -> bool,
) -> Result<Option<Timestamp>> {
    let key = subject.uuid();
    let open: Vec<MeterId> = tx.get_index(index::METER_OPEN, &key)?.unwrap_or_default();
    let (mut rest, mut ended) = (Vec::new(), None);
    for id in open {
        match tx.get::<Meter>(&id)? {
            Some(mut meter) if which(&meter.charge) => {
                meter.to = Some(moment(tx, ctx, meter.account)?.max(meter.from));
                meter.labels = labels_of(ctx, subject);
                ended = ended.max(meter.to);
                keep(tx, ctx, &meter, "charge.end")?;
            }
            Some(_) => rest.push(id),
            None => {}
        }
    }
    if rest.is_empty() {
        tx.delete_index(index::METER_OPEN, &key);
    } else {
        tx.put_index(index::METER_OPEN, &key, &rest)?;
    }
    Ok(ended)
}

/// What an interval of this is sorted by where it ends now: the labels of the image as it was committed last.
pub(crate) fn labels_of(ctx: &Ctx, subject: Subject) -> Option<Box<Labels>> {
    match subject {
        Subject::Image(id) => ctx.app.images.get(&id).map(|image| Box::new(image.labels())),
        _ => None,
    }
}

/// The limits of an account in a region: its own, else the region's.
///
/// # Errors
/// When the store cannot be read.
pub fn limits(tx: &mut Tx<'_>, account: AccountId, region: &Region) -> Result<Limits> {
    let own = tx.get::<Account>(&account)?.and_then(|a| a.limits.get(&region.id).copied());
    Ok(own.unwrap_or(region.limits))
}

/// What an image holds of its account's storage changes with the image (U18): from what it was `before`, nothing where it is new, to what
/// it is in `after`. With `limits` what becomes more has to fit.
///
/// # Errors
/// `storage_limit_reached`; when the store cannot be read.
pub fn hold(tx: &mut Tx<'_>, ctx: &Ctx, before: u64, after: &Image, limits: Option<&Limits>) -> Result<()> {
    let held = after.held_bytes();
    if before == held {
        return Ok(());
    }
    let known = tx.get::<Counter>(&(after.account, after.region.clone()))?.and_then(|c| c.stored_bytes);
    let all = known.unwrap_or_else(|| held_by(ctx, after.account, &after.region));
    count(tx, after.account, &after.region, |c| c.move_stored(before, held, all, limits))
}

/// Bytes that the images of an account hold in a region, as they were committed last.
pub(crate) fn held_by(ctx: &Ctx, account: AccountId, region: &RegionId) -> u64 {
    let all = ctx.app.images.all();
    let own = all.iter().filter(|image| image.account == account && image.region == *region);
    own.map(|image| image.held_bytes()).fold(0, u64::saturating_add)
}

/// Rewrites the counter of an account in a region in this transaction.
///
/// # Errors
/// What `change` refuses, or when the store cannot be read.
pub fn count(
    tx: &mut Tx<'_>,
    account: AccountId,
    region: &RegionId,
    change: impl FnOnce(&mut Counter) -> Result<()>,
) -> Result<()> {
    let mut counter = tx
        .get::<Counter>(&(account, region.clone()))?
        .unwrap_or_else(|| Counter::zero(account, region.clone()));
    change(&mut counter)?;
    Ok(tx.put(&counter)?)
}
