//! The overview: what it costs, what is full, what runs, what is new. For the provider's people: all accounts, and what is
//! missing on this machine.

mod parts;
mod provider;

use self::parts::{Cost, Events, FirstSteps, Images, Instances, Quotas, RunningTasks};
use self::provider::{Accounts, Missing};
use super::images::ending_words;
use super::parts::{Moving, loaded};
use crate::ui::calls::people::get_overview;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_shell;
use darkroom_core::domain::view::Overview;
use leptos::prelude::*;
use leptos_meta::Title;

/// The first page after the sign-in.
#[component]
pub fn OverviewPage() -> impl IntoView {
    let operator = use_shell().operator;
    let shown = move |overview: Overview| {
        let moving = !overview.tasks.is_empty();
        let body = if operator {
            view! { <ProviderOverview overview/> }.into_any()
        } else if overview.project.is_none() {
            view! { <NoProject/> }.into_any()
        } else {
            view! { <TenantOverview overview/> }.into_any()
        };
        view! { <Moving when=moving/>{body} }.into_any()
    };
    view! {
        <Title text="Overview · darkroom"/>
        {loaded(get_overview(), shown)}
    }
}

/// What is at work, for those who do not see the bars.
fn live(overview: &Overview) -> String {
    match overview.tasks.len() {
        0 => "No task is running.".to_owned(),
        1 => "1 task is running.".to_owned(),
        n => format!("{n} tasks are running."),
    }
}

#[component]
fn TenantOverview(overview: Overview) -> impl IntoView {
    let live = live(&overview);
    let Overview {
        project,
        region,
        cost,
        forecast,
        cost_images,
        symbol,
        gauges,
        tasks,
        images,
        instances,
        ..
    } = overview;
    let Overview { events, may_change, now, .. } = overview;
    let scope = format!("{} in {region}", project.as_ref().map(ToString::to_string).unwrap_or_default());
    let ending = match use_shell().n_ending {
        0 => None,
        n => Some(view! {
            <Notice tone=Tone::Warn text=ending_words(n as usize)>
                <LinkButton href=paths::IMAGES_SHARED>"Shared with me"</LinkButton>
            </Notice>
        }),
    };
    let empty = images.is_empty() && instances.is_empty();
    let actions = (may_change && !empty).then(|| view! { <Actions/> });
    let first_steps = empty.then(|| view! { <FirstSteps scope=scope.clone() may_change/> });
    let newest = (!empty).then(|| {
        view! {
            <Instances instances symbol=symbol.clone() now/>
            <Images images symbol=symbol.clone() now/>
        }
    });
    view! {
        <PageHead title="Overview">
            <p class="soft">{scope}</p>
            <PageActions slot>{actions}</PageActions>
        </PageHead>
        <p class="visually-hidden" role="status">{live}</p>
        <div class="stack stack--l">
            {ending}
            {first_steps}
            <div class="split">
                <Cost cost forecast cost_images symbol/>
                <div class="stack stack--l">
                    <Quotas gauges region/>
                    <RunningTasks tasks/>
                </div>
            </div>
            {newest}
            <Events events now/>
        </div>
    }
}

#[component]
fn Actions() -> impl IntoView {
    view! {
        <LinkButton href=paths::INSTANCES size=Size::Form icon=IconName::Camera>
            "Choose an instance to image"
        </LinkButton>
        <LinkButton href=paths::INSTANCE_NEW size=Size::Form variant=Variant::Primary>
            "Deploy an instance"
        </LinkButton>
    }
}

#[component]
fn NoProject() -> impl IntoView {
    view! {
        <PageHead title="Overview"/>
        <EmptyState icon=IconName::Users title="You are in no project">
            <p>"Machines and images belong to projects. An owner of your account can add you to one."</p>
            <EmptyActions slot>
                <LinkButton href=paths::ACCOUNT size=Size::Form>"Show your account"</LinkButton>
            </EmptyActions>
        </EmptyState>
    }
}

#[component]
fn ProviderOverview(overview: Overview) -> impl IntoView {
    let live = live(&overview);
    let Overview { region, symbol, tasks, accounts, missing, events, now, .. } = overview;
    let scope = format!("All accounts; tasks in {region}");
    view! {
        <PageHead title="Overview">
            <p class="soft">{scope}</p>
        </PageHead>
        <p class="visually-hidden" role="status">{live}</p>
        <div class="stack stack--l">
            <Missing missing/>
            <Accounts accounts symbol/>
            <RunningTasks tasks/>
            <Events events now/>
        </div>
    }
}
