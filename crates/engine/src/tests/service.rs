//! The solver starts service when everybody else does.

use fleetfold_fleet::Stop;
use fleetfold_solver::{LegMatrix, Problem, ProblemSpec, TourSpec, schedule};

use super::somewhere::Dice;
use super::*;
use crate::draft::solver_windows;

#[test]
fn the_solver_starts_service_when_the_fleet_says() {
    let mut dice = Dice(0x5eed);
    for round in 0..5_000 {
        let mut edge = dice.roll(50) as i64;
        let mut windows = Vec::new();
        for _ in 0..dice.roll(4) {
            let opens = edge + 1 + dice.roll(30) as i64;
            edge = opens + dice.roll(30) as i64;
            windows.extend(TimeWindow::new(Timestamp(opens), Timestamp(edge)));
        }
        let release = (dice.roll(2) == 0).then(|| Timestamp(dice.roll(120) as i64));
        let setup = Millis(dice.roll(10) as i64);
        let travel = dice.roll(120) as i32;
        let stop = Stop { position: km(0, 0), windows, release, due: None, service: Millis(5), setup };
        let solver_stop = fleetfold_solver::Stop {
            windows: solver_windows(&stop, |at| at.0 as i32),
            service: 5,
            setup: setup.0 as i32,
            ..fleetfold_solver::Stop::job(fleetfold_solver::NodeIx(1))
        };
        let legs = LegMatrix::from_fn(2, |a, b| if a == b { (0, 0) } else { (travel, 0) });
        let problem = Problem::new(ProblemSpec {
            stops: vec![solver_stop],
            tours: vec![TourSpec::at(fleetfold_solver::NodeIx(0))],
            legs: legs.into(),
            ..ProblemSpec::default()
        })
        .expect("a legal problem");
        let timed = schedule(&problem, fleetfold_solver::TourIx(0), &[fleetfold_solver::StopIx(0)])
            .expect("it can be driven")[0];
        let expected = stop.service_start(Timestamp(i64::from(travel)), true);
        assert_eq!(i64::from(timed.start), expected.0, "round {round}: {stop:?}, {travel} on the way");
    }
}
