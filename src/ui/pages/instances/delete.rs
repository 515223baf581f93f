//! The dialog that deletes a machine, over the machine's page: what goes, what stays, what it saves.

use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{counted, explained, loaded};
use super::detail::InstanceSheet;
use super::{disk_words, use_instance_id};
use crate::ui::calls::instances::{DeleteInstance, get_instance, get_instance_deletion};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::view::InstanceDeletion;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a machine with the dialog on top.
#[component]
pub fn DeleteInstancePage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data =
        async move { Ok((get_instance(id).await?, get_instance_deletion(id).await?, refused.error().await)) };
    loaded(data, |(detail, machine, error)| {
        let deletion = Deletion {
            to: DeleteInstance::url(),
            fields: vec![("id", machine.id.to_string())],
            verb: "Delete instance",
            title: format!("Delete {}?", machine.name),
            sub: "It cannot be brought back.".to_owned(),
            close: paths::instance(machine.id),
            headline: saves_words(machine.month, &machine.symbol),
            saves: machine.month,
            detail: "Charging stops as soon as it is deleted.".to_owned(),
            decision: None,
            consequences: consequences(&machine),
            blocked: machine.blocked.map(explained),
        };
        view! { <InstanceSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}

/// What deleting does, what needs attention first.
fn consequences(deletion: &InstanceDeletion) -> Vec<Consequence> {
    let disks = deletion.disks.iter().map(disk_words).collect::<Vec<_>>().join("; ");
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
    let replaced = deletion.group.as_ref().map(|group| Consequence {
        icon: IconName::Group,
        tone: Tone::Warn,
        what: format!("The group {} makes another one in its place", group.name),
        count: String::new(),
        detail: Some("Lower the group's count if you want one machine less.".to_owned()),
    });
    let gone = Consequence {
        icon: IconName::Disk,
        tone: Tone::Bad,
        what: "Everything on its disks is gone for good".to_owned(),
        count: counted(deletion.disks.len(), "disk"),
        detail: Some(disks),
    };
    let money = (deletion.month != Money::ZERO).then(|| Consequence {
        icon: IconName::Money,
        tone: Tone::Plain,
        what: "Cost per month".to_owned(),
        count: (Money::ZERO - deletion.month).display(&deletion.symbol),
        detail: None,
    });
    let schedules = (deletion.n_schedules > 0).then(|| Consequence {
        icon: IconName::Clock,
        tone: Tone::Plain,
        what: "Its schedules go too".to_owned(),
        count: counted(deletion.n_schedules as usize, "schedule"),
        detail: None,
    });
    let snapshots = (deletion.n_snapshots > 0).then(|| Consequence {
        icon: IconName::Disk,
        tone: Tone::Warn,
        what: "Snapshots of it stay and go on costing".to_owned(),
        count: counted(deletion.n_snapshots as usize, "snapshot"),
        detail: Some("A machine can be made again from an image of one.".to_owned()),
    });
    replaced.into_iter().chain([gone, images]).chain(snapshots).chain(schedules).chain(money).collect()
}
