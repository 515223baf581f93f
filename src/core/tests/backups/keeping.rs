//! Schedules: what is kept, what is made up for, what is told once, and what becomes of one whose disk or machine goes.

use super::scene::{HOUR_MS, scene};
use darkroom_core::domain::form::{RemoveDiskForm, ScheduleForm};
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::instance::Instance;
use darkroom_core::ops::snapshots::{self, schedules};
use darkroom_core::ops::verify::verify;
use darkroom_core::ops::{disks, instances};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Effect, Op, check};

#[test]
fn a_schedule_keeps_its_newest_and_touches_nobody_elses() {
    let scene = scene();
    let mine = scene.take("system");
    let id = scene.schedule("2");
    assert_eq!(scene.due(), 0, "not before its time");
    let mut made = Vec::new();
    for n in 1..=4usize {
        scene.bench.clock.advance(HOUR_MS);
        // The limit of the provider is four.
        assert_eq!(scene.due(), 1, "{n}");
        made.push(*scene.schedule_record(id).made.last().unwrap());
        assert_eq!(scene.schedule_record(id).made.len(), n.min(2));
    }
    assert_eq!(scene.schedule_record(id).made, made[2..], "the newest are kept");
    assert!(scene.find(made[0]).is_none() && scene.find(mine).is_some());
    assert!(scene.get(made[3]).name.as_str().starts_with("web-2026-11-1"), "named after machine and minute");
    snapshots::delete(&scene.bench.at_present(&scene.owner()), made[2]).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(scene.schedule_record(id).made, made[3..], "deleted by hand, it counts no more");
    schedules::delete(&scene.bench.at_present(&scene.owner()), id).unwrap();
    assert!(scene.find(made[3]).is_some(), "what it made stays");
    let words = ["schedule.create", "schedule.delete"];
    assert_eq!(scene.told(Subject::Schedule(id)), words);
    scene.rest();
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let scene = scene();
    let id = scene.schedule("3");
    scene.bench.clock.advance(50 * HOUR_MS);
    assert_eq!((scene.due(), scene.due()), (1, 0));
    assert_eq!(scene.schedule_record(id).made.len(), 1);
    scene.bench.clock.advance(-5 * HOUR_MS);
    assert_eq!(scene.due(), 0, "a clock that was set back is no reason for one");
    scene.bench.clock.advance(HOUR_MS);
    assert_eq!(scene.due(), 1, "and nobody waits for the time that was written down before");
}

#[test]
fn trouble_is_told_once_and_tried_again_after_a_while() {
    let scene = scene();
    let id = scene.schedule("3");
    scene.turn("off").unwrap();
    scene.bench.clock.advance(HOUR_MS);
    assert_eq!((scene.due(), scene.due()), (0, 0));
    let first = scene.schedule_record(id);
    assert!(first.last.as_ref().unwrap().trouble.as_ref().unwrap().contains("It is off in north-1."));
    for _ in 0..3 {
        scene.bench.clock.advance(600_000);
        scene.due();
    }
    let later = scene.schedule_record(id);
    assert!(later.last.unwrap().at > first.last.unwrap().at, "it was tried again");
    assert_eq!(scene.told(Subject::Schedule(id)), ["schedule.create", "schedule.failed"], "and told once");
    scene.turn("on").unwrap();
    scene.bench.clock.advance(600_000);
    assert_eq!(scene.due(), 1, "as soon as it can");
    assert_eq!(scene.schedule_record(id).last.unwrap().trouble, None);
}

#[test]
fn a_scheduled_snapshot_that_fails_leaves_nothing_but_the_reason() {
    let scene = scene();
    let id = scene.schedule("3");
    scene.bench.clock.advance(HOUR_MS);
    scene.bench.host.fail(Op::Ingest, PortError::Refused("Never.".to_owned()), Effect::None, 1);
    assert_eq!((scene.due(), scene.n_snapshots()), (1, 0), "failures do not pile up");
    let schedule = scene.schedule_record(id);
    assert_eq!(schedule.last.unwrap().trouble.as_deref(), Some("Never."));
    assert!(scene.bench.app.snapshots.all().is_empty());
    let shown = schedules::list(&scene.owner(), &scene.place()).unwrap().rows.remove(0);
    assert_eq!((shown.n_made, shown.trouble.as_deref()), (0, Some("Never.")));
}

