//! How an engine comes up: from its snapshot, from a base, or from the first entry; or why it cannot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fleetfold_engine::Engine;
use fleetfold_fleet::{Fleet, Tally};
use fleetfold_journal::{Begin, Covered, Held, PolicyAt, begin};
use fleetfold_model::{LogSeq, MessageHash, Millis};
use tokio::sync::{mpsc, watch};

use super::admission::Admission;
use super::handover::{Giver, Signals};
use super::in_hand::InHand;
use super::skip_list::Passed;
use super::{CORES_KEPT, Live, Readiness, Setup, Worker, bases, earlier, intake, keeper, mark, quarantine, telling};
use crate::clock::{self, LogClock};
use crate::document::Document;
use crate::gatekeeper;
use crate::hub::Hub;
use crate::known_names::KnownNames;
use crate::last_values;
use crate::log::{Log, LogError, Stream, ZoneName};
use crate::metrics::Metrics;
use crate::personal::Words;
use crate::publisher;
use crate::references::References;
use crate::screens;
use crate::snapshot;
use crate::sources::Sources;
use crate::threads;
use crate::trace::Traces;
use crate::verify::Verify;
use crate::view;
use crate::warnings::Warnings;

/// Says that a zone's log has a gap.
pub(crate) fn log_gap(needed: u64, held: Held) -> String {
    let named = held.expired.filter(|&seq| seq >= needed);
    let shown = named.map_or(String::new(), |seq| format!("; entry {seq} is known to have been the zone's"));
    format!("LOG_GAP: entries from {needed} on are needed, the log begins at {}{shown}", held.stream_first)
}

/// Says that the stream has dropped entries which what a fold begins with has not seen: it has come to `applied`, and of a zone in
/// which nothing happened nothing is missing. `None`: it has dropped none, or nothing was folded yet.
pub(crate) fn unseen(applied: u64, held: Held) -> Option<String> {
    let last = held.stream_first.saturating_sub(1);
    (applied > 0 && last > applied).then(|| {
        let next = applied + 1;
        format!(
            "entries from {next} to {last} of the stream have expired, and this fold has come to {applied} only; nothing shows that \
             one of them was this zone's. If one was (sent while no engine ran), it is lost: send it again"
        )
    })
}

/// The threads that search, for all zones of the program. `count`: how many; `None`: one fewer than cores.
///
/// # Errors
///
/// When the system gives no threads.
pub(crate) fn search_pool(count: Option<usize>) -> Result<Arc<rayon::ThreadPool>, LogError> {
    let count = count.unwrap_or_else(|| {
        std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(CORES_KEPT).max(1))
    });
    // Answers are made side by side on threads of their own, which come before those that search.
    let _ = rayon::ThreadPoolBuilder::new().thread_name(|index| format!("answer-{index}")).build_global();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count).thread_name(|index| format!("search-{index}"));
    let pool = pool.start_handler(|_| threads::give_way(threads::SEARCH)).build();
    pool.map(Arc::new)
        .map_err(|error| LogError::new(format!("no threads for searching: {error}"), "allow more threads"))
}

/// Where a zone's fold begins.
pub(crate) struct Beginning {
    fleet: Fleet,
    tally: Tally,
    /// Entries above this sequence are read.
    pub(crate) read_after: u64,
    /// The last entry that the snapshot has folded, to be found again.
    expected: Option<intake::Expected>,
    /// The hash of the last entry that was folded; `None`: it is not known, since the fold begins with a base or with nothing.
    last_hash: Option<MessageHash>,
    /// There was no snapshot to begin with.
    folds_anew: bool,
    /// Up to there the fold is a snapshot's, which has passed over these entries, in order; `None`: it begins with a base or with nothing,
    /// or with a snapshot that does not say.
    skipped: Option<Vec<u64>>,
    held: Held,
    /// Entries that may have been lost: see [`unseen`].
    pub(crate) unseen: Option<String>,
}

