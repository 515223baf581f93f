//! Accounts, projects, users, their roles and their sessions.

use super::ids::{AccountId, ProjectId, RegionId, SessionId, UserId};
use super::quota::Limits;
use super::text::Name;
use super::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who pays. Users and projects belong to exactly one account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: Name,
    /// The site it belongs to (H3).
    pub site: String,
    /// Limits that differ from a region's, by region.
    pub limits: BTreeMap<RegionId, Limits>,
    /// When it was created.
    pub created: Timestamp,
}

/// Owns instances and images.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Who pays for it.
    pub account: AccountId,
    /// Its name.
    pub name: Name,
    /// When it was created.
    pub created: Timestamp,
}

/// What a user may do in a project. Each role includes the ones before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look.
    Reader,
    /// May also create, change, run and delete.
    Member,
    /// May also see everything the account sees, such as its audit trail.
    Owner,
}

impl Role {
    /// The role's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Member => "member",
            Self::Owner => "owner",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Reader, Self::Member, Self::Owner].into_iter().find(|r| r.as_str() == text).ok_or(())
    }
}

/// Whose user this is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "lowercase")]
pub enum Side {
    /// Works for the provider: sees everything, owns nothing.
    Operator,
    /// Belongs to an account, with a role in some of its projects.
    Tenant {
        /// The account.
        account: AccountId,
        /// Roles by project.
        roles: BTreeMap<ProjectId, Role>,
    },
}

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// What they sign in with; lower case, unique.
    pub email: String,
    /// Operator or tenant.
    pub side: Side,
    /// PHC string of the password.
    pub password_hash: String,
    /// When the user was created.
    pub created: Timestamp,
}

/// A signed-in browser. The token itself is never stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id, to show and revoke it.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// SHA-256 of the token in the cookie, lower-case hex.
    pub token_hash: String,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, within a minute.
    pub last_used: Timestamp,
    /// What the browser calls itself, shortened.
    pub agent: String,
}

impl Session {
    /// A session ends after this long without use.
    pub const IDLE_MS_MAX: i64 = 14 * 86_400_000;
    /// A session ends after this long in any case.
    pub const AGE_MS_MAX: i64 = 60 * 86_400_000;

    /// Whether the session still counts at `now`.
    pub fn live(&self, now: Timestamp) -> bool {
        now.since_ms(self.last_used) <= Self::IDLE_MS_MAX && now.since_ms(self.created) <= Self::AGE_MS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_include_the_ones_before_them() {
        assert!(Role::Reader < Role::Member && Role::Member < Role::Owner);
    }
}
