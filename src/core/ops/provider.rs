//! Use cases of the provider: accounts, projects, users, regions, instance types and public images. They are called from the administrator's
//! own command line, as darkroom itself.

mod accounts;
mod export;
mod revenue;

pub(crate) use accounts::rows;
pub use accounts::{account_detail, account_list, edit_account, edit_limits};
pub use export::usage_lines;
pub use revenue::revenue;

use super::audit::{self, Entry};
use super::ctx::{Ctx, Permit};
use super::images::{self, PublicImage};
use super::people;
use super::prices;
use crate::domain::disk::DiskRole;
use crate::domain::flavor::Flavor;
use crate::domain::form::RegionForm;
use crate::domain::ids::{AccountId, FlavorId, ImageId, ProjectId, RegionId, Subject, UserId};
use crate::domain::image::{self, Image, ImageDisk, Status, Visibility};
use crate::domain::policy::{Act, Resource};
use crate::domain::project::{Account, Project, Role, Side, User};
use crate::domain::quota::Limits;
use crate::domain::region::{Region, SITE};
use crate::domain::text::{self, Name};
use crate::domain::{Error, FieldError, Result};
use crate::ports::{Stored, Watcher};
use crate::store::records::index;
use crate::store::{Order, Tx, list};
use std::collections::{BTreeMap, BTreeSet};

fn permit(ctx: &Ctx) -> Result<Permit> {
    ctx.authorize(Act::ImageCreate, &Resource::Provider, "provider")
}

fn name(text: &str) -> Result<Name> {
    Name::parse(text).map_err(|message| Error::field("name", "invalid_input", message))
}

/// Creates an account.
///
/// # Errors
/// `Invalid`; `account_exists`.
pub fn create_account(ctx: &Ctx, account_name: &str) -> Result<AccountId> {
    let permit = permit(ctx)?;
    let name = name(account_name)?;
    if accounts(ctx)?.iter().any(|a| a.name == name) {
        return Err(Error::conflict(
            "account_exists",
            format!("There is an account {name} already. Choose another name."),
        ));
    }
    let account = Account {
        id: AccountId(ctx.app.ids.uuid()),
        name,
        site: SITE.to_owned(),
        limits: BTreeMap::new(),
        created: ctx.now,
    };
    ctx.transact(&permit, |tx| {
        tx.insert(&account)?;
        audit::write(tx, ctx, &permit, &account_entry(&account, None, "account.create", String::new()))
    })?;
    Ok(account.id)
}

/// All accounts.
///
/// # Errors
/// When the store cannot be read.
pub fn accounts(ctx: &Ctx) -> Result<Vec<Account>> {
    Ok(list::<Account>(ctx.app.store.as_ref(), &(), Order::Ascending, 100_000, None)?.items)
}

/// The account of this name.
///
/// # Errors
/// `NotFound`.
pub fn account_by_name(ctx: &Ctx, wanted: &str) -> Result<Account> {
    let found = accounts(ctx)?.into_iter().find(|a| a.name.as_str() == wanted);
    found.ok_or_else(|| Error::not_found("account"))
}

/// Creates a project.
///
/// # Errors
/// `Invalid`; `NotFound`; `project_exists`.
pub fn create_project(ctx: &Ctx, account: AccountId, project_name: &str) -> Result<ProjectId> {
    let permit = permit(ctx)?;
    let name = name(project_name)?;
    if project_by_name(ctx, account, name.as_str()).is_ok() {
        return Err(Error::conflict(
            "project_exists",
            format!("The account has a project {name} already. Choose another name."),
        ));
    }
    let project = Project { id: ProjectId(ctx.app.ids.uuid()), account, name, created: ctx.now };
    ctx.transact(&permit, |tx| {
        tx.get::<Account>(&account)?.ok_or_else(|| Error::not_found("account"))?;
        tx.insert(&project)?;
        let entry = Entry {
            subject: Subject::Project(project.id),
            name: project.name.as_str(),
            account: Some(account),
            project: Some(project.id),
            region: None,
            action: "project.create",
            detail: String::new(),
        };
        audit::write(tx, ctx, &permit, &entry)
    })?;
    Ok(project.id)
}

