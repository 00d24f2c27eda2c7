//! How fast are the roads? `FLEETFOLD_OSM=AREA.osm.pbf cargo bench -p fleetfold-benches --bench roads`
//!
//! Builds a graph of the extract and prints what each step takes: medians, and where many are measured the 95th percentile.
//! With `FLEETFOLD_ROADS_OUT=DIR` it writes the places and junctions it drew, its own travel times and the bare graph there, for
//! `benches/peers/roads.py` to ask other engines the same.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use fleetfold_model::{Position, RoadTarget};
use fleetfold_roads::{ActiveChange, JunctionId, Network, Streets, osm};
use fleetfold_sim::Seeded;

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begin = Instant::now();
    let done = what();
    (done, begin.elapsed())
}

/// Runs something some times and prints the median and the 95th percentile.
fn measure<T>(name: &str, times: usize, mut what: impl FnMut(usize) -> T) {
    let mut taken: Vec<Duration> = (0..times)
        .map(|at| {
            let (done, taken) = timed(|| what(at));
            black_box(done);
            taken
        })
        .collect();
    taken.sort_unstable();
    let (middle, late) = (taken[times / 2], taken[(times * 95 / 100).min(times - 1)]);
    println!("{name:<58} {middle:>12.1?} median {late:>12.1?} p95 of {times}");
}

fn main() {
    let Some(path) = std::env::var_os("FLEETFOLD_OSM") else {
        println!("roads: give an OpenStreetMap extract in FLEETFOLD_OSM; nothing measured");
        return;
    };
    let extract = std::fs::read(&path).expect("FLEETFOLD_OSM names a readable file");
    measure("build from the extract", 3, |_| osm::build(&extract, osm::Profile::Car, |_| {}).expect("a sound extract"));
    let (streets, _) = osm::build(&extract, osm::Profile::Car, |_| {}).expect("a sound extract");
    let file = streets.to_bytes();
    println!("{:<58} {:>9.1} MB", "graph file", file.len() as f64 / 1e6);
    measure("open: bytes to a network that answers", 11, |_| {
        Network::from_streets(Streets::from_bytes(&file).expect("own bytes"))
    });
    let network = Network::from_streets(streets.clone());
    let (_, arcs) = network.graph().expect("streets");
    println!("{:<58} {:>6} junctions, {} edges, {arcs} arcs", "graph", streets.junctions(), streets.directed_edges());

    measure("customise all", 31, |_| network.recustomised());
    let mut random = Seeded::new(7, "roads");
    let roads: Vec<u64> = {
        let all = network.streets();
        (0..200).map(|_| all[random.below(all.len() as u64) as usize].road).collect()
    };
    let close = |at: usize| {
        let target = RoadTarget::Roads(vec![roads[at % roads.len()]]);
        network.with_changes(&[ActiveChange { target, time_percent: None }])
    };
    measure("close one road: new weights, partial customisation", 200, close);

    let junctions: Vec<(JunctionId, JunctionId)> = (0..10_000)
        .map(|_| {
            let all = streets.junctions() as u64;
            (JunctionId(random.below(all) as u32), JunctionId(random.below(all) as u32))
        })
        .collect();
    measure("query between junctions", junctions.len(), |at| {
        network.between_junctions(junctions[at].0, junctions[at].1)
    });
    measure("query with its edges", junctions.len(), |at| {
        network.edges_between_junctions(junctions[at].0, junctions[at].1)
    });

    let (low, high) = streets.bounds();
    let place = |random: &mut Seeded| loop {
        // Near a junction, off the street.
        let at = streets.junction(JunctionId(random.below(streets.junctions() as u64) as u32));
        let off = |random: &mut Seeded| random.below(4_000) as i32 - 2_000;
        let place = Position { x: at.x + off(random), y: at.y + off(random) };
        if (low.x..high.x).contains(&place.x) && (low.y..high.y).contains(&place.y) {
            break place;
        }
    };
    let places: Vec<Position> = (0..5_000).map(|_| place(&mut random)).collect();
    measure("leg between two new places, snapping included", 2_000, |at| {
        network.leg(places[2 * at], places[2 * at + 1])
    });
    measure("leg between two known places", 500, |at| network.leg(places[2 * at], places[2 * at + 1]));
    measure("line on the streets between two places", 2_000, |at| network.path(places[2 * at], places[2 * at + 1]));
    // A copy knows no places yet.
    let fresh: Vec<Network> = (0..16).filter_map(|_| network.recustomised()).collect();
    measure("400 x 400, snapping included", 15, |at| fresh[at].legs(&places[..400]));
    let mut moved = places[..400].to_vec();
    measure("400 x 400 again, five places moved", 15, |at| {
        for slot in 0..5 {
            moved[slot * 7] = places[400 + at * 5 + slot];
        }
        fresh[15].legs(&moved)
    });
    let fresh: Vec<Network> = (0..3).filter_map(|_| network.recustomised()).collect();
    measure("5,000 x 5,000, snapping included", 3, |at| fresh[at].legs(&places));

    if let Some(folder) = std::env::var_os("FLEETFOLD_ROADS_OUT") {
        let folder = std::path::PathBuf::from(folder);
        std::fs::create_dir_all(&folder).expect("a folder that can be written");
        let write =
            |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a folder that can be written");
        let degrees = |place: Position| format!("{:.7},{:.7}", f64::from(place.x) / 1e7, f64::from(place.y) / 1e7);
        let mut text = String::new();
        for &place in &places {
            writeln!(text, "{}", degrees(place)).expect("text");
        }
        write("places.csv", text);
        let legs = network.legs(&places[..400]);
        let mut text = String::new();
        for row in legs.chunks(400) {
            let row: Vec<String> = row.iter().map(|leg| leg.millis.to_string()).collect();
            writeln!(text, "{}", row.join(",")).expect("text");
        }
        write("ours.csv", text);
        let mut text = String::new();
        for node in streets.junction_ids() {
            writeln!(text, "{}", degrees(streets.junction(node))).expect("text");
        }
        write("nodes.csv", text);
        let mut text = String::new();
        for (from, to, millis) in streets.bare_edges() {
            writeln!(text, "{},{},{millis}", from.0, to.0).expect("text");
        }
        write("edges.csv", text);
        let mut text = String::new();
        for &(from, to) in &junctions {
            let millis = network.between_junctions(from, to).map_or(0, |leg| leg.millis);
            writeln!(text, "{},{},{millis}", from.0, to.0).expect("text");
        }
        write("queries.csv", text);
    }
}
