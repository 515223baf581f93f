//! What pages share besides components: the appearance, words of the address, forms that were refused, the toast of the page
//! before, and the frame's data. No markup and no rule may live here.

use super::calls::images::RestoreImage;
pub use super::components::Appearance as Theme;
use super::components::{Flash, Link, Reason, ToastTone, Undo};
use super::error::{ApiError, FormState};
use super::{calls, paths};
use darkroom_core::domain::{self, view};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::{use_location, use_query_map};
use serde::Deserialize;

/// The appearance in force: the server provides it as context, read from the cookie.
pub fn theme() -> Theme {
    use_context().unwrap_or_default()
}

/// A word of the query, such as `state` in `/tasks?state=failed`; empty when it is missing.
pub fn use_word(name: &'static str) -> String {
    use_query_map().with_untracked(|query| query.get(name).unwrap_or_default())
}

/// The page number of a list, from 1; what is no number counts as 1.
pub fn use_page_number() -> u32 {
    use_word("page").parse().unwrap_or(1).max(1)
}

/// The path of the page.
pub fn use_path() -> String {
    use_location().pathname.get_untracked()
}

/// The address of the page with its query, without the words that speak only once.
pub fn use_address() -> String {
    paths::lasting(&use_path(), &use_location().search.get_untracked())
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

/// The form that was refused, if the page shows one again. Make it with [`use_form`].
pub struct RefusedForm(String);

/// Finds the form that was refused: its token is in the address (`?refused=…`) and works for ten minutes. Every page with a form or a
/// button that posts uses it, once:
///
/// ```text
/// let refused = use_form();
/// loaded(async { … let FormState { form, error } = refused.state(CreateImageForm { … }).await; … })
/// ```
///
/// Field names are `form[…]` because the server function's argument is called `form`; the errors carry the bare names.
pub fn use_form() -> RefusedForm {
    RefusedForm(use_word("refused"))
}

impl RefusedForm {
    /// The values and the error to start with: those of the refused form, else `fresh` without an error.
    pub async fn state<F: for<'de> Deserialize<'de>>(self, fresh: F) -> FormState<F> {
        FormState::new(calls::refused(self.0).await, fresh)
    }

    /// Only why it was refused, for buttons that have no fields.
    pub async fn error(self) -> Option<ApiError> {
        calls::refused(self.0).await.and_then(|refused| refused.error)
    }
}

/// What is wrong at one field, for its `error`.
pub fn error_at(error: Option<&ApiError>, field: &str) -> Option<String> {
    error.and_then(|error| error.at(field))
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
        "image-update" => (ToastTone::Done, "Your changes are saved.", None),
        "image-protect" => (ToastTone::Done, "Protected. It cannot be deleted until that ends.", None),
        "image-unprotect" => (ToastTone::Done, "No longer protected. It can be deleted.", None),
        "image-delete" => {
            (ToastTone::Started, "Deleting the image. Machines made from it keep running.", tasks)
        }
        "image-recycle" => {
            let bin = Some(Link::new("Show the recycle bin", paths::IMAGES_BIN));
            (ToastTone::Done, "The image is in the recycle bin. Machines made from it keep running.", bin)
        }
        "image-leaves" => (
            ToastTone::Done,
            "It will be deleted on that day. Who has it is told, and you can still keep it.",
            None,
        ),
        "image-keep" => (ToastTone::Done, "It stays, and so does its sharing.", None),
        "image-restore" => (ToastTone::Done, "Restored, with its tags, its family and its sharing.", None),
        "image-purge" => (ToastTone::Started, "Removing it for good. Its space becomes free.", tasks),
        "quota-ask" => (ToastTone::Done, "Your provider is asked. The answer appears here.", None),
        "quota-withdraw" => (ToastTone::Done, "The request is withdrawn.", None),
        "account-edit" => (ToastTone::Done, "The account is changed. What is shared already stays so.", None),
        "account-limits" => {
            (ToastTone::Done, "The limits hold from the next request on. What exists stays.", None)
        }
        "budget" => (ToastTone::Done, "The budget is saved. Nothing ends when it is reached.", None),
        "ledger-book" => (ToastTone::Done, "Booked. The account sees it in its ledger.", None),
        "payment" => (ToastTone::Done, "Saved. It holds from now on.", None),
        "quota-decide" => (ToastTone::Done, "Answered. The account sees it on its page Quotas.", None),
        "region-edit" => (ToastTone::Done, "The region is changed. It holds from now on.", None),
        "prices-set" => (ToastTone::Done, "The prices are set. What was charged before stays.", None),
        "prices-withdraw" => (ToastTone::Done, "Withdrawn. The prices before it go on.", None),
        "share-unfollow" => {
            (ToastTone::Done, "New versions no longer reach that project. What it has stays.", None)
        }
        "bin-empty" => (ToastTone::Started, "Emptying the recycle bin. The space becomes free.", tasks),
        "image-copy" => (ToastTone::Done, "The copy is its own image now, with an id of its own.", None),
        "image-copies" => (ToastTone::Started, "Copying. Each copy is in the list of its region.", tasks),
        "image-stage" => (ToastTone::Done, "Saved. Machines made from it are not touched.", None),
        "image-plan" => {
            (ToastTone::Done, "Planned. It happens by itself, and can be taken back until then.", None)
        }
        "image-replan" => (ToastTone::Done, "Planned for this day now, in place of the day before.", None),
        "image-unplan" => (ToastTone::Done, "No longer planned. What else is planned stays.", None),
        "image-overtake" => (
            ToastTone::Done,
            "Saved. Plans that were of no use any more are gone; its activity says which.",
            None,
        ),
        "image-share" => (ToastTone::Done, "The projects are asked. They use it once they accept.", None),
        "share-stop" => (ToastTone::Done, "It is no longer shared with that project.", None),
        "share-end" => {
            (ToastTone::Done, "The project is told when it ends, and can save a copy until then.", None)
        }
        "share-accept" => (ToastTone::Done, "Accepted. You can deploy it now.", None),
        "share-reject" => (ToastTone::Done, "Rejected. You can accept it later all the same.", None),
        "instance-delete" => {
            (ToastTone::Started, "Deleting the machine and its disks. Images made of it stay.", tasks)
        }
        "instance-reinstall" => {
            (ToastTone::Started, "Changing the image. Until the new system runs, the old one is kept.", tasks)
        }
        "group-create" => {
            (ToastTone::Started, "The group makes its machines now, one after the other.", tasks)
        }
        "group-edit" => (ToastTone::Done, "The group is changed. It comes to its count by itself.", None),
        "group-roll" => (ToastTone::Started, "Rolling. A new machine runs before an old one goes.", tasks),
        "group-retry" => (ToastTone::Started, "Trying again now.", None),
        "group-delete" => (ToastTone::Started, "Deleting the group and its machines.", tasks),
        "snapshot-create" => {
            (ToastTone::Started, "Taking the snapshot. It goes on when you leave this page.", tasks)
        }
        "snapshot-rename" => (ToastTone::Done, "Your changes are saved.", None),
        "snapshot-delete" => {
            (ToastTone::Started, "Deleting the snapshot. Images and disks made from it stay.", tasks)
        }
        "snapshot-image" => {
            (ToastTone::Done, "The image is there, with an id and a charge of its own.", None)
        }
        "snapshot-disk" => {
            (ToastTone::Started, "Making the disk. The machine can be started when it is there.", tasks)
        }
        "service-on" => (ToastTone::Done, "The snapshot service is on, and charged from now on.", None),
        "service-off" => {
            (ToastTone::Done, "The snapshot service is off. Snapshots stay until you delete them.", None)
        }
        "schedule-save" => (ToastTone::Done, "Saved. The list says when the next one is due.", None),
        "schedule-run" => (ToastTone::Started, "Its next snapshot is due now, and taken in a moment.", tasks),
        "schedule-delete" => (ToastTone::Done, "The schedule is deleted. The snapshots it made stay.", None),
        "password" => (ToastTone::Done, "Your password is changed. Your other sessions have ended.", None),
        "session" => (ToastTone::Done, "The session has ended. That browser has to sign in again.", None),
        _ => return None,
    };
    Some(Flash { tone, text: text.to_owned(), link, undo: None })
}

