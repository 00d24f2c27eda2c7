//! The whole picture, kept up to date in fragments: each vehicle and each open order is a finished fragment of JSON, made anew
//! when it became stale. A picture, a page of one, and a delta are then copies of fragments.
//!
//! Promise: a delta, laid over the picture before it, gives the picture after it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use fleetfold_fleet::{Closed, Fleet};
use fleetfold_model::{Millis, Name, OrderId, VehicleId};
use fleetfold_roads::Network;
use serde::Serialize;

use super::detail::{home_on_network, hours};
use super::{
    Decision, DrivingViolation, Memory, Moved, NotedLine, Refusal, Zone, alerts, kpi, lon_lat, order, roads, text,
    vehicle_head, vehicle_route,
};
use crate::live::handover::{Glimpse, Stale};

/// Decisions in a picture.
const DECISIONS_SHOWN: usize = 100;
/// Decisions and refusals that are kept for a delta while no screen is connected (guess: some 100 kB).
const LISTED_MAX: usize = 1_000;
/// Failed orders in a picture.
const FAILED_SHOWN: usize = 500;
/// Refusals in a picture: all that are kept, so that a page that was open all the time shows no others than one that was just opened.
const REFUSED_SHOWN: usize = Memory::REFUSED_MAX;

/// The fragments.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// The registered ones.
    vehicles: BTreeMap<Name, Fragment>,
    /// The open ones.
    orders: BTreeMap<Name, Box<str>>,
    roads: String,
    /// Roads that are closed or slowed now.
    active: Vec<Name>,
    /// Vehicles that are shown as being on break.
    resting: BTreeSet<VehicleId>,
    /// Vehicles whose drivers' hours count, the minute of zone time up to which they are counted, and the network of their ways home.
    ruled: BTreeSet<VehicleId>,
    minute: i64,
    network: Option<Arc<Network>>,
    /// Alerts that stand.
    alerts: String,
    /// Visits of all vehicles that will be late.
    late: u32,
}

/// One vehicle.
#[derive(Debug)]
struct Fragment {
    head: String,
    route: String,
    late: u32,
    /// How the hours of its driver are broken, and how long its way home takes.
    hours: Option<DrivingViolation>,
    home: Option<Millis>,
}

/// What the next delta will tell.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    stale: Stale,
    decisions: Vec<Decision>,
    refused: Vec<Refusal>,
    /// What dispatchers noted.
    noted: Vec<NotedLine>,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.decisions.is_empty() && self.refused.is_empty() && self.noted.is_empty()
    }

    /// More decisions and refusals than any screen shows.
    pub(crate) fn is_large(&self) -> bool {
        self.decisions.len() + self.refused.len() + self.noted.len() > LISTED_MAX
    }

    pub(crate) fn decided(&mut self, decisions: Vec<Decision>) {
        self.decisions.extend(decisions);
    }

    pub(crate) fn noted(&mut self, noted: NotedLine) {
        self.noted.push(noted);
    }

    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.refused.push(refusal);
    }

    fn add(&mut self, stale: Stale) {
        self.stale.vehicles.extend(stale.vehicles);
        self.stale.moved.extend(stale.moved);
        self.stale.orders.extend(stale.orders);
        self.stale.roads |= stale.roads;
        self.stale.alerts |= stale.alerts;
        self.stale.figures |= stale.figures;
    }
}

/// What a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Vehicles,
    Orders,
    Roads,
    Alerts,
    Kpi,
    Decisions,
    Refused,
}

impl Part {
    /// Every part, with its name in a query and in the answer.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("vehicles", Self::Vehicles),
        ("orders", Self::Orders),
        ("roads", Self::Roads),
        ("alerts", Self::Alerts),
        ("kpi", Self::Kpi),
        ("decisions", Self::Decisions),
        ("refused", Self::Refused),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|&(_, part)| part)
    }

    /// Its items are numbered, so that `after` is a number, not a name.
    pub(crate) fn is_numbered(self) -> bool {
        matches!(self, Self::Decisions | Self::Refused)
    }
}

/// The last item of the page before.
#[derive(Clone, Debug)]
pub(crate) enum After {
    /// There was no page before.
    Nothing,
    Name(Name),
    Number(u64),
}

