//! `fleetfold explain` and `/v1/explain/…`: why a decision was made, recomputed from what its engine knew.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::{Group, Parts, Stand, broken, decision, place, route};
use fleetfold_fleet::{Closed, Fleet, Placement};
use fleetfold_model::{
    CUT_OFF, Cost as Money, Event, ExchangeGroup, LogSeq, Millis, Name, OrderId, Proposal, StopKind, Timestamp,
    VehicleId,
};
use fleetfold_roads::Network;

use super::documents::{
    Cost, ExplainedOrder, ExplainedVehicle, ExplainedVisit, GroupReason, Offer, OrderReason, PlanReason, RouteReason,
    StopTimes, Trigger, breaks, delays, money, seconds, stop_name, stops, vehicle_name,
};
use super::source::{Reading, Source, is_after};
use super::words::{self, Clock};
use crate::args::{Explain, ExplainWhat};
use crate::days;
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::readers::open_existing;
use crate::view::reason_words;

/// Entries that are named as what triggered a decision.
const NAMED_MAX: usize = 24;

/// What is to be explained.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Order(Name),
    Vehicle(Name),
    Decision(u64),
}

impl Subject {
    /// # Errors
    ///
    /// What is wrong with the id.
    pub(crate) fn new(what: ExplainWhat, id: &str) -> Result<Self, Failure> {
        let name = || {
            Name::new(id).ok_or_else(|| {
                Failure::new(format!("`{id}` is no id"), "give the id as in the events: 1 to 64 visible characters")
            })
        };
        Ok(match what {
            ExplainWhat::Order => Self::Order(name()?),
            ExplainWhat::Vehicle => Self::Vehicle(name()?),
            ExplainWhat::Decision => Self::Decision(id.parse().map_err(|_| {
                Failure::new(
                    format!("`{id}` is no number of a decision"),
                    "give the number of a plan: `rev` in /v1/decisions",
                )
            })?),
        })
    }
}

/// What is asked about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// As things stood then (zone time); `None`: at the end.
    pub(crate) at: Option<Timestamp>,
    /// How many other vehicles are asked about each order.
    pub(crate) vehicles: usize,
}

/// The answer.
pub(crate) enum Explained {
    Order(Box<ExplainedOrder>),
    Vehicle(Box<ExplainedVehicle>),
    Decision(Box<PlanReason>),
}

impl Explained {
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Order(it) => crate::view::text(it),
            Self::Vehicle(it) => crate::view::text(it),
            Self::Decision(it) => crate::view::text(it),
        }
    }
}

/// A plan as it was found in the log.
struct Found {
    seq: LogSeq,
    /// Zone time.
    at: Timestamp,
    plan: Proposal,
    accepted: Vec<bool>,
}

/// What was gathered on the way to the end.
struct Gathered {
    fleet: Fleet,
    /// The subject was named by some event.
    is_known: bool,
    found: Option<Found>,
    /// The plan that put each order where it is, for a vehicle.
    placed_by: BTreeMap<Name, u64>,
    first_plan: Option<u64>,
    last_plan: Option<u64>,
}

/// The command.
pub(crate) async fn explain(args: Explain) -> Result<ExitCode, Failure> {
    let subject = Subject::new(args.what, &args.id)?;
    let at = args.at.as_deref().map(instant).transpose()?;
    let asked = Asked { at, vehicles: args.vehicles };
    let given = args.network.as_deref().map(days::network_of).transpose()?;
    let (answer, offset) = if let Some(path) = &args.day {
        let day = days::read(path)?;
        if day.entries.is_empty() {
            return Err(Failure::new(
                format!("{}: this day was not recorded from a log: it holds no decision", path.display()),
                "give a recording: `fleetfold record`, or `fleetfold backtest DAY --record FILE`",
            ));
        }
        let network = match given {
            Some(network) => network,
            None => day.network()?,
        };
        if args.network.is_none() && day.header.network.is_none() {
            eprintln!("note: the day brings no network: straight lines; --network names a graph, matrix or day file");
        }
        explained(&Source::Day(path, &day), &network, &subject, asked, Reading::default()).await?
    } else {
        let zone = zone_name(&args.of.tenant, &args.of.zone)?;
        let opened = open_existing(&args.of.log, &zone).await?;
        let network = if let Some(network) = given { network } else { of_a_log()? };
        explained(&Source::Log(&opened.log, &zone), &network, &subject, asked, Reading::default()).await?
    };
    if args.json {
        crate::out::say!("{}", answer.json());
        return Ok(ExitCode::SUCCESS);
    }
    let clock = Clock(offset.0);
    let text = match &answer {
        Explained::Order(it) => words::order(&clock, it),
        Explained::Vehicle(it) => words::vehicle(&clock, it),
        Explained::Decision(it) => words::decision(&clock, it),
    };
    crate::out::write_out(format_args!("{text}"));
    Ok(ExitCode::SUCCESS)
}

