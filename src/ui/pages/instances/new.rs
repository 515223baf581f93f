//! *New instance*: the form that makes a machine from an image, with the price beside its button.

use super::super::Refusal;
use super::super::parts::{explained, loaded, with_ahead};
use super::picker::{GroupError, ImagePicker, Offer};
use crate::ui::calls::instances::{CreateInstance, FindImage, get_deploy_options};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{Brought, CheckedField, DeployPrice, FieldLook, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form, use_word};
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::flavor::Flavor;
use darkroom_core::domain::form::{DISK_GIB_MAX, DeployForm, FAMILY_PREFIX};
use darkroom_core::domain::ids::ImageId;
use darkroom_core::domain::image::Kind as ImageKind;
use darkroom_core::domain::price::PriceBook;
use darkroom_core::domain::size::GIB;
use darkroom_core::domain::text::NAME_CHARS_MAX;
use darkroom_core::domain::view::{DeployOptions, ImageChoice};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *New instance*.
#[component]
pub fn NewInstancePage() -> impl IntoView {
    let (wanted, refused) = (use_word("image"), use_form());
    let data = async move {
        let options = get_deploy_options().await?;
        let state = with_wanted(refused.state(fresh(&options)).await, &options, &wanted);
        Ok((options, state, wanted))
    };
    view! {
        <Title text="New instance · darkroom"/>
        {loaded(data, |(options, state, wanted)| view! { <NewInstanceView options state wanted/> }.into_any())}
    }
}

/// Whole GiB that hold `bytes`.
pub(in crate::ui::pages) fn gib(bytes: u64) -> u64 {
    bytes.div_ceil(GIB).max(1)
}

/// The system disk that is proposed where a system is installed from an ISO, in GiB.
const ISO_DISK_GIB: u64 = 10;

/// The system disk that is proposed for an image, in GiB: the least one, where the image has one.
pub(in crate::ui::pages) fn least_gib(image: &ImageChoice) -> u64 {
    match image.kind {
        // The disc says nothing about the disk that the system on it wants.
        ImageKind::Iso => ISO_DISK_GIB,
        ImageKind::System | ImageKind::Data | ImageKind::Machine => gib(image.min_disk_bytes),
    }
}

fn fresh(options: &DeployOptions) -> DeployForm {
    let image = options.public.first().or(options.mine.first());
    let flavor = options.flavors.first();
    let kind = flavor.and_then(|flavor| flavor.disk_kinds.first()).copied().unwrap_or(DiskKind::Ssd);
    // What an image of a whole machine can hold again.
    let data = flavor.and_then(|f| f.disk_kinds.iter().find(|k| k.captures_data())).copied().unwrap_or(kind);
    DeployForm {
        project: options.project.id.to_string(),
        region: options.region.to_string(),
        image: image.map(|image| image.id.to_string()).unwrap_or_default(),
        flavor: flavor.map(|flavor| flavor.id.to_string()).unwrap_or_default(),
        zone: options.zones.first().map(ToString::to_string).unwrap_or_default(),
        disk_kind: kind.as_str().to_owned(),
        disk_gib: image.map_or(1, least_gib).to_string(),
        data1_kind: data.as_str().to_owned(),
        data2_kind: data.as_str().to_owned(),
        data3_kind: data.as_str().to_owned(),
        price_version: options.prices.version,
        ..DeployForm::default()
    }
}

/// The image of this id, if it is offered.
fn offered<'a>(options: &'a DeployOptions, id: &str) -> Option<&'a ImageChoice> {
    let all = options.public.iter().chain(&options.mine).chain(&options.shared);
    all.into_iter().find(|image| image.id.to_string() == id)
}

/// The page of the image that the address names, when that one is not offered.
fn not_offered(options: &DeployOptions, wanted: &str) -> Option<String> {
    let id = wanted.parse::<ImageId>().ok()?;
    offered(options, wanted).is_none().then(|| paths::image(id))
}

/// An untouched form starts with the image that the address names.
fn with_wanted(
    mut state: FormState<DeployForm>,
    options: &DeployOptions,
    wanted: &str,
) -> FormState<DeployForm> {
    if let (None, Some(image)) = (&state.error, offered(options, wanted)) {
        state.form.image = image.id.to_string();
        state.form.disk_gib = least_gib(image).to_string();
    }
    state
}

