//! Where the ways of a VROOM problem without matrices come from: graph files, or the routing servers that VROOM's flags name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleetfold_formats::{Streets, Way};
use fleetfold_model::{Position, Space};
use fleetfold_roads::{Leg, Network, UNREACHABLE_MILLIS};

use crate::args::Solve;
use crate::graph;
use crate::routing_api::{Protocol, RoutingApi, Trouble, append};

use super::refusal::{Kind, Refusal};

/// How long one request to a routing server may take. VROOM sets no limit; a table of a thousand places takes seconds.
const DEADLINE: Duration = Duration::from_secs(60);
/// Sources and targets of the first request; fewer where a server says that this is too large. A thousand places make an address of
/// some 20 KB.
const BLOCK: usize = 500;
/// VROOM's server of a profile of which nothing is said, and its profile.
const HOST: &str = "0.0.0.0";
const PORT: &str = "5000";
const PROFILE: &str = "car";
/// The port of a server that is asked over TLS, as VROOM has it.
const TLS_PORT: &str = "443";

/// Who is asked.
pub(crate) enum Known {
    /// Streets of each profile; those under no name are for every other one.
    Graphs(BTreeMap<Option<String>, Arc<Network>>),
    /// Routing servers by profile.
    Servers(BTreeMap<String, RoutingApi>),
}

/// What the arguments say; `None`: nothing, and places are joined by straight lines.
pub(crate) fn of(args: &Solve) -> Result<Option<Known>, Refusal> {
    if !args.graph.is_empty() {
        return graphs(&args.graph).map(Some);
    }
    if args.router.is_none() && args.routing_host.is_empty() && args.routing_port.is_empty() {
        return Ok(None);
    }
    servers(args.router.as_deref(), &args.routing_host, &args.routing_port).map(Some)
}

/// `FILE`, or `PROFILE=FILE`.
fn graphs(given: &[String]) -> Result<Known, Refusal> {
    let mut known = BTreeMap::new();
    for text in given {
        let (profile, path) = match text.split_once('=') {
            Some((profile, path)) => (Some(profile.to_owned()), path),
            None => (None, text.as_str()),
        };
        let network = graph::open(Path::new(path)).map_err(|failure| Refusal::input(failure.what, failure.hint))?;
        if known.insert(profile, Arc::new(network)).is_some() {
            let hint = "give each profile one graph: --graph car=CAR.graph --graph truck=TRUCK.graph";
            return Err(Refusal::input(format!("--graph {text}: this profile has a graph already"), hint));
        }
    }
    Ok(Known::Graphs(known))
}

/// VROOM's `-r`, `-a` and `-p`. A host without a profile is that of `car`; what is not said is VROOM's default.
fn servers(router: Option<&str>, hosts: &[String], ports: &[String]) -> Result<Known, Refusal> {
    let protocol = match router.unwrap_or("osrm") {
        "osrm" => Protocol::Osrm,
        "valhalla" => Protocol::Valhalla,
        "ors" => Protocol::Ors,
        other => {
            let hint = "give -r osrm, -r valhalla or -r ors";
            return Err(Refusal::input(format!("-r {other}: no such routing server is known"), hint));
        }
    };
    let mut addresses: BTreeMap<&str, (&str, &str)> = BTreeMap::from([(PROFILE, (HOST, PORT))]);
    for (text, is_host) in hosts.iter().map(|text| (text, true)).chain(ports.iter().map(|text| (text, false))) {
        let (profile, value) = text.split_once(':').unwrap_or((PROFILE, text));
        let own = addresses.entry(profile).or_insert((HOST, PORT));
        *(if is_host { &mut own.0 } else { &mut own.1 }) = value;
        if !is_host && value.parse::<u16>().is_err() {
            return Err(Refusal::input(format!("-p {text}: `{value}` is no port"), "write -p PROFILE:PORT"));
        }
    }
    let api = |(profile, (host, port)): (&str, (&str, &str))| {
        // A host may be followed by a path, as `localhost/ors/v2`.
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        let scheme = if port == TLS_PORT { "https" } else { "http" };
        // Valhalla does not know VROOM's default profile.
        let costing = if protocol == Protocol::Valhalla && profile == PROFILE { "auto" } else { profile };
        let url = format!("{scheme}://{host}:{port}/{path}");
        (profile.to_owned(), RoutingApi::new(protocol, &url, costing, DEADLINE))
    };
    Ok(Known::Servers(addresses.into_iter().map(api).collect()))
}

impl Known {
    /// The streets of an engine, for every profile. `None`: it has none, or not in longitude and latitude.
    pub(crate) fn of_engine(network: &Arc<Network>) -> Option<Arc<Self>> {
        let has_streets = network.has_roads() && network.space() == Space::Geographic;
        has_streets.then(|| Arc::new(Self::Graphs(BTreeMap::from([(None, Arc::clone(network))]))))
    }

