//! Words about persons: encrypted before they enter the log, opened again for screens, and never again once a person is forgotten.
//!
//! Absent on purpose: which fields they are. That says the schema of each type ([`fleetfold_wire::personal_fields`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use fleetfold_model::{Event, LogEntry, Person};
use fleetfold_wire::{DecodeError, ENCRYPTED, EventType, Labels, Parted, What, decode, person, sender};
use futures::StreamExt;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::clock;
use crate::log::keys::{Kept, Key};
use crate::log::{Log, LogError, ZoneName};

/// The first byte of what is encrypted: how it is.
const VERSION: u8 = 1;
/// Keys that are remembered. (Some 15 MB.)
const KEYS_MAX: usize = 100_000;
/// Keys that are asked for at a time.
const KEYS_AT_ONCE: usize = 64;
/// An entry waits so long for the key of its words, and is folded without them then: drivers wait for answers, screens for names.
const KEY_WITHIN: Duration = Duration::from_secs(1);
/// After that no key is asked for so long, milliseconds: a bucket without a leader must not hold up one entry after the other.
const PAUSE_MILLIS: i64 = 10_000;

/// An event as it goes into the log.
#[derive(Debug)]
pub(crate) enum Closed {
    /// It has no words about anybody: as it came.
    Plain,
    /// Its words are encrypted.
    Encrypted(Bytes),
    /// Its words are left out: the person was forgotten.
    Forgotten(Bytes),
    /// Nobody can tell whether it has words, or it would be no event without them: it must not be stored. What is wrong with it.
    Unreadable(DecodeError),
}

/// The keys of a zone's persons, as far as they were needed since the program started.
#[derive(Clone)]
pub(crate) struct Words {
    log: Log,
    zone: ZoneName,
    known: Arc<Mutex<BTreeMap<Person, Kept>>>,
    /// Wall-clock milliseconds before which no key is asked for, after one did not come.
    not_before: Arc<AtomicI64>,
}

