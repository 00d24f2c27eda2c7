//! A customizable contraction hierarchy (Dibbelt, Strasser & Wagner, "Customizable Contraction Hierarchies", 2016).
//!
//! Contracting the junctions in a fixed order, whatever the weights, gives a graph with shortcuts in which every shortest way
//! goes up and then down. New weights need one pass over its lower triangles; a few changed edges only the arcs above them.
//!
//! Lengths of time and metres are added and compared as one number (see [`pack`]): the quickest way, of these the shortest.

use std::collections::BTreeSet;

use crate::order::{Adjacency, Part};

/// No way.
pub(crate) const NEVER: u64 = u64::MAX / 4;

/// Milliseconds above metres: sums and minima of both at once.
pub(crate) fn pack(millis: u32, metres: u32) -> u64 {
    u64::from(millis) << 28 | u64::from(metres)
}

/// Milliseconds and metres.
pub(crate) fn unpack(weight: u64) -> (u64, u64) {
    (weight >> 28, weight & ((1 << 28) - 1))
}

/// What does not change with the weights. Nodes are named by rank.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    /// Rank of every node.
    pub(crate) rank: Vec<u32>,
    part: Part,
    /// `up_first[v]..up_first[v + 1]`: arcs from v to higher ranks, ascending.
    up_first: Vec<u32>,
    up_head: Vec<u32>,
    /// Arcs that end in a rank, by their tail, ascending: `(tail, arc)`.
    down_first: Vec<u32>,
    down: Vec<(u32, u32)>,
    /// Edges of the graph that an arc stands for: `(edge, upwards)`.
    edges_first: Vec<u32>,
    edges: Vec<(u32, bool)>,
    arc_of_edge: Vec<u32>,
}

/// Weights of all arcs, upwards and downwards.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) up: Vec<u64>,
    pub(crate) down: Vec<u64>,
}

/// Nodes above a place with their distances, ascending by rank.
pub(crate) type Label = Vec<(u32, u64)>;

impl Hierarchy {
    /// `nodes` by rank, as [`crate::order::order`] found them; `ends` of every edge.
    pub(crate) fn new(nodes: &[u32], part: Part, ends: &[(u32, u32)]) -> Self {
        let n = nodes.len();
        let mut rank = vec![0u32; n];
        for (at, &node) in nodes.iter().enumerate() {
            rank[node as usize] = at as u32;
        }
        let ranked = Adjacency::new(n, ends.iter().map(|&(a, b)| (rank[a as usize], rank[b as usize])));
        // Neighbours above a node, joined with those of the nodes below whose lowest neighbour it is.
        let mut above: Vec<Vec<u32>> =
            (0..n as u32).map(|v| ranked.of(v).iter().copied().filter(|&head| head > v).collect()).collect();
        for v in 0..n {
            let Some(&parent) = above[v].first() else { continue };
            let rest = above[v][1..].to_vec();
            let mine = std::mem::take(&mut above[parent as usize]);
            above[parent as usize] = merge(&mine, &rest);
        }
        let mut up_first = vec![0u32; n + 1];
        for v in 0..n {
            up_first[v + 1] = up_first[v] + above[v].len() as u32;
        }
        let up_head: Vec<u32> = above.into_iter().flatten().collect();
        let mut down_first = vec![0u32; n + 1];
        for &head in &up_head {
            down_first[head as usize + 1] += 1;
        }
        for v in 0..n {
            down_first[v + 1] += down_first[v];
        }
        let mut fill = down_first.clone();
        let mut down = vec![(0, 0); up_head.len()];
        for v in 0..n {
            for arc in up_first[v]..up_first[v + 1] {
                let slot = &mut fill[up_head[arc as usize] as usize];
                down[*slot as usize] = (v as u32, arc);
                *slot += 1;
            }
        }
        let mut this = Self {
            rank,
            part,
            up_first,
            up_head,
            down_first,
            down,
            edges_first: Vec::new(),
            edges: Vec::new(),
            arc_of_edge: Vec::new(),
        };
        let placed: Vec<Option<(u32, bool)>> = ends
            .iter()
            .map(|&(a, b)| {
                let (a, b) = (this.rank[a as usize], this.rank[b as usize]);
                (a != b).then(|| (this.arc(a.min(b), a.max(b)).unwrap_or(0), a < b))
            })
            .collect();
        let mut edges_first = vec![0u32; this.up_head.len() + 1];
        for (arc, _) in placed.iter().flatten() {
            edges_first[*arc as usize + 1] += 1;
        }
        for arc in 0..this.up_head.len() {
            edges_first[arc + 1] += edges_first[arc];
        }
        let mut fill = edges_first.clone();
        let mut edges = vec![(0, false); placed.iter().flatten().count()];
        for (edge, place) in placed.iter().enumerate() {
            if let Some((arc, upwards)) = place {
                edges[fill[*arc as usize] as usize] = (edge as u32, *upwards);
                fill[*arc as usize] += 1;
            }
        }
        this.arc_of_edge = placed.into_iter().map(|place| place.map_or(u32::MAX, |(arc, _)| arc)).collect();
        (this.edges_first, this.edges) = (edges_first, edges);
        this
    }

