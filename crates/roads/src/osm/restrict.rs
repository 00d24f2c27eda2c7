//! Turn restrictions, over a node or over ways between.
//!
//! A vehicle that has driven the beginning of a restricted way is sent to a copy of the junction. The copy stands for what has
//! been driven, and only the edges that are allowed from there leave it. Two copies at which the same turns are forbidden and
//! the same restricted ways are under way are one copy: they are the states of an automaton over restricted sequences of edges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::item::Restriction;
use super::raw::Raw;
use super::report::Report;
use super::way::{obeys, restriction as kind_of};
use crate::ids::{EdgeId, JunctionId};
use crate::profile::BuildSettings;
use crate::streets::Edge;

/// Most edges that the ways between the two ends of a restriction may have: enough for a way around a block.
const VIA_EDGES_MAX: usize = 64;

/// A sequence of edges and the edges that may not follow it.
struct Forbidden {
    path: Vec<EdgeId>,
    turns: BTreeSet<EdgeId>,
}

/// What a vehicle at a junction has driven: the edges that it may not take now, and the restricted ways that it is on, each with the
/// number of edges it has driven of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Driven {
    turns: BTreeSet<EdgeId>,
    under_way: BTreeSet<(u32, u32)>,
}

/// Edges by the junction that they leave, and by the junction that they reach.
struct Incident {
    leaving: BTreeMap<JunctionId, Vec<EdgeId>>,
    entering: BTreeMap<JunctionId, Vec<EdgeId>>,
}

impl Incident {
    fn leaving(&self, junction: JunctionId) -> &[EdgeId] {
        self.leaving.get(&junction).map_or(&[], Vec::as_slice)
    }

    fn entering(&self, junction: JunctionId) -> &[EdgeId] {
        self.entering.get(&junction).map_or(&[], Vec::as_slice)
    }
}

/// Makes the copies of junctions that restrictions need.
pub(super) fn restrict(network: &mut Raw, restrictions: &[Restriction], settings: &BuildSettings, report: &mut Report) {
    let mut incident = Incident { leaving: BTreeMap::new(), entering: BTreeMap::new() };
    for (index, edge) in network.edges.iter().enumerate() {
        incident.leaving.entry(edge.from).or_default().push(EdgeId::at(index));
        incident.entering.entry(edge.to).or_default().push(EdgeId::at(index));
    }
    let junctions: BTreeMap<i64, JunctionId> =
        network.ids.iter().enumerate().filter_map(|(at, &id)| Some((id?, JunctionId::at(at)))).collect();
    let mut all: Vec<Forbidden> = Vec::new();
    for restriction in restrictions {
        let before = all.len();
        if let Some(kind) = kind_of(settings, &restriction.tags)
            && obeys(settings.profile, &restriction.tags)
        {
            match (restriction.via_nodes.as_slice(), restriction.via_ways.as_slice()) {
                ([via], []) => {
                    if let Some(&junction) = junctions.get(via) {
                        over_a_node(network, &incident, restriction, kind, junction, &mut all);
                    }
                }
                // Points that are named beside ways lie on them.
                (_, [_, ..]) => over_ways(network, &incident, restriction, kind, &mut all),
                _ => {}
            }
        }
        if all.len() > before {
            report.restrictions += 1;
        } else {
            report.restrictions_left_out += 1;
        }
    }
    copy_junctions(network, &incident, &all);
}

fn road(network: &Raw, edge: EdgeId) -> i64 {
    network.segments[network.edges[edge].segment].road as i64
}

fn over_a_node(
    network: &Raw,
    incident: &Incident,
    restriction: &Restriction,
    kind: &str,
    junction: JunctionId,
    all: &mut Vec<Forbidden>,
) {
    for &way_in in incident.entering(junction) {
        if !restriction.from.contains(&road(network, way_in)) {
            continue;
        }
        let back = |edge: EdgeId| network.edges[edge].segment == network.edges[way_in].segment;
        let named = |edge: EdgeId| {
            restriction.to.contains(&road(network, edge))
                && (kind != "no_u_turn" || !restriction.from.contains(&road(network, edge)) || back(edge))
        };
        forbid(incident, vec![way_in], junction, kind, named, all);
    }
}

