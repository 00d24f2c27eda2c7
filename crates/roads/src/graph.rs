//! Streets under one set of weights: places snapped to stretches of street, legs over the hierarchy.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use fleetfold_model::{Cell, Position, RoadTarget, Space};
use geo::{BoundingRect, Coord, Distance, Euclidean, Intersects, LineString, Polygon};
use rayon::prelude::*;
use rstar::{AABB, PointDistance, RTree, RTreeObject};

use crate::cch::{Cost, Hierarchy, Metric, NEVER, pack, unpack};
use crate::ids::{EdgeId, JunctionId, SegmentId};
use crate::label::{Label, Start};
use crate::line::crow;
use crate::network::{ActiveChange, Leg, Speeds, Street, UNREACHABLE_MILLIS, WeightChange};
use crate::streets::{Edge, Streets};
use crate::tables::Tables;

/// Pace between a place and the street it is served from, metres per second (brisk walk to slow drive; guess).
const ACCESS_METRES_PER_SECOND: f64 = 5.0;
/// A place further from every street than this is not on the map.
const SNAP_METRES_MAX: f64 = 20_000.0;
/// How much further than the nearest street an open one may be: 30 m, in 1e-7 degrees of latitude of 11.1 mm.
const CORNER_UNITS: f64 = 2_700.0;
/// A unit of the plane: 1e-7 degrees of latitude, on the mean sphere.
const METRES_A_UNIT: f64 = 0.011_119_5;
/// Parts of a segment's length: how far along it a place lies.
const WHOLE: u64 = 1 << 20;
/// Segments in one leaf of the tree.
const LEAF: u32 = 8;
/// Places whose labels are kept: 6 kB each on the map of a city.
const PLACES_KEPT: usize = 8_192;

/// What all weight versions share.
#[derive(Debug)]
struct Map {
    streets: Streets,
    hierarchy: Hierarchy,
    /// `along_first[s]..`: edges of a segment.
    segment_first: Vec<u32>,
    segment_edges: Vec<EdgeId>,
    tree: RTree<Leaf>,
    /// Length of a degree of longitude in degrees of latitude.
    shrink: f64,
    /// Segments by the id of their road: made when a road is first named.
    by_road: OnceLock<Vec<(u64, SegmentId)>>,
}

/// Some segments that lie close together.
#[derive(Clone, Debug)]
struct Leaf {
    first: u32,
    end: u32,
    low: [f64; 2],
    high: [f64; 2],
}

impl Leaf {
    fn segments(&self) -> impl Iterator<Item = SegmentId> + use<> {
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
    /// To the box: no segment in it is nearer.
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        self.envelope().distance_2(point)
    }
}

/// Where a place touches the streets.
#[derive(Clone, Copy, Debug)]
struct Snapped {
    segment: SegmentId,
    /// Of [`WHOLE`], along the segment's line.
    offset: u64,
    /// To the street, metres.
    access: f64,
    point: Position,
}

/// A place on the streets with what it knows of the hierarchy; nothing, where there is no street.
#[derive(Debug)]
pub(crate) struct Known {
    snapped: Option<Snapped>,
    label: Label,
}

/// Streets under one set of weights.
#[derive(Debug)]
pub(crate) struct Graph {
    map: Arc<Map>,
    weights: Vec<Cost>,
    /// At normal speed, without changes.
    normal: Arc<Vec<Cost>>,
    /// At the speeds of now, without changes.
    base: Arc<Vec<Cost>>,
    /// Edges whose weights are not those of `base`.
    changed: Vec<EdgeId>,
    metric: Metric,
    /// Labels of places under these weights: one climb serves all rows and columns of the place.
    known: Mutex<BTreeMap<Position, Arc<Known>>>,
    /// Tables of these places under these weights.
    tables: Tables,
}

