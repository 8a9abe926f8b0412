//! Connections of one user, over all workers.

use super::{
    clerk::wait,
    house::{Plan, everywhere_with},
    peer::{auth, join, message},
};
use crate::{config::OnUserLimit, room::ConnKey, worker::Control};

#[test]
fn the_oldest_connection_gives_way_to_the_newest_on_any_worker() {
    let three = |plan: &mut Plan| {
        plan.on_user_limit = OnUserLimit::ReplaceOldest;
        plan.connections_per_user = 3;
    };
    everywhere_with(three, async |house| {
        let mut all = Vec::new();
        for n in 0..12 {
            let (peer, _) = house.enter_room("ann", "den").await;
            all.push(peer);
            if n >= 3 {
                let mut oldest = all.remove(0);
                assert_eq!(oldest.ending().await.verdict(), ("replaced", 4423));
            }
        }
        let mut newest = all.pop().expect("three are left");
        newest.send(&message("den", "m")).await;
        newest.expect("message").await;
        for peer in &mut all {
            peer.expect("message").await;
        }
        assert_eq!(house.shared.users.len(), 1);
    });
}

#[test]
fn a_worker_with_a_full_queue_of_commands_is_told_later() {
    let one = |plan: &mut Plan| {
        plan.on_user_limit = OnUserLimit::ReplaceOldest;
        plan.connections_per_user = 1;
    };
    everywhere_with(one, async |house| {
        let mut old = house.enter("ann").await;
        let mut new = house.connect();
        new.send(&auth("ann")).await;
        let nobody = ConnKey { index: 1_000, generation: 0 };
        while house.controls[0].try_send(Control::Replace(nobody)).is_ok() {}
        new.expect("auth_ok").await;
        assert_eq!(old.ending().await.verdict(), ("replaced", 4423));
        assert!(house.now() <= 1_012, "at {} ms", house.now());
    });
}

#[test]
fn over_the_cap_a_connection_is_refused_until_another_one_goes() {
    let two = |plan: &mut Plan| plan.connections_per_user = 2;
    everywhere_with(two, async |house| {
        let first = house.enter("ann").await;
        let (_second, _) = house.enter_room("ann", "den").await;
        for token in ["ann", "ann after=100"] {
            let mut third = house.connect();
            third.send(&auth(token)).await;
            assert_eq!(third.ending().await.verdict(), ("too_many_connections", 4430));
        }
        drop(first);
        wait(1).await;
        let mut third = house.enter("ann").await;
        third.send(&join("den")).await;
        third.expect("joined").await;
    });
}

#[test]
fn a_refresh_takes_no_second_place() {
    let one = |plan: &mut Plan| plan.connections_per_user = 1;
    everywhere_with(one, async |house| {
        let mut ann = house.enter("ann").await;
        ann.send(&auth("ann after=50 life=900000")).await;
        assert_eq!(ann.expect("auth_ok").await["refreshed"], true);
        ann.send(&auth("eve")).await;
        assert_eq!(ann.ending().await.verdict(), ("principal_mismatch", 4409));
    });
}

#[test]
fn a_login_that_is_not_let_in_takes_nobodys_place() {
    let one = |plan: &mut Plan| {
        plan.on_user_limit = OnUserLimit::ReplaceOldest;
        plan.connections_per_user = 1;
    };
    everywhere_with(one, async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        let mut late = house.connect();
        late.send(&auth("ann after=500 life=100")).await;
        assert_eq!(late.ending().await.verdict(), ("token_expired", 4412));
        ann.send(&message("den", "m")).await;
        ann.expect("message").await;
    });
}
