//! Forms that post (`data-send`): sent once however often they are pressed, and answered without leaving the page.

use super::page::{self, Stays, Update};
use leptos::wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    Element, Event, FormData, Headers, HtmlElement, HtmlFormElement, Request, RequestInit, SubmitEvent,
    UrlSearchParams,
};

/// Sends a form that is ours to send.
pub fn on_submit(event: SubmitEvent) {
    let form = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok());
    let Some(form) = form.filter(|form| form.has_attribute("data-send")) else { return };
    if let Some(button) = meant(&form, event.submitter().as_ref()) {
        event.prevent_default();
        button.click();
        return;
    }
    let Some(request) = request(&form, event.submitter().as_ref()) else { return };
    event.prevent_default();
    if form.has_attribute("data-busy") {
        return;
    }
    busy(&form, event.submitter().as_ref(), true);
    // An update of the page that is on its way would only delay this: what it brings is older.
    page::claim();
    spawn_local(async move {
        let stays = page::load(&request, Update::Whole).await;
        page::release();
        // A page that is being left sends nothing more.
        if stays == Stays::Here {
            busy(&form, event.submitter().as_ref(), false);
        }
    });
}

/// The button that Enter means. In a field, browsers press the first button of a form; where that is one that searches (`data-search`),
/// Enter outside its search field means the button of the form itself.
fn meant(form: &HtmlFormElement, pressed: Option<&HtmlElement>) -> Option<HtmlElement> {
    let searches = pressed.filter(|button| button.has_attribute("data-search"))?;
    let at = page::document().active_element()?;
    let elsewhere =
        &at != searches.as_ref() && at.matches("input").ok()? && at.closest(".search").ok()?.is_none();
    let own = form.query_selector("button[type=submit]:not([data-search])").ok()??;
    elsewhere.then(|| own.dyn_into().ok())?
}

/// A page that comes back from the browser's memory has no form at work.
pub fn on_page_shown(_: Event) {
    for form in page::all::<HtmlFormElement>(&page::document(), "form[data-busy]") {
        busy(&form, None, false);
        if let Ok(Some(button)) = form.query_selector("[aria-busy]") {
            mark(&button, "aria-busy", None);
        }
    }
}

/// The form as the browser would send it.
fn request(form: &HtmlFormElement, submitter: Option<&HtmlElement>) -> Option<Request> {
    let data = FormData::new_with_form(form).ok()?;
    if let Some(button) = submitter
        && let (Some(name), Some(value)) = (button.get_attribute("name"), button.get_attribute("value"))
    {
        data.append_with_str(&name, &value).ok()?;
    }
    let body = UrlSearchParams::new_with_str_sequence_sequence(&data).ok()?;
    let headers = Headers::new().ok()?;
    headers.append("Accept", "text/html").ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&JsValue::from(body));
    let own = submitter.and_then(|button| button.get_attribute("formaction"));
    Request::new_with_str_and_init(&own.unwrap_or_else(|| form.action()), &init).ok()
}

fn busy(form: &HtmlFormElement, submitter: Option<&HtmlElement>, on: bool) {
    mark(form, "data-busy", on.then_some(""));
    if let Some(button) = submitter {
        mark(button, "aria-busy", on.then_some("true"));
    }
}

fn mark(element: &Element, name: &str, value: Option<&str>) {
    let done = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
    if done.is_err() {
        leptos::logging::error!("{name} cannot be set");
    }
}
