//! Every order is somewhere: a group that answers for an order places it or says why not, whatever state the routes are in.

use super::*;
use crate::account::{missing, plain};
use fleetfold_model::ExchangeGroup;

/// Small random numbers (xorshift), so that a failure names the seed that repeats it.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Routes are made infeasible in every way that facts can make them: capacity cut below the load, shifts shortened below the
/// work, orders pinned where they do not fit, goods picked up that leave no room. The rig checks after each fact that it was
/// answered and that no order is on no route without a reason.
#[test]
fn no_order_vanishes_while_routes_cannot_be_driven() {
    for seed in 1..=60u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut rig = Rig::new();
        rig.on("c", km(5, 5));
        let vans = ["a", "b", "c"];
        let mut orders = 0u64;
        for _ in 0..60 {
            rig.now += 20_000;
            let van = vans[dice.roll(3) as usize];
            let known = format!("o{}", dice.roll(orders.max(1)));
            let (x, y) = (dice.roll(12) as i32, dice.roll(12) as i32);
            match dice.roll(12) {
                0..=3 => {
                    let id = format!("o{orders}");
                    orders += 1;
                    let order = if dice.roll(2) == 0 { job(&id, km(x, y)) } else { shipment(&id, km(x, y), km(y, x)) };
                    rig.order(order);
                }
                4 => {
                    let capacity = Load([1 + dice.roll(4) as i32, 0, 0, 0]);
                    rig.fact(Event::VehicleRegistered(Vehicle { capacity, ..vehicle(van, km(x, y)) }));
                }
                5 => {
                    let end = Timestamp(rig.now + dice.roll(30) as i64 * 60_000 + 1);
                    rig.fact(Event::ShiftEnded { vehicle: name(van), at: end });
                }
                6 => rig.fact(Event::ShiftStarted { vehicle: name(van), shift: None, position: None }),
                7 | 8 => rig.fact(Event::StopPinned(Pin { order: name(&known), vehicle: name(van) })),
                9 => rig.fact(Event::AssignmentForced(Pin { order: name(&known), vehicle: name(van) })),
                _ => rig.serve_next(van),
            }
        }
    }
}

impl Rig {
    /// The vehicle serves the first stop of its route.
    pub(super) fn serve_next(&mut self, van: &str) {
        let fleet = self.engine.fleet();
        let Some(visit) = fleet.vehicle(fleet.vehicle_id(van).unwrap()).route.visits.first().copied() else { return };
        let order = fleet.order(visit.order).name.to_string();
        self.at_stop(van, &order, visit.stop, Event::StopCompleted);
    }
}

/// The case of a log in which 108 orders were never mentioned again: a group named its causes and lost its route.
#[test]
fn a_group_that_would_lose_an_order_is_answered_plainly() {
    let mut rig = Rig::new();
    rig.input(Input::Commit(Outcome::Lost));
    rig.happens(Event::OrderCreated(job("x", km(1, 0))));
    let fleet = rig.engine.fleet();
    let lost = ExchangeGroup {
        routes: Vec::new(),
        unassigned: Vec::new(),
        caused_by: vec![LogSeq(rig.seq)],
        choices: Vec::new(),
    };
    assert_eq!(missing(fleet, &lost), [name("x")]);
    let answer = plain(fleet, &lost).expect("it answers a fact");
    assert_eq!(answer.unassigned, [(name("x"), UnassignedReason::NoPlace)]);
    assert_eq!((missing(fleet, &answer), &answer.caused_by), (Vec::new(), &lost.caused_by));
    let idle = ExchangeGroup { caused_by: Vec::new(), ..answer };
    assert_eq!(plain(fleet, &idle), None, "a group without facts is dropped");
}

/// A full route that nothing can be taken off (its orders are pinned) and a new order: the order is said to be on no route, and
/// the pinned ones stay where they are.
#[test]
fn an_order_beside_a_route_that_cannot_be_driven_is_unassigned_with_a_reason() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    for id in ["p", "q", "r"] {
        rig.order(job(id, km(-20, 0)));
        rig.fact(Event::StopPinned(Pin { order: name(id), vehicle: name("a") }));
    }
    let small = Vehicle { capacity: Load([1, 0, 0, 0]), ..vehicle("a", km(0, 0)) };
    rig.fact(Event::VehicleRegistered(small));
    rig.order(job("x", km(-21, 0)));
    assert!(matches!(rig.placement("x"), Placement::Unassigned(_)), "{:?}", rig.placement("x"));
    assert_eq!(rig.route("a").len(), 3, "pinned orders stay");
}
