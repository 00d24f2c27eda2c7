//! Routing servers that an engine asks for travel times: within deadlines, and left alone for a while when they fail.

use std::sync::Mutex;
use std::time::Duration;

use fleetfold_model::Position;
use fleetfold_roads::{Leg, LegSource};

use crate::clock;
use crate::failure::Failure;
use crate::routing_api::{Protocol, RoutingApi};

/// How long one request may take: an answer that waits for legs still comes well within the promised ten seconds.
const DEADLINE: Duration = Duration::from_millis(400);
/// How long all requests for one matrix may take together.
const DEADLINE_TABLE: Duration = Duration::from_millis(1_500);
/// A server that failed is left alone for so long, milliseconds.
const PAUSE_MILLIS: i64 = 5_000;
/// Sources and targets of one request: together within OSRM's default of 100 places and Valhalla's of 2,500 pairs.
const BLOCK: usize = 50;

/// A routing server.
#[derive(Debug)]
pub(crate) struct MatrixServer {
    api: RoutingApi,
    /// Wall-clock milliseconds before which it is not asked again.
    not_before: Mutex<i64>,
}

impl MatrixServer {
    /// `osrm:http://HOST:PORT` or `valhalla:http://HOST:PORT`; `None`: the text names something else.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, Failure>> {
        let (kind, url) = text.split_once(':')?;
        let (protocol, profile) = match kind {
            "osrm" => (Protocol::Osrm, "driving"),
            "valhalla" => (Protocol::Valhalla, "auto"),
            _ => return None,
        };
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let hint = format!("write {kind}:http://HOST:PORT");
            return Some(Err(Failure::new(format!("`{text}`: `{url}` is no address of a server"), hint)));
        }
        let api = RoutingApi::new(protocol, url, profile, DEADLINE);
        Some(Ok(Self { api, not_before: Mutex::new(0) }))
    }

    /// Asks one leg of a place to itself: is somebody there who understands?
    pub(crate) fn check(&self, place: Position) -> Result<(), String> {
        self.block(&[place], &[place]).map(|_| ())
    }

    pub(crate) fn name(&self) -> String {
        self.api.name()
    }

    fn block(&self, from: &[Position], to: &[Position]) -> Result<Vec<Leg>, String> {
        self.api.block(from, to).map_err(|trouble| trouble.to_string())
    }
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
