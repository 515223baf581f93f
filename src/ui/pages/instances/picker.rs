//! The image picker of *New instance*: one group of radios in two tabs. The tabs are links, so they work without script; both lists are in
//! the form, so that a choice survives the change of tab.

use super::super::held::Held;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{address_with, use_word};
use darkroom_core::domain::form::DeployForm;
use darkroom_core::domain::ids::ImageId;
use darkroom_core::domain::image::list::percent;
use darkroom_core::domain::size;
use darkroom_core::domain::view::ImageChoice;
use leptos::prelude::*;

/// Most rows of a list; the filter finds the others.
const ROWS_MAX: usize = 50;
/// The form of the filter. It stands outside the form it serves, because forms do not nest.
const FILTER_FORM: &str = "image-filter";
/// The tab *My Images* in the address.
const MINE: &str = "mine";

/// The two lists of images.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) public: Vec<ImageChoice>,
    pub(super) mine: Vec<ImageChoice>,
}

impl Offer {
    /// The image with this id, as the form has it.
    pub(super) fn find(&self, id: &str) -> Option<&ImageChoice> {
        let id: ImageId = id.parse().ok()?;
        self.public.iter().chain(&self.mine).find(|image| image.id == id)
    }

    fn is_mine(&self, id: &str) -> bool {
        id.parse::<ImageId>().is_ok_and(|id| self.mine.iter().any(|image| image.id == id))
    }
}

/// The picker. `chosen` is the image the form starts with.
#[component]
pub(super) fn ImagePicker(offer: Offer, chosen: String, held: Held<DeployForm>) -> impl IntoView {
    let tab = use_word("tab");
    let start_mine = offer.is_mine(&chosen) || (offer.public.is_empty() && !offer.mine.is_empty());
    let mine_shown =
        Memo::new(move |_| tab.with(|tab| if tab.is_empty() { start_mine } else { tab == MINE }));
    let (n_public, n_mine) = (offer.public.len(), offer.mine.len());
    let tabs = move || {
        view! { <PickerTabs mine=mine_shown.get() n_public n_mine chosen=chosen_now(held)/> }.into_any()
    };
    let needle = RwSignal::new(use_word("q").get_untracked());
    let error = held.at("image", DeployForm::parse);
    let chosen_public = chosen.clone();
    view! {
        <fieldset class="field" aria-describedby="image-error">
            <legend>"Image"</legend>
            {tabs}
            <div class="stack stack--s" hidden=move || mine_shown.get()>
                <Choices images=offer.public chosen=chosen_public needle=RwSignal::new(String::new()) none="There are no public images in this region."/>
            </div>
            <div class="stack stack--s" hidden=move || !mine_shown.get()>
                <Filter needle n=n_mine/>
                <Choices images=offer.mine chosen needle none="You have no available image in this project and region yet."/>
            </div>
            <div id="image-error"><GroupError error/></div>
        </fieldset>
    }
}

fn chosen_now(held: Held<DeployForm>) -> String {
    held.now().map(|form| form.image).unwrap_or_default()
}

#[component]
fn PickerTabs(mine: bool, n_public: usize, n_mine: usize, chosen: String) -> impl IntoView {
    let count = |n: usize| TabNote::Count(u64::try_from(n).unwrap_or(u64::MAX));
    let address =
        |tab: &str| address_with(paths::INSTANCE_NEW, &[("tab", tab), ("image", &percent(&chosen))]);
    let (public_href, mine_href) = (address("public"), address(MINE));
    let current = if mine { mine_href.clone() } else { public_href.clone() };
    let tabs = vec![
        Tab::new("Public", public_href, count(n_public)),
        Tab::new("My Images", mine_href, count(n_mine)),
    ];
    view! { <Tabs label="Images to choose from" tabs current/> }
}

/// The filter over My Images: at once with script, by sending its own form without.
#[component]
fn Filter(needle: RwSignal<String>, n: usize) -> impl IntoView {
    let typing = move |event: leptos::ev::Event| {
        // What is typed here is no part of the form around it.
        event.stop_propagation();
        needle.set(event_target_value(&event));
    };
    (n > 8).then(|| {
        view! {
            <div class="search" role="search">
                <label class="visually-hidden" for="image-q">"Filter my images"</label>
                <Icon name=IconName::Search/>
                <input
                    class="input input--compact"
                    id="image-q"
                    type="search"
                    name="q"
                    form=FILTER_FORM
                    value=needle.get_untracked()
                    placeholder="Name or system"
                    autocomplete="off"
                    on:input=typing
                />
            </div>
        }
    })
}

