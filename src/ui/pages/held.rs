//! A form that loses nothing: what was typed stays while the page around it is drawn again, is judged by core's parser as it is typed, and
//! comes back after a refusal with or without script. The server judges again; nothing here protects anything.

use super::parts::Answer;
use crate::ui::error::{ApiError, FormState};
use darkroom_core::domain::{Error, Result as Judged};
use leptos::form::FromFormData;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::wasm_bindgen::JsCast;
use leptos::web_sys;
use serde::de::DeserializeOwned;

/// Rises with every refusal of `action`: part of the source of data that a refusal shows to be stale.
pub fn refusals<S>(action: ServerAction<S>) -> Memo<usize>
where
    S: ServerFn<Output = (), Error = ApiError> + Clone + Send + Sync + 'static,
{
    Memo::new(move |before: Option<&usize>| {
        let refused = matches!(action.value().get(), Some(Err(_)));
        if refused { action.version().get() } else { before.copied().unwrap_or_default() }
    })
}

/// What stands in a form, above the redrawing of its page.
pub struct Held<F: 'static> {
    typed: RwSignal<Option<F>>,
    touched: RwSignal<Vec<String>>,
    answer: Signal<Option<Answer<()>>>,
    refused: RwSignal<Option<ApiError>>,
}

impl<F> Clone for Held<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Held<F> {}

impl<F: Clone + DeserializeOwned + Send + Sync + 'static> Held<F> {
    /// An untouched form that `action` sends.
    pub fn new<S>(action: ServerAction<S>) -> Self
    where
        S: ServerFn<Output = (), Error = ApiError> + Clone + Send + Sync + 'static,
    {
        let answer = Signal::derive(move || action.value().get());
        Self {
            typed: RwSignal::new(None),
            touched: RwSignal::new(Vec::new()),
            answer,
            refused: RwSignal::new(None),
        }
    }

    /// The values to start from: what was typed, else what the page came with.
    pub fn start(self, state: FormState<F>) -> F {
        if let Some(typed) = self.typed.get_untracked() {
            return typed;
        }
        self.refused.set(state.error);
        self.typed.set(Some(state.form.clone()));
        state.form
    }

    /// Replaces a value the person does not type, such as a revision.
    pub fn amend(self, form: F) {
        self.typed.set(Some(form));
    }

    /// Takes in what is typed; goes on the form as `on:input`. `read` takes the form out of the call's arguments.
    pub fn typing<S: FromFormData + 'static>(
        self,
        read: fn(S) -> F,
    ) -> impl Fn(web_sys::Event) + Clone + 'static {
        move |event| {
            let Some(control) = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok())
            else {
                return;
            };
            let name = control.get_attribute("name").unwrap_or_default();
            let form = control
                .closest("form")
                .ok()
                .flatten()
                .and_then(|form| form.dyn_into::<web_sys::HtmlFormElement>().ok());
            let Some(form) = form else { return };
            let sent =
                web_sys::FormData::new_with_form(&form).ok().and_then(|data| S::from_form_data(&data).ok());
            if let Some(sent) = sent {
                self.typed.set(Some(read(sent)));
                self.touched.update(|touched| touched.push(bare(&name)));
            }
        }
    }

    /// Forgets which fields were touched, because the server judges all of them now; goes on the form as `on:submit`.
    pub fn sending(self) -> impl Fn(web_sys::SubmitEvent) + Clone + 'static {
        move |_| self.touched.set(Vec::new())
    }

    /// Why the last try was refused.
    pub fn error(self) -> Signal<Option<ApiError>> {
        Signal::derive(move || match self.answer.get() {
            Some(Err(error)) => Some(error),
            Some(Ok(())) => None,
            None => self.refused.get(),
        })
    }

    /// What is wrong at `field`: as it is typed by core's own parser, else what the server said.
    pub fn at<P: 'static>(self, field: &'static str, parse: fn(&F) -> Judged<P>) -> Signal<Option<String>> {
        let error = self.error();
        Signal::derive(move || {
            if !self.touched.with(|touched| touched.iter().any(|name| name == field)) {
                return error.with(|error| error.as_ref().and_then(|error| error.at(field)));
            }
            let refusal: Option<Error> =
                self.typed.with(|typed| typed.as_ref().and_then(|form| parse(form).err()));
            refusal.and_then(|refusal| ApiError(refusal).at(field))
        })
    }

    /// What was refused and belongs to no field.
    pub fn elsewhere(self) -> Signal<Option<String>> {
        let error = self.error();
        Signal::derive(move || error.with(|error| error.as_ref().and_then(ApiError::elsewhere)))
    }

    /// What is typed right now.
    pub fn now(self) -> Option<F> {
        self.typed.get()
    }
}

/// The field's name without the name of the argument around it: `form[name]` is `name`.
fn bare(name: &str) -> String {
    name.strip_prefix("form[").and_then(|rest| rest.strip_suffix(']')).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn a_control_is_known_by_the_name_of_its_field() {
        assert_eq!(bare("form[disk_gib]"), "disk_gib");
        assert_eq!(bare("id"), "id");
    }
}
