//! What the provider sees of all accounts together: sums that are those of the accounts' own pages, and lines that another system fetches a
//! few at a time without missing one.

use super::scene::{DAY_MS, HOUR_MS, Scene, scene, scene_with};
use darkroom_core::domain::Kind;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::Basis;
use darkroom_core::domain::region::Region;
use darkroom_core::domain::statement::Statement;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::{ExportQuery, Line, Period};
use darkroom_core::domain::view::{ExportLine, RevenuePage};
use darkroom_core::ops::ctx::{Ctx, Settings};
use darkroom_core::ops::{attribution, billing, instances, provider, usage};
use darkroom_core::store::{Order, list};
use proptest::prelude::*;

/// Two accounts use something in two regions, over three months and two prices.
fn busy() -> Scene {
    let s = scene();
    let friend = s.bench.user("owner@bolt.example").unwrap();
    let theirs = s.bench.machine(&friend, &s.provider, s.provider.projects[2].1, "theirs").unwrap();
    s.bench.capture(&friend, theirs, "their-image").unwrap();
    s.bench.copy(&s.owner(), s.image, s.provider.projects[0].1, &["south-1"], "far").unwrap();
    s.bench.work().unwrap();
    s.bench.clock.advance(33 * DAY_MS + 5 * HOUR_MS + 123);
    instances::stop(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    provider::change_region(&s.system(), &"north-1".into(), |region| {
        region.prices.image_gb_month = Money(77_777);
        Ok(())
    })
    .unwrap();
    s.bench.clock.advance(31 * DAY_MS + 17);
    attribution::sweep(&s.bench.app).unwrap();
    s
}

fn page(s: &Scene) -> RevenuePage {
    provider::revenue(&s.operator(), "").unwrap()
}

/// The lines of every account by its own means.
fn own(s: &Scene, period: Period) -> Vec<Line> {
    let of = |account| usage::lines(&s.bench.app, account, period).unwrap();
    s.provider.accounts.iter().copied().flat_map(of).collect()
}

fn sum(lines: &[Line], here: impl Fn(&Line) -> bool) -> Money {
    lines.iter().filter(|line| here(line)).map(|line| line.amount).sum()
}

#[test]
fn every_month_and_region_is_the_sum_of_what_accounts_see_to_the_millionth() {
    let s = busy();
    let found = page(&s);
    assert_eq!(found.regions, [RegionId::from("north-1"), "south-1".into()]);
    let charged: Vec<bool> = found.months.iter().map(|month| month.total > Money::ZERO).collect();
    assert_eq!((charged.len(), &charged[..5]), (12, &[true, true, true, false, false][..]));
    for month in &found.months {
        let lines = own(&s, Period::month(month.from).before(s.system().now));
        for (region, amount) in found.regions.iter().zip(&month.by_region) {
            assert_eq!(*amount, sum(&lines, |line| line.region == *region), "{region}, {:?}", month.from);
        }
        assert_eq!(month.total, sum(&lines, |_| true));
        let theirs = provider::revenue(&s.operator(), &month.from.iso_month()).unwrap();
        assert_eq!((theirs.chosen, theirs.total), (Period::month(month.from), month.total));
        assert_eq!(theirs.n_lines as usize, lines.len());
        for account in &theirs.top {
            let period = Period::month(month.from).before(s.system().now);
            let lines = usage::lines(&s.bench.app, account.id, period).unwrap();
            assert_eq!(account.amount, sum(&lines, |_| true), "{}", account.name);
        }
        assert_eq!(theirs.top.iter().map(|account| account.amount).sum::<Money>() + theirs.more, month.total);
        assert!(theirs.top.windows(2).all(|pair| pair[0].amount >= pair[1].amount));
    }
    let names: Vec<&str> = found.top.iter().map(|account| account.name.as_str()).collect();
    assert_eq!((names, found.n_more), (vec!["bolt", "acme"], 0), "the dearest first: their machine runs");
    assert!((999..=1001).contains(&found.top.iter().map(|account| account.per_mille).sum::<u32>()));
    assert_eq!(provider::revenue(&s.operator(), "1999-01").unwrap(), found, "a month that is not shown");
    s.nothing_is_wrong();
}

#[test]
fn what_is_stored_is_told_beside_what_is_billed_and_storage_that_does_not_answer_is_said() {
    let s = busy();
    let west =
        Region { id: "west-1".into(), ..s.system().read(&RegionId::from("north-1")).unwrap().unwrap() };
    provider::put_region(&s.system(), &west).unwrap();
    let found = page(&s);
    let of = |region: &str| found.storage.iter().find(|row| row.region.as_str() == region).unwrap().clone();
    for region in ["north-1", "south-1"] {
        let row = of(region);
        let open = s.bench.app.meters.all();
        let open = open.iter().filter(|m| m.to.is_none() && m.region == row.region && m.charge.of_image());
        assert_eq!(row.billed_bytes, open.map(|meter| meter.quantity_bytes).sum::<u64>(), "{region}");
        assert!(row.billed_bytes > 0 && row.basis == Basis::Unique);
        let blobs = s.bench.app.storage.region(&row.region).unwrap();
        let stored = row.stored.unwrap();
        assert_eq!(Ok(stored.stored_bytes), blobs.stored_bytes());
        assert!(stored.public_bytes <= stored.stored_bytes);
    }
    assert!(of("north-1").stored.unwrap().public_bytes > 0, "machines were made from one");
    let silent = of("west-1");
    assert_eq!(
        (silent.stored.unwrap_err(), silent.billed_bytes),
        ("There is no storage in west-1.".to_owned(), 0)
    );
}

#[test]
fn a_provider_without_any_use_is_shown_nothing() {
    let bench = darkroom_core::sim::Bench::new(3);
    bench.provider().unwrap();
    let ctx = bench.user("op@provider.example").unwrap();
    let found = provider::revenue(&ctx, "").unwrap();
    assert!(found.months.iter().all(|month| month.total == Money::ZERO) && found.top.is_empty());
    assert_eq!((found.total, found.n_lines, found.storage.len()), (Money::ZERO, 0, 2));
    let export = provider::usage_lines(&ctx, &ExportQuery::of(found.chosen)).unwrap();
    assert_eq!((export.lines, export.next), (vec![], None));
}

#[test]
fn only_the_provider_sees_revenue_and_the_lines_of_others() {
    let s = busy();
    let query = ExportQuery::of(Period::month(s.system().now));
    for email in ["owner@acme.example", "reader@acme.example", "owner@bolt.example"] {
        let ctx = s.bench.user(email).unwrap();
        assert_eq!(provider::revenue(&ctx, "").unwrap_err().kind, Kind::NotFound, "{email}");
        assert_eq!(provider::usage_lines(&ctx, &query).unwrap_err().kind, Kind::NotFound, "{email}");
    }
    let nobody = Ctx { actor: darkroom_core::domain::actor::Actor::Anonymous, ..s.system() };
    assert_eq!(provider::revenue(&nobody, "").unwrap_err().kind, Kind::Unauthenticated);
    assert_eq!(provider::usage_lines(&nobody, &query).unwrap_err().kind, Kind::Unauthenticated);
}

/// All lines of these days, by requests of so many lines; `between` happens after each.
fn walk(s: &Scene, days: &ExportQuery, limits: &[u32], mut between: impl FnMut()) -> Vec<ExportLine> {
    let mut lines = Vec::new();
    let mut query = days.clone();
    for limit in limits.iter().cycle() {
        query.limit = limit.to_string();
        let page = provider::usage_lines(&s.operator(), &query).unwrap();
        assert!(page.lines.len() <= *limit as usize);
        assert!(page.next.is_none() || !page.lines.is_empty(), "there is more, and nothing of it");
        lines.extend(page.lines);
        between();
        match page.next {
            None => break,
            Some(next) => {
                // Who lost the connection goes on after the last line it has.
                assert_eq!(lines.last().map(|line| &line.cursor), Some(&next));
                query.after = next;
            }
        }
    }
    lines
}

/// The days of the month before.
fn last_month(s: &Scene) -> ExportQuery {
    ExportQuery::of(Period::month_before(s.system().now))
}

#[test]
fn lines_are_those_of_every_account_once_in_the_order_of_their_cursors() {
    let s = busy();
    let days = last_month(&s);
    let whole = walk(&s, &days, &[1_000], || {});
    let expected = own(&s, Period::month_before(s.system().now));
    assert!(whole.len() > 5, "{}", whole.len());
    let mut meters: Vec<String> = expected.iter().map(|line| line.meter.to_string()).collect();
    meters.sort();
    let mut found: Vec<&str> = whole.iter().map(|line| line.meter.as_str()).collect();
    found.sort_unstable();
    assert_eq!(found, meters);
    assert!(whole.windows(2).all(|pair| pair[0].cursor < pair[1].cursor));
    let total: i64 = whole.iter().map(|line| line.amount_millionths).sum();
    assert_eq!(Money(total), sum(&expected, |_| true));
    for line in &whole {
        assert!(line.cursor == format!("{}.{}", line.account_id, line.meter) && line.currency == "€");
        assert!(!line.account.is_empty() && !line.project.is_empty() && !line.formula.is_empty(), "{line:?}");
        assert!(line.statement.is_none());
    }
    for limits in [[1, 1], [3, 3], [2, 5]] {
        assert_eq!(walk(&s, &days, &limits, || {}), whole, "{limits:?}");
    }
}

#[test]
fn new_meters_in_between_neither_hide_a_line_nor_repeat_one() {
    let s = busy();
    let present = ExportQuery::of(Period::month(s.system().now));
    let days = last_month(&s);
    let (whole, before) = (walk(&s, &days, &[1_000], || {}), walk(&s, &present, &[1_000], || {}));
    let mut runs = false;
    let mut one_more = || {
        s.bench.clock.advance(60_000);
        match runs {
            true => instances::stop(&s.owner(), s.machine).unwrap(),
            false => instances::start(&s.owner(), s.machine).unwrap(),
        };
        s.bench.work().unwrap();
        runs = !runs;
    };
    assert_eq!(walk(&s, &days, &[1], &mut one_more), whole, "what is over does not change");
    let cursors = |lines: &[ExportLine]| lines.iter().map(|line| line.cursor.clone()).collect::<Vec<_>>();
    let grown = cursors(&walk(&s, &present, &[2], &mut one_more));
    assert!(grown.windows(2).all(|pair| pair[0] < pair[1]), "none is repeated");
    assert!(cursors(&before).iter().all(|cursor| grown.contains(cursor)), "none is missed");
}

#[test]
fn lines_of_a_closed_month_name_their_statement_and_stay_as_they_are() {
    let s = busy();
    let before = walk(&s, &last_month(&s), &[1_000], || {});
    let days = last_month(&s);
    let end = s.system().now.month_start();
    s.bench.clock.advance(end.plus_ms(3 * DAY_MS).since_ms(s.system().now).max(0));
    assert!(billing::sweep_months(&s.bench.app).unwrap() > 0);
    let closed = walk(&s, &days, &[2], || {});
    let plain = |lines: &[ExportLine]| -> Vec<ExportLine> {
        lines.iter().map(|line| ExportLine { statement: None, ..line.clone() }).collect()
    };
    assert_eq!(plain(&closed), before);
    let all = list::<Statement>(s.bench.records(), &(), Order::Ascending, 99, None).unwrap().items;
    let month = Timestamp::of_day(&days.from).unwrap();
    for statement in all.iter().filter(|statement| statement.from == month) {
        let own = closed.iter().filter(|line| line.statement == Some(statement.number));
        assert_eq!(Money(own.map(|line| line.amount_millionths).sum()), statement.total);
    }
    assert!(closed.iter().all(|line| line.statement.is_some()));
    // A line over two months is of no single statement.
    let query = ExportQuery { from: end.plus_ms(-20 * DAY_MS).iso_day(), until: end.iso_day(), ..days };
    let over = walk(&s, &query, &[1_000], || {});
    assert!(over.iter().any(|line| line.statement.is_none()));
}

#[test]
fn a_request_gets_no_more_lines_than_the_setting_says() {
    let s = scene_with(Settings { export_lines_max: 2, ..Settings::default() });
    s.bench.clock.advance(HOUR_MS);
    let query = ExportQuery::of(Period::month(s.system().now));
    let page = provider::usage_lines(&s.operator(), &query).unwrap();
    assert!(page.lines.len() == 2 && page.next.is_some());
    let refused = |query| provider::usage_lines(&s.operator(), &query).unwrap_err();
    let error = refused(ExportQuery { limit: "3".to_owned(), ..query.clone() });
    assert_eq!((error.code.as_str(), error.fields[0].field.as_str()), ("invalid_input", "limit"));
    assert!(error.message.contains("from 1 to 2"), "{}", error.message);
    assert_eq!(refused(ExportQuery { after: "x".to_owned(), ..query }).fields[0].field, "after");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]
    /// However many lines each request asks for: together they are the lines of one.
    #[test]
    fn walking_in_any_steps_gives_the_same_lines(limits in proptest::collection::vec(1u32..9, 1..6)) {
        let s = busy();
        let days = last_month(&s);
        prop_assert_eq!(walk(&s, &days, &limits, || s.bench.clock.advance(1_000)), walk(&s, &days, &[1_000], || {}));
    }
}
