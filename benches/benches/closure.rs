//! How soon is a fleet around a closed bridge? `FLEETFOLD_OSM=AREA.osm.pbf cargo bench -p fleetfold-benches --bench closure`
//!
//! 300 vehicles of three depots with 3,000 open stops on the streets of the extract; one after the other, the streets whose name
//! begins with `FLEETFOLD_BRIDGE` (default: `Ponte`) are closed and opened again. Printed: how many routes drove over each, how many
//! others took over a stop that those could not keep, and the time from the event to the accepted plan and to the end of the
//! search behind it. With `FLEETFOLD_HOURS=1` every hour has travel times of its own, so that legs depend on the hour.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use fleetfold_engine::{Effect, Engine, Input, run};
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{
    Event, Job, Load, LoadDirection, LogEntry, LogSeq, MessageHash, Millis, Name, Order, OrderWork, Policy, Position,
    RoadChange, RoadTarget, Space, StopSpec, TimeWindow, Timestamp, Vehicle, VehicleCosts, VehicleId, ZoneOpened,
};
use fleetfold_roads::{EdgeId, JunctionId, Network, Streets, osm};
use fleetfold_sim::Seeded;

const VEHICLES: u64 = 300;
const ORDERS: u64 = 3_000;
const DEPOTS: usize = 3;

struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
    waiting: Vec<Input>,
    search: bool,
}

impl Rig {
    /// Handles an input and all that comes of it: plans come straight back, searches run where they are asked for.
    fn input(&mut self, input: Input) {
        let never = AtomicBool::new(false);
        let mut effects = Vec::new();
        self.waiting.push(input);
        while let Some(input) = self.waiting.pop() {
            self.engine.handle(input, &mut effects);
            for effect in effects.drain(..) {
                match effect {
                    Effect::Append { event, .. } => {
                        self.seq += 1;
                        let event = Arc::unwrap_or_clone(event);
                        let (seq, logged_at) = (LogSeq(self.seq), Timestamp(self.now));
                        self.waiting.insert(0, Input::Commit(Outcome::Stored(seq)));
                        self.waiting.insert(
                            0,
                            Input::Entry(LogEntry {
                                numbered: None,
                                seq,
                                logged_at,
                                id: 0,
                                time: None,
                                hash: MessageHash::default(),
                                event,
                            }),
                        );
                    }
                    Effect::Solve(job) if self.search => self.waiting.insert(0, Input::Solved(run(job, &never))),
                    Effect::Folded { .. }
                    | Effect::Rerouted(_)
                    | Effect::Solve(_)
                    | Effect::FetchLegs(_)
                    | Effect::AppendOwn(_)
                    | Effect::Publish(_)
                    | Effect::Tell(_)
                    | Effect::ReadLastPlan
                    | Effect::Note(_) => {}
                }
            }
        }
    }

    fn fact(&mut self, event: Event) {
        self.seq += 1;
        let entry = LogEntry {
            numbered: None,
            seq: LogSeq(self.seq),
            logged_at: Timestamp(self.now),
            id: self.seq,
            time: None,
            hash: MessageHash::default(),
            event,
        };
        self.input(Input::Entry(entry));
    }

    fn routes(&self) -> BTreeMap<u32, Vec<Position>> {
        let fleet = self.engine.fleet();
        (0..fleet.vehicles().len() as u32)
            .map(|id| {
                let state = fleet.vehicle(VehicleId(id));
                let here = state.whereabouts().map(|anchor| anchor.position);
                let stops = state.route.visits.iter().filter_map(|visit| fleet.order(visit.order).stop(visit.stop));
                (id, here.into_iter().chain(stops.map(|stop| stop.position)).collect())
            })
            .collect()
    }

    fn revisions(&self) -> Vec<LogSeq> {
        self.engine.fleet().vehicles().iter().map(|vehicle| vehicle.route.revision).collect()
    }

