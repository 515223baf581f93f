//! The dialog that deletes something, the same for every kind of thing: what happens, what stays, what it saves.

use super::Refusal;
use super::parts::BlockedDialog;
use crate::ui::components::*;
use crate::ui::error::ApiError;
use leptos::prelude::*;

/// What the dialog says about one thing.
pub struct Deletion {
    /// The address of the server function; it takes `id`.
    pub to: &'static str,
    /// What it is: *image*.
    pub noun: &'static str,
    pub id: String,
    pub name: String,
    /// The page underneath.
    pub close: String,
    /// What it saves.
    pub headline: String,
    pub detail: String,
    /// What happens, what needs attention first.
    pub consequences: Vec<Consequence>,
    /// Why it is not possible now.
    pub blocked: Option<Reason>,
}

/// Asks whether to delete, by its consequences.
#[component]
pub fn DeleteDialog(deletion: Deletion, error: Option<ApiError>) -> impl IntoView {
    let Deletion { to, noun, id, name, close, headline, detail, consequences, blocked } = deletion;
    let (close_href, label) = (close.clone(), format!("Delete {noun}"));
    let body = match blocked {
        Some(reason) => view! { <BlockedDialog reason close label="Keep it"/> }.into_any(),
        None => view! {
            <PostForm to>
                <input type="hidden" name="id" value=id/>
                <DialogBody>
                    <Refusal error/>
                    <EffectsList consequences/>
                </DialogBody>
                <DialogFoot>
                    <PriceLine headline detail/>
                    <LinkButton href=close size=Size::Form>"Keep it"</LinkButton>
                    <Button variant=Variant::Danger size=Size::Form icon=IconName::Trash>{label}</Button>
                </DialogFoot>
            </PostForm>
        }
        .into_any(),
    };
    view! {
        <Dialog id=format!("delete-{noun}") title=format!("Delete {name}?") sub="It cannot be brought back." close_href>
            {body}
        </Dialog>
    }
}
