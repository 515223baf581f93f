//! Prices with a day, unique bytes, market licences and transfers: what is charged, from when, and what restarts and crashes change about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{BulkForm, DeleteImageForm, RestoreImageForm};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, RegionId, Subject};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::meter::{Charge, Meter};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::{Basis, DatedBook, Month, PriceBook, Unit};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::usage::{Group, Period, UsageQuery};
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::verify::{attributed, verify};
use darkroom_core::ops::{attribution, billing, images, instances, people, prices, usage};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Bench, Effect, Op, Provider, check, check_at_rest};
use std::sync::Arc;

const HOUR_MS: i64 = 3_600_000;

struct Scene {
    bench: Bench,
    provider: Provider,
    project: ProjectId,
}

fn scene() -> Scene {
    let bench = Bench::new(12);
    let provider = bench.provider().unwrap();
    let project = provider.projects[0].1;
    Scene { bench, provider, project }
}

fn north() -> RegionId {
    "north-1".into()
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn operator(&self) -> Ctx {
        self.bench.user("op@provider.example").unwrap()
    }

    fn machine(&self, name: &str) -> InstanceId {
        self.bench.machine(&self.owner(), &self.provider, self.project, name).unwrap()
    }

    fn prices(&self) -> PriceBook {
        people::regions(&self.owner()).unwrap().into_iter().find(|r| r.id == north()).unwrap().prices
    }

    fn set(&self, change: impl Fn(&mut PriceBook), in_hours: i64) -> Result<u32, String> {
        let mut prices = self.prices();
        change(&mut prices);
        let ctx = self.operator();
        let from = (in_hours > 0).then(|| ctx.now.plus_ms(in_hours * HOUR_MS));
        prices::set(&ctx, &north(), &prices, from).map_err(|error| error.code)
    }

    fn meters(&self, subject: Subject) -> Vec<Arc<Meter>> {
        let mut all = self.bench.app.meters.all();
        all.retain(|m| m.subject == subject);
        all.sort_by_key(|m| (m.from, m.to));
        all
    }

    fn quantities(&self, image: ImageId) -> Vec<(Timestamp, Option<Timestamp>, u64)> {
        self.meters(Subject::Image(image)).iter().map(|m| (m.from, m.to, m.quantity_bytes)).collect()
    }

    fn cost(&self, subject: Subject) -> Money {
        usage::cost_of(&self.bench.app.system(), self.provider.accounts[0], subject).unwrap()
    }

    fn passes(&self, hours: i64) {
        self.bench.clock.advance(hours * HOUR_MS);
    }

    fn now(&self) -> Timestamp {
        self.bench.app.system().now
    }

    fn image(&self, machine: InstanceId, name: &str) -> ImageId {
        let (image, _) = self.bench.capture(&self.owner(), machine, name).unwrap();
        self.bench.work().unwrap();
        image
    }
}

