//! Snapshots and backups: the service that keeps them, what they cost, and images and disks made from them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod damaged;
mod keeping;
mod scene;

use darkroom_core::domain::Kind;
use darkroom_core::domain::disk::DiskRole;
use darkroom_core::domain::form::{AddDiskForm, CreateImageForm, RenameSnapshotForm};
use darkroom_core::domain::ids::{SnapshotId, Subject};
use darkroom_core::domain::image::{Image, Kind as ImageKind};
use darkroom_core::domain::instance::Instance;
use darkroom_core::domain::meter::Charge;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::snapshot::Status;
use darkroom_core::ops::snapshots::{self, schedules, service};
use darkroom_core::ops::{disks, images, instances, provider, tasks};
use darkroom_core::ports::PortError;
use darkroom_core::sim::{Effect, Op, check};
use scene::{HOUR_MS, Scene, scene, scene_of};

#[test]
fn without_the_service_nothing_is_taken_and_the_refusal_names_its_price() {
    let scene = scene_of("ssd");
    let refused = scene.bench.snapshot(&scene.owner(), scene.machine, "system", "before").unwrap_err();
    assert_eq!(refused.code, "snapshot_service_off");
    assert_eq!(
        refused.message,
        "Snapshots and machine images need the snapshot service. It is off in north-1. An owner can turn it on in Snapshots, for €0.73 a month and €0.030 per GB and month of what it keeps."
    );
    assert_eq!(schedules::save(&scene.owner(), &scene.form("2")).unwrap_err().code, "snapshot_service_off");
    let options = snapshots::options(&scene.owner(), scene.machine).unwrap();
    assert_eq!(options.blocked.map(|r| r.code).as_deref(), Some("snapshot_service_off"));
    assert_eq!((scene.n_snapshots(), options.service.since), (0, None));
}

#[test]
fn the_service_costs_from_the_moment_it_is_on_and_nothing_after_it_is_off() {
    let scene = scene_of("ssd");
    let member = scene.bench.user("member@acme.example").unwrap();
    assert_eq!(scene.turn_as(&member, "on", 1).unwrap_err().kind, Kind::Forbidden, "an owner decides");
    assert_eq!(scene.turn_as(&scene.owner(), "on", 7).unwrap_err().code, "price_changed");
    scene.turn("on").unwrap();
    scene.turn("on").unwrap();
    let subject = Subject::service(scene.provider.accounts[0], &"north-1".into());
    assert_eq!(scene.open(subject), [(Charge::SnapshotService, 0)], "once, however often it is turned on");
    let view = service::service(&scene.owner(), &scene.place()).unwrap();
    assert_eq!((view.by.as_str(), view.since.is_some()), ("owner@acme.example", true));
    scene.bench.clock.advance(730 * HOUR_MS);
    let cost = darkroom_core::ops::usage::cost_of(
        &scene.bench.at_present(&scene.owner()),
        scene.provider.accounts[0],
        subject,
    );
    assert_eq!(cost.unwrap(), Money(730_000), "a month of it");
    let id = scene.take("system");
    scene.turn("off").unwrap();
    assert_eq!(scene.open(subject), []);
    let stored = scene.get(id).stored_bytes();
    assert_eq!(
        scene.open(Subject::Snapshot(id)),
        [(Charge::SnapshotStorage, stored)],
        "what was taken stays and costs"
    );
    let refused = scene.bench.snapshot(&scene.owner(), scene.machine, "system", "again").unwrap_err();
    assert_eq!(refused.code, "snapshot_service_off");
    snapshots::delete(&scene.bench.at_present(&scene.owner()), id).unwrap();
    scene.bench.work().unwrap();
    assert_eq!(scene.told(subject), ["snapshot_service.on", "snapshot_service.off"]);
    scene.rest();
}

