//! A piece of a problem with indices of its own: some tours, their stops and those waiting, in compact arrays.
//!
//! A search runs on such pieces: 250 stops with their legs fit into a core's caches, however large the problem is.

use super::neighbours::{Lists, Neighbours};
use crate::index::{By, LocalNode, LocalStop, LocalTour, NodeIx, StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::problem::{Problem, Role, TIME_MAX};

/// Tables of legs are made for pieces of up to this many nodes; larger ones ask the problem for each leg.
const TABLE_NODES_MAX: usize = 1_200;

/// What the innermost loops read of a stop: 32 bytes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Fixed {
    /// First opening.
    pub(crate) opens: i32,
    pub(crate) service: i32,
    /// Load of the first dimension.
    pub(crate) load: i32,
    /// The latest start of service that the search aims at.
    pub(crate) closes: i32,
    /// The other stop of the shipment, or [`LocalStop::NONE`].
    pub(crate) mate: LocalStop,
    /// The end of the first window, if there are several; later than any time if there is one. Until then, service starts on arrival or
    /// at the first opening.
    open_until: i32,
    pub(crate) role: Role,
    /// More than one window.
    pub(crate) several: bool,
}

/// What the innermost loops read of a tour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FixedTour {
    /// Whatever starts by then keeps the shift at its stop.
    pub(crate) start_by: i32,
    /// End of the shift.
    pub(crate) end_by: i32,
    /// Service has to be over by the end of the shift: there is no way home that tells.
    open: bool,
    /// Capacity of the first dimension.
    pub(crate) capacity: i32,
    /// Capacity less what is on board at the start.
    pub(crate) room: [i32; 4],
    /// Deliveries of shipments may be made after the shift.
    finish_late: bool,
    pub(crate) paused: bool,
    pub(crate) lifo: bool,
}

/// What rich pieces read of a stop beside [`Fixed`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct RichFixed {
    pub(crate) load: [i32; 4],
    pub(crate) due: i32,
    pub(crate) placed: i32,
    /// Service that starts by then costs nothing and keeps the aim.
    pub(crate) kept: i32,
    /// Its windows among all of the piece: from, to.
    windows: (u32, u32),
}

/// All legs to and from one stop: travel time (with set-up) and price.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'l> {
    to: &'l [(i32, i32)],
    from: &'l [(i32, i32)],
}

impl Rows<'_> {
    /// The leg to the stop from this node.
    #[inline]
    pub(crate) fn inbound(self, node: impl Into<LocalNode>) -> (i32, i32) {
        self.to[node.into().index()]
    }

    /// The leg from the stop to this node.
    #[inline]
    pub(crate) fn outbound(self, node: impl Into<LocalNode>) -> (i32, i32) {
        self.from[node.into().index()]
    }
}

/// A piece of a problem.
pub(crate) struct Local<'p> {
    pub(crate) problem: &'p Problem,
    /// What the problem calls each stop.
    pub(crate) stops: By<LocalStop, StopIx>,
    /// What the problem calls each tour.
    pub(crate) tours: By<LocalTour, TourIx>,
    pub(crate) fixed: By<LocalStop, Fixed>,
    pub(crate) fixed_tours: By<LocalTour, FixedTour>,
    pub(crate) rich: By<LocalStop, RichFixed>,
    windows: Vec<(i32, i32)>,
    pub(crate) near: Lists<LocalStop>,
    pub(crate) before: Lists<LocalStop>,
    pub(crate) after: Lists<LocalStop>,
    /// Start of each tour's class in the table.
    class: By<LocalTour, usize>,
    nodes: usize,
    /// Legs by (class, from, to), then the same by (class, to, from): testing many positions of one stop reads one row of each half,
    /// which stay in the cache.
    table: Vec<(i32, i32)>,
    /// Where the second half begins. 0 if every leg, those of starts and ends included, is the same in both directions: one half then
    /// stands for both.
    back: usize,
    /// The vehicles of all tours are of one class, so that one table of legs holds for all.
    pub(crate) one_class: bool,
    /// See [`Problem::is_plain`].
    pub(crate) plain: bool,
    /// At least one stop is a job.
    pub(crate) jobs: bool,
    /// All stops are jobs that deliver, or all are jobs that pick up: a tour has room for a stop at every position or at none.
    pub(crate) totals: bool,
    /// At least one stop is a pickup or delivery of a shipment.
    pub(crate) paired: bool,
    /// At least one tour has goods on board at its start. While their delivery is absent they take room to the end of the tour.
    pub(crate) on_board: bool,
    /// Where a problem has relations: what this piece calls each stop of the problem. Else empty.
    at_home: By<StopIx, LocalStop>,
    /// At least one shipment has load zero, so an empty vehicle may still carry goods that it must deliver.
    pub(crate) has_weightless_shipment: bool,
    /// Work on this piece may end before it is done.
    pub(crate) interrupt: Interrupt<'p>,
}

