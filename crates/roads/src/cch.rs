//! A customizable contraction hierarchy (Dibbelt, Strasser & Wagner, "Customizable Contraction Hierarchies", 2016).
//!
//! Junctions are contracted in a fixed order that does not depend on the weights. The result is a graph with shortcuts in which
//! every shortest way first climbs to higher ranks and then descends. New weights need one pass over the lower triangles of
//! that graph; when only a few edges change, only the arcs above them are computed anew.
//!
//! The nodes of the hierarchy are the junctions by rank: 0 is contracted first. All nodes that arcs reach from a node, upwards,
//! are its ancestors in the elimination tree, in which the parent of a node is the lowest node that an arc leads to. A node
//! has therefore one ancestor at each depth, and a climb keeps its costs in an array by depth, which fits the first-level
//! cache.

use std::collections::BTreeSet;
use std::hint::select_unpredictable;

use crate::ids::EdgeId;
use crate::order::{Adjacency, Part};

/// Milliseconds and metres as one number, see [`pack`]. Whole numbers below 2^53 are exact in a double; adding two of them
/// takes one instruction on every processor, selecting the lesser takes one too, and infinity needs no special case.
pub(crate) type Cost = f64;

/// The cost where there is no way.
pub(crate) const NEVER: Cost = f64::INFINITY;

/// The factor of the milliseconds in a cost. The metres of a way stay below it: 16,777 km.
const METRES: u64 = 1 << 24;

/// Milliseconds and metres as a cost. The milliseconds are the higher part: the least cost is that of the quickest way, and of
/// the shortest among equally quick ones.
pub(crate) fn pack(millis: u32, metres: u32) -> Cost {
    (u64::from(millis) * METRES + u64::from(metres)) as f64
}

/// The milliseconds and metres of a cost.
pub(crate) fn unpack(cost: Cost) -> (u64, u64) {
    let whole = cost as u64;
    (whole / METRES, whole % METRES)
}

/// The part of the hierarchy that does not depend on weights and closures. The graph file keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    /// How the ranks are divided into parts that can be customised in parallel.
    pub(crate) part: Part,
    /// The arcs from node v to higher ranks are `up_first[v]..up_first[v + 1]`, ascending by the node that they lead to.
    pub(crate) up_first: Vec<u32>,
    /// The node that each arc leads to.
    pub(crate) up_head: Vec<u32>,
    /// The arc of every edge, times two, plus one if the edge leads to the higher rank; [`NO_ARC`] for an edge from a node to
    /// itself.
    pub(crate) arc_of_edge: Vec<u32>,
}

/// In place of the arc of an edge that leads from a node to itself.
pub(crate) const NO_ARC: u32 = u32::MAX;

impl Topology {
    /// Contracts so many nodes in the order of their ranks. `ends` are the two nodes of every edge.
    pub(crate) fn new(nodes: usize, part: Part, ends: &[(u32, u32)]) -> Self {
        let neighbours = Adjacency::new(nodes, ends.iter().copied());
        // When a node is contracted, its neighbours of higher rank become neighbours of each other. It is enough to give them to
        // the lowest of them, which hands them on when it is contracted itself.
        let mut above: Vec<Vec<u32>> =
            (0..nodes as u32).map(|v| neighbours.of(v).iter().copied().filter(|&head| head > v).collect()).collect();
        for v in 0..nodes {
            let Some(&parent) = above[v].first() else { continue };
            let mine = std::mem::take(&mut above[parent as usize]);
            above[parent as usize] = merge(&mine, &above[v][1..]);
        }
        let mut up_first = vec![0u32; nodes + 1];
        for v in 0..nodes {
            up_first[v + 1] = up_first[v] + above[v].len() as u32;
        }
        let up_head: Vec<u32> = above.into_iter().flatten().collect();
        let mut this = Self { part, up_first, up_head, arc_of_edge: Vec::new() };
        this.arc_of_edge = ends
            .iter()
            .map(|&(a, b)| this.arc(a.min(b), a.max(b)).map_or(NO_ARC, |arc| arc << 1 | u32::from(a < b)))
            .collect();
        this
    }

    /// The topology of no nodes.
    pub(crate) fn empty() -> Self {
        let part = Part { begin: 0, separator: 0, end: 0, halves: Vec::new() };
        Self { part, up_first: vec![0], up_head: Vec::new(), arc_of_edge: Vec::new() }
    }

