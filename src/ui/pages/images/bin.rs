//! The recycle bin: deleted images with the way back, and the dialogs that restore one, remove one for good, or empty the bin.

use super::super::Refusal;
use super::super::deletion::{DeleteDialog, Deletion, saves_words};
use super::super::parts::{BlockedDialog, Moment, PriceAhead, counted, explained, loaded};
use super::delete::stays_words;
use super::detail::ImageSheet;
use super::toolbar::asked;
use super::use_image_id;
use crate::ui::calls::images::{
    EmptyBin, PurgeImage, RestoreImage, get_bin, get_image, get_image_deletion, get_restoration,
};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::paths;
use crate::ui::state::{error_at, neighbours, use_form};
use darkroom_core::domain::form::RestoreImageForm;
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::region::Switch;
use darkroom_core::domain::size;
use darkroom_core::domain::text::NAME_CHARS_MAX;
use darkroom_core::domain::time::Timestamp;
use darkroom_core::domain::view::{BinList, BinRow, ImageDetail, ImageRestoration};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// From how long before the end on a row says that it is near, in milliseconds.
const NEAR_MS: i64 = 86_400_000;

/// The page *Recycle bin*.
#[component]
pub fn BinPage() -> impl IntoView {
    let (query, refused) = (use_query_map().with_untracked(asked), use_form());
    let data = async move { Ok((get_bin(query).await?, refused.error().await)) };
    loaded(data, |(list, error)| view! { <Refusal error/><BinView list/> }.into_any())
}

/// The bin with the dialog that empties it on top.
#[component]
pub fn EmptyBinPage() -> impl IntoView {
    let refused = use_form();
    let data = async move { Ok((get_bin(ImageQuery::default()).await?, refused.error().await)) };
    loaded(data, |(list, error)| {
        let n = list.n_in_bin;
        let deletion = Deletion {
            to: EmptyBin::url(),
            // What is emptied is the bin that is shown, whatever another tab switches to meanwhile.
            fields: vec![
                ("project", list.project_id.to_string()),
                ("region", list.region.to_string()),
                ("shown", list.now.0.to_string()),
            ],
            verb: "Empty it",
            title: "Empty the recycle bin?".to_owned(),
            sub: format!(
                "{}, {}. This cannot be undone.",
                counted(n as usize, "image"),
                size::decimal(list.stored_bytes)
            ),
            close: paths::IMAGES_BIN.to_owned(),
            headline: saves_words(list.month, &list.symbol),
            saves: list.month,
            detail: "Charging stops at once.".to_owned(),
            decision: None,
            consequences: vec![gone(counted(n as usize, "image"))],
            blocked: (n == 0).then(|| Reason {
                rule: "There is nothing in the recycle bin.".to_owned(),
                now: String::new(),
                ways_out: vec![Link::new("Show my images", paths::IMAGES)],
            }),
        };
        view! { <BinView list/><DeleteDialog deletion error/> }.into_any()
    })
}

fn gone(count: String) -> Consequence {
    Consequence {
        icon: IconName::Warn,
        tone: Tone::Bad,
        what: "Gone for good".to_owned(),
        count,
        detail: Some(
            "There is no other copy unless you made one. Machines made from it keep running.".to_owned(),
        ),
    }
}

