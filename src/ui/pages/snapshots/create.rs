//! Taking a snapshot: choosing the machine, over the list, and the dialog over the machine's page, with which disks and the price.

use super::super::Refusal;
use super::super::instances::{InstanceSheet, use_instance_id};
use super::super::parts::{BlockedDialog, explained, loaded, role_reason, with_ahead};
use super::list::SnapshotsView;
use crate::ui::calls::instances::get_instance;
use crate::ui::calls::snapshots::{
    CreateSnapshot, get_schedule_options, get_snapshot_options, list_snapshots,
};
use crate::ui::components::*;
use crate::ui::error::{ApiError, FormState};
use crate::ui::islands::{Kept, KeptForm, KeptPrice};
use crate::ui::paths;
use crate::ui::state::{error_at, use_form};
use darkroom_core::domain::form::CreateSnapshotForm;
use darkroom_core::domain::text::NAME_CHARS_MAX;
use darkroom_core::domain::view::{DiskChoice, SnapshotChoice, SnapshotOptions};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The list with the dialog on top that chooses a machine.
#[component]
pub fn NewSnapshotPage() -> impl IntoView {
    let data = async move {
        let list = list_snapshots(String::new(), None, 1).await?;
        let machines = match list.may_change {
            true => Some(get_schedule_options(None).await?.machines),
            false => None,
        };
        Ok((list, machines))
    };
    loaded(data, |(list, machines)| view! { <SnapshotsView list/><ChooseDialog machines/> }.into_any())
}

#[component]
fn ChooseDialog(machines: Option<Vec<SnapshotChoice>>) -> impl IntoView {
    let close = paths::SNAPSHOTS.to_owned();
    let back = close.clone();
    let body = match machines {
        None => view! { <BlockedDialog reason=explained(role_reason()) close=back label="Close"/> }.into_any(),
        Some(machines) if machines.is_empty() => view! {
            <div>
                <DialogBody><p>"There is no machine here yet. A snapshot is taken of one."</p></DialogBody>
                <DialogFoot>
                    <LinkButton href=back size=Size::Form>"Close"</LinkButton>
                    <LinkButton href=paths::INSTANCE_NEW variant=Variant::Primary size=Size::Form>"New instance"</LinkButton>
                </DialogFoot>
            </div>
        }
        .into_any(),
        Some(machines) => {
            let lines = machines
                .into_iter()
                .map(|machine| {
                    view! {
                        <li class="between">
                            <a class="break" href=paths::instance_snapshot(machine.id)>{machine.name.to_string()}</a>
                            <span class="soft">{machine.words}</span>
                        </li>
                    }
                    .into_any()
                })
                .collect_view();
            view! {
                <div>
                    <DialogBody><ul class="stack stack--s">{lines}</ul></DialogBody>
                    <DialogFoot><LinkButton href=back size=Size::Form>"Cancel"</LinkButton></DialogFoot>
                </div>
            }
            .into_any()
        }
    };
    view! { <Dialog id="choose" title="A snapshot of which instance?" sub="It keeps running meanwhile." close_href=close>{body}</Dialog> }
}

/// The page of a machine with the dialog on top.
#[component]
pub fn TakeSnapshotPage() -> impl IntoView {
    let (id, refused) = (use_instance_id(), use_form());
    let data = async move {
        let (detail, options) = (get_instance(id).await?, get_snapshot_options(id).await?);
        let state = refused.state(fresh(&options)).await;
        Ok((detail, options, state))
    };
    loaded(data, |(detail, options, state)| {
        view! { <InstanceSheet detail/><TakeDialog options state/> }.into_any()
    })
}

fn fresh(options: &SnapshotOptions) -> CreateSnapshotForm {
    // All disks at one instant where that is possible: a system disk alone rarely brings a machine back.
    let usual = options.disks.iter().find(|disk| disk.slug == "all" && disk.blocked.is_none());
    CreateSnapshotForm {
        instance: options.instance.to_string(),
        what: usual.map_or("system", |disk| &disk.slug).to_owned(),
        name: options.suggested_name.clone(),
        price_version: options.service.price_version,
    }
}

