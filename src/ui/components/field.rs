//! Fields: label, hint, control, error, in that order of thought. The error sits under the control, starts with
//! what is wrong and ends with what would be right. Typed text is never lost: the page hands it back as `value`.
//! Nothing is validated here; the page runs the shared rules and passes the sentence.

use super::icon::{Icon, IconName};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

/// What a field takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldKind {
    #[default]
    Text,
    Email,
    Password,
    /// A whole number; the keyboard of a phone shows digits.
    Number,
    /// A day, as `2026-11-28`; browsers show a calendar.
    Day,
    /// Several lines.
    Area,
    /// What a machine reads: keys, IDs, fingerprints.
    Code,
    /// Shown in the form, never changed by it.
    Fixed,
}

/// Whether a form may leave a field empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Need {
    #[default]
    Required,
    /// Says so in the label.
    Optional,
}

/// The ids that describe a control, in reading order.
fn described_by(id: &str, has_hint: bool, has_error: bool) -> Option<String> {
    let hint = has_hint.then(|| format!("{id}-hint"));
    let error = has_error.then(|| format!("{id}-error"));
    let ids: Vec<String> = [hint, error].into_iter().flatten().collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

#[component]
fn FieldLabel(id: String, text: String, need: Need) -> impl IntoView {
    let marker = (need == Need::Optional).then(|| view! { " "<span class="soft">"(optional)"</span> });
    view! { <label for=id>{text}{marker}</label> }
}

#[component]
fn FieldError(id: String, error: Signal<Option<String>>) -> impl IntoView {
    move || {
        error.get().map(|text| {
            view! {
                <p class="error" id=format!("{id}-error")>
                    <Icon name=IconName::Bad/>
                    <span>{text}</span>
                </p>
            }
        })
    }
}

/// One control with its words. `on:input` on it reaches the control, because input events bubble.
#[component]
pub fn Field(
    /// Unique on the page; hint and error take their ids from it.
    #[prop(into)]
    id: String,
    /// What the form sends.
    #[prop(into)]
    name: String,
    #[prop(into)] label: String,
    #[prop(optional)] kind: FieldKind,
    #[prop(optional)] need: Need,
    /// What is in it at the start: the stored value, or what the user typed before an error.
    #[prop(optional, into)]
    value: String,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
    #[prop(optional, into)] placeholder: Option<String>,
    /// For instance `username`, `current-password`, `off`.
    #[prop(optional, into)]
    autocomplete: Option<String>,
    #[prop(optional)] max_length: Option<u32>,
    /// The bounds of a number.
    #[prop(optional)]
    min: Option<i64>,
    #[prop(optional)] max: Option<i64>,
) -> impl IntoView {
    let has_hint = hint.is_some();
    let described = {
        let id = id.clone();
        move || described_by(&id, has_hint, error.with(Option::is_some))
    };
    let invalid = move || error.with(Option::is_some).then_some("true");
    let hint = hint.map(|text| view! { <p class="hint" id=format!("{id}-hint")>{text}</p> });
    let required = need == Need::Required && kind != FieldKind::Fixed;
    let control = match kind {
        FieldKind::Area => view! {
            <textarea
                class="input"
                id=id.clone()
                name=name
                required=required
                maxlength=max_length.map(|n| n.to_string())
                placeholder=placeholder
                autocomplete=autocomplete
                aria-invalid=invalid
                aria-describedby=described
                inner_html=textarea_content(&value)
            ></textarea>
        }
        .into_any(),
        _ => view! {
            <input
                class=if matches!(kind, FieldKind::Code | FieldKind::Fixed) { "input mono" } else { "input" }
                id=id.clone()
                name=name
                type=input_type(kind)
                inputmode=(kind == FieldKind::Number).then_some("numeric")
                spellcheck=(kind == FieldKind::Code).then_some("false")
                required=required
                readonly=kind == FieldKind::Fixed
                value=value
                maxlength=max_length.map(|n| n.to_string())
                min=min.map(|n| n.to_string())
                max=max.map(|n| n.to_string())
                placeholder=placeholder
                autocomplete=autocomplete
                aria-invalid=invalid
                aria-describedby=described
            />
        }
        .into_any(),
    };
    view! {
        <div class="field">
            <FieldLabel id=id.clone() text=label need/>
            {hint}
            {control}
            <FieldError id error/>
        </div>
    }
}

const fn input_type(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Email => "email",
        FieldKind::Password => "password",
        FieldKind::Number => "number",
        FieldKind::Day => "date",
        FieldKind::Text | FieldKind::Area | FieldKind::Code | FieldKind::Fixed => "text",
    }
}

/// The text of a textarea as HTML. Not a text node: an empty one is written as a space, and the parser drops the
/// first line break, so both would come back changed.
fn textarea_content(value: &str) -> String {
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    if escaped.starts_with('\n') { format!("\n{escaped}") } else { escaped }
}

/// Whether an option can be chosen, and whether it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    #[default]
    Free,
    Chosen,
    /// Shown with its reason in the label or the hint, but cannot be chosen.
    Blocked,
}

impl Pick {
    /// `Chosen` for the option that equals the current value.
    #[must_use]
    pub fn when(chosen: bool) -> Self {
        if chosen { Self::Chosen } else { Self::Free }
    }
}

/// One line of a select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub pick: Pick,
}

