//! The table of everything that can be set: the one source of names, ranges, defaults and words.

mod directory;
mod issuer;
mod rooms;
mod sources;
mod tickets;

use super::{
    WORKERS_MAX,
    keys::{Key, Shape, Unset},
    proxies,
};

const MS: &str = "milliseconds";

const fn text(path: &'static str, unset: Unset, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Text, unset, meaning }
}

/// A number in `range`, its unit, and its default.
const fn number(
    path: &'static str,
    range: (u64, u64),
    unit: &'static str,
    default: u64,
    meaning: &'static str,
) -> Key {
    let shape = Shape::Integer { least: range.0, most: range.1, unit };
    Key { path, shape, unset: Unset::Number(default), meaning }
}

const fn words(
    path: &'static str,
    words: &'static [(&'static str, &'static str)],
    unset: Unset,
    meaning: &'static str,
) -> Key {
    Key { path, shape: Shape::Words(words), unset, meaning }
}

const fn truth(path: &'static str, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Boolean, unset: Unset::No, meaning }
}

/// A number in `range` that may be left out.
const fn optional(
    path: &'static str,
    (least, most): (u64, u64),
    unit: &'static str,
    unset: Unset,
    meaning: &'static str,
) -> Key {
    Key { path, shape: Shape::Integer { least, most, unit }, unset, meaning }
}

const fn truth_unless(path: &'static str, unset: Unset, meaning: &'static str) -> Key {
    Key { path, shape: Shape::Boolean, unset, meaning }
}

const fn nothing(means: &'static str, example: &'static str) -> Unset {
    Unset::Nothing { means, example }
}

/// Every key, in the order of the documents.
pub const KEYS: &[Key] = &join::<LENGTH>();

const LENGTH: usize = FRONT.len()
    + sources::KEYS.len()
    + issuer::KEYS.len()
    + tickets::KEYS.len()
    + directory::KEYS.len()
    + REST.len()
    + rooms::KEYS.len()
    + END.len();

/// The parts of the table, one behind the other.
const fn join<const N: usize>() -> [Key; N] {
    let mut all = [truth("", ""); N];
    let (mut part, mut parts): (&[Key], &[&[Key]]) = (
        FRONT,
        &[&sources::KEYS, issuer::KEYS, tickets::KEYS, directory::KEYS, REST, rooms::KEYS, END],
    );
    let mut free = all.as_mut_slice();
    while let Some((slot, behind)) = free.split_first_mut() {
        if let (true, Some((next, more))) = (part.is_empty(), parts.split_first()) {
            (part, parts) = (*next, more);
        }
        if let Some((key, more)) = part.split_first() {
            *slot = *key;
            part = more;
        }
        free = behind;
    }
    all
}

const FRONT: &[Key] = &[
    text(
        "listen",
        Unset::Text("127.0.0.1:7000"),
        "The public address: an IP address and a port. Port 0 lets the system pick one, which the \
         log line \"listening\" names.",
    ),
    number(
        "workers",
        (0, WORKERS_MAX),
        "threads",
        0,
        "Worker threads. 0 is one for each processor core.",
    ),
    number(
        "connections",
        (0, 10_000_000),
        "connections",
        0,
        "Connections at a time. 0 derives the cap from the limit on open files.",
    ),
    number(
        "drain_ms",
        (0, 600_000),
        MS,
        5_000,
        "From SIGTERM to the end: clients are told to come back, each is closed at a moment of \
         its own within this time.",
    ),
    truth(
        "demo",
        "Whether a page that shows the protocol at work stands at `/`. Whoever opens it brings a \
         token; with `gate.origins` its own origin must be among them.",
    ),
    number(
        "auth.deadline_ms",
        (20, 600_000),
        MS,
        10_000,
        "From the open WebSocket to the verdict on its first message. The protocol promises \
         10000 to clients; less draws a warning.",
    ),
    number(
        "auth.session_age_ms",
        (0, 31_536_000_000),
        MS,
        0,
        "How long a session may last, up to a tenth less, however often it refreshes its token: \
         its client is then told to come back. 0 is for ever.",
    ),
];

