//! The `vestibule-bench` command.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use vestibule_bench::{
    machine, peer, process, report,
    results::{Results, Run, Settings, Skipped},
    scenario::{self, Case, Plan},
    server::{Cores, Peer, Places},
};

/// Measures Vestibule beside its peers, on one machine, in one run
#[derive(Parser)]
#[command(max_term_width = 100, version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: Options,
}

#[derive(Subcommand)]
enum Command {
    /// Be a peer; what it is told stands in PORT, SECRET and HEARTBEAT_S
    Peer {
        /// Which one: floor or naive
        #[arg(value_parser = ["floor", "naive"])]
        name: String,
        /// Frames that the floor gathers before it sends
        #[arg(long, default_value_t = 1)]
        frames: usize,
    },
    /// Make the report of results that are there: report.md and its charts
    Report(report::Args),
}

#[derive(Args)]
struct Options {
    /// Only these scenarios: all if none is named, `list` prints them
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Only these peers: all if none is named
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peer: Vec<Peer>,
    /// Rounds over all scenarios and peers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// The length of the measured window of a run
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long idle connections are watched; heartbeats come every 25 s
    #[arg(long, default_value_t = 50, value_name = "SECONDS")]
    idle_seconds: u64,
    /// Connections of the scenarios that have many
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(100..))]
    connections: u32,
    /// One round of one second, with 2,000 connections: whether it all works, no figures
    #[arg(long)]
    quick: bool,
    /// The folder for results.json and the report
    #[arg(long, default_value = "target/report")]
    out: PathBuf,
    /// The folder of the benchmark
    #[arg(long, default_value = env!("CARGO_MANIFEST_DIR"), hide = true)]
    bench: PathBuf,
    /// The binary of Vestibule
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/vestibule"))]
    vestibule: PathBuf,
    /// The core of the server
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// The core of the load generator
    #[arg(long, default_value_t = 1)]
    generator_core: usize,
    /// Leave it to the system which core does what
    #[arg(long)]
    unpinned: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Peer { name, frames }) => be_peer(name, *frames),
        Some(Command::Report(args)) => report::run(args).map_err(io::Error::other),
        None => measure(&cli.options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vestibule-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn be_peer(name: &str, frames: usize) -> io::Result<()> {
    process::lift_files()?;
    let setting = peer::Setting::from_env()?;
    match name {
        "naive" => peer::naive::serve(&setting),
        _ => peer::floor::serve(&setting, frames),
    }
}

fn measure(options: &Options) -> io::Result<()> {
    let cases = chosen(options)?;
    process::lift_files()?;
    let plan = plan(options);
    let mut results = Results {
        machine: machine::describe(),
        versions: BTreeMap::new(),
        settings: Settings {
            repetitions: if options.quick { 1 } else { options.rounds },
            seconds: plan.window.as_secs_f64(),
            payload_bytes: plan.payload_bytes,
        },
        runs: Vec::new(),
        skipped: Vec::new(),
    };
    let cases = present(cases, &plan, &mut results);
    let count = cases.len() * results.settings.repetitions as usize;
    let (began, mut at) = (Instant::now(), 0);
    for round in 1..=results.settings.repetitions {
        for case in &cases {
            at += 1;
            eprint!("{at:>3}/{count} {:>5} s ", began.elapsed().as_secs());
            match case.run(&plan) {
                Ok(runs) => {
                    for mut run in runs {
                        run.round = round;
                        eprintln!("{}", line(&run));
                        results.runs.push(run);
                    }
                }
                Err(error) => {
                    let peer = format!("{}/{}", case.peer.name(), case.scenario);
                    eprintln!("{peer} skipped: {error}");
                    results.skipped.push(Skipped { peer, why: error.to_string() });
                }
            }
        }
    }
    fs::create_dir_all(&options.out)?;
    let file = options.out.join("results.json");
    fs::write(&file, serde_json::to_string_pretty(&results)? + "\n")?;
    let config = fs::read_to_string(options.bench.join("vestibule.toml"))?;
    report::write(&results, Some(&config), &options.out).map_err(io::Error::other)?;
    println!("{}\n{}", file.display(), options.out.join("report.md").display());
    Ok(())
}

fn plan(options: &Options) -> Plan {
    let pinned = |core| (!options.unpinned).then_some(core);
    Plan {
        window: Duration::from_secs_f64(if options.quick { 1.0 } else { options.seconds.max(0.1) }),
        payload_bytes: 128,
        connecting: 64,
        idle: Duration::from_secs(if options.quick { 2 } else { options.idle_seconds }),
        many: if options.quick { 2_000 } else { options.connections },
        places: Places {
            bench: options.bench.clone(),
            vestibule: options.vestibule.clone(),
            logs: options.out.join("logs"),
        },
        cores: Cores {
            server: pinned(options.server_core),
            generator: pinned(options.generator_core),
        },
    }
}

fn chosen(options: &Options) -> io::Result<Vec<Case>> {
    let mut cases = scenario::cases();
    let known: BTreeSet<&str> = cases.iter().map(|case| case.scenario).collect();
    if let Some(other) = options.scenario.iter().find(|name| !known.contains(name.as_str())) {
        let known: Vec<&str> = known.into_iter().collect();
        let known = known.join(", ");
        return Err(io::Error::other(format!(
            "no scenario is called {other:?}; there are {known}"
        )));
    }
    cases.retain(|case| {
        (options.scenario.is_empty() || options.scenario.iter().any(|name| name == case.scenario))
            && (options.peer.is_empty() || options.peer.contains(&case.peer))
    });
    Ok(cases)
}

/// The cases whose peer is here; the others are told once.
fn present(cases: Vec<Case>, plan: &Plan, results: &mut Results) -> Vec<Case> {
    for peer in Peer::value_variants() {
        if !cases.iter().any(|case| case.peer == *peer) {
            continue;
        }
        match peer.version(&plan.places) {
            Ok(version) => {
                eprintln!("{}: {version}", peer.name());
                results.versions.insert(peer.name().to_owned(), version);
            }
            Err(why) => {
                eprintln!("{} skipped: {why}", peer.name());
                results.skipped.push(Skipped { peer: peer.name().to_owned(), why });
            }
        }
    }
    cases.into_iter().filter(|case| results.versions.contains_key(case.peer.name())).collect()
}

/// What a run came to, in one line.
fn line(run: &Run) -> String {
    let mut parts = vec![format!("{:8} {:10} {:6}", run.scenario, run.peer, run.variant)];
    let mut say = |value: Option<f64>, digits: usize, unit: &str| {
        if let Some(value) = value {
            parts.push(format!("{value:.digits$} {unit}"));
        }
    };
    say(run.cpu_us_per_delivery, 3, "µs/delivery");
    say(run.deliveries_per_s, 0, "deliveries/s");
    say(run.cpu_us_per_connect, 1, "µs/connect");
    say(run.connects_per_s, 0, "connects/s");
    say(run.rss_bytes_per_connection, 0, "B/connection");
    say(run.idle_cpu_percent, 2, "% idle");
    say(run.latency_ms.map(|latency| latency.p50), 2, "ms p50");
    say(run.latency_ms.map(|latency| latency.p99), 2, "ms p99");
    say(run.syscalls_per_delivery, 3, "syscalls/delivery");
    say(run.server_cpu_percent, 0, "% server");
    say(run.generator_cpu_percent, 0, "% generator");
    say(run.lost.filter(|lost| *lost > 0).map(|lost| lost as f64), 0, "LOST");
    parts.extend(run.notes.iter().cloned());
    parts.join("  ")
}
