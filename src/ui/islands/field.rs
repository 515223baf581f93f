//! A field that core's own parser judges as it is typed. The server judges again; nothing here protects anything.

use super::{form_around, target};
use crate::ui::components::{Field, FieldKind, Need};
use darkroom_core::domain::Result as Judged;
use darkroom_core::domain::form::{ChangeImageForm, CreateImageForm, DeployForm, EditImageForm, GroupForm};
use darkroom_core::domain::image::tags::Lengths;
use leptos::prelude::*;
use leptos::web_sys::Element;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Whose rules hold in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rules {
    CreateImage,
    /// Tags may be so long.
    EditImage(Lengths),
    Deploy,
    ChangeImage,
    Group,
}

impl Rules {
    /// What is wrong at `field` with what stands in the form around `control`.
    fn fault(self, control: &Element, field: &str) -> Option<String> {
        match self {
            Self::CreateImage => fault(control, field, CreateImageForm::parse),
            Self::EditImage(lengths) => fault(control, field, |form: &EditImageForm| form.parse(lengths)),
            Self::Deploy => fault(control, field, DeployForm::parse),
            Self::ChangeImage => fault(control, field, ChangeImageForm::parse),
            Self::Group => fault(control, field, GroupForm::judged),
        }
    }
}

fn fault<F: DeserializeOwned, P>(
    control: &Element,
    field: &str,
    parse: impl FnOnce(&F) -> Judged<P>,
) -> Option<String> {
    let refusal = parse(&form_around::<F>(control)?).err()?;
    refusal.fields.into_iter().find(|fault| fault.field == field).map(|fault| fault.message)
}

/// What a checked field shows; the fields of [`Field`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldLook {
    pub label: String,
    pub kind: FieldKind,
    pub need: Need,
    /// What is in it at the start.
    pub value: String,
    pub hint: Option<String>,
    pub max_length: Option<u32>,
    pub min: Option<i64>,
    pub max: Option<i64>,
}

/// A field of a form that is sent as `form[…]`. `error` is what the server said; typing replaces it by what the rules say now.
#[island]
pub fn CheckedField(
    rules: Rules,
    /// The name of the field in the form, such as `disk_gib`; its id has dashes.
    #[prop(into)]
    field: String,
    look: FieldLook,
    error: Option<String>,
) -> impl IntoView {
    let error = RwSignal::new(error);
    let name = format!("form[{field}]");
    let id = field.replace('_', "-");
    let typed = move |event: leptos::ev::Event| {
        if let Some(control) = target(&event) {
            error.set(rules.fault(&control, &field));
        }
    };
    let FieldLook { label, kind, need, value, hint, max_length, min, max } = look;
    view! {
        <Field
            id
            name
            label
            kind
            need
            value
            nostrip:hint=hint
            error
            nostrip:max_length=max_length
            nostrip:min=min
            nostrip:max=max
            autocomplete="off"
            on:input=typed
        />
    }
}
