//! Attackers: each knows one way to take a place without ever signing in.

use crate::wire::{self, Line, Opened};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// Between two bytes of one that sends slowly.
const DRIP: Duration = Duration::from_millis(250);

/// A way to be in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Opens a WebSocket and says nothing.
    Silent,
    /// Announces an `auth` and sends it byte by byte.
    Drip,
    /// Sends bytes that are no frames.
    Junk,
    /// Announces a message that is far too large.
    Oversize,
    /// Signs in with a forged token, and leaves when told to.
    BadToken,
    /// The same, but reads nothing and never hangs up.
    Deaf,
    /// Sends its request byte by byte, like a slow TLS handshake.
    SlowHandshake,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: &[Self] = &[
        Self::Silent,
        Self::Drip,
        Self::Junk,
        Self::Oversize,
        Self::BadToken,
        Self::Deaf,
        Self::SlowHandshake,
    ];
}

/// What attackers are to do.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The server.
    pub(crate) to: SocketAddr,
    /// How they behave, in turn.
    pub(crate) kinds: Vec<Kind>,
    /// From how many addresses.
    pub(crate) addresses: u32,
    /// How often in all.
    pub(crate) attempts: u64,
    /// How often in a second.
    pub(crate) per_second: u32,
    /// Sockets at a time.
    pub(crate) open: usize,
    /// How long one stays at most.
    pub(crate) stay: Duration,
}

/// What became of them.
#[derive(Debug, Default)]
pub(crate) struct Damage {
    /// Sockets that reached the 101.
    pub(crate) upgraded: AtomicU64,
    /// Sockets that were answered with another status.
    pub(crate) refused: AtomicU64,
    /// Sockets that got no answer, or none at all.
    pub(crate) broken: AtomicU64,
}

/// The address of attacker number `at`: far from those that guests have.
pub(crate) fn address(at: u64, addresses: u32) -> SocketAddr {
    let [_, b, c, d] = ((at % u64::from(addresses.max(1))) as u32 + 1).to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 66 ^ b, c, d), 0))
}

/// Sends attackers until all have been, or `until`.
pub(crate) async fn attack(plan: Plan, until: Instant) -> Arc<Damage> {
    let damage = Arc::new(Damage::default());
    let places = Arc::new(Semaphore::new(plan.open));
    let mut attackers = JoinSet::new();
    let mut tick = interval(Duration::from_secs_f64(1.0 / f64::from(plan.per_second.max(1))));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for attempt in 0..plan.attempts {
        tick.tick().await;
        while attackers.try_join_next().is_some() {}
        let Ok(Ok(place)) =
            tokio::time::timeout_at(until, Arc::clone(&places).acquire_owned()).await
        else {
            break;
        };
        let (plan, damage) = (plan.clone(), Arc::clone(&damage));
        attackers.spawn(async move {
            let _place = place;
            let from = address(attempt, plan.addresses);
            let kinds = plan.kinds.len().max(1) as u64;
            // Every address behaves in every way.
            let kind = plan.kinds.get(((attempt + attempt / kinds) % kinds) as usize);
            let kind = kind.copied().unwrap_or(Kind::Silent);
            let stay = plan.stay.min(until.saturating_duration_since(Instant::now()));
            match timeout(stay, bother(kind, from, plan.to, &damage)).await {
                Ok(Ok(())) | Err(_) => {}
                Ok(Err(_)) => count(&damage.broken),
            }
        });
    }
    tokio::time::timeout_at(until, async { while attackers.join_next().await.is_some() {} })
        .await
        .unwrap_or_default();
    damage
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One attacker, until the server hangs up.
async fn bother(kind: Kind, from: SocketAddr, to: SocketAddr, damage: &Damage) -> io::Result<()> {
    let mut stream = wire::dial(from, to).await?;
    if kind == Kind::SlowHandshake {
        for byte in wire::request(to).into_bytes() {
            stream.write_all(&[byte]).await?;
            tokio::time::sleep_until(Instant::now() + DRIP).await;
        }
        return stream.read(&mut [0; 512]).await.map(drop);
    }
    match wire::open(stream, to).await? {
        Opened::Refused(_) => {
            count(&damage.refused);
            Ok(())
        }
        Opened::Upgraded(line) => {
            count(&damage.upgraded);
            behave(kind, line).await
        }
    }
}

async fn behave(kind: Kind, mut line: Line) -> io::Result<()> {
    match kind {
        Kind::Silent | Kind::SlowHandshake => {}
        Kind::Drip => {
            line.send(&wire::header(0x81, 4_096)).await?;
            for byte in br#"{"type":"auth","payload":""#.iter().chain([b'x'; 4_000].iter()) {
                line.send(&[*byte]).await?;
                tokio::time::sleep_until(Instant::now() + DRIP).await;
            }
        }
        Kind::Junk => line.send(&[0xF3; 700]).await?,
        Kind::Oversize => line.send(&wire::header(0x81, 50_000_000)).await?,
        Kind::BadToken => line.say(&forged()).await?,
        Kind::Deaf => {
            line.say(&forged()).await?;
            // It neither reads nor closes; the plan's patience ends it.
            std::future::pending::<()>().await;
        }
    }
    line.until_closed().await;
    Ok(())
}

/// An `auth` with a well-formed token that nobody signed.
pub(crate) fn forged() -> String {
    let header = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let claims = "eyJzdWIiOiJtYWxsb3J5IiwiZXhwIjo0MTAyNDQ0ODAwfQ";
    let signature = "c2lnbmVkLWJ5LW5vYm9keS1hdC1hbGwtc29ycnktaXQ";
    format!(r#"{{"type":"auth","payload":"{header}.{claims}.{signature}"}}"#)
}
