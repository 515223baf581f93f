//! What happens by itself when a day has come, where a record of one image cannot be written: everybody else's goes on.

use crate::scene::{DAY_MS, Scene, scene};
use darkroom_core::domain::Result;
use darkroom_core::domain::form::{DeleteImageForm, ShareForm, StageForm, StopSharingForm};
use darkroom_core::domain::ids::ImageId;
use darkroom_core::domain::share::Action;
use darkroom_core::ops::ctx::App;
use darkroom_core::ops::{images, shares};
use darkroom_core::sim::check;
use std::sync::Arc;

/// Plans everything that there is to plan for an image.
fn plan(s: &Scene, image: ImageId) {
    let (owner, project, later) = (s.owner(), s.project(2).to_string(), "later".to_owned());
    let id = image.to_string();
    let form = ShareForm {
        image: id.clone(),
        projects: project.clone(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    shares::share(&owner, &form).unwrap();
    shares::decide(&s.friend(), image, s.project(2), Action::Accept).unwrap();
    let form = StageForm {
        image: id.clone(),
        stage: "deprecated".to_owned(),
        when: later.clone(),
        day: s.days(1),
        ..StageForm::default()
    };
    images::set_stage(&owner, &form).unwrap();
    let form = StopSharingForm { image: id.clone(), project, when: later, day: s.days(2) };
    shares::stop(&owner, &form).unwrap();
    let form =
        DeleteImageForm { image: id, unshare: "yes".to_owned(), when: "day".to_owned(), day: s.days(4) };
    images::delete(&owner, &form).unwrap();
}

#[test]
fn what_cannot_be_worked_on_holds_up_nothing_else() {
    for n_refused in [0, 1] {
        let s = scene();
        let (other, _) = s.bench.capture(&s.owner(), s.machine, "other").unwrap();
        s.bench.work().unwrap();
        let images = [s.image, other];
        images.iter().for_each(|image| plan(&s, *image));
        type Sweep = fn(&Arc<App>) -> Result<u32>;
        let sweeps: [(&str, i64, Sweep); 4] = [
            ("plans", 2, images::sweep_plans),
            ("ended", 1, shares::sweep_ended),
            ("leaving", 3, images::sweep_leaving),
            ("bin", 9, images::sweep_bin),
        ];
        for (what, n_days, sweep) in sweeps {
            s.bench.clock.advance(n_days * DAY_MS);
            s.bench.faults.refuse(Some(images[n_refused].0));
            assert_eq!(sweep(&s.bench.app).unwrap_err().code, "internal", "{what}");
            s.bench.faults.refuse(None);
            assert_eq!(sweep(&s.bench.app), Ok(1), "{what}: the other was done");
            assert_eq!(sweep(&s.bench.app), Ok(0), "{what}");
        }
        s.bench.work().unwrap();
        check(&s.bench).unwrap();
    }
}
