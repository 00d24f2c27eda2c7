//! Which orders and vehicles there are, for the HTTP door: so that the usual event, about things that everybody knows, waits for
//! nobody's answer.
//!
//! Only hashes are kept, eight bytes for each. Two names of one hash would keep a warning back once in a very long time.

use std::collections::BTreeSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

use fleetfold_fleet::{Change, Fleet};
use fleetfold_model::{Event, Name};
use fleetfold_wire::Warning;

use crate::doubt::comes;

#[derive(Default)]
struct Known {
    orders: BTreeSet<u64>,
    vehicles: BTreeSet<u64>,
}

/// The names of orders that somebody has asked for and of vehicles that somebody has registered.
#[derive(Clone)]
pub(crate) struct KnownNames {
    hasher: RandomState,
    known: Arc<RwLock<Known>>,
}

impl KnownNames {
    /// The names that a fleet has.
    pub(crate) fn of(fleet: &Fleet) -> Self {
        let hasher = RandomState::new();
        let orders =
            fleet.orders().iter().filter(|order| order.spec.is_some()).map(|order| hasher.hash_one(&order.name));
        let orders = orders.collect();
        let vehicles = fleet.vehicles().iter().filter(|vehicle| vehicle.spec.is_some());
        let vehicles = vehicles.map(|vehicle| hasher.hash_one(&vehicle.name)).collect();
        Self { known: Arc::new(RwLock::new(Known { orders, vehicles })), hasher }
    }

    /// An entry was folded.
    pub(crate) fn folded(&self, event: &Event, change: &Change) {
        let comes = comes(event).filter(|_| change.refused.is_none());
        if comes.is_none() && change.retired.is_empty() {
            return;
        }
        // Whoever panicked while it was held has left it whole: every change is one call.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for (_, name) in &change.retired {
            known.orders.remove(&self.hasher.hash_one(name));
        }
        match comes {
            Some((Warning::UNKNOWN_ORDER, name)) => known.orders.insert(self.hasher.hash_one(name)),
            Some((Warning::UNKNOWN_VEHICLE, name)) => known.vehicles.insert(self.hasher.hash_one(name)),
            _ => false,
        };
    }

    /// True where all of what is named is known.
    pub(crate) fn has(&self, order: Option<&Name>, vehicle: Option<&Name>) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        order.is_none_or(|name| known.orders.contains(&self.hasher.hash_one(name)))
            && vehicle.is_none_or(|name| known.vehicles.contains(&self.hasher.hash_one(name)))
    }
}
