//! Reasons are facts: each stated part of a cost, each alternative and each miss is computed again from the fleet alone, by a driver who
//! goes from stop to stop and knows neither drafts nor the solver.

use std::collections::BTreeMap;

use fleetfold_fleet::VehicleState;
use fleetfold_model::OrderId;

use super::somewhere::Dice;
use super::*;
use crate::Outlook;
use crate::reasons::{
    Group, Lack, Limits, Miss, Offer, Parts, Possible, Stand, Trial, decision, place, quote, route, settle,
};

/// Random days of the suite; `FLEETFOLD_REASONS` asks for another number.
const DAYS: u64 = 400;

type Stops = Vec<(OrderId, StopKind)>;

/// What a driver finds who drives a sequence whatever it breaks.
#[derive(Debug, Default)]
struct Drive {
    parts: Parts,
    /// Arrival, start and departure of each stop.
    times: Vec<(i64, i64, i64)>,
    late: Vec<i64>,
    /// Too much on board, in each dimension.
    over: [i64; 4],
    /// The shift ends so much too early.
    shift: i64,
    stops: u32,
    /// Goods leave it in a wrong order.
    tangled: bool,
}

/// What gives: the end of the shift, room, stops, the order of unloading.
type Gives = (i64, [i64; 4], u32, bool);

impl Drive {
    fn fits(&self, gives: Gives) -> bool {
        let room = (0..4).all(|dimension| self.over[dimension] <= gives.1[dimension]);
        self.shift <= gives.0 && room && self.stops <= gives.2 && (!self.tangled || gives.3)
    }

    fn is_legal(&self) -> bool {
        self.over == [0; 4] && self.shift == 0 && self.stops == 0 && !self.tangled
    }
}

struct Slow<'a> {
    fleet: &'a Fleet,
    network: &'a Arc<Network>,
    now: i64,
    /// What it costs to take an order from its vehicle, and which that is.
    change: BTreeMap<OrderId, (VehicleId, i64)>,
}

fn add(sum: &mut [i64; 4], load: [i64; 4], sign: i64) {
    sum.iter_mut().zip(load).for_each(|(sum, one)| *sum += sign * one);
}

