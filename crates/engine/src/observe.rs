//! From the reports of drivers to observations: how long drives and services really took.

use fleetfold_fleet::{Fleet, Stop, Visit};
use fleetfold_model::{Event, Millis, OrderId, Position, StopEvent, Timestamp, VehicleId};

use crate::learn::Learner;
use crate::moment::Moment;
use crate::outlook::Outlook;

/// Where the vehicle of a report is before the report is folded; `None`: the event is no report of a drive or a service, or nobody knows where
/// that began.
pub(crate) fn before_report(fleet: &Fleet, event: &Event) -> Option<Position> {
    let (Event::StopDeparted(stop) | Event::StopArrived(stop) | Event::StopCompleted(stop)) = event else {
        return None;
    };
    let vehicle = fleet.vehicle(fleet.vehicle_id(stop.vehicle.as_str())?);
    // Who has been at a depot that nobody told of did not come from where he was last.
    let order = fleet.order_id(stop.order.as_str());
    let is_it = |visit: &&Visit| Some(visit.order) == order && visit.stop == stop.stop;
    let came_by_depot = vehicle.route.visits.iter().find(is_it).is_some_and(|visit| visit.reload_before.is_some());
    vehicle.whereabouts().map(|anchor| anchor.position).filter(|_| !came_by_depot)
}

impl Learner {
    /// Observes a report of a driver that was folded and not refused. `before`: where the vehicle was before it.
    pub(crate) fn observe(&mut self, moment: Moment<'_>, outlook: &Outlook, event: &Event, before: Option<Position>) {
        // What is told when its stop is over is no drive of now.
        if let Event::StopDeparted(stop) | Event::StopArrived(stop) = event
            && Seen::of(moment, stop).is_some_and(|seen| seen.is_over(moment, stop))
        {
            return;
        }
        if let Event::StopDeparted(stop) = event
            && let (Some(from), Some(seen)) = (before, Seen::of(moment, stop))
        {
            let spec = moment.fleet.vehicle(seen.vehicle).spec.as_ref();
            let factor = spec.map_or(1000, |spec| i64::from(spec.time_factor));
            let leg = outlook.leg(from, seen.place.position, seen.at);
            let travel = Millis(i64::from(leg.millis) * factor / 1000);
            self.departed(seen.vehicle, (seen.order, stop.stop), seen.at, from, travel);
        }
        if let Event::StopArrived(stop) = event
            && let Some(seen) = Seen::of(moment, stop)
        {
            let visit = (seen.order, stop.stop);
            self.arrived(moment.fleet, outlook.network(), seen.vehicle, visit, seen.at, seen.place.position);
        }
        if let Event::StopCompleted(stop) = event
            && moment.fleet.policy().learn
            && let Some(seen) = Seen::of(moment, stop)
            && let Some(arrived) = moment.fleet.order(seen.order).progress(stop.stop).arrived
        {
            let place = &seen.place;
            let began = place.service_start(arrived.at, true);
            self.served(place.position, began, seen.at);
        }
    }
}

/// A report of something known.
struct Seen {
    vehicle: VehicleId,
    order: OrderId,
    place: Stop,
    at: Timestamp,
}

impl Seen {
    fn of(moment: Moment<'_>, stop: &StopEvent) -> Option<Self> {
        let vehicle = moment.fleet.vehicle_id(stop.vehicle.as_str())?;
        let order = moment.fleet.order_id(stop.order.as_str())?;
        let place = moment.fleet.order(order).stop(stop.stop)?;
        // As in the fold: nothing has happened later than now, whatever the clock of a phone says.
        Some(Self { vehicle, order, place, at: stop.at.min(moment.now()) })
    }

    fn is_over(&self, moment: Moment<'_>, stop: &StopEvent) -> bool {
        moment.fleet.order(self.order).progress(stop.stop).is_done()
    }
}
