//! How long does a quote take? `cargo bench -p fleetfold-benches --bench quotes [-- VEHICLES STOPS QUOTES SLOTS]`
//!
//! A fleet (default 1,000 vehicles) with open stops (default 10,000) on a square of 20 km. Then orders that nobody has placed are quoted
//! (default 1,000), each in several slots (default 5) of two hours, half of them with the limit that nobody becomes late, and 24 vehicles
//! are asked about each. Printed is the distribution of the time from the question to the answer, the copy of the fleet included, and by
//! how much the engine's own answer to the same order then differs. `FLEETFOLD_CITY=1`: the streets of the generated city instead of
//! straight lines. `FLEETFOLD_FULL=1`: vehicles have room for what they have and no more. `FLEETFOLD_HOURS=1`: every hour has travel
//! times of its own. `FLEETFOLD_SHIPMENTS=1`: shipments are quoted instead of jobs. Beside the time on the wall stands what the thread
//! had of a processor (Linux), which other programs on a busy machine do not change much.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fleetfold_benches::{by_the_hour, entry, job, van, zone_opened};
use fleetfold_engine::reasons::{Limits, Offer, Slot, quote};
use fleetfold_engine::{Effect, Engine, Input};
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{
    Event, LogSeq, Millis, NetworkSpec, Order, OrderWork, Policy, Position, Shipment, Space, StopSpec, Timestamp,
};
use fleetfold_roads::Network;
use fleetfold_sim::{Seeded, city};

struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
}