/// The project of this name in an account.
///
/// # Errors
/// `NotFound`.
pub fn project_by_name(ctx: &Ctx, account: AccountId, wanted: &str) -> Result<Project> {
    let all = list::<Project>(ctx.app.store.as_ref(), &(), Order::Ascending, 100_000, None)?.items;
    all.into_iter()
        .find(|p| p.account == account && p.name.as_str() == wanted)
        .ok_or_else(|| Error::not_found("project"))
}

/// The projects of an account.
///
/// # Errors
/// When the store cannot be read.
pub fn projects(ctx: &Ctx, account: AccountId) -> Result<Vec<Project>> {
    let all = list::<Project>(ctx.app.store.as_ref(), &(), Order::Ascending, 100_000, None)?.items;
    Ok(all.into_iter().filter(|p| p.account == account).collect())
}

/// Creates a user.
///
/// # Errors
/// `Invalid` with fields; `user_exists`.
pub fn create_user(ctx: &Ctx, email: &str, password: &str, side: Side) -> Result<UserId> {
    let permit = permit(ctx)?;
    let email = text::email(email).map_err(|message| Error::field("email", "invalid_input", message))?;
    text::password(password).map_err(|message| Error::field("password", "invalid_input", message))?;
    let user = User {
        id: UserId(ctx.app.ids.uuid()),
        email,
        side,
        password_hash: ctx.app.secrets.hash_password(password)?,
        created: ctx.now,
    };
    ctx.transact(&permit, |tx| {
        if tx.get_index::<UserId>(index::USER_BY_EMAIL, &user.email)?.is_some() {
            return Err(Error::conflict("user_exists", format!("There is a user {} already.", user.email)));
        }
        tx.insert(&user)?;
        tx.put_index(index::USER_BY_EMAIL, &user.email, &user.id)?;
        audit::write(tx, ctx, &permit, &people::entry(&user, "user.create", String::new()))
    })?;
    Ok(user.id)
}

fn user_by_email(ctx: &Ctx, email: &str) -> Result<User> {
    let email = text::email(email).map_err(|message| Error::field("email", "invalid_input", message))?;
    people::by_email(ctx, &email)?.ok_or_else(|| Error::not_found("user"))
}

/// Sets a user's password and ends all their sessions.
///
/// # Errors
/// `Invalid`; `NotFound`.
pub fn set_password(ctx: &Ctx, email: &str, password: &str) -> Result<()> {
    let permit = permit(ctx)?;
    text::password(password).map_err(|message| Error::field("password", "invalid_input", message))?;
    let user = user_by_email(ctx, email)?;
    let hash = ctx.app.secrets.hash_password(password)?;
    ctx.transact(&permit, |tx| {
        let mut user = tx.get::<User>(&user.id)?.ok_or_else(|| Error::not_found("user"))?;
        user.password_hash.clone_from(&hash);
        tx.put(&user)?;
        people::end_sessions(tx, user.id, None)?;
        audit::write(tx, ctx, &permit, &people::entry(&user, "user.password", String::new()))
    })
}

/// Gives a user a role in a project of their account, or takes it away with `None`.
///
/// # Errors
/// `NotFound`; `Invalid` when the project belongs to another account or the user to the provider.
pub fn set_role(ctx: &Ctx, email: &str, project: &Project, role: Option<Role>) -> Result<()> {
    let permit = permit(ctx)?;
    let id = user_by_email(ctx, email)?.id;
    ctx.transact(&permit, |tx| {
        let mut user = tx.get::<User>(&id)?.ok_or_else(|| Error::not_found("user"))?;
        match &mut user.side {
            Side::Tenant { account, roles } if *account == project.account => {
                match role {
                    Some(role) => roles.insert(project.id, role),
                    None => roles.remove(&project.id),
                };
            }
            Side::Tenant { .. } | Side::Operator => {
                return Err(Error::invalid(vec![FieldError::new(
                    "project",
                    "The project belongs to another account than the user.",
                )]));
            }
        }
        tx.put(&user)?;
        audit::write(tx, ctx, &permit, &people::entry(&user, "user.role", String::new()))
    })
}