/// Travel times for a log, if none are given.
pub(crate) fn of_a_log() -> Result<Arc<Network>, Failure> {
    eprintln!("note: a log does not hold the network: straight lines; --network names the one that `serve` has");
    days::build(&fleetfold_model::NetworkSpec::default())
}

/// An instant as RFC 3339.
pub(crate) fn instant(text: &str) -> Result<Timestamp, Failure> {
    let at = text.parse::<jiff::Timestamp>().map_err(|error| {
        Failure::new(
            format!("--at: `{text}` is no instant: {error}"),
            "write it as in 2026-06-01T09:00:00Z (zone time)",
        )
    })?;
    Ok(Timestamp(at.as_millisecond()))
}

/// Explains, and says what local clocks are ahead of UTC.
///
/// # Errors
///
/// When the source cannot be read, does not know the subject, or does not hold the decision any more.
pub(crate) async fn explained(
    source: &Source<'_>,
    network: &Arc<Network>,
    subject: &Subject,
    asked: Asked,
    reading: Reading,
) -> Result<(Explained, Millis), Failure> {
    let gathered = gather(source, subject, asked.at, reading).await?;
    let fleet = &gathered.fleet;
    let offset = fleet.zone().utc_offset;
    let unknown = |what: &str, name: &Name| {
        let until = if asked.at.is_some() { " by then" } else { "" };
        Failure::new(format!("no event in this log names {what} {name}{until}"), source.hint())
    };
    let now = asked.at.unwrap_or_else(|| fleet.now());
    let answer = match subject {
        Subject::Order(name) => {
            if !gathered.is_known {
                return Err(unknown("order", name));
            }
            let made = match &gathered.found {
                Some(found) => Some(explain_plan(source, network, found, (Some(name), asked.vehicles), reading).await?),
                None => None,
            };
            let told = || order_as_it_stands(fleet, network, now, (name, made), asked.vehicles);
            Explained::Order(Box::new(tokio::task::block_in_place(told)))
        }
        Subject::Vehicle(name) => {
            if !gathered.is_known {
                return Err(unknown("vehicle", name));
            }
            let made = match &gathered.found {
                Some(found) => Some(explain_plan(source, network, found, (None, asked.vehicles), reading).await?),
                None => None,
            };
            let made = made.map(|made| only_route(made, name));
            let placed_by = &gathered.placed_by;
            let told = || vehicle_as_it_stands(fleet, network, now, (name, made, placed_by));
            Explained::Vehicle(Box::new(tokio::task::block_in_place(told)))
        }
        Subject::Decision(rev) => {
            let Some(found) = &gathered.found else {
                let held = match (gathered.first_plan, gathered.last_plan) {
                    (Some(first), Some(last)) => format!("it holds the decisions {first} to {last}"),
                    _ => "it holds no decision".to_owned(),
                };
                return Err(Failure::new(format!("decision {rev} is not in this log: {held}"), source.hint()));
            };
            let made = explain_plan(source, network, found, (None, asked.vehicles), reading).await?;
            Explained::Decision(Box::new(made))
        }
    };
    Ok((answer, offset))
}

