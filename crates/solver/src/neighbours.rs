//! Which stops are near which: by distance for ruin, by time-window compatibility for recreate.

use rayon::prelude::*;

use crate::problem::{Problem, UNREACHABLE};

/// How many near stops a ruin walks at most (SISR needs an adjacency list; 200 as measured in the prototype).
const NEAR_MAX: usize = 200;
/// How many compatible predecessors and successors an insertion looks at (measured: 15 is harmful, 50 no better).
const COMPATIBLE_MAX: usize = 30;

/// Neighbour lists of every stop.
pub(crate) struct Neighbours {
    /// Nearest stops, the stop itself first.
    pub(crate) near: Vec<Vec<u32>>,
    /// Stops it can follow or precede with little leg and wait.
    pub(crate) compatible: Vec<Vec<u32>>,
}

impl Neighbours {
    pub(crate) fn new(problem: &Problem) -> Self {
        let n = problem.stops.len() as u32;
        if problem.tours.is_empty() {
            return Self { near: vec![Vec::new(); n as usize], compatible: vec![Vec::new(); n as usize] };
        }
        let lists: Vec<(Vec<u32>, Vec<u32>)> = (0..n)
            .into_par_iter()
            .map(|stop| {
                let near = smallest(n, NEAR_MAX, |other| {
                    let (there, back) =
                        (problem.hop(0, place(problem, stop), other).0, problem.hop(0, place(problem, other), stop).0);
                    Some(if other == stop { -1 } else { i64::from(there.min(back)) })
                });
                let mut compatible =
                    smallest(n, COMPATIBLE_MAX, |other| follow(problem, other, stop).filter(|_| other != stop));
                compatible.extend(smallest(n, COMPATIBLE_MAX, |other| {
                    follow(problem, stop, other).filter(|_| other != stop)
                }));
                compatible.dedup();
                (near, compatible)
            })
            .collect();
        let (near, compatible) = lists.into_iter().unzip();
        Self { near, compatible }
    }
}

fn place(problem: &Problem, stop: u32) -> u32 {
    problem.stops[stop as usize].place
}

/// What it costs `b` to follow `a`: the leg and a fifth of the wait nobody can avoid; `None` if it would be late.
fn follow(problem: &Problem, a: u32, b: u32) -> Option<i64> {
    let (first, second) = (&problem.stops[a as usize], &problem.stops[b as usize]);
    let travel = problem.hop(0, first.place, b).0;
    if travel >= UNREACHABLE {
        return None;
    }
    let opens = first.windows.first().map_or(-crate::TIME_MAX, |window| window.0);
    let earliest = opens.saturating_add(first.service).saturating_add(travel);
    if earliest > problem.closes[b as usize] {
        return None;
    }
    let leaves_latest = problem.closes[a as usize].saturating_add(first.service).saturating_add(travel);
    let wait = second.windows.first().map_or(0, |window| i64::from(window.0) - i64::from(leaves_latest)).max(0);
    Some(i64::from(travel) + wait / 5)
}

/// The `most` indices with the smallest keys, in order of (key, index); `None` leaves one out.
fn smallest(n: u32, most: usize, key: impl Fn(u32) -> Option<i64>) -> Vec<u32> {
    let mut keyed: Vec<(i64, u32)> = (0..n).filter_map(|index| key(index).map(|key| (key, index))).collect();
    if keyed.len() > most {
        keyed.select_nth_unstable(most);
        keyed.truncate(most);
    }
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, index)| index).collect()
}