impl Map {
    fn new(mut streets: Streets) -> Self {
        let topology = std::mem::replace(&mut streets.topology, crate::cch::Topology::empty());
        let shrink = (f64::from(streets.nodes[0].y) / 1e7).to_radians().cos().max(0.01);
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

    /// A place on a plane on which a unit is as long in every direction.
    fn on_plane(&self, place: Position) -> Coord<f64> {
        let [x, y] = flat(place, self.shrink);
        Coord { x, y }
    }

    /// Segments whose lines pass a test, among those in the box of an outline and so many units around it.
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

    fn by_road(&self) -> &[(u64, SegmentId)] {
        self.by_road.get_or_init(|| {
            let segments = &self.streets.segments[..self.streets.stretches()];
            let mut all: Vec<_> = SegmentId::first(segments.len()).map(|at| (segments[at].road, at)).collect();
            all.sort_unstable();
            all
        })
    }

    /// Squared distance from a point to a segment, the piece of its line and how far along that piece (0 to 1).
    fn nearest(&self, segment: SegmentId, point: [f64; 2]) -> (f64, usize, f64) {
        let mut best = (f64::INFINITY, 0, 0.0);
        for (piece, ends) in self.streets.line_of(segment).windows(2).enumerate() {
            let (a, b) = (flat(ends[0], self.shrink), flat(ends[1], self.shrink));
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let length = dx * dx + dy * dy;
            let (px, py) = (point[0] - a[0], point[1] - a[1]);
            let t = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
            let (ox, oy) = (px - t * dx, py - t * dy);
            let distance = ox * ox + oy * oy;
            if distance < best.0 {
                best = (distance, piece, t);
            }
        }
        best
    }
}

fn tree_of(streets: &Streets, shrink: f64) -> RTree<Leaf> {
    let stretches = streets.stretches() as u32;
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

impl Graph {
    pub(crate) fn new(streets: Streets) -> Self {
        let base: Vec<Cost> = streets.edges.iter().map(|edge| pack(edge.millis, edge.metres)).collect();
        let map = Map::new(streets);
        let metric = map.hierarchy.customise(&base);
        let known = Mutex::default();
        let weights = base.clone();
        let normal = Arc::new(base);
        let base = Arc::clone(&normal);
        Self {
            map: Arc::new(map),
            weights,
            normal,
            base,
            changed: Vec::new(),
            metric,
            known,
            tables: Tables::default(),
        }
    }

    /// The same streets with some closed or slowed.
    pub(crate) fn with_changes(&self, changes: &[ActiveChange]) -> Self {
        let map = &self.map;
        let mut weights = self.weights.clone();
        // Back to normal first; whatever is still in force comes again.
        for &edge in &self.changed {
            weights[edge] = self.base[edge];
        }
        let mut hit: Vec<EdgeId> = Vec::new();
        for change in changes {
            for edge in self.edges_of(&change.target) {
                hit.push(edge);
                let weight = &mut weights[edge];
                *weight = match change.time_percent {
                    None => NEVER,
                    Some(_) if *weight == NEVER => NEVER,
                    Some(percent) => slowed(*weight, percent),
                };
            }
        }
        hit.sort_unstable();
        hit.dedup();
        let mut differ: Vec<EdgeId> = self.changed.iter().chain(&hit).copied().collect();
        differ.sort_unstable();
        differ.dedup();
        differ.retain(|&edge| weights[edge] != self.weights[edge]);
        let metric = if differ.len() > weights.len() / FEW {
            map.hierarchy.customise(&weights)
        } else {
            let mut metric = self.metric.clone();
            map.hierarchy.update(&mut metric, &weights, &differ);
            metric
        };
        let (normal, base) = (Arc::clone(&self.normal), Arc::clone(&self.base));
        Self {
            map: Arc::clone(map),
            weights,
            normal,
            base,
            changed: hit,
            metric,
            known: Mutex::default(),
            tables: Tables::default(),
        }
    }

    /// The same streets at other speeds, all open.
    pub(crate) fn with_speeds(&self, speeds: &Speeds) -> Self {
        let streets = &self.map.streets;
        let factors: Vec<u32> = SegmentId::first(streets.stretches())
            .map(|segment| speeds.permille(streets.segments[segment].class, self.cell(segment)))
            .collect();
        let weight = |(edge, &normal): (&Edge, &Cost)| {
            let (millis, metres) = unpack(normal);
            let millis = millis * u64::from(factors[edge.segment]) / 1000;
            pack(millis.clamp(1, 1 << 27) as u32, metres as u32)
        };
        let base: Vec<Cost> = streets.edges.iter().zip(self.normal.iter()).map(weight).collect();
        let metric = self.map.hierarchy.customise(&base);
        let (map, normal) = (Arc::clone(&self.map), Arc::clone(&self.normal));
        let weights = base.clone();
        Self {
            map,
            weights,
            normal,
            base: Arc::new(base),
            changed: Vec::new(),
            metric,
            known: Mutex::default(),
            tables: Tables::default(),
        }
    }

    /// The square a segment lies in.
    fn cell(&self, segment: SegmentId) -> Cell {
        let line = self.map.streets.line_of(segment);
        Cell::of(Space::Geographic, line[line.len() / 2])
    }

    /// The same weights, customised anew.
    pub(crate) fn recustomised(&self) -> Self {
        Self {
            map: Arc::clone(&self.map),
            weights: self.weights.clone(),
            normal: Arc::clone(&self.normal),
            base: Arc::clone(&self.base),
            changed: self.changed.clone(),
            metric: self.map.hierarchy.customise(&self.weights),
            known: Mutex::default(),
            tables: Tables::default(),
        }
    }

    /// Edges that a change is about.
    pub(crate) fn edges_of(&self, target: &RoadTarget) -> Vec<EdgeId> {
        let map = &self.map;
        let segments: Vec<SegmentId> = match target {
            RoadTarget::Roads(roads) => {
                let all = map.by_road();
                let of = |road: u64| {
                    let begin = all.partition_point(|&(other, _)| other < road);
                    all[begin..].iter().take_while(move |&&(other, _)| other == road).map(|&(_, segment)| segment)
                };
                roads.iter().flat_map(|&road| of(road)).collect()
            }
            // Numbers of another graph file are nobody's.
            RoadTarget::Edges(edges) => {
                return edges
                    .iter()
                    .map(|&edge| EdgeId(edge))
                    .filter(|edge| (edge.0 as usize) < self.weights.len())
                    .collect();
            }
            RoadTarget::Area(ring) => {
                let ring: LineString<f64> = ring.iter().map(|&place| map.on_plane(place)).collect();
                let area = Polygon::new(ring, Vec::new());
                map.segments_near(area.exterior(), 0.0, |line| area.intersects(line))
            }
            RoadTarget::Line { places, metres } => {
                let way: LineString<f64> = places.iter().map(|&place| map.on_plane(place)).collect();
                let near = f64::from(*metres) / METRES_A_UNIT;
                map.segments_near(&way, near, |line| Euclidean.distance(&way, line) <= near)
            }
        };
        segments.into_iter().flat_map(|segment| self.edges_along(segment)).copied().collect()
    }

    /// Lines of the streets that a change is about.
    pub(crate) fn lines_of(&self, target: &RoadTarget) -> Vec<Vec<Position>> {
        let edges = self.edges_of(target);
        let segments: BTreeSet<SegmentId> =
            edges.into_iter().map(|edge| self.map.streets.edges[edge].segment).collect();
        segments.into_iter().map(|segment| self.map.streets.line_of(segment).to_vec()).collect()
    }

    /// The nearest stretch of street; `None` where there is none within [`SNAP_METRES_MAX`].
    fn snap(&self, place: Position) -> Option<Snapped> {
        let map = &self.map;
        let point = flat(place, map.shrink);
        let open = |segment: SegmentId| self.edges_along(segment).iter().any(|&edge| self.weights[edge] != NEVER);
        // At a corner, a street that is open beats one that is closed.
        let none = (f64::INFINITY, SegmentId::default());
        let (mut nearest, mut usable) = (none, none);
        for (leaf, distance) in map.tree.nearest_neighbor_iter_with_distance_2(&point) {
            if distance > nearest.0 && (usable.0 == nearest.0 || distance > usable.0.min(corner(nearest.0))) {
                break;
            }
            for segment in leaf.segments() {
                let distance = map.nearest(segment, point).0;
                if distance < nearest.0 {
                    nearest = (distance, segment);
                }
                if distance < usable.0 && open(segment) {
                    usable = (distance, segment);
                }
            }
        }
        let segment = if usable.0 <= corner(nearest.0) { usable.1 } else { nearest.1 };
        let (_, piece, t) = map.nearest(segment, point);
        let line = map.streets.line_of(segment);
        let (lengths, whole) = self.lengths(line);
        let before: f64 = lengths[..piece].iter().sum::<f64>() + lengths.get(piece).map_or(0.0, |length| length * t);
        let offset = if whole > 0.0 { (before / whole * WHOLE as f64) as u64 } else { 0 };
        let between = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * t) as i32;
        let (a, b) = (line[piece], line[(piece + 1).min(line.len() - 1)]);
        let touch = Position { x: between(a.x, b.x), y: between(a.y, b.y) };
        let access = crow(Space::Geographic, place, touch);
        (access <= SNAP_METRES_MAX).then_some(Snapped { segment, offset: offset.min(WHOLE), access, point: touch })
    }

    /// Lengths of the pieces of a line and of the whole, in any unit: only shares of them are used.
    fn lengths(&self, line: &[Position]) -> (Vec<f64>, f64) {
        let length = |ends: &[Position]| {
            let (a, b) = (flat(ends[0], self.map.shrink), flat(ends[1], self.map.shrink));
            (a[0] - b[0]).hypot(a[1] - b[1])
        };
        let lengths: Vec<f64> = line.windows(2).map(length).collect();
        let whole = lengths.iter().sum();
        (lengths, whole)
    }

    fn edges_along(&self, segment: SegmentId) -> &[EdgeId] {
        let map = &self.map;
        let range = map.segment_first[segment] as usize..map.segment_first[segment.0 as usize + 1] as usize;
        &map.segment_edges[range]
    }

    /// Junctions at the ends of a place's street, with what it costs to get there and back.
    fn starts(&self, at: &Snapped) -> Vec<Start> {
        let mut starts: Vec<Start> = Vec::with_capacity(2);
        let mut start =
            |node: JunctionId, to: Cost, from: Cost| match starts.iter_mut().find(|start| start.node == node) {
                Some(start) => (start.to, start.from) = (start.to.min(to), start.from.min(from)),
                None => starts.push(Start { node, to, from }),
            };
        for &index in self.edges_along(at.segment) {
            let edge = &self.map.streets.edges[index];
            let driven = if edge.along { at.offset } else { WHOLE - at.offset };
            start(edge.to, share(self.leaving_weight(index), WHOLE - driven), NEVER);
            start(edge.from, NEVER, share(self.weights[index], driven));
        }
        starts
    }

    /// A vehicle on a street that was closed around it may leave it; nobody may enter.
    fn leaving_weight(&self, edge: EdgeId) -> Cost {
        let weight = self.weights[edge];
        if weight == NEVER { self.base[edge] } else { weight }
    }

    /// Along one stretch of street, if it may be driven in that direction.
    fn straight(&self, a: &Snapped, b: &Snapped) -> Cost {
        if a.segment != b.segment {
            return NEVER;
        }
        let along = b.offset >= a.offset;
        self.edges_along(a.segment)
            .iter()
            .filter(|&&index| self.map.streets.edges[index].along == along || a.offset == b.offset)
            .map(|&index| share(self.weights[index], a.offset.abs_diff(b.offset)))
            .fold(NEVER, f64::min)
    }

    /// Snaps and climbs; places that are known already are looked up.
    pub(crate) fn know(&self, places: &[Position]) -> Vec<Arc<Known>> {
        let mut found: Vec<Option<Arc<Known>>> = {
            let known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            places.iter().map(|place| known.get(place).cloned()).collect()
        };
        let new: Vec<usize> = (0..places.len()).filter(|&at| found[at].is_none()).collect();
        if !new.is_empty() {
            let learn = |&at: &usize| {
                let snapped = self.snap(places[at]);
                let starts = snapped.as_ref().map(|snapped| self.starts(snapped)).unwrap_or_default();
                Arc::new(Known { snapped, label: self.map.hierarchy.label(&self.metric, &starts) })
            };
            let learned: Vec<Arc<Known>> = if new.len() < 8 {
                new.iter().map(learn).collect()
            } else {
                new.par_iter().with_min_len(8).map(learn).collect()
            };
            let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if known.len() + new.len() > PLACES_KEPT {
                // Vehicles never stand where they stood: what is still needed comes again.
                known.clear();
            }
            for (at, learned) in new.into_iter().zip(learned) {
                if known.len() < PLACES_KEPT {
                    known.insert(places[at], Arc::clone(&learned));
                }
                found[at] = Some(learned);
            }
        }
        found.into_iter().flatten().collect()
    }

    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let known = self.know(&[a, b]);
        self.finish(&known[0], &known[1], self.map.hierarchy.cost(&known[0].label, &known[1].label))
    }

