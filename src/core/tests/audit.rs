//! The audit trail: what is found in it, who sees what, and that nobody changes, removes, inserts or reorders an event unnoticed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::{AuditQuery, Chain, Event};
use darkroom_core::domain::form::ShareForm;
use darkroom_core::domain::ids::{AccountId, EventId, ImageId, Subject};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, shares};
use darkroom_core::sim::{Bench, Provider, check};
use darkroom_core::store::{Batch, Order, StoreError, Tx, list, prefix_end, read, transact};

const DAY_MS: i64 = 86_400_000;

struct Scene {
    bench: Bench,
    provider: Provider,
    image: ImageId,
}

/// An image of Acme's first project, and two days later an offer of it to Bolt's.
fn scene() -> Scene {
    let bench = Bench::new(13);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    bench.clock.advance(2 * DAY_MS);
    let form = ShareForm {
        image: image.to_string(),
        projects: provider.projects[2].1.to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    shares::share(&bench.at_present(&owner), &form).unwrap();
    Scene { bench, provider, image }
}

impl Scene {
    fn person(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.person("owner@acme.example")
    }

    fn account(&self) -> Option<AccountId> {
        Some(self.provider.accounts[0])
    }

    fn place(&self, n: usize) -> Place {
        Place { project: Some(self.provider.projects[n].1), region: "north-1".into() }
    }

    /// What the query finds for a person in the first project, newest first.
    fn found(&self, who: &Ctx, query: &AuditQuery) -> Vec<String> {
        let rows = audit::list(who, &self.place(0), query).unwrap().page.rows;
        rows.into_iter().map(|row| row.action).collect()
    }

    /// The chain of the account, from its first event on.
    fn events(&self) -> Vec<Event> {
        let all = list::<Event>(self.bench.records(), &(), Order::Ascending, u32::MAX, None).unwrap().items;
        let mut own: Vec<Event> = all.into_iter().filter(|e| e.account == self.account()).collect();
        own.sort_by_key(|e| e.number);
        own
    }

    fn change(&self, change: impl FnMut(&mut Tx<'_>) -> Result<(), StoreError>) {
        transact(self.bench.records(), 1, change).unwrap();
    }

    fn findings(&self) -> Vec<String> {
        verify(self.bench.records()).unwrap().findings
    }
}

fn query(change: impl FnOnce(&mut AuditQuery)) -> AuditQuery {
    let mut query = AuditQuery::default();
    change(&mut query);
    query
}

#[test]
fn the_trail_is_searched_by_thing_action_actor_and_day() {
    let s = scene();
    let owner = s.owner();
    let about = AuditQuery::about(Subject::Image(s.image));
    assert_eq!(s.found(&owner, &about), ["share.offer", "image.available", "image.create"]);
    let of_group = AuditQuery { action: "image".to_owned(), ..about.clone() };
    assert_eq!(s.found(&owner, &of_group), ["image.available", "image.create"]);
    let exact = query(|q| q.action = "image.create".to_owned());
    assert_eq!(s.found(&owner, &exact), ["image.create"]);
    let by = AuditQuery { actor: "OWNER@".to_owned(), ..about.clone() };
    assert_eq!(s.found(&owner, &by), ["share.offer", "image.create"]);
    let first = s.events()[0].at;
    let day = |n: i64| first.plus_ms(n * DAY_MS).iso_day();
    let early = AuditQuery { from: day(0), until: day(1), ..about.clone() };
    assert_eq!(s.found(&owner, &early), ["image.available", "image.create"]);
    let late = AuditQuery { from: day(2), ..about };
    assert_eq!(s.found(&owner, &late), ["share.offer"]);
}

#[test]
fn an_owner_sees_the_account_a_reader_the_project_and_nobody_what_is_of_others() {
    let s = scene();
    let everything = AuditQuery::default();
    let seen = |email: &str, n| {
        let list = audit::list(&s.person(email), &s.place(n), &everything).unwrap();
        (list.page.rows.iter().any(|row| row.action == "session.create"), list.project_only)
    };
    assert_eq!(seen("owner@acme.example", 0), (true, false));
    assert_eq!(seen("reader@acme.example", 0), (false, true));
    let about = AuditQuery::about(Subject::Image(s.image));
    let other = audit::export(&s.person("owner@bolt.example"), &s.place(2), &about).unwrap();
    assert_eq!(other.iter().map(|row| row.action.as_str()).collect::<Vec<_>>(), ["share.offer"]);
    assert_eq!(other[0].actor, "darkroom");
    let all = audit::list(&s.person("op@provider.example"), &s.place(0), &everything).unwrap();
    assert_eq!(all.account, "");
}

#[test]
fn the_trail_of_a_project_and_of_an_account_is_everything_in_it_and_nothing_of_others() {
    let s = scene();
    let (owner, operator) = (s.owner(), s.person("op@provider.example"));
    let of_project = |n: usize| query(|q| q.project = Some(s.provider.projects[n].1));
    let of_account = |n: usize| query(|q| q.account = Some(s.provider.accounts[n]));
    let list = |who: &Ctx, query: &AuditQuery| audit::list(who, &s.place(0), query).unwrap();
    let actions = |who: &Ctx, query: &AuditQuery| -> Vec<String> {
        list(who, query).page.rows.into_iter().map(|row| row.action).collect()
    };
    // An owner narrows the account's to one project, and every kind of thing is in it.
    let web = list(&owner, &of_project(0));
    assert!(web.page.rows.iter().all(|row| row.project == "web") && web.page.total > 4);
    for action in ["project.create", "instance.create", "image.create", "share.offer"] {
        assert!(web.page.rows.iter().any(|row| row.action == action), "{action}");
    }
    assert_eq!(actions(&owner, &of_project(1)), ["project.create"]);
    assert_eq!(web.narrowed.as_deref(), Some("project web"));
    let offered: Vec<&str> = web.projects.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!((offered, web.accounts.len()), (vec!["lab", "web"], 0));
    let both = AuditQuery { action: "image".to_owned(), ..of_project(0) };
    assert_eq!(actions(&owner, &both), ["image.available", "image.create"]);
    // The file is the same.
    let mut file = audit::export(&owner, &s.place(0), &of_project(0)).unwrap();
    // And has what was charged, which the page shows to who asks for it.
    let charges = AuditQuery { action: "charge".to_owned(), ..of_project(0) };
    let charged = actions(&owner, &charges);
    assert!(charged.len() > 2 && charged.iter().all(|action| action.starts_with("charge.")), "{charged:?}");
    let of_charges = file.extract_if(.., |row| row.action.starts_with("charge.")).count();
    assert_eq!((of_charges, u32::try_from(file.len()).unwrap()), (charged.len(), web.page.total));
    // The provider's to one account.
    let acme = list(&operator, &of_account(0));
    let own = u32::try_from(s.events().iter().filter(|event| !event.of_charge()).count()).unwrap();
    assert_eq!(
        list(&operator, &AuditQuery { action: "charge".to_owned(), ..of_account(0) }).page.total,
        list(&owner, &AuditQuery { action: "charge".to_owned(), ..AuditQuery::default() }).page.total
    );
    assert_eq!((acme.page.total, acme.narrowed.as_deref()), (own, Some("account acme")));
    assert!(acme.projects.is_empty() && acme.accounts.len() == 3, "{:?}", acme.accounts);
    assert_eq!(list(&operator, &of_project(0)).page.total, web.page.total);
    // Of others there is nothing, as of what does not exist.
    let nobodys = query(|q| q.project = Some(uuid::Uuid::from_u128(5).into()));
    let others =
        [of_project(2), of_account(1), nobodys, query(|q| q.account = Some(uuid::Uuid::from_u128(5).into()))];
    for query in &others {
        let found = list(&owner, query);
        assert_eq!((found.page.total, found.narrowed), (0, None), "{query:?}");
        assert!(audit::export(&owner, &s.place(0), query).unwrap().is_empty());
    }
    // Who sees one project only cannot look into another of the account, nor at what belongs to none.
    let reader = s.person("reader@acme.example");
    let own = list(&reader, &AuditQuery::default()).page.total;
    assert_eq!(
        (list(&reader, &of_project(0)).page.total, list(&reader, &of_account(0)).page.total),
        (own, own)
    );
    assert_eq!((list(&reader, &of_project(1)).page.total, list(&reader, &of_account(1)).page.total), (0, 0));
    assert_eq!(list(&reader, &of_account(0)).narrowed, None);
    assert!(list(&reader, &of_project(0)).projects.is_empty());
}

#[test]
fn an_export_has_every_page_and_what_is_needed_to_recompute_the_chain() {
    let s = scene();
    let owner = s.owner();
    for _ in 0..30 {
        s.owner();
    }
    let everything = AuditQuery { page: 2, ..AuditQuery::default() };
    let list = audit::list(&owner, &s.place(0), &everything).unwrap();
    let rows = audit::export(&owner, &s.place(0), &everything).unwrap();
    assert!(list.page.number == 2 && list.page.total > 25);
    let n_charges = rows.iter().filter(|row| row.action.starts_with("charge.")).count();
    assert_eq!(u32::try_from(rows.len() - n_charges).unwrap(), list.page.total);
    let mut numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=u64::try_from(rows.len()).unwrap()).collect::<Vec<_>>());
    let made = rows.iter().find(|row| row.action == "image.create").unwrap();
    assert_eq!(
        (made.subject_kind, made.subject_id.as_str(), made.name.as_str(), made.project.as_str()),
        ("image", s.image.to_string().as_str(), "web-v1", "web")
    );
    assert!(made.when.ends_with('Z') && made.hash.len() == 64 && made.region == "north-1");
}

