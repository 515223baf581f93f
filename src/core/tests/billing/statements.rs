//! Months close by themselves: each once, whole, numbered, chained, and never changed.

use super::scene::{DAY_MS, HOUR_MS, Scene, scene, scene_with};
use darkroom_core::domain::billing::{Entry, EntryKind, Ledger};
use darkroom_core::domain::meter::{Charge, Meter};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::region::Region;
use darkroom_core::domain::statement::{Part, Statement};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::Period;
use darkroom_core::ops::ctx::Settings;
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{billing, instances, prices, usage};
use darkroom_core::sim::Crash;
use darkroom_core::store::{Order, Record, StoreError, list, transact};
use proptest::prelude::*;

fn all<R: Record>(s: &Scene) -> Vec<R> {
    list::<R>(s.bench.records(), &(), Order::Ascending, 999, None).unwrap().items
}

fn statements(s: &Scene) -> Vec<Statement> {
    let mut found: Vec<Statement> = all(s);
    found.sort_by_key(|statement| statement.number);
    found
}

/// Lets time pass to this moment.
fn at(s: &Scene, moment: Timestamp) {
    s.bench.clock.advance(moment.since_ms(s.system().now));
}

fn cost(s: &Scene, from: Timestamp, to: Timestamp) -> Money {
    let period = Period { from, until: to };
    usage::lines(&s.bench.app, s.account(), period).unwrap().iter().map(|line| line.amount).sum()
}

#[test]
fn a_month_closes_on_its_day_with_everything_it_cost_and_once() {
    let s = scene();
    let (from, to) = (s.system().now.month_start(), s.system().now.next_month());
    at(&s, to.plus_ms(2 * DAY_MS - 1));
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(0), "not before its day");
    s.bench.clock.advance(1);
    let before = billing::balance(&s.system(), s.account()).unwrap().total();
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(1));
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(0));
    let statement = statements(&s).remove(0);
    let total = cost(&s, from, to);
    assert_eq!((statement.number, statement.account, statement.total), (1, s.account(), total));
    assert_eq!((statement.from, statement.to, statement.due), (from, to, total.to_cents()));
    assert_eq!(statement.name, "acme");
    let lines: Vec<_> = all::<Part>(&s).into_iter().flat_map(|part| part.lines).collect();
    assert_eq!(lines.iter().map(|line| line.amount).sum::<Money>(), total);
    assert!(lines.windows(2).all(|pair| pair[0].meter < pair[1].meter));
    assert!(lines.iter().all(|line| from <= line.from && line.from < line.to && line.to <= to));
    let entry: Entry = all(&s).remove(0);
    assert_eq!((entry.kind, entry.amount), (EntryKind::Charge, Money::ZERO - statement.due));
    let after = billing::balance(&s.system(), s.account()).unwrap();
    assert_eq!(after.unbilled, cost(&s, to, s.system().now));
    assert_eq!(
        after.total(),
        before + total - statement.due,
        "closing moves what is owed and rounds it once"
    );
    let theirs = s.system().read::<Ledger>(&s.provider.accounts[1]).unwrap().unwrap();
    assert_eq!((theirs.closed_to, theirs.n_statements), (Some(to), 0), "who used nothing gets none");
    s.nothing_is_wrong();
}

#[test]
fn a_server_that_was_off_for_months_closes_each_in_turn() {
    let s = scene();
    let first = s.system().now.month_start();
    // February of a leap year is among them.
    at(&s, Timestamp::of_day("2028-03-04").unwrap());
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(16));
    let made = statements(&s);
    assert_eq!(
        made.iter().map(|statement| statement.number).collect::<Vec<_>>(),
        (1..=16).collect::<Vec<_>>()
    );
    assert_eq!(made[0].from, first);
    assert!(made.windows(2).all(|pair| pair[0].to == pair[1].from && pair[1].previous == pair[0].hash));
    let total: Money = made.iter().map(|statement| statement.total).sum();
    assert_eq!(total, cost(&s, first, made[15].to));
    s.nothing_is_wrong();
}

