//! The frame around every page of somebody who is signed in. It turns the frame's data into what the shell shows and
//! knows no page.

use super::billing::MoneyBar;
use super::problem::Problem;
use crate::ui::calls::people::{ChoosePlace, ChooseTheme, SignOut, get_shell};
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::{Theme, theme, use_address, use_flash, use_path};
use darkroom_core::domain::view;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::components::Outlet;

/// Lets in who is signed in; sends everybody else to the sign-in.
#[component]
pub fn SignedIn() -> impl IntoView {
    Suspend::new(async {
        match get_shell().await {
            Ok(shell) => view! { <PageFrame shell/> }.into_any(),
            Err(error) => view! { <Closed><Problem error/></Closed> }.into_any(),
        }
    })
}

/// The page when there is no frame to put it into.
#[component]
fn Closed(children: Children) -> impl IntoView {
    view! { <main class="shell__main stack" id="main" tabindex="-1">{children()}</main> }
}

#[component]
fn PageFrame(shell: view::Shell) -> impl IntoView {
    let data = shell_data(&shell, theme());
    let notices = if shell.operator { Default::default() } else { shell.money };
    provide_context(shell);
    view! {
        <Shell data path=use_path() back_to=use_address() flash=use_flash()>
            <MoneyBar notices/>
            <Outlet/>
        </Shell>
    }
}

fn shell_data(shell: &view::Shell, appearance: Theme) -> ShellData {
    ShellData {
        home_href: paths::OVERVIEW.to_owned(),
        nav: navigation(shell),
        places: places(shell),
        n_running: shell.n_tasks.into(),
        tasks_href: paths::TASKS.to_owned(),
        person: Person {
            name: shell.email.clone(),
            links: vec![(IconName::Account, Link::new("Account and sessions", paths::ACCOUNT))],
            appearance,
            appearance_action: ChooseTheme::url().to_owned(),
            sign_out_action: SignOut::url().to_owned(),
        },
    }
}

fn navigation(shell: &view::Shell) -> Vec<NavGroup> {
    let item = |label: &str, href: &str, icon, note: TabNote| NavItem {
        label: label.to_owned(),
        href: href.to_owned(),
        icon,
        note,
    };
    let count = |n: u32| TabNote::Count(u64::from(n));
    let new = |n: u32| if n > 0 { TabNote::New(u64::from(n)) } else { TabNote::None };
    let group = |heading: &str, items| NavGroup { heading: Some(heading.to_owned()), items };
    let mut compute = Vec::new();
    if shell.project.is_some() {
        compute.push(item("Instances", paths::INSTANCES, IconName::Instance, count(shell.n_instances)));
        compute.push(item("Scaling groups", paths::GROUPS, IconName::Group, count(shell.n_groups)));
        // What waits for a decision is more than a number (H7).
        let images = match shell.n_waiting {
            0 => count(shell.n_images),
            n => TabNote::New(u64::from(n)),
        };
        compute.push(item("My Images", paths::IMAGES, IconName::Image, images));
        compute.push(item("Snapshots", paths::SNAPSHOTS, IconName::Disk, TabNote::None));
    } else {
        compute.push(item("Public images", paths::IMAGES_PUBLIC, IconName::Image, TabNote::None));
    }
    let running = if shell.n_tasks > 0 { count(shell.n_tasks) } else { TabNote::None };
    compute.push(item("Tasks", paths::TASKS, IconName::Task, running));
    let quotas = match shell.operator {
        true => item("Requests", paths::REQUESTS, IconName::Quota, new(shell.n_requests)),
        false => item("Quotas", paths::QUOTAS, IconName::Quota, TabNote::None),
    };
    let billing = (!shell.operator && shell.project.is_some())
        .then(|| item("Billing", paths::BILLING, IconName::Money, TabNote::None));
    let of_provider = [
        ("Accounts", paths::ACCOUNTS, IconName::Account),
        ("Revenue", paths::REVENUE, IconName::Money),
        ("Regions", paths::REGIONS, IconName::Region),
    ]
    .into_iter()
    .filter(|_| shell.operator)
    .map(|(label, href, icon)| item(label, href, icon, TabNote::None));
    let usage = shell.project.as_ref().map(|_| item("Usage", paths::USAGE, IconName::Usage, TabNote::None));
    vec![
        NavGroup {
            heading: None,
            items: vec![item("Overview", paths::OVERVIEW, IconName::Overview, TabNote::None)],
        },
        group("Compute", compute),
        group(
            "Account",
            usage
                .into_iter()
                .chain(billing)
                .chain([quotas])
                .chain(of_provider)
                .chain([
                    item("Audit", paths::AUDIT, IconName::Audit, TabNote::None),
                    item("Account", paths::ACCOUNT, IconName::Account, TabNote::None),
                ])
                .collect(),
        ),
    ]
}

fn places(shell: &view::Shell) -> Option<Places> {
    if shell.projects.is_empty() && shell.regions.is_empty() {
        return None;
    }
    let several_accounts = shell.projects.windows(2).any(|pair| pair[0].account != pair[1].account);
    let project = |choice: &view::ProjectChoice| Place {
        value: choice.id.to_string(),
        // The account is named only where it tells projects apart.
        label: if several_accounts {
            format!("{} ({})", choice.name, choice.account)
        } else {
            choice.name.to_string()
        },
    };
    Some(Places {
        project: shell.project.as_ref().map(|choice| choice.id.to_string()).unwrap_or_default(),
        projects: shell.projects.iter().map(project).collect(),
        region: shell.region.to_string(),
        regions: shell
            .regions
            .iter()
            .map(|id| Place { value: id.to_string(), label: id.to_string() })
            .collect(),
        switch_action: ChoosePlace::url().to_owned(),
    })
}
