//! What an entry of the log makes of the engine: what is stale, what is told, what is learned.

use std::sync::Arc;

use fleetfold_fleet::{Change, Fleet};
use fleetfold_model::{
    AlertCleared, AlertKind, AssignedVisit, Assignment, Event, LogEntry, Position, Proposal, VehicleId,
};

use super::Engine;
use crate::calm::Told;
use crate::effect::{Effect, Note};
use crate::moment::Moment;
use crate::observe::before_report;
use crate::returns::Returns;

impl Engine {
    pub(super) fn entry(&mut self, entry: Arc<LogEntry>, effects: &mut Vec<Effect>) {
        let first = effects.len();
        let change = self.fold(&entry, effects);
        effects.insert(first, Effect::Folded { entry, change });
    }

    fn fold(&mut self, entry: &LogEntry, effects: &mut Vec<Effect>) -> Change {
        let roads_before = self.fleet.road_version();
        let before = before_report(&self.fleet, &entry.event);
        // Only an owner searches: whoever folds a log from its beginning need not remember.
        let is_owner = self.commit.epoch().is_some();
        let leaving = if let (true, Event::PlanProposed(proposal)) = (is_owner, &entry.event) {
            Returns::leaving(&self.fleet, proposal)
        } else {
            Vec::new()
        };
        let told = Told::before(&self.fleet, &entry.event);
        let accepts = accepting(&self.fleet, &entry.event);
        let change = self.fleet.apply(entry);
        if is_owner {
            self.alerts.folded(&self.fleet, entry, &change, self.log_now);
        }
        self.log_now = self.log_now.max(entry.logged_at);
        self.pace.answered(change.answered.len());
        if matches!(entry.event, Event::ZoneOpened(_)) {
            self.roads.read_in(self.fleet.zone().space, self.fleet.vehicles().len() as u32);
        }
        if let Some(reason) = change.refused {
            effects.push(Effect::Note(Note::Refused { seq: entry.seq, reason }));
        }
        for &flag in &change.flags {
            effects.push(Effect::Note(Note::Flagged { seq: entry.seq, flag }));
        }
        if let Event::PlanProposed(proposal) = &entry.event {
            self.plan_came_back(proposal, &change, effects);
        }
        if let Event::VehicleLocated(located) = &entry.event {
            self.located.came_back(located);
        }
        self.commit.passed(entry.seq);
        self.roads.routes_changed(&change.routes);
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        self.returns.folded(&self.fleet, leaving, moment.now());
        self.changes.folded(&self.fleet, told, moment.now());
        change
            .closed
            .iter()
            .chain(change.retired.iter().map(|(order, _)| order))
            .for_each(|&order| self.returns.forget(order));
        for &order in &change.orders {
            self.retries.changed(&self.fleet, order, self.log_now);
            self.holds.changed(&self.fleet, order);
        }
        for &vehicle in change.vehicles.iter().chain(&change.routes) {
            self.retries.room(&self.fleet, vehicle);
        }
        if let Event::AlertCleared(AlertCleared { alert, .. }) = &entry.event
            && alert.kind() == AlertKind::Silent
            && let Some(vehicle) = alert.about().and_then(|name| self.fleet.vehicle_id(name.as_str()))
        {
            // Something is heard of it: what waits for room may have it, and a search may give back what others took.
            self.retries.room(&self.fleet, vehicle);
            self.searches.soil(moment, vehicle);
        }
        if changes_who_could(&entry.event) {
            self.retries.reasons_may_differ();
        }
        if change.asks {
            change.vehicles.iter().for_each(|&vehicle| self.searches.soil(moment, vehicle));
        }
        if change.plan.as_ref().is_some_and(|plan| plan.accepted.iter().any(|&accepted| accepted)) {
            change.routes.iter().for_each(|&vehicle| self.searches.soil(moment, vehicle));
        }
        if self.commit.epoch().is_some() {
            self.as_owner(entry, &change, before, roads_before, effects);
            // What a driver has accepted stays as it is from now on, where the policy says so: he is told that it does.
            let settles = |&(vehicle, before): &(VehicleId, usize)| self.fleet.accepted_head(vehicle) > before;
            if let Some((vehicle, _)) = accepts.filter(settles) {
                effects.push(Effect::Publish(self.assignment(vehicle)));
            }
        }
        change
    }

