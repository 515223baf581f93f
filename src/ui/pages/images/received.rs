//! Shared with me: what other projects offer to the one in force, and what it decided (H6, H7, H19).

use super::super::Refusal;
use super::super::parts::{Moment, counted, loaded};
use crate::ui::calls::billing::get_ahead;
use crate::ui::calls::images::CopyImage;
use crate::ui::calls::shares::{AcceptAllShares, AcceptShare, AcceptedShown, RejectShare, list_received};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::ids::ProjectId;
use darkroom_core::domain::image::life::Stage;
use darkroom_core::domain::image::tags;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::Ahead;
use darkroom_core::domain::share::State;
use darkroom_core::domain::size;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{BulkLine, Received, ReceivedRow, Saving};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *Shared with me*.
#[component]
pub fn ReceivedPage() -> impl IntoView {
    let refused = use_form();
    let data = async move {
        let received = list_received().await?;
        // What saving one comes to is said where one can be saved.
        let ahead = match received.decided.iter().any(|row| row.save.is_some()) {
            true => get_ahead().await?,
            false => None,
        };
        Ok((received, ahead, refused.state(AcceptedShown::default()).await))
    };
    let shown = |(received, ahead, state): (Received, Option<Ahead>, FormState<AcceptedShown>)| {
        let FormState { form: AcceptedShown { lines }, error } = state;
        let lines = (!lines.is_empty()).then(|| view! { <AcceptedLines lines/> });
        view! { <Refusal error/>{lines}<ReceivedView received ahead/> }.into_any()
    };
    view! {
        <Title text="Shared with me · darkroom"/>
        {loaded(data, shown)}
    }
}

/// What became of each image that was accepted with the others.
#[component]
fn AcceptedLines(lines: Vec<BulkLine>) -> impl IntoView {
    let refused = lines.iter().filter(|line| line.refused).count();
    let accepted = counted(lines.len() - refused, "image");
    let title = match refused {
        0 => format!("{accepted} accepted. You can deploy them now."),
        n => format!("{accepted} accepted, {n} not"),
    };
    let rows = lines
        .into_iter()
        .map(|BulkLine { name, refused, text, .. }| {
            let (mark, icon) = if refused { ("bad", IconName::Bad) } else { ("ok", IconName::Ok) };
            let name = name.to_string();
            view! { <li data-is=mark><Icon name=icon/><span class="break">{name}</span><span>{text}</span></li> }
        })
        .collect_view();
    view! {
        <div class="field" role="status">
            <p><strong>{title}</strong></p>
            <ul class="lines" tabindex="0" aria-label="Result per image">{rows}</ul>
        </div>
    }
}

#[component]
fn ReceivedView(received: Received, ahead: Option<Ahead>) -> impl IntoView {
    let Received { waiting, decided, project, project_id, region, may_decide, now } = received;
    let line = format!(
        "Images that other projects offer to {project} in {region}. They do not count against your quota."
    );
    let all = (waiting.len() > 1 && may_decide).then(|| {
        view! {
            <PostForm to=AcceptAllShares::url()>
                <Button size=Size::Form>"Accept all"</Button>
            </PostForm>
        }
    });
    let nothing =
        (waiting.is_empty() && decided.is_empty()).then(|| view! { <NothingYet project=project_id/> });
    let n_ending = decided.iter().filter(|row| row.state == State::Accepted && row.ends.is_some()).count();
    let ending = (n_ending > 0).then(|| view! { <Notice tone=Tone::Warn text=ending_words(n_ending)/> });
    let about = About { project: project_id, may_decide, now };
    let waiting = (!waiting.is_empty()).then(|| view! { <Waiting rows=waiting about/> });
    let decided = (!decided.is_empty()).then(|| view! { <Decided rows=decided about ahead/> });
    view! {
        <PageHead title="Shared with me">
            <p class="soft">{line}</p>
            <PageActions slot>{all}</PageActions>
        </PageHead>
        <Tabs label="Images" tabs=super::tabs() current=paths::IMAGES_SHARED/>
        {nothing}
        <div class="stack stack--l">{ending}{waiting}{decided}</div>
    }
}

