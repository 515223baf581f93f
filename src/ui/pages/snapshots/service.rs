//! The snapshot service of an account in a region: its line above the lists, and the dialog that turns it on or off with what that costs and
//! does.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, PriceAhead, counted, explained, loaded, role_reason};
use super::list::SnapshotsView;
use crate::ui::calls::snapshots::{TurnService, get_service, list_snapshots};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::view::ServiceView;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// `€1.00 per month and €0.030 per stored GB`.
pub(super) fn price_words(service: &ServiceView) -> String {
    format!(
        "{} per month and {}",
        service.service.month.display(&service.symbol),
        service.rate.words(&service.symbol)
    )
}

/// Whether the service is on, what it costs, and the way to turn it.
#[component]
pub(super) fn ServiceLine(service: ServiceView) -> impl IntoView {
    let on = service.since.is_some();
    let status = match service.since {
        Some(_) => view! { <Status tone=Tone::Good word="Snapshot service on"/> }.into_any(),
        None => {
            view! { <Status tone=Tone::Plain icon=IconName::Off word="Snapshot service off"/> }.into_any()
        }
    };
    let price = price_words(&service);
    let words = match service.since {
        Some(since) => {
            format!("For {} in {} since {}: {price}.", service.account, service.region, since.day())
        }
        None => format!(
            "Snapshots, schedules and images of whole machines need it. In {} it costs {price} of what it keeps.",
            service.region
        ),
    };
    let label = if on { "Turn off" } else { "Turn on" };
    let turn = match refusal(&service) {
        None => {
            let variant = if on { Variant::Outline } else { Variant::Primary };
            view! { <LinkButton href=paths::SNAPSHOT_SERVICE variant>{label}</LinkButton> }.into_any()
        }
        Some(rule) => view! { <BlockedAction id="service-why" label reason=explained(rule)/> }.into_any(),
    };
    view! {
        <div class="panel between">
            <div class="stack stack--xs">
                {status}
                <p class="small soft">{words}</p>
            </div>
            {turn}
        </div>
    }
}

/// Why the service cannot be turned the other way now, by whom is looking.
fn refusal(service: &ServiceView) -> Option<Rule> {
    if !service.may_switch {
        return Some(Rule {
            way_out: "One of the owners of the account can turn it.".to_owned(),
            now: "Your role does not decide about it.".to_owned(),
            ..role_reason()
        });
    }
    service.blocked.clone().filter(|_| service.since.is_none())
}

/// The list with the dialog on top.
#[component]
pub fn ServicePage() -> impl IntoView {
    let refused = use_form();
    let data = async move {
        let list = list_snapshots(String::new(), None, 1).await?;
        Ok((list, get_service().await?, refused.error().await))
    };
    loaded(data, |(list, service, error)| {
        view! { <SnapshotsView list/><ServiceDialog service error/> }.into_any()
    })
}

#[component]
fn ServiceDialog(service: ServiceView, error: Option<ApiError>) -> impl IntoView {
    let on = service.since.is_some();
    let title = if on { "Turn the snapshot service off?" } else { "Turn the snapshot service on?" };
    let sub = format!("For {} in {}.", service.account, service.region);
    let close = paths::SNAPSHOTS.to_owned();
    let body = match refusal(&service) {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <TurnForm service error/> }.into_any(),
    };
    view! { <Dialog id="service" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn TurnForm(service: ServiceView, error: Option<ApiError>) -> impl IntoView {
    let on = service.since.is_some();
    let month = service.service.month.display(&service.symbol);
    let rate = service.rate.words(&service.symbol);
    let (consequences, turn, keep, verb) = match on {
        true => (turned_off(&service), "off", "Leave it on", "Turn off"),
        false => (turned_on(), "on", "Leave it off", "Turn on"),
    };
    let (headline, detail) = match on {
        true => {
            let kept = service.kept.month.display(&service.symbol);
            (format!("Saves {month} per month"), format!("What is kept goes on costing {kept} per month."))
        }
        false => (
            service.service.words(&service.symbol),
            format!("And {rate} of snapshots. Charged from now on, to the second."),
        ),
    };
    let change = if on { Money::ZERO - service.service.month } else { service.service.month };
    let variant = if on { Variant::Danger } else { Variant::Primary };
    view! {
        <PostForm to=TurnService::url()>
            <input type="hidden" name="form[region]" value=service.region.to_string()/>
            <input type="hidden" name="form[turn]" value=turn/>
            <input type="hidden" name="form[price_version]" value=service.price_version.to_string()/>
            <DialogBody>
                <Refusal error/>
                <EffectsList consequences/>
            </DialogBody>
            <DialogFoot>
                <PriceAhead headline detail month=change/>
                <LinkButton href=paths::SNAPSHOTS size=Size::Form>{keep}</LinkButton>
                <Button variant size=Size::Form icon=IconName::Power>{verb}</Button>
            </DialogFoot>
        </PostForm>
    }
}

fn line(icon: IconName, tone: Tone, what: &str, count: String, detail: &str) -> Consequence {
    let detail = (!detail.is_empty()).then(|| detail.to_owned());
    Consequence { icon, tone, what: what.to_owned(), count, detail }
}

fn turned_on() -> Vec<Consequence> {
    vec![
        line(
            IconName::Camera,
            Tone::Good,
            "Snapshots can be taken",
            String::new(),
            "Of one disk, or of all disks of a machine at one instant. The machine keeps running.",
        ),
        line(IconName::Clock, Tone::Good, "Schedules can take them", String::new(), "And keep the newest."),
        line(
            IconName::Image,
            Tone::Good,
            "Images of whole machines can be made",
            String::new(),
            "With their data disks.",
        ),
    ]
}

fn turned_off(service: &ServiceView) -> Vec<Consequence> {
    let n = service.n_snapshots as usize;
    let mut lines = Vec::new();
    if service.n_schedules > 0 {
        lines.push(line(
            IconName::Clock,
            Tone::Warn,
            "Schedules stop",
            counted(service.n_schedules as usize, "schedule"),
            "They stay as they are, and go on when it is on again.",
        ));
    }
    lines.push(line(
        IconName::Off,
        Tone::Plain,
        "No new snapshots, and no images of whole machines",
        String::new(),
        "",
    ));
    if n > 0 {
        let detail = format!(
            "{} stored, {} per month until they are deleted.",
            size::decimal(service.stored_bytes),
            service.kept.month.display(&service.symbol)
        );
        lines.push(line(
            IconName::Disk,
            Tone::Warn,
            "Snapshots stay and go on costing",
            counted(n, "snapshot"),
            &detail,
        ));
    }
    if service.n_machine_images > 0 {
        let images = format!(
            "{} image{}",
            grouped(service.n_machine_images),
            if service.n_machine_images == 1 { "" } else { "s" }
        );
        lines.push(line(IconName::Image, Tone::Good, "Images of whole machines stay", images, ""));
    }
    lines
}
