//! Lookups that hang, from one address: whoever comes from elsewhere is judged all the same.

use super::{
    clerk::wait,
    house::everywhere,
    peer::{auth, join_with},
};
use crate::metrics::Metric;
use std::net::IpAddr;

const CROWD: u64 = 200;

#[test]
fn a_crowd_of_one_address_delays_no_other() {
    everywhere(async |house| {
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            let mut peer = house.connect();
            peer.send(&auth("eve never")).await;
            crowd.push(peer);
        }
        wait(1).await;
        let sheet = house.shared.metrics.sheet();
        let held = ["running", "waiting"].map(|state| sheet.labelled(Metric::Lookups, state));
        assert_eq!(held, [32, CROWD - 32]);
        for (n, ms) in [(2, 5), (3, 400)] {
            let mut peer = house.connect_from(IpAddr::from([127, 0, 0, n]));
            let begun = house.now();
            peer.send(&auth(&format!("ann after={ms}"))).await;
            peer.expect("auth_ok").await;
            let took = house.now() - begun;
            assert!((ms..ms + 12).contains(&took), "{took} ms");
        }
        // Each of the crowd meets its own deadline, whether its lookup ran or waited.
        for mut peer in crowd {
            assert_eq!(peer.ending().await.verdict(), ("internal", 1011));
        }
        assert!((10_000..=10_012).contains(&house.now()), "at {} ms", house.now());
    });
}

#[test]
fn the_lookups_of_who_signed_in_wait_for_no_stranger() {
    everywhere(async |house| {
        let mut ann = house.enter("ann").await;
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            let mut peer = house.connect();
            peer.send(&auth("eve never")).await;
            crowd.push(peer);
        }
        wait(1).await;
        // The address is the same; the user is another asker.
        let begun = house.now();
        ann.send(&auth("ann after=50")).await;
        assert_eq!(ann.expect("auth_ok").await["refreshed"], true);
        ann.send(&join_with("den", "ann room=den after=50")).await;
        ann.expect("joined").await;
        assert!(house.now() - begun < 120, "{} ms", house.now() - begun);
    });
}

#[test]
fn whoever_hangs_up_makes_room_at_once() {
    everywhere(async |house| {
        let mut crowd = Vec::new();
        for n in 0..CROWD {
            let mut peer = house.connect();
            peer.send(&auth(if n < 32 { "eve never" } else { "eve after=10" })).await;
            crowd.push(peer);
        }
        wait(1).await;
        assert_eq!(house.shared.verifications.held(), (32, 168));
        drop(crowd.drain(..32));
        let begun = house.now();
        for mut peer in crowd {
            // The cap on connections of a user comes after the lookup.
            peer.text().await;
        }
        let took = house.now() - begun;
        assert!((50..150).contains(&took), "168 lookups of 10 ms, 32 at a time: {took} ms");
    });
}
