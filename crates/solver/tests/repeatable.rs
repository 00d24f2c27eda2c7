//! What must not matter to the search and does not: threads, the moment at which it is stopped, searches beside it, names, units, the
//! day.

mod drawn;

use std::sync::Arc;

use drawn::{Drawn, MINUTE, any_drawn, from_plan, limits, made, never, problem, with_a_jam};
use fleetfold_solver::check::check;
use fleetfold_solver::{
    Alternative, AskedLegs, Interrupt, LegMatrix, LegRows, Legs, NodeIx, Pace, Pause, Problem, ProblemSpec,
    SearchLimits, Stop, StopIx, TimeDependentLegs, TourIx, TourSpec, UNREACHABLE, Weights, alternatives, insert, solve,
    solve_with,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// The rows of a table.
struct One(Legs);

impl LegRows for One {
    fn row(&self, _: usize, from: NodeIx) -> Vec<(i32, i32)> {
        (0..self.0.nodes() as u32).map(|to| self.0.pair(from, NodeIx(to))).collect()
    }
}

/// The rows of tables by the hour: a leg begun in a span, as long as that span lasts.
struct Spans(TimeDependentLegs);

impl LegRows for Spans {
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)> {
        self.0.row(span, from).to_vec()
    }
}

fn cost_of(answer: &Alternative) -> Option<i64> {
    if let Alternative::Possible { cost, .. } = *answer { Some(cost) } else { None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    /// The same bytes on one, two and three threads, and a search stopped at a round equals one told to stop there.
    #[test]
    fn threads_change_nothing(drawn in any_drawn(16)) {
        let problem = problem(&drawn);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| solve(&problem, &limits(3), &never()))
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            prop_assert_eq!(&one, &run(threads));
        }
        let several = solve(&problem, &SearchLimits { replicas: 3, ..limits(3) }, &never());
        prop_assert!(several.cost <= one.cost);
    }

    /// Legs that are asked for one by one, whether or not those along the tours are kept, give the answers of tables.
    #[test]
    fn legs_may_be_asked_for_one_by_one(drawn in any_drawn(16), percent in 50i32..400) {
        let plain = problem(&drawn);
        let from = from_plan(&plain, insert(&plain).tours);
        let jammed = with_a_jam(&from, percent);
        let Legs::TimeDependent(tables) = jammed.legs().clone() else { panic!("a jam has an hour") };
        let n = plain.legs().nodes();
        let constant = Arc::new(One(plain.legs().clone()));
        let driven = from.tours().iter().zip(from.initial()).flat_map(|(tour, sequence)| {
            let nodes: Vec<NodeIx> = sequence.iter().map(|stop| from.stops()[stop.index()].node).collect();
            std::iter::once(tour.start_node).chain(nodes.clone()).zip(nodes)
        });
        let driven: Vec<(NodeIx, NodeIx)> = driven.collect();
        let asked = AskedLegs::new(n, constant.clone());
        let by_hour = TimeDependentLegs::asked(n, vec![50 * MINUTE, 110 * MINUTE], Arc::new(Spans(tables))).expect("ascending");
        let cases = [
            (&from, Legs::Asked(asked.clone())),
            (&from, Legs::Asked(asked.keeping(driven.iter().copied()))),
            (&jammed, Legs::TimeDependent(by_hour.clone())),
            (&jammed, Legs::TimeDependent(by_hour.keeping(driven.into_iter()))),
        ];
        for (tables, legs) in cases {
            // A plan with one unit less, to be put in again.
            let mut spec = tables.spec().clone();
            if let Some(longest) = spec.initial.iter_mut().max_by_key(|tour| tour.len()) {
                let out = longest.first().map(|&stop| (stop, spec.stops[stop.index()].mate));
                longest.retain(|&stop| out.is_none_or(|(first, mate)| stop != first && stop != mate));
            }
            let tables = made(spec.clone());
            let asked = made(ProblemSpec { legs, ..spec });
            let (ours, theirs) = (insert(&asked), insert(&tables));
            prop_assert_eq!(&ours, &theirs);
            for unit in StopIx::first(asked.stops().len()).filter(|&stop| !asked.stops()[stop.index()].is_second_end()) {
                let taker = ours.tours.iter().position(|tour| tour.contains(&unit)).map(|tour| TourIx(tour as u32));
                let (answers, expected) = (
                    alternatives(&asked, &ours.tours, unit, taker),
                    alternatives(&tables, &theirs.tours, unit, taker),
                );
                prop_assert_eq!(&answers, &expected);
                // Where a taker is compared with the others, the cheapest of them is the one that a look at each of them finds.
                let whole = alternatives(&asked, &ours.tours, unit, None);
                prop_assert!(!whole.contains(&Alternative::Dearer));
                let Some(taker) = taker else { continue };
                let others = |answers: &[Alternative]| {
                    let others = answers.iter().enumerate().filter(|&(tour, _)| tour != taker.index());
                    others.filter_map(|(tour, answer)| Some((cost_of(answer)?, tour))).min()
                };
                prop_assert_eq!(others(&answers), others(&whole));
                for (answer, whole) in answers.iter().zip(&whole).filter(|(answer, _)| **answer != Alternative::Dearer) {
                    prop_assert_eq!(cost_of(answer), cost_of(whole));
                    prop_assert!(cost_of(answer).is_some() || answer == whole);
                }
            }
        }
    }

    /// The first of several searches side by side does what it does alone, and the best of all counts: with a temperature that is
    /// looked for, with plans that are crossed, with promises, with a limit to changes, with times that depend on the hour.
    #[test]
    fn more_replicas_never_cost_more(drawn in any_drawn(16), replicas in 2u32..4) {
        let problem = problem(&drawn);
        let given = insert(&problem).tours;
        let promised = made(from_plan(&problem, given).into_spec().with_promises(700_000));
        let jam = with_a_jam(&problem, 250);
        for (problem, limits) in [
            (&problem, limits(3)),
            (&promised, SearchLimits { warm: true, ..limits(3) }),
            (&promised, SearchLimits { changes_max: Some(2), ..limits(3) }),
            (&jam, limits(5)),
        ] {
            let several = SearchLimits { replicas, ..limits };
            let found = solve(problem, &several, &never());
            prop_assert!(found.cost <= solve(problem, &limits, &never()).cost);
            prop_assert_eq!(&found, &solve(problem, &several, &never()));
        }
        // Long enough to cross plans.
        for problem in [&problem, &jam] {
            let run = |replicas: u32| {
                let limits = SearchLimits { iterations: 20, replicas, ..limits(20) };
                solve_with(problem, &limits, 3_000 * problem.stops().len() as u64, Interrupt::NEVER, |progress| {
                    if progress.rounds < 20 { Pace::Go(f64::from(progress.rounds) / 19.0) } else { Pace::Stop }
                })
            };
            prop_assert!(run(replicas).cost <= run(1).cost);
        }
    }

    /// Stopping after a round leaves the plan that the longer search had there.
    #[test]
    fn a_search_cut_short_is_the_beginning_of_the_longer_one(drawn in any_drawn(16)) {
        let problem = problem(&drawn);
        let run = |stop_after: u32| {
            let mut met = Vec::new();
            let solution = solve_with(&problem, &limits(6), 2_000, Interrupt::NEVER, |progress| {
                met.push(progress.tours.to_vec());
                if progress.rounds < stop_after { Pace::Go(f64::from(progress.rounds) / 5.0) } else { Pace::Stop }
            });
            (solution, met)
        };
        let (_, met) = run(6);
        for rounds in 0..6u32 {
            prop_assert_eq!(&run(rounds).0.tours, &met[rounds as usize]);
        }
    }

    /// A search long enough to cross plans: legal, at the price it says, the same on any number of threads, side by side or not.
    #[test]
    fn children_of_two_plans_are_plans(drawn in any_drawn(16)) {
        let problem = problem(&drawn);
        let rounds = 40;
        let run = |threads: usize, replicas: u32| {
            let limits = SearchLimits { iterations: 20, replicas, ..limits(rounds) };
            let expected = 3_000 * problem.stops().len() as u64;
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| solve_with(&problem, &limits, expected, Interrupt::NEVER, |progress| {
                let point = f64::from(progress.rounds) / f64::from(rounds - 1);
                if progress.rounds < rounds { Pace::Go(point) } else { Pace::Stop }
            }))
        };
        for replicas in [1, 2] {
            let found = run(1, replicas);
            prop_assert_eq!(check(&problem, &found).map(|(cost, _)| cost), Ok(found.cost));
            prop_assert!(found.cost <= found.cost_before);
            prop_assert_eq!(&found, &run(2, replicas));
        }
    }

    /// Later by a day, everything else the same: the same plan.
    #[test]
    fn the_hour_of_the_clock_does_not_matter(drawn in any_drawn(16)) {
        let problem = problem(&drawn);
        let day = 24 * 60 * MINUTE;
        let later = |(opens, closes): &(i32, i32)| (opens + day, closes + day);
        let stops = problem.stops().iter().map(|stop| Stop {
            windows: stop.windows.iter().map(later).collect(),
            due: if stop.due == i32::MAX { stop.due } else { stop.due + day },
            placed: stop.placed + day,
            ..stop.clone()
        });
        let tours = problem.tours().iter().map(|tour| TourSpec {
            start_at: tour.start_at + day,
            end_by: tour.end_by + day,
            pauses: (tour.pauses.iter())
                .map(|pause| Pause { windows: pause.windows.iter().map(later).collect(), ..pause.clone() })
                .collect(),
            ..tour.clone()
        });
        let moved = made(ProblemSpec { stops: stops.collect(), tours: tours.collect(), ..problem.spec().clone() });
        let (one, other) = (solve(&problem, &limits(4), &never()), solve(&moved, &limits(4), &never()));
        prop_assert_eq!((one.tours, one.cost), (other.tours, other.cost));
    }
}

