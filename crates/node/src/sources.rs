//! What each source's events say about the source: how late they come, whether its clock is right, what was sent twice, what is
//! missing. For people who run producers; no fold reads it.
//!
//! Everything is measured by the log's own time (as zone time), so an engine whose clock is wrong says the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleetfold_model::{Millis, Timestamp};
use fleetfold_wire::CloudEvent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::times::UnixMillis;

/// Most sources that are told apart. Those beyond count together, under the name [`OTHERS`].
const SOURCES_MAX: usize = 1_000;
/// The name of all sources beyond [`SOURCES_MAX`]. No source is called so: it is no URI reference.
const OTHERS: &str = "(others)";
/// So many of the last events of a source say how late it is now.
const LAST: usize = 256;
/// Most entities of a source whose numbers are followed. Of one that was let go the next number is a first one.
const ENTITIES_MAX: usize = 10_000;
/// Upper ends of the classes of lateness, seconds. The first one has what came before its time, the last one has no end.
const CLASSES: [i64; 7] = [0, 1, 5, 30, 60, 300, 3_600];

#[derive(Default)]
struct Source {
    events: u64,
    positions: u64,
    duplicates: u64,
    out_of_order: u64,
    missing: u64,
    /// Lateness of the last events.
    last: VecDeque<Millis>,
    by_class: [u64; CLASSES.len() + 1],
    last_at: Option<Timestamp>,
    /// Highest number of each entity.
    numbers: BTreeMap<String, u64>,
}

/// The sources of a zone.
#[derive(Clone, Default)]
pub(crate) struct Sources(Arc<Mutex<BTreeMap<String, Source>>>);

/// From where on something is worth a look. What is left out has the value that is said at [`Bounds::default`].
#[derive(Clone, Copy, Debug, JsonSchema, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Bounds {
    /// Nine events of ten come within so many seconds.
    late_seconds: f64,
    /// A clock may be so many seconds ahead.
    ahead_seconds: f64,
    /// So many events of a hundred may have come twice.
    duplicates_percent: f64,
    /// So many events may be missing.
    missing: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { late_seconds: 60.0, ahead_seconds: 5.0, duplicates_percent: 5.0, missing: 0 }
    }
}

/// `/v1/sources`.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Document {
    sources: Vec<Row>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Class {
    /// `None`: no end.
    up_to_seconds: Option<i64>,
    events: u64,
}

#[derive(Debug, JsonSchema, Serialize)]
#[expect(clippy::struct_field_names, reason = "fields of a document: each says its unit")]
struct Lateness {
    min_seconds: f64,
    p50_seconds: f64,
    p90_seconds: f64,
    p99_seconds: f64,
    max_seconds: f64,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Row {
    source: String,
    events: u64,
    positions: u64,
    /// Log time of the last one, milliseconds.
    #[schemars(with = "Option<UnixMillis>")]
    last_at: Option<i64>,
    /// Of its last events: how long after their `time` the log took them.
    lateness: Option<Lateness>,
    /// Of all events since the program began to read.
    lateness_classes: Vec<Class>,
    /// The least that its clock is ahead of the log's (negative: behind, or its events are always late by as much).
    clock_offset_seconds: Option<f64>,
    duplicates: u64,
    /// Numbers (`sequence`) that were passed over, by entity.
    missing: u64,
    /// Events with a number below one that came before.
    out_of_order: u64,
    /// What is worth a look: `late`, `clock_ahead`, `duplicates`, `missing`.
    flags: Vec<&'static str>,
}

impl Sources {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<String, Source>> {
        // Whoever panicked while it was held has left it whole: every change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with(&self, source: &str, change: impl FnOnce(&mut Source)) {
        let mut all = self.locked();
        // For every message of the log: one that is known is looked up once, and its name is not copied.
        if let Some(known) = all.get_mut(source) {
            return change(known);
        }
        let name = if all.len() < SOURCES_MAX { source } else { OTHERS };
        change(all.entry(name.to_owned()).or_default());
    }

    /// An event stands in the log. `time`: when it happened, by its source; `now`: when the log took it. Both are zone time.
    pub(crate) fn saw(
        &self,
        event: &CloudEvent,
        time: Timestamp,
        now: Timestamp,
        logged_at: Timestamp,
        is_position: bool,
    ) {
        let number = event.sequence.as_deref().and_then(|number| number.parse::<u64>().ok());
        self.with(&event.source, |source| {
            source.events += u64::from(!is_position);
            source.positions += u64::from(is_position);
            source.last_at = source.last_at.max(Some(logged_at));
            let late = now - time;
            let class = CLASSES.iter().position(|&end| late.0 < end * 1_000).unwrap_or(CLASSES.len());
            source.by_class[class] += 1;
            if source.last.len() == LAST {
                source.last.pop_front();
            }
            source.last.push_back(late);
            if let Some(number) = number {
                source.count(event.subject.as_deref().unwrap_or_default(), number);
            }
        });
    }

    /// An event came that the log has already.
    pub(crate) fn repeated(&self, source: &str) {
        self.with(source, |source| source.duplicates += 1);
    }

    /// All of them, by name.
    pub(crate) fn document(&self, bounds: Bounds) -> Document {
        Document { sources: self.locked().iter().map(|(name, source)| source.row(name, bounds)).collect() }
    }
}

impl Source {
    fn count(&mut self, entity: &str, number: u64) {
        match self.numbers.get_mut(entity) {
            Some(highest) if number > *highest => {
                self.missing += number - *highest - 1;
                *highest = number;
            }
            Some(highest) if number < *highest => {
                // What was missed has come late.
                self.out_of_order += 1;
                self.missing = self.missing.saturating_sub(1);
            }
            Some(_) => {}
            None => {
                if self.numbers.len() >= ENTITIES_MAX {
                    self.numbers.pop_first();
                }
                self.numbers.insert(entity.to_owned(), number);
            }
        }
    }

