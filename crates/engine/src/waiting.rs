//! What waits for an answer, in the order in which it is served, one task after the other.
//!
//! Each task is answered as if the answers before it had been accepted; together they become one plan. So n waiting facts cost n
//! times one fact, and each order sees what the one before it was given. A plan is closed when it has cost [`WORK_MAX`] or is as
//! large as a message may be: what is left waits for the next plan, and what comes meanwhile is ordered in.

use std::collections::BTreeMap;

use fleetfold_fleet::{Ask, Fleet};
use fleetfold_model::{ExchangeGroup, LogSeq, Millis, OrderId, Timestamp, VehicleId};
use fleetfold_roads::LegQuery;

use crate::account;
use crate::answer::Answer;
use crate::join::joined;
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::roads::RoadAsks;

/// Stops and vehicles looked at after which a plan is closed: 10 to 50 ms (measured on one core of a server of 2023).
const WORK_MAX: usize = 20_000;
/// Facts that wait for longer than this are served by age, whatever their deadlines: nobody waits for ever. Log time.
const OLD: Millis = Millis(2_000);
/// Routes that are repaired in one task.
const REPAIRED_AT_ONCE: usize = 8;
/// Tasks whose missing legs are asked for in one query.
const ASKED_AT_ONCE: usize = 16;

/// One thing to do, in answer to a fact or to a broken promise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Task {
    /// The fact; `None`: a promise broke without one.
    pub(crate) seq: Option<LogSeq>,
    /// Orders to place or place again.
    pub(crate) orders: Vec<OrderId>,
    /// Routes to look at.
    pub(crate) vehicles: Vec<VehicleId>,
    /// The routes have nothing to do with one another: each may be changed without the others.
    pub(crate) one_by_one: bool,
    /// Roads became quicker: orders that could not be reached are tried again.
    pub(crate) opened: bool,
}

/// The answers of one plan, and what is left for the next.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) groups: Vec<ExchangeGroup>,
    /// Tasks that were not reached, and are not facts that wait in the fleet anyway.
    pub(crate) left: Vec<Task>,
    /// Nothing can be answered well before these legs are known.
    pub(crate) missing: Option<LegQuery>,
}

/// Facts in the order in which they are served: those about vehicles, routes and roads; then those that wait for long, by age; then
/// new orders by their deadline.
fn in_service_order(fleet: &Fleet, facts: &mut [LogSeq], log_now: Timestamp) {
    let due = |ask: &Ask| {
        let stops = ask.orders.iter().flat_map(|&id| {
            let order = fleet.order(id);
            order.open_stops().iter().filter_map(|&kind| order.stop(kind)).filter_map(|stop| stop.due)
        });
        stops.min().unwrap_or(Timestamp(i64::MAX))
    };
    facts.sort_by_cached_key(|seq| match fleet.unanswered().get(seq) {
        Some(ask) if !ask.vehicles.is_empty() || ask.roads => (0, Timestamp(0), *seq),
        Some(ask) if log_now - ask.logged_at >= OLD => (1, Timestamp(0), *seq),
        Some(ask) => (2, due(ask), *seq),
        None => (3, Timestamp(0), *seq),
    });
}

/// The tasks of what waits, in the order in which they are served. Broken promises come first: they are late already.
pub(crate) fn tasks(
    moment: Moment<'_>,
    mut facts: Vec<LogSeq>,
    repairs: &BTreeMap<VehicleId, Option<LogSeq>>,
    roads: RoadAsks,
) -> Vec<Task> {
    let fleet = moment.fleet;
    in_service_order(fleet, &mut facts, moment.log_now);
    let works = |vehicle: &VehicleId| fleet.vehicle(*vehicle).is_available();
    let changed = facts.iter().copied().find(|seq| fleet.unanswered().get(seq).is_some_and(|ask| ask.roads));
    // Routes over slower roads are repaired in the name of the fact that made them so; without one, the clock did.
    let hit: Vec<VehicleId> = roads.hit.into_iter().filter(|vehicle| changed.is_some() && works(vehicle)).collect();
    let broken: Vec<VehicleId> =
        repairs.keys().copied().filter(works).filter(|vehicle| !hit.contains(vehicle)).collect();
    let repaired = |seq, vehicles: &[VehicleId]| {
        let vehicles = vehicles.to_vec();
        Task { seq, vehicles, one_by_one: true, ..Task::default() }
    };
    let mut tasks: Vec<Task> = broken.chunks(REPAIRED_AT_ONCE).map(|vehicles| repaired(None, vehicles)).collect();
    tasks.extend(hit.chunks(REPAIRED_AT_ONCE).map(|vehicles| repaired(changed, vehicles)));
    if roads.opened {
        tasks.push(Task { seq: changed, opened: true, ..Task::default() });
    }
    tasks.extend(facts.into_iter().filter_map(|seq| {
        let ask = fleet.unanswered().get(&seq)?;
        let (orders, vehicles) = (ask.orders.clone(), ask.vehicles.clone());
        Some(Task { seq: Some(seq), orders, vehicles, ..Task::default() })
    }));
    tasks
}

/// Answers tasks until the plan is full. `waits`: the answer may wait for legs that a routing server has not said yet.
pub(crate) fn answer(
    moment: Moment<'_>,
    outlook: &Outlook,
    tasks: Vec<Task>,
    bytes_max: usize,
    waits: bool,
) -> Answers {
    let mut answers = Answers::default();
    let mut ahead: Option<Fleet> = None;
    let mut parts: Vec<ExchangeGroup> = Vec::new();
    let (mut work, mut bytes, mut asked) = (0, 0, 0);
    let mut tasks = tasks.into_iter().peekable();
    while let Some(task) = tasks.next() {
        let fleet = ahead.as_ref().unwrap_or(moment.fleet);
        let answer = Answer::new(Moment { fleet, ..moment }, outlook);
        let groups = answer.groups(&task);
        work += answer.work.get();
        if let Some(query) = answer.missing.into_inner().filter(|_| waits) {
            answers.left.push(task);
            if !parts.is_empty() {
                break;
            }
            match &mut answers.missing {
                Some(queries) => queries.join(query),
                None => answers.missing = Some(query),
            }
            asked += 1;
            if asked < ASKED_AT_ONCE {
                continue;
            }
            break;
        }
        if answers.missing.is_some() {
            // It is answered with those before it that wait for legs.
            answers.left.push(task);
            continue;
        }
        for mut group in groups {
            if tasks.peek().is_some() || ahead.is_some() {
                let ahead = ahead.get_or_insert_with(|| moment.fleet.clone());
                if !ahead.foresee(&group, moment.now()) {
                    let Some(plain) = account::plain(ahead, &group) else { continue };
                    ahead.foresee(&plain, moment.now());
                    group = plain;
                }
            }
            bytes += account::weight(&group);
            parts.push(group);
        }
        if work >= WORK_MAX || bytes >= bytes_max {
            break;
        }
    }
    answers.left.extend(tasks);
    // Other facts wait in the fleet.
    answers.left.retain(|task| task.one_by_one || task.opened);
    answers.groups = match &ahead {
        Some(ahead) => joined(moment.fleet, ahead, parts),
        None => parts,
    };
    answers
}
