//! The provider's pages *Accounts* and one account: what each has and costs, its site (H3), and its limits by region (U18).

use super::Refusal;
use super::parts::loaded;
use crate::ui::calls::quotas::{EditAccount, EditLimits, get_account_detail, list_accounts};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::{error_at, neighbours, use_form, use_page_number};
use darkroom_core::domain::form::{AccountForm, LimitsForm};
use darkroom_core::domain::ids::{AccountId, RegionId, Subject};
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{AccountDetail, AccountList, AccountPlace, AccountRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The account that the address names.
pub fn use_account_id() -> AccountId {
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    id.unwrap_or(AccountId(uuid::Uuid::nil()))
}

/// The page *Accounts*.
#[component]
pub fn AccountsPage() -> impl IntoView {
    loaded(list_accounts(use_page_number()), |list| view! { <AccountsView list/> }.into_any())
}

#[component]
fn AccountsView(list: AccountList) -> impl IntoView {
    let (previous, next) = neighbours(&list.page, paths::ACCOUNTS, &[]);
    let range = list.page.range();
    let (accounts, symbol) = (list.page.rows, list.symbol);
    let body = if accounts.is_empty() {
        view! {
            <EmptyState icon=IconName::Account title="No account">
                <p>"The command darkroom admin account create makes one."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <AccountTable accounts symbol/><Pager range previous next/> }.into_any()
    };
    view! {
        <Title text="Accounts · darkroom"/>
        <PageHead title="Accounts">
            <p class="soft">"Who pays, what they have in all regions, and what it has cost this month."</p>
        </PageHead>
        <Frame>{body}</Frame>
    }
}

/// Accounts in rows, each leading to its page.
#[component]
pub fn AccountTable(accounts: Vec<AccountRow>, symbol: String) -> impl IntoView {
    let columns = vec![
        Column::text("Account"),
        Column::number("Projects").low(),
        Column::number("Instances"),
        Column::number("Images"),
        Column::number("Stored").low(),
        Column::number("Cost this month"),
    ];
    let rows = accounts
        .into_iter()
        .map(|account| view! { <AccountLine account symbol=symbol.clone()/> })
        .collect::<Vec<_>>();
    view! { <Table caption="Accounts" columns>{rows}</Table> }
}

#[component]
fn AccountLine(account: AccountRow, symbol: String) -> impl IntoView {
    let sub = format!("Site {}", account.site);
    view! {
        <Row>
            <NameCell name=account.name.to_string() href=paths::account(account.id) sub/>
            <Cell label="Projects" kind=Kind::Number rank=Rank::Low>{grouped(account.n_projects)}</Cell>
            <Cell label="Instances" kind=Kind::Number>{grouped(account.n_instances)}</Cell>
            <Cell label="Images" kind=Kind::Number>{grouped(account.n_images)}</Cell>
            <Cell label="Stored" kind=Kind::Number rank=Rank::Low>{size::decimal(account.held_bytes)}</Cell>
            <Cell label="Cost this month" kind=Kind::Number>
                <MoneyText amount=account.cost.display(&symbol)/>
            </Cell>
        </Row>
    }
}

/// The page of one account.
#[component]
pub fn AccountDetailPage() -> impl IntoView {
    loaded(get_account_detail(use_account_id()), |account| view! { <AccountSheet account/> }.into_any())
}

#[component]
fn AccountSheet(account: AccountDetail) -> impl IntoView {
    let title = account.name.to_string();
    let AccountDetail { id, site, created, cost, symbol, projects, users, places, .. } = account;
    let sub = format!("On the site {site}, since {}. This month it has cost", created.day());
    let (edit, audit) = (paths::account_edit(id), paths::audit_of(&Subject::Account(id)));
    let billing = paths::account_billing(id);
    let projects = projects
        .into_iter()
        .map(|(id, name)| {
            view! { <Row><NameCell name=name.to_string()/><Cell label="ID"><CopyableId id=id.to_string()/></Cell></Row> }
        })
        .collect::<Vec<_>>();
    let users = users
        .into_iter()
        .map(|(email, n)| {
            view! { <Row><NameCell name=email/><Cell label="Projects" kind=Kind::Number>{grouped(n)}</Cell></Row> }
        })
        .collect::<Vec<_>>();
    view! {
        <Title text=format!("{title} · darkroom")/>
        <Crumbs above=vec![Link::new("Accounts", paths::ACCOUNTS)] here=title.clone()/>
        <PageHead title=title.clone()>
            <p class="soft">{sub}" "<MoneyText amount=cost.display(&symbol)/>"."</p>
            <PageActions slot>
                <LinkButton href=audit size=Size::Form icon=IconName::Audit>"Audit"</LinkButton>
                <LinkButton href=billing size=Size::Form icon=IconName::Money>"Billing"</LinkButton>
                <LinkButton href=edit size=Size::Form icon=IconName::Pencil>"Change site"</LinkButton>
            </PageActions>
        </PageHead>
        <div class="stack stack--l">
            <Section id="limits" title="Limits by region"><Places id places/></Section>
            <Section id="projects" title="Projects">
                {list_or("It has no project yet.", "Projects", vec![Column::text("Project"), Column::text("ID")], projects)}
            </Section>
            <Section id="users" title="Users">
                {list_or("It has no user yet.", "Users", vec![Column::text("User"), Column::number("Projects")], users)}
            </Section>
        </div>
    }
}

fn list_or<V: IntoView + 'static>(
    none: &'static str,
    caption: &'static str,
    columns: Vec<Column>,
    rows: Vec<V>,
) -> AnyView {
    match rows.is_empty() {
        true => view! { <p class="soft">{none}</p> }.into_any(),
        false => view! { <Frame><Table caption columns>{rows}</Table></Frame> }.into_any(),
    }
}

