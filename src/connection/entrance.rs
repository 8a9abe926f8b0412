//! What a connection begins with: its stream, its place, the terms of the server.

use super::{Stream, Visitor, inbound::Policy};
use crate::{
    gate::{gone::KeyMoment, users::UserCap},
    protocol::identity::Login,
    session::{Arrival, Rules},
    token::Verifier,
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// How a connection begins.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// The byte stream behind the 101.
    pub(crate) stream: Stream,
    /// Bytes that came along with the handshake.
    pub(crate) early: Box<[u8]>,
    /// Subprotocols were offered and none is known.
    pub(crate) unknown_subprotocol: bool,
    /// What its session begins with.
    pub(crate) arrival: Arrival,
    /// What its credential says that was judged before the 101 (`Opening::Judged`).
    pub(crate) judged: Option<Judged>,
    /// The `Origin` of its handshake, where a credential may depend on it.
    pub(crate) origin: Option<Box<Origin>>,
    /// Its place among the connections of the process.
    pub(crate) slot: Slot,
    /// Who it is, as far as anybody knows.
    pub(crate) visitor: Box<Visitor>,
}

/// A login that was found good before its connection began.
#[derive(Debug)]
pub(crate) struct Judged {
    /// What was found.
    pub(crate) login: Box<Login>,
    /// From before it was judged: its key may have gone since.
    pub(crate) since: KeyMoment,
}

/// The page that a connection belongs to (RFC 6454), as its browser says.
#[derive(Debug)]
pub(crate) struct Origin(pub(crate) Box<str>);

/// A place among the connections of a process; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    /// Takes a place. Returns how many were taken before.
    pub(crate) fn take(count: &Arc<AtomicUsize>) -> (Self, usize) {
        let before = count.fetch_add(1, Ordering::Relaxed);
        (Self(Arc::clone(count)), before)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The terms of a server. They are replaced as a whole, by a reload.
pub(crate) struct Terms {
    /// Of the session; a connection keeps the limits that it began with.
    pub(crate) rules: Arc<Rules>,
    /// Of the transport; kept, too.
    pub(crate) policy: Arc<Policy>,
    /// Judges credentials.
    pub(crate) verifier: Arc<dyn Verifier>,
    /// Connections of one user, where token and issuer say nothing.
    pub(crate) user_cap: UserCap,
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Terms {
    /// The terms that follow from these parts.
    pub(crate) fn new(rules: Rules, verifier: Arc<dyn Verifier>, user_cap: UserCap) -> Self {
        let policy = Arc::new(Policy::new(Some(&rules.auth), &rules.session));
        Self { rules: Arc::new(rules), policy, verifier, user_cap }
    }
}
