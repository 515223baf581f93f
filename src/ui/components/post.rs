//! The form that changes something. It knows no call: the page says where it goes.

use leptos::prelude::*;

/// A form that is posted. Without script the browser sends it and follows the redirect. With script (`ui/browser`) it is sent
/// once however often it is pressed, and a refusal appears without the page being left.
#[component]
pub fn PostForm(
    /// The address of the server function: `CreateImage::url()`.
    to: &'static str,
    #[prop(optional, into)] class: Option<String>,
    children: Children,
) -> impl IntoView {
    view! { <form method="post" action=to class=class data-send="">{children()}</form> }
}
