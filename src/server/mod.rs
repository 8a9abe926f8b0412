//! What listens: accept, plain HTTP, drain.
#![allow(dead_code, unused_imports, reason = "used by the acceptor")]

pub(crate) mod http;
