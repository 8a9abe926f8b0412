//! A configuration that is read again (SIGHUP) while people chat: nobody is dropped, and nothing
//! counts that is not right as a whole.

#![cfg(all(feature = "server", feature = "client"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

#[path = "sockets/support/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests of sockets use more of it")]
mod sockets;
mod support;

use serde_json::{Value, json};
use sockets::{Peer, token::now};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Stdio,
};
use support::{Program, quiet};
use vestibule::token::{Mint, SigningKey};

const SECRET: &str = "sesame-sesame-sesame-sesame-sesame";
const NEXT: &str = "another-another-another-another-an";

/// A server with a directory of its own.
struct House {
    dir: PathBuf,
    server: Program,
}

/// What every configuration of these tests begins with.
const HEAD: &str = "listen = '127.0.0.1:0'\ndrain_ms = 200\nworkers = 2\n\
                    [[issuer]]\nname = 'app'\nsecret_file = 'secret'\n[admin]\nlisten = 'unix:s'\n";

impl House {
    /// Serves with [`HEAD`] and `more`.
    fn serve(test: &str, more: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("vestibule-{}-{test}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        fs::write(dir.join("secret"), SECRET).expect("a file");
        fs::write(dir.join("v.toml"), format!("{HEAD}{more}")).expect("a file");
        let mut command = quiet(env!("CARGO_BIN_EXE_vestibule"));
        command.args(["serve", "--config"]).arg(dir.join("v.toml")).stdout(Stdio::null());
        let (server, _) = Program::start(command);
        Self { dir, server }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.join(name), text).expect("a file");
    }

    /// Reloads with [`HEAD`] and `more`; what is said to have changed.
    fn reload(&self, more: &str) -> String {
        self.write("v.toml", &format!("{HEAD}{more}"));
        self.reload_files()
    }

    fn reload_files(&self) -> String {
        self.server.hang_up();
        let (line, before) = self.server.logged("reloaded");
        assert!(before.iter().all(|line| !line.contains(SECRET) && !line.contains(NEXT)));
        line["changed"].as_str().expect("what has changed").to_owned()
    }

    async fn connect(&self) -> Peer {
        Peer::connect(self.server.addr.parse().expect("an address")).await
    }

    async fn enter(&self, user: &str) -> Peer {
        let mut peer = self.connect().await;
        peer.sign_in(&token(SECRET, user, json!({}))).await;
        peer
    }

