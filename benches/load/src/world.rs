//! What happens in the zone: its vehicles, its orders, and where phones say that they are, as messages for the log.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use fleetfold_journal::address::fact_id;
use fleetfold_journal::{Address, ZoneName};
use fleetfold_model::{
    Event, Job, Load, LoadDirection, Millis, Name, Order, OrderWork, Policy, Position, Shift, Space, StopSpec,
    TimeWindow, Timestamp, Vehicle, VehicleCosts, ZoneOpened,
};
use fleetfold_roads::Streets;
use fleetfold_sim::Seeded;
use fleetfold_wire::{encode, encode_position};

use crate::Failure;

/// The first instant of the zone: eight in the morning of a summer's day.
const DAY_START: Timestamp = Timestamp(1_780_300_800_000);
/// Service at a stop.
const SERVICE: Millis = Millis(120_000);
/// Zone time that a stop takes a vehicle, the drive included, where a vehicle has ten stops to choose from. Measured: 2 minutes of
/// service and about 1.3 minutes of driving.
pub(crate) const CYCLE_SECONDS: f64 = 200.0;
/// A message that is ready to be published.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) subject: String,
    /// `Nats-Msg-Id`.
    pub(crate) id: String,
    pub(crate) body: Bytes,
}

/// Who sends the events: two producers must not use the same ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    /// `source` of its events.
    pub(crate) source: &'static str,
    /// What the names of its orders begin with.
    pub(crate) orders: &'static str,
}

/// Where vehicles begin and orders are delivered.
#[derive(Clone, Debug)]
pub(crate) enum Places {
    /// Anywhere on a square with a side of 20 km times this many thousandths.
    Square(u64),
    /// At the junctions of a street network, each as likely as any other.
    Junctions(Arc<[Position]>),
}

impl Places {
    /// A square of 20 km by 20 km.
    pub(crate) const SQUARE: Self = Self::Square(1_000);

    /// The junctions of a graph file. Without one a square of 20 km for up to 1,000 vehicles; for more of them one that is so much larger
    /// that each has the same space.
    pub(crate) fn of(graph: Option<&Path>, vehicles: usize) -> Result<Self, Failure> {
        let Some(graph) = graph else {
            let side = (vehicles as f64 / 1_000.0).sqrt().max(1.0);
            return Ok(Self::Square((side * 1_000.0) as u64));
        };
        let bytes = std::fs::read(graph).map_err(|error| format!("{}: {error}", graph.display()))?;
        let streets = Streets::from_bytes(&bytes).map_err(|error| format!("{}: {error}", graph.display()))?;
        let junctions: Arc<[Position]> = streets.junction_ids().map(|junction| streets.junction(junction)).collect();
        if junctions.is_empty() {
            return Err(format!("{}: there is no junction in it", graph.display()).into());
        }
        Ok(Self::Junctions(junctions))
    }

    fn draw(&self, random: &mut Seeded) -> Position {
        match self {
            // 20 km of a degree of longitude at 41 degrees of latitude, and as much of one of latitude.
            Self::Square(side) => Position {
                x: -86_000_000 + random.below(2_390 * side) as i32,
                y: 411_000_000 + random.below(1_800 * side) as i32,
            },
            Self::Junctions(junctions) => junctions[random.below(junctions.len() as u64) as usize],
        }
    }
}

/// A zone with vehicles and orders at uniform places.
pub(crate) struct World {
    pub(crate) zone: ZoneName,
    /// Log time at which the zone was opened, milliseconds.
    log_start: i64,
    /// Zone seconds for each second.
    rate: u32,
    producer: Producer,
    places: Places,
    random: Seeded,
    events: u64,
    orders: u64,
}

impl World {
    pub(crate) fn new(zone: ZoneName, log_start: i64, rate: u32, producer: Producer, seed: u64) -> Self {
        let random = Seeded::new(seed, producer.source);
        let rate = rate.max(1);
        Self { zone, log_start, rate, producer, places: Places::SQUARE, random, events: 0, orders: 0 }
    }

