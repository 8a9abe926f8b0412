//! One task per socket: bytes to session and back.
#![allow(dead_code, unused_imports, reason = "used by the connection task")]

pub(crate) mod inbound;
