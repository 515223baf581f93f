//! The dialog that makes an image of a machine, over the machine's page: name, remark, what is left out, how consistent it will be, price.

use super::super::held::{Held, refusals};
use super::super::parts::{BlockedDialog, LoadedForm, explained};
use super::detail::{InstanceView, MachineActions};
use super::use_instance_id;
use crate::ui::calls::images::{CreateImage, get_capture_options};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::form::CreateImageForm;
use darkroom_core::domain::instance::Status as State;
use darkroom_core::domain::size;
use darkroom_core::domain::text::{NAME_CHARS_MAX, REMARK_CHARS_MAX};
use darkroom_core::domain::view::CaptureOptions;
use leptos::prelude::*;

/// What an image cannot repair (U7).
const SETTINGS_WARNING: &str = "Changed the network or boot settings since the last restart? Restart once and check that the machine comes back. An image of a machine that cannot boot will not boot either.";

/// The page of a machine with the dialog on top.
#[component]
pub fn CaptureImagePage() -> impl IntoView {
    let id = use_instance_id();
    let action = ServerAction::<CreateImage>::new();
    let held = Held::<CreateImageForm>::new(action);
    let tries = refusals(action);
    let data = Resource::new(move || (id.get(), tries.get()), |(id, _)| get_capture_options(id));
    let shown = Callback::new(move |(options, state)| {
        view! { <CaptureDialog options state action held/> }.into_any()
    });
    view! {
        <InstanceView id actions=MachineActions::new()/>
        <LoadedForm data refused=use_form() fresh shown/>
    }
}

fn fresh(options: &CaptureOptions) -> CreateImageForm {
    CreateImageForm {
        instance: options.instance.to_string(),
        name: options.suggested_name.clone(),
        remark: String::new(),
        price_version: options.price_version,
    }
}

#[component]
fn CaptureDialog(
    options: CaptureOptions,
    state: FormState<CreateImageForm>,
    action: ServerAction<CreateImage>,
    held: Held<CreateImageForm>,
) -> impl IntoView {
    let close = paths::instance(options.instance);
    let keeps = if options.status == State::Running { " It keeps running." } else { "" };
    let sub = format!("From {} in {}.{keeps}", options.name, options.region);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => {
            // The price that is shown is the one that is agreed to, also after a refusal because it changed.
            let form = CreateImageForm { price_version: options.price_version, ..held.start(state) };
            view! { <CaptureForm form options action held/> }.into_any()
        }
    };
    view! { <Dialog id="create-image" title="Create an image" sub close_href=close>{body}</Dialog> }
}

#[component]
fn CaptureForm(
    form: CreateImageForm,
    options: CaptureOptions,
    action: ServerAction<CreateImage>,
    held: Held<CreateImageForm>,
) -> impl IntoView {
    let name_error = held.at("name", CreateImageForm::parse);
    let remark_error = held.at("remark", CreateImageForm::parse);
    let typing = held.typing(|sent: CreateImage| sent.form);
    let sending = held.sending();
    let max = |chars: usize| u32::try_from(chars).unwrap_or(u32::MAX);
    let (headline, detail) = price_words(&options);
    let close = paths::instance(options.instance);
    view! {
        <ActionForm action on:input=typing on:submit:capture=sending>
            <input type="hidden" name="form[instance]" value=form.instance/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <DialogBody>
                <Elsewhere held/>
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
                <LeftOut disks=options.left_out.clone()/>
                <p class="soft">{consistency(options.status)}</p>
                <Notice tone=Tone::Warn text=SETTINGS_WARNING/>
            </DialogBody>
            <DialogFoot>
                <PriceLine headline detail/>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Camera pending=action.pending()>"Create image"</Button>
            </DialogFoot>
        </ActionForm>
    }
}

/// What was refused and belongs to no field.
#[component]
fn Elsewhere(held: Held<CreateImageForm>) -> impl IntoView {
    let text = held.elsewhere();
    move || text.get().map(|text| view! { <Notice tone=Tone::Bad text urgency=Urgency::Alert/> })
}

#[component]
fn LeftOut(disks: Vec<String>) -> impl IntoView {
    let lines = disks.into_iter().map(|disk| view! { <li>{disk}</li> }).collect::<Vec<_>>();
    (!lines.is_empty()).then(|| {
        view! {
            <div class="stack stack--xs">
                <p><strong>"Data disks that are left out"</strong></p>
                <ul>{lines}</ul>
                <p class="small soft">"The image holds the system disk. Copy what you need from them first."</p>
            </div>
        }
    })
}

/// How consistent the image will be, as far as it can be told before.
const fn consistency(status: State) -> &'static str {
    match status {
        State::Running => {
            "It is never paused. When its guest agent answers, the file systems are frozen for the instant of the capture; otherwise the image is as after a power cut, and its page says so."
        }
        _ => "The machine is off, so the image is clean.",
    }
}

/// `About €0.47 per month` and how it is reckoned.
fn price_words(options: &CaptureOptions) -> (String, String) {
    let symbol = &options.symbol;
    let headline = format!("About {} per month", options.likely.month.display(symbol));
    let detail = format!(
        "{} stored × {}. At most {}. Starts when the image is available.",
        size::decimal(options.used_bytes),
        options.rate.rate(symbol),
        options.most.month.display(symbol)
    );
    (headline, detail)
}
