//! Every address of the portal, in one place: nobody writes a path by hand. It must not know what a page shows.

use darkroom_core::domain::ids::{
    AccountId, DiskId, GroupId, ImageId, InstanceId, ProjectId, RegionId, RequestId, ScheduleId, SnapshotId,
    Subject, TaskId,
};
use darkroom_core::domain::image::list::percent;
use darkroom_core::domain::request::QuotaKind;

/// The overview.
pub const OVERVIEW: &str = "/";
/// Sign in.
pub const SIGN_IN: &str = "/sign-in";
/// The list of machines.
pub const INSTANCES: &str = "/instances";
/// The page that makes a machine.
pub const INSTANCE_NEW: &str = "/instances/new";
/// Scaling groups.
pub const GROUPS: &str = "/groups";
/// The page that makes a scaling group.
pub const GROUP_NEW: &str = "/groups/new";
/// My Images.
pub const IMAGES: &str = "/images";
/// The provider's images.
pub const IMAGES_PUBLIC: &str = "/images/public";
/// Images that others share with the project in force.
pub const IMAGES_SHARED: &str = "/images/shared";
/// Deleted images.
pub const IMAGES_BIN: &str = "/images/bin";
/// The dialog that empties the recycle bin.
pub const IMAGES_BIN_EMPTY: &str = "/images/bin/empty";
/// The dialog that does one thing to many images.
pub const IMAGES_SELECTED: &str = "/images/selected";
/// My Images as CSV.
pub const IMAGES_CSV: &str = "/images.csv";
/// The provider's images as CSV.
pub const IMAGES_PUBLIC_CSV: &str = "/images/public.csv";
/// Snapshots.
pub const SNAPSHOTS: &str = "/snapshots";
/// The dialog that chooses the machine of a new snapshot.
pub const SNAPSHOT_NEW: &str = "/snapshots/new";
/// The dialog that turns the snapshot service on or off.
pub const SNAPSHOT_SERVICE: &str = "/snapshots/service";
/// Schedules of snapshots.
pub const SCHEDULES: &str = "/snapshots/schedules";
/// The dialog that makes a schedule.
pub const SCHEDULE_NEW: &str = "/snapshots/schedules/new";
/// The list of tasks.
pub const TASKS: &str = "/tasks";
/// The audit trail.
pub const AUDIT: &str = "/audit";
/// The audit trail as CSV.
pub const AUDIT_CSV: &str = "/audit.csv";
/// The limits of the account, and requests for more.
pub const QUOTAS: &str = "/quotas";
/// Balance, ledger, budget and statements of the account.
pub const BILLING: &str = "/billing";
/// The dialog that sets the budget of the account.
pub const BILLING_BUDGET: &str = "/billing/budget";
/// Usage.
pub const USAGE: &str = "/usage";
/// Usage as a file for spreadsheets.
pub const USAGE_CSV: &str = "/usage.csv";
/// Usage for programs.
pub const USAGE_JSON: &str = "/usage.json";
/// Accounts, for the provider.
pub const ACCOUNTS: &str = "/accounts";
/// What all accounts were charged, for the provider.
pub const REVENUE: &str = "/revenue";
/// Lines of usage of all accounts as a file for spreadsheets.
pub const REVENUE_CSV: &str = "/revenue/usage.csv";
/// The same for programs.
pub const REVENUE_JSONL: &str = "/revenue/usage.jsonl";
/// Regions, for the provider.
pub const REGIONS: &str = "/regions";
/// Requests of all accounts, for the provider.
pub const REQUESTS: &str = "/requests";
/// The user's account, sessions and password.
pub const ACCOUNT: &str = "/account";

/// An account, for the provider.
pub fn account(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}")
}

/// The dialog that moves an account to a site.
pub fn account_edit(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}/edit")
}

/// The dialog that sets the limits of an account in a region.
pub fn account_limits(id: AccountId, region: &RegionId) -> String {
    format!("{ACCOUNTS}/{id}/limits/{region}")
}

/// The money of an account, for the provider.
pub fn account_billing(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}/billing")
}

/// The dialog that books into the ledger of an account.
pub fn account_book(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}/billing/book")
}

/// The dialog that says how an account pays.
pub fn account_payment(id: AccountId) -> String {
    format!("{ACCOUNTS}/{id}/billing/payment")
}

/// A statement of an account.
pub fn statement(account: AccountId, number: u64) -> String {
    format!("/statements/{account}/{number}")
}

