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
#[path = "../common/count.rs"]
mod count;
mod crowd;
mod ledger;
mod report;
#[path = "../common/token.rs"]
mod token;

use clap::{Parser, value_parser};
use crowd::Crowd;
use report::Report;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::ExitCode;

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
}

async fn run(args: Args) -> Result<Report, String> {
    args.check()?;
    let prefix = format!("load-{}", token::now().as_ms());
    let crowd = Crowd {
        url: args.url,
        secret: args.secret,
        issuer: args.iss,
        audience: args.aud,
        connections: args.connections,
        rooms: args.rooms,
        prefix,
        rate: args.rate,
        payload: args.payload,
        duration: args.duration,
        ramp_up: args.ramp_up,
        settle: args.settle,
        quiet: args.json,
    };
    crowd.run().await
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    raise_descriptor_limit();
    let json = args.json;
    match run(args).await {
        Ok(report) => {
            println!("{}", if json { report.json() } else { report.text() });
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
