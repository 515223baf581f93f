//! The dialog that deletes an image, over the image's page: what happens, what stays, what it saves.

use super::super::deletion::{DeleteDialog, Deletion};
use super::super::parts::{counted, explained, loaded};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::{DeleteImage, get_image, get_image_deletion};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{blocked, use_form};
use darkroom_core::domain::size;
use darkroom_core::domain::view::ImageDeletion;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of an image with the dialog on top.
#[component]
pub fn DeleteImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data =
        async move { Ok((get_image(id).await?, get_image_deletion(id).await?, refused.error().await)) };
    loaded(data, |(detail, image, error)| {
        let deletion = Deletion {
            to: DeleteImage::url(),
            noun: "image",
            id: image.id.to_string(),
            name: image.name.to_string(),
            close: paths::image(image.id),
            headline: format!("Saves {} per month", image.month.display(&image.symbol)),
            detail: format!(
                "Charging stops at once. It has cost {} so far.",
                image.cost.display(&image.symbol)
            ),
            consequences: consequences(&image),
            blocked: image.blocked.or(image.unsharing.map(|unsharing| unsharing.reason)).map(
                |rule| match rule.code.as_str() {
                    "image_shared" => {
                        blocked(rule, vec![Link::new("Show with whom", paths::image_sharing(image.id))])
                    }
                    _ => explained(rule),
                },
            ),
        };
        view! { <ImageSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}

/// What deleting does, what needs attention first.
fn consequences(deletion: &ImageDeletion) -> Vec<Consequence> {
    let n = deletion.machines.len();
    let line = |icon, tone, what: &str, count: String, detail: Option<String>| Consequence {
        icon,
        tone,
        what: what.to_owned(),
        count,
        detail,
    };
    let stored = size::decimal(deletion.stored_bytes);
    let freed = size::decimal(deletion.unique_bytes);
    let shared = deletion.unique_bytes < deletion.stored_bytes;
    let freed_detail = shared.then(|| format!("Of {stored}; the rest is also in other images."));
    vec![
        line(
            IconName::Warn,
            Tone::Warn,
            "It is gone for good",
            String::new(),
            Some("There is no undo and no copy of it.".to_owned()),
        ),
        line(
            IconName::Off,
            Tone::Plain,
            "It can no longer be deployed",
            String::new(),
            Some("No machine can be made or reinstalled from it.".to_owned()),
        ),
        line(
            IconName::Instance,
            Tone::Good,
            "Machines made from it keep running",
            counted(n, "machine"),
            (n > 0).then(|| "They keep their disks; nothing changes for them.".to_owned()),
        ),
        line(IconName::Disk, Tone::Plain, "Storage that becomes free", freed, freed_detail),
        line(
            IconName::Money,
            Tone::Plain,
            "Cost per month",
            format!("−{}", deletion.month.display(&deletion.symbol)),
            None,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use darkroom_core::domain::money::Money;
    use darkroom_core::domain::text::Name;

    fn deletion(unique_bytes: u64) -> ImageDeletion {
        ImageDeletion {
            id: uuid::Uuid::from_u128(1).into(),
            name: Name::parse("web").expect("valid"),
            machines: vec![],
            n_machines: 0,
            family: None,
            copies: vec![],
            replaces: vec![],
            unsharing: None,
            stored_bytes: 9_410_000_000,
            unique_bytes,
            month: Money(470_000),
            bin_month: None,
            undo_until: None,
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
        assert_eq!(storage.detail.as_deref(), Some("Of 9.41 GB; the rest is also in other images."));
        let alone = consequences(&deletion(9_410_000_000));
        assert!(alone.iter().all(|line| line.what != "Storage that becomes free" || line.detail.is_none()));
    }
}
