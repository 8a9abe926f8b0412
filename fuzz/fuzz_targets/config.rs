//! libFuzzer on [`vestibule_fuzz::config`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::config(data));
