//! One piece of a plan in one round: ruin and recreate, 2-opt* and SWAP* under simulated annealing. A change is kept if the price grows by
//! at most -T ln U, where T is the temperature and U is uniform in 0..1 (Christiaens & Vanden Berghe 2020). Where vehicles differ and have
//! a price, part of the iterations closes tours (see `closing`).

use super::closing::{Attempt, close_tours};
use crate::index::{By, LocalStop, LocalTour, StopIx, TourIx};
use crate::moves::Ruin;
use crate::moves::Scratch;
use crate::random::Random;
use crate::state::Local;
use crate::state::State;

/// How often (per mille), where vehicles differ, a tour changes its vehicle instead of losing some stops.
const EXCHANGED_PER_MILLE: usize = 50;
/// How often (per mille), where vehicles differ, a whole tour is taken out and its stops are put into the others: strings of some stops
/// leave a tour whose vehicle is dearer than the ways that it saves.
const CLOSED_PER_MILLE: usize = 30;
/// How often (per mille), where vehicles differ, one more vehicle is priced for what could fill it.
const FILLED_PER_MILLE: usize = 500;
/// Share of the iterations (percent) that closes tours, see `closing`, where vehicles differ and have a price. Measured after 1 s on eleven
/// draws of 120 to 1,000 stops: with 40 and 60 plans are 0.4 and 0.5 % cheaper than with 20, with which the best mix often is not found.
const CLOSING_PERCENT: u32 = 50;
/// The same for shipments, with which an iteration of closing takes several times as long as another one: in 1 s it pays with 60 stops
/// (11 % cheaper) and costs with 120 and more (1 to 3 % dearer).
const CLOSING_PERCENT_SHIPMENTS: u32 = 3;
const CLOSING_SHIPMENTS_MAX: usize = 100;
/// Iterations that an attempt usually takes (measured), its longest, and those that then shorten tours.
const ATTEMPT_USUAL: usize = 300;
const ATTEMPT_MAX: u32 = 400;
const SHORTENED: u32 = 200;
/// As how many iterations an attempt counts that cannot begin.
const IDLE: u32 = 5;
/// Iterations between two looks whether to go on at all.
const ASK_EVERY: u32 = 16;
/// Cells of the table of logarithms.
const CELLS: usize = 4096;

/// The result for a piece: sequences and units as the problem numbers them.
pub(crate) struct PieceResult {
    pub(crate) cost: i64,
    pub(crate) current: Vec<(TourIx, Vec<StopIx>)>,
    pub(crate) absent: Vec<StopIx>,
    pub(crate) best: Vec<(TourIx, Vec<StopIx>)>,
    pub(crate) best_cost: i64,
    pub(crate) iterations: u32,
}

/// What one piece does in one round.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) temperature: f64,
    /// The temperature while tours are closed.
    pub(crate) cold: f64,
    pub(crate) ruin: Ruin,
    pub(crate) iterations: u32,
    /// Most iterations per stop.
    pub(crate) per_stop: u32,
}

