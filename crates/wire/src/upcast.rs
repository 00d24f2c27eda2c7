//! Events of earlier shapes, lifted to the one of now before anything reads them: the one place that knows how a payload looked once.
//!
//! A log keeps the bytes that were written, for as long as it keeps the entry; so what a version has written is read for ever. A step is
//! a pure function of the payload: whoever folds the log, at any time and in any later version, gets the same.
//!
//! **To add one**: change the type; put a step into [`STEPS`] that makes the payload of before into that of now, behind the steps that
//! lead to the payload of before; and put an event of before into `tests/older/`, as it stood in a log. A new major version of a type
//! (`….v2`) is a step of the name of before (`….v1`), with the type that it becomes.

use serde_json::{Map, Value};

use crate::decode::DecodeError;
use crate::event_type::EventType;
use crate::plan_v1::{first_format, first_rules};

type Payload = Map<String, Value>;

/// How one shape becomes the next.
struct Step {
    /// The type, as its events name it.
    of: &'static str,
    /// The type that its events are then.
    becomes: EventType,
    /// The last version of this program that has written it so.
    written_until: &'static str,
    /// True for a payload of before. A payload of now has to be told apart by what is in it: within a major version no number says it.
    is_older: fn(&Payload) -> bool,
    /// Makes it the next shape. `Err`: which field, and what is wrong.
    lift: fn(&mut Payload) -> Result<(), (&'static str, String)>,
}

/// In the order in which they are applied.
const STEPS: &[Step] = &[
    Step {
        of: "fleet.plan.proposed.v1",
        becomes: EventType::PlanProposed,
        written_until: "0.1",
        is_older: |plan| !plan.contains_key("format"),
        lift: |plan| put(plan, "format", first_format().into()),
    },
    Step {
        of: "fleet.plan.proposed.v1",
        becomes: EventType::PlanProposed,
        written_until: "0.1",
        // By the first rules a plan is still written so.
        is_older: |plan| !plan.contains_key("rules"),
        lift: |plan| put(plan, "rules", first_rules().into()),
    },
    Step {
        of: "fleet.features.learned.v1",
        becomes: EventType::FeaturesLearned,
        written_until: "0.1",
        is_older: |learned| !learned.contains_key("epoch"),
        // No owner has epoch 0: what was learned then counts as said by nobody.
        lift: |learned| put(learned, "epoch", 0.into()),
    },
];

#[expect(clippy::unnecessary_wraps, reason = "what a step returns")]
fn put(payload: &mut Payload, field: &str, value: Value) -> Result<(), (&'static str, String)> {
    payload.insert(field.to_owned(), value);
    Ok(())
}

/// The type that an event of this name is now; `None`: no version knows it.
pub(crate) fn current(name: &str) -> Option<EventType> {
    EventType::named(name).or_else(|| STEPS.iter().rfind(|step| step.of == name).map(|step| step.becomes))
}

/// Lifts a payload to the shape of now. One of now is not touched.
///
/// # Errors
///
/// When a payload of before cannot be one of now: which field, and why.
pub(crate) fn lift(name: &str, payload: &mut Value) -> Result<(), DecodeError> {
    by(STEPS, name, payload)
}

fn by(steps: &[Step], name: &str, payload: &mut Value) -> Result<(), DecodeError> {
    // What is no object is refused by whoever reads it.
    let Value::Object(payload) = payload else { return Ok(()) };
    for step in steps.iter().filter(|step| step.of == name) {
        if (step.is_older)(payload) {
            (step.lift)(payload).map_err(|(field, what)| DecodeError::Field {
                field: field.to_owned(),
                what: format!("{what} (an event as version {} wrote it)", step.written_until),
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Fields that were renamed, taken away and changed in their unit, one version after the other.
    const CHANGES: &[Step] = &[
        Step {
            of: "fleet.shift.ended.v1",
            becomes: EventType::ShiftEnded,
            written_until: "0.7",
            is_older: |payload| payload.contains_key("van"),
            lift: |payload| {
                let van = payload.remove("van").unwrap_or_default();
                put(payload, "vehicle_id", van)
            },
        },
        Step {
            of: "fleet.shift.ended.v1",
            becomes: EventType::ShiftEnded,
            written_until: "0.8",
            is_older: |payload| payload.contains_key("minutes"),
            lift: |payload| match payload.remove("minutes").and_then(|minutes| minutes.as_u64()) {
                Some(minutes) => put(payload, "seconds", (60 * minutes).into()),
                None => Err(("minutes", "is no number".to_owned())),
            },
        },
    ];

    fn lifted(mut payload: Value) -> Result<Value, String> {
        by(CHANGES, "fleet.shift.ended.v1", &mut payload).map(|()| payload).map_err(|error| error.to_string())
    }

    #[test]
    fn each_step_is_taken_by_what_is_older_than_it_and_what_is_of_now_stays() {
        let now = json!({ "vehicle_id": "v", "seconds": 120 });
        assert_eq!(lifted(json!({ "van": "v", "minutes": 2 })), Ok(now.clone()));
        assert_eq!(lifted(json!({ "vehicle_id": "v", "minutes": 2 })), Ok(now.clone()));
        assert_eq!(lifted(now.clone()), Ok(now));
        assert_eq!(lifted(json!(["no object"])), Ok(json!(["no object"])));
        let error = lifted(json!({ "minutes": "two" })).unwrap_err();
        assert!(error.contains("minutes") && error.contains("0.8"), "{error}");
        // Of another type nothing is lifted.
        let mut other = json!({ "van": "v" });
        by(CHANGES, "fleet.shift.started.v1", &mut other).unwrap();
        assert_eq!(other, json!({ "van": "v" }));
    }

    #[test]
    fn every_step_leads_to_a_payload_that_it_does_not_lift_again() {
        for step in STEPS {
            let mut payload = Payload::new();
            assert!((step.is_older)(&payload), "{}", step.of);
            (step.lift)(&mut payload).unwrap();
            assert!(!(step.is_older)(&payload), "{}", step.of);
            assert_eq!(current(step.of), Some(step.becomes));
        }
    }
}
