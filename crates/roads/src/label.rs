//! Labels: the costs between a place and the nodes of the hierarchy above it, from which legs are computed.
//!
//! A label holds these costs by the depth of the node. The nodes above two places are the same from the root down to some
//! depth, and different below it; every quickest way leads over one of the shared nodes. A leg is therefore the least sum
//! of two costs over the beginning of two arrays.

use std::hint::select_unpredictable;

use rayon::prelude::*;

use crate::cch::{Cost, DOWN, Hierarchy, Metric, NEVER, UP, least};
use crate::ids::{EdgeId, JunctionId};

/// A node at an end of the street that a place is on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Start {
    /// The node.
    pub(crate) node: JunctionId,
    /// Cost from the place to the node.
    pub(crate) to: Cost,
    /// Cost from the node to the place.
    pub(crate) from: Cost,
}

/// Costs between a place and the nodes above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    /// The nodes above the first start, by depth, and that start itself as the last.
    nodes: Vec<u32>,
    /// Costs from the place to them.
    out: Vec<Cost>,
    /// Costs from them to the place.
    back: Vec<Cost>,
    /// Nodes above the other starts that are not among `nodes`, ascending, each with its two costs.
    side: Vec<(u32, [Cost; 2])>,
    /// How many of `nodes` are above all starts.
    fork: usize,
}

/// Rows and columns of a block of a table: as many as have labels that fit into the second-level cache.
const BLOCK: usize = 32;

impl Hierarchy {
    /// The label of a place that touches the streets at some nodes.
    pub(crate) fn label(&self, metric: &Metric, starts: &[Start]) -> Label {
        let Some(first) = starts.first() else { return Label::default() };
        let nodes = self.ancestors(first.node.0);
        let mut costs = vec![[NEVER; 2]; nodes.len()];
        let relax = |costs: &mut [[Cost; 2]], v: u32, at: [Cost; 2]| {
            let range = self.top.ups(v);
            let arcs = metric.arcs[UP][range.clone()].iter().zip(&metric.arcs[DOWN][range.clone()]);
            for ((up, down), &depth) in arcs.zip(&self.up_depth[range]) {
                let slot = &mut costs[depth as usize];
                *slot = [least(slot[UP], at[UP] + up), least(slot[DOWN], at[DOWN] + down)];
            }
        };
        let mut label = Label { fork: nodes.len(), ..Label::default() };
        for start in starts {
            let at = [start.to, start.from];
            let mut v = start.node.0;
            let mut depth = self.depth[v as usize] as usize;
            if nodes.get(depth) == Some(&v) {
                costs[depth] = [least(costs[depth][UP], at[UP]), least(costs[depth][DOWN], at[DOWN])];
                continue;
            }
            // This start climbs by itself until it reaches a node that is above the first start too.
            let mut own = vec![[NEVER; 2]; depth + 1];
            own[depth] = at;
            while nodes.get(depth) != Some(&v) {
                label.side.push((v, own[depth]));
                let here = own[depth];
                relax(&mut own, v, here);
                v = self.top.up_head[self.top.up_first[v as usize] as usize];
                depth -= 1;
            }
            label.fork = label.fork.min(depth + 1);
            for (slot, own) in costs.iter_mut().zip(&own[..=depth]) {
                *slot = [least(slot[UP], own[UP]), least(slot[DOWN], own[DOWN])];
            }
        }
        label.side.sort_unstable_by_key(|&(node, _)| node);
        for depth in (0..nodes.len()).rev() {
            let at = costs[depth];
            relax(&mut costs, nodes[depth], at);
        }
        label.out = costs.iter().map(|cost| cost[UP]).collect();
        label.back = costs.iter().map(|cost| cost[DOWN]).collect();
        label.nodes = nodes;
        label
    }

    /// The nodes above a node, from the root down, and the node itself as the last.
    fn ancestors(&self, node: u32) -> Vec<u32> {
        let mut nodes = vec![node; self.depth[node as usize] as usize + 1];
        for depth in (0..nodes.len() - 1).rev() {
            nodes[depth] = self.top.up_head[self.top.up_first[nodes[depth + 1] as usize] as usize];
        }
        nodes
    }

    /// The cost of the cheapest way between two places by way of junctions.
    pub(crate) fn cost(&self, from: &Label, to: &Label) -> Cost {
        // Below the depth at which the two lists differ first, no node is shared.
        let most = from.nodes.len().min(to.nodes.len());
        let shared = from.nodes[..most].partition_point_with(&to.nodes[..most]);
        let mut best = least_sum(&from.out[..shared], &to.back[..shared]);
        if shared >= from.fork.min(to.fork) && !(from.side.is_empty() && to.side.is_empty()) {
            best = least(best, self.cost_beside(from, to));
        }
        best
    }

