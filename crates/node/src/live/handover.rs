//! What the engine's thread hands to the thread of the screens, and how: a copy of what it holds, when somebody looks, and what
//! happened meanwhile.
//!
//! The engine's thread makes no document. For each input it notes what became stale, and after each input it looks at one flag:
//! is a copy wanted? The copy shares the fleet's tables, so it costs tens to hundreds of microseconds. Neither thread waits for
//! the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fleetfold_engine::{Engine, Outlook};
use fleetfold_fleet::{Change, Fleet, Placement, Tally};
use fleetfold_model::{Event, LogEntry, LogSeq, OrderId, Timestamp, VehicleId};
use fleetfold_roads::Network;
use fleetfold_wire::Labels;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::clock;
use crate::reasons::Beside;

/// Items of news that are collected before they are handed over although nobody wants a copy (guess: a few hundred kB).
const NEWS_MAX: usize = 1024;
/// Batches of news that may wait for the screens' thread while the log is folded at the start. A batch is some five megabytes that
/// were just read: with many of them waiting, the fold spends its time on fresh memory.
const BACKLOG_MAX: usize = 8;

/// What the engine's thread and the screens' thread read of each other without waiting.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// The last entry that was folded or passed over.
    applied: AtomicU64,
    /// When the last entry that was folded came, log time; 0: none was.
    entry_at: AtomicI64,
    /// Raised whenever something that a screen shows became stale.
    marked: AtomicU64,
    /// The screens' thread keeps a view, so what becomes stale is noted.
    kept: AtomicBool,
    /// The screens' thread wants a copy.
    wanted: AtomicBool,
    /// Wakes the engine's thread when a copy is wanted.
    want: Notify,
    /// Batches that were handed over and not taken yet.
    backlog: AtomicUsize,
}

impl Signals {
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Log time of the last entry that was folded.
    pub(crate) fn entry_at(&self) -> Option<Timestamp> {
        Some(Timestamp(self.entry_at.load(Ordering::Acquire))).filter(|at| at.0 > 0)
    }

    pub(crate) fn marked(&self) -> u64 {
        self.marked.load(Ordering::Acquire)
    }

    /// Asks the engine's thread for a copy. It comes after the input that is being handled.
    pub(crate) fn want(&self) {
        self.kept.store(true, Ordering::Release);
        self.wanted.store(true, Ordering::Release);
        self.want.notify_one();
    }

    /// Nobody looks any more: what becomes stale need not be noted.
    pub(crate) fn release(&self) {
        self.kept.store(false, Ordering::Release);
    }

    /// A batch was taken.
    pub(crate) fn taken(&self) {
        self.backlog.fetch_sub(1, Ordering::AcqRel);
    }

    /// Resolves when a copy is wanted.
    pub(super) async fn wanted(&self) {
        self.want.notified().await;
    }
}

/// Vehicles, orders and roads that changed since the last copy.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    pub(crate) vehicles: BTreeSet<VehicleId>,
    /// Vehicles that reported a position.
    pub(crate) moved: BTreeSet<VehicleId>,
    pub(crate) orders: BTreeSet<OrderId>,
    pub(crate) roads: bool,
    pub(crate) alerts: bool,
    /// Key figures are to be told although nothing else changed.
    pub(crate) figures: bool,
}

impl Stale {
    pub(crate) fn is_empty(&self) -> bool {
        self.vehicles.is_empty()
            && self.moved.is_empty()
            && self.orders.is_empty()
            && !self.roads
            && !self.alerts
            && !self.figures
    }
}

/// Something that decisions, stories and refusals are made of.
#[derive(Debug)]
pub(crate) enum News {
    /// An entry was folded, at this zone time.
    ///
    /// `labels`: what it calls an order and its stops. `beside`: what of it stands in the fleet.
    Folded { entry: Arc<LogEntry>, change: Box<Change>, at: Timestamp, labels: Option<Box<Labels>>, beside: Beside },
    /// A message was rejected, or a fact was refused.
    ///
    /// `message`: its bytes, by which the event is named.
    Refused { seq: LogSeq, at: Timestamp, reason: &'static str, detail: String, message: Bytes },
}

/// Key figures as far as they come from the engine's thread. Times of answers are milliseconds of log time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) orders: u64,
    pub(crate) served: u64,
    pub(crate) on_time: f64,
    pub(crate) vehicle_changes: u64,
    pub(crate) p50: i64,
    pub(crate) p99: i64,
    pub(crate) max: i64,
    pub(crate) answers: u64,
}

impl Figures {
    /// Reads them out of a tally; a quantile costs microseconds.
    pub(crate) fn of(tally: &Tally) -> Self {
        Self {
            orders: tally.orders,
            served: tally.served,
            on_time: tally.on_time_share(),
            vehicle_changes: tally.vehicle_changes,
            p50: tally.answers.quantile(500).0,
            p99: tally.answers.quantile(990).0,
            max: tally.answers.max().0,
            answers: tally.answers.count(),
        }
    }
}

