//! Sharing a family as both sides meet it: what follows reaches the recipients by itself, who accepted once need not accept again, and
//! what is refused, stopped or does not fit stays so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::following::{Follower, Following};
use darkroom_core::domain::form::{
    CopyImageForm, DeleteImageForm, EditImageForm, RestoreImageForm, ShareForm, StageForm, StopSharingForm,
    UnfollowForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::share::{Action, Share, Sharing, State};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, images, provider as providing, shares};
use darkroom_core::ports::Clock;
use darkroom_core::sim::{Bench, Crash, Provider, check};
use darkroom_core::store::{StoreError, transact};

/// A machine of Acme, and its first image, in the family web.
struct Scene {
    bench: Bench,
    provider: Provider,
    machine: InstanceId,
    first: ImageId,
}

/// Images that are stopped for all who follow. More of them take longer and change nothing: each has a record of its own.
const N_STOPPED: u32 = 6;

fn scene() -> Scene {
    scene_with(Settings::default())
}

fn scene_with(settings: Settings) -> Scene {
    let bench = Bench::with(21, settings);
    let provider = bench.provider().unwrap();
    let limits = Limits {
        n_images_max: 9,
        n_instances_max: 4,
        n_creates_max: 2,
        n_shares_max: 9,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    let region = "north-1".into();
    providing::set_limits(&bench.app.system(), provider.accounts[0], &region, Some(limits)).unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (first, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    let scene = Scene { bench, provider, machine, first };
    scene.family(first, "web");
    scene
}

impl Scene {
    fn person(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.person("owner@acme.example")
    }

    /// Projects: two of Acme, then two of Bolt.
    fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    fn place(&self, n: usize) -> Place {
        Place { project: Some(self.project(n)), region: "north-1".into() }
    }

    fn family(&self, image: ImageId, family: &str) {
        let now = self.owner().read::<Image>(&image).unwrap().unwrap();
        let form = EditImageForm {
            image: image.to_string(),
            revision: now.revision,
            name: now.name.to_string(),
            family: Some(family.to_owned()),
            ..EditImageForm::default()
        };
        images::update(&self.owner(), &form).unwrap();
    }

    fn share(&self, image: ImageId, n: usize, follow: &str) -> Result<ImageId, Error> {
        let form = ShareForm {
            image: image.to_string(),
            projects: self.project(n).to_string(),
            sure: "yes".to_owned(),
            follow: follow.to_owned(),
        };
        shares::share(&self.owner(), &form)
    }

    fn decide(&self, image: ImageId, n: usize, action: Action) -> Result<(), Error> {
        let who = if n < 2 { self.owner() } else { self.person("owner@bolt.example") };
        shares::decide(&who, image, self.project(n), action)
    }

    /// The next version: a copy in place, which is available at once.
    fn next(&self, name: &str) -> ImageId {
        let form = CopyImageForm {
            data_disks: String::new(),
            image: self.first.to_string(),
            project: self.project(0).to_string(),
            regions: vec!["north-1".to_owned()],
            name: name.to_owned(),
            remark: String::new(),
            family: Some("web".to_owned()),
            tags: None,
            price_versions: [("north-1".to_owned(), 1)].into(),
        };
        images::copy(&self.owner(), &form).unwrap()[0]
    }

    fn stage(&self, image: ImageId, stage: &str) {
        let form = StageForm {
            image: image.to_string(),
            stage: stage.to_owned(),
            when: "now".to_owned(),
            ..StageForm::default()
        };
        images::set_stage(&self.owner(), &form).unwrap();
    }

    fn stop(&self, image: ImageId, n: usize) {
        let form = StopSharingForm {
            image: image.to_string(),
            project: self.project(n).to_string(),
            when: "now".to_owned(),
            day: String::new(),
        };
        shares::stop(&self.owner(), &form).unwrap();
    }

    fn unfollow(&self, who: &Ctx, family: &str, n: usize) -> Result<(), Error> {
        let form = UnfollowForm {
            owner: self.project(0).to_string(),
            region: "north-1".to_owned(),
            family: family.to_owned(),
            project: self.project(n).to_string(),
        };
        shares::unfollow(who, &form)
    }

    fn state(&self, image: ImageId, n: usize) -> Option<State> {
        self.owner().read::<Share>(&(image, self.project(n))).unwrap().map(|share| share.state)
    }

    /// What the owner reads about those who follow the family of the first image.
    fn followers(&self) -> Vec<(ProjectId, State)> {
        let family = shares::sharing(&self.owner(), self.first).unwrap().family.unwrap();
        family.followers.iter().map(|f| (f.project, f.state)).collect()
    }

    /// The events of a project with these words; those of one moment are in no order of their own, so they are sorted.
    fn trail(&self, who: &Ctx, n: usize, actions: &[&str]) -> Vec<(String, String)> {
        // Only that group: a page holds so many rows.
        let query = AuditQuery { action: "share".to_owned(), ..AuditQuery::default() };
        let rows = audit::list(who, &self.place(n), &query).unwrap().page.rows;
        let about = rows.into_iter().filter(|e| actions.contains(&e.action.as_str()));
        let mut told: Vec<(String, String)> = about.map(|e| (e.action, e.detail)).collect();
        told.sort();
        told
    }
}

#[test]
fn who_accepted_the_family_once_has_each_new_version_at_once() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    let second = s.next("web-v2");
    assert_eq!((s.state(s.first, 2), s.state(second, 2)), (Some(State::Pending), Some(State::Pending)));
    let told = shares::received(&s.person("owner@bolt.example"), &s.place(2)).unwrap();
    assert!(told.waiting.iter().all(|row| row.follows.as_deref() == Some("web")), "{told:#?}");

    s.decide(s.first, 2, Action::Accept).unwrap();
    assert_eq!(s.followers(), [(s.project(2), State::Accepted)]);
    assert_eq!(s.state(second, 2), Some(State::Pending), "what was asked stays theirs to answer");
    // Captured, not copied: the family comes by an edit.
    let (third, _) = s.bench.capture(&s.owner(), s.machine, "web-v3").unwrap();
    s.bench.work().unwrap();
    assert_eq!(s.state(third, 2), None);
    s.family(third, "web");
    assert_eq!(s.state(third, 2), Some(State::Accepted));
    let friend = s.person("owner@bolt.example");
    assert!(images::detail(&friend, &s.place(2), third).unwrap().may_deploy);
    check(&s.bench).unwrap();

    for (who, n, other) in [(s.owner(), 0, "bolt.example"), (friend, 2, "acme.example")] {
        let trail = s.trail(&who, n, &["share.follow", "share.pass_on"]);
        let words: Vec<&str> = trail.iter().map(|(action, _)| action.as_str()).collect();
        assert_eq!(words, ["share.follow", "share.pass_on", "share.pass_on"]);
        assert!(trail.iter().all(|(_, detail)| !detail.contains(other)), "{trail:#?}");
    }
    let own = s.trail(&s.owner(), 0, &["share.follow", "share.pass_on"]);
    let project = s.project(2);
    assert_eq!(own[0].1, format!("New images of web for project {project}."));
    assert_eq!(own[1].1, format!("New in web, had at once by project {project}."));
    assert_eq!(own[2].1, format!("New in web, offered to project {project}."));
}

#[test]
fn an_image_captured_into_the_family_reaches_them_in_the_commit_that_makes_it_available() {
    let mut s = scene();
    s.share(s.first, 2, "yes").unwrap();
    s.decide(s.first, 2, Action::Accept).unwrap();
    let (next, _) = s.bench.capture(&s.owner(), s.machine, "web-v2").unwrap();
    s.family(next, "web");
    assert_eq!(s.state(next, 2), None, "what is being made is nobody's");
    // The program ends at every commit of the way in turn; the last of them is the one that settles.
    for n in 0..20 {
        s.bench.faults.crash_after(n % 3, if n % 2 == 0 { Crash::Before } else { Crash::After });
        if s.bench.work().is_ok() && !s.bench.faults.dead() {
            break;
        }
        s.bench.restart().unwrap();
        check(&s.bench).unwrap();
        let image = s.owner().read::<Image>(&next).unwrap().unwrap();
        assert_eq!(s.state(next, 2).is_some(), image.available.is_some(), "with it or not at all");
    }
    s.bench.faults.calm();
    s.bench.work().unwrap();
    assert_eq!(s.state(next, 2), Some(State::Accepted));
    assert_eq!(s.trail(&s.owner(), 0, &["share.pass_on"]).len(), 1, "and once");
    check(&s.bench).unwrap();
}

#[test]
fn who_rejected_is_not_asked_again_and_follows_again_from_when_they_accept() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    s.decide(s.first, 2, Action::Reject).unwrap();
    assert_eq!(s.followers(), [(s.project(2), State::Rejected)]);
    let second = s.next("web-v2");
    assert_eq!(s.state(second, 2), None);
    let told = shares::received(&s.person("owner@bolt.example"), &s.place(2)).unwrap();
    assert_eq!(told.decided[0].follows, None, "it has no new versions to come");
    s.decide(s.first, 2, Action::Accept).unwrap();
    let third = s.next("web-v3");
    assert_eq!((s.state(second, 2), s.state(third, 2)), (None, Some(State::Accepted)));
    // Who puts an old version aside still wants the others; who rejects the last one wants none.
    s.decide(s.first, 2, Action::Reject).unwrap();
    assert_eq!(s.followers(), [(s.project(2), State::Accepted)]);
    s.decide(third, 2, Action::Reject).unwrap();
    assert_eq!(s.followers(), [(s.project(2), State::Rejected)]);
    // The owner asks again in person (H19).
    s.share(third, 2, "yes").unwrap();
    assert_eq!(s.followers(), [(s.project(2), State::Pending)]);
    check(&s.bench).unwrap();
}