    /// The cheapest way over nodes that are above one start of a place and not above all.
    fn cost_beside(&self, from: &Label, to: &Label) -> Cost {
        let at = |label: &Label, node: u32| {
            let depth = self.depth[node as usize] as usize;
            (label.nodes.get(depth) == Some(&node)).then_some(depth)
        };
        let mut best = NEVER;
        for &(node, cost) in &from.side {
            if let Some(depth) = at(to, node) {
                best = least(best, cost[UP] + to.back[depth]);
            }
            let begin = to.side.partition_point(|&(other, _)| other < node);
            for &(_, other) in to.side[begin..].iter().take_while(|&&(other, _)| other == node) {
                best = least(best, cost[UP] + other[DOWN]);
            }
        }
        for &(node, cost) in &to.side {
            if let Some(depth) = at(from, node) {
                best = least(best, from.out[depth] + cost[DOWN]);
            }
        }
        best
    }

    /// Costs between all pairs of places, row by row.
    pub(crate) fn table(&self, from: &[&Label], to: &[&Label]) -> Vec<Cost> {
        let mut table = vec![NEVER; from.len() * to.len()];
        if to.is_empty() {
            return table;
        }
        table.par_chunks_mut(to.len() * BLOCK).zip(from.par_chunks(BLOCK)).for_each(|(rows, from)| {
            for begin in (0..to.len()).step_by(BLOCK) {
                let columns = begin..(begin + BLOCK).min(to.len());
                for (row, from) in rows.chunks_mut(to.len()).zip(from) {
                    for (cell, to) in row[columns.clone()].iter_mut().zip(&to[columns.clone()]) {
                        *cell = self.cost(from, to);
                    }
                }
            }
        });
        table
    }

    /// The cost between two nodes.
    pub(crate) fn query(&self, metric: &Metric, from: JunctionId, to: JunctionId) -> Cost {
        self.meet::<false>(metric, (from.0, 0.0), (to.0, 0.0), NEVER).cost
    }

    /// The cheapest way from some nodes to some others: its cost, and its edges in order. `None`: there is none.
    pub(crate) fn way(&self, metric: &Metric, from: &[Start], to: &[Start]) -> Option<(Cost, Vec<EdgeId>)> {
        let mut best: Option<(Meeting, u32, u32)> = None;
        for a in from.iter().filter(|start| start.to < NEVER) {
            for b in to.iter().filter(|start| start.from < NEVER) {
                let bound = best.as_ref().map_or(NEVER, |(meeting, ..)| meeting.cost);
                let meeting = self.meet::<true>(metric, (a.node.0, a.to), (b.node.0, b.from), bound);
                if meeting.cost < bound {
                    best = Some((meeting, a.node.0, b.node.0));
                }
            }
        }
        let (meeting, a, b) = best?;
        let mut edges = Vec::with_capacity(128);
        let out: Vec<usize> = self.climbed(&meeting.there, meeting.at, a).collect();
        for &arc in out.iter().rev() {
            self.unfold(metric, arc, UP, &mut edges);
        }
        for arc in self.climbed(&meeting.back, meeting.at, b) {
            self.unfold(metric, arc, DOWN, &mut edges);
        }
        Some((meeting.cost, edges))
    }

    /// The arcs that were climbed from a node up to a height, the uppermost first. `by` holds the arc by which each height was reached.
    fn climbed(&self, by: &[u64], mut at: usize, node: u32) -> impl Iterator<Item = usize> {
        let height = |node: u32| by.len() - 1 - self.depth[node as usize] as usize;
        let end = height(node);
        std::iter::from_fn(move || {
            let arc = (at != end).then(|| by[at] as usize)?;
            at = height(self.tail[arc]);
            Some(arc)
        })
    }

    /// Climbs from two nodes to the lowest node above both, then further up with both, as long as a way over the nodes there can
    /// cost less than `bound`. If `BY`, it remembers the arcs that were climbed.
    fn meet<const BY: bool>(&self, metric: &Metric, from: (u32, Cost), to: (u32, Cost), bound: Cost) -> Meeting {
        // Nodes above a node are less deep than it: this is room for both climbs.
        let deep = self.depth[from.0 as usize].max(self.depth[to.0 as usize]) as usize + 1;
        let (mut there, mut back) = (Climb::<UP, BY>::new(deep), Climb::<DOWN, BY>::new(deep));
        there.begin(self, from);
        back.begin(self, to);
        let (mut a, mut b) = (Some(from.0), Some(to.0));
        // Ranks grow on the way up: the node of lower rank cannot be above the other one, so it is the one to climb from.
        while a != b {
            match (a, b) {
                (Some(v), Some(other)) if v < other => a = there.up(self, metric, v),
                (Some(v), None) => a = there.up(self, metric, v),
                (_, Some(v)) => b = back.up(self, metric, v),
                (None, None) => break,
            }
        }
        let mut best = Meeting { cost: bound, at: 0, there: Vec::new(), back: Vec::new() };
        while let Some(v) = a {
            let at = there.height(self.depth[v as usize]);
            let (to, from) = (there.costs[at], back.costs[at]);
            if to + from < best.cost {
                (best.cost, best.at) = (to + from, at);
            }
            a = self.top.up_head[self.top.ups(v)].first().copied();
            if to < best.cost {
                there.up(self, metric, v);
            }
            if from < best.cost {
                back.up(self, metric, v);
            }
        }
        (best.there, best.back) = (there.by, back.by);
        best
    }
}

