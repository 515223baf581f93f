//! Money between an account and its provider as people meet it: the ledger, how an account pays, budgets, and what they are told.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arrears;
mod revenue;
mod scene;
mod statements;

use darkroom_core::domain::Kind;
use darkroom_core::domain::billing::{Billing, Entry, EntryKind, Ledger};
use darkroom_core::domain::form::{BookForm, BudgetForm, PaymentForm};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::usage::Period;
use darkroom_core::ops::{billing, usage};
use darkroom_core::store::{Order, list};
use proptest::prelude::*;
use scene::{DAY_MS, HOUR_MS, scene};

#[test]
fn what_is_booked_is_the_balance_without_what_was_used() {
    let s = scene();
    let account = s.account();
    assert_eq!(billing::balance(&s.system(), account).unwrap().booked, Money::ZERO);
    s.top_up("20", "R-1").unwrap();
    s.book("credit", "0.50", "R-2", "").unwrap();
    s.bench.clock.advance(HOUR_MS);
    let now = s.system().now;
    let period = Period { from: now.plus_ms(-DAY_MS), until: now };
    let used = usage::lines(&s.bench.app, account, period).unwrap().iter().map(|line| line.amount).sum();
    assert!(used > Money::ZERO, "the machine runs");
    let balance = billing::balance(&s.system(), account).unwrap();
    assert_eq!((balance.booked, balance.unbilled), (Money(20_500_000), used));
    let view = billing::own(&s.owner(), &s.place(0), 1).unwrap();
    assert_eq!(view.balance, balance.total());
    let rows: Vec<_> = view.entries.rows.iter().map(|r| (r.number, r.kind, r.by.as_str())).collect();
    assert_eq!(rows, [(2, EntryKind::Credit, "Your provider"), (1, EntryKind::TopUp, "Your provider")]);
    let theirs = billing::of_account(&s.operator(), account, 1).unwrap();
    assert_eq!(theirs.entries.rows[0].by, "op@provider.example");
    let told: Vec<String> =
        s.told().into_iter().take(2).map(|(action, detail)| format!("{action} {detail}")).collect();
    assert_eq!(told, ["billing.credit Credit of €0.50, R-2.", "billing.top_up Top-up of €20.00, R-1."]);
    s.nothing_is_wrong();
}

#[test]
fn a_double_click_books_once_and_another_amount_under_the_reference_is_refused() {
    let s = scene();
    assert_eq!((s.top_up("20", "R-1"), s.top_up("20.00", " R-1 ")), (Ok(1), Ok(1)));
    let refused = s.top_up("21", "R-1").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("reference_used", "reference"));
    assert!(refused.message.contains("top-up of €20.00"), "{}", refused.message);
    assert_eq!(s.book("correction", "1", "R-2", "7").unwrap_err().code, "no_statement");
    assert_eq!(s.system().read::<Ledger>(&s.account()).unwrap().unwrap().n_entries, 1);
}

#[test]
fn fifty_top_ups_of_one_reference_at_once_book_once() {
    let s = scene();
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| s.top_up("20", "R-1").unwrap())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(numbers, [1; 50]);
    assert_eq!(billing::balance(&s.system(), s.account()).unwrap().booked, Money(20_000_000));
    let others: Vec<u64> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..20)
            .map(|n| (n, &s))
            .map(|(n, s)| scope.spawn(move || s.top_up("1", &format!("P-{n}")).unwrap()))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(others.into_iter().collect::<std::collections::BTreeSet<_>>(), (2..=21).collect());
    s.nothing_is_wrong();
}

