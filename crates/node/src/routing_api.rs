//! What routing servers are asked, and how they answer: tables of travel times and shapes of ways, from OSRM (`/table`, `/route`),
//! Valhalla (`/sources_to_targets`, `/route`) and openrouteservice (`/matrix`, `/directions`).
//!
//! One call is one request. Who asks for more than a server takes at once divides it: [`Trouble::TooBig`].

use std::time::Duration;

use fleetfold_model::Position;
use fleetfold_roads::{Leg, UNREACHABLE_MILLIS};
use serde_json::{Value, json};

/// Longest answer that is read: the table of a thousand places has some 20 MB.
const ANSWER_MAX: u64 = 256 << 20;
/// Valhalla's error codes of requests that are too large: places, pairs, and the distance between places.
const VALHALLA_TOO_BIG: [u64; 3] = [150, 153, 157];
/// openrouteservice's error codes of requests that are too large: of directions and of a matrix.
const ORS_TOO_BIG: [u64; 2] = [2004, 6004];

/// Which protocol a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Osrm,
    Valhalla,
    Ors,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server takes fewer places at once; its words.
    TooBig(String),
    /// Anything else.
    Other(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooBig(what) | Self::Other(what) => f.write_str(what),
        }
    }
}

/// A server and what it is asked for.
#[derive(Debug)]
pub(crate) struct RoutingApi {
    protocol: Protocol,
    /// Without a slash at its end.
    url: String,
    /// What the server calls the kind of vehicle.
    profile: String,
    agent: ureq::Agent,
}

