//! What a message costs in allocations: the same for a thousand members as for a few.

use crate::{
    ALLOCATOR, CROWD,
    bounds::{Bound, EPHEMERAL_ALLOCATIONS, GATHERED_ALLOCATIONS, SINGLE_ALLOCATIONS},
    host::{Host, alone},
    peer::{Peer, request},
    user,
};

/// Messages of each measurement, and before it until queues and buffers have grown.
const ROUNDS: usize = 16;
const WARM_UP: usize = 4;

/// How often memory was asked for until now, larger pieces for smaller ones included.
fn requests() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// Writes `posts` at once, and waits until every member has all of these messages and the author
/// its answers.
fn round(crowd: &mut [Peer], posts: &[u8], count: usize) {
    crowd[0].write(posts);
    crowd[0].expect_all("ack", count);
    for peer in crowd {
        peer.expect_all("message", count);
    }
}

/// Allocations for each message of many, `at_once` of them at a time.
fn count(bound: &Bound, crowd: &mut [Peer], post: &[u8], at_once: usize) {
    let posts = post.repeat(at_once);
    for _ in 0..WARM_UP {
        round(crowd, &posts, at_once);
    }
    let before = requests();
    for _ in 0..ROUNDS {
        round(crowd, &posts, at_once);
    }
    bound.hold((requests() - before) as f64 / (ROUNDS * at_once) as f64);
}

#[test]
fn cost_allocations_do_not_grow_with_the_members() {
    let _alone = alone();
    let host = Host::start();
    let mut crowd: Vec<_> = (0..CROWD).map(|n| host.enter(&user(n))).collect();
    for peer in &mut crowd {
        peer.write(&request("join", "hall", ""));
        peer.expect("joined");
    }
    let text = "x".repeat(128);
    let post = |more| request("message", "hall", &format!(r#","id":"1","payload":"{text}"{more}"#));
    count(&SINGLE_ALLOCATIONS, &mut crowd, &post(""), 1);
    count(&GATHERED_ALLOCATIONS, &mut crowd, &post(""), 16);
    count(&EPHEMERAL_ALLOCATIONS, &mut crowd, &post(r#","ephemeral":true"#), 1);
    count(&EPHEMERAL_ALLOCATIONS, &mut crowd, &post(r#","ephemeral":true"#), 16);
    let last = crowd.remove(0);
    drop(crowd);
    host.stop(last);
}
