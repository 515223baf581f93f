//! Who acts: what every session, token or command-line call becomes before any rule is asked.

use super::ids::{AccountId, ProjectId, UserId};
use super::project::{Role, Side, User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who acts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Actor {
    /// Nobody is signed in.
    Anonymous,
    /// The provider's person.
    Operator {
        /// Who.
        user: UserId,
        /// Their e-mail address, for the audit trail.
        email: String,
    },
    /// A tenant's person.
    Tenant {
        /// Who.
        user: UserId,
        /// Their e-mail address, for the audit trail.
        email: String,
        /// The account they belong to.
        account: AccountId,
        /// Roles by project of that account.
        roles: BTreeMap<ProjectId, Role>,
    },
    /// darkroom itself: reconcilers, and the administrator at the machine's own command line.
    System,
}

impl Actor {
    /// The actor that a signed-in user is.
    pub fn of(user: &User) -> Self {
        match &user.side {
            Side::Operator => Self::Operator { user: user.id, email: user.email.clone() },
            Side::Tenant { account, roles } => Self::Tenant {
                user: user.id,
                email: user.email.clone(),
                account: *account,
                roles: roles.clone(),
            },
        }
    }

    /// The user behind the actor.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Operator { user, .. } | Self::Tenant { user, .. } => Some(*user),
            Self::Anonymous | Self::System => None,
        }
    }

    /// How the audit trail names the actor.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "nobody",
            Self::Operator { email, .. } | Self::Tenant { email, .. } => email,
            Self::System => "darkroom",
        }
    }

    /// The actor's role in `project`.
    pub fn role(&self, project: ProjectId) -> Option<Role> {
        match self {
            Self::Tenant { roles, .. } => roles.get(&project).copied(),
            Self::Anonymous | Self::Operator { .. } | Self::System => None,
        }
    }
}
