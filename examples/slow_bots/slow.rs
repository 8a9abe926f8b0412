//! A member that hardly reads, and one that does not read at all.

use crate::wire::{Heard, Wire};
use serde_json::json;
use std::{io, net::SocketAddr, time::Duration};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};
use vestibule::client::Received;

/// What the kernel of a slow member takes in, in bytes: it shall not read in its place.
const TAKES_IN: u32 = 4 * 1024;
/// Between two bytes.
const BYTE: Duration = Duration::from_secs(1);
/// Bytes between two signs of life: its line shall not count as dead.
const LIFE: u64 = 5;
/// How long nothing must come in the end until it stops looking.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long its entrance may take.
const ENTRANCE: Duration = Duration::from_secs(20);

/// How a slow member reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// One byte a second, and it shows signs of life.
    Byte,
    /// Nothing, and it says nothing.
    Nothing,
}

/// One that is in the room.
#[derive(Debug)]
pub(crate) struct Slow {
    wire: Wire,
    pace: Pace,
    /// The newest message when it came.
    seq: u64,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Messages that it found on its line in the end: the next ones of the room, in order.
    pub(crate) heard: u64,
    /// The messages did not follow each other.
    pub(crate) gap: bool,
    /// The last that it heard of the server.
    pub(crate) end: String,
}

impl Slow {
    /// Signs in and joins, at a normal pace.
    pub(crate) async fn enter(
        addr: SocketAddr,
        token: &str,
        room: &str,
        pace: Pace,
    ) -> Result<Self, String> {
        let entrance = async {
            let mut wire = Wire::open(addr, Some(TAKES_IN)).await?;
            wire.say(&json!({ "type": "auth", "payload": token }).to_string()).await?;
            wire.say(&json!({ "type": "join", "room": room }).to_string()).await?;
            loop {
                match heard(&wire.next().await?) {
                    Ok(Some(Received::Joined(joined))) => {
                        return Ok(Self { wire, pace, seq: joined.seq });
                    }
                    Ok(_) => {}
                    Err(end) => return Err(io::Error::other(end)),
                }
            }
        };
        let entered = timeout(ENTRANCE, entrance).await;
        let entered = entered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        entered.map_err(|why| format!("a slow member cannot come in: {why}"))
    }

    /// Is slow until the run is over, then looks what it finds.
    pub(crate) async fn dawdle(mut self, mut over: watch::Receiver<bool>) -> Fate {
        let mut tick = interval(BYTE);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for bytes in 0u64.. {
            tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => break,
                _ = tick.tick() => {}
            }
            if self.pace == Pace::Byte {
                // A line that the server has given up shows in the end, with all that is on it.
                let _ = timeout(BYTE / 2, self.wire.next_byte()).await;
                if bytes % LIFE == 0 {
                    let _ = timeout(BYTE / 2, self.wire.pong(b"")).await;
                }
            }
        }
        self.look().await
    }

    async fn look(mut self) -> Fate {
        let mut fate = Fate { heard: 0, gap: false, end: "the line still stands".to_owned() };
        self.wire.widen();
        while let Ok(next) = timeout(LAST_WORDS, self.wire.next()).await {
            let next = next.map_err(|why| why.to_string());
            match next.and_then(|next| heard(&next)) {
                Ok(Some(Received::Message(message))) => {
                    fate.heard += 1;
                    fate.gap |= message.seq != Some(self.seq + fate.heard);
                }
                Ok(_) => {}
                Err(end) => {
                    fate.end = end;
                    break;
                }
            }
        }
        fate
    }
}

/// The message that was heard, `None` for a control frame; an error at the end.
fn heard(heard: &Heard) -> Result<Option<Received>, String> {
    match heard {
        Heard::Text(text) => match Received::parse(text) {
            Ok(Received::Error(fault)) if fault.fatal => Err(format!("`{}`", fault.code)),
            Ok(received) => Ok(Some(received)),
            Err(why) => Err(why.to_string()),
        },
        Heard::Ping(_) | Heard::Pong => Ok(None),
        Heard::Close(code, reason) => Err(format!("{code} {reason}")),
        Heard::End => Err("the line is cut off".to_owned()),
    }
}