    /// The same with other places.
    pub(crate) fn at(self, places: Places) -> Self {
        Self { places, ..self }
    }

    /// Zone time at an instant of log time.
    pub(crate) fn zone_time(&self, log_time: i64) -> Timestamp {
        DAY_START + Millis((log_time - self.log_start) * i64::from(self.rate))
    }

    /// A uniform random number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.random.below(n)
    }

    fn spot(&mut self) -> Position {
        self.places.draw(&mut self.random)
    }

    /// The message of a fact.
    pub(crate) fn fact(&mut self, event: &Event, now: Timestamp) -> Message {
        self.events += 1;
        let id = self.events.to_string();
        let body = encode(event, Space::Geographic, self.producer.source, &id, now).to_bytes();
        Message {
            subject: self.zone.subject(&Address::of_event(event)),
            id: fact_id(&self.zone, self.producer.source, &id),
            body: Bytes::from(body),
        }
    }

    /// The zone opens, with improvement by searches or without.
    pub(crate) fn opened(&mut self, search: bool, learn: bool) -> Message {
        let opened = Event::ZoneOpened(ZoneOpened {
            timezone: "UTC".into(),
            space: Space::Geographic,
            day_start: DAY_START,
            log_start: Timestamp(self.log_start),
            utc_offset: Millis(0),
            rate: self.rate,
            policy: policy(search, learn),
        });
        self.fact(&opened, DAY_START)
    }

    /// The policy changes: searches begin or end.
    pub(crate) fn policy(&mut self, search: bool, learn: bool, now: Timestamp) -> Message {
        self.fact(&Event::PolicyChanged(policy(search, learn)), now)
    }

    /// A vehicle is registered and signs on. `room`: how many orders fit in.
    pub(crate) fn vehicle(&mut self, number: usize, room: i32) -> ([Message; 2], Position) {
        let start = self.spot();
        let vehicle = Vehicle {
            name: name(&format!("v{number}")),
            capacity: Load([room * 1000, 0, 0, 0]),
            skills: Vec::new(),
            costs: VehicleCosts::default(),
            time_factor: 1000,
            start,
            end: None,
            shift: Some(Shift { starts: DAY_START, ends: DAY_START + Millis(72 * 3_600_000), breaks: Vec::new() }),
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        };
        let on = Event::ShiftStarted { vehicle: vehicle.name.clone(), shift: None, position: Some(start) };
        ([self.fact(&Event::VehicleRegistered(vehicle), DAY_START), self.fact(&on, DAY_START)], start)
    }

    /// A new order of one stop and load 1, to be served within two to six hours. Its name and its message.
    pub(crate) fn order(&mut self, now: Timestamp) -> (Name, Message) {
        self.orders += 1;
        let order = name(&format!("{}{}", self.producer.orders, self.orders));
        let closes = now + Millis(self.random.between(2 * 3_600_000, 6 * 3_600_000));
        let windows = vec![TimeWindow::new(now, closes).expect("it closes hours after it opens")];
        let stop = StopSpec { position: self.spot(), windows, service: SERVICE, setup: Millis(0) };
        let created = Event::OrderCreated(Order {
            name: order.clone(),
            work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
            load: Load([1000, 0, 0, 0]),
            skills: Vec::new(),
            priority: 0,
            release: None,
            promised: None,
            placed: now,
        });
        (order, self.fact(&created, now))
    }

    /// A position report. It has no message id: the next one replaces it.
    pub(crate) fn position(&mut self, vehicle: &Name, position: Position, now: Timestamp) -> Message {
        self.events += 1;
        let id = self.events.to_string();
        let body = encode_position(vehicle, position, Space::Geographic, "/phones", &id, now).to_bytes();
        Message {
            subject: self.zone.subject(&Address::of_position(vehicle)),
            id: String::new(),
            body: Bytes::from(body),
        }
    }
}

fn policy(search: bool, learn: bool) -> Policy {
    let usual = Policy::default();
    Policy { search_rounds: if search { usual.search_rounds } else { 0 }, learn, ..usual }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("letters and digits")
}
