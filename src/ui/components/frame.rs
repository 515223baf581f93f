//! The frame: the one box. A toolbar, a table, the bulk bar and the pager share it, so their edges line up.

use super::icon::{Icon, IconName};
use leptos::prelude::*;

/// A box around a table or another block that belongs together.
#[component]
pub fn Frame(children: Children) -> impl IntoView {
    view! { <div class="frame">{children()}</div> }
}

/// The toolbar at the top of a frame.
#[component]
pub fn FrameBar(children: Children) -> impl IntoView {
    view! { <div class="frame__bar">{children()}</div> }
}

/// The small line at the bottom of a frame.
#[component]
pub fn FrameFoot(children: Children) -> impl IntoView {
    view! { <div class="frame__foot">{children()}</div> }
}

/// The bar that appears when a row is picked, by CSS alone: a GET form of its own, to which the boxes of the rows belong by `form`. Its
/// buttons lead to a page that lists effects and price.
#[component]
pub fn BulkBar(
    /// Unique on the page.
    id: &'static str,
    /// The page that shows what will happen.
    #[prop(into)]
    action: String,
    children: Children,
) -> impl IntoView {
    view! {
        <form class="bulk" id=id method="get" action=action>
            <span class="bulk__count">"selected"</span>
            {children()}
        </form>
    }
}

/// Which rows are shown and the way to the others. At an end the button is disabled, not gone, so nothing jumps.
#[component]
pub fn Pager(
    /// *1 to 25 of 10,000*.
    #[prop(into)]
    range: String,
    previous: Option<String>,
    next: Option<String>,
) -> impl IntoView {
    let previous = match previous {
        Some(href) => {
            view! { <a class="button" rel="prev" href=href><Icon name=IconName::Left/>"Previous"</a> }.into_any()
        }
        None => {
            view! { <button class="button" type="button" disabled><Icon name=IconName::Left/>"Previous"</button> }
                .into_any()
        }
    };
    let next = match next {
        Some(href) => {
            view! { <a class="button" rel="next" href=href>"Next"<Icon name=IconName::Right/></a> }.into_any()
        }
        None => {
            view! { <button class="button" type="button" disabled>"Next"<Icon name=IconName::Right/></button> }
                .into_any()
        }
    };
    view! {
        <div class="frame__foot">
            <span>{range}</span>
            <nav class="pager" aria-label="Pages">{previous}{next}</nav>
        </div>
    }
}

/// A search field for a GET form; Enter sends it.
#[component]
pub fn SearchBox(
    #[prop(into)] id: String,
    #[prop(default = "q".to_owned(), into)] name: String,
    /// Read out: *Search images*.
    #[prop(into)]
    label: String,
    /// Says what is searched: *Name, source, ID or tag*.
    #[prop(into)]
    placeholder: String,
    #[prop(optional, into)] value: String,
) -> impl IntoView {
    view! {
        <div class="search" role="search">
            <label class="visually-hidden" for=id.clone()>{label}</label>
            <Icon name=IconName::Search/>
            <input
                class="input input--compact"
                id=id
                type="search"
                name=name
                value=value
                placeholder=placeholder
                autocomplete="off"
            />
        </div>
    }
}

/// The filters of a list, in a popover beside the search field. The children are `Checkbox`es and the button that
/// applies them; they belong to the form around it.
#[component]
pub fn FilterMenu(#[prop(into)] id: String, children: Children) -> impl IntoView {
    view! {
        <button class="button" type="button" popovertarget=id.clone()>
            <Icon name=IconName::Filter/>
            "Filter"
        </button>
        <div class="explain" id=id popover="" data-align="start">
            <div class="stack stack--s">{children()}</div>
        </div>
    }
}

/// One active filter and the address of the list without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    pub label: String,
    pub remove_href: String,
}

/// The active filters; each is a link that removes it.
#[component]
pub fn FilterChips(chips: Vec<Chip>) -> impl IntoView {
    let items = chips
        .into_iter()
        .map(|chip| {
            let aria = format!("Remove filter: {}", chip.label);
            view! {
                <li>
                    <a class="tag" href=chip.remove_href aria-label=aria>
                        {chip.label}
                        <Icon name=IconName::Close/>
                    </a>
                </li>
            }
        })
        .collect::<Vec<_>>();
    (!items.is_empty()).then(|| view! { <ul class="cluster" aria-label="Active filters">{items}</ul> })
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn at_the_end_of_a_list_the_pager_keeps_its_place() {
        let first =
            html(|| view! { <Pager range="1 to 25 of 60" previous=None next=Some("?page=2".to_owned())/> });
        assert!(first.contains("1 to 25 of 60") && first.contains("href=\"?page=2\""), "{first}");
        assert!(first.contains("disabled") && first.contains("Previous"), "{first}");
    }
}