#[test]
fn a_region_that_does_not_offer_it_says_so() {
    let scene = scene();
    let id = scene.take("system");
    provider::change_region(&scene.bench.app.system(), &"north-1".into(), |r| {
        r.snapshots = Switch::Off;
        Ok(())
    })
    .unwrap();
    let refused = scene.bench.snapshot(&scene.owner(), scene.machine, "system", "again").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.kind), ("snapshot_feature_off", Kind::Forbidden));
    // Nobody pays for what cannot be used.
    assert_eq!(service::sweep_ended(&scene.bench.app), Ok(1));
    assert_eq!(service::sweep_ended(&scene.bench.app), Ok(0));
    let subject = Subject::service(scene.provider.accounts[0], &"north-1".into());
    assert_eq!(scene.open(subject), []);
    assert_eq!(scene.told(subject), ["snapshot_service.on", "snapshot_service.off"]);
    assert_eq!(scene.turn("on").unwrap_err().code, "snapshot_feature_off");
    assert_eq!(scene.get(id).status, Status::Available, "what is there stays");
    check(&scene.bench).unwrap();
}

#[test]
fn a_backup_has_all_disks_of_one_instant_and_a_snapshot_the_one_that_was_chosen() {
    let scene = scene();
    let machine = scene.owner().read::<Instance>(&scene.machine).unwrap().unwrap();
    let data = machine.disks[1].id.to_string();
    scene.bench.host.write(scene.machine, 3, 77);
    let (all, system, one) = (scene.take("all"), scene.take("system"), scene.take(&data));
    let words = [all, system, one].map(|id| scene.get(id).words());
    assert_eq!(words, ["2 disks at one instant", "system disk", "data disk"]);
    let prints = |id| scene.get(id).contents().map(|d| d.fingerprint.clone()).collect::<Vec<_>>();
    assert_eq!(prints(all), [prints(system), prints(one)].concat(), "nothing was written in between");
    assert_eq!(
        (scene.n_snapshots(), scene.told(Subject::Snapshot(all))),
        (3, vec!["snapshot.create".to_owned(), "snapshot.available".to_owned()])
    );
    let stranger = scene.bench.user("owner@bolt.example").unwrap();
    assert_eq!(snapshots::detail(&stranger, all).unwrap_err().kind, Kind::NotFound);
    let reader = scene.bench.user("reader@acme.example").unwrap();
    assert_eq!(snapshots::delete(&reader, all).unwrap_err().kind, Kind::Forbidden);
    let list = snapshots::list(&reader, &scene.place(), "", None, 1).unwrap();
    assert_eq!((list.page.total, list.may_change), (3, false));
    assert_eq!(snapshots::list(&reader, &scene.place(), "nothing", None, 1).unwrap().page.total, 0);
}

#[test]
fn data_disks_that_cannot_be_taken_together_are_named_with_the_way_out() {
    let scene = scene_of("economy");
    scene.turn("on").unwrap();
    let refused = scene.bench.snapshot(&scene.owner(), scene.machine, "all", "before").unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("data_disk_kind", "what"));
    assert!(refused.message.contains("data-1 is on economy."), "{refused}");
    scene.take("system");
    let machine = scene.owner().read::<Instance>(&scene.machine).unwrap().unwrap();
    let one = scene.take(&machine.disks[1].id.to_string());
    let refused = scene.image(one, "data").unwrap_err();
    assert!(
        refused.code == "data_disk_kind" && refused.message.ends_with("Make a new disk from it."),
        "{refused}"
    );
}

#[test]
fn an_image_of_a_whole_machine_needs_the_service() {
    let scene = scene_of("ssd");
    let capture = || {
        let form = CreateImageForm {
            instance: scene.machine.to_string(),
            what: "machine".to_owned(),
            name: "whole".to_owned(),
            price_version: 1,
            ..CreateImageForm::default()
        };
        images::create(&scene.bench.at_present(&scene.owner()), &form)
    };
    assert_eq!(capture().unwrap_err().code, "snapshot_service_off");
    let refused = |scene: &Scene| {
        let options = images::capture_options(&scene.owner(), scene.machine).unwrap();
        options.choices.into_iter().map(|c| c.refused.map(|r| r.code)).collect::<Vec<_>>()
    };
    assert_eq!(refused(&scene), [None, Some("snapshot_service_off".to_owned()), None], "only of the whole");
    scene.turn("on").unwrap();
    assert_eq!(refused(&scene), [None, None, None]);
    let image = capture().unwrap();
    scene.bench.work().unwrap();
    assert_eq!(scene.owner().read::<Image>(&image).unwrap().unwrap().kind, ImageKind::Machine);
}

