//! Streets: a graph in compressed rows, shortest paths by time, rows cached per node and weight version.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, PoisonError, RwLock};

use fleetfold_model::{Position, RoadTarget, Space, StreetEdge};
use geo::{Contains, Intersects, Line as Segment, LineString, Polygon};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;
use rayon::prelude::*;
use rstar::{RTree, primitives::GeomWithData};

use crate::line::{crow, degrees};
use crate::network::{ActiveChange, Leg, NetworkError, Street, UNREACHABLE_MILLIS};

/// Pace between a place and the junction it is served from, metres per second (brisk walk to slow drive; guess).
const ACCESS_METRES_PER_SECOND: f64 = 5.0;
/// An edge that cannot be used.
const CLOSED: u32 = u32::MAX;
/// Rows kept before the cache is emptied: 4,096 rows of a 2,000-node city are about 100 MB.
const ROWS_MAX: usize = 4096;

/// The map: shared by all weight versions.
#[derive(Debug)]
struct Map {
    nodes: Vec<Position>,
    edges: Vec<StreetEdge>,
    names: Vec<String>,
    /// `first[n]..first[n + 1]`: the edges that leave node n.
    first: Vec<u32>,
    tree: RTree<GeomWithData<[f64; 2], u32>>,
    shrink: f64,
}

/// Times from one node to all others, and the edge by which each is reached.
#[derive(Debug)]
struct Row {
    millis: Vec<i32>,
    metres: Vec<i32>,
    via: Vec<u32>,
}

/// Streets under one set of weights.
#[derive(Debug)]
pub(crate) struct Graph {
    map: Arc<Map>,
    weights: Vec<u32>,
    rows: RwLock<BTreeMap<u32, Arc<Row>>>,
}

impl Graph {
    pub(crate) fn new(nodes: &[Position], edges: Vec<StreetEdge>, names: Vec<String>) -> Result<Self, NetworkError> {
        if nodes.is_empty() || edges.is_empty() {
            return Err(NetworkError::Empty);
        }
        if edges.iter().any(|edge| edge.from as usize >= nodes.len() || edge.to as usize >= nodes.len()) {
            return Err(NetworkError::UnknownNode);
        }
        // Only the largest strongly connected part is any use: from elsewhere there is no way back.
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(nodes.len(), edges.len());
        let ids: Vec<_> = nodes.iter().map(|_| graph.add_node(())).collect();
        for edge in &edges {
            graph.add_edge(ids[edge.from as usize], ids[edge.to as usize], ());
        }
        let parts = tarjan_scc(&graph);
        let largest = parts.iter().max_by_key(|part| part.len()).expect("a graph with nodes has a component");
        let mut keep = vec![u32::MAX; nodes.len()];
        let mut kept: Vec<usize> = largest.iter().map(|node| node.index()).collect();
        kept.sort_unstable();
        for (new, &old) in kept.iter().enumerate() {
            keep[old] = new as u32;
        }
        let nodes: Vec<Position> = kept.iter().map(|&old| nodes[old]).collect();
        let mut edges: Vec<StreetEdge> = edges
            .into_iter()
            .filter(|edge| keep[edge.from as usize] != u32::MAX && keep[edge.to as usize] != u32::MAX)
            .map(|edge| StreetEdge { from: keep[edge.from as usize], to: keep[edge.to as usize], ..edge })
            .collect();
        edges.sort_by_key(|edge| (edge.from, edge.to, edge.road));
        let mut first = vec![0u32; nodes.len() + 1];
        for edge in &edges {
            first[edge.from as usize + 1] += 1;
        }
        for node in 0..nodes.len() {
            first[node + 1] += first[node];
        }
        let shrink = (f64::from(nodes[0].y) / 1e7).to_radians().cos().max(0.01);
        let points = nodes.iter().enumerate().map(|(node, &place)| GeomWithData::new(flat(place, shrink), node as u32));
        let tree = RTree::bulk_load(points.collect());
        let weights = edges.iter().map(|edge| edge.millis.max(1)).collect();
        Ok(Self { map: Arc::new(Map { nodes, edges, names, first, tree, shrink }), weights, rows: RwLock::default() })
    }

