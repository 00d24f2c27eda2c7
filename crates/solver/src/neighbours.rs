//! Which stops are near which: by distance for ruin, by time-window compatibility for recreate.

use rayon::prelude::*;

use crate::problem::{Problem, UNREACHABLE};

/// How many near stops a ruin walks at most (measured in the prototype), and beyond [`MANY`] stops.
const NEAR_MAX: usize = 200;
const NEAR_MAX_MANY: usize = 64;
/// How many compatible predecessors and successors an insertion looks at (measured: 15 is harmful, 50 no better).
const COMPATIBLE_MAX: usize = 30;
/// Above this many stops, candidates come from a grid: never all pairs.
const MANY: usize = 3_000;
/// Candidates from the grid.
const GRID_CANDIDATES: usize = 300;

/// A list of indices for each stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    pub(crate) fn with_capacity(lists: usize, items: usize) -> Self {
        let mut starts = Vec::with_capacity(lists + 1);
        starts.push(0);
        Self { starts, items: Vec::with_capacity(items) }
    }

    pub(crate) fn push(&mut self, list: impl Iterator<Item = u32>) {
        self.items.extend(list);
        self.starts.push(self.items.len() as u32);
    }

    pub(crate) fn get(&self, index: u32) -> &[u32] {
        let (from, to) = (self.starts[index as usize], self.starts[index as usize + 1]);
        &self.items[from as usize..to as usize]
    }
}

/// Neighbour lists of every stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Neighbours {
    /// Nearest stops, the stop itself first.
    pub(crate) near: Lists,
    /// Stops it can follow with little leg and wait, best first.
    pub(crate) before: Lists,
    /// Stops that can follow it, best first.
    pub(crate) after: Lists,
}

impl Neighbours {
    /// Lists of a problem with at least one tour: its first vehicle's class of legs stands for all.
    pub(crate) fn new(problem: &Problem) -> Self {
        let n = problem.stops.len();
        let near_max = if n > MANY { NEAR_MAX_MANY } else { NEAR_MAX };
        let grid = (n > MANY).then(|| Grid::new(problem)).flatten();
        let chunk = 64;
        let parts: Vec<Self> = (0..n.div_ceil(chunk))
            .into_par_iter()
            .map(|part| {
                let range = part * chunk..((part + 1) * chunk).min(n);
                let mut lists = Self {
                    near: Lists::with_capacity(range.len(), range.len() * near_max.min(n)),
                    before: Lists::with_capacity(range.len(), range.len() * COMPATIBLE_MAX.min(n)),
                    after: Lists::with_capacity(range.len(), range.len() * COMPATIBLE_MAX.min(n)),
                };
                let all: Vec<u32> = if grid.is_none() { (0..n as u32).collect() } else { Vec::new() };
                let mut found = Vec::new();
                let (mut near, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
                let mut times = Vec::new();
                for stop in range {
                    let candidates = match &grid {
                        Some(grid) => {
                            grid.around(stop, &mut found);
                            &found
                        }
                        None => &all,
                    };
                    keys(problem, stop as u32, candidates, &mut near, &mut before, &mut after, &mut times);
                    lists.near.push(smallest(&mut near, near_max));
                    lists.before.push(smallest(&mut before, COMPATIBLE_MAX));
                    lists.after.push(smallest(&mut after, COMPATIBLE_MAX));
                }
                lists
            })
            .collect();
        let mut whole = Self {
            near: Lists::with_capacity(n, n * near_max.min(n)),
            before: Lists::with_capacity(n, n * COMPATIBLE_MAX.min(n)),
            after: Lists::with_capacity(n, n * COMPATIBLE_MAX.min(n)),
        };
        for part in parts {
            for (lists, more) in
                [(&mut whole.near, part.near), (&mut whole.before, part.before), (&mut whole.after, part.after)]
            {
                let base = lists.items.len() as u32;
                lists.items.extend_from_slice(&more.items);
                lists.starts.extend(more.starts.iter().skip(1).map(|start| base + start));
            }
        }
        whole
    }
}

/// Key and index in one word: sorting sorts by key, then index.
fn pack(key: i64, index: u32) -> u64 {
    (key.clamp(0, i64::from(u32::MAX)) as u64) << 32 | u64::from(index)
}

/// Keys of all candidates of one stop: how near, how well before, how well after.
fn keys(
    problem: &Problem,
    stop: u32,
    candidates: &[u32],
    near: &mut Vec<u64>,
    before: &mut Vec<u64>,
    after: &mut Vec<u64>,
    times: &mut Vec<i32>,
) {
    near.clear();
    before.clear();
    after.clear();
    let class = problem.classes[problem.class_of[0] as usize];
    let symmetric = problem.legs.is_symmetric();
    let here = &problem.stops[stop as usize];
    let opens = |windows: &[(i32, i32)]| windows.first().map_or(-crate::TIME_MAX, |window| window.0);
    let (my_opens, my_closes) = (opens(&here.windows), problem.closes[stop as usize]);
    near.push(pack(0, stop));
    let places = candidates.iter().map(|&other| problem.stops[other as usize].place);
    problem.legs.times_from(here.place, places, times);
    for (&other, &time) in candidates.iter().zip(times.iter()) {
        if other == stop {
            continue;
        }
        let there = &problem.stops[other as usize];
        let same = here.place == there.place;
        let leg = class.time(time);
        let back = if symmetric { leg } else { class.time(problem.legs.time(there.place, here.place)) };
        let to = leg + if same { 0 } else { there.setup };
        let from = back + if same { 0 } else { here.setup };
        near.push(pack(1 + i64::from(to.min(from)), other));
        let (opens, closes) = (opens(&there.windows), problem.closes[other as usize]);
        // A fifth of the wait that nobody can avoid counts like driving.
        if from < UNREACHABLE && opens.saturating_add(there.service).saturating_add(from) <= my_closes {
            let wait = i64::from(my_opens) - i64::from(closes) - i64::from(there.service) - i64::from(from);
            before.push(pack(i64::from(from) + wait.max(0) / 5, other));
        }
        if to < UNREACHABLE && my_opens.saturating_add(here.service).saturating_add(to) <= closes {
            let wait = i64::from(opens) - i64::from(my_closes) - i64::from(here.service) - i64::from(to);
            after.push(pack(i64::from(to) + wait.max(0) / 5, other));
        }
    }
}

/// The indices of the `most` smallest, in order.
fn smallest(keyed: &mut Vec<u64>, most: usize) -> impl Iterator<Item = u32> + '_ {
    if keyed.len() > most {
        keyed.select_nth_unstable(most);
        keyed.truncate(most);
    }
    keyed.sort_unstable();
    keyed.iter().map(|&packed| packed as u32)
}

