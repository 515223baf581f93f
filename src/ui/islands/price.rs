//! The price of machines beside the button that makes them. Server and browser reckon it with the same code.

use super::{form_around, target};
use crate::ui::components::PriceLine;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::{AddDiskForm, ChangeImageForm, CopyImageForm, DeployForm, GroupForm};
use darkroom_core::domain::ids::FlavorId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::{Ahead, Estimate, PriceBook};
use darkroom_core::domain::size::{self, GIB};
use darkroom_core::domain::view::{CopyCost, CopyRegion};
use leptos::prelude::*;
use leptos::{ev, html};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What an image brings that costs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brought {
    /// What the form sends for the image.
    pub image: String,
    /// The sizes of its data disks, in bytes, in the order of the fields.
    pub data_bytes: Vec<u64>,
    /// The licence that machines carry on (U5); empty for none.
    pub licence: String,
}

/// A price in words, and what it adds to a month, where there is one.
struct Priced {
    headline: String,
    detail: String,
    month: Option<Money>,
    /// What is charged once beside it.
    once: Money,
}

impl Priced {
    fn of(headline: String, detail: String, month: Money) -> Self {
        Self { headline, detail, month: Some(month), once: Money::ZERO }
    }
}

/// The price of what is chosen right now: `€0.006 per hour, €4.12 per month` and what it is for. Without script it is that of the values
/// the page opened with, and says so.
#[island]
pub fn DeployPrice(
    prices: PriceBook,
    form: DeployForm,
    brought: Vec<Brought>,
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| price_words(&prices, form, &brought))
}

/// The price of a scaling group as large as it is wanted right now, beside what it is before.
#[island]
pub fn GroupPrice(
    prices: PriceBook,
    form: GroupForm,
    brought: Vec<Brought>,
    /// How many machines it has, and what each of them costs a month: they stay as they are.
    before: (u32, Money),
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| group_words(&prices, form, &brought, before))
}

/// The price of a machine after its system disk is replaced by one of the size and image that are chosen right now, beside what it costs
/// before.
#[island]
pub fn ChangePrice(
    prices: PriceBook,
    flavor: String,
    /// Its disks now, system disk first.
    disks: Vec<(DiskKind, u64)>,
    /// The licence that it carries now.
    licence: String,
    form: ChangeImageForm,
    brought: Vec<Brought>,
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| change_words(&prices, &flavor, (&disks, &licence), form, &brought))
}

/// The price of one more disk of the kind and size that are chosen right now.
#[island]
pub fn DiskPrice(
    prices: PriceBook,
    form: AddDiskForm,
    /// What it can start as, and the least size that goes with it, in bytes: that of a disk whose size is left empty.
    sources: Vec<(String, u64)>,
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| disk_words(&prices, form, &sources))
}

/// The price of as many copies as regions are chosen right now, with or without the data disks.
#[island]
pub fn CopyPrice(
    /// Where copies can go.
    regions: Vec<CopyRegion>,
    form: CopyImageForm,
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| copy_words(&regions, form))
}

/// What one choice of a form keeps.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// The machine it is of; empty where the form has one only.
    pub instance: String,
    /// What the form sends as `what`.
    pub what: String,
    /// What it will probably cost, where that is known.
    pub likely: Option<Estimate>,
    /// What it can cost at most.
    pub most: Estimate,
}

/// What a form says of what is kept; forms that have no such field keep one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptForm {
    /// The machine.
    pub instance: String,
    /// What of it.
    pub what: String,
    /// How many are kept.
    pub keep: String,
}

/// The price of keeping what is chosen right now, once or as often as is wanted.
#[island]
pub fn KeptPrice(
    kept: Vec<Kept>,
    form: KeptForm,
    /// The rate in words.
    rate: String,
    symbol: String,
    /// What else is to be said.
    note: String,
    ahead: Option<Ahead>,
) -> impl IntoView {
    live_price(form, ahead, move |form| kept_words(&kept, form, (&rate, &note), &symbol))
}