    /// The same streets with some closed or slowed.
    pub(crate) fn with_changes(&self, changes: &[ActiveChange]) -> Self {
        let map = &self.map;
        let mut weights: Vec<u32> = map.edges.iter().map(|edge| edge.millis.max(1)).collect();
        for change in changes {
            for edge in self.edges_of(&change.target) {
                let weight = &mut weights[edge];
                *weight = match change.time_percent {
                    None => CLOSED,
                    Some(_) if *weight == CLOSED => CLOSED,
                    Some(percent) => {
                        (u64::from(*weight) * u64::from(percent.max(1)) / 100).min(u64::from(CLOSED - 1)) as u32
                    }
                };
            }
        }
        Self { map: Arc::clone(map), weights, rows: RwLock::default() }
    }

    fn edges_of(&self, target: &RoadTarget) -> Vec<usize> {
        let edges = &self.map.edges;
        match target {
            RoadTarget::Roads(roads) => (0..edges.len()).filter(|&edge| roads.contains(&edges[edge].road)).collect(),
            RoadTarget::Area(ring) => {
                let ring: LineString<f64> = ring.iter().map(|&place| degrees(place)).collect();
                let area = Polygon::new(ring, Vec::new());
                (0..edges.len())
                    .filter(|&edge| {
                        let (from, to) = (self.node_at(edges[edge].from), self.node_at(edges[edge].to));
                        let segment = Segment::new(degrees(from), degrees(to));
                        area.intersects(&segment) || area.contains(&degrees(from))
                    })
                    .collect()
            }
        }
    }

    fn node_at(&self, node: u32) -> Position {
        self.map.nodes[node as usize]
    }

    fn snap(&self, place: Position) -> (u32, f64) {
        let node = self.map.tree.nearest_neighbor(&flat(place, self.map.shrink)).map_or(0, |point| point.data);
        (node, crow(Space::Geographic, place, self.node_at(node)))
    }

    fn row(&self, node: u32) -> Arc<Row> {
        if let Some(row) = self.rows.read().unwrap_or_else(PoisonError::into_inner).get(&node) {
            return Arc::clone(row);
        }
        let row = Arc::new(self.dijkstra(node));
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= ROWS_MAX {
            rows.clear();
        }
        rows.insert(node, Arc::clone(&row));
        row
    }

    fn dijkstra(&self, source: u32) -> Row {
        let n = self.map.nodes.len();
        let mut row = Row { millis: vec![UNREACHABLE_MILLIS; n], metres: vec![0; n], via: vec![u32::MAX; n] };
        let mut heap = BinaryHeap::new();
        row.millis[source as usize] = 0;
        heap.push(Reverse((0i32, source)));
        while let Some(Reverse((millis, node))) = heap.pop() {
            if millis > row.millis[node as usize] {
                continue;
            }
            for index in self.map.first[node as usize]..self.map.first[node as usize + 1] {
                let weight = self.weights[index as usize];
                if weight == CLOSED {
                    continue;
                }
                let edge = &self.map.edges[index as usize];
                let next = millis.saturating_add(weight.min(UNREACHABLE_MILLIS as u32) as i32);
                if next < row.millis[edge.to as usize] {
                    row.millis[edge.to as usize] = next;
                    row.metres[edge.to as usize] = row.metres[node as usize] + edge.metres as i32;
                    row.via[edge.to as usize] = index;
                    heap.push(Reverse((next, edge.to)));
                }
            }
        }
        row
    }

    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let ((from, access), (to, egress)) = (self.snap(a), self.snap(b));
        if from == to {
            let metres = crow(Space::Geographic, a, b);
            return Leg { millis: (metres / ACCESS_METRES_PER_SECOND * 1000.0) as i32, metres: metres as i32 };
        }
        combine(&self.row(from), to, access, egress)
    }

    /// Row by row; rows are computed in parallel and collected in order.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        let snapped: Vec<(u32, f64)> = places.iter().map(|&place| self.snap(place)).collect();
        snapped
            .par_iter()
            .enumerate()
            .flat_map_iter(|(a, &(from, access))| {
                let row = self.row(from);
                let snapped = &snapped;
                (0..places.len()).map(move |b| {
                    let (to, egress) = snapped[b];
                    if from == to {
                        let metres = crow(Space::Geographic, places[a], places[b]);
                        Leg { millis: (metres / ACCESS_METRES_PER_SECOND * 1000.0) as i32, metres: metres as i32 }
                    } else {
                        combine(&row, to, access, egress)
                    }
                })
            })
            .collect()
    }

    fn edges_between(&self, a: Position, b: Position) -> Vec<u32> {
        let (from, to) = (self.snap(a).0, self.snap(b).0);
        let row = self.row(from);
        let mut edges = Vec::new();
        let mut node = to;
        while node != from && row.via[node as usize] != u32::MAX {
            let edge = row.via[node as usize];
            edges.push(edge);
            node = self.map.edges[edge as usize].from;
        }
        edges.reverse();
        edges
    }

    /// The line driven between two places, both included.
    pub(crate) fn path(&self, a: Position, b: Position) -> Vec<Position> {
        let mut line = vec![a];
        let edges = self.edges_between(a, b);
        if let Some(&first) = edges.first() {
            line.push(self.node_at(self.map.edges[first as usize].from));
        }
        line.extend(edges.iter().map(|&edge| self.node_at(self.map.edges[edge as usize].to)));
        line.push(b);
        line
    }

    /// True when the way from `a` to `b` under these weights uses an edge whose weight is another in `other`.
    pub(crate) fn differs(&self, other: &Self, a: Position, b: Position) -> bool {
        self.edges_between(a, b).iter().any(|&edge| self.weights[edge as usize] != other.weights[edge as usize])
    }

    pub(crate) fn streets(&self) -> Vec<Street> {
        let map = &self.map;
        map.edges
            .iter()
            .enumerate()
            .filter(|(_, edge)| {
                // One line per street, not one per direction.
                edge.from < edge.to || !self.has_edge(edge.to, edge.from)
            })
            .map(|(index, edge)| Street {
                from: self.node_at(edge.from),
                to: self.node_at(edge.to),
                class: edge.class,
                name: map.names.get(edge.name as usize).cloned().unwrap_or_default(),
                road: edge.road,
                oneway: !self.has_edge(edge.to, edge.from),
                closed: self.weights[index] == CLOSED,
            })
            .collect()
    }

    fn has_edge(&self, from: u32, to: u32) -> bool {
        let range = self.map.first[from as usize] as usize..self.map.first[from as usize + 1] as usize;
        self.map.edges[range].iter().any(|edge| edge.to == to)
    }
}

