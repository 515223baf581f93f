//! The dialog that replaces the machines of a scaling group by ones of a newer image: how, what is lost, what it takes meanwhile.

use super::super::Refusal;
use super::super::parts::{BlockedDialog, PriceAhead, explained, loaded};
use super::detail::GroupSheet;
use super::use_group_id;
use crate::ui::calls::groups::{RollGroup, get_group, get_group_change};
use crate::ui::components::*;
use crate::ui::error::ApiError;
use crate::ui::paths;
use crate::ui::state::use_form;
use darkroom_core::domain::text::counted;
use darkroom_core::domain::view::{GroupDetail, GroupOptions};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

/// The page of a group with the dialog on top.
#[component]
pub fn RollGroupPage() -> impl IntoView {
    let (id, refused) = (use_group_id(), use_form());
    let data = async move { Ok((get_group(id).await?, get_group_change(id).await?, refused.error().await)) };
    loaded(data, |(detail, change, error)| {
        view! { <GroupSheet detail=detail.clone()/><RollDialog detail choices=change.choices error/> }
            .into_any()
    })
}

#[component]
fn RollDialog(detail: GroupDetail, choices: GroupOptions, error: Option<ApiError>) -> impl IntoView {
    let close = paths::group(detail.id);
    let to = detail.makes.as_ref().map(|image| image.name.to_string()).unwrap_or_default();
    let title = match to.is_empty() {
        true => format!("Roll {}?", detail.name),
        false => format!("Roll {} to {to}?", detail.name),
    };
    let sub = "One machine after the other: a new one runs before an old one goes.";
    let blocked = detail.roll_blocked.clone().or(choices.blocked.clone());
    let close_href = close.clone();
    let body = match blocked {
        Some(rule) => view! { <BlockedDialog reason=explained(rule) close label="Keep them"/> }.into_any(),
        None => {
            let each = detail.each.as_ref().map(|each| each.hour.fine(&detail.symbol)).unwrap_or_default();
            let headline = format!("About {each} per hour more, until it is done");
            let after = detail.estimate.as_ref().map(|e| e.month.display(&detail.symbol)).unwrap_or_default();
            let month = detail.rolled;
            view! {
                <PostForm to=RollGroup::url()>
                    <input type="hidden" name="id" value=detail.id.to_string()/>
                    <input type="hidden" name="price_version" value=detail.price_version.to_string()/>
                    <DialogBody>
                        <Refusal error/>
                        <EffectsList consequences=consequences(&detail, &choices)/>
                    </DialogBody>
                    <DialogFoot>
                        <PriceAhead headline detail=format!("One machine more than wanted. Then {after} per month, while all run.") month/>
                        <LinkButton href=close size=Size::Form>"Keep them"</LinkButton>
                        <Button variant=Variant::Primary size=Size::Form icon=IconName::Retry>"Roll group"</Button>
                    </DialogFoot>
                </PostForm>
            }
            .into_any()
        }
    };
    view! { <Dialog id="roll-group" title sub close_href>{body}</Dialog> }
}

/// What rolling does.
fn consequences(detail: &GroupDetail, choices: &GroupOptions) -> Vec<Consequence> {
    let n = detail.n_outdated;
    let mut lines = vec![Consequence {
        icon: IconName::Disk,
        tone: Tone::Bad,
        what: "Machines are replaced with everything on their disks".to_owned(),
        count: counted(n, "machine"),
        detail: Some("New ones have new names, IDs and SSH ports.".to_owned()),
    }];
    if choices.n_free == 0 {
        lines.push(Consequence {
            icon: IconName::Quota,
            tone: Tone::Warn,
            what: "Your quota has no room for one machine more".to_owned(),
            count: String::new(),
            detail: Some("The roll waits until there is, and says so on the page of the group.".to_owned()),
        });
    }
    lines.push(Consequence {
        icon: IconName::Ok,
        tone: Tone::Good,
        what: match detail.wanted {
            1 => "At least 1 machine runs all the time".to_owned(),
            n => format!("At least {n} machines run all the time"),
        },
        count: String::new(),
        detail: Some("If new ones fail, old ones stay.".to_owned()),
    });
    lines
}
