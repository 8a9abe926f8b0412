//! What must hold for any input, one function for each target: libFuzzer and `tests/fuzz.rs` run
//! the same ones.
//!
//! Each compares the code with a second, naive way to the same answer, or with itself told
//! differently. They panic where something does not hold, and take no notice of time or files.

mod claims;
mod compact;
mod config;
pub mod forge;
mod header;
mod json;
mod jwks;
mod messages;
mod rooms;
mod verifier;

pub use claims::claims;
pub use compact::compact;
pub use config::config;
pub use header::header;
pub use json::json;
pub use jwks::jwks;
pub use messages::{client_message, server_message};
pub use rooms::{grant, pattern};
pub use verifier::verifier;

/// One target: it panics where something does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 11] = [
    ("json", json),
    ("compact", compact),
    ("header", header),
    ("claims", claims),
    ("verifier", verifier),
    ("jwks", jwks),
    ("pattern", pattern),
    ("grant", grant),
    ("client_message", client_message),
    ("server_message", server_message),
    ("config", config),
];
