//! The scenarios, one subcommand each.

use std::time::Duration;

use clap::{Parser, Subcommand};
use fleetfold_model::Millis;

use crate::http::{Browsers, ask};
use crate::measure::{Figures, Waits};
use crate::rig::{Programs, now, wall};
use crate::run::{Load, State, Traffic};
use crate::world::{Message, Producer, World};
use crate::{Failure, cluster};

/// Load on a running engine over a real broker, measured from the log.
#[derive(Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    #[command(flatten)]
    programs: Programs,
    #[command(flatten)]
    fleet: Fleet,
    #[command(subcommand)]
    scenario: Scenario,
}

/// The state that a scenario begins with.
#[derive(Clone, Debug, clap::Args)]
struct Fleet {
    /// Vehicles on shift.
    #[arg(long, default_value_t = 1_000, global = true)]
    vehicles: usize,
    /// Open stops; ten for each vehicle if not given (`full`: nine).
    #[arg(long, global = true)]
    stops: Option<u64>,
    /// Travel times are learned before the load begins, and used.
    #[arg(long, global = true)]
    learned: bool,
    /// Immediate answers only.
    #[arg(long, global = true)]
    no_search: bool,
    /// Zone seconds for each second; if not given, so many that the vehicles just serve what comes.
    #[arg(long, global = true)]
    rate: Option<u32>,
    /// Seconds of rest between the making of the state and the load.
    #[arg(long, default_value_t = 3.0, global = true)]
    settle: f64,
    /// Which random world.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct Rates {
    /// Facts a second that ask for an answer: new orders, and cancellations (one in ten). Reports of drivers come beside them.
    #[arg(long, default_value_t = 50.0)]
    changes: f64,
    /// Position reports a second.
    #[arg(long, default_value_t = 1_000.0)]
    positions: f64,
}

impl Rates {
    fn traffic(self) -> Traffic {
        Traffic { changes: self.changes, positions: self.positions, driving: true }
    }
}

#[derive(Clone, Debug, Subcommand)]
enum Scenario {
    /// New orders replace served ones; drivers and phones report.
    Steady {
        #[command(flatten)]
        rates: Rates,
        /// How long, seconds.
        #[arg(long, default_value_t = 60.0)]
        seconds: f64,
    },
    /// Orders that come in one instant.
    Instant {
        /// How many, one burst after the other.
        #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 10_000])]
        orders: Vec<usize>,
    },
    /// Orders into a fleet whose vehicles have no room.
    Full {
        /// Orders a second.
        #[arg(long, default_value_t = 200.0)]
        orders: f64,
        /// How long, seconds.
        #[arg(long, default_value_t = 120.0)]
        seconds: f64,
    },
    /// The engine is stopped (SIGSTOP) under load, and goes on.
    Stopped {
        #[command(flatten)]
        rates: Rates,
        /// How long it is stopped, seconds.
        #[arg(long, default_value_t = 3.0)]
        stop: f64,
    },
    /// Browsers watch the zone under load, against none.
    Browsers {
        #[command(flatten)]
        rates: Rates,
        /// Websockets.
        #[arg(long, default_value_t = 100)]
        sockets: usize,
        /// Pollers of `/v1/state`, a request a second each.
        #[arg(long, default_value_t = 2)]
        pollers: usize,
        /// How long with and without, seconds.
        #[arg(long, default_value_t = 30.0)]
        seconds: f64,
    },
    /// The broker is killed (SIGKILL) under load and started again on the same store.
    Restart {
        #[command(flatten)]
        rates: Rates,
        /// How often.
        #[arg(long, default_value_t = 20)]
        times: usize,
        /// How long it is away, seconds.
        #[arg(long, default_value_t = 0.0)]
        outage: f64,
        /// From one kill to the next, the outage not counted, seconds.
        #[arg(long, default_value_t = 8.0)]
        every: f64,
    },
    /// Many zones on several nodes over a cluster of brokers; a node and a broker are killed (SIGKILL) each minute.
    Cluster {
        #[command(flatten)]
        size: cluster::Size,
    },
    /// A log of so many entries is folded anew, by an engine with nothing of its own: from its first entry, then from a base.
    Refold {
        /// Entries in the log.
        #[arg(long, default_value_t = 1_000_000)]
        entries: u64,
        /// Changes a second while it is made.
        #[arg(long, default_value_t = 450.0)]
        changes: f64,
    },
    /// More and more changes a second until p99 passes a second; then how soon a burst of ten times the usual is over.
    Saturation {
        /// Changes a second of the first step.
        #[arg(long, default_value_t = 100.0)]
        from: f64,
        /// From one step to the next.
        #[arg(long, default_value_t = 1.5)]
        factor: f64,
        /// Length of a step, seconds.
        #[arg(long, default_value_t = 20.0)]
        step: f64,
        /// Changes a second before and after the burst.
        #[arg(long, default_value_t = 50.0)]
        usual: f64,
        /// Length of the burst, seconds.
        #[arg(long, default_value_t = 30.0)]
        burst: f64,
        /// Position reports a second.
        #[arg(long, default_value_t = 1_000.0)]
        positions: f64,
    },
}