#[component]
fn NewInstanceView(
    options: DeployOptions,
    state: FormState<DeployForm>,
    /// The image that the address names; empty for none.
    wanted: String,
) -> impl IntoView {
    let line = format!("In {}, {}.", options.project.name, options.region);
    let blocked = options.blocked.clone().map(|rule| view! { <Explain reason=explained(rule)/> });
    // The prices that are shown are the ones that are agreed to, also after a refusal because they changed.
    let form = DeployForm {
        project: options.project.id.to_string(),
        region: options.region.to_string(),
        price_version: options.prices.version,
        ..state.form
    };
    let missing = not_offered(&options, &wanted).map(|href| {
        view! {
            <Notice tone=Tone::Warn text="The image that was chosen cannot be deployed here now, so another one is proposed.">
                <LinkButton href>"See why on its page"</LinkButton>
            </Notice>
        }
    });
    view! {
        <Crumbs above=vec![Link::new("Instances", paths::INSTANCES)] here="New instance"/>
        <PageHead title="New instance"><p class="soft">{line}</p></PageHead>
        {blocked}
        {missing}
        <DeployFields form error=state.error options/>
    }
}

#[component]
fn DeployFields(form: DeployForm, error: Option<ApiError>, options: DeployOptions) -> impl IntoView {
    let offer = Offer::of(&options);
    let faults = error.clone();
    let at = move |field| error_at(faults.as_ref(), field);
    let name = FieldLook {
        label: "Name".to_owned(),
        value: form.name.clone(),
        hint: Some("Also the host name inside, as far as its letters allow.".to_owned()),
        max_length: u32::try_from(NAME_CHARS_MAX).ok(),
        ..FieldLook::default()
    };
    let prices = options.prices.clone();
    let brought = brought(&options);
    view! {
        <PostForm to=CreateInstance::url()>
            <input type="hidden" name="form[project]" value=form.project.clone()/>
            <input type="hidden" name="form[region]" value=form.region.clone()/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <div class="stack prose">
                <Refusal error=error.clone()/>
                <ImagePicker offer chosen=form.image.clone() find=FindImage::url() error=at("image")/>
                <CheckedField rules=Rules::Deploy field="name" look=name error=at("name")/>
                <FlavorChoice flavors=options.flavors.clone() prices=prices.clone() chosen=form.flavor.clone() error=at("flavor")/>
                <Place form=form.clone() options=options.clone() error=error.clone()/>
                <DataDisks form=form.clone() prices=prices.clone() error=error.clone()/>
                <Access rules=Rules::Deploy ssh_keys=form.ssh_keys.clone() user_data=form.user_data.clone() error=error.clone()/>
                <Price form prices blocked=options.blocked brought/>
            </div>
        </PostForm>
    }
}