/// Folds to the end, or to an instant, and remembers the plan that the subject is about.
async fn gather(
    source: &Source<'_>,
    subject: &Subject,
    at: Option<Timestamp>,
    reading: Reading,
) -> Result<Gathered, Failure> {
    let (mut is_known, mut found) = (false, None);
    let mut placed_by: BTreeMap<Name, u64> = BTreeMap::new();
    let (mut first_plan, mut last_plan) = (None, None);
    let step = |fleet: &mut Fleet, entry: &fleetfold_model::LogEntry| {
        if is_after(fleet, entry, at) {
            return false;
        }
        let Event::PlanProposed(plan) = &entry.event else {
            fleet.apply(entry);
            is_known = is_known
                || match subject {
                    Subject::Order(name) => fleet.order_id(name.as_str()).is_some(),
                    Subject::Vehicle(name) => fleet.vehicle_id(name.as_str()).is_some(),
                    Subject::Decision(_) => false,
                };
            return true;
        };
        let placement = |fleet: &Fleet, name: &Name| fleet.order_id(name.as_str()).map(|id| fleet.order(id).placement);
        let before = if let Subject::Order(name) = subject { placement(fleet, name) } else { None };
        let outcome = fleet.apply(entry).plan.unwrap_or_default();
        if !outcome.links {
            return true;
        }
        first_plan.get_or_insert(plan.rev);
        last_plan = Some(plan.rev);
        let accepted =
            || plan.groups.iter().zip(&outcome.accepted).filter(|(_, accepted)| **accepted).map(|(group, _)| group);
        let is_it = match subject {
            Subject::Decision(rev) => *rev == plan.rev,
            Subject::Order(name) => {
                let left_out = || accepted().flat_map(|group| &group.unassigned).any(|(order, _)| order == name);
                placement(fleet, name) != before || left_out()
            }
            Subject::Vehicle(name) => {
                let routes = || accepted().flat_map(|group| &group.routes);
                if let Some(route) = routes().find(|route| route.vehicle == *name) {
                    let visits: BTreeSet<&Name> = route.visits.iter().map(|visit| &visit.order).collect();
                    placed_by.retain(|order, _| visits.contains(order));
                    for order in visits {
                        placed_by.entry(order.clone()).or_insert(plan.rev);
                    }
                    true
                } else {
                    false
                }
            }
        };
        if is_it {
            let at = fleet.zone().zone_time(entry.logged_at);
            found = Some(Found { seq: entry.seq, at, plan: plan.clone(), accepted: outcome.accepted });
        }
        !matches!(subject, Subject::Decision(_)) || found.is_none()
    };
    let fleet = source.walk(reading, step).await?;
    Ok(Gathered { fleet, is_known, found, placed_by, first_plan, last_plan })
}

/// Folds to what the engine knew that made a plan, and explains the plan.
async fn explain_plan(
    source: &Source<'_>,
    network: &Arc<Network>,
    found: &Found,
    (only, vehicles): (Option<&Name>, usize),
    reading: Reading,
) -> Result<PlanReason, Failure> {
    let known = found.plan.based_on;
    let fleet = source
        .walk(reading, |fleet, entry| {
            let is_known = entry.seq <= known;
            if is_known {
                fleet.apply(entry);
            }
            is_known
        })
        .await?;
    if fleet.applied() > known {
        return Err(Failure::new(
            format!(
                "decision {} was made on what was known at entry {}, and this log begins behind it, with what was known at entry {}",
                found.plan.rev,
                known.0,
                fleet.applied().0
            ),
            source.hint(),
        ));
    }
    let groups = &found.plan.groups;
    let only_id = only.and_then(|name| fleet.order_id(name.as_str()));
    // Roads at other speeds take a while: other tasks of this thread go on elsewhere.
    let made = tokio::task::block_in_place(|| {
        let outlook = Outlook::at(&fleet, found.at, network);
        decision(&fleet, &outlook, found.at, (groups, &found.accepted), (only_id, vehicles))
    });
    let is_about = |group: &ExchangeGroup| {
        only.is_none_or(|only| {
            let visits = group.routes.iter().flat_map(|route| &route.visits).map(|visit| &visit.order);
            visits.chain(group.unassigned.iter().map(|(order, _)| order)).any(|order| order == only)
        })
    };
    let mut told = Vec::new();
    for ((group, explained), &accepted) in groups.iter().zip(&made).zip(&found.accepted) {
        if is_about(group) {
            let trigger = trigger(source, &found.plan, group).await?;
            told.push(group_reason(&fleet, trigger, explained.as_ref(), accepted));
        }
    }
    Ok(PlanReason { decision: found.plan.rev, seq: found.seq.0, at: found.at.0, based_on_seq: known.0, groups: told })
}

