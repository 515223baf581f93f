//! The dialog that deprecates, disables or restores an image, over its page (A8, A5-8): what it becomes, when, and what to use instead.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, explained, loaded, role_reason};
use super::detail::ImageSheet;
use super::use_image_id;
use crate::ui::calls::images::{StageImage, get_image, list_images};
use crate::ui::components::*;
use crate::ui::error::FormState;
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::StageForm;
use darkroom_core::domain::image::Action;
use darkroom_core::domain::image::Status as State;
use darkroom_core::domain::image::life::{Stage, plans_in_words};
use darkroom_core::domain::image::list::ImageQuery;
use darkroom_core::domain::page::ROWS_MAX;
use darkroom_core::domain::view::{ImageDetail, ImageRow};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// How far ahead the dialog proposes a day.
const AHEAD_MS: i64 = 7 * 86_400_000;

/// The page of an image with the dialog on top.
#[component]
pub fn StageImagePage() -> impl IntoView {
    let (id, refused) = (use_image_id(), use_form());
    let data = async move {
        let detail = get_image(id).await?;
        let query = ImageQuery { statuses: vec![State::Available], size: ROWS_MAX, ..ImageQuery::default() };
        let others = list_images(query).await?.page.rows;
        let state = refused.state(fresh(&detail)).await;
        Ok((detail, others, state))
    };
    loaded(data, |(detail, others, state)| {
        view! { <ImageSheet detail=detail.clone()/><StageDialog detail others state/> }.into_any()
    })
}

/// A form that proposes the next stage: an active image is deprecated, any other is restored.
fn fresh(detail: &ImageDetail) -> StageForm {
    let image = &detail.image;
    let next = if image.life.stage == Stage::Active { Stage::Deprecated } else { Stage::Active };
    StageForm {
        image: image.id.to_string(),
        stage: next.slug().to_owned(),
        when: "now".to_owned(),
        day: detail.now.plus_ms(AHEAD_MS).iso_day(),
        replacement: image.life.replacement.map(|id| id.to_string()).unwrap_or_default(),
    }
}

#[component]
fn StageDialog(detail: ImageDetail, others: Vec<ImageRow>, state: FormState<StageForm>) -> impl IntoView {
    let close = paths::image(detail.image.id);
    let title = match detail.image.life.stage {
        Stage::Active => format!("Deprecate {}?", detail.image.name),
        Stage::Deprecated | Stage::Disabled => format!("Restore {}?", detail.image.name),
    };
    let blocked = if detail.may_change { detail.image.can(Action::Stage).err() } else { Some(role_reason()) };
    let mut sub = "Machines made from it keep running. Its storage is charged as before.".to_owned();
    let plans = plans_in_words(&detail.image.life.plans);
    if !plans.is_empty() {
        sub = format!("{sub} Planned: {plans}. Another day for one of these takes its place.");
    }
    let body = match blocked {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => view! { <StageFields detail others state close=close.clone()/> }.into_any(),
    };
    view! { <Dialog id="stage" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn StageFields(
    detail: ImageDetail,
    others: Vec<ImageRow>,
    state: FormState<StageForm>,
    close: String,
) -> impl IntoView {
    let FormState { form, error } = state;
    let stages = [
        (Stage::Active, "For everything, and in the line of its family."),
        (
            Stage::Deprecated,
            "Deploys with a warning; neither shared nor copied; its family goes back to the one before.",
        ),
        (
            Stage::Disabled,
            "Cannot be deployed. Who it is shared with keeps the share; who is left time can still save it.",
        ),
    ]
    .map(|(stage, hint)| {
        let (id, pick) = (format!("stage-{}", stage.slug()), Pick::when(form.stage == stage.slug()));
        view! { <Checkbox id name="form[stage]" value=stage.slug() label=stage.word() kind=CheckKind::Radio pick hint/> }
            .into_any()
    });
    let now = Pick::when(form.when != "later");
    let later = Pick::when(form.when == "later");
    let at = |field: &str| error_at(error.as_ref(), field);
    let (day_error, other_error) = (at("day"), at("replacement"));
    let replacements = replacements(&detail, others, &form.replacement);
    view! {
        <PostForm to=StageImage::url()>
            <input type="hidden" name="form[image]" value=form.image/>
            <DialogBody>
                <Refusal error/>
                <CheckGroup legend="It becomes">{stages.into_iter().collect_view()}</CheckGroup>
                <CheckGroup legend="When">
                    <Checkbox id="when-now" name="form[when]" value="now" kind=CheckKind::Radio label="Now" pick=now/>
                    <Checkbox id="when-later" name="form[when]" value="later" kind=CheckKind::Radio label="On a day, by itself" pick=later/>
                </CheckGroup>
                <Field id="day" name="form[day]" label="Day" kind=FieldKind::Day value=form.day need=Need::Optional error=day_error/>
                <Select id="replacement" name="form[replacement]" label="Use instead" choices=replacements error=other_error/>
            </DialogBody>
            <DialogFoot>
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>"Save"</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// What can stand in for the image: the other active ones of its project and region.
fn replacements(detail: &ImageDetail, others: Vec<ImageRow>, chosen: &str) -> Vec<Choice> {
    let none = Choice::new("", "Nothing in particular", Pick::when(chosen.is_empty()));
    let others = others.into_iter().filter(|row| row.id != detail.image.id && row.stage == Stage::Active);
    let choice = |row: ImageRow| {
        let id = row.id.to_string();
        let pick = Pick::when(id == chosen);
        Choice::new(id, row.name.to_string(), pick)
    };
    std::iter::once(none).chain(others.map(choice)).collect()
}
