//! Legal trips against a plain Dijkstra that knows the law: which edges may be driven by whom, and that streets for destinations
//! are driven at the beginning and at the end of a trip only. It searches pairs of a junction and a part of the trip.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fleetfold_model::{Position, RoadTarget, Space};
use petgraph::algo::{dijkstra, kosaraju_scc};
use petgraph::graph::{DiGraph, NodeIndex};
use proptest::prelude::*;

use crate::cch::{Cost, NEVER, pack};
use crate::change::ActiveChange;
use crate::graph::snap::{Snapped, WHOLE, share};
use crate::graph::{Graph, leg_of};
use crate::ids::SegmentId;
use crate::leg::{Leg, UNREACHABLE_MILLIS};
use crate::line::crow;
use crate::osm::{self, BuildSettings, Profile};

/// An edge of the oracle.
#[derive(Clone, Debug)]
struct Edge {
    from: usize,
    to: usize,
    cost: Cost,
    road: u64,
    /// The line of its stretch, which names it among those of one road.
    line: Vec<Position>,
    along: bool,
    destination: bool,
}

/// Streets with the parts of a trip: 0 leaving a precinct, 1 on open streets, 2 arriving in a precinct.
struct Oracle {
    edges: Vec<Edge>,
    graph: DiGraph<(), Cost>,
    stretches: BTreeMap<(u64, Vec<Position>), Vec<usize>>,
    closed: Option<u64>,
}

/// The one largest strongly connected part among some edges. `None` if there are several of its size, or none of two junctions.
fn largest(nodes: usize, edges: &[Edge], keep: impl Fn(&Edge) -> bool) -> Option<Vec<bool>> {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    (0..nodes).for_each(|_| {
        graph.add_node(());
    });
    for edge in edges.iter().filter(|edge| keep(edge)) {
        graph.add_edge(NodeIndex::new(edge.from), NodeIndex::new(edge.to), ());
    }
    let mut parts = kosaraju_scc(&graph);
    parts.sort_by_key(Vec::len);
    let (most, rest) = parts.split_last()?;
    if most.len() < 2 || rest.last().is_some_and(|other| other.len() == most.len()) {
        return None;
    }
    let mut inside = vec![false; nodes];
    for node in most {
        inside[node.index()] = true;
    }
    Some(inside)
}

impl Oracle {
    fn new(nodes: usize, mut edges: Vec<Edge>, closed: Option<u64>) -> Option<Self> {
        let whole = largest(nodes, &edges, |_| true)?;
        edges.retain(|edge| whole[edge.from] && whole[edge.to]);
        // What can only be reached or left through streets for destinations is one of them.
        if edges.iter().any(|edge| edge.destination) {
            let core = largest(nodes, &edges, |edge| !edge.destination)?;
            for edge in &mut edges {
                edge.destination |= !(core[edge.from] && core[edge.to]);
            }
        }
        let mut graph: DiGraph<(), Cost> = DiGraph::new();
        (0..3 * nodes).for_each(|_| {
            graph.add_node(());
        });
        let mut stretches: BTreeMap<(u64, Vec<Position>), Vec<usize>> = BTreeMap::new();
        for (at, edge) in edges.iter().enumerate() {
            stretches.entry((edge.road, edge.line.clone())).or_default().push(at);
            if closed == Some(edge.road) {
                continue;
            }
            for (before, after) in parts(edge) {
                graph.add_edge(NodeIndex::new(3 * edge.from + before), NodeIndex::new(3 * edge.to + after), edge.cost);
            }
        }
        Some(Self { edges, graph, stretches, closed })
    }

    /// True if something may be driven along a stretch.
    fn has(&self, graph: &Graph, segment: SegmentId) -> bool {
        let streets = &graph.map.streets;
        self.stretches.contains_key(&(streets.segments[segment].road, streets.line_of(segment).to_vec()))
    }

    /// The edges of the stretch that a place is served from.
    fn at(&self, graph: &Graph, segment: SegmentId) -> Vec<&Edge> {
        let streets = &graph.map.streets;
        let key = (streets.segments[segment].road, streets.line_of(segment).to_vec());
        self.stretches[&key].iter().map(|&edge| &self.edges[edge]).collect()
    }