    fn over(&self, edges: &BTreeSet<EdgeId>) -> BTreeSet<u32> {
        let network = self.engine.network();
        let uses = |stops: &Vec<Position>| {
            stops.windows(2).any(|ends| network.edges_driven(ends[0], ends[1]).iter().any(|edge| edges.contains(edge)))
        };
        self.routes().into_iter().filter(|(_, stops)| uses(stops)).map(|(id, _)| id).collect()
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a legal name")
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed(what: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    what();
    begin.elapsed()
}

/// Travel times by the hour, all different, if `FLEETFOLD_HOURS` is set.
fn hours() -> [[u16; 24]; 3] {
    let factor =
        |hour: usize| if std::env::var_os("FLEETFOLD_HOURS").is_some() { 100 + hour as u16 * 17 % 60 } else { 100 };
    [std::array::from_fn(factor); 3]
}

fn fleet_on(streets: &Streets) -> Rig {
    let network = Arc::new(Network::from_streets(streets.clone()));
    let mut random = Seeded::new(11, "closure");
    let mut place = || streets.junction(JunctionId(random.below(streets.junctions() as u64) as u32));
    let engine = Engine::new(Fleet::new(), network);
    let mut rig = Rig { engine, seq: 0, now: 0, waiting: Vec::new(), search: false };
    rig.input(Input::Commit(Outcome::Granted(1)));
    rig.fact(Event::ZoneOpened(ZoneOpened {
        timezone: "UTC".into(),
        space: Space::Geographic,
        day_start: Timestamp(0),
        log_start: Timestamp(0),
        utc_offset: Millis(0),
        rate: 1,
        policy: Policy { hour_percent: hours(), ..Policy::default() },
    }));
    // From a few depots: tours cross the town.
    let depots: Vec<Position> = (0..DEPOTS).map(|_| place()).collect();
    for id in 0..VEHICLES {
        let start = depots[id as usize % depots.len()];
        rig.fact(Event::VehicleRegistered(Vehicle {
            name: name(&format!("v{id}")),
            capacity: Load([20, 0, 0, 0]),
            skills: Vec::new(),
            start,
            end: None,
            costs: VehicleCosts::default(),
            time_factor: 1000,
            shift: None,
            stops_max: None,
            lifo: false,
            driving_time: None,
            reload: None,
        }));
        rig.fact(Event::ShiftStarted { vehicle: name(&format!("v{id}")), shift: None, position: None });
    }
    for id in 0..ORDERS {
        let opens = Timestamp((60 + (id as i64 * 7) % 240) * 60_000);
        let window = TimeWindow::new(opens, opens + Millis(2 * 3_600_000)).expect("a window");
        let stop = StopSpec { position: place(), windows: vec![window], service: Millis(180_000), setup: Millis(0) };
        rig.fact(Event::OrderCreated(Order {
            name: name(&format!("o{id}")),
            work: OrderWork::Job(Job { stop, direction: LoadDirection::Delivery }),
            load: Load([1, 0, 0, 0]),
            skills: Vec::new(),
            priority: 0,
            release: None,
            promised: None,
            placed: Timestamp(0),
        }));
    }
    rig
}

fn main() {
    let Some(path) = std::env::var_os("FLEETFOLD_OSM") else {
        println!("closure: give an OpenStreetMap extract in FLEETFOLD_OSM; nothing measured");
        return;
    };
    let begins = std::env::var("FLEETFOLD_BRIDGE").unwrap_or_else(|_| "Ponte".to_owned());
    let extract = std::fs::read(&path).expect("FLEETFOLD_OSM names a readable file");
    let (streets, _) = osm::build(&extract, osm::Profile::Car, |_| {}).expect("a sound extract");
    let mut rig = fleet_on(&streets);
    let mut bridges: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for street in rig.engine.network().streets() {
        if street.name.starts_with(&begins) {
            bridges.entry(street.name).or_default().insert(street.road);
        }
    }
    // Everything at rest: searched once, indexed.
    rig.search = true;
    rig.now += 1_000;
    rig.input(Input::Tick(Timestamp(rig.now)));
    let served = rig.engine.fleet().vehicles().iter().map(|vehicle| vehicle.route.visits.len()).sum::<usize>();
    println!("{VEHICLES} vehicles, {served} of {ORDERS} stops on routes");
    println!("{:<44} {:>7} {:>9} {:>11} {:>11} {:>9}", "closed", "routes", "helped", "answer", "improved", "over it");
    for (bridge, roads) in bridges {
        let target = RoadTarget::Roads(roads.into_iter().collect());
        let edges: BTreeSet<EdgeId> = rig.engine.network().edges_named(&target).into_iter().collect();
        let over = rig.over(&edges);
        if over.is_empty() {
            continue;
        }
        // Idle until the promises have been looked at a few times: as between two events of a day.
        for _ in 0..40 {
            rig.now += 1_000;
            rig.input(Input::Tick(Timestamp(rig.now)));
        }
        let before = rig.revisions();
        let change = RoadChange {
            change: name(&format!("c{}", rig.seq)),
            target: Some(target),
            time_percent: None,
            from: None,
            until: None,
        };
        rig.search = false;
        let closed = change.clone();
        let answer = timed(|| rig.fact(Event::RoadClosed(closed)));
        let others =
            (0..before.len()).filter(|&id| rig.revisions()[id] != before[id] && !over.contains(&(id as u32))).count();
        let still = rig.over(&edges).len();
        rig.search = true;
        let improved = timed(|| {
            rig.now += 1_000;
            rig.input(Input::Tick(Timestamp(rig.now)));
        });
        let total = answer + improved;
        println!("{bridge:<44} {:>7} {others:>9} {answer:>11.1?} {total:>11.1?} {still:>9}", over.len());
        rig.now += 1_000;
        rig.fact(Event::RoadReopened(RoadChange { target: None, ..change }));
        rig.input(Input::Tick(Timestamp(rig.now)));
    }
}