/// Writes a region, new or changed.
///
/// # Errors
/// When the store cannot be written.
pub fn put_region(ctx: &Ctx, region: &Region) -> Result<()> {
    let permit = permit(ctx)?;
    ctx.transact(&permit, |tx| {
        let before = tx.get::<Region>(&region.id)?.map(|before| prices::at_present(ctx, before));
        write_region(tx, ctx, &permit, before, region.clone())
    })
}

/// Changes a region in place.
///
/// # Errors
/// `NotFound`; what `change` refuses.
pub fn change_region(ctx: &Ctx, id: &RegionId, change: impl Fn(&mut Region) -> Result<()>) -> Result<()> {
    change_region_as(ctx, &permit(ctx)?, id, change)
}

fn change_region_as(
    ctx: &Ctx,
    permit: &Permit,
    id: &RegionId,
    change: impl Fn(&mut Region) -> Result<()>,
) -> Result<()> {
    ctx.transact(permit, |tx| {
        let before = prices::region(tx, ctx, id)?;
        let mut region = before.clone();
        change(&mut region)?;
        write_region(tx, ctx, permit, Some(before), region)
    })
}

fn write_region(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    before: Option<Region>,
    region: Region,
) -> Result<()> {
    if before.as_ref() == Some(&region) {
        return Ok(());
    }
    let region = prices::changed(tx, ctx, before.as_ref(), region)?;
    tx.put(&region)?;
    let (action, detail) = match &before {
        None => ("region.create", String::new()),
        Some(before) => ("region.update", region.changes_since(before)),
    };
    audit::write(tx, ctx, permit, &prices::entry(&region, action, detail))
}

/// Switches features of a region on or off and sets its limits, as the provider's form says (P15, U18).
///
/// # Errors
/// `Invalid` with fields; `NotFound`; `Forbidden` for who is not the provider's.
pub fn edit_region(ctx: &Ctx, form: &RegionForm) -> Result<RegionId> {
    let permit = ctx.authorize(Act::RegionUpdate, &Resource::Provider, "region")?;
    let edit = form.parse()?;
    change_region_as(ctx, &permit, &edit.region, |region| {
        edit.apply(region);
        Ok(())
    })?;
    Ok(edit.region)
}

/// All regions as the provider set them up, by id.
///
/// # Errors
/// `Forbidden` for who is not the provider's.
pub fn regions(ctx: &Ctx) -> Result<Vec<Region>> {
    ctx.authorize(Act::ProviderGet, &Resource::Provider, "region")?;
    people::regions(ctx)
}

/// Writes an instance type, new or changed.
///
/// # Errors
/// When the store cannot be written.
pub fn put_flavor(ctx: &Ctx, flavor: &Flavor) -> Result<()> {
    let permit = permit(ctx)?;
    ctx.transact(&permit, |tx| {
        let before = tx.get::<Flavor>(&flavor.id)?;
        if before.as_ref() == Some(flavor) {
            return Ok(());
        }
        tx.put(flavor)?;
        let (action, detail) = match before {
            None => ("flavor.create", format!("{}.", flavor.words())),
            Some(before) => ("flavor.update", format!("From {} to {}.", before.words(), flavor.words())),
        };
        let entry = Entry {
            subject: Subject::flavor(&flavor.id),
            name: flavor.id.as_str(),
            account: None,
            project: None,
            region: None,
            action,
            detail,
        };
        audit::write(tx, ctx, &permit, &entry)
    })
}

/// Every instance type.
///
/// # Errors
/// When the store cannot be read.
pub fn flavors(ctx: &Ctx) -> Result<Vec<FlavorId>> {
    Ok(list::<Flavor>(ctx.app.store.as_ref(), &(), Order::Ascending, 1000, None)?
        .items
        .into_iter()
        .map(|f| f.id)
        .collect())
}

