mod legal;

use fleetfold_model::{Position, RoadTarget, StreetEdge};
use petgraph::algo::dijkstra;
use petgraph::graph::{DiGraph, NodeIndex};
use proptest::prelude::*;

use super::{Graph, leg_of};
use crate::cch::{NEVER, pack};
use crate::change::ActiveChange;
use crate::ids::{EdgeId, JunctionId};
use crate::label::Start;
use crate::leg::{Leg, UNREACHABLE_MILLIS};
use crate::streets::Streets;

fn any_graph() -> impl Strategy<Value = (Vec<Position>, Vec<StreetEdge>)> {
    (4usize..90).prop_flat_map(|n| {
        let nodes = proptest::collection::vec((0i32..100_000, 0i32..100_000), n);
        let edges = proptest::collection::vec((0..n as u32, 0..n as u32, 1u32..10_000), n * 2);
        (nodes, edges).prop_map(move |(nodes, extra)| {
            let nodes: Vec<Position> = nodes.iter().map(|&(x, y)| Position { x, y }).collect();
            let ring = (0..n as u32).map(|a| (a, (a + 1) % n as u32, 5_000));
            let edges = ring.chain(extra).enumerate().map(|(road, (from, to, millis))| StreetEdge {
                from,
                to,
                metres: millis / 10,
                millis,
                class: 2,
                name: u32::MAX,
                road: road as u64,
            });
            (nodes, edges.collect())
        })
    })
}

fn changes(closed: u64, slowed: u64) -> Vec<ActiveChange> {
    vec![
        ActiveChange { target: RoadTarget::Roads(vec![closed]), time_percent: None },
        ActiveChange { target: RoadTarget::Roads(vec![slowed]), time_percent: Some(250) },
    ]
}

fn oracle(graph: &Graph) -> DiGraph<(), f64> {
    let streets = &graph.map.streets;
    let mut oracle: DiGraph<(), f64> = DiGraph::new();
    for _ in 0..streets.junctions.len() {
        oracle.add_node(());
    }
    for (edge, &weight) in streets.edges.iter().zip(&graph.weights) {
        if weight != NEVER {
            oracle.add_edge(NodeIndex::new(edge.from.0 as usize), NodeIndex::new(edge.to.0 as usize), weight);
        }
    }
    oracle
}

/// All pairs of junctions over the hierarchy: times and metres, the ways in full, both against petgraph.
fn equals_dijkstra(graph: &Graph) {
    let streets = &graph.map.streets;
    let n = streets.junctions.len();
    let oracle = oracle(graph);
    let hierarchy = &graph.map.hierarchy;
    let start = |node: JunctionId| [Start { node, to: 0.0, from: 0.0 }];
    let labels: Vec<_> = JunctionId::first(n).map(|node| hierarchy.label(&graph.metric, &start(node))).collect();
    let labels: Vec<_> = labels.iter().collect();
    let table = hierarchy.table(&labels, &labels);
    for from in 0..n {
        let begin = JunctionId::at(from);
        let truth = dijkstra(&oracle, NodeIndex::new(from), None, |edge| *edge.weight());
        for to in 0..n {
            let end = JunctionId::at(to);
            let expected = truth.get(&NodeIndex::new(to)).copied();
            assert_eq!(hierarchy.query(&graph.metric, begin, end), expected.unwrap_or(NEVER));
            assert_eq!(Some(table[from * n + to]).filter(|&cost| cost < NEVER), expected, "from {from} to {to}");
            let way = hierarchy.way(&graph.metric, &start(begin), &start(end));
            assert_eq!(way.as_ref().map(|&(cost, _)| cost), expected);
            let Some((cost, edges)) = way else { continue };
            assert_eq!(edges.iter().map(|&edge| graph.weights[edge]).sum::<f64>(), cost);
            let mut node = begin;
            for edge in edges {
                assert_eq!(streets.edges[edge].from, node, "the way from {from} to {to} has no gap");
                node = streets.edges[edge].to;
            }
            assert_eq!(node, end);
        }
    }
}

