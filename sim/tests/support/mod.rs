//! The day on which faults happen: the bugs that are planted must be seen on the same one.

use fleetfold_sim::{Demand, Incidents, Phones, Scenario, SmallDay, Traffic};

/// Forty minutes of four vehicles, with a breakdown and a closed bridge.
pub(crate) fn day(seed: u64) -> SmallDay {
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
        traffic: Traffic::default(),
        phones: Phones::default(),
    };
    SmallDay::new(&scenario)
}
