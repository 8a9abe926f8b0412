//! What messages and connections cost: counts that are the same on a quiet machine and on a busy
//! one.
//!
//! `./check cost` runs them, and those of `tests/memory/`, and prints what was counted.
#![cfg(all(feature = "server", feature = "client"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

mod bounds;
mod callgrind;
mod calls;
mod crowd;
mod document;
mod instructions;
#[path = "../memory/peer.rs"]
#[allow(dead_code, reason = "the tests of memory use more of it")]
mod peer;
#[path = "../support/mod.rs"]
mod programs;
mod strace;
#[path = "../sockets/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "the tests of sockets use more of it"
)]
mod support;
