//! The object store of bases.
//!
//! Everybody who may publish on `$O.BASES.>` can put anything there, and a crash or a restored backup can leave half an object.
//! So objects are read with distrust, and not by the client's reader: that one waits for ever for a chunk that is missing,
//! follows links without end, and takes the stated size for true. Here chunks are asked for one by one, no more memory is
//! taken than bytes have come, and each question to the broker has the time limit of its connection.

use std::fmt::Display;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::object_store::{ObjectInfo, ObjectMetadata};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageError, Stream as Handle};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use futures::StreamExt;

use super::{JetStream, is_missing};
use crate::log::LogError;

/// The object store of bases.
pub(super) const BASES: &str = "BASES";
/// The stream that it stands in.
pub(super) const OBJ_BASES: &str = "OBJ_BASES";
/// Largest object that is read. A base of 300,000 orders has about 30 MB.
const OBJECT_BYTES_MAX: usize = 1 << 30;
/// Least bytes of a chunk on average, above a few chunks: the client writes 64 to 128 KiB.
const CHUNK_BYTES_MIN: usize = 1 << 10;
/// Bytes of a chunk, where the broker takes as much.
const CHUNK_BYTES: usize = 128 << 10;
/// Room for the subject and the headers of a chunk.
const HEADERS_MAX: usize = 1 << 10;
/// The list of objects is given up when nothing comes for so long.
const LIST_SILENT: Duration = Duration::from_secs(5);

impl JetStream {
    pub(in crate::log) async fn put_object(&self, name: &str, bytes: &Bytes) -> Result<(), LogError> {
        let store = self.maker.bases().await?;
        // The client removes the chunks of an object that it replaces, and takes the object's word for where they are.
        if let Some(handle) = self.bases().await?
            && let Some(Err(_)) = meta(&handle, name).await?.map(|found| found.and_then(|info| chunks_of(&info)))
        {
            self.mark_as_removed(name).await?;
        }
        let mut data = bytes.as_ref();
        // A chunk is a message: it must not be larger than the broker takes.
        let most = self.client.server_info().max_payload.saturating_sub(HEADERS_MAX).max(CHUNK_BYTES_MIN);
        let chunk_size = Some(most.min(CHUNK_BYTES));
        let object = ObjectMetadata { name: name.to_owned(), chunk_size, ..ObjectMetadata::default() };
        store.put(object, &mut data).await.map(|_| ()).map_err(|error| object_error("stored", name, &error))
    }