/// Where each stop of a problem is while the problem is cut into pieces: the number of the piece, and the
/// stop's own number in it.
pub(crate) type Where = By<StopIx, (u32, LocalStop)>;

impl<'p> Local<'p> {
    /// The whole problem as one piece, without lists of neighbours and tables of legs: for answers without a search.
    pub(crate) fn whole(problem: &'p Problem) -> Self {
        let stops = StopIx::first(problem.stops().len()).collect();
        Self::bare(problem, stops, TourIx::first(problem.tours().len()).collect(), LocalStop::of_whole)
    }

    /// The same piece, on which work may end before it is done.
    pub(crate) fn until(self, interrupt: Interrupt<'p>) -> Self {
        Self { interrupt, ..self }
    }

    /// The piece with number `piece` in `at`, which has these stops and tours, with lists of neighbours and tables of legs.
    pub(crate) fn piece(
        problem: &'p Problem,
        near: &Neighbours,
        at: &Where,
        piece: u32,
        stops: Vec<StopIx>,
        tours: Vec<TourIx>,
    ) -> Self {
        let mut local = Self::bare(problem, stops, tours, |stop| at[stop].1);
        let here = |lists: &Lists<StopIx>| {
            let mut mine = Lists::with_capacity(local.stops.len(), 0);
            for &stop in &local.stops {
                mine.push(lists.of(stop).iter().filter_map(|&other| {
                    let (its, local) = at[other];
                    (its == piece).then_some(local)
                }));
            }
            mine
        };
        let lists = (here(&near.near), here(&near.before), here(&near.after));
        (local.near, local.before, local.after) = lists;
        local.tabulate();
        local
    }