/// A price that follows the form around it.
fn live_price<F: DeserializeOwned + Send + Sync + 'static>(
    form: F,
    ahead: Option<Ahead>,
    words: impl Fn(&F) -> Priced + Send + Sync + 'static,
) -> impl IntoView {
    let now = RwSignal::new(form);
    let live = RwSignal::new(false);
    let place = NodeRef::<html::Div>::new();
    // A browser may have put back what was typed before.
    Effect::new(move |_| {
        if let Some(form) = place.get().and_then(|place| form_around(&place)) {
            now.set(form);
            live.set(true);
        }
    });
    #[cfg(feature = "hydrate")]
    {
        let listener = window_event_listener(ev::input, move |event| {
            if let Some(form) = target(&event).and_then(|control| form_around(&control)) {
                now.set(form);
            }
        });
        on_cleanup(move || listener.remove());
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = (ev::input, target);
    let words = Memo::new(move |_| {
        let Priced { headline, detail, month, once } = now.with(&words);
        let month = month.zip(ahead.as_ref()).map(|(month, ahead)| ahead.words(month, once));
        (headline, detail, month.unwrap_or_default())
    });
    let headline = Signal::derive(move || words.with(|(headline, ..)| headline.clone()));
    let detail = Signal::derive(move || words.with(|(_, detail, _)| detail.clone()));
    let month = move || words.with(|(.., month)| month.clone());
    view! {
        <div class="live-price" node_ref=place>
            <div role="status"><PriceLine headline detail><span>{month}</span></PriceLine></div>
            <p class="small soft" hidden=move || live.get()>
                "This is for the values the page opened with; the rates beside each choice tell the rest."
            </p>
        </div>
    }
}

fn no_price(why: &str) -> Priced {
    Priced { headline: "No price yet".to_owned(), detail: why.to_owned(), month: None, once: Money::ZERO }
}

/// What to choose first.
const NOT_OFFERED: &str = "Choose a type and a kind of disk that are offered here.";

fn licence_of<'a>(brought: &'a [Brought], image: &str) -> &'a str {
    brought.iter().find(|one| one.image == image).map_or("", |one| &one.licence)
}

/// `, licence GPL`, for a licence that has a price.
fn with_licence(prices: &PriceBook, licence: &str) -> String {
    match prices.licence_hour.get(licence) {
        Some(_) => format!(", licence {licence}"),
        None => String::new(),
    }
}

fn price_words(prices: &PriceBook, form: &DeployForm, brought: &[Brought]) -> Priced {
    let of_image = brought.iter().find(|one| one.image == form.image);
    let disks = form.disks_so_far(of_image.map_or(&[], |one| &one.data_bytes));
    let Some(machine) = prices.machine(&FlavorId(form.flavor.clone()), &disks) else {
        return no_price(NOT_OFFERED);
    };
    let licence = licence_of(brought, &form.image);
    let estimate = machine + prices.licence(licence);
    let total = size::binary(disks.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add));
    let disks =
        if disks.len() == 1 { format!("1 disk, {total}") } else { format!("{} disks, {total}", disks.len()) };
    let licence = with_licence(prices, licence);
    Priced::of(
        estimate.words(&prices.symbol),
        format!("While it runs: {} and {disks}{licence}. A month is 730 hours.", form.flavor),
        estimate.month,
    )
}

fn group_words(
    prices: &PriceBook,
    form: &GroupForm,
    brought: &[Brought],
    (n_before, each_before): (u32, Money),
) -> Priced {
    let Some(wanted) = form.wanted.trim().parse::<u32>().ok() else {
        return no_price("Say how many machines there shall be.");
    };
    let Some((kind, bytes)) = form.disk_so_far() else { return no_price(NOT_OFFERED) };
    let Some(one) = prices.machine(&FlavorId(form.flavor.clone()), &[(kind, bytes)]) else {
        return no_price(NOT_OFFERED);
    };
    let licence = licence_of(brought, &form.image);
    let one = one + prices.licence(licence);
    let all = one.times(wanted);
    let each = one.month.display(&prices.symbol);
    let detail = format!(
        "While all run: {wanted} × {each} for {} and a disk of {}{}. A month is 730 hours.",
        form.flavor,
        size::binary(bytes),
        with_licence(prices, licence)
    );
    // What is chosen holds for machines that are made from now on; those that go cost what they cost.
    let month = match wanted.checked_sub(n_before) {
        Some(more) => one.month.scaled(more.into(), 1),
        None => Money::ZERO - each_before.scaled((n_before - wanted).into(), 1),
    };
    Priced::of(all.words(&prices.symbol), detail, month)
}

