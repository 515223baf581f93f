//! The table: 40 px rows that become cards when it gets narrow. The ARIA roles stay in the markup, because a table
//! drawn as cards is none for assistive technology otherwise. Text at the left, numbers at the right with their
//! unit; names are links, the row itself is not.

use super::icon::{Icon, IconName};
use leptos::prelude::*;

/// What a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Text,
    /// Right-aligned, never broken.
    Number,
    /// A date or another short word that is never broken.
    Short,
}

/// Whether a column stays when it gets narrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rank {
    #[default]
    Always,
    /// Goes first.
    Low,
}

/// The order of the rows by one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duty {
    Data,
    Pick,
    Actions,
}

/// The head of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    label: String,
    kind: Kind,
    rank: Rank,
    duty: Duty,
    sort: Option<(String, Option<Order>)>,
}

impl Column {
    fn with_duty(label: impl Into<String>, kind: Kind, duty: Duty) -> Self {
        Self { label: label.into(), kind, rank: Rank::Always, duty, sort: None }
    }

    /// A column of words.
    pub fn text(label: impl Into<String>) -> Self {
        Self::with_duty(label, Kind::Text, Duty::Data)
    }

    /// A column of figures.
    pub fn number(label: impl Into<String>) -> Self {
        Self::with_duty(label, Kind::Number, Duty::Data)
    }

    /// The boxes that pick rows; its label is only read out.
    #[must_use]
    pub fn pick() -> Self {
        Self::with_duty("Select", Kind::Text, Duty::Pick)
    }

    /// The buttons of the rows; its label is only read out.
    #[must_use]
    pub fn actions() -> Self {
        Self::with_duty("Actions", Kind::Text, Duty::Actions)
    }

    /// Goes first when it gets narrow. Its cells need `rank=Rank::Low` as well.
    #[must_use]
    pub fn low(mut self) -> Self {
        self.rank = Rank::Low;
        self
    }

    /// Makes the head a link that sorts. `now` is the order of the rows if it is this column's.
    #[must_use]
    pub fn sort(mut self, href: impl Into<String>, now: Option<Order>) -> Self {
        self.sort = Some((href.into(), now));
        self
    }

    fn class(&self) -> String {
        let duty = match self.duty {
            Duty::Data => "",
            Duty::Pick => "pick",
            Duty::Actions => "acts",
        };
        join_classes(&[duty, kind_class(self.kind), rank_class(self.rank)])
    }
}

const fn kind_class(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "",
        Kind::Number => "num",
        Kind::Short => "nowrap",
    }
}

const fn rank_class(rank: Rank) -> &'static str {
    match rank {
        Rank::Always => "",
        Rank::Low => "low",
    }
}

