//! The dialog that does one thing to many images, over My Images: what becomes of each before the click, and what became of it after.

use super::super::Refusal;
use super::super::deletion::saves_words;
use super::super::parts::{PriceAhead, counted, loaded};
use super::list::ImagesView;
use super::toolbar::{ACTIONS, address, asked};
use crate::ui::calls::images::{BulkImages, BulkShown, get_bulk_options, list_images};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::BulkForm;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::page::grouped;
use darkroom_core::domain::size;
use darkroom_core::domain::view::{BulkLine, BulkOptions};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use leptos_router::params::ParamsMap;

/// My Images with the dialog on top.
#[component]
pub fn SelectedImagesPage() -> impl IntoView {
    let refused = use_form();
    let (query, form, all) =
        use_query_map().with_untracked(|map| (asked(map), picked(map), map.get("all").is_some()));
    let close = address(&query);
    let data = async move {
        let fresh = BulkShown { form: form.clone(), lines: vec![] };
        let state = refused.state(fresh).await;
        // Who picked nothing is not asked about everything.
        let options = match form.images.is_empty() && state.form.form.images.is_empty() && !all {
            true => None,
            false => Some(get_bulk_options(state.form.form.clone(), query.clone()).await?),
        };
        Ok((list_images(query).await?, state, options))
    };
    let shown = move |(list, state, options): (_, FormState<BulkShown>, _)| {
        view! {
            <ImagesView list/>
            <SelectedDialog state options close/>
        }
        .into_any()
    };
    view! {
        <Title text="Selected images · darkroom"/>
        {loaded(data, shown)}
    }
}

/// What the boxes of the list and the button that was pressed say.
fn picked(address: &ParamsMap) -> BulkForm {
    BulkForm {
        action: address.get("action").unwrap_or_default(),
        images: address.get_all("image").unwrap_or_default(),
        tags: String::new(),
    }
}

#[component]
fn SelectedDialog(state: FormState<BulkShown>, options: Option<BulkOptions>, close: String) -> impl IntoView {
    let FormState { form: BulkShown { form, lines }, error } = state;
    let known = ACTIONS.iter().any(|(action, _, _)| *action == form.action);
    let (title, body) = match options {
        _ if !lines.is_empty() => {
            (done_title(&form.action, &lines), view! { <Done lines close=close.clone()/> }.into_any())
        }
        Some(options) if known && !options.lines.is_empty() => (
            question(&form.action, options.lines.iter().filter(|line| !line.refused).count()),
            view! { <Ask form options error close=close.clone()/> }.into_any(),
        ),
        _ => ("No image is picked".to_owned(), view! { <Nothing close=close.clone()/> }.into_any()),
    };
    view! { <Dialog id="selected" title close_href=close width=DialogWidth::Wide>{body}</Dialog> }
}

fn question(action: &str, n: usize) -> String {
    let images = counted(n, "image");
    match action {
        "delete" => format!("Delete {images}?"),
        "tag" => format!("Add tags to {images}"),
        "untag" => format!("Take tags away from {images}"),
        "protect" => format!("Protect {images} from deletion?"),
        _ => format!("End the protection of {images}?"),
    }
}

fn verb(action: &str) -> &'static str {
    ACTIONS.iter().find(|(known, _, _)| *known == action).map_or("Do it", |(_, label, _)| label)
}

fn done_title(action: &str, lines: &[BulkLine]) -> String {
    let refused = lines.iter().filter(|line| line.refused).count();
    let done = counted(lines.len() - refused, "image");
    let past = match action {
        "delete" => "deleted",
        "tag" => "tagged",
        "untag" => "rid of the tags",
        "protect" => "protected",
        _ => "no longer protected",
    };
    match refused {
        0 => format!("{done} {past}"),
        n => format!("{done} {past}, {n} left as they were"),
    }
}

#[component]
fn Nothing(close: String) -> impl IntoView {
    view! {
        <div>
            <DialogBody><p>"Pick images in the list first, then choose what to do with them."</p></DialogBody>
            <DialogFoot><LinkButton href=close size=Size::Form>"Back to the list"</LinkButton></DialogFoot>
        </div>
    }
}

/// What became of each image.
#[component]
fn Done(lines: Vec<BulkLine>, close: String) -> impl IntoView {
    view! {
        <div>
            <DialogBody><Lines legend="Result per image" lines waiting=""/></DialogBody>
            <DialogFoot>
                <LinkButton href=close variant=Variant::Primary size=Size::Form>"Back to the list"</LinkButton>
            </DialogFoot>
        </div>
    }
}