#[component]
fn BinView(list: BinList) -> impl IntoView {
    let line = match list.recycle_days {
        0 if list.n_in_bin == 0 => format!("In {}, deleted images are gone for good at once.", list.region),
        0 => format!(
            "In {}, what is deleted from now on is gone for good at once. What is here keeps its day, and costs {} and month.",
            list.region,
            list.rate.words(&list.symbol)
        ),
        days => format!(
            "Deleted images stay here for {}, then they are gone for good. Until then they cost {} and month.",
            counted(days as usize, "day"),
            list.rate.words(&list.symbol)
        ),
    };
    let sum = (list.n_in_bin > 0).then(|| {
        format!(
            " {} stored, {} of it charged, {} per month.",
            size::decimal(list.stored_bytes),
            size::decimal(list.charged_bytes),
            list.month.display(&list.symbol)
        )
    });
    let empty = (list.may_purge && list.n_in_bin > 0).then(|| {
        view! { <LinkButton href=paths::IMAGES_BIN_EMPTY size=Size::Form icon=IconName::Trash>"Empty recycle bin"</LinkButton> }
    });
    let off = (list.images == Switch::Off && list.n_in_bin > 0).then(|| {
        let text = format!(
            "Image feature is not enabled in {}, so nothing can be restored. Ask your provider to enable it.",
            list.region
        );
        view! { <Notice tone=Tone::Warn text/> }
    });
    let body = if list.n_in_bin == 0 {
        view! {
            <EmptyState icon=IconName::Bin title="Nothing in the recycle bin">
                <p>"What you delete waits here for a while, so that a mistake can be taken back."</p>
                <EmptyActions slot><LinkButton href=paths::IMAGES size=Size::Form>"Show my images"</LinkButton></EmptyActions>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <BinTable list/> }.into_any()
    };
    view! {
        <Title text="Recycle bin · darkroom"/>
        <PageHead title="Recycle bin">
            <p class="soft">{line}<strong>{sum}</strong></p>
            <PageActions slot>{empty}</PageActions>
        </PageHead>
        {off}
        <Tabs label="Images" tabs=super::tabs() current=paths::IMAGES_BIN/>
        <Frame>{body}</Frame>
    }
}

#[component]
fn BinTable(list: BinList) -> impl IntoView {
    let columns = vec![
        Column::text("Name"),
        Column::number("Stored"),
        Column::text("Deleted").low(),
        Column::text("By").low(),
        Column::text("Kept until"),
        Column::number("Per month"),
        Column::actions(),
    ];
    let (previous, next) = neighbours(&list.page, paths::IMAGES_BIN, &[]);
    let range = list.page.range();
    let caption = format!("Recycle bin of {} in {}", list.project, list.region);
    let look = BinLook {
        now: list.now,
        symbol: list.symbol,
        may_restore: list.may_restore && list.images == Switch::On,
        may_purge: list.may_purge,
    };
    let rows = list
        .page
        .rows
        .into_iter()
        .map(|row| view! { <BinLine row look=look.clone()/> }.into_any())
        .collect_view();
    view! {
        <Table caption columns>{rows}</Table>
        <Pager range previous next/>
    }
}

/// What all rows need to know of their page.
#[derive(Clone)]
struct BinLook {
    now: Timestamp,
    symbol: String,
    may_restore: bool,
    may_purge: bool,
}

#[component]
fn BinLine(row: BinRow, look: BinLook) -> impl IntoView {
    let name = row.name.to_string();
    let restore = look.may_restore.then(|| {
        let about = name.clone();
        view! {
            <LinkButton href=paths::image_restore(row.id) icon=IconName::Undo>
                "Restore"<span class="visually-hidden">": "{about}</span>
            </LinkButton>
        }
    });
    let purge = look.may_purge.then(|| {
        let label = format!("Delete {name} for good");
        view! { <IconLink icon=IconName::Trash label href=paths::image_purge(row.id) variant=Variant::Quiet/> }
    });
    let near = row.until.since_ms(look.now) < NEAR_MS;
    let until = match near {
        true => view! { <Status tone=Tone::Warn icon=IconName::Clock word=row.until.minute()/> }.into_any(),
        false => view! { <Time datetime=row.until.rfc3339() text=row.until.minute()/> }.into_any(),
    };
    let month = row.month.display(&look.symbol);
    view! {
        <Row>
            <NameCell name href=paths::image(row.id)/>
            <Cell label="Stored" kind=Kind::Number>{size::decimal(row.stored_bytes)}</Cell>
            <Cell label="Deleted" kind=Kind::Short rank=Rank::Low><Moment at=row.since now=look.now/></Cell>
            <Cell label="By" rank=Rank::Low><span class="break">{row.by}</span></Cell>
            <Cell label="Kept until">{until}</Cell>
            <Cell label="Per month" kind=Kind::Number><MoneyText amount=month/></Cell>
            <ActionsCell look=ActionsLook::Below>{restore}{purge}</ActionsCell>
        </Row>
    }
}

