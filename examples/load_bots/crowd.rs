//! Many bots that come in together, chat and compare what they hear: the whole run of a crowd.

use crate::{
    bot::{Bot, Phase, Plan},
    ledger::Ledger,
    report::{Report, Tally},
    token::Signer,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use vestibule::token::Mint;

/// How often the bar moves and the phases are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long tokens live beyond the run, in milliseconds.
const SPARE_MS: u64 = 600_000;
/// Far below one message, far above the error of a product.
const ROUNDING: f64 = 1e-6;

/// What a crowd does. The spans are in seconds, up to a day.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Where the server listens.
    pub(crate) url: String,
    /// The secret that signs the bots' tokens.
    pub(crate) secret: String,
    /// `iss` of the tokens.
    pub(crate) issuer: Option<String>,
    /// `aud` of the tokens.
    pub(crate) audience: Vec<String>,
    /// Bots, one connection each.
    pub(crate) connections: u32,
    /// Rooms; the bots are dealt out to them in turn.
    pub(crate) rooms: u32,
    /// Their names are this and a number, from 0.
    pub(crate) prefix: String,
    /// Messages a second that each bot publishes.
    pub(crate) rate: f64,
    /// Bytes of a message's payload.
    pub(crate) payload: usize,
    /// Of chatting.
    pub(crate) duration: f64,
    /// Over which the connections are opened.
    pub(crate) ramp_up: f64,
    /// To wait for the last messages.
    pub(crate) settle: f64,
    /// Whether no progress is shown.
    pub(crate) quiet: bool,
}

impl Crowd {
    /// The whole run: ramp up, chat, settle, count.
    pub(crate) async fn run(&self) -> Result<Report, String> {
        let signer = Signer::new(&self.secret)?;
        let (phase, watched) = watch::channel(Phase::Ramp);
        let tally = Arc::new(Tally::default());
        let ledgers: Vec<Arc<Ledger>> = ledgers(self);
        let start = Instant::now();
        let mut bots = JoinSet::new();
        for (number, ledger) in (0..self.connections).zip(ledgers.iter().cycle()) {
            let bot = Bot {
                number,
                plan: plan(self, number, start),
                token: signer.sign(&mint(self, number))?,
                ledger: Arc::clone(ledger),
                tally: Arc::clone(&tally),
                phase: watched.clone(),
            };
            bots.spawn(bot.run());
        }
        let took = conduct(self, &phase, &tally).await;
        while bots.join_next().await.is_some() {}
        Ok(Report::new(self.connections, took, &tally, &ledgers))
    }

    /// Messages that each bot publishes.
    fn messages(&self) -> u32 {
        // A rate is a quotient: what it lacks or has too much by rounding is no message.
        (self.rate * self.duration - ROUNDING).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
    }

    /// The name of a room, from 0.
    pub(crate) fn room(&self, number: u32) -> String {
        format!("{}-{number}", self.prefix)
    }
}

/// Moves all bots from phase to phase; returns how long they chatted.
async fn conduct(crowd: &Crowd, phase: &watch::Sender<Phase>, tally: &Tally) -> Duration {
    let bar = bar(crowd);
    let everybody = u64::from(crowd.connections);
    bar.set_message("connecting");
    reach(&bar, crowd.settle + crowd.ramp_up, || {
        (tally.ready.get() + tally.failed.get() >= everybody, tally.ready.get())
    })
    .await;
    let begin = Instant::now();
    phase.send_replace(Phase::Chat(begin));
    bar.set_message("chatting");
    let expected = u64::from(crowd.messages()) * everybody * everybody / u64::from(crowd.rooms);
    bar.set_length(expected);
    reach(&bar, crowd.settle + crowd.duration, || {
        (tally.idle.get() + tally.failed.get() >= everybody, tally.deliveries.get())
    })
    .await;
    let took = begin.elapsed();
    bar.set_message("settling");
    phase.send_replace(Phase::Settle);
    reach(&bar, crowd.settle, || {
        (tally.done.get() + tally.failed.get() >= everybody, tally.deliveries.get())
    })
    .await;
    phase.send_replace(Phase::End);
    bar.finish_and_clear();
    took
}

/// Looks every [`TICK`] until `progress` says that it is reached, or `patience` seconds are over.
async fn reach(bar: &ProgressBar, patience: f64, progress: impl Fn() -> (bool, u64)) {
    let end = Instant::now() + Duration::from_secs_f64(patience);
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let (reached, position) = progress();
        bar.set_position(position);
        if reached || Instant::now() >= end {
            return;
        }
        tick.tick().await;
    }
}

/// On standard error, so that the report stays alone on standard output.
fn bar(crowd: &Crowd) -> ProgressBar {
    if crowd.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(crowd.connections));
    let template = "{msg:>10} {bar:40} {human_pos}/{human_len} {per_sec} {elapsed}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn ledgers(crowd: &Crowd) -> Vec<Arc<Ledger>> {
    let members = |room| {
        let (connections, rooms) = (crowd.connections, crowd.rooms);
        connections / rooms + u32::from(room < connections % rooms)
    };
    (0..crowd.rooms.min(crowd.connections))
        .map(|room| {
            let planned = u64::from(members(room)) * u64::from(crowd.messages());
            Arc::new(Ledger::new(crowd.room(room), members(room), planned))
        })
        .collect()
}

fn plan(crowd: &Crowd, number: u32, start: Instant) -> Plan {
    let share = f64::from(number) / f64::from(crowd.connections);
    let every = Duration::from_secs_f64(1.0 / crowd.rate);
    Plan {
        url: crowd.url.clone(),
        connect_at: start + Duration::from_secs_f64(crowd.ramp_up * share),
        // Spread over an interval, so that the load is even.
        first_after: every.mul_f64(share),
        every,
        messages: crowd.messages(),
        payload: crowd.payload,
    }
}

fn mint(crowd: &Crowd, number: u32) -> Mint {
    let seconds = crowd.ramp_up + crowd.duration + 2.0 * crowd.settle;
    let ttl_ms = Duration::from_secs_f64(seconds).as_millis() as u64 + SPARE_MS;
    Mint {
        issuer: crowd.issuer.clone(),
        audience: crowd.audience.clone(),
        rooms: Some(serde_json::json!({ "**": "*" })),
        ..Mint::new(format!("bot-{number}"), ttl_ms)
    }
}
