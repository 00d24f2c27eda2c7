//! What a screen shows: documents made from the fleet, and never read back.

mod documents;
pub(crate) mod stories;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use fleetfold_engine::Engine;
use fleetfold_fleet::{Closed, Flag, Placement, Refused, Tally};
use fleetfold_model::{
    Choice, LogSeq, Name, Obstacle, OrderId, Position, Proposal, RoadTarget, Space, StopKind, Timestamp,
    UnassignedReason, VehicleId,
};

pub(crate) use documents::*;

/// Decisions kept for the screen.
const DECISIONS_MAX: usize = 400;
/// Lines kept of one order's or vehicle's story.
const STORY_MAX: usize = 40;
/// Refused and rejected facts kept for the screen.
const REFUSED_MAX: usize = 100;

/// What the screen needs beside the fleet: decisions in words, stories, refusals.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) decisions: VecDeque<Decision>,
    pub(crate) refused: VecDeque<Refusal>,
    stories: BTreeMap<Name, VecDeque<Told>>,
    next: u64,
}

/// A place as longitude and latitude. A plane is laid on the map around 0, 0 (metres over metres per degree).
pub(crate) fn lon_lat(space: Space, place: Position) -> [f64; 2] {
    let round = |value: f64| (value * 1e6).round() / 1e6;
    match space {
        Space::Geographic => [round(f64::from(place.x) / 1e7), round(f64::from(place.y) / 1e7)],
        Space::Planar => [round(f64::from(place.x) / 111_194_900.0), round(f64::from(place.y) / 111_194_900.0)],
    }
}

fn reason_words(reason: UnassignedReason) -> &'static str {
    match reason {
        UnassignedReason::NoVehicle => "no vehicle is on shift for it",
        UnassignedReason::Skills => "no vehicle has the skills",
        UnassignedReason::Capacity => "no vehicle can hold the load",
        UnassignedReason::Shift => "no vehicle is there within its shift",
        UnassignedReason::Unreachable => "no road leads there",
        UnassignedReason::Rejected => "every driver who could has rejected it, or its pinned vehicle cannot",
        UnassignedReason::NoPlace => "no route has a place for it",
    }
}

fn minutes(millis: i64) -> String {
    let seconds = millis / 1000;
    if seconds.abs() < 60 { format!("{seconds} s") } else { format!("{} min", (seconds + 30) / 60) }
}

/// A decision in words.
fn choice_words(choice: &Choice) -> String {
    let mut words = match (&choice.vehicle, choice.reason) {
        (Some(vehicle), _) => match &choice.previous {
            Some(previous) if previous != vehicle => {
                format!("order {} moved {previous} → {vehicle}, {} detour", choice.order, minutes(choice.detour.0))
            }
            _ => format!("order {} → {vehicle}, {} detour", choice.order, minutes(choice.detour.0)),
        },
        (None, reason) => {
            format!("order {} unassigned: {}", choice.order, reason_words(reason.unwrap_or(UnassignedReason::NoPlace)))
        }
    };
    if let Some(runner_up) = &choice.runner_up {
        let why = match choice.runner_up_obstacle {
            Obstacle::Dearer => format!("+{}", minutes(choice.runner_up_extra.0)),
            Obstacle::Skills => "lacks a skill or may not serve it".to_owned(),
            Obstacle::Capacity => "is full".to_owned(),
            Obstacle::Lateness => format!("would be late, +{}", minutes(choice.runner_up_extra.0)),
            Obstacle::Shift => "its shift ends too early".to_owned(),
        };
        let whom = if choice.vehicle.is_some() { "runner-up" } else { "the nearest miss is" };
        let _ = write!(words, "; {whom} {runner_up}, {why}");
    }
    if choice.joint > 1 {
        let _ = write!(words, " (part of a joint change of {} orders)", choice.joint);
    }
    words
}

impl Memory {
    /// A plan came back: its accepted groups become decisions in words.
    pub(crate) fn plan(&mut self, proposal: &Proposal, accepted: &[bool], at: Timestamp) -> Vec<Decision> {
        let mut new = Vec::new();
        for (group, _) in proposal.groups.iter().zip(accepted).filter(|(_, accepted)| **accepted) {
            for choice in &group.choices {
                self.next += 1;
                let words = choice_words(choice);
                self.tell(&choice.order, at, &words);
                if let Some(vehicle) = &choice.vehicle {
                    self.tell(vehicle, at, &words);
                }
                let decision = Decision {
                    n: self.next,
                    at: at.0,
                    rev: proposal.rev,
                    order: choice.order.to_string(),
                    vehicle: choice.vehicle.as_ref().map(Name::to_string),
                    kind: if proposal.search.rounds > 0 { "improvement" } else { "answer" },
                    words,
                };
                self.decisions.push_back(decision.clone());
                new.push(decision);
            }
        }
        while self.decisions.len() > DECISIONS_MAX {
            self.decisions.pop_front();
        }
        new
    }

