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
use crate::server::{LegAnswer, LegQuery, LegSource, Server};
use crate::speeds::Speeds;
use crate::street::{Beside, Driven, OffStreet, Street};
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

/// Legs between some places under one state of the roads, of which each row is computed when it is asked for.
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

impl LegTable {
    /// The leg from one of the places to another, given by their nodes. Nothing is kept.
    ///
    /// # Panics
    ///
    /// When there is no such node.
    pub fn leg(&self, from: usize, to: usize) -> Leg {
        match &self.network.kind {
            Kind::Graph(graph) => graph.pair(&self.places, &self.known, from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => self.network.leg(self.places[from], self.places[to]),
        }
    }
}

impl Network {
    /// Builds a network from its description.
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

    /// A network of streets that were read from an extract or a graph file.
    pub fn from_streets(streets: Streets) -> Self {
        Self { kind: Kind::Graph(Graph::new(streets)) }
    }

    /// A network whose legs come from a routing server and are kept. Straight lines serve where the server has not answered.
    pub fn from_source(source: Arc<dyn LegSource>) -> Self {
        Self { kind: Kind::Server(Server::new(source, Line::unknown(Space::Geographic))) }
    }

    /// The streets, and the number of arcs in their hierarchy, shortcuts included. `None` if the network has no streets.
    pub fn graph(&self) -> Option<(&Streets, usize)> {
        match &self.kind {
            Kind::Graph(graph) => Some((graph.data(), graph.arcs())),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
        }
    }

    /// The same network with all shortcuts computed anew: a benchmark measures with it what a change of all weights costs. `None` if
    /// the network has no streets.
    pub fn recustomised(&self) -> Option<Self> {
        let Kind::Graph(graph) = &self.kind else { return None };
        Some(Self { kind: Kind::Graph(graph.recustomised()) })
    }

    /// The leg between two junctions, without snapping places to streets and without keeping anything: what routing engines call a
    /// query. `None` if the network has no streets, or no such junction.
    pub fn between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Leg> {
        let Kind::Graph(graph) = &self.kind else { return None };
        let all = graph.data().junctions() as u32;
        (from.0 < all && to.0 < all).then(|| graph.between_junctions(from, to))
    }

    /// The edges on the quickest way between two junctions, in order of driving. `None` if there is no way, no such junction, or if
    /// the network has no streets.
    pub fn edges_between_junctions(&self, from: JunctionId, to: JunctionId) -> Option<Vec<EdgeId>> {
        let Kind::Graph(graph) = &self.kind else { return None };
        let all = graph.data().junctions() as u32;
        if from.0 < all && to.0 < all { graph.edges_between_junctions(from, to) } else { None }
    }

    /// The streets driven from one place to another, in order. Empty if there is no way, or if the network has no streets.
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

    /// A network for places that are read in this way: this one if it reads them so. Straight lines are drawn in any space. Streets and
    /// tables cannot be: instead of them, straight lines as where nothing is known of the roads.
    #[must_use]
    pub fn in_space(self: Arc<Self>, space: Space) -> Arc<Self> {
        if self.space() == space {
            return self;
        }
        let line = match &self.kind {
            Kind::Line(line) => Line { space, ..line.clone() },
            Kind::Table(_) | Kind::Graph(_) | Kind::Server(_) => Line::unknown(space),
        };
        Arc::new(Self { kind: Kind::Line(line) })
    }

    /// True where a zone whose places are read in this way has nothing from this network but straight lines.
    pub fn is_foreign_to(&self, space: Space) -> bool {
        self.space() != space && !matches!(self.kind, Kind::Line(_))
    }

    /// The same network with these changes in force, and no others. `None` if the network has no streets.
    #[must_use]
    pub fn with_changes(&self, changes: &[ActiveChange]) -> Option<Self> {
        match &self.kind {
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
            Kind::Graph(graph) => Some(Self { kind: Kind::Graph(graph.with_changes(changes)) }),
        }
    }

    /// The same network at other speeds and without changes. `None` for a table and for a routing server: their travel times are
    /// given.
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