#[test]
fn prices_of_a_day_to_come_hold_from_that_day_on_for_forms_and_charges_alike() {
    let s = scene();
    let machine = s.machine("web");
    let hourly = |rate| move |p: &mut PriceBook| _ = p.flavor_hour.insert("m1.tiny".into(), Money(rate));
    assert_eq!(s.set(hourly(10_000), 2), Ok(2));
    assert_eq!((s.prices().version, s.set(hourly(9), 0)), (1, Err("prices_announced".to_owned())));
    assert_eq!(s.set(hourly(9), 1), Err("price_date_order".to_owned()));
    assert_eq!(s.set(hourly(10_000), 5), Err("prices_unchanged".to_owned()));
    let before = s.cost(Subject::Instance(machine));
    s.passes(2);
    assert_eq!((s.prices().version, s.cost(Subject::Instance(machine)) - before), (2, Money(8_000)));
    s.passes(1);
    assert_eq!(s.cost(Subject::Instance(machine)) - before, Money(18_000));
    let old = instances::create(&s.owner(), &s.bench.deploy_form(&s.provider, s.project, "db"));
    assert_eq!(old.unwrap_err().code, "price_changed", "the form showed version 1");
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn what_was_announced_can_be_withdrawn_until_it_holds_and_keeps_its_number() {
    let s = scene();
    let dear = |p: &mut PriceBook| p.image_gb_month = Money(90_000);
    assert_eq!(s.set(dear, 3), Ok(2));
    let withdraw = |version| prices::withdraw(&s.operator(), &north(), version).map_err(|e| e.code);
    assert_eq!(withdraw(1), Err("prices_hold".to_owned()));
    assert_eq!((withdraw(2), withdraw(2)), (Ok(()), Ok(())));
    s.passes(9);
    assert_eq!(s.prices().version, 1);
    assert_eq!(s.set(dear, 0), Ok(3));
    assert_eq!(s.prices().version, 3);
    let mine = prices::set(&s.owner(), &north(), &s.prices(), None).unwrap_err();
    assert_eq!(mine.kind, darkroom_core::domain::Kind::NotFound);
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
    assert_eq!(s.bench.witness.broken(), Vec::<String>::new());
}

#[test]
fn other_settings_of_unit_and_month_add_books_from_the_start_on_and_never_backwards() {
    let mut s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "one");
    s.set(|p| p.image_gb_month = Money(90_000), 48).unwrap();
    let before = s.cost(Subject::Image(image));
    s.bench.next = Settings { unit: Unit::Gib, month: Month::Calendar, ..s.bench.next };
    s.bench.restart().unwrap();
    assert_eq!(s.cost(Subject::Image(image)), before);
    let now = s.prices();
    assert_eq!((now.version, now.unit, now.month), (3, Unit::Gib, Month::Calendar));
    assert_eq!(now.per_month(), "GiB and month");
    s.passes(48);
    let then = s.prices();
    assert_eq!((then.version, then.unit, then.image_gb_month), (4, Unit::Gib, Money(90_000)));
    let n_books = s.bench.app.books.all().len();
    s.bench.restart().unwrap();
    assert_eq!(s.bench.app.books.all().len(), n_books, "the next start finds them right");
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn each_chunk_is_paid_once_by_the_oldest_that_holds_it_and_left_to_the_next() {
    let s = scene();
    let machine = s.machine("web");
    let first = s.image(machine, "first");
    let at_first = s.now();
    s.bench.host.write(machine, 3, 77);
    s.passes(1);
    let second = s.image(machine, "second");
    let whole = |id| s.owner().read::<Image>(&id).unwrap().unwrap().stored_bytes();
    assert!(whole(second) > whole(first) && whole(first) > 0);
    let last = |id| s.quantities(id).last().map(|q| (q.1, q.2));
    assert_eq!(last(first), Some((None, whole(first))));
    assert_eq!(s.quantities(second).len(), 1, "from its very beginning it has what is its own");
    assert_eq!(last(second), Some((None, whole(second) - whole(first))));
    // The first one goes into the bin: now the second comes before it.
    s.passes(1);
    let moved = s.now();
    images::delete(&s.owner(), &DeleteImageForm::at_once(first)).unwrap();
    // The server is off for days before anybody looks; it is charged from the moment of the change all the same.
    s.passes(72);
    attribution::sweep(&s.bench.app).unwrap();
    let split = s.quantities(second);
    assert_eq!((split[0].1, split[1].0), (Some(moved), moved));
    assert_eq!((last(second), last(first)), (Some((None, whole(second))), Some((None, 0))));
    assert_eq!(s.meters(Subject::Image(first)).last().unwrap().charge, Charge::BinStorage);
    assert!(s.quantities(first)[0].0 <= at_first);
    assert_eq!(attribution::sweep(&s.bench.app), Ok(0), "there is nothing to do twice");
    check_at_rest(&s.bench).err().into_iter().for_each(|why| assert!(!why.contains("charge"), "{why}"));
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn what_other_accounts_hold_is_neither_cheaper_nor_visible() {
    let s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "mine");
    let before = s.quantities(image);
    let other = s.bench.user("owner@bolt.example").unwrap();
    let copy =
        s.bench.copy(&other, s.provider.public[0], s.provider.projects[2].1, &["north-1"], "same").unwrap();
    s.bench.work().unwrap();
    assert_eq!(s.quantities(image), before);
    let theirs = s.quantities(copy[0].0);
    assert!(theirs[0].2 > 0, "their copy of the public image is theirs to pay, whatever the provider holds");
}

#[test]
fn changes_of_one_interval_between_sweeps_are_charged_each_from_its_own_moment() {
    let s = scene();
    let machine = s.machine("web");
    let first = s.image(machine, "first");
    s.passes(1);
    let (copy, _) = s.bench.copy(&s.owner(), first, s.project, &["north-1"], "second").unwrap().remove(0);
    let made = s.now();
    s.passes(1);
    let gone = s.now();
    images::delete(&s.owner(), &DeleteImageForm::at_once(first)).unwrap();
    s.passes(1);
    let back = s.now();
    let form = RestoreImageForm { image: first.to_string(), price_version: 1, ..RestoreImageForm::default() };
    images::restore(&s.owner(), &form).unwrap();
    s.passes(1);
    attribution::sweep(&s.bench.app).unwrap();
    let bytes = s.owner().read::<Image>(&first).unwrap().unwrap().stored_bytes();
    assert_eq!(
        s.quantities(copy),
        [(made, Some(gone), 0), (gone, Some(back), bytes), (back, None, 0)],
        "nothing is charged twice, and no second is lost"
    );
    check(&s.bench).unwrap();
}

#[test]
fn pages_say_what_is_charged_and_dialogs_what_deleting_saves() {
    let s = scene();
    let machine = s.machine("web");
    let first = s.image(machine, "first");
    let (copy, _) = s.bench.copy(&s.owner(), first, s.project, &["north-1"], "second").unwrap().remove(0);
    s.bench.work().unwrap();
    let place = Place { project: Some(s.project), region: north() };
    let bytes = s.owner().read::<Image>(&first).unwrap().unwrap().stored_bytes();
    let whole = s.prices().image(bytes).month;
    let list = images::list(&s.owner(), &place, ImageQuery::default()).unwrap();
    assert_eq!((list.stored_bytes, list.charged_bytes, list.month), (2 * bytes, bytes, whole));
    let month = |id: ImageId| list.page.rows.iter().find(|row| row.id == id).unwrap().month;
    assert_eq!((month(first), month(copy)), (Some(whole), Some(Money::ZERO)), "the older one pays for both");
    for id in [first, copy] {
        let shown = images::deletion(&s.owner(), id).unwrap();
        assert_eq!((shown.month, shown.bin_month), (Money::ZERO, Some(Money::ZERO)), "the other one stays");
    }
    let both = BulkForm {
        action: "delete".to_owned(),
        images: vec![first.to_string(), copy.to_string()],
        ..BulkForm::default()
    };
    let shown = images::bulk_options(&s.owner(), &place, &both, &ImageQuery::default()).unwrap();
    assert_eq!((shown.month, shown.charged_bytes), (whole, bytes), "without both nothing is left to pay");
    assert_eq!(shown.bin_month, s.prices().in_bin(bytes).month);
    // By virtual bytes each is charged for what its guests see, whatever it shares.
    s.set(|prices| prices.basis = Basis::Virtual, 0).unwrap();
    let size = s.owner().read::<Image>(&first).unwrap().unwrap().virtual_bytes();
    let list = images::list(&s.owner(), &place, ImageQuery::default()).unwrap();
    assert_eq!((list.charged_bytes, list.month), (2 * size, s.prices().image(2 * size).month));
    assert_eq!(images::deletion(&s.owner(), copy).unwrap().month, s.prices().image(size).month);
}

#[test]
fn the_month_that_a_dialog_foretells_is_the_forecast_afterwards() {
    let s = scene();
    let machine = s.machine("web");
    let place = Place { project: Some(s.project), region: north() };
    let ahead = || billing::ahead(&s.owner(), &place).unwrap().unwrap();
    let before = ahead();
    let image = s.image(machine, "first");
    let adds = images::detail(&s.owner(), &place, image).unwrap().estimate.unwrap().month;
    let told = before.with(adds);
    let after = ahead().forecast;
    assert!(
        adds > Money::ZERO && (after - told).0.abs() <= 100,
        "{told:?} was foretold, and it is {after:?}"
    );
    assert_eq!(billing::ahead(&s.operator(), &Place { project: None, region: north() }).unwrap(), None);
}

#[test]
fn storage_that_does_not_answer_is_asked_again_and_nothing_is_lost() {
    let s = scene();
    let machine = s.machine("web");
    let first = s.image(machine, "first");
    s.bench.copy(&s.owner(), first, s.project, &["north-1"], "second").unwrap();
    assert_eq!(attribution::pending(&s.bench.app).unwrap().len(), 1);
    check(&s.bench).unwrap();
    let found = verify(s.bench.records()).unwrap();
    assert_eq!((found.findings.len(), found.held.len()), (0, 0), "what waits is not wrong");
    attribution::sweep(&s.bench.app).unwrap();
    let found = verify(s.bench.records()).unwrap();
    assert_eq!(attributed(&found, s.bench.app.storage.as_ref()), Vec::<String>::new());
    assert_eq!(found.held.len(), 1);
}

#[test]
fn a_machine_pays_for_the_licence_it_carries_while_it_runs() {
    let s = scene();
    let machine = s.machine("web");
    let subject = Subject::Instance(machine);
    let image = s.image(machine, "derived");
    s.set(|p| _ = p.licence_hour.insert("GPL".to_owned(), Money(1_000)), 0).unwrap();
    let before = s.cost(subject);
    s.passes(2);
    assert_eq!(s.cost(subject) - before, Money(2 * (4_000 + 1_000)));
    instances::stop(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    let off = s.cost(subject);
    s.passes(5);
    assert_eq!(s.cost(subject), off);
    // What is made of it carries it on.
    let form = s.bench.deploy_form(&s.provider, s.project, "child");
    let form = darkroom_core::domain::form::DeployForm { image: image.to_string(), price_version: 2, ..form };
    let child = instances::create(&s.owner(), &form).unwrap();
    s.bench.work().unwrap();
    let licence = Charge::Licence { licence: "GPL".to_owned() };
    assert!(s.meters(Subject::Instance(child)).iter().any(|m| m.charge == licence && m.to.is_none()));
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn a_copy_to_another_region_pays_once_for_what_travelled_however_often_it_was_tried() {
    let s = scene();
    let machine = s.machine("web");
    s.bench.host.write(machine, 3, 77);
    let image = s.image(machine, "one");
    s.set(|p| p.transfer_gb = Money(20_000), 0).unwrap();
    s.bench.host.fail(Op::Transfer, PortError::Unavailable("Not now.".to_owned()), Effect::None, 2);
    let (copy, _) = s.bench.copy(&s.owner(), image, s.project, &["south-1"], "one").unwrap().remove(0);
    s.bench.work().unwrap();
    let meters = s.meters(Subject::Image(copy));
    let to = Charge::Transfer { to: "south-1".into() };
    let travelled: Vec<_> = meters.iter().filter(|m| m.charge == to).collect();
    assert_eq!(travelled.len(), 1);
    let meter = travelled[0];
    assert_eq!((meter.to, meter.region.clone(), meter.quantity_bytes > 0), (Some(meter.from), north(), true));
    let cost = meter.cost(&usage::history(&s.bench.app, &north()).unwrap(), s.now());
    assert_eq!(cost, Money(20_000).scaled(u128::from(meter.quantity_bytes), 1_000_000_000));
    let month = |from: i64, until: i64| {
        let at = |ms| meter.from.plus_ms(ms);
        let period = Period { from: at(from), until: at(until) };
        usage::lines(&s.bench.app, s.provider.accounts[0], period)
            .unwrap()
            .iter()
            .map(|line| line.amount)
            .sum::<Money>()
    };
    assert!(
        month(-1_000, 1_000) >= cost
            && month(-3 * HOUR_MS, 0) + month(0, HOUR_MS) == month(-3 * HOUR_MS, HOUR_MS)
    );
    // New prices of the same second leave it as it is.
    s.bench.clock.advance(meter.from.0 - s.now().0);
    s.set(|p| p.transfer_gb = Money(90_000), 0).unwrap();
    assert_eq!(meter.cost(&usage::history(&s.bench.app, &north()).unwrap(), s.now()), cost);
    check(&s.bench).unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn charging_virtual_bytes_moves_no_meter() {
    let s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "one");
    let meters = s.bench.app.meters.all();
    let before = s.cost(Subject::Image(image));
    s.set(|p| p.basis = Basis::Virtual, 0).unwrap();
    assert_eq!((s.bench.app.meters.all(), s.cost(Subject::Image(image))), (meters, before));
    s.passes(730);
    let size = s.owner().read::<Image>(&image).unwrap().unwrap().virtual_bytes();
    let month = Money(50_000).scaled(u128::from(size), 1_000_000_000);
    assert!((s.cost(Subject::Image(image)) - before - month).0.abs() <= 1);
}

#[test]
fn a_darkroom_from_before_is_charged_by_unique_bytes_from_its_next_start_on() {
    let mut s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "one");
    let (copy, _) = s.bench.copy(&s.owner(), image, s.project, &["north-1"], "two").unwrap().remove(0);
    s.bench.work().unwrap();
    // As an older program left it: every image whole, no count of changes, no meter of a licence.
    use darkroom_core::domain::attribution::Attribution;
    use darkroom_core::store::{StoreError, records::index, transact};
    let key = (s.provider.accounts[0], north());
    let whole = s.owner().read::<Image>(&copy).unwrap().unwrap().stored_bytes();
    transact::<_, StoreError>(s.bench.records(), 1, |tx| {
        tx.delete::<Attribution>(&key);
        for meter in s.bench.app.meters.all() {
            if meter.subject == Subject::Image(copy) {
                tx.put(&Meter { quantity_bytes: whole, virtual_bytes: whole, ..meter.as_ref().clone() })?;
            }
            if matches!(meter.charge, Charge::Licence { .. }) {
                tx.delete::<Meter>(&meter.id);
                let mut open: Vec<darkroom_core::domain::ids::MeterId> =
                    tx.get_index(index::METER_OPEN, &meter.subject.uuid())?.unwrap_or_default();
                open.retain(|id| *id != meter.id);
                tx.put_index(index::METER_OPEN, &meter.subject.uuid(), &open)?;
            }
        }
        Ok(())
    })
    .unwrap();
    s.passes(4);
    let started = s.now();
    s.bench.restart().unwrap();
    attribution::sweep(&s.bench.app).unwrap();
    let copies = s.quantities(copy);
    assert_eq!((copies[0].1, copies[0].2, copies[1].2), (Some(started), whole, 0));
    // An older program would not have told of the licence that was taken away above.
    let found = verify(s.bench.records()).unwrap().findings;
    assert!(found.len() == 1 && found[0].contains("last told of it"), "{found:?}");
    assert!(s.bench.app.books.all().iter().all(|book: &Arc<DatedBook>| book.withdrawn.is_none()));
}

#[test]
fn what_an_image_was_sorted_by_stays_with_what_it_cost_then() {
    let s = scene();
    let machine = s.machine("web");
    let image = s.image(machine, "golden");
    let tagged = |tags: &str| {
        let form =
            BulkForm { action: "tag".to_owned(), images: vec![image.to_string()], tags: tags.to_owned() };
        assert!(!images::bulk(&s.owner(), &form).unwrap()[0].refused);
    };
    let deleted = || images::delete(&s.owner(), &DeleteImageForm::at_once(image)).map(|_| ()).unwrap();
    let costs = |tags: &str| {
        let place = Place { project: Some(s.project), region: north() };
        let query = UsageQuery { group: Group::Tag, ..UsageQuery::default() };
        let page = usage::page(&s.owner(), &place, &query).unwrap();
        assert_eq!(page.groups.iter().map(|group| group.amount).sum::<Money>(), page.total);
        page.groups.into_iter().find(|group| group.name == tags).map(|group| group.amount)
    };
    tagged("env=prod");
    s.passes(10);
    let prod = costs("env=prod").unwrap();
    deleted();
    let form = RestoreImageForm { image: image.to_string(), price_version: 1, ..RestoreImageForm::default() };
    images::restore(&s.owner(), &form).unwrap();
    tagged("env=test");
    s.passes(20);
    assert_eq!(costs("env=prod"), Some(prod), "what has ended is left alone");
    let test = costs("env=test").unwrap();
    assert!(test > prod);
    tagged("env=dev");
    s.passes(5);
    assert_eq!(costs("env=test"), Some(test), "also of one that is there and sorted in another way now");
    assert!(costs("env=dev").unwrap() > Money::ZERO);
    deleted();
    images::purge(&s.owner(), image).unwrap();
    s.bench.work().unwrap();
    assert!(s.bench.app.images.get(&image).is_none());
    assert_eq!((costs("env=prod"), costs("env=test")), (Some(prod), Some(test)), "also when it is gone");
    check(&s.bench).unwrap();
}