    /// How many arcs there are, shortcuts included.
    pub(crate) fn arcs(&self) -> usize {
        self.up_head.len()
    }

    /// The arcs from a node to higher ranks.
    pub(crate) fn ups(&self, v: u32) -> std::ops::Range<usize> {
        self.up_first[v as usize] as usize..self.up_first[v as usize + 1] as usize
    }

    /// The arc from a node to one of higher rank.
    pub(crate) fn arc(&self, low: u32, high: u32) -> Option<u32> {
        let range = self.ups(low);
        self.up_head[range.clone()].binary_search(&high).ok().map(|at| (range.start + at) as u32)
    }

    /// True if every index is inside the list that it points into, and the arcs are those of an elimination tree. A graph file
    /// may have been written by anybody.
    pub(crate) fn is_sound(&self, nodes: usize, edges: usize) -> bool {
        let arcs = self.up_head.len();
        let rows = self.up_first.len() == nodes + 1
            && self.up_first[0] == 0
            && self.up_first.windows(2).all(|pair| pair[0] <= pair[1])
            && self.up_first[nodes] as usize == arcs;
        rows && (0..nodes as u32).all(|v| {
            let heads = &self.up_head[self.ups(v)];
            let ascending = heads.windows(2).all(|pair| pair[0] < pair[1]);
            let (Some(&parent), Some(&highest)) = (heads.first(), heads.last()) else { return true };
            // Whatever v reaches, its parent must reach too: otherwise a node would have two ancestors at one depth.
            ascending && parent > v && (highest as usize) < nodes && {
                let mut theirs = self.up_head[self.ups(parent)].iter();
                heads[1..].iter().all(|head| theirs.any(|their| their == head))
            }
        }) && self.arc_of_edge.len() == edges
            && self.arc_of_edge.iter().all(|&arc| arc == NO_ARC || ((arc >> 1) as usize) < arcs)
            && self.part.is_sound(0, nodes as u32)
            && self.stays_inside(&self.part)
    }

    /// True if no arc leads from one half of a part to the other.
    fn stays_inside(&self, part: &Part) -> bool {
        part.halves.iter().all(|half| {
            let mut parents = (half.begin..half.end).filter_map(|v| self.up_head[self.ups(v)].first());
            parents.all(|&parent| parent < half.end || parent >= part.separator) && self.stays_inside(half)
        })
    }
}

/// The topology, and what is derived from it once when a network is opened.
#[derive(Debug)]
pub(crate) struct Hierarchy {
    pub(crate) top: Topology,
    /// The depth of every node in the elimination tree; a root, such as the node of the highest rank, has 0.
    pub(crate) depth: Vec<u32>,
    /// The depth of the node that each arc leads to.
    pub(crate) up_depth: Vec<u32>,
    /// How many arcs of a node lead to its next ancestors without a gap: to its parent, the parent of that one and so on.
    pub(crate) chain: Vec<u32>,
    /// How many nodes are on the longest way from a root down the elimination tree.
    pub(crate) height: usize,
    /// The node that each arc begins in.
    pub(crate) tail: Vec<u32>,
    /// The arcs that lead to node v are `down[down_first[v]..down_first[v + 1]]`: the node where each begins, ascending, and the
    /// arc.
    down_first: Vec<u32>,
    down: Vec<(u32, u32)>,
    /// The edges between the two nodes of an arc are `edges[edges_first[arc]..edges_first[arc + 1]]`: each times two, plus one if
    /// the edge leads to the higher rank.
    edges_first: Vec<u32>,
    edges: Vec<u32>,
}

/// The costs of all arcs, upwards and downwards in two lists: a climb reads one of them, and finds the costs that it needs next to
/// each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    pub(crate) arcs: [Vec<Cost>; 2],
    /// What each arc is made of, so that a way is unfolded without a search.
    made: [Vec<Made>; 2],
}

impl Metric {
    /// Both costs of an arc.
    fn both(&self, arc: usize) -> [Cost; 2] {
        [self.arcs[UP][arc], self.arcs[DOWN][arc]]
    }
}

