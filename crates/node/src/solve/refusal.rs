//! Why there is no plan, in words for people and in VROOM's form.

use fleetfold_formats::{VroomCode, vroom_failure};

use crate::failure::Failure;

/// Whose fault it is, as VROOM tells it. The code is in the JSON document and is the exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This program.
    Internal,
    /// The problem, or how the program was called.
    Input,
    /// A routing server: one is needed.
    Routing,
    /// The problem is larger than this service takes; only over HTTP, as vroom-express has it.
    TooLarge,
}

impl Kind {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Input => 2,
            Self::Routing => 3,
            Self::TooLarge => 4,
        }
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) failure: Failure,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, failure: Failure::new(what, hint) }
    }

    pub(crate) fn input(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Kind::Input, what, hint)
    }

    /// An error that whoever gave the problem cannot mend.
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::new(Kind::Internal, what, "report it, with the problem")
    }

    pub(crate) fn panicked() -> Self {
        Self::internal("the search broke off; the error stream says where")
    }

    /// VROOM's document of an error.
    pub(crate) fn json(&self) -> serde_json::Value {
        let what = &self.failure.what;
        match self.kind {
            Kind::Internal => vroom_failure(VroomCode::Internal, what),
            Kind::Input => vroom_failure(VroomCode::Input, what),
            Kind::Routing => vroom_failure(VroomCode::Routing, what),
            // VROOM itself has no limits.
            Kind::TooLarge => serde_json::json!({ "code": self.kind.code(), "error": what }),
        }
    }
}
