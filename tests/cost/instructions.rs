//! Instructions of the steps that are taken most often, and of a message on its whole way.

use crate::{
    bounds::{Bound, COMPILER, DECODE, GATHERED_INSTRUCTIONS, SINGLE_INSTRUCTIONS, STEP, VERIFY},
    callgrind,
    crowd::{Crowd, secret, settings},
};
use std::{env::consts::ARCH, path::Path};

/// How often `steps.rs` takes each step.
const STEPS: u64 = 1_000;
/// Members of the room.
const MEMBERS: usize = 1_000;
/// Writes of its author that are counted.
const ROUNDS: usize = 20;

fn pass_on(bound: &Bound, release: &Path, at_once: usize) {
    let server = callgrind::Server::serve(&release.join("vestibule"), &settings(&secret()));
    let mut crowd = Crowd::gather(&server.program, MEMBERS, at_once);
    server.count(true);
    crowd.rounds(ROUNDS, at_once);
    server.count(false);
    drop(crowd);
    bound.hold((server.stop() / (ROUNDS * at_once) as u64) as f64);
}

#[test]
fn cost_what_is_done_often_is_few_instructions() {
    let now = callgrind::compiler();
    if (&*now, ARCH) != (COMPILER, "x86_64") {
        println!("counted with Rust {COMPILER} for x86_64, this is {now} for {ARCH}: skipped");
        return;
    }
    let release = callgrind::release();
    for (step, bound) in [("decode", &DECODE), ("verify", &VERIFY), ("publish", &STEP)] {
        let counted = callgrind::of_step(&release.join("examples/steps"), step);
        bound.hold((counted / STEPS) as f64);
    }
    pass_on(&SINGLE_INSTRUCTIONS, &release, 1);
    pass_on(&GATHERED_INSTRUCTIONS, &release, 16);
}
