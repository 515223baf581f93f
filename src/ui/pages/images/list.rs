//! My Images: totals, search, filters and the table with live progress. What is shown stands in the address.

use super::super::Refusal;
use super::super::parts::{CancelButton, Moment, Moving, ROLE_WHY, RetryButton, image_status, loaded};
use super::toolbar::{AllMenu, NoMatch, PICKS, Picked, Toolbar, address, asked};
use crate::ui::calls::images::list_images;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::image::list::{Direction, ImageQuery, SortBy};
use darkroom_core::domain::image::tags::{self, TagFilter};
use darkroom_core::domain::image::{Kind as ImageKind, Status as State};
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::size;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{ImageList, ImageRow};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Tags that a row shows; all of them are on the image's page.
const TAGS_SHOWN: usize = 3;

/// The page *My Images*.
#[component]
pub fn ImagesPage() -> impl IntoView {
    let (query, refused) = (use_query_map().with_untracked(asked), use_form());
    let data = async move { Ok((list_images(query).await?, refused.error().await)) };
    let shown = |(list, error): (ImageList, _)| {
        view! {
            <Moving when=moving(&list)/>
            <Refusal error/>
            <ImagesView list/>
        }
        .into_any()
    };
    view! {
        <Title text="My Images · darkroom"/>
        {loaded(data, shown)}
    }
}

fn moving(list: &ImageList) -> bool {
    list.page.rows.iter().any(|row| matches!(row.status, State::Creating | State::Deleting))
}

