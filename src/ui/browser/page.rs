//! The page as the server would render it now, put into the one that stands: only what differs changes, so that focus, scroll, open menus
//! and what is typed stay.

use super::dialogs;
use crate::ui::paths::lasting;
use js_sys::{Function, Object, Reflect};
use leptos::wasm_bindgen::closure::Closure;
use leptos::wasm_bindgen::prelude::wasm_bindgen;
use leptos::wasm_bindgen::{JsCast, JsValue};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Document, DomParser, Element, Node, Request, Response, SupportedType, Url, VisibilityState, Window,
};

/// How often a page asks again while something on it is at work, in milliseconds.
pub const POLL_MS: u32 = 1000;
/// The mark of what is at work.
const MOVING: &str = "[data-moving]";
/// What a person may be busy with, and what lives by itself: an update that nobody asked for leaves it alone.
const KEPT: &str = "dialog, [data-keep], .toasts, .offline, input:not([type=hidden]), textarea, select";
/// Told on the page while the server does not answer.
const NO_ANSWER: &str = "darkroom does not answer. Check your connection; what you typed is still here.";

thread_local! {
    /// Whether the page is being asked for or a form is being sent: one at a time.
    static BUSY: Cell<bool> = const { Cell::new(false) };
    /// Whether the server did not answer the last time: then the page goes on asking until it does.
    static LOST: Cell<bool> = const { Cell::new(false) };
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Idiomorph, js_name = morph, catch)]
    fn morph(old: &Node, new: &Node, options: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = __hydrateIsland, catch)]
    fn hydrate_island(element: &Element, name: &str) -> Result<JsValue, JsValue>;
}

/// How much of the page an answer may change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// What is at work; nothing a person is busy with.
    Quiet,
    /// Everything: it answers what the person just did.
    Whole,
}

/// Whether the person is still on the page after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    Here,
    Leaves,
}

pub fn window() -> Window {
    leptos::prelude::window()
}

pub fn document() -> Document {
    leptos::prelude::document()
}

/// All elements under `root` that a selector finds.
pub fn all<T: JsCast>(root: &Document, selector: &str) -> Vec<T> {
    let Ok(found) = root.query_selector_all(selector) else { return Vec::new() };
    (0..found.length()).filter_map(|i| found.item(i)?.dyn_into().ok()).collect()
}

/// Takes the words that speak once out of the address, so that a reload does not say them again.
pub fn clean_address() {
    let location = window().location();
    if let (Ok(path), Ok(search), Ok(hash)) = (location.pathname(), location.search(), location.hash()) {
        let lasts = lasting(&path, &search);
        // An address that is put in place ends a way back or forward that was just begun, so nothing is done where nothing is to do.
        if lasts != format!("{path}{search}") {
            show_address(&format!("{lasts}{hash}"));
        }
    }
}

fn show_address(address: &str) {
    if let Ok(history) = window().history() {
        // A browser that refuses keeps the old address, which only says the same once more.
        drop(history.replace_state_with_url(&JsValue::NULL, "", Some(address)));
    }
}

/// Remembers which islands the page came with: those are hydrated already or just about to be.
pub fn know_islands() {
    for island in all::<Element>(&document(), "leptos-island") {
        known(&island);
    }
}

/// Marks an island; says whether it was marked before.
fn known(island: &Element) -> bool {
    let mark = JsValue::from_str("$$darkroom");
    let before = Reflect::has(island, &mark).unwrap_or(false);
    // Only a frozen object refuses a property, and elements are none.
    drop(Reflect::set(island, &mark, &JsValue::TRUE));
    before
}

/// Claims the page for one request; `false` while another runs.
pub fn claim() -> bool {
    !BUSY.replace(true)
}

/// Ends what `claim` began.
pub fn release() {
    BUSY.set(false);
}

/// Asks for the page again if something on it is at work and somebody looks at it.
pub fn follow() {
    let visible = document().visibility_state() == VisibilityState::Visible;
    let moving = LOST.get() || document().query_selector(MOVING).ok().flatten().is_some();
    if !visible || !moving || !claim() {
        return;
    }
    spawn_local(async {
        if let Ok(address) = window().location().href() {
            match Request::new_with_str(&address) {
                Ok(request) => load(&request, Update::Quiet).await,
                Err(_) => no_answer(),
            };
        }
        release();
    });
}