impl Slow<'_> {
    fn leg(&self, vehicle: &VehicleState, from: Position, to: Position) -> (i64, i64) {
        let leg = self.network.leg(from, to);
        let factor = i64::from(vehicle.spec.as_ref().unwrap().time_factor);
        (i64::from(leg.millis) * factor / 1000, i64::from(leg.metres))
    }

    fn price(vehicle: &VehicleState, (time, metres): (i64, i64)) -> i64 {
        let costs = vehicle.spec.as_ref().unwrap().costs;
        time * costs.per_hour / 3_600_000 + metres * costs.per_km / 1000
    }

    /// What it costs that it leaves its place (held by the tests of `coverage`).
    fn coverage(&self, id: VehicleId) -> i64 {
        let outlook = Outlook::constant(Arc::clone(self.network));
        crate::coverage::prices(self.fleet, &outlook, &[id], Timestamp(self.now))[0]
    }

    /// The first instant at which service may start.
    fn opens(windows: &[TimeWindow], release: Option<Timestamp>, ready: i64) -> i64 {
        let ready = ready.max(release.map_or(i64::MIN, |at| at.0));
        let open = windows.iter().find(|window| ready <= window.closes().0);
        open.map_or(ready, |window| ready.max(window.opens().0))
    }

    /// Where and when a vehicle is free behind what it is under way to, and that stop.
    fn free(&self, id: VehicleId) -> (Position, i64, Option<(OrderId, StopKind)>) {
        let vehicle = self.fleet.vehicle(id);
        let here = vehicle.anchor.map_or(vehicle.spec.as_ref().unwrap().start, |anchor| anchor.position);
        let begins = vehicle.shift.as_ref().map_or(self.now, |shift| shift.starts.0.max(self.now));
        let first = vehicle.route.visits.first().map(|visit| (visit.order, visit.stop));
        let Some(under) = vehicle.under_way.filter(|under| first == Some((under.order, under.stop))) else {
            return (here, begins, None);
        };
        let stop = self.fleet.order(under.order).stop(under.stop).unwrap();
        let (time, _) = self.leg(vehicle, here, stop.position);
        let arrival = under.arrived.map_or((under.departed.0 + time).max(self.now), |at| at.0);
        // Where it has arrived, how the stop was planned tells whether it came from elsewhere.
        let visit = &vehicle.route.visits[0];
        let sets_up = under.arrived.is_some() && (visit.start - visit.arrival).0 >= stop.setup.0;
        let setup = if here == stop.position && !sets_up { 0 } else { stop.setup.0 };
        let start = Self::opens(&stop.windows, stop.release, arrival + setup);
        (stop.position, (start + stop.service.0).max(self.now), first)
    }

    /// A dispatcher's word, or goods on board: this vehicle has to carry it.
    fn is_named(&self, id: VehicleId, order: OrderId) -> bool {
        let state = self.fleet.order(order);
        state.on_board.or(state.pinned) == Some(id) || self.free(id).2.is_some_and(|stop| stop.0 == order)
    }

    /// What is named takes all the room there is, and no more.
    fn load(&self, id: VehicleId, order: OrderId) -> [i64; 4] {
        let load = self.fleet.order(order).load().0.map(i64::from);
        let room = self.fleet.vehicle(id).spec.as_ref().unwrap().capacity.0.map(i64::from);
        if self.is_named(id, order) { std::array::from_fn(|d| load[d].min(room[d])) } else { load }
    }

    /// What is on board from the start beside goods of jobs, and what of it the stop under way unloads.
    fn aboard(&self, id: VehicleId) -> ([i64; 4], [i64; 4]) {
        let vehicle = self.fleet.vehicle(id);
        let head = self.free(id).2;
        let (mut stays, mut leaves) = (vehicle.kept.0.map(i64::from), [0; 4]);
        for &order in vehicle.on_board.iter().filter(|&&order| !self.fleet.order(order).loads_at_start()) {
            if head != Some((order, StopKind::Delivery)) {
                add(&mut stays, self.load(id, order), 1);
            }
        }
        if let Some((order, kind)) = head {
            let state = self.fleet.order(order);
            if state.loads_at_start() {
                add(&mut leaves, self.load(id, order), 1);
            } else if kind == StopKind::Pickup || !state.is_shipment() {
                add(&mut stays, self.load(id, order), 1);
            }
        }
        (stays, leaves)
    }

    /// The most that is on board at once; with what the stop under way unloads if something is loaded before it.
    fn most(&self, id: VehicleId, sequence: &[(OrderId, StopKind)], loads_now: bool) -> [i64; 4] {
        let (mut carried, leaves) = self.aboard(id);
        let at_start = |order: OrderId| self.fleet.order(order).loads_at_start();
        sequence.iter().filter(|stop| at_start(stop.0)).for_each(|stop| add(&mut carried, self.load(id, stop.0), 1));
        let mut most = carried;
        if loads_now {
            add(&mut most, leaves, 1);
        }
        for &(order, kind) in sequence {
            let down = kind == StopKind::Delivery && (self.fleet.order(order).is_shipment() || at_start(order));
            add(&mut carried, self.load(id, order), if down { -1 } else { 1 });
            (0..4).for_each(|d| most[d] = most[d].max(carried[d]));
        }
        most
    }

    /// The most that is on board at once of some orders alone.
    fn most_alone(&self, id: VehicleId, sequence: &[(OrderId, StopKind)]) -> [i64; 4] {
        let (stays, _) = self.aboard(id);
        let mut most = self.most(id, sequence, false);
        add(&mut most, stays, -1);
        most
    }

    /// Dimensions in which what is named does not fit beside one another, however it is placed: nothing else is loaded then.
    fn closed(&self, id: VehicleId, sequence: &[(OrderId, StopKind)], asked: Option<OrderId>) -> [bool; 4] {
        let mut named = self.tail(id);
        named.retain(|stop| self.is_named(id, stop.0));
        let is_new = |stop: &&(OrderId, StopKind)| self.is_named(id, stop.0) && !named.contains(stop);
        let asked = asked.filter(|&order| self.is_named(id, order) && named.iter().all(|stop| stop.0 != order));
        let new = sequence.iter().find(is_new).map(|stop| stop.0).or(asked);
        let ways = new.map_or_else(|| vec![named.clone()], |order| self.ways_in(order, &named));
        let room = self.fleet.vehicle(id).spec.as_ref().unwrap().capacity.0.map(i64::from);
        std::array::from_fn(|d| ways.iter().all(|way| self.most(id, way, true)[d] > room[d]))
    }

    fn drive(&self, id: VehicleId, sequence: &[(OrderId, StopKind)]) -> Drive {
        self.drive_beside(id, sequence, None)
    }

    /// The same while an order is to be placed, which may be named for the vehicle.
    fn drive_beside(&self, id: VehicleId, sequence: &[(OrderId, StopKind)], asked: Option<OrderId>) -> Drive {
        let vehicle = self.fleet.vehicle(id);
        let spec = vehicle.spec.as_ref().unwrap();
        let policy = self.fleet.policy();
        let mut drive = Drive::default();
        let (mut here, mut clock, head) = self.free(id);
        drive.parts.coverage.0 = self.coverage(id);
        drive.parts.fixed.0 = if vehicle.is_in_use() { 0 } else { spec.costs.fixed };
        let tail = self.tail(id);
        let is_loaded_now = |&(order, kind): &(OrderId, StopKind)| {
            self.fleet.order(order).loads_at_start()
                && !self.is_named(id, order)
                && !tail.contains(&(order, kind))
                && self.fleet.order(order).placement != Placement::OnRoute(id)
        };
        let most = self.most(id, sequence, sequence.iter().any(is_loaded_now));
        let closed = self.closed(id, sequence, asked);
        let others: Stops = sequence.iter().filter(|stop| !self.is_named(id, stop.0)).copied().collect();
        for dimension in 0..4 {
            drive.over[dimension] = if closed[dimension] {
                self.most_alone(id, &others)[dimension]
            } else {
                (most[dimension] - i64::from(spec.capacity.0[dimension])).max(0)
            };
        }
        // What is on board has to fit although nothing is left to drive.
        if sequence.is_empty() {
            (drive.parts.fixed.0, drive.parts.coverage.0) = (0, 0);
            // Who is under way drives home all the same.
            if head.is_some() {
                let leg = spec.end.map_or((0, 0), |end| self.leg(vehicle, here, end));
                drive.parts.drive.0 = Self::price(vehicle, leg);
                (drive.parts.driving.0, drive.parts.metres.0) = leg;
                let over = vehicle.shift.as_ref().map_or(0, |shift| clock + leg.0 - shift.ends.0);
                drive.parts.overtime.0 = over.max(0);
            }
            return drive;
        }
        let mut open: Vec<OrderId> = Vec::new();
        let was_picked_up = |order: &&OrderId| !self.fleet.order(**order).loads_at_start();
        let mut stack: Vec<OrderId> = vehicle.on_board.iter().filter(was_picked_up).copied().collect();
        if let Some((order, StopKind::Pickup)) = head {
            open.push(order);
        }
        let of_route = vehicle.route.visits.iter().map(|visit| visit.order);
        let asked = of_route.chain(sequence.iter().map(|&(order, _)| order)).map(|order| self.fleet.order(order));
        let is_forced = asked.into_iter().any(|order| order.is_forced() && order.pinned == Some(id));
        // The end of the shift that each stop and the way home ask for; the second kind does not count when somebody is late anyway.
        let (mut musts, mut overs) = (Vec::new(), Vec::new());
        for &(order, kind) in sequence {
            let state = self.fleet.order(order);
            let stop = state.stop(kind).unwrap();
            let leg = self.leg(vehicle, here, stop.position);
            let arrival = clock + leg.0;
            let setup = if here == stop.position { 0 } else { stop.setup.0 };
            let start = Self::opens(&stop.windows, stop.release, arrival + setup);
            let departure = start + stop.service.0;
            let late = stop.due.map_or(0, |due| (start - due.0).max(0));
            drive.parts.driving.0 += leg.0;
            drive.parts.metres.0 += leg.1;
            drive.parts.drive.0 += Self::price(vehicle, leg);
            drive.parts.waiting.0 += start - arrival - setup;
            drive.parts.lateness.0 += late;
            drive.parts.late.0 += late * policy.lateness_cost_per_hour / 3_600_000;
            let placed = state.spec.as_ref().unwrap().placed.0;
            if kind == StopKind::Delivery {
                drive.parts.flow.0 += (departure - placed).max(0) * policy.flow_cost_per_hour / 3_600_000;
            }
            let is_first = kind == StopKind::Pickup || !state.open_stops().contains(&StopKind::Pickup);
            if let Some(&(home, change)) = self.change.get(&order)
                && is_first
                && home != id
            {
                drive.parts.change.0 += change;
            }
            let was_aboard =
                state.is_shipment() && kind == StopKind::Delivery && !sequence.contains(&(order, StopKind::Pickup));
            let is_exempt =
                was_aboard || (state.is_shipment() && kind == StopKind::Delivery && policy.deliver_after_shift);
            // A dispatcher's word counts more than the end of a shift, for what he has tied to the vehicle and its way home.
            let is_lifted = is_forced && state.on_board.or(state.pinned) == Some(id);
            if is_exempt || is_lifted {
                overs.push(departure);
            } else {
                musts.push(if spec.end.is_some() { start } else { departure });
            }
            if kind == StopKind::Pickup {
                open.push(order);
            } else if state.is_shipment() {
                if spec.lifo && was_aboard {
                    // Behind everything that was picked up since, and in the reverse order of loading.
                    drive.tangled |=
                        open.iter().any(|&other| other != order && sequence.contains(&(other, StopKind::Pickup)));
                    while let Some(&top) = stack.last()
                        && top != order
                        && !sequence.contains(&(top, StopKind::Delivery))
                    {
                        stack.pop();
                    }
                    if stack.contains(&order) {
                        drive.tangled |= stack.last() != Some(&order);
                        stack.retain(|&other| other != order);
                    }
                } else if spec.lifo {
                    let mine: Vec<OrderId> =
                        open.iter().copied().filter(|&other| sequence.contains(&(other, StopKind::Pickup))).collect();
                    drive.tangled |= mine.last() != Some(&order);
                }
                open.retain(|&other| other != order);
            }
            drive.times.push((arrival, start, departure));
            drive.late.push(late);
            (here, clock) = (stop.position, departure);
        }
        let mut home = clock;
        if let Some(end) = spec.end {
            let leg = self.leg(vehicle, here, end);
            home += leg.0;
            drive.parts.driving.0 += leg.0;
            drive.parts.metres.0 += leg.1;
            drive.parts.drive.0 += Self::price(vehicle, leg);
        }
        drive.parts.overtime.0 = vehicle.shift.as_ref().map_or(0, |shift| (home - shift.ends.0).max(0));
        let ends = vehicle.shift.as_ref().map_or(i64::MAX / 4, |shift| shift.ends.0);
        // Later and later, until it fits: the slow way.
        let fits = |ends: i64| {
            musts.iter().all(|&must| must <= ends)
                && (is_forced || home <= ends || overs.iter().any(|&over| over > ends))
        };
        let mut tries: Vec<i64> =
            musts.iter().chain(&overs).copied().chain([home, ends]).filter(|&at| at >= ends).collect();
        tries.sort_unstable();
        drive.shift = tries.into_iter().find(|&at| fits(at)).unwrap() - ends;
        let head = u32::from(head.is_some());
        let most = spec.stops_max.map_or(u32::MAX, |most| most.saturating_sub(vehicle.stops_done + head));
        let of_route = tail.iter().filter(|stop| !sequence.contains(stop));
        let named = sequence.iter().chain(of_route).filter(|stop| self.is_named(id, stop.0)).count() as u32;
        drive.stops = (sequence.len() as u32).saturating_sub(most.max(named));
        drive
    }

    /// The route behind what is under way.
    fn tail(&self, id: VehicleId) -> Stops {
        let vehicle = self.fleet.vehicle(id);
        let head = usize::from(self.free(id).2.is_some());
        vehicle.route.visits[head..].iter().map(|visit| (visit.order, visit.stop)).collect()
    }

    /// Every way to put the stops of an order into a sequence.
    fn ways_in(&self, order: OrderId, others: &Stops) -> Vec<Stops> {
        let unit: Stops = self.fleet.order(order).open_stops().iter().map(|&kind| (order, kind)).collect();
        let mut found = Vec::new();
        for first in 0..=others.len() {
            for second in first..=others.len() {
                let mut way = others.clone();
                if unit.len() > 1 {
                    way.insert(second, unit[1]);
                } else if second > first {
                    continue;
                }
                way.insert(first, unit[0]);
                found.push(way);
            }
        }
        found
    }

    fn holds_possible(&self, id: VehicleId, order: OrderId, said: &Possible, others: &Stops) {
        let (with, without) = (self.drive(id, &said.sequence), self.drive_beside(id, others, Some(order)));
        assert!(with.is_legal(), "{with:?}");
        assert_eq!(said.sequence.iter().filter(|stop| stop.0 != order).copied().collect::<Stops>(), *others);
        assert_eq!(said.extra, with.parts.less(&without.parts), "{with:?} without {without:?}");
        let mut own = said.stops.iter();
        let mut delays = Vec::new();
        for (at, &stop) in said.sequence.iter().enumerate() {
            let (arrival, start, _) = with.times[at];
            if stop.0 == order {
                let told = (stop.1, Timestamp(arrival), Timestamp(start), Millis(with.late[at]));
                assert_eq!(own.next(), Some(&told));
            } else {
                let before = others.iter().position(|&other| other == stop).unwrap();
                let by = start - without.times[before].1;
                if by > 0 {
                    delays.push((stop, by, with.late[at], without.late[before]));
                }
            }
        }
        let told: Vec<_> = said.delays.iter().map(|d| ((d.order, d.stop), d.by.0, d.late.0, d.late_before.0)).collect();
        assert_eq!(told, delays);
        assert_eq!(said.makes_late(), delays.iter().any(|d| d.2 > d.3) || said.stops.iter().any(|stop| stop.3.0 > 0));
    }

    /// No position is cheaper than the one that is said.
    fn holds_best(&self, id: VehicleId, order: OrderId, cost: i64, others: &Stops) {
        let without = self.drive_beside(id, others, Some(order)).parts.total().0;
        let legal = self.ways_in(order, others).into_iter().map(|way| self.drive(id, &way)).filter(Drive::is_legal);
        assert_eq!(legal.map(|drive| drive.parts.total().0 - without).min(), Some(cost));
    }

    fn holds_miss(&self, id: VehicleId, order: OrderId, said: &Miss, others: &Stops) {
        let (vehicle, it) = (self.fleet.vehicle(id), self.fleet.order(order));
        let tied = it.on_board.or(it.pinned).is_some_and(|only| only != id);
        let mut lacking = Vec::new();
        if it.rejected_by.contains(&id) {
            lacking.push(Lack::Rejected);
        }
        let has = &vehicle.spec.as_ref().unwrap().skills;
        let needs = &it.spec.as_ref().unwrap().skills;
        let skills: Vec<Name> = needs.iter().filter(|skill| !has.contains(skill)).cloned().collect();
        if !skills.is_empty() && it.pinned.is_none() {
            lacking.push(Lack::Skills(skills));
        }
        let drives: Vec<Drive> = self.ways_in(order, others).iter().map(|way| self.drive(id, way)).collect();
        for way in &said.ways {
            match &way[..] {
                [Lack::OnBoardOf(other)] => assert!(it.on_board == Some(*other) && *other != id),
                [Lack::PinnedTo(other)] => assert!(it.pinned == Some(*other) && *other != id),
                [Lack::UnderWayWith(other)] => assert!(self.free(*other).2.is_some_and(|stop| stop.0 == order)),
                [Lack::BrokenDown] => assert!(vehicle.lost && !tied),
                [Lack::OffDuty] => assert!(!vehicle.on && !vehicle.lost && !tied),
                [Lack::Price(over)] => {
                    let without = self.drive_beside(id, others, Some(order)).parts.total().0;
                    let cost = drives.iter().filter(|drive| drive.is_legal());
                    let cost = cost.map(|drive| drive.parts.total().0 - without).min().unwrap();
                    let priority = i64::from(it.spec.as_ref().unwrap().priority);
                    let unserved = self.fleet.policy().unserved_cost;
                    let placed = if matches!(it.placement, Placement::OnRoute(_)) { unserved / 2 } else { 0 };
                    assert_eq!(over.0, cost - unserved * (1 + priority) - placed);
                    assert!(over.0 > 0);
                }
                _ => {
                    let price = Self::price_of(&way[..]);
                    let way: Vec<Lack> = way.iter().filter(|lack| !matches!(lack, Lack::Price(_))).cloned().collect();
                    let gives = Self::holds_way(&way, &lacking, &drives);
                    assert_eq!(price, self.holds_price(id, order, others, (&drives, gives)), "{said:?}");
                }
            }
        }
        assert!(!said.ways.is_empty() || said.is_broken, "a miss says why");
        if said.is_broken {
            let drive = self.drive_beside(id, others, Some(order));
            assert!(
                !drive.is_legal(),
                "{said:?} of {id:?}: {order:?} beside {others:?}: {drive:?}; {:?}; {drives:?}",
                vehicle.spec
            );
        }
    }

    /// What a way says is enough, and nothing less of it is.
    fn holds_way(way: &[Lack], own: &[Lack], drives: &[Drive]) -> Option<Gives> {
        let mut gives = (0, [0; 4], 0, false);
        let mut kinds = 0;
        for lack in way.iter().filter(|lack| !own.contains(lack)) {
            match lack {
                Lack::Stops(by) => gives.2 = *by,
                Lack::Room { dimension, by } => gives.1[*dimension] = *by,
                Lack::Shift(by) => gives.0 = by.0,
                Lack::Order => gives.3 = true,
                Lack::OffDuty
                | Lack::Reloads(_)
                | Lack::BrokenDown
                | Lack::PinnedTo(_)
                | Lack::OnBoardOf(_)
                | Lack::UnderWayWith(_)
                | Lack::Rejected
                | Lack::Silent
                | Lack::Skills(_)
                | Lack::Promise(_)
                | Lack::DrivingTime { .. }
                | Lack::Way
                | Lack::Price(_) => panic!("{lack:?} is not so: {own:?}"),
            }
            kinds += 1;
        }
        assert!(own.iter().all(|lack| way.contains(lack)), "{own:?} is missing from {way:?}");
        let fits = |drive: &Drive, gives: Gives| drive.fits(gives);
        if gives.3 {
            assert!(drives.iter().all(|drive| drive.tangled));
            return None;
        }
        assert!(drives.iter().any(|drive| fits(drive, gives)), "{way:?} is not enough: {drives:?}");
        if kinds == 1 {
            let less = (gives.0 - 1, gives.1.map(|by| (by - 1).max(0)), gives.2.saturating_sub(1), false);
            let less = (less.0.max(0), less.1, less.2, false);
            assert!(!drives.iter().any(|drive| fits(drive, less)), "less than {way:?} is enough");
        }
        Some(gives)
    }

    fn price_of(way: &[Lack]) -> Option<i64> {
        way.iter().find_map(|lack| if let Lack::Price(over) = lack { Some(over.0) } else { None })
    }

    /// What serving an order costs more than leaving it out, where so much gives; a change of vehicle is not counted.
    fn holds_price(
        &self,
        id: VehicleId,
        order: OrderId,
        others: &Stops,
        (drives, gives): (&[Drive], Option<Gives>),
    ) -> Option<i64> {
        let it = self.fleet.order(order);
        let (gives, None) = (gives?, it.pinned) else { return None };
        let cost = |drive: &Drive| drive.parts.total().0 - drive.parts.change.0;
        let without = self.drive_beside(id, others, Some(order));
        let least = drives.iter().filter(|drive| drive.fits(gives)).map(cost).min()?;
        let priority = i64::from(it.spec.as_ref().unwrap().priority);
        let over = least - cost(&without) - self.fleet.policy().unserved_cost * (1 + priority);
        (over > 0 && !without.tangled).then_some(over)
    }

    fn holds(&self, id: VehicleId, order: OrderId, offer: &Offer, others: &Stops) {
        match offer {
            Offer::Possible(said) => {
                self.holds_possible(id, order, said, others);
                self.holds_best(id, order, said.extra.total().0, others);
            }
            Offer::Missed(miss) => self.holds_miss(id, order, miss, others),
        }
    }
}

