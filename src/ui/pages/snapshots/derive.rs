//! The dialogs that make something from a snapshot, over its page: an image, or a new disk of a machine.

use super::super::Refusal;
use super::super::instances::new::kind_choices;
use super::super::parts::{BlockedDialog, NameAndRemark, PriceAhead, explained, loaded, with_ahead};
use super::detail::SnapshotSheet;
use super::use_snapshot_id;
use crate::ui::calls::snapshots::{
    DiskFromSnapshot, ImageFromSnapshot, get_snapshot, get_snapshot_disk, get_snapshot_image,
};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{DiskPrice, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::{AddDiskForm, SnapshotImageForm};
use darkroom_core::domain::size::{self, GIB};
use darkroom_core::domain::view::{SnapshotDiskOptions, SnapshotImageOptions};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a snapshot with the dialog on top that makes an image.
#[component]
pub fn ImageFromSnapshotPage() -> impl IntoView {
    let (id, refused) = (use_snapshot_id(), use_form());
    let data = async move {
        let (detail, options) = (get_snapshot(id).await?, get_snapshot_image(id).await?);
        let fresh = SnapshotImageForm {
            snapshot: id.to_string(),
            name: options.suggested_name.clone(),
            remark: String::new(),
            price_version: options.price_version,
        };
        Ok((detail, options, refused.state(fresh).await))
    };
    loaded(data, |(detail, options, state)| {
        view! { <SnapshotSheet detail/><ImageDialog options state/> }.into_any()
    })
}

#[component]
fn ImageDialog(options: SnapshotImageOptions, state: FormState<SnapshotImageForm>) -> impl IntoView {
    let close = paths::snapshot(options.snapshot);
    let sub = format!("A {} of {} in {}. It is there at once.", options.makes, options.name, options.region);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <ImageForm form=state.form error=state.error options/> }.into_any(),
    };
    view! { <Dialog id="image" title="Create an image" sub close_href=close>{body}</Dialog> }
}

#[component]
fn ImageForm(
    form: SnapshotImageForm,
    error: Option<ApiError>,
    options: SnapshotImageOptions,
) -> impl IntoView {
    let close = paths::snapshot(options.snapshot);
    let headline = format!("At most {}", options.estimate.words(&options.symbol));
    let detail = format!(
        "{} stored, {}. What the snapshot has in common with it is charged once. From now on.",
        size::decimal(options.stored_bytes),
        options.rate.words(&options.symbol)
    );
    let month = options.estimate.month;
    view! {
        <PostForm to=ImageFromSnapshot::url()>
            <input type="hidden" name="form[snapshot]" value=form.snapshot/>
            <input type="hidden" name="form[price_version]" value=options.price_version.to_string()/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <NameAndRemark rules=Rules::CreateImage name=form.name remark=form.remark error/>
                <p class="soft">"It stands by itself: it stays when the snapshot is deleted, and the snapshot stays when it is."</p>
            </DialogBody>
            <DialogFoot>
                <PriceAhead headline detail month/>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Image>"Create image"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The page of a snapshot with the dialog on top that makes a new disk.
#[component]
pub fn DiskFromSnapshotPage() -> impl IntoView {
    let (id, refused) = (use_snapshot_id(), use_form());
    let data = async move {
        let (detail, options) = (get_snapshot(id).await?, get_snapshot_disk(id).await?);
        let first = options.sources.first();
        let fresh = AddDiskForm {
            source: first.map(|source| source.source.clone()).unwrap_or_default(),
            size_gib: first.map(|source| source.size_bytes.div_ceil(GIB).to_string()).unwrap_or_default(),
            price_version: options.prices.version,
            ..AddDiskForm::default()
        };
        Ok((detail, options, refused.state(fresh).await))
    };
    loaded(data, |(detail, options, state)| {
        view! { <SnapshotSheet detail/><DiskDialog options state/> }.into_any()
    })
}

#[component]
fn DiskDialog(options: SnapshotDiskOptions, state: FormState<AddDiskForm>) -> impl IntoView {
    let close = paths::snapshot(options.snapshot);
    let sub = format!("With what {} holds. No disk that is there is written over.", options.name);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <DiskForm form=state.form error=state.error options/> }.into_any(),
    };
    view! { <Dialog id="new-disk" title="Make a new disk" sub close_href=close>{body}</Dialog> }
}

#[component]
fn DiskForm(form: AddDiskForm, error: Option<ApiError>, options: SnapshotDiskOptions) -> impl IntoView {
    let close = paths::snapshot(options.snapshot);
    let at = |field| error_at(error.as_ref(), field);
    let (wrong_machine, wrong_source) = (at("instance"), at("source"));
    let (wrong_kind, wrong_size) = (at("kind"), at("size_gib"));
    let machines = options
        .machines
        .iter()
        .map(|m| {
            let id = m.id.to_string();
            let pick = Pick::when(id == form.instance);
            Choice::new(id, format!("{}, {}", m.name, m.words), pick)
        })
        .collect::<Vec<_>>();
    let sources = options
        .sources
        .iter()
        .map(|s| Choice::new(s.source.clone(), s.words.clone(), Pick::when(s.source == form.source)))
        .collect::<Vec<_>>();
    let one = (sources.len() == 1).then(|| form.source.clone());
    let source = match one {
        Some(value) => view! { <input type="hidden" name="form[source]" value=value/> }.into_any(),
        None => view! { <Select id="source" name="form[source]" label="Disk of the snapshot" choices=sources error=wrong_source/> }.into_any(),
    };
    let prices = options.prices;
    let version = prices.version.to_string();
    let kinds = kind_choices(&prices, &form.kind);
    let sizes = options.sources.iter().map(|s| (s.source.clone(), s.size_bytes)).collect::<Vec<_>>();
    let priced = form.clone();
    let price =
        with_ahead(move |ahead| view! { <DiskPrice prices form=priced sources=sizes ahead/> }.into_any());
    view! {
        <PostForm to=DiskFromSnapshot::url()>
            <input type="hidden" name="form[price_version]" value=version/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <Select id="instance" name="form[instance]" label="Instance" choices=machines error=wrong_machine hint="Those that are off and have room for one more disk."/>
                {source}
                <div class="halves">
                    <Select id="kind" name="form[kind]" label="Disk kind" choices=kinds error=wrong_kind/>
                    <Field id="size-gib" name="form[size_gib]" label="Size in GiB" kind=FieldKind::Number value=form.size_gib error=wrong_size min=1 autocomplete="off"/>
                </div>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Disk>"Make disk"</Button>
            </DialogFoot>
        </PostForm>
    }
}
