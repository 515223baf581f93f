//! The dialogs about one schedule, over the list: making it, changing it, deleting it.

use super::super::Refusal;
use super::super::deletion::{DeleteDialog, Deletion};
use super::super::parts::{BlockedDialog, counted, explained, loaded, with_ahead};
use super::schedules::SchedulesView;
use super::use_schedule_id;
use crate::ui::calls::snapshots::{
    DeleteSchedule, SaveSchedule, get_schedule, get_schedule_options, list_schedules,
};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{Kept, KeptForm, KeptPrice};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form, use_word};
use darkroom_core::domain::form::ScheduleForm;
use darkroom_core::domain::ids::InstanceId;
use darkroom_core::domain::money::Money;
use darkroom_core::domain::price::Estimate;
use darkroom_core::domain::schedule::{HOURS, KEEP_MAX, Weekday};
use darkroom_core::domain::view::ScheduleOptions;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The list with the dialog on top that makes a schedule.
#[component]
pub fn NewSchedulePage() -> impl IntoView {
    let (refused, wanted) = (use_form(), use_word("instance"));
    let data = async move {
        let (list, options) = (list_schedules().await?, get_schedule_options(None).await?);
        let fresh = ScheduleForm { instance: wanted, ..options.form.clone() };
        Ok((list, options, refused.state(fresh).await))
    };
    loaded(data, |(list, options, state)| {
        view! { <SchedulesView list/><ScheduleDialog options state/> }.into_any()
    })
}

/// The list with the dialog on top that changes a schedule.
#[component]
pub fn EditSchedulePage() -> impl IntoView {
    let (refused, id) = (use_form(), use_schedule_id());
    let data = async move {
        let (list, options) = (list_schedules().await?, get_schedule_options(Some(id)).await?);
        let state = refused.state(options.form.clone()).await;
        Ok((list, options, state))
    };
    loaded(data, |(list, options, state)| {
        view! { <SchedulesView list/><ScheduleDialog options state/> }.into_any()
    })
}

#[component]
fn ScheduleDialog(options: ScheduleOptions, state: FormState<ScheduleForm>) -> impl IntoView {
    let close = paths::SCHEDULES.to_owned();
    let new = options.form.schedule.is_empty();
    let title = match (new, options.machines.first()) {
        (false, Some(machine)) => format!("Change the schedule of {}", machine.name),
        _ => "New schedule".to_owned(),
    };
    let back = close.clone();
    let body = if let Some(rule) = options.blocked.clone() {
        view! { <BlockedDialog reason=explained(rule) close=back label="Close"/> }.into_any()
    } else if options.machines.is_empty() {
        view! {
            <div>
                <DialogBody><p>"There is no machine here yet. A schedule is for one."</p></DialogBody>
                <DialogFoot><LinkButton href=back size=Size::Form>"Close"</LinkButton></DialogFoot>
            </div>
        }
        .into_any()
    } else {
        view! { <Form form=state.form error=state.error options/> }.into_any()
    };
    let sub = "It keeps the newest, and removes only its own.";
    view! { <Dialog id="schedule" title sub close_href=close>{body}</Dialog> }
}

