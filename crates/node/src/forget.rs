//! Forgetting a person: what was said of him in words can be read by nobody any more, wherever it stands.
//!
//! In this order, so that a crash in the middle leaves nothing that running it again does not finish: the key is destroyed, what holds
//! his words in the clear is overwritten where the log allows it, then a fact says so, at which every engine of the zone lets go of what
//! it remembers. Every step can be done twice.

use std::process::ExitCode;

use bytes::Bytes;
use fleetfold_fleet::Fleet;
use fleetfold_journal::address::fact_id;
use fleetfold_journal::{Address, ZoneName};
use fleetfold_model::{Event, Name, Person, Space};
use fleetfold_wire::{
    CloudEvent, Decoded, Parted, RejectedV1, Warning, decode, encode, speaks_of, type_of, unknown_attributes,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::args::{Forget, ForgetWhat};
use crate::clock;
use crate::demo::zone_name;
use crate::failure::Failure;
use crate::log::keys::Kept;
use crate::log::{AppendError, Log, LogError, Stream};
use crate::out::say;
use crate::readers::{Folded, Whole, open_existing};

/// Who writes the fact.
const SOURCE: &str = "/fleetfold/forget";
/// Attempts to append the fact.
const TRIES: u32 = 30;
/// Entries with words in the clear that are named.
const NAMED_MAX: usize = 20;

/// A person in words.
pub(crate) fn named(person: &Person) -> String {
    match person {
        Person::Order(name) => format!("the customer of order {name}"),
        Person::Driver(name) => format!("the driver of vehicle {name}"),
    }
}

/// What came of it.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub(crate) struct Forgotten {
    /// The entry of the log that says so.
    pub(crate) seq: u64,
    /// So many messages of other streams that held something of the person were overwritten.
    pub(crate) erased: u64,
    /// So many entries of the log hold words about the person in the clear: they were published to the broker without going through
    /// an engine, and stay until they expire.
    pub(crate) in_the_clear: u64,
    /// Which these are, the first 20.
    pub(crate) entries: Vec<u64>,
    /// So many entries about the person have fields that their type does not know, misspelt ones for instance, or extension attributes of
    /// CloudEvents that no engine knows. They are not encrypted, whoever sent them, and may hold words about the person.
    pub(crate) unknown_fields: u64,
    /// Which these are, the first 20.
    pub(crate) unknown_entries: Vec<u64>,
}

/// What a log says of a person.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Entries that name him.
    named: u64,
    clear: u64,
    entries: Vec<u64>,
    unknown: u64,
    unknown_entries: Vec<u64>,
}

/// Why nobody was forgotten.
#[derive(Debug)]
pub(crate) enum Hindered {
    /// Nothing in the log names such a person.
    Unknown,
    /// His work goes on; in words.
    Open(String),
}

/// Whether a message holds words about a person in the clear, or cannot be read and names him.
fn holds_words(message: &[u8], person: &Person) -> bool {
    if !speaks_of(message, person) {
        return false;
    }
    type_of(message).is_none_or(|kind| {
        Parted::of(kind, message).map_or(true, |parted| parted.is_some_and(|parted| !parted.words.is_empty()))
    })
}

/// Whether an event has a field that its type does not know, or an extension attribute that nothing here knows.
fn has_unknown_fields(message: &[u8]) -> bool {
    let has_field = |decoded: Decoded| decoded.warnings.iter().any(Warning::is_refused_by_strict);
    decode(message).is_ok_and(has_field) || !unknown_attributes(message).is_empty()
}

/// Whether a message can name somebody at all. Cheap; says yes too often.
fn may_name(message: &[u8], name: &Name) -> bool {
    let id = name.as_str().as_bytes();
    message.windows(id.len()).any(|part| part == id) || message.contains(&b'\\') || has(message, b"data_base64")
}

fn has(message: &[u8], part: &[u8]) -> bool {
    message.windows(part.len()).any(|here| here == part)
}

impl Said {
    fn saw(&mut self, seq: u64, message: &[u8], person: &Person) {
        let (Person::Order(name) | Person::Driver(name)) = person;
        if !may_name(message, name) || !speaks_of(message, person) {
            return;
        }
        self.named += 1;
        if holds_words(message, person) {
            self.clear += 1;
            if self.entries.len() < NAMED_MAX {
                self.entries.push(seq);
            }
        }
        if has_unknown_fields(message) {
            self.unknown += 1;
            if self.unknown_entries.len() < NAMED_MAX {
                self.unknown_entries.push(seq);
            }
        }
    }
}

