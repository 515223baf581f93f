//! Buttons and links that look like buttons. One primary (ink) per page or dialog; danger only in the dialog that
//! deletes. A blocked action is not here but in `menu.rs`: it never is a dead control.

use super::icon::{Icon, IconName, IconSize};
use leptos::prelude::*;

/// What a button weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// The one action a page or dialog is for.
    Primary,
    /// Every other action.
    #[default]
    Outline,
    /// Inside bars and rows.
    Quiet,
    /// The click that deletes, only in its dialog.
    Danger,
}

/// Where a button stands decides how high it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// 36 px: forms, dialogs, page heads.
    Form,
    /// 32 px: toolbars and rows.
    #[default]
    Bar,
}

/// What pressing does without script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Press {
    /// Sends the form around it.
    #[default]
    Submit,
    /// Nothing by itself: it opens a popover or is wired with `on:click`.
    Plain,
}

impl Press {
    const fn kind(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Plain => "button",
        }
    }
}

/// The classes of a button, also for the few places that need a button element of their own.
#[must_use]
pub fn button_class(variant: Variant, size: Size) -> String {
    let mut class = String::from("button");
    class.push_str(match size {
        Size::Form => " button--form",
        Size::Bar => "",
    });
    class.push_str(match variant {
        Variant::Primary => " button--primary",
        Variant::Outline => "",
        Variant::Quiet => " button--quiet",
        Variant::Danger => " button--danger",
    });
    class
}

/// A button with words. Verb and noun; the words stay while the request runs.
#[component]
pub fn Button(
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] press: Press,
    /// Drawn before the words.
    #[prop(optional)]
    icon: Option<IconName>,
    children: Children,
) -> impl IntoView {
    let icon = icon.map(|name| view! { <Icon name/> });
    view! {
        <button type=press.kind() class=button_class(variant, size)>
            {icon}
            {children()}
        </button>
    }
}

/// A link that looks like a button, for what only leads somewhere.
#[component]
pub fn LinkButton(
    #[prop(into)] href: String,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] icon: Option<IconName>,
    children: Children,
) -> impl IntoView {
    let icon = icon.map(|name| view! { <Icon name/> });
    view! { <a class=button_class(variant, size) href=href>{icon}{children()}</a> }
}

/// A button that is only an icon: menu, more, close, copy, previous. The label is what is read out.
#[component]
pub fn IconButton(
    icon: IconName,
    #[prop(into)] label: String,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
    #[prop(optional)] press: Press,
    #[prop(optional)] icon_size: IconSize,
) -> impl IntoView {
    let class = format!("{} button--icon", button_class(variant, size));
    view! {
        <button type=press.kind() class=class aria-label=label>
            <Icon name=icon size=icon_size/>
        </button>
    }
}

/// A link that is only an icon.
#[component]
pub fn IconLink(
    icon: IconName,
    #[prop(into)] label: String,
    #[prop(into)] href: String,
    #[prop(optional)] variant: Variant,
    #[prop(optional)] size: Size,
) -> impl IntoView {
    let class = format!("{} button--icon", button_class(variant, size));
    view! {
        <a class=class href=href aria-label=label>
            <Icon name=icon/>
        </a>
    }
}
