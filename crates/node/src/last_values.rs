//! Telling whoever listens the last state of each alert, and the last time of arrival of each order: derived values, of which
//! only the last of a subject is kept.
//!
//! They are told as assignments are ([`FanOut`]): each is fenced by the subject's last one, and its revision decides, so that an
//! owner that slept puts nothing old back. One subject never waits for another. At the beginning of a term the owner reads what
//! was told last: what is over is told as over, and what has hardly changed is not told again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use fleetfold_fleet::{AlertState, Fleet};
use fleetfold_journal::address::value_id;
use fleetfold_journal::{Address, FanOut, Heard, Next};
use fleetfold_model::{Alert, AlertAbout, Eta, EtaState, LogSeq, Millis, Name};
use fleetfold_wire::{AlertStanding, AlertV1, EtaV1};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::log::{AppendError, Log, LogError, Stream, ZoneName};
use crate::references::References;

/// Pause before trying again what could not be told.
const AGAIN: Duration = Duration::from_millis(500);
/// Questions to the log for one subject before the others have their turn.
const STEPS_MAX: usize = 6;
/// An attempt to make a stream again takes no longer.
const MAKE: Duration = Duration::from_secs(5);
/// A reader that hands nothing over for so long, although more must come, is given up.
const SILENT: Duration = Duration::from_secs(10);

/// A value to be told.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) stream: Stream,
    pub(crate) address: Address,
    /// Of two values of one subject the one with the higher revision counts.
    pub(crate) revision: u64,
    pub(crate) bytes: Bytes,
}

/// What the task is told.
enum Word {
    Tell(Value),
    /// A term of ours begins over this fleet.
    Begins(Box<Fleet>),
    /// It is over: who does not own the zone tells nobody.
    Ends,
}

/// Where the engine says what is to be told.
#[derive(Clone)]
pub(crate) struct LastValues(mpsc::UnboundedSender<Word>);

impl LastValues {
    /// The newest value of a subject. Without the task nobody is told.
    pub(crate) fn tell(&self, value: Value) {
        let _ = self.0.send(Word::Tell(value));
    }

    /// A term of ours begins (before its values are told); `fleet`: as it is then.
    pub(crate) fn begins(&self, fleet: Fleet) {
        let _ = self.0.send(Word::Begins(Box::new(fleet)));
    }

    /// The term is over.
    pub(crate) fn ends(&self) {
        let _ = self.0.send(Word::Ends);
    }
}

/// The value that says how an alert stands; `state`: `None` when it is over. `changed`: the entry that made it so.
pub(crate) fn alert_value(
    alert: &Alert,
    state: Option<&AlertState>,
    changed: LogSeq,
    references: &References,
) -> Value {
    let standing = state.map(|state| AlertStanding {
        since: state.raised,
        span: state.span,
        detail: state.detail.clone(),
        acknowledged: state.acknowledged.as_ref().map(|seen| (seen.at, seen.by.clone(), seen.until)),
    });
    // What is over stands for two weeks: it does not keep what somebody is called.
    let order = alert.about().filter(|_| state.is_some() && alert.kind().about() == AlertAbout::Order);
    let mut told = AlertV1::new(alert, changed, standing);
    told.reference = order.and_then(|order| references.of(order)).map(|reference| reference.to_string());
    let text = serde_json::to_vec(&told).expect("an alert can be written");
    let address = Address::of_alert(alert);
    Value { stream: Stream::Alert, address, revision: changed.0, bytes: Bytes::from(text) }
}

/// The value that tells a customer when his order comes.
pub(crate) fn eta_value(eta: &Eta, references: &References) -> Value {
    let mut told = EtaV1::from(eta);
    told.reference = references.of(&eta.order).map(|reference| reference.to_string());
    let text = serde_json::to_vec(&told).expect("a time of arrival can be written");
    let address = Address::of_eta(&eta.order);
    Value { stream: Stream::Eta, address, revision: eta.revision, bytes: Bytes::from(text) }
}

/// Starts the task.
pub(crate) fn start(log: Log, zone: ZoneName, references: References) -> LastValues {
    let (words, queue) = mpsc::unbounded_channel();
    let teller = Teller {
        log,
        zone,
        references,
        fan: FanOut::default(),
        pending: BTreeMap::new(),
        begins: None,
        owns: false,
        before: BTreeMap::new(),
    };
    tokio::spawn(teller.run(queue));
    LastValues(words)
}

struct Teller {
    log: Log,
    zone: ZoneName,
    references: References,
    fan: FanOut<String>,
    /// The newest value of each subject that is to be told.
    pending: BTreeMap<String, Value>,
    /// A term of ours has begun over this fleet, and what was told before has not been read.
    begins: Option<Box<Fleet>>,
    owns: bool,
    /// What customers were told before this term, as long as nothing else was told them.
    before: BTreeMap<String, (EtaV1, Millis)>,
}

/// What every value has.
#[derive(Deserialize)]
struct Revised {
    revision: u64,
}

fn revision(bytes: &[u8]) -> u64 {
    serde_json::from_slice::<Revised>(bytes).map_or(0, |value| value.revision)
}

impl Teller {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Word>) {
        loop {
            if self.pending.is_empty() && self.begins.is_none() {
                let Some(word) = queue.recv().await else { return };
                self.take(word);
            }
            while let Ok(word) = queue.try_recv() {
                self.take(word);
            }
            if let Err((stream, why)) = self.tell_all().await {
                tracing::warn!(stream = stream.name(), why, "last values cannot be told");
                // The stream may have been deleted, or be of a version that had none.
                let _ = tokio::time::timeout(MAKE, self.log.ensure(stream, &self.zone)).await;
                tokio::time::sleep(AGAIN).await;
            }
            if queue.is_closed() && queue.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, word: Word) {
        match word {
            Word::Tell(value) if self.owns => {
                // Only the newest of each subject matters, so that a broker that was away is not told the past.
                self.pending.insert(self.zone.subject(&value.address), value);
            }
            Word::Tell(_) => {}
            Word::Begins(fleet) => {
                self.fan = FanOut::default();
                self.begins = Some(fleet);
                self.owns = true;
            }
            Word::Ends => {
                self.pending.clear();
                self.before.clear();
                self.begins = None;
                self.owns = false;
            }
        }
    }

