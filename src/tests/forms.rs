//! Forms as a browser without script sends them, through the real router: what was typed comes back, and only to whom it belongs.

use crate::support::{Actor, World};
use axum::http::StatusCode;

const PAGE: &str = "/instances/new";

/// The names of the images that the picker offers on a page of *New instance*.
fn offered(page: &str) -> Vec<String> {
    let labels = page.split("name=\"form[image]\"").skip(1);
    labels
        .filter_map(|rest| {
            let text = rest.split_once("</label>")?.0;
            ["web-v", "alpha-", "beta-"].iter().find_map(|start| {
                let at = text.find(start)?;
                let name = text[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
                Some(name.to_owned())
            })
        })
        .collect()
}

#[test]
fn a_search_in_the_picker_finds_images_and_keeps_what_was_typed() {
    let world = World::new();
    let names: Vec<String> = (1..=5).flat_map(|n| [format!("alpha-{n}"), format!("beta-{n}")]).collect();
    world.capture_all(&names);
    let (_, page) = world.get(Actor::Member, PAGE);
    assert_eq!(
        offered(&page).len(),
        12,
        "with so many images there is a search, and nothing is left out yet"
    );
    assert!(page.contains("Search my images"));

    let chosen = world.image;
    let form = world.deploy().replace("[name]=fresh", "[name]=typed before");
    let form = format!("{form}&q=beta").replace(
        form.split('&').find(|pair| pair.starts_with("form[image]=")).unwrap(),
        &format!("form[image]={chosen}"),
    );
    let address = world.submit(Actor::Member, PAGE, "find_image", &form);
    assert!(address.starts_with("/instances/new?q=beta&refused="), "{address}");
    let (status, found) = world.get(Actor::Member, &address);
    assert_eq!(status, StatusCode::OK);
    assert!(found.contains("value=\"typed before\""), "the name is still there");
    let mut rows = offered(&found);
    rows.sort();
    assert_eq!(
        rows,
        ["beta-1", "beta-2", "beta-3", "beta-4", "beta-5", "web-v1"],
        "what was found, and what was chosen"
    );
    assert!(!found.contains("<p class=\"error\">"), "a search is no refusal");
}

#[test]
fn a_form_that_was_refused_is_shown_to_its_own_session_only() {
    let world = World::new();
    let form = format!("{}&form[user_data]=my secret", world.deploy().replace("[flavor]=", "[flavor]=no-"));
    let address = world.submit(Actor::Member, PAGE, "create_instance", &form);
    assert!(address.starts_with("/instances/new?refused="), "{address}");
    let (_, strangers) = world.get(Actor::Owner, &address);
    assert!(!strangers.contains("my secret"));
    let (_, own) = world.get(Actor::Member, &address);
    assert!(own.contains("my secret"));
    let (_, again) = world.get(Actor::Member, &address);
    assert!(again.contains("my secret"), "a reload loses nothing");
}
