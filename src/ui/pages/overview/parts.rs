//! The sections of the overview.

use crate::ui::components::*;
use crate::ui::pages::words::{
    action_words, image_tone, instance_tone, task_figures, task_title, with_progress,
};
use crate::ui::paths;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{EventRow, Gauge, ImageRow, InstanceRow, TaskView};
use leptos::prelude::*;

/// What teaches the main job to somebody who has nothing yet.
#[component]
pub fn FirstSteps(scope: String, may_change: bool) -> impl IntoView {
    let deploy = may_change.then(|| {
        view! {
            <LinkButton href=paths::INSTANCE_NEW variant=Variant::Primary size=Size::Form>
                "Deploy an instance"
            </LinkButton>
        }
    });
    view! {
        <EmptyState icon=IconName::Camera title=format!("No machines or images in {scope} yet")>
            <p>"1. Deploy an instance from a public image. It starts within seconds."</p>
            <p>"2. Change it: open its console or sign in by SSH, and set it up as you want it."</p>
            <p>
                "3. Make an image of it. From the image you deploy as many machines like it as you need; you pay only for the storage it takes."
            </p>
            <EmptyActions slot>
                {deploy}
                <LinkButton href=paths::IMAGES_PUBLIC size=Size::Form>"See the public images"</LinkButton>
            </EmptyActions>
        </EmptyState>
    }
}

/// This month's cost.
#[component]
pub fn Cost(cost: Money, forecast: Money, cost_images: Money, symbol: String) -> impl IntoView {
    let machines = Money(cost.0.saturating_sub(cost_images.0));
    let (images, machines) = (cost_images.display(&symbol), machines.display(&symbol));
    view! {
        <Section id="cost" title="Cost this month">
            <div class="cluster cluster--l">
                <Figure value=cost.display(&symbol) caption="so far, whole account"/>
                <Figure
                    value=forecast.display(&symbol)
                    caption="by the end of the month if nothing changes"
                    certainty=Certainty::Estimate
                />
            </div>
            <Facts>
                <Fact term="Images so far">{images}</Fact>
                <Fact term="Machines so far">{machines}</Fact>
            </Facts>
        </Section>
    }
}

/// The account's limits.
#[component]
pub fn Quotas(gauges: Vec<Gauge>, region: RegionId) -> impl IntoView {
    let meters = gauges
        .into_iter()
        .map(|gauge| {
            let (used, limit) = (u64::from(gauge.used), u64::from(gauge.limit));
            let left = gauge.limit.saturating_sub(gauge.used);
            let note = if left == 0 {
                "Used up. Delete some, or ask your provider for more.".to_owned()
            } else {
                format!("Near the limit. {} left.", grouped(left))
            };
            let (used_text, limit_text) = (grouped(gauge.used), format!("of {}", grouped(gauge.limit)));
            view! {
                <li>
                    <Meter label=gauge.what used limit used_text limit_text note/>
                </li>
            }
        })
        .collect_view();
    view! {
        <Section id="quotas" title=format!("Quotas in {region}")>
            <ul class="stack">{meters}</ul>
        </Section>
    }
}

/// What is at work.
#[component]
pub fn RunningTasks(tasks: Vec<TaskView>) -> impl IntoView {
    let rows = tasks.into_iter().map(|task| view! { <RunningTask task/> }).collect::<Vec<_>>();
    let body = if rows.is_empty() {
        view! { <p class="soft">"No task is running."</p> }.into_any()
    } else {
        view! { <ul class="stack">{rows}</ul> }.into_any()
    };
    let link = Link::new("All tasks", paths::TASKS);
    view! { <Section id="tasks" title="Running tasks" link>{body}</Section> }
}

#[component]
fn RunningTask(task: TaskView) -> impl IntoView {
    let progress = task.progress.as_ref();
    let left = progress.map(|progress| progress.left()).unwrap_or_default();
    let value = progress.map(|progress| u64::from(progress.percent()));
    let figures = task_figures(&task).unwrap_or_else(|| task.step.clone());
    view! {
        <li>
            <TaskProgress
                label=task_title(&task)
                href=paths::task(task.id)
                left
                value
                figures
            />
        </li>
    }
}

/// The newest machines.
#[component]
pub fn Instances(instances: Vec<InstanceRow>, symbol: String, now: Timestamp) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("Status"),
        Column::text("Image").low(),
        Column::text("Created").low(),
        Column::number("Per month"),
    ];
    let rows = instances
        .into_iter()
        .map(|instance| view! { <Instance instance symbol=symbol.clone() now/> })
        .collect::<Vec<_>>();
    let body = if rows.is_empty() {
        view! { <p class="soft">"No machines here. Deploy one from an image."</p> }.into_any()
    } else {
        view! { <Frame><Table caption="Newest instances" columns>{rows}</Table></Frame> }.into_any()
    };
    let link = Link::new("Instances", paths::INSTANCES);
    view! { <Section id="instances" title="Newest instances" link>{body}</Section> }
}

