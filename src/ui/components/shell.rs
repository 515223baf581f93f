//! The shell: sidebar, bar with project and region, lamp and account menu, and the page. It knows no page; what it
//! shows comes as `ShellData`. Every switch is a form that posts, so it works before and without script.

use super::behaviour::close_popover_after_link;
use super::icon::{Icon, IconName, IconSize};
use super::notice::{Flash, Toast, Toasts};
use super::shell_data::{Appearance, NavGroup, NavItem, Person, Place, Places, ShellData, current_entry};
use leptos::prelude::*;

/// The frame around every page of somebody who is signed in.
#[component]
pub fn Shell(
    #[prop(into)] data: Signal<ShellData>,
    /// The path of the page: marks the entry of the sidebar.
    #[prop(into)]
    path: Signal<String>,
    /// The whole address of the page, where a switch returns to.
    #[prop(into)]
    back_to: Signal<String>,
    /// What the page before has to say. Each write shows it anew, also when the words are the same.
    #[prop(into)]
    flash: Signal<Option<Flash>>,
    children: Children,
) -> impl IntoView {
    // Memos, so that a lamp that changes does not redraw an open menu.
    let places = Memo::new(move |_| data.with(|data| data.places.clone()));
    let person = Memo::new(move |_| data.with(|data| data.person.clone()));
    let switcher = move || places.get().map(|places| view! { <PlaceMenu places back_to/> });
    let account = move || view! { <AccountMenu person=person.get() back_to/> };
    view! {
        // The router follows fragments without moving the focus, which is what this link is for.
        <a class="skip" href="#main" rel="external">"Skip to content"</a>
        <div class="shell">
            <Sidebar data path/>
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
                <Lamp data/>
                {account}
            </header>
            <main class="shell__main stack" id="main" tabindex="-1">
                {move || view! { <FlashLine flash=flash.get()/> }}
                {children()}
            </main>
        </div>
    }
}

#[component]
fn Sidebar(data: Signal<ShellData>, path: Signal<String>) -> impl IntoView {
    let home = Memo::new(move |_| data.with(|data| data.home_href.clone()));
    let nav = Memo::new(move |_| data.with(|data| data.nav.clone()));
    let current = Memo::new(move |_| nav.with(|nav| path.with(|path| current_entry(nav, path))));
    let groups =
        move || nav.get().into_iter().map(|group| view! { <NavBlock group current/> }).collect_view();
    view! {
        <nav
            class="shell__side"
            id="side"
            popover=""
            aria-label="Main"
            on:click=move |event| close_popover_after_link(&event)
        >
            <div class="nav">
                <a class="brand" href=move || home.get()>
                    <Icon name=IconName::Brand size=IconSize::Large/>
                    "darkroom"
                </a>
                {groups}
            </div>
        </nav>
    }
}

#[component]
fn NavBlock(group: NavGroup, current: Memo<Option<String>>) -> impl IntoView {
    let heading = group.heading.clone().map(|text| view! { <p class="nav__heading">{text}</p> });
    let items = group.items.into_iter().map(|item| view! { <NavLink item current/> }).collect_view();
    view! {
        <div>
            {heading}
            <ul aria-label=group.heading>{items}</ul>
        </div>
    }
}

#[component]
fn NavLink(item: NavItem, current: Memo<Option<String>>) -> impl IntoView {
    let href = item.href.clone();
    let here = move || current.with(|current| current.as_ref() == Some(&href)).then_some("page");
    let count = item.count.map(|n| view! { <span class="count">{n.to_string()}</span> });
    view! {
        <li>
            <a href=item.href aria-current=here>
                <Icon name=item.icon/>
                {item.label}
                {count}
            </a>
        </li>
    }
}

#[component]
fn PlaceMenu(places: Places, back_to: Signal<String>) -> impl IntoView {
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
        view! { <PlaceForm heading="Project" keep="region" action=action.clone() back_to>{buttons}</PlaceForm><hr/> }
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
    back_to: Signal<String>,
    children: Children,
) -> impl IntoView {
    view! {
        <form method="post" action=action>
            <input type="hidden" name="back_to" value=move || back_to.get()/>
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
fn Lamp(data: Signal<ShellData>) -> impl IntoView {
    let running = Memo::new(move |_| data.with(|data| data.n_running));
    let href = Memo::new(move |_| data.with(|data| data.tasks_href.clone()));
    let lit = move || (running.get() > 0).then_some("");
    let rest = move || match running.get() {
        0 => "No task running".to_owned(),
        1 => " task running".to_owned(),
        _ => " tasks running".to_owned(),
    };
    let number = move || if running.get() > 0 { running.get().to_string() } else { String::new() };
    let label = move || format!("{}{}", number(), rest());
    view! {
        <a class="lamp" href=move || href.get() data-lit=lit aria-label=label>
            <span>{number}<span class="only-wide">{rest}</span></span>
        </a>
    }
}

#[component]
fn AccountMenu(person: Person, back_to: Signal<String>) -> impl IntoView {
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
        <div
            class="menu menu--choices"
            id="me"
            popover=""
            on:click=move |event| close_popover_after_link(&event)
        >
            <p class="menu__heading">"Signed in as "<strong>{person.name}</strong></p>
            {links}
            <hr/>
            <form method="post" action=person.appearance_action>
                <input type="hidden" name="back_to" value=move || back_to.get()/>
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
    let toast = flash.map(|flash| {
        let link = flash.link.map(|link| view! { <a class="button" href=link.href>{link.label}</a> });
        view! { <Toast tone=flash.tone text=flash.text>{link}</Toast> }
    });
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
