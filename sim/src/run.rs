//! Running a scenario or a recorded day through the real engine, with every promise checked.

use std::sync::Arc;

use fleetfold_engine::Engine;
use fleetfold_engine::virtual_time::{Delays, Ended, Seen, World, run};
use fleetfold_fleet::{Broken, Fleet, Tally};
use fleetfold_model::{Eta, Event, LogEntry, Name, Timestamp};
use fleetfold_roads::Network;

use crate::calm::Counted;
use crate::city::city;
use crate::recorded::{Compared, Loop, Recorded};
use crate::report::Report;
use crate::scenario::{Phones, Scenario, Traffic, script};
use crate::world::{Driving, Fact, Pretend};

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// The key figures.
    pub report: Report,
    /// The first promise found broken, and the entry after which it was. A run that would not have ended breaks E2.
    pub broken: Option<(u64, Broken)>,
    /// The log it wrote.
    pub log: Vec<LogEntry>,
    /// What customers were told of when their orders come.
    pub etas: Vec<Eta>,
    /// The engine at the end.
    pub engine: Engine,
}

/// Runs a scenario. `check_every`: promises are checked in full after every so many entries (0: at the end only).
pub fn simulate(scenario: &Scenario, check_every: u64) -> Outcome {
    let city = city(scenario.seed);
    let script = script(scenario, &city);
    let network = Arc::clone(&city.network);
    let facts =
        script.facts.into_iter().enumerate().map(|(index, (at, event))| (at, 1 + index as u64, event)).collect();
    let driving =
        Driving { varied: true, positions: true, reject_share: scenario.incidents.reject_share, tells_of_depots: true };
    let mut world =
        Pretend::new(facts, &script.no_shows, Arc::clone(&network), driving, scenario.phones, scenario.seed)
            .with_traffic(scenario.traffic.clone());
    drive(&mut world, Loop::Closed, network, (script.start, check_every), |_| {})
}

/// Runs a recorded day's own events with simulated drivers in virtual time, whenever and however fast it was recorded.
///
/// Of `facts` (zone time, hash of the event id, event) those count that the world makes by itself: what drivers and dispatchers did
/// on that day is left out, because simulated drivers do it anew. `progress` is called with the number of entries that were written.
pub fn backtest(
    mut facts: Vec<Fact>,
    no_shows: &[Name],
    network: Arc<Network>,
    driving: Driving,
    traffic: &Traffic,
    seed: u64,
    progress: impl FnMut(u64),
) -> Outcome {
    facts.retain(|(_, _, event)| event.is_exogenous());
    let start = at_zone_time(&mut facts);
    let mut world = Pretend::new(facts, no_shows, Arc::clone(&network), driving, Phones::default(), seed)
        .with_traffic(traffic.clone());
    drive(&mut world, Loop::Closed, network, (start, 0), progress)
}

/// Runs a recorded day with the drivers and dispatchers of the recording, who do what they did whatever is planned now: what would have been
/// decided at each moment. `progress` is called with the number of entries that were written.
pub fn backtest_open(mut facts: Vec<Fact>, network: Arc<Network>, progress: impl FnMut(u64)) -> Outcome {
    let start = at_zone_time(&mut facts);
    drive(&mut Recorded::new(facts), Loop::Open, network, (start, 0), progress)
}

/// Puts the facts of a day in order, for a log that is written at zone time. Returns when they begin.
fn at_zone_time(facts: &mut [Fact]) -> Timestamp {
    facts.sort_by_key(|&(at, ..)| at);
    for (_, _, event) in facts.iter_mut() {
        if let Event::ZoneOpened(opened) = event {
            (opened.log_start, opened.rate) = (opened.day_start, 1);
        }
    }
    facts.first().map_or(Timestamp(0), |&(at, ..)| at)
}

/// A world that can say what a run which does not end waits for.
trait Driven: World {
    fn unfinished(&self) -> String;
}

impl Driven for Pretend {
    fn unfinished(&self) -> String {
        Pretend::unfinished(self)
    }
}

impl Driven for Recorded {
    fn unfinished(&self) -> String {
        "all drivers are those of the recording".to_owned()
    }
}

fn drive(
    world: &mut impl Driven,
    driven_by: Loop,
    network: Arc<Network>,
    (start, check_every): (Timestamp, u64),
    mut progress: impl FnMut(u64),
) -> Outcome {
    let mut tally = Tally::default();
    let (mut counted, mut compared) = (Counted::default(), Compared::default());
    let mut log: Vec<LogEntry> = Vec::new();
    let mut etas: Vec<Eta> = Vec::new();
    let mut broken: Option<(u64, Broken)> = None;
    let Ended { engine, stuck } = run(world, network, start, Delays::default(), |engine, seen| {
        if let Seen::Entry(entry, change) = seen {
            tally.observe(entry, change, engine.fleet());
            compared.observe(&entry.event, (engine.fleet(), &change.orders), |vehicle| counted.told(vehicle));
            counted.observe(entry, change, engine.fleet());
            log.push(entry.clone());
            if check_every > 0 && broken.is_none() && entry.seq.0.is_multiple_of(check_every) {
                broken = engine.fleet().check().err().map(|what| (entry.seq.0, what));
            }
            if entry.seq.0.is_multiple_of(64) {
                progress(log.len() as u64);
            }
        }
        if let Seen::Told(eta) = seen {
            etas.push(eta.clone());
        }
    });
    let fleet = engine.fleet();
    if broken.is_none()
        && let Some(stuck) = stuck
    {
        let what = format!("{stuck}; {}", world.unfinished());
        broken = Some((fleet.applied().0, Broken { promise: "E2", what, orders: Vec::new(), vehicles: Vec::new() }));
    }
    if broken.is_none() {
        broken = fleet.check().err().map(|what| (fleet.applied().0, what));
    }
    // F6: folding the log again ends in the same fleet.
    let mut again = Fleet::new();
    for entry in &log {
        again.apply(entry);
    }
    if broken.is_none() && again.digest() != fleet.digest() {
        broken = Some((
            fleet.applied().0,
            Broken {
                promise: "F6",
                what: "folding the log again ends in another fleet".to_owned(),
                orders: Vec::new(),
                vehicles: Vec::new(),
            },
        ));
    }
    tally.arrival_error = engine.arrival_errors().clone();
    let beside = (driven_by == Loop::Open).then_some(compared.beside);
    let report = Report {
        driven_by: Some(driven_by),
        beside,
        calm: Some(counted.calm),
        ..Report::new(&tally, fleet.digest(), fleet.facts_digest())
    };
    Outcome { report, broken, log, etas, engine }
}
