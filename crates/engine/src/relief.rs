//! Vehicles of which nothing is heard: they are given nothing new, and others take what they have not begun, while that still helps.
//!
//! Which they are, the alerts of the fleet say ([`fleetfold_model::AlertKind::Silent`]): the moment one is over, its vehicle counts like any other
//! again, and a search may give it back what suits it best.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{AlertState, Fleet, OrderState, Placement};
use fleetfold_model::{ExchangeGroup, LogSeq, Millis, OrderId, Timestamp, VehicleId};
use fleetfold_solver::{Problem, Solution, insert};

use crate::answer::{Answer, NEAR_STOPS, NEAR_VEHICLES, Starts, Task, starts};
use crate::bounds::Refusal;
use crate::draft::{Draft, Freed, settled};
use crate::moment::Moment;
use crate::proposal::Cause;

/// How often somebody is looked for who takes work of silent vehicles, log time ...
const LOOK_EVERY: Millis = Millis(1_000);
/// ... of so many vehicles at once, so that a thousand silent phones do not stop the engine ...
const VEHICLES_AT_ONCE: usize = 2;
/// ... and of the same vehicle, log time (guess: others become free meanwhile).
const SAME_EVERY: Millis = Millis(10_000);
/// Work of a silent vehicle is not looked at before its alert stands for so long, log time: where phones fail together, their alerts come
/// together, one after the other.
const GRACE: Millis = Millis(3_000);
/// Orders of one silent vehicle that are looked at for one plan, the most urgent first.
const ORDERS_AT_ONCE: usize = 8;
/// Vehicles that are asked where none of the near ones takes an order.
const FARTHER: usize = 60;
/// Silent vehicles of which it is found out whether they could serve an order that nobody else can, the nearest first (guess).
const ASKED_IN_SILENCE: usize = 8;
/// A promise that is broken already is kept no worse by another vehicle than so much later, zone time (guess): who is silent may be on his
/// way all the same.
const LATER_MAX: Millis = Millis(5 * 60_000);
/// Where so many vehicles are silent, and more than half of those that work, it is the way by which they report that is broken.
const OUTAGE: usize = 3;

/// When the work of silent vehicles was last looked at (log time).
#[derive(Debug, Default)]
pub(crate) struct Relief {
    looked_at: BTreeMap<VehicleId, Timestamp>,
}

impl Relief {
    /// The work of a vehicle was not looked at after all: its turn comes again with the next plan.
    pub(crate) fn put_back(&mut self, vehicle: VehicleId) {
        self.looked_at.remove(&vehicle);
    }

    /// Silent vehicles whose work is to be looked at now, those that have waited longest.
    pub(crate) fn due(&mut self, moment: Moment<'_>) -> Vec<Task> {
        let Moment { fleet, log_now } = moment;
        let has_waited = |state: &AlertState| moment.now() - state.raised >= moment.zone_span(GRACE);
        let standing: BTreeMap<VehicleId, LogSeq> = if fleet.alerts().len() == 0 {
            BTreeMap::new()
        } else {
            let silent = fleet.silent().into_iter().filter(|(_, state)| has_waited(state));
            silent.map(|(vehicle, state)| (vehicle, state.changed)).collect()
        };
        self.looked_at.retain(|vehicle, _| standing.contains_key(vehicle));
        if self.looked_at.values().any(|&at| log_now - at < LOOK_EVERY) {
            return Vec::new();
        }
        let silent = silent(fleet);
        let has_work = |id: VehicleId| fleet.vehicle(id).is_available() && !fleet.vehicle(id).route.visits.is_empty();
        let mut due: Vec<(Option<Timestamp>, VehicleId, LogSeq)> = standing
            .into_iter()
            .filter(|&(id, _)| silent.contains(&id) && has_work(id))
            .map(|(id, seq)| (self.looked_at.get(&id).copied(), id, seq))
            .filter(|(at, ..)| at.is_none_or(|at| log_now - at >= SAME_EVERY))
            .collect();
        due.sort_unstable();
        due.truncate(VEHICLES_AT_ONCE);
        self.looked_at.extend(due.iter().map(|&(_, vehicle, _)| (vehicle, log_now)));
        due.into_iter().map(|(_, id, seq)| Task { seq: Some(seq), silent: Some(id), ..Task::default() }).collect()
    }
}

