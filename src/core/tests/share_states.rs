//! Random sequences of what an owner and several recipients do about two images, against a small model of sharing: who may list and use what
//! (A5-5), how many may have it (H1), what counts against whose quotas (H4, H5), and accepting after rejecting (H19).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{
    CopyImageForm, CreateImageForm, DeleteImageForm, DeployForm, RestoreImageForm, ShareForm, StopSharingForm,
};
use darkroom_core::domain::ids::{AccountId, ImageId, ProjectId};
use darkroom_core::domain::project::{Role, Side};
use darkroom_core::domain::quota::Counter;
use darkroom_core::domain::share::{Action, Sharing, State};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::{Error, Kind};
use darkroom_core::ops::ctx::{Ctx, Place, Settings};
use darkroom_core::ops::{images, instances, provider, shares};
use darkroom_core::sim::{Bench, PASSWORD, check};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: i64 = 86_400_000;
const N_RECIPIENTS: usize = 4;
/// Shares of the owner's account that may be accepted: fewer than both images allow together.
const N_SHARES_MAX: usize = 2;

/// Something that somebody does; images and recipients by number.
#[derive(Clone, Debug)]
enum Deed {
    Offer(usize, BTreeSet<usize>),
    Answer(usize, usize, Action),
    StopNow(usize, usize),
    /// At the end of a day so many days from now.
    StopLater(usize, usize, i64),
    Save(usize, usize),
    Recycle(usize),
    Restore(usize),
    /// So many hours.
    Wait(i64),
    Sweep,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (image, who) = (0usize..2, 0..N_RECIPIENTS);
    let pair = || (image.clone(), who.clone());
    let several = proptest::collection::btree_set(who.clone(), 1..4);
    let answer = proptest::sample::select(vec![Action::Accept, Action::Accept, Action::Reject]);
    prop_oneof![
        5 => (image.clone(), several).prop_map(|(i, r)| Deed::Offer(i, r)),
        8 => (pair(), answer).prop_map(|((i, r), action)| Deed::Answer(i, r, action)),
        2 => pair().prop_map(|(i, r)| Deed::StopNow(i, r)),
        3 => (pair(), 0i64..4).prop_map(|((i, r), days)| Deed::StopLater(i, r, days)),
        2 => pair().prop_map(|(i, r)| Deed::Save(i, r)),
        1 => image.clone().prop_map(Deed::Recycle),
        1 => image.prop_map(Deed::Restore),
        3 => (1i64..60).prop_map(Deed::Wait),
        1 => Just(Deed::Sweep),
    ]
}

/// What somebody was offered.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Offered {
    state: State,
    ends: Option<Timestamp>,
}

/// Sharing in as few words as possible. What has ended gives nothing, and counts until it is cleared away.
#[derive(Default)]
struct Model {
    offers: BTreeMap<(usize, usize), Offered>,
    recycled: BTreeSet<usize>,
    n_saved: [u32; N_RECIPIENTS],
    now: Timestamp,
}

impl Model {
    fn stands(&self, key: (usize, usize)) -> Option<Offered> {
        let offer = self.offers.get(&key).copied()?;
        offer.ends.is_none_or(|end| self.now < end).then_some(offer)
    }

    /// What the recipient's pages show of it.
    fn listed(&self, key: (usize, usize)) -> Option<State> {
        self.stands(key).filter(|_| !self.recycled.contains(&key.0)).map(|offer| offer.state)
    }

    fn gives(&self, key: (usize, usize)) -> bool {
        self.listed(key) == Some(State::Accepted)
    }

    fn n(&self, image: Option<usize>, state: State) -> usize {
        let of = |(i, _): &(usize, usize)| image.is_none_or(|image| image == *i);
        self.offers.iter().filter(|(key, offer)| of(key) && offer.state == state).count()
    }

    fn full(&self, image: usize, most: &[usize; 2]) -> bool {
        self.n(Some(image), State::Accepted) >= most[image]
    }