    /// Milliseconds that the quickest way of now takes at normal speed, by class of road and square of the map. Empty if there is no
    /// way, and for a table and a routing server.
    pub fn normal_time(&self, from: Position, to: Position) -> Vec<((u8, Cell), u64)> {
        match &self.kind {
            Kind::Line(line) if from != to => {
                vec![((1, Cell::of(line.space, to)), line.leg(from, to).millis.max(0) as u64)]
            }
            Kind::Graph(graph) => graph.normal_time(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// True if [`Network::with_speeds`] makes a network.
    pub fn has_speeds(&self) -> bool {
        matches!(self.kind, Kind::Graph(_) | Kind::Line(_))
    }

    /// True if roads can be closed: the network has streets.
    pub fn has_roads(&self) -> bool {
        matches!(self.kind, Kind::Graph(_))
    }

    /// Why no street serves a place. `None` if one does, and if the network has no streets.
    pub fn off_street(&self, place: Position) -> Option<OffStreet> {
        match &self.kind {
            Kind::Graph(graph) => graph.off_street(place),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
        }
    }

    /// The leg from one place to another.
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

    /// Legs between all pairs of places, row by row.
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

    /// What a routing server is to be asked so that all legs between these places are known. `None`: nothing, or there is none.
    pub fn missing(&self, places: &[Position]) -> Option<LegQuery> {
        if let Kind::Server(server) = &self.kind { server.missing(places) } else { None }
    }

    /// Asks the routing server. The caller waits for it; no lock is held meanwhile. The answer counts when it is given to
    /// [`Network::learn`]. Empty without a server.
    pub fn fetch(&self, query: &LegQuery) -> LegAnswer {
        if let Kind::Server(server) = &self.kind { server.fetch(query) } else { LegAnswer::default() }
    }

    /// Keeps the legs of an answer.
    pub fn learn(&self, answer: &LegAnswer) {
        if let Kind::Server(server) = &self.kind {
            server.learn(answer);
        }
    }

    /// Legs between all pairs of these places, of which each row is computed when it is asked for.
    pub fn rows(self: &Arc<Self>, places: Arc<[Position]>) -> LegTable {
        let known = match &self.kind {
            Kind::Graph(graph) => graph.know(&places),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        };
        LegTable { network: Arc::clone(self), places, known }
    }

    /// The line driven from one place to another, both included; a straight line if the network has no streets.
    pub fn path(&self, from: Position, to: Position) -> Vec<Position> {
        match &self.kind {
            Kind::Graph(graph) => graph.path(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => vec![from, to],
        }
    }

    /// Edges that a change would be about; none if the network has no streets.
    pub fn edges_named(&self, target: &RoadTarget) -> Vec<EdgeId> {
        match &self.kind {
            Kind::Graph(graph) => graph.edges_named(target),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// Edges on the way from one place to another, in order of driving; none if the network has no streets.
    pub fn edges_driven(&self, from: Position, to: Position) -> Vec<EdgeId> {
        match &self.kind {
            Kind::Graph(graph) => graph.edges_driven(from, to),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// What takes more or less time here than in `before`, another state of the same streets.
    pub fn changed_since(&self, before: &Self) -> WeightChange {
        match (&self.kind, &before.kind) {
            (Kind::Graph(now), Kind::Graph(before)) => now.changed_since(before),
            _ => WeightChange::default(),
        }
    }

    /// Ids of roads of this network that are nearest to one that it does not have: what somebody may have meant.
    pub fn roads_like(&self, road: u64) -> Vec<u64> {
        match &self.kind {
            Kind::Graph(graph) => graph.roads_like(road),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// Lines of the streets that a change is about, for the map; none if the network has no streets.
    pub fn lines_of(&self, target: &RoadTarget) -> Vec<Vec<Position>> {
        match &self.kind {
            Kind::Graph(graph) => graph.lines_of(target),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// The street that serves a place. `None`: the network has no streets, or none serves the place.
    pub fn street_at(&self, place: Position) -> Option<Beside> {
        match &self.kind {
            Kind::Graph(graph) => graph.street_at(place),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => None,
        }
    }

    /// The names of the streets that a change is about, each once; none if the network has no streets.
    pub fn names_of(&self, target: &RoadTarget) -> Vec<String> {
        match &self.kind {
            Kind::Graph(graph) => graph.names_of(target),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// The streets as the map draws them; none if the network has no streets.
    pub fn streets(&self) -> Vec<Street> {
        match &self.kind {
            Kind::Graph(graph) => graph.streets(),
            Kind::Line(_) | Kind::Table(_) | Kind::Server(_) => Vec::new(),
        }
    }

    /// Metres between two places as the crow flies.
    pub fn crow(&self, a: Position, b: Position) -> f64 {
        crow(self.space(), a, b)
    }
}
