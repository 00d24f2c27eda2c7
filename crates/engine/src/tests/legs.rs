//! The engine's thread waits for nothing: legs of a routing server come as an input, or straight lines do.

use std::sync::Mutex;

use fleetfold_roads::{Leg, LegSource};

use super::*;

/// A server on which every leg takes as long. It counts how often it is asked.
#[derive(Debug)]
struct Slow {
    leg: i32,
    asked: Mutex<usize>,
}

impl Slow {
    fn new(leg: i32) -> Arc<Self> {
        Arc::new(Self { leg, asked: Mutex::default() })
    }
}

impl LegSource for Slow {
    fn table(&self, from: &[Position], to: &[Position]) -> Option<Vec<Leg>> {
        *self.asked.lock().unwrap() += 1;
        Some(vec![Leg { millis: self.leg, metres: 9_000 }; from.len() * to.len()])
    }
}

fn degrees(x: i32) -> Position {
    Position { x: x * 100_000, y: 400_000_000 }
}

/// One vehicle at 0, and an order at 1 that waits for its answer.
fn asked() -> (Rig, Arc<Slow>) {
    let source = Slow::new(900_000);
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

/// Orders come at once, `rushes` times, and the server takes a second for every question. How long the last answer of each rush took.
fn rushes(rushes: i32, orders: i32) -> Vec<i64> {
    let source = Slow::new(1_000);
    let mut rig = Rig::over(Network::from_source(source as Arc<dyn LegSource>), Space::Geographic);
    let van = Vehicle { capacity: Load([10_000, 0, 0, 0]), shift: None, ..vehicle("a", degrees(0)) };
    rig.fact(Event::VehicleRegistered(van));
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: None, position: None });
    let mut took = Vec::new();
    for rush in 0..rushes {
        rig.queries.clear();
        let begun = rig.now;
        for order in 0..orders {
            let number = rush * orders + order;
            rig.happens(Event::OrderCreated(job(&format!("o{number}"), degrees(1 + number))));
        }
        while !rig.engine.fleet().unanswered().is_empty() {
            let owed: Vec<_> = rig.queries.drain(..).collect();
            rig.now += if owed.is_empty() { 1 } else { 1_000 };
            rig.input(Input::Tick(Timestamp(rig.now)));
            for query in owed {
                let answer = rig.engine.network().fetch(&query);
                rig.input(Input::Legs(answer));
            }
        }
        assert_eq!(rig.route("a").len(), usize::try_from((rush + 1) * orders).unwrap(), "there is room for all");
        took.push(rig.now - begun);
    }
    took
}

#[test]
fn a_slow_server_delays_a_rush_by_a_few_seconds_however_many_wait() {
    let few = rushes(1, 10)[0];
    assert!((1_000..3_000).contains(&few), "the server is waited for: {few} ms");
    for took in rushes(3, 80) {
        assert!((2_000..4_500).contains(&took), "waited for, and not for each order: {took} ms");
    }
}
