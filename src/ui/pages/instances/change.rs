//! The dialog *Change image*, over the machine's page: what is lost, what stays, the image, the price before and after.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, explained, loaded, with_ahead};
use super::detail::InstanceSheet;
use super::new::{brought, size_look};
use super::picker::Offer;
use super::{disk_words, use_instance_id};
use crate::ui::calls::instances::{ChangeInstanceImage, get_change_image_options, get_instance};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{ChangePrice, CheckedField, FieldLook, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::ChangeImageForm;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{ChangeImageOptions, DiskView};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a machine with the dialog on top.
#[component]
pub fn ChangeImagePage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data = async move {
        let (detail, options) = (get_instance(id).await?, get_change_image_options(id).await?);
        // The image it has is chosen at first: it is the one thing that is sure to fit.
        let image = detail.image.as_ref().map(|image| image.id.to_string()).unwrap_or_default();
        let fresh = ChangeImageForm { image, ..ChangeImageForm::default() };
        let state = refused.state(fresh).await;
        Ok((detail, options, state))
    };
    loaded(data, |(detail, options, state)| {
        view! { <InstanceSheet detail/><ChangeDialog options state/> }.into_any()
    })
}

#[component]
fn ChangeDialog(options: ChangeImageOptions, state: FormState<ChangeImageForm>) -> impl IntoView {
    let close = paths::instance(options.id);
    let title = format!("Change the image of {}?", options.name);
    let sub = format!("It has {} now. Its system disk is replaced, and it starts.", options.image_name);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Keep it"/> }.into_any()
        }
        None => view! { <ChangeForm form=state.form error=state.error options/> }.into_any(),
    };
    view! { <Dialog id="change-image" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn ChangeForm(form: ChangeImageForm, error: Option<ApiError>, options: ChangeImageOptions) -> impl IntoView {
    let faults = error.clone();
    let at = move |field| error_at(faults.as_ref(), field);
    let close = paths::instance(options.id);
    let prices = options.options.prices.clone();
    // The price that is shown is the one that is agreed to, also after a refusal because it changed.
    let form = ChangeImageForm { instance: options.id.to_string(), price_version: prices.version, ..form };
    let images = Offer::of(&options.options).choices(&form.image);
    let least = options.disks.first().map(|disk| size::binary(disk.size_bytes)).unwrap_or_default();
    let disk = FieldLook {
        label: "Size of the new system disk in GiB".to_owned(),
        need: Need::Optional,
        value: form.disk_gib.clone(),
        hint: Some(format!("Empty for {least}, as now.")),
        ..size_look()
    };
    let unsure = at("sure").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let (sure, n) = (Pick::when(form.sure == "yes"), least);
    let disks: Vec<(DiskKind, u64)> = options.disks.iter().map(|d| (d.kind, d.size_bytes)).collect();
    let brought = brought(&options.options);
    let (flavor, licence, priced) = (options.flavor.to_string(), options.licence.clone(), form.clone());
    let price = with_ahead(move |ahead| {
        view! { <ChangePrice prices flavor disks licence form=priced brought ahead/> }.into_any()
    });
    view! {
        <PostForm to=ChangeInstanceImage::url()>
            <input type="hidden" name="form[instance]" value=form.instance.clone()/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <Select id="image" name="form[image]" label="New image" choices=images error=at("image")/>
                <CheckedField rules=Rules::ChangeImage field="disk_gib" look=disk error=at("disk_gib")/>
                <EffectsList consequences=consequences(&options.disks)/>
                <Checkbox
                    id="sure"
                    name="form[sure]"
                    value="yes"
                    label=format!("Everything on the system disk ({n}) may be lost")
                    pick=sure
                    need=Need::Required
                />
                {unsure}
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Keep it"</LinkButton>
                <Button variant=Variant::Danger size=Size::Form icon=IconName::Retry>"Change image"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// What is lost and what stays.
fn consequences(disks: &[DiskView]) -> Vec<Consequence> {
    let line = |icon, tone, what: &str, count: String, detail: Option<String>| Consequence {
        icon,
        tone,
        what: what.to_owned(),
        count,
        detail,
    };
    let system = disks.first().map(|disk| size::binary(disk.size_bytes)).unwrap_or_default();
    let kept = disks.iter().skip(1).map(disk_words).collect::<Vec<_>>().join("; ");
    let mut lines = vec![line(
        IconName::Disk,
        Tone::Bad,
        "The system disk with everything on it is lost",
        system,
        Some("Make an image first if you may need it again. If the new system does not start, the old one is kept.".to_owned()),
    )];
    if !kept.is_empty() {
        lines.push(line(IconName::Ok, Tone::Good, "Data disks stay", String::new(), Some(kept)));
    }
    lines.push(line(
        IconName::Ok,
        Tone::Good,
        "Name, type, ID, SSH keys and user data stay",
        String::new(),
        Some("Cloud-init runs again. The SSH port may be another; the host key is.".to_owned()),
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::disk::DiskRole;

    #[test]
    fn what_is_lost_comes_first_and_data_disks_are_named() {
        let disk = |role, gib: u64| DiskView {
            id: uuid::Uuid::nil().into(),
            name: if role == DiskRole::System { "system" } else { "data-1" }.to_owned(),
            remove_blocked: None,
            role,
            kind: DiskKind::Ssd,
            size_bytes: gib << 30,
            used_bytes: None,
        };
        let lines = consequences(&[disk(DiskRole::System, 2), disk(DiskRole::Data, 5)]);
        assert_eq!((lines[0].tone, lines[0].count.as_str()), (Tone::Bad, "2 GiB"));
        assert_eq!(lines[1].detail.as_deref(), Some("data-1, ssd, 5 GiB"));
        assert_eq!(
            consequences(&[disk(DiskRole::System, 2)]).len(),
            2,
            "nothing is said of disks it has not"
        );
    }
}
