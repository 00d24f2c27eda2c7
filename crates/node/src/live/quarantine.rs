//! An entry that has ended two runs in a row is taken out of the fold, where that cannot make two folds of one log differ.
//!
//! It goes onto the list of skipped entries, as what is rejected does, so that every engine, standby and command passes it over from
//! then on. That is right only as long as nobody has folded it and told of it: whoever folds the log without the entry would come to
//! another fleet than the engine that wrote a plan, a base or a route with it. So the start takes the zone's lease first, which nobody
//! can hold at the same time, and then looks for a trace of such an engine. An engine that has folded the entry and told nothing of it yet
//! finds the entry on the list before it owns the zone ([`super::skip_list::Passed`]), and its snapshots are passed over.

use std::time::Duration;

use fleetfold_journal::address::parse;
use fleetfold_journal::base::parse as parse_base;
use fleetfold_journal::{Address, Suspect, ZoneName};
use fleetfold_model::{Event, LogSeq};
use fleetfold_wire::{What, decode, message_hash};

use super::in_hand::InHand;
use super::mark;
use super::telling::{self, AGAIN, Untaken};
use crate::clock;
use crate::log::{Lease, Log, LogError, Message, Stream};

/// The word under which it is told.
const CODE: &str = "quarantined";
/// A lease that an engine left behind when it died is over after 3 s; so long it is tried to get it.
const LEASE_TRIED: Duration = Duration::from_secs(6);
/// A lease of 3 s counts for so long from before it was asked for.
const LEASE_TRUSTED: Duration = Duration::from_secs(2);

/// Deals with a suspect whose quarantine is due, and says which facts must be left unanswered, because they cannot be passed over: perhaps
/// it is only their answer that ends the engine.
///
/// # Errors
///
/// When the log does not answer. Then the start is tried again.
pub(super) async fn settle(log: &Log, zone: &ZoneName, in_hand: &InHand) -> Result<Vec<LogSeq>, LogError> {
    for left in in_hand.left() {
        if let Kept::Never = kept(log, zone, left).await? {
            in_hand.acquit(|suspect| *suspect == left);
        }
    }
    if let Some(suspect) = in_hand.suspect().filter(|suspect| suspect.is_due()) {
        pass_over(log, zone, in_hand, suspect).await?;
    }
    Ok(in_hand.left().iter().map(|left| LogSeq(left.seq)).collect())
}

/// What the log has of an entry.
enum Kept {
    /// Its message.
    Here(Message),
    /// It does not keep it any more.
    NoMore,
    /// It has never had it: this is another log.
    Never,
}

async fn kept(log: &Log, zone: &ZoneName, Suspect { seq, hash, .. }: Suspect) -> Result<Kept, LogError> {
    let Some(message) = log.get(Stream::Fleet, zone, seq).await? else {
        let last = log.bounds(Stream::Fleet, zone).await?.1;
        return Ok(if seq <= last { Kept::NoMore } else { Kept::Never });
    };
    let is_ours = parse(&message.subject).is_some_and(|(whose, _)| whose == *zone);
    let is_it = is_ours && (hash.0 == 0 || message_hash(&message.bytes) == hash);
    Ok(if is_it { Kept::Here(message) } else { Kept::Never })
}