    fn bare(
        problem: &'p Problem,
        stops: Vec<StopIx>,
        tours: Vec<TourIx>,
        local_of: impl Fn(StopIx) -> LocalStop,
    ) -> Self {
        let fixed: By<LocalStop, Fixed> = stops
            .iter()
            .map(|&stop| {
                let spec = &problem.stops()[stop.index()];
                Fixed {
                    opens: spec.windows.first().map_or(-TIME_MAX, |window| window.0),
                    service: spec.service,
                    load: spec.load[0],
                    closes: problem.closes(stop),
                    mate: if spec.mate == StopIx::NONE { LocalStop::NONE } else { local_of(spec.mate) },
                    role: spec.role,
                    open_until: if let [(_, closes), _, ..] = spec.windows[..] { closes } else { i32::MAX },
                    several: spec.windows.len() > 1,
                }
            })
            .collect();
        let nodes = stops.len() + tours.len();
        let class = By::each(0, tours.len());
        let jobs = fixed.iter().any(|stop| matches!(stop.role, Role::JobDelivery | Role::JobPickup));
        let paired = fixed.iter().any(|stop| matches!(stop.role, Role::Pickup | Role::Delivery));
        let totals = fixed.iter().all(|stop| stop.role == Role::JobDelivery)
            || fixed.iter().all(|stop| stop.role == Role::JobPickup);
        let longest = fixed.iter().map(|stop| stop.service).max().unwrap_or(0);
        let fixed_tours = tours
            .iter()
            .map(|&tour| {
                let spec = &problem.tours()[tour.index()];
                let open = spec.end_node == NodeIx::NONE;
                FixedTour {
                    start_by: if open { spec.end_by.saturating_sub(longest) } else { spec.end_by },
                    end_by: spec.end_by,
                    open,
                    capacity: spec.capacity[0],
                    // Who reloads has room for more than fits at once.
                    room: std::array::from_fn(|d| {
                        if spec.reload.is_some() { i32::MAX } else { spec.capacity[d].saturating_sub(spec.onboard[d]) }
                    }),
                    finish_late: spec.finish_late,
                    paused: !spec.pauses.is_empty(),
                    lifo: spec.lifo,
                }
            })
            .collect();
        let mut windows = Vec::new();
        let rich = stops
            .iter()
            .map(|&stop| {
                let spec = &problem.stops()[stop.index()];
                let first = windows.len() as u32;
                windows.extend_from_slice(&spec.windows);
                RichFixed {
                    load: spec.load,
                    due: spec.due,
                    placed: spec.placed,
                    kept: spec.due.min(problem.closes(stop)),
                    windows: (first, windows.len() as u32),
                }
            })
            .collect();
        let mut at_home = By::default();
        if problem.relations().are_there() {
            at_home = By::each(LocalStop::NONE, problem.stops().len());
            for (local, &stop) in LocalStop::all().zip(&stops) {
                at_home[stop] = local;
            }
        }
        let on_board = fixed.iter().any(|stop| stop.role == Role::Delivery && stop.mate == LocalStop::NONE);
        let has_weightless_shipment = fixed.iter().any(|stop| stop.role == Role::Pickup && stop.load == 0);
        Self {
            problem,
            stops: stops.into(),
            tours: tours.into(),
            fixed,
            fixed_tours,
            rich,
            windows,
            near: Lists::default(),
            before: Lists::default(),
            after: Lists::default(),
            class,
            nodes,
            table: Vec::new(),
            back: 0,
            one_class: false,
            plain: problem.is_plain(),
            jobs,
            totals,
            paired,
            on_board,
            at_home,
            has_weightless_shipment,
            interrupt: Interrupt::NEVER,
        }
    }

    /// What this piece calls a stop of the problem, where that has relations. `None`: the stop is in another piece.
    pub(crate) fn at_home(&self, stop: StopIx) -> Option<LocalStop> {
        self.at_home.get(stop).copied().and_then(LocalStop::get)
    }

