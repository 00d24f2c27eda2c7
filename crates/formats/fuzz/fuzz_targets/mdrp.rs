//! The tables of an instance, with form feeds between them.
#![no_main]

use fleetfold_formats::days::{MdrpFiles, NamedText, Rules, mdrp};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut tables = text.split('\u{c}').map(|text| NamedText { name: "table", text });
    let mut next = || tables.next().unwrap_or(NamedText { name: "table", text: "" });
    let files =
        MdrpFiles { instance: "fuzz", parameters: next(), restaurants: next(), couriers: next(), orders: next() };
    for rules in [Rules::Usual, Rules::Published] {
        if let Ok(day) = mdrp(&files, rules) {
            assert!(day.lines().count() > day.events.len());
        }
    }
});
