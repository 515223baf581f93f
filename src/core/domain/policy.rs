//! Who may do what: one exhaustive match. A hidden thing answers 404, a forbidden act 403. States of things are judged elsewhere
//! (`can(action)`); this only knows actors, acts and owners.

use super::actor::Actor;
use super::ids::{AccountId, ProjectId, UserId};
use super::project::Role;

/// Something that somebody may or may not do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Act {
    /// See a project and the lists in it.
    ProjectGet,
    /// See an image.
    ImageGet,
    /// Make an image of a machine.
    ImageCreate,
    /// Change an image's name or remark.
    ImageUpdate,
    /// Delete an image, or take back that it will be deleted.
    ImageDelete,
    /// Take an image out of the recycle bin.
    ImageRestore,
    /// Remove an image from the recycle bin for good.
    ImagePurge,
    /// Make a machine from an image.
    ImageDeploy,
    /// Share an image with projects, or stop that.
    ImageShare,
    /// See, accept or reject what is shared with a project.
    ShareDecide,
    /// Copy an image; where to is judged as making one there.
    ImageCopy,
    /// See a machine and its console log.
    InstanceGet,
    /// Make a machine.
    InstanceCreate,
    /// Start, stop or restart a machine.
    InstancePower,
    /// Type into a machine's serial console.
    InstanceConsole,
    /// Delete a machine.
    InstanceDelete,
    /// See snapshots and schedules, and whether the snapshot service is on.
    SnapshotGet,
    /// Make a snapshot of a machine.
    SnapshotCreate,
    /// Change a snapshot's name.
    SnapshotUpdate,
    /// Delete a snapshot.
    SnapshotDelete,
    /// Make, change or delete a schedule of snapshots.
    ScheduleUpdate,
    /// Turn the snapshot service of an account on or off.
    SnapshotService,
    /// Give a machine a new disk.
    DiskAdd,
    /// Remove a disk of a machine.
    DiskRemove,
    /// Replace the system of a machine by another image.
    InstanceReinstall,
    /// See a scaling group.
    GroupGet,
    /// Make a scaling group.
    GroupCreate,
    /// Change a scaling group, or have it try again at once.
    GroupEdit,
    /// Replace the machines of a scaling group.
    GroupRoll,
    /// Delete a scaling group with its machines.
    GroupDelete,
    /// See a task.
    TaskGet,
    /// Cancel or retry a task.
    TaskChange,
    /// See the audit trail of a project.
    AuditProject,
    /// See the audit trail and figures of an account.
    AuditAccount,
    /// See the quotas of an account through one of its projects, and what was asked for.
    QuotaGet,
    /// Ask for more than the quotas of an account allow, or take that back.
    QuotaAsk,
    /// Answer such a request.
    QuotaDecide,
    /// See balance, ledger, budget and statements of an account through one of its projects.
    BillingGet,
    /// Set the budget of an account.
    BillingBudget,
    /// Book into the ledger of an account, and say how it pays.
    LedgerUpdate,
    /// See one's own user, sessions and password form.
    SelfGet,
    /// Change one's own password or sessions.
    SelfUpdate,
    /// See accounts, regions and everything of the provider.
    ProviderGet,
    /// Switch features of a region and set its limits.
    RegionUpdate,
    /// Move an account to another site and set its limits.
    AccountUpdate,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 45] = [
        Self::ProjectGet,
        Self::ImageGet,
        Self::ImageCreate,
        Self::ImageUpdate,
        Self::ImageDelete,
        Self::ImageRestore,
        Self::ImagePurge,
        Self::ImageDeploy,
        Self::ImageShare,
        Self::ShareDecide,
        Self::ImageCopy,
        Self::InstanceGet,
        Self::InstanceCreate,
        Self::InstancePower,
        Self::InstanceConsole,
        Self::InstanceDelete,
        Self::SnapshotGet,
        Self::SnapshotCreate,
        Self::SnapshotUpdate,
        Self::SnapshotDelete,
        Self::ScheduleUpdate,
        Self::SnapshotService,
        Self::DiskAdd,
        Self::DiskRemove,
        Self::InstanceReinstall,
        Self::GroupGet,
        Self::GroupCreate,
        Self::GroupEdit,
        Self::GroupRoll,
        Self::GroupDelete,
        Self::TaskGet,
        Self::TaskChange,
        Self::AuditProject,
        Self::AuditAccount,
        Self::QuotaGet,
        Self::QuotaAsk,
        Self::QuotaDecide,
        Self::BillingGet,
        Self::BillingBudget,
        Self::LedgerUpdate,
        Self::SelfGet,
        Self::SelfUpdate,
        Self::ProviderGet,
        Self::RegionUpdate,
        Self::AccountUpdate,
    ];

    /// The name in the audit trail and in the snapshot.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ProjectGet => "project.get",
            Self::ImageGet => "image.get",
            Self::ImageCreate => "image.create",
            Self::ImageUpdate => "image.update",
            Self::ImageDelete => "image.delete",
            Self::ImageRestore => "image.restore",
            Self::ImagePurge => "image.purge",
            Self::ImageDeploy => "image.deploy",
            Self::ImageShare => "image.share",
            Self::ShareDecide => "share.decide",
            Self::ImageCopy => "image.copy",
            Self::InstanceGet => "instance.get",
            Self::InstanceCreate => "instance.create",
            Self::InstancePower => "instance.power",
            Self::InstanceConsole => "instance.console",
            Self::InstanceDelete => "instance.delete",
            Self::SnapshotGet => "snapshot.get",
            Self::SnapshotCreate => "snapshot.create",
            Self::SnapshotUpdate => "snapshot.update",
            Self::SnapshotDelete => "snapshot.delete",
            Self::ScheduleUpdate => "schedule.update",
            Self::SnapshotService => "snapshot.service",
            Self::DiskAdd => "disk.add",
            Self::DiskRemove => "disk.remove",
            Self::InstanceReinstall => "instance.reimage",
            Self::GroupGet => "group.get",
            Self::GroupCreate => "group.create",
            Self::GroupEdit => "group.edit",
            Self::GroupRoll => "group.roll",
            Self::GroupDelete => "group.delete",
            Self::TaskGet => "task.get",
            Self::TaskChange => "task.change",
            Self::AuditProject => "audit.project",
            Self::AuditAccount => "audit.account",
            Self::QuotaGet => "quota.get",
            Self::QuotaAsk => "quota.ask",
            Self::QuotaDecide => "quota.decide",
            Self::BillingGet => "billing.get",
            Self::BillingBudget => "billing.budget",
            Self::LedgerUpdate => "billing.update",
            Self::SelfGet => "self.get",
            Self::SelfUpdate => "self.update",
            Self::ProviderGet => "provider.get",
            Self::RegionUpdate => "region.update",
            Self::AccountUpdate => "account.update",
        }
    }

    /// The least role in the owning project.
    const fn role(self) -> Need {
        match self {
            Self::ProjectGet
            | Self::ImageGet
            | Self::InstanceGet
            | Self::GroupGet
            | Self::SnapshotGet
            | Self::TaskGet
            | Self::AuditProject
            | Self::QuotaGet
            | Self::BillingGet => Need::Look(Role::Reader),
            Self::ImageCreate
            | Self::ImageUpdate
            | Self::ImageDelete
            | Self::ImageRestore
            | Self::ImagePurge
            | Self::ImageDeploy
            | Self::ImageShare
            | Self::ShareDecide
            | Self::ImageCopy
            | Self::InstanceCreate
            | Self::InstancePower
            | Self::InstanceConsole
            | Self::InstanceDelete
            | Self::SnapshotCreate
            | Self::SnapshotUpdate
            | Self::SnapshotDelete
            | Self::ScheduleUpdate
            | Self::DiskAdd
            | Self::DiskRemove
            | Self::InstanceReinstall
            | Self::GroupCreate
            | Self::GroupEdit
            | Self::GroupRoll
            | Self::GroupDelete
            | Self::TaskChange => Need::Change(Role::Member),
            Self::AuditAccount => Need::Account,
            Self::QuotaAsk | Self::SnapshotService | Self::BillingBudget => Need::Owner,
            Self::SelfGet | Self::SelfUpdate => Need::OneSelf,
            Self::ProviderGet
            | Self::RegionUpdate
            | Self::AccountUpdate
            | Self::QuotaDecide
            | Self::LedgerUpdate => Need::Provider,
        }
    }
}

