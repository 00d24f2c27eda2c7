//! The leases of zones: who owns which, in the bucket `OWNERS`. The revision of the bucket at which a lease was taken is the epoch of
//! its owner.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageError};
use async_nats::jetstream::{ErrorCode, kv};
use bytes::Bytes;
use fleetfold_model::Timestamp;

use super::{ACK, JetStream, LEASE, OWNERS, key, timestamp};
use crate::clock::monotonic;
use crate::log::{Lease, Leased, LogError, ZoneName};

/// A lease that stands for so much longer than it may is not let go by the bucket.
const LEASE_GRACE: Duration = Duration::from_secs(1);

/// The lease of a zone that somebody else holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeaseSeen {
    revision: u64,
    /// Since when this revision has been seen.
    since: Instant,
}

impl LeaseSeen {
    /// The lease is seen at a revision; `before`: as it was seen last.
    fn again(before: Option<Self>, revision: u64, now: Instant) -> Self {
        before.filter(|seen| seen.revision == revision).unwrap_or(Self { revision, since: now })
    }
}

impl JetStream {
    pub(in crate::log) async fn epoch_max(&self, zone: &ZoneName) -> Result<u64, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(format!("the owner of the zone cannot be read: {error}"), "check the rights on $KV.OWNERS.>")
        };
        // Where the record is missing, nobody can be judged by it.
        let Some(owners) = &self.owners else { return Ok(0) };
        let held = self.lease(owners, zone).await.map_err(|error| failed(&error))?;
        if let Some(epoch) = held.as_ref().and_then(|entry| lease_epoch(&entry.payload, entry.sequence)) {
            return Ok(epoch);
        }
        // Nobody owns it now: an owner that was had a revision of this bucket. The bucket is asked anew: what the client's `status` says
        // is as old as the connection, and the plans of an owner that has just let go would be rejected by some and folded by others.
        Ok(self.bucket_info(OWNERS).await?.state.last_sequence)
    }

    /// The lease of a zone as the leader of its stream has it; `None`: nobody holds it. The client would ask any replica, and one that
    /// is behind would name an owner of before: the plans of the next owner would be rejected.
    async fn lease(&self, owners: &kv::Store, zone: &ZoneName) -> Result<Option<StreamMessage>, RawMessageError> {
        let Ok(stream) = self.context.get_stream_no_info(&owners.stream_name).await else { return Ok(None) };
        match stream.get_last_raw_message_by_subject(&format!("{}{}", owners.prefix, key(zone))).await {
            // The mark of a lease that was let go has a header that says so.
            Ok(message) if message.headers.get("KV-Operation").is_some() => Ok(None),
            Ok(message) => Ok(Some(message)),
            Err(error) => match error.kind() {
                LastRawMessageErrorKind::NoMessageFound => Ok(None),
                // The bucket was deleted, and all leases with it: whoever acquires a zone makes it again.
                LastRawMessageErrorKind::JetStream(why) if why.error_code() == ErrorCode::STREAM_NOT_FOUND => Ok(None),
                _ => Err(error),
            },
        }
    }

    pub(in crate::log) async fn owners_since(&self) -> Result<Timestamp, LogError> {
        if self.owners.is_none() {
            return Ok(Timestamp(i64::MAX));
        }
        Ok(timestamp(self.bucket_info(OWNERS).await?.created.unix_timestamp_nanos()))
    }

    pub(in crate::log) async fn acquire(
        &self,
        zone: &ZoneName,
        owner: &str,
        above: u64,
    ) -> Result<Option<Lease>, LogError> {
        let failed = |error: &dyn std::fmt::Display| {
            LogError::new(format!("the lease cannot be taken: {error}"), "check the rights on $KV.OWNERS.>")
        };
        let Some(created) = self.while_connected(self.owners()?.create(key(zone), lease_value(owner, None))).await
        else {
            return Ok(None);
        };
        let revision = match created {
            Ok(revision) => revision,
            Err(error) if error.kind() == kv::CreateErrorKind::AlreadyExists => {
                return self.take_over(zone, owner, above).await;
            }
            Err(error) => {
                // The bucket may have been deleted. The next attempt finds it.
                self.ensure_owners().await?;
                return Err(failed(&error));
            }
        };
        if revision > above {
            return Ok(Some(Lease { epoch: revision, revision }));
        }
        // The bucket was lost and begins anew: its revisions are below the terms that the zone has had.
        let epoch = above + 1;
        let value = lease_value(owner, Some(epoch));
        let revision = self.owners()?.update(key(zone), value, revision).await.map_err(|error| failed(&error))?;
        Ok(Some(Lease { epoch, revision }))
    }

    /// Takes a lease that nobody renews any more. The bucket lets it go by itself after [`LEASE`], unless somebody has made or set the
    /// bucket otherwise: then it would stand for ever.
    async fn take_over(&self, zone: &ZoneName, owner: &str, above: u64) -> Result<Option<Lease>, LogError> {
        let Some(held) = self.silent_lease(zone) else { return Ok(None) };
        let owners = self.owners()?;
        tracing::warn!(
            %zone, "the lease of the zone is older than it may be: bucket {OWNERS} does not let leases go after {} s", LEASE.as_secs()
        );
        // Its holder may renew it at this moment: then the revision is another, and it is not ours.
        let Ok(revision) = owners.update(key(zone), lease_value(owner, None), held.revision).await else {
            return Ok(None);
        };
        let epoch = revision.max(above + 1);
        let value = lease_value(owner, Some(epoch));
        Ok(owners.update(key(zone), value, revision).await.ok().map(|revision| Lease { epoch, revision }))
    }

    /// The lease of a zone that has stood for longer than it may. If it cannot be taken it is looked at anew.
    fn silent_lease(&self, zone: &ZoneName) -> Option<LeaseSeen> {
        let mut leases = self.leases_seen();
        let seen = leases.get(zone).copied().filter(|seen| monotonic() - seen.since > LEASE + LEASE_GRACE)?;
        leases.remove(zone);
        Some(seen)
    }

    /// Looks at the lease of a zone. Who wants it looks again and again, so that a lease which nobody renews is noticed.
    pub(in crate::log) async fn leased(&self, zone: &ZoneName) -> Leased {
        let Some(owners) = &self.owners else { return Leased::Unknown };
        let looked = self.while_connected(tokio::time::timeout(ACK, self.lease(owners, zone))).await;
        let mut leases = self.leases_seen();
        match looked {
            Some(Ok(Ok(Some(held)))) => {
                let now = monotonic();
                let seen = LeaseSeen::again(leases.get(zone).copied(), held.sequence, now);
                leases.insert(zone.clone(), seen);
                Leased::Unrenewed(now - seen.since)
            }
            Some(Ok(Ok(None))) => {
                leases.remove(zone);
                Leased::Nobody
            }
            Some(Ok(Err(_)) | Err(_)) | None => Leased::Unknown,
        }
    }

    fn leases_seen(&self) -> MutexGuard<'_, BTreeMap<ZoneName, LeaseSeen>> {
        self.leases_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::log) async fn renew(&self, zone: &ZoneName, owner: &str, lease: Lease) -> Option<Lease> {
        let value = lease_value(owner, Some(lease.epoch));
        let owners = self.owners.as_ref()?;
        let renew = async {
            if let Ok(revision) = owners.update(key(zone), value, lease.revision).await {
                return Some(Lease { revision, ..lease });
            }
            // A renewal whose answer was lost may have been stored: then the entry is ours at a later revision.
            let entry = self.lease(owners, zone).await.ok()??;
            is_renewal_of(&entry.payload, owner, lease.epoch).then_some(Lease { revision: entry.sequence, ..lease })
        };
        self.while_connected(tokio::time::timeout(ACK, renew)).await?.ok()?
    }

    /// See [`Log::resume`](crate::log::Log::resume).
    pub(in crate::log) async fn resume(
        &self,
        zone: &ZoneName,
        owner: &str,
        lease: Lease,
        above: u64,
    ) -> Result<Option<Lease>, LogError> {
        let silent = || LogError::new("the broker does not answer", "run `fleetfold doctor --log nats://…`");
        let owners = self.owners()?;
        let resume = async {
            let held = self.lease(owners, zone).await.map_err(|_| silent())?;
            let Some(entry) = held else { return Ok(None) };
            // Renewals that the broker had not read when it stopped are stored when it goes on.
            let same = entry.sequence == lease.revision || is_renewal_of(&entry.payload, owner, lease.epoch);
            if !same || lease_owner(&entry.payload).as_deref() != Some(owner) {
                return Ok(None);
            }
            let epoch = (entry.sequence + 1).max(above + 1).max(lease.epoch + 1);
            // One more of those renewals may come in between: then it is tried again.
            let updated = owners.update(key(zone), lease_value(owner, Some(epoch)), entry.sequence).await;
            let revision = updated.map_err(|error| LogError::new(error.to_string(), "nothing: it is tried again"))?;
            Ok(Some(Lease { epoch, revision }))
        };
        match self.while_connected(tokio::time::timeout(ACK, resume)).await {
            Some(Ok(resumed)) => resumed,
            Some(Err(_)) | None => Err(silent()),
        }
    }

    /// Makes the bucket of leases again where it was deleted.
    async fn ensure_owners(&self) -> Result<(), LogError> {
        match tokio::time::timeout(ACK * 2, self.owners_bucket()).await {
            Ok(made) => made.map(|_| ()),
            Err(_) => Err(LogError::new("bucket OWNERS does not answer", "run `fleetfold doctor --log nats://…`")),
        }
    }

    pub(in crate::log) async fn release(&self, zone: &ZoneName, lease: Lease) {
        let Some(owners) = &self.owners else { return };
        let _ = tokio::time::timeout(ACK, owners.delete_expect_revision(key(zone), Some(lease.revision))).await;
    }
}

