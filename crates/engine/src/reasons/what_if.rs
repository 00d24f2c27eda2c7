//! What would come of events: they are given to an engine of its own over a copy of a fleet, and what it wants is done at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fleetfold_fleet::{Fleet, Placement, Refused};
use fleetfold_journal::{LastPlan, Outcome};
use fleetfold_model::{
    Cost, Event, LogEntry, LogSeq, MessageHash, Millis, Name, OrderId, StopKind, Timestamp, UnassignedReason, VehicleId,
};
use fleetfold_roads::Network;

use super::decision::{place, route};
use super::offer::{Offer, Stand};
use super::parts::Parts;
use crate::effect::{Effect, Input};
use crate::engine::Engine;
use crate::outlook::Outlook;
use crate::search::run;

/// Most inputs until everything must have been answered (guess: a breakdown of a van with a hundred stops takes some dozens).
const INPUTS_MAX: usize = 20_000;
/// How long searches may go on, log time.
const SEARCHED_FOR: Millis = Millis(10_000);
/// Vehicles that are asked about each order that ends up on no route.
const ASKED: usize = 40;

/// What is tried, and on what.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The fleet. It is copied, and nothing is written to it.
    pub fleet: Fleet,
    /// The roads at normal speeds, all open.
    pub network: Arc<Network>,
    /// Log time.
    pub log_now: Timestamp,
    /// What happens, each with the hash of its event id.
    pub events: Vec<(u64, Event)>,
    /// After the answers, searches run as they would.
    pub searches: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The fleet without the events, everything answered that waited.
    pub before: Fleet,
    /// The fleet with them.
    pub after: Fleet,
    /// Events that made no sense, by their place in the list.
    pub refused: Vec<(usize, Refused)>,
    /// Some facts were not answered although the engine had time: what is told is not the end of it.
    pub is_open: bool,
    /// Orders that the events change: another vehicle, another time, another end.
    pub orders: Vec<OrderDifference>,
    /// What the plan comes to without the events.
    pub cost_before: PlanCost,
    /// What it comes to with them.
    pub cost_after: PlanCost,
}

/// Where an order is in one of two plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// Its vehicle; `None`: it is on no route.
    pub vehicle: Option<VehicleId>,
    /// Why it is on none.
    pub reason: Option<UnassignedReason>,
    /// When service at its last stop begins as planned.
    pub start: Option<Timestamp>,
    /// How much later than promised that is.
    pub late: Millis,
    /// It exists and is not over.
    pub is_open: bool,
}

/// An order in two plans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderDifference {
    /// Its name.
    pub order: Name,
    /// Without the events.
    pub before: Whereabouts,
    /// With them.
    pub after: Whereabouts,
    /// What vehicles would make of it, where it has lost its place; and how many were not asked.
    pub offers: Vec<(VehicleId, Offer)>,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanCost {
    /// All routes.
    pub parts: Parts,
    /// Price of the orders on no route.
    pub unserved: Cost,
    /// Orders on no route.
    pub unassigned: usize,
    /// Routes that cannot be driven within their limits, and are not in the sum.
    pub undrivable: usize,
}

/// Tries events on a copy. Takes as long as the answers take, and, where a routing server has not said a leg yet, waits for it.
pub fn settle(trial: Trial) -> Settled {
    let Trial { mut fleet, network, log_now, events, searches } = trial;
    fleet.rebuild_index();
    let epoch = fleet.chain().epoch + 1;
    let seq = fleet.applied().0;
    let mut copy = Copy { engine: Engine::new(fleet, Arc::clone(&network)), seq, log_now, last_plan: None };
    let inputs = [Input::Tick(log_now), Input::Commit(Outcome::Granted(epoch))];
    let mut is_open = !copy.take(inputs.into(), searches).1;
    let before = copy.engine.fleet().clone_without_index();
    let mut refused = Vec::new();
    for (index, (id, event)) in events.into_iter().enumerate() {
        let entry = copy.entry(id, event);
        let (reason, settled) = copy.take(VecDeque::from([Input::Entry(entry)]), searches);
        refused.extend(reason.map(|reason| (index, reason)));
        is_open |= !settled;
    }
    let after = copy.engine.fleet().clone_without_index();
    let now = after.zone().zone_time(copy.log_now);
    let outlook = |fleet: &Fleet| Outlook::at(fleet, now, &network);
    let (was, is) = (outlook(&before), outlook(&after));
    let old = Stand::of(&before, &was, now);
    let new = Stand::of(&after, &is, now);
    let orders = differences(&old, &new);
    let (cost_before, cost_after) = (plan_cost(&old), plan_cost(&new));
    Settled { before, after, refused, is_open, orders, cost_before, cost_after }
}

/// An engine whose log is a number.
struct Copy {
    engine: Engine,
    seq: u64,
    log_now: Timestamp,
    last_plan: Option<LastPlan>,
}

impl Copy {
    fn entry(&mut self, id: u64, event: Event) -> LogEntry {
        self.seq += 1;
        let hash = MessageHash(u128::from(self.seq) << 64 | 0x7768_6174_2d69_6600);
        LogEntry { numbered: None, seq: LogSeq(self.seq), logged_at: self.log_now, id, time: None, hash, event }
    }

