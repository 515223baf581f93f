//! The one error of darkroom. Every refusal says what is wrong, which value, which limit and what to do.
//!
//! `message` is for people and never contains the cause; the technical cause is logged once, at the boundary that handles it.

use serde::{Deserialize, Serialize};

/// A result with darkroom's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of refusal this is; an edge maps each kind once (to an HTTP status, an exit code).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The input breaks a rule; `fields` says where.
    Invalid,
    /// Nobody is signed in.
    Unauthenticated,
    /// The caller may know of the thing but not do this to it.
    Forbidden,
    /// There is no such thing, or the caller may not know of it.
    NotFound,
    /// The thing is in another state than this needs, or somebody changed it meanwhile.
    Conflict,
    /// A limit is reached.
    Limit,
    /// The price changed since it was shown.
    PriceChanged,
    /// Something darkroom needs is missing right now; trying again later may work.
    Unavailable,
    /// A defect of darkroom or its machine.
    Internal,
}

impl Kind {
    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn retryable(self) -> bool {
        match self {
            Self::Unavailable | Self::Internal => true,
            Self::Invalid
            | Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::Conflict
            | Self::Limit
            | Self::PriceChanged => false,
        }
    }

    /// The HTTP status code of this kind.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict | Self::Limit | Self::PriceChanged => 409,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}

/// What is wrong with one field of a form.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name in the form.
    pub field: String,
    /// Starts with what is wrong and ends with what would be right.
    pub message: String,
}

impl FieldError {
    /// An error at `field`.
    pub fn new(field: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), message: message.into() }
    }
}

/// A refusal or failure, in words a user can act on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What sort of error.
    pub kind: Kind,
    /// A stable code for programs, such as `image_limit_reached`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Where in a form.
    pub fields: Vec<FieldError>,
}

impl Error {
    /// An error of `kind` with its stable `code` and a sentence.
    pub fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into(), fields: Vec::new() }
    }

    /// The input breaks rules at these fields.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = fields.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join(" ");
        Self { kind: Kind::Invalid, code: "invalid_input".to_owned(), message, fields }
    }

    /// The input breaks a rule at one field.
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind: Kind::Invalid,
            code: code.to_owned(),
            message: message.clone(),
            fields: vec![FieldError { field: field.to_owned(), message }],
        }
    }

    /// Also shows this error at `field` of the form.
    #[must_use]
    pub fn at(mut self, field: &str) -> Self {
        self.fields.push(FieldError { field: field.to_owned(), message: self.message.clone() });
        self
    }

    /// No such `noun`, or the caller may not know of it.
    pub fn not_found(noun: &str) -> Self {
        Self::new(
            Kind::NotFound,
            "not_found",
            format!("There is no such {noun} here, or it belongs to somebody else."),
        )
    }

    /// The caller's role does not allow this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, "forbidden", message)
    }

    /// A state or a concurrent change forbids this now.
    pub fn conflict(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// A limit is reached.
    pub fn limit(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Limit, code, message)
    }

    /// Something needed is missing right now.
    pub fn unavailable(code: &str, message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, code, message)
    }

    /// A defect; the cause is in the log.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Kind::Internal, "internal", message)
    }
}

/// Why an action is not possible now: the same words on a disabled button and in the server's refusal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// A stable code for programs.
    pub code: String,
    /// The rule, as a headline.
    pub rule: String,
    /// The current value.
    pub now: String,
    /// What to do about it.
    pub way_out: String,
}

impl Reason {
    /// A reason with its rule, current value and way out.
    pub fn new(
        code: &str,
        rule: impl Into<String>,
        now: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self { code: code.to_owned(), rule: rule.into(), now: now.into(), way_out: way_out.into() }
    }

    /// The whole reason as one text.
    pub fn sentence(&self) -> String {
        [&self.rule, &self.now, &self.way_out]
            .into_iter()
            .filter(|s| !s.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self::conflict(&reason.code, reason.sentence())
    }
}
