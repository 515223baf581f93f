//! Calls about money between an account and its provider.

use super::back;
use crate::ui::error::ApiError;
use crate::ui::paths;
use darkroom_core::domain::form::{BookForm, BudgetForm, PaymentForm};
use darkroom_core::domain::ids::AccountId;
use darkroom_core::domain::price::Ahead;
use darkroom_core::domain::view::{BillingView, RevenuePage, StatementView};
use darkroom_core::ops;
use leptos::prelude::*;

/// Balance, ledger, budget and statements of the account of the project in force.
pub async fn get_billing(page: u32) -> Result<BillingView, ApiError> {
    back::read(move |c| ops::billing::own(&c.ctx, &c.place, page)).await
}

/// What the present month comes to, for dialogs that are about to change it.
pub async fn get_ahead() -> Result<Option<Ahead>, ApiError> {
    back::read(|c| ops::billing::ahead(&c.ctx, &c.place)).await
}

/// Balance, ledger, budget and statements of any account, for the provider.
pub async fn get_account_billing(id: AccountId, page: u32) -> Result<BillingView, ApiError> {
    back::read(move |c| ops::billing::of_account(&c.ctx, id, page)).await
}

/// What all accounts were charged, for the provider; `month` as `2026-11`.
pub async fn get_revenue(month: String) -> Result<RevenuePage, ApiError> {
    back::read(move |c| ops::provider::revenue(&c.ctx, &month)).await
}

/// One statement.
pub async fn get_statement(account: AccountId, number: u64) -> Result<StatementView, ApiError> {
    back::read(move |c| ops::billing::statement(&c.ctx, &c.place, account, number)).await
}

/// Sets the budget of the account of the project in force.
#[server(prefix = "/ui", endpoint = "set_budget")]
pub async fn set_budget(form: BudgetForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::billing::set_budget(&c.ctx, &c.place, form)?;
        Ok(format!("{}?done=budget", paths::BILLING))
    })
    .await
}

/// Books what an account paid, or is given.
#[server(prefix = "/ui", endpoint = "book_entry")]
pub async fn book_entry(form: BookForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        ops::billing::book(&c.ctx, form)?;
        let account = form.parse()?.account;
        Ok(format!("{}?done=ledger-book", paths::account_billing(account)))
    })
    .await
}

/// Says how an account pays.
#[server(prefix = "/ui", endpoint = "set_payment")]
pub async fn set_payment(form: PaymentForm) -> Result<(), ApiError> {
    back::change(form, |c, form| {
        let account = ops::billing::set_payment(&c.ctx, form)?;
        Ok(format!("{}?done=payment", paths::account_billing(account)))
    })
    .await
}
