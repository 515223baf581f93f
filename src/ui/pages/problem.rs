//! What a page shows when it has nothing else to show: that it is loading, or what went wrong with a way on. It adds no
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

/// In place of a page that has not arrived yet. Only after a click with script: the server sends pages in full.
#[component]
pub fn Loading() -> impl IntoView {
    view! {
        <p class="soft" role="status">"Loading the page"</p>
        <progress aria-label="Loading the page"></progress>
    }
}

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
    // A fresh load, because the router does nothing for the address where it is already.
    let retry = error.0.kind.retryable().then(|| {
        view! { <a class="button button--form button--primary" rel="external" href=move || again.get()>"Try again"</a> }
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

/// Sends whoever is not signed in to the sign-in, on the server by a redirect.
#[component]
pub fn ToSignIn() -> impl IntoView {
    let address = use_address().get_untracked();
    let next = if address == paths::OVERVIEW { String::new() } else { Url::escape(&address) };
    view! { <Redirect path=address_with(paths::SIGN_IN, &[("next", &next)])/> }
}

/// Sets the status of the page on the server; in the browser there is none.
pub fn set_status(status: u16) {
    #[cfg(feature = "ssr")]
    if let (Some(response), Ok(status)) =
        (use_context::<leptos_axum::ResponseOptions>(), axum::http::StatusCode::from_u16(status))
    {
        response.set_status(status);
    }
    #[cfg(not(feature = "ssr"))]
    let _ = status;
}

/// Why the last try of a form was refused, above its fields. What is said at a field is not said again here.
#[component]
pub fn Refusal(errors: Signal<Option<ApiError>>) -> impl IntoView {
    let text = Memo::new(move |_| errors.with(|error| error.as_ref().and_then(ApiError::elsewhere)));
    move || text.get().map(|text| view! { <Notice tone=Tone::Bad text urgency=Urgency::Alert/> })
}
