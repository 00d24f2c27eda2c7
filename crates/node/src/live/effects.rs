//! What the engine wants done: plans and searches out, outcomes back in as inputs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::{Effect, Input, Note, SolveJob, SolveReport, run as run_search};
use fleetfold_fleet::{Flag, Refused};
use fleetfold_journal::address::feature_id;
use fleetfold_journal::{Address, LastPlan, Outcome, OwnMessage, Said, ZoneName, own_message};
use fleetfold_model::{Event, Features, LogEntry, LogSeq, Millis, SearchRecord};
use fleetfold_wire::{What, decode, features_to_json};

use super::telling::Untaken;
use super::{OVERLOAD_MAX, Worker};
use crate::clock;
use crate::last_values::eta_value;
use crate::log::{AppendError, Stream};
use crate::view::{self, stop_name};

/// Times that a fact of the engine is tried, 100 ms apart: a minute outlives a broker's restart.
const OWN_TRIES: u32 = 600;

/// A plan of so many bytes has nothing that could be left to the next one.
const SMALL_PLAN: usize = 8 << 10;

/// Time after which a search begins no round any more. Longer ones find groups whose routes have moved on.
const SEARCH_MAX: Duration = Duration::from_secs(1);

/// Runs a search. One that panics has found nothing: the routes stay as they are, and the zone goes on.
fn searched(job: SolveJob, abandon: &AtomicBool, zone: &ZoneName) -> SolveReport {
    let id = job.id;
    let search = AssertUnwindSafe(|| {
        #[cfg(debug_assertions)]
        super::planted::death_searching();
        run_search(job, abandon)
    });
    catch_unwind(search).unwrap_or_else(|_| {
        tracing::error!(%zone, "a search panicked: its routes stay as they are. Record the zone and report it");
        SolveReport { id, regions: Vec::new(), record: SearchRecord::default() }
    })
}

/// A fact under an id that its source has used for another fact: the fold refuses it as it refuses a repeat.
const ID_REUSED: &str = "id_reused";
const ID_REUSED_WORDS: &str =
    "its source has used this id for another event before, so it changes nothing; an id names one event for ever";

impl Worker {
    pub(super) fn perform(&mut self, effects: Vec<Effect>) {
        let mut folded = None;
        for effect in effects {
            match effect {
                Effect::Folded { entry, change } => {
                    self.folded(&entry, change);
                    folded = Some(entry);
                }
                Effect::Rerouted(vehicles) => self.giver.mark(|stale| stale.vehicles.extend(vehicles)),
                Effect::Append { event, expected } => self.append(event, expected),
                Effect::ReadLastPlan => self.read_last_plan(),
                Effect::Solve(job) => {
                    // One search runs at a time. It ends with the round in which its time is over: what it has found by then counts.
                    self.abandon = Arc::default();
                    let (over, abandon) = (Arc::clone(&self.abandon), Arc::clone(&self.abandon));
                    self.runtime.spawn(async move {
                        tokio::time::sleep(SEARCH_MAX).await;
                        over.store(true, Ordering::Relaxed);
                    });
                    let inputs = self.inputs.clone();
                    let started = clock::monotonic();
                    let metrics = Arc::clone(&self.metrics);
                    let zone = self.zone.clone();
                    self.pool.spawn(move || {
                        let mut report = searched(job, &abandon, &zone);
                        report.record.took = Millis(started.elapsed().as_millis() as i64);
                        metrics.searched(report.record.rounds);
                        let _ = inputs.blocking_send(Input::Solved(report));
                    });
                }
                Effect::FetchLegs(query) => {
                    let (network, inputs) = (Arc::clone(self.engine.network()), self.inputs.clone());
                    self.runtime.spawn_blocking(move || {
                        // An engine that is told nothing would wait for its legs for ever, and fetch no others.
                        let fetch = AssertUnwindSafe(|| network.fetch(&query));
                        let answer = catch_unwind(fetch).unwrap_or_default();
                        let _ = inputs.blocking_send(Input::Legs(answer));
                    });
                }
                Effect::AppendOwn(event) => self.append_own(&event),
                Effect::Publish(assignment) => {
                    let decision = self.traces.of_route(&self.zone, folded.as_deref(), &assignment.vehicle);
                    let fleet = self.engine.fleet();
                    self.publisher.send((assignment, fleet.zone().space, decision, fleet.applied()));
                }
                Effect::Tell(eta) => self.values.tell(eta_value(&eta, &self.references)),
                Effect::Note(note) => self.note(&note, folded.as_deref()),
            }
        }
    }

