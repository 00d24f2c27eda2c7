//! Streets under one set of weights: legs, tables of legs and changes over the hierarchy.

mod map;
mod snap;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use fleetfold_model::{Position, RoadTarget};
use rayon::prelude::*;

use map::Map;
use snap::{Snapped, Weights};

use crate::cch::{Cost, Metric, NEVER, pack, unpack};
use crate::change::{ActiveChange, WeightChange};
use crate::ids::{EdgeId, JunctionId, SegmentId};
use crate::label::{Label, Start};
use crate::leg::{Leg, UNREACHABLE_MILLIS};
use crate::line::ACCESS_METRES_PER_SECOND;
use crate::speeds::Speeds;
use crate::street::{Beside, OffStreet, Street};
use crate::streets::{Edge, Streets};
use crate::tables::Tables;

/// Places whose labels are kept: 6 kB each on the map of a city.
const PLACES_KEPT: usize = 8_192;
/// If more than one edge in so many changes, all arcs are customised anew: it is then quicker than following each change.
const FEW: usize = 100;
/// Longest time of one edge, in milliseconds: a day and a half.
const EDGE_MILLIS_MAX: u64 = 1 << 27;

/// A place on the streets with its costs to the hierarchy above it; both empty if no street serves it.
#[derive(Debug)]
pub(crate) struct Known {
    snapped: Option<Snapped>,
    label: Label,
}

/// Streets under one set of weights. States of the same streets share the map and differ in the weights.
#[derive(Debug)]
pub(crate) struct Graph {
    map: Arc<Map>,
    /// At the speeds of now, with the changes that are in force.
    weights: Vec<Cost>,
    /// At normal speed, without changes.
    normal: Arc<Vec<Cost>>,
    /// At the speeds of now, without changes.
    base: Arc<Vec<Cost>>,
    /// Edges that a change in force is about: their weights may differ from `base`.
    changed: Vec<EdgeId>,
    metric: Metric,
    /// Labels of places under these weights: one climb serves all rows and columns of the place.
    known: Mutex<BTreeMap<Position, Arc<Known>>>,
    /// Tables of legs under these weights.
    tables: Tables,
}

impl Graph {
    /// The streets at normal speed and all open.
    pub(crate) fn new(streets: Streets) -> Self {
        let normal: Vec<Cost> = streets.edges.iter().map(|edge| pack(edge.millis, edge.metres)).collect();
        let map = Map::new(streets);
        let metric = map.hierarchy.customise(&normal);
        let weights = normal.clone();
        let normal = Arc::new(normal);
        let base = Arc::clone(&normal);
        Self::with(Arc::new(map), weights, normal, base, Vec::new(), metric)
    }

    /// A state that knows no places yet.
    fn with(
        map: Arc<Map>,
        weights: Vec<Cost>,
        normal: Arc<Vec<Cost>>,
        base: Arc<Vec<Cost>>,
        changed: Vec<EdgeId>,
        metric: Metric,
    ) -> Self {
        Self { map, weights, normal, base, changed, metric, known: Mutex::default(), tables: Tables::default() }
    }

