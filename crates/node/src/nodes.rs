//! A node: one program that runs those zones of a log that are its own, beside others on other machines.
//!
//! Which zones are its own follows from the nodes that it hears (`fleetfold_journal::placement`). It folds the zones for which it
//! is first or second, and lets its lease thread hold the lease where it is first. Leases and fenced plans keep it safe when
//! two nodes see different neighbours.

pub(crate) mod commands;
pub(crate) mod documents;
pub(crate) mod http;
mod run;
mod teller;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
pub(crate) use fleetfold_journal::Pattern;
use fleetfold_journal::ZoneName;
use fleetfold_journal::placement::NodeName;

use crate::live::Live;
use crate::log::{Log, Nodes};
pub(crate) use run::{Runner, Template};

/// A zone that runs here.
#[derive(Clone)]
pub(crate) struct Here {
    /// Its engine.
    pub live: Live,
    /// Its HTTP.
    pub router: Router,
}

/// What HTTP sees of a node.
pub(crate) struct Node {
    /// Its name.
    pub name: NodeName,
    /// Where its HTTP is served.
    pub http: String,
    /// The log.
    pub log: Log,
    /// What nodes tell each other.
    pub buckets: Nodes,
    /// Which zones it may run.
    pub patterns: Vec<Pattern>,
    /// The zones that run here.
    zones: RwLock<BTreeMap<ZoneName, Here>>,
}

impl Node {
    pub(crate) fn new(name: NodeName, http: String, log: Log, buckets: Nodes, patterns: Vec<Pattern>) -> Arc<Self> {
        Arc::new(Self { name, http, log, buckets, patterns, zones: RwLock::default() })
    }

    /// Whether this node may run a zone of that name.
    pub(crate) fn may_run(&self, zone: &ZoneName) -> bool {
        self.patterns.iter().any(|pattern| pattern.names(zone))
    }

    /// A zone that runs here.
    pub(crate) fn zone(&self, zone: &ZoneName) -> Option<Here> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner).get(zone).cloned()
    }

    /// All zones that run here.
    pub(crate) fn zones(&self) -> Vec<Live> {
        self.zones.read().unwrap_or_else(PoisonError::into_inner).values().map(|here| here.live.clone()).collect()
    }

    fn put(&self, zone: ZoneName, here: Here) {
        self.zones.write().unwrap_or_else(PoisonError::into_inner).insert(zone, here);
    }

    fn take(&self, zone: &ZoneName) {
        self.zones.write().unwrap_or_else(PoisonError::into_inner).remove(zone);
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_names_a_tenant_and_a_zone_or_all_of_them() {
        let parsed = |text: &str| text.parse::<Pattern>().map(|pattern| (pattern.tenant, pattern.zone));
        assert_eq!(parsed("acme/*"), Ok((Some("acme".to_owned()), None)));
        assert_eq!(parsed("*/*"), Ok((None, None)));
        assert_eq!(parsed("acme/porto"), Ok((Some("acme".to_owned()), Some("porto".to_owned()))));
        for wrong in ["acme", "acme/", "/x", "a.b/*", "a/b/c", "acme/po*"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
