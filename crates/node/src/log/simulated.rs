//! The simulator's log behind the same door, so that one suite judges all three.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fleetfold_model::Person;
use fleetfold_sim::{SimLease, SimLog, SimMessage, SimRefusal};
use tokio::sync::mpsc;

use super::keys::{Kept, Key, key_name};
use super::{AppendError, Lease, LogError, Message, Read, Stored, Stream, ZoneName};
use crate::clock;

#[derive(Default)]
pub(crate) struct Simulated(Arc<Mutex<SimLog>>, Mutex<BTreeMap<String, Bytes>>);

fn key(zone: &ZoneName) -> String {
    zone.key()
}

fn message(message: &SimMessage) -> Message {
    let SimMessage { seq, at, subject, id: _, bytes } = message.clone();
    Message { seq, at, subject, bytes: Bytes::from(bytes), published: None }
}

impl Simulated {
    pub(super) fn new(fence_before_id: bool) -> Self {
        Self(Arc::new(Mutex::new(SimLog::new(fence_before_id))), Mutex::default())
    }

    fn log(&self) -> MutexGuard<'_, SimLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn append(
        &self,
        stream: Stream,
        subject: &str,
        id: &str,
        bytes: &Bytes,
        expected: Option<u64>,
    ) -> Result<Stored, AppendError> {
        let now = clock::wall();
        match self.log().append(stream.name(), stream.last_value(), subject, id, bytes.to_vec(), expected, now) {
            Ok((seq, duplicate)) => Ok(Stored { seq, duplicate }),
            Err(SimRefusal::WrongSequence) => Err(AppendError::WrongSequence),
            Err(SimRefusal::TooLarge) => Err(AppendError::TooLarge("it is too large".to_owned())),
        }
    }

    pub(super) fn read(&self, stream: Stream, zone: &ZoneName, after: u64) -> mpsc::Receiver<Read> {
        let (sender, receiver) = mpsc::channel(1024);
        let (log, prefix) = (Arc::clone(&self.0), zone.prefix());
        tokio::spawn(async move {
            let mut after = after;
            loop {
                let batch: Vec<Message> = {
                    let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.read(stream.name(), after).filter(|m| m.subject.starts_with(&prefix)).map(message).collect()
                };
                for message in batch {
                    after = message.seq;
                    if sender.send(Read::Message(message)).await.is_err() {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        receiver
    }

    pub(super) fn last(&self, stream: Stream, subject: &str) -> Option<Message> {
        self.log().last(stream.name(), subject).map(message)
    }

    pub(super) fn zone_bounds(&self, stream: Stream, zone: &ZoneName) -> (u64, u64) {
        let log = self.log();
        let mut own = log.read(stream.name(), 0).filter(|m| m.subject.starts_with(&zone.prefix())).map(|m| m.seq);
        let end = log.bounds(stream.name()).1;
        let Some(first) = own.next() else { return (end + 1, end) };
        (first, own.last().unwrap_or(first))
    }

    pub(super) fn get(&self, stream: Stream, seq: u64) -> Option<Message> {
        self.log().read(stream.name(), seq.saturating_sub(1)).next().filter(|m| m.seq == seq).map(message)
    }

    pub(super) fn first(&self, stream: Stream, subject: &str, from: u64) -> Option<Message> {
        self.log().read(stream.name(), 0).map(message).find(|m| m.seq >= from && m.subject == subject)
    }

    pub(super) fn epoch_max(&self) -> u64 {
        self.log().last_epoch()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put_object(&self, name: &str, bytes: Bytes) {
        self.objects().insert(name.to_owned(), bytes);
    }

    pub(super) fn get_object(&self, name: &str) -> Option<Bytes> {
        self.objects().get(name).cloned()
    }

    pub(super) fn list_objects(&self, prefix: &str) -> Vec<String> {
        self.objects().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }

    pub(super) fn delete_object(&self, name: &str) {
        self.objects().remove(name);
    }

    pub(super) fn key(&self, zone: &ZoneName, person: &Person) -> Kept {
        self.get_object(&format!("key.{}.{}", key(zone), key_name(person)))
            .map_or(Kept::Nothing, |bytes| Kept::of(&bytes))
    }

    pub(super) fn make_key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        if self.key(zone, person) == Kept::Nothing {
            let fresh = Bytes::copy_from_slice(Key::fresh()?.bytes());
            self.put_object(&format!("key.{}.{}", key(zone), key_name(person)), fresh);
        }
        Ok(self.key(zone, person))
    }

    pub(super) fn destroy_key(&self, zone: &ZoneName, person: &Person) {
        self.put_object(&format!("key.{}.{}", key(zone), key_name(person)), Bytes::new());
    }

    pub(super) fn bounds(&self, stream: Stream) -> (u64, u64) {
        self.log().bounds(stream.name())
    }

    pub(super) fn acquire(&self, zone: &ZoneName, owner: &str) -> Option<Lease> {
        let granted = self.log().acquire(&key(zone), owner, clock::wall());
        granted.map(|SimLease { epoch, revision }| Lease { epoch, revision })
    }

    pub(super) fn renew(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        let held = SimLease { epoch: lease.epoch, revision: lease.revision };
        let renewed = self.log().renew(&key(zone), owner, held, clock::wall());
        renewed.map(|SimLease { epoch, revision }| Lease { epoch, revision })
    }

    pub(super) fn resume(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        let lapsed = SimLease { epoch: lease.epoch, revision: lease.revision };
        let resumed = self.log().resume(&key(zone), owner, lapsed, clock::wall());
        resumed.map(|SimLease { epoch, revision }| Lease { epoch, revision })
    }

    pub(super) fn release(&self, zone: &ZoneName, lease: Lease) {
        self.log().release(&key(zone), SimLease { epoch: lease.epoch, revision: lease.revision });
    }

    pub(super) fn skip(&self, zone: &ZoneName, seq: u64) {
        self.log().skip(&key(zone), seq);
    }

    pub(super) fn skipped(&self, zone: &ZoneName) -> Vec<u64> {
        self.log().skipped(&key(zone))
    }
}
