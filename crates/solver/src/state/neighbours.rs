//! Lists of neighbours of each stop: the nearest ones for ruin, and those that it can follow or precede with little driving and
//! waiting for recreate (granular neighbourhoods with time windows: Vidal et al., "A hybrid genetic algorithm with adaptive diversity
//! management for a large class of vehicle routing problems with time-windows", 2013).

use rayon::prelude::*;

use crate::index::{Ix, NodeIx, StopIx, TourIx};
use crate::problem::{Problem, TIME_MAX, UNREACHABLE};

/// How many nearest stops are listed, up to [`MANY`] stops and beyond (measured in the prototype).
const NEAR_MAX: usize = 200;
const NEAR_MAX_MANY: usize = 64;
/// How many compatible predecessors and successors an insertion looks at (measured: 15 is harmful, 50 no better).
const COMPATIBLE_MAX: usize = 30;
/// Above this many stops, the candidates for a list come from a grid instead of from all pairs.
const MANY: usize = 3_000;
/// About how many candidates the grid gives.
const GRID_CANDIDATES: usize = 300;
/// Stops whose lists one task makes.
const CHUNK: usize = 64;

/// A list of stops for each stop: of a problem, or of a piece.
#[derive(Clone, Debug)]
pub(crate) struct Lists<S> {
    starts: Vec<u32>,
    items: Vec<S>,
}

impl<S> Default for Lists<S> {
    fn default() -> Self {
        Self { starts: Vec::new(), items: Vec::new() }
    }
}

impl<S: Ix> Lists<S> {
    pub(crate) fn with_capacity(lists: usize, items: usize) -> Self {
        let mut starts = Vec::with_capacity(lists + 1);
        starts.push(0);
        Self { starts, items: Vec::with_capacity(items) }
    }

    pub(crate) fn push(&mut self, list: impl Iterator<Item = S>) {
        self.items.extend(list);
        self.starts.push(self.items.len() as u32);
    }

    /// The list of a stop.
    pub(crate) fn of(&self, stop: S) -> &[S] {
        self.at(stop.index())
    }

    /// The list that was pushed after so many others.
    fn at(&self, index: usize) -> &[S] {
        let (from, to) = (self.starts[index], self.starts[index + 1]);
        &self.items[from as usize..to as usize]
    }
}

/// Neighbour lists of every stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbours {
    /// Nearest stops, the stop itself first.
    pub(crate) near: Lists<StopIx>,
    /// Stops that it can follow with little driving and waiting, best first.
    pub(crate) before: Lists<StopIx>,
    /// Stops that can follow it with little driving and waiting, best first.
    pub(crate) after: Lists<StopIx>,
}

impl Neighbours {
    /// The lists of a problem with at least one tour. Legs are those of its first vehicle.
    pub(crate) fn new(problem: &Problem) -> Self {
        let n = problem.stops().len();
        let near_max = if n > MANY { NEAR_MAX_MANY } else { NEAR_MAX };
        let grid = (n > MANY).then(|| Grid::new(problem)).flatten();
        let sites: Vec<Site> = StopIx::first(n).map(|stop| Site::new(problem, stop)).collect();
        // Lists are made cell by cell of the grid, so that the candidates of one stop are still in the cache for the next.
        let order: Vec<StopIx> = match &grid {
            Some(grid) => grid.points.iter().map(|point| point.site.stop).collect(),
            None => StopIx::first(n).collect(),
        };
        let parts: Vec<Self> = order
            .par_chunks(CHUNK)
            .map(|stops| {
                let mut lists = Self::with_capacity(stops.len(), near_max.min(n), COMPATIBLE_MAX.min(n));
                let mut keys = Keys::default();
                for &stop in stops {
                    keys.clear(stop);
                    match &grid {
                        Some(grid) => grid.around(stop, |point, time| {
                            keys.add(&sites[stop.index()], &point.site, time, time);
                        }),
                        None => keys.add_all(problem, &sites, stop),
                    }
                    lists.near.push(smallest(&mut keys.near, near_max));
                    lists.before.push(smallest(&mut keys.before, COMPATIBLE_MAX));
                    lists.after.push(smallest(&mut keys.after, COMPATIBLE_MAX));
                }
                lists
            })
            .collect();
        let mut whole = Self::with_capacity(n, near_max.min(n), COMPATIBLE_MAX.min(n));
        let mut at = vec![0; n];
        for (position, &stop) in order.iter().enumerate() {
            at[stop.index()] = position;
        }
        for position in at {
            let (part, index) = (&parts[position / CHUNK], position % CHUNK);
            whole.near.push(part.near.at(index).iter().copied());
            whole.before.push(part.before.at(index).iter().copied());
            whole.after.push(part.after.at(index).iter().copied());
        }
        whole
    }

