//! An image in full: what it is, where it came from, what was made of it, what it costs.

use super::super::Refusal;
use super::super::parts::{
    Activity, MachineLinks, Moment, Moving, RetryButton, TaskCard, explained, image_status, loaded,
    role_reason,
};
use super::use_image_id;
use crate::ui::calls::images::{KeepImage, ProtectImage, UnplanImage, get_image};
use crate::ui::components::*;
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::image::life::{Plan, Stage};
use darkroom_core::domain::image::{Action, Image, Kind as ImageKind, Status as State, Visibility, tags};
use darkroom_core::domain::size::{self, MIB};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{ImageDetail, SharedBy};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page of an image.
#[component]
pub fn ImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move { Ok((get_image(id).await?, refused.error().await)) };
    loaded(data, |(detail, error)| view! { <Refusal error/><ImageSheet detail/> }.into_any())
}

/// The image, also underneath the dialogs about it.
#[component]
pub(super) fn ImageSheet(detail: ImageDetail) -> impl IntoView {
    let image = detail.image.clone();
    let moving = matches!(image.status, State::Creating | State::Deleting);
    let machines = detail.machines.clone();
    let (events, now, subject) = (detail.events.clone(), detail.now, Subject::Image(image.id));
    let own = is_own(&detail);
    let cost = own.then(|| view! { <CostSection detail=detail.clone()/> });
    let activity = own.then(|| view! { <Activity events about=subject now/> });
    let given = detail.shared.clone().map(|by| view! { <Given by now/> });
    view! {
        <Title text=format!("{} · darkroom", image.name)/>
        <Moving when=moving/>
        <ImageHead detail=detail.clone() here=paths::image(image.id)/>
        {given}
        <BinNotice detail=detail.clone()/>
        <StageNotice detail=detail.clone()/>
        <StateOfWork detail=detail.clone()/>
        <div class="split">
            <div class="stack stack--l">
                <Properties detail/>
                <Disks image/>
                {activity}
            </div>
            <aside class="stack stack--l" aria-label="Cost and use">
                {cost}
                <MachinesSection machines/>
            </aside>
        </div>
    }
}

/// What the status means, in a sentence.
fn meaning(image: &Image) -> &'static str {
    match image.status {
        State::Creating => "The machine keeps running while it is made.",
        State::Available if image.life.stage == Stage::Disabled => "Kept, but not deployed any more.",
        State::Available if image.kind == ImageKind::Data => "Ready for new disks of machines.",
        State::Available => "Ready to be deployed.",
        State::Error => "It could not be made. Nothing is charged.",
        State::Recycled => "It is in the recycle bin and of no use until it is restored.",
        State::Deleting => "It is being removed. It is no longer charged.",
    }
}

/// Whether it belongs to one of the user's projects: neither public nor given by somebody else.
fn is_own(detail: &ImageDetail) -> bool {
    detail.image.visibility == Visibility::Private && detail.shared.is_none()
}

/// What its stage means for who wants to use it, what becomes of it, and what to use instead.
#[component]
fn StageNotice(detail: ImageDetail) -> impl IntoView {
    let life = &detail.image.life;
    let instead = detail.replacement.clone().map(|image| {
        view! { <p>"Use "<a href=paths::image(image.id)>{image.name.to_string()}</a>" instead."</p> }
    });
    // Who is left time can save it whatever its stage.
    let saves = detail.shared.as_ref().is_some_and(|by| by.ends.is_some());
    let now = match (life.stage, saves) {
        (Stage::Active, _) => None,
        (Stage::Deprecated, false) => {
            Some((Tone::Warn, "Deprecated. It can still be deployed, but is neither shared nor copied."))
        }
        (Stage::Deprecated, true) => Some((
            Tone::Warn,
            "Deprecated. It can still be deployed, and saved as your own until it ends. Your own is deprecated too until you make it active.",
        )),
        (Stage::Disabled, false) => {
            Some((Tone::Bad, "Disabled. It cannot be deployed. Machines made from it keep running."))
        }
        (Stage::Disabled, true) => Some((
            Tone::Bad,
            "Disabled. It cannot be deployed. It can be saved as your own until it ends. Your own is disabled too until you make it active.",
        )),
    };
    let now = now.map(|(tone, text)| view! { <Notice tone text>{instead}</Notice> });
    let planned = planned(&detail.image, detail.may_change && detail.image.can(Action::Stage).is_ok());
    view! { {now}{planned} }
}

