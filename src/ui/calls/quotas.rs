//! Calls about quotas, requests to the provider, and the provider's accounts and regions.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{
    AccountForm, LimitsForm, PricesForm, QuotaDecisionForm, QuotaRequestForm, ReachForm, RegionForm,
};
use darkroom_core::domain::ids::{AccountId, ImageId, RegionId, RequestId};
use darkroom_core::domain::region::Region;
use darkroom_core::domain::request::RequestQuery;
use darkroom_core::domain::usage::UsageQuery;
use darkroom_core::domain::view::{
    AccountDetail, AccountList, PricesPage, QuotaPage, ReachOptions, RequestList, RequestRow, UsagePage,
};
use darkroom_core::ops;
use leptos::prelude::*;

/// The quotas of the account and region in force, and what was asked for.
pub async fn get_quotas() -> Result<QuotaPage, ApiError> {
    back::read(|c| ops::quotas::overview(&c.ctx, &c.place)).await
}

/// What the account in force was charged in a period.
pub async fn get_usage(query: UsageQuery) -> Result<UsagePage, ApiError> {
    back::read(move |c| ops::usage::page(&c.ctx, &c.place, &query)).await
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

/// The prices of a region, for the provider.
pub async fn get_prices(region: String) -> Result<PricesPage, ApiError> {
    back::read(move |c| ops::prices::page(&c.ctx, &RegionId(region))).await
}

/// Sets the prices of a region from a day on.
#[server(prefix = "/ui", endpoint = "set_prices")]
pub async fn set_prices(form: PricesForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let region = ops::prices::set_form(&c.ctx, form)?;
        Ok(format!("{}?done=prices-set", paths::region_prices(&region)))
    })
    .await
}

/// Takes back prices that were announced.
#[server(prefix = "/ui", endpoint = "withdraw_prices")]
pub async fn withdraw_prices(region: RegionId, version: u32) -> Result<(), ApiError> {
    back::change((region, version), |c, (region, version)| {
        ops::prices::withdraw(&c.ctx, region, *version)?;
        Ok(format!("{}?done=prices-withdraw", paths::region_prices(region)))
    })
    .await
}

/// What the dialog shows that asks for an image in another region.
pub async fn reach_options(id: ImageId) -> Result<ReachOptions, ApiError> {
    back::read(move |c| ops::quotas::reach_options(&c.ctx, id)).await
}

/// Asks for an image to be deployable in another region.
#[server(prefix = "/ui", endpoint = "ask_reach")]
pub async fn ask_reach(form: ReachForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::quotas::ask_reach(&c.ctx, form)?;
        Ok(format!("{}?done=quota-ask", paths::QUOTAS))
    })
    .await
}

/// All accounts, for the provider.
pub async fn list_accounts(page: u32) -> Result<AccountList, ApiError> {
    back::read(move |c| ops::provider::account_list(&c.ctx, page)).await
}

/// One account, for the provider.
pub async fn get_account_detail(id: AccountId) -> Result<AccountDetail, ApiError> {
    back::read(move |c| ops::provider::account_detail(&c.ctx, id)).await
}

/// Moves an account to a site.
#[server(prefix = "/ui", endpoint = "edit_account")]
pub async fn edit_account(form: AccountForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::provider::edit_account(&c.ctx, form)?;
        Ok(format!("{}?done=account-edit", paths::account(id)))
    })
    .await
}

/// Sets what an account may have in a region.
#[server(prefix = "/ui", endpoint = "edit_limits")]
pub async fn edit_limits(form: LimitsForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let id = ops::provider::edit_limits(&c.ctx, form)?;
        Ok(format!("{}?done=account-limits", paths::account(id)))
    })
    .await
}
