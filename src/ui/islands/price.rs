//! The price of machines beside the button that makes them. Server and browser reckon it with the same code.

use super::{form_around, target};
use crate::ui::components::PriceLine;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::{ChangeImageForm, DeployForm, GroupForm};
use darkroom_core::domain::ids::FlavorId;
use darkroom_core::domain::price::{Estimate, PriceBook};
use darkroom_core::domain::size::{self, GIB};
use leptos::prelude::*;
use leptos::{ev, html};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The data disks that an image brings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Brought {
    /// What the form sends for the image.
    pub image: String,
    /// Their sizes, in bytes, in the order of the fields.
    pub data_bytes: Vec<u64>,
}

/// The price of what is chosen right now: `€0.006 per hour, €4.12 per month` and what it is for. Without script it is that of the values
/// the page opened with, and says so.
#[island]
pub fn DeployPrice(prices: PriceBook, form: DeployForm, brought: Vec<Brought>) -> impl IntoView {
    live_price(form, move |form| price_words(&prices, form, &brought))
}

/// The price of a scaling group as large as it is wanted right now.
#[island]
pub fn GroupPrice(prices: PriceBook, form: GroupForm) -> impl IntoView {
    live_price(form, move |form| group_words(&prices, form))
}

/// The price of a machine after its system disk is replaced by one of the size that is chosen right now, beside what it costs before.
#[island]
pub fn ChangePrice(
    prices: PriceBook,
    flavor: String,
    /// Its disks now, system disk first.
    disks: Vec<(DiskKind, u64)>,
    form: ChangeImageForm,
) -> impl IntoView {
    live_price(form, move |form| change_words(&prices, &flavor, &disks, form))
}

/// A price that follows the form around it.
fn live_price<F: DeserializeOwned + Send + Sync + 'static>(
    form: F,
    words: impl Fn(&F) -> (String, String) + Send + Sync + 'static,
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
    let words = Memo::new(move |_| now.with(&words));
    let headline = Signal::derive(move || words.with(|(headline, _)| headline.clone()));
    let detail = Signal::derive(move || words.with(|(_, detail)| detail.clone()));
    view! {
        <div class="live-price" node_ref=place>
            <div role="status"><PriceLine headline detail/></div>
            <p class="small soft" hidden=move || live.get()>
                "This is for the values the page opened with; the rates beside each choice tell the rest."
            </p>
        </div>
    }
}

fn no_price() -> (String, String) {
    ("No price yet".to_owned(), "Choose a type and a kind of disk that are offered here.".to_owned())
}

/// `€0.006 per hour, €4.12 per month`.
fn headline(estimate: &Estimate, prices: &PriceBook) -> String {
    format!(
        "{} per hour, {} per month",
        estimate.hour.rate(&prices.symbol),
        estimate.month.display(&prices.symbol)
    )
}

fn price_words(prices: &PriceBook, form: &DeployForm, brought: &[Brought]) -> (String, String) {
    let of_image = brought.iter().find(|one| one.image == form.image);
    let disks = form.disks_so_far(of_image.map_or(&[], |one| &one.data_bytes));
    let Some(estimate) = prices.machine(&FlavorId(form.flavor.clone()), &disks) else {
        return no_price();
    };
    let headline = headline(&estimate, prices);
    let total = size::binary(disks.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add));
    let disks =
        if disks.len() == 1 { format!("1 disk, {total}") } else { format!("{} disks, {total}", disks.len()) };
    (headline, format!("While it runs: {} and {disks}. A month is 730 hours.", form.flavor))
}

fn group_words(prices: &PriceBook, form: &GroupForm) -> (String, String) {
    let Some(wanted) = form.wanted.trim().parse::<u32>().ok() else {
        return ("No price yet".to_owned(), "Say how many machines there shall be.".to_owned());
    };
    let Some((kind, bytes)) = form.disk_so_far() else { return no_price() };
    let Some(one) = prices.machine(&FlavorId(form.flavor.clone()), &[(kind, bytes)]) else {
        return no_price();
    };
    let all = Estimate { hour: one.hour.scaled(wanted.into(), 1), month: one.month.scaled(wanted.into(), 1) };
    let each = one.month.display(&prices.symbol);
    let detail = format!(
        "While all run: {wanted} × {each} for {} and a disk of {}. A month is 730 hours.",
        form.flavor,
        size::binary(bytes)
    );
    (headline(&all, prices), detail)
}

fn change_words(
    prices: &PriceBook,
    flavor: &str,
    disks: &[(DiskKind, u64)],
    form: &ChangeImageForm,
) -> (String, String) {
    let mut after = disks.to_vec();
    if let (Ok(gib), Some(system)) = (form.disk_gib.trim().parse::<u64>(), after.first_mut()) {
        system.1 = gib.saturating_mul(GIB);
    }
    let flavor = FlavorId(flavor.to_owned());
    let (Some(now), Some(then)) = (prices.machine(&flavor, disks), prices.machine(&flavor, &after)) else {
        return no_price();
    };
    let (before, month) = (now.month.display(&prices.symbol), then.month.display(&prices.symbol));
    let compared = if before == month { "as before".to_owned() } else { format!("before {before}") };
    (
        format!("{month} per month, {compared}"),
        "While it runs. The old system disk is charged until the new one runs.".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::money::Money;

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
        let (headline, detail) = price_words(&prices(), &form("m1.tiny"), &[]);
        assert_eq!(headline, "€0.005 per hour, €3.78 per month");
        assert_eq!(detail, "While it runs: m1.tiny and 1 disk, 10 GiB. A month is 730 hours.");
        let more = DeployForm { data1_gib: "10".to_owned(), data1_kind: "ssd".to_owned(), ..form("m1.tiny") };
        assert!(price_words(&prices(), &more, &[]).0.contains("€4.64 per month"));
        assert_eq!(price_words(&prices(), &form("m1.huge"), &[]).0, "No price yet");
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
        let (headline, detail) = group_words(&prices(), &form("3"));
        assert_eq!(headline, "€0.016 per hour, €11.34 per month");
        assert!(detail.starts_with("While all run: 3 × €3.78 for m1.tiny and a disk of 10 GiB."), "{detail}");
        assert_eq!(group_words(&prices(), &form("many")).0, "No price yet");
    }

    #[test]
    fn another_system_disk_is_priced_beside_the_one_before() {
        let disks = [(DiskKind::Ssd, 10 * GIB)];
        let of = |gib: &str| {
            let form = ChangeImageForm { disk_gib: gib.to_owned(), ..ChangeImageForm::default() };
            change_words(&prices(), "m1.tiny", &disks, &form).0
        };
        assert_eq!(of(""), "€3.78 per month, as before");
        assert_eq!(of("20"), "€4.64 per month, before €3.78");
    }
}