fn change_words(
    prices: &PriceBook,
    flavor: &str,
    (disks, licence): (&[(DiskKind, u64)], &str),
    form: &ChangeImageForm,
    brought: &[Brought],
) -> Priced {
    let mut after = disks.to_vec();
    if let (Ok(gib), Some(system)) = (form.disk_gib.trim().parse::<u64>(), after.first_mut()) {
        system.1 = gib.saturating_mul(GIB);
    }
    let flavor = FlavorId(flavor.to_owned());
    let (Some(now), Some(then)) = (prices.machine(&flavor, disks), prices.machine(&flavor, &after)) else {
        return no_price(NOT_OFFERED);
    };
    let now = now + prices.licence(licence);
    let then = then + prices.licence(licence_of(brought, &form.image));
    // It is off now and runs then: what is charged at present is its disks.
    let charged = disks.iter().map(|(kind, bytes)| prices.disk(*kind, *bytes).month).sum();
    let (before, month) = (now.month.display(&prices.symbol), then.month.display(&prices.symbol));
    let compared = if before == month { "as before".to_owned() } else { format!("before {before}") };
    Priced::of(
        format!("{} per hour, {month} per month, {compared}", then.hour.fine(&prices.symbol)),
        "While it runs, as it does when it is done. The old system disk is charged until then.".to_owned(),
        then.month - charged,
    )
}

fn disk_words(prices: &PriceBook, form: &AddDiskForm, sources: &[(String, u64)]) -> Priced {
    let Some(kind) = prices.disk_gb_month.keys().copied().find(|kind| kind.as_str() == form.kind) else {
        return no_price("Choose a kind of disk that is offered here.");
    };
    let least = sources.iter().find(|(source, _)| *source == form.source).map(|(_, bytes)| *bytes);
    let bytes = match form.size_gib.trim() {
        "" => least.filter(|bytes| *bytes > 0),
        gib => gib.parse::<u64>().ok().map(|gib| gib.saturating_mul(GIB)),
    };
    let Some(bytes) = bytes else { return no_price("Say how large it shall be.") };
    let estimate = prices.disk(kind, bytes);
    let rate = prices.disk_gb_month.get(&kind).copied().unwrap_or_default().rate(&prices.symbol);
    let (size, per) = (size::binary(bytes), prices.per_month());
    let detail = format!("{size} of {kind} at {rate} per {per}. Charged until it is removed, on or off.");
    Priced::of(estimate.words(&prices.symbol), detail, estimate.month)
}

fn kept_words(kept: &[Kept], form: &KeptForm, (rate, note): (&str, &str), symbol: &str) -> Priced {
    let here = |kept: &&Kept| kept.instance.is_empty() || kept.instance == form.instance;
    let Some(chosen) = kept.iter().filter(here).find(|kept| kept.what == form.what) else {
        return no_price(&format!("{rate}. Choose what to keep."));
    };
    let n = match form.keep.trim() {
        "" => Some(1),
        keep => keep.parse::<u32>().ok(),
    };
    let Some(n) = n else { return no_price(&format!("{rate}. Say how many to keep.")) };
    let most = chosen.most.times(n);
    match chosen.likely.map(|one| one.times(n)) {
        Some(likely) => Priced::of(
            format!("About {}", likely.words(symbol)),
            format!("{rate}. At most {} per month. {note}", most.month.display(symbol)),
            likely.month,
        ),
        None => Priced::of(format!("At most {}", most.words(symbol)), format!("{rate}. {note}"), most.month),
    }
}

