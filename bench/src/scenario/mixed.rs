//! Neighbours: a large room beside small ones, members that do not read among those that do.

use super::{Case, Meter, Plan, Work, enter, fan, peers, people};
use crate::{
    generator::{
        Generator,
        load::{Load, Pace},
    },
    process,
    results::Run,
};
use std::{io, time::Duration};

/// Small rooms beside the large one, and what each of them hears in a second.
const SMALL_ROOMS: u32 = 500;
const SMALL_PER_S: u32 = 1;
/// What the large room hears in a second.
const LARGE_PER_S: u32 = 5;
/// Members of the room where some do not read.
const MEMBERS: u32 = 1_000;
/// Every so many-th does not read.
const SLOW_EVERY: usize = 10;
/// What that room hears, so that what is not read outgrows the buffers of the system soon.
const SLOW_PER_S: u32 = 50;
const SLOW_BYTES: usize = 8 << 10;

/// One room of many beside rooms of two; latencies are those of the small rooms.
///
/// # Errors
/// Why it could not be done.
pub fn large(case: &Case, plan: &Plan) -> io::Result<Run> {
    let server = case.server(plan)?;
    let mut who = people(1, plan.many, 1)?;
    who.extend(people(1 + SMALL_ROOMS, 2, 1)?.into_iter().skip(2));
    let connections = who.len() as u64;
    let mut generator = Generator::new(server.target.clone(), who, 1)?;
    enter(&mut generator, plan)?;
    generator.book.recorded_from = 1;
    // Evenly mixed: so many small rooms, the large one, so many small rooms.
    let (many, per_turn) = (plan.many as usize, SMALL_ROOMS as usize / LARGE_PER_S as usize);
    let small: Vec<usize> = (0..SMALL_ROOMS as usize).map(|room| many + 2 * room).collect();
    let authors = small.chunks(per_turn).flat_map(|small| {
        let large = std::iter::once((0, u64::from(plan.many)));
        large.chain(small.iter().map(|link| (*link, 2)))
    });
    let load = Load {
        pace: Pace::Open { per_s: LARGE_PER_S + SMALL_ROOMS * SMALL_PER_S },
        authors: authors.collect(),
        payload_bytes: plan.payload_bytes,
        warm_up: Duration::from_secs(1).min(plan.window),
        window: plan.window,
    };
    let mut meter = Meter::new(server.pid());
    let outcome = generator.run(&load, &mut meter)?;
    let mut run = Run { connections: Some(connections), ..Run::default() };
    fan::note(&mut run, &generator, &outcome);
    fan::note_spent(&mut run, &meter, &outcome);
    run.notes.push("latency of the small rooms".to_owned());
    Ok(run)
}

/// Some members of a room do not read at all; figures are those of the others.
///
/// # Errors
/// Why it could not be done.
pub fn slow(case: &Case, plan: &Plan) -> io::Result<Run> {
    let server = case.server(plan)?;
    let who = people(1, MEMBERS, 1)?;
    let mut generator = Generator::new(server.target.clone(), who, 1)?;
    // Not the first: it is the author.
    let deaf: Vec<usize> = (1..generator.links.len()).step_by(SLOW_EVERY).collect();
    for link in generator.links.iter_mut().skip(1).step_by(SLOW_EVERY) {
        link.narrow = true;
    }
    enter(&mut generator, plan)?;
    for index in &deaf {
        generator.deafen(*index, true)?;
    }
    let hearing = generator.links.len() - deaf.len();
    let before = process::resident_bytes(server.pid());
    let load = Load {
        pace: Pace::Open { per_s: SLOW_PER_S },
        authors: vec![(0, hearing as u64)],
        payload_bytes: SLOW_BYTES,
        warm_up: Duration::from_secs(1).min(plan.window),
        window: plan.window,
    };
    let mut meter = Meter::new(server.pid());
    let outcome = generator.run(&load, &mut meter)?;
    let grown = process::resident_bytes(server.pid()).saturating_sub(before);
    let mut run = Run { connections: Some(u64::from(MEMBERS)), ..Run::default() };
    fan::note(&mut run, &generator, &outcome);
    fan::note_spent(&mut run, &meter, &outcome);
    let count = deaf.len();
    for index in &deaf {
        generator.deafen(*index, false)?;
    }
    generator.rest(Duration::from_secs(1))?;
    let closed = deaf.iter().filter_map(|index| generator.links.get(*index)?.fault.as_ref());
    let (closed, kib) = (closed.count(), grown as f64 / 1024.0 / count as f64);
    run.notes.push(format!(
        "{count} read nothing; {closed} of them were closed, memory grew by {kib:.0} KiB for each"
    ));
    Ok(run)
}

/// Every case of neighbours.
#[must_use]
pub fn cases() -> Vec<Case> {
    let large = peers().map(|peer| Case::plain("large", peer, Work::Large));
    large.chain(peers().map(|peer| Case::plain("slow", peer, Work::Slow))).collect()
}
