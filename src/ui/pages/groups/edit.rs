//! The dialog that changes a scaling group: its name and count at once, the rest for machines that are made from now on.

use super::super::Refusal;
use super::super::instances::new::{Access, brought};
use super::super::instances::picker::Offer;
use super::super::parts::{BlockedDialog, explained, loaded, with_ahead};
use super::detail::GroupSheet;
use super::new::{NameAndCount, SystemDisk};
use super::use_group_id;
use crate::ui::calls::groups::{EditGroup, get_group, get_group_change};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{GroupPrice, Rules};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::GroupForm;
use darkroom_core::domain::ids::GroupId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::view::GroupOptions;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a group with the dialog on top.
#[component]
pub fn EditGroupPage() -> impl IntoView {
    let (id, refused) = (use_group_id(), use_form());
    let data = async move {
        let (detail, change) = (get_group(id).await?, get_group_change(id).await?);
        let state = refused.state(change.form).await;
        Ok((detail, change.choices, state))
    };
    loaded(data, move |(detail, choices, state)| {
        let title = format!("Edit {}", detail.name);
        let before = (detail.wanted, detail.each.map(|each| each.month).unwrap_or_default());
        view! { <GroupSheet detail/><EditDialog id title choices before state/> }.into_any()
    })
}

#[component]
fn EditDialog(
    id: GroupId,
    title: String,
    choices: GroupOptions,
    before: (u32, Money),
    state: FormState<GroupForm>,
) -> impl IntoView {
    let close = paths::group(id);
    let sub = "Name and count hold at once, everything else for machines that are made from now on.";
    let body = match choices.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <EditForm id form=state.form error=state.error choices before/> }.into_any(),
    };
    view! { <Dialog id="edit-group" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn EditForm(
    id: GroupId,
    form: GroupForm,
    error: Option<ApiError>,
    choices: GroupOptions,
    before: (u32, Money),
) -> impl IntoView {
    let options = choices.options.clone();
    // The price that is shown is the one that is agreed to, also after a refusal because it changed.
    let form = GroupForm { group: id.to_string(), price_version: options.prices.version, ..form };
    let at = |field| error_at(error.as_ref(), field);
    let (image_error, flavor_error) = (at("image"), at("flavor"));
    let images = Offer::of(&options).choices(&form.image);
    let flavors = options
        .flavors
        .iter()
        .map(|flavor| {
            let label = format!("{}: {}", flavor.id, flavor.summary());
            Choice::new(flavor.id.as_str(), label, Pick::when(flavor.id.as_str() == form.flavor))
        })
        .collect::<Vec<_>>();
    let priced = GroupForm { ssh_keys: String::new(), user_data: String::new(), ..form.clone() };
    let (brought, prices) = (brought(&options), options.prices.clone());
    let price =
        with_ahead(move |ahead| view! { <GroupPrice prices form=priced brought before ahead/> }.into_any());
    view! {
        <PostForm to=EditGroup::url()>
            <input type="hidden" name="form[group]" value=form.group.clone()/>
            <input type="hidden" name="form[revision]" value=form.revision.to_string()/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <DialogBody>
                <Refusal error=error.clone()/>
                <NameAndCount form=form.clone() choices=choices.clone() error=error.clone()/>
                <Select id="image" name="form[image]" label="Image" choices=images hint="Machines of another image stay until you roll the group." error=image_error/>
                <Select id="flavor" name="form[flavor]" label="Type" choices=flavors error=flavor_error/>
                <SystemDisk form=form.clone() choices error=error.clone()/>
                <Access rules=Rules::Group ssh_keys=form.ssh_keys.clone() user_data=form.user_data.clone() error=error.clone()/>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=paths::group(id) size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
            </DialogFoot>
        </PostForm>
    }
}
