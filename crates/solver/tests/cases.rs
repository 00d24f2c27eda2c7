//! Small problems made by hand: rules that must be kept, numbers at their limits, plans that cannot be driven.

mod drawn;

use drawn::{MINUTE, from_plan, limits, never, numbers, with_defaults};
use fleetfold_solver::check::{Fault, check};
use fleetfold_solver::{
    LegMatrix, NodeIx, Role, SearchLimits, Solution, Stop, StopIx, TourIx, TourSpec, UNREACHABLE, insert, solve,
};

#[test]
fn a_lock_a_bar_and_a_skill_are_kept() {
    let legs = LegMatrix::from_fn(2, |a, b| if a == b { (0, 0) } else { (MINUTE, 1000) });
    let locked = Stop { locked: TourIx(1), ..Stop::job(NodeIx(1)) };
    let barred = Stop { barred: vec![TourIx(1)], ..Stop::job(NodeIx(1)) };
    let skilled = Stop { needs: 2, ..Stop::job(NodeIx(1)) };
    let tours = vec![TourSpec { has: 0, ..TourSpec::at(NodeIx(0)) }, TourSpec { has: 2, ..TourSpec::at(NodeIx(0)) }];
    let problem = with_defaults(vec![locked, barred, skilled], tours, &legs);
    let found = solve(&problem, &limits(5), &never());
    assert_eq!(found.tours[0], [StopIx(1)]);
    assert_eq!(found.tours[1].len(), 2);
    let wrong = Solution { tours: [[0, 1].as_slice(), &[2]].map(numbers).to_vec(), ..Solution::default() };
    assert_eq!(check(&problem, &wrong), Err(Fault::Rules(StopIx(0))), "the checker let a lock be broken");
}

#[test]
fn hostile_problems_get_an_answer() {
    let far = LegMatrix::from_fn(2, |a, b| if a == b { (0, 0) } else { (UNREACHABLE, 0) });
    let problem = with_defaults(vec![Stop::job(NodeIx(1))], vec![TourSpec::at(NodeIx(0))], &far);
    assert_eq!(solve(&problem, &limits(3), &never()).absent, [StopIx(0)], "an unreachable stop was driven to");
    let near = LegMatrix::from_fn(1, |_, _| (0, 0));
    let crowd: Vec<Stop> = (0..300).map(|_| Stop { load: [1, 0, 0, 0], ..Stop::job(NodeIx(0)) }).collect();
    let tour = TourSpec { capacity: [100, 0, 0, 0], ..TourSpec::at(NodeIx(0)) };
    let problem = with_defaults(crowd, vec![tour], &near);
    assert_eq!(solve(&problem, &limits(2), &never()).absent.len(), 200);
    let nobody = with_defaults(vec![Stop::job(NodeIx(0))], Vec::new(), &near);
    assert_eq!(solve(&nobody, &limits(2), &never()).absent, [StopIx(0)]);
    let shut = Stop { windows: vec![(-500 * MINUTE, -400 * MINUTE)], due: -400 * MINUTE, ..Stop::job(NodeIx(0)) };
    let problem = with_defaults(vec![shut], vec![TourSpec::at(NodeIx(0))], &near);
    let late = solve(&problem, &limits(2), &never());
    assert!(late.absent.is_empty(), "unavoidable lateness is priced, not refused");
}

/// Loads that do not add up to an integer: each needs a vehicle of its own (once, the sum overflowed).
#[test]
fn loads_at_the_limit_are_counted() {
    let (load, capacity) = ([i32::MAX - 1, 0, 0, 0], [i32::MAX - 1, 0, 0, 0]);
    for role in [Role::JobDelivery, Role::JobPickup] {
        let stops = vec![Stop { role, load, unserved: 1_000_000, ..Stop::job(NodeIx(1)) }; 3];
        let tour = TourSpec { end_node: NodeIx(0), end_by: 1_000, capacity, per_km: 1_000, ..TourSpec::at(NodeIx(0)) };
        let legs = LegMatrix::from_fn(2, |a, b| if a == b { (0, 0) } else { (10, 10) });
        let problem = with_defaults(stops, vec![tour; 2], &legs);
        let solution = solve(&problem, &SearchLimits { rounds: 3, ..SearchLimits::default() }, &never());
        assert!(solution.tours.iter().all(|tour| tour.len() == 1), "{:?}", solution.tours);
        assert_eq!(solution.absent.len(), 1);
        check(&problem, &solution).unwrap();
    }
}

/// A plan that loads three where two fit is not handed back as it came: what is too much goes to the other vehicle.
#[test]
fn what_is_too_much_for_one_vehicle_goes_to_another() {
    let times = [[0, 900, 1200], [900, 0, 700], [1200, 700, 0]];
    let stop = |place| Stop { load: [1, 0, 0, 0], service: 10, ..Stop::job(NodeIx(place)) };
    let tour = TourSpec { end_node: NodeIx(0), capacity: [2, 0, 0, 0], ..TourSpec::at(NodeIx(0)) };
    let legs = LegMatrix::from_fn(3, |a, b| (times[a][b], times[a][b]));
    let problem = with_defaults(vec![stop(2), stop(1), stop(2), stop(1)], vec![tour; 2], &legs);
    let overloaded = from_plan(&problem, [[0, 1, 2].as_slice(), &[3]].map(numbers).to_vec());
    for solution in [insert(&overloaded), solve(&overloaded, &limits(3), &never())] {
        check(&overloaded, &solution).unwrap();
        assert_eq!((solution.absent.len(), solution.infeasible.len()), (0, 0));
        assert!(solution.tours.iter().all(|tour| tour.len() == 2), "{:?}", solution.tours);
    }
}

/// Goods on board that are more than the vehicle may carry cannot be put elsewhere: the tour stays as it was, and is named.
#[test]
fn a_tour_that_cannot_be_mended_is_named_and_left_alone() {
    let legs = LegMatrix::from_fn(3, |a, b| if a == b { (0, 0) } else { (MINUTE, 1_000) });
    let on_board = Stop { role: Role::Delivery, load: [3, 0, 0, 0], locked: TourIx(0), ..Stop::job(NodeIx(1)) };
    let full = TourSpec { onboard: [3, 0, 0, 0], capacity: [2, 0, 0, 0], ..TourSpec::at(NodeIx(0)) };
    let stops =
        vec![on_board, Stop::job(NodeIx(2)), Stop::job(NodeIx(1)), Stop { locked: TourIx(0), ..Stop::job(NodeIx(2)) }];
    let problem = with_defaults(stops, vec![full, TourSpec::at(NodeIx(0))], &legs);
    let problem = from_plan(&problem, [[1, 0].as_slice(), &[]].map(numbers).to_vec());
    for solution in [insert(&problem), solve(&problem, &limits(3), &never())] {
        assert_eq!(solution.infeasible, [TourIx(0)]);
        assert_eq!(solution.tours, [[1, 0].as_slice(), &[2]].map(numbers));
        assert_eq!(solution.absent, [StopIx(3)], "what is locked to such a tour has no place");
    }
}
