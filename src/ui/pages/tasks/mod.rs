//! Tasks: the list, one task, and the parts that other pages show of a task.

mod detail;
mod list;
mod parts;

pub use detail::TaskPage;
pub use list::TasksPage;
pub use parts::{TaskButtons, TaskStatus};
