//! Managing images: tags and searching by them, protection, limits of memory, many at once, and the exported list.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use darkroom_core::domain::form::{
    BulkForm, CopyImageForm, DeleteImageForm, DeployForm, EditImageForm, ShareForm,
};
use darkroom_core::domain::ids::{ImageId, ProjectId};
use darkroom_core::domain::image::Status;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::ops::ctx::{Ctx, Place};
use darkroom_core::ops::{images, instances, shares};
use darkroom_core::sim::{Bench, Provider};

struct Scene {
    bench: Bench,
    provider: Provider,
    owner: Ctx,
    images: Vec<ImageId>,
}

/// Images of these names, all of one machine.
fn scene(names: &[&str]) -> Scene {
    let bench = Bench::new(11);
    let provider = bench.provider().unwrap();
    let owner = bench.user("owner@acme.example").unwrap();
    let machine = bench.machine(&owner, &provider, provider.projects[0].1, "web").unwrap();
    let images = names.iter().map(|name| {
        bench.clock.advance(1_000);
        let (id, _) = bench.capture(&owner, machine, name).unwrap();
        bench.work().unwrap();
        id
    });
    let images = images.collect();
    Scene { bench, provider, owner, images }
}

impl Scene {
    fn ctx(&self) -> Ctx {
        self.bench.at_present(&self.owner)
    }

    fn project(&self) -> ProjectId {
        self.provider.projects[0].1
    }

    fn place(&self) -> Place {
        Place { project: Some(self.project()), region: "north-1".into() }
    }

    fn edit(
        &self,
        n: usize,
        change: impl FnOnce(&mut EditImageForm),
    ) -> darkroom_core::domain::Result<ImageId> {
        let image =
            images::load(&self.ctx(), self.images[n], darkroom_core::domain::policy::Act::ImageGet)?.0;
        let mut form = EditImageForm {
            image: image.id.to_string(),
            revision: image.revision,
            name: image.name.to_string(),
            ..EditImageForm::default()
        };
        change(&mut form);
        images::update(&self.ctx(), &form)
    }

    fn tag(&self, n: usize, tags: &str) {
        self.edit(n, |form| form.tags = Some(tags.to_owned())).unwrap();
    }

    fn bulk(&self, action: &str, tags: &str) -> Vec<(String, bool, String)> {
        let form = BulkForm {
            action: action.to_owned(),
            images: self.images.iter().map(ToString::to_string).collect(),
            tags: tags.to_owned(),
        };
        let lines = images::bulk(&self.ctx(), &form).unwrap();
        lines.into_iter().map(|line| (line.name.to_string(), line.refused, line.text)).collect()
    }

    fn names(&self, address: &str) -> Vec<String> {
        let pairs = address.split('&').filter_map(|pair| pair.split_once('='));
        let list = images::list(&self.ctx(), &self.place(), ImageQuery::from_pairs(pairs)).unwrap();
        list.page.rows.into_iter().map(|row| row.name.to_string()).collect()
    }
}

#[test]
fn a_search_by_several_tags_finds_what_has_all_of_them() {
    let scene = scene(&["a", "b", "c"]);
    scene.tag(0, "env=prod, web");
    scene.tag(1, "env=prod, db");
    scene.tag(2, "env=test, web");
    assert_eq!(scene.names("tag=env=prod&sort=name"), ["a", "b"]);
    assert_eq!(scene.names("tag=env=prod&tag=web"), ["a"]);
    assert_eq!(scene.names("tag=env&sort=name"), ["a", "b", "c"], "any value");
    assert_eq!(scene.names("tag=env=prod,web&q=nothing"), Vec::<String>::new(), "and the search as well");
    let list = images::list(&scene.ctx(), &scene.place(), ImageQuery::default()).unwrap();
    assert_eq!(list.known_tags, ["db", "env=prod", "env=test", "web"]);
}

#[test]
fn an_image_has_at_most_so_many_tags() {
    let scene = scene(&["a"]);
    let many = |n: u32| (0..n).map(|n| format!("k{n}")).collect::<Vec<_>>().join(",");
    scene.tag(0, &many(10));
    let error = scene.edit(0, |form| form.tags = Some(many(11))).unwrap_err();
    assert_eq!((error.code.as_str(), error.fields[0].field.as_str()), ("image_tag_limit_reached", "tags"));
    assert!(error.message.contains("11 tags") && error.message.contains("at most 10"), "{}", error.message);
    let lines = scene.bulk("tag", "one-more");
    assert!(lines[0].1 && lines[0].2.contains("at most 10"), "{lines:?}");
    assert!(!scene.bulk("tag", "k1=new")[0].1, "a key that is there gets the new value");
}

#[test]
fn a_protected_image_is_deleted_by_nobody_until_that_ends() {
    let scene = scene(&["a"]);
    images::protect(&scene.ctx(), scene.images[0], true).unwrap();
    assert_eq!(
        images::delete(&scene.ctx(), &DeleteImageForm::at_once(scene.images[0])).unwrap_err().code,
        "image_protected"
    );
    images::protect(&scene.ctx(), scene.images[0], true).unwrap();
    let detail = images::detail(&scene.ctx(), &scene.place(), scene.images[0]).unwrap();
    assert_eq!(
        detail.events.iter().filter(|event| event.action == "image.protect").count(),
        1,
        "twice is once"
    );
    images::protect(&scene.ctx(), scene.images[0], false).unwrap();
    images::delete(&scene.ctx(), &DeleteImageForm::at_once(scene.images[0])).unwrap();
}

