//! Lines of usage of all accounts as another system fetches them: over HTTP through the real router, and by the real executable with and
//! without a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::cli::{Place, darkroom};
use crate::support::{Actor, World};
use axum::http::StatusCode;
use darkroom::server::store::SledStore;
use darkroom_core::domain::ids::{AccountId, ProjectId, Subject};
use darkroom_core::domain::meter::{Charge, Meter};
use darkroom_core::domain::size::GB;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::store::{StoreError, transact};
use serde_json::Value;
use uuid::Uuid;

/// All lines of a world, by requests of `limit` lines, each with the head of its columns left out.
fn walk(world: &World, days: &str, limit: u32) -> Vec<String> {
    let mut lines = Vec::new();
    let mut after = String::new();
    loop {
        let address = format!("/revenue/usage.csv?{days}&limit={limit}{after}");
        let (status, body) = world.get(Actor::Operator, &address);
        assert_eq!(status, StatusCode::OK, "{body}");
        lines.extend(body.split_terminator("\r\n").skip(1).map(str::to_owned));
        match world.header(Actor::Operator, &address, "x-next-cursor") {
            Some(next) => after = format!("&after={next}"),
            None => return lines,
        }
    }
}

#[test]
fn a_program_walks_through_all_lines_and_is_told_what_is_wrong() {
    let world = World::new();
    let now = world.pass_a_minute();
    let days = format!("from={}&until={}", now.iso_day(), now.iso_day());
    let whole = walk(&world, &days, 1_000);
    assert!(whole.len() > 3, "{whole:?}");
    assert_eq!(walk(&world, &days, 1), whole);
    assert_eq!(walk(&world, &days, 3), whole);
    let address = format!("/revenue/usage.jsonl?{days}");
    let (_, json) = world.get(Actor::Operator, &address);
    let cursors: Vec<String> = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["cursor"].as_str().unwrap().to_owned())
        .collect();
    assert!(whole.iter().zip(&cursors).all(|(line, cursor)| line.starts_with(cursor.as_str())));
    assert_eq!(cursors.len(), whole.len());
    let header = |name| world.header(Actor::Operator, &address, name).unwrap();
    assert_eq!(header("content-type"), "application/x-ndjson");
    let name = format!("attachment; filename=\"usage-{0}-{0}.jsonl\"", now.iso_day());
    assert_eq!(header("content-disposition"), name);
    for (query, said) in [
        ("", "from: Name a day, such as 2026-11-18.".to_owned()),
        (
            "from=2026-11-02&until=2026-11-01",
            "until: The last day is before the first. Swap them.".to_owned(),
        ),
        (&format!("{days}&after=7"), "after: “7” is no cursor.".to_owned()),
        (&format!("{days}&limit=10001"), "Allowed is a whole number from 1 to 10000".to_owned()),
    ] {
        let (status, body) = world.get(Actor::Operator, &format!("/revenue/usage.csv?{query}"));
        assert!(
            status == StatusCode::UNPROCESSABLE_ENTITY && body.contains(&said),
            "{query}: {status}, {body}"
        );
    }
    let (status, page) = world.get(Actor::Operator, "/revenue");
    assert_eq!(status, StatusCode::OK);
    for words in ["This region stores ", "/revenue/usage.csv?from=", "acme", "until now", "Twelve months"] {
        assert!(page.contains(words), "{words} in {page}");
    }
}

/// What stands between parentheses: the id that a command has just told.
fn id(said: &str) -> Uuid {
    said.split(['(', ')']).nth(1).unwrap().parse().unwrap()
}

