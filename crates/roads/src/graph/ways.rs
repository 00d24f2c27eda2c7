//! Ways between two places: edges, lines, names, and what they take at normal speed.

use std::collections::BTreeMap;

use fleetfold_model::{Cell, Position};

use super::Graph;
use super::snap::{Snapped, WHOLE, share};
use crate::cch::{Cost, NEVER, unpack};
use crate::ids::{EdgeId, SegmentId};
use crate::street::Driven;

impl Graph {
    /// The quickest way between two places: the edges that are driven in full, and true if it stays on one stretch of street.
    /// `None` where there is no way.
    pub(super) fn way(&self, a: &Snapped, b: &Snapped) -> Option<(Vec<EdgeId>, bool)> {
        let (from, to) = (self.starts(a), self.starts(b));
        let over = self.map.hierarchy.way(&self.metric, &from, &to);
        let straight = self.straight(a, b);
        match over {
            Some((cost, edges)) if cost < straight => Some((edges, false)),
            _ => (straight < NEVER).then(|| (Vec::new(), true)),
        }
    }

    /// The edges that a way drives in full, and the edges that it begins and ends on. Both ends are `None` if the way stays on
    /// one stretch of street.
    fn way_with_ends(&self, a: &Snapped, b: &Snapped) -> Option<(Vec<EdgeId>, Option<EdgeId>, Option<EdgeId>)> {
        let (edges, straight) = self.way(a, b)?;
        if straight {
            return Some((edges, None, None));
        }
        let all = &self.map.streets.edges;
        let (begin, end) = if let (Some(&first), Some(&last)) = (edges.first(), edges.last()) {
            (all[first].from, all[last].to)
        } else {
            // The two stretches are neighbours: they meet in a junction.
            let (departures, arrivals) = (self.starts(a), self.starts(b));
            let meetings = departures.iter().flat_map(|start| {
                let same = arrivals.iter().filter(move |other| other.node == start.node);
                same.map(move |other| (start.to + other.from, start.node))
            });
            let (_, node) = meetings.min_by(|one, other| one.0.total_cmp(&other.0))?;
            (node, node)
        };
        let cheapest = |segment: SegmentId, fits: &dyn Fn(EdgeId) -> bool| {
            self.map
                .edges_along(segment)
                .iter()
                .copied()
                .filter(|&edge| fits(edge))
                .min_by(|&one, &other| self.weights[one].total_cmp(&self.weights[other]))
        };
        let leaving = cheapest(a.segment, &|edge| all[edge].to == begin);
        let entering = cheapest(b.segment, &|edge| all[edge].from == end);
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
            let end = if streets.edges[edge].along { WHOLE } else { 0 };
            line.extend(self.piece(from.segment, from.offset, end));
        }
        for &edge in &edges {
            let edge = &streets.edges[edge];
            let (begin, end) = if edge.along { (0, WHOLE) } else { (WHOLE, 0) };
            line.extend(self.piece(edge.segment, begin, end));
        }
        if let Some(edge) = entering {
            let begin = if streets.edges[edge].along { 0 } else { WHOLE };
            line.extend(self.piece(to.segment, begin, to.offset));
        }
        line.extend([to.point, b]);
        line.dedup();
        line
    }

    /// Points of a segment's line from one offset to another, in the order of driving.
    fn piece(&self, segment: SegmentId, begin: u64, end: u64) -> Vec<Position> {
        let line = self.map.streets.line_of(segment);
        let (lengths, whole) = self.map.lengths(line);
        let whole = whole.max(1e-9);
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

    /// Streets driven from one place to another, in order; neighbouring stretches of one name are one street.
    pub(crate) fn streets_driven(&self, a: Position, b: Position) -> Vec<Driven> {
        let (Some(from), Some(to)) = (self.snap(a), self.snap(b)) else { return Vec::new() };
        let Some((edges, leaving, entering)) = self.way_with_ends(&from, &to) else { return Vec::new() };
        let streets = &self.map.streets;
        let mut steps: Vec<Driven> = Vec::new();
        let mut step = |segment: SegmentId, cost: Cost| {
            let name = streets.names.get(streets.segments[segment].name as usize).cloned().unwrap_or_default();
            let (millis, metres) = if cost < NEVER { unpack(cost) } else { (0, 0) };
            match steps.last_mut() {
                Some(last) if last.name == name => {
                    (last.metres, last.millis) = (last.metres + metres, last.millis + millis);
                }
                _ => steps.push(Driven { name, metres, millis }),
            }
        };
        if leaving.is_none() && entering.is_none() {
            step(from.segment, self.straight(&from, &to));
            return steps;
        }
        if let Some(edge) = leaving {
            let left = if streets.edges[edge].along { WHOLE - from.offset } else { from.offset };
            step(from.segment, share(self.weights().leaving(edge), left));
        }
        for edge in edges {
            step(streets.edges[edge].segment, self.weights[edge]);
        }
        if let Some(edge) = entering {
            let driven = if streets.edges[edge].along { to.offset } else { WHOLE - to.offset };
            step(to.segment, share(self.weights[edge], driven));
        }
        steps
    }

    /// Edges on the way between two places, in order of driving.
    pub(crate) fn edges_driven(&self, a: Position, b: Position) -> Vec<EdgeId> {
        if a == b {
            return Vec::new();
        }
        let known = self.know(&[a, b]);
        let (Some(from), Some(to)) = (&known[0].snapped, &known[1].snapped) else { return Vec::new() };
        let Some((edges, leaving, entering)) = self.way_with_ends(from, to) else { return Vec::new() };
        if leaving.is_none() && entering.is_none() {
            let along = to.offset >= from.offset;
            let fits = |&&edge: &&EdgeId| self.map.streets.edges[edge].along == along;
            return self.map.edges_along(from.segment).iter().find(fits).copied().into_iter().collect();
        }
        leaving.into_iter().chain(edges).chain(entering).collect()
    }

    /// Milliseconds at normal speed by class of road and square of the map, along the way that is quickest now.
    pub(crate) fn normal_time(&self, a: Position, b: Position) -> Vec<((u8, Cell), u64)> {
        let known = self.know(&[a, b]);
        let (Some(from), Some(to)) = (&known[0].snapped, &known[1].snapped) else { return Vec::new() };
        let streets = &self.map.streets;
        let mut times: BTreeMap<(u8, Cell), u64> = BTreeMap::new();
        let mut add = |edge: EdgeId, part: u64| {
            let segment = streets.edges[edge].segment;
            let (millis, _) = unpack(self.normal[edge]);
            let key = (streets.segments[segment].class, self.map.cell(segment));
            *times.entry(key).or_default() += millis * part / WHOLE;
        };
        let Some((edges, leaving, entering)) = self.way_with_ends(from, to) else { return Vec::new() };
        if leaving.is_none()
            && entering.is_none()
            && let Some(&edge) = self.map.edges_along(from.segment).first()
        {
            add(edge, from.offset.abs_diff(to.offset));
        }
        let driven = |edge: EdgeId, at: &Snapped| if streets.edges[edge].along { at.offset } else { WHOLE - at.offset };
        if let Some(edge) = leaving {
            add(edge, WHOLE - driven(edge, from));
        }
        for edge in edges {
            add(edge, WHOLE);
        }
        if let Some(edge) = entering {
            add(edge, driven(edge, to));
        }
        times.into_iter().collect()
    }
}
