//! Sharing as both sides meet it: what a share gives and when, what is refused and in which words, and what holds when many do it at once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{AccountForm, CopyImageForm, ShareForm, StopSharingForm};
use darkroom_core::domain::ids::{ImageId, ProjectId};
use darkroom_core::domain::instance::{Instance, Status};
use darkroom_core::domain::share::{Action, Sharing, State};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::{audit, images, instances, provider, shares};
use darkroom_core::sim::{Bench, Provider, check};

const DAY_MS: i64 = 86_400_000;

/// An image of Acme's first project, and everybody who may want it.
struct Scene {
    bench: Bench,
    provider: Provider,
    image: ImageId,
}

fn scene() -> Scene {
    let bench = Bench::new(12);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    Scene { bench, provider, image }
}

impl Scene {
    fn person(&self, email: &str) -> Ctx {
        self.bench.user(email).unwrap()
    }

    fn owner(&self) -> Ctx {
        self.person("owner@acme.example")
    }

    fn friend(&self) -> Ctx {
        self.person("owner@bolt.example")
    }

    /// Projects: two of Acme, then two of Bolt.
    fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    fn place(&self, n: usize) -> Place {
        Place { project: Some(self.project(n)), region: "north-1".into() }
    }

    fn try_share(&self, ctx: &Ctx, typed: &str) -> Result<ImageId, Error> {
        let form = ShareForm {
            image: self.image.to_string(),
            projects: typed.to_owned(),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&self.bench.at_present(ctx), &form)
    }

    fn share(&self, n: usize) {
        self.try_share(&self.owner(), &self.project(n).to_string()).unwrap();
    }

    fn decide(&self, n: usize, action: Action) -> Result<(), Error> {
        let who = if n < 2 { self.owner() } else { self.friend() };
        shares::decide(&who, self.image, self.project(n), action)
    }

    fn stop(&self, n: usize, when: &str, day: &str) -> Result<ImageId, Error> {
        let form = StopSharingForm {
            image: self.image.to_string(),
            project: self.project(n).to_string(),
            when: when.to_owned(),
            day: day.to_owned(),
        };
        shares::stop(&self.owner(), &form)
    }

    /// Somebody else makes a machine of the image.
    fn deploy(
        &self,
        ctx: &Ctx,
        n: usize,
        name: &str,
    ) -> Result<darkroom_core::domain::ids::InstanceId, Error> {
        let mut form = self.bench.deploy_form(&self.provider, self.project(n), name);
        form.image = self.image.to_string();
        instances::create(&self.bench.at_present(ctx), &form)
    }

    fn state(&self, n: usize) -> Option<State> {
        let rows = shares::sharing(&self.owner(), self.image).unwrap().rows;
        rows.iter().find(|row| row.project == self.project(n)).map(|row| row.state)
    }
}

#[test]
fn an_image_is_the_recipients_to_use_once_it_is_accepted_and_not_before() {
    let scene = scene();
    scene.share(2);
    let friend = scene.friend();
    assert_eq!(shares::n_waiting(&friend, scene.project(2), &"north-1".into()), 1);
    assert_eq!(images::detail(&friend, &scene.place(2), scene.image).unwrap_err().kind, Kind::NotFound);
    assert_eq!(scene.deploy(&friend, 2, "early").unwrap_err().kind, Kind::NotFound);

    scene.decide(2, Action::Accept).unwrap();
    let seen = images::detail(&friend, &scene.place(2), scene.image).unwrap();
    assert_eq!(seen.shared.as_ref().map(|s| s.from_id), Some(scene.project(0)));
    assert!(seen.may_deploy && !seen.may_change && seen.events.is_empty() && seen.image.source.is_none());
    let offered = instances::deploy_options(&friend, &scene.place(2)).unwrap();
    assert_eq!(offered.shared.iter().map(|i| i.id).collect::<Vec<_>>(), [scene.image]);
    assert!(offered.mine.is_empty(), "it is not their own and takes no slot (H4)");

    let machine = scene.deploy(&friend, 2, "mine").unwrap();
    scene.bench.work().unwrap();
    assert_eq!(friend.read::<Instance>(&machine).unwrap().unwrap().status, Status::Running);
    // It was given to one project, and to no other of the same people.
    assert_eq!(scene.deploy(&friend, 3, "elsewhere").unwrap_err().kind, Kind::NotFound);
    check(&scene.bench).unwrap();
}

