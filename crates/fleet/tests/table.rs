//! The fold as a table: a few lines of facts in, the fleet as text out.

mod support;

use std::fmt::Write as _;

use fleetfold_fleet::Placement;
use fleetfold_model::{Event, StopKind, Timestamp};
use support::{Log, at, name};

/// Tells the facts, one a line, and writes down what is true afterwards: vehicles with their place, goods and route, orders
/// with where they are, and how many facts wait.
fn after(facts: &str) -> String {
    let mut log = Log::new();
    for line in facts.trim().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |index: usize| words[index].parse::<i32>().unwrap();
        let place = |index: usize| words.get(index).map(|text| at(text.parse().unwrap()));
        let stop = |index: usize| if words[index] == "pickup" { StopKind::Pickup } else { StopKind::Delivery };
        let refused = match words[0] {
            "vehicle" => {
                log.vehicle(words[1], number(2));
                None
            }
            "job" => log.job(words[1], number(2)).refused,
            "shipment" => log.shipment(words[1], number(2), number(3)).refused,
            "plan" => log.plan(words.get(1).copied()).refused,
            "lost" => log.tell(Event::VehicleLost { vehicle: name(words[1]), position: place(2) }).refused,
            "back" => log.tell(Event::VehicleBack { vehicle: name(words[1]), position: place(2) }).refused,
            "off" => log.tell(Event::ShiftEnded { vehicle: name(words[1]), at: Timestamp(0) }).refused,
            "cancel" => log.tell(Event::OrderCancelled { order: name(words[1]) }).refused,
            "reject" => log.tell(Event::AssignmentRejected { vehicle: name(words[1]), order: name(words[2]) }).refused,
            "located" => {
                let of = log.fleet.applied().0;
                let now = log.now;
                log.located(words[1], number(2), now, of, 1).refused
            }
            kind => log.report(kind, words[1], words[2], stop(3)).refused,
        };
        assert_eq!(refused, None, "{line}");
    }
    let fleet = &log.fleet;
    let mut text = String::new();
    for vehicle in fleet.vehicles() {
        let state = if vehicle.lost {
            "lost"
        } else if vehicle.on {
            "on"
        } else {
            "off"
        };
        let place = vehicle.anchor.map_or(0, |anchor| anchor.position.x);
        let _ = write!(text, "{} {state} at {place}:", vehicle.name);
        for &order in &vehicle.on_board {
            let _ = write!(text, " [{}]", fleet.order(order).name);
        }
        for visit in &vehicle.route.visits {
            let sign = if visit.stop == StopKind::Pickup { '+' } else { '-' };
            let _ = write!(text, " {sign}{}", fleet.order(visit.order).name);
        }
        text.push('\n');
    }
    for order in fleet.orders().iter() {
        let place = match (order.closed, order.placement) {
            (Some(why), _) => format!("{why:?}").to_lowercase(),
            (None, Placement::OnRoute(vehicle)) => format!("with {}", fleet.vehicle(vehicle).name),
            (None, Placement::Unassigned(_)) => "unassigned".to_owned(),
            (None, Placement::Unplaced) => "waits".to_owned(),
        };
        let moved = order.pickup_moved_to.map_or(String::new(), |moved| format!(", goods at {}", moved.x));
        let _ = writeln!(text, "{} {place}{moved}", order.name);
    }
    let _ = write!(text, "{} unanswered", fleet.unanswered().len());
    text
}

fn assert_after(facts: &str, expected: &str) {
    let trimmed: Vec<&str> = expected.trim().lines().map(str::trim).collect();
    assert_eq!(after(facts), trimmed.join("\n"));
}

#[test]
fn a_day_of_one_vehicle() {
    assert_after(
        "vehicle v1 0
         job o1 100
         shipment s1 200 300
         plan v1
         departed v1 o1 delivery
         arrived v1 o1 delivery
         completed v1 o1 delivery
         completed v1 s1 pickup",
        "v1 on at 200: [s1] -s1
         o1 served
         s1 with v1
         0 unanswered",
    );
}

#[test]
fn goods_of_a_lost_vehicle_wait_where_it_was() {
    assert_after(
        "vehicle v1 0
         shipment s1 200 300
         job o1 100
         plan v1
         completed v1 s1 pickup
         lost v1
         located v1 250",
        "v1 lost at 250: [o1]
         s1 waits, goods at 250
         o1 waits
         2 unanswered",
    );
}

#[test]
fn a_vehicle_that_comes_back_has_its_goods_and_no_route_yet() {
    assert_after(
        "vehicle v1 0
         vehicle v2 900
         plan
         shipment s1 200 300
         plan v1
         completed v1 s1 pickup
         lost v1 250
         plan v2
         back v1",
        "v1 on at 250: [s1]
         v2 on at 900:
         s1 waits
         1 unanswered",
    );
}

#[test]
fn a_rejected_order_waits_and_a_cancelled_one_is_over() {
    assert_after(
        "vehicle v1 0
         job o1 100
         job o2 100
         plan v1
         reject v1 o1
         cancel o2",
        "v1 on at 0:
         o1 waits
         o2 cancelled
         2 unanswered",
    );
}

#[test]
fn a_vehicle_whose_shift_ended_leaves_its_orders_to_others() {
    assert_after(
        "vehicle v1 0
         job o1 100
         plan v1
         departed v1 o1 delivery
         off v1
         located v1 60
         plan",
        "v1 off at 60:
         o1 unassigned
         0 unanswered",
    );
}