/// Reads what the log says of a person.
///
/// # Errors
///
/// When it cannot be read to its end.
pub(crate) async fn survey(log: &Log, zone: &ZoneName, person: &Person) -> Result<Said, Failure> {
    let mut said = Said::default();
    let mut whole = Whole::above(log, zone, 0).await?;
    while let Some(message) = whole.next().await? {
        said.saw(message.seq, &message.bytes, person);
    }
    Ok(said)
}

/// Whether a person can be forgotten now. `fleet`: as the log's last entry has left it.
///
/// # Errors
///
/// Why not.
pub(crate) async fn may(
    log: &Log,
    zone: &ZoneName,
    (fleet, said): (&Fleet, &Said),
    person: &Person,
    even_if_open: bool,
) -> Result<Result<(), Hindered>, LogError> {
    let open = match person {
        Person::Order(name) => fleet.order_id(name.as_str()).filter(|&id| fleet.order(id).is_open()).map(|_| {
            format!("order {name} is open: dispatchers still need its words. Cancel it, or wait until it is over")
        }),
        Person::Driver(name) => fleet.vehicle_id(name.as_str()).filter(|&id| fleet.vehicle(id).on).map(|_| {
            format!("somebody has signed on to vehicle {name}: its place is needed. Wait until the shift is over")
        }),
    };
    if let Some(open) = open.filter(|_| !even_if_open) {
        return Ok(Err(Hindered::Open(open)));
    }
    if said.named == 0 && log.key(zone, person).await? == Kept::Nothing {
        return Ok(Err(Hindered::Unknown));
    }
    Ok(Ok(()))
}

/// Destroys what can be destroyed: all but the fact that says so.
///
/// # Errors
///
/// When something of it may still be there. Doing it again finishes it.
pub(crate) async fn destroy(log: &Log, zone: &ZoneName, person: &Person) -> Result<u64, Failure> {
    log.destroy_key(zone, person).await?;
    let mut erased = 0;
    for stream in [Stream::Rejected, Stream::Warning] {
        let mut whole = Whole::of(log, stream, zone, 0).await?;
        let mut found = Vec::new();
        while let Some(message) = whole.next().await? {
            let told = RejectedV1::read(&message.bytes);
            let original = told.as_ref().and_then(RejectedV1::original);
            let cut = told.as_ref().map(|told| told.bytes.as_bytes());
            if holds_words(original.as_deref().or(cut).unwrap_or(&message.bytes), person) {
                found.push(message.seq);
            }
        }
        for seq in found {
            erased += u64::from(log.erase(stream, zone, seq).await?);
        }
    }
    let (stream, address) = match person {
        Person::Order(order) => (Stream::Eta, Address::of_eta(order)),
        Person::Driver(vehicle) => (Stream::Position, Address::of_position(vehicle)),
    };
    if let Some(last) = log.last(stream, &zone.subject(&address)).await? {
        erased += u64::from(log.erase(stream, zone, last.seq).await?);
    }
    Ok(erased)
}

/// The fact that says so. Each time it is another one: what it does a second time is nothing.
pub(crate) fn fact(person: &Person) -> CloudEvent {
    let at = clock::wall();
    let who = crate::log::keys::key_name(person);
    encode(&Event::PersonForgotten(person.clone()), Space::Geographic, SOURCE, &format!("{who}.{}", at.0), at)
}

/// What came of it all.
pub(crate) fn outcome(seq: u64, erased: u64, said: Said) -> Forgotten {
    Forgotten {
        seq,
        erased,
        in_the_clear: said.clear,
        entries: said.entries,
        unknown_fields: said.unknown,
        unknown_entries: said.unknown_entries,
    }
}

