//! With whom an image is shared, and the dialogs that share it and stop that (H1, H5, H12 to H16).

use super::super::Refusal;
use super::super::parts::{BlockedDialog, Moment, explained, loaded, role_reason};
use super::detail::ImageHead;
use super::use_image_id;
use crate::ui::calls::images::get_image;
use crate::ui::calls::shares::{
    CheckShare, ShareImage, StopSharing, UnfollowFamily, get_share_options, get_sharing, get_stop_options,
};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::CopyableId;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::{ShareForm, StopSharingForm};
use darkroom_core::domain::ids::{ImageId, ProjectId};
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::share::State;
use darkroom_core::domain::text::counted;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{
    FamilySharing, FollowerRow, ImageDetail, ImageSharing, ShareLine, ShareOptions, ShareRow, StopOptions,
    Verdict,
};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The page *Sharing* of an image.
#[component]
pub fn SharingPage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move { Ok((get_image(id).await?, get_sharing(id).await?, refused.error().await)) };
    loaded(data, |(detail, sharing, error)| {
        view! { <Refusal error/><SharingSheet detail sharing/> }.into_any()
    })
}

/// The dialog *Share* over that page.
#[component]
pub fn ShareImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let (detail, sharing) = (get_image(id).await?, get_sharing(id).await?);
        let fresh = ShareForm { image: id.to_string(), ..ShareForm::default() };
        let state = refused.state(fresh).await;
        // Who may only look is shown the page and why the dialog is closed to them.
        let options = match sharing.may_share {
            true => Some(get_share_options(id, state.form.clone()).await?),
            false => None,
        };
        Ok((detail, sharing, options, state))
    };
    loaded(data, |(detail, sharing, options, state)| {
        let dialog = match options {
            Some(options) => view! { <ShareDialog options state/> }.into_any(),
            None => {
                let (title, close) = (format!("Share {}", sharing.name), paths::image_sharing(sharing.id));
                view! {
                    <Dialog id="share" title close_href=close.clone()>
                        <BlockedDialog reason=explained(role_reason()) close label="Close"/>
                    </Dialog>
                }
                .into_any()
            }
        };
        view! { <SharingSheet detail sharing/>{dialog} }.into_any()
    })
}

/// The dialog *Stop sharing* over that page.
#[component]
pub fn StopSharingPage() -> impl IntoView {
    let (id, project, refused) = (use_image_id(), use_project_id(), use_form());
    let data = async move {
        let (detail, sharing) = (get_image(id).await?, get_sharing(id).await?);
        let options = get_stop_options(id, project).await?;
        let state = refused.state(fresh_stop(id, &options)).await;
        Ok((detail, sharing, options, state))
    };
    loaded(data, |(detail, sharing, options, state)| {
        view! { <SharingSheet detail sharing/><StopDialog options state/> }.into_any()
    })
}

/// The project that the address names; the nil id, which no project has, when it cannot be read.
fn use_project_id() -> ProjectId {
    let id =
        use_params_map().with_untracked(|params| params.get_str("project").and_then(|id| id.parse().ok()));
    id.unwrap_or(ProjectId(uuid::Uuid::nil()))
}

fn fresh_stop(id: ImageId, options: &StopOptions) -> StopSharingForm {
    StopSharingForm {
        image: id.to_string(),
        project: options.share.project.to_string(),
        when: if options.share.state == State::Accepted { "later" } else { "now" }.to_owned(),
        day: options.day.clone(),
    }
}

#[component]
fn SharingSheet(detail: ImageDetail, sharing: ImageSharing) -> impl IntoView {
    let id = sharing.id;
    let n_accepted = sharing.rows.iter().filter(|row| row.state == State::Accepted).count();
    let accepted = match n_accepted {
        0 => "No project has accepted it yet.".to_owned(),
        1 => "Accepted by 1 project.".to_owned(),
        n => format!("Accepted by {n} projects."),
    };
    let line = format!(
        "{accepted} The limit for this image is {}; waiting and rejected shares do not count.",
        sharing.n_accepted_max
    );
    let more = (sharing.may_share && sharing.blocked.is_none() && !sharing.rows.is_empty()).then(|| {
        view! { <LinkButton href=paths::image_share(id) size=Size::Form icon=IconName::Share>"Share with more projects"</LinkButton> }
    });
    let end = format!(
        "Recipients deploy in {} only and cannot pass the image on. Machines they already made from it stay theirs.",
        sharing.region
    );
    let family = sharing.family.clone().filter(|family| !family.followers.is_empty()).map(|family| {
        let (region, may_share, now) = (sharing.region.to_string(), sharing.may_share, sharing.now);
        view! { <Followers id family region may_share now/> }
    });
    let body = if sharing.rows.is_empty() {
        view! { <NotShared sharing/> }.into_any()
    } else {
        view! {
            <div class="between"><p class="soft">{line}</p>{more}</div>
            <ShareTable sharing/>
            <p class="small soft">{end}</p>
        }
        .into_any()
    };
    view! {
        <Title text=format!("Sharing of {} · darkroom", detail.image.name)/>
        <ImageHead detail here=paths::image_sharing(id)/>
        {body}
        {family}
    }
}

