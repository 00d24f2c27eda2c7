//! Many zones on many nodes in virtual time: who owns what, how long zones are without an owner, and how long changes wait.
//!
//! Placement (`fleetfold_journal::placement`), leases ([`crate::SimLog`]) and engines are the real code; the broker and the nodes'
//! cores are modelled. Zones have no drivers: orders are placed and answered, and nobody serves them. What a change costs a core is
//! a constant ([`Scale::answer_micros`], [`Scale::fold_micros`]), so that a run says the same on every machine.

mod run;

use serde::Serialize;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// How many nodes there are.
    pub nodes: usize,
    /// How many zones.
    pub zones: usize,
    /// How long, seconds.
    pub seconds: u32,
    /// Vehicles in each zone.
    pub vehicles: usize,
    /// Mean time between two orders of a zone, seconds.
    pub order_every: f64,
    /// Share of the zones that have a rush hour, one region: the first ones.
    pub rush_share: f64,
    /// How many times as many orders they get then. The rush hour is the middle third of the time.
    pub rush_times: f64,
    /// A node is killed this often, seconds; it starts again after 20 seconds. 0: never.
    pub kill_every: u32,
    /// A node is drained, ended and started again this often, seconds. 0: never.
    pub drain_every: u32,
    /// Cores of a node.
    pub cores: usize,
    /// What the answer to one change costs a core, microseconds.
    pub answer_micros: i64,
    /// What folding one entry costs a core, microseconds.
    pub fold_micros: i64,
    /// From a node to the broker or back, microseconds.
    pub broker_micros: i64,
    /// Everything random follows from it.
    pub seed: u64,
}

impl Default for Scale {
    /// 1,000 zones on 50 nodes for ten minutes; a node is lost every half minute, and a tenth of the zones gets six times as many
    /// orders for a while. An answer is taken to cost 1.1 ms (895 a second were measured at 1,000 vehicles and 10,000 orders), a
    /// fold 50 microseconds, a way to the broker half a millisecond (guess for one data centre).
    fn default() -> Self {
        Self {
            nodes: 50,
            zones: 1_000,
            seconds: 600,
            vehicles: 6,
            order_every: 20.0,
            rush_share: 0.1,
            rush_times: 6.0,
            kill_every: 30,
            drain_every: 45,
            cores: 2,
            answer_micros: 1_100,
            fold_micros: 50,
            broker_micros: 500,
            seed: 1,
        }
    }
}

/// A distribution of times, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// How many there are.
    pub count: usize,
    /// Half are at most this.
    pub p50: f64,
    /// 99 of 100 are.
    pub p99: f64,
    /// 999 of 1,000 are.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Times {
    fn of(mut millis: Vec<i64>) -> Self {
        millis.sort_unstable();
        let at = |share: f64| {
            let index = ((millis.len() as f64 * share).ceil() as usize).clamp(1, millis.len().max(1)) - 1;
            millis.get(index).map_or(0.0, |&millis| millis as f64 / 1000.0)
        };
        Self { count: millis.len(), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Scaled {
    /// Zones that a node owned while no node was missing: the fewest, the mean, and the most.
    pub balance: (usize, f64, usize),
    /// Nodes killed, and nodes drained.
    pub killed: usize,
    /// Nodes drained and ended.
    pub drained: usize,
    /// How long zones were without an owner after their owner was killed.
    pub takeovers: Times,
    /// How long zones were without an owner when they were handed over.
    pub handovers: Times,
    /// How long changes waited for their answers: all of them.
    pub waits: Times,
    /// Those of zones in their rush hour.
    pub waits_in_rush: Times,
    /// Those that came while their zone had no owner.
    pub waits_without_owner: Times,
    /// Changes that waited for more than a second, per million.
    pub over_1_s_per_million: u64,
    /// Changes that waited for more than ten seconds.
    pub over_10_s: usize,
    /// Changes that were never answered, and plans that broke the chain of their zone: must be 0.
    pub faults: usize,
    /// Most of a core's time that a node used in ten seconds, of all its cores, per cent.
    pub busiest_percent: u32,
}

/// Runs it.
///
/// # Panics
///
/// When there are no zones or no nodes.
pub fn scale(what: Scale) -> Scaled {
    assert!(what.nodes > 0 && what.zones > 0, "zones need nodes");
    run::Run::new(what).play()
}

#[cfg(test)]
mod tests {
    use super::{Scale, Times, scale};

    #[test]
    fn times_are_told_by_rank() {
        let times = Times::of((1..=1000).rev().collect());
        assert_eq!((times.count, times.p50, times.p99, times.p999, times.max), (1000, 0.5, 0.99, 0.999, 1.0));
        assert_eq!(Times::of(Vec::new()), Times::default());
    }

    #[test]
    fn forty_zones_on_five_nodes_lose_no_change_when_nodes_die_and_drain() {
        let what = Scale { nodes: 5, zones: 40, seconds: 120, kill_every: 25, drain_every: 40, ..Scale::default() };
        let came = scale(what);
        assert_eq!((came.faults, came.over_10_s), (0, 0), "{came:?}");
        assert!(came.killed >= 3 && came.drained >= 2, "{came:?}");
        assert!(came.takeovers.count > 0 && came.takeovers.max <= 3.5, "{came:?}");
        assert!(came.handovers.count > 0 && came.handovers.max <= 0.5, "{came:?}");
        assert!(came.balance.0 >= 1, "a node owns nothing: {came:?}");
        assert_eq!(scale(what), came, "the same seed gives the same run");
    }

    #[test]
    fn without_deaths_and_drains_every_zone_stays_where_it_is() {
        let what = Scale { nodes: 4, zones: 30, seconds: 60, kill_every: 0, drain_every: 0, ..Scale::default() };
        let came = scale(what);
        assert_eq!((came.takeovers.count, came.handovers.count, came.faults), (0, 0, 0), "{came:?}");
        assert!(came.waits.max <= 0.1, "{came:?}");
    }
}
