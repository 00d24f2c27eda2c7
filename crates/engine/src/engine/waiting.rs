//! What waits for an answer is served in order, one task after the other, and proposed; improvements follow when nothing waits.
//!
//! Each task is answered as if the answers before it had been accepted (several at a time, see [`super::side_by_side`]); together they
//! become one plan. So n waiting facts cost n times one fact, and each order sees what the one before it was given. A plan is closed when it has cost [`WORK_MAX`] or is as
//! large as a message may be: what is left waits for the next plan, and what comes meanwhile is ordered in.

use std::collections::BTreeSet;

use fleetfold_fleet::{Ask, Fleet, Placement};
use fleetfold_model::{
    Event, ExchangeGroup, FORMAT, LogSeq, Millis, Name, OrderId, Proposal, RULES, SearchRecord, Timestamp,
    UnassignedReason, VehicleId,
};
use fleetfold_roads::LegQuery;

use super::Engine;
use super::side_by_side::{Made, Queue};
use crate::account::{self, weight};
use crate::answer::{Answer, Task};
use crate::effect::{Effect, Note, Withheld};
use crate::join::joined;
use crate::moment::Moment;
use crate::outlook::Outlook;
use crate::overload::Effort;
use crate::periods;
use crate::retries::Due;
use crate::roads::{RoadAsks, Roads};

/// Routes that are stale where an order is on none.
const SEARCHED_AROUND: usize = 2;
/// A plan stays below this many bytes as estimated by [`account::weight`]; the wire refuses 512 KiB. Where the log takes less, the
/// engine finds out and stays below that.
pub(crate) const PLAN_BYTES: usize = 400 << 10;
/// After so long (log time) without a refusal it tries plans twice as large.
const LARGER_AFTER: Millis = Millis(10_000);
/// It does not try with less: what is too large then is answered plainly.
const PLAN_BYTES_MIN: usize = 4 << 10;

/// Stops and vehicles looked at after which a plan is closed: 8 to 64 ms (measured, "Many facts at once" in docs/PERFORMANCE.md).
const WORK_MAX: usize = 20_000;
/// Facts that wait for longer than this are served by age, whatever their deadlines: nobody waits for ever. Log time.
const OLD: Millis = Millis(2_000);
/// Waiting facts that are looked at for one plan; a plan with the plainest answers there are is full after about so many.
const LOOKED_AT: usize = 2_000;
/// Where a fact asks for more orders than this, what a breakdown takes off a long route for instance, they are placed in parts, so that
/// others are answered between them.
const PLACED_AT_ONCE: usize = 16;
/// Orders of such a part: a task costs the square of its orders times the length of the routes that they may go to.
const PART: usize = 4;
/// Parts of one fact that are placed before other facts are served; the rest comes after them.
const PARTS_FIRST: usize = 4;
/// Routes that are repaired in one task.
const REPAIRED_AT_ONCE: usize = 8;
/// Tasks whose missing legs are asked for in one query.
const ASKED_AT_ONCE: usize = 16;

/// The answers of one plan, and what is left for the next.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) groups: Vec<ExchangeGroup>,
    /// Tasks that were not reached, and are not facts that wait in the fleet anyway.
    left: Vec<Task>,
    /// Nothing can be answered well before these legs are known.
    missing: Option<LegQuery>,
}

/// The first facts in the order in which they are served: those about vehicles, routes and roads, and cancellations; then those that
/// wait for long, by age; then new orders by their deadline. Not more than a plan could answer: sorting all of a hundred thousand for
/// each plan would cost more than the answers. `facts`: in the order of the log.
fn first_in_service_order(fleet: &Fleet, facts: &[LogSeq], log_now: Timestamp) -> Vec<LogSeq> {
    let due = |ask: &Ask| {
        let stops = ask.orders.iter().flat_map(|&id| {
            let order = fleet.order(id);
            order.open_stops().iter().filter_map(|&kind| order.stop(kind)).filter_map(|stop| stop.due)
        });
        stops.min().unwrap_or(Timestamp(i64::MAX))
    };
    let asks = || facts.iter().filter_map(|seq| Some((*seq, fleet.unanswered().get(seq)?)));
    // What is asked about orders that are over, a cancellation for instance, costs nothing to answer.
    let is_urgent = |ask: &Ask| {
        !ask.vehicles.is_empty() || ask.roads || ask.orders.iter().all(|&order| !fleet.order(order).is_open())
    };
    let is_old = |ask: &Ask| log_now - ask.logged_at >= OLD;
    let mut first: Vec<LogSeq> = asks().filter(|(_, ask)| is_urgent(ask)).map(|(seq, _)| seq).take(LOOKED_AT).collect();
    let old = asks().filter(|(_, ask)| !is_urgent(ask) && is_old(ask)).map(|(seq, _)| seq);
    first.extend(old.take(LOOKED_AT - first.len()));
    let room = LOOKED_AT - first.len();
    if room > 0 {
        let new = asks().filter(|(_, ask)| !is_urgent(ask) && !is_old(ask));
        let mut new: Vec<(Timestamp, LogSeq)> = new.map(|(seq, ask)| (due(ask), seq)).collect();
        if new.len() > room {
            new.select_nth_unstable(room);
            new.truncate(room);
        }
        new.sort_unstable();
        first.extend(new.into_iter().map(|(_, seq)| seq));
    }
    first
}

