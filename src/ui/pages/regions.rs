//! The provider's page *Regions*: which features are on where, and the limits that hold for accounts without their own.

use super::Refusal;
use super::parts::{counted, loaded};
use crate::ui::calls::quotas::{EditRegion, list_regions};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::RegionForm;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::region::{Region, Switch};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The page *Regions*.
#[component]
pub fn RegionsPage() -> impl IntoView {
    loaded(list_regions(), |regions| view! { <RegionsView regions/> }.into_any())
}

/// The page with the dialog that changes a region on top.
#[component]
pub fn EditRegionPage() -> impl IntoView {
    let refused = use_form();
    let id = use_params_map().with_untracked(|params| params.get("id").unwrap_or_default());
    let data = async move {
        let regions = list_regions().await?;
        let region = regions.iter().find(|region| region.id.as_str() == id).cloned();
        let fresh = region.as_ref().map(RegionForm::of).unwrap_or_default();
        Ok((regions, region, refused.state(fresh).await))
    };
    loaded(data, |(regions, region, state)| {
        let dialog = region.map(|region| view! { <RegionDialog region state/> });
        view! { <RegionsView regions/>{dialog} }.into_any()
    })
}

#[component]
fn RegionsView(regions: Vec<Region>) -> impl IntoView {
    let columns = vec![
        Column::text("Region"),
        Column::text("Image feature"),
        Column::text("Copies into it"),
        Column::text("Snapshots"),
        Column::text("Recycle bin"),
        Column::text("Sites").low(),
        Column::number("Images").low(),
        Column::number("Instances").low(),
        Column::number("Shares").low(),
        Column::actions(),
    ];
    let rows = regions.into_iter().map(|region| view! { <RegionLine region/> }.into_any()).collect_view();
    view! {
        <Title text="Regions · darkroom"/>
        <PageHead title="Regions">
            <p class="soft">"What is on where, and the limits of accounts that have none of their own. Prices have a page of their own, with a version for each change."</p>
        </PageHead>
        <Frame><Table caption="Regions" columns>{rows}</Table></Frame>
    }
}

#[component]
fn RegionLine(region: Region) -> impl IntoView {
    let id = region.id.to_string();
    let zones: Vec<&str> = region.zones.iter().map(|zone| zone.as_str()).collect();
    let zones = format!("{} {}", if zones.len() == 1 { "Zone" } else { "Zones" }, zones.join(", "));
    let bin = match region.recycle_days {
        0 => "None: gone for good".to_owned(),
        days => counted(days as usize, "day"),
    };
    let limits = region.limits;
    let sites = region.site_names();
    let about = id.clone();
    let href = paths::region(&region.id);
    let (prices, about_prices) = (paths::region_prices(&region.id), id.clone());
    view! {
        <Row>
            <NameCell name=id sub=zones/>
            <Cell label="Image feature"><SwitchWord switch=region.images/></Cell>
            <Cell label="Copies into it"><SwitchWord switch=region.accepts_copies/></Cell>
            <Cell label="Snapshots"><SwitchWord switch=region.snapshots/></Cell>
            <Cell label="Recycle bin">{bin}</Cell>
            <Cell label="Sites" rank=Rank::Low>{sites}</Cell>
            <Cell label="Images" kind=Kind::Number rank=Rank::Low>{grouped(limits.n_images_max)}</Cell>
            <Cell label="Instances" kind=Kind::Number rank=Rank::Low>{grouped(limits.n_instances_max)}</Cell>
            <Cell label="Shares" kind=Kind::Number rank=Rank::Low>{grouped(limits.n_shares_max)}</Cell>
            <ActionsCell look=ActionsLook::Below>
                <LinkButton href=prices variant=Variant::Quiet>"Prices"<span class="visually-hidden">": "{about_prices}</span></LinkButton>
                <LinkButton href variant=Variant::Quiet>"Change"<span class="visually-hidden">": "{about}</span></LinkButton>
            </ActionsCell>
        </Row>
    }
}

#[component]
fn SwitchWord(switch: Switch) -> impl IntoView {
    match switch {
        Switch::On => view! { <Status tone=Tone::Good word="On"/> },
        Switch::Off => view! { <Status tone=Tone::Plain icon=IconName::Off word="Off"/> },
    }
}

#[component]
fn RegionDialog(region: Region, state: FormState<RegionForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::REGIONS.to_owned();
    let close_href = close.clone();
    let title = format!("Change {}", region.id);
    let at = |field| error_at(error.as_ref(), field);
    let switch = |value: &str| {
        vec![
            Choice::new("on", "On", Pick::when(value != "off")),
            Choice::new("off", "Off", Pick::when(value == "off")),
        ]
    };
    let (images, copies) = (switch(&form.images), switch(&form.accepts_copies));
    let wrong_sites = at("sites");
    let snapshots = switch(&form.snapshots);
    let (wrong_images, wrong_copies, wrong_snapshots) = (at("images"), at("accepts_copies"), at("snapshots"));
    let number = |id: &'static str,
                  field: &'static str,
                  label: &'static str,
                  value: String,
                  hint: Option<&'static str>| {
        let error = at(field);
        view! {
            <Field id name=format!("form[{field}]") label kind=FieldKind::Number value nostrip:hint=hint.map(str::to_owned) error autocomplete="off"/>
        }
    };
    let days = number(
        "recycle-days",
        "recycle_days",
        "Days in the recycle bin",
        form.recycle_days,
        Some("0 deletes for good at once. Images that are in it keep their day."),
    );
    let limits = [
        number("n-images-max", "n_images_max", "Images", form.n_images_max, None),
        number("n-instances-max", "n_instances_max", "Instances", form.n_instances_max, None),
        number("n-creates-max", "n_creates_max", "Images being made at once", form.n_creates_max, None),
        number("n-shares-max", "n_shares_max", "Shares", form.n_shares_max, None),
        number("stored-gb-max", "stored_gb_max", "Storage of images, GB", form.stored_gb_max, None),
        number("n-snapshots-max", "n_snapshots_max", "Snapshots", form.n_snapshots_max, None),
    ];
    let sub = "Holds from the next request on. What exists stays as it is.";
    view! {
        <Dialog id="edit-region" title sub close_href>
            <PostForm to=EditRegion::url()>
                <input type="hidden" name="form[region]" value=region.id.to_string()/>
                <input type="hidden" name="form[shown]" value=form.shown/>
                <DialogBody>
                    <Refusal error=error.clone()/>
                    <div class="halves">
                        <Select id="images" name="form[images]" label="Image feature" choices=images error=wrong_images/>
                        <Select id="accepts-copies" name="form[accepts_copies]" label="Copies into it" choices=copies error=wrong_copies/>
                        <Select id="snapshots" name="form[snapshots]" label="Snapshot service" choices=snapshots error=wrong_snapshots/>
                        {days}
                    </div>
                    <Field id="sites" name="form[sites]" label="Sites" value=form.sites error=wrong_sites need=Need::Optional autocomplete="off" hint="Separated by spaces. Accounts of different sites share images here only if the region is on both."/>
                    <fieldset class="field">
                        <legend>"Limits of an account that has none of its own"</legend>
                        <div class="halves">{limits.into_iter().collect_view()}</div>
                    </fieldset>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}
