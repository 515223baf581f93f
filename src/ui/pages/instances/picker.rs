//! The image picker of *New instance*: one group of radios in three lists, of which radios that look like tabs show one. All lists
//! are in the form, so nothing is lost by looking at another one, with and without script.

use super::new::least_gib;
use crate::ui::components::*;
use crate::ui::state::use_word;
use darkroom_core::domain::form::FAMILY_PREFIX;
use darkroom_core::domain::ids::ImageId;
use darkroom_core::domain::image::Kind;
use darkroom_core::domain::view::{DeployOptions, ImageChoice};
use leptos::prelude::*;

/// Most rows of a list; the search finds the others.
const ROWS_MAX: usize = 50;
/// From how many images on there is a search.
const SEARCH_FROM: usize = 9;

/// The lists of images.
pub(in crate::ui::pages) struct Offer {
    public: Vec<ImageChoice>,
    mine: Vec<ImageChoice>,
    shared: Vec<ImageChoice>,
    families: Vec<ImageChoice>,
}

/// The lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Public,
    Mine,
    Shared,
}

impl Offer {
    /// What the project may deploy.
    pub(in crate::ui::pages) fn of(options: &DeployOptions) -> Self {
        Self {
            public: options.public.clone(),
            mine: options.mine.clone(),
            shared: options.shared.clone(),
            families: options.families.clone(),
        }
    }

    /// The same as one list for a dialog: families first, each choice with where it is from.
    pub(in crate::ui::pages) fn choices(self, chosen: &str) -> Vec<Choice> {
        let pick = |value: &str| Pick::when(value == chosen);
        let families = self.families.iter().map(|image| {
            let value = format!("{FAMILY_PREFIX}{}", image.leads);
            let label = format!("Newest of {} (now {})", image.leads, image.name);
            Choice::new(value.clone(), label, pick(&value))
        });
        let from = [(&self.mine, "my image"), (&self.shared, "shared with me"), (&self.public, "public")];
        let images = from.into_iter().flat_map(|(images, whose)| images.iter().map(move |i| (i, whose)));
        let images = images.map(|(image, whose)| {
            // What a whole machine's image has beside its system is not brought along where only a system is wanted.
            let part = if image.kind == Kind::Machine { ", its system disk" } else { "" };
            let old = if image.deprecated { ", deprecated" } else { "" };
            let label = format!("{}, {whose}{part}, at least {} GiB{old}", image.name, least_gib(image));
            Choice::new(image.id.to_string(), label, pick(&image.id.to_string()))
        });
        families.chain(images).collect()
    }

    /// The list that is shown first: the one that is searched, or has what is chosen, or has anything.
    fn first(&self, needle: &str, chosen: &str) -> From {
        let has = |list: &[ImageChoice]| {
            chosen.parse::<ImageId>().is_ok_and(|id| list.iter().any(|image| image.id == id))
        };
        if !needle.is_empty() || has(&self.mine) || chosen.starts_with(FAMILY_PREFIX) {
            From::Mine
        } else if has(&self.shared) {
            From::Shared
        } else if self.public.is_empty() && !self.mine.is_empty() {
            From::Mine
        } else {
            From::Public
        }
    }
}

/// The picker. `chosen` is the image the form starts with.
#[component]
pub(in crate::ui::pages) fn ImagePicker(
    offer: Offer,
    chosen: String,
    /// The server function that searches in My Images and shows the form again.
    find: &'static str,
    error: Option<String>,
) -> impl IntoView {
    let needle = use_word("q");
    let first = offer.first(&needle, &chosen);
    let (n_public, n_mine, n_shared) = (offer.public.len(), offer.mine.len(), offer.shared.len());
    let search = (n_mine >= SEARCH_FROM).then(|| view! { <Search needle=needle.clone() find/> });
    view! {
        <fieldset class="field picker" aria-describedby="image-error">
            <legend>"Image"</legend>
            <div class="tabs" role="radiogroup" aria-label="Images to choose from">
                <PickerTab id="from-public" label="Public" n=n_public shown=first == From::Public/>
                <PickerTab id="from-mine" label="My Images" n=n_mine shown=first == From::Mine/>
                <PickerTab id="from-shared" label="Shared with me" n=n_shared shown=first == From::Shared/>
            </div>
            <div class="stack stack--s picker__public">
                <Choices images=offer.public chosen=chosen.clone() needle=String::new() none="There are no public images in this region."/>
            </div>
            <div class="stack stack--s picker__mine">
                {search}
                <Families families=offer.families chosen=chosen.clone()/>
                <Choices images=offer.mine chosen=chosen.clone() needle none="You have no available image in this project and region yet."/>
            </div>
            <div class="stack stack--s picker__shared">
                <Choices images=offer.shared chosen needle=String::new() none="Nobody shares an image with this project in this region, or none is accepted yet."/>
            </div>
            <div id="image-error"><GroupError error/></div>
        </fieldset>
    }
}