/// Loads the newest snapshot, or a base where it is of more use, and checks that the log is still the one it was made from.
///
/// # Errors
///
/// When the log does not answer, has lost what we need, or is not the one we folded.
pub(crate) async fn beginning(
    log: &Log,
    zone: &ZoneName,
    folder: Option<&Path>,
    accept_gap: bool,
) -> Result<Beginning, LogError> {
    let folder = folder.filter(|folder| !snapshot::list(folder).is_empty());
    let listed = if folder.is_some() { log.skipped(zone).await? } else { Vec::new() };
    let loaded = folder.and_then(|folder| snapshot::newest(folder, zone, &listed));
    let folds_anew = loaded.is_none();
    let (mut fleet, mut tally, mut last_hash, mut skipped) =
        loaded.map_or((Fleet::new(), Tally::default(), None, None), |loaded| {
            let snapshot::Loaded { header, fleet, tally, skipped } = loaded;
            (fleet, tally, Some(header.last_hash), skipped)
        });
    let applied = fleet.applied().0;
    let covered = Covered { applied, rev: fleet.chain().rev };
    // Asked for before the log's end, so that it never lies beyond.
    let vouched = if applied == 0 { bases::vouched(log, zone).await? } else { None };
    let (mut held, mut base) = bases::look(log, zone, applied).await?;
    if let Some(vouched) =
        vouched.filter(|vouched| base.as_ref().is_none_or(|base| base.covered() <= vouched.covered()))
    {
        (held.base, held.base_is_named) = (Some(vouched.covered()), true);
        base = Some(vouched);
    }
    let (read_after, expected) = match begin(covered, held) {
        Begin::After { after, verify } => {
            let expected = last_hash.filter(|_| verify).map(|hash| intake::Expected { seq: applied, hash });
            (after, expected)
        }
        Begin::AtBase { applied } => {
            let base = base.expect("a start at a base has one");
            tracing::info!(
                base = base.object,
                first = held.stream_first,
                "beginning with the base, and what came after it"
            );
            (fleet, tally, last_hash, skipped) = (base.fleet, base.tally, None, None);
            (applied, None)
        }
        Begin::Regressed { applied, last, by_base } => return Err(bases::log_regressed(zone, applied, last, by_base)),
        Begin::Expired { needed } if accept_gap => {
            let first = held.stream_first;
            tracing::warn!(needed, first, "LOG_GAP accepted: beginning although entries from `needed` on have expired");
            match base {
                Some(base) if base.fleet.applied() > fleet.applied() => {
                    (fleet, tally, last_hash, skipped) = (base.fleet, base.tally, None, None);
                    (fleet.applied().0, None)
                }
                Some(_) | None => (applied, None),
            }
        }
        Begin::Expired { needed } => {
            return Err(LogError::new(
                log_gap(needed, held),
                "entries have expired and no base covers them: restore a newer snapshot into the data folder, or begin \
                 without them (--accept-gap)",
            ));
        }
    };
    let unseen = unseen(fleet.applied().0, held);
    Ok(Beginning { fleet, tally, read_after, expected, last_hash, folds_anew, skipped, held, unseen })
}

