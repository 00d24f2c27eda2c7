//! What stands in the buckets `NODES` and `ZONES`, and what `/v1/zones` and `fleetfold zones` make of it.

use std::collections::BTreeMap;

use fleetfold_journal::ZoneName;
use fleetfold_journal::placement::NodeName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::live::Live;
use crate::log::{LogError, Nodes};

/// Beginning of the keys in `NODES` that ask a node to drain: `drain.<node>`.
const DRAIN: &str = "drain.";

/// What a node says of itself, every half second. Its key in `NODES` is its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeTold {
    /// How many times it has said so since it started.
    pub(crate) number: u64,
    /// Which start of the node this is.
    pub(crate) start: u64,
    /// It gives its zones away.
    pub(crate) draining: bool,
    /// Where its HTTP is served.
    pub(crate) http: String,
    /// Which zones it may run. Nodes of before 0.2 do not say it, and count as if they may run all.
    #[serde(default)]
    pub(crate) zones: Vec<String>,
}

/// How a node stands with a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "NodeState")]
pub(crate) enum State {
    /// It folds the zone's log and has not come to its end.
    Starting,
    /// It has folded the log and does not own the zone.
    Standby,
    /// It owns the zone.
    Owner,
    /// It owns the zone and gives it away.
    Draining,
}

/// What a node says of a zone that it runs. Its key in `ZONES` is `<tenant>.<zone>.<node>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ZoneTold {
    pub(crate) state: State,
    /// The term in which it owns the zone.
    pub(crate) epoch: Option<u64>,
    /// Last entry folded.
    pub(crate) applied: u64,
    /// Facts without an answer.
    pub(crate) unanswered: u64,
    /// Level of overload, 0 to 4. Nodes of version 0.1 do not say it.
    #[serde(default)]
    pub(crate) overload: u8,
}

/// Key of what a node says of a zone.
pub(crate) fn zone_key(zone: &ZoneName, node: &NodeName) -> String {
    format!("{}.{node}", zone.key())
}

/// Key that asks a node to drain.
pub(crate) fn drain_key(node: &NodeName) -> String {
    format!("{DRAIN}{node}")
}

/// Whose beat stands under a key of `NODES`.
pub(crate) fn beat_of(key: &str) -> Option<NodeName> {
    NodeName::new(key)
}

/// Which node a key of `NODES` asks to drain.
pub(crate) fn drains(key: &str) -> Option<NodeName> {
    key.strip_prefix(DRAIN).and_then(NodeName::new)
}

/// A node as shown.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct NodeShown {
    pub(crate) node: String,
    pub(crate) http: String,
    pub(crate) draining: bool,
    /// Zones that it owns.
    pub(crate) owned: usize,
    /// Zones that it folds and does not own.
    pub(crate) followed: usize,
}

/// A zone on a node as shown.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct RunsShown {
    pub(crate) node: String,
    pub(crate) state: State,
    pub(crate) epoch: Option<u64>,
    pub(crate) applied: u64,
    /// Entries of the zone's stream that another node has folded and this one has not.
    pub(crate) lag: u64,
    pub(crate) unanswered: u64,
    /// Level of overload, 0 to 4.
    pub(crate) overload: u8,
}

/// A zone as shown.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct ZoneShown {
    pub(crate) zone: String,
    /// The node that owns it.
    pub(crate) owner: Option<String>,
    /// Every node that runs it, the owner first.
    pub(crate) nodes: Vec<RunsShown>,
}

/// All nodes and zones as shown.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub(crate) struct Overview {
    pub(crate) nodes: Vec<NodeShown>,
    pub(crate) zones: Vec<ZoneShown>,
}

/// What an engine that runs alone says of its one zone, in the shape of several nodes. `http`: where it is served.
pub(crate) fn overview_of(live: &Live, http: String) -> Overview {
    let epoch = live.epoch();
    let state = match (epoch, live.has_caught_up()) {
        (Some(_), _) => State::Owner,
        (None, true) => State::Standby,
        (None, false) => State::Starting,
    };
    let (applied, unanswered) = live.metrics.standing();
    let node = live.owner.clone();
    let owner = epoch.is_some().then(|| node.clone());
    let overload = live.admission.level();
    let runs = RunsShown { node: node.clone(), state, epoch, applied, lag: 0, unanswered, overload };
    let (owned, followed) = if epoch.is_some() { (1, 0) } else { (0, 1) };
    Overview {
        nodes: vec![NodeShown { node, http, draining: false, owned, followed }],
        zones: vec![ZoneShown { zone: live.zone.to_string(), owner, nodes: vec![runs] }],
    }
}