    /// Arcs, shortcuts included.
    pub(crate) fn arcs(&self) -> usize {
        self.up_head.len()
    }

    fn ups(&self, v: u32) -> std::ops::Range<usize> {
        self.up_first[v as usize] as usize..self.up_first[v as usize + 1] as usize
    }

    fn downs(&self, v: u32) -> &[(u32, u32)] {
        &self.down[self.down_first[v as usize] as usize..self.down_first[v as usize + 1] as usize]
    }

    /// The arc from `low` to `high`.
    fn arc(&self, low: u32, high: u32) -> Option<u32> {
        let range = self.ups(low);
        self.up_head[range.clone()].binary_search(&high).ok().map(|at| (range.start + at) as u32)
    }

    fn edges_of(&self, arc: usize) -> &[(u32, bool)] {
        &self.edges[self.edges_first[arc] as usize..self.edges_first[arc + 1] as usize]
    }

    /// All arcs for these weights of the edges, halves of the graph side by side.
    pub(crate) fn customise(&self, weights: &[u64]) -> Metric {
        let mut metric = Metric { up: vec![NEVER; self.arcs()], down: vec![NEVER; self.arcs()] };
        for (edge, &arc) in self.arc_of_edge.iter().enumerate() {
            if arc != u32::MAX {
                let upwards = self.edges_of(arc as usize).iter().any(|&(known, up)| known == edge as u32 && up);
                let slot = if upwards { &mut metric.up[arc as usize] } else { &mut metric.down[arc as usize] };
                *slot = (*slot).min(weights[edge]);
            }
        }
        self.customise_part(&self.part, &mut metric.up, &mut metric.down);
        metric
    }

    /// `up` and `down`: the slices of the part's arcs.
    fn customise_part(&self, part: &Part, up: &mut [u64], down: &mut [u64]) {
        let base = self.up_first[part.begin as usize] as usize;
        if let [left, right] = part.halves.as_slice() {
            let middle = self.up_first[right.begin as usize] as usize - base;
            let behind = self.up_first[part.separator as usize] as usize - base;
            let (left_up, rest_up) = up[..behind].split_at_mut(middle);
            let (left_down, rest_down) = down[..behind].split_at_mut(middle);
            if part.end - part.begin > 512 {
                rayon::join(
                    || self.customise_part(left, left_up, left_down),
                    || self.customise_part(right, rest_up, rest_down),
                );
            } else {
                self.customise_part(left, left_up, left_down);
                self.customise_part(right, rest_up, rest_down);
            }
        }
        for x in part.separator..part.end {
            let range = self.ups(x);
            let (below_up, mine_up) = up.split_at_mut(range.start - base);
            let (below_down, mine_down) = down.split_at_mut(range.start - base);
            let heads = &self.up_head[range];
            for &(v, arc) in self.downs(x) {
                let (to_x, from_x) = (below_up[arc as usize - base], below_down[arc as usize - base]);
                if to_x >= NEVER && from_x >= NEVER {
                    continue;
                }
                // The heads of v behind x are heads of x too: both lists ascend.
                let mut at = 0;
                for other in arc as usize + 1..self.up_first[v as usize + 1] as usize {
                    let y = self.up_head[other];
                    while heads[at] != y {
                        at += 1;
                    }
                    let through = from_x + below_up[other - base];
                    if through < mine_up[at] {
                        mine_up[at] = through;
                    }
                    let through = below_down[other - base] + to_x;
                    if through < mine_down[at] {
                        mine_down[at] = through;
                    }
                }
            }
        }
    }

