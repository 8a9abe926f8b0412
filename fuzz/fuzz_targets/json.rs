//! libFuzzer on [`vestibule_fuzz::json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::json(data));
