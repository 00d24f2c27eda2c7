//! What all states of one street network share: its geometry, the index over it and the hierarchy.
//!
//! Distances on the map are measured on a plane whose unit is 1e-7 degrees of latitude in both directions: longitudes are
//! shortened by the cosine of the latitude of one junction, which is exact enough within one town or country.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use fleetfold_model::{Cell, Position, RoadTarget, Space};
use geo::{BoundingRect, Coord, Distance, Euclidean, Intersects, LineString, Polygon};
use rstar::{AABB, PointDistance, RTree, RTreeObject};

use crate::cch::{Hierarchy, Topology};
use crate::ids::{EdgeId, SegmentId};
use crate::streets::{Edge, Streets};

/// Length of a unit of the plane in metres: 1e-7 degrees of latitude on the mean sphere.
const METRES_A_UNIT: f64 = 0.011_119_5;
/// Half a turn around the globe, in 1e-7 degrees of longitude.
pub(super) const HALF_ROUND: u32 = 1_800_000_000;
/// A place this near to the antimeridian, in 1e-7 degrees, may be served from its other side: half a degree.
const BESIDE_UNITS: u32 = 5_000_000;
/// Segments in one leaf of the tree.
const LEAF: u32 = 8;

/// What all states of one street network share.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) streets: Streets,
    pub(super) hierarchy: Hierarchy,
    /// `segment_first[s]..segment_first[s + 1]`: where the edges of segment s are in `segment_edges`.
    segment_first: Vec<u32>,
    segment_edges: Vec<EdgeId>,
    pub(super) tree: RTree<Leaf>,
    /// Length of a degree of longitude in degrees of latitude.
    pub(super) shrink: f64,
    /// Segments by the id of their road. It is made when an event first names a road.
    by_road: OnceLock<Vec<(u64, SegmentId)>>,
}

/// Some segments that lie close together, with the box around them.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    first: u32,
    end: u32,
    low: [f64; 2],
    high: [f64; 2],
}

impl Leaf {
    /// The segments of the leaf.
    pub(super) fn segments(&self) -> impl Iterator<Item = SegmentId> + use<> {
        (self.first..self.end).map(SegmentId)
    }
}

impl RTreeObject for Leaf {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners(self.low, self.high)
    }
}

impl PointDistance for Leaf {
    /// Squared distance to the box: no segment in it is nearer.
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        self.envelope().distance_2(point)
    }
}

/// A point, a piece of a line, and how far apart they are.
pub(super) struct Nearest {
    /// Squared distance, in squared units of the plane.
    pub(super) distance_2: f64,
    /// The piece of the line that is nearest: it begins in the point of this index.
    pub(super) piece: usize,
    /// How far along that piece the nearest point lies, 0 to 1.
    pub(super) along: f64,
}

impl Map {
    /// Derives the hierarchy and the index from the streets.
    pub(super) fn new(mut streets: Streets) -> Self {
        let topology = std::mem::replace(&mut streets.topology, Topology::empty());
        let shrink = (f64::from(streets.junctions[0].y) / 1e7).to_radians().cos().max(0.01);
        let (hierarchy, tree) = rayon::join(|| Hierarchy::new(topology), || tree_of(&streets, shrink));
        let mut segment_first = vec![0u32; streets.segments.len() + 1];
        for edge in &streets.edges {
            segment_first[edge.segment.0 as usize + 1] += 1;
        }
        for segment in 0..streets.segments.len() {
            segment_first[segment + 1] += segment_first[segment];
        }
        let mut fill = segment_first.clone();
        let mut segment_edges = vec![EdgeId::default(); streets.edges.len()];
        for (index, edge) in streets.edges.iter().enumerate() {
            segment_edges[fill[edge.segment] as usize] = EdgeId::at(index);
            fill[edge.segment] += 1;
        }
        Self { streets, hierarchy, segment_first, segment_edges, tree, shrink, by_road: OnceLock::new() }
    }

    /// A place as a point of the plane.
    #[inline]
    pub(super) fn flat(&self, place: Position) -> [f64; 2] {
        flat(place, self.shrink)
    }

