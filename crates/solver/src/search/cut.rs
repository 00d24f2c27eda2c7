//! Cutting a plan into pieces of whole tours, along lines that are drawn anew in every round. No tour and no stop is in two pieces.

use crate::index::{By, LocalStop, NodeIx, StopIx, TourIx};
use crate::problem::Problem;
use crate::random::{Random, mix};
use crate::state::Neighbours;
use crate::state::Where;

/// Stops per piece (measured in the prototype: 250 as good as 500; 125 leaves three long tours per piece).
pub(crate) const PIECE_STOPS: usize = 250;
/// Fewest used tours per piece.
const PIECE_TOURS_MIN: usize = 5;
/// Where all vehicles are alike: the most unused ones that a piece gets.
const SPARE_TOURS: usize = 8;

/// Some whole tours, their stops and absent stops near them, as the problem numbers them.
pub(crate) struct Piece {
    pub(crate) stops: Vec<StopIx>,
    pub(crate) tours: Vec<TourIx>,
    /// Units on no tour.
    pub(crate) absent: Vec<StopIx>,
}

/// Cuts a plan. Also says where each stop went: the piece, and its number in it.
pub(crate) fn cut(
    problem: &Problem,
    near: &Neighbours,
    tours: &[Vec<StopIx>],
    absent: &[StopIx],
    (seed, round): (u64, u32),
    piece_stops: usize,
) -> (Vec<Piece>, Where) {
    let stops: usize = tours.iter().map(Vec::len).sum();
    let used = tours.iter().filter(|tour| !tour.is_empty()).count();
    // What holds between tours is kept where all are in one piece.
    let groups = if problem.is_one_piece() {
        1
    } else {
        ((stops + absent.len()) / piece_stops).min(used / PIECE_TOURS_MIN).max(1)
    };
    let mut random = Random::new(mix(seed ^ 0x0063_7574), round, u32::MAX);
    // Where all vehicles are alike, unused ones are distributed over the pieces; elsewhere they belong to where they start.
    let (mut list, spare): (Vec<TourIx>, Vec<TourIx>) =
        TourIx::first(tours.len()).partition(|&tour| !problem.pooled() || !tours[tour.index()].is_empty());
    let mut parts: Vec<Vec<TourIx>> = Vec::with_capacity(groups);
    if groups == 1 {
        parts.push(list);
    } else {
        let centres: Vec<Centre> = list.iter().map(|&tour| centre(problem, tour, &tours[tour.index()])).collect();
        let mut keyed: Vec<(f64, TourIx, Centre)> =
            list.drain(..).zip(centres).map(|(tour, centre)| (0.0, tour, centre)).collect();
        split(problem, tours, &mut keyed, groups, &mut random, &mut parts);
    }
    let count = parts.len();
    let mut pieces: Vec<Piece> = parts
        .into_iter()
        .enumerate()
        .map(|(index, mut mine)| {
            mine.sort_unstable();
            let share = spare.iter().skip(index).step_by(count).take(SPARE_TOURS);
            mine.extend(share);
            let stops = mine.iter().flat_map(|&tour| tours[tour.index()].iter().copied()).collect();
            Piece { stops, tours: mine, absent: Vec::new() }
        })
        .collect();
    let mut at: Where = By::each((u32::MAX, LocalStop::NONE), problem.stops().len());
    for (piece, list) in pieces.iter().enumerate() {
        for (local, &stop) in LocalStop::all().zip(&list.stops) {
            at[stop] = (piece as u32, local);
        }
    }
    for &unit in absent {
        let spec = &problem.stops()[unit.index()];
        let bound = [spec.locked, spec.home].into_iter().find(|&tour| tour != TourIx::NONE);
        let home = bound.and_then(|tour| pieces.iter().position(|piece| piece.tours.contains(&tour)));
        let beside = || {
            let piece = near.near.of(unit).iter().map(|&stop| at[stop].0).find(|&piece| piece != u32::MAX);
            piece.map_or(unit.index() % count, |piece| piece as usize)
        };
        let piece = home.unwrap_or_else(beside);
        for stop in [unit, spec.mate] {
            if stop != StopIx::NONE {
                at[stop] = (piece as u32, LocalStop(pieces[piece].stops.len() as u32));
                pieces[piece].stops.push(stop);
            }
        }
        pieces[piece].absent.push(unit);
    }
    (pieces, at)
}

/// Where a tour lies: the mean of its coordinates or, if legs have none, the node in its middle.
#[derive(Clone, Copy)]
enum Centre {
    Plane(f64, f64),
    Node(NodeIx),
}

fn centre(problem: &Problem, tour: TourIx, sequence: &[StopIx]) -> Centre {
    let start = problem.tours()[tour.index()].start_node;
    let Some(start_at) = problem.legs().planar(start) else {
        let middle = sequence.get(sequence.len() / 2);
        return Centre::Node(middle.map_or(start, |&stop| problem.stops()[stop.index()].node));
    };
    if sequence.is_empty() {
        return Centre::Plane(start_at.0, start_at.1);
    }
    let (mut x, mut y) = (0.0, 0.0);
    for &stop in sequence {
        let at = problem.legs().planar(problem.stops()[stop.index()].node).unwrap_or(start_at);
        x += at.0;
        y += at.1;
    }
    let count = sequence.len() as f64;
    Centre::Plane(x / count, y / count)
}

/// Recursive bisection of the tours in `list` into `groups` groups, each time along another random line (without coordinates: by which
/// of two random nodes is nearer).
fn split(
    problem: &Problem,
    tours: &[Vec<StopIx>],
    list: &mut [(f64, TourIx, Centre)],
    groups: usize,
    random: &mut Random,
    parts: &mut Vec<Vec<TourIx>>,
) {
    if groups <= 1 || list.len() < 2 {
        parts.push(list.iter().map(|&(_, tour, _)| tour).collect());
        return;
    }
    let first = TourIx(0);
    let angle = random.unit() * std::f64::consts::PI;
    let (cos, sin) = (libm::cos(angle), libm::sin(angle));
    let nodes = problem.legs().nodes();
    let (a, b) = (NodeIx(random.below(nodes) as u32), NodeIx(random.below(nodes) as u32));
    for (key, _, centre) in list.iter_mut() {
        *key = match *centre {
            Centre::Plane(x, y) => x * cos + y * sin,
            Centre::Node(node) => f64::from(problem.leg(first, node, a).0) - f64::from(problem.leg(first, node, b).0),
        };
    }
    list.sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
    let weight = |tour: TourIx| tours[tour.index()].len().max(1);
    let total: usize = list.iter().map(|&(_, tour, _)| weight(tour)).sum();
    let left = groups / 2;
    let goal = total * left / groups;
    let (mut sum, mut at) = (0, 0);
    while at < list.len() - 1 && (at == 0 || sum < goal) {
        sum += weight(list[at].1);
        at += 1;
    }
    let (first, second) = list.split_at_mut(at);
    split(problem, tours, first, left, random, parts);
    split(problem, tours, second, groups - left, random, parts);
}
