//! The first plan of a problem that has none. Jobs of a fleet of like vehicles: parallel savings (Clarke & Wright, "Scheduling of
//! Vehicles from a Central Depot to a Number of Delivery Points", 1964) with time windows (Solomon, "Algorithms for the Vehicle Routing
//! and Scheduling Problems with Time Window Constraints", 1987). Jobs of vehicles that differ: the same, one kind of vehicle after the
//! other, see `mixed_savings`. Everything else: greedy insertion beside compatible stops.

use rayon::prelude::*;

use super::mixed_savings::mixed_savings;
use super::recreate::Scratch;
use crate::index::{LocalStop, StopIx, TourIx};
use crate::interrupt::Interrupt;
use crate::problem::{Problem, Role, TIME_MAX, TourSpec, absent_units};
use crate::random::Random;
use crate::state::Neighbours;
use crate::state::State;
use crate::state::{Local, Where};

/// How much the waiting time that a merge makes unavoidable counts, compared with driving. A plan is made with each; the better one
/// is kept.
const WAITS: [f64; 2] = [0.2, 1.0];

/// A plan from the problem's `initial` with the absent units put in: fast rather than good.
pub(crate) fn construct(problem: &Problem, near: &Neighbours, seed: u64, interrupt: Interrupt<'_>) -> Vec<Vec<StopIx>> {
    let empty = problem.initial().iter().all(Vec::is_empty);
    if empty && problem.is_plain() && has_jobs_only(problem) && problem.pooled() && problem.unrestricted() {
        let all = vec![true; problem.stops().len()];
        let mut tours = best_savings(problem, near, (TourIx(0), problem.tours().len()), &all);
        tours.resize(problem.tours().len(), Vec::new());
        return filled_up(problem, near, tours, seed, interrupt);
    }
    let greedy = filled_up(problem, near, problem.initial().to_vec(), seed, interrupt);
    if has_mixed_savings(problem) { mixed_savings(problem, near, greedy, seed, interrupt) } else { greedy }
}

/// True if the first plan may be made by savings for one kind of vehicle after the other.
pub(crate) fn has_mixed_savings(problem: &Problem) -> bool {
    let empty = problem.initial().iter().all(Vec::is_empty);
    empty && has_jobs_only(problem) && !problem.walks() && (problem.mixed() || !problem.is_plain())
}

/// Puts what is absent from a plan beside compatible stops, each where it costs least.
pub(super) fn filled_up(
    problem: &Problem,
    near: &Neighbours,
    tours: Vec<Vec<StopIx>>,
    seed: u64,
    interrupt: Interrupt<'_>,
) -> Vec<Vec<StopIx>> {
    let absent = absent_units(problem, &tours);
    if absent.is_empty() {
        return tours;
    }
    let stops: Vec<StopIx> = StopIx::first(problem.stops().len()).collect();
    let at: Where = stops.iter().map(|&stop| (0, LocalStop::of_whole(stop))).collect();
    let tours_of_all = TourIx::first(problem.tours().len()).collect();
    let local = Local::piece(problem, near, &at, 0, stops, tours_of_all).until(interrupt);
    let mut state = State::of_whole(&local, &tours, &absent);
    let mut random = Random::new(seed, u32::MAX, u32::MAX);
    state.recreate(&mut Scratch::default(), &mut random);
    state.global_tours()
}

fn has_jobs_only(problem: &Problem) -> bool {
    problem.stops().iter().all(|stop| matches!(stop.role, Role::JobDelivery | Role::JobPickup))
}

/// A sequence of stops, with what has to be known to join two of them in O(1) (Vidal et al., "A hybrid genetic algorithm with adaptive
/// diversity management for a large class of vehicle routing problems with time-windows", 2013; here without time warp).
#[derive(Clone, Copy)]
struct Chain {
    head: StopIx,
    tail: StopIx,
    duration: i32,
    /// Earliest start of service at the head that does not lengthen the chain, and the latest that keeps all windows.
    earliest: i32,
    latest: i32,
    load: i32,
    count: u32,
}

/// Two chains joined: the last stop v of one is followed by the first stop c of the other.
struct Merge {
    saving: i64,
    v: StopIx,
    c: StopIx,
    time: i32,
}

/// What is the same for both weights.
struct Ends {
    from_start: Vec<(i32, i32)>,
    to_end: Vec<(i32, i32)>,
    chains: Vec<Chain>,
}

/// The better of the plans by savings, of these stops and for so many vehicles like one. Where these are too few for all stops, those of
/// the shortest chains are in no tour.
pub(super) fn best_savings(
    problem: &Problem,
    near: &Neighbours,
    (tour, vehicles): (TourIx, usize),
    open: &[bool],
) -> Vec<Vec<StopIx>> {
    let n = problem.stops().len();
    let spec = &problem.tours()[tour.index()];
    let end_by = last_end(spec);
    let ends = Ends {
        from_start: StopIx::first(n).map(|stop| problem.hop(tour, spec.start_node, stop)).collect(),
        to_end: problem.stops().iter().map(|stop| problem.hop_end(tour, stop.node)).collect(),
        chains: StopIx::first(n)
            .map(|stop| {
                let its = &problem.stops()[stop.index()];
                Chain {
                    head: stop,
                    tail: stop,
                    duration: its.service,
                    earliest: its.windows.first().map_or(-TIME_MAX, |window| window.0),
                    latest: problem.closes(stop).min(end_by),
                    load: its.load[0],
                    count: 1,
                }
            })
            .collect(),
    };
    // Legs are computed once for both weights.
    let legs: Vec<(i32, i32)> = (0..n as u32)
        .into_par_iter()
        .flat_map_iter(|v| {
            let v = StopIx(v);
            let node = problem.stops()[v.index()].node;
            near.after.of(v).iter().map(move |&c| problem.hop(tour, node, c))
        })
        .collect();
    let with = |weight: f64| savings(problem, near, (tour, vehicles), open, (&ends, &legs), weight);
    let (one, other) = rayon::join(|| with(WAITS[0]), || with(WAITS[1]));
    if other.0 < one.0 { other.1 } else { one.1 }
}