/// Who gets the images of the family as they are made.
#[component]
fn Followers(
    id: ImageId,
    family: FamilySharing,
    region: String,
    may_share: bool,
    now: Timestamp,
) -> impl IntoView {
    let title = format!("New versions of {}", family.name);
    let columns = vec![
        Column::text("Project ID"),
        Column::text("Project"),
        Column::text("Status"),
        Column::text("Since").low(),
        Column::actions(),
    ];
    let (name, owner) = (family.name, family.project);
    let rows = family
        .followers
        .into_iter()
        .map(|row| {
            let (name, region) = (name.clone(), region.clone());
            let end = may_share.then(|| {
                view! {
                    <PostForm to=UnfollowFamily::url()>
                        <input type="hidden" name="image" value=id.to_string()/>
                        <input type="hidden" name="form[owner]" value=owner.to_string()/>
                        <input type="hidden" name="form[region]" value=region/>
                        <input type="hidden" name="form[family]" value=name/>
                        <input type="hidden" name="form[project]" value=row.project.to_string()/>
                        <Button variant=Variant::Quiet>
                            "Stop passing on"<span class="visually-hidden">{format!(" to {}", row.project)}</span>
                        </Button>
                    </PostForm>
                }
            });
            view! { <FollowerLine row now>{end}</FollowerLine> }.into_any()
        })
        .collect_view();
    view! {
        <Section id="followers" title>
            <p class="soft">
                "Each new image of the family reaches these projects by itself, once it is available. Who accepted the family need not accept each one."
            </p>
            <Frame><Table caption="Projects that follow the family" columns>{rows}</Table></Frame>
        </Section>
    }
}

/// A project that follows; the children are its actions.
#[component]
fn FollowerLine(row: FollowerRow, now: Timestamp, children: Children) -> impl IntoView {
    let name = match &row.name {
        Some(name) => view! { {name.to_string()} }.into_any(),
        None => view! { <span class="soft">"Name not shown"</span> }.into_any(),
    };
    let (tone, word) = match row.state {
        State::Accepted => (Tone::Good, "Gets them at once"),
        State::Pending => (Tone::Plain, "Is asked for each"),
        State::Rejected => (Tone::Plain, "Rejected the family"),
    };
    view! {
        <Row>
            <th role="rowheader" scope="row" class="title"><CopyableId id=row.project.to_string()/></th>
            <Cell label="Project">{name}</Cell>
            <StateCell><Status tone word/></StateCell>
            <Cell label="Since" kind=Kind::Short rank=Rank::Low><Moment at=row.since now/></Cell>
            <ActionsCell>{children()}</ActionsCell>
        </Row>
    }
}

#[component]
fn NotShared(sharing: ImageSharing) -> impl IntoView {
    let share = (sharing.may_share && sharing.blocked.is_none()).then(|| {
        view! {
            <LinkButton href=paths::image_share(sharing.id) variant=Variant::Primary size=Size::Form icon=IconName::Share>
                "Share with projects"
            </LinkButton>
        }
    });
    let why = sharing.blocked.map(|rule| view! { <Explain reason=explained(rule)/> });
    let text = format!(
        "Other projects in {} can make machines from it once they accept. It costs neither you nor them anything; they pay for what they deploy.",
        sharing.region
    );
    view! {
        <Frame>
            <EmptyState icon=IconName::Share title="Not shared with anybody">
                <p>{text}</p>
                {why}
                <EmptyActions slot>{share}</EmptyActions>
            </EmptyState>
        </Frame>
    }
}

#[component]
fn ShareTable(sharing: ImageSharing) -> impl IntoView {
    let columns = vec![
        Column::text("Project ID"),
        Column::text("Project"),
        Column::text("Status"),
        Column::text("Since").low(),
        Column::actions(),
    ];
    let (id, may_share, now) = (sharing.id, sharing.may_share, sharing.now);
    let rows = sharing
        .rows
        .into_iter()
        .map(|row| view! { <ShareTableRow id row may_share now/> }.into_any())
        .collect_view();
    view! { <Frame><Table caption="Shares" columns>{rows}</Table></Frame> }
}

