//! Money between an account and its provider: the page *Billing*, statements, what every page says about it, and the provider's page.

mod own;
mod parts;
mod provider;
mod statement;

pub use own::{BillingPage, BudgetPage};
pub use parts::MoneyBar;
pub use provider::{AccountBillingPage, BookPage, PaymentPage};
pub use statement::StatementPage;