/// The arcs of a part while they are being customised.
struct Arcs<'a> {
    costs: [&'a mut [Cost]; 2],
    made: [&'a mut [Made]; 2],
}

impl Arcs<'_> {
    /// The arcs before one and those from it on.
    fn split_at(self, arc: usize) -> (Self, Self) {
        let [(low_up, high_up), (low_down, high_down)] = self.costs.map(|costs| costs.split_at_mut(arc));
        let [(made_up, more_up), (made_down, more_down)] = self.made.map(|made| made.split_at_mut(arc));
        (
            Self { costs: [low_up, low_down], made: [made_up, made_down] },
            Self { costs: [high_up, high_down], made: [more_up, more_down] },
        )
    }

    fn reborrow(&mut self) -> Arcs<'_> {
        Arcs {
            costs: self.costs.each_mut().map(|costs| &mut **costs),
            made: self.made.each_mut().map(|made| &mut **made),
        }
    }
}

/// What an arc is made of, in one direction: an edge, or two arcs by way of a third node, whose rank is below both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Made(u32);

impl Made {
    /// There is no way.
    const OF_NOTHING: Self = Self(u32::MAX);
    /// The bit that is set for edges. Indices of edges and of arcs stay below it, because they are doubled in 32 bits elsewhere.
    const EDGE: u32 = 1 << 31;

    fn of_edge(edge: EdgeId) -> Self {
        Self(edge.0 | Self::EDGE)
    }

    /// Two arcs by way of the node in which this arc begins. This is the one that leads to the higher end of the whole.
    fn of_arc(to_high: usize) -> Self {
        Self(to_high as u32)
    }

    fn edge(self) -> Option<EdgeId> {
        (self.0 & Self::EDGE != 0).then_some(EdgeId(self.0 & !Self::EDGE))
    }
}

/// The least costs known so far of an arc in both directions, and what they are made of.
#[derive(Clone, Copy)]
struct Best {
    cost: [Cost; 2],
    made: [Made; 2],
}

impl Best {
    const NONE: Self = Self { cost: [NEVER; 2], made: [Made::OF_NOTHING; 2] };

    /// Takes an offer if it is cheaper; of two equal ones the first is kept. The branch is unpredictable, so both values are
    /// computed and one is selected.
    #[inline]
    fn offer(&mut self, way: usize, cost: Cost, made: Made) {
        let better = cost < self.cost[way];
        self.cost[way] = select_unpredictable(better, cost, self.cost[way]);
        self.made[way] = select_unpredictable(better, made, self.made[way]);
    }
}

/// The direction from the lower end of an arc to the higher one.
pub(crate) const UP: usize = 0;
/// The direction from the higher end of an arc to the lower one.
pub(crate) const DOWN: usize = 1;

/// The halves of a part with more nodes than this are customised in parallel; for smaller ones handing over work costs more than
/// it saves (guess).
const SIDE_BY_SIDE: u32 = 1024;

impl Hierarchy {
    pub(crate) fn new(top: Topology) -> Self {
        let n = top.up_first.len() - 1;
        let mut depth = vec![0u32; n];
        let mut height = 1;
        for v in (0..n).rev() {
            let range = top.ups(v as u32);
            if !range.is_empty() {
                depth[v] = depth[top.up_head[range.start] as usize] + 1;
                height = height.max(depth[v] + 1);
            }
        }
        let up_depth: Vec<u32> = top.up_head.iter().map(|&head| depth[head as usize]).collect();
        let chain = |v: u32| {
            let mut below = depth[v as usize];
            let next = |&at: &&u32| std::mem::replace(&mut below, *at) == *at + 1;
            up_depth[top.ups(v)].iter().take_while(next).count() as u32
        };
        let chain = (0..n as u32).map(chain).collect();
        let mut tail = vec![0u32; top.arcs()];
        let mut down_first = vec![0u32; n + 1];
        for &head in &top.up_head {
            down_first[head as usize + 1] += 1;
        }
        for v in 0..n {
            down_first[v + 1] += down_first[v];
        }
        let mut fill = down_first.clone();
        let mut down = vec![(0, 0); top.arcs()];
        for v in 0..n as u32 {
            for arc in top.ups(v) {
                tail[arc] = v;
                let slot = &mut fill[top.up_head[arc] as usize];
                down[*slot as usize] = (v, arc as u32);
                *slot += 1;
            }
        }
        let mut edges_first = vec![0u32; top.arcs() + 1];
        for &arc in top.arc_of_edge.iter().filter(|&&arc| arc != NO_ARC) {
            edges_first[(arc >> 1) as usize + 1] += 1;
        }
        for arc in 0..top.arcs() {
            edges_first[arc + 1] += edges_first[arc];
        }
        let mut fill = edges_first.clone();
        let mut edges = vec![0; edges_first[top.arcs()] as usize];
        for (edge, &arc) in top.arc_of_edge.iter().enumerate() {
            if arc != NO_ARC {
                let slot = &mut fill[(arc >> 1) as usize];
                edges[*slot as usize] = (edge as u32) << 1 | arc & 1;
                *slot += 1;
            }
        }
        Self { top, depth, up_depth, chain, height: height as usize, tail, down_first, down, edges_first, edges }
    }

