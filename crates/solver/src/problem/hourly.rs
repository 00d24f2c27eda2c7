//! Legs whose times depend on the hour at which they begin: one matrix for each span of time, made row by row when it is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::legs::LegMatrix;
use super::units::UNREACHABLE;
use crate::index::NodeIx;

/// Where legs by span of time come from, row by row.
pub trait LegRows: Send + Sync {
    /// Times (milliseconds) and lengths (metres) from a node to every node, in a span (0: the first). Asked when a row is first read, by
    /// any thread, now and then more than once; the same each time. What is missing or negative counts as no way.
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)>;

    /// One leg of that row. Asked where single legs are wanted, see [`AskedLegs`] and [`TimeDependentLegs::asked`]: as often as it
    /// is read.
    fn leg(&self, span: usize, from: NodeIx, to: NodeIx) -> (i32, i32) {
        self.row(span, from).get(to.index()).copied().unwrap_or((UNREACHABLE, 0))
    }

    /// How long a vehicle waits before it leaves where there is no way yet: until a later span begins in which there is one. 0: it does not wait.
    fn waits_max(&self) -> i32 {
        0
    }
}

/// Legs that are asked for one by one and not kept: for an answer that reads few of them.
#[derive(Clone)]
pub struct AskedLegs {
    nodes: usize,
    source: Arc<dyn LegRows>,
    /// The span in which each node is left, and the last one for whose beginning a vehicle waits there where there is no way; empty: the first.
    spans: Arc<[(u32, u32)]>,
    /// A node behind each node, and the leg between them: those that are read again and again.
    next: Arc<[(NodeIx, (i32, i32))]>,
}

impl std::fmt::Debug for AskedLegs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AskedLegs").field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

impl AskedLegs {
    /// Legs between `nodes` nodes, as they are in the first span of the source.
    pub fn new(nodes: usize, source: Arc<dyn LegRows>) -> Self {
        Self { nodes, source, spans: Arc::default(), next: Arc::default() }
    }

    /// Keeps one leg from each of these nodes: the last one named. For legs along tours, which are read again and again.
    #[must_use]
    pub fn keeping(mut self, legs: impl Iterator<Item = (NodeIx, NodeIx)>) -> Self {
        let mut next = vec![(NodeIx::NONE, (0, 0)); self.nodes];
        legs.for_each(|(from, to)| next[from.index()].0 = to);
        for (from, slot) in next.iter_mut().enumerate().filter(|(_, slot)| slot.0 != NodeIx::NONE) {
            slot.1 = self.ask(NodeIx(from as u32), slot.0);
        }
        self.next = next.into();
        self
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    #[inline]
    pub(crate) fn get(&self, a: NodeIx, b: NodeIx) -> (i32, i32) {
        match self.next.get(a.index()) {
            Some(&(next, leg)) if next == b => leg,
            _ => self.ask(a, b),
        }
    }

    fn ask(&self, a: NodeIx, b: NodeIx) -> (i32, i32) {
        let spans = self.spans.get(a.index()).map_or((0, 0), |&(first, last)| (first as usize, last as usize));
        first_way(spans, |span| legal(self.source.leg(span, a, b))).1
    }
}

/// What is missing or negative counts as no way.
fn legal(leg: (i32, i32)) -> (i32, i32) {
    if leg.0 < 0 || leg.1 < 0 { (UNREACHABLE, 0) } else { leg }
}

/// The first of some spans in which there is a way, and the leg then; where there is none, the first of all.
fn first_way((first, last): (usize, usize), leg: impl Fn(usize) -> (i32, i32)) -> (usize, (i32, i32)) {
    let found = leg(first);
    if found.0 < UNREACHABLE {
        return (first, found);
    }
    let later = (first + 1..=last).map(|span| (span, leg(span))).find(|(_, leg)| leg.0 < UNREACHABLE);
    later.unwrap_or((first, found))
}

type Row = Box<[(i32, i32)]>;

/// Rows of matrices that are there in full.
struct Given(Vec<LegMatrix>);

impl LegRows for Given {
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)> {
        self.0[span].row(from).to_vec()
    }
}

