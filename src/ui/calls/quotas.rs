//! Calls about quotas, requests for more, and the provider's regions.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{QuotaDecisionForm, QuotaRequestForm, RegionForm};
use darkroom_core::domain::ids::RequestId;
use darkroom_core::domain::region::Region;
use darkroom_core::domain::request::RequestQuery;
use darkroom_core::domain::view::{QuotaPage, RequestList, RequestRow};
use darkroom_core::ops;
use leptos::prelude::*;

/// The quotas of the account and region in force, and what was asked for.
pub async fn get_quotas() -> Result<QuotaPage, ApiError> {
    back::read(|c| ops::quotas::overview(&c.ctx, &c.place)).await
}

/// Asks the provider for more.
#[server(prefix = "/ui", endpoint = "ask_quota")]
pub async fn ask_quota(form: QuotaRequestForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::quotas::ask(&c.ctx, form)?;
        Ok(format!("{}?done=quota-ask", paths::QUOTAS))
    })
    .await
}

/// Takes a request back.
#[server(prefix = "/ui", endpoint = "withdraw_request")]
pub async fn withdraw_request(id: RequestId) -> Result<(), ApiError> {
    back::change(id, |c, id| {
        ops::quotas::withdraw(&c.ctx, *id)?;
        Ok(format!("{}?done=quota-withdraw", paths::QUOTAS))
    })
    .await
}

/// Requests of all accounts, for the provider.
pub async fn list_requests(query: RequestQuery) -> Result<RequestList, ApiError> {
    back::read(move |c| ops::quotas::requests(&c.ctx, &query)).await
}

/// One request, for the provider.
pub async fn get_request(id: RequestId) -> Result<RequestRow, ApiError> {
    back::read(move |c| ops::quotas::request(&c.ctx, id)).await
}

/// Answers a request.
#[server(prefix = "/ui", endpoint = "decide_request")]
pub async fn decide_request(form: QuotaDecisionForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::quotas::decide(&c.ctx, form)?;
        Ok(format!("{}?done=quota-decide", paths::REQUESTS))
    })
    .await
}

/// All regions as the provider set them up.
pub async fn list_regions() -> Result<Vec<Region>, ApiError> {
    back::read(|c| ops::provider::regions(&c.ctx)).await
}

/// Switches features of a region and sets its limits.
#[server(prefix = "/ui", endpoint = "edit_region")]
pub async fn edit_region(form: RegionForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::provider::edit_region(&c.ctx, form)?;
        Ok(format!("{}?done=region-edit", paths::REGIONS))
    })
    .await
}