#[test]
fn an_image_from_a_snapshot_is_there_at_once_and_stays_when_that_goes() {
    let scene = scene();
    let (all, system) = (scene.take("all"), scene.take("system"));
    let machine = scene.owner().read::<Instance>(&scene.machine).unwrap().unwrap();
    let data = scene.take(&machine.disks[1].id.to_string());
    let made =
        [(all, "a", ImageKind::Machine), (system, "b", ImageKind::System), (data, "c", ImageKind::Data)];
    for (id, name, kind) in made {
        let image = scene.image(id, name).unwrap();
        assert_eq!((image.kind, image.task, image.zone.is_some()), (kind, None, kind == ImageKind::Machine));
        let licence = if kind == ImageKind::Data { "" } else { "GPL" };
        assert_eq!(image.licence, licence, "what starts carries on what its machine was deployed from");
        assert_eq!(
            scene.open(Subject::Image(image.id)),
            [(Charge::ImageStorage, image.stored_bytes())],
            "with a charge of its own"
        );
        assert_eq!(image.stored_bytes(), scene.get(id).stored_bytes());
    }
    assert_eq!(scene.image(system, "b").unwrap_err().code, "image_limit_reached");
    snapshots::delete(&scene.owner(), system).unwrap();
    scene.bench.work().unwrap();
    assert!(scene.find(system).is_none());
    scene.rest();
    let list = images::list(&scene.owner(), &scene.place(), Default::default()).unwrap();
    assert_eq!(list.n_all, 3);
}

#[test]
fn data_disks_of_a_machine_image_stand_in_the_list_and_go_with_it_only() {
    let scene = scene();
    let all = scene.take("all");
    let image = scene.image(all, "whole").unwrap();
    let list = snapshots::list(&scene.owner(), &scene.place(), "", None, 1).unwrap();
    let row = list.page.rows.iter().find(|row| row.id.is_none()).unwrap();
    assert_eq!((row.name.as_str(), row.image.as_ref().unwrap().id), ("whole, data disk 1", image.id));
    let reason = row.delete_blocked.clone().unwrap();
    assert!(reason.sentence().contains("belongs to whole"), "{}", reason.sentence());
    assert_eq!(
        (row.month, list.stored_bytes),
        (None, scene.get(all).stored_bytes()),
        "charged with the image"
    );
    // U13: the service stays on when the image goes.
    let deletion = images::deletion(&scene.owner(), image.id).unwrap();
    assert_eq!(deletion.service_stays.map(|price| price.month), Some(Money(730_000)));
    scene.turn("off").unwrap();
    assert_eq!(images::deletion(&scene.owner(), image.id).unwrap().service_stays, None);
    assert_eq!(scene.image(all, "other").unwrap_err().code, "snapshot_service_off", "U4 holds here as well");
}

