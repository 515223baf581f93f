//! Quotas and requests: limits that many at once cannot overshoot, asking for more, and the provider's answer.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{
    DeleteImageForm, QuotaDecisionForm, QuotaRequestForm, ShareForm, StopSharingForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, RequestId};
use darkroom_core::domain::quota::{Counter, Limits};
use darkroom_core::domain::request::{QuotaKind, Request, RequestQuery, State, Wish};
use darkroom_core::domain::share::{Action, Share};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, images, instances, provider, quotas, shares};
use darkroom_core::sim::{Bench, Provider, check};
use darkroom_core::store::{StoreError, transact};
use std::sync::{Barrier, Mutex};

struct Scene {
    bench: Bench,
    provider: Provider,
}

fn scene() -> Scene {
    let bench = Bench::new(17);
    let provider = bench.provider().unwrap();
    Scene { bench, provider }
}

impl Scene {
    fn person(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.person("owner@acme.example")
    }

    fn operator(&self) -> Ctx {
        self.person("op@provider.example")
    }

    fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    fn place(&self) -> Place {
        Place { project: Some(self.project(0)), region: "north-1".into() }
    }

    fn limit(&self, change: impl FnOnce(&mut Limits)) {
        let mut limits = Limits {
            n_images_max: 100,
            n_instances_max: 100,
            n_creates_max: 100,
            n_shares_max: 100,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
        change(&mut limits);
        let (ctx, account) = (self.bench.app.system(), self.provider.accounts[0]);
        provider::set_limits(&ctx, account, &"north-1".into(), Some(limits)).unwrap();
    }

    fn deploy(&self, owner: &Ctx, name: &str) -> Result<InstanceId, Error> {
        instances::create(owner, &self.bench.deploy_form(&self.provider, self.project(0), name))
    }

    fn machines(&self, n: u32) -> Vec<InstanceId> {
        let owner = self.owner();
        let made = (0..n).map(|n| self.deploy(&owner, &format!("m{n}")).unwrap()).collect();
        self.bench.work().unwrap();
        made
    }

    fn images(&self, n: u32) -> Vec<ImageId> {
        let (owner, machines) = (self.owner(), self.machines(n));
        let capture = |(n, m)| self.bench.capture(&owner, m, &format!("i{n}")).unwrap().0;
        let made = machines.into_iter().enumerate().map(capture).collect();
        self.bench.work().unwrap();
        made
    }

    fn share(&self, owner: &Ctx, image: ImageId, with: &[usize]) -> Result<ImageId, Error> {
        let projects: Vec<String> = with.iter().map(|n| self.project(*n).to_string()).collect();
        let form = ShareForm {
            image: image.to_string(),
            projects: projects.join(" "),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&self.bench.at_present(owner), &form)
    }

    fn n_shares(&self) -> Option<u32> {
        let key = (self.provider.accounts[0], "north-1".into());
        self.bench.app.system().read::<Counter>(&key).unwrap().unwrap().n_shares
    }

    fn held(&self) -> Option<u64> {
        let key = (self.provider.accounts[0], "north-1".into());
        self.bench.app.system().read::<Counter>(&key).unwrap().unwrap().stored_bytes
    }

    fn ask(&self, ctx: &Ctx, kind: &str, wanted: u32) -> Result<RequestId, Error> {
        let form = QuotaRequestForm {
            region: "north-1".to_owned(),
            kind: kind.to_owned(),
            wanted: wanted.to_string(),
            reason: "A farm of tests for the release.".to_owned(),
        };
        quotas::ask(&self.bench.at_present(ctx), &form)
    }

    fn decide(&self, ctx: &Ctx, request: RequestId, verdict: &str, granted: &str) -> Result<(), Error> {
        let form = QuotaDecisionForm {
            request: request.to_string(),
            verdict: verdict.to_owned(),
            note: "As agreed by telephone.".to_owned(),
            granted: granted.to_owned(),
        };
        quotas::decide(&self.bench.at_present(ctx), &form)
    }

    fn is_sound(&self) {
        check(&self.bench).unwrap();
        assert_eq!(self.bench.witness.broken(), Vec::<String>::new());
        assert_eq!(verify(self.bench.records()).unwrap().findings, Vec::<String>::new());
    }
}

/// What fifty who begin at once are refused with.
fn refused_of_fifty(act: impl Fn(usize) -> Result<(), Error> + Sync) -> Vec<String> {
    let (start, refused) = (Barrier::new(50), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for n in 0..50 {
            let (start, refused, act) = (&start, &refused, &act);
            scope.spawn(move || {
                start.wait();
                if let Err(error) = act(n) {
                    refused.lock().unwrap().push(error.code);
                }
            });
        }
    });
    refused.into_inner().unwrap()
}

