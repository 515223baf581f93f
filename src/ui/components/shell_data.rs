//! What the shell shows, as plain values: the server fills them in, the browser gets the same. No Leptos here, and
//! no rule but which entry of the navigation is the current one.

use super::icon::IconName;
use super::tabs::{Link, TabNote};
use serde::{Deserialize, Serialize};

/// The cookie that keeps the choice of light or dark; the server reads it and writes `data-theme` on `<html>`, so
/// that no page flashes in the wrong one.
pub const APPEARANCE_COOKIE: &str = "appearance";

/// Light, dark, or what the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appearance {
    #[default]
    System,
    Light,
    Dark,
}

impl Appearance {
    /// All choices, in the order of the menu.
    pub const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// The value of the cookie and of the form field.
    #[must_use]
    pub const fn value(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads what `value` wrote; anything else follows the system.
    #[must_use]
    pub fn from_value(value: &str) -> Self {
        Self::ALL.into_iter().find(|choice| choice.value() == value).unwrap_or_default()
    }

    /// The value of `data-theme` on `<html>`; none while the system decides.
    #[must_use]
    pub const fn theme(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light | Self::Dark => Some(self.value()),
        }
    }

    /// The words in the menu.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::System => "As the system",
            Self::Light => "Light",
            Self::Dark => "Dark",
        }
    }
}

/// One entry of the sidebar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NavItem {
    pub label: String,
    pub href: String,
    pub icon: IconName,
    /// How many there are or wait, where that helps.
    pub note: TabNote,
}

/// Entries under one small heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NavGroup {
    pub heading: Option<String>,
    pub items: Vec<NavItem>,
}

/// A project or region that can be switched to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What the form sends.
    pub value: String,
    pub label: String,
}

/// Where the user works, and where else they may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The value of the current project, one of `projects`.
    pub project: String,
    /// Empty for people of the provider, who work in no project.
    pub projects: Vec<Place>,
    /// The value of the current region, one of `regions`.
    pub region: String,
    pub regions: Vec<Place>,
    /// Takes a POST with `project`, `region` (one of them empty: it stays) and `back_to`.
    pub switch_action: String,
}

/// The account menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who is signed in: the e-mail address.
    pub name: String,
    /// The links of the menu, such as *API tokens*.
    pub links: Vec<(IconName, Link)>,
    pub appearance: Appearance,
    /// Takes a POST with `theme` and `back_to`.
    pub appearance_action: String,
    /// Takes a POST without fields.
    pub sign_out_action: String,
}

/// Everything around the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShellData {
    /// Where the mark in the corner leads.
    pub home_href: String,
    pub nav: Vec<NavGroup>,
    /// None where there is nothing to switch.
    pub places: Option<Places>,
    /// How many tasks run: the lamp.
    pub n_running: u64,
    pub tasks_href: String,
    pub person: Person,
}

/// The address of the entry that a path belongs to: the longest one that is the path or a folder above it.
#[must_use]
pub fn current_entry(nav: &[NavGroup], path: &str) -> Option<String> {
    let entries = nav.iter().flat_map(|group| &group.items).map(|item| item.href.as_str());
    entries.filter(|href| is_under(path, href)).max_by_key(|href| href.len()).map(str::to_owned)
}

fn is_under(path: &str, href: &str) -> bool {
    let Some(rest) = path.strip_prefix(href) else { return false };
    rest.is_empty() || (href != "/" && rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nav() -> Vec<NavGroup> {
        let item = |href: &str| NavItem {
            label: href.to_owned(),
            href: href.to_owned(),
            icon: IconName::Image,
            note: TabNote::None,
        };
        vec![NavGroup { heading: None, items: vec![item("/"), item("/images"), item("/images/public")] }]
    }

    fn check(path: &str, expect: Option<&str>) {
        assert_eq!(current_entry(&nav(), path).as_deref(), expect, "{path}");
    }

    #[test]
    fn a_page_belongs_to_the_nearest_entry_above_it() {
        check("/", Some("/"));
        check("/images", Some("/images"));
        check("/images/img-1/usage", Some("/images"));
        check("/images/public/img-1", Some("/images/public"));
        check("/imagesque", None);
        check("/tasks", None);
    }

    #[test]
    fn an_unknown_appearance_follows_the_system() {
        for choice in Appearance::ALL {
            assert_eq!(Appearance::from_value(choice.value()), choice);
        }
        assert_eq!(Appearance::from_value("sepia"), Appearance::System);
        assert_eq!(Appearance::System.theme(), None);
        assert_eq!(Appearance::Dark.theme(), Some("dark"));
    }
}
