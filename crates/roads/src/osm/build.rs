//! From ways to a street network: junctions, segments between them, turn restrictions.

use std::collections::{BTreeMap, BTreeSet};

use fleetfold_model::Position;
use petgraph::unionfind::UnionFind;

use super::access::{Access, invited};
use super::apart::Connected;
use super::barrier::passable;
use super::error::OsmError;
use super::item::{Item, Key, Kind, Restriction, Wanted, Way};
use super::precinct::layers;
use super::raw::Raw;
use super::read::read;
use super::report::{Progress, Report};
use super::restrict::restrict;
use super::way::{Use, is_for_vehicles, usage};
use crate::ids::JunctionId;
use crate::profile::BuildSettings;
use crate::streets::{Segment, Stopping, Streets, largest_part};

/// Builds the streets of an extract (`.osm.pbf`, `.osm`, `.osm.gz`, `.osm.bz2`) for one kind of vehicle: a profile with its usual
/// size, or settings that say the size.
///
/// `progress` is told how far the build has come: many times while bytes are read, and once for each step after that.
///
/// # Errors
///
/// Bytes that are no extract, a damaged one, or one without streets.
pub fn build(
    bytes: &[u8],
    settings: impl Into<BuildSettings>,
    mut progress: impl FnMut(Progress) + Send,
) -> Result<(Streets, Report), OsmError> {
    let settings = settings.into();
    let size = bytes.len() as u64;
    let mut tell = |doing, read| progress(Progress { doing, read, of: 2 * size });
    let (mut network, mut report) = network(bytes, &settings, &mut tell)?;
    tell("ordering junctions", 2 * size);
    let connected = Connected::new(&network);
    let all = std::mem::take(&mut network.edges);
    let (junctions, edges, dropped) = largest_part(&network.junctions, all).ok_or(OsmError::NoStreets)?;
    report.dropped = dropped;
    let apart = connected.apart(&edges, &network);
    report.apart = apart.len();
    let Raw { segments, points, names, destination, .. } = network;
    let (junctions, edges) = layers(junctions, edges, |edge| destination[edge.segment][usize::from(edge.along)]);
    let streets = Streets::ordered(&junctions, edges, &with_end(segments, points.len()), &apart, &points, names);
    Ok((streets.built_for(settings), report))
}

