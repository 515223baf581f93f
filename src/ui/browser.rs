//! What only a browser can do, as small hooks that do nothing on the server. No rule and no markup may live here.

use leptos::prelude::*;

/// How often a page asks again while something on it is at work, in milliseconds.
pub const POLL_MS: u32 = 1000;

/// Whether the page's scripts run: false on the server and at first, true soon after hydration.
pub fn use_hydrated() -> ReadSignal<bool> {
    let (ready, set_ready) = signal(false);
    Effect::new(move |_| set_ready.set(true));
    ready
}

/// Calls `again` every second while `active` holds and the tab is visible. The timer lives as long as the page.
pub fn poll_while(active: Signal<bool>, again: impl Fn() + Clone + Send + Sync + 'static) {
    #[cfg(feature = "hydrate")]
    Effect::new(move |_| {
        if !active.get() {
            return;
        }
        let again = again.clone();
        let timer = gloo_timers::callback::Interval::new(POLL_MS, move || {
            let visible = document().visibility_state() == web_sys::VisibilityState::Visible;
            if visible {
                again();
            }
        });
        let timer = send_wrapper::SendWrapper::new(timer);
        on_cleanup(move || drop(timer));
    });
    #[cfg(not(feature = "hydrate"))]
    let _ = (active, again);
}