/// Which page.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) part: Part,
    /// Behind what it begins.
    pub(crate) after: After,
    /// Most items in it; at least 1.
    pub(crate) limit: usize,
    /// Which orders; of other parts all.
    pub(crate) filter: Filter,
}

/// Which orders are in a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) status: Option<&'static str>,
    pub(crate) vehicle: Option<String>,
    pub(crate) late: Option<bool>,
}

impl Filter {
    /// What the status of an order may be.
    pub(crate) const STATUSES: [&'static str; 7] =
        ["open", "unassigned", "assigned", "on board", "served", "failed", "cancelled"];
    /// Those of an order that is over.
    const OVER: [&'static str; 3] = ["served", "failed", "cancelled"];

    /// The status of this name.
    pub(crate) fn status(name: &str) -> Option<&'static str> {
        Self::STATUSES.into_iter().find(|&status| status == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are over are meant, and not the open ones.
    fn is_of_the_past(&self) -> bool {
        self.status.is_some_and(|status| Self::OVER.contains(&status))
    }

    fn takes(&self, fleet: &Fleet, id: OrderId, order: &super::Order<'_>) -> bool {
        let state = fleet.order(id);
        let by = || {
            let ended = state.delivery.completed.or(state.delivery.failed.map(|(mark, _)| mark));
            ended.map(|mark| fleet.vehicle(mark.vehicle).name.as_str())
        };
        let is_late = || {
            let after = order.done.zip(order.due).is_some_and(|(done, due)| done > due);
            order.late_seconds.is_some() || after
        };
        self.status.is_none_or(|status| status == order.status)
            && self.vehicle.as_deref().is_none_or(|vehicle| order.vehicle.or_else(by) == Some(vehicle))
            && self.late.is_none_or(|late| late == is_late())
    }
}

fn join<'a>(to: &mut String, fragments: impl IntoIterator<Item = &'a str>) {
    to.push('[');
    for (index, fragment) in fragments.into_iter().enumerate() {
        if index > 0 {
            to.push(',');
        }
        to.push_str(fragment);
    }
    to.push(']');
}

fn last<T: Serialize>(all: &std::collections::VecDeque<T>, most: usize) -> String {
    text(&all.iter().skip(all.len().saturating_sub(most)).collect::<Vec<_>>())
}

impl Fragment {
    /// A vehicle is its head and its route as one object.
    fn push_to(&self, to: &mut String) {
        to.push_str(self.head.trim_end_matches('}'));
        to.push(',');
        to.push_str(&self.route[1..]);
    }
}

fn vehicles<'a>(to: &mut String, fragments: impl Iterator<Item = &'a Fragment>) {
    to.push('[');
    for (index, fragment) in fragments.enumerate() {
        if index > 0 {
            to.push(',');
        }
        fragment.push_to(to);
    }
    to.push(']');
}

/// The minute of zone time.
fn minute(seen: &Glimpse) -> i64 {
    seen.now.0.div_euclid(60_000)
}

fn active(seen: &Glimpse) -> Vec<Name> {
    let roads = seen.fleet.roads().values().filter(|road| road.is_active(seen.now));
    roads.map(|road| road.change.change.clone()).collect()
}

/// Orders that are over and still held, within some bounds, by their names.
fn over<'f>(fleet: &'f Fleet, within: (Bound<&Name>, Bound<&Name>)) -> Vec<(&'f Name, OrderId)> {
    let over = fleet.orders().ids().filter(|&id| fleet.order(id).closed.is_some());
    let named = over.filter_map(|id| Some((known(fleet, id)?, id)));
    let mut found: Vec<_> = named.filter(|(name, _)| RangeBounds::<Name>::contains(&within, *name)).collect();
    found.sort_unstable();
    found
}

/// The order of this number, if there is one.
fn known(fleet: &Fleet, id: OrderId) -> Option<&Name> {
    let name = &fleet.order(id).name;
    (fleet.order_id(name.as_str()) == Some(id)).then_some(name)
}

