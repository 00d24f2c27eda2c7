//! Two thousand seeds of everything that can go wrong around the engine; every promise of the log must hold in each.

mod support;

use fleetfold_sim::{Failure, Faults, SmallDay, Survived, survive};
use rayon::prelude::*;
use support::day;

/// Seeds that run on every change. `FLEETFOLD_SEEDS=5000` runs the first 5,000, `FLEETFOLD_SEEDS=9000..9500` those from 9,000,
/// `FLEETFOLD_SEED=378` one.
const SEEDS: u64 = 2_000;

/// Seeds beyond those that broke a promise once: one a line, and after `#` what broke. `scripts/hunt` adds to them.
const ONCE_BROKEN: &str = include_str!("faults.seeds");

/// The seeds of this run: those that the environment asks for, or the fixed ones and those that were broken once.
fn seeds() -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is not a number"));
    if let Ok(one) = std::env::var("FLEETFOLD_SEED") {
        return vec![number(&one)];
    }
    if let Ok(range) = std::env::var("FLEETFOLD_SEEDS") {
        let (first, end) = range.split_once("..").unwrap_or(("0", &range));
        return (number(first)..number(end)).collect();
    }
    let lines = ONCE_BROKEN.lines().map(|line| line.split('#').next().unwrap_or("").trim());
    (0..SEEDS).chain(lines.filter(|line| !line.is_empty()).map(number)).collect()
}

/// `FLEETFOLD_HARSH=1` adds surges and logs that go back.
fn faults(seed: u64) -> Faults {
    if std::env::var_os("FLEETFOLD_HARSH").is_some() { Faults::harsh(seed) } else { Faults::mixed(seed) }
}

#[test]
fn every_promise_holds_whatever_goes_wrong() {
    let days: Vec<SmallDay> = (0..8).map(day).collect();
    let seeds = seeds();
    let count = seeds.len() as u64;
    let outcomes: Vec<Result<Survived, Failure>> =
        seeds.into_par_iter().map(|seed| survive(&days[(seed % 8) as usize], seed, faults(seed))).collect();
    let failed: Vec<&Failure> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    for failure in failed.iter().take(5) {
        let Failure { seed, at, what } = failure;
        eprintln!("seed {seed} after {} ms: {what}\n  {:?}", at.0, faults(*seed));
        eprintln!("  repeat with: FLEETFOLD_SEED={seed} cargo test -p fleetfold-sim --test faults");
    }
    assert!(failed.is_empty(), "{} of {count} seeds broke a promise", failed.len());
    let outcomes: Vec<Survived> = outcomes.into_iter().flatten().collect();
    let sum = |figure: fn(&Survived) -> u64| outcomes.iter().map(figure).sum::<u64>();
    println!(
        "{count} days: {} facts, {} plans, {} crashes, {} sleeps, {} terms, {} mishaps on the way to the log, {} starts at a base, {} \
         starts and readers that found a gap, {} runs in which lost entries were told and not seen, the log went back {} times and {} nodes noticed, {} days with \
         overload of the highest level",
        sum(|s| s.facts),
        sum(|s| s.plans),
        sum(|s| s.crashes),
        sum(|s| s.sleeps),
        sum(|s| s.terms),
        sum(|s| s.mishaps),
        sum(|s| s.at_base),
        sum(|s| s.gaps),
        sum(|s| s.unseen),
        sum(|s| s.rollbacks),
        sum(|s| s.regressed),
        sum(|s| u64::from(s.overload == 4))
    );
    // A simulator that harms nobody proves nothing.
    if count >= 100 {
        assert!(sum(|s| s.crashes) > count && sum(|s| s.sleeps) > count && sum(|s| s.mishaps) > 10 * count);
        assert!(sum(|s| s.at_base) > count / 2);
        // A base is written long before entries expire, unless no engine lives for long enough.
        assert!(sum(|s| s.unseen) * 100 <= count);
    }
}