impl Choice {
    /// An option that can be chosen.
    pub fn new(value: impl Into<String>, label: impl Into<String>, pick: Pick) -> Self {
        Self { value: value.into(), label: label.into(), pick }
    }
}

/// How much room a select takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelectLook {
    /// In a form, with a visible label above.
    #[default]
    Form,
    /// In a toolbar: 32 px, the label only read out.
    Bar,
}

/// A choice of one out of a few.
#[component]
pub fn Select(
    #[prop(into)] id: String,
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    choices: Vec<Choice>,
    #[prop(optional)] look: SelectLook,
    #[prop(optional)] need: Need,
    #[prop(optional, into)] hint: Option<String>,
    #[prop(optional, into)] error: Signal<Option<String>>,
) -> impl IntoView {
    let has_hint = hint.is_some();
    let described = {
        let id = id.clone();
        move || described_by(&id, has_hint, error.with(Option::is_some))
    };
    let invalid = move || error.with(Option::is_some).then_some("true");
    let hint = hint.map(|text| view! { <p class="hint" id=format!("{id}-hint")>{text}</p> });
    let options = choices
        .into_iter()
        .map(|choice| {
            let chosen = choice.pick == Pick::Chosen;
            let blocked = choice.pick == Pick::Blocked;
            view! { <option value=choice.value selected=chosen disabled=blocked>{choice.label}</option> }
        })
        .collect_view();
    let class = if look == SelectLook::Bar { "input input--compact" } else { "input" };
    let control = view! {
        <select class=class id=id.clone() name=name aria-invalid=invalid aria-describedby=described>
            {options}
        </select>
        <Icon name=IconName::Down/>
    };
    match look {
        SelectLook::Bar => view! {
            <span class="select">
                <label class="visually-hidden" for=id>{label}</label>
                {control}
            </span>
        }
        .into_any(),
        SelectLook::Form => view! {
            <div class="field">
                <FieldLabel id=id.clone() text=label need/>
                {hint}
                <span class="select">{control}</span>
                <FieldError id error/>
            </div>
        }
        .into_any(),
    }
}

/// One of many, or one of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckKind {
    #[default]
    Box,
    Radio,
}

/// A box or radio with its words at the right. A blocked one keeps its reason as the hint.
#[component]
pub fn Checkbox(
    #[prop(into)] id: String,
    #[prop(into)] name: String,
    #[prop(into)] label: String,
    #[prop(optional)] kind: CheckKind,
    /// What the form sends when it is on.
    #[prop(default = "on".to_owned(), into)]
    value: String,
    #[prop(optional)] pick: Pick,
    #[prop(optional, into)] hint: Option<String>,
    /// `Required` where the form may only go out with it on.
    #[prop(default = Need::Optional)]
    need: Need,
) -> impl IntoView {
    let kind = if kind == CheckKind::Radio { "radio" } else { "checkbox" };
    let described = described_by(&id, hint.is_some(), false);
    let hint = hint.map(|text| view! { <p class="hint" id=format!("{id}-hint")>{text}</p> });
    view! {
        <div class="check">
            <input
                type=kind
                id=id.clone()
                name=name
                value=value
                checked=pick == Pick::Chosen
                disabled=pick == Pick::Blocked
                required=need == Need::Required
                aria-describedby=described
            />
            <label for=id>{label}</label>
            {hint}
        </div>
    }
}

/// Boxes or radios that answer one question.
#[component]
pub fn CheckGroup(#[prop(into)] legend: String, children: Children) -> impl IntoView {
    view! {
        <fieldset class="field">
            <legend>{legend}</legend>
            {children()}
        </fieldset>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn an_error_marks_the_field_and_is_tied_to_it() {
        let field = html(|| {
            view! { <Field id="n" name="name" label="Name" value="web server!" hint="Letters." error="Use letters."/> }
        });
        assert!(field.contains("aria-invalid=\"true\""), "{field}");
        assert!(field.contains("aria-describedby=\"n-hint n-error\""), "{field}");
        assert!(field.contains("id=\"n-error\"") && field.contains("value=\"web server!\""), "{field}");
    }

    #[test]
    fn a_field_without_an_error_is_not_marked() {
        let field = html(|| view! { <Field id="n" name="name" label="Name" need=Need::Optional/> });
        assert!(!field.contains("aria-invalid") && !field.contains("aria-describedby"), "{field}");
        assert!(field.contains("(optional)") && !field.contains("required"), "{field}");
    }

    #[test]
    fn a_text_area_gives_back_exactly_what_was_typed() {
        let area = |text: &'static str| {
            html(
                move || view! { <Field id="r" name="remark" label="Remark" kind=FieldKind::Area value=text/> },
            )
        };
        assert!(area("").contains("></textarea>"), "{}", area(""));
        assert!(area("\nfirst").contains(">\n\nfirst</textarea>"), "{}", area("\nfirst"));
        assert!(area("</textarea><b>").contains(">&lt;/textarea&gt;&lt;b&gt;</textarea>"));
    }

    #[test]
    fn a_blocked_choice_keeps_its_reason_beside_it() {
        let check = html(|| {
            view! {
                <Checkbox id="k" name="disk" label="scratch" pick=Pick::Blocked hint="Local disks cannot be captured."/>
            }
        });
        assert!(check.contains("disabled") && check.contains("aria-describedby=\"k-hint\""), "{check}");
        assert!(check.contains("Local disks cannot be captured."), "{check}");
    }
}
