//! Orders and vehicles change their zone: `fleetfold zone handover` and `fleetfold zone split`.
//!
//! What changes its zone does so by a pair of facts with one source and one id: the first one, in the zone it leaves, is a
//! cancellation or the end of a shift; the second one, in the zone it comes to, creates the order or starts the shift. Between them
//! it is in neither zone's plan. The second fact is written only after the first one was read back from the log and had its
//! effect, so that what was served meanwhile is not created anew.
//!
//! Nothing is remembered outside the two logs. A run first completes what an earlier one has begun: what the first zone has given
//! away and the second one has not taken. The id makes repeats harmless.

mod area;
mod commands;
mod side;

use std::collections::BTreeMap;

use fleetfold_fleet::{Fleet, OrderState, VehicleState};
use fleetfold_journal::ZoneName;
use fleetfold_journal::address::token;
use fleetfold_model::{Event, Load, Millis, Name, Position, StopKind, Timestamp, ZoneOpened};
use fleetfold_wire::{EventType, encode};
use futures::StreamExt;

use crate::clock;
use crate::failure::Failure;
use crate::feed::{append_fact, append_message};
use crate::log::{Log, Stream};
use crate::personal::Closed;
use area::Area;
pub(crate) use commands::zone;
use side::{Given, Side};

/// An order stays where it is if the drive to it begins within this time (zone time): the driver would be sent back.
const SOON: Millis = Millis(60_000);
/// A hand-over that was begun longer ago than this (log time) is not completed: the zone it goes to may have forgotten its id
/// (`retire_after_seconds` of the policy, a day by default), and would take it twice.
const OLD: Millis = Millis(20 * 3_600_000);
/// Facts that are under way to the log at a time.
const AT_ONCE: usize = 64;

/// The source of both facts of a pair.
fn source(from: &ZoneName, to: &ZoneName) -> String {
    format!("/handover/{}/{}", from.key(), to.key())
}

/// Why something stays where it is: a short word for counting.
type Stays = &'static str;

/// An order that came from the other zone, or another one of its name, which that zone still remembers (`retire_after_seconds` of its policy).
const NAME_IS_TAKEN: Stays = "the other zone has, or had, an order of that name";

/// What a run has done.
#[derive(Debug, Default, serde::Serialize)]
pub(crate) struct Done {
    /// Hand-overs of an earlier run that this one has completed.
    pub(crate) completed: usize,
    /// Orders handed over.
    pub(crate) orders: usize,
    /// Vehicles handed over.
    pub(crate) vehicles: usize,
    /// What is in the area and stays, by reason.
    pub(crate) stays: BTreeMap<Stays, usize>,
    /// Vehicles whose drivers had driven so many seconds under a rule of driving times (`driving_time`) when they were handed over. No fact could
    /// tell the other zone of it: it counts their hours anew.
    pub(crate) hours_begin_anew: BTreeMap<String, i64>,
    /// What left the first zone and did not come to the second one: ids of hand-overs. Something is wrong if there are any.
    pub(crate) lost: Vec<String>,
}

/// The two zones.
struct Pair {
    log: Log,
    source: String,
    from: Side,
    to: Side,
}

impl Pair {
    /// Folds both logs. `opens`: a zone that is new is opened as the one it is split from.
    async fn read(log: &Log, from: &ZoneName, to: &ZoneName, opens: bool) -> Result<Self, Failure> {
        if from == to {
            return Err(Failure::new(format!("{from} is both zones"), "name two different zones"));
        }
        let source = source(from, to);
        let Some(first) = Side::read(log, from, source.clone()).await? else {
            return Err(Failure::new(
                format!("the log holds nothing of zone {from}"),
                "check --log, --tenant and --from",
            ));
        };
        if opens {
            log.make_zone(to).await?;
        }
        let mut second = Side::read(log, to, source.clone()).await?;
        if second.is_none() && !opens {
            return Err(Failure::new(
                format!("the log holds nothing of zone {to}"),
                "check --to; with --open it is opened with the clock and the coordinates of the other one",
            ));
        }
        if second.is_none() {
            open_like(log, first.fleet(), to, &source).await?;
            second = Side::read(log, to, source.clone()).await?;
        }
        let Some(second) = second else {
            return Err(Failure::new(format!("zone {to} could not be opened"), "check the rights on its subjects"));
        };
        same_clock(first.fleet(), second.fleet(), from, to)?;
        Ok(Self { log: log.clone(), source, from: first, to: second })
    }

