//! The dialog that deletes a scaling group, over the group's page: all its machines go.

use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{explained, loaded};
use super::detail::GroupSheet;
use super::use_group_id;
use crate::ui::calls::groups::{DeleteGroup, get_group, get_group_deletion};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::size;
use darkroom_core::domain::text::counted;
use darkroom_core::domain::view::GroupDeletion;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a group with the dialog on top.
#[component]
pub fn DeleteGroupPage() -> impl IntoView {
    let (id, refused) = (use_group_id(), use_form());
    let data =
        async move { Ok((get_group(id).await?, get_group_deletion(id).await?, refused.error().await)) };
    loaded(data, |(detail, group, error)| {
        let deletion = Deletion {
            to: DeleteGroup::url(),
            fields: vec![("id", group.id.to_string())],
            verb: "Delete group",
            title: format!("Delete {} with its machines?", group.name),
            sub: "They cannot be brought back.".to_owned(),
            close: paths::group(group.id),
            headline: saves_words(group.month, &group.symbol),
            saves: group.month,
            detail: "Charging stops as each machine is deleted.".to_owned(),
            decision: None,
            consequences: consequences(&group),
            blocked: group.blocked.map(explained),
        };
        view! { <GroupSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}

/// What deleting does, what needs attention first.
fn consequences(group: &GroupDeletion) -> Vec<Consequence> {
    let names: Vec<&str> = group.members.iter().map(|machine| machine.name.as_str()).collect();
    let n = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let machines = Consequence {
        icon: IconName::Instance,
        tone: Tone::Bad,
        what: "All its machines are deleted".to_owned(),
        count: counted(n, "machine"),
        detail: (n > 0).then(|| format!("{}.", names.join(", "))),
    };
    let disks = Consequence {
        icon: IconName::Disk,
        tone: Tone::Bad,
        what: "Everything on their disks is gone for good".to_owned(),
        count: size::binary(group.disk_bytes),
        detail: None,
    };
    let images = Consequence {
        icon: IconName::Image,
        tone: Tone::Good,
        what: "Images stay".to_owned(),
        count: String::new(),
        detail: Some("Those they were made from, and those made of them.".to_owned()),
    };
    if n == 0 { vec![machines, images] } else { vec![machines, disks, images] }
}
