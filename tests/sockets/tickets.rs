//! `POST /ticket` over real HTTP, and what its tickets open.

use crate::support::{
    Host, Peer,
    peer::{handshake, token_message},
    soon,
    token::{self, Turnstile, ending_in, key, now, sign, unsigned, verifier},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;
use vestibule::{
    config::TicketPolicy,
    credential::{Mode, Sources},
    protocol::{
        client_message::Token,
        identity::{Login, Signer},
        time::Wall,
    },
    server::Settings,
    token::{Mint, Verification, Verifier},
};

const APP: &str = "https://app.example";

fn with_tickets(settings: &mut Settings) {
    settings.tickets = Some(TicketPolicy::default());
}

/// A response: its status, its head in lower case, its body.
struct Response {
    status: u16,
    head: String,
    body: Value,
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.map(str::trim)
    }

    #[track_caller]
    fn ticket(&self) -> &str {
        assert_eq!(self.status, 200, "{}: {}", self.head, self.body);
        self.body["ticket"].as_str().expect("a ticket")
    }

    #[track_caller]
    fn is(&self, status: u16, error: &str) {
        assert_eq!((self.status, self.body["error"].as_str()), (status, Some(error)));
        assert!(self.body["message"].as_str().is_some_and(|text| text.len() > 10));
    }
}

async fn send(host: &Host, request: &str) -> Response {
    let mut peer = Peer::dial(host.addr).await;
    peer.write(request.as_bytes()).await;
    let head = peer.head().await.to_lowercase();
    let body = peer.rest().await;
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    let body = match body.as_slice() {
        [] => Value::Null,
        body => serde_json::from_slice(body).expect("a JSON body"),
    };
    Response { status, head, body }
}

