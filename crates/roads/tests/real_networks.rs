//! Recorded street networks against a plain Dijkstra over their bare edges. They are not part of the repository:
//! `FLEETFOLD_OSM_FOLDER=DIR cargo test -p fleetfold-roads --test real_networks -- --ignored`, as `scripts/public-days` does.

use std::path::PathBuf;

use fleetfold_model::RoadTarget;
use fleetfold_roads::{ActiveChange, EdgeId, JunctionId, Network, Streets, osm};
use petgraph::algo::dijkstra;
use petgraph::graph::{DiGraph, NodeIndex};

fn extract(name: &str) -> Vec<u8> {
    let folder = std::env::var("FLEETFOLD_OSM_FOLDER").expect("FLEETFOLD_OSM_FOLDER names a folder of extracts");
    std::fs::read(PathBuf::from(folder).join(name)).expect("the extract is there")
}

/// A number that depends on its place only.
fn draw(seed: usize, most: usize) -> usize {
    (seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % most
}

/// From some junctions to all others: milliseconds equal Dijkstra's, with all open and with `closed` ways closed and others slow.
fn equals_dijkstra(streets: &Streets, sources: usize) {
    let network = Network::from_streets(streets.clone());
    let roads: Vec<u64> = network.streets().iter().map(|street| street.road).collect();
    let pick = |seed: usize| roads[draw(seed, roads.len())];
    let closed: Vec<u64> = (0..20).map(pick).collect();
    let slow: Vec<u64> = (20..40).map(pick).filter(|road| !closed.contains(road)).collect();
    let changes = [
        ActiveChange { target: RoadTarget::Roads(closed.clone()), time_percent: None },
        ActiveChange { target: RoadTarget::Roads(slow.clone()), time_percent: Some(250) },
    ];
    let changed = network.with_changes(&changes).expect("streets can close");
    let closed = network.edges_named(&RoadTarget::Roads(closed));
    let slow = network.edges_named(&RoadTarget::Roads(slow));
    let junctions = streets.junctions();
    for (state, with_changes) in [(&network, false), (&changed, true)] {
        let mut oracle: DiGraph<(), u64> = DiGraph::with_capacity(junctions, streets.directed_edges());
        (0..junctions).for_each(|_| {
            oracle.add_node(());
        });
        for (edge, (from, to, millis)) in (0u32..).map(EdgeId).zip(streets.bare_edges()) {
            let factor = if with_changes && slow.contains(&edge) { 250 } else { 100 };
            if !(with_changes && closed.contains(&edge)) {
                let ends = (NodeIndex::new(from.0 as usize), NodeIndex::new(to.0 as usize));
                oracle.add_edge(ends.0, ends.1, u64::from(millis) * factor / 100);
            }
        }
        for source in 0..sources {
            let from = draw(1000 + source, junctions);
            let truth = dijkstra(&oracle, NodeIndex::new(from), None, |edge| *edge.weight());
            for step in 0..junctions.min(2_000) {
                let to = if junctions <= 2_000 { step } else { draw(7_000 + step, junctions) };
                let (begin, end) = (JunctionId(from as u32), JunctionId(to as u32));
                let leg = state.between_junctions(begin, end).expect("both are there");
                let expected =
                    truth.get(&NodeIndex::new(to)).map_or(fleetfold_roads::UNREACHABLE_MILLIS, |&ms| ms as i32);
                assert_eq!(leg.millis, expected, "from {from} to {to}, changes: {with_changes}");
                if step % 50 == 0
                    && let Some(edges) = state.edges_between_junctions(begin, end)
                {
                    let all: Vec<_> = streets.bare_edges().collect();
                    let mut at = begin;
                    for &edge in &edges {
                        assert_eq!(all[edge.0 as usize].0, at, "the way has no gap");
                        at = all[edge.0 as usize].1;
                        assert!(!(with_changes && closed.contains(&edge)), "it avoids what is closed");
                    }
                    assert_eq!(at, end);
                }
            }
        }
    }
}

#[test]
#[ignore = "needs recorded extracts: scripts/public-days runs it"]
fn monaco_equals_dijkstra() {
    let (streets, report) = osm::build(&extract("monaco.osm.gz"), osm::Profile::Car, |_| {}).unwrap();
    assert!(streets.junctions() > 400 && report.used > 400, "{report:?}");
    equals_dijkstra(&streets, 60);
}

#[test]
#[ignore = "needs recorded extracts: scripts/public-days runs it"]
fn porto_equals_dijkstra() {
    let bytes = extract("porto_portugal.osm.pbf");
    let (streets, report) = osm::build(&bytes, osm::Profile::Car, |_| {}).unwrap();
    assert!(report.restrictions > 300, "turn restrictions are kept: {report:?}");
    equals_dijkstra(&streets, 6);
    // Cut anywhere it is refused, or is a smaller map; nothing panics.
    for part in 1..24 {
        let _ = osm::build(&bytes[..bytes.len() * part / 24], osm::Profile::Van, |_| {});
    }
}