    fn network<'a>(networks: &'a BTreeMap<Option<String>, Arc<Network>>, profile: &str) -> Result<&'a Network, String> {
        let own = networks.get(&Some(profile.to_owned())).or_else(|| networks.get(&None));
        own.map(AsRef::as_ref).ok_or_else(|| format!("no graph is for it; give one with --graph {profile}=FILE"))
    }

    fn server<'a>(servers: &'a BTreeMap<String, RoutingApi>, profile: &str) -> Result<&'a RoutingApi, String> {
        let own = servers.get(profile);
        own.ok_or_else(|| format!("no routing server is for it; name one with -a {profile}:HOST -p {profile}:PORT"))
    }
}

fn positions(places: &[[f64; 2]]) -> Vec<Position> {
    let units = |degrees: f64| (degrees * 1e7).round() as i32;
    places.iter().map(|&[lon, lat]| Position { x: units(lon), y: units(lat) }).collect()
}

/// VROOM rounds to whole seconds.
fn way(leg: Leg) -> Way {
    let seconds = (i64::from(leg.millis) + 500) / 1000;
    (leg.millis < UNREACHABLE_MILLIS).then_some((seconds as u32, leg.metres.max(0) as u32))
}

/// A table in blocks, as large as the server takes them.
fn table(api: &RoutingApi, places: &[Position]) -> Result<Vec<Way>, String> {
    let count = places.len();
    let mut block = BLOCK;
    'smaller: loop {
        let mut ways = vec![None; count * count];
        for (band, from) in places.chunks(block).enumerate() {
            for (column, to) in places.chunks(block).enumerate() {
                let legs = match api.block(from, to) {
                    Ok(legs) => legs,
                    Err(Trouble::TooBig(_)) if block > 1 => {
                        // The first that is smaller than what was asked for.
                        block = block.min(count).div_ceil(2);
                        continue 'smaller;
                    }
                    Err(trouble) => return Err(format!("{}: {trouble}", api.name())),
                };
                for (row, legs) in legs.chunks(to.len()).enumerate() {
                    let begin = (band * block + row) * count + column * block;
                    for (slot, &leg) in ways[begin..].iter_mut().zip(legs) {
                        *slot = way(leg);
                    }
                }
            }
        }
        return Ok(ways);
    }
}

/// A line in parts, as long as the server takes them.
fn shape(api: &RoutingApi, places: &[Position]) -> Result<Vec<[f64; 2]>, String> {
    match api.shape(places) {
        Ok(line) => Ok(line),
        Err(Trouble::TooBig(_)) if places.len() > 2 => {
            let middle = places.len() / 2;
            let mut line = shape(api, &places[..=middle])?;
            append(&mut line, shape(api, &places[middle..])?);
            Ok(line)
        }
        Err(trouble) => Err(format!("{}: {trouble}", api.name())),
    }
}

impl Streets for Known {
    fn table(&self, profile: &str, places: &[[f64; 2]]) -> Result<Vec<Way>, String> {
        let places = positions(places);
        match self {
            Self::Graphs(networks) => {
                Ok(Self::network(networks, profile)?.legs(&places).into_iter().map(way).collect())
            }
            Self::Servers(servers) => table(Self::server(servers, profile)?, &places),
        }
    }

    fn shape(&self, profile: &str, places: &[[f64; 2]]) -> Result<Vec<[f64; 2]>, String> {
        let places = positions(places);
        match self {
            Self::Graphs(networks) => {
                let network = Self::network(networks, profile)?;
                let mut line = Vec::new();
                for pair in places.windows(2) {
                    let way = network.path(pair[0], pair[1]);
                    append(&mut line, way.into_iter().map(graph::lon_lat).collect());
                }
                Ok(line)
            }
            Self::Servers(servers) => shape(Self::server(servers, profile)?, &places),
        }
    }
}

/// An error that says that no way is known.
pub(crate) fn refusal(what: String) -> Refusal {
    Refusal::new(Kind::Routing, what, "start the routing server, or put `matrices` into the problem")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(router: Option<&str>, hosts: &[&str], ports: &[&str]) -> Vec<(String, String)> {
        let list = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        match servers(router, &list(hosts), &list(ports)) {
            Ok(Known::Servers(all)) => all.into_iter().map(|(profile, api)| (profile, api.name())).collect(),
            Ok(Known::Graphs(_)) => panic!("graphs"),
            Err(refusal) => vec![(refusal.kind.code().to_string(), refusal.failure.what)],
        }
    }

    #[test]
    fn servers_are_those_of_the_flags_of_vroom() {
        let pair = |profile: &str, name: &str| (profile.to_owned(), name.to_owned());
        assert_eq!(names(None, &[], &[]), [pair("car", "OSRM at http://0.0.0.0:5000")]);
        assert_eq!(
            names(Some("valhalla"), &["auto:valhalla.local", "localhost"], &["auto:8002"]),
            [pair("auto", "Valhalla at http://valhalla.local:8002"), pair("car", "Valhalla at http://localhost:5000")]
        );
        assert_eq!(
            names(Some("ors"), &["driving-car:ors.local/ors/v2"], &["driving-car:443"])[1],
            pair("driving-car", "openrouteservice at https://ors.local:443/ors/v2")
        );
        assert!(names(Some("libosrm"), &[], &[])[0].1.contains("-r libosrm"));
        assert!(names(None, &[], &["car:x"])[0].1.contains("`x` is no port"));
    }
}
