//! Orders that are over and have left the engine's state: what the log still tells about them.

use std::collections::BTreeMap;
use std::time::Duration;

use fleetfold_fleet::Zone;
use fleetfold_journal::PolicyAt;
use fleetfold_model::{Event, LogSeq, Name, Order, OrderWork, StopKind, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{Labels, What, decode};

use crate::clock;
use crate::failure::Failure;
use crate::gatekeeper::{self, Passed};
use crate::log::Stream;
use crate::personal::Words;
use crate::readers::Whole;
use crate::view::stories::{self, Who};
use crate::view::{BECAUSE_MAX, Because, Logged, OrderStop, RetiredOrder, choice_words, collects, lon_lat, stop_name};

/// Longer than this nobody waits at a screen (guess).
const LONGEST: Duration = Duration::from_secs(30);
/// Most lines of one order's story.
const LINES_MAX: usize = 200;

/// Decisions of an order whose causes are read, from the last one on.
const EXPLAINED_MAX: usize = 3;

/// Where an order is looked for.
pub(crate) struct Where<'w> {
    pub(crate) words: &'w Words,
    pub(crate) network: &'w Network,
    pub(crate) zone: Zone,
    /// What the engine has not folded yet is not over.
    pub(crate) applied: u64,
}

/// What the log holds about an order up to an entry, oldest first. `None`: nothing.
///
/// # Errors
///
/// When the log cannot be read to its end in time.
pub(crate) async fn order<'a>(place: &Where<'_>, order: &'a Name) -> Result<Option<RetiredOrder<'a>>, Failure> {
    let (log, zone) = (place.words.log(), place.words.zone());
    // Nothing is folded here, so nobody can say which policy was in force at an entry. The engine has, for all entries that are
    // read here: what a strict policy rejected is noted as skipped.
    let policy = PolicyAt { seq: LogSeq(u64::MAX), strict: false };
    let mut gate = gatekeeper::gate(log, zone, policy).await?;
    // Most entries are of other orders: those whose bytes do not have the name need not be decoded. Where there is a backslash or a
    // payload in Base64 the name may stand there in another spelling.
    let plain = order.as_str().chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c));
    let needle = serde_json::to_vec(order.as_str()).unwrap_or_default();
    let mut past = Past::default();
    let began = clock::monotonic();
    let mut whole = Whole::above(log, zone, 0).await?;
    while let Some(message) = whole.next().await? {
        if began.elapsed() > LONGEST {
            return Err(Failure::new("the log was not read to its end in time", "ask again, or use `record`"));
        }
        let bytes = &message.bytes;
        let has = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        let has_it = !plain || has(&needle) || bytes.contains(&b'\\') || has(b"data_base64");
        if !has_it || message.seq > place.applied {
            continue;
        }
        if let Passed::Entry(mut entry, said) = gatekeeper::judge(log, &mut gate, &message).await?
            && let Some(words) = about(&entry.event, order)
        {
            if let Some(labels) = place.words.open_entry(&mut entry, &message.bytes).await {
                past.labels.take(*labels);
            }
            past.takes(&entry.event, order);
            let words = match &entry.event {
                Event::StopCompleted(stop) if past.goes_back && stop.stop == StopKind::Delivery => {
                    stories::brought_back(&stop.vehicle)
                }
                _ => past.worded(words),
            };
            let decision = if let Event::PlanProposed(plan) = &entry.event { Some(plan.rev) } else { None };
            if past.story.len() < LINES_MAX {
                let (seq, at, kind) = (entry.seq.0, message.at.0, said.kind.name());
                past.story.push(Logged { seq, at, kind, words, decision, because: Vec::new() });
            }
        }
    }
    if past.story.is_empty() {
        return Ok(None);
    }
    past.explain(place).await;
    Ok(Some(past.told(place, order)))
}

/// When a stop was to be reached and begun, as the last plan that named it said.
type Planned = (Timestamp, Timestamp);

/// What drivers reported of a stop.
#[derive(Clone, Copy, Default)]
struct Reported {
    departed: Option<Timestamp>,
    arrived: Option<Timestamp>,
    completed: Option<Timestamp>,
    failed: Option<Timestamp>,
}

