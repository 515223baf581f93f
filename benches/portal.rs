//! The release executable as people meet it: how soon it is there, how fast the longest list comes, how much memory it takes.
//! Prints `page_p50_ms`, `page_p99_ms`, `page_filtered_p50_ms`, `cold_start_s`, `rss_idle_mb` and `rss_10000_mb`.
//!
//! Arguments: a folder for temporary data, and the executable.

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/ten_thousand.rs"]
mod ten_thousand;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use darkroom::server::open;
use darkroom::server::settings::Settings;
use darkroom_core::ops::people;
use server::Server;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::{Scratch, figure, median, ms, note, quantile};
use ten_thousand::N_IMAGES;

const N_CLIENTS: usize = 8;
const N_REQUESTS_EACH: usize = 500;
const N_WARM_UP_EACH: usize = 25;
const N_OTHER_EACH: usize = 50;
const N_STARTS: usize = 5;
const PAGE: &str = "/images";
/// Three filters: a status and two tags.
const FILTERED: &str = "/images?status=available&tag=env%3Dprod&tag=tier%3Dgold";

fn main() {
    let scratch = Scratch::new("portal");
    let executable =
        support::arguments().get(1).map(PathBuf::from).expect("the second argument is the executable");
    idle(&scratch.path("empty"), &executable);
    let data = scratch.path("full");
    let begun = Instant::now();
    let cookie = prepare(&data, &scratch);
    note(format!(
        "{N_IMAGES} images written in {:.1} s, {} MB",
        begun.elapsed().as_secs_f64(),
        support::folder_bytes(&data) / 1_000_000
    ));
    cold_starts(&data, &executable, &cookie);
    load(&data, &executable, &cookie);
}

/// A provider with one tenant and no images; gives the cookies of a signed-in owner.
fn prepare_empty(data: &Path) -> (String, support::Tenant, darkroom::server::Open) {
    let opened = open(data, &Settings::default()).expect("a new data directory");
    let system = opened.app.system();
    let tenant = support::furnish(&system);
    let signed_in =
        people::sign_in(&system, support::OWNER, support::PASSWORD, "bench").expect("the password is right");
    let token = URL_SAFE_NO_PAD.encode(signed_in.token);
    let cookie = format!("darkroom_session={token}; darkroom_place={}.{}", tenant.project, tenant.region);
    (cookie, tenant, opened)
}

fn prepare(data: &Path, scratch: &Scratch) -> String {
    let (cookie, tenant, opened) = prepare_empty(data);
    ten_thousand::write(&opened.app.system(), &tenant, &scratch.path(""));
    cookie
}

/// Memory of a server that has shown a page and does nothing.
fn idle(data: &Path, executable: &Path) {
    let cookie = prepare_empty(data).0;
    let mut server = Server::start(executable, data);
    server.first_page(PAGE, &cookie);
    server.settle();
    std::thread::park_timeout(Duration::from_secs(2));
    figure("rss_idle_mb", server.resident_mb(), "MB");
}

/// From the start of the process to the whole first page, with nothing of the data in the system's cache.
fn cold_starts(data: &Path, executable: &Path, cookie: &str) {
    let mut took = Vec::new();
    for _ in 0..N_STARTS {
        rustix::fs::sync();
        forget(data);
        forget(executable);
        took.push(Server::start(executable, data).first_page(PAGE, cookie));
    }
    note(format!("starts: {}", took.iter().map(|s| format!("{s:.3}")).collect::<Vec<_>>().join(", ")));
    figure("cold_start_s", median(&took), "s");
}

/// Asks the system to drop what it keeps of a file, or of all files in a folder.
fn forget(path: &Path) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder of ours") {
            forget(&entry.expect("a folder of ours").path());
        }
    } else if let Ok(file) = File::open(path) {
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("an ordinary file");
    }
}

/// Eight clients, each with its own connection, each asking again as soon as it has the whole page.
fn load(data: &Path, executable: &Path, cookie: &str) {
    let mut server = Server::start(executable, data);
    server.first_page(PAGE, cookie);
    server.settle();
    note(format!("resident memory after the first page: {:.0} MB", server.resident_mb()));
    let answer = server.browser().get(PAGE, cookie);
    let n_rows = answer.body.matches("<tr").count();
    assert!(
        answer.status == 200 && answer.body.contains("10,000") && n_rows > 10,
        "not the page with 10,000 images"
    );
    note(format!("the page has {} bytes and {n_rows} rows", answer.body.len()));
    ask(&server, PAGE, cookie, N_WARM_UP_EACH);
    let took = told(&server, PAGE, cookie, N_REQUESTS_EACH);
    figure("page_p50_ms", quantile(&took, 0.5), "ms");
    figure("page_p99_ms", quantile(&took, 0.99), "ms");
    let filtered = server.browser().get(FILTERED, cookie);
    assert!(
        filtered.status == 200
            && filtered.body.contains("env=prod")
            && filtered.body.matches("<tr").count() > 10
    );
    figure("page_filtered_p50_ms", quantile(&told(&server, FILTERED, cookie, N_OTHER_EACH), 0.5), "ms");
    // The last one shows what every page costs.
    for other in ["/images?sort=name&page=70", "/images?q=db-primary&status=available", "/account"] {
        told(&server, other, cookie, N_OTHER_EACH);
    }
    let alone: Vec<f64> = (0..N_OTHER_EACH)
        .map(|_| {
            let mut browser = server.browser();
            let begun = Instant::now();
            browser.get(PAGE, cookie);
            ms(begun.elapsed())
        })
        .collect();
    note(format!("one client alone: median {:.1} ms", median(&alone)));
    figure("rss_10000_mb", server.resident_mb(), "MB");
}

/// How long each request took, in milliseconds; the rest of what can be known goes to people.
fn told(server: &Server, page: &str, cookie: &str, n_each: usize) -> Vec<f64> {
    let (begun, processor_ms) = (Instant::now(), server.processor_ms());
    let took = ask(server, page, cookie, n_each);
    let (n, seconds) = (took.len() as f64, begun.elapsed().as_secs_f64());
    let processor_ms = (server.processor_ms() - processor_ms) / n;
    let at = |part| quantile(&took, part);
    note(format!(
        "{page}: {n} requests, {:.0} per second, {processor_ms:.2} ms of processor each, median {:.1}, 99 % {:.1}, max {:.1} ms",
        n / seconds,
        at(0.5),
        at(0.99),
        at(1.0)
    ));
    took
}

fn ask(server: &Server, page: &str, cookie: &str, n_each: usize) -> Vec<f64> {
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..N_CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut browser = server.browser();
                    let once = |_| {
                        let begun = Instant::now();
                        let answer = browser.get(page, cookie);
                        let took = ms(begun.elapsed());
                        assert_eq!(answer.status, 200);
                        took
                    };
                    (0..n_each).map(once).collect::<Vec<f64>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("every page comes")).collect()
    })
}