    /// Completes what was begun: what the first zone has given and the second one has not taken. Returns how many there were.
    async fn complete(&mut self, done: &mut Done) -> Result<usize, Failure> {
        let now = clock::wall();
        let open: Vec<(String, Given, Timestamp)> = self
            .from
            .given
            .iter()
            .filter(|(id, _)| !self.to.taken.contains(*id))
            .map(|(id, (given, at))| (id.clone(), given.clone(), *at))
            .collect();
        let (old, open): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, _, at)| now - *at > OLD);
        for (id, ..) in old {
            if !done.lost.contains(&id) {
                done.lost.push(id);
            }
        }
        let (space, at) = (self.to.fleet().zone().space, self.to.fleet().now());
        let refused = self.refusals();
        let refusal = |(order, vehicle): &(Name, Name)| {
            let id = format!("refused/{}/{}", token(order.as_str()), token(vehicle.as_str()));
            (id, Event::AssignmentRejected { vehicle: vehicle.clone(), order: order.clone() }, None)
        };
        let mut facts = Vec::new();
        for (id, given, _) in &open {
            match given {
                Given::Order(order, called) => {
                    let created = Event::OrderCreated((**order).clone());
                    let mut message = encode(&created, space, &self.source, id, at);
                    called.put_into(&mut message);
                    let message = message.to_bytes();
                    let message = match self.to.words.close(EventType::OrderCreated, &created, &message).await? {
                        Closed::Plain => message.into(),
                        Closed::Encrypted(closed) | Closed::Forgotten(closed) => closed,
                        Closed::Unreadable(error) => {
                            return Err(Failure::new(
                                format!("{}: what was given cannot be written: {error}", order.name),
                                "report it",
                            ));
                        }
                    };
                    let mut all = vec![(id.clone(), created, Some(message))];
                    let knows = |vehicle: &Name| self.to.vehicle(vehicle).is_some_and(|known| known.spec.is_some());
                    let of_it = refused.iter().filter(|(name, vehicle)| *name == order.name && knows(vehicle));
                    all.extend(of_it.map(refusal));
                    facts.push(all);
                }
                Given::Vehicle { spec, shift, position, driven: _ } => {
                    let registered = (format!("{id}/registered"), Event::VehicleRegistered((**spec).clone()), None);
                    let position = self.last_position(&spec.name).await.or(*position);
                    let started = Event::ShiftStarted { vehicle: spec.name.clone(), shift: shift.clone(), position };
                    let mut all = vec![registered];
                    // Before its shift, so that it is given nothing that its driver has refused.
                    let is_open = |order: &Name| self.to.order(order).is_some_and(|order| order.closed.is_none());
                    let of_it = refused.iter().filter(|(order, vehicle)| *vehicle == spec.name && is_open(order));
                    all.extend(of_it.map(refusal));
                    all.push((id.clone(), started, None));
                    facts.push(all);
                }
            }
        }
        let (log, zone, source) = (&self.log, &self.to.zone, &self.source);
        let written: Vec<Result<(), Failure>> = futures::stream::iter(facts)
            .map(|all| async move {
                for (id, event, message) in all {
                    if let Some(message) = message {
                        append_message(log, zone, &event, message, source, &id).await?;
                    } else {
                        append_fact(log, zone, &event, space, source, &id, at).await?;
                    }
                }
                Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        written.into_iter().collect::<Result<(), Failure>>()?;
        self.to.read_on().await?;
        for (id, given, _) in &open {
            let is_there = match given {
                Given::Order(order, _) => self.to.fleet().order_id(order.name.as_str()).is_some(),
                Given::Vehicle { spec, .. } => {
                    self.to.vehicle(&spec.name).is_some_and(|vehicle| vehicle.spec.is_some())
                }
            };
            match given {
                Given::Order(..) => done.orders += 1,
                Given::Vehicle { spec, driven, .. } => {
                    done.vehicles += 1;
                    done.hours_begin_anew.extend(driven.map(|time| (spec.name.to_string(), time.0 / 1000)));
                }
            }
            if !is_there || !self.to.taken.contains(id) {
                done.lost.push(id.clone());
            }
        }
        Ok(open.len())
    }

    /// Which orders of the first zone which of its drivers have refused.
    fn refusals(&self) -> Vec<(Name, Name)> {
        let fleet = self.from.fleet();
        let of = |order: &OrderState| {
            let name = order.name.clone();
            order.rejected_by.iter().map(|&id| (name.clone(), fleet.vehicle(id).name.clone())).collect::<Vec<_>>()
        };
        fleet.orders().iter().flat_map(of).collect()
    }

    /// The last reported position of a vehicle in the first zone: newer than what its facts tell.
    async fn last_position(&self, vehicle: &Name) -> Option<Position> {
        let subject = self.from.zone.subject(&fleetfold_journal::Address::of_position(vehicle));
        let message = self.log.last(Stream::Position, &subject).await.ok().flatten()?;
        match fleetfold_wire::decode(&message.bytes).ok()?.what {
            fleetfold_wire::What::Position(of, position, _) if of == *vehicle => Some(position),
            // Whoever reports for another vehicle is not believed.
            fleetfold_wire::What::Position(..) | fleetfold_wire::What::Event(_) => None,
        }
    }

    /// Writes the first facts of hand-overs, and reads them back.
    async fn give(&mut self, facts: Vec<(String, Event)>) -> Result<(), Failure> {
        let (space, at) = (self.from.fleet().zone().space, self.from.fleet().now());
        let (log, zone, source) = (&self.log, &self.from.zone, &self.source);
        let written: Vec<Result<(), Failure>> = futures::stream::iter(facts)
            .map(|(id, event)| async move {
                append_fact(log, zone, &event, space, source, &id, at).await?;
                Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        written.into_iter().collect::<Result<(), Failure>>()?;
        self.from.read_on().await
    }

    /// Hands over the open orders of an area.
    async fn orders(&mut self, area: &Area, done: &mut Done) -> Result<(), Failure> {
        let fleet = self.from.fleet();
        let mut facts = Vec::new();
        for id in fleet.open_orders() {
            let order = fleet.order(id);
            if !stops(order).all(|place| area.holds(place)) {
                continue;
            }
            if let Some(why) = order_stays(fleet, order, self.to.fleet()) {
                *done.stays.entry(why).or_default() += 1;
            } else {
                let id = format!("order/{}/{}", token(order.name.as_str()), order.created.0);
                facts.push((id, Event::OrderCancelled { order: order.name.clone() }));
            }
        }
        self.give(facts).await?;
        self.complete(done).await.map(|_| ())
    }

    /// Hands over vehicles.
    async fn vehicles(&mut self, which: &[Name], done: &mut Done) -> Result<(), Failure> {
        let mut facts = Vec::new();
        for name in which {
            let Some(vehicle) = self.from.vehicle(name) else { continue };
            if let Some(why) = vehicle_stays(self.from.fleet(), vehicle, self.to.vehicle(name)) {
                *done.stays.entry(why).or_default() += 1;
            } else {
                let id = format!("vehicle/{}/{}", token(name.as_str()), self.from.fleet().applied().0);
                let at = self.from.fleet().now();
                facts.push((id, Event::ShiftEnded { vehicle: name.clone(), at }));
            }
        }
        self.give(facts).await?;
        self.complete(done).await.map(|_| ())
    }

    /// Vehicles at work that are in an area.
    async fn vehicles_in(&self, area: &Area) -> Vec<Name> {
        let mut found = Vec::new();
        for vehicle in self.from.fleet().vehicles().iter().filter(|vehicle| vehicle.is_available()) {
            let told = vehicle.whereabouts().map(|anchor| anchor.position);
            if self.last_position(&vehicle.name).await.or(told).is_some_and(|place| area.holds(place)) {
                found.push(vehicle.name.clone());
            }
        }
        found
    }
}

/// Hands one vehicle over.
///
/// # Errors
///
/// When it cannot be handed over now, or the log does not answer. `opens`: the other zone may be new.
async fn hand_over(
    log: &Log,
    (from, to): (&ZoneName, &ZoneName),
    vehicle: &Name,
    opens: bool,
) -> Result<Done, Failure> {
    let mut pair = Box::pin(Pair::read(log, from, to, opens)).await?;
    let mut done = Done::default();
    done.completed = pair.complete(&mut done).await?;
    let is_there = |side: &Side| side.vehicle(vehicle).is_some_and(|state| state.on && state.spec.is_some());
    let is_done = |pair: &Pair| is_there(&pair.to) && !is_there(&pair.from);
    if is_done(&pair) {
        return Ok(done); // this run or an earlier one has done it
    }
    if pair.from.vehicle(vehicle).is_none() {
        return Err(Failure::new(format!("zone {from} knows no vehicle {vehicle}"), "check --vehicle and --from"));
    }
    pair.vehicles(std::slice::from_ref(vehicle), &mut done).await?;
    if let Some(why) = done.stays.keys().next() {
        // Another run may have handed it over while this one looked.
        pair.from.read_on().await?;
        if is_done(&pair) {
            done.stays.clear();
            return Ok(done);
        }
        let what = format!("vehicle {vehicle} stays in {from} for now: {why}");
        return Err(Failure::new(what, "hand it over when that is over"));
    }
    Ok(done)
}

/// Hands over the open orders of an area, and the vehicles in it.
///
/// # Errors
///
/// When the area cannot be read, or the log does not answer.
async fn split(log: &Log, from: &ZoneName, to: &ZoneName, area: &str) -> Result<Done, Failure> {
    let mut pair = Box::pin(Pair::read(log, from, to, true)).await?;
    let area = Area::parse(area, pair.from.fleet().zone().space)
        .map_err(|what| Failure::new(format!("--area: {what}"), "give a GeoJSON polygon or LON,LAT LON,LAT LON,LAT"))?;
    let mut done = Done::default();
    done.completed = pair.complete(&mut done).await?;
    // Orders first: a vehicle that goes before its orders would leave them to vehicles that stay.
    pair.orders(&area, &mut done).await?;
    let which = pair.vehicles_in(&area).await;
    if done.stays.contains_key(NAME_IS_TAKEN) {
        // They cannot go before the other zone has forgotten those names: the vehicles stay to serve them.
        *done.stays.entry("it is needed for orders that stay").or_default() += which.len();
        return Ok(done);
    }
    pair.vehicles(&which, &mut done).await?;
    Ok(done)
}

/// Where an order is still to be served.
fn stops(order: &OrderState) -> impl Iterator<Item = Position> + '_ {
    [StopKind::Pickup, StopKind::Delivery].into_iter().filter_map(|kind| order.stop(kind)).map(|stop| stop.position)
}

/// Why an open order cannot change its zone now.
fn order_stays(from: &Fleet, order: &OrderState, to: &Fleet) -> Option<Stays> {
    let begun = |stop| order.progress(stop).departed.is_some() || order.progress(stop).arrived.is_some();
    if order.on_board.is_some() || order.rescue_from.is_some() || order.pickup.is_done() {
        return Some("its goods have been picked up");
    }
    if begun(StopKind::Pickup) || begun(StopKind::Delivery) || starts_soon(from, order) {
        return Some("a driver is on the way to it");
    }
    if order.held_until.is_some() {
        return Some("its slot is kept for a customer who has not taken it yet");
    }
    if order.pinned.is_some() {
        return Some("it is pinned to a vehicle");
    }
    if to.order_id(order.name.as_str()).is_some() {
        return Some(NAME_IS_TAKEN);
    }
    None
}

/// Whether a driver goes to an order now or within a minute.
fn starts_soon(fleet: &Fleet, order: &OrderState) -> bool {
    let fleetfold_fleet::Placement::OnRoute(vehicle) = order.placement else { return false };
    let route = &fleet.vehicle(vehicle).route;
    let first = route.visits.first().filter(|visit| visit.depart_at <= fleet.now() + SOON);
    first.is_some_and(|visit| fleet.order(visit.order).name == order.name)
}

/// Why a vehicle cannot change its zone now.
fn vehicle_stays(from: &Fleet, vehicle: &VehicleState, there: Option<&VehicleState>) -> Option<Stays> {
    if !vehicle.is_available() {
        return Some("it is not at work");
    }
    // What only this vehicle may serve would be left without one.
    let mut on_route = vehicle.route.visits.iter().map(|visit| from.order(visit.order));
    if on_route.clone().any(|order| order.pinned.is_some()) {
        return Some("an order is pinned to it");
    }
    if on_route.any(|order| order.held_until.is_some()) {
        return Some("it keeps a slot for a customer");
    }
    // What it has had of its shift is told by no fact that the other zone could be given.
    if vehicle.on_break.is_some_and(|_| vehicle.break_that_was_over().is_none()) {
        return Some("its driver takes a break");
    }
    if vehicle.spec.as_ref().is_some_and(|spec| spec.stops_max.is_some()) && vehicle.stops_done > 0 {
        return Some("it has done some of the stops that it may do in this shift");
    }
    if vehicle.reloads.since.is_some() {
        return Some("it is being loaded at a depot");
    }
    let has_limit =
        vehicle.spec.as_ref().and_then(|spec| spec.reload.as_ref()).is_some_and(|it| it.times_max.is_some());
    if has_limit && vehicle.reloads.times > 0 {
        return Some("it has been loaded some of the times that it may be in this shift");
    }
    if !vehicle.on_board.is_empty() {
        return Some("it carries goods");
    }
    // The other zone would take it to have all its room, and a van with depots to be loaded where it is.
    if vehicle.kept != Load::default() {
        return Some("goods that could not be delivered are on board");
    }
    if vehicle.is_on_trip() {
        return Some("it has left its start, and what it delivers from now on comes from a depot");
    }
    if vehicle.under_way.is_some() {
        return Some("it is on the way to a stop");
    }
    if there.is_some_and(|there| there.on) {
        return Some("the other zone has a vehicle of that name at work");
    }
    None
}

/// Orders carry times of their zone: both zones must have the same.
fn same_clock(a: &Fleet, b: &Fleet, from: &ZoneName, to: &ZoneName) -> Result<(), Failure> {
    let (now, a, b) = (clock::wall(), a.zone(), b.zone());
    let apart = (a.zone_time(now) - b.zone_time(now)).0.abs();
    if a.space == b.space && a.rate == b.rate && apart <= 1_000 {
        return Ok(());
    }
    Err(Failure::new(
        format!("zones {from} and {to} have different coordinates or times: an order would not keep its promise"),
        "open the new zone with the coordinates, the rate and the times of the other one",
    ))
}

/// Opens a new zone with the times, the coordinates, the policy and the closed roads of another one.
async fn open_like(log: &Log, like: &Fleet, zone: &ZoneName, source: &str) -> Result<(), Failure> {
    let clock = like.zone();
    let opened = Event::ZoneOpened(ZoneOpened {
        timezone: clock.timezone.clone(),
        space: clock.space,
        day_start: clock.day_start,
        log_start: clock.log_start,
        utc_offset: clock.utc_offset,
        rate: clock.rate,
        policy: like.policy().clone(),
    });
    append_fact(log, zone, &opened, clock.space, source, "opened", like.now()).await?;
    for (name, road) in like.roads().iter().filter(|(_, road)| !road.ended) {
        let change = road.change.clone();
        let event = if road.closed { Event::RoadClosed(change) } else { Event::RoadSlowed(change) };
        append_fact(log, zone, &event, clock.space, source, &format!("road/{}", token(name.as_str())), like.now())
            .await?;
    }
    Ok(())
}