/// What every row needs to know.
#[derive(Clone, Copy)]
struct About {
    project: ProjectId,
    may_decide: bool,
    now: Timestamp,
}

#[component]
fn NothingYet(project: ProjectId) -> impl IntoView {
    view! {
        <Frame>
            <EmptyState icon=IconName::Inbox title="Nobody shares an image with this project yet">
                <p>
                    "Who wants to share one needs the id of this project. It is also on the page Account."
                </p>
                <crate::ui::islands::CopyableId id=project.to_string()/>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn Waiting(rows: Vec<ReceivedRow>, about: About) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("From"),
        Column::number("Size"),
        Column::text("Waiting since").low(),
        Column::actions(),
    ];
    let rows = rows
        .into_iter()
        .map(|row| {
            let (from, stored) = (from(&row), size::decimal(row.stored_bytes));
            let tags = owner_tags(&row);
            // It is not theirs to look into before they accept it.
            view! {
                <Row>
                    <NameCell name=row.name.to_string() sub=system(&row)>{tags}</NameCell>
                    <Cell label="From">{from}</Cell>
                    <Cell label="Size" kind=Kind::Number>{stored}</Cell>
                    <Cell label="Waiting since" kind=Kind::Short rank=Rank::Low><Moment at=row.since now=about.now/></Cell>
                    <ActionsCell look=ActionsLook::Below>
                        <Decide to=AcceptShare::url() label="Accept" row=row.clone() about/>
                        <Decide to=RejectShare::url() label="Reject" row about/>
                    </ActionsCell>
                </Row>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <Section id="waiting" title="Waiting for your decision">
            <Unchecked/>
            <Frame><Table caption="Waiting for your decision" columns>{rows}</Table></Frame>
        </Section>
    }
}

/// What to know before one is accepted (H13).
#[component]
fn Unchecked() -> impl IntoView {
    view! { <Notice text="Nobody has checked these images. Accept only what you expect, from projects you know."/> }
}

#[component]
fn Decided(rows: Vec<ReceivedRow>, about: About, ahead: Option<Ahead>) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::text("From"),
        Column::number("Size"),
        Column::text("Since").low(),
        Column::text("Status"),
        Column::actions(),
    ];
    // Where one may still be accepted, what is said before a decision is said again (H13).
    let notice = rows
        .iter()
        .any(|row| row.state == State::Rejected && about.may_decide)
        .then(|| view! { <Unchecked/> });
    let rows = rows
        .into_iter()
        .map(|row| view! { <DecidedRow row about ahead=ahead.clone()/> }.into_any())
        .collect_view();
    view! {
        <Section id="decided" title="Accepted and rejected">
            {notice}
            <Frame><Table caption="Accepted and rejected" columns>{rows}</Table></Frame>
        </Section>
    }
}

