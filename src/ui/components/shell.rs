//! The shell: sidebar, bar with project and region, lamp and account menu, and the page. It knows no page; what it
//! shows comes as `ShellData`. Every switch is a form that posts, so it works before and without script.

use super::icon::{Icon, IconName, IconSize};
use super::notice::{Flash, Toasts};
use super::shell_data::{Appearance, NavGroup, NavItem, Person, Place, Places, ShellData, current_entry};
use super::tabs::note;
use crate::ui::islands::Toast;
use leptos::prelude::*;

/// The frame around every page of somebody who is signed in.
#[component]
pub fn Shell(
    data: ShellData,
    /// The path of the page: marks the entry of the sidebar.
    #[prop(into)]
    path: String,
    /// The whole address of the page, where a switch returns to.
    #[prop(into)]
    back_to: String,
    /// What the page before has to say.
    flash: Option<Flash>,
    children: Children,
) -> impl IntoView {
    let ShellData { home_href, nav, places, n_running, tasks_href, person } = data;
    let switcher = places.map(|places| view! { <PlaceMenu places back_to=back_to.clone()/> });
    let current = current_entry(&nav, &path);
    view! {
        <a class="skip" href="#main">"Skip to content"</a>
        // Tasks at work keep the whole page moving: counts and lamp change with them.
        <div class="shell" data-moving=(n_running > 0).then_some("")>
            <Sidebar home_href nav current/>
            <header class="shell__bar">
                <button
                    class="button button--quiet button--icon only-narrow"
                    type="button"
                    popovertarget="side"
                    aria-label="Menu"
                >
                    <Icon name=IconName::Menu size=IconSize::Large/>
                </button>
                {switcher}
                <span class="spacer"></span>
                <Lamp n_running href=tasks_href/>
                <AccountMenu person back_to/>
            </header>
            <main class="shell__main stack" id="main" tabindex="-1">
                <FlashLine flash/>
                <p class="offline" role="status"></p>
                {children()}
            </main>
        </div>
    }
}

#[component]
fn Sidebar(home_href: String, nav: Vec<NavGroup>, current: Option<String>) -> impl IntoView {
    let groups =
        nav.into_iter().map(|group| view! { <NavBlock group current=current.clone()/> }).collect_view();
    view! {
        <nav class="shell__side" id="side" popover="" aria-label="Main">
            <div class="nav">
                <a class="brand" href=home_href>
                    <Icon name=IconName::Brand size=IconSize::Large/>
                    "darkroom"
                </a>
                {groups}
            </div>
        </nav>
    }
}

#[component]
fn NavBlock(group: NavGroup, current: Option<String>) -> impl IntoView {
    let heading = group.heading.clone().map(|text| view! { <p class="nav__heading">{text}</p> });
    let items = group
        .items
        .into_iter()
        .map(|item| {
            let here = (current.as_ref() == Some(&item.href)).then_some("page");
            view! { <NavLink item here/> }
        })
        .collect_view();
    view! {
        <div>
            {heading}
            <ul aria-label=group.heading>{items}</ul>
        </div>
    }
}

#[component]
fn NavLink(item: NavItem, here: Option<&'static str>) -> impl IntoView {
    let note = note(item.note);
    view! {
        <li>
            <a href=item.href aria-current=here>
                <Icon name=item.icon/>
                {item.label}
                {note}
            </a>
        </li>
    }
}

#[component]
fn PlaceMenu(places: Places, back_to: String) -> impl IntoView {
    let label_of = |all: &[Place], value: &str| {
        all.iter()
            .find(|place| place.value == value)
            .map_or_else(|| value.to_owned(), |place| place.label.clone())
    };
    let region = label_of(&places.regions, &places.region);
    let (label, project) = if places.projects.is_empty() {
        (format!("Region {region}: switch"), None)
    } else {
        let project = label_of(&places.projects, &places.project);
        let label = format!("Project {project}, region {region}: switch");
        let words =
            view! { <span class="soft">{project}</span><span class="soft" aria-hidden="true">"/"</span> };
        (label, Some(words))
    };
    let action = places.switch_action;
    let projects = (!places.projects.is_empty()).then(|| {
        let buttons = choices("project", places.projects, &places.project);
        view! { <PlaceForm heading="Project" keep="region" action=action.clone() back_to=back_to.clone()>{buttons}</PlaceForm><hr/> }
    });
    let regions = choices("region", places.regions, &places.region);
    view! {
        <button class="button button--quiet place" type="button" popovertarget="where" aria-label=label>
            {project}
            <span>{region}</span>
            <Icon name=IconName::Down/>
        </button>
        <div class="menu menu--choices" id="where" popover="" data-align="start">
            {projects}
            <PlaceForm heading="Region" keep="project" action back_to>{regions}</PlaceForm>
        </div>
    }
}

