//! `darkroom admin`: arguments become a typed command, which the running server executes, or this process when none runs.

use super::command::{AdminCommand, ImageAdd, LimitChange, RegionChange, Reply};
use super::host::{Host, Wanted, data_directory};
use super::terminal::{Password, Progress};
use super::usage::UsageArgs;
use super::{Code, Failure, money, socket, terminal};
use crate::server::settings::Settings;
use crate::server::system::RandomIds;
use clap::{Args, Subcommand, ValueEnum};
use darkroom_core::domain::disk::DiskKind;
use darkroom_core::domain::ids::{FlavorId, RegionId};
use darkroom_core::domain::image::{self, BootMode};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::project::Role;
use darkroom_core::domain::region::Switch;
use std::path::PathBuf;

const EXAMPLES: &str = "\
The commands work while the server runs and when it does not. Passwords are read from standard input, or
generated and printed once with --generate; they are never arguments, which others could see.

Examples:
  darkroom admin --data ./data operator create you@example.org --generate
  darkroom admin --data ./data account create Acme
  darkroom admin --data ./data project create --account Acme acme-prod
  echo 'a long sentence' | darkroom admin --data ./data user create --account Acme ann@acme.example --role acme-prod=owner
  darkroom admin --data ./data flavor add m1.small --vcpus 1 --memory 256 --disks ssd,economy
  darkroom admin --data ./data region add north-1 --zones a,b --price-image 0.050 --price-disk ssd=0.10
  darkroom admin --data ./data region set north-1 --images off
  darkroom admin --data ./data limit set --account Acme --region north-1 --images 50
  darkroom admin --data ./data image add --name 'Debian 12' --region north-1 --os 'Debian 12' debian.qcow2
  darkroom admin --data ./data usage --from 2026-11-01 --until 2026-11-30 --format jsonl";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct AdminArgs {
    /// The data directory
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// The settings file; used when no server runs
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    noun: Noun,
}

#[derive(Subcommand)]
enum Noun {
    /// People who work for the provider: they see everything and own nothing
    #[command(subcommand)]
    Operator(OperatorVerb),
    /// Accounts: who pays
    #[command(subcommand)]
    Account(AccountVerb),
    /// Projects: they own machines and images
    #[command(subcommand)]
    Project(ProjectVerb),
    /// Users of an account and their roles
    #[command(subcommand)]
    User(UserVerb),
    /// Passwords
    #[command(subcommand)]
    Password(PasswordVerb),
    /// Public images
    #[command(subcommand)]
    Image(ImageVerb),
    /// Regions: storage, prices and limits of a location
    #[command(subcommand)]
    Region(RegionVerb),
    /// Instance types
    #[command(subcommand)]
    Flavor(FlavorVerb),
    /// What one account may have in a region
    #[command(subcommand)]
    Limit(LimitVerb),
    /// Lines of usage of all accounts, for a system that writes invoices
    Usage(UsageArgs),
}

#[derive(Args)]
struct Generate {
    /// Generate the password and print it once, instead of reading it from standard input
    #[arg(long)]
    generate: bool,
}

#[derive(Subcommand)]
enum OperatorVerb {
    /// Create an operator
    Create {
        email: String,
        #[command(flatten)]
        generate: Generate,
    },
}

#[derive(Subcommand)]
enum AccountVerb {
    /// Create an account
    Create { name: String },
    /// Move an account to a site: across sites images are shared only in regions that are on both
    SetSite { name: String, site: String },
    /// List accounts
    List,
}

#[derive(Subcommand)]
enum ProjectVerb {
    /// Create a project
    Create {
        /// The account that pays for it
        #[arg(long, value_name = "NAME")]
        account: String,
        name: String,
    },
    /// List the projects of an account
    List {
        /// The account
        #[arg(long, value_name = "NAME")]
        account: String,
    },
}

#[derive(Subcommand)]
enum UserVerb {
    /// Create a user
    Create {
        /// The user's account
        #[arg(long, value_name = "NAME")]
        account: String,
        email: String,
        /// A role in a project: owner, member or reader; may be given several times
        #[arg(long = "role", value_name = "PROJECT=ROLE", value_parser = parse_role)]
        roles: Vec<(String, Option<Role>)>,
        #[command(flatten)]
        generate: Generate,
    },
    /// Give a user a role in a project, or take it away with PROJECT=none
    SetRole {
        /// The account of user and project
        #[arg(long, value_name = "NAME")]
        account: String,
        email: String,
        #[arg(value_name = "PROJECT=ROLE", value_parser = parse_role)]
        role: (String, Option<Role>),
    },
}

#[derive(Subcommand)]
enum PasswordVerb {
    /// Set a password and end the user's sessions
    Set {
        email: String,
        #[command(flatten)]
        generate: Generate,
    },
}