    /// Does it, or gives the code it is refused with. `most` are the limits of accepted shares of either image.
    fn act(&mut self, deed: &Deed, most: &[usize; 2]) -> Result<(), &'static str> {
        match deed {
            Deed::Offer(image, _) if self.recycled.contains(image) => return Err("image_recycled"),
            Deed::Offer(image, recipients) => {
                let anew = |r: &usize| {
                    !self.gives((*image, *r)) && self.listed((*image, *r)) != Some(State::Pending)
                };
                let asked: Vec<usize> = recipients.iter().copied().filter(anew).collect();
                if !asked.is_empty() && self.full(*image, most) {
                    return Err("share_limit_reached");
                }
                // Who has it goes on having it, without an end; who waits goes on waiting.
                for r in recipients.iter().filter(|r| self.gives((*image, **r))).collect::<Vec<_>>() {
                    self.offers.insert((*image, *r), Offered { state: State::Accepted, ends: None });
                }
                let offers = asked.into_iter().map(|r| (*image, r));
                self.offers.extend(offers.map(|key| (key, Offered { state: State::Pending, ends: None })));
            }
            Deed::Answer(image, r, action) => {
                let key = (*image, *r);
                let before = self.offers.get(&key).copied();
                let before = before.filter(|_| !self.recycled.contains(image)).ok_or("not_found")?;
                if self.stands(key).is_none() {
                    return Err("share_ended");
                }
                let state = match (action, before.state) {
                    (Action::Accept, State::Accepted) => return Err("share_accepted"),
                    (Action::Reject, State::Rejected) => return Err("share_rejected"),
                    (Action::Accept, _) if self.full(*image, most) => return Err("share_limit_reached"),
                    (Action::Accept, _) if self.n(None, State::Accepted) >= N_SHARES_MAX => {
                        return Err("account_share_limit_reached");
                    }
                    (Action::Accept, _) => State::Accepted,
                    (Action::Reject, _) => State::Rejected,
                };
                self.offers.insert(key, Offered { state, ..before });
            }
            Deed::StopNow(image, r) | Deed::StopLater(image, r, _) => {
                let key = (*image, *r);
                let before = self.offers.get(&key).copied().ok_or("not_found")?;
                match deed {
                    Deed::StopLater(_, _, days) if self.gives(key) => {
                        let ends = Timestamp::after_day(&self.now.plus_ms(days * DAY_MS).iso_day());
                        self.offers.insert(key, Offered { ends, ..before });
                    }
                    _ => drop(self.offers.remove(&key)),
                }
            }
            Deed::Save(image, r) if !self.gives((*image, *r)) => return Err("not_found"),
            Deed::Save(_, r) => self.n_saved[*r] += 1,
            Deed::Recycle(image) if self.recycled.contains(image) => return Err("image_recycled"),
            Deed::Recycle(image) => {
                self.recycled.insert(*image);
                self.clear(Some(*image));
            }
            Deed::Restore(image) if !self.recycled.remove(image) => return Err("image_not_recycled"),
            Deed::Restore(_) => {}
            Deed::Wait(hours) => self.now = self.now.plus_ms(hours * 3_600_000),
            Deed::Sweep => self.clear(None),
        }
        Ok(())
    }

    fn clear(&mut self, image: Option<usize>) {
        let now = self.now;
        self.offers.retain(|(i, _), offer| {
            image.is_some_and(|image| image != *i) || offer.ends.is_none_or(|end| now < end)
        });
    }
}

/// Somebody whom images are shared with.
struct Recipient {
    ctx: Ctx,
    account: AccountId,
    project: ProjectId,
}

/// Acme with an image of a system disk and one of a whole machine, and four others with an account each.
struct Scene {
    bench: Bench,
    owner: Ctx,
    account: AccountId,
    images: [ImageId; 2],
    recipients: Vec<Recipient>,
}

