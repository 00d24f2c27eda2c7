//! A run: the state is made, load is applied, the log is read meanwhile.

use std::ops::Range;
use std::time::Duration;

use fleetfold_journal::ZoneName;

use crate::Failure;
use crate::link::{self, Link, News};
use crate::measure::Figures;
use crate::reader::Kind;
use crate::rig::{Cost, Programs, Rig, cost, metric, now, wall};
use crate::world::{CYCLE_SECONDS, Message, Places, Producer, World};
use crate::zone::{CANCELLED_OF, Zone};

/// Orders that may wait for an answer while the state is made.
const FILL: u64 = 128;
/// The state that a scenario begins with.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) vehicles: usize,
    pub(crate) stops: u64,
    /// Orders that fit into a vehicle.
    pub(crate) room: i32,
    /// Zone seconds for each second.
    pub(crate) rate: u32,
    /// Travel times are learned before the run, and used.
    pub(crate) learned: bool,
    pub(crate) search: bool,
    /// Rest before the load begins.
    pub(crate) settle: Duration,
    pub(crate) seed: u64,
}

impl State {
    /// The changes a second that so many vehicles serve at this rate of zone time.
    pub(crate) fn natural_changes(&self) -> f64 {
        let served = f64::from(self.rate) * self.vehicles as f64 / CYCLE_SECONDS;
        served * CANCELLED_OF as f64 / (CANCELLED_OF - 1) as f64
    }

    /// The rate of zone time at which so many vehicles serve what comes with so many changes a second.
    pub(crate) fn natural_rate(changes: f64, vehicles: usize) -> u32 {
        let served = changes * (CANCELLED_OF - 1) as f64 / CANCELLED_OF as f64;
        (served * CYCLE_SECONDS / vehicles.max(1) as f64).ceil().max(1.0) as u32
    }
}

/// What comes each second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Facts that ask for an answer: new orders and cancellations.
    pub(crate) changes: f64,
    pub(crate) positions: f64,
    /// Drivers report, and every order that is served makes room for another.
    pub(crate) driving: bool,
}

/// What processes had cost when it was taken.
pub(crate) struct Meter {
    engine: Cost,
    broker: Cost,
    own: Cost,
    metrics: String,
}

/// A rig under load, with one zone.
pub(crate) struct Load {
    pub(crate) rig: Rig,
    pub(crate) zone: Zone,
    link: Link,
    learned: bool,
    learn: bool,
    log_start: i64,
    rate: u32,
    places: Places,
    next_phone: usize,
}

impl Load {
    /// Starts the processes, opens the zone, and makes the state: vehicles on shift, open stops on their routes.
    pub(crate) async fn prepare(programs: Programs, state: &State) -> Result<Self, Failure> {
        let zone = ZoneName::new("load", "city").ok_or("a legal zone")?;
        let places = Places::of(programs.graph.as_deref(), state.vehicles)?;
        let rig = Rig::start(programs, zone.clone()).await?;
        let client = link::connect(&rig.url()).await?;
        let link = Link::new(client, zone.filter(), format!("{}assignment.*", zone.prefix())).await?;
        let log_start = wall();
        let ours = Producer { source: "/load", orders: "o" };
        let world = World::new(zone, log_start, state.rate, ours, state.seed).at(places.clone());
        let mut load = Self {
            rig,
            zone: Zone::new(world, state.stops),
            link,
            learned: false,
            learn: state.learned,
            log_start,
            rate: state.rate,
            places,
            next_phone: 0,
        };
        load.fill(state).await?;
        Ok(load)
    }

