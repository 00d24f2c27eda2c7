//! What an operator should look at: conditions that begin and end, each told once.
//!
//! Every second of log time the owner of the zone looks at some of the fleet and asks for the facts that begin or end an alert.
//! They count when they come back from the log; until then the same is not asked for again. A condition ends well below the
//! limit at which it began, so that one that stands at its limit is not told again and again.

use std::collections::{BTreeMap, VecDeque};

use fleetfold_fleet::{Change, Fleet, Placement, VehicleState, Visit};
use fleetfold_model::{
    Alert, AlertCleared, AlertKind, AlertRaised, Event, LogEntry, Millis, OrderId, Origin, StopKind, Timestamp,
    VehicleId,
};

use crate::moment::Moment;

/// How often alerts are looked at, log time.
const LOOK_EVERY: Millis = Millis(1_000);
/// Vehicles, orders and standing alerts that are looked at once. In a large fleet each has its turn every few seconds.
const LOOKED_AT_ONCE: usize = 1_000;
/// Facts asked for at once: a jam over a whole city must not fill the log in one second.
const ASKED_AT_ONCE: usize = 50;
/// What was asked for and has not come back after this (log time) is asked for again.
const ASK_AGAIN: Millis = Millis(30_000);
/// A condition of the zone begins when it was seen in so many looks in a row, and ends when it was not in so many.
const LOOKS: (u32, u32) = (3, 10);
/// An entry that is folded so long after it was logged is late; one that is folded within the second of these is not.
const LAG: (Millis, Millis) = (Millis(5_000), Millis(1_000));
/// The level of overload at which the zone counts as degraded.
const DEGRADED: u8 = 2;
/// The objective: a plan answers a change within this time (log time) ...
const OBJECTIVE: Millis = Millis(10_000);
/// ... in all but one per cent of cases, over this time (log time).
const OBJECTIVE_OVER: Millis = Millis(300_000);
/// The objective is burnt when so many changes in a hundred waited longer, and at least so many; it holds again at one.
const BURNT: (u32, u32) = (10, 3);
/// Length of one sum of answers, log time.
const SUM: Millis = Millis(30_000);
/// A report that is so much ahead of the log comes from a wrong clock (zone time); one that is ahead by less than half does not.
const SKEW: Millis = Millis(60_000);
/// So many such reports in a row.
const SKEWED: u32 = 2;
/// Before its planned departure a vehicle need not have been heard of; from so long before it on it should.
const DUE_BEFORE: Millis = Millis(120_000);
/// Who does not report positions is given so many times as long on the road.
const WITHOUT_PHONE: i64 = 4;

/// Answers within one span of log time.
#[derive(Clone, Copy, Debug)]
struct Answers {
    since: Timestamp,
    all: u32,
    slow: u32,
}

/// In how many looks in a row a condition of the zone was seen, and in how many it was not.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    yes: u32,
    no: u32,
}

impl Seen {
    /// `is`: it holds now; `None`: nothing shows whether it does. `is_over`: it does not by far, as far as is known.
    fn look(&mut self, is: Option<bool>, is_over: bool) {
        self.no = if is_over { self.no.saturating_add(1) } else { 0 };
        match is {
            Some(true) => self.yes = self.yes.saturating_add(1),
            None if self.no < LOOKS.1 => {}
            Some(false) | None => self.yes = 0,
        }
    }

    fn begins(self) -> bool {
        self.yes >= LOOKS.0
    }

    fn ends(self) -> bool {
        self.no >= LOOKS.1
    }
}

/// Reports of a driver whose clock ran ahead.
#[derive(Clone, Copy, Debug, Default)]
struct Skew {
    ahead: u32,
    right: u32,
    by: Millis,
}

