//! The dialog that copies an image into other projects and regions, over the image's page (U9, U10, A11): where to, under which name, and
//! what each copy costs there.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, NameAndRemark, explained, loaded, with_ahead};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::{CopyImage, get_copy_options, get_image};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{CopyPrice, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::CopyImageForm;
use darkroom_core::domain::image::tags;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{CopyOptions, CopyRegion};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of an image with the dialog on top.
#[component]
pub fn CopyImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let (detail, options) = (get_image(id).await?, get_copy_options(id).await?);
        let state = refused.state(fresh(&options)).await;
        Ok((detail, options, state))
    };
    loaded(data, |(detail, options, state)| {
        let saves = detail.shared.is_some();
        view! { <ImageSheet detail/><CopyDialog options state saves/> }.into_any()
    })
}

/// A form that copies into the image's own region, or the first that takes it.
fn fresh(options: &CopyOptions) -> CopyImageForm {
    let open = |region: &&CopyRegion| region.refused.is_none();
    let first = options.regions.iter().filter(open).max_by_key(|region| region.inside);
    CopyImageForm {
        image: options.image.to_string(),
        project: options.project.map(|id| id.to_string()).unwrap_or_default(),
        regions: first.map(|region| region.id.to_string()).into_iter().collect(),
        name: first.map_or_else(|| options.suggested_name.clone(), |region| region.free_name.clone()),
        tags: Some(tags::text(&options.tags)),
        ..CopyImageForm::default()
    }
}

#[component]
fn CopyDialog(options: CopyOptions, state: FormState<CopyImageForm>, saves: bool) -> impl IntoView {
    let close = paths::image(options.image);
    let title = if saves { "Save as my own".to_owned() } else { format!("Copy {}", options.name) };
    let sub = "A new image with an id of its own. What becomes of one does not touch the other.";
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <CopyForm options state close=close.clone()/> }.into_any(),
    };
    view! { <Dialog id="copy-image" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn CopyForm(options: CopyOptions, state: FormState<CopyImageForm>, close: String) -> impl IntoView {
    let FormState { form, error } = state;
    // The prices that are shown are the ones that are agreed to, also after a refusal because one changed.
    let versions = options
        .regions
        .iter()
        .map(|region| {
            let name = format!("form[price_versions][{}]", region.id);
            view! { <input type="hidden" name=name value=region.price_version.to_string()/> }
        })
        .collect_view();
    let projects = options
        .projects
        .iter()
        .map(|project| {
            let id = project.id.to_string();
            let pick = Pick::when(id == form.project);
            Choice::new(id, project.name.to_string(), pick)
        })
        .collect();
    let project_error = error_at(error.as_ref(), "project");
    let (wrong_family, wrong_tags) = (error_at(error.as_ref(), "family"), error_at(error.as_ref(), "tags"));
    let open: Vec<CopyRegion> = options.regions.iter().filter(|r| r.refused.is_none()).cloned().collect();
    let priced = form.clone();
    let price = with_ahead(move |ahead| view! { <CopyPrice regions=open form=priced ahead/> }.into_any());
    view! {
        <PostForm to=CopyImage::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            {versions}
            <DialogBody>
                <Refusal error=error.clone()/>
                <Select id="project" name="form[project]" label="Project" choices=projects error=project_error/>
                <Regions options=options.clone() chosen=form.regions error=error.clone()/>
                <WithData options picked={form.data_disks == "yes"}/>
                <NameAndRemark rules=Rules::CreateImage name=form.name remark=form.remark error/>
                <Field
                    id="family"
                    name="form[family]"
                    label="Family"
                    need=Need::Optional
                    value=form.family.unwrap_or_default()
                    hint="With the family of the original, the copy becomes its newest image where it is made."
                    error=wrong_family
                />
                <Field
                    id="tags"
                    name="form[tags]"
                    label="Tags"
                    kind=FieldKind::Area
                    need=Need::Optional
                    value=form.tags.unwrap_or_default()
                    hint="One per line or with commas: key or key=value."
                    error=wrong_tags
                />
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Copy>"Copy image"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The data disks of a whole machine, which a copy takes along only when it is asked to (U10).
#[component]
fn WithData(options: CopyOptions, picked: bool) -> impl IntoView {
    let data = options.with_data?;
    let prices = options.regions.iter().filter(|region| region.refused.is_none()).filter_map(|region| {
        let month = region.with_data?.estimate.month.display(&region.symbol);
        let zone = region.zone.as_ref().map(|zone| format!(", for zone {zone}")).unwrap_or_default();
        Some(format!("{}: {month} per month{zone}", region.id))
    });
    let prices = prices.collect::<Vec<_>>().join("; ");
    let hint =
        format!("{}. {} stored in all. {prices}.", data.disks.join("; "), size::decimal(data.stored_bytes));
    Some(view! {
        <CheckGroup legend="Data disks">
            <Checkbox id="data-disks" name="form[data_disks]" value="yes" label="Copy the data disks as well" pick=Pick::when(picked) hint/>
        </CheckGroup>
    })
}

#[component]
fn Regions(options: CopyOptions, chosen: Vec<String>, error: Option<ApiError>) -> impl IntoView {
    let rows = options
        .regions
        .into_iter()
        .map(|region| {
            let id = region.id.to_string();
            let pick = match &region.refused {
                Some(_) => Pick::Blocked,
                None => Pick::when(chosen.contains(&id)),
            };
            let hint = region_words(&region);
            view! { <Checkbox id=format!("region-{id}") name="form[regions][]" value=id.clone() label=id pick hint/> }
                .into_any()
        })
        .collect_view();
    let error = error_at(error.as_ref(), "regions").map(|text| {
        view! { <p class="error"><Icon name=IconName::Bad/><span>{text}</span></p> }
    });
    view! {
        <CheckGroup legend="Regions">
            {rows}
            {error}
        </CheckGroup>
    }
}

/// What a copy costs in a region, and how long it takes; or why there is none.
fn region_words(region: &CopyRegion) -> String {
    if let Some(reason) = &region.refused {
        return reason.sentence();
    }
    let price = format!("{} per month.", region.cost.estimate.month.display(&region.symbol));
    let way = match (region.inside, region.cost.transfer) {
        (true, _) => "At once: its content is there already.".to_owned(),
        (false, Money::ZERO) => "Only what is missing there travels.".to_owned(),
        (false, transfer) => {
            format!(
                "Only what is missing there travels, for at most {} once.",
                transfer.display(&region.symbol)
            )
        }
    };
    format!("{price} {way} {}", region.quota)
}
