//! When customers' orders come: an interval for each, told again when it has moved.
//!
//! The interval is the planned arrival and how far arrivals have been from what was told before, early and late, by how far ahead
//! it was told. Each end follows its quantile by a step at each arrival (the online rule of adaptive conformal inference: Gibbs
//! and Candès, "Adaptive Conformal Inference Under Distribution Shift", 2021), so that whatever the errors are like, the share
//! of arrivals within what was told comes to [`ETA_COVERAGE_PERCENT`].
//!
//! Promise: an interval never ends in the past, unless more of them are to be told than a second has room for ([`TOLD_A_SECOND`]), and
//! what was told of an order ends with it.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Fleet, OrderState, Placement, Stop};
use fleetfold_model::{
    ArrivalEnds, ETA_COVERAGE_PERCENT, Eta, EtaState, Millis, OrderId, StopKind, Timestamp, VehicleId,
};

use crate::moment::Moment;
use crate::overload::Overload;

/// How often routes are looked over, log time.
const LOOK_EVERY: Millis = Millis(1_000);
/// Routes that are looked at once: in a large fleet each has its turn every few seconds.
const LOOKED_AT_ONCE: usize = 1_000;
/// Intervals told in a second (log time): half of them at once, which those of new orders are, and half in the round. The others wait for
/// the next rounds, in which only their newest counts. (Guess: each costs engine and broker some tenths of a millisecond.)
const TOLD_A_SECOND: usize = 1_000;
/// The same while facts wait for too long: answers come first.
const TOLD_A_SECOND_OVERLOADED: usize = 250;
/// The round has this part of its share at least, however many routes plans have changed since the last one: each of those takes the
/// place of one interval, because plans need the same engine and the same broker.
const LEFT_OF_ROUND: usize = 8;
/// A new interval is told so long before the last one has passed.
const AHEAD: Millis = Millis(30_000);
/// The scale of errors of what is told so far ahead: a minute, and a tenth of the time to come.
const SCALE: (i64, i64) = (60_000, 10);
/// Errors are learned apart for what was told at most so far ahead, and for all that was told farther ahead.
const LEADS: [Millis; 4] = [Millis(10 * 60_000), Millis(30 * 60_000), Millis(60 * 60_000), Millis(120 * 60_000)];
/// The ends of the interval before anything was learned, in thousandths of the scale, for each of [`LEADS`] (measured: what the days
/// of `scenarios/` end with, rounded). What is told far ahead is more often late, because orders come in between.
const BEGINNING: [(i64, i64); LEADS.len() + 1] =
    [(-1_000, 1_500), (-1_000, 1_800), (-1_000, 2_300), (-1_100, 2_700), (-1_100, 2_700)];
/// What an arrival moves an end by, in thousandths of the scale: at first and later. Smaller steps are steadier, and slower.
const STEP: (i64, i64) = (200, 60);
/// Arrivals after which the smaller step holds.
const ARRIVALS: u32 = 50;
/// No end is farther from the planned arrival than this, in thousandths of the scale.
const END_MAX: i64 = 20_000;
/// Shares of arrivals that are to be before each end, in thousandths.
const SHARES: (i64, i64) = {
    let outside = 1_000 - 10 * ETA_COVERAGE_PERCENT as i64;
    (outside / 2, 1_000 - outside / 2)
};

/// The ends of the interval for what is told so far ahead, in thousandths of the scale of errors.
#[derive(Clone, Copy, Debug)]
struct Ends {
    early: i64,
    late: i64,
    arrivals: u32,
}

impl Ends {
    /// An arrival was so far from what was told, in thousandths of the scale.
    fn learn(&mut self, error: i64) {
        let step = if self.arrivals < ARRIVALS { STEP.0 } else { STEP.1 };
        self.arrivals = self.arrivals.saturating_add(1);
        // An end that is passed too seldom moves inwards by its share of the step, one that was just passed moves outwards by the
        // rest: it rests where the share is right.
        let follow = |end: i64, share: i64| {
            let passed = if error < end { 1_000 } else { 0 };
            (end + step * (share - passed) / 1_000).clamp(-END_MAX, END_MAX)
        };
        self.early = follow(self.early, SHARES.0);
        self.late = follow(self.late, SHARES.1).max(self.early + 1);
    }
}

/// One interval that was told: its planned arrival, its scale, and which of [`LEADS`] it belongs to.
#[derive(Clone, Copy, Debug)]
struct Said {
    arrival: Timestamp,
    scale: i64,
    lead: usize,
}

/// What was told of an order last.
#[derive(Clone, Debug)]
struct Told {
    state: EtaState,
    revision: u64,
    /// Every interval that was told, until the vehicle arrives.
    said: Vec<Said>,
}

/// Most intervals of an order that are remembered to be learned from.
const SAID_MAX: usize = 32;

