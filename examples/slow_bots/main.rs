//! Slow bots: what two members that hardly read cost the others of a busy room.
//!
//! One reads a byte a second and shows signs of life, one neither reads nor says anything. The others
//! are load bots: they compare what they hear. Runs with the two alternate with runs without, each
//! with a fresh server. The exit code is 1 if anybody else lost a message.
//!
//! ```sh
//! cargo run --release --example slow_bots
//! ```

#[path = "../load_bots/bot.rs"]
mod bot;
#[path = "../common/count.rs"]
mod count;
#[path = "../load_bots/crowd.rs"]
mod crowd;
#[path = "../common/dice.rs"]
#[allow(dead_code, reason = "only the secret of a run is drawn here")]
mod dice;
#[path = "../load_bots/ledger.rs"]
mod ledger;
#[path = "../load_bots/report.rs"]
mod report;
#[path = "../common/server.rs"]
mod server;
mod slow;
mod table;
#[path = "../common/token.rs"]
mod token;
mod watch;
#[path = "../common/wire.rs"]
#[allow(dead_code, reason = "nobody cuts a frame here")]
mod wire;

use clap::{Parser, value_parser};
use crowd::Crowd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use server::Server;
use slow::{Fate, Pace, Slow};
use std::process::ExitCode;
use table::{Outcome, Table};
use token::Signer;
use tokio::{sync::watch as flag, task::JoinHandle};
use vestibule::token::Mint;

/// The two, as the report calls them.
const SLOW: [(&str, Pace); 2] =
    [("the one that reads 1 byte/s", Pace::Byte), ("the one that reads nothing", Pace::Nothing)];
/// How long tokens live, in milliseconds.
const TOKEN_MS: u64 = 24 * 3_600_000;

/// Puts two members that hardly read into a busy room, and tells what the others notice.
///
/// Each run starts a server of its own, with the defaults of `vestibule serve` and open rooms. All
/// members publish, each at its turn, and hear everything. The one that reads a byte a second sends
/// a Pong every five, so that its line does not count as dead: it falls behind until its queue is
/// full, and nothing more is kept for it. The other one is closed when its heartbeat is due. After
/// the run both read what they find: the next messages of the room, in order, and why no more.
///
/// Memory is that of the server's process. Latency is from sending to each delivery; the bots share
/// the machine with the server, so compare the two columns and not the machine.
///
/// Exit code: 0 if nobody else lost anything, 1 if somebody did, 2 if a run could not begin.
#[derive(Debug, Parser)]
struct Args {
    /// Members that read.
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(2..=100_000))]
    members: u32,
    /// Messages that each of them publishes in a run.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u32).range(1..=10_000))]
    messages: u32,
    /// Bytes of a message's payload.
    #[arg(long, default_value_t = 4_096, value_parser = value_parser!(u32).range(1..=60_000))]
    payload: u32,
    /// Seconds of a run.
    #[arg(long, default_value_t = 60, value_parser = value_parser!(u32).range(1..=3_600))]
    duration: u32,
    /// Runs of each kind; the table has their medians.
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u32).range(1..=99))]
    runs: u32,
    /// Seconds over which the members come in.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(0..=600))]
    ramp_up: u32,
    /// Seconds to wait at most for the last messages.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=600))]
    settle: u32,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    if let Some(code) = server::asked_to_serve() {
        return code;
    }
    let args = Args::parse();
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, the bots that find no descriptor say so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    match run(&args) {
        Ok(table) => {
            println!("{}", if args.json { table.json() } else { table.markdown() });
            if table.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(message) => {
            eprintln!("slow_bots: {message}");
            ExitCode::from(2)
        }
    }
}

/// All runs, in turn without and with the two.
#[tokio::main]
async fn run(args: &Args) -> Result<Table, String> {
    let Args { members, messages, payload, duration, .. } = args;
    let scene = format!(
        "{members} members in one room, {:.1} messages/s of {payload} bytes for {duration} s",
        f64::from(*messages) * f64::from(*members) / f64::from(*duration)
    );
    let mut table = Table { scene, without: Vec::new(), with: Vec::new() };
    for number in 1..=args.runs {
        tell(args, &format!("run {number} of {}, without slow members", args.runs));
        table.without.push(once(args, &[]).await?);
        tell(args, &format!("run {number} of {}, with the two", args.runs));
        table.with.push(once(args, &SLOW).await?);
    }
    Ok(table)
}

/// On standard error, so that the report stays alone on standard output.
fn tell(args: &Args, text: &str) {
    if !args.json {
        eprintln!("slow_bots: {text}");
    }
}

/// One run with a server of its own.
async fn once(args: &Args, slow: &[(&'static str, Pace)]) -> Result<Outcome, String> {
    let secret: String = (0..4).map(|_| format!("{:08x}", dice::any_seed())).collect();
    let mut server = Server::start(&secret)?;
    let idle = server.memory();
    let crowd = crowd(args, &server.url, &secret);
    let (over, watched) = flag::channel(false);
    let dawdlers = enter(&crowd, slow, &watched).await?;
    let closes = tokio::spawn(watch::watch(server.admin.clone(), secret, watched));
    let report = crowd.run().await?;
    let end = server.memory();
    over.send_replace(true);
    let closed = closes.await.map_err(|why| why.to_string())?;
    let mut fates = Vec::new();
    for (name, dawdler) in dawdlers {
        fates.push((name, dawdler.await.map_err(|why| why.to_string())?));
    }
    if !report.is_clean() {
        eprintln!("{}\n{}", report.text(), server.last_words());
    }
    if !server.is_alive() {
        return Err(format!("the server has ended; it said:\n{}", server.last_words()));
    }
    let numbers: Value = serde_json::from_str(&report.json()).map_err(|why| why.to_string())?;
    let number = |path: &str| numbers.pointer(path).and_then(Value::as_u64).unwrap_or_default();
    Ok(Outcome {
        clean: report.is_clean(),
        lost: number("/lost"),
        deliveries: number("/deliveries"),
        p50_us: number("/latency_us/p50"),
        p99_us: number("/latency_us/p99"),
        idle,
        end,
        closed,
        fates,
    })
}

fn crowd(args: &Args, url: &str, secret: &str) -> Crowd {
    Crowd {
        url: url.to_owned(),
        secret: secret.to_owned(),
        issuer: None,
        audience: Vec::new(),
        connections: args.members,
        rooms: 1,
        prefix: "busy".to_owned(),
        rate: f64::from(args.messages) / f64::from(args.duration),
        payload: args.payload as usize,
        duration: f64::from(args.duration),
        ramp_up: f64::from(args.ramp_up),
        settle: f64::from(args.settle),
        quiet: args.json,
    }
}

/// The slow ones come in first.
async fn enter(
    crowd: &Crowd,
    slow: &[(&'static str, Pace)],
    over: &flag::Receiver<bool>,
) -> Result<Vec<(&'static str, JoinHandle<Fate>)>, String> {
    let signer = Signer::new(&crowd.secret)?;
    let addr = wire::resolve(&crowd.url).await?;
    let mut dawdlers = Vec::new();
    for (number, (name, pace)) in (1..).zip(slow) {
        let token = signer.sign(&Mint::new(format!("slow-{number}"), TOKEN_MS))?;
        let member = Slow::enter(addr, &token, &crowd.room(0), *pace).await?;
        dawdlers.push((*name, tokio::spawn(member.dawdle(over.clone()))));
    }
    Ok(dawdlers)
}
