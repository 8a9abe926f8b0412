//! libFuzzer on [`vestibule_fuzz::client_message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::client_message(data));
