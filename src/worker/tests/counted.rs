//! What is counted of the life of connections; that nothing stays counted is asked of every
//! scenario.

use super::{
    clerk::wait,
    house::everywhere,
    peer::{auth, message, with_id},
};
use crate::metrics::{Metric, Sheet};
use serde_json::json;

fn of(sheet: &Sheet, metric: Metric, words: &[&str]) -> Vec<u64> {
    words.iter().map(|word| sheet.labelled(metric, word)).collect()
}

#[test]
fn verdicts_states_and_rules_are_told_apart() {
    everywhere(async |house| {
        let ann = house.enter("ann").await;
        let mut waits = house.connect();
        waits.send(&auth("bob after=500")).await;
        wait(100).await;
        let sheet = house.shared.metrics.sheet();
        let states = ["unauthenticated", "authenticated", "closing"];
        assert_eq!(of(&sheet, Metric::Connections, &states), [1, 1, 0]);
        assert_eq!(of(&sheet, Metric::Lookups, &["waiting", "running"]), [0, 1]);
        waits.expect("auth_ok").await;
        let mut bad = house.connect();
        bad.send(&auth("bad")).await;
        assert_eq!(bad.ending().await.verdict(), ("token_invalid", 4411));
        let mut rude = house.connect();
        rude.send(&json!({ "type": "join", "room": "den" })).await;
        assert_eq!(rude.ending().await.verdict(), ("auth_required", 4401));
        drop(house.connect());
        drop(ann);
        wait(100).await;
        let sheet = house.shared.metrics.sheet();
        let verdicts = ["auth_ok", "token_invalid", "auth_required", "gone", "auth_timeout"];
        assert_eq!(of(&sheet, Metric::Verdicts, &verdicts), [2, 1, 1, 1, 0]);
        assert_eq!(sheet.total(Metric::Rejections), 1);
        let ends = ["token_invalid", "auth_required", "lost", "client"];
        assert_eq!(of(&sheet, Metric::Closes, &ends), [1, 1, 2, 0]);
        let text = sheet.expose();
        let slow = "vestibule_time_to_verdict_seconds_bucket{outcome=\"accepted\",le=";
        assert!(text.contains(&format!("{slow}\"0.2\"}} 1\n")), "ann\n{text}");
        assert!(text.contains(&format!("{slow}\"1\"}} 2\n")), "and bob\n{text}");
    });
}

#[test]
fn messages_members_and_bytes_are_counted() {
    everywhere(async |house| {
        let (mut ann, _) = house.enter_room("ann", "den").await;
        let (mut bob, _) = house.enter_room("bob", "den").await;
        let before = house.shared.metrics.sheet();
        assert_eq!(before.total(Metric::Members), 2);
        let mut keyed = with_id(message("den", 1), "m");
        keyed["idempotency_key"] = json!("k");
        for duplicate in [false, true] {
            ann.send(&keyed).await;
            let ack = ann.expect("ack").await;
            assert_eq!(ack["duplicate"] == json!(true), duplicate);
            if !duplicate {
                ann.expect("message").await;
                bob.expect("message").await;
            }
        }
        ann.send(&json!({ "type": "message", "room": "attic", "payload": 1 })).await;
        ann.expect("error").await;
        let sheet = house.shared.metrics.sheet();
        let grown = |metric| sheet.total(metric) - before.total(metric);
        assert_eq!([grown(Metric::Published), grown(Metric::Duplicates)], [1, 1]);
        assert_eq!([grown(Metric::Received), grown(Metric::Deliveries)], [3, 2]);
        assert_eq!(of(&sheet, Metric::Errors, &["not_joined"]), [1]);
        let sent = u64::try_from(keyed.to_string().len()).expect("a short message");
        assert!(grown(Metric::ReceivedBytes) > 2 * sent, "with the third message and headers");
        assert!(grown(Metric::SentBytes) > 2 * sent, "two copies, two acks, an error");
    });
}
