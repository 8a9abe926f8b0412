//! libFuzzer on [`vestibule_fuzz::header`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::header(data));