/// Runs one piece for one round, from these tours and these absent units.
pub(crate) fn anneal(
    local: &Local<'_>,
    tours: &[Vec<LocalStop>],
    waiting: Vec<LocalStop>,
    logs: &[f64],
    Effort { temperature, cold, ruin, iterations, .. }: Effort,
    mut random: Random,
) -> PieceResult {
    let mut state = State::new(local, tours, waiting);
    let mut best: By<LocalTour, Vec<LocalStop>> = tours.to_vec().into();
    let mut best_cost = state.objective();
    let mut dirty: Vec<LocalTour> = Vec::new();
    let mut is_dirty: By<LocalTour, bool> = By::each(false, tours.len());
    let mut scratch = Scratch::default();
    let mut keep =
        |state: &State<'_>, touched: &mut dyn Iterator<Item = LocalTour>, best: &mut By<LocalTour, Vec<LocalStop>>| {
            for tour in touched {
                if !is_dirty[tour] {
                    is_dirty[tour] = true;
                    dirty.push(tour);
                }
            }
            if state.objective() < best_cost {
                best_cost = state.objective();
                for tour in dirty.drain(..) {
                    is_dirty[tour] = false;
                    state.sequence_into(tour, &mut best[tour]);
                }
            }
        };
    // SWAP* exchanges jobs. Where tours have to be driven to be compared, driving them for each attempt costs more than it gains.
    // Where stops are related, a stop may not follow its tail or its place into another tour: they move one by one.
    let related = local.problem.is_one_piece();
    let swaps = local.jobs && !local.problem.walks() && !local.problem.lifo() && !related;
    // Where vehicles differ in what they hold or cost, tours change them.
    let mixed = local.problem.mixed();
    let exchanges = mixed && !related;
    let has_prices = state.tours().any(|tour| state.spec(tour).fixed > 0);
    // Without stops there is nothing to move.
    let iterations = if local.stops.is_empty() { 0 } else { iterations };
    let mut spent = 0;
    let closing = match (exchanges && has_prices, local.paired) {
        (false, _) => 0,
        (true, false) => iterations * CLOSING_PERCENT / 100,
        (true, true) if local.stops.len() > CLOSING_SHIPMENTS_MAX => 0,
        (true, true) => iterations * CLOSING_PERCENT_SHIPMENTS / 100,
    };
    // What is left for closing may be less than an attempt takes: then the attempt has a chance.
    while state.absent.is_empty() && spent < closing && random.below(ATTEMPT_USUAL) < (closing - spent) as usize {
        let attempt = Attempt { ruin, logs, temperature: cold, iterations: ATTEMPT_MAX, shortened: SHORTENED };
        let (tried, iterations) = close_tours(&state, attempt, &mut scratch, &mut random);
        spent += iterations.max(IDLE);
        let slack = (temperature * logs[random.cell()]) as i64;
        if let Some(tried) = tried.filter(|tried| tried.objective() <= state.objective().saturating_add(slack)) {
            state = tried;
            keep(&state, &mut state.tours(), &mut best);
        }
    }
    let mut done = spent;
    for iteration in spent..iterations {
        if iteration % ASK_EVERY == 0 && local.interrupt.is_due() {
            break;
        }
        done = iteration + 1;
        let before = state.objective();
        let changed =
            exchanges && random.chance(EXCHANGED_PER_MILLE) && state.exchange_vehicles(&mut scratch.units, &mut random);
        if !changed {
            state.begin();
            scratch.closed = exchanges && has_prices && random.chance(CLOSED_PER_MILLE);
            if scratch.closed {
                state.ruin_tour(ruin, &mut scratch.units, &mut random);
            } else {
                state.ruin(ruin, &mut scratch.units, &mut random);
            }
        }
        if mixed {
            scratch.filled = if random.chance(FILLED_PER_MILLE) { 1000 - random.below(1000) } else { 0 };
        }
        state.recreate(&mut scratch, &mut random);
        scratch.closed = false;
        let slack = (temperature * logs[random.cell()]) as i64;
        if state.objective() <= before.saturating_add(slack) && state.is_legal() {
            keep(&state, &mut state.touched(), &mut best);
        } else {
            state.undo();
        }
        let slack = (temperature * logs[random.cell()]) as i64;
        if related {
            // Nothing is exchanged.
        } else if state.plain {
            if state.swap_tails(slack, &mut random) {
                keep(&state, &mut state.touched(), &mut best);
            }
        } else {
            let before = state.objective();
            state.begin();
            if state.swap_tails_by_walking(slack, &mut random) {
                if state.objective() <= before.saturating_add(slack) {
                    keep(&state, &mut state.touched(), &mut best);
                } else {
                    state.undo();
                }
            }
        }
        if swaps {
            let slack = (temperature * logs[random.cell()]) as i64;
            if state.swap_stops(slack, &mut random) {
                keep(&state, &mut state.touched(), &mut best);
            }
        }
        #[cfg(test)]
        if let Err(what) = state.agrees_with_recount() {
            panic!("the records disagree with a recount: {what}");
        }
    }
    let global = |sequence: Vec<LocalStop>| sequence.into_iter().map(|stop| local.stops[stop]).collect::<Vec<StopIx>>();
    PieceResult {
        cost: state.objective(),
        current: state.tours().map(|tour| (local.tours[tour], state.global(tour))).collect(),
        absent: state.absent.iter().map(|&unit| local.stops[unit]).collect(),
        best: local.tours.iter().copied().zip(best.into_iter().map(global)).collect(),
        best_cost,
        iterations: done.min(iterations),
    }
}

/// -ln U at 4,096 points of U. `libm` rounds alike on every platform; the logarithm of the standard library does not.
pub(crate) fn logarithms() -> Vec<f64> {
    (0..CELLS).map(|cell| -libm::log((cell as f64 + 0.5) / CELLS as f64)).collect()
}