/// What taking an order from its vehicle costs: a share of the mean leg of these routes, at most what the policy says, more where the
/// start is near.
fn changes(slow: &Slow<'_>, looked_at: &[VehicleId], moved: &[OrderId]) -> BTreeMap<OrderId, (VehicleId, i64)> {
    let (mut sum, mut count) = (0, 0);
    for &id in looked_at {
        let vehicle = slow.fleet.vehicle(id);
        let (mut here, _, _) = slow.free(id);
        for (order, kind) in slow.tail(id) {
            if moved.contains(&order) {
                continue;
            }
            let there = slow.fleet.order(order).stop(kind).unwrap().position;
            let leg = slow.network.leg(here, there);
            sum += Slow::price(vehicle, (i64::from(leg.millis), i64::from(leg.metres)));
            (here, count) = (there, count + 1);
        }
    }
    let most = slow.fleet.policy().change_cost;
    let price = if count > 0 { most.min(sum / count * 400 / 1000) } else { most };
    let mut changes = BTreeMap::new();
    for &order in moved {
        let Placement::OnRoute(home) = slow.fleet.order(order).placement else { continue };
        let vehicle = slow.fleet.vehicle(home);
        let visit = vehicle.route.visits.iter().find(|visit| visit.order == order).unwrap();
        let until = visit.start.0 - slow.now;
        let untold = vehicle.accepted > LogSeq(0) && vehicle.accepted < vehicle.route.revision;
        let weight = if until < 20 * 60_000 {
            3000
        } else if until > 60 * 60_000 || untold {
            700
        } else {
            1000
        };
        // One and a half times as much more for each time that it was moved before, half as much again when its driver has accepted it.
        let before = i64::from(slow.fleet.order(order).vehicle_changes).min(6) * 1500;
        let accepted = vehicle.accepted > LogSeq(0) && vehicle.accepted >= vehicle.route.revision;
        let weight = weight * (1000 + before + if accepted { 500 } else { 0 }) / 1000;
        if looked_at.contains(&home) {
            changes.insert(order, (home, price * weight / 1000));
        }
    }
    changes
}