    fn row(&self, name: &str, bounds: Bounds) -> Row {
        let mut sorted: Vec<i64> = self.last.iter().map(|late| late.0).collect();
        sorted.sort_unstable();
        let seconds = |millis: i64| millis as f64 / 1_000.0;
        let at = |percent: usize| seconds(sorted[(sorted.len() - 1) * percent / 100]);
        let lateness = (!sorted.is_empty()).then(|| Lateness {
            min_seconds: at(0),
            p50_seconds: at(50),
            p90_seconds: at(90),
            p99_seconds: at(99),
            max_seconds: at(100),
        });
        let offset = lateness.as_ref().map(|late| -late.min_seconds);
        let all = self.events + self.positions + self.duplicates;
        let twice = 100.0 * self.duplicates as f64 / all.max(1) as f64;
        let flags = [
            ("late", lateness.as_ref().is_some_and(|late| late.p90_seconds > bounds.late_seconds)),
            ("clock_ahead", offset.is_some_and(|offset| offset > bounds.ahead_seconds)),
            ("duplicates", twice > bounds.duplicates_percent),
            ("missing", self.missing > bounds.missing),
        ];
        let ends = CLASSES.iter().map(|&end| Some(end)).chain([None]);
        Row {
            source: name.to_owned(),
            events: self.events,
            positions: self.positions,
            last_at: self.last_at.map(|at| at.0),
            lateness,
            lateness_classes: ends
                .zip(self.by_class)
                .map(|(up_to_seconds, events)| Class { up_to_seconds, events })
                .collect(),
            clock_offset_seconds: offset,
            duplicates: self.duplicates,
            missing: self.missing,
            out_of_order: self.out_of_order,
            flags: flags.into_iter().filter(|(_, is_worth_a_look)| *is_worth_a_look).map(|(flag, _)| flag).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::Timestamp;
    use fleetfold_wire::CloudEvent;
    use serde_json::json;

    use super::{Bounds, ENTITIES_MAX, OTHERS, SOURCES_MAX, Sources};

    fn event(source: &str, entity: &str, number: Option<u64>) -> CloudEvent {
        let mut event = CloudEvent::new("fleet.order.ready.v1", source, "1", entity, String::new(), json!({}));
        event.sequence = number.map(|number| number.to_string());
        event
    }

    #[test]
    fn lateness_clock_and_gaps_are_told_by_source() {
        let sources = Sources::default();
        for number in 0..100 {
            // Ten of a hundred come two minutes late.
            let late = if number % 10 == 9 { 120_000 } else { 500 };
            sources.saw(&event("/good", "a", Some(number)), Timestamp(0), Timestamp(late), Timestamp(7), false);
            sources.saw(&event("/ahead", "a", None), Timestamp(60_000), Timestamp(200), Timestamp(8), true);
        }
        for number in [7, 9, 8, 12, 12] {
            sources.saw(&event("/gaps", "v", Some(number)), Timestamp(0), Timestamp(0), Timestamp(0), false);
        }
        sources.repeated("/gaps");
        let told = json!(sources.document(Bounds::default()));
        let of = |source: &str| {
            told["sources"].as_array().unwrap().iter().find(|row| row["source"] == source).unwrap().clone()
        };
        let good = of("/good");
        assert_eq!((&good["lateness"]["p50_seconds"], &good["lateness"]["max_seconds"]), (&json!(0.5), &json!(120.0)));
        assert_eq!((&good["events"], &good["flags"], &good["missing"]), (&json!(100), &json!([]), &json!(0)));
        assert_eq!(good["lateness_classes"][5], json!({ "up_to_seconds": 300, "events": 10 }));
        let ahead = of("/ahead");
        assert_eq!((&ahead["clock_offset_seconds"], &ahead["flags"]), (&json!(59.8), &json!(["clock_ahead"])));
        let gaps = of("/gaps");
        // 10 and 11 never came; 8 came late.
        assert_eq!((&gaps["missing"], &gaps["out_of_order"], &gaps["duplicates"]), (&json!(2), &json!(1), &json!(1)));
        assert_eq!(gaps["flags"], json!(["duplicates", "missing"]));
        let lax = Bounds { late_seconds: 0.1, ahead_seconds: 100.0, duplicates_percent: 50.0, missing: 2 };
        let told = json!(sources.document(lax));
        let flags: Vec<_> = told["sources"].as_array().unwrap().iter().map(|row| row["flags"].clone()).collect();
        assert_eq!(flags, [json!([]), json!([]), json!(["late"])], "by name: ahead, gaps, good");
    }

    #[test]
    fn a_producer_who_invents_sources_and_entities_fills_no_memory() {
        let sources = Sources::default();
        for number in 0..SOURCES_MAX + 50 {
            sources.saw(&event(&format!("/{number}"), "a", None), Timestamp(0), Timestamp(0), Timestamp(0), false);
        }
        for number in 0..ENTITIES_MAX + 50 {
            sources.saw(&event("/0", &number.to_string(), Some(1)), Timestamp(0), Timestamp(0), Timestamp(0), false);
        }
        let all = sources.locked();
        assert_eq!((all.len(), all[OTHERS].events, all["/0"].numbers.len()), (SOURCES_MAX + 1, 50, ENTITIES_MAX));
    }
}
