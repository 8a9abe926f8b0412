//! A key that is gone takes along what rests on it, on every worker, and nothing else.

use super::{
    clerk::wait,
    house::{House, Plan, everywhere, everywhere_with},
    peer::{auth, join, join_with, message},
};
use crate::{
    protocol::{
        identity::{Identity, Login, Signer},
        room_rules::RoomRules,
        time::Wall,
    },
    worker::Control,
};
use serde_json::json;

async fn remove(house: &House, number: u64) {
    house.shared.gone.note(Signer::from_number(number));
    for control in house.controls.iter() {
        let told = control.send(Control::RemoveKey(Signer::from_number(number))).await;
        told.expect("a worker that listens");
    }
}

#[test]
fn sessions_of_a_removed_key_end_and_others_go_on() {
    everywhere(async |house| {
        // More than are asked at a time, on each worker.
        let mut peers = Vec::new();
        for n in 0..600 {
            let mut peer = house.connect();
            peer.send(&auth(&format!("user{n} signer={}", n % 3))).await;
            peers.push(peer);
        }
        for peer in &mut peers {
            peer.expect("auth_ok").await;
        }
        let mut unknown = house.connect();
        let mut verifying = house.connect();
        verifying.send(&auth("ann after=500 signer=1")).await;
        let mut late = house.connect();
        late.send(&auth("ann after=500 signer=2")).await;
        wait(1).await;
        remove(house, 1).await;
        wait(1).await;
        for (mut peer, n) in peers.into_iter().zip(0..) {
            if n % 3 == 1 {
                assert_eq!(peer.ending().await.verdict(), ("token_invalid", 4411));
            } else {
                peer.send(&join("den")).await;
                while peer.text().await["type"] != "joined" {}
            }
        }
        // The verifier may have judged by the key before it asked somebody else.
        assert_eq!(verifying.ending().await.verdict(), ("token_invalid", 4411));
        late.expect("auth_ok").await;
        unknown.send(&auth("bob")).await;
        unknown.expect("auth_ok").await;
    });
}

#[test]
fn memberships_of_a_removed_key_end_and_their_sessions_go_on() {
    let granted = |plan: &mut Plan| plan.rooms = RoomRules::granted();
    everywhere_with(granted, async |house| {
        let mut peers = Vec::new();
        for n in 0..8 {
            let mut peer = house.enter(&format!("user{n}")).await;
            peer.send(&join_with("den", &format!("user{n} room=den signer={}", n % 2))).await;
            peer.expect("joined").await;
            peers.push(peer);
        }
        remove(house, 1).await;
        wait(1).await;
        peers[0].send(&message("den", "who is left?")).await;
        for (peer, n) in peers.iter_mut().zip(0..) {
            if n % 2 == 0 {
                assert_eq!(peer.expect("message").await["payload"], "who is left?");
            } else {
                assert_eq!(peer.expect("left").await["code"], "token_invalid");
                peer.send(&json!({ "type": "ping" })).await;
                peer.expect("pong").await;
            }
        }
    });
}

#[test]
fn a_refresh_with_another_key_moves_a_session_over() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann signer=1", "den").await;
        ann.send(&auth("ann signer=2")).await;
        ann.expect("auth_ok").await;
        remove(house, 1).await;
        wait(1).await;
        ann.send(&message("den", 1)).await;
        ann.expect("message").await;
        remove(house, 2).await;
        assert_eq!(ann.ending().await.verdict(), ("token_invalid", 4411));
    });
}

#[test]
fn a_verdict_from_before_the_101_counts_unless_a_key_went_meanwhile() {
    everywhere(async |house| {
        let identity = Identity { issuer: None, subject: "ann".into(), user: "ann".into() };
        let login = Login::new(identity, Wall::from_ms(u64::MAX / 2));
        let signer = Signer::from_number(7);
        let login = Login { signer, ..login };
        let since = house.shared.gone.moment();
        let mut ann = house.connect_judged(login.clone(), since);
        assert_eq!(ann.expect("auth_ok").await["user"], "ann");
        ann.send(&join("den")).await;
        ann.expect("joined").await;
        house.shared.gone.note(Signer::from_number(8));
        house.connect_judged(login.clone(), since).expect("auth_ok").await;
        house.shared.gone.note(signer);
        let mut late = house.connect_judged(login.clone(), since);
        assert_eq!(late.ending().await.verdict(), ("token_invalid", 4411));
        let mut again = house.connect_judged(login, house.shared.gone.moment());
        again.expect("auth_ok").await;
    });
}
