//! A machine in full: what it does, its serial output, its disks, what it costs, images made of it.

use super::super::parts::{
    Activity, ImageLinks, Loaded, Refusal, RetryButton, TaskActions, TaskCard, explained, instance_status,
    live, role_reason,
};
use super::{disk_name, use_instance_id};
use crate::ui::calls::instances::{RebootInstance, StartInstance, StopInstance, get_instance};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::paths;
use crate::ui::state::{refresh_frame_after, use_form};
use darkroom_core::domain::disk::DiskRole;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::ids::{InstanceId, Subject};
use darkroom_core::domain::instance::Status as State;
use darkroom_core::domain::size;
use darkroom_core::domain::time::span;
use darkroom_core::domain::view::{DiskView, InstanceDetail};
use leptos::prelude::*;
use leptos_meta::Title;

/// Lines of serial output on the page: as many as fit without scrolling, so that the newest is seen.
const CONSOLE_LINES: usize = 16;

/// The page of a machine.
#[component]
pub fn InstancePage() -> impl IntoView {
    let id = use_instance_id();
    let actions = MachineActions::new();
    view! {
        <Refusal error=actions.refusal() refused=use_form()/>
        <InstanceView id actions/>
    }
}

/// The buttons of the page: they outlive the parts that are redrawn while their requests run.
#[derive(Clone, Copy)]
pub(super) struct MachineActions {
    start: ServerAction<StartInstance>,
    stop: ServerAction<StopInstance>,
    reboot: ServerAction<RebootInstance>,
    tasks: TaskActions,
}

impl MachineActions {
    pub(super) fn new() -> Self {
        let actions = Self {
            start: ServerAction::new(),
            stop: ServerAction::new(),
            reboot: ServerAction::new(),
            tasks: TaskActions::of_page(),
        };
        refresh_frame_after(move || actions.power_version());
        actions
    }

    fn power_version(&self) -> usize {
        self.start.version().get() + self.stop.version().get() + self.reboot.version().get()
    }

    fn version(&self) -> (usize, (usize, usize)) {
        (self.power_version(), self.tasks.version())
    }

    /// Why the last press of a button was refused.
    fn refusal(self) -> Signal<Option<ApiError>> {
        let tasks = self.tasks.refusal();
        Signal::derive(move || {
            let answers = [self.start.value().get(), self.stop.value().get(), self.reboot.value().get()];
            answers.into_iter().flatten().find_map(Result::err).or_else(|| tasks.get())
        })
    }
}

/// The machine, also underneath the dialogs about it.
#[component]
pub(super) fn InstanceView(id: Memo<InstanceId>, actions: MachineActions) -> impl IntoView {
    let data = live(move || (id.get(), actions.version()), |(id, _)| get_instance(id), moving);
    let shown = Callback::new(move |detail| view! { <InstanceSheet detail actions/> }.into_any());
    view! { <Loaded data shown/> }
}

fn moving(detail: &InstanceDetail) -> bool {
    let active = |task: &Option<darkroom_core::domain::view::TaskView>| {
        task.as_ref().is_some_and(|task| task.state.active())
    };
    detail.status.moving() || active(&detail.task) || active(&detail.capture)
}