enum Need {
    Look(Role),
    Change(Role),
    /// To look as an owner of the account.
    Account,
    /// To act as an owner of the account.
    Owner,
    OneSelf,
    Provider,
}

/// What it is done to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resource {
    /// Something that a project owns.
    Project {
        /// The project's account.
        account: AccountId,
        /// The project.
        project: ProjectId,
    },
    /// A public image of the provider.
    PublicImage,
    /// An image of somebody else that this project was given and has accepted.
    SharedImage {
        /// The recipient's account.
        account: AccountId,
        /// The recipient.
        project: ProjectId,
    },
    /// An account as a whole.
    Account(AccountId),
    /// A user.
    User(UserId),
    /// The provider's own.
    Provider,
}

/// The verdict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Go on.
    Allow,
    /// The caller may know of it but not do this.
    Forbid,
    /// The caller may not know of it.
    Hide,
    /// Sign in first.
    SignIn,
}

/// Judges one act of one actor on one resource.
pub fn decide(actor: &Actor, act: Act, resource: &Resource) -> Verdict {
    match actor {
        Actor::Anonymous => Verdict::SignIn,
        Actor::System => Verdict::Allow,
        Actor::Operator { user, .. } => operator(*user, act, resource),
        Actor::Tenant { user, account, .. } => match resource {
            Resource::User(other) => tenant_self(*user == *other, act),
            Resource::Provider => Verdict::Hide,
            Resource::PublicImage => match act {
                Act::ImageGet | Act::ImageDeploy | Act::ImageCopy => Verdict::Allow,
                _ => Verdict::Forbid,
            },
            Resource::SharedImage { account: other, .. } if other != account => Verdict::Hide,
            Resource::SharedImage { project, .. } => match (actor.role(*project), act) {
                (Some(_), Act::ImageGet | Act::ImageDeploy | Act::ImageCopy) => {
                    tenant_project(actor.role(*project), act)
                }
                // What is shared cannot be changed, passed on (H10) or deleted by who received it.
                (Some(_), _) => Verdict::Forbid,
                (None, _) => Verdict::Hide,
            },
            Resource::Account(other) if other != account => Verdict::Hide,
            Resource::Account(_) => owner_somewhere(actor, act),
            Resource::Project { account: other, .. } if other != account => Verdict::Hide,
            Resource::Project { project, .. } => tenant_project(actor.role(*project), act),
        },
    }
}