/// Names and units carry no meaning: other numbers for the stops, twice the distances and prices, a vehicle that reaches
/// nothing. Small problems are solved to (nearly always) the same cost.
#[test]
fn what_means_nothing_changes_nothing() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let total = 60;
    let mut same = [0; 3];
    for _ in 0..total {
        let drawn =
            Drawn { pause: false, lifo: false, shipments: 0, ..any_drawn(9).new_tree(&mut runner).unwrap().current() };
        let plain = problem(&drawn);
        let cost = |problem: &Problem| solve(problem, &limits(40), &never()).cost;
        let expected = cost(&plain);
        let mut reversed = drawn.clone();
        reversed.stops.reverse();
        same[0] += u32::from(cost(&problem(&reversed)) == expected);
        let dear = plain.tours().iter().map(|tour| TourSpec {
            per_hour: 2 * tour.per_hour,
            per_km: 2 * tour.per_km,
            fixed: 2 * tour.fixed,
            ..tour.clone()
        });
        let stops = plain.stops().iter().map(|stop| Stop { unserved: 2 * stop.unserved, ..stop.clone() }).collect();
        let weights = Weights {
            late_per_hour: 2 * plain.weights().late_per_hour,
            flow_per_hour: 2 * plain.weights().flow_per_hour,
            ..*plain.weights()
        };
        let dear = made(ProblemSpec { stops, tours: dear.collect(), weights, ..plain.spec().clone() });
        // Prices of legs are whole millionths: a hundred of them may differ by one each.
        same[1] += u32::from((cost(&dear) - 2 * expected).abs() <= 200);
        let n = drawn.places.len();
        let node = |index: usize| NodeIx(index as u32);
        let legs = LegMatrix::from_fn(n + 1, |a, b| {
            if a != b && (a == n || b == n) {
                return (UNREACHABLE, 0);
            }
            if a == b { (0, 0) } else { (plain.legs().time(node(a), node(b)), plain.legs().metres(node(a), node(b))) }
        });
        let mut tours = plain.tours().to_vec();
        tours.push(TourSpec { start_node: node(n), end_node: NodeIx::NONE, ..tours[0].clone() });
        let initial = Vec::new();
        let beside = made(ProblemSpec { tours, legs: legs.into(), initial, ..plain.spec().clone() });
        same[2] += u32::from(cost(&beside) == expected);
    }
    assert!(
        same.iter().all(|&same| same * 100 >= total * 95),
        "{same:?} of {total} the same: renumbered, dear, one more vehicle"
    );
}