#[test]
fn what_is_not_for_everything_is_not_passed_on_until_it_is() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    s.decide(s.first, 2, Action::Accept).unwrap();
    let (next, _) = s.bench.capture(&s.owner(), s.machine, "web-v2").unwrap();
    s.bench.work().unwrap();
    s.stage(next, "deprecated");
    s.family(next, "web");
    assert_eq!(s.state(next, 2), None, "deprecated (A5-8)");
    s.stage(next, "disabled");
    assert_eq!(s.state(next, 2), None);
    s.stage(next, "active");
    assert_eq!(s.state(next, 2), Some(State::Accepted));
    s.family(next, "db");
    assert_eq!(s.state(next, 2), Some(State::Accepted), "leaving the family leaves what is shared");
    check(&s.bench).unwrap();
}

#[test]
fn what_comes_back_from_the_bin_or_stays_after_all_is_passed_on() {
    let s = scene();
    let (binned, leaving) = (s.next("web-v2"), s.next("web-v3"));
    images::delete(&s.owner(), &DeleteImageForm::at_once(binned)).unwrap();
    let day = s.bench.clock.now().plus_ms(3 * 86_400_000).iso_day();
    let plan = DeleteImageForm { when: "day".to_owned(), day, ..DeleteImageForm::at_once(leaving) };
    images::delete(&s.owner(), &plan).unwrap();
    s.share(s.first, 2, "yes").unwrap();
    s.decide(s.first, 2, Action::Accept).unwrap();
    assert_eq!((s.state(binned, 2), s.state(leaving, 2)), (None, None));
    let back =
        RestoreImageForm { image: binned.to_string(), price_version: 1, ..RestoreImageForm::default() };
    images::restore(&s.owner(), &back).unwrap();
    images::keep(&s.owner(), leaving).unwrap();
    assert_eq!((s.state(binned, 2), s.state(leaving, 2)), (Some(State::Accepted), Some(State::Accepted)));
    check(&s.bench).unwrap();
}

