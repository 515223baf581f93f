//! Access coverage (design, section 7): every route and every server function is called as every kind of actor, over a real router with
//! simulated ports. The table of answers is a snapshot; a route or function without a case fails the test.

use crate::support::{Actor, World};
use axum::http::StatusCode;
use darkroom::ui::app::App as Portal;
use std::collections::BTreeSet;

/// The body of a call, from the ids of a fresh world.
type Body = fn(&World) -> String;

/// A server function: its name and a request that its owner may make.
const CALLS: &[(&str, Body)] = &[
    ("create_image", |w| format!("form[instance]={}&form[name]=new&form[price_version]=1", w.machine)),
    ("update_image", |w| format!("form[image]={}&form[revision]=0&form[name]=renamed", w.image)),
    ("protect_image", |w| format!("id={}&on=true", w.image)),
    ("bulk_images", |w| format!("form[action]=protect&form[images][]={}", w.image)),
    ("delete_image", |w| format!("form[image]={}", w.image)),
    ("keep_image", |w| format!("id={}", w.image)),
    ("restore_image", |w| format!("form[image]={}", w.recycled)),
    ("purge_image", |w| format!("id={}", w.recycled)),
    ("empty_bin", |w| format!("project={}&region=north-1&shown=9000000000000", w.project)),
    ("copy_image", World::copy),
    ("stage_image", |w| format!("form[image]={}&form[stage]=deprecated&form[when]=now", w.image)),
    // Nothing is planned; who may not even try is told so first.
    ("unplan_image", |w| format!("id={}&stage=deprecated", w.image)),
    ("share_image", World::share),
    ("check_share", World::share),
    ("unfollow_family", |w| {
        format!(
            "image={}&form[owner]={}&form[region]=north-1&form[family]=web&form[project]={}",
            w.offered, w.project, w.strangers
        )
    }),
    ("stop_sharing", |w| format!("form[image]={}&form[project]={}&form[when]=now", w.offered, w.strangers)),
    ("accept_share", |w| format!("image={}&project={}", w.offered, w.strangers)),
    ("reject_share", |w| format!("image={}&project={}", w.offered, w.strangers)),
    ("accept_all_shares", |_| String::new()),
    ("create_instance", World::deploy),
    ("find_image", |w| format!("{}&q=web", w.deploy())),
    ("start_instance", |w| format!("id={}", w.stopped)),
    ("stop_instance", |w| format!("id={}", w.machine)),
    ("reboot_instance", |w| format!("id={}", w.machine)),
    ("add_disk", |w| {
        format!(
            "form[instance]={}&form[source]=empty&form[kind]=ssd&form[size_gib]=1&form[price_version]=1",
            w.stopped
        )
    }),
    // Nobody removes a system disk; who may not even try is told so first.
    ("remove_disk", |w| format!("form[instance]={}&form[disk]={}", w.stopped, w.disk)),
    ("delete_instance", |w| format!("id={}", w.machine)),
    ("change_instance_image", |w| {
        format!("form[instance]={}&form[image]={}&form[sure]=yes&form[price_version]=1", w.stopped, w.image)
    }),
    ("create_group", World::group_form),
    ("find_group_image", |w| format!("{}&q=web", w.group_form())),
    ("edit_group", |w| format!("{}&form[group]={}&form[revision]=1", w.group_form(), w.group)),
    ("roll_group", |w| format!("id={}&price_version=1", w.group)),
    ("retry_group", |w| format!("id={}", w.group)),
    ("delete_group", |w| format!("id={}", w.group)),
    ("ask_quota", |_| {
        "form[region]=north-1&form[kind]=images&form[wanted]=40&form[reason]=More machines next month"
            .to_owned()
    }),
    ("withdraw_request", |w| format!("id={}", w.request)),
    ("decide_request", |w| {
        format!("form[request]={}&form[verdict]=approve&form[granted]=40&form[note]=Fine", w.request)
    }),
    ("edit_region", |_| {
        "form[region]=north-1&form[images]=off&form[accepts_copies]=on&form[recycle_days]=7&form[n_images_max]=4\
         &form[n_instances_max]=4&form[n_creates_max]=2&form[n_shares_max]=9&form[stored_gb_max]=9&form[sites]=main\
         &form[snapshots]=on&form[n_snapshots_max]=9"
            .to_owned()
    }),
    ("set_prices", |_| {
        "form[region]=north-1&form[shown]=1&form[basis]=virtual&form[image]=0.05&form[bin]=0&form[service]=1\
         &form[snapshot]=0.04&form[transfer]=0.01"
            .to_owned()
    }),
    // There is none to come; who may not even try is told so first.
    ("withdraw_prices", |_| "region=north-1&version=9".to_owned()),
    ("ask_reach", |w| {
        format!("form[image]={}&form[region]=south-1&form[reason]=Our customers are there", w.image)
    }),
    ("edit_account", |w| format!("form[account]={}&form[site]=asia", w.account)),
    ("edit_limits", |w| {
        format!(
            "form[account]={}&form[region]=north-1&form[whose]=own&form[n_images_max]=4&form[n_instances_max]=4\
             &form[n_creates_max]=2&form[n_shares_max]=9&form[stored_gb_max]=9&form[n_snapshots_max]=9",
            w.account
        )
    }),
    ("set_budget", |_| "form[budget]=500".to_owned()),
    ("book_entry", |w| {
        format!("form[account]={}&form[kind]=top_up&form[amount]=12.50&form[reference]=R-1", w.account)
    }),
    ("set_payment", |w| format!("form[account]={}&form[mode]=prepaid&form[credit_limit]=500", w.account)),
    ("turn_service", |_| "form[region]=north-1&form[turn]=off".to_owned()),
    ("create_snapshot", |w| {
        format!("form[instance]={}&form[what]=system&form[name]=again&form[price_version]=1", w.machine)
    }),
    ("rename_snapshot", |w| format!("form[snapshot]={}&form[revision]=0&form[name]=renamed", w.snapshot)),
    ("delete_snapshot", |w| format!("id={}", w.snapshot)),
    ("image_from_snapshot", |w| {
        format!("form[snapshot]={}&form[name]=derived&form[price_version]=1", w.snapshot)
    }),
    ("disk_from_snapshot", |w| {
        format!(
            "form[instance]={}&form[source]=snapshot:{}&form[kind]=ssd&form[size_gib]=2&form[price_version]=1",
            w.stopped, w.data_snapshot
        )
    }),
    ("save_schedule", |w| {
        format!(
            "form[instance]={}&form[what]=all&form[rhythm]=day&form[at]=03:00&form[keep]=7&form[on]=on&form[price_version]=1",
            w.machine
        )
    }),
    ("run_schedule", |w| format!("id={}", w.schedule)),
    ("delete_schedule", |w| format!("id={}", w.schedule)),
    ("cancel_task", |w| format!("id={}&back_to=/tasks", w.running_task)),
    ("retry_task", |w| format!("id={}&back_to=/tasks", w.failed_task)),
    ("sign_in", |_| "email=nobody@acme.example&password=wrong&next=".to_owned()),
    ("sign_out", |_| String::new()),
    ("choose_place", |w| format!("project={}&region=south-1&back_to=/", w.project)),
    ("choose_theme", |_| "theme=dark&back_to=/".to_owned()),
    ("change_password", |_| {
        "form[current]=correct horse battery&form[new]=another long one&form[again]=another long one"
            .to_owned()
    }),
    ("revoke_session", |w| format!("id={}", w.member_session)),
];

