//! A small provider behind the real router, with simulated ports: no socket, no sleep, the same ids every time.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use darkroom::server::web::{WebSettings, router};
use darkroom_core::domain::actor;
use darkroom_core::domain::form::{
    DeleteImageForm, DeployForm, GroupForm, QuotaRequestForm, ScheduleForm, ShareForm,
};
use darkroom_core::domain::ids::{
    AccountId, DiskId, GroupId, ImageId, InstanceId, ProjectId, RequestId, ScheduleId, SessionId, SnapshotId,
    TaskId,
};
use darkroom_core::domain::instance::Instance;
use darkroom_core::domain::quota::Limits;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::ops::snapshots::schedules;
use darkroom_core::ops::{Ctx, billing, groups, images, instances, people, provider, quotas, shares};
use darkroom_core::ports::{Clock as _, PortError};
use darkroom_core::sim::{Bench, Effect, Op, PASSWORD, Provider};
use http_body_util::BodyExt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// One for all worlds: views are rendered on threads that outlive a test and would wait for ever for a runtime that is gone.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// One world at a time: making a router lists the portal's routes, which a page that is being rendered elsewhere does not survive.
static TURN: Mutex<()> = Mutex::new(());

/// Each kind of actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Nobody is signed in.
    Anonymous,
    /// Owner in another account.
    Stranger,
    /// Reader of the project.
    Reader,
    /// Member of the project.
    Member,
    /// Owner of the project.
    Owner,
    /// The provider's person.
    Operator,
}

impl Actor {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Anonymous, Self::Stranger, Self::Reader, Self::Member, Self::Owner, Self::Operator];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Stranger => "stranger",
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }

    fn email(self) -> Option<&'static str> {
        match self {
            Self::Anonymous => None,
            Self::Stranger => Some("owner@bolt.example"),
            Self::Reader => Some("reader@acme.example"),
            Self::Member => Some("member@acme.example"),
            Self::Owner => Some("owner@acme.example"),
            Self::Operator => Some("op@provider.example"),
        }
    }
}

fn group_form(provider: &Provider, project: ProjectId) -> GroupForm {
    GroupForm {
        project: project.to_string(),
        region: "north-1".to_owned(),
        name: "farm".to_owned(),
        wanted: "1".to_owned(),
        image: provider.public[0].to_string(),
        flavor: "m1.tiny".to_owned(),
        zone: "a".to_owned(),
        disk_kind: "ssd".to_owned(),
        disk_gib: "2".to_owned(),
        price_version: 1,
        ..GroupForm::default()
    }
}

/// A group of one machine that is to make new ones from `image`.
fn aged_group(bench: &Bench, member: &Ctx, provider: &Provider, image: ImageId) -> GroupId {
    let form = group_form(provider, provider.projects[0].1);
    let id = groups::create(&bench.at_present(member), &form).expect("makes a group");
    groups::sweep(&bench.app).expect("makes its machine");
    bench.work().expect("works");
    let form = GroupForm { group: id.to_string(), image: image.to_string(), ..form };
    groups::edit(&bench.at_present(member), &form).expect("chooses another image");
    id
}

/// The provider, with one of each thing in Acme's first project.
pub struct World {
    _turn: MutexGuard<'static, ()>,
    bench: Bench,
    provider: Provider,
    router: Router,
    cookies: Vec<(Actor, String)>,
    /// The project.
    pub project: ProjectId,
    /// A running machine.
    pub machine: InstanceId,
    /// A stopped machine.
    pub stopped: InstanceId,
    /// An available image.
    pub image: ImageId,
    /// An image that is offered to the stranger's project.
    pub offered: ImageId,
    /// A request for more that waits.
    pub request: RequestId,
    /// An image in the recycle bin.
    pub recycled: ImageId,
    /// A scaling group with a machine of another image than it makes now.
    pub group: GroupId,
    /// An available snapshot of the running machine, of its system disk.
    pub snapshot: SnapshotId,
    /// An available snapshot of all disks of the stopped one.
    pub data_snapshot: SnapshotId,
    /// A schedule of the running machine.
    pub schedule: ScheduleId,
    /// The stranger's project.
    pub strangers: ProjectId,
    /// The system disk of the stopped machine.
    pub disk: DiskId,
    /// The account of the member.
    pub account: AccountId,
    /// A task that can be cancelled.
    pub running_task: TaskId,
    /// A task that can be retried.
    pub failed_task: TaskId,
    /// The member's session.
    pub member_session: SessionId,
}

