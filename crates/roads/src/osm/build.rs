//! From ways to a street network: junctions, segments between them, turn restrictions.

use std::collections::BTreeMap;

use fleetfold_model::Position;

use super::error::OsmError;
use super::item::{Item, Restriction, Wanted, Way};
use super::profile::{Profile, Use};
use super::raw::Raw;
use super::read::read;
use super::report::{Progress, Report};
use super::restrict::restrict;
use crate::ids::JunctionId;
use crate::streets::{Segment, Streets};

/// Builds the streets of an extract (`.osm.pbf`, `.osm`, `.osm.gz`) for one kind of vehicle.
///
/// `progress` is told how far the build has come: many times while bytes are read, and once for each step after that.
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
    // A point that is met twice, or ends a way, is a junction.
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
        junctions: Vec::new(),
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
        // Pieces in which every point is known.
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
    let Raw { junctions, segments, points, edges, names, .. } = network;
    let (streets, dropped) = Streets::assemble(&junctions, edges, &with_end(segments, points.len()), &points, names)
        .map_err(|_| OsmError::NoStreets)?;
    report.dropped = dropped;
    Ok((streets, report))
}

/// Segments with a last one that only says where the points end.
fn with_end(mut segments: Vec<Segment>, points: usize) -> Vec<Segment> {
    segments.push(Segment { road: 0, name: u32::MAX, class: 2, points: points as u32 });
    segments
}