/// The end of a shift with all of its pauses: savings know nothing of when they are.
fn last_end(spec: &TourSpec) -> i32 {
    let pauses = spec.pauses.iter().map(|pause| pause.duration);
    pauses.fold(spec.end_by, i32::saturating_sub)
}

fn savings(
    problem: &Problem,
    near: &Neighbours,
    (tour, vehicles): (TourIx, usize),
    open: &[bool],
    (Ends { from_start, to_end, chains }, legs): (&Ends, &[(i32, i32)]),
    weight: f64,
) -> (i64, Vec<Vec<StopIx>>) {
    let n = problem.stops().len();
    let spec = &problem.tours()[tour.index()];
    let end_by = last_end(spec);
    let mut merges: Vec<Merge> = Vec::with_capacity(legs.len());
    let mut legs = legs.iter();
    for v in StopIx::first(n) {
        for (&c, &(time, cost)) in near.after.of(v).iter().zip(&mut legs) {
            if !open[v.index()] || !open[c.index()] {
                continue;
            }
            let (first, second) = (&chains[v.index()], &chains[c.index()]);
            let wait =
                (i64::from(second.earliest) - i64::from(first.latest) - i64::from(first.duration) - i64::from(time))
                    .max(0);
            let saving =
                i64::from(to_end[v.index()].1) + i64::from(from_start[c.index()].1) - i64::from(cost) + spec.fixed;
            // Waiting has the price per time unit that driving has on this leg.
            let per_time = if time > 0 { f64::from(cost) / f64::from(time) } else { 1.0 };
            let saving = saving - (weight * wait as f64 * per_time) as i64;
            if saving > 0 {
                merges.push(Merge { saving, v, c, time });
            }
        }
    }
    merges.par_sort_unstable_by_key(|merge| (std::cmp::Reverse(merge.saving), merge.v, merge.c));
    let mut chains = chains.clone();
    // By stop: the index in `chains` of the chain that it is the first or the last stop of.
    let mut chain_of: Vec<u32> = (0..n as u32).collect();
    let mut next = vec![StopIx::NONE; n];
    let mut is_head = vec![true; n];
    let mut is_tail = vec![true; n];
    let drivable = |chain: &Chain| {
        let arrival = spec.start_at.saturating_add(from_start[chain.head.index()].0);
        let done = arrival.max(chain.earliest).saturating_add(chain.duration);
        let home = done.saturating_add(to_end[chain.tail.index()].0) <= end_by;
        arrival <= chain.latest
            && home
            && chain.load <= spec.capacity[0] - spec.onboard[0]
            && chain.count <= spec.stops_max
    };
    for Merge { v, c, time: leg, .. } in merges {
        if !is_tail[v.index()] || !is_head[c.index()] {
            continue;
        }
        let (a, b) = (chain_of[v.index()], chain_of[c.index()]);
        if a == b {
            continue;
        }
        let (first, second) = (chains[a as usize], chains[b as usize]);
        let on = first.duration.saturating_add(leg);
        let wait = second.earliest.saturating_sub(on).saturating_sub(first.latest).max(0);
        if first.earliest.saturating_add(on) > second.latest {
            continue;
        }
        let joined = Chain {
            head: first.head,
            tail: second.tail,
            duration: on.saturating_add(wait).saturating_add(second.duration),
            earliest: second.earliest.saturating_sub(on).max(first.earliest).saturating_sub(wait),
            latest: first.latest.min(second.latest.saturating_sub(on)),
            load: first.load.saturating_add(second.load),
            count: first.count + second.count,
        };
        if !drivable(&joined) {
            continue;
        }
        next[v.index()] = c;
        is_tail[v.index()] = false;
        is_head[c.index()] = false;
        chains[a as usize] = joined;
        chain_of[joined.head.index()] = a;
        chain_of[joined.tail.index()] = a;
    }
    let mut found: Vec<(Chain, Vec<StopIx>)> = Vec::new();
    for head in StopIx::first(n).filter(|&stop| open[stop.index()] && is_head[stop.index()]) {
        let chain = chains[chain_of[head.index()] as usize];
        if !drivable(&chain) {
            continue;
        }
        let mut sequence = vec![head];
        while let Some(&last) = sequence.last()
            && next[last.index()] != StopIx::NONE
        {
            sequence.push(next[last.index()]);
        }
        found.push((chain, sequence));
    }
    // If there are more chains than vehicles, the stops of the shortest chains stay absent.
    found.sort_by_key(|(chain, _)| (std::cmp::Reverse(chain.count), chain.head));
    let missing: i64 = found.iter().skip(vehicles).map(|(chain, _)| i64::from(chain.count) << 40).sum();
    found.truncate(vehicles);
    let cost = |sequence: &[StopIx]| -> i64 {
        let legs = sequence.windows(2).map(|pair| problem.hop(tour, problem.stops()[pair[0].index()].node, pair[1]).1);
        let (first, last) = (sequence[0].index(), sequence[sequence.len() - 1].index());
        i64::from(from_start[first].1) + i64::from(to_end[last].1) + legs.map(i64::from).sum::<i64>() + spec.fixed
    };
    let total = missing + found.iter().map(|(_, sequence)| cost(sequence)).sum::<i64>();
    (total, found.into_iter().map(|(_, sequence)| sequence).collect())
}