/// The lines of a statement as CSV.
pub fn statement_csv(account: AccountId, number: u64) -> String {
    format!("/statements/{account}/{number}/lines.csv")
}

/// An address without the words that speak only once: what was done and which form was refused.
pub fn lasting(path: &str, search: &str) -> String {
    let mut address = path.to_owned();
    let words = search.trim_start_matches('?').split('&');
    let once = ["done=", "refused=", "undo="];
    let stay = words.filter(|word| !word.is_empty() && !once.iter().any(|name| word.starts_with(name)));
    for (i, word) in stay.enumerate() {
        address.push(if i == 0 { '?' } else { '&' });
        address.push_str(word);
    }
    address
}

/// A machine.
pub fn instance(id: InstanceId) -> String {
    format!("/instances/{id}")
}

/// The dialog that makes an image of a machine.
pub fn instance_image(id: InstanceId) -> String {
    format!("/instances/{id}/image")
}

/// The dialog that takes a snapshot of a machine.
pub fn instance_snapshot(id: InstanceId) -> String {
    format!("/instances/{id}/snapshot")
}

/// A machine's serial console.
pub fn instance_console(id: InstanceId) -> String {
    format!("/instances/{id}/console")
}

/// The socket of a machine's serial console.
pub fn instance_console_socket(id: InstanceId) -> String {
    format!("/instances/{id}/console/socket")
}

/// The whole log of a machine's serial console, as text.
pub fn instance_console_log(id: InstanceId) -> String {
    format!("/instances/{id}/console.log")
}

/// The dialog that gives a machine a data disk.
pub fn instance_disk_new(id: InstanceId) -> String {
    format!("/instances/{id}/disks/new")
}

/// The dialog that removes a data disk of a machine.
pub fn instance_disk_remove(id: InstanceId, disk: DiskId) -> String {
    format!("/instances/{id}/disks/{disk}/remove")
}

/// The dialog that deletes a machine.
pub fn instance_delete(id: InstanceId) -> String {
    format!("/instances/{id}/delete")
}

/// The dialog that gives a machine another image.
pub fn instance_change_image(id: InstanceId) -> String {
    format!("/instances/{id}/change-image")
}

/// A scaling group.
pub fn group(id: GroupId) -> String {
    format!("/groups/{id}")
}

/// The dialog that changes a scaling group.
pub fn group_edit(id: GroupId) -> String {
    format!("/groups/{id}/edit")
}

/// The dialog that replaces the machines of a scaling group.
pub fn group_roll(id: GroupId) -> String {
    format!("/groups/{id}/roll")
}

/// The dialog that deletes a scaling group.
pub fn group_delete(id: GroupId) -> String {
    format!("/groups/{id}/delete")
}

/// The page that makes a machine, with an image chosen.
pub fn instance_new_from(image: ImageId) -> String {
    format!("/instances/new?image={image}")
}

/// The page that makes a machine, with those of My Images that contain `text`.
pub fn instance_new_searched(text: &str) -> String {
    if text.trim().is_empty() {
        INSTANCE_NEW.to_owned()
    } else {
        format!("/instances/new?q={}", percent(text.trim()))
    }
}

/// The page that makes a scaling group, with those of My Images that contain `text`.
pub fn group_new_searched(text: &str) -> String {
    if text.trim().is_empty() {
        GROUP_NEW.to_owned()
    } else {
        format!("{GROUP_NEW}?q={}", percent(text.trim()))
    }
}

/// My Images with this tag.
pub fn images_tagged(tag: &str) -> String {
    format!("{IMAGES}?tag={}", percent(tag))
}

/// An image.
pub fn image(id: ImageId) -> String {
    format!("/images/{id}")
}

/// The dialog that renames an image.
pub fn image_edit(id: ImageId) -> String {
    format!("/images/{id}/edit")
}

/// The dialog that deprecates, disables or restores an image.
pub fn image_stage(id: ImageId) -> String {
    format!("/images/{id}/stage")
}

/// The dialog that asks for an image to be deployable in another region.
pub fn image_reach(id: ImageId) -> String {
    format!("/images/{id}/reach")
}

/// The dialog that copies an image.
pub fn image_copy(id: ImageId) -> String {
    format!("/images/{id}/copy")
}

/// With whom an image is shared.
pub fn image_sharing(id: ImageId) -> String {
    format!("/images/{id}/sharing")
}

/// The dialog that shares an image.
pub fn image_share(id: ImageId) -> String {
    format!("/images/{id}/share")
}

