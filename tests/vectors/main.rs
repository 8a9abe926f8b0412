//! The vectors of others, through form, header, choice of key and signature.

#![cfg(feature = "server")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod cookbook;
mod rfc7515;
mod wycheproof;

use serde_json::Value;
use std::{fs, path::Path};
use vestibule::{
    protocol::time::Wall,
    token::{
        Compact, FormFault, KeyRing, Keys, Rejection, TOKEN_BYTES,
        header::Header,
        ring::{LeftOut, Note, Origin, SetFault, SetTerms},
    },
};

const FILE: SetTerms = SetTerms::new(Origin::File);
const REMOTE: SetTerms = SetTerms::new(Origin::Remote);

/// The private members of a JWK.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A file beside this one.
fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{name}: {fault}"));
    serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

/// Everything but the claims.
fn judge(token: &str, keys: &KeyRing) -> Result<(), Rejection> {
    let compact = Compact::parse(token, TOKEN_BYTES)?;
    let header = Header::parse(compact.header())?;
    keys.check(&header, &compact, Wall::from_ms(0)).map(drop)
}

/// A token is a string; the JSON serialization of one is what somebody could send in its place.
fn text(token: &Value) -> String {
    token.as_str().map_or_else(|| token.to_string(), str::to_owned)
}

/// The ring of a file with this key or set.
fn ring(keys: &Value) -> Result<KeyRing, SetFault> {
    ring_on(keys, &FILE)
}

fn ring_on(keys: &Value, terms: &SetTerms) -> Result<KeyRing, SetFault> {
    KeyRing::from_set(&keys.to_string(), terms).map(|(ring, _)| ring)
}

/// The one key of a set that is none without it.
fn left_out(keys: &Value, terms: &SetTerms) -> LeftOut {
    match ring_on(keys, terms) {
        Err(SetFault::Empty(notes)) => match notes.as_slice() {
            [Note { why, .. }] => *why,
            several => panic!("{several:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The public half of a JWK.
fn public(key: &Value) -> Value {
    let mut key = key.clone();
    let members = key.as_object_mut().unwrap();
    members.retain(|name, _| !PRIVATE.contains(&name.as_str()));
    key
}

fn form(rejection: &Rejection) -> FormFault {
    let Rejection::Form(fault) = rejection else { panic!("{rejection:?}") };
    *fault
}