fn over_ways(network: &Raw, incident: &Incident, restriction: &Restriction, kind: &str, all: &mut Vec<Forbidden>) {
    let named = |edge: EdgeId| restriction.to.contains(&road(network, edge));
    // Some relations list the ways between from the end to the beginning.
    let turned: Vec<i64> = restriction.via_ways.iter().rev().copied().collect();
    for way_in in EdgeId::first(network.edges.len()) {
        if restriction.from.contains(&road(network, way_in))
            && let Some(path) = along(network, incident, way_in, &restriction.via_ways, named)
                .or_else(|| along(network, incident, way_in, &turned, named))
        {
            let end = network.edges[path[path.len() - 1]].to;
            let before = all.len();
            forbid(incident, path.clone(), end, kind, named, all);
            if all.len() > before {
                not_twice(network, incident, &path, all);
            }
        }
    }
}

/// What may not follow a path that ends at a junction: the turns that are named, or all others.
fn forbid(
    incident: &Incident,
    path: Vec<EdgeId>,
    junction: JunctionId,
    kind: &str,
    named: impl Fn(EdgeId) -> bool,
    all: &mut Vec<Forbidden>,
) {
    let out = incident.leaving(junction);
    if out.iter().any(|&edge| named(edge)) {
        let only = kind.starts_with("only_");
        all.push(Forbidden { path, turns: out.iter().copied().filter(|&edge| named(edge) != only).collect() });
    }
}

/// A vehicle that turns round on a way between the two ends may not turn round once more: it would forget the beginning of the
/// restricted way and could then take the forbidden turn.
fn not_twice(network: &Raw, incident: &Incident, path: &[EdgeId], all: &mut Vec<Forbidden>) {
    for at in 1..path.len() {
        let turned = path[at];
        let edge = &network.edges[turned];
        let back = |other: &EdgeId| {
            let other = &network.edges[*other];
            (other.segment, other.to) == (edge.segment, edge.from)
        };
        for &back in incident.leaving(edge.to).iter().filter(|other| back(other)) {
            let path = path[..=at].iter().copied().chain([back]).collect();
            all.push(Forbidden { path, turns: [turned].into() });
        }
    }
}

/// The shortest path from an edge along all of the ways between, in their order, to the first junction that a named edge leaves.
fn along(
    network: &Raw,
    incident: &Incident,
    way_in: EdgeId,
    via_ways: &[i64],
    named: impl Fn(EdgeId) -> bool,
) -> Option<Vec<EdgeId>> {
    let mut paths = VecDeque::from([(vec![way_in], 0)]);
    // Edges with the number of ways that are driven up to there: each pair is visited once.
    let mut seen = BTreeSet::new();
    while let Some((path, ways)) = paths.pop_front() {
        let last = path[path.len() - 1];
        let edge = &network.edges[last];
        let out = incident.leaving(edge.to);
        if ways == via_ways.len() && out.iter().any(|&next| named(next)) {
            return Some(path);
        }
        if path.len() > VIA_EDGES_MAX {
            continue;
        }
        for &next in out {
            let way = road(network, next);
            let ways = if via_ways.get(ways) == Some(&way) {
                ways + 1
            } else if ways > 0 && via_ways[ways - 1] == way {
                ways
            } else {
                continue;
            };
            if network.edges[next].segment != edge.segment && seen.insert((next, ways)) {
                let mut longer = path.clone();
                longer.push(next);
                paths.push_back((longer, ways));
            }
        }
    }
    None
}