impl Kept {
    /// All fragments, made anew.
    pub(crate) fn new(seen: &Glimpse, memory: &Memory) -> Self {
        let (roads, alerts) = (text(&roads(seen)), text(&alerts(seen)));
        let (minute, network) = (minute(seen), Some(Arc::clone(&seen.network)));
        let mut kept = Self { roads, active: active(seen), alerts, minute, network, ..Self::default() };
        seen.fleet.vehicles().ids().for_each(|id| kept.set_vehicle(seen, id));
        seen.fleet.open_orders().for_each(|id| _ = kept.set_order(seen, memory, id));
        kept
    }

    /// Brings the fragments up to date with a newer copy. `stale`: what changed between the two. It goes on to `pending`, with what
    /// only time has changed. Returns true if anything changed.
    pub(crate) fn update(&mut self, seen: &Glimpse, memory: &Memory, mut stale: Stale, pending: &mut Pending) -> bool {
        let active = active(seen);
        if stale.roads || active != self.active {
            (self.roads, self.active) = (text(&roads(seen)), active);
            stale.roads = true;
        }
        if stale.alerts {
            self.alerts = text(&alerts(seen));
        }
        stale.vehicles.extend(self.hours_changed(seen));
        stale.vehicles.iter().for_each(|&id| self.set_vehicle(seen, id));
        // Breaks are over when they have lasted so long, without a fact.
        let rests = |id: VehicleId| seen.fleet.vehicle(id).rests_since(seen.now).is_some();
        stale.moved.extend(self.resting.iter().copied().filter(|&id| !rests(id)));
        self.resting.retain(|&id| rests(id));
        for &id in stale.moved.difference(&stale.vehicles) {
            if let Some(fragment) = self.vehicles.get_mut(&seen.fleet.vehicle(id).name) {
                fragment.head = text(&vehicle_head(seen, id));
            }
        }
        // A route whose times moved may make orders late that did not change otherwise.
        let routes = stale.vehicles.iter().flat_map(|&id| &seen.fleet.vehicle(id).route.visits);
        let routed: BTreeSet<OrderId> = routes.map(|visit| visit.order).collect();
        stale.orders.iter().for_each(|&id| _ = self.set_order(seen, memory, id));
        for id in routed {
            if !stale.orders.contains(&id) && self.set_order(seen, memory, id) {
                stale.orders.insert(id);
            }
        }
        let changed = !stale.is_empty();
        pending.add(stale);
        changed
    }

    /// What differs from fragments that are made anew; the slow way to know that everything that became stale was noted. Lines may
    /// differ: the first one begins where the vehicle was, and the others are drawn anew when the engine names the vehicle
    /// because its way has changed, not for every change of the roads.
    pub(crate) fn check(&self, seen: &Glimpse, memory: &Memory) -> Result<(), String> {
        let anew = Self::new(seen, memory);
        let route = |text: &str| -> serde_json::Value {
            let mut route: serde_json::Value = serde_json::from_str(text).expect("fragments are JSON");
            route["lines"] = serde_json::Value::Null;
            route
        };
        for (name, fragment) in &anew.vehicles {
            let Some(kept) = self.vehicles.get(name) else { return Err(format!("vehicle {name} is missing")) };
            if kept.head != fragment.head || route(&kept.route) != route(&fragment.route) {
                let (old, new) = ((&kept.head, &kept.route), (&fragment.head, &fragment.route));
                return Err(format!("vehicle {name} is kept as {old:?} and is {new:?}"));
            }
        }
        for (name, fragment) in &anew.orders {
            if self.orders.get(name) != Some(fragment) {
                return Err(format!("order {name} is kept as {:?} and is {fragment}", self.orders.get(name)));
            }
        }
        let sizes =
            |kept: &Self| (kept.vehicles.len(), kept.orders.len(), kept.late, kept.roads.clone(), kept.alerts.clone());
        if sizes(self) != sizes(&anew) {
            return Err(format!("{:?} are kept, and there are {:?}", sizes(self), sizes(&anew)));
        }
        Ok(())
    }

    /// How many vehicles and open orders.
    pub(crate) fn len(&self) -> usize {
        self.vehicles.len() + self.orders.len()
    }

    /// An order left the fleet.
    pub(crate) fn forget(&mut self, order: &Name) {
        self.orders.remove(order);
    }

