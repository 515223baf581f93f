//! The parts every page has: its head, its sections, the console frame.

use super::behaviour;
use super::tabs::Link;
use leptos::html;
use leptos::prelude::*;

/// Moves the focus to the heading of each page that somebody came to by a link, as a browser without script would
/// start reading there. The app provides it as context; without it nothing moves.
#[derive(Clone, Copy)]
pub struct HeadingFocus {
    path: Signal<String>,
    seen: StoredValue<String>,
}

impl HeadingFocus {
    /// Starts at the page that the server rendered, where the browser places the focus itself.
    pub fn new(path: Signal<String>) -> Self {
        Self { path, seen: StoredValue::new(path.get_untracked()) }
    }

    /// Whether the page has changed since this was last asked. A page that only reloads its data keeps the focus.
    fn take(self) -> bool {
        let path = self.path.get_untracked();
        let moved = self.seen.with_value(|seen| *seen != path);
        self.seen.set_value(path);
        moved
    }
}

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
    let heading = NodeRef::<html::H1>::new();
    let focus = use_context::<HeadingFocus>();
    Effect::new(move |_| {
        let (Some(heading), Some(focus)) = (heading.get(), focus) else { return };
        // A page that was loading is built before it is put into the document, and only there can it take the focus.
        request_animation_frame(move || {
            if heading.is_connected() && focus.take() {
                behaviour::focus(&heading);
            }
        });
    });
    view! {
        <div class="page-head">
            <div class="page-head__text">
                <h1 tabindex="-1" node_ref=heading>{title}</h1>
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
    title: Signal<String>,
    #[prop(optional)] console_actions: Option<ConsoleActions>,
    children: Children,
) -> impl IntoView {
    let actions = console_actions.map(|slot| view! { <div class="cluster">{(slot.children)()}</div> });
    view! {
        <div class="console">
            <div class="console__bar">
                <span>{move || title.get()}</span>
                {actions}
            </div>
            {children()}
        </div>
    }
}