    async fn fill(&mut self, state: &State) -> Result<(), Failure> {
        let begun = now();
        let opened = self.zone.world.opened(false, state.learned);
        self.link.outbox.send(opened).await?;
        for number in 0..state.vehicles {
            for message in self.zone.vehicle(number, state.room) {
                self.link.outbox.send(message).await?;
            }
        }
        self.rest(Duration::from_secs(60)).await?;
        let mut left = state.stops;
        while left > 0 {
            let room = FILL.saturating_sub(self.zone.measure.waiting() + self.link.outbox.len());
            for _ in 0..room.min(left) {
                self.create().await?;
                left -= 1;
            }
            self.turn().await?;
        }
        self.rest(Duration::from_secs(120)).await?;
        if state.search {
            let policy = self.zone.world.policy(true, state.learned, self.zone.world.zone_time(wall()));
            self.link.outbox.send(policy).await?;
        }
        println!(
            "state: {} vehicles, {} open stops, {} zone seconds a second, search {}, made in {:.1} s",
            state.vehicles,
            state.stops,
            state.rate,
            if state.search { "on" } else { "off" },
            begun.elapsed().as_secs_f64(),
        );
        if state.learned {
            let begun = now();
            let traffic = Traffic { changes: state.natural_changes(), positions: 0.0, driving: true };
            while !self.learned {
                if begun.elapsed() > Duration::from_secs(600) {
                    return Err("nothing was learned within 10 minutes".into());
                }
                self.run(traffic, Duration::from_secs(1)).await?;
            }
            self.rest(Duration::from_secs(120)).await?;
            println!(
                "travel times learned after {:.1} s of {:.0} changes/s",
                begun.elapsed().as_secs_f64(),
                traffic.changes
            );
        }
        self.idle(state.settle).await
    }

    /// A producer beside this one, with ids of its own.
    pub(crate) fn second_producer(&self, producer: Producer) -> World {
        World::new(self.zone.world.zone.clone(), self.log_start, self.rate, producer, 2).at(self.places.clone())
    }

    /// Applies load for a time. Returns the range of sequences from its first fact on; call [`Load::rest`] before reading figures.
    pub(crate) async fn run(&mut self, traffic: Traffic, time: Duration) -> Result<(), Failure> {
        let begun = now();
        let (mut changes, mut positions) = (0u64, 0u64);
        while begun.elapsed() < time {
            let elapsed = begun.elapsed().as_secs_f64();
            while (changes as f64) < elapsed * traffic.changes {
                changes += 1;
                if traffic.driving && changes.is_multiple_of(CANCELLED_OF) {
                    self.cancel().await?;
                } else {
                    self.create().await?;
                }
            }
            while (positions as f64) < elapsed * traffic.positions {
                positions += 1;
                let zone_time = self.zone.world.zone_time(wall());
                self.next_phone = (self.next_phone + 1) % self.zone.drivers.len();
                let (vehicle, position) = self.zone.drivers.position(self.next_phone, zone_time);
                let message = self.zone.world.position(vehicle, position, zone_time);
                self.link.outbox.send_once(message).await?;
            }
            if traffic.driving {
                self.drive().await?;
            }
            self.turn().await?;
        }
        Ok(())
    }

    /// Publishes so many orders in one instant. They are encoded before.
    pub(crate) async fn burst(&mut self, orders: usize) -> Result<(), Failure> {
        let messages: Vec<Message> = (0..orders).map(|_| self.zone.order()).collect();
        for message in messages {
            self.link.outbox.send(message).await?;
        }
        Ok(())
    }

    /// Nothing comes for a time.
    pub(crate) async fn idle(&mut self, time: Duration) -> Result<(), Failure> {
        let begun = now();
        while begun.elapsed() < time {
            self.turn().await?;
        }
        Ok(())
    }

    /// Waits until everything is in the log and every order is answered. False when that takes longer than `limit`.
    pub(crate) async fn rest(&mut self, limit: Duration) -> Result<bool, Failure> {
        let begun = now();
        while begun.elapsed() < limit {
            self.turn().await?;
            if self.link.outbox.is_empty() && self.zone.is_answered() {
                return Ok(true);
            }
        }
        println!("after {} s {} orders have no answer", limit.as_secs(), self.zone.measure.waiting());
        Ok(false)
    }

    /// The sequence from which on the entries of what comes next stand.
    pub(crate) fn mark(&self) -> u64 {
        self.zone.measure.last() + 1
    }

    /// What was read from a mark until now.
    pub(crate) fn since(&self, mark: u64) -> Range<u64> {
        mark..self.mark()
    }

