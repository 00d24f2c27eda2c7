//! How good does the plan stay under load, and how good does it become at rest?
//! `cargo bench -p fleetfold-benches --bench rest [-- VEHICLES STOPS CHANGES_PER_SECOND SECONDS REST_SECONDS SOLVER_SECONDS]`
//!
//! A fleet (default 300 vehicles) with open stops (default 3,000) on a square of which it fills as much as 1,000 vehicles fill of
//! 20 km. Time is made up: an answer comes back at once, and a search takes as long as it takes on this machine, while orders come,
//! some are cancelled, and drivers do as they are told. Then nothing comes any more. Printed: how many groups of searches stood
//! when they came back, how many orders changed vehicle, and the cost of the plan against what three seconds of the solver on the
//! whole fleet make of it (which needs more time to begin with 10,000 stops).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fleetfold_benches::{entry, job, van, zone_opened};
use fleetfold_engine::{Draft, Effect, Engine, Input, Note, Outlook, SolveReport, run};
use fleetfold_fleet::Fleet;
use fleetfold_journal::Outcome;
use fleetfold_model::{Event, LogSeq, NetworkSpec, Policy, Position, Space, StopEvent, Timestamp, VehicleId};
use fleetfold_roads::Network;
use fleetfold_sim::Seeded;
use fleetfold_solver::{SearchLimits, TourIx, price, solve};

#[derive(Default)]
struct Counts {
    searches: usize,
    search_time: Duration,
    found: usize,
    stale: usize,
    accepted: usize,
    refused: usize,
    moved: usize,
}

struct Rig {
    engine: Engine,
    seq: u64,
    now: i64,
    inbox: VecDeque<Input>,
    effects: Vec<Effect>,
    /// A search that has ended on this machine, and when it ends in the time of the bench.
    report: Option<(i64, SolveReport)>,
    outlook: Option<Outlook>,
    counts: Counts,
}

impl Rig {
    fn entry(&mut self, event: Event) -> Input {
        self.seq += 1;
        entry(self.seq, Timestamp(self.now), event)
    }

    fn fact(&mut self, event: Event) {
        let entry = self.entry(event);
        self.inbox.push_back(entry);
        self.run();
    }

    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn run(&mut self) {
        while let Some(input) = self.inbox.pop_front() {
            self.engine.handle(input, &mut self.effects);
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Append { event, .. } => {
                        let entry = self.entry(Arc::unwrap_or_clone(event));
                        self.inbox.push_back(Input::Commit(Outcome::Stored(LogSeq(self.seq))));
                        self.inbox.push_back(entry);
                    }
                    Effect::Folded { entry, change } => {
                        if let (Event::PlanProposed(plan), Some(chain)) = (&entry.event, &change.plan)
                            && plan.search.rounds > 0
                        {
                            let accepted = chain.accepted.iter().filter(|&&accepted| accepted).count();
                            self.counts.accepted += accepted;
                            self.counts.refused += chain.accepted.len() - accepted;
                            let choices = plan.groups.iter().flat_map(|group| &group.choices);
                            self.counts.moved += choices
                                .filter(|choice| choice.vehicle.is_some() && choice.vehicle != choice.previous)
                                .count();
                        }
                    }
                    Effect::Solve(job) => {
                        self.outlook = Some(job.outlook.clone());
                        let begun = Instant::now();
                        let report = run(job, &AtomicBool::new(false));
                        let took = begun.elapsed();
                        self.counts.searches += 1;
                        self.counts.search_time += took;
                        self.report = Some((self.now + 1 + took.as_millis() as i64, report));
                    }
                    Effect::Note(Note::Searched { proposed, stale, .. }) => {
                        self.counts.found += proposed;
                        self.counts.stale += stale;
                    }
                    Effect::FetchLegs(_)
                    | Effect::Rerouted(_)
                    | Effect::AppendOwn(_)
                    | Effect::Publish(_)
                    | Effect::Tell(_)
                    | Effect::ReadLastPlan
                    | Effect::Note(_) => {}
                }
            }
        }
    }

    /// Lets time pass until `until`: ticks, and searches that end.
    fn pass(&mut self, until: i64) {
        loop {
            let tick = self.engine.next_tick().map_or(i64::MAX, |at| at.0.max(self.now + 1));
            let solved = self.report.as_ref().map_or(i64::MAX, |(at, _)| *at);
            let next = tick.min(solved);
            if next > until {
                self.now = until;
                return;
            }
            self.now = self.now.max(next);
            match self.report.take_if(|(at, _)| *at <= next) {
                Some((_, report)) => self.inbox.push_back(Input::Solved(report)),
                None => self.inbox.push_back(Input::Tick(Timestamp(self.now))),
            }
            self.run();
        }
    }

    /// Drivers do what is due.
    fn drive(&mut self) {
        for id in 0..self.engine.fleet().vehicles().len() as u32 {
            for _ in 0..3 {
                let state = self.engine.fleet().vehicle(VehicleId(id));
                let Some(visit) = state.route.visits.first() else { break };
                let under = state.under_way.filter(|under| (under.order, under.stop) == (visit.order, visit.stop));
                let report = |at: Timestamp| StopEvent {
                    vehicle: state.name.clone(),
                    order: self.engine.fleet().order(visit.order).name.clone(),
                    stop: visit.stop,
                    at,
                    position: None,
                };
                let now = Timestamp(self.now);
                let event = match under {
                    None if visit.depart_at <= now => Event::StopDeparted(report(now)),
                    Some(under) if under.arrived.is_none() && visit.arrival <= now => Event::StopArrived(report(now)),
                    Some(under) if under.arrived.is_some() && visit.departure <= now => {
                        Event::StopCompleted(report(now))
                    }
                    None | Some(_) => break,
                };
                self.fact(event);
            }
        }
    }

    /// Cost of the plan as it stands, and what that many seconds of the solver make of it, in millionths.
    #[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
    fn compared(&self, seconds: u64) -> (i64, i64) {
        let fleet = self.engine.fleet();
        let outlook = self.outlook.as_ref().expect("a search has run");
        let all: Vec<VehicleId> = (0..fleet.vehicles().len() as u32).map(VehicleId).collect();
        let unassigned: Vec<_> = fleet.unassigned_orders().collect();
        let draft = Draft::new(fleet, outlook, &all, &unassigned, Timestamp(self.now));
        let problem = draft.finish(outlook);
        let stop = Arc::new(AtomicBool::new(false));
        let (ends, begun) = (Arc::clone(&stop), Instant::now());
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            ends.store(true, Ordering::Relaxed);
        });
        let limits = SearchLimits { rounds: u32::MAX, warm: true, ..SearchLimits::default() };
        let solution = solve(&problem, &limits, &stop);
        let sum = |tours: &[Vec<_>]| -> i64 {
            tours.iter().enumerate().filter_map(|(tour, stops)| price(&problem, TourIx(tour as u32), stops)).sum()
        };
        println!("  (solver: {:.1?}, {} rounds, {} unassigned)", begun.elapsed(), solution.rounds, unassigned.len());
        (sum(problem.initial()), sum(&solution.tours))
    }

    fn report(&mut self, what: &str, seconds: u64) {
        let counts = std::mem::take(&mut self.counts);
        let all = counts.found + counts.stale;
        println!(
            "{what}: {} searches of {:.0} ms; {all} groups found, {} stale, {} refused, {} accepted ({:.0} % of what was found); {} orders changed vehicle",
            counts.searches,
            counts.search_time.as_secs_f64() * 1e3 / counts.searches.max(1) as f64,
            counts.stale,
            counts.refused,
            counts.accepted,
            100.0 * counts.accepted as f64 / all.max(1) as f64,
            counts.moved,
        );
        let (cost, solved) = self.compared(seconds);
        println!(
            "  cost {:.2}, solver {:.2}: {:.4}",
            cost as f64 / 1e6,
            solved as f64 / 1e6,
            cost as f64 / solved as f64
        );
    }
}

