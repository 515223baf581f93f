//! What people do about quotas in a simulated world: owners ask for more and take it back, the provider's person answers.

use super::world::World;
use crate::domain::form::{QuotaDecisionForm, QuotaRequestForm, ReachForm};
use crate::domain::ids::{AccountId, ProjectId};
use crate::domain::project::Role;
use crate::domain::request::{QuotaKind, Request, State};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::quotas;

type Happened = (String, String);

impl World {
    fn a_request(&mut self, wanted: impl Fn(&Request) -> bool) -> Option<Request> {
        let found: Vec<Request> = {
            let records = self.bench.witness.records();
            records.requests.all().filter(|r| wanted(r)).cloned().collect()
        };
        // Mostly one that still waits.
        let waiting: Vec<Request> = found.iter().filter(|r| r.state == State::Pending).cloned().collect();
        let any = waiting.is_empty() || self.dice.chance(100);
        self.dice.pick(if any { &found } else { &waiting }).cloned()
    }

    pub(super) fn asks_for_more(&mut self) -> Happened {
        let event = "ask-quota".to_owned();
        let Some(desk) = self.desk(|role| role == Role::Owner) else { return (event, "nobody".to_owned()) };
        if self.dice.chance(500) {
            return self.asks_for_reach(&desk.ctx, desk.project);
        }
        let place = Place { project: Some(desk.project), region: self.region() };
        let shown = quotas::overview(&desk.ctx, &place);
        if self.expect(shown, &[]).0.is_some_and(|page| !page.may_ask) {
            self.violate("an owner may not ask for more".to_owned());
        }
        let form = QuotaRequestForm {
            region: place.region.to_string(),
            kind: self.dice.pick(&QuotaKind::ALL).copied().unwrap_or(QuotaKind::Images).slug().to_owned(),
            wanted: (self.dice.below(12) + 1).to_string(),
            reason: "More customers than we thought.".to_owned(),
        };
        let result = quotas::ask(&desk.ctx, &form);
        let (_, outcome) = self.expect(result, &["quota_not_more", "request_open"]);
        (event, outcome)
    }

    pub(super) fn account_of(&self, project: ProjectId) -> AccountId {
        let of = self.provider.projects.iter().find(|(_, own)| *own == project);
        of.map_or(self.provider.accounts[0], |(account, _)| *account)
    }

    /// An image of one region is wanted in another (U15).
    fn asks_for_reach(&mut self, owner: &Ctx, project: ProjectId) -> Happened {
        let event = "ask-reach".to_owned();
        let Some(image) = self.an_image(project) else { return (event, "nothing".to_owned()) };
        let form = ReachForm {
            image: image.id.to_string(),
            region: self.region().to_string(),
            reason: "Our customers are there as well.".to_owned(),
        };
        let allowed = [
            "reach_known",
            "reach_kind",
            "request_open",
            "image_not_available",
            "image_recycled",
            "image_deprecated",
            "image_disabled",
        ];
        let result = quotas::ask_reach(owner, &form);
        let (_, outcome) = self.expect(result, &allowed);
        (event, outcome)
    }

    pub(super) fn withdraws_request(&mut self) -> Happened {
        let event = "withdraw-quota".to_owned();
        let Some(desk) = self.desk(|role| role == Role::Owner) else { return (event, "nobody".to_owned()) };
        let projects = self.provider.projects.clone();
        let account = projects.into_iter().find(|(_, p)| *p == desk.project).map(|(a, _)| a);
        let own = self.a_request(|r| Some(r.account) == account);
        let Some(request) = own else { return (event, "nothing".to_owned()) };
        let result = quotas::withdraw(&desk.ctx, request.id);
        let (_, outcome) = self.expect(result, &["request_ended"]);
        (event, outcome)
    }

    pub(super) fn answers_request(&mut self) -> Happened {
        let event = "decide-quota".to_owned();
        let Some(operator) = self.ctx_of(0) else { return (event, "nobody".to_owned()) };
        let Some(request) = self.a_request(|_| true) else { return (event, "nothing".to_owned()) };
        let approve = self.dice.chance(600);
        let form = QuotaDecisionForm {
            request: request.id.to_string(),
            verdict: if approve { "approve" } else { "decline" }.to_owned(),
            note: "There is just so much.".to_owned(),
            granted: (self.dice.below(8) + 2).to_string(),
        };
        let result = quotas::decide(&operator, &form);
        let (_, outcome) = self.expect(result, &["request_ended", "quota_not_more", "image_gone"]);
        (event, if outcome == "ok" { form.verdict } else { outcome })
    }
}
