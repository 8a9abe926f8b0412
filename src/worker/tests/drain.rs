//! The end of a server: everybody is told, served until the Close, and gone in time.

use super::{
    clerk::wait,
    house::{House, everywhere},
    peer::{Peer, auth, join, message},
};
use crate::worker::Control;

const WITHIN_MS: u64 = 5_000;

async fn drain(house: &House) {
    for control in house.controls.iter() {
        control.send(Control::Drain(WITHIN_MS)).await.expect("a worker that listens");
    }
    wait(1).await;
}

async fn restarts(peer: &mut Peer) -> u64 {
    let ending = peer.ending().await;
    let (code, reason) = ending.close.expect("a Close");
    assert_eq!(code, 1012);
    let after = reason.strip_prefix("restart after=").expect("a delay");
    after.parse().expect("milliseconds")
}

#[test]
fn everybody_is_told_and_closed_in_time_and_the_workers_return() {
    everywhere(async |house| {
        let mut peers = Vec::new();
        for n in 0..20 {
            peers.push(house.enter_room(&format!("user{n}"), "den").await.0);
        }
        let mut unknown = house.connect();
        let mut verifying = house.connect();
        verifying.send(&auth("ann never")).await;
        wait(1).await;
        let begun = house.now();
        drain(house).await;
        for peer in [&mut unknown, &mut verifying] {
            let after = restarts(peer).await;
            assert!(after >= 4_000, "back in {after} ms, while this server still drains");
        }
        drop((unknown, verifying));
        let mut late = house.connect();
        let after = restarts(&mut late).await;
        assert!(after >= 3_000, "back in {after} ms, while this server still drains");
        drop(late);
        let mut waits = Vec::new();
        for peer in &mut peers {
            let text = peer.expect("reconnect").await;
            waits.push(text["after_ms"].as_u64().expect("a delay"));
        }
        waits.dedup();
        assert!(waits.len() > 10, "spread: {waits:?}");
        // Requests are served until the Close.
        peers[0].send(&message("den", "still here")).await;
        for peer in &mut peers {
            peer.expect("message").await;
        }
        let mut ends = Vec::new();
        while let Some(mut peer) = peers.pop() {
            restarts(&mut peer).await;
            ends.push(house.now() - begun);
        }
        assert!(ends.iter().all(|end| (1_000..=4_020).contains(end)), "{ends:?}");
        for worker in house.workers() {
            worker.await.expect("a worker returns");
        }
        assert!(house.now() - begun < WITHIN_MS, "nobody was left to wait for");
    });
}

#[test]
fn a_worker_without_connections_returns_at_once() {
    everywhere(async |house| {
        drain(house).await;
        for worker in house.workers() {
            worker.await.expect("a worker returns");
        }
        assert!(house.now() <= 2);
    });
}

#[test]
fn a_worker_does_not_wait_longer_than_it_was_told() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        ann.send(&join("hall")).await;
        wait(1).await;
        let begun = house.now();
        drain(house).await;
        for worker in house.workers() {
            worker.await.expect("a worker returns");
        }
        // The peer never answers the Close, and its time of 5 s reaches beyond the drain's.
        assert!((WITHIN_MS..=WITHIN_MS + 2).contains(&(house.now() - begun)));
    });
}
