//! What reaches the engine's thread: entries, hints, outcomes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fleetfold_engine::{Input, PositionReport};
use fleetfold_fleet::{Change, Flag};
use fleetfold_journal::{Address, Covered, Outcome, PolicyAt, Said, Suspect};
use fleetfold_model::{Event, LogEntry, LogSeq, MessageHash, Millis, Name, Timestamp};
use fleetfold_wire::{EventType, Warning, What, decode, other_coordinates};

use super::in_hand::Blamed;
use super::intake::Taken;
use super::{OVERLOAD_MAX, Worker};
use crate::clock;
use crate::doubt::{self, Known, Subject};
use crate::last_values::alert_value;
use crate::log::Message;
use crate::view;
use crate::warnings::{self, Warned};

/// The word under which a message on a foreign subject is counted, as the gate counts facts.
const WRONG_SUBJECT: &str = "wrong_subject";

impl Worker {
    /// What the intake hands over: an entry to be folded, or one to be passed over.
    pub(super) fn take(&mut self, taken: Taken) {
        self.verified = true;
        match taken {
            Taken::Entry { entry, message, labels, brought, reused } => {
                if entry.seq <= self.engine.fleet().applied() {
                    return;
                }
                self.last_hash = Some(entry.hash);
                self.clock.saw(entry.logged_at);
                if let Some(subject) = doubt::subject(&entry.event) {
                    self.doubt(&entry.event, &subject, &message);
                }
                if let Some(brought) = brought {
                    self.traces.saw(&self.zone, &entry, *brought, self.engine.commit().epoch().is_some());
                }
                (self.folding, self.labels, self.reused) = (Some(message), labels, reused);
                let seq = entry.seq.0;
                self.in_hand.takes(seq, entry.hash);
                #[cfg(debug_assertions)]
                super::planted::death_at(seq, &entry.event);
                self.feed(Input::Entry(*entry));
                self.in_hand.done();
                self.acquit();
                self.passed.come_to(seq);
                (self.folding, self.labels) = (None, None);
            }
            Taken::Skipped { seq, at, hash, on_plan_subject, rejection, message } => {
                self.last_hash = Some(hash);
                self.clock.saw(at);
                if let Some(rejection) = rejection {
                    self.metrics.rejected(rejection.code);
                    self.giver.refused(seq, self.engine.now(), (rejection.code, rejection.what), message);
                }
                self.passed.over(seq.0);
                self.feed(Input::Skipped { seq, on_plan_subject });
                self.passed.come_to(seq.0);
            }
            Taken::Unsure(reply) => {
                let fleet = self.engine.fleet();
                let _ = reply.send(Covered { applied: fleet.applied().0, rev: fleet.chain().rev });
            }
            Taken::Regressed(_) | Taken::Gap(_) => {}
        }
    }

    /// A suspect that was folded and waits for no answer is none any more, and one that is left unanswered need not be left any more.
    pub(super) fn acquit(&self) {
        let fleet = self.engine.fleet();
        let waits = |suspect: &Suspect| fleet.unanswered().contains_key(&LogSeq(suspect.seq));
        self.in_hand.acquit(|suspect| suspect.is_past(fleet.applied(), waits(suspect)));
    }

    /// The fact on which a panic is blamed that comes while nothing is in hand: the suspect if it waits for its answer, else the one that
    /// waits alone.
    fn blamed(&self) -> Option<Blamed> {
        let waiting = self.engine.fleet().unanswered();
        let suspect = self.in_hand.suspect().filter(|suspect| waiting.contains_key(&LogSeq(suspect.seq)));
        let (seq, hash) = match (suspect, waiting.len()) {
            (Some(suspect), _) => (suspect.seq, suspect.hash),
            (None, 1) => (waiting.keys().next()?.0, MessageHash(0)),
            (None, _) => return None,
        };
        Some(self.in_hand.blamed_at_most(seq, hash))
    }

    /// Lists what makes no sense about an event that is to be folded next, given what the fleet knows.
    fn doubt(&mut self, event: &Event, subject: &Subject, message: &Message) {
        // What a force breaks is found by planning it.
        if matches!(subject, Subject::Forced(_)) && !warnings::is_to_be_told(self.folds_anew, message.at) {
            return;
        }
        let (fleet, network) = (self.engine.fleet(), self.engine.network());
        let now = self.engine.now();
        let mut known = Known::of(fleet, network, now, subject, false);
        // Nobody is told of what was told long ago, and a flood of unknown names holds nobody up.
        if known.is_strange() && warnings::is_to_be_told(self.folds_anew, message.at) && self.hints.one_more() {
            known = Known::of(fleet, network, now, subject, true);
        }
        let warnings = doubt::doubt(event, EventType::of(event), &known);
        if !warnings.is_empty()
            && let Ok(decoded) = decode(&message.bytes)
        {
            self.warn(message, &Said { envelope: decoded.envelope, kind: decoded.kind, warnings });
        }
    }

