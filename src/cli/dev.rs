//! `vestibule dev`: a server to try things with, a page to try them on, and tokens for two users.

use super::{
    args::DevArgs,
    clock,
    outcome::{self, Failure},
    serve, source,
};
use crate::{
    config::{Config, Flag, IssuerConfig},
    protocol::time::Wall,
    server::{Demo, DemoTokens},
    token::{Mint, SigningKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

/// How long the printed tokens are good for.
const TTL_MS: u64 = 24 * 3_600_000;
/// How long a token was good for that is made expired.
const PAST_TTL_MS: u64 = 60_000;
/// The length of the secret, in bytes.
const SECRET_BYTES: usize = 32;

pub(super) fn dev(args: DevArgs) -> Result<(), Failure> {
    let mut flags = args.flags();
    flags.push(Flag { name: "the secret of this run", key: "issuer.0.secret", value: secret()? });
    let config = Config::from_toml("dev.toml", include_str!("dev.toml"), flags)?;
    let issuer = config.issuers.first().cloned();
    let issuer = issuer.ok_or_else(|| Failure::Usage("dev.toml: no issuer".to_owned()))?;
    let tokens = Arc::new(Tokens { key: source::signing_key(&issuer, None)?, issuer });
    let demo = Demo::PageWithTokens(Arc::clone(&tokens) as Arc<_>);
    serve::run(config, demo, None, |addr| {
        if !addr.ip().is_loopback() {
            tracing::warn!("this server is for trying things and can be reached from elsewhere");
        }
        let alice = tokens.sign("alice", TTL_MS, 0)?;
        let bob = tokens.sign("bob", TTL_MS, 0)?;
        outcome::print(&welcome(addr, &alice, &bob))
    })
}

fn secret() -> Result<String, Failure> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|why| Failure::Failed(format!("the system gives no random bytes: {why}")))?;
    Ok(format!("base64:{}", STANDARD.encode(bytes)))
}

/// Signs for the issuer of this run.
struct Tokens {
    key: SigningKey,
    issuer: IssuerConfig,
}

impl Tokens {
    /// A token made `ago_ms` ago that lives for `ttl_ms`.
    fn sign(&self, subject: &str, ttl_ms: u64, ago_ms: u64) -> Result<String, Failure> {
        let mint = Mint {
            issuer: self.issuer.iss.as_deref().map(str::to_owned),
            audience: self.issuer.aud.iter().map(|aud| aud.to_string()).collect(),
            ..Mint::new(subject, ttl_ms)
        };
        let made = Wall::from_ms(clock::whole_seconds().as_ms().saturating_sub(ago_ms));
        mint.sign(&self.key, made).map_err(|fault| Failure::Failed(fault.to_string()))
    }
}

impl DemoTokens for Tokens {
    fn token(&self, user: &str, expires_in_ms: i64) -> Option<String> {
        let signed = match u64::try_from(expires_in_ms) {
            Ok(ttl_ms) => self.sign(user, ttl_ms, 0),
            Err(_) => {
                let ago_ms = expires_in_ms.unsigned_abs().saturating_add(PAST_TTL_MS);
                self.sign(user, PAST_TTL_MS, ago_ms)
            }
        };
        signed.ok()
    }
}

fn welcome(addr: SocketAddr, alice: &str, bob: &str) -> String {
    let host = reachable(addr);
    let url = format!("ws://{host}/ws");
    // As it was called here: it may not be where shells look for programs.
    let program = std::env::args().next().unwrap_or_else(|| "vestibule".to_owned());
    let terminals = match cfg!(feature = "client") {
        true => format!(
            "In two terminals: run {program} connect {url} --room lobby\nand paste one of the lines \
             below, with a token, into each.\n\n"
        ),
        false => String::new(),
    };
    format!(
        r#"
Vestibule listens at {url} (open rooms; these tokens end with this run)

In a browser: open http://{host}/ and watch every frame of two people who chat.

{terminals}By hand, to learn the protocol:
1. Connect from two terminals, each with one of
     npx wscat -c {url}
     websocat {url}
     python3 -m websockets {url}

2. Sign in within 10 seconds: paste one of these lines into each.
alice:
{{"type":"auth","payload":"{alice}"}}
bob:
{{"type":"auth","payload":"{bob}"}}

3. Join a room in both, then talk.
{{"type":"join","room":"lobby"}}
{{"type":"message","room":"lobby","payload":"hello"}}

"#
    )
}

/// An address that a client on this machine can dial.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, addr.port())
}
