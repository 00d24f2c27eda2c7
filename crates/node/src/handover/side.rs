//! One of the two zones of a hand-over: its log folded so far, and which hand-overs its facts tell of.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_fleet::{Closed, Fleet, VehicleState};
use fleetfold_journal::ZoneName;
use fleetfold_model::{Event, LogEntry, Millis, Name, Order, Person, Position, Shift, Timestamp, Vehicle};
use fleetfold_wire::{Labels, decode};

use crate::failure::Failure;
use crate::log::{Log, Message};
use crate::personal::Words;
use crate::readers::{Folded, Whole};

/// What a zone has given away, as it was at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// An open order, and what its producer calls it and its stops.
    Order(Box<Order>, Box<Labels>),
    /// A vehicle at work.
    Vehicle {
        /// Its properties.
        spec: Box<Vehicle>,
        /// The period it works, without the pauses that it has had.
        shift: Option<Shift>,
        /// Where it was.
        position: Option<Position>,
        /// What its driver had driven in this shift, where a rule of driving times counts it.
        driven: Option<Millis>,
    },
}

/// A zone of a hand-over.
pub(crate) struct Side {
    log: Log,
    pub(crate) zone: ZoneName,
    /// The source of the hand-over's events: see [`super::source`].
    source: String,
    folded: Folded,
    after: u64,
    /// Opens what producers say of orders.
    pub(crate) words: Words,
    /// What the orders that the log still has are called.
    called: BTreeMap<Name, Labels>,
    /// By the id of the hand-over: what this zone has given away, and when (log time).
    pub(crate) given: BTreeMap<String, (Given, Timestamp)>,
    /// Ids of the hand-overs whose second fact stands in this zone's log.
    pub(crate) taken: BTreeSet<String>,
}

impl Side {
    /// Folds a zone's log to its end. `None`: the log holds nothing of the zone.
    ///
    /// # Errors
    ///
    /// When the log cannot be read to its end.
    pub(crate) async fn read(log: &Log, zone: &ZoneName, source: String) -> Result<Option<Self>, Failure> {
        let Some((folded, after)) = Folded::begin(log, zone).await? else { return Ok(None) };
        let (log, zone, given, taken) = (log.clone(), zone.clone(), BTreeMap::new(), BTreeSet::new());
        let words = Words::new(log.clone(), zone.clone());
        let mut side = Self { log, zone, source, folded, after, words, called: BTreeMap::new(), given, taken };
        side.read_on().await?;
        Ok(Some(side))
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        &self.folded.fleet
    }

    /// Folds what has come since.
    ///
    /// # Errors
    ///
    /// When the log cannot be read to its end.
    pub(crate) async fn read_on(&mut self) -> Result<(), Failure> {
        let mut whole = Whole::above(&self.log, &self.zone, self.after).await?;
        while let Some(message) = whole.next().await? {
            self.after = message.seq;
            if let Some(mut entry) = self.folded.pass(&self.log, &message).await? {
                let said = self.words.open_entry(&mut entry, &message.bytes).await;
                self.take(&entry, &message, said);
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &LogEntry, message: &Message, said: Option<Box<Labels>>) {
        let id = self.handover_of(entry, message);
        let before = id.as_ref().and_then(|_| self.what_is_given(&entry.event));
        let change = self.folded.apply(entry);
        for (_, name) in &change.retired {
            self.called.remove(name);
        }
        match &entry.event {
            Event::PersonForgotten(Person::Order(order)) => _ = self.called.remove(order),
            event => {
                if let (Some(order), Some(said), None) = (Labels::order_of(event), said, change.refused) {
                    self.called.entry(order.clone()).or_default().take(*said);
                }
            }
        }
        let Some(id) = id else { return };
        match &entry.event {
            Event::OrderCreated(_) | Event::ShiftStarted { .. } => {
                self.taken.insert(id);
            }
            // Given away is what was there before this fact and is not any more because of it.
            Event::OrderCancelled { order } => {
                let gone = self.order(order).is_some_and(|order| order.closed == Some(Closed::Cancelled));
                if let (Some(given), None, true) = (before, change.refused, gone) {
                    self.given.insert(id, (given, entry.logged_at));
                }
            }
            Event::ShiftEnded { vehicle, .. } => {
                let gone = self.vehicle(vehicle).is_some_and(|vehicle| !vehicle.on);
                if let (Some(given), None, true) = (before, change.refused, gone) {
                    self.given.insert(id, (given, entry.logged_at));
                }
            }
            _ => {}
        }
    }

    /// The id of the hand-over of which a fact is one half.
    fn handover_of(&self, entry: &LogEntry, message: &Message) -> Option<String> {
        let half = matches!(
            entry.event,
            Event::OrderCreated(_)
                | Event::OrderCancelled { .. }
                | Event::ShiftStarted { .. }
                | Event::ShiftEnded { .. }
        );
        let envelope = half.then(|| decode(&message.bytes).ok()).flatten()?.envelope;
        (envelope.source == self.source).then_some(envelope.id)
    }

    fn what_is_given(&self, event: &Event) -> Option<Given> {
        match event {
            Event::OrderCancelled { order } => {
                let called = self.called.get(order).cloned().unwrap_or_default();
                let order = self.order(order)?;
                let mut spec = order.spec.clone()?;
                // What was reported ready is ready in the other zone, too.
                spec.release = order.ready_at.or(spec.release);
                Some(Given::Order(Box::new(spec), Box::new(called)))
            }
            Event::ShiftEnded { vehicle, .. } => self.vehicle(vehicle).and_then(vehicle_as_given),
            _ => None,
        }
    }

    /// An order by its name.
    pub(crate) fn order(&self, name: &Name) -> Option<&fleetfold_fleet::OrderState> {
        self.fleet().order_id(name.as_str()).map(|id| self.fleet().order(id))
    }

    /// A vehicle by its name.
    pub(crate) fn vehicle(&self, name: &Name) -> Option<&VehicleState> {
        self.fleet().vehicle_id(name.as_str()).map(|id| self.fleet().vehicle(id))
    }
}

/// A vehicle as another zone takes it over.
fn vehicle_as_given(state: &VehicleState) -> Option<Given> {
    let spec = state.spec.clone()?;
    let mut shift = state.shift.clone();
    if let Some(shift) = &mut shift {
        shift.breaks.drain(..(state.breaks_taken as usize).min(shift.breaks.len()));
    }
    // He is not under way, so that nothing has been driven since.
    let driven =
        state.driven(state.tachograph.last_at()).map(|driven| driven.in_shift).filter(|&time| time > Millis(0));
    let position = state.anchor.map(|anchor| anchor.position);
    Some(Given::Vehicle { spec: Box::new(spec), shift, position, driven })
}
