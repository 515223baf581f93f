//! The page *Usage* and its files (P13). An owner sees the whole account, everybody else the project they work in.

use super::{Histories, Sum, lines_of, report_of};
use crate::domain::Result;
use crate::domain::ids::{AccountId, ProjectId, RegionId, Subject};
use crate::domain::image::Image;
use crate::domain::image::tags::{self, Tags};
use crate::domain::meter::Meter;
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::Part;
use crate::domain::project::{Account, Project};
use crate::domain::usage::{Group, Line, Period, Section, UsageQuery, formula, grouped};
use crate::domain::view::{UsageDay, UsageExportRow, UsageInterval, UsagePage, UsageRow, UsageSection};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::images::Sums;
use crate::ops::people;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// Rows of a section on the page; the files have all.
const ROWS_MAX: usize = 50;

/// What the caller may see, and what they asked for.
struct Asked {
    account: AccountId,
    /// Only this project.
    project: Option<ProjectId>,
    period: Period,
    symbols: BTreeMap<RegionId, String>,
}

impl Asked {
    fn of(ctx: &Ctx, place: &Place, query: &UsageQuery) -> Result<Self> {
        let (project, _) = people::project_of(ctx, place, Act::ProjectGet)?;
        let whole = ctx.may(Act::AuditAccount, &Resource::Account(project.account));
        let symbols = people::regions(ctx)?.into_iter().map(|r| (r.id, r.prices.symbol)).collect();
        let period = query.period(ctx.now)?;
        Ok(Self { account: project.account, project: (!whole).then_some(project.id), period, symbols })
    }

    fn shows(&self, meter: &Meter) -> bool {
        self.project.is_none_or(|project| meter.project == project)
    }

    fn lines(&self, ctx: &Ctx) -> Result<Vec<Line>> {
        lines_of(&ctx.app, self.account, self.period.before(ctx.now), |meter| self.shows(meter))
    }

    fn symbol(&self, region: &RegionId) -> &str {
        self.symbols.get(region).map_or("", String::as_str)
    }
}

/// The page.
///
/// # Errors
/// `no_project`; `invalid_input` and `usage_range_long` for a period that cannot be.
pub fn page(ctx: &Ctx, place: &Place, query: &UsageQuery) -> Result<UsagePage> {
    let asked = Asked::of(ctx, place, query)?;
    let shown = asked.period.before(ctx.now);
    let (daily, sums) = report_of(&ctx.app, asked.account, shown, |meter| asked.shows(meter))?;
    let projects = project_names(ctx, sums.iter().map(|sum| sum.meter.project))?;
    let days = daily.bounds.iter().zip(&daily.days);
    let account = ctx.read::<Account>(&asked.account)?;
    Ok(UsagePage {
        account: account.map(|account| account.name.to_string()).unwrap_or_default(),
        project_only: asked.project.is_some(),
        period: asked.period,
        symbol: asked.symbol(&place.region).to_owned(),
        total: daily.total(),
        sections: sections(&sums, &projects),
        days: days.map(|(from, sections)| UsageDay { from: *from, sections: sections.to_vec() }).collect(),
        groups: groups(ctx, query.group, &sums, &projects),
        saving: saving(ctx, &asked)?,
        intervals: match query.subject {
            Some(subject) => Some(intervals(&asked, query, subject, ctx)?),
            None => None,
        },
        query: query.clone(),
        now: ctx.now,
    })
}

pub(in crate::ops) fn project_names(
    ctx: &Ctx,
    projects: impl Iterator<Item = ProjectId>,
) -> Result<BTreeMap<ProjectId, String>> {
    let mut names = BTreeMap::new();
    for id in projects {
        if let Entry::Vacant(missing) = names.entry(id) {
            let project = ctx.read::<Project>(&id)?;
            missing.insert(project.map(|p| p.name.to_string()).unwrap_or_default());
        }
    }
    Ok(names)
}

/// What one thing costs in a section, while its row is not made: of tens of thousands only a few are shown.
#[derive(Clone, Copy)]
struct Cost<'a> {
    meter: &'a Meter,
    quantity_bytes: Option<u64>,
    amount: Money,
}