/// How often each kind of statement was checked.
type Checked = BTreeMap<&'static str, u64>;

fn count(checked: &mut Checked, what: &'static str) {
    *checked.entry(what).or_default() += 1;
}

fn count_offer(checked: &mut Checked, offer: &Offer) {
    let word = |lack: &Lack| match lack {
        Lack::OffDuty => "off duty",
        Lack::BrokenDown => "broken down",
        Lack::PinnedTo(_) => "pinned",
        Lack::OnBoardOf(_) => "on board elsewhere",
        Lack::UnderWayWith(_) => "under way",
        Lack::Rejected => "rejected",
        Lack::Silent => "silent",
        Lack::Promise(_) => "promise",
        Lack::Skills(_) => "skills",
        Lack::Stops(_) => "stops",
        Lack::Reloads(_) => "reloads",
        Lack::Room { .. } => "room",
        Lack::Shift(_) => "shift",
        Lack::DrivingTime { .. } => "driving time",
        Lack::Way => "way",
        Lack::Order => "order",
        Lack::Price(_) => "price",
    };
    match offer {
        Offer::Possible(_) => count(checked, "possible"),
        Offer::Missed(miss) => miss.ways.iter().flatten().for_each(|lack| count(checked, word(lack))),
    }
}

/// Checks all that is said of one plan.
fn hold_decision(
    before: &Fleet,
    network: &Arc<Network>,
    now: Timestamp,
    plan: &Proposal,
    groups: &[Option<Group>],
    checked: &mut Checked,
) {
    let mut fleet = before.clone();
    for (proposed, said) in plan.groups.iter().zip(groups) {
        let mut after = fleet.clone();
        assert_eq!(after.foresee(proposed, now), said.is_some());
        let Some(said) = said else { continue };
        let mut looked_at: Vec<VehicleId> = said.routes.iter().map(|route| route.vehicle).collect();
        looked_at.extend(said.moved.iter().flat_map(|moved| moved.offers.iter().map(|(vehicle, _)| *vehicle)));
        looked_at.sort_unstable();
        looked_at.dedup();
        looked_at.retain(|&vehicle| fleet.vehicle(vehicle).is_available());
        let moved: Vec<OrderId> = said.moved.iter().map(|moved| moved.order).collect();
        let mut slow = Slow { fleet: &fleet, network, now: now.0, change: BTreeMap::new() };
        for route in &said.routes {
            let drive = slow.drive(route.vehicle, &slow.tail(route.vehicle));
            assert_eq!(route.before, drive.is_legal().then_some(drive.parts));
        }
        slow.change = changes(&slow, &looked_at, &moved);
        let new = Slow { fleet: &after, network, now: now.0, change: BTreeMap::new() };
        let tail_after = |id: VehicleId| -> Stops {
            let visits = &after.vehicle(id).route.visits;
            let head = usize::from(slow.free(id).2.is_some());
            visits[head.min(visits.len())..].iter().map(|visit| (visit.order, visit.stop)).collect()
        };
        for route in &said.routes {
            let drive = slow.drive(route.vehicle, &tail_after(route.vehicle));
            assert_eq!(route.after, drive.is_legal().then_some(drive.parts), "{drive:?}");
            assert_eq!(route.off, Millis(0), "the plan's times are those that are said");
            count(checked, "route");
        }
        for moved in &said.moved {
            let others =
                |id: VehicleId| -> Stops { tail_after(id).into_iter().filter(|stop| stop.0 != moved.order).collect() };
            assert_eq!(
                moved.to.map(Placement::OnRoute),
                Some(after.order(moved.order).placement).filter(|p| matches!(p, Placement::OnRoute(_)))
            );
            if let (Some(to), Some(chosen)) = (moved.to, &moved.chosen) {
                assert_eq!(chosen.sequence, tail_after(to));
                slow.holds_possible(to, moved.order, chosen, &others(to));
                count(checked, "chosen");
            }
            for (vehicle, offer) in &moved.offers {
                match offer {
                    Offer::Possible(_) => slow.holds(*vehicle, moved.order, offer, &others(*vehicle)),
                    Offer::Missed(miss) if matches!(miss.ways[..], [ref way] if matches!(way[..], [Lack::Price(_)])) => {
                        slow.holds(*vehicle, moved.order, offer, &others(*vehicle));
                    }
                    Offer::Missed(_) => new.holds(*vehicle, moved.order, offer, &others(*vehicle)),
                }
                count_offer(checked, offer);
            }
        }
        fleet = after;
    }
}

