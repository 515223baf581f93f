//! Menus and explanations: popovers that open, close and take Escape without script. The popover stands directly
//! after its button, which places it. A blocked action is a button that opens its reason, never a dead control.

use super::button::{Size, Variant, button_class};
use super::icon::{Icon, IconName};
use super::status::Tone;
use super::tabs::Link;
use leptos::prelude::*;

/// What opens a menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MenuLook {
    /// Three dots; the label is read out: *More actions for web-v2*.
    #[default]
    Dots,
    /// The label and an arrow.
    Words,
}

/// On which side of its button a menu hangs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// Right edges line up: for buttons at the right end of a row or page.
    #[default]
    End,
    /// Left edges line up.
    Start,
}

impl Align {
    pub(super) const fn attribute(self) -> Option<&'static str> {
        match self {
            Self::End => None,
            Self::Start => Some("start"),
        }
    }
}

/// A button with a menu. The children are `MenuLink`, `MenuAction`, `MenuBlocked`, `MenuLine`, or forms of them.
#[component]
pub fn Menu(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    #[prop(into)] label: String,
    #[prop(optional)] look: MenuLook,
    #[prop(optional)] align: Align,
    #[prop(optional)] size: Size,
    #[prop(default = Variant::Quiet)] variant: Variant,
    children: Children,
) -> impl IntoView {
    let class = button_class(variant, size);
    let opener = match look {
        MenuLook::Dots => view! {
            <button
                class=format!("{class} button--icon")
                type="button"
                popovertarget=id.clone()
                aria-label=label
            >
                <Icon name=IconName::More/>
            </button>
        }
        .into_any(),
        MenuLook::Words => view! {
            <button class=class type="button" popovertarget=id.clone()>
                {label}
                <Icon name=IconName::Down/>
            </button>
        }
        .into_any(),
    };
    view! {
        {opener}
        <div
            class="menu"
            id=id
            popover=""
            data-align=align.attribute()
        >
            {children()}
        </div>
    }
}

/// An item that leads to a page. `Tone::Bad` for *Delete*.
#[component]
pub fn MenuLink(
    #[prop(into)] href: String,
    #[prop(optional)] icon: Option<IconName>,
    #[prop(optional)] tone: Tone,
    children: Children,
) -> impl IntoView {
    let class = (tone == Tone::Bad).then_some("bad");
    let icon = icon.map(|name| view! { <Icon name/> });
    view! { <a class=class href=href>{icon}{children()}</a> }
}

/// An item that sends the form around it; give it `attr:name` and `attr:value` where the form has several.
#[component]
pub fn MenuAction(
    #[prop(optional)] icon: Option<IconName>,
    #[prop(optional)] tone: Tone,
    children: Children,
) -> impl IntoView {
    let class = (tone == Tone::Bad).then_some("bad");
    let icon = icon.map(|name| view! { <Icon name/> });
    view! { <button class=class type="submit">{icon}{children()}</button> }
}

/// An item that cannot be used now; its second line is the reason.
#[component]
pub fn MenuBlocked(#[prop(into)] label: String, #[prop(into)] why: String) -> impl IntoView {
    view! {
        <button type="button" aria-disabled="true">
            <Icon name=IconName::Off/>
            <span>{label}<span class="why">{why}</span></span>
        </button>
    }
}

/// The line between groups of items.
#[component]
pub fn MenuLine() -> impl IntoView {
    view! { <hr/> }
}

/// Why an action is blocked, in the order a person asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The rule: *No image slot left*.
    pub rule: String,
    /// The current value: *Your limit in north-1 is 50 images and you have 50.*
    pub now: String,
    /// The ways out, the best first. A reason without one is a dead end: name at least who can help.
    pub ways_out: Vec<Link>,
}

/// An action that is not possible now. Pressing it opens the rule, the current value and the way out.
#[component]
pub fn BlockedAction(
    /// Unique on the page.
    #[prop(into)]
    id: String,
    /// The same words as when it is possible.
    #[prop(into)]
    label: String,
    reason: Reason,
    #[prop(optional)] size: Size,
    #[prop(optional)] align: Align,
) -> impl IntoView {
    let class = format!("{} button--blocked", button_class(Variant::Outline, size));
    view! {
        <button class=class type="button" popovertarget=id.clone()>
            <Icon name=IconName::Off/>
            {label}
            <span class="visually-hidden">" (not possible now)"</span>
        </button>
        <div
            class="explain"
            id=id
            popover=""
            data-align=align.attribute()
        >
            <ReasonText reason/>
        </div>
    }
}

/// The same explanation as part of the page, where the whole page is what is blocked.
#[component]
pub fn Explain(reason: Reason) -> impl IntoView {
    view! {
        <div class="explain" data-static="">
            <ReasonText reason/>
        </div>
    }
}

#[component]
fn ReasonText(reason: Reason) -> impl IntoView {
    let ways = reason
        .ways_out
        .into_iter()
        .map(|link| view! { <a href=link.href>{link.label}</a> })
        .collect::<Vec<_>>();
    let ways = (!ways.is_empty()).then(|| view! { <div class="cluster">{ways}</div> });
    view! {
        <p><strong>{reason.rule}</strong></p>
        <p>{reason.now}</p>
        {ways}
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn a_blocked_action_can_be_pressed_and_says_rule_value_and_way_out() {
        let action = html(|| {
            let reason = Reason {
                rule: "No image slot left".to_owned(),
                now: "Your limit is 50 images and you have 50.".to_owned(),
                ways_out: vec![Link::new("Delete one", "/images")],
            };
            view! { <BlockedAction id="why" label="Create image" reason/> }
        });
        assert!(!action.contains("disabled"), "{action}");
        assert!(
            action.contains("popovertarget=\"why\"") && action.contains("id=\"why\" popover"),
            "{action}"
        );
        for part in ["No image slot left", "you have 50.", "href=\"/images\""] {
            assert!(action.contains(part), "{part}: {action}");
        }
    }

    #[test]
    fn the_popover_of_a_menu_follows_its_button_which_places_it() {
        let menu = html(|| view! { <Menu id="m" label="More actions"><MenuLine/></Menu> });
        let after_button = menu.split("</button>").nth(1).expect("there is a button");
        assert!(after_button.starts_with("<div id=\"m\" popover=\"\" class=\"menu\""), "{menu}");
        assert!(menu.contains("aria-label=\"More actions\""), "{menu}");
    }
}