#[test]
fn stopping_one_image_leaves_the_following_and_is_not_undone_by_it() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    s.decide(s.first, 2, Action::Accept).unwrap();
    let shown = shares::stop_options(&s.owner(), s.first, s.project(2)).unwrap();
    assert_eq!(shown.follows.as_deref(), Some("web"), "the page can offer both");
    s.stop(s.first, 2);
    s.stage(s.first, "deprecated");
    s.stage(s.first, "active");
    assert_eq!(s.state(s.first, 2), None, "a person stopped it");
    let second = s.next("web-v2");
    assert_eq!(s.state(second, 2), Some(State::Accepted));
    s.share(s.first, 2, "").unwrap();
    s.decide(s.first, 2, Action::Accept).unwrap();

    s.unfollow(&s.owner(), "web", 2).unwrap();
    assert_eq!(s.followers(), []);
    assert_eq!(s.state(second, 2), Some(State::Accepted), "what is shared stays");
    assert_eq!(s.state(s.next("web-v3"), 2), None);
    let gone = s.unfollow(&s.owner(), "web", 2).unwrap_err();
    assert_eq!((gone.kind, gone.code.as_str()), (Kind::NotFound, "not_found"));
    for (who, n) in [(s.owner(), 0), (s.person("owner@bolt.example"), 2)] {
        assert_eq!(s.trail(&who, n, &["share.unfollow"]).len(), 1);
    }
    check(&s.bench).unwrap();
}