/// A page or file: its route and an address of a fresh world.
const ROUTES: &[(&str, Body)] = &[
    ("/", |_| "/".to_owned()),
    ("/sign-in", |_| "/sign-in".to_owned()),
    ("/instances", |_| "/instances".to_owned()),
    ("/instances/new", |_| "/instances/new".to_owned()),
    ("/instances/{id}", |w| format!("/instances/{}", w.machine)),
    ("/instances/{id}/image", |w| format!("/instances/{}/image", w.machine)),
    ("/instances/{id}/change-image", |w| format!("/instances/{}/change-image", w.stopped)),
    ("/groups", |_| "/groups".to_owned()),
    ("/groups/new", |_| "/groups/new".to_owned()),
    ("/groups/{id}", |w| format!("/groups/{}", w.group)),
    ("/groups/{id}/edit", |w| format!("/groups/{}/edit", w.group)),
    ("/groups/{id}/roll", |w| format!("/groups/{}/roll", w.group)),
    ("/groups/{id}/delete", |w| format!("/groups/{}/delete", w.group)),
    ("/instances/{id}/delete", |w| format!("/instances/{}/delete", w.machine)),
    ("/instances/{id}/disks/new", |w| format!("/instances/{}/disks/new", w.stopped)),
    ("/instances/{id}/disks/{disk}/remove", |w| format!("/instances/{}/disks/{}/remove", w.stopped, w.disk)),
    ("/instances/{id}/console", |w| format!("/instances/{}/console", w.machine)),
    ("/images", |_| "/images".to_owned()),
    ("/images/public", |_| "/images/public".to_owned()),
    ("/images/shared", |_| "/images/shared".to_owned()),
    ("/images/bin", |_| "/images/bin".to_owned()),
    ("/images/bin/empty", |_| "/images/bin/empty".to_owned()),
    ("/images/{id}/restore", |w| format!("/images/{}/restore", w.recycled)),
    ("/images/{id}/purge", |w| format!("/images/{}/purge", w.recycled)),
    ("/images/selected", |w| format!("/images/selected?action=delete&image={}", w.image)),
    ("/images/{id}/stage", |w| format!("/images/{}/stage", w.image)),
    ("/images/{id}/reach", |w| format!("/images/{}/reach", w.image)),
    ("/images/{id}/copy", |w| format!("/images/{}/copy", w.image)),
    ("/images/{id}/share", |w| format!("/images/{}/share", w.image)),
    ("/images/{id}/sharing", |w| format!("/images/{}/sharing", w.offered)),
    ("/images/{id}/sharing/{project}", |w| format!("/images/{}/sharing/{}", w.offered, w.strangers)),
    ("/images/{id}", |w| format!("/images/{}", w.image)),
    ("/images/{id}/edit", |w| format!("/images/{}/edit", w.image)),
    ("/images/{id}/delete", |w| format!("/images/{}/delete", w.image)),
    ("/instances/{id}/snapshot", |w| format!("/instances/{}/snapshot", w.machine)),
    ("/snapshots", |_| "/snapshots".to_owned()),
    ("/snapshots/new", |_| "/snapshots/new".to_owned()),
    ("/snapshots/service", |_| "/snapshots/service".to_owned()),
    ("/snapshots/schedules", |_| "/snapshots/schedules".to_owned()),
    ("/snapshots/schedules/new", |_| "/snapshots/schedules/new".to_owned()),
    ("/snapshots/schedules/{id}", |w| format!("/snapshots/schedules/{}", w.schedule)),
    ("/snapshots/schedules/{id}/delete", |w| format!("/snapshots/schedules/{}/delete", w.schedule)),
    ("/snapshots/{id}", |w| format!("/snapshots/{}", w.snapshot)),
    ("/snapshots/{id}/image", |w| format!("/snapshots/{}/image", w.snapshot)),
    ("/snapshots/{id}/disk", |w| format!("/snapshots/{}/disk", w.data_snapshot)),
    ("/snapshots/{id}/edit", |w| format!("/snapshots/{}/edit", w.snapshot)),
    ("/snapshots/{id}/delete", |w| format!("/snapshots/{}/delete", w.snapshot)),
    ("/tasks", |_| "/tasks".to_owned()),
    ("/tasks/{id}", |w| format!("/tasks/{}", w.running_task)),
    ("/audit", |_| "/audit".to_owned()),
    ("/usage", |_| "/usage".to_owned()),
    ("/quotas", |_| "/quotas".to_owned()),
    ("/quotas/{kind}", |_| "/quotas/images".to_owned()),
    ("/billing", |_| "/billing".to_owned()),
    ("/billing/budget", |_| "/billing/budget".to_owned()),
    ("/statements/{account}/{number}", |w| format!("/statements/{}/1", w.account)),
    ("/requests", |_| "/requests".to_owned()),
    ("/requests/{id}", |w| format!("/requests/{}", w.request)),
    ("/accounts", |_| "/accounts".to_owned()),
    ("/accounts/{id}", |w| format!("/accounts/{}", w.account)),
    ("/accounts/{id}/edit", |w| format!("/accounts/{}/edit", w.account)),
    ("/accounts/{id}/limits/{region}", |w| format!("/accounts/{}/limits/north-1", w.account)),
    ("/accounts/{id}/billing", |w| format!("/accounts/{}/billing", w.account)),
    ("/accounts/{id}/billing/book", |w| format!("/accounts/{}/billing/book", w.account)),
    ("/accounts/{id}/billing/payment", |w| format!("/accounts/{}/billing/payment", w.account)),
    ("/revenue", |_| "/revenue".to_owned()),
    ("/regions", |_| "/regions".to_owned()),
    ("/regions/{id}", |_| "/regions/north-1".to_owned()),
    ("/regions/{id}/prices", |_| "/regions/north-1/prices".to_owned()),
    ("/regions/{id}/prices/new", |_| "/regions/north-1/prices/new".to_owned()),
    ("/account", |_| "/account".to_owned()),
];