#[test]
fn what_is_received_cannot_be_changed_deleted_or_passed_on() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Accept).unwrap();
    let friend = scene.friend();
    let refused = scene.try_share(&friend, &scene.project(3).to_string()).unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden, "no sharing on (H10)");
    assert_eq!(scene.bench.remove(&friend, scene.image).unwrap_err().kind, Kind::Forbidden);
    assert_eq!(
        shares::sharing(&friend, scene.image).unwrap_err().kind,
        Kind::NotFound,
        "who else has it is not told"
    );
}

#[test]
fn what_is_received_can_be_saved_as_their_own_inside_its_region_only() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Accept).unwrap();
    let friend = scene.bench.at_present(&scene.friend());
    let offered = images::copy_options(&friend, scene.image, None).unwrap();
    let open: Vec<(&str, bool)> =
        offered.regions.iter().map(|r| (r.id.as_str(), r.refused.is_none())).collect();
    assert_eq!(open, [("north-1", true), ("south-1", false)]);
    assert_eq!(offered.project, Some(scene.project(2)));

    let copy = |n: usize, region: &str| CopyImageForm {
        data_disks: String::new(),
        image: scene.image.to_string(),
        project: scene.project(n).to_string(),
        regions: vec![region.to_owned()],
        name: "my own".to_owned(),
        remark: String::new(),
        family: None,
        tags: None,
        price_versions: [(region.to_owned(), 1)].into(),
    };
    assert_eq!(images::copy(&friend, &copy(2, "south-1")).unwrap_err().code, "shared_elsewhere");
    assert_eq!(
        images::copy(&friend, &copy(0, "north-1")).unwrap_err().kind,
        Kind::NotFound,
        "not the sharer's project"
    );
    let own = images::copy(&friend, &copy(3, "north-1")).unwrap()[0];
    let trail = audit::list(&scene.owner(), &scene.place(0), &AuditQuery::default()).unwrap().page.rows;
    assert!(trail.iter().all(|e| e.action != "image.copy"), "what they do with it is theirs");

    // It is theirs whatever becomes of the share and of what it was copied from.
    scene.stop(2, "now", "").unwrap();
    assert_eq!(images::copy(&friend, &copy(2, "north-1")).unwrap_err().kind, Kind::NotFound);
    scene.bench.remove(&scene.owner(), scene.image).unwrap();
    scene.bench.work().unwrap();
    let mine = images::detail(&friend, &scene.place(3), own).unwrap();
    assert!(mine.may_change && mine.may_deploy && mine.shared.is_none() && mine.copied_from.is_none());
    check(&scene.bench).unwrap();
}

#[test]
fn one_wrong_line_shares_nothing_and_every_wrong_line_is_named() {
    let scene = scene();
    let (good, own) = (scene.project(2).to_string(), scene.project(0).to_string());
    let nobody = "00000000-0000-4000-8000-00000000dead";
    let refused =
        scene.try_share(&scene.owner(), &format!("{good}\nprj-1, {nobody}\n{own} {good}")).unwrap_err();
    assert_eq!(refused.message, "3 of 4 lines need a change. Nothing has been shared yet.");
    let named: Vec<(&str, &str)> =
        refused.fields[1..].iter().map(|f| (f.field.as_str(), f.message.as_str())).collect();
    assert_eq!(
        named,
        [
            ("projects.prj-1", "Not an id: it looks like 4b7e19c0-a2d8-4f36-9c1e-07aa53fe91c2"),
            (format!("projects.{nobody}").as_str(), "No such project"),
            (format!("projects.{own}").as_str(), "This is the image's own project"),
        ]
    );
    assert_eq!(scene.state(2), None);

    let none = ShareForm { image: scene.image.to_string(), ..ShareForm::default() };
    let refused = shares::share(&scene.owner(), &none).unwrap_err();
    let fields: Vec<&str> = refused.fields.iter().map(|f| f.field.as_str()).collect();
    assert_eq!(fields, ["projects", "sure"]);
    let many: Vec<String> = (0..101).map(|n| uuid::Uuid::from_u128(n).to_string()).collect();
    let refused = scene.try_share(&scene.owner(), &many.join(" ")).unwrap_err();
    assert!(refused.message.starts_with("101 projects are too many at once."), "{}", refused.message);
}