    /// The arcs that lead to a node from lower ranks: where each begins, and the arc.
    fn downs(&self, v: u32) -> &[(u32, u32)] {
        &self.down[self.down_first[v as usize] as usize..self.down_first[v as usize + 1] as usize]
    }

    fn edges_of(&self, arc: usize) -> &[u32] {
        &self.edges[self.edges_first[arc] as usize..self.edges_first[arc + 1] as usize]
    }

    /// The costs of an arc by its edges alone.
    fn plain(&self, arc: usize, weights: &[Cost]) -> Best {
        let mut best = Best::NONE;
        for &edge in self.edges_of(arc) {
            let (way, edge) = (if edge & 1 == 1 { UP } else { DOWN }, EdgeId(edge >> 1));
            best.offer(way, weights[edge.0 as usize], Made::of_edge(edge));
        }
        best
    }

    /// The costs of all arcs for these weights of the edges. Halves of the graph are customised in parallel.
    pub(crate) fn customise(&self, weights: &[Cost]) -> Metric {
        let all = self.top.arcs();
        let mut metric = Metric {
            arcs: [vec![NEVER; all], vec![NEVER; all]],
            made: [vec![Made::OF_NOTHING; all], vec![Made::OF_NOTHING; all]],
        };
        let arcs = Arcs {
            costs: metric.arcs.each_mut().map(Vec::as_mut_slice),
            made: metric.made.each_mut().map(Vec::as_mut_slice),
        };
        self.customise_part(&self.top.part, arcs, weights, &mut vec![Best::NONE; self.height]);
        metric
    }

    /// Customises the arcs that begin in a part. `above` is working memory by depth, all [`Best::NONE`] before and after.
    fn customise_part(&self, part: &Part, mut arcs: Arcs<'_>, weights: &[Cost], above: &mut Vec<Best>) {
        let base = self.top.up_first[part.begin as usize] as usize;
        if let [left, right] = part.halves.as_slice() {
            let middle = self.top.up_first[right.begin as usize] as usize - base;
            let behind = self.top.up_first[part.separator as usize] as usize - base;
            let (left_arcs, right_arcs) = arcs.reborrow().split_at(behind).0.split_at(middle);
            if part.end - part.begin > SIDE_BY_SIDE {
                rayon::join(
                    || self.customise_part(left, left_arcs, weights, above),
                    || self.customise_part(right, right_arcs, weights, &mut vec![Best::NONE; self.height]),
                );
            } else {
                self.customise_part(left, left_arcs, weights, above);
                self.customise_part(right, right_arcs, weights, above);
            }
        }
        let [up, down] = arcs.costs;
        let [made_up, made_down] = arcs.made;
        for x in part.separator..part.end {
            let range = self.top.ups(x);
            for &(v, arc) in self.downs(x) {
                let arc = arc as usize;
                let (to_x, from_x) = (up[arc - base], down[arc - base]);
                let beside = arc + 1..self.top.up_first[v as usize + 1] as usize;
                let here = beside.start - base..beside.end - base;
                // From x to v downwards and from v upwards is a way from x to each node above v; the same holds in reverse.
                let others = up[here.clone()].iter().zip(&down[here]).zip(&self.up_depth[beside.clone()]);
                for (to_high, ((&other_up, &other_down), &at)) in beside.zip(others) {
                    let slot = &mut above[at as usize];
                    slot.offer(UP, from_x + other_up, Made::of_arc(to_high));
                    slot.offer(DOWN, other_down + to_x, Made::of_arc(to_high));
                }
            }
            for (&at, arc) in self.up_depth[range.clone()].iter().zip(range) {
                let through = std::mem::replace(&mut above[at as usize], Best::NONE);
                let mut best = self.plain(arc, weights);
                for way in [UP, DOWN] {
                    best.offer(way, through.cost[way], through.made[way]);
                }
                [up[arc - base], down[arc - base]] = best.cost;
                [made_up[arc - base], made_down[arc - base]] = best.made;
            }
        }
    }

