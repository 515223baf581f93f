//! The error as a server function answers it and a page shows it. It must not add words of its own to what core says.

use darkroom_core::domain::{Error, FieldError, Kind};
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// Core's error on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiError(pub Error);

impl ApiError {
    /// What is wrong at `field`, if anything.
    pub fn at(&self, field: &str) -> Option<String> {
        self.0.fields.iter().find(|f| f.field == field).map(|f| f.message.clone())
    }

    /// The sentence, unless all of it is already shown at fields of the form.
    pub fn elsewhere(&self) -> Option<String> {
        self.0.fields.is_empty().then(|| self.0.message.clone())
    }

    /// The errors by field.
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Whether nobody is signed in.
    pub fn signed_out(&self) -> bool {
        self.0.kind == Kind::Unauthenticated
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for ApiError {}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        Self(match value {
            ServerFnErrorErr::Request(_) => Error::unavailable(
                "no_answer",
                "darkroom does not answer. Check your connection; what you typed is still here.",
            ),
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Error::new(
                Kind::Invalid,
                "invalid_input",
                "The form was not understood. Reload the page and try again.",
            ),
            other => {
                Error::internal(format!("darkroom could not read the answer ({other}). Reload the page."))
            }
        })
    }
}

/// What a form that was refused left behind, so that it can be shown again with nothing lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The form as it was sent, as JSON.
    pub form: String,
    /// Why it was refused; none where it is only shown again.
    pub error: Option<ApiError>,
}

/// What a form shows: the values to start from and the errors to show, wherever they come from.
#[derive(Clone, PartialEq, Debug)]
pub struct FormState<F> {
    /// The values that the fields start with.
    pub form: F,
    /// Why the last try was refused.
    pub error: Option<ApiError>,
}

impl<F: for<'de> Deserialize<'de>> FormState<F> {
    /// A form as it was refused, or `fresh` when it was not.
    pub fn new(refused: Option<Refused>, fresh: F) -> Self {
        match refused {
            Some(Refused { form, error }) => {
                Self { form: serde_json::from_str(&form).unwrap_or(fresh), error }
            }
            None => Self { form: fresh, error: None },
        }
    }
}