fn random_vehicle(dice: &mut Dice, id: &str) -> Vehicle {
    let mut roll = |sides: u64| dice.roll(sides) as i32;
    let skills = ["cool", "lift"].into_iter().filter(|_| roll(2) == 0).map(name).collect();
    Vehicle {
        capacity: Load([2 + roll(6), if roll(2) == 0 { i32::MAX / 8 } else { roll(5) }, i32::MAX / 8, i32::MAX / 8]),
        skills,
        costs: VehicleCosts {
            per_hour: i64::from(10 + roll(20)) * 1_000_000,
            per_km: i64::from(roll(6)) * 100_000,
            fixed: i64::from(roll(3)) * 2_000_000,
        },
        time_factor: 800 + roll(700) as u16,
        end: (roll(3) == 0).then(|| km(roll(12), roll(12))),
        shift: Some(Shift { starts: at(0), ends: at(i64::from(60 + roll(500))), breaks: Vec::new() }),
        stops_max: (roll(4) == 0).then(|| 2 + roll(8) as u32),
        lifo: roll(4) == 0,
        driving_time: None,
        reload: None,
        ..vehicle(id, km(roll(12), roll(12)))
    }
}

fn random_order(dice: &mut Dice, id: &str, now: i64) -> Order {
    let mut roll = |sides: u64| dice.roll(sides) as i32;
    let spot = |roll: &mut dyn FnMut(u64) -> i32| {
        let mut windows = Vec::new();
        if roll(2) == 0 {
            let opens = now + i64::from(roll(90)) * 60_000;
            windows
                .push(TimeWindow::new(Timestamp(opens), Timestamp(opens + i64::from(5 + roll(60)) * 60_000)).unwrap());
        }
        StopSpec {
            position: km(roll(14), roll(14)),
            windows,
            service: Millis(i64::from(roll(5)) * 60_000),
            setup: Millis(i64::from(roll(3)) * 30_000),
        }
    };
    let work = match roll(4) {
        0 => OrderWork::Job(Job { stop: spot(&mut roll), direction: LoadDirection::Delivery }),
        1 => OrderWork::Job(Job { stop: spot(&mut roll), direction: LoadDirection::Pickup }),
        _ => OrderWork::Shipment(Shipment { pickup: spot(&mut roll), delivery: spot(&mut roll) }),
    };
    Order {
        name: name(id),
        work,
        load: Load([roll(5), roll(3), 0, 0]),
        skills: if roll(4) == 0 { vec![name("cool")] } else { Vec::new() },
        priority: roll(3) as u8,
        release: (roll(4) == 0).then(|| Timestamp(now + i64::from(roll(60)) * 60_000)),
        promised: (roll(3) == 0).then(|| Timestamp(now + i64::from(10 + roll(90)) * 60_000)),
        placed: Timestamp(now),
    }
}

/// A random day, from its seed alone.
fn random_day(seed: u64) -> Rig {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let spec =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute: 700.0, detour_percent: 120, round_up_seconds: 0 };
    let mut rig = Rig::with(&spec, Space::Planar);
    let policy = Policy {
        search_rounds: 0,
        unserved_cost: [1_000_000_000, 15_000_000][dice.roll(2) as usize],
        lateness_cost_per_hour: [60_000_000, 5_000_000][dice.roll(2) as usize],
        flow_cost_per_hour: [0, 0, 7_000_000][dice.roll(3) as usize],
        deliver_after_shift: dice.roll(4) == 0,
        coverage_cost_per_hour: [0, 0, 20_000_000][(seed % 3) as usize],
        ..Policy::default()
    };
    rig.fact(Event::PolicyChanged(policy));
    let vans = ["a", "b", "c", "d", "e"];
    for id in &vans[..3 + dice.roll(3) as usize] {
        let van = random_vehicle(&mut dice, id);
        rig.fact(Event::VehicleRegistered(van));
        if dice.roll(8) > 0 {
            rig.fact(Event::ShiftStarted { vehicle: name(id), shift: None, position: None });
        }
    }
    let mut orders = 0u64;
    for _ in 0..30 {
        rig.now += (dice.roll(180_000)) as i64;
        let van = vans[dice.roll(5) as usize];
        let known = name(&format!("o{}", dice.roll(orders.max(1))));
        let first = rig.engine.fleet().vehicle_id(van).and_then(|id| {
            let fleet = rig.engine.fleet();
            fleet.vehicle(id).route.visits.first().map(|visit| (fleet.order(visit.order).name.clone(), visit.stop))
        });
        match dice.roll(22) {
            0..=10 => {
                let order = random_order(&mut dice, &format!("o{orders}"), rig.now);
                orders += 1;
                rig.order(order);
            }
            11..=13 => {
                let Some((order, stop)) = first else { continue };
                rig.at_stop(van, order.as_str(), stop, Event::StopDeparted);
            }
            14 | 15 => {
                let Some((order, stop)) = first else { continue };
                rig.at_stop(van, order.as_str(), stop, Event::StopArrived);
                rig.now += (dice.roll(120_000)) as i64;
                rig.at_stop(van, order.as_str(), stop, Event::StopCompleted);
            }
            16 => rig.fact(Event::OrderCancelled { order: known }),
            17 => rig.fact(Event::AssignmentRejected { vehicle: name(van), order: known }),
            18 => rig.fact(Event::StopPinned(Pin { order: known, vehicle: name(van) })),
            19 => rig.fact(Event::VehicleLost { vehicle: name(van), position: None }),
            20 => rig.fact(Event::VehicleBack { vehicle: name(van), position: None }),
            _ => {
                let at = Timestamp(rig.now + dice.roll(7_200_000) as i64);
                rig.fact(Event::ShiftEnded { vehicle: name(van), at });
            }
        }
    }
    rig
}

fn network_of_days() -> Arc<Network> {
    let spec =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute: 700.0, detour_percent: 120, round_up_seconds: 0 };
    Arc::new(Network::new(&spec).unwrap())
}