/// The provider's people see everything, to help; they change nothing that is a tenant's and cannot use it.
fn operator(user: UserId, act: Act, resource: &Resource) -> Verdict {
    match (act.role(), resource) {
        (Need::OneSelf, Resource::User(other)) if user == *other => Verdict::Allow,
        (Need::OneSelf, _) => Verdict::Forbid,
        (Need::Look(_) | Need::Account | Need::Provider, _) => Verdict::Allow,
        (Need::Change(_) | Need::Owner, _) => Verdict::Forbid,
    }
}

fn tenant_self(own: bool, act: Act) -> Verdict {
    match act.role() {
        Need::OneSelf if own => Verdict::Allow,
        _ => Verdict::Hide,
    }
}

fn owner_somewhere(actor: &Actor, act: Act) -> Verdict {
    match (act.role(), actor) {
        (Need::Account | Need::Owner, Actor::Tenant { roles, .. })
            if roles.values().any(|r| *r == Role::Owner) =>
        {
            Verdict::Allow
        }
        _ => Verdict::Forbid,
    }
}

fn tenant_project(role: Option<Role>, act: Act) -> Verdict {
    match (role, act.role()) {
        (None, _) => Verdict::Hide,
        (Some(have), Need::Look(need) | Need::Change(need)) if have >= need => Verdict::Allow,
        (
            Some(_),
            Need::Look(_) | Need::Change(_) | Need::Account | Need::Owner | Need::OneSelf | Need::Provider,
        ) => Verdict::Forbid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn actors() -> Vec<(&'static str, Actor)> {
        let account = AccountId(Uuid::from_u128(1));
        let project = ProjectId(Uuid::from_u128(2));
        let tenant = |role: Option<Role>, account| Actor::Tenant {
            user: UserId(Uuid::from_u128(7)),
            email: "t@example.org".to_owned(),
            account,
            roles: role.map(|r| (project, r)).into_iter().collect(),
        };
        vec![
            ("anonymous", Actor::Anonymous),
            ("other account", tenant(Some(Role::Owner), AccountId(Uuid::from_u128(9)))),
            ("no role", tenant(None, account)),
            ("reader", tenant(Some(Role::Reader), account)),
            ("member", tenant(Some(Role::Member), account)),
            ("owner", tenant(Some(Role::Owner), account)),
            (
                "operator",
                Actor::Operator { user: UserId(Uuid::from_u128(8)), email: "o@example.org".to_owned() },
            ),
            ("system", Actor::System),
        ]
    }

    #[test]
    fn the_whole_policy_is_as_agreed() {
        let account = AccountId(Uuid::from_u128(1));
        let resources = [
            ("a project's", Resource::Project { account, project: ProjectId(Uuid::from_u128(2)) }),
            ("public image", Resource::PublicImage),
            ("shared image", Resource::SharedImage { account, project: ProjectId(Uuid::from_u128(2)) }),
            ("account", Resource::Account(account)),
            ("own user", Resource::User(UserId(Uuid::from_u128(7)))),
            ("provider", Resource::Provider),
        ];
        let actors = actors();
        let mut table = format!("{:<18}{:<14}", "act", "on");
        for (name, _) in &actors {
            table += &format!("{name:<15}");
        }
        table = table.trim_end().to_owned() + "\n";
        for act in Act::ALL {
            for (on, resource) in &resources {
                let mut row = format!("{:<18}{on:<14}", act.name());
                for (_, actor) in &actors {
                    let word = match decide(actor, act, resource) {
                        Verdict::Allow => "yes",
                        Verdict::Forbid => "403",
                        Verdict::Hide => "404",
                        Verdict::SignIn => "401",
                    };
                    row += &format!("{word:<15}");
                }
                table += row.trim_end();
                table.push('\n');
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn nothing_of_another_account_is_ever_more_than_hidden() {
        let (_, stranger) = actors().swap_remove(1);
        let theirs = Resource::Project {
            account: AccountId(Uuid::from_u128(1)),
            project: ProjectId(Uuid::from_u128(2)),
        };
        assert!(Act::ALL.iter().all(|act| decide(&stranger, *act, &theirs) == Verdict::Hide));
    }
}
