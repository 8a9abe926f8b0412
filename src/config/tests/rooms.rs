//! The rules about rooms.

use super::*;
use crate::protocol::{
    room_name::RoomRef,
    room_rules::{Access, RoomRate, RoomRules, RoomTerms, SlowConsumer},
};

const ISSUER: &str = "[[issuer]]\nsecret = \"sesame-sesame-sesame-sesame-sesame\"\n";

fn rules(text: &str) -> Result<Config, ConfigError> {
    file(&format!("{text}{ISSUER}"))
}

fn access(config: &Config, room: &str) -> Access {
    config.rooms.access(RoomRef::parse(room).unwrap())
}

#[test]
fn the_first_rule_that_matches_counts_and_the_rest_is_closed() {
    let text = "[[rooms.rule]]\nmatch = 'team:lobby'\naccess = 'open'\n\
                [[rooms.rule]]\nmatch = 'team:**'\naccess = 'granted'\n\
                [[rooms.rule]]\nmatch = 'news'\naccess = 'open'\n";
    let config = rules(text).unwrap();
    for (room, expected) in [
        ("team:lobby", Access::Open),
        ("team:a", Access::Granted),
        ("news", Access::Open),
        ("other", Access::Granted),
    ] {
        assert_eq!(access(&config, room), expected, "{room}");
    }
    let open = rules(&format!("rooms.default = 'open'\n{text}")).unwrap();
    assert_eq!(access(&open, "other"), Access::Open);
}

#[test]
fn rules_can_come_from_the_environment() {
    let config = environment(&[
        ("VESTIBULE_ROOMS__RULE__0__MATCH", "team:*"),
        ("VESTIBULE_ROOMS__RULE__0__ACCESS", "granted"),
    ])
    .unwrap();
    assert_eq!(access(&config, "team:a"), Access::Granted);
    assert_eq!(access(&config, "lobby"), Access::Open);
}

#[test]
fn a_rule_that_is_none_is_refused() {
    for (text, expected) in [
        (
            "[[rooms.rule]]\naccess = 'open'\n",
            "v.toml:2: rooms.rule.0.match: not set: say which rooms the rule is for, such as \
             \"team:*\"",
        ),
        (
            "[[rooms.rule]]\nmatch = 'a'\n",
            "v.toml:2: rooms.rule.0.access: not set: choose \"open\" or \"granted\"",
        ),
        (
            "[[rooms.rule]]\nmatch = 'a*'\naccess = 'open'\n",
            "v.toml:2: rooms.rule.0.match: \"a*\" is no pattern: a room name whose parts between \
             `:` may be `*` (one part) or, last, `**` (one part or more)",
        ),
        (
            "[[rooms.rule]]\nmatch = 'a'\naccess = 'closed'\n",
            "v.toml:3: rooms.rule.0.access: \"closed\" is none of \"open\", \"granted\"",
        ),
        (
            "[rooms.rule]\nmatch = 'a'\n",
            "v.toml:1: rooms.rule: is a list of tables: write [[rooms.rule]]",
        ),
    ] {
        assert_eq!(texts(rules(text))[0], expected);
    }
    let many = |count| "[[rooms.rule]]\nmatch = 'a'\naccess = 'open'\n".repeat(count);
    assert!(rules(&many(RoomRules::MAX)).is_ok());
    assert_eq!(
        texts(rules(&many(RoomRules::MAX + 1))),
        ["configuration: rooms.rule: 256 are set: up to 255 are taken"]
    );
    assert_eq!(
        texts(rules(&many(1_001)))[0],
        "v.toml:1: rooms.rule: has 1001 entries: up to 1000 are taken"
    );
}

#[test]
fn a_rule_behind_a_wider_one_is_pointed_out() {
    let config = rules(
        "[[rooms.rule]]\nmatch = 'team:**'\naccess = 'granted'\n\
         [[rooms.rule]]\nmatch = 'team:lobby'\naccess = 'open'\n\
         [[rooms.rule]]\nmatch = 'news'\naccess = 'open'\n",
    )
    .unwrap();
    let found: Vec<_> = config.warnings.iter().filter(|it| it.contains("rooms")).collect();
    assert_eq!(
        found,
        [
            "v.toml:5: rooms.rule.1.match: \"team:lobby\" never counts: every such room is matched by \
          rooms.rule.0.match, which stands before it"
        ]
    );
}

fn terms_in(config: &Config, room: &str) -> RoomTerms {
    *config.rooms.terms(RoomRef::parse(room).unwrap())
}

