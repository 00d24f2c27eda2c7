//! A line of a recorded day.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = fleetfold_wire::read_day_line(7, &String::from_utf8_lossy(data));
});