impl RoutingApi {
    pub(crate) fn new(protocol: Protocol, url: &str, profile: &str, deadline: Duration) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(deadline)).http_status_as_error(false).build();
        Self { protocol, url: url.trim_end_matches('/').to_owned(), profile: profile.to_owned(), agent: config.into() }
    }

    pub(crate) fn name(&self) -> String {
        let kind = match self.protocol {
            Protocol::Osrm => "OSRM",
            Protocol::Valhalla => "Valhalla",
            Protocol::Ors => "openrouteservice",
        };
        format!("{kind} at {}", self.url)
    }

    fn get(&self, path: &str) -> Result<Value, Trouble> {
        read(self.agent.get(format!("{}/{path}", self.url)).call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, Trouble> {
        let url = format!("{}/{path}", self.url);
        read(self.agent.post(&url).header("content-type", "application/json").send(body.to_string()))
    }

    /// Legs from each of some places to each of others, row by row; where there is no way they are unreachable.
    pub(crate) fn block(&self, from: &[Position], to: &[Position]) -> Result<Vec<Leg>, Trouble> {
        let all = || from.iter().chain(to).copied();
        let (answer, tables) = match self.protocol {
            Protocol::Osrm => {
                let path = format!(
                    "table/v1/{}/{}?annotations=duration,distance&sources={}&destinations={}",
                    self.profile,
                    in_path(all()),
                    numbers(0..from.len()),
                    numbers(from.len()..from.len() + to.len())
                );
                let answer = self.get(&path)?;
                let tables = answer.get("durations").cloned().zip(answer.get("distances").cloned());
                (answer, tables)
            }
            Protocol::Valhalla => {
                let body = json!({ "sources": in_objects(from), "targets": in_objects(to), "costing": self.profile,
                    "verbose": false });
                let answer = self.post("sources_to_targets", &body)?;
                let matrix = &answer["sources_to_targets"];
                let tables = matrix.get("durations").cloned().zip(matrix.get("distances").cloned());
                (answer, tables)
            }
            Protocol::Ors => {
                let places: Vec<[f64; 2]> = all().map(degrees).map(Into::into).collect();
                let body = json!({ "locations": places, "metrics": ["duration", "distance"], "units": "m",
                    "sources": (0..from.len()).collect::<Vec<_>>(),
                    "destinations": (from.len()..from.len() + to.len()).collect::<Vec<_>>() });
                let answer = self.post(&format!("matrix/{}", self.profile), &body)?;
                let tables = answer.get("durations").cloned().zip(answer.get("distances").cloned());
                (answer, tables)
            }
        };
        let (durations, distances) = tables.ok_or_else(|| refused(&answer, "no table"))?;
        // Valhalla counts kilometres.
        let metres = if self.protocol == Protocol::Valhalla { 1000.0 } else { 1.0 };
        let cell = |row: usize, column: usize| {
            if durations[row][column].is_null() {
                return Ok(Leg { millis: UNREACHABLE_MILLIS, metres: 0 });
            }
            let seconds = durations[row][column].as_f64().filter(|&seconds| seconds >= 0.0);
            let seconds = seconds.ok_or_else(|| {
                Trouble::Other(format!("its table has a duration that is none: {}", durations[row][column]))
            })?;
            let length = distances[row][column].as_f64().unwrap_or(0.0) * metres;
            let millis = (seconds * 1000.0).round().clamp(0.0, f64::from(UNREACHABLE_MILLIS - 1));
            Ok(Leg { millis: millis as i32, metres: length.round().clamp(0.0, 2e9) as i32 })
        };
        let whole = |table: &Value| {
            let rows = table.as_array().map_or(&[][..], Vec::as_slice);
            rows.len() == from.len() && rows.iter().all(|row| row.as_array().is_some_and(|row| row.len() == to.len()))
        };
        if !whole(&durations) || !whole(&distances) {
            return Err(Trouble::Other("its table has other rows and columns than were asked for".to_owned()));
        }
        let pairs = (0..from.len()).flat_map(|row| (0..to.len()).map(move |column| (row, column)));
        pairs.map(|(row, column)| cell(row, column)).collect()
    }

    /// The line that is driven from each place to the next, longitudes and latitudes.
    pub(crate) fn shape(&self, places: &[Position]) -> Result<Vec<[f64; 2]>, Trouble> {
        let answer = match self.protocol {
            Protocol::Osrm => {
                let all = in_path(places.iter().copied());
                let arguments = "alternatives=false&steps=false&overview=full&continue_straight=false";
                self.get(&format!("route/v1/{}/{all}?{arguments}", self.profile))?
            }
            Protocol::Valhalla => {
                let body =
                    json!({ "locations": in_objects(places), "costing": self.profile, "directions_type": "none" });
                self.post("route", &body)?
            }
            Protocol::Ors => {
                let places: Vec<[f64; 2]> = places.iter().map(|&place| degrees(place).into()).collect();
                let body = json!({ "coordinates": places, "geometry_simplify": false, "continue_straight": false });
                self.post(&format!("directions/{}", self.profile), &body)?
            }
        };
        let lines: Option<Vec<&str>> = match self.protocol {
            Protocol::Osrm | Protocol::Ors => answer["routes"][0]["geometry"].as_str().map(|line| vec![line]),
            Protocol::Valhalla => answer["trip"]["legs"]
                .as_array()
                .and_then(|legs| legs.iter().map(|leg| leg["shape"].as_str()).collect::<Option<Vec<&str>>>()),
        };
        let lines = lines.ok_or_else(|| refused(&answer, "no shape"))?;
        // Valhalla writes six decimals.
        let decimals = if self.protocol == Protocol::Valhalla { 6 } else { 5 };
        let mut whole: Vec<[f64; 2]> = Vec::new();
        for line in lines {
            let points = fleetfold_formats::decode_polyline(line, decimals);
            let points = points.ok_or_else(|| Trouble::Other("its shape is no encoded polyline".to_owned()))?;
            append(&mut whole, points);
        }
        Ok(whole)
    }
}

/// A line and the one that goes on where it ends, which is not there twice.
pub(crate) fn append(line: &mut Vec<[f64; 2]>, next: Vec<[f64; 2]>) {
    let begins = line.last().is_some() && line.last() == next.first();
    line.extend(next.into_iter().skip(usize::from(begins)));
}

/// What a server says instead of an answer.
fn refused(answer: &Value, otherwise: &str) -> Trouble {
    let error = &answer["error"];
    let said = answer["message"].as_str().or_else(|| error.as_str()).or_else(|| error["message"].as_str());
    let word = answer["code"].as_str().unwrap_or("");
    let is_in = |number: &Value, list: &[u64]| number.as_u64().is_some_and(|number| list.contains(&number));
    let advice = match word {
        "TooBig" => " (start it with --max-table-size 100 or more)",
        "NoSegment" => " (no street near a place: does its map cover the zone?)",
        _ => "",
    };
    let what = format!("it answers: {}{advice}", said.unwrap_or(otherwise));
    if word == "TooBig" || is_in(&answer["error_code"], &VALHALLA_TOO_BIG) || is_in(&error["code"], &ORS_TOO_BIG) {
        Trouble::TooBig(what)
    } else {
        Trouble::Other(what)
    }
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, Trouble> {
    let other = |error: ureq::Error| Trouble::Other(error.to_string());
    let mut response = sent.map_err(other)?;
    let text = response.body_mut().with_config().limit(ANSWER_MAX).read_to_string().map_err(other)?;
    serde_json::from_str(&text).map_err(|_| Trouble::Other(format!("status {}, and no JSON", response.status())))
}

fn degrees(place: Position) -> (f64, f64) {
    (f64::from(place.x) / 1e7, f64::from(place.y) / 1e7)
}

fn in_path(places: impl Iterator<Item = Position>) -> String {
    let each = places.map(degrees).map(|(lon, lat)| format!("{lon:.6},{lat:.6}"));
    each.collect::<Vec<_>>().join(";")
}

fn in_objects(places: &[Position]) -> Vec<Value> {
    places.iter().map(|&place| degrees(place)).map(|(lon, lat)| json!({"lon": lon, "lat": lat})).collect()
}

fn numbers(range: std::ops::Range<usize>) -> String {
    range.map(|number| number.to_string()).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_in_their_own_words_that_a_request_is_too_large() {
        for (answer, expected) in [
            (json!({ "code": "TooBig", "message": "Too many table coordinates" }), true),
            (json!({ "error_code": 150, "error": "Exceeded max locations: 20", "status_code": 400 }), true),
            (json!({ "error": { "code": 6004, "message": "only 2500 routes" } }), true),
            (json!({ "code": "NoSegment", "message": "Could not find a matching segment" }), false),
            (json!({ "error_code": 171, "error": "No suitable edges near location" }), false),
            (json!({}), false),
        ] {
            let trouble = refused(&answer, "no table");
            assert_eq!(matches!(trouble, Trouble::TooBig(_)), expected, "{answer}: {trouble}");
        }
        let said = refused(&json!({ "error": { "code": 6099, "message": "out of order" } }), "no table").to_string();
        assert_eq!(said, "it answers: out of order");
    }

    #[test]
    fn a_line_goes_on_where_it_ends() {
        let mut line = vec![[0.0, 0.0], [1.0, 1.0]];
        append(&mut line, vec![[1.0, 1.0], [2.0, 2.0]]);
        append(&mut line, vec![[3.0, 3.0]]);
        assert_eq!(line, [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]);
    }
}
