//! Numbers: one file in `benches/` per question asked; results with machine and commit in docs/PERFORMANCE.md. Here is what several
//! of them make: events of a zone with vans and jobs, and entries of a log.

use fleetfold_engine::Input;
use fleetfold_model::{
    Event, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, Order, OrderWork, Policy, Position,
    Shift, Space, StopSpec, TimeWindow, Timestamp, Vehicle, VehicleCosts, ZoneOpened,
};

/// `v` and 7 is `v7`.
///
/// # Panics
///
/// When that is no legal name.
pub fn name(prefix: &str, number: usize) -> Name {
    Name::new(&format!("{prefix}{number}")).expect("a legal name")
}

/// The entry at this position of a log, as the engine takes it.
pub fn entry(seq: u64, logged_at: Timestamp, event: Event) -> Input {
    Input::Entry(LogEntry {
        numbered: None,
        seq: LogSeq(seq),
        logged_at,
        id: seq,
        time: None,
        hash: MessageHash(u128::from(seq)),
        event,
    })
}

/// Travel times that differ by the hour, the same for all roads.
pub fn by_the_hour(policy: &mut Policy) {
    for (hour, percent) in policy.hour_percent.iter_mut().flat_map(|class| class.iter_mut().enumerate()) {
        *percent = 100 + 7 * (hour % 6) as u16;
    }
}

/// A zone whose clock is that of the log.
pub fn zone_opened(space: Space, policy: Policy) -> Event {
    Event::ZoneOpened(ZoneOpened {
        timezone: "UTC".into(),
        space,
        day_start: Timestamp(0),
        log_start: Timestamp(0),
        utc_offset: Millis(0),
        rate: 1,
        policy,
    })
}

/// A van with room for so many orders is registered, and signs on until eight in the evening.
pub fn van(number: usize, start: Position, room: i32) -> [Event; 2] {
    let vehicle = Vehicle {
        name: name("v", number),
        capacity: Load([room, 0, 0, 0]),
        skills: Vec::new(),
        costs: VehicleCosts::default(),
        time_factor: 1000,
        start,
        end: None,
        shift: Some(Shift { starts: Timestamp(0), ends: Timestamp(20 * 3_600_000), breaks: Vec::new() }),
        stops_max: None,
        lifo: false,
        driving_time: None,
        reload: None,
    };
    let started = Event::ShiftStarted { vehicle: vehicle.name.clone(), shift: None, position: Some(start) };
    [Event::VehicleRegistered(vehicle), started]
}

/// A job of two minutes at a place, asked for now, to be served within two to six hours.
///
/// # Panics
///
/// Never: its window is legal.
pub fn job(number: usize, position: Position, now: Timestamp) -> Order {
    let closes = now + Millis(2 * 3_600_000 + (number as i64 * 7_919) % (4 * 3_600_000));
    let windows = vec![TimeWindow::new(now, closes).expect("a legal window")];
    let stop = StopSpec { position, windows, service: Millis(120_000), setup: Millis(0) };
    Order {
        name: name("o", number),
        work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
        load: Load([1, 0, 0, 0]),
        skills: Vec::new(),
        priority: 0,
        release: None,
        promised: None,
        placed: now,
    }
}
