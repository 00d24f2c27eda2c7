//! What orders are called elsewhere, for those who are told of them: words of their producers that decide nothing and are in no fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleetfold_fleet::Change;
use fleetfold_model::{Event, Name, Person};
use fleetfold_wire::Labels;

/// The references of the orders of a zone: written as entries are folded, read by whoever tells others.
#[derive(Clone, Debug, Default)]
pub(crate) struct References(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    known: BTreeMap<Name, Arc<str>>,
    /// Orders whose customers were forgotten: what an older entry calls them comes too late.
    forgotten: BTreeSet<Name>,
}

impl References {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry was folded; `labels`: what it calls an order.
    pub(crate) fn folded(&self, event: &Event, labels: Option<&Labels>, change: &Change) {
        if let Event::PersonForgotten(Person::Order(order)) = event {
            let mut said = self.said();
            said.known.remove(order);
            said.forgotten.insert(order.clone());
        }
        let order = Labels::order_of(event);
        let reference = labels.and_then(|labels| labels.reference.as_deref());
        let said = order.zip(reference).filter(|_| change.refused.is_none());
        if said.is_none() && change.retired.is_empty() {
            return;
        }
        let mut all = self.said();
        for (_, name) in &change.retired {
            all.known.remove(name);
        }
        if let Some((order, reference)) = said {
            all.known.insert(order.clone(), reference.into());
        }
    }

    /// What was said before the entries that this program folded. What it has heard since then is newer.
    pub(crate) fn precede(&self, said: impl Iterator<Item = (Name, Arc<str>)>) {
        let mut all = self.said();
        for (order, reference) in said {
            if !all.forgotten.contains(&order) {
                all.known.entry(order).or_insert(reference);
            }
        }
    }

    /// What an order is called.
    pub(crate) fn of(&self, order: &Name) -> Option<Arc<str>> {
        self.said().known.get(order).cloned()
    }
}
