//! libFuzzer on [`vestibule_fuzz::server_message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::server_message(data));