#[test]
fn a_rule_says_all_that_holds_in_its_rooms_or_takes_over_what_holds_everywhere() {
    let text = "rooms.history = { count = 7, age_ms = 8, bytes = 9 }\n\
                [[rooms.rule]]\nmatch = 'full'\naccess = 'open'\nephemeral = false\n\
                message_bytes = 4096\nmessages_per_s = 2\nburst = 4\nslow_consumer = 'close'\n\
                coalesce_ms = 10\n\
                history = { count = 1, age_ms = 2, bytes = 3 }\n\
                [[rooms.rule]]\nmatch = 'part'\naccess = 'open'\nmessages_per_s = 5\n\
                ephemeral = true\nslow_consumer = 'catch_up'\nhistory.count = 0\n\
                [[rooms.rule]]\nmatch = 'bare'\naccess = 'granted'\n";
    let config = rules(text).unwrap();
    let everywhere = HistoryBounds { count: 7, age_ms: 8, bytes: 9 };
    let full = RoomTerms {
        access: Access::Open,
        history: HistoryBounds { count: 1, age_ms: 2, bytes: 3 },
        ephemeral: false,
        message_bytes: Some(4096),
        rate: Some(RoomRate { messages_per_s: 2, burst: 4 }),
        slow_consumer: SlowConsumer::Close,
        coalesce_ms: 10,
    };
    assert_eq!(terms_in(&config, "full"), full);
    let part = RoomTerms {
        history: HistoryBounds { count: 0, ..everywhere },
        rate: Some(RoomRate { messages_per_s: 5, burst: 5 }),
        ..RoomTerms::new(Access::Open)
    };
    assert_eq!(terms_in(&config, "part"), part);
    let bare = RoomTerms::new(Access::Granted).with_history(everywhere);
    assert_eq!(terms_in(&config, "bare"), bare);
    assert_eq!(terms_in(&config, "elsewhere"), bare);
}

#[test]
fn terms_can_come_from_the_environment() {
    let config = environment(&[
        ("VESTIBULE_ROOMS__RULE__0__MATCH", "team:*"),
        ("VESTIBULE_ROOMS__RULE__0__ACCESS", "open"),
        ("VESTIBULE_ROOMS__RULE__0__EPHEMERAL", "false"),
        ("VESTIBULE_ROOMS__RULE__0__MESSAGE_BYTES", "100"),
        ("VESTIBULE_ROOMS__RULE__0__HISTORY__COUNT", "3"),
    ]);
    let terms = terms_in(&config.unwrap(), "team:a");
    assert_eq!((terms.ephemeral, terms.message_bytes, terms.history.count), (false, Some(100), 3));
}

#[test]
fn terms_that_cannot_hold_are_refused() {
    for (lines, expected) in [
        (
            "message_bytes = 65537",
            "v.toml:4: rooms.rule.0.message_bytes: 65537 is over limits.message_bytes, which is \
             65536",
        ),
        (
            "message_bytes = 63",
            "v.toml:4: rooms.rule.0.message_bytes: 63 is out of range: 64 to 16777216 (bytes)",
        ),
        (
            "burst = 3",
            "v.toml:4: rooms.rule.0.burst: needs messages_per_s beside it: a burst is part of a \
             rate",
        ),
        (
            "messages_per_s = 0",
            "v.toml:4: rooms.rule.0.messages_per_s: 0 is out of range: 1 to 1000000 (messages a \
             second)",
        ),
        (
            "messages_per_s = 0\nburst = 2",
            "v.toml:4: rooms.rule.0.messages_per_s: 0 is out of range: 1 to 1000000 (messages a \
             second)",
        ),
        (
            "slow_consumer = 'drop'",
            "v.toml:4: rooms.rule.0.slow_consumer: \"drop\" is none of \"catch_up\", \"close\"",
        ),
        ("ephemeral = 'no'", "v.toml:4: rooms.rule.0.ephemeral: takes true or false, not a string"),
        (
            "history = { count = -1 }",
            "v.toml:4: rooms.rule.0.history.count: -1 is out of range: 0 to 1000000 (messages)",
        ),
        (
            "history = { number = 1 }",
            "v.toml:4: rooms.rule.0.history.number: unknown key; known here: count, age_ms, bytes",
        ),
    ] {
        let text = format!("[[rooms.rule]]\nmatch = 'a'\naccess = 'open'\n{lines}\n");
        assert_eq!(texts(rules(&text)), [expected], "{lines}");
    }
}
