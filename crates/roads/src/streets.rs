//! Streets as data: junctions, directed edges, the segments they run along, and the order of contraction.

use fleetfold_model::{Position, StreetEdge};
use petgraph::algo::tarjan_scc;
use petgraph::graph::DiGraph;

use crate::cch::Topology;
use crate::error::NetworkError;
use crate::ids::{EdgeId, JunctionId, SegmentId};
use crate::order::{Adjacency, order};
use crate::profile::{BuildSettings, Dimensions, Profile};

/// One direction of a segment, between two junctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: JunctionId,
    pub(crate) to: JunctionId,
    pub(crate) millis: u32,
    pub(crate) metres: u32,
    pub(crate) segment: SegmentId,
    /// True if it is driven along the segment's line, false if against it.
    pub(crate) along: bool,
}

/// A stretch of street between two junctions: what both directions share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The id by which events name the street (OpenStreetMap's way).
    pub(crate) road: u64,
    /// Index of its name, or `u32::MAX` if it has none.
    pub(crate) name: u32,
    /// 0 motorway or bridge, 1 arterial, 2 street.
    pub(crate) class: u8,
    /// Whether a vehicle may stop on it.
    pub(crate) stopping: Stopping,
    /// Index of the first of its points; they end where those of the next segment begin.
    pub(crate) points: u32,
}

/// Whether a vehicle may stop on a stretch of street to serve a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// It may.
    Allowed,
    /// It may not, on a motorway, a ramp or a bridge. A place on it is a vehicle that is passing.
    Through,
    /// It may not, in a tunnel. A place on it is above it.
    Under,
}

/// A street network ready to be used: its largest strongly connected part, in order of contraction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streets {
    /// The place of every junction, in order of contraction.
    pub(crate) junctions: Vec<Position>,
    /// Sorted by the junction that they leave.
    pub(crate) edges: Vec<Edge>,
    /// In the order of a curve through the map, so that neighbours on the map are mostly neighbours here. There is one more
    /// entry than there are segments: the last one only says where the points end.
    pub(crate) segments: Vec<Segment>,
    pub(crate) points: Vec<Position>,
    pub(crate) names: Vec<String>,
    pub(crate) topology: Topology,
    /// What they were built for; `None` for streets that are not from an extract, and for graph files of old.
    pub(crate) vehicle: Option<(Profile, Dimensions)>,
    /// A place further than this from every street, in metres, cannot be reached.
    pub(crate) snap_metres: u32,
}

/// [`Streets::snap_metres`] of streets that were not built from an extract, or by an earlier version of the program: 20 km.
pub(crate) const SNAP_METRES_OF_OLD: u32 = 20_000;

/// What was left out when a network was put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Junctions from which one cannot get everywhere and back.
    pub junctions: usize,
    /// Edges that leave or reach one of them.
    pub edges: usize,
}

impl Streets {
    /// Straight edges between junctions, as a recorded day brings them.
    ///
    /// # Errors
    ///
    /// No edges, or one that names a junction that does not exist.
    pub fn from_edges(junctions: &[Position], edges: &[StreetEdge], names: &[String]) -> Result<Self, NetworkError> {
        for (edge, ends) in edges.iter().enumerate() {
            if let Some(&junction) = [ends.from, ends.to].iter().find(|&&junction| junction as usize >= junctions.len())
            {
                return Err(NetworkError::UnknownJunction { edge, junction, junctions: junctions.len() });
            }
        }
        // Both directions of a road between two junctions are one segment.
        let mut sorted: Vec<(u32, u32, u64, usize)> = edges
            .iter()
            .enumerate()
            .map(|(index, edge)| (edge.from.min(edge.to), edge.from.max(edge.to), edge.road, index))
            .collect();
        sorted.sort_unstable();
        let mut segments: Vec<Segment> = Vec::new();
        let mut points = Vec::new();
        let mut built = Vec::with_capacity(edges.len());
        let mut last = None;
        for (low, high, road, index) in sorted {
            let edge = &edges[index];
            if last != Some((low, high, road)) {
                last = Some((low, high, road));
                let name = if (edge.name as usize) < names.len() { edge.name } else { u32::MAX };
                segments.push(Segment {
                    road,
                    name,
                    class: edge.class,
                    stopping: Stopping::Allowed,
                    points: points.len() as u32,
                });
                points.extend([junctions[low as usize], junctions[high as usize]]);
            }
            built.push(Edge {
                from: JunctionId(edge.from),
                to: JunctionId(edge.to),
                millis: edge.millis.max(1),
                metres: edge.metres,
                segment: SegmentId::at(segments.len() - 1),
                along: edge.from == low,
            });
        }
        segments.push(Segment {
            road: 0,
            name: u32::MAX,
            class: 2,
            stopping: Stopping::Allowed,
            points: points.len() as u32,
        });
        let (junctions, edges, _) = largest_part(junctions, built).ok_or(NetworkError::Empty)?;
        Ok(Self::ordered(&junctions, edges, &segments, &[], &points, names.to_vec()))
    }

