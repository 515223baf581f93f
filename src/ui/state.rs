//! What pages share besides components: the appearance, words of the address, forms that were refused without script,
//! the toast of the page before, and the frame's data. Hooks only; no markup and no rule may live here.

use super::browser::poll_while;
use super::calls::people::get_shell;
pub use super::components::Appearance as Theme;
use super::components::{Flash, Link, Reason, ToastTone};
use super::error::{ApiError, FormState, Refused};
use super::{calls, paths};
use darkroom_core::domain::{self, view};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use serde::Deserialize;

/// The appearance in force. The server provides a `Theme` as context, read from the cookie; the browser finds it on the
/// document that the server wrote, so both write the same HTML.
pub fn theme() -> Theme {
    #[cfg(feature = "hydrate")]
    return document()
        .document_element()
        .and_then(|html| html.get_attribute("data-theme"))
        .map_or(Theme::System, |word| Theme::from_value(&word));
    #[cfg(not(feature = "hydrate"))]
    use_context().unwrap_or_default()
}

/// A word of the query, such as `state` in `/tasks?state=failed`; empty when it is missing. A memo, so that a page asks
/// again only when its own words change.
pub fn use_word(name: &'static str) -> Memo<String> {
    let query = use_query_map();
    Memo::new(move |_| query.with(|query| query.get(name).unwrap_or_default()))
}

/// The page number of a list, from 1; what is no number counts as 1.
pub fn use_page_number() -> Memo<u32> {
    let word = use_word("page");
    Memo::new(move |_| word.with(|word| word.parse().unwrap_or(1).max(1)))
}

/// The address of the page with its query, without the words that speak only once.
pub fn use_address() -> Memo<String> {
    let location = use_location();
    Memo::new(move |_| location.search.with(|search| location.pathname.with(|path| lasting(path, search))))
}

fn lasting(path: &str, search: &str) -> String {
    let mut address = path.to_owned();
    let words = search.trim_start_matches('?').split('&');
    let stay =
        words.filter(|word| !word.is_empty() && !word.starts_with("done=") && !word.starts_with("refused="));
    for (i, word) in stay.enumerate() {
        address.push(if i == 0 { '?' } else { '&' });
        address.push_str(word);
    }
    address
}

/// An address with those words that are not empty. Values must be plain words: nothing is escaped.
pub fn address_with(path: &str, words: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    for (name, value) in words.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(name);
        address.push('=');
        address.push_str(value);
    }
    address
}

/// The address of page `number` of a list; the first page has no number.
pub fn address_of_page(path: &str, words: &[(&str, &str)], number: u32) -> String {
    let number = if number > 1 { number.to_string() } else { String::new() };
    address_with(&address_with(path, words), &[("page", &number)])
}

/// The addresses of the pages before and after this one, for a `Pager`.
pub fn neighbours<T>(
    page: &domain::page::Page<T>,
    path: &str,
    words: &[(&str, &str)],
) -> (Option<String>, Option<String>) {
    let to = |number| address_of_page(path, words, number);
    (
        (page.number > 1).then(|| to(page.number - 1)),
        (page.number < page.n_pages()).then(|| to(page.number + 1)),
    )
}

/// The form that was refused without script, if the page shows one again. Make it with [`use_form`].
#[derive(Clone, Copy)]
pub struct RefusedForm(Resource<Option<Refused>>);

/// Finds the form that was refused: its token is in the address (`?refused=…`) and works once. Every page with a form or a
/// button that posts uses it:
///
/// ```text
/// let refused = use_form();
/// let create = ServerAction::<CreateImage>::new();
/// let dialog = move || Suspend::new(async move {
///     let options = options.await?;
///     let FormState { form, error } = refused.state(CreateImageForm { name: options.suggested_name, … }).await;
///     let errors = errors(move || create.value().get(), error);       // script's last answer, else what the page came with
///     let name_error = Signal::derive(move || errors.with(|e| e.as_ref().and_then(|e| e.at("name"))));
///     view! { <ActionForm action=create>
///         <Field id="name" name="form[name]" label="Name" value=form.name error=name_error/> …
/// ```
///
/// Field names are `form[…]` because the server function's argument is called `form`; the errors carry the bare names.
pub fn use_form() -> RefusedForm {
    let token = use_word("refused");
    RefusedForm(Resource::new_blocking(
        move || token.get(),
        async |token| {
            if token.is_empty() {
                return None;
            }
            // A token that was used, or is somebody else's, means an empty form; there is nothing to tell.
            calls::get_refused(token).await.ok().flatten()
        },
    ))
}

impl RefusedForm {
    /// The values and the error to start with: those of the refused form, else `fresh` without an error.
    pub async fn state<F: for<'de> Deserialize<'de>>(self, fresh: F) -> FormState<F> {
        FormState::new(self.0.await, fresh)
    }

    /// Only why it was refused, for buttons that have no fields.
    pub async fn error(self) -> Option<ApiError> {
        self.0.await.map(|refused| refused.error)
    }
}

/// What is wrong at one field, for its `error`.
pub fn error_at(errors: Signal<Option<ApiError>>, field: &'static str) -> Signal<Option<String>> {
    Signal::derive(move || errors.with(|error| error.as_ref().and_then(|error| error.at(field))))
}

/// Core's reason in the words of a `BlockedAction`; `ways_out` are links a page can add.
pub fn blocked(reason: domain::error::Reason, ways_out: Vec<Link>) -> Reason {
    let mut now = reason.now;
    if !now.is_empty() && !reason.way_out.is_empty() {
        now.push(' ');
    }
    now.push_str(&reason.way_out);
    Reason { rule: reason.rule, now, ways_out }
}

