//! Lines of usage of all accounts, for a system that writes invoices: some at a time, in an order that never changes. A line is what the
//! page *Usage* of its account shows; nothing is computed another way here.

use crate::domain::Result;
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::meter::Meter;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::History;
use crate::domain::project::Account;
use crate::domain::statement::Statement;
use crate::domain::usage::{self, Cursor, Export, ExportQuery, Line, formula};
use crate::domain::view::{ExportLine, ExportPage};
use crate::ops::ctx::Ctx;
use crate::ops::usage::{Histories, meters_since, project_names};
use crate::store::{Order, list};
use std::collections::BTreeMap;

/// The lines after the cursor, until now at most.
///
/// # Errors
/// `NotFound` or `Unauthenticated` for who is not the provider's; `invalid_input` at `from`, `until`, `after` or `limit`;
/// `usage_range_long` at `until`.
pub fn usage_lines(ctx: &Ctx, query: &ExportQuery) -> Result<ExportPage> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "page")?;
    let wanted = query.parse(ctx.app.settings.export_lines_max)?;
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let mut histories = Histories::default();
    let mut lines = Vec::new();
    for id in ctx.app.meters.groups() {
        if wanted.after.is_some_and(|after| id < after.account) {
            continue;
        }
        let mut account: Option<Whose> = None;
        let mut meters = meters_since(&ctx.app, id, wanted.period.from);
        meters.sort_unstable_by_key(|meter| meter.id);
        for meter in meters {
            let history = histories.of(&ctx.app, &meter.region)?;
            let Some((cursor, line)) = line_after(ctx, &wanted, &meter, history) else { continue };
            if lines.len() == limit {
                let next = lines.last().map(|last: &ExportLine| last.cursor.clone());
                return Ok(ExportPage { period: wanted.period, lines, next });
            }
            let whose = match account.take() {
                Some(known) => known,
                None => Whose::read(ctx, id)?,
            };
            lines.push(account.insert(whose).line(ctx, cursor, &line, &meter, history)?);
        }
    }
    Ok(ExportPage { period: wanted.period, lines, next: None })
}

fn line_after(ctx: &Ctx, wanted: &Export, meter: &Meter, history: &History) -> Option<(Cursor, Line)> {
    let cursor = Cursor { account: meter.account, meter: meter.id };
    if wanted.after.is_some_and(|after| cursor <= after) {
        return None;
    }
    Some((cursor, usage::line(meter, history, wanted.period.before(ctx.now))?))
}

/// What lines say of their account.
struct Whose {
    name: String,
    statements: Vec<Statement>,
    projects: BTreeMap<ProjectId, String>,
}

impl Whose {
    fn read(ctx: &Ctx, id: AccountId) -> Result<Self> {
        let name = ctx.read::<Account>(&id)?.map(|account| account.name.to_string()).unwrap_or_default();
        let store = ctx.app.store.as_ref();
        let statements = list::<Statement>(store, &id, Order::Ascending, u32::MAX, None)?.items;
        Ok(Self { name, statements, projects: BTreeMap::new() })
    }

    fn line(
        &mut self,
        ctx: &Ctx,
        cursor: Cursor,
        line: &Line,
        meter: &Meter,
        history: &History,
    ) -> Result<ExportLine> {
        if !self.projects.contains_key(&line.project) {
            self.projects.extend(project_names(ctx, [line.project].into_iter())?);
        }
        // That of the prices it was charged by last, and not that of today.
        let last = line.until.plus_ms(-1_000).max(line.from);
        let symbol = history.in_force(last).map(|book| book.prices.symbol.clone()).unwrap_or_default();
        let formulas: Vec<String> =
            line.parts.iter().map(|part| formula(line, part, meter.quantity(part), &symbol)).collect();
        Ok(ExportLine {
            cursor: cursor.to_string(),
            account_id: cursor.account.to_string(),
            account: self.name.clone(),
            project_id: line.project.to_string(),
            project: self.projects.get(&line.project).cloned().unwrap_or_default(),
            region: line.region.to_string(),
            section: line.section.slug(),
            charge: line.charge.words(),
            charge_kind: line.charge.kind(),
            subject_kind: line.subject.kind(),
            subject_id: line.subject.uuid().to_string(),
            name: line.name.clone(),
            meter: line.meter.to_string(),
            from: line.from.rfc3339(),
            until: line.until.rfc3339(),
            seconds: line.seconds,
            quantity: line.quantity,
            formula: formulas.join("; "),
            amount_millionths: line.amount.0,
            currency: symbol,
            statement: self.statement(line),
        })
    }

    /// The statement of the month that the line is in, if it is in one alone.
    fn statement(&self, line: &Line) -> Option<u64> {
        let holds = |s: &&Statement| s.from <= line.from && line.from < s.to && line.until <= s.to;
        self.statements.iter().find(holds).map(|statement| statement.number)
    }
}