fn copy_words(regions: &[CopyRegion], form: &CopyImageForm) -> Priced {
    let chosen: Vec<&CopyRegion> =
        regions.iter().filter(|region| form.regions.contains(&region.id.0)).collect();
    let Some(first) = chosen.first() else { return no_price("Choose where to copy it.") };
    let cost = |region: &CopyRegion| match form.data_disks.as_str() {
        "yes" => region.with_data.unwrap_or(region.cost),
        _ => region.cost,
    };
    let costs: Vec<CopyCost> = chosen.iter().map(|region| cost(region)).collect();
    let all = costs.iter().fold(Estimate::NOTHING, |sum, cost| sum + cost.estimate);
    let once: Money = costs.iter().map(|cost| cost.transfer).sum();
    let stored = size::decimal(cost(first).stored_bytes);
    let what = match chosen.len() {
        1 => format!("{stored} at {}", first.rate.words(&first.symbol)),
        n => format!("{n} copies of {stored}"),
    };
    let way = match once {
        Money::ZERO => String::new(),
        once => format!(", and {} once for the way", once.display(&first.symbol)),
    };
    let detail = format!("At most: {what}{way}. What your images there hold already costs nothing more.");
    Priced { once, ..Priced::of(all.words(&first.symbol), detail, all.month) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices() -> PriceBook {
        PriceBook {
            version: 3,
            symbol: "€".to_owned(),
            image_gb_month: Money(50_000),
            bin_gb_month: Money(50_000),
            snapshot_service_month: Money(1_000_000),
            snapshot_gb_month: Money(50_000),
            disk_gb_month: [(DiskKind::Ssd, Money(80_000))].into(),
            flavor_hour: [("m1.tiny".into(), Money(4_000))].into(),
            ..PriceBook::default()
        }
    }

    fn form(flavor: &str) -> DeployForm {
        DeployForm {
            flavor: flavor.to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "10".to_owned(),
            ..DeployForm::default()
        }
    }

    #[test]
    fn the_price_is_that_of_what_is_chosen_right_now() {
        let Priced { headline, detail, .. } = price_words(&prices(), &form("m1.tiny"), &[]);
        assert_eq!(headline, "€0.005 per hour, €3.78 per month");
        assert_eq!(detail, "While it runs: m1.tiny and 1 disk, 10 GiB. A month is 730 hours.");
        let more = DeployForm { data1_gib: "10".to_owned(), data1_kind: "ssd".to_owned(), ..form("m1.tiny") };
        assert!(price_words(&prices(), &more, &[]).headline.contains("€4.64 per month"));
        assert_eq!(price_words(&prices(), &form("m1.huge"), &[]).headline, "No price yet");
    }

    #[test]
    fn a_group_costs_as_many_machines_as_are_wanted() {
        let form = |wanted: &str| GroupForm {
            wanted: wanted.to_owned(),
            flavor: "m1.tiny".to_owned(),
            disk_kind: "ssd".to_owned(),
            disk_gib: "10".to_owned(),
            ..GroupForm::default()
        };
        let before = (1, Money(2_000_000));
        let Priced { headline, detail, month, .. } = group_words(&prices(), &form("3"), &[], before);
        assert_eq!(
            month.map(|month| month.display("€")),
            Some("€7.56".to_owned()),
            "beside the one there is"
        );
        assert_eq!(headline, "€0.016 per hour, €11.34 per month");
        assert!(detail.starts_with("While all run: 3 × €3.78 for m1.tiny and a disk of 10 GiB."), "{detail}");
        let fewer = group_words(&prices(), &form("1"), &[], (3, Money(2_000_000)));
        assert_eq!(fewer.month, Some(Money(-4_000_000)), "those that go are the old ones");
        assert_eq!(group_words(&prices(), &form("many"), &[], before).headline, "No price yet");
    }

    #[test]
    fn another_system_disk_is_priced_beside_the_one_before() {
        let disks = [(DiskKind::Ssd, 10 * GIB)];
        let of = |gib: &str| {
            let form = ChangeImageForm { disk_gib: gib.to_owned(), ..ChangeImageForm::default() };
            change_words(&prices(), "m1.tiny", (&disks, ""), &form, &[]).headline
        };
        assert_eq!(of(""), "€0.005 per hour, €3.78 per month, as before");
        assert_eq!(of("20"), "€0.006 per hour, €4.64 per month, before €3.78");
    }

    #[test]
    fn the_month_counts_that_the_machine_was_off_and_runs_with_its_new_image() {
        let form = ChangeImageForm { disk_gib: "10".to_owned(), ..ChangeImageForm::default() };
        let words = change_words(&prices(), "m1.tiny", (&[(DiskKind::Ssd, 10 * GIB)], ""), &form, &[]);
        assert_eq!(words.month, prices().machine(&"m1.tiny".into(), &[]).map(|running| running.month));
    }

    #[test]
    fn a_licence_is_part_of_the_price_of_every_machine_that_carries_it() {
        let prices = PriceBook { licence_hour: [("suite".to_owned(), Money(10_000))].into(), ..prices() };
        let brought = [Brought { image: "web".to_owned(), data_bytes: vec![], licence: "suite".to_owned() }];
        let form = DeployForm { image: "web".to_owned(), ..form("m1.tiny") };
        let Priced { headline, detail, .. } = price_words(&prices, &form, &brought);
        assert_eq!(headline, "€0.015 per hour, €11.08 per month");
        assert!(detail.contains("10 GiB, licence suite."), "{detail}");
    }

    #[test]
    fn copies_cost_what_they_do_where_they_are_made_together() {
        let cost = |gb: u64, transfer| {
            let estimate = prices().image(gb * 1_000_000_000);
            CopyCost { stored_bytes: gb * 1_000_000_000, estimate, transfer: Money(transfer) }
        };
        let region = |id: &str, inside: bool| CopyRegion {
            id: id.into(),
            inside,
            refused: None,
            cost: cost(10, if inside { 0 } else { 100_000 }),
            with_data: Some(cost(30, if inside { 0 } else { 300_000 })),
            zone: None,
            rate: prices().stored_rate(Money(50_000)),
            symbol: "€".to_owned(),
            price_version: 3,
            quota: String::new(),
            free_name: "web-2".to_owned(),
        };
        let regions = [region("north-1", true), region("south-1", false)];
        let form = |chosen: &[&str], data: &str| CopyImageForm {
            regions: chosen.iter().map(|id| (*id).to_owned()).collect(),
            data_disks: data.to_owned(),
            ..CopyImageForm::default()
        };
        let words = |chosen: &[&str], data: &str| copy_words(&regions, &form(chosen, data));
        let one = words(&["north-1"], "");
        assert!(one.detail.starts_with("At most: 10 GB at €0.050 per stored GB. What"), "{}", one.detail);
        assert_eq!((one.month, one.once), (Some(Money(500_000)), Money::ZERO));
        let both = words(&["north-1", "south-1"], "yes");
        assert_eq!((both.month, both.once), (Some(Money(3_000_000)), Money(300_000)));
        assert!(both.headline.contains("€3.00 per month"), "{}", both.headline);
        assert!(
            both.detail.starts_with("At most: 2 copies of 30 GB, and €0.30 once for the way. What"),
            "{}",
            both.detail
        );
        assert_eq!(words(&[], "").headline, "No price yet");
    }

    #[test]
    fn what_is_kept_costs_as_often_as_it_is_kept() {
        let of = |instance: &str, what: &str, gb: u64, likely: bool| {
            let most = prices().snapshots(gb * 1_000_000_000);
            let likely = likely.then(|| prices().snapshots(gb * 500_000_000));
            Kept { instance: instance.to_owned(), what: what.to_owned(), likely, most }
        };
        let kept = [of("a", "system", 10, false), of("b", "system", 20, false), of("", "all", 40, true)];
        let words = |instance: &str, what: &str, keep: &str| {
            let form =
                KeptForm { instance: instance.to_owned(), what: what.to_owned(), keep: keep.to_owned() };
            kept_words(&kept, &form, ("€0.050 per stored GB", "Nothing is charged twice."), "€")
        };
        let week = words("b", "system", "7");
        assert_eq!(week.month, Some(Money(7_000_000)));
        assert!(week.headline.starts_with("At most €0.010 per hour, €7.00 per month"), "{}", week.headline);
        assert_eq!(words("a", "system", "").month, Some(Money(500_000)), "one, where none are counted");
        let both = words("c", "all", "");
        assert_eq!(both.month, Some(Money(1_000_000)));
        assert_eq!(both.detail, "€0.050 per stored GB. At most €2.00 per month. Nothing is charged twice.");
        assert_eq!((words("c", "system", "").month, words("a", "system", "many").month), (None, None));
    }

    #[test]
    fn one_more_disk_costs_its_size() {
        let words = |kind: &str, size: &str, source: &str| {
            let form = AddDiskForm {
                kind: kind.to_owned(),
                size_gib: size.to_owned(),
                source: source.to_owned(),
                ..AddDiskForm::default()
            };
            disk_words(&prices(), &form, &[("empty".to_owned(), 0), ("data".to_owned(), 10 * GIB)]).headline
        };
        assert_eq!(words("ssd", "10", "empty"), "€0.0012 per hour, €0.86 per month");
        assert_eq!(words("ssd", "", "data"), words("ssd", "10", "empty"), "as large as what it starts as");
        assert_eq!(words("ssd", "", "empty"), "No price yet");
        assert_eq!(words("tape", "10", "empty"), "No price yet");
    }
}