/// What becomes of it by itself, the next change first, each with the way back.
fn planned(image: &Image, may_change: bool) -> impl IntoView + use<> {
    let id = image.id;
    let line = move |plan: &Plan| {
        let stage = plan.stage;
        let label = match stage {
            Stage::Active => "Do not make active",
            Stage::Deprecated => "Do not deprecate",
            Stage::Disabled => "Do not disable",
        };
        let back = may_change.then(|| {
            view! {
                <PostForm to=UnplanImage::url()>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <input type="hidden" name="stage" value=stage.slug()/>
                    <Button icon=IconName::Undo>{label}</Button>
                </PostForm>
            }
        });
        view! { <Notice text=format!("It becomes {}.", plan.words())>{back}</Notice> }
    };
    image.life.plans.iter().map(line).collect_view()
}

/// That it is in the recycle bin or will be, and the way back.
#[component]
fn BinNotice(detail: ImageDetail) -> impl IntoView {
    let id = detail.image.id;
    if let Some(bin) = &detail.image.bin {
        let text = format!(
            "{} put it into the recycle bin on {}. It stays there until {}, then it is gone for good.",
            bin.by,
            bin.since.minute(),
            bin.until.minute()
        );
        let ways = detail.may_change.then(|| {
            view! {
                <div class="cluster">
                    <LinkButton href=paths::image_restore(id) icon=IconName::Undo>"Restore"</LinkButton>
                    <a href=paths::image_purge(id)>"Delete it for good"</a>
                </div>
            }
        });
        return Some(view! { <Notice tone=Tone::Warn text>{ways}</Notice> }.into_any());
    }
    let leaves = detail.image.leaves?;
    let text = format!("It will be deleted when {} is over. Who has it is told.", leaves.plus_ms(-1).day());
    let keep = detail.may_change.then(|| {
        view! {
            <PostForm to=KeepImage::url()>
                <input type="hidden" name="id" value=id.to_string()/>
                <Button icon=IconName::Undo>"Keep it"</Button>
            </PostForm>
        }
    });
    Some(view! { <Notice tone=Tone::Warn text>{keep}</Notice> }.into_any())
}

/// By whom the image was given, since when, and how long still.
#[component]
fn Given(by: SharedBy, now: Timestamp) -> impl IntoView {
    let who = format!("{} shares this image with you since {}.", by.from, by.since.listed(now));
    match by.ends {
        Some(end) => {
            let text = format!(
                "{who} It ends on {}. Machines made from it stay yours; no new ones can be made after that.",
                end.plus_ms(-1).day()
            );
            view! { <Notice tone=Tone::Warn text/> }
        }
        None => {
            let text = format!("{who} Nobody vouches for what is in it. It cannot be shared on.");
            view! { <Notice text/> }
        }
    }
}

