//! What a worker lends to its connections while they act, and what they leave for it to do.

use super::{Terms, transport::Kit};
use crate::{
    gate::{
        gone::GoneKeys,
        refusals::RefusalLog,
        users::{Admission, Place, UserCap, Users},
        verifications::{Asker, Verifications},
    },
    metrics::{Metrics, Recorder},
    protocol::{
        client_message::Token,
        credential::Presentation,
        identity::{Identity, Login, Pass},
        time::{Now, Time},
    },
    relay::Relay,
    room::{ConnKey, RoomId, RoomPlace, WorkerIndex},
    token::Verification,
};
use std::{fmt, sync::Arc};

/// What all workers of a server share.
pub(crate) struct Shared {
    /// Rooms, broker and inboxes.
    pub(crate) relay: Relay,
    /// Connections of each user.
    pub(crate) users: Users,
    /// Places for lookups of the verifier; who waits for one does so while its deadline runs.
    pub(crate) verifications: Arc<Verifications>,
    /// What is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Who was refused.
    pub(crate) refusals: Arc<RefusalLog>,
    /// Keys that are gone.
    pub(crate) gone: Arc<GoneKeys>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("relay", &self.relay).finish_non_exhaustive()
    }
}

/// A member that has to be taken out of its room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Departure {
    /// Its place.
    pub(crate) at: RoomPlace,
    /// Whose place it is.
    pub(crate) connection: ConnKey,
}

/// The worker's side of everything that a connection does. A connection cannot reach the rooms or
/// its neighbours: it leaves notes, and the worker carries them out when the connection is done.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The clocks, read when the worker woke.
    pub(crate) now: Now,
    /// Which worker this is.
    pub(crate) worker: WorkerIndex,
    /// What all workers share.
    pub(crate) shared: Arc<Shared>,
    /// The terms in force on this worker.
    pub(crate) terms: Arc<Terms>,
    /// Scratch and contexts.
    pub(crate) kit: Kit,
    /// This worker's own counters.
    pub(crate) recorder: Recorder,
    /// Note: call [`Connection::on_time`](super::Connection::on_time) then.
    pub(crate) alarms: Vec<(ConnKey, Time)>,
    /// Note: take these members out.
    pub(crate) departures: Vec<Departure>,
    /// Note: these connections lost their place to a newer one of the same user.
    pub(crate) replaced: Vec<Place>,
    /// Note: these connections read on from history when their rooms are served next.
    pub(crate) hungry: Vec<RoomId>,
}

impl Desk {
    /// An empty desk.
    pub(crate) fn new(worker: WorkerIndex, shared: Arc<Shared>, terms: Arc<Terms>) -> Self {
        let recorder = shared.metrics.recorder();
        Self {
            now: Now::default(),
            worker,
            shared,
            terms,
            kit: Kit::default(),
            recorder,
            alarms: Vec::new(),
            departures: Vec::new(),
            replaced: Vec::new(),
            hungry: Vec::new(),
        }
    }

    /// Judges a credential on the spot, or begins a lookup that waits for its turn.
    pub(super) fn judge(&self, shown: Presentation<'_>, asker: Asker) -> Verification<Box<Login>> {
        self.in_turn(asker, self.terms.verifier.judge(shown, self.now.wall))
    }

    /// The same for a room token.
    pub(super) fn verify_pass(&self, token: Token<'_>, asker: Asker) -> Verification<Box<Pass>> {
        self.in_turn(asker, self.terms.verifier.verify_pass(token, self.now.wall))
    }

    fn in_turn<T: Send + 'static>(
        &self,
        asker: Asker,
        verification: Verification<T>,
    ) -> Verification<T> {
        let Shared { verifications, metrics, .. } = &*self.shared;
        verifications.in_turn(metrics, asker, verification)
    }

    /// Whether this member is to be taken out as soon as its room is done with its turn.
    pub(crate) fn takes_out(&self, connection: ConnKey, at: RoomPlace) -> bool {
        self.departures.iter().any(|it| it.connection == connection && it.at == at)
    }

    /// Asks the table of users for a place.
    pub(super) fn admit(&mut self, key: ConnKey, login: &Login) -> bool {
        let place = Place { worker: self.worker, connection: key.into() };
        let UserCap { connections, on_limit } = self.terms.user_cap;
        let cap = UserCap { connections: login.connections(connections), on_limit };
        match self.shared.users.admit(&login.identity, place, cap) {
            Admission::Admitted => true,
            Admission::Replacing(oldest) => {
                self.replaced.push(oldest);
                true
            }
            Admission::Refused => false,
        }
    }

    /// Gives the place of `key` back.
    pub(super) fn leave(&self, key: ConnKey, identity: &Arc<Identity>) {
        self.shared.users.leave(identity, Place { worker: self.worker, connection: key.into() });
    }
}
