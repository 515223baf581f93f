//! The audit trail: who did what to which thing, of an account or of one thing. What may be seen is core's to say.

use super::words::action_words;
use super::{Loading, Problem};
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

/// What was asked for: an image's id, a machine's id (each may be empty), and the page.
type Asked = (String, String, u32);

/// Audit.
#[component]
pub fn AuditPage() -> impl IntoView {
    let image = use_word("image");
    let instance = use_word("instance");
    let number = use_page_number();
    let asked = Memo::new(move |_| (image.get(), instance.get(), number.get()));
    let events = Resource::new_blocking(
        move || asked.get(),
        async |asked: Asked| {
            let subject = subject(&asked.0, &asked.1)?;
            let list = list_events(subject, asked.2).await?;
            Ok::<_, ApiError>((asked, list))
        },
    );
    let page = move || {
        Suspend::new(async move {
            match events.await {
                Ok((answered, list)) => view! { <AuditView asked answered list/> }.into_any(),
                Err(error) => view! { <Problem error/> }.into_any(),
            }
        })
    };
    view! {
        <Title text="Audit · darkroom"/>
        <Transition fallback=Loading>{page}</Transition>
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
fn AuditView(asked: Memo<Asked>, answered: Asked, list: AuditList) -> impl IntoView {
    // It parsed when it was asked.
    let subject = subject(&answered.0, &answered.1).ok().flatten();
    let scope = scope(subject, &list);
    let way_back = subject.map(|subject| {
        let above = paths::subject(&subject)
            .map(|href| view! { <LinkButton href size=Size::Form>"Back to it"</LinkButton> });
        view! { {above} <LinkButton href=paths::AUDIT size=Size::Form>"Show everything"</LinkButton> }
    });
    let body = if list.page.rows.is_empty() {
        view! { <NoEvents/> }.into_any()
    } else {
        view! { <EventTable asked answered list/> }.into_any()
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
fn EventTable(asked: Memo<Asked>, answered: Asked, list: AuditList) -> impl IntoView {
    let words = [("image", answered.0.as_str()), ("instance", answered.1.as_str())];
    let (previous, next) = neighbours(&list.page, paths::AUDIT, &words);
    let range = list.page.range();
    let caption = format!("{} audit events", grouped(list.page.total));
    let loading = Signal::derive(move || {
        let loads = asked.with(|asked| *asked != answered);
        loads.then(|| "Loading events".to_owned())
    });
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
        <Frame loading>
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
    view! {
        <Row>
            <Cell label="When" kind=Kind::Short>
                <Time datetime=event.at.rfc3339() text=event.at.listed(now)/>
            </Cell>
            <Cell label="Who">{event.actor}</Cell>
            <NameCell name=action_words(&event.action)/>
            <Cell label="On">{subject}</Cell>
            <Cell label="Detail" rank=Rank::Low>{event.detail}</Cell>
            <Cell label="Project" rank=Rank::Low>{event.project}</Cell>
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
