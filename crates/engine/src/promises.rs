//! Promises that break although no event asks for a new plan: a late departure, a slow drive, a road that closes by the clock.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Anchor, Fleet, VehicleState, Visit};
use fleetfold_model::{LogSeq, Millis, Name, Timestamp, VehicleId};

use crate::draft::{approaches, arrival_under_way, by_depot, rests_under_way};
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::proposal::RETIME_MIN;

/// A stop is newly late when it would start this much after both its due time and the planned start (zone time).
const LATE_MIN: Millis = Millis(60_000);
/// A route is repaired for lateness, or told new times, at most this often (log time): a jam must not cause a new plan at every
/// position.
const REPAIR_EVERY: Millis = Millis(5_000);
/// The repair of one set of offenders is asked for again only after this, log time: the first one has had time to come back.
const ASK_AGAIN: Millis = Millis(30_000);
/// How often promises are checked while there are routes, log time.
const LOOK_EVERY: Millis = Millis(1_000);
/// Routes that are checked at once. In a large fleet each has its turn every few seconds: what one second costs does not grow with
/// the fleet. A route is also looked at whenever its vehicle reports.
const LOOKED_AT_ONCE: usize = 1_000;

/// Which routes need a repair that no event asks for.
#[derive(Debug)]
pub(crate) struct Promises {
    /// Routes that became late or infeasible although no event asked for a new plan.
    repairs: BTreeSet<VehicleId>,
    /// When each route was last repaired for lateness, log time.
    repaired: BTreeMap<VehicleId, Timestamp>,
    /// The revision of each route whose times were last to be told anew, and by how much they had moved.
    retimed: BTreeMap<VehicleId, (LogSeq, Millis)>,
    /// When promises were last checked, log time.
    looked_at: Timestamp,
    /// The vehicle whose turn is next.
    next: VehicleId,
    /// Orders and vehicles that broke a promise of the fold, and when a repair of just these was last asked for (log time).
    broken: BTreeMap<(Vec<Name>, Vec<Name>), Timestamp>,
}

impl Default for Promises {
    fn default() -> Self {
        Self {
            repairs: BTreeSet::new(),
            repaired: BTreeMap::new(),
            retimed: BTreeMap::new(),
            looked_at: Timestamp(i64::MIN / 2),
            next: VehicleId(0),
            broken: BTreeMap::new(),
        }
    }
}

impl Promises {
    /// Looks at one route. If a promise of it newly breaks, the next plan repairs it; if its times are not the ones any more that were
    /// told ([`RETIME_MIN`]), the next plan tells new ones.
    pub(crate) fn look_at(&mut self, moment: Moment<'_>, outlook: &Outlook, vehicle: VehicleId) {
        if self.repairs.contains(&vehicle) {
            return;
        }
        let revision = moment.fleet.vehicle(vehicle).route.revision;
        let Some(off) = off_plan(moment, outlook, vehicle) else { return };
        let recent = self.repaired.get(&vehicle).is_some_and(|&at| moment.log_now - at < REPAIR_EVERY);
        if recent {
            return;
        }
        if let OffPlan::Moved(by) = off {
            // What could not be told before is not tried again until it has grown.
            let tried = self.retimed.get(&vehicle);
            if tried.is_some_and(|&(at, was)| at == revision && (by - was).0.abs() < RETIME_MIN.0) {
                return;
            }
            self.retimed.insert(vehicle, (revision, by));
        }
        self.repaired.insert(vehicle, moment.log_now);
        self.repairs.insert(vehicle);
    }

    /// True once per [`LOOK_EVERY`]: promises are to be looked over now.
    pub(crate) fn is_due(&mut self, log_now: Timestamp) -> bool {
        let due = log_now - self.looked_at >= LOOK_EVERY;
        if due {
            self.looked_at = log_now;
        }
        due
    }

    /// Log time at which promises are to be looked over next; `None` while there is nothing to look at.
    pub(crate) fn due_at(&self, fleet: &Fleet, log_now: Timestamp) -> Option<Timestamp> {
        let routes = fleet.open_count() > fleet.unassigned_count();
        let timed = fleet
            .roads()
            .values()
            .any(|road| !road.ended && (road.change.from.is_some() || road.change.until.is_some()));
        (routes || timed).then_some(self.looked_at.max(log_now - LOOK_EVERY) + LOOK_EVERY)
    }

    /// Looks at the routes whose turn it is: at every one in a fleet that is not large.
    pub(crate) fn look_around(&mut self, moment: Moment<'_>, outlook: &Outlook) {
        let vehicles = moment.fleet.vehicles().len() as u32;
        let mut looked_at = 0;
        for _ in 0..vehicles {
            let vehicle = VehicleId(self.next.0 % vehicles);
            self.next = VehicleId(vehicle.0 + 1);
            if !moment.fleet.vehicle(vehicle).route.visits.is_empty() {
                self.look_at(moment, outlook, vehicle);
                looked_at += 1;
            }
            if looked_at == LOOKED_AT_ONCE {
                break;
            }
        }
    }

