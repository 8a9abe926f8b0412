//! The rows of the state table: each event, and what has to be so that it can happen.

use super::{
    super::{
        Event, Refusal, RequestKey, RoomRefusal, Rules,
        TransportFault::{self, Binary, Protocol, Utf8},
    },
    bench::{AUTH, Bench, GRANT, login, pass},
};
use crate::protocol::{close_code::CloseCode, identity::Signer, room_name::RoomName};
use std::sync::Arc;

/// One event.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Limits under which the event is at hand at once.
    pub(super) rules: fn(&mut Rules),
    /// Moves the clocks if need be, and names the event.
    pub(super) event: fn(&mut Bench) -> Event<'static>,
}

pub(super) const ROWS: &[Row] = &[
    // What the client says.
    row("`auth`", |_| Event::Text(AUTH)),
    row("`join`", |_| Event::Text(r#"{"type":"join","room":"hall"}"#)),
    row("`join` with a room token", |_| Event::Text(JOIN_TOKEN)),
    row("`leave`", |_| Event::Text(r#"{"type":"leave","room":"lobby"}"#)),
    row("`leave`, room not joined", |_| Event::Text(r#"{"type":"leave","room":"hall"}"#)),
    row("`message`", |_| Event::Text(MESSAGE)),
    row("`message`, room not joined", |_| {
        Event::Text(r#"{"type":"message","room":"hall","payload":1}"#)
    }),
    row("`ping`", |_| Event::Text(r#"{"type":"ping"}"#)),
    row("`message`, ephemeral", |_| {
        Event::Text(r#"{"type":"message","room":"lobby","payload":1,"ephemeral":true}"#)
    }),
    row("`history`", |_| Event::Text(HISTORY)),
    row("`history`, room not joined", |_| Event::Text(r#"{"type":"history","room":"hall"}"#)),
    row("`presence` (not offered)", |_| Event::Text(r#"{"type":"presence","room":"lobby"}"#)),
    row("other text: unknown type", |_| Event::Text(r#"{"type":"dance"}"#)),
    row("bad JSON or frame shape", |_| Event::Text("{")),
    row("bad member", |_| Event::Text(r#"{"type":"message","room":"lobby"}"#)),
    row("bad member of `auth`", |_| Event::Text(r#"{"type":"auth","payload":1}"#)),
    row("bad room name", |_| Event::Text(r#"{"type":"join","room":"no room"}"#)),
    row("reused `id`", |_| Event::Text(r#"{"type":"join","room":"den","id":"1"}"#)),
    row("`auth`, token too long", |_| Event::Text(r#"{"type":"auth","payload":"token+"}"#))
        .under(|r| r.auth.token_bytes = 5),
    row("over rate", |_| Event::Text(MESSAGE)).under(|r| r.session.burst = 1),
    row("over rate, last in a row", |_| Event::Text(MESSAGE)).under(|r| {
        r.session.burst = 1;
        r.session.refusals = 1;
    }),
    row("Ping over rate", |_| Event::Ping(b"")).under(|r| r.session.others_burst = 1),
    row("bug budget spent", |_| Event::Text("{")).under(|r| r.session.bugs = 1),
    row("message over its cap", |_| Event::TooBig),
    row("oversize for the transport", |_| Event::Fault(TransportFault::TooBig)),
    row("binary", |_| Event::Fault(Binary)),
    row("broken frame", |_| Event::Fault(Protocol)),
    row("bad UTF-8", |_| Event::Fault(Utf8)),
    row("no known subprotocol", |_| Event::UnsupportedProtocol),
    row("Ping", |_| Event::Ping(b"")),
    row("Pong", |_| Event::Pong),
    row("Close", |_| Event::PeerClose(Some(1000))),
    row("end of stream", |_| Event::Eof),
    // The verdict.
    row("deadline", |bench| {
        bench.later(1_000, 0);
        bench.timer(0, false)
    })
    .under(|r| r.auth.deadline_ms = 1_000),
    row("verified", |_| Event::Verified(login("ann", GRANT))),
    row("verified, a room lost", |_| Event::Verified(login("ann", r#"{"den":"*","attic":"*"}"#))),
    row("verified, another principal", |_| Event::Verified(login("bob", GRANT))),
    row("verified, expired since", |bench| {
        let mut late = login("ann", GRANT);
        late.expires_at = bench.now.wall;
        late.leeway_ms = 0;
        Event::Verified(late)
    }),
    row("refused: invalid", |_| Event::Refused(Refusal::Invalid)),
    row("refused: expired", |_| Event::Refused(Refusal::Expired)),
    row("refused: not yet valid", |_| Event::Refused(Refusal::NotYetValid)),
    row("refused: not allowed here", |_| Event::Refused(Refusal::Forbidden)),
    row("refused: revoked", |_| Event::Refused(Refusal::Revoked)),
    row("refused: too many connections", |_| Event::Refused(Refusal::TooManyConnections)),
    row("refused, last of a minute", |_| Event::Refused(Refusal::Invalid))
        .under(|r| r.session.invalid_refreshes = 0),
    row("verifier down", |_| Event::VerifierDown),
    // The verdict on a room token.
    row("room token verified", |bench| enter(bench, "ann")),
    row("room token verified, another principal", |bench| enter(bench, "bob")),
    row("room token refused: invalid", |bench| {
        enter(bench, "ann");
        Event::PassRefused(Refusal::Invalid)
    }),
    row("room token refused: expired", |bench| {
        enter(bench, "ann");
        Event::PassRefused(Refusal::Expired)
    }),
    row("room token refused: not yet valid", |bench| {
        enter(bench, "ann");
        Event::PassRefused(Refusal::NotYetValid)
    }),
    row("verifier down for a room token", |bench| {
        enter(bench, "ann");
        Event::PassUndecided
    }),
    row("room token out of time", |bench| {
        enter(bench, "ann");
        bench.later(10_000, 0);
        bench.timer(0, false)
    })
    .under(no_deadline_but_a_verdict),
    // What became of requests.
    row("joined", |bench| {
        let key = bench.keys.join;
        Event::Joined { key, epoch: "e", seq: 7, recovered: None }
    }),
    row("join refused", |bench| Event::JoinRefused {
        key: bench.keys.join,
        why: RoomRefusal::Overloaded,
    }),
    row("left", |bench| Event::Left { key: bench.keys.leave }),
    row("published", |bench| {
        let key = bench.keys.publish;
        Event::Published { key, epoch: "e", seq: 8, at_ms: 1, duplicate: false }
    }),
    row("ephemeral message passed on", |bench| Event::Emitted {
        key: bench.keys.publish,
        at_ms: 1,
    }),
    row("history found", |bench| {
        let key = look_back(bench);
        Event::History { key, epoch: "e", messages: Vec::new(), more: false }
    }),
    row("history refused", |bench| {
        let key = look_back(bench);
        Event::HistoryRefused { key, why: RoomRefusal::NotJoined }
    }),
    row("history out of time", |bench| {
        look_back(bench);
        bench.later(10_000, 0);
        bench.timer(0, false)
    })
    .under(no_deadline),
    row("publish failed", |bench| Event::PublishFailed {
        key: bench.keys.publish,
        why: RoomRefusal::Overloaded,
    }),
    // Time, the wall clock for tokens.
    row("expiring", |bench| {
        bench.later(0, 80_000);
        bench.timer(0, false)
    }),
    row("expired", |bench| {
        warn(bench);
        bench.later(0, 25_000);
        bench.timer(0, false)
    }),
    row("room token ended", |bench| {
        hold_pass(bench);
        bench.later(0, 2_000);
        bench.timer(0, false)
    }),
    row("room token ended, at a delivery", |bench| {
        hold_pass(bench);
        bench.later(0, 2_000);
        Event::Delivery
    }),
    row("refresh out of time", |bench| {
        bench.later(10_000, 0);
        bench.timer(0, false)
    })
    .under(|r| r.auth.deadline_ms = HOUR_MS),
    row("expired, refresh out of time", |bench| {
        warn(bench);
        bench.later(10_000, 25_000);
        bench.timer(0, false)
    })
    .under(|r| r.auth.deadline_ms = HOUR_MS),
    row("session age reached", |bench| {
        bench.later(20_000, 0);
        bench.timer(0, false)
    })
    .under(|r| {
        no_deadline(r);
        r.session.session_age_ms = 20_000;
    }),
    row("heartbeat due", |bench| {
        bench.later(27_500, 0);
        bench.timer(0, false)
    })
    .under(no_deadline),
    row("heartbeat lost", |bench| lose_heartbeat(bench, false)).under(no_deadline),
    row("heartbeat lost, outbox not empty", |bench| lose_heartbeat(bench, true)).under(no_deadline),
    // What the server decides.
    row("revoked", |_| Event::Revoked),
    row("key removed", |_| Event::KeyRemoved(Signer::default())),
    row("key removed, another one's", |_| Event::KeyRemoved(Signer::from_number(1))),
    row("key removed, a room token's", |bench| {
        hold_pass(bench);
        Event::KeyRemoved(Signer::from_number(1))
    }),
    row("rules changed", |bench| Event::RulesChanged(Arc::clone(bench.session.rules()))),
    row("replaced", |_| Event::Replaced),
    row("draining", |_| Event::Draining { after_ms: 5_000 }),
    row("shutdown", |_| Event::Shutdown { after_ms: 5_000 }),
    row("slow", |_| Event::Slow),
    row("evicted", |_| Event::Evicted(CloseCode::Overloaded)),
];

/// Longer than anything in the table.
const HOUR_MS: u64 = 3_600_000;
/// A join with a room token.
const JOIN_TOKEN: &str = r#"{"type":"join","room":"hall","token":"pass"}"#;
/// A look at the history of the room that the session is in.
const HISTORY: &str = r#"{"type":"history","room":"lobby"}"#;
/// A message that may be published.
const MESSAGE: &str = r#"{"type":"message","room":"lobby","payload":1}"#;

const fn row(name: &'static str, event: fn(&mut Bench) -> Event<'static>) -> Row {
    Row { name, rules: |_| {}, event }
}

impl Row {
    const fn under(self, rules: fn(&mut Rules)) -> Self {
        Self { rules, ..self }
    }
}

/// No verdict is due.
fn no_deadline(rules: &mut Rules) {
    rules.auth.deadline_ms = HOUR_MS;
    rules.session.refresh_grace_ms = HOUR_MS;
}

/// Only room tokens are bound in time.
fn no_deadline_but_a_verdict(rules: &mut Rules) {
    rules.auth.deadline_ms = HOUR_MS;
}

/// Once it is ready, a join waits for the verdict on its room token, which is for `subject`.
fn enter(bench: &mut Bench, subject: &str) -> Event<'static> {
    if bench.session.is_ready() {
        bench.feed(Event::Text(JOIN_TOKEN));
    }
    match RoomName::parse("hall") {
        Ok(room) => Event::PassVerified(pass(room, subject)),
        Err(_) => Event::PassUndecided,
    }
}

/// Once it is ready, a look at the history waits for its outcome.
fn look_back(bench: &mut Bench) -> RequestKey {
    if bench.session.is_ready() {
        bench.feed(Event::Text(HISTORY));
    }
    bench.keys.history
}

/// A membership rests on a room token of a second.
fn hold_pass(bench: &mut Bench) {
    let verdict = enter(bench, "ann");
    bench.feed(verdict);
    let key = bench.keys.join;
    bench.feed(Event::Joined { key, epoch: "e", seq: 7, recovered: None });
}

/// The token's last fifth begins.
fn warn(bench: &mut Bench) {
    bench.later(0, 80_000);
    let due = bench.timer(0, false);
    bench.feed(due);
}

/// A Ping goes out and nothing is heard for the whole timeout.
fn lose_heartbeat(bench: &mut Bench, backlog: bool) -> Event<'static> {
    bench.later(27_500, 0);
    let due = bench.timer(0, false);
    bench.feed(due);
    bench.later(10_000, 0);
    bench.timer(10_001, backlog)
}