/// Begins where the zone can be begun ([`beginning`]), and starts the engine.
///
/// # Errors
///
/// As [`beginning`].
pub(crate) async fn start(setup: Setup) -> Result<Live, LogError> {
    let (log, zone) = (setup.log.clone(), setup.zone.clone());
    let folder = setup.data.as_ref().map(|data| data.join(zone.key()));
    let in_hand = Arc::new(InHand::open(folder.as_deref()));
    let left = Box::pin(quarantine::settle(&log, &zone, &in_hand)).await?;
    let begins = Box::pin(beginning(&log, &zone, folder.as_deref(), setup.accept_gap)).await?;
    let Beginning { fleet, tally, read_after, expected, last_hash, folds_anew, skipped, held, unseen } = begins;
    if let Some(unseen) = unseen {
        tracing::warn!(%zone, "{unseen}");
    }
    let has_base = bases::are_there(&log, &zone).await?;
    log.ensure(Stream::Fleet, &zone).await?;
    let last = held.zone.map_or(0, |(_, last)| last);
    for odd in log.odd_settings(&zone).await.unwrap_or_default() {
        let name = log.stream_name(Stream::Fleet, &zone);
        let what = format!("stream {name} drops facts before their time: {}", odd.words);
        if odd.makes_holes && !setup.accept_gap {
            return Err(LogError::new(
                what,
                "set it back (`nats stream edit`, or make the stream again): a zone whose log has holes cannot be begun again. Or \
                 go on in spite of it (--accept-gap)",
            ));
        }
        tracing::warn!("{what}; a zone whose log has a hole cannot be started");
    }
    let (removed, evidence) = log.evidence(&zone, read_after).await?;
    if removed.count > 0 {
        tracing::warn!(
            removed = removed.count,
            above = read_after,
            "entries were removed from the stream of facts, of this zone or of another: whether the zone lacks any shows when its \
             plans are compared with the fold"
        );
    }
    let mut gate = gatekeeper::gate(&log, &zone, PolicyAt::of(&fleet)).await?;
    // A snapshot says what it has passed over. What was listed since and lies before its end, it has folded.
    let listed = gate.skipped().into_iter().filter(|&seq| skipped.is_none() || seq > fleet.applied().0);
    let of_snapshot = skipped.iter().flatten().copied().filter(|&seq| seq >= held.stream_first);
    let passed = Arc::new(Passed::new(listed.chain(of_snapshot), fleet.applied().0));
    gate.forget_before(LogSeq(held.stream_first));
    let chain_epoch = Arc::new(AtomicU64::new(fleet.chain().epoch));
    let reader = log.read(Stream::Fleet, &zone, read_after).await?;
    // From here on nothing is asked: a start that fails leaves nothing running, and can be tried again.
    let positions = log.read(Stream::Position, &zone, 0).await?;
    let (warnings, strict) = (Warnings::default(), Arc::new(AtomicBool::new(fleet.policy().strict)));
    let admission = Arc::new(Admission::default());
    let (policy, in_force) = watch::channel(PolicyAt::of(&fleet));
    let readiness = Arc::new(Readiness::default());
    let (zone_now, opened) = watch::channel(fleet.zone().clone());
    let sources = Sources::default();
    let names = KnownNames::of(&fleet);
    let odd = (fleet.zone().clone(), warnings.clone(), sources.clone());
    let words = Words::new(log.clone(), zone.clone());
    let told = (Arc::clone(&readiness), Arc::clone(&in_hand), Arc::clone(&passed));
    let entries = intake::start(words.clone(), gate, (expected, folds_anew), reader, odd, in_force, told);
    let refused = telling::start(log.clone(), zone.clone());

    let metrics = Arc::new(Metrics::new());
    let (questions, questioned) = mpsc::channel(256);
    let (asks, asked) = mpsc::channel(16);
    let (hands, handed) = mpsc::unbounded_channel();
    let signals = Arc::new(Signals::default());
    let (inputs, inbox) = mpsc::channel(4096);
    let (stop, stopped) = watch::channel(false);
    let (finish, done) = watch::channel(false);
    let hub = Arc::new(Hub::new(clock::wall().0 as u64));
    let space = setup.network.space();
    let streets: Vec<view::StreetRow> = setup
        .network
        .streets()
        .into_iter()
        .map(|street| {
            let (a, b) = (view::lon_lat(space, street.from), view::lon_lat(space, street.to));
            (a[0], a[1], b[0], b[1], street.class, street.name, street.road as i64)
        })
        .collect();
    let streets = Arc::new(Document::new(view::text(&streets)));
    let references = References::default();
    let values = last_values::start(setup.log.clone(), setup.zone.clone(), references.clone());
    let publisher = publisher::start(setup.log.clone(), setup.zone.clone(), Arc::clone(&readiness), references.clone());
    // Who has none to begin with in a need gets one at once.
    let bases_lost = Arc::new(AtomicBool::new(!has_base));
    let (kept, tell_again) = (setup.log.clone(), publisher.tell_again());
    let told = (Arc::clone(&admission), Arc::clone(&metrics));
    keeper::start(kept, setup.zone.clone(), Arc::clone(&readiness), tell_again, Arc::downgrade(&bases_lost), told);
    screens::start(Arc::clone(&signals), Arc::clone(&hub), handed, questioned)
        .map_err(|error| LogError::new(format!("no thread for the screens: {error}"), "allow more threads"))?;
    let listeners = earlier::Listeners {
        questions: questions.clone(),
        references: references.clone(),
        warnings: warnings.clone(),
        zone: opened.clone(),
        network: Arc::clone(&setup.network),
    };
    earlier::start(words.clone(), fleet.applied().0, listeners);
    let (own, wanted) = watch::channel(setup.own);
    let owner = setup.owner.unwrap_or_else(|| format!("{}-{}", std::process::id(), hub.start));
    let live = Live {
        questions,
        asks,
        copied: Arc::default(),
        signals: Arc::clone(&signals),
        hub: Arc::clone(&hub),
        metrics: Arc::clone(&metrics),
        readiness: Arc::clone(&readiness),
        network: Arc::clone(&setup.network),
        streets,
        zone: setup.zone.clone(),
        log: setup.log.clone(),
        warnings: warnings.clone(),
        sources: sources.clone(),
        names: names.clone(),
        words,
        strict: Arc::clone(&strict),
        opened,
        posted: Arc::default(),
        admission: Arc::clone(&admission),
        owner: owner.clone(),
        stop: Arc::new(stop),
        own: Arc::new(own),
        done,
    };
    let clock = LogClock::new();
    follow_the_log(&log, &zone, &clock).await;
    let (mark, changed) = (mark::start(setup.log.clone(), setup.zone.clone()), (0, fleet.digest()));
    let worker = Worker {
        verify: Verify::from(&fleet),
        evidence: Arc::new(Mutex::new(evidence)),
        doubted: None,
        warnings,
        sources,
        names,
        accept_gap: setup.accept_gap,
        folds_anew,
        network: Arc::clone(&setup.network),
        engine: Engine::new(fleet, setup.network)
            .leaving(left)
            .with_regions_side_by_side(setup.pool.current_num_threads())
            .watched(Arc::<InHand>::clone(&in_hand)),
        tally,
        giver: Giver::new(signals, hands),
        clock,
        log: setup.log,
        zone: setup.zone,
        folder,
        appended: None,
        folding: None,
        reused: false,
        labels: None,
        forgot: Arc::default(),
        forgets_in_bases: Arc::default(),
        last_hash,
        traces: Traces::default(),
        verified: expected.is_none(),
        snapshot_at: clock::monotonic(),
        snapshot_took: Arc::default(),
        snapshot_applied: read_after,
        base_every: setup.base_every,
        base_tried: None,
        bases_lost,
        writes_base: Arc::new(AtomicBool::new(false)),
        pool: setup.pool,
        abandon: Arc::new(AtomicBool::new(false)),
        inputs,
        publisher,
        references,
        values,
        runtime: tokio::runtime::Handle::current(),
        metrics,
        readiness,
        strict,
        zone_now,
        policy,
        refused,
        kept_refused: telling::Kept::default(),
        hints: crate::warnings::Hints::default(),
        admission,
        held_positions: BTreeMap::new(),
        positions_at: clock::monotonic(),
        ticked_at: clock::monotonic(),
        chain_epoch,
        changed,
        mark,
        owner,
        own: wanted,
        caught_up_at: last,
        gone: None,
        in_hand,
        passed,
        read_back: 0,
    };
    std::thread::Builder::new()
        .name("engine".to_owned())
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            if let Ok(runtime) = runtime {
                runtime.block_on(worker.run(entries, positions, inbox, asked, stopped));
            }
            let _ = finish.send(true);
        })
        .map_err(|error| LogError::new(format!("no thread for the engine: {error}"), "allow more threads"))?;
    Ok(live)
}

