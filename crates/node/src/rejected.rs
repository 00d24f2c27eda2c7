//! `fleetfold rejected`: messages that were not taken, as the stream `REJECTED` tells of them.
//!
//! What was rejected stays rejected: every fold passes it over. To send it again is to append it anew, under an id that says which
//! entry it was.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bytes::Bytes;
use fleetfold_journal::address::fact_id;
use fleetfold_journal::{Address, ZoneName};
use fleetfold_wire::{DecodeError, RejectedV1, What, decode, structured};
use serde_json::Value;

use crate::args::{Rejected, RejectedCommand, Where};
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::log::{AppendError, Log, Opened, Stream};
use crate::out::say;
use crate::personal::{Closed, Words};
use crate::readers::{Whole, open_existing};

/// The attribute of an event that was sent again: the entry under which it was rejected.
const REPLAY_OF: &str = "replayof";

/// Lists, shows, or sends again.
pub(crate) async fn rejected(args: Rejected) -> Result<ExitCode, Failure> {
    match args.what {
        RejectedCommand::List { of, reason, order, after, json } => {
            let (_opened, _, told) = read(&of).await?;
            let is_wanted = |one: &RejectedV1| {
                reason.as_deref().is_none_or(|reason| one.reason == reason)
                    && order
                        .as_deref()
                        .is_none_or(|order| one.order_id.as_deref().or(one.entity.as_deref()) == Some(order))
                    && one.seq > after
            };
            let wanted: Vec<&RejectedV1> = told.values().filter(|one| is_wanted(one)).collect();
            for one in &wanted {
                if json {
                    say!("{}", serde_json::to_string(one).unwrap_or_default());
                } else {
                    say!("{}", line(one));
                }
            }
            if !json {
                eprintln!("{} of {} messages that were not taken", wanted.len(), told.len());
            }
            Ok(ExitCode::SUCCESS)
        }
        RejectedCommand::Show { seq, of, raw } => {
            let (opened, zone, told) = read(&of).await?;
            let one = find(&told, seq)?;
            if !raw {
                say!("{}", serde_json::to_string_pretty(one).unwrap_or_default());
                return Ok(ExitCode::SUCCESS);
            }
            let bytes = body(&opened.log, &zone, one).await?;
            let mut out = crate::out::out();
            out.write_all(&bytes)?;
            out.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        RejectedCommand::Replay { seqs, of, reason, file, moves, dry_run } => {
            if file.is_some() && seqs.len() != 1 {
                return Err(Failure::new("one file stands for one message", "give one SEQ with --file"));
            }
            let (opened, zone, told) = read(&of).await?;
            let chosen: Vec<&RejectedV1> = match &reason {
                Some(reason) => told.values().filter(|one| one.reason == *reason).collect(),
                None => seqs.iter().map(|&seq| find(&told, seq)).collect::<Result<_, _>>()?,
            };
            let mut held_back = 0;
            for one in &chosen {
                match again(&opened.log, &zone, one, file.as_deref(), moves).await {
                    Ok(event) if dry_run => {
                        say!("{} would be sent on {} as {}", one.seq, event.subject, plain(&event.id));
                    }
                    Ok(event) => {
                        let (seq, duplicate) = append(&opened.log, &event).await?;
                        let was = if duplicate { " (sent before)" } else { "" };
                        say!("{} is entry {seq}{was}, on {} as {}", one.seq, event.subject, plain(&event.id));
                    }
                    Err(failure) => {
                        held_back += 1;
                        eprintln!("{}: {}\n  try: {}", one.seq, plain(&failure.what), failure.hint);
                    }
                }
            }
            if chosen.is_empty() {
                eprintln!("nothing was rejected for that reason");
            }
            Ok(if held_back == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
    }
}

/// All that is told of a zone, by its entry in the log.
async fn read(of: &Where) -> Result<(Opened, ZoneName, BTreeMap<u64, RejectedV1>), Failure> {
    let zone = zone_name(&of.tenant, &of.zone)?;
    let opened = open_existing(&of.log, &zone).await?;
    let mut told = BTreeMap::new();
    if !opened.log.missing(&zone).iter().any(|name| name == Stream::Rejected.name()) {
        let mut whole = Whole::of(&opened.log, Stream::Rejected, &zone, 0).await?;
        while let Some(message) = whole.next().await? {
            // Somebody without right may have written something else there.
            if let Some(one) = RejectedV1::read(&message.bytes) {
                told.insert(one.seq, one);
            }
        }
    }
    Ok((opened, zone, told))
}

fn find(told: &BTreeMap<u64, RejectedV1>, seq: u64) -> Result<&RejectedV1, Failure> {
    told.get(&seq).ok_or_else(|| {
        Failure::new(format!("nothing tells that entry {seq} was not taken"), "see `fleetfold rejected list`")
    })
}

/// One message in two lines.
fn line(one: &RejectedV1) -> String {
    let word = |word: &Option<String>| plain(word.as_deref().unwrap_or("-"));
    format!(
        "{:>8}  {}  {:<16} {} {} from {} id {}\n          {}",
        one.seq,
        word(&one.logged_at),
        plain(&one.reason),
        word(&one.kind),
        word(&one.entity),
        word(&one.source),
        word(&one.id),
        plain(&one.detail)
    )
}

/// Text from outside for a terminal: what is no visible character is escaped, so that it can neither hide nor move anything.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c == ' ' || c.is_alphanumeric() || c.is_ascii_graphic();
    text.chars().map(|c| if is_plain(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

/// The body of a message, byte by byte: what was told has it, or the log still has.
async fn body(log: &Log, zone: &ZoneName, one: &RejectedV1) -> Result<Bytes, Failure> {
    if let Some(bytes) = one.original() {
        return Ok(bytes.into());
    }
    // The log may have been replaced: then another message stands there.
    match log.original(zone, one.seq).await?.map(|original| original.bytes).filter(|bytes| one.is_of(bytes)) {
        Some(bytes) => Ok(bytes),
        None => Err(Failure::new(
            format!(
                "entry {} had {} bytes, and only its beginning is kept: the log has let it go",
                one.seq, one.size_bytes
            ),
            "send it again from its source",
        )),
    }
}

/// An event that is to be sent again.
struct Again {
    subject: String,
    message_id: String,
    /// The event's new id.
    id: String,
    bytes: Vec<u8>,
}

/// What would be sent for a message.
///
/// # Errors
///
/// When it would be rejected again, or must not be sent by anybody.
async fn again(
    log: &Log,
    zone: &ZoneName,
    one: &RejectedV1,
    file: Option<&Path>,
    moves: bool,
) -> Result<Again, Failure> {
    match one.reason.as_str() {
        "duplicate_event" => {
            return Err(Failure::new("the log has this event already: it is not to be told twice", "leave it"));
        }
        "no_owner" => {
            return Err(Failure::new(
                "only the engine that owns the zone writes this type",
                "look who may publish there",
            ));
        }
        "wrong_subject" if !moves => {
            return Err(Failure::new(
                format!("it stood on {}, where it does not belong: {}", one.subject, one.detail),
                "look at it (`fleetfold rejected show`), then say --move",
            ));
        }
        _ => {}
    }
    let bytes = if let Some(path) = file {
        std::fs::read(path)
            .map_err(|error| Failure::new(format!("{}: {error}", path.display()), "name a file with one event"))?
            .into()
    } else {
        let bytes = body(log, zone, one).await?;
        let headers = one.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        structured(headers, &bytes).map_or(bytes, Bytes::from)
    };
    let refused = |error: DecodeError| {
        Failure::new(
            format!("it would be rejected again ({}): {error}", error.code()),
            "mend it, and give it as --file",
        )
    };
    // Its words are bound to its id: they are opened, and encrypted anew under the new one.
    let words = Words::new(log.clone(), zone.clone());
    let bytes = match decode(&bytes).map_err(refused)?.what {
        What::Event(event) => words.open(&event, &bytes).await.unwrap_or(bytes),
        What::Position(..) => bytes,
    };
    let mut event: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::new(error.to_string(), "mend it, and give it as --file"))?;
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (source, id) = (text("source"), format!("{}~{}", text("id"), one.seq));
    event["id"] = id.clone().into();
    event[REPLAY_OF] = one.seq.to_string().into();
    let mut bytes = serde_json::to_vec(&event).unwrap_or_default();
    let decoded = decode(&bytes).map_err(refused)?;
    let What::Event(told) = decoded.what else {
        return Err(Failure::new(
            "a position is of its moment",
            "leave it: the vehicle's next report says where it is",
        ));
    };
    if told.own_epoch().is_some() {
        return Err(Failure::new("only the engine that owns the zone writes this type", "leave it"));
    }
    match words.close(decoded.kind, &told, &bytes).await? {
        Closed::Plain => {}
        Closed::Encrypted(closed) | Closed::Forgotten(closed) => bytes = closed.to_vec(),
        Closed::Unreadable(error) => return Err(refused(error)),
    }
    let subject = zone.subject(&Address::of_event(&told));
    Ok(Again { subject, message_id: fact_id(zone, &source, &id), id, bytes })
}

/// Appends it. Returns where it stands, and whether it stood there before.
async fn append(log: &Log, event: &Again) -> Result<(u64, bool), Failure> {
    let bytes = Bytes::from(event.bytes.clone());
    for _ in 0..TRIES {
        match log.append(Stream::Fleet, event.subject.clone(), event.message_id.clone(), bytes.clone(), None).await {
            Ok(stored) => return Ok((stored.seq, stored.duplicate)),
            Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                return Err(Failure::new(
                    format!("the log refuses it: {why}"),
                    "make room, or look at the user's rights",
                ));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    Err(Failure::new(
        "the log has not confirmed it",
        "check the broker and the user's rights, then run it again: nothing is doubled",
    ))
}

/// Attempts to append one.
const TRIES: u32 = 30;

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_terminal_sees_no_control_characters() {
        assert_eq!(plain("caf\u{e9} \u{1b}[2J\u{202e}x"), "caf\u{e9} \\u{1b}[2J\\u{202e}x");
    }
}