    async fn create(&mut self) -> Result<(), Failure> {
        let order = self.zone.order();
        self.link.outbox.send(order).await
    }

    async fn cancel(&mut self) -> Result<(), Failure> {
        match self.zone.cancellation() {
            Some(cancellation) => self.link.outbox.send(cancellation).await,
            None => Ok(()),
        }
    }

    async fn drive(&mut self) -> Result<(), Failure> {
        for report in self.zone.reports() {
            self.link.outbox.send(report).await?;
        }
        Ok(())
    }

    /// Takes what has come, or sleeps for a moment.
    async fn turn(&mut self) -> Result<(), Failure> {
        for news in self.link.turn().await? {
            match news {
                News::Entry(entry) => {
                    self.learned |= self.learn && matches!(entry.what, Kind::Learned);
                    self.zone.take(&entry);
                }
                News::Told(message) => self.zone.told(&message.payload),
            }
        }
        Ok(())
    }

    /// What the processes have cost until now.
    pub(crate) async fn meter(&self) -> Meter {
        Meter {
            engine: self.rig.engine_cost(),
            broker: self.rig.broker_cost(),
            own: cost(std::process::id()),
            metrics: self.rig.metrics().await,
        }
    }

    /// Says what the processes cost since `before`, and what the engine's own figures say of its searches.
    pub(crate) async fn costs(&self, before: &Meter, figures: &Figures) {
        let after = self.meter().await;
        let spent = |before: Cost, after: Cost| after.cpu_seconds - before.cpu_seconds;
        let engine = spent(before.engine, after.engine);
        println!(
            "engine {engine:.1} CPU s ({:.2} ms a fact), peak {:.0} MB; broker {:.1} CPU s; load {:.1} CPU s, {} facts sent again; \
             the machine's load average is {}",
            engine * 1000.0 / figures.facts.max(1) as f64,
            after.engine.peak_megabytes,
            spent(before.broker, after.broker),
            spent(before.own, after.own),
            self.link.outbox.repeats,
            std::fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default(),
        );
        let grew = |name: &str| {
            let name = format!("fleetfold_{name}");
            metric(&after.metrics, &name) - metric(&before.metrics, &name)
        };
        let (proposed, stale) = (grew("groups_proposed_total"), grew("groups_stale_total"));
        println!(
            "searches: {} rounds, {proposed} groups proposed, {stale} stale ({:.0} %)",
            grew("search_rounds_total"),
            100.0 * stale / (proposed + stale).max(1.0),
        );
    }

    /// Compares the whole log with `fleetfold audit`, and stops everything.
    pub(crate) async fn finish(mut self) -> Result<(), Failure> {
        self.idle(Duration::from_millis(500)).await?;
        let audit = self.rig.audit().await?;
        let waits = self.zone.measure.figures(&(0..u64::MAX)).waits;
        let seconds = |name: &str| audit[name].as_f64().unwrap_or(-1.0);
        let ours = [waits.quantile(500), waits.quantile(990), waits.max()].map(|wait| wait as f64 / 1000.0);
        let theirs = ["answer_seconds_p50", "answer_seconds_p99", "answer_seconds_max"].map(seconds);
        // The audit rounds to seven binary digits when it has seen many different waits.
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= 0.0011 + ours / 64.0;
        let answered = audit["answered"].as_u64().unwrap_or(0);
        let agree =
            answered == waits.count() as u64 && ours.iter().zip(&theirs).all(|(&ours, &theirs)| near(ours, theirs));
        println!(
            "audit of the whole log: {} ({answered} answers, p50 {} p99 {} max {} s; here {} answers, {} {} {} s); unanswered {}, gaps {}, \
             over 10 s {}, refused facts {}",
            if agree { "agrees" } else { "DIFFERS" },
            theirs[0],
            theirs[1],
            theirs[2],
            waits.count(),
            ours[0],
            ours[1],
            ours[2],
            audit["unanswered"].as_array().map_or(0, Vec::len),
            audit["chain_gaps"].as_array().map_or(0, Vec::len),
            audit["answers_over_10_seconds"],
            audit["refused"],
        );
        self.rig.stop().await;
        Ok(())
    }
}
