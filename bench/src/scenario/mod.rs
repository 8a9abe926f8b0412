//! The scenarios: what each does to a peer, and with which variants.

pub mod connect;
pub mod fan;
pub mod idle;
pub mod mixed;

use crate::{
    generator::{Generator, link::Who},
    process,
    results::Run,
    server::{Cores, Peer, Places, Server, Start},
    token,
};
use jsonwebtoken::Algorithm;
use std::{
    io,
    time::{Duration, Instant},
};

/// How long each run takes, and how it is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The measured window.
    pub window: Duration,
    /// The length of a payload.
    pub payload_bytes: usize,
    /// Connections that are opened at a time.
    pub connecting: usize,
    /// How long the processor time of idle connections is measured.
    pub idle: Duration,
    /// Connections of the scenarios that have many; 10,000.
    pub many: u32,
    /// Where things are.
    pub places: Places,
    /// Which cores are used.
    pub cores: Cores,
}

/// A scenario with a peer in a variant.
#[derive(Clone, Debug)]
pub struct Case {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// The peer.
    pub peer: Peer,
    /// The variant; empty for the plain one.
    pub variant: String,
    /// How the peer is started for it.
    pub start: Start,
    /// What is done.
    pub work: Work,
}

/// What a scenario does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Messages to rooms.
    Fan(fan::Fan),
    /// Connections that say nothing.
    Idle(idle::Idle),
    /// Many that come in at once; the algorithm that their tokens are signed with.
    Connect(Algorithm),
    /// Most are cut, and come back while others talk.
    Reconnect,
    /// A large room beside small ones.
    Large,
    /// Members that do not read.
    Slow,
}

impl Case {
    /// The plain case of a scenario.
    #[must_use]
    pub fn plain(scenario: &'static str, peer: Peer, work: Work) -> Self {
        Self { scenario, peer, variant: String::new(), start: Start::default(), work }
    }

    /// Does it once: one row of results, or more.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self, plan: &Plan) -> io::Result<Vec<Run>> {
        let mut runs = match &self.work {
            Work::Fan(fan) => vec![fan.run(self, plan)?],
            Work::Idle(idle) => idle.run(self, plan)?,
            Work::Connect(algorithm) => vec![connect::storm(self, plan, *algorithm)?],
            Work::Reconnect => vec![connect::reconnect(self, plan)?],
            Work::Large => vec![mixed::large(self, plan)?],
            Work::Slow => vec![mixed::slow(self, plan)?],
        };
        for run in &mut runs {
            self.scenario.clone_into(&mut run.scenario);
            self.peer.name().clone_into(&mut run.peer);
            if run.variant.is_empty() {
                self.variant.clone_into(&mut run.variant);
            }
        }
        Ok(runs)
    }

    /// Starts the peer.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn server(&self, plan: &Plan) -> io::Result<Server> {
        Server::start(self.peer, &plan.places, plan.cores, &self.start)
    }
}

/// Every case, all peers of a scenario one after the other.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = fan::cases();
    cases.extend(idle::cases());
    cases.extend(connect::cases());
    cases.extend(mixed::cases());
    cases.extend(fan::sweep());
    cases
}

/// Every peer.
fn peers() -> impl Iterator<Item = Peer> {
    <Peer as clap::ValueEnum>::value_variants().iter().copied()
}

/// People with tokens: `rooms` rooms of `members` each; in each the first `authors` may speak.
///
/// # Errors
/// No token can be made.
pub fn people(rooms: u32, members: u32, authors: u32) -> io::Result<Vec<Who>> {
    let key = token::shared_key();
    let mut people = Vec::with_capacity((rooms * members) as usize);
    for room in 0..rooms {
        for member in 0..members {
            let token = token::mint(&format!("u{room}-{member}"), Algorithm::HS256, &key)?;
            let author = member.min(authors.max(1) - 1);
            people.push(Who { token, prefix: "r", room, author });
        }
    }
    Ok(people)
}

/// Connects everybody, or says why not all came in.
///
/// # Errors
/// Sockets failed, or servers refused.
pub fn enter(generator: &mut Generator, plan: &Plan) -> io::Result<()> {
    let all = 0..generator.links.len();
    let goal = crate::generator::Goal::Member;
    let connected = generator.connect(all, plan.connecting, goal)?;
    match connected.fault {
        None => Ok(()),
        Some(fault) => Err(io::Error::other(format!(
            "{} of {} connections did not come in; the first: {fault}",
            connected.failed,
            generator.links.len()
        ))),
    }
}

/// The processor time of server and generator over a window.
#[derive(Debug)]
pub struct Meter {
    pid: u32,
    began: Option<(Instant, Duration, Duration, Duration)>,
    /// What the server took, exactly; what it took in ticks; what the generator took; the time.
    pub spent: Option<Spent>,
}

/// What was spent in a window.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Processor time of the server's process tree.
    pub server: Duration,
    /// The same in ticks.
    pub server_ticks: Duration,
    /// Processor time of the generator.
    pub generator: Duration,
    /// The window.
    pub wall: Duration,
}

impl Meter {
    /// A meter for a process tree.
    #[must_use]
    pub fn new(pid: u32) -> Self {
        Self { pid, began: None, spent: None }
    }
}

impl crate::generator::load::Watch for Meter {
    fn open(&mut self) {
        let (server, ticks) = (process::cpu_time(self.pid), process::cpu_ticks(self.pid));
        self.began = Some((Instant::now(), server, ticks, process::own_cpu_time()));
    }

    fn close(&mut self) {
        let Some((at, server, ticks, own)) = self.began.take() else { return };
        self.spent = Some(Spent {
            generator: process::own_cpu_time().saturating_sub(own),
            server: process::cpu_time(self.pid).saturating_sub(server),
            server_ticks: process::cpu_ticks(self.pid).saturating_sub(ticks),
            wall: at.elapsed(),
        });
    }
}

impl Spent {
    /// Fills in the shares of a core.
    pub fn note(&self, run: &mut Run) {
        let share = |part: Duration| 100.0 * part.as_secs_f64() / self.wall.as_secs_f64();
        run.server_cpu_percent = Some(share(self.server));
        run.generator_cpu_percent = Some(share(self.generator));
        let (exact, ticks) = (self.server.as_secs_f64(), self.server_ticks.as_secs_f64());
        // Two ticks are lost in rounding; beyond them the two must agree.
        if (exact - ticks).abs() > 0.02 + 0.05 * ticks {
            run.notes.push(format!("schedstat says {exact:.3} s of CPU, stat {ticks:.2} s"));
        }
    }
}
