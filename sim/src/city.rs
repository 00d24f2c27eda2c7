//! A generated city: a grid that grew, a river with a few bridges, arterials, one-way streets, names.

use std::collections::BTreeMap;
use std::sync::Arc;

use fleetfold_model::{NetworkSpec, Position, StreetEdge};
use fleetfold_roads::{Network, Streets};

use crate::seeded::Seeded;

/// Junctions from west to east and from south to north.
const COLUMNS: i32 = 38;
const ROWS: i32 = 30;
/// Metres between junctions.
const SPACING: f64 = 230.0;
/// The south-west corner: a place in the sea, so that no generated street lies on a real one.
const LON: f64 = -9.9;
const LAT: f64 = 41.1;
/// Row below which the river flows.
const RIVER_ROW: i32 = 14;
/// Free-flow speeds in metres per second: bridge and arterial 50 km/h, street 30 km/h.
const FAST: f64 = 50.0 / 3.6;
const SLOW: f64 = 30.0 / 3.6;

const FIRST: [&str; 24] = [
    "Almond", "Baker", "Canal", "Dyer", "Elm", "Foundry", "Glover", "Harbour", "Iron", "Juniper", "Kiln", "Linden",
    "Mill", "North", "Orchard", "Potter", "Quarry", "Rope", "Saddler", "Tanner", "Union", "Vintner", "Weaver",
    "Yarrow",
];
const KINDS: [&str; 5] = ["Street", "Lane", "Row", "Road", "Place"];
const BRIDGES: [&str; 5] = ["Old Bridge", "Market Bridge", "Iron Bridge", "Ferry Bridge", "New Bridge"];

/// A generated city.
#[derive(Clone, Debug)]
pub struct City {
    /// Its streets, as a graph file brings them.
    pub network: Arc<Network>,
    /// The streets of a generated city, to be written into a day's header.
    pub spec: Option<NetworkSpec>,
    /// Places where goods come from (shops, kitchens).
    pub shops: Vec<Position>,
    /// Places where people live.
    pub homes: Vec<Position>,
    /// Where vehicles are kept.
    pub depots: Vec<Position>,
    /// Road ids and names of the bridges.
    pub bridges: Vec<(u64, String)>,
    /// The river, for the map.
    pub river: Vec<Position>,
}

/// Longitude and latitude of a point given in metres from the corner.
fn place(east: f64, north: f64) -> Position {
    // Metres per degree: mean sphere; longitude shrinks with the cosine of the corner's latitude (41.1°: 0.7536).
    let y = LAT + north / 111_194.9;
    let x = LON + east / (111_194.9 * 0.753_563);
    Position { x: (x * 1e7) as i32, y: (y * 1e7) as i32 }
}

