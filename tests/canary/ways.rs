//! Credentials in the handshake, by every source: behind the verdict nothing of them is in the
//! memory of the server, and nothing ever is in its log.

use super::{
    house::{Dir, House},
    memory,
    scan::Canaries,
    silent,
    support::{
        Peer,
        peer::handshake,
        token::{FOREIGN, SECRET, seconds_from_now, sign},
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use vestibule::token::SigningKey;

const PAGE: &str = "https://app.example";

/// How often the memory is read before something counts as left there: a refusal goes out, and its
/// connection ends, before the server has read all that came behind a bad head.
const SCANS: usize = 50;

/// A request that shows this secret.
type Way = fn(&str) -> String;

/// Every source that is judged without a directory, each with the ways to write it.
const WAYS: [(&str, &[Way]); 6] = [
    ("authorization", &[|secret| header(&format!("Authorization: Bearer {secret}"))]),
    ("cookie", &[|secret| header(&format!("Cookie: a=b; vestibule_token={secret}; c=d"))]),
    ("subprotocol", &[|secret| offer(&URL_SAFE_NO_PAD.encode(secret))]),
    (
        "query_ticket",
        &[
            |secret| query(&format!("ticket={secret}")),
            |secret| query(&format!("a=b&ticket={}&c=d", escaped(secret))),
        ],
    ),
    (
        "query_token",
        &[
            |secret| query(&format!("a=b&token={secret}&c=d")),
            |secret| query(&format!("token={}", escaped(secret))),
            |secret| query(&format!("token={}", secret.replace('.', "%2E"))),
        ],
    ),
    (
        "query_scheme",
        &[
            |secret| query(&format!("JWT%20{secret}")),
            |secret| query(&format!("JWT+{}", secret.replace('.', "%2E"))),
        ],
    ),
];

fn header(line: &str) -> String {
    handshake(&format!("Origin: {PAGE}\r\n{line}\r\n"))
}

fn offer(encoded: &str) -> String {
    let protocol = format!("base64url.bearer.authorization.vestibule.{encoded}");
    header(&format!("Sec-WebSocket-Protocol: vestibule.v1, {protocol}"))
}

fn query(query: &str) -> String {
    header("X: y").replacen("/ws", &format!("/ws?{query}"), 1)
}

/// With a byte that is no UTF-8 wherever a text has this character.
fn with_broken_text(text: &str) -> Vec<u8> {
    text.chars().map(|c| if c == '\u{FF}' { 0xFF } else { c as u8 }).collect()
}

/// All of it in percent escapes.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A token of `user` that takes several reads of a kilobyte, and what is to be looked for of it.
fn token(user: &str, more: Value) -> String {
    let mut claims = json!({
        "sub": user, "exp": seconds_from_now(600_000), "padding": "canary of the padding ".repeat(40),
    });
    if let (Value::Object(claims), Value::Object(more)) = (&mut claims, more) {
        claims.extend(more);
    }
    sign(&claims)
}

/// One server with one source.
struct Tried {
    source: &'static str,
    required: bool,
    house: House,
    canaries: Canaries,
}

impl Tried {
    fn open(dir: &Dir, source: &'static str, required: bool) -> Self {
        // Both forms of the log are read, each with half of the servers.
        let (mode, form) = if required { ("required", "json") } else { ("optional", "text") };
        let secret = String::from_utf8(SECRET.to_vec()).expect("text");
        let config = dir.file(
            &format!("{source}-{mode}.toml"),
            &format!(
                "listen = '127.0.0.1:0'\ndrain_ms = 100\nworkers = 1\ntickets.enabled = true\n\
                 [rooms]\ndefault = 'open'\npath = '/ws/{{room}}'\n[[issuer]]\nsecret = '{secret}'\n\
                 [gate]\norigins = ['{PAGE}']\n[auth.sources]\n{source} = '{mode}'\n\
                 [log]\nformat = '{form}'\n"
            ),
        );
        let canaries = Canaries::of("the secret", &secret);
        Self { source, required, house: House::open(&config), canaries }
    }

    /// Every token in every way of writing.
    async fn try_all(&mut self, ways: &[Way]) {
        for (at, way) in ways.iter().enumerate() {
            let user = format!("user-{}-{at}-marks-this-memory", self.source);
            let foreign = SigningKey::from_secret(FOREIGN, None).expect("long enough");
            let forged = foreign.sign(&json!({"sub": "ann"}).to_string()).expect("signed");
            let expired = token("ann", json!({"exp": 5}));
            // A ticket of nobody: 256 bits, as all are.
            let ticket = format!("{at}{}", expired.chars().rev().take(42).collect::<String>());
            if self.source == "query_ticket" {
                self.refused(way(&ticket), &ticket).await;
                continue;
            }
            let good = token(&user, json!({}));
            self.accepted(way(&good), &good, &user).await;
            for bad in [expired, forged, ticket] {
                self.refused(way(&bad), &bad).await;
            }
        }
    }

    async fn accepted(&mut self, request: String, token: &str, user: &str) {
        self.canaries.add_token(user, token);
        let mut peer = Peer::dial(self.house.addr).await;
        peer.write(request.as_bytes()).await;
        let head = peer.switched().await;
        let welcome = peer.expect("auth_ok").await;
        assert_eq!(welcome["user"], user);
        let said = format!("{head}{welcome}");
        silent(&self.canaries, "the 101 and auth_ok", said.as_bytes());
        self.forgotten(&request, token, Some(user));
    }

    async fn refused(&mut self, request: String, secret: &str) {
        self.canaries.add_token("a bad one", secret);
        let mut peer = Peer::dial(self.house.addr).await;
        peer.write(request.as_bytes()).await;
        let said = peer.rest().await;
        let status = if self.required { "HTTP/1.1 401 " } else { "HTTP/1.1 101 " };
        assert!(said.starts_with(status.as_bytes()), "{}", String::from_utf8_lossy(&said));
        silent(&self.canaries, "a refusal", &said);
        self.forgotten(&request, secret, None);
    }

    /// Nothing of the secret is in the memory of the server, in clear or as it was sent.
    fn forgotten(&self, request: &str, secret: &str, marker: Option<&str>) {
        // The end of it is the signature, which is what nobody can make up.
        let (_, signature) = secret.rsplit_once('.').unwrap_or(("", secret));
        let encoded = URL_SAFE_NO_PAD.encode(secret);
        let (_, sent) = encoded.split_at(encoded.len() - 56);
        let escaped = escaped(signature);
        let mut left = Vec::new();
        for _ in 0..SCANS {
            let memory = memory::of(self.house.id());
            if let Some(user) = marker {
                assert!(memory::holds(&memory, user.as_bytes()), "{user}: what memory was read?");
            }
            let texts = [signature, sent, &escaped];
            left = texts.iter().flat_map(|text| memory::pieces(&memory, text)).collect();
            if left.is_empty() {
                return;
            }
        }
        let Self { source, required, .. } = self;
        panic!("{source}, required: {required}: {left:?} of {request}");
    }

    /// What is malformed around a credential is repeated nowhere either.
    async fn try_malformed(&mut self) {
        let good = token("ann", json!({}));
        let other = token("bob", json!({}));
        self.canaries.add_token("one of two", &good);
        self.canaries.add_token("the other one", &other);
        for request in malformed(&good, &other) {
            for text in [&good, &other] {
                // As it stands there, which is not always in clear.
                self.canaries.add("base64", STANDARD.encode(text));
                self.canaries.add("base64url", URL_SAFE_NO_PAD.encode(text));
            }
            let mut peer = Peer::dial(self.house.addr).await;
            peer.write(&with_broken_text(&request)).await;
            peer.half_close().await;
            silent(&self.canaries, &request, &peer.rest().await);
            // Other addresses are answered by a library that keeps its own buffers: the last one.
            if !request.contains("/wsx") {
                self.forgotten(&request, &good, None);
            }
        }
    }

    fn end(self) {
        let said = self.house.close();
        assert!(said.len() > 1_000, "at this level there is something to read");
        silent(&self.canaries, &format!("the log with {}", self.source), &said);
    }
}

/// Requests with a fault and with credentials of every source.
fn malformed(good: &str, other: &str) -> Vec<String> {
    let long = good.repeat(3);
    let encoded = URL_SAFE_NO_PAD.encode(good);
    let mut requests = vec![
        header(&format!("Authorization: Bearer {good}\r\nAuthorization: Bearer {other}")),
        header(&format!("Authorization: Bearer {good}\u{1}")),
        header(&format!("Authorization: Bearer {good}\u{FF}")),
        header(&format!("Authorization: Bearer {good} {other}")),
        header(&format!("Authorization: {good}")),
        header(&format!("Authorization:\r\n Bearer {good}")),
        header(&format!("Authorization: Basic {}", STANDARD.encode(format!("ann:{good}")))),
        header(&format!("Authorization: Basic {good}")),
        header(&format!("Cookie: vestibule_token={good}; vestibule_token={other}")),
        header(&format!("Cookie: vestibule_token={good}\r\nCookie: vestibule_token={other}")),
        header(&format!("Cookie: vestibule_token=\"{good}; vestibule_token")),
        header(&format!("Cookie: vestibule_token={good}\u{FF}")),
        header(&format!("Cookie: vestibule_token={good}")).replace(PAGE, "https://foreign.example"),
        header(&format!("Sec-WebSocket-Protocol: access_token, {good}")),
        header(&format!("Sec-WebSocket-Protocol: a, b, {good}, {good}")),
        offer(&format!("{encoded}=")),
        offer(&encoded[..encoded.len() - 2]).replace("vestibule.v1, ", ""),
        offer(&URL_SAFE_NO_PAD.encode([good.as_bytes(), b"\xff"].concat())),
        query(&format!("token={good}&token={other}")),
        query(&format!("token={good}%FF")),
        query(&format!("token=Bearer+{good}")),
        query(&format!("a=b&ticket={good}+&c")),
        query(&format!("token={good}%")),
        query(&format!("token={good}#{other}")),
        query(&format!("ticket={good}&token={other}")),
        query(&format!("JWT%20{good}%20{other}")),
        query(&format!("JWT%20{good}%FF")),
        query(&format!("token={good}")).replace("HTTP/1.1", "HTTP/1.0"),
        query(&format!("token={good}")).replace("Host: test\r\n", ""),
        query(&format!("token={good}")).replace("GET", "HEAD"),
        query(&format!("token={good}")).replace("GET", "POST"),
        query(&format!("token={good}")).replace("GET /", "GET http://test/"),
        query(&format!("token={good}")).replace("GET /", &format!("GET http://a:{good}@test/")),
        query(&format!("token={good}")).replace("/ws?", &format!("/ws/{good}?")),
        query(&format!("token={good}")).replace("/ws?", "/ws/%00%ff%2f?"),
    ];
    for long in [&long.repeat(2), &long] {
        requests.push(header(&format!("Authorization: Bearer {long}")));
        requests.push(header(&format!("Cookie: vestibule_token={long}")));
        requests.push(query(&format!("token={long}")));
    }
    requests.push(query(&format!("token={good}")).replace("/ws?", "/wsx?"));
    requests
}

#[tokio::test]
async fn a_server_forgets_and_conceals_the_credentials_of_handshakes() {
    let dir = Dir::new("canary-ways");
    for (source, ways) in WAYS {
        for required in [false, true] {
            let mut tried = Tried::open(&dir, source, required);
            tried.try_all(ways).await;
            tried.try_malformed().await;
            tried.end();
        }
    }
}