/// What the engine held at one instant, as a copy that shares its tables.
#[derive(Debug)]
pub(crate) struct Glimpse {
    pub(crate) fleet: Fleet,
    pub(crate) network: Arc<Network>,
    /// Zone time.
    pub(crate) now: Timestamp,
    /// The epoch of the engine, if it owns the zone.
    pub(crate) epoch: Option<u64>,
    pub(crate) is_searching: bool,
    /// Level of overload, 0 to 4.
    pub(crate) overload: u8,
    pub(crate) figures: Figures,
    /// Event time before which all observations have been waited for.
    pub(crate) watermark: Option<Timestamp>,
    /// Observations that came too late to be learned from.
    pub(crate) late_observations: u64,
    /// When it was taken.
    pub(crate) taken: Instant,
    /// [`Signals::marked`] at that time.
    pub(crate) marked: u64,
}

impl Glimpse {
    /// A copy of what an engine holds, for an instant of log time: an engine that has nothing to do looks at no clock.
    pub(crate) fn of(engine: &Engine, tally: &Tally, marked: u64, log_now: Timestamp) -> Self {
        let fleet = engine.fleet().clone_without_index();
        Self {
            now: fleet.zone().zone_time(log_now).max(engine.now()),
            fleet,
            network: Arc::clone(engine.network()),
            epoch: engine.commit().epoch(),
            is_searching: engine.is_searching(),
            overload: engine.overload(),
            figures: Figures::of(tally),
            watermark: engine.watermark(),
            late_observations: engine.late_observations(),
            taken: clock::monotonic(),
            marked,
        }
    }
}

/// What an engine held at one instant, to compute with on another thread. It shares the fleet's tables, and nothing of it is shown.
#[derive(Debug)]
pub(crate) struct Copied {
    /// Without its index.
    pub(crate) fleet: Fleet,
    pub(crate) outlook: Outlook,
    /// Zone time.
    pub(crate) now: Timestamp,
    /// When it was taken.
    pub(crate) taken: Instant,
}

impl Copied {
    /// A copy of what an engine holds, for an instant of log time.
    pub(crate) fn of(engine: &Engine, log_now: Timestamp) -> Self {
        let fleet = engine.fleet().clone_without_index();
        let now = fleet.zone().zone_time(log_now).max(engine.now());
        Self { fleet, outlook: engine.outlook().clone(), now, taken: clock::monotonic() }
    }
}

/// What is asked of the engine's thread itself. It answers between two inputs.
#[derive(Debug)]
pub(crate) enum Ask {
    /// Where it stands, with all key figures.
    Summary(oneshot::Sender<super::Summary>),
    /// A copy to compute with.
    Copy(oneshot::Sender<Copied>),
}

/// A batch: what happened, and a copy of what is held after that, if one was wanted.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) news: Vec<News>,
    pub(crate) glimpse: Option<(Box<Glimpse>, Stale, Missed)>,
}

/// True if something became stale that is not in the copy's list: nobody kept a view then.
pub(crate) type Missed = bool;

/// The engine's side.
pub(super) struct Giver {
    signals: Arc<Signals>,
    to: mpsc::UnboundedSender<Handover>,
    news: Vec<News>,
    stale: Stale,
    missed: Missed,
}

impl Giver {
    pub(super) fn new(signals: Arc<Signals>, to: mpsc::UnboundedSender<Handover>) -> Self {
        Self { signals, to, news: Vec::new(), stale: Stale::default(), missed: true }
    }

