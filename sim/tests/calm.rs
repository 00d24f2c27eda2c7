//! Days of a city under policies that ask for calm: what drivers were told is looked at in the log of the whole loop, plans that were under way
//! included.

use std::sync::Arc;

use fleetfold_model::{Event, Freeze, Millis, Policy};
use fleetfold_sim::{Calm, Driving, Fact, Scenario, Traffic, backtest, city, script};

fn day(seed: u64, change: impl Fn(&mut Policy)) -> Calm {
    let mut scenario = Scenario::demo(seed);
    (scenario.vehicles, scenario.demand.orders) = (6, 60);
    let city = city(scenario.seed);
    let script = script(&scenario, &city);
    let facts = script.facts.into_iter().enumerate().map(|(index, (at, event))| (at, 1 + index as u64, event));
    let mut facts: Vec<Fact> = facts.collect();
    for (_, _, event) in &mut facts {
        if let Event::ZoneOpened(opened) = event {
            change(&mut opened.policy);
        }
    }
    let driving = Driving { varied: true, positions: true, reject_share: 0.0, tells_of_depots: true };
    let network = Arc::clone(&city.network);
    let outcome = backtest(facts, &script.no_shows, network, driving, &Traffic::default(), seed, |_| {});
    assert!(outcome.broken.is_none(), "day {seed}: {:?}", outcome.broken);
    assert!(outcome.report.served > 30, "day {seed}: {} served", outcome.report.served);
    outcome.report.calm.expect("a backtest counts it")
}

#[test]
fn no_plan_takes_away_what_a_driver_has_accepted_where_the_policy_freezes_it() {
    for seed in 1..=6 {
        let calm = day(seed, |policy| policy.freeze = Freeze::Accepted);
        assert_eq!(calm.accepted_taken, 0, "day {seed}: {calm:?}");
    }
}

#[test]
fn the_counts_show_what_notice_and_a_limit_of_changes_do() {
    let (mut as_usual, mut calmer) = (Calm::default(), Calm::default());
    for seed in 1..=3 {
        let (before, after) = (
            day(seed, |_| {}),
            day(seed, |policy| {
                policy.notice = Millis(300_000);
                policy.max_changes_per_hour = Some(0);
            }),
        );
        assert_eq!(after.search_changes, 0, "day {seed}: {after:?}");
        as_usual.next_stop_changes_short += before.next_stop_changes_short;
        as_usual.search_changes += before.search_changes;
        calmer.next_stop_changes_short += after.next_stop_changes_short;
    }
    assert!(as_usual.search_changes > 10, "{as_usual:?}");
    assert!(2 * calmer.next_stop_changes_short < as_usual.next_stop_changes_short, "{as_usual:?} {calmer:?}");
}