    /// Brings the costs of the arcs above some changed edges up to date.
    pub(crate) fn update(&self, metric: &mut Metric, weights: &[Cost], changed: &[EdgeId]) {
        let arc_of = |&edge: &EdgeId| self.top.arc_of_edge[edge];
        let arcs = changed.iter().map(arc_of).filter(|&arc| arc != NO_ARC).map(|arc| arc >> 1);
        // Arcs are taken by the rank in which they begin, so that everything an arc is made of comes before it.
        let mut todo: BTreeSet<u32> = arcs.collect();
        while let Some(arc) = todo.pop_first() {
            let (x, y) = (self.tail[arc as usize], self.top.up_head[arc as usize]);
            let mut best = self.plain(arc as usize, weights);
            self.triangles(x, y, |to_x, to_high| {
                let (to_x, to_y) = (metric.both(to_x), metric.both(to_high));
                best.offer(UP, to_x[DOWN] + to_y[UP], Made::of_arc(to_high));
                best.offer(DOWN, to_y[DOWN] + to_x[UP], Made::of_arc(to_high));
            });
            let cost = best.cost;
            let before = metric.both(arc as usize);
            for way in [UP, DOWN] {
                metric.arcs[way][arc as usize] = cost[way];
                metric.made[way][arc as usize] = best.made[way];
            }
            if before == cost {
                continue;
            }
            for other in self.top.ups(x) {
                let z = self.top.up_head[other];
                // An arc above can only change if its best way led over x before, or can lead over x now.
                if z != y
                    && let Some(above) = self.top.arc(y.min(z), y.max(z))
                {
                    let beside = metric.both(other);
                    let now = metric.both(above as usize);
                    let (to_y, to_z) = if y < z { (UP, DOWN) } else { (DOWN, UP) };
                    let touches =
                        |mine: [Cost; 2]| mine[DOWN] + beside[UP] <= now[to_y] || beside[DOWN] + mine[UP] <= now[to_z];
                    if touches(before) || touches(cost) {
                        todo.insert(above);
                    }
                }
            }
        }
    }

    /// Visits every node v below both x and y, in order: calls with the arcs from v to x and from v to y.
    fn triangles(&self, x: u32, y: u32, mut visit: impl FnMut(usize, usize)) {
        // Both lists are ascending: one is walked and the other is searched from where the last search ended.
        let (to_x, to_y) = (self.downs(x), self.downs(y));
        let mut j = 0;
        for &(v, arc) in to_x {
            j += to_y[j..].partition_point(|&(other, _)| other < v);
            match to_y.get(j) {
                Some(&(other, beside)) if other == v => visit(arc as usize, beside as usize),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Appends the edges that an arc stands for, in order of driving. There must be a way.
    pub(crate) fn unfold(&self, metric: &Metric, arc: usize, way: usize, edges: &mut Vec<EdgeId>) {
        let made = metric.made[way][arc];
        if let Some(edge) = made.edge() {
            edges.push(edge);
            return;
        }
        let to_high = made.0 as usize;
        let between = self.tail[to_high];
        // The arcs of a node are in order of the nodes that they lead to: the one to the lower end comes first.
        let first = self.top.up_first[between as usize] as usize;
        let to_low = first + self.top.up_head[first..to_high].partition_point(|&head| head < self.tail[arc]);
        let (first, second) = if way == UP { (to_low, to_high) } else { (to_high, to_low) };
        self.unfold(metric, first, DOWN, edges);
        self.unfold(metric, second, UP, edges);
    }
}

/// The lesser of two costs in one instruction. (`f64::min` needs more, because it treats NaN.)
pub(crate) fn least(a: Cost, b: Cost) -> Cost {
    if b < a { b } else { a }
}

/// Two ascending lists as one, without duplicates.
fn merge(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut merged: Vec<u32> = left.iter().chain(right).copied().collect();
    merged.sort_unstable();
    merged.dedup();
    merged
}
