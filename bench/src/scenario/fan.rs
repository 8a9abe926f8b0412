//! Messages to rooms: one large room or many small ones, at a rate or as fast as they come back.

use super::{Case, Meter, Plan, Work, enter, peers, people};
use crate::{
    generator::{
        Generator,
        load::{Load, Outcome, Pace},
    },
    results::{Latency, Run},
    server::{Peer, Start},
    syscalls::Tracer,
};
use std::{io, time::Duration};

/// Messages to rooms.
#[derive(Clone, Copy, Debug)]
pub struct Fan {
    /// Rooms.
    pub rooms: u32,
    /// Members of each.
    pub members: u32,
    /// Those of each that publish, in turn.
    pub authors: u32,
    /// How fast.
    pub pace: Pace,
    /// What the names of rooms begin with.
    pub prefix: &'static str,
    /// The length of a payload, if it is not that of the plan.
    pub payload_bytes: Option<usize>,
}

/// A pause of the generator that no load explains.
const GAP: Duration = Duration::from_secs(1);
/// The load under which system calls are counted.
const TRACED: Duration = Duration::from_secs(1);

impl Fan {
    fn of_one_room(members: u32, pace: Pace) -> Self {
        Self { rooms: 1, members, authors: 1, pace, prefix: "r", payload_bytes: None }
    }

    /// Does it once.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self, case: &Case, plan: &Plan) -> io::Result<Run> {
        let server = case.server(plan)?;
        let mut people = people(self.rooms, self.members, self.authors)?;
        people.iter_mut().for_each(|who| who.prefix = self.prefix);
        let connections = people.len() as u64;
        let mut generator = Generator::new(server.target.clone(), people, self.authors as usize)?;
        enter(&mut generator, plan)?;
        let load = self.load(plan);
        let mut meter = Meter::new(server.pid());
        let outcome = generator.run(&load, &mut meter)?;
        let mut run = Run { connections: Some(connections), ..Run::default() };
        note(&mut run, &generator, &outcome);
        note_spent(&mut run, &meter, &outcome);
        if outcome.distinct == outcome.expected {
            run.syscalls_per_delivery = trace(&mut generator, &load, server.pid())?;
        }
        Ok(run)
    }

    fn load(&self, plan: &Plan) -> Load {
        let members = u64::from(self.members);
        // Room by room, so that two messages to a room are as far apart as can be.
        let authors = (0..self.authors).flat_map(|author| {
            (0..self.rooms).map(move |room| (room * self.members + author, members))
        });
        Load {
            pace: self.pace,
            authors: authors.map(|(link, members)| (link as usize, members)).collect(),
            payload_bytes: self.payload_bytes.unwrap_or(plan.payload_bytes),
            warm_up: Duration::from_secs(1).min(plan.window),
            window: plan.window,
        }
    }
}

/// The same load once more, short, while the server's system calls are counted.
fn trace(generator: &mut Generator, load: &Load, pid: u32) -> io::Result<Option<f64>> {
    let Some(tracer) = Tracer::attach(pid) else { return Ok(None) };
    let window = TRACED.min(load.window);
    let load = Load { warm_up: Duration::ZERO, window, ..load.clone() };
    let outcome = generator.run(&load, &mut ())?;
    let calls = tracer.finish()?;
    Ok(Some(calls as f64 / outcome.distinct.max(1) as f64))
}

/// Fills in what the server took.
pub fn note_spent(run: &mut Run, meter: &Meter, outcome: &Outcome) {
    if let Some(spent) = meter.spent {
        let cpu_us = spent.server.as_secs_f64() * 1e6;
        run.cpu_us_per_delivery = Some(cpu_us / outcome.in_window.max(1) as f64);
        spent.note(run);
    }
}