#[test]
fn what_was_rejected_can_be_accepted_later_and_can_be_asked_again() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Reject).unwrap();
    assert_eq!(shares::n_waiting(&scene.friend(), scene.project(2), &"north-1".into()), 0);
    scene.decide(2, Action::Accept).unwrap();
    assert_eq!(scene.decide(2, Action::Accept).unwrap_err().code, "share_accepted");
    scene.decide(2, Action::Reject).unwrap();
    scene.share(2);
    assert_eq!(scene.state(2), Some(State::Pending));
    scene.share(2);
    assert_eq!(
        scene.owner().read::<Sharing>(&scene.image).unwrap().map(|s| (s.n_accepted, s.n_pending)),
        Some((0, 1))
    );
}

#[test]
fn only_accepted_shares_count_against_the_limit_also_when_many_accept_at_once() {
    let scene = scene();
    // Two may accept here; all three may be asked (H5).
    for n in [1, 2, 3] {
        scene.share(n);
    }
    let refusals: Vec<Error> = std::thread::scope(|scope| {
        let threads: Vec<_> = [1, 2, 3]
            .map(|n| {
                let (scene, who) = (&scene, if n < 2 { scene.owner() } else { scene.friend() });
                scope.spawn(move || shares::decide(&who, scene.image, scene.project(n), Action::Accept).err())
            })
            .into_iter()
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(refusals.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["share_limit_reached"]);
    assert_eq!(
        refusals[0].message,
        "Maximum number of shares reached: 2 projects have accepted this image. Ask its owner to stop sharing it with another project."
    );
    check(&scene.bench).unwrap();
}

#[test]
fn stopping_at_once_takes_the_image_and_leaves_the_machines() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Accept).unwrap();
    let machine = scene.deploy(&scene.friend(), 2, "mine").unwrap();
    scene.bench.work().unwrap();
    scene.stop(2, "now", "").unwrap();
    assert_eq!(
        images::detail(&scene.friend(), &scene.place(2), scene.image).unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(scene.deploy(&scene.friend(), 2, "late").unwrap_err().kind, Kind::NotFound);
    let machine = scene.friend().read::<Instance>(&machine).unwrap().unwrap();
    assert_eq!(machine.status, Status::Running);
    check(&scene.bench).unwrap();
}

#[test]
fn grace_lasts_to_the_end_of_its_day_and_is_acted_on() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Accept).unwrap();
    let proposed = shares::stop_options(&scene.owner(), scene.image, scene.project(2)).unwrap();
    let in_a_week = scene.bench.at_present(&scene.owner()).now.plus_ms(7 * DAY_MS);
    assert_eq!(proposed.day, in_a_week.iso_day());
    for (day, says) in [
        ("2001-01-01", "This day is over."),
        ("2999-01-01", "This is more than a year"),
        ("x", "A day is missing."),
    ] {
        let refused = scene.stop(2, "later", day).unwrap_err();
        assert!(refused.message.starts_with(says) && refused.fields[0].field == "day", "{refused:?}");
    }
    scene.stop(2, "later", &proposed.day).unwrap();
    let told = shares::received(&scene.friend(), &scene.place(2)).unwrap();
    assert_eq!(
        told.decided[0].ends.map(|end| end.plus_ms(-1).iso_day()).as_deref(),
        Some(proposed.day.as_str())
    );

    // They are told, and save it with one click.
    assert_eq!(shares::n_ending(&scene.friend(), scene.provider.projects[2].1, &"north-1".into()), 1);
    let save = told.decided[0].save.clone().unwrap();
    assert_eq!((save.name.as_str(), save.price_version), (told.decided[0].name.as_str(), 1));
    let form = CopyImageForm {
        image: scene.image.to_string(),
        project: scene.provider.projects[2].1.to_string(),
        regions: vec![told.decided[0].region.to_string()],
        name: save.name,
        price_versions: [(told.decided[0].region.to_string(), save.price_version)].into(),
        ..CopyImageForm::default()
    };
    images::copy(&scene.friend(), &form).unwrap();

    // Sharing again takes the end back.
    scene.share(2);
    assert_eq!(shares::received(&scene.friend(), &scene.place(2)).unwrap().decided[0].ends, None);
    scene.stop(2, "later", &proposed.day).unwrap();
    let end = shares::sharing(&scene.owner(), scene.image).unwrap().rows[0].ends.unwrap();
    scene.bench.clock.advance(end.since_ms(scene.bench.at_present(&scene.owner()).now) - 1);
    assert!(scene.deploy(&scene.friend(), 2, "last").is_ok());
    assert_eq!(shares::sweep_ended(&scene.bench.app).unwrap(), 0);
    scene.bench.clock.advance(1);
    assert_eq!(
        scene.deploy(&scene.friend(), 2, "late").unwrap_err().kind,
        Kind::NotFound,
        "also before the sweep"
    );
    assert_eq!(shares::sweep_ended(&scene.bench.app).unwrap(), 1);
    assert_eq!(shares::sweep_ended(&scene.bench.app).unwrap(), 0);
    assert_eq!(scene.state(2), None);
    check(&scene.bench).unwrap();
}

