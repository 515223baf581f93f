//! What things cost, computed from meters and price books: nothing is ever stored that could be computed.

pub(crate) mod charged;
mod read;
mod running;

pub(super) use read::project_names;
pub use read::{export, page};
pub use running::Running;

use super::ctx::{App, Ctx};
use crate::domain::Result;
use crate::domain::ids::{AccountId, RegionId, Subject};
use crate::domain::meter::Meter;
use crate::domain::money::Money;
use crate::domain::price::{DatedBook, History};
use crate::domain::region::Region;
use crate::domain::time::Timestamp;
use crate::domain::usage::{self, Daily, Line, Period};
use crate::store::read;
use std::num::NonZero;
use std::sync::Arc;

/// What `subject` has cost its account so far.
///
/// # Errors
/// When the store cannot be read.
pub fn cost_of(ctx: &Ctx, account: AccountId, subject: Subject) -> Result<Money> {
    let mut histories = Histories::default();
    let mut total = Money::ZERO;
    for meter in ctx.app.meters.group(&account).iter().filter(|m| m.subject == subject) {
        total = total + meter.cost(histories.of(&ctx.app, &meter.region)?, ctx.now);
    }
    Ok(total)
}

/// The meters of an account that may charge for something at this moment or after it, in no particular order: those that ended before are
/// not looked at, however many they are.
pub(super) fn meters_since(app: &App, account: AccountId, from: Timestamp) -> Vec<Arc<Meter>> {
    app.meters.group_from(&account, running::ended(Timestamp::from_seconds(from.seconds())))
}

/// What an account has cost since a moment.
///
/// # Errors
/// When the store cannot be read.
pub fn cost_since(ctx: &Ctx, account: AccountId, since: Timestamp) -> Result<Money> {
    let mut histories = Histories::default();
    let mut total = Money::ZERO;
    for meter in meters_since(&ctx.app, account, since) {
        total = total + meter.cost_since(histories.of(&ctx.app, &meter.region)?, since, ctx.now);
    }
    Ok(total)
}

/// The lines of an account in a period, in no particular order: every meter that reaches into it. A forecast is a period that ends later than
/// now; else cut it off there (`Period::before`). Nobody is asked whether the caller may know.
///
/// # Errors
/// When the store cannot be read.
pub fn lines(app: &App, account: AccountId, period: Period) -> Result<Vec<Line>> {
    lines_of(app, account, period, |_| true)
}

fn lines_of(
    app: &App,
    account: AccountId,
    period: Period,
    which: impl Fn(&Meter) -> bool,
) -> Result<Vec<Line>> {
    let mut histories = Histories::default();
    let mut lines = Vec::new();
    for meter in meters_since(app, account, period.from).iter().filter(|meter| which(meter)) {
        lines.extend(usage::line(meter, histories.of(app, &meter.region)?, period));
    }
    Ok(lines)
}

/// What a meter costs in a period.
struct Cost {
    meter: Arc<Meter>,
    /// How much was charged last.
    quantity: u64,
    amount: Money,
}

/// Meters that one thread works on alone before others help.
const METERS_PER_THREAD: usize = 5_000;

/// Cost per day and meter by meter, in one pass over them. Tens of thousands are shared between the processors: somebody waits for the page.
fn report_of(
    app: &App,
    account: AccountId,
    period: Period,
    which: impl Fn(&Meter) -> bool + Sync,
) -> Result<(Daily, Vec<Cost>)> {
    let meters = meters_since(app, account, period.from);
    let n_threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let each = meters.len().div_ceil(n_threads).max(METERS_PER_THREAD);
    let (first, others) = meters.split_at(each.min(meters.len()));
    std::thread::scope(|scope| {
        let which = &which;
        let work = |some| scope.spawn(move || report_of_some(app, some, period, which));
        let others: Vec<_> = others.chunks(each).map(work).collect();
        let (mut daily, mut costs) = report_of_some(app, first, period, which)?;
        for other in others {
            let (more, rest) = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            daily.merge(&more);
            costs.extend(rest);
        }
        Ok((daily, costs))
    })
}

fn report_of_some(
    app: &App,
    meters: &[Arc<Meter>],
    period: Period,
    which: &impl Fn(&Meter) -> bool,
) -> Result<(Daily, Vec<Cost>)> {
    let mut histories = Histories::default();
    let mut daily = Daily::of(period);
    let mut costs = Vec::new();
    for meter in meters {
        if !which(meter) || !usage::reaches(meter, period) {
            continue;
        }
        let meter = meter.clone();
        let history = histories.of(app, &meter.region)?;
        let amount = daily.add(&meter, history);
        let last = meter.to.map_or(period.until, |to| to.min(period.until)).plus_ms(-1_000);
        let quantity = meter.quantity_by(history.in_force(last).map(|b| b.prices.basis).unwrap_or_default());
        costs.push(Cost { meter, quantity, amount });
    }
    Ok((daily, costs))
}

/// The price books that are kept of a region; none in a darkroom that kept none yet.
pub fn books(app: &App, region: &RegionId) -> History {
    History::new(app.books.group(region))
}

/// The price books of a region.
///
/// # Errors
/// When the store cannot be read.
pub fn history(app: &App, region: &RegionId) -> Result<History> {
    let mut books = app.books.group(region);
    // A region of a darkroom that kept no books and whose prices were not changed since: they held always.
    if books.is_empty()
        && let Some(Region { prices, .. }) = read::<Region>(app.store.as_ref(), region)?
    {
        books.push(Arc::new(DatedBook {
            region: region.clone(),
            from: Timestamp::default(),
            withdrawn: None,
            prices,
        }));
    }
    Ok(History::new(books))
}

/// Histories that were needed already.
#[derive(Default)]
pub(super) struct Histories(Vec<(RegionId, History)>);

impl Histories {
    pub(super) fn of(&mut self, app: &App, region: &RegionId) -> Result<&History> {
        // There are few regions and many meters: a name is compared, and copied only when it is new.
        let known = self.0.iter().position(|(known, _)| known == region);
        let place = match known {
            Some(place) => place,
            None => {
                self.0.push((region.clone(), history(app, region)?));
                self.0.len() - 1
            }
        };
        Ok(&self.0[place].1)
    }
}