/// Five meters of an account, from the second to the sixth of October 2020, with an image of one GB each.
fn with_meters(place: &Place) {
    place.admin(&["region", "add", "north-1", "--zones", "a", "--price-image", "0.730"]).ok();
    let account = AccountId(id(&place.admin(&["account", "create", "Acme Inc"]).ok()));
    let said = place.admin(&["project", "create", "--account", "Acme Inc", "acme-prod"]).ok();
    let project = ProjectId(id(&said));
    let store = SledStore::open(&place.data().join("records")).unwrap();
    for n in 2..7u128 {
        let meter = Meter {
            id: Uuid::from_u128(n).into(),
            subject: Subject::Image(Uuid::from_u128(100 + n).into()),
            name: "web".to_owned(),
            account,
            project,
            region: "north-1".into(),
            charge: Charge::ImageStorage,
            quantity_bytes: GB,
            virtual_bytes: GB,
            from: Timestamp::of_day(&format!("2020-10-0{n}")).unwrap(),
            to: Timestamp::after_day(&format!("2020-10-0{n}")),
            labels: None,
        };
        transact::<_, StoreError>(&store, 5, |tx| tx.put(&meter)).unwrap();
    }
}

const DAYS: [&str; 5] = ["usage", "--from", "2020-10-01", "--until", "2020-10-31"];

#[test]
fn the_command_writes_all_lines_goes_on_after_a_cursor_and_needs_no_server() {
    let place = Place::new();
    with_meters(&place);
    let admin = |more: &[&str]| place.admin(&[&DAYS[..], more].concat());
    let whole = admin(&[]).ok();
    let lines: Vec<&str> = whole.split_terminator("\r\n").collect();
    assert!(lines.len() == 6 && lines[0].starts_with("cursor,account_id,account,"), "{whole}");
    for line in &lines[1..] {
        assert!(line.contains(",Acme Inc,") && line.contains(",acme-prod,north-1,images,storage,"), "{line}");
        assert!(line.ends_with(",24000,€,"), "a GB for a day at €0.73 for 730 hours: {line}");
    }
    let first = admin(&["--limit", "2"]).ok();
    let cursor = first.split_terminator("\r\n").last().unwrap().split(',').next().unwrap();
    let rest = admin(&["--after", cursor]).ok();
    assert_eq!(format!("{first}{rest}"), whole, "what is appended is the whole");
    let last = lines[5].split(',').next().unwrap();
    assert_eq!(admin(&["--after", last]).ok(), "", "there is nothing after the last line");
    let json = admin(&["--format", "jsonl", "--limit", "4"]).ok();
    let sum: i64 = json
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["amount_millionths"].as_i64().unwrap())
        .sum();
    assert_eq!((json.lines().count(), sum), (4, 96_000));

    // A page of two lines: the command goes on by itself, in this process and with a server alike.
    let config = place.file("small.toml", b"[billing]\nexport_lines_max = 2\n");
    assert_eq!(admin(&["--config", &config]).ok(), whole);
    assert_eq!(admin(&["--config", &config, "--limit", "3"]).ok().lines().count(), 4);
    let server = place.serve(&["--config", &config]);
    assert_eq!(admin(&[]).ok(), whole);
    assert_eq!(admin(&["--format", "jsonl", "--limit", "4"]).ok(), json);
    let answer = server.get("/revenue/usage.csv?from=2020-10-01&until=2020-10-31");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn the_command_refuses_what_it_cannot_give() {
    let place = Place::new();
    darkroom(&["admin", "--data", &place.data_text(), "usage"]).refused(2, "--from");
    place.admin(&DAYS).refused(4, "There is no darkroom data in");
    place.admin(&["account", "create", "Acme"]).ok();
    let admin = |more: &[&str]| place.admin(&[&DAYS[..], more].concat());
    assert!(admin(&[]).ok().ends_with(",currency,statement\r\n"), "heads, and no line yet");
    assert_eq!(admin(&["--format", "jsonl"]).ok(), "");
    admin(&["--limit", "0"]).refused(2, "--limit");
    admin(&["--format", "xml"]).refused(2, "csv");
    admin(&["--after", "x"]).refused(1, "after: “x” is no cursor.");
    place.admin(&["usage", "--from", "soon", "--until", "2020-10-31"]).refused(1, "from: Name a day");
}
