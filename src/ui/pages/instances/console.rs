//! A machine's serial console in the browser. The terminal itself is `public/console.js` with xterm.js: this page only gives it a place and
//! its parameters, and never redraws that place. The page has a content policy of its own.

use super::super::parts::{explained, loaded, role_reason};
use super::detail::tail;
use super::use_instance_id;
use crate::ui::calls::instances::get_instance;
use crate::ui::components::*;
use crate::ui::paths;
use darkroom_core::domain::view::InstanceDetail;
use leptos::prelude::*;
use leptos_meta::Title;

/// Where the terminal is put. A page that came from the server has it before the program starts.
const PLACE: &str = "terminal";
/// Lines of the log that are shown when there is no terminal.
const LOG_LINES: usize = 60;

/// The page *Console*.
#[component]
pub fn ConsolePage() -> impl IntoView {
    loaded(get_instance(use_instance_id()), |detail| view! { <ConsoleView detail/> }.into_any())
}

#[component]
fn ConsoleView(detail: InstanceDetail) -> impl IntoView {
    let name = detail.name.to_string();
    let above =
        vec![Link::new("Instances", paths::INSTANCES), Link::new(name.clone(), paths::instance(detail.id))];
    let blocked = if detail.may_change { detail.console_blocked.clone() } else { Some(role_reason()) };
    let body = match blocked {
        Some(rule) => view! {
            <Explain reason=explained(rule)/>
            <Log text=detail.console/>
        }
        .into_any(),
        None => view! { <Terminal detail/> }.into_any(),
    };
    view! {
        <Title text=format!("Console of {name} · darkroom")/>
        <Crumbs above here="Console"/>
        <PageHead title=format!("Console of {name}")>
            <p class="soft">"The serial console, ttyS0. What you type goes straight to the machine."</p>
        </PageHead>
        {body}
    }
}

#[component]
fn Terminal(detail: InstanceDetail) -> impl IntoView {
    let socket = paths::instance_console_socket(detail.id);
    let label = format!("Console of {}", detail.name);
    let without = without_script(&detail);
    // The server lets only scripts with the nonce of the answer run; in the browser there is none to know.
    let nonce = use_nonce();
    view! {
        // In the body on purpose: what `leptos_meta` adds to the head is lost when a page that waited goes on in another thread.
        <link rel="stylesheet" href="/vendor/xterm.css"/>
        <div class="console" id="console" data-keep="">
            <div class="console__bar">
                <span id="console-state" role="status">"Connecting"</span>
                <div class="cluster">
                    <button class="button button--quiet" type="button" id="console-reconnect" hidden><Icon name=IconName::Retry/>"Reconnect"</button>
                    <button class="button button--quiet" type="button" id="console-copy" hidden><Icon name=IconName::Clip/>"Copy"</button>
                    <a class="button button--quiet" href=paths::instance_console_log(detail.id)><Icon name=IconName::Export/>"Whole log"</a>
                </div>
            </div>
            <div class="console__screen" id=PLACE data-socket=socket data-label=label></div>
        </div>
        <noscript inner_html=without></noscript>
        <p class="small soft" id="console-help">
            "Every key goes to the machine, Tab too. "<kbd>"Ctrl"</kbd>"+"<kbd>"Shift"</kbd>"+"<kbd>"L"</kbd>
            " leaves the terminal for the buttons above it. "<span id="console-size"></span>
        </p>
        <script src="/vendor/xterm.js" defer nonce=nonce.clone()></script>
        <script src="/vendor/addon-fit.js" defer nonce=nonce.clone()></script>
        <script src="/console.js" defer nonce=nonce></script>
    }
}

/// What stands in the terminal's place without script. It is HTML and no view: a browser with script reads the inside of `noscript` as
/// text, which would not fit the view.
fn without_script(detail: &InstanceDetail) -> String {
    let log = escape(&tail(&detail.console, LOG_LINES));
    format!(
        "<p>The console needs JavaScript. This is the end of what the machine wrote; reload the page for more.</p>\
         <div class=\"console\"><pre tabindex=\"0\" role=\"region\" aria-label=\"Serial output\">{log}</pre></div>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[component]
fn Log(text: String) -> impl IntoView {
    let shown =
        if text.trim().is_empty() { "Nothing was written yet.".to_owned() } else { tail(&text, LOG_LINES) };
    view! {
        <Console title="ttyS0, the last lines">
            <pre tabindex="0" role="region" aria-label="Serial output">{shown}</pre>
        </Console>
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_a_machine_writes_never_becomes_markup() {
        assert_eq!(escape("<script>alert(1)</script>&"), "&lt;script&gt;alert(1)&lt;/script&gt;&amp;");
    }
}
