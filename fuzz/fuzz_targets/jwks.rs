//! libFuzzer on [`vestibule_fuzz::jwks`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::jwks(data));
