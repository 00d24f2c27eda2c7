//! Recorded days on disk: reading them whole, and the network they bring.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::{ZoneName, base};
use fleetfold_model::{Event, FORMAT, LogEntry, LogSeq, Name, NetworkSpec, Space, Timestamp};
use fleetfold_roads::Network;
use fleetfold_wire::{
    DAY_HEADER_BYTES_MAX, DAY_LINE_BYTES_MAX, DayFooter, DayHeader, DayLine, What, decode, network_from_json,
    read_day_line,
};

use crate::failure::Failure;
use crate::matrix_server::MatrixServer;

/// A day read from a file.
pub(crate) struct Day {
    /// Its first line.
    pub(crate) header: DayHeader,
    /// What producers reported, in the order of the file: zone time, id hash, event. The engine's own events are left out.
    pub(crate) events: Vec<(Timestamp, u64, Event)>,
    /// The entries of the log that it was recorded from, in the order of the log; none if it was written otherwise.
    pub(crate) entries: Vec<LogEntry>,
    /// What the fleet was after the last entry, if it was recorded and the recording is whole.
    pub(crate) footer: Option<DayFooter>,
    /// How many lines the file has.
    pub(crate) lines: usize,
}

impl Day {
    /// The world's own events in order of zone time: what a what-if replay keeps.
    pub(crate) fn exogenous(&self) -> Vec<(Timestamp, u64, Event)> {
        let mut facts: Vec<_> = self.events.iter().filter(|(_, _, event)| event.is_exogenous()).cloned().collect();
        facts.sort_by_key(|&(at, ..)| at);
        facts
    }

    /// What the recording begins with: a base where older entries had expired, else nothing.
    pub(crate) fn beginning(&self) -> Result<(Fleet, Tally), Failure> {
        let Some(document) = &self.header.base else { return Ok((Fleet::new(), Tally::default())) };
        let text = |field: &str| document.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
        let bad = |what: String| Failure::new(format!("the base in the first line: {what}"), "record the day anew");
        let zone = ZoneName::new(text("tenant"), text("zone"))
            .ok_or_else(|| bad("it does not name its tenant and zone".to_owned()))?;
        base::read(document.to_string().as_bytes(), &zone).map_err(|error| bad(error.to_string()))
    }

    /// A recording is whole when it ends with its footer.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub(crate) fn is_whole(&self, path: &Path) -> Result<(), Failure> {
        if self.footer.is_some() || self.entries.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            format!("{}: cut short: it ends at line {} without its footer", path.display(), self.lines),
            "record the day anew with `fleetfold record`",
        ))
    }

    /// True when a recording does not end in the digest that its footer says. A footer of another format cannot be compared.
    ///
    /// # Errors
    ///
    /// When the base that it begins with cannot be read.
    pub(crate) fn was_changed(&self) -> Result<bool, Failure> {
        let Some(footer) = self.footer.as_ref().filter(|footer| footer.format == FORMAT) else { return Ok(false) };
        let (mut fleet, _) = self.beginning()?;
        for entry in &self.entries {
            fleet.apply(entry);
        }
        Ok(footer.digest != format!("{:016x}", fleet.digest()))
    }

    /// What simulated drivers can play: the day's own events, if there are any.
    pub(crate) fn playable(&self) -> Result<Vec<(Timestamp, u64, Event)>, Failure> {
        let facts = self.exogenous();
        if facts.is_empty() {
            return Err(Failure::new("the day has no events to play: it may be cut off", "record or import it anew"));
        }
        Ok(facts)
    }

    /// What the world, drivers and dispatchers reported.
    pub(crate) fn reported(&self) -> Result<Vec<(Timestamp, u64, Event)>, Failure> {
        let says_what_was_driven = |(_, _, event): &(Timestamp, u64, Event)| {
            matches!(
                event,
                Event::StopDeparted(_) | Event::StopArrived(_) | Event::StopCompleted(_) | Event::StopFailed(..)
            )
        };
        if !self.events.iter().any(says_what_was_driven) {
            return Err(Failure::new(
                "the day has no reports of drivers about stops, so there is nothing that they did",
                "give a recording of a day that was driven (`fleetfold record`), or leave --loop open out: drivers are simulated then",
            ));
        }
        let mut facts = self.events.clone();
        facts.sort_by_key(|&(at, ..)| at);
        Ok(facts)
    }

    pub(crate) fn no_shows(&self) -> Vec<Name> {
        self.header.no_shows.iter().filter_map(|name| Name::new(name)).collect()
    }

    pub(crate) fn space(&self) -> Space {
        let opened = self
            .events
            .iter()
            .find_map(|(_, _, event)| if let Event::ZoneOpened(zone) = event { Some(zone.space) } else { None });
        opened.unwrap_or_default()
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

/// Reads a day file. A line that is no legal event ends it with its number and reason: a recording is not guessed at.
pub(crate) fn read(path: &Path) -> Result<Day, Failure> {
    let open =
        |error: std::io::Error| Failure::new(format!("{}: {error}", path.display()), "give the path of a day file");
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(open)?);
    let mut day =
        Day { header: DayHeader::new(String::new()), events: Vec::new(), entries: Vec::new(), footer: None, lines: 0 };
    let mut seen = Seen::Nothing;
    while let Some(text) = next_line(&mut reader, day.lines)
        .map_err(|what| Failure::new(format!("{}: {what}", path.display()), "give the path of a day file"))?
    {
        day.lines += 1;
        if !text.trim().is_empty() {
            day.take(&text, &mut seen).map_err(|what| {
                Failure::new(format!("{}: {what}", path.display()), "mend or drop that line, or record the day anew")
            })?;
        }
    }
    if seen == Seen::Nothing {
        let what = format!("{}: the file is empty after {} lines", path.display(), day.lines);
        return Err(Failure::new(what, "give the path of a day file"));
    }
    Ok(day)
}