#[component]
fn Form(form: ScheduleForm, error: Option<ApiError>, options: ScheduleOptions) -> impl IntoView {
    let new = options.form.schedule.is_empty();
    let at = |field| error_at(error.as_ref(), field);
    let machine = machine_field(&form, &options, at("instance"));
    let (disks, wrong_what) = (disk_choices(&form, &options), at("what"));
    let of_which = new.then(|| "A data disk is one of the instance above.".to_owned());
    let (wrong_keep, wrong_rhythm) = (at("keep"), at("rhythm"));
    let wrong_rhythm = wrong_rhythm.map(|text| view! { <Notice tone=Tone::Bad text/> });
    let rhythm = rhythm_fields(&form, at("hours"), at("at"), at("weekday"));
    let on = match new {
        true => view! { <input type="hidden" name="form[on]" value="on"/> }.into_any(),
        false => {
            let choices = vec![
                Choice::new("on", "On", Pick::when(form.on != "off")),
                Choice::new("off", "Off: it takes none", Pick::when(form.on == "off")),
            ];
            view! { <Select id="on" name="form[on]" label="State" choices/> }.into_any()
        }
    };
    let fewer = (options.n_made > 0).then(|| {
        let has = counted(options.n_made as usize, "snapshot");
        format!("It has {has} now. What is too many goes when the next one is available.")
    });
    let lost = options.gone.map(|since| {
        let text = format!(
            "The disk {} is gone since {}. The schedule takes nothing until you choose another.",
            options.disk,
            since.day()
        );
        view! { <Notice tone=Tone::Warn text/> }
    });
    let symbol = &options.service.symbol;
    let kept = |(instance, what, most): &(InstanceId, String, Estimate)| Kept {
        instance: instance.to_string(),
        what: what.clone(),
        likely: None,
        most: *most,
    };
    let kept: Vec<Kept> = options.most.iter().map(kept).collect();
    let chosen =
        KeptForm { instance: instance_of(&form, &options), what: form.what.clone(), keep: form.keep.clone() };
    let (rate, symbol) = (options.service.rate.words(symbol), symbol.clone());
    let note = "What snapshots have in common is stored and charged once.".to_owned();
    let price =
        with_ahead(move |ahead| view! { <KeptPrice kept form=chosen rate symbol note ahead/> }.into_any());
    let price_version = options.service.price_version.to_string();
    let close = paths::SCHEDULES;
    view! {
        <PostForm to=SaveSchedule::url()>
            <input type="hidden" name="form[schedule]" value=form.schedule.clone()/>
            <input type="hidden" name="form[revision]" value=options.form.revision.to_string()/>
            <input type="hidden" name="form[price_version]" value=price_version/>
            <DialogBody>
                <Refusal error=error.clone()/>
                {machine}
                {lost}
                <Select id="what" name="form[what]" label="Which disks" choices=disks nostrip:hint=of_which error=wrong_what/>
                {rhythm}
                {wrong_rhythm}
                <div class="halves">
                    <Field id="keep" name="form[keep]" label="Snapshots to keep" kind=FieldKind::Number value=form.keep.clone() error=wrong_keep nostrip:hint=fewer min=1 max=i64::from(KEEP_MAX) autocomplete="off"/>
                    {on}
                </div>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form>{if new { "Create schedule" } else { "Save changes" }}</Button>
            </DialogFoot>
        </PostForm>
    }
}

/// The system disk, each data disk by name, all at one instant. Of a new schedule the data disks of all machines stand there, since which
/// machine it is for is chosen in the same form.
fn disk_choices(form: &ScheduleForm, options: &ScheduleOptions) -> Vec<Choice> {
    let choice = |slug: &str, words: String| {
        let pick = Pick::when(form.what == slug);
        Choice::new(slug, words, pick)
    };
    let data = options.disks.iter().map(|disk| choice(&disk.slug, disk.words.clone()));
    // What is gone cannot be kept, so nothing stands in its place.
    let none = options.gone.map(|_| Choice::new("gone", "Choose one", Pick::when(true)));
    let system = choice("system", "System disk".to_owned());
    let all = choice("all", "All disks at one instant".to_owned());
    none.into_iter().chain([system]).chain(data).chain([all]).collect()
}

/// The machine that is chosen as the page opens: of a new schedule the first one, as the list of them shows it.
fn instance_of(form: &ScheduleForm, options: &ScheduleOptions) -> String {
    let known = |id: &str| options.machines.iter().any(|machine| machine.id.to_string() == id);
    match (options.form.schedule.is_empty(), known(&form.instance)) {
        (false, _) => options.form.instance.clone(),
        (true, true) => form.instance.clone(),
        (true, false) => options.machines.first().map(|machine| machine.id.to_string()).unwrap_or_default(),
    }
}