    /// What was said of something before it came is no mistake any more.
    fn withdraw(&self, entry: &LogEntry) {
        let Some((code, name)) = doubt::comes(&entry.event) else { return };
        self.told_withdrawn(entry, &self.warnings.withdraw((code, name.as_str()), entry.seq.0));
    }

    /// Tells of drivers who have driven too long as an entry shows, and withdraws what was told of them where it shows that they have not.
    fn look_at_hours(&self, entry: &LogEntry, change: &Change) {
        if matches!(entry.event, Event::PlanProposed(_)) {
            return;
        }
        let fleet = self.engine.fleet();
        for state in change.vehicles.iter().map(|&vehicle| fleet.vehicle(vehicle)) {
            if state.recorded_by().is_none() {
                continue;
            }
            let has_not = |by: Timestamp| state.had_driven_too_long(by) == Some(false);
            self.told_withdrawn(entry, &self.warnings.withdraw_driving(state.name.as_str(), entry.seq.0, has_not));
            let since = state.tachograph.last_at();
            if change.flags.contains(&Flag::DrivingTime)
                && state.had_driven_too_long(since) == Some(true)
                && let Some(message) = &self.folding
                && let Ok(decoded) = decode(&message.bytes)
            {
                let detail = format!("{}; it is taken as what happened", view::flag_words(Flag::DrivingTime));
                let warnings = vec![Warning::driving_time(state.name.as_str(), since, detail)];
                self.warn(message, &Said { envelope: decoded.envelope, kind: decoded.kind, warnings });
            }
        }
    }

    /// Withdraws what an engine before told and did not withdraw, though it is over as the zone stands: it ended in between.
    pub(super) fn look_at_earlier_warnings(&mut self) {
        let fleet = self.engine.fleet();
        let is_over = |warned: &Warned| {
            let Some(name) = warned.about.as_deref().and_then(Name::new) else { return false };
            match warned.code {
                Warning::UNKNOWN_ORDER => !fleet.awaits_order(&name),
                Warning::UNKNOWN_VEHICLE => !fleet.awaits_vehicle(&name),
                Warning::UNKNOWN_CHANGE => fleet.roads().contains_key(&name),
                Warning::DRIVING_TIME => {
                    let state = fleet.vehicle_id(name.as_str()).map(|vehicle| fleet.vehicle(vehicle));
                    state.zip(warned.driven_by()).and_then(|(state, by)| state.had_driven_too_long(by)) == Some(false)
                }
                _ => false,
            }
        };
        let Some(over) = self.warnings.withdraw_earlier(fleet.applied().0, is_over) else { return };
        let _runtime = self.runtime.enter();
        warnings::tell_withdrawn(&self.log, &self.zone, &over);
    }

    /// Tells that warnings are withdrawn, as this entry asks for.
    fn told_withdrawn(&self, entry: &LogEntry, over: &[Warned]) {
        if !over.is_empty() && warnings::is_to_be_told(self.folds_anew, entry.logged_at) {
            let _runtime = self.runtime.enter();
            warnings::tell_withdrawn(&self.log, &self.zone, over);
        }
    }

    /// Lists and tells what looks like a mistake in an entry.
    pub(super) fn warn(&self, message: &Message, said: &Said) {
        let fresh = self.warnings.push(said, Some(message.seq), clock::wall());
        if warnings::is_to_be_told(self.folds_anew, message.at) {
            let _runtime = self.runtime.enter();
            warnings::tell(&self.log, &self.zone, message.seq, &fresh);
        }
    }

