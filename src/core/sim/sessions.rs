//! Signing in and out and new passwords in a simulated world: a wrong password never counts, and a session that was ended is over.

use super::flows::Happened;
use super::world::World;
use crate::domain::actor::Actor;
use crate::domain::form::PasswordForm;
use crate::ops::ctx::Ctx;
use crate::ops::people;
use crate::ports::Clock;

impl World {
    pub(super) fn signs_in_wrongly(&mut self) -> Happened {
        let event = "wrong-password".to_owned();
        let who =
            usize::try_from(self.dice.below(u64::try_from(self.people.len()).unwrap_or(1))).unwrap_or(0);
        let ctx = Ctx { app: self.bench.app.clone(), actor: Actor::Anonymous, now: self.bench.clock.now() };
        let mut result = people::sign_in(&ctx, &self.people[who].email, "not the password", "sim");
        for _ in 0..self.dice.below(6) {
            result = people::sign_in(&ctx, &self.people[who].email, "not the password", "sim");
        }
        if result.is_ok() {
            self.violate("signed in with a wrong password".to_owned());
        }
        let (_, outcome) = self.expect(result, &["wrong_sign_in", "sign_in_pause"]);
        (event, outcome)
    }

    pub(super) fn signs_out(&mut self) -> Happened {
        let event = "sign-out".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let Some((token, id)) = self.people[desk.who].sessions.pop() else {
            return (event, "nothing".to_owned());
        };
        let result = people::revoke_session(&desk.ctx, id);
        // A session that ran out may have been swept already.
        let (done, outcome) = self.expect(result, &["not_found"]);
        if done.is_some() {
            self.must_be_over(&[token]);
        }
        (event, outcome)
    }

    /// Ends all other sessions of theirs.
    pub(super) fn changes_password(&mut self) -> Happened {
        let event = "password".to_owned();
        let Some(desk) = self.desk(|_| true) else { return (event, "nobody".to_owned()) };
        let new = format!("a new password {}", self.dice.below(1000));
        let person = &self.people[desk.who];
        let keep = person.sessions.last().copied();
        let form = PasswordForm { current: person.password.clone(), new: new.clone(), again: new.clone() };
        let result = people::change_password(&desk.ctx, keep.map(|(_, id)| id), &form);
        let (done, outcome) = self.expect(result, &[]);
        if done.is_some() {
            let ended: Vec<[u8; 32]> = self.people[desk.who].sessions.drain(..).map(|(t, _)| t).collect();
            let ended: Vec<[u8; 32]> =
                ended.into_iter().filter(|t| keep.is_none_or(|(k, _)| k != *t)).collect();
            self.people[desk.who].sessions.extend(keep);
            self.people[desk.who].password = new;
            self.must_be_over(&ended);
        } else {
            // Nobody was told whether it was written: the person tries both.
            self.find_password(desk.who, new);
        }
        (event, outcome)
    }

    fn find_password(&mut self, who: usize, new: String) {
        let store = self.bench.records();
        let found = crate::store::read_index(
            store,
            crate::store::records::index::USER_BY_EMAIL,
            &self.people[who].email,
        );
        let user = found
            .ok()
            .flatten()
            .and_then(|id| crate::store::read::<crate::domain::project::User>(store, &id).ok());
        let Some(user) = user.flatten() else { return };
        if self.bench.app.secrets.verify_password(&new, &user.password_hash) == Ok(true) {
            self.people[who].password = new;
        }
    }

    fn must_be_over(&mut self, tokens: &[[u8; 32]]) {
        let ctx = Ctx { app: self.bench.app.clone(), actor: Actor::Anonymous, now: self.bench.clock.now() };
        for token in tokens {
            if people::recognise(&ctx, token).is_ok_and(|(actor, _)| actor != Actor::Anonymous) {
                self.violate("a session that was ended still counts".to_owned());
            }
        }
    }
}