/// What customers were told, and how right it was.
#[derive(Debug)]
pub(crate) struct Etas {
    told: BTreeMap<OrderId, Told>,
    ends: [Ends; LEADS.len() + 1],
    looked_at: Timestamp,
    next: u32,
    /// How many were told at once since the last round.
    told_at_once: usize,
    /// Routes that plans have changed, and that no round has looked at since.
    changed: BTreeSet<VehicleId>,
    /// How many times plans have changed a route since the last round.
    changes: usize,
}

impl Default for Etas {
    fn default() -> Self {
        Self {
            told: BTreeMap::new(),
            ends: BEGINNING.map(|(early, late)| Ends { early, late, arrivals: 0 }),
            looked_at: Timestamp(i64::MIN / 2),
            next: 0,
            told_at_once: 0,
            changed: BTreeSet::new(),
            changes: 0,
        }
    }
}

/// Half of what is told in a second: see [`TOLD_A_SECOND`].
fn half(overload: Overload) -> usize {
    (if overload.level() == 0 { TOLD_A_SECOND } else { TOLD_A_SECOND_OVERLOADED }) / 2
}

/// When a vehicle that arrives at `at` can begin at the door: who is early waits for the window.
fn at_door(stop: &Stop, at: Timestamp) -> Timestamp {
    stop.windows.iter().find(|window| window.closes() >= at).map_or(at, |window| at.max(window.opens()))
}

/// The goods go back to where they came from: for the customer the order is over.
fn goes_back(order: &OrderState) -> bool {
    order.delivery_moved_to.is_some()
}

/// What is to be told now, as it will be learned from.
fn said(arrival: Timestamp, now: Timestamp) -> Said {
    let ahead = arrival - now;
    let lead = LEADS.iter().position(|&most| ahead <= most).unwrap_or(LEADS.len());
    Said { arrival, scale: SCALE.0 + ahead.0 / SCALE.1, lead }
}

impl Etas {
    /// What was learned of errors and does not stand in the log yet.
    pub(crate) fn learned(&self, fleet: &Fleet) -> Vec<ArrivalEnds> {
        let known = |lead: u8| fleet.learned_arrivals().iter().find(|known| known.lead == lead);
        let ends = (0u8..).zip(&self.ends).filter(|(_, ends)| ends.arrivals > 0);
        ends.map(|(lead, &Ends { early, late, arrivals })| ArrivalEnds {
            lead,
            early: early as i32,
            late: late as i32,
            arrivals,
        })
        .filter(|ends| known(ends.lead) != Some(ends))
        .collect()
    }

    /// This engine owns the zone from now on: it goes on with what owners before it have learned of errors.
    pub(crate) fn goes_on(&mut self, fleet: &Fleet) {
        for known in fleet.learned_arrivals() {
            if let Some(ends) = self.ends.get_mut(usize::from(known.lead)).filter(|ends| ends.arrivals < known.arrivals)
            {
                *ends = Ends { early: i64::from(known.early), late: i64::from(known.late), arrivals: known.arrivals };
            }
        }
    }

