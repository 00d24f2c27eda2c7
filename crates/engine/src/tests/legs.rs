//! The engine's thread waits for nothing: legs of a routing server come as an input, or straight lines do.

use std::sync::Mutex;

use fleetfold_roads::{Leg, LegSource};

use super::*;

/// A server on which every leg takes a quarter of an hour. It notes on which threads it is asked.
#[derive(Debug, Default)]
struct Slow {
    asked: Mutex<usize>,
}

impl LegSource for Slow {
    fn table(&self, from: &[Position], to: &[Position]) -> Option<Vec<Leg>> {
        *self.asked.lock().unwrap() += 1;
        Some(vec![Leg { millis: 900_000, metres: 9_000 }; from.len() * to.len()])
    }
}

fn degrees(x: i32) -> Position {
    Position { x: x * 100_000, y: 400_000_000 }
}

/// One vehicle at 0, and an order at 1 that waits for its answer.
fn asked() -> (Rig, Arc<Slow>) {
    let source = Arc::new(Slow::default());
    let mut rig = Rig::over(Network::from_source(Arc::clone(&source) as Arc<dyn LegSource>), Space::Geographic);
    rig.on("a", degrees(0));
    rig.queries.clear();
    rig.happens(Event::OrderCreated(job("x", degrees(1))));
    (rig, source)
}

fn arrival(rig: &Rig) -> i64 {
    rig.engine.fleet().vehicle(rig.engine.fleet().vehicle_id("a").unwrap()).route.visits[0].arrival.0
}

#[test]
fn an_answer_waits_for_the_legs_of_a_server_that_the_engine_does_not_ask() {
    let (mut rig, source) = asked();
    assert_eq!((rig.queries.len(), *source.asked.lock().unwrap()), (1, 0));
    assert!(rig.route("a").is_empty(), "the answer waits");
    let answer = rig.engine.network().fetch(&rig.queries[0]);
    rig.input(Input::Legs(answer));
    assert_eq!(rig.route("a"), ["x"]);
    assert_eq!(arrival(&rig), 900_000, "as the server says");
    assert_eq!(rig.queries.len(), 1, "all is known");
}

#[test]
fn straight_lines_do_after_a_second_and_a_half_or_when_the_server_gives_up() {
    let (mut rig, source) = asked();
    assert!(rig.engine.next_tick().is_some_and(|at| at.0 <= rig.now + 1_500));
    rig.now += 1_500;
    rig.input(Input::Tick(Timestamp(rig.now)));
    assert_eq!(rig.route("a"), ["x"]);
    assert!((1..900_000).contains(&(arrival(&rig) - rig.now)));
    assert_eq!(*source.asked.lock().unwrap(), 0);

    let (mut rig, _) = asked();
    rig.input(Input::Legs(fleetfold_roads::LegAnswer::default()));
    assert_eq!(rig.route("a"), ["x"], "it gave up: nothing is waited for");
    assert_eq!(rig.queries.len(), 1);
}
