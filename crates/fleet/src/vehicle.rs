//! What is known of one vehicle: its shift, its route, its goods, and where it was at its last fact.

use fleetfold_model::{
    CUT_OFF, Depot, DepotCall, Load, LogSeq, Metres, Millis, Name, NextBreak, OrderId, PlannedVisit, Position, Shift,
    StopKind, Timestamp, Vehicle, leaves_at,
};
use serde::{Deserialize, Serialize};

use crate::digest::name_digest;
use crate::pages::Vacant;
use crate::{Driven, Duties, Tachograph, Told, ToldTimes};

/// The time of a place that is known from the vehicle's registration only: nobody has said that it was there.
pub const NEVER_SEEN: Timestamp = Timestamp(i64::MIN / 4);

/// The departure of a visit that a dispatcher has named another vehicle for.
pub(crate) const RECALLED: Timestamp = Timestamp(i64::MAX / 4);

/// A stop inside a route, with planned times (zone time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// Whose order.
    pub order: OrderId,
    /// Which of its stops.
    pub stop: StopKind,
    /// The drive here does not begin before this.
    pub depart_at: Timestamp,
    /// The vehicle is there.
    pub arrival: Timestamp,
    /// Service starts.
    pub start: Timestamp,
    /// Service is done.
    pub departure: Timestamp,
    /// Length of the leg to here.
    pub metres: Metres,
    /// A pause before the drive here.
    pub break_before: Millis,
    /// A new trip begins with this visit: the vehicle calls at this depot on the way.
    pub reload_before: Option<DepotCall>,
}

impl Visit {
    /// A visit as a plan has it, of the order that it names.
    pub fn of_plan(order: OrderId, visit: &PlannedVisit) -> Self {
        let &PlannedVisit { order: _, stop, depart_at, arrival, start, departure, metres, break_before, reload_before } =
            visit;
        Self { order, stop, depart_at, arrival, start, departure, metres, break_before, reload_before }
    }

    /// True when a dispatcher has named another vehicle for it since the route was planned: its departure says nothing.
    pub fn is_recalled(&self) -> bool {
        self.depart_at == RECALLED
    }

    /// When its vehicle may leave for it, as planned; `None`: its departure says nothing ([`Self::is_recalled`]).
    pub fn departs(&self) -> Option<Timestamp> {
        (!self.is_recalled()).then_some(self.depart_at)
    }

    /// True when no road leads to it, as far as was known when its times were made.
    pub fn is_cut_off(&self) -> bool {
        self.arrival - self.depart_at >= CUT_OFF
    }

    /// The same under the name of its order.
    pub fn planned(self, order: Name) -> PlannedVisit {
        let Self { order: _, stop, depart_at, arrival, start, departure, metres, break_before, reload_before } = self;
        PlannedVisit { order, stop, depart_at, arrival, start, departure, metres, break_before, reload_before }
    }
}

/// The visits one vehicle has been told to make and has not made yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The entry that last changed it.
    pub revision: LogSeq,
    /// In driving order.
    pub visits: Vec<Visit>,
}

impl Route {
    /// True when no road leads to this visit as far as was known when the route was planned, or to one before it: its times say nothing.
    pub fn is_cut_off_at(&self, index: usize) -> bool {
        self.visits.iter().take(index + 1).any(Visit::is_cut_off)
    }

    /// Takes a visit off. A call at a depot before it is one before the next visit then, unless there is another.
    pub(crate) fn remove(&mut self, index: usize) -> Visit {
        let mut visit = self.visits.remove(index);
        if let (Some(call), Some(next)) = (visit.reload_before.take(), self.visits.get_mut(index)) {
            next.reload_before.get_or_insert(call);
        }
        visit
    }

    /// Takes all visits of an order off. A call at a depot before one of them is one before the next visit then, unless there is another.
    pub(crate) fn remove_order(&mut self, order: OrderId) {
        let mut call = None;
        self.visits.retain_mut(|visit| {
            let stays = visit.order != order;
            if !stays {
                call = call.or(visit.reload_before);
            } else if let Some(call) = call.take() {
                visit.reload_before.get_or_insert(call);
            }
            stays
        });
    }
}