/// Fills in what the generator saw.
pub fn note(run: &mut Run, generator: &Generator, outcome: &Outcome) {
    let tally = &generator.book.tally;
    run.expected = Some(outcome.expected);
    run.deliveries = Some(outcome.distinct);
    run.lost = Some(outcome.expected.saturating_sub(outcome.distinct));
    run.duplicates = Some(tally.duplicates);
    run.reordered = Some(tally.reordered);
    run.seconds = Some(outcome.seconds);
    run.deliveries_per_s = Some(outcome.in_window as f64 / outcome.seconds);
    let latency = &generator.book.latency;
    let ms = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    run.latency_ms = Some(Latency { p50: ms(0.5), p99: ms(0.99), p999: ms(0.999), max: ms(1.0) });
    if generator.book.strayed > 0 {
        run.notes.push(format!("{} deliveries went to the wrong room", generator.book.strayed));
    }
    if outcome.longest_gap > GAP {
        let seconds = outcome.longest_gap.as_secs_f64();
        run.notes
            .push(format!("the generator stood still for {seconds:.1} s: do not use this run"));
    }
    if outcome.stalled {
        run.notes.push("came to a halt: something in flight was lost".to_owned());
    }
    if let (count @ 1.., Some(first)) = generator.faults() {
        run.notes.push(format!("{count} connections met a fault; the first: {first}"));
    }
}

/// Every case of messages to rooms.
#[must_use]
pub fn cases() -> Vec<Case> {
    let open = |per_s| Pace::Open { per_s };
    let room = |pace| Fan::of_one_room(1_000, pace);
    let small = |per_s| Fan { rooms: 100, members: 10, authors: 10, ..room(open(per_s)) };
    let scenarios = [
        ("fan50", room(open(50))),
        ("W16", room(Pace::Closed { in_flight: 16 })),
        ("rooms2k", small(2_000)),
        ("fan100", room(open(100))),
        ("rooms10k", small(10_000)),
        ("million", room(open(1_000))),
    ];
    let mut cases = Vec::new();
    for (scenario, fan) in scenarios {
        for peer in peers() {
            cases.push(Case::plain(scenario, peer, Work::Fan(fan)));
            cases.extend(variants(scenario, peer, fan));
        }
    }
    cases
}

fn variants(scenario: &'static str, peer: Peer, fan: Fan) -> Vec<Case> {
    let case = |variant: &str, start: Start, fan: Fan| {
        let work = Work::Fan(fan);
        Case { variant: variant.to_owned(), start, ..Case::plain(scenario, peer, work) }
    };
    let gathering = || Start { args: vec!["--frames".into(), "16".into()], ..Start::default() };
    match (scenario, peer) {
        // Four batches are under way, so that it never waits for the last member.
        ("W16", Peer::Floor) => {
            vec![case("k16", gathering(), Fan { pace: Pace::Closed { in_flight: 64 }, ..fan })]
        }
        ("fan50" | "W16" | "rooms10k", Peer::Vestibule) => {
            let env = vec![("VESTIBULE_WORKERS".into(), "2".into())];
            vec![case("2 workers", Start { env, unpinned: true, ..Start::default() }, fan)]
        }
        ("million", Peer::Vestibule) => {
            let rule = |key: &str, value: &str| {
                (format!("VESTIBULE_ROOMS__RULE__1__{key}"), value.to_owned())
            };
            let env =
                vec![rule("MATCH", "cork:*"), rule("ACCESS", "open"), rule("COALESCE_MS", "10")];
            let start = Start { env, needs: Some("coalesce_ms"), ..Start::default() };
            vec![case("cork", start, Fan { prefix: "cork:", ..fan })]
        }
        _ => Vec::new(),
    }
}

/// How the cost grows: payloads in a room of 100, and rooms at 10,000 deliveries a second.
#[must_use]
pub fn sweep() -> Vec<Case> {
    let payloads = [16, 128, 1_024, 8_192, 61_440].map(|bytes| {
        let pace = Pace::Open { per_s: 50 };
        (100, bytes, Fan { payload_bytes: Some(bytes), ..Fan::of_one_room(100, pace) })
    });
    let rooms = [1, 10, 100, 1_000, 10_000].map(|members: u32| {
        let fan = Fan::of_one_room(members, Pace::Open { per_s: 10_000 / members });
        let (rooms, authors) = ((1_000 / members).max(1), members.min(10));
        (members, 128, Fan { rooms, authors, ..fan })
    });
    // A room of 100 with 128 bytes stands in both; once is enough.
    let steps = rooms.into_iter().chain(payloads.into_iter().filter(|step| step.1 != 128));
    let case = |peer, (members, bytes, fan): (u32, usize, Fan)| Case {
        variant: format!("{members}x{bytes}"),
        ..Case::plain("sweep", peer, Work::Fan(fan))
    };
    steps.flat_map(|step| peers().map(move |peer| case(peer, step))).collect()
}