#[test]
fn limits_of_memory_hold_for_the_machines_made_from_it() {
    let scene = scene(&["a"]);
    scene.edit(0, |form| form.min_memory_mib = Some("1048576".to_owned())).unwrap();
    let form = DeployForm {
        image: scene.images[0].to_string(),
        ..scene.bench.deploy_form(&scene.provider, scene.project(), "big")
    };
    let error = instances::create(&scene.ctx(), &form).unwrap_err();
    assert!(error.fields.iter().any(|fault| fault.message.contains("too little memory")), "{error:?}");
    scene.edit(0, |form| form.min_memory_mib = Some(String::new())).unwrap();
    instances::create(&scene.ctx(), &form).unwrap();
}

#[test]
fn many_at_once_give_one_result_each_and_what_is_refused_holds_up_nothing() {
    let scene = scene(&["a", "b", "c"]);
    images::protect(&scene.ctx(), scene.images[1], true).unwrap();
    let share = ShareForm {
        image: scene.images[2].to_string(),
        projects: scene.provider.projects[2].1.to_string(),
        sure: "yes".to_owned(),
        ..ShareForm::default()
    };
    shares::share(&scene.ctx(), &share).unwrap();
    let form = BulkForm {
        action: "delete".to_owned(),
        images: scene.images.iter().map(ToString::to_string).collect(),
        ..BulkForm::default()
    };
    let shown = images::bulk_options(&scene.ctx(), &scene.place(), &form, &ImageQuery::default()).unwrap();
    let done = scene.bulk("delete", "");
    assert_eq!(
        shown.lines.iter().map(|line| line.refused).collect::<Vec<_>>(),
        done.iter().map(|line| line.1).collect::<Vec<_>>(),
        "the dialog knew"
    );
    assert!(!done[0].1 && done[1].2.contains("protected") && done[2].2.contains("shared"), "{done:?}");
    assert_eq!(done[0].2, "In the recycle bin");
    assert!(scene.names("status=available&sort=name") == ["b", "c"]);
}

#[test]
fn without_boxes_the_dialog_is_about_all_that_the_list_finds() {
    let scene = scene(&["app-1", "app-2", "db"]);
    let query = ImageQuery { text: "app".to_owned(), ..ImageQuery::default() };
    let form = BulkForm { action: "protect".to_owned(), ..BulkForm::default() };
    let shown = images::bulk_options(&scene.ctx(), &scene.place(), &form, &query).unwrap();
    assert_eq!((shown.n_found, shown.lines.len()), (2, 2));
}

#[test]
fn what_is_of_others_is_neither_shown_nor_touched_among_many() {
    let scene = scene(&["a"]);
    let stranger = scene.bench.at_present(&scene.bench.user("owner@bolt.example").unwrap());
    let form = BulkForm {
        action: "delete".to_owned(),
        images: vec![scene.images[0].to_string()],
        ..BulkForm::default()
    };
    let place = Place { project: Some(scene.provider.projects[2].1), region: "north-1".into() };
    assert!(images::bulk_options(&stranger, &place, &form, &ImageQuery::default()).unwrap().lines.is_empty());
    assert!(images::bulk(&stranger, &form).unwrap().is_empty(), "as if it did not exist");
    assert_eq!(scene.names("status=available"), ["a"]);
}

#[test]
fn the_exported_list_has_the_columns_that_were_agreed() {
    let scene = scene(&["b", "a", "c"]);
    scene.tag(0, "env=prod, web");
    let query = ImageQuery::from_pairs([("sort", "name")].into_iter());
    let rows = images::export(&scene.ctx(), &scene.place(), &query, &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let b = &rows[1];
    assert_eq!((b.status.as_str(), b.tags.as_str(), b.kind), ("Available", "env=prod, web", "System disk"));
    assert!(b.stored_bytes > 0 && !b.disks_gib.is_empty() && b.created.ends_with('Z'), "{b:?}");
    let picked = images::export(&scene.ctx(), &scene.place(), &query, &scene.images[2..]).unwrap();
    assert_eq!(picked.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[test]
fn a_copy_has_the_family_and_tags_that_were_asked_for() {
    let scene = scene(&["a"]);
    scene.tag(0, "env=prod");
    let versions = [("north-1".to_owned(), 1)].into();
    let form = CopyImageForm {
        data_disks: String::new(),
        image: scene.images[0].to_string(),
        project: scene.project().to_string(),
        regions: vec!["north-1".to_owned()],
        name: "copy".to_owned(),
        remark: String::new(),
        family: Some("web".to_owned()),
        tags: Some("env=test".to_owned()),
        price_versions: versions,
    };
    let copy = images::copy(&scene.ctx(), &form).unwrap()[0];
    let image = images::detail(&scene.ctx(), &scene.place(), copy).unwrap().image;
    assert_eq!((image.family.as_str(), image.tags.get("env").map(String::as_str)), ("web", Some("test")));
    assert_eq!(image.status, Status::Available);
}
