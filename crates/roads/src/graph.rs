//! Streets under one set of weights: places snapped to stretches of street, legs over the hierarchy.

use std::sync::Arc;

use fleetfold_model::{Position, RoadTarget, Space};
use geo::{Contains, Intersects, LineString, Polygon};
use rayon::prelude::*;
use rstar::{AABB, PointDistance, RTree, RTreeObject};

use crate::cch::{Hierarchy, Label, Metric, NEVER, pack, unpack};
use crate::line::{crow, degrees};
use crate::network::{ActiveChange, Leg, Street, UNREACHABLE_MILLIS};
use crate::streets::Streets;

/// Pace between a place and the street it is served from, metres per second (brisk walk to slow drive; guess).
const ACCESS_METRES_PER_SECOND: f64 = 5.0;
/// A place further from every street than this is not on the map.
const SNAP_METRES_MAX: f64 = 20_000.0;
/// How much further than the nearest street an open one may be: 30 m, in 1e-7 degrees of latitude of 11.1 mm.
const CORNER_UNITS: f64 = 2_700.0;
/// Parts of a segment's length: how far along it a place lies.
const WHOLE: u64 = 1 << 20;

/// What all weight versions share.
#[derive(Debug)]
struct Map {
    streets: Streets,
    hierarchy: Hierarchy,
    /// `along_first[s]..`: edges of a segment.
    segment_first: Vec<u32>,
    segment_edges: Vec<u32>,
    tree: RTree<Stretch>,
    /// Length of a degree of longitude in degrees of latitude.
    shrink: f64,
}

/// A segment in the tree of all segments.
#[derive(Clone, Debug)]
struct Stretch {
    segment: u32,
    line: Vec<[f64; 2]>,
}

impl RTreeObject for Stretch {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_points(&self.line)
    }
}

impl PointDistance for Stretch {
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        self.nearest(point).0
    }
}