/// Asks for a ticket with these header lines and this body.
async fn ask(host: &Host, lines: &str, body: &str) -> Response {
    let length = body.len();
    let head =
        format!("POST /ticket HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n{lines}");
    send(host, &format!("{head}\r\n{body}")).await
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

async fn exchange(host: &Host, token: &str) -> Response {
    ask(host, &bearer(token), "").await
}

/// The ticket for this token, or the status and the `error` in place of one.
pub(crate) async fn exchanged(host: &Host, token: &str) -> Result<String, (u16, String)> {
    let answer = exchange(host, token).await;
    let text = |member: &str| answer.body[member].as_str().map(str::to_owned);
    text("ticket").ok_or_else(|| (answer.status, text("error").expect("an error")))
}

/// A ticket for this token that is bound to the pages of `origin`.
pub(crate) async fn bound_to(host: &Host, token: &str, origin: &str) -> String {
    let wish = json!({ "origin": origin }).to_string();
    let lines = format!("{}Content-Type: application/json\r\n", bearer(token));
    ask(host, &lines, &wish).await.ticket().to_owned()
}

/// A ticket for this user.
async fn ticket(host: &Host, user: &str) -> String {
    exchange(host, &token::token(user)).await.ticket().to_owned()
}

#[tokio::test]
async fn a_ticket_signs_in_once_in_the_first_message() {
    for workers in crate::WORKERS {
        let host = Host::start(workers, with_tickets);
        let claims = json!({
            "rooms": {"lobby": "*"}, "info": {"name": "Alice"}, "limits": {"rooms": 3},
        });
        let token = token::token_with("alice", claims);
        let granted = exchange(&host, &token).await;
        assert_eq!(granted.body["expires_in_ms"], 60_000);
        assert_eq!(granted.header("cache-control"), Some("no-store"));
        let ticket = granted.ticket();
        assert!(ticket.len() == 46 && ticket.starts_with("vt_"), "{}", granted.body);
        let (_, by_token) = host.enter_with(&token).await;
        let (mut peer, by_ticket) = host.enter_with(ticket).await;
        for member in ["user", "limits", "features", "expires_at_ms"] {
            assert_eq!(by_ticket[member], by_token[member], "{member}");
        }
        peer.join("lobby").await;
        let mut again = host.peer().await;
        again.say(token_message(ticket)).await;
        again.closed(4411, "token_invalid", "refresh").await;
        host.stop().await;
    }
}

#[tokio::test]
async fn of_many_who_show_a_ticket_at_once_one_comes_in() {
    const USES: usize = 300;
    let host = Host::start(2, |settings| {
        with_tickets(settings);
        settings.places.share = USES;
    });
    let ticket = ticket(&host, "alice").await;
    let mut peers = Vec::new();
    for _ in 0..USES {
        peers.push(host.peer().await);
    }
    let mut uses = JoinSet::new();
    for mut peer in peers {
        let auth = token_message(&ticket);
        uses.spawn(async move {
            peer.say(auth).await;
            let verdict = peer.hear().await;
            (verdict["type"] == "auth_ok", peer)
        });
    }
    let verdicts = soon("all verdicts", uses.join_all()).await;
    let wins = verdicts.iter().filter(|(won, _)| *won).count();
    assert_eq!((verdicts.len(), wins), (USES, 1));
    drop(verdicts);
    host.stop().await;
}

#[tokio::test]
async fn a_token_that_would_not_sign_in_gets_no_ticket() {
    let host = Host::start(1, with_tickets);
    let good = token::token("alice");
    let early = sign(&json!({"sub": "a", "exp": 9e9, "nbf": token::seconds_from_now(60_000)}));
    let room = sign(&json!({"sub": "a", "exp": 9e9, "room": "lobby", "allow": ["join"]}));
    let used = ticket(&host, "alice").await;
    for (token, error) in [
        ("x", "token_invalid"),
        (&*unsigned(&good), "token_invalid"),
        (&ending_in("alice", -1_000), "token_expired"),
        (&early, "token_not_yet_valid"),
        (&room, "token_invalid"),
        // A ticket is not exchanged for a ticket, and not used by the try.
        (&used, "token_invalid"),
    ] {
        let refused = exchange(&host, token).await;
        refused.is(401, error);
        assert_eq!(refused.header("www-authenticate"), Some("bearer error=\"invalid_token\""));
    }
    host.enter_with(&used).await;
    ask(&host, "Authorization: Bearer\r\n", "").await.is(401, "token_invalid");
    for lines in ["", "Authorization: Basic YTpi\r\n", "Authorization: Bearers x\r\n"] {
        let refused = ask(&host, lines, "").await;
        refused.is(401, "auth_required");
        assert_eq!(refused.header("www-authenticate"), Some("bearer"));
    }
    ask(&host, &bearer(&good).repeat(2), "").await.is(400, "bad_request");
    let lower = format!("authorization: bearer {good}\r\n");
    ask(&host, &lower, "").await.ticket();
    host.stop().await;
}

#[tokio::test]
async fn a_ticket_lives_no_longer_than_its_token() {
    let host = Host::start(1, |settings| {
        settings.tickets = Some(TicketPolicy { life_ms: 600_000, ..TicketPolicy::default() });
    });
    let granted = exchange(&host, &ending_in("alice", 300_000)).await;
    let life_ms = granted.body["expires_in_ms"].as_u64().expect("a number");
    assert!((1..=300_000).contains(&life_ms), "{life_ms}");
    host.stop().await;
}

#[tokio::test]
async fn a_ticket_refreshes_a_session() {
    let host = Host::start(2, with_tickets);
    let mut peer = host.enter("alice").await;
    let refresh = async |peer: &mut Peer, user: &str| {
        let mut auth = token_message(&ticket(&host, user).await);
        auth["id"] = json!("r");
        peer.say(auth).await;
    };
    refresh(&mut peer, "alice").await;
    let auth_ok = peer.expect("auth_ok").await;
    assert_eq!((&auth_ok["refreshed"], &auth_ok["id"]), (&json!(true), &json!("r")));
    refresh(&mut peer, "bob").await;
    peer.closed(4409, "principal_mismatch", "never").await;
    host.stop().await;
}

#[tokio::test]
async fn a_ticket_opens_by_every_source_and_a_token_by_none_for_tickets() {
    let host = Host::start(2, |settings| {
        with_tickets(settings);
        settings.origins = vec![APP.to_owned()];
        settings.sources = Sources::all(Mode::Optional);
    });
    let subprotocol = |ticket: &str| {
        let offer = URL_SAFE_NO_PAD.encode(ticket);
        format!(
            "Sec-WebSocket-Protocol: vestibule.v1, base64url.bearer.authorization.vestibule.{offer}\r\n"
        )
    };
    type Saying<'a> = &'a dyn Fn(&str) -> (String, String);
    let ways: [Saying<'_>; 6] = [
        &|it| (format!("?ticket={it}"), String::new()),
        &|it| (format!("?token={it}"), String::new()),
        &|it| (format!("?JWT%20{it}"), String::new()),
        &|it| (String::new(), bearer(it)),
        &|it| (String::new(), format!("Cookie: vestibule_token={it}\r\n")),
        &|it| (String::new(), subprotocol(it)),
    ];
    let show = async |way: Saying<'_>, credential: &str| {
        let (query, lines) = way(credential);
        let request = handshake(&format!("Origin: {APP}\r\n{lines}"));
        let mut peer = Peer::dial(host.addr).await;
        peer.write(request.replace("/ws", &format!("/ws{query}")).as_bytes()).await;
        peer.switched().await;
        peer
    };
    for way in ways {
        let ticket = ticket(&host, "alice").await;
        show(way, &ticket).await.expect("auth_ok").await;
        show(way, &ticket).await.closed(4411, "token_invalid", "refresh").await;
    }
    let token = token::token("alice");
    show(ways[0], &token).await.closed(4411, "token_invalid", "refresh").await;
    show(ways[1], &token).await.expect("auth_ok").await;
    host.stop().await;
}