/// Explains every plan of a random day, and every order and route as they stand between them.
fn hold_day(seed: u64, checked: &mut Checked) {
    let rig = random_day(seed);
    let network = network_of_days();
    let mut fleet = Fleet::new();
    for entry in &rig.log {
        let now = fleet.zone().zone_time(entry.logged_at);
        let outlook = Outlook::at(&fleet, now, &network);
        if let Event::PlanProposed(plan) = &entry.event {
            let before = fleet.clone();
            let accepted = fleet.apply(entry).plan.unwrap().accepted;
            let groups = decision(&before, &outlook, now, (&plan.groups, &accepted), (None, 4));
            hold_decision(&before, &network, now, plan, &groups, checked);
            count(checked, "decisions");
            continue;
        }
        fleet.apply(entry);
        if entry.seq.0 % 5 != 0 {
            continue;
        }
        let stand = Stand::of(&fleet, &outlook, now);
        for id in fleet.vehicles().ids().filter(|&id| fleet.vehicle(id).is_available()) {
            let slow = Slow { fleet: &fleet, network: &network, now: now.0, change: BTreeMap::new() };
            let drive = slow.drive(id, &slow.tail(id));
            let said = route(&stand, id);
            assert_eq!(said.as_ref().map(|left| left.parts), drive.is_legal().then_some(drive.parts));
            let lates =
                said.map_or(Vec::new(), |left| left.stops.iter().map(|stop| (stop.start.0, stop.late.0)).collect());
            let found = drive.times.iter().zip(&drive.late).map(|(times, &late)| (times.1, late));
            assert!(lates.is_empty() || lates.into_iter().eq(found));
            count(checked, "routes as they stand");
        }
        for order in fleet.unassigned_orders() {
            let (offers, not_asked) = place(&stand, order, 10);
            assert_eq!(not_asked, 0);
            let slow = Slow { fleet: &fleet, network: &network, now: now.0, change: BTreeMap::new() };
            for (vehicle, offer) in &offers {
                slow.holds(*vehicle, order, offer, &slow.tail(*vehicle));
                count_offer(checked, offer);
            }
            count(checked, "unassigned orders");
        }
        hold_quotes(&stand, entry.seq.0, checked);
    }
}

/// Quotes a random order in two slots: each offer is a fact, and the first one keeps the limits if any can.
fn hold_quotes(stand: &Stand<'_>, seed: u64, checked: &mut Checked) {
    let (fleet, now) = (stand.fleet, stand.now.0);
    let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
    let order = random_order(&mut dice, "quoted", now);
    let slot =
        |from: i64| TimeWindow::new(Timestamp(now + from * 60_000), Timestamp(now + (from + 20) * 60_000)).unwrap();
    let slots = [slot(15), slot(75)];
    let limits = Limits { nobody_late: dice.roll(2) == 0, delay_max: None, cost_max: None };
    let quoted = quote((fleet, stand.outlook, stand.now), &order, &slots, (&limits, 10)).unwrap();
    let network = network_of_days();
    for (slot, quoted) in slots.iter().zip(&quoted) {
        let mut copy = fleet.clone();
        let mut order = Order { promised: None, ..order.clone() };
        match &mut order.work {
            OrderWork::Job(job) => job.stop.windows = vec![*slot],
            OrderWork::Shipment(shipment) => shipment.delivery.windows = vec![*slot],
        }
        let mut seq = copy.applied().0;
        let entry = next_entry(&mut seq, copy.logged_at().0, Event::OrderCreated(order));
        assert_eq!(copy.apply(&entry).refused, None);
        let id = copy.order_id("quoted").unwrap();
        let priority = i64::from(copy.order(id).spec.as_ref().unwrap().priority);
        let unserved = copy.policy().unserved_cost * (1 + priority);
        let slow = Slow { fleet: &copy, network: &network, now, change: BTreeMap::new() };
        for (vehicle, offer) in &quoted.offers {
            let others = slow.tail(*vehicle);
            match offer {
                Offer::Possible(said) => {
                    slow.holds_possible(*vehicle, id, said, &others);
                    let without = slow.drive(*vehicle, &others);
                    // No position that keeps the limits is cheaper.
                    let keeps = |way: &Stops, drive: &Drive| {
                        let late = |at: usize| {
                            let before = others.iter().position(|stop| *stop == way[at]);
                            drive.late[at] > before.map_or(0, |before| without.late[before])
                        };
                        let own = (0..way.len()).filter(|&at| way[at].0 == id).any(late);
                        let dear = drive.parts.total().0 - without.parts.total().0 > unserved;
                        !own && !dear && (!limits.nobody_late || !(0..way.len()).any(late))
                    };
                    let legal: Vec<(Stops, Drive)> = slow
                        .ways_in(id, &others)
                        .into_iter()
                        .map(|way| (way.clone(), slow.drive(*vehicle, &way)))
                        .filter(|(_, drive)| drive.is_legal())
                        .collect();
                    let kept: Vec<i64> = legal
                        .iter()
                        .filter(|(way, drive)| keeps(way, drive))
                        .map(|(_, drive)| drive.parts.total().0)
                        .collect();
                    assert_eq!(limits.keep(said), !kept.is_empty(), "{said:?}");
                    let best =
                        kept.into_iter().min().or_else(|| legal.iter().map(|(_, drive)| drive.parts.total().0).min());
                    assert_eq!(Some(said.extra.total().0), best.map(|best| best - without.parts.total().0));
                    count(checked, if limits.keep(said) { "accepted quotes" } else { "refused quotes" });
                }
                Offer::Missed(_) => {
                    slow.holds(*vehicle, id, offer, &others);
                    count(checked, "missed quotes");
                }
            }
        }
    }
}

/// The stops of each vehicle, and when they begin.
type Routes = Vec<(Name, Vec<(Name, StopKind, Timestamp)>)>;

