//! The dialog that deletes a snapshot, over its page: what goes, what stays, what it saves.

use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{counted, explained, loaded, role_reason};
use super::detail::SnapshotSheet;
use super::use_snapshot_id;
use crate::ui::calls::snapshots::{DeleteSnapshot, get_snapshot};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::size;
use darkroom_core::domain::view::SnapshotDetail;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a snapshot with the dialog on top.
#[component]
pub fn DeleteSnapshotPage() -> impl IntoView {
    let (id, refused) = (use_snapshot_id(), use_form());
    let data = async move { Ok((get_snapshot(id).await?, refused.error().await)) };
    loaded(data, |(detail, error)| {
        let rule = match detail.may_change {
            true => detail.row.delete_blocked.clone(),
            false => Some(role_reason()),
        };
        let deletion = Deletion {
            to: DeleteSnapshot::url(),
            fields: vec![("id", detail.id.to_string())],
            verb: "Delete snapshot",
            title: format!("Delete {}?", detail.row.name),
            sub: "It cannot be brought back.".to_owned(),
            close: paths::snapshot(detail.id),
            headline: saves_words(detail.row.month.unwrap_or(Money::ZERO), &detail.symbol),
            saves: detail.row.month.unwrap_or(Money::ZERO),
            detail: format!(
                "It has cost {} so far. The service itself stays on.",
                detail.cost.display(&detail.symbol)
            ),
            decision: None,
            consequences: consequences(&detail),
            blocked: rule.map(explained),
        };
        view! { <SnapshotSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}

fn consequences(detail: &SnapshotDetail) -> Vec<Consequence> {
    let line = |icon, tone, what: &str, count: String, detail: Option<&str>| Consequence {
        icon,
        tone,
        what: what.to_owned(),
        count,
        detail: detail.map(str::to_owned),
    };
    let stored =
        if detail.row.stored_bytes == 0 { String::new() } else { size::decimal(detail.row.stored_bytes) };
    let mut lines = vec![line(
        IconName::Warn,
        Tone::Warn,
        "It is gone for good",
        stored,
        Some("There is no recycle bin for snapshots."),
    )];
    if detail.schedule.is_some() {
        lines.push(line(IconName::Clock, Tone::Plain, "Its schedule counts one less", String::new(), None));
    }
    lines.push(line(
        IconName::Image,
        Tone::Good,
        "Images and disks made from it stay",
        counted(detail.images.len(), "image"),
        None,
    ));
    lines
}
