//! One bot: a connection that signs in, joins its room, chats and checks what it hears.

use crate::{
    ledger::{Agreement, Ledger},
    report::Tally,
};
use serde_json::value::RawValue;
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use vestibule::client::{
    Client, Error, MessageReceived, Options, Publish, Received, Receiver, Sender,
};

/// Latencies gathered before they are handed over.
const GATHERED: usize = 512;

/// What all bots do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Connect and wait.
    Ramp,
    /// Publish, from this moment on.
    Chat(Instant),
    /// Wait for what is missing.
    Settle,
    /// Stop.
    End,
}

/// What one bot is to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where to.
    pub(crate) url: String,
    /// When to connect.
    pub(crate) connect_at: Instant,
    /// When to publish first, from the beginning of the chat.
    pub(crate) first_after: Duration,
    /// Between two messages.
    pub(crate) every: Duration,
    /// How many messages.
    pub(crate) messages: u32,
    /// Bytes of a payload.
    pub(crate) payload: usize,
}

/// One bot.
#[derive(Debug)]
pub(crate) struct Bot {
    /// Which one, from 0.
    pub(crate) number: u32,
    /// What it does.
    pub(crate) plan: Plan,
    /// Its token.
    pub(crate) token: String,
    /// Its room.
    pub(crate) ledger: Arc<Ledger>,
    /// What all count.
    pub(crate) tally: Arc<Tally>,
    /// What all do now.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// A bot in its room.
struct Chat {
    bot: Bot,
    sender: Sender,
    receiver: Receiver,
    /// Kept from the entrance.
    backlog: VecDeque<Received>,
    /// Messages published so far.
    sent: u32,
    /// When the next one is due; `None` before the chat and after the last.
    due: Option<Instant>,
    /// Messages that were acknowledged or refused.
    answered: u32,
    /// The last `seq` heard.
    heard: u64,
    latencies: Vec<u64>,
    idle: bool,
    done: bool,
}

impl Bot {
    /// Runs until the end of the last phase.
    pub(crate) async fn run(self) {
        let tally = Arc::clone(&self.tally);
        if let Err(error) = self.live().await {
            tally.failed.add(1);
            tally.why(error.to_string());
        }
    }

    async fn live(self) -> Result<(), Error> {
        sleep_until(self.plan.connect_at).await;
        let began = Instant::now();
        let options = Options { answer_timeout: Duration::from_secs(60), ..Options::default() };
        let mut client = Client::connect(&self.plan.url, &options).await?;
        client.authenticate(&self.token).await?;
        client.join(&self.ledger.room, None).await?;
        self.tally.entered(began.elapsed());
        let (sender, receiver, backlog) = client.split();
        let chat = Chat {
            bot: self,
            sender,
            receiver,
            backlog,
            sent: 0,
            due: None,
            answered: 0,
            heard: 0,
            latencies: Vec::with_capacity(GATHERED),
            idle: false,
            done: false,
        };
        chat.run().await
    }
}

impl Chat {
    async fn run(mut self) -> Result<(), Error> {
        let outcome = self.turns().await;
        self.bot.tally.latencies(&mut self.latencies);
        let missing = self.bot.ledger.head().saturating_sub(self.heard);
        self.bot.tally.lost.add(missing);
        outcome
    }

