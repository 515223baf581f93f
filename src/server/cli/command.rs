//! What an administrator asks for, as data: the same commands run in this process or, through the socket, in the server that has the data
//! directory open. Execution calls the provider's use cases and nothing else.

use super::host::Host;
use super::provider;
use super::terminal::{Password, table};
use super::usage::UsageLines;
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::form::AccountForm;
use darkroom_core::domain::ids::{FlavorId, RegionId};
use darkroom_core::domain::image::{self, BootMode};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::project::{Role, Side};
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::{Error, Result};
use darkroom_core::ops::ctx::Ctx;
use darkroom_core::ops::provider as ops;
use darkroom_core::ports::Watcher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A command of the administrator.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum AdminCommand {
    /// Creates somebody who works for the provider.
    OperatorCreate { email: String, password: Password },
    /// Creates an account.
    AccountCreate { name: String },
    /// Moves an account to a site.
    AccountSetSite { name: String, site: String },
    /// Lists accounts.
    AccountList,
    /// Creates a project.
    ProjectCreate { account: String, name: String },
    /// Lists the projects of an account.
    ProjectList { account: String },
    /// Creates a user with roles in projects of the account.
    UserCreate { account: String, email: String, password: Password, roles: Vec<(String, Role)> },
    /// Gives or takes (`None`) a role.
    UserSetRole { account: String, email: String, project: String, role: Option<Role> },
    /// Sets a password and ends the user's sessions.
    PasswordSet { email: String, password: Password },
    /// Registers a public image from a disk file.
    ImageAdd(ImageAdd),
    /// Sets a new region up.
    RegionAdd { region: RegionId, change: RegionChange },
    /// Changes a region.
    RegionSet { region: RegionId, change: RegionChange },
    /// Lists regions with their prices and limits.
    RegionList,
    /// Sets a new instance type up.
    FlavorAdd { flavor: FlavorId, n_vcpus: u32, memory_mib: u64, disk_kinds: Vec<DiskKind> },
    /// Lists instance types.
    FlavorList,
    /// Sets what an account may have in a region.
    LimitSet { account: String, region: RegionId, change: LimitChange },
    /// Gives an account the region's own limits again.
    LimitReset { account: String, region: RegionId },
    /// Writes lines of usage of all accounts.
    Usage(UsageLines),
    /// Writes all records to a new file.
    Export { file: PathBuf },
}

/// A public image to be.
#[derive(Debug, Serialize, Deserialize)]
pub struct ImageAdd {
    /// The file of the disk or of the ISO, absolute.
    pub file: PathBuf,
    /// A system disk or an ISO.
    pub kind: image::Kind,
    /// Its name.
    pub name: String,
    /// Where.
    pub region: RegionId,
    /// The system inside, such as `Debian 12`.
    pub os: String,
    /// Such as `linux`.
    pub os_kind: String,
    /// Least virtual processors; 0 for no limit.
    #[serde(default)]
    pub min_vcpus: u32,
    /// Least memory in MiB; 0 for no limit.
    pub min_memory_mib: u64,
    /// Licence code; empty for none.
    pub licence: String,
    /// How it starts.
    pub boot: BootMode,
}

/// What changes in a region; what is not named stays.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RegionChange {
    /// Zones inside it, all of them.
    pub zones: Vec<String>,
    /// Whether the image feature is on.
    pub images: Option<Switch>,
    /// Whether images can be copied into it.
    pub accepts_copies: Option<Switch>,
    /// Whether accounts can have the snapshot service.
    pub snapshots: Option<Switch>,
    /// Days that deleted images stay in the recycle bin; 0 removes them for good at once.
    pub recycle_days: Option<u32>,
    /// Sites it is on, all of them.
    pub sites: Option<Vec<String>>,
    /// Limits of accounts that have none of their own.
    pub limits: LimitChange,
    /// The currency's symbol.
    pub symbol: Option<String>,
    /// Per stored GB of images and month.
    pub image_price: Option<Money>,
    /// Per stored GB of images in the recycle bin and month.
    pub bin_price: Option<Money>,
    /// Per month of the snapshot service, for an account.
    pub snapshot_service_price: Option<Money>,
    /// Per stored GB of snapshots and month.
    pub snapshot_price: Option<Money>,
    /// Per GB of disk and month, by kind.
    pub disk_prices: Vec<(DiskKind, Money)>,
    /// Per hour, by instance type.
    pub flavor_prices: Vec<(FlavorId, Money)>,
}

/// What changes in limits; what is not named stays.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct LimitChange {
    /// Images.
    pub n_images_max: Option<u32>,
    /// Machines.
    pub n_instances_max: Option<u32>,
    /// Images being made at the same time, in all projects of the account together.
    pub n_creates_max: Option<u32>,
    /// Accepted shares.
    pub n_shares_max: Option<u32>,
    /// Stored GB of images.
    pub stored_gb_max: Option<u32>,
    /// Snapshots.
    pub n_snapshots_max: Option<u32>,
}

/// What a command answers: text for a person.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reply {
    /// Ready to print.
    pub text: String,
    /// What to ask next, where the answer goes on.
    #[serde(default)]
    pub next: Option<Box<AdminCommand>>,
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self { text, next: None }
    }
}

