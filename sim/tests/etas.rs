//! What customers are told of when their orders come, against when they come: the stated coverage, measured in simulated days.

use std::collections::BTreeMap;
use std::path::Path;

use fleetfold_model::{ETA_COVERAGE_PERCENT, Eta, EtaState, Event, Millis, Name, StopKind, Timestamp};
use fleetfold_sim::{Outcome, Scenario, simulate};

/// Messages that told an interval, and how many of them held: the vehicle arrived within.
#[derive(Debug, Default)]
struct Held {
    told: u32,
    within: u32,
    early: u32,
}

impl Held {
    fn percent(&self) -> f64 {
        100.0 * f64::from(self.within) / f64::from(self.told.max(1))
    }
}

fn arrivals(outcome: &Outcome) -> BTreeMap<Name, Timestamp> {
    let mut arrivals = BTreeMap::new();
    for entry in &outcome.log {
        if let Event::StopArrived(stop) = &entry.event
            && stop.stop == StopKind::Delivery
        {
            arrivals.entry(stop.order.clone()).or_insert(stop.at);
        }
    }
    arrivals
}

/// By how many minutes ahead the interval was told: up to 10, 30, 60, 120, and more.
fn measure(outcome: &Outcome, sums: &mut [Held; 5]) {
    let arrivals = arrivals(outcome);
    for Eta { order, state, at, .. } in &outcome.etas {
        let EtaState::Expected { arrival, earliest, latest } = *state else { continue };
        assert!(earliest <= arrival && arrival <= latest && latest > *at, "in the past: {state:?} at {at:?}");
        let Some(&came) = arrivals.get(order) else { continue };
        let fleet = outcome.engine.fleet();
        let opens = fleet.order_id(order.as_str()).and_then(|id| fleet.order(id).stop(StopKind::Delivery));
        let windows = opens.map(|stop| stop.windows).unwrap_or_default();
        // Who is early waits for the window.
        let came =
            windows.iter().find(|window| window.closes() >= came).map_or(came, |window| came.max(window.opens()));
        let lead = arrival - *at;
        let index = [10, 30, 60, 120].iter().position(|&most| lead <= Millis(most * 60_000)).unwrap_or(4);
        let sum = &mut sums[index];
        sum.told += 1;
        sum.early += u32::from(came < earliest);
        sum.within += u32::from((earliest..=latest).contains(&came));
    }
}

#[test]
fn an_interval_of_eighty_per_cent_holds_seventy_five_to_eighty_five_per_cent_of_arrivals() {
    let mut all = Held::default();
    for name in ["lunch-rush", "no-shows", "breakdown"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name).join("scenario.toml");
        let mut sums = <[Held; 5]>::default();
        let scenario: Scenario = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        // Other days than those that the ends to begin with were taken from.
        measure(&simulate(&Scenario { seed: scenario.seed + 100, ..scenario }, 0), &mut sums);
        for (index, sum) in sums.iter().enumerate() {
            eprintln!("{name}, ahead {index}: {sum:?} {:.1} %", sum.percent());
            all.told += sum.told;
            all.within += sum.within;
            all.early += sum.early;
        }
    }
    eprintln!("all: {all:?} {:.1} %", all.percent());
    assert_eq!(ETA_COVERAGE_PERCENT, 80);
    assert!(all.told > 2_000, "{all:?}");
    assert!((75.0..=85.0).contains(&all.percent()), "{all:?}: {:.1} %", all.percent());
}