/// Addresses that the server answers beside the portal's own routes.
const PLAIN: &[(&str, Body)] = &[
    ("/instances/{id}/console.log", |w| format!("/instances/{}/console.log", w.machine)),
    ("/statements/{account}/{number}/lines.csv", |w| format!("/statements/{}/1/lines.csv", w.account)),
    ("/audit.csv", |_| "/audit.csv".to_owned()),
    ("/usage.csv", |_| "/usage.csv".to_owned()),
    ("/usage.json", |_| "/usage.json".to_owned()),
    ("/revenue/usage.csv", |_| "/revenue/usage.csv?from=2026-11-01&until=2026-11-30".to_owned()),
    ("/revenue/usage.jsonl", |_| "/revenue/usage.jsonl?from=2026-11-01&until=2026-11-30&limit=1".to_owned()),
    ("/images.csv", |_| "/images.csv".to_owned()),
    ("/images/public.csv", |_| "/images/public.csv".to_owned()),
    ("/healthz", |_| "/healthz".to_owned()),
    ("/readyz", |_| "/readyz".to_owned()),
    ("(unknown)", |_| "/no/such/page".to_owned()),
];

fn word(status: StatusCode) -> String {
    status.as_u16().to_string()
}

fn table(title: &str, rows: Vec<(String, Vec<String>)>) -> String {
    let mut out = format!("{title:<34}");
    for actor in Actor::ALL {
        out += &format!("{:<12}", actor.name());
    }
    out = out.trim_end().to_owned() + "\n";
    for (name, cells) in rows {
        let cells: String = cells.iter().map(|c| format!("{c:<12}")).collect();
        out += format!("{name:<34}{cells}").trim_end();
        out.push('\n');
    }
    out
}