/// Legs by span of time: from an instant until the next one, times do not change. A row is computed when it is first read: a plan
/// leaves most nodes in one span only.
#[derive(Clone)]
pub struct TimeDependentLegs {
    nodes: usize,
    /// Instants at which the spans end, ascending, one less than there are spans.
    until: Vec<i32>,
    source: Arc<dyn LegRows>,
    /// By span and node. Empty: legs are asked for one by one.
    rows: Arc<[OnceLock<Row>]>,
    /// Legs that are kept where they are asked for one by one.
    kept: Arc<Kept>,
}

/// One leg from each node to a node behind it, by span, kept when it was first asked for.
#[derive(Default)]
struct Kept {
    /// The node behind each node; empty: no legs are kept.
    next: Box<[NodeIx]>,
    /// By span and node: time and length in one word, or [`Kept::UNKNOWN`]. Two threads may ask for the same leg: they write the same.
    legs: Box<[AtomicU64]>,
}

impl Kept {
    /// No leg: neither half of one is negative.
    const UNKNOWN: u64 = u64::MAX;

    /// The leg between two nodes in a span, if it is one of those that are kept; else it is asked for.
    fn leg(&self, span: usize, (a, b): (NodeIx, NodeIx), ask: impl FnOnce() -> (i32, i32)) -> (i32, i32) {
        if self.next.get(a.index()) != Some(&b) {
            return ask();
        }
        let slot = &self.legs[span * self.next.len() + a.index()];
        match slot.load(Ordering::Relaxed) {
            Self::UNKNOWN => {
                let (time, metres) = ask();
                slot.store(u64::from(time as u32) << 32 | u64::from(metres as u32), Ordering::Relaxed);
                (time, metres)
            }
            leg => ((leg >> 32) as i32, leg as u32 as i32),
        }
    }
}

/// A source of legs that reads those that are kept.
struct Reading(TimeDependentLegs);

impl LegRows for Reading {
    fn row(&self, span: usize, from: NodeIx) -> Vec<(i32, i32)> {
        (0..self.0.nodes as u32).map(|to| self.0.leg(span, from, NodeIx(to))).collect()
    }

    fn leg(&self, span: usize, from: NodeIx, to: NodeIx) -> (i32, i32) {
        self.0.leg(span, from, to)
    }
}

impl std::fmt::Debug for TimeDependentLegs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { nodes, until, .. } = self;
        f.debug_struct("TimeDependentLegs").field("nodes", nodes).field("until", until).finish_non_exhaustive()
    }
}

impl TimeDependentLegs {
    /// The first matrix holds from ever; each other one from its instant. `None` unless the instants ascend, all matrices have
    /// the same nodes and nothing is negative.
    pub fn new(first: LegMatrix, then: Vec<(i32, LegMatrix)>) -> Option<Self> {
        let nodes = first.len();
        let (until, later): (Vec<i32>, Vec<LegMatrix>) = then.into_iter().unzip();
        let matrices: Vec<LegMatrix> = std::iter::once(first).chain(later).collect();
        let legal = matrices.iter().all(|matrix| matrix.len() == nodes && matrix.is_legal());
        if legal { Self::from_rows(nodes, until, Arc::new(Given(matrices))) } else { None }
    }

    /// Rows that are computed when they are read. Each span but the last ends at its instant in `until`; `None` unless they
    /// ascend.
    pub fn from_rows(nodes: usize, until: Vec<i32>, source: Arc<dyn LegRows>) -> Option<Self> {
        let ascending = until.windows(2).all(|pair| pair[0] < pair[1]);
        let rows = (0..nodes * (until.len() + 1)).map(|_| OnceLock::new()).collect();
        ascending.then_some(Self { nodes, until, source, rows, kept: Arc::default() })
    }

