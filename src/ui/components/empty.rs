//! The empty state: what belongs here, what it costs, and the first step. Corner marks are the only ornament.

use super::icon::{Icon, IconName, IconSize};
use leptos::prelude::*;

/// The first steps, at most two; the first may be primary.
#[slot]
pub struct EmptyActions {
    children: Children,
}

/// A place with nothing in it yet, or a search that found nothing. The children are one or two `<p>`.
#[component]
pub fn EmptyState(
    icon: IconName,
    /// *No images in acme-prod, north-1 yet*.
    #[prop(into)]
    title: String,
    #[prop(optional)] empty_actions: Option<EmptyActions>,
    children: Children,
) -> impl IntoView {
    let actions = empty_actions.map(|slot| view! { <div class="cluster">{(slot.children)()}</div> });
    view! {
        <div class="empty">
            <div class="crop">
                <Icon name=icon size=IconSize::Large/>
            </div>
            <div class="stack stack--s">
                <h2>{title}</h2>
                {children()}
            </div>
            {actions}
        </div>
    }
}
