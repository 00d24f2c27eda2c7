//! Travel times of every kind behind one type: a [`Network`] is straight lines, a table, streets, or a routing server.

use std::sync::Arc;

use fleetfold_model::{Cell, NetworkSpec, Position, RoadTarget, Space};
use rayon::prelude::*;

use crate::change::{ActiveChange, WeightChange};
use crate::error::NetworkError;
use crate::graph::{Graph, Known};
use crate::ids::{EdgeId, JunctionId};
use crate::leg::{Leg, UNREACHABLE_MILLIS};
use crate::line::{Line, crow};
use crate::server::{LegSource, Server};
use crate::speeds::Speeds;
use crate::street::{Driven, Street};
use crate::streets::Streets;
use crate::table::Table;

/// Travel times under one state of the roads.
#[derive(Debug)]
pub struct Network {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Line(Line),
    Table(Arc<Table>),
    Graph(Graph),
    Server(Server),
}

/// Legs between places under one state of the roads, computed row by row.
#[derive(Debug)]
pub struct LegTable {
    network: Arc<Network>,
    places: Arc<[Position]>,
    /// On a graph: what each place knows of the hierarchy, by node. Otherwise empty.
    known: Vec<Arc<Known>>,
}

impl LegTable {
    /// Legs from one of the places, given by its node (its index in the list of places), to all of them.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    pub fn from(&self, node: usize) -> Vec<Leg> {
        match &self.network.kind {
            Kind::Graph(graph) => graph.row(&self.places, &self.known, node),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => {
                self.places.iter().map(|&to| self.network.leg(self.places[node], to)).collect()
            }
        }
    }
}

impl Network {
    /// Builds it from its description.
    ///
    /// # Errors
    ///
    /// What is wrong with the description.
    pub fn new(spec: &NetworkSpec) -> Result<Self, NetworkError> {
        let kind = match spec {
            &NetworkSpec::Line { space, metres_per_minute, detour_percent, round_up_seconds } => {
                if !(metres_per_minute.is_finite() && metres_per_minute > 0.0) {
                    return Err(NetworkError::Speed { metres_per_minute });
                }
                if detour_percent < 100 {
                    return Err(NetworkError::Detour { percent: detour_percent });
                }
                Kind::Line(Line { space, metres_per_minute, detour_percent, round_up_seconds })
            }
            NetworkSpec::Table { space, places, seconds, metres } => {
                let cells = places.len() * places.len();
                if places.is_empty() {
                    return Err(NetworkError::Empty);
                }
                if seconds.len() != cells || metres.len() != cells {
                    let (seconds, metres) = (seconds.len(), metres.len());
                    return Err(NetworkError::TableSize { places: places.len(), seconds, metres });
                }
                let most = UNREACHABLE_MILLIS as u32 / 1000;
                if let Some(&seconds) = seconds.iter().find(|&&seconds| seconds > most) {
                    return Err(NetworkError::LegTooLong { seconds, most });
                }
                Kind::Table(Arc::new(Table::new(*space, places.clone(), seconds.clone(), metres.clone())))
            }
            NetworkSpec::Graph { nodes, edges, names } => {
                Kind::Graph(Graph::new(Streets::from_edges(nodes, edges, names)?))
            }
        };
        Ok(Self { kind })
    }

    /// Streets as they were read from a graph file.
    pub fn from_streets(streets: Streets) -> Self {
        Self { kind: Kind::Graph(Graph::new(streets)) }
    }

    /// Legs from a routing server, cached; straight lines at a speed where it has not answered.
    pub fn from_source(source: Arc<dyn LegSource>) -> Self {
        let fallback =
            Line { space: Space::Geographic, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 };
        Self { kind: Kind::Server(Server::new(source, fallback)) }
    }

    /// The streets behind it, and the arcs of its hierarchy (shortcuts included).
    pub fn graph(&self) -> Option<(&Streets, usize)> {
        match &self.kind {
            Kind::Graph(graph) => Some((graph.data(), graph.arcs())),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
        }
    }

    /// The same roads, all their shortcuts computed anew: what a change of all weights costs. `None` without a graph.
    pub fn recustomised(&self) -> Option<Self> {
        let Kind::Graph(graph) = &self.kind else { return None };
        Some(Self { kind: Kind::Graph(graph.recustomised()) })
    }

    /// Between two junctions of a graph by their numbers, snapping nothing and keeping nothing: what routing engines call a
    /// query. `None` without a graph or with numbers beyond it.
    pub fn between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Leg> {
        let Kind::Graph(graph) = &self.kind else { return None };
        let all = graph.data().junctions() as u32;
        (from.0 < all && to.0 < all).then(|| graph.between_junctions(from, to))
    }

    /// The edges on the way between two junctions. `None` without a graph, a way, or with numbers beyond it.
    pub fn edges_between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Vec<EdgeId>> {
        let Kind::Graph(graph) = &self.kind else { return None };
        let all = graph.data().junctions() as u32;
        if from.0 < all && to.0 < all { graph.edges_between_junctions(from, to) } else { None }
    }

