//! What customers are told of when their orders come.

use fleetfold_model::{Eta, EtaState, OnBoardRule};

use super::*;

fn pass(rig: &mut Rig, seconds: i64) {
    for _ in 0..seconds {
        rig.now += 1_000;
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
}

fn of<'a>(rig: &'a Rig, order: &str) -> Vec<&'a Eta> {
    rig.told.iter().filter(|eta| eta.order.as_str() == order).collect()
}

fn arrival(eta: &Eta) -> Timestamp {
    let EtaState::Expected { arrival, earliest, latest } = eta.state else { panic!("{eta:?}") };
    assert!(earliest <= arrival && arrival <= latest, "{eta:?}");
    assert!(latest > eta.at && arrival >= eta.at, "in the past: {eta:?}");
    arrival
}

#[test]
fn a_customer_is_told_again_when_the_arrival_has_moved_by_what_the_policy_says_and_not_before() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-20, 0)));
    assert_eq!(of(&rig, "x").len(), 1, "at once");
    assert!((arrival(of(&rig, "x")[0]) - at(20)).0.abs() <= 90_000);
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    // A minute faster than planned is no news, by default.
    rig.now = at(5).0;
    let report = |rig: &mut Rig, x: i32| {
        pass(rig, 1);
        let (position, at) = (km(x, 0), Timestamp(rig.now));
        rig.input(Input::Position(PositionReport { vehicle: name("a"), position, at }));
        pass(rig, 20);
    };
    report(&mut rig, -6);
    assert_eq!(of(&rig, "x").len(), 1, "{:?}", rig.told);
    // Five minutes faster is.
    rig.now = at(6).0;
    report(&mut rig, -11);
    assert!(of(&rig, "x").len() > 1);
    assert!((arrival(of(&rig, "x").last().unwrap()) - at(15)).0.abs() <= 60_000, "{:?}", rig.told);
    let told = of(&rig, "x").len();
    pass(&mut rig, 60);
    assert!(of(&rig, "x").len() <= told + 1, "nothing has moved: {:?}", rig.told);
    let revisions: Vec<u64> = of(&rig, "x").iter().map(|eta| eta.revision).collect();
    assert!(revisions.windows(2).all(|pair| pair[0] < pair[1]), "{revisions:?}");
}

/// The driver stands still and says nothing: what is told is never over.
#[test]
fn no_interval_that_stands_ends_in_the_past() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-5, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    for _ in 0..90 * 60 {
        pass(&mut rig, 1);
        let EtaState::Expected { latest, .. } = of(&rig, "x").last().unwrap().state else { panic!("it is expected") };
        assert!(latest > Timestamp(rig.now), "at {}: {:?}", rig.now, rig.told.last());
    }
    let told = of(&rig, "x").len();
    assert!(told < 90, "{told} messages in 90 minutes");
}

/// A plan may move thousands of arrivals. Those that are not told at once are told in the rounds that follow, and each once.
#[test]
fn in_a_rush_some_are_told_later_and_everybody_is_told() {
    let mut rig = Rig::new();
    rig.fact(Event::VehicleRegistered(Vehicle { capacity: Load([1_000, 0, 0, 0]), ..vehicle("large", km(-5, 1)) }));
    rig.fact(Event::ShiftStarted { vehicle: name("large"), shift: None, position: None });
    for number in 0..600 {
        let stop = StopSpec { service: Millis(0), ..stop(km(-5, 0)) };
        let work = OrderWork::Job(Job { stop, direction: LoadDirection::Pickup });
        rig.order(Order { work, ..job(&format!("x{number}"), km(-5, 0)) });
    }
    let told = rig.told.len();
    assert!((400..600).contains(&told), "{told} told at once");
    pass(&mut rig, 2);
    let orders: BTreeSet<&Name> = rig.told.iter().map(|eta| &eta.order).collect();
    assert_eq!((orders.len(), rig.told.len()), (600, 600));
}

