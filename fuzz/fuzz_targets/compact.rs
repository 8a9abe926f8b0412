//! libFuzzer on [`vestibule_fuzz::compact`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::compact(data));