    /// Orders junctions for contraction and segments along a curve through the map. Segments without edges are left out, unless they
    /// are among those that are `apart`.
    pub(crate) fn ordered(
        places: &[Position],
        mut edges: Vec<Edge>,
        segments: &[Segment],
        apart: &[SegmentId],
        points: &[Position],
        names: Vec<String>,
    ) -> Self {
        let neighbours = Adjacency::new(places.len(), edges.iter().map(|edge| (edge.from.0, edge.to.0)));
        let (order, part) = order(places, &neighbours);
        let mut rank = vec![JunctionId::default(); places.len()];
        for (at, &node) in order.iter().enumerate() {
            rank[node as usize] = JunctionId::at(at);
        }
        let junctions: Vec<Position> = order.iter().map(|&node| places[node as usize]).collect();
        let (segments, points) = side_by_side(&mut edges, segments, apart, points);
        for edge in &mut edges {
            (edge.from, edge.to) = (rank[edge.from], rank[edge.to]);
        }
        edges.sort_by_key(|edge| (edge.from, edge.to, edge.segment, edge.along));
        let ends: Vec<(u32, u32)> = edges.iter().map(|edge| (edge.from.0, edge.to.0)).collect();
        let topology = Topology::new(junctions.len(), part, &ends);
        Self { junctions, edges, segments, points, names, topology, vehicle: None, snap_metres: SNAP_METRES_OF_OLD }
    }

    /// The same streets with what they were built for.
    pub(crate) fn built_for(self, settings: BuildSettings) -> Self {
        let vehicle = Some((settings.profile, settings.dimensions));
        Self { vehicle, snap_metres: settings.snap_metres, ..self }
    }

    /// What the streets were built for: a kind of vehicle and its size. `None` if they are not from an extract, or from a graph
    /// file of an earlier version of the program.
    pub fn vehicle(&self) -> Option<(Profile, Dimensions)> {
        self.vehicle
    }

    /// A place further than this from every street, in metres, cannot be reached.
    pub fn snap_metres(&self) -> u32 {
        self.snap_metres
    }

    /// The same streets with another distance, in metres, beyond which a place cannot be reached.
    #[must_use]
    pub fn with_snap_metres(self, snap_metres: u32) -> Self {
        Self { snap_metres, ..self }
    }

    /// All junctions, by rank.
    pub fn junction_ids(&self) -> impl Iterator<Item = JunctionId> + use<> {
        JunctionId::first(self.junctions.len())
    }

    /// How many junctions there are; one with turn restrictions counts once for every way into it that is restricted.
    pub fn junctions(&self) -> usize {
        self.junctions.len()
    }

    /// How many directed edges there are.
    pub fn directed_edges(&self) -> usize {
        self.edges.len()
    }

    /// How many stretches of street between two junctions there are that are driven in some direction.
    pub fn stretches(&self) -> usize {
        self.driven().filter(|&driven| driven).count()
    }

    /// How many stretches of street there are, with those that are apart from the others.
    pub(crate) fn all_stretches(&self) -> usize {
        self.segments.len() - 1
    }

    /// Of every stretch in order, whether it is driven in some direction.
    fn driven(&self) -> impl Iterator<Item = bool> {
        let mut driven = vec![false; self.all_stretches()];
        for edge in &self.edges {
            driven[edge.segment.0 as usize] = true;
        }
        driven.into_iter()
    }

    /// Where a junction is.
    ///
    /// # Panics
    ///
    /// If there is no such junction.
    pub fn junction(&self, junction: JunctionId) -> Position {
        self.junctions[junction]
    }

    /// Every directed edge as its junctions and its milliseconds, in order, for whoever wants the bare graph.
    pub fn bare_edges(&self) -> impl Iterator<Item = (JunctionId, JunctionId, u32)> {
        self.edges.iter().map(|edge| (edge.from, edge.to, edge.millis))
    }

    /// Bridges and motorways among some edges: their ids, each once, and their names.
    pub fn main_roads(&self, edges: &[EdgeId]) -> Vec<(u64, String)> {
        let segments = edges.iter().filter_map(|edge| self.edges.get(edge.0 as usize));
        let main = segments.map(|edge| &self.segments[edge.segment]).filter(|segment| segment.class == 0);
        let name = |segment: &Segment| self.names.get(segment.name as usize).cloned().unwrap_or_default();
        let mut roads: Vec<(u64, String)> = main.map(|segment| (segment.road, name(segment))).collect();
        roads.sort_unstable();
        roads.dedup();
        roads
    }

    /// The name of a segment; empty if it has none.
    pub(crate) fn name_of(&self, segment: SegmentId) -> &str {
        self.names.get(self.segments[segment].name as usize).map_or("", String::as_str)
    }