    /// A plan was read from the log: ours or another owner's.
    fn plan_came_back(&mut self, proposal: &Proposal, change: &Change, effects: &mut Vec<Effect>) {
        let Some(plan) = &change.plan else { return };
        if plan.links {
            let (_, wanted) = self.commit.came_back(plan.epoch, plan.rev);
            effects.extend(wanted.map(Effect::from));
        }
        let refused = plan.accepted.iter().filter(|&&accepted| !accepted).count();
        if refused > 0 {
            effects.push(Effect::Note(Note::GroupsRefused { rev: plan.rev, groups: refused }));
        }
        let searched = proposal.search.rounds > 0;
        if searched {
            self.searches.adapt(&self.fleet, plan.accepted.len(), refused);
        }
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        for (group, &accepted) in proposal.groups.iter().zip(&plan.accepted) {
            self.refusals.came_back(group, accepted);
            // Routes of a refused group are stale again. After an accepted improvement, one more search may gain more.
            if !accepted || searched {
                for route in &group.routes {
                    if let Some(vehicle) = self.fleet.vehicle_id(route.vehicle.as_str()) {
                        self.searches.soil(moment, vehicle);
                    }
                }
            }
        }
    }

    /// What only the owner of the zone does about an entry: it keeps the roads, learns, watches promises and tells vehicles.
    fn as_owner(
        &mut self,
        entry: &LogEntry,
        change: &Change,
        before: Option<Position>,
        roads_before: u32,
        effects: &mut Vec<Effect>,
    ) {
        let speeds = matches!(entry.event, Event::ZoneOpened(_) | Event::PolicyChanged(_) | Event::FeaturesLearned(_));
        if speeds || self.fleet.road_version() != roads_before {
            self.look_at_roads();
        }
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        if change.refused.is_none() {
            self.learner.observe(moment, self.roads.outlook(), &entry.event, before);
        }
        if matches!(entry.event, Event::StopArrived(_) | Event::StopCompleted(_) | Event::StopDeparted(_)) {
            for &vehicle in &change.vehicles {
                self.promises.look_at(moment, self.roads.outlook(), vehicle);
            }
        }
        for &vehicle in &change.routes {
            effects.push(Effect::Publish(self.assignment(vehicle)));
        }
        let mut told = Vec::new();
        change.retired.iter().for_each(|&(order, _)| self.etas.retired(order));
        self.etas.changed(moment, &change.orders, &mut told);
        for &vehicle in &change.routes {
            self.etas.replanned(moment, vehicle, self.overload, &mut told);
        }
        effects.extend(told.into_iter().map(Effect::Tell));
        if change.asks {
            self.locate(&change.vehicles.iter().copied().collect(), effects);
        }
    }

    /// One vehicle's route as its driver is told.
    pub(super) fn assignment(&self, vehicle: VehicleId) -> Assignment {
        let state = self.fleet.vehicle(vehicle);
        let frozen = state.frozen().max(self.fleet.accepted_head(vehicle));
        let breaks = state.breaks_of_route(self.fleet.now());
        let visits = state.route.visits.iter().enumerate().filter_map(|(index, visit)| {
            let order = self.fleet.order(visit.order);
            let on_the_way = state.breaks_on_the_way(&breaks, index, state.leaves_for(index));
            let position = order.stop(visit.stop)?.position;
            let visit = visit.planned(order.name.clone());
            let depot =
                visit.reload_before.and_then(|call| state.depot_at(call.position)).and_then(|it| it.name.clone());
            Some(AssignedVisit { visit, position, frozen: index < frozen, depot, on_the_way })
        });
        let pause = state.next_break(self.fleet.now());
        Assignment { vehicle: state.name.clone(), revision: state.route.revision, visits: visits.collect(), pause }
    }
}

/// Who is about to accept his route, and how many of its visits he has accepted before.
fn accepting(fleet: &Fleet, event: &Event) -> Option<(VehicleId, usize)> {
    let Event::AssignmentAccepted { vehicle, .. } = event else { return None };
    let id = fleet.vehicle_id(vehicle.as_str())?;
    Some((id, fleet.accepted_head(id)))
}

/// True where a fact may make another reason true for orders on no route: of the working vehicles, another one may come nearest now.
fn changes_who_could(event: &Event) -> bool {
    matches!(
        event,
        Event::VehicleRegistered(_)
            | Event::ShiftStarted { .. }
            | Event::ShiftEnded { .. }
            | Event::VehicleLost { .. }
            | Event::VehicleBack { .. }
            | Event::PolicyChanged(_)
    )
}
