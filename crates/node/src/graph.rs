//! `fleetfold graph`: street networks from OpenStreetMap.

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use fleetfold_model::{NetworkSpec, Position};
use fleetfold_roads::osm::{BuildSettings, Dimensions, Profile, build};
use fleetfold_roads::{Network, Streets, UNREACHABLE_MILLIS};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::{Graph, GraphCommand, Size, Vehicle, degrees};
use crate::days;
use crate::failure::Failure;

/// Places of one matrix: 10,000 × 10,000 legs are 800 MB.
const PLACES_MAX: usize = 10_000;

pub(crate) fn graph(args: &Graph) -> Result<ExitCode, Failure> {
    match &args.what {
        GraphCommand::Build { extract, output, profile, size } => build_file(extract, output, *profile, size)?,
        GraphCommand::Info { graph } => info(graph)?,
        &GraphCommand::Route { ref graph, from, to, geojson, snap_limit } => {
            route(graph, position(from), position(to), geojson, snap_limit)?;
        }
        GraphCommand::Matrix { network, places, snap_limit } => matrix(network, places, *snap_limit)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Streets out of a graph file's bytes.
pub(crate) fn streets(path: &Path, bytes: &[u8]) -> Result<Streets, Failure> {
    Streets::from_bytes(bytes).map_err(|error| {
        Failure::new(
            format!("{}: {error}", path.display()),
            "build it: fleetfold graph build AREA.osm.pbf -o AREA.graph",
        )
    })
}

fn bytes_of(path: &Path, remedy: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(format!("{}: {error}", path.display()), remedy))
}

pub(crate) fn open(path: &Path) -> Result<Network, Failure> {
    let bytes = bytes_of(path, "build it: fleetfold graph build AREA.osm.pbf -o AREA.graph")?;
    streets(path, &bytes).map(Network::from_streets)
}

fn position((lon, lat): (f64, f64)) -> Position {
    Position { x: (lon * 1e7).round() as i32, y: (lat * 1e7).round() as i32 }
}

pub(crate) fn lon_lat(place: Position) -> [f64; 2] {
    [f64::from(place.x) / 1e7, f64::from(place.y) / 1e7]
}

/// What a graph is built for: the usual size of a profile, except for what is given.
fn settings(profile: Profile, size: &Size) -> BuildSettings {
    let usual = BuildSettings::from(profile);
    let whole =
        |given: Option<f64>, units: f64, usual: u32| given.map_or(usual, |given| (given * units).round() as u32);
    let Dimensions { height_cm, width_cm, length_cm, weight_kg, axle_load_kg } = usual.dimensions;
    BuildSettings {
        dimensions: Dimensions {
            height_cm: whole(size.height, 100.0, height_cm),
            width_cm: whole(size.width, 100.0, width_cm),
            length_cm: whole(size.length, 100.0, length_cm),
            weight_kg: whole(size.weight, 1_000.0, weight_kg),
            axle_load_kg: whole(size.axle_load, 1_000.0, axle_load_kg),
        },
        snap_metres: size.snap_limit.unwrap_or(usual.snap_metres),
        ..usual
    }
}

/// A size that no vehicle has is a slip: centimetres for metres, or kilograms for tonnes.
fn check(size: &Size) -> Result<(), Failure> {
    let limits = [
        ("height", size.height, 0.5, 8.0, "metres"),
        ("width", size.width, 0.3, 6.0, "metres"),
        ("length", size.length, 0.5, 60.0, "metres"),
        ("weight", size.weight, 0.01, 200.0, "tonnes"),
        ("axle-load", size.axle_load, 0.01, 40.0, "tonnes"),
    ];
    for (name, given, least, most, unit) in limits {
        // Zero: no limit of this kind is for it.
        if let Some(given) = given.filter(|given| *given != 0.0 && !(least..=most).contains(given)) {
            return Err(Failure::new(
                format!("--{name} {given} is not between {least} and {most} {unit}"),
                format!("give it in {unit}"),
            ));
        }
    }
    Ok(())
}

fn build_file(extract: &Path, output: &Path, profile: Vehicle, size: &Size) -> Result<(), Failure> {
    let bytes = bytes_of(extract, "give an OpenStreetMap extract, as from download.geofabrik.de")?;
    check(size)?;
    if bytes.starts_with(b"{") {
        let sizes = [size.height, size.width, size.length, size.weight, size.axle_load];
        if sizes.iter().any(Option::is_some) {
            return Err(Failure::new(
                "the streets of a day file know no limits of height, width, length or weight",
                "build from an OpenStreetMap extract, or leave the size away",
            ));
        }
        return build_from_day(extract, bytes, output, size.snap_limit);
    }
    let profile = match profile {
        Vehicle::Car => Profile::Car,
        Vehicle::Van => Profile::Van,
        Vehicle::Truck => Profile::Truck,
        Vehicle::Bike => Profile::Bike,
    };
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    // Joining and ordering take about as long as the reading (no bytes tell how far they are).
    let built = build(&bytes, settings(profile, size), |at| {
        bar.set_length(at.of);
        bar.set_position(at.read);
        bar.set_message(at.doing);
    });
    let (streets, report) = built.map_err(|error| {
        Failure::new(
            format!("{}: {error}", extract.display()),
            "mend the extract or download it again, or choose another --profile",
        )
    })?;
    bar.finish_and_clear();
    write(&streets, output)?;
    crate::out::say!(
        "  {} of {} ways, {} junctions, {} directed edges",
        report.used,
        report.ways,
        streets.junctions(),
        streets.directed_edges()
    );
    crate::out::say!(
        "  {} turn restrictions kept, {} left out (of other vehicles, or not on used ways), {} barriers not open to all",
        report.restrictions,
        report.restrictions_left_out,
        report.barriers
    );
    say_vehicle(&streets);
    crate::out::say!(
        "  dropped: {} junctions and {} edges not reachable both ways, {} references to nodes outside the extract",
        report.dropped.junctions,
        report.dropped.edges,
        report.missing_nodes
    );
    if report.apart > 0 {
        crate::out::say!(
            "  {} stretches of street have no connection with the others: a place beside one is unreachable",
            report.apart
        );
    }
    Ok(())
}

/// The streets that a generated or recorded day brings.
fn build_from_day(day: &Path, bytes: Vec<u8>, output: &Path, snap_limit: Option<u32>) -> Result<(), Failure> {
    let (_, NetworkSpec::Graph { nodes, edges, names }) = days::network_in(day, bytes)? else {
        return Err(Failure::new(
            format!("{}: its network has no streets", day.display()),
            "give an OpenStreetMap extract, or a day of `fleetfold sim --day`",
        ));
    };
    let streets = Streets::from_edges(&nodes, &edges, &names)
        .map_err(|error| Failure::new(format!("{}: {error}", day.display()), "mend the network file"))?;
    let streets = limited(streets, snap_limit);
    write(&streets, output)?;
    crate::out::say!("  {} junctions, {} directed edges", streets.junctions(), streets.directed_edges());
    Ok(())
}

fn write(streets: &Streets, output: &Path) -> Result<(), Failure> {
    let file = streets.to_bytes();
    // Beside it first: whoever reads the old file keeps it whole.
    let partial = output.with_extension("partial");
    std::fs::write(&partial, &file)
        .and_then(|()| std::fs::rename(&partial, output))
        .map_err(|error| Failure::new(format!("{}: {error}", output.display()), "choose another --output"))?;
    crate::out::say!("{}: {} kB", output.display(), file.len() / 1000);
    Ok(())
}

fn info(path: &Path) -> Result<(), Failure> {
    let network = open(path)?;
    let Some((streets, arcs)) = network.graph() else { return Ok(()) };
    let (low, high) = streets.bounds();
    let ([west, south], [east, north]) = (lon_lat(low), lon_lat(high));
    crate::out::say!("{}: longitude {west} to {east}, latitude {south} to {north}", path.display());
    crate::out::say!(
        "  {} junctions, {} directed edges on {} stretches, {} names, {arcs} arcs with shortcuts",
        streets.junctions(),
        streets.directed_edges(),
        streets.stretches(),
        streets.names()
    );
    say_vehicle(streets);
    Ok(())
}

/// What a graph was built for.
fn say_vehicle(streets: &Streets) {
    if let Some((profile, size)) = streets.vehicle() {
        let part = |name: &str, value: u32, whole: f64, unit: &str| {
            (value > 0).then(|| format!("{name} {} {unit}", f64::from(value) / whole))
        };
        let parts = [
            part("height", size.height_cm, 100.0, "m"),
            part("width", size.width_cm, 100.0, "m"),
            part("length", size.length_cm, 100.0, "m"),
            part("weight", size.weight_kg, 1_000.0, "t"),
            part("axle load", size.axle_load_kg, 1_000.0, "t"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let size = if parts.is_empty() { "limits of size are not for it".to_owned() } else { parts.join(", ") };
        crate::out::say!("  built for profile {}: {size}", profile.word());
    } else {
        crate::out::say!(
            "  not said for which profile: streets of a day, or built by an earlier version of the program"
        );
    }
    crate::out::say!("  a place more than {} m from every street is unreachable", streets.snap_metres());
}

/// The streets with another limit of snapping if one is given.
fn limited(streets: Streets, snap_limit: Option<u32>) -> Streets {
    match snap_limit {
        Some(metres) => streets.with_snap_metres(metres),
        None => streets,
    }
}

/// Why no street serves a place, if none does.
fn off_street(network: &Network, place: Position) -> Option<String> {
    let why = network.off_street(place)?;
    let [lon, lat] = lon_lat(place);
    Some(format!("{lon},{lat} {why}"))
}

fn route(path: &Path, from: Position, to: Position, geojson: bool, snap_limit: Option<u32>) -> Result<(), Failure> {
    let bytes = bytes_of(path, "build it: fleetfold graph build AREA.osm.pbf -o AREA.graph")?;
    let network = Network::from_streets(limited(streets(path, &bytes)?, snap_limit));
    if let Some(why) = [from, to].into_iter().find_map(|place| off_street(&network, place)) {
        return Err(Failure::new(
            format!("unreachable: {why}"),
            "correct the place; for one that is far from streets, give a larger --snap-limit",
        ));
    }
    let leg = network.leg(from, to);
    if leg.millis >= UNREACHABLE_MILLIS {
        return Err(Failure::new(
            format!("unreachable: no way from {:?} to {:?}", lon_lat(from), lon_lat(to)),
            "fleetfold graph info says which area the graph covers",
        ));
    }
    let steps = network.streets_driven(from, to);
    if geojson {
        let line: Vec<[f64; 2]> = network.path(from, to).into_iter().map(lon_lat).collect();
        let steps: Vec<_> = steps
            .iter()
            .map(|s| json!({"name": s.name, "metres": s.metres, "seconds": s.millis as f64 / 1000.0}))
            .collect();
        crate::out::say!(
            "{}",
            json!({
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": line},
                "properties": {"seconds": f64::from(leg.millis) / 1000.0, "metres": leg.metres, "streets": steps,
                    "edges": network.edges_driven(from, to).iter().map(|edge| edge.0).collect::<Vec<_>>()},
            })
        );
        return Ok(());
    }
    crate::out::say!("{} m, {}", leg.metres, clock(leg.millis as u64));
    for step in steps {
        let name = if step.name.is_empty() { "(no name)" } else { &step.name };
        crate::out::say!("{:>7} m  {:>8}  {name}", step.metres, clock(step.millis));
    }
    Ok(())
}

fn clock(millis: u64) -> String {
    format!("{}:{:02}", millis / 60_000, millis / 1000 % 60)
}

fn matrix(source: &str, places: &Path, snap_limit: Option<u32>) -> Result<(), Failure> {
    let network = match snap_limit {
        // Streets of a graph file. Whatever else gives travel times snaps as it likes.
        Some(metres) => {
            let path = Path::new(source);
            let bytes = bytes_of(path, "give a graph file, or leave --snap-limit out")?;
            Arc::new(Network::from_streets(streets(path, &bytes)?.with_snap_metres(metres)))
        }
        None => days::network_of(source)?,
    };
    let text = if places == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::new(format!("standard input: {error}"), "give one LON,LAT a line"))?;
        text
    } else {
        std::fs::read_to_string(places)
            .map_err(|error| Failure::new(format!("{}: {error}", places.display()), "give one LON,LAT a line"))?
    };
    let mut list = Vec::new();
    for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let place = degrees(text.trim()).map_err(|what| {
            Failure::new(format!("{}, line {}: {what}", places.display(), line + 1), "give one LON,LAT a line")
        })?;
        list.push(position(place));
    }
    if list.is_empty() || list.len() > PLACES_MAX {
        return Err(Failure::new(
            format!("{}: {} places", places.display(), list.len()),
            "give between 1 and 10,000 places, one LON,LAT a line",
        ));
    }
    for why in list.iter().filter_map(|&place| off_street(&network, place)) {
        eprintln!("unreachable: {why}");
    }
    let legs = network.legs(&list);
    let rows = |value: &dyn Fn(&fleetfold_roads::Leg) -> serde_json::Value| -> Vec<Vec<serde_json::Value>> {
        legs.chunks(list.len()).map(|row| row.iter().map(value).collect()).collect()
    };
    // As OSRM's table service names them; null where there is no way.
    let reached = |leg: &fleetfold_roads::Leg| leg.millis < UNREACHABLE_MILLIS;
    let durations = rows(&|leg| if reached(leg) { json!(f64::from(leg.millis) / 1000.0) } else { json!(null) });
    let distances = rows(&|leg| if reached(leg) { json!(leg.metres) } else { json!(null) });
    crate::out::say!("{}", json!({"durations": durations, "distances": distances}));
    Ok(())
}
