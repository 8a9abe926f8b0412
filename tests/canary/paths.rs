//! Every path that a credential can take to the server, and what is heard there.

use super::{
    ISS, SOURCES,
    scan::Canaries,
    silent,
    support::{
        Frame, Heard, Opcode, Peer,
        frame::fragments,
        peer::{handshake, token_message},
        token::{FOREIGN, forge, seconds_from_now, sign, unsigned},
    },
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use vestibule::token::SigningKey;

/// Walks the paths; every token on them is a canary.
pub(crate) struct Paths {
    addr: SocketAddr,
    pub(crate) canaries: Canaries,
    /// How many credentials were refused, at least.
    pub(crate) refusals: usize,
    made: u32,
}

/// A member and its value, as the client sent them and the server may echo them.
type Echo<'a> = (&'a str, &'a str);

impl Paths {
    pub(crate) fn new(addr: SocketAddr, canaries: Canaries) -> Self {
        Self { addr, canaries, refusals: 0, made: 0 }
    }

    pub(crate) async fn all(&mut self) {
        self.refused_sign_ins().await;
        self.malformed_sign_ins().await;
        self.broken_frames().await;
        self.a_session().await;
        self.refreshes().await;
        self.room_tokens().await;
        self.subprotocols().await;
        self.tickets().await;
        self.http().await;
        self.sources().await;
    }

    /// The claims of a good token, with secrets among them, and `more`.
    fn claims(&mut self, more: Value) -> Value {
        self.made += 1;
        let made = self.made;
        let mut claims = json!({
            "iss": ISS, "aud": "chat", "sub": "ann", "tenant": "acme",
            "exp": seconds_from_now(600_000), "jti": format!("canary-jti-{made}-of-a-token"),
            "email": format!("canary-{made}@mail.example"),
        });
        if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
            claims.extend(more);
        }
        claims
    }

    fn keep(&mut self, token: String) -> String {
        self.canaries.add_token(&format!("token {}", self.made), &token);
        token
    }

    fn good(&mut self, more: Value) -> String {
        let token = sign(&self.claims(more));
        self.keep(token)
    }

    /// Each with another fault, and with secrets where the fault is.
    fn bad(&mut self) -> Vec<String> {
        let canary = |at: &str| format!("canary-in-the-{at}-0123456789");
        let claims = [
            json!({"iss": canary("iss")}),
            json!({"iss": [ISS, canary("iss list")]}),
            json!({"aud": canary("aud")}),
            json!({"aud": ["chat", {"x": canary("aud list")}]}),
            json!({"sub": {"x": canary("sub")}}),
            json!({"sub": format!("{}\u{7}", canary("sub control"))}),
            json!({"sub": canary("long sub").repeat(10)}),
            json!({"tenant": canary("tenant")}),
            json!({"exp": canary("exp")}),
            json!({"nbf": canary("nbf")}),
            json!({"jti": [canary("jti")]}),
            json!({"exp": seconds_from_now(-600_000)}),
            json!({"nbf": seconds_from_now(600_000)}),
            json!({"rooms": {canary("rooms") + " ": "*"}}),
            json!({"rooms": {"a": [canary("permission")]}}),
            json!({"limits": {"rooms": canary("limits")}}),
            json!({"info": {"x": canary("info").repeat(60)}}),
            json!({"info": canary("info text")}),
            json!({"room": canary("room"), "allow": [canary("allow")]}),
        ];
        let mut tokens = Vec::new();
        for more in claims {
            tokens.push(self.good(more));
        }
        tokens.extend(self.bad_headers());
        tokens.extend(self.bad_forms());
        tokens
    }

    fn bad_headers(&mut self) -> Vec<String> {
        let canary = |at: &str| format!("canary-in-the-{at}-0123456789");
        let headers = [
            json!({"alg": canary("alg")}),
            json!({"alg": "HS512", "kid": canary("kid")}),
            json!({"alg": "HS256", "typ": canary("typ")}),
            json!({"alg": "HS256", "crit": [canary("crit")]}),
            json!({"alg": "HS256", "kid": {"x": canary("kid object")}}),
            json!({"alg": "RS256", "jku": format!("https://{}/", canary("jku")), "jwk": {"k": canary("jwk")}}),
        ];
        let mut tokens = Vec::new();
        for header in headers {
            let claims = self.claims(json!({})).to_string();
            for value in
                header.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str())
            {
                if value.contains("canary") {
                    self.canaries.add("a header", value);
                }
            }
            tokens.push(self.keep(forge(&header.to_string(), &claims)));
        }
        tokens
    }

    fn bad_forms(&mut self) -> Vec<String> {
        let foreign = SigningKey::from_secret(FOREIGN, None).expect("long enough");
        let claims = self.claims(json!({})).to_string();
        let good = self.good(json!({}));
        let tokens = [
            foreign.sign(&claims).expect("signed"),
            unsigned(&good),
            good.replace('.', ""),
            format!("{good}.{good}"),
            format!("Bearer {good}"),
            format!("{good}="),
            forge("{\"alg\":\"HS256\"", &claims),
            forge(r#"{"alg":"HS256"}"#, claims.trim_end_matches('}')),
            forge(r#"{"alg":"HS256"}"#, "canary-claims-that-are-no-json"),
            good.repeat(30),
        ];
        tokens.map(|token| self.keep(token)).to_vec()
    }

    /// Whatever was heard on a connection, but for what may be echoed, is silent.
    fn judge(&self, place: &str, heard: &[Heard], echoes: &[Echo<'_>]) {
        for heard in heard {
            let said = match heard {
                Heard::Text(text) => without(text, echoes),
                Heard::Close(_, reason) => reason.clone(),
                Heard::Ping(payload) | Heard::Pong(payload) => format!("{payload:?}"),
                Heard::End | Heard::Reset => String::new(),
            };
            silent(&self.canaries, &format!("{place}: {said}"), said.as_bytes());
        }
    }

    /// Says these things as the first ones, and hears all until the end.
    async fn first(&self, place: &str, bytes: Vec<u8>) -> Vec<Heard> {
        let mut peer = Peer::connect(self.addr).await;
        peer.write(&bytes).await;
        let heard = rest(&mut peer).await;
        assert!(matches!(&heard[..], [.., Heard::Close(..), Heard::End]), "{place}: {heard:?}");
        self.judge(place, &heard, &[]);
        heard
    }

    async fn refused_sign_ins(&mut self) {
        for token in self.bad() {
            let auth = token_message(&token).to_string();
            let heard = self.first(&auth, Frame::text(auth.clone()).bytes()).await;
            assert!(matches!(&heard[1], Heard::Close(Some(4411..=4413), _)), "{auth}: {heard:?}");
            self.refusals += 1;
        }
    }

    /// Asks for a ticket with this `Authorization` and body; the answer.
    async fn ask(&self, authorization: &str, body: &str) -> String {
        let mut peer = Peer::dial(self.addr).await;
        let length = body.len();
        let request = format!(
            "POST /ticket HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nAuthorization: {authorization}\r\n\r\n{body}"
        );
        peer.write(request.as_bytes()).await;
        let head = peer.head().await;
        head + &String::from_utf8_lossy(&peer.rest().await)
    }

    /// Tokens that are exchanged, or not, and tickets that are used once, twice and wrongly.
    async fn tickets(&mut self) {
        for token in self.bad() {
            // What no header can carry does not arrive.
            let token = token.replace(|c: char| !c.is_ascii_graphic(), "");
            let answer = self.ask(&format!("Bearer {token}"), "").await;
            silent(&self.canaries, "a token that is not exchanged", answer.as_bytes());
        }
        let token = self.good(json!({}));
        for (authorization, body) in [
            (format!("Basic {token}"), String::new()),
            (token.clone(), String::new()),
            (format!("Bearer {token}\r\nAuthorization: Bearer {token}"), String::new()),
            (format!("Bearer {token}"), token.clone()),
            (format!("Bearer {token}"), json!({"origin": token}).to_string()),
            (format!("Bearer {token}"), json!({token.clone(): 1}).to_string()),
        ] {
            let answer = self.ask(&authorization, &body).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
            silent(&self.canaries, "a wish with a fault", answer.as_bytes());
        }
        for body in ["", "{\"origin\":\"https://app.example\"}"] {
            let answer = self.ask(&format!("Bearer {token}"), body).await;
            let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
            let granted: Value = serde_json::from_str(body).expect("JSON");
            let ticket = granted["ticket"].as_str().expect("a ticket").to_owned();
            self.canaries.add("a ticket", &ticket);
            for _ in 0..2 {
                let mut peer = Peer::connect(self.addr).await;
                peer.say(token_message(&ticket)).await;
                // Once it lets somebody in who leaves at once.
                peer.send(&Frame::close(1000)).await;
                self.judge("a ticket", &rest(&mut peer).await, &[]);
            }
            let answer = self.ask(&format!("Bearer {ticket}"), "").await;
            silent(&self.canaries, "a ticket that is not exchanged", answer.as_bytes());
            self.refusals += 2;
        }
    }

    /// Tokens of issuers whose keys are fetched, or cannot be.
    async fn sources(&mut self) {
        for name in SOURCES {
            for kid in ["one", "canary-key-id-0123456789"] {
                self.canaries.add("a kid", if kid == "one" { "" } else { kid });
                let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
                let claims = self.claims(json!({"iss": format!("https://{name}.example")}));
                let token = self.keep(forge(&header, &claims.to_string()));
                let auth = token_message(&token).to_string();
                let heard = self.first(&auth, Frame::text(auth.clone()).bytes()).await;
                let expected = if name == "set" { 4411 } else { 1011 };
                assert!(
                    matches!(&heard[1], Heard::Close(Some(code), _) if *code == expected),
                    "{name}: {heard:?}",
                );
                self.refusals += 1;
            }
        }
    }

    async fn malformed_sign_ins(&mut self) {
        let token = self.good(json!({}));
        let texts = [
            token.clone(),
            format!("\"{token}\""),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\""),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\",}}"),
            format!("{{\"type\":\"auth\",\"payload\":'{token}'}}"),
            format!("{{\"type\":\"auth\",\"payload\":{{\"token\":\"{token}\"}}}}"),
            format!("{{\"type\":\"auth\",\"payload\":[\"{token}\"]}}"),
            format!("{{\"type\":\"auth\",\"token\":\"{token}\"}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\",\"payload\":\"{token}\"}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\",\"id\":7}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\",\"id\":\"{token}\"}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\",\"{token}\":1,\"{token}\":2}}"),
            format!("{{\"type\":\"{token}\",\"payload\":\"x\"}}"),
            format!("{{\"type\":\"join\",\"room\":\"a\",\"token\":\"{token}\"}}"),
            format!("{{\"{token}\":\"auth\"}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{token}\\ud800\"}}"),
            format!("{{\"type\":\"auth\",\"payload\":\"{}{token}\"}}", "x".repeat(9_000)),
            format!("{}{token}{}", "[".repeat(20), "]".repeat(20)),
        ];
        for text in texts {
            self.first(&text, Frame::text(text.clone()).bytes()).await;
        }
    }

    async fn broken_frames(&mut self) {
        let token = self.good(json!({}));
        let auth = token_message(&token).to_string();
        let frames = [
            ("binary", Frame::new(Opcode::Binary, auth.clone()).bytes()),
            ("unmasked", Frame::text(auth.clone()).unmasked().bytes()),
            ("reserved bits", Frame::text(auth.clone()).first_byte(0xF1).bytes()),
            ("a lone continuation", Frame::new(Opcode::Continuation, auth.clone()).bytes()),
            ("too long", Frame::text(auth.clone()).claiming(1 << 40).bytes()),
            ("no UTF-8", Frame::text([auth.as_bytes(), b"\xff"].concat()).bytes()),
            ("too many fragments", fragments(&auth, 100)),
            ("a long ping", Frame::ping(token.clone()).bytes()),
            ("oversize", Frame::text(auth.repeat(100)).bytes()),
            ("a close with a reason", {
                let short: String = token.chars().take(100).collect();
                Frame::new(Opcode::Close, [&3_000_u16.to_be_bytes(), short.as_bytes()].concat())
                    .bytes()
            }),
            ("a close with a bad code", {
                let short: String = token.chars().take(100).collect();
                Frame::new(Opcode::Close, [&1_005_u16.to_be_bytes(), short.as_bytes()].concat())
                    .bytes()
            }),
        ];
        for (place, bytes) in frames {
            self.first(place, bytes).await;
        }
        // Before the verdict Pongs are due: they echo what the Ping brought, and nothing else does.
        let mut peer = Peer::connect(self.addr).await;
        peer.send(&Frame::ping(token.get(..100).expect("a long token"))).await;
        assert_eq!(peer.listen().await, Heard::Pong(token.as_bytes()[..100].to_vec()));
        peer.reset();
        // Gone in the middle of the token.
        let mut peer = Peer::connect(self.addr).await;
        let bytes = Frame::text(auth).bytes();
        peer.write(&bytes[..bytes.len() / 2]).await;
        peer.half_close().await;
        self.judge("a cut token", &rest(&mut peer).await, &[]);
    }

    /// A session that puts its token everywhere.
    async fn a_session(&mut self) {
        let token = self.good(json!({"info": {"shown": "to others"}}));
        let short = token.get(..64).expect("a long token").to_owned();
        let room = token.get(..100).expect("a long token").to_owned();
        let mut peer = Peer::connect(self.addr).await;
        let says = [
            json!({"type": "auth", "payload": token, "id": short}),
            json!({"type": "join", "room": "lobby", "id": short}),
            json!({"type": "join", "room": token}),
            json!({"type": "join", "room": room}),
            json!({"type": "leave", "room": room}),
            json!({"type": "join", "room": "shut:door", "id": short}),
            json!({"type": "join", "room": "lobby", "since": {"epoch": token.get(..32), "seq": 1}}),
            json!({"type": "join", "room": "lobby", "since": {"epoch": token, "seq": token}}),
            json!({"type": "message", "room": "lobby", "payload": {"stolen": token}, "id": "m"}),
            json!({"type": "message", "room": "lobby", "payload": 1, "idempotency_key": short}),
            json!({"type": "message", "room": "lobby", "payload": 1, "idempotency_key": token}),
            json!({"type": "message", "room": "elsewhere", "payload": token}),
            json!({"type": "ping", "payload": short}),
            json!({"type": "ping", "payload": token}),
            json!({"type": "ping", "id": token}),
            json!({"type": "history", "room": token, "before": token}),
            json!({"type": "presence", "room": token}),
            json!({"type": token}),
            json!({"type": token.get(..20), "id": short}),
            json!({token.clone(): token}),
            json!([token]),
        ];
        for said in &says {
            peer.say(said).await;
        }
        peer.say(format!("{{\"type\":\"ping\",\"{token}\"}}")).await;
        peer.send(&Frame::ping(room.clone())).await;
        let mut heard = Vec::new();
        loop {
            let next = peer.listen().await;
            if next == Heard::Pong(room.clone().into_bytes()) {
                break;
            }
            heard.push(next);
        }
        let reason = [&3_000_u16.to_be_bytes(), room.as_bytes()].concat();
        peer.send(&Frame::new(Opcode::Close, reason)).await;
        heard.extend(rest(&mut peer).await);
        assert!(heard.len() > says.len() / 2, "{heard:?}");
        let message = json!({"stolen": token}).to_string();
        let echoes = [
            ("id", &*short),
            ("room", &room),
            ("payload", &short),
            ("payload", &message),
            ("idempotency_key", &short),
        ];
        self.judge("a session", &heard, &echoes);
    }

    async fn refreshes(&mut self) {
        let first = self.good(json!({}));
        let mut peer = Peer::connect(self.addr).await;
        let mut heard = vec![Heard::Text(peer.sign_in(&first).await.to_string())];
        let second = self.good(json!({}));
        let forged = unsigned(&second) + "AAAAAAAAAAAAAAAA";
        for token in [second, self.keep(forged), first.clone()] {
            peer.say(token_message(&token)).await;
            heard.push(Heard::Text(peer.text().await));
        }
        self.refusals += 1;
        peer.say(json!({"type": "auth", "payload": {"token": first}})).await;
        heard.push(Heard::Text(peer.text().await));
        let other = self.good(json!({"sub": "bob"}));
        peer.say(token_message(&other)).await;
        heard.extend(rest(&mut peer).await);
        self.judge("refreshes", &heard, &[]);
        // More bad ones in a minute than are taken.
        let mut peer = Peer::connect(self.addr).await;
        peer.sign_in(&first).await;
        let bad: Vec<_> = self.bad().into_iter().take(4).collect();
        peer.say_all(bad.iter().map(|token| token_message(token))).await;
        self.judge("too many refreshes", &rest_or_close(&mut peer).await, &[]);
    }

    async fn room_tokens(&mut self) {
        let login = self.good(json!({}));
        let mut peer = Peer::connect(self.addr).await;
        peer.sign_in(&login).await;
        let mut tokens = vec![
            self.good(json!({"room": "shut:door", "allow": ["join"]})),
            self.good(json!({"room": "shut:other", "allow": ["join"]})),
            self.good(json!({"room": "shut:door", "allow": ["join"], "sub": "bob"})),
            login,
        ];
        tokens.extend(self.bad().into_iter().take(8));
        let mut heard = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let room = format!("shut:{}", ["door", "window"][at % 2]);
            peer.say(json!({"type": "join", "room": room, "token": token, "id": "j"})).await;
            heard.push(Heard::Text(peer.text().await));
            peer.say(json!({"type": "join", "room": room, "token": [token], "id": "j"})).await;
            heard.push(Heard::Text(peer.text().await));
        }
        peer.send(&Frame::close(1_000)).await;
        heard.extend(rest(&mut peer).await);
        self.judge("room tokens", &heard, &[]);
    }

    /// The 101 names the subprotocol that the client offered first (RFC 6455 4.2.2); nothing else
    /// does.
    async fn subprotocols(&mut self) {
        let token = self.good(json!({}));
        for offers in [token.clone(), format!("{token}, x"), format!("vestibule.v1, {token}")] {
            let mut peer = Peer::dial(self.addr).await;
            let line = format!("Sec-WebSocket-Protocol: {offers}\r\n");
            let head = peer.upgrade(&line).await;
            let echo = format!("sec-websocket-protocol: {token}\r\n");
            let head = head.to_lowercase().replace(&echo.to_lowercase(), "");
            let lower = Canaries::of("a token in lower case", &token.to_lowercase());
            silent(&lower, "the 101", head.as_bytes());
            peer.say(token_message("bad")).await;
            self.judge("a subprotocol", &rest(&mut peer).await, &[]);
        }
    }

    async fn http(&mut self) {
        let token = self.good(json!({}));
        let get = |path: &str, lines: &str| {
            format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{lines}\r\n")
        };
        let upgrade = handshake("");
        let requests = [
            get(&format!("/ws?token={token}"), ""),
            get(&format!("/{token}"), ""),
            get(&format!("/healthz?access_token={token}"), ""),
            get(&format!("/readyz/{token}"), ""),
            get("/ws", &format!("Authorization: Bearer {token}\r\n")),
            get("/metrics", &format!("Authorization: Bearer {token}\r\n")),
            get("/ws", &format!("Cookie: session={token}\r\nOrigin: https://{token}\r\n")),
            get("/", &format!("{token}: {token}\r\n")),
            get("/", &format!("X-{}: {token}\r\n", "x".repeat(9_000))),
            get("/", &format!("{token}\r\n")),
            format!(
                "POST /ticket HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{token}",
                token.len()
            ),
            format!(
                "POST /ws HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 1\r\n\r\n{token}"
            ),
            format!("{token} / HTTP/1.1\r\n\r\n"),
            format!("{token}\r\n\r\n"),
            format!("GET / {token}\r\n\r\n"),
            format!("CONNECT {token}:443 HTTP/1.1\r\nHost: {token}\r\nConnection: close\r\n\r\n"),
            upgrade.replace("GET /ws", &format!("POST /ws?token={token}")),
            upgrade.replace("Version: 13", &format!("Version: {token}")),
            upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", &token),
            upgrade.replace("Upgrade: websocket", &format!("Upgrade: {token}")),
            upgrade.replace("Host: test", &format!("Host: {token}\r\nHost: test")),
            handshake(&format!("Sec-WebSocket-Protocol: {token}, {token}\r\n")),
            handshake(&format!("Sec-WebSocket-Protocol: \"{token}\"\r\n")),
        ];
        for request in requests {
            let mut peer = Peer::dial(self.addr).await;
            peer.write(request.as_bytes()).await;
            peer.half_close().await;
            let said = peer.rest().await;
            silent(&self.canaries, &request, &said);
        }
        // A token in the query of a good handshake, and in headers that nobody reads.
        let lines = format!("Authorization: Bearer {token}\r\nCookie: t={token}\r\n");
        let mut peer = Peer::dial(self.addr).await;
        let request =
            handshake(&lines).replace("GET /ws", &format!("GET /ws?access_token={token}"));
        peer.write(request.as_bytes()).await;
        silent(&self.canaries, "the 101", peer.switched().await.as_bytes());
        peer.say(json!({"type": "auth", "payload": "bad"})).await;
        self.judge("a query", &rest(&mut peer).await, &[]);
    }
}

/// Everything until the end of the connection.
async fn rest(peer: &mut Peer) -> Vec<Heard> {
    let mut heard = Vec::new();
    loop {
        let next = peer.listen().await;
        let over = matches!(next, Heard::End | Heard::Reset);
        heard.push(next);
        if over {
            return heard;
        }
    }
}

/// The same, for a connection that its client ends unless the server does.
async fn rest_or_close(peer: &mut Peer) -> Vec<Heard> {
    peer.send(&Frame::close(1_000)).await;
    rest(peer).await
}

/// A message without what it echoes.
fn without(text: &str, echoes: &[Echo<'_>]) -> String {
    let Ok(Value::Object(mut message)) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    message.retain(|member, value| {
        let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        !echoes.iter().any(|(name, sent)| name == member && said == *sent)
    });
    Value::Object(message).to_string()
}