impl Words {
    pub(crate) fn new(log: Log, zone: ZoneName) -> Self {
        Self { log, zone, known: Arc::default(), not_before: Arc::default() }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn zone(&self) -> &ZoneName {
        &self.zone
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Person, Kept>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self, person: &Person, kept: Kept) {
        let mut known = self.known();
        if known.len() >= KEYS_MAX {
            known.clear();
        }
        // A person who is forgotten stays so: a key that was read before it was destroyed may come late.
        let entry = known.entry(person.clone()).or_insert(kept);
        if *entry != Kept::Destroyed {
            *entry = kept;
        }
    }

    /// A person was forgotten.
    pub(crate) fn forget(&self, person: &Person) {
        self.know(person, Kept::Destroyed);
    }

    /// Encrypts the words of an event that is about to enter the log.
    ///
    /// # Errors
    ///
    /// When there is no key to be had: nothing must be stored then.
    pub(crate) async fn close(&self, kind: EventType, event: &Event, message: &[u8]) -> Result<Closed, LogError> {
        let Some(person) = person(event) else { return Ok(Closed::Plain) };
        let parted = match Parted::of(kind, message) {
            Ok(Some(parted)) => parted,
            Ok(None) => return Ok(Closed::Plain),
            Err(error) => return Ok(Closed::Unreadable(error)),
        };
        if parted.words.is_empty() {
            // They are encrypted already. What cannot be opened is shown to nobody.
            return Ok(Closed::Plain);
        }
        let known = self.known().get(&person).copied();
        let kept = match known {
            Some(kept @ (Kept::Key(_) | Kept::Destroyed)) => kept,
            Some(Kept::Nothing) | None => self.log.make_key(&self.zone, &person).await?,
        };
        self.know(&person, kept);
        let closed = if let Kept::Key(key) = kept {
            let text = encrypt(&key, &self.bound(&person, message), parted.plain())?;
            Closed::Encrypted(parted.with_encrypted(&text).into())
        } else {
            Closed::Forgotten(parted.without().into())
        };
        // A payload that came as Base64 stands one level deeper now, where the decoder may give up.
        if let Closed::Encrypted(stored) | Closed::Forgotten(stored) = &closed
            && let Err(error @ DecodeError::NotCloudEvent(_)) = decode(stored)
        {
            return Ok(Closed::Unreadable(error));
        }
        Ok(closed)
    }

    /// The message with its words opened. `None`: none are encrypted in it, or nobody can read them any more.
    pub(crate) async fn open(&self, event: &Event, message: &[u8]) -> Option<Bytes> {
        let person = person(event)?;
        if !may_be_encrypted(message) {
            return None;
        }
        let kind = EventType::of(event);
        let parted = Parted::of(kind, message).ok()??;
        let text = parted.encrypted.as_deref()?;
        let known = self.known().get(&person).copied();
        let kept = match known {
            Some(kept @ (Kept::Key(_) | Kept::Destroyed)) => kept,
            Some(Kept::Nothing) | None => self.key_soon(&person).await?,
        };
        if kept != Kept::Nothing {
            self.know(&person, kept);
        }
        let Kept::Key(key) = kept else { return None };
        let plain = decrypt(&key, &self.bound(&person, message), text)?;
        parted.with_plain(kind, &plain).map(Bytes::from)
    }

    /// Asks for the keys of all persons whose words are encrypted in these messages, many at a time: one after the other, each would cost a
    /// way to the broker and back.
    pub(crate) async fn ask_for_keys(&self, messages: Vec<Bytes>) {
        let mut unknown: BTreeSet<Person> = messages.iter().filter_map(|message| encrypted_for(message)).collect();
        {
            let known = self.known();
            unknown.retain(|who| matches!(known.get(who), None | Some(Kept::Nothing)));
        }
        let ask = |who: Person| async move {
            if let Some(kept) = self.key_soon(&who).await
                && kept != Kept::Nothing
            {
                self.know(&who, kept);
            }
        };
        futures::stream::iter(unknown).for_each_concurrent(KEYS_AT_ONCE, ask).await;
    }

    /// A person's key, if the log says within [`KEY_WITHIN`] what is kept of it.
    async fn key_soon(&self, person: &Person) -> Option<Kept> {
        if clock::wall().0 < self.not_before.load(Ordering::Relaxed) {
            return None;
        }
        let why = match tokio::time::timeout(KEY_WITHIN, self.log.key(&self.zone, person)).await {
            Ok(Ok(kept)) => return Some(kept),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no key within {KEY_WITHIN:?}"),
        };
        self.not_before.store(clock::wall().0 + PAUSE_MILLIS, Ordering::Relaxed);
        tracing::warn!("what orders are called cannot be read, and is not asked for {} s: {why}", PAUSE_MILLIS / 1000);
        None
    }

    /// Opens the words of an entry: a note is one whose words can be read then. What it calls an order and its stops is returned, if it
    /// calls them anything.
    pub(crate) async fn open_entry(&self, entry: &mut LogEntry, message: &Bytes) -> Option<Box<Labels>> {
        if let Event::PersonForgotten(person) = &entry.event {
            self.forget(person);
        }
        let opened = self.open(&entry.event, message).await;
        let mut labels = Labels::default();
        if Labels::order_of(&entry.event).is_some() {
            labels = Labels::of(opened.as_ref().unwrap_or(message));
        }
        // Plans are most of a log, and no person sends them.
        if entry.event.own_epoch().is_none() {
            labels.sender = sender(message);
        }
        if matches!(entry.event, Event::AttentionNoted(_))
            && let Some(opened) = &opened
            && let Ok(decoded) = decode(opened)
            && let What::Event(event @ Event::AttentionNoted(_)) = decoded.what
        {
            entry.event = event;
        }
        (!labels.is_empty()).then(|| Box::new(labels))
    }

    /// What encrypted words belong to: moved to another event, they cannot be opened.
    fn bound(&self, person: &Person, message: &[u8]) -> Vec<u8> {
        /// What names an event. Other attributes are not looked at: they may hold what no JSON value can.
        #[derive(Default, serde::Deserialize)]
        struct Named {
            source: String,
            id: String,
        }
        let Named { source, id } = serde_json::from_slice(message).unwrap_or_default();
        let who = crate::log::keys::key_name(person);
        // None of these has a control character.
        ["fleetfold", self.zone.tenant(), self.zone.zone(), &who, &source, &id].join("\0").into_bytes()
    }
}

/// Whether words may be encrypted in a message. In most none are, and to read a message costs microseconds.
fn may_be_encrypted(message: &[u8]) -> bool {
    message.windows(ENCRYPTED.len()).any(|part| part == ENCRYPTED.as_bytes())
}

/// The person whose words are encrypted in a message.
fn encrypted_for(message: &[u8]) -> Option<Person> {
    if !may_be_encrypted(message) {
        return None;
    }
    match decode(message).ok()?.what {
        What::Event(event) => person(&event),
        What::Position(..) => None,
    }
}

fn cipher(key: &Key) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.bytes()).expect("a key has 32 bytes"))
}

