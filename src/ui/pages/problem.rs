//! What a page shows when it has nothing else to show: what went wrong, with a way on. It adds no
//! words of its own to what core says.

use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::paths;
use crate::ui::state::{address_with, use_address};
use darkroom_core::domain::Kind;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::location::Url;

/// In place of a page that could not be shown: what happened and a way on. Whoever is not signed in goes to the sign-in
/// and comes back afterwards.
#[component]
pub fn Problem(error: ApiError) -> impl IntoView {
    if error.signed_out() {
        return view! { <ToSignIn/> }.into_any();
    }
    set_status(error.0.kind.status());
    let title = title(error.0.kind);
    let again = use_address();
    let retry = error.0.kind.retryable().then(|| {
        view! { <LinkButton href=again variant=Variant::Primary size=Size::Form>"Try again"</LinkButton> }
    });
    view! {
        <Title text=format!("{title} · darkroom")/>
        <PageHead title/>
        <Notice tone=Tone::Bad text=error.0.message urgency=Urgency::Alert/>
        <div class="cluster">
            {retry}
            <LinkButton href=paths::OVERVIEW size=Size::Form>"Go to the overview"</LinkButton>
        </div>
        <p class="small soft">"Error code: "<code>{error.0.code}</code></p>
    }
    .into_any()
}

const fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::NotFound => "Not found",
        Kind::Forbidden => "Not allowed",
        Kind::Unavailable => "Not available now",
        Kind::Internal => "A defect of darkroom",
        Kind::Invalid | Kind::Unauthenticated | Kind::Conflict | Kind::Limit | Kind::PriceChanged => {
            "Not possible now"
        }
    }
}

/// Sends whoever is not signed in to the sign-in.
#[component]
pub fn ToSignIn() -> impl IntoView {
    let address = use_address();
    let next = if address == paths::OVERVIEW { String::new() } else { Url::escape(&address) };
    view! { <Redirect path=address_with(paths::SIGN_IN, &[("next", &next)])/> }
}

/// Sets the status of the page.
pub fn set_status(status: u16) {
    if let (Some(response), Ok(status)) =
        (use_context::<leptos_axum::ResponseOptions>(), axum::http::StatusCode::from_u16(status))
    {
        response.set_status(status);
    }
}

/// Why the last try of a form or a button was refused. What is said at a field is not said again here.
#[component]
pub fn Refusal(error: Option<ApiError>) -> impl IntoView {
    let text = error.and_then(|error| error.elsewhere());
    text.map(|text| view! { <Notice tone=Tone::Bad text urgency=Urgency::Alert/> })
}