    /// Another engine owns the zone: it tells customers. What was learned of errors stays.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
        self.changed.clear();
    }

    /// Looks at the routes that plans have changed and at those whose turn it is, at most once a second of log time.
    pub(crate) fn look_around(&mut self, moment: Moment<'_>, overload: Overload) -> Vec<Eta> {
        let fleet = moment.fleet;
        let mut news = Vec::new();
        if moment.log_now - self.looked_at < LOOK_EVERY || fleet.policy().eta_change.0 <= 0 {
            return news;
        }
        self.looked_at = moment.log_now;
        self.told_at_once = 0;
        let share = half(overload);
        let most = share.saturating_sub(std::mem::take(&mut self.changes)).max(share / LEFT_OF_ROUND);
        // Half of the round's share is for the others, so that no interval ends while plans change elsewhere.
        while news.len() < most / 2
            && let Some(vehicle) = self.changed.pop_first()
        {
            self.look_at(moment, vehicle, false, &mut news);
        }
        let count = fleet.vehicles().len() as u32;
        for _ in 0..count.min(LOOKED_AT_ONCE as u32) {
            if news.len() >= most {
                break;
            }
            let vehicle = VehicleId(self.next % count);
            self.next = vehicle.0 + 1;
            self.look_at(moment, vehicle, false, &mut news);
        }
        news
    }

    /// A plan has changed a route: its new orders are told at once, unless many were lately, and the others in the next round.
    pub(crate) fn replanned(
        &mut self,
        moment: Moment<'_>,
        vehicle: VehicleId,
        overload: Overload,
        news: &mut Vec<Eta>,
    ) {
        self.changed.insert(vehicle);
        self.changes += 1;
        if self.told_at_once < half(overload) {
            let before = news.len();
            self.look_at(moment, vehicle, true, news);
            self.told_at_once += news.len() - before;
        }
    }

    /// Looks at the orders of one route; `new`: only at those of which nothing is told yet.
    fn look_at(&mut self, moment: Moment<'_>, vehicle: VehicleId, new: bool, news: &mut Vec<Eta>) {
        let fleet = moment.fleet;
        let change = fleet.policy().eta_change;
        if change.0 <= 0 {
            return;
        }
        let now = moment.now();
        let route = &fleet.vehicle(vehicle).route;
        for (index, visit) in route.visits.iter().enumerate() {
            if visit.stop != StopKind::Delivery || route.is_cut_off_at(index) {
                continue;
            }
            let is_told = || matches!(self.told.get(&visit.order), Some(Told { state: EtaState::Expected { .. }, .. }));
            if new && is_told() {
                continue;
            }
            let order = fleet.order(visit.order);
            let Some(stop) =
                order.stop(StopKind::Delivery).filter(|_| order.delivery.arrived.is_none() && !goes_back(order))
            else {
                continue;
            };
            let arrival = at_door(&stop, visit.arrival).max(now);
            let said = said(arrival, now);
            let ends = self.ends[said.lead];
            let end = |thousandths: i64| arrival + Millis(said.scale * thousandths / 1_000);
            let earliest = end(ends.early).max(now).max(at_door(&stop, now).min(arrival)).min(arrival);
            let latest = end(ends.late).max(arrival).max(now + Millis(2 * AHEAD.0));
            let state = EtaState::Expected { arrival, earliest, latest };
            if self.is_news(visit.order, state, change, now) {
                self.tell(fleet, visit.order, state, moment, news);
                if let Some(told) = self.told.get_mut(&visit.order)
                    && told.said.len() < SAID_MAX
                {
                    told.said.push(said);
                }
            }
        }
    }

    /// An interval is news when the planned arrival has moved by the policy's limit, an end by twice that, or the interval that was told
    /// is about to pass.
    fn is_news(&self, order: OrderId, state: EtaState, change: Millis, now: Timestamp) -> bool {
        let Some(told) = self.told.get(&order) else { return true };
        match (told.state, state) {
            (
                EtaState::Expected { arrival: old, earliest: from, latest: to },
                EtaState::Expected { arrival, earliest, latest },
            ) => {
                let moved = |a: Timestamp, b: Timestamp, by: i64| (a - b).0.abs() >= by;
                // Where the vehicle may be there any moment, the interval only begins later.
                let begins = earliest > now && moved(from, earliest, 2 * change.0);
                moved(old, arrival, change.0) || begins || moved(to, latest, 2 * change.0) || to - AHEAD <= now
            }
            (before, now) => before != now,
        }
    }

    fn tell(&mut self, fleet: &Fleet, order: OrderId, state: EtaState, moment: Moment<'_>, news: &mut Vec<Eta>) {
        let told = self.told.entry(order).or_insert(Told { state, revision: 0, said: Vec::new() });
        told.state = state;
        told.revision = (told.revision + 1).max(moment.log_now.0.max(1) as u64);
        let revision = told.revision;
        news.push(Eta { order: fleet.order(order).name.clone(), state, at: moment.now(), revision });
    }

    /// An entry changed these orders: those that are over or have lost their vehicle are told so.
    pub(crate) fn changed(&mut self, moment: Moment<'_>, orders: &[OrderId], news: &mut Vec<Eta>) {
        for &id in orders {
            if !self.told.contains_key(&id) {
                continue;
            }
            let order = moment.fleet.order(id);
            let state = if !order.is_open() || goes_back(order) {
                EtaState::Ended
            } else if let Some(mark) = order.delivery.arrived {
                EtaState::Arrived { at: mark.at }
            } else if matches!(order.placement, Placement::OnRoute(_)) {
                continue;
            } else if matches!(order.placement, Placement::Unassigned(_)) {
                EtaState::NoVehicle
            } else {
                continue; // an answer is on its way
            };
            if self.told.get(&id).is_some_and(|told| told.state != state) {
                self.tell(moment.fleet, id, state, moment, news);
            }
            match state {
                EtaState::Ended => drop(self.told.remove(&id)),
                EtaState::Arrived { at } => self.arrived(moment.fleet, id, at),
                EtaState::NoVehicle | EtaState::Expected { .. } => {}
            }
        }
    }

    /// The vehicle is at the customer's: what was told of that is compared with it.
    fn arrived(&mut self, fleet: &Fleet, id: OrderId, at: Timestamp) {
        let Some(told) = self.told.get_mut(&id) else { return };
        let stop = fleet.order(id).stop(StopKind::Delivery);
        let at = stop.map_or(at, |stop| at_door(&stop, at));
        for said in std::mem::take(&mut told.said) {
            self.ends[said.lead].learn((at - said.arrival).0 * 1_000 / said.scale.max(1));
        }
    }

    /// Orders that left the state: nothing is known of them any more.
    pub(crate) fn retired(&mut self, id: OrderId) {
        self.told.remove(&id);
    }
}
