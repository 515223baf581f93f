//! A machine in full: what it does, its serial output, its disks, what it costs, images made of it.

use super::super::Refusal;
use super::super::parts::{
    Activity, ImageLinks, Moment, Moving, RetryButton, TaskCard, explained, instance_status, loaded,
    role_reason,
};
use super::use_instance_id;
use crate::ui::calls::instances::{RebootInstance, StartInstance, StopInstance, get_instance};
use crate::ui::components::*;
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::disk::DiskRole;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::ids::{InstanceId, Subject};
use darkroom_core::domain::instance::Status as State;
use darkroom_core::domain::size;
use darkroom_core::domain::time::span;
use darkroom_core::domain::view::InstanceDetail;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// Lines of serial output on the page: as many as fit without scrolling, so that the newest is seen.
const CONSOLE_LINES: usize = 16;

/// Snapshots on the page: the newest; all of them are on a page of their own.
const SNAPSHOTS_SHOWN: usize = 5;

/// The page of a machine.
#[component]
pub fn InstancePage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data = async move { Ok((get_instance(id).await?, refused.error().await)) };
    loaded(data, |(detail, error)| view! { <Refusal error/><InstanceSheet detail/> }.into_any())
}

fn moving(detail: &InstanceDetail) -> bool {
    let active = |task: &Option<darkroom_core::domain::view::TaskView>| {
        task.as_ref().is_some_and(|task| task.state.active())
    };
    detail.status.moving() || active(&detail.task) || active(&detail.capture)
}

/// The machine, also underneath the dialogs about it.
#[component]
pub(in crate::ui::pages) fn InstanceSheet(detail: InstanceDetail) -> impl IntoView {
    let name = detail.name.to_string();
    let (events, now, about) = (detail.events.clone(), detail.now, Subject::Instance(detail.id));
    view! {
        <Title text=format!("{name} · darkroom")/>
        <Moving when=moving(&detail)/>
        <Crumbs above=vec![Link::new("Instances", paths::INSTANCES)] here=name/>
        <InstanceHead detail=detail.clone()/>
        <Work detail=detail.clone()/>
        <div class="split">
            <div class="stack stack--l">
                <Serial id=detail.id text=detail.console.clone()/>
                <Disks detail=detail.clone()/>
                <Activity events about now/>
            </div>
            <aside class="stack stack--l" aria-label="About this instance">
                <Properties detail=detail.clone()/>
                <Cost detail=detail.clone()/>
                <Images detail=detail.clone()/>
                <Snapshots detail/>
            </aside>
        </div>
    }
}

/// `since 2 Oct 2026, 14:02, 48 days`.
fn since(detail: &InstanceDetail) -> Option<String> {
    let started = detail.started.filter(|_| detail.status == State::Running)?;
    Some(format!("since {}, {}", started.minute(), span(detail.now.since_ms(started))))
}

#[component]
fn InstanceHead(detail: InstanceDetail) -> impl IntoView {
    let status = instance_status(detail.status, None, detail.task.as_ref());
    let since = since(&detail).map(|text| view! { <span class="soft">{text}</span> });
    let title = detail.name.to_string();
    view! {
        <PageHead title>
            <div class="cluster">{status}{since}</div>
            <PageActions slot>
                <HeadActions detail/>
            </PageActions>
        </PageHead>
    }
}

/// The rule that keeps this user from an action now: their role first, then the machine's state.
fn rule(detail: &InstanceDetail, state: &Option<Rule>) -> Option<Rule> {
    if detail.may_change { state.clone() } else { Some(role_reason()) }
}

