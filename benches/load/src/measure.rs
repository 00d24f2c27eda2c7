//! How long each fact waited, from the log alone: from its log time to the log time of the plan that answers it.
//!
//! A plan names the facts that it answers (`caused_by`). The fold refuses a group whose routes have moved on, and the engine then
//! names the same facts in a later plan, so the *last* plan that names a fact is the one that was accepted. The fleet is not folded
//! here, which makes these figures independent of those of `fleetfold audit`; at the end of a run both are compared.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

/// The contract: a change is answered within this, milliseconds.
const CONTRACT: i64 = 10_000;

/// What is read of a plan's message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Sequences of the facts that it answers.
    pub(crate) caused_by: Vec<u64>,
    /// The engine says that it was made under overload.
    pub(crate) degraded: bool,
    /// Groups of routes in it.
    pub(crate) groups: usize,
    /// Rounds of the search behind it; 0 for an immediate answer.
    pub(crate) rounds: u32,
}

#[derive(Deserialize)]
struct Message {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    groups: Vec<Group>,
    #[serde(default)]
    degraded: bool,
    #[serde(default)]
    rounds: u32,
}

#[derive(Deserialize)]
struct Group {
    caused_by: Vec<u64>,
}

impl Plan {
    /// `None` when the message is no plan.
    pub(crate) fn from_message(bytes: &[u8]) -> Option<Self> {
        let data = serde_json::from_slice::<Message>(bytes).ok()?.data;
        let groups = data.groups.len();
        let caused_by = data.groups.into_iter().flat_map(|group| group.caused_by).collect();
        Some(Self { caused_by, degraded: data.degraded, groups, rounds: data.rounds })
    }
}

/// A fact of the log.
#[derive(Clone, Copy, Debug)]
struct Fact {
    /// Log time, milliseconds.
    at: i64,
    /// An order was created: it must be answered.
    order: bool,
    /// Log time of the last plan that names it.
    answered: Option<i64>,
}

/// A plan of the log.
#[derive(Clone, Copy, Debug)]
struct Planned {
    degraded: bool,
    bytes: usize,
    searched: bool,
    groups: usize,
}

/// Everything that was read of the log.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    facts: BTreeMap<u64, Fact>,
    plans: BTreeMap<u64, Planned>,
    last: u64,
    waiting: u64,
    orders: u64,
}

impl Measure {
    /// A fact stands in the log.
    pub(crate) fn fact(&mut self, seq: u64, at: i64, kind: &str) {
        let order = kind == "order_created";
        self.facts.insert(seq, Fact { at, order, answered: None });
        self.waiting += u64::from(order);
        self.orders += u64::from(order);
        self.last = seq;
    }

    /// A plan stands in the log.
    pub(crate) fn plan(&mut self, seq: u64, at: i64, bytes: usize, plan: &Plan) {
        for cause in &plan.caused_by {
            if let Some(fact) = self.facts.get_mut(cause) {
                self.waiting -= u64::from(fact.order && fact.answered.is_none());
                fact.answered = Some(at);
            }
        }
        let planned = Planned { degraded: plan.degraded, bytes, searched: plan.rounds > 0, groups: plan.groups };
        self.plans.insert(seq, planned);
        self.last = seq;
    }

    /// The last sequence that was read.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Orders that no plan names.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Orders that were created, answered or not.
    pub(crate) fn orders_read(&self) -> u64 {
        self.orders
    }

    /// Log time of each answered fact and of its answer, milliseconds, of the facts in a range of sequences.
    pub(crate) fn answers(&self, range: &Range<u64>) -> Vec<(i64, i64)> {
        self.facts.range(range.clone()).filter_map(|(_, fact)| Some((fact.at, fact.answered?))).collect()
    }

    /// The figures of the facts and plans in a range of sequences.
    pub(crate) fn figures(&self, range: &Range<u64>) -> Figures {
        let answers = self.answers(range);
        let plans: Vec<&Planned> = self.plans.range(range.clone()).map(|(_, plan)| plan).collect();
        let unanswered = self.facts.range(range.clone()).filter(|(_, fact)| fact.order && fact.answered.is_none());
        let first = answers.iter().map(|&(at, _)| at).min().unwrap_or(0);
        Figures {
            facts: self.facts.range(range.clone()).count(),
            unanswered: unanswered.count(),
            last_answer: answers.iter().map(|&(_, answered)| answered - first).max().unwrap_or(0),
            plans: plans.len(),
            degraded: plans.iter().filter(|plan| plan.degraded).count(),
            searched: plans.iter().filter(|plan| plan.searched).map(|plan| plan.groups).sum(),
            plan_bytes: plans.iter().map(|plan| plan.bytes).sum(),
            waits: Waits::new(answers.iter().map(|&(at, answered)| answered - at).collect()),
        }
    }
}

