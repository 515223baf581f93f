//! Islands: the components that the browser hydrates, because they change while the page stands. Their props travel in the page as JSON,
//! so they take plain data. Each is whole without script; none decides a rule.

mod copy;
mod field;
mod price;
mod toast;

pub use copy::*;
pub use field::*;
pub use price::*;
pub use toast::*;

use leptos::form::FromFormData;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys::{Element, FormData, HtmlFormElement};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What a server function with one argument called `form` is sent.
#[derive(Deserialize)]
struct Sent<F> {
    form: F,
}

/// What stands right now in the form around `element`; `None` where that is no such form.
fn form_around<F: DeserializeOwned>(element: &Element) -> Option<F> {
    let form = element.closest("form").ok()??.dyn_into::<HtmlFormElement>().ok()?;
    let data = FormData::new_with_form(&form).ok()?;
    Sent::<F>::from_form_data(&data).ok().map(|sent| sent.form)
}

/// The element an event happened at.
fn target(event: &leptos::ev::Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}