    fn cost(&self, graph: &Graph, a: &Snapped, b: &Snapped) -> Cost {
        let (starts, ends) = (self.at(graph, a.segment), self.at(graph, b.segment));
        let open = |edge: &Edge| self.closed != Some(edge.road);
        let driven = |edge: &Edge, at: &Snapped| if edge.along { at.offset } else { WHOLE - at.offset };
        let mut best = NEVER;
        for start in &starts {
            let left = share(start.cost, WHOLE - driven(start, a));
            let part = usize::from(!start.destination);
            let costs = dijkstra(&self.graph, NodeIndex::new(3 * start.to + part), None, |edge| *edge.weight());
            for end in ends.iter().filter(|end| open(end)) {
                for (before, _) in parts(end) {
                    if let Some(between) = costs.get(&NodeIndex::new(3 * end.from + before)) {
                        best = best.min(left + between + share(end.cost, driven(end, b)));
                    }
                }
            }
            let ahead = if start.along { b.offset >= a.offset } else { b.offset <= a.offset };
            if a.segment == b.segment && ahead && open(start) {
                best = best.min(share(start.cost, a.offset.abs_diff(b.offset)));
            }
        }
        best
    }
}

/// The parts of a trip in which an edge may be driven, and the part in which the trip is after it.
fn parts(edge: &Edge) -> &'static [(usize, usize)] {
    if edge.destination { &[(0, 0), (1, 2), (2, 2)] } else { &[(0, 1), (1, 1)] }
}

/// Legs between places equal the oracle's, single ones and in a table, and the ways that are driven are legal. A place is without a
/// street only if the map has a street beside it that the oracle has left out.
fn check(graph: &Graph, oracle: &Oracle, places: &[Position]) {
    let table = graph.legs(places);
    let snapped: Vec<Option<Snapped>> = places.iter().map(|&place| graph.snap(place)).collect();
    for (&place, _) in places.iter().zip(&snapped).filter(|(_, at)| at.is_none()) {
        let segment = graph.map.touch(graph.weights(), place, true).segment;
        assert!(!oracle.has(graph, segment), "the oracle drives on the street of {place:?}");
    }
    for (row, from) in snapped.iter().enumerate() {
        for (column, to) in snapped.iter().enumerate() {
            if places[row] == places[column] {
                continue;
            }
            let (Some(from), Some(to)) = (from, to) else {
                assert_eq!(table[row * places.len() + column].millis, UNREACHABLE_MILLIS);
                continue;
            };
            let cost = oracle.cost(graph, from, to);
            let expected: Leg = leg_of(cost, from.access + to.access);
            assert_eq!(table[row * places.len() + column], expected, "{from:?} {to:?}");
            assert_eq!(graph.leg(places[row], places[column]), expected);
            let Some((edges, _)) = graph.way(from, to) else {
                assert_eq!(cost, NEVER);
                continue;
            };
            // The parts of the trip: of each edge, whether it is for destinations.
            let mut kinds: Vec<bool> = edges
                .iter()
                .map(|&edge| {
                    let driven = &graph.map.streets.edges[edge];
                    let all = oracle.at(graph, driven.segment);
                    all.iter().find(|edge| edge.along == driven.along).unwrap().destination
                })
                .collect();
            kinds.dedup();
            assert!(kinds.iter().filter(|&&kind| !kind).count() <= 1, "open streets are driven in one part: {kinds:?}");
        }
    }
}