#[test]
fn a_new_disk_from_a_snapshot_holds_what_that_held_and_outlives_it() {
    let scene = scene();
    let (all, system) = (scene.take("all"), scene.take("system"));
    let form = |source: String| AddDiskForm {
        instance: scene.machine.to_string(),
        source,
        kind: "ssd".to_owned(),
        price_version: 1,
        ..AddDiskForm::default()
    };
    let add =
        |id: SnapshotId| disks::add(&scene.bench.at_present(&scene.owner()), &form(format!("snapshot:{id}")));
    let add_disk = |id: SnapshotId, disk: uuid::Uuid| {
        disks::add(&scene.bench.at_present(&scene.owner()), &form(format!("snapshot:{id}/{disk}")))
    };
    assert_eq!(add(all).unwrap_err().code, "instance_not_stopped");
    let shown = snapshots::disk_options(&scene.owner(), all).unwrap();
    assert_eq!(shown.blocked.map(|r| r.code).as_deref(), Some("no_machine_for_disk"));
    instances::stop(&scene.owner(), scene.machine).unwrap();
    scene.bench.work().unwrap();
    let refused = add_disk(all, uuid::Uuid::from_u128(7)).unwrap_err();
    assert_eq!((refused.code.as_str(), refused.fields[0].field.as_str()), ("disk_gone", "source"));
    // What is on a system disk can be looked into as on any other disk.
    let copied = add(system).unwrap();
    scene.bench.work().unwrap();
    let machine = scene.owner().read::<Instance>(&scene.machine).unwrap().unwrap();
    let made = machine.disks.iter().find(|d| d.id == copied).unwrap();
    assert_eq!(made.base, scene.get(system).contents().next().map(|content| content.fingerprint.clone()));
    assert_eq!(made.role, DiskRole::Data);
    let shown = snapshots::disk_options(&scene.owner(), all).unwrap();
    assert_eq!((shown.blocked, shown.machines.len(), shown.sources.len()), (None, 1, 2));
    let disk =
        disks::add(&scene.bench.at_present(&scene.owner()), &form(shown.sources[0].source.clone())).unwrap();
    scene.bench.work().unwrap();
    let machine = scene.owner().read::<Instance>(&scene.machine).unwrap().unwrap();
    let made = machine.disks.iter().find(|d| d.id == disk).unwrap();
    let held = scene.get(all).contents().nth(1).unwrap().fingerprint.clone();
    assert_eq!((made.base.as_ref(), made.size_bytes), (Some(&held), 1 << 30));
    snapshots::delete(&scene.bench.at_present(&scene.owner()), all).unwrap();
    scene.bench.work().unwrap();
    scene.rest();
    let stranger = scene.bench.user("owner@bolt.example").unwrap();
    let foreign = disks::add(&stranger, &form(format!("snapshot:{system}"))).unwrap_err();
    assert_eq!(foreign.kind, Kind::NotFound);
}

#[test]
fn the_limit_of_snapshots_is_a_hard_one() {
    let scene = scene();
    for _ in 0..4 {
        scene.take("system");
    }
    let refused = scene.bench.snapshot(&scene.owner(), scene.machine, "system", "one more").unwrap_err();
    assert_eq!(refused.code, "snapshot_limit_reached");
    assert!(refused.message.starts_with("Maximum snapshot limit reached"), "{refused}");
    assert_eq!(scene.n_snapshots(), 4);
}

#[test]
fn a_failed_snapshot_can_be_retried_or_deleted_and_a_stale_rename_is_refused() {
    let scene = scene();
    scene.bench.host.fail(Op::Ingest, PortError::Refused("Never.".to_owned()), Effect::None, 1);
    let id = scene.take("all");
    assert_eq!((scene.get(id).status, scene.n_snapshots()), (Status::Error, 1));
    assert_eq!(snapshots::delete(&scene.owner(), id).map(drop), Ok(()));
    scene.bench.work().unwrap();
    scene.bench.host.fail(Op::Ingest, PortError::Refused("Never.".to_owned()), Effect::None, 1);
    let id = scene.take("all");
    let rename = |name: &str, revision| {
        let form = RenameSnapshotForm { snapshot: id.to_string(), revision, name: name.to_owned() };
        snapshots::rename(&scene.owner(), &form)
    };
    rename("better", 0).unwrap();
    assert_eq!(rename("other", 0).unwrap_err().code, "stale");
    tasks::retry(&scene.bench.at_present(&scene.owner()), scene.get(id).task.unwrap()).unwrap();
    scene.bench.work().unwrap();
    let snapshot = scene.get(id);
    assert_eq!((snapshot.status, snapshot.name.as_str()), (Status::Available, "better"));
    check(&scene.bench).unwrap();
}

#[test]
fn a_machine_is_captured_by_one_thing_at_a_time() {
    let scene = scene();
    scene.bench.snapshot(&scene.owner(), scene.machine, "all", "one").unwrap();
    let second = scene.bench.snapshot(&scene.owner(), scene.machine, "all", "two").unwrap_err();
    assert_eq!(second.code, "instance_capturing");
    let image = scene.bench.capture(&scene.owner(), scene.machine, "image").unwrap_err();
    assert_eq!(image.code, "instance_capturing");
    scene.bench.work().unwrap();
    check(&scene.bench).unwrap();
}