/// The streets of an extract with their turn restrictions, before what cannot be reached is left out. `tell` is told what is being
/// done and how many bytes are read, of twice as many as there are.
pub(crate) fn network(
    bytes: &[u8],
    settings: &BuildSettings,
    tell: &mut (impl FnMut(&'static str, u64) + Send),
) -> Result<(Raw, Report), OsmError> {
    let mut report = Report::default();
    let size = bytes.len() as u64;
    let mut first = |read| tell("reading ways and turn restrictions", read as u64);
    let Ways { used: ways, others, restrictions } = read_ways(bytes, settings, &mut first, &mut report)?;
    if ways.is_empty() {
        return Err(OsmError::NoStreets);
    }
    let mut points = Points::new(&ways);
    points.touch(&others);
    let mut second = |read| tell("reading places", size + read as u64);
    points.read(bytes, settings, &mut second)?;
    tell("joining streets", 2 * size);
    for via in restrictions.iter().flat_map(|restriction| &restriction.via_nodes) {
        if let Some(at) = points.index(*via) {
            points.meets[at] = true;
        }
    }
    report.barriers = points.barriers.len();
    let mut network = join(&ways, &points, &mut report);
    restrict(&mut network, &restrictions, settings, &mut report);
    Ok((network, report))
}

/// What is read of ways and relations.
#[derive(Default)]
struct Ways {
    /// The ways that a vehicle may use.
    used: Vec<(Way, Use)>,
    /// The points of other ways for vehicles, each with whether this one might use it as a guest of its owner.
    others: Vec<(Vec<i64>, bool)>,
    /// All turn restrictions.
    restrictions: Vec<Restriction>,
}

/// Reads ways for vehicles and turn restrictions. Of several versions of an item the highest counts, and of
/// equal ones the last.
fn read_ways(
    bytes: &[u8],
    settings: &BuildSettings,
    tell: &mut (dyn FnMut(usize) + Send),
    report: &mut Report,
) -> Result<Ways, OsmError> {
    let Ways { used: mut ways, mut others, mut restrictions } = Ways::default();
    // Every item in order; what is not used may still be the newest version of something.
    let mut seen: Vec<Key> = Vec::new();
    let (mut used, mut unused): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut used_relations: Vec<usize> = Vec::new();
    read(bytes, Wanted::WaysAndRestrictions, tell, &mut |item| match item {
        Item::Way(way) => {
            report.ways += 1;
            seen.push(Key { kind: Kind::Way, id: way.id, version: way.version });
            if let Some(how) = usage(settings, &way.tags) {
                used.push(seen.len() - 1);
                ways.push((way, how));
            } else if is_for_vehicles(settings.profile, &way.tags) {
                let guest = usage(settings, &invited(&way.tags)).is_some();
                unused.push(seen.len() - 1);
                others.push((way.nodes, guest));
            }
        }
        Item::Restriction(restriction) => {
            seen.push(Key { kind: Kind::Relation, id: restriction.id, version: restriction.version });
            used_relations.push(seen.len() - 1);
            restrictions.push(restriction);
        }
        Item::Nothing(key) => seen.push(key),
        Item::Node(_) => {}
    })?;
    let old = old_versions(&seen);
    if !old.is_empty() {
        let mut at = used.iter();
        ways.retain(|_| at.next().is_some_and(|at| !old.contains(at)));
        let mut at = unused.iter();
        others.retain(|_| at.next().is_some_and(|at| !old.contains(at)));
        let mut at = used_relations.iter();
        restrictions.retain(|_| at.next().is_some_and(|at| !old.contains(at)));
    }
    report.used = ways.len();
    Ok(Ways { used: ways, others, restrictions })
}

/// The indices of items of which there is a higher version, or the same one further on.
fn old_versions(seen: &[Key]) -> BTreeSet<usize> {
    let same = |a: &Key, b: &Key| (a.kind, a.id) == (b.kind, b.id);
    // Nearly every extract is sorted and holds every item once.
    if seen.windows(2).all(|pair| (pair[0].kind, pair[0].id) < (pair[1].kind, pair[1].id)) {
        return BTreeSet::new();
    }
    let mut order: Vec<usize> = (0..seen.len()).collect();
    order.sort_by_key(|&at| (seen[at], at));
    order.windows(2).filter(|pair| same(&seen[pair[0]], &seen[pair[1]])).map(|pair| pair[0]).collect()
}

/// What meets the ways at a point besides barriers that anybody may pass and other ways that are used.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Touched {
    #[default]
    Nothing,
    /// A private street, a track or a private gate, by number. Those that meet have one number.
    Private(u32),
    /// A street or a barrier that is forbidden to the vehicle.
    Forbidden,
}

/// The points of all ways, by index.
struct Points {
    /// OpenStreetMap's ids, ascending.
    ids: Vec<i64>,
    /// True for a point in which ways meet or end: it is a junction.
    meets: Vec<bool>,
    /// `None`: the extract does not hold the point.
    places: Vec<Option<Position>>,
    /// Points that not everybody may pass.
    barriers: BTreeMap<usize, Access>,
    /// What else meets the ways at each point.
    touched: Vec<Touched>,
    /// How many private streets, tracks and private gates have a number.
    privates: u32,
}

impl Points {
    /// The points of some ways. One that is met twice, or ends a way, is a junction.
    fn new(ways: &[(Way, Use)]) -> Self {
        let mut wanted: Vec<i64> = ways.iter().flat_map(|(way, _)| way.nodes.iter().copied()).collect();
        wanted.sort_unstable();
        let mut ids: Vec<i64> = Vec::new();
        let mut meets: Vec<bool> = Vec::new();
        for &id in &wanted {
            if ids.last() == Some(&id) {
                if let Some(last) = meets.last_mut() {
                    *last = true;
                }
            } else {
                ids.push(id);
                meets.push(false);
            }
        }
        let places = vec![None; ids.len()];
        let touched = vec![Touched::Nothing; ids.len()];
        Self { ids, meets, places, barriers: BTreeMap::new(), touched, privates: 0 }
    }

    /// Marks the points at which ways that are not used touch others.
    fn touch(&mut self, others: &[(Vec<i64>, bool)]) {
        let mut sets = UnionFind::<u32>::new(others.len());
        let mut private: BTreeMap<i64, u32> = BTreeMap::new();
        for (number, (nodes, guest)) in (0..).zip(others) {
            for &node in nodes {
                if *guest {
                    sets.union(*private.entry(node).or_insert(number), number);
                } else if let Some(at) = self.index(node) {
                    self.touched[at] = Touched::Forbidden;
                }
            }
        }
        for (node, number) in private {
            if let Some(at) = self.index(node) {
                self.touched[at] = Touched::Private(sets.find_mut(number));
            }
        }
        self.privates = others.len() as u32;
    }

    fn index(&self, id: i64) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }

    /// Reads where the points are and which of them bar the way.
    fn read(
        &mut self,
        bytes: &[u8],
        settings: &BuildSettings,
        tell: &mut (dyn FnMut(usize) + Send),
    ) -> Result<(), OsmError> {
        let mut versions = vec![0; self.ids.len()];
        read(bytes, Wanted::Nodes, tell, &mut |item| {
            if let Item::Node(node) = item
                && let Some(at) = self.index(node.id)
                && node.version >= versions[at]
            {
                versions[at] = node.version;
                self.places[at] = node.place.map(|(x, y)| Position { x, y });
                match passable(&node.tags, settings) {
                    Access::Open => {
                        self.barriers.remove(&at);
                    }
                    closed => {
                        self.barriers.insert(at, closed);
                        self.meets[at] = true;
                        let guest = passable(&invited(&node.tags), settings) != Access::Closed;
                        match self.touched[at] {
                            Touched::Private(_) => {}
                            _ if guest => {
                                self.touched[at] = Touched::Private(self.privates);
                                self.privates += 1;
                            }
                            _ => self.touched[at] = Touched::Forbidden,
                        }
                    }
                }
            }
        })
    }
}

