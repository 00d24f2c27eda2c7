//! What a place knows of the hierarchy above it, and how two places meet.
//!
//! A label holds the costs from a place to the nodes above it and back, by depth. Two places share the nodes from the root
//! down to where their ways part, so that a leg is the least sum over the beginning of two arrays.

use rayon::prelude::*;

use crate::cch::{Cost, DOWN, Hierarchy, Metric, NEVER, UP, least};

/// Where a place touches the graph: a node, what it costs to get there, and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Start {
    pub(crate) node: u32,
    pub(crate) to: Cost,
    pub(crate) from: Cost,
}

/// Costs between a place and the nodes above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Label {
    /// The node at every depth, down to the first start.
    nodes: Vec<u32>,
    /// From the place to them.
    out: Vec<Cost>,
    /// From them to the place.
    back: Vec<Cost>,
    /// Nodes above the other starts, where they are not among `nodes`.
    side: Vec<(u32, [Cost; 2])>,
    /// How many of `nodes` are above all starts.
    fork: usize,
}

/// Rows and columns of a block of a table: their labels fit the second cache.
const BLOCK: usize = 32;

impl Hierarchy {
    /// Costs to and from everything above a place.
    pub(crate) fn label(&self, metric: &Metric, starts: &[Start]) -> Label {
        let Some(first) = starts.first() else { return Label::default() };
        let nodes = self.ancestors(first.node);
        let mut costs = vec![[NEVER; 2]; nodes.len()];
        let relax = |costs: &mut [[Cost; 2]], v: u32, at: [Cost; 2]| {
            let range = self.top.ups(v);
            for (arc, &depth) in metric.arcs[range.clone()].iter().zip(&self.up_depth[range]) {
                let slot = &mut costs[depth as usize];
                *slot = [least(slot[UP], at[UP] + arc[UP]), least(slot[DOWN], at[DOWN] + arc[DOWN])];
            }
        };
        let mut label = Label { fork: nodes.len(), ..Label::default() };
        for start in starts {
            let at = [start.to, start.from];
            let mut v = start.node;
            let mut depth = self.depth[v as usize] as usize;
            if nodes.get(depth) == Some(&v) {
                costs[depth] = [least(costs[depth][UP], at[UP]), least(costs[depth][DOWN], at[DOWN])];
                continue;
            }
            // Up a way of its own, until it is above the first start too.
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

    /// From the root down to a node.
    fn ancestors(&self, node: u32) -> Vec<u32> {
        let mut nodes = vec![node; self.depth[node as usize] as usize + 1];
        for depth in (0..nodes.len() - 1).rev() {
            nodes[depth] = self.top.up_head[self.top.up_first[nodes[depth + 1] as usize] as usize];
        }
        nodes
    }

    /// The cheapest way from one place to another over the graph.
    pub(crate) fn cost(&self, from: &Label, to: &Label) -> Cost {
        // Ways part at most once: below it no node is shared.
        let most = from.nodes.len().min(to.nodes.len());
        let shared = from.nodes[..most].partition_point_with(&to.nodes[..most]);
        let mut best = least_sum(&from.out[..shared], &to.back[..shared]);
        if shared >= from.fork.min(to.fork) && !(from.side.is_empty() && to.side.is_empty()) {
            best = least(best, self.cost_beside(from, to));
        }
        best
    }

    /// By way of nodes that are above some starts only.
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

    /// Costs between all pairs, row by row.
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

    /// The cheapest way from some nodes to some others: its cost, and its edges in order. `None`: there is none.
    pub(crate) fn way(
        &self,
        metric: &Metric,
        weights: &[Cost],
        from: &[Start],
        to: &[Start],
    ) -> Option<(Cost, Vec<u32>)> {
        let out = self.climbs(metric, from, UP);
        let back = self.climbs(metric, to, DOWN);
        let mut best = (NEVER, 0, 0, 0);
        for (i, a) in out.iter().enumerate() {
            for (j, b) in back.iter().enumerate() {
                let most = a.nodes.len().min(b.nodes.len());
                let shared = a.nodes[..most].partition_point_with(&b.nodes[..most]);
                for depth in 0..shared {
                    let cost = a.costs[depth] + b.costs[depth];
                    if cost < best.0 {
                        best = (cost, i, j, depth);
                    }
                }
            }
        }
        let (cost, i, j, meet) = best;
        if cost == NEVER {
            return None;
        }
        let mut edges = Vec::new();
        let mut arcs: Vec<u32> = self.climbed(&out[i], meet).collect();
        arcs.reverse();
        for arc in arcs {
            self.unfold(metric, weights, arc as usize, UP, &mut edges);
        }
        for arc in self.climbed(&back[j], meet) {
            self.unfold(metric, weights, arc as usize, DOWN, &mut edges);
        }
        Some((cost, edges))
    }

    /// The cost between two nodes: up from both to where their ways meet, then up together, as long as that can help.
    pub(crate) fn query(&self, metric: &Metric, from: u32, to: u32) -> Cost {
        let mut costs = vec![[NEVER; 2]; self.height];
        let climb = |costs: &mut [[Cost; 2]], v: u32, way: usize| {
            let at = costs[self.depth[v as usize] as usize][way];
            let range = self.top.ups(v);
            for (arc, &depth) in metric.arcs[range.clone()].iter().zip(&self.up_depth[range.clone()]) {
                let slot = &mut costs[depth as usize][way];
                *slot = least(*slot, at + arc[way]);
            }
            self.top.up_head[range].first().copied()
        };
        let (mut a, mut b) = (Some(from), Some(to));
        costs[self.depth[from as usize] as usize][UP] = 0.0;
        costs[self.depth[to as usize] as usize][DOWN] = 0.0;
        // Ranks grow on the way up: the lower of the two cannot be above the other.
        while a != b {
            match (a, b) {
                (Some(v), Some(other)) if v < other => a = climb(&mut costs, v, UP),
                (Some(v), None) => a = climb(&mut costs, v, UP),
                (_, Some(v)) => b = climb(&mut costs, v, DOWN),
                (None, None) => break,
            }
        }
        let mut best = NEVER;
        while let Some(v) = a {
            let at = costs[self.depth[v as usize] as usize];
            best = least(best, at[UP] + at[DOWN]);
            a = self.top.up_head[self.top.ups(v)].first().copied();
            if at[UP] < best {
                climb(&mut costs, v, UP);
            }
            if at[DOWN] < best {
                climb(&mut costs, v, DOWN);
            }
        }
        best
    }

    fn climbs(&self, metric: &Metric, starts: &[Start], way: usize) -> Vec<Climb> {
        let cost = |start: &Start| if way == UP { start.to } else { start.from };
        let used = starts.iter().filter(|start| cost(start) < NEVER);
        used.map(|start| self.climb(metric, start.node, cost(start), way)).collect()
    }

    /// All the way up from one node, in one direction, remembering how.
    fn climb(&self, metric: &Metric, node: u32, cost: Cost, way: usize) -> Climb {
        let nodes = self.ancestors(node);
        let mut costs = vec![NEVER; nodes.len()];
        let mut by = vec![u32::MAX; nodes.len()];
        costs[nodes.len() - 1] = cost;
        for depth in (0..nodes.len()).rev() {
            let at = costs[depth];
            if at == NEVER {
                continue;
            }
            for arc in self.top.ups(nodes[depth]) {
                let through = at + metric.arcs[arc][way];
                let above = self.up_depth[arc] as usize;
                if through < costs[above] {
                    (costs[above], by[above]) = (through, arc as u32);
                }
            }
        }
        Climb { nodes, costs, by }
    }

    /// Arcs from the node at a depth down to where the climb began.
    fn climbed<'c>(&'c self, climb: &'c Climb, meet: usize) -> impl Iterator<Item = u32> + 'c {
        let mut at = climb.by[meet];
        std::iter::from_fn(move || {
            let arc = (at != u32::MAX).then_some(at)?;
            at = climb.by[self.depth[self.tail[arc as usize] as usize] as usize];
            Some(arc)
        })
    }
}

/// Costs of everything above one node in one direction, and the arc each was reached by.
struct Climb {
    nodes: Vec<u32>,
    costs: Vec<Cost>,
    by: Vec<u32>,
}

/// How far two ways down from the root are the same.
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

/// Least `a[i] + b[i]`: in lanes, which the compiler turns into vector instructions.
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