/// What was asked for, and what only time tells.
#[derive(Debug)]
pub(crate) struct Alerts {
    /// What is under way to the log: whether it is to stand, and since when (log time).
    asked: BTreeMap<Alert, (bool, Timestamp)>,
    looked_at: Timestamp,
    next_vehicle: u32,
    next_order: u32,
    next_standing: Option<Alert>,
    /// How long after it was logged an entry was folded, at worst since the last look (log time); `None`: none was.
    lag: Option<Millis>,
    lagging: Seen,
    degraded: Seen,
    answers: VecDeque<Answers>,
    skews: BTreeMap<VehicleId, Skew>,
    /// Since when vehicles that are not under way should be (zone time).
    due_since: BTreeMap<VehicleId, Timestamp>,
    /// When a vehicle's driver last reported anything (zone time).
    reported: BTreeMap<VehicleId, Timestamp>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            asked: BTreeMap::new(),
            looked_at: Timestamp(i64::MIN / 2),
            next_vehicle: 0,
            next_order: 0,
            next_standing: None,
            lag: None,
            lagging: Seen::default(),
            degraded: Seen::default(),
            answers: VecDeque::new(),
            skews: BTreeMap::new(),
            due_since: BTreeMap::new(),
            reported: BTreeMap::new(),
        }
    }
}

/// How an alert begins.
struct Begins {
    alert: Alert,
    span: Millis,
    detail: String,
}

impl Alerts {
    /// An entry was folded. `log_now`: log time before it.
    pub(crate) fn folded(&mut self, fleet: &Fleet, entry: &LogEntry, change: &Change, log_now: Timestamp) {
        if let Event::AlertRaised(AlertRaised { alert, .. }) | Event::AlertCleared(AlertCleared { alert, .. }) =
            &entry.event
        {
            self.asked.remove(alert);
        }
        self.lag = self.lag.max(Some(log_now - entry.logged_at));
        for &(_, waited) in &change.answered {
            self.answered(waited, entry.logged_at);
        }
        let logged = fleet.zone().zone_time(entry.logged_at);
        if let (Origin::Driver, &[vehicle, ..]) = (entry.event.origin(), change.vehicles.as_slice()) {
            self.reported.insert(vehicle, entry.time.map_or(logged, |time| time.min(logged)));
        }
        if let (Origin::Driver, Some(time), &[vehicle, ..]) =
            (entry.event.origin(), entry.time, change.vehicles.as_slice())
        {
            let ahead = time - logged;
            let skew = self.skews.entry(vehicle).or_default();
            if ahead > SKEW {
                *skew = Skew { ahead: skew.ahead + 1, right: 0, by: ahead };
            } else if ahead.0 < SKEW.0 / 2 {
                *skew = Skew { ahead: 0, right: skew.right.saturating_add(1), by: Millis(0) };
            }
        }
    }

    fn answered(&mut self, waited: Millis, at: Timestamp) {
        if self.answers.back().is_none_or(|sum| at - sum.since >= SUM) {
            self.answers.push_back(Answers { since: at, all: 0, slow: 0 });
        }
        if let Some(sum) = self.answers.back_mut() {
            sum.all += 1;
            sum.slow += u32::from(waited > OBJECTIVE);
        }
    }

    /// Another engine owns the zone: it says what there is.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Log time at which alerts are to be looked at next; `None` while nothing could begin or end.
    pub(crate) fn due_at(&self, fleet: &Fleet, log_now: Timestamp) -> Option<Timestamp> {
        let something = fleet.open_count() > 0 || fleet.alerts().len() > 0;
        something.then_some(self.looked_at.max(log_now - LOOK_EVERY) + LOOK_EVERY)
    }