#[test]
fn every_server_function_has_a_case_and_every_route_too() {
    // The router registers the functions.
    let _world = World::new();
    let known: BTreeSet<String> = CALLS.iter().map(|(name, _)| format!("/ui/{name}")).collect();
    let real: BTreeSet<String> =
        leptos::server_fn::axum::server_fn_paths().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(real, known, "every server function needs a case in CALLS, and no case may be left over");
    let known: BTreeSet<String> = ROUTES.iter().map(|(route, _)| (*route).to_owned()).collect();
    let real: BTreeSet<String> =
        leptos_axum::generate_route_list(Portal).iter().map(|r| r.path().to_owned()).collect();
    assert_eq!(real, known, "every route needs a case in ROUTES, and no case may be left over");
}

#[test]
fn every_server_function_answers_each_actor_as_agreed() {
    let mut unchanged = None;
    let rows = CALLS.iter().map(|(name, body)| {
        let answers = Actor::ALL.map(|actor| {
            let world = unchanged.take().unwrap_or_else(World::new);
            let status = world.call(actor, name, &body(&world)).0;
            // Most of these calls change the world when they are not refused, and a wrong sign-in is counted: then the next one has a new one.
            if [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&status) {
                unchanged = Some(world);
            }
            word(status)
        });
        ((*name).to_owned(), answers.to_vec())
    });
    insta::assert_snapshot!(table("server function", rows.collect()));
}

#[test]
fn every_address_answers_each_actor_as_agreed() {
    let world = World::new();
    let rows = ROUTES.iter().chain(PLAIN).map(|(route, address)| {
        let answers = Actor::ALL.map(|actor| word(world.get(actor, &address(&world)).0));
        ((*route).to_owned(), answers.to_vec())
    });
    insta::assert_snapshot!(table("address", rows.collect()));
}

#[test]
fn a_console_socket_is_refused_to_everybody_who_may_not_type() {
    let world = World::new();
    let address = format!("/instances/{}/console/socket", world.machine);
    let rows = [(
        "console socket".to_owned(),
        Actor::ALL.map(|actor| word(world.upgrade(actor, &address))).to_vec(),
    )];
    insta::assert_snapshot!(table("address", rows.into()));
}

#[test]
fn what_belongs_to_another_account_looks_like_what_does_not_exist() {
    let world = World::new();
    let unknown = uuid::Uuid::from_u128(77);
    for (name, theirs, nothing) in [
        ("delete_image", format!("form[image]={}", world.image), format!("form[image]={unknown}")),
        ("stop_instance", format!("id={}", world.machine), format!("id={unknown}")),
        ("delete_group", format!("id={}", world.group), format!("id={unknown}")),
    ] {
        assert_eq!(
            world.call(Actor::Stranger, name, &theirs),
            world.call(Actor::Stranger, name, &nothing),
            "{name}"
        );
    }
}

#[test]
fn a_write_from_another_site_is_refused() {
    let world = World::new();
    assert_eq!(
        world.cross_site("delete_image", &format!("form[image]={}", world.image)),
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.call(Actor::Member, "delete_image", &format!("form[image]={}", world.image)).0,
        StatusCode::OK,
        "it is still there, and can be deleted from darkroom's own pages"
    );
}

#[test]
fn every_page_carries_a_strict_policy_with_a_nonce_of_its_own() {
    let world = World::new();
    let policy = |path: &str| world.policy(Actor::Member, path);
    let (first, second) = (policy("/images"), policy("/images"));
    assert!(first.contains("script-src 'nonce-") && !first.contains("unsafe-inline"), "{first}");
    assert_ne!(first, second, "a nonce is used once");
    assert!(
        policy(&format!("/instances/{}/console", world.machine)).contains("style-src 'self' 'unsafe-inline'")
    );
}