    /// Vehicles whose drivers' hours are broken in another way by now, or with the network of now.
    fn hours_changed(&mut self, seen: &Glimpse) -> Vec<VehicleId> {
        let minute = minute(seen);
        let is_same_network = self.network.as_ref().is_some_and(|network| Arc::ptr_eq(network, &seen.network));
        if minute == self.minute && is_same_network {
            return Vec::new();
        }
        (self.minute, self.network) = (minute, Some(Arc::clone(&seen.network)));
        let is_changed = |&id: &VehicleId| {
            self.vehicles.get(&seen.fleet.vehicle(id).name).is_some_and(|kept| {
                let home = if is_same_network { kept.home } else { home_on_network(seen, id) };
                hours(seen, id, home) != kept.hours || home != kept.home
            })
        };
        self.ruled.iter().copied().filter(is_changed).collect()
    }

    fn set_vehicle(&mut self, seen: &Glimpse, id: VehicleId) {
        let state = seen.fleet.vehicle(id);
        // A vehicle that events have named and nobody has registered gets no work, and is on no map.
        if seen.fleet.vehicle_id(state.name.as_str()) != Some(id) || state.spec.is_none() {
            return;
        }
        let home = home_on_network(seen, id);
        let hours = hours(seen, id, home);
        let (head, route) = (vehicle_head(seen, id), vehicle_route(seen, id, hours));
        if state.spec.as_ref().is_some_and(|spec| spec.driving_time.is_some()) {
            self.ruled.insert(id);
        } else {
            self.ruled.remove(&id);
        }
        if state.rests_since(seen.now).is_some() {
            self.resting.insert(id);
        } else {
            self.resting.remove(&id);
        }
        let late = route.visits.iter().filter(|visit| visit.late).count() as u32;
        let fragment = Fragment { head: text(&head), route: text(&route), late, hours, home };
        let before = self.vehicles.insert(state.name.clone(), fragment);
        self.late = self.late + late - before.map_or(0, |fragment| fragment.late);
    }

    /// Returns whether what is shown of the order changed.
    fn set_order(&mut self, seen: &Glimpse, memory: &Memory, id: OrderId) -> bool {
        let Some(name) = known(&seen.fleet, id) else { return false };
        if seen.fleet.order(id).is_open() {
            let fragment = text(&order(seen, memory, id)).into_boxed_str();
            let before = self.orders.insert(name.clone(), fragment);
            before.is_none_or(|before| self.orders.get(name) != Some(&before))
        } else {
            self.orders.remove(name).is_some()
        }
    }

    /// `/v1/state`, and the body of a snapshot.
    pub(crate) fn body(&self, seen: &Glimpse, memory: &Memory, pace: f64) -> String {
        let size: usize =
            self.vehicles.values().map(|fragment| fragment.head.len() + fragment.route.len() + 2).sum::<usize>()
                + self.orders.values().map(|fragment| fragment.len() + 1).sum::<usize>();
        let mut body = String::with_capacity(size + self.roads.len() + (64 << 10));
        let zone = seen.fleet.zone();
        body.push_str("{\"zone\":");
        body.push_str(&text(&Zone { timezone: zone.timezone.as_str(), rate: zone.rate }));
        body.push_str(",\"vehicles\":");
        vehicles(&mut body, self.vehicles.values());
        body.push_str(",\"orders\":");
        join(&mut body, self.orders.values().map(|fragment| &**fragment));
        let (decisions, refused) = (last(&memory.decisions, DECISIONS_SHOWN), last(&memory.refused, REFUSED_SHOWN));
        let kpi = text(&kpi(seen, self.late, pace));
        let noted = text(&memory.noted());
        let mut failed = String::new();
        let over =
            seen.fleet.orders().ids().filter(|&id| matches!(seen.fleet.order(id).outcome(), Some(Closed::Failed(_))));
        let over: Vec<String> = over.take(FAILED_SHOWN).map(|id| text(&order(seen, memory, id))).collect();
        join(&mut failed, over.iter().map(String::as_str));
        let (roads, alerts, applied, digest) = (&self.roads, &self.alerts, seen.fleet.applied().0, seen.fleet.digest());
        let _ = write!(
            body,
            ",\"roads\":{roads},\"alerts\":{alerts},\"kpi\":{kpi},\"decisions\":{decisions},\"refused\":{refused},\"noted\":{noted},\"failed\":{failed},\
             \"applied\":{applied},\"digest\":\"{digest:016x}\"}}"
        );
        body
    }

