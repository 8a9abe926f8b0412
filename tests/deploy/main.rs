//! The files of deploy/ against what they are for: nginx and Caddy in front of the binary,
//! systemd's own judgement of the unit, and the steps of the Dockerfile.
//!
//! `./check deploy` installs what they need.

#![cfg(all(feature = "server", feature = "client"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, with the place in its message"
)]

mod addresses;
mod files;
mod image;
mod leaks;
mod proxies;
mod proxy;
#[path = "../support/mod.rs"]
mod support;