#[component]
fn HeadActions(detail: InstanceDetail) -> impl IntoView {
    let id = detail.id;
    let image = match rule(&detail, &detail.capture_blocked) {
        None => {
            view! { <LinkButton href=paths::instance_image(id) variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Image"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="image-why" label="Image" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let console = match rule(&detail, &detail.console_blocked) {
        None => {
            view! { <LinkButton href=paths::instance_console(id) size=Size::Form icon=IconName::Terminal>"Console"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="console-why" label="Console" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let power = power_buttons(&detail);
    let snapshot = match rule(&detail, &detail.snapshot_blocked) {
        None => {
            view! { <MenuLink href=paths::instance_snapshot(id) icon=IconName::Disk>"Snapshot"</MenuLink> }
                .into_any()
        }
        Some(rule) => view! { <MenuBlocked label="Snapshot" why=rule.sentence()/> }.into_any(),
    };
    let schedule = detail.may_change.then(|| {
        view! { <MenuLink href=paths::schedule_new_for(id) icon=IconName::Clock>"Schedule snapshots"</MenuLink> }
    });
    let delete = match rule(&detail, &detail.delete_blocked) {
        None => view! { <MenuLink href=paths::instance_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any(),
        Some(rule) => view! { <MenuBlocked label="Delete" why=rule.sentence()/> }.into_any(),
    };
    let change = match rule(&detail, &detail.change_image_blocked) {
        None => view! { <MenuLink href=paths::instance_change_image(id) icon=IconName::Retry>"Change image"</MenuLink> }.into_any(),
        Some(rule) => view! { <MenuBlocked label="Change image" why=rule.sentence()/> }.into_any(),
    };
    view! {
        {image}
        {console}
        {power}
        <Menu id="more" label="More actions" size=Size::Form variant=Variant::Outline>
            {snapshot}
            {schedule}
            <MenuLink href=paths::audit_of(&Subject::Instance(id)) icon=IconName::Audit>"Audit"</MenuLink>
            <MenuLine/>
            {change}
            {delete}
        </Menu>
    }
}

/// Start for a machine that is off; Stop and Restart for every other, each possible or with its reason.
fn power_buttons(detail: &InstanceDetail) -> AnyView {
    let id = detail.id;
    let button = |to, label: &'static str, icon, blocked: &Option<Rule>| match rule(detail, blocked) {
        None => view! { <PowerButton to id label icon/> }.into_any(),
        Some(rule) => {
            let why = format!("{}-why", label.to_lowercase());
            view! { <BlockedAction id=why label size=Size::Form reason=explained(rule)/> }.into_any()
        }
    };
    if matches!(detail.status, State::Stopped | State::Error) {
        return button(StartInstance::url(), "Start", IconName::Power, &detail.start_blocked);
    }
    let stop = button(StopInstance::url(), "Stop", IconName::Power, &detail.stop_blocked);
    let restart = button(RebootInstance::url(), "Restart", IconName::Retry, &detail.reboot_blocked);
    view! { {stop}{restart} }.into_any()
}

#[component]
fn PowerButton(to: &'static str, id: InstanceId, label: &'static str, icon: IconName) -> impl IntoView {
    view! {
        <PostForm to>
            <input type="hidden" name="id" value=id.to_string()/>
            <Button size=Size::Form icon>{label}</Button>
        </PostForm>
    }
}

/// What is going on: the task at work, the image being made, or why the machine is in Error and what to do.
#[component]
fn Work(detail: InstanceDetail) -> impl IntoView {
    let failure = (detail.status == State::Error).then(|| view! { <Failure detail=detail.clone()/> });
    let may_change = detail.may_change;
    let capture_id = detail.capture.as_ref().map(|task| task.id);
    let cards = [detail.task.filter(|task| Some(task.id) != capture_id), detail.capture]
        .into_iter()
        .flatten()
        .filter(|task| task.state.active())
        .map(|task| view! { <TaskCard task may_change/> }.into_any())
        .collect_view();
    view! { {failure}{cards} }
}

#[component]
fn Failure(detail: InstanceDetail) -> impl IntoView {
    let text = detail.error.clone().unwrap_or_else(|| "The machine does not run any more.".to_owned());
    let start = rule(&detail, &detail.start_blocked)
        .is_none()
        .then(|| view! { <PowerButton to=StartInstance::url() id=detail.id label="Start again" icon=IconName::Power/> });
    let task = detail.task.as_ref();
    let show = task.map(|task| view! { <a href=paths::task(task.id)>"Show the task"</a> });
    let retry = task
        .filter(|task| detail.may_change && task.retry_blocked.is_none() && detail.start_blocked.is_some())
        .map(|task| view! { <RetryButton id=task.id size=Size::Form/> });
    view! { <Notice tone=Tone::Bad text><div class="cluster">{start}{retry}{show}</div></Notice> }
}

/// The last lines of a text.
pub(super) fn tail(text: &str, n_lines: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(n_lines)..].join("\n")
}

#[component]
fn Serial(id: InstanceId, text: String) -> impl IntoView {
    let shown = if text.trim().is_empty() {
        "Nothing was written yet.".to_owned()
    } else {
        tail(&text, CONSOLE_LINES)
    };
    view! {
        <Section id="serial" title="Serial console">
            <Console title="ttyS0, the last lines">
                <ConsoleActions slot>
                    <a class="button button--quiet" href=paths::instance_console_log(id)>
                        <Icon name=IconName::Export/>
                        "Whole log"
                    </a>
                </ConsoleActions>
                <pre tabindex="0" role="region" aria-label="Serial output">{shown}</pre>
            </Console>
        </Section>
    }
}

#[component]
fn Disks(detail: InstanceDetail) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::number("Size"),
        Column::number("Used").low(),
        Column::text("In an image"),
        Column::actions(),
    ];
    let (id, may_change) = (detail.id, detail.may_change);
    let rows = detail
        .disks
        .into_iter()
        .map(|disk| {
            let used = disk.used_bytes.map_or_else(|| "–".to_owned(), size::decimal);
            let included = match disk.role {
                DiskRole::System => "Always",
                DiskRole::Data if disk.kind.captures_data() => "If chosen",
                DiskRole::Data => "Never",
            };
            let remove = (may_change && disk.role == DiskRole::Data).then(|| match disk.remove_blocked.clone() {
                None => {
                    let href = paths::instance_disk_remove(id, disk.id);
                    let about = disk.name.clone();
                    view! { <LinkButton href variant=Variant::Quiet>"Remove"<span class="visually-hidden">": "{about}</span></LinkButton> }
                        .into_any()
                }
                Some(rule) => {
                    let why = format!("remove-{}-why", disk.name);
                    view! { <BlockedAction id=why label="Remove" reason=explained(rule)/> }.into_any()
                }
            });
            view! {
                <Row>
                    <NameCell name=disk.name.clone() sub=disk.kind.as_str()/>
                    <Cell label="Size" kind=Kind::Number>{size::binary(disk.size_bytes)}</Cell>
                    <Cell label="Used" kind=Kind::Number rank=Rank::Low>{used}</Cell>
                    <Cell label="In an image">{included}</Cell>
                    <ActionsCell>{remove}</ActionsCell>
                </Row>
            }
            .into_any()
        })
        .collect_view();
    let add = may_change.then(|| match detail.add_disk_blocked {
        None => view! { <div><LinkButton href=paths::instance_disk_new(id) icon=IconName::Disk>"Add a disk"</LinkButton></div> }.into_any(),
        Some(rule) => view! { <div><BlockedAction id="add-disk-why" label="Add a disk" reason=explained(rule)/></div> }.into_any(),
    });
    view! {
        <Section id="disks" title="Disks">
            <Frame><Table caption="Disks" columns look=TableLook::Plain>{rows}</Table></Frame>
            {add}
        </Section>
    }
}

#[component]
fn Properties(detail: InstanceDetail) -> impl IntoView {
    let image = match detail.image.as_ref().map(|image| image.id) {
        Some(id) => view! { <a href=paths::image(id)>{detail.image_name.to_string()}</a> }.into_any(),
        None => {
            view! { {detail.image_name.to_string()}<span class="soft">", deleted since"</span> }.into_any()
        }
    };
    let ssh = match detail.ssh_port {
        // The address of the host is the one in the browser's address bar.
        Some(port) => view! { <SshCommand port/> }.into_any(),
        None => view! { <span class="soft">"While it runs"</span> }.into_any(),
    };
    let licence =
        (!detail.licence.is_empty()).then(|| view! { <Fact term="Licence">{detail.licence.clone()}</Fact> });
    let group = detail.group.clone().map(|group| {
        view! {
            <Fact term="Group">
                <a href=paths::group(group.id)>{group.name.to_string()}</a>
                <p class="small soft">"Started again when it is stopped, replaced when it fails or is deleted."</p>
            </Fact>
        }
    });
    let disc = detail.disc.then(|| {
        view! {
            <Fact term="Drive">
                {format!("{}, read-only", detail.image_name)}
                <p class="small soft">"It starts from this disc while its system disk has no system."</p>
            </Fact>
        }
    });
    let (card, needs) = (detail.card.words(), detail.card.needs());
    let needs = needs.map(|text| view! { <p class="small soft">{text}</p> });
    let place = format!("{}, zone {}", detail.region, detail.zone);
    let kind = format!("{}: {}", detail.flavor, detail.flavor_summary);
    let created = detail.created.minute();
    view! {
        <Section id="properties" title="Properties">
            <Facts>
                <Fact term="ID"><CopyableId id=detail.id.to_string()/></Fact>
                <Fact term="Type">{kind}</Fact>
                <Fact term="Region">{place}</Fact>
                <Fact term="Image">{image}</Fact>
                {disc}
                <Fact term="Network card">{card}{needs}</Fact>
                <Fact term="SSH">{ssh}</Fact>
                {licence}
                {group}
                <Fact term="Created">{created}</Fact>
            </Facts>
        </Section>
    }
}

/// How to get in. The port is forwarded on the host that runs darkroom, which is where its own address points.
#[component]
fn SshCommand(port: u16) -> impl IntoView {
    view! {
        <CopyableId id=format!("ssh -p {port} root@127.0.0.1")/>
        <p class="small soft">"From the host that runs darkroom."</p>
    }
}

#[component]
fn Cost(detail: InstanceDetail) -> impl IntoView {
    let symbol = detail.symbol;
    let cost = detail.cost.display(&symbol);
    let rates = detail.estimate.map(|estimate| {
        let (hour, month) = (estimate.hour.fine(&symbol), estimate.month.display(&symbol));
        view! {
            <Facts>
                <Fact term="Per hour">{hour}</Fact>
                <Fact term="Per month">{month}</Fact>
            </Facts>
            <p class="small soft">"While it runs. A month is 730 hours."</p>
        }
    });
    view! {
        <Section id="cost" title="Cost">
            <Figure value=cost caption="so far"/>
            {rates}
        </Section>
    }
}

#[component]
fn Images(detail: InstanceDetail) -> impl IntoView {
    let body = if detail.images.is_empty() {
        view! { <p class="soft">"None yet. The button Image makes one while the machine runs."</p> }
            .into_any()
    } else {
        view! { <ImageLinks images=detail.images/> }.into_any()
    };
    view! { <Section id="images" title="Images of it" link=Link::new("All", paths::IMAGES)>{body}</Section> }
}

#[component]
fn Snapshots(detail: InstanceDetail) -> impl IntoView {
    let schedules = match detail.n_schedules {
        0 => "No schedule takes any by itself.".to_owned(),
        1 => "1 schedule takes them by itself.".to_owned(),
        n => format!("{n} schedules take them by themselves."),
    };
    let lines = detail
        .snapshots
        .into_iter()
        .take(SNAPSHOTS_SHOWN)
        .map(|snapshot| {
            view! {
                <li class="between">
                    <a class="break" href=paths::snapshot(snapshot.id)>{snapshot.name.to_string()}</a>
                    <Moment at=snapshot.created now=detail.now/>
                </li>
            }
            .into_any()
        })
        .collect::<Vec<_>>();
    let body = match lines.is_empty() {
        true => view! { <p class="soft">"None yet."</p> }.into_any(),
        false => view! { <ul class="stack stack--s">{lines}</ul> }.into_any(),
    };
    view! {
        <Section id="snapshots" title="Snapshots of it" link=Link::new("All", paths::snapshots_of(detail.id))>
            {body}
            <p class="small soft">{schedules}</p>
        </Section>
    }
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_tail_of_a_log_is_its_newest_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc");
        assert_eq!(tail("a", 2), "a");
        assert_eq!(tail("", 2), "");
    }
}
