//! Reasons, trials and quotes: what the engine's room computes, asked of a log, a recording or a running engine, as documents and in
//! plain English.
//!
//! Nothing here writes to a log. A decision is explained from the log alone: it is folded up to what the deciding engine knew.

mod change;
mod documents;
mod explain;
mod offers;
mod quotes;
mod source;
mod what_if;
mod words;

use fleetfold_engine::reasons::{self, Stand};
use fleetfold_fleet::{Closed, Fleet};
use fleetfold_model::{Event, LogEntry, Name, OrderId, StopKind, VehicleId};

pub(crate) use documents::{ExplainedOrder, ExplainedVehicle, Held, PlanReason, Quotes, Ranked, WhatIf};
pub(crate) use explain::{Asked, Subject, explain, explained, instant};
pub(crate) use offers::offers;
pub(crate) use quotes::{Asked as QuoteAsked, Keeps, Question, answer, keeps};
pub(crate) use source::{Reading, Source};
pub(crate) use what_if::{Change, Changes, events_in, tried, what_if};

/// The rules that an order breaks where it is because a dispatcher has tied it to its vehicle, each with by how much, in words. `None`: none.
pub(crate) fn broken(fleet: &Fleet, order: OrderId) -> Option<String> {
    let lacks = reasons::broken(fleet, order);
    (!lacks.is_empty()).then(|| words::broken(&documents::breaks(fleet, &lacks)))
}

/// What a vehicle lacks for an order, in words: what a dispatcher's word would break. `None`: nothing.
pub(crate) fn lacks(stand: &Stand<'_>, vehicle: VehicleId, order: OrderId) -> Option<String> {
    let lacks = reasons::lacks(stand, vehicle, order);
    (!lacks.is_empty()).then(|| words::broken(&documents::breaks(stand.fleet, &lacks)))
}

/// What a story tells of an entry that stands in the fleet and not in the entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// The rules that orders break which it places by a dispatcher's word, in words.
    pub(crate) broken: Vec<(Name, String)>,
    /// The delivery that it tells of is the return of goods to where they came from.
    pub(crate) is_return: bool,
    /// Vehicles whose ways this change of the roads touches, or will touch, each with the orders concerned.
    pub(crate) touches: Vec<(Name, Vec<Name>)>,
}

impl Beside {
    /// Of an entry that this fleet has folded last.
    pub(crate) fn of(fleet: &Fleet, entry: &LogEntry) -> Self {
        if let Event::StopCompleted(stop) = &entry.event {
            let order = fleet.order_id(stop.order.as_str()).map(|id| fleet.order(id));
            let is_return = stop.stop == StopKind::Delivery
                && order.is_some_and(|it| it.closed == Some(Closed::Cancelled) && it.delivery_moved_to.is_some());
            return Self { is_return, ..Self::default() };
        }
        let Event::PlanProposed(plan) = &entry.event else { return Self::default() };
        let choices = plan.groups.iter().flat_map(|group| &group.choices).filter(|choice| choice.vehicle.is_some());
        let broken = choices.filter_map(|choice| {
            let order = fleet.order_id(choice.order.as_str())?;
            Some((choice.order.clone(), broken(fleet, order)?))
        });
        Self { broken: broken.collect(), ..Self::default() }
    }

    /// The same with the vehicles whose ways a change of the roads touches.
    #[must_use]
    pub(crate) fn touching(mut self, fleet: &Fleet, vehicles: Vec<(VehicleId, Vec<OrderId>)>) -> Self {
        let touches = vehicles.into_iter().map(|(id, orders)| {
            let orders = orders.into_iter().map(|order| fleet.order(order).name.clone());
            (fleet.vehicle(id).name.clone(), orders.collect())
        });
        self.touches = touches.collect();
        self
    }
}
