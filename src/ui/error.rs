//! The error as it travels between a server function and the browser. It must not add words of its own to what core says.

use darkroom_core::domain::{Error, FieldError, Kind};
use leptos::prelude::*;
use leptos::server_fn::codec::Post;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};

/// JSON that is read from text, as the page's own data are: one reader per type in the browser instead of two, which halves that code.
pub struct JsonText;

/// How server functions answer.
pub type Answer = Post<JsonText>;

impl ContentType for JsonText {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonText {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonText {
    type Error = serde_json::Error;

    fn encode(output: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(output).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonText {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        serde_json::from_str(std::str::from_utf8(&bytes).map_err(Self::Error::custom)?)
    }
}

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
    type Encoder = JsonText;

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

/// What a form that was refused without JavaScript left behind, so that it can be shown again with nothing lost.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The form as it was sent, as JSON.
    pub form: String,
    /// Why it was refused.
    pub error: ApiError,
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
                Self { form: serde_json::from_str(&form).unwrap_or(fresh), error: Some(error) }
            }
            None => Self { form: fresh, error: None },
        }
    }
}

/// The errors to show now: those of the last try by script, else those the page came with.
pub fn errors<T: Clone + Send + Sync + 'static>(
    last: impl Fn() -> Option<Result<T, ApiError>> + Send + Sync + 'static,
    initial: Option<ApiError>,
) -> Signal<Option<ApiError>> {
    Signal::derive(move || match last() {
        Some(Err(error)) => Some(error),
        Some(Ok(_)) => None,
        None => initial.clone(),
    })
}
