//! What a screen receives: everything a page shows, already judged and authorized, so that views hold no logic.
//!
//! These are wire types: no `usize`, no record that carries a secret.

mod accounts;
mod billing;
mod bin;
mod groups;
mod images;
mod instances;
mod overview;
mod people;
mod prices;
mod quotas;
mod revenue;
mod shares;
mod snapshots;
mod tasks;
mod usage;

pub use accounts::{AccountDetail, AccountList, AccountPlace, AccountRow};
pub use billing::{Arrears, BillingView, EntryRow, MoneyNotices, MonthCost, StatementRow, StatementView};
pub use bin::{BinList, BinRow, FamilyAfter, ImageDeletion, ImageRestoration};
pub use groups::{
    GroupChange, GroupDeletion, GroupDetail, GroupLink, GroupList, GroupOptions, GroupRow, Health, MemberRow,
};
pub use images::{
    BulkLine, BulkOptions, CaptureChoice, CaptureOptions, CopyCost, CopyOptions, CopyRegion, CopyWithData,
    ImageChoice, ImageDetail, ImageLink, ImageList, ImageRow, PublicImages,
};
pub use instances::{
    ChangeImageOptions, DeployOptions, DiskOptions, DiskRemoval, DiskView, InstanceDeletion, InstanceDetail,
    InstanceLink, InstanceList, InstanceRow,
};
pub use overview::{AuditList, EventRow, Gauge, Overview};
pub use people::{AccountView, ProjectChoice, ProjectRow, SessionRow, Shell};
pub use prices::{BookRow, BookState, PricesPage};
pub use quotas::{QuotaPage, QuotaRow, ReachOptions, RequestList, RequestRow};
pub use revenue::{
    ExportLine, ExportPage, RegionStorage, RevenueMonth, RevenuePage, StoredBytes, TopAccount,
};
pub use shares::{
    FamilySharing, FollowerRow, Grace, ImageSharing, Received, ReceivedRow, Saving, ShareLine, ShareOptions,
    ShareRow, SharedBy, StopOptions, Unsharing, Verdict,
};
pub use snapshots::{
    DiskChoice, DiskSourceChoice, ScheduleDisk, ScheduleList, ScheduleOptions, ScheduleRow, ServiceView,
    SnapshotChoice, SnapshotDetail, SnapshotDiskOptions, SnapshotImageOptions, SnapshotLink, SnapshotList,
    SnapshotOptions, SnapshotRow,
};
pub use tasks::{TaskList, TaskView};
pub use usage::{UsageDay, UsageExportRow, UsageGroup, UsageInterval, UsagePage, UsageRow, UsageSection};
