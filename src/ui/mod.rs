//! The portal: Leptos views, the same on server and browser. Views show what core judged; they decide nothing.

pub mod app;
pub mod browser;
pub mod calls;
pub mod components;
pub mod error;
pub mod pages;
pub mod paths;
pub mod state;
