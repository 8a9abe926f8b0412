//! Broken and hostile peers in every state, while others chat: a clear end, nothing left behind.

use crate::{
    handshake::vacancy,
    support::{
        Frame, Heard, Host, Opcode, Peer,
        frame::fragments,
        peer::{auth, token_message},
        soon,
        token::{self, Turnstile},
    },
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use vestibule::{
    protocol::{client_message, time::Wall},
    token::{Verification, Verifier},
};

const ROOM: &str = "busy";
/// Seeds of the garbage.
const SEEDS: [u64; 6] = [1, 7, 42, 1_234, 99_999, 0xDEAD_BEEF];

/// Where a peer is when it turns bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitingAuth,
    Verifying,
    Ready,
    Closing,
}

/// How it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// It waits for the end.
    Listens,
    /// It sends a FIN and waits for the end.
    HalfCloses,
    /// It is gone at once.
    Resets,
}

#[derive(Clone, Debug)]
struct Attack {
    name: String,
    bytes: Vec<u8>,
    exit: Exit,
    /// Close codes that are clear words about it: before the verdict, and after it.
    codes: [&'static [u16]; 2],
}

fn attack(name: &str, bytes: Vec<u8>, exit: Exit, codes: [&'static [u16]; 2]) -> Attack {
    Attack { name: name.to_owned(), bytes, exit, codes }
}

fn garbage(seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(4_096).collect()
}

fn attacks() -> Vec<Attack> {
    use Exit::{HalfCloses, Listens, Resets};
    const ANY: &[u16] = &[1000, 1002, 1003, 1007, 1009, 4400, 4401, 4408, 4421, 4900];
    let join = Frame::text(r#"{"type":"join","room":"busy"}"#).bytes();
    let truncated = join[..join.len() - 5].to_vec();
    let flood: Vec<u8> = (0..20_000).flat_map(|_| Frame::ping("x").bytes()).collect();
    let unending: Vec<u8> = std::iter::once(Frame::text("").unfinished())
        .chain(std::iter::repeat_n(Frame::new(Opcode::Continuation, "").unfinished(), 5_000))
        .flat_map(|frame| frame.bytes())
        .collect();
    let mut oversize = Frame::text("").claiming(1 << 40).bytes();
    oversize.resize(300_000, 0);
    let mut all = vec![
        attack("http", b"GET / HTTP/1.1\r\n\r\n".to_vec(), Listens, [&[1002], &[1002]]),
        attack("reserved bits", vec![0xFF; 64], Listens, [&[1002], &[1002]]),
        attack("unmasked", Frame::text("{}").unmasked().bytes(), Listens, [&[1002], &[1002]]),
        attack("oversize", oversize.clone(), Listens, [&[1009], &[1009]]),
        attack("oversize and away", oversize, Resets, [&[], &[]]),
        attack("empty fragments", unending, Listens, [&[1009], &[1009]]),
        attack("many fragments", fragments("{}", 2_000), Listens, [&[1009], &[1009]]),
        attack("pings", flood.clone(), Listens, [&[1009], &[4429]]),
        attack("pings and away", flood, Resets, [&[], &[]]),
        attack("binary", Frame::new(Opcode::Binary, "{}").bytes(), Listens, [&[1003], &[1003]]),
        attack("no UTF-8", Frame::text([0xFF]).bytes(), Listens, [&[1007], &[1007]]),
        attack("truncated", truncated.clone(), Listens, [&[4408], &[4421]]),
        attack("truncated, FIN", truncated.clone(), HalfCloses, [&[], &[]]),
        attack("truncated, RST", truncated, Resets, [&[], &[]]),
        attack("silence", vec![], Listens, [&[4408], &[4421]]),
        attack("FIN", vec![], HalfCloses, [&[], &[]]),
        attack("RST", vec![], Resets, [&[], &[]]),
        attack(
            "close and on",
            [Frame::close(4900).bytes(), join].concat(),
            Listens,
            [&[4900], &[4900]],
        ),
    ];
    for seed in SEEDS {
        all.push(attack(&format!("garbage {seed}"), garbage(seed), Listens, [ANY, ANY]));
    }
    all
}

/// Passes tokens that begin with a dot to a key source that is slow, all others at once.
struct Doors(Turnstile);

impl Verifier for Doors {
    fn verify(&self, token: client_message::Token<'_>, now: Wall) -> Verification {
        match token.reveal().strip_prefix('.') {
            Some(rest) => self.0.verify(client_message::Token::new(rest), now),
            None => token::verifier().verify(token, now),
        }
    }
}

/// Brings a peer into `state` and lets it turn bad. Nothing may follow a Close.
async fn run(host: &Host, state: State, attack: &Attack) {
    let mut peer = match state {
        State::Ready => host.member("mallory", ROOM).await,
        State::AwaitingAuth | State::Verifying | State::Closing => host.peer().await,
    };
    match state {
        State::AwaitingAuth | State::Ready => {}
        State::Verifying => {
            peer.say(token_message(&format!(".{}", token::token("mallory")))).await;
        }
        State::Closing => peer.say("{}").await,
    }
    peer.write(&attack.bytes).await;
    match attack.exit {
        Exit::Resets => return peer.reset(),
        Exit::HalfCloses => peer.half_close().await,
        Exit::Listens => {}
    }
    let [before, after] = attack.codes;
    let expected = match state {
        State::AwaitingAuth => before,
        // What comes while a token is verified is read when the verdict is there.
        State::Verifying | State::Ready => after,
        State::Closing => &[4400],
    };
    match end(&mut peer).await {
        Some(code) => assert!(expected.contains(&code), "{state:?}, {}: {code}", attack.name),
        None => assert!(expected.is_empty(), "{state:?}, {}: no word", attack.name),
    }
}

/// Reads to the end; returns the code of the Close, which must be the last frame.
async fn end(peer: &mut Peer) -> Option<u16> {
    let mut closed = None;
    loop {
        let heard = peer.listen().await;
        match heard {
            Heard::End | Heard::Reset => return closed,
            _ if closed.is_some() => panic!("{heard:?} after a Close"),
            Heard::Close(code, _) => closed = Some(code.expect("a code")),
            Heard::Text(_) | Heard::Ping(_) | Heard::Pong(_) => {}
        }
    }
}

/// Two members say something in turn, and both read it, until it is over. Returns the last `seq`.
async fn chat(mut members: [Peer; 2], over: &AtomicBool) -> u64 {
    let mut seq = 0;
    while !over.load(Ordering::SeqCst) {
        members.reverse();
        seq += 1;
        let ack = members[0].post(ROOM, json!(seq)).await;
        assert_eq!(ack["seq"], seq);
        for member in &mut members {
            member.expect_post(seq, json!(seq)).await;
        }
    }
    seq
}

#[tokio::test]
async fn whatever_a_peer_does_it_is_told_clearly_and_leaves_nothing_behind() {
    let attacks = attacks();
    let states = [State::AwaitingAuth, State::Verifying, State::Ready, State::Closing];
    let peers = attacks.len() * states.len();
    crate::at_once(async |workers| {
        let turnstile = Turnstile::shut();
        let host = Host::start(workers, |settings| {
            settings.verifier = Arc::new(Doors(turnstile.clone()));
            settings.connections = peers + 2;
            settings.connections_per_user = u32::try_from(peers).expect("few");
            settings.rules.auth.deadline_ms = 3_000;
            settings.rules.session.heartbeat_interval_ms = 300;
            settings.rules.session.heartbeat_timeout_ms = 1_000;
        });
        let members = [host.member("alice", ROOM).await, host.member("bob", ROOM).await];
        let over = AtomicBool::new(false);
        let storm = async {
            let all = states.iter().flat_map(|state| attacks.iter().map(|one| (*state, one)));
            let all = join_all(all.map(|(state, attack)| run(&host, state, attack)));
            let release = async {
                // A reset may come before its token was read.
                let sure = attacks.iter().filter(|attack| attack.exit != Exit::Resets).count();
                turnstile.asked(sure).await;
                turnstile.let_pass(attacks.len());
            };
            tokio::join!(all, release);
            over.store(true, Ordering::SeqCst);
        };
        let (seq, ()) = tokio::join!(chat(members, &over), storm);
        // Every place is free again, the server's and the user's.
        let mut held = Vec::new();
        for _ in 0..peers {
            held.push(soon("a place of the server and of the user", enter(&host)).await);
        }
        assert_eq!(held[0].join(ROOM).await["seq"], seq);
        host.stop().await;
    })
    .await;
}

/// Signs in as mallory, however often it takes.
async fn enter(host: &Host) -> Peer {
    loop {
        let mut peer = vacancy(host).await;
        peer.say(auth("mallory")).await;
        if peer.hear().await["type"] == "auth_ok" {
            return peer;
        }
    }
}

#[tokio::test]
async fn a_peer_that_never_hangs_up_is_not_waited_for() {
    let host = Host::start(2, |_| {});
    let stays = async |mut peer: Peer, patience: Duration| {
        let began = Instant::now();
        peer.say("[").await;
        peer.send(&Frame::new(Opcode::Binary, "")).await;
        assert!(end(&mut peer).await.is_some());
        peer.was_reset().await;
        let took = began.elapsed();
        assert!((patience..patience + Duration::from_secs(3)).contains(&took), "{took:?}");
    };
    let (before, after) = (host.peer().await, host.enter("alice").await);
    tokio::join!(
        stays(before, Duration::from_millis(1_000)),
        stays(after, Duration::from_millis(5_000)),
    );
    host.stop().await;
}

#[tokio::test]
async fn what_follows_the_end_is_discarded_and_never_answered() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, |_| {});
        let mut alice = host.member("alice", ROOM).await;
        let post = |n: u64| json!({"type": "message", "id": "m", "room": ROOM, "payload": n});
        for last in [Frame::close(1000), Frame::new(Opcode::Binary, "x")] {
            let mut mallory = host.member("mallory", ROOM).await;
            let mut bytes = last.bytes();
            bytes.extend(Frame::text(post(666).to_string()).bytes());
            bytes.extend(Frame::ping("?").bytes());
            mallory.write(&bytes).await;
            assert!(end(&mut mallory).await.is_some());
        }
        let ack: Value = alice.ask(post(1)).await;
        assert_eq!(ack["seq"], 1, "nothing else was published");
        host.stop().await;
    }
}