/// What the page before has to say, by the code in `?done=…`.
fn flash_of(code: &str) -> Option<Flash> {
    let tasks = Some(Link::new("Show tasks", paths::TASKS));
    let (tone, text, link) = match code {
        "image-create" => {
            (ToastTone::Started, "Making the image. It goes on when you leave this page.", tasks)
        }
        "image-update" => (ToastTone::Done, "Name and remark are saved.", None),
        "image-delete" => {
            (ToastTone::Started, "Deleting the image. Machines made from it keep running.", tasks)
        }
        "instance-delete" => {
            (ToastTone::Started, "Deleting the machine and its disks. Images made of it stay.", tasks)
        }
        "password" => (ToastTone::Done, "Your password is changed. Your other sessions have ended.", None),
        "session" => (ToastTone::Done, "The session has ended. That browser has to sign in again.", None),
        _ => return None,
    };
    Some(Flash { tone, text: text.to_owned(), link })
}

/// The toast of the page. With script its word is taken out of the address, so that a reload does not say it again.
pub(super) fn use_flash() -> RwSignal<Option<Flash>> {
    let code = use_word("done");
    let path = use_location().pathname;
    let address = use_address();
    let navigate = use_navigate();
    let flash = RwSignal::new(flash_of(&code.get_untracked()));
    // It is an event, not a state: it outlives the word in the address and may come twice with the same words.
    Effect::new(move |before: Option<String>| {
        let (code, path) = (code.get(), path.get());
        if !code.is_empty() {
            if before.is_some() {
                flash.set(flash_of(&code));
            }
            let quietly = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
            navigate(&address.get_untracked(), quietly);
        } else if before.is_some_and(|before| before != path) {
            flash.set(None);
        }
        path
    });
    flash
}

/// The data of the frame, always the newest that arrived.
#[derive(Clone, Copy)]
pub struct FrameData {
    latest: Memo<view::Shell>,
    ask: Action<(), Result<view::Shell, ApiError>>,
}

impl FrameData {
    /// Starts with what the page came with; asks again after each navigation and every second while tasks run.
    pub(super) fn new(first: view::Shell) -> Self {
        let ask = Action::new(|(): &()| get_shell());
        // An answer that failed changes nothing: the frame keeps what it has, the page itself says what is wrong.
        let latest = Memo::new(move |before: Option<&view::Shell>| {
            let answer =
                ask.value().with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().ok()).cloned());
            answer.or_else(|| before.cloned()).unwrap_or_else(|| first.clone())
        });
        let address = use_address();
        Effect::new(move |before: Option<()>| {
            address.track();
            if before.is_some() {
                ask.dispatch(());
            }
        });
        let active = Memo::new(move |_| latest.with(|shell| shell.n_tasks > 0));
        poll_while(active.into(), move || {
            ask.dispatch(());
        });
        Self { latest, ask }
    }

    /// The newest data.
    pub fn shell(self) -> Memo<view::Shell> {
        self.latest
    }

    /// Whether the session ended while the page was open.
    pub(super) fn signed_out(self) -> bool {
        self.ask.value().with(|answer| matches!(answer, Some(Err(error)) if error.signed_out()))
    }
}

/// The frame's data: who is signed in, where they work. Only on pages inside the frame.
pub fn use_frame() -> FrameData {
    expect_context()
}

/// Brings counts and lamp of the frame up to date whenever `version` changes, such as `action.version().get()`: for actions
/// that end on the page where they began.
pub fn refresh_frame_after(version: impl Fn() -> usize + 'static) {
    let frame = use_frame();
    Effect::new(move |before: Option<usize>| {
        let now = version();
        if before.is_some_and(|before| before != now) {
            frame.ask.dispatch(());
        }
        now
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_speak_once_do_not_last() {
        assert_eq!(lasting("/images", "done=image-create"), "/images");
        assert_eq!(lasting("/images", "?q=web&done=image-create&page=2&refused=x"), "/images?q=web&page=2");
        assert_eq!(lasting("/", ""), "/");
    }

    #[test]
    fn an_address_has_only_the_words_that_say_something() {
        assert_eq!(address_of_page("/tasks", &[("state", "")], 1), "/tasks");
        assert_eq!(address_of_page("/tasks", &[("state", "failed")], 3), "/tasks?state=failed&page=3");
    }

    #[test]
    fn the_ends_of_a_list_have_no_neighbour() {
        let page = domain::page::Page::cut((0..60).collect::<Vec<_>>(), 2, 25);
        assert_eq!(
            neighbours(&page, "/tasks", &[]),
            (Some("/tasks".to_owned()), Some("/tasks?page=3".to_owned()))
        );
        let last = domain::page::Page::cut((0..60).collect::<Vec<_>>(), 3, 25);
        assert_eq!(neighbours(&last, "/tasks", &[]).1, None);
    }

    #[test]
    fn every_code_of_the_calls_has_a_toast_and_no_other() {
        let codes =
            ["image-create", "image-update", "image-delete", "instance-delete", "password", "session"];
        assert!(codes.into_iter().all(|code| flash_of(code).is_some()));
        assert!(flash_of("").is_none() && flash_of("<script>").is_none());
    }

    #[test]
    fn a_reason_keeps_its_value_and_its_way_out() {
        let reason = domain::error::Reason::new("x", "No slot left.", "You have 50.", "Delete one.");
        assert_eq!(blocked(reason, vec![]).now, "You have 50. Delete one.");
        assert_eq!(blocked(domain::error::Reason::new("x", "Busy.", "", ""), vec![]).now, "");
    }
}