#[derive(Subcommand)]
enum ImageVerb {
    /// Register a public image from a RAW, QCOW2 or ISO file
    Add {
        /// Its name
        #[arg(long)]
        name: String,
        /// Where to store and offer it
        #[arg(long)]
        region: String,
        /// The system inside, such as "Debian 12"
        #[arg(long, default_value = "")]
        os: String,
        /// linux, windows or another word
        #[arg(long, default_value = "linux")]
        os_kind: String,
        /// Least virtual processors of machines made from it and from images of those; 0 for no limit
        #[arg(long, value_name = "N", default_value_t = 0)]
        min_vcpus: u32,
        /// Least memory of machines made from it, in MiB; 0 for no limit
        #[arg(long, value_name = "MIB", default_value_t = 0)]
        min_memory: u64,
        /// A licence code that everything made from it carries on
        #[arg(long, value_name = "CODE", default_value = "")]
        licence: String,
        /// How it starts
        #[arg(long, value_enum, default_value = "bios")]
        boot: Boot,
        /// The file is an ISO that machines are installed from, not a system disk
        #[arg(long)]
        iso: bool,
        /// The disk file; a running server must be able to read it
        file: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Boot {
    Bios,
    Uefi,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnOff {
    On,
    Off,
}

#[derive(Subcommand)]
enum RegionVerb {
    /// Set a new region up
    Add {
        name: String,
        #[command(flatten)]
        change: RegionArgs,
    },
    /// Change a region; what is not named stays. New prices hold for what starts from now on
    Set {
        name: String,
        #[command(flatten)]
        change: RegionArgs,
    },
    /// List regions with prices and limits
    List,
}

#[derive(Args)]
struct RegionArgs {
    /// All zones, such as a,b
    #[arg(long, value_name = "ZONE,…", value_delimiter = ',')]
    zones: Vec<String>,
    /// Whether images can be made here
    #[arg(long, value_enum)]
    images: Option<OnOff>,
    /// Whether images can be copied into it
    #[arg(long, value_enum)]
    copies: Option<OnOff>,
    /// Whether accounts can have the snapshot service, and with it machine images
    #[arg(long, value_enum)]
    snapshots: Option<OnOff>,
    /// Days that deleted images stay in the recycle bin; 0 removes them for good at once
    #[arg(long, value_name = "DAYS")]
    recycle_days: Option<u32>,
    /// Images an account may have
    #[arg(long, value_name = "N")]
    limit_images: Option<u32>,
    /// Instances an account may have
    #[arg(long, value_name = "N")]
    limit_instances: Option<u32>,
    /// Images an account may make at the same time
    #[arg(long, value_name = "N")]
    limit_creates: Option<u32>,
    /// Accepted shares of images an account may have
    #[arg(long, value_name = "N")]
    limit_shares: Option<u32>,
    /// Stored GB of images an account may have
    #[arg(long, value_name = "N")]
    limit_storage: Option<u32>,
    /// Sites the region is on, all of them
    #[arg(long, value_name = "SITE,…", value_delimiter = ',')]
    sites: Option<Vec<String>>,
    /// Snapshots an account may have
    #[arg(long, value_name = "N")]
    limit_snapshots: Option<u32>,
    /// The currency's symbol
    #[arg(long, value_name = "SYMBOL")]
    currency: Option<String>,
    /// Price of a stored GB of image per month
    #[arg(long, value_name = "PRICE", value_parser = money::parse)]
    price_image: Option<Money>,
    /// Price of a stored GB of image in the recycle bin per month; a new region charges what images cost
    #[arg(long, value_name = "PRICE", value_parser = money::parse)]
    price_bin: Option<Money>,
    /// Price of the snapshot service per month, for an account that has it on
    #[arg(long, value_name = "PRICE", value_parser = money::parse)]
    price_snapshot_service: Option<Money>,
    /// Price of a stored GB of snapshots per month; a new region charges what images cost
    #[arg(long, value_name = "PRICE", value_parser = money::parse)]
    price_snapshot: Option<Money>,
    /// Price of a GB of disk per month: ssd=0.10; may be given several times
    #[arg(long, value_name = "KIND=PRICE", value_parser = parse_disk_price)]
    price_disk: Vec<(DiskKind, Money)>,
    /// Price of an instance type per hour: m1.small=0.008; may be given several times
    #[arg(long, value_name = "TYPE=PRICE", value_parser = parse_flavor_price)]
    price_flavor: Vec<(FlavorId, Money)>,
}

#[derive(Subcommand)]
enum FlavorVerb {
    /// Set a new instance type up
    Add {
        name: String,
        /// Virtual processors
        #[arg(long, value_name = "N")]
        vcpus: u32,
        /// Memory in MiB
        #[arg(long, value_name = "MIB")]
        memory: u64,
        /// Disk kinds it may use: ssd, economy, local
        #[arg(long, value_name = "KIND,…", value_delimiter = ',', required = true, value_parser = parse_disk_kind)]
        disks: Vec<DiskKind>,
    },
    /// List instance types
    List,
}

#[derive(Subcommand)]
enum LimitVerb {
    /// Set limits of an account in a region; what is not named stays
    Set {
        /// The account
        #[arg(long, value_name = "NAME")]
        account: String,
        /// The region
        #[arg(long, value_name = "NAME")]
        region: String,
        /// Images
        #[arg(long, value_name = "N")]
        images: Option<u32>,
        /// Instances
        #[arg(long, value_name = "N")]
        instances: Option<u32>,
        /// Images an account may make at the same time
        #[arg(long, value_name = "N")]
        creates: Option<u32>,
        /// Accepted shares of images
        #[arg(long, value_name = "N")]
        shares: Option<u32>,
        /// Stored GB of images
        #[arg(long, value_name = "N")]
        storage: Option<u32>,
        /// Snapshots
        #[arg(long, value_name = "N")]
        snapshots: Option<u32>,
    },
    /// Let the region's own limits hold again
    Reset {
        /// The account
        #[arg(long, value_name = "NAME")]
        account: String,
        /// The region
        #[arg(long, value_name = "NAME")]
        region: String,
    },
}

fn split(text: &str) -> Result<(&str, &str), String> {
    text.rsplit_once('=')
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
        .ok_or_else(|| format!("\"{text}\" has no =."))
}

fn parse_role(text: &str) -> Result<(String, Option<Role>), String> {
    let (project, role) = split(text)?;
    match role {
        "none" => Ok((project.to_owned(), None)),
        _ => match role.parse() {
            Ok(role) => Ok((project.to_owned(), Some(role))),
            Err(()) => Err(format!(
                "\"{role}\" is no role. Roles are owner, member and reader; none takes a role away."
            )),
        },
    }
}

fn parse_disk_kind(text: &str) -> Result<DiskKind, String> {
    text.parse().map_err(|()| format!("\"{text}\" is no disk kind. Kinds are ssd, economy and local."))
}

fn parse_disk_price(text: &str) -> Result<(DiskKind, Money), String> {
    let (kind, price) = split(text)?;
    Ok((parse_disk_kind(kind)?, money::parse(price)?))
}

fn parse_flavor_price(text: &str) -> Result<(FlavorId, Money), String> {
    let (flavor, price) = split(text)?;
    Ok((flavor.into(), money::parse(price)?))
}

fn switch(value: OnOff) -> Switch {
    match value {
        OnOff::On => Switch::On,
        OnOff::Off => Switch::Off,
    }
}

impl From<RegionArgs> for RegionChange {
    fn from(args: RegionArgs) -> Self {
        Self {
            zones: args.zones,
            images: args.images.map(switch),
            accepts_copies: args.copies.map(switch),
            snapshots: args.snapshots.map(switch),
            recycle_days: args.recycle_days,
            limits: LimitChange {
                n_images_max: args.limit_images,
                n_instances_max: args.limit_instances,
                n_creates_max: args.limit_creates,
                n_shares_max: args.limit_shares,
                stored_gb_max: args.limit_storage,
                n_snapshots_max: args.limit_snapshots,
            },
            sites: args.sites,
            symbol: args.currency,
            image_price: args.price_image,
            bin_price: args.price_bin,
            snapshot_service_price: args.price_snapshot_service,
            snapshot_price: args.price_snapshot,
            disk_prices: args.price_disk,
            flavor_prices: args.price_flavor,
        }
    }
}

/// Runs an administrator's command.
pub fn run(args: AdminArgs) -> Result<(), Failure> {
    let Some(data) = args.data else {
        return Err(Failure::new(Code::Usage, "The data directory is missing. Name it with --data DIR."));
    };
    let mut generated = None;
    let command = translate(args.noun, &mut generated)?;
    let wanted = if command.only_reads() { Wanted::Existing } else { Wanted::MayCreate };
    let settings = args.config.as_deref().map(Settings::load).transpose()?.unwrap_or_default();
    let data = data_directory(&data, wanted)?;
    let mut desk = Desk { data, settings, host: None };
    let mut next = Some(Box::new(command));
    while let Some(command) = next {
        let reply = desk.ask(*command)?;
        let goes_on = reply.next.is_some();
        // The last page of many may be empty; every other command says something.
        if !reply.text.is_empty() && !terminal::say(&reply.text) && goes_on {
            break;
        }
        next = reply.next;
    }
    if let Some(password) = generated {
        terminal::say(&format!("Password, shown only now: {}", password.0));
    }
    Ok(())
}

/// Whoever executes commands: the server while one runs, else this process, which then keeps the data directory open.
struct Desk {
    data: PathBuf,
    settings: Settings,
    host: Option<Host>,
}

impl Desk {
    fn ask(&mut self, command: AdminCommand) -> Result<Reply, Failure> {
        let progress = Progress::new(command.name());
        let answer = match &self.host {
            None => socket::ask(&self.data, &command, &progress)?,
            Some(_) => None,
        };
        let reply = match answer {
            Some(answer) => answer,
            None => command.execute(self.open()?, &progress),
        };
        progress.finish();
        Ok(reply?)
    }

    fn open(&mut self) -> Result<&Host, Failure> {
        let host = match self.host.take() {
            Some(host) => host,
            None => {
                super::start_quiet_log();
                Host::open(&self.data, self.settings.clone())?
            }
        };
        Ok(self.host.insert(host))
    }
}

fn password(email: &str, generate: &Generate, generated: &mut Option<Password>) -> Result<Password, Failure> {
    if !generate.generate {
        return terminal::read_password(email);
    }
    let password = terminal::generate(&RandomIds);
    *generated = Some(password.clone());
    Ok(password)
}

fn translate(noun: Noun, generated: &mut Option<Password>) -> Result<AdminCommand, Failure> {
    Ok(match noun {
        Noun::Operator(OperatorVerb::Create { email, generate }) => {
            AdminCommand::OperatorCreate { password: password(&email, &generate, generated)?, email }
        }
        Noun::Account(AccountVerb::Create { name }) => AdminCommand::AccountCreate { name },
        Noun::Account(AccountVerb::SetSite { name, site }) => AdminCommand::AccountSetSite { name, site },
        Noun::Account(AccountVerb::List) => AdminCommand::AccountList,
        Noun::Project(ProjectVerb::Create { account, name }) => AdminCommand::ProjectCreate { account, name },
        Noun::Project(ProjectVerb::List { account }) => AdminCommand::ProjectList { account },
        Noun::User(UserVerb::Create { account, email, roles, generate }) => AdminCommand::UserCreate {
            password: password(&email, &generate, generated)?,
            roles: roles.into_iter().filter_map(|(project, role)| Some((project, role?))).collect(),
            account,
            email,
        },
        Noun::User(UserVerb::SetRole { account, email, role: (project, role) }) => {
            AdminCommand::UserSetRole { account, email, project, role }
        }
        Noun::Password(PasswordVerb::Set { email, generate }) => {
            AdminCommand::PasswordSet { password: password(&email, &generate, generated)?, email }
        }
        Noun::Image(ImageVerb::Add {
            name,
            region,
            os,
            os_kind,
            min_vcpus,
            min_memory,
            licence,
            boot,
            iso,
            file,
        }) => {
            // The server has another working directory.
            let file = file.canonicalize().map_err(|e| {
                Failure::new(
                    Code::Refused,
                    format!("{} cannot be read: {e}. Check the path.", file.display()),
                )
            })?;
            let boot = match boot {
                Boot::Bios => BootMode::Bios,
                Boot::Uefi => BootMode::Uefi,
            };
            AdminCommand::ImageAdd(ImageAdd {
                file,
                kind: if iso { image::Kind::Iso } else { image::Kind::System },
                name,
                region: RegionId(region),
                os,
                os_kind,
                min_vcpus,
                min_memory_mib: min_memory,
                licence,
                boot,
            })
        }
        Noun::Region(RegionVerb::Add { name, change }) => {
            AdminCommand::RegionAdd { region: RegionId(name), change: change.into() }
        }
        Noun::Region(RegionVerb::Set { name, change }) => {
            AdminCommand::RegionSet { region: RegionId(name), change: change.into() }
        }
        Noun::Region(RegionVerb::List) => AdminCommand::RegionList,
        Noun::Flavor(FlavorVerb::Add { name, vcpus, memory, disks }) => AdminCommand::FlavorAdd {
            flavor: FlavorId(name),
            n_vcpus: vcpus,
            memory_mib: memory,
            disk_kinds: disks,
        },
        Noun::Flavor(FlavorVerb::List) => AdminCommand::FlavorList,
        Noun::Limit(LimitVerb::Set {
            account,
            region,
            images,
            instances,
            creates,
            shares,
            storage,
            snapshots,
        }) => AdminCommand::LimitSet {
            account,
            region: RegionId(region),
            change: LimitChange {
                n_images_max: images,
                n_instances_max: instances,
                n_creates_max: creates,
                n_shares_max: shares,
                stored_gb_max: storage,
                n_snapshots_max: snapshots,
            },
        },
        Noun::Usage(args) => AdminCommand::Usage(args.into()),
        Noun::Limit(LimitVerb::Reset { account, region }) => {
            AdminCommand::LimitReset { account, region: RegionId(region) }
        }
    })
}
