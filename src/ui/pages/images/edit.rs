//! The dialog that renames an image and changes its remark, over the image's page. When somebody else was quicker it says what they
//! changed, keeps what was typed, and saves over it only when asked again.

use super::super::held::{Held, refusals};
use super::super::parts::{BlockedDialog, LoadedForm, TaskActions, explained, role_reason};
use super::detail::ImageView;
use super::use_image_id;
use crate::ui::calls::images::{UpdateImage, get_image};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::form::EditImageForm;
use darkroom_core::domain::image::{Action, Image};
use darkroom_core::domain::text::{NAME_CHARS_MAX, REMARK_CHARS_MAX};
use darkroom_core::domain::view::ImageDetail;
use leptos::prelude::*;

/// The code of a refusal because somebody changed the image meanwhile.
const STALE: &str = "image_changed";

/// The page of an image with the dialog on top.
#[component]
pub fn EditImagePage() -> impl IntoView {
    let id = use_image_id();
    let action = ServerAction::<UpdateImage>::new();
    let held = Held::<EditImageForm>::new(action);
    let tries = refusals(action);
    let data = Resource::new(move || (id.get(), tries.get()), |(id, _)| get_image(id));
    let shown = Callback::new(move |(detail, state)| {
        view! { <EditImageDialog detail state action held/> }.into_any()
    });
    view! {
        <ImageView id actions=TaskActions::of_page()/>
        <LoadedForm data refused=use_form() fresh shown/>
    }
}

fn fresh(detail: &ImageDetail) -> EditImageForm {
    let image = &detail.image;
    EditImageForm {
        image: image.id.to_string(),
        revision: image.revision,
        name: image.name.to_string(),
        remark: image.remark.clone(),
    }
}

#[component]
fn EditImageDialog(
    detail: ImageDetail,
    state: FormState<EditImageForm>,
    action: ServerAction<UpdateImage>,
    held: Held<EditImageForm>,
) -> impl IntoView {
    let image = detail.image;
    let close = paths::image(image.id);
    let title = format!("Edit {}", image.name);
    let blocked = if detail.may_change { image.can(Action::Edit).err() } else { Some(role_reason()) };
    let body = match blocked {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => {
            let form = start(held, state, &image);
            view! { <EditForm form action held close=close.clone()/> }.into_any()
        }
    };
    view! { <Dialog id="edit-image" title sub="Its content stays as it is." close_href=close>{body}</Dialog> }
}

/// The values to start from. After a stale try the revision is the present one, so that saving again is a decision and not a dead end.
fn start(held: Held<EditImageForm>, state: FormState<EditImageForm>, image: &Image) -> EditImageForm {
    let mut form = held.start(state);
    let stale =
        held.error().with_untracked(|error| error.as_ref().is_some_and(|error| error.0.code == STALE));
    if stale {
        form.revision = image.revision;
        held.amend(form.clone());
    }
    form
}

#[component]
fn EditForm(
    form: EditImageForm,
    action: ServerAction<UpdateImage>,
    held: Held<EditImageForm>,
    close: String,
) -> impl IntoView {
    let name_error = held.at("name", EditImageForm::parse);
    let remark_error = held.at("remark", EditImageForm::parse);
    let typing = held.typing(|sent: UpdateImage| sent.form);
    let sending = held.sending();
    let max = |chars: usize| u32::try_from(chars).unwrap_or(u32::MAX);
    view! {
        <ActionForm action on:input=typing on:submit:capture=sending>
            <input type="hidden" name="form[image]" value=form.image/>
            <input type="hidden" name="form[revision]" value=form.revision.to_string()/>
            <DialogBody>
                <Refusal held/>
                <Field id="name" name="form[name]" label="Name" value=form.name error=name_error max_length=max(NAME_CHARS_MAX) autocomplete="off"/>
                <Field
                    id="remark"
                    name="form[remark]"
                    label="Remark"
                    kind=FieldKind::Area
                    need=Need::Optional
                    value=form.remark
                    error=remark_error
                    hint="What will help you choose this image in a year?"
                    max_length=max(REMARK_CHARS_MAX)
                />
            </DialogBody>
            <DialogFoot>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form pending=action.pending()>"Save changes"</Button>
            </DialogFoot>
        </ActionForm>
    }
}

/// Why saving was refused; after a stale try also what saving again would do.
#[component]
fn Refusal(held: Held<EditImageForm>) -> impl IntoView {
    let error = held.error();
    move || {
        let error = error.get()?;
        let text = error.elsewhere()?;
        let stale = error.0.code == STALE;
        let text = if stale {
            format!("{text} What you typed is still here; saving again replaces their change.")
        } else {
            text
        };
        let tone = if stale { Tone::Warn } else { Tone::Bad };
        Some(view! { <Notice tone text urgency=Urgency::Alert/> })
    }
}