#[component]
fn Places(id: AccountId, places: Vec<AccountPlace>) -> impl IntoView {
    let columns = vec![
        Column::text("Region"),
        Column::number("Images"),
        Column::number("Stored, GB"),
        Column::number("Instances"),
        Column::number("Shares").low(),
        Column::actions(),
    ];
    let rows = places.into_iter().map(|place| view! { <PlaceLine id place/> }).collect::<Vec<_>>();
    view! { <Frame><Table caption="Limits by region" columns>{rows}</Table></Frame> }
}

#[component]
fn PlaceLine(id: AccountId, place: AccountPlace) -> impl IntoView {
    let of = |used: u32, limit: u32| format!("{} of {}", grouped(used), grouped(limit));
    let gb = u32::try_from(place.held_bytes.div_ceil(size::GB)).unwrap_or(u32::MAX);
    let limits = place.limits;
    let sub = if place.own { "Limits of its own" } else { "The limits of the region" };
    let (name, href) = (place.region.to_string(), paths::account_limits(id, &place.region));
    view! {
        <Row>
            <NameCell name=name.clone() sub=sub.to_owned()/>
            <Cell label="Images" kind=Kind::Number>{of(place.n_images, limits.n_images_max)}</Cell>
            <Cell label="Stored, GB" kind=Kind::Number>{of(gb, limits.stored_gb_max)}</Cell>
            <Cell label="Instances" kind=Kind::Number>{of(place.n_instances, limits.n_instances_max)}</Cell>
            <Cell label="Shares" kind=Kind::Number rank=Rank::Low>{of(place.n_shares, limits.n_shares_max)}</Cell>
            <ActionsCell>
                <LinkButton href variant=Variant::Quiet>"Change"<span class="visually-hidden">": limits in "{name}</span></LinkButton>
            </ActionsCell>
        </Row>
    }
}

