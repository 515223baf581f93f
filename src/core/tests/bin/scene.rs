//! An image of Acme's first project, of the family `web`, and everybody who may want it: where the tests of the recycle bin begin.

use darkroom_core::domain::Error;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{DeleteImageForm, EditImageForm, RestoreImageForm, ShareForm};
use darkroom_core::domain::ids::{ImageId, InstanceId, ProjectId, Subject};
use darkroom_core::domain::image::Image;
use darkroom_core::domain::meter::Meter;
use darkroom_core::domain::quota::Counter;
use darkroom_core::domain::share::Action;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::images::Deleted;
use darkroom_core::ops::{audit, images, instances, provider, shares};
use darkroom_core::sim::{Bench, Provider};
use darkroom_core::store::{Order, list};

pub const DAY_MS: i64 = 86_400_000;

/// An image of Acme's first project, of the family `web`, and everybody who may want it.
pub struct Scene {
    pub bench: Bench,
    pub provider: Provider,
    pub machine: InstanceId,
    pub image: ImageId,
}

pub fn scene_with(settings: Settings) -> Scene {
    let bench = Bench::with(14, settings);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    let form = EditImageForm {
        image: image.to_string(),
        revision: 0,
        name: "web-v1".to_owned(),
        remark: Some("the first".to_owned()),
        family: Some("web".to_owned()),
        tags: Some("env=prod, team=web".to_owned()),
        ..EditImageForm::default()
    };
    images::update(&bench.at_present(&owner), &form).unwrap();
    Scene { bench, provider, machine, image }
}

pub fn scene() -> Scene {
    scene_with(Settings::default())
}

impl Scene {
    pub fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    pub fn friend(&self) -> Ctx {
        self.bench.user("owner@bolt.example").unwrap()
    }

    pub fn now(&self) -> Timestamp {
        self.bench.at_present(&self.bench.app.system()).now
    }

    /// Projects: two of Acme, then two of Bolt.
    pub fn project(&self, n: usize) -> ProjectId {
        self.provider.projects[n].1
    }

    pub fn place(&self, n: usize) -> Place {
        Place { project: Some(self.project(n)), region: "north-1".into() }
    }

    pub fn find(&self, id: ImageId) -> Option<Image> {
        self.bench.app.system().read::<Image>(&id).unwrap()
    }

    pub fn image(&self) -> Image {
        self.find(self.image).unwrap()
    }

    pub fn try_delete(&self, unshare: &str, when: &str, day: &str) -> Result<Deleted, Error> {
        let form = DeleteImageForm {
            image: self.image.to_string(),
            unshare: unshare.to_owned(),
            when: when.to_owned(),
            day: day.to_owned(),
        };
        images::delete(&self.owner(), &form)
    }

    pub fn delete(&self) -> Deleted {
        self.try_delete("", "now", "").unwrap()
    }

    pub fn try_restore(&self, name: &str) -> Result<ImageId, Error> {
        let form =
            RestoreImageForm { image: self.image.to_string(), name: name.to_owned(), price_version: 1 };
        images::restore(&self.owner(), &form)
    }

    pub fn share(&self, n: usize) {
        let form = ShareForm {
            image: self.image.to_string(),
            projects: self.project(n).to_string(),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&self.owner(), &form).unwrap();
    }

    pub fn accept(&self, n: usize) -> Result<(), Error> {
        self.answer(n, Action::Accept)
    }

    pub fn answer(&self, n: usize, action: Action) -> Result<(), Error> {
        let who = if n < 2 { self.owner() } else { self.friend() };
        shares::decide(&who, self.image, self.project(n), action)
    }

    pub fn deploy(&self, ctx: &Ctx, n: usize, image: &str, name: &str) -> Result<InstanceId, Error> {
        let mut form = self.bench.deploy_form(&self.provider, self.project(n), name);
        form.image = image.to_owned();
        instances::create(&self.bench.at_present(ctx), &form)
    }

    pub fn days(&self, n: i64) -> String {
        self.now().plus_ms(n * DAY_MS).iso_day()
    }

    pub fn set_recycle_days(&self, n: u32) {
        provider::change_region(&self.bench.app.system(), &"north-1".into(), |region| {
            region.recycle_days = n;
            Ok(())
        })
        .unwrap();
    }

    pub fn meters(&self, id: ImageId) -> Vec<Meter> {
        let all = list::<Meter>(self.bench.records(), &(), Order::Ascending, 1000, None).unwrap().items;
        let mut found: Vec<Meter> = all.into_iter().filter(|m| m.subject == Subject::Image(id)).collect();
        found.sort_by_key(|m| (m.from, m.to.unwrap_or(Timestamp(i64::MAX))));
        found
    }

    pub fn counter(&self) -> Counter {
        let key = (self.provider.accounts[0], "north-1".into());
        self.bench.app.system().read::<Counter>(&key).unwrap().unwrap()
    }

    pub fn actions(&self, ctx: &Ctx, n: usize) -> Vec<(String, String)> {
        let rows = audit::list(ctx, &self.place(n), &AuditQuery::default()).unwrap().page.rows;
        rows.into_iter().map(|e| (e.action, e.detail)).collect()
    }
}
