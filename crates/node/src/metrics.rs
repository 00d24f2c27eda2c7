//! Figures for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fleetfold_fleet::Fleet;
use fleetfold_model::Millis;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// All figures of one engine.
pub(crate) struct Metrics {
    registry: Registry,
    answers: Histogram,
    entries: Counter,
    positions: Counter,
    implausible: Counter,
    rounds: Counter,
    groups: Counter,
    stale: Counter,
    rejected: Family<Reason, Counter>,
    applied: Gauge<i64, std::sync::atomic::AtomicI64>,
    unanswered: Gauge<i64, std::sync::atomic::AtomicI64>,
    dirty: Gauge<i64, std::sync::atomic::AtomicI64>,
    queue: Gauge<i64, std::sync::atomic::AtomicI64>,
    overload: Gauge<i64, std::sync::atomic::AtomicI64>,
    log_full: Gauge<i64, std::sync::atomic::AtomicI64>,
    policy_file: Gauge<i64, std::sync::atomic::AtomicI64>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("fleetfold");
        // Up to the promised ten seconds, and beyond.
        let answers = Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);
        let (entries, positions, rounds, groups, stale) =
            (Counter::default(), Counter::default(), Counter::default(), Counter::default(), Counter::default());
        let implausible = Counter::default();
        let rejected = Family::<Reason, Counter>::default();
        let (applied, unanswered, dirty, queue, overload) =
            (Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default(), Gauge::default());
        let (log_full, policy_file) = (Gauge::default(), Gauge::default());
        registry.register_with_unit(
            "event_to_plan",
            "Log time of a change to log time of its accepted plan",
            Unit::Seconds,
            answers.clone(),
        );
        registry.register("entries", "Log entries folded", entries.clone());
        registry.register("positions", "Position reports taken", positions.clone());
        registry.register(
            "positions_implausible",
            "Position reports passed over because no vehicle comes so far so fast",
            implausible.clone(),
        );
        registry.register("search_rounds", "Search rounds run", rounds.clone());
        registry.register("groups_proposed", "Exchange groups of searches proposed", groups.clone());
        registry.register("groups_stale", "Exchange groups dropped because their routes had moved on", stale.clone());
        registry.register("rejected", "Facts rejected or refused, by reason", rejected.clone());
        registry.register("applied_sequence", "Last log entry folded", applied.clone());
        registry.register("unanswered", "Changes that wait for an accepted plan", unanswered.clone());
        registry.register("dirty_routes", "Routes that wait for a search", dirty.clone());
        registry.register("input_queue", "Inputs that wait for the engine", queue.clone());
        registry.register(
            "overload_level",
            "How much is left out because facts wait: 0 nothing, 4 most",
            overload.clone(),
        );
        registry.register(
            "log_full_percent",
            "How full the stream of facts is; 0 where it has no bound",
            log_full.clone(),
        );
        registry.register(
            "policy_file_wrong",
            "1 while the file of serve --policy is wrong and the policy in force stays",
            policy_file.clone(),
        );
        Self {
            registry,
            answers,
            entries,
            positions,
            implausible,
            rounds,
            groups,
            stale,
            rejected,
            applied,
            unanswered,
            dirty,
            queue,
            overload,
            log_full,
            policy_file,
        }
    }

    /// The stream of facts is so full, per cent.
    pub(crate) fn log_full(&self, percent: u64) {
        self.log_full.set(percent as i64);
    }

    pub(crate) fn entry(&self) {
        self.entries.inc();
    }

    pub(crate) fn position(&self) {
        self.positions.inc();
    }

    /// How many position reports were passed over.
    pub(crate) fn positions_passed_over(&self) -> u64 {
        self.implausible.get()
    }

    pub(crate) fn implausible(&self) {
        self.implausible.inc();
    }

    pub(crate) fn answered(&self, wait: Millis) {
        self.answers.observe(wait.0 as f64 / 1000.0);
    }

    pub(crate) fn searched(&self, rounds: u32) {
        self.rounds.inc_by(u64::from(rounds));
    }

    pub(crate) fn groups(&self, proposed: u64, stale: u64) {
        self.groups.inc_by(proposed);
        self.stale.inc_by(stale);
    }

    /// Whether the file of the policy is wrong, so that the policy in force stays.
    pub(crate) fn policy_file_is_wrong(&self, wrong: bool) {
        self.policy_file.set(i64::from(wrong));
    }

    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn gauges(&self, fleet: &Fleet, dirty: usize, queue: usize, overload: u8) {
        self.overload.set(i64::from(overload));
        self.applied.set(fleet.applied().0 as i64);
        self.unanswered.set(fleet.unanswered().len() as i64);
        self.dirty.set(dirty as i64);
        self.queue.set(queue as i64);
    }

    /// The last entry folded, and how many changes wait for an accepted plan.
    pub(crate) fn standing(&self) -> (u64, u64) {
        (self.applied.get() as u64, self.unanswered.get() as u64)
    }

    /// The `OpenMetrics` text. `lag` is the number of entries of the log that are not folded yet, `warnings` how many warnings
    /// there were of each kind.
    pub(crate) fn text(&self, lag: Option<u64>, warnings: &BTreeMap<&'static str, u64>) -> String {
        let mut text = String::new();
        if !warnings.is_empty() {
            text.push_str("# HELP fleetfold_warnings Warnings about events that were taken, by reason.\n# TYPE fleetfold_warnings counter\n");
        }
        for (code, count) in warnings {
            let _ = writeln!(text, "fleetfold_warnings_total{{reason=\"{code}\"}} {count}");
        }
        let _ = encode(&mut text, &self.registry);
        if let Some(lag) = lag {
            let line = format!(
                "# HELP fleetfold_log_lag_entries Log entries that are not folded yet.\n# TYPE fleetfold_log_lag_entries gauge\nfleetfold_log_lag_entries {lag}\n"
            );
            text.insert_str(0, &line);
        }
        text
    }
}
