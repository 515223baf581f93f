//! The page *Account*: who is signed in, their projects, their sessions and their password.

use super::Refusal;
use super::parts::loaded;
use crate::ui::calls::people::{ChangePassword, RevokeSession, get_account};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::islands::CopyableId;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{AccountView, ProjectRow, SessionRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The signed-in user's own page.
#[component]
pub fn AccountPage() -> impl IntoView {
    let refused = use_form();
    let account = async move { Ok((get_account().await?, refused.error().await)) };
    view! {
        <Title text="Account · darkroom"/>
        {loaded(account, |(account, refused)| view! { <AccountDetail account refused/> }.into_any())}
    }
}

#[component]
fn AccountDetail(account: AccountView, refused: Option<ApiError>) -> impl IntoView {
    // One refusal comes with the page, whichever form it was: what is said at a field is the password's.
    let at_fields = refused.clone().filter(|error| !error.fields().is_empty());
    let AccountView { email, account, account_id, projects, sessions, now } = account;
    let user = email.clone();
    let owner = if account.is_empty() { "The provider".to_owned() } else { account };
    let id = account_id.map(|id| view! { <Fact term="Account ID"><CopyableId id=id.to_string()/></Fact> });
    view! {
        <PageHead title="Account"/>
        <Refusal error=refused/>
        <Facts>
            <Fact term="Signed in as">{email}</Fact>
            <Fact term="Account">{owner}</Fact>
            {id}
        </Facts>
        <Projects projects/>
        <Section id="sessions" title="Sessions">
            <p class="soft">"Browsers that are signed in as you. End those that you do not know, then change your password."</p>
            <Sessions sessions now/>
        </Section>
        <Section id="password" title="Password">
            <Password email=user error=at_fields/>
        </Section>
    }
}

#[component]
fn Projects(projects: Vec<ProjectRow>) -> impl IntoView {
    let columns = vec![Column::text("Project"), Column::text("Your role"), Column::text("Project ID")];
    let rows = projects
        .into_iter()
        .map(|project| {
            view! {
                <Row>
                    <NameCell name=project.name.to_string()/>
                    <Cell label="Your role">{project.role.as_str()}</Cell>
                    <Cell label="Project ID">
                        <CopyableId id=project.id.to_string()/>
                    </Cell>
                </Row>
            }
        })
        .collect::<Vec<_>>();
    let body = if rows.is_empty() {
        view! { <p class="soft">"You are in no project. An owner of your account can add you to one."</p> }
            .into_any()
    } else {
        view! { <Frame><Table caption="Your projects" columns>{rows}</Table></Frame> }.into_any()
    };
    view! { <Section id="projects" title="Projects">{body}</Section> }
}

#[component]
fn Sessions(sessions: Vec<SessionRow>, now: Timestamp) -> impl IntoView {
    let columns = vec![
        Column::text("Browser"),
        Column::text("Last used"),
        Column::text("Signed in").low(),
        Column::actions(),
    ];
    let rows = sessions.into_iter().map(|session| view! { <Session session now/> }).collect_view();
    view! { <Frame><Table caption="Your sessions" columns>{rows}</Table></Frame> }
}

#[component]
fn Session(session: SessionRow, now: Timestamp) -> impl IntoView {
    let SessionRow { id, agent, created, last_used, current } = session;
    let agent = if agent.is_empty() { "A browser without a name".to_owned() } else { agent };
    let about = agent.clone();
    let action = if current {
        // Ending this one is signing out, which has its own button in the account menu.
        view! { <Status tone=Tone::Good word="This browser"/> }.into_any()
    } else {
        view! {
            <PostForm to=RevokeSession::url()>
                <input type="hidden" name="id" value=id.to_string()/>
                <Button>
                    "Revoke"
                    <span class="visually-hidden">": "{about}</span>
                </Button>
            </PostForm>
        }
        .into_any()
    };
    view! {
        <Row>
            <NameCell name=agent/>
            <Cell label="Last used" kind=Kind::Short>
                <Time datetime=last_used.rfc3339() text=last_used.listed(now)/>
            </Cell>
            <Cell label="Signed in" kind=Kind::Short rank=Rank::Low>
                <Time datetime=created.rfc3339() text=created.listed(now)/>
            </Cell>
            <ActionsCell>{action}</ActionsCell>
        </Row>
    }
}

#[component]
fn Password(email: String, error: Option<ApiError>) -> impl IntoView {
    let faults = error.clone();
    let field =
        move |id: &'static str, name: &'static str, label: &'static str, autocomplete: &'static str| {
            let error = error_at(faults.as_ref(), id);
            view! { <Field id name label kind=FieldKind::Password autocomplete error/> }
        };
    view! {
        <PostForm to=ChangePassword::url() class="stack prose">
            // For password managers; it has no name, so it is not sent.
            <input type="text" autocomplete="username" value=email hidden readonly/>
            {field("current", "form[current]", "Present password", "current-password")}
            {field("new", "form[new]", "New password", "new-password")}
            {field("again", "form[again]", "New password again", "new-password")}
            <p class="soft">"Your other sessions end; this browser stays signed in."</p>
            <div>
                <Button variant=Variant::Primary size=Size::Form>
                    "Change password"
                </Button>
            </div>
        </PostForm>
    }
}
