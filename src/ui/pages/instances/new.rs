//! *New instance*: the form that makes a machine from an image, with the price beside its button. Browser and server reckon the price with
//! the same code; without script the price is that of the values the page came with and the rates stand beside each choice.

use super::super::held::{Held, refusals};
use super::super::parts::{LoadedForm, explained};
use super::picker::{FilterForm, GroupError, ImagePicker, Offer};
use crate::ui::browser::use_hydrated;
use crate::ui::calls::instances::{CreateInstance, get_deploy_options};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{use_form, use_word};
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::form::{DISK_GIB_MAX, DeployForm};
use darkroom_core::domain::ids::FlavorId;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::size::{self, GIB};
use darkroom_core::domain::text::NAME_CHARS_MAX;
use darkroom_core::domain::view::{DeployOptions, ImageChoice};
use leptos::prelude::*;
use leptos_meta::Title;

/// The page *New instance*.
#[component]
pub fn NewInstancePage() -> impl IntoView {
    let action = ServerAction::<CreateInstance>::new();
    let held = Held::<DeployForm>::new(action);
    let tries = refusals(action);
    let data = Resource::new(move || tries.get(), |_| get_deploy_options());
    let wanted = use_word("image");
    let shown = Callback::new(move |(options, state): (DeployOptions, FormState<DeployForm>)| {
        let state = with_wanted(state, &options, &wanted.get_untracked());
        view! { <NewInstanceView options state action held/> }.into_any()
    });
    view! {
        <Title text="New instance · darkroom"/>
        <LoadedForm data refused=use_form() fresh shown/>
    }
}

/// Whole GiB that hold `bytes`.
fn gib(bytes: u64) -> u64 {
    bytes.div_ceil(GIB).max(1)
}

/// The least system disk for an image, in GiB.
fn least_gib(image: &ImageChoice) -> u64 {
    gib(image.min_disk_bytes.max(image.virtual_bytes))
}

fn fresh(options: &DeployOptions) -> DeployForm {
    let image = options.public.first().or(options.mine.first());
    let flavor = options.flavors.first();
    let kind = flavor.and_then(|flavor| flavor.disk_kinds.first()).copied().unwrap_or(DiskKind::Ssd);
    DeployForm {
        project: options.project.id.to_string(),
        region: options.region.to_string(),
        image: image.map(|image| image.id.to_string()).unwrap_or_default(),
        flavor: flavor.map(|flavor| flavor.id.to_string()).unwrap_or_default(),
        zone: options.zones.first().map(ToString::to_string).unwrap_or_default(),
        disk_kind: kind.as_str().to_owned(),
        disk_gib: image.map_or(1, least_gib).to_string(),
        data1_kind: kind.as_str().to_owned(),
        data2_kind: kind.as_str().to_owned(),
        data3_kind: kind.as_str().to_owned(),
        price_version: options.prices.version,
        ..DeployForm::default()
    }
}

/// An untouched form starts with the image that the address names.
fn with_wanted(
    mut state: FormState<DeployForm>,
    options: &DeployOptions,
    wanted: &str,
) -> FormState<DeployForm> {
    let named = options.public.iter().chain(&options.mine).find(|image| image.id.to_string() == wanted);
    if let (None, Some(image)) = (&state.error, named) {
        state.form.image = image.id.to_string();
        state.form.disk_gib = least_gib(image).to_string();
    }
    state
}

#[component]
fn NewInstanceView(
    options: DeployOptions,
    state: FormState<DeployForm>,
    action: ServerAction<CreateInstance>,
    held: Held<DeployForm>,
) -> impl IntoView {
    let line = format!("In {}, {}.", options.project.name, options.region);
    let blocked = options.blocked.clone().map(|rule| view! { <Explain reason=explained(rule)/> });
    // The prices that are shown are the ones that are agreed to, also after a refusal because they changed.
    let form = DeployForm {
        project: options.project.id.to_string(),
        region: options.region.to_string(),
        price_version: options.prices.version,
        ..held.start(state)
    };
    view! {
        <Crumbs above=vec![Link::new("Instances", paths::INSTANCES)] here="New instance"/>
        <PageHead title="New instance"><p class="soft">{line}</p></PageHead>
        {blocked}
        <FilterForm held/>
        <DeployFields form options action held/>
    }
}