/// Tags of a street, and how each profile may drive it along and against its line: km/h, below zero if it is for destinations
/// only, zero if not at all.
type Street = (&'static str, [[f64; 2]; 4]);

const OPEN: [f64; 2] = [25.0, 25.0];
const ENDS: [f64; 2] = [-25.0, -25.0];
const SHUT: [f64; 2] = [0.0, 0.0];
const BIKE: [f64; 2] = [15.0, 15.0];
const BIKE_ENDS: [f64; 2] = [-15.0, -15.0];
#[rustfmt::skip]
const STREETS: [Street; 16] = [
    ("", [OPEN, OPEN, OPEN, BIKE]),
    ("", [OPEN, OPEN, OPEN, BIKE]),
    ("", [OPEN, OPEN, OPEN, BIKE]),
    ("highway=primary", [[65.0, 65.0], [65.0, 65.0], [65.0, 65.0], BIKE]),
    ("oneway=yes", [[25.0, 0.0], [25.0, 0.0], [25.0, 0.0], [15.0, 0.0]]),
    ("oneway=-1 oneway:bicycle=no", [[0.0, 25.0], [0.0, 25.0], [0.0, 25.0], BIKE]),
    ("access=destination", [ENDS, ENDS, ENDS, BIKE_ENDS]),
    ("access=destination", [ENDS, ENDS, ENDS, BIKE_ENDS]),
    ("motor_vehicle=customers", [ENDS, ENDS, ENDS, BIKE]),
    ("motor_vehicle:forward=destination", [[-25.0, 25.0], [-25.0, 25.0], [-25.0, 25.0], BIKE]),
    ("hgv=destination", [OPEN, OPEN, ENDS, BIKE]),
    ("hgv=no", [OPEN, OPEN, SHUT, BIKE]),
    ("maxheight=2.5", [OPEN, SHUT, SHUT, BIKE]),
    ("maxweight=3.5", [OPEN, OPEN, SHUT, BIKE]),
    ("maxlength:backward=6 maxspeed=50", [[40.0, 40.0], [40.0, 40.0], [40.0, 0.0], BIKE]),
    ("bicycle=no maxspeed:hgv=30", [OPEN, OPEN, [24.0, 24.0], SHUT]),
];

/// Tags of a point, and how each profile may pass: 0 not, 1 to end its trip there, 2 through.
#[rustfmt::skip]
const BARRIERS: [(&str, [u8; 4]); 8] = [
    ("", [2; 4]),
    ("", [2; 4]),
    ("", [2; 4]),
    ("barrier=lift_gate", [2; 4]),
    ("barrier=bollard", [0, 0, 0, 2]),
    ("barrier=gate access=private", [0; 4]),
    ("barrier=gate access=destination", [1; 4]),
    ("barrier=gate hgv=no", [2, 2, 0, 2]),
];

/// Junctions of a map are the points of a square of this side.
const SIDE: usize = 5;

fn place(at: usize) -> Position {
    Position { x: 70_000_000 + (at % SIDE) as i32 * 20_011, y: 410_000_000 + (at / SIDE) as i32 * 15_013 }
}

fn xml(tags: &str) -> String {
    let pairs = tags.split(' ').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(key, value)| format!("<tag k='{key}' v='{value}'/>")).collect::<Vec<String>>().concat()
}

/// An extract of streets between points, and the same streets for the oracle of one profile.
fn map(streets: &[(usize, usize, usize)], barriers: &[usize], profile: usize) -> (String, usize, Vec<Edge>) {
    let mut text = String::from("<osm>");
    for (at, &barrier) in barriers.iter().enumerate() {
        let Position { x, y } = place(at);
        let (lon, lat) = (f64::from(x) / 1e7, f64::from(y) / 1e7);
        write!(text, "<node id='{at}' lon='{lon:.7}' lat='{lat:.7}'>{}</node>", xml(BARRIERS[barrier].0)).unwrap();
    }
    let mut edges = Vec::new();
    // At a closed barrier every street has an end of its own.
    let mut nodes = barriers.len();
    let mut end = |at: usize| {
        if BARRIERS[barriers[at]].1[profile] > 0 {
            return at;
        }
        nodes += 1;
        nodes - 1
    };
    for (road, &(a, b, kind)) in streets.iter().enumerate() {
        let (tags, uses) = STREETS[kind];
        let highway = if tags.contains("highway") { "" } else { "highway=residential " };
        write!(text, "<way id='{road}'><nd ref='{a}'/><nd ref='{b}'/>{}</way>", xml(&format!("{highway}{tags}")))
            .unwrap();
        let ends = [end(a), end(b)];
        let barred = [a, b].iter().any(|&at| BARRIERS[barriers[at]].1[profile] == 1);
        let metres = crow(Space::Geographic, place(a), place(b));
        for (against, &kmh) in uses[profile].iter().enumerate() {
            let millis = (metres / (kmh.abs() / 3.6) * 1000.0).round();
            if kmh != 0.0 {
                edges.push(Edge {
                    from: ends[against],
                    to: ends[1 - against],
                    cost: pack(millis as u32, metres.round() as u32),
                    road: road as u64,
                    line: vec![place(a), place(b)],
                    along: against == 0,
                    destination: kmh < 0.0 || barred,
                });
            }
        }
    }
    (text + "</osm>", nodes, edges)
}

