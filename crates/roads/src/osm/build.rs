//! From ways to a street network: junctions, segments between them, turn restrictions.

use std::collections::BTreeMap;

use fleetfold_model::{Position, Space};

use super::profile::{Profile, Use};
use super::restrict::restrict;
use super::{Item, OsmError, Restriction, Wanted, Way, read};
use crate::ids::{JunctionId, SegmentId};
use crate::line::crow;
use crate::streets::{Dropped, Edge, Segment, Streets};

/// What became of an extract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Ways with a `highway` tag, and those the profile may use.
    pub ways: usize,
    /// See `ways`.
    pub used: usize,
    /// References to nodes that the extract does not hold: the way is cut there.
    pub missing_nodes: usize,
    /// Turn restrictions that are kept.
    pub restrictions: usize,
    /// Turn restrictions that are not: of other vehicles, or naming ways that are not used or do not meet.
    pub restrictions_left_out: usize,
    /// Junctions and edges outside the largest part.
    pub dropped: Dropped,
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub doing: &'static str,
    /// Bytes read so far. Extracts are read twice: ways come after the places that they need.
    pub read: u64,
    /// Bytes to read in all.
    pub of: u64,
}

/// Builds the streets of an extract (`.osm.pbf`, `.osm`, `.osm.gz`) for one kind of vehicle.
///
/// `progress` is told how far it is, for whoever waits: many times while bytes are read, once for every step after.
///
/// # Errors
///
/// Bytes that are no extract, a damaged one, or one without streets.
pub fn build(
    bytes: &[u8],
    profile: Profile,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<(Streets, Report), OsmError> {
    let mut report = Report::default();
    let mut ways: Vec<(Way, Use)> = Vec::new();
    let mut restrictions: Vec<Restriction> = Vec::new();
    let size = bytes.len() as u64;
    let mut tell = |doing, read| progress(Progress { doing, read, of: 2 * size });
    let mut first = |read| tell("reading ways and turn restrictions", read as u64);
    read(bytes, Wanted::WaysAndRestrictions, &mut first, &mut |item| match item {
        Item::Way(way) => {
            report.ways += 1;
            if let Some(how) = profile.of(&way.tags) {
                ways.push((way, how));
            }
        }
        Item::Restriction(restriction) => restrictions.push(restriction),
        Item::Node { .. } => {}
    })?;
    report.used = ways.len();
    if ways.is_empty() {
        return Err(OsmError::NoStreets);
    }
    let mut wanted: Vec<i64> = ways.iter().flat_map(|(way, _)| way.nodes.iter().copied()).collect();
    wanted.sort_unstable();
    // A node that is met twice, or ends a way, is a junction.
    let mut ids: Vec<i64> = Vec::new();
    let mut meets: Vec<bool> = Vec::new();
    for &id in &wanted {
        if ids.last() == Some(&id) {
            if let Some(last) = meets.last_mut() {
                *last = true;
            }
        } else {
            ids.push(id);
            meets.push(false);
        }
    }
    let index = |id: i64| ids.binary_search(&id).ok();
    let mut places: Vec<Option<Position>> = vec![None; ids.len()];
    let mut second = |read| tell("reading places", size + read as u64);
    read(bytes, Wanted::Nodes, &mut second, &mut |item| {
        if let Item::Node { id, x, y } = item
            && let Some(at) = index(id)
        {
            places[at] = Some(Position { x, y });
        }
    })?;
    tell("joining streets", 2 * size);
    for via in restrictions.iter().flat_map(|restriction| &restriction.via_nodes) {
        if let Some(at) = index(*via) {
            meets[at] = true;
        }
    }
    let mut network = Raw {
        ids: Vec::new(),
        nodes: Vec::new(),
        segments: Vec::new(),
        points: Vec::new(),
        edges: Vec::new(),
        names: Vec::new(),
    };
    let mut junction_of: Vec<Option<JunctionId>> = vec![None; ids.len()];
    let mut name_of: BTreeMap<String, u32> = BTreeMap::new();
    for (way, how) in &ways {
        let name = way.tags.get("name").or_else(|| way.tags.get("ref")).map_or(u32::MAX, |name| {
            *name_of.entry(name.to_owned()).or_insert_with(|| {
                network.names.push(name.to_owned());
                network.names.len() as u32 - 1
            })
        });
        // Pieces without holes.
        let known: Vec<Option<usize>> =
            way.nodes.iter().map(|&id| index(id).filter(|&at| places[at].is_some())).collect();
        report.missing_nodes += known.iter().filter(|at| at.is_none()).count();
        for piece in known.split(Option::is_none) {
            let piece: Vec<usize> = piece.iter().flatten().copied().collect();
            let mut begin = 0;
            for at in 1..piece.len() {
                if meets[piece[at]] || at + 1 == piece.len() {
                    network.stretch(way, how, name, &piece[begin..=at], &ids, &places, &mut junction_of);
                    begin = at;
                }
            }
        }
    }
    restrict(&mut network, &restrictions, profile, &mut report);
    tell("ordering junctions", 2 * size);
    let Raw { nodes, segments, points, edges, names, .. } = network;
    let (streets, dropped) = Streets::assemble(&nodes, edges, &with_end(segments, points.len()), &points, names)
        .map_err(|_| OsmError::NoStreets)?;
    report.dropped = dropped;
    Ok((streets, report))
}

fn with_end(mut segments: Vec<Segment>, points: usize) -> Vec<Segment> {
    segments.push(Segment { road: 0, name: u32::MAX, class: 2, points: points as u32 });
    segments
}

/// A network on its way.
pub(super) struct Raw {
    /// OpenStreetMap's id of every junction.
    pub(super) ids: Vec<i64>,
    pub(super) nodes: Vec<Position>,
    pub(super) segments: Vec<Segment>,
    pub(super) points: Vec<Position>,
    pub(super) edges: Vec<Edge>,
    pub(super) names: Vec<String>,
}

impl Raw {
    #[expect(clippy::too_many_arguments, reason = "one call, and every argument is a column of the same table")]
    fn stretch(
        &mut self,
        way: &Way,
        how: &Use,
        name: u32,
        nodes: &[usize],
        ids: &[i64],
        places: &[Option<Position>],
        junction_of: &mut [Option<JunctionId>],
    ) {
        let mut junction = |at: usize| {
            *junction_of[at].get_or_insert_with(|| {
                self.nodes.push(places[at].unwrap_or_default());
                self.ids.push(ids[at]);
                JunctionId::at(self.nodes.len() - 1)
            })
        };
        let (from, to) = (junction(nodes[0]), junction(nodes[nodes.len() - 1]));
        let line: Vec<Position> = nodes.iter().filter_map(|&at| places[at]).collect();
        let metres: f64 = line.windows(2).map(|ends| crow(Space::Geographic, ends[0], ends[1])).sum();
        let segment = SegmentId::at(self.segments.len());
        self.segments.push(Segment { road: way.id as u64, name, class: how.class, points: self.points.len() as u32 });
        self.points.extend(line);
        for (speed, from, to, along) in [(how.forward, from, to, true), (how.backward, to, from, false)] {
            let Some(kmh) = speed else { continue };
            let millis = ((metres / (kmh / 3.6) * 1000.0).round() as u32).max(1);
            self.edges.push(Edge { from, to, millis, metres: metres.round() as u32, segment, along });
        }
    }
}