/// Where the image is in the portal, its name, what can be done to it, and the pages about it; `here` is the one that stands.
#[component]
pub(super) fn ImageHead(detail: ImageDetail, here: String) -> impl IntoView {
    let image = &detail.image;
    let above = if image.visibility == Visibility::Public {
        Link::new("Public images", paths::IMAGES_PUBLIC)
    } else if detail.shared.is_some() {
        Link::new("Shared with me", paths::IMAGES_SHARED)
    } else if image.bin.is_some() {
        Link::new("Recycle bin", paths::IMAGES_BIN)
    } else {
        Link::new("My Images", paths::IMAGES)
    };
    let tabs = is_own(&detail).then(|| {
        let note = match detail.n_shares {
            0 => TabNote::None,
            n => TabNote::Count(u64::from(n)),
        };
        let tabs = vec![
            Tab::new("Overview", paths::image(image.id), TabNote::None),
            Tab::new("Sharing", paths::image_sharing(image.id), note),
        ];
        view! { <Tabs label="Image" tabs current=here/> }
    });
    let status = image_status(image.status, None, detail.task.as_ref());
    let sentence = meaning(image);
    let public = (image.visibility == Visibility::Public).then(|| view! { <Tag label="Public"/> });
    let title = image.name.to_string();
    view! {
        <Crumbs above=vec![above] here=image.name.to_string()/>
        <PageHead title>
            <div class="cluster">{status}{public}<span class="soft">{sentence}</span></div>
            <PageActions slot>{head_actions(&detail)}</PageActions>
        </PageHead>
        {tabs}
    }
}