    fn tabulate(&mut self) {
        let problem = self.problem;
        let mut classes: Vec<u32> = self.tours.iter().map(|&tour| problem.class_of(tour)).collect();
        classes.sort_unstable();
        classes.dedup();
        if self.nodes > TABLE_NODES_MAX || self.nodes * self.nodes * classes.len() > TABLE_NODES_MAX * TABLE_NODES_MAX {
            return;
        }
        for (slot, &tour) in self.class.iter_mut().zip(&self.tours) {
            let class = problem.class_of(tour);
            *slot = classes.iter().position(|&other| other == class).unwrap_or(0) * self.nodes * self.nodes;
        }
        self.one_class = classes.len() == 1;
        let both_ways = problem.legs().is_symmetric()
            && self.tours.iter().all(|&tour| {
                let spec = &problem.tours()[tour.index()];
                spec.start_node == spec.end_node
            });
        let symmetric = both_ways && !problem.has_setup();
        let (stops, nodes) = (self.stops.len(), self.nodes);
        let square = nodes * nodes;
        let from: Vec<NodeIx> = self
            .stops
            .iter()
            .map(|&stop| problem.stops()[stop.index()].node)
            .chain(self.tours.iter().map(|&tour| problem.tours()[tour.index()].start_node))
            .collect();
        let half = square * classes.len();
        self.back = if symmetric { 0 } else { half };
        self.table = vec![(0, 0); half + self.back];
        let (table, back) = self.table.split_at_mut(half);
        if both_ways {
            // Legs are computed once for both directions; only the set-up differs.
            let setups: Vec<i32> = self.stops.iter().map(|&stop| problem.stops()[stop.index()].setup).collect();
            for (chunk, &class) in classes.iter().enumerate() {
                let class = problem.class(class);
                let first = chunk * square;
                for a in 0..nodes {
                    for b in a + 1..nodes {
                        let (time, cost) = class.leg(problem.legs(), from[a], from[b]);
                        let (there, again) = (first + a * nodes + b, first + b * nodes + a);
                        if symmetric {
                            table[there] = (time, cost);
                            table[again] = (time, cost);
                            continue;
                        }
                        let set_up = |node: usize| {
                            if from[a] == from[b] { 0 } else { setups.get(node).copied().unwrap_or(0) }
                        };
                        let (to_b, to_a) = ((time + set_up(b), cost), (time + set_up(a), cost));
                        (table[there], back[again]) = (to_b, to_b);
                        (table[again], back[there]) = (to_a, to_a);
                    }
                }
            }
            return;
        }
        for ((table, back), &class) in table.chunks_mut(square).zip(back.chunks_mut(square)).zip(&classes) {
            let class = problem.class(class);
            for (a, &node) in from.iter().enumerate() {
                for (b, &to) in self.stops.iter().enumerate() {
                    let to = &problem.stops()[to.index()];
                    let (time, cost) = class.leg(problem.legs(), node, to.node);
                    table[a * nodes + b] = (time + if node == to.node { 0 } else { to.setup }, cost);
                }
                for (b, &tour) in self.tours.iter().enumerate() {
                    let end = problem.tours()[tour.index()].end_node;
                    if end != NodeIx::NONE {
                        table[a * nodes + stops + b] = class.leg(problem.legs(), node, end);
                    }
                }
            }
            for from in 0..nodes {
                for to in 0..nodes {
                    back[to * nodes + from] = table[from * nodes + to];
                }
            }
        }
    }

    /// The legs to and from one stop, for a tour's class.
    #[inline]
    pub(crate) fn rows(&self, tour: LocalTour, node: impl Into<LocalNode>) -> Option<Rows<'_>> {
        let start = self.class[tour] + node.into().index() * self.nodes;
        let from = self.table.get(start..start + self.nodes)?;
        let start = self.back + start;
        Some(Rows { to: self.table.get(start..start + self.nodes)?, from })
    }

    /// Travel time (with set-up) and price from a node to a node of the same tour, its end included.
    #[inline]
    pub(crate) fn hop(&self, tour: LocalTour, from: impl Into<LocalNode>, to: impl Into<LocalNode>) -> (i32, i32) {
        let (from, to) = (from.into(), to.into());
        if self.table.is_empty() {
            return self.ask(tour, from, to);
        }
        self.table[self.class[tour] + from.index() * self.nodes + to.index()]
    }

    /// The sentinel of a tour.
    #[inline]
    pub(crate) fn sentinel(&self, tour: LocalTour) -> LocalNode {
        LocalNode(self.stops.len() as u32 + tour.0)
    }

    /// The tour whose sentinel this is.
    fn tour_at(&self, sentinel: LocalNode) -> LocalTour {
        LocalTour(sentinel.0 - self.stops.len() as u32)
    }

    fn ask(&self, tour: LocalTour, from: LocalNode, to: LocalNode) -> (i32, i32) {
        let stops = self.stops.len();
        let global = self.tours[tour];
        let node = if from.index() < stops {
            self.problem.stops()[self.stops[from.stop()].index()].node
        } else {
            self.problem.tours()[self.tours[self.tour_at(from)].index()].start_node
        };
        if to.index() < stops {
            self.problem.hop(global, node, self.stops[to.stop()])
        } else {
            self.problem.hop_end(global, node)
        }
    }

    /// See [`Problem::allows`].
    #[inline]
    pub(crate) fn allows(&self, tour: LocalTour, stop: LocalStop) -> bool {
        self.problem.unrestricted() || self.problem.allows(self.tours[tour], self.stops[stop])
    }

    /// See [`Problem::change_cost`].
    #[inline]
    pub(crate) fn change_cost(&self, tour: LocalTour, stop: LocalStop) -> i64 {
        if self.problem.promised() { self.problem.change_cost(self.tours[tour], self.stops[stop]) } else { 0 }
    }

    /// Price of not serving a unit.
    pub(crate) fn unserved(&self, unit: LocalStop) -> i64 {
        self.problem.stops()[self.stops[unit].index()].unserved
    }

    /// The latest start that a tour's shift allows at a stop.
    #[inline]
    pub(crate) fn shift_end(&self, tour: LocalTour, stop: LocalStop) -> i32 {
        let (fixed, tour) = (&self.fixed[stop], &self.fixed_tours[tour]);
        let exempt = fixed.role == Role::Delivery && (fixed.mate == LocalStop::NONE || tour.finish_late);
        if exempt {
            TIME_MAX
        } else if tour.open {
            tour.end_by.saturating_sub(fixed.service)
        } else {
            tour.end_by
        }
    }

    /// When service may start, in order.
    pub(crate) fn windows(&self, stop: LocalStop) -> &[(i32, i32)] {
        let (from, to) = self.rich[stop].windows;
        &self.windows[from as usize..to as usize]
    }

    /// Earliest start of service at or after `t`.
    #[inline]
    pub(crate) fn opens_at(&self, stop: LocalStop, t: i32) -> i32 {
        let fixed = &self.fixed[stop];
        if t <= fixed.open_until { t.max(fixed.opens) } else { self.opens_again(stop, t) }
    }

    /// The same past the first of several windows.
    fn opens_again(&self, stop: LocalStop, t: i32) -> i32 {
        self.windows(stop)[1..].iter().find(|&&(_, closes)| t <= closes).map_or(t, |&(opens, _)| t.max(opens))
    }
}