    /// Listens and publishes until the end.
    async fn turns(&mut self) -> Result<(), Error> {
        while let Some(received) = self.backlog.pop_front() {
            self.take(received);
        }
        loop {
            let due = self.due;
            let publish = async {
                match due {
                    Some(instant) => sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.bot.phase.changed() => {
                    let phase = *self.bot.phase.borrow_and_update();
                    if phase == Phase::End || changed.is_err() {
                        return self.sender.close(1000, "normal").await;
                    }
                    self.enter(phase);
                }
                () = publish => self.publish().await?,
                received = self.receiver.next() => {
                    let received = received?;
                    self.take(received);
                }
            }
            self.look_around();
        }
    }

    fn enter(&mut self, phase: Phase) {
        match phase {
            Phase::Chat(begin) => self.due = self.due_after(begin + self.bot.plan.first_after),
            Phase::Settle => self.due = None,
            Phase::Ramp | Phase::End => {}
        }
    }

    /// When the next message is due, counted from `instant`, unless all are sent.
    fn due_after(&self, instant: Instant) -> Option<Instant> {
        (self.sent < self.bot.plan.messages).then_some(instant)
    }

    async fn publish(&mut self) -> Result<(), Error> {
        let text = payload(self.bot.number, self.sent, now_us(), self.bot.plan.payload);
        let id = self.sent.to_string();
        let message = Publish { id: Some(&id), ..Publish::new(&self.bot.ledger.room, &text) };
        self.sender.publish(&message).await?;
        self.sent += 1;
        self.bot.tally.published.add(1);
        self.due = self.due.and_then(|due| self.due_after(due + self.bot.plan.every));
        Ok(())
    }

    fn take(&mut self, received: Received) {
        let tally = &self.bot.tally;
        if let Received::Message(message) = &received {
            self.hear(message);
        } else if let Received::Ack(ack) = &received {
            self.answered += 1;
            tally.acknowledged.add(1);
            self.bot.ledger.acknowledge(ack.seq.unwrap_or_default());
        } else if let Received::Error(fault) = &received
            && !fault.fatal
        {
            self.answered += 1;
            tally.refused.add(1);
            tally.why(format!("refused ({}): {}", fault.code, fault.message));
        }
    }

    /// Compares a message with what came before it, and with what others hear.
    fn hear(&mut self, message: &MessageReceived) {
        let tally = &self.bot.tally;
        let Some(seq) = message.seq else {
            tally.order_breaks.add(1);
            return;
        };
        if seq <= self.heard {
            tally.duplicates.add(1);
            return;
        }
        tally.deliveries.add(1);
        tally.lost.add(seq - self.heard - 1);
        self.heard = seq;
        match marked(&message.payload) {
            Some((mark, sent_us)) if self.bot.ledger.hear(seq, mark) == Agreement::Agrees => {
                self.latencies.push(now_us().saturating_sub(sent_us));
            }
            Some(_) | None => tally.order_breaks.add(1),
        }
        if self.latencies.len() >= GATHERED {
            tally.latencies(&mut self.latencies);
        }
    }

    /// Tells, once each, that nothing is left to publish, and nothing to hear.
    fn look_around(&mut self) {
        let all_sent = self.sent >= self.bot.plan.messages && self.answered >= self.sent;
        if all_sent && !self.idle {
            self.idle = true;
            self.bot.tally.idle.add(1);
        }
        let settling = *self.bot.phase.borrow() == Phase::Settle;
        if settling && !self.done && self.heard >= self.bot.ledger.head() {
            self.done = true;
            self.bot.tally.done.add(1);
        }
    }
}

/// `"BOT NUMBER MICROSECONDS xxx"`, `bytes` long if that is enough.
fn payload(bot: u32, number: u32, us: u64, bytes: usize) -> Box<RawValue> {
    let mut text = format!("\"{bot} {number} {us} ");
    let padding = bytes.saturating_sub(text.len() + 1);
    text.extend(std::iter::repeat_n('x', padding));
    text.push('"');
    #[expect(clippy::expect_used, reason = "a string without anything to escape")]
    RawValue::from_string(text).expect("valid JSON")
}

/// The mark of a message and when it was sent; `None` if it is not ours.
fn marked(payload: &RawValue) -> Option<(u64, u64)> {
    let mut words = payload.get().trim_matches('"').split(' ');
    let bot = words.next()?.parse().ok()?;
    let number = words.next()?.parse().ok()?;
    let us = words.next()?.parse().ok()?;
    Some((Ledger::mark(bot, number), us))
}

/// Microseconds of a clock that all bots share.
fn now_us() -> u64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_length_and_are_read_back() {
        let text = payload(7, 3, 1_234, 64);
        assert_eq!(text.get().len(), 64);
        assert_eq!(marked(&text), Some((Ledger::mark(7, 3), 1_234)));
        assert_eq!(marked(&payload(0, 0, 0, 0)), Some((Ledger::mark(0, 0), 0)));
        assert_eq!(marked(&RawValue::from_string("\"hello\"".to_owned()).unwrap()), None);
    }
}