#[component]
fn Instance(instance: InstanceRow, symbol: String, now: Timestamp) -> impl IntoView {
    let (tone, icon) = instance_tone(instance.status);
    let icon = icon.unwrap_or(tone.icon());
    let why = instance.error;
    let created = instance.created;
    let month = instance.month.map(|month| month.display(&symbol)).unwrap_or_else(|| "–".to_owned());
    view! {
        <Row>
            <NameCell name=instance.name.to_string() href=paths::instance(instance.id) sub=instance.flavor/>
            <StateCell>
                <Status tone word=instance.status.word() icon nostrip:why/>
            </StateCell>
            <Cell label="Image" rank=Rank::Low>
                {instance.image.to_string()}
            </Cell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low>
                <Time datetime=created.rfc3339() text=created.listed(now)/>
            </Cell>
            <Cell label="Per month" kind=Kind::Number>
                {month}
            </Cell>
        </Row>
    }
}

/// The newest images.
#[component]
pub fn Images(images: Vec<ImageRow>, symbol: String, now: Timestamp) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::number("Size, virtual / stored"),
        Column::text("Status"),
        Column::text("Created").low(),
        Column::number("Per month"),
    ];
    let rows = images
        .into_iter()
        .map(|image| view! { <Image image symbol=symbol.clone() now/> })
        .collect::<Vec<_>>();
    let body = if rows.is_empty() {
        view! { <p class="soft">"No images yet. Open an instance and make an image of it."</p> }.into_any()
    } else {
        view! { <Frame><Table caption="Newest images" columns>{rows}</Table></Frame> }.into_any()
    };
    let link = Link::new("My Images", paths::IMAGES);
    view! { <Section id="images" title="Newest images" link>{body}</Section> }
}

#[component]
fn Image(image: ImageRow, symbol: String, now: Timestamp) -> impl IntoView {
    let word = with_progress(image.status.word(), image.task.as_ref().filter(|task| task.state.active()));
    let (tone, created, why) = (image_tone(image.status), image.created, image.error);
    // As on My Images: what a guest sees in binary units, what is stored and charged in decimal ones.
    let known =
        |bytes: u64, shown: fn(u64) -> String| if bytes == 0 { "–".to_owned() } else { shown(bytes) };
    let virtual_size = known(image.virtual_bytes, size::binary);
    let stored_size = known(image.stored_bytes, size::decimal);
    let month = image.month.map(|month| month.display(&symbol)).unwrap_or_else(|| "–".to_owned());
    view! {
        <Row>
            <NameCell name=image.name.to_string() href=paths::image(image.id)/>
            <Cell label="Size" kind=Kind::Number>
                <SizePair virtual_size stored_size/>
            </Cell>
            <StateCell>
                <Status tone word nostrip:why/>
            </StateCell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low>
                <Time datetime=created.rfc3339() text=created.listed(now)/>
            </Cell>
            <Cell label="Per month" kind=Kind::Number>
                {month}
            </Cell>
        </Row>
    }
}

/// What happened last.
#[component]
pub fn Events(events: Vec<EventRow>, now: Timestamp) -> impl IntoView {
    let lines = events.into_iter().map(|event| view! { <Event event now/> }).collect::<Vec<_>>();
    let body = if lines.is_empty() {
        view! { <p class="soft">"Nothing has happened yet. Every change is written down here."</p> }
            .into_any()
    } else {
        view! { <ol class="log panel">{lines}</ol> }.into_any()
    };
    let link = Link::new("Audit", paths::AUDIT);
    view! { <Section id="events" title="Latest activity" link>{body}</Section> }
}

#[component]
fn Event(event: EventRow, now: Timestamp) -> impl IntoView {
    let icon = match event.subject.noun() {
        "image" => IconName::Image,
        "instance" | "disk" => IconName::Instance,
        "task" => IconName::Task,
        _ => IconName::Account,
    };
    let what = action_words(&event.action);
    let name = match paths::subject(&event.subject) {
        Some(href) => view! { <a href=href>{event.name}</a> }.into_any(),
        None => event.name.into_any(),
    };
    let small =
        if event.detail.is_empty() { event.actor } else { format!("{}. {}", event.actor, event.detail) };
    view! {
        <li>
            <Time datetime=event.at.rfc3339() text=event.at.listed(now)/>
            <Icon name=icon/>
            <div>
                <p>{what}" "{name}</p>
                <p class="small">{small}</p>
            </div>
        </li>
    }
}