const REST: &[Key] = &[
    number(
        "heartbeat.interval_ms",
        (20, 3_600_000),
        MS,
        25_000,
        "Between two Pings of the server, give or take a tenth. Keep it below the idle timeout of \
         proxies.",
    ),
    number(
        "heartbeat.timeout_ms",
        (20, 3_600_000),
        MS,
        10_000,
        "How long after a Ping something must have come in, or the line counts as dead.",
    ),
    number(
        "gate.places",
        (1, 1_000_000),
        "sockets",
        1_024,
        "Sockets that may wait for their verdict at a time. When all are taken, a newcomer pushes \
         out the oldest of the address that holds most.",
    ),
    number(
        "gate.hard_places",
        (1, 2_000_000),
        "sockets",
        2_048,
        "The same with those that are being closed; more than `places`. Over it the answer is 503.",
    ),
    number(
        "gate.share",
        (1, 1_000_000),
        "sockets",
        32,
        "The fair share of one address (IPv6: of a /64, and four times that for a /48), once half \
         of the places are taken.",
    ),
    number(
        "gate.accepts_per_s",
        (1, 1_000_000),
        "sockets a second",
        5_000,
        "How fast sockets are accepted; above it the kernel lets them wait.",
    ),
    text(
        "gate.origins.#",
        Unset::Empty { example: "\"https://app.example\"" },
        "The origins that browsers may connect from, exactly as they send them. Empty lets all \
         in; clients that send none always pass; \"null\" must be listed.",
    ),
    text(
        "gate.trusted_proxies.#",
        Unset::Empty { example: "\"10.0.0.0/8\"" },
        "The networks or addresses of your proxies, and of nobody else: whoever connects from \
         there is believed when it says whose connection it passes on.",
    ),
    words(
        "gate.forwarded",
        proxies::SOURCE_WORDS,
        Unset::Text("x-forwarded-for"),
        "Where they say it. One is believed, never several.",
    ),
    number(
        "limits.message_bytes",
        (256, 16_777_216),
        "bytes",
        65_536,
        "The largest message of a client, the whole frame counted.",
    ),
    number(
        "limits.messages_per_s",
        (1, 1_000_000),
        "messages a second",
        10,
        "How fast one connection may publish.",
    ),
    number(
        "limits.burst",
        (1, 1_000_000),
        "messages",
        20,
        "How many it may publish at once before that rate holds.",
    ),
    number(
        "limits.rooms",
        (1, 100_000),
        "rooms of a connection",
        128,
        "How many rooms one connection may be in.",
    ),
    number(
        "limits.outbox_bytes",
        (4_096, 1_073_741_824),
        "bytes",
        1_048_576,
        "What may wait to be sent to one connection. Who reads more slowly catches up from the \
         history of the room, or is closed (4420) where that no longer reaches back.",
    ),
    number(
        "limits.connections_per_user",
        (1, 1_000_000),
        "connections",
        32,
        "Connections of one user at a time.",
    ),
    words(
        "limits.on_user_limit",
        &[
            ("refuse", "the new connection is closed (4430)"),
            ("replace_oldest", "the oldest one is closed (4423) and makes room"),
        ],
        Unset::Text("refuse"),
        "What happens over that cap.",
    ),
];

/// What follows the rooms.
const END: &[Key] = &[
    text(
        "admin.listen",
        nothing("off", "\"unix:vestibule.sock\""),
        "Where `/metrics` and a page for people are served, apart from the public port: a unix \
         socket (`unix:` and a path, relative to the configuration file), which only the user of \
         the server may open, or a loopback address with a port.",
    ),
    text(
        "admin.key",
        nothing("a port needs a key; a socket has the mode of its file", ADMIN_KEY),
        "The key that opens it (`Authorization: Bearer`): 16 to 1024 visible characters of ASCII. \
         A file keeps it out of this one.",
    ),
    text(
        "admin.key_file",
        nothing("see `admin.key`", "\"admin-key\""),
        "The same from a file, relative to the configuration file; one final newline is not part \
         of it. `vestibule keygen --out admin-key` makes one.",
    ),
    words(
        "log.level",
        &[
            ("error", "what went wrong on our side"),
            ("warn", "and what an operator should look at"),
            ("info", "and the life of the server"),
            ("debug", "and the life of each connection"),
            ("trace", "and every step; never payloads or tokens"),
        ],
        Unset::Text("info"),
        "The least important lines that are written.",
    ),
    words(
        "log.format",
        &[
            ("auto", "text on a terminal, JSON elsewhere"),
            ("text", "for people"),
            ("json", "one object a line"),
        ],
        Unset::Text("auto"),
        "The form of the log, on standard error.",
    ),
];

const ADMIN_KEY: &str = "\"at-least-16-characters-of-randomness\"";