    /// Names of the streets driven from one place to another, in order; empty without a graph or a way.
    pub fn streets_driven(&self, from: Position, to: Position) -> Vec<Driven> {
        match &self.kind {
            Kind::Graph(graph) => graph.streets_driven(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// How coordinates are read.
    pub fn space(&self) -> Space {
        match &self.kind {
            Kind::Line(line) => line.space,
            Kind::Table(table) => table.space,
            Kind::Graph(_) | Kind::Server(_) => Space::Geographic,
        }
    }

    /// The same network with these changes in force; `None` where no roads are known that could change.
    #[must_use]
    pub fn with_changes(&self, changes: &[ActiveChange]) -> Option<Self> {
        match &self.kind {
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
            Kind::Graph(graph) => Some(Self { kind: Kind::Graph(graph.with_changes(changes)) }),
        }
    }

    /// The same network at other speeds and without changes; `None` where travel times are not ours.
    #[must_use]
    pub fn with_speeds(&self, speeds: &Speeds) -> Option<Self> {
        match &self.kind {
            Kind::Line(line) => {
                let metres_per_minute =
                    line.metres_per_minute * 1000.0 / f64::from(speeds.by_class[1].clamp(1, 100_000));
                Some(Self { kind: Kind::Line(Line { metres_per_minute, ..line.clone() }) })
            }
            Kind::Graph(graph) => Some(Self { kind: Kind::Graph(graph.with_speeds(speeds)) }),
            Kind::Table(_) | Kind::Server(_) => None,
        }
    }

    /// Milliseconds that the way between two places takes at normal speed, by class of road and square; as many as there are
    /// along the way that is quickest now. Empty where travel times are not ours.
    pub fn normal_time(&self, from: Position, to: Position) -> Vec<((u8, Cell), u64)> {
        match &self.kind {
            Kind::Line(line) if from != to => {
                vec![((1, Cell::of(line.space, to)), line.leg(from, to).millis.max(0) as u64)]
            }
            Kind::Graph(graph) => graph.normal_time(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// True when its travel times are ours to change.
    pub fn has_speeds(&self) -> bool {
        matches!(self.kind, Kind::Graph(_) | Kind::Line(_))
    }

    /// True when roads can be closed on it.
    pub fn has_roads(&self) -> bool {
        matches!(self.kind, Kind::Graph(_))
    }

    /// One leg.
    pub fn leg(&self, from: Position, to: Position) -> Leg {
        if from == to {
            return Leg::default();
        }
        match &self.kind {
            Kind::Line(line) => line.leg(from, to),
            Kind::Table(table) => table.leg(from, to),
            Kind::Graph(graph) => graph.leg(from, to),
            Kind::Server(server) => server.leg(from, to),
        }
    }

    /// Legs between all pairs, row by row.
    pub fn legs(&self, places: &[Position]) -> Vec<Leg> {
        match &self.kind {
            Kind::Graph(graph) => graph.legs(places),
            Kind::Server(server) => server.legs(places),
            Kind::Line(_) | Kind::Table(_) => places
                .par_iter()
                .with_min_len(64)
                .flat_map_iter(|&from| places.iter().map(move |&to| self.leg(from, to)))
                .collect(),
        }
    }

    /// Legs between all pairs of these places, row by row when they are asked for.
    pub fn rows(self: &Arc<Self>, places: Arc<[Position]>) -> LegTable {
        let known = match &self.kind {
            Kind::Graph(graph) => graph.know(&places),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        };
        LegTable { network: Arc::clone(self), places, known }
    }

    /// The line driven from one place to another, both included.
    pub fn path(&self, from: Position, to: Position) -> Vec<Position> {
        match &self.kind {
            Kind::Graph(graph) => graph.path(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => vec![from, to],
        }
    }

    /// Edges that a change would be about; none without a graph.
    pub fn edges_named(&self, target: &RoadTarget) -> Vec<EdgeId> {
        match &self.kind {
            Kind::Graph(graph) => graph.edges_named(target),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// Edges on the way from one place to another, in order of driving; none without a graph.
    pub fn edges_driven(&self, from: Position, to: Position) -> Vec<EdgeId> {
        match &self.kind {
            Kind::Graph(graph) => graph.edges_driven(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// What takes longer or less long here than in `before`, a state of the same roads.
    pub fn changed_since(&self, before: &Self) -> WeightChange {
        match (&self.kind, &before.kind) {
            (Kind::Graph(now), Kind::Graph(before)) => now.changed_since(before),
            _ => WeightChange::default(),
        }
    }

    /// Lines of the streets that a change is about, for the map; none without a graph.
    pub fn lines_of(&self, target: &RoadTarget) -> Vec<Vec<Position>> {
        match &self.kind {
            Kind::Graph(graph) => graph.lines_of(target),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// The streets, for the map; none without a graph.
    pub fn streets(&self) -> Vec<Street> {
        match &self.kind {
            Kind::Graph(graph) => graph.streets(),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// Metres as the crow flies.
    pub fn crow(&self, a: Position, b: Position) -> f64 {
        crow(self.space(), a, b)
    }
}