    /// A fact of the engine's own goes into the log; what it is about is in its id, so that repeats are harmless.
    fn append_own(&self, event: &Event) {
        let message = own_message(&self.zone, event, self.engine.fleet().zone().space, self.engine.now());
        let (log, zone) = (self.log.clone(), self.zone.clone());
        self.runtime.spawn(async move {
            for _ in 0..OWN_TRIES {
                match log.append_own(&zone, &message).await {
                    Ok(_) => return,
                    Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                        tracing::error!(why, subject = message.subject, "the log refuses a fact of the engine");
                        return;
                    }
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
            tracing::warn!(subject = message.subject, "a fact of the engine was not confirmed and is given up");
        });
    }

    /// The last value of each feature, for whoever wants one without reading the log.
    pub(super) fn publish_features(&self, features: &Features) {
        let (log, zone, version) = (self.log.clone(), self.zone.clone(), features.version);
        let space = self.engine.fleet().zone().space;
        let values: Vec<(String, String)> = features_to_json(features, space);
        self.runtime.spawn(async move {
            for (key, value) in values {
                let subject = zone.subject(&Address::of_feature(&key));
                let id = feature_id(&zone, &key, version);
                if let Err(error) = log.append(Stream::Feature, subject, id, Bytes::from(value), None).await {
                    tracing::warn!(%error, key, "a feature is not published");
                }
            }
        });
    }

    /// Sends a plan. One that is sent again has the bytes that it had the first time.
    pub(super) fn append(&mut self, event: Arc<Event>, expected: LogSeq) {
        if self.appended.as_ref().is_none_or(|(last, _)| !Arc::ptr_eq(last, &event)) {
            let message = own_message(&self.zone, &event, self.engine.fleet().zone().space, self.engine.now());
            let OwnMessage { subject, bytes, .. } = message;
            self.appended = Some((event, (subject, Bytes::from(bytes))));
            self.read_back = 0;
        }
        let Some((event, (subject, bytes))) = self.appended.clone() else { return };
        let answers_facts = matches!(
            &*event, Event::PlanProposed(plan) if plan.groups.iter().any(|group| !group.caused_by.is_empty())
        );
        let (log, inputs, readiness) = (self.log.clone(), self.inputs.clone(), Arc::clone(&self.readiness));
        let trace = self.traces.of_plan(&self.zone, &event);
        self.runtime.spawn(async move {
            let size = bytes.len();
            // Without a message id: the expected sequence keeps a repeat out, and an id could be used up by somebody else.
            let outcome = match log
                .append_traced(Stream::Fleet, (subject, String::new(), bytes), Some(expected.0), trace)
                .await
            {
                Ok(stored) => {
                    readiness.undecided.over();
                    Outcome::Stored(LogSeq(stored.seq))
                }
                Err(AppendError::TooLarge(why)) => {
                    // Smaller ones are tried at once; where not even those are taken, nothing is decided.
                    if size <= SMALL_PLAN && answers_facts {
                        readiness.undecided.met(format!("the log takes no plan of {size} bytes: {why}"));
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Outcome::TooLarge
                }
                Err(AppendError::WrongSequence) => Outcome::WrongSequence,
                Err(AppendError::Unknown(why) | AppendError::NotSent(why)) => {
                    tracing::warn!(why, "plan append unconfirmed; reading back");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Outcome::Unknown
                }
                Err(AppendError::Refused(why)) => {
                    tracing::error!(why, "the log refuses the plan");
                    readiness.undecided.met(format!("the log refuses plans: {why}"));
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    Outcome::Unknown
                }
            };
            let _ = inputs.send(Input::Commit(outcome)).await;
        });
    }

    /// Reads the last plan back. Asked again and again about one plan, it asks more and more slowly: a broker that has just become the
    /// leader may answer from before for some seconds.
    pub(super) fn read_last_plan(&mut self) {
        let (log, inputs, subject) = (self.log.clone(), self.inputs.clone(), self.zone.subject(&Address::Plan));
        let pause = Duration::from_millis(50) * self.read_back.min(10);
        self.read_back += 1;
        self.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            loop {
                match log.last(Stream::Fleet, &subject).await {
                    Ok(None) => {
                        let _ = inputs.send(Input::Commit(Outcome::LastPlan(None))).await;
                        return;
                    }
                    Ok(Some(message)) => {
                        let plan = match decode(&message.bytes).map(|decoded| decoded.what) {
                            Ok(What::Event(Event::PlanProposed(plan))) => Some((plan.epoch, plan.rev)),
                            Ok(_) | Err(_) => None,
                        };
                        let last = Some(LastPlan { seq: LogSeq(message.seq), plan });
                        let _ = inputs.send(Input::Commit(Outcome::LastPlan(last))).await;
                        return;
                    }
                    Err(error) => tracing::warn!(%error, "the last plan cannot be read back yet"),
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
                if inputs.is_closed() {
                    return;
                }
            }
        });
    }

    pub(super) fn tell_refused(&self, untaken: Untaken) {
        let seq = untaken.message.seq;
        if self.refused.try_send(untaken).is_err() {
            tracing::warn!(seq, "too many refused facts wait to be told: this one is not");
        }
    }

    /// Two vehicles say how a stop ended: which ones, in words. The first has served it.
    fn was_done_by_another(&self, reason: Refused, event: &Event) -> Option<String> {
        let (Event::StopCompleted(told) | Event::StopFailed(told, ..)) = event else { return None };
        let fleet = self.engine.fleet();
        let order = fleet.order(fleet.order_id(told.order.as_str()).filter(|_| reason == Refused::StopDone)?);
        let progress = order.progress(told.stop);
        let (by, how) = match (progress.completed, progress.failed) {
            (Some(mark), _) => (mark.vehicle, "served"),
            (None, Some((mark, _))) => (mark.vehicle, "reported as failed"),
            (None, None) => return None,
        };
        let first = &fleet.vehicle(by).name;
        let (second, stop) = (&told.vehicle, stop_name(told.stop));
        let says = if matches!(event, Event::StopCompleted(_)) { "it has served it" } else { "it could not serve it" };
        (first != second).then(|| {
            format!(
                "the {stop} of {} was {how} by {first}; {second} says that {says}, which changes nothing",
                order.name
            )
        })
    }

    pub(super) fn note(&mut self, note: &Note, entry: Option<&LogEntry>) {
        let now = self.engine.now();
        match note {
            Note::Refused { seq, reason } => {
                let has_used_id = *reason == Refused::DuplicateEvent;
                let (code, words) = if has_used_id && self.reused {
                    (ID_REUSED, ID_REUSED_WORDS)
                } else {
                    (reason.code(), view::refused_words(*reason))
                };
                tracing::debug!(seq = seq.0, reason = code, "fact refused");
                self.metrics.rejected(code);
                let detail = entry.map_or(String::new(), |entry| {
                    format!(
                        "{} {}: {}",
                        fleetfold_wire::event_type(&entry.event),
                        fleetfold_wire::entity(&entry.event),
                        words
                    )
                });
                let bytes = self.folding.as_ref().map_or_else(Bytes::new, |message| message.bytes.clone());
                self.giver.refused(*seq, now, (code, detail.clone()), bytes);
                if let Some((entry, message)) = entry.zip(self.folding.as_ref())
                    && let Some(detail) = self.was_done_by_another(*reason, &entry.event)
                    && let Ok(decoded) = decode(&message.bytes)
                {
                    let warnings = vec![fleetfold_wire::Warning::conflict("vehicle_id", detail)];
                    self.warn(message, &Said { envelope: decoded.envelope, kind: decoded.kind, warnings });
                }
                if has_used_id
                    && !self.reused
                    && let Some(message) = &self.folding
                    && let Ok(decoded) = decode(&message.bytes)
                {
                    self.sources.repeated(&decoded.envelope.source);
                }
                if let Some(message) = &self.folding {
                    let untaken = Untaken { message: message.clone(), code, what: detail };
                    // Only the owner writes it down; a repeat has the same id.
                    if self.engine.commit().epoch().is_some() {
                        self.tell_refused(untaken);
                    } else {
                        self.kept_refused.keep(untaken);
                    }
                }
            }
            Note::Flagged { seq, flag } => {
                tracing::debug!(seq = seq.0, why = view::flag_words(*flag), "odd fact taken");
                if *flag == Flag::Nowhere {
                    self.metrics.implausible();
                }
                // Stages that were not reported are usual, and a wrong clock is told by whoever reads the message.
                if *flag == Flag::Conflict
                    && let Some(message) = &self.folding
                    && let Ok(decoded) = decode(&message.bytes)
                {
                    let detail = format!("{}; it is taken as what happened", view::flag_words(*flag));
                    let warnings = vec![fleetfold_wire::Warning::conflict("order_id", detail)];
                    self.warn(message, &Said { envelope: decoded.envelope, kind: decoded.kind, warnings });
                }
            }
            Note::Implausible { vehicle } => {
                tracing::debug!(%vehicle, "a position was passed over: it cannot have come so far");
                self.metrics.implausible();
            }
            Note::GroupsRefused { rev, groups } => {
                tracing::debug!(rev, groups, "groups refused: their routes had moved on");
            }
            // A found improvement that does not fit any more is no answer to anything, and usual.
            Note::Withheld { why, caused_by } if caused_by.is_empty() => {
                tracing::debug!(%why, "an improvement was withheld");
            }
            Note::Withheld { why, caused_by } => {
                let facts: Vec<u64> = caused_by.iter().map(|seq| seq.0).collect();
                tracing::warn!(?facts, %why, "a group of routes was withheld; its facts are answered plainly");
            }
            Note::PlanRejected { rev } => {
                tracing::error!(
                    rev,
                    "a plan of this engine was rejected by the log's readers; its facts get plain answers"
                );
            }
            Note::PlanTooLarge { rev, bytes_max } => {
                tracing::warn!(rev, bytes_max, "the log takes no plan so large: the next ones are smaller");
            }
            Note::Broken { what } => tracing::error!(what, "a promise is broken; the offenders are asked for anew"),
            Note::Searched { rounds, proposed, stale, gain } => {
                tracing::debug!(rounds, proposed, stale, gain, "search ended");
                self.metrics.groups(*proposed as u64, *stale as u64);
            }
            Note::Overload { level } => {
                let before = self.admission.set_level(*level);
                // Screens are told although nothing else changed.
                self.giver.mark(|stale| stale.figures = true);
                if *level > before {
                    tracing::warn!(level, "facts wait: level of overload");
                } else {
                    tracing::info!(level, "facts wait less: level of overload");
                }
                if *level < OVERLOAD_MAX {
                    self.pass_on_positions();
                }
            }
            Note::PlanRemoved { seq, last } => {
                self.gone = Some(super::log_regressed(&format!(
                    "entry {} was folded and is not in the log any more (the last plan is entry {}): somebody removed it",
                    seq.0, last.0
                )));
            }
            Note::SteppedDown { epoch } => tracing::warn!(epoch, "no longer owner of the zone"),
        }
    }
}