#[tokio::test]
async fn where_a_ticket_is_required_one_handshake_passes() {
    let host = Host::start(2, |settings| {
        with_tickets(settings);
        settings.sources = Sources::all(Mode::Required);
        settings.origins = vec![APP.to_owned()];
    });
    let ticket = ticket(&host, "alice").await;
    let request = handshake("").replace("/ws", &format!("/ws?ticket={ticket}"));
    let mut first = Peer::dial(host.addr).await;
    first.write(request.as_bytes()).await;
    first.switched().await;
    first.expect("auth_ok").await;
    send(&host, &request).await.is(401, "token_invalid");
    host.stop().await;
}

#[tokio::test]
async fn a_ticket_of_an_origin_is_for_its_pages() {
    let host = Host::start(1, with_tickets);
    let lines = format!("{}Content-Type: application/json\r\n", bearer(&token::token("alice")));
    let bound = json!({"origin": APP}).to_string();
    for (origin, opens) in [(APP, true), ("https://evil.example", false), ("null", false)] {
        let granted = ask(&host, &lines, &bound).await;
        let mut peer = Peer::dial(host.addr).await;
        peer.upgrade(&format!("Origin: {origin}\r\n")).await;
        peer.say(token_message(granted.ticket())).await;
        if opens {
            peer.expect("auth_ok").await;
            continue;
        }
        peer.closed(4411, "token_invalid", "refresh").await;
        // It is used up.
        let mut own = Peer::dial(host.addr).await;
        own.upgrade(&format!("Origin: {APP}\r\n")).await;
        own.say(token_message(granted.ticket())).await;
        own.closed(4411, "token_invalid", "refresh").await;
    }
    host.stop().await;
}

#[tokio::test]
async fn a_ticket_of_an_origin_is_for_no_client_without_one() {
    let host = Host::start(1, with_tickets);
    let lines = format!("{}Content-Type: application/json\r\n", bearer(&token::token("alice")));
    let granted = ask(&host, &lines, &json!({"origin": APP}).to_string()).await;
    let mut peer = host.peer().await;
    peer.say(token_message(granted.ticket())).await;
    peer.closed(4411, "token_invalid", "refresh").await;
    host.stop().await;
}

#[tokio::test]
async fn a_body_says_an_origin_or_nothing() {
    let host = Host::start(1, |settings| {
        with_tickets(settings);
        settings.origins = vec![APP.to_owned()];
    });
    let good = bearer(&token::token("alice"));
    let typed = |kind: &str| format!("{good}Content-Type: {kind}\r\n");
    for (kind, body) in [
        ("application/json", ""),
        ("application/json", "{}"),
        ("Application/JSON; charset=utf-8", "{}"),
        ("application/json", "{\"origin\":\"https://app.example\"}"),
        ("text/plain", ""),
    ] {
        ask(&host, &typed(kind), body).await.ticket();
    }
    ask(&host, &typed("text/plain"), "{}").await.is(415, "unsupported_media_type");
    ask(&host, &good, "{}").await.is(415, "unsupported_media_type");
    let long = format!("{{\"origin\":\"https://{}\"}}", "a".repeat(1_024));
    ask(&host, &typed("application/json"), &long).await.is(413, "too_big");
    for body in [
        " ",
        "[]",
        "null",
        "{\"origin\":null}",
        "{\"origin\":7}",
        "{\"origins\":[]}",
        "{\"origin\":\"https://app.example\",\"origin\":\"https://app.example\"}",
        "{\"origin\":\"https://app.example/\"}",
        "{\"origin\":\"app.example\"}",
        "{\"origin\":\"https://other.example\"}",
        "{\"origin\":\"null\"}",
        &format!("{{\"origin\":\"https://{}\"}}", "a".repeat(250)),
    ] {
        ask(&host, &typed("application/json"), body).await.is(400, "bad_request");
    }
    host.stop().await;
}