    /// Looks at what has its turn, at most once a second of log time: the facts to be written.
    pub(crate) fn look(&mut self, moment: Moment<'_>, overload: u8, epoch: u64) -> Vec<Event> {
        let (fleet, log_now, now) = (moment.fleet, moment.log_now, moment.now());
        if log_now - self.looked_at < LOOK_EVERY {
            return Vec::new();
        }
        self.looked_at = log_now;
        self.asked.retain(|_, &mut (_, since)| log_now - since < ASK_AGAIN);
        let mut begins = Vec::new();
        // The zone's own first: in a rush so many orders are late that they alone fill what is asked for in minutes.
        self.look_at_zone(moment, overload, &mut begins);
        self.look_at_vehicles(fleet, now, &mut begins);
        self.look_at_orders(fleet, now, &mut begins);
        let mut facts = Vec::new();
        for alert in self.standing(fleet) {
            if facts.len() < ASKED_AT_ONCE && !self.asked.contains_key(&alert) && self.is_over(moment, &alert) {
                self.asked.insert(alert.clone(), (false, log_now));
                facts.push(Event::AlertCleared(AlertCleared { alert, at: now, epoch }));
            }
        }
        for Begins { alert, span, detail } in begins {
            let known = fleet.alert(&alert).is_some() || self.asked.contains_key(&alert);
            if facts.len() < ASKED_AT_ONCE && !known {
                self.asked.insert(alert.clone(), (true, log_now));
                facts.push(Event::AlertRaised(AlertRaised { alert, at: now, span, detail, epoch }));
            }
        }
        facts
    }

    fn look_at_vehicles(&mut self, fleet: &Fleet, now: Timestamp, begins: &mut Vec<Begins>) {
        let count = fleet.vehicles().len() as u32;
        let late_min = fleet.policy().alert_late;
        for _ in 0..count.min(LOOKED_AT_ONCE as u32) {
            let id = VehicleId(self.next_vehicle % count);
            self.next_vehicle = id.0 + 1;
            let state = fleet.vehicle(id);
            for (index, visit) in state.route.visits.iter().enumerate() {
                let order = fleet.order(visit.order);
                let Some(due) = order.stop(visit.stop).and_then(|stop| stop.due) else { continue };
                let late = visit.start - due;
                if late_min.0 > 0 && late >= late_min && !state.route.is_cut_off_at(index) {
                    let detail = format!("{} is there {} after its deadline", state.name, minutes(late));
                    begins.extend(begin(AlertKind::PredictedLate, &order.name, late, detail));
                }
            }
            self.note_due(id, state, now);
            let limit = fleet.policy().alert_silent;
            if let Some(quiet) = self.quiet(id, state, now, limit).filter(|&quiet| quiet >= limit) {
                let detail = format!("nothing was heard of it for {}", minutes(quiet));
                begins.extend(begin(AlertKind::Silent, &state.name, quiet, detail));
            }
            if let Some(skew) = self.skews.get(&id).filter(|skew| skew.ahead >= SKEWED) {
                let detail = format!("its reports are {} ahead of the log", minutes(skew.by));
                begins.extend(begin(AlertKind::ClockSkew, &state.name, skew.by, detail));
            }
        }
    }

    fn look_at_orders(&mut self, fleet: &Fleet, now: Timestamp, begins: &mut Vec<Begins>) {
        let near = fleet.policy().alert_deadline;
        if near.0 <= 0 {
            return;
        }
        let from = self.next_order;
        let turn: Vec<OrderId> =
            fleet.unassigned_orders().skip_while(|order| order.0 < from).take(LOOKED_AT_ONCE).collect();
        self.next_order = if turn.len() < LOOKED_AT_ONCE { 0 } else { turn.last().map_or(0, |last| last.0 + 1) };
        for id in turn {
            let Some(left) = deadline(fleet, id).map(|due| due - now) else { continue };
            if left > near {
                continue;
            }
            let when = if left.0 >= 0 {
                format!("its deadline is in {}", minutes(left))
            } else {
                format!("its deadline was {} ago", minutes(Millis(-left.0)))
            };
            let detail = format!("it is on no route, and {when}");
            begins.extend(begin(AlertKind::Unassigned, &fleet.order(id).name, left, detail));
        }
    }