/// The choices of one kind of place. The server expects both kinds; an empty one keeps what is in force.
#[component]
fn PlaceForm(
    heading: &'static str,
    /// The field of the other kind.
    keep: &'static str,
    action: String,
    back_to: String,
    children: Children,
) -> impl IntoView {
    view! {
        <form method="post" action=action>
            <input type="hidden" name="back_to" value=back_to/>
            <input type="hidden" name=keep value=""/>
            <p class="menu__heading">{heading}</p>
            {children()}
        </form>
    }
}

/// The entries of a menu that switches: the current one is pressed and has the check mark.
fn choices(name: &'static str, places: Vec<Place>, current: &str) -> impl IntoView + use<> {
    let rows: Vec<(Place, bool)> = places
        .into_iter()
        .map(|place| {
            let pressed = place.value == current;
            (place, pressed)
        })
        .collect();
    rows.into_iter()
        .map(|(place, pressed)| {
            let check = pressed.then(|| view! { <Icon name=IconName::Check/> });
            view! {
                <button type="submit" name=name value=place.value aria-pressed=pressed.to_string()>
                    {check}
                    {place.label}
                </button>
            }
        })
        .collect::<Vec<_>>()
}

#[component]
fn Lamp(n_running: u64, href: String) -> impl IntoView {
    let lit = (n_running > 0).then_some("");
    let number = if n_running > 0 { n_running.to_string() } else { String::new() };
    let rest = match n_running {
        0 => "No task running",
        1 => " task running",
        _ => " tasks running",
    };
    let label = format!("{number}{rest}");
    view! {
        <a class="lamp" href=href data-lit=lit aria-label=label>
            <span>{number}<span class="only-wide">{rest}</span></span>
        </a>
    }
}

#[component]
fn AccountMenu(person: Person, back_to: String) -> impl IntoView {
    let links = person
        .links
        .into_iter()
        .map(|(name, link)| view! { <a href=link.href><Icon name/>{link.label}</a> })
        .collect_view();
    let appearances = Appearance::ALL
        .map(|choice| Place { value: choice.value().to_owned(), label: choice.label().to_owned() });
    let appearances = choices("theme", appearances.to_vec(), person.appearance.value());
    view! {
        <button
            class="button button--quiet button--icon"
            type="button"
            popovertarget="me"
            aria-label="Your account"
        >
            <Icon name=IconName::Account size=IconSize::Large/>
        </button>
        <div class="menu menu--choices" id="me" popover="">
            <p class="menu__heading">"Signed in as "<strong>{person.name}</strong></p>
            {links}
            <hr/>
            <form method="post" action=person.appearance_action>
                <input type="hidden" name="back_to" value=back_to/>
                <p class="menu__heading">"Appearance"</p>
                {appearances}
            </form>
            <hr/>
            <form method="post" action=person.sign_out_action>
                <button type="submit">
                    <Icon name=IconName::Quit/>
                    "Sign out"
                </button>
            </form>
        </div>
    }
}

/// What the page before has to say: the first line of this one without script, a toast with it.
#[component]
fn FlashLine(flash: Option<Flash>) -> impl IntoView {
    let toast = flash.map(|flash| view! { <Toast flash/> });
    view! { <Toasts>{toast}</Toasts> }
}

/// The page before there is a shell: the sign-in and what goes with it, between corner marks.
#[component]
pub fn Gate(
    /// One small line under the frame.
    #[prop(into)]
    help: String,
    children: Children,
) -> impl IntoView {
    view! {
        <div class="gate">
            <main id="main">
                <div class="crop">{children()}</div>
                <p class="small soft">{help}</p>
            </main>
        </div>
    }
}

/// The mark and the name, where they are not a link.
#[component]
pub fn Brand() -> impl IntoView {
    view! {
        <span class="brand">
            <Icon name=IconName::Brand size=IconSize::Large/>
            "darkroom"
        </span>
    }
}
