//! Acme with a machine that runs and an image, and everybody who deals with its money.

use darkroom_core::domain::Error;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::form::{BookForm, PaymentForm};
use darkroom_core::domain::ids::{AccountId, ImageId, InstanceId};
use darkroom_core::domain::image::Image;
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{audit, billing};
use darkroom_core::sim::{Bench, Provider, check};

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 86_400_000;

pub struct Scene {
    pub bench: Bench,
    pub provider: Provider,
    pub machine: InstanceId,
    pub image: ImageId,
}

pub fn scene() -> Scene {
    scene_with(Settings::default())
}

pub fn scene_with(settings: Settings) -> Scene {
    let bench = Bench::with(17, settings);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let (image, _) = bench.capture(&owner, machine, "web-v1").unwrap();
    bench.work().unwrap();
    Scene { bench, provider, machine, image }
}

impl Scene {
    pub fn account(&self) -> AccountId {
        self.provider.accounts[0]
    }

    pub fn system(&self) -> Ctx {
        self.bench.app.system()
    }

    pub fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    pub fn operator(&self) -> Ctx {
        self.bench.user("op@provider.example").unwrap()
    }

    pub fn place(&self, n: usize) -> Place {
        Place { project: Some(self.provider.projects[n].1), region: "north-1".into() }
    }

    pub fn image(&self) -> Image {
        self.system().read::<Image>(&self.image).unwrap().unwrap()
    }

    pub fn book(&self, kind: &str, amount: &str, reference: &str, statement: &str) -> Result<u64, Error> {
        let form = BookForm {
            account: self.account().to_string(),
            kind: kind.to_owned(),
            amount: amount.to_owned(),
            reference: reference.to_owned(),
            statement: statement.to_owned(),
            note: String::new(),
        };
        billing::book(&self.operator(), &form)
    }

    pub fn top_up(&self, amount: &str, reference: &str) -> Result<u64, Error> {
        self.book("top_up", amount, reference, "")
    }

    pub fn prepaid(&self, credit_limit: &str) {
        let form = PaymentForm {
            account: self.account().to_string(),
            mode: "prepaid".to_owned(),
            credit_limit: credit_limit.to_owned(),
            low_balance: "1".to_owned(),
        };
        billing::set_payment(&self.operator(), &form).unwrap();
    }

    /// What the trail of Acme tells of money, latest first.
    pub fn told(&self) -> Vec<(String, String)> {
        let rows = audit::list(&self.owner(), &self.place(0), &AuditQuery::default()).unwrap().page.rows;
        rows.into_iter()
            .map(|e| (e.action, e.detail))
            .filter(|(action, _)| action.starts_with("billing."))
            .collect()
    }

    pub fn nothing_is_wrong(&self) {
        check(&self.bench).unwrap();
        assert_eq!(verify(self.bench.records()).unwrap().findings, Vec::<String>::new());
    }
}