    /// Feeds the engine until it wants nothing more. Returns why the first entry was refused, and whether all is answered.
    fn take(&mut self, mut inputs: VecDeque<Input>, searches: bool) -> (Option<Refused>, bool) {
        let mut effects = Vec::new();
        let (mut refused, mut is_first) = (None, true);
        let searched_until = self.log_now + SEARCHED_FOR;
        let never = AtomicBool::new(false);
        let mut left = INPUTS_MAX;
        loop {
            let Some(input) = inputs.pop_front() else {
                // What waits for the clock: a pause before a search, facts that were held back.
                let waits = !self.engine.fleet().unanswered().is_empty();
                let wants = waits || (searches && self.engine.dirty_count() > 0);
                let Some(at) = self.engine.next_tick().filter(|&at| wants && at <= searched_until) else { break };
                self.log_now = self.log_now.max(at);
                inputs.push_back(Input::Tick(self.log_now));
                continue;
            };
            let Some(fewer) = left.checked_sub(1) else { break };
            left = fewer;
            self.engine.handle(input, &mut effects);
            for effect in std::mem::take(&mut effects) {
                match effect {
                    Effect::Folded { change, .. } => {
                        if std::mem::take(&mut is_first) {
                            refused = change.refused;
                        }
                    }
                    Effect::Append { event, expected } => {
                        let entry = self.entry(0, Arc::unwrap_or_clone(event));
                        if self.engine.fleet().chain().seq == expected {
                            if let Event::PlanProposed(plan) = &entry.event {
                                self.last_plan = Some(LastPlan { seq: entry.seq, plan: Some((plan.epoch, plan.rev)) });
                            }
                            inputs.push_back(Input::Commit(Outcome::Stored(entry.seq)));
                            inputs.push_back(Input::Entry(entry));
                        } else {
                            inputs.push_back(Input::Commit(Outcome::WrongSequence));
                        }
                    }
                    Effect::AppendOwn(event) => {
                        let entry = self.entry(0, event);
                        inputs.push_back(Input::Entry(entry));
                    }
                    Effect::FetchLegs(query) => {
                        let answer = self.engine.network().fetch(&query);
                        inputs.push_back(Input::Legs(answer));
                    }
                    Effect::ReadLastPlan => inputs.push_back(Input::Commit(Outcome::LastPlan(self.last_plan))),
                    Effect::Solve(job) if searches => inputs.push_back(Input::Solved(run(job, &never))),
                    Effect::Solve(_) | Effect::Publish(_) | Effect::Tell(_) | Effect::Rerouted(_) | Effect::Note(_) => {
                    }
                }
            }
        }
        (refused, self.engine.fleet().unanswered().is_empty())
    }
}

fn whereabouts(fleet: &Fleet, name: &Name) -> Whereabouts {
    let Some(id) = fleet.order_id(name.as_str()) else { return Whereabouts::default() };
    let order = fleet.order(id);
    let mut found = Whereabouts { is_open: order.is_open(), ..Whereabouts::default() };
    match order.placement {
        _ if !order.is_open() => {}
        Placement::Unplaced => {}
        Placement::Unassigned(reason) => found.reason = Some(reason),
        Placement::OnRoute(vehicle) => {
            found.vehicle = Some(vehicle);
            let visits = &fleet.vehicle(vehicle).route.visits;
            if let Some(visit) = visits.iter().find(|visit| visit.order == id && visit.stop == StopKind::Delivery) {
                let due = order.stop(StopKind::Delivery).and_then(|stop| stop.due);
                found.start = Some(visit.start);
                found.late = due.map_or(Millis(0), |due| Millis((visit.start - due).0.max(0)));
            }
        }
    }
    found
}

fn differences(old: &Stand<'_>, new: &Stand<'_>) -> Vec<OrderDifference> {
    let name = |fleet: &Fleet, id: OrderId| fleet.order(id).name.clone();
    let mut names: Vec<Name> = old.fleet.open_orders().map(|id| name(old.fleet, id)).collect();
    names.extend(new.fleet.open_orders().map(|id| name(new.fleet, id)));
    names.sort_unstable();
    names.dedup();
    let mut found = Vec::new();
    for order in names {
        let (before, after) = (whereabouts(old.fleet, &order), whereabouts(new.fleet, &order));
        if before == after {
            continue;
        }
        let lost = after.is_open && after.vehicle.is_none();
        let id = new.fleet.order_id(order.as_str()).filter(|_| lost);
        let offers = id.map_or(Vec::new(), |id| place(new, id, ASKED).0);
        found.push(OrderDifference { order, before, after, offers });
    }
    found
}

fn plan_cost(stand: &Stand<'_>) -> PlanCost {
    let mut cost = PlanCost::default();
    for id in stand.fleet.vehicles().ids() {
        if stand.fleet.vehicle(id).route.visits.is_empty() {
            continue;
        }
        match route(stand, id) {
            Some(left) => cost.parts = cost.parts.plus(&left.parts),
            None => cost.undrivable += 1,
        }
    }
    for id in stand.fleet.unassigned_orders() {
        let priority = stand.fleet.order(id).spec.as_ref().map_or(0, |spec| i64::from(spec.priority));
        cost.unassigned += 1;
        cost.unserved.0 += stand.fleet.policy().unserved_cost.saturating_mul(1 + priority);
    }
    cost
}
