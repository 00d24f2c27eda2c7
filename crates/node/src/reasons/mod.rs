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

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::{self, Stand};
use fleetfold_fleet::{Closed, Fleet, Placement};
use fleetfold_model::{Event, LogEntry, Name, OrderId, StopKind, VehicleId};

pub(crate) use documents::{ExplainedOrder, ExplainedVehicle, Held, PlanReason, Quotes, Ranked, WhatIf};
pub(crate) use explain::{Asked, Subject, explain, explained, instant};
pub(crate) use offers::offers;
pub(crate) use quotes::{Asked as QuoteAsked, Keeps, Question, answer, keeps};
pub(crate) use source::{Reading, Source};
pub(crate) use what_if::{Change, Changes, events_in, tried, what_if};

/// The rules that an order breaks where it is because of a dispatcher's word, each with by how much, in words. `None`: none.
pub(crate) fn broken(fleet: &Fleet, outlook: &Outlook, order: OrderId) -> Option<String> {
    let lacks = reasons::broken(fleet, outlook, order);
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
    /// Of an entry that this fleet has folded last. `outlook`: travel times from then on, made where they are needed.
    pub(crate) fn of(fleet: &Fleet, outlook: impl FnOnce() -> Outlook, entry: &LogEntry) -> Self {
        if let Event::StopCompleted(stop) = &entry.event {
            let order = fleet.order_id(stop.order.as_str()).map(|id| fleet.order(id));
            let is_return = stop.stop == StopKind::Delivery
                && order.is_some_and(|it| it.closed == Some(Closed::Cancelled) && it.delivery_moved_to.is_some());
            return Self { is_return, ..Self::default() };
        }
        let Event::PlanProposed(plan) = &entry.event else { return Self::default() };
        let choices = plan.groups.iter().flat_map(|group| &group.choices).filter(|choice| choice.vehicle.is_some());
        let named = choices.filter_map(|choice| fleet.order_id(choice.order.as_str()));
        let named: Vec<OrderId> = named.filter(|&order| fleet.order(order).pinned.is_some()).collect();
        if named.is_empty() {
            return Self::default();
        }
        let outlook = outlook();
        let told = |order: OrderId| Some((fleet.order(order).name.clone(), broken(fleet, &outlook, order)?));
        // What it breaks of others on its route is told with it.
        let with_others = |order: OrderId| {
            let (name, own) = (fleet.order(order).name.clone(), broken(fleet, &outlook, order));
            let Placement::OnRoute(vehicle) = fleet.order(order).placement else { return Some((name, own?)) };
            let mut others: Vec<OrderId> =
                fleet.vehicle(vehicle).route.visits.iter().map(|visit| visit.order).collect();
            others.retain(|&other| fleet.order(other).pinned.is_none());
            others.dedup();
            let others = others.into_iter().filter_map(told);
            let others = others.map(|(other, breaks)| format!("order {other} behind it is served although {breaks}"));
            let words: Vec<String> = own.into_iter().chain(others).collect();
            (!words.is_empty()).then(|| (name, words.join("; ")))
        };
        let broken = named.into_iter().filter_map(with_others);
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