#[cfg(test)]
mod tests {
    use super::Local;
    use crate::index::{LocalNode, LocalTour, NodeIx};
    use crate::problem::{LegMatrix, Legs, Problem, ProblemSpec, Rounding, Stop, TourSpec};

    /// Whatever the legs are: tables, rows and single answers agree.
    #[test]
    fn tables_equal_single_legs() {
        let places: Vec<(f64, f64)> = (0..9).map(|n| (f64::from(n * 37 % 11), f64::from(n * n % 7))).collect();
        let plane = Legs::Plane { places, scale: 10.0, length: Rounding::Down, time: Rounding::Nearest };
        let matrix = Legs::Matrix(LegMatrix::from_fn(9, |a, b| {
            if a == b { (0, 0) } else { ((a * 9 + b) as i32 % 10 * 7, (a + b * 9) as i32 % 9 * 5) }
        }));
        for legs in [plane, matrix] {
            for (setup, end, factor) in [(0, 0, 1000), (7, 0, 1000), (7, 3, 1000), (7, 0, 1300)] {
                // The last two stops are at one node: between them there is no set-up.
                let stop = |n: u32| Stop { setup: setup * n as i32, ..Stop::job(NodeIx(1 + n.min(6))) };
                let tour = TourSpec { end_node: NodeIx(end), ..TourSpec::at(NodeIx(0)) };
                let other = TourSpec { time_factor: factor, ..tour.clone() };
                let problem = Problem::new(ProblemSpec {
                    stops: (0..8).map(stop).collect(),
                    tours: vec![tour, other],
                    legs: legs.clone(),
                    ..ProblemSpec::default()
                })
                .unwrap();
                let mut local = Local::whole(&problem);
                local.tabulate();
                for tour in LocalTour::first(2) {
                    let is_of_tour = |&node: &LocalNode| node.0 < 8 || node == local.sentinel(tour);
                    for from in LocalNode::first(10).filter(is_of_tour) {
                        for to in LocalNode::first(10).filter(is_of_tour).filter(|&node| node != from) {
                            let asked = local.ask(tour, from, to);
                            assert_eq!(local.hop(tour, from, to), asked, "{from:?} to {to:?}");
                            assert_eq!(local.rows(tour, from).unwrap().outbound(to), asked, "{from:?} to {to:?}");
                            assert_eq!(local.rows(tour, to).unwrap().inbound(from), asked, "{from:?} to {to:?}");
                        }
                    }
                }
            }
        }
    }
}