#[component]
pub(in crate::ui::pages) fn FlavorChoice(
    flavors: Vec<Flavor>,
    prices: PriceBook,
    chosen: String,
    error: Option<String>,
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
pub(in crate::ui::pages) fn kind_choices(prices: &PriceBook, chosen: &str) -> Vec<Choice> {
    let label = |kind: DiskKind| match prices.disk_gb_month.get(&kind) {
        Some(rate) => format!("{kind}, {} per {}", rate.rate(&prices.symbol), prices.per_month()),
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
fn Place(form: DeployForm, options: DeployOptions, error: Option<ApiError>) -> impl IntoView {
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
    let at = move |field| error_at(error.as_ref(), field);
    let size = FieldLook {
        label: "Size of the system disk in GiB".to_owned(),
        hint: Some(
            "Never smaller than the image. It can be larger; the guest may have to grow its file system."
                .to_owned(),
        ),
        value: form.disk_gib,
        ..size_look()
    };
    view! {
        <Select id="zone" name="form[zone]" label="Zone" choices=zones error=at("zone")/>
        <Select id="disk-kind" name="form[disk_kind]" label="System disk" choices=kinds error=at("disk_kind")/>
        <CheckedField rules=Rules::Deploy field="disk_gib" look=size error=at("disk_gib")/>
    }
}

/// A field for a number of GiB.
pub(in crate::ui::pages) fn size_look() -> FieldLook {
    FieldLook {
        kind: FieldKind::Number,
        min: Some(1),
        max: i64::try_from(DISK_GIB_MAX).ok(),
        ..FieldLook::default()
    }
}

#[component]
fn DataDisks(form: DeployForm, prices: PriceBook, error: Option<ApiError>) -> impl IntoView {
    let rows = [
        (1, ["data1_gib", "data1_kind"], [form.data1_gib, form.data1_kind]),
        (2, ["data2_gib", "data2_kind"], [form.data2_gib, form.data2_kind]),
        (3, ["data3_gib", "data3_kind"], [form.data3_gib, form.data3_kind]),
    ];
    let wrong = |field: &str| error_at(error.as_ref(), field).is_some();
    let open = rows.iter().any(|(_, fields, [size, _])| !size.is_empty() || fields.iter().any(|f| wrong(f)));
    let rows = rows
        .into_iter()
        .map(|(n, fields, values)| {
            view! { <DataDisk n fields values prices=prices.clone() error=error.clone()/> }.into_any()
        })
        .collect_view();
    view! {
        <details class="disclose" open=open>
            <summary><Icon name=IconName::Right/>"Data disks (optional)"</summary>
            <div class="stack">
                <p class="hint">"Up to three disks beside the system disk. An image of a whole machine brings its own: they come first, as large as they were unless a larger size is written here. All others are empty; without a size there is none."</p>
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
    error: Option<ApiError>,
) -> impl IntoView {
    let [size_field, kind_field] = fields;
    let [size, kind] = values;
    let [size_error, kind_error] = fields.map(|field| error_at(error.as_ref(), field));
    let look = FieldLook {
        label: format!("Size of data-{n} in GiB"),
        need: Need::Optional,
        value: size,
        ..size_look()
    };
    view! {
        <div class="halves">
            <CheckedField rules=Rules::Deploy field=size_field look error=size_error/>
            <Select id=kind_field name=format!("form[{kind_field}]") label=format!("Kind of data-{n}") choices=kind_choices(&prices, &kind) error=kind_error/>
        </div>
    }
}

/// How people get in, and what the machine does at its first start.
#[component]
pub(in crate::ui::pages) fn Access(
    rules: Rules,
    ssh_keys: String,
    user_data: String,
    error: Option<ApiError>,
) -> impl IntoView {
    let at = move |field| error_at(error.as_ref(), field);
    let open = !user_data.is_empty();
    let area = FieldLook { kind: FieldKind::Area, need: Need::Optional, ..FieldLook::default() };
    let keys = FieldLook {
        label: "SSH public keys".to_owned(),
        value: ssh_keys,
        hint: Some("One per line, as in a .pub file. Without a key, only the serial console lets you in, if the image has a password.".to_owned()),
        ..area.clone()
    };
    let data = FieldLook {
        label: "User data".to_owned(),
        value: user_data,
        hint: Some(
            "For cloud-init at the first start: a script or a cloud-config, at most 16 KiB.".to_owned(),
        ),
        ..area
    };
    view! {
        <CheckedField rules field="ssh_keys" look=keys error=at("ssh_keys")/>
        <details class="disclose" open=open>
            <summary><Icon name=IconName::Right/>"User data (optional)"</summary>
            <CheckedField rules field="user_data" look=data error=at("user_data")/>
        </details>
    }
}

/// What images bring that costs, by what the form sends for each image; nothing of those that bring nothing.
pub fn brought(options: &DeployOptions) -> Vec<Brought> {
    let lists = [&options.public, &options.mine, &options.shared];
    let images = lists.into_iter().flatten().map(|image| (image.id.to_string(), image));
    let families = options.families.iter().map(|image| (format!("{FAMILY_PREFIX}{}", image.leads), image));
    let brings = |image: &ImageChoice| !image.data_disks.is_empty() || !image.licence.is_empty();
    let of = |(image, choice): (String, &ImageChoice)| {
        let (data_bytes, licence) = (choice.data_disks.clone(), choice.licence.clone());
        brings(choice).then_some(Brought { image, data_bytes, licence })
    };
    images.chain(families).filter_map(of).collect()
}

/// The price beside the button.
#[component]
fn Price(form: DeployForm, prices: PriceBook, blocked: Option<Rule>, brought: Vec<Brought>) -> impl IntoView {
    let button = match blocked {
        Some(rule) => view! { <BlockedAction id="create-why" label="Create instance" size=Size::Form reason=explained(rule)/> }.into_any(),
        None => {
            view! { <Button variant=Variant::Primary size=Size::Form icon=IconName::Deploy>"Create instance"</Button> }
                .into_any()
        }
    };
    // What a price does not depend on need not travel twice.
    let form = DeployForm { ssh_keys: String::new(), user_data: String::new(), ..form };
    let price = with_ahead(move |ahead| view! { <DeployPrice prices form brought ahead/> }.into_any());
    view! {
        <div class="panel between">
            {price}
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
            bin_gb_month: Money(50_000),
            snapshot_service_month: Money(1_000_000),
            snapshot_gb_month: Money(50_000),
            disk_gb_month: [(DiskKind::Ssd, Money(80_000))].into(),
            flavor_hour: [("m1.tiny".into(), Money(4_000))].into(),
            ..PriceBook::default()
        }
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
