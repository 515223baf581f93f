//! The provider's page about the money of an account: how it pays, booking what it paid or is given, and its ledger.

use super::parts::{Balance, Ledger, MoneyBar, Statements};
use crate::ui::calls::billing::{BookEntry, SetPayment, get_account_billing};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::pages::Refusal;
use crate::ui::pages::accounts::use_account_id;
use crate::ui::pages::parts::loaded;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form, use_page_number};
use darkroom_core::domain::billing::{EntryKind, Mode};
use darkroom_core::domain::form::{BookForm, NOTE_CHARS_MAX, PaymentForm, REFERENCE_CHARS_MAX};
use darkroom_core::domain::money::Money;
use darkroom_core::domain::view::BillingView;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *Billing* of any account.
#[component]
pub fn AccountBillingPage() -> impl IntoView {
    let data = get_account_billing(use_account_id(), use_page_number());
    loaded(data, |view| view! { <AccountBilling view/> }.into_any())
}

#[component]
fn AccountBilling(view: BillingView) -> impl IntoView {
    let (id, name, now) = (view.account, view.name.clone(), view.now);
    let (entries, symbol, statements) = (view.entries.clone(), view.symbol.clone(), view.statements.clone());
    let above = vec![Link::new("Accounts", paths::ACCOUNTS), Link::new(name.clone(), paths::account(id))];
    let month = format!(
        "This month it has cost {}, and {} by its end.",
        view.month.so_far.display(&symbol),
        view.month.forecast.display(&symbol)
    );
    view! {
        <Title text=format!("Billing of {name} · darkroom")/>
        <Crumbs above here="Billing".to_owned()/>
        <PageHead title=format!("Billing of {name}")>
            <p class="soft">{month}</p>
            <PageActions slot>
                <LinkButton href=paths::account_payment(id) size=Size::Form icon=IconName::Pencil>"Change payment"</LinkButton>
                <LinkButton href=paths::account_book(id) size=Size::Form variant=Variant::Primary icon=IconName::Plus>"Book"</LinkButton>
            </PageActions>
        </PageHead>
        <div class="stack stack--l">
            <MoneyBar notices=view.notices/>
            <Balance view/>
            <Statements statements now/>
            <Ledger entries symbol now path=paths::account_billing(id)/>
        </div>
    }
}

/// The page with the dialog that books on top.
#[component]
pub fn BookPage() -> impl IntoView {
    let (id, refused) = (use_account_id(), use_form());
    let data = async move {
        let view = get_account_billing(id, 1).await?;
        let kind = EntryKind::TopUp.slug().to_owned();
        let fresh = BookForm { account: id.to_string(), kind, ..BookForm::default() };
        Ok((view, refused.state(fresh).await))
    };
    loaded(data, |(view, state)| {
        view! { <AccountBilling view=view.clone()/><BookDialog view state/> }.into_any()
    })
}

#[component]
fn BookDialog(view: BillingView, state: FormState<BookForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::account_billing(view.account);
    let at = |field| error_at(error.as_ref(), field);
    let kinds = EntryKind::BOOKED
        .map(|kind| Choice::new(kind.slug(), kind.word(), Pick::when(kind.slug() == form.kind)))
        .to_vec();
    let (kind_wrong, amount_wrong, reference_wrong) = (at("kind"), at("amount"), at("reference"));
    let (statement_wrong, note_wrong) = (at("statement"), at("note"));
    let label = format!("Amount, in {}", view.symbol);
    let max = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let title = format!("Book into the ledger of {}", view.name);
    view! {
        <Dialog id="book" title sub="An entry is never changed or removed. The same reference is booked once, however often it is sent." close_href=close.clone()>
            <PostForm to=BookEntry::url()>
                <input type="hidden" name="form[account]" value=form.account/>
                <DialogBody>
                    <Refusal error=error.clone()/>
                    <Select id="kind" name="form[kind]" label="What" choices=kinds error=kind_wrong hint="A top-up is what the account paid, a credit is given, a correction gives back of a statement."/>
                    <Field id="amount" name="form[amount]" label value=form.amount error=amount_wrong autocomplete="off"/>
                    <Field id="reference" name="form[reference]" label="Reference" value=form.reference error=reference_wrong max_length=max(REFERENCE_CHARS_MAX) autocomplete="off" hint="What names it once, such as the number of the transfer."/>
                    <Field id="statement" name="form[statement]" label="Statement" value=form.statement error=statement_wrong need=Need::Optional autocomplete="off" hint="The number of the statement that is corrected; for nothing else."/>
                    <Field id="note" name="form[note]" label="Note" value=form.note error=note_wrong need=Need::Optional max_length=max(NOTE_CHARS_MAX) autocomplete="off" hint="The account reads it in its ledger."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Book"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}

/// The page with the dialog that says how the account pays on top.
#[component]
pub fn PaymentPage() -> impl IntoView {
    let (id, refused) = (use_account_id(), use_form());
    let data = async move {
        let view = get_account_billing(id, 1).await?;
        let credit_limit = match view.mode {
            Mode::Prepaid { credit_limit } => credit_limit.typed(),
            Mode::Invoice => String::new(),
        };
        let fresh = PaymentForm {
            account: id.to_string(),
            mode: view.mode.slug().to_owned(),
            credit_limit,
            low_balance: view.low_balance.map(Money::typed).unwrap_or_default(),
        };
        Ok((view, refused.state(fresh).await))
    };
    loaded(data, |(view, state)| {
        view! { <AccountBilling view=view.clone()/><PaymentDialog view state/> }.into_any()
    })
}

#[component]
fn PaymentDialog(view: BillingView, state: FormState<PaymentForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::account_billing(view.account);
    let at = |field| error_at(error.as_ref(), field);
    let (limit_wrong, low_wrong) = (at("credit_limit"), at("low_balance"));
    let wrong = at("mode").map(|text| view! { <Notice tone=Tone::Bad text/> });
    let prepaid = form.mode == "prepaid";
    let title = format!("How {} pays", view.name);
    view! {
        <Dialog id="payment" title sub="Holds from now on. Who has too little by it is in arrears at once, and who has enough is not any more." close_href=close.clone()>
            <PostForm to=SetPayment::url()>
                <input type="hidden" name="form[account]" value=form.account/>
                <DialogBody>
                    <Refusal error=error.clone()/>
                    <CheckGroup legend="Payment">
                        <Checkbox id="mode-invoice" name="form[mode]" value="invoice" kind=CheckKind::Radio label="Later, by statement" pick=Pick::when(!prepaid) hint="It is never in arrears."/>
                        <Checkbox id="mode-prepaid" name="form[mode]" value="prepaid" kind=CheckKind::Radio label="Before" pick=Pick::when(prepaid) hint="Below its credit limit nothing new can be made, and images go to the recycle bin after some days."/>
                    </CheckGroup>
                    {wrong}
                    <Field id="credit-limit" name="form[credit_limit]" label="Credit limit" value=form.credit_limit error=limit_wrong need=Need::Optional autocomplete="off" hint="How far below zero a prepaid balance may fall. Empty for not at all."/>
                    <Field id="low-balance" name="form[low_balance]" label="Low balance" value=form.low_balance error=low_wrong need=Need::Optional autocomplete="off" hint="Below this a prepaid account is told. Empty for never."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Save changes"</Button>
                </DialogFoot>
            </PostForm>
        </Dialog>
    }
}