/// Three replicas once cost more than one here: the first was started again from the best plan of the others.
#[test]
fn the_first_replica_is_not_led_by_the_others() {
    let window = |opens, length| Some((opens, length));
    let drawn = Drawn {
        places: [(3694, 2966), (1791, 1497), (4383, 1422), (0, 0), (2338, 2077), (0, 577), (1986, 2412), (1560, 777)]
            .to_vec(),
        stops: vec![
            (46, window(62, 34), 0, 0, 0, 1),
            (10, window(0, 0), 4, 0, 0, 2),
            (7, window(0, 21), 0, 0, 0, 1),
            (8, None, 5, 0, 0, 0),
            (8, window(54, 22), 4, 1, 1, 0),
            (73, window(61, 34), 5, 3, 1, 1),
            (84, window(3, 14), 0, 2, 2, 1),
            (86, window(104, 33), 0, 3, 1, 1),
            (23, window(75, 8), 0, 2, 2, 1),
            (60, None, 2, 0, 0, 1),
            (85, window(30, 67), 3, 0, 0, 0),
            (21, None, 5, 2, 0, 1),
            (62, window(138, 0), 0, 0, 0, 0),
            (23, window(58, 86), 0, 2, 0, 1),
            (6, window(1, 44), 0, 2, 2, 0),
        ],
        tours: vec![(12, 0, false, 0, 7)],
        shipments: 2,
        flow: false,
        lifo: false,
        pause: false,
    };
    let problem = problem(&drawn);
    let cost = |replicas: u32| solve(&problem, &SearchLimits { replicas, ..limits(3) }, &never()).cost;
    assert!(cost(3) <= cost(1), "{} instead of {}", cost(3), cost(1));
}