impl Stretch {
    /// Squared distance to the line, the piece of it and how far along that piece (0 to 1).
    fn nearest(&self, point: &[f64; 2]) -> (f64, usize, f64) {
        let mut best = (f64::INFINITY, 0, 0.0);
        for (piece, ends) in self.line.windows(2).enumerate() {
            let (dx, dy) = (ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
            let length = dx * dx + dy * dy;
            let (px, py) = (point[0] - ends[0][0], point[1] - ends[0][1]);
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

/// Where a place touches the streets.
#[derive(Clone, Copy, Debug)]
struct Snapped {
    segment: u32,
    /// Of [`WHOLE`], along the segment's line.
    offset: u64,
    /// To the street, metres.
    access: f64,
    point: Position,
}

/// Streets under one set of weights.
#[derive(Debug)]
pub(crate) struct Graph {
    map: Arc<Map>,
    weights: Vec<u64>,
    metric: Metric,
}

impl Graph {
    pub(crate) fn new(streets: Streets) -> Self {
        let ends: Vec<(u32, u32)> = streets.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let hierarchy = Hierarchy::new(&streets.ranks, streets.part.clone(), &ends);
        let shrink = (f64::from(streets.nodes[0].y) / 1e7).to_radians().cos().max(0.01);
        let mut segment_first = vec![0u32; streets.segments.len() + 1];
        for edge in &streets.edges {
            segment_first[edge.segment as usize + 1] += 1;
        }
        for segment in 0..streets.segments.len() {
            segment_first[segment + 1] += segment_first[segment];
        }
        let mut fill = segment_first.clone();
        let mut segment_edges = vec![0; streets.edges.len()];
        for (index, edge) in streets.edges.iter().enumerate() {
            segment_edges[fill[edge.segment as usize] as usize] = index as u32;
            fill[edge.segment as usize] += 1;
        }
        let stretches = (0..streets.segments.len() as u32 - 1)
            .filter(|&segment| segment_first[segment as usize] < segment_first[segment as usize + 1])
            .map(|segment| Stretch {
                segment,
                line: streets.line_of(segment).iter().map(|&place| flat(place, shrink)).collect(),
            })
            .collect();
        let weights: Vec<u64> = streets.edges.iter().map(|edge| pack(edge.millis, edge.metres)).collect();
        let metric = hierarchy.customise(&weights);
        let tree = RTree::bulk_load(stretches);
        Self { map: Arc::new(Map { streets, hierarchy, segment_first, segment_edges, tree, shrink }), weights, metric }
    }

    /// The same streets with some closed or slowed.
    pub(crate) fn with_changes(&self, changes: &[ActiveChange]) -> Self {
        let map = &self.map;
        let mut weights: Vec<u64> = map.streets.edges.iter().map(|edge| pack(edge.millis, edge.metres)).collect();
        for change in changes {
            for edge in self.edges_of(&change.target) {
                let weight = &mut weights[edge];
                *weight = match change.time_percent {
                    None => NEVER,
                    Some(_) if *weight == NEVER => NEVER,
                    Some(percent) => {
                        let (millis, metres) = unpack(*weight);
                        let millis = (millis * u64::from(percent.max(1)) / 100).min(u64::from(u32::MAX)) as u32;
                        pack(millis.max(1), metres as u32)
                    }
                };
            }
        }
        let changed: Vec<u32> =
            (0..weights.len() as u32).filter(|&edge| weights[edge as usize] != self.weights[edge as usize]).collect();
        let metric = if changed.len() > weights.len() / FEW {
            map.hierarchy.customise(&weights)
        } else {
            let mut metric = self.metric.clone();
            map.hierarchy.update(&mut metric, &weights, &changed);
            metric
        };
        Self { map: Arc::clone(map), weights, metric }
    }

    fn edges_of(&self, target: &RoadTarget) -> Vec<usize> {
        let streets = &self.map.streets;
        let hit: Vec<bool> = match target {
            RoadTarget::Roads(roads) => streets.segments.iter().map(|segment| roads.contains(&segment.road)).collect(),
            RoadTarget::Area(ring) => {
                let mut hit = vec![false; streets.segments.len()];
                let flats: Vec<[f64; 2]> = ring.iter().map(|&place| flat(place, self.map.shrink)).collect();
                let ring: LineString<f64> = ring.iter().map(|&place| degrees(place)).collect();
                let area = Polygon::new(ring, Vec::new());
                for stretch in self.map.tree.locate_in_envelope_intersecting(&AABB::from_points(&flats)) {
                    let line: LineString<f64> =
                        streets.line_of(stretch.segment).iter().map(|&place| degrees(place)).collect();
                    hit[stretch.segment as usize] = area.intersects(&line) || area.contains(&line);
                }
                hit
            }
        };
        (0..streets.edges.len()).filter(|&edge| hit[streets.edges[edge].segment as usize]).collect()
    }

    /// The nearest stretch of street; `None` where there is none within [`SNAP_METRES_MAX`].
    fn snap(&self, place: Position) -> Option<Snapped> {
        let map = &self.map;
        let point = flat(place, map.shrink);
        let mut near = map.tree.nearest_neighbor_iter_with_distance_2(&point);
        let (nearest, distance) = near.next()?;
        let open = |stretch: &Stretch| {
            self.edges_along(stretch.segment).iter().any(|&edge| self.weights[edge as usize] != NEVER)
        };
        // At a corner, a street that is open beats one that is closed.
        let reach = (distance.sqrt() + CORNER_UNITS).powi(2);
        let other = || near.take_while(|&(_, other)| other <= reach).map(|(stretch, _)| stretch).find(|it| open(it));
        let stretch = if open(nearest) { nearest } else { other().unwrap_or(nearest) };
        let (_, piece, t) = stretch.nearest(&point);
        let line = map.streets.line_of(stretch.segment);
        let lengths: Vec<f64> = line.windows(2).map(|ends| crow(Space::Geographic, ends[0], ends[1])).collect();
        let whole: f64 = lengths.iter().sum();
        let before: f64 = lengths[..piece].iter().sum::<f64>() + lengths.get(piece).map_or(0.0, |length| length * t);
        let offset = if whole > 0.0 { (before / whole * WHOLE as f64) as u64 } else { 0 };
        let between = |a: i32, b: i32| (f64::from(a) + (f64::from(b) - f64::from(a)) * t) as i32;
        let (a, b) = (line[piece], line[(piece + 1).min(line.len() - 1)]);
        let touch = Position { x: between(a.x, b.x), y: between(a.y, b.y) };
        let access = crow(Space::Geographic, place, touch);
        (access <= SNAP_METRES_MAX).then_some(Snapped {
            segment: stretch.segment,
            offset: offset.min(WHOLE),
            access,
            point: touch,
        })
    }

    fn edges_along(&self, segment: u32) -> &[u32] {
        let map = &self.map;
        let range = map.segment_first[segment as usize] as usize..map.segment_first[segment as usize + 1] as usize;
        &map.segment_edges[range]
    }

    /// Junctions that are met first on the way from a place, with what it costs to get there.
    fn departures(&self, at: &Snapped) -> Vec<(u32, u64)> {
        let edges = &self.map.streets.edges;
        self.edges_along(at.segment)
            .iter()
            .filter_map(|&index| {
                let edge = &edges[index as usize];
                let left = if edge.along { WHOLE - at.offset } else { at.offset };
                share(self.leaving_weight(index), left).map(|cost| (edge.to, cost))
            })
            .collect()
    }

    /// A vehicle on a street that was closed around it may leave it; nobody may enter.
    fn leaving_weight(&self, edge: u32) -> u64 {
        let weight = self.weights[edge as usize];
        let plain = &self.map.streets.edges[edge as usize];
        if weight == NEVER { pack(plain.millis, plain.metres) } else { weight }
    }

    /// Junctions from which a place is reached, with what it costs from there.
    fn arrivals(&self, at: &Snapped) -> Vec<(u32, u64)> {
        let edges = &self.map.streets.edges;
        self.edges_along(at.segment)
            .iter()
            .filter_map(|&index| {
                let edge = &edges[index as usize];
                let driven = if edge.along { at.offset } else { WHOLE - at.offset };
                share(self.weights[index as usize], driven).map(|cost| (edge.from, cost))
            })
            .collect()
    }

    /// Along one stretch of street, if it may be driven in that direction.
    fn straight(&self, a: &Snapped, b: &Snapped) -> Option<u64> {
        if a.segment != b.segment {
            return None;
        }
        let along = b.offset >= a.offset;
        self.edges_along(a.segment)
            .iter()
            .filter(|&&index| self.map.streets.edges[index as usize].along == along || a.offset == b.offset)
            .filter_map(|&index| share(self.weights[index as usize], a.offset.abs_diff(b.offset)))
            .min()
    }

    fn labels(&self, places: &[Option<Snapped>], downwards: bool) -> Vec<Label> {
        places
            .par_iter()
            .with_min_len(16)
            .map_init(Vec::new, |scratch, place| {
                let Some(place) = place else { return Label::new() };
                let starts = if downwards { self.arrivals(place) } else { self.departures(place) };
                self.map.hierarchy.label(&self.metric, &starts, downwards, scratch)
            })
            .collect()
    }

    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let places = [self.snap(a), self.snap(b)];
        let (from, to) = (self.labels(&places[..1], false), self.labels(&places[1..], true));
        let over = Hierarchy::meet(&from[0], &to[0]).map_or(NEVER, |(_, cost)| cost);
        self.finish(places[0].as_ref(), places[1].as_ref(), over)
    }

    /// Row by row, in parallel, collected in order.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        let snapped: Vec<Option<Snapped>> = places.par_iter().with_min_len(32).map(|&place| self.snap(place)).collect();
        let (from, to) = (self.labels(&snapped, false), self.labels(&snapped, true));
        let table = self.map.hierarchy.table(&from, &to);
        let n = places.len();
        table
            .into_par_iter()
            .with_min_len(1024)
            .enumerate()
            .map(|(cell, over)| {
                let (a, b) = (cell / n, cell % n);
                if places[a] == places[b] {
                    Leg::default()
                } else {
                    self.finish(snapped[a].as_ref(), snapped[b].as_ref(), over)
                }
            })
            .collect()
    }

    fn finish(&self, a: Option<&Snapped>, b: Option<&Snapped>, over: u64) -> Leg {
        let (Some(a), Some(b)) = (a, b) else { return Leg { millis: UNREACHABLE_MILLIS, metres: 0 } };
        let cost = self.straight(a, b).map_or(over, |straight| straight.min(over));
        if cost >= NEVER {
            return Leg { millis: UNREACHABLE_MILLIS, metres: 0 };
        }
        let (millis, metres) = unpack(cost);
        let access = a.access + b.access;
        let millis = millis + (access / ACCESS_METRES_PER_SECOND * 1000.0) as u64;
        Leg {
            millis: millis.min(UNREACHABLE_MILLIS as u64 - 1) as i32,
            metres: (metres + access as u64).min(i32::MAX as u64) as i32,
        }
    }

    /// The way between two places: edges in full, and whether it stays on one stretch. `None` where there is no way.
    fn way(&self, a: &Snapped, b: &Snapped) -> Option<(Vec<u32>, bool)> {
        let places = [Some(*a), Some(*b)];
        let (from, to) = (self.labels(&places[..1], false), self.labels(&places[1..], true));
        let over = Hierarchy::meet(&from[0], &to[0]);
        match (over, self.straight(a, b)) {
            (over, Some(straight)) if over.is_none_or(|(_, cost)| straight <= cost) => Some((Vec::new(), true)),
            (Some((meet, _)), _) => {
                let edges = self.map.hierarchy.edges_by(&self.metric, &self.weights, &from[0], &to[0], meet);
                Some((edges, false))
            }
            (None, _) => None,
        }
    }

    /// The edges of a way with those it begins and ends on, as driven.
    fn way_with_ends(&self, a: &Snapped, b: &Snapped) -> Option<(Vec<u32>, Option<u32>, Option<u32>)> {
        let (edges, straight) = self.way(a, b)?;
        if straight {
            return Some((edges, None, None));
        }
        let all = &self.map.streets.edges;
        let (begin, end) = if let (Some(&first), Some(&last)) = (edges.first(), edges.last()) {
            (all[first as usize].from, all[last as usize].to)
        } else {
            // From one stretch to the next: they meet in a junction.
            let (departures, arrivals) = (self.departures(a), self.arrivals(b));
            let meetings = departures.iter().flat_map(|&(node, cost)| {
                let same = arrivals.iter().filter(move |&&(other, _)| other == node);
                same.map(move |&(_, rest)| (cost + rest, node))
            });
            let (_, node) = meetings.min()?;
            (node, node)
        };
        let cheapest = |segment: u32, fits: &dyn Fn(u32) -> bool| {
            self.edges_along(segment)
                .iter()
                .copied()
                .filter(|&edge| fits(edge))
                .min_by_key(|&edge| self.weights[edge as usize])
        };
        let leaving = cheapest(a.segment, &|edge| all[edge as usize].to == begin);
        let entering = cheapest(b.segment, &|edge| all[edge as usize].from == end);
        Some((edges, leaving, entering))
    }

    /// The line driven between two places, both included.
    pub(crate) fn path(&self, a: Position, b: Position) -> Vec<Position> {
        let (Some(from), Some(to)) = (self.snap(a), self.snap(b)) else { return vec![a, b] };
        let Some((edges, leaving, entering)) = self.way_with_ends(&from, &to) else { return vec![a, b] };
        let streets = &self.map.streets;
        let mut line = vec![a, from.point];
        if leaving.is_none() && entering.is_none() {
            line.extend(self.piece(from.segment, from.offset, to.offset));
        }
        if let Some(edge) = leaving {
            let end = if streets.edges[edge as usize].along { WHOLE } else { 0 };
            line.extend(self.piece(from.segment, from.offset, end));
        }
        for &edge in &edges {
            let edge = &streets.edges[edge as usize];
            let (begin, end) = if edge.along { (0, WHOLE) } else { (WHOLE, 0) };
            line.extend(self.piece(edge.segment, begin, end));
        }
        if let Some(edge) = entering {
            let begin = if streets.edges[edge as usize].along { 0 } else { WHOLE };
            line.extend(self.piece(to.segment, begin, to.offset));
        }
        line.extend([to.point, b]);
        line.dedup();
        line
    }

    /// Points of a segment strictly between two offsets, and its ends where an offset is one.
    fn piece(&self, segment: u32, begin: u64, end: u64) -> Vec<Position> {
        let line = self.map.streets.line_of(segment);
        let lengths: Vec<f64> = line.windows(2).map(|ends| crow(Space::Geographic, ends[0], ends[1])).collect();
        let whole: f64 = lengths.iter().sum::<f64>().max(1e-9);
        let (low, high) = (begin.min(end), begin.max(end));
        let mut so_far = 0.0;
        let mut points = Vec::new();
        for (at, &place) in line.iter().enumerate() {
            let offset = if at + 1 == line.len() { WHOLE } else { (so_far / whole * WHOLE as f64) as u64 };
            if (low..=high).contains(&offset) {
                points.push(place);
            }
            so_far += lengths.get(at).copied().unwrap_or(0.0);
        }
        if begin > end {
            points.reverse();
        }
        points
    }

    /// Names of the streets driven, with metres and milliseconds on each, in order.
    pub(crate) fn streets_driven(&self, a: Position, b: Position) -> Vec<(String, u64, u64)> {
        let (Some(from), Some(to)) = (self.snap(a), self.snap(b)) else { return Vec::new() };
        let Some((edges, leaving, entering)) = self.way_with_ends(&from, &to) else { return Vec::new() };
        let streets = &self.map.streets;
        let mut steps: Vec<(String, u64, u64)> = Vec::new();
        let mut step = |segment: u32, cost: u64| {
            let name = streets.names.get(streets.segments[segment as usize].name as usize).cloned().unwrap_or_default();
            let (millis, metres) = unpack(cost);
            match steps.last_mut() {
                Some(last) if last.0 == name => (last.1, last.2) = (last.1 + metres, last.2 + millis),
                _ => steps.push((name, metres, millis)),
            }
        };
        if leaving.is_none() && entering.is_none() {
            step(from.segment, self.straight(&from, &to).unwrap_or(0));
            return steps;
        }
        if let Some(edge) = leaving {
            let left = if streets.edges[edge as usize].along { WHOLE - from.offset } else { from.offset };
            step(from.segment, share(self.leaving_weight(edge), left).unwrap_or(0));
        }
        for edge in edges {
            step(streets.edges[edge as usize].segment, self.weights[edge as usize]);
        }
        if let Some(edge) = entering {
            let driven = if streets.edges[edge as usize].along { to.offset } else { WHOLE - to.offset };
            step(to.segment, share(self.weights[edge as usize], driven).unwrap_or(0));
        }
        steps
    }

    /// True when the way from `a` to `b` under these weights uses an edge whose weight is another in `other`.
    pub(crate) fn differs(&self, other: &Self, a: Position, b: Position) -> bool {
        let (Some(from), Some(to)) = (self.snap(a), self.snap(b)) else { return false };
        let Some((edges, leaving, entering)) = self.way_with_ends(&from, &to) else { return false };
        let mut all = edges.into_iter().chain(leaving).chain(entering);
        let on_one = self.edges_along(from.segment).iter().chain(self.edges_along(to.segment));
        all.any(|edge| self.weights[edge as usize] != other.weights[edge as usize])
            || on_one.into_iter().any(|&edge| self.weights[edge as usize] != other.weights[edge as usize])
    }

    pub(crate) fn streets(&self) -> Vec<Street> {
        let streets = &self.map.streets;
        (0..streets.segments.len() as u32 - 1)
            .filter(|&segment| !self.edges_along(segment).is_empty())
            .flat_map(|segment| {
                let about = streets.segments[segment as usize];
                let edges = self.edges_along(segment);
                let along = streets.edges[edges[0] as usize].along;
                let oneway = edges.iter().all(|&edge| streets.edges[edge as usize].along == along);
                let closed = edges.iter().all(|&edge| self.weights[edge as usize] == NEVER);
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
        self.map.hierarchy.arcs()
    }

    pub(crate) fn data(&self) -> &Streets {
        &self.map.streets
    }
}

/// Changes of more than one edge in so many are customised whole.
const FEW: usize = 100;

/// A part of an edge's weight; `None` where it is closed.
fn share(weight: u64, part: u64) -> Option<u64> {
    if weight == NEVER {
        return None;
    }
    let (millis, metres) = unpack(weight);
    Some(pack((millis * part / WHOLE) as u32, (metres * part / WHOLE) as u32))
}

fn flat(place: Position, shrink: f64) -> [f64; 2] {
    [f64::from(place.x) * shrink, f64::from(place.y)]
}

#[cfg(test)]
mod tests;
