//! The server: the composition root and everything behind it. This file is the only place that names concrete adapters.

pub mod blobs;
pub mod cli;
pub mod hypervisor;
pub mod lines;
pub mod settings;
pub mod store;
pub mod system;
pub mod web;
pub mod workers;

use crate::server::blobs::LocalStorage;
use crate::server::hypervisor::QemuHypervisor;
use crate::server::settings::Settings;
use crate::server::store::SledStore;
use darkroom_core::domain::ids::RegionId;
use darkroom_core::ops::ctx::{App, Parts};
use darkroom_core::ports::{Hypervisor, PortError, Watcher};
use std::path::Path;
use std::sync::Arc;

/// darkroom over one data directory, with the adapters that some callers need directly.
pub struct Open {
    /// The application.
    pub app: Arc<App>,
    /// The chunk stores.
    pub storage: Arc<LocalStorage>,
}

/// Opens only the records of a data directory, as `check`, `export` and `import` need them.
///
/// # Errors
/// As [`open`].
pub fn open_records(data: &Path) -> Result<Arc<SledStore>, StartError> {
    Ok(Arc::new(SledStore::open(&data.join("records")).map_err(StartError::Records)?))
}

/// The chunk stores of a data directory.
pub fn open_storage(data: &Path, settings: &Settings) -> Arc<LocalStorage> {
    Arc::new(LocalStorage::new(data.join("regions"), settings.storage))
}

/// Judges a disk file from outside and makes a raw one of it in `scratch`, unless it is raw already.
///
/// # Errors
/// Why the file is not taken, or what failed.
pub fn raw_disk(
    settings: &Settings,
    file: &Path,
    scratch: &Path,
    watcher: &dyn Watcher,
) -> Result<hypervisor::import::Imported, PortError> {
    hypervisor::import::to_raw(file, scratch, &settings.qemu, &settings.format, watcher)
}

/// Judges a file from outside that is to be an ISO.
///
/// # Errors
/// Why the file is not taken, or what failed.
pub fn raw_iso(settings: &Settings, file: &Path) -> Result<hypervisor::import::Imported, PortError> {
    hypervisor::import::iso(file, &settings.format)
}

pub use hypervisor::qemu::check_image_tool;

/// Opens the data directory: records, chunk stores, machines.
///
/// # Errors
/// A sentence that names what is wrong and what to do: locked, not writable, damaged.
pub fn open(data: &Path, settings: &Settings) -> Result<Open, StartError> {
    let make = |path: &Path| {
        std::fs::create_dir_all(path)
            .map_err(|source| StartError::Directory { path: path.display().to_string(), source })
    };
    make(data)?;
    let data = &data
        .canonicalize()
        .map_err(|source| StartError::Directory { path: data.display().to_string(), source })?;
    let store = open_records(data)?;
    let storage = open_storage(data, settings);
    let machines = data.join("machines");
    make(&machines)?;
    let hypervisor: Arc<dyn Hypervisor> = QemuHypervisor::open(&machines, settings.qemu.clone())
        .map_err(|e| StartError::Machines(e.to_string()))?;
    let app = App::open(Parts {
        store,
        clock: match &settings.testing.clock_file {
            Some(file) => Arc::new(system::MovedClock::new(file.clone())),
            None => Arc::new(system::SystemClock),
        },
        ids: Arc::new(system::RandomIds),
        secrets: Arc::new(system::Argon2Secrets::default()),
        storage: storage.clone(),
        hypervisor,
        settings: settings.limits,
    })
    .map_err(|e| StartError::Open(e.to_string()))?;
    Ok(Open { app, storage })
}

/// Why darkroom does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory cannot be used.
    #[error(
        "The directory {path} cannot be used. Check that it exists, that it is writable for this user, and that the disk has space."
    )]
    Directory {
        /// Which.
        path: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The records cannot be opened.
    #[error(
        "The records cannot be opened: {0}. If another darkroom uses this data directory, stop it first."
    )]
    Records(#[source] darkroom_core::store::StoreError),
    /// The machines' directory cannot be used.
    #[error("{0}")]
    Machines(String),
    /// Records are damaged or of a newer version.
    #[error("{0}")]
    Open(String),
}

/// Every region that is set up.
///
/// # Errors
/// When the records cannot be read.
pub fn regions(app: &Arc<App>) -> darkroom_core::domain::Result<Vec<RegionId>> {
    Ok(darkroom_core::ops::people::regions(&app.system())?.into_iter().map(|r| r.id).collect())
}