#[test]
fn many_who_commit_at_once_get_one_place_each() {
    let s = scene();
    let before = s.events().len();
    let start = std::sync::Barrier::new(8);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (s, start) = (&s, &start);
            scope.spawn(move || {
                start.wait();
                for _ in 0..6 {
                    s.person(if n % 2 == 0 { "owner@acme.example" } else { "member@acme.example" });
                }
            });
        }
    });
    let numbers: Vec<u64> = s.events().iter().map(|event| event.number).collect();
    assert_eq!(numbers.len(), before + 48);
    assert_eq!(numbers, (1..=u64::try_from(before).unwrap() + 48).collect::<Vec<_>>());
    assert_eq!(s.findings(), Vec::<String>::new());
    assert_eq!(s.bench.witness.broken(), Vec::<String>::new());
    check(&s.bench).unwrap();
}

/// Damages one thing in the chain of an account and expects findings with these words, each naming the chain.
fn noticed(words: &[&str], damage: impl Fn(&mut Tx<'_>, &[Event]) -> Result<(), StoreError>) {
    let s = scene();
    let events = s.events();
    assert_eq!(s.findings(), Vec::<String>::new());
    s.change(|tx| damage(tx, &events));
    // Index rows are another matter.
    let mut found = s.findings();
    found.retain(|finding| !finding.starts_with("The index row"));
    assert_eq!(found.len(), words.len(), "{found:#?}");
    for (finding, words) in found.iter().zip(words) {
        assert!(finding.contains(words) && finding.contains("the audit trail of acme"), "{words}: {finding}");
    }
}

#[test]
fn an_event_that_was_changed_is_named() {
    noticed(&["Event 3 of"], |tx, events| {
        tx.put(&Event { detail: "Nothing.".to_owned(), ..events[2].clone() })
    });
    noticed(&["is not what was written, or the one before it is not."], |tx, events| {
        tx.put(&Event { region: Some("nowhere".into()), ..events[7].clone() })
    });
}

#[test]
fn events_that_are_missing_are_counted() {
    noticed(&["Missing in the audit trail of acme: event 3."], |tx, events| {
        tx.delete::<Event>(&events[2].id);
        Ok(())
    });
    noticed(&[": events 1 to 2."], |tx, events| {
        events[..2].iter().for_each(|e| tx.delete::<Event>(&e.id));
        Ok(())
    });
    let last = |events: &[Event]| u64::try_from(events.len()).unwrap();
    noticed(&["Missing in the audit trail of acme: event"], |tx, events| {
        tx.delete::<Event>(&events[events.len() - 1].id);
        Ok(())
    });
    noticed(&["Missing in the audit trail of acme: events 1 to"], |tx, events| {
        events.iter().for_each(|e| tx.delete::<Event>(&e.id));
        Ok(())
    });
    noticed(&["the last one is event"], |tx, events| {
        let hash = "0".repeat(64);
        tx.put(&Chain { account: events[0].account, n_events: last(events), hash })
    });
    noticed(&["is missing; its last one is event"], |tx, events| {
        tx.delete::<Chain>(&events[0].account);
        Ok(())
    });
}

#[test]
fn an_event_that_was_inserted_or_moved_is_named() {
    noticed(&["was inserted: there is another one of this number."], |tx, events| {
        tx.put(&Event { id: EventId(uuid::Uuid::max()), ..events[4].clone() })
    });
    noticed(&["Event 1 of the audit trail"], |tx, events| {
        // As if it had been written before there were chains.
        let id = EventId(uuid::Uuid::max());
        tx.put(&Event { id, number: 0, hash: String::new(), ..events[0].clone() })
    });
    noticed(&["Event 5 of", "Event 6 of", "Event 7 of"], |tx, events| {
        tx.put(&Event { number: 6, ..events[4].clone() })?;
        tx.put(&Event { number: 5, ..events[5].clone() })
    });
}

#[test]
fn what_an_older_darkroom_wrote_is_vouched_for_by_the_first_event_that_is_chained() {
    let s = scene();
    let store = s.bench.records();
    // The same store, as the version before wrote it: events without number and hash, and no heads.
    let mut batch = Batch::new();
    for row in store.scan(&[1], &prefix_end(&[0xFF]), Order::Ascending, u32::MAX).unwrap() {
        if row.key.starts_with(b"tchain\0") {
            batch = batch.delete(row.key);
        } else if row.key.starts_with(b"icharge_by_") {
            // It told of no meters.
            batch = batch.delete(row.key);
        } else if row.key.starts_with(b"tevent\0") {
            let text = String::from_utf8(row.value.to_vec()).unwrap();
            if text.contains("\"action\":\"charge.") {
                batch = batch.delete(row.key);
                continue;
            }
            let text = text.replace("{\"v\":2", "{\"v\":1");
            let (rest, _) = text.split_once(",\"number\":").unwrap();
            batch = batch.put(row.key, format!("{rest}}}}}"));
        }
    }
    store.commit(batch).unwrap();
    assert_eq!(s.findings(), Vec::<String>::new());
    assert!(s.events().iter().all(|event| event.number == 0 && event.hash.is_empty()));
    // The next thing that happens begins the chain.
    s.owner();
    let head = read::<Chain>(store, &s.account()).unwrap().unwrap();
    assert_eq!((head.n_events, s.findings()), (1, vec![]));
    let older = s.events().into_iter().find(|event| event.number == 0).unwrap();
    s.change(|tx| tx.put(&Event { actor: "nobody".to_owned(), ..older.clone() }));
    let found = s.findings();
    assert!(
        found.len() == 1 && found[0].ends_with("or an event from before there were chains is not."),
        "{found:?}"
    );
}
