//! The task engine: claims due tasks, runs one step at a time, writes each result in one commit, retries, unwinds and recovers.
//!
//! It decides nothing about images or machines: what a step does to the world is in `steps`, what the end of a task does to records is in
//! `settle`. It starts no threads; the server calls [`Engine::run_once`] from its workers, the simulator from its loop.

mod board;
mod engine;
mod settle;
mod steps;
pub mod sweep;

pub use board::Board;
pub use engine::{Engine, Outcome, Unreadable};