/// The tasks of what waits, as many as a plan may answer, in the order in which they are served. Broken promises come first: they are late already.
pub(crate) fn tasks(moment: Moment<'_>, facts: &[LogSeq], repairs: &BTreeSet<VehicleId>, roads: RoadAsks) -> Vec<Task> {
    let fleet = moment.fleet;
    let works = |vehicle: &VehicleId| fleet.vehicle(*vehicle).is_available();
    let changed = facts.iter().copied().find(|seq| fleet.unanswered().get(seq).is_some_and(|ask| ask.roads));
    // Routes over slower roads are repaired in the name of the fact that made them so; without one, the clock did (see `blamed`).
    let hit: Vec<VehicleId> = roads.hit.into_iter().filter(|vehicle| changed.is_some() && works(vehicle)).collect();
    let broken: Vec<VehicleId> =
        repairs.iter().copied().filter(works).filter(|vehicle| !hit.contains(vehicle)).collect();
    let repaired = |seq, vehicles: &[VehicleId]| {
        let vehicles = vehicles.to_vec();
        Task { seq, of: seq, vehicles, one_by_one: true, ..Task::default() }
    };
    let mut tasks: Vec<Task> = broken.chunks(REPAIRED_AT_ONCE).map(|vehicles| repaired(None, vehicles)).collect();
    tasks.extend(hit.chunks(REPAIRED_AT_ONCE).map(|vehicles| repaired(changed, vehicles)));
    if roads.opened {
        tasks.push(Task { seq: changed, of: changed, opened: true, ..Task::default() });
    }
    let mut later: Vec<Task> = Vec::new();
    for seq in first_in_service_order(fleet, facts, moment.log_now) {
        let Some(ask) = fleet.unanswered().get(&seq) else { continue };
        let (mut orders, vehicles) = (ask.orders.clone(), ask.vehicles.clone());
        if orders.len() > PLACED_AT_ONCE {
            // Those that plans before have placed are done.
            orders.retain(|&order| fleet.order(order).placement == Placement::Unplaced);
        }
        if orders.len() <= PLACED_AT_ONCE {
            tasks.push(Task { seq: Some(seq), of: Some(seq), orders, vehicles, ..Task::default() });
            continue;
        }
        let (parts, last) = orders.split_at(orders.len() - PART);
        let mut parts = parts.chunks(PART).map(|part| Task { of: Some(seq), orders: part.to_vec(), ..Task::default() });
        tasks.extend(parts.by_ref().take(PARTS_FIRST));
        later.extend(parts);
        later.push(Task { seq: Some(seq), of: Some(seq), orders: last.to_vec(), vehicles, ..Task::default() });
    }
    tasks.extend(later);
    tasks
}