/// Vehicles that are given nothing new, because nothing is heard of them.
pub(crate) fn silent(fleet: &Fleet) -> BTreeSet<VehicleId> {
    if fleet.alerts().len() == 0 {
        return BTreeSet::new();
    }
    let silent: BTreeSet<VehicleId> = fleet.silent().into_iter().map(|(vehicle, _)| vehicle).collect();
    let twice = 2 * silent.len();
    let works = || fleet.slacks().filter(|(_, slack)| slack.is_available).take(twice).count();
    if silent.len() >= OUTAGE && works() < twice { BTreeSet::new() } else { silent }
}

/// True when an order is not on a vehicle's route and need not go there: its goods are not in it, and no dispatcher has named it.
pub(crate) fn is_new_to(order: &OrderState, vehicle: VehicleId) -> bool {
    order.placement != Placement::OnRoute(vehicle) && order.on_board.or(order.pinned) != Some(vehicle)
}

/// Vehicles that do not take an order because they are silent and it is new to them.
pub(crate) fn new_to_silent(
    fleet: &Fleet,
    silent: &BTreeSet<VehicleId>,
    order: OrderId,
) -> impl Iterator<Item = VehicleId> {
    silent.iter().copied().filter(move |&vehicle| is_new_to(fleet.order(order), vehicle))
}