#[component]
fn InstanceSheet(detail: InstanceDetail, actions: MachineActions) -> impl IntoView {
    let name = detail.name.to_string();
    let (events, now, about) = (detail.events.clone(), detail.now, Subject::Instance(detail.id));
    view! {
        <Title text=format!("{name} · darkroom")/>
        <Crumbs above=vec![Link::new("Instances", paths::INSTANCES)] here=name/>
        <InstanceHead detail=detail.clone() actions/>
        <Work detail=detail.clone() actions/>
        <div class="split">
            <div class="stack stack--l">
                <Serial id=detail.id text=detail.console.clone()/>
                <Disks disks=detail.disks.clone()/>
                <Activity events about now/>
            </div>
            <aside class="stack stack--l" aria-label="About this instance">
                <Properties detail=detail.clone()/>
                <Cost detail=detail.clone()/>
                <Images detail/>
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
fn InstanceHead(detail: InstanceDetail, actions: MachineActions) -> impl IntoView {
    let status = instance_status(detail.status, None, detail.task.as_ref());
    let since = since(&detail).map(|text| view! { <span class="soft">{text}</span> });
    let title = detail.name.to_string();
    view! {
        <PageHead title>
            <div class="cluster">{status}{since}</div>
            <PageActions slot>
                <HeadActions detail actions/>
            </PageActions>
        </PageHead>
    }
}

/// The rule that keeps this user from an action now: their role first, then the machine's state.
fn rule(detail: &InstanceDetail, state: &Option<Rule>) -> Option<Rule> {
    if detail.may_change { state.clone() } else { Some(role_reason()) }
}

#[component]
fn HeadActions(detail: InstanceDetail, actions: MachineActions) -> impl IntoView {
    let id = detail.id;
    let image = match rule(&detail, &detail.capture_blocked) {
        None => {
            view! { <LinkButton href=paths::instance_image(id) variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Image"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="image-why" label="Image" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let console = match rule(&detail, &detail.console_blocked) {
        // A full load: the console page has its own content policy.
        None => {
            view! { <LinkButton href=paths::instance_console(id) size=Size::Form icon=IconName::Terminal attr:rel="external">"Console"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="console-why" label="Console" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let power = power_buttons(&detail, actions);
    let delete = match rule(&detail, &detail.delete_blocked) {
        None => view! { <MenuLink href=paths::instance_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any(),
        Some(rule) => view! { <MenuBlocked label="Delete" why=rule.sentence()/> }.into_any(),
    };
    view! {
        {image}
        {console}
        {power}
        <Menu id="more" label="More actions" size=Size::Form variant=Variant::Outline>
            <MenuLink href=paths::audit_of(&Subject::Instance(id)) icon=IconName::Audit>"Audit"</MenuLink>
            <MenuLine/>
            {delete}
        </Menu>
    }
}

/// Start for a machine that is off; Stop and Restart for every other, each possible or with its reason.
fn power_buttons(detail: &InstanceDetail, actions: MachineActions) -> AnyView {
    let id = detail.id;
    if matches!(detail.status, State::Stopped | State::Error) {
        return match rule(detail, &detail.start_blocked) {
            None => view! { <StartButton id actions label="Start"/> }.into_any(),
            Some(rule) => {
                view! { <BlockedAction id="start-why" label="Start" size=Size::Form reason=explained(rule)/> }
                    .into_any()
            }
        };
    }
    let stop = match rule(detail, &detail.stop_blocked) {
        None => {
            let (action, pending) = (actions.stop, actions.stop.pending());
            view! {
                <ActionForm action>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <Button size=Size::Form icon=IconName::Power pending>"Stop"</Button>
                </ActionForm>
            }
            .into_any()
        }
        Some(rule) => {
            view! { <BlockedAction id="stop-why" label="Stop" size=Size::Form reason=explained(rule)/> }
                .into_any()
        }
    };
    let reboot = match rule(detail, &detail.reboot_blocked) {
        None => {
            let (action, pending) = (actions.reboot, actions.reboot.pending());
            view! {
                <ActionForm action>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <Button size=Size::Form icon=IconName::Retry pending>"Restart"</Button>
                </ActionForm>
            }
            .into_any()
        }
        Some(rule) => {
            view! { <BlockedAction id="reboot-why" label="Restart" size=Size::Form reason=explained(rule)/> }
                .into_any()
        }
    };
    view! { {stop}{reboot} }.into_any()
}

#[component]
fn StartButton(id: InstanceId, actions: MachineActions, label: &'static str) -> impl IntoView {
    let (action, pending) = (actions.start, actions.start.pending());
    view! {
        <ActionForm action>
            <input type="hidden" name="id" value=id.to_string()/>
            <Button size=Size::Form icon=IconName::Power pending>{label}</Button>
        </ActionForm>
    }
}

/// What is going on: the task at work, the image being made, or why the machine is in Error and what to do.
#[component]
fn Work(detail: InstanceDetail, actions: MachineActions) -> impl IntoView {
    let failure = (detail.status == State::Error).then(|| view! { <Failure detail=detail.clone() actions/> });
    let (here, may_change, tasks) = (paths::instance(detail.id), detail.may_change, actions.tasks);
    let capture_id = detail.capture.as_ref().map(|task| task.id);
    let cards = [detail.task.filter(|task| Some(task.id) != capture_id), detail.capture]
        .into_iter()
        .flatten()
        .filter(|task| task.state.active())
        .map(|task| view! { <TaskCard task actions=tasks back_to=here.clone() may_change/> }.into_any())
        .collect_view();
    view! { {failure}{cards} }
}

#[component]
fn Failure(detail: InstanceDetail, actions: MachineActions) -> impl IntoView {
    let text = detail.error.clone().unwrap_or_else(|| "The machine does not run any more.".to_owned());
    let start = rule(&detail, &detail.start_blocked)
        .is_none()
        .then(|| view! { <StartButton id=detail.id actions label="Start again"/> });
    let task = detail.task.as_ref();
    let show = task.map(|task| view! { <a href=paths::task(task.id)>"Show the task"</a> });
    let retry = task
        .filter(|task| detail.may_change && task.retry_blocked.is_none() && detail.start_blocked.is_some())
        .map(|task| {
            let (id, back_to) = (task.id, paths::instance(detail.id));
            view! { <RetryButton actions=actions.tasks id back_to size=Size::Form/> }
        });
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
                    <a class="button button--quiet" rel="external" href=paths::instance_console_log(id)>
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
fn Disks(disks: Vec<DiskView>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::number("Size"),
        Column::number("Used").low(),
        Column::text("In an image"),
    ];
    let rows = disks
        .into_iter()
        .enumerate()
        .map(|(index, disk)| {
            let used = disk.used_bytes.map_or_else(|| "–".to_owned(), size::decimal);
            let included = match disk.role {
                DiskRole::System => "Always".into_any(),
                DiskRole::Data => {
                    view! { <Status tone=Tone::Plain icon=IconName::Off word="No"/> }.into_any()
                }
            };
            view! {
                <Row>
                    <NameCell name=disk_name(index) sub=disk.kind.as_str()/>
                    <Cell label="Size" kind=Kind::Number>{size::binary(disk.size_bytes)}</Cell>
                    <Cell label="Used" kind=Kind::Number rank=Rank::Low>{used}</Cell>
                    <Cell label="In an image">{included}</Cell>
                </Row>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <Section id="disks" title="Disks">
            <Frame><Table caption="Disks" columns look=TableLook::Plain>{rows}</Table></Frame>
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
                <Fact term="SSH">{ssh}</Fact>
                {licence}
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
        let (hour, month) = (estimate.hour.rate(&symbol), estimate.month.display(&symbol));
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