fn scene() -> Scene {
    let bench = Bench::new(31);
    let provider = bench.provider().unwrap();
    let system = bench.app.system();
    provider::change_region(&system, &"north-1".into(), |region| {
        region.limits.n_shares_max = u32::try_from(N_SHARES_MAX).unwrap();
        region.limits.n_images_max = 100;
        Ok(())
    })
    .unwrap();
    let recipients = (0..N_RECIPIENTS).map(|n| {
        let (name, email) = (format!("friend-{n}"), format!("owner@friend-{n}.example"));
        let account = provider::create_account(&system, &name).unwrap();
        let project = provider::create_project(&system, account, "web").unwrap();
        let side = Side::Tenant { account, roles: BTreeMap::new() };
        provider::create_user(&system, &email, PASSWORD, side).unwrap();
        let own = provider::project_by_name(&system, account, "web").unwrap();
        provider::set_role(&system, &email, &own, Some(Role::Owner)).unwrap();
        Recipient { ctx: bench.user(&email).unwrap(), account, project }
    });
    let recipients = recipients.collect();
    let owner = bench.user("owner@acme.example").unwrap();
    let (account, project) = provider.projects[0];
    let form = DeployForm {
        data1_gib: "1".to_owned(),
        data1_kind: "ssd".to_owned(),
        ..bench.deploy_form(&provider, project, "web")
    };
    let machine = instances::create(&bench.at_present(&owner), &form).unwrap();
    bench.work().unwrap();
    bench.service_on(&owner, project).unwrap();
    let images = ["system", "machine"].map(|what| {
        let form = CreateImageForm {
            instance: machine.to_string(),
            what: what.to_owned(),
            name: what.to_owned(),
            price_version: 1,
            ..CreateImageForm::default()
        };
        let id = images::create(&bench.at_present(&owner), &form).unwrap();
        bench.work().unwrap();
        id
    });
    Scene { bench, owner, account, images, recipients }
}