#[component]
fn Ask(form: BulkForm, options: BulkOptions, error: Option<ApiError>, close: String) -> impl IntoView {
    let can = options.lines.iter().filter(|line| !line.refused).count();
    // Only what can be done is sent: a line that is refused stays as it is.
    let ids = options
        .lines
        .iter()
        .filter(|line| !line.refused)
        .map(|line| view! { <input type="hidden" name="form[images][]" value=line.image.to_string()/> })
        .collect_view();
    let tags = matches!(form.action.as_str(), "tag" | "untag").then(|| {
        let (label, hint) = match form.action.as_str() {
            "tag" => ("Tags", "One per line or with commas: key or key=value. A key that is there gets the new value."),
            _ => ("Keys", "One per line or with commas, such as env."),
        };
        view! { <Field id="tags" name="form[tags]" label kind=FieldKind::Area value=form.tags.clone() hint error=error_at(error.as_ref(), "tags")/> }
    });
    let many = (options.n_found > options.n_max).then(|| {
        let text = format!(
            "{} images are found; {} are done at once. These are the first; do it again for the others.",
            grouped(options.n_found),
            grouped(options.n_max)
        );
        view! { <Notice tone=Tone::Warn text/> }
    });
    let deletes = form.action == "delete";
    let service = options.service_stays.map(|service| {
        let text = format!(
            "The snapshot service stays on and goes on costing {} per month.",
            service.month.display(&options.symbol)
        );
        view! {
            <Notice tone=Tone::Warn text>
                <LinkButton href=paths::SNAPSHOT_SERVICE>"Turn it off"</LinkButton>
            </Notice>
        }
    });
    let keeps = deletes
        .then(|| view! { <p class="soft">"Machines made from them keep running, and copies stay."</p> });
    let less = format!("{} less to pay for in the end", size::decimal(options.charged_bytes));
    let stays = match options.bin_month {
        Money::ZERO => format!("{less}. Charging stops at once."),
        month => format!(
            "{less}. In the recycle bin they still cost {} per month.",
            month.display(&options.symbol)
        ),
    };
    let price = match deletes {
        true => view! { <PriceAhead headline=saves_words(options.month, &options.symbol) detail=stays month={options.bin_month - options.month}/> }.into_any(),
        false => view! { <PriceLine headline="Costs nothing" detail="Machines made from them are not touched."/> }.into_any(),
    };
    let button = (can > 0).then(|| {
        let label = verb(&form.action);
        match deletes {
            true => view! { <Button variant=Variant::Danger size=Size::Form icon=IconName::Trash>{label}</Button> }.into_any(),
            false => view! { <Button variant=Variant::Primary size=Size::Form>{label}</Button> }.into_any(),
        }
    });
    let waiting = match form.action.as_str() {
        "delete" => "Will be deleted",
        "tag" => "Gets the tags",
        "untag" => "Loses the tags",
        "protect" => "Will be protected",
        _ => "Will be deletable again",
    };
    let keep = if deletes { "Keep them" } else { "Cancel" };
    view! {
        <PostForm to=BulkImages::url()>
            <input type="hidden" name="form[action]" value=form.action/>
            {ids}
            <DialogBody>
                <Refusal error/>
                {many}
                {tags}
                {keeps}
                {service}
                <Lines legend="What becomes of each" lines=options.lines waiting/>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>{keep}</LinkButton>
                {button}
            </DialogFoot>
        </PostForm>
    }
}

/// One line per image; `waiting` stands at those that nothing is said of yet.
#[component]
fn Lines(legend: &'static str, lines: Vec<BulkLine>, waiting: &'static str) -> impl IntoView {
    let rows = lines
        .into_iter()
        .map(|line| {
            let (mark, icon) = if line.refused { ("bad", IconName::Off) } else { ("ok", IconName::Ok) };
            let text = if line.text.is_empty() { waiting.to_owned() } else { line.text };
            let (name, href) = (line.name.to_string(), paths::image(line.image));
            view! { <li data-is=mark><Icon name=icon/><a class="break" href=href>{name}</a><span>{text}</span></li> }
        })
        .collect_view();
    view! {
        <div class="field" role="status">
            <p><strong>{legend}</strong></p>
            <ul class="lines" tabindex="0" aria-label=legend>{rows}</ul>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_boxes_count_as_picked() {
        let map: ParamsMap = [("action", "delete"), ("image", "a"), ("image", "b")].into_iter().collect();
        let form = picked(&map);
        assert_eq!((form.action.as_str(), form.images.len()), ("delete", 2));
        assert!(picked(&ParamsMap::new()).images.is_empty());
    }

    #[test]
    fn a_title_says_how_many_stayed_as_they_were() {
        let line = |refused| BulkLine {
            image: uuid::Uuid::from_u128(1).into(),
            name: darkroom_core::domain::text::Name::parse("web").expect("valid"),
            refused,
            text: String::new(),
        };
        assert_eq!(done_title("delete", &[line(false), line(false)]), "2 images deleted");
        assert_eq!(
            done_title("protect", &[line(false), line(true)]),
            "1 image protected, 1 left as they were"
        );
        assert_eq!(question("delete", 1), "Delete 1 image?");
    }
}
