//! What one entry and one copy of the fleet cost, at 3,000 and at 300,000 orders: `just bench --bench entries`.
//!
//! Not by criterion: the worst entry counts here, and each copy is of another fleet.

#![expect(clippy::disallowed_methods, reason = "a measurement reads a clock")]

use std::hint::black_box;
use std::process::Command;
use std::time::Instant;

use fleetfold_fleet::Fleet;
use fleetfold_model::{
    Event, ExchangeGroup, Load, LogEntry, LogSeq, MessageHash, Metres, Millis, Name, Order, OrderWork, PlannedVisit,
    Position, Proposal, ProposedRoute, SearchRecord, Shipment, StopEvent, StopKind, StopSpec, Timestamp, Vehicle,
    VehicleCosts,
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    // Memory is counted in a process of its own for each size.
    if let Some(orders) = words.iter().find_map(|word| word.strip_prefix("entries-served=")) {
        return what_is_left_of_served_orders(orders.parse().expect("a number of orders"));
    }
    // As criterion does: with words on the command line, only what is named by one of them is measured.
    if !words.is_empty() && !words.iter().any(|word| "entries".contains(word.as_str())) {
        return;
    }
    entries_and_copies();
    for orders in [10_000, 300_000] {
        let itself = std::env::current_exe().expect("the path of this program");
        let done = Command::new(itself).arg(format!("entries-served={orders}")).status().expect("this program runs");
        assert!(done.success());
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

struct Log {
    /// Empty unless they are to be kept.
    entries: Vec<LogEntry>,
    keep: bool,
    /// Log time from one entry to the next.
    millis_an_entry: i64,
    fleet: Fleet,
}

impl Default for Log {
    fn default() -> Self {
        Self { entries: Vec::new(), keep: true, millis_an_entry: 1, fleet: Fleet::new() }
    }
}

impl Log {
    fn tell(&mut self, event: Event) {
        let seq = self.fleet.applied().0 + 1;
        let id = if matches!(event, Event::PlanProposed(_)) { 0 } else { seq };
        let hash = MessageHash(u128::from(seq));
        let logged_at = Timestamp(seq as i64 * self.millis_an_entry);
        let entry = LogEntry { numbered: None, seq: LogSeq(seq), logged_at, id, time: None, hash, event };
        self.fleet.apply(&entry);
        if self.keep {
            self.entries.push(entry);
        }
    }
}

/// Shipments over 300 vehicles: each is created, planned, driven to and served, `behind` of them wait on routes at any time.
fn log(orders: usize, behind: usize) -> Log {
    let mut log = Log::default();
    serve(&mut log, orders, behind);
    log
}

/// The same with a log that is there.
fn serve(log: &mut Log, orders: usize, behind: usize) {
    for number in 0..300 {
        let vehicle = Vehicle {
            name: name(&format!("vehicle-{number}")),
            capacity: Load([1_000_000; 4]),
            skills: vec![],
            costs: VehicleCosts::default(),
            time_factor: 1000,
            start: Position { x: number * 1_000, y: 0 },
            end: None,
            shift: None,
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        };
        let shift = Event::ShiftStarted { vehicle: vehicle.name.clone(), shift: None, position: None };
        log.tell(Event::VehicleRegistered(vehicle));
        log.tell(shift);
    }
    let stop = |x: usize| StopSpec {
        position: Position { x: (x * 7_919 % 300_000) as i32, y: (x * 104_729 % 300_000) as i32 },
        windows: vec![],
        service: Millis(60_000),
        setup: Millis(0),
    };
    let order_name = |number: usize| name(&format!("order-{number:06}"));
    for number in 0..orders + behind {
        if number < orders {
            log.tell(Event::OrderCreated(Order {
                name: order_name(number),
                work: OrderWork::Shipment(Shipment { pickup: stop(number), delivery: stop(number + 1) }),
                load: Load([1; 4]),
                skills: vec![],
                priority: 0,
                release: None,
                promised: None,
                placed: Timestamp(0),
            }));
            let vehicle = log.fleet.vehicle(fleetfold_model::VehicleId((number % 300) as u32));
            let later = Timestamp(i64::MAX / 8);
            let visit = |order: Name, stop| PlannedVisit {
                order,
                stop,
                depart_at: later,
                arrival: later,
                start: later,
                departure: later,
                metres: Metres(1),
                break_before: Millis(0),
                reload_before: None,
            };
            let old = vehicle.route.visits.iter().map(|old| visit(log.fleet.order(old.order).name.clone(), old.stop));
            let new = [StopKind::Pickup, StopKind::Delivery].map(|stop| visit(order_name(number), stop));
            let route = ProposedRoute {
                vehicle: vehicle.name.clone(),
                base: vehicle.route.revision,
                start: Position::default(),
                start_at: Timestamp(0),
                diverts: false,
                visits: old.chain(new).collect(),
            };
            let group = ExchangeGroup {
                routes: vec![route],
                unassigned: vec![],
                caused_by: log.fleet.unanswered().keys().copied().collect(),
                choices: vec![],
            };
            let chain = *log.fleet.chain();
            log.tell(Event::PlanProposed(Proposal {
                rules: fleetfold_model::RULES,
                format: fleetfold_model::FORMAT,
                epoch: 1,
                rev: chain.rev + 1,
                prev_hash: chain.hash,
                based_on: log.fleet.applied(),
                groups: vec![group],
                search: SearchRecord::default(),
                overload: 0,
                fleet_digest: 0,
            }));
        }
        if number >= behind {
            let order = number - behind;
            for stop in [StopKind::Pickup, StopKind::Delivery] {
                let report = StopEvent {
                    vehicle: name(&format!("vehicle-{}", order % 300)),
                    order: order_name(order),
                    stop,
                    at: log.fleet.logged_at(),
                    position: None,
                };
                log.tell(Event::StopDeparted(report.clone()));
                log.tell(Event::StopArrived(report.clone()));
                log.tell(Event::StopCompleted(report));
            }
        }
    }
}

fn entries_and_copies() {
    let made = log(20_000, 1_500);
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let mut fleet = Fleet::new();
        let start = Instant::now();
        for entry in &made.entries {
            black_box(fleet.apply(entry));
        }
        best = best.min(start.elapsed().as_secs_f64() / made.entries.len() as f64);
    }
    println!("apply: {:.0} ns per entry, {} entries", best * 1e9, made.entries.len());
    for orders in [3_000, 300_000] {
        let made = log(orders, 1_500);
        let mut fleet = made.fleet;
        let mut next = log(orders + 2_000, 1_500).entries.split_off(made.entries.len() - 6 * 1_500).into_iter();
        let (mut copies, mut firsts) = (Vec::new(), Vec::new());
        for _ in 0..9 {
            let start = Instant::now();
            let copy = fleet.clone_without_index();
            copies.push(start.elapsed().as_secs_f64());
            let start = Instant::now();
            next.by_ref().take(100).for_each(|mut entry| {
                entry.seq = LogSeq(fleet.applied().0 + 1);
                black_box(fleet.apply(&entry));
            });
            firsts.push(start.elapsed().as_secs_f64());
            black_box(copy.digest());
        }
        copies.sort_by(f64::total_cmp);
        firsts.sort_by(f64::total_cmp);
        println!(
            "{orders} orders: copy {:.0} us (median), the 100 entries after it {:.0} us",
            copies[4] * 1e6,
            firsts[4] * 1e6
        );
    }
}

/// Resident memory of this process, in kB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux machine");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line of resident memory");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).expect("a number of kB")
}