    /// Brings the arcs above some changed edges up to date.
    pub(crate) fn update(&self, metric: &mut Metric, weights: &[u64], changed: &[u32]) {
        let mut todo: BTreeSet<(u32, u32)> = BTreeSet::new();
        let tail = |arc: u32| self.up_first.partition_point(|&first| first <= arc) as u32 - 1;
        for &edge in changed {
            let arc = self.arc_of_edge[edge as usize];
            if arc != u32::MAX {
                todo.insert((tail(arc), arc));
            }
        }
        while let Some((x, arc)) = todo.pop_first() {
            let y = self.up_head[arc as usize];
            let (mut up, mut down) = (NEVER, NEVER);
            for &(edge, upwards) in self.edges_of(arc as usize) {
                let slot = if upwards { &mut up } else { &mut down };
                *slot = (*slot).min(weights[edge as usize]);
            }
            self.triangles(x, y, |to_x, to_y| {
                up = up.min(metric.down[to_x] + metric.up[to_y]);
                down = down.min(metric.down[to_y] + metric.up[to_x]);
                false
            });
            let (up, down) = (up.min(NEVER), down.min(NEVER));
            if up == metric.up[arc as usize].min(NEVER) && down == metric.down[arc as usize].min(NEVER) {
                continue;
            }
            (metric.up[arc as usize], metric.down[arc as usize]) = (up, down);
            for other in self.ups(x) {
                let z = self.up_head[other];
                if z != y
                    && let Some(above) = self.arc(y.min(z), y.max(z))
                {
                    todo.insert((y.min(z), above));
                }
            }
        }
    }

