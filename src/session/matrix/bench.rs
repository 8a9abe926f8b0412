//! A session brought to one state, with a request of each kind in flight once it is ready.

use super::super::{Action, Arrival, Event, Phase, Pulse, RequestKey, Rules, Session};
use crate::protocol::{
    grant::{Grant, Permissions},
    identity::{Identity, Login, Pass, Quotas, Signer},
    limits::{AuthLimits, SessionLimits},
    room_name::RoomName,
    room_rules::RoomRules,
    time::{Now, Time, Wall},
};
use std::sync::Arc;

/// When every session of the table begins.
const START: Now = Now { time: Time::from_ms(1_000_000), wall: Wall::from_ms(1_800_000_000_000) };
/// The life of its token; the warning is due a fifth of it before the end.
const LIFE_MS: u64 = 100_000;
/// The leeway of its issuer.
const LEEWAY_MS: u64 = 5_000;

/// A session in one state.
pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) now: Now,
    pub(super) keys: Keys,
}

/// Requests in flight, by kind.
pub(super) struct Keys {
    pub(super) join: RequestKey,
    pub(super) leave: RequestKey,
    pub(super) publish: RequestKey,
    pub(super) history: RequestKey,
}

impl Bench {
    pub(super) fn new(phase: Phase, adapt: fn(&mut Rules)) -> Self {
        let mut rules = Rules {
            auth: AuthLimits::default(),
            session: SessionLimits::default(),
            rooms: RoomRules::granted(),
            features: &["recovery", "history", "ephemeral", "room_token", "refresh"],
        };
        adapt(&mut rules);
        let (session, _) = Session::new(START, Arc::new(rules), Arrival::new("c", 0));
        // No request has this key yet: an outcome for it is one for nobody.
        let nobody = RequestKey(u32::MAX);
        let keys = Keys { join: nobody, leave: nobody, publish: nobody, history: nobody };
        let mut bench = Self { session, now: START, keys };
        bench.bring_to(phase);
        bench
    }

    /// The same moment with the clocks moved on, each by its own milliseconds.
    pub(super) fn later(&mut self, time_ms: u64, wall_ms: u64) {
        self.now = Now { time: self.now.time + time_ms, wall: self.now.wall + wall_ms };
    }

    /// Looks at the clock; the peer was heard `silent_ms` ago.
    pub(super) fn timer(&self, silent_ms: u64, backlog: bool) -> Event<'static> {
        let heard = Time::from_ms(self.now.time.as_ms().saturating_sub(silent_ms));
        Event::Timer(Pulse { heard, spoke: self.now.time, backlog })
    }

    fn bring_to(&mut self, phase: Phase) {
        match phase {
            Phase::AwaitingAuth => {}
            Phase::Verifying => self.feed(Event::Text(AUTH)),
            Phase::Ready => {
                self.bring_to(Phase::Verifying);
                self.feed(Event::Verified(login("ann", GRANT)));
                self.fill();
            }
            Phase::Refreshing => {
                self.bring_to(Phase::Ready);
                self.feed(Event::Text(AUTH));
            }
            Phase::Closing => {
                self.bring_to(Phase::Ready);
                self.feed(Event::Revoked);
            }
            Phase::Closed => {
                self.bring_to(Phase::Ready);
                self.feed(Event::Eof);
            }
        }
    }

    /// Joins one room and puts a join, a leave and a publish in flight.
    fn fill(&mut self) {
        for join in [JOIN_LOBBY, r#"{"type":"join","room":"attic"}"#] {
            self.feed(Event::Text(join));
            self.feed(Event::Joined { key: self.keys.join, epoch: "e", seq: 7, recovered: None });
        }
        self.feed(Event::Text(r#"{"type":"join","room":"den","id":"1"}"#));
        self.feed(Event::Text(r#"{"type":"leave","room":"attic","id":"2"}"#));
        self.feed(Event::Text(r#"{"type":"message","room":"lobby","payload":0,"id":"3"}"#));
    }

    pub(super) fn feed(&mut self, event: Event<'static>) {
        for action in self.session.handle(self.now, event) {
            match action {
                Action::Join { key, .. } => self.keys.join = key,
                Action::Leave { key, .. } => self.keys.leave = key,
                Action::Publish { key, .. } => self.keys.publish = key,
                Action::History { key, .. } => self.keys.history = key,
                Action::Verify(_)
                | Action::CancelVerify
                | Action::VerifyPass(_)
                | Action::CancelVerifyPass
                | Action::Send(_)
                | Action::Ping { .. }
                | Action::Pong(_)
                | Action::Evict { .. }
                | Action::Cut
                | Action::Close { .. }
                | Action::EchoClose(_)
                | Action::Abandon => {}
            }
        }
    }
}

/// The sign-in.
pub(super) const AUTH: &str = r#"{"type":"auth","payload":"token"}"#;
/// A join of the room that the session is in.
const JOIN_LOBBY: &str = r#"{"type":"join","room":"lobby"}"#;
/// What the token of the table opens.
pub(super) const GRANT: &str = r#"{"**":"*"}"#;

/// What a room token of a second says, signed with a key of its own.
pub(super) fn pass(room: RoomName, subject: &str) -> Box<Pass> {
    Box::new(Pass {
        identity: login(subject, "{}").identity,
        room,
        allow: Permissions::ALL,
        expires_at: START.wall + 1_000,
        leeway_ms: 0,
        signer: Signer::from_number(1),
    })
}

/// What the token of `subject` says.
pub(super) fn login(subject: &str, grant: &str) -> Box<Login> {
    Box::new(Login {
        identity: Arc::new(Identity {
            issuer: None,
            subject: subject.into(),
            user: subject.into(),
        }),
        grant: Arc::new(Grant::parse(grant).unwrap_or_default()),
        info: None,
        quotas: Quotas::default(),
        ceiling: Quotas::default(),
        expires_at: START.wall + LIFE_MS,
        leeway_ms: LEEWAY_MS,
        issued_at: Some(START.wall),
        mark: 1,
        signer: Signer::default(),
    })
}