#[test]
fn what_is_told_ends_with_the_order() {
    let mut rig = Rig::new();
    rig.order(job("x", km(-5, 0)));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(5).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopArrived);
    assert_eq!(of(&rig, "x").last().unwrap().state, EtaState::Arrived { at: at(5) });
    rig.now = at(6).0;
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopCompleted);
    assert_eq!(of(&rig, "x").last().unwrap().state, EtaState::Ended);
    let told = rig.told.len();
    pass(&mut rig, 60);
    assert_eq!(rig.told.len(), told);
    // Cancelled, and lost with its vehicle.
    rig.order(job("y", km(5, 0)));
    rig.fact(Event::OrderCancelled { order: name("y") });
    assert_eq!(of(&rig, "y").last().unwrap().state, EtaState::Ended);
    rig.order(job("z", km(5, 0)));
    for vehicle in ["a", "b"] {
        rig.fact(Event::VehicleLost { vehicle: name(vehicle), position: None });
    }
    assert_eq!(of(&rig, "z").last().unwrap().state, EtaState::NoVehicle);
}

/// Goods that nobody took, or that nobody wants any more, go back to the shop: no customer waits for them there.
#[test]
fn nothing_is_told_of_goods_on_their_way_back() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let policy = Policy { on_failed_delivery: OnBoardRule::Return, ..rig.engine.fleet().policy().clone() };
    rig.fact(Event::PolicyChanged(policy));
    for order in ["x", "y"] {
        rig.order(shipment(order, km(-1, 0), km(-20, 0)));
        rig.at_stop("a", order, StopKind::Pickup, Event::StopDeparted);
        rig.now += 120_000;
        rig.at_stop("a", order, StopKind::Pickup, Event::StopCompleted);
    }
    rig.now += 60_000;
    rig.at_stop("a", "x", StopKind::Delivery, |stop| Event::StopFailed(stop, FailReason::Refused, None));
    rig.fact(Event::OrderCancelled { order: name("y") });
    pass(&mut rig, 120);
    for order in ["x", "y"] {
        assert!(rig.route("a").contains(&order.to_owned()), "it goes back: {:?}", rig.route("a"));
        assert_eq!(of(&rig, order).last().unwrap().state, EtaState::Ended, "{order}: {:?}", of(&rig, order));
    }
}

#[test]
fn a_policy_may_want_customers_to_be_told_nothing() {
    let mut rig = Rig::new();
    let policy = Policy { eta_change: Millis(0), ..rig.engine.fleet().policy().clone() };
    rig.fact(Event::PolicyChanged(policy));
    rig.order(job("x", km(-20, 0)));
    pass(&mut rig, 60);
    assert_eq!(rig.told, []);
}

/// What one owner has learned of its errors stands in the log, and the next owner begins with it.
#[test]
fn the_next_owner_goes_on_with_what_was_learned_of_errors() {
    let late_by = |rig: &Rig, order: &str| {
        let EtaState::Expected { arrival, latest, .. } = of(rig, order)[0].state else { panic!("expected") };
        (latest - arrival).0
    };
    let mut rig = Rig::new();
    // Every driver comes a quarter of an hour late.
    for number in 0..15 {
        let id = format!("late{number}");
        rig.order(job(&id, km(-10 - number % 3, 0)));
        rig.at_stop("a", &id, StopKind::Delivery, Event::StopDeparted);
        rig.now += 26 * 60_000;
        rig.at_stop("a", &id, StopKind::Delivery, Event::StopArrived);
        rig.now += 2 * 60_000;
        rig.at_stop("a", &id, StopKind::Delivery, Event::StopCompleted);
        pass(&mut rig, 2);
    }
    let features = rig.own.iter().rev().find_map(|event| {
        let Event::FeaturesLearned(features) = event else { return None };
        (!features.arrivals.is_empty()).then(|| features.clone())
    });
    let mut features = features.expect("it writes down what it has learned");
    features.version = rig.engine.fleet().features_version() + 1;
    rig.happens(Event::FeaturesLearned(features));
    rig.told.clear();
    rig.order(job("x", km(-20, 0)));
    let learned = late_by(&rig, "x");
    let fresh = {
        let mut rig = Rig::new();
        rig.order(job("x", km(-20, 0)));
        late_by(&rig, "x")
    };
    assert!(learned > fresh * 5 / 4, "{learned} {fresh}: it has learned");
    // A new engine over the fleet that was folded.
    let (fleet, network) = (rig.engine.fleet().clone(), Arc::clone(rig.engine.network()));
    rig.engine = Engine::new(fleet, network);
    rig.input(Input::Commit(Outcome::Granted(2)));
    rig.told.clear();
    rig.order(job("y", km(-20, 0)));
    let after = late_by(&rig, "y");
    assert!(after > fresh * 5 / 4, "{after} {learned} {fresh}: it is not forgotten");
}