    /// One page of one part. `next` is where the page after it begins, `null` at the end.
    pub(crate) fn page(&self, page: &Page, seen: &Glimpse, memory: &Memory, pace: f64) -> String {
        let name = Part::ALL.iter().find(|(_, part)| *part == page.part).map_or("", |&(name, _)| name);
        let mut body = format!("{{\"part\":\"{name}\",\"{name}\":");
        let (after, number) = match &page.after {
            After::Nothing => (Bound::Unbounded, 0),
            After::Name(name) => (Bound::Excluded(name), 0),
            After::Number(number) => (Bound::Unbounded, *number),
        };
        let behind = (after, Bound::<&Name>::Unbounded);
        let most = page.limit;
        let mut next = None;
        match page.part {
            Part::Vehicles => {
                let mut found = self.vehicles.range::<Name, _>(behind);
                let shown: Vec<_> = found.by_ref().take(most).collect();
                vehicles(&mut body, shown.iter().map(|(_, fragment)| *fragment));
                next = shown.last().filter(|_| found.next().is_some()).map(|(name, _)| text(&name.as_str()));
            }
            Part::Orders if !page.filter.is_empty() => {
                let fleet = &seen.fleet;
                let over = if page.filter.is_of_the_past() { over(fleet, behind) } else { Vec::new() };
                let open = self.orders.range::<Name, _>(behind).filter(|_| !page.filter.is_of_the_past());
                let open = open.filter_map(|(name, _)| Some((name, fleet.order_id(name.as_str())?)));
                let among = open.chain(over).map(|(name, id)| (name, id, order(seen, memory, id)));
                let mut found = among.filter(|(_, id, order)| page.filter.takes(fleet, *id, order));
                let shown: Vec<_> = found.by_ref().take(most).collect();
                let bodies: Vec<String> = shown.iter().map(|(.., order)| text(order)).collect();
                join(&mut body, bodies.iter().map(String::as_str));
                next = shown.last().filter(|_| found.next().is_some()).map(|(name, ..)| text(&name.as_str()));
            }
            Part::Orders => {
                let mut found = self.orders.range::<Name, _>(behind);
                let shown: Vec<_> = found.by_ref().take(most).collect();
                join(&mut body, shown.iter().map(|(_, fragment)| &***fragment));
                next = shown.last().filter(|_| found.next().is_some()).map(|(name, _)| text(&name.as_str()));
            }
            Part::Roads => body.push_str(&self.roads),
            Part::Alerts => body.push_str(&self.alerts),
            Part::Kpi => body.push_str(&text(&kpi(seen, self.late, pace))),
            Part::Decisions => {
                let found: Vec<&Decision> = memory.decisions.iter().filter(|decision| decision.n > number).collect();
                let shown = &found[..found.len().min(most)];
                next = shown.last().filter(|_| shown.len() < found.len()).map(|last| last.n.to_string());
                body.push_str(&text(&shown));
            }
            Part::Refused => {
                let found: Vec<&Refusal> = memory.refused.iter().filter(|refusal| refusal.seq > number).collect();
                let shown = &found[..found.len().min(most)];
                next = shown.last().filter(|_| shown.len() < found.len()).map(|last| last.seq.to_string());
                body.push_str(&text(&shown));
            }
        }
        let _ =
            write!(body, ",\"next\":{},\"applied\":{}}}", next.as_deref().unwrap_or("null"), seen.fleet.applied().0);
        body
    }

