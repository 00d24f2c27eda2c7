//! What looks like a mistake in an event that is taken all the same.

/// Something about an event that is probably a mistake. The event is taken as it is, and whoever wrote it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which kind of warning, as a short stable word that subjects and metrics use: [`Warning::UNKNOWN_FIELD`],
    /// [`Warning::ODD_VALUE`] or [`Warning::CONFLICT`].
    pub code: &'static str,
    /// What it is about: a field of `data` (`shipment.pickup.skils`, `shift.breaks[0].duration`), or the attribute `time`.
    pub field: String,
    /// The known field that was probably meant, written like [`Warning::field`]. Only of unknown fields.
    pub hint: Option<String>,
    /// What is odd about the value, and what is done with it. Only of odd values.
    pub detail: Option<String>,
}

impl Warning {
    /// A field that its type does not know. It is kept in the log and has no effect. A strict zone refuses the event.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A legal value that hardly anybody means. It has the effect that it says. A strict zone takes it, too.
    pub const ODD_VALUE: &str = "odd_value";
    /// What happened contradicts the plan or a cancellation. It is taken as what happened, and a person has to look at it.
    pub const CONFLICT: &str = "conflict";

    pub(crate) fn unknown_field(field: String, hint: Option<String>) -> Self {
        Self { code: Self::UNKNOWN_FIELD, field, hint, detail: None }
    }

    /// A legal value that hardly anybody means: what is odd about it, and what is done with it.
    pub fn odd_value(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: Self::ODD_VALUE, field: field.into(), hint: None, detail: Some(detail.into()) }
    }

    /// Something that happened although it should not have.
    pub fn conflict(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: Self::CONFLICT, field: field.into(), hint: None, detail: Some(detail.into()) }
    }

    /// The code of this name.
    pub fn code_named(name: &str) -> Option<&'static str> {
        [Self::UNKNOWN_FIELD, Self::ODD_VALUE, Self::CONFLICT].into_iter().find(|&code| code == name)
    }

    /// True when a zone with a strict policy refuses the event for it.
    pub fn is_refused_by_strict(&self) -> bool {
        self.code == Self::UNKNOWN_FIELD
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.detail, &self.hint) {
            (Some(detail), _) => write!(f, "`{}`: {detail}", self.field),
            (None, Some(hint)) => write!(f, "unknown field `{}`; did you mean `{hint}`?", self.field),
            (None, None) => write!(f, "unknown field `{}`", self.field),
        }
    }
}