    /// Calls with the arcs v→x and v→y of each v below both, until told to stop.
    fn triangles(&self, x: u32, y: u32, mut visit: impl FnMut(usize, usize) -> bool) {
        let (to_x, to_y) = (self.downs(x), self.downs(y));
        let (mut i, mut j) = (0, 0);
        while i < to_x.len() && j < to_y.len() {
            match to_x[i].0.cmp(&to_y[j].0) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => {
                    if visit(to_x[i].1 as usize, to_y[j].1 as usize) {
                        return;
                    }
                    i += 1;
                    j += 1;
                }
            }
        }
    }

    /// Distances from (or, downwards, to) a few nodes with head starts, to every node above them that they reach.
    pub(crate) fn label(
        &self,
        metric: &Metric,
        starts: &[(u32, u64)],
        downwards: bool,
        scratch: &mut Vec<u64>,
    ) -> Label {
        scratch.resize(self.rank.len(), NEVER);
        let weights = if downwards { &metric.down } else { &metric.up };
        let mut label = Label::new();
        for &(node, cost) in starts {
            let slot = &mut scratch[self.rank[node as usize] as usize];
            *slot = (*slot).min(cost);
        }
        // The ways up the elimination tree of all starts, each node once, lowest first.
        let mut heads: Vec<u32> = starts.iter().map(|&(node, _)| self.rank[node as usize]).collect();
        while let Some(&v) = heads.iter().min() {
            heads.retain(|&head| head != v);
            let distance = std::mem::replace(&mut scratch[v as usize], NEVER);
            let range = self.ups(v);
            if distance < NEVER {
                label.push((v, distance));
                for arc in range.clone() {
                    let slot = &mut scratch[self.up_head[arc] as usize];
                    *slot = (*slot).min(distance + weights[arc]);
                }
            }
            if !range.is_empty() {
                heads.push(self.up_head[range.start]);
            }
        }
        label
    }

    /// The node over which two labels meet most cheaply, and the cost.
    pub(crate) fn meet(from: &Label, to: &Label) -> Option<(u32, u64)> {
        let (mut i, mut j) = (0, 0);
        let mut best = None;
        while i < from.len() && j < to.len() {
            match from[i].0.cmp(&to[j].0) {
                std::cmp::Ordering::Less => i += 1,
                std::cmp::Ordering::Greater => j += 1,
                std::cmp::Ordering::Equal => {
                    let cost = from[i].1 + to[j].1;
                    if best.is_none_or(|(_, known)| cost < known) && cost < NEVER {
                        best = Some((from[i].0, cost));
                    }
                    i += 1;
                    j += 1;
                }
            }
        }
        best
    }

    /// Edges from the start of `from` to the end of `to` by way of `meet`.
    pub(crate) fn edges_by(&self, metric: &Metric, weights: &[u64], from: &Label, to: &Label, meet: u32) -> Vec<u32> {
        let mut edges = Vec::new();
        let mut legs = self.descent(&metric.up, from, meet);
        legs.reverse();
        for (low, arc) in legs {
            self.unfold(metric, weights, low, arc, true, &mut edges);
        }
        for (low, arc) in self.descent(&metric.down, to, meet) {
            self.unfold(metric, weights, low, arc, false, &mut edges);
        }
        edges
    }

    /// Arcs of a label from its node `at` back to where it began.
    fn descent(&self, weights: &[u64], label: &Label, mut at: u32) -> Vec<(u32, u32)> {
        let mut legs = Vec::new();
        let cost_of = |node: u32| label.binary_search_by_key(&node, |&(node, _)| node).ok().map(|at| label[at].1);
        while let Some(cost) = cost_of(at) {
            let below = self
                .downs(at)
                .iter()
                .find(|&&(low, arc)| cost_of(low).is_some_and(|known| known + weights[arc as usize] == cost));
            let Some(&(low, arc)) = below else { break };
            legs.push((low, arc));
            at = low;
        }
        legs
    }

    fn unfold(&self, metric: &Metric, weights: &[u64], low: u32, arc: u32, upwards: bool, edges: &mut Vec<u32>) {
        let weight = if upwards { metric.up[arc as usize] } else { metric.down[arc as usize] };
        let plain =
            self.edges_of(arc as usize).iter().find(|&&(edge, up)| up == upwards && weights[edge as usize] == weight);
        if let Some(&(edge, _)) = plain {
            edges.push(edge);
            return;
        }
        let mut found = None;
        self.triangles(low, self.up_head[arc as usize], |to_low, to_high| {
            let through = if upwards {
                metric.down[to_low] + metric.up[to_high]
            } else {
                metric.down[to_high] + metric.up[to_low]
            };
            let fits = through == weight;
            if fits {
                found = Some((to_low as u32, to_high as u32));
            }
            fits
        });
        let Some((to_low, to_high)) = found else { return };
        let below = self.up_first.partition_point(|&first| first <= to_low) as u32 - 1;
        let (first, second) = if upwards { (to_low, to_high) } else { (to_high, to_low) };
        self.unfold(metric, weights, below, first, false, edges);
        self.unfold(metric, weights, below, second, true, edges);
    }

    /// All sums of two labels, row by row: `from` × `to`, the least over their common nodes.
    pub(crate) fn table(&self, from: &[Label], to: &[Label]) -> Vec<u64> {
        use rayon::prelude::*;
        // Buckets: the targets that have a node in their label.
        let mut entries: Vec<(u32, u32, u64)> = to
            .iter()
            .enumerate()
            .flat_map(|(target, label)| label.iter().map(move |&(node, cost)| (node, target as u32, cost)))
            .collect();
        entries.par_sort_unstable();
        let mut first = vec![0u32; self.rank.len() + 1];
        for &(node, _, _) in &entries {
            first[node as usize + 1] += 1;
        }
        for node in 0..self.rank.len() {
            first[node + 1] += first[node];
        }
        from.par_iter()
            .flat_map_iter(|label| {
                let mut row = vec![NEVER; to.len()];
                for &(node, cost) in label {
                    let bucket = &entries[first[node as usize] as usize..first[node as usize + 1] as usize];
                    for &(_, target, rest) in bucket {
                        let slot = &mut row[target as usize];
                        *slot = (*slot).min(cost + rest);
                    }
                }
                row
            })
            .collect()
    }
}

/// Both ascending lists as one, without doubles.
fn merge(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut merged: Vec<u32> = left.iter().chain(right).copied().collect();
    merged.sort_unstable();
    merged.dedup();
    merged
}