    /// A place as points of the plane: twice near the antimeridian, because it is near the streets of both sides.
    pub(super) fn images(&self, place: Position) -> impl Iterator<Item = [f64; 2]> + use<> {
        let here = self.flat(place);
        let round = 2.0 * f64::from(HALF_ROUND) * self.shrink;
        let beside = place.x.unsigned_abs() > HALF_ROUND - BESIDE_UNITS;
        let there = [here[0] - round.copysign(here[0]), here[1]];
        std::iter::once(here).chain(beside.then_some(there))
    }

    /// A place as a point of the plane, in the type of the geometry library.
    fn on_plane(&self, place: Position) -> Coord<f64> {
        let [x, y] = self.flat(place);
        Coord { x, y }
    }

    /// The edges of a segment: one for each direction in which it may be driven, and more where turn restrictions made
    /// copies of a junction.
    #[inline]
    pub(super) fn edges_along(&self, segment: SegmentId) -> &[EdgeId] {
        let range = self.segment_first[segment] as usize..self.segment_first[segment.0 as usize + 1] as usize;
        &self.segment_edges[range]
    }

    /// An edge, and the other edges that are the same stretch of street in the same direction.
    fn copies(&self, edge: EdgeId) -> impl Iterator<Item = EdgeId> {
        let &Edge { segment, along, .. } = &self.streets.edges[edge];
        self.edges_along(segment).iter().copied().filter(move |&other| self.streets.edges[other].along == along)
    }

    /// The square of the map in which the middle of a segment lies.
    pub(super) fn cell(&self, segment: SegmentId) -> Cell {
        let line = self.streets.line_of(segment);
        Cell::of(Space::Geographic, line[line.len() / 2])
    }

    /// Edges that a change of the roads is about.
    pub(super) fn edges_named(&self, target: &RoadTarget) -> Vec<EdgeId> {
        let segments: Vec<SegmentId> = match target {
            RoadTarget::Roads(roads) => {
                let all = self.by_road();
                let of = |road: u64| {
                    let begin = all.partition_point(|&(other, _)| other < road);
                    all[begin..].iter().take_while(move |&&(other, _)| other == road).map(|&(_, segment)| segment)
                };
                roads.iter().flat_map(|&road| of(road)).collect()
            }
            RoadTarget::Edges(edges) => {
                // An event may have been written for another graph file: an edge that is not here means nothing.
                let known = |edge: &EdgeId| (edge.0 as usize) < self.streets.edges.len();
                let named = edges.iter().map(|&edge| EdgeId(edge)).filter(known);
                // Copies of a junction have copies of its edges: one is closed with the others.
                return named.flat_map(|edge| self.copies(edge)).collect();
            }
            RoadTarget::Area(ring) => {
                let ring: LineString<f64> = ring.iter().map(|&place| self.on_plane(place)).collect();
                let area = Polygon::new(ring, Vec::new());
                self.segments_near(area.exterior(), 0.0, |line| area.intersects(line))
            }
            RoadTarget::Line { places, metres } => {
                let way: LineString<f64> = places.iter().map(|&place| self.on_plane(place)).collect();
                let near = f64::from(*metres) / METRES_A_UNIT;
                self.segments_near(&way, near, |line| Euclidean.distance(&way, line) <= near)
            }
        };
        segments.into_iter().flat_map(|segment| self.edges_along(segment)).copied().collect()
    }

    /// The ids of roads before and behind one, of those that there are.
    pub(super) fn roads_like(&self, road: u64) -> Vec<u64> {
        let all = self.by_road();
        let behind = all.partition_point(|&(other, _)| other < road);
        let before = all[..behind].last().map(|&(other, _)| other);
        before.into_iter().chain(all.get(behind).map(|&(other, _)| other)).collect()
    }

    /// Lines of the streets that a change of the roads is about, each segment once.
    pub(super) fn lines_of(&self, target: &RoadTarget) -> Vec<Vec<Position>> {
        let edges = self.edges_named(target);
        let segments: BTreeSet<SegmentId> = edges.into_iter().map(|edge| self.streets.edges[edge].segment).collect();
        segments.into_iter().map(|segment| self.streets.line_of(segment).to_vec()).collect()
    }

