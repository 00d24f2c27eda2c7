//! Precincts: streets that only trips which begin or end there may use, and that nobody may drive through.
//!
//! A legal trip drives streets of precincts first, then open streets, then streets of precincts again; each part may be empty. The
//! search knows nothing of this: the graph is laid out in layers, so that every way through it is a legal trip. At a junction of a
//! precinct there are up to three nodes: one for trips that are still leaving the precinct where they began, one for trips on open
//! streets, and one for trips that have entered the precinct where they will end. Streets that can only be reached or left through a
//! precinct belong to it.

use fleetfold_model::Position;
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use crate::ids::JunctionId;
use crate::streets::Edge;

/// Where a trip is, at a junction.
#[derive(Clone, Copy)]
struct Nodes {
    /// It has driven streets of a precinct only.
    leaving: Option<JunctionId>,
    /// It has driven an open street last.
    open: Option<JunctionId>,
    /// It may drive streets of a precinct only, up to its end.
    arriving: Option<JunctionId>,
}

/// Lays a strongly connected network out in layers. `destination` says which edges only trips that begin or end there may use.
pub(super) fn layers(
    junctions: Vec<Position>,
    edges: Vec<Edge>,
    destination: impl Fn(&Edge) -> bool,
) -> (Vec<Position>, Vec<Edge>) {
    let Some(precinct) = precincts(junctions.len(), &edges, destination) else { return (junctions, edges) };
    let (mut open, mut leaves) = (vec![false; junctions.len()], vec![false; junctions.len()]);
    let mut touched = vec![false; junctions.len()];
    for (edge, &precinct) in edges.iter().zip(&precinct) {
        if precinct {
            (touched[edge.from.0 as usize], touched[edge.to.0 as usize]) = (true, true);
            leaves[edge.from.0 as usize] = true;
        } else {
            (open[edge.from.0 as usize], open[edge.to.0 as usize]) = (true, true);
        }
    }
    let mut places = junctions;
    let nodes: Vec<Nodes> = (0..places.len())
        .map(|at| {
            let place = places[at];
            let mut more = || {
                places.push(place);
                JunctionId::at(places.len() - 1)
            };
            let here = JunctionId::at(at);
            match (open[at], touched[at]) {
                (true, false) => Nodes { leaving: None, open: Some(here), arriving: None },
                // Where no street of a precinct goes on, a trip that leaves is on open streets from here.
                (true, true) if !leaves[at] => Nodes { leaving: None, open: Some(here), arriving: Some(more()) },
                (true, true) => Nodes { leaving: Some(more()), open: Some(here), arriving: Some(more()) },
                (false, _) => Nodes { leaving: Some(here), open: None, arriving: Some(more()) },
            }
        })
        .collect();
    let mut laid = Vec::with_capacity(edges.len());
    for (edge, &precinct) in edges.iter().zip(&precinct) {
        let (from, to) = (nodes[edge.from.0 as usize], nodes[edge.to.0 as usize]);
        let mut lay = |from: Option<JunctionId>, to: Option<JunctionId>| {
            if let (Some(from), Some(to)) = (from, to) {
                laid.push(Edge { from, to, ..*edge });
            }
        };
        if precinct {
            lay(from.leaving, to.leaving.or(to.open));
            lay(from.open, to.arriving);
            lay(from.arriving, to.arriving);
        } else {
            lay(from.open, to.open);
            lay(from.leaving, to.open);
        }
    }
    (places, laid)
}

/// Which edges are streets of a precinct: those that are said to be, and those outside of the largest part of the network that can be
/// reached and left on open streets. `None` if no edge is, or if there is no such part.
fn precincts(junctions: usize, edges: &[Edge], destination: impl Fn(&Edge) -> bool) -> Option<Vec<bool>> {
    let mut precinct: Vec<bool> = edges.iter().map(destination).collect();
    if !precinct.contains(&true) {
        return None;
    }
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(junctions, edges.len());
    let ids: Vec<_> = (0..junctions).map(|_| graph.add_node(())).collect();
    for (edge, _) in edges.iter().zip(&precinct).filter(|&(_, precinct)| !precinct) {
        graph.add_edge(ids[edge.from], ids[edge.to], ());
    }
    let parts = tarjan_scc(&graph);
    let largest = parts.iter().max_by_key(|part| part.len()).filter(|part| part.len() > 1)?;
    let mut inside = vec![false; junctions];
    for node in largest {
        inside[node.index()] = true;
    }
    for (edge, precinct) in edges.iter().zip(&mut precinct) {
        *precinct |= !(inside[edge.from.0 as usize] && inside[edge.to.0 as usize]);
    }
    Some(precinct)
}
