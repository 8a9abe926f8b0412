//! The user behind the token, over real sockets: a callback that a test holds in its hand, slow,
//! failing, hanging, restarted; and users who are put out while they are connected.
#![cfg(feature = "server")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what it expected"
)]

mod backend;
mod basic;
#[cfg(feature = "sql")]
mod contract;
#[cfg(feature = "sql")]
mod database;
#[cfg(feature = "sql")]
mod django;
mod logins;
mod program;
mod rechecks;
#[path = "../sockets/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "other tests use the rest")]
mod support;
#[path = "../support/mod.rs"]
mod whole;

use backend::Backend;
use std::sync::Arc;
use support::Host;
use vestibule::{
    config::Places,
    directory::{Bounds, Checks, HttpDirectory, Register},
    fetch::{Address, Trust},
    server::Settings,
};

/// Every contract holds with one worker and with two.
const WORKERS: [usize; 2] = [1, 2];
/// What the callback wants to see.
const KEY: &str = "a-key-that-only-the-two-of-them-know";

/// What asks `backend` within `bounds`.
fn checks(backend: &Backend, bounds: Bounds) -> Checks {
    let address = Address::parse(&backend.url()).expect("an address");
    let trust = Trust::nobody().expect("no file is read");
    let directory = HttpDirectory::new(address, trust, bounds.timeout_ms);
    let directory = directory.with_key(KEY.as_bytes()).expect("it fits into a header");
    Checks { register: Register::new(Arc::new(directory), bounds), passwords: None }
}

/// A server that asks `backend`, with places for everybody.
fn host(workers: usize, checks: &Checks, adjust: impl FnOnce(&mut Settings)) -> Host {
    Host::start(workers, |settings| {
        settings.directory = Some(checks.clone());
        settings.places = Places { places: 4_096, hard_places: 8_192, share: 4_096 };
        settings.connections_per_user = 4_096;
        adjust(settings);
    })
}
