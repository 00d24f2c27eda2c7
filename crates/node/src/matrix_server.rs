//! Routing servers that can be asked for travel times: OSRM's `/table` and Valhalla's `/sources_to_targets`.

use std::sync::Mutex;
use std::time::Duration;

use fleetfold_model::Position;
use fleetfold_roads::{Leg, LegSource, UNREACHABLE_MILLIS};
use serde_json::{Value, json};

use crate::clock;
use crate::failure::Failure;

/// How long one request may take: an answer that waits for legs still comes well within the promised ten seconds.
const DEADLINE: Duration = Duration::from_millis(400);
/// How long all requests for one matrix may take together.
const DEADLINE_TABLE: Duration = Duration::from_millis(1_500);
/// A server that failed is left alone for so long, milliseconds.
const PAUSE_MILLIS: i64 = 5_000;
/// Sources and targets of one request: together within OSRM's default of 100 places and Valhalla's of 2,500 pairs.
const BLOCK: usize = 50;

/// Which protocol a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Osrm,
    Valhalla,
}

/// A routing server.
#[derive(Debug)]
pub(crate) struct MatrixServer {
    protocol: Protocol,
    /// Without a slash at its end.
    url: String,
    agent: ureq::Agent,
    /// Wall-clock milliseconds before which it is not asked again.
    not_before: Mutex<i64>,
}

impl MatrixServer {
    /// `osrm:http://HOST:PORT` or `valhalla:http://HOST:PORT`; `None`: the text names something else.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, Failure>> {
        let (kind, url) = text.split_once(':')?;
        let protocol = match kind {
            "osrm" => Protocol::Osrm,
            "valhalla" => Protocol::Valhalla,
            _ => return None,
        };
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let hint = format!("write {kind}:http://HOST:PORT");
            return Some(Err(Failure::new(format!("`{text}`: `{url}` is no address of a server"), hint)));
        }
        let config = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false).build();
        let url = url.trim_end_matches('/').to_owned();
        Some(Ok(Self { protocol, url, agent: config.into(), not_before: Mutex::new(0) }))
    }

    /// Asks one leg of a place to itself: is somebody there who understands?
    pub(crate) fn check(&self, place: Position) -> Result<(), String> {
        self.block(&[place], &[place]).map(|_| ())
    }

    pub(crate) fn name(&self) -> String {
        let kind = if self.protocol == Protocol::Osrm { "OSRM" } else { "Valhalla" };
        format!("{kind} at {}", self.url)
    }

    fn block(&self, from: &[Position], to: &[Position]) -> Result<Vec<Leg>, String> {
        let (answer, tables) = match self.protocol {
            Protocol::Osrm => {
                let places: Vec<String> = from
                    .iter()
                    .chain(to)
                    .map(|&place| degrees(place))
                    .map(|(lon, lat)| format!("{lon:.6},{lat:.6}"))
                    .collect();
                let numbers = |range: std::ops::Range<usize>| {
                    range.map(|number| number.to_string()).collect::<Vec<_>>().join(";")
                };
                let url = format!(
                    "{}/table/v1/driving/{}?annotations=duration,distance&sources={}&destinations={}",
                    self.url,
                    places.join(";"),
                    numbers(0..from.len()),
                    numbers(from.len()..from.len() + to.len())
                );
                let answer = read(self.agent.get(&url).call())?;
                let tables = answer.get("durations").cloned().zip(answer.get("distances").cloned());
                (answer, tables)
            }
            Protocol::Valhalla => {
                let places = |places: &[Position]| -> Vec<Value> {
                    places
                        .iter()
                        .map(|&place| degrees(place))
                        .map(|(lon, lat)| json!({"lon": lon, "lat": lat}))
                        .collect()
                };
                let body = json!({"sources": places(from), "targets": places(to), "costing": "auto", "verbose": false});
                let url = format!("{}/sources_to_targets", self.url);
                let sent = self.agent.post(&url).header("content-type", "application/json").send(body.to_string());
                let answer = read(sent)?;
                let matrix = &answer["sources_to_targets"];
                let tables = matrix.get("durations").cloned().zip(matrix.get("distances").cloned());
                (answer, tables)
            }
        };
        let (durations, distances) = tables.ok_or_else(|| {
            let said = answer["message"].as_str().or_else(|| answer["error"].as_str()).unwrap_or("no table").to_owned();
            format!("it answers: {said}{}", advice(answer["code"].as_str().unwrap_or("")))
        })?;
        // OSRM counts metres, Valhalla kilometres.
        let metres = if self.protocol == Protocol::Osrm { 1.0 } else { 1000.0 };
        let cell = |row: usize, column: usize| {
            let Some(seconds) = durations[row][column].as_f64() else {
                return Leg { millis: UNREACHABLE_MILLIS, metres: 0 };
            };
            let length = distances[row][column].as_f64().unwrap_or(0.0) * metres;
            let millis = (seconds * 1000.0).round().clamp(0.0, f64::from(UNREACHABLE_MILLIS - 1));
            Leg { millis: millis as i32, metres: length.round().clamp(0.0, 2e9) as i32 }
        };
        let whole = |table: &Value| {
            let rows = table.as_array().map_or(&[][..], Vec::as_slice);
            rows.len() == from.len() && rows.iter().all(|row| row.as_array().is_some_and(|row| row.len() == to.len()))
        };
        if !whole(&durations) || !whole(&distances) {
            return Err("its table has other rows and columns than were asked for".to_owned());
        }
        Ok((0..from.len())
            .flat_map(|row| (0..to.len()).map(move |column| (row, column)))
            .map(|(r, c)| cell(r, c))
            .collect())
    }
}