    /// One more line in an entity's story.
    pub(crate) fn tell(&mut self, who: &Name, at: Timestamp, words: &str) {
        let story = self.stories.entry(who.clone()).or_default();
        story.push_back(Told { at: at.0, words: words.to_owned() });
        if story.len() > STORY_MAX {
            story.pop_front();
        }
    }

    /// An order left the state: its story goes too.
    pub(crate) fn forget(&mut self, who: &Name) {
        self.stories.remove(who);
    }

    /// A fact made no sense.
    pub(crate) fn refuse(&mut self, seq: LogSeq, at: Timestamp, reason: &str, detail: &str) -> Refusal {
        let refused = Refusal { seq: seq.0, at: at.0, reason: reason.to_owned(), detail: detail.to_owned() };
        self.refused.push_back(refused.clone());
        if self.refused.len() > REFUSED_MAX {
            self.refused.pop_front();
        }
        refused
    }

    /// The lines of a vehicle or order, oldest first.
    pub(crate) fn story(&self, who: &Name) -> Vec<&Told> {
        self.stories.get(who).into_iter().flatten().collect()
    }
}

pub(crate) fn refused_words(reason: Refused) -> &'static str {
    match reason {
        Refused::DuplicateEvent => "the same event came again",
        Refused::OrderExists => "the order exists already; use order.updated",
        Refused::OrderClosed => "the order is over",
        Refused::StopDone => "the stop was served or failed before",
        Refused::NoSuchStop => "the order has no such stop",
        Refused::OnBoard => "its goods are on board; only that vehicle can bring them",
        Refused::NotOnRoute => "the order is not on this vehicle's route",
        Refused::NotOnShift => "the vehicle has not signed on",
        Refused::UnknownVehicle => "no such vehicle",
        Refused::UnknownOrder => "no such order",
        Refused::TooManySkills => "more than 64 different skills in one zone",
        Refused::ZoneOpen => "the zone is open already",
        Refused::OldEpoch => "a plan of an engine that no longer owns the zone",
        Refused::BrokenChain => "a plan that does not follow the last one",
        Refused::NoFactor => "a slowed road without its factor",
        Refused::AtStop => "another vehicle stands at its stop",
        Refused::OldFeatures => "what an earlier owner learned, too late",
        Refused::OldPosition => "a position older than the one known",
    }
}

pub(crate) fn flag_words(flag: Flag) -> &'static str {
    match flag {
        Flag::Gap => "an earlier stage was never reported",
        Flag::ClockSkew => "its clock runs ahead; log time is used",
        Flag::Conflict => "it contradicts the plan or a cancellation",
    }
}

/// One vehicle for the screen.
pub(crate) fn vehicle(engine: &Engine, id: VehicleId, detail: bool) -> Vehicle<'_> {
    let fleet = engine.fleet();
    let state = fleet.vehicle(id);
    let space = fleet.zone().space;
    let here = state.whereabouts();
    let frozen = state.frozen(engine.now());
    let visits: Vec<Visit<'_>> = state
        .route
        .visits
        .iter()
        .enumerate()
        .filter_map(|(index, visit)| {
            let order = fleet.order(visit.order);
            let stop = order.stop(visit.stop)?;
            let late = stop.due.is_some_and(|due| visit.start > due);
            Some(Visit {
                order: order.name.as_str(),
                stop: if visit.stop == StopKind::Pickup { "pickup" } else { "delivery" },
                at: lon_lat(space, stop.position),
                arrival: visit.arrival.0,
                start: visit.start.0,
                departure: visit.departure.0,
                depart_at: visit.depart_at.0,
                frozen: index < frozen,
                late,
                due: stop.due.map(|due| due.0),
            })
        })
        .collect();
    // The line on the streets: the frozen leg first, then the rest.
    let mut from = here.map(|anchor| anchor.position);
    let mut lines: Vec<Vec<[f64; 2]>> = Vec::new();
    for visit in &state.route.visits {
        let Some(stop) = fleet.order(visit.order).stop(visit.stop) else { continue };
        if let Some(start) = from.replace(stop.position) {
            lines.push(
                engine.network().path(start, stop.position).into_iter().map(|place| lon_lat(space, place)).collect(),
            );
        }
    }
    let status = if state.lost {
        "lost"
    } else if !state.on {
        "off"
    } else if let Some(under) = state.under_way {
        if under.arrived.is_some() { "at stop" } else { "driving" }
    } else if state.route.visits.is_empty() {
        "idle"
    } else {
        "waiting"
    };
    let detail = state.spec.as_ref().filter(|_| detail).map(|spec| VehicleDetail {
        capacity: spec.capacity.0.map(|value| f64::from(value) / 1000.0).to_vec(),
        skills: spec.skills.iter().map(Name::as_str).collect(),
        shift: state.shift.as_ref().map(|shift| [shift.starts.0, shift.ends.0]),
        accepted_revision: state.accepted.0,
    });
    Vehicle {
        id: state.name.as_str(),
        status,
        at: here.map(|anchor| lon_lat(space, anchor.position)),
        seen: here.map(|anchor| anchor.at.0),
        revision: state.route.revision.0,
        visits,
        lines,
        on_board: state.on_board.len(),
        stops_done: state.stops_done,
        detail,
    }
}