fn join_classes(classes: &[&str]) -> String {
    classes.iter().filter(|class| !class.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

/// What happens to rows when there is no room for columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TableLook {
    /// Rows become cards.
    #[default]
    Cards,
    /// Rows become cards; one of several tables whose columns stand below one another.
    Series,
    /// Stays a table: few, short columns.
    Plain,
}

/// The last row of a table, with its sums: `<TableFoot slot>…<Row>…`.
#[slot]
pub struct TableFoot {
    children: Children,
}

/// A table with its head; the children are `Row`s.
#[component]
pub fn Table(
    /// Read out, not drawn: *My Images in north-1*.
    #[prop(into)]
    caption: String,
    columns: Vec<Column>,
    #[prop(optional)] look: TableLook,
    #[prop(optional)] table_foot: Option<TableFoot>,
    children: Children,
) -> impl IntoView {
    let class = match look {
        TableLook::Cards => "table table--cards",
        TableLook::Series => "table table--cards table--series",
        TableLook::Plain => "table",
    };
    let heads = columns.into_iter().map(|column| view! { <ColumnHead column/> }).collect_view();
    let foot = table_foot.map(|foot| view! { <tfoot role="rowgroup">{(foot.children)()}</tfoot> });
    view! {
        <table class=class role="table">
            <caption class="visually-hidden">{caption}</caption>
            <thead role="rowgroup">
                <tr role="row">{heads}</tr>
            </thead>
            <tbody role="rowgroup">{children()}</tbody>
            {foot}
        </table>
    }
}

#[component]
fn ColumnHead(column: Column) -> impl IntoView {
    let class = column.class();
    let now = column.sort.as_ref().and_then(|(_, now)| *now);
    let aria_sort = now.map(|order| match order {
        Order::Ascending => "ascending",
        Order::Descending => "descending",
    });
    let arrow = now.map(|order| {
        let name = if order == Order::Ascending { IconName::Up } else { IconName::Down };
        view! { <Icon name/> }
    });
    let label = match (column.duty, column.sort) {
        (Duty::Pick | Duty::Actions, _) => {
            view! { <span class="visually-hidden">{column.label}</span> }.into_any()
        }
        (Duty::Data, Some((href, _))) => view! { <a href=href>{column.label}{arrow}</a> }.into_any(),
        (Duty::Data, None) => column.label.into_any(),
    };
    view! { <th role="columnheader" scope="col" class=class aria-sort=aria_sort>{label}</th> }
}

/// One row; the children are cells in the order of the columns.
#[component]
pub fn Row(children: Children) -> impl IntoView {
    view! { <tr role="row">{children()}</tr> }
}

/// The name of a row. The children are tags, which show where there is room.
#[component]
pub fn NameCell(
    #[prop(into)] name: String,
    #[prop(optional, into)] href: Option<String>,
    /// A small second line: *Debian 12, system*.
    #[prop(optional, into)]
    sub: Option<String>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let name = match href {
        Some(href) => view! { <a class="name" href=href>{name}</a> }.into_any(),
        None => view! { <span class="name">{name}</span> }.into_any(),
    };
    let sub = sub.map(|text| view! { <div class="sub">{text}</div> });
    let tags = children.map(|children| view! { <span class="cluster roomy">{children()}</span> });
    view! {
        <th role="rowheader" scope="row" class="title">
            <div class="cluster">{name}{tags}</div>
            {sub}
        </th>
    }
}

/// A cell. The label is the head of its column, shown above it when the row is a card.
#[component]
pub fn Cell(
    #[prop(into)] label: String,
    #[prop(optional)] kind: Kind,
    #[prop(optional)] rank: Rank,
    children: Children,
) -> impl IntoView {
    let class = join_classes(&[kind_class(kind), rank_class(rank)]);
    view! { <td role="cell" data-label=label class=class>{children()}</td> }
}

/// The cell of a `Status`; in a card it stands beside the actions.
#[component]
pub fn StateCell(
    #[prop(default = "Status".to_owned(), into)] label: String,
    children: Children,
) -> impl IntoView {
    view! { <td role="cell" class="state" data-label=label>{children()}</td> }
}

/// The box that picks a row for the bulk bar.
#[component]
pub fn PickCell(
    /// Unique on the page and the row's own, so that an update of the page keeps it with its row.
    #[prop(into)]
    id: String,
    /// The form it belongs to: that of the bulk bar.
    form: &'static str,
    /// What the form sends for each picked row.
    #[prop(into)]
    name: String,
    #[prop(into)] value: String,
    /// *Select production-web-server-v2*.
    #[prop(into)]
    label: String,
) -> impl IntoView {
    view! {
        <td role="cell" class="pick">
            <label>
                <input type="checkbox" id=id name=name value=value form=form aria-label=label autocomplete="off"/>
            </label>
        </td>
    }
}

/// How the actions of a row stand in a card.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ActionsLook {
    /// Beside the status: one word and a menu.
    #[default]
    Beside,
    /// On a line of their own: two words or more.
    Below,
}

/// The buttons of a row.
#[component]
pub fn ActionsCell(#[prop(optional)] look: ActionsLook, children: Children) -> impl IntoView {
    let class = if look == ActionsLook::Below { "acts wide" } else { "acts" };
    view! {
        <td role="cell" class=class>
            <div>{children()}</div>
        </td>
    }
}

/// Virtual and stored size in one cell; the slashes of a column line up. Only the second figure has the unit.
#[component]
pub fn SizePair(#[prop(into)] virtual_size: String, #[prop(into)] stored_size: String) -> impl IntoView {
    view! { <span class="pair"><span>{virtual_size}</span><span>{stored_size}</span></span> }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    fn columns() -> Vec<Column> {
        vec![
            Column::pick(),
            Column::text("Name").sort("?sort=name", None),
            Column::number("Per month"),
            Column::text("Created").low().sort("?sort=created", Some(Order::Descending)),
        ]
    }

    #[test]
    fn only_the_column_that_sorts_says_so() {
        let table = html(|| view! { <Table caption="Images" columns=columns()>""</Table> });
        assert_eq!(table.matches("aria-sort=").count(), 1, "{table}");
        assert!(
            table.contains("aria-sort=\"descending\"") && table.contains("href=\"?sort=name\""),
            "{table}"
        );
    }

    #[test]
    fn a_table_drawn_as_cards_stays_a_table_for_everybody() {
        let table = html(|| {
            view! {
                <Table caption="Images" columns=columns()>
                    <Row>
                        <NameCell name="web" href="/images/1"/>
                        <Cell label="Per month" kind=Kind::Number>"€0.47"</Cell>
                    </Row>
                </Table>
            }
        });
        for role in ["table", "rowgroup", "row", "columnheader", "rowheader", "cell"] {
            assert!(table.contains(&format!("role=\"{role}\"")), "{role}: {table}");
        }
        assert!(
            table.contains("<tbody")
                && table.contains("<caption")
                && table.contains("data-label=\"Per month\"")
        );
    }
}
