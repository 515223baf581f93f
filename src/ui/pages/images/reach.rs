//! The dialog that asks the provider for an image to be deployable in another region, over its page (U15).

use super::super::Refusal;
use super::super::parts::{BlockedDialog, explained, loaded};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::get_image;
use crate::ui::calls::quotas::{AskReach, reach_options};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::ReachForm;
use darkroom_core::domain::view::ReachOptions;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of an image with the dialog on top.
#[component]
pub fn ReachImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let (detail, options) = (get_image(id).await?, reach_options(id).await?);
        let fresh = ReachForm { image: id.to_string(), ..ReachForm::default() };
        Ok((detail, options, refused.state(fresh).await))
    };
    loaded(data, |(detail, options, state)| {
        view! { <ImageSheet detail/><ReachDialog options state/> }.into_any()
    })
}

#[component]
fn ReachDialog(options: ReachOptions, state: FormState<ReachForm>) -> impl IntoView {
    let close = paths::image(options.image);
    let close_href = close.clone();
    let title = format!("Deploy {} in another region", options.name);
    let sub = format!(
        "It is in {}. Your provider decides, and the answer appears on the page Quotas.",
        options.home
    );
    let body = match options.blocked.clone() {
        Some(rule) => view! { <BlockedDialog reason=explained(rule) close label="Close"/> }.into_any(),
        None if options.regions.is_empty() => view! {
            <div>
                <DialogBody><p>"It can be deployed in every region already."</p></DialogBody>
                <DialogFoot><LinkButton href=close size=Size::Form>"Close"</LinkButton></DialogFoot>
            </div>
        }
        .into_any(),
        None => view! { <ReachFields options state close/> }.into_any(),
    };
    view! { <Dialog id="reach" title sub close_href>{body}</Dialog> }
}

#[component]
fn ReachFields(options: ReachOptions, state: FormState<ReachForm>, close: String) -> impl IntoView {
    let FormState { form, error } = state;
    let (wrong_region, wrong_reason) =
        (error_at(error.as_ref(), "region"), error_at(error.as_ref(), "reason"));
    let first = options.regions.first().map(ToString::to_string).unwrap_or_default();
    let chosen = if form.region.is_empty() { first } else { form.region };
    let choices = options
        .regions
        .iter()
        .map(|region| Choice::new(region.as_str(), region.as_str(), Pick::when(region.as_str() == chosen)))
        .collect::<Vec<_>>();
    let copy = paths::image_copy(options.image);
    view! {
        <PostForm to=AskReach::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            <DialogBody>
                <Refusal error/>
                <p>
                    "Machines there fetch its content first and then keep it. To keep an image of your own there instead, "
                    <a href=copy>"copy it"</a>"."
                </p>
                <Select id="region" name="form[region]" label="Region" choices error=wrong_region/>
                <Field id="reason" name="form[reason]" label="Reason" kind=FieldKind::Area value=form.reason error=wrong_reason hint="What do you need it for? Your provider reads this."/>
            </DialogBody>
            <DialogFoot>
                <PriceLine headline="Asking costs nothing" detail="You pay for the machines that you then make."/>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>"Send request"</Button>
            </DialogFoot>
        </PostForm>
    }
}