    /// The same streets with some closed or slowed.
    pub(crate) fn with_changes(&self, changes: &[ActiveChange]) -> Self {
        let map = &self.map;
        let mut weights = self.weights.clone();
        // The changes of before are taken back first; those that are still in force are among `changes`.
        for &edge in &self.changed {
            weights[edge] = self.base[edge];
        }
        let mut hit: Vec<EdgeId> = Vec::new();
        for change in changes {
            for edge in map.edges_named(&change.target) {
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
        Self::with(Arc::clone(map), weights, normal, base, hit, metric)
    }

    /// The same streets at other speeds, all open.
    pub(crate) fn with_speeds(&self, speeds: &Speeds) -> Self {
        let streets = &self.map.streets;
        let factors: Vec<u32> = SegmentId::first(streets.all_stretches())
            .map(|segment| speeds.permille(streets.segments[segment].class, self.map.cell(segment)))
            .collect();
        let weight = |(edge, &normal): (&Edge, &Cost)| {
            let (millis, metres) = unpack(normal);
            let millis = millis * u64::from(factors[edge.segment]) / 1000;
            pack(millis.clamp(1, EDGE_MILLIS_MAX) as u32, metres as u32)
        };
        let base: Vec<Cost> = streets.edges.iter().zip(self.normal.iter()).map(weight).collect();
        let metric = self.map.hierarchy.customise(&base);
        let (map, normal) = (Arc::clone(&self.map), Arc::clone(&self.normal));
        let weights = base.clone();
        Self::with(map, weights, normal, Arc::new(base), Vec::new(), metric)
    }

    /// The same weights, with all arcs customised anew.
    pub(crate) fn recustomised(&self) -> Self {
        let metric = self.map.hierarchy.customise(&self.weights);
        let (normal, base) = (Arc::clone(&self.normal), Arc::clone(&self.base));
        Self::with(Arc::clone(&self.map), self.weights.clone(), normal, base, self.changed.clone(), metric)
    }

    /// Edges that a change of the roads is about.
    pub(crate) fn edges_named(&self, target: &RoadTarget) -> Vec<EdgeId> {
        self.map.edges_named(target)
    }

    /// Ids of roads that are nearest to one that is not here.
    pub(crate) fn roads_like(&self, road: u64) -> Vec<u64> {
        self.map.roads_like(road)
    }

    /// Lines of the streets that a change of the roads is about.
    pub(crate) fn lines_of(&self, target: &RoadTarget) -> Vec<Vec<Position>> {
        self.map.lines_of(target)
    }

    fn weights(&self) -> Weights<'_> {
        Weights { now: &self.weights, base: &self.base }
    }

    fn snap(&self, place: Position) -> Option<Snapped> {
        self.map.snap(self.weights(), place).ok()
    }

    /// Why no street serves a place, if none does.
    pub(crate) fn off_street(&self, place: Position) -> Option<OffStreet> {
        self.map.snap(self.weights(), place).err()
    }

    /// The street that serves a place.
    pub(crate) fn street_at(&self, place: Position) -> Option<Beside> {
        let at = self.snap(place)?;
        let name = self.map.streets.name_of(at.segment).to_owned();
        Some(Beside { name, road: self.map.streets.segments[at.segment].road, metres: at.access })
    }

    /// The names of the streets that a change is about, each once, in order.
    pub(crate) fn names_of(&self, target: &RoadTarget) -> Vec<String> {
        let segments = self.edges_named(target).into_iter().map(|edge| self.map.streets.edges[edge].segment);
        let names: BTreeSet<&str> = segments.map(|segment| self.map.streets.name_of(segment)).collect();
        names.into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn starts(&self, at: &Snapped) -> Vec<Start> {
        self.map.starts(self.weights(), at)
    }

    fn straight(&self, a: &Snapped, b: &Snapped) -> Cost {
        self.map.straight(self.weights(), a, b)
    }

    /// Places with their labels, in order. Places that are new are snapped and their labels computed; the others are looked up.
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
                // Moving vehicles leave places that nobody asks for again. Whatever is still needed is computed once more.
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

    /// The leg between two places.
    pub(crate) fn leg(&self, a: Position, b: Position) -> Leg {
        let known = self.know(&[a, b]);
        self.finish(&known[0], &known[1], self.map.hierarchy.cost(&known[0].label, &known[1].label))
    }

    /// Legs between all pairs of places, row by row. Legs that an earlier table holds are taken from it.
    pub(crate) fn legs(&self, places: &[Position]) -> Vec<Leg> {
        self.tables.legs(places, |rows, columns| self.block(places, rows, columns))
    }

    /// Legs from one of the places, given by its node (its index in the list), to all of them. `known` are the places with
    /// their labels, see [`Graph::know`].
    pub(crate) fn row(&self, places: &[Position], known: &[Arc<Known>], node: usize) -> Vec<Leg> {
        (0..places.len()).map(|to| self.pair(places, known, node, to)).collect()
    }

    /// One leg of that row.
    pub(crate) fn pair(&self, places: &[Position], known: &[Arc<Known>], from: usize, to: usize) -> Leg {
        if places[from] == places[to] {
            return Leg::default();
        }
        let (start, end) = (&known[from], &known[to]);
        self.finish(start, end, self.map.hierarchy.cost(&start.label, &end.label))
    }

    /// Legs from some of the places to others, given by their nodes: computed in parallel, collected in order.
    fn block(&self, places: &[Position], rows: &[usize], columns: &[usize]) -> Vec<Leg> {
        let at = |nodes: &[usize]| self.know(&nodes.iter().map(|&node| places[node]).collect::<Vec<_>>());
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

    /// The leg between two junctions, computed without keeping anything: what routing engines call a query.
    pub(crate) fn between_junctions(&self, from: JunctionId, to: JunctionId) -> Leg {
        leg_of(self.map.hierarchy.query(&self.metric, from, to), 0.0)
    }

    /// The edges on the quickest way between two junctions, in order of driving.
    pub(crate) fn edges_between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Vec<EdgeId>> {
        let start = |node| [Start { node, to: 0.0, from: 0.0 }];
        self.map.hierarchy.way(&self.metric, &start(from), &start(to)).map(|(_, edges)| edges)
    }

    /// The leg between two places: `over` is the cost by way of junctions, which is compared with driving straight along
    /// the stretch of street if both places are on the same one.
    fn finish(&self, a: &Known, b: &Known, over: Cost) -> Leg {
        let (Some(a), Some(b)) = (&a.snapped, &b.snapped) else { return leg_of(NEVER, 0.0) };
        let cost = if a.segment == b.segment { over.min(self.straight(a, b)) } else { over };
        leg_of(cost, a.access + b.access)
    }

    /// Edges that take longer or less long than in another state of the same streets.
    pub(crate) fn changed_since(&self, before: &Self) -> WeightChange {
        let mut change = WeightChange::default();
        let all = || EdgeId::first(self.weights.len());
        // At the same speeds only edges that a change is about can differ.
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
            // So many boxes cover most of the map: one box around all of it says the same.
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

    /// The streets as the map draws them.
    pub(crate) fn streets(&self) -> Vec<Street> {
        let streets = &self.map.streets;
        SegmentId::first(streets.segments.len() - 1)
            .filter(|&segment| !self.map.edges_along(segment).is_empty())
            .flat_map(|segment| {
                let about = streets.segments[segment];
                let edges = self.map.edges_along(segment);
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

    /// Arcs of the hierarchy, shortcuts included.
    pub(crate) fn arcs(&self) -> usize {
        self.map.hierarchy.top.arcs()
    }

    /// The streets behind it.
    pub(crate) fn data(&self) -> &Streets {
        &self.map.streets
    }
}

/// An edge's weight when it takes so many per cent of its time.
fn slowed(weight: Cost, percent: u32) -> Cost {
    let (millis, metres) = unpack(weight);
    pack((millis * u64::from(percent.max(1)) / 100).clamp(1, EDGE_MILLIS_MAX) as u32, metres as u32)
}

/// A leg from its cost on the streets and the metres between the places and their streets.
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

#[cfg(test)]
mod tests;
