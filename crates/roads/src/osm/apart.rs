//! Streets without a connection to the others: an island, or what lies behind a bridge that is too weak for the vehicle.
//!
//! Nobody drives on them, but they stay on the map, because a place beside one must not be served from a street across the water.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::Position;
use geo::{Coord, Distance, Euclidean, Line};
use petgraph::unionfind::UnionFind;
use rstar::primitives::{GeomWithData, Line as Piece};
use rstar::{AABB, RTree};

use super::raw::Raw;
use crate::ids::{JunctionId, SegmentId};
use crate::streets::{Edge, Stopping};

/// Streets without a connection are taken for an error of the map if they are shorter than this in all, such as a driveway whose last
/// point is not joined to its street. It is less than the streets of a small island are long (guess).
pub(super) const APART_METRES: u64 = 100;
/// Streets without a connection are taken for an error of the map if they come nearer than this to another street on which one may
/// stop. Water and railways keep streets further apart (guess).
pub(super) const GAP_METRES: f64 = 30.0;
/// The same in units of 1e-7 degrees of latitude on the mean sphere.
const GAP_UNITS: f64 = GAP_METRES / 0.011_119_5;
/// A piece of a line that is longer, in 1e-7 degrees of longitude, crosses the antimeridian.
const HALF_ROUND: f64 = 1.8e9;

/// The connected parts of a street network, whatever the directions in which its streets are driven.
pub(super) struct Connected {
    /// The part of each stretch of street; `None` if no edge drives along it.
    part_of: Vec<Option<u32>>,
    /// How long the streets of each part are, by its number.
    metres: Vec<u64>,
    /// Parts that something forbidden to the vehicle touches: it is the reason why they have no connection.
    cut_off: BTreeSet<u32>,
}

impl Connected {
    /// Private streets, tracks and private gates connect: a delivery to what lies behind them stops in front.
    pub(super) fn new(network: &Raw) -> Self {
        let mut sets = UnionFind::<u32>::new(network.junctions.len());
        for edge in &network.edges {
            sets.union(edge.from.0, edge.to.0);
        }
        let mut first: BTreeMap<u32, JunctionId> = BTreeMap::new();
        for &(private, junction) in &network.private {
            sets.union(first.entry(private).or_insert(junction).0, junction.0);
        }
        let mut metres = vec![0; network.junctions.len()];
        let mut part_of = vec![None; network.segments.len()];
        for edge in &network.edges {
            let part = sets.find_mut(edge.from.0);
            if part_of[edge.segment.0 as usize].replace(part).is_none() {
                metres[part as usize] += u64::from(edge.metres);
            }
        }
        let cut_off = network.forbidden.iter().map(|junction| sets.find_mut(junction.0)).collect();
        Self { part_of, metres, cut_off }
    }

    /// The stretches of street without a connection to the edges that are `kept`, except those that are taken for errors of the map.
    pub(super) fn apart(&self, kept: &[Edge], network: &Raw) -> Vec<SegmentId> {
        let main = kept.first().and_then(|edge| self.part_of[edge.segment]);
        let long = |part: u32| Some(part) != main && self.metres[part as usize] >= APART_METRES;
        let found: Vec<(SegmentId, u32)> = SegmentId::first(self.part_of.len())
            .filter_map(|segment| Some((segment, self.part_of[segment]?)).filter(|&(_, part)| long(part)))
            .collect();
        if found.is_empty() {
            return Vec::new();
        }
        let joinable = found.iter().filter(|(_, part)| !self.cut_off.contains(part));
        let near = beside(joinable.copied(), kept, network);
        found.into_iter().filter(|(_, part)| !near.contains(part)).map(|(segment, _)| segment).collect()
    }
}

/// The parts of which a stretch comes near to one that is driven.
fn beside(stretches: impl Iterator<Item = (SegmentId, u32)>, kept: &[Edge], network: &Raw) -> BTreeSet<u32> {
    // Longitudes are shortened by one cosine for the whole extract, as on the map.
    let shrink = (f64::from(network.junctions[0].y) / 1e7).to_radians().cos().max(0.01);
    let pieces = |segment: SegmentId| {
        let flat = move |place: Position| Coord { x: f64::from(place.x) * shrink, y: f64::from(place.y) };
        let lines = network.line_of(segment).windows(2).map(move |ends| Line::new(flat(ends[0]), flat(ends[1])));
        lines.filter(move |line| line.dx().abs() < HALF_ROUND * shrink)
    };
    let corner = |at: Coord<f64>| [at.x, at.y];
    let around = |lines: &[Line<f64>]| {
        let ends = || lines.iter().flat_map(|line| [line.start, line.end]);
        let low = ends().fold([f64::INFINITY; 2], |low, at| [low[0].min(at.x), low[1].min(at.y)]);
        let high = ends().fold([f64::NEG_INFINITY; 2], |high, at| [high[0].max(at.x), high[1].max(at.y)]);
        AABB::from_corners(low.map(|at| at - GAP_UNITS), high.map(|at| at + GAP_UNITS))
    };
    let indexed = stretches.flat_map(|(segment, part)| {
        pieces(segment)
            .map(move |line| GeomWithData::new(Piece::new(corner(line.start), corner(line.end)), part))
            .collect::<Vec<_>>()
    });
    let tree = RTree::bulk_load(indexed.collect());
    let mut near = BTreeSet::new();
    let mut last = None;
    let mut lines: Vec<Line<f64>> = Vec::new();
    for edge in kept {
        // The other direction of a stretch mostly follows the first.
        let again = last.replace(edge.segment) == Some(edge.segment);
        if again || network.segments[edge.segment].stopping != Stopping::Allowed {
            continue;
        }
        lines.clear();
        lines.extend(pieces(edge.segment));
        for other in tree.locate_in_envelope_intersecting(&around(&lines)) {
            let Piece { from, to } = *other.geom();
            let other_line = Line::new(from, to);
            if lines.iter().any(|line| Euclidean.distance(line, &other_line) < GAP_UNITS) {
                near.insert(other.data);
            }
        }
    }
    near
}