/// The messages of some entries of a recording, with the log time of each.
pub(crate) fn messages(path: &Path, seqs: &[u64]) -> Result<BTreeMap<u64, (i64, String)>, Failure> {
    let wrong = |what: String| Failure::new(format!("{}: {what}", path.display()), "give the path of a day file");
    let mut reader = BufReader::new(std::fs::File::open(path).map_err(|error| wrong(error.to_string()))?);
    let (mut found, mut number) = (BTreeMap::new(), 0);
    while found.len() < seqs.len()
        && let Some(text) = next_line(&mut reader, number).map_err(wrong)?
    {
        number += 1;
        if text.trim().is_empty() {
            continue;
        }
        let line = read_day_line(number, &text).map_err(|error| wrong(error.to_string()))?;
        if let DayLine::Recorded { seq, logged_at, message } = line
            && seqs.contains(&seq)
        {
            let at = logged_at.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_millisecond);
            found.insert(seq, (at, message));
        }
    }
    Ok(found)
}

/// What of a day file was read so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Header,
    Events,
    Footer,
}

/// The next line of a file without its line break; `None` at the end. `before` is the number of lines read before.
fn next_line(reader: &mut impl BufRead, before: usize) -> Result<Option<String>, String> {
    let number = before + 1;
    let most = if number == 1 { DAY_HEADER_BYTES_MAX } else { DAY_LINE_BYTES_MAX };
    let mut line = Vec::new();
    let read = reader.by_ref().take(most as u64 + 1).read_until(b'\n', &mut line);
    if read.map_err(|error| format!("line {number}: {error}"))? == 0 {
        return Ok(None);
    }
    if line.len() > most {
        return Err(format!("line {number}: longer than {most} bytes, the most that a line of a day file has"));
    }
    let text = String::from_utf8(line).map_err(|error| format!("line {number}: not text: {error}"))?;
    Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned()))
}

impl Day {
    /// Takes in the text of the line with the number `self.lines`.
    fn take(&mut self, text: &str, seen: &mut Seen) -> Result<(), String> {
        let number = self.lines;
        let fail = |what: &str| Err(format!("line {number}: {what}"));
        let line = read_day_line(number, text).map_err(|error| error.to_string())?;
        if *seen == Seen::Footer {
            return fail("it stands behind the footer, which is the last line of a recording");
        }
        let (stamp, message) = match line {
            DayLine::Header(header) => {
                if *seen != Seen::Nothing {
                    return fail("a second header: these are two days in one file");
                }
                (self.header, *seen) = (*header, Seen::Header);
                return Ok(());
            }
            DayLine::Footer(footer) => {
                (self.footer, *seen) = (Some(footer), Seen::Footer);
                return Ok(());
            }
            DayLine::Event { message } => (None, message),
            DayLine::Recorded { seq, logged_at, message } => {
                let at = logged_at
                    .parse::<jiff::Timestamp>()
                    .map_err(|error| format!("line {number}: `logged_at`: {error}"))?;
                if self.entries.last().is_some_and(|last| last.seq.0 >= seq) {
                    return fail(&format!("entry {seq} does not follow the one before"));
                }
                (Some((LogSeq(seq), Timestamp(at.as_millisecond()))), message)
            }
        };
        *seen = Seen::Events;
        if stamp.is_some_and(|(seq, _)| self.header.skipped.contains(&seq.0)) {
            return Ok(());
        }
        let decoded = decode(message.as_bytes()).map_err(|error| format!("line {number}: {error}"))?;
        let What::Event(event) = decoded.what else { return Ok(()) };
        let own = event.own_epoch().is_some();
        if let Some((seq, logged_at)) = stamp {
            let id = if own { 0 } else { decoded.id };
            self.entries.push(LogEntry {
                numbered: decoded.numbered,
                seq,
                logged_at,
                id,
                time: Some(decoded.at),
                hash: decoded.hash,
                event: event.clone(),
            });
        }
        if !own {
            self.events.push((decoded.at, decoded.id, event));
        }
        Ok(())
    }
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