/// The page of an account with the dialog that moves it to a site on top.
#[component]
pub fn EditAccountPage() -> impl IntoView {
    let (id, refused) = (use_account_id(), use_form());
    let data = async move {
        let account = get_account_detail(id).await?;
        let fresh = AccountForm { account: id.to_string(), site: account.site.clone() };
        Ok((account, refused.state(fresh).await))
    };
    loaded(data, |(account, state)| {
        view! { <AccountSheet account=account.clone()/><SiteDialog account state/> }.into_any()
    })
}

#[component]
fn SiteDialog(account: AccountDetail, state: FormState<AccountForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::account(account.id);
    let wrong = error_at(error.as_ref(), "site");
    let title = format!("Site of {}", account.name);
    let sub = "Across sites, images are shared only in regions that are on both.";
    view! {
        <Dialog id="edit-account" title sub close_href=close.clone()>
            <PostForm to=EditAccount::url()>
                <input type="hidden" name="form[account]" value=form.account/>
                <DialogBody>
                    <Refusal error/>
                    <Field id="site" name="form[site]" label="Site" value=form.site error=wrong autocomplete="off" hint="What is shared already stays so. On which sites a region is stands on its page."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}

/// The page of an account with the dialog that sets its limits in a region on top.
#[component]
pub fn EditLimitsPage() -> impl IntoView {
    let (id, refused) = (use_account_id(), use_form());
    let region = use_params_map().with_untracked(|params| params.get("region").unwrap_or_default());
    let data = async move {
        let account = get_account_detail(id).await?;
        let place = account.places.iter().find(|place| place.region.as_str() == region).cloned();
        let place = place.ok_or_else(|| darkroom_core::domain::Error::not_found("region"))?;
        let fresh = LimitsForm::of(id, &place.region, &place.limits, place.own);
        Ok((account, place.region, refused.state(fresh).await))
    };
    loaded(data, |(account, region, state)| {
        view! { <AccountSheet account=account.clone()/><LimitsDialog account region state/> }.into_any()
    })
}

#[component]
fn LimitsDialog(account: AccountDetail, region: RegionId, state: FormState<LimitsForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::account(account.id);
    let title = format!("Limits of {} in {region}", account.name);
    let at = |field| error_at(error.as_ref(), field);
    let number = |id: &'static str, field: &'static str, label: &'static str, value: String| {
        view! { <Field id name=format!("form[{field}]") label kind=FieldKind::Number value error=at(field) autocomplete="off"/> }
    };
    let fields = [
        number("n-images-max", "n_images_max", "Images", form.n_images_max),
        number("stored-gb-max", "stored_gb_max", "Storage of images, GB", form.stored_gb_max),
        number("n-instances-max", "n_instances_max", "Instances", form.n_instances_max),
        number("n-creates-max", "n_creates_max", "Images being made at once", form.n_creates_max),
        number("n-shares-max", "n_shares_max", "Shares", form.n_shares_max),
        number("n-snapshots-max", "n_snapshots_max", "Snapshots", form.n_snapshots_max),
    ];
    let wrong_whose = at("whose").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let own = form.whose == "own";
    let common = format!("Those of {region}");
    let sub = "Holds from the next request on. What exists stays as it is.";
    view! {
        <Dialog id="edit-limits" title sub close_href=close.clone()>
            <PostForm to=EditLimits::url()>
                <input type="hidden" name="form[account]" value=form.account/>
                <input type="hidden" name="form[region]" value=form.region/>
                <input type="hidden" name="form[shown]" value=form.shown/>
                <DialogBody>
                    <Refusal error=error.clone()/>
                    <CheckGroup legend="Which limits hold">
                        <Checkbox id="whose-region" name="form[whose]" value="region" kind=CheckKind::Radio label=common pick=Pick::when(!own) hint="Also when they change."/>
                        <Checkbox id="whose-own" name="form[whose]" value="own" kind=CheckKind::Radio label="Its own, below" pick=Pick::when(own)/>
                    </CheckGroup>
                    {wrong_whose}
                    <div class="halves">{fields}</div>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}
