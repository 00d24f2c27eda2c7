//! From places to streets: the stretch of street that a place is served from, and what it costs to get on and off it.

use fleetfold_model::{Position, Space};

use super::map::{HALF_ROUND, Map};
use crate::cch::{Cost, NEVER, pack, unpack};
use crate::ids::{EdgeId, JunctionId, SegmentId};
use crate::label::Start;
use crate::line::crow;
use crate::street::OffStreet;
use crate::streets::Stopping;

/// An open street is preferred to one that is closed, or apart from the others, and nearer by at most this much: 30 m, in units of the
/// plane of 11.1 mm.
const CORNER_UNITS: f64 = 2_700.0;
/// A street on which a vehicle may stop is preferred to a motorway, a ramp, a bridge or a tunnel that is nearer by at most this
/// much: 150 m, the width of a junction of motorways (guess).
const NO_STOPPING_UNITS: f64 = 13_490.0;
/// A place this near to the middle of a motorway, a ramp or a bridge is on it, because it is where a vehicle is: 4 m, half the
/// width of a carriageway.
const ON_THE_ROAD_UNITS: f64 = 360.0;
/// Parts into which a segment's length is divided to say how far along it a place lies.
pub(super) const WHOLE: u64 = 1 << 20;

/// Where a place touches the streets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapped {
    pub(super) segment: SegmentId,
    /// Parts of [`WHOLE`] from the beginning of the segment's line.
    pub(super) offset: u64,
    /// Metres between the place and the street.
    pub(super) access: f64,
    /// The point of the street that is nearest to the place.
    pub(super) point: Position,
}

/// The weights of all edges that decide where places touch the streets and what leaving costs.
#[derive(Clone, Copy)]
pub(super) struct Weights<'w> {
    /// With the changes that are in force.
    pub(super) now: &'w [Cost],
    /// Without changes.
    pub(super) base: &'w [Cost],
}

impl Weights<'_> {
    /// What it costs to leave a place along an edge: as without changes if the edge is closed. A vehicle on a street that
    /// was closed around it may leave the street; nobody may enter it.
    #[inline]
    pub(super) fn leaving(&self, edge: EdgeId) -> Cost {
        let weight = self.now[edge];
        if weight == NEVER { self.base[edge] } else { weight }
    }
}

impl Map {
    /// The stretch of street that serves a place.
    ///
    /// The nearest one serves it, except that an open one is preferred to a closed one or one that is apart from the others, and one on
    /// which a vehicle may stop to one on which it may not, up to a distance.
    ///
    /// # Errors
    ///
    /// The streets are too far away, or the one that would serve the place is apart from the others.
    pub(super) fn snap(&self, weights: Weights<'_>, place: Position) -> Result<Snapped, OffStreet> {
        let limit = self.streets.snap_metres;
        let near = |at: &Snapped| at.access <= f64::from(limit);
        let preferred = self.touch(weights, place, true);
        // What is preferred may be too far where something else is near enough.
        let at = if near(&preferred) { preferred } else { self.touch(weights, place, false) };
        if !near(&at) {
            return Err(OffStreet::Far { metres: preferred.access, limit });
        }
        if self.edges_along(at.segment).is_empty() {
            return Err(OffStreet::Apart { street: self.streets.name_of(at.segment).to_owned(), metres: at.access });
        }
        Ok(at)
    }

