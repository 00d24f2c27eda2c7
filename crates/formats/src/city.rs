//! The city format of `benches/peers`: JSON with `xy` (rows of latitude, longitude; the depot first), `ready`, `due`, `service`,
//! `demand`, `vehicles`, `capacity`. Times are in seconds; vehicles drive along great circles at ten metres a second.

use fleetfold_solver::{Legs, NodeIx, ProblemSpec, SpherePlace, Stop, TourSpec};
use serde::Deserialize;

use crate::benchmark::{Prices, UNSERVED, instance};
use crate::error::{ReadError, Spot};
use crate::format::Objective;
use crate::instance::Instance;

#[derive(Deserialize)]
struct City {
    xy: Vec<[f64; 2]>,
    demand: Vec<i32>,
    ready: Vec<i32>,
    due: Vec<i32>,
    service: Vec<i32>,
    vehicles: usize,
    capacity: i32,
}

pub(crate) fn city(text: &str, objective: Objective) -> Result<Instance, ReadError> {
    let city: City = serde_json::from_str(text).map_err(|error| ReadError::malformed(None, error.to_string()))?;
    let nodes = city.xy.len();
    for (name, length) in [
        ("demand", city.demand.len()),
        ("ready", city.ready.len()),
        ("due", city.due.len()),
        ("service", city.service.len()),
    ] {
        if length != nodes {
            return Err(ReadError::malformed(None, format!("`{name}` has {length} values for {nodes} places")));
        }
    }
    ReadError::unless_few("customers", nodes.saturating_sub(1))?;
    ReadError::unless_few("vehicles", city.vehicles)?;
    if nodes < 2 || city.vehicles == 0 {
        let what = "a depot, at least one customer and at least one vehicle are needed";
        return Err(ReadError::malformed(None, what));
    }
    for (index, &[lat, lon]) in city.xy.iter().enumerate() {
        if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
            let at = Spot::Field(format!("xy[{index}]"));
            return Err(ReadError::impossible(at, format!("latitude {lat}, longitude {lon} is nowhere on earth")));
        }
        if city.due[index] < city.ready[index] {
            let at = Spot::Field(format!("due[{index}]"));
            return Err(ReadError::impossible(at, format!("{} is before it is ready", city.due[index])));
        }
    }
    let stops = (1..nodes)
        .map(|place| Stop {
            windows: vec![(city.ready[place], city.due[place])],
            due: city.due[place],
            service: city.service[place],
            load: [city.demand[place], 0, 0, 0],
            unserved: UNSERVED,
            ..Stop::job(NodeIx(place as u32))
        })
        .collect();
    let prices = Prices::of(objective, 1.0, 1.0 / 3_600.0, 1.0 / 1_000.0);
    let tour = TourSpec {
        start_at: city.ready[0],
        end_node: NodeIx(0),
        end_by: city.due[0],
        capacity: [city.capacity, 0, 0, 0],
        fixed: prices.fixed,
        per_hour: prices.per_hour,
        per_km: prices.per_km,
        ..TourSpec::at(NodeIx(0))
    };
    let places = city.xy.iter().map(|&[lat, lon]| SpherePlace::new(lon, lat)).collect();
    let legs = Legs::Sphere { places, metres_per_time: 10.0 };
    let tours = vec![tour; city.vehicles];
    let spec = ProblemSpec { stops, tours, legs, weights: prices.weights, ..ProblemSpec::default() };
    instance(spec, (1..nodes as u64).collect(), 1.0, prices.unit)
}