    fn with_capacity(lists: usize, near: usize, compatible: usize) -> Self {
        Self {
            near: Lists::with_capacity(lists, lists * near),
            before: Lists::with_capacity(lists, lists * compatible),
            after: Lists::with_capacity(lists, lists * compatible),
        }
    }
}

/// What has to be known of a stop to list it: few bytes, because hundreds of thousands of pairs are compared.
#[derive(Clone, Copy)]
struct Site {
    stop: StopIx,
    node: NodeIx,
    opens: i32,
    closes: i32,
    service: i32,
    setup: i32,
}

impl Site {
    fn new(problem: &Problem, stop: StopIx) -> Self {
        let its = &problem.stops()[stop.index()];
        Self {
            stop,
            node: its.node,
            opens: its.windows.first().map_or(-TIME_MAX, |window| window.0),
            closes: problem.closes(stop),
            service: its.service,
            setup: its.setup,
        }
    }
}

/// The candidates for the three lists of one stop, each with the key that it is sorted by.
#[derive(Default)]
struct Keys {
    near: Vec<u64>,
    before: Vec<u64>,
    after: Vec<u64>,
    times: Vec<i32>,
}

impl Keys {
    fn clear(&mut self, stop: StopIx) {
        self.near.clear();
        self.before.clear();
        self.after.clear();
        self.near.push(pack(0, stop));
    }

    /// Adds one candidate. `leg` is the travel time to it, `back` the travel time from it, both without set-up.
    #[inline]
    fn add(&mut self, here: &Site, there: &Site, leg: i32, back: i32) {
        if there.stop == here.stop {
            return;
        }
        let same = here.node == there.node;
        let to = leg.saturating_add(if same { 0 } else { there.setup });
        let from = back.saturating_add(if same { 0 } else { here.setup });
        self.near.push(pack(1 + i64::from(to.min(from)), there.stop));
        // The waiting that cannot be avoided counts a fifth of driving (Vidal et al. 2013).
        if from < UNREACHABLE && there.opens.saturating_add(there.service).saturating_add(from) <= here.closes {
            let wait = i64::from(here.opens) - i64::from(there.closes) - i64::from(there.service) - i64::from(from);
            self.before.push(pack(i64::from(from) + wait.max(0) / 5, there.stop));
        }
        if to < UNREACHABLE && here.opens.saturating_add(here.service).saturating_add(to) <= there.closes {
            let wait = i64::from(there.opens) - i64::from(here.closes) - i64::from(here.service) - i64::from(to);
            self.after.push(pack(i64::from(to) + wait.max(0) / 5, there.stop));
        }
    }

    /// Adds every other stop, with the real legs.
    fn add_all(&mut self, problem: &Problem, sites: &[Site], stop: StopIx) {
        let class = problem.class(problem.class_of(TourIx(0)));
        let symmetric = problem.legs().is_symmetric();
        let here = &sites[stop.index()];
        let mut times = std::mem::take(&mut self.times);
        problem.legs().times_from(here.node, sites.iter().map(|site| site.node), &mut times);
        for (there, &time) in sites.iter().zip(&times) {
            let leg = class.time(time);
            let back = if symmetric { leg } else { class.time(problem.legs().time(there.node, here.node)) };
            self.add(here, there, leg, back);
        }
        self.times = times;
    }
}

/// Key and stop in one word: sorting sorts by key, then stop.
fn pack(key: i64, stop: StopIx) -> u64 {
    (key.clamp(0, i64::from(u32::MAX)) as u64) << 32 | u64::from(stop.0)
}

/// The stops with the `most` smallest keys, in order.
fn smallest(keyed: &mut Vec<u64>, most: usize) -> impl Iterator<Item = StopIx> + '_ {
    if keyed.len() > most {
        keyed.select_nth_unstable(most);
        keyed.truncate(most);
    }
    keyed.sort_unstable();
    keyed.iter().map(|&packed| StopIx(packed as u32))
}

/// A stop with its coordinates.
struct Point {
    x: f32,
    y: f32,
    site: Site,
}