/// The costs between the node where a climb began and the nodes above it, by height. The height of a node is how much less deep
/// it is than the deeper one of the two nodes where the climbs of a query begin.
struct Climb<const WAY: usize, const BY: bool> {
    costs: Vec<Cost>,
    /// The arc by which each height was reached best. It is as wide as a cost, so that the same vector instructions select both.
    by: Vec<u64>,
}

impl<const WAY: usize, const BY: bool> Climb<WAY, BY> {
    fn new(deep: usize) -> Self {
        Self { costs: vec![NEVER; deep], by: if BY { vec![0; deep] } else { Vec::new() } }
    }

    fn height(&self, depth: u32) -> usize {
        self.costs.len() - 1 - depth as usize
    }

    fn begin(&mut self, hierarchy: &Hierarchy, (node, cost): (u32, Cost)) {
        let at = self.height(hierarchy.depth[node as usize]);
        self.costs[at] = cost;
    }

    /// Follows all arcs of a node. Returns the lowest node above it.
    fn up(&mut self, hierarchy: &Hierarchy, metric: &Metric, v: u32) -> Option<u32> {
        let at = self.height(hierarchy.depth[v as usize]);
        let cost = self.costs[at];
        let range = hierarchy.top.ups(v);
        let beyond = range.start + hierarchy.chain[v as usize] as usize;
        // Most arcs lead to the nodes directly above, without a gap.
        let chain = at + 1..at + 1 + (beyond - range.start);
        let arcs = &metric.arcs[WAY][range.start..beyond];
        if BY {
            let slots = self.costs[chain.clone()].iter_mut().zip(&mut self.by[chain]);
            for (((slot, by), arc), number) in slots.zip(arcs).zip(range.start as u64..) {
                let through = cost + arc;
                let better = through < *slot;
                // Selecting with a mask lets the compiler treat several arcs at once.
                let mask = u64::from(better).wrapping_neg();
                *slot = least(*slot, through);
                *by = number & mask | *by & !mask;
            }
        } else {
            for (slot, arc) in self.costs[chain].iter_mut().zip(arcs) {
                *slot = least(*slot, cost + arc);
            }
        }
        let scattered = metric.arcs[WAY][beyond..range.end].iter().zip(&hierarchy.up_depth[beyond..range.end]);
        for ((arc, &depth), number) in scattered.zip(beyond as u64..) {
            let at = self.height(depth);
            let (slot, through) = (&mut self.costs[at], cost + arc);
            if BY {
                let by = &mut self.by[at];
                let better = through < *slot;
                *slot = select_unpredictable(better, through, *slot);
                *by = select_unpredictable(better, number, *by);
            } else {
                *slot = least(*slot, through);
            }
        }
        hierarchy.top.up_head[range].first().copied()
    }
}

/// The best meeting of two climbs.
struct Meeting {
    cost: Cost,
    /// The height at which they meet.
    at: usize,
    /// The arc by which each height was reached best: on the way out, and on the way back.
    there: Vec<u64>,
    back: Vec<u64>,
}

/// How many nodes two lists of ancestors share, from the root down.
trait SameBeginning {
    fn partition_point_with(&self, other: &Self) -> usize;
}

impl SameBeginning for [u32] {
    fn partition_point_with(&self, other: &Self) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self[middle] == other[middle] { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// The least `a[i] + b[i]`, computed in lanes that the compiler turns into vector instructions.
fn least_sum(a: &[Cost], b: &[Cost]) -> Cost {
    const LANES: usize = 8;
    let mut lanes = [NEVER; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut best = NEVER;
    for (&a, &b) in a.remainder().iter().zip(b.remainder()) {
        best = least(best, a + b);
    }
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            lanes[lane] = least(lanes[lane], a[lane] + b[lane]);
        }
    }
    lanes.into_iter().fold(best, least)
}
