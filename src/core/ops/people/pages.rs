//! The frame, the overview and the account page. Reads only.

use super::{choice, counter, projects, region_of, regions, sessions_of};
use crate::domain::actor::Actor;
use crate::domain::ids::SessionId;
use crate::domain::image::{Image, Status};
use crate::domain::instance::Instance;
use crate::domain::money::Money;
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project, Side, User};
use crate::domain::region::Region;
use crate::domain::view::{AccountView, Gauge, Overview, ProjectRow, SessionRow, Shell};
use crate::domain::{Error, Kind, Result};
use crate::ops::ctx::{Ctx, Place};
use crate::ops::{audit, billing, images, instances, provider, quotas, shares, tasks};
use std::sync::Arc;

/// The frame around every page.
///
/// # Errors
/// `Unauthenticated`.
pub fn shell(ctx: &Ctx, place: &Place) -> Result<Shell> {
    let email = match &ctx.actor {
        Actor::Operator { email, .. } | Actor::Tenant { email, .. } => email.clone(),
        Actor::Anonymous | Actor::System => {
            return Err(Error::new(
                Kind::Unauthenticated,
                "sign_in",
                "You are not signed in. Sign in to go on.",
            ));
        }
    };
    let mut choices = Vec::new();
    let mut found = None;
    for project in projects(ctx)? {
        choices.push(choice(ctx, &project)?);
        found = found.or((Some(project.id) == place.project).then_some(project.account));
    }
    let project = choices.iter().find(|c| Some(c.id) == place.project).cloned();
    let group = project.as_ref().map(|p| (p.id, place.region.clone()));
    let n_tasks = match &group {
        Some((id, region)) => tasks::active(ctx, *id, region)?.len(),
        None => 0,
    };
    let operator = matches!(ctx.actor, Actor::Operator { .. });
    Ok(Shell {
        email,
        operator,
        role: project.as_ref().and_then(|p| ctx.actor.role(p.id)),
        regions: regions(ctx)?.into_iter().map(|r| r.id).collect(),
        region: place.region.clone(),
        n_instances: group.as_ref().map_or(0, |g| ctx.app.instances.count(g)),
        n_groups: group.as_ref().map_or(0, |g| ctx.app.groups.count(g)),
        n_images: group.as_ref().map_or(0, |g| images::n_listed(ctx, g)),
        n_in_bin: group.as_ref().map_or(0, |g| images::n_recycled(ctx, g)),
        n_tasks: u32::try_from(n_tasks).unwrap_or(u32::MAX),
        n_requests: match operator {
            true => quotas::n_pending(ctx)?,
            false => 0,
        },
        n_waiting: group.as_ref().map_or(0, |(id, region)| shares::n_waiting(ctx, *id, region)),
        n_ending: group.as_ref().map_or(0, |(id, region)| shares::n_ending(ctx, *id, region)),
        money: match found {
            Some(account) => billing::notices(ctx, account)?,
            None => Default::default(),
        },
        projects: choices,
        project,
    })
}

/// The overview of project and region; for the provider's people also all accounts and what is missing on this machine.
///
/// # Errors
/// `Unauthenticated`.
pub fn overview(ctx: &Ctx, place: &Place) -> Result<Overview> {
    let region = region_of(ctx, place)?;
    let of_provider = ctx.may(Act::ProviderGet, &Resource::Provider);
    if ctx.actor == Actor::Anonymous {
        ctx.authorize(Act::ProjectGet, &Resource::Provider, "overview")?;
    }
    let project = match place.project {
        Some(id) => ctx.read::<Project>(&id)?.filter(|p| ctx.may(Act::ProjectGet, &own(p))),
        None => None,
    };
    let mut view = Overview {
        project: project.as_ref().map(|p| p.name.clone()),
        region: region.id.clone(),
        cost: Money::ZERO,
        forecast: Money::ZERO,
        cost_images: Money::ZERO,
        symbol: region.prices.symbol.clone(),
        gauges: vec![],
        tasks: vec![],
        images: vec![],
        instances: vec![],
        events: vec![],
        accounts: if of_provider { provider::rows(ctx)? } else { vec![] },
        missing: if of_provider { ctx.app.hypervisor.facts().missing.into_iter().collect() } else { vec![] },
        may_change: project.as_ref().is_some_and(|p| ctx.may(Act::InstanceCreate, &own(p))),
        now: ctx.now,
    };
    if let Some(project) = project {
        fill(ctx, &mut view, &project, &region)?;
    }
    Ok(view)
}

fn own(project: &Project) -> Resource {
    Resource::Project { account: project.account, project: project.id }
}

fn fill(ctx: &Ctx, view: &mut Overview, project: &Project, region: &Region) -> Result<()> {
    let month = billing::month(ctx, project.account)?;
    (view.cost, view.cost_images, view.forecast) = (month.so_far, month.images, month.forecast);
    let (counter, limits) = counter(ctx, project.account, region)?;
    view.gauges = vec![
        Gauge { what: "Images".to_owned(), used: counter.n_images, limit: limits.n_images_max },
        Gauge { what: "Instances".to_owned(), used: counter.n_instances, limit: limits.n_instances_max },
    ];
    let group = (project.id, region.id.clone());
    view.tasks = tasks::active(ctx, project.id, &region.id)?;
    let mut newest: Vec<Arc<Image>> = ctx.app.images.group(&group);
    newest.retain(|image| image.status != Status::Recycled);
    newest.sort_by_key(|i| std::cmp::Reverse((i.created, i.id)));
    view.images = newest.iter().take(5).map(|i| images::row(ctx, i, region)).collect::<Result<_>>()?;
    let mut newest: Vec<Arc<Instance>> = ctx.app.instances.group(&group);
    newest.sort_by_key(|i| std::cmp::Reverse((i.created, i.id)));
    view.instances = newest.iter().take(5).map(|i| instances::row(ctx, i, region)).collect();
    view.events = audit::of_project(ctx, project.id, 8)?;
    Ok(())
}

/// The user's account, projects and sessions.
///
/// # Errors
/// `Unauthenticated`.
pub fn account(ctx: &Ctx, current: Option<SessionId>) -> Result<AccountView> {
    let Some(id) = ctx.actor.user() else {
        ctx.authorize(Act::SelfGet, &Resource::Provider, "account")?;
        return Err(Error::not_found("account"));
    };
    ctx.authorize(Act::SelfGet, &Resource::User(id), "account")?;
    let user = ctx.read::<User>(&id)?.ok_or_else(|| Error::not_found("user"))?;
    let mut sessions: Vec<SessionRow> = sessions_of(ctx, id)?
        .into_iter()
        .filter(|s| s.live(ctx.now))
        .map(|s| SessionRow {
            current: Some(s.id) == current,
            id: s.id,
            agent: s.agent,
            created: s.created,
            last_used: s.last_used,
        })
        .collect();
    sessions.sort_by_key(|s| std::cmp::Reverse((s.created, s.id)));
    let (account_id, roles) = match &user.side {
        Side::Operator => (None, Default::default()),
        Side::Tenant { account, roles } => (Some(*account), roles.clone()),
    };
    let mut rows = Vec::new();
    for (project, role) in roles {
        let name = ctx.read::<Project>(&project)?.map(|p| p.name);
        rows.extend(name.map(|name| ProjectRow { id: project, name, role }));
    }
    let account = match account_id {
        Some(id) => ctx.read::<Account>(&id)?.map(|a| a.name.to_string()).unwrap_or_default(),
        None => String::new(),
    };
    Ok(AccountView { email: user.email, account, account_id, projects: rows, sessions, now: ctx.now })
}