/// One of the lists. Which is shown is no part of the form, so the radio has a name of its own that nobody reads.
#[component]
fn PickerTab(id: &'static str, label: &'static str, n: usize, shown: bool) -> impl IntoView {
    view! {
        <label for=id>
            <input type="radio" name="from" value=id id=id checked=shown/>
            {label}
            <span class="count">{n.to_string()}</span>
        </label>
    }
}

/// The search in My Images. It sends the whole form, so that what is typed elsewhere comes back with what is found.
#[component]
fn Search(needle: String, find: &'static str) -> impl IntoView {
    view! {
        <div class="cluster">
            <SearchBox id="image-q" label="Search my images" placeholder="Name or system" value=needle/>
            <button class="button" type="submit" formaction=find formnovalidate data-search="">"Search"</button>
        </div>
    }
}

/// Families: each stands for its newest image, also for the one that comes tomorrow.
#[component]
fn Families(families: Vec<ImageChoice>, chosen: String) -> impl IntoView {
    let rows = families
        .into_iter()
        .map(|image| {
            let value = format!("{FAMILY_PREFIX}{}", image.leads);
            let pick = Pick::when(value == chosen);
            let (id, label) = (format!("family-{}", image.leads), format!("Newest of {}", image.leads));
            let hint = format!("{} now: {}", image.name, describe(&image));
            view! { <Checkbox id name="form[image]" label kind=CheckKind::Radio value pick hint/> }.into_any()
        })
        .collect::<Vec<_>>();
    (!rows.is_empty()).then(|| view! { <div class="choices">{rows}</div> })
}

#[component]
fn Choices(images: Vec<ImageChoice>, chosen: String, needle: String, none: &'static str) -> impl IntoView {
    if images.is_empty() {
        return view! { <p class="soft">{none}</p> }.into_any();
    }
    let keep = chosen.parse::<ImageId>().ok();
    let shown = matching(&images, &needle, keep);
    let (n_shown, n_all) = (shown.len(), images.len());
    let note = (n_shown < n_all).then(|| {
        let text = format!("{n_shown} of {n_all} shown. Search by name to find the others.");
        view! { <p class="small soft" role="status">{text}</p> }
    });
    let rows = shown
        .into_iter()
        .map(|image| {
            let pick = Pick::when(Some(image.id) == keep);
            let (id, value, hint) = (format!("image-{}", image.id), image.id.to_string(), describe(&image));
            let label = image.name.to_string();
            view! { <Checkbox id name="form[image]" label kind=CheckKind::Radio value pick hint/> }.into_any()
        })
        .collect_view();
    view! {
        <div class="choices">{rows}</div>
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

/// `Debian 12, at least 1 GiB of disk, 18 Nov 2026`.
fn describe(image: &ImageChoice) -> String {
    let disk = match image.kind {
        Kind::Iso => String::new(),
        Kind::System | Kind::Data | Kind::Machine => format!("at least {} GiB of disk", least_gib(image)),
    };
    let zone = image.zone.as_ref().map(|zone| format!(" in zone {zone}")).unwrap_or_default();
    let kind = match (image.kind, image.data_disks.len()) {
        (Kind::Machine, 1) => format!("whole machine with 1 data disk{zone}"),
        (Kind::Machine, n) => format!("whole machine with {n} data disks{zone}"),
        (Kind::Iso, _) => "ISO, installs onto an empty disk".to_owned(),
        (Kind::System | Kind::Data, _) => String::new(),
    };
    let warning = match (image.deprecated, &image.instead) {
        (false, _) => String::new(),
        (true, None) => "deprecated: choose a newer one if you can".to_owned(),
        (true, Some(name)) => format!("deprecated: use {name} instead"),
    };
    let from = image.from.as_ref().map(|region| format!("fetched from {region} first")).unwrap_or_default();
    let parts = [image.os.clone(), kind, disk, image.created.day(), from, warning];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The error of a group of controls.
#[component]
pub(in crate::ui::pages) fn GroupError(error: Option<String>) -> impl IntoView {
    error.map(|text| {
        view! {
            <p class="error">
                <Icon name=IconName::Bad/>
                <span>{text}</span>
            </p>
        }
    })
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
            kind: darkroom_core::domain::image::Kind::System,
            zone: None,
            data_disks: vec![],
            os: String::new(),
            virtual_bytes: 1 << 30,
            min_disk_bytes: 1 << 30,
            min_memory_mib: 0,
            max_memory_mib: 0,
            created: Timestamp(0),
            deprecated: false,
            instead: None,
            licence: String::new(),
            leads: String::new(),
            from: None,
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