impl AdminCommand {
    /// Its name in the log, which shows nothing of what is in it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OperatorCreate { .. } => "operator create",
            Self::AccountCreate { .. } => "account create",
            Self::AccountSetSite { .. } => "account set-site",
            Self::AccountList => "account list",
            Self::ProjectCreate { .. } => "project create",
            Self::ProjectList { .. } => "project list",
            Self::UserCreate { .. } => "user create",
            Self::UserSetRole { .. } => "user set-role",
            Self::PasswordSet { .. } => "password set",
            Self::ImageAdd(_) => "image add",
            Self::RegionAdd { .. } => "region add",
            Self::RegionSet { .. } => "region set",
            Self::RegionList => "region list",
            Self::FlavorAdd { .. } => "flavor add",
            Self::FlavorList => "flavor list",
            Self::LimitSet { .. } => "limit set",
            Self::LimitReset { .. } => "limit reset",
            Self::Usage(_) => "usage",
            Self::Export { .. } => "export",
        }
    }

    /// Whether it only looks, so that there must be something to look at.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::AccountList
                | Self::ProjectList { .. }
                | Self::RegionList
                | Self::FlavorList
                | Self::Usage(_)
                | Self::Export { .. }
        )
    }

    /// Does it.
    pub fn execute(self, host: &Host, watcher: &dyn Watcher) -> Result<Reply> {
        let ctx = &host.open.app.system();
        let text = match self {
            Self::OperatorCreate { email, password } => {
                ops::create_user(ctx, &email, &password.0, Side::Operator)?;
                format!("Created the operator {email}.")
            }
            Self::AccountCreate { name } => {
                format!("Created the account {name} ({}).", ops::create_account(ctx, &name)?)
            }
            Self::AccountSetSite { name, site } => {
                let account = find_account(ctx, &name)?.to_string();
                ops::edit_account(ctx, &AccountForm { account, site: site.clone() })?;
                format!("The account {name} is on the site {site}.")
            }
            Self::AccountList => accounts(ctx)?,
            Self::ProjectCreate { account, name } => {
                let id = ops::create_project(ctx, find_account(ctx, &account)?, &name)?;
                format!("Created the project {name} ({id}) of {account}.")
            }
            Self::ProjectList { account } => projects(ctx, &account)?,
            Self::UserCreate { account, email, password, roles } => {
                create_user(ctx, &account, &email, &password, roles)?
            }
            Self::UserSetRole { account, email, project, role } => {
                let found = ops::project_by_name(ctx, find_account(ctx, &account)?, &project)
                    .map_err(unknown("project", &project))?;
                ops::set_role(ctx, &email, &found, role).map_err(unknown("user", &email))?;
                match role {
                    Some(role) => format!("{email} is {} in {project}.", role.as_str()),
                    None => format!("{email} has no role in {project} any more."),
                }
            }
            Self::PasswordSet { email, password } => {
                ops::set_password(ctx, &email, &password.0).map_err(unknown("user", &email))?;
                format!("Set the password of {email} and ended their sessions.")
            }
            Self::ImageAdd(image) => provider::add_image(host, image, watcher)?,
            Self::RegionAdd { region, change } => provider::add_region(ctx, region, &change)?,
            Self::RegionSet { region, change } => provider::set_region(ctx, &region, &change)?,
            Self::RegionList => provider::list_regions(ctx)?,
            Self::FlavorAdd { flavor, n_vcpus, memory_mib, disk_kinds } => {
                provider::add_flavor(ctx, flavor, n_vcpus, memory_mib, disk_kinds)?
            }
            Self::FlavorList => provider::list_flavors(ctx)?,
            Self::LimitSet { account, region, change } => {
                provider::set_limits(ctx, &account, &region, change)?
            }
            Self::LimitReset { account, region } => provider::reset_limits(ctx, &account, &region)?,
            Self::Usage(lines) => return lines.page(ctx),
            Self::Export { file } => super::dump::export_to(host.open.app.store.as_ref(), &file)?,
        };
        Ok(text.into())
    }
}

/// Turns "not found" into a sentence with the name that was asked for.
pub fn unknown<'a>(noun: &'a str, name: &'a str) -> impl Fn(Error) -> Error + 'a {
    move |error| {
        if error.kind != darkroom_core::domain::Kind::NotFound {
            return error;
        }
        Error { message: format!("There is no {noun} {name}. Check the spelling."), ..error }
    }
}

/// The id of the account with this name.
pub fn find_account(ctx: &Ctx, name: &str) -> Result<darkroom_core::domain::ids::AccountId> {
    Ok(ops::account_by_name(ctx, name).map_err(unknown("account", name))?.id)
}

fn accounts(ctx: &Ctx) -> Result<String> {
    let mut rows = vec![["NAME", "ID", "SITE", "CREATED", "OWN LIMITS IN"].map(str::to_owned).to_vec()];
    for account in ops::accounts(ctx)? {
        let regions: Vec<&str> = account.limits.keys().map(RegionId::as_str).collect();
        rows.push(vec![
            account.name.to_string(),
            account.id.to_string(),
            account.site,
            account.created.minute(),
            regions.join(", "),
        ]);
    }
    Ok(table(&rows))
}

fn projects(ctx: &Ctx, account: &str) -> Result<String> {
    let id = find_account(ctx, account)?;
    let mut rows = vec![vec!["NAME".to_owned(), "ID".to_owned()]];
    rows.extend(
        ops::projects(ctx, id)?
            .into_iter()
            .map(|project| vec![project.name.to_string(), project.id.to_string()]),
    );
    Ok(table(&rows))
}

fn create_user(
    ctx: &Ctx,
    account: &str,
    email: &str,
    password: &Password,
    roles: Vec<(String, Role)>,
) -> Result<String> {
    let id = find_account(ctx, account)?;
    let mut by_project = BTreeMap::new();
    for (project, role) in &roles {
        let found = ops::project_by_name(ctx, id, project).map_err(unknown("project", project))?;
        by_project.insert(found.id, *role);
    }
    ops::create_user(ctx, email, &password.0, Side::Tenant { account: id, roles: by_project })?;
    Ok(format!("Created the user {email} of {account} with {} roles.", roles.len()))
}
