//! A line of a bill as a sum that anybody can do again with a pencil: quantity × rate ÷ month × time = amount. Every figure is written in
//! full; where that has no end, so many decimals that the result is the same.

use super::Line;
use crate::domain::meter::{Charge, Per};
use crate::domain::money::{Exact, Money};
use crate::domain::price::{Part, Unit};

/// The sum of one part of a line, with the currency's symbol.
pub fn formula(line: &Line, part: &Part, quantity: u64, symbol: &str) -> String {
    let amount = amount(&line.charge, part, quantity).exact(symbol);
    let rate = part.rate.exact(symbol);
    let (bytes, unit) = (bytes(quantity, part.unit), part.unit.word());
    let time = time(part.seconds());
    let month = time_of(part.per_s);
    match (line.charge.per(), line.charge.by_bytes()) {
        (Per::Month, true) => format!("{bytes} × {rate} per {unit} and month ÷ {month} × {time} = {amount}"),
        (Per::Month, false) => format!("{rate} per month ÷ {month} × {time} = {amount}"),
        (Per::Hour, _) => format!("{rate} per hour × {time} = {amount}"),
        (Per::Once, _) => format!("{bytes} × {rate} per {unit} = {amount}"),
    }
}

/// What one part of a line costs by itself, rounded once.
fn amount(charge: &Charge, part: &Part, quantity: u64) -> Money {
    let product = i128::from(part.rate.0).saturating_mul(i128::from(quantity));
    let unit = if charge.by_bytes() { part.unit.bytes() } else { 1 };
    Exact::of(product.saturating_mul(i128::from(part.seconds())), unit, part.per_s).rounded()
}

/// Bytes in a unit, in full for GB: `9.41 GB`.
fn bytes(bytes: u64, unit: Unit) -> String {
    let whole = bytes / unit.bytes();
    let rest = u128::from(bytes % unit.bytes()) * 1_000_000_000 / u128::from(unit.bytes());
    decimals(whole, rest) + " " + unit.word()
}

/// Hours where these have at most four decimals, else seconds.
fn time(seconds: u64) -> String {
    match seconds.checked_rem(9) {
        Some(0) => time_of(seconds),
        _ => format!("{seconds} s ÷ 3600 s per h"),
    }
}

fn time_of(seconds: u64) -> String {
    let rest = u128::from(seconds % 3600) * 1_000_000_000 / 3600;
    decimals(seconds / 3600, rest) + " h"
}

/// A whole number and a rest of 10^9, without zeros at the end.
fn decimals(whole: u64, rest: u128) -> String {
    match rest {
        0 => whole.to_string(),
        rest => format!("{whole}.{}", format!("{rest:09}").trim_end_matches('0')),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Period, line};
    use super::*;
    use crate::domain::ids::{MeterId, Subject};
    use crate::domain::meter::Meter;
    use crate::domain::price::{DatedBook, History, Month, PriceBook};
    use crate::domain::time::Timestamp;
    use std::sync::Arc;
    use uuid::Uuid;

    fn check(charge: Charge, quantity_bytes: u64, book: PriceBook, seconds: i64, expect: &str) {
        let from = Timestamp::of_day("2026-12-01").expect("a day");
        let to =
            if charge.per() == Per::Once { from } else { Timestamp::from_seconds(from.seconds() + seconds) };
        let meter = Meter {
            id: MeterId(Uuid::nil()),
            subject: Subject::Image(Uuid::nil().into()),
            name: String::new(),
            account: Uuid::nil().into(),
            project: Uuid::nil().into(),
            region: "north-1".into(),
            charge,
            quantity_bytes,
            virtual_bytes: 0,
            from,
            to: Some(to),
            labels: None,
        };
        let book = DatedBook { region: "north-1".into(), from, withdrawn: None, prices: book };
        let line = line(&meter, &History::new(vec![Arc::new(book)]), Period::month(from)).expect("within");
        assert_eq!(formula(&line, &line.parts[0], meter.quantity(&line.parts[0]), "€"), expect);
    }

    #[test]
    fn a_line_is_a_sum_to_do_again_with_a_pencil() {
        let book = PriceBook {
            image_gb_month: Money(50_000),
            snapshot_service_month: Money(730_000),
            transfer_gb: Money(20_000),
            flavor_hour: [("m1.tiny".into(), Money(4_000))].into(),
            ..PriceBook::default()
        };
        let image = "9.41 GB × €0.050 per GB and month ÷ 730 h × 12.5 h = €0.008057";
        check(Charge::ImageStorage, 9_410_000_000, book.clone(), 45_000, image);
        let calendar = PriceBook { month: Month::Calendar, unit: Unit::Gib, ..book.clone() };
        let gib = "2 GiB × €0.050 per GiB and month ÷ 744 h × 744 h = €0.100";
        check(Charge::ImageStorage, 2 << 30, calendar, 744 * 3600, gib);
        let machine = "€0.004 per hour × 40000 s ÷ 3600 s per h = €0.044444";
        check(Charge::Running { flavor: "m1.tiny".into() }, 0, book.clone(), 40_000, machine);
        check(Charge::SnapshotService, 0, book.clone(), 3600, "€0.730 per month ÷ 730 h × 1 h = €0.001");
        let transfer = Charge::Transfer { to: "south-1".into() };
        check(transfer, 1_500_000_000, book, 0, "1.5 GB × €0.020 per GB = €0.030");
    }
}