#[component]
fn ShareTableRow(id: ImageId, row: ShareRow, may_share: bool, now: Timestamp) -> impl IntoView {
    let name = match (&row.name, row.state) {
        (Some(name), _) => view! { {name.to_string()} }.into_any(),
        (None, State::Pending) => {
            view! { <span class="soft">"Name shown after acceptance"</span> }.into_any()
        }
        (None, _) => view! { <span class="soft">"Name not shown"</span> }.into_any(),
    };
    let status = match (row.state, row.ends) {
        (State::Accepted, Some(end)) => {
            let word = format!("Ends on {}", end.plus_ms(-1).day());
            view! { <Status tone=Tone::Warn word/> }.into_any()
        }
        (State::Accepted, None) => view! { <Status tone=Tone::Good word=row.state.word()/> }.into_any(),
        _ => view! { <Status tone=Tone::Plain word=row.state.word()/> }.into_any(),
    };
    let (verb, href) = match row.state {
        State::Accepted => ("Stop sharing", paths::image_unshare(id, row.project)),
        State::Pending => ("Withdraw", paths::image_unshare(id, row.project)),
        State::Rejected => ("Remove", paths::image_unshare(id, row.project)),
    };
    let label = format!(" with {}", row.project);
    let action = may_share.then(|| {
        view! {
            <LinkButton href variant=Variant::Quiet>{verb}<span class="visually-hidden">{label}</span></LinkButton>
        }
    });
    view! {
        <Row>
            <th role="rowheader" scope="row" class="title"><CopyableId id=row.project.to_string()/></th>
            <Cell label="Project">{name}</Cell>
            <StateCell>{status}</StateCell>
            <Cell label="Since" kind=Kind::Short rank=Rank::Low><Moment at=row.since now/></Cell>
            <ActionsCell>{action}</ActionsCell>
        </Row>
    }
}