/// Answers tasks until the plan is full. `waits`: the answer may wait for legs that a routing server has not said yet.
pub(crate) fn answers_to(
    moment: Moment<'_>,
    outlook: &Outlook,
    effort: Effort,
    mut queue: Queue,
    bytes_max: usize,
    waits: bool,
) -> Answers {
    let mut answers = Answers::default();
    let mut ahead: Option<Fleet> = None;
    let mut parts: Vec<ExchangeGroup> = Vec::new();
    let (mut work, mut bytes, mut asked) = (0, 0, 0);
    loop {
        let fleet = ahead.as_ref().unwrap_or(moment.fleet);
        let made = queue.next(|task| make(Answer::new(Moment { fleet, ..moment }, outlook, effort, bytes_max), task));
        let Some((task, made)) = made else { break };
        work += made.work;
        if let Some(query) = made.missing.filter(|_| waits) {
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
        bytes += made.groups.iter().map(weight).sum::<usize>();
        if bytes > bytes_max && !parts.is_empty() {
            // The next plan has room for it.
            answers.left.push(task);
            break;
        }
        for mut group in made.groups {
            if queue.has_more() || ahead.is_some() {
                let ahead = ahead.get_or_insert_with(|| moment.fleet.clone());
                if !ahead.foresee(&group, moment.now()) {
                    let Some(plain) = account::plain(ahead, &group) else { continue };
                    ahead.foresee(&plain, moment.now());
                    group = plain;
                }
                queue.taken(ahead, &group);
            }
            parts.push(group);
        }
        if work >= WORK_MAX {
            break;
        }
    }
    queue.joins(&parts);
    answers.left.extend(queue.left());
    // Other facts wait in the fleet.
    answers.left.retain(|task| task.one_by_one || task.opened || task.room || task.silent.is_some());
    answers.groups = match &ahead {
        Some(ahead) => joined(moment.fleet, ahead, parts),
        None => parts,
    };
    answers
}

/// The answer to one task, and what it depends on.
fn make(answer: Answer<'_>, task: &Task) -> Made {
    let groups = fitting(&answer, task);
    let mut read = answer.read.into_inner();
    read.orders.extend(&task.orders);
    Made { groups, work: answer.work.get(), missing: answer.missing.into_inner(), read }
}

/// Groups that do a task and fit into one message. A task that does not fit is done in part: some of its orders, or some of its
/// routes, while its fact goes on waiting. What cannot be made smaller is answered plainly.
pub(crate) fn fitting(answer: &Answer<'_>, task: &Task) -> Vec<ExchangeGroup> {
    let fleet = answer.moment.fleet;
    let mut part = task.clone();
    loop {
        let groups = answer.groups(&part);
        let bytes: usize = groups.iter().map(weight).sum();
        let does_something = part.seq.is_some() || task.seq.is_none() || !groups.is_empty();
        if bytes <= answer.bytes_max && does_something {
            return groups;
        }
        let Some(smaller) = smaller(fleet, &part) else {
            let asked = ExchangeGroup { caused_by: task.seq.into_iter().collect(), ..ExchangeGroup::default() };
            return account::plain(fleet, &asked).into_iter().collect();
        };
        part = smaller;
    }
}

/// Half of a task; `None` when it cannot be halved. Its fact is not answered by it.
fn smaller(fleet: &Fleet, task: &Task) -> Option<Task> {
    let unplaced = |order: &OrderId| fleet.order(*order).placement == Placement::Unplaced;
    let orders: Vec<OrderId> = task.orders.iter().copied().filter(unplaced).collect();
    let half = Task { orders: orders[..orders.len().div_ceil(2)].to_vec(), ..Task::default() };
    let is_less = half.orders.len() < task.orders.len() || !task.vehicles.is_empty();
    if !half.orders.is_empty() && is_less {
        return Some(half);
    }
    let vehicles = &task.vehicles[..task.vehicles.len() / 2];
    (!vehicles.is_empty()).then(|| Task { vehicles: vehicles.to_vec(), one_by_one: true, ..Task::default() })
}

impl Engine {
    /// Answers all that waits, or else proposes improvements, if a proposal may be made now.
    pub(super) fn answer(&mut self, effects: &mut Vec<Effect>) {
        if let Some(Event::PlanProposed(rejected)) = self.commit.take_rejected().as_deref() {
            rejected.groups.iter().for_each(|group| self.refusals.rejected(group));
            effects.push(Effect::Note(Note::PlanRejected { rev: rejected.rev }));
        }
        if let Some(Event::PlanProposed(large)) = self.commit.take_too_large().as_deref() {
            self.smaller_since = self.log_now;
            if self.plan_bytes > PLAN_BYTES_MIN {
                self.plan_bytes = (self.plan_bytes / 2).max(PLAN_BYTES_MIN);
            } else {
                large.groups.iter().for_each(|group| self.refusals.rejected(group));
            }
            effects.push(Effect::Note(Note::PlanTooLarge { rev: large.rev, bytes_max: self.plan_bytes }));
        }
        if !self.commit.is_ready() || self.legs.is_waiting(self.log_now) {
            return;
        }
        // The log may take larger plans again.
        if self.plan_bytes < PLAN_BYTES && self.log_now - self.smaller_since >= LARGER_AFTER {
            (self.plan_bytes, self.smaller_since) = ((self.plan_bytes * 2).min(PLAN_BYTES), self.log_now);
        }
        let is_open = periods::is_open(&self.fleet, self.log_now);
        let repairs = if is_open { self.promises.take_repairs() } else { BTreeSet::new() };
        self.located.forget_answered(&self.fleet);
        let held = |seq: &LogSeq, ask: &Ask| {
            self.left.contains(seq)
                || self.located.holds(*seq, self.log_now)
                || periods::is_held(&self.fleet, ask, self.log_now)
        };
        let facts = self.fleet.unanswered().iter().filter(|(seq, ask)| !held(seq, ask));
        let facts: Vec<LogSeq> = facts.map(|(&seq, _)| seq).collect();
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        let is_whole = self.overload.effort().is_whole();
        let silent = if is_open && is_whole { self.relief.due(moment) } else { Vec::new() };
        // No fact says that a closure has ended by the clock.
        let opened = is_open && self.roads.have_opened() && self.fleet.unassigned_count() > 0;
        let tries = is_open && facts.is_empty() && repairs.is_empty() && !opened && silent.is_empty();
        let again = if tries { self.tried_again() } else { Vec::new() };
        if !facts.is_empty() || !repairs.is_empty() || opened || !again.is_empty() || !silent.is_empty() {
            // What roads ask for waits for the fact that it belongs to.
            let asks = again.is_empty().then(|| self.roads.take_asks());
            let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
            let mut tasks = asks.map_or(again, |asks| tasks(moment, &facts, &repairs, asks));
            tasks.extend(silent);
            let waits = self.legs.may_fetch(self.log_now);
            let queue = Queue::new(tasks).watched(self.watch.clone());
            let answers =
                answers_to(moment, self.roads.outlook(), self.overload.effort(), queue, self.plan_bytes, waits);
            for task in answers.left {
                self.put_back(task);
            }
            if let Some(query) = answers.missing
                && self.legs.fetches(self.log_now)
            {
                // The same is asked again when the legs have come.
                effects.push(Effect::FetchLegs(query));
                return;
            }
            self.legs.answered(self.log_now);
            let groups: Vec<ExchangeGroup> = answers.groups.into_iter().map(|group| self.blamed(group)).collect();
            if !groups.is_empty() {
                // What does not fit stays unanswered, and is answered by the next plan.
                let _later = self.propose(groups, SearchRecord::default(), effects);
                return;
            }
        } else {
            self.legs.calm();
        }
        if !is_open {
            return;
        }
        let (groups, record) = self.searches.take_improvements(&self.fleet);
        if !groups.is_empty() {
            let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
            let groups: Vec<ExchangeGroup> = groups
                .into_iter()
                .flat_map(|group| self.rehomed(group))
                .filter(|group| self.changes.allow(moment, group))
                .map(|group| self.blamed(group))
                .collect();
            if groups.is_empty() {
                return;
            }
            let later = self.propose(groups, record, effects);
            self.searches.keep_improvements(later);
        }
    }

    /// Vehicles that may have room, and orders on no route whose turn it is. Where a search may make room for one, the nearest routes are
    /// stale.
    fn tried_again(&mut self) -> Vec<Task> {
        if !self.overload.effort().is_whole() {
            return Vec::new();
        }
        let moment = Moment { fleet: &self.fleet, log_now: self.log_now };
        let rooms = self.retries.take_rooms();
        if !rooms.is_empty() {
            let fill = |vehicle| Task { vehicles: vec![vehicle], room: true, ..Task::default() };
            return rooms.into_iter().map(fill).collect();
        }
        let mut tasks = Vec::new();
        for Due { order, search } in self.retries.take(self.log_now) {
            let state = self.fleet.order(order);
            if search && let Some(place) = state.first_place() {
                let near = self.fleet.index().vehicles_near(self.fleet.zone().space, place);
                let could = |&vehicle: &VehicleId| {
                    let vehicle = self.fleet.vehicle(vehicle);
                    vehicle.is_available() && state.skills & !vehicle.skills == 0
                };
                for vehicle in near.filter(could).take(SEARCHED_AROUND) {
                    if self.retries.may_be_searched(vehicle, self.fleet.vehicle(vehicle).route.revision) {
                        self.searches.soil(moment, vehicle);
                    }
                }
            }
            tasks.push(Task { orders: vec![order], again: true, ..Task::default() });
        }
        tasks
    }

    /// A group with what becomes of the orders that it takes off their routes for more urgent ones: another vehicle takes them, or
    /// nobody can, and why.
    fn rehomed(&self, group: ExchangeGroup) -> Vec<ExchangeGroup> {
        let id = |(name, _): &(Name, UnassignedReason)| self.fleet.order_id(name.as_str());
        let orders: Vec<OrderId> = group.unassigned.iter().filter_map(id).collect();
        let mut ahead = self.fleet.clone();
        if orders.is_empty() || !ahead.foresee(&group, self.now()) {
            return vec![group];
        }
        let moment = Moment { fleet: &ahead, log_now: self.log_now };
        let answer = Answer::new(moment, self.roads.outlook(), self.overload.effort(), self.plan_bytes);
        let groups = answer.groups(&Task { orders, ..Task::default() });
        drop(answer);
        for group in &groups {
            ahead.foresee(group, self.now());
        }
        joined(&self.fleet, &ahead, std::iter::once(group).chain(groups).collect())
    }

    /// A group that no fact asked for, in the name of the change of the roads that is behind it, if one is: no road leads to an order, or
    /// the way of a vehicle was touched since its route was made.
    fn blamed(&self, mut group: ExchangeGroup) -> ExchangeGroup {
        if group.caused_by.is_empty() {
            let is_cut_off = |(_, reason): &(Name, UnassignedReason)| *reason == UnassignedReason::Unreachable;
            let vehicles = group.routes.iter().filter_map(|route| self.fleet.vehicle_id(route.vehicle.as_str()));
            let mut by: BTreeSet<LogSeq> = vehicles.filter_map(|vehicle| self.roads.touched_by(vehicle)).collect();
            if group.unassigned.iter().any(is_cut_off) {
                by.extend(Roads::closure(&self.fleet, self.now()));
            }
            group.caused_by.extend(by);
        }
        group
    }

    /// A task that this plan has no room for is done by the next one.
    fn put_back(&mut self, task: Task) {
        if let Some(vehicle) = task.silent {
            self.relief.put_back(vehicle);
            return;
        }
        if task.room {
            task.vehicles.iter().for_each(|&vehicle| self.retries.room(&self.fleet, vehicle));
            return;
        }
        let vehicles: BTreeSet<VehicleId> = task.vehicles.into_iter().collect();
        self.promises.put_back(vehicles.clone());
        let hit = if task.seq.is_some() { vehicles } else { BTreeSet::new() };
        self.roads.put_back(RoadAsks { hit, opened: task.opened });
    }

    /// The groups that may be proposed. Those that would lose an order, those that fit into no message, those that the fold would
    /// refuse as things stand, and those whose like it refuses again and again, become plain answers to their facts.
    fn accounted(&mut self, groups: Vec<ExchangeGroup>, effects: &mut Vec<Effect>) -> Vec<ExchangeGroup> {
        self.refusals.forget_answered(&self.fleet);
        let mut sound = Vec::with_capacity(groups.len());
        for group in groups {
            match self.why_withheld(&group) {
                None => sound.push(group),
                Some(why) => {
                    sound.extend(account::plain(&self.fleet, &group));
                    effects.push(Effect::Note(Note::Withheld { why, caused_by: group.caused_by }));
                }
            }
        }
        sound
    }

    fn why_withheld(&self, group: &ExchangeGroup) -> Option<Withheld> {
        let missing = account::missing(&self.fleet, group);
        let bytes = weight(group);
        if !missing.is_empty() {
            Some(Withheld::Loses(missing))
        } else if bytes > self.plan_bytes {
            Some(Withheld::TooLarge(bytes))
        } else if !self.fleet.would_accept(group, self.now()) {
            Some(Withheld::Outdated)
        } else {
            self.refusals.are_too_many(group).then_some(Withheld::RefusedTooOften)
        }
    }

    /// Sends groups as the next plan of the chain.
    ///
    /// A plan is one message, and messages have a limit: groups beyond it are returned. The facts they answer stay
    /// unanswered, so that the next plan answers them.
    fn propose(
        &mut self,
        mut groups: Vec<ExchangeGroup>,
        search: SearchRecord,
        effects: &mut Vec<Effect>,
    ) -> Vec<ExchangeGroup> {
        groups = self.accounted(groups, effects);
        if groups.is_empty() {
            return groups;
        }
        let mut bytes = 0;
        let fit = groups.iter().take_while(|group| {
            bytes += weight(group);
            bytes <= self.plan_bytes
        });
        let later = groups.split_off(fit.count().max(1).min(groups.len()));
        let chain = *self.fleet.chain();
        let proposal = Proposal {
            rules: RULES,
            format: FORMAT,
            epoch: self.commit.epoch().expect("only an owner proposes"),
            rev: chain.rev + 1,
            prev_hash: chain.hash,
            based_on: self.fleet.applied(),
            groups,
            search,
            overload: self.overload.level(),
            fleet_digest: self.fleet.digest(),
        };
        effects.push(self.commit.propose(proposal, chain.seq).into());
        later
    }
}
