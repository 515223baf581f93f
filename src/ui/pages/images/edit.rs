//! The dialog that changes what an image is called, how it is found and what machines made from it get, over the image's page. When somebody else was quicker it says what they
//! changed, keeps what was typed, and saves over it only when asked again.

use super::super::parts::{BlockedDialog, NameAndRemark, explained, loaded, role_reason};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::{UpdateImage, get_image};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{CheckedField, FieldLook, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::EditImageForm;
use darkroom_core::domain::image::tags::{self, Lengths};
use darkroom_core::domain::image::{Action, BootMode};
use darkroom_core::domain::text::FAMILY_CHARS_MAX;
use darkroom_core::domain::view::ImageDetail;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The code of a refusal because somebody changed the image meanwhile.
const STALE: &str = "image_changed";

/// The page of an image with the dialog on top.
#[component]
pub fn EditImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let detail = get_image(id).await?;
        let state = refused.state(fresh(&detail)).await;
        Ok((detail, state))
    };
    loaded(data, |(detail, state)| {
        view! { <ImageSheet detail=detail.clone()/><EditImageDialog detail state/> }.into_any()
    })
}

fn fresh(detail: &ImageDetail) -> EditImageForm {
    let image = &detail.image;
    EditImageForm {
        image: image.id.to_string(),
        revision: image.revision,
        name: image.name.to_string(),
        remark: Some(image.remark.clone()),
        family: Some(image.family.clone()),
        tags: Some(tags::text(&image.tags)),
        min_memory_mib: Some(limit(image.min_memory_mib)),
        max_memory_mib: Some(limit(image.max_memory_mib)),
        boot: Some(image.boot.slug().to_owned()),
        nic_multiqueue: Some(on_off(image.nic_multiqueue)),
        sriov: Some(on_off(image.sriov)),
    }
}

fn on_off(on: bool) -> String {
    if on { "on".to_owned() } else { "off".to_owned() }
}

/// A limit in a field: empty for none.
fn limit(mib: u64) -> String {
    if mib == 0 { String::new() } else { mib.to_string() }
}

#[component]
fn EditImageDialog(detail: ImageDetail, state: FormState<EditImageForm>) -> impl IntoView {
    let (image, lengths) = (detail.image, detail.tag_lengths);
    let close = paths::image(image.id);
    let title = format!("Edit {}", image.name);
    let blocked = if detail.may_change { image.can(Action::Edit).err() } else { Some(role_reason()) };
    let body = match blocked {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => {
            let FormState { mut form, error } = state;
            // After a stale try the revision is the present one, so that saving again is a decision and not a dead end.
            if error.as_ref().is_some_and(stale) {
                form.revision = image.revision;
            }
            view! { <EditForm form lengths error close=close.clone()/> }.into_any()
        }
    };
    view! { <Dialog id="edit-image" title sub="Its content stays as it is." close_href=close>{body}</Dialog> }
}

fn stale(error: &ApiError) -> bool {
    error.0.code == STALE
}

#[component]
fn EditForm(form: EditImageForm, lengths: Lengths, error: Option<ApiError>, close: String) -> impl IntoView {
    let rules = Rules::EditImage(lengths);
    let at = |field| error_at(error.as_ref(), field);
    let family = FieldLook {
        label: "Family".to_owned(),
        need: Need::Optional,
        value: form.family.unwrap_or_default(),
        hint: Some("A name that always stands for its newest active image, such as web-base.".to_owned()),
        max_length: u32::try_from(FAMILY_CHARS_MAX).ok(),
        ..FieldLook::default()
    };
    let tags = FieldLook {
        label: "Tags".to_owned(),
        kind: FieldKind::Area,
        need: Need::Optional,
        value: form.tags.unwrap_or_default(),
        hint: Some("One per line or with commas: key or key=value, such as env=prod.".to_owned()),
        ..FieldLook::default()
    };
    let memory = |label: &str, value: Option<String>| FieldLook {
        label: label.to_owned(),
        kind: FieldKind::Number,
        need: Need::Optional,
        value: value.unwrap_or_default(),
        min: Some(0),
        ..FieldLook::default()
    };
    let least = memory("Least memory, MiB", form.min_memory_mib);
    let most = memory("Most memory, MiB", form.max_memory_mib);
    let boot = form.boot.unwrap_or_default();
    let modes = [BootMode::Bios, BootMode::Uefi]
        .map(|mode| Choice::new(mode.slug(), mode.word(), Pick::when(mode.slug() == boot)));
    let switch = |value: Option<String>| {
        let value = value.unwrap_or_default();
        vec![
            Choice::new("off", "Off", Pick::when(value != "on")),
            Choice::new("on", "On", Pick::when(value == "on")),
        ]
    };
    let (queues, sriov) = (switch(form.nic_multiqueue), switch(form.sriov));
    let (wrong_queues, wrong_sriov) = (at("nic_multiqueue"), at("sriov"));
    let (wrong_family, wrong_tags, wrong_least, wrong_most, wrong_boot) =
        (at("family"), at("tags"), at("min_memory_mib"), at("max_memory_mib"), at("boot"));
    view! {
        <PostForm to=UpdateImage::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            <input type="hidden" name="form[revision]" value=form.revision.to_string()/>
            <DialogBody>
                <Refused error=error.clone()/>
                <NameAndRemark rules name=form.name remark=form.remark.unwrap_or_default() error/>
                <CheckedField rules field="family" look=family error=wrong_family/>
                <CheckedField rules field="tags" look=tags error=wrong_tags/>
                <fieldset class="field">
                    <legend>"Machines made from it"</legend>
                    <p class="hint">"Machines that exist stay as they are. Without a limit, any instance type fits."</p>
                    <div class="halves">
                        <CheckedField rules field="min_memory_mib" look=least error=wrong_least/>
                        <CheckedField rules field="max_memory_mib" look=most error=wrong_most/>
                    </div>
                    <Select id="boot" name="form[boot]" label="Boot mode" choices=modes.into() error=wrong_boot/>
                    <div class="halves">
                        <Select id="nic-multiqueue" name="form[nic_multiqueue]" label="NIC multi-queue" choices=queues hint="A queue per processor, for busy networks." error=wrong_queues/>
                        <Select id="sriov" name="form[sriov]" label="SR-IOV driver" choices=sriov hint="On: machines get an Intel 82576 card with SR-IOV in place of virtio, and reach the network only with the drivers igb and igbvf." error=wrong_sriov/>
                    </div>
                </fieldset>
            </DialogBody>
            <DialogFoot>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// Why saving was refused; after a stale try also what saving again would do.
#[component]
fn Refused(error: Option<ApiError>) -> impl IntoView {
    let error = error?;
    let text = error.elsewhere()?;
    let (tone, text) = if stale(&error) {
        let text = format!("{text} What you typed is still here; saving again replaces their change.");
        (Tone::Warn, text)
    } else {
        (Tone::Bad, text)
    };
    Some(view! { <Notice tone text urgency=Urgency::Alert/> })
}
