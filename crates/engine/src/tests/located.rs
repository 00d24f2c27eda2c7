//! Positions that decide something are facts before they count.

use super::*;

/// Vehicle `a` has picked up `x` at (1,0), and its phone then says (4,0).
fn under_way_with_goods() -> Rig {
    let mut rig = Rig::new();
    rig.order(shipment("x", km(1, 0), km(9, 9)));
    rig.at_stop("a", "x", StopKind::Pickup, Event::StopCompleted);
    rig.now += 180_000;
    let at = Timestamp(rig.now);
    rig.input(Input::Position(PositionReport { vehicle: name("a"), position: km(4, 0), at }));
    rig.now += 1_000;
    rig
}

fn rescue_at(rig: &Rig) -> Position {
    let fleet = rig.engine.fleet();
    fleet.order(fleet.order_id("x").unwrap()).stop(StopKind::Pickup).unwrap().position
}

fn located(rig: &Rig) -> Vec<&fleetfold_model::VehicleLocated> {
    let own = rig.own.iter();
    own.filter_map(|event| if let Event::VehicleLocated(located) = event { Some(located) } else { None }).collect()
}

#[test]
fn a_lost_vehicle_is_rescued_where_its_phone_was_and_the_log_alone_knows_where() {
    let mut rig = under_way_with_goods();
    let plans = rig.plans.len();
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: None });
    assert_eq!(rescue_at(&rig), km(4, 0));
    assert_eq!(rig.route("b"), ["+x", "x"]);
    assert_eq!(rig.plans.len(), plans + 1, "the first answer knows the position already");
    let [fact] = located(&rig)[..] else { panic!("one position is one fact: {:?}", rig.own) };
    assert_eq!((fact.position, fact.epoch), (km(4, 0), 1));
    // Whoever folds the log has no hints, and ends in the same fleet.
    let mut again = Fleet::new();
    for entry in &rig.log {
        again.apply(entry);
    }
    assert_eq!(again.digest(), rig.engine.fleet().digest());
}

#[test]
fn a_position_in_the_fact_itself_needs_no_other() {
    let mut rig = under_way_with_goods();
    rig.fact(Event::VehicleLost { vehicle: name("a"), position: Some(km(2, 2)) });
    assert!(located(&rig).is_empty());
    assert_eq!(rescue_at(&rig), km(2, 2));
}

#[test]
fn a_position_that_never_comes_back_holds_the_answer_for_two_seconds_at_most() {
    let mut rig = under_way_with_goods();
    rig.own_comes_back = false;
    rig.happens(Event::VehicleLost { vehicle: name("a"), position: None });
    assert!(rig.route("b").is_empty(), "the answer waits");
    let due = rig.engine.next_tick().expect("an answer is due");
    assert!(due.0 <= rig.now + 2_000, "{due:?}");
    rig.now += 2_000;
    rig.input(Input::Tick(Timestamp(rig.now)));
    assert_eq!(rig.route("b"), ["+x", "x"]);
}

#[test]
fn a_new_owner_says_where_vehicles_were_that_nobody_located() {
    let mut rig = under_way_with_goods();
    rig.input(Input::Commit(Outcome::Lost));
    rig.happens(Event::VehicleLost { vehicle: name("a"), position: None });
    assert!(located(&rig).is_empty(), "only an owner says it");
    rig.input(Input::Commit(Outcome::Granted(2)));
    assert_eq!(located(&rig).iter().map(|fact| fact.epoch).collect::<Vec<_>>(), [2]);
    assert_eq!(rescue_at(&rig), km(4, 0));
    assert_eq!(rig.route("b"), ["+x", "x"]);
}

#[test]
fn a_broken_promise_is_put_right_by_a_fact_once_per_set_of_offenders() {
    let mut rig = Rig::new();
    rig.order(job("x", km(1, 0)));
    let broken = |order: &str| Input::Broken {
        orders: vec![name(order)],
        vehicles: vec![name("a")],
        what: "F1: an order is on two routes".to_owned(),
    };
    let asked = |rig: &Rig| rig.own.iter().filter(|event| matches!(event, Event::RepairAsked(_))).count();
    rig.input(broken("x"));
    rig.input(broken("x"));
    assert_eq!(asked(&rig), 1);
    rig.input(broken("y"));
    assert_eq!(asked(&rig), 2, "another set of offenders");
    rig.now += 30_000;
    rig.input(Input::Tick(Timestamp(rig.now)));
    rig.input(broken("x"));
    assert_eq!(asked(&rig), 3, "it is still broken after half a minute");
    rig.input(Input::Commit(Outcome::Lost));
    rig.now += 30_000;
    rig.input(broken("x"));
    assert_eq!(asked(&rig), 3, "only an owner writes");
    assert!(rig.engine.fleet().unanswered().is_empty());
}
