//! The dialog: a question with its own address. The server renders it open in a layer over the page; script makes
//! it modal and lets Escape follow the close link (`ui/browser`). Title is the question, the button is the answer.

use super::icon::{Icon, IconName};
use leptos::prelude::*;

/// How wide a dialog gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DialogWidth {
    #[default]
    Normal,
    /// For tables and two columns.
    Wide,
}

/// A dialog over the page. Its child is one form with a `DialogBody` and a `DialogFoot`.
#[component]
pub fn Dialog(
    /// Unique on the page; the title takes its id from it.
    #[prop(into)]
    id: String,
    /// The question: *Delete production-web-server-v2?*
    #[prop(into)]
    title: String,
    /// One sentence under it: *It goes to the recycle bin for 7 days.*
    #[prop(optional, into)]
    sub: Option<String>,
    /// Where closing leads: the page underneath.
    #[prop(into)]
    close_href: String,
    #[prop(optional)] width: DialogWidth,
    children: Children,
) -> impl IntoView {
    let class = if width == DialogWidth::Wide { "dialog dialog--wide" } else { "dialog" };
    let title_id = format!("{id}-title");
    let labelled = title_id.clone();
    let sub_id = format!("{id}-sub");
    let described = sub.is_some().then(|| sub_id.clone());
    let sub = sub.map(|text| view! { <p class="soft" id=sub_id>{text}</p> });
    view! {
        <div class="dialog-layer">
            <dialog
                class=class
                id=id
                open=true
                aria-labelledby=labelled
                aria-describedby=described
            >
                <div class="dialog__head">
                    <div>
                        <h2 id=title_id>{title}</h2>
                        {sub}
                    </div>
                    <a
                        class="button button--quiet button--icon"
                        href=close_href
                        aria-label="Close"
                        data-close=""
                    >
                        <Icon name=IconName::Close/>
                    </a>
                </div>
                {children()}
            </dialog>
        </div>
    }
}

/// What needs a decision, then what else happens.
#[component]
pub fn DialogBody(children: Children) -> impl IntoView {
    view! { <div class="dialog__body">{children()}</div> }
}

/// Price or way back at the left, buttons at the right: first the one that keeps things as they are.
#[component]
pub fn DialogFoot(children: Children) -> impl IntoView {
    view! { <div class="dialog__foot">{children()}</div> }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    #[test]
    fn a_dialog_is_open_named_by_its_title_and_can_be_left_without_script() {
        let dialog = html(|| {
            view! {
                <Dialog id="del" title="Delete web-v2?" sub="Undo for 7 days." close_href="/images/1">
                    <form method="post">"…"</form>
                </Dialog>
            }
        });
        assert!(dialog.contains(" open"), "{dialog}");
        assert!(dialog.contains("aria-labelledby=\"del-title\"") && dialog.contains("<h2 id=\"del-title\">"));
        assert!(dialog.contains("aria-describedby=\"del-sub\"") && dialog.contains("id=\"del-sub\""));
        assert!(dialog.contains("href=\"/images/1\"") && dialog.contains("aria-label=\"Close\""), "{dialog}");
    }
}
