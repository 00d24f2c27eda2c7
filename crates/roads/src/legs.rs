//! Which routes drive over which streets. It finds the routes over an edge that became slower, and those that pass near a
//! street that became quicker, without looking at the other routes.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::Position;
use rayon::prelude::*;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use crate::change::WeightChange;
use crate::ids::EdgeId;
use crate::network::Network;

/// The legs of routes; a route is named by a number of the caller's choice.
#[derive(Debug, Default)]
pub struct LegIndex {
    routes: BTreeMap<u32, Indexed>,
    /// For every edge, the routes that drive over it.
    by_edge: Vec<Vec<u32>>,
    /// Boxes around the legs, each with its route.
    boxes: RTree<Leg>,
}

type Leg = GeomWithData<Rectangle<[i64; 2]>, u32>;

#[derive(Debug, Default)]
struct Indexed {
    stops: Vec<Position>,
    edges: Vec<EdgeId>,
}

/// The way of a leg may lead beyond the box around its two ends: the box is enlarged by a quarter of its length and width, and
/// by this many units of 1e-7 degrees (1 km) on each side.
const AROUND: i64 = 90_000;

fn box_of(ends: &[Position]) -> Rectangle<[i64; 2]> {
    let (low, high) = (
        [ends[0].x.min(ends[1].x), ends[0].y.min(ends[1].y)].map(i64::from),
        [ends[0].x.max(ends[1].x), ends[0].y.max(ends[1].y)].map(i64::from),
    );
    let around = [0, 1].map(|axis| (high[axis] - low[axis]) / 4 + AROUND);
    Rectangle::from_corners([low[0] - around[0], low[1] - around[1]], [high[0] + around[0], high[1] + around[1]])
}

fn boxes_of(route: u32, stops: &[Position]) -> impl Iterator<Item = Leg> {
    stops.windows(2).filter(|ends| ends[0] != ends[1]).map(move |ends| GeomWithData::new(box_of(ends), route))
}

impl LegIndex {
    /// Records the ways of some routes through their stops, as they are driven on this network now. A route of fewer than two
    /// stops is forgotten. Returns the routes that had the same stops before and now drive another way to them.
    pub fn set(&mut self, network: &Network, routes: Vec<(u32, Vec<Position>)>) -> Vec<u32> {
        let mut elsewhere = Vec::new();
        let ways: Vec<Vec<EdgeId>> = routes
            .par_iter()
            .map(|(_, stops)| {
                let mut edges: Vec<EdgeId> =
                    stops.windows(2).flat_map(|ends| network.edges_driven(ends[0], ends[1])).collect();
                edges.sort_unstable();
                edges.dedup();
                edges
            })
            .collect();
        for ((route, stops), edges) in routes.into_iter().zip(ways) {
            // A vehicle that has come further drives the rest of its old way: only an edge that is new means another way.
            let goes_elsewhere = self.routes.get(&route).is_some_and(|old| {
                let same_stops = stops.get(1..).is_some_and(|rest| old.stops.ends_with(rest));
                same_stops && edges.iter().any(|edge| old.edges.binary_search(edge).is_err())
            });
            if goes_elsewhere {
                elsewhere.push(route);
            }
            self.forget(route);
            if stops.len() < 2 {
                continue;
            }
            if let Some(&EdgeId(last)) = edges.last()
                && self.by_edge.len() <= last as usize
            {
                self.by_edge.resize(last as usize + 1, Vec::new());
            }
            for &edge in &edges {
                self.by_edge[edge].push(route);
            }
            boxes_of(route, &stops).for_each(|leg| self.boxes.insert(leg));
            self.routes.insert(route, Indexed { stops, edges });
        }
        elsewhere
    }

    /// Forgets a route.
    pub fn forget(&mut self, route: u32) {
        let Some(old) = self.routes.remove(&route) else { return };
        for edge in old.edges {
            self.by_edge[edge].retain(|&other| other != route);
        }
        for leg in boxes_of(route, &old.stops) {
            self.boxes.remove(&leg);
        }
    }

    /// Routes over an edge that takes longer now, or cannot be used.
    pub fn slowed(&self, change: &WeightChange) -> BTreeSet<u32> {
        change.slower.iter().filter_map(|edge| self.by_edge.get(edge.0 as usize)).flatten().copied().collect()
    }

    /// Routes that are on or pass near an edge that takes less time now.
    pub fn quickened(&self, change: &WeightChange) -> BTreeSet<u32> {
        let over = change.quicker.iter().filter_map(|edge| self.by_edge.get(edge.0 as usize)).flatten().copied();
        let near = change.quicker_boxes.iter().flat_map(|&(low, high)| {
            let reach = AABB::from_corners([low.x, low.y].map(i64::from), [high.x, high.y].map(i64::from));
            self.boxes.locate_in_envelope_intersecting(&reach).map(|leg| leg.data)
        });
        over.chain(near).collect()
    }
}
