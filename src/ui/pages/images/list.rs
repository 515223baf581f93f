//! My Images: totals, search, filters and the table with live progress. What is shown stands in the address.

use super::super::Refusal;
use super::super::parts::{CancelButton, Moment, Moving, ROLE_WHY, RetryButton, image_status, loaded};
use crate::ui::calls::images::list_images;
use crate::ui::components::*;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::image::Status as State;
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::image::list::{Direction, ImageQuery, SortBy};
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::size;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{ImageList, ImageRow};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

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

/// The query in the address. A status may stand there several times: that is how a form without script sends boxes.
fn asked(address: &ParamsMap) -> ImageQuery {
    let pairs: Vec<(String, String)> =
        address.clone().into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    ImageQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn moving(list: &ImageList) -> bool {
    list.page.rows.iter().any(|row| matches!(row.status, State::Creating | State::Deleting))
}

fn address(query: &ImageQuery) -> String {
    format!("{}{}", paths::IMAGES, query.address())
}

#[component]
fn ImagesView(list: ImageList) -> impl IntoView {
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
    let stored = format!(
        "{} stored of {} virtual. ",
        size::decimal(list.stored_bytes),
        size::binary(list.virtual_bytes)
    );
    let month = format!("{} per month", list.month.display(&list.symbol));
    let rate = format!(" at {} per stored GB.", list.rate.rate(&list.symbol));
    Some(view! { <p class="soft">{stored}<strong>{month}</strong>{rate}</p> }.into_any())
}

#[component]
fn NoImages(list: ImageList) -> impl IntoView {
    let title = format!("No images in {}, {} yet", list.project, list.region);
    let price = format!(
        "Free until the image is available, then {} per stored GB and month. Only what is really on the disk is stored, compressed.",
        list.rate.rate(&list.symbol)
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
    let look = RowLook { symbol: list.symbol, now: list.now, may_change: list.may_change };
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
            <Pager range previous next/>
        }
        .into_any()
    };
    view! {
        <Frame>
            <Toolbar query/>
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

/// What the form of the toolbar must send along so that the rest of the address stays.
fn kept_pairs(query: &ImageQuery) -> Vec<(String, String)> {
    let rest = ImageQuery { text: String::new(), statuses: vec![], page: 1, ..query.clone() };
    let pairs = rest.address();
    pairs
        .trim_start_matches('?')
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[component]
fn Toolbar(query: ImageQuery) -> impl IntoView {
    let kept = kept_pairs(&query)
        .into_iter()
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> })
        .collect_view();
    let boxes = State::ALL
        .into_iter()
        .map(|status| {
            let pick = Pick::when(query.statuses.contains(&status));
            view! { <Checkbox id=format!("status-{}", status.slug()) name="status" value=status.slug() label=status.word() pick/> }
        })
        .collect_view();
    let chips = query
        .statuses
        .iter()
        .map(|gone| {
            let statuses = query.statuses.iter().copied().filter(|status| status != gone).collect();
            Chip {
                label: gone.word().to_owned(),
                remove_href: address(&ImageQuery { statuses, page: 1, ..query.clone() }),
            }
        })
        .collect::<Vec<_>>();
    view! {
        <FrameBar>
            <form method="get" action=paths::IMAGES>
                {kept}
                <SearchBox id="q" label="Search images" placeholder="Name, source, ID or tag" value=query.text/>
                <FilterMenu id="filters">{boxes}<Button>"Show matching images"</Button></FilterMenu>
            </form>
            <FilterChips chips/>
        </FrameBar>
    }
}

#[component]
fn NoMatch(query: ImageQuery, n_all: u32, region: String) -> impl IntoView {
    let title = if query.text.is_empty() {
        "No image has this status".to_owned()
    } else {
        format!("No image matches “{}”", query.text)
    };
    let images = if n_all == 1 { "1 image".to_owned() } else { format!("{} images", grouped(n_all)) };
    let searched = format!("Searched in names, sources, IDs and tags of {images} in {region}.");
    view! {
        <EmptyState icon=IconName::Search title>
            <p>{searched}</p>
            <EmptyActions slot>
                <LinkButton href=paths::IMAGES size=Size::Form>"Show all images"</LinkButton>
            </EmptyActions>
        </EmptyState>
    }
}

/// What all rows need to know of their page.
#[derive(Clone)]
struct RowLook {
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
    let status = image_status(row.status, row.error.clone(), row.task.as_ref());
    let stage = (row.stage != Stage::Active).then(|| view! { <Tag label=row.stage.word()/> });
    let (name, href, created, now) = (row.name.to_string(), paths::image(row.id), row.created, look.now);
    view! {
        <Row>
            <NameCell name href>{stage}</NameCell>
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

/// The action that follows from the status: Deploy, Cancel or Retry.
fn first_action(row: &ImageRow, may_change: bool) -> Option<AnyView> {
    if !may_change {
        return None;
    }
    let task = row.task.as_ref();
    match row.status {
        State::Available if row.stage == Stage::Disabled => None,
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
    let deploy = (row.status == State::Available).then(
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

    #[test]
    fn a_search_keeps_order_and_rows_but_starts_on_the_first_page() {
        let query = ImageQuery {
            text: "web".to_owned(),
            statuses: vec![State::Error],
            sort: SortBy::Size,
            page: 4,
            size: 50,
            ..ImageQuery::default()
        };
        let pairs = kept_pairs(&query);
        assert_eq!(pairs, [("sort".to_owned(), "size".to_owned()), ("rows".to_owned(), "50".to_owned())]);
        assert!(kept_pairs(&ImageQuery::default()).is_empty());
    }

    #[test]
    fn boxes_sent_by_a_plain_form_all_count() {
        let address: ParamsMap =
            [("status", "error"), ("status", "creating"), ("q", " web ")].into_iter().collect();
        let query = asked(&address);
        assert_eq!((query.statuses, query.text.as_str()), (vec![State::Creating, State::Error], "web"));
    }
}
