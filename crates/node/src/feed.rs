//! Playing a day into a log, with simulated drivers who answer to the published assignments.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_engine::virtual_time::{Happening, World};
use fleetfold_fleet::Zone;
use fleetfold_journal::Address;
use fleetfold_journal::address::fact_id;
use fleetfold_model::{Event, Millis, Space, Timestamp};
use fleetfold_sim::Pretend;
use fleetfold_wire::{assignment_from_json, encode, encode_position};
use tokio::sync::watch;

use crate::clock::LogClock;
use crate::log::{AppendError, Log, LogError, Stream, ZoneName};

/// Publishes that may be under way at once; their order in the log is then the order of sending.
const TRIES_MAX: u32 = 60;

/// Appends one fact, again and again until the log has confirmed it: the id makes repeats harmless.
pub(crate) async fn append_fact(
    log: &Log,
    zone: &ZoneName,
    event: &Event,
    space: Space,
    source: &str,
    id: &str,
    at: Timestamp,
) -> Result<u64, LogError> {
    append_message(log, zone, event, Bytes::from(encode(event, space, source, id, at).to_bytes()), source, id).await
}

/// The same where the message of the event is made already: it may say more than the event, which is where it goes.
pub(crate) async fn append_message(
    log: &Log,
    zone: &ZoneName,
    event: &Event,
    bytes: Bytes,
    source: &str,
    id: &str,
) -> Result<u64, LogError> {
    let subject = zone.subject(&Address::of_event(event));
    let message_id = fact_id(zone, source, id);
    for _ in 0..TRIES_MAX {
        match log.append(Stream::Fleet, subject.clone(), message_id.clone(), bytes.clone(), None).await {
            Ok(stored) => return Ok(stored.seq),
            Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                return Err(LogError::new(
                    format!("the log refuses a fact: {why}"),
                    "make room, then feed again: what is there already is not doubled",
                ));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    Err(LogError::new("the log has not confirmed a fact for a minute", "check the broker, then feed again"))
}

/// A fed day is over when every order has been closed and every driver at rest for this long.
const QUIET: Duration = Duration::from_secs(3);

/// Plays a world into a log at `rate` zone seconds per second. `zone_opened` is the mapping it was given.
///
/// # Errors
///
/// When the log does not take a fact.
pub(crate) async fn play(
    mut world: Pretend,
    log: &Log,
    zone: &ZoneName,
    mapping: &Zone,
    listen: bool,
    mut stop: watch::Receiver<bool>,
    mut progress: impl FnMut(u64),
) -> Result<u64, LogError> {
    let mut assignments = if listen { Some(log.read(Stream::Assignment, zone, 0).await?) } else { None };
    let clock = LogClock::new();
    let source = format!("/pretend/{zone}");
    let mut sent = 0u64;
    let mut position_ids: BTreeMap<String, u64> = BTreeMap::new();
    let mut over_since: Option<std::time::Instant> = None;
    loop {
        let Some(next) = world.next() else { return Ok(sent) };
        if listen && world.is_over() {
            // An assignment may still be on its way to a driver.
            if over_since.get_or_insert_with(crate::clock::monotonic).elapsed() > QUIET {
                return Ok(sent);
            }
        } else {
            over_since = None;
        }
        let due = mapping.log_time(next);
        let longest = if over_since.is_some() { 500 } else { 3_600_000 };
        let wait = (due - clock.now()).0.clamp(0, longest) as u64;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(sent),
            message = async { match assignments.as_mut() { Some(reader) => reader.message().await, None => std::future::pending().await } } => {
                let Some(message) = message else { return Ok(sent) };
                if let Ok(assignment) = assignment_from_json(&message.bytes) {
                    let now = mapping.zone_time(clock.now());
                    world.told(&assignment, now);
                }
            }
            () = tokio::time::sleep(Duration::from_millis(wait)) => {
                let now = mapping.zone_time(clock.now());
                if now < next && over_since.is_some() {
                    continue;
                }
                let now = now.max(next);
                for happening in world.take(now) {
                    match happening {
                        Happening::Fact(id, event) => {
                            append_fact(log, zone, &event, mapping.space, &source, &format!("{id:016x}"), now).await?;
                            sent += 1;
                        }
                        Happening::Position(report) => {
                            let number = position_ids.entry(report.vehicle.to_string()).or_default();
                            *number += 1;
                            let phone = format!("/phones/{}", report.vehicle);
                            let envelope = encode_position(&report.vehicle, report.position, mapping.space, &phone, &number.to_string(), report.at);
                            let bytes = Bytes::from(envelope.to_bytes());
                            let subject = zone.subject(&Address::of_position(&report.vehicle));
                            // A lost position is followed by the next one.
                            let _ = log.append(Stream::Position, subject, String::new(), bytes, None).await;
                        }
                    }
                }
                progress(world.progress());
            }
        }
    }
}

/// The mapping of a fast day: zone time starts at `day_start` now and runs `rate` times as fast.
pub(crate) fn mapping(day_start: Timestamp, rate: u32, space: Space, timezone: &str) -> Zone {
    Zone {
        opened: true,
        timezone: timezone.to_owned(),
        space,
        day_start,
        log_start: crate::clock::wall() + Millis(0),
        utc_offset: Millis(0),
        rate,
    }
}

/// Rewrites a day's first fact for this log: its own zone time, but log time and rate of today.
pub(crate) fn reopen(facts: &mut Vec<(Timestamp, u64, Event)>, mapping: &Zone) {
    let template = facts
        .iter()
        .find_map(|(_, _, event)| if let Event::ZoneOpened(zone) = event { Some(zone.clone()) } else { None });
    facts.retain(|(_, _, event)| !matches!(event, Event::ZoneOpened(_)));
    let policy = template.map(|zone| zone.policy).unwrap_or_default();
    let opened = fleetfold_model::ZoneOpened {
        timezone: mapping.timezone.clone(),
        space: mapping.space,
        day_start: mapping.day_start,
        log_start: mapping.log_start,
        utc_offset: Millis(0),
        rate: mapping.rate,
        policy,
    };
    // Every feed opens its zone anew: the instant it began is the id.
    facts.insert(0, (mapping.day_start, mapping.log_start.0 as u64, Event::ZoneOpened(opened)));
}
