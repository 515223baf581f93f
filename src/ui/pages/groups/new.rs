//! *New scaling group*: the form that makes a group, with the price of all its machines beside its button.

use super::super::Refusal;
use super::super::instances::new::{Access, FlavorChoice, brought, kind_choices, least_gib, size_look};
use super::super::instances::picker::{ImagePicker, Offer};
use super::super::parts::{explained, loaded, with_ahead};
use crate::ui::calls::groups::{CreateGroup, FindGroupImage, get_group_options};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{CheckedField, FieldLook, GroupPrice, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::{FAMILY_PREFIX, GroupForm};
use darkroom_core::domain::group::NAME_CHARS_MAX;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::view::GroupOptions;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *New scaling group*.
#[component]
pub fn NewGroupPage() -> impl IntoView {
    let refused = use_form();
    let data = async move {
        let choices = get_group_options().await?;
        let state = refused.state(fresh(&choices)).await;
        Ok((choices, state))
    };
    view! {
        <Title text="New scaling group · darkroom"/>
        {loaded(data, |(choices, state)| view! { <NewGroupView choices state/> }.into_any())}
    }
}

/// A family first: what follows it is why there are groups.
fn fresh(choices: &GroupOptions) -> GroupForm {
    let options = &choices.options;
    let family = options.families.first();
    let image = family.or(options.mine.first()).or(options.public.first());
    let flavor = options.flavors.first();
    let kind = flavor.and_then(|flavor| flavor.disk_kinds.first()).copied().unwrap_or(DiskKind::Ssd);
    GroupForm {
        wanted: "2".to_owned(),
        image: match family {
            Some(leader) => format!("{FAMILY_PREFIX}{}", leader.leads),
            None => image.map(|image| image.id.to_string()).unwrap_or_default(),
        },
        flavor: flavor.map(|flavor| flavor.id.to_string()).unwrap_or_default(),
        zone: options.zones.first().map(ToString::to_string).unwrap_or_default(),
        disk_kind: kind.as_str().to_owned(),
        disk_gib: image.map_or(1, least_gib).to_string(),
        ..GroupForm::default()
    }
}

#[component]
fn NewGroupView(choices: GroupOptions, state: FormState<GroupForm>) -> impl IntoView {
    let options = choices.options.clone();
    let line = format!("In {}, {}.", options.project.name, options.region);
    let blocked = choices.blocked.clone().map(|rule| view! { <Explain reason=explained(rule)/> });
    // The prices that are shown are the ones that are agreed to, also after a refusal because they changed.
    let form = GroupForm {
        project: options.project.id.to_string(),
        region: options.region.to_string(),
        price_version: options.prices.version,
        ..state.form
    };
    view! {
        <Crumbs above=vec![Link::new("Scaling groups", paths::GROUPS)] here="New scaling group"/>
        <PageHead title="New scaling group"><p class="soft">{line}</p></PageHead>
        {blocked}
        <GroupFields form error=state.error choices/>
    }
}

#[component]
fn GroupFields(form: GroupForm, error: Option<ApiError>, choices: GroupOptions) -> impl IntoView {
    let options = choices.options.clone();
    let faults = error.clone();
    let at = move |field| error_at(faults.as_ref(), field);
    let (zones, prices) = (zone_choices(&choices, &form.zone), options.prices.clone());
    view! {
        <PostForm to=CreateGroup::url()>
            <input type="hidden" name="form[project]" value=form.project.clone()/>
            <input type="hidden" name="form[region]" value=form.region.clone()/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <div class="stack prose">
                <Refusal error=error.clone()/>
                <NameAndCount form=form.clone() choices=choices.clone() error=error.clone()/>
                <ImagePicker offer=Offer::of(&options) chosen=form.image.clone() find=FindGroupImage::url() error=at("image")/>
                <p class="small soft">"A family stands for its newest image: Roll brings all machines to the version that is newest then."</p>
                <FlavorChoice flavors=options.flavors.clone() prices=prices.clone() chosen=form.flavor.clone() error=at("flavor")/>
                <Select id="zone" name="form[zone]" label="Zone" choices=zones error=at("zone")/>
                <SystemDisk form=form.clone() choices=choices.clone() error=error.clone()/>
                <Access rules=Rules::Group ssh_keys=form.ssh_keys.clone() user_data=form.user_data.clone() error/>
                <Price form choices/>
            </div>
        </PostForm>
    }
}

fn zone_choices(choices: &GroupOptions, chosen: &str) -> Vec<Choice> {
    let region = &choices.options.region;
    let choice = |zone: &darkroom_core::domain::ids::ZoneId| {
        Choice::new(zone.as_str(), format!("{region}{zone}"), Pick::when(zone.as_str() == chosen))
    };
    choices.options.zones.iter().map(choice).collect()
}

/// What the group is called and how many machines it has.
#[component]
pub(super) fn NameAndCount(form: GroupForm, choices: GroupOptions, error: Option<ApiError>) -> impl IntoView {
    let name = FieldLook {
        label: "Name".to_owned(),
        value: form.name,
        hint: Some("Machines are called after it, with a number.".to_owned()),
        max_length: u32::try_from(NAME_CHARS_MAX).ok(),
        ..FieldLook::default()
    };
    let wanted = FieldLook {
        label: "Machines".to_owned(),
        kind: FieldKind::Number,
        value: form.wanted,
        hint: Some(format!(
            "0 to {}. Your quota has room for {} more now; what does not fit waits until there is.",
            choices.size_max, choices.n_free
        )),
        min: Some(0),
        max: Some(choices.size_max.into()),
        ..FieldLook::default()
    };
    view! {
        <CheckedField rules=Rules::Group field="name" look=name error=error_at(error.as_ref(), "name")/>
        <CheckedField rules=Rules::Group field="wanted" look=wanted error=error_at(error.as_ref(), "wanted")/>
    }
}

/// The system disk of each machine: they have no other.
#[component]
pub(super) fn SystemDisk(form: GroupForm, choices: GroupOptions, error: Option<ApiError>) -> impl IntoView {
    let kinds = kind_choices(&choices.options.prices, &form.disk_kind);
    let size = FieldLook {
        label: "Size of each system disk in GiB".to_owned(),
        hint: Some(
            "Never smaller than the image. What a machine writes is lost when it is replaced.".to_owned(),
        ),
        value: form.disk_gib,
        ..size_look()
    };
    let at = move |field| error_at(error.as_ref(), field);
    view! {
        <Select id="disk-kind" name="form[disk_kind]" label="System disk" choices=kinds error=at("disk_kind")/>
        <CheckedField rules=Rules::Group field="disk_gib" look=size error=at("disk_gib")/>
    }
}

/// The price beside the button.
#[component]
fn Price(form: GroupForm, choices: GroupOptions) -> impl IntoView {
    let button = match choices.blocked {
        Some(rule) => view! { <BlockedAction id="create-why" label="Create group" size=Size::Form reason=explained(rule)/> }.into_any(),
        None => {
            view! { <Button variant=Variant::Primary size=Size::Form icon=IconName::Group>"Create group"</Button> }
                .into_any()
        }
    };
    // What a price does not depend on need not travel twice.
    let form = GroupForm { ssh_keys: String::new(), user_data: String::new(), ..form };
    let brought = brought(&choices.options);
    let prices = choices.options.prices;
    let price = with_ahead(move |ahead| {
        view! { <GroupPrice prices form brought before=(0, Money::ZERO) ahead/> }.into_any()
    });
    view! {
        <div class="panel between">
            {price}
            <div class="cluster">
                <LinkButton href=paths::GROUPS size=Size::Form>"Cancel"</LinkButton>
                {button}
            </div>
        </div>
    }
}
