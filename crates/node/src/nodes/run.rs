//! The loop of a node: it hears the others, finds zones, and starts, stops and hands over engines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fleetfold_journal::ZoneName;
use fleetfold_journal::placement::{
    BEAT_MILLIS, Beat, LOOK_MILLIS, NodeName, Presence, Ranking, Standing, decide, rank,
};
use fleetfold_model::Millis;
use fleetfold_roads::Network;
use tokio::sync::{Semaphore, mpsc, watch};

use super::documents::{NodeTold, State, ZoneTold, beat_of, drain_key, drains, zone_key};
use super::teller::Teller;
use super::{Here, Node};
use crate::auth::Auth;
use crate::clock;
use crate::failure::Failure;
use crate::http;
use crate::live::{self, Live, Setup};
use crate::log::{LogError, Written};

/// Time between two looks at all zones. A zone is handed over within this time after its new owner has said that it is ready.
const STEP: Duration = Duration::from_millis(50);
/// How a node stands with a zone is told again after this time, changed or not.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// An engine that could not be started is started again after this time.
const START_AGAIN: Duration = Duration::from_secs(2);
/// Engines that fold their logs at a time: more would only wait for the same cores.
const STARTING_MAX: usize = 4;
/// A node that was told to end waits this long for others to take its zones.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// What every engine of the node is started with.
#[derive(Clone)]
pub(crate) struct Template {
    /// The roads.
    pub network: Arc<Network>,
    /// Where snapshots go.
    pub data: std::path::PathBuf,
    /// The threads that search for all zones.
    pub pool: Arc<rayon::ThreadPool>,
    /// How often a base is stored (log time).
    pub base_every: Millis,
    /// Begin although needed entries have expired.
    pub accept_gap: bool,
    /// Who may ask over HTTP.
    pub auth: Arc<Auth>,
}

/// What tasks report to the loop.
enum Happened {
    /// An engine came up, or could not.
    Started(ZoneName, Box<Result<Live, LogError>>),
    /// An engine has ended.
    Stopped(ZoneName),
    /// What the node that comes first says of a zone: whether it has caught up.
    First { zone: ZoneName, first: String, ready: bool },
    /// Whether nobody holds a zone's lease.
    Looked { zone: ZoneName, free: bool },
}

#[derive(Default)]
enum Engine {
    #[default]
    Off,
    Starting,
    On(Live),
    Stopping,
}

/// A zone that is known.
#[derive(Default)]
struct Slot {
    ranking: Ranking,
    engine: Engine,
    /// The node that comes first has said that it has caught up.
    first_ready: bool,
    /// The node that comes first, or the lease, is being asked.
    asking: bool,
    looked_at: Option<Instant>,
    free_looks: u32,
    /// Since which of our beats we are neither first nor second.
    idle_since: Option<u64>,
    told: Option<(ZoneTold, Instant)>,
    failed_at: Option<Instant>,
}

/// The loop's state.
pub(crate) struct Runner {
    node: Arc<Node>,
    template: Template,
    presence: Presence,
    slots: BTreeMap<ZoneName, Slot>,
    /// Which start of this node this is.
    start: u64,
    /// Number of our last beat.
    number: u64,
    /// Our beats have come back.
    is_heard: bool,
    asked_to_drain: bool,
    ending: Option<Instant>,
    starts: Arc<Semaphore>,
    teller: Teller,
    reports: mpsc::Sender<Happened>,
    happened: mpsc::Receiver<Happened>,
}

impl Runner {
    pub(crate) fn new(node: Arc<Node>, template: Template) -> Self {
        let (reports, happened) = mpsc::channel(1024);
        Self {
            presence: Presence::of(node.name.clone(), node.patterns.clone()),
            teller: Teller::start(node.buckets.clone()),
            node,
            template,
            slots: BTreeMap::new(),
            start: clock::wall().0 as u64,
            number: 0,
            is_heard: false,
            asked_to_drain: false,
            ending: None,
            starts: Arc::new(Semaphore::new(STARTING_MAX)),
            reports,
            happened,
        }
    }