/// One order for the screen.
pub(crate) fn order(engine: &Engine, id: OrderId) -> Order<'_> {
    let fleet = engine.fleet();
    let state = fleet.order(id);
    let space = fleet.zone().space;
    let at = |kind: StopKind| state.stop(kind).map(|stop| lon_lat(space, stop.position));
    let (status, reason) = match (state.closed, state.placement) {
        (Some(Closed::Served), _) => ("served", None),
        (Some(Closed::Cancelled), _) => ("cancelled", None),
        (Some(Closed::Failed(_)), _) => ("failed", None),
        (None, _) if state.spec.is_none() => ("unknown", None),
        (None, Placement::OnRoute(_)) if state.on_board.is_some() => ("on board", None),
        (None, Placement::OnRoute(_)) => ("assigned", None),
        (None, Placement::Unassigned(reason)) => ("unassigned", Some(reason_words(reason))),
        (None, Placement::Unplaced) => ("open", None),
    };
    let vehicle = match state.placement {
        Placement::OnRoute(vehicle) => Some(fleet.vehicle(vehicle).name.as_str()),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let due = state.stop(StopKind::Delivery).and_then(|stop| stop.due);
    let done = state.delivery.completed.map(|mark| mark.at.0);
    Order {
        id: state.name.as_str(),
        status,
        reason,
        vehicle,
        pickup: at(StopKind::Pickup),
        delivery: at(StopKind::Delivery),
        due: due.map(|due| due.0),
        placed: state.spec.as_ref().map(|spec| spec.placed.0),
        done,
        picked: state.pickup.completed.map(|mark| mark.at.0),
        changes: state.vehicle_changes,
        priority: state.spec.as_ref().map(|spec| spec.priority),
    }
}

/// Key figures for the strip.
pub(crate) fn kpi(engine: &Engine, tally: &Tally, events_per_second: f64) -> Kpi {
    let fleet = engine.fleet();
    let (open, unassigned) = (fleet.open_count(), fleet.unassigned_count());
    let late: u32 = fleet
        .vehicles()
        .iter()
        .flat_map(|vehicle| &vehicle.route.visits)
        .filter(|visit| {
            fleet.order(visit.order).stop(visit.stop).and_then(|stop| stop.due).is_some_and(|due| visit.start > due)
        })
        .count() as u32;
    let hours = (engine.now() - fleet.zone().day_start).0 as f64 / 3_600_000.0;
    let per_hour = if fleet.zone().opened && hours > 0.02 { tally.vehicle_changes as f64 / hours } else { 0.0 };
    Kpi {
        now: engine.now().0,
        open,
        unassigned,
        late,
        served: tally.served,
        orders: tally.orders,
        on_time: tally.on_time_share(),
        p50: tally.answers.quantile(500).0,
        p99: tally.answers.quantile(990).0,
        max: tally.answers.max().0,
        answers: tally.answers.count(),
        events: events_per_second,
        changes_per_hour: per_hour,
        searching: engine.is_searching(),
        owner: engine.commit().epoch(),
        overload: engine.overload(),
    }
}

/// Streets drawn for one change; a change of a whole city is told by its area.
const LINES_MAX: usize = 2_000;