impl World {
    /// Everything set up through use cases and the engine.
    pub fn new() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let bench = Bench::new(1);
        let provider = bench.provider().expect("the provider is set up");
        // Room for one image more than the world begins with.
        let limits = Limits {
            n_images_max: 4,
            n_instances_max: 6,
            n_creates_max: 2,
            n_shares_max: 9,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
        provider::set_limits(&bench.app.system(), provider.accounts[0], &"north-1".into(), Some(limits))
            .expect("limits");
        let member = bench.user("member@acme.example").expect("the member signs in");
        let project = provider.projects[0].1;
        let machine = bench.machine(&member, &provider, project, "web").expect("deploys");
        let with_data = DeployForm {
            data1_gib: "1".to_owned(),
            data1_kind: "ssd".to_owned(),
            ..bench.deploy_form(&provider, project, "db")
        };
        let stopped = instances::create(&bench.at_present(&member), &with_data).expect("deploys");
        bench.work().expect("works");
        instances::stop(&bench.at_present(&member), stopped).expect("stops");
        bench.work().expect("works");
        let (image, _) = bench.capture(&member, machine, "web-v1").expect("captures");
        bench.work().expect("works");
        let (offered, _) = bench.capture(&member, machine, "web-v2").expect("captures");
        bench.work().expect("works");
        let (recycled, _) = bench.capture(&member, machine, "web-v0").expect("captures");
        bench.work().expect("works");
        images::delete(&bench.at_present(&member), &DeleteImageForm::at_once(recycled)).expect("recycles");
        let asker = bench.user("owner@acme.example").expect("the owner signs in");
        let more = QuotaRequestForm {
            region: "north-1".to_owned(),
            kind: "instances".to_owned(),
            wanted: "40".to_owned(),
            reason: "More machines next month".to_owned(),
        };
        let request = quotas::ask(&bench.at_present(&asker), &more).expect("asks");
        let group = aged_group(&bench, &member, &provider, image);
        let strangers = provider.projects[2].1;
        let share = ShareForm {
            image: offered.to_string(),
            projects: strangers.to_string(),
            sure: "yes".to_owned(),
            ..ShareForm::default()
        };
        shares::share(&bench.at_present(&member), &share).expect("offers");
        bench.service_on(&asker, project).expect("the service is turned on");
        let (snapshot, _) = bench.snapshot(&member, machine, "system", "before").expect("takes a snapshot");
        bench.work().expect("works");
        let (data_snapshot, _) = bench.snapshot(&member, stopped, "all", "whole").expect("takes a snapshot");
        bench.work().expect("works");
        let nightly =
            ScheduleForm { instance: machine.to_string(), price_version: 1, ..ScheduleForm::usual() };
        let schedule = schedules::save(&bench.at_present(&member), &nightly).expect("schedules");
        bench.host.fail(Op::Capture, PortError::NoSpace { place: "north-1".to_owned() }, Effect::None, 1);
        let (_, failed_task) = bench.capture(&member, stopped, "db-v1").expect("captures");
        bench.work().expect("works");
        let cancellable =
            instances::create(&bench.at_present(&member), &bench.deploy_form(&provider, project, "queue"))
                .expect("asks");
        let running_task = member
            .read::<darkroom_core::domain::instance::Instance>(&cancellable)
            .unwrap()
            .unwrap()
            .task
            .unwrap();
        // The month is closed: the account has a statement.
        let now = bench.clock.now();
        bench.clock.advance(now.next_month().plus_ms(3 * 86_400_000).since_ms(now));
        billing::sweep_months(&bench.app).expect("closes the month");
        let mut cookies = Vec::new();
        let mut member_session = None;
        for actor in Actor::ALL {
            let Some(email) = actor.email() else { continue };
            let anonymous =
                Ctx { app: bench.app.clone(), actor: actor::Actor::Anonymous, now: bench.app.clock.now() };
            let signed_in = people::sign_in(&anonymous, email, PASSWORD, "test").expect("signs in");
            use base64::Engine as _;
            let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signed_in.token);
            if actor == Actor::Member {
                member_session = Some(signed_in.session);
            }
            cookies.push((actor, format!("darkroom_session={token}; darkroom_place={project}.north-1")));
        }
        let router = {
            let _inside = RUNTIME.enter();
            router(bench.app.clone(), WebSettings::default())
        };
        Self {
            _turn: turn,
            router,
            cookies,
            project,
            machine,
            stopped,
            image,
            offered,
            recycled,
            snapshot,
            data_snapshot,
            schedule,
            request,
            group,
            strangers,
            disk: member.read::<Instance>(&stopped).expect("reads").expect("is there").system_disk().id,
            account: provider.accounts[0],
            running_task,
            failed_task,
            member_session: member_session.expect("the member signed in"),
            bench,
            provider,
        }
    }

    /// Lets a minute pass; gives the moment after it.
    pub fn pass_a_minute(&self) -> Timestamp {
        self.bench.clock.advance(60_000);
        self.bench.app.system().now
    }

    /// The body of a call that makes a scaling group, or changes one to what it says.
    pub fn group_form(&self) -> String {
        let form = group_form(&self.provider, self.project);
        format!(
            "form[project]={}&form[region]=north-1&form[image]={}&form[name]=farm-2&form[wanted]=1&form[flavor]=m1.tiny&form[zone]=a&form[disk_kind]=ssd&form[disk_gib]=2&form[price_version]=1",
            form.project, form.image
        )
    }

    /// The body of a call that deploys a machine.
    pub fn deploy(&self) -> String {
        let form = self.bench.deploy_form(&self.provider, self.project, "fresh");
        format!(
            "form[project]={}&form[region]={}&form[image]={}&form[name]={}&form[flavor]={}&form[zone]={}&form[disk_kind]={}&form[disk_gib]={}&form[price_version]=1",
            form.project,
            form.region,
            form.image,
            form.name,
            form.flavor,
            form.zone,
            form.disk_kind,
            form.disk_gib
        )
    }

    /// Makes available images of the running machine, as its member, with room in the limits for them.
    pub fn capture_all(&self, names: &[String]) {
        let limits = Limits {
            n_images_max: 50,
            n_instances_max: 6,
            n_creates_max: 2,
            n_shares_max: 9,
            stored_gb_max: 1000,
            n_snapshots_max: 20,
        };
        let account = self.provider.accounts[0];
        provider::set_limits(&self.bench.app.system(), account, &"north-1".into(), Some(limits))
            .expect("limits");
        let member = self.bench.user("member@acme.example").expect("the member signs in");
        for name in names {
            self.bench.capture(&self.bench.at_present(&member), self.machine, name).expect("captures");
            self.bench.work().expect("works");
        }
    }

    /// The body of a call that copies the image inside its region, as the browser writes a list and a table.
    pub fn copy(&self) -> String {
        format!(
            "form[image]={}&form[project]={}&form[regions][]=north-1&form[name]=copied&form[price_versions][north-1]=1",
            self.image, self.project
        )
    }

    /// The body of a call that shares the image with the stranger's project.
    pub fn share(&self) -> String {
        format!("form[image]={}&form[projects]={}&form[sure]=yes", self.image, self.strangers)
    }

    fn cookie(&self, actor: Actor) -> Option<&str> {
        self.cookies.iter().find(|(a, _)| *a == actor).map(|(_, c)| c.as_str())
    }

    fn send(&self, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
        RUNTIME.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("the router never fails");
            let (parts, body) = response.into_parts();
            let bytes = body.collect().await.expect("a body").to_bytes();
            (parts.status, parts.headers, String::from_utf8_lossy(&bytes).into_owned())
        })
    }

    fn request(&self, actor: Actor, method: &str, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(header::HOST, "portal.test");
        match self.cookie(actor) {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        }
    }

    /// Calls a server function as a script does; gives status and body.
    pub fn call(&self, actor: Actor, name: &str, body: &str) -> (StatusCode, String) {
        let request = self
            .request(actor, "POST", &format!("/ui/{name}"))
            .header(header::ORIGIN, "http://portal.test")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, _, body) = self.send(request.body(Body::from(body.replace(' ', "+"))).unwrap());
        (status, body)
    }

    /// Sends a form of a page as a browser without script does; gives the address that the answer leads to.
    pub fn submit(&self, actor: Actor, page: &str, name: &str, body: &str) -> String {
        let request = self
            .request(actor, "POST", &format!("/ui/{name}"))
            .header(header::ORIGIN, "http://portal.test")
            .header(header::REFERER, format!("http://portal.test{page}"))
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let (status, headers, _) = self.send(request.body(Body::from(body.replace(' ', "+"))).unwrap());
        assert_eq!(status, StatusCode::FOUND, "{name} must lead somewhere");
        headers[header::LOCATION].to_str().unwrap().to_owned()
    }

    /// The same from another site.
    pub fn cross_site(&self, name: &str, body: &str) -> StatusCode {
        let request = self
            .request(Actor::Member, "POST", &format!("/ui/{name}"))
            .header(header::ORIGIN, "http://evil.test")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body.to_owned())).unwrap()).0
    }

    /// Gets an address as a browser does.
    pub fn get(&self, actor: Actor, path: &str) -> (StatusCode, String) {
        let request = self.request(actor, "GET", path).header(header::ACCEPT, "text/html");
        let (status, _, body) = self.send(request.body(Body::empty()).unwrap());
        (status, body)
    }

    /// The Content-Security-Policy of a page.
    pub fn policy(&self, actor: Actor, path: &str) -> String {
        self.header(actor, path, header::CONTENT_SECURITY_POLICY.as_str()).unwrap()
    }

    /// A header of what is at an address.
    pub fn header(&self, actor: Actor, path: &str, name: &str) -> Option<String> {
        let request = self.request(actor, "GET", path).header(header::ACCEPT, "text/html");
        let (_, headers, _) = self.send(request.body(Body::empty()).unwrap());
        Some(headers.get(name)?.to_str().unwrap().to_owned())
    }

    /// Asks for a WebSocket.
    pub fn upgrade(&self, actor: Actor, path: &str) -> StatusCode {
        let request = self
            .request(actor, "GET", path)
            .header(header::ORIGIN, "http://portal.test")
            .header(header::CONNECTION, "upgrade")
            .header(header::UPGRADE, "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        self.send(request.body(Body::empty()).unwrap()).0
    }
}
