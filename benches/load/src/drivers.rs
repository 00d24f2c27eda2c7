//! Drivers that do what their last assignment says: they depart, arrive and complete, in zone time as planned.
//!
//! They complete a stop only while more orders are open than there should be, so that the number of open stops stays what it is
//! while new orders come; and they hurry when many more are open.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};

use fleetfold_model::{AssignedVisit, Assignment, Event, LogSeq, Millis, Name, Position, StopEvent, Timestamp};

/// A driver who may not complete asks again after this much zone time, milliseconds.
const AGAIN: i64 = 5_000;
/// How much longer a drive takes than planned, in per cent, so that there is something to learn.
const SLOWER: i64 = 115;

/// Where a driver is with the first visit of the route.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Standing,
    Driving { order: Name, left: Timestamp, arrives: Timestamp },
    Serving { order: Name },
}

struct Driver {
    name: Name,
    revision: LogSeq,
    visits: VecDeque<AssignedVisit>,
    stage: Stage,
    /// Where the vehicle last stood.
    stood: Position,
    /// When it next does something, zone time. An entry of `due` with another time is void.
    next: Option<Timestamp>,
}

/// All drivers of the zone. Vehicle number `i` is called `v<i>`.
#[derive(Default)]
pub(crate) struct Drivers {
    all: Vec<Driver>,
    /// When a driver next does something: zone time, and the number of the vehicle.
    due: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Orders that were completed or cancelled: an assignment from before may still name them.
    over: BTreeSet<Name>,
    completed: u64,
}