#[test]
fn a_shared_image_is_not_deleted_under_those_who_have_it() {
    let scene = scene();
    scene.share(2);
    let refused = scene.bench.remove(&scene.owner(), scene.image).unwrap_err();
    assert_eq!(refused.code, "image_shared");
    assert_eq!(
        refused.message,
        "A shared image cannot be deleted. It is shared with 1 project. Stop sharing it first, or choose “Unshare all and delete”; both can leave them time."
    );
    let shown = images::deletion(&scene.owner(), scene.image).unwrap();
    assert_eq!(shown.unsharing.map(|u| (u.n_accepted, u.n_waiting, u.at_once)), Some((0, 1, true)));
    // What was rejected is nobody's.
    scene.decide(2, Action::Reject).unwrap();
    scene.bench.remove(&scene.owner(), scene.image).unwrap();
    scene.bench.work().unwrap();
    check(&scene.bench).unwrap();
}

#[test]
fn each_side_reads_of_the_other_sides_project_and_never_of_its_people() {
    let scene = scene();
    scene.share(2);
    scene.decide(2, Action::Accept).unwrap();
    scene.stop(2, "now", "").unwrap();
    for (who, n, other) in [(scene.owner(), 0, "bolt.example"), (scene.friend(), 2, "acme.example")] {
        let trail = audit::list(&who, &scene.place(n), &AuditQuery::default()).unwrap().page.rows;
        let about: Vec<_> = trail.iter().filter(|e| e.action.starts_with("share.")).collect();
        let mut actions: Vec<&str> = about.iter().map(|e| e.action.as_str()).collect();
        actions.sort_unstable();
        assert_eq!(actions, ["share.accept", "share.offer", "share.stop"]);
        assert!(trail.iter().all(|e| !e.actor.contains(other) && !e.detail.contains(other)), "{trail:#?}");
    }
    let events = images::detail(&scene.owner(), &scene.place(0), scene.image).unwrap().events;
    assert_eq!(events.iter().filter(|e| e.action == "share.accept").count(), 1, "each happening once");
}

#[test]
fn across_sites_an_image_is_shared_where_its_region_is_on_both() {
    let s = scene();
    let system = s.bench.app.system();
    let bolt = AccountForm { account: s.provider.accounts[1].to_string(), site: "asia".to_owned() };
    assert_eq!(provider::edit_account(&s.owner(), &bolt).unwrap_err().kind, Kind::NotFound);
    provider::edit_account(&s.person("op@provider.example"), &bolt).unwrap();
    let to = s.project(2).to_string();
    let refused = s.try_share(&s.owner(), &to).unwrap_err();
    let line = refused.fields.iter().find(|f| f.field == format!("projects.{to}")).unwrap();
    assert!(
        line.message.contains("on the site asia, your account is on main, and north-1 is on main."),
        "{line:?}"
    );
    assert!(line.message.contains("share the copy"), "{line:?}");
    // Inside the account nothing changes.
    s.share(1);
    provider::change_region(&system, &"north-1".into(), |r| {
        r.sites.insert("asia".to_owned());
        Ok(())
    })
    .unwrap();
    s.share(2);
    s.decide(2, Action::Accept).unwrap();
    s.bench.clock.advance(60_000);
    let back = AccountForm { site: "main".to_owned(), ..bolt };
    provider::edit_account(&s.person("op@provider.example"), &back).unwrap();
    let query = AuditQuery { action: "account.update".into(), ..Default::default() };
    let trail = audit::list(&s.friend(), &s.place(2), &query).unwrap();
    assert_eq!(trail.page.rows[0].detail, "Changed the site from asia to main.");
    check(&s.bench).unwrap();
}