#[test]
fn of_fifty_who_ask_at_once_for_an_image_five_get_one() {
    let s = scene();
    s.limit(|_| {});
    let (machines, owner) = (s.machines(50), s.owner());
    s.limit(|limits| limits.n_images_max = 5);
    let refused = refused_of_fifty(|n| s.bench.capture(&owner, machines[n], &format!("i{n}")).map(drop));
    assert_eq!(refused, vec!["image_limit_reached"; 45]);
    s.is_sound();
}

#[test]
fn of_fifty_who_ask_at_once_in_two_projects_five_images_are_made_at_a_time() {
    let s = scene();
    s.limit(|_| {});
    let owner = s.owner();
    let deploy = |n: usize| {
        let form = s.bench.deploy_form(&s.provider, s.project(n % 2), &format!("m{n}"));
        instances::create(&owner, &form).unwrap()
    };
    let machines: Vec<InstanceId> = (0..50).map(deploy).collect();
    s.bench.work().unwrap();
    s.limit(|limits| limits.n_creates_max = 5);
    let refused = refused_of_fifty(|n| s.bench.capture(&owner, machines[n], &format!("i{n}")).map(drop));
    assert_eq!(refused, vec!["task_limit_reached"; 45]);
    let page = quotas::overview(&owner, &s.place()).unwrap();
    let row = page.quotas.iter().find(|q| q.kind == Some(QuotaKind::Creates)).unwrap();
    assert_eq!((row.used, row.limit), (5, 5), "the sum over both projects");
    s.is_sound();
    // The provider gives one more, and from then on one more is made.
    let request = s.ask(&owner, "creates", 6).unwrap();
    s.decide(&s.operator(), request, "approve", "6").unwrap();
    let refused = refused_of_fifty(|n| s.bench.capture(&owner, machines[n], &format!("j{n}")).map(drop));
    assert_eq!(refused.len(), 49, "{refused:?}");
    s.bench.work().unwrap();
    let page = quotas::overview(&owner, &s.place()).unwrap();
    assert_eq!(page.requests[0].granted, Some(6));
    assert_eq!(page.quotas.iter().find(|q| q.kind == Some(QuotaKind::Creates)).map(|q| q.used), Some(0));
    s.is_sound();
}

#[test]
fn of_fifty_who_ask_at_once_for_a_snapshot_five_get_one() {
    let s = scene();
    s.limit(|limits| limits.n_snapshots_max = 100);
    let (machines, owner) = (s.machines(50), s.owner());
    s.bench.service_on(&owner, s.project(0)).unwrap();
    s.limit(|limits| limits.n_snapshots_max = 5);
    let refused = refused_of_fifty(|n| s.bench.snapshot(&owner, machines[n], "", &format!("s{n}")).map(drop));
    assert_eq!(refused, vec!["snapshot_limit_reached"; 45]);
    s.is_sound();
    s.bench.work().unwrap();
    s.is_sound();
}

#[test]
fn of_fifty_who_ask_at_once_for_a_machine_five_get_one() {
    let s = scene();
    s.limit(|limits| limits.n_instances_max = 5);
    let owner = s.owner();
    let refused = refused_of_fifty(|n| s.deploy(&owner, &format!("m{n}")).map(drop));
    assert_eq!(refused, vec!["instance_limit_reached"; 45]);
    s.is_sound();
}

#[test]
fn of_fifty_who_accept_an_image_at_once_five_have_one() {
    let s = scene();
    s.limit(|_| {});
    let (images, owner) = (s.images(50), s.owner());
    s.limit(|limits| limits.n_shares_max = 5);
    // All fifty may be asked: who has not answered takes nothing (H5).
    for image in &images {
        s.share(&owner, *image, &[2]).unwrap();
    }
    assert_eq!(s.n_shares(), Some(0));
    let friend = s.bench.at_present(&s.person("owner@bolt.example"));
    let refused = refused_of_fifty(|n| shares::decide(&friend, images[n], s.project(2), Action::Accept));
    assert_eq!(refused, vec!["account_share_limit_reached"; 45]);
    assert_eq!(s.n_shares(), Some(5));
    s.is_sound();
}

