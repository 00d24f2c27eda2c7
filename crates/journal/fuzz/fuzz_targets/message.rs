//! One message of the log.
#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let fleet = common::fold(std::iter::once(data));
    common::comes_back(&fleet);
});