#[component]
fn DeployFields(
    form: DeployForm,
    options: DeployOptions,
    action: ServerAction<CreateInstance>,
    held: Held<DeployForm>,
) -> impl IntoView {
    let typing = held.typing(|sent: CreateInstance| sent.form);
    let sending = held.sending();
    let name_error = held.at("name", DeployForm::parse);
    let offer = Offer { public: options.public.clone(), mine: options.mine.clone() };
    let chosen = form.image.clone();
    let max = u32::try_from(NAME_CHARS_MAX).unwrap_or(u32::MAX);
    view! {
        <ActionForm action on:input=typing on:submit:capture=sending>
            <input type="hidden" name="form[project]" value=form.project.clone()/>
            <input type="hidden" name="form[region]" value=form.region.clone()/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <div class="stack prose">
                <Elsewhere held/>
                <ImagePicker offer=offer.clone() chosen held/>
                <Field
                    id="name"
                    name="form[name]"
                    label="Name"
                    value=form.name.clone()
                    error=name_error
                    hint="Also the host name inside, as far as its letters allow."
                    max_length=max
                    autocomplete="off"
                />
                <FlavorChoice flavors=options.flavors.clone() prices=options.prices.clone() chosen=form.flavor.clone() held/>
                <Place form=form.clone() options=options.clone() offer held/>
                <DataDisks form=form.clone() prices=options.prices.clone() held/>
                <Access form held/>
                <Price prices=options.prices.clone() blocked=options.blocked action held/>
            </div>
        </ActionForm>
    }
}

/// What was refused and belongs to no field.
#[component]
fn Elsewhere(held: Held<DeployForm>) -> impl IntoView {
    let text = held.elsewhere();
    move || text.get().map(|text| view! { <Notice tone=Tone::Bad text urgency=Urgency::Alert/> })
}

#[component]
fn FlavorChoice(
    flavors: Vec<Flavor>,
    prices: PriceBook,
    chosen: String,
    held: Held<DeployForm>,
) -> impl IntoView {
    let rows = flavors
        .into_iter()
        .map(|flavor| {
            let pick = Pick::when(flavor.id.as_str() == chosen);
            let (id, value, hint) =
                (format!("flavor-{}", flavor.id), flavor.id.to_string(), flavor_hint(&flavor, &prices));
            let label = format!("{}: {}", flavor.id, flavor.summary());
            view! { <Checkbox id name="form[flavor]" label kind=CheckKind::Radio value pick hint/> }
                .into_any()
        })
        .collect_view();
    let error = held.at("flavor", DeployForm::parse);
    view! {
        <fieldset class="field" aria-describedby="flavor-error">
            <legend>"Type"</legend>
            <div class="choices">{rows}</div>
            <div id="flavor-error"><GroupError error/></div>
        </fieldset>
    }
}

/// `€0.004 per hour. Disks: ssd, economy.`
fn flavor_hint(flavor: &Flavor, prices: &PriceBook) -> String {
    let price = prices
        .flavor_hour
        .get(&flavor.id)
        .map_or_else(|| "No price here".to_owned(), |rate| format!("{} per hour", rate.rate(&prices.symbol)));
    let kinds = flavor.disk_kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    format!("{price}. Disks: {kinds}.")
}

/// The kinds of disk with their rates.
fn kind_choices(prices: &PriceBook, chosen: &str) -> Vec<Choice> {
    let label = |kind: DiskKind| match prices.disk_gb_month.get(&kind) {
        Some(rate) => format!("{kind}, {} per GB and month", rate.rate(&prices.symbol)),
        None => format!("{kind}, not offered here"),
    };
    let offered = |kind: DiskKind| prices.disk_gb_month.contains_key(&kind);
    DiskKind::ALL
        .into_iter()
        .map(|kind| {
            let pick = if offered(kind) { Pick::when(kind.as_str() == chosen) } else { Pick::Blocked };
            Choice::new(kind.as_str(), label(kind), pick)
        })
        .collect()
}

/// Zone and system disk.
#[component]
fn Place(form: DeployForm, options: DeployOptions, offer: Offer, held: Held<DeployForm>) -> impl IntoView {
    let zones = options
        .zones
        .iter()
        .map(|zone| {
            Choice::new(
                zone.as_str(),
                format!("{}{zone}", options.region),
                Pick::when(zone.as_str() == form.zone),
            )
        })
        .collect::<Vec<_>>();
    let kinds = kind_choices(&options.prices, &form.disk_kind);
    let errors = ["zone", "disk_kind", "disk_gib"].map(|field| held.at(field, DeployForm::parse));
    let [zone_error, kind_error, size_error] = errors;
    let least = move || {
        let chosen = held.now().map(|form| form.image).unwrap_or_default();
        offer.find(&chosen).map(|image| format!("{} needs at least {} GiB.", image.name, least_gib(image)))
    };
    let max = i64::try_from(DISK_GIB_MAX).unwrap_or(i64::MAX);
    view! {
        <Select id="zone" name="form[zone]" label="Zone" choices=zones error=zone_error/>
        <Select id="disk-kind" name="form[disk_kind]" label="System disk" choices=kinds error=kind_error/>
        <Field
            id="disk-gib"
            name="form[disk_gib]"
            label="Size of the system disk in GiB"
            kind=FieldKind::Number
            value=form.disk_gib
            error=size_error
            hint="Never smaller than the image. It can be larger; the guest may have to grow its file system."
            min=1
            max=max
        />
        <p class="small soft" role="status">{least}</p>
    }
}

