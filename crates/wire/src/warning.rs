//! What looks like a mistake in an event that is taken all the same.

use fleetfold_model::Timestamp;

/// Something about an event that is probably a mistake. The event is taken as it is, and whoever wrote it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Which kind of warning, as a short stable word that subjects and metrics use: [`Warning::UNKNOWN_FIELD`],
    /// [`Warning::ODD_VALUE`], [`Warning::CONFLICT`], [`Warning::UNKNOWN_ORDER`], [`Warning::UNKNOWN_VEHICLE`],
    /// [`Warning::UNKNOWN_CHANGE`] or [`Warning::DRIVING_TIME`].
    pub code: &'static str,
    /// What it is about: a field of `data` (`shipment.pickup.skils`, `shift.breaks[0].duration`), or the attribute `time`.
    pub field: String,
    /// What was probably meant: of an unknown field the known one, written like [`Warning::field`]; of an unknown id a known one.
    pub hint: Option<String>,
    /// What is odd about the value, and what is done with it. Not of unknown fields.
    pub detail: Option<String>,
    /// The id that nobody knows, or the vehicle whose driver has driven too long. Only of these.
    pub about: Option<Box<str>>,
    /// The zone time by which a driver had driven too long. Only of that.
    pub since: Option<Timestamp>,
}

impl Warning {
    /// A field that its type does not know. It is kept in the log and has no effect. A strict zone refuses the event.
    pub const UNKNOWN_FIELD: &str = "unknown_field";
    /// A legal value that hardly anybody means. It has the effect that it says. A strict zone takes it, too.
    pub const ODD_VALUE: &str = "odd_value";
    /// What happened contradicts the plan or a cancellation and is taken as what happened; or two vehicles say how one stop ended, and the first
    /// counts. A person has to look at it.
    pub const CONFLICT: &str = "conflict";
    /// An order is named that nobody has asked for. What is said of it is remembered until somebody does.
    pub const UNKNOWN_ORDER: &str = "unknown_order";
    /// A vehicle is named that nobody has registered.
    pub const UNKNOWN_VEHICLE: &str = "unknown_vehicle";
    /// A change of the roads is to end of which nothing was told.
    pub const UNKNOWN_CHANGE: &str = "unknown_change";
    /// A driver has driven longer than the rule of his vehicle allows. It is taken as what happened.
    pub const DRIVING_TIME: &str = "driving_time";
    /// The file that `serve --policy` follows is wrong: the policy in force stays. It is no event, and is said on no stream.
    pub const POLICY_FILE: &str = "policy_file";
    /// All codes.
    const CODES: [&str; 8] = [
        Self::UNKNOWN_FIELD,
        Self::ODD_VALUE,
        Self::CONFLICT,
        Self::UNKNOWN_ORDER,
        Self::UNKNOWN_VEHICLE,
        Self::UNKNOWN_CHANGE,
        Self::DRIVING_TIME,
        Self::POLICY_FILE,
    ];

    pub(crate) fn unknown_field(field: String, hint: Option<String>) -> Self {
        Self { code: Self::UNKNOWN_FIELD, field, hint, detail: None, about: None, since: None }
    }

    /// A legal value that hardly anybody means: what is odd about it, and what is done with it.
    pub fn odd_value(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: Self::ODD_VALUE,
            field: field.into(),
            hint: None,
            detail: Some(detail.into()),
            about: None,
            since: None,
        }
    }

    /// Something that happened although it should not have.
    pub fn conflict(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: Self::CONFLICT,
            field: field.into(),
            hint: None,
            detail: Some(detail.into()),
            about: None,
            since: None,
        }
    }

    /// The driver of a vehicle has driven too long by this zone time.
    pub fn driving_time(vehicle: &str, since: Timestamp, detail: impl Into<String>) -> Self {
        let detail = Some(detail.into());
        let (code, field) = (Self::DRIVING_TIME, "vehicle_id".into());
        Self { code, field, hint: None, detail, about: Some(vehicle.into()), since: Some(since) }
    }

    /// An id that is named in a field and that nobody knows; `hint`: a known one that is spelt much like it. `code` is one of the
    /// `UNKNOWN_` codes of ids.
    pub fn unknown_id(code: &'static str, field: &str, about: &str, hint: Option<String>, detail: String) -> Self {
        Self { code, field: field.to_owned(), hint, detail: Some(detail), about: Some(about.into()), since: None }
    }

    /// The code of this name.
    pub fn code_named(name: &str) -> Option<&'static str> {
        Self::CODES.into_iter().find(|&code| code == name)
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
