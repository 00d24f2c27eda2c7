//! A dispatcher's word counts more than capacity, skills, stops and shift, for the orders that it names and for no others.

use super::*;

fn delivery(id: &str, position: Position, load: i32) -> Order {
    let work = OrderWork::Job(Job { stop: stop(position), direction: LoadDirection::Delivery });
    Order { work, load: Load([load, 0, 0, 0]), ..job(id, position) }
}

fn pickup(id: &str, position: Position, load: i32) -> Order {
    Order { load: Load([load, 0, 0, 0]), ..job(id, position) }
}

fn carried(id: &str, position: Position, load: i32) -> Order {
    Order { load: Load([load, 0, 0, 0]), ..shipment(id, position, km(position.x / 1_000_000 + 1, 1)) }
}

fn force(rig: &mut Rig, order: &str, vehicle: &str) {
    rig.fact(Event::AssignmentForced(Pin { order: name(order), vehicle: name(vehicle) }));
}

fn pin(rig: &mut Rig, order: &str, vehicle: &str) {
    rig.fact(Event::StopPinned(Pin { order: name(order), vehicle: name(vehicle) }));
}

/// One vehicle of four units, far from another.
fn alone() -> Rig {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    rig
}

fn has(rig: &Rig, vehicle: &str, order: &str) -> bool {
    rig.route(vehicle).iter().any(|on| on.trim_start_matches('+') == order)
}

/// Whatever the goods are and whatever they were beside: the order that a dispatcher named has the room.
#[test]
fn who_is_named_has_the_room_and_who_is_not_gives_way() {
    type Make = fn(&str, Position, i32) -> Order;
    let kinds: [Make; 3] = [delivery, pickup, carried];
    for word in [force, pin] {
        for (of, first) in kinds.iter().enumerate() {
            for (by, second) in kinds.iter().enumerate() {
                for (one, other) in [(1, 5), (1, 4), (2, 3), (4, 1), (0, 6), (4, 4)] {
                    let mut rig = alone();
                    rig.order(first("there", km(1, 0), one));
                    assert!(has(&rig, "a", "there"));
                    rig.order(second("named", km(2, 0), other));
                    word(&mut rig, "named", "a");
                    let case = format!("{of} {one} and {by} {other}: {:?}", rig.placement("there"));
                    assert!(has(&rig, "a", "named"), "{case}");
                    let is_there = has(&rig, "a", "there");
                    let both_at_once = of == by && of < 2;
                    assert_eq!(is_there, !both_at_once || one + other.min(4) <= 4, "{case}");
                    if !is_there {
                        assert_eq!(rig.placement("there"), Placement::Unassigned(UnassignedReason::Capacity), "{case}");
                        // Another vehicle takes it as soon as there is one.
                        rig.on("c", km(8, 0));
                        rig.rest();
                        assert!(has(&rig, "c", "there"), "{case}");
                    }
                }
            }
        }
    }
}

/// What gives way goes to another vehicle in the same answer.
#[test]
fn who_gives_way_goes_to_another_vehicle_at_once() {
    let mut rig = Rig::new();
    rig.order(delivery("there", km(1, 0), 2));
    rig.order(delivery("named", km(8, 0), 3));
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["there".to_owned()], vec!["named".to_owned()]));
    force(&mut rig, "named", "a");
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["named".to_owned()], vec!["there".to_owned()]));
}

/// Several words for one vehicle are all obeyed; nothing else is loaded beside so much, and all of it is driven to its end.
#[test]
fn several_words_for_one_vehicle_are_all_obeyed() {
    type Make = fn(&str, Position, i32) -> Order;
    let kinds: [Make; 3] = [delivery, pickup, carried];
    for (of, first) in kinds.iter().enumerate() {
        for (by, second) in kinds.iter().enumerate() {
            let mut rig = alone();
            for (index, load) in [3, 4, 9].into_iter().enumerate() {
                rig.order(if index == 1 { second } else { first }(&format!("o{index}"), km(1 + index as i32, 0), load));
                force(&mut rig, &format!("o{index}"), "a");
            }
            let case = format!("{of} {by}");
            (0..3).for_each(|index| assert!(has(&rig, "a", &format!("o{index}")), "{case} o{index}"));
            rig.order(if by == 0 { delivery("late", km(2, 1), 1) } else { pickup("late", km(2, 1), 1) });
            // Stop by stop, as the route says.
            let mut done = 0;
            while let Some(next) = rig.route("a").first().cloned() {
                let (order, kind) = match next.strip_prefix('+') {
                    Some(order) => (order.to_owned(), StopKind::Pickup),
                    None => (next, StopKind::Delivery),
                };
                for event in [Event::StopDeparted as fn(StopEvent) -> Event, Event::StopArrived, Event::StopCompleted] {
                    rig.now += 60_000;
                    rig.at_stop("a", &order, kind, event);
                    let open = |order: &String| {
                        rig.engine.fleet().order(rig.engine.fleet().order_id(order).unwrap()).is_open()
                    };
                    let left = (0..3).map(|index| format!("o{index}")).filter(open);
                    left.for_each(|order| {
                        assert!(has(&rig, "a", &order), "{case} {order} {:?}", rig.placement(&order));
                    });
                }
                done += 1;
                assert!(done < 12);
            }
            assert!(done >= 3, "{case}: {done}");
        }
    }
}

/// A van on its way to the delivery of what fills it takes goods where it is empty again, before and after it departed.
#[test]
fn what_the_next_stop_unloads_takes_no_room_behind_it() {
    for load in [4, 9] {
        let mut rig = alone();
        rig.order(delivery("full", km(3, 0), load));
        force(&mut rig, "full", "a");
        rig.order(pickup("back", km(1, 0), 4));
        assert_eq!(rig.route("a"), ["full", "back"], "{load}");
        rig.at_stop("a", "full", StopKind::Delivery, Event::StopDeparted);
        assert_eq!(rig.route("a"), ["full", "back"], "{load}");
        rig.now += 60_000;
        rig.order(pickup("none", km(2, 0), 1));
        assert_eq!(rig.placement("none"), Placement::Unassigned(UnassignedReason::Capacity), "{load}");
        assert_eq!(rig.route("a"), ["full", "back"], "{load}");
        rig.fact(Event::OrderCancelled { order: name("back") });
        assert_eq!(rig.route("a"), ["full", "none"], "{load}");
        rig.order(delivery("more", km(2, 0), 1));
        assert_eq!(
            rig.placement("more"),
            Placement::Unassigned(UnassignedReason::Capacity),
            "{load}: it is not aboard"
        );
    }
}

/// Forced means forced: beyond the number of stops, too.
#[test]
fn an_order_is_forced_beyond_the_number_of_stops() {
    let mut rig = alone();
    rig.fact(Event::VehicleRegistered(Vehicle { stops_max: Some(1), ..vehicle("a", km(0, 0)) }));
    rig.order(job("there", km(1, 0)));
    rig.order(job("named", km(2, 0)));
    force(&mut rig, "named", "a");
    assert_eq!(rig.route("a"), ["named"]);
    rig.order(job("too", km(3, 0)));
    force(&mut rig, "too", "a");
    assert_eq!(rig.route("a"), ["named", "too"]);
    rig.at_stop("a", "named", StopKind::Delivery, Event::StopDeparted);
    rig.at_stop("a", "named", StopKind::Delivery, Event::StopCompleted);
    assert_eq!(rig.route("a"), ["too"]);
    rig.order(job("last", km(4, 0)));
    assert_eq!(rig.route("a"), ["too"]);
}