    fn metrics(&self) -> String {
        let mut stream = UnixStream::connect(self.dir.join("s")).expect("the admin socket");
        let request = b"GET /metrics HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n";
        stream.write_all(request).expect("a request");
        let mut metrics = String::new();
        stream.read_to_string(&mut metrics).expect("metrics");
        metrics
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // What a failed test leaves behind is for the system to clear.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn token(secret: &str, user: &str, claims: Value) -> String {
    let Value::Object(extra) = claims else { panic!("claims are an object") };
    let key = SigningKey::from_secret(secret.as_bytes(), None).expect("long enough");
    Mint { extra, ..Mint::new(user, 600_000) }.sign(&key, now()).expect("signed")
}

fn auth(token: &str) -> Value {
    json!({"type": "auth", "payload": token})
}

/// Two people in a room say something to each other: nothing is lost between them.
async fn chat(from: &mut Peer, to: &mut Peer, room: &str, words: &str) {
    let said = json!({"type": "message", "room": room, "payload": words, "id": words});
    from.say(said).await;
    assert_eq!(from.expect("ack").await["room"], room);
    for peer in [from, to] {
        assert_eq!(peer.expect("message").await["payload"], words);
    }
}

#[tokio::test]
async fn a_secret_is_replaced_while_people_chat() {
    let house = House::serve("secret", "[rooms]\ndefault = 'open'\n");
    let (mut ann, mut bob) = (house.enter("ann").await, house.enter("bob").await);
    for peer in [&mut ann, &mut bob] {
        peer.join("lobby").await;
    }
    chat(&mut ann, &mut bob, "lobby", "before").await;
    house.write("secret", NEXT);
    assert_eq!(house.reload_files(), "issuer app");
    chat(&mut bob, &mut ann, "lobby", "after").await;
    // The old secret opens nothing any more, not even for those who are in.
    let mut late = house.connect().await;
    late.say(auth(&token(SECRET, "eve", json!({})))).await;
    late.closed(4411, "token_invalid", "refresh").await;
    ann.say(auth(&token(SECRET, "ann", json!({})))).await;
    assert_eq!(ann.expect("error").await["code"], "token_invalid");
    ann.sign_in(&token(NEXT, "ann", json!({}))).await;
    let mut cy = house.connect().await;
    cy.sign_in(&token(NEXT, "cy", json!({}))).await;
    cy.join("lobby").await;
    chat(&mut cy, &mut ann, "lobby", "welcome").await;
    assert_eq!(bob.expect("message").await["payload"], "welcome");
    assert!(house.metrics().contains("\nvestibule_config_reloads_total{outcome=\"applied\"} 1\n"));
}

#[tokio::test]
async fn sessions_end_with_their_key_where_that_is_wanted() {
    let open = "[rooms]\ndefault = 'open'\n";
    let house = House::serve("ended", open);
    let second = format!(
        "{open}[[issuer]]\nname = 'two'\niss = 'two'\nuser_prefix = 'two-'\n\
         end_sessions_of_removed_keys = true\nsecret = '{NEXT}'\n"
    );
    // The first issuer needs a name and a prefix of its own beside another one.
    let both = HEAD.replace("'app'\n", "'app'\niss = 'app'\nuser_prefix = 'app-'\n") + &second;
    house.write("v.toml", &both);
    assert_eq!(house.reload_files(), "issuer app, issuer two (added)");
    let (mut one, mut two) = (house.connect().await, house.connect().await);
    one.sign_in(&token(SECRET, "ann", json!({"iss": "app"}))).await;
    two.sign_in(&token(NEXT, "bob", json!({"iss": "two"}))).await;
    assert_eq!(house.reload(open), "issuer app, issuer two (removed)");
    two.closed(4411, "token_invalid", "refresh").await;
    one.join("lobby").await;
}

#[tokio::test]
async fn a_configuration_with_a_fault_changes_nothing() {
    let house = House::serve("fault", "[rooms]\ndefault = 'open'\n");
    let mut ann = house.enter("ann").await;
    let faulty = format!("{HEAD}[rooms]\ndefault = 'granted'\n[limits]\nbrust = 5\n");
    house.write("v.toml", &faulty);
    house.write("secret", NEXT);
    house.server.hang_up();
    let (line, _) = house.server.logged("not reloaded");
    let why = line["message"].as_str().expect("why");
    // The words are those of the start.
    let mut command = quiet(env!("CARGO_BIN_EXE_vestibule"));
    command.args(["serve", "--config"]).arg(house.dir.join("v.toml"));
    let start = command.output().expect("a refusal");
    assert_eq!(start.status.code(), Some(2));
    for said in String::from_utf8(start.stderr).expect("text").lines() {
        let said = said.strip_prefix("vestibule: ").expect("a word of the program");
        assert!(why.contains(said), "{why} lacks {said}");
    }
    assert!(why.contains("limits.brust") && why.contains("did you mean `limits.burst`?"), "{why}");
    ann.join("lobby").await;
    house.enter("bob").await.join("lobby").await;
    let metrics = house.metrics();
    assert!(metrics.contains("\nvestibule_config_reloads_total{outcome=\"refused\"} 1\n"));
    assert!(metrics.contains("\nvestibule_config_reloads_total{outcome=\"applied\"} 0\n"));
    // Mended, all of it counts.
    assert_eq!(house.reload("[rooms]\ndefault = 'granted'\n"), "rooms.default, issuer app");
    let mut late = house.connect().await;
    late.say(auth(&token(SECRET, "eve", json!({})))).await;
    late.closed(4411, "token_invalid", "refresh").await;
}

#[tokio::test]
async fn rules_of_rooms_count_for_everybody_at_once() {
    let house = House::serve("rules", "[rooms]\ndefault = 'open'\n");
    let mut ann = house.connect().await;
    let grant = json!({"rooms": {"team:red": "*"}});
    ann.sign_in(&token(SECRET, "ann", grant)).await;
    let mut bob = house.enter("bob").await;
    let mut epoch = Value::Null;
    for room in ["lobby", "team:red", "team:blue"] {
        for peer in [&mut ann, &mut bob] {
            epoch = peer.join(room).await["epoch"].clone();
        }
        chat(&mut ann, &mut bob, room, "one").await;
        chat(&mut ann, &mut bob, room, "two").await;
    }
    let rules = "[rooms]\ndefault = 'open'\n[[rooms.rule]]\nmatch = 'team:blue'\naccess = 'open'\n\
                 message_bytes = 128\nhistory = { count = 1 }\n\
                 [[rooms.rule]]\nmatch = 'team:*'\naccess = 'granted'\n";
    assert_eq!(house.reload(rules), "rooms.rule");
    let left = bob.expect("left").await;
    assert_eq!((&left["room"], &left["code"]), (&json!("team:red"), &json!("forbidden")));
    chat(&mut ann, &mut bob, "lobby", "everybody").await;
    ann.post("team:red", json!("who may")).await;
    bob.say(json!({"type": "message", "room": "team:red", "payload": 1, "id": "x"})).await;
    assert_eq!(bob.expect("error").await["code"], "not_joined");
    let long =
        json!({"type": "message", "room": "team:blue", "payload": "x".repeat(128), "id": "l"});
    bob.say(long).await;
    let refused = bob.expect("error").await;
    assert_eq!((&refused["code"], &refused["id"]), (&json!("too_big"), &json!("l")));
    assert_eq!(refused["room"], "team:blue");
    // The last message is remembered, the one before it no longer.
    for (since, recovered) in [(1, true), (0, false)] {
        let mut back = house.enter("back").await;
        let joined = back.join_since("team:blue", json!({"epoch": epoch, "seq": since})).await;
        assert_eq!(joined["recovered"], recovered, "since {since}");
    }
    // Back to what was: the door is open again, and nobody has to sign in for it.
    assert_eq!(house.reload("[rooms]\ndefault = 'open'\n"), "rooms.rule");
    bob.join("team:red").await;
}

#[tokio::test]
async fn sessions_keep_their_limits_and_new_ones_have_the_new() {
    let house = House::serve("limits", "[rooms]\ndefault = 'open'\n");
    let mut old = house.connect().await;
    let welcome = old.sign_in(&token(SECRET, "ann", json!({}))).await;
    assert_eq!(welcome["limits"]["message_bytes"], 65_536);
    old.join("lobby").await;
    let more = "[rooms]\ndefault = 'open'\n[limits]\nmessage_bytes = 1000\nrooms = 3\n\
                connections_per_user = 1\n[gate]\norigins = ['https://app.example']\nplaces = 77\n";
    let changed = "gate.origins, limits.message_bytes, limits.rooms, limits.connections_per_user";
    assert_eq!(house.reload(more), changed);
    let (line, _) = house.server.logged("some changes wait");
    assert_eq!(line["keys"], "gate.places");
    old.post("lobby", json!("x".repeat(2_000))).await;
    let mut new = house.connect().await;
    let welcome = new.sign_in(&token(SECRET, "bob", json!({}))).await;
    assert_eq!(
        (&welcome["limits"]["message_bytes"], &welcome["limits"]["rooms"]),
        (&json!(1_000), &json!(3))
    );
    let mut second = house.connect().await;
    second.say(auth(&token(SECRET, "bob", json!({})))).await;
    second.closed(4430, "too_many_connections", "backoff").await;
    for (origin, status) in [("https://app.example", 101), ("https://other.example", 403)] {
        let mut peer = Peer::dial(house.server.addr.parse().expect("an address")).await;
        peer.write(sockets::peer::handshake(&format!("Origin: {origin}\r\n")).as_bytes()).await;
        let head = peer.head().await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    }
    // What waits for a restart is said again, and what has been said is no change.
    assert_eq!(house.reload_files(), "nothing");
    assert_eq!(house.server.logged("some changes wait").0["keys"], "gate.places");
}

#[tokio::test]
async fn the_level_of_the_log_can_be_turned() {
    let house = House::serve("level", "[rooms]\ndefault = 'open'\n");
    let debug = "[rooms]\ndefault = 'open'\n[log]\nlevel = 'debug'\n";
    assert_eq!(house.reload(debug), "log.level");
    drop(house.connect().await);
    house.server.logged("open");
    let House { ref server, .. } = house;
    server.terminate();
    server.logged("stopping");
}

#[tokio::test]
async fn many_reloads_one_after_the_other_drop_nobody() {
    let open = "[rooms]\ndefault = 'open'\n";
    let house = House::serve("many", open);
    let (mut ann, mut bob) = (house.enter("ann").await, house.enter("bob").await);
    for peer in [&mut ann, &mut bob] {
        peer.join("lobby").await;
    }
    for number in 1..=20 {
        let changed = house.reload(&format!("{open}[limits]\nburst = {}\n", 100 + number));
        assert_eq!(changed, "limits.burst");
        if number % 4 == 0 {
            chat(&mut ann, &mut bob, "lobby", &format!("still here {number}")).await;
        }
    }
    assert!(house.metrics().contains("\nvestibule_connections{state=\"authenticated\"} 2\n"));
}