#[tokio::test]
async fn pages_of_allowed_origins_may_ask() {
    let host = Host::start(1, |settings| {
        with_tickets(settings);
        settings.origins = vec![APP.to_owned(), "null".to_owned()];
    });
    let good = bearer(&token::token("alice"));
    let asking = |origin: &str| {
        format!(
            "OPTIONS /ticket HTTP/1.1\r\nHost: test\r\nOrigin: {origin}\r\n\
             Access-Control-Request-Method: POST\r\n\
             Access-Control-Request-Headers: authorization,content-type\r\n\r\n"
        )
    };
    for origin in [APP, "null"] {
        let preflight = send(&host, &asking(origin)).await;
        assert_eq!(preflight.status, 204, "{}", preflight.head);
        for (name, value) in [
            ("access-control-allow-origin", origin),
            ("access-control-allow-methods", "post"),
            ("access-control-allow-headers", "authorization, content-type"),
            ("vary", "origin"),
        ] {
            assert_eq!(preflight.header(name), Some(value), "{}", preflight.head);
        }
        for lines in [&*good, ""] {
            let answer = ask(&host, &format!("Origin: {origin}\r\n{lines}"), "").await;
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert_eq!(answer.header("vary"), Some("origin"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
    }
    let foreign = "https://evil.example";
    let twice = format!("{APP}\r\nOrigin: {APP}");
    for origin in [foreign, "HTTPS://app.example", "https://app.example:443", &twice] {
        for request in [
            asking(origin),
            format!("POST /ticket HTTP/1.1\r\nHost: test\r\nOrigin: {origin}\r\n{good}\r\n"),
        ] {
            let refused = send(&host, &request).await;
            refused.is(403, "origin_not_allowed");
            assert!(!refused.head.contains("access-control"), "{}", refused.head);
            assert_eq!(refused.header("vary"), Some("origin"));
        }
    }
    let backend = ask(&host, &good, "").await;
    backend.ticket();
    assert!(!backend.head.contains("access-control"), "{}", backend.head);
    host.stop().await;
    let host = Host::start(1, with_tickets);
    let any = ask(&host, &format!("Origin: {foreign}\r\n{good}"), "").await;
    assert_eq!(any.header("access-control-allow-origin"), Some(foreign));
    host.stop().await;
}

#[tokio::test]
async fn other_methods_learn_which_there_are() {
    let host = Host::start(1, with_tickets);
    for method in ["GET", "PUT", "DELETE"] {
        let request = format!("{method} /ticket HTTP/1.1\r\nHost: test\r\n\r\n");
        let refused = send(&host, &request).await;
        refused.is(405, "method_not_allowed");
        assert_eq!(refused.header("allow"), Some("post, options"));
    }
    host.stop().await;
}

#[tokio::test]
async fn without_tickets_there_is_nothing_and_a_ticket_is_a_bad_token() {
    let host = Host::start(1, |_| {});
    exchange(&host, &token::token("alice")).await.is(404, "not_found");
    let mut peer = host.peer().await;
    peer.say(token_message(&format!("vt_{}", "A".repeat(43)))).await;
    peer.closed(4411, "token_invalid", "refresh").await;
    host.stop().await;
}

#[tokio::test]
async fn a_full_store_asks_to_come_back_and_has_space_again() {
    let host = Host::start(1, |settings| {
        settings.tickets = Some(TicketPolicy { held: 2, ..TicketPolicy::default() });
    });
    let (alice, bob) = (ticket(&host, "alice").await, ticket(&host, "bob").await);
    let full = exchange(&host, &token::token("carol")).await;
    full.is(503, "overloaded");
    assert_eq!(full.header("retry-after"), Some("5"));
    // One's own is replaced.
    let newer = ticket(&host, "alice").await;
    let mut old = host.peer().await;
    old.say(token_message(&alice)).await;
    old.closed(4411, "token_invalid", "refresh").await;
    for ticket in [&newer, &bob] {
        host.enter_with(ticket).await;
    }
    host.enter_with(&ticket(&host, "carol").await).await;
    host.stop().await;
}

#[tokio::test]
async fn a_silent_source_of_keys_is_not_the_clients_fault() {
    let gate = Turnstile::shut();
    let verifier = gate.clone();
    let host = Host::start(1, move |settings| {
        with_tickets(settings);
        settings.verifier = Arc::new(verifier);
    });
    let good = token::token("alice");
    let (asked, served) = tokio::join!(gate.asked(1), async {
        let late = exchange(&host, &good).await;
        late.is(503, "unavailable");
        assert_eq!(late.header("retry-after"), Some("5"));
    });
    let ((), ()) = (asked, served);
    gate.let_pass(2);
    let ticket = ticket(&host, "alice").await;
    host.enter_with(&ticket).await;
    host.stop().await;
}

#[tokio::test]
async fn a_server_that_drains_gives_no_tickets_out() {
    let host = Host::start(1, |settings| {
        with_tickets(settings);
        settings.drain_ms = 2_000;
    });
    let _stays = host.enter("alice").await;
    let addr = host.addr;
    let running = host.shut_down();
    let refused = loop {
        let mut peer = Peer::dial(addr).await;
        peer.write(format!("POST /ticket HTTP/1.1\r\nHost: t\r\n{}\r\n", bearer("x")).as_bytes())
            .await;
        let head = peer.head().await;
        if head.starts_with("HTTP/1.1 503 ") {
            break head;
        }
    };
    assert!(refused.to_lowercase().contains("retry-after: 5"), "{refused}");
    soon("the end", running).await.expect("no panic").expect("no failure");
}

/// Tokens of users whose names begin with `a` are of one key, all others of another.
struct TwoKeys;

impl Verifier for TwoKeys {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification<Box<Login>> {
        match verifier().verify(token, now) {
            Verification::Done(Ok(login)) => {
                let number = u64::from(login.identity.user.starts_with('a'));
                let signer = Signer::from_number(number);
                Verification::Done(Ok(Box::new(Login { signer, ..*login })))
            }
            other => other,
        }
    }
}

#[tokio::test]
async fn a_key_that_goes_takes_its_tickets_along() {
    let (host, handle) = Host::start_with_handle(2, |settings| {
        with_tickets(settings);
        settings.verifier = Arc::new(TwoKeys);
    });
    let (alice, bob) = (ticket(&host, "alice").await, ticket(&host, "bob").await);
    let mut session = host.enter_with(&ticket(&host, "ann").await).await.0;
    handle.end_sessions(vec![Signer::from_number(1)]).await.expect("it serves");
    // The session of that key hears of it behind the tickets.
    session.closed(4411, "token_invalid", "refresh").await;
    let mut late = host.peer().await;
    late.say(token_message(&alice)).await;
    late.closed(4411, "token_invalid", "refresh").await;
    host.enter_with(&bob).await;
    host.stop().await;
}

#[tokio::test]
async fn tickets_outlive_a_reload_and_end_when_they_are_switched_off() {
    let (host, handle) = Host::start_with_handle(2, with_tickets);
    let settings = |tickets: Option<TicketPolicy>| {
        let mut settings = Settings::new(Arc::new(verifier()));
        settings.tickets = tickets;
        settings
    };
    let on = Some(TicketPolicy { life_ms: 5_000, ..TicketPolicy::default() });
    let before = ticket(&host, "alice").await;
    handle.reload(settings(on)).await.expect("it serves");
    host.enter_with(&before).await;
    let granted = exchange(&host, &token::token("alice")).await;
    assert_eq!(granted.body["expires_in_ms"], 5_000);
    let kept = granted.ticket().to_owned();
    handle.reload(settings(None)).await.expect("it serves");
    exchange(&host, &token::token("alice")).await.is(404, "not_found");
    for again in [None, on] {
        handle.reload(settings(again)).await.expect("it serves");
        let mut peer = host.peer().await;
        peer.say(token_message(&kept)).await;
        peer.closed(4411, "token_invalid", "refresh").await;
    }
    host.enter_with(&ticket(&host, "alice").await).await;
    host.stop().await;
}

#[tokio::test]
async fn the_verifier_in_force_judges_what_is_exchanged() {
    let (host, handle) = Host::start_with_handle(1, with_tickets);
    // A socket from before the reload.
    let mut early = Peer::dial(host.addr).await;
    early.write(b"POST /ticket HT").await;
    let mut settings = Settings::new(Arc::new(token::verifier_with(|rules| {
        rules.aud = vec!["elsewhere".into()];
    })));
    with_tickets(&mut settings);
    handle.reload(settings).await.expect("it serves");
    let token = Mint::new("alice", 60_000).sign(&key(), now()).expect("signed");
    early.write(format!("TP/1.1\r\nHost: test\r\n{}\r\n", bearer(&token)).as_bytes()).await;
    let head = early.head().await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    host.stop().await;
}
