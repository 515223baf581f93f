//! The audit trail: who did what to which thing, of an account or of one thing. What may be seen is core's to say.

use super::parts::loaded;
use super::words::action_words;
use crate::ui::calls::tasks::list_events;
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::paths;
use crate::ui::state::{neighbours, use_page_number, use_word};
use darkroom_core::domain::Error;
use darkroom_core::domain::ids::Subject;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{AuditList, EventRow};
use leptos::prelude::*;
use leptos_meta::Title;

/// Audit.
#[component]
pub fn AuditPage() -> impl IntoView {
    let (image, instance, number) = (use_word("image"), use_word("instance"), use_page_number());
    let events = async move {
        let subject = subject(&image, &instance)?;
        Ok((subject, list_events(subject, number).await?))
    };
    view! {
        <Title text="Audit · darkroom"/>
        {loaded(events, |(subject, list)| view! { <AuditView subject list/> }.into_any())}
    }
}

/// The thing the address asks about, if it asks about one.
fn subject(image: &str, instance: &str) -> Result<Option<Subject>, ApiError> {
    let unknown = |noun| ApiError(Error::not_found(noun));
    match (image, instance) {
        ("", "") => Ok(None),
        ("", id) => id.parse().map(|id| Some(Subject::Instance(id))).map_err(|_| unknown("instance")),
        (id, _) => id.parse().map(|id| Some(Subject::Image(id))).map_err(|_| unknown("image")),
    }
}

/// One sentence that says of what this is the trail.
fn scope(subject: Option<Subject>, list: &AuditList) -> String {
    let name = || list.page.rows.first().map(|event| event.name.clone()).unwrap_or_default();
    match subject {
        // It does not exist, or not for this person: both look the same.
        Some(subject) if list.page.rows.is_empty() => {
            format!("Nothing is known here of such an {}.", subject.noun())
        }
        Some(subject) => format!("What happened to the {} {}, newest first.", subject.noun(), name()),
        None if list.account.is_empty() => "What happened in all accounts, newest first.".to_owned(),
        None if list.project_only => {
            format!(
                "What happened in this project of {}, newest first. Its owners see all projects.",
                list.account
            )
        }
        None => format!("What happened in {}, newest first.", list.account),
    }
}

#[component]
fn AuditView(subject: Option<Subject>, list: AuditList) -> impl IntoView {
    let scope = scope(subject, &list);
    let way_back = subject.map(|subject| {
        let above = paths::subject(&subject)
            .map(|href| view! { <LinkButton href size=Size::Form>"Back to it"</LinkButton> });
        view! { {above} <LinkButton href=paths::AUDIT size=Size::Form>"Show everything"</LinkButton> }
    });
    let body = if list.page.rows.is_empty() {
        view! { <NoEvents/> }.into_any()
    } else {
        view! { <EventTable subject list/> }.into_any()
    };
    view! {
        <PageHead title="Audit">
            <p class="soft">{scope}</p>
            <PageActions slot>{way_back}</PageActions>
        </PageHead>
        {body}
    }
}

#[component]
fn EventTable(subject: Option<Subject>, list: AuditList) -> impl IntoView {
    let trail = subject.map_or_else(|| paths::AUDIT.to_owned(), |subject| paths::audit_of(&subject));
    let (previous, next) = neighbours(&list.page, &trail, &[]);
    let range = list.page.range();
    let caption = format!("{} audit events", grouped(list.page.total));
    let columns = vec![
        Column::text("When"),
        Column::text("Who"),
        Column::text("What"),
        Column::text("On"),
        Column::text("Detail").low(),
        Column::text("Project").low(),
    ];
    let now = list.now;
    let rows = list.page.rows.into_iter().map(|event| view! { <EventLine event now/> }).collect_view();
    view! {
        <Frame>
            <Table caption columns>
                {rows}
            </Table>
            <Pager range previous next/>
        </Frame>
    }
}

#[component]
fn EventLine(event: EventRow, now: Timestamp) -> impl IntoView {
    let subject = match paths::subject(&event.subject) {
        Some(href) => view! { <a href=href>{event.name}</a> }.into_any(),
        None => event.name.into_any(),
    };
    // A card leaves out a cell with nothing in it.
    let detail = (!event.detail.is_empty()).then_some(event.detail);
    let project = (!event.project.is_empty()).then_some(event.project);
    view! {
        <Row>
            <Cell label="When" kind=Kind::Short>
                <Time datetime=event.at.rfc3339() text=event.at.listed(now)/>
            </Cell>
            <Cell label="Who">{event.actor}</Cell>
            <NameCell name=action_words(&event.action)/>
            <Cell label="On">{subject}</Cell>
            <Cell label="Detail" rank=Rank::Low>{detail}</Cell>
            <Cell label="Project" rank=Rank::Low>{project}</Cell>
        </Row>
    }
}

#[component]
fn NoEvents() -> impl IntoView {
    view! {
        <EmptyState icon=IconName::Audit title="Nothing has happened yet">
            <p>"Every change is written down here: who made it, when, and what it was. Nobody can remove a line."</p>
        </EmptyState>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_asks_about_all_or_about_one_thing_that_can_exist() {
        let id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(subject("", ""), Ok(None));
        assert!(matches!(subject(id, ""), Ok(Some(Subject::Image(_)))));
        assert!(matches!(subject("", id), Ok(Some(Subject::Instance(_)))));
        assert!(subject("x", "").is_err() && subject("", "x").is_err());
    }
}