/// Sends a request for a page and shows the answer: here if it is the page that stands, else by going there.
pub async fn load(request: &Request, update: Update) -> Stays {
    let Some((url, text)) = answer(request).await else { return no_answer() };
    answered();
    let here = window().location().pathname().is_ok_and(|path| path == url.pathname());
    // Where the answer cannot be put in place, the browser shows it as it would without script.
    if !here || show(&text, update).is_none() {
        return go(&url.href());
    }
    if update == Update::Whole {
        show_address(&lasting(&url.pathname(), &url.search()));
        dialogs::focus_on_fault();
    }
    Stays::Here
}

async fn answer(request: &Request) -> Option<(Url, String)> {
    let response = JsFuture::from(window().fetch_with_request(request)).await.ok()?;
    let response: Response = response.dyn_into().ok()?;
    let text = JsFuture::from(response.text().ok()?).await.ok()?.as_string()?;
    Some((Url::new(&response.url()).ok()?, text))
}

fn go(address: &str) -> Stays {
    if window().location().assign(address).is_err() {
        return no_answer();
    }
    Stays::Leaves
}

fn no_answer() -> Stays {
    LOST.set(true);
    tell(NO_ANSWER);
    Stays::Here
}

fn answered() {
    if LOST.replace(false) {
        tell("");
    }
}

fn tell(text: &str) {
    for place in all::<Element>(&document(), ".offline") {
        place.set_text_content(Some(text));
    }
}

/// Puts a page into the one that stands. `None` if that is not possible.
fn show(text: &str, update: Update) -> Option<()> {
    let new = DomParser::new().ok()?.parse_from_string(text, SupportedType::TextHtml).ok()?;
    let (old_body, new_body) = (document().body()?, new.body()?);
    let title = new.title();
    if document().title() != title {
        document().set_title(&title);
    }
    // The inside of an island belongs to it: where the server has something new to say, a new one takes its place, after the rest.
    let islands = Rc::new(RefCell::new(Vec::<(Element, Node)>::new()));
    let found = islands.clone();
    let before = Closure::<dyn Fn(Node, Node) -> bool>::new(move |old: Node, new: Node| {
        let (Some(old), Some(new)) = (old.dyn_ref::<Element>(), new.dyn_ref::<Element>()) else {
            return true;
        };
        if old.tag_name() != "LEPTOS-ISLAND" {
            return may_change(old, update);
        }
        if update == Update::Whole || said(old) != said(new) {
            found.borrow_mut().extend(new.clone_node_with_deep(true).map(|copy| (old.clone(), copy)));
        }
        false
    });
    let attribute = Closure::<dyn Fn(String, Element) -> bool>::new(|name: String, element: Element| {
        // What a person opened stays open.
        !(name == "open" && element.tag_name() == "DETAILS")
    });
    let callbacks = Object::new();
    let set =
        |object: &Object, name: &str, value: &JsValue| Reflect::set(object, &JsValue::from_str(name), value);
    set(&callbacks, "beforeNodeMorphed", before.as_ref().unchecked_ref::<Function>()).ok()?;
    set(&callbacks, "beforeAttributeUpdated", attribute.as_ref().unchecked_ref::<Function>()).ok()?;
    let options = Object::new();
    set(&options, "callbacks", &callbacks).ok()?;
    morph(&old_body, &new_body, &options).ok()?;
    for (old, new) in islands.take() {
        old.parent_node()?.replace_child(&new, &old).ok()?;
    }
    dialogs::arm();
    for island in all::<Element>(&document(), "leptos-island") {
        let name = island.get_attribute("data-component").unwrap_or_default();
        if !known(&island) && hydrate_island(&island, &name).is_err() {
            leptos::logging::error!("the island {name} could not be hydrated");
        }
    }
    Some(())
}

/// What the server told an island.
fn said(island: &Element) -> (Option<String>, Option<String>) {
    (island.get_attribute("data-component"), island.get_attribute("data-props"))
}

/// Whether an update may look into an element that stands.
fn may_change(old: &Element, update: Update) -> bool {
    let script = matches!(old.tag_name().as_str(), "SCRIPT" | "LINK" | "STYLE");
    !script && (update == Update::Whole || !old.matches(KEPT).unwrap_or(false))
}