/// Sets what an account may have in a region; `None` goes back to the region's own limits.
///
/// # Errors
/// `NotFound`.
pub fn set_limits(ctx: &Ctx, account: AccountId, region: &RegionId, limits: Option<Limits>) -> Result<()> {
    let permit = permit(ctx)?;
    ctx.transact(&permit, |tx| write_limits(tx, ctx, &permit, account, region, limits))
}

/// The same, in the transaction of what causes it.
///
/// # Errors
/// `NotFound`.
pub(crate) fn write_limits(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    permit: &Permit,
    account: AccountId,
    region: &RegionId,
    limits: Option<Limits>,
) -> Result<()> {
    let mut record = tx.get::<Account>(&account)?.ok_or_else(|| Error::not_found("account"))?;
    match limits {
        Some(limits) => record.limits.insert(region.clone(), limits),
        None => record.limits.remove(region),
    };
    tx.put(&record)?;
    let detail = match limits {
        Some(limits) => format!("{}.", limits.words()),
        None => format!("Those of {region}."),
    };
    audit::write(tx, ctx, permit, &account_entry(&record, Some(region), "account.limits", detail))
}

pub(crate) fn account_entry<'a>(
    account: &'a Account,
    region: Option<&'a RegionId>,
    action: &'a str,
    detail: String,
) -> Entry<'a> {
    Entry {
        subject: Subject::Account(account.id),
        name: account.name.as_str(),
        account: Some(account.id),
        project: None,
        region,
        action,
        detail,
    }
}

/// Registers a public image from a raw disk file: stores its content, then writes the record, so that it is Available at once.
///
/// # Errors
/// `image_name_taken`; what the storage refuses.
pub fn register_image(
    ctx: &Ctx,
    public: PublicImage,
    raw_file: &str,
    watcher: &dyn Watcher,
) -> Result<ImageId> {
    let permit = permit(ctx)?;
    let stored = ctx.app.storage.region(&public.region)?.ingest(raw_file, watcher)?;
    let id = ImageId(ctx.app.ids.uuid());
    let image = registered(ctx, id, public, stored);
    ctx.transact(&permit, |tx| {
        tx.get::<Region>(&image.region)?.ok_or_else(|| Error::not_found("region"))?;
        images::take_name(tx, image.account, &image.region, &image.name, id)?;
        tx.insert(&image)?;
        audit::write(tx, ctx, &permit, &images::entry(&image, "image.register", String::new()))
    })?;
    Ok(id)
}

fn registered(ctx: &Ctx, id: ImageId, public: PublicImage, stored: Stored) -> Image {
    Image {
        id,
        account: public.account,
        project: public.project,
        region: public.region,
        name: public.name,
        remark: String::new(),
        kind: public.kind,
        zone: None,
        status: Status::Available,
        visibility: Visibility::Public,
        protected: true,
        hidden: false,
        tags: Default::default(),
        properties: BTreeMap::new(),
        os: public.os,
        architecture: "x86_64".to_owned(),
        boot: public.boot,
        nic_multiqueue: false,
        sriov: false,
        min_vcpus: public.min_vcpus,
        min_memory_mib: public.min_memory_mib,
        max_memory_mib: 0,
        // What is installed from a disc may be of any size.
        min_disk_bytes: if public.kind == image::Kind::Iso { 0 } else { stored.virtual_bytes },
        parent: None,
        source: None,
        copied_from: None,
        from_snapshot: None,
        family: String::new(),
        life: Default::default(),
        bin: None,
        leaves: None,
        licence: public.licence,
        reserved_bytes: 0,
        reaches: BTreeSet::new(),
        disks: vec![ImageDisk {
            role: DiskRole::System,
            storage: None,
            fingerprint: stored.fingerprint.0,
            sha256: stored.sha256,
            virtual_bytes: stored.virtual_bytes,
            stored_bytes: stored.stored_bytes,
        }],
        consistency: None,
        error: None,
        task: None,
        created: ctx.now,
        available: Some(ctx.now),
        revision: 0,
        changed: None,
    }
}
