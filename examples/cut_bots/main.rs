//! Cut bots: clients that chat while their connections are cut, come back and must have lost nothing.
//!
//! Every connection ends within seconds: by FIN, by RST, in the middle of a frame of either side, or
//! in silence. The client comes back with `auth` and `join` with `since`, sends again what was not
//! acknowledged, with the same `idempotency_key`, and compares everything that it hears with what
//! the others heard and with what was acknowledged. The exit code is 1 if anything is missing, came
//! twice or stood in another order for somebody else.
//!
//! ```sh
//! cargo run --release --example cut_bots
//! ```

mod bot;
#[path = "../common/count.rs"]
mod count;
mod cut;
#[path = "../common/dice.rs"]
mod dice;
mod ledger;
mod place;
mod report;
#[path = "../common/server.rs"]
mod server;
#[path = "../common/token.rs"]
mod token;
#[path = "../common/wire.rs"]
#[allow(dead_code, reason = "nobody reads byte by byte here")]
mod wire;

use bot::{Bot, Phase, Plan};
use clap::{Parser, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::Ledger;
use report::{Memories, Report, Scene, Tally};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use server::{Memory, Server};
use std::{process::ExitCode, sync::Arc, time::Duration};
use token::{Signer, now};
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
/// Messages that a room remembers by default, and for how long a client may be away at the worst:
/// rooms that say more in that time would forget, and the loss would be nobody's fault.
const HISTORY: f64 = 256.0;
const AWAY_S: f64 = 15.0;

/// Cuts the connections of clients that chat; says whether any of them lost a message.
///
/// Without --url it starts a server of its own, with the defaults of `vestibule serve` and open
/// rooms, and tells how its memory grew. All clients come in; then they chat for --duration seconds.
/// Each connection is cut after --shortest to --longest seconds, one in ten while it still comes
/// back, by: FIN; RST; FIN or RST in the middle of a frame of the client; RST in the middle of a
/// frame of the server; silence. The client connects again after 0 to --backoff seconds. (The
/// protocol's backoff begins so, too, and then doubles while connections last less than 10 s;
/// here it does not, so that there is more to see.) At the end everything is acknowledged, heard,
/// and compared.
///
/// A seed repeats what is drawn: who is cut when and how, who says what. What meets what on its way
/// is up to the machine.
///
/// Exit code: 0 if nothing was lost, 1 if anything was, 2 if the run could not begin.
#[derive(Debug, Parser)]
#[command(after_help = "A minute of it:  cut_bots --duration 60\n\
    The same again:  cut_bots --seed 1234\n\
    At your server:  cut_bots --url ws://127.0.0.1:7000/ws --secret \"$SECRET\"")]
struct Args {
    /// A server to talk to, in place of one of our own; its rooms must be open.
    #[arg(long, requires = "secret")]
    url: Option<String>,
    /// The secret that signs the bots' tokens, as that server has it.
    #[arg(long, env = "VESTIBULE_ISSUER__0__SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// `iss` of the tokens.
    #[arg(long, env = "VESTIBULE_ISSUER__0__ISS")]
    iss: Option<String>,
    /// `aud` of the tokens.
    #[arg(long)]
    aud: Vec<String>,
    /// Clients, each a user of its own.
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Rooms.
    #[arg(long, default_value_t = 100, value_parser = value_parser!(u32).range(1..=100_000))]
    rooms: u32,
    /// Rooms that each client is in, all on one connection.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..=100))]
    rooms_each: u32,
    /// Messages a second that each client publishes, on the average.
    #[arg(long, default_value_t = 0.3)]
    rate: f64,
    /// Seconds of chatting and cutting.
    #[arg(long, default_value_t = 120.0)]
    duration: f64,
    /// The shortest life of a connection, in seconds.
    #[arg(long, default_value_t = 0.5)]
    shortest: f64,
    /// The longest life of a connection, in seconds.
    #[arg(long, default_value_t = 15.0)]
    longest: f64,
    /// The longest wait before the next connection, in seconds.
    #[arg(long, default_value_t = 1.0)]
    backoff: f64,
    /// Seconds over which the clients come in at first.
    #[arg(long, default_value_t = 3.0)]
    ramp_up: f64,
    /// Seconds to wait at most for the last acknowledgements and messages.
    #[arg(long, default_value_t = 60.0)]
    settle: f64,
    /// Decides who is cut when and how; drawn and told if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// The report as JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// The report as a table for a document.
    #[arg(long)]
    markdown: bool,
}

impl Args {
    /// What a word of the command line cannot check by itself.
    fn check(&self) -> Result<(), String> {
        let spans = [
            ("duration", self.duration),
            ("shortest", self.shortest),
            ("longest", self.longest),
            ("backoff", self.backoff),
            ("ramp-up", self.ramp_up),
            ("settle", self.settle),
        ];
        for (name, seconds) in spans {
            if !(0.0..=86_400.0).contains(&seconds) {
                return Err(format!("--{name} {seconds}: seconds from 0 to 86400"));
            }
        }
        if self.shortest > self.longest {
            return Err("--shortest is longer than --longest".to_owned());
        }
        if self.rooms_each > self.rooms {
            return Err(format!(
                "--rooms-each {}: there are {} rooms",
                self.rooms_each, self.rooms
            ));
        }
        if !(0.001..=10.0).contains(&self.rate) {
            return Err(format!("--rate {}: messages a second from 0.001 to 10", self.rate));
        }
        let of_a_room = self.rate * f64::from(self.clients) / f64::from(self.rooms);
        let while_away = of_a_room * (AWAY_S + self.backoff);
        if while_away > HISTORY {
            return Err(format!(
                "a room would say {while_away:.0} messages while a client is away, and remembers \
                 {HISTORY} by default: lower --rate, --clients or --backoff, or have more --rooms"
            ));
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    if let Some(code) = server::asked_to_serve() {
        return code;
    }
    let args = Args::parse();
    raise_descriptor_limit();
    match args.check().and_then(|()| begin(&args)) {
        Ok(report) => {
            let (json, markdown) = (args.json, args.markdown);
            println!(
                "{}",
                match (json, markdown) {
                    (true, _) => report.json(),
                    (false, true) => report.markdown(),
                    (false, false) => report.text(),
                }
            );
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            eprintln!("cut_bots: {message}");
            ExitCode::from(2)
        }
    }
}

/// Each bot takes a descriptor, and one for each line that has fallen silent.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, the bots that find no descriptor say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[tokio::main]
async fn begin(args: &Args) -> Result<Report, String> {
    match &args.url {
        Some(url) => run(args, url, args.secret.as_deref().unwrap_or_default(), None).await,
        None => {
            let secret: String = (0..4).map(|_| format!("{:08x}", dice::any_seed())).collect();
            let server = Server::start(&secret)?;
            let url = server.url.clone();
            run(args, &url, &secret, Some(server)).await
        }
    }
}

/// The whole run: come in, chat, settle, gather, compare.
async fn run(
    args: &Args,
    url: &str,
    secret: &str,
    mut server: Option<Server>,
) -> Result<Report, String> {
    let signer = Signer::new(secret)?;
    let seed = args.seed.unwrap_or_else(dice::any_seed);
    if !args.json {
        eprintln!("cut_bots: {url}, seed {seed}");
    }
    let (phase, watched) = watch::channel(Phase::Ramp);
    let tally = Arc::new(Tally::default());
    let plan = Arc::new(Plan {
        addr: wire::resolve(url).await?,
        every: Duration::from_secs_f64(1.0 / args.rate),
        lives: (Duration::from_secs_f64(args.shortest), Duration::from_secs_f64(args.longest)),
        backoff: Duration::from_secs_f64(args.backoff),
    });
    let run = now().as_ms();
    let rooms = (0..args.rooms).map(|room| Arc::new(Ledger::new(format!("cut-{run}-{room}"))));
    let ledgers: Vec<_> = rooms.collect();
    let idle = memory(server.as_ref());
    let (start, mut bots) = (Instant::now(), JoinSet::new());
    for number in 0..args.clients {
        let token = signer.sign(&mint(args, number))?;
        // Dealt out in turn, each to rooms that stand side by side.
        let rooms = ledgers.iter().cycle().skip(number as usize % ledgers.len());
        let rooms = rooms.take(args.rooms_each as usize).map(Arc::clone);
        let bot = Bot::new((number, seed), token, (&plan, &tally), rooms, watched.clone());
        let share = f64::from(number) / f64::from(args.clients);
        bots.spawn(bot.run(start + Duration::from_secs_f64(args.ramp_up * share)));
    }
    let (ready, end) = conduct(args, &phase, &tally, server.as_ref()).await;
    while bots.join_next().await.is_some() {}
    if let Some(server) = &mut server
        && !server.is_alive()
    {
        return Err(format!("the server has ended; it said:\n{}", server.last_words()));
    }
    let scene = Scene {
        seed,
        clients: args.clients,
        rooms: args.rooms,
        rooms_each: args.rooms_each,
        seconds: args.duration,
    };
    let memories = server.map(|_| Memories { idle, ready, end });
    Ok(Report::new(scene, &tally, &ledgers, memories))
}

fn memory(server: Option<&Server>) -> Memory {
    server.map(Server::memory).unwrap_or_default()
}

/// Moves all bots from phase to phase; what the server had in memory before the chat and after it.
async fn conduct(
    args: &Args,
    phase: &watch::Sender<Phase>,
    tally: &Tally,
    server: Option<&Server>,
) -> (Memory, Memory) {
    let (bar, everybody) = (bar(args), u64::from(args.clients));
    bar.set_length(everybody);
    bar.set_message("coming in");
    reach(&bar, args.settle + args.ramp_up, || (tally.ready.get() >= everybody, tally.ready.get()))
        .await;
    let ready = memory(server);
    phase.send_replace(Phase::Chat);
    bar.set_length(args.duration.ceil() as u64);
    let began = Instant::now();
    reach(&bar, args.duration, || {
        let (cuts, heard, faults) = (tally.cuts(), tally.heard(), tally.faults());
        bar.set_message(format!("chatting: {heard} heard, {cuts} cuts, {faults} faults"));
        (false, began.elapsed().as_secs())
    })
    .await;
    phase.send_replace(Phase::Settle);
    bar.set_length(everybody);
    bar.set_message("settling");
    reach(&bar, args.settle, || (tally.idle.get() >= everybody, tally.idle.get())).await;
    phase.send_replace(Phase::Gather);
    bar.set_message("gathering");
    reach(&bar, args.settle, || (tally.done.get() >= everybody, tally.done.get())).await;
    let end = memory(server);
    phase.send_replace(Phase::End);
    bar.finish_and_clear();
    (ready, end)
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
    let bar = ProgressBar::new(u64::from(args.clients));
    match ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} {elapsed} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn mint(args: &Args, number: u32) -> Mint {
    let seconds = args.ramp_up + args.duration + 3.0 * args.settle;
    let ttl_ms = Duration::from_secs_f64(seconds).as_millis() as u64 + SPARE_MS;
    Mint {
        issuer: args.iss.clone(),
        audience: args.aud.clone(),
        rooms: Some(serde_json::json!({ "**": "*" })),
        ..Mint::new(bot::user(number), ttl_ms)
    }
}
