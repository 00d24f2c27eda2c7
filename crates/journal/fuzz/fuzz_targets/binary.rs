//! A message in CloudEvents' binary mode: headers, an empty line, the payload.
#![no_main]

mod common;

use fleetfold_wire::structured;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let at = data.windows(2).position(|pair| pair == b"\n\n").unwrap_or(data.len());
    let head = String::from_utf8_lossy(&data[..at]);
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    if let Some(message) = structured(headers, data.get(at + 2..).unwrap_or_default()) {
        common::fold(std::iter::once(message.as_slice()));
    }
});
