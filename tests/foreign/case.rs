//! Every source, every way to use it, every token: the handshakes, and what has to come of them.

use crate::{
    run,
    support::{Program, SECRET, quiet},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Sources of what is no JWT: a ticket, and a password of [`USERS`].
const OTHERS: [&str; 2] = ["query_ticket", "basic"];

/// What a directory is asked about users and their passwords.
const USERS: &str = "select active from users where name = $1";
const PASSWORDS: &str = "select active, hash as password_hash from users where name = $1";

/// The page that every handshake claims to come from.
const PAGE: &str = "https://app.example";

/// What each source is called, but for those that take no JWT.
const SOURCES: [&str; 5] =
    ["authorization", "cookie", "subprotocol", "query_token", "query_scheme"];

/// The tokens, and what has to come of each: the user, or the close code and its name.
const TOKENS: [(&str, Verdict); 8] = [
    ("valid", Ok("app:ann")),
    ("expired", Err((4412, "token_expired"))),
    ("not yet valid", Err((4413, "token_not_yet_valid"))),
    ("wrong audience", Err((4411, "token_invalid"))),
    ("wrong issuer", Err((4411, "token_invalid"))),
    ("foreign key", Err((4411, "token_invalid"))),
    ("simplejwt access", Ok("django:7")),
    ("simplejwt refresh", Err((4411, "token_invalid"))),
];

type Verdict = Result<&'static str, (u16, &'static str)>;

/// A handshake, as the clients read it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Handshake {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<&'static str, String>,
    pub(crate) protocols: Vec<String>,
    /// What is said first, once it is open.
    pub(crate) first: Option<String>,
}

/// A handshake and what has to come of it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) handshake: Handshake,
    pub(crate) outcome: String,
}

impl Handshake {
    /// One to `url` that shows this token where `source` looks for it.
    fn showing(url: &str, source: &str, token: &str) -> Self {
        let mut handshake = Self::plain(url);
        let headers = &mut handshake.headers;
        match source {
            "authorization" => drop(headers.insert("Authorization", format!("Bearer {token}"))),
            "cookie" => drop(headers.insert("Cookie", format!("a=b; vestibule_token={token}"))),
            "subprotocol" => handshake.protocols.push(format!(
                "base64url.bearer.authorization.vestibule.{}",
                URL_SAFE_NO_PAD.encode(token)
            )),
            "query_token" => handshake.url += &format!("?page=1&token={token}"),
            "query_scheme" => handshake.url += &format!("?JWT%20{token}"),
            "query_ticket" => handshake.url += &format!("?ticket={token}"),
            "basic" => handshake.url = url.replacen("ws://", &format!("ws://{token}@"), 1),
            other => panic!("nobody knows how {other} is shown"),
        }
        handshake
    }

    /// One that shows nothing.
    fn plain(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            headers: [("Origin", PAGE.to_owned())].into(),
            protocols: vec!["vestibule.v1".to_owned()],
            first: None,
        }
    }
}

/// A server that reads one source and no other.
pub(crate) struct House {
    source: &'static str,
    required: bool,
    server: Program,
}

impl House {
    /// One for each source and each way to use it.
    pub(crate) fn all(tokens: &BTreeMap<String, String>) -> Vec<Self> {
        let sources = SOURCES.iter().chain(&OTHERS);
        let ways = sources.flat_map(|source| [(*source, false), (*source, true)]);
        ways.map(|(source, required)| Self::open(source, required, tokens)).collect()
    }

    fn open(source: &'static str, required: bool, tokens: &BTreeMap<String, String>) -> Self {
        let key = format!("VESTIBULE_AUTH__SOURCES__{}", source.to_uppercase());
        let mut settings = vec![
            ("VESTIBULE_ISSUER__0__ISS", "https://app.example"),
            ("VESTIBULE_ISSUER__0__AUD__0", "chat"),
            ("VESTIBULE_ISSUER__0__USER_PREFIX", "app:"),
            ("VESTIBULE_ISSUER__1__NAME", "django"),
            ("VESTIBULE_ISSUER__1__SECRET", SECRET),
            ("VESTIBULE_ISSUER__1__ISS", "https://django.example"),
            ("VESTIBULE_ISSUER__1__AUD__0", "chat"),
            ("VESTIBULE_ISSUER__1__USER_PREFIX", "django:"),
            ("VESTIBULE_ISSUER__1__REQUIRED_CLAIMS__TOKEN_TYPE", "access"),
            ("VESTIBULE_GATE__ORIGINS__0", PAGE),
            (&*key, if required { "required" } else { "optional" }),
        ];
        match source {
            "query_ticket" => settings.push(("VESTIBULE_TICKETS__ENABLED", "true")),
            "basic" => settings.extend([
                ("VESTIBULE_DIRECTORY__DSN", &*tokens["directory"]),
                ("VESTIBULE_DIRECTORY__QUERY", USERS),
                ("VESTIBULE_DIRECTORY__PASSWORD_QUERY", PASSWORDS),
                ("VESTIBULE_DIRECTORY__PASSWORD_ISSUER", "django"),
            ]),
            _ => {}
        }
        let server = Program::serve(&settings);
        Self { source, required, server }
    }