/// The visits that are made before a vehicle calls at a depot next.
pub fn until_depot(visits: &[Visit]) -> &[Visit] {
    let calls = visits.iter().position(|visit| visit.reload_before.is_some());
    &visits[..calls.unwrap_or(visits.len())]
}

/// The trip that begins with a visit: until the vehicle calls at a depot again.
pub fn trip_from(visits: &[Visit], index: usize) -> &[Visit] {
    let calls = visits.iter().skip(index + 1).position(|visit| visit.reload_before.is_some());
    &visits[index..calls.map_or(visits.len(), |calls| index + 1 + calls)]
}

/// How often a vehicle was loaded again in this shift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloads {
    /// So often, as planned: a call that no plan asked for is not counted.
    pub times: u32,
    /// It stands at a depot and is loaded there, since when (zone time).
    pub since: Option<Timestamp>,
    /// When its driver said last that a reload began or ended (zone time).
    pub told: Option<Timestamp>,
}

/// Where a vehicle was at its last fact, and since when it is free there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// Where.
    pub position: Position,
    /// Since when, zone time.
    pub at: Timestamp,
}

/// A fact (breakdown, return to work, end of shift, order taken off under way) that says that a vehicle stands somewhere, but
/// not where. [`fleetfold_model::VehicleLocated`] says it afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocated {
    /// The fact.
    pub of: LogSeq,
    /// When the vehicle was at the anchor's position, which is the last one that a fact told (zone time).
    pub seen: Timestamp,
}

/// The visit a vehicle is driving to or serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// Whose order.
    pub order: OrderId,
    /// Which stop.
    pub stop: StopKind,
    /// The drive began.
    pub departed: Timestamp,
    /// It is there since.
    pub arrived: Option<Timestamp>,
}

/// A break that a driver takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnBreak {
    /// Since when (zone time).
    pub since: Timestamp,
    /// Until when, as planned or said.
    pub until: Timestamp,
    /// It is one of its shift.
    pub planned: bool,
}

/// A break on a route as it is planned (zone time).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteBreak {
    /// It is taken before this visit: before the drive there, or on the way.
    pub before: usize,
    /// When it begins.
    pub starts: Timestamp,
    /// When it is over.
    pub ends: Timestamp,
}

impl RouteBreak {
    /// Of the breaks before a stop, which take so long in all, what is taken on the way there, and not before the drive. `leaves`: behind
    /// all of them.
    pub fn on_the_way(breaks: &[Self], before: usize, (all, leaves): (Millis, Timestamp)) -> Millis {
        let Some(first) = breaks.iter().find(|pause| pause.before == before) else { return Millis(0) };
        if first.starts > leaves - all { all } else { (all - (first.ends - first.starts)).max(Millis(0)) }
    }
}

/// A leg of a route with what driving times ask for on it.
#[derive(Clone, Debug)]
pub struct RuledLeg {
    /// It leads to this visit.
    pub index: usize,
    /// What has been driven and rested when it begins.
    pub before: Driven,
    /// When it begins, with the break if that is taken before it.
    pub leaves: Timestamp,
    /// How long it is driven.
    pub drive: Millis,
    /// The time of the breaks on it, or before it, for the sake of driving times.
    pub rests: Millis,
    /// All breaks before it and on it, that of the shift included, each from when on and for how long.
    pub breaks: Vec<(Timestamp, Millis)>,
    /// The breaks that would be needed beyond these.
    pub missing: Millis,
    /// What has been driven and rested when the visit that it leads to is over.
    pub behind: Driven,
}

