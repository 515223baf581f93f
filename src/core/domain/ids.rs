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
    /// A scaling group.
    GroupId,
    /// A disk of a machine.
    DiskId,
    /// Long work that survives restarts.
    TaskId,
    /// An interval during which something is charged.
    MeterId,
    /// An entry of the audit trail.
    EventId,
    /// A request for a higher limit.
    RequestId,
    /// A snapshot of a disk, or of all disks of a machine.
    SnapshotId,
    /// A plan that makes snapshots of a machine by itself.
    ScheduleId,
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
    /// A scaling group.
    Group(GroupId),
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
    /// A region.
    Region(SlugKey),
    /// An instance type.
    Flavor(SlugKey),
    /// A snapshot.
    Snapshot(SnapshotId),
    /// A plan that makes snapshots by itself.
    Schedule(ScheduleId),
    /// The snapshot service of an account in a region.
    Service(SlugKey),
}

/// Stands for a thing that is named by a slug, where a UUID is asked for: computed from noun and slug, and never equal to the id of
/// anything else, because it is a UUID of version 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SlugKey(Uuid);

impl SlugKey {
    fn of(noun: &str, slug: &str) -> Self {
        // FNV-1a with 128 bits: an operator's few regions and types are no adversary.
        let mut hash: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
        for byte in noun.bytes().chain([b'/']).chain(slug.bytes()) {
            hash = (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        Self(uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid())
    }
}

impl Subject {
    /// The region of this slug.
    pub fn region(id: &RegionId) -> Self {
        Self::Region(SlugKey::of("region", id.as_str()))
    }

    /// The instance type of this slug.
    pub fn flavor(id: &FlavorId) -> Self {
        Self::Flavor(SlugKey::of("flavor", id.as_str()))
    }

    /// The snapshot service of this account in this region.
    pub fn service(account: AccountId, region: &RegionId) -> Self {
        Self::Service(SlugKey::of("service", &format!("{account}/{region}")))
    }

    /// The word for this kind of thing in records and addresses. Part of what is hashed in the audit trail, so it never changes.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Instance(_) => "instance",
            Self::Group(_) => "group",
            Self::Disk(_) => "disk",
            Self::Task(_) => "task",
            Self::User(_) => "user",
            Self::Project(_) => "project",
            Self::Account(_) => "account",
            Self::Region(_) => "region",
            Self::Flavor(_) => "flavor",
            Self::Snapshot(_) => "snapshot",
            Self::Schedule(_) => "schedule",
            Self::Service(_) => "service",
        }
    }

    /// The thing that [`Subject::kind`] and the UUID stand for.
    pub fn read(kind: &str, uuid: &str) -> Option<Self> {
        let id = Uuid::parse_str(uuid).ok()?;
        Some(match kind {
            "image" => Self::Image(id.into()),
            "instance" => Self::Instance(id.into()),
            "group" => Self::Group(id.into()),
            "disk" => Self::Disk(id.into()),
            "task" => Self::Task(id.into()),
            "user" => Self::User(id.into()),
            "project" => Self::Project(id.into()),
            "account" => Self::Account(id.into()),
            "region" => Self::Region(SlugKey(id)),
            "flavor" => Self::Flavor(SlugKey(id)),
            "snapshot" => Self::Snapshot(id.into()),
            "schedule" => Self::Schedule(id.into()),
            "service" => Self::Service(SlugKey(id)),
            _ => return None,
        })
    }

    /// The bare UUID, for keys.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Image(id) => id.0,
            Self::Instance(id) => id.0,
            Self::Group(id) => id.0,
            Self::Disk(id) => id.0,
            Self::Task(id) => id.0,
            Self::User(id) => id.0,
            Self::Project(id) => id.0,
            Self::Account(id) => id.0,
            Self::Snapshot(id) => id.0,
            Self::Schedule(id) => id.0,
            Self::Region(key) | Self::Flavor(key) | Self::Service(key) => key.0,
        }
    }

    /// The word a person reads for this kind of thing.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Instance(_) => "instance",
            Self::Group(_) => "scaling group",
            Self::Disk(_) => "disk",
            Self::Task(_) => "task",
            Self::User(_) => "user",
            Self::Project(_) => "project",
            Self::Account(_) => "account",
            Self::Region(_) => "region",
            Self::Flavor(_) => "instance type",
            Self::Snapshot(_) => "snapshot",
            Self::Schedule(_) => "schedule",
            Self::Service(_) => "snapshot service",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_by_a_slug_has_a_key_of_its_own_that_never_changes() {
        let (north, south) = (Subject::region(&"north-1".into()), Subject::region(&"south-1".into()));
        assert_eq!(north, Subject::region(&"north-1".into()));
        assert!(north != south && north.uuid() != south.uuid());
        assert_ne!(
            north.uuid(),
            Subject::flavor(&"north-1".into()).uuid(),
            "a type may have the name of a region"
        );
        assert_eq!(north.uuid().get_version_num(), 8);
        // Kept in keys, so that another value would lose events.
        assert_eq!(north.uuid().to_string(), "911d02a8-17b0-861f-bd18-e14bc536c90f");
    }
}
