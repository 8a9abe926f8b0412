//! The machine as a whole: a rig that plays the driver, and what it saw, in words.

mod aside;
mod before_verdict;
mod life;
mod passes;
mod properties;
mod refresh;
mod requests;
mod rooms;

use super::*;
use crate::protocol::{
    client_message::Token,
    credential::Credential,
    grant::Grant,
    identity::{Identity, Pass, Quotas, Signer},
    server_message::ServerMessage,
    time::Wall,
};

const START: Now = Now { time: Time::from_ms(50_000), wall: Wall::from_ms(1_800_000_000_000) };

/// One session and the clocks that it is told.
struct Rig {
    session: Session,
    now: Now,
    /// Requests sent on to rooms, the newest last.
    keys: Vec<RequestKey>,
}

fn rules() -> Rules {
    Rules {
        auth: AuthLimits::default(),
        session: SessionLimits::default(),
        rooms: RoomRules::open(),
        features: &["recovery", "history", "ephemeral", "room_token", "refresh"],
    }
}

/// What the token of `ann` says: an hour from the start, 5 s of leeway.
fn ann() -> Login {
    Login {
        identity: Arc::new(Identity {
            issuer: Some("app".into()),
            subject: "ann".into(),
            user: "ann".into(),
        }),
        grant: Arc::new(Grant::default()),
        info: None,
        quotas: Quotas::default(),
        ceiling: Quotas::default(),
        expires_at: START.wall + 3_600_000,
        leeway_ms: 5_000,
        issued_at: None,
        mark: 1,
        signer: Signer::default(),
    }
}

fn granting(grant: &str) -> Login {
    Login { grant: Arc::new(Grant::parse(grant).unwrap()), mark: 2, ..ann() }
}

fn presented(token: &str) -> Opening {
    Opening::Presented(Token::new(token.to_owned()).into())
}

impl Rig {
    fn new(rules: Rules) -> Self {
        let (session, actions) = Session::new(START, Arc::new(rules), Arrival::new("c1", 7));
        assert!(actions.is_empty());
        Self { session, now: START, keys: Vec::new() }
    }

