//! Filling an empty store with a provider takes many commits, and must be like one: a mark is written first and taken away last, and what a
//! filling that was broken off left is thrown away. Nothing else may use the store meanwhile.

use super::ctx::{Ctx, Permit};
use crate::domain::policy::{Act, Resource};
use crate::domain::seeding::Seeding;
use crate::domain::{Error, Result};
use crate::store::{Batch, KEY_BYTES_MAX, Order, Row, Store, StoreError, record_prefix};
use crate::store::{CommitError, Record};

/// Rows thrown away in one commit.
const ROWS_MAX: u32 = 500;

/// How a store stands to being filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// There are no records at all.
    Empty,
    /// A filling was broken off, or is going on.
    Half,
    /// There are records, and they are somebody's.
    Used,
}

/// How the store stands.
///
/// # Errors
/// When the store cannot be read.
pub fn state(ctx: &Ctx) -> Result<State> {
    if ctx.read::<Seeding>(&())?.is_some() {
        return Ok(State::Half);
    }
    let none = rows(ctx.app.store.as_ref(), 1)?.is_empty();
    Ok(if none { State::Empty } else { State::Used })
}

/// Marks an empty store as being filled. Throws away what an earlier filling left that was broken off.
///
/// # Errors
/// `seeding_refused` when the store has records of somebody; when it cannot be used.
pub fn begin(ctx: &Ctx) -> Result<()> {
    let permit = permit(ctx)?;
    match state(ctx)? {
        State::Empty => ctx.transact(&permit, |tx| Ok(tx.insert(&Seeding { began: ctx.now })?)),
        State::Half => throw_away(ctx, &permit),
        State::Used => Err(Error::conflict(
            "seeding_refused",
            "There are records already. Only an empty data directory can be filled; choose another one.",
        )),
    }
}

/// Takes the mark away: the store is filled, and from now on it is somebody's.
///
/// # Errors
/// When the store cannot be written.
pub fn end(ctx: &Ctx) -> Result<()> {
    let permit = permit(ctx)?;
    ctx.transact(&permit, |tx| {
        tx.delete::<Seeding>(&());
        Ok(())
    })
}

fn permit(ctx: &Ctx) -> Result<Permit> {
    ctx.authorize(Act::ImageCreate, &Resource::Provider, "provider")
}

/// Removes everything but the mark, which stays until the filling is done: a crash in the middle of this leads here again.
fn throw_away(ctx: &Ctx, _permit: &Permit) -> Result<()> {
    let store = ctx.app.store.as_ref();
    let mark = record_prefix(Seeding::TABLE);
    loop {
        let left = rows(store, ROWS_MAX)?;
        let batch = left
            .into_iter()
            .filter(|row| row.key != mark)
            .fold(Batch::new(), |batch, row| batch.delete(row.key));
        if batch.is_read_only() {
            return Ok(());
        }
        store.commit(batch).map_err(|error| match error {
            CommitError::Store(error) => Error::from(error),
            // Nothing is expected of any row.
            CommitError::Conflict { .. } => Error::internal("Records changed while they were thrown away."),
        })?;
    }
}

fn rows(store: &dyn Store, limit: u32) -> std::result::Result<Vec<Row>, StoreError> {
    store.scan(&[1], &[0xFF; KEY_BYTES_MAX + 1], Order::Ascending, limit)
}
