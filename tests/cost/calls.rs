//! System calls of the whole server process for each delivery, over real sockets.

use crate::{
    bounds::{Bound, GATHERED_CALLS, SINGLE_CALLS, SMALL_ROOM_CALLS},
    crowd::{Crowd, secret, settings},
    programs::Program,
    strace::Strace,
};

fn count(bound: &Bound, members: usize, rounds: usize, at_once: usize) {
    let server = Program::serve(&settings(&secret()));
    let mut crowd = Crowd::gather(&server, members, at_once);
    let strace = Strace::attach(server.id());
    crowd.rounds(rounds, at_once);
    let calls = strace.detach();
    println!("{calls:?}");
    let total: u64 = calls.values().sum();
    bound.hold(total as f64 / (rounds * at_once * members) as f64);
    drop(crowd);
    let (status, _) = server.stop();
    assert!(status.success(), "{status}");
}

#[test]
fn cost_a_delivery_is_a_system_call() {
    count(&SINGLE_CALLS, 1_000, 20, 1);
}

#[test]
fn cost_sixteen_deliveries_share_a_system_call() {
    count(&GATHERED_CALLS, 1_000, 20, 16);
}

#[test]
fn cost_a_small_room_pays_little_beside_its_deliveries() {
    count(&SMALL_ROOM_CALLS, 10, 500, 1);
}