impl Drivers {
    /// One more driver.
    pub(crate) fn add(&mut self, name: Name, stood: Position) {
        let (revision, visits) = (LogSeq(0), VecDeque::new());
        self.all.push(Driver { name, revision, visits, stage: Stage::Standing, stood, next: None });
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Stops that were completed since the beginning.
    pub(crate) fn completed(&self) -> u64 {
        self.completed
    }

    /// Marks an order as cancelled. False when it is over already, or a driver is on the way to it.
    pub(crate) fn cancel(&mut self, order: &Name) -> bool {
        let under_way = |driver: &Driver| match &driver.stage {
            Stage::Standing => false,
            Stage::Driving { order: at, .. } | Stage::Serving { order: at } => at == order,
        };
        !self.all.iter().any(under_way) && self.over.insert(order.clone())
    }

    /// A new assignment reached a driver.
    pub(crate) fn told(&mut self, assignment: Assignment) {
        let number = assignment.vehicle.as_str().strip_prefix('v').and_then(|number| number.parse::<usize>().ok());
        let Some((number, driver)) = number.and_then(|number| Some((number, self.all.get_mut(number)?))) else {
            return;
        };
        if assignment.revision < driver.revision {
            return;
        }
        driver.revision = assignment.revision;
        driver.visits = assignment.visits.into();
        driver.visits.retain(|visit| !self.over.contains(&visit.visit.order));
        let departs = driver.visits.front().map(|first| first.visit.depart_at);
        if let (Some(departs), Stage::Standing) = (departs, &driver.stage)
            && driver.next != Some(departs)
        {
            self.wake(number, departs);
        }
    }

    fn wake(&mut self, number: usize, at: Timestamp) {
        self.all[number].next = Some(at);
        self.due.push(Reverse((at, number)));
    }

    /// Where a vehicle is at an instant of zone time: on the straight line between two stops while it drives.
    pub(crate) fn position(&self, number: usize, now: Timestamp) -> (&Name, Position) {
        let driver = &self.all[number];
        let Stage::Driving { order, left, arrives } = &driver.stage else { return (&driver.name, driver.stood) };
        let to = driver.visits.iter().find(|visit| visit.visit.order == *order);
        let to = to.map_or(driver.stood, |visit| visit.position);
        let (done, whole) = ((now - *left).0.max(0), (*arrives - *left).0.max(1));
        let between = |from: i32, to: i32| {
            from + (i64::from(to - from) * done.min(whole) / whole).clamp(-i64::from(i32::MAX), i64::from(i32::MAX))
                as i32
        };
        (&driver.name, Position { x: between(driver.stood.x, to.x), y: between(driver.stood.y, to.y) })
    }

    /// What the drivers report until an instant of zone time. `spare` is how many orders more are open than there should be: so
    /// many stops are completed at most. `hurry`: so many drivers do their next step although it is not due.
    pub(crate) fn act(&mut self, now: Timestamp, mut spare: usize, mut hurry: usize) -> Vec<Event> {
        let mut reports = Vec::new();
        while let Some(&Reverse((due, number))) = self.due.peek() {
            if self.all[number].next != Some(due) {
                self.due.pop();
                continue;
            }
            if due > now {
                if hurry == 0 {
                    break;
                }
                hurry -= 1;
            }
            self.due.pop();
            let driver = &mut self.all[number];
            driver.next = None;
            let (stage, again) = match std::mem::replace(&mut driver.stage, Stage::Standing) {
                Stage::Standing => {
                    let Some(next) = driver.visits.front() else { continue };
                    let order = next.visit.order.clone();
                    reports.push(Event::StopDeparted(report(driver, next, now)));
                    let arrives = now + Millis((next.visit.arrival - next.visit.depart_at).0 * SLOWER / 100);
                    (Stage::Driving { order, left: now, arrives }, Some(arrives))
                }
                Stage::Driving { order, .. } => {
                    if let Some(visit) = driver.visits.iter().find(|visit| visit.visit.order == order) {
                        reports.push(Event::StopArrived(report(driver, visit, now)));
                        driver.stood = visit.position;
                        (Stage::Serving { order }, Some(now + (visit.visit.departure - visit.visit.start)))
                    } else {
                        // It was taken from the driver under way: the next visit begins here.
                        (Stage::Standing, driver.visits.front().map(|_| now))
                    }
                }
                Stage::Serving { order } if spare == 0 => (Stage::Serving { order }, Some(now + Millis(AGAIN))),
                Stage::Serving { order } => {
                    let position = driver.visits.iter().position(|visit| visit.visit.order == order);
                    if let Some(visit) = position.and_then(|position| driver.visits.remove(position)) {
                        reports.push(Event::StopCompleted(report(driver, &visit, now)));
                        self.completed += 1;
                        spare -= 1;
                        self.over.insert(order);
                    }
                    (Stage::Standing, driver.visits.front().map(|next| next.visit.depart_at))
                }
            };
            driver.stage = stage;
            if let Some(again) = again {
                self.wake(number, again);
            }
        }
        reports
    }
}

fn report(driver: &Driver, visit: &AssignedVisit, now: Timestamp) -> StopEvent {
    StopEvent {
        vehicle: driver.name.clone(),
        order: visit.visit.order.clone(),
        stop: visit.visit.stop,
        at: now,
        position: None,
    }
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{
        AssignedVisit, Assignment, Event, LogSeq, Metres, Millis, Name, PlannedVisit, Position, StopKind, Timestamp,
    };

    use super::Drivers;
    use crate::world::name;

    fn visit(order: &str, at: i64) -> AssignedVisit {
        let visit = PlannedVisit {
            order: name(order),
            stop: StopKind::Delivery,
            depart_at: Timestamp(at),
            arrival: Timestamp(at + 1_000),
            start: Timestamp(at + 1_000),
            departure: Timestamp(at + 1_500),
            metres: Metres(100),
            break_before: Millis(0),
            reload_before: None,
        };
        AssignedVisit {
            visit,
            position: Position { x: 1_000, y: 0 },
            frozen: false,
            depot: None,
            on_the_way: Millis(0),
        }
    }

    fn route(revision: u64, visits: Vec<AssignedVisit>) -> Assignment {
        Assignment { vehicle: name("v0"), revision: LogSeq(revision), visits, pause: None }
    }

    fn crew() -> Drivers {
        let mut drivers = Drivers::default();
        drivers.add(name("v0"), Position { x: 0, y: 0 });
        drivers
    }

    fn told(reports: &[Event]) -> Vec<(&'static str, Name)> {
        let word = |event: &Event| match event {
            Event::StopDeparted(stop) => ("departed", stop.order.clone()),
            Event::StopArrived(stop) => ("arrived", stop.order.clone()),
            Event::StopCompleted(stop) => ("completed", stop.order.clone()),
            other => panic!("{other:?}"),
        };
        reports.iter().map(word).collect()
    }

    #[test]
    fn a_driver_departs_arrives_and_completes_in_zone_time() {
        let mut drivers = crew();
        drivers.told(route(5, vec![visit("a", 100), visit("b", 3_000)]));
        assert_eq!(told(&drivers.act(Timestamp(99), 9, 0)), []);
        assert_eq!(told(&drivers.act(Timestamp(100), 9, 0)), [("departed", name("a"))]);
        // A drive takes 15 per cent longer than planned.
        assert_eq!(drivers.position(0, Timestamp(675)).1, Position { x: 500, y: 0 });
        assert_eq!(told(&drivers.act(Timestamp(1_249), 9, 0)), []);
        assert_eq!(told(&drivers.act(Timestamp(1_250), 9, 0)), [("arrived", name("a"))]);
        assert_eq!(told(&drivers.act(Timestamp(1_750), 9, 0)), [("completed", name("a"))]);
        assert_eq!(told(&drivers.act(Timestamp(2_999), 9, 0)), []);
        assert_eq!(told(&drivers.act(Timestamp(3_000), 9, 0)), [("departed", name("b"))]);
        assert_eq!(drivers.completed(), 1);
    }

    #[test]
    fn no_stop_is_completed_while_no_order_is_spare_and_drivers_hurry_when_many_are() {
        let mut drivers = crew();
        drivers.told(route(5, vec![visit("a", 0)]));
        drivers.act(Timestamp(0), 0, 0);
        drivers.act(Timestamp(2_000), 0, 0);
        assert_eq!(told(&drivers.act(Timestamp(9_000), 0, 0)), []);
        assert_eq!(told(&drivers.act(Timestamp(9_001), 1, 1)), [("completed", name("a"))]);
        drivers.told(route(6, vec![visit("b", 50_000)]));
        assert_eq!(told(&drivers.act(Timestamp(9_002), 1, 1)), [("departed", name("b"))]);
    }

    #[test]
    fn an_assignment_that_is_older_or_names_what_is_over_repeats_nothing() {
        let mut drivers = crew();
        drivers.told(route(5, vec![visit("a", 0), visit("b", 5_000)]));
        for _ in 0..2 {
            drivers.act(Timestamp(0), 1, 1);
        }
        drivers.told(route(4, vec![visit("c", 0)]));
        drivers.told(route(6, vec![visit("a", 0), visit("b", 5_000)]));
        assert_eq!(told(&drivers.act(Timestamp(5_000), 1, 0)), [("departed", name("b"))]);
        assert!(!drivers.cancel(&name("b")), "a driver is on the way");
        assert!(drivers.cancel(&name("d")) && !drivers.cancel(&name("d")));
        // Taken from the driver under way: the next visit follows.
        drivers.told(route(7, vec![visit("e", 0)]));
        assert_eq!(told(&drivers.act(Timestamp(7_000), 1, 0)), [("departed", name("e"))]);
    }
}