#[test]
fn only_the_provider_books_and_only_an_owner_sets_the_budget() {
    let s = scene();
    let form = BookForm {
        account: s.account().to_string(),
        kind: "top_up".to_owned(),
        amount: "1".to_owned(),
        reference: "R".to_owned(),
        ..BookForm::default()
    };
    let payment =
        PaymentForm { account: form.account.clone(), mode: "prepaid".to_owned(), ..PaymentForm::default() };
    let budget = BudgetForm { budget: "5".to_owned() };
    for (email, read, budgets) in
        [("reader@acme.example", true, Kind::Forbidden), ("owner@bolt.example", false, Kind::NotFound)]
    {
        let ctx = s.bench.user(email).unwrap();
        assert_eq!(billing::book(&ctx, &form).unwrap_err().kind, Kind::NotFound, "{email}");
        assert_eq!(billing::set_payment(&ctx, &payment).unwrap_err().kind, Kind::NotFound, "{email}");
        assert_eq!(billing::own(&ctx, &s.place(0), 1).is_ok(), read, "{email}");
        assert_eq!(billing::of_account(&ctx, s.account(), 1).unwrap_err().kind, Kind::NotFound, "{email}");
        assert_eq!(billing::set_budget(&ctx, &s.place(0), &budget).unwrap_err().kind, budgets, "{email}");
    }
    assert_eq!(billing::set_budget(&s.operator(), &s.place(0), &budget).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(billing::set_budget(&s.owner(), &s.place(0), &budget), Ok(s.account()));
}

#[test]
fn a_budget_is_told_once_at_each_step_and_the_forecast_is_what_the_month_will_cost() {
    let s = scene();
    let month = || billing::month(&s.system(), s.account()).unwrap();
    s.bench.clock.advance(HOUR_MS);
    let forecast = month().forecast;
    assert!(month().so_far < forecast);
    // The budget is what the month costs by its end.
    let budget = BudgetForm { budget: forecast.typed() };
    billing::set_budget(&s.owner(), &s.place(0), &budget).unwrap();
    assert_eq!(billing::sweep(&s.bench.app), Ok(0));
    let end = s.system().now.next_month().plus_ms(-HOUR_MS);
    let mut told = Vec::new();
    while s.system().now < end {
        s.bench.clock.advance(HOUR_MS);
        billing::sweep(&s.bench.app).unwrap();
        let percent = billing::notices(&s.system(), s.account()).unwrap().budget_percent;
        if percent.is_some() && told.last() != Some(&percent) {
            told.push(percent);
        }
    }
    assert_eq!(told[..2], [Some(50), Some(80)]);
    let events = s.told().into_iter().filter(|(action, _)| action == "billing.budget_reached").count();
    assert_eq!(events, told.len(), "each is told once");
    let (so_far, then) = (month().so_far.0, forecast.0);
    assert!((then - so_far).abs() < then / 20, "{so_far} was said to become {then}");
    s.bench.clock.advance(2 * HOUR_MS);
    billing::sweep(&s.bench.app).unwrap();
    assert_eq!(billing::notices(&s.system(), s.account()).unwrap().budget_percent, None, "a new month");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever is booked, in whatever order and however often: nothing that was there changes, and the balance is what a recount gives.
    #[test]
    fn a_ledger_is_only_ever_added_to(
        bookings in proptest::collection::vec((0usize..2, 1i64..9_999, 0u8..6), 1..12),
    ) {
        let s = scene();
        let mut seen: Vec<Entry> = Vec::new();
        let mut expected = std::collections::BTreeMap::new();
        for (kind, cents, reference) in bookings {
            let kind = ["top_up", "credit"][kind];
            let amount = Money(cents * 10_000);
            let booked = s.book(kind, &amount.typed(), &format!("R-{reference}"), "");
            let first = expected.entry(reference).or_insert((kind, amount));
            prop_assert_eq!(booked.is_ok(), *first == (kind, amount));
            let now: Vec<Entry> = list(s.bench.records(), &(), Order::Ascending, 99, None).unwrap().items;
            prop_assert_eq!(&now[..seen.len()], &seen[..]);
            seen = now;
        }
        let total: Money = expected.values().map(|(_, amount)| *amount).sum();
        prop_assert_eq!(billing::balance(&s.system(), s.account()).unwrap().booked, total);
        prop_assert_eq!(seen.len(), expected.len());
        prop_assert!(s.system().read::<Billing>(&s.account()).unwrap().is_none(), "nothing was said of how it pays");
        s.nothing_is_wrong();
    }
}
