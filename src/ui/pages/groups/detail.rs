//! A scaling group in full: what darkroom does to keep its count and why it cannot, its machines, what they cost.

use super::super::Refusal;
use super::super::parts::{Activity, Moment, Moving, explained, instance_status, loaded, role_reason};
use super::{health_status, moves, use_group_id};
use crate::ui::calls::groups::{RetryGroup, get_group};
use crate::ui::components::*;
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::error::Reason as Rule;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::size;
use darkroom_core::domain::text::counted;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{GroupDetail, MemberRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page of a group.
#[component]
pub fn GroupPage() -> impl IntoView {
    let (id, refused) = (use_group_id(), use_form());
    let data = async move { Ok((get_group(id).await?, refused.error().await)) };
    loaded(data, |(detail, error)| view! { <Refusal error/><GroupSheet detail/> }.into_any())
}

/// The group, also underneath the dialogs about it.
#[component]
pub(super) fn GroupSheet(detail: GroupDetail) -> impl IntoView {
    let name = detail.name.to_string();
    let moving = moves(detail.health) || detail.members.iter().any(|member| member.row.status.moving());
    let (events, now, about) = (detail.events.clone(), detail.now, Subject::Group(detail.id));
    view! {
        <Title text=format!("{name} · darkroom")/>
        <Moving when=moving/>
        <Crumbs above=vec![Link::new("Scaling groups", paths::GROUPS)] here=name/>
        <GroupHead detail=detail.clone()/>
        <Trouble detail=detail.clone()/>
        <div class="split">
            <div class="stack stack--l">
                <Members members=detail.members.clone() now/>
                <Activity events about now/>
            </div>
            <aside class="stack stack--l" aria-label="About this group">
                <Properties detail=detail.clone()/>
                <Cost detail/>
            </aside>
        </div>
    }
}

/// The rule that keeps this user from an action now: their role first, then the group's state.
fn rule(detail: &GroupDetail, state: &Option<Rule>) -> Option<Rule> {
    if detail.may_change { state.clone() } else { Some(role_reason()) }
}

#[component]
fn GroupHead(detail: GroupDetail) -> impl IntoView {
    let (id, title, doing) = (detail.id, detail.name.to_string(), detail.doing.clone());
    let roll = match rule(&detail, &detail.roll_blocked) {
        None => {
            view! { <LinkButton href=paths::group_roll(id) variant=Variant::Primary size=Size::Form icon=IconName::Retry>"Roll"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="roll-why" label="Roll" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let edit = match rule(&detail, &detail.edit_blocked) {
        None => {
            view! { <LinkButton href=paths::group_edit(id) size=Size::Form icon=IconName::Pencil>"Edit"</LinkButton> }
                .into_any()
        }
        Some(rule) => view! { <BlockedAction id="edit-why" label="Edit" size=Size::Form reason=explained(rule)/> }.into_any(),
    };
    let delete = match rule(&detail, &detail.edit_blocked) {
        None => view! { <MenuLink href=paths::group_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any(),
        Some(rule) => view! { <MenuBlocked label="Delete" why=rule.sentence()/> }.into_any(),
    };
    view! {
        <PageHead title>
            <div class="cluster">{health_status(detail.health)}<span class="soft">{doing}</span></div>
            <PageActions slot>
                {roll}
                {edit}
                <Menu id="more" label="More actions" size=Size::Form variant=Variant::Outline>
                    <MenuLink href=paths::audit_of(&Subject::Group(id)) icon=IconName::Audit>"Audit"</MenuLink>
                    <MenuLine/>
                    {delete}
                </Menu>
            </PageActions>
        </PageHead>
    }
}

/// Why the count is not as wanted, and when it is tried again.
#[component]
fn Trouble(detail: GroupDetail) -> impl IntoView {
    let (now, id) = (detail.now, detail.id);
    let next = match detail.next_try {
        Some(at) => format!("Next try: {}.", at.listed(now)),
        None => "It is tried again now.".to_owned(),
    };
    let trouble = detail.trouble.clone().map(|trouble| {
        let text = format!(
            "Wanted {}, running {}. {} Last try: {}. {next}",
            detail.wanted,
            detail.n_running,
            trouble.message,
            trouble.at.listed(now)
        );
        let again = (detail.may_change && detail.edit_blocked.is_none()).then(|| {
            view! {
                <PostForm to=RetryGroup::url()>
                    <input type="hidden" name="id" value=id.to_string()/>
                    <Button size=Size::Form icon=IconName::Retry>"Try again now"</Button>
                </PostForm>
            }
        });
        view! { <Notice tone=Tone::Warn text>{again}</Notice> }
    });
    // What would keep the next machine from being made is said before it is needed.
    let blocked = detail.makes_blocked.filter(|_| detail.trouble.is_none()).map(|why| {
        let text = format!("No new machine can be made now. {why} What runs goes on.");
        view! { <Notice tone=Tone::Warn text/> }
    });
    view! { {trouble}{blocked} }
}

#[component]
fn Members(members: Vec<MemberRow>, now: Timestamp) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("Status"),
        Column::text("Image"),
        Column::text("Created").low(),
    ];
    let none = members.is_empty();
    let rows = members.into_iter().map(|member| view! { <MemberLine member now/> }.into_any()).collect_view();
    let table = match none {
        true => view! { <p class="soft">"It has no machine right now."</p> }.into_any(),
        false => view! { <Frame><Table caption="Machines" columns>{rows}</Table></Frame> }.into_any(),
    };
    view! {
        <Section id="machines" title="Machines" link=Link::new("All instances", paths::INSTANCES)>
            {table}
            <p class="small soft">"A machine that is stopped is started again; one that fails or is deleted is replaced by a new one. To have fewer, lower the count."</p>
        </Section>
    }
}

#[component]
fn MemberLine(member: MemberRow, now: Timestamp) -> impl IntoView {
    let MemberRow { row, newest } = member;
    let (name, href) = (row.name.to_string(), paths::instance(row.id));
    let status = instance_status(row.status, row.error.clone(), row.task.as_ref());
    let older = (!newest).then(|| view! { <Status tone=Tone::Plain icon=IconName::Clock word="Older"/> });
    let (image, created) = (row.image.to_string(), row.created);
    view! {
        <Row>
            <NameCell name href/>
            <StateCell>{status}</StateCell>
            <Cell label="Image"><div class="cluster"><span class="break">{image}</span>{older}</div></Cell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=created now/></Cell>
        </Row>
    }
}

#[component]
fn Properties(detail: GroupDetail) -> impl IntoView {
    let newest = match &detail.makes {
        Some(image) => {
            view! { <a class="break" href=paths::image(image.id)>{image.name.to_string()}</a> }.into_any()
        }
        None => view! { <span class="soft">"None that can be used"</span> }.into_any(),
    };
    let source = match &detail.family {
        Some(family) => {
            let words = format!("Newest of {family}, now ");
            view! { {words}{newest} }.into_any()
        }
        None => newest,
    };
    let outdated = (detail.n_outdated > 0 && detail.roll.is_none()).then(|| {
        let n = counted(detail.n_outdated, "machine");
        let are = if detail.n_outdated == 1 { "is" } else { "are" };
        view! { <p class="small soft">{format!("{n} {are} of another image. Roll replaces them.")}</p> }
    });
    let kind = format!("{}: {}", detail.flavor, detail.flavor_summary);
    let disk = format!("{}, {}", detail.disk_kind, size::binary(detail.disk_bytes));
    let keys = if detail.n_ssh_keys == 0 { "None".to_owned() } else { counted(detail.n_ssh_keys, "key") };
    let data = if detail.has_user_data { "Given" } else { "None" };
    let (zone, created) = (detail.zone.clone(), detail.created.minute());
    view! {
        <Section id="properties" title="Properties">
            <Facts>
                <Fact term="ID"><CopyableId id=detail.id.to_string()/></Fact>
                <Fact term="Wanted">{counted(detail.wanted, "machine")}</Fact>
                <Fact term="Image">{source}{outdated}</Fact>
                <Fact term="Type">{kind}</Fact>
                <Fact term="System disk">{disk}</Fact>
                <Fact term="Zone">{zone}</Fact>
                <Fact term="SSH keys">{keys}</Fact>
                <Fact term="User data">{data}</Fact>
                <Fact term="Created">{created}</Fact>
            </Facts>
        </Section>
    }
}

#[component]
fn Cost(detail: GroupDetail) -> impl IntoView {
    let symbol = detail.symbol;
    let all = detail.estimate.map(|estimate| {
        let (hour, month) = (estimate.hour.fine(&symbol), estimate.month.display(&symbol));
        let each = detail.each.map(|each| each.month.display(&symbol)).unwrap_or_default();
        view! {
            <Figure value=month caption="per month, while all run"/>
            <Facts>
                <Fact term="Per hour">{hour}</Fact>
                <Fact term="Each machine">{each}</Fact>
            </Facts>
        }
    });
    view! {
        <Section id="cost" title="Cost">
            {all}
            <p class="small soft">"Each machine is charged by itself, from when it runs. A month is 730 hours."</p>
        </Section>
    }
}