/// The list, also underneath the dialog about the images that are picked.
#[component]
pub(super) fn ImagesView(list: ImageList) -> impl IntoView {
    let off = (list.images == Switch::Off).then(|| {
        let text = format!(
            "Image feature is not enabled in {}. Images that exist stay usable; new ones cannot be made here. Ask your provider to enable it, or switch to another region.",
            list.region
        );
        view! { <Notice tone=Tone::Warn text/> }
    });
    let head = totals(&list);
    let create = (list.may_change && list.images == Switch::On).then(|| {
        view! { <LinkButton href=paths::INSTANCES variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Create image"</LinkButton> }
    });
    let tabs = super::tabs();
    let body = if list.n_all == 0 {
        view! { <NoImages list/> }.into_any()
    } else {
        view! { <ImagesTable list/> }.into_any()
    };
    view! {
        <PageHead title="My Images">
            {head}
            <PageActions slot>{create}</PageActions>
        </PageHead>
        {off}
        <Tabs label="Images" tabs current=paths::IMAGES/>
        {body}
    }
}

fn totals(list: &ImageList) -> Option<AnyView> {
    // While the first image is being made there is nothing to add up yet.
    if list.stored_bytes == 0 {
        return None;
    }
    // What several images share is paid once, and what is being computed is whole until then.
    let saving = match list.charged_bytes < list.stored_bytes {
        true => format!(" and pay for {}", size::decimal(list.charged_bytes)),
        false => String::new(),
    };
    let stored = format!(
        "You hold {} of {} virtual{saving}. ",
        size::decimal(list.stored_bytes),
        size::binary(list.virtual_bytes)
    );
    let month = format!("{} per month", list.month.display(&list.symbol));
    let rate = format!(" at {}.", list.rate.words(&list.symbol));
    Some(view! { <p class="soft">{stored}<strong>{month}</strong>{rate}</p> }.into_any())
}

#[component]
fn NoImages(list: ImageList) -> impl IntoView {
    let title = format!("No images in {}, {} yet", list.project, list.region);
    let price = format!(
        "Free until the image is available, then {} and month. Only what is really on the disk is stored, compressed.",
        list.rate.words(&list.symbol)
    );
    view! {
        <Frame>
            <EmptyState icon=IconName::Camera title>
                <p>
                    "An image is a copy of a machine that you can deploy again as often as you like. The machine keeps running while it is made."
                </p>
                <p class="soft">{price}</p>
                <EmptyActions slot>
                    <LinkButton href=paths::INSTANCES variant=Variant::Primary size=Size::Form icon=IconName::Camera>
                        "Choose an instance"
                    </LinkButton>
                    <LinkButton href=paths::IMAGES_PUBLIC size=Size::Form>"Show public images"</LinkButton>
                </EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn ImagesTable(list: ImageList) -> impl IntoView {
    let query = list.query;
    let caption = format!("My Images in {}", list.region);
    let n_pages = list.page.n_pages();
    let number = list.page.number;
    let turned = |to: u32| address(&ImageQuery { page: to, ..query.clone() });
    let previous = (number > 1).then(|| turned(number - 1));
    let next = (number < n_pages).then(|| turned(number + 1));
    let range = list.page.range();
    let look =
        RowLook { query: query.clone(), symbol: list.symbol, now: list.now, may_change: list.may_change };
    let n_found = list.page.total;
    let may_change = list.may_change;
    let rows = list.page.rows;
    let body = if rows.is_empty() {
        view! { <NoMatch query=query.clone() n_all=list.n_all region=list.region.to_string()/> }.into_any()
    } else {
        let rows = rows
            .into_iter()
            .map(|row| view! { <ImageLine row look=look.clone()/> }.into_any())
            .collect_view();
        view! {
            <Table caption columns=columns(&query)>{rows}</Table>
            <Picked query=query.clone() may_change/>
            <Pager range previous next/>
        }
        .into_any()
    };
    view! {
        <Frame>
            <Toolbar query=query.clone() known_tags=list.known_tags>
                <AllMenu query n_found may_change/>
            </Toolbar>
            {body}
        </Frame>
    }
}

fn columns(query: &ImageQuery) -> Vec<Column> {
    let sorted = |column: Column, by: SortBy| {
        let now = (query.sort == by).then_some(match query.direction {
            Direction::Ascending => Order::Ascending,
            Direction::Descending => Order::Descending,
        });
        column.sort(sort_address(query, by), now)
    };
    vec![
        Column::pick(),
        sorted(Column::text("Name"), SortBy::Name),
        sorted(Column::text("Source Instance").low(), SortBy::Source),
        sorted(Column::number("Size (virtual / stored)"), SortBy::Size),
        sorted(Column::text("Status"), SortBy::Status),
        sorted(Column::text("Created").low(), SortBy::Created),
        Column::number("Per month"),
        Column::actions(),
    ]
}

/// The list sorted by `by`: the other way round if it is already, else in that column's natural order.
fn sort_address(query: &ImageQuery, by: SortBy) -> String {
    let natural = ImageQuery::from_pairs(std::iter::once(("sort", by.slug()))).direction;
    let direction = match query.direction {
        Direction::Ascending if query.sort == by => Direction::Descending,
        Direction::Descending if query.sort == by => Direction::Ascending,
        _ => natural,
    };
    address(&ImageQuery { sort: by, direction, page: 1, ..query.clone() })
}

/// What all rows need to know of their page.
#[derive(Clone)]
struct RowLook {
    query: ImageQuery,
    symbol: String,
    now: Timestamp,
    may_change: bool,
}

#[component]
fn ImageLine(row: ImageRow, look: RowLook) -> impl IntoView {
    let source = match &row.source {
        Some(name) => view! { <span class="break">{name.to_string()}</span> }.into_any(),
        None => view! { <span class="soft">"None"</span> }.into_any(),
    };
    let known = |bytes: u64, text: String| if bytes == 0 { "–".to_owned() } else { text };
    let virtual_size = known(row.virtual_bytes, size::binary(row.virtual_bytes));
    let stored_size = known(row.stored_bytes, size::decimal(row.stored_bytes));
    let month = row.month.map_or_else(|| "–".to_owned(), |month| month.display(&look.symbol));
    let status = row_status(&row);
    let lock = row.protected.then(|| view! { <Tag label="Protected" icon=IconName::Lock/> });
    let tags = tag_links(&row, &look.query);
    let kind = (row.kind != ImageKind::System).then(|| view! { <Tag label=row.kind.word()/> });
    let (pick_id, pick_label) = (format!("pick-{}", row.id), format!("Select {}", row.name));
    let pick_value = row.id.to_string();
    let (name, href, created, now) = (row.name.to_string(), paths::image(row.id), row.created, look.now);
    view! {
        <Row>
            <PickCell id=pick_id form=PICKS name="image" value=pick_value label=pick_label/>
            <NameCell name href>{kind}{lock}{tags}</NameCell>
            <Cell label="Source Instance" rank=Rank::Low>{source}</Cell>
            <Cell label="Size (virtual / stored)" kind=Kind::Number><SizePair virtual_size stored_size/></Cell>
            <StateCell>{status}</StateCell>
            <Cell label="Created" kind=Kind::Short rank=Rank::Low><Moment at=created now/></Cell>
            <Cell label="Per month" kind=Kind::Number><MoneyText amount=month/></Cell>
            <ActionsCell>
                {first_action(&row, look.may_change)}
                <RowMenu row may_change=look.may_change/>
            </ActionsCell>
        </Row>
    }
}

/// The status of a row; of an image that is no longer active how far it may still be used, and what to use instead.
fn row_status(row: &ImageRow) -> AnyView {
    if row.status != State::Available || row.stage == Stage::Active {
        return image_status(row.status, row.error.clone(), row.task.as_ref());
    }
    let why = row.instead.as_ref().map(|name| format!("Use {name}"));
    let (tone, icon) = match row.stage {
        Stage::Disabled => (Tone::Plain, IconName::Off),
        Stage::Active | Stage::Deprecated => (Tone::Warn, IconName::Clock),
    };
    view! { <Status tone icon word=row.stage.word() nostrip:why=why/> }.into_any()
}

/// The tags of a row; each shows the images that have it too.
fn tag_links(row: &ImageRow, query: &ImageQuery) -> Vec<AnyView> {
    let links = row.tags.iter().take(TAGS_SHOWN).map(|(key, value)| {
        let mut tags = query.tags.clone();
        tags.push(TagFilter { key: key.clone(), value: Some(value.clone()) });
        tags.sort_unstable();
        tags.dedup();
        let href = address(&ImageQuery { tags, page: 1, ..query.clone() });
        view! { <Tag label=tags::label(key, value) href/> }.into_any()
    });
    let more = row.tags.len().saturating_sub(TAGS_SHOWN);
    let more = (more > 0)
        .then(|| view! { <Tag label=format!("{more} more") href=paths::image(row.id)/> }.into_any());
    links.chain(more).collect()
}

/// Whether machines are made from it: a data disk makes disks, and a disabled image nothing.
fn deploys(row: &ImageRow) -> bool {
    row.status == State::Available && row.stage != Stage::Disabled && row.kind != ImageKind::Data
}

/// The action that follows from the status: Deploy, Cancel or Retry.
fn first_action(row: &ImageRow, may_change: bool) -> Option<AnyView> {
    if !may_change {
        return None;
    }
    let task = row.task.as_ref();
    match row.status {
        State::Available if !deploys(row) => None,
        State::Available => Some(view! { <LinkButton href=paths::instance_new_from(row.id) variant=Variant::Quiet>"Deploy"</LinkButton> }.into_any()),
        State::Creating => task
            .filter(|task| task.cancel_blocked.is_none())
            .map(|task| view! { <CancelButton id=task.id variant=Variant::Quiet/> }.into_any()),
        State::Error => task
            .filter(|task| task.retry_blocked.is_none())
            .map(|task| view! { <RetryButton id=task.id variant=Variant::Quiet/> }.into_any()),
        State::Recycled | State::Deleting => None,
    }
}

#[component]
fn RowMenu(row: ImageRow, may_change: bool) -> impl IntoView {
    let id = row.id;
    let label = format!("More actions for {}", row.name);
    let task = row.task.as_ref().map(|task| {
        view! { <MenuLink href=paths::task(task.id) icon=IconName::Task>"Show the task"</MenuLink> }
    });
    let items = if may_change {
        change_items(&row).into_any()
    } else {
        view! { <MenuBlocked label="Deploy, edit or delete" why=ROLE_WHY/> }.into_any()
    };
    view! {
        <Menu id=format!("more-{id}") label>
            {task}
            {items}
            <MenuLink href=paths::audit_of(&Subject::Image(id)) icon=IconName::Audit>"Audit"</MenuLink>
        </Menu>
    }
}

/// The items that change something, as far as the status offers them.
fn change_items(row: &ImageRow) -> impl IntoView + use<> {
    let id = row.id;
    let deploy = deploys(row).then(
        || view! { <MenuLink href=paths::instance_new_from(id) icon=IconName::Deploy>"Deploy"</MenuLink> },
    );
    let edit = (row.status != State::Deleting).then(
        || view! { <MenuLink href=paths::image_edit(id) icon=IconName::Pencil>"Rename or edit"</MenuLink> },
    );
    let delete = match row.status {
        State::Available | State::Error => {
            Some(view! { <MenuLink href=paths::image_delete(id) icon=IconName::Trash tone=Tone::Bad>"Delete"</MenuLink> }.into_any())
        }
        State::Creating => {
            Some(view! { <MenuBlocked label="Delete" why="It is being made. Cancel that instead."/> }.into_any())
        }
        State::Recycled | State::Deleting => None,
    };
    view! { {deploy}{edit}{delete} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_sorts_in_its_natural_order_first_and_then_the_other_way() {
        let query = ImageQuery { page: 3, text: "web".to_owned(), ..ImageQuery::default() };
        let by_name = ImageQuery { sort: SortBy::Name, direction: Direction::Ascending, ..query.clone() };
        assert_eq!(sort_address(&query, SortBy::Name), "/images?q=web&sort=name");
        assert_eq!(sort_address(&by_name, SortBy::Name), "/images?q=web&sort=name&dir=desc");
    }
}