    /// Like [`TimeDependentLegs::from_rows`], but each leg is asked for when it is read, and not kept.
    pub fn asked(nodes: usize, until: Vec<i32>, source: Arc<dyn LegRows>) -> Option<Self> {
        let ascending = until.windows(2).all(|pair| pair[0] < pair[1]);
        ascending.then(|| Self { nodes, until, source, rows: Arc::default(), kept: Arc::default() })
    }

    /// Keeps one leg from each of these nodes, the last one named, in each span in which it is asked for. For legs along tours, which
    /// are read again and again. Of use only where legs are asked for one by one.
    #[must_use]
    pub fn keeping(mut self, legs: impl Iterator<Item = (NodeIx, NodeIx)>) -> Self {
        let mut next = vec![NodeIx::NONE; self.nodes].into_boxed_slice();
        legs.for_each(|(from, to)| next[from.index()] = to);
        let legs = (0..self.nodes * self.spans()).map(|_| AtomicU64::new(Kept::UNKNOWN)).collect();
        self.kept = Arc::new(Kept { next, legs });
        self
    }

    /// Where legs are asked for one by one: the same legs with those from each node as they are in one span.
    pub(crate) fn asked_in(&self, spans_of: impl Iterator<Item = (usize, usize)>) -> Option<AskedLegs> {
        let spans = || spans_of.map(|(first, last)| (first as u32, last as u32)).collect();
        self.rows.is_empty().then(|| AskedLegs {
            nodes: self.nodes,
            source: Arc::new(Reading(self.clone())),
            spans: spans(),
            next: Arc::default(),
        })
    }

    fn leg(&self, span: usize, a: NodeIx, b: NodeIx) -> (i32, i32) {
        if self.rows.is_empty() {
            self.kept.leg(span, (a, b), || legal(self.source.leg(span, a, b)))
        } else {
            self.row(span, a)[b.index()]
        }
    }

    pub(crate) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(crate) fn spans(&self) -> usize {
        self.until.len() + 1
    }

    fn span_at(&self, at: i32) -> usize {
        self.until.partition_point(|&until| until <= at)
    }

    /// The span of an instant, and the last one for whose beginning a vehicle waits that finds no way then.
    pub(crate) fn spans_from(&self, at: i32) -> (usize, usize) {
        (self.span_at(at), self.span_at(at.saturating_add(self.source.waits_max())))
    }

    /// A leg in the first of some spans in which there is a way.
    pub(crate) fn open_leg(&self, spans: (usize, usize), a: NodeIx, b: NodeIx) -> (i32, i32) {
        first_way(spans, |span| self.leg(span, a, b)).1
    }

    /// When a vehicle that could leave at an instant leaves for a node: later where there is a way soon, and none yet.
    pub(crate) fn leaves_at(&self, a: NodeIx, b: NodeIx, depart: i32) -> i32 {
        let spans = self.spans_from(depart);
        if spans.0 == spans.1 {
            return depart;
        }
        let (span, _) = first_way(spans, |span| self.leg(span, a, b));
        if span == spans.0 { depart } else { self.until[span - 1] }
    }

    /// Times and lengths from a node in a span, computed when they are first read.
    ///
    /// # Panics
    ///
    /// When there is no such span or node, or legs are asked for one by one.
    pub fn row(&self, span: usize, from: NodeIx) -> &[(i32, i32)] {
        let slot = &self.rows[span * self.nodes + from.index()];
        if let Some(row) = slot.get() {
            return row;
        }
        // Not inside the lock: a source that works in parallel could come back here on the same thread.
        let mut row = self.source.row(span, from);
        row.resize(self.nodes, (UNREACHABLE, 0));
        for leg in &mut row {
            *leg = legal(*leg);
        }
        slot.get_or_init(|| row.into_boxed_slice())
    }

