//! The dialog that deletes an image, over the image's page: what needs a decision, what happens, what stays, what it saves.

use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{counted, explained, loaded};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::{DeleteImage, get_image, get_image_deletion};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::DeleteImageForm;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{ImageDeletion, Unsharing};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of an image with the dialog on top.
#[component]
pub fn DeleteImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let (detail, image) = (get_image(id).await?, get_image_deletion(id).await?);
        let state = refused.state(fresh(&image)).await;
        Ok((detail, image, state))
    };
    loaded(data, |(detail, image, FormState { form, error })| {
        let (headline, money) = match (image.undo_until, image.unsharing.is_some()) {
            // It is deleted on the day that is chosen, so there is no moment to name yet.
            (Some(_), true) => (
                "You can keep it until then".to_owned(),
                "From the recycle bin it can be restored.".to_owned(),
            ),
            (Some(until), false) => {
                (format!("Undo until {}", until.minute()), "After that it is gone for good.".to_owned())
            }
            (None, _) => (
                saves_words(image.month, &image.symbol),
                format!("Charging stops at once. It has cost {} so far.", image.cost.display(&image.symbol)),
            ),
        };
        let sub = match image.undo_until {
            Some(_) => "It goes to the recycle bin.",
            None => "It cannot be brought back.",
        };
        let deletion = Deletion {
            to: DeleteImage::url(),
            fields: vec![("form[image]", image.id.to_string())],
            verb: if image.unsharing.is_some() { "Unshare all and delete" } else { "Delete image" },
            title: format!("Delete {}?", image.name),
            sub: sub.to_owned(),
            close: paths::image(image.id),
            headline,
            detail: money,
            saves: image.month - image.bin_month.unwrap_or(Money::ZERO),
            consequences: consequences(&image),
            decision: decision(&image, form, error.as_ref()),
            blocked: image.blocked.map(explained),
        };
        view! { <ImageSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}

/// What has to be decided about those who have it, and the way to turn off what it needed (U13).
fn decision(image: &ImageDeletion, form: DeleteImageForm, error: Option<&ApiError>) -> Option<AnyView> {
    let unshare = image.unsharing.clone().map(|unsharing| {
        let sharing = paths::image_sharing(image.id);
        view! { <UnshareChoice unsharing form sharing error=error.cloned()/> }
    });
    let service = image.service_stays.map(|_| {
        view! { <p class="small"><a href=paths::SNAPSHOT_SERVICE>"Turn the snapshot service off"</a></p> }
    });
    let any = unshare.is_some() || service.is_some();
    any.then(|| view! { {unshare}{service} }.into_any())
}

fn fresh(image: &ImageDeletion) -> DeleteImageForm {
    DeleteImageForm {
        image: image.id.to_string(),
        day: image.unsharing.as_ref().map(|u| u.grace.day.clone()).unwrap_or_default(),
        ..DeleteImageForm::default()
    }
}

/// Others have it: that is ended by saying so, at once or at the end of a day.
#[component]
fn UnshareChoice(
    unsharing: Unsharing,
    form: DeleteImageForm,
    sharing: String,
    error: Option<ApiError>,
) -> impl IntoView {
    let Unsharing { n_accepted, n_waiting, grace, at_once, .. } = unsharing;
    let all = counted((n_accepted + n_waiting) as usize, "project");
    let who = match (n_accepted, n_waiting) {
        (0, n) => format!(
            "{} asked and not answered yet",
            if n == 1 { "1 project is".to_owned() } else { format!("{n} projects are") }
        ),
        (n, 0) => format!("Shared with {} that accepted", counted(n as usize, "project")),
        (n, waiting) => {
            format!("Shared with {} that accepted, {waiting} waiting", counted(n as usize, "project"))
        }
    };
    let first = Consequence {
        icon: IconName::Users,
        tone: Tone::Warn,
        what: who,
        count: all.clone(),
        detail: Some(
            "They are told, and can save a copy of their own until then. Machines they made stay theirs."
                .to_owned(),
        ),
    };
    let now = at_once.then(|| {
        let pick = Pick::when(form.when == "now");
        view! { <Checkbox id="when-now" name="form[when]" value="now" kind=CheckKind::Radio label="At once" pick/> }
    });
    let later = Pick::when(form.when != "now");
    let sure = Pick::when(form.unshare == "yes");
    let day_error = error_at(error.as_ref(), "day").or_else(|| error_at(error.as_ref(), "when"));
    let unsure = error_at(error.as_ref(), "unshare").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let hint = format!("Until then it stays as it is. The first day is {}.", grace.first_day);
    view! {
        <EffectsList consequences=vec![first]/>
        <p class="small"><a href=sharing>"Show with whom it is shared"</a></p>
        <CheckGroup legend="When is it deleted?">
            <Checkbox id="when-day" name="form[when]" value="day" kind=CheckKind::Radio label="At the end of a day, so that they have time" pick=later/>
            {now}
        </CheckGroup>
        <Field id="day" name="form[day]" label="Last day" kind=FieldKind::Day need=Need::Optional value=form.day hint error=day_error/>
        <Checkbox id="unshare" name="form[unshare]" value="yes" label=format!("Stop sharing with {all}") pick=sure need=Need::Required/>
        {unsure}
    }
}

/// What deleting does, what needs attention first.
fn consequences(deletion: &ImageDeletion) -> Vec<Consequence> {
    let n = deletion.n_machines as usize;
    let line = |icon, tone, what: &str, count: String, detail: Option<String>| Consequence {
        icon,
        tone,
        what: what.to_owned(),
        count,
        detail,
    };
    let mut lines = Vec::new();
    if deletion.undo_until.is_none() {
        let detail = Some("There is no undo and no copy of it.".to_owned());
        lines.push(line(IconName::Warn, Tone::Warn, "It is gone for good", String::new(), detail));
    }
    lines.push(line(
        IconName::Off,
        Tone::Plain,
        "It can no longer be deployed",
        String::new(),
        Some("No machine can be made or reinstalled from it.".to_owned()),
    ));
    lines.push(line(
        IconName::Instance,
        Tone::Good,
        "Machines made from it keep running",
        counted(n, "machine"),
        (n > 0).then(|| {
            let names: Vec<String> =
                deletion.machines.iter().map(|machine| machine.name.to_string()).collect();
            let names = some_of(&names).map(|names| format!("{names}. ")).unwrap_or_default();
            format!("{names}They keep their disks; nothing changes for them.")
        }),
    ));
    if let Some(family) = deletion.family.as_ref().filter(|family| family.leads) {
        let (tone, what) = match &family.next {
            Some(next) => (Tone::Plain, format!("The family {} then means {}", family.name, next.name)),
            None => (Tone::Warn, format!("The family {} then means no image", family.name)),
        };
        let detail =
            family.next.is_none().then(|| "Deploying by family fails until it has one again.".to_owned());
        lines.push(line(IconName::Branch, tone, &what, String::new(), detail));
    }
    if !deletion.groups.is_empty() {
        let names: Vec<&str> = deletion.groups.iter().map(|group| group.name.as_str()).collect();
        let next = deletion.family.as_ref().and_then(|family| family.next.as_ref());
        let detail = match next {
            Some(next) => format!(
                "{}. One that follows the family makes new ones from {} then.",
                names.join(", "),
                next.name
            ),
            None => format!(
                "{}. They cannot make more until another image is chosen; what runs goes on.",
                names.join(", ")
            ),
        };
        let n = counted(names.len(), "group");
        lines.push(line(
            IconName::Group,
            Tone::Warn,
            "Scaling groups make their machines from it",
            n,
            Some(detail),
        ));
    }
    if !deletion.replaces.is_empty() {
        let names: Vec<String> = deletion.replaces.iter().map(|image| image.name.to_string()).collect();
        let what = "Named as what to use instead";
        lines.push(line(
            IconName::Image,
            Tone::Warn,
            what,
            counted(names.len(), "image"),
            Some(format!("Of {}.", names.join(", "))),
        ));
    }
    if !deletion.copies.is_empty() {
        lines.push(line(
            IconName::Region,
            Tone::Good,
            "Copies of it stay",
            counted_copies(deletion.copies.len()),
            some_of(&deletion.copies.iter().map(|copy| copy.name.to_string()).collect::<Vec<_>>()),
        ));
    }
    let when = if deletion.undo_until.is_some() {
        "Storage that becomes free after that"
    } else {
        "Storage that becomes free"
    };
    lines.push(line(
        IconName::Disk,
        Tone::Plain,
        when,
        size::decimal(deletion.unique_bytes),
        stays_words(deletion),
    ));
    if let Some(service) = deletion.service_stays {
        lines.push(line(
            IconName::Money,
            Tone::Warn,
            "The snapshot service stays on",
            format!("{} per month", service.month.display(&deletion.symbol)),
            Some("It needed that, and deleting it does not turn it off.".to_owned()),
        ));
    }
    let in_bin = deletion.bin_month.map(|month| {
        format!("In the recycle bin it still costs {} per month.", month.display(&deletion.symbol))
    });
    lines.push(line(
        IconName::Money,
        Tone::Plain,
        "Cost per month",
        (Money::ZERO - deletion.month).display(&deletion.symbol),
        in_bin,
    ));
    lines
}

/// How much of the image stays when it is removed, and why; nothing where all of it goes.
pub(super) fn stays_words(deletion: &ImageDeletion) -> Option<String> {
    let stays = deletion.stored_bytes.checked_sub(deletion.unique_bytes).filter(|bytes| *bytes > 0)?;
    let (stays, stored) = (size::decimal(stays), size::decimal(deletion.stored_bytes));
    Some(format!("{stays} of its {stored} stay, because other images, snapshots or machines need them too."))
}

/// Names of things that are counted beside them: the first few, and how many more; nothing of none.
fn some_of(names: &[String]) -> Option<String> {
    const SHOWN: usize = 5;
    let first = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => None,
        n if n > SHOWN => Some(format!("{first} and {} more", n - SHOWN)),
        _ => Some(first),
    }
}

fn counted_copies(n: usize) -> String {
    if n == 1 { "1 copy".to_owned() } else { format!("{n} copies") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::text::Name;
    use darkroom_core::domain::time::Timestamp;

    fn deletion(unique_bytes: u64) -> ImageDeletion {
        ImageDeletion {
            id: uuid::Uuid::from_u128(1).into(),
            name: Name::parse("web").expect("valid"),
            machines: vec![],
            n_machines: 0,
            family: None,
            groups: vec![],
            copies: vec![],
            replaces: vec![],
            unsharing: None,
            stored_bytes: 9_410_000_000,
            unique_bytes,
            month: Money(470_000),
            bin_month: None,
            undo_until: None,
            service_stays: None,
            leaves: None,
            cost: Money::ZERO,
            symbol: "€".to_owned(),
            blocked: None,
        }
    }

    #[test]
    fn only_bytes_that_no_other_image_has_become_free() {
        let lines = consequences(&deletion(840_000_000));
        let storage = lines
            .iter()
            .find(|line| line.what.starts_with("Storage"))
            .expect("there is a line about storage");
        assert_eq!(storage.count, "840 MB");
        assert_eq!(
            storage.detail.as_deref(),
            Some("8.57 GB of its 9.41 GB stay, because other images, snapshots or machines need them too.")
        );
        let alone = consequences(&deletion(9_410_000_000));
        assert!(alone.iter().all(|line| line.what != "Storage that becomes free" || line.detail.is_none()));
    }

    #[test]
    fn that_it_is_gone_for_good_is_said_only_where_it_is() {
        let said = |deletion: &ImageDeletion| {
            consequences(deletion).iter().any(|line| line.what.contains("gone for good"))
        };
        assert!(said(&deletion(1)));
        let with_bin =
            ImageDeletion { undo_until: Some(Timestamp(1)), bin_month: Some(Money(1)), ..deletion(1) };
        assert!(!said(&with_bin));
    }
}