/// How long a scenario waits for the last answers.
const PATIENCE: Duration = Duration::from_secs(300);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0))
}

impl Fleet {
    /// The state, with the rate of zone time that fits so many changes a second.
    fn state(&self, changes: f64, stops_each: u64, room: i32) -> State {
        State {
            vehicles: self.vehicles.max(1),
            stops: self.stops.unwrap_or(stops_each * self.vehicles as u64),
            room,
            rate: self.rate.unwrap_or_else(|| State::natural_rate(changes, self.vehicles)),
            learned: self.learned,
            search: !self.no_search,
            settle: seconds(self.settle),
            seed: self.seed,
        }
    }
}

/// So long after they were opened, browsers have their first picture.
const OPENING: Duration = Duration::from_secs(5);
/// Far more than a vehicle is ever given.
const ROOMY: i32 = 1_000;
/// Changes a second, for each vehicle, that set the pace of the zone where a scenario has drivers at most while travel times are learned:
/// 27 zone seconds a second, so that a quarter of an hour of zone time, which is what learning takes, passes in half a minute.
const PACE: f64 = 0.15;

pub(crate) async fn play(args: Args) -> Result<(), Failure> {
    let Args { programs, fleet, scenario } = args;
    match scenario {
        Scenario::Steady { rates, seconds: time } => {
            let mut load = Load::prepare(programs, &fleet.state(rates.changes, 10, ROOMY)).await?;
            let (before, mark) = (load.meter().await, load.mark());
            load.run(rates.traffic(), seconds(time)).await?;
            load.rest(PATIENCE).await?;
            let figures = load.zone.measure.figures(&load.since(mark));
            println!("{}\n{}", Figures::header(), figures.row(&format!("steady {}/s", rates.changes)));
            load.costs(&before, &figures).await;
            load.finish().await
        }
        Scenario::Instant { orders } => {
            let mut load = Load::prepare(programs, &fleet.state(PACE * fleet.vehicles as f64, 10, ROOMY)).await?;
            println!("{}", Figures::header());
            for burst in orders {
                let (before, mark) = (load.meter().await, load.mark());
                load.burst(burst).await?;
                load.rest(PATIENCE).await?;
                let figures = load.zone.measure.figures(&load.since(mark));
                println!("{}", figures.row(&format!("instant {burst}")));
                load.costs(&before, &figures).await;
                load.idle(Duration::from_secs(2)).await?;
            }
            load.finish().await
        }
        Scenario::Full { orders, seconds: time } => {
            let room = fleet.stops.map_or(9, |stops| (stops / fleet.vehicles.max(1) as u64) as i32);
            // Nobody drives: zone time passes as it does in production, so that vehicles do not become late meanwhile.
            let pace = if fleet.learned { PACE * fleet.vehicles as f64 } else { 0.0 };
            let mut load = Load::prepare(programs, &fleet.state(pace, 9, room)).await?;
            let (before, mark) = (load.meter().await, load.mark());
            load.run(Traffic { changes: orders, positions: 0.0, driving: false }, seconds(time)).await?;
            load.rest(PATIENCE).await?;
            let figures = load.zone.measure.figures(&load.since(mark));
            println!("{}\n{}", Figures::header(), figures.row(&format!("full {orders}/s")));
            load.costs(&before, &figures).await;
            load.finish().await
        }
        Scenario::Cluster { size } => Box::pin(cluster::play(programs, size, fleet.seed)).await,
        Scenario::Stopped { rates, stop } => stopped(programs, &fleet, rates, seconds(stop)).await,
        Scenario::Browsers { rates, sockets, pollers, seconds: time } => {
            let mut load = Load::prepare(programs, &fleet.state(rates.changes, 10, ROOMY)).await?;
            let mut quiet = 0;
            for (name, count) in [("without browsers", 0), ("with browsers", sockets)] {
                let (before, mark) = (load.meter().await, load.mark());
                let browsers = (count > 0).then(|| Browsers::open(load.rig.http, sockets, pollers));
                let mut mark = mark;
                if browsers.is_some() {
                    // All of them at once, each with the whole picture: told by itself.
                    load.run(rates.traffic(), OPENING).await?;
                    println!(
                        "{}\n{}",
                        Figures::header(),
                        load.zone.measure.figures(&load.since(mark)).row("browsers are opened")
                    );
                    mark = load.mark();
                }
                load.run(rates.traffic(), seconds(time)).await?;
                let read = browsers.map(|browsers| browsers.read());
                load.rest(PATIENCE).await?;
                let figures = load.zone.measure.figures(&load.since(mark));
                println!("{}\n{}", Figures::header(), figures.row(name));
                load.costs(&before, &figures).await;
                match read {
                    None => quiet = figures.waits.quantile(990),
                    Some((connected, bytes)) => println!(
                        "{connected} of {sockets} websockets open, {pollers} pollers, {:.1} MB read; p99 {:.2} times that without",
                        bytes as f64 / 1e6,
                        figures.waits.quantile(990) as f64 / quiet.max(1) as f64,
                    ),
                }
            }
            load.finish().await
        }
        Scenario::Refold { entries, changes } => {
            let mut load = Load::prepare(programs, &fleet.state(changes, 10, ROOMY)).await?;
            while load.mark() <= entries {
                load.run(Traffic { changes, positions: 0.0, driving: true }, Duration::from_secs(5)).await?;
            }
            load.rest(PATIENCE).await?;
            println!("{} entries, {:.0} MB in the broker's store", load.mark() - 1, load.rig.store_megabytes());
            for what in ["from the first entry", "from a base"] {
                let took = load.rig.refold().await?.as_secs_f64();
                let cost = load.rig.engine_cost();
                println!(
                    "ready {took:.2} s after the start, {what}; engine {:.1} CPU s, peak {:.0} MB",
                    cost.cpu_seconds, cost.peak_megabytes
                );
                // The next start begins with it.
                let begun = now();
                while !load.rig.has_stored_base()? {
                    if begun.elapsed() > PATIENCE {
                        return Err(format!("the engine has stored no base within {PATIENCE:?}").into());
                    }
                    load.idle(Duration::from_millis(100)).await?;
                }
            }
            load.finish().await
        }
        Scenario::Restart { rates, times, outage, every } => {
            restart(programs, &fleet, rates, times, (seconds(outage), seconds(every))).await
        }
        Scenario::Saturation { from, factor, step, usual, burst, positions } => {
            let state = fleet.state(from * 2.0, 10, ROOMY);
            let mut load = Load::prepare(programs, &state).await?;
            let traffic = |changes| Traffic { changes, positions, driving: true };
            println!("{}", Figures::header());
            let mut changes = from;
            loop {
                let mark = load.mark();
                load.run(traffic(changes), seconds(step)).await?;
                let rested = load.rest(PATIENCE).await?;
                let figures = load.zone.measure.figures(&load.since(mark));
                println!("{}", figures.row(&format!("{changes:.0}/s")));
                if figures.waits.quantile(990) > 1_000 || !rested {
                    println!("saturated: p99 passes 1 s at {changes:.0} changes/s");
                    break;
                }
                changes *= factor;
            }
            load.run(traffic(usual), seconds(10.0)).await?;
            let (before, mark) = (load.meter().await, load.mark());
            load.run(traffic(usual * 10.0), seconds(burst)).await?;
            let over = wall();
            load.run(traffic(usual), seconds(30.0)).await?;
            load.rest(PATIENCE).await?;
            let range = load.since(mark);
            let figures = load.zone.measure.figures(&range);
            println!("{}", figures.row(&format!("burst of {:.0}/s", usual * 10.0)));
            let slow = load.zone.measure.answers(&range).into_iter().filter(|(at, answered)| answered - at > 1_000);
            let recovered = slow.map(|(_, answered)| answered - over).max().unwrap_or(0).max(0);
            println!(
                "recovered {:.1} s after the burst: from then on no change waited for more than a second",
                recovered as f64 / 1e3
            );
            load.costs(&before, &figures).await;
            load.finish().await
        }
    }
}