/// A fleet that has served so many orders, 3,000 of them a day of log time, and retires them as the days pass.
fn what_is_left_of_served_orders(orders: usize) {
    let before = resident();
    let mut log = Log { millis_an_entry: 24 * 3_600_000 / (8 * 3_000), keep: false, ..Log::default() };
    serve(&mut log, orders, 1_500);
    let mut fleet = log.fleet;
    println!("{orders} orders served: {} held, {} kB resident", fleet.held_count(), resident() - before);
    median_of("copy", || drop(black_box(fleet.clone_without_index())));
    median_of("image", || drop(black_box(fleet.image())));
    median_of("full check", || fleet.check().unwrap());
    median_of("open orders", || assert_eq!(black_box(fleet.open_orders().count()), 0));
    let mut seq = fleet.applied().0;
    median_of("an entry", || {
        seq += 1;
        let (seq, logged_at) = (LogSeq(seq), fleet.logged_at());
        let event = Event::AssignmentAccepted { vehicle: name("vehicle-1"), revision: 0 };
        black_box(fleet.apply(&LogEntry {
            numbered: None,
            seq,
            logged_at,
            id: 0,
            time: None,
            hash: MessageHash::default(),
            event,
        }));
    });
}

/// Prints the first and the median of 101 runs: the first finds the caches as the work before it left them.
fn median_of(what: &str, mut act: impl FnMut()) {
    let mut times: Vec<f64> = (0..101)
        .map(|_| {
            let start = Instant::now();
            act();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    let first = times[0];
    times.sort_by(f64::total_cmp);
    println!("{what}: {:.2} us (the first {first:.0})", times[times.len() / 2]);
}