/// One vehicle and everything known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VehicleState {
    /// The fleet system's id.
    pub name: Name,
    /// Hash of `name`.
    pub(crate) name_digest: u64,
    /// The vehicle that had this number was retired, and no other has taken it yet.
    pub(crate) vacant: bool,
    /// As registered; `None` while only later facts about it have arrived.
    pub spec: Option<Vehicle>,
    /// Hash of `spec`; 0 for none.
    pub spec_digest: u64,
    /// Skills as bits.
    pub skills: u64,
    /// A driver has signed on.
    pub on: bool,
    /// Broken down or out of contact.
    pub lost: bool,
    /// The period it works, once signed on.
    pub shift: Option<Shift>,
    /// Where it was at its last fact.
    pub anchor: Option<Anchor>,
    /// That fact did not say where it was: the position of `anchor` is an older one.
    pub unlocated: Option<Unlocated>,
    /// What it drives to or serves.
    pub under_way: Option<UnderWay>,
    /// What it has been told to do.
    pub route: Route,
    /// Orders whose goods it carries.
    pub on_board: Vec<OrderId>,
    /// Orders whose goods wait on it for a rescue, by ascending number.
    pub(crate) goods_waiting: Vec<OrderId>,
    /// Stops done in this shift.
    pub stops_done: u32,
    /// Pauses taken in this shift.
    pub breaks_taken: u32,
    /// The break that its driver takes; or one of which only the end was told ([`Self::break_that_was_over`]).
    pub on_break: Option<OnBreak>,
    /// When its driver said last that a break ended (zone time).
    pub(crate) break_ended: Option<Timestamp>,
    /// Highest route revision the driver took.
    pub accepted: LogSeq,
    /// What its driver has driven and rested in this shift; empty without a rule of driving times.
    pub tachograph: Tachograph,
    /// What goods take up that stay on board after a failed delivery, until it calls at a depot or its shift ends.
    pub kept: Load,
    /// Its calls at depots.
    pub reloads: Reloads,
    /// When facts said what is known of it.
    pub told: ToldTimes,
    /// What facts said of whether it works: `on`, `lost` and `shift` follow from it, under the fourth rules.
    pub duties: Duties,
    /// Log time of the last fact about it while it is not registered; 0 afterwards.
    pub(crate) touched: Timestamp,
    /// Last reported position and its event time. It decides nothing in the fold and is outside the digest: positions are
    /// not in the log, so whoever folds the log again does not have them.
    pub hint: Option<Anchor>,
    /// Its summands of the digests.
    pub(crate) digests: (u64, u64),
}

impl Vacant for VehicleState {
    fn vacant() -> Self {
        let name = Name::new("-").expect("a dash is visible and short");
        Self { vacant: true, ..Self::new(name) }
    }

    fn is_vacant(&self) -> bool {
        self.vacant
    }
}

impl VehicleState {
    /// A break of which only the end was told: it began after `since` and was over at `until`. A break that goes on ends later than
    /// every end that was told.
    pub fn break_that_was_over(&self) -> Option<OnBreak> {
        self.on_break.filter(|pause| self.break_ended == Some(pause.until))
    }

    /// The break that its driver takes, as far as facts say: who has departed or arrived since it began, or was done with a stop behind its end,
    /// takes none.
    pub fn takes_break(&self) -> Option<OnBreak> {
        let pause = self.on_break.filter(|_| self.break_that_was_over().is_none())?;
        let departed_last = self.told.is_newer_than(pause.since, Told::Driven);
        let went_on = match self.under_way {
            Some(under) => under.arrived.unwrap_or(under.departed) > pause.since,
            None => self.anchor.is_some_and(|anchor| anchor.at > pause.until),
        };
        (!departed_last && !went_on).then_some(pause)
    }

    /// When its driver said last that a break ended (zone time).
    pub fn last_break_ended(&self) -> Option<Timestamp> {
        self.break_ended
    }

    /// Since when its driver takes a break; `None`: he takes none now. One that began with a length is over after it, another one when he says
    /// so or goes on.
    pub fn rests_since(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = self.takes_break()?;
        (pause.until > now || pause.until <= pause.since).then_some(pause.since)
    }

