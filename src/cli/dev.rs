//! `vestibule dev`: a server to try things with, and tokens for two users.

use super::{
    args::DevArgs,
    clock,
    outcome::{self, Failure},
    serve, source,
};
use crate::{
    config::{Config, Flag, IssuerConfig},
    token::{Mint, SigningKey},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How long the printed tokens are good for.
const TTL_MS: u64 = 24 * 3_600_000;
/// The length of the secret, in bytes.
const SECRET_BYTES: usize = 32;

pub(super) fn dev(args: DevArgs) -> Result<(), Failure> {
    let mut flags = args.flags();
    flags.push(Flag { name: "the secret of this run", key: "issuer.0.secret", value: secret()? });
    let config = Config::from_toml("dev.toml", include_str!("dev.toml"), flags)?;
    let issuer = config.issuer.clone();
    let key = source::signing_key(&issuer, None)?;
    serve::run(config, |addr| {
        if !addr.ip().is_loopback() {
            tracing::warn!("this server is for trying things and can be reached from elsewhere");
        }
        let alice = token(&key, &issuer, "alice")?;
        let bob = token(&key, &issuer, "bob")?;
        outcome::print(&welcome(addr, &alice, &bob))
    })
}

fn secret() -> Result<String, Failure> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|why| Failure::Failed(format!("the system gives no random bytes: {why}")))?;
    Ok(format!("base64:{}", STANDARD.encode(bytes)))
}

fn token(key: &SigningKey, issuer: &IssuerConfig, subject: &str) -> Result<String, Failure> {
    let mint = Mint {
        issuer: issuer.iss.as_deref().map(str::to_owned),
        audience: issuer.aud.iter().map(|aud| aud.to_string()).collect(),
        ..Mint::new(subject, TTL_MS)
    };
    mint.sign(key, clock::whole_seconds()).map_err(|fault| Failure::Failed(fault.to_string()))
}

fn welcome(addr: SocketAddr, alice: &str, bob: &str) -> String {
    let url = format!("ws://{}/ws", reachable(addr));
    format!(
        r#"
Vestibule listens at {url} (open rooms; these tokens end with this run)

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