#[test]
fn accepting_all_tells_of_each_image_what_became_of_it() {
    let s = scene();
    s.limit(|_| {});
    let (images, owner) = (s.images(3), s.owner());
    for image in &images {
        s.bench.clock.advance(1);
        s.share(&owner, *image, &[2]).unwrap();
    }
    s.limit(|limits| limits.n_shares_max = 2);
    let friend = s.bench.at_present(&s.person("owner@bolt.example"));
    let place = Place { project: Some(s.project(2)), region: "north-1".into() };
    let lines = shares::accept_all(&friend, &place).unwrap();
    let told: Vec<(ImageId, bool)> = lines.iter().map(|line| (line.image, line.refused)).collect();
    assert_eq!(told, [(images[0], false), (images[1], false), (images[2], true)]);
    assert!(lines[2].text.starts_with("Maximum share limit reached: who shares"), "{}", lines[2].text);
    assert!(!lines[2].text.contains(|c: char| c.is_ascii_digit()), "their figures are theirs");
    assert_eq!(s.n_shares(), Some(2));
    s.limit(|limits| limits.n_shares_max = 3);
    assert_eq!(shares::accept_all(&friend, &place).unwrap().len(), 1, "what waited goes on waiting");
    s.is_sound();
}

#[test]
fn of_fifty_who_make_images_at_once_as_many_do_as_their_disks_fit() {
    let s = scene();
    s.limit(|_| {});
    let (machines, owner) = (s.machines(50), s.owner());
    // Each may need the 2 GiB of its disk until it is known how much is stored.
    s.limit(|limits| limits.stored_gb_max = 11);
    let refused = refused_of_fifty(|n| s.bench.capture(&owner, machines[n], &format!("i{n}")).map(drop));
    assert_eq!(refused, vec!["storage_limit_reached"; 45]);
    assert_eq!(s.held(), Some(5 * (2 << 30)));
    s.is_sound();
    s.bench.work().unwrap();
    let all = s.bench.app.images.all();
    let stored = all.iter().map(|image| image.held_bytes()).sum();
    assert!((1..1 << 30).contains(&stored), "{stored}");
    assert_eq!(s.held(), Some(stored), "what was not needed is given back");
    s.is_sound();
}

#[test]
fn storage_is_given_back_when_an_image_is_gone_for_good() {
    let s = scene();
    let (image, owner) = (s.images(1)[0], s.owner());
    let held = s.held().unwrap();
    assert!(held > 0);
    // A counter of a program that did not count bytes learns them with the next change.
    let key = (s.provider.accounts[0], "north-1".into());
    let counter = s.bench.app.system().read::<Counter>(&key).unwrap().unwrap();
    let older = Counter { stored_bytes: None, ..counter };
    transact::<_, StoreError>(s.bench.records(), 1, |tx| tx.put(&older)).unwrap();
    let second = s.bench.copy(&owner, image, s.project(0), &["north-1"], "second").unwrap()[0].0;
    assert_eq!(s.held(), Some(2 * held));
    images::delete(&s.bench.at_present(&owner), &DeleteImageForm::at_once(second)).unwrap();
    assert_eq!(s.held(), Some(2 * held), "the recycle bin holds it");
    images::purge(&s.bench.at_present(&owner), second).unwrap();
    assert_eq!(s.held(), Some(held));
    s.is_sound();
}

#[test]
fn a_share_takes_a_slot_of_its_owner_while_it_is_accepted() {
    let s = scene();
    let (image, owner) = (s.images(1)[0], s.owner());
    let stop = |n: usize| {
        let form = StopSharingForm {
            image: image.to_string(),
            project: s.project(n).to_string(),
            when: "now".to_owned(),
            day: String::new(),
        };
        shares::stop(&s.bench.at_present(&owner), &form).unwrap();
    };
    let friend = s.person("owner@bolt.example");
    let decide = |n: usize, action| {
        let who = if n < 2 { &owner } else { &friend };
        shares::decide(&s.bench.at_present(who), image, s.project(n), action)
    };
    s.limit(|limits| limits.n_shares_max = 1);
    s.share(&owner, image, &[1, 2, 3]).unwrap();
    assert_eq!(s.n_shares(), Some(0), "who has not answered takes nothing (H5)");
    let options = shares::options(&owner, image, &ShareForm::default()).unwrap();
    assert_eq!((options.n_account, options.n_account_max), (0, 1));
    decide(1, Action::Reject).unwrap();
    assert_eq!(s.n_shares(), Some(0), "there was nothing to give back");
    decide(2, Action::Accept).unwrap();
    assert_eq!(s.n_shares(), Some(1));
    for n in [1, 3] {
        let refused = decide(n, Action::Accept).unwrap_err();
        assert_eq!(refused.code, "account_share_limit_reached");
        assert_eq!(
            refused.message,
            "Maximum share limit reached: who shares this image shares as much as they may. Ask them to stop another share or to get a higher limit, then accept again."
        );
    }
    assert_eq!(s.n_shares(), Some(1), "a refusal changes nothing");
    decide(2, Action::Reject).unwrap();
    decide(3, Action::Accept).unwrap();
    assert_eq!(s.n_shares(), Some(1));
    stop(1);
    assert_eq!(s.n_shares(), Some(1), "what was rejected had none");
    stop(3);
    assert_eq!(s.n_shares(), Some(0));
    s.is_sound();
}