impl Cost<'_> {
    /// The dearest first.
    fn order(&self, other: &Self) -> Ordering {
        let dearer = other.amount.cmp(&self.amount);
        let named = || self.meter.name.cmp(&other.meter.name);
        dearer.then_with(named).then_with(|| self.meter.subject.cmp(&other.meter.subject))
    }
}

fn sections(sums: &[Sum], projects: &BTreeMap<ProjectId, String>) -> Vec<UsageSection> {
    let mut by_section: BTreeMap<Section, Vec<(Subject, Cost<'_>)>> = BTreeMap::new();
    for Sum { meter, quantity, amount } in sums {
        let quantity_bytes = meter.charge.by_bytes().then_some(*quantity);
        let cost = Cost { meter, quantity_bytes, amount: *amount };
        by_section.entry(Section::of(&meter.charge)).or_default().push((meter.subject, cost));
    }
    by_section.into_iter().map(|(section, costs)| section_of(section, costs, projects)).collect()
}

fn section_of(
    section: Section,
    mut costs: Vec<(Subject, Cost<'_>)>,
    projects: &BTreeMap<ProjectId, String>,
) -> UsageSection {
    // What is the same thing comes one after the other, the latest meter last.
    let latest = |a: &Meter, b: &Meter| a.from.cmp(&b.from).then_with(|| a.id.cmp(&b.id));
    costs.sort_unstable_by(|(a, of_a), (b, of_b)| a.cmp(b).then_with(|| latest(of_a.meter, of_b.meter)));
    let mut things: Vec<Cost<'_>> = Vec::with_capacity(costs.len());
    for (subject, cost) in costs {
        match things.last_mut().filter(|last| last.meter.subject == subject) {
            Some(last) => {
                last.meter = cost.meter;
                last.amount = last.amount + cost.amount;
                last.quantity_bytes = cost.quantity_bytes.or(last.quantity_bytes);
            }
            None => things.push(cost),
        }
    }
    let amount = things.iter().map(|thing| thing.amount).sum();
    let (n_shown, n_all) = (things.len().min(ROWS_MAX), things.len());
    if n_shown < n_all {
        things.select_nth_unstable_by(n_shown, Cost::order);
        things.truncate(n_shown);
    }
    things.sort_unstable_by(Cost::order);
    let shown: Money = things.iter().map(|thing| thing.amount).sum();
    let row = |Cost { meter, quantity_bytes, amount }: Cost<'_>| UsageRow {
        subject: meter.subject,
        name: meter.name.clone(),
        project: projects.get(&meter.project).cloned().unwrap_or_default(),
        region: meter.region.clone(),
        quantity_bytes,
        amount,
    };
    UsageSection {
        section,
        amount,
        rows: things.into_iter().map(row).collect(),
        n_more: u32::try_from(n_all - n_shown).unwrap_or(u32::MAX),
        more: amount - shown,
    }
}

/// What each group costs, the dearest first. Of images that are still charged their present tags and family count, of what has ended those
/// that it had then.
fn groups(
    ctx: &Ctx,
    group: Group,
    all: &[Sum],
    projects: &BTreeMap<ProjectId, String>,
) -> Vec<(String, Money)> {
    let amounts = || all.iter().map(|sum| sum.amount);
    let meters = || all.iter().map(|sum| sum.meter.as_ref());
    // Tens of thousands share a few groups: each is named once.
    let mut sums: Vec<(String, Money)> = match group {
        Group::None => vec![],
        Group::Project => grouped(meters().map(|meter| meter.project).zip(amounts()))
            .into_iter()
            .map(|(id, amount)| (projects.get(&id).cloned().unwrap_or_default(), amount))
            .collect(),
        Group::Region => grouped(meters().map(|meter| &meter.region).zip(amounts()))
            .into_iter()
            .map(|(region, amount)| (region.to_string(), amount))
            .collect(),
        Group::Tag | Group::Family => {
            let images: Vec<Option<Arc<Image>>> = meters().map(|meter| unlabelled(ctx, meter)).collect();
            let labels = meters().zip(&images).map(|(meter, image)| match (&meter.labels, image) {
                (Some(labels), _) => Some((&labels.tags, &labels.family)),
                (None, Some(image)) => Some((&image.tags, &image.family)),
                (None, None) => None,
            });
            if group == Group::Tag {
                let tags = labels.map(|labels| labels.map(|(tags, _)| tags).filter(|tags| !tags.is_empty()));
                let name = |tags: Option<&Tags>| tags.map_or_else(|| "No tags".to_owned(), tags::text);
                grouped(tags.zip(amounts())).into_iter().map(|(tags, amount)| (name(tags), amount)).collect()
            } else {
                let family =
                    labels.map(|labels| labels.map(|(_, name)| name).filter(|name| !name.is_empty()));
                let name =
                    |family: Option<&String>| family.map_or_else(|| "No family".to_owned(), Clone::clone);
                grouped(family.zip(amounts())).into_iter().map(|(key, amount)| (name(key), amount)).collect()
            }
        }
    };
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sums
}

/// The image of a meter that has no labels of its own.
fn unlabelled(ctx: &Ctx, meter: &Meter) -> Option<Arc<Image>> {
    match (&meter.labels, meter.subject) {
        (None, Subject::Image(id)) => ctx.app.images.get(&id),
        _ => None,
    }
}

/// What images hold now and what of it is paid, where that is less.
fn saving(ctx: &Ctx, asked: &Asked) -> Result<Option<(u64, u64)>> {
    let mut histories = Histories::default();
    let (mut held, mut paid) = (0u64, 0u64);
    let charged = ctx.app.meters.tally(&asked.account, |running| running.of_images(asked.project));
    for ((project, region), sums) in charged {
        let basis = histories.of(&ctx.app, &region)?.in_force(ctx.now).map(|book| book.prices.basis);
        for (charge, sum) in sums {
            paid = paid.saturating_add(sum.quantity_by(&charge, basis.unwrap_or_default()));
        }
        held = held.saturating_add(ctx.app.images.tally(&(project, region), Sums::charged_bytes));
    }
    Ok((paid < held).then_some((held, paid)))
}

fn intervals(
    asked: &Asked,
    query: &UsageQuery,
    subject: Subject,
    ctx: &Ctx,
) -> Result<(String, Vec<UsageInterval>)> {
    let wanted = |meter: &Meter| {
        let section = Section::of(&meter.charge);
        meter.subject == subject && query.section.is_none_or(|wanted| wanted == section) && asked.shows(meter)
    };
    let mut found = lines_of(&ctx.app, asked.account, asked.period.before(ctx.now), wanted)?;
    found.sort_by_key(|line| (line.from, line.until));
    let name = found.last().map(|line| line.name.clone()).unwrap_or_default();
    let interval = |line: &Line| UsageInterval {
        what: line.charge.words().to_owned(),
        from: line.from,
        until: line.until,
        formulas: formulas(asked, line, ctx),
        amount: line.amount,
    };
    Ok((name, found.iter().map(interval).collect()))
}

fn formulas(asked: &Asked, line: &Line, ctx: &Ctx) -> Vec<String> {
    let meter = ctx.app.meters.get(&line.meter);
    let quantity = |part: &Part| meter.as_ref().map_or(line.quantity, |meter| meter.quantity(part));
    line.parts.iter().map(|part| formula(line, part, quantity(part), asked.symbol(&line.region))).collect()
}

/// Every line of the period, for a file.
///
/// # Errors
/// As for [`page`].
pub fn export(ctx: &Ctx, place: &Place, query: &UsageQuery) -> Result<Vec<UsageExportRow>> {
    let asked = Asked::of(ctx, place, query)?;
    let mut lines = asked.lines(ctx)?;
    lines.sort_by_key(|line| (line.section, line.from, line.meter));
    let projects = project_names(ctx, lines.iter().map(|line| line.project))?;
    let row = |line: &Line| UsageExportRow {
        meter: line.meter.to_string(),
        section: line.section.slug(),
        subject_kind: line.subject.kind(),
        subject_id: line.subject.uuid().to_string(),
        name: line.name.clone(),
        project: projects.get(&line.project).cloned().unwrap_or_default(),
        region: line.region.to_string(),
        from: line.from.rfc3339(),
        until: line.until.rfc3339(),
        seconds: line.seconds,
        quantity: line.quantity,
        formula: formulas(&asked, line, ctx).join("; "),
        amount_millionths: line.amount.0,
        currency: asked.symbol(&line.region).to_owned(),
    };
    Ok(lines.iter().map(row).collect())
}
