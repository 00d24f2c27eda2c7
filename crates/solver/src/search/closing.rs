//! Fewer or cheaper vehicles where vehicles differ: one to three tours near each other are taken out, at most one other vehicle takes their
//! place, and what is absent then is put in by ruin and recreate, where units that are often absent count more and more (absence counters, as
//! for the fewest vehicles: see `shrink`).
//!
//! Annealing alone does not do that: the price of a vehicle is some ten or hundred legs, far above any temperature at which the tours stay
//! good, and a plan with one vehicle too many is a local optimum, since what that vehicle carries fits into the others only when many of
//! their stops change places.

use crate::index::{By, LocalStop, LocalTour, TourIx};
use crate::moves::{Ruin, Scratch};
use crate::problem::Role;
use crate::random::Random;
use crate::state::State;

/// Most tours that are taken out at once.
const CLOSED_MAX: usize = 3;
/// Neighbours of a stop among whose tours the others to be taken out are looked for.
const LOOKED_AT: usize = 40;
/// How often (per mille) another vehicle takes the place of the tours that are taken out.
const REPLACED_PER_MILLE: usize = 500;
/// An attempt ends when the least sum of absences has been that for so many iterations.
const PATIENCE: u32 = 150;

/// How an attempt goes on.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'l> {
    pub(super) ruin: Ruin,
    /// -ln U, see `anneal`.
    pub(super) logs: &'l [f64],
    /// Low: what is gained in room is kept.
    pub(super) temperature: f64,
    /// Most iterations until everything is served again.
    pub(super) iterations: u32,
    /// Iterations that then shorten the tours.
    pub(super) shortened: u32,
}

/// The plan without some of its tours, if one was found that serves everything, and the iterations it took.
pub(super) fn close_tours<'l>(
    state: &State<'l>,
    attempt: Attempt<'_>,
    scratch: &mut Scratch,
    random: &mut Random,
) -> (Option<State<'l>>, u32) {
    let Some((closed, opened)) = choice(state, random) else { return (None, 0) };
    let local = state.local;
    let tours: Vec<Vec<LocalStop>> = state.tours().map(|tour| state.sequence(tour)).collect();
    let mut state = State::new(local, &tours, Vec::new());
    let mut units: Vec<LocalStop> =
        closed.iter().flat_map(|&tour| &tours[tour.index()]).map(|&stop| state.unit_of(stop)).collect();
    units.sort_unstable();
    units.dedup();
    state.begin();
    state.remove_all(&units);
    if let Some(tour) = opened {
        // One unit is in it from the beginning, since no unused vehicle is taken below. The price of the vehicle is for all that will be in it.
        let first = random.below(units.len());
        let mut candidates = units.iter().cycle().skip(first).take(units.len());
        let found = candidates.find_map(|&unit| Some((unit, state.best_in_tour(unit, tour, i64::MAX / 8)?)));
        let Some((unit, insertion)) = found else { return (None, 0) };
        state.put_at(unit, insertion);
    }
    scratch.closed = true;
    let iterations = filled(&mut state, attempt, scratch, random);
    scratch.closed = false;
    (state.absent.is_empty().then_some(state), iterations)
}

