//! Guests: people with valid tokens who want in while others flood the door.

use crate::wire::{self, Frame, Opened};
use hdrhistogram::Histogram;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

/// What a guest who was sent away waits before coming back, times the number of tries.
const BACK_AFTER: Duration = Duration::from_millis(100);

/// Where a guest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// An address of its own.
    Clean(u32),
    /// This address, whoever else is there.
    Shared(SocketAddr),
}

impl Home {
    fn address(self) -> SocketAddr {
        match self {
            Self::Clean(number) => {
                let [_, b, c, d] = number.to_be_bytes();
                SocketAddr::from((Ipv4Addr::new(127, 1 + b, c, d.max(1)), 0))
            }
            Self::Shared(address) => address,
        }
    }
}

/// How guests fared.
#[derive(Debug)]
pub(crate) struct Welcome {
    /// How long each tried.
    pub(crate) patience: Duration,
    /// Guests that came.
    pub(crate) guests: u64,
    /// Guests that were let in before their patience ended.
    pub(crate) inside: u64,
    /// Guests that were let in at the first try.
    pub(crate) at_once: u64,
    /// From the first try to `auth_ok`, in milliseconds.
    pub(crate) took_ms: Histogram<u64>,
}

/// What all guests of one kind do.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// The server.
    pub(crate) to: SocketAddr,
    /// A valid token for each.
    pub(crate) tokens: Arc<[String]>,
    /// How many come.
    pub(crate) guests: u32,
    /// How many a second.
    pub(crate) per_second: u32,
    /// How long each tries.
    pub(crate) patience: Duration,
    /// Whether those who are in stay until the last one has come.
    pub(crate) stay: bool,
}

/// Lets guests come, one after the other.
pub(crate) async fn visit(plan: Visit, home: impl Fn(u32) -> Home) -> Welcome {
    let begin = Instant::now();
    let mut guests = JoinSet::new();
    for number in 0..plan.guests {
        let due = f64::from(number) / f64::from(plan.per_second.max(1));
        sleep_until(begin + Duration::from_secs_f64(due)).await;
        let Some(token) = plan.tokens.get(number as usize).cloned() else { break };
        let (plan, from) = (plan.clone(), home(number).address());
        guests.spawn(async move { enter(&plan, &token, from).await });
    }
    let took_ms = Histogram::new_with_bounds(1, 120_000, 3);
    #[expect(clippy::expect_used, reason = "the bounds are constants that it takes")]
    let took_ms = took_ms.expect("a histogram");
    let patience = plan.patience;
    let mut welcome =
        Welcome { patience, guests: plan.guests.into(), inside: 0, at_once: 0, took_ms };
    let mut lines = Vec::new();
    while let Some(entered) = guests.join_next().await {
        let Ok(Some((took, tries, line))) = entered else { continue };
        welcome.inside += 1;
        welcome.at_once += u64::from(tries == 1);
        welcome.took_ms.saturating_record(took.as_millis() as u64);
        if plan.stay {
            lines.push(line);
        }
    }
    welcome
}

/// Tries until it is in or out of patience: how long it took, how many tries, the open line.
async fn enter(plan: &Visit, token: &str, from: SocketAddr) -> Option<(Duration, u32, wire::Line)> {
    let begin = Instant::now();
    let until = begin + plan.patience;
    for tries in 1.. {
        match timeout_at(until, knock(plan.to, token, from)).await {
            Ok(Ok(Some(line))) => return Some((begin.elapsed(), tries, line)),
            Ok(Ok(None) | Err(_)) => {}
            Err(_) => return None,
        }
        let back = Instant::now() + BACK_AFTER * tries;
        if back >= until {
            return None;
        }
        sleep_until(back).await;
    }
    None
}

/// One try.
async fn knock(to: SocketAddr, token: &str, from: SocketAddr) -> io::Result<Option<wire::Line>> {
    let stream = wire::dial(from, to).await?;
    let Opened::Upgraded(mut line) = wire::open(stream, to).await? else { return Ok(None) };
    line.say(&format!(r#"{{"type":"auth","payload":"{token}"}}"#)).await?;
    loop {
        match line.next().await? {
            Frame::Text(text) if text.contains(r#""type":"auth_ok""#) => return Ok(Some(line)),
            Frame::Text(_) | Frame::Close => return Ok(None),
            Frame::Other => {}
        }
    }
}
