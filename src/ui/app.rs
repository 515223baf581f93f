//! The document and the routes, on the server alone. Every page is rendered in full before it is sent, so that it works without
//! script and has the right status; all but the sign-in stand in one frame. No page content may live here.

use super::pages::account::AccountPage;
use super::pages::accounts::{AccountDetailPage, AccountsPage, EditAccountPage, EditLimitsPage};
use super::pages::audit::AuditPage;
use super::pages::billing::{
    AccountBillingPage, BillingPage, BookPage, BudgetPage, PaymentPage, StatementPage,
};
use super::pages::frame::SignedIn;
use super::pages::groups::{
    DeleteGroupPage, EditGroupPage, GroupPage, GroupsPage, NewGroupPage, RollGroupPage,
};
use super::pages::images::{
    BinPage, CopyImagePage, DeleteImagePage, EditImagePage, EmptyBinPage, ImagePage, ImagesPage,
    PublicImagesPage, PurgeImagePage, ReachImagePage, ReceivedPage, RestoreImagePage, SelectedImagesPage,
    ShareImagePage, SharingPage, StageImagePage, StopSharingPage,
};
use super::pages::instances::{
    AddDiskPage, CaptureImagePage, ChangeImagePage, ConsolePage, DeleteInstancePage, InstancePage,
    InstancesPage, NewInstancePage, RemoveDiskPage,
};
use super::pages::not_found::NotFoundPage;
use super::pages::overview::OverviewPage;
use super::pages::prices::{NewPricesPage, RegionPricesPage};
use super::pages::quotas::{AskQuotaPage, DecideRequestPage, QuotasPage, RequestsPage};
use super::pages::regions::{EditRegionPage, RegionsPage};
use super::pages::revenue::RevenueView;
use super::pages::sign_in::SignInPage;
use super::pages::snapshots::{
    DeleteSchedulePage, DeleteSnapshotPage, DiskFromSnapshotPage, EditSchedulePage, ImageFromSnapshotPage,
    NewSchedulePage, NewSnapshotPage, RenameSnapshotPage, SchedulesPage, ServicePage, SnapshotPage,
    SnapshotsPage, TakeSnapshotPage,
};
use super::pages::tasks::{TaskPage, TasksPage};
use super::pages::usage::UsageView;
use super::state;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

/// The page comes alive when the browser is idle, and without a limit one that never is would never do so.
const SOON: &str = "if (window.requestIdleCallback) { const idle = requestIdleCallback; window.requestIdleCallback = (work) => idle.call(window, work, { timeout: 200 }); }";

