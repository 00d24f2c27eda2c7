//! Promises that break by the clock alone.

use super::*;

/// In a large fleet a thousand routes are looked at in a second, and every route has its turn.
#[test]
fn in_a_large_fleet_every_route_has_its_turn() {
    const VEHICLES: i32 = 1_500;
    let spec =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute: 1000.0, detour_percent: 100, round_up_seconds: 0 };
    let mut rig = Rig::with(&spec, Space::Planar);
    // Each vehicle has one order beside it, far from all others, that is due soon.
    for number in 0..VEHICLES {
        let place = km(30 * (number % 40), 30 * (number / 40));
        rig.on(&format!("v{number}"), place);
        let beside = Position { x: place.x + 500_000, ..place };
        rig.order(Order { promised: Some(at(10)), ..job(&format!("o{number}"), beside) });
    }
    let planned_after = |rig: &Rig, minute: i64| {
        let fleet = rig.engine.fleet();
        let visits = fleet.vehicles().iter().flat_map(|vehicle| &vehicle.route.visits);
        visits.filter(|visit| visit.start >= at(minute)).count()
    };
    assert_eq!(planned_after(&rig, 0), VEHICLES as usize);
    // Nobody departs. Half an hour later all are late, and no event has told of it.
    rig.now = at(30).0;
    assert_eq!(planned_after(&rig, 30), 0);
    for expected in [1_000, 1_500] {
        rig.input(Input::Tick(Timestamp(rig.now)));
        assert_eq!(planned_after(&rig, 30), expected);
        rig.now += 1_000;
    }
}
