//! The dialog that makes an image of a machine, over the machine's page: name, remark, what is left out, how consistent it will be, price.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, NameAndRemark, PriceAhead, explained, loaded, with_ahead};
use super::detail::InstanceSheet;
use super::use_instance_id;
use crate::ui::calls::images::{CreateImage, get_capture_options};
use crate::ui::calls::instances::get_instance;
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{Kept, KeptForm, KeptPrice, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::CreateImageForm;
use darkroom_core::domain::image;
use darkroom_core::domain::instance::Status as State;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{CaptureChoice, CaptureOptions};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// What an image cannot repair (U7).
const SETTINGS_WARNING: &str = "Changed the network or boot settings since the last restart? Restart once and check that the machine comes back. An image of a machine that cannot boot will not boot either.";

/// The page of a machine with the dialog on top.
#[component]
pub fn CaptureImagePage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data = async move {
        let (detail, options) = (get_instance(id).await?, get_capture_options(id).await?);
        let state = refused.state(fresh(&options)).await;
        Ok((detail, options, state))
    };
    loaded(data, |(detail, options, state)| {
        view! { <InstanceSheet detail/><CaptureDialog options state/> }.into_any()
    })
}

fn fresh(options: &CaptureOptions) -> CreateImageForm {
    CreateImageForm {
        what: String::new(),
        instance: options.instance.to_string(),
        name: options.suggested_name.clone(),
        remark: String::new(),
        price_version: options.price_version,
    }
}

#[component]
fn CaptureDialog(options: CaptureOptions, state: FormState<CreateImageForm>) -> impl IntoView {
    let close = paths::instance(options.instance);
    let keeps = if options.status == State::Running { " It keeps running." } else { "" };
    let sub = format!("From {} in {}.{keeps}", options.name, options.region);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => {
            // The price that is shown is the one that is agreed to, also after a refusal because it changed.
            let form = CreateImageForm { price_version: options.price_version, ..state.form };
            view! { <CaptureForm form error=state.error options/> }.into_any()
        }
    };
    view! { <Dialog id="create-image" title="Create an image" sub close_href=close>{body}</Dialog> }
}

#[component]
fn CaptureForm(form: CreateImageForm, error: Option<ApiError>, options: CaptureOptions) -> impl IntoView {
    let price = price(&options, &form);
    let choose = (options.choices.len() > 1)
        .then(|| view! { <Choices options=options.clone() chosen=form.what.clone() error=error_at(error.as_ref(), "what")/> });
    let left_out = choose.is_none().then(|| view! { <LeftOut disks=options.left_out.clone()/> });
    let close = paths::instance(options.instance);
    view! {
        <PostForm to=CreateImage::url()>
            <input type="hidden" name="form[instance]" value=form.instance/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <NameAndRemark rules=Rules::CreateImage name=form.name remark=form.remark error/>
                {choose}
                {left_out}
                <p class="soft">{consistency(options.status)}</p>
                <Notice tone=Tone::Warn text=SETTINGS_WARNING/>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Create image"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// What of the machine: its system disk, all of it at one instant, or one data disk by itself; each with its price or why not.
#[component]
fn Choices(options: CaptureOptions, chosen: String, error: Option<String>) -> impl IntoView {
    let first = options.choices.first().map(|choice| choice.what.clone()).unwrap_or_default();
    let chosen = if chosen.is_empty() { first } else { chosen };
    let rows = options
        .choices
        .into_iter()
        .map(|choice| {
            let pick = match &choice.refused {
                Some(_) => Pick::Blocked,
                None => Pick::when(choice.what == chosen),
            };
            let disks = choice.disks.join("; ");
            let label = match choice.kind {
                image::Kind::Data => disks.clone(),
                kind => kind.word().to_owned(),
            };
            let what = match choice.kind {
                image::Kind::System | image::Kind::Iso => "The data disks are left out. ".to_owned(),
                image::Kind::Machine => format!("{disks}; all at one instant. "),
                image::Kind::Data => "For new disks of other machines. ".to_owned(),
            };
            let hint = match &choice.refused {
                Some(reason) => reason.sentence(),
                None => format!(
                    "{what}About {} per month, at most {}.",
                    choice.likely.month.display(&options.symbol),
                    choice.most.month.display(&options.symbol)
                ),
            };
            let id = format!("what-{}", choice.what);
            view! { <Checkbox id name="form[what]" value=choice.what label kind=CheckKind::Radio pick hint/> }
                .into_any()
        })
        .collect_view();
    let error = error.map(|text| {
        view! { <p class="error"><Icon name=IconName::Bad/><span>{text}</span></p> }
    });
    view! { <CheckGroup legend="Of">{rows}{error}</CheckGroup> }
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

/// What the image costs, and how that is reckoned; where there are several, that of the one that is chosen.
fn price(options: &CaptureOptions, form: &CreateImageForm) -> AnyView {
    let symbol = &options.symbol;
    if let [first, _, ..] = options.choices.as_slice() {
        let what = if form.what.is_empty() { first.what.clone() } else { form.what.clone() };
        let form = KeptForm { what, ..KeptForm::default() };
        let kept = |choice: &CaptureChoice| Kept {
            instance: String::new(),
            what: choice.what.clone(),
            likely: Some(choice.likely),
            most: choice.most,
        };
        let kept: Vec<Kept> = options.choices.iter().map(kept).collect();
        let (rate, symbol) = (options.rate.words(symbol), symbol.clone());
        let note = "Starts when the image is available.".to_owned();
        return with_ahead(move |ahead| view! { <KeptPrice kept form rate symbol note ahead/> }.into_any());
    }
    let headline = format!("About {}", options.likely.words(symbol));
    let detail = format!(
        "About {} to store, {}. At most {}. Starts when the image is available.",
        size::decimal(options.used_bytes),
        options.rate.words(symbol),
        options.most.month.display(symbol)
    );
    view! { <PriceAhead headline detail month=options.likely.month/> }.into_any()
}
