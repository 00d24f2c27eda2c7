//! What is wrong with a plan, in the words of the file.

use fleetfold_solver::check::Fault;
use fleetfold_solver::{Role, StopIx, TourIx};

use crate::instance::Instance;

/// A fault as a sentence, with what the file calls stops and vehicles.
pub(crate) fn in_words(fault: &Fault, stop: impl Fn(StopIx) -> String, vehicle: impl Fn(TourIx) -> String) -> String {
    match *fault {
        Fault::Twice(it) => format!("{} is served twice, or served and left out", stop(it)),
        Fault::Lost(it) => format!("{} is neither served nor left out", stop(it)),
        Fault::Shipment(it) => format!("{} is on a vehicle without its other end, or in the wrong order", stop(it)),
        Fault::Load(it) => format!("the vehicle carries more than it may after {}", stop(it)),
        Fault::Rules(it) => format!("{} is served by a vehicle that may not serve it", stop(it)),
        Fault::Stops(tour) => format!("{} has more stops than it may have", vehicle(tour)),
        Fault::Shift(tour) => {
            format!("{} is not back within its shift, or takes a way that does not exist", vehicle(tour))
        }
        Fault::Pauses(tour) => {
            format!("{} cannot be in time at its stops and its end, with all of its breaks", vehicle(tour))
        }
        Fault::Way(tour) => format!("{} drives longer or farther than it may", vehicle(tour)),
        Fault::Late(it) => format!("{} is served too late", stop(it)),
        Fault::Lifo(it) => format!("{} is unloaded out of order", stop(it)),
        Fault::Trip(it) => format!("{} is taken on during a trip that it does not belong to", stop(it)),
        Fault::Rank(it) => format!("{} is not at the position in its route that it must have", stop(it)),
        Fault::Range(tour) => format!("the battery of {} runs out, or is charged beyond what it holds", vehicle(tour)),
        Fault::Dock(number) => {
            format!("more vehicles are at work at the {}. dock at a time than it has room for", number + 1)
        }
        Fault::Relation(number) => format!("what the {}. relation asks of its tasks is broken", number + 1),
    }
}

/// What a vehicle of a file is called that has no ids of its vehicles: they are counted from 1.
pub(crate) fn counted(tour: TourIx) -> String {
    format!("the {}. vehicle", tour.index() + 1)
}

impl Instance {
    /// A fault of a plan as a sentence.
    pub fn fault_in_words(&self, fault: &Fault) -> String {
        let stop = |stop: StopIx| format!("{} {}", self.kind(stop), self.nodes[stop.index()]);
        in_words(fault, stop, |tour| self.vehicle(tour))
    }

    /// What the file calls a vehicle.
    fn vehicle(&self, tour: TourIx) -> String {
        self.names
            .as_ref()
            .map_or_else(|| counted(tour), |names| format!("vehicle {}", names.vehicles[tour.index()].id))
    }

    /// What kind of a stop the file calls it.
    pub fn kind(&self, stop: StopIx) -> &'static str {
        match self.problem.stops()[stop.index()].role {
            Role::Pickup => "pickup",
            Role::Delivery => "delivery",
            Role::JobDelivery | Role::JobPickup if self.names.is_some() => "job",
            Role::JobDelivery | Role::JobPickup => "customer",
        }
    }
}