fn main() {
    let arguments: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let argument = |index: usize, default: usize| arguments.get(index).copied().unwrap_or(default);
    let vehicles = argument(0, 300);
    let (stops, rate, seconds) = (argument(1, 10 * vehicles), argument(2, 15), argument(3, 60));
    let (rest, solver) = (argument(4, 60), argument(5, 3) as u64);
    let mut random = Seeded::new(7, "rest");
    let line =
        NetworkSpec::Line { space: Space::Planar, metres_per_minute: 500.0, detour_percent: 130, round_up_seconds: 0 };
    let side = (20_000_000.0 * (vehicles as f64 / 1_000.0).sqrt()) as u64;
    let network = Arc::new(Network::new(&line).expect("a legal network"));
    let engine = Engine::new(Fleet::new(), network).with_regions_side_by_side(1);
    let mut rig = Rig {
        engine,
        seq: 0,
        now: 8 * 3_600_000,
        inbox: VecDeque::from([Input::Commit(Outcome::Granted(1))]),
        effects: Vec::new(),
        report: None,
        outlook: None,
        counts: Counts::default(),
    };
    let policy = |search_rounds| Policy { search_rounds, learn: false, ..Policy::default() };
    rig.fact(zone_opened(Space::Planar, policy(0)));
    for number in 0..vehicles {
        let start = Position { x: random.below(side) as i32, y: random.below(side) as i32 };
        for event in van(number, start, 1_000) {
            rig.fact(event);
        }
    }
    let mut orders = 0;
    let mut order = |now: i64| {
        orders += 1;
        let position = Position { x: random.below(side) as i32, y: random.below(side) as i32 };
        Event::OrderCreated(job(orders, position, Timestamp(now)))
    };
    for _ in 0..stops {
        let event = order(rig.now);
        rig.fact(event);
    }
    rig.fact(Event::PolicyChanged(policy(Policy::default().search_rounds)));
    println!("{vehicles} vehicles, {stops} open stops, {rate} changes a second");
    let end = rig.now + seconds as i64 * 1_000;
    let mut changes = 0;
    while rig.now < end {
        let until = rig.now + 1_000 / rate.max(1) as i64;
        rig.pass(until);
        changes += 1;
        // Two of three changes are new orders, one is a cancellation.
        if changes % 3 == 0 {
            let nth = (changes * 7_919) % rig.engine.fleet().open_count().max(1);
            let order = rig.engine.fleet().open_orders().nth(nth);
            if let Some(id) = order {
                let order = rig.engine.fleet().order(id).name.clone();
                rig.fact(Event::OrderCancelled { order });
            }
        } else {
            let event = order(rig.now);
            rig.fact(event);
        }
        if changes % rate.max(1) == 0 {
            rig.drive();
        }
    }
    rig.report("under load", solver);
    for _ in 0..rest {
        rig.pass(rig.now + 1_000);
        rig.drive();
    }
    rig.report("at rest", solver);
}
