//! The dialog that deletes a machine, over the machine's page: what goes, what stays, what it saves.

use super::super::parts::{BlockedDialog, Loaded, Refusal, counted, explained};
use super::detail::{InstanceView, MachineActions};
use super::{disk_name, use_instance_id};
use crate::ui::calls::instances::{DeleteInstance, get_instance_deletion};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{RefusedForm, use_form};
use darkroom_core::domain::size;
use darkroom_core::domain::view::InstanceDeletion;
use leptos::prelude::*;

/// The page of a machine with the dialog on top.
#[component]
pub fn DeleteInstancePage() -> impl IntoView {
    let id = use_instance_id();
    let action = ServerAction::<DeleteInstance>::new();
    let refused = use_form();
    let data = Resource::new(move || id.get(), get_instance_deletion);
    let shown =
        Callback::new(move |deletion| view! { <DeleteInstanceDialog deletion action refused/> }.into_any());
    view! {
        <InstanceView id actions=MachineActions::new()/>
        <Loaded data shown/>
    }
}

#[component]
fn DeleteInstanceDialog(
    deletion: InstanceDeletion,
    action: ServerAction<DeleteInstance>,
    refused: RefusedForm,
) -> impl IntoView {
    let close = paths::instance(deletion.id);
    let title = format!("Delete {}?", deletion.name);
    let body = match deletion.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Keep it"/> }.into_any()
        }
        None => view! { <DeleteForm deletion action refused/> }.into_any(),
    };
    view! { <Dialog id="delete-instance" title sub="It cannot be brought back." close_href=close>{body}</Dialog> }
}

#[component]
fn DeleteForm(
    deletion: InstanceDeletion,
    action: ServerAction<DeleteInstance>,
    refused: RefusedForm,
) -> impl IntoView {
    let error = Signal::derive(move || action.value().get().and_then(Result::err));
    let headline = match deletion.month {
        Some(month) => format!("Saves {} per month", month.display(&deletion.symbol)),
        None => "Nothing is charged for it now".to_owned(),
    };
    let detail = "Charging stops as soon as it is deleted.";
    let (id, close) = (deletion.id.to_string(), paths::instance(deletion.id));
    let consequences = consequences(&deletion);
    view! {
        <ActionForm action>
            <input type="hidden" name="id" value=id/>
            <DialogBody>
                <Refusal error refused/>
                <EffectsList consequences/>
            </DialogBody>
            <DialogFoot>
                <PriceLine headline detail/>
                <LinkButton href=close size=Size::Form>"Keep it"</LinkButton>
                <Button variant=Variant::Danger size=Size::Form icon=IconName::Trash pending=action.pending()>"Delete instance"</Button>
            </DialogFoot>
        </ActionForm>
    }
}

/// What deleting does, what needs attention first.
fn consequences(deletion: &InstanceDeletion) -> Vec<Consequence> {
    let disks = deletion.disks.iter().enumerate().map(|(index, disk)| {
        format!("{}, {}, {}", disk_name(index), disk.kind, size::binary(disk.size_bytes))
    });
    let disks = disks.collect::<Vec<_>>().join("; ");
    let images = if deletion.images.is_empty() {
        Consequence {
            icon: IconName::Camera,
            tone: Tone::Warn,
            what: "There is no image of it".to_owned(),
            count: String::new(),
            detail: Some("Make one first if you may need it again.".to_owned()),
        }
    } else {
        Consequence {
            icon: IconName::Image,
            tone: Tone::Good,
            what: "Images made of it stay".to_owned(),
            count: counted(deletion.images.len(), "image"),
            detail: None,
        }
    };
    let gone = Consequence {
        icon: IconName::Disk,
        tone: Tone::Bad,
        what: "Everything on its disks is gone for good".to_owned(),
        count: counted(deletion.disks.len(), "disk"),
        detail: Some(disks),
    };
    let money = deletion.month.map(|month| Consequence {
        icon: IconName::Money,
        tone: Tone::Plain,
        what: "Cost per month".to_owned(),
        count: format!("−{}", month.display(&deletion.symbol)),
        detail: None,
    });
    [gone, images].into_iter().chain(money).collect()
}
