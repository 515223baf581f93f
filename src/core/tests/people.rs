//! Signing in, sessions and passwords.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::Error;
use darkroom_core::domain::actor::Actor;
use darkroom_core::domain::form::PasswordForm;
use darkroom_core::domain::project::Session;
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::people;
use darkroom_core::sim::{Bench, PASSWORD};

struct Scene {
    bench: Bench,
}

fn scene() -> Scene {
    let bench = Bench::new(11);
    bench.provider().unwrap();
    Scene { bench }
}

impl Scene {
    fn owner(&self) -> Ctx {
        self.bench.user("owner@acme.example").unwrap()
    }

    fn anonymous(&self) -> Ctx {
        self.bench.at_present(&Ctx { actor: Actor::Anonymous, ..self.bench.app.system() })
    }
}

#[test]
fn an_address_that_does_not_exist_answers_like_one_with_a_wrong_password() {
    let s = scene();
    let answers = |email: &str| -> Vec<Error> {
        (0..7)
            .map(|_| people::sign_in(&s.anonymous(), email, "wrong wrong", "b").map(drop).unwrap_err())
            .collect()
    };
    let (known, unknown) = (answers("owner@acme.example"), answers("nobody@acme.example"));
    assert_eq!(known, unknown);
    let codes: Vec<&str> = known.iter().map(|e| e.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "wrong_sign_in",
            "wrong_sign_in",
            "wrong_sign_in",
            "wrong_sign_in",
            "wrong_sign_in",
            "sign_in_pause",
            "sign_in_pause"
        ]
    );
    let right = people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b");
    assert_eq!(right.map(drop).unwrap_err().code, "sign_in_pause", "also the right password waits");
    s.bench.clock.advance(s.bench.app.settings.sign_in_pause_ms);
    people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b").map(drop).unwrap();
}

#[test]
fn a_session_ends_when_it_is_not_used_and_in_any_case_after_its_age() {
    let s = scene();
    let signed_in = people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b").unwrap();
    let known = || people::recognise(&s.anonymous(), &signed_in.token).unwrap().0 != Actor::Anonymous;
    let mut days = 0;
    while known() {
        s.bench.clock.advance(10 * 86_400_000);
        days += 10;
        assert!(days <= 70, "a session that is used ends all the same");
    }
    assert_eq!(days, 70, "used every ten days, it lasts its sixty");
    let idle = people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b").unwrap();
    s.bench.clock.advance(Session::IDLE_MS_MAX + 1);
    assert_eq!(people::recognise(&s.anonymous(), &idle.token).unwrap().0, Actor::Anonymous);
    assert!(people::sweep_sessions(&s.bench.app.system()).unwrap() >= 2);
    assert!(s.anonymous().read::<Session>(&idle.session).unwrap().is_none());
}

#[test]
fn changing_the_password_ends_all_other_sessions() {
    let s = scene();
    let sign_in = || people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b").unwrap();
    let (mine, other) = (sign_in(), sign_in());
    let known = |token| people::recognise(&s.anonymous(), token).unwrap().0 != Actor::Anonymous;
    let ctx = s.owner();
    let form = PasswordForm {
        current: PASSWORD.into(),
        new: "another one 99".into(),
        again: "another one 99".into(),
    };
    people::change_password(&ctx, Some(mine.session), &form).unwrap();
    assert_eq!((known(&mine.token), known(&other.token)), (true, false));
    let old = people::sign_in(&s.anonymous(), "owner@acme.example", PASSWORD, "b").map(drop).unwrap_err();
    assert_eq!(old.code, "wrong_sign_in");
    people::sign_in(&s.anonymous(), "owner@acme.example", "another one 99", "b").map(drop).unwrap();
}
