//! Every scenario of `scenarios/`: all promises after every entry, every change answered, figures within their bands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleetfold_model::{Event, Millis};
use fleetfold_sim::{Driving, Fact, Scenario, Traffic, backtest, city, script, simulate};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name)
}

fn run(name: &str) {
    let text = std::fs::read_to_string(folder(name).join("scenario.toml")).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap();
    let repeat = format!("fleetfold sim scenarios/{name} --seed {}", scenario.seed);
    let outcome = simulate(&scenario, 1);
    if let Some((seq, broken)) = outcome.broken {
        panic!("after entry {seq}: {broken}\nrepeat with: {repeat}");
    }
    let report = &outcome.report;
    assert_eq!(report.asked, report.answered, "changes that never got an answer\nrepeat with: {repeat}");
    let figures = serde_json::to_value(report).unwrap();
    let bands: BTreeMap<String, [f64; 2]> =
        serde_json::from_str(&std::fs::read_to_string(folder(name).join("expected.json")).unwrap()).unwrap();
    for (figure, [low, high]) in bands {
        let value = figures[&figure].as_f64().unwrap_or_else(|| panic!("{figure} is no figure of the report"));
        assert!((low..=high).contains(&value), "{figure} is {value}, expected {low} to {high}\nrepeat with: {repeat}");
    }
}

#[test]
fn lunch_rush() {
    run("lunch-rush");
}

#[test]
fn breakdown() {
    run("breakdown");
}

#[test]
fn bridge_closure() {
    run("bridge-closure");
}

#[test]
fn no_shows_and_cancellations() {
    run("no-shows");
}

#[test]
fn bad_phones() {
    run("bad-phones");
}

#[test]
fn rush_traffic() {
    run("rush-traffic");
}

/// Traffic that no map knows is learned within the day: arrivals come nearer to the plan, and what was used is in the log, so that
/// folding it again knows the same.
#[test]
fn learning_brings_arrivals_nearer_to_the_plan() {
    let text = std::fs::read_to_string(folder("rush-traffic").join("scenario.toml")).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap();
    let facts = |learn: bool| {
        let script = fleetfold_sim::script(&scenario, &fleetfold_sim::city(scenario.seed));
        let mut facts: Vec<_> =
            script.facts.into_iter().enumerate().map(|(index, (at, event))| (at, 1 + index as u64, event)).collect();
        for (_, _, event) in &mut facts {
            if let fleetfold_model::Event::ZoneOpened(opened) = event {
                opened.policy.learn = learn;
            }
        }
        (facts, script.no_shows)
    };
    let day = |learn: bool| {
        let (facts, no_shows) = facts(learn);
        let network = fleetfold_sim::city(scenario.seed).network;
        let driving =
            fleetfold_sim::Driving { varied: true, positions: true, reject_share: 0.0, tells_of_depots: true };
        fleetfold_sim::backtest(facts, &no_shows, network, driving, &scenario.traffic, 1, |_| {})
    };
    let (without, with) = (day(false), day(true));
    assert_eq!(without.engine.fleet().features_version(), 0, "switched off");
    assert!(with.engine.fleet().features_version() >= 20, "a version every quarter of an hour");
    let (before, after) = (&without.report, &with.report);
    assert!(
        after.arrival_error_seconds_mean < before.arrival_error_seconds_mean * 0.75,
        "{} s without, {} s with learning",
        before.arrival_error_seconds_mean,
        after.arrival_error_seconds_mean
    );
    // The truth is found: noon on main roads takes about twice as long.
    let noon = fleetfold_model::SpeedKey { class: 1, cell: None, hour: 12 };
    let learned = &with.engine.fleet().learned_speeds()[&noon];
    assert!((1_500..=2_200).contains(&learned.permille), "{learned:?}");
    let shop = with.engine.fleet().learned_services().values().max_by_key(|service| service.count).unwrap();
    assert!(shop.count >= fleetfold_fleet::SERVICES_ENOUGH && shop.service.0 > 0, "{shop:?}");
    let mut again = fleetfold_fleet::Fleet::new();
    for entry in &with.log {
        again.apply(entry);
    }
    assert_eq!(again.learned_speeds(), with.engine.fleet().learned_speeds());
}

#[test]
fn no_scenario_is_without_a_test() {
    let tests = include_str!("scenarios.rs");
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let entry = entry.unwrap();
        // `golden` holds recorded days, which crates/node/tests/golden.rs folds.
        if !entry.path().is_dir() || entry.file_name() == "golden" {
            continue;
        }
        let name = entry.file_name().to_string_lossy().to_string();
        assert!(tests.contains(&format!("run(\"{name}\")")), "scenarios/{name} has no test");
    }
}

/// The same day on one, two and four threads ends in the same fleet, bit for bit.
#[test]
fn threads_change_nothing() {
    let mut scenario = Scenario::demo(3);
    scenario.demand.orders = 60;
    scenario.vehicles = 6;
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simulate(&scenario, 0).report.digest)
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

/// A day that was played fast, today, is the same day.
#[test]
fn a_backtest_is_of_the_day_not_of_its_recording() {
    let text = std::fs::read_to_string(folder("breakdown").join("scenario.toml")).unwrap();
    let scenario: Scenario = toml::from_str(&text).unwrap();
    let city = city(scenario.seed);
    let facts: Vec<Fact> =
        script(&scenario, &city).facts.into_iter().zip(1..).map(|((at, event), id)| (at, id, event)).collect();
    let mut recorded = facts.clone();
    for (_, _, event) in &mut recorded {
        if let Event::ZoneOpened(opened) = event {
            (opened.log_start, opened.rate) = (opened.day_start + Millis(90 * 24 * 3_600_000), 60);
        }
    }
    let run =
        |facts| backtest(facts, &[], Arc::clone(&city.network), Driving::EXACT, &Traffic::default(), 1, |_| {}).report;
    let (day, recording) = (run(facts), run(recorded));
    assert!(day.served > 0);
    assert_eq!(serde_json::to_value(&day).unwrap(), serde_json::to_value(&recording).unwrap());
}