/// What the nodes say in their buckets.
///
/// # Errors
///
/// When the broker is away.
pub(crate) async fn overview(buckets: &Nodes) -> Result<Overview, LogError> {
    let present = buckets.present().await?;
    Ok(show(&present, &buckets.told_all().await?))
}

fn show<B: AsRef<[u8]>>(present: &[(String, B)], told: &[(String, B)]) -> Overview {
    let mut nodes: Vec<NodeShown> = present
        .iter()
        .filter_map(|(key, value)| {
            let (node, told) = (beat_of(key)?, serde_json::from_slice::<NodeTold>(value.as_ref()).ok()?);
            let NodeTold { draining, http, .. } = told;
            Some(NodeShown { node: node.to_string(), http, draining, owned: 0, followed: 0 })
        })
        .collect();
    let mut zones: BTreeMap<String, Vec<RunsShown>> = BTreeMap::new();
    for (key, value) in told {
        let Ok(ZoneTold { state, epoch, applied, unanswered, overload }) = serde_json::from_slice(value.as_ref())
        else {
            continue;
        };
        let mut parts = key.split('.');
        let (Some(tenant), Some(zone), Some(node)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let node = node.to_owned();
        // What a node has said stays for a while after it died.
        let Some(shown) = nodes.iter_mut().find(|shown| shown.node == node) else { continue };
        if epoch.is_some() {
            shown.owned += 1;
        } else {
            shown.followed += 1;
        }
        let runs = RunsShown { node, state, epoch, applied, lag: 0, unanswered, overload };
        zones.entry(format!("{tenant}/{zone}")).or_default().push(runs);
    }
    let zones = zones
        .into_iter()
        .map(|(zone, mut nodes)| {
            let end = nodes.iter().map(|runs| runs.applied).max().unwrap_or(0);
            for runs in &mut nodes {
                runs.lag = end - runs.applied;
            }
            nodes.sort_by_key(|runs| std::cmp::Reverse(runs.epoch));
            let owner = nodes.first().filter(|runs| runs.epoch.is_some()).map(|runs| runs.node.clone());
            ZoneShown { zone, owner, nodes }
        })
        .collect();
    Overview { nodes, zones }
}

#[cfg(test)]
mod tests {
    use super::{State, show};

    #[test]
    fn the_overview_names_the_owner_of_the_highest_epoch_and_what_a_standby_is_behind() {
        let node = |name: &str| (name.to_owned(), r#"{"number":1,"start":1,"draining":false,"http":"http://h"}"#);
        let zone = |key: &str, value: &'static str| (key.to_owned(), value);
        let told = [
            zone("acme.porto.a", r#"{"state":"standby","epoch":null,"applied":7,"unanswered":0}"#),
            zone("acme.porto.b", r#"{"state":"owner","epoch":3,"applied":9,"unanswered":1,"overload":3}"#),
            zone("acme.porto.dead", r#"{"state":"owner","epoch":2,"applied":5,"unanswered":1}"#),
        ];
        let shown = show(&[node("a"), node("b"), node("drain.a")], &told);
        assert_eq!(shown.nodes.iter().map(|node| (node.owned, node.followed)).collect::<Vec<_>>(), [(0, 1), (1, 0)]);
        let [porto] = shown.zones.as_slice() else { panic!("one zone: {shown:?}") };
        assert_eq!((porto.zone.as_str(), porto.owner.as_deref(), porto.nodes.len()), ("acme/porto", Some("b"), 2));
        assert_eq!((porto.nodes[1].state, porto.nodes[1].lag), (State::Standby, 2));
        assert_eq!((porto.nodes[0].overload, porto.nodes[1].overload), (3, 0), "an older node says no level");
    }
}