    /// A leg in the first span, or in the next where there is no way yet and soon will be.
    pub(crate) fn first(&self, a: NodeIx, b: NodeIx) -> (i32, i32) {
        let last = if self.source.waits_max() > 0 { self.spans_from(0).1 } else { 0 };
        self.open_leg((0, last), a, b)
    }

    /// Time and length of a leg that is begun at an instant; `own` is what the vehicle makes of a time of the rows.
    pub(crate) fn leaving(&self, a: NodeIx, b: NodeIx, depart: i32, own: impl Fn(i32) -> i32) -> (i32, i32) {
        let first = self.span_at(depart);
        let (time, metres) = self.leg(first, a, b);
        let spans = (first..=self.until.len()).map(|span| {
            let until = self.until.get(span).map_or(i64::MAX, |&until| i64::from(until));
            let time = if span == first { time } else { self.leg(span, a, b).0 };
            (until, i64::from(own(time)))
        });
        (travel_over(i64::from(depart), spans).min(i64::from(UNREACHABLE)) as i32, metres)
    }
}

/// Time of a leg begun at `depart`, over spans given by their end and what the whole leg takes within them; the first is the one
/// of the departure, the last has no end. In each span the vehicle goes at that span's speed, so that who leaves later arrives
/// no earlier (Ichoua, Gendreau & Potvin 2003). A way that ends while one is on it is not taken back: only at the departure does
/// a leg without a way count as one.
pub fn travel_over(depart: i64, spans: impl Iterator<Item = (i64, i64)>) -> i64 {
    const WHOLE: i64 = 1 << 30;
    let (mut at, mut left, mut last) = (depart, WHOLE, i64::from(UNREACHABLE));
    for (until, time) in spans {
        if time < i64::from(UNREACHABLE) {
            last = time;
        } else if left == WHOLE {
            return i64::from(UNREACHABLE);
        }
        // Rounded up: no vehicle is promised before it is there.
        let needs = (left * last + WHOLE - 1) / WHOLE;
        if until == i64::MAX || at + needs <= until {
            return at + needs - depart;
        }
        left -= ((until - at).max(0) * WHOLE / last.max(1)).min(left);
        at = at.max(until);
    }
    at + (left * last + WHOLE - 1) / WHOLE - depart
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LegRows, TimeDependentLegs, UNREACHABLE};
    use crate::index::NodeIx;

    /// No way in the first span, and one of 600 behind it, for which a vehicle waits 10.
    struct Opens;

    impl LegRows for Opens {
        fn row(&self, span: usize, _from: NodeIx) -> Vec<(i32, i32)> {
            vec![if span == 0 { (UNREACHABLE, 0) } else { (600, 100) }; 2]
        }

        fn waits_max(&self) -> i32 {
            10
        }
    }

    #[test]
    fn a_vehicle_waits_for_a_way_that_opens_soon_and_for_no_other() {
        let (from, to) = (NodeIx(0), NodeIx(1));
        let rows = TimeDependentLegs::from_rows(2, vec![20], Arc::new(Opens)).expect("the instants ascend");
        let asked = TimeDependentLegs::asked(2, vec![20], Arc::new(Opens)).expect("the instants ascend");
        for legs in [rows, asked] {
            let leaves = [5, 9, 10, 19, 20, 30].map(|depart| legs.leaves_at(from, to, depart));
            assert_eq!(leaves, [5, 9, 20, 20, 20, 30]);
            let times = leaves.map(|leaves| legs.leaving(from, to, leaves, |time| time).0);
            assert_eq!(times, [UNREACHABLE, UNREACHABLE, 600, 600, 600, 600]);
            let constant = |at: i32| legs.open_leg(legs.spans_from(at), from, to).0;
            assert_eq!([5, 10, 20].map(constant), [UNREACHABLE, 600, 600]);
        }
    }
}