    /// Until when its driver rests who takes a break; `None`: he takes none that goes on behind now.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.takes_break().map(|pause| pause.until).filter(|&until| until > now)
    }

    /// The break that its driver takes, or the next one of his shift: before the visit where it is planned, or, where none is planned before a
    /// visit, as soon as he is free and its window opens.
    pub fn next_break(&self, now: Timestamp) -> Option<NextBreak> {
        if let Some(pause) = self.takes_break().filter(|_| self.rests_since(now).is_some()) {
            return Some(NextBreak { is_taken: true, starts: pause.since, ends: pause.until });
        }
        let of_shift = self.next_break_of_shift(now);
        let of_rule = self.next_break_of_rule(now);
        of_shift.into_iter().chain(of_rule).min_by_key(|next| next.starts)
    }

    fn next_break_of_shift(&self, now: Timestamp) -> Option<NextBreak> {
        let next = self.shift.as_ref().filter(|_| self.on)?.breaks.get(self.breaks_taken as usize)?;
        let visits = &self.route.visits;
        let planned = (0..visits.len()).find(|&index| self.is_break_of_shift(index));
        let starts = if let Some(index) = planned {
            let before = index.checked_sub(1).map(|before| visits[before].departure);
            leaves_at(visits[index].depart_at, Millis(0), before).max(next.window.opens())
        } else {
            next.window.opens().max(visits.last().map_or(now, |visit| visit.departure))
        };
        Some(NextBreak { is_taken: false, starts, ends: starts + next.duration })
    }

    /// Whether the break before a visit of its route is the next one of its shift, and not one for the sake of driving times only.
    pub fn is_break_of_shift(&self, index: usize) -> bool {
        let visit = &self.route.visits[index];
        // Who is under way to a stop has taken that of his shift.
        if visit.break_before <= Millis(0) || index < self.frozen() {
            return false;
        }
        if self.spec.as_ref().is_none_or(|spec| spec.driving_time.is_none()) {
            return true;
        }
        let next = self.shift.as_ref().and_then(|shift| shift.breaks.get(self.breaks_taken as usize));
        next.is_some_and(|next| {
            let begins = self.leaves_for(index) - visit.break_before;
            let is_open =
                begins <= next.window.closes() && next.window.opens() + next.duration <= begins + visit.break_before;
            is_open && next.duration <= visit.break_before
        })
    }

    /// When it leaves for a visit of its route as planned, behind the break before it.
    pub fn leaves_for(&self, index: usize) -> Timestamp {
        let visit = &self.route.visits[index];
        let before = index.checked_sub(1).map(|before| self.route.visits[before].departure);
        leaves_at(visit.depart_at, visit.break_before, before.or(self.anchor.map(|anchor| anchor.at)))
    }

    /// The next break that driving times ask for on its route.
    fn next_break_of_rule(&self, now: Timestamp) -> Option<NextBreak> {
        let mut found = None;
        self.follow_route(now, |leg| {
            if found.is_none()
                && leg.rests > Millis(0)
                && let Some(&(starts, rest)) =
                    leg.breaks.iter().rev().take_while(|(starts, _)| *starts >= leg.leaves).last()
            {
                found = Some(NextBreak { is_taken: false, starts, ends: starts + rest });
            }
        });
        found
    }

    /// The breaks before its stops as they are planned, in the order of time. Those for the sake of driving times lie where the driving time
    /// runs out: before the drive or on the way. `now` (zone time): what its driver has driven and rested is known up to then.
    pub fn breaks_of_route(&self, now: Timestamp) -> Vec<RouteBreak> {
        let mut planned = Vec::new();
        let mut tell = |before: usize, starts: Timestamp, rest: Millis| match planned.last_mut() {
            Some(RouteBreak { before: last, ends, .. }) if *last == before && *ends == starts => *ends = starts + rest,
            _ => planned.push(RouteBreak { before, starts, ends: starts + rest }),
        };
        if self.route.visits.iter().all(|visit| visit.break_before <= Millis(0)) {
            return planned;
        }
        let follows_rule =
            self.follow_route(now, |leg| leg.breaks.iter().for_each(|&(starts, rest)| tell(leg.index, starts, rest)));
        if follows_rule.is_none() {
            for (index, visit) in self.route.visits.iter().enumerate().filter(|(_, it)| it.break_before > Millis(0)) {
                tell(index, self.leaves_for(index) - visit.break_before, visit.break_before);
            }
        }
        planned
    }

    /// What its driver has driven and rested up to now; `None`: no rule asks for it, or he is not at work.
    pub fn driven(&self, now: Timestamp) -> Option<Driven> {
        let rule = self.spec.as_ref()?.driving_time?;
        self.on.then(|| self.tachograph.read(now, &rule))
    }

    /// How long its driver has rested from then on until now, as far as is recorded.
    pub fn rested_since(&self, then: Timestamp, now: Timestamp) -> Millis {
        let (Some(rule), Some(driven)) = (self.spec.as_ref().and_then(|spec| spec.driving_time), self.driven(now))
        else {
            return Millis(0);
        };
        let drove = driven.in_shift - self.tachograph.read_until(then, &rule).in_shift;
        (now - then - drove).max(Millis(0))
    }

    /// Of the breaks before the stop that it is under way to: what its driver takes on the way there, and not before he departed.
    fn breaks_under_way(&self, under: UnderWay, visit: &Visit) -> Millis {
        let began = visit.depart_at.max(self.anchor.map_or(visit.depart_at, |anchor| anchor.at));
        let before = (under.departed - began).max(Millis(0));
        (visit.break_before - before).max(Millis(0))
    }

    /// The same without what he has rested since then, by the time at which he drives on.
    pub fn breaks_ahead(&self, under: UnderWay, visit: &Visit, by: Timestamp) -> Millis {
        (self.breaks_under_way(under, visit) - self.rested_since(under.departed, by)).max(Millis(0))
    }

    /// How long it still drives, and rests on the way, from then on to the stop that it is under way to, where it departed earlier than planned.
    fn drive_left(&self, under: UnderWay, visit: &Visit, from: Timestamp) -> Millis {
        let free = self.anchor.map(|anchor| anchor.at).filter(|&at| at <= under.departed);
        let leaves = leaves_at(visit.depart_at, visit.break_before, free);
        let drove = from - under.departed - self.rested_since(under.departed, from);
        visit.arrival - leaves - drove + self.breaks_ahead(under, visit, from)
    }

    /// Of the breaks before a visit, what is taken on the way there, and not before the drive. `breaks`: those of its route. `leaves`: when it
    /// would leave behind all of them.
    pub fn breaks_on_the_way(&self, breaks: &[RouteBreak], index: usize, leaves: Timestamp) -> Millis {
        let visit = &self.route.visits[index];
        match self.under_way.filter(|_| index < self.frozen()) {
            Some(under) => self.breaks_under_way(under, visit),
            None => RouteBreak::on_the_way(breaks, index, (visit.break_before, leaves)),
        }
    }

    /// Follows its route as planned with what its driver has driven by now, if a rule of driving times asks for it. The last value: what he will have
    /// driven at the end, behind its last stop.
    pub fn follow_route(&self, now: Timestamp, mut leg: impl FnMut(RuledLeg)) -> Option<Driven> {
        let rule = self.spec.as_ref()?.driving_time?;
        let mut driven = self.driven(now)?;
        for (index, visit) in self.route.visits.iter().enumerate() {
            let under = self.under_way.filter(|_| index < self.frozen());
            let of_shift = self.is_break_of_shift(index);
            let own = self.shift.as_ref().and_then(|shift| shift.breaks.get(self.breaks_taken as usize));
            let own = own.filter(|_| of_shift).map_or(Millis(0), |own| own.duration);
            let mut before = driven;
            let mut rests = Millis(0);
            let mut breaks = Vec::new();
            let (leaves, drive, missing) = if under.is_some_and(|under| under.arrived.is_some()) {
                (driven.at, Millis(0), Millis(0))
            } else if let Some(under) = under {
                // A break that he takes is over first. Then he rests on the way as far as he has to.
                driven.finish_break();
                before = driven;
                let drive = (visit.arrival - driven.at).min(self.drive_left(under, visit, driven.at)).max(Millis(0));
                let leaves = driven.at;
                rests = self.breaks_ahead(under, visit, driven.at).min(drive);
                let drive = drive - rests;
                let missing = driven.keep_to_plan(rests, drive, &rule, |starts, rest| breaks.push((starts, rest)));
                (leaves, drive, missing)
            } else {
                let starts = (self.leaves_for(index) - visit.break_before).max(driven.at);
                let idle = starts - driven.at;
                driven.rest(idle + own);
                before = driven;
                rests = visit.break_before - own;
                let drive = (visit.arrival - starts - visit.break_before).max(Millis(0));
                let leaves = driven.at;
                if own > Millis(0) {
                    breaks.push((starts, own));
                }
                let missing = driven.keep_to_plan(rests, drive, &rule, |starts, rest| breaks.push((starts, rest)));
                (leaves, drive, missing)
            };
            let wait = visit.start - driven.at;
            driven.rest(wait);
            let work = visit.departure - driven.at;
            driven.work(work, &rule);
            leg(RuledLeg { index, before, leaves, drive, rests, breaks, missing, behind: driven });
        }
        Some(driven)
    }

    pub(crate) fn new(name: Name) -> Self {
        Self {
            name_digest: name_digest(&name),
            name,
            vacant: false,
            spec: None,
            spec_digest: 0,
            skills: 0,
            on: false,
            lost: false,
            shift: None,
            anchor: None,
            unlocated: None,
            under_way: None,
            route: Route::default(),
            on_board: Vec::new(),
            goods_waiting: Vec::new(),
            stops_done: 0,
            breaks_taken: 0,
            on_break: None,
            break_ended: None,
            accepted: LogSeq(0),
            tachograph: Tachograph::default(),
            kept: Load::default(),
            reloads: Reloads::default(),
            told: ToldTimes::default(),
            duties: Duties::default(),
            touched: Timestamp(0),
            hint: None,
            digests: (0, 0),
        }
    }

    /// Known, signed on and working: it may be given work.
    pub fn is_available(&self) -> bool {
        self.spec.is_some() && self.on && !self.lost
    }

    /// From when on it can drive: now, once its shift has begun, its break is over and it is loaded.
    pub fn free_from(&self, now: Timestamp) -> Timestamp {
        let starts = self.shift.as_ref().map_or(now, |shift| shift.starts);
        let breaks = self.rests_until(now).unwrap_or(now);
        now.max(starts).max(breaks).max(self.loaded_by().unwrap_or(now))
    }

    /// When it is loaded that stands at a depot, as far as can be told: loading takes as long as was registered for the depot where it is, or
    /// for the slowest where nobody has said which that is. `None`: it stands at none.
    pub fn loaded_by(&self) -> Option<Timestamp> {
        let since = self.reloads.since?;
        let places = self.spec.as_ref()?.reload.as_ref()?.places.iter();
        let here = self.anchor.map(|anchor| anchor.position);
        let known = places.clone().find(|depot| Some(depot.position) == here).map(|depot| depot.service);
        Some(since + known.or_else(|| places.map(|depot| depot.service).max())?)
    }

    /// True once it has driven in this shift: its fixed price is spent. A route that is only planned costs nothing yet.
    pub fn is_in_use(&self) -> bool {
        self.stops_done > 0 || self.under_way.is_some() || self.told.0.contains_key(&Told::Driven)
    }

    /// True once it is on a trip: of jobs it delivers until its next call at a depot what is on board, and nothing else. False where it
    /// has not left its start in this shift, or is loaded at a depot now; and always where no depot is known.
    pub fn is_on_trip(&self) -> bool {
        let has_depots = self.spec.as_ref().is_some_and(|spec| spec.reload.is_some());
        has_depots && self.is_in_use() && self.reloads.since.is_none()
    }

    /// Its depot at a place; `None`: it has none there.
    pub fn depot_at(&self, position: Position) -> Option<&Depot> {
        self.spec.as_ref()?.reload.as_ref()?.places.iter().find(|depot| depot.position == position)
    }

    /// How often it may still be loaded in this shift.
    pub fn reloads_left(&self) -> u32 {
        let reload = self.spec.as_ref().and_then(|spec| spec.reload.as_ref());
        reload.map_or(0, |reload| reload.times_max.map_or(u32::MAX, |most| most.saturating_sub(self.reloads.times)))
    }

    /// How many visits at the head of the route are not re-planned: the one that the driver has said to be under way to. What
    /// nobody has said does not bind: a driver who has not departed can be told something else.
    pub fn frozen(&self) -> usize {
        let Some(first) = self.route.visits.first() else { return 0 };
        usize::from(self.under_way.is_some_and(|under| (under.order, under.stop) == (first.order, first.stop)))
    }

    /// The same under the rules by which a plan was made ([`fleetfold_model::RULES`]): under the first ones the next visit was not
    /// re-planned either, from its planned departure on.
    pub(crate) fn frozen_by(&self, rules: u16, now: Timestamp) -> usize {
        let Some(first) = self.route.visits.first() else { return 0 };
        let is_planned_by_now = self.under_way.is_none() && self.on && now >= first.depart_at;
        self.frozen().max(usize::from(rules < 2 && is_planned_by_now))
    }

    /// Where it is on its way to a stop, as its phone said since it departed; `None`: it is not under way, has arrived, or nobody
    /// knows.
    pub fn on_its_way_at(&self) -> Option<Anchor> {
        let under = self.under_way.filter(|under| under.arrived.is_none())?;
        // A departure may be told late: what was told of a later time says where it is. The end of a break and the beginning of a shift are none.
        let is_planned = |at: Timestamp| {
            self.on_break.is_some_and(|pause| pause.until == at)
                || self.shift.as_ref().is_some_and(|shift| shift.starts == at)
        };
        let known = self.known_at().filter(|anchor| !is_planned(anchor.at));
        self.hint.filter(|hint| hint.at > under.departed && known.is_none_or(|anchor| hint.at > anchor.at))
    }

    /// A fact said where it was.
    pub(crate) fn stands_at(&mut self, position: Position, at: Timestamp) {
        self.anchor = Some(Anchor { position, at });
        self.unlocated = None;
    }

    /// A fact said that it stands somewhere since `at`, but not where: the last known position is used until the engine has
    /// said where it was. Hints are not looked at.
    pub(crate) fn stands_somewhere(&mut self, at: Timestamp, of: LogSeq) {
        let seen = match (self.unlocated, self.anchor) {
            (Some(earlier), _) => earlier.seen,
            (None, Some(anchor)) => anchor.at,
            (None, None) => NEVER_SEEN,
        };
        let last = self.anchor.map(|anchor| anchor.position).or_else(|| self.spec.as_ref().map(|spec| spec.start));
        self.anchor = last.map(|position| Anchor { position, at });
        self.unlocated = Some(Unlocated { of, seen });
    }

    /// True when a fact that happened after `at` has said where it is. `now`: what is ahead of that is a shift that begins later.
    pub(crate) fn is_known_better_than(&self, at: Timestamp, now: Timestamp) -> bool {
        self.anchor.is_some_and(|anchor| at < anchor.at && anchor.at <= now)
    }

    /// A fact that comes late says where it was at `at`. True: nothing newer was known, and it is there.
    pub(crate) fn was_at(&mut self, position: Position, at: Timestamp) -> bool {
        match (&mut self.unlocated, &mut self.anchor) {
            (Some(unlocated), Some(anchor)) if unlocated.seen < at => {
                unlocated.seen = at;
                anchor.position = position;
            }
            (Some(_), Some(_)) => return false,
            (_, Some(anchor)) if anchor.at > at => return false,
            (_, Some(_) | None) => self.stands_at(position, at),
        }
        true
    }

    /// Where it was last said to be, and when that was said, for whoever looks at it. Plans begin at the end of a break that has begun; nobody has
    /// heard of the vehicle there yet, and what its phone says meanwhile counts.
    pub fn last_heard(&self) -> Option<Anchor> {
        let heard = |anchor: Anchor| match self.on_break {
            Some(pause) if pause.until == anchor.at => Anchor { at: pause.since, ..anchor },
            _ => anchor,
        };
        match (self.known_at().map(heard), self.hint) {
            (Some(anchor), Some(hint)) => Some(if hint.at > anchor.at { hint } else { anchor }),
            (Some(anchor), None) => Some(anchor),
            (None, _) => self.whereabouts(),
        }
    }

    /// Where its last fact says that it is. Who has arrived at a stop is there since then, whatever is told late of what he did before.
    fn known_at(&self) -> Option<Anchor> {
        let arrived = self.under_way.and_then(|under| under.arrived);
        self.anchor.map(|anchor| Anchor { at: arrived.map_or(anchor.at, |arrived| arrived.max(anchor.at)), ..anchor })
    }

    /// Where it is as far as anyone knows: the newer of its last fact and its last position report. For
    /// estimates and the spatial index only: the fold decides by `anchor`.
    pub fn whereabouts(&self) -> Option<Anchor> {
        match (self.known_at(), self.hint) {
            (Some(anchor), Some(hint)) => Some(if hint.at > anchor.at { hint } else { anchor }),
            (anchor, hint) => anchor
                .or(hint)
                .or_else(|| self.spec.as_ref().map(|spec| Anchor { position: spec.start, at: NEVER_SEEN })),
        }
    }
}
