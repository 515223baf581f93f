//! The sign-in. It says nothing about who exists; how many tries are left is the server's to say.

use super::problem::Refusal;
use crate::ui::calls::people::SignIn;
use crate::ui::components::*;
use crate::ui::error::{FormState, errors};
use crate::ui::state::{error_at, use_form, use_word};
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use serde::{Deserialize, Serialize};

/// What a refused sign-in leaves behind. The password is not kept.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SignInForm {
    /// What was typed.
    pub email: String,
    /// The address the person wanted.
    pub next: String,
}

/// Who are you?
#[component]
pub fn SignInPage() -> impl IntoView {
    let next = use_word("next");
    let refused = use_form();
    let sign_in = ServerAction::<SignIn>::new();
    let fields = move || {
        Suspend::new(async move {
            let mut state = refused.state(SignInForm::default()).await;
            let wanted = next.get_untracked();
            if !wanted.is_empty() {
                state.form.next = wanted;
            }
            view! { <SignInFields sign_in state/> }
        })
    };
    view! {
        <Title text="Sign in · darkroom"/>
        <Gate help="Forgot your password? Ask your provider.">
            <ActionForm action=sign_in attr:class="stack">
                <div class="stack stack--s">
                    <Brand/>
                    <h1>"Sign in"</h1>
                </div>
                <Suspense>{fields}</Suspense>
            </ActionForm>
        </Gate>
    }
}

#[component]
fn SignInFields(sign_in: ServerAction<SignIn>, state: FormState<SignInForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let errors = errors(move || sign_in.value().get(), error);
    view! {
        <Refusal errors/>
        <input type="hidden" name="next" value=form.next/>
        <Field
            id="email"
            name="email"
            label="E-mail address"
            kind=FieldKind::Email
            autocomplete="username"
            value=form.email
            error=error_at(errors, "email")
        />
        <Field
            id="password"
            name="password"
            label="Password"
            kind=FieldKind::Password
            autocomplete="current-password"
            error=error_at(errors, "password")
        />
        <Button variant=Variant::Primary size=Size::Form pending=sign_in.pending()>
            "Sign in"
        </Button>
    }
}
