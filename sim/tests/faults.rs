//! Two thousand seeds of everything that can go wrong around the engine; every promise of the log must hold in each.

use fleetfold_sim::{Demand, Failure, Faults, Incidents, Scenario, SmallDay, Survived, survive};
use rayon::prelude::*;

/// Runs on every change; more with `FLEETFOLD_SEEDS`.
const SEEDS: u64 = 2_000;

fn day(seed: u64) -> SmallDay {
    let scenario = Scenario {
        title: "forty minutes of a small fleet".to_owned(),
        seed,
        vehicles: 4,
        opens_hour: 9.0,
        closes_hour: 9.66,
        demand: Demand { orders: 14, rush_share: 0.3, rush_from: 9.2, rush_to: 9.4, job_share: 0.3, known_share: 0.2 },
        incidents: Incidents {
            breakdowns: 1,
            breakdown_hour: 9.3,
            bridges_closed: 1,
            bridge_from: 9.25,
            bridge_to: 9.5,
            no_show_share: 0.05,
            cancel_share: 0.1,
            reject_share: 0.0,
        },
        traffic: fleetfold_sim::Traffic::default(),
        phones: fleetfold_sim::Phones::default(),
    };
    SmallDay::new(&scenario)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")))
}

#[test]
fn every_promise_holds_whatever_goes_wrong() {
    let days: Vec<SmallDay> = (0..8).map(day).collect();
    let seeds = number("FLEETFOLD_SEED").map_or(0..number("FLEETFOLD_SEEDS").unwrap_or(SEEDS), |seed| seed..seed + 1);
    let count = seeds.end - seeds.start;
    let outcomes: Vec<Result<Survived, Failure>> =
        seeds.into_par_iter().map(|seed| survive(&days[(seed % 8) as usize], seed, Faults::mixed(seed))).collect();
    let failed: Vec<&Failure> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    for failure in failed.iter().take(5) {
        let Failure { seed, at, what } = failure;
        eprintln!("seed {seed} after {} ms: {what}\n  {:?}", at.0, Faults::mixed(*seed));
        eprintln!("  repeat with: FLEETFOLD_SEED={seed} cargo test -p fleetfold-sim --test faults");
    }
    assert!(failed.is_empty(), "{} of {count} seeds broke a promise", failed.len());
    let outcomes: Vec<Survived> = outcomes.into_iter().flatten().collect();
    let sum = |figure: fn(&Survived) -> u64| outcomes.iter().map(figure).sum::<u64>();
    println!(
        "{count} days: {} facts, {} plans, {} crashes, {} sleeps, {} terms, {} mishaps on the way to the log",
        sum(|s| s.facts),
        sum(|s| s.plans),
        sum(|s| s.crashes),
        sum(|s| s.sleeps),
        sum(|s| s.terms),
        sum(|s| s.mishaps)
    );
    // A simulator that harms nobody proves nothing.
    if count >= 100 {
        assert!(sum(|s| s.crashes) > count && sum(|s| s.sleeps) > count && sum(|s| s.mishaps) > 10 * count);
    }
}