#[test]
fn a_clock_set_back_over_a_closed_month_charges_nothing_twice_and_lets_nothing_begin() {
    let s = scene();
    let to = s.system().now.next_month();
    at(&s, to.plus_ms(3 * DAY_MS));
    billing::sweep_months(&s.bench.app).unwrap();
    let statement = statements(&s).remove(0);
    let later = s.system().now;
    at(&s, to.plus_ms(-5 * DAY_MS));
    // What exists is charged up to the end of the month: what ends in it now ends there, and nothing begins before it.
    instances::stop(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    instances::start(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    let refused = s.bench.capture(&s.owner(), s.machine, "web-v2").unwrap_err();
    assert_eq!(refused.code, "clock_behind");
    assert!(refused.message.contains("is closed"), "{}", refused.message);
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(0));
    s.nothing_is_wrong();
    // Prices of a month that is closed stay what they were.
    let mut prices = s.system().read::<Region>(&"north-1".into()).unwrap().unwrap().prices;
    prices.image_gb_month = prices.image_gb_month + prices.image_gb_month;
    prices::set(&s.operator(), &"north-1".into(), &prices, None).unwrap();
    assert_eq!(cost(&s, statement.from, statement.to), statement.total);
    at(&s, later);
    instances::stop(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    let balance = billing::balance(&s.system(), s.account()).unwrap();
    assert_eq!(balance.unbilled, cost(&s, to, s.system().now));
    s.nothing_is_wrong();
}

#[test]
fn what_is_used_before_the_account_was_made_by_a_clock_that_was_set_back_is_charged_as_well() {
    let s = scene();
    let made = s.system().now.month_start();
    let back = made.plus_ms(-2 * DAY_MS);
    at(&s, back);
    instances::stop(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    instances::start(&s.owner(), s.machine).unwrap();
    s.bench.work().unwrap();
    at(&s, s.system().now.next_month().next_month().plus_ms(3 * DAY_MS));
    assert_eq!(billing::sweep_months(&s.bench.app), Ok(2));
    let closed = statements(&s);
    assert_eq!((closed[0].from, closed[1].from), (back.month_start(), made));
    assert!(closed[0].total > Money::ZERO);
    s.nothing_is_wrong();
}

#[test]
fn a_meter_that_changes_after_its_month_was_closed_is_found() {
    let s = scene();
    at(&s, s.system().now.next_month().plus_ms(3 * DAY_MS));
    billing::sweep_months(&s.bench.app).unwrap();
    s.nothing_is_wrong();
    let meter = all::<Meter>(&s).into_iter().find(|m| matches!(m.charge, Charge::Disk { .. })).unwrap();
    let less = Meter { from: meter.from.plus_ms(HOUR_MS), ..meter };
    transact::<_, StoreError>(s.bench.records(), 1, |tx| tx.put(&less)).unwrap();
    let found = verify(s.bench.records()).unwrap().findings;
    assert!(found.iter().any(|what| what.contains("of acme was closed with")), "{found:?}");
}

#[test]
fn a_correction_names_its_statement_and_leaves_it_as_it_is() {
    let s = scene();
    at(&s, s.system().now.next_month().plus_ms(3 * DAY_MS));
    billing::sweep_months(&s.bench.app).unwrap();
    let before = statements(&s);
    s.book("correction", "0.01", "C-1", "1").unwrap();
    assert_eq!(s.book("correction", "0.01", "C-2", "2").unwrap_err().code, "no_statement");
    let theirs = darkroom_core::domain::form::BookForm {
        account: s.provider.accounts[1].to_string(),
        kind: "correction".to_owned(),
        amount: "1".to_owned(),
        reference: "C-3".to_owned(),
        statement: "1".to_owned(),
        note: String::new(),
    };
    assert_eq!(
        billing::book(&s.operator(), &theirs).unwrap_err().code,
        "no_statement",
        "it is somebody else's"
    );
    assert_eq!(statements(&s), before);
    s.nothing_is_wrong();
}

#[test]
fn a_crash_at_any_commit_closes_the_month_once_and_whole() {
    for after in [Crash::Before, Crash::After] {
        for commit in 0..4 {
            let mut s = scene();
            s.prepaid("1000");
            let (from, to) = (s.system().now.month_start(), s.system().now.next_month());
            at(&s, to.plus_ms(3 * DAY_MS));
            s.bench.faults.crash_after(commit, after);
            drop(billing::sweep_months(&s.bench.app));
            s.bench.restart().unwrap();
            s.nothing_is_wrong();
            billing::sweep_months(&s.bench.app).unwrap();
            assert_eq!(statements(&s).len(), 1, "{after:?} {commit}");
            assert_eq!(statements(&s)[0].total, cost(&s, from, to));
            s.nothing_is_wrong();
        }
    }
}

#[test]
fn what_an_earlier_try_wrote_is_not_on_the_statement() {
    let s = scene();
    let (from, to) = (s.system().now.month_start(), s.system().now.next_month());
    at(&s, to.plus_ms(3 * DAY_MS));
    for place in 0..3 {
        let part = Part { account: s.account(), month: from, place, lines: vec![] };
        transact::<_, StoreError>(s.bench.records(), 1, |tx| tx.put(&part)).unwrap();
    }
    s.nothing_is_wrong();
    billing::sweep_months(&s.bench.app).unwrap();
    assert_eq!((all::<Part>(&s).len(), statements(&s)[0].n_parts), (1, 1));
    s.nothing_is_wrong();
}

#[test]
fn check_finds_whatever_is_not_what_was_written() {
    type Wrong = fn(&mut Statement, &mut Part, &mut Entry);
    let wrongs: [(&str, Wrong); 6] = [
        ("statement 2 of acme is not what was written", |statement, _, _| statement.due = Money(1)),
        ("statement 2 of acme is not what was written", |statement, _, _| {
            "no".clone_into(&mut statement.previous)
        }),
        ("lines of the statement 2 of acme are not", |_, part, _| part.lines[0].amount = Money(1)),
        ("lines of the statement 2 of acme are not", |_, part, _| drop(part.lines.pop())),
        ("entry 2 of the ledger of acme is not what was written", |_, _, entry| entry.amount = Money(-1)),
        ("entry 2 of the ledger of acme is not one of its kind", |_, _, entry| entry.amount = Money(1)),
    ];
    for (finding, wrong) in wrongs {
        let s = scene();
        at(&s, s.system().now.next_month().next_month().plus_ms(3 * DAY_MS));
        assert_eq!(billing::sweep_months(&s.bench.app), Ok(2));
        let (mut statement, mut part, mut entry) =
            (statements(&s).remove(1), all::<Part>(&s).remove(1), all::<Entry>(&s).remove(1));
        wrong(&mut statement, &mut part, &mut entry);
        transact::<_, StoreError>(s.bench.records(), 1, |tx| {
            tx.put(&statement)?;
            tx.put(&part)?;
            tx.put(&entry)
        })
        .unwrap();
        let found = verify(s.bench.records()).unwrap().findings;
        assert!(found.iter().any(|one| one.contains(finding)), "{finding}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    /// Whenever machines run and whenever months are closed: statements and what is not on one yet add up to what everything cost.
    #[test]
    fn statements_and_the_rest_are_what_everything_cost(
        hours in proptest::collection::vec((1i64..900, any::<bool>()), 1..8), close_day in 1u32..29,
    ) {
        let s = scene_with(Settings { close_day, ..Settings::default() });
        for (n_hours, stop) in hours {
            let done = match stop {
                true => instances::stop(&s.owner(), s.machine).map(drop),
                false => instances::start(&s.owner(), s.machine).map(drop),
            };
            // Running already, or off already.
            drop(done);
            s.bench.work().unwrap();
            s.bench.clock.advance(n_hours * HOUR_MS);
            billing::sweep_months(&s.bench.app).unwrap();
        }
        let made: Money = statements(&s).iter().map(|statement| statement.total).sum();
        let rest = billing::balance(&s.system(), s.account()).unwrap().unbilled;
        prop_assert_eq!(made + rest, cost(&s, Timestamp::default(), s.system().now));
        s.nothing_is_wrong();
    }
}
