//! The page for an address that leads nowhere. It tells nobody what exists, so it needs no session.

use super::problem::set_status;
use crate::ui::components::*;
use crate::ui::paths;
use leptos::prelude::*;
use leptos_meta::Title;

/// There is no such page.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    set_status(404);
    view! {
        <Title text="Not found · darkroom"/>
        <Gate help="Links inside darkroom never lead here; an address typed by hand may miss a letter.">
            <div class="stack">
                <div class="stack stack--s">
                    <Brand/>
                    <h1>"Not found"</h1>
                </div>
                <p>"There is no page at this address."</p>
                <LinkButton href=paths::OVERVIEW variant=Variant::Primary size=Size::Form>
                    "Go to the overview"
                </LinkButton>
            </div>
        </Gate>
    }
}