    /// Tells all that is to be told, as far as that is possible now. `Err`: why some could not be.
    async fn tell_all(&mut self) -> Result<(), (Stream, String)> {
        if let Some(fleet) = self.begins.take()
            && let Err(error) = self.look_at_what_was_told(&fleet).await
        {
            self.begins = Some(fleet);
            return Err((Stream::Alert, error.what));
        }
        let mut failed = None;
        for subject in self.pending.keys().cloned().collect::<Vec<_>>() {
            let Some(value) = self.pending.get(&subject).cloned() else { continue };
            if let Some((before, change)) = self.before.remove(&subject)
                && let Ok(now) = serde_json::from_slice::<EtaV1>(&value.bytes)
                && now.says_what(&before, change)
            {
                self.pending.remove(&subject);
                continue;
            }
            match self.tell(&subject, &value).await {
                Ok(()) => drop(self.pending.remove(&subject)),
                Err(why) => failed = Some((value.stream, why)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Reads what was told last: alerts that are over are told as over, and those that stand are told again.
    async fn look_at_what_was_told(&mut self, fleet: &Fleet) -> Result<(), LogError> {
        let last = self.last_of(Stream::Alert).await?;
        let (_, end) = self.log.bounds(Stream::Fleet, &self.zone).await?;
        for (subject, seq, bytes) in last {
            self.fan.found(&subject, LogSeq(seq), LogSeq(revision(&bytes)), LogSeq(end));
            let Ok(told) = serde_json::from_slice::<AlertV1>(&bytes) else { continue };
            let Some((alert, true)) = told.about() else { continue };
            if fleet.alert(&alert).is_none() {
                let over = alert_value(&alert, None, fleet.applied(), &self.references);
                self.pending.entry(subject).or_insert(over);
            }
        }
        for (alert, state) in fleet.alerts() {
            let value = alert_value(alert, Some(state), state.changed, &self.references);
            self.pending.entry(self.zone.subject(&value.address)).or_insert(value);
        }
        self.before.clear();
        for (subject, _, bytes) in self.last_of(Stream::Eta).await? {
            let Ok(told) = serde_json::from_slice::<EtaV1>(&bytes) else { continue };
            let Some(name) = Name::new(&told.order_id).filter(|_| told.state != "ended") else { continue };
            let is_open = fleet.order_id(name.as_str()).is_some_and(|id| fleet.order(id).is_open());
            if is_open {
                self.before.insert(subject, (told, fleet.policy().eta_change));
            } else {
                // It ended while nobody told it.
                let revision = told.revision + 1;
                let ended = Eta { order: name, state: EtaState::Ended, at: fleet.now(), revision };
                let over = eta_value(&ended, &self.references);
                self.pending.entry(subject).or_insert(over);
            }
        }
        Ok(())
    }

    /// The last value of each subject of the zone, with its sequence; none where the stream is missing.
    async fn last_of(&self, stream: Stream) -> Result<Vec<(String, u64, Bytes)>, LogError> {
        let mut values = BTreeMap::new();
        if self.log.created(stream, &self.zone).await?.is_none() {
            return Ok(Vec::new());
        }
        let Some((_, last)) = self.log.zone_bounds(stream, &self.zone).await? else { return Ok(Vec::new()) };
        let mut reader = self.log.read(stream, &self.zone, 0).await?;
        loop {
            let Ok(Some(message)) = tokio::time::timeout(SILENT, reader.message()).await else {
                return Err(LogError::new("the last values cannot be read to their end", "check the broker"));
            };
            let seq = message.seq;
            values.insert(message.subject, (seq, message.bytes));
            if seq >= last {
                return Ok(values.into_iter().map(|(subject, (seq, bytes))| (subject, seq, bytes)).collect());
            }
        }
    }

    async fn tell(&mut self, subject: &String, value: &Value) -> Result<(), String> {
        let revision_of = LogSeq(value.revision);
        let mut next = self.fan.begin(subject, revision_of);
        let mut unconfirmed = "it is not confirmed".to_owned();
        for _ in 0..STEPS_MAX {
            let heard = match next {
                Next::Done => return Ok(()),
                Next::Append(expected) => {
                    let id = value_id(&self.zone, &value.address, value.revision, expected);
                    let append =
                        self.log.append(value.stream, subject.clone(), id, value.bytes.clone(), Some(expected.0));
                    match append.await {
                        Ok(stored) => Heard::Stored(LogSeq(stored.seq)),
                        Err(AppendError::WrongSequence) => Heard::WrongSequence,
                        Err(AppendError::Unknown(why) | AppendError::NotSent(why)) => {
                            unconfirmed = why;
                            Heard::Unknown
                        }
                        Err(AppendError::Refused(why) | AppendError::TooLarge(why)) => {
                            return Err(format!("the log refuses it: {why}"));
                        }
                    }
                }
                Next::ReadLast => {
                    let last = self.log.last(value.stream, subject).await.map_err(|error| error.what)?;
                    Heard::Last(last.map(|message| (LogSeq(message.seq), LogSeq(revision(&message.bytes)))))
                }
            };
            next = self.fan.heard(subject, revision_of, heard);
        }
        Err(unconfirmed)
    }
}
