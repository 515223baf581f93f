//! Images that are deployed in other regions than their own (U15): what the provider agreed to, and what a machine there needs until the
//! content has been brought to it, whatever becomes of the image meanwhile.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{
    ChangeImageForm, DeleteImageForm, DeployForm, QuotaDecisionForm, ReachForm,
};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, RegionId, RequestId};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::instance::{Instance, Status};
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{images, instances, quotas};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Bench, Effect, GRACE_MS, Op, Provider, check};
use darkroom_core::tasks::sweep;

/// An image of Acme in the north, and a machine it was made of.
struct Scene {
    bench: Bench,
    provider: Provider,
    image: ImageId,
}

fn scene() -> Scene {
    let bench = Bench::new(18);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    bench.host.write(machine, 7, 7);
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    Scene { bench, provider, image }
}

/// The same, and the image can be deployed in the south.
fn granted() -> Scene {
    let s = scene();
    let request = s.ask("south-1").unwrap();
    s.decide(request, "approve").unwrap();
    s
}

impl Scene {
    fn person(&self, email: &str) -> Ctx {
        self.bench.at_present(&self.bench.user(email).unwrap())
    }

    fn owner(&self) -> Ctx {
        self.person("owner@acme.example")
    }

    fn project(&self) -> ProjectId {
        self.provider.projects[0].1
    }

    fn reach(&self, region: &str) -> ReachForm {
        let reason = "Our customers are there as well.".to_owned();
        ReachForm { image: self.image.to_string(), region: region.to_owned(), reason }
    }

    fn ask(&self, region: &str) -> Result<RequestId, Error> {
        quotas::ask_reach(&self.owner(), &self.reach(region))
    }

    fn decide(&self, request: RequestId, verdict: &str) -> Result<(), Error> {
        let form = QuotaDecisionForm {
            request: request.to_string(),
            verdict: verdict.to_owned(),
            note: "As agreed by telephone.".to_owned(),
            granted: String::new(),
        };
        quotas::decide(&self.person("op@provider.example"), &form)
    }

    /// Asks for a machine of the image in the south.
    fn deploy(&self, name: &str) -> Result<InstanceId, Error> {
        let form = DeployForm {
            image: self.image.to_string(),
            region: "south-1".to_owned(),
            price_version: 1,
            ..self.bench.deploy_form(&self.provider, self.project(), name)
        };
        instances::create(&self.owner(), &form)
    }

    /// A machine in the south that failed before its content was there.
    fn failed(&self) -> InstanceId {
        self.no_transfer(1);
        let machine = self.deploy("far").unwrap();
        self.bench.work().unwrap();
        assert_eq!(self.machine(machine).status, Status::Error);
        machine
    }

    fn no_transfer(&self, n: u32) {
        let error = PortError::Refused("The link between the regions is cut.".to_owned());
        self.bench.host.fail(Op::Transfer, error, Effect::None, n);
    }

    fn machine(&self, id: InstanceId) -> Instance {
        self.owner().read::<Instance>(&id).unwrap().unwrap()
    }

    fn print(&self) -> String {
        self.owner().read::<Image>(&self.image).unwrap().unwrap().disks[0].fingerprint.clone()
    }

    fn is_stored(&self, region: &str, print: &str) -> bool {
        self.bench.host.stored(&RegionId::from(region)).0.contains(print)
    }

    /// The image is removed for good.
    fn purge(&self) {
        images::delete(&self.owner(), &DeleteImageForm::at_once(self.image)).unwrap();
        images::purge(&self.owner(), self.image).unwrap();
        self.bench.work().unwrap();
    }

    /// What nobody needs goes, in all regions.
    fn sweep(&self) {
        for _ in 0..2 {
            for region in &self.provider.regions {
                sweep::storage(&self.bench.app, region).unwrap();
            }
            self.bench.clock.advance(GRACE_MS + 1);
        }
    }

    fn is_sound(&self) {
        check(&self.bench).unwrap();
        assert_eq!(self.bench.witness.broken(), Vec::<String>::new());
        assert_eq!(verify(self.bench.records()).unwrap().findings, Vec::<String>::new());
    }
}

