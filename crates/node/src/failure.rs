//! What went wrong, and the next step.

use crate::log::LogError;

/// An error a person reads: what, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) hint: String,
    /// It is over when the broker is there; why, in words that may be told to anybody.
    pub(crate) passing: Option<String>,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), passing: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "error: {}\n  try: {}", self.what, self.hint)
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self { what: error.what, hint: error.hint, passing: error.passing }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string(), "check the file and its rights")
    }
}