    pub(super) fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }

    /// Notes what became stale.
    pub(super) fn mark(&mut self, note: impl FnOnce(&mut Stale)) {
        if self.signals.kept.load(Ordering::Acquire) {
            note(&mut self.stale);
        } else {
            self.missed = true;
        }
        // There is one writer.
        self.signals.marked.store(self.signals.marked.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// An entry was folded, and the fleet is as after it.
    pub(super) fn folded(
        &mut self,
        (entry, labels): (Arc<LogEntry>, Option<Box<Labels>>),
        change: Change,
        (fleet, outlook, touched): (&Fleet, &Outlook, Vec<(VehicleId, Vec<OrderId>)>),
        at: Timestamp,
    ) {
        self.mark(|stale| {
            // These first: an order in the other lists may have taken one of their numbers.
            for (order, _) in &change.retired {
                stale.orders.remove(order);
            }
            stale.vehicles.extend(&change.vehicles);
            stale.orders.extend(&change.orders);
            if let Event::OrderUpdated(_) = entry.event {
                // The vehicle shows what is due at its visits.
                stale.vehicles.extend(change.orders.iter().filter_map(|&order| match fleet.order(order).placement {
                    Placement::OnRoute(vehicle) => Some(vehicle),
                    Placement::Unplaced | Placement::Unassigned(_) => None,
                }));
            }
            stale.alerts |= !change.alerts.is_empty();
            // A policy says after how long a vehicle is silent; a plan may answer facts and change no route.
            stale.figures |= matches!(entry.event, Event::PolicyChanged(_) | Event::PlanProposed(_));
            stale.roads |= matches!(entry.event, Event::RoadClosed(_) | Event::RoadSlowed(_) | Event::RoadReopened(_));
        });
        let beside = Beside::of(fleet, || outlook.clone(), &entry).touching(fleet, touched);
        self.news(News::Folded { entry, change: Box::new(change), at, labels, beside });
    }

    /// A message was rejected, or a fact refused.
    pub(super) fn refused(
        &mut self,
        seq: LogSeq,
        at: Timestamp,
        (reason, detail): (&'static str, String),
        message: Bytes,
    ) {
        self.mark(|_| {});
        self.news(News::Refused { seq, at, reason, detail, message });
    }

    fn news(&mut self, news: News) {
        self.news.push(news);
        if self.news.len() >= NEWS_MAX {
            self.give(None);
        }
    }

    fn give(&mut self, glimpse: Option<(Box<Glimpse>, Stale, Missed)>) {
        self.signals.backlog.fetch_add(1, Ordering::AcqRel);
        // Without screens' thread the engine goes on.
        let _ = self.to.send(Handover { news: std::mem::take(&mut self.news), glimpse });
    }

    /// Called after each input: hands a copy over if one is wanted.
    pub(super) fn give_if_wanted(&mut self, engine: &Engine, tally: &Tally, log_now: Timestamp) {
        self.signals.applied.store(engine.fleet().applied().0, Ordering::Release);
        self.signals.entry_at.store(engine.fleet().logged_at().0, Ordering::Release);
        if self.signals.wanted.load(Ordering::Acquire) {
            self.signals.wanted.store(false, Ordering::Release);
            let glimpse = Glimpse::of(engine, tally, self.signals.marked.load(Ordering::Relaxed), log_now);
            let (stale, missed) = (std::mem::take(&mut self.stale), std::mem::take(&mut self.missed));
            self.give(Some((Box::new(glimpse), stale, missed)));
        }
    }

    /// Waits while much news has not been taken. Only for the start, when nobody is waiting for the engine.
    pub(super) async fn room(&self) {
        while self.signals.backlog.load(Ordering::Acquire) > BACKLOG_MAX && !self.to.is_closed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use fleetfold_engine::Engine;
    use fleetfold_fleet::{Fleet, Tally};
    use fleetfold_model::{LogSeq, NetworkSpec, Timestamp, VehicleId};
    use tokio::sync::mpsc;

    use super::{Giver, NEWS_MAX, Signals};

    #[test]
    fn a_copy_comes_when_it_is_wanted_with_all_that_became_stale_or_the_word_that_it_is_not_known() {
        let network = crate::days::build(&NetworkSpec::default()).unwrap();
        let (engine, tally) = (Engine::new(Fleet::new(), network), Tally::default());
        let signals = Arc::new(Signals::default());
        let (to, mut handed) = mpsc::unbounded_channel();
        let mut giver = Giver::new(Arc::clone(&signals), to);
        let mut moves = |giver: &mut Giver, vehicle| {
            giver.mark(|stale| {
                stale.moved.insert(VehicleId(vehicle));
            });
            giver.give_if_wanted(&engine, &tally, Timestamp(0));
            handed.try_recv().ok().and_then(|handover| handover.glimpse)
        };
        assert!(moves(&mut giver, 1).is_none(), "nobody wants a copy");
        signals.want();
        let (glimpse, stale, missed) = moves(&mut giver, 2).unwrap();
        assert!(missed && stale.moved.contains(&VehicleId(2)));
        assert_eq!((glimpse.marked, signals.marked()), (2, 2));
        assert!(moves(&mut giver, 3).is_none(), "one copy for one wish");
        signals.want();
        let (_, stale, missed) = moves(&mut giver, 4).unwrap();
        assert_eq!((stale.moved.into_iter().map(|id| id.0).collect::<Vec<_>>(), missed), (vec![3, 4], false));
        signals.release();
        assert!(moves(&mut giver, 5).is_none());
        signals.want();
        let (_, stale, missed) = moves(&mut giver, 6).unwrap();
        assert!(missed && !stale.moved.contains(&VehicleId(5)));
    }

    #[test]
    fn news_is_handed_over_in_batches_though_nobody_looks() {
        let signals = Arc::new(Signals::default());
        let (to, mut handed) = mpsc::unbounded_channel();
        let mut giver = Giver::new(Arc::clone(&signals), to);
        for seq in 1..=NEWS_MAX as u64 {
            assert!(handed.try_recv().is_err());
            giver.refused(LogSeq(seq), Timestamp(0), ("order_closed", String::new()), Bytes::new());
        }
        let batch = handed.try_recv().unwrap();
        assert_eq!((batch.news.len(), batch.glimpse.is_none()), (NEWS_MAX, true));
    }
}