    /// An object's bytes. The inner error says why this object cannot be had, although the broker answers.
    pub(in crate::log) async fn get_object(&self, name: &str) -> Result<Result<Bytes, String>, LogError> {
        let gone = || Ok(Err("it is not there any more".to_owned()));
        let Some(handle) = self.bases().await? else { return gone() };
        let info = match meta(&handle, name).await? {
            Some(Ok(info)) if !info.deleted => info,
            Some(Err(why)) => return Ok(Err(why)),
            Some(Ok(_)) | None => return gone(),
        };
        let (chunks, digest) = match (looks_right(&info), chunks_of(&info)) {
            (Ok(digest), Ok(chunks)) => (chunks, digest),
            (Err(why), _) | (_, Err(why)) => return Ok(Err(why)),
        };
        let (mut bytes, mut seq) = (Vec::new(), 1);
        for number in 0..info.chunks {
            let chunk = match handle.get_first_raw_message_by_subject(&chunks, seq).await {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                    return Ok(Err(format!("chunk {} of {} is missing", number + 1, info.chunks)));
                }
                Err(error) => return Err(object_error("read", name, &error)),
            };
            seq = chunk.sequence + 1;
            bytes.extend_from_slice(&chunk.payload);
            if bytes.len() > info.size {
                return Ok(Err(format!("it is longer than the {} bytes that it says", info.size)));
            }
        }
        if bytes.len() != info.size {
            return Ok(Err(format!("it has {} bytes and says {}", bytes.len(), info.size)));
        }
        if ring::digest::digest(&ring::digest::SHA256, &bytes).as_ref() != digest {
            return Ok(Err("its bytes do not have its digest".to_owned()));
        }
        Ok(Ok(Bytes::from(bytes)))
    }

    pub(in crate::log) async fn list_objects(&self, prefix: &str) -> Result<Vec<String>, LogError> {
        if self.bases().await?.is_none() {
            return Ok(Vec::new());
        }
        let failed = |error: &dyn Display| object_error("listed", prefix, error);
        let store = self.context.get_object_store(BASES).await.map_err(|error| failed(&error))?;
        let mut list = store.list().await.map_err(|error| failed(&error))?;
        let mut names = Vec::new();
        loop {
            let next = tokio::time::timeout(LIST_SILENT, list.next()).await;
            let info = match next.map_err(|_| failed(&"nothing came for 5 s"))? {
                None => break,
                Some(Ok(info)) => info,
                // What is no description of an object, or the mark that other clients leave of a removed one, names none of
                // ours.
                Some(Err(error)) if error.to_string().contains("deserializing") => continue,
                Some(Err(error)) => return Err(failed(&error)),
            };
            if info.name.starts_with(prefix) && !info.deleted {
                names.push(info.name);
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    pub(in crate::log) async fn delete_object(&self, name: &str) -> Result<(), LogError> {
        let Some(handle) = self.bases().await? else { return Ok(()) };
        let Some(found) = meta(&handle, name).await? else { return Ok(()) };
        self.mark_as_removed(name).await?;
        if let Ok(chunks) = found.and_then(|info| chunks_of(&info)) {
            let purged = handle.purge().filter(&chunks).await;
            purged.map_err(|error| object_error("removed", name, &error))?;
        }
        Ok(())
    }

    /// Puts the mark of a removed object in the place of its description.
    async fn mark_as_removed(&self, name: &str) -> Result<(), LogError> {
        let failed = |error: &dyn Display| object_error("removed", name, error);
        let mark = serde_json::json!({
            "name": name, "bucket": BASES, "nuid": "removed", "size": 0, "chunks": 0, "deleted": true,
            "mtime": jiff::Timestamp::from_millisecond(crate::clock::wall().0).map_or_else(|_| String::new(), |at| at.to_string()),
        });
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Rollup", "sub");
        let publish = self.context.publish_with_headers(meta_subject(name), headers, mark.to_string().into());
        publish.await.map_err(|error| failed(&error))?.await.map_err(|error| failed(&error))?;
        Ok(())
    }

    /// The stream of the object store; `None`: there is none.
    async fn bases(&self) -> Result<Option<Handle>, LogError> {
        match self.context.get_stream(OBJ_BASES).await {
            Ok(handle) => Ok(Some(handle)),
            Err(error) if matches!(error.kind(), GetStreamErrorKind::JetStream(error) if is_missing(&error)) => {
                Ok(None)
            }
            Err(error) => Err(object_error("read", "the list", &error)),
        }
    }
}

fn meta_subject(name: &str) -> String {
    format!("$O.{BASES}.M.{}", URL_SAFE.encode(name))
}

/// The description of an object as it stands there; `None`: there is none. The inner error: it cannot be read.
async fn meta(handle: &Handle, name: &str) -> Result<Option<Result<ObjectInfo, String>>, LogError> {
    match handle.get_last_raw_message_by_subject(&meta_subject(name)).await {
        Ok(raw) => Ok(Some(serde_json::from_slice(&raw.payload).map_err(|error| format!("its description: {error}")))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(read_error(name, &error)),
    }
}

fn read_error(name: &str, error: &RawMessageError) -> LogError {
    object_error("read", name, error)
}

/// The subject of an object's chunks, if that is the subject of nothing else.
fn chunks_of(info: &ObjectInfo) -> Result<String, String> {
    let is_plain =
        !info.nuid.is_empty() && info.nuid.len() <= 64 && info.nuid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_plain { Ok(format!("$O.{BASES}.C.{}", info.nuid)) } else { Err("its chunks have no name".to_owned()) }
}

/// Whether a description can be that of a base; then the digest of its bytes.
fn looks_right(info: &ObjectInfo) -> Result<Vec<u8>, String> {
    if info.options.as_ref().is_some_and(|options| options.link.is_some()) {
        return Err("it is a link, and links are not followed".to_owned());
    }
    if info.size > OBJECT_BYTES_MAX {
        return Err(format!("it says that it has {} bytes, {OBJECT_BYTES_MAX} is the most", info.size));
    }
    if info.chunks > 16 + info.size / CHUNK_BYTES_MIN {
        return Err(format!("it says that {} bytes are in {} chunks", info.size, info.chunks));
    }
    let digest = info.digest.as_deref().and_then(|digest| digest.strip_prefix("SHA-256="));
    digest
        .and_then(|digest| URL_SAFE_NO_PAD.decode(digest.trim_end_matches('=')).ok())
        .filter(|digest| digest.len() == 32)
        .ok_or_else(|| "it has no digest".to_owned())
}

fn object_error(what: &str, name: &str, error: &dyn Display) -> LogError {
    LogError::new(
        format!("{name} cannot be {what} in the object store {BASES}: {error}"),
        "check the rights on $O.BASES.>",
    )
}