    fn look_at_zone(&mut self, moment: Moment<'_>, overload: u8, begins: &mut Vec<Begins>) {
        let lag = self.lag.take();
        self.lagging.look(lag.map(|lag| lag >= LAG.0), lag.is_none_or(|lag| lag < LAG.1));
        self.degraded.look(Some(overload >= DEGRADED), overload == 0);
        let mut zone = |kind, span, detail| {
            begins.extend(Alert::new(kind, None).map(|alert| Begins { alert, span, detail }));
        };
        if let Some(lag) = lag.filter(|_| self.lagging.begins()) {
            zone(AlertKind::LogLag, lag, format!("entries are folded {} s after they were logged", lag.0 / 1000));
        }
        if self.degraded.begins() {
            let oldest = moment.fleet.unanswered().values().next().map_or(moment.log_now, |ask| ask.logged_at);
            let detail = format!("level {overload} of overload: less is done for each change");
            zone(AlertKind::Degraded, moment.log_now - oldest, detail);
        }
        let (all, slow) = self.burnt(moment);
        if slow >= BURNT.1 && slow * 100 >= all * BURNT.0 {
            let detail = format!("{slow} of {all} changes of the last five minutes waited for more than ten seconds");
            zone(AlertKind::SlaBurn, OBJECTIVE, detail);
        }
    }

    /// Changes of the last five minutes, and those of them that waited too long: answered or not.
    fn burnt(&mut self, moment: Moment<'_>) -> (u32, u32) {
        while self.answers.front().is_some_and(|sum| moment.log_now - sum.since >= OBJECTIVE_OVER) {
            self.answers.pop_front();
        }
        let waits = moment.fleet.unanswered().values();
        let waits = waits.take_while(|ask| moment.log_now - ask.logged_at > OBJECTIVE).count() as u32;
        let (all, slow) = self.answers.iter().fold((0, 0), |(all, slow), sum| (all + sum.all, slow + sum.slow));
        (all + waits, slow + waits)
    }

    /// The standing alerts whose turn it is.
    fn standing(&mut self, fleet: &Fleet) -> Vec<Alert> {
        let from = self.next_standing.take();
        let later =
            fleet.alerts().map(|(alert, _)| alert).filter(|&alert| from.as_ref().is_none_or(|from| alert > from));
        let turn: Vec<Alert> = later.take(LOOKED_AT_ONCE).cloned().collect();
        self.next_standing = turn.last().filter(|_| turn.len() == LOOKED_AT_ONCE).cloned();
        turn
    }

    /// True when the condition of a standing alert is over.
    fn is_over(&mut self, moment: Moment<'_>, alert: &Alert) -> bool {
        let (fleet, now) = (moment.fleet, moment.now());
        let policy = fleet.policy();
        let order = alert.about().and_then(|name| fleet.order_id(name.as_str()));
        let vehicle = alert.about().and_then(|name| fleet.vehicle_id(name.as_str()));
        match alert.kind() {
            AlertKind::PredictedLate => {
                let late = order.and_then(|order| latest(fleet, order));
                policy.alert_late.0 <= 0 || late.is_none_or(|late| late.0 < policy.alert_late.0 / 2)
            }
            AlertKind::Unassigned => order.is_none_or(|id| {
                let state = fleet.order(id);
                let near = Millis(policy.alert_deadline.0 + policy.alert_deadline.0 / 10);
                let placed = !state.is_open() || matches!(state.placement, Placement::OnRoute(_));
                placed || policy.alert_deadline.0 <= 0 || deadline(fleet, id).is_none_or(|due| due - now > near)
            }),
            AlertKind::Silent => vehicle.is_none_or(|id| {
                let (limit, state) = (policy.alert_silent, fleet.vehicle(id));
                // Whose work was given to others has nothing to do, and is as silent as before.
                let raised = fleet.alert(alert).map_or(now, |standing| standing.raised);
                let is_relieved = state.route.visits.is_empty() && state.is_available() && limit.0 > 0;
                if is_relieved && self.heard(id, state, now).is_none_or(|heard| heard <= raised) {
                    return false;
                }
                self.quiet(id, state, now, limit).is_none_or(|quiet| quiet.0 < limit.0 / 2)
            }),
            AlertKind::ClockSkew => vehicle
                .is_none_or(|id| !fleet.vehicle(id).on || self.skews.get(&id).is_some_and(|skew| skew.right >= SKEWED)),
            AlertKind::LogLag => self.lagging.ends(),
            AlertKind::Degraded => self.degraded.ends(),
            AlertKind::SlaBurn => {
                let (all, slow) = self.burnt(moment);
                slow * 100 <= all
            }
        }
    }