impl Answer<'_> {
    /// Why a silent vehicle takes no order that is new to it; `None`: it is not silent, or the order is not new to it.
    pub(crate) fn refused_in_silence(&self, vehicle: VehicleId, order: &OrderState) -> Option<Refusal> {
        (self.silent.contains(&vehicle) && is_new_to(order, vehicle)).then_some(Refusal::Silent)
    }

    /// Of vehicles that are given nothing because they are silent, the nearest that could serve an order; `None`: none of the nearest could.
    pub(crate) fn silent_taker(&self, id: OrderId, silent: &[VehicleId]) -> Option<VehicleId> {
        let fleet = self.moment.fleet;
        let mut near: Vec<(f64, VehicleId)> =
            silent.iter().map(|&vehicle| (self.metres_from(vehicle, fleet.order(id)), vehicle)).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let could = |&vehicle: &VehicleId| {
            let mut draft = Draft::new(fleet, self.outlook, &[vehicle], &[id], self.moment.now());
            draft.load_beside_the_heads(fleet);
            let problem = self.finish(&draft);
            let solution = insert(&problem);
            !solution.absent.iter().any(|stop| draft.stops[stop.index()].0 == id)
        };
        near.into_iter().map(|(_, vehicle)| vehicle).take(ASKED_IN_SILENCE).find(could)
    }

    /// Takes work off a silent vehicle: what others can serve without a promise more that breaks. What is on board, under way, or tied to
    /// it by a dispatcher stays, and so does what nobody else can serve.
    pub(crate) fn relieved(&self, silent: VehicleId, seq: Option<LogSeq>) -> Vec<ExchangeGroup> {
        let fleet = self.moment.fleet;
        let may_leave = self.may_leave(silent);
        let mut best = self.taken_by_others(silent, &may_leave.iter().copied().collect());
        let mut taken: BTreeSet<OrderId> = may_leave.iter().copied().collect();
        if best.is_none() && may_leave.len() > 1 {
            taken.clear();
            for order in may_leave {
                let more: BTreeSet<OrderId> = taken.iter().copied().chain([order]).collect();
                if let Some(solved) = self.taken_by_others(silent, &more) {
                    (taken, best) = (more, Some(solved));
                }
            }
        }
        let Some(solved) = best else { return Vec::new() };
        let cause = Cause { seq, orders: taken.into_iter().collect(), vehicles: Vec::new() };
        let none = BTreeMap::new();
        let groups = self.solved(&solved, &none).groups(&[cause], &BTreeSet::new());
        let groups = groups.into_iter().map(|priced| priced.group);
        groups.filter(|group| group.routes.iter().any(|route| route.vehicle == fleet.vehicle(silent).name)).collect()
    }

    /// Orders that may leave a silent vehicle, the most urgent first.
    fn may_leave(&self, silent: VehicleId) -> Vec<OrderId> {
        let fleet = self.moment.fleet;
        let vehicle = fleet.vehicle(silent);
        let (head, tail) = vehicle.route.visits.split_at(settled(fleet, silent).count.min(vehicle.route.visits.len()));
        let mut orders: Vec<OrderId> = Vec::new();
        for visit in tail {
            let order = fleet.order(visit.order);
            let stays = order.on_board.or(order.pinned).is_some() || head.iter().any(|at| at.order == visit.order);
            if !stays && !orders.contains(&visit.order) {
                orders.push(visit.order);
            }
        }
        let due = |&id: &OrderId| {
            let order = fleet.order(id);
            let stops = order.open_stops().iter().filter_map(|&kind| order.stop(kind)?.due);
            (std::cmp::Reverse(order.priority()), stops.min().unwrap_or(Timestamp(i64::MAX)))
        };
        orders.sort_by_key(due);
        orders.truncate(ORDERS_AT_ONCE);
        orders
    }

    /// These orders on other vehicles than the silent one. `None`: one of them has no place there, more stops than now would be late, or one that
    /// is late anyhow would be much later.
    fn taken_by_others(&self, silent: VehicleId, orders: &BTreeSet<OrderId>) -> Option<(Draft, Problem, Solution)> {
        if orders.is_empty() {
            return None;
        }
        for (near, by_stops) in [(NEAR_VEHICLES, NEAR_STOPS), (FARTHER, 0)] {
            let mut asked = BTreeSet::from([silent]);
            for &order in orders {
                self.candidates(order, self.effort.share_of(near), self.effort.share_of(by_stops), &mut asked);
            }
            let other = self.without_the_silent(&asked, orders);
            let (absent, late) = self.broken_promises(orders, &other);
            if absent > 0 {
                continue;
            }
            let as_now = self.solve_at_once(&asked, &[]);
            let is_kept = late <= self.broken_promises(orders, &as_now).1;
            if is_kept && !are_much_later(orders, &starts(&other), &starts(&as_now)) {
                return Some(other);
            }
        }
        None
    }

    /// Some vehicles, with these orders on none that is silent.
    fn without_the_silent(
        &self,
        asked: &BTreeSet<VehicleId>,
        orders: &BTreeSet<OrderId>,
    ) -> (Draft, Problem, Solution) {
        let fleet = self.moment.fleet;
        let vehicles: Vec<VehicleId> = asked.iter().copied().collect();
        let loose: Vec<OrderId> = orders.iter().copied().collect();
        // Who is silent need not be told in time.
        let freed = Freed { at_short_notice: self.silent.clone(), ..Freed::default() };
        let mut draft = Draft::freed(fleet, self.outlook, (&vehicles, &loose), &freed, self.moment.now());
        draft.load_beside_the_heads(fleet);
        draft.bar(|order| {
            let may_be_there = |id: VehicleId| !orders.contains(&order) && !is_new_to(fleet.order(order), id);
            self.silent.iter().copied().filter(|&id| !may_be_there(id)).collect()
        });
        let problem = self.finish(&draft);
        let solution = insert(&problem);
        (draft, problem, solution)
    }
}

/// True if a stop of these orders would break its promise and begin much later than as it is.
fn are_much_later(orders: &BTreeSet<OrderId>, other: &Starts, as_now: &Starts) -> bool {
    other.iter().filter(|((order, _), _)| orders.contains(order)).any(|(stop, &(start, due))| {
        let planned = as_now.get(stop).map(|&(start, _)| start);
        due.is_some_and(|due| start > due) && planned.is_some_and(|planned| start - planned > LATER_MAX)
    })
}
