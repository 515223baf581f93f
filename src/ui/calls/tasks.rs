//! Calls about tasks and the audit trail.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::ids::TaskId;
use darkroom_core::domain::task::State;
use darkroom_core::domain::view::{AuditList, TaskList, TaskView};
use darkroom_core::ops;
use leptos::prelude::*;

/// Tasks of the project and region in force, newest first; only these states unless the list is empty.
pub async fn list_tasks(states: String, page: u32) -> Result<TaskList, ApiError> {
    let states: Vec<State> =
        states.split(',').filter_map(|s| State::ALL.into_iter().find(|k| k.slug() == s)).collect();
    back::read(move |c| ops::tasks::list(&c.ctx, &c.place, states, page)).await
}

/// A task with its log.
pub async fn get_task(id: TaskId) -> Result<TaskView, ApiError> {
    back::read(move |c| ops::tasks::detail(&c.ctx, id)).await
}

/// Stops a task and undoes it; `back_to` is where the person was.
#[server(prefix = "/ui", endpoint = "cancel_task")]
pub async fn cancel_task(id: TaskId, back_to: String) -> Result<(), ApiError> {
    back::change((id, back_to), |c, (id, back_to)| {
        ops::tasks::cancel(&c.ctx, *id)?;
        Ok(local(back_to, *id))
    })
    .await
}

/// Does a failed task again; `back_to` is where the person was.
#[server(prefix = "/ui", endpoint = "retry_task")]
pub async fn retry_task(id: TaskId, back_to: String) -> Result<(), ApiError> {
    back::change((id, back_to), |c, (id, back_to)| {
        ops::tasks::retry(&c.ctx, *id)?;
        Ok(local(back_to, *id))
    })
    .await
}

/// Only an address of the portal itself is gone back to.
fn local(back_to: &str, id: TaskId) -> String {
    if crate::server::web::caller::is_local(back_to) { back_to.to_owned() } else { paths::task(id) }
}

/// Audit events the user may see, newest first, as far as `query` asks for them.
pub async fn list_events(query: AuditQuery) -> Result<AuditList, ApiError> {
    back::read(move |c| ops::audit::list(&c.ctx, &c.place, &query)).await
}