/// A version, a random nonce, and the words with their tag, in Base64. A key encrypts the few events of one person: random nonces of 96
/// bits do not meet.
fn encrypt(key: &Key, bound: &[u8], mut plain: Vec<u8>) -> Result<String, LogError> {
    let failed = || LogError::new("the system gives no random numbers to encrypt with", "look at /dev/urandom");
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| failed())?;
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut plain)
        .map_err(|_| failed())?;
    let mut whole = vec![VERSION];
    whole.extend_from_slice(&nonce);
    whole.extend_from_slice(&plain);
    Ok(BASE64_STANDARD.encode(whole))
}

/// `None`: it was encrypted otherwise, with another key, or for another event.
fn decrypt(key: &Key, bound: &[u8], text: &str) -> Option<Vec<u8>> {
    let whole = BASE64_STANDARD.decode(text).ok()?;
    let (&version, rest) = whole.split_first()?;
    let (nonce, words) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok().filter(|_| version == VERSION)?;
    let mut words = words.to_vec();
    cipher(key).open_in_place(nonce, Aad::from(bound), &mut words).ok().map(|plain| plain.to_vec())
}

#[cfg(test)]
mod tests {
    use fleetfold_model::{Event, Name, Person};
    use fleetfold_wire::{EventType, Labels, What, decode};
    use serde_json::json;

    use super::{Closed, Words};
    use crate::log::{Embedded, Log, ZoneName};

    fn created(id: &str, order: &str) -> (Event, Vec<u8>) {
        let message = json!({ "specversion": "1.0", "id": id, "source": "/shop", "type": "fleet.order.created.v1",
            "time": "2026-06-01T09:00:00Z", "data": { "order_id": order, "reference": "Elm 12",
                "job": { "stop": { "lon": -8.6, "lat": 41.1, "address": "Elm Street" } } } });
        let message = message.to_string().into_bytes();
        let What::Event(event) = decode(&message).unwrap().what else { panic!("an order") };
        (event, message)
    }

    #[tokio::test]
    async fn words_are_read_until_their_person_is_forgotten_and_never_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.redb");
        let log = Log::Embedded(std::sync::Arc::new(Embedded::open(&path).unwrap()));
        let zone = ZoneName::new("acme", "porto").unwrap();
        let words = Words::new(log.clone(), zone.clone());
        let (event, message) = created("1", "o1");
        let Ok(Closed::Encrypted(stored)) = words.close(EventType::OrderCreated, &event, &message).await else {
            panic!("it is encrypted")
        };
        assert!(!String::from_utf8_lossy(&stored).contains("Elm"));
        // Another program opens it too; where it was moved to another event, nobody does.
        let other = Words::new(log.clone(), zone.clone());
        let opened = other.open(&event, &stored).await.unwrap();
        assert_eq!(Labels::of(&opened), Labels::of(&message));
        let moved = String::from_utf8(stored.to_vec()).unwrap().replace("\"id\":\"1\"", "\"id\":\"2\"");
        assert_eq!(other.open(&event, moved.as_bytes()).await, None);
        let (foreign, _) = created("1", "o2");
        assert_eq!(other.open(&foreign, moved.replace("\"o1\"", "\"o2\"").as_bytes()).await, None);

        // Whoever has asked for the keys of many messages before needs no log to open them.
        let asked = Words::new(log.clone(), zone.clone());
        asked.ask_for_keys(vec![message.clone().into(), stored.clone(), b"garbage".to_vec().into()]).await;

        let person = Person::Order(Name::new("o1").unwrap());
        for _ in 0..2 {
            log.destroy_key(&zone, &person).await.unwrap();
        }
        assert_eq!(Words::new(log.clone(), zone.clone()).open(&event, &stored).await, None);
        assert!(asked.open(&event, &stored).await.is_some(), "its key was known before it was destroyed");
        asked.ask_for_keys(vec![stored.clone()]).await;
        asked.forget(&person);
        assert_eq!(asked.open(&event, &stored).await, None);
        words.forget(&person);
        assert_eq!(words.open(&event, &stored).await, None, "what was remembered is forgotten too");
        // What comes later is not kept either, and no key is made again.
        for words in [words, Words::new(log, zone)] {
            let Ok(Closed::Forgotten(late)) = words.close(EventType::OrderCreated, &event, &message).await else {
                panic!("no new key")
            };
            assert!(!String::from_utf8_lossy(&late).contains("Elm") && decode(&late).is_ok());
        }
        for file in std::fs::read_dir(folder.path().join("log.redb.keys")).unwrap() {
            assert_eq!(file.unwrap().metadata().unwrap().len(), 0, "only marks are left");
        }
    }
}