/// An order as entry after entry tells of it. No plan is folded: one that was not taken may have named it, too, and is as good as any where
/// only the times before it was served count.
#[derive(Default)]
struct Past {
    spec: Option<Order>,
    labels: Labels,
    ready: Option<Timestamp>,
    planned: [Option<Planned>; 2],
    reported: [Reported; 2],
    vehicle: Option<Name>,
    ended: Option<&'static str>,
    /// Its delivery failed, and nobody has said when it is tried again.
    has_failed: bool,
    /// A plan has sent the goods back since.
    goes_back: bool,
    /// The facts that plans answer which have decided on it.
    causes: BTreeMap<u64, Vec<LogSeq>>,
    story: Vec<Logged>,
}

impl Past {
    /// One more event that is about it.
    fn takes(&mut self, event: &Event, order: &Name) {
        match event {
            Event::StopFailed(stop, _, retry) => {
                (self.has_failed, self.goes_back) = (stop.stop == StopKind::Delivery && retry.is_none(), false);
            }
            Event::OrderRetried(_) | Event::OrderUpdated(_) => (self.has_failed, self.goes_back) = (false, false),
            Event::PlanProposed(_) => self.goes_back = self.has_failed,
            _ => {}
        }
        // Goods that come back are told like goods that are delivered.
        let ends = end_of(event).filter(|&ends| ends != "served" || !self.goes_back);
        self.ended = ends.or(self.ended);
        match event {
            // While it was open a second one was refused. An id may be used again once the order of before is retired.
            Event::OrderCreated(_) | Event::SlotHeld(_) if self.spec.is_some() && self.ended.is_none() => {}
            Event::OrderCreated(created) => *self = Self { spec: Some(created.clone()), ..self.again() },
            Event::SlotHeld(held) => *self = Self { spec: Some(held.order.clone()), ..self.again() },
            Event::OrderUpdated(change) => {
                if let Some(spec) = &mut self.spec {
                    spec.work = change.work.clone().unwrap_or_else(|| spec.work.clone());
                    spec.release = change.release.or(spec.release);
                    spec.promised = change.promised.or(spec.promised);
                }
            }
            Event::OrderReady { at, .. } => self.ready = Some(*at),
            Event::StopDeparted(stop) => self.reported[stop.stop as usize].departed = Some(stop.at),
            Event::StopArrived(stop) => self.reported[stop.stop as usize].arrived = Some(stop.at),
            Event::StopCompleted(stop) => {
                self.reported[stop.stop as usize].completed = Some(stop.at);
                self.vehicle = Some(stop.vehicle.clone());
            }
            Event::StopFailed(stop, ..) => {
                self.reported[stop.stop as usize].failed = Some(stop.at);
                self.vehicle = Some(stop.vehicle.clone());
            }
            Event::PlanProposed(plan) => {
                for group in &plan.groups {
                    let visits = group.routes.iter().flat_map(|route| &route.visits);
                    for visit in visits.filter(|visit| visit.order == *order) {
                        self.planned[visit.stop as usize] = Some((visit.arrival, visit.start));
                    }
                    if group.choices.iter().any(|choice| choice.order == *order) {
                        self.causes.insert(plan.rev, group.caused_by.clone());
                    }
                }
            }
            _ => {}
        }
    }

    /// A line of its story.
    fn worded(&self, words: String) -> String {
        if self.spec.as_ref().is_some_and(|spec| stories::is_collected(&spec.work)) {
            stories::collected(words)
        } else {
            words
        }
    }

    /// What is left of it when an order of its id comes anew.
    fn again(&mut self) -> Self {
        let (labels, story) = (std::mem::take(&mut self.labels), std::mem::take(&mut self.story));
        Self { labels, story, ..Self::default() }
    }

    /// Reads the facts that the last decisions answered.
    async fn explain(&mut self, place: &Where<'_>) {
        let (log, zone) = (place.words.log(), place.words.zone());
        let decided = self.story.iter_mut().rev().filter(|line| line.decision.is_some());
        for line in decided.take(EXPLAINED_MAX) {
            let causes = line.decision.and_then(|rev| self.causes.get(&rev)).into_iter().flatten();
            for seq in causes.take(BECAUSE_MAX) {
                // What cannot be read is not told.
                let Ok(Some(message)) = log.get(Stream::Fleet, zone, seq.0).await else { continue };
                let Ok(decoded) = decode(&message.bytes) else { continue };
                let What::Event(event) = decoded.what else { continue };
                let said = stories::line(&event);
                let Some(words) = stories::fact(&event, said.as_ref()) else { continue };
                let (order, vehicle) = stories::about(&event, said.as_ref());
                let (order, vehicle) = (order.map(Name::to_string), vehicle.map(Name::to_string));
                let at = place.zone.zone_time(message.at).0;
                line.because.push(Because { seq: seq.0, at, words, order, vehicle });
            }
        }
    }