#[test]
fn a_schedule_takes_the_one_disk_that_was_chosen_until_that_is_gone() {
    let scene = scene();
    let owner = scene.owner();
    let now = || scene.bench.at_present(&owner);
    let machine = || owner.read::<Instance>(&scene.machine).unwrap().unwrap();
    let data = machine().disks[1].id;
    let options = schedules::options(&now(), &scene.place(), None).unwrap();
    let choices: Vec<(&str, &str)> =
        options.disks.iter().map(|d| (d.slug.as_str(), d.words.as_str())).collect();
    assert_eq!(choices, [(data.to_string().as_str(), "data-1, ssd, 1 GiB of web")]);
    let one = ScheduleForm { what: data.to_string(), ..scene.form("3") };
    let id = schedules::save(&now(), &one).unwrap();
    let row = || schedules::get(&owner, id).unwrap();
    assert_eq!((row().what.as_str(), row().gone), ("data-1, ssd, 1 GiB", None));
    scene.bench.clock.advance(HOUR_MS);
    assert_eq!(scene.due(), 1);
    let taken = scene.get(scene.schedule_record(id).made[0]);
    assert_eq!(taken.disks.iter().map(|d| d.disk).collect::<Vec<_>>(), [data]);

    // Another machine's disk, or none that there is, is refused where it was chosen.
    let foreign = ScheduleForm { what: uuid::Uuid::from_u128(7).to_string(), ..scene.form("3") };
    let refused = schedules::save(&now(), &foreign).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("disk_gone", "what"));

    instances::stop(&now(), scene.machine).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(disks::removal(&owner, scene.machine, data).unwrap().n_schedules, 1, "said before");
    let form = RemoveDiskForm { instance: scene.machine.to_string(), disk: data.to_string() };
    disks::remove(&now(), &form).unwrap();
    scene.bench.work().unwrap();
    check(&scene.bench).unwrap();
    assert!(row().gone.is_some() && row().next.is_none());
    for _ in 0..3 {
        scene.bench.clock.advance(HOUR_MS);
        assert_eq!(scene.due(), 0);
    }
    let said = ["schedule.create", "schedule.disk_gone"];
    assert_eq!(
        scene.told(Subject::Schedule(id)),
        said,
        "once, and not for each time that it did not take one"
    );
    assert_eq!(schedules::run(&now(), id).unwrap_err().code, "schedule_disk_gone");
    assert!(scene.find(taken.id).is_some(), "what it made stays");
    assert_eq!(verify(scene.bench.records()).unwrap().findings, Vec::<String>::new());

    let shown = schedules::options(&owner, &scene.place(), Some(id)).unwrap();
    assert_eq!((shown.gone.is_some(), shown.disk.as_str()), (true, "data-1, ssd, 1 GiB"));
    let kept = schedules::save(&now(), &shown.form).unwrap_err();
    assert_eq!((kept.code.as_str(), kept.fields[0].field.as_str()), ("disk_gone", "what"));
    let system = ScheduleForm { what: machine().disks[0].id.to_string(), ..shown.form };
    schedules::save(&now(), &system).unwrap();
    assert_eq!((row().what.as_str(), row().gone), ("System disk", None));
    scene.bench.clock.advance(HOUR_MS);
    assert_eq!(scene.due(), 1);
    scene.rest();
}

#[test]
fn a_schedule_can_be_changed_turned_off_and_run_now_and_goes_with_its_machine() {
    let scene = scene();
    let id = scene.schedule("3");
    schedules::run(&scene.owner(), id).unwrap();
    assert_eq!(scene.due(), 1, "now, and not at its time");
    let form = ScheduleForm::of(&scene.schedule_record(id));
    let off = ScheduleForm { on: "off".to_owned(), rhythm: "week".to_owned(), ..form.clone() };
    schedules::save(&scene.owner(), &off).unwrap();
    assert_eq!(schedules::save(&scene.owner(), &off).unwrap_err().code, "stale");
    assert_eq!(schedules::run(&scene.owner(), id).unwrap_err().code, "schedule_off");
    scene.bench.clock.advance(20 * 24 * HOUR_MS);
    assert_eq!(scene.due(), 0);
    for _ in 1..5 {
        scene.schedule("1");
    }
    let full = schedules::save(&scene.owner(), &scene.form("1")).unwrap_err();
    assert_eq!((full.code.as_str(), full.fields[0].field.as_str()), ("schedule_limit_reached", "instance"));
    let deletion = instances::deletion(&scene.owner(), scene.machine).unwrap();
    assert_eq!((deletion.n_snapshots, deletion.n_schedules), (1, 5));
    instances::delete(&scene.bench.at_present(&scene.owner()), scene.machine).unwrap();
    scene.bench.work().unwrap();
    assert!(scene.bench.app.schedules.all().is_empty());
    assert_eq!(scene.bench.app.snapshots.all().len(), 1, "what they made stays");
    scene.rest();
}
