//! What a server is made of, by whoever runs it.

use super::{Demo, FEATURES};
use crate::{
    broker::MemoryBroker,
    config::{AdminConfig, OnUserLimit, Places, TicketPolicy, TrustedProxies},
    credential::Sources,
    directory::Checks,
    protocol::{
        limits::{AuthLimits, SessionLimits},
        room_path::RoomPath,
        room_rules::RoomRules,
    },
    session::Rules,
    token::Verifier,
};
use std::{fmt, net::SocketAddr, sync::Arc};

/// What a server is made of.
pub struct Settings {
    /// The public address; port 0 picks one.
    pub listen: SocketAddr,
    /// Worker threads; 0 is one per core.
    pub workers: usize,
    /// Connections at a time; 0 derives the cap from the descriptor limit.
    pub connections: usize,
    /// How long a drain may take, in milliseconds.
    pub drain_ms: u64,
    /// Limits, what holds in which rooms, and features.
    pub rules: Rules,
    /// Memory that the history of all rooms may take, in bytes.
    pub history_total_bytes: usize,
    /// Origins that may connect; empty lets all in.
    pub origins: Vec<String>,
    /// Which handshakes may bring a credential.
    pub sources: Sources,
    /// The path that names a room to join.
    pub room_path: Option<RoomPath>,
    /// How many may wait for their verdict.
    pub places: Places,
    /// Sockets accepted a second; above it the listener waits.
    pub accepts_per_s: u32,
    /// The proxies whose word about the addresses of clients is taken.
    pub trusted_proxies: TrustedProxies,
    /// The page that shows the protocol, at `/`.
    pub demo: Demo,
    /// Connections of one user at a time.
    pub connections_per_user: u32,
    /// What happens over that cap.
    pub on_user_limit: OnUserLimit,
    /// Judges credentials.
    pub verifier: Arc<dyn Verifier>,
    /// How `POST /ticket` gives tickets out; `None` is not at all.
    pub tickets: Option<TicketPolicy>,
    /// Who is asked about the user of a good credential; `None`: whoever has one comes in.
    pub directory: Option<Checks>,
    /// Where metrics are served; `None` is nowhere.
    pub admin: Option<AdminConfig>,
}

impl Settings {
    /// Defaults on a loopback port that the system picks, with this verifier and open rooms.
    pub fn new(verifier: Arc<dyn Verifier>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            workers: 0,
            connections: 0,
            drain_ms: 5_000,
            rules: Rules {
                auth: AuthLimits::default(),
                session: SessionLimits::default(),
                rooms: RoomRules::open(),
                features: FEATURES,
            },
            history_total_bytes: MemoryBroker::CAP_BYTES,
            origins: Vec::new(),
            sources: Sources::default(),
            room_path: None,
            places: Places::default(),
            accepts_per_s: 5_000,
            trusted_proxies: TrustedProxies::default(),
            demo: Demo::Off,
            connections_per_user: 32,
            on_user_limit: OnUserLimit::default(),
            verifier,
            tickets: None,
            directory: None,
            admin: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
