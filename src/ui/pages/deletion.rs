//! The dialog that deletes something, the same for every kind of thing: what happens, what stays, what it saves.

use super::Refusal;
use super::parts::{BlockedDialog, PriceAhead};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use darkroom_core::domain::money::Money;
use leptos::prelude::*;

/// What the dialog says about one thing.
pub struct Deletion {
    /// The address of the server function.
    pub to: &'static str,
    /// Its hidden fields.
    pub fields: Vec<(&'static str, String)>,
    /// The button: *Delete image*.
    pub verb: &'static str,
    /// The question: *Delete web-v2?*
    pub title: String,
    /// What becomes of it, in a sentence.
    pub sub: String,
    /// The page underneath.
    pub close: String,
    /// What it saves.
    pub headline: String,
    pub detail: String,
    /// What is no longer charged a month, as soon as it is done.
    pub saves: Money,
    /// What has to be decided first, if anything.
    pub decision: Option<AnyView>,
    /// What happens.
    pub consequences: Vec<Consequence>,
    /// Why it is not possible now.
    pub blocked: Option<Reason>,
}

/// *Saves €0.47 per month*, or that there is nothing to save.
pub fn saves_words(month: Money, symbol: &str) -> String {
    match month {
        Money::ZERO => "Saves nothing".to_owned(),
        month => format!("Saves {} per month", month.display(symbol)),
    }
}

/// Asks whether to delete, by its consequences.
#[component]
pub fn DeleteDialog(deletion: Deletion, error: Option<ApiError>) -> impl IntoView {
    let Deletion {
        to,
        fields,
        verb,
        title,
        sub,
        close,
        headline,
        detail,
        saves,
        decision,
        consequences,
        blocked,
    } = deletion;
    let close_href = close.clone();
    let fields = fields
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view();
    let body = match blocked {
        Some(reason) => view! { <BlockedDialog reason close label="Keep it"/> }.into_any(),
        None => view! {
            <PostForm to>
                {fields}
                <DialogBody>
                    <Refusal error/>
                    {decision}
                    <EffectsList consequences/>
                </DialogBody>
                <DialogFoot>
                    <PriceAhead headline detail month={Money::ZERO - saves}/>
                    <LinkButton href=close size=Size::Form>"Keep it"</LinkButton>
                    <Button variant=Variant::Danger size=Size::Form icon=IconName::Trash>{verb}</Button>
                </DialogFoot>
            </PostForm>
        }
        .into_any(),
    };
    view! {
        <Dialog id="delete" title sub close_href>
            {body}
        </Dialog>
    }
}
