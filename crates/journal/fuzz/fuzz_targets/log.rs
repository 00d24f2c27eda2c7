//! A log, one message a line: whatever comes, every promise of the state holds after each entry, and a base brings the state back.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let fleet = common::fold(data.split(|&byte| byte == b'\n'));
    common::comes_back(&fleet);
});