    /// Runs until `stop` says so and the zones are elsewhere.
    ///
    /// # Errors
    ///
    /// When the broker is away at the start, or another node has this one's name.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
        let mut heard = self.node.buckets.hear().await?;
        // An older request to drain was for the program that had this name before.
        self.node.buckets.leave(&drain_key(&self.node.name)).await;
        for (key, value) in self.node.buckets.present().await? {
            if key != self.node.name.as_str() {
                self.hear(Written { key, value: Some(value) })?;
            }
        }
        let (sender, mut found) = mpsc::channel(1024);
        for pattern in &self.node.patterns {
            self.node.buckets.find(pattern.tenant.as_deref(), pattern.zone.as_deref(), sender.clone());
        }
        let mut beats = tokio::time::interval(Duration::from_millis(BEAT_MILLIS));
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut steps = tokio::time::interval(STEP);
        steps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => self.beat(),
                Some(written) = heard.recv() => {
                    if !self.hear(written)? {
                        continue;
                    }
                }
                Some(zone) = found.recv() => {
                    if self.slots.contains_key(&zone) {
                        continue;
                    }
                    tracing::info!(%zone, "zone found");
                    let slot = Slot { ranking: rank(&zone, &self.presence), ..Slot::default() };
                    self.slots.insert(zone, slot);
                }
                Some(happened) = self.happened.recv() => self.take(happened),
                _ = steps.tick() => {}
                Ok(_) = stop.wait_for(|stop| *stop), if self.ending.is_none() => {
                    tracing::info!("giving the zones away");
                    self.ending = Some(clock::monotonic());
                    self.drain_changed();
                    self.beat();
                }
            }
            self.step();
            if self.has_ended() {
                break;
            }
        }
        self.end().await;
        Ok(())
    }

    /// Announces this node.
    fn beat(&mut self) {
        self.number += 1;
        let told = NodeTold {
            number: self.number,
            start: self.start,
            draining: self.drains(),
            http: self.node.http.clone(),
            zones: self.node.patterns.iter().map(ToString::to_string).collect(),
        };
        let (node, value) = (Arc::clone(&self.node), Bytes::from(serde_json::to_vec(&told).unwrap_or_default()));
        tokio::spawn(async move {
            if let Err(error) = node.buckets.announce(node.name.as_str(), value).await {
                tracing::debug!(%error, "beat");
                // The buckets may have been deleted.
                if let Err(error) = node.buckets.make_again().await {
                    tracing::debug!(%error, "buckets of nodes");
                }
            }
        });
    }

    fn drains(&self) -> bool {
        self.asked_to_drain || self.ending.is_some()
    }

    /// Takes what was written to the bucket of nodes. True when zones may have to move.
    fn hear(&mut self, written: Written) -> Result<bool, Failure> {
        let Written { key, value } = written;
        if drains(&key).as_ref() == Some(&self.node.name) {
            if self.asked_to_drain != value.is_some() {
                self.asked_to_drain = value.is_some();
                tracing::info!(draining = self.asked_to_drain, "asked to give the zones away");
                self.drain_changed();
                self.beat();
            }
            return Ok(true);
        }
        let Some(node) = beat_of(&key) else { return Ok(false) };
        let told = value.and_then(|value| serde_json::from_slice::<NodeTold>(&value).ok());
        let own = node == self.node.name;
        let changed = match told {
            None => self.presence.left(&node),
            Some(told) if own && told.start != self.start => {
                // Before our own beat has come back, these are the last words of the program that had this name before. After it, that
                // program is still here: whoever came later gives way, so that a node in service is not ended by another one's settings.
                if self.is_heard && (self.number, told.start) < (told.number, self.start) {
                    return Err(Failure::new(
                        format!("another node is called {node}, and was here before"),
                        "give each node a name of its own: --node NAME",
                    ));
                }
                if self.is_heard {
                    tracing::warn!(%node, "another program says that it is this node; it should end by itself");
                }
                false
            }
            Some(told) => {
                self.is_heard |= own;
                // Our own beat may say what was true before we were told to drain.
                let draining = if own { self.drains() } else { told.draining };
                // A pattern that a later version has and this one cannot read is passed over.
                let zones = told.zones.iter().filter_map(|zone| zone.parse().ok()).collect();
                self.presence.heard(&Beat { node: node.clone(), number: told.number, draining, zones })
            }
        };
        if changed {
            let present: Vec<&str> = self.presence.members().keys().map(NodeName::as_str).collect();
            tracing::info!(%node, ?present, "nodes");
            self.rank_all();
        }
        Ok(changed)
    }

    fn drain_changed(&mut self) {
        let drains = self.drains();
        self.presence.drain(drains);
        self.rank_all();
    }

    fn rank_all(&mut self) {
        for (zone, slot) in &mut self.slots {
            let ranking = rank(zone, &self.presence);
            if ranking.first != slot.ranking.first {
                slot.first_ready = false;
            }
            slot.ranking = ranking;
        }
    }

    fn take(&mut self, happened: Happened) {
        match happened {
            Happened::Started(zone, started) => {
                let Some(slot) = self.slots.get_mut(&zone) else { return };
                match *started {
                    Ok(live) => {
                        let router = http::router(live.clone(), Arc::clone(&self.template.auth));
                        self.node.put(zone, Here { live: live.clone(), router });
                        slot.engine = Engine::On(live);
                    }
                    Err(error) => {
                        tracing::error!(%zone, %error, "the zone cannot be run");
                        (slot.engine, slot.failed_at) = (Engine::Off, Some(clock::monotonic()));
                    }
                }
            }
            Happened::Stopped(zone) => {
                let Some(slot) = self.slots.get_mut(&zone) else { return };
                (slot.engine, slot.told) = (Engine::Off, None);
                self.teller.tell(zone_key(&zone, &self.node.name), None);
            }
            Happened::First { zone, first, ready } => {
                let Some(slot) = self.slots.get_mut(&zone) else { return };
                slot.asking = false;
                slot.first_ready = ready && slot.ranking.first.as_ref().is_some_and(|now| now.as_str() == first);
            }
            Happened::Looked { zone, free } => {
                let Some(slot) = self.slots.get_mut(&zone) else { return };
                slot.asking = false;
                slot.free_looks = if free { slot.free_looks + 1 } else { 0 };
            }
        }
    }

    /// Looks at all zones, and does what is to be done.
    fn step(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        for (zone, slot) in &mut slots {
            self.step_zone(zone, slot);
        }
        self.slots = slots;
    }

    fn step_zone(&self, zone: &ZoneName, slot: &mut Slot) {
        let me = Some(self.presence.me());
        let (is_first, is_second) = (slot.ranking.first.as_ref() == me, slot.ranking.second.as_ref() == me);
        if is_first || is_second {
            slot.idle_since = None;
        }
        let standing = Standing {
            owns: matches!(&slot.engine, Engine::On(live) if live.epoch().is_some()),
            caught_up: matches!(&slot.engine, Engine::On(live) if live.has_caught_up()),
            first_ready: slot.first_ready,
            free_looks: slot.free_looks,
            // A zone that has never run here does not linger.
            idle_beats: match (&slot.engine, is_first || is_second) {
                (Engine::Off, false) => u32::MAX,
                (_, true) => 0,
                (_, false) => (self.number - *slot.idle_since.get_or_insert(self.number)) as u32,
            },
        };
        let decision = decide(&slot.ranking, &self.presence, standing);
        match &slot.engine {
            Engine::Off if decision.run => {
                let again = slot.failed_at.is_none_or(|at| at.elapsed() >= START_AGAIN);
                if again && self.ending.is_none() {
                    slot.engine = Engine::Starting;
                    self.start_engine(zone.clone());
                }
            }
            Engine::On(live) if !decision.run || live.has_ended() => {
                self.node.take(zone);
                let (live, zone, reports) = (live.clone(), zone.clone(), self.reports.clone());
                tokio::spawn(async move {
                    live.stop().await;
                    let _ = reports.send(Happened::Stopped(zone)).await;
                });
                slot.engine = Engine::Stopping;
            }
            Engine::On(live) => {
                live.own(decision.own);
                self.tell(zone, slot.engine.live(), &mut slot.told);
                if !slot.asking && decision.ask_first && !slot.first_ready {
                    slot.asking = true;
                    self.ask_first(zone.clone(), &slot.ranking);
                }
                let due = slot.looked_at.is_none_or(|at| at.elapsed() >= Duration::from_millis(LOOK_MILLIS));
                if is_second && standing.caught_up && !standing.owns && !slot.asking && due {
                    (slot.asking, slot.looked_at) = (true, Some(clock::monotonic()));
                    self.look(zone.clone());
                }
                if standing.owns {
                    slot.free_looks = 0;
                } else {
                    slot.first_ready = false;
                }
            }
            Engine::Off | Engine::Starting | Engine::Stopping => {}
        }
    }

    fn start_engine(&self, zone: ZoneName) {
        let template = self.template.clone();
        let setup = Setup {
            log: self.node.log.clone(),
            zone: zone.clone(),
            network: template.network,
            data: Some(template.data),
            pool: template.pool,
            owner: Some(self.node.name.to_string()),
            own: false,
            base_every: template.base_every,
            accept_gap: template.accept_gap,
        };
        // What the program that had this name before said of the zone must not be believed.
        let told = ZoneTold { state: State::Starting, epoch: None, applied: 0, unanswered: 0, overload: 0 };
        let value = Bytes::from(serde_json::to_vec(&told).unwrap_or_default());
        self.teller.tell(zone_key(&zone, &self.node.name), Some(value));
        let (starts, reports) = (Arc::clone(&self.starts), self.reports.clone());
        tokio::spawn(async move {
            let _turn = starts.acquire_owned().await;
            let started = live::start(setup).await;
            let _ = reports.send(Happened::Started(zone, Box::new(started))).await;
        });
    }

    /// Says how this node stands with a zone, when that has changed or was said long ago.
    fn tell(&self, zone: &ZoneName, live: Option<&Live>, told: &mut Option<(ZoneTold, Instant)>) {
        let Some(live) = live else { return };
        let epoch = live.epoch();
        let state = match (live.has_caught_up(), epoch) {
            (_, Some(_)) if self.drains() => State::Draining,
            (_, Some(_)) => State::Owner,
            (true, None) => State::Standby,
            (false, None) => State::Starting,
        };
        let (applied, unanswered) = live.metrics.standing();
        let overload = live.admission.level();
        let now = ZoneTold { state, epoch, applied, unanswered, overload };
        let stays =
            |before: &ZoneTold| (before.state, before.epoch, before.overload) == (now.state, now.epoch, now.overload);
        let known = told.as_ref().is_some_and(|(before, at)| stays(before) && at.elapsed() < TELL_EVERY);
        if !known {
            let value = Bytes::from(serde_json::to_vec(&now).unwrap_or_default());
            self.teller.tell(zone_key(zone, &self.node.name), Some(value));
            *told = Some((now, clock::monotonic()));
        }
    }

    /// Asks whether the node that comes first has caught up with a zone.
    fn ask_first(&self, zone: ZoneName, ranking: &Ranking) {
        let Some(first) = ranking.first.clone() else { return };
        let (node, reports) = (Arc::clone(&self.node), self.reports.clone());
        tokio::spawn(async move {
            let told = node.buckets.told(&zone_key(&zone, &first)).await.ok().flatten();
            let told = told.and_then(|told| serde_json::from_slice::<ZoneTold>(&told).ok());
            let ready = told.is_some_and(|told| told.state != State::Starting);
            let _ = reports.send(Happened::First { zone, first: first.to_string(), ready }).await;
        });
    }

    /// Looks whether a zone's lease is free.
    fn look(&self, zone: ZoneName) {
        let (node, reports) = (Arc::clone(&self.node), self.reports.clone());
        tokio::spawn(async move {
            let free = node.buckets.owner(&zone).await.is_ok_and(|owner| owner.is_none());
            let _ = reports.send(Happened::Looked { zone, free }).await;
        });
    }

    /// Whether it was told to end and nothing keeps it: no zone is owned, nobody is left to give it to, or it has waited for long.
    fn has_ended(&self) -> bool {
        let Some(since) = self.ending else { return false };
        // A zone that no other node may run, or only ones that end or drain too, is not waited for.
        let waits = self.slots.values().any(|slot| {
            let is_wanted = slot.ranking.first.as_ref().is_some_and(|first| !self.presence.drains(first));
            is_wanted && slot.engine.live().is_some_and(|live| live.epoch().is_some())
        });
        !waits || since.elapsed() > DRAIN_MAX
    }

    /// Stops every engine, and says goodbye.
    async fn end(self) {
        let stops = self.slots.values().filter_map(|slot| slot.engine.live().cloned());
        futures::future::join_all(stops.map(|live| async move { live.stop().await })).await;
        for zone in self.slots.keys() {
            self.node.buckets.untell(&zone_key(zone, &self.node.name)).await;
        }
        self.node.buckets.leave(self.node.name.as_str()).await;
    }
}

impl Engine {
    fn live(&self) -> Option<&Live> {
        match self {
            Self::On(live) => Some(live),
            Self::Off | Self::Starting | Self::Stopping => None,
        }
    }
}
