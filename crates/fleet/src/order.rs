//! What is known of one order: what was asked for, how far its stops have come, where it stands in the plan.

use fleetfold_model::{
    FailReason, Load, LoadDirection, LogSeq, Millis, Name, Order, OrderChange, OrderWork, Position, StopKind,
    TimeWindow, Timestamp, UnassignedReason, VehicleId,
};
use serde::{Deserialize, Serialize};

use crate::digest::name_digest;
use crate::pages::Vacant;
use crate::{Told, ToldTimes};

/// Who did something at a stop, and when (event time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub vehicle: VehicleId,
    /// When, zone time.
    pub at: Timestamp,
}

/// How far a stop has come. Each field is set once; later stages win over earlier ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The drive to it began.
    pub departed: Option<Mark>,
    /// The vehicle was there.
    pub arrived: Option<Mark>,
    /// Served.
    pub completed: Option<Mark>,
    /// Could not be served.
    pub failed: Option<(Mark, FailReason)>,
}

impl Progress {
    /// Served or failed: nothing more will happen.
    pub fn is_done(&self) -> bool {
        self.completed.is_some() || self.failed.is_some()
    }

    /// When the one who reports has served or failed it; `None`: it is not over, or was another's.
    pub(crate) fn done_by(&self, report: Mark) -> Option<Timestamp> {
        let done = self.completed.or(self.failed.map(|(mark, _)| mark))?;
        (done.vehicle == report.vehicle).then_some(done.at)
    }
}

/// Where an open order stands in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Waiting for its first answer, or displaced by a fact.
    Unplaced,
    /// On this vehicle's route.
    OnRoute(VehicleId),
    /// On no route, and the answer says why.
    Unassigned(UnassignedReason),
}

/// Why an order is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Closed {
    /// Served.
    Served,
    /// A stop of it failed.
    Failed(FailReason),
    /// The customer cancelled it.
    Cancelled,
}

/// A stop with all later changes taken into account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where.
    pub position: Position,
    /// When service may start; empty: any time. A release already cuts these.
    pub windows: Vec<TimeWindow>,
    /// No service before this, if set.
    pub release: Option<Timestamp>,
    /// Lateness counts from here; `None`: never late.
    pub due: Option<Timestamp>,
    /// Time spent serving.
    pub service: Millis,
    /// Time spent once on arrival.
    pub setup: Millis,
}

/// One order and everything known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The fleet system's id.
    pub name: Name,
    /// Hash of `name`.
    pub(crate) name_digest: u64,
    /// The order that had this number was retired, and no other has taken it yet.
    pub(crate) vacant: bool,
    /// What was asked for; `None` while only later facts about it have arrived.
    pub spec: Option<Order>,
    /// Hash of `spec`; 0 for none.
    pub spec_digest: u64,
    /// Skills as bits.
    pub skills: u64,
    /// The pickup (unused for jobs).
    pub pickup: Progress,
    /// The delivery, or the job's stop.
    pub delivery: Progress,
    /// Why it is over, if it is.
    pub closed: Option<Closed>,
    /// Since when it is over, or was first heard of while only later facts about it have arrived (log time): it is retired
    /// when the policy's `retire_after` has passed. `None` while it is open.
    pub over_since: Option<Timestamp>,
    /// Where it stands in the plan while open.
    pub placement: Placement,
    /// The vehicle its goods are on.
    pub on_board: Option<VehicleId>,
    /// A slot that is kept for a customer who has not taken it yet; it is given up then (zone time).
    pub held_until: Option<Timestamp>,
    /// Must stay on this vehicle (operator).
    pub pinned: Option<VehicleId>,
    /// Drivers who would not take it.
    pub rejected_by: Vec<VehicleId>,
    /// When each vehicle's driver refused it last, or a dispatcher forced it onto that vehicle: under the fourth rules.
    pub(crate) words: Vec<Mark>,
    /// The goods stand elsewhere than ordered (breakdown).
    pub pickup_moved_to: Option<Position>,
    /// The goods go elsewhere than ordered (return).
    pub delivery_moved_to: Option<Position>,
    /// The goods wait on this broken vehicle.
    pub rescue_from: Option<VehicleId>,
    /// Goods were reported ready at this time.
    pub ready_at: Option<Timestamp>,
    /// Changes that came before the order itself.
    pub early_changes: Vec<OrderChange>,
    /// Cancelled before it was created.
    pub early_cancel: bool,
    /// The entry that created it.
    pub created: LogSeq,
    /// While it is on a route: the entry that put it there. Whoever has accepted that revision of his route, or a later one, has accepted it.
    pub since: LogSeq,
    /// How often its vehicle changed after it had one.
    pub vehicle_changes: u32,
    /// The vehicle it was last on.
    pub last_vehicle: Option<VehicleId>,
    /// When facts said what is known of it.
    pub told: ToldTimes,
    /// Hashes of the ids of events about it.
    pub(crate) seen: Vec<u64>,
    /// How many facts that wait for an answer name it.
    pub(crate) asked: u32,
    /// Its summands of the digests.
    pub(crate) digests: (u64, u64),
}