fn advice(code: &str) -> &'static str {
    match code {
        "TooBig" => " (start it with --max-table-size 100 or more)",
        "NoSegment" => " (no street near a place: does its map cover the zone?)",
        _ => "",
    }
}

fn read(sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Value, String> {
    let mut response = sent.map_err(|error| error.to_string())?;
    let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|_| format!("status {}, and no JSON", response.status()))
}

fn degrees(place: Position) -> (f64, f64) {
    (f64::from(place.x) / 1e7, f64::from(place.y) / 1e7)
}

impl LegSource for MatrixServer {
    fn table(&self, from: &[Position], to: &[Position]) -> Option<Vec<Leg>> {
        // The lock is held only to look: whoever else asks must not wait for our requests.
        let not_before = || self.not_before.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let begun = clock::wall().0;
        if begun < *not_before() {
            return None;
        }
        let mut table = vec![Leg::default(); from.len() * to.len()];
        for (band, rows) in from.chunks(BLOCK).enumerate() {
            for (column, columns) in to.chunks(BLOCK).enumerate() {
                let answer = if clock::wall().0 - begun > DEADLINE_TABLE.as_millis() as i64 {
                    Err(format!("it is too slow: {} x {} legs take more than {DEADLINE_TABLE:?}", from.len(), to.len()))
                } else {
                    self.block(rows, columns)
                };
                match answer {
                    Ok(legs) => {
                        for (row, legs) in legs.chunks(columns.len()).enumerate() {
                            let begin = (band * BLOCK + row) * to.len() + column * BLOCK;
                            table[begin..begin + columns.len()].copy_from_slice(legs);
                        }
                    }
                    Err(why) => {
                        *not_before() = clock::wall().0 + PAUSE_MILLIS;
                        tracing::warn!(
                            server = self.name(),
                            "no travel times: {why}; straight lines for {} s",
                            PAUSE_MILLIS / 1000
                        );
                        return None;
                    }
                }
            }
        }
        Some(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_by_protocol_and_address() {
        assert!(MatrixServer::parse("porto.graph").is_none());
        assert!(MatrixServer::parse("C:/maps/porto.graph").is_none());
        let server = MatrixServer::parse("osrm:http://127.0.0.1:5000/").unwrap().unwrap();
        assert_eq!(server.name(), "OSRM at http://127.0.0.1:5000");
        let failure = MatrixServer::parse("valhalla:localhost").unwrap().unwrap_err();
        assert!(failure.hint.contains("valhalla:http://HOST:PORT"), "{}", failure.hint);
    }

    #[test]
    fn a_dead_server_is_left_alone_for_a_while() {
        let server = MatrixServer::parse("osrm:http://127.0.0.1:9").unwrap().unwrap();
        let place = Position { x: 0, y: 0 };
        assert!(server.check(place).is_err());
        assert_eq!(server.table(&[place], &[place]), None);
        assert!(*server.not_before.lock().unwrap() > clock::wall().0);
    }
}
