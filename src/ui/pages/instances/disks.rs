//! The dialogs that give a machine a data disk and take one away, over the machine's page. A disk is always a new one (H17).

use super::super::Refusal;
use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{BlockedDialog, counted, explained, loaded, with_ahead};
use super::detail::InstanceSheet;
use super::new::kind_choices;
use super::use_instance_id;
use crate::ui::calls::instances::{AddDisk, RemoveDisk, get_disk_options, get_disk_removal, get_instance};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::islands::DiskPrice;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::{AddDiskForm, DISK_GIB_MAX};
use darkroom_core::domain::ids::DiskId;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{DiskOptions, ImageChoice};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_params_map;

/// The page of a machine with the dialog that adds a disk on top.
#[component]
pub fn AddDiskPage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data = async move {
        let (detail, options) = (get_instance(id).await?, get_disk_options(id).await?);
        let kind = options.kinds.iter().find(|kind| kind.captures_data()).or(options.kinds.first());
        let fresh = AddDiskForm {
            instance: id.to_string(),
            source: "empty".to_owned(),
            kind: kind.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            price_version: options.prices.version,
            ..AddDiskForm::default()
        };
        Ok((detail, options, refused.state(fresh).await))
    };
    loaded(data, |(detail, options, state)| {
        view! { <InstanceSheet detail/><AddDialog options state/> }.into_any()
    })
}

#[component]
fn AddDialog(options: DiskOptions, state: FormState<AddDiskForm>) -> impl IntoView {
    let close = paths::instance(options.instance);
    let title = format!("Add a disk to {}", options.name);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <AddFields options state close=close.clone()/> }.into_any(),
    };
    let sub =
        "The machine finds it at its next start. It is charged from when it exists until it is removed.";
    view! { <Dialog id="add-disk" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn AddFields(options: DiskOptions, state: FormState<AddDiskForm>, close: String) -> impl IntoView {
    let FormState { form, error } = state;
    let at = |field| error_at(error.as_ref(), field);
    let source = |image: &ImageChoice, from: &str| {
        let id = image.id.to_string();
        let old = if image.deprecated { ", deprecated" } else { "" };
        let label = format!("{}{from}{old}, {} or more", image.name, size::binary(image.virtual_bytes));
        let pick = Pick::when(id == form.source);
        Choice::new(id, label, pick)
    };
    let empty = Choice::new(
        "empty",
        "Nothing: an empty disk",
        Pick::when(form.source == "empty" || form.source.is_empty()),
    );
    let own = options.images.iter().map(|image| source(image, ""));
    let given = options.shared.iter().map(|image| source(image, ", shared with you"));
    let sources: Vec<Choice> = std::iter::once(empty).chain(own).chain(given).collect();
    let none = options.images.is_empty() && options.shared.is_empty();
    let hint = match none {
        true => "An image of a data disk can be chosen here, once there is one.",
        false => "An image of a data disk always becomes a new disk; it never replaces one.",
    };
    let takes = |choice: &Choice| options.kinds.iter().any(|kind| kind.as_str() == choice.value);
    let kinds = kind_choices(&options.prices, &form.kind);
    let kinds: Vec<Choice> = kinds.into_iter().filter(takes).collect();
    let (wrong_source, wrong_kind, wrong_size) = (at("source"), at("kind"), at("size_gib"));
    let empty = ("empty".to_owned(), 0);
    let images = options.images.iter().chain(&options.shared);
    let sizes = images.map(|image| (image.id.to_string(), image.virtual_bytes));
    let of_snapshots = options.snapshots.iter().map(|s| (s.source.clone(), s.size_bytes));
    let sizes = std::iter::once(empty).chain(sizes).chain(of_snapshots).collect::<Vec<_>>();
    let (prices, priced) = (options.prices.clone(), form.clone());
    let price =
        with_ahead(move |ahead| view! { <DiskPrice prices form=priced sources=sizes ahead/> }.into_any());
    view! {
        <PostForm to=AddDisk::url()>
            <input type="hidden" name="form[instance]" value=form.instance/>
            <input type="hidden" name="form[price_version]" value=options.prices.version.to_string()/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <Select id="source" name="form[source]" label="What is on it" choices=sources hint=hint.to_owned() error=wrong_source/>
                <div class="halves">
                    <Select id="kind" name="form[kind]" label="Kind" choices=kinds error=wrong_kind/>
                    <Field id="size-gib" name="form[size_gib]" label="Size in GiB" kind=FieldKind::Number need=Need::Optional value=form.size_gib min=1 max={i64::try_from(DISK_GIB_MAX).unwrap_or(i64::MAX)} hint="With an image it may be left empty." error=wrong_size autocomplete="off"/>
                </div>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Disk>"Add disk"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The page of a machine with the dialog that removes a disk on top.
#[component]
pub fn RemoveDiskPage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let disk =
        use_params_map().with_untracked(|params| params.get_str("disk").and_then(|id| id.parse().ok()));
    let disk = disk.unwrap_or(DiskId(uuid::Uuid::nil()));
    let data = async move {
        Ok((get_instance(id).await?, get_disk_removal(id, disk).await?, refused.error().await))
    };
    loaded(data, |(detail, removal, error)| {
        let gone = Consequence {
            icon: IconName::Disk,
            tone: Tone::Bad,
            what: "Everything on it is gone for good".to_owned(),
            count: "1 disk".to_owned(),
            detail: Some(removal.label.clone()),
        };
        let images = Consequence {
            icon: IconName::Image,
            tone: Tone::Good,
            what: "Images and snapshots made of it stay".to_owned(),
            count: String::new(),
            detail: None,
        };
        let schedules = (removal.n_schedules > 0).then(|| Consequence {
            icon: IconName::Clock,
            tone: Tone::Warn,
            what: "Schedules that take this disk alone take nothing more".to_owned(),
            count: counted(removal.n_schedules as usize, "schedule"),
            detail: Some("The snapshots they made stay.".to_owned()),
        });
        let consequences = [gone].into_iter().chain(schedules).chain([images]).collect();
        let deletion = Deletion {
            to: RemoveDisk::url(),
            fields: vec![
                ("form[instance]", removal.instance.to_string()),
                ("form[disk]", removal.disk.to_string()),
            ],
            verb: "Remove disk",
            title: format!("Remove a disk of {}?", removal.name),
            sub: format!("{}. It cannot be brought back.", removal.label),
            close: paths::instance(removal.instance),
            headline: saves_words(removal.month, &removal.symbol),
            saves: removal.month,
            detail: "Charging stops as soon as it is removed.".to_owned(),
            decision: None,
            consequences,
            blocked: removal.blocked.map(explained),
        };
        view! { <InstanceSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}
