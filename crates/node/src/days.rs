//! Recorded days on disk: reading them whole, and the network they bring.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use fleetfold_model::{Event, LogEntry, LogSeq, Name, NetworkSpec, Space, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{DayHeader, DayLine, What, decode, network_from_json, read_day_line};

use crate::failure::Failure;
use crate::matrix_server::MatrixServer;

/// A day read from a file.
pub(crate) struct Day {
    /// Its first line.
    pub(crate) header: DayHeader,
    /// Events in file order: zone time, id hash, event.
    pub(crate) events: Vec<(Timestamp, u64, Event)>,
    /// With its places in a log, if it was recorded from one.
    pub(crate) entries: Vec<LogEntry>,
    /// The first event without a time, by its line: it can be folded again, but not played.
    pub(crate) untimed: Option<usize>,
    /// Digest, facts digest and last sequence, if it was recorded.
    pub(crate) footer: Option<(String, String, u64)>,
}

impl Day {
    /// The world's own events in order of zone time: what a what-if replay keeps.
    pub(crate) fn exogenous(&self) -> Vec<(Timestamp, u64, Event)> {
        let mut facts: Vec<_> = self.events.iter().filter(|(_, _, event)| event.is_exogenous()).cloned().collect();
        facts.sort_by_key(|&(at, ..)| at);
        facts
    }

    pub(crate) fn no_shows(&self) -> Vec<Name> {
        self.header.no_shows.iter().filter_map(|name| Name::new(name)).collect()
    }

    pub(crate) fn space(&self) -> Space {
        let opened = self.events.iter().find_map(|(_, _, event)| match event {
            Event::ZoneOpened(zone) => Some(zone.space),
            _ => None,
        });
        opened.unwrap_or_default()
    }

    /// What simulated drivers can play: the day's own events, if there are any and each has a time.
    pub(crate) fn playable(&self) -> Result<Vec<(Timestamp, u64, Event)>, Failure> {
        if let Some(line) = self.untimed {
            let what = format!("line {line}: this event has no `time`, so nobody can tell when to play it");
            return Err(Failure::new(what, "write its time, or `fleetfold replay` the recording"));
        }
        let facts = self.exogenous();
        if facts.is_empty() {
            return Err(Failure::new("the day has no events to play: it may be cut off", "record or import it anew"));
        }
        Ok(facts)
    }

    /// The network of the day: its own, or straight lines.
    pub(crate) fn network(&self) -> Result<Arc<Network>, Failure> {
        let spec = match &self.header.network {
            Some(value) => network_from_json(value.clone()).map_err(|what| {
                Failure::new(format!("the day's network: {what}"), "import or generate the day anew")
            })?,
            None => line(self.space()),
        };
        build(&spec)
    }
}

/// Straight lines in a space.
fn line(space: Space) -> NetworkSpec {
    NetworkSpec::Line { space, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 }
}

pub(crate) fn build(spec: &NetworkSpec) -> Result<Arc<Network>, Failure> {
    Network::new(spec).map(Arc::new).map_err(|error| Failure::new(error.to_string(), "mend the network file"))
}

/// Reads a day file. Lines that are no legal events end it with their number and reason: a recording is not guessed at.
pub(crate) fn read(path: &Path) -> Result<Day, Failure> {
    let file = std::fs::File::open(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give the path of a day file"))?;
    let at_line = |what: String| Failure::new(format!("{}: {what}", path.display()), "mend or drop that line");
    let mut day = Day {
        header: DayHeader {
            fleetfold_day: 1,
            title: String::new(),
            network: None,
            exact_drivers: false,
            traffic: None,
            no_shows: Vec::new(),
            skipped: Vec::new(),
        },
        events: Vec::new(),
        entries: Vec::new(),
        untimed: None,
        footer: None,
    };
    let mut begun = false;
    for (index, text) in BufReader::new(file).lines().enumerate() {
        let text = text.map_err(|error| at_line(format!("line {}: {error}", index + 1)))?;
        if text.trim().is_empty() {
            continue;
        }
        if !begun && !text.contains("fleetfold_day") {
            return Err(Failure::new(
                format!("{}: line {} is not the first line of a day file", path.display(), index + 1),
                "give a file that `record`, `import` or `sim --day` wrote; it begins with {\"fleetfold_day\":1,...}",
            ));
        }
        begun = true;
        match read_day_line(index + 1, &text).map_err(|error| at_line(error.to_string()))? {
            DayLine::Header(header) => day.header = *header,
            DayLine::Footer { digest, facts_digest, applied } => day.footer = Some((digest, facts_digest, applied)),
            DayLine::Event { seq, logged_at, event } => {
                let bytes = serde_json::to_vec(&event).map_err(|error| at_line(error.to_string()))?;
                let decoded = decode(&bytes).map_err(|error| at_line(format!("line {}: {error}", index + 1)))?;
                let at: Option<jiff::Timestamp> = decoded.envelope.time.as_deref().and_then(|time| time.parse().ok());
                let What::Event(event) = decoded.what else { continue };
                let plan = matches!(event, Event::PlanProposed(_));
                if at.is_none() && event.is_exogenous() {
                    day.untimed.get_or_insert(index + 1);
                }
                let at = at.map_or(Timestamp(0), |at| Timestamp(at.as_millisecond()));
                if let (Some(seq), Some(logged_at)) = (seq, logged_at) {
                    let logged_at = logged_at
                        .parse::<jiff::Timestamp>()
                        .map_err(|error| at_line(format!("line {}: {error}", index + 1)))?;
                    let id = if plan { 0 } else { decoded.id };
                    day.entries.push(LogEntry {
                        seq: LogSeq(seq),
                        logged_at: Timestamp(logged_at.as_millisecond()),
                        id,
                        hash: decoded.hash,
                        event: event.clone(),
                    });
                }
                if !plan {
                    day.events.push((at, decoded.id, event));
                }
            }
        }
    }
    if !begun {
        return Err(Failure::new(
            format!("{}: the file is empty", path.display()),
            "record, import or generate the day anew",
        ));
    }
    Ok(day)
}

/// A network by its name: a routing server, or a file.
pub(crate) fn network_of(source: &str) -> Result<Arc<Network>, Failure> {
    match MatrixServer::parse(source) {
        Some(server) => Ok(Arc::new(Network::from_source(Arc::new(server?)))),
        None => network_file(Path::new(source)),
    }
}

/// A network by name of a file: a day file's own, or a network description.
fn network_file(path: &Path) -> Result<Arc<Network>, Failure> {
    let unreadable =
        |error: String| Failure::new(format!("{}: {error}", path.display()), "give a graph, network or day file");
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    if fleetfold_roads::is_graph_file(&bytes) {
        return crate::graph::streets(path, &bytes).map(|streets| Arc::new(Network::from_streets(streets)));
    }
    build(&network_in(path, bytes)?.1)
}

/// The network of a day file, or a network description, out of its bytes: as it stands there, and as it is meant.
pub(crate) fn network_in(path: &Path, bytes: Vec<u8>) -> Result<(serde_json::Value, NetworkSpec), Failure> {
    let unreadable =
        |error: String| Failure::new(format!("{}: {error}", path.display()), "give a graph, network or day file");
    let text = String::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    let first = text.lines().next().unwrap_or("");
    let value: serde_json::Value = serde_json::from_str(if first.contains("fleetfold_day") { first } else { &text })
        .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "give a network or day file"))?;
    let value = value.get("network").cloned().unwrap_or(value);
    let spec = network_from_json(value.clone())
        .map_err(|what| Failure::new(format!("{}: {what}", path.display()), "mend the network file"))?;
    Ok((value, spec))
}
