//! Load bots: many connections that sign in, join rooms and chat, and check what they hear.
//!
//! Every message carries its author, its number and the time it was sent. The bots of a room
//! compare what they hear by `seq`: one order for all, nothing lost, nothing twice. The exit code
//! is 1 if that does not hold.
//!
//! ```sh
//! cargo run --release --example load_bots -- --secret "$SECRET" --connections 1000 --rooms 10
//! ```

mod bot;
mod ledger;
mod report;
#[path = "../common/token.rs"]
mod token;

use bot::{Bot, Phase, Plan};
use clap::{Parser, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::Ledger;
use report::{Report, Tally};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{process::ExitCode, sync::Arc, time::Duration};
use token::{Signer, now};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use vestibule::token::Mint;

/// How often the bar moves and the phases are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long tokens live beyond the run, in milliseconds.
const SPARE_MS: u64 = 600_000;

/// Connects bots that sign in, join rooms and chat; says what it took and whether all arrived.
#[derive(Debug, Parser)]
struct Args {
    /// Where the server listens.
    #[arg(long, default_value = "ws://127.0.0.1:7000/ws")]
    url: String,
    /// The secret that signs the bots' tokens, as the server has it.
    #[arg(long, env = "VESTIBULE_ISSUER__0__SECRET", hide_env_values = true)]
    secret: String,
    /// `iss` of the tokens.
    #[arg(long, env = "VESTIBULE_ISSUER__0__ISS")]
    iss: Option<String>,
    /// `aud` of the tokens.
    #[arg(long)]
    aud: Vec<String>,
    /// Bots, one connection each.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// Rooms; the bots are dealt out to them in turn.
    #[arg(long, default_value_t = 10, value_parser = value_parser!(u32).range(1..=1_000_000))]
    rooms: u32,
    /// Messages a second that each bot publishes.
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Bytes of a message's payload.
    #[arg(long, default_value_t = 64)]
    payload: usize,
    /// Seconds of chatting.
    #[arg(long, default_value_t = 10.0)]
    duration: f64,
    /// Seconds over which the connections are opened.
    #[arg(long, default_value_t = 2.0)]
    ramp_up: f64,
    /// Seconds to wait for the last messages.
    #[arg(long, default_value_t = 10.0)]
    settle: f64,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// What a word of the command line cannot check by itself.
    fn check(&self) -> Result<(), String> {
        let spans =
            [("duration", self.duration), ("ramp-up", self.ramp_up), ("settle", self.settle)];
        for (name, seconds) in spans {
            if !(0.0..=86_400.0).contains(&seconds) {
                return Err(format!("--{name} {seconds}: seconds from 0 to 86400"));
            }
        }
        if !(0.001..=100_000.0).contains(&self.rate) {
            return Err(format!("--rate {}: messages a second from 0.001 to 100000", self.rate));
        }
        Ok(())
    }

    /// Messages that each bot publishes.
    fn messages(&self) -> u32 {
        // Both factors are checked, the product is below 2^53.
        (self.rate * self.duration).ceil().min(f64::from(u32::MAX)) as u32
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    raise_descriptor_limit();
    let report = match args.check() {
        Ok(()) => run(&args).await,
        Err(message) => Err(message),
    };
    match report {
        Ok(report) => {
            println!("{}", if args.json { report.json() } else { report.text() });
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            eprintln!("load_bots: {message}");
            ExitCode::from(2)
        }
    }
}

/// Each bot takes a descriptor: as many as the system lets us have.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, the bots that find no descriptor say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The whole run: ramp up, chat, settle, count.
async fn run(args: &Args) -> Result<Report, String> {
    let signer = Signer::new(&args.secret)?;
    let (phase, watched) = watch::channel(Phase::Ramp);
    let tally = Arc::new(Tally::default());
    let ledgers: Vec<Arc<Ledger>> = ledgers(args);
    let start = Instant::now();
    let mut bots = JoinSet::new();
    for (number, ledger) in (0..args.connections).zip(ledgers.iter().cycle()) {
        let bot = Bot {
            number,
            plan: plan(args, number, start),
            token: signer.sign(&mint(args, number))?,
            ledger: Arc::clone(ledger),
            tally: Arc::clone(&tally),
            phase: watched.clone(),
        };
        bots.spawn(bot.run());
    }
    let took = conduct(args, &phase, &tally).await;
    while bots.join_next().await.is_some() {}
    Ok(Report::new(args.connections, took, &tally, &ledgers))
}

/// Moves all bots from phase to phase; returns how long they chatted.
async fn conduct(args: &Args, phase: &watch::Sender<Phase>, tally: &Tally) -> Duration {
    let bar = bar(args);
    let everybody = u64::from(args.connections);
    bar.set_message("connecting");
    reach(&bar, args.settle + args.ramp_up, || {
        (tally.ready.get() + tally.failed.get() >= everybody, tally.ready.get())
    })
    .await;
    let begin = Instant::now();
    phase.send_replace(Phase::Chat(begin));
    bar.set_message("chatting");
    let expected = u64::from(args.messages()) * everybody * everybody / u64::from(args.rooms);
    bar.set_length(expected);
    reach(&bar, args.settle + args.duration, || {
        (tally.idle.get() + tally.failed.get() >= everybody, tally.deliveries.get())
    })
    .await;
    let took = begin.elapsed();
    bar.set_message("settling");
    phase.send_replace(Phase::Settle);
    reach(&bar, args.settle, || {
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
fn bar(args: &Args) -> ProgressBar {
    if args.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::from(args.connections));
    let template = "{msg:>10} {bar:40} {human_pos}/{human_len} {per_sec} {elapsed}";
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn ledgers(args: &Args) -> Vec<Arc<Ledger>> {
    let run = now().as_ms();
    let members = |room| {
        let (connections, rooms) = (args.connections, args.rooms);
        connections / rooms + u32::from(room < connections % rooms)
    };
    (0..args.rooms.min(args.connections))
        .map(|room| {
            let planned = u64::from(members(room)) * u64::from(args.messages());
            Arc::new(Ledger::new(format!("load-{run}-{room}"), members(room), planned))
        })
        .collect()
}

fn plan(args: &Args, number: u32, start: Instant) -> Plan {
    let share = f64::from(number) / f64::from(args.connections);
    let every = Duration::from_secs_f64(1.0 / args.rate);
    Plan {
        url: args.url.clone(),
        connect_at: start + Duration::from_secs_f64(args.ramp_up * share),
        // Spread over an interval, so that the load is even.
        first_after: every.mul_f64(share),
        every,
        messages: args.messages(),
        payload: args.payload,
    }
}

fn mint(args: &Args, number: u32) -> Mint {
    let seconds = args.ramp_up + args.duration + 2.0 * args.settle;
    let ttl_ms = Duration::from_secs_f64(seconds).as_millis() as u64 + SPARE_MS;
    Mint {
        issuer: args.iss.clone(),
        audience: args.aud.clone(),
        rooms: Some(serde_json::json!({ "**": "*" })),
        ..Mint::new(format!("bot-{number}"), ttl_ms)
    }
}

/// Waits until `instant`.
async fn until(instant: Instant) {
    sleep_until(instant).await;
}
