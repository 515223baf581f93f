//! The portal. The server renders every page in full; the browser hydrates the islands on it and, with `browser`, keeps a page
//! up to date and sends its forms without leaving it. Views show what core judged; they decide nothing.

#[cfg(feature = "ssr")]
pub mod app;
#[cfg(feature = "hydrate")]
pub mod browser;
#[cfg(feature = "ssr")]
pub mod calls;
pub mod components;
#[cfg(feature = "ssr")]
pub mod error;
pub mod islands;
#[cfg(feature = "ssr")]
pub mod pages;
pub mod paths;
#[cfg(feature = "ssr")]
pub mod state;
