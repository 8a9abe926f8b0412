//! A verifier whose tokens say in plain words what it shall think of them.

use crate::{
    protocol::{
        client_message::Token,
        grant::{Grant, Permissions},
        identity::{Identity, Login, Pass, Quotas, Signer},
        room_name::RoomName,
        time::Wall,
    },
    token::{ClaimFault, Rejection, Verification, Verifier},
};
use std::{future, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Reads tokens such as `ann`, `bad`, `ann after=500` (a lookup that takes half a second),
/// `ann never` (one that hangs), `ann life=20000`, `ann grant={"den":["join"]}` and `ann signer=7`.
#[derive(Debug)]
pub(super) struct Clerk;

impl Verifier for Clerk {
    fn verify(&self, token: Token<'_>, now: Wall) -> Verification {
        consider(token, now, judge)
    }

    /// Reads room tokens such as `ann room=den`, with the same words.
    fn verify_pass(&self, token: Token<'_>, now: Wall) -> Verification<Box<Pass>> {
        consider(token, now, |text, now| {
            let login = judge(text, now)?;
            let room = word(text, "room=").ok_or(ClaimFault::NotForRoom)?;
            Ok(Box::new(Pass {
                identity: login.identity,
                room: RoomName::parse(room).expect("a room"),
                allow: Permissions::ALL,
                expires_at: login.expires_at,
                leeway_ms: login.leeway_ms,
                signer: login.signer,
            }))
        })
    }
}

fn consider<T: Send + 'static>(
    token: Token<'_>,
    now: Wall,
    judge: fn(&str, Wall) -> Result<T, Rejection>,
) -> Verification<T> {
    let text = token.reveal().to_owned();
    if word(&text, "never").is_some() {
        return Verification::Pending(Box::pin(future::pending()));
    }
    match number(&text, "after=") {
        None => Verification::Done(judge(&text, now)),
        Some(after_ms) => Verification::Pending(Box::pin(async move {
            wait(after_ms).await;
            judge(&text, now)
        })),
    }
}

/// Lets simulated time pass.
pub(super) async fn wait(ms: u64) {
    sleep_until(Instant::now() + Duration::from_millis(ms)).await;
}

fn judge(text: &str, now: Wall) -> Result<Box<Login>, Rejection> {
    let user = text.split(' ').next().unwrap_or_default();
    if user == "bad" {
        return Err(Rejection::Signature);
    }
    let grant = word(text, "grant=").map(|grant| Grant::parse(grant).expect("a grant"));
    Ok(Box::new(Login {
        identity: Arc::new(Identity { issuer: None, subject: user.into(), user: user.into() }),
        grant: Arc::new(grant.unwrap_or_default()),
        info: None,
        quotas: Quotas::default(),
        ceiling: Quotas::default(),
        expires_at: now + number(text, "life=").unwrap_or(86_400_000),
        leeway_ms: 0,
        issued_at: None,
        mark: text.bytes().fold(7, |mark, byte| mark * 31 % 1_000_003 + u64::from(byte)),
        signer: Signer::from_number(number(text, "signer=").unwrap_or_default()),
    }))
}

fn word<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(' ').find_map(|word| word.strip_prefix(name))
}

fn number(text: &str, name: &str) -> Option<u64> {
    word(text, name).map(|number| number.parse().expect("a number"))
}