impl Rig {
    /// Hands a fact over, and all that comes of it.
    fn fact(&mut self, event: Event) {
        self.seq += 1;
        let mut inbox = VecDeque::from([entry(self.seq, Timestamp(self.now), event)]);
        let mut effects = Vec::new();
        while let Some(input) = inbox.pop_front() {
            self.engine.handle(input, &mut effects);
            for effect in std::mem::take(&mut effects) {
                if let Effect::Append { event, .. } = effect {
                    self.seq += 1;
                    inbox.push_back(Input::Commit(Outcome::Stored(LogSeq(self.seq))));
                    inbox.push_back(entry(self.seq, Timestamp(self.now), Arc::unwrap_or_clone(event)));
                }
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn main() {
    let arguments: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let argument = |index: usize, default: usize| arguments.get(index).copied().unwrap_or(default);
    let vehicles = argument(0, 1_000);
    let (stops, count, slots) = (argument(1, 10 * vehicles), argument(2, 1_000), argument(3, 5));
    let set = |variable: &str| std::env::var(variable).is_ok_and(|value| value == "1");
    let (streets, full, hours) = (set("FLEETFOLD_CITY"), set("FLEETFOLD_FULL"), set("FLEETFOLD_HOURS"));
    let shipments = set("FLEETFOLD_SHIPMENTS");
    let mut random = Seeded::new(7, "quotes");
    let city = streets.then(|| city(7));
    let space = if streets { Space::Geographic } else { Space::Planar };
    let line = NetworkSpec::Line { space, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 };
    let straight = || Arc::new(Network::new(&line).expect("a legal network"));
    let network = city.as_ref().map_or_else(straight, |city| Arc::clone(&city.network));
    let mut spot = || match &city {
        Some(city) => city.homes[random.below(city.homes.len() as u64) as usize],
        None => Position { x: random.below(20_000_000) as i32, y: random.below(20_000_000) as i32 },
    };
    let mut rig = Rig { engine: Engine::new(Fleet::new(), network), seq: 0, now: 8 * 3_600_000 };
    rig.engine.handle(Input::Commit(Outcome::Granted(1)), &mut Vec::new());
    let mut policy = Policy { search_rounds: 0, learn: false, ..Policy::default() };
    if hours {
        by_the_hour(&mut policy);
    }
    rig.fact(zone_opened(space, policy));
    let room = if full { stops.div_ceil(vehicles) as i32 } else { 1_000 };
    for number in 0..vehicles {
        for event in van(number, spot(), room) {
            rig.fact(event);
        }
    }
    for number in 0..stops {
        let order = job(number, spot(), Timestamp(rig.now));
        rig.fact(Event::OrderCreated(order));
    }
    let open = rig.engine.fleet().on_route_count();
    println!(
        "{vehicles} vehicles, {open} open stops on routes{}{}{}; {count} quotes of {slots} slots",
        if streets { ", streets" } else { "" },
        if full { ", full" } else { "" },
        if hours { ", by the hour" } else { "" },
    );
    let (mut took, mut worked): (Vec<Duration>, Vec<Duration>) = (Vec::new(), Vec::new());
    let (mut accepted, mut compared, mut same, mut cheaper, mut dearer) = (0, 0, 0, 0, 0);
    for number in 0..count {
        let asked = quoted_order(stops + number, &mut spot, rig.now, shipments);
        let slots: Vec<Slot> = (0..slots as i64)
            .map(|slot| {
                let opens = Timestamp(rig.now) + Millis(slot * 7_200_000);
                Slot::new(opens, opens + Millis(7_200_000)).expect("a legal slot")
            })
            .collect();
        let limits = Limits { nobody_late: number % 2 == 0, ..Limits::default() };
        let (begun, before) = (Instant::now(), processor_time());
        let copy = rig.engine.fleet().clone_without_index();
        let quoted = quote((&copy, rig.engine.outlook(), rig.engine.now()), &asked, &slots, (&limits, 24));
        took.push(begun.elapsed());
        worked.extend(processor_time().zip(before).map(|(after, before)| after.saturating_sub(before)));
        let quoted = quoted.expect("the fold takes it");
        for slot in &quoted {
            let best = slot.offers.first();
            accepted += u64::from(matches!(best, Some((_, Offer::Possible(possible))) if limits.keep(possible)));
        }
        // Every tenth is placed in its first slot, to see whether the engine finds what was quoted.
        if number % 10 == 0
            && let Some((vehicle, Offer::Possible(possible))) = quoted[0].offers.first()
        {
            let mut placed = asked.clone();
            match &mut placed.work {
                OrderWork::Job(job) => job.stop.windows = vec![slots[0]],
                OrderWork::Shipment(shipment) => shipment.delivery.windows = vec![slots[0]],
            }
            let name = placed.name.clone();
            rig.fact(Event::OrderCreated(placed));
            let fleet = rig.engine.fleet();
            let id = fleet.order_id(name.as_str()).expect("it is known");
            let on =
                fleet.vehicles().ids().find(|&on| fleet.vehicle(on).route.visits.iter().any(|visit| visit.order == id));
            compared += 1;
            let cost = on.map(|on| {
                let offers = quoted[0].offers.iter().find(|(other, _)| *other == on);
                offers.map_or(i64::MAX, |(_, offer)| match offer {
                    Offer::Possible(possible) => possible.extra.total().0,
                    Offer::Missed(_) => i64::MAX,
                })
            });
            match cost {
                Some(_) if on == Some(*vehicle) => same += 1,
                Some(cost) if cost < possible.extra.total().0 => cheaper += 1,
                Some(_) | None => dearer += 1,
            }
            rig.fact(Event::OrderCancelled { order: name });
        }
    }
    println!("{:>10} {:>10} {:>10} {:>10} {:>10} {:>10}", "", "p50", "p90", "p99", "p99.9", "max");
    for (what, mut spans) in [("wall", took), ("processor", worked)] {
        spans.sort_unstable();
        let at =
            |permille: usize| spans.get(spans.len() * permille / 1000).or(spans.last()).copied().unwrap_or_default();
        let row = [at(500), at(900), at(990), at(999), at(1000)];
        println!("{what:>10} {}", row.map(|span| format!("{span:>10.2?}")).join(" "));
    }
    println!("{accepted} of {} slots accepted", count * slots);
    println!(
        "of {compared} that were placed, the engine took the quoted vehicle {same} times, a cheaper one {cheaper}, a dearer one {dearer}"
    );
}

/// An order that nobody has placed.
fn quoted_order(number: usize, spot: &mut impl FnMut() -> Position, now: i64, shipment: bool) -> Order {
    let order = job(number, spot(), Timestamp(now));
    if !shipment {
        return order;
    }
    let OrderWork::Job(job) = order.work.clone() else { return order };
    let pickup = StopSpec { position: spot(), windows: Vec::new(), ..job.stop.clone() };
    Order { work: OrderWork::Shipment(Shipment { pickup, delivery: job.stop }), ..order }
}

/// What this thread has had of a processor; `None` where the system does not say.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