    /// Segments whose lines pass a test, among those that may lie within so many units of the box around an outline.
    fn segments_near(
        &self,
        outline: &LineString<f64>,
        units: f64,
        test: impl Fn(&LineString<f64>) -> bool,
    ) -> Vec<SegmentId> {
        let Some(reach) = outline.bounding_rect() else { return Vec::new() };
        let (low, high) = (reach.min(), reach.max());
        let reach = AABB::from_corners([low.x - units, low.y - units], [high.x + units, high.y + units]);
        let near = self.tree.locate_in_envelope_intersecting(&reach);
        near.flat_map(Leaf::segments)
            .filter(|&segment| test(&self.streets.line_of(segment).iter().map(|&place| self.on_plane(place)).collect()))
            .collect()
    }

    /// Segments by the id of their road, sorted.
    fn by_road(&self) -> &[(u64, SegmentId)] {
        self.by_road.get_or_init(|| {
            let segments = &self.streets.segments[..self.streets.all_stretches()];
            let mut all: Vec<_> = SegmentId::first(segments.len()).map(|at| (segments[at].road, at)).collect();
            all.sort_unstable();
            all
        })
    }

    /// The point of a segment's line that is nearest to a point of the plane.
    #[inline]
    pub(super) fn nearest(&self, segment: SegmentId, point: [f64; 2]) -> Nearest {
        let mut best = Nearest { distance_2: f64::INFINITY, piece: 0, along: 0.0 };
        for (piece, ends) in self.streets.line_of(segment).windows(2).enumerate() {
            let (mut a, mut b) = (flat(ends[0], self.shrink), flat(ends[1], self.shrink));
            if ends[0].x.abs_diff(ends[1].x) > HALF_ROUND {
                // The piece crosses the antimeridian: both ends are taken on the side of the point.
                let round = 2.0 * f64::from(HALF_ROUND) * self.shrink;
                for end in [&mut a, &mut b] {
                    end[0] += ((point[0] - end[0]) / round).round() * round;
                }
            }
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let length = dx * dx + dy * dy;
            let (px, py) = (point[0] - a[0], point[1] - a[1]);
            let t = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
            let (ox, oy) = (px - t * dx, py - t * dy);
            let distance_2 = ox * ox + oy * oy;
            if distance_2 < best.distance_2 {
                best = Nearest { distance_2, piece, along: t };
            }
        }
        best
    }

    /// Lengths of the pieces of a line and of the whole, in units of the plane.
    pub(super) fn lengths(&self, line: &[Position]) -> (Vec<f64>, f64) {
        let length = |ends: &[Position]| {
            let (a, b) = (self.flat(ends[0]), self.flat(ends[1]));
            let wide = (a[0] - b[0]).abs();
            let wide = if ends[0].x.abs_diff(ends[1].x) > HALF_ROUND {
                2.0 * f64::from(HALF_ROUND) * self.shrink - wide
            } else {
                wide
            };
            wide.hypot(a[1] - b[1])
        };
        let lengths: Vec<f64> = line.windows(2).map(length).collect();
        let whole = lengths.iter().sum();
        (lengths, whole)
    }
}

/// The index: leaves of neighbouring segments. Segments are in the order of a curve through the map, so that segments with
/// neighbouring numbers lie close together.
fn tree_of(streets: &Streets, shrink: f64) -> RTree<Leaf> {
    let stretches = streets.all_stretches() as u32;
    let leaves = (0..stretches).step_by(LEAF as usize).map(|first| {
        let end = (first + LEAF).min(stretches);
        let begin = streets.segments[first as usize].points as usize;
        let points = &streets.points[begin..streets.segments[end as usize].points as usize];
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for &point in points {
            let point = flat(point, shrink);
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        Leaf { first, end, low, high }
    });
    RTree::bulk_load(leaves.collect())
}

#[inline]
fn flat(place: Position, shrink: f64) -> [f64; 2] {
    [f64::from(place.x) * shrink, f64::from(place.y)]
}