    /// The next plan repairs this route, whatever its promises.
    pub(crate) fn repair(&mut self, vehicle: VehicleId) {
        self.repairs.insert(vehicle);
    }

    /// True when a repair of these offenders is to be asked for: not again within [`ASK_AGAIN`].
    pub(crate) fn asks_for_repair(&mut self, orders: &[Name], vehicles: &[Name], log_now: Timestamp) -> bool {
        self.broken.retain(|_, &mut at| log_now - at < ASK_AGAIN);
        let key = (orders.to_vec(), vehicles.to_vec());
        let new = !self.broken.contains_key(&key);
        if new {
            self.broken.insert(key, log_now);
        }
        new
    }

    /// The repairs could not be made yet.
    pub(crate) fn put_back(&mut self, repairs: BTreeSet<VehicleId>) {
        self.repairs.extend(repairs);
    }

    /// The routes to repair, which are then forgotten.
    pub(crate) fn take_repairs(&mut self) -> BTreeSet<VehicleId> {
        std::mem::take(&mut self.repairs)
    }
}

/// How a route is not driven as planned.
enum OffPlan {
    /// A stop will start more than [`LATE_MIN`] after both its due time and what was planned.
    Late,
    /// A stop will begin at another time than was told: by so much later, or earlier.
    Moved(Millis),
}

/// When a vehicle has left for the depot before its next stop, as far as can be told; `None`: not yet, or its phone has said since where it is.
fn left_for_depot(state: &VehicleState, visit: &Visit, now: Timestamp) -> Option<Timestamp> {
    let left = visit.depart_at.max(state.anchor?.at) + visit.break_before;
    let is_silent = left <= now && state.hint.is_none_or(|hint| hint.at <= left);
    (is_silent && state.rests_until(now).is_none()).then_some(left)
}

/// How a route will not be driven as planned, as far as is known now; `None`: it will be.
fn off_plan(moment: Moment<'_>, outlook: &Outlook, vehicle: VehicleId) -> Option<OffPlan> {
    let mut moved = None;
    let fleet = moment.fleet;
    let state = fleet.vehicle(vehicle);
    let (Some(spec), Some(here)) = (&state.spec, state.whereabouts()) else { return None };
    let now = moment.now();
    let mut free = Anchor { position: here.position, at: state.free_from(now) };
    let mut driven = state.driven(now);
    for (index, visit) in state.route.visits.iter().enumerate() {
        let order = fleet.order(visit.order);
        let Some(stop) = order.stop(visit.stop) else { continue };
        let under = state.under_way.filter(|_| index == 0);
        let leaves = if under.is_some() { now } else { free.at.max(visit.depart_at) + visit.break_before };
        let (from, leaves) = match visit.reload_before {
            Some(call) => {
                // Nothing is reported before the depot: it has left for it when it could, unless its phone says where it is.
                let left = left_for_depot(state, visit, now).filter(|_| index == 0);
                let there = by_depot(outlook, spec, &call, (free.position, left.unwrap_or(leaves)));
                (there.position, there.at.max(now))
            }
            None => (free.position, leaves),
        };
        let leg = outlook.leg(from, stop.position, leaves);
        let travel = Millis(i64::from(leg.millis) * i64::from(spec.time_factor) / 1000);
        let mut arrival = match under {
            // Nobody has said where it is since it departed: as told, unless that was no time.
            Some(under)
                if spec.driving_time.is_none()
                    && under.arrived.is_none()
                    && state.on_its_way_at().is_none()
                    && !state.route.is_cut_off_at(index) =>
            {
                visit.arrival.max(now)
            }
            Some(under) => arrival_under_way(state, under, travel, now),
            None => leaves + travel,
        };
        if let (Some(rule), Some(driven)) = (spec.driving_time, &mut driven) {
            // Breaks that are due now and were not when the route was planned.
            let more = if let Some(under) = under {
                rests_under_way(driven, under, arrival, &rule)
            } else {
                driven.rest(leaves - visit.break_before - driven.at);
                driven.drive_as_planned(visit.break_before, travel, &rule)
            };
            arrival = arrival + more;
        }
        let start = stop.service_start(
            arrival,
            approaches(fleet, visit, &stop, from, under.is_some_and(|under| under.arrived.is_some())),
        );
        if let Some(due) = stop.due
            && start > due + LATE_MIN
            && start > visit.start + LATE_MIN
        {
            return Some(OffPlan::Late);
        }
        let by = start - visit.start;
        if moved.is_none() && by.0.abs() >= RETIME_MIN.0 && leg.millis < fleetfold_solver::UNREACHABLE {
            moved = Some(OffPlan::Moved(by));
        }
        let service = fleet.service_at(stop.position, stop.service);
        if let (Some(rule), Some(driven)) = (spec.driving_time, &mut driven) {
            driven.rest(start - driven.at);
            driven.work((start + service).max(now) - driven.at, &rule);
        }
        free = Anchor { position: stop.position, at: (start + service).max(now) };
    }
    moved
}