#[test]
fn everything_can_be_stopped_for_as_many_as_may_follow() {
    let settings = Settings { share_targets_max: 128, ..Settings::default() };
    let s = scene_with(settings);
    let limits = Limits {
        n_images_max: 99,
        n_instances_max: 4,
        n_creates_max: 99,
        n_shares_max: 9999,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    let (system, region) = (s.bench.app.system(), "north-1".into());
    providing::set_limits(&system, s.provider.accounts[0], &region, Some(limits)).unwrap();
    let projects: Vec<ProjectId> = (0..128)
        .map(|n| providing::create_project(&system, s.provider.accounts[1], &format!("many-{n}")).unwrap())
        .collect();
    let form = ShareForm {
        image: s.first.to_string(),
        projects: projects.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        sure: "yes".to_owned(),
        follow: String::new(),
    };
    shares::share(&s.owner(), &form).unwrap();
    // As many as may follow with the limits of a real program.
    let followers = projects.iter().map(|project| Follower {
        project: *project,
        account: s.provider.accounts[1],
        since: s.bench.clock.now(),
        state: State::Pending,
    });
    let first = s.owner().read::<Image>(&s.first).unwrap().unwrap();
    let all = Following { recipients: followers.collect(), ..Following::none(&first) };
    transact::<_, StoreError>(s.bench.records(), 1, |tx| tx.put(&all)).unwrap();
    let key = (s.project(0), "north-1".into(), "web".to_owned());
    let following = || s.owner().read::<Following>(&key).unwrap().unwrap();
    let before = following();
    assert_eq!(before.recipients.len(), 128);
    let images: Vec<ImageId> = (2..=N_STOPPED).map(|n| s.next(&format!("web-v{n}"))).collect();
    for image in images.iter().chain([&s.first]) {
        for project in &projects {
            let form = StopSharingForm {
                image: image.to_string(),
                project: project.to_string(),
                when: "now".to_owned(),
                day: String::new(),
            };
            shares::stop(&s.owner(), &form).unwrap();
        }
        let sharing = s.owner().read::<Sharing>(image).unwrap().unwrap();
        assert_eq!((sharing.n_open(), sharing.stopped.len()), (0, 128));
        assert!(serde_json::to_vec(&sharing).unwrap().len() < 8 * 1024, "far from what fits into a record");
        s.stage(*image, "deprecated");
        s.stage(*image, "active");
        assert_eq!(s.owner().read::<Sharing>(image).unwrap().unwrap(), sharing, "nothing comes back");
    }
    assert_eq!(following(), before, "the family's record does not grow");
    // Others that follow in their place find room too.
    for project in &projects[1..] {
        let form = UnfollowForm {
            owner: s.project(0).to_string(),
            region: "north-1".to_owned(),
            family: "web".to_owned(),
            project: project.to_string(),
        };
        shares::unfollow(&s.owner(), &form).unwrap();
    }
    s.share(s.first, 2, "yes").unwrap();
    s.stop(s.first, 2);
    let sharing = s.owner().read::<Sharing>(&s.first).unwrap().unwrap();
    assert_eq!(sharing.stopped, [projects[0], s.project(2)].into());
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
}

#[test]
fn only_who_may_share_may_end_it_and_others_do_not_learn_of_it() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    assert_eq!(s.unfollow(&s.person("reader@acme.example"), "web", 2).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(s.unfollow(&s.person("owner@bolt.example"), "web", 2).unwrap_err().kind, Kind::NotFound);
    assert_eq!(s.unfollow(&s.owner(), "web", 3).unwrap_err().kind, Kind::NotFound);
    assert_eq!(s.unfollow(&s.owner(), "db", 2).unwrap_err().kind, Kind::NotFound);
    let wrong = shares::unfollow(&s.owner(), &UnfollowForm::default()).unwrap_err();
    let fields: Vec<&str> = wrong.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["owner", "project"]);
}