/// How long facts waited, ascending, milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waits(Vec<i64>);

impl Waits {
    pub(crate) fn new(mut waits: Vec<i64>) -> Self {
        waits.sort_unstable();
        Self(waits)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The smallest wait that at least `per_mille` thousandths do not exceed; 0 for none.
    pub(crate) fn quantile(&self, per_mille: usize) -> i64 {
        let rank = (self.0.len() * per_mille).div_ceil(1000).max(1);
        self.0.get(rank - 1).copied().unwrap_or(0)
    }

    pub(crate) fn max(&self) -> i64 {
        self.0.last().copied().unwrap_or(0)
    }

    pub(crate) fn over_contract(&self) -> usize {
        self.0.len() - self.0.partition_point(|&wait| wait <= CONTRACT)
    }
}

/// The figures of a part of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Facts, those included that need no answer.
    pub(crate) facts: usize,
    /// Orders that no plan names.
    pub(crate) unanswered: usize,
    /// From the first fact to the last answer, milliseconds.
    pub(crate) last_answer: i64,
    pub(crate) plans: usize,
    pub(crate) degraded: usize,
    /// Groups in plans of searches.
    pub(crate) searched: usize,
    pub(crate) plan_bytes: usize,
    pub(crate) waits: Waits,
}

impl Figures {
    /// The names of the columns of [`Self::row`].
    pub(crate) fn header() -> String {
        format!(
            "{:<26} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7} {:>8} {:>8} {:>8}",
            "milliseconds, log to log",
            "answered",
            "p50",
            "p90",
            "p99",
            "max",
            "last",
            ">10 s",
            "unansw",
            "plans",
            "degraded",
            "improved",
            "MB plans"
        )
    }

    pub(crate) fn row(&self, name: &str) -> String {
        let waits = &self.waits;
        format!(
            "{name:<26} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7} {:>8} {:>8} {:>8.1}",
            waits.count(),
            waits.quantile(500),
            waits.quantile(900),
            waits.quantile(990),
            waits.max(),
            self.last_answer,
            waits.over_contract(),
            self.unanswered,
            self.plans,
            self.degraded,
            self.searched,
            self.plan_bytes as f64 / 1e6,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Figures, Measure, Plan, Waits};

    fn answers(seqs: &[u64]) -> Plan {
        Plan { caused_by: seqs.to_vec(), ..Plan::default() }
    }

    #[test]
    fn a_fact_waits_until_the_last_plan_that_names_it() {
        let mut measure = Measure::default();
        measure.fact(1, 1_000, "order_created");
        measure.fact(2, 1_010, "order_created");
        measure.fact(3, 1_020, "stop_arrived");
        measure.plan(4, 1_030, 500, &answers(&[1]));
        assert_eq!(measure.waiting(), 1);
        // The first answer was refused: the fact is named again.
        measure.plan(5, 1_100, 500, &answers(&[1, 77]));
        let figures = measure.figures(&(1..100));
        assert_eq!((figures.waits, figures.unanswered, figures.facts), (Waits::new(vec![100]), 1, 3));
        assert_eq!((figures.last_answer, figures.plans, figures.plan_bytes), (100, 2, 1_000));
        measure.plan(6, 12_010, 500, &Plan { degraded: true, ..answers(&[2]) });
        let figures = measure.figures(&(2..7));
        assert_eq!((figures.waits.max(), figures.waits.over_contract(), figures.degraded), (11_000, 1, 1));
        assert_eq!((measure.waiting(), measure.orders_read(), measure.last()), (0, 2, 6));
        assert_eq!(measure.figures(&(50..60)), Figures::default());
    }

    #[test]
    fn a_quantile_is_the_smallest_wait_that_so_many_do_not_exceed() {
        let waits = Waits::new((1..=200).rev().collect());
        assert_eq!((waits.quantile(500), waits.quantile(990), waits.quantile(1000)), (100, 198, 200));
        assert_eq!(waits.over_contract(), 0);
        assert_eq!(Waits::new(vec![10_000, 10_001]).over_contract(), 1);
        assert_eq!(Waits::default().quantile(990), 0);
    }

    #[test]
    fn a_plan_is_read_from_its_message() {
        let text = br#"{"specversion":"1.0","data":{"rev":3,"rounds":0,"degraded":true,"groups":[
            {"routes":[],"caused_by":[7,9],"choices":[]},{"routes":[],"caused_by":[11]}]}}"#;
        let plan = Plan::from_message(text).unwrap();
        assert_eq!(plan, Plan { caused_by: vec![7, 9, 11], degraded: true, groups: 2, rounds: 0 });
        assert_eq!(Plan::from_message(b"{}"), None);
    }
}