    /// What is tried where no JWT is taken.
    fn others(&self, tokens: &BTreeMap<String, String>) -> Vec<Case> {
        let invalid = Err((4411, "token_invalid"));
        let ticket = || exchange(&self.server.url, &tokens["valid"]);
        let tried: Vec<(&str, String, Verdict)> = match self.source {
            "query_ticket" => {
                let used = ticket();
                vec![
                    ("valid", ticket(), Ok("app:ann")),
                    ("valid, then replayed", used.clone(), Ok("app:ann")),
                    ("replayed", used, invalid),
                    ("never given out", format!("vt_{}", "A".repeat(43)), invalid),
                    ("a JWT", tokens["valid"].clone(), invalid),
                    ("empty", String::new(), invalid),
                ]
            }
            _ => vec![
                ("valid", "ann:sesame".to_owned(), Ok("django:ann")),
                ("wrong password", "ann:open".to_owned(), invalid),
                ("unknown user", "bob:sesame".to_owned(), invalid),
                ("wrong password of one who is shut out", "eve:open".to_owned(), invalid),
                ("shut out", "eve:sesame".to_owned(), Err((4410, "revoked"))),
            ],
        };
        let shown = |(name, secret, verdict): (&str, String, Verdict)| {
            let handshake = Handshake::showing(&self.server.url, self.source, &secret);
            self.case(name, handshake, self.outcome(verdict))
        };
        tried.into_iter().map(shown).collect()
    }

    /// What is tried here.
    pub(crate) fn cases(&self, tokens: &BTreeMap<String, String>) -> Vec<Case> {
        if OTHERS.contains(&self.source) {
            return self.others(tokens);
        }
        let url = &self.server.url;
        let mut cases = Vec::new();
        for (name, verdict) in TOKENS {
            let handshake = Handshake::showing(url, self.source, &tokens[name]);
            cases.push(self.case(name, handshake, self.outcome(verdict)));
        }
        // Whoever shows nothing here is heard, or sent away.
        let elsewhere = SOURCES[usize::from(self.source == SOURCES[0])];
        for (name, mut handshake) in [
            ("nothing", Handshake::plain(url)),
            ("something elsewhere", Handshake::showing(url, elsewhere, &tokens["expired"])),
        ] {
            handshake.first = (!self.required).then(|| tokens["valid"].clone());
            let missing = "401 auth_required, Bearer realm=\"vestibule\"".to_owned();
            let outcome = if self.required { missing } else { self.outcome(Ok("app:ann")) };
            cases.push(self.case(name, handshake, outcome));
        }
        cases
    }

    fn case(&self, name: &str, handshake: Handshake, outcome: String) -> Case {
        let mode = if self.required { "required" } else { "optional" };
        Case { name: format!("{} {mode}, {name}", self.source), handshake, outcome }
    }

    fn outcome(&self, verdict: Verdict) -> String {
        match verdict {
            Ok(user) => format!("user {user}, vestibule.v1"),
            Err((code, name)) if !self.required => format!("closed {code} {name}"),
            Err((4410, name)) => format!("403 {name}, "),
            Err((_, name)) => {
                format!("401 {name}, Bearer realm=\"vestibule\", error=\"invalid_token\"")
            }
        }
    }
}

/// The ticket that the server at `url` gives for `token`, fetched by curl.
fn exchange(url: &str, token: &str) -> String {
    let address = url.replacen("ws://", "http://", 1).replacen("/ws", "/ticket", 1);
    let mut curl = quiet("curl");
    curl.args(["--silent", "--fail-with-body", "--request", "POST", "--header"]);
    curl.arg(format!("Authorization: Bearer {token}")).arg(address);
    let answer: Value = serde_json::from_str(&run(curl, b"")).expect("JSON");
    answer["ticket"].as_str().expect("a ticket").to_owned()
}