/// What is tried on a copy is what happens when it happens; and the copy leaves no trace.
#[test]
fn a_trial_ends_as_the_real_thing_does() {
    let mut moved = 0;
    for seed in 1..=60 {
        let mut rig = random_day(seed);
        let mut dice = Dice(seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
        let event = match dice.roll(4) {
            0 => Event::OrderCreated(random_order(&mut dice, "tried", rig.now)),
            1 => Event::OrderCancelled { order: name(&format!("o{}", dice.roll(8))) },
            _ => Event::VehicleLost { vehicle: name(["a", "b", "c"][dice.roll(3) as usize]), position: None },
        };
        let fleet = rig.engine.fleet().clone_without_index();
        let digest = fleet.digest();
        let trial = Trial {
            fleet: fleet.clone(),
            network: network_of_days(),
            log_now: Timestamp(rig.now),
            events: vec![(u64::MAX, event.clone())],
            searches: false,
        };
        let came = settle(trial);
        assert_eq!((fleet.digest(), came.is_open), (digest, false));
        // The day itself had an answer to everything.
        let routes = |fleet: &Fleet| -> Routes {
            let visits = |id: VehicleId| {
                fleet
                    .vehicle(id)
                    .route
                    .visits
                    .iter()
                    .map(|visit| (fleet.order(visit.order).name.clone(), visit.stop, visit.start))
                    .collect()
            };
            fleet.vehicles().ids().map(|id| (fleet.vehicle(id).name.clone(), visits(id))).collect()
        };
        assert_eq!(routes(&came.before), routes(&fleet), "day {seed}");
        rig.fact(event);
        let real = rig.engine.fleet();
        assert_eq!(routes(&came.after), routes(real), "day {seed}");
        for told in &came.orders {
            let is = real.order_id(told.order.as_str()).map(|id| real.order(id));
            let on = is.and_then(|order| if let Placement::OnRoute(on) = order.placement { Some(on) } else { None });
            assert_eq!(told.after.vehicle, on.filter(|_| told.after.is_open));
            moved += 1;
        }
        // What is not told has not changed: the same vehicle at the same time.
        let told = |order: &Name| came.orders.iter().any(|one| one.order == *order);
        let starts = |fleet: &Fleet| -> BTreeMap<Name, Timestamp> {
            let deliveries =
                routes(fleet).into_iter().flat_map(|(_, visits)| visits).filter(|visit| visit.1 == StopKind::Delivery);
            deliveries.map(|(order, _, start)| (order, start)).collect()
        };
        let (before, after) = (starts(&fleet), starts(real));
        for (order, start) in &before {
            assert!(told(order) || after.get(order) == Some(start), "day {seed}: {order}");
        }
        let sum = |fleet: &Fleet| -> i64 {
            let slow = Slow { fleet, network: &network_of_days(), now: rig.now, change: BTreeMap::new() };
            let drives = fleet.vehicles().ids().filter(|&id| !fleet.vehicle(id).route.visits.is_empty());
            drives
                .map(|id| slow.drive(id, &slow.tail(id)))
                .filter(Drive::is_legal)
                .map(|drive| drive.parts.total().0)
                .sum()
        };
        assert_eq!(came.cost_before.parts.total().0, sum(&fleet));
        assert_eq!(came.cost_after.parts.total().0, sum(real));
    }
    assert!(moved > 30, "{moved} orders were told of");
}

/// What has to give includes the price, where the order costs more than leaving it out.
#[test]
fn what_would_have_to_give_names_the_price() {
    let mut rig = Rig::new();
    let policy = Policy { unserved_cost: 1_000_000, ..rig.engine.fleet().policy().clone() };
    rig.fact(Event::PolicyChanged(policy));
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    // A hundred kilometres for a vehicle that holds 4, and nobody would pay for them.
    let dear =
        Vehicle { costs: VehicleCosts { per_km: 1_000_000, ..VehicleCosts::default() }, ..vehicle("a", km(0, 0)) };
    rig.fact(Event::VehicleRegistered(dear));
    rig.order(Order { load: Load([9, 0, 0, 0]), ..job("x", km(100, 0)) });
    let fleet = rig.engine.fleet();
    let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
    let (offers, _) = place(&stand, fleet.order_id("x").unwrap(), 1);
    let Offer::Missed(miss) = &offers[0].1 else { panic!("it holds only 4: {offers:?}") };
    let [Lack::Room { dimension: 0, by: 5 }, Lack::Price(over)] = miss.ways[0][..] else { panic!("{miss:?}") };
    assert!(over.0 >= 99_000_000, "{over:?}");
}

/// In a large fleet the nearest vehicles may all lack what an order needs: those that have it are asked although they are farther away.
#[test]
fn who_could_take_it_is_asked_of_those_who_could() {
    let mut rig = Rig::new();
    for number in 0..20 {
        rig.on(&format!("near{number}"), km(1, number));
    }
    let cool = |id: &str, x| Vehicle { skills: vec![name("cool")], ..vehicle(id, km(x, 0)) };
    for (id, x) in [("c1", 50), ("c2", 60), ("c3", 70), ("c4", 80)] {
        rig.fact(Event::VehicleRegistered(cool(id, x)));
        rig.fact(Event::ShiftStarted { vehicle: name(id), shift: None, position: None });
    }
    rig.order(Order { skills: vec![name("cool")], ..job("x", km(0, 0)) });
    let fleet = rig.engine.fleet();
    let stand = Stand::of(fleet, rig.engine.outlook(), Timestamp(rig.now));
    let asked = |most| {
        let (offers, not_asked) = place(&stand, fleet.order_id("x").unwrap(), most);
        assert_eq!(offers.len() + not_asked, 26);
        let could = offers.iter().filter(|(_, offer)| matches!(offer, Offer::Possible(_))).count();
        (offers.len(), could)
    };
    // The nearest of them, and the nearest of those that cannot.
    assert_eq!([1, 4, 8, 25, 26].map(asked), [(1, 1), (4, 3), (8, 4), (25, 4), (26, 4)]);
}

/// What a vehicle costs at all is spent when it drives off, and not when a route is planned: the plan, an explanation and a trial agree.
#[test]
fn the_fixed_price_is_spent_when_a_vehicle_drives_off() {
    let fixed = 50_000_000;
    let mut rig = Rig::new();
    for (id, x) in [("a", 0), ("b", 10)] {
        let costs = VehicleCosts { fixed, ..VehicleCosts::default() };
        rig.fact(Event::VehicleRegistered(Vehicle { costs, ..vehicle(id, km(x, 0)) }));
    }
    rig.order(job("x", km(1, 0)));
    let a = rig.engine.fleet().vehicle_id("a").unwrap();
    let said = |rig: &Rig| {
        let (fleet, outlook) = (rig.engine.fleet(), rig.engine.outlook());
        let stand = Stand::of(fleet, outlook, Timestamp(rig.now));
        route(&stand, a).unwrap().parts.fixed.0
    };
    let planned = |rig: &Rig| {
        let draft = crate::draft::Draft::new(rig.engine.fleet(), rig.engine.outlook(), &[a], &[], Timestamp(rig.now));
        draft.solver_tours[0].in_use
    };
    assert_eq!((rig.route("a").len(), said(&rig), planned(&rig)), (1, fixed, false));
    rig.at_stop("a", "x", StopKind::Delivery, Event::StopDeparted);
    rig.order(job("y", km(2, 0)));
    assert_eq!((rig.route("a").len(), said(&rig), planned(&rig)), (2, 0, true));
    // What he drove for is cancelled: he has driven all the same.
    rig.fact(Event::OrderCancelled { order: name("x") });
    assert_eq!((rig.route("a").len(), said(&rig), planned(&rig)), (1, 0, true));
    // Another shift: it is to be spent anew.
    rig.now += 1_000;
    rig.fact(Event::ShiftEnded { vehicle: name("a"), at: Timestamp(rig.now) });
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: Timestamp(rig.now) });
    rig.now += 1_000;
    rig.fact(Event::ShiftStarted { vehicle: name("a"), shift: None, position: None });
    assert_eq!((rig.route("a").len(), said(&rig), planned(&rig)), (1, fixed, false));
}

#[test]
fn every_reason_is_a_fact() {
    let days = std::env::var("FLEETFOLD_REASONS").ok().and_then(|days| days.parse().ok()).unwrap_or(DAYS);
    let mut checked = Checked::new();
    for seed in 1..=days {
        let held = std::panic::catch_unwind(|| {
            let mut checked = Checked::new();
            hold_day(seed, &mut checked);
            checked
        });
        let Ok(held) = held else { panic!("a reason of day {seed} is false") };
        for (what, times) in held {
            *checked.entry(what).or_default() += times;
        }
    }
    println!("{checked:?}");
    // Whatever is never drawn is never checked.
    for what in ["chosen", "possible", "room", "shift", "stops", "skills", "rejected", "pinned", "price", "off duty"] {
        assert!(checked.get(what).is_some_and(|&times| times > 0), "{what} was never said: {checked:?}");
    }
}

/// Whoever folds the log again knows where the driver turned: the plan says it. What he was on his way to is behind that then.
#[test]
fn a_diversion_is_explained_from_where_the_driver_turned() {
    let mut rig = Rig::new();
    let (far, urgent) = (km(-20, 0), km(-4, 3));
    rig.order(job("far", far));
    rig.at_stop("a", "far", StopKind::Delivery, Event::StopDeparted);
    rig.now = at(1).0;
    rig.input(Input::Position(PositionReport { vehicle: name("a"), position: km(-1, 0), at: at(1) }));
    rig.order(Order { promised: Some(at(8)), ..job("urgent", urgent) });
    assert_eq!(rig.route("a"), ["urgent", "far"]);
    let plan = rig.plans.last().unwrap();
    assert!(plan.groups[0].routes[0].diverts);
    let mut fleet = Fleet::new();
    rig.log.iter().filter(|entry| entry.seq <= plan.based_on).for_each(|entry| drop(fleet.apply(entry)));
    let (outlook, network) = (rig.engine.outlook(), rig.engine.network());
    let explained = decision(&fleet, outlook, Timestamp(rig.now), (&plan.groups, &[true]), (None, 4));
    let group = explained[0].as_ref().unwrap();
    let driving = |places: &[Position]| -> i64 {
        places.windows(2).map(|leg| i64::from(network.leg(leg[0], leg[1]).millis)).sum()
    };
    let here = km(-1, 0);
    let (before, after) = (driving(&[here, far]), driving(&[here, urgent, far]));
    let route = &group.routes[0];
    assert_eq!(route.before.map(|parts| parts.driving.0), Some(before));
    assert_eq!(route.after.map(|parts| parts.driving.0), Some(after));
    assert_eq!(route.off, Millis(0));
    let moved = &group.moved[0];
    let chosen = moved.chosen.as_ref().unwrap();
    assert_eq!(chosen.extra.driving.0, after - before);
    let leaves = plan.groups[0].routes[0].start_at;
    let arrival = Timestamp(leaves.0 + driving(&[here, urgent]));
    assert_eq!(chosen.stops, [(StopKind::Delivery, arrival, arrival, Millis(0))]);
    assert_eq!(chosen.delays[0].by.0, after - before + 60_000, "far waits for the detour and the service");
}