#[test]
fn a_share_that_ended_gives_its_slot_back_when_its_project_is_asked_again() {
    let s = scene();
    let (image, owner) = (s.images(1)[0], s.owner());
    let friend = s.person("owner@bolt.example");
    s.share(&owner, image, &[2]).unwrap();
    shares::decide(&s.bench.at_present(&friend), image, s.project(2), Action::Accept).unwrap();
    let today = s.bench.at_present(&owner).now.iso_day();
    let form = StopSharingForm {
        image: image.to_string(),
        project: s.project(2).to_string(),
        when: "later".to_owned(),
        day: today,
    };
    shares::stop(&s.bench.at_present(&owner), &form).unwrap();
    s.bench.clock.advance(2 * 86_400_000);
    assert_eq!(s.n_shares(), Some(1), "until it is cleared away");
    s.share(&owner, image, &[2]).unwrap();
    assert_eq!(s.n_shares(), Some(0), "it waits for an answer again");
    s.is_sound();
}

#[test]
fn a_counter_of_an_older_darkroom_is_counted_with_the_next_answer() {
    let s = scene();
    let (image, owner) = (s.images(1)[0], s.owner());
    s.share(&owner, image, &[1, 2, 3]).unwrap();
    let friend = s.person("owner@bolt.example");
    let decide = |n: usize, action| {
        shares::decide(&s.bench.at_present(&friend), image, s.project(n), action).unwrap();
    };
    decide(2, Action::Accept);
    let uncounted = || {
        let key = (s.provider.accounts[0], "north-1".into());
        transact::<_, StoreError>(s.bench.records(), 1, |tx| {
            let counter = tx.get::<Counter>(&key)?.unwrap();
            tx.put(&Counter { n_shares: None, ..counter })
        })
        .unwrap();
    };
    uncounted();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
    let page = quotas::overview(&owner, &s.place()).unwrap();
    assert_eq!(page.quotas.iter().find(|q| q.what == "Shares").map(|q| q.used), Some(1));
    decide(3, Action::Accept);
    assert_eq!(s.n_shares(), Some(2));
    uncounted();
    s.bench.remove(&owner, image).unwrap_err();
    decide(2, Action::Reject);
    assert_eq!(s.n_shares(), Some(1));
    assert!(owner.read::<Share>(&(image, s.project(1))).unwrap().is_some());
    s.is_sound();
}

#[test]
fn a_request_that_is_approved_sets_the_limit_and_both_sides_read_of_it() {
    let s = scene();
    let (owner, operator) = (s.owner(), s.operator());
    let id = s.ask(&owner, "images", 30).unwrap();
    let waiting =
        quotas::requests(&operator, &RequestQuery { state: Some(State::Pending), page: 1 }).unwrap();
    assert_eq!((waiting.n_pending, waiting.page.rows[0].account.as_str()), (1, "acme"));
    s.bench.clock.advance(60_000);
    s.decide(&operator, id, "approve", "20").unwrap();
    let page = quotas::overview(&s.owner(), &s.place()).unwrap();
    let told = &page.requests[0];
    assert_eq!((told.state, told.granted), (State::Approved, Some(20)));
    assert_eq!(told.wish, Wish::More { kind: QuotaKind::Images, limit: 3, wanted: 30 });
    assert_eq!(
        (told.decided_by.as_str(), told.note.as_str()),
        ("op@provider.example", "As agreed by telephone.")
    );
    assert_eq!(page.quotas[0].words, "0 of 20 images; those in the recycle bin do not count.");
    let limits: Vec<(&str, u32)> = page.quotas.iter().map(|q| (q.what.as_str(), q.limit)).collect();
    assert_eq!(
        limits,
        [
            ("Images", 20),
            ("Instances", 4),
            ("Shares", 5),
            ("Snapshots", 4),
            ("Storage of images, GB", 1000),
            ("Images being made at once", 2),
            ("Copies on their way", 5)
        ]
    );
    assert!(page.may_ask && !quotas::overview(&s.person("member@acme.example"), &s.place()).unwrap().may_ask);
    let trail =
        audit::list(&s.owner(), &s.place(), &AuditQuery { action: "quota".into(), ..Default::default() });
    let told: Vec<String> =
        trail.unwrap().page.rows.into_iter().map(|e| format!("{} {}", e.action, e.detail)).collect();
    assert_eq!(
        told,
        [
            "quota.approve 20 images for 30 images instead of 3 in north-1: As agreed by telephone.",
            "quota.ask 30 images instead of 3 in north-1: A farm of tests for the release.",
        ]
    );
    assert!(quotas::requests(&operator, &RequestQuery::default()).unwrap().n_pending == 0);
    s.is_sound();
}