    /// Row by row, in parallel, collected in order. What a table of before knows is taken from it.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        self.tables.legs(places, |rows, columns| self.block(places, rows, columns))
    }

    /// Legs from one of the places to all, when they are known.
    pub(crate) fn row(&self, places: &[Position], known: &[Arc<Known>], from: usize) -> Vec<Leg> {
        let (place, start) = (places[from], &known[from]);
        let leg = |(&to, end): (&Position, &Arc<Known>)| {
            if place == to {
                Leg::default()
            } else {
                self.finish(start, end, self.map.hierarchy.cost(&start.label, &end.label))
            }
        };
        places.iter().zip(known).map(leg).collect()
    }

    /// Legs from some of the places to others.
    fn block(&self, places: &[Position], rows: &[usize], columns: &[usize]) -> Vec<Leg> {
        let at = |numbers: &[usize]| self.know(&numbers.iter().map(|&number| places[number]).collect::<Vec<_>>());
        let (from, to) = if rows == columns {
            let known = at(rows);
            (known.clone(), known)
        } else {
            (at(rows), at(columns))
        };
        let table = self.map.hierarchy.table(
            &from.iter().map(|known| &known.label).collect::<Vec<&Label>>(),
            &to.iter().map(|known| &known.label).collect::<Vec<&Label>>(),
        );
        let width = columns.len();
        table
            .into_par_iter()
            .with_min_len(4096)
            .enumerate()
            .map(|(cell, over)| {
                let (a, b) = (cell / width, cell % width);
                if places[rows[a]] == places[columns[b]] { Leg::default() } else { self.finish(&from[a], &to[b], over) }
            })
            .collect()
    }

    /// Between two junctions, nothing kept: what routing engines call a query.
    pub(crate) fn between_junctions(&self, from: JunctionId, to: JunctionId) -> Leg {
        leg_of(self.map.hierarchy.query(&self.metric, from, to), 0.0)
    }

    /// The same with its edges.
    pub(crate) fn edges_between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Vec<EdgeId>> {
        let start = |node| [Start { node, to: 0.0, from: 0.0 }];
        self.map.hierarchy.way(&self.metric, &start(from), &start(to)).map(|(_, edges)| edges)
    }

    fn finish(&self, a: &Known, b: &Known, over: Cost) -> Leg {
        let (Some(a), Some(b)) = (&a.snapped, &b.snapped) else { return leg_of(NEVER, 0.0) };
        let cost = if a.segment == b.segment { over.min(self.straight(a, b)) } else { over };
        leg_of(cost, a.access + b.access)
    }

    /// Edges that take longer or less long than in another state of the same streets.
    pub(crate) fn changed_since(&self, before: &Self) -> WeightChange {
        let mut change = WeightChange::default();
        let all = || EdgeId::first(self.weights.len());
        // Only what a change touches can differ, unless the speeds themselves are others.
        let candidates: Vec<EdgeId> = if Arc::ptr_eq(&self.base, &before.base) {
            self.changed.iter().chain(&before.changed).copied().collect::<BTreeSet<EdgeId>>().into_iter().collect()
        } else {
            all().collect()
        };
        for edge in candidates {
            let (now, then) = (self.weights[edge], before.weights[edge]);
            if now > then {
                change.slower.push(edge);
            } else if now < then {
                change.quicker.push(edge);
            }
        }
        if change.quicker.len() > self.weights.len() / FEW {
            // A box for each would be a box around everything.
            let (low, high) = self.map.streets.bounds();
            change.quicker_boxes.push((low, high));
        } else {
            let segments: BTreeSet<SegmentId> =
                change.quicker.iter().map(|&edge| self.map.streets.edges[edge].segment).collect();
            change.quicker_boxes.extend(segments.into_iter().map(|segment| {
                let line = self.map.streets.line_of(segment);
                let (x, y) = (line.iter().map(|place| place.x), line.iter().map(|place| place.y));
                let corner = |x: Option<i32>, y: Option<i32>| Position { x: x.unwrap_or(0), y: y.unwrap_or(0) };
                (corner(x.clone().min(), y.clone().min()), corner(x.max(), y.max()))
            }));
        }
        change
    }

    pub(crate) fn streets(&self) -> Vec<Street> {
        let streets = &self.map.streets;
        SegmentId::first(streets.segments.len() - 1)
            .filter(|&segment| !self.edges_along(segment).is_empty())
            .flat_map(|segment| {
                let about = streets.segments[segment];
                let edges = self.edges_along(segment);
                let along = streets.edges[edges[0]].along;
                let oneway = edges.iter().all(|&edge| streets.edges[edge].along == along);
                let closed = edges.iter().all(|&edge| self.weights[edge] == NEVER);
                let name = streets.names.get(about.name as usize).cloned().unwrap_or_default();
                let line = streets.line_of(segment);
                line.windows(2)
                    .map(move |ends| {
                        let (from, to) = if along { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
                        Street { from, to, class: about.class, name: name.clone(), road: about.road, oneway, closed }
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    pub(crate) fn arcs(&self) -> usize {
        self.map.hierarchy.top.arcs()
    }

    pub(crate) fn data(&self) -> &Streets {
        &self.map.streets
    }
}

/// Changes of more than one edge in so many are customised whole.
const FEW: usize = 100;

/// A part of an edge's weight.
fn share(weight: Cost, part: u64) -> Cost {
    if weight == NEVER {
        return NEVER;
    }
    let (millis, metres) = unpack(weight);
    pack((millis * part / WHOLE) as u32, (metres * part / WHOLE) as u32)
}

/// An edge's weight in a jam; a day and a half at most.
fn slowed(weight: Cost, percent: u32) -> Cost {
    let (millis, metres) = unpack(weight);
    pack((millis * u64::from(percent.max(1)) / 100).clamp(1, 1 << 27) as u32, metres as u32)
}

/// Squared distance up to which a street counts as being at the same corner.
fn corner(distance: f64) -> f64 {
    (distance.sqrt() + CORNER_UNITS).powi(2)
}

fn leg_of(cost: Cost, access: f64) -> Leg {
    let (millis, metres) = if cost < NEVER { unpack(cost) } else { (u64::MAX, 0) };
    if millis >= UNREACHABLE_MILLIS as u64 {
        return Leg { millis: UNREACHABLE_MILLIS, metres: 0 };
    }
    let millis = millis + (access / ACCESS_METRES_PER_SECOND * 1000.0) as u64;
    Leg {
        millis: millis.min(UNREACHABLE_MILLIS as u64 - 1) as i32,
        metres: (metres + access as u64).min(i32::MAX as u64) as i32,
    }
}

fn flat(place: Position, shrink: f64) -> [f64; 2] {
    [f64::from(place.x) * shrink, f64::from(place.y)]
}

mod ways;

#[cfg(test)]
mod tests;