#[component]
fn TakeDialog(options: SnapshotOptions, state: FormState<CreateSnapshotForm>) -> impl IntoView {
    let close = paths::instance(options.instance);
    let keeps = if options.running { " It keeps running." } else { "" };
    let sub = format!("Of {} in {}.{keeps}", options.name, options.service.region);
    let body = match options.blocked.clone() {
        Some(rule) => {
            view! { <BlockedDialog reason=explained(rule) close=close.clone() label="Close"/> }.into_any()
        }
        None => {
            // The price that is shown is the one that is agreed to, also after a refusal because it changed.
            let form = CreateSnapshotForm { price_version: options.service.price_version, ..state.form };
            view! { <TakeForm form error=state.error options/> }.into_any()
        }
    };
    view! { <Dialog id="take-snapshot" title="Take a snapshot" sub close_href=close>{body}</Dialog> }
}

#[component]
fn TakeForm(form: CreateSnapshotForm, error: Option<ApiError>, options: SnapshotOptions) -> impl IntoView {
    let (wrong_name, wrong_what) = (error_at(error.as_ref(), "name"), error_at(error.as_ref(), "what"));
    let close = paths::instance(options.instance);
    let symbol = options.service.symbol.clone();
    let kept = |disk: &DiskChoice| Kept {
        instance: String::new(),
        what: disk.slug.clone(),
        likely: None,
        most: disk.most,
    };
    let kept: Vec<Kept> = options.disks.iter().map(kept).collect();
    let chosen = KeptForm { what: form.what.clone(), ..KeptForm::default() };
    let rate = options.service.rate.words(&symbol);
    let note = "Only what is really on the disks is stored. Starts when it is available.".to_owned();
    let price =
        with_ahead(move |ahead| view! { <KeptPrice kept form=chosen rate symbol note ahead/> }.into_any());
    let choices = options
        .disks
        .into_iter()
        .enumerate()
        .map(|(n, disk)| {
            let blocked = disk.blocked.is_some();
            let pick = if blocked { Pick::Blocked } else { Pick::when(disk.slug == form.what) };
            let hint = disk.blocked.map(|rule| rule.sentence());
            view! { <Checkbox id=format!("what-{n}") name="form[what]" value=disk.slug kind=CheckKind::Radio label=disk.words pick nostrip:hint=hint/> }
                .into_any()
        })
        .collect_view();
    let wrong_what = wrong_what.map(|text| view! { <Notice tone=Tone::Bad text/> });
    let consistent = match options.running {
        true => {
            "When its guest agent answers, the file systems are frozen for the instant; otherwise it is as after a power cut, and its page says so."
        }
        false => "The machine is off, so it is clean.",
    };
    view! {
        <PostForm to=CreateSnapshot::url()>
            <input type="hidden" name="form[instance]" value=form.instance/>
            <input type="hidden" name="form[price_version]" value=form.price_version.to_string()/>
            <DialogBody>
                <Refusal error/>
                <Field id="name" name="form[name]" label="Name" value=form.name error=wrong_name max_length=u32::try_from(NAME_CHARS_MAX).unwrap_or(u32::MAX) autocomplete="off"/>
                <CheckGroup legend="Which disks?">{choices}</CheckGroup>
                {wrong_what}
                <p class="soft">{consistent}</p>
                <p class="small soft">{options.quota}</p>
            </DialogBody>
            <DialogFoot>
                {price}
                <LinkButton href=close size=Size::Form>"Cancel"</LinkButton>
                <Button variant=Variant::Primary size=Size::Form icon=IconName::Camera>"Take snapshot"</Button>
            </DialogFoot>
        </PostForm>
    }
}