/// The page of an image in the bin with the dialog that restores it on top.
#[component]
pub fn RestoreImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let (detail, options) = (get_image(id).await?, get_restoration(id).await?);
        let fresh = RestoreImageForm {
            image: id.to_string(),
            name: options.free_name.clone(),
            price_version: options.price_version,
        };
        Ok((detail, options, refused.state(fresh).await))
    };
    loaded(data, |(detail, options, state)| {
        view! { <ImageSheet detail/><RestoreDialog options state/> }.into_any()
    })
}

#[component]
fn RestoreDialog(options: ImageRestoration, state: FormState<RestoreImageForm>) -> impl IntoView {
    let close = paths::IMAGES_BIN.to_owned();
    let title = format!("Restore {}?", options.name);
    let sub = "It comes back with its tags, its family and its sharing.";
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <RestoreForm options state close=close.clone()/> }.into_any(),
    };
    view! { <Dialog id="restore" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn RestoreForm(
    options: ImageRestoration,
    state: FormState<RestoreImageForm>,
    close: String,
) -> impl IntoView {
    let FormState { form, error } = state;
    let taken = (options.free_name != options.name.as_str()).then(|| {
        let text =
            format!("Another image is called {} by now, so this one needs another name.", options.name);
        view! { <Notice text/> }
    });
    let shares = (options.n_shares > 0).then(|| {
        let text = format!(
            "{} can use it again, or are asked again.",
            counted(options.n_shares as usize, "project")
        );
        view! { <Notice text/> }
    });
    let wrong = error_at(error.as_ref(), "name");
    let headline = format!("Again {}", options.estimate.words(&options.symbol));
    let detail = "At most: what other images hold as well is charged with them. From now on.".to_owned();
    // What it costs more than it does in the recycle bin.
    let month = options.estimate.month - options.bin_month;
    view! {
        <PostForm to=RestoreImage::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            <input type="hidden" name="form[price_version]" value=options.price_version.to_string()/>
            <DialogBody>
                <Refusal error/>
                {taken}
                {shares}
                <Field id="name" name="form[name]" label="Name" value=form.name max_length=u32::try_from(NAME_CHARS_MAX).unwrap_or(u32::MAX) error=wrong autocomplete="off"/>
            </DialogBody>
            <DialogFoot>
                <PriceAhead headline detail month/>
                <LinkButton href=close size=Size::Form>"Leave it there"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Undo>"Restore image"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The page of an image in the bin with the dialog that removes it for good on top.
#[component]
pub fn PurgeImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data =
        async move { Ok((get_image(id).await?, get_image_deletion(id).await?, refused.error().await)) };
    loaded(data, |(detail, image, error): (ImageDetail, _, Option<ApiError>)| {
        let freed = Consequence {
            icon: IconName::Disk,
            tone: Tone::Plain,
            what: "Storage that becomes free".to_owned(),
            count: size::decimal(image.unique_bytes),
            detail: stays_words(&image),
        };
        let deletion = Deletion {
            to: PurgeImage::url(),
            fields: vec![("id", image.id.to_string())],
            verb: "Delete for good",
            title: format!("Delete {} for good?", image.name),
            sub: "It cannot be brought back.".to_owned(),
            close: paths::IMAGES_BIN.to_owned(),
            headline: saves_words(image.month, &image.symbol),
            saves: image.month,
            detail: format!("It has cost {} so far.", image.cost.display(&image.symbol)),
            decision: None,
            consequences: vec![gone(String::new()), freed],
            blocked: None,
        };
        view! { <ImageSheet detail/><DeleteDialog deletion error/> }.into_any()
    })
}
