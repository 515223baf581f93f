//! The price of a machine beside the button that makes it. Server and browser reckon it with the same code.

use super::{form_around, target};
use crate::ui::components::PriceLine;
use darkroom_core::domain::form::DeployForm;
use darkroom_core::domain::ids::FlavorId;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::size;
use leptos::prelude::*;
use leptos::{ev, html};

/// The price of what is chosen right now: `€0.006 per hour, €4.12 per month` and what it is for. Without script it is that of the values
/// the page opened with, and says so.
#[island]
pub fn DeployPrice(prices: PriceBook, form: DeployForm) -> impl IntoView {
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
    let words = Memo::new(move |_| now.with(|form| price_words(&prices, form)));
    let headline = Signal::derive(move || words.with(|(headline, _)| headline.clone()));
    let detail = Signal::derive(move || words.with(|(_, detail)| detail.clone()));
    view! {
        <div node_ref=place>
            <div role="status"><PriceLine headline detail/></div>
            <p class="small soft" hidden=move || live.get()>
                "This is for the values the page opened with; the rates beside each choice tell the rest."
            </p>
        </div>
    }
}

fn price_words(prices: &PriceBook, form: &DeployForm) -> (String, String) {
    let disks = form.disks_so_far(&[]);
    let Some(estimate) = prices.machine(&FlavorId(form.flavor.clone()), &disks) else {
        return (
            "No price yet".to_owned(),
            "Choose a type and a kind of disk that are offered here.".to_owned(),
        );
    };
    let headline = format!(
        "{} per hour, {} per month",
        estimate.hour.rate(&prices.symbol),
        estimate.month.display(&prices.symbol)
    );
    let total = size::binary(disks.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add));
    let disks =
        if disks.len() == 1 { format!("1 disk, {total}") } else { format!("{} disks, {total}", disks.len()) };
    (headline, format!("While it runs: {} and {disks}. A month is 730 hours.", form.flavor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::disk::DiskKind;
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
        let (headline, detail) = price_words(&prices(), &form("m1.tiny"));
        assert_eq!(headline, "€0.005 per hour, €3.78 per month");
        assert_eq!(detail, "While it runs: m1.tiny and 1 disk, 10 GiB. A month is 730 hours.");
        let more = DeployForm { data1_gib: "10".to_owned(), data1_kind: "ssd".to_owned(), ..form("m1.tiny") };
        assert!(price_words(&prices(), &more).0.contains("€4.64 per month"));
        assert_eq!(price_words(&prices(), &form("m1.huge")).0, "No price yet");
    }
}
