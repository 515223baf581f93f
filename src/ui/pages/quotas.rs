//! Quotas: what an account may have and has, asking the provider for more, and the provider's answer. Both see the history.

use super::Refusal;
use super::parts::{BlockedDialog, Moment, counted, loaded, role_reason};
use crate::ui::calls::quotas::{
    AskQuota, DecideRequest, WithdrawRequest, get_quotas, get_request, list_requests,
};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{blocked, error_at, neighbours, use_form, use_page_number, use_word};
use darkroom_core::domain::form::{QuotaDecisionForm, QuotaRequestForm};
use darkroom_core::domain::ids::RequestId;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::request::{QuotaKind, RequestQuery, State, Wish};
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{QuotaPage, QuotaRow, RequestList, RequestRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// The page *Quotas*.
#[component]
pub fn QuotasPage() -> impl IntoView {
    let refused = use_form();
    let data = async move { Ok((get_quotas().await?, refused.error().await)) };
    loaded(data, |(page, error)| view! { <Refusal error/><QuotasView page/> }.into_any())
}

/// The page with the dialog that asks for more on top.
#[component]
pub fn AskQuotaPage() -> impl IntoView {
    let refused = use_form();
    let kind = use_params_map().with_untracked(|params| params.get("kind").unwrap_or_default());
    let data = async move {
        let page = get_quotas().await?;
        let fresh = QuotaRequestForm {
            region: page.region.to_string(),
            kind: kind.clone(),
            ..QuotaRequestForm::default()
        };
        Ok((page, refused.state(fresh).await))
    };
    loaded(data, |(page, state)| view! { <QuotasView page=page.clone()/><AskDialog page state/> }.into_any())
}

#[component]
fn QuotasView(page: QuotaPage) -> impl IntoView {
    let line = format!("What {} may have in {}.", page.account, page.region);
    let (may_ask, now) = (page.may_ask, page.now);
    let waiting: Vec<QuotaKind> = page
        .requests
        .iter()
        .filter(|request| request.state == State::Pending)
        .filter_map(|request| match request.wish {
            Wish::More { kind, .. } => Some(kind),
            Wish::Reach { .. } => None,
        })
        .collect();
    let rows = page
        .quotas
        .into_iter()
        .map(|quota| {
            let asked = quota.kind.is_some_and(|kind| waiting.contains(&kind));
            view! { <QuotaLine quota may_ask asked/> }.into_any()
        })
        .collect_view();
    let history = view! { <Requests requests=page.requests may_ask now/> };
    view! {
        <Title text="Quotas · darkroom"/>
        <PageHead title="Quotas"><p class="soft">{line}</p></PageHead>
        <Section id="limits" title="Limits">
            <ul class="stack panel">{rows}</ul>
        </Section>
        {history}
    }
}

#[component]
fn QuotaLine(quota: QuotaRow, may_ask: bool, asked: bool) -> impl IntoView {
    let (used, limit) = (u64::from(quota.used), u64::from(quota.limit));
    let (used_text, limit_text) = (grouped(quota.used), format!("of {}", grouped(quota.limit)));
    let left = quota.limit.saturating_sub(quota.used);
    let note =
        if left == 0 { "Used up.".to_owned() } else { format!("Near the limit. {} left.", grouped(left)) };
    let ask = quota.kind.filter(|_| may_ask).map(|kind| match asked {
        true => view! { <span class="soft">"Asked for more"</span> }.into_any(),
        false => {
            let about = quota.what.clone();
            view! {
                <LinkButton href=paths::quota_ask(kind)>
                    "Request increase"<span class="visually-hidden">": "{about}</span>
                </LinkButton>
            }
            .into_any()
        }
    });
    view! {
        <li class="stack stack--s">
            <Meter label=quota.what used limit used_text limit_text note/>
            <div class="between"><p class="small soft">{quota.words}</p>{ask}</div>
        </li>
    }
}

/// What was asked for, newest first.
#[component]
fn Requests(requests: Vec<RequestRow>, may_ask: bool, now: Timestamp) -> impl IntoView {
    if requests.is_empty() {
        return view! {
            <Section id="requests" title="Requests">
                <p class="soft">"Nothing was asked for yet. Owners of the account can ask the provider for more."</p>
            </Section>
        }
        .into_any();
    }
    let columns = vec![
        Column::text("For"),
        Column::text("Reason").low(),
        Column::text("Asked"),
        Column::text("Status"),
        Column::actions(),
    ];
    let rows = requests
        .into_iter()
        .map(|request| {
            let withdraw = (may_ask && request.state == State::Pending).then(|| {
                view! {
                    <PostForm to=WithdrawRequest::url()>
                        <input type="hidden" name="id" value=request.id.to_string()/>
                        <Button variant=Variant::Quiet>"Withdraw"</Button>
                    </PostForm>
                }
            });
            view! { <RequestLine request now>{withdraw}</RequestLine> }.into_any()
        })
        .collect_view();
    view! {
        <Section id="requests" title="Requests">
            <Frame><Table caption="Requests" columns>{rows}</Table></Frame>
        </Section>
    }
    .into_any()
}

/// A request as both sides see it; the children are its actions.
#[component]
fn RequestLine(
    request: RequestRow,
    now: Timestamp,
    /// Whether the account stands before what it asks for.
    #[prop(optional)]
    of_all: bool,
    children: Children,
) -> impl IntoView {
    let (wanted, instead) = (request.wish.words(&request.region), request.wish.instead(&request.region));
    let (name, sub) = match of_all {
        true => (request.account.clone(), format!("{wanted}. {instead}.")),
        false => (wanted, instead),
    };
    let status = request_status(&request);
    view! {
        <Row>
            <NameCell name sub/>
            <Cell label="Reason" rank=Rank::Low><span class="break">{request.reason}</span></Cell>
            <Cell label="Asked" kind=Kind::Short><Moment at=request.at now/></Cell>
            <StateCell>{status}</StateCell>
            <ActionsCell>{children()}</ActionsCell>
        </Row>
    }
}

fn request_status(request: &RequestRow) -> AnyView {
    let tone = match request.state {
        State::Pending => Tone::Warn,
        State::Approved => Tone::Good,
        State::Declined => Tone::Bad,
        State::Withdrawn => Tone::Plain,
    };
    let given = match (&request.wish, request.granted) {
        (Wish::More { kind, .. }, Some(n)) => Some(format!("{} now.", kind.counted(n))),
        _ => None,
    };
    let why = [given, Some(request.note.clone()).filter(|note| !note.is_empty())];
    let why: Vec<String> = why.into_iter().flatten().collect();
    let why = (!why.is_empty()).then(|| why.join(" "));
    view! { <Status tone word=request.state.word() nostrip:why=why/> }.into_any()
}

#[component]
fn AskDialog(page: QuotaPage, state: FormState<QuotaRequestForm>) -> impl IntoView {
    let close = paths::QUOTAS.to_owned();
    let close_href = close.clone();
    let quota =
        page.quotas.iter().find(|q| q.kind.is_some_and(|kind| kind.slug() == state.form.kind)).cloned();
    let title = match &quota {
        Some(quota) => format!("More {} in {}", quota.what.to_lowercase(), page.region),
        None => "There is no such quota".to_owned(),
    };
    let body = match quota {
        Some(quota) if page.may_ask => {
            view! { <AskForm quota wanted_max=page.wanted_max state close/> }.into_any()
        }
        Some(_) => {
            let reason = blocked(role_reason(), vec![]);
            view! { <BlockedDialog reason close label="Close"/> }.into_any()
        }
        None => view! {
            <div>
                <DialogBody><p>"Choose one of the page underneath."</p></DialogBody>
                <DialogFoot><LinkButton href=close size=Size::Form>"Close"</LinkButton></DialogFoot>
            </div>
        }
        .into_any(),
    };
    view! { <Dialog id="ask" title sub="Your provider decides, and the answer appears here." close_href>{body}</Dialog> }
}

#[component]
fn AskForm(
    quota: QuotaRow,
    wanted_max: u32,
    state: FormState<QuotaRequestForm>,
    close: String,
) -> impl IntoView {
    let FormState { form, error } = state;
    let (wrong_wanted, wrong_reason) =
        (error_at(error.as_ref(), "wanted"), error_at(error.as_ref(), "reason"));
    let hint = format!(
        "The limit is {} and {} used.",
        grouped(quota.limit),
        match quota.used {
            1 => "1 is".to_owned(),
            n => format!("{} are", grouped(n)),
        }
    );
    view! {
        <PostForm to=AskQuota::url()>
            <input type="hidden" name="form[region]" value=form.region/>
            <input type="hidden" name="form[kind]" value=form.kind/>
            <DialogBody>
                <Refusal error/>
                <Field
                    id="wanted"
                    name="form[wanted]"
                    label="New limit"
                    kind=FieldKind::Number
                    value=form.wanted
                    hint
                    min={i64::from(quota.limit) + 1}
                    max={i64::from(quota.kind.map_or(wanted_max, |kind| kind.asked_max(wanted_max)))}
                    error=wrong_wanted
                    autocomplete="off"
                />
                <Field
                    id="reason"
                    name="form[reason]"
                    label="Reason"
                    kind=FieldKind::Area
                    value=form.reason
                    hint="What do you need it for? Your provider reads this."
                    error=wrong_reason
                />
            </DialogBody>
            <DialogFoot>
                <PriceLine headline="Asking costs nothing" detail="You pay for what you then make."/>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>"Send request"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The provider's page *Requests*.
#[component]
pub fn RequestsPage() -> impl IntoView {
    let state = use_word("state");
    let query = RequestQuery {
        state: State::ALL.into_iter().find(|known| known.slug() == state),
        page: use_page_number(),
    };
    let refused = use_form();
    let data = async move { Ok((query.state, list_requests(query).await?, refused.error().await)) };
    loaded(data, |(state, list, error)| view! { <Refusal error/><RequestsView state list/> }.into_any())
}

#[component]
fn RequestsView(state: Option<State>, list: RequestList) -> impl IntoView {
    let word = state.map(State::slug).unwrap_or_default();
    let tab = |label: &str, slug: &str, note| {
        Tab::new(label, crate::ui::state::address_with(paths::REQUESTS, &[("state", slug)]), note)
    };
    let waiting = match list.n_pending {
        0 => TabNote::None,
        n => TabNote::New(u64::from(n)),
    };
    let tabs = vec![
        tab("All", "", TabNote::None),
        tab("Waiting", State::Pending.slug(), waiting),
        tab("Approved", State::Approved.slug(), TabNote::None),
        tab("Declined", State::Declined.slug(), TabNote::None),
        tab("Withdrawn", State::Withdrawn.slug(), TabNote::None),
    ];
    let current = crate::ui::state::address_with(paths::REQUESTS, &[("state", word)]);
    let (previous, next) = neighbours(&list.page, paths::REQUESTS, &[("state", word)]);
    let (range, now) = (list.page.range(), list.now);
    let body = if list.page.rows.is_empty() {
        view! {
            <EmptyState icon=IconName::Quota title="No request">
                <p>"When an account asks for a higher limit, or for an image in another region, it stands here until you answer."</p>
            </EmptyState>
        }
        .into_any()
    } else {
        let columns = vec![
            Column::text("Account"),
            Column::text("Reason").low(),
            Column::text("Asked"),
            Column::text("Status"),
            Column::actions(),
        ];
        let rows = list
            .page
            .rows
            .into_iter()
            .map(|request| {
                let about = request.account.clone();
                let answer = (request.state == State::Pending).then(|| {
                    view! {
                        <LinkButton href=paths::request(request.id)>
                            "Answer"<span class="visually-hidden">": "{about}</span>
                        </LinkButton>
                    }
                });
                view! { <RequestLine request now of_all=true>{answer}</RequestLine> }.into_any()
            })
            .collect_view();
        view! {
            <Table caption="Requests of all accounts" columns>{rows}</Table>
            <Pager range previous next/>
        }
        .into_any()
    };
    let line = match list.n_pending {
        0 => "None waits for an answer.".to_owned(),
        1 => "1 request waits for your answer.".to_owned(),
        n => format!("{} wait for your answer.", counted(n as usize, "request")),
    };
    view! {
        <Title text="Requests · darkroom"/>
        <PageHead title="Requests"><p class="soft">{line}</p></PageHead>
        <Tabs label="Requests by state" tabs current/>
        <Frame>{body}</Frame>
    }
}

/// The provider's page with the dialog that answers a request on top.
#[component]
pub fn DecideRequestPage() -> impl IntoView {
    let refused = use_form();
    let id = use_params_map().with_untracked(|params| params.get_str("id").and_then(|id| id.parse().ok()));
    let id = id.unwrap_or(RequestId(uuid::Uuid::nil()));
    let data = async move {
        let request = get_request(id).await?;
        let fresh = QuotaDecisionForm {
            request: id.to_string(),
            verdict: "approve".to_owned(),
            granted: match request.wish {
                Wish::More { wanted, .. } => wanted.to_string(),
                Wish::Reach { .. } => String::new(),
            },
            ..QuotaDecisionForm::default()
        };
        Ok((list_requests(RequestQuery::default()).await?, request, refused.state(fresh).await))
    };
    loaded(data, |(list, request, state)| {
        view! { <RequestsView state=None list/><DecideDialog request state/> }.into_any()
    })
}

#[component]
fn DecideDialog(request: RequestRow, state: FormState<QuotaDecisionForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::REQUESTS.to_owned();
    let close_href = close.clone();
    let title = format!("{} asks for {}", request.account, request.wish.words(&request.region));
    let sub = format!("{}.", request.wish.instead(&request.region));
    let at = |field| error_at(error.as_ref(), field);
    let wrong_note = at("note");
    let granted = matches!(request.wish, Wish::More { .. }).then(|| {
        let (value, error) = (form.granted.clone(), at("granted"));
        view! {
            <Field id="granted" name="form[granted]" label="New limit" kind=FieldKind::Number need=Need::Optional value error hint="Holds from then on. Not needed to decline." autocomplete="off"/>
        }
    });
    let wrong_verdict = at("verdict").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let body = if request.state == State::Pending {
        view! {
            <PostForm to=DecideRequest::url()>
                <input type="hidden" name="form[request]" value=form.request/>
                <DialogBody>
                    <Refusal error/>
                    <Facts>
                        <Fact term="Reason"><span class="break">{request.reason}</span></Fact>
                        <Fact term="Asked by">{request.by}</Fact>
                        <Fact term="On">{request.at.minute()}</Fact>
                    </Facts>
                    <CheckGroup legend="Your answer">
                        <Checkbox id="approve" name="form[verdict]" value="approve" kind=CheckKind::Radio label="Approve" pick=Pick::when(form.verdict != "decline")/>
                        <Checkbox id="decline" name="form[verdict]" value="decline" kind=CheckKind::Radio label="Decline, and say why" pick=Pick::when(form.verdict == "decline")/>
                    </CheckGroup>
                    {wrong_verdict}
                    {granted}
                    <Field id="note" name="form[note]" label="Note" kind=FieldKind::Area need=Need::Optional value=form.note error=wrong_note hint="The account reads it."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Not now"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Send answer"</Button>
                </DialogFoot>
            </PostForm>
        }
        .into_any()
    } else {
        let reason = Reason {
            rule: "This request was answered already.".to_owned(),
            now: format!("It is {} now.", request.state.word().to_lowercase()),
            ways_out: vec![],
        };
        view! { <BlockedDialog reason close label="Close"/> }.into_any()
    };
    view! { <Dialog id="decide" title sub close_href>{body}</Dialog> }
}