    /// The stretch of street that serves a place, however far away it is; `prefer` an open one on which a vehicle may stop.
    pub(super) fn touch(&self, weights: Weights<'_>, place: Position, prefer: bool) -> Snapped {
        let open = |segment: SegmentId| self.edges_along(segment).iter().any(|&edge| weights.now[edge] != NEVER);
        // How much further a stretch seems to be, in units of the plane, at a squared distance.
        let worse = |segment: SegmentId, distance_2: f64| {
            let stopping = match self.streets.segments[segment].stopping {
                Stopping::Allowed => 0.0,
                Stopping::Through if distance_2 <= ON_THE_ROAD_UNITS * ON_THE_ROAD_UNITS => 0.0,
                Stopping::Through | Stopping::Under => NO_STOPPING_UNITS,
            };
            if open(segment) { stopping } else { stopping + CORNER_UNITS }
        };
        let mut best = (f64::INFINITY, SegmentId::default(), self.flat(place));
        for point in self.images(place) {
            for (leaf, distance_2) in self.tree.nearest_neighbor_iter_with_distance_2(&point) {
                if distance_2 > best.0 {
                    break;
                }
                for segment in leaf.segments() {
                    let mut distance_2 = self.nearest(segment, point).distance_2;
                    if distance_2 >= best.0 {
                        continue;
                    }
                    let worse = if prefer { worse(segment, distance_2) } else { 0.0 };
                    if worse > 0.0 {
                        distance_2 = (distance_2.sqrt() + worse).powi(2);
                    }
                    if distance_2 < best.0 {
                        best = (distance_2, segment, point);
                    }
                }
            }
        }
        let (_, segment, point) = best;
        let touch = self.nearest(segment, point);
        let (piece, along) = (touch.piece, touch.along);
        let line = self.streets.line_of(segment);
        let (lengths, whole) = self.lengths(line);
        let before: f64 =
            lengths[..piece].iter().sum::<f64>() + lengths.get(piece).map_or(0.0, |length| length * along);
        let offset = if whole > 0.0 { (before / whole * WHOLE as f64) as u64 } else { 0 };
        let between = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * along) as i32;
        let (a, b) = (line[piece], line[(piece + 1).min(line.len() - 1)]);
        let x = if a.x.abs_diff(b.x) > HALF_ROUND { antimeridian(a.x, b.x, along) } else { between(a.x, b.x) };
        let point = Position { x, y: between(a.y, b.y) };
        let access = crow(Space::Geographic, place, point);
        Snapped { segment, offset: offset.min(WHOLE), access, point }
    }

    /// Junctions at the ends of a place's street, with what it costs to get there and back.
    pub(super) fn starts(&self, weights: Weights<'_>, at: &Snapped) -> Vec<Start> {
        let mut starts: Vec<Start> = Vec::with_capacity(2);
        let mut start =
            |node: JunctionId, to: Cost, from: Cost| match starts.iter_mut().find(|start| start.node == node) {
                Some(start) => (start.to, start.from) = (start.to.min(to), start.from.min(from)),
                None => starts.push(Start { node, to, from }),
            };
        for &index in self.edges_along(at.segment) {
            let edge = &self.streets.edges[index];
            let driven = if edge.along { at.offset } else { WHOLE - at.offset };
            start(edge.to, share(weights.leaving(index), WHOLE - driven), NEVER);
            start(edge.from, NEVER, share(weights.now[index], driven));
        }
        starts
    }

    /// The cost between two places of one stretch of street without leaving it; [`NEVER`] if it may not be driven in that
    /// direction, or if the places are on two stretches.
    pub(super) fn straight(&self, weights: Weights<'_>, a: &Snapped, b: &Snapped) -> Cost {
        if a.segment != b.segment {
            return NEVER;
        }
        let along = b.offset >= a.offset;
        self.edges_along(a.segment)
            .iter()
            .filter(|&&index| self.streets.edges[index].along == along || a.offset == b.offset)
            .map(|&index| share(weights.now[index], a.offset.abs_diff(b.offset)))
            .fold(NEVER, f64::min)
    }
}

/// The weight of so many parts of an edge; the whole edge has [`WHOLE`].
pub(super) fn share(weight: Cost, parts: u64) -> Cost {
    if weight == NEVER {
        return NEVER;
    }
    let (millis, metres) = unpack(weight);
    pack((millis * parts / WHOLE) as u32, (metres * parts / WHOLE) as u32)
}

/// A longitude between two others that lie on both sides of the antimeridian, at a part of the way from the first.
fn antimeridian(a: i32, b: i32, along: f64) -> i32 {
    let round = i64::from(HALF_ROUND) * 2;
    let b = i64::from(b) + if a > b { round } else { -round };
    let x = (f64::from(a) + (b - i64::from(a)) as f64 * along) as i64;
    let half = i64::from(HALF_ROUND);
    (if x > half {
        x - round
    } else if x < -half {
        x + round
    } else {
        x
    }) as i32
}
