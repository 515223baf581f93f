//! The dialog that renames a snapshot, over its page.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, explained, loaded, role_reason};
use super::detail::SnapshotSheet;
use super::use_snapshot_id;
use crate::ui::calls::snapshots::{RenameSnapshot, get_snapshot};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::RenameSnapshotForm;
use darkroom_core::domain::text::NAME_CHARS_MAX;
use darkroom_core::domain::view::SnapshotDetail;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a snapshot with the dialog on top.
#[component]
pub fn RenameSnapshotPage() -> impl IntoView {
    let (id, refused) = (use_snapshot_id(), use_form());
    let data = async move {
        let detail = get_snapshot(id).await?;
        let fresh = RenameSnapshotForm {
            snapshot: id.to_string(),
            revision: detail.revision,
            name: detail.row.name.clone(),
        };
        Ok((detail, refused.state(fresh).await))
    };
    loaded(data, |(detail, state)| {
        view! { <SnapshotSheet detail=detail.clone()/><RenameDialog detail state/> }.into_any()
    })
}

#[component]
fn RenameDialog(detail: SnapshotDetail, state: FormState<RenameSnapshotForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::snapshot(detail.id);
    let close_href = close.clone();
    let blocked = if detail.may_change { detail.rename_blocked } else { Some(role_reason()) };
    let body = match blocked {
        Some(rule) => view! { <BlockedDialog reason=explained(rule) close label="Close"/> }.into_any(),
        None => {
            let wrong = error_at(error.as_ref(), "name");
            view! {
                <PostForm to=RenameSnapshot::url()>
                    <input type="hidden" name="form[snapshot]" value=form.snapshot/>
                    <input type="hidden" name="form[revision]" value=detail.revision.to_string()/>
                    <DialogBody>
                        <Refusal error/>
                        <Field id="name" name="form[name]" label="Name" value=form.name error=wrong max_length=u32::try_from(NAME_CHARS_MAX).unwrap_or(u32::MAX) autocomplete="off"/>
                    </DialogBody>
                    <DialogFoot>
                        <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                        <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
                    </DialogFoot>
                </PostForm>
            }
            .into_any()
        }
    };
    view! { <Dialog id="rename" title=format!("Rename {}", detail.row.name) close_href>{body}</Dialog> }
}
