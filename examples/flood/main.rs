//! Floods the door of a server on this machine, and watches whether guests still get in.
//!
//! ```sh
//! cargo build --release --bins --examples
//! cargo run --release --example flood -- --secret "$SECRET" --addresses 64   # your own server
//! cargo run --release --example flood -- table        # the table of docs/flood.md
//! ```
//!
//! It talks to loopback addresses only, and stops by itself.

mod attack;
mod guests;
mod house;
mod table;
#[path = "../common/token.rs"]
mod token;
mod wire;

use attack::{Kind, Plan, attack};
use clap::{Args, Parser, Subcommand, value_parser};
use guests::{Home, Visit, Welcome, visit};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use token::Signer;
use tokio::time::Instant;
use vestibule::token::Mint;

/// How long guests' tokens live, in milliseconds.
const TOKEN_MS: u64 = 3_600_000;

/// Attackers of seven kinds at the door of a server on this machine, and guests who want in.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Wish>,
    #[command(flatten)]
    one: One,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Starts servers of its own and prints the whole table.
    Table,
}

/// A flood against a server that runs.
#[derive(Debug, Args)]
struct One {
    /// Where it listens; a loopback address.
    #[arg(long, default_value = "127.0.0.1:7000")]
    to: SocketAddr,
    /// The secret of its issuer, so that guests can come; without it only attackers do.
    #[arg(long, env = "VESTIBULE_ISSUER__0__SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// `iss` of the guests' tokens.
    #[arg(long, env = "VESTIBULE_ISSUER__0__ISS")]
    iss: Option<String>,
    /// `aud` of the guests' tokens.
    #[arg(long)]
    aud: Vec<String>,
    /// How attackers behave, in turn.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL.to_vec())]
    kinds: Vec<Kind>,
    /// From how many addresses of 127.0.0.0/8 they come.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u32).range(1..=65_536))]
    addresses: u32,
    /// How many attempts in all.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u64).range(1..=1_000_000))]
    attempts: u64,
    /// Attempts a second.
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=20_000))]
    rate: u32,
    /// Sockets of attackers at a time.
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u32).range(1..=60_000))]
    open: u32,
    /// Seconds after which it ends, whatever is left.
    #[arg(long, default_value_t = 30, value_parser = value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Guests a second, from addresses of their own and from one that attackers use.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=1_000))]
    guests: u32,
    /// Seconds in which a guest has to be in; sent away, it tries again after a moment.
    #[arg(long, default_value_t = 2, value_parser = value_parser!(u64).range(1..=60))]
    patience: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    raise_descriptor_limit();
    let done = match cli.command {
        Some(Wish::Table) => table::print().await,
        None => cli.one.run().await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("flood: {why}");
            ExitCode::from(2)
        }
    }
}

/// Each socket takes a descriptor: as many as the system lets us have.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it cannot be raised, attempts fail and are counted as broken.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Tokens for `count` guests.
pub(crate) fn tokens(signer: &Signer, mint: &Mint, count: u32) -> Result<Arc<[String]>, String> {
    (0..count)
        .map(|guest| {
            let subject = format!("{}-{guest}", mint.subject);
            signer.sign(&Mint { subject, ..mint.clone() })
        })
        .collect()
}

impl One {
    /// Floods, and says who got in; true if at least 99 % of the guests did.
    async fn run(self) -> Result<bool, String> {
        if !self.to.ip().is_loopback() || !self.to.is_ipv4() {
            return Err(format!(
                "--to {}: only 127.0.0.0/8 is flooded, this machine's own loopback addresses",
                self.to
            ));
        }
        let until = Instant::now() + Duration::from_secs(self.seconds);
        let plan = Plan {
            to: self.to,
            kinds: self.kinds.clone(),
            addresses: self.addresses,
            attempts: self.attempts,
            per_second: self.rate,
            open: self.open as usize,
            stay: Duration::from_secs(15),
        };
        let flood = tokio::spawn(attack(plan, until));
        let welcomes = match &self.secret {
            Some(secret) => Some(self.visits(secret).await?),
            None => None,
        };
        let damage = flood.await.map_err(|why| why.to_string())?;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        println!(
            "attackers: {} reached the WebSocket, {} were refused, {} broke off",
            count(&damage.upgraded),
            count(&damage.refused),
            count(&damage.broken)
        );
        let Some([clean, shared]) = welcomes else { return Ok(true) };
        for (from, welcome) in [("elsewhere", &clean), ("an attacker's address", &shared)] {
            println!("guests from {from}: {}", welcome.spoken());
        }
        Ok(clean.share() >= 0.99 && shared.share() >= 0.99)
    }

    async fn visits(&self, secret: &str) -> Result<[Welcome; 2], String> {
        let signer = Signer::new(secret)?;
        let flooded_s = self.attempts / u64::from(self.rate) + 1;
        let guests = self.guests * flooded_s.min(self.seconds) as u32;
        let mint = |subject: &str| Mint {
            issuer: self.iss.clone(),
            audience: self.aud.clone(),
            ..Mint::new(subject, TOKEN_MS)
        };
        let plan = |subject| {
            Ok::<_, String>(Visit {
                to: self.to,
                tokens: tokens(&signer, &mint(subject), guests)?,
                guests,
                per_second: self.guests,
                patience: Duration::from_secs(self.patience),
                stay: false,
            })
        };
        let addresses = self.addresses;
        let (clean, shared) = tokio::join!(
            visit(plan("guest")?, Home::Clean),
            visit(plan("neighbour")?, move |_| Home::Shared(attack::address(0, addresses))),
        );
        Ok([clean, shared])
    }
}

impl Welcome {
    /// The part of the guests that got in.
    pub(crate) fn share(&self) -> f64 {
        self.inside as f64 / self.guests.max(1) as f64
    }

    /// For people.
    pub(crate) fn spoken(&self) -> String {
        format!(
            "{} of {} in within {} s, {} at the first try; p50 {} ms, p99 {} ms",
            self.inside,
            self.guests,
            self.patience.as_secs(),
            self.at_once,
            self.took_ms.value_at_quantile(0.5),
            self.took_ms.value_at_quantile(0.99)
        )
    }
}