    /// The body of a delta: only what changed. `moved` has vehicles of which nothing but the position changed: id, longitude,
    /// latitude, when; `roads` and `alerts` have all of them, if one changed.
    pub(crate) fn changes(&self, seen: &Glimpse, memory: &Memory, pending: Pending, pace: f64) -> String {
        let Pending { stale, decisions, refused, noted } = pending;
        let fleet = &seen.fleet;
        let mut body = String::from("{\"vehicles\":");
        vehicles(&mut body, stale.vehicles.iter().filter_map(|&id| self.vehicles.get(&fleet.vehicle(id).name)));
        body.push_str(",\"orders\":");
        let orders = stale.orders.iter().filter_map(|&id| {
            let name = known(fleet, id)?;
            // One that is over is in no picture any more; its end is told all the same.
            Some(self.orders.get(name).map_or_else(|| text(&order(seen, memory, id)), ToString::to_string))
        });
        let orders: Vec<String> = orders.collect();
        join(&mut body, orders.iter().map(String::as_str));
        let moved: BTreeSet<VehicleId> = stale.moved.difference(&stale.vehicles).copied().collect();
        let moved: Vec<Moved<'_>> = moved
            .iter()
            .filter(|&&id| self.vehicles.contains_key(&fleet.vehicle(id).name))
            .filter_map(|&id| {
                let here = fleet.vehicle(id).last_heard()?;
                let [lon, lat] = lon_lat(fleet.zone().space, here.position);
                Some((fleet.vehicle(id).name.as_str(), lon, lat, here.at.0))
            })
            .collect();
        let (moved, decisions, refused) = (text(&moved), text(&decisions), text(&refused));
        let kpi = text(&kpi(seen, self.late, pace));
        let _ = write!(body, ",\"moved\":{moved},\"decisions\":{decisions},\"refused\":{refused},\"kpi\":{kpi}");
        if stale.roads {
            let _ = write!(body, ",\"roads\":{}", self.roads);
        }
        if stale.alerts {
            let _ = write!(body, ",\"alerts\":{}", self.alerts);
        }
        if !noted.is_empty() {
            let _ = write!(body, ",\"noted\":{}", text(&noted));
        }
        body.push('}');
        body
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Arc;

    use fleetfold_engine::{Effect, Engine, Input};
    use fleetfold_fleet::{Fleet, Tally};
    use fleetfold_journal::Outcome;
    use fleetfold_model::{
        BreakEvent, DrivingRule, Event, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name,
        NetworkSpec, Order, OrderWork, Pin, Policy, Position, Shift, Space, StopEvent, StopKind, StopSpec, Timestamp,
        Vehicle, VehicleCosts, ZoneOpened,
    };
    use fleetfold_roads::Network;
    use serde_json::Value;

    use super::{Kept, Pending, Stale};
    use crate::live::handover::Glimpse;
    use crate::view::Memory;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp(minutes * 60_000)
    }

    fn km(x: i32) -> Position {
        Position { x: x * 1_000_000, y: 0 }
    }

    /// An engine on a plane, on which a vehicle drives a kilometre a minute. Its driver may drive 30 minutes without a break, and 60 in a shift.
    struct Zone {
        engine: Engine,
        seq: u64,
    }

    impl Zone {
        fn new() -> Self {
            let network = NetworkSpec::Line {
                space: Space::Planar,
                metres_per_minute: 1000.0,
                detour_percent: 100,
                round_up_seconds: 0,
            };
            let engine = Engine::new(Fleet::new(), Arc::new(Network::new(&network).unwrap()));
            let mut zone = Self { engine, seq: 0 };
            zone.input(Input::Commit(Outcome::Granted(1)), at(0));
            let policy = Policy { search_rounds: 0, departure_margin: Millis(0), ..Policy::default() };
            zone.fact(
                at(0),
                Event::ZoneOpened(ZoneOpened {
                    timezone: "UTC".into(),
                    space: Space::Planar,
                    day_start: at(0),
                    log_start: at(0),
                    utc_offset: Millis(0),
                    rate: 1,
                    policy,
                }),
            );
            let rule = DrivingRule {
                driving_max: Millis(30 * 60_000),
                pause: Millis(20 * 60_000),
                first_part: Millis(0),
                service_counts: false,
                shift_driving_max: Some(Millis(60 * 60_000)),
                duty_max: None,
            };
            zone.fact(
                at(0),
                Event::VehicleRegistered(Vehicle {
                    name: name("a"),
                    capacity: Load([4, 0, 0, 0]),
                    skills: Vec::new(),
                    costs: VehicleCosts::default(),
                    time_factor: 1000,
                    start: km(0),
                    end: Some(km(0)),
                    shift: Some(Shift { starts: at(0), ends: at(600), breaks: Vec::new() }),
                    stops_max: None,
                    lifo: false,
                    driving_time: Some(rule),
                    reload: None,
                }),
            );
            zone.fact(at(0), Event::ShiftStarted { vehicle: name("a"), shift: None, position: None });
            let stop = StopSpec { position: km(40), windows: Vec::new(), service: Millis(0), setup: Millis(0) };
            zone.fact(
                at(0),
                Event::OrderCreated(Order {
                    name: name("far"),
                    work: OrderWork::Job(Job { stop, direction: LoadDirection::Pickup }),
                    load: Load([1, 0, 0, 0]),
                    skills: Vec::new(),
                    priority: 0,
                    release: None,
                    promised: None,
                    placed: at(0),
                }),
            );
            zone.fact(at(0), Event::AssignmentForced(Pin { order: name("far"), vehicle: name("a") }));
            zone
        }