/// Roads that are closed or slowed now.
pub(crate) fn roads(engine: &Engine) -> Vec<Road<'_>> {
    let (now, space) = (engine.now(), engine.fleet().zone().space);
    let active = engine.fleet().roads().values().filter(|road| road.is_active(now));
    active
        .map(|road| {
            let target = road.change.target.as_ref();
            let places = |line: &[Position]| -> Vec<[f64; 2]> { line.iter().map(|&at| lon_lat(space, at)).collect() };
            let lines = target.map(|target| engine.network().lines_of(target)).unwrap_or_default();
            let lines: Vec<Vec<[f64; 2]>> = lines.iter().take(LINES_MAX).map(|line| places(line)).collect();
            let area = match target {
                Some(RoadTarget::Area(ring)) => places(ring),
                _ => Vec::new(),
            };
            Road { id: road.change.change.as_str(), closed: road.closed, lines, area }
        })
        .collect()
}

/// What was learned, with its evidence and age; `used`: enough was seen, and learning is on.
pub(crate) fn features(engine: &Engine) -> Learned {
    let (fleet, now) = (engine.fleet(), engine.now());
    let space = fleet.zone().space;
    let on = fleet.policy().learn;
    let class = |class: u8| ["motorway", "arterial", "street"][usize::from(class.min(2))];
    let age = |seen: Timestamp| (now - seen).0.max(0) / 1000;
    let speeds = fleet.learned_speeds().values().map(|speed| LearnedSpeed {
        class: class(speed.key.class),
        cell: speed.key.cell.map(|cell| [cell.x, cell.y]),
        hour: speed.key.hour,
        travel_time: f64::from(speed.permille) / 1000.0,
        count: speed.count,
        weight_seconds: speed.weight,
        age_seconds: age(speed.seen),
        used: on && fleetfold_engine::enough_seen(speed),
    });
    let services = fleet.learned_services().values().map(|service| LearnedService {
        place: lon_lat(space, service.place),
        service_seconds: service.service.0 as f64 / 1000.0,
        count: service.count,
        age_seconds: age(service.seen),
        used: on && service.count >= fleetfold_fleet::SERVICES_ENOUGH,
    });
    Learned {
        version: fleet.features_version(),
        on,
        watermark: engine.watermark().map(|at| at.0),
        late: engine.late_observations(),
        speeds: speeds.collect(),
        services: services.collect(),
    }
}

/// The whole picture.
pub(crate) fn picture<'a>(
    engine: &'a Engine,
    memory: &'a Memory,
    tally: &Tally,
    events_per_second: f64,
) -> Picture<'a> {
    let fleet = engine.fleet();
    Picture {
        zone: Zone { timezone: fleet.zone().timezone.as_str(), rate: fleet.zone().rate },
        vehicles: fleet.vehicles().ids().map(|id| vehicle(engine, id, false)).collect(),
        orders: fleet.open_orders().map(|id| order(engine, id)).collect(),
        roads: roads(engine),
        kpi: kpi(engine, tally, events_per_second),
        decisions: last(&memory.decisions, 100),
        refused: last(&memory.refused, 20),
        applied: fleet.applied().0,
        digest: format!("{:016x}", fleet.digest()),
    }
}

fn last<T>(all: &VecDeque<T>, most: usize) -> Vec<&T> {
    all.iter().skip(all.len().saturating_sub(most)).collect()
}

/// What changed since the last delta.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    pub(crate) vehicles: BTreeSet<VehicleId>,
    pub(crate) moved: BTreeSet<VehicleId>,
    pub(crate) orders: BTreeSet<OrderId>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) refused: Vec<Refusal>,
    pub(crate) roads: bool,
}

impl Stale {
    pub(crate) fn is_empty(&self) -> bool {
        self.vehicles.is_empty()
            && self.moved.is_empty()
            && self.orders.is_empty()
            && self.decisions.is_empty()
            && self.refused.is_empty()
            && !self.roads
    }

    /// The changes as a message body; positions of vehicles that only moved are sent alone.
    pub(crate) fn take<'a>(&mut self, engine: &'a Engine, tally: &Tally, events_per_second: f64) -> Changes<'a> {
        let stale = std::mem::take(self);
        let fleet = engine.fleet();
        let space = fleet.zone().space;
        let moved = stale.moved.difference(&stale.vehicles).filter_map(|&id| {
            let here = fleet.vehicle(id).whereabouts()?;
            let [lon, lat] = lon_lat(space, here.position);
            Some((fleet.vehicle(id).name.as_str(), lon, lat, here.at.0))
        });
        Changes {
            vehicles: stale.vehicles.iter().map(|&id| vehicle(engine, id, false)).collect(),
            orders: stale.orders.iter().map(|&id| order(engine, id)).collect(),
            moved: moved.collect(),
            decisions: stale.decisions,
            refused: stale.refused,
            kpi: kpi(engine, tally, events_per_second),
            roads: stale.roads.then(|| roads(engine)),
        }
    }
}