/// Sends every edge that begins a restricted way to a copy of the junction it reaches, and on from there.
fn copy_junctions(network: &mut Raw, incident: &Incident, all: &[Forbidden]) {
    let mut beginning: BTreeMap<EdgeId, Vec<u32>> = BTreeMap::new();
    for (index, forbidden) in all.iter().enumerate() {
        beginning.entry(forbidden.path[0]).or_default().push(index as u32);
    }
    // What a vehicle has driven after one more edge.
    let after = |edge: EdgeId, before: &Driven| {
        let begun = beginning.get(&edge).into_iter().flatten().map(|&index| (index, 1));
        let gone_on = before
            .under_way
            .iter()
            .copied()
            .filter_map(|(index, at)| (all[index as usize].path[at as usize] == edge).then_some((index, at + 1)));
        let mut now = Driven::default();
        for (index, at) in begun.chain(gone_on) {
            let forbidden = &all[index as usize];
            if at as usize == forbidden.path.len() {
                now.turns.extend(&forbidden.turns);
            } else {
                now.under_way.insert((index, at));
            }
        }
        now
    };
    let mut copies: BTreeMap<(JunctionId, Driven), JunctionId> = BTreeMap::new();
    let mut open: Vec<(JunctionId, Driven, JunctionId)> = Vec::new();
    let mut reached = |network: &mut Raw,
                       open: &mut Vec<(JunctionId, Driven, JunctionId)>,
                       edge: EdgeId,
                       before: &Driven,
                       to: JunctionId| {
        let now = after(edge, before);
        if now == Driven::default() {
            return to;
        }
        let next = JunctionId::at(network.junctions.len());
        let copy = *copies.entry((to, now.clone())).or_insert(next);
        if copy == next {
            network.junctions.push(network.junctions[to]);
            open.push((to, now, copy));
        }
        copy
    };
    // Where every edge leads before any copy is made.
    let ends: Vec<JunctionId> = network.edges.iter().map(|edge| edge.to).collect();
    for edge in EdgeId::first(ends.len()) {
        network.edges[edge].to = reached(network, &mut open, edge, &Driven::default(), ends[edge]);
    }
    while let Some((junction, driven, copy)) = open.pop() {
        for &edge in incident.leaving(junction).iter().filter(|edge| !driven.turns.contains(edge)) {
            let to = reached(network, &mut open, edge, &driven, ends[edge]);
            network.edges.push(Edge { from: copy, to, ..network.edges[edge] });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fleetfold_model::Position;
    use proptest::prelude::*;

    use super::{Forbidden, Incident, copy_junctions};
    use crate::ids::{EdgeId, JunctionId, SegmentId};
    use crate::osm::raw::Raw;
    use crate::profile::Profile;
    use crate::streets::{Edge, Segment, Stopping};

    /// A street both ways between some pairs of junctions: edges 2k and 2k + 1 are the two directions of segment k.
    fn network(nodes: u32, pairs: &[(u32, u32)]) -> (Raw, Incident) {
        let mut raw = Raw {
            ids: (0..i64::from(nodes)).map(Some).collect(),
            junctions: vec![Position::default(); nodes as usize],
            ..Raw::default()
        };
        let mut incident = Incident { leaving: BTreeMap::new(), entering: BTreeMap::new() };
        for (segment, &(a, b)) in pairs.iter().enumerate() {
            raw.segments.push(Segment {
                road: segment as u64,
                name: u32::MAX,
                class: 2,
                stopping: Stopping::Allowed,
                points: 0,
            });
            for (from, to) in [(a, b), (b, a)] {
                let index = EdgeId::at(raw.edges.len());
                let (from, to) = (JunctionId(from), JunctionId(to));
                raw.edges.push(Edge {
                    from,
                    to,
                    millis: 1,
                    metres: 1,
                    segment: SegmentId::at(segment),
                    along: from.0 == a,
                });
                incident.leaving.entry(from).or_default().push(index);
                incident.entering.entry(to).or_default().push(index);
            }
        }
        (raw, incident)
    }

    /// Sequences of up to `length` original edges that can be driven from junction 0.
    fn walks(raw: &Raw, original: impl Fn(EdgeId) -> EdgeId, length: usize) -> Vec<Vec<EdgeId>> {
        let mut all = Vec::new();
        let mut open: Vec<(JunctionId, Vec<EdgeId>)> = vec![(JunctionId(0), Vec::new())];
        while let Some((at, walk)) = open.pop() {
            if walk.len() == length {
                all.push(walk);
                continue;
            }
            for (index, edge) in raw.edges.iter().enumerate().filter(|(_, edge)| edge.from == at) {
                let mut longer = walk.clone();
                longer.push(original(EdgeId::at(index)));
                open.push((edge.to, longer));
            }
        }
        all.sort_unstable();
        all
    }

    /// Two carriageways with a crossing between them, joined at both ends.
    fn carriageways(restriction: &str) -> Vec<String> {
        let nodes = [(1, 0, 0), (2, 0, 10), (3, 0, 20), (4, 1, 20), (5, 1, 10), (6, 1, 0)].map(|(id, x, y)| {
            let (lon, lat) = (7.0 + f64::from(x) * 0.001, 43.0 + f64::from(y) * 0.001);
            format!("<node id='{id}' lon='{lon}' lat='{lat}'/>")
        });
        let ways = [
            ("north", "yes", vec![1, 2, 3]),
            ("south", "yes", vec![4, 5, 6]),
            ("crossing", "no", vec![2, 5]),
            ("top", "yes", vec![3, 4]),
            ("bottom", "yes", vec![6, 1]),
        ];
        let ways: Vec<String> = ways
            .iter()
            .enumerate()
            .map(|(id, (name, oneway, nodes))| {
                let nodes: Vec<String> = nodes.iter().map(|node| format!("<nd ref='{node}'/>")).collect();
                let nodes = nodes.concat();
                format!("<way id='{}'>{nodes}<tag k='highway' v='primary'/><tag k='oneway' v='{oneway}'/><tag k='name' v='{name}'/></way>", id + 1)
            })
            .collect();
        let member = |id: u8, role: &str| format!("<member type='way' ref='{id}' role='{role}'/>");
        let relation = format!(
            "<relation id='1'>{}{}{}<tag k='type' v='restriction'/><tag k='restriction' v='{restriction}'/></relation>",
            member(1, "from"),
            member(3, "via"),
            member(2, "to"),
        );
        let text = format!("<osm>{}{}{relation}</osm>", nodes.concat(), ways.concat());
        let (streets, report) = crate::osm::build(text.as_bytes(), Profile::Car, |_| {}).expect("streets");
        assert_eq!(
            (report.restrictions, report.restrictions_left_out),
            if restriction == "give_way" { (0, 1) } else { (1, 0) }
        );
        let network = crate::Network::from_streets(streets);
        let at =
            |x: f64, y: f64| Position { x: ((7.0 + x * 0.001) * 1e7) as i32, y: ((43.0 + y * 0.001) * 1e7) as i32 };
        network.streets_driven(at(0.0, 5.0), at(1.0, 5.0)).into_iter().map(|driven| driven.name).collect()
    }

    #[test]
    fn a_turn_over_a_crossing_is_forbidden() {
        assert_eq!(carriageways("give_way"), ["north", "crossing", "south"]);
        assert_eq!(carriageways("no_u_turn"), ["north", "top", "south"]);
        assert_eq!(carriageways("only_right_turn"), ["north", "crossing", "south"]);
    }

    proptest! {
        /// What can be driven with copies is what can be driven without them and breaks no restriction.
        #[test]
        fn only_forbidden_walks_are_gone(
            pairs in proptest::collection::vec((0u32..5, 0u32..5), 3..7),
            drawn in proptest::collection::vec((any::<usize>(), 1usize..4, any::<u64>()), 0..4),
        ) {
            let mut pairs: Vec<(u32, u32)> = pairs.into_iter().filter(|(a, b)| a != b).collect();
            pairs.push((0, 1));
            let (mut raw, incident) = network(5, &pairs);
            let before = raw.edges.clone();
            let all: Vec<Forbidden> = drawn
                .iter()
                .map(|&(first, length, choice)| {
                    let mut path = vec![EdgeId::at(first % before.len())];
                    let mut choice = choice;
                    let mut pick = |last: EdgeId| {
                        let out = incident.leaving(before[last].to);
                        choice = choice.rotate_right(7);
                        out[choice as usize % out.len()]
                    };
                    while path.len() < length {
                        path.push(pick(path[path.len() - 1]));
                    }
                    let turn = pick(path[path.len() - 1]);
                    Forbidden { path, turns: [turn].into() }
                })
                .collect();
            let legal = |walk: &Vec<EdgeId>| {
                all.iter().all(|forbidden| {
                    let length = forbidden.path.len();
                    !walk.windows(length + 1).any(|window| window[..length] == forbidden.path[..]
                        && forbidden.turns.contains(&window[length]))
                })
            };
            let mut expected = walks(&raw, |edge| edge, 5);
            expected.retain(legal);
            copy_junctions(&mut raw, &incident, &all);
            let original = |edge: EdgeId| {
                let edge = raw.edges[edge];
                EdgeId::at(before.iter().position(|old| (old.segment, old.along) == (edge.segment, edge.along)).expect("a copy of an edge"))
            };
            let found = walks(&raw, original, 5);
            prop_assert_eq!(found, expected);
        }
    }
}
