//! The sign-in. It says nothing about who exists; how many tries are left is the server's to say.

use super::problem::Refusal;
use crate::ui::calls::people::SignIn;
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::state::{error_at, use_form, use_word};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
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
    let (wanted, refused) = (use_word("next"), use_form());
    let fields = Suspend::new(async move {
        let mut state = refused.state(SignInForm::default()).await;
        if !wanted.is_empty() {
            state.form.next = wanted;
        }
        view! { <SignInFields state/> }
    });
    view! {
        <Title text="Sign in · darkroom"/>
        <Gate help="Forgot your password? Ask your provider.">
            <PostForm to=SignIn::url() class="stack">
                <div class="stack stack--s">
                    <Brand/>
                    <h1>"Sign in"</h1>
                </div>
                {fields}
            </PostForm>
        </Gate>
    }
}

#[component]
fn SignInFields(state: FormState<SignInForm>) -> impl IntoView {
    let FormState { form, error } = state;
    let [email_error, password_error] = ["email", "password"].map(|field| error_at(error.as_ref(), field));
    view! {
        <Refusal error/>
        <input type="hidden" name="next" value=form.next/>
        <Field
            id="email"
            name="email"
            label="E-mail address"
            kind=FieldKind::Email
            autocomplete="username"
            value=form.email
            error=email_error
        />
        <Field
            id="password"
            name="password"
            label="Password"
            kind=FieldKind::Password
            autocomplete="current-password"
            error=password_error
        />
        <Button variant=Variant::Primary size=Size::Form>
            "Sign in"
        </Button>
    }
}