    fn told<'a>(self, place: &Where<'_>, order: &'a Name) -> RetiredOrder<'a> {
        let stops: Vec<OrderStop> =
            [StopKind::Pickup, StopKind::Delivery].into_iter().filter_map(|kind| self.stop(place, kind)).collect();
        let late = stops.iter().map(|stop| stop.late_seconds / 60 * 60).max().filter(|&late| late > 0);
        let last = stops.last();
        RetiredOrder {
            id: order.as_str(),
            status: self.ended.unwrap_or("retired"),
            retired: true,
            vehicle: self.vehicle.as_ref().map(Name::to_string),
            placed: self.spec.as_ref().map(|spec| spec.placed.0),
            due: last.and_then(|stop| stop.due),
            done: last.and_then(|stop| stop.completed),
            late_seconds: late,
            stops,
            reference: self.labels.reference,
            story: self.story,
        }
    }

    fn stop(&self, place: &Where<'_>, kind: StopKind) -> Option<OrderStop> {
        let spec = self.spec.as_ref()?;
        let ordered = match (&spec.work, kind) {
            (OrderWork::Job(job), StopKind::Delivery) => &job.stop,
            (OrderWork::Job(_), StopKind::Pickup) => return None,
            (OrderWork::Shipment(shipment), StopKind::Pickup) => &shipment.pickup,
            (OrderWork::Shipment(shipment), StopKind::Delivery) => &shipment.delivery,
        };
        let is_first = matches!(spec.work, OrderWork::Job(_)) || kind == StopKind::Pickup;
        let promised = spec.promised.filter(|_| kind == StopKind::Delivery);
        let due = promised.or(ordered.windows.last().map(|window| window.closes()));
        let Reported { departed, arrived, completed, failed } = self.reported[kind as usize];
        let (arrival, start) = self.planned[kind as usize].unzip();
        let street = place.network.street_at(ordered.position);
        let late = arrived.or(completed).zip(due).map_or(0, |(begins, due)| ((begins - due).0 / 1000).max(0));
        Some(OrderStop {
            stop: stop_name(kind),
            collects: collects(&spec.work, kind),
            at: lon_lat(place.zone.space, ordered.position),
            address: if kind == StopKind::Pickup { self.labels.pickup.clone() } else { self.labels.delivery.clone() },
            street_meters: street.as_ref().map(|beside| beside.metres.round() as i64),
            street: street.map(|beside| beside.name).filter(|name| !name.is_empty()),
            windows: ordered.windows.iter().map(|window| [window.opens().0, window.closes().0]).collect(),
            release: self.ready.or(spec.release).filter(|_| is_first).map(|at| at.0),
            due: due.map(|due| due.0),
            service_seconds: ordered.service.0 / 1000,
            setup_seconds: ordered.setup.0 / 1000,
            arrival: arrival.map(|at| at.0),
            start: start.map(|at| at.0),
            departed: departed.map(|at| at.0),
            arrived: arrived.map(|at| at.0),
            completed: completed.map(|at| at.0),
            failed: failed.map(|at| at.0),
            late_seconds: late,
        })
    }
}

/// What an event says of an order; `None`: nothing. Plans and repairs are about several orders.
fn about(event: &Event, order: &Name) -> Option<String> {
    match event {
        Event::RepairAsked(repair) => repair.orders.contains(order).then(|| format!("asked for anew: {}", repair.what)),
        Event::PlanProposed(plan) => {
            let mut choices = plan.groups.iter().flat_map(|group| &group.choices);
            choices.find(|choice| choice.order == *order).map(choice_words)
        }
        event => stories::line(event).filter(|line| line.who == Who::Order(order)).map(|line| line.words),
    }
}

/// How an event ends an order, if it does.
fn end_of(event: &Event) -> Option<&'static str> {
    match event {
        Event::StopCompleted(report) if report.stop == fleetfold_model::StopKind::Delivery => Some("served"),
        Event::StopFailed(..) => Some("failed"),
        Event::OrderCancelled { .. } | Event::HoldEnded(_) => Some("cancelled"),
        _ => None,
    }
}