/// What made the engine propose a group.
async fn trigger(source: &Source<'_>, plan: &Proposal, group: &ExchangeGroup) -> Result<Trigger, Failure> {
    let rounds = plan.search.rounds;
    let (kind, seqs): (&'static str, BTreeSet<u64>) = if !group.caused_by.is_empty() {
        ("facts", group.caused_by.iter().map(|seq| seq.0).collect())
    } else if rounds > 0 {
        ("search", group.routes.iter().map(|route| route.base.0).filter(|&seq| seq > 0).collect())
    } else {
        ("watch", BTreeSet::new())
    };
    let seqs: Vec<u64> = seqs.into_iter().take(NAMED_MAX).collect();
    Ok(Trigger { kind, entries: source.causes(&seqs).await?, rounds })
}

fn group_reason(fleet: &Fleet, trigger: Trigger, group: Option<&Group>, accepted: bool) -> GroupReason {
    let Some(group) = group else {
        return GroupReason { accepted, trigger, joint: 0, saving: None, routes: Vec::new(), orders: Vec::new() };
    };
    let sum = |part: fn(&fleetfold_engine::reasons::RouteCost) -> Option<Parts>| {
        group.routes.iter().map(part).try_fold(Parts::default(), |sum, parts| Some(sum.plus(&parts?)))
    };
    let saving = sum(|route| route.before).zip(sum(|route| route.after));
    let saving = saving.map(|(before, after)| money(Money(before.total().0 - after.total().0)));
    let name = |vehicle: VehicleId| vehicle_name(fleet, vehicle);
    let routes = group.routes.iter().map(|route| RouteReason {
        vehicle: name(route.vehicle),
        before: route.before.as_ref().map(Cost::of),
        after: route.after.as_ref().map(Cost::of),
        off_seconds: seconds(route.off),
    });
    let orders = group.moved.iter().map(|moved| {
        let chosen = moved.chosen.as_ref();
        let total = chosen.map(|chosen| chosen.extra.total());
        OrderReason {
            order: fleet.order(moved.order).name.to_string(),
            from: moved.from.map(name),
            vehicle: moved.to.map(name),
            unassigned: moved.reason.map(reason_words),
            cost: chosen.map(|chosen| Cost::of(&chosen.extra)),
            stops: chosen.map_or(Vec::new(), stops),
            delays: chosen.map_or(Vec::new(), |chosen| delays(fleet, chosen)),
            breaks: breaks(fleet, &moved.breaks),
            alternatives: moved
                .offers
                .iter()
                .map(|(vehicle, offer)| Offer::of(fleet, *vehicle, offer, total))
                .collect(),
            not_asked: moved.not_asked,
        }
    });
    GroupReason { accepted, trigger, joint: group.count, saving, routes: routes.collect(), orders: orders.collect() }
}

/// What of a decision is about one vehicle.
fn only_route(mut made: PlanReason, vehicle: &Name) -> PlanReason {
    made.groups.retain(|group| group.routes.iter().any(|route| route.vehicle == vehicle.as_str()));
    made
}

pub(super) fn order_status(fleet: &Fleet, order: OrderId) -> &'static str {
    let state = fleet.order(order);
    match (state.outcome(), state.placement) {
        (Some(Closed::Served), _) => "served",
        (Some(Closed::Cancelled), _) => "cancelled",
        (Some(Closed::Failed(_)), _) => "failed",
        (None, _) if state.spec.is_none() => "unknown",
        (None, Placement::OnRoute(_)) if state.on_board.is_some() => "on board",
        (None, Placement::OnRoute(_)) => "assigned",
        (None, Placement::Unassigned(_)) => "unassigned",
        (None, Placement::Unplaced) => "waiting for an answer",
    }
}

