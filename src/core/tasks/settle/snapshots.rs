//! What the end of a task does to a snapshot, in the commit that ends the task.

use super::Ending;
use crate::domain::Result;
use crate::domain::ids::SnapshotId;
use crate::domain::instance::Instance;
use crate::domain::snapshot::{Snapshot, Status};
use crate::domain::task::Task;
use crate::ops::ctx::{Ctx, Permit};
use crate::ops::snapshots::{self, schedules};
use crate::ops::{audit, ledger};
use crate::store::Tx;

/// A snapshot was taken, or not.
pub(super) fn taken(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    task: &Task,
    id: SnapshotId,
    ending: &Ending,
) -> Result<()> {
    let Some(mut snapshot) = tx.get::<Snapshot>(&id)? else { return Ok(()) };
    if let Some(mut machine) = tx.get::<Instance>(&snapshot.source.id)?
        && machine.capturing == Some(task.id)
    {
        machine.capturing = None;
        tx.put(&machine)?;
    }
    match ending {
        Ending::Done => {
            for (disk, content) in snapshot.disks.iter_mut().zip(&task.outputs.stored) {
                disk.content = Some(content.clone());
            }
            // Its size is known before it is available, and charging starts with that, in this commit.
            snapshot.status = Status::Available;
            snapshot.available = Some(ctx.now);
            snapshot.consistency = task.outputs.consistency;
            snapshot.error = None;
            ledger::charge_snapshot(tx, ctx, &snapshot)?;
            tx.put(&snapshot)?;
            audit::write(tx, ctx, permit, &snapshots::entry(&snapshot, "snapshot.available", String::new()))?;
            schedules::made(tx, ctx, permit, &snapshot)
        }
        // Nobody retries one that came by itself: the next one does, and failures must not pile up.
        Ending::Failed(why) if snapshot.schedule.is_some() => {
            drop_it(tx, ctx, permit, &snapshot, "snapshot.failed", why.clone())?;
            schedules::missed(tx, ctx, permit, &snapshot, why)
        }
        Ending::Failed(why) => {
            snapshot.status = Status::Error;
            snapshot.error = Some(why.clone());
            tx.put(&snapshot)?;
            audit::write(tx, ctx, permit, &snapshots::entry(&snapshot, "snapshot.failed", why.clone()))
        }
        Ending::Cancelled => {
            drop_it(tx, ctx, permit, &snapshot, "snapshot.cancelled", String::new())?;
            schedules::missed(tx, ctx, permit, &snapshot, "It was cancelled.")
        }
    }
}

fn drop_it(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    snapshot: &Snapshot,
    action: &str,
    why: String,
) -> Result<()> {
    snapshots::give_slot(tx, snapshot)?;
    tx.delete::<Snapshot>(&snapshot.id);
    audit::write(tx, ctx, permit, &snapshots::entry(snapshot, action, why))
}

/// A snapshot is gone.
pub(super) fn removed(tx: &mut Tx<'_>, ctx: &Ctx, permit: &Permit, id: SnapshotId) -> Result<()> {
    let Some(snapshot) = tx.get::<Snapshot>(&id)? else { return Ok(()) };
    tx.delete::<Snapshot>(&id);
    audit::write(tx, ctx, permit, &snapshots::entry(&snapshot, "snapshot.deleted", String::new()))
}
