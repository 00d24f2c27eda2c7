//! The order in which junctions are contracted: nested dissection, with separators found by inertial flow (Schild & Sommer,
//! "On Balanced Separators in Road Networks", 2015).
//!
//! Every part keeps a contiguous range of ranks, its separator last, so that parts can be customised side by side on
//! disjoint slices.

use fleetfold_model::Position;

/// Parts of at most this many nodes are not divided further: their nodes are ordered by degree.
const LEAF: usize = 24;
/// Share of the nodes, at one end of a line through the map, from which the flow starts, and at the other end, to which it runs.
const ENDS_PERCENT: usize = 30;

/// A part of the ranks: two halves and the separator behind them, or a leaf of one range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// First rank of the whole part.
    pub(crate) begin: u32,
    /// Rank at which the separator begins. A leaf consists of a separator only.
    pub(crate) separator: u32,
    /// The rank after the last one of the part.
    pub(crate) end: u32,
    /// None for a leaf, otherwise two.
    pub(crate) halves: Vec<Part>,
}

impl Part {
    /// True when the ranges are nested as they should be.
    pub(crate) fn is_sound(&self, begin: u32, end: u32) -> bool {
        let fits = self.begin == begin && self.end == end && (begin..=end).contains(&self.separator);
        fits && match self.halves.as_slice() {
            [] => self.separator == begin,
            [left, right] => {
                let middle = left.end;
                left.is_sound(begin, middle) && right.is_sound(middle, self.separator)
            }
            _ => false,
        }
    }
}

/// The node of every rank, and the parts.
pub(crate) fn order(places: &[Position], neighbours: &Adjacency) -> (Vec<u32>, Part) {
    let nodes: Vec<u32> = (0..places.len() as u32).collect();
    dissect(places, neighbours, nodes, 0)
}

/// The neighbours of every node, whatever the direction of the edges between them, in compressed sparse rows.
pub(crate) struct Adjacency {
    pub(crate) first: Vec<u32>,
    pub(crate) heads: Vec<u32>,
}

impl Adjacency {
    pub(crate) fn new(nodes: usize, pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut both: Vec<(u32, u32)> = pairs.filter(|(a, b)| a != b).flat_map(|(a, b)| [(a, b), (b, a)]).collect();
        both.sort_unstable();
        both.dedup();
        let mut first = vec![0u32; nodes + 1];
        for &(a, _) in &both {
            first[a as usize + 1] += 1;
        }
        for node in 0..nodes {
            first[node + 1] += first[node];
        }
        Self { first, heads: both.into_iter().map(|(_, b)| b).collect() }
    }

    /// The neighbours of a node, ascending.
    pub(crate) fn of(&self, node: u32) -> &[u32] {
        &self.heads[self.first[node as usize] as usize..self.first[node as usize + 1] as usize]
    }
}

