//! The parts every page has: its head, its sections, the console frame.

use super::tabs::Link;
use leptos::prelude::*;

/// The buttons of a page, the primary one last.
#[slot]
pub struct PageActions {
    children: Children,
}

/// Title, one line under it, actions. The children are the line: a `<p class="soft">`, or a `Status` with tags.
#[component]
pub fn PageHead(
    #[prop(into)] title: String,
    #[prop(optional)] page_actions: Option<PageActions>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let actions =
        page_actions.map(|slot| view! { <div class="page-head__actions">{(slot.children)()}</div> });
    view! {
        <div class="page-head">
            <div class="page-head__text">
                <h1>{title}</h1>
                {children.map(|children| children())}
            </div>
            {actions}
        </div>
    }
}

/// A heading with an optional small link at the right.
#[component]
pub fn SectionHead(
    /// For the `aria-labelledby` of what it heads.
    #[prop(into)]
    id: String,
    #[prop(into)] title: String,
    #[prop(optional)] link: Option<Link>,
) -> impl IntoView {
    let link = link.map(|link| view! { <a href=link.href>{link.label}</a> });
    view! {
        <div class="section-head">
            <h2 id=id>{title}</h2>
            {link}
        </div>
    }
}

/// A part of a page with its heading, named by it.
#[component]
pub fn Section(
    #[prop(into)] id: String,
    #[prop(into)] title: String,
    #[prop(optional)] link: Option<Link>,
    children: Children,
) -> impl IntoView {
    let head = match link {
        Some(link) => view! { <SectionHead id=id.clone() title link/> }.into_any(),
        None => view! { <SectionHead id=id.clone() title/> }.into_any(),
    };
    view! {
        <section class="stack stack--s" aria-labelledby=id>
            {head}
            {children()}
        </section>
    }
}

/// The buttons in the bar of a console.
#[slot]
pub struct ConsoleActions {
    children: Children,
}

/// The frame of a console: a negative, dark in both modes. The children are a `<pre tabindex="0">` or a terminal.
#[component]
pub fn Console(
    /// *ttyS0, 115200 baud, live*.
    #[prop(into)]
    title: String,
    #[prop(optional)] console_actions: Option<ConsoleActions>,
    children: Children,
) -> impl IntoView {
    let actions = console_actions.map(|slot| view! { <div class="cluster">{(slot.children)()}</div> });
    view! {
        <div class="console">
            <div class="console__bar">
                <span>{title}</span>
                {actions}
            </div>
            {children()}
        </div>
    }
}