/// The HTML document around the app. The server provides `state::Theme` as context; scripts and styles come from
/// `options.site_pkg_dir`, which carries the version.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = state::theme().theme();
    let style = options.css_path();
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/favicon.svg"/>
                <link rel="stylesheet" href=style/>
                <script src="/vendor/idiomorph.js" defer nonce=use_nonce()></script>
                <script nonce=use_nonce()>{SOON}</script>
                <HydrationScripts options islands=true/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The portal.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text="darkroom"/>
        <Router>
            <Routes fallback=NotFoundPage>
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async/>
                <ParentRoute path=path!("") view=SignedIn ssr=SsrMode::Async>
                    <Route path=path!("/") view=OverviewPage/>
                    <Route path=path!("/instances") view=InstancesPage/>
                    <Route path=path!("/instances/new") view=NewInstancePage/>
                    <Route path=path!("/instances/:id") view=InstancePage/>
                    <Route path=path!("/instances/:id/image") view=CaptureImagePage/>
                    <Route path=path!("/instances/:id/change-image") view=ChangeImagePage/>
                    <Route path=path!("/instances/:id/snapshot") view=TakeSnapshotPage/>
                    <Route path=path!("/instances/:id/delete") view=DeleteInstancePage/>
                    <Route path=path!("/instances/:id/disks/new") view=AddDiskPage/>
                    <Route path=path!("/instances/:id/disks/:disk/remove") view=RemoveDiskPage/>
                    <Route path=path!("/instances/:id/console") view=ConsolePage/>
                    <Route path=path!("/groups") view=GroupsPage/>
                    <Route path=path!("/groups/new") view=NewGroupPage/>
                    <Route path=path!("/groups/:id") view=GroupPage/>
                    <Route path=path!("/groups/:id/edit") view=EditGroupPage/>
                    <Route path=path!("/groups/:id/roll") view=RollGroupPage/>
                    <Route path=path!("/groups/:id/delete") view=DeleteGroupPage/>
                    <Route path=path!("/images") view=ImagesPage/>
                    <Route path=path!("/images/public") view=PublicImagesPage/>
                    <Route path=path!("/images/shared") view=ReceivedPage/>
                    <Route path=path!("/images/bin") view=BinPage/>
                    <Route path=path!("/images/bin/empty") view=EmptyBinPage/>
                    <Route path=path!("/images/selected") view=SelectedImagesPage/>
                    <Route path=path!("/images/:id") view=ImagePage/>
                    <Route path=path!("/images/:id/copy") view=CopyImagePage/>
                    <Route path=path!("/images/:id/stage") view=StageImagePage/>
                    <Route path=path!("/images/:id/reach") view=ReachImagePage/>
                    <Route path=path!("/images/:id/share") view=ShareImagePage/>
                    <Route path=path!("/images/:id/sharing") view=SharingPage/>
                    <Route path=path!("/images/:id/sharing/:project") view=StopSharingPage/>
                    <Route path=path!("/images/:id/edit") view=EditImagePage/>
                    <Route path=path!("/images/:id/delete") view=DeleteImagePage/>
                    <Route path=path!("/images/:id/restore") view=RestoreImagePage/>
                    <Route path=path!("/images/:id/purge") view=PurgeImagePage/>
                    <Route path=path!("/snapshots") view=SnapshotsPage/>
                    <Route path=path!("/snapshots/new") view=NewSnapshotPage/>
                    <Route path=path!("/snapshots/service") view=ServicePage/>
                    <Route path=path!("/snapshots/schedules") view=SchedulesPage/>
                    <Route path=path!("/snapshots/schedules/new") view=NewSchedulePage/>
                    <Route path=path!("/snapshots/schedules/:id") view=EditSchedulePage/>
                    <Route path=path!("/snapshots/schedules/:id/delete") view=DeleteSchedulePage/>
                    <Route path=path!("/snapshots/:id") view=SnapshotPage/>
                    <Route path=path!("/snapshots/:id/image") view=ImageFromSnapshotPage/>
                    <Route path=path!("/snapshots/:id/disk") view=DiskFromSnapshotPage/>
                    <Route path=path!("/snapshots/:id/edit") view=RenameSnapshotPage/>
                    <Route path=path!("/snapshots/:id/delete") view=DeleteSnapshotPage/>
                    <Route path=path!("/tasks") view=TasksPage/>
                    <Route path=path!("/tasks/:id") view=TaskPage/>
                    <Route path=path!("/audit") view=AuditPage/>
                    <Route path=path!("/usage") view=UsageView/>
                    <Route path=path!("/quotas") view=QuotasPage/>
                    <Route path=path!("/quotas/:kind") view=AskQuotaPage/>
                    <Route path=path!("/billing") view=BillingPage/>
                    <Route path=path!("/billing/budget") view=BudgetPage/>
                    <Route path=path!("/statements/:account/:number") view=StatementPage/>
                    <Route path=path!("/requests") view=RequestsPage/>
                    <Route path=path!("/requests/:id") view=DecideRequestPage/>
                    <Route path=path!("/accounts") view=AccountsPage/>
                    <Route path=path!("/accounts/:id") view=AccountDetailPage/>
                    <Route path=path!("/accounts/:id/edit") view=EditAccountPage/>
                    <Route path=path!("/accounts/:id/limits/:region") view=EditLimitsPage/>
                    <Route path=path!("/accounts/:id/billing") view=AccountBillingPage/>
                    <Route path=path!("/accounts/:id/billing/book") view=BookPage/>
                    <Route path=path!("/accounts/:id/billing/payment") view=PaymentPage/>
                    <Route path=path!("/revenue") view=RevenueView/>
                    <Route path=path!("/regions") view=RegionsPage/>
                    <Route path=path!("/regions/:id") view=EditRegionPage/>
                    <Route path=path!("/regions/:id/prices") view=RegionPricesPage/>
                    <Route path=path!("/regions/:id/prices/new") view=NewPricesPage/>
                    <Route path=path!("/account") view=AccountPage/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}