/// The machine: to be chosen for a new schedule, else the one it is for.
fn machine_field(form: &ScheduleForm, options: &ScheduleOptions, error: Option<String>) -> AnyView {
    if !options.form.schedule.is_empty() {
        let id = options.form.instance.clone();
        return view! { <input type="hidden" name="form[instance]" value=id/> }.into_any();
    }
    let choices = options
        .machines
        .iter()
        .map(|m| {
            let id = m.id.to_string();
            let pick = Pick::when(id == form.instance);
            Choice::new(id, format!("{}, {}", m.name, m.words), pick)
        })
        .collect::<Vec<_>>();
    view! { <Select id="instance" name="form[instance]" label="Instance" choices error/> }.into_any()
}

/// How often, and the fields of each way.
fn rhythm_fields(
    form: &ScheduleForm,
    wrong_hours: Option<String>,
    wrong_at: Option<String>,
    wrong_weekday: Option<String>,
) -> AnyView {
    let pick = |value: &str| Pick::when(form.rhythm == value);
    let (hourly, daily, weekly) = (pick("hours"), pick("day"), pick("week"));
    let hours = HOURS
        .into_iter()
        .map(|n| {
            let words = if n == 1 { "Every hour".to_owned() } else { format!("Every {n} hours") };
            Choice::new(n.to_string(), words, Pick::when(form.hours == n.to_string()))
        })
        .collect::<Vec<_>>();
    let days = Weekday::ALL
        .into_iter()
        .map(|day| {
            let value = day.word().to_lowercase();
            let pick = Pick::when(form.weekday == value);
            Choice::new(value, day.word(), pick)
        })
        .collect::<Vec<_>>();
    view! {
        <CheckGroup legend="How often?">
            <Checkbox id="rhythm-hours" name="form[rhythm]" value="hours" kind=CheckKind::Radio label="Every few hours" pick=hourly/>
            <Checkbox id="rhythm-day" name="form[rhythm]" value="day" kind=CheckKind::Radio label="Every day" pick=daily/>
            <Checkbox id="rhythm-week" name="form[rhythm]" value="week" kind=CheckKind::Radio label="Every week" pick=weekly/>
        </CheckGroup>
        <div class="halves">
            <Select id="hours" name="form[hours]" label="For every few hours" choices=hours error=wrong_hours/>
            <Select id="weekday" name="form[weekday]" label="For every week: on" choices=days error=wrong_weekday/>
        </div>
        <Field id="at" name="form[at]" label="For every day or week: at" value=form.at.clone() hint="A time in UTC, as 03:30." error=wrong_at autocomplete="off" max_length=5/>
    }
    .into_any()
}

/// The list with the dialog on top that deletes a schedule.
#[component]
pub fn DeleteSchedulePage() -> impl IntoView {
    let (refused, id) = (use_form(), use_schedule_id());
    let data = async move { Ok((list_schedules().await?, get_schedule(id).await?, refused.error().await)) };
    loaded(data, |(list, row, error)| {
        let deletion = Deletion {
            to: DeleteSchedule::url(),
            fields: vec![("id", row.id.to_string())],
            verb: "Delete schedule",
            title: format!("Delete the schedule of {}?", row.name),
            sub: format!("{}, {}.", row.what, row.rhythm),
            close: paths::SCHEDULES.to_owned(),
            headline: "No more snapshots by itself".to_owned(),
            saves: Money::ZERO,
            detail: "Those it made go on costing until you delete them.".to_owned(),
            decision: None,
            consequences: vec![Consequence {
                icon: IconName::Disk,
                tone: Tone::Good,
                what: "Snapshots it made stay".to_owned(),
                count: counted(row.n_made as usize, "snapshot"),
                detail: Some("Nothing removes them any more but you.".to_owned()),
            }],
            blocked: None,
        };
        view! { <SchedulesView list/><DeleteDialog deletion error/> }.into_any()
    })
}
