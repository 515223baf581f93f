//! Tabs and breadcrumbs: links, so that each place has an address.

use leptos::prelude::*;

/// What stands beside the word of a tab or of an entry of the sidebar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TabNote {
    #[default]
    None,
    /// How many there are.
    Count(u64),
    /// How many wait for the user; with the dot.
    New(u64),
}

/// One tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    pub label: String,
    pub href: String,
    pub note: TabNote,
}

impl Tab {
    /// A tab and what stands beside its word.
    pub fn new(label: impl Into<String>, href: impl Into<String>, note: TabNote) -> Self {
        Self { label: label.into(), href: href.into(), note }
    }
}

/// A row of tabs; the one whose address is `current` is marked.
#[component]
pub fn Tabs(
    /// Read out: *Images*.
    #[prop(into)]
    label: String,
    tabs: Vec<Tab>,
    #[prop(into)] current: String,
) -> impl IntoView {
    let links = tabs
        .into_iter()
        .map(|tab| {
            let here = (tab.href == current).then_some("page");
            let note = note(tab.note);
            view! { <a href=tab.href aria-current=here>{tab.label}{note}</a> }
        })
        .collect_view();
    view! { <nav class="tabs" aria-label=label>{links}</nav> }
}

/// The count beside a word.
pub(super) fn note(note: TabNote) -> Option<AnyView> {
    match note {
        TabNote::None => None,
        TabNote::Count(n) => Some(view! { <span class="count">{n.to_string()}</span> }.into_any()),
        TabNote::New(n) => {
            Some(view! { <span class="count count--new">{format!("{n} new")}</span> }.into_any())
        }
    }
}

/// A word that leads somewhere.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Link {
    pub label: String,
    pub href: String,
}

impl Link {
    /// A link with its words.
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

/// The way from the top of the portal to this page.
#[component]
pub fn Crumbs(
    /// The pages above this one, from the top.
    above: Vec<Link>,
    /// This page.
    #[prop(into)]
    here: String,
) -> impl IntoView {
    let above =
        above.into_iter().map(|link| view! { <li><a href=link.href>{link.label}</a></li> }).collect_view();
    view! {
        <nav aria-label="Breadcrumb">
            <ol class="crumbs">
                {above}
                <li aria-current="page">{here}</li>
            </ol>
        </nav>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn one_tab_is_the_current_one_and_new_things_are_said_in_words() {
        let tabs = html(|| {
            let tabs = vec![
                Tab::new("My Images", "/images", TabNote::Count(23)),
                Tab::new("Shared with me", "/images/shared", TabNote::New(2)),
            ];
            view! { <Tabs label="Images" tabs current="/images"/> }
        });
        assert_eq!(tabs.matches("aria-current=\"page\"").count(), 1, "{tabs}");
        assert!(tabs.contains("2 new"), "{tabs}");
    }
}