/// The form of the filter, to be placed outside the page's form.
#[component]
pub(super) fn FilterForm(held: Held<DeployForm>) -> impl IntoView {
    let stay = |event: leptos::ev::SubmitEvent| event.prevent_default();
    view! {
        <form id=FILTER_FORM method="get" action=paths::INSTANCE_NEW on:submit=stay>
            <input type="hidden" name="tab" value=MINE/>
            <input type="hidden" name="image" value=move || chosen_now(held)/>
        </form>
    }
}

#[component]
fn Choices(
    images: Vec<ImageChoice>,
    chosen: String,
    needle: RwSignal<String>,
    none: &'static str,
) -> impl IntoView {
    if images.is_empty() {
        return view! { <p class="soft">{none}</p> }.into_any();
    }
    let images = StoredValue::new(images);
    let keep = chosen.parse::<ImageId>().ok();
    let shown =
        Memo::new(move |_| needle.with(|needle| images.with_value(|images| matching(images, needle, keep))));
    let note = move || {
        let (n_shown, n_all) = (shown.with(Vec::len), images.with_value(Vec::len));
        (n_shown < n_all).then(|| view! { <p class="small soft" role="status">{format!("{n_shown} of {n_all} shown. Filter by name to find the others.")}</p> })
    };
    let row = move |image: ImageChoice| {
        let pick = Pick::when(Some(image.id) == keep);
        let (id, value, hint) = (format!("image-{}", image.id), image.id.to_string(), describe(&image));
        let label = image.name.to_string();
        view! { <Checkbox id name="form[image]" label kind=CheckKind::Radio value pick hint/> }.into_any()
    };
    view! {
        <div class="choices">
            <For each=move || shown.get() key=|image| image.id children=row/>
        </div>
        {note}
    }
    .into_any()
}

/// The first rows whose name or system contains the needle, and always the one to keep: a choice must not vanish from the form.
fn matching(images: &[ImageChoice], needle: &str, keep: Option<ImageId>) -> Vec<ImageChoice> {
    let needle = needle.trim().to_lowercase();
    let found = |image: &&ImageChoice| {
        Some(image.id) == keep
            || image.name.as_str().to_lowercase().contains(&needle)
            || image.os.to_lowercase().contains(&needle)
    };
    let mut rows: Vec<ImageChoice> = images.iter().filter(found).take(ROWS_MAX).cloned().collect();
    if let Some(kept) = images
        .iter()
        .find(|image| Some(image.id) == keep)
        .filter(|kept| rows.iter().all(|row| row.id != kept.id))
    {
        rows.insert(0, kept.clone());
    }
    rows
}

/// `Debian 12, 1 GiB, 18 Nov 2026`.
fn describe(image: &ImageChoice) -> String {
    let parts = [image.os.clone(), size::binary(image.virtual_bytes), image.created.day()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The error of a group of controls.
#[component]
pub(super) fn GroupError(error: Signal<Option<String>>) -> impl IntoView {
    move || {
        error.get().map(|text| {
            view! {
                <p class="error">
                    <Icon name=IconName::Bad/>
                    <span>{text}</span>
                </p>
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::text::Name;
    use darkroom_core::domain::time::Timestamp;

    fn image(number: u128, name: &str) -> ImageChoice {
        ImageChoice {
            id: uuid::Uuid::from_u128(number).into(),
            name: Name::parse(name).expect("valid"),
            os: String::new(),
            virtual_bytes: 1 << 30,
            min_disk_bytes: 1 << 30,
            min_memory_mib: 0,
            max_memory_mib: 0,
            created: Timestamp(0),
        }
    }

    #[test]
    fn the_chosen_image_stays_in_the_list_whatever_the_filter() {
        let images: Vec<ImageChoice> = (1..=200).map(|n| image(n, &format!("web-{n}"))).collect();
        let keep = images.last().map(|image| image.id);
        let rows = matching(&images, "web-1", keep);
        assert_eq!(rows.len(), ROWS_MAX + 1);
        assert_eq!(rows.first().map(|row| row.id), keep);
        assert!(matching(&images, "nothing", None).is_empty());
    }
}