proptest! {
    /// With one road closed and one slowed, by partial customisation, and the same as customising all.
    #[test]
    fn ways_equal_a_plain_dijkstra((nodes, edges) in any_graph(), closed in 0u64..40, slowed in 0u64..40) {
        let graph = Graph::new(Streets::from_edges(&nodes, &edges, &[]).unwrap());
        equals_dijkstra(&graph);
        let mut changed = graph.with_changes(&changes(closed, slowed));
        equals_dijkstra(&changed);
        let changed_edges: Vec<EdgeId> = EdgeId::first(graph.weights.len()).collect();
        let mut metric = graph.metric.clone();
        graph.map.hierarchy.update(&mut metric, &changed.weights, &changed_edges);
        // Of ways that cost the same, too: what is driven does not depend on what was closed before.
        prop_assert_eq!(&metric, &graph.map.hierarchy.customise(&changed.weights));
        changed.metric = metric;
        equals_dijkstra(&changed);
        // And open again.
        let reopened = changed.with_changes(&[]);
        prop_assert_eq!(&reopened.weights, &graph.weights);
        equals_dijkstra(&reopened);
    }

    /// Places along streets: the least over the ends of both streets, or straight along one.
    #[test]
    fn legs_equal_a_plain_dijkstra(
        (nodes, edges) in any_graph(),
        places in proptest::collection::vec((0i32..100_000, 0i32..100_000), 2..12),
        closed in 0u64..40,
    ) {
        let graph = Graph::new(Streets::from_edges(&nodes, &edges, &[]).unwrap());
        let graph = graph.with_changes(&changes(closed, closed + 1));
        let places: Vec<Position> = places.into_iter().map(|(x, y)| Position { x, y }).collect();
        let oracle = oracle(&graph);
        let snapped: Vec<_> = places.iter().map(|&place| graph.snap(place).unwrap()).collect();
        let legs = graph.legs(&places);
        let known = graph.know(&places);
        for (row, legs) in legs.chunks(places.len()).enumerate() {
            prop_assert_eq!(graph.row(&places, &known, row), legs);
        }
        for (a, from) in snapped.iter().enumerate() {
            for (b, to) in snapped.iter().enumerate() {
                let mut best = graph.straight(from, to);
                for start in graph.starts(from) {
                    let truth = dijkstra(&oracle, NodeIndex::new(start.node.0 as usize), None, |edge| *edge.weight());
                    for end in graph.starts(to) {
                        let between = truth.get(&NodeIndex::new(end.node.0 as usize)).copied().unwrap_or(NEVER);
                        best = best.min(start.to + between + end.from);
                    }
                }
                let expected = if places[a] == places[b] { Leg::default() } else { leg_of(best, from.access + to.access) };
                prop_assert_eq!(legs[a * places.len() + b], expected);
                if places[a] != places[b] {
                    prop_assert_eq!(graph.leg(places[a], places[b]), expected);
                    let way = graph.way(from, to);
                    prop_assert_eq!(way.is_some(), best < NEVER);
                }
            }
        }
    }

    /// A graph file holds all of it, and says so when a byte is another.
    #[test]
    fn a_graph_file_holds_all_of_the_streets_and_shows_damage((nodes, edges) in any_graph(), at in 0usize..10_000, cut in 0usize..10_000) {
        let streets = Streets::from_edges(&nodes, &edges, &["Rua".to_owned()]).unwrap();
        let mut bytes = streets.to_bytes();
        prop_assert_eq!(Streets::from_bytes(&bytes), Ok(streets));
        prop_assert!(Streets::from_bytes(&bytes[..cut % bytes.len()]).is_err());
        let at = at % bytes.len();
        bytes[at] ^= 0x40;
        prop_assert!(Streets::from_bytes(&bytes).is_err());
    }
}

/// Two places on one street: along it the leg is straight, against it the way leads around the block.
#[test]
fn a_leg_on_a_one_way_street_leads_straight_or_around() {
    let nodes = [(0, 0), (100_000, 0), (100_000, 100_000), (0, 100_000)].map(|(x, y)| Position { x, y });
    let edges: Vec<StreetEdge> = [(0, 1), (1, 2), (2, 3), (3, 0)]
        .into_iter()
        .map(|(from, to)| StreetEdge {
            from,
            to,
            metres: 1_113,
            millis: 100_000,
            class: 2,
            name: u32::MAX,
            road: u64::from(from),
        })
        .collect();
    let graph = Graph::new(Streets::from_edges(&nodes, &edges, &[]).unwrap());
    let (a, b) = (Position { x: 25_000, y: 0 }, Position { x: 75_000, y: 0 });
    assert!((graph.leg(a, b).millis - 50_000).abs() <= 1);
    assert!((graph.leg(b, a).millis - 350_000).abs() <= 4);
    assert_eq!(graph.path(b, a), [b, nodes[1], nodes[2], nodes[3], nodes[0], a], "around all corners");
    let closed = graph.with_changes(&[ActiveChange { target: RoadTarget::Roads(vec![2]), time_percent: None }]);
    assert!(closed.leg(b, a).millis >= UNREACHABLE_MILLIS);
    assert!(closed.leg(a, b).millis < 60_000);
    let change = closed.changed_since(&graph);
    assert_eq!((change.slower.len(), change.quicker.len()), (1, 0));
    assert!(graph.edges_driven(b, a).contains(&change.slower[0]));
    assert!(!graph.edges_driven(a, b).contains(&change.slower[0]));
    let reopened = closed.with_changes(&[]).changed_since(&closed);
    assert_eq!((reopened.slower.len(), &reopened.quicker), (0, &change.slower));
    assert_eq!(pack(1, 2) + pack(3, 4), pack(4, 6));
    // 40 km away from everything.
    assert!(graph.leg(a, Position { x: 4_000_000, y: 0 }).millis >= UNREACHABLE_MILLIS);
}