#[test]
fn a_request_waits_alone_of_its_kind_and_ends_once() {
    let s = scene();
    let (owner, operator) = (s.owner(), s.operator());
    let id = s.ask(&owner, "shares", 9).unwrap();
    let refused = s.ask(&owner, "shares", 10).unwrap_err();
    assert_eq!(refused.code, "request_open");
    assert!(refused.message.contains("more shares in north-1") && refused.message.contains("for 9 waits"));
    s.ask(&owner, "instances", 9).unwrap();
    quotas::withdraw(&owner, id).unwrap();
    let refused = quotas::withdraw(&owner, id).unwrap_err();
    assert_eq!(refused.code, "request_ended");
    assert!(refused.message.contains("This one was withdrawn on "), "{}", refused.message);
    let id = s.ask(&owner, "shares", 10).unwrap();
    s.decide(&operator, id, "decline", "").unwrap();
    assert_eq!(s.decide(&operator, id, "approve", "10").unwrap_err().code, "request_ended");
    assert_eq!(owner.read::<Request>(&id).unwrap().unwrap().state, State::Declined);
    s.is_sound();
}

#[test]
fn what_is_asked_and_given_must_be_more() {
    let s = scene();
    let (owner, operator) = (s.owner(), s.operator());
    let refused = s.ask(&owner, "images", 3).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("quota_not_more", "wanted"));
    assert_eq!(refused.message, "Your limit in north-1 is 3 images already. Ask for more than that.");
    let refused = s.ask(&owner, "images", 10_001).unwrap_err();
    assert!(refused.message.contains("from 1 to 10000"), "{}", refused.message);
    let id = s.ask(&owner, "images", 9).unwrap();
    s.limit(|limits| limits.n_images_max = 12);
    let refused = s.decide(&operator, id, "approve", "9").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("quota_not_more", "granted"));
    assert_eq!(
        owner.read::<Request>(&id).unwrap().unwrap().state,
        State::Pending,
        "a refusal changes nothing"
    );
    s.is_sound();
}

#[test]
fn only_owners_ask_only_the_provider_answers_and_others_know_nothing() {
    let s = scene();
    let id = s.ask(&s.owner(), "images", 9).unwrap();
    let kinds = |who: &str| {
        let who = s.person(who);
        let kind = |result: Result<(), Error>| result.unwrap_err().kind;
        (
            kind(s.ask(&who, "instances", 9).map(drop)),
            kind(quotas::withdraw(&who, id)),
            kind(s.decide(&who, id, "approve", "9")),
        )
    };
    assert_eq!(kinds("member@acme.example"), (Kind::Forbidden, Kind::Forbidden, Kind::NotFound));
    let stranger = s.person("owner@bolt.example");
    assert_eq!(quotas::withdraw(&stranger, id).unwrap_err().kind, Kind::NotFound);
    assert_eq!(quotas::requests(&stranger, &RequestQuery::default()).unwrap_err().kind, Kind::NotFound);
    assert!(quotas::overview(&stranger, &s.place()).is_err());
    let operator = s.operator();
    assert_eq!(s.ask(&operator, "images", 9).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(quotas::withdraw(&operator, id).unwrap_err().kind, Kind::Forbidden);
}

#[test]
fn of_many_who_ask_and_answer_at_once_one_does() {
    let s = scene();
    let owner = s.owner();
    let refused = refused_of_fifty(|n| s.ask(&owner, "images", 10 + u32::try_from(n).unwrap()).map(drop));
    assert_eq!(refused, vec!["request_open"; 49]);
    let operator = s.operator();
    let page = quotas::overview(&owner, &s.place()).unwrap();
    let id = page.requests[0].id;
    let refused = refused_of_fifty(|n| match n % 3 {
        0 => s.decide(&operator, id, "approve", "50"),
        1 => s.decide(&operator, id, "decline", ""),
        _ => quotas::withdraw(&owner, id),
    });
    assert_eq!(refused, vec!["request_ended"; 49]);
    s.is_sound();
}
