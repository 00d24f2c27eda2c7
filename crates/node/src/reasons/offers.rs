//! `/v1/offers/{order}`: which vehicles could take an order now, what each would cost, and who would become later.

use fleetfold_engine::Outlook;
use fleetfold_engine::reasons::{Offer as EngineOffer, Stand, held, place};
use fleetfold_fleet::{Fleet, Placement};
use fleetfold_model::{Timestamp, VehicleId};

use super::documents::{Offer, Ranked, vehicle_name};
use crate::failure::Failure;

/// Asks the `most` nearest vehicles about an order that is open. `now`: zone time.
///
/// # Errors
///
/// When there is no such open order.
pub(crate) fn offers(
    fleet: &Fleet,
    outlook: &Outlook,
    now: Timestamp,
    order: &str,
    most: usize,
) -> Result<Ranked, Failure> {
    let known = fleet.order_id(order).filter(|&id| fleet.order(id).is_open());
    let Some(id) = known else {
        return Err(Failure::new(format!("the zone has no open order {order}"), "look for its id in /v1/search"));
    };
    let (known, state) = (fleet, fleet.order(id));
    // Whoever asks who could take it is about to name a vehicle: that another one was named says nothing.
    let unpinned = state.pinned.map(|_| fleet.without_pin(id));
    let fleet = unpinned.as_ref().unwrap_or(known);
    let name = |vehicle: VehicleId| vehicle_name(fleet, vehicle);
    let holder = match state.placement {
        Placement::OnRoute(vehicle) => Some(vehicle),
        Placement::Unplaced | Placement::Unassigned(_) => None,
    };
    let stand = Stand::of(fleet, outlook, now);
    let held = held(&stand, id);
    let price = held.as_ref().map(|(_, possible)| possible.extra.total());
    let shown =
        held.map(|(vehicle, possible)| Offer::of(fleet, vehicle, &EngineOffer::Possible(Box::new(possible)), None));
    let (found, not_asked) = place(&stand, id, most + usize::from(holder.is_some()));
    let others = found.iter().filter(|(vehicle, _)| Some(*vehicle) != holder).take(most);
    Ok(Ranked {
        order: order.to_owned(),
        applied: fleet.applied().0,
        at: now.0,
        vehicle: holder.map(name),
        pinned: state.pinned.map(name),
        on_board: state.on_board.map(name),
        holder: shown,
        offers: others.map(|(vehicle, offer)| Offer::of(fleet, *vehicle, offer, price)).collect(),
        not_asked,
    })
}
