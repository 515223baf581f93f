//! Meter and progress: native elements, so that they need no inline width and are read out. A meter turns to a
//! colour only together with a word.

use super::status::{Status, Tone};
use leptos::prelude::*;

/// A bar for work that runs. Without a value its length is unknown; a sentence beside it says what happens.
#[component]
pub fn Progress(
    /// What is running, read out with the value.
    #[prop(into)]
    label: String,
    /// How much of `max` is done; `None` while nobody knows.
    value: Option<u64>,
    #[prop(default = 100)] max: u64,
) -> impl IntoView {
    view! {
        <progress
            value=value.map(|done| done.to_string())
            max=max.to_string()
            aria-label=label
        ></progress>
    }
}

/// Running work as a block: what it is, the time left, the bar and a small line of figures.
#[component]
pub fn TaskProgress(
    /// What runs, for instance *Create build-runner-2026-11*.
    #[prop(into)]
    label: String,
    /// Its page.
    #[prop(optional, into)]
    href: Option<String>,
    /// What stands at the right: *2 min left*.
    #[prop(into)]
    left: String,
    value: Option<u64>,
    #[prop(default = 100)] max: u64,
    /// The small line under the bar: *62 %, 19.4 of 31.3 GB*.
    #[prop(optional, into)]
    figures: Option<String>,
) -> impl IntoView {
    let name = label.clone();
    let head = match href {
        Some(href) => view! { <a href=href>{name}</a> }.into_any(),
        None => view! { <Status tone=Tone::Run word=name/> }.into_any(),
    };
    let figures = figures.map(|text| view! { <span class="wide small soft">{text}</span> });
    view! {
        <div class="gauge">
            {head}
            <span class="num soft">{left}</span>
            <Progress label value max/>
            {figures}
        </div>
    }
}

/// How full a quota is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Free,
    Near,
    Full,
}

/// The share of a limit above which a meter warns.
const NEAR_PERCENT: u64 = 80;

fn level(used: u64, limit: u64) -> Level {
    if used >= limit {
        return Level::Full;
    }
    // u128, because bytes times a hundred pass the end of u64 at 184 petabytes.
    let warns = u128::from(used) * 100 > u128::from(limit) * u128::from(NEAR_PERCENT);
    if warns { Level::Near } else { Level::Free }
}

/// How much of the limit is used, in thousandths, rounded down: only a full meter reaches the end. Not the figures
/// themselves, because a browser needs room between the low and the high mark, and a limit may be one.
fn per_mille(used: u64, limit: u64) -> u128 {
    if used >= limit {
        return 1000;
    }
    u128::from(used) * 1000 / u128::from(limit)
}

/// A quota: name, figures, bar, and a word as soon as it is not plain ink any more.
#[component]
pub fn Meter(
    #[prop(into)] label: String,
    used: u64,
    limit: u64,
    /// The figures as text, for instance *563* and *of 600 GB*.
    #[prop(into)]
    used_text: String,
    #[prop(into)] limit_text: String,
    /// What to say near or at the limit; without it *Near the limit* or *Used up*.
    #[prop(optional, into)]
    note: Option<String>,
) -> impl IntoView {
    let aria = format!("{label}: {used_text} {limit_text}");
    let inside = format!("{used_text} {limit_text}");
    let word = match level(used, limit) {
        Level::Free => None,
        Level::Near => Some((Tone::Warn, "Near the limit.")),
        Level::Full => Some((Tone::Bad, "Used up.")),
    };
    let word = word.map(|(tone, plain)| {
        let text = note.unwrap_or_else(|| plain.to_owned());
        view! { <div class="wide small"><Status tone word=text/></div> }
    });
    view! {
        <div class="gauge">
            <span>{label}</span>
            <span class="num">{used_text}" "<span class="soft">{limit_text}</span></span>
            <meter
                min="0"
                max="1000"
                low="800"
                high="999"
                optimum="0"
                value=per_mille(used, limit).to_string()
                aria-label=aria
            >
                {inside}
            </meter>
            {word}
        </div>
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::super::testing::html;
    use super::*;

    fn meter(used: u64, limit: u64) -> String {
        html(move || {
            view! { <Meter label="Images" used limit used_text=used.to_string() limit_text=format!("of {limit}")/> }
        })
    }

    #[test]
    fn a_meter_says_a_word_as_soon_as_it_has_a_colour() {
        assert!(!meter(40, 50).contains("class=\"status\""));
        assert!(meter(41, 50).contains("Near the limit."));
        assert!(meter(50, 50).contains("Used up."));
        assert!(meter(51, 50).contains("Used up."));
    }

    #[test]
    fn only_a_full_meter_passes_its_high_mark() {
        assert!(meter(50, 50).contains("high=\"999\"") && meter(50, 50).contains("value=\"1000\""));
        assert!(meter(49, 50).contains("value=\"980\""));
        assert!(meter(u64::MAX - 1, u64::MAX).contains("value=\"999\""));
    }

    #[test]
    fn a_limit_of_zero_is_used_up_and_drawn_full() {
        let drawn = meter(0, 0);
        assert!(drawn.contains("Used up.") && drawn.contains("value=\"1000\""), "{drawn}");
    }

    #[test]
    fn progress_of_unknown_length_has_no_value() {
        let unknown = html(|| view! { <Progress label="Loading" value={None::<u64>}/> });
        assert!(!unknown.contains("value="), "{unknown}");
        let known = html(|| view! { <Progress label="Loading" value=Some(62)/> });
        assert!(known.contains("value=\"62\""), "{known}");
    }
}
