//! Every source, every way to use it, every token: the handshakes, and what has to come of them.

use crate::support::{Program, SECRET};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::collections::BTreeMap;

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
    pub(crate) fn all() -> Vec<Self> {
        let ways = SOURCES.iter().flat_map(|source| [(*source, false), (*source, true)]);
        ways.map(|(source, required)| Self::open(source, required)).collect()
    }

    fn open(source: &'static str, required: bool) -> Self {
        let key = format!("VESTIBULE_AUTH__SOURCES__{}", source.to_uppercase());
        let server = Program::serve(&[
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
            (&key, if required { "required" } else { "optional" }),
        ]);
        Self { source, required, server }
    }

    /// What is tried here.
    pub(crate) fn cases(&self, tokens: &BTreeMap<String, String>) -> Vec<Case> {
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
            Err((_, name)) => {
                format!("401 {name}, Bearer realm=\"vestibule\", error=\"invalid_token\"")
            }
        }
    }
}
