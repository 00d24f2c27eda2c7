//! How many stops of a plan are not with the vehicle that they are promised to: a limit to their number, and an exchange of whole
//! sequences among vehicles that are alike, which makes the number as small as possible.

use std::collections::BTreeMap;

use crate::index::{StopIx, TourIx};
use crate::problem::Problem;

/// First price of a change, as a multiple of the price of a mean leg (measured in the prototype: with 0.1 to 0.25 few stops change).
const FIRST_PRICE: f64 = 0.15;
/// After a round the price is multiplied by (changes / changes aimed at) to this power, but by no more than the second factor, up or down.
const FOLLOW: f64 = 0.3;
const FOLLOW_MAX: f64 = 1.2;
/// The share of the allowed changes that is aimed at: the number of changes varies around the aim.
const AIM: f64 = 0.95;
/// Most vehicles that are alike among which sequences are exchanged: the assignment takes time in proportion to the cube.
const DEALT_MAX: usize = 300;

/// How many stops are not on the tour that they are promised to.
pub(crate) fn changed(problem: &Problem, tours: &[Vec<StopIx>]) -> usize {
    TourIx::all()
        .zip(tours)
        .map(|(tour, sequence)| sequence.iter().filter(|&&stop| strays(problem, tour, stop)).count())
        .sum()
}

fn strays(problem: &Problem, tour: TourIx, stop: StopIx) -> bool {
    let home = problem.stops()[stop.index()].home;
    home != TourIx::NONE && home != tour
}

/// A limit to the number of changes, kept by a price of each change that rises when there are too many and falls when there are fewer.
pub(crate) struct ChangeLimit {
    most: usize,
    /// The problem, in which each change costs that much more.
    pub(crate) problem: Problem,
    /// By stop: the price of a change in the problem itself.
    own: Vec<i64>,
    price: f64,
}

impl ChangeLimit {
    /// `leg` is the mean price of a leg of the plan.
    pub(crate) fn new(problem: &Problem, most: u32, leg: f64) -> Self {
        let own = problem.stops().iter().map(|stop| stop.change).collect();
        let mut limit = Self { most: most as usize, problem: problem.clone(), own, price: FIRST_PRICE * leg };
        limit.set_prices();
        limit
    }

    fn set_prices(&mut self) {
        let price = self.price as i64;
        self.problem.set_change_prices(self.own.iter().map(|own| own.saturating_add(price)));
    }

    /// True when a plan has no more changes than are allowed.
    pub(crate) fn allows(&self, tours: &[Vec<StopIx>]) -> bool {
        changed(&self.problem, tours) <= self.most
    }

    /// Raises the price if a plan has more changes than are aimed at, and lowers it if it has fewer.
    pub(crate) fn follow(&mut self, tours: &[Vec<StopIx>]) {
        let off = (changed(&self.problem, tours) as f64 + 1.0) / (self.most as f64 * AIM + 1.0);
        let factor = libm::pow(off, FOLLOW).clamp(1.0 / FOLLOW_MAX, FOLLOW_MAX);
        self.price = (self.price * factor).max(1.0);
        self.set_prices();
    }
}