/// A grid over the stops' coordinates, some four to a cell.
struct Grid {
    side: usize,
    cell: f64,
    origin: (f64, f64),
    points: Vec<(f64, f64)>,
    cells: Vec<Vec<u32>>,
}

impl Grid {
    /// `None` when the legs have no coordinates.
    fn new(problem: &Problem) -> Option<Self> {
        let points: Vec<(f64, f64)> =
            problem.stops.iter().map(|stop| problem.legs.planar(stop.place)).collect::<Option<_>>()?;
        let fold = |pick: fn(f64, f64) -> f64, axis: fn(&(f64, f64)) -> f64, from: f64| {
            points.iter().map(axis).fold(from, pick)
        };
        let origin = (fold(f64::min, |p| p.0, f64::MAX), fold(f64::min, |p| p.1, f64::MAX));
        let extent = (fold(f64::max, |p| p.0, f64::MIN) - origin.0).max(fold(f64::max, |p| p.1, f64::MIN) - origin.1);
        let side = ((points.len() as f64 / 4.0).sqrt() as usize).clamp(1, 2_000);
        let cell = (extent / side as f64).max(f64::MIN_POSITIVE);
        let mut grid = Self { side, cell, origin, points, cells: vec![Vec::new(); side * side] };
        for stop in 0..grid.points.len() {
            let (column, row) = grid.cell_of(stop);
            grid.cells[row * side + column].push(stop as u32);
        }
        Some(grid)
    }

    fn cell_of(&self, stop: usize) -> (usize, usize) {
        let (x, y) = self.points[stop];
        let index = |value: f64, origin: f64| (((value - origin) / self.cell) as usize).min(self.side - 1);
        (index(x, self.origin.0), index(y, self.origin.1))
    }

    /// Some [`GRID_CANDIDATES`] stops around one: rings of cells until there are enough, and one more ring.
    fn around(&self, stop: usize, found: &mut Vec<u32>) {
        found.clear();
        let (column, row) = self.cell_of(stop);
        let mut last = usize::MAX;
        for ring in 0..self.side {
            let (left, right) = (column.saturating_sub(ring), (column + ring).min(self.side - 1));
            let (low, high) = (row.saturating_sub(ring), (row + ring).min(self.side - 1));
            for y in low..=high {
                let edge = y + ring == row || y == row + ring;
                for x in left..=right {
                    if edge || x + ring == column || x == column + ring {
                        found.extend_from_slice(&self.cells[y * self.side + x]);
                    }
                }
            }
            if ring >= last {
                return;
            }
            if last == usize::MAX && found.len() >= GRID_CANDIDATES {
                last = ring + 1;
            }
        }
    }
}