/// The dialog that stops sharing an image with a project.
pub fn image_unshare(id: ImageId, project: ProjectId) -> String {
    format!("/images/{id}/sharing/{project}")
}

/// The dialog that deletes an image.
pub fn image_delete(id: ImageId) -> String {
    format!("/images/{id}/delete")
}

/// The dialog that takes an image out of the recycle bin.
pub fn image_restore(id: ImageId) -> String {
    format!("/images/{id}/restore")
}

/// The dialog that removes an image from the recycle bin for good.
pub fn image_purge(id: ImageId) -> String {
    format!("/images/{id}/purge")
}

/// The dialog that does `action` to the images that are picked.
pub fn images_selected(action: &str) -> String {
    format!("{IMAGES_SELECTED}?action={action}")
}

/// Snapshots of one machine.
pub fn snapshots_of(id: InstanceId) -> String {
    format!("{SNAPSHOTS}?instance={id}")
}

/// A snapshot.
pub fn snapshot(id: SnapshotId) -> String {
    format!("{SNAPSHOTS}/{id}")
}

/// The dialog that makes an image from a snapshot.
pub fn snapshot_image(id: SnapshotId) -> String {
    format!("{SNAPSHOTS}/{id}/image")
}

/// The dialog that makes a new disk from a snapshot.
pub fn snapshot_disk(id: SnapshotId) -> String {
    format!("{SNAPSHOTS}/{id}/disk")
}

/// The dialog that renames a snapshot.
pub fn snapshot_edit(id: SnapshotId) -> String {
    format!("{SNAPSHOTS}/{id}/edit")
}

/// The dialog that deletes a snapshot.
pub fn snapshot_delete(id: SnapshotId) -> String {
    format!("{SNAPSHOTS}/{id}/delete")
}

/// The dialog that makes a schedule for a machine.
pub fn schedule_new_for(id: InstanceId) -> String {
    format!("{SCHEDULE_NEW}?instance={id}")
}

/// The dialog that changes a schedule.
pub fn schedule(id: ScheduleId) -> String {
    format!("{SCHEDULES}/{id}")
}

/// The dialog that deletes a schedule.
pub fn schedule_delete(id: ScheduleId) -> String {
    format!("{SCHEDULES}/{id}/delete")
}

/// The dialog that asks for more of something.
pub fn quota_ask(kind: QuotaKind) -> String {
    format!("{QUOTAS}/{}", kind.slug())
}

/// The dialog that changes a region.
pub fn region(id: &RegionId) -> String {
    format!("{REGIONS}/{}", percent(id.as_str()))
}

/// The prices of a region.
pub fn region_prices(id: &RegionId) -> String {
    format!("{REGIONS}/{}/prices", percent(id.as_str()))
}

/// The dialog for new prices of a region.
pub fn region_prices_new(id: &RegionId) -> String {
    format!("{}/new", region_prices(id))
}

/// The dialog that answers a request.
pub fn request(id: RequestId) -> String {
    format!("{REQUESTS}/{id}")
}

/// A task.
pub fn task(id: TaskId) -> String {
    format!("/tasks/{id}")
}

/// The audit events about one thing.
pub fn audit_of(subject: &Subject) -> String {
    format!("/audit?{}={}", subject.kind(), subject.uuid())
}

/// Where a subject is shown, if it has a page of its own.
pub fn subject(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Image(id) => Some(image(*id)),
        Subject::Instance(id) => Some(instance(*id)),
        Subject::Task(id) => Some(task(*id)),
        Subject::Group(id) => Some(group(*id)),
        Subject::Snapshot(id) => Some(snapshot(*id)),
        Subject::Schedule(_) => Some(SCHEDULES.to_owned()),
        Subject::Service(_) => Some(SNAPSHOTS.to_owned()),
        Subject::Disk(_)
        | Subject::User(_)
        | Subject::Project(_)
        | Subject::Account(_)
        | Subject::Region(_)
        | Subject::Flavor(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::lasting;

    #[test]
    fn words_that_speak_once_do_not_last() {
        assert_eq!(lasting("/images", "done=image-create"), "/images");
        assert_eq!(lasting("/images", "?q=web&done=image-create&page=2&refused=x"), "/images?q=web&page=2");
        assert_eq!(lasting("/images", "done=image-recycle&undo=x"), "/images");
        assert_eq!(lasting("/", ""), "/");
    }
}