/// The code of a refusal, where everything that is as if it did not exist is called the same.
fn code(error: Error) -> String {
    if error.kind == Kind::NotFound { "not_found".to_owned() } else { error.code }
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.at_present(&self.owner)
    }

    fn recipient(&self, r: usize) -> (Ctx, Place) {
        let one = &self.recipients[r];
        (self.bench.at_present(&one.ctx), Place { project: Some(one.project), region: "north-1".into() })
    }

    /// Places of accepted shares for the system disk and the whole machine.
    fn most(&self) -> [usize; 2] {
        let settings = &self.bench.app.settings;
        [settings.shares_max, settings.machine_shares_max].map(|n| usize::try_from(n).unwrap())
    }

    fn act(&self, deed: &Deed, n: usize) -> Result<(), String> {
        let done = match deed {
            Deed::Offer(i, recipients) => {
                let to: Vec<String> =
                    recipients.iter().map(|r| self.recipients[*r].project.to_string()).collect();
                let form = ShareForm {
                    image: self.images[*i].to_string(),
                    projects: to.join(" "),
                    sure: "yes".to_owned(),
                    ..ShareForm::default()
                };
                shares::share(&self.owner(), &form).map(drop)
            }
            Deed::Answer(i, r, action) => {
                let (ctx, _) = self.recipient(*r);
                shares::decide(&ctx, self.images[*i], self.recipients[*r].project, *action)
            }
            Deed::StopNow(i, r) => self.stop(*i, *r, "now", String::new()),
            Deed::StopLater(i, r, days) => {
                self.stop(*i, *r, "later", self.owner().now.plus_ms(days * DAY_MS).iso_day())
            }
            Deed::Save(i, r) => {
                let (ctx, place) = self.recipient(*r);
                let form = CopyImageForm {
                    image: self.images[*i].to_string(),
                    project: place.project.unwrap().to_string(),
                    regions: vec!["north-1".to_owned()],
                    name: format!("saved-{n}"),
                    price_versions: [("north-1".to_owned(), 1)].into(),
                    ..CopyImageForm::default()
                };
                images::copy(&ctx, &form).map(drop)
            }
            Deed::Recycle(i) => {
                let form = DeleteImageForm {
                    unshare: "yes".to_owned(),
                    ..DeleteImageForm::at_once(self.images[*i])
                };
                images::delete(&self.owner(), &form).map(drop)
            }
            Deed::Restore(i) => {
                let form = RestoreImageForm {
                    image: self.images[*i].to_string(),
                    price_version: 1,
                    ..RestoreImageForm::default()
                };
                images::restore(&self.owner(), &form).map(drop)
            }
            Deed::Wait(hours) => {
                self.bench.clock.advance(hours * 3_600_000);
                Ok(())
            }
            Deed::Sweep => shares::sweep_ended(&self.bench.app).map(drop),
        };
        done.map_err(code)
    }

    fn stop(&self, i: usize, r: usize, when: &str, day: String) -> Result<(), Error> {
        let form = StopSharingForm {
            image: self.images[i].to_string(),
            project: self.recipients[r].project.to_string(),
            when: when.to_owned(),
            day,
        };
        shares::stop(&self.owner(), &form).map(drop)
    }

    /// What one recipient can list and use is what the model says.
    fn sees(&self, r: usize, model: &Model) -> Result<(), TestCaseError> {
        let (ctx, place) = self.recipient(r);
        let received = shares::received(&ctx, &place).unwrap();
        let waiting = received.waiting.iter().map(|row| (row.id, row.state));
        let shown: BTreeMap<ImageId, State> =
            waiting.chain(received.decided.iter().map(|row| (row.id, row.state))).collect();
        let offered = instances::deploy_options(&ctx, &place).unwrap().shared;
        for (i, image) in self.images.iter().enumerate() {
            let gives = model.gives((i, r));
            prop_assert_eq!(shown.get(image).copied(), model.listed((i, r)), "what {} lists of {}", r, i);
            prop_assert_eq!(offered.iter().any(|choice| choice.id == *image), gives, "what {} deploys", r);
            let found = images::detail(&ctx, &place, *image).map(drop).map_err(code);
            prop_assert_eq!(found, if gives { Ok(()) } else { Err("not_found".to_owned()) });
        }
        // What is received takes nothing of the recipient's quota; what is saved is their own (H4).
        let own = self.counter(self.recipients[r].account);
        prop_assert_eq!(own.map_or(0, |counter| counter.n_images), model.n_saved[r]);
        Ok(())
    }

    fn counter(&self, account: AccountId) -> Option<Counter> {
        self.owner.read::<Counter>(&(account, "north-1".into())).unwrap()
    }

    fn counts(&self, model: &Model) -> Result<(), TestCaseError> {
        let number = |n: usize| u32::try_from(n).unwrap();
        for (i, image) in self.images.iter().enumerate() {
            let sharing = self.owner.read::<Sharing>(image).unwrap().unwrap_or(Sharing::none(*image));
            let n = |state| number(model.n(Some(i), state));
            prop_assert_eq!((sharing.n_accepted, sharing.n_pending), (n(State::Accepted), n(State::Pending)));
            prop_assert!(sharing.n_accepted <= number(self.most()[i]));
        }
        // Only what is accepted takes a slot of who shares (H5), and sharing takes none of their images.
        let own = self.counter(self.account).unwrap();
        prop_assert_eq!(own.n_shares, Some(number(model.n(None, State::Accepted))));
        prop_assert_eq!(own.n_images, number(2 - model.recycled.len()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_both_sides_do_the_shares_are_as_the_model_says(deeds in proptest::collection::vec(deed(), 1..40)) {
        let s = scene();
        let mut model = Model { now: s.owner().now, ..Model::default() };
        for (n, deed) in deeds.iter().enumerate() {
            let expected = model.act(deed, &s.most()).map_err(str::to_owned);
            prop_assert_eq!(s.act(deed, n), expected, "{}: {:?}", n, deed);
            s.counts(&model)?;
            for r in 0..N_RECIPIENTS {
                s.sees(r, &model)?;
            }
        }
        check(&s.bench).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn how_many_may_have_an_image_is_a_setting() {
    let usual = Settings::default();
    assert_eq!((usual.shares_max, usual.machine_shares_max), (128, 10));
    assert_eq!(scene().most(), [2, 1], "the bench has others, so that they are reached");
}
