//! Typed identifiers. An id is a UUID; a region, an instance type and a zone are named by short slugs that people type.
//!
//! No id is ever made here: new ones come from the `Ids` port.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }
    )*};
}

uuid_id! {
    /// The account that pays.
    AccountId,
    /// A person who signs in.
    UserId,
    /// A project: owns instances and images.
    ProjectId,
    /// A signed-in browser.
    SessionId,
    /// An image of a machine.
    ImageId,
    /// A machine.
    InstanceId,
    /// A disk of a machine.
    DiskId,
    /// Long work that survives restarts.
    TaskId,
    /// An interval during which something is charged.
    MeterId,
    /// An entry of the audit trail.
    EventId,
}

macro_rules! slug_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The slug as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    )*};
}

slug_id! {
    /// A region, such as `north-1`.
    RegionId,
    /// A zone inside a region, such as `a`.
    ZoneId,
    /// An instance type, such as `m1.small`.
    FlavorId,
}

/// What a task, an audit event or a meter is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "lowercase")]
pub enum Subject {
    /// An image.
    Image(ImageId),
    /// A machine.
    Instance(InstanceId),
    /// A disk of a machine.
    Disk(DiskId),
    /// A task.
    Task(TaskId),
    /// A user.
    User(UserId),
    /// A project.
    Project(ProjectId),
    /// An account.
    Account(AccountId),
}

impl Subject {
    /// The bare UUID, for keys.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Image(id) => id.0,
            Self::Instance(id) => id.0,
            Self::Disk(id) => id.0,
            Self::Task(id) => id.0,
            Self::User(id) => id.0,
            Self::Project(id) => id.0,
            Self::Account(id) => id.0,
        }
    }

    /// The word a person reads for this kind of thing.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Instance(_) => "instance",
            Self::Disk(_) => "disk",
            Self::Task(_) => "task",
            Self::User(_) => "user",
            Self::Project(_) => "project",
            Self::Account(_) => "account",
        }
    }
}
