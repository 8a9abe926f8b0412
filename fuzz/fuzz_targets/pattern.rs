//! libFuzzer on [`vestibule_fuzz::pattern`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::pattern(data));