    /// How many different names the streets have.
    pub fn names(&self) -> usize {
        self.names.len()
    }

    /// South-west and north-east corner of the box around all streets that are driven.
    pub fn bounds(&self) -> (Position, Position) {
        let (mut low, mut high) = ((i32::MAX, i32::MAX), (i32::MIN, i32::MIN));
        for (segment, _) in SegmentId::first(self.all_stretches()).zip(self.driven()).filter(|&(_, driven)| driven) {
            for at in self.line_of(segment) {
                low = (low.0.min(at.x), low.1.min(at.y));
                high = (high.0.max(at.x), high.1.max(at.y));
            }
        }
        (Position { x: low.0, y: low.1 }, Position { x: high.0, y: high.1 })
    }

    /// The points of a segment's line, from one junction to the other.
    #[inline]
    pub(crate) fn line_of(&self, segment: SegmentId) -> &[Position] {
        let begin = self.segments[segment].points as usize;
        &self.points[begin..self.segments[segment.0 as usize + 1].points as usize]
    }
}

/// The largest part in which everything can be reached from everywhere: its junctions, its edges and what is left out. `None` if
/// there are no edges.
pub(crate) fn largest_part(junctions: &[Position], edges: Vec<Edge>) -> Option<(Vec<Position>, Vec<Edge>, Dropped)> {
    if edges.is_empty() {
        return None;
    }
    let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(junctions.len(), edges.len());
    let ids: Vec<_> = junctions.iter().map(|_| graph.add_node(())).collect();
    for edge in &edges {
        graph.add_edge(ids[edge.from], ids[edge.to], ());
    }
    // From a junction outside of this part some others cannot be reached, or cannot be left again.
    let parts = tarjan_scc(&graph);
    let largest = parts.iter().max_by_key(|part| part.len())?;
    let mut kept: Vec<usize> = largest.iter().map(|node| node.index()).collect();
    kept.sort_unstable();
    let mut renamed = vec![None; junctions.len()];
    for (new, &old) in kept.iter().enumerate() {
        renamed[old] = Some(JunctionId::at(new));
    }
    let before = (junctions.len(), edges.len());
    let places: Vec<Position> = kept.iter().map(|&old| junctions[old]).collect();
    let edges: Vec<Edge> = edges
        .into_iter()
        .filter_map(|edge| Some(Edge { from: renamed[edge.from]?, to: renamed[edge.to]?, ..edge }))
        .collect();
    let dropped = Dropped { junctions: before.0 - places.len(), edges: before.1 - edges.len() };
    Some((places, edges, dropped))
}

/// Leaves out segments without edges that are not `apart`, and sorts the others along a curve through the map (Morton, "A Computer Oriented
/// Geodetic Data Base and a New Technique in File Sequencing", 1966): neighbours on the map come close together in memory.
fn side_by_side(
    edges: &mut [Edge],
    segments: &[Segment],
    apart: &[SegmentId],
    points: &[Position],
) -> (Vec<Segment>, Vec<Position>) {
    let line = |segment: usize| &points[segments[segment].points as usize..segments[segment + 1].points as usize];
    let spread = |wide: i32| {
        let mut bits = u64::from((i64::from(wide) - i64::from(i32::MIN)) as u32);
        for (shift, mask) in [
            (16, 0x0000_ffff_0000_ffff),
            (8, 0x00ff_00ff_00ff_00ff),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
            (2, 0x3333_3333_3333_3333),
            (1, 0x5555_5555_5555_5555),
        ] {
            bits = (bits | bits << shift) & mask;
        }
        bits
    };
    let mut used = vec![false; segments.len()];
    for segment in edges.iter().map(|edge| edge.segment).chain(apart.iter().copied()) {
        used[segment] = true;
    }
    let mut order: Vec<(u64, usize)> = (0..segments.len() - 1)
        .filter(|&segment| used[segment])
        .map(|segment| {
            let middle = line(segment)[line(segment).len() / 2];
            (spread(middle.x) | spread(middle.y) << 1, segment)
        })
        .collect();
    order.sort_unstable();
    let mut renamed = vec![SegmentId::default(); segments.len()];
    let (mut sorted, mut places) = (Vec::with_capacity(order.len() + 1), Vec::new());
    for (at, &(_, segment)) in order.iter().enumerate() {
        renamed[segment] = SegmentId::at(at);
        sorted.push(Segment { points: places.len() as u32, ..segments[segment] });
        places.extend_from_slice(line(segment));
    }
    sorted.push(Segment {
        road: 0,
        name: u32::MAX,
        class: 2,
        stopping: Stopping::Allowed,
        points: places.len() as u32,
    });
    for edge in edges.iter_mut() {
        edge.segment = renamed[edge.segment];
    }
    (sorted, places)
}