/// How often the log is asked what time it is: two clocks drift apart by less than a millisecond within it.
const TIME_ASKED_EVERY: Duration = Duration::from_secs(30);
/// And how soon again when it did not say, or too slowly.
const TIME_ASKED_AGAIN: Duration = Duration::from_secs(5);
/// An answer that was on its way for longer says too little of what time it is: the broker, or this program, may have stood still meanwhile.
const TIME_SAID_WITHIN: Duration = Duration::from_millis(500);
/// So far apart the wall clock of this machine and the log's time are told.
const APART: Millis = Millis(5_000);

/// Sets the clock by the log's own time, now and from then on for as long as somebody holds it.
async fn follow_the_log(log: &Log, zone: &ZoneName, clock: &LogClock) {
    let mut is_set = set_by_log(log, zone, clock, true).await;
    let (log, zone, clock) = (log.clone(), zone.clone(), clock.clone());
    tokio::spawn(async move {
        while clock.is_held() {
            tokio::time::sleep(if is_set { TIME_ASKED_EVERY } else { TIME_ASKED_AGAIN }).await;
            is_set = set_by_log(&log, &zone, &clock, false).await;
        }
    });
}

/// False: the log did not say what time it is, or too slowly to be believed.
async fn set_by_log(log: &Log, zone: &ZoneName, clock: &LogClock, is_first: bool) -> bool {
    let asked = clock::monotonic();
    let Some(said) = log.time(zone).await else { return false };
    let took = asked.elapsed();
    if took > TIME_SAID_WITHIN {
        return false;
    }
    // The answer was half of the time on its way back, as far as anybody knows.
    let now = said + Millis((took / 2).as_millis() as i64);
    let ahead = clock::wall() - now;
    if is_first && ahead.0.abs() > APART.0 {
        tracing::warn!(
            %zone,
            "the clock of this machine is {} s {} the log's: the log's time counts; set the clock",
            ahead.0.abs() / 1_000,
            if ahead.0 > 0 { "ahead of" } else { "behind" }
        );
    }
    clock.told(now);
    true
}