/// The toast of the page.
pub fn use_flash() -> Option<Flash> {
    let mut flash = flash_of(&use_word("done"))?;
    // What can be taken back names itself in the address.
    if let Ok(image) = use_word("undo").parse::<domain::ids::ImageId>() {
        flash.undo = Some(Undo {
            to: RestoreImage::url().to_owned(),
            name: "form[image]".to_owned(),
            value: image.to_string(),
        });
    }
    Some(flash)
}

/// The data of the frame: who is signed in, where they work. Only on pages inside the frame.
pub fn use_shell() -> view::Shell {
    expect_context()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let codes = [
            "image-create",
            "image-update",
            "image-protect",
            "image-unprotect",
            "image-delete",
            "image-recycle",
            "image-leaves",
            "image-keep",
            "image-restore",
            "image-purge",
            "bin-empty",
            "share-unfollow",
            "region-edit",
            "prices-set",
            "prices-withdraw",
            "quota-ask",
            "quota-withdraw",
            "account-edit",
            "account-limits",
            "budget",
            "ledger-book",
            "payment",
            "quota-decide",
            "image-copy",
            "image-copies",
            "image-stage",
            "image-plan",
            "image-replan",
            "image-unplan",
            "image-overtake",
            "image-share",
            "share-stop",
            "share-end",
            "share-accept",
            "share-reject",
            "instance-delete",
            "instance-reinstall",
            "group-create",
            "group-edit",
            "group-roll",
            "group-retry",
            "group-delete",
            "snapshot-create",
            "snapshot-rename",
            "snapshot-delete",
            "snapshot-image",
            "snapshot-disk",
            "service-on",
            "service-off",
            "schedule-save",
            "schedule-run",
            "schedule-delete",
            "password",
            "session",
        ];
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