    /// A session that is signed in as `login`.
    fn ready(rules: Rules, login: Login) -> Self {
        let mut rig = Self::new(rules);
        assert_eq!(rig.text(r#"{"type":"auth","payload":"t"}"#), ["verify t"]);
        let said = rig.event(Event::Verified(Box::new(login)));
        assert_eq!(said.first().map(String::as_str), Some("auth_ok"), "{said:?}");
        rig
    }

    /// A session as a server runs it by default.
    fn default() -> Self {
        Self::ready(rules(), ann())
    }

    fn text(&mut self, text: &str) -> Vec<String> {
        self.event(Event::Text(text))
    }

    fn event(&mut self, event: Event<'_>) -> Vec<String> {
        let actions = self.session.handle(self.now, event);
        for action in &actions {
            if let Action::Join { key, .. }
            | Action::Leave { key, .. }
            | Action::History { key, .. }
            | Action::Publish { key, .. } = action
            {
                self.keys.push(*key);
            }
        }
        actions.iter().map(show).collect()
    }

    /// Both clocks move on, and the timer fires; the peer was heard just now.
    fn pass(&mut self, ms: u64) -> Vec<String> {
        self.wait(ms);
        let pulse = Pulse { heard: self.now.time, spoke: self.now.time, backlog: false };
        self.event(Event::Timer(pulse))
    }

    /// Both clocks move on.
    fn wait(&mut self, ms: u64) {
        self.now = Now { time: self.now.time + ms, wall: self.now.wall + ms };
    }

    fn last_key(&self) -> RequestKey {
        *self.keys.last().unwrap()
    }

    /// The newest request took effect as a join.
    fn joined(&mut self, seq: u64) -> Vec<String> {
        let key = self.last_key();
        self.event(Event::Joined { key, epoch: "e", seq, recovered: None })
    }

    fn join(&mut self, room: &str) {
        self.text(&format!(r#"{{"type":"join","room":"{room}"}}"#));
        assert_eq!(self.joined(0), [format!("joined {room} e/0")]);
    }

    fn deadline(&self) -> Option<u64> {
        self.session.next_deadline(self.now).map(|at| at.since(self.now.time))
    }
}

/// An action in words: `error not_joined id=1 room=den`, `close 4401`.
fn show(action: &Action<'_>) -> String {
    match action {
        Action::Verify(Credential::Token(it) | Credential::Ticket(it)) => {
            format!("verify {}", it.reveal())
        }
        Action::Verify(Credential::Unreadable(fault)) => format!("verify {fault:?}"),
        Action::Verify(Credential::Password(password)) => format!("verify {}", password.user()),
        Action::CancelVerify => "cancel verify".into(),
        Action::VerifyPass(token) => format!("verify pass {}", token.reveal()),
        Action::CancelVerifyPass => "cancel verify pass".into(),
        Action::Send(message) => said(message),
        Action::Ping { text } => if *text { "Ping and ping" } else { "Ping" }.into(),
        Action::Pong(payload) => format!("Pong {}", String::from_utf8_lossy(payload)),
        Action::Join { room, since, .. } => {
            let since = since.as_ref().map(|since| format!(" since {}/{}", since.epoch, since.seq));
            format!("join {room}{}", since.unwrap_or_default())
        }
        Action::Leave { room, .. } => format!("leave {room}"),
        Action::Evict { room } => format!("evict {room}"),
        Action::Publish { room, payload, idempotency_key, ephemeral, .. } => {
            let key = idempotency_key.as_ref().map(|key| format!(" key={}", key.as_str()));
            let verb = if *ephemeral { "emit" } else { "publish" };
            format!("{verb} {room} {}{}", payload.text(), key.unwrap_or_default())
        }
        Action::History { room, range, .. } => {
            let before = range.before.map(|before| format!(" before {before}"));
            format!("history {room} {}{}", range.limit, before.unwrap_or_default())
        }
        Action::Cut => "cut".into(),
        Action::Close { code, retry_after_ms } => {
            format!("close {}{}", code.code(), after(*retry_after_ms))
        }
        Action::EchoClose(code) => format!("echo {code:?}"),
        Action::Abandon => "abandon".into(),
    }
}

fn said(message: &ServerMessage<'_>) -> String {
    let id = message_id(message).map(|id| format!(" id={id}")).unwrap_or_default();
    let words = match message {
        ServerMessage::AuthOk(ok) if ok.refreshed => "auth_ok refreshed".into(),
        ServerMessage::AuthOk(_) => "auth_ok".into(),
        ServerMessage::AuthExpiring { expires_in_ms } => format!("auth_expiring {expires_in_ms}"),
        ServerMessage::Joined { room, epoch, seq, recovered, .. } => {
            let recovered = recovered.map(|yes| format!(" recovered={yes}")).unwrap_or_default();
            format!("joined {room} {epoch}/{seq}{recovered}")
        }
        ServerMessage::Left { room, code, .. } => {
            format!("left {room}{}", code.map(|c| format!(" {}", c.as_str())).unwrap_or_default())
        }
        ServerMessage::Ack { room, position, at_ms, duplicate, .. } => {
            let at = position.as_ref().map(|at| format!(" {}/{}", at.epoch, at.seq));
            let twice = if *duplicate { " duplicate" } else { "" };
            format!("ack {room}{} at {at_ms}{twice}", at.unwrap_or_default())
        }
        ServerMessage::Message(_) => "message".into(),
        ServerMessage::History { room, epoch, messages, more, .. } => {
            format!(
                "history {room} {epoch} {}{}",
                messages.join(","),
                if *more { ".." } else { "" }
            )
        }
        ServerMessage::Ping => "ping".into(),
        ServerMessage::Pong { payload, .. } => format!("pong {payload:?}"),
        ServerMessage::Reconnect { after_ms, reason } => format!("reconnect {reason} {after_ms}"),
        ServerMessage::Error(error) => {
            let room = error.room.as_ref().map(|room| format!(" room={room}")).unwrap_or_default();
            format!("error {}{room}{}", error.code.as_str(), after(error.retry_after_ms))
        }
        ServerMessage::Fatal { code, retry_after_ms, .. } => {
            format!("fatal {}{}", code.name(), after(*retry_after_ms))
        }
    };
    words + &id
}

fn after(ms: Option<u64>) -> String {
    ms.map(|ms| format!(" after={ms}")).unwrap_or_default()
}

/// The request that a message answers.
fn message_id<'m>(message: &'m ServerMessage<'_>) -> Option<&'m str> {
    match message {
        ServerMessage::AuthOk(ok) => ok.id.as_deref(),
        ServerMessage::Joined { id, .. }
        | ServerMessage::Left { id, .. }
        | ServerMessage::Pong { id, .. }
        | ServerMessage::Fatal { id, .. } => id.as_deref(),
        ServerMessage::Ack { id, .. } => Some(id),
        ServerMessage::History { id, .. } => id.as_deref(),
        ServerMessage::Error(error) => error.id.as_deref(),
        ServerMessage::AuthExpiring { .. }
        | ServerMessage::Message(_)
        | ServerMessage::Ping
        | ServerMessage::Reconnect { .. } => None,
    }
}

#[test]
fn an_event_does_not_show_what_a_client_says() {
    let shown = format!("{:?}", Event::Text(r#"{"type":"auth","payload":"hunter2"}"#));
    assert_eq!(shown, "Text(35 bytes)");
}

#[test]
fn a_session_before_its_verdict_is_small() {
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
    // With the place of one request, which so takes nothing from the heap.
    assert!(size_of::<Ready>() <= 376, "{}", size_of::<Ready>());
    assert!(size_of::<Action<'_>>() <= 112, "{}", size_of::<Action<'_>>());
}

#[test]
fn the_state_table_has_a_cell_for_every_event_in_every_state() {
    let table = matrix::markdown();
    for line in table.lines() {
        assert_eq!(line.matches(" |").count(), if line.starts_with("|---") { 0 } else { 7 });
    }
    assert!(table.contains("| deadline | close 4408 | close 1011 | - | - | - | - |"), "{table}");
}