fn order_as_it_stands(
    fleet: &Fleet,
    network: &Arc<Network>,
    now: Timestamp,
    (name, decision): (&Name, Option<PlanReason>),
    vehicles: usize,
) -> ExplainedOrder {
    let mut told = ExplainedOrder {
        order: name.to_string(),
        applied: fleet.applied().0,
        at: now.0,
        status: "retired",
        vehicle: None,
        stops: Vec::new(),
        breaks: Vec::new(),
        decision,
        now: Vec::new(),
        not_asked: None,
    };
    let Some(id) = fleet.order_id(name.as_str()) else { return told };
    let state = fleet.order(id);
    told.status = order_status(fleet, id);
    if !state.is_open() {
        return told;
    }
    match state.placement {
        Placement::OnRoute(vehicle) => {
            told.vehicle = Some(vehicle_name(fleet, vehicle));
            told.breaks = breaks(fleet, &broken(fleet, &Outlook::at(fleet, now, network), id));
            let route = &fleet.vehicle(vehicle).route;
            for (index, visit) in route.visits.iter().enumerate().filter(|(_, visit)| visit.order == id) {
                let due = state.stop(visit.stop).and_then(|stop| stop.due);
                let has_time = !route.is_cut_off_at(index);
                let late = due.filter(|_| has_time).map_or(Millis(0), |due| Millis((visit.start - due).0.max(0)));
                let time = |at: Timestamp| has_time.then_some(at.0);
                let (arrival, start) = (time(visit.arrival), time(visit.start));
                told.stops.push(StopTimes { stop: stop_name(visit.stop), arrival, start, late_seconds: seconds(late) });
            }
        }
        Placement::Unassigned(_) => {
            let outlook = Outlook::at(fleet, now, network);
            let stand = Stand::of(fleet, &outlook, now);
            let (offers, not_asked) = place(&stand, id, vehicles);
            told.now = offers.iter().map(|(vehicle, offer)| Offer::of(fleet, *vehicle, offer, None)).collect();
            told.not_asked = Some(not_asked);
        }
        Placement::Unplaced => {}
    }
    told
}

