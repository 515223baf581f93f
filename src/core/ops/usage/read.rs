//! The page *Usage* and its files (P13). An owner sees the whole account, everybody else the project they work in.

use super::{Cost, Histories, lines_of, report_of};
use crate::domain::Result;
use crate::domain::ids::{AccountId, ProjectId, RegionId, Subject};
use crate::domain::image::Image;
use crate::domain::image::tags::{self, Tags};
use crate::domain::meter::Meter;
use crate::domain::money::Money;
use crate::domain::page::Page;
use crate::domain::policy::{Act, Resource};
use crate::domain::price::Part;
use crate::domain::project::{Account, Project};
use crate::domain::usage::{Group, Line, Period, Section, UsageQuery, formula, grouped};
use crate::domain::view::{
    UsageDay, UsageExportRow, UsageGroup, UsageInterval, UsagePage, UsageRow, UsageSection,
};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::images::Sums;
use crate::ops::people;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// What has no tags, and what is of no family.
const NO_TAGS: &str = "No tags";
const NO_FAMILY: &str = "No family";

/// Rows of a section on a page.
const ROWS_MAX: u32 = 50;

/// What the caller may see, and what they asked for.
struct Asked<'a> {
    ctx: &'a Ctx,
    query: &'a UsageQuery,
    account: AccountId,
    /// Only this project.
    project: Option<ProjectId>,
    period: Period,
    symbols: BTreeMap<RegionId, String>,
}

impl<'a> Asked<'a> {
    fn of(ctx: &'a Ctx, place: &Place, query: &'a UsageQuery) -> Result<Self> {
        let (project, _) = people::project_of(ctx, place, Act::ProjectGet)?;
        let whole = ctx.may(Act::AuditAccount, &Resource::Account(project.account));
        let symbols = people::regions(ctx)?.into_iter().map(|r| (r.id, r.prices.symbol)).collect();
        let period = query.period(ctx.now)?;
        let project_only = (!whole).then_some(project.id);
        Ok(Self { ctx, query, account: project.account, project: project_only, period, symbols })
    }

    fn shows(&self, meter: &Meter) -> bool {
        self.project.is_none_or(|project| meter.project == project)
            && self.query.only.as_ref().is_none_or(|only| *only == key_of(self.ctx, self.query.group, meter))
    }

    fn lines(&self, which: impl Fn(&Meter) -> bool) -> Result<Vec<Line>> {
        let shown = self.period.before(self.ctx.now);
        lines_of(&self.ctx.app, self.account, shown, |meter| which(meter) && self.shows(meter))
    }

