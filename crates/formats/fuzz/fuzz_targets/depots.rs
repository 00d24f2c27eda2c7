#![no_main]

mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| common::answer(data, fleetfold_formats::ProblemFormat::Depots));
