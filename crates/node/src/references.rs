//! What orders are called elsewhere, for those who are told of them: words of their producers that decide nothing and are in no fleet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use fleetfold_fleet::Change;
use fleetfold_model::{Event, Name};
use fleetfold_wire::Labels;

/// The references of the orders of a zone: written as entries are folded, read by whoever tells others.
#[derive(Clone, Debug, Default)]
pub(crate) struct References(Arc<Mutex<BTreeMap<Name, Arc<str>>>>);

impl References {
    /// An entry was folded; `message`: its bytes, where it may name an order.
    pub(crate) fn folded(&self, event: &Event, message: Option<&[u8]>, change: &Change) {
        let order = match event {
            Event::OrderCreated(order) => Some(&order.name),
            Event::OrderUpdated(change) => Some(&change.order),
            _ => None,
        };
        let said = order.zip(message).filter(|_| change.refused.is_none());
        let said = said.and_then(|(order, message)| Some((order, Labels::of(message).reference?)));
        if said.is_none() && change.retired.is_empty() {
            return;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, name) in &change.retired {
            known.remove(name);
        }
        if let Some((order, reference)) = said {
            known.insert(order.clone(), reference.into());
        }
    }

    /// What was said before the entries that this program folded. What it has heard since then is newer.
    pub(crate) fn precede(&self, said: impl Iterator<Item = (Name, Arc<str>)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (order, reference) in said {
            known.entry(order).or_insert(reference);
        }
    }

    /// What an order is called.
    pub(crate) fn of(&self, order: &Name) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(order).cloned()
    }
}
