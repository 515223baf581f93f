//! The audit trail: who did what to which thing, of an account or of one thing. What may be seen is core's to say.

use super::parts::loaded;
use super::words::action_words;
use crate::ui::calls::tasks::list_events;
use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::event::AuditQuery;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{AuditList, EventRow};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

/// Audit.
#[component]
pub fn AuditPage() -> impl IntoView {
    let query = use_query_map().with_untracked(asked);
    let events = async move { Ok((list_events(query.clone()).await?, query)) };
    view! {
        <Title text="Audit · darkroom"/>
        {loaded(events, |(list, query)| view! { <AuditView query list/> }.into_any())}
    }
}

fn asked(address: &ParamsMap) -> AuditQuery {
    let pairs: Vec<(String, String)> =
        address.clone().into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    AuditQuery::from_pairs(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

fn address(query: &AuditQuery) -> String {
    format!("{}{}", paths::AUDIT, query.address())
}

/// One sentence that says of what this is the trail.
fn scope(query: &AuditQuery, list: &AuditList) -> String {
    let name = || list.page.rows.first().map(|event| event.name.clone()).unwrap_or_default();
    let part = match (query.project, query.account) {
        (Some(_), _) => Some("project"),
        (None, Some(_)) => Some("account"),
        (None, None) => None,
    };
    match query.subject {
        // It does not exist, or not for this person: both look the same.
        Some(subject) if list.page.rows.is_empty() => {
            format!("Nothing is known here of such an {}.", subject.noun())
        }
        Some(subject) => format!("What happened to the {} {}, newest first.", subject.noun(), name()),
        None if part.is_some() => match (&list.narrowed, part) {
            (Some(narrowed), _) => format!("What happened in the {narrowed}, newest first."),
            (None, Some("project")) => "Nothing is known here of such a project.".to_owned(),
            (None, _) => "Nothing is known here of such an account.".to_owned(),
        },
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
fn AuditView(query: AuditQuery, list: AuditList) -> impl IntoView {
    let scope = scope(&query, &list);
    let provider = list.account.is_empty();
    let way_back = query.subject.map(|subject| {
        let above = paths::subject(&subject)
            .map(|href| view! { <LinkButton href size=Size::Form>"Back to it"</LinkButton> });
        view! { {above} <LinkButton href=paths::AUDIT size=Size::Form>"Show everything"</LinkButton> }
    });
    let to_account = query.account.filter(|_| provider && list.narrowed.is_some()).map(|account| {
        view! { <LinkButton href=paths::account(account) size=Size::Form>"Back to the account"</LinkButton> }
    });
    let parts = Parts::of(&query, &list);
    let csv = format!("{}{}", paths::AUDIT_CSV, AuditQuery { page: 1, ..query.clone() }.address());
    let body = match (list.page.rows.is_empty(), query.narrows()) {
        (true, true) => view! { <NoMatch/> }.into_any(),
        (true, false) => view! { <NoEvents/> }.into_any(),
        (false, _) => view! { <EventTable query=query.clone() list/> }.into_any(),
    };
    view! {
        <PageHead title="Audit">
            <p class="soft">{scope}</p>
            <PageActions slot>
                {way_back}
                {to_account}
                <LinkButton href=csv size=Size::Form icon=IconName::Export>"Export list"</LinkButton>
            </PageActions>
        </PageHead>
        <Frame>
            <Filters query parts/>
            {body}
        </Frame>
    }
}

/// Groups of actions that a filter proposes, as people say them.
const GROUPS: [(&str, &str); 15] = [
    ("", "Everything"),
    ("image", "Images"),
    ("instance", "Instances"),
    ("group", "Scaling groups"),
    ("share", "Sharing"),
    ("snapshot", "Snapshots"),
    ("schedule", "Schedules"),
    ("snapshot_service", "Snapshot service"),
    ("quota", "Quotas"),
    ("billing", "Billing"),
    ("charge", "Charges"),
    ("task", "Tasks"),
    ("user", "People"),
    ("account", "Account"),
    ("region", "Regions"),
];

/// What the trail can be narrowed to: the projects of an owner, the accounts of the provider. Ids and names, and which is chosen.
#[derive(Default)]
struct Parts {
    /// The word of the address; empty where there is nothing to choose.
    word: &'static str,
    label: &'static str,
    /// What stands for all of them.
    all: &'static str,
    known: Vec<(String, String)>,
    chosen: String,
    /// What is chosen, in words; empty for nothing.
    said: String,
    /// Asked for by an address, where nothing is there to choose from.
    kept: Vec<(&'static str, String)>,
}

impl Parts {
    fn of(query: &AuditQuery, list: &AuditList) -> Self {
        let project = query.project.map(|id| id.to_string());
        let account = query.account.map(|id| id.to_string());
        let said = list.narrowed.clone().unwrap_or_default();
        let kept = |word, id: &Option<String>| id.clone().map(|id| (word, id));
        if !list.accounts.is_empty() {
            let known = list.accounts.iter().map(|(id, name)| (id.to_string(), name.to_string())).collect();
            let (word, label, all) = ("account", "Account", "All accounts");
            let kept = kept("project", &project).into_iter().collect();
            return Self { word, label, all, known, chosen: account.unwrap_or_default(), said, kept };
        }
        let (word, label, all) = match list.projects.is_empty() {
            true => ("", "", ""),
            false => ("project", "Project", "All projects"),
        };
        let mut rest: Vec<_> = kept("account", &account).into_iter().collect();
        if word.is_empty() {
            rest.extend(kept("project", &project));
        }
        let known = list.projects.iter().map(|(id, name)| (id.to_string(), name.to_string())).collect();
        Self { word, label, all, known, chosen: project.unwrap_or_default(), said, kept: rest }
    }

    /// The menu; a chosen one that is not known stays chosen, so that sending the form again asks for the same.
    fn choices(&self) -> Vec<Choice> {
        let mut choices = vec![Choice::new("", self.all, Pick::when(self.chosen.is_empty()))];
        let known = self.known.iter();
        choices.extend(
            known.map(|(id, name)| Choice::new(id.clone(), name.clone(), Pick::when(*id == self.chosen))),
        );
        if !self.chosen.is_empty() && self.known.iter().all(|(id, _)| *id != self.chosen) {
            choices.push(Choice::new(self.chosen.clone(), "One that is not known here", Pick::Chosen));
        }
        choices
    }
}

#[component]
fn Filters(query: AuditQuery, parts: Parts) -> impl IntoView {
    let kept = parts
        .kept
        .iter()
        .map(|(word, id)| view! { <input type="hidden" name=*word value=id.clone()/> })
        .collect_view();
    let part = (!parts.word.is_empty()).then(|| {
        view! { <Select id="part" name=parts.word label=parts.label choices=parts.choices()/> }
    });
    let subject = query.subject.map(|subject| {
        view! { <input type="hidden" name=subject.kind() value=subject.uuid().to_string()/> }
    });
    let mut choices: Vec<Choice> = GROUPS
        .iter()
        .map(|(value, label)| Choice::new(*value, *label, Pick::when(*value == query.action)))
        .collect();
    if GROUPS.iter().all(|(value, _)| *value != query.action) {
        choices.push(Choice::new(query.action.clone(), action_words(&query.action), Pick::Chosen));
    }
    let chip = |label: String, rest: AuditQuery| Chip {
        label,
        remove_href: address(&AuditQuery { page: 1, ..rest }),
    };
    let mut chips = Vec::new();
    if query.project.is_some() || query.account.is_some() {
        let said = if parts.said.is_empty() { "not known here" } else { &parts.said };
        let mut label = said.to_owned();
        if let Some(first) = label.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        chips.push(chip(label, AuditQuery { project: None, account: None, ..query.clone() }));
    }
    if !query.action.is_empty() {
        let known = GROUPS.iter().find(|(value, _)| *value == query.action);
        let label = known.map_or_else(|| action_words(&query.action), |(_, label)| (*label).to_owned());
        chips.push(chip(label, AuditQuery { action: String::new(), ..query.clone() }));
    }
    if !query.from.is_empty() {
        chips.push(chip(format!("From {}", query.from), AuditQuery { from: String::new(), ..query.clone() }));
    }
    if !query.until.is_empty() {
        chips.push(chip(
            format!("Until {}", query.until),
            AuditQuery { until: String::new(), ..query.clone() },
        ));
    }
    view! {
        <FrameBar>
            <form method="get" action=paths::AUDIT>
                {subject}
                {kept}
                <SearchBox id="actor" name="actor" label="Search by who did it" placeholder="Who" value=query.actor.clone()/>
                <FilterMenu id="filters">
                    {part}
                    <Select id="action" name="action" label="What" choices/>
                    <Field id="from" name="from" label="From day" kind=FieldKind::Day need=Need::Optional value=query.from.clone()/>
                    <Field id="until" name="until" label="Until day" kind=FieldKind::Day need=Need::Optional value=query.until.clone()/>
                    <Button>"Show matching events"</Button>
                </FilterMenu>
            </form>
            <FilterChips chips/>
        </FrameBar>
    }
}

#[component]
fn EventTable(query: AuditQuery, list: AuditList) -> impl IntoView {
    let turned = |page: u32| address(&AuditQuery { page, ..query.clone() });
    let number = list.page.number;
    let previous = (number > 1).then(|| turned(number - 1));
    let next = (number < list.page.n_pages()).then(|| turned(number + 1));
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
        <Table caption columns>{rows}</Table>
        <Pager range previous next/>
    }
}

#[component]
fn NoMatch() -> impl IntoView {
    view! {
        <EmptyState icon=IconName::Search title="No event matches">
            <p>"Take a filter away, or look further back."</p>
            <EmptyActions slot><LinkButton href=paths::AUDIT size=Size::Form>"Show everything"</LinkButton></EmptyActions>
        </EmptyState>
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
    use darkroom_core::domain::ids::Subject;

    #[test]
    fn an_address_asks_about_all_or_about_one_thing_that_can_exist() {
        let id = "00000000-0000-0000-0000-000000000001";
        let subject = |key: &'static str, id: &str| {
            let map: ParamsMap = [(key, id)].into_iter().collect();
            asked(&map).subject
        };
        assert_eq!(asked(&ParamsMap::new()), AuditQuery::default());
        assert!(matches!(subject("image", id), Some(Subject::Image(_))));
        assert!(matches!(subject("instance", id), Some(Subject::Instance(_))));
        assert_eq!((subject("image", "x"), subject("nothing", id)), (None, None));
    }
}