impl Vacant for OrderState {
    fn vacant() -> Self {
        let name = Name::new("-").expect("a dash is visible and short");
        Self { vacant: true, ..Self::new(name) }
    }

    fn is_vacant(&self) -> bool {
        self.vacant
    }
}

impl OrderState {
    pub(crate) fn new(name: Name) -> Self {
        Self {
            name_digest: name_digest(&name),
            name,
            vacant: false,
            spec: None,
            spec_digest: 0,
            skills: 0,
            pickup: Progress::default(),
            delivery: Progress::default(),
            closed: None,
            over_since: None,
            placement: Placement::Unplaced,
            on_board: None,
            held_until: None,
            pinned: None,
            rejected_by: Vec::new(),
            words: Vec::new(),
            pickup_moved_to: None,
            delivery_moved_to: None,
            rescue_from: None,
            ready_at: None,
            early_changes: Vec::new(),
            early_cancel: false,
            created: LogSeq(0),
            since: LogSeq(0),
            vehicle_changes: 0,
            last_vehicle: None,
            told: ToldTimes::default(),
            seen: Vec::new(),
            asked: 0,
            digests: (0, 0),
        }
    }

    /// Known and not over.
    pub fn is_open(&self) -> bool {
        self.spec.is_some() && self.closed.is_none()
    }

    /// Why it is over, as its customer would say: an order whose delivery failed, and whose goods were brought back for that, has failed, and
    /// was cancelled by nobody. `None`: it is not over.
    pub fn outcome(&self) -> Option<Closed> {
        if self.closed == Some(Closed::Cancelled) && self.came_back() {
            return Some(Closed::Failed(FailReason::Other));
        }
        self.closed
    }

    /// True when its goods were brought back, or are to be, because its delivery failed.
    pub fn came_back(&self) -> bool {
        let told = |what| self.told.0.contains_key(&what);
        self.delivery_moved_to.is_some() && told(Told::Failed) && !told(Told::Cancelled)
    }

    /// True for pickup and delivery.
    pub fn is_shipment(&self) -> bool {
        matches!(self.spec.as_ref().map(|spec| &spec.work), Some(OrderWork::Shipment(_)))
    }

    /// True where it goes to the vehicle that it is pinned to whatever it costs.
    pub fn is_forced(&self) -> bool {
        self.pinned.is_some() && self.told.0.contains_key(&Told::Forced)
    }

    /// Takes note of a driver's refusal, or of the force that overrides it. False: something newer was said of this vehicle.
    pub(crate) fn note_word(&mut self, word: Mark) -> bool {
        match self.words.iter_mut().find(|other| other.vehicle == word.vehicle) {
            Some(last) if last.at > word.at => return false,
            Some(last) => *last = word,
            None => self.words.push(word),
        }
        true
    }