/// Orders some nodes, which get the ranks from `begin` on: the two halves first, then the separator between them.
fn dissect(places: &[Position], whole: &Adjacency, mut nodes: Vec<u32>, begin: u32) -> (Vec<u32>, Part) {
    let end = begin + nodes.len() as u32;
    if nodes.len() <= LEAF {
        nodes.sort_by_key(|&node| (whole.of(node).len(), node));
        return (nodes, Part { begin, separator: begin, end, halves: Vec::new() });
    }
    let side = cut(places, whole, &mut nodes);
    let mut parts: [Vec<u32>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    for (&node, &side) in nodes.iter().zip(&side) {
        parts[side as usize].push(node);
    }
    let [left, right, mut middle] = parts;
    if left.is_empty() || right.is_empty() {
        // No cut divides these nodes: they become one leaf.
        nodes.sort_by_key(|&node| (whole.of(node).len(), node));
        return (nodes, Part { begin, separator: begin, end, halves: Vec::new() });
    }
    let second = begin + left.len() as u32;
    let separator = second + right.len() as u32;
    let ((mut ranks, a), (more, b)) =
        rayon::join(|| dissect(places, whole, left, begin), || dissect(places, whole, right, second));
    ranks.extend(more);
    middle.sort_by_key(|&node| (places[node as usize].x, places[node as usize].y, node));
    ranks.extend(middle);
    (ranks, Part { begin, separator, end, halves: vec![a, b] })
}

/// The side of every node: 0 or 1, and 2 for the separator. It takes the smallest cut of four directions of the line.
fn cut(places: &[Position], whole: &Adjacency, nodes: &mut [u32]) -> Vec<u8> {
    nodes.sort_unstable();
    let n = nodes.len();
    let index = |node: u32| nodes.binary_search(&node).ok();
    let mut first = vec![0u32; n + 1];
    let mut heads: Vec<u32> = Vec::new();
    for (at, &node) in nodes.iter().enumerate() {
        heads.extend(whole.of(node).iter().filter_map(|&other| index(other)).map(|at| at as u32));
        first[at + 1] = heads.len() as u32;
    }
    let mut best: Option<(usize, Vec<u8>)> = None;
    for (dx, dy) in [(1i64, 0i64), (0, 1), (1, 1), (1, -1)] {
        let mut line: Vec<u32> = (0..n as u32).collect();
        line.sort_by_key(|&at| {
            let place = places[nodes[at as usize] as usize];
            (i64::from(place.x) * 3 / 4 * dx + i64::from(place.y) * dy, at)
        });
        let ends = (n * ENDS_PERCENT / 100).max(1);
        let mut kind = vec![0u8; n];
        line[..ends].iter().for_each(|&at| kind[at as usize] = 1);
        line[n - ends..].iter().for_each(|&at| kind[at as usize] = 2);
        let sides = least_cut(&first, &heads, &kind, best.as_ref().map_or(usize::MAX, |(size, _)| *size));
        if let Some((size, sides)) = sides
            && best.as_ref().is_none_or(|(known, _)| size < *known)
        {
            best = Some((size, sides));
        }
    }
    let mut sides = best.map_or_else(|| vec![0; n], |(_, sides)| sides);
    // The separator consists of the ends of cut edges on the side that has fewer of them.
    let on_the_border = |side: u8| -> Vec<usize> {
        (0..n)
            .filter(|&at| sides[at] == side)
            .filter(|&at| heads[first[at] as usize..first[at + 1] as usize].iter().any(|&h| sides[h as usize] != side))
            .collect()
    };
    let (left, right) = (on_the_border(0), on_the_border(1));
    for at in if left.len() <= right.len() { left } else { right } {
        sides[at] = 2;
    }
    sides
}

/// The smallest set of edges that separates sources (kind 1) from sinks (kind 2): its size, and the side of every node. It is the
/// maximum flow where every edge carries one unit in either direction, found by augmenting paths level by level (Dinic,
/// "Algorithm for Solution of a Problem of Maximum Flow in Networks with Power Estimation", 1970). `None` as soon as its size is
/// known to be at least `most`: a better cut is known already. (That early end is why it is not a library's.)
fn least_cut(first: &[u32], heads: &[u32], kind: &[u8], most: usize) -> Option<(usize, Vec<u8>)> {
    let n = kind.len();
    // The flow on an edge is -1, 0 or 1; the reverse of the edge carries the negative.
    let mut flow = vec![0i8; heads.len()];
    let mut back = vec![0u32; heads.len()];
    for a in 0..n {
        for e in first[a]..first[a + 1] {
            let b = heads[e as usize] as usize;
            let row = &heads[first[b] as usize..first[b + 1] as usize];
            back[e as usize] = first[b] + row.binary_search(&(a as u32)).unwrap_or(0) as u32;
        }
    }
    let mut level = vec![u32::MAX; n];
    let mut at = vec![0u32; n];
    let mut queue: Vec<u32> = Vec::with_capacity(n);
    let mut total = 0;
    let sources: Vec<u32> = (0..n as u32).filter(|&node| kind[node as usize] == 1).collect();
    loop {
        level.fill(u32::MAX);
        queue.clear();
        for &source in &sources {
            level[source as usize] = 0;
            queue.push(source);
        }
        let (mut head, mut reached) = (0, false);
        while head < queue.len() {
            let node = queue[head] as usize;
            head += 1;
            for e in first[node]..first[node + 1] {
                let next = heads[e as usize] as usize;
                if flow[e as usize] < 1 && level[next] == u32::MAX {
                    level[next] = level[node] + 1;
                    reached |= kind[next] == 2;
                    queue.push(next as u32);
                }
            }
        }
        if !reached {
            let sides = level.iter().map(|&level| u8::from(level == u32::MAX)).collect();
            return Some((total, sides));
        }
        at.copy_from_slice(&first[..n]);
        let mut path: Vec<u32> = Vec::new();
        for &source in &sources {
            'paths: loop {
                let mut node = source as usize;
                path.clear();
                loop {
                    if kind[node] == 2 {
                        for &e in &path {
                            flow[e as usize] += 1;
                            flow[back[e as usize] as usize] -= 1;
                        }
                        total += 1;
                        if total >= most {
                            return None;
                        }
                        continue 'paths;
                    }
                    let mut stepped = false;
                    while at[node] < first[node + 1] {
                        let e = at[node];
                        let next = heads[e as usize] as usize;
                        if flow[e as usize] < 1 && level[next] == level[node] + 1 {
                            path.push(e);
                            node = next;
                            stepped = true;
                            break;
                        }
                        at[node] += 1;
                    }
                    if !stepped {
                        let Some(e) = path.pop() else { break 'paths };
                        node = heads[back[e as usize] as usize] as usize;
                        at[node] += 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use petgraph::algo::ford_fulkerson;
    use petgraph::graph::DiGraph;
    use proptest::prelude::*;

    use super::{Adjacency, least_cut};

    proptest! {
        /// The size is that of a maximum flow by another algorithm; the sides are apart, and as many edges lie between them.
        #[test]
        fn cuts_are_as_small_as_the_largest_flow(
            pairs in proptest::collection::vec((0u32..30, 0u32..30), 1..120),
            ends in 1usize..8,
        ) {
            let n = 30;
            let neighbours = Adjacency::new(n, pairs.into_iter());
            let mut kind = vec![0u8; n];
            kind[..ends].fill(1);
            kind[n - ends..].fill(2);
            // Every street carries one unit in each direction; a source before all sources and a sink behind all sinks.
            let mut network: DiGraph<(), u32> = DiGraph::new();
            let nodes: Vec<_> = (0..n).map(|_| network.add_node(())).collect();
            let (source, sink) = (network.add_node(()), network.add_node(()));
            for node in 0..n {
                for &head in neighbours.of(node as u32) {
                    network.add_edge(nodes[node], nodes[head as usize], 1);
                }
                match kind[node] {
                    1 => { network.add_edge(source, nodes[node], 1_000); }
                    2 => { network.add_edge(nodes[node], sink, 1_000); }
                    _ => {}
                }
            }
            let (flow, _) = ford_fulkerson(&network, source, sink);
            let (size, sides) = least_cut(&neighbours.first, &neighbours.heads, &kind, usize::MAX).unwrap();
            prop_assert_eq!(size, flow as usize);
            prop_assert!(kind.iter().zip(&sides).all(|(&kind, &side)| kind == 0 || side == kind - 1));
            let cut = (0..n as u32)
                .flat_map(|tail| neighbours.of(tail).iter().map(move |&head| (tail, head)))
                .filter(|&(tail, head)| sides[tail as usize] == 0 && sides[head as usize] == 1)
                .count();
            prop_assert_eq!(cut, size);
            // A cut that is no better than one that is known is not looked for to the end.
            prop_assert!(least_cut(&neighbours.first, &neighbours.heads, &kind, size).is_none() || size == 0);
        }
    }
}
