//! The keys of persons, in the bucket `KEYS`.
//!
//! It is laid out as a bucket, and made as a stream, because a bucket's messages cannot be erased: a removed message of a bucket leaves
//! its bytes in the broker's files until these are written anew. Here the broker overwrites them.

use std::fmt::Display;

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use bytes::Bytes;
use fleetfold_model::Person;

use super::{JetStream, key};
use crate::log::keys::{Kept, Key, key_name};
use crate::log::{LogError, Stream, ZoneName};

/// The bucket of keys.
const KEYS: &str = "KEYS";
/// The stream that it stands in.
pub(super) const KV_KEYS: &str = "KV_KEYS";
/// Attempts at something that others may do at the same time.
const TRIES: u32 = 5;

fn subject(zone: &ZoneName, person: &Person) -> String {
    format!("$KV.{KEYS}.{}.{}", key(zone), key_name(person))
}

fn failed(what: &str, error: &dyn Display) -> LogError {
    LogError::new(
        format!("a key in the bucket {KEYS} cannot be {what}: {error}"),
        format!("check the broker, and the rights on $KV.{KEYS}.> and $JS.API.STREAM.MSG.*.{KV_KEYS}"),
    )
}

impl JetStream {
    /// What is kept of a person's key, as the leader of the bucket has it; with the sequence at which it stands (0: nowhere).
    async fn kept(&self, zone: &ZoneName, person: &Person) -> Result<(Kept, u64), LogError> {
        let handle = self.context.get_stream_no_info(KV_KEYS).await.map_err(|error| failed("read", &error))?;
        let last = subject(zone, person);
        let Some(found) = self.while_connected(handle.get_last_raw_message_by_subject(&last)).await else {
            return Err(failed("read", &"the broker is away"));
        };
        match found {
            Ok(raw) => Ok((Kept::of(&raw.payload), raw.sequence)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok((Kept::Nothing, 0)),
            Err(error) => Err(failed("read", &error)),
        }
    }

    pub(in crate::log) async fn key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        match self.kept(zone, person).await {
            Ok((kept, _)) => Ok(kept),
            // Without a bucket there are no keys. Whoever writes one makes it.
            Err(error) => {
                if self.has_keys().await? {
                    Err(error)
                } else {
                    Ok(Kept::Nothing)
                }
            }
        }
    }

    async fn has_keys(&self) -> Result<bool, LogError> {
        Ok(super::names(&self.context).await?.contains(KV_KEYS))
    }

    /// Puts something where a person's key stands, if what stands there is still at this sequence. False: it is not.
    async fn put_key(&self, zone: &ZoneName, person: &Person, at: u64, bytes: Bytes) -> Result<bool, LogError> {
        let mut message = PublishMessage::build().expected_last_subject_sequence(at);
        if bytes.is_empty() {
            // The mark of a removed value, as other clients of the bucket know it.
            let mut headers = HeaderMap::new();
            headers.insert("KV-Operation", "PURGE");
            message = message.headers(headers).expected_last_subject_sequence(at);
        }
        let published = self.context.send_publish(subject(zone, person), message.payload(bytes)).await;
        let published = published.map_err(|error| failed("stored", &error))?;
        match self.while_connected(published.into_future()).await {
            Some(Ok(_)) => Ok(true),
            Some(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => Ok(false),
            Some(Err(error)) => Err(failed("stored", &error)),
            None => Err(failed("stored", &"the broker is away")),
        }
    }

    /// The same for who writes: the bucket is made where it is missing.
    async fn kept_or_made(&self, zone: &ZoneName, person: &Person) -> Result<(Kept, u64), LogError> {
        match self.kept(zone, person).await {
            Err(error) => {
                if self.has_keys().await? {
                    return Err(error);
                }
                self.ensure_keys().await?;
                self.kept(zone, person).await
            }
            found => found,
        }
    }

    pub(in crate::log) async fn make_key(&self, zone: &ZoneName, person: &Person) -> Result<Kept, LogError> {
        // Most persons are new: where nothing stands there, one request does. Whatever comes of it otherwise is found out below.
        let first = Key::fresh()?;
        if matches!(self.put_key(zone, person, 0, Bytes::copy_from_slice(first.bytes())).await, Ok(true)) {
            return Ok(Kept::Key(first));
        }
        for _ in 0..TRIES {
            let (kept, at) = self.kept_or_made(zone, person).await?;
            if kept != Kept::Nothing {
                return Ok(kept);
            }
            let fresh = Key::fresh()?;
            // A lost answer is found out by looking again.
            let stored = self.put_key(zone, person, at, Bytes::copy_from_slice(fresh.bytes())).await;
            if stored.as_ref().is_ok_and(|stored| *stored) {
                return Ok(Kept::Key(fresh));
            }
            if let Err(error) = stored
                && self.kept(zone, person).await.is_err()
            {
                return Err(error);
            }
        }
        Err(failed("made", &"others make it at the same time, or nobody answers"))
    }

    /// First the mark, so that nobody makes another one; then the bytes of the key are overwritten.
    pub(in crate::log) async fn destroy_key(&self, zone: &ZoneName, person: &Person) -> Result<(), LogError> {
        let mut last = failed("destroyed", &"others change it at the same time");
        for _ in 0..TRIES {
            let (kept, at) = self.kept_or_made(zone, person).await?;
            if kept == Kept::Destroyed {
                return self.erase_marked(zone, person, at).await;
            }
            if let Err(error) = self.put_key(zone, person, at, Bytes::new()).await {
                last = error;
            }
        }
        Err(last)
    }

    /// Erases what stands before the mark of a destroyed key.
    async fn erase_marked(&self, zone: &ZoneName, person: &Person, mark: u64) -> Result<(), LogError> {
        let handle = self.context.get_stream_no_info(KV_KEYS).await.map_err(|error| failed("erased", &error))?;
        let mut from = 1;
        loop {
            match handle.get_first_raw_message_by_subject(subject(zone, person), from).await {
                Ok(raw) if raw.sequence < mark => {
                    handle.delete_message(raw.sequence).await.map_err(|error| failed("erased", &error))?;
                    from = raw.sequence + 1;
                }
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(()),
                Err(error) => return Err(failed("erased", &error)),
            }
        }
    }

    /// Overwrites a message of a stream and takes it out. False: it is not there any more.
    pub(in crate::log) async fn erase(&self, stream: Stream, zone: &ZoneName, seq: u64) -> Result<bool, LogError> {
        let name = &self.name(stream, zone);
        let cannot = |error: &dyn Display| {
            LogError::new(
                format!("message {seq} of stream {name} cannot be erased: {error}"),
                format!(
                    "check the right on $JS.API.STREAM.MSG.DELETE.{name}, and that `nats stream info {name}` does not say that it denies to delete"
                ),
            )
        };
        let handle = self.context.get_stream_no_info(name).await.map_err(|error| cannot(&error))?;
        match handle.delete_message(seq).await {
            Ok(erased) => Ok(erased),
            Err(error) => match handle.get_raw_message(seq).await {
                Err(gone) if gone.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(false),
                _ => Err(cannot(&error)),
            },
        }
    }
}