/// Deploy, Edit and Delete, each possible or with its reason.
fn head_actions(detail: &ImageDetail) -> Option<AnyView> {
    let image = &detail.image;
    if image.bin.is_some() {
        // What can be done stands in its notice.
        return None;
    }
    let deploy = match image.can(Action::Deploy).and_then(|()| if detail.may_deploy { Ok(()) } else { Err(role_reason()) }) {
        Ok(()) => view! {
            <LinkButton href=paths::instance_new_from(image.id) variant=Variant::Primary size=Size::Form icon=IconName::Deploy>"Deploy"</LinkButton>
        }
        .into_any(),
        Err(rule) => view! { <BlockedAction id="deploy-why" label="Deploy" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    // A public image is the provider's, a shared one its owner's: who may not change them is not even offered to.
    let change = (detail.may_change || is_own(detail)).then(|| {
        let share = is_own(detail).then(|| {
            change_link(detail, Action::Share, "Share", IconName::Share, paths::image_share(image.id))
        });
        let edit = change_link(detail, Action::Edit, "Edit", IconName::Pencil, paths::image_edit(image.id));
        let delete =
            change_link(detail, Action::Delete, "Delete", IconName::Trash, paths::image_delete(image.id));
        let label = if image.life.stage == Stage::Active { "Deprecate" } else { "Restore" };
        let stage = change_link(detail, Action::Stage, label, IconName::Clock, paths::image_stage(image.id));
        view! { {share}{edit}{stage}{delete} }
    });
    let copy = copy_link(detail);
    Some(view! { {deploy}{copy}{change} }.into_any())
}

/// Copy, or why not. Of a shared image a copy is how it becomes one's own.
fn copy_link(detail: &ImageDetail) -> AnyView {
    let blocked = if detail.may_copy { detail.copy_blocked.clone() } else { Some(role_reason()) };
    let label = if detail.shared.is_some() { "Save as my own" } else { "Copy" };
    match blocked {
        None => {
            let href = paths::image_copy(detail.image.id);
            view! { <LinkButton href size=Size::Form icon=IconName::Copy>{label}</LinkButton> }.into_any()
        }
        Some(rule) => {
            view! { <BlockedAction id="copy-why" label size=Size::Form reason=explained(rule)/> }.into_any()
        }
    }
}

fn change_link(
    detail: &ImageDetail,
    action: Action,
    label: &'static str,
    icon: IconName,
    href: String,
) -> AnyView {
    match detail.image.can(action).and_then(|()| if detail.may_change { Ok(()) } else { Err(role_reason()) }) {
        Ok(()) => view! { <LinkButton href size=Size::Form icon>{label}</LinkButton> }.into_any(),
        Err(rule) => {
            view! { <BlockedAction id=format!("{}-why", label.to_lowercase()) label size=Size::Form reason=explained(rule)/> }.into_any()
        }
    }
}

/// While it is being made: progress and Cancel. After a failure: why, Retry and the task.
#[component]
fn StateOfWork(detail: ImageDetail) -> impl IntoView {
    let may_change = detail.may_change;
    let task = detail.task?;
    match detail.image.status {
        State::Creating | State::Deleting => {
            task.state.active().then(|| view! { <TaskCard task may_change/> }.into_any())
        }
        State::Error => {
            let text =
                detail.image.error.or(task.error).unwrap_or_else(|| "Making this image failed.".to_owned());
            let retry =
                (may_change && task.retry_blocked.is_none()).then(|| view! { <RetryButton id=task.id/> });
            Some(
                view! {
                    <Notice tone=Tone::Bad text>
                        <div class="cluster">{retry}<a href=paths::task(task.id)>"Show the task"</a></div>
                    </Notice>
                }
                .into_any(),
            )
        }
        State::Available | State::Recycled => None,
    }
}

#[component]
fn Properties(detail: ImageDetail) -> impl IntoView {
    let image = &detail.image;
    let fingerprint = image.disks.first().map(|disk| (disk.fingerprint.clone(), disk.sha256.clone())).map(
        |(fingerprint, sha256)| {
            view! {
                <Fact term="Fingerprint"><CopyableId id=fingerprint/></Fact>
                <Fact term="SHA-256"><CopyableId id=sha256/></Fact>
            }
        },
    );
    let consistency = image.consistency.map(|how| view! { <Fact term="Consistency">{how.sentence()}</Fact> });
    let (id, region, needs, system) =
        (image.id.to_string(), image.region.to_string(), needs(image), system(image));
    let (remark, family) = (text_fact("Remark", &image.remark), text_fact("Family", &image.family));
    let (tags, protection) = (tag_fact(&detail), protection_fact(&detail));
    let (reaches, kind) = (reach_fact(&detail), kind_words(image));
    let (licence, project) = (text_fact("Licence", &image.licence), text_fact("Project", &detail.project));
    let (origin, sizes, created, now) = (origin_facts(&detail), sizes(&detail), image.created, detail.now);
    view! {
        <Section id="properties" title="Properties">
            <Facts>
                <Fact term="ID"><CopyableId id/></Fact>
                {remark}
                {origin}
                <Fact term="Kind">{kind}</Fact>
                <Fact term="Size">{sizes}</Fact>
                {consistency}
                <Fact term="System">{system}</Fact>
                <Fact term="Needs">{needs}</Fact>
                {family}
                {tags}
                {protection}
                {licence}
                {project}
                <Fact term="Region">{region}</Fact>
                {reaches}
                <Fact term="Created"><Moment at=created now/></Fact>
                {fingerprint}
            </Facts>
        </Section>
    }
}

/// A property that is left out while it is empty.
fn text_fact(term: &'static str, text: &str) -> Option<AnyView> {
    let text = text.to_owned();
    (!text.is_empty()).then(|| view! { <Fact term><span class="break">{text}</span></Fact> }.into_any())
}

/// Where else it can be deployed, and the way to ask for more (U15).
fn reach_fact(detail: &ImageDetail) -> Option<AnyView> {
    let image = &detail.image;
    let ask = detail.may_ask && image.can(Action::Copy).is_ok() && image.can_reach().is_ok();
    if image.reaches.is_empty() && !ask {
        return None;
    }
    let regions = image.reaches.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(", ");
    let regions =
        if regions.is_empty() { "Its own region only".to_owned() } else { format!("Also in {regions}") };
    let href = paths::image_reach(image.id);
    let ask = ask.then(|| view! { <a href=href>"Ask for another region"</a> });
    Some(view! { <Fact term="Deploys"><span class="cluster">{regions}{ask}</span></Fact> }.into_any())
}

/// Its tags; each shows the images that have it too.
fn tag_fact(detail: &ImageDetail) -> Option<AnyView> {
    // Those of others mark nothing in one's own list.
    let (image, own) = (&detail.image, is_own(detail));
    let links = image
        .tags
        .iter()
        .map(|(key, value)| {
            let label = tags::label(key, value);
            match own {
                true => view! { <Tag href=paths::images_tagged(&label) label/> }.into_any(),
                false => view! { <Tag label/> }.into_any(),
            }
        })
        .collect_view();
    (!image.tags.is_empty())
        .then(|| view! { <Fact term="Tags"><span class="cluster">{links}</span></Fact> }.into_any())
}

/// Whether it is protected from deletion, with the button that changes that.
fn protection_fact(detail: &ImageDetail) -> Option<AnyView> {
    if !is_own(detail) {
        return None;
    }
    let on = detail.image.protected;
    let id = detail.image.id.to_string();
    let button = (detail.may_change && detail.image.can(Action::Edit).is_ok()).then(|| {
        let label = if on { "End protection" } else { "Protect" };
        view! {
            <PostForm to=ProtectImage::url()>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="on" value=(!on).to_string()/>
                <Button variant=Variant::Quiet icon=IconName::Lock>{label}</Button>
            </PostForm>
        }
    });
    let words = if on { "On. Nobody can delete it." } else { "Off" };
    Some(view! { <Fact term="Protection"><span class="cluster">{words}{button}</span></Fact> }.into_any())
}

/// The machine it was made from, and what that machine came from.
fn origin_facts(detail: &ImageDetail) -> impl IntoView + use<> {
    let source = detail.image.source.as_ref().map(|source| {
        let name = source.name.to_string();
        let shown = match &detail.source {
            Some(machine) => view! { <a href=paths::instance(machine.id)>{name}</a> }.into_any(),
            None => view! { {name}<span class="soft">", deleted since"</span> }.into_any(),
        };
        view! { <Fact term="Source Instance">{shown}</Fact> }
    });
    let parent = detail.parent.as_ref().map(|parent| {
        let (name, href) = (parent.name.to_string(), paths::image(parent.id));
        view! { <Fact term="Made from"><a href=href>{name}</a></Fact> }
    });
    let copied = detail.image.copied_from.as_ref().map(|from| {
        let (name, place) = (from.name.to_string(), format!(" in {}", from.region));
        let shown = match &detail.copied_from {
            Some(image) => view! { <a href=paths::image(image.id)>{name}</a>{place} }.into_any(),
            None => view! { {name}{place} }.into_any(),
        };
        view! { <Fact term="Copy of">{shown}</Fact> }
    });
    view! { {source}{parent}{copied} }
}

fn sizes(detail: &ImageDetail) -> String {
    let image = &detail.image;
    if image.disks.is_empty() {
        return "Known as soon as it is available".to_owned();
    }
    let pair = format!(
        "{} virtual, {} stored",
        size::binary(image.virtual_bytes()),
        size::decimal(image.stored_bytes())
    );
    match detail.unique_bytes {
        Some(unique) => format!("{pair}, {} of it in no other image", size::decimal(unique)),
        None => pair,
    }
}

fn system(image: &Image) -> String {
    let os = if image.os.version.is_empty() { image.os.kind.as_str() } else { image.os.version.as_str() };
    let queues = if image.nic_multiqueue { "NIC multi-queue" } else { "" };
    let sriov = if image.sriov { "SR-IOV driver" } else { "" };
    let parts = [os, image.architecture.as_str(), image.boot.word(), queues, sriov];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn needs(image: &Image) -> String {
    let shown = |mib: u64| size::binary(mib.saturating_mul(MIB));
    let disk = if image.min_disk_bytes == 0 {
        None
    } else {
        Some(format!("{} disk or more", size::binary(image.min_disk_bytes)))
    };
    let vcpus = (image.min_vcpus > 0).then(|| format!("{} vCPU or more", image.min_vcpus));
    let least = (image.min_memory_mib > 0).then(|| format!("{} memory or more", shown(image.min_memory_mib)));
    let most = (image.max_memory_mib > 0).then(|| format!("{} memory at most", shown(image.max_memory_mib)));
    let all: Vec<String> = [disk, vcpus, least, most].into_iter().flatten().collect();
    if all.is_empty() { "Nothing in particular".to_owned() } else { all.join(", ") }
}

#[component]
fn Disks(image: Image) -> impl IntoView {
    let columns = vec![Column::text("Disk"), Column::number("Virtual"), Column::number("Stored")];
    let whole = image.kind == ImageKind::Machine;
    let labels = image.disk_labels();
    let rows = image
        .disks
        .into_iter()
        .zip(labels)
        .map(|(disk, label)| {
            // The size has a column of its own.
            let name = label.rsplit_once(", ").map_or(label.clone(), |(name, _)| name.to_owned());
            view! {
                <Row>
                    <NameCell name/>
                    <Cell label="Virtual" kind=Kind::Number>{size::binary(disk.virtual_bytes)}</Cell>
                    <Cell label="Stored" kind=Kind::Number>{size::decimal(disk.stored_bytes)}</Cell>
                </Row>
            }
            .into_any()
        })
        .collect::<Vec<_>>();
    let note = whole.then(|| {
        view! { <p class="small soft">"All as they were at one instant. They belong to the image: none of them can be deleted alone."</p> }
    });
    (!rows.is_empty()).then(|| {
        view! {
            <Section id="disks" title="Disks">
                <Frame><Table caption="Disks" columns look=TableLook::Plain>{rows}</Table></Frame>
                {note}
            </Section>
        }
    })
}

/// What it is an image of, and what follows from that.
fn kind_words(image: &Image) -> String {
    let word = image.kind.word();
    match (image.kind, &image.zone) {
        (ImageKind::System, _) => word.to_owned(),
        (ImageKind::Data, _) => format!("{word}: machines are given new disks from it"),
        (ImageKind::Machine, Some(zone)) => {
            format!("{word}: deploys in zone {zone} only, and not onto local disks")
        }
        (ImageKind::Machine, None) => format!("{word}: not deployed onto local disks"),
        (ImageKind::Iso, _) => format!("{word}: machines are installed from it onto an empty disk"),
    }
}

#[component]
fn CostSection(detail: ImageDetail) -> impl IntoView {
    let symbol = detail.symbol.clone();
    let rates = detail.estimate.map(|estimate| {
        let (month, hour) = (estimate.month.display(&symbol), estimate.hour.fine(&symbol));
        view! {
            <Fact term="Per month">{month}</Fact>
            <Fact term="Per hour">{hour}</Fact>
        }
    });
    let sharing = sharing_words(&detail).map(|text| view! { <p class="small soft">{text}</p> });
    let not_yet = detail
        .estimate
        .is_none()
        .then(|| view! { <p class="small soft">"It costs nothing until it is available."</p> });
    let (cost, rate) = (detail.cost.display(&detail.symbol), detail.rate.words(&detail.symbol));
    view! {
        <Section id="cost" title="Cost">
            <Figure value=cost caption="so far"/>
            <Facts>
                {rates}
                <Fact term="Rate">{rate}" and month"</Fact>
            </Facts>
            {not_yet}
            {sharing}
        </Section>
    }
}

/// What it shares with other images, because deleting it frees only the rest.
fn sharing_words(detail: &ImageDetail) -> Option<String> {
    let unique = detail.unique_bytes?;
    let shared = detail.image.stored_bytes().saturating_sub(unique);
    if shared == 0 {
        return None;
    }
    Some(format!(
        "It shares {} with your other images: deleting it frees {}.",
        size::decimal(shared),
        size::decimal(unique)
    ))
}

#[component]
fn MachinesSection(machines: Vec<darkroom_core::domain::view::InstanceLink>) -> impl IntoView {
    let body = if machines.is_empty() {
        view! { <p class="soft">"None yet. Deploy it to make one."</p> }.into_any()
    } else {
        view! { <MachineLinks machines/> }.into_any()
    };
    view! { <Section id="machines" title="Machines made from it">{body}</Section> }
}