/// Cuts the ways into stretches between junctions.
fn join(ways: &[(Way, Use)], points: &Points, report: &mut Report) -> Raw {
    let mut network = Raw::default();
    let mut junction_of: Vec<Option<JunctionId>> = vec![None; points.ids.len()];
    let mut name_of: BTreeMap<String, u32> = BTreeMap::new();
    for (way, how) in ways {
        let name = way.tags.get("name").or_else(|| way.tags.get("ref")).map_or(u32::MAX, |name| {
            *name_of.entry(name.to_owned()).or_insert_with(|| {
                network.names.push(name.to_owned());
                network.names.len() as u32 - 1
            })
        });
        // Pieces in which every point is known.
        let known: Vec<Option<usize>> =
            way.nodes.iter().map(|&id| points.index(id).filter(|&at| points.places[at].is_some())).collect();
        report.missing_nodes += known.iter().filter(|at| at.is_none()).count();
        for piece in known.split(Option::is_none) {
            let piece: Vec<usize> = piece.iter().flatten().copied().collect();
            let mut begin = 0;
            for at in 1..piece.len() {
                if points.meets[piece[at]] || at + 1 == piece.len() {
                    let line = &piece[begin..=at];
                    let (first, last) = (line[0], line[line.len() - 1]);
                    let mut junction = |at: usize| {
                        let place = points.places[at].unwrap_or_default();
                        match points.barriers.get(&at) {
                            // Every stretch ends there by itself: nobody drives from one to another.
                            Some(Access::Closed) => network.junction(place, None),
                            _ => *junction_of[at].get_or_insert_with(|| network.junction(place, Some(points.ids[at]))),
                        }
                    };
                    let ends = (junction(first), junction(last));
                    for &at in line {
                        match points.touched[at] {
                            Touched::Nothing => {}
                            Touched::Private(number) => network.private.push((number, ends.0)),
                            Touched::Forbidden => network.forbidden.push(ends.0),
                        }
                    }
                    // Whoever drives up to such a barrier passes it, turns round or stops there: the stretch may be driven by the
                    // same trips as the barrier may be passed.
                    let barred = [first, last].iter().any(|at| points.barriers.get(at) == Some(&Access::Destination));
                    let line = line.iter().filter_map(|&at| points.places[at]).collect();
                    network.stretch(way, how, name, line, ends, barred);
                    begin = at;
                }
            }
        }
    }
    network
}

/// Segments with a last one that only says where the points end.
fn with_end(mut segments: Vec<Segment>, points: usize) -> Vec<Segment> {
    segments.push(Segment { road: 0, name: u32::MAX, class: 2, stopping: Stopping::Allowed, points: points as u32 });
    segments
}
