//! The page *Billing* of an account: what it has, what the month costs, its budget, ledger and statements.

use super::parts::{Balance, Ledger, Statements};
use crate::ui::calls::billing::{SetBudget, get_billing};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::pages::Refusal;
use crate::ui::pages::parts::{BlockedDialog, loaded, role_reason};
use crate::ui::paths;
use crate::ui::state::{blocked, error_at, use_form, use_page_number};
use darkroom_core::domain::form::BudgetForm;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::view::BillingView;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;

/// The page *Billing*.
#[component]
pub fn BillingPage() -> impl IntoView {
    loaded(get_billing(use_page_number()), |view| view! { <BillingSheet view/> }.into_any())
}

#[component]
fn BillingSheet(view: BillingView) -> impl IntoView {
    let line = format!("What {} uses, has and owes.", view.name);
    let (entries, symbol, statements, now) =
        (view.entries.clone(), view.symbol.clone(), view.statements.clone(), view.now);
    view! {
        <Title text="Billing · darkroom"/>
        <PageHead title="Billing"><p class="soft">{line}</p></PageHead>
        <div class="stack stack--l">
            <div class="split">
                <Balance view=view.clone()/>
                <Month view/>
            </div>
            <Statements statements now/>
            <Ledger entries symbol now path=paths::BILLING.to_owned()/>
        </div>
    }
}

/// What the month costs, and how much of the budget that is.
#[component]
fn Month(view: BillingView) -> impl IntoView {
    let (symbol, month) = (view.symbol, view.month);
    let bar = match view.budget {
        Some(budget) => view! { <BudgetBar cost=month.so_far forecast=month.forecast budget symbol=symbol.clone()/> }.into_any(),
        None => view! { <p class="soft">"No budget. With one you are told at 50, 80 and 100 % of it; nothing ends because of it."</p> }.into_any(),
    };
    let edit = view.may_budget.then(|| {
        let label = if view.budget.is_some() { "Change budget" } else { "Set a budget" };
        view! { <div><LinkButton href=paths::BILLING_BUDGET>{label}</LinkButton></div> }
    });
    view! {
        <Section id="month" title="This month">
            <div class="cluster cluster--l">
                <Figure value=month.so_far.display(&symbol) caption="so far"/>
                <Figure value=month.forecast.display(&symbol) caption="by its end, if what runs now runs on" certainty=Certainty::Estimate/>
            </div>
            {bar}
            {edit}
        </Section>
    }
}

#[component]
fn BudgetBar(cost: Money, forecast: Money, budget: Money, symbol: String) -> impl IntoView {
    let whole = |money: Money| u64::try_from(money.0).unwrap_or(0);
    let note = match forecast > budget {
        true => "The forecast is above it.",
        false => "The forecast is within it.",
    };
    let (used_text, limit_text) = (cost.display(&symbol), format!("of {}", budget.display(&symbol)));
    view! {
        <Meter label="Budget" used=whole(cost) limit=whole(budget) used_text limit_text/>
        <p class="small soft">{note}</p>
    }
}

/// The page with the dialog that sets the budget on top.
#[component]
pub fn BudgetPage() -> impl IntoView {
    let refused = use_form();
    let data = async move {
        let view = get_billing(1).await?;
        let fresh = BudgetForm { budget: view.budget.map(Money::typed).unwrap_or_default() };
        Ok((view, refused.state(fresh).await))
    };
    loaded(data, |(view, state)| {
        view! { <BillingSheet view=view.clone()/><BudgetDialog view state/> }.into_any()
    })
}

#[component]
fn BudgetDialog(view: BillingView, state: FormState<BudgetForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let close = paths::BILLING.to_owned();
    let close_href = close.clone();
    let wrong = error_at(error.as_ref(), "budget");
    let label = format!("Budget a month, in {}", view.symbol);
    let body = if view.may_budget {
        view! {
            <PostForm to=SetBudget::url()>
                <DialogBody>
                    <Refusal error/>
                    <Field id="budget" name="form[budget]" label value=form.budget error=wrong need=Need::Optional autocomplete="off" hint="For example 500 or 12.50. Empty for no budget. You are told at 50, 80 and 100 %, once a month each; nothing ends because of it."/>
                </DialogBody>
                <DialogFoot>
                    <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                    <Button variant=Variant::Primary size=Size::Form>"Save budget"</Button>
                </DialogFoot>
            </PostForm>
        }
        .into_any()
    } else {
        view! { <BlockedDialog reason=blocked(role_reason(), vec![]) close label="Back to billing"/> }
            .into_any()
    };
    view! { <Dialog id="edit-budget" title="Budget" sub="For the whole account, in all its projects and regions." close_href>{body}</Dialog> }
}
