//! libFuzzer on [`vestibule_fuzz::claims`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::claims(data));