/// The tours to be taken out, and the unused vehicle that takes their place. It costs less than they do.
fn choice(state: &State<'_>, random: &mut Random) -> Option<(Vec<LocalTour>, Option<LocalTour>)> {
    let problem = state.local.problem;
    let is_closable = |tour: LocalTour| {
        let is_locked = |stop: LocalStop| problem.stops()[state.local.stops[stop].index()].locked != TourIx::NONE;
        !state.spec(tour).in_use && state.spec(tour).fixed > 0 && !state.sequence(tour).into_iter().any(is_locked)
    };
    let used: Vec<LocalTour> = state.tours().filter(|&tour| state.counts[tour] > 0).collect();
    let first = *used.get(random.below(used.len()))?;
    if used.len() < 2 || !is_closable(first) {
        return None;
    }
    let mut closed = vec![first];
    let mut opened = None;
    if random.chance(REPLACED_PER_MILLE) {
        let most = 1 + random.below(CLOSED_MAX);
        let middle = state.sequence(first)[random.below(state.counts[first] as usize)];
        for &stop in state.local.near.of(middle).iter().take(LOOKED_AT) {
            if closed.len() >= most {
                break;
            }
            let tour = state.records[stop].tour;
            if tour != LocalTour::NONE && !closed.contains(&tour) && is_closable(tour) {
                closed.push(tour);
            }
        }
        let price: i64 = closed.iter().map(|&tour| state.spec(tour).fixed).sum();
        let kind = |tour: LocalTour| problem.twin(state.local.tours[tour]);
        let mut others: Vec<LocalTour> = Vec::new();
        for unused in state.tours().filter(|&tour| state.counts[tour] == 0) {
            let is_new = !others.iter().chain([&first]).any(|&other| kind(other) == kind(unused));
            if is_new && state.spec(unused).fixed < price {
                others.push(unused);
            }
        }
        opened = Some(*others.get(random.below(others.len()))?);
    }
    let stays = |tour: LocalTour| (state.counts[tour] > 0 && !closed.contains(&tour)) || opened == Some(tour);
    has_room(state, stays).then_some((closed, opened))
}

/// False if the goods of all stops are more than what the vehicles that stay can hold.
fn has_room(state: &State<'_>, stays: impl Fn(LocalTour) -> bool) -> bool {
    let local = state.local;
    let is_job = |role: Role| role == Role::JobDelivery || role == Role::JobPickup;
    (0..4).all(|dimension| {
        let stops = local.stops.iter().map(|&stop| &local.problem.stops()[stop.index()]);
        if !stops.clone().all(|stop| is_job(stop.role)) || state.tours().any(|tour| state.spec(tour).reload.is_some()) {
            return true;
        }
        let goods = |role: Role| -> i64 {
            stops.clone().filter(|stop| stop.role == role).map(|stop| i64::from(stop.load[dimension])).sum()
        };
        let room: i64 =
            state.tours().filter(|&tour| stays(tour)).map(|tour| i64::from(state.spec(tour).capacity[dimension])).sum();
        goods(Role::JobDelivery).max(goods(Role::JobPickup)) <= room
    })
}

/// Ruin and recreate until nothing is absent, then until the tours are shorter. Returns the number of iterations.
fn filled(state: &mut State<'_>, attempt: Attempt<'_>, scratch: &mut Scratch, random: &mut Random) -> u32 {
    let local = state.local;
    let mut absences: By<LocalStop, u32> = By::each(0, local.stops.len());
    let count = |state: &State<'_>, absences: &By<LocalStop, u32>| -> u64 {
        state.absent.iter().map(|&unit| 1 + u64::from(absences[unit])).sum()
    };
    // What the plan costs without the prices of what it does not serve.
    let length = |state: &State<'_>| state.total - state.absent.iter().map(|&unit| local.unserved(unit)).sum::<i64>();
    let mut last = (count(state, &absences), length(state));
    let (mut fewest, mut since) = (usize::MAX, 0);
    let mut left = None;
    for step in 0..attempt.iterations + attempt.shortened {
        if state.absent.is_empty() && left.is_none() {
            left = Some(attempt.shortened);
        }
        match &mut left {
            Some(0) => return step,
            Some(left) => *left -= 1,
            None if since >= PATIENCE || step >= attempt.iterations => return step,
            None => since += 1,
        }
        state.begin();
        state.ruin(attempt.ruin, &mut scratch.units, random);
        state.recreate(scratch, random);
        let now = (count(state, &absences), length(state));
        let slack = (attempt.temperature * attempt.logs[random.cell()]) as i64;
        let better = now.0 < last.0 || (now.0 == last.0 && now.1 <= last.1.saturating_add(slack));
        if better && state.is_legal() {
            last = now;
            if state.absent.len() < fewest {
                (fewest, since) = (state.absent.len(), 0);
            }
        } else {
            // These units could not be inserted, so that they count more from now on.
            for &unit in &state.absent {
                absences[unit] = absences[unit].saturating_add(1);
            }
            state.undo();
            last.0 = count(state, &absences);
        }
    }
    attempt.iterations + attempt.shortened
}