/// The same sequences, assigned to vehicles that are alike so that broken promises cost least. A search moves single stops and does not
/// see that two such vehicles which have exchanged all of their stops could exchange them back.
pub(crate) fn dealt_out(problem: &Problem, mut tours: Vec<Vec<StopIx>>) -> Vec<Vec<StopIx>> {
    let bound = |&stop: &StopIx| {
        let stop = &problem.stops()[stop.index()];
        stop.locked != TourIx::NONE || !stop.barred.is_empty()
    };
    let mut alike: BTreeMap<TourIx, Vec<TourIx>> = BTreeMap::new();
    for (tour, sequence) in TourIx::all().zip(&tours) {
        let strayed = sequence.iter().any(|&stop| strays(problem, tour, stop));
        if (strayed || sequence.is_empty()) && !sequence.iter().any(bound) {
            alike.entry(problem.twin(tour)).or_default().push(tour);
        }
    }
    for group in alike.into_values() {
        let wanted = |tour: TourIx| {
            group.iter().any(|&from| tours[from.index()].iter().any(|&stop| problem.stops()[stop.index()].home == tour))
        };
        // Unused vehicles to which nothing is promised are left out.
        let group: Vec<TourIx> =
            group.iter().copied().filter(|&tour| !tours[tour.index()].is_empty() || wanted(tour)).collect();
        if !(2..=DEALT_MAX).contains(&group.len()) {
            continue;
        }
        let price = |from: usize, to: usize| -> i64 {
            tours[group[from].index()].iter().map(|&stop| problem.change_cost(group[to], stop)).sum()
        };
        let prices: Vec<i64> = (0..group.len())
            .flat_map(|from| (0..group.len()).map(move |to| (from, to)))
            .map(|(from, to)| price(from, to))
            .collect();
        let sequences: Vec<Vec<StopIx>> = group.iter().map(|&tour| std::mem::take(&mut tours[tour.index()])).collect();
        for (sequence, to) in sequences.into_iter().zip(assignment(group.len(), &prices)) {
            tours[group[to].index()] = sequence;
        }
    }
    tours
}

/// The cheapest one-to-one assignment of rows to columns of an `n` × `n` table (Kuhn 1955, with potentials as in Jonker &
/// Volgenant 1987): the column of each row. O(n³).
fn assignment(n: usize, prices: &[i64]) -> Vec<usize> {
    const FREE: usize = usize::MAX;
    let (mut row_potential, mut column_potential) = (vec![0i64; n], vec![0i64; n + 1]);
    // Column n stands for the row that is being assigned.
    let mut row_of = vec![FREE; n + 1];
    let mut came_from = vec![n; n + 1];
    for row in 0..n {
        row_of[n] = row;
        let mut column = n;
        let mut least = vec![i64::MAX; n];
        let mut done = vec![false; n + 1];
        while row_of[column] != FREE {
            done[column] = true;
            let at = row_of[column];
            let (mut step, mut next) = (i64::MAX, n);
            for other in (0..n).filter(|&other| !done[other]) {
                let reduced = prices[at * n + other] - row_potential[at] - column_potential[other];
                if reduced < least[other] {
                    (least[other], came_from[other]) = (reduced, column);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=n {
                if done[other] {
                    row_potential[row_of[other]] += step;
                    column_potential[other] -= step;
                } else if other < n {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != n {
            let before = came_from[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    let mut column_of = vec![0; n];
    for (column, &row) in row_of[..n].iter().enumerate() {
        column_of[row] = column;
    }
    column_of
}

#[cfg(test)]
mod tests {
    use super::assignment;
    use crate::random::Random;

    /// The price of the best of all permutations.
    fn brute(n: usize, prices: &[i64], row: usize, taken: u32) -> i64 {
        if row == n {
            return 0;
        }
        (0..n)
            .filter(|column| taken & 1 << column == 0)
            .map(|column| prices[row * n + column] + brute(n, prices, row + 1, taken | 1 << column))
            .min()
            .unwrap_or(i64::MAX / 4)
    }

    #[test]
    fn the_cheapest_of_all_assignments_is_found() {
        for seed in 0..200 {
            let mut random = Random::new(seed, 0, 0);
            let n = 1 + random.below(6);
            let prices: Vec<i64> = (0..n * n).map(|_| random.below(50) as i64).collect();
            let columns = assignment(n, &prices);
            let mut once = columns.clone();
            once.sort_unstable();
            assert_eq!(once, (0..n).collect::<Vec<_>>(), "seed {seed}");
            let sum: i64 = columns.iter().enumerate().map(|(row, &column)| prices[row * n + column]).sum();
            assert_eq!(sum, brute(n, &prices, 0, 0), "seed {seed}: {prices:?}");
        }
    }
}