#[component]
fn ShareDialog(options: ShareOptions, state: FormState<ShareForm>) -> impl IntoView {
    let close = paths::image_sharing(options.id);
    let (title, sub) =
        (format!("Share {}", options.name), format!("With other projects in {}.", options.region));
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <ShareFields options state close=close.clone()/> }.into_any(),
    };
    view! { <Dialog id="share" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn ShareFields(options: ShareOptions, state: FormState<ShareForm>, close: String) -> impl IntoView {
    let FormState { form, error } = state;
    let hint = format!(
        "Up to {} at once, up to {} accepted in total ({} so far). Recipients find the ID under Account, Projects.",
        options.n_targets_max, options.n_accepted_max, options.n_accepted
    );
    let quota = match options.n_account >= options.n_account_max {
        true => {
            let text = format!(
                "Your quota of {} in {} is used up. You can ask them, but nobody can accept until you stop a share or your provider gives you more.",
                counted(options.n_account_max, "accepted share"),
                options.region
            );
            view! { <Notice tone=Tone::Warn text/> }.into_any()
        }
        false => {
            let text = format!(
                "Who has not accepted does not count against your quota of shares in {}: {} of {} are accepted.",
                options.region,
                grouped(options.n_account),
                grouped(options.n_account_max)
            );
            view! { <p class="soft">{text}</p> }.into_any()
        }
    };
    let (wrong, unsure) = (error_at(error.as_ref(), "projects"), error_at(error.as_ref(), "sure"));
    let sure_error = unsure.map(|text| view! { <Notice tone=Tone::Bad text/> });
    let lines = (!options.lines.is_empty()).then(|| view! { <Lines lines=options.lines/> });
    let sure = Pick::when(form.sure == "yes");
    let wrong_follow = error_at(error.as_ref(), "follow").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let follow = options.family.map(|family| {
        let label = format!("Share new versions of {family} as well, as they are made");
        let hint = "They accept the family once. You can stop that without taking back what they have.";
        view! { <Checkbox id="follow" name="form[follow]" value="yes" label pick=Pick::when(form.follow == "yes") hint/> }
    });
    view! {
        <PostForm to=ShareImage::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            <DialogBody>
                <Refusal error/>
                <Field
                    id="projects"
                    name="form[projects]"
                    label="Project IDs, one per line"
                    kind=FieldKind::Area
                    value=form.projects
                    hint
                    error=wrong
                />
                {lines}
                {quota}
                {follow}
                {wrong_follow}
                <div class="notice" data-is=Tone::Warn.attribute()>
                    <Icon name=Tone::Warn.icon()/>
                    <div>
                        <p><strong>"They get everything that is on the disk."</strong>
                            " That includes keys, history and deleted files that were not overwritten. Clean the machine first if you are not sure."
                        </p>
                        <p>"Recipients can make machines and images of their own from it. You cannot take those back."</p>
                    </div>
                </div>
                <Checkbox
                    id="sure"
                    name="form[sure]"
                    value="yes"
                    label="I know these projects, and the image holds nothing they must not see"
                    pick=sure
                    need=Need::Required
                />
                {sure_error}
            </DialogBody>
            <DialogFoot>
                <PriceLine headline="No cost for you or for them" detail="They pay for what they deploy."/>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <button class="button button--form" type="submit" formaction=CheckShare::url() formnovalidate>"Check"</button>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Share>"Share"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// What becomes of each line that was typed.
#[component]
fn Lines(lines: Vec<ShareLine>) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| {
            let (mark, icon) = match line.verdict {
                Verdict::Asked => ("ok", IconName::Ok),
                Verdict::Kept => ("warn", IconName::Info),
                Verdict::Wrong => ("bad", IconName::Bad),
            };
            view! { <li data-is=mark><Icon name=icon/><code>{line.typed}</code><span>{line.text}</span></li> }
        })
        .collect_view();
    view! {
        <div class="field" role="status">
            <p><strong>"Result per line"</strong></p>
            <ul class="lines">{rows}</ul>
        </div>
    }
}

#[component]
fn StopDialog(options: StopOptions, state: FormState<StopSharingForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::image_sharing(options.id);
    let whom =
        options.share.name.as_ref().map_or_else(|| options.share.project.to_string(), ToString::to_string);
    let accepted = options.share.state == State::Accepted;
    let (title, verb) = match options.share.state {
        State::Accepted => (format!("Stop sharing with {whom}?"), "Stop sharing"),
        State::Pending => (format!("Withdraw the offer to {whom}?"), "Withdraw"),
        State::Rejected => (format!("Remove {whom} from the list?"), "Remove"),
    };
    let sub = format!("The image {} stays as it is.", options.name);
    let body = match accepted {
        true => view! { <StopChoice options form=form.clone() error=error.clone()/> }.into_any(),
        false => view! {
            <input type="hidden" name="form[when]" value="now"/>
            <p>"Nobody uses the image through it, so nothing is lost."</p>
        }
        .into_any(),
    };
    view! {
        <Dialog id="stop-sharing" title sub close_href=close.clone()>
            <PostForm to=StopSharing::url()>
                <input type="hidden" name="form[image]" value=form.image/>
                <input type="hidden" name="form[project]" value=form.project/>
                <DialogBody>
                    <Refusal error/>
                    {body}
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Keep it"</LinkButton>
                    <Button variant=Variant::Danger size=Size::Form>{verb}</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}

/// When it ends, and what that means for the recipient.
#[component]
fn StopChoice(options: StopOptions, form: StopSharingForm, error: Option<ApiError>) -> impl IntoView {
    let effect = |icon, tone, what: &str, detail: &str| Consequence {
        icon,
        tone,
        what: what.to_owned(),
        count: String::new(),
        detail: Some(detail.to_owned()),
    };
    let consequences = vec![
        effect(
            IconName::Deploy,
            Tone::Bad,
            "They can make no more machines from it",
            "Nor make an image of their own of it.",
        ),
        effect(
            IconName::Instance,
            Tone::Good,
            "Machines they made from it keep running",
            "They stay theirs.",
        ),
    ];
    let goes_on = options.follows.clone().map(|family| {
        let text = format!(
            "New versions of {family} still reach them. Stop passing those on in the list of the family."
        );
        view! { <Notice text/> }
    });
    let at_once = options.at_once.then(|| {
        let pick = Pick::when(form.when == "now");
        view! {
            <Checkbox id="when-now" name="form[when]" value="now" kind=CheckKind::Radio label="At once" pick/>
        }
    });
    let later = Pick::when(form.when != "now");
    let day_error = error_at(error.as_ref(), "day").or_else(|| error_at(error.as_ref(), "when"));
    let hint = format!("They are told the day. The first day is {}.", options.first_day);
    view! {
        <EffectsList consequences/>
        {goes_on}
        <CheckGroup legend="When does it end?">
            <Checkbox id="when-later" name="form[when]" value="later" kind=CheckKind::Radio label="At the end of a day, so that they have time" pick=later/>
            {at_once}
        </CheckGroup>
        <Field id="day" name="form[day]" label="Last day" kind=FieldKind::Day value=form.day hint error=day_error/>
    }
}