#[cfg(test)]
mod tests {
    use super::{Attempt, close_tours};
    use crate::index::{LocalStop, NodeIx, StopIx, TourIx};
    use crate::moves::{Ruin, Scratch};
    use crate::problem::{Legs, Problem, ProblemSpec, Rounding, Stop, TourSpec};
    use crate::random::Random;
    use crate::search::anneal::logarithms;
    use crate::state::{Local, Neighbours, State, Where};

    /// Forty stops of different size, forty vans of room for twenty units, and four lorries of room for eighty.
    fn problem() -> Problem {
        let places = (0..=40u32).map(|place| (f64::from(place * 37 % 101), f64::from(place * 61 % 103))).collect();
        let load = |place: u32| [(2 + place * 7 % 5) as i32, 0, 0, 0];
        let stops = (1..=40).map(|place| Stop { load: load(place), ..Stop::job(NodeIx(place)) }).collect();
        let vehicle = |capacity, fixed| TourSpec {
            end_node: NodeIx(0),
            capacity: [capacity, 0, 0, 0],
            fixed,
            per_hour: 0,
            per_km: 1_000_000,
            ..TourSpec::at(NodeIx(0))
        };
        let mut tours = vec![vehicle(20, 6_000_000_000); 40];
        tours.extend(vec![vehicle(80, 12_000_000_000); 4]);
        let legs = Legs::Plane { places, scale: 1.0, length: Rounding::Down, time: Rounding::Down };
        Problem::new(ProblemSpec { stops, tours, legs, ..ProblemSpec::default() }).expect("a legal problem")
    }

    #[test]
    fn closing_ends_with_the_cheapest_mix_and_everybody_served() {
        let problem = problem();
        let near = Neighbours::new(&problem);
        let all: Vec<LocalStop> = LocalStop::first(40).collect();
        let at: Where = all.iter().map(|&stop| (0, stop)).collect();
        let local = Local::piece(&problem, &near, &at, 0, StopIx::first(40).collect(), TourIx::first(44).collect());
        let mut tours: Vec<Vec<LocalStop>> = all.iter().map(|&stop| vec![stop]).collect();
        tours.resize(44, Vec::new());
        let mut state = State::new(&local, &tours, Vec::new());
        let logs = logarithms();
        let attempt = Attempt { ruin: Ruin::new(0.0), logs: &logs, temperature: 0.0, iterations: 400, shortened: 100 };
        let mut random = Random::new(1, 0, 0);
        let mut scratch = Scratch::default();
        for _ in 0..400 {
            let (tried, iterations) = close_tours(&state, attempt, &mut scratch, &mut random);
            assert!(iterations <= 500 && !scratch.closed);
            if let Some(tried) = tried {
                assert!(tried.absent.is_empty() && tried.is_legal());
                tried.agrees_with_recount().expect("the records are right");
                if tried.objective() < state.objective() {
                    state = tried;
                }
            }
        }
        // 160 units are two full lorries at 24,000; anything else is 28,000 or more without its ways.
        let load: i32 = problem.stops().iter().map(|stop| stop.load[0]).sum();
        let used: Vec<i64> = state
            .tours()
            .filter(|&tour| state.counts[tour] > 0)
            .map(|tour| state.spec(tour).fixed / 1_000_000)
            .collect();
        assert_eq!((load, used), (160, vec![12_000, 12_000]));
        let mut served: Vec<LocalStop> = state.tours().flat_map(|tour| state.sequence(tour)).collect();
        served.sort_unstable();
        assert_eq!(served, all);
    }

    #[test]
    fn a_tour_is_not_closed_where_the_others_could_not_hold_its_goods() {
        let problem = problem();
        let near = Neighbours::new(&problem);
        let all: Vec<LocalStop> = LocalStop::first(40).collect();
        let at: Where = all.iter().map(|&stop| (0, stop)).collect();
        let tours: Vec<TourIx> = TourIx::first(44).skip(40).collect();
        let local = Local::piece(&problem, &near, &at, 0, StopIx::first(40).collect(), tours);
        let halves = [all[..20].to_vec(), all[20..].to_vec(), Vec::new(), Vec::new()];
        let state = State::new(&local, &halves, Vec::new());
        for seed in 0..50 {
            assert!(super::choice(&state, &mut Random::new(seed, 0, 0)).is_none(), "both lorries are full");
        }
    }
}