fn combine(row: &Row, to: u32, access: f64, egress: f64) -> Leg {
    let millis = row.millis[to as usize];
    if millis >= UNREACHABLE_MILLIS {
        return Leg { millis: UNREACHABLE_MILLIS, metres: 0 };
    }
    let extra = access + egress;
    Leg {
        millis: millis.saturating_add((extra / ACCESS_METRES_PER_SECOND * 1000.0) as i32).min(UNREACHABLE_MILLIS),
        metres: row.metres[to as usize] + extra as i32,
    }
}

fn flat(place: Position, shrink: f64) -> [f64; 2] {
    [f64::from(place.x) * shrink, f64::from(place.y)]
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Position, RoadTarget, StreetEdge};
    use petgraph::algo::dijkstra;
    use petgraph::graph::{DiGraph, NodeIndex};
    use proptest::prelude::*;

    use super::Graph;
    use crate::network::ActiveChange;

    fn any_graph() -> impl Strategy<Value = (Vec<Position>, Vec<StreetEdge>)> {
        (4usize..20).prop_flat_map(|n| {
            let nodes = proptest::collection::vec((0i32..100_000, 0i32..100_000), n);
            let edges = proptest::collection::vec((0..n as u32, 0..n as u32, 1u32..10_000), n * 3);
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

    proptest! {
        /// Rows equal petgraph's Dijkstra, with one road closed and one slowed.
        #[test]
        fn rows_equal_a_plain_dijkstra((nodes, edges) in any_graph(), closed in 0u64..40, slowed in 0u64..40) {
            let n = nodes.len();
            let graph = Graph::new(&nodes, edges, Vec::new()).unwrap().with_changes(&[
                ActiveChange { target: RoadTarget::Roads(vec![closed]), time_percent: None },
                ActiveChange { target: RoadTarget::Roads(vec![slowed]), time_percent: Some(250) },
            ]);
            let mut oracle: DiGraph<(), u64> = DiGraph::new();
            for _ in 0..n { oracle.add_node(()); }
            for edge in &graph.map.edges {
                if edge.road == closed { continue; }
                let millis = u64::from(edge.millis) * if edge.road == slowed { 250 } else { 100 } / 100;
                oracle.add_edge(NodeIndex::new(edge.from as usize), NodeIndex::new(edge.to as usize), millis.max(1));
            }
            for source in 0..n {
                let truth = dijkstra(&oracle, NodeIndex::new(source), None, |edge| *edge.weight());
                let row = graph.row(source as u32);
                for to in 0..n {
                    let expected = truth.get(&NodeIndex::new(to)).map_or(crate::UNREACHABLE_MILLIS, |&millis| millis as i32);
                    prop_assert_eq!(row.millis[to], expected, "from {} to {}", source, to);
                }
            }
        }
    }
}