#[test]
fn an_image_is_deployed_in_another_region_once_the_provider_agreed() {
    let s = scene();
    let refused = s.deploy("far").unwrap_err();
    assert_eq!(refused.fields[0].field, "image");
    assert!(refused.fields[0].message.contains("ask your provider to make it deployable there"), "{refused}");

    assert_eq!(s.ask("north-1").unwrap_err().code, "reach_known");
    assert_eq!(s.ask("west-9").unwrap_err().fields[0].field, "region");
    let request = s.ask("south-1").unwrap();
    assert_eq!(s.ask("south-1").unwrap_err().code, "request_open");
    let refused = |email: &str| quotas::ask_reach(&s.person(email), &s.reach("south-1")).unwrap_err().kind;
    assert_eq!(refused("member@acme.example"), Kind::Forbidden);
    assert_eq!(refused("owner@bolt.example"), Kind::NotFound);
    s.decide(request, "approve").unwrap();
    assert_eq!(s.ask("south-1").unwrap_err().code, "reach_known");

    let machine = s.deploy("far").unwrap();
    s.bench.work().unwrap();
    assert!(s.bench.host.runs(machine), "its content was fetched first");
    s.is_sound();
    // The machine keeps what it started as, whatever becomes of the image.
    s.purge();
    s.sweep();
    instances::stop(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    instances::start(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    assert!(s.bench.host.runs(machine));
    s.is_sound();
}

#[test]
fn a_request_for_an_image_that_is_gone_is_declined() {
    let s = scene();
    let request = s.ask("south-1").unwrap();
    images::delete(&s.owner(), &DeleteImageForm::at_once(s.image)).unwrap();
    assert_eq!(s.decide(request, "approve").unwrap_err().code, "image_gone");
    s.decide(request, "decline").unwrap();
    s.is_sound();
}

#[test]
fn a_machine_that_failed_before_its_content_was_there_is_retried_also_when_the_image_is_gone() {
    let s = granted();
    let (machine, print) = (s.failed(), s.print());
    s.purge();
    s.sweep();
    s.is_sound();
    assert!(s.is_stored("north-1", &print), "what it is to be made of is kept where it is");
    // A start that fails as well changes nothing about that.
    s.no_transfer(1);
    instances::start(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    s.sweep();
    s.is_sound();
    instances::start(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    assert!(s.bench.host.runs(machine), "{:?}", s.machine(machine).error);
    // From now on it has its own.
    s.sweep();
    s.is_sound();
    assert!(s.is_stored("south-1", &print) && !s.is_stored("north-1", &print));
}

#[test]
fn a_failed_machine_that_is_deleted_holds_nothing_any_more() {
    let s = granted();
    let (machine, print) = (s.failed(), s.print());
    s.purge();
    instances::delete(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    s.sweep();
    s.is_sound();
    assert!(!s.is_stored("north-1", &print) && !s.is_stored("south-1", &print));
}

#[test]
fn an_image_that_is_purged_while_a_machine_elsewhere_is_given_it_does_not_break_that() {
    let s = granted();
    let public = DeployForm {
        region: "south-1".to_owned(),
        image: s.provider.public[1].to_string(),
        price_version: 1,
        ..s.bench.deploy_form(&s.provider, s.project(), "far")
    };
    let machine = instances::create(&s.owner(), &public).unwrap();
    s.bench.work().unwrap();
    instances::stop(&s.owner(), machine).unwrap();
    s.bench.work().unwrap();
    let form = ChangeImageForm {
        instance: machine.to_string(),
        image: s.image.to_string(),
        sure: "yes".to_owned(),
        price_version: 1,
        ..ChangeImageForm::default()
    };
    instances::change_image(&s.owner(), &form).unwrap();
    let (app, clock, ctx, image) = (s.bench.app.clone(), s.bench.clock.clone(), s.owner(), s.image);
    let (engine, print) = (s.bench.engine.clone(), s.print());
    s.bench.host.interrupt(Some(Op::Transfer), move || {
        images::delete(&ctx, &DeleteImageForm::at_once(image)).unwrap();
        images::purge(&ctx, image).unwrap();
        engine.run_once().unwrap();
        for _ in 0..3 {
            sweep::storage(&app, &"north-1".into()).unwrap();
            sweep::storage(&app, &"south-1".into()).unwrap();
            clock.advance(GRACE_MS + 1);
        }
    });
    s.bench.work().unwrap();
    let now = s.machine(machine);
    assert_eq!((now.status, now.origin.id), (Status::Running, s.image), "{:?}", now.error);
    s.sweep();
    s.is_sound();
    assert!(s.is_stored("south-1", &print) && !s.is_stored("north-1", &print));
}
