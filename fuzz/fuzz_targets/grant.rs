//! libFuzzer on [`vestibule_fuzz::grant`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::grant(data));
