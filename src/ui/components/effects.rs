//! What a click does and costs, said before the click.

use super::icon::{Icon, IconName};
use super::status::Tone;
use leptos::prelude::*;

/// One line of an effects list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consequence {
    pub icon: IconName,
    /// `Bad` and `Warn` for what needs a decision, `Good` for what stays, `Plain` for the rest.
    pub tone: Tone,
    /// *Machines made from it keep running*.
    pub what: String,
    /// How many, at the right: *7 machines*. Empty if there is nothing to count.
    pub count: String,
    /// One sentence more: *They can no longer be reset to this image.*
    pub detail: Option<String>,
}

/// What happens to what. What blocks comes first.
#[component]
pub fn EffectsList(consequences: Vec<Consequence>) -> impl IntoView {
    let lines = consequences
        .into_iter()
        .map(|line| {
            let count = (!line.count.is_empty()).then(|| view! { <span class="num">{line.count}</span> });
            let detail = line.detail.map(|text| view! { <p class="small">{text}</p> });
            view! {
                <li data-is=line.tone.attribute()>
                    <Icon name=line.icon/>
                    <p>{line.what}</p>
                    {count}
                    {detail}
                </li>
            }
        })
        .collect_view();
    view! { <ul class="effects">{lines}</ul> }
}

/// The price or the way back, next to the button that causes it.
#[component]
pub fn PriceLine(
    /// *About €0.47 per month*, *Undo until 27 Nov, 16:12*.
    #[prop(into)]
    headline: Signal<String>,
    /// How it is reckoned: *9.4 GB stored × €0.050. At most €2.00.*
    #[prop(into)]
    detail: Signal<String>,
    /// What the month comes to with it: *This month then comes to about €13.80 instead of €12.34.*
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="price">
            <strong>{move || headline.get()}</strong>
            <span>{move || detail.get()}</span>
            {children.map(|children| children())}
        </div>
    }
}
