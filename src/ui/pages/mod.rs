//! The pages, one folder or file per noun. A page is: words of the address, what the use cases answer, view. It decides nothing: what is
//! possible and why not comes judged from core.

pub mod account;
pub mod accounts;
pub mod audit;
pub mod billing;
pub mod deletion;
pub mod frame;
pub mod groups;
pub mod images;
pub mod instances;
pub mod not_found;
pub mod overview;
pub mod parts;
pub mod prices;
pub mod problem;
pub mod quotas;
pub mod regions;
pub mod revenue;
pub mod sign_in;
pub mod snapshots;
pub mod tasks;
pub mod usage;
pub mod words;

pub use problem::{Problem, Refusal};
