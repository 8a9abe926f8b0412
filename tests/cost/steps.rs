//! Single steps of the server, each repeated often, for a simulated processor that counts
//! instructions: `steps decode|verify|publish`.
#![expect(clippy::expect_used, reason = "a measurement that goes wrong stops")]

use std::{env, hint::black_box, sync::Arc};
use vestibule::{
    protocol::{
        client_message::decode,
        limits::{AuthLimits, SessionLimits},
        room_rules::RoomRules,
        time::{Now, Time, Wall},
    },
    session::{Action, Arrival, Event, Rules, Session},
    token::{Algorithm, IssuerRules, Issuers, Key, Mint, SigningKey},
};

/// How often each step is taken.
const TIMES: usize = 1_000;

const NOW: Now = Now { time: Time::from_ms(1_000_000), wall: Wall::from_ms(1_800_000_000_000) };
const SECRET: &[u8] = b"a secret of thirty-two bytes, ok";
const JOIN: &str = r#"{"type":"join","room":"hall"}"#;

/// A publish with a payload of 128 bytes.
fn publish() -> String {
    let text = "x".repeat(128);
    format!(r#"{{"type":"message","room":"hall","id":"1","payload":"{text}"}}"#)
}

fn token() -> String {
    let key = SigningKey::from_secret(SECRET, None).expect("long enough");
    Mint::new("user-00001", 3_600_000).sign(&key, NOW.wall).expect("signed")
}

fn issuers() -> Issuers<Key> {
    let key = Key::from_secret(SECRET, Some(Algorithm::Hs256)).expect("long enough");
    Issuers::new(IssuerRules::default(), key)
}

/// A session of a member of `hall` that may publish as often as it likes.
fn session() -> Session {
    let rates = SessionLimits { messages_per_s: 1_000_000, burst: 1_000_000, ..Default::default() };
    let rooms = RoomRules::open();
    let auth = AuthLimits::default();
    let rules = Arc::new(Rules { auth, session: rates, rooms, features: &[] });
    let (mut session, _) = Session::new(NOW, rules, Arrival::new("id", 1));
    let sign_in = format!(r#"{{"type":"auth","payload":"{}"}}"#, token());
    let _ = session.handle(NOW, Event::Text(&sign_in));
    let login = issuers().judge(&token(), NOW.wall).expect("a good token");
    let _ = session.handle(NOW, Event::Verified(login));
    let joining = session.handle(NOW, Event::Text(JOIN));
    let [Action::Join { key, .. }] = joining.as_slice() else { panic!("{joining:?}") };
    let key = *key;
    let _ = session.handle(NOW, Event::Joined { key, epoch: "epoch", seq: 0, recovered: None });
    session
}

/// The request of a publish, and its outcome.
fn step(session: &mut Session, text: &str) {
    let asked = session.handle(NOW, Event::Text(text));
    let [Action::Publish { key, .. }] = asked.as_slice() else { panic!("{asked:?}") };
    let key = *key;
    let done = Event::Published { key, epoch: "epoch", seq: 1, at_ms: 1, duplicate: false };
    let answer = session.handle(NOW, done);
    assert!(matches!(answer.as_slice(), [Action::Send(_)]), "{answer:?}");
}

/// What is counted is what happens in here.
#[inline(never)]
fn counted(mut step: impl FnMut()) {
    for _ in 0..TIMES {
        step();
    }
}

fn main() {
    let (publish, token, issuers) = (publish(), token(), issuers());
    match env::args().nth(1).as_deref() {
        Some("decode") => counted(|| assert!(decode(black_box(&publish)).is_ok())),
        Some("verify") => {
            counted(|| assert!(issuers.judge(black_box(&token), NOW.wall).is_ok()));
        }
        Some("publish") => {
            let mut session = session();
            counted(|| step(&mut session, black_box(&publish)));
        }
        other => panic!("decode, verify or publish, not {other:?}"),
    }
}
