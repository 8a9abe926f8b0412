//! The part of the table that says what holds in rooms.

use super::{
    super::keys::{Key, Unset},
    MS, nothing, number, optional, text, truth_unless, words,
};

/// The keys of rooms and their rules.
pub(super) const KEYS: &[Key] = &[
    words(
        "rooms.default",
        ACCESS,
        Unset::Refused { proposal: "\"open\"" },
        "Who may join and send, in the rooms that no rule names. It must be chosen; with rules it \
         may be left out and is \"granted\".",
    ),
    text(
        "rooms.path",
        nothing("`/ws` alone, and rooms are joined by messages", "\"/ws/{room}\""),
        "A path below `/ws/` that names a room: whoever connects there is in that room right \
         behind the verdict, if it may join it. `/ws` stays.",
    ),
    number(
        "rooms.history_total_bytes",
        (0, 1_099_511_627_776),
        "bytes",
        268_435_456,
        "How much memory the history of all rooms may take together. Over it rooms forget before \
         their time: first those whose oldest messages are of the users who wrote most.",
    ),
    number(
        "rooms.history.count",
        (0, 1_000_000),
        "messages",
        256,
        "How many messages a room remembers for those who come back.",
    ),
    number("rooms.history.age_ms", (0, 86_400_000), MS, 300_000, "And for how long."),
    number(
        "rooms.history.bytes",
        (0, 1_073_741_824),
        "bytes",
        1_048_576,
        "And how much of them. Whichever bound is reached first counts.",
    ),
    text(
        "rooms.rule.#.match",
        nothing("no start, a rule needs it", "\"team:*\""),
        "Which rooms the rule is for: a room name whose parts between `:` may be `*` (one part) or, \
         last, `**` (one part or more). The first rule that matches a room counts.",
    ),
    words(
        "rooms.rule.#.access",
        ACCESS,
        nothing("no start, a rule needs it", "\"granted\""),
        "Who may join and send there.",
    ),
    truth_unless(
        "rooms.rule.#.ephemeral",
        nothing("they are taken", "false"),
        "Whether messages may be sent there that nobody remembers (`ephemeral`).",
    ),
    optional(
        "rooms.rule.#.message_bytes",
        (64, 16_777_216),
        "bytes",
        nothing("`limits.message_bytes` alone", "4096"),
        "The largest message that may be published there, the whole frame counted; at most \
         `limits.message_bytes`.",
    ),
    optional(
        "rooms.rule.#.messages_per_s",
        (1, 1_000_000),
        "messages a second",
        nothing("`limits.messages_per_s` alone", "2"),
        "How fast one connection may publish in one such room. The rate of the connection holds \
         beside it.",
    ),
    optional(
        "rooms.rule.#.burst",
        (1, 1_000_000),
        "messages",
        nothing("as many as `messages_per_s`", "4"),
        "How many it may publish there at once before that rate holds.",
    ),
    words(
        "rooms.rule.#.slow_consumer",
        &[
            (
                "catch_up",
                "it reads on from the history, and is closed (4420) where that no longer \
                          reaches back",
            ),
            ("close", "it is closed (4420) at once"),
        ],
        nothing("it catches up", "\"close\""),
        "What becomes of a member that reads more slowly than the room speaks.",
    ),
    optional(
        "rooms.rule.#.coalesce_ms",
        (0, 1_000),
        MS,
        nothing("nothing is held back", "10"),
        "The least time between two writes of what such a room says. What comes meanwhile goes to \
         each member in one write, later by up to this: fewer writes for a room that speaks often. \
         The first message after a pause goes at once, and so does all that waits when somebody \
         joins, leaves or looks back, or when it is 64 messages or 64 KiB.",
    ),
    optional(
        "rooms.rule.#.history.count",
        (0, 1_000_000),
        "messages",
        nothing("`rooms.history.count`", "1000"),
        "How many messages such a room remembers; 0 is none at all.",
    ),
    optional(
        "rooms.rule.#.history.age_ms",
        (0, 86_400_000),
        MS,
        nothing("`rooms.history.age_ms`", "3600000"),
        "And for how long.",
    ),
    optional(
        "rooms.rule.#.history.bytes",
        (0, 1_073_741_824),
        "bytes",
        nothing("`rooms.history.bytes`", "4194304"),
        "And how much of them.",
    ),
];

const ACCESS: &[(&str, &str)] = &[
    ("open", "whoever is signed in"),
    ("granted", "only those whose token names the room, in its `rooms` claim"),
];