#[component]
fn DataDisks(form: DeployForm, prices: PriceBook, held: Held<DeployForm>) -> impl IntoView {
    let rows = [
        (1, ["data1_gib", "data1_kind"], [form.data1_gib, form.data1_kind]),
        (2, ["data2_gib", "data2_kind"], [form.data2_gib, form.data2_kind]),
        (3, ["data3_gib", "data3_kind"], [form.data3_gib, form.data3_kind]),
    ];
    let open = rows.iter().any(|(_, _, [size, _])| !size.is_empty());
    let rows = rows
        .into_iter()
        .map(|(n, fields, values)| {
            view! { <DataDisk n fields values prices=prices.clone() held/> }.into_any()
        })
        .collect_view();
    view! {
        <details class="disclose" open=open>
            <summary><Icon name=IconName::Right/>"Data disks (optional)"</summary>
            <div class="stack">
                <p class="hint">"Up to three empty disks beside the system disk. An image never contains them. Leave a size empty for no disk."</p>
                {rows}
            </div>
        </details>
    }
}

#[component]
fn DataDisk(
    n: u32,
    fields: [&'static str; 2],
    values: [String; 2],
    prices: PriceBook,
    held: Held<DeployForm>,
) -> impl IntoView {
    let [size_field, kind_field] = fields;
    let [size, kind] = values;
    let size_error = held.at(size_field, DeployForm::parse);
    let kind_error = held.at(kind_field, DeployForm::parse);
    let max = i64::try_from(DISK_GIB_MAX).unwrap_or(i64::MAX);
    view! {
        <div class="halves">
            <Field
                id=size_field
                name=format!("form[{size_field}]")
                label=format!("Size of data-{n} in GiB")
                kind=FieldKind::Number
                need=Need::Optional
                value=size
                error=size_error
                min=1
                max=max
            />
            <Select id=kind_field name=format!("form[{kind_field}]") label=format!("Kind of data-{n}") choices=kind_choices(&prices, &kind) error=kind_error/>
        </div>
    }
}

/// How people get in, and what the machine does at its first start.
#[component]
fn Access(form: DeployForm, held: Held<DeployForm>) -> impl IntoView {
    let keys_error = held.at("ssh_keys", DeployForm::parse);
    let data_error = held.at("user_data", DeployForm::parse);
    let open = !form.user_data.is_empty();
    view! {
        <Field
            id="ssh-keys"
            name="form[ssh_keys]"
            label="SSH public keys"
            kind=FieldKind::Area
            need=Need::Optional
            value=form.ssh_keys
            error=keys_error
            hint="One per line, as in a .pub file. Without a key, only the serial console lets you in, if the image has a password."
        />
        <details class="disclose" open=open>
            <summary><Icon name=IconName::Right/>"User data (optional)"</summary>
            <Field
                id="user-data"
                name="form[user_data]"
                label="User data"
                kind=FieldKind::Area
                need=Need::Optional
                value=form.user_data
                error=data_error
                hint="For cloud-init at the first start: a script or a cloud-config, at most 16 KiB."
            />
        </details>
    }
}

/// The price of what is chosen right now: `€0.006 per hour, €4.12 per month` and what it is for.
fn price_words(prices: &PriceBook, form: &DeployForm) -> (String, String) {
    let disks = form.disks_so_far();
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

#[component]
fn Price(
    prices: PriceBook,
    blocked: Option<darkroom_core::domain::error::Reason>,
    action: ServerAction<CreateInstance>,
    held: Held<DeployForm>,
) -> impl IntoView {
    let hydrated = use_hydrated();
    let words = Memo::new(move |_| price_words(&prices, &held.now().unwrap_or_default()));
    let headline = Signal::derive(move || words.with(|(headline, _)| headline.clone()));
    let detail = Signal::derive(move || words.with(|(_, detail)| detail.clone()));
    let still = move || {
        let text = "This is for the values the page opened with; the rates beside each choice tell the rest.";
        (!hydrated.get()).then(|| view! { <p class="small soft">{text}</p> })
    };
    let button = match blocked {
        Some(rule) => view! { <BlockedAction id="create-why" label="Create instance" size=Size::Form reason=explained(rule)/> }.into_any(),
        None => {
            view! { <Button variant=Variant::Primary size=Size::Form icon=IconName::Deploy pending=action.pending()>"Create instance"</Button> }
                .into_any()
        }
    };
    view! {
        <div class="panel between">
            <div>
                <div role="status"><PriceLine headline detail/></div>
                {still}
            </div>
            <div class="cluster">
                <LinkButton href=paths::INSTANCES size=Size::Form>"Cancel"</LinkButton>
                {button}
            </div>
        </div>
    }
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

    #[test]
    fn a_disk_kind_without_a_price_cannot_be_chosen() {
        let kinds = kind_choices(&prices(), "ssd");
        assert_eq!(
            kinds.iter().map(|kind| kind.pick).collect::<Vec<_>>(),
            [Pick::Chosen, Pick::Blocked, Pick::Blocked]
        );
    }

    #[test]
    fn a_disk_is_offered_in_whole_gib_that_hold_the_image() {
        assert_eq!([gib(0), gib(1), gib(GIB), gib(GIB + 1)], [1, 1, 1, 2]);
    }
}
