//! How soon is a burst of orders answered? `cargo bench -p fleetfold-benches --bench burst [-- VEHICLES STOPS BURST...]`
//!
//! A fleet (default 1,000 vehicles) with open stops (default 10,000) on a square of 20 km; then orders come in one instant, in
//! bursts of several sizes. The engine's thread alone is measured: plans come straight back from the log. Printed for each size of burst: when the last order
//! was answered, the median, the longest single call of `handle` (how long a message that comes meanwhile waits), plans, and how
//! many orders found no place. `FLEETFOLD_HOURS=1`: every hour has travel times of its own. `FLEETFOLD_CITY=1`: the streets of the
//! generated city instead of straight lines. `FLEETFOLD_GLOBE=1`: straight lines on the sphere instead of a plane. `FLEETFOLD_FULL=1`:
//! vehicles have room for what they have and no more.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleetfold_benches::{by_the_hour, entry, job, van, zone_opened};
use fleetfold_engine::{Effect, Engine, Input};
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogSeq, NetworkSpec, Policy, Position, Space, Timestamp};
use fleetfold_roads::Network;
use fleetfold_sim::{Seeded, city};

const BURSTS: [usize; 7] = [1, 16, 64, 256, 1_000, 2_000, 10_000];

struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
    inbox: VecDeque<Input>,
    effects: Vec<Effect>,
    /// When each unanswered fact was handed over.
    asked: BTreeMap<LogSeq, Instant>,
    waits: Vec<Duration>,
    longest: Duration,
    plans: usize,
}

impl Rig {
    fn entry(&mut self, event: Event) -> Input {
        self.seq += 1;
        entry(self.seq, Timestamp(self.now), event)
    }

    fn fact(&mut self, event: Event) {
        let entry = self.entry(event);
        self.inbox.push_back(entry);
    }

    /// Hands the inbox over, and all that comes of it.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn run(&mut self) {
        while let Some(input) = self.inbox.pop_front() {
            let begun = Instant::now();
            self.engine.handle(input, &mut self.effects);
            self.longest = self.longest.max(begun.elapsed());
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Append { event, .. } => {
                        self.plans += 1;
                        let entry = self.entry(Arc::unwrap_or_clone(event));
                        self.inbox.push_back(Input::Commit(Outcome::Stored(LogSeq(self.seq))));
                        self.inbox.push_back(entry);
                    }
                    Effect::Folded { change, .. } => {
                        for (seq, _) in &change.answered {
                            if let Some(asked) = self.asked.remove(seq) {
                                self.waits.push(asked.elapsed());
                            }
                        }
                    }
                    Effect::FetchLegs(_)
                    | Effect::Rerouted(_)
                    | Effect::Solve(_)
                    | Effect::AppendOwn(_)
                    | Effect::Publish(_)
                    | Effect::Tell(_)
                    | Effect::ReadLastPlan
                    | Effect::Note(_) => {}
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn main() {
    let arguments: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let vehicles = arguments.first().copied().unwrap_or(1_000);
    let stops = arguments.get(1).copied().unwrap_or(10 * vehicles);
    let set = |variable: &str| std::env::var(variable).is_ok_and(|value| value == "1");
    let (hours, streets, full) = (set("FLEETFOLD_HOURS"), set("FLEETFOLD_CITY"), set("FLEETFOLD_FULL"));
    let globe = streets || set("FLEETFOLD_GLOBE");
    let mut random = Seeded::new(7, "burst");
    let city = streets.then(|| city(7));
    let space = if globe { Space::Geographic } else { Space::Planar };
    let line = NetworkSpec::Line { space, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 };
    let straight = || Arc::new(Network::new(&line).expect("a legal network"));
    let network = city.as_ref().map_or_else(straight, |city| Arc::clone(&city.network));
    let mut spot = || match &city {
        Some(city) => city.homes[random.below(city.homes.len() as u64) as usize],
        // 20 km of a degree of latitude, and as much of one of longitude at 41 degrees.
        None if globe => Position {
            x: -86_000_000 + random.below(2_390_000) as i32,
            y: 411_000_000 + random.below(1_800_000) as i32,
        },
        None => Position { x: random.below(20_000_000) as i32, y: random.below(20_000_000) as i32 },
    };
    let mut rig = Rig {
        engine: Engine::new(Fleet::new(), network),
        seq: 0,
        now: 8 * 3_600_000,
        inbox: VecDeque::from([Input::Commit(Outcome::Granted(1))]),
        effects: Vec::new(),
        asked: BTreeMap::new(),
        waits: Vec::new(),
        longest: Duration::ZERO,
        plans: 0,
    };
    let mut policy = Policy { search_rounds: 0, learn: false, ..Policy::default() };
    if hours {
        by_the_hour(&mut policy);
    }
    rig.fact(zone_opened(space, policy));
    // A stop is a load of one; a full fleet has room for what is open and nothing else.
    let room = if full { stops.div_ceil(vehicles) as i32 } else { 1_000 };
    for number in 0..vehicles {
        for event in van(number, spot(), room) {
            rig.fact(event);
        }
    }
    let mut orders = 0;
    let mut order = |now: i64| {
        orders += 1;
        job(orders, spot(), Timestamp(now))
    };
    rig.run();
    let begun = Instant::now();
    for _ in 0..stops {
        let order = order(rig.now);
        rig.fact(Event::OrderCreated(order));
        rig.run();
    }
    let each = begun.elapsed() / stops.max(1) as u32;
    println!(
        "{vehicles} vehicles, {stops} open stops{}{}{}; one by one {each:.1?} an order (mean of all)",
        if hours { ", by the hour" } else { "" },
        if streets {
            ", streets"
        } else if globe {
            ", on the sphere"
        } else {
            ""
        },
        if full { ", full" } else { "" },
    );
    println!("{:>8} {:>12} {:>12} {:>12} {:>8} {:>10}", "orders", "last", "median", "one call", "plans", "unassigned");
    let bursts = if arguments.len() > 2 { &arguments[2..] } else { &BURSTS };
    for &burst in bursts {
        let before: Vec<_> = rig.engine.fleet().unassigned_orders().collect();
        (rig.longest, rig.plans) = (Duration::ZERO, 0);
        rig.waits.clear();
        rig.now += 1_000;
        let first = rig.seq;
        let mut names = Vec::with_capacity(burst);
        for _ in 0..burst {
            let order = order(rig.now);
            names.push(order.name.clone());
            rig.fact(Event::OrderCreated(order));
        }
        let begun = Instant::now();
        rig.asked = (first + 1..=rig.seq).map(|seq| (LogSeq(seq), begun)).collect();
        rig.run();
        assert!(rig.asked.is_empty(), "every order is answered");
        rig.waits.sort_unstable();
        let (last, median) = (rig.waits[burst - 1], rig.waits[burst / 2]);
        let unassigned = rig.engine.fleet().unassigned_orders().count() - before.len();
        println!("{burst:>8} {last:>12.1?} {median:>12.1?} {:>12.1?} {:>8} {unassigned:>10}", rig.longest, rig.plans);
        // What the burst brought is taken back, so that the next one meets the same fleet.
        for name in names {
            rig.fact(Event::OrderCancelled { order: name });
            rig.run();
        }
    }
}
