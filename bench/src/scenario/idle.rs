//! Connections that say nothing: what each weighs, and what their heartbeats cost.

use super::{Case, Meter, Plan, Work, peers, people};
use crate::{
    generator::{
        Generator, Goal,
        load::{Load, Pace, Watch},
    },
    process,
    results::Run,
    server::{Peer, Server},
};
use std::{io, time::Duration};

/// How many of them there are in a room.
const MEMBERS: u32 = 10;
/// What each says once, in the variant that does.
const LARGE_BYTES: usize = 60 * 1024;
/// How many of these are said in a second.
const LARGE_PER_S: u32 = 1_000;
/// Until a server has given back what it is going to give back.
const SETTLE: Duration = Duration::from_millis(1_500);

/// How far they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Into rooms of ten.
    Members,
    /// To the 101, without a token.
    Silent,
    /// To the TCP connection.
    Tcp,
    /// Into a room of their own, and there each says something large once.
    Large,
}

impl Idle {
    /// Does it once.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(self, case: &Case, plan: &Plan) -> io::Result<Vec<Run>> {
        let server = case.server(plan)?;
        let empty = process::resident_bytes(server.pid());
        let mut people = match self {
            Self::Members | Self::Silent | Self::Tcp => people(plan.many / MEMBERS, MEMBERS, 1)?,
            Self::Large => people(plan.many, 1, 1)?,
        };
        if self == Self::Large {
            people.iter_mut().for_each(|who| who.prefix = "once:");
        }
        let mut generator = Generator::new(server.target.clone(), people, 1)?;
        let goal = match self {
            Self::Members | Self::Large => Goal::Member,
            Self::Silent => Goal::Open,
            Self::Tcp => Goal::Tcp,
        };
        let all = 0..generator.links.len();
        let connected = generator.connect(all, plan.connecting, goal)?;
        if let Some(fault) = connected.fault {
            let failed = connected.failed;
            return Err(io::Error::other(format!("{failed} did not come in; the first: {fault}")));
        }
        generator.rest(SETTLE)?;
        let mut run = weigh(&generator, &server, empty);
        match self {
            Self::Members => {
                watch(&mut generator, &server, plan, &mut run)?;
                Ok(vec![run])
            }
            Self::Silent | Self::Tcp => Ok(vec![run]),
            Self::Large => {
                "alone".clone_into(&mut run.variant);
                say_large(&mut generator)?;
                generator.rest(SETTLE)?;
                Ok(vec![run, weigh(&generator, &server, empty)])
            }
        }
    }
}

fn weigh(generator: &Generator, server: &Server, empty: u64) -> Run {
    let grown = process::resident_bytes(server.pid()).saturating_sub(empty);
    let mut run = Run {
        connections: Some(generator.links.len() as u64),
        rss_bytes_per_connection: Some(grown as f64 / generator.links.len().max(1) as f64),
        ..Run::default()
    };
    run.notes.push(format!("{:.1} MiB without connections", empty as f64 / f64::from(1 << 20)));
    if let (count @ 1.., Some(first)) = generator.faults() {
        run.notes.push(format!("{count} connections met a fault; the first: {first}"));
    }
    run
}

fn watch(generator: &mut Generator, server: &Server, plan: &Plan, run: &mut Run) -> io::Result<()> {
    let mut meter = Meter::new(server.pid());
    meter.open();
    generator.rest(plan.idle)?;
    meter.close();
    if let Some(spent) = meter.spent {
        spent.note(run);
        run.idle_cpu_percent = run.server_cpu_percent.take();
        run.seconds = Some(spent.wall.as_secs_f64());
    }
    Ok(())
}

fn say_large(generator: &mut Generator) -> io::Result<()> {
    let count = generator.links.len();
    let outcome = generator.run(
        &Load {
            pace: Pace::Open { per_s: LARGE_PER_S },
            authors: (0..count).map(|link| (link, 1)).collect(),
            payload_bytes: LARGE_BYTES,
            warm_up: Duration::ZERO,
            window: Duration::from_secs_f64((count as f64 + 0.5) / f64::from(LARGE_PER_S)),
        },
        &mut (),
    )?;
    if outcome.distinct < outcome.expected {
        let (got, of) = (outcome.distinct, outcome.expected);
        return Err(io::Error::other(format!("only {got} of {of} large messages came back")));
    }
    Ok(())
}

/// Every case of idle connections.
#[must_use]
pub fn cases() -> Vec<Case> {
    let kinds =
        [("", Idle::Members), ("silent", Idle::Silent), ("tcp", Idle::Tcp), ("60KB", Idle::Large)];
    let mut cases = Vec::new();
    for (variant, idle) in kinds {
        // The floor knows no verdict and keeps nothing; it is here for its heartbeats.
        for peer in peers().filter(|peer| *peer != Peer::Floor || idle == Idle::Members) {
            let case = Case::plain("idle", peer, Work::Idle(idle));
            cases.push(Case { variant: variant.to_owned(), ..case });
        }
    }
    cases
}