/// Streets between neighbours of the square, some of them left out.
fn any_streets() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    let kinds = proptest::collection::vec(0..STREETS.len() + 3, 2 * SIDE * (SIDE - 1));
    kinds.prop_map(|kinds| {
        let beside = (0..SIDE * SIDE).filter(|at| at % SIDE + 1 < SIDE).map(|at| (at, at + 1));
        let above = (0..SIDE * (SIDE - 1)).map(|at| (at, at + SIDE));
        let pairs = beside.chain(above).zip(kinds).filter(|&(_, kind)| kind < STREETS.len());
        pairs.map(|((a, b), kind)| (a, b, kind)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Four profiles on one map each time, with a road closed and without.
    #[test]
    fn legal_trips_equal_a_dijkstra_that_knows_the_law(
        streets in any_streets(),
        barriers in proptest::collection::vec(0..BARRIERS.len(), SIDE * SIDE),
        offsets in proptest::collection::vec((0i32..80_000, 0i32..60_000), 2..8),
        closed in 0u64..40,
    ) {
        for (number, profile) in Profile::ALL.into_iter().enumerate() {
            let (text, nodes, edges) = map(&streets, &barriers, number);
            for closed in [None, Some(closed)] {
                let Some(oracle) = Oracle::new(nodes, edges.clone(), closed) else { continue };
                let settings = BuildSettings { snap_metres: 100_000, ..profile.into() };
                let (streets, _) = osm::build(text.as_bytes(), settings, |_| {}).unwrap();
                let mut graph = Graph::new(streets);
                if let Some(road) = closed {
                    graph = graph.with_changes(&[ActiveChange { target: RoadTarget::Roads(vec![road]), time_percent: None }]);
                }
                let corner = place(0);
                let places: Vec<Position> =
                    offsets.iter().map(|&(x, y)| Position { x: corner.x + x, y: corner.y + y }).collect();
                check(&graph, &oracle, &places);
            }
        }
    }
}

/// A number that depends on its place only.
fn draw(seed: usize, most: usize) -> usize {
    (seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) % most
}

/// Recorded streets, with turn restrictions, before they are laid out in layers.
fn recorded(name: &str, places: usize) {
    let folder = std::env::var("FLEETFOLD_OSM_FOLDER").expect("FLEETFOLD_OSM_FOLDER names a folder of extracts");
    let bytes = std::fs::read(std::path::PathBuf::from(folder).join(name)).expect("the extract is there");
    for profile in Profile::ALL {
        let settings = BuildSettings::from(profile);
        let (raw, _) = osm::network(&bytes, &settings, &mut |_, _| {}).unwrap();
        let edges: Vec<Edge> = raw
            .edges
            .iter()
            .map(|edge| Edge {
                from: edge.from.0 as usize,
                to: edge.to.0 as usize,
                cost: pack(edge.millis, edge.metres),
                road: raw.segments[edge.segment].road,
                line: raw.line_of(edge.segment).to_vec(),
                along: edge.along,
                destination: raw.destination[edge.segment][usize::from(edge.along)],
            })
            .collect();
        let tagged = edges.iter().filter(|edge| edge.destination).count();
        let oracle = Oracle::new(raw.junctions.len(), edges, None).expect("one largest part");
        let graph = Graph::new(osm::build(&bytes, settings, |_| {}).unwrap().0);
        // Half of the places are in precincts.
        let inside: Vec<&Edge> = oracle.edges.iter().filter(|edge| edge.destination).collect();
        let places: Vec<Position> = (0..places)
            .map(|at| {
                let all = oracle.edges.len();
                let edge = match inside.len() {
                    most if at % 2 == 0 && most > 0 => inside[draw(at, most)],
                    _ => &oracle.edges[draw(at, all)],
                };
                edge.line[edge.line.len() / 2]
            })
            .collect();
        check(&graph, &oracle, &places);
        println!(
            "{name} {}: {} pairs equal; {tagged} edges are tagged for destinations, {} of {} are in precincts; {} junctions",
            profile.word(),
            places.len() * (places.len() - 1),
            inside.len(),
            oracle.edges.len(),
            graph.map.streets.junctions.len()
        );
    }
}

#[test]
#[ignore = "needs recorded extracts: scripts/public-days runs it"]
fn legal_trips_in_monaco_equal_a_dijkstra_that_knows_the_law() {
    recorded("monaco.osm.gz", 60);
}

#[test]
#[ignore = "needs recorded extracts: scripts/public-days runs it"]
fn legal_trips_in_porto_equal_a_dijkstra_that_knows_the_law() {
    recorded("porto_portugal.osm.pbf", 24);
}