/// A grid over the stops' coordinates, some four to a cell, cell after cell in memory.
struct Grid {
    side: usize,
    cell: f64,
    /// Where each cell's points begin.
    starts: Vec<u32>,
    points: Vec<Point>,
    /// By stop: the index of its point.
    at: Vec<u32>,
    /// Travel time per unit of the coordinates.
    time: f32,
}

impl Grid {
    /// `None` if the legs have no coordinates.
    fn new(problem: &Problem) -> Option<Self> {
        let factor = f64::from(problem.tours()[0].time_factor) / 1000.0;
        let time = problem.legs().time_per_planar()? * factor;
        let spots: Vec<(f64, f64)> =
            problem.stops().iter().map(|stop| problem.legs().planar(stop.node)).collect::<Option<_>>()?;
        let fold = |pick: fn(f64, f64) -> f64, axis: fn(&(f64, f64)) -> f64, from: f64| {
            spots.iter().map(axis).fold(from, pick)
        };
        let origin = (fold(f64::min, |p| p.0, f64::MAX), fold(f64::min, |p| p.1, f64::MAX));
        let extent = (fold(f64::max, |p| p.0, f64::MIN) - origin.0).max(fold(f64::max, |p| p.1, f64::MIN) - origin.1);
        let side = ((spots.len() as f64 / 4.0).sqrt() as usize).clamp(1, 2_000);
        let cell = (extent / side as f64).max(f64::MIN_POSITIVE);
        let mut grid = Self { side, cell, starts: Vec::new(), points: Vec::new(), at: Vec::new(), time: time as f32 };
        let cells: Vec<u32> = spots
            .iter()
            .map(|&spot| {
                let (column, row) = grid.cell_of(spot.0 - origin.0, spot.1 - origin.1);
                (row * side + column) as u32
            })
            .collect();
        let mut order: Vec<StopIx> = StopIx::first(spots.len()).collect();
        order.sort_unstable_by_key(|&stop| (cells[stop.index()], stop));
        grid.starts = vec![0; side * side + 1];
        for &cell in &cells {
            grid.starts[cell as usize + 1] += 1;
        }
        for cell in 0..side * side {
            grid.starts[cell + 1] += grid.starts[cell];
        }
        grid.at = vec![0; spots.len()];
        for (position, &stop) in order.iter().enumerate() {
            grid.at[stop.index()] = position as u32;
            let (x, y) = spots[stop.index()];
            // From the grid's corner, so that single precision is enough.
            let (x, y) = ((x - origin.0) as f32, (y - origin.1) as f32);
            grid.points.push(Point { x, y, site: Site::new(problem, stop) });
        }
        Some(grid)
    }

    fn cell_of(&self, x: f64, y: f64) -> (usize, usize) {
        let index = |value: f64| ((value / self.cell) as usize).min(self.side - 1);
        (index(x), index(y))
    }

    /// Some [`GRID_CANDIDATES`] stops around one, with their travel times as the crow flies: rings of cells until there are
    /// enough, and one more ring.
    fn around(&self, stop: StopIx, mut found: impl FnMut(&Point, i32)) {
        let here = &self.points[self.at[stop.index()] as usize];
        let (column, row) = self.cell_of(f64::from(here.x), f64::from(here.y));
        let mut last = usize::MAX;
        let mut count = 0;
        for ring in 0..self.side {
            let (left, right) = (column.saturating_sub(ring), (column + ring).min(self.side - 1));
            let (low, high) = (row.saturating_sub(ring), (row + ring).min(self.side - 1));
            let mut cells = |from: usize, to: usize| {
                let points = &self.points[self.starts[from] as usize..self.starts[to + 1] as usize];
                count += points.len();
                for point in points {
                    let (dx, dy) = (point.x - here.x, point.y - here.y);
                    found(point, ((dx * dx + dy * dy).sqrt() * self.time) as i32);
                }
            };
            for y in low..=high {
                let line = y * self.side;
                if y + ring == row || y == row + ring {
                    cells(line + left, line + right);
                    continue;
                }
                if left + ring == column {
                    cells(line + left, line + left);
                }
                if right == column + ring && ring > 0 {
                    cells(line + right, line + right);
                }
            }
            if ring >= last {
                return;
            }
            if last == usize::MAX && count >= GRID_CANDIDATES {
                last = ring + 1;
            }
        }
    }
}