async fn stopped(programs: Programs, fleet: &Fleet, rates: Rates, stop: Duration) -> Result<(), Failure> {
    let mut load = Load::prepare(programs, &fleet.state(rates.changes, 10, ROOMY)).await?;
    load.run(rates.traffic(), seconds(5.0)).await?;
    let mark = load.mark();
    load.rig.pause_engine(true).await?;
    load.run(rates.traffic(), stop).await?;
    let resumed = wall();
    load.rig.pause_engine(false).await?;
    load.run(rates.traffic(), seconds(5.0)).await?;
    load.rest(PATIENCE).await?;
    let range = load.since(mark);
    println!("{}\n{}", Figures::header(), load.zone.measure.figures(&range).row("from the stop on"));
    let during = load.zone.measure.answers(&range).into_iter().filter(|(at, _)| *at < resumed);
    let after = Waits::new(during.map(|(_, answered)| answered - resumed).collect());
    println!(
        "{} changes came while it was stopped; answered after it went on: p50 {} p99 {} last {} ms",
        after.count(),
        after.quantile(500),
        after.quantile(990),
        after.max(),
    );
    load.finish().await
}

async fn restart(
    programs: Programs,
    fleet: &Fleet,
    rates: Rates,
    times: usize,
    (outage, every): (Duration, Duration),
) -> Result<(), Failure> {
    let mut load = Load::prepare(programs, &fleet.state(rates.changes, 10, ROOMY)).await?;
    load.run(rates.traffic(), seconds(3.0)).await?;
    let web = load.second_producer(Producer { source: "/web", orders: "w" });
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let producer = tokio::spawn(over_http(load.rig.http, web, load.zone.world.zone_time(wall()), stopped));
    let mark = load.mark();
    let mut kills = Vec::new();
    for _ in 0..times {
        let killed = wall();
        load.rig.kill_broker().await?;
        load.run(rates.traffic(), outage).await?;
        load.rig.restart_broker().await?;
        kills.push((killed, wall()));
        load.run(rates.traffic(), every).await?;
    }
    let _ = stop.send(true);
    let told = producer.await?;
    load.rest(PATIENCE).await?;
    let range = load.since(mark);
    println!("{}\n{}", Figures::header(), load.zone.measure.figures(&range).row("all restarts"));
    let answers = load.zone.measure.answers(&range);
    let (mut all, mut slowest, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for &(killed, back) in &kills {
        // What came from shortly before the kill until some seconds after the broker was back, and was not answered before.
        let around: Vec<i64> = answers
            .iter()
            .filter(|(at, answered)| *at > killed - 2_000 && *at < back + 4_000 && *answered > killed + 50)
            .map(|&(at, answered)| answered - at.max(back))
            .collect();
        slowest.push(around.iter().copied().max().unwrap_or(0));
        let next =
            answers.iter().filter(|(at, answered)| *at >= back && answered >= at).map(|&(_, answered)| answered - back);
        first.push(next.min().unwrap_or(0));
        all.extend(around);
    }
    let row = |name: &str, waits: Vec<i64>| {
        let waits = Waits::new(waits);
        println!("{name:<58} {:>6} p50 {:>6} p99 {:>6} max", waits.quantile(500), waits.quantile(990), waits.max());
    };
    println!(
        "milliseconds, {} restarts, from the fact or from when the broker's port was open again, whichever is later:",
        kills.len()
    );
    row("changes around a restart", all);
    row("slowest change of each restart", slowest);
    row("first fact after the restart, from the open port to its plan", first);
    println!("over HTTP: {told}");
    load.finish().await
}

/// Ten orders a second over HTTP; each is sent again, with its id, until it is accepted. Says what was answered.
async fn over_http(
    port: u16,
    mut world: World,
    begun: fleetfold_model::Timestamp,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> String {
    let (mut accepted, mut duplicates, mut refused, mut without_advice, mut unclear, mut longest) = (0, 0, 0, 0, 0, 0);
    let started = now();
    while !*stopped.borrow() {
        let zone_time = begun + Millis(started.elapsed().as_millis() as i64);
        let (_, Message { body, .. }) = world.order(zone_time);
        let body = String::from_utf8_lossy(&body).into_owned();
        loop {
            let asked = now();
            let answer = ask(port, "POST /v1/events", &body).await;
            longest = longest.max(asked.elapsed().as_millis());
            match answer {
                Ok(answer) if answer.status == 202 => {
                    accepted += 1;
                    duplicates += u64::from(answer.body.contains("\"duplicates\":1"));
                    break;
                }
                Ok(answer) if answer.status == 503 => {
                    refused += 1;
                    without_advice += u64::from(!answer.head.to_ascii_lowercase().contains("retry-after:"));
                    unclear += u64::from(answer.body.contains("nobody knows"));
                }
                Ok(_) | Err(_) => unclear += 1,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    format!(
        "{accepted} accepted ({duplicates} of them were there already), {refused} refused with 503 ({without_advice} without Retry-After), \
         {unclear} where nobody knows, longest answer {longest} ms"
    )
}