/// `fleetfold forget`.
pub(crate) async fn forget(args: Forget) -> Result<ExitCode, Failure> {
    let (of, id, json, even_if_open) = (&args.of, &args.id, args.json, args.even_if_open);
    let zone = zone_name(&of.tenant, &of.zone)?;
    let name = Name::new(id)
        .ok_or_else(|| Failure::new(format!("`{id}` is no id"), "an id has 1 to 64 visible characters"))?;
    let person = match args.what {
        ForgetWhat::Order => Person::Order(name),
        ForgetWhat::Driver => Person::Driver(name),
    };
    let opened = open_existing(&of.log, &zone).await.map_err(|failure| {
        let asked = match &person {
            Person::Order(name) => format!("{{\"order_id\":\"{name}\"}}"),
            Person::Driver(name) => format!("{{\"vehicle_id\":\"{name}\"}}"),
        };
        let what = format!("{}; a running engine forgets as well: POST /v1/forget {asked}", failure.hint);
        Failure::new(failure.what, what)
    })?;
    let log = &opened.log;
    let mut said = Said::default();
    let fleet = match Folded::begin(log, &zone).await? {
        None => return Err(unknown(&person)),
        Some((mut folded, after)) => {
            // What stands before a base is read for words only.
            let mut whole = Whole::above(log, &zone, 0).await?;
            while let Some(message) = whole.next().await? {
                said.saw(message.seq, &message.bytes, &person);
                if message.seq > after
                    && let Some(entry) = folded.pass(log, &message).await?
                {
                    folded.fleet.apply(&entry);
                }
            }
            folded.fleet
        }
    };
    match may(log, &zone, (&fleet, &said), &person, even_if_open).await? {
        Ok(()) => {}
        Err(Hindered::Unknown) => return Err(unknown(&person)),
        Err(Hindered::Open(why)) => return Err(Failure::new(why, "say --even-if-open to forget all the same")),
    }
    let erased = destroy(log, &zone, &person).await.map_err(again)?;
    let event = fact(&person);
    let bytes = Bytes::from(event.to_bytes());
    let subject = zone.subject(&Address::of_event(&Event::PersonForgotten(person.clone())));
    let seq = append(log, &zone, subject, fact_id(&zone, &event.source, &event.id), bytes).await?;
    let done = outcome(seq, erased, said);
    if json {
        say!("{}", serde_json::to_string(&done).unwrap_or_default());
    } else {
        say!("{} is forgotten: entry {seq} says so, {erased} messages beside the log were overwritten", named(&person));
    }
    if done.in_the_clear > 0 {
        eprintln!(
            "{} entries of the log hold words in the clear ({}): they came to the broker without an engine, and stay until they expire. Let \
             producers send over HTTP",
            done.in_the_clear,
            listed(&done.entries, done.in_the_clear)
        );
    }
    if done.unknown_fields > 0 {
        eprintln!(
            "{} entries of the log have fields that their type does not know ({}), or extension attributes that no engine knows, which are \
             not encrypted: look whether they hold words about the person (GET /v1/entries/SEQ). They stay until they expire. Let producers \
             mend the names; a strict policy refuses such fields, and no attributes",
            done.unknown_fields,
            listed(&done.unknown_entries, done.unknown_fields)
        );
    }
    Ok(if done.in_the_clear + done.unknown_fields == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// The first of so many entries.
fn listed(entries: &[u64], all: u64) -> String {
    let more = if all as usize > entries.len() { ", …" } else { "" };
    let entries: Vec<String> = entries.iter().map(ToString::to_string).collect();
    format!("{}{more}", entries.join(", "))
}

fn unknown(person: &Person) -> Failure {
    Failure::new(format!("nothing in the log names {}", named(person)), "check the id, --tenant and --zone")
}

fn again(failure: Failure) -> Failure {
    Failure::new(failure.what, format!("{}; then run it again: it finishes what was begun", failure.hint))
}

async fn append(log: &Log, zone: &ZoneName, subject: String, id: String, bytes: Bytes) -> Result<u64, Failure> {
    for _ in 0..TRIES {
        match log.append(Stream::Fleet, subject.clone(), id.clone(), bytes.clone(), None).await {
            Ok(stored) => return Ok(stored.seq),
            Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                return Err(again(Failure::new(
                    format!("the key is destroyed, and the log of {zone} refuses to say so: {why}"),
                    "make room, or look at the user's rights",
                )));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    Err(again(Failure::new("the key is destroyed, and the log does not answer", "check the broker")))
}
