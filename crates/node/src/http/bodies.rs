//! The events in the body of a request. Pure, so that the fuzzer reads bodies with the same code.

use bytes::Bytes;
use fleetfold_wire::{Mode, structured};
use serde_json::value::RawValue;

/// The events of a request: one per line, a list of them (batched), or the body, which may be in binary mode. `headers`: names in lower
/// case, with their values. `Err`: it calls itself a batch and is no list.
pub(crate) fn events_in(headers: &[(&str, &str)], body: Bytes) -> Result<Vec<Bytes>, serde_json::Error> {
    let kind = headers.iter().find(|(name, _)| *name == "content-type").map_or("", |&(_, kind)| kind);
    if kind.contains("ndjson") || kind.contains("jsonl") {
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        return Ok(lines.map(|line| body.slice_ref(line)).collect());
    }
    match Mode::of(headers.iter().copied()) {
        Mode::Batched => {
            // Each event keeps the bytes that it came in: what is rejected is told with them.
            let events: Vec<&RawValue> = serde_json::from_slice(&body)?;
            Ok(events.into_iter().map(|event| body.slice_ref(event.get().as_bytes())).collect())
        }
        Mode::Structured => Ok(vec![body]),
        Mode::Binary => Ok(vec![structured(headers.iter().copied(), &body).map_or(body, Bytes::from)]),
    }
}