/// Takes a suspect out of the fold; or it is left unanswered from now on.
async fn pass_over(log: &Log, zone: &ZoneName, in_hand: &InHand, suspect: Suspect) -> Result<(), LogError> {
    let Suspect { seq, deaths, .. } = suspect;
    let message = match kept(log, zone, suspect).await? {
        Kept::Here(message) => message,
        Kept::NoMore => {
            tracing::error!(
                %zone, seq, deaths,
                "entry {seq} has ended {deaths} runs of this engine in a row, and the log does not keep it any more, so that it cannot be \
                 passed over. As long as it waits for its answer, this engine leaves it unanswered. It is answered by a version or a machine \
                 that gets past it"
            );
            in_hand.leaves(suspect, None);
            return Ok(());
        }
        Kept::Never => {
            in_hand.clear();
            return Ok(());
        }
    };
    let what = format!(
        "{deaths} runs of an engine in a row ended in the middle of this entry; no engine is known to have got past it, so it is \
         passed over"
    );
    if log.skipped(zone).await?.binary_search(&seq).is_err()
        && let Some(why) = skip(log, zone, seq).await?
    {
        tracing::error!(
            %zone, seq, subject = message.subject, deaths,
            "entry {seq} has ended {deaths} runs of this engine in a row, and cannot be passed over: {why}. Whoever folded the log \
             without it would come to another fleet. It is folded once more, and this engine leaves it unanswered. If the engine ends \
             again: run the version or the machine that got past it; or copy the zone's data folder from there to here; and report the \
             entry (`/v1/entries/{seq}`, `nats stream get`)"
        );
        in_hand.leaves(suspect, Some(message_hash(&message.bytes)));
        return Ok(());
    }
    tracing::error!(
        %zone, seq, subject = message.subject, deaths,
        "entry {seq} is QUARANTINED: it has ended {deaths} runs of this engine in a row, and is passed over from now on, by every \
         engine and command. `fleetfold rejected show {seq}` shows it; once what it did to the engine is mended, `fleetfold rejected \
         replay {seq}` sends it again. Please report it"
    );
    telling::tell(log, zone, &Untaken { message, code: CODE, what }, |_| {}).await;
    in_hand.clear();
    Ok(())
}

/// Notes the entry as skipped, if nobody can have told of it; otherwise says why not.
async fn skip(log: &Log, zone: &ZoneName, seq: u64) -> Result<Option<String>, LogError> {
    let begun = clock::monotonic();
    let owner = format!("quarantine-{}-{}", std::process::id(), clock::wall().0);
    let (lease, asked) = loop {
        // Looking at the lease finds one that nobody renews.
        let _ = log.leased(zone).await;
        let asked = clock::monotonic();
        if let Some(lease) = log.acquire(zone, &owner, 0).await? {
            break (lease, asked);
        }
        if begun.elapsed() > LEASE_TRIED {
            return Ok(Some("another engine owns the zone, and has folded it or is about to".to_owned()));
        }
        tokio::time::sleep(AGAIN).await;
    };
    let skipped = skip_as_owner(log, zone, seq, (lease, asked)).await;
    log.release(zone, lease).await;
    skipped
}

async fn skip_as_owner(
    log: &Log,
    zone: &ZoneName,
    seq: u64,
    (_lease, asked): (Lease, std::time::Instant),
) -> Result<Option<String>, LogError> {
    if let Some(trace) = trace(log, zone, seq).await? {
        return Ok(Some(trace));
    }
    log.ensure_skipped().await?;
    if asked.elapsed() > LEASE_TRUSTED {
        return Err(LogError::new(
            format!("the log answered too slowly to pass over entry {seq} of {zone} safely"),
            "nothing: it is tried again at the next start",
        ));
    }
    log.skip(zone, seq).await?;
    Ok(None)
}

/// What shows that an engine has folded the entry and told of it; `None`: nothing does.
async fn trace(log: &Log, zone: &ZoneName, seq: u64) -> Result<Option<String>, LogError> {
    let plans = zone.subject(&Address::Plan);
    let mut from = seq + 1;
    while let Some(message) = log.first(Stream::Fleet, &plans, from).await? {
        from = message.seq + 1;
        if let Ok(decoded) = decode(&message.bytes)
            && let What::Event(Event::PlanProposed(plan)) = decoded.what
            && plan.based_on >= LogSeq(seq)
        {
            return Ok(Some(format!(
                "plan {} (entry {}) was made by an engine that had folded it",
                plan.rev, message.seq
            )));
        }
    }
    for object in log.list_objects(&format!("{}.", zone.key())).await? {
        if parse_base(&object).is_some_and(|(whose, applied, _)| whose == *zone && applied.0 >= seq) {
            return Ok(Some(format!("the base {object} was made by an engine that had folded it")));
        }
    }
    if log.told_revisions(zone).await?.iter().any(|revision| revision.0 >= seq) {
        return Ok(Some("a driver was told a route by an engine that had folded it".to_owned()));
    }
    if let Some(folded) = mark::folded(log, zone).await?.filter(|&folded| folded >= seq) {
        return Ok(Some(format!("an owner of the zone had folded the log up to entry {folded}")));
    }
    Ok(None)
}
