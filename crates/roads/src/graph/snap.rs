//! From places to streets: the stretch of street that a place is served from, and what it costs to get on and off it.

use fleetfold_model::{Position, Space};

use super::map::Map;
use crate::cch::{Cost, NEVER, pack, unpack};
use crate::ids::{EdgeId, JunctionId, SegmentId};
use crate::label::Start;
use crate::line::crow;

/// A place further from every street than this, in metres, is not on the map.
const SNAP_METRES_MAX: f64 = 20_000.0;
/// An open street is preferred to a closed one that is nearer by at most this much: 30 m, in units of the plane of 11.1 mm.
const CORNER_UNITS: f64 = 2_700.0;
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
    /// The nearest stretch of street, or an open one about as near if the nearest is closed. `None` where there is no street
    /// within [`SNAP_METRES_MAX`].
    pub(super) fn snap(&self, weights: Weights<'_>, place: Position) -> Option<Snapped> {
        let point = self.flat(place);
        let open = |segment: SegmentId| self.edges_along(segment).iter().any(|&edge| weights.now[edge] != NEVER);
        let none = (f64::INFINITY, SegmentId::default());
        let (mut nearest, mut usable) = (none, none);
        for (leaf, distance) in self.tree.nearest_neighbor_iter_with_distance_2(&point) {
            if distance > nearest.0 && (usable.0 == nearest.0 || distance > usable.0.min(corner(nearest.0))) {
                break;
            }
            for segment in leaf.segments() {
                let distance = self.nearest(segment, point).distance_2;
                if distance < nearest.0 {
                    nearest = (distance, segment);
                }
                if distance < usable.0 && open(segment) {
                    usable = (distance, segment);
                }
            }
        }
        let segment = if usable.0 <= corner(nearest.0) { usable.1 } else { nearest.1 };
        let touch = self.nearest(segment, point);
        let (piece, along) = (touch.piece, touch.along);
        let line = self.streets.line_of(segment);
        let (lengths, whole) = self.lengths(line);
        let before: f64 =
            lengths[..piece].iter().sum::<f64>() + lengths.get(piece).map_or(0.0, |length| length * along);
        let offset = if whole > 0.0 { (before / whole * WHOLE as f64) as u64 } else { 0 };
        let between = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * along) as i32;
        let (a, b) = (line[piece], line[(piece + 1).min(line.len() - 1)]);
        let point = Position { x: between(a.x, b.x), y: between(a.y, b.y) };
        let access = crow(Space::Geographic, place, point);
        (access <= SNAP_METRES_MAX).then_some(Snapped { segment, offset: offset.min(WHOLE), access, point })
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

/// Squared distance up to which a street counts as being at the same corner as one at a squared distance.
fn corner(distance_2: f64) -> f64 {
    (distance_2.sqrt() + CORNER_UNITS).powi(2)
}
