//! The body of a request to the program: headers, an empty line, the body. Events as the door takes them apart and judges them, and a
//! schema that is compared with every version of a type.
#![no_main]
#![allow(dead_code)]

#[path = "../../../node/src/http/bodies.rs"]
mod bodies;
mod common;

use bytes::Bytes;
use fleetfold_model::{Space, Timestamp};
use fleetfold_wire::schema::{breaks, committed};
use fleetfold_wire::{Parted, What, decode, odd_in_zone, place_nowhere, unnameable};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let at = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let head = String::from_utf8_lossy(&data[..at]).to_ascii_lowercase();
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let body = Bytes::copy_from_slice(data.get(at + 2..).unwrap_or_default());
    if let Some((_, name)) = headers.iter().find(|(name, _)| *name == "x-subject") {
        let Ok(schema) = serde_json::from_slice(&body) else { return };
        for of in committed().get(*name).into_iter().flatten() {
            let _ = breaks(&of.schema, &schema);
            let _ = breaks(&schema, &of.schema);
        }
        return;
    }
    let Ok(events) = bodies::events_in(&headers, body.clone()) else { return };
    for event in &events {
        let Ok(decoded) = decode(event) else { continue };
        for space in [Space::Geographic, Space::Planar] {
            let _ = odd_in_zone(decoded.kind, &decoded.envelope, space, Timestamp(0));
        }
        let _ = place_nowhere(decoded.kind, &decoded.envelope);
        let What::Event(what) = &decoded.what else { continue };
        let _ = unnameable(what);
        if let Some(parted) = Parted::of(decoded.kind, event).expect("what is decoded can be parted") {
            // A payload that came as Base64 is one level deeper now: its depth may be too much for the decoder, and the door refuses it.
            let has_base64 = event.windows(4).any(|four| four == b"e64\"") || event.contains(&b'\\');
            let without = decode(&parted.without());
            assert!(without.is_ok() || has_base64, "an event without its words is an event");
        }
    }
    common::fold(events.iter().map(|event| event.as_ref()));
});
