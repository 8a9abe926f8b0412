//! The rules about rooms.

use super::*;
use crate::protocol::{
    room_name::RoomRef,
    room_rules::{Access, RoomRules},
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
        ["configuration: rooms.rule: 257 are set: up to 256 are taken"]
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
