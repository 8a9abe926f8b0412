//! Messages to rooms: one large room or many small ones, at a rate or as fast as they come back.

use super::{Case, Meter, Plan, Work, enter, people};
use crate::{
    generator::{
        Generator,
        load::{Load, Outcome, Pace},
    },
    results::{Latency, Run},
    server::{Peer, Start},
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
}

impl Fan {
    fn of_one_room(members: u32, pace: Pace) -> Self {
        Self { rooms: 1, members, authors: 1, pace }
    }

    /// Does it once.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self, case: &Case, plan: &Plan) -> io::Result<Run> {
        let server = case.server(plan)?;
        let people = people(self.rooms, self.members, self.authors)?;
        let connections = people.len() as u64;
        let mut generator = Generator::new(server.target.clone(), people, self.authors as usize)?;
        enter(&mut generator, plan)?;
        let load = self.load(plan);
        let mut meter = Meter::new(server.pid());
        let outcome = generator.run(&load, &mut meter)?;
        let mut run = Run { connections: Some(connections), ..Run::default() };
        note(&mut run, &generator, &outcome);
        if let Some(spent) = meter.spent {
            let cpu_us = spent.server.as_secs_f64() * 1e6;
            run.cpu_us_per_delivery = Some(cpu_us / outcome.in_window.max(1) as f64);
            spent.note(&mut run);
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
            payload_bytes: plan.payload_bytes,
            warm_up: Duration::from_secs(1).min(plan.window),
            window: plan.window,
        }
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
    let w16 = Pace::Closed { in_flight: 16 };
    let small = |per_s| Fan { rooms: 100, members: 10, authors: 10, pace: open(per_s) };
    let scenarios = [
        ("fan50", Fan::of_one_room(1_000, open(50))),
        ("W16", Fan::of_one_room(1_000, w16)),
        ("rooms2k", small(2_000)),
        ("fan100", Fan::of_one_room(1_000, open(100))),
        ("rooms10k", small(10_000)),
        ("million", Fan::of_one_room(1_000, open(1_000))),
    ];
    let mut cases = Vec::new();
    for (scenario, fan) in scenarios {
        for peer in <Peer as clap::ValueEnum>::value_variants() {
            let (peer, work, start) = (*peer, Work::Fan(fan), Start::default());
            cases.push(Case { scenario, peer, variant: "", start, work });
            if (scenario, peer) == ("W16", Peer::Floor) {
                // Four batches are under way, so that it never waits for the last member.
                let pace = Pace::Closed { in_flight: 64 };
                let work = Work::Fan(Fan { pace, ..fan });
                let start =
                    Start { args: vec!["--frames".into(), "16".into()], ..Start::default() };
                cases.push(Case { scenario, peer, variant: "k16", start, work });
            }
        }
    }
    cases
}