#[test]
fn an_image_in_no_family_has_nothing_that_follows() {
    let s = scene();
    assert_eq!(
        shares::options(&s.owner(), s.first, &ShareForm::default()).unwrap().family.as_deref(),
        Some("web")
    );
    s.family(s.first, "");
    let refused = s.share(s.first, 2, "yes").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("share_no_family", "follow"));
    assert_eq!(s.state(s.first, 2), None, "and nothing is shared");
    assert_eq!(shares::options(&s.owner(), s.first, &ShareForm::default()).unwrap().family, None);
    assert_eq!(shares::sharing(&s.owner(), s.first).unwrap().family, None);
}

#[test]
fn who_has_the_image_already_can_follow_also_when_nobody_else_may_accept_it() {
    let s = scene();
    // Two may accept here, and as many may follow.
    for n in [1, 2] {
        s.share(s.first, n, "").unwrap();
        s.decide(s.first, n, Action::Accept).unwrap();
    }
    assert_eq!(s.share(s.first, 3, "").unwrap_err().code, "share_limit_reached");
    for n in [1, 2, 2] {
        s.share(s.first, n, "yes").unwrap();
    }
    assert_eq!(s.followers(), [(s.project(1), State::Accepted), (s.project(2), State::Accepted)]);
    s.stop(s.first, 1);
    let refused = s.share(s.first, 3, "yes").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("follow_limit_reached", "follow"));
    assert_eq!(
        refused.message,
        "Maximum number of projects reached: 2 projects get the new images of web. End that for one first, or share this image alone."
    );
    check(&s.bench).unwrap();
}

#[test]
fn what_does_not_fit_is_told_and_the_image_is_made_all_the_same() {
    let s = scene();
    for n in [1, 2] {
        s.share(s.first, n, "yes").unwrap();
        s.decide(s.first, n, Action::Accept).unwrap();
    }
    let limits = Limits {
        n_images_max: 9,
        n_instances_max: 4,
        n_creates_max: 2,
        n_shares_max: 3,
        stored_gb_max: 1000,
        n_snapshots_max: 20,
    };
    let region = "north-1".into();
    let account = s.provider.accounts[0];
    providing::set_limits(&s.bench.app.system(), account, &region, Some(limits)).unwrap();
    let (next, _) = s.bench.capture(&s.owner(), s.machine, "web-v2").unwrap();
    s.family(next, "web");
    s.bench.work().unwrap();
    assert_eq!((s.state(next, 1), s.state(next, 2)), (Some(State::Accepted), None));
    let told = s.trail(&s.owner(), 0, &["share.follow_refused"]);
    let begins =
        format!("New in web, not shared with project {}. Maximum share limit reached.", s.project(2));
    assert!(told.len() == 1 && told[0].1.starts_with(&begins), "{told:?}");
    let friend = s.person("owner@bolt.example");
    assert_eq!(s.trail(&friend, 2, &["share.follow_refused"]), [], "the owner's figures are the owner's");

    // Two have accepted it, so a third who follows its new family does not get it.
    providing::set_limits(
        &s.bench.app.system(),
        account,
        &region,
        Some(Limits { n_shares_max: 9, ..limits }),
    )
    .unwrap();
    s.family(next, "");
    s.share(next, 2, "").unwrap();
    s.decide(next, 2, Action::Accept).unwrap();
    let (other, _) = s.bench.capture(&s.owner(), s.machine, "db-v1").unwrap();
    s.bench.work().unwrap();
    s.family(other, "db");
    s.share(other, 3, "yes").unwrap();
    s.family(next, "db");
    let told = s.trail(&s.owner(), 0, &["share.follow_refused"]);
    let begins =
        format!("New in db, not shared with project {}. Maximum number of shares reached", s.project(3));
    assert!(told.len() == 2 && told[0].1.starts_with(&begins), "{told:?}");
    check(&s.bench).unwrap();
}

#[test]
fn a_following_that_leads_nowhere_is_found() {
    let s = scene();
    s.share(s.first, 2, "yes").unwrap();
    assert_eq!(verify(s.bench.records()).unwrap().findings, Vec::<String>::new());
    transact::<_, StoreError>(s.bench.records(), 1, |tx| {
        let key = (s.project(0), "north-1".into(), "web".to_owned());
        let mut following = tx.get::<Following>(&key)?.unwrap();
        following.recipients[0].project = ProjectId(uuid::Uuid::from_u128(9));
        tx.put(&following)
    })
    .unwrap();
    let found = verify(s.bench.records()).unwrap().findings;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("The family web of the project"), "{found:?}");
}