/// Generates a city from a seed.
pub fn city(seed: u64) -> City {
    let mut random = Seeded::new(seed, "city");
    let node = |column: i32, row: i32| (row * COLUMNS + column) as u32;
    let mut metres: Vec<(f64, f64)> = Vec::new();
    for row in 0..ROWS {
        // The northern bank stands back to make room for the river.
        let bank = if row > RIVER_ROW { 260.0 } else { 0.0 };
        for column in 0..COLUMNS {
            let bend = (f64::from(column) / 6.0).sin() * 120.0;
            let jitter = |random: &mut Seeded| (random.unit() - 0.5) * 70.0;
            let east = f64::from(column) * SPACING + jitter(&mut random);
            let north = f64::from(row) * SPACING + bend + bank + jitter(&mut random);
            metres.push((east, north));
        }
    }
    let nodes: Vec<Position> = metres.iter().map(|&(east, north)| place(east, north)).collect();
    let mut names: Vec<String> = Vec::new();
    let mut edges: Vec<StreetEdge> = Vec::new();
    let mut bridges = Vec::new();
    let mut road = 1000u64;
    let link = |edges: &mut Vec<StreetEdge>, a: u32, b: u32, class: u8, name: u32, oneway: bool, road: u64| {
        let ((ax, ay), (bx, by)) = (metres[a as usize], metres[b as usize]);
        let length = ((ax - bx).powi(2) + (ay - by).powi(2)).sqrt();
        let speed = if class < 2 { FAST } else { SLOW };
        // Junctions cost time too: four seconds on fast roads, eight on streets.
        let millis = (length / speed * 1000.0) as u32 + if class < 2 { 4_000 } else { 8_000 };
        let edge = StreetEdge { from: a, to: b, metres: length as u32, millis, class, name, road };
        edges.push(edge.clone());
        if !oneway {
            edges.push(StreetEdge { from: b, to: a, ..edge });
        }
    };
    // Streets from west to east.
    for row in 0..ROWS {
        let arterial = row % 6 == 3;
        names.push(street_name(&mut random, row, arterial, "Avenue"));
        let name = names.len() as u32 - 1;
        let oneway = !arterial && random.chance(0.25);
        let flip = random.chance(0.5);
        for column in 0..COLUMNS - 1 {
            road += 1;
            if !arterial && random.chance(0.07) {
                continue;
            }
            let (a, b) = (node(column, row), node(column + 1, row));
            let (a, b) = if flip { (b, a) } else { (a, b) };
            link(&mut edges, a, b, if arterial { 1 } else { 2 }, name, oneway, road);
        }
    }
    // Streets from south to north; only bridges cross the river.
    let crossings = [4, 12, 19, 26, 34];
    for column in 0..COLUMNS {
        let arterial = crossings.contains(&column);
        names.push(street_name(&mut random, column, arterial, "Boulevard"));
        let name = names.len() as u32 - 1;
        let oneway = !arterial && random.chance(0.25);
        let flip = random.chance(0.5);
        for row in 0..ROWS - 1 {
            road += 1;
            let (a, b) = (node(column, row), node(column, row + 1));
            if row == RIVER_ROW {
                if let Some(index) = crossings.iter().position(|&crossing| crossing == column) {
                    names.push(BRIDGES[index].to_owned());
                    bridges.push((road, BRIDGES[index].to_owned()));
                    link(&mut edges, a, b, 0, names.len() as u32 - 1, false, road);
                }
                continue;
            }
            if !arterial && random.chance(0.07) {
                continue;
            }
            let (a, b) = if flip { (b, a) } else { (a, b) };
            link(&mut edges, a, b, if arterial { 1 } else { 2 }, name, oneway, road);
        }
    }
    let centre = |random: &mut Seeded, spread: i32| {
        let pull = |random: &mut Seeded, size: i32| {
            let sum: i64 = (0..3).map(|_| random.between(0, i64::from(size - 1))).sum();
            (sum / 3) as i32
        };
        let (c, r) = if spread > 0 {
            (pull(random, COLUMNS), pull(random, ROWS))
        } else {
            (random.between(0, i64::from(COLUMNS - 1)) as i32, random.between(0, i64::from(ROWS - 1)) as i32)
        };
        nodes[node(c, r) as usize]
    };
    let shops = (0..60).map(|_| centre(&mut random, 1)).collect();
    let homes = (0..900).map(|_| centre(&mut random, 0)).collect();
    let depots = vec![nodes[node(6, 6) as usize], nodes[node(30, 8) as usize], nodes[node(18, 22) as usize]];
    let river = (0..COLUMNS)
        .map(|column| {
            let bend = (f64::from(column) / 6.0).sin() * 120.0;
            place(f64::from(column) * SPACING, (f64::from(RIVER_ROW) + 0.5) * SPACING + bend + 130.0)
        })
        .collect();
    // Through a graph file, as every city comes.
    let streets = Streets::from_edges(&nodes, &edges, &names).expect("a grid with bridges is a network");
    let network = Streets::from_bytes(&streets.to_bytes()).map(Network::from_streets).expect("our own bytes are sound");
    let spec = Some(NetworkSpec::Graph { nodes, edges, names });
    City { network: Arc::new(network), spec, shops, homes, depots, bridges, river }
}

/// Metres around the middle of a real city within which its pretend day takes place.
const REACH: f64 = 6_000.0;

/// A pretend day's places on real streets: shops near the middle, homes around it, and the bridges and fast roads that most ways
/// lead over. `None` where the network has no streets.
pub fn city_on(network: Arc<Network>, seed: u64) -> Option<City> {
    let mut random = Seeded::new(seed, "city on streets");
    let (streets, _) = network.graph()?;
    let all: Vec<Position> = streets.junction_ids().map(|id| streets.junction(id)).collect();
    let middle = |axis: fn(&Position) -> i32| {
        let mut values: Vec<i32> = all.iter().map(axis).collect();
        let half = values.len() / 2;
        *values.select_nth_unstable(half).1
    };
    let centre = Position { x: middle(|place| place.x), y: middle(|place| place.y) };
    let within = |metres: f64| -> Vec<Position> {
        let near: Vec<Position> = all.iter().copied().filter(|&place| network.crow(centre, place) <= metres).collect();
        if near.is_empty() { all.clone() } else { near }
    };
    let (near, around) = (within(REACH / 2.0), within(REACH));
    let shops: Vec<Position> = (0..60).map(|_| *random.pick(&near)).collect();
    let homes: Vec<Position> = (0..900).map(|_| *random.pick(&around)).collect();
    let depots = (0..3).map(|_| *random.pick(&around)).collect();
    let mut used: BTreeMap<u64, (usize, String)> = BTreeMap::new();
    for home in homes.iter().take(200) {
        let edges = network.edges_driven(*random.pick(&shops), *home);
        for (road, name) in streets.main_roads(&edges) {
            used.entry(road).or_insert((0, name)).0 += 1;
        }
    }
    let mut bridges: Vec<(u64, (usize, String))> = used.into_iter().collect();
    bridges.sort_by_key(|&(road, (ways, _))| (std::cmp::Reverse(ways), road));
    let bridges = bridges.into_iter().take(5).map(|(road, (_, name))| (road, name)).collect();
    Some(City { network, spec: None, shops, homes, depots, bridges, river: Vec::new() })
}

fn street_name(random: &mut Seeded, index: i32, arterial: bool, grand: &str) -> String {
    let first = FIRST[(index as usize * 7 + random.below(3) as usize) % FIRST.len()];
    if arterial { format!("{first} {grand}") } else { format!("{first} {}", random.pick(&KINDS)) }
}