    /// The stops still to be served, pickup first.
    pub fn open_stops(&self) -> &'static [StopKind] {
        if !self.is_open() {
            &[]
        } else if self.is_shipment() && self.on_board.is_none() {
            &[StopKind::Pickup, StopKind::Delivery]
        } else {
            &[StopKind::Delivery]
        }
    }

    /// How far a stop has come.
    pub fn progress(&self, stop: StopKind) -> &Progress {
        match stop {
            StopKind::Pickup => &self.pickup,
            StopKind::Delivery => &self.delivery,
        }
    }

    pub(crate) fn progress_mut(&mut self, stop: StopKind) -> &mut Progress {
        match stop {
            StopKind::Pickup => &mut self.pickup,
            StopKind::Delivery => &mut self.delivery,
        }
    }

    /// What the goods take up.
    pub fn load(&self) -> Load {
        self.spec.as_ref().map_or_else(Load::default, |spec| spec.load)
    }

    /// True when the goods of a job are on board from the start of the tour.
    pub fn loads_at_start(&self) -> bool {
        matches!(self.spec.as_ref().map(|spec| &spec.work),
            Some(OrderWork::Job(job)) if job.direction == LoadDirection::Delivery)
    }

    /// Where the first of its open stops is; `None`: it has none.
    pub fn first_place(&self) -> Option<Position> {
        self.open_stops().first().and_then(|&kind| self.stop(kind)).map(|stop| stop.position)
    }

    /// Its priority, 0 while the order itself is unknown.
    pub fn priority(&self) -> u8 {
        self.spec.as_ref().map_or(0, |spec| spec.priority)
    }

    /// Where its goods were to be picked up as it was ordered; `None` for jobs.
    pub(crate) fn origin(&self) -> Option<Position> {
        match &self.spec.as_ref()?.work {
            OrderWork::Shipment(shipment) => Some(shipment.pickup.position),
            OrderWork::Job(_) => None,
        }
    }

    /// The vehicle that its goods are in: on board, or because it stands there with them.
    pub(crate) fn carrier(&self) -> Option<VehicleId> {
        self.on_board.or(self.rescue_from)
    }

    /// A stop with every later change taken into account. `None` while the order itself is unknown, or for the pickup of a job.
    pub fn stop(&self, kind: StopKind) -> Option<Stop> {
        let spec = self.spec.as_ref()?;
        let (ordered, moved) = match (&spec.work, kind) {
            (OrderWork::Job(job), StopKind::Delivery) => (&job.stop, self.delivery_moved_to),
            (OrderWork::Job(_), StopKind::Pickup) => return None,
            (OrderWork::Shipment(shipment), StopKind::Pickup) => (&shipment.pickup, self.pickup_moved_to),
            (OrderWork::Shipment(shipment), StopKind::Delivery) => (&shipment.delivery, self.delivery_moved_to),
        };
        let first = matches!(spec.work, OrderWork::Job(_)) || kind == StopKind::Pickup;
        let release = if !first || moved.is_some() {
            None
        } else {
            match (spec.release, self.ready_at) {
                (_, Some(ready)) => Some(ready),
                (release, None) => release,
            }
        };
        if moved.is_some() {
            // A rescue or a return has no appointment; the promise to the customer still counts for a delivery under way.
            return Some(Stop {
                position: moved?,
                windows: Vec::new(),
                release: None,
                due: None,
                service: ordered.service,
                setup: ordered.setup,
            });
        }
        let due = if kind == StopKind::Delivery && spec.promised.is_some() {
            spec.promised
        } else {
            ordered.windows.last().map(|window| window.closes())
        };
        Some(Stop {
            position: ordered.position,
            windows: ordered.windows.clone(),
            release,
            due,
            service: ordered.service,
            setup: ordered.setup,
        })
    }
}