    /// Notes since when a vehicle that is not under way should be.
    fn note_due(&mut self, id: VehicleId, state: &VehicleState, now: Timestamp) {
        let first = state.route.visits.first().filter(|_| state.is_available() && state.under_way.is_none());
        // Who calls at a depot first may tell nothing before he leaves it.
        let leaves = |visit: &Visit| visit.reload_before.map_or(visit.depart_at, |call| call.departure);
        if first.is_some_and(|visit| leaves(visit) - DUE_BEFORE <= now) {
            self.due_since.entry(id).or_insert(now);
        } else {
            self.due_since.remove(&id);
        }
    }

    /// When a vehicle was last heard of; `None`: never.
    fn heard(&self, id: VehicleId, state: &VehicleState, now: Timestamp) -> Option<Timestamp> {
        let said = [state.anchor, state.hint].into_iter().flatten().map(|anchor| anchor.at);
        let told = state.under_way.map(|under| under.arrived.unwrap_or(under.departed));
        said.chain(told).chain(self.reported.get(&id).copied()).filter(|&at| at <= now).max()
    }

    /// For how long a vehicle has not been heard of although it should have been; `None`: it need not.
    fn quiet(&self, id: VehicleId, state: &VehicleState, now: Timestamp, limit: Millis) -> Option<Millis> {
        // Who takes a break, or is loaded, need not be heard of before that is over.
        let is_busy = [state.rests_until(now), state.loaded_by()].into_iter().flatten().any(|by| by > now);
        if limit.0 <= 0 || !state.is_available() || is_busy {
            return None;
        }
        let first = state.route.visits.first()?;
        let under = state.under_way;
        let heard = self.heard(id, state, now)?;
        let expected = match under {
            // It serves a stop until then.
            Some(under) if under.arrived.is_some() => first.departure,
            Some(_) if state.on_its_way_at().is_some() => heard,
            Some(under) => under.departed + Millis(limit.0.saturating_mul(WITHOUT_PHONE - 1)),
            None => *self.due_since.get(&id)?,
        };
        Some(now - heard.max(expected))
    }
}

fn begin(kind: AlertKind, about: &fleetfold_model::Name, span: Millis, detail: String) -> Option<Begins> {
    Alert::new(kind, Some(about.clone())).map(|alert| Begins { alert, span, detail })
}

/// By how much a stop of an order begins after its deadline as planned, at worst; `None`: it is on no route.
fn latest(fleet: &Fleet, id: OrderId) -> Option<Millis> {
    let order = fleet.order(id);
    let Placement::OnRoute(vehicle) = order.placement else { return None };
    let visits = fleet.vehicle(vehicle).route.visits.iter().filter(|visit| visit.order == id);
    visits.filter_map(|visit| Some(visit.start - order.stop(visit.stop)?.due?)).max()
}

/// The deadline of an order: of its delivery, or of its pickup where that has none.
fn deadline(fleet: &Fleet, id: OrderId) -> Option<Timestamp> {
    let order = fleet.order(id);
    [StopKind::Delivery, StopKind::Pickup].into_iter().find_map(|stop| order.stop(stop)?.due)
}

/// A span in words, to the minute.
fn minutes(span: Millis) -> String {
    format!("{} min", (span.0 + 30_000).div_euclid(60_000))
}