    /// What people call the group of this key, whether anything is in it or not.
    fn name_of(&self, key: &str) -> Result<String> {
        Ok(match self.query.group {
            Group::Project => {
                let id = key.parse::<ProjectId>().ok();
                let known = id.map(|id| self.ctx.read::<Project>(&id)).transpose()?.flatten();
                let own = known.filter(|project| project.account == self.account);
                own.map_or_else(|| key.to_owned(), |project| project.name.to_string())
            }
            Group::Tag if key.is_empty() => NO_TAGS.to_owned(),
            Group::Tag => key.replace('\n', ", "),
            Group::Family if key.is_empty() => NO_FAMILY.to_owned(),
            Group::Family | Group::Region | Group::None => key.to_owned(),
        })
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
    let (daily, costs) = report_of(&ctx.app, asked.account, shown, |meter| asked.shows(meter))?;
    let projects = project_names(ctx, costs.iter().map(|cost| cost.meter.project))?;
    let days = daily.bounds.iter().zip(&daily.days);
    let account = ctx.read::<Account>(&asked.account)?;
    let groups = groups(ctx, query.group, &costs, &projects);
    let only = query.only.as_ref().map(|key| asked.name_of(key)).transpose()?;
    Ok(UsagePage {
        account: account.map(|account| account.name.to_string()).unwrap_or_default(),
        project_only: asked.project.is_some(),
        period: asked.period,
        symbol: asked.symbol(&place.region).to_owned(),
        total: daily.total(),
        only,
        sections: sections(&costs, &projects, query),
        days: days.map(|(from, sections)| UsageDay { from: *from, sections: sections.to_vec() }).collect(),
        groups,
        saving: if query.only.is_none() { saving(&asked)? } else { None },
        intervals: match query.subject {
            Some(subject) => Some(intervals(&asked, subject)?),
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
struct Thing<'a> {
    meter: &'a Meter,
    quantity_bytes: Option<u64>,
    amount: Money,
}

impl Thing<'_> {
    /// The dearest first.
    fn order(&self, other: &Self) -> Ordering {
        let dearer = other.amount.cmp(&self.amount);
        let named = || self.meter.name.cmp(&other.meter.name);
        dearer.then_with(named).then_with(|| self.meter.subject.cmp(&other.meter.subject))
    }
}

/// The sections, or the one that is asked for alone.
fn sections(costs: &[Cost], projects: &BTreeMap<ProjectId, String>, query: &UsageQuery) -> Vec<UsageSection> {
    let mut by_section: BTreeMap<Section, Vec<Thing<'_>>> = BTreeMap::new();
    for Cost { meter, quantity, amount } in costs {
        let quantity_bytes = meter.charge.by_bytes().then_some(*quantity);
        let thing = Thing { meter, quantity_bytes, amount: *amount };
        by_section.entry(Section::of(&meter.charge)).or_default().push(thing);
    }
    by_section.retain(|section, _| query.section.is_none_or(|only| only == *section));
    let page = query.section.map_or(1, |_| query.page);
    by_section.into_iter().map(|(section, costs)| section_of(section, costs, projects, page)).collect()
}

fn section_of(
    section: Section,
    mut costs: Vec<Thing<'_>>,
    projects: &BTreeMap<ProjectId, String>,
    page: u32,
) -> UsageSection {
    // What is the same thing comes one after the other, the latest meter last.
    let latest = |a: &Meter, b: &Meter| a.from.cmp(&b.from).then_with(|| a.id.cmp(&b.id));
    costs.sort_unstable_by(|a, b| {
        a.meter.subject.cmp(&b.meter.subject).then_with(|| latest(a.meter, b.meter))
    });
    let mut things: Vec<Thing<'_>> = Vec::with_capacity(costs.len());
    for cost in costs {
        match things.last_mut().filter(|last| last.meter.subject == cost.meter.subject) {
            Some(last) => {
                last.meter = cost.meter;
                last.amount = last.amount + cost.amount;
                last.quantity_bytes = cost.quantity_bytes.or(last.quantity_bytes);
            }
            None => things.push(cost),
        }
    }
    let amount: Money = things.iter().map(|thing| thing.amount).sum();
    let rows = Page::cut_ordered(things, page, ROWS_MAX, Thing::order);
    let shown: Money = rows.rows.iter().map(|thing| thing.amount).sum();
    let row = |Thing { meter, quantity_bytes, amount }: Thing<'_>| UsageRow {
        subject: meter.subject,
        name: meter.name.clone(),
        project: projects.get(&meter.project).cloned().unwrap_or_default(),
        region: meter.region.clone(),
        quantity_bytes,
        amount,
    };
    UsageSection { section, amount, rows: rows.map(row), others: amount - shown }
}

/// What each group costs, the dearest first. Of images that are still charged their present tags and family count, of what has ended those
/// that it had then.
fn groups(ctx: &Ctx, group: Group, all: &[Cost], projects: &BTreeMap<ProjectId, String>) -> Vec<UsageGroup> {
    let amounts = || all.iter().map(|cost| cost.amount);
    let meters = || all.iter().map(|cost| cost.meter.as_ref());
    let named = |key: String, name: String, amount| UsageGroup { key, name, amount };
    // Of what has none, the key is empty.
    let or_none = |key: String, none: &str, amount| {
        let name = if key.is_empty() { none.to_owned() } else { key.clone() };
        named(key, name, amount)
    };
    // Tens of thousands share a few groups: each is named once.
    let mut sums: Vec<UsageGroup> = match group {
        Group::None => vec![],
        Group::Project => grouped(meters().map(|meter| meter.project).zip(amounts()))
            .into_iter()
            .map(|(id, sum)| named(id.to_string(), projects.get(&id).cloned().unwrap_or_default(), sum))
            .collect(),
        Group::Region => grouped(meters().map(|meter| &meter.region).zip(amounts()))
            .into_iter()
            .map(|(region, sum)| named(region.to_string(), region.to_string(), sum))
            .collect(),
        Group::Tag | Group::Family => {
            let images: Vec<Option<Arc<Image>>> = meters().map(|meter| unlabelled(ctx, meter)).collect();
            let labels = meters().zip(&images).map(|(meter, image)| labels(meter, image.as_deref()));
            if group == Group::Tag {
                let tags = labels.map(|labels| labels.map(|(tags, _)| tags).filter(|tags| !tags.is_empty()));
                grouped(tags.zip(amounts()))
                    .into_iter()
                    .map(|(key, sum)| or_none(key.map(tags::text).unwrap_or_default(), NO_TAGS, sum))
                    .collect()
            } else {
                let family =
                    labels.map(|labels| labels.map(|(_, name)| name).filter(|name| !name.is_empty()));
                grouped(family.zip(amounts()))
                    .into_iter()
                    .map(|(key, sum)| or_none(key.cloned().unwrap_or_default(), NO_FAMILY, sum))
                    .collect()
            }
        }
    };
    sums.sort_by(|a, b| b.amount.cmp(&a.amount).then_with(|| a.name.cmp(&b.name)));
    sums
}

/// The group that a meter is in, as [`UsageGroup::key`].
fn key_of(ctx: &Ctx, group: Group, meter: &Meter) -> String {
    let image = || unlabelled(ctx, meter);
    match group {
        Group::None => String::new(),
        Group::Project => meter.project.to_string(),
        Group::Region => meter.region.to_string(),
        Group::Tag => {
            labels(meter, image().as_deref()).map_or_else(String::new, |(tags, _)| tags::text(tags))
        }
        Group::Family => labels(meter, image().as_deref()).map_or_else(String::new, |(_, name)| name.clone()),
    }
}

/// What a meter of an image is sorted by: its own labels, or those of the image while it has none.
fn labels<'a>(meter: &'a Meter, image: Option<&'a Image>) -> Option<(&'a Tags, &'a String)> {
    let own = meter.labels.as_ref().map(|labels| (&labels.tags, &labels.family));
    own.or_else(|| image.map(|image| (&image.tags, &image.family)))
}

/// The image of a meter that has no labels of its own.
fn unlabelled(ctx: &Ctx, meter: &Meter) -> Option<Arc<Image>> {
    match (&meter.labels, meter.subject) {
        (None, Subject::Image(id)) => ctx.app.images.get(&id),
        _ => None,
    }
}

/// What images hold now and what of it is paid, where that is less.
fn saving(asked: &Asked<'_>) -> Result<Option<(u64, u64)>> {
    let ctx = asked.ctx;
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

fn intervals(asked: &Asked<'_>, subject: Subject) -> Result<(String, Vec<UsageInterval>)> {
    let section = asked.query.section;
    let mut found = asked.lines(|meter| {
        meter.subject == subject && section.is_none_or(|wanted| wanted == Section::of(&meter.charge))
    })?;
    found.sort_by_key(|line| (line.from, line.until));
    let name = found.last().map(|line| line.name.clone()).unwrap_or_default();
    let interval = |line: &Line| UsageInterval {
        what: line.charge.words().to_owned(),
        from: line.from,
        until: line.until,
        formulas: formulas(asked, line),
        amount: line.amount,
    };
    Ok((name, found.iter().map(interval).collect()))
}

fn formulas(asked: &Asked<'_>, line: &Line) -> Vec<String> {
    let meter = asked.ctx.app.meters.get(&line.meter);
    let quantity = |part: &Part| meter.as_ref().map_or(line.quantity, |meter| meter.quantity(part));
    line.parts.iter().map(|part| formula(line, part, quantity(part), asked.symbol(&line.region))).collect()
}

/// Every line of the period, for a file.
///
/// # Errors
/// As for [`page`].
pub fn export(ctx: &Ctx, place: &Place, query: &UsageQuery) -> Result<Vec<UsageExportRow>> {
    let asked = Asked::of(ctx, place, query)?;
    let mut lines =
        asked.lines(|meter| query.section.is_none_or(|only| only == Section::of(&meter.charge)))?;
    lines.sort_by_key(|line| (line.section, line.from, line.meter));
    let projects = project_names(ctx, lines.iter().map(|line| line.project))?;
    let row = |line: &Line| {
        let meter = ctx.app.meters.get(&line.meter);
        let label = |group| meter.as_ref().map(|meter| key_of(ctx, group, meter)).unwrap_or_default();
        UsageExportRow {
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
            formula: formulas(&asked, line).join("; "),
            amount_millionths: line.amount.0,
            currency: asked.symbol(&line.region).to_owned(),
            tags: label(Group::Tag).replace('\n', ", "),
            family: label(Group::Family),
        }
    };
    Ok(lines.iter().map(row).collect())
}
