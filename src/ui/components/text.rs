//! Small pieces of text with a rule: times, money, IDs, facts, tags, key figures. They take text that is already
//! formatted, so that server and browser write the same.

use super::icon::{Icon, IconName};
use leptos::prelude::*;

/// A moment: text for people, the exact time for machines.
#[component]
pub fn Time(
    /// RFC 3339 in UTC: *2026-11-18T14:02:00Z*.
    #[prop(into)]
    datetime: String,
    /// *18 Nov 2026, 14:02*.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! { <time class="nowrap" datetime=datetime>{text}</time> }
}

/// How sure an amount is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certainty {
    #[default]
    Exact,
    /// Says *est.* before it and is softer.
    Estimate,
}

/// An amount of money, never broken and never bare of its currency.
#[component]
pub fn MoneyText(
    /// *€0.47*.
    #[prop(into)]
    amount: String,
    #[prop(optional)] certainty: Certainty,
) -> impl IntoView {
    match certainty {
        Certainty::Exact => view! { <span class="nowrap">{amount}</span> }.into_any(),
        Certainty::Estimate => {
            view! { <span class="nowrap soft">{format!("est. {amount}")}</span> }.into_any()
        }
    }
}

/// A table of properties; the children are `Fact`s.
#[component]
pub fn Facts(children: Children) -> impl IntoView {
    view! { <dl class="facts">{children()}</dl> }
}

/// One property. The value may be text, a link, a `CopyableId`, a `Status`.
#[component]
pub fn Fact(#[prop(into)] term: String, children: Children) -> impl IntoView {
    view! {
        <div>
            <dt>{term}</dt>
            <dd>{children()}</dd>
        </div>
    }
}

/// A tag; a link wherever it filters a list.
#[component]
pub fn Tag(
    #[prop(into)] label: String,
    #[prop(optional, into)] href: Option<String>,
    #[prop(optional)] icon: Option<IconName>,
) -> impl IntoView {
    let icon = icon.map(|name| view! { <Icon name/> });
    match href {
        Some(href) => view! { <a class="tag" href=href>{icon}{label}</a> }.into_any(),
        None => view! { <span class="tag">{icon}{label}</span> }.into_any(),
    }
}

/// A key figure with its small caption: *€18.68*, *so far*.
#[component]
pub fn Figure(
    #[prop(into)] value: String,
    #[prop(into)] caption: String,
    /// `Estimate` for what is only for comparison.
    #[prop(optional)]
    certainty: Certainty,
) -> impl IntoView {
    let class = if certainty == Certainty::Estimate { "figure soft" } else { "figure" };
    view! {
        <div>
            <p class=class>{value}</p>
            <p class="small soft">{caption}</p>
        </div>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn an_estimate_says_that_it_is_one() {
        let money = html(|| view! { <MoneyText amount="€1.56" certainty=Certainty::Estimate/> });
        assert!(money.contains("est. €1.56"), "{money}");
    }
}