        fn fact(&mut self, now: Timestamp, event: Event) {
            let entry = self.entry(now, event);
            self.input(Input::Entry(entry), now);
        }

        fn entry(&mut self, now: Timestamp, event: Event) -> LogEntry {
            self.seq += 1;
            let (seq, hash) = (LogSeq(self.seq), MessageHash(u128::from(self.seq)));
            LogEntry { numbered: None, seq, logged_at: now, id: self.seq, time: None, hash, event }
        }

        fn input(&mut self, input: Input, now: Timestamp) {
            let mut inputs = VecDeque::from([input]);
            while let Some(input) = inputs.pop_front() {
                let mut effects = Vec::new();
                self.engine.handle(input, &mut effects);
                for effect in effects {
                    if let Effect::Append { event, .. } = effect {
                        let entry = self.entry(now, Arc::unwrap_or_clone(event));
                        inputs.push_back(Input::Entry(entry));
                    }
                }
            }
        }

        fn seen(&self, now: Timestamp) -> Glimpse {
            Glimpse { now, ..Glimpse::of(&self.engine, &Tally::default(), 0, now) }
        }
    }

    fn shown(kept: &Kept) -> (Value, Value) {
        let fragment = &kept.vehicles[&name("a")];
        let read = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
        (read(&fragment.head)["status"].clone(), read(&fragment.route)["hours"].clone())
    }

    /// The way home counts for the hours of a vehicle, and what only the time changes becomes stale with the time.
    #[test]
    fn breaks_end_and_hours_pass_in_a_picture_without_a_fact() {
        let mut zone = Zone::new();
        let memory = Memory::default();
        let broken = |what: &str, seconds: i64, planned: bool| serde_json::json!({ "what": what, "by_seconds": seconds, "planned": planned });
        let pause = BreakEvent { vehicle: name("a"), at: at(1), duration: Some(Millis(5 * 60_000)), position: None };
        zone.fact(at(1), Event::BreakStarted(pause));
        let mut kept = Kept::new(&zone.seen(at(2)), &memory);
        assert_eq!(shown(&kept), ("on break".into(), broken("shift_driving", 20 * 60, true)));
        let update = |kept: &mut Kept, seen: &Glimpse| {
            let is_changed = kept.update(seen, &memory, Stale::default(), &mut Pending::default());
            kept.check(seen, &memory).unwrap();
            is_changed
        };
        assert!(!update(&mut kept, &zone.seen(at(5))), "nothing has changed");
        assert!(update(&mut kept, &zone.seen(at(7))));
        assert_eq!(shown(&kept).0, "waiting");
        // He drives for longer than he may, and nothing is told.
        let stop = StopKind::Delivery;
        let departs = StopEvent { vehicle: name("a"), order: name("far"), stop, at: at(10), position: None };
        zone.fact(at(10), Event::StopDeparted(departs));
        let mut kept = Kept::new(&zone.seen(at(10)), &memory);
        assert_eq!(shown(&kept), ("driving".into(), broken("shift_driving", 20 * 60, true)));
        assert!(update(&mut kept, &zone.seen(at(43))));
        assert_eq!(shown(&kept).1, broken("driving", 3 * 60, false));
    }
}