/// What stands in a zone's lease: who owns it, and since which revision of the bucket, which is the epoch. The first writer
/// cannot know that revision before it is written; then it is the entry's own.
fn lease_value(owner: &str, epoch: Option<u64>) -> Bytes {
    Bytes::from(serde_json::json!({ "owner": owner, "epoch": epoch }).to_string())
}

/// Who owns a zone, as its lease says.
pub(super) fn lease_owner(value: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    value.get("owner").and_then(serde_json::Value::as_str).map(str::to_owned)
}

/// The epoch that a lease says. `None`: version 0.1 wrote it, which did not say.
fn lease_epoch(value: &[u8], revision: u64) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_slice(value).ok()?;
    value.get("owner")?;
    Some(value.get("epoch").and_then(serde_json::Value::as_u64).unwrap_or(revision))
}

/// True when this owner wrote it to renew the lease of this epoch. The first writer of a lease does not know its epoch yet: what it
/// wrote is no renewal.
fn is_renewal_of(value: &[u8], owner: &str, epoch: u64) -> bool {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(value) else { return false };
    value["owner"] == owner && value["epoch"] == epoch
}

#[cfg(test)]
mod tests {
    use super::{Duration, LeaseSeen, monotonic};

    #[test]
    fn a_lease_is_as_old_as_its_last_renewal_that_was_seen() {
        let now = monotonic();
        let later = |millis: u64| now + Duration::from_millis(millis);
        let first = LeaseSeen::again(None, 7, now);
        let same = LeaseSeen::again(Some(first), 7, later(900));
        assert_eq!(same.since, now);
        let renewed = LeaseSeen::again(Some(same), 8, later(1_000));
        assert_eq!((renewed.revision, renewed.since), (8, later(1_000)));
    }
}