fn vehicle_as_it_stands(
    fleet: &Fleet,
    network: &Arc<Network>,
    now: Timestamp,
    (name, decision, placed_by): (&Name, Option<PlanReason>, &BTreeMap<Name, u64>),
) -> ExplainedVehicle {
    let mut told = ExplainedVehicle {
        vehicle: name.to_string(),
        applied: fleet.applied().0,
        at: now.0,
        status: "retired",
        cost: None,
        visits: Vec::new(),
        decision,
    };
    let Some(id) = fleet.vehicle_id(name.as_str()) else { return told };
    let state = fleet.vehicle(id);
    told.status = if state.spec.is_none() {
        "not registered"
    } else if state.lost {
        "lost"
    } else if state.on {
        "on duty"
    } else {
        "off duty"
    };
    let outlook = Outlook::at(fleet, now, network);
    let stand = Stand::of(fleet, &outlook, now);
    let driven = route(&stand, id);
    told.cost = driven.as_ref().map(|left| Cost::of(&left.parts));
    let expected = |order: OrderId, kind: StopKind| {
        let left = driven.as_ref()?;
        left.stops.iter().find(|stop| (stop.order, stop.stop) == (order, kind)).map(|stop| (stop.start, stop.late))
    };
    let frozen = state.frozen();
    for (index, visit) in state.route.visits.iter().enumerate() {
        let order = fleet.order(visit.order);
        let due = order.stop(visit.stop).and_then(|stop| stop.due);
        let planned = (visit.start, due.map_or(Millis(0), |due| Millis((visit.start - due).0.max(0))));
        let planned = (!state.route.is_cut_off_at(index)).then_some(planned);
        let expected = expected(visit.order, visit.stop).filter(|(start, _)| *start - now < CUT_OFF);
        let (start, late) = expected.or(planned).unzip();
        told.visits.push(ExplainedVisit {
            order: order.name.to_string(),
            stop: stop_name(visit.stop),
            reload: visit.reload_before.filter(|_| start.is_some()).map(|call| call.arrival.0),
            start: start.map(|Timestamp(start)| start),
            late_seconds: seconds(late.unwrap_or_default()),
            frozen: index < frozen,
            decision: placed_by.get(&order.name).copied(),
        });
    }
    told
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{
        FORMAT, LogEntry, MessageHash, Metres, NetworkSpec, PlannedVisit, Position, ProposedRoute, RULES, SearchRecord,
        Space,
    };
    use fleetfold_wire::{What, decode};
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp(1_780_304_400_000);

    fn event(kind: &str, data: &Value) -> Event {
        let event = json!({ "specversion": "1.0", "id": "1", "source": "/shop", "type": format!("fleet.{kind}.v1"),
            "time": "2026-06-01T09:00:00Z", "data": data });
        let What::Event(event) = decode(event.to_string().as_bytes()).unwrap().what else { panic!("{kind}") };
        event
    }

    /// A vehicle at the origin whose route has one stop, to which no road leads.
    fn cut_off() -> Fleet {
        let (vehicle, order) = (Name::new("v1").unwrap(), Name::new("o1").unwrap());
        let opened = json!({ "timezone": "UTC", "coordinates": "planar", "day_start": "2026-06-01T00:00:00Z",
            "log_start": "2026-06-01T00:00:00Z", "rate": 1 });
        let place = json!({ "x_meters": 10.0, "y_meters": 0.0 });
        let mut fleet = Fleet::new();
        let tell = |fleet: &mut Fleet, event| {
            let seq = LogSeq(fleet.applied().0 + 1);
            let hash = MessageHash(u128::from(seq.0));
            fleet.apply(&LogEntry { numbered: None, seq, logged_at: NOW, id: 0, time: Some(NOW), hash, event })
        };
        tell(&mut fleet, event("zone.opened", &opened));
        tell(&mut fleet, event("vehicle.registered", &json!({ "vehicle_id": "v1", "start": place })));
        tell(&mut fleet, event("shift.started", &json!({ "vehicle_id": "v1" })));
        tell(&mut fleet, event("order.created", &json!({ "order_id": "o1", "job": { "stop": place } })));
        let late = NOW + CUT_OFF;
        let visit = PlannedVisit {
            order,
            stop: StopKind::Delivery,
            depart_at: NOW,
            arrival: late,
            start: late,
            departure: late,
            metres: Metres(0),
            break_before: Millis(0),
            reload_before: None,
        };
        let base = fleet.vehicle(VehicleId(0)).route.revision;
        let (start, start_at) = (Position { x: 0, y: 0 }, NOW);
        let route = ProposedRoute { vehicle, base, start, start_at, diverts: false, visits: vec![visit] };
        let caused_by = fleet.unanswered().keys().copied().collect();
        let group = ExchangeGroup { routes: vec![route], caused_by, ..ExchangeGroup::default() };
        let proposal = Proposal {
            rules: RULES,
            format: FORMAT,
            epoch: 1,
            rev: 1,
            prev_hash: MessageHash::default(),
            based_on: fleet.applied(),
            groups: vec![group],
            search: SearchRecord::default(),
            overload: 0,
            fleet_digest: fleet.digest(),
        };
        let change = tell(&mut fleet, Event::PlanProposed(proposal));
        assert_eq!(change.plan.unwrap().accepted, [true]);
        fleet
    }

    #[test]
    fn a_stop_that_no_road_leads_to_has_no_time() {
        let fleet = cut_off();
        let spec = NetworkSpec::Line {
            space: Space::Planar,
            metres_per_minute: 600.0,
            detour_percent: 100,
            round_up_seconds: 1,
        };
        let network = Arc::new(Network::new(&spec).unwrap());
        let order = order_as_it_stands(&fleet, &network, NOW, (&Name::new("o1").unwrap(), None), 3);
        assert_eq!(order.stops.iter().map(|stop| (stop.arrival, stop.start)).collect::<Vec<_>>(), [(None, None)]);
    }
}
