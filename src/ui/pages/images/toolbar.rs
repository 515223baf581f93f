//! The bars of My Images: search, filters, what can be done to all that is found, and to the images that are picked.

use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::image::{Kind, Status as State};
use darkroom_core::domain::page::grouped;
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

/// The form that the boxes of the rows belong to.
pub(super) const PICKS: &str = "picks";

/// The address of the list that `query` asks for.
pub(super) fn address(query: &ImageQuery) -> String {
    format!("{}{}", paths::IMAGES, query.address())
}

/// The query in the address. A status may stand there several times: that is how a form without script sends boxes.
pub(super) fn asked(address: &ParamsMap) -> ImageQuery {
    let pairs: Vec<(String, String)> =
        address.clone().into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    ImageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

/// What can be done to many images, as the buttons say it.
pub(super) const ACTIONS: [(&str, &str, IconName); 5] = [
    ("tag", "Add tags", IconName::Tag),
    ("untag", "Take tags away", IconName::Tag),
    ("protect", "Protect", IconName::Lock),
    ("unprotect", "End protection", IconName::Lock),
    ("delete", "Delete", IconName::Trash),
];

/// What can be done to the images that are picked. The page it leads to shows what will happen.
#[component]
pub(super) fn Picked(query: ImageQuery, may_change: bool) -> impl IntoView {
    let kept = hidden(all_pairs(&query));
    let buttons = ACTIONS
        .into_iter()
        .filter(|_| may_change)
        .map(|(action, label, name)| {
            view! {
                <button class="button" type="submit" name="action" value=action>
                    <Icon name/>
                    {label}
                </button>
            }
        })
        .collect_view();
    view! {
        <BulkBar id=PICKS action=paths::IMAGES_SELECTED>
            {kept}
            {buttons}
            <button class="button" type="submit" formaction=paths::IMAGES_CSV>
                <Icon name=IconName::Export/>
                "Export list"
            </button>
        </BulkBar>
    }
}

/// What can be done to all images that the list finds, on all its pages.
#[component]
pub(super) fn AllMenu(query: ImageQuery, n_found: u32, may_change: bool) -> impl IntoView {
    if n_found == 0 {
        return None;
    }
    let csv = format!("{}{}", paths::IMAGES_CSV, query.address());
    let label = if n_found == 1 { "1 image".to_owned() } else { format!("All {}", grouped(n_found)) };
    let first = ImageQuery { page: 1, ..query };
    let items = ACTIONS
        .into_iter()
        .filter(|_| may_change)
        .map(|(action, label, icon)| {
            let rest = first.address();
            let href = format!("{}&all=yes{}", paths::images_selected(action), rest.replacen('?', "&", 1));
            let tone = if action == "delete" { Tone::Bad } else { Tone::Plain };
            view! { <MenuLink href icon tone>{label}</MenuLink> }
        })
        .collect_view();
    Some(view! {
        <Menu id="all-found" label look=MenuLook::Words variant=Variant::Outline>
            <MenuLink href=csv icon=IconName::Export>"Export list (CSV)"</MenuLink>
            {items}
        </Menu>
    })
}

fn hidden(pairs: Vec<(String, String)>) -> impl IntoView {
    pairs
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view()
}

/// The pairs of the address of a list, as a form sends them.
fn all_pairs(query: &ImageQuery) -> Vec<(String, String)> {
    query.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What the form of the toolbar must send along so that the rest of the address stays.
fn kept_pairs(query: &ImageQuery) -> Vec<(String, String)> {
    let rest = ImageQuery {
        text: String::new(),
        statuses: vec![],
        kinds: vec![],
        tags: vec![],
        page: 1,
        ..query.clone()
    };
    all_pairs(&rest)
}

#[component]
pub(super) fn Toolbar(query: ImageQuery, known_tags: Vec<String>, children: Children) -> impl IntoView {
    let kept = hidden(kept_pairs(&query));
    let boxes = State::ALL
        .into_iter()
        .filter(|status| *status != State::Recycled)
        .map(|status| {
            let pick = Pick::when(query.statuses.contains(&status));
            view! { <Checkbox id=format!("status-{}", status.slug()) name="status" value=status.slug() label=status.word() pick/> }
        })
        .collect_view();
    let kinds = Kind::ALL
        .into_iter()
        .map(|kind| {
            let pick = Pick::when(query.kinds.contains(&kind));
            view! { <Checkbox id=format!("kind-{}", kind.slug()) name="kind" value=kind.slug() label=kind.word() pick/> }
        })
        .collect_view();
    let by_status = query.statuses.iter().map(|gone| {
        let statuses = query.statuses.iter().copied().filter(|status| status != gone).collect();
        (gone.word().to_owned(), ImageQuery { statuses, page: 1, ..query.clone() })
    });
    let by_kind = query.kinds.iter().map(|gone| {
        let kinds = query.kinds.iter().copied().filter(|kind| kind != gone).collect();
        (gone.word().to_owned(), ImageQuery { kinds, page: 1, ..query.clone() })
    });
    let by_tag = query.tags.iter().map(|gone| {
        let tags = query.tags.iter().filter(|tag| *tag != gone).cloned().collect();
        (gone.to_string(), ImageQuery { tags, page: 1, ..query.clone() })
    });
    let chips = by_status
        .chain(by_kind)
        .chain(by_tag)
        .map(|(label, rest)| Chip { label, remove_href: address(&rest) })
        .collect::<Vec<_>>();
    let tagged = query.tags.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let proposals = known_tags.into_iter().map(|tag| view! { <option value=tag></option> }).collect_view();
    view! {
        <FrameBar>
            <form method="get" action=paths::IMAGES>
                {kept}
                <SearchBox id="q" label="Search images" placeholder="Name, source, ID or tag" value=query.text/>
                <FilterMenu id="filters">
                    <fieldset class="field">
                        <legend>"Status"</legend>
                        {boxes}
                    </fieldset>
                    <fieldset class="field">
                        <legend>"Kind"</legend>
                        {kinds}
                    </fieldset>
                    <div class="field">
                        <label for="tag">"Tags, all of them"</label>
                        <input
                            class="input input--compact"
                            id="tag"
                            name="tag"
                            value=tagged
                            list="known-tags"
                            placeholder="env=prod, web"
                            autocomplete="off"
                        />
                        <datalist id="known-tags">{proposals}</datalist>
                    </div>
                    <Button>"Show matching images"</Button>
                </FilterMenu>
            </form>
            <FilterChips chips/>
            {children()}
        </FrameBar>
    }
}

#[component]
pub(super) fn NoMatch(query: ImageQuery, n_all: u32, region: String) -> impl IntoView {
    let title = match (query.text.is_empty(), query.tags.is_empty()) {
        (false, _) => format!("No image matches “{}”", query.text),
        (true, false) => "No image has all of these".to_owned(),
        (true, true) => "No image matches this filter".to_owned(),
    };
    let images = if n_all == 1 { "1 image".to_owned() } else { format!("{} images", grouped(n_all)) };
    let searched = format!("Searched in names, sources, IDs and tags of {images} in {region}.");
    view! {
        <EmptyState icon=IconName::Search title>
            <p>{searched}</p>
            <EmptyActions slot>
                <LinkButton href=paths::IMAGES size=Size::Form>"Show all images"</LinkButton>
            </EmptyActions>
        </EmptyState>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::form::BULK_ACTIONS;
    use darkroom_core::domain::image::list::SortBy;

    #[test]
    fn a_search_keeps_order_and_rows_but_starts_on_the_first_page() {
        let query = ImageQuery {
            text: "web".to_owned(),
            statuses: vec![State::Error],
            sort: SortBy::Size,
            page: 4,
            size: 50,
            ..ImageQuery::default()
        };
        let pairs = kept_pairs(&query);
        assert_eq!(pairs, [("sort".to_owned(), "size".to_owned()), ("rows".to_owned(), "50".to_owned())]);
        assert!(kept_pairs(&ImageQuery::default()).is_empty());
    }

    #[test]
    fn boxes_sent_by_a_plain_form_all_count() {
        let address: ParamsMap =
            [("status", "error"), ("status", "creating"), ("q", " web ")].into_iter().collect();
        let query = asked(&address);
        assert_eq!((query.statuses, query.text.as_str()), (vec![State::Creating, State::Error], "web"));
    }

    #[test]
    fn there_is_a_button_for_everything_that_can_be_done_to_many() {
        let mut offered = ACTIONS.map(|(action, _, _)| action);
        let mut known = BULK_ACTIONS;
        offered.sort_unstable();
        known.sort_unstable();
        assert_eq!(offered, known);
    }
}