    /// An entry was folded: figures and screens follow.
    pub(super) fn folded(&mut self, entry: &Arc<LogEntry>, change: Change) {
        self.tally.observe(entry, &change, self.engine.fleet());
        self.verify.folded(entry, &change, self.engine.fleet());
        let labels = self.labels.take();
        if matches!(entry.event, Event::PersonForgotten(_)) {
            self.forgot.store(entry.seq.0, Ordering::Release);
            self.forgets_in_bases.store(entry.seq.0, Ordering::Release);
        }
        self.references.folded(&entry.event, labels.as_deref(), &change);
        self.names.folded(&entry.event, &change);
        if change.refused.is_none() {
            self.withdraw(entry);
        }
        self.look_at_hours(entry, &change);
        self.metrics.entry();
        for &(_, wait) in &change.answered {
            self.metrics.answered(wait);
        }
        if change.plan.is_some() && self.engine.commit().epoch().is_some() {
            self.traces.decided(&self.zone, entry);
        }
        if change.plan.is_some() {
            self.chain_epoch.store(self.engine.fleet().chain().epoch, Ordering::Release);
        }
        if let (Event::FeaturesLearned(features), None) = (&entry.event, &change.refused)
            && self.engine.commit().epoch().is_some()
        {
            self.publish_features(features);
        }
        for alert in &change.alerts {
            let state = self.engine.fleet().alert(alert);
            self.values.tell(alert_value(alert, state, entry.seq, &self.references));
        }
        if matches!(entry.event, Event::ZoneOpened(_) | Event::PolicyChanged(_)) {
            let policy = PolicyAt::of(self.engine.fleet());
            self.strict.store(policy.strict, Ordering::Release);
            self.policy.send_replace(policy);
            self.zone_now.send_replace(self.engine.fleet().zone().clone());
            self.look_at_coordinates();
        }
        // The time that the log says: a story is the same after a restart.
        let at = self.engine.fleet().zone().zone_time(entry.logged_at);
        let touched = match entry.event {
            // While the log is read again nobody waits for that, and it may take a second.
            Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_)
                if self.readiness.caught_up.load(Ordering::Acquire) =>
            {
                self.engine.touched_by_roads(entry.seq)
            }
            _ => Vec::new(),
        };
        self.giver.folded(
            (Arc::clone(entry), labels),
            change,
            (self.engine.fleet(), self.engine.outlook(), touched),
            at,
        );
    }

    pub(super) fn position(&mut self, message: &Message) {
        let Ok(decoded) = decode(&message.bytes) else { return };
        let What::Position(vehicle, position, at) = decoded.what else { return };
        // Who may report for one vehicle may do so on its subject: what he says there of another one is not believed.
        if message.subject != self.zone.subject(&Address::of_position(&vehicle)) {
            self.metrics.rejected(WRONG_SUBJECT);
            let detail = format!(
                "a report of `{vehicle}` on `{}`, which is not its subject: it is passed over",
                message.subject
            );
            let warnings = vec![Warning::odd_value("vehicle_id", detail)];
            self.warnings.push(&Said { envelope: decoded.envelope, kind: decoded.kind, warnings }, None, clock::wall());
            return;
        }
        // A place that is none of this zone is worse than the last one known.
        if let Some(warning) = other_coordinates(decoded.kind, &decoded.envelope, self.engine.fleet().zone().space) {
            let said = Said { envelope: decoded.envelope, kind: decoded.kind, warnings: vec![warning] };
            self.warnings.push(&said, None, clock::wall());
            return;
        }
        // A report whose time is more than five seconds ahead of the log or fifteen minutes behind it comes from a wrong clock: the
        // time of the log is taken instead.
        let now = self.engine.fleet().zone().zone_time(message.at);
        self.sources.saw(&decoded.envelope, at, now, message.at, true);
        let skewed =
            at > now + Millis(5_000 * i64::from(self.engine.fleet().zone().rate)) || at < now - Millis(900_000);
        let at = if skewed { now } else { at };
        self.metrics.position();
        let report = PositionReport { vehicle, position, at };
        if self.admission.level() < OVERLOAD_MAX {
            self.pass_on(report);
        } else {
            // The newest one says it all.
            self.held_positions.insert(report.vehicle.clone(), report);
        }
    }

    /// Hands over the positions that were held back.
    pub(super) fn pass_on_positions(&mut self) {
        self.positions_at = clock::monotonic();
        for report in std::mem::take(&mut self.held_positions).into_values() {
            self.pass_on(report);
        }
    }

    fn pass_on(&mut self, report: PositionReport) {
        if let Some(id) = self.engine.fleet().vehicle_id(report.vehicle.as_str()) {
            self.giver.mark(|stale| {
                stale.moved.insert(id);
            });
        }
        self.feed(Input::Position(report));
    }

    pub(super) fn feed(&mut self, input: Input) {
        // The lease may have been taken at the moment at which the log was found to have gone back: it is let go, and nobody decides.
        if matches!(input, Input::Commit(Outcome::Granted(_))) && self.readiness.regressed.get().is_some() {
            return;
        }
        match &input {
            Input::Commit(Outcome::Granted(epoch)) => {
                self.readiness.undecided.over();
                tracing::info!(zone = %self.zone, epoch, "owner of the zone");
                self.readiness.epoch.store(*epoch, Ordering::Release);
                self.publisher.term(true);
                self.values.begins(self.engine.fleet().clone_without_index());
                for untaken in self.kept_refused.take(self.engine.now()) {
                    self.tell_refused(untaken);
                }
            }
            Input::Commit(Outcome::Lost) => {
                self.readiness.undecided.over();
                self.readiness.epoch.store(0, Ordering::Release);
                self.publisher.term(false);
                self.values.ends();
            }
            _ => {}
        }
        let mut effects = Vec::new();
        let is_entry = matches!(input, Input::Entry(_));
        let blamed = if is_entry { None } else { self.blamed() };
        #[cfg(debug_assertions)]
        super::planted::before(&input, self.engine.fleet());
        self.engine.handle(input, &mut effects);
        drop(blamed);
        if !is_entry {
            self.in_hand.done();
            self.acquit();
        }
        self.admission.stands(self.engine.backlog());
        self.perform(effects);
    }
}