#[component]
fn DecidedRow(row: ReceivedRow, about: About, ahead: Option<Ahead>) -> impl IntoView {
    let accepted = row.state == State::Accepted;
    let follows = row
        .follows
        .as_ref()
        .filter(|_| accepted)
        .map(|family| format!("New versions of {family} come by themselves"));
    let status = match (row.ends, accepted) {
        (Some(end), true) => {
            let word = format!("Ends on {}", end.plus_ms(-1).day());
            let cost = row.save.as_ref().map(|save| {
                let month = save.estimate.month;
                let ahead = ahead.as_ref().map(|ahead| ahead.words(month, Money::ZERO)).unwrap_or_default();
                let stage = match save.stage {
                    Stage::Active => String::new(),
                    Stage::Deprecated | Stage::Disabled => {
                        format!(
                            " It is {}, and so is your own until you make it active.",
                            save.stage.word().to_lowercase()
                        )
                    }
                };
                format!(" Your own costs {}. {ahead}{stage}", save.estimate.words(&save.symbol))
            });
            let why = format!("The owner stops sharing it.{}", cost.unwrap_or_default());
            view! { <Status tone=Tone::Warn word why/> }.into_any()
        }
        (None, true) => view! { <Status tone=Tone::Good word="Accepted" nostrip:why=follows/> }.into_any(),
        (_, false) => view! { <Status tone=Tone::Plain word="Rejected"/> }.into_any(),
    };
    let tags = owner_tags(&row);
    let name = match accepted {
        true => view! { <NameCell name=row.name.to_string() sub=system(&row) href=paths::image(row.id)>{tags}</NameCell> }
            .into_any(),
        false => view! { <NameCell name=row.name.to_string() sub=system(&row)>{tags}</NameCell> }.into_any(),
    };
    let actions = match accepted {
        true => {
            let deploy = (about.may_decide && row.deploys).then(|| {
                view! { <LinkButton href=paths::instance_new_from(row.id) variant=Variant::Quiet>"Deploy"</LinkButton> }
            });
            let save = about.may_decide.then(|| match row.save.clone() {
                Some(save) => view! { <SaveNow row=row.clone() save about/> }.into_any(),
                None => view! { <LinkButton href=paths::image_copy(row.id) variant=Variant::Quiet>"Save as my own"</LinkButton> }.into_any(),
            });
            view! { {deploy}{save}<Decide to=RejectShare::url() label="Reject" row=row.clone() about/> }
                .into_any()
        }
        false => view! { <Decide to=AcceptShare::url() label="Accept after all" row=row.clone() about/> }
            .into_any(),
    };
    let (from, stored) = (from(&row), size::decimal(row.stored_bytes));
    view! {
        <Row>
            {name}
            <Cell label="From">{from}</Cell>
            <Cell label="Size" kind=Kind::Number>{stored}</Cell>
            <Cell label="Since" kind=Kind::Short rank=Rank::Low><Moment at=row.since now=about.now/></Cell>
            <StateCell>{status}</StateCell>
            <ActionsCell look=ActionsLook::Below>{actions}</ActionsCell>
        </Row>
    }
}

/// Saves an image that ends, as the project's own, with what the dialog would propose (D6). The price stands in the same row.
#[component]
fn SaveNow(row: ReceivedRow, save: Saving, about: About) -> impl IntoView {
    let version = format!("form[price_versions][{}]", row.region);
    view! {
        <PostForm to=CopyImage::url()>
            <input type="hidden" name="form[image]" value=row.id.to_string()/>
            <input type="hidden" name="form[project]" value=about.project.to_string()/>
            <input type="hidden" name="form[regions][]" value=row.region.to_string()/>
            <input type="hidden" name="form[name]" value=save.name/>
            // Of no family, as the dialog proposes: it must not become the newest of one that the project has under the same name.
            <input type="hidden" name="form[family]" value=""/>
            <input type="hidden" name=version value=save.price_version.to_string()/>
            <Button>"Save as my own"<span class="visually-hidden">": "{row.name.to_string()}</span></Button>
        </PostForm>
    }
}

/// The button of a decision; who may only look has none.
#[component]
fn Decide(to: &'static str, label: &'static str, row: ReceivedRow, about: About) -> impl IntoView {
    about.may_decide.then(|| {
        view! {
            <PostForm to>
                <input type="hidden" name="image" value=row.id.to_string()/>
                <input type="hidden" name="project" value=about.project.to_string()/>
                <Button variant=if label == "Accept" { Variant::Outline } else { Variant::Quiet }>
                    {label}
                    <span class="visually-hidden">": "{row.name.to_string()}</span>
                </Button>
            </PostForm>
        }
    })
}

/// What recipients are told when images end.
pub(in crate::ui::pages) fn ending_words(n: usize) -> String {
    match n {
        1 => "1 image that you use is shared with you only until the day it says. Save it as your own if you need it longer.".to_owned(),
        n => format!("{n} images that you use are shared with you only until the days they say. Save those that you need longer as your own."),
    }
}

fn system(row: &ReceivedRow) -> String {
    if row.os.is_empty() { "Unknown system".to_owned() } else { row.os.clone() }
}

/// The tags its owner gave it. They lead nowhere: the recipient's own images have others.
fn owner_tags(row: &ReceivedRow) -> Vec<AnyView> {
    row.tags.iter().map(|(key, value)| view! { <Tag label=tags::label(key, value)/> }.into_any()).collect()
}

fn from(row: &ReceivedRow) -> impl IntoView + use<> {
    let (name, id) = (row.from.to_string(), row.from_id.to_string());
    view! { {name}<div class="sub break">{id}</div> }
}