/// By how much an order that a dispatcher forced onto a vehicle breaks each rule, as anybody can compute who knows the vehicle.
#[test]
fn a_forced_order_says_what_it_breaks_and_by_how_much() {
    let mut rig = Rig::new();
    rig.fact(Event::ShiftEnded { vehicle: name("b"), at: at(0) });
    let small = Vehicle {
        capacity: Load([3, 1, 0, 0]),
        stops_max: Some(1),
        shift: Some(Shift { starts: at(0), ends: at(5), breaks: Vec::new() }),
        ..vehicle("a", km(0, 0))
    };
    rig.fact(Event::VehicleRegistered(small));
    rig.order(Order { load: Load([1, 0, 0, 0]), ..job("there", km(1, 0)) });
    let asks = Order {
        load: Load([5, 1, 0, 0]),
        skills: vec![name("crane"), name("cool")],
        promised: Some(at(9)),
        ..job("x", km(10, 0))
    };
    rig.order(asks);
    let said = |rig: &Rig, order: &str| {
        let fleet = rig.engine.fleet();
        crate::reasons::broken(fleet, rig.engine.outlook(), fleet.order_id(order).unwrap())
    };
    assert_eq!(said(&rig, "x"), [], "it is on no route");
    rig.fact(Event::AssignmentForced(Pin { order: name("x"), vehicle: name("a") }));
    let fleet = rig.engine.fleet();
    let id = fleet.order_id("x").unwrap();
    let a = fleet.vehicle(fleet.vehicle_id("a").unwrap());
    let visit = *a.route.visits.iter().find(|visit| visit.order == id).unwrap();
    let aboard: i64 = a.route.visits.iter().map(|visit| i64::from(fleet.order(visit.order).load().0[0])).sum();
    let stops = a.route.visits.len() as u32 - 1;
    let mut breaks = vec![Lack::Skills(vec![name("crane"), name("cool")])];
    breaks.extend((stops > 0).then_some(Lack::Stops(stops)));
    breaks.push(Lack::Room { dimension: 0, by: aboard - 3 });
    breaks.push(Lack::Shift(visit.departure - at(5)));
    breaks.push(Lack::Promise(visit.start - at(9)));
    assert_eq!(said(&rig, "x"), breaks);
    assert_eq!(said(&rig, "there"), [], "nobody has forced it");
    // The decision says the same, and so does the time that is driven after the shift.
    let plan = rig.plans.last().unwrap();
    let mut before = Fleet::new();
    rig.log.iter().filter(|entry| entry.seq <= plan.based_on).for_each(|entry| drop(before.apply(entry)));
    let now = Timestamp(rig.now);
    let explained = decision(&before, rig.engine.outlook(), now, (&plan.groups, &[true]), (None, 4));
    let group = explained[0].as_ref().unwrap();
    let moved = group.moved.iter().find(|moved| moved.order == id).unwrap();
    assert_eq!(moved.breaks, breaks);
    let overtime = group.routes[0].after.unwrap().overtime;
    assert_eq!(overtime, a.route.visits.last().unwrap().departure - at(5));
    let stand = Stand::of(rig.engine.fleet(), rig.engine.outlook(), now);
    assert_eq!(route(&stand, fleet.vehicle_id("a").unwrap()).unwrap().parts.overtime, overtime);
}

/// Who is under way to a stop comes home from there anyway: what one stop more asks of him is the difference.
#[test]
fn the_way_home_of_who_is_under_way_is_no_part_of_what_an_order_costs() {
    let mut rig = Rig::new();
    for id in ["a", "b"] {
        rig.fact(Event::VehicleRegistered(Vehicle { end: Some(km(0, 0)), ..vehicle(id, km(0, 0)) }));
    }
    for (id, order, place) in [("a", "x", km(10, 0)), ("b", "y", km(0, 10))] {
        rig.order(job(order, place));
        let pin = Pin { order: name(order), vehicle: name(id) };
        rig.fact(Event::AssignmentForced(pin));
        rig.at_stop(id, order, StopKind::Delivery, Event::StopDeparted);
    }
    rig.order(job("z", km(20, 0)));
    assert_eq!((rig.route("a"), rig.route("b")), (vec!["x".to_owned(), "z".to_owned()], vec!["y".to_owned()]));
    let plan = rig.plans.last().unwrap();
    // 10 to z and 20 home instead of 10 home.
    let choice = &plan.groups[0].choices[0];
    assert_eq!(choice.detour, Millis(20 * 60_000));
    let mut before = Fleet::new();
    rig.log.iter().filter(|entry| entry.seq <= plan.based_on).for_each(|entry| drop(before.apply(entry)));
    let now = Timestamp(rig.now);
    let explained = decision(&before, rig.engine.outlook(), now, (&plan.groups, &[true]), (None, 4));
    let group = explained[0].as_ref().unwrap();
    let minutes = |parts: Option<crate::reasons::Parts>| parts.map(|parts| parts.driving.0 / 60_000);
    assert_eq!((minutes(group.routes[0].before), minutes(group.routes[0].after)), (Some(10), Some(30)));
    let moved = &group.moved[0];
    assert_eq!(moved.chosen.as_ref().unwrap().extra.driving, Millis(20 * 60_000));
    let Offer::Possible(other) = &moved.offers[0].1 else { panic!("b could: {:?}", moved.offers) };
    let leg = |from: Position, to: Position| i64::from(rig.engine.network().leg(from, to).millis);
    let more = leg(km(0, 10), km(20, 0)) + leg(km(20, 0), km(0, 0)) - leg(km(0, 10), km(0, 0));
    assert_eq!(other.extra.driving, Millis(more));
    assert_eq!((choice.runner_up.clone(), choice.runner_up_extra), (Some(name("b")), Millis(more - 20 * 60_000)));
}

/// Whose goods are on board of one vehicle is brought by that one: no other is said to lack a skill for it.
#[test]
fn nobody_is_compared_with_who_has_the_goods_on_board() {
    let mut rig = Rig::new();
    rig.order(shipment("s", km(1, 0), km(30, 0)));
    assert_eq!(rig.route("a"), ["+s", "s"]);
    rig.at_stop("b", "s", StopKind::Pickup, Event::StopCompleted);
    assert_eq!(rig.route("b"), ["s"]);
    let plan = rig.plans.last().unwrap();
    let choice = plan.groups.iter().flat_map(|group| &group.choices).find(|choice| choice.order == name("s")).unwrap();
    assert_eq!((choice.vehicle.clone(), choice.runner_up.clone()), (Some(name("b")), None), "{choice:?}");
}
