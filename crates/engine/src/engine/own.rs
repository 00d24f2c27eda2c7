//! What comes with owning the zone: a new owner takes stock, says where vehicles were, and has broken promises put right.

use std::collections::BTreeSet;

use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogSeq, Name, RepairAsked, VehicleId};

use super::Engine;
use super::waiting::PLAN_BYTES;
use crate::effect::{Effect, Note};
use crate::moment::Moment;
use crate::roads::RoadNews;

impl Engine {
    /// A promise is broken: an alert, and a fact that puts it right, once per set of offenders.
    pub(super) fn broken(&mut self, orders: Vec<Name>, vehicles: Vec<Name>, what: String, effects: &mut Vec<Effect>) {
        effects.push(Effect::Note(Note::Broken { what: what.clone() }));
        if let Some(epoch) = self.commit.epoch()
            && self.promises.asks_for_repair(&orders, &vehicles, self.log_now)
        {
            effects.push(Effect::AppendOwn(Event::RepairAsked(RepairAsked { orders, vehicles, what, epoch })));
        }
    }

    pub(super) fn commit_outcome(&mut self, outcome: Outcome, effects: &mut Vec<Effect>) {
        let led = self.commit.epoch().is_some();
        effects.extend(self.commit.outcome(outcome).map(Effect::from));
        if self.commit.epoch().is_none() {
            self.located.forget();
            self.alerts.forget();
            self.etas.forget();
        }
        if led || self.commit.epoch().is_none() {
            return;
        }
        self.plan_bytes = PLAN_BYTES;
        self.etas.goes_on(&self.fleet);
        // A new owner: every route is stale, and every vehicle is told again (receivers keep the highest revision).
        self.look_at_roads();
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        for (id, state) in (0..).map(VehicleId).zip(self.fleet.vehicles()) {
            if !state.route.visits.is_empty() {
                self.searches.soil(moment, id);
            }
            if state.route.revision > LogSeq(0) {
                effects.push(Effect::Publish(self.assignment(id)));
            }
        }
        // The owner before may not have said where vehicles were that unanswered facts are about.
        let about: BTreeSet<VehicleId> = (0..).map(VehicleId).take(self.fleet.vehicles().len()).collect();
        self.locate(&about, effects);
    }

    /// Says where vehicles were, for the unanswered facts that need it. Their answers wait until it has come back.
    pub(super) fn locate(&mut self, vehicles: &BTreeSet<VehicleId>, effects: &mut Vec<Effect>) {
        let Some(epoch) = self.commit.epoch() else { return };
        for &vehicle in vehicles {
            let of = self.fleet.vehicle(vehicle).unlocated.map(|unlocated| unlocated.of);
            if of.is_some_and(|of| self.fleet.unanswered().contains_key(&of))
                && let Some(located) = self.located.locate(&self.fleet, vehicle, epoch, self.log_now)
            {
                effects.push(Effect::AppendOwn(Event::VehicleLocated(located)));
            }
        }
    }

    /// Brings the roads up to date. Routes over slower ones are repaired, those and routes near quicker ones searched again.
    pub(super) fn look_at_roads(&mut self) {
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        let RoadNews { slowed, touched } = self.roads.look(moment);
        for vehicle in slowed {
            self.promises.repair(vehicle);
        }
        for vehicle in touched {
            self.searches.soil(moment, vehicle);
        }
    }
}
